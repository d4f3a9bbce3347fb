"""The neutral prior: what it implies for θ and δ, its symmetries, its independence of units."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bmco_pymc as bmco
from bmco_pymc import patterns
from bmco_pymc.models.prior_draws import draw_prior
from bmco_pymc.posterior.density import log_prior
from bmco_pymc.priors.contrasts import logits_of
from bmco_pymc.priors.neutral import LOGIT_SD, inverse

pytestmark = pytest.mark.samples

RARE = 1e-4  # of a p-value: the seeds are fixed


def anything(value: Any) -> Any:
    """Hide a value's type: users of notebooks have no type checker."""
    return value


def study_of(n_outcomes: int, seed: int = 0) -> bmco.Study:
    """Return a study with a covariate far from zero."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.integers(0, 2, (90, n_outcomes))).add_prefix("y")
    table["arm"] = ["a", "b"] * 45
    table["age"] = rng.normal(500, 150, 90)
    table["site"] = np.arange(90) % 9
    outcomes = [f"y{k}" for k in range(n_outcomes)]
    return bmco.Study(table, outcomes, "arm", "a", "b", cluster="site")


@pytest.mark.parametrize("n_outcomes", [1, 2, 3, 4])
def test_theta_has_the_moments_of_a_uniform(n_outcomes):
    model = bmco.BGLM(study_of(n_outcomes))
    effect = model.prior_effect(seed=1, draws=8000)
    theta = effect.theta.values.reshape(8000, -1)
    for draws in theta.T:
        away = (draws - 0.5) ** 2
        assert abs(draws.mean() - 0.5) < 4 * draws.std() / np.sqrt(8000)
        # 0.005: LOGIT_SD is rounded to 0.005, and the variance of θ grows by about its share
        assert abs(away.mean() - 1 / 12) < 4 * away.std() / np.sqrt(8000) + 0.0005
    # no quantile is farther from the uniform's than 0.02, Monte Carlo error included
    levels = np.linspace(0.05, 0.95, 19)
    found = np.quantile(theta, levels, axis=0)
    assert np.abs(found - levels[:, None]).max() < 0.02 + 4 * np.sqrt(0.25 / 8000)
    control, treatment = effect.theta.values[0, :, 0, 0], effect.theta.values[0, :, 1, 0]
    assert abs(stats.spearmanr(control, treatment).statistic) < 4 / np.sqrt(8000)


def worst_p_value(effect: Any, again: Any) -> float:
    """Compare the distributions of θ and 1 − θ, of both groups, and of δ and −δ."""
    first, second = effect.theta.values[0], again.theta.values[0]  # (S, 2, K)
    pairs = [(first[:, g, k], 1 - second[:, g, k]) for g in (0, 1) for k in (0, 1)]
    pairs += [(first[:, 0, k], second[:, 1, k]) for k in (0, 1)]
    pairs += [(first[:, 0, 0], second[:, 0, 1])]
    pairs += [(effect.delta.values[0, :, k], -again.delta.values[0, :, k]) for k in (0, 1)]
    return min(stats.ks_2samp(*pair).pvalue for pair in pairs)


@pytest.mark.parametrize("clusters", ["observed", "new"])
def test_success_and_failure_and_groups_and_outcomes_are_alike(clusters):
    model = bmco.BGLMM(study_of(2), "arm * age", "1 + arm")
    draws = 3000 if clusters == "observed" else 1500
    plan: dict[str, Any] = {"draws": draws, "clusters": clusters}
    assert worst_p_value(*(model.prior_effect(seed=s, **plan) for s in (1, 2))) > RARE
    if clusters == "observed":  # and the test would see it if they were not: bmco's prior
        theirs = replace(model, priors=bmco.Priors.bmco())
        assert worst_p_value(*(theirs.prior_effect(seed=s, **plan) for s in (1, 2))) < RARE


@pytest.mark.parametrize("n_outcomes", [1, 2, 3])
def test_the_contrasts_have_equal_correlations(n_outcomes):
    Q = 2**n_outcomes
    T = logits_of("symmetric", Q)
    np.testing.assert_allclose(T @ T.T, (np.eye(Q - 1) + 1) / 2, atol=1e-12)
    np.testing.assert_array_equal(logits_of("reference", Q), np.eye(Q - 1))


def relabelled(n_outcomes: int, order: np.ndarray) -> np.ndarray:
    """Return the matrix that gives the logits when the patterns are put in another order."""
    Q = 2**n_outcomes
    scores = np.vstack([np.eye(Q - 1), np.zeros(Q - 1)])[order]  # (Q, L)
    return scores[:-1] - scores[-1]


def test_any_pattern_may_be_the_reference():
    model = bmco.BGLM(study_of(2), "arm * age")
    beta = draw_prior(model, 20, np.random.default_rng(1))["beta"]
    before = log_prior(model, {"beta": beta})["beta"]
    for order in ([1, 2, 3, 0], [3, 2, 1, 0], [0, 3, 1, 2]):
        after = log_prior(model, {"beta": beta @ relabelled(2, np.array(order)).T})["beta"]
        np.testing.assert_allclose(after, before)
    plain = replace(model, priors=model.priors.replace(contrasts="reference"))
    assert not np.allclose(log_prior(plain, {"beta": beta})["beta"], before)


def test_the_covariance_between_clusters_knows_no_success_or_failure():
    model = bmco.BGLMM(study_of(2), "arm * age", "1 + arm")
    Sigma = draw_prior(model, 20, np.random.default_rng(1))["Sigma"].reshape(20, 6, 6)
    bits = patterns.bits(2)
    draws = draw_prior(model, 20, np.random.default_rng(1))

    def density(values: np.ndarray) -> np.ndarray:
        return log_prior(model, {**draws, "Sigma": values.reshape(20, 3, 2, 3, 2)})["Sigma"]

    changes = [np.abs(bits - [1, 0]), np.abs(bits - [1, 1]), bits[:, ::-1]]  # flip, flip both, swap
    for new in changes:
        order = np.array([int(np.flatnonzero((bits == row).all(axis=1))[0]) for row in new])
        M = np.kron(relabelled(2, order), np.eye(2))
        np.testing.assert_allclose(density(M @ Sigma @ M.T), density(Sigma), rtol=1e-8)
    # the groups change places: Intercept + arm becomes the control's
    turn = np.kron(np.eye(3), [[1, 1], [0, -1]])
    np.testing.assert_allclose(density(turn @ Sigma @ turn.T), density(Sigma), rtol=1e-8)


def test_units_and_centring_do_not_matter():
    study = study_of(2)
    data = study.data.assign(age=(study.data["age"] - 510) / 1e4)
    moved = bmco.Study(data, list(study.outcomes), "arm", "a", "b", cluster="site")
    one, two = (
        bmco.Priors.recommended(bmco.BGLM(s, "arm * age")).coefficients(
            ["Intercept", "arm", "age", "arm:age"]
        )[1]
        for s in (study, moved)
    )
    # age = 510 + 1e4 x: the intercept takes 510 slopes up, and a slope of x is 1e4 of age's
    A = np.array([[1, 0, 510, 0], [0, 1, 0, 510], [0, 0, 1e4, 0], [0, 0, 0, 1e4]])
    np.testing.assert_allclose(two, A @ one @ A.T, rtol=1e-6, atol=1e-6)


def test_it_says_what_the_formula_says():
    """One centred covariate of SD 1: four independent, known variances."""
    x = np.tile([-1.0, 1.0], 40)
    table = pd.DataFrame({"x": x, "arm": np.repeat(["a", "b"], 40), "y": np.tile([0, 1, 1, 0], 20)})
    study = bmco.Study(table, "y", "arm", "a", "b")
    priors = bmco.Priors.recommended(study, "arm * x")
    V = priors.coefficients(["Intercept", "arm", "x", "arm:x"])[1]
    s = LOGIT_SD[0]
    centre = np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0.5], [0, 0, 0, 1]])
    expected = np.diag([s**2 / 2, 2 * s**2, s**2 / 4, s**2 / 4])
    np.testing.assert_allclose(centre @ V @ centre.T, expected, atol=1e-9)


def test_fixed_and_random_terms_share_one_prior():
    """What is fixed and what is random does not change the prior of the means."""
    study = study_of(2)
    flat = bmco.Priors.recommended(study, "arm * age")
    mixed = bmco.Priors.recommended(study, "arm * age", "1 + arm")
    V = flat.coefficients(["Intercept", "arm", "age", "arm:age"])[1]
    order = [2, 3, 0, 1]
    found = mixed.coefficients(["age", "arm:age"], ["Intercept", "arm"])[1]
    np.testing.assert_allclose(found, V[np.ix_(order, order)])
    model = bmco.BGLMM(study, "arm * age", "1 + arm")
    draws = draw_prior(model, 20000, np.random.default_rng(5))
    both = np.concatenate([draws["beta"], draws["gamma"]], axis=1)[:, :, 1]
    scale = np.sqrt(np.outer(np.diag(found), np.diag(found)))
    assert (np.abs(np.cov(both.T) - found) / scale).max() < 4 * np.sqrt(2 / 20000)
    other = np.concatenate([draws["beta"], draws["gamma"]], axis=1)[:, :, 2]
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(both.T, other.T, strict=True)]
    assert np.abs(np.array(r) - 0.5).max() < 4 * 0.75 / np.sqrt(20000)


def test_new_priors_of_one_field_leave_no_covariance_behind():
    both = bmco.Priors.bmco().replace(cross=[[1.0], [2.0]])
    assert both.replace(Sigma=bmco.LKJ(3, joint=True)).cross is both.cross
    assert both.replace(gamma=bmco.Normal(0, sd=1)).cross is None
    assert "beta with gamma" in both.describe(["beta", "gamma", "Sigma"])


def test_bmvb_needs_nothing_else(trial_study):
    priors = bmco.Priors.recommended(bmco.BMVB(trial_study))
    parts = priors.phi.components("phi", list("abcd"))
    assert [alphas.tolist() for _, alphas in parts] == [[[0.5] * 4]] * 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda s: bmco.Priors(contrasts="sum"), "contrasts='sum'.*'reference', 'symmetric'"),
        (lambda s: bmco.Priors.recommended(anything(3)), "must be a Study or a model"),
        (lambda s: bmco.Priors.recommended(bmco.BGLM(s), "arm"), "has its formulas already"),
        (
            lambda s: bmco.Priors.recommended(s, "arm + age + I(age * 2)"),
            "cannot be told apart",
        ),
        (lambda s: bmco.Priors(cross=[[9.0]]), "cross=.*give the priors of these two"),
        (
            lambda s: bmco.BGLMM(s).with_priors(bmco.Priors.bmco(), cross=np.ones((2, 2))),
            "cross=.*fixed by random terms",
        ),
    ],
)
def test_what_cannot_be_a_prior(make, words):
    with pytest.raises(bmco.InputError, match=words):
        make(study_of(2))


def odd(fixed: str, random: str | None = None, **columns: Any) -> Any:
    """Return a model of 400 subjects with these covariates."""
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"arm": np.arange(400) % 2, "y1": rng.integers(0, 2, 400), **columns})
    table["y2"] = rng.integers(0, 2, 400)
    counts = "n" if "n" in columns else None
    if random is None:
        return bmco.BGLM(bmco.Study(table, ["y1", "y2"], "arm", 0, 1, counts=counts), fixed)
    study = bmco.Study(table, ["y1", "y2"], "arm", 0, 1, cluster="site")
    return bmco.BGLMM(study, fixed, random)


Z = np.random.default_rng(1).normal(size=400)
FEW = np.random.default_rng(2).integers(0, 5, 400)
ODD: dict[str, dict[str, Any]] = {
    "tiny": {"fixed": "arm * x", "x": 4e-6 + 1e-6 * Z},
    "far smaller": {"fixed": "arm * x", "x": 1e-90 * Z},
    "year, random": {"fixed": "arm * x", "random": "1 + x", "x": 2015 + 3 * Z, "site": FEW},
    "seconds since 1970": {"fixed": "arm * x", "x": 1.7e9 + 2.5e4 * Z},
    "a parabola far away": {"fixed": "arm * (x + I(x**2))", "x": 37 + 0.6 * Z},
    "as many levels as a tenth of the subjects": {"fixed": "arm + C(x)", "x": np.arange(400) // 10},
    "a category without a treated subject": {
        "fixed": "arm + C(x)",
        "x": np.where((np.arange(400) % 2 == 1) & (FEW == 3), 2, FEW),
    },
    "sites and slopes within them": {"fixed": "arm + x", "random": "1", "x": Z, "site": FEW},
    "counts of 1e9": {"fixed": "arm * x", "x": FEW > 2, "n": np.full(400, 10**9)},
    "no intercept": {"fixed": "0 + C(x) + arm", "x": FEW},
}


@pytest.mark.parametrize("name", ODD)
def test_neutral_and_finite_for_what_strangers_have(name):
    model = odd(**ODD[name])
    clusters = {"clusters": "observed"} if model.terms.random else {}
    theta = model.prior_effect(seed=1, draws=2000, **clusters).theta.values.reshape(-1)
    extreme = ((theta < 0.05) | (theta > 0.95)).mean()
    # covariates and clusters pull the averages in a little: SD .23 to .29, a uniform's is .289
    assert abs(theta.mean() - 0.5) < 0.02
    assert 0.22 < theta.std() < 0.3
    assert 0.01 < extreme < 0.11
    mean, V = model.priors.coefficients(model.terms.fixed, model.terms.random)
    assert np.isfinite(V).all()
    assert not mean.any()


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (
            {"fixed": "arm + a + b + c", "a": Z, "b": Z**2, "c": Z - 2 * Z**2},
            "'a', 'b', 'c' cannot be told apart",
        ),
        (
            {"fixed": "arm + a + b + w", "a": Z, "b": 3 * Z + 1, "w": Z**2},
            "'a', 'b' cannot be told apart",
        ),
        (
            {"fixed": "arm", "random": "1 + a + b", "a": Z, "b": 2 * Z, "site": FEW},
            "'a', 'b' cannot be told apart",
        ),
        ({"fixed": "arm + x", "x": 1e9 + Z}, "'Intercept', 'x'.*centre a covariate"),
    ],
)
def test_terms_that_cannot_have_it_are_named(case, words):
    with pytest.raises(bmco.InputError, match=words):
        odd(**case)


@pytest.mark.parametrize("unit", [1e200, 1e-200])
def test_a_unit_beyond_all_numbers_is_named(unit):
    """Its prior variance would be 0 or infinite."""
    rows = np.array([[1.0, unit], [0.0, unit]])
    with pytest.raises(bmco.InputError, match=r"fixed=\['x'\]: a prior variance of this scale"):
        inverse(rows, ["Intercept", "x"])
