"""The sampled density is exactly the model's: textbook density times Jacobian, and its gradient.

Nothing here samples: the PyMC log-density of unconstrained values is compared with the textbook
density of (beta, gamma, Sigma, gamma_j) on the raw scale, plus the log Jacobian of the map between
the two, taken numerically.
"""

import numpy as np
import pytest
from densities import BASIS, Map, free_parameters, make, symmetric, textbook
from scipy import stats
from scipy.linalg import block_diag

import bmco_pymc as bmco

pytestmark = pytest.mark.samples

CASES = {
    "inverse-Wishart": (bmco.InverseWishart(2.7, [[0.3, 0.1], [0.1, 0.5]]), "1 + arm", 2),
    "LKJ": (bmco.LKJ(1.7, sd=bmco.Exponential(0.8)), "1 + arm", 2),
    "joint LKJ": (bmco.LKJ(1.7, sd=bmco.HalfStudentT(4, 0.8), joint=True), "1 + arm", 1),
}


@pytest.mark.parametrize("joint", [True, False])
def test_density_of_symmetric_contrasts(joint):
    """Up to a constant: the prior as `log_density` has it, the clusters, the data, the Jacobian.

    A Sigma for each logit is about the logits themselves, whatever the coefficients' contrasts.
    """
    from bmco_pymc.posterior.density import log_likelihood, log_prior
    from bmco_pymc.priors.contrasts import logits_of

    mapped = Map(symmetric(joint))
    model, rng, constants = mapped.model, np.random.default_rng(0), []
    outer = np.kron(logits_of("symmetric", 4), np.eye(2)) if joint else np.eye(6)
    inner = np.linalg.inv(outer @ np.kron(np.eye(3), BASIS))
    for _ in range(3):
        x = rng.normal(0, 0.7, mapped.size)
        raw = mapped.raw(x)
        step, columns = 1e-5, []
        for e in step * np.eye(mapped.size):
            up, down = (free_parameters(mapped.raw(x + s * e)) for s in (1, -1))
            columns.append((up - down) / (2 * step))
        one = {name: values[None] for name, values in raw.items()}
        total = sum(float(part[0]) for part in log_prior(model, one).values())
        Sigma = raw["Sigma"].reshape(6, 6) if joint else block_diag(*raw["Sigma"])
        # the prior is a density of SDs and correlations of the inner covariance, not of Sigma
        sd = np.sqrt(np.diag(inner @ Sigma @ inner.T))
        total -= (6 if joint else 2) * np.log(sd).sum()  # as many as rows of one block
        u = np.moveaxis(raw["gamma_cluster"] - raw["gamma"], 2, 1).reshape(-1, 6)
        total += stats.multivariate_normal(np.zeros(6), Sigma).logpdf(u).sum()
        total += float(log_likelihood(model, one)[0]) + np.linalg.slogdet(np.array(columns))[1]
        constants.append(mapped.logp(x) - total)
    assert np.ptp(constants) < 4e-5


@pytest.fixture(scope="module", params=CASES)
def mapped(request):
    return Map(make(*CASES[request.param]))


def test_density_is_the_textbook_one(mapped):
    rng = np.random.default_rng(0)
    for _ in range(2):
        x = rng.normal(0, 0.7, mapped.size)
        step = 1e-5
        jacobian = np.empty((mapped.size, mapped.size))
        for i in range(mapped.size):
            e = np.zeros(mapped.size)
            e[i] = step
            up, down = (free_parameters(mapped.raw(x + s * e)) for s in (1, -1))
            jacobian[:, i] = (up - down) / (2 * step)
        expected = textbook(mapped.model, mapped.raw(x)) + np.linalg.slogdet(jacobian)[1]
        # finite differences of some 50 columns: 1e-6 of a log-density of about -100
        assert mapped.logp(x) == pytest.approx(expected, abs=2e-5)


def test_gradient(mapped):
    rng = np.random.default_rng(1)
    x = rng.normal(0, 0.7, mapped.size)
    gradient = mapped.gradient(x)
    step = 1e-6
    for i in range(mapped.size):
        e = np.zeros(mapped.size)
        e[i] = step
        numeric = (mapped.logp(x + e) - mapped.logp(x - e)) / (2 * step)
        assert gradient[i] == pytest.approx(numeric, rel=1e-5, abs=1e-6)


def test_starting_point_goes_there_and_back(mapped):
    """forward and backward of the clusters' transform are inverses."""
    import pytensor
    import pytensor.tensor as pt

    from bmco_pymc.models.centring import DataCentring

    rng = np.random.default_rng(2)
    data = mapped.model.data
    B, d, J = data["off"].shape
    zeta = rng.normal(size=(B, d, J))
    coef = rng.normal(size=data["lin"].shape[:2])
    root = np.tril(rng.normal(size=(B, d, d)))
    value = pt.dtensor3("value")
    inputs = [pt.as_tensor(a) for a in (coef, root, data["info"], data["lin"], data["off"])]
    transform = DataCentring()
    there = transform.forward(value, *inputs)
    back = pytensor.function([value], transform.backward(there, *inputs), mode="FAST_COMPILE")
    assert back(zeta) == pytest.approx(zeta, abs=1e-9)
