"""Prior draws of the clusters' covariance have the distribution that the prior names."""

import numpy as np
import pytest
from scipy import stats

import bmco_pymc as bmco

pytestmark = pytest.mark.samples  # compiles

BLOCKS = 20_000  # independent covariance matrices in one draw
LEVEL = 1e-4  # of each Kolmogorov-Smirnov test; seeds are fixed


def draw_Sigma(prior, terms, d, seed):
    """Return (BLOCKS, d, d) covariances drawn from a prior by forward sampling."""
    import pymc as pm

    from bmco_pymc.models import covariance
    from bmco_pymc.models.spread import spread_data

    spread = spread_data(prior, terms)
    with pm.Model():
        hyper = {name: pm.Data(name, value) for name, value in spread.hyper.items()}
        root = covariance.root(prior, hyper, BLOCKS, d)
        R = pm.draw(root, random_seed=seed, mode="FAST_COMPILE")
    if d == len(terms):
        R = spread.basis @ R
    return R @ np.swapaxes(R, 1, 2)


@pytest.mark.parametrize("nu", [2, 2.7, 7])
def test_inverse_wishart(nu):
    scale = np.array([[0.3, 0.12], [0.12, 0.2]])
    ours = draw_Sigma(bmco.InverseWishart(nu, scale), ("a", "b"), 2, seed=11)
    theirs = stats.invwishart(nu, scale).rvs(BLOCKS, random_state=12)
    for summary in (
        lambda S: S[:, 0, 0],
        lambda S: S[:, 1, 1],
        lambda S: S[:, 0, 1],
        lambda S: S[:, 0, 1] / np.sqrt(S[:, 0, 0] * S[:, 1, 1]),
        lambda S: np.linalg.slogdet(S)[1],
        lambda S: S[:, 0, 0] - 1.3 * S[:, 0, 1] + 0.4 * S[:, 1, 1],
    ):
        assert stats.ks_2samp(summary(ours), summary(theirs)).pvalue > LEVEL
    for k in range(2):  # each variance is inverse gamma, exactly
        exact = stats.invgamma((nu - 1) / 2, scale=scale[k, k] / 2)
        assert stats.kstest(ours[:, k, k], exact.cdf).pvalue > LEVEL


def test_inverse_wishart_of_one_term():
    ours = draw_Sigma(bmco.InverseWishart(1.5, 0.4), ("a",), 1, seed=3)[:, 0, 0]
    assert stats.kstest(ours, stats.invgamma(0.75, scale=0.2).cdf).pvalue > LEVEL


@pytest.mark.parametrize(
    ("sd", "cdf"),
    [
        (bmco.HalfNormal(0.7), stats.halfnorm(scale=0.7).cdf),
        (bmco.Exponential(0.4), stats.expon(scale=0.4).cdf),
        (bmco.HalfStudentT(4, 0.6), lambda x: 2 * stats.t(4, scale=0.6).cdf(x) - 1),
    ],
)
@pytest.mark.parametrize(("d", "joint"), [(2, False), (3, False), (6, True)])
def test_lkj(sd, cdf, d, joint):
    eta = 1.4
    terms = ("a", "b") if joint else tuple("abc"[:d])
    ours = draw_Sigma(bmco.LKJ(eta, sd=sd, joint=joint), terms, d, seed=21)
    each = np.sqrt(np.einsum("bii->bi", ours))
    shape = eta - 1 + d / 2  # each correlation is Beta(shape, shape) on (-1, 1)
    beta = stats.beta(shape, shape, loc=-1, scale=2)
    for i in range(d):
        assert stats.kstest(each[:, i], cdf).pvalue > LEVEL
        for j in range(i):
            r = ours[:, i, j] / (each[:, i] * each[:, j])
            assert stats.kstest(r, beta.cdf).pvalue > LEVEL
    # the joint density is |R|^(eta - 1): |R| is a product of independent Betas
    logdet = np.linalg.slogdet(ours)[1] - 2 * np.log(each).sum(axis=1)
    rng = np.random.default_rng(5)
    expected = np.zeros(BLOCKS)
    for column in range(d - 1):
        b = eta + (d - 2 - column) / 2
        for _ in range(d - 1 - column):
            expected += np.log1p(-((2 * rng.beta(b, b, BLOCKS) - 1) ** 2))
    assert stats.ks_2samp(logdet, expected).pvalue > LEVEL


def test_the_transform_of_an_sd_has_an_inverse():
    from bmco_pymc.models.covariance import BentLog

    transform, t = BentLog(0.7), np.array([-9.0, -2.0, -0.4, 0.0, 0.3, 2.0, 20.0])
    sd = transform.backward(t).eval()
    assert (np.diff(sd) > 0).all()
    assert transform.forward(sd).eval() == pytest.approx(t, abs=1e-9)
    e = 1e-6
    slope = (transform.backward(t + e) - transform.backward(t - e)).eval() / (2 * e)
    assert transform.log_jac_det(t).eval() == pytest.approx(np.log(slope), abs=1e-6)
