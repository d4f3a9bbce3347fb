"""Draws from the prior: the distributions that the priors name, and what they mean for θ."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from scipy.special import expit

import bmco_pymc as bmco
from bmco_pymc.effects import population_average
from bmco_pymc.models.prior_draws import bartlett, draw_prior, draw_root, lkj_factor

RARE = 1e-4  # the seeds are fixed: a test fails once in so many seeds, if all is right


def same_distribution(draws: Any, law: Any) -> None:
    """Compare independent draws with a distribution (Kolmogorov, Smirnov)."""
    assert stats.kstest(np.asarray(draws), law.cdf).pvalue > RARE


@pytest.mark.parametrize("nu", [1.3, 2.0, 5.5])
def test_the_inverse_wishart_is_exact_for_any_degrees_of_freedom(nu):
    scale = np.array([[2.0, 0.6], [0.6, 0.5]])
    prior = bmco.InverseWishart(nu, scale)
    root = draw_root(prior, ("a", "b"), 3, 4000, np.random.default_rng(1))
    Sigma = root @ root.mT  # (4000, 3, 2, 2)
    for logit in range(3):
        for k in range(2):
            law = stats.invgamma((nu - 1) / 2, scale=scale[k, k] / 2)
            same_distribution(Sigma[:, logit, k, k], law)
    # the part of the second that the first does not tell: nu degrees of freedom
    rest = Sigma[:, 0, 1, 1] - Sigma[:, 0, 0, 1] ** 2 / Sigma[:, 0, 0, 0]
    left = scale[1, 1] - scale[0, 1] ** 2 / scale[0, 0]
    same_distribution(rest, stats.invgamma(nu / 2, scale=left / 2))


def test_the_inverse_wishart_is_that_of_scipy():
    scale = np.array([[2.0, 0.6], [0.6, 0.5]])
    root = draw_root(bmco.InverseWishart(4, scale), ("a", "b"), 1, 4000, np.random.default_rng(2))
    ours = (root @ root.mT)[:, 0]
    theirs = stats.invwishart(4, scale).rvs(4000, random_state=3)
    for value in (lambda S: S[:, 0, 1], lambda S: S[:, 0, 1] / np.sqrt(S[:, 0, 0] * S[:, 1, 1])):
        assert stats.ks_2samp(value(ours), value(theirs)).pvalue > RARE


def test_bartlett_has_the_moments_of_the_wishart():
    A = bartlett(3.7, 3, (20000,), np.random.default_rng(4))
    W = A @ A.mT
    # mean nu I; variance nu off the diagonal and 2 nu on it
    error = np.sqrt(3.7 * (1 + np.eye(3)) / 20000)
    assert (np.abs(W.mean(axis=0) - 3.7 * np.eye(3)) < 4 * error).all()


@pytest.mark.parametrize(("eta", "d"), [(1.0, 2), (2.0, 3), (0.7, 4)])
def test_lkj_correlations_have_their_beta_distribution(eta, d):
    factor = lkj_factor(eta, d, (5000,), np.random.default_rng(5))
    R = factor @ factor.mT
    np.testing.assert_allclose(R[:, range(d), range(d)], 1)
    shape = eta - 1 + d / 2
    for i in range(d):
        for j in range(i):
            same_distribution((R[:, i, j] + 1) / 2, stats.beta(shape, shape))


@pytest.mark.parametrize(
    ("sd", "law"),
    [
        (bmco.HalfNormal(0.7), stats.halfnorm(scale=0.7)),
        (bmco.Exponential(0.4), stats.expon(scale=0.4)),
        (bmco.HalfStudentT(3, 0.5), None),
    ],
)
def test_standard_deviations_have_their_prior(sd, law):
    root = draw_root(bmco.LKJ(2, sd, joint=True), ("a", "b"), 3, 5000, np.random.default_rng(6))
    assert root.shape == (5000, 1, 6, 6)
    spread = np.sqrt(np.einsum("sbij,sbij->sbi", root, root))[:, 0, 4]
    if law is None:
        assert stats.kstest(spread, lambda x: 2 * stats.t(3).cdf(x / 0.5) - 1).pvalue > RARE
    else:
        same_distribution(spread, law)


def test_an_lkj_prior_in_a_basis(multisite_model):
    basis = np.array([[1.0, -0.5], [0.0, 1.0]])  # level and contrast of the groups
    prior = bmco.LKJ(2, bmco.HalfNormal(1), basis=basis)
    root = draw_root(prior, ("Intercept", "arm"), 3, 5000, np.random.default_rng(7))
    Sigma = root @ root.mT
    control = Sigma[:, 1, 0, 0]
    treatment = Sigma[:, 1].sum((1, 2))
    # the groups change places: the correlation of level and contrast changes its sign
    assert stats.ks_2samp(control, treatment).pvalue > RARE
    with pytest.raises(bmco.InputError, match="no inverse"):
        bmco.LKJ(2, basis=[[1, 1], [1, 1]])


def test_coefficients_have_their_mean_and_covariance(multisite_model):
    model = multisite_model.with_priors(
        beta=bmco.Normal([1, -2], covariance=[[2, 0.5], [0.5, 1]]), gamma=bmco.Normal(3, sd=[1, 2])
    )
    assert model.priors.contrasts == "reference"  # bmco's: independent logits
    found = draw_prior(model, 20000, np.random.default_rng(8))
    both = np.concatenate([found["beta"], found["gamma"]], axis=1)  # (S, 4, 3)
    V = np.zeros((4, 4))
    V[:2, :2], V[2:, 2:] = [[2, 0.5], [0.5, 1]], np.diag([1, 4])
    expected = np.kron(V, np.eye(3))
    sample = np.cov(both.reshape(20000, -1).T)
    error = np.sqrt((expected**2 + np.outer(np.diag(expected), np.diag(expected))) / 20000)
    assert (np.abs(sample - expected) < 4.5 * error).all()
    z = (both.mean(axis=0) - np.array([1, -2, 3, 3])[:, None]) / np.sqrt(np.diag(V) / 20000)[
        :, None
    ]
    assert (np.abs(z) < 4).all()


@pytest.mark.parametrize("joint", [False, True])
def test_clusters_are_normal_around_their_mean(multisite_model, joint):
    model = multisite_model.with_priors(Sigma=bmco.LKJ(2, joint=joint))
    found = draw_prior(model, 400, np.random.default_rng(9))
    away = (found["gamma_cluster"] - found["gamma"][:, None]).mT  # (S, J, L, p)
    S, J, L, p = away.shape
    if joint:
        Sigma = found["Sigma"].reshape(S, 1, L * p, L * p)
        away = away.reshape(S, J, 1, L * p)
    else:
        Sigma = found["Sigma"]
    distance = np.einsum("sjba,sbac,sjbc->sjb", away, np.linalg.inv(Sigma), away)
    same_distribution(distance.ravel(), stats.chi2(away.shape[-1]))


def test_the_default_of_bmvb_is_uniform_in_each_outcome(trial_study):
    effect = bmco.BMVB(trial_study).prior_effect(seed=1)
    for draws in effect.theta.values.reshape(-1, 4).T:
        same_distribution(draws, stats.uniform())
    same_distribution(effect.delta.values[0, :, 0], stats.triang(0.5, loc=-1, scale=2))


def one_outcome(clusters: bool) -> bmco.Study:
    arm = ["a", "b"] * 40
    table = pd.DataFrame({"arm": arm, "y": [0, 1, 1, 0] * 20, "site": [0, 1, 2, 3, 4] * 16})
    return bmco.Study(table, "y", "arm", "a", "b", cluster="site" if clusters else None)


def second_moment(variance: float) -> float:
    """Return E[θ²] for logit θ ~ N(0, variance), by quadrature."""
    sd = np.sqrt(variance)
    law = stats.norm(0, sd)
    return float(integrate.quad(lambda x: expit(x) ** 2 * law.pdf(x), -12 * sd, 12 * sd)[0])


def test_theta_of_a_regression_is_logistic_normal():
    model = bmco.BGLM(one_outcome(False), "arm", bmco.Priors.bmco())
    effect = model.prior_effect(seed=2, draws=8000)
    for group, variance in (("a", 10), ("b", 20)):
        square = effect.theta.sel(group=group).values.ravel() ** 2
        error = square.std() / np.sqrt(8000)
        assert abs(square.mean() - second_moment(variance)) < 4 * error


def test_theta_in_new_clusters_is_the_average_over_clusters():
    prior = {"gamma": bmco.Normal(0.5, sd=1), "Sigma": bmco.LKJ(1, bmco.HalfNormal(1.5))}
    model = bmco.BGLMM(one_outcome(True), "arm").with_priors(**prior)
    effect = model.prior_effect(seed=3, draws=2000)
    assert "new clusters" in effect.estimand
    rng = np.random.default_rng(1)
    sd = np.abs(1.5 * rng.standard_normal(20000))
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    logit = 0.5 + rng.standard_normal(20000)
    theta = expit(logit[:, None] + sd[:, None] * nodes) @ (weights / weights.sum())
    ours = effect.theta.sel(group="a").values.ravel()
    assert stats.ks_2samp(ours, theta).pvalue > RARE


def test_it_says_everywhere_that_it_is_the_prior(trial_study):
    effect = bmco.BMVB(trial_study).prior_effect(seed=1)
    assert str(effect).startswith("Prior of the effect of trt")
    assert "Under the prior alone, no outcome was used: success probability" in str(effect)
    assert "Under the prior alone" in effect._repr_html_()
    assert "this is the prior, not a result" in str(effect.decide("all"))
    assert str(effect.fit).startswith("BMVB prior of y1, y2")
    figure = bmco.plot_effect(effect)
    assert figure.get_suptitle().startswith("Prior of the differences")
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert "prior mean" in legend
    assert not any("posterior" in text for text in legend)


def test_the_seed_decides_and_is_kept(trial_study):
    model = bmco.BMVB(trial_study)
    first, again, other = (model.prior_effect(seed=s, draws=1500).delta for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert "seed" in model.prior_effect(draws=1500).fit.idata.attrs
    with pytest.raises(bmco.InputError, match="draws=0"):
        model.prior_effect(draws=0)


def test_bmcos_prior_of_the_school_study_is_far_from_neutral(schools_model):
    """Ability of about 50 points, with a slope of variance 10 for each."""
    theta = schools_model.prior_effect(seed=1, draws=1000, clusters="observed").theta.values
    extreme = ((theta < 0.05) | (theta > 0.95)).mean()
    assert 0.95 < extreme < 0.99


def test_a_prior_is_integrated_over_new_clusters_finely_enough(schools_model, monkeypatch):
    """bmco's prior of Σ has no mean: its widest draws are the hardest to integrate."""
    ours = schools_model.prior_effect(seed=1, draws=1000, clusters="new").delta
    monkeypatch.setattr(population_average, "PRIOR_NODES", 2**16)
    finely = schools_model.prior_effect(seed=1, draws=1000, clusters="new").delta
    error = ours - finely
    monte_carlo = float(finely.std()) / np.sqrt(4000)  # of a mean of the default number of draws
    assert float(abs(error).max()) < monte_carlo
    assert float(np.sqrt((error**2).mean())) < 0.05 * monte_carlo
