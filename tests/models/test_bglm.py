"""BGLM against an independent computation, for one, two and three outcomes."""

import numpy as np
import pandas as pd
import pytest

import bmco_pymc as bmco
from bmco_pymc import patterns

pytestmark = pytest.mark.samples


def table(K, seed=8):
    """Correlated outcomes with different rates; the treatment helps one and harms another."""
    rng = np.random.default_rng(seed)
    n = 160
    arm = np.repeat([0, 1], n // 2)
    shared = rng.normal(size=n)
    rates = np.array([[0.3, 0.6, 0.45], [0.5, 0.45, 0.55]])[:, :K]
    latent = 0.6 * shared[:, None] + 0.8 * rng.normal(size=(n, K))
    from scipy.stats import norm

    y = (latent < norm.ppf(rates[arm])).astype(int)
    frame = pd.DataFrame(y, columns=[f"y{k}" for k in range(K)])
    return frame.assign(arm=np.where(arm, "new", "old"))


@pytest.mark.slow
@pytest.mark.parametrize("K", [1, 2, 3])
def test_against_reweighted_dirichlet_draws(K):
    """Without covariates each group's φ is free: the posterior is a Dirichlet with other priors."""
    frame = table(K)
    study = bmco.Study(frame, [f"y{k}" for k in range(K)], "arm", "old", "new")
    prior = bmco.Normal([-0.4, 0.6], covariance=[[1.5, -0.5], [-0.5, 2.0]])
    model = bmco.BGLM(study).with_priors(beta=prior, contrasts="reference")
    assert model.terms.fixed == ("Intercept", "arm")
    fit = model.fit(seed=K, progress=False)
    effect = fit.effect()

    rng = np.random.default_rng(100 + K)
    n = 400_000
    phi = np.stack([rng.dirichlet(1 + s, n) for s in model.cells.counts], axis=1)  # flat prior
    eta = np.log(phi[:, :, :-1] / phi[:, :, -1:])  # (n, 2, L)
    beta = np.stack([eta[:, 0], eta[:, 1] - eta[:, 0]], axis=2)  # (n, L, 2)
    gap = beta - np.array([-0.4, 0.6])
    precision = np.linalg.inv(np.array([[1.5, -0.5], [-0.5, 2.0]]))
    log_weight = -0.5 * np.einsum("nla,ab,nlb->n", gap, precision, gap)
    log_weight -= np.log(phi).sum(axis=(1, 2))  # |d eta / d phi| of both groups
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    ess = 1 / (weight**2).sum()
    assert ess > 5_000

    bits = patterns.bits(K)
    theta = phi @ bits  # (n, 2, K)
    delta = theta[:, 1] - theta[:, 0]
    table_ = effect.summary()
    for k in range(K):
        for g, label in enumerate(study.group_labels):
            ours = table_.loc[f"theta[{label}, y{k}]"]
            mean = weight @ theta[:, g, k]
            sd = np.sqrt(weight @ (theta[:, g, k] - mean) ** 2)
            error = np.hypot(ours["mcse"], sd / np.sqrt(ess))
            assert abs(ours["mean"] - mean) < 4 * error
            assert ours["sd"] == pytest.approx(sd, rel=4 / np.sqrt(2 * ours["ess_tail"]) + 0.02)
    decision = effect.decide("all")
    p = weight @ (delta > 0).all(axis=1)
    error = np.hypot(decision.mcse, np.sqrt(p * (1 - p) / ess))
    assert abs(decision.probability - p) < 4 * error


def carried(a, b):
    """Coefficients of (1, arm, x, arm:x) when x is replaced by a + b x."""
    return np.array([[1, 0, -a / b, 0], [0, 1, 0, -a / b], [0, 0, 1 / b, 0], [0, 0, 0, 1 / b]])


@pytest.mark.slow
@pytest.mark.parametrize(("a", "b"), [(500.0, 150.0), (-3e5, 2e4), (0.02, 1e-6), (2005.0, -3.0)])
def test_moving_the_covariate_with_its_prior_changes_nothing(trial_fit, a, b):
    T = carried(a, b)
    moved = bmco.load_trial().assign(x=lambda d: a + b * d["x"])
    study = bmco.Study(moved, ["y1", "y2"], "arm", "ctl", "trt")
    model = bmco.BGLM(study, "arm * x").with_priors(
        beta=bmco.Normal(np.zeros(4), covariance=T @ (10 * np.eye(4)) @ T.T),
        contrasts="reference",
    )
    fit = model.fit(seed=4, progress=False)
    assert fit.diagnostics.ok
    low, high = sorted([a + b * -0.5, a + b * 1.0])
    for there, here in (
        (bmco.Empirical(), bmco.Empirical()),
        (bmco.Value(0.8), bmco.Value(a + b * 0.8)),
        (bmco.Analytical(-0.5, 1), bmco.Analytical(low, high)),
    ):
        one, two = trial_fit.effect(there).summary(), fit.effect(here).summary()
        error = np.hypot(one["mcse"], two["mcse"])
        assert (abs(one["mean"] - two["mean"]) < 4 * error).all()
        assert float(error.max()) < 0.002
    raw = T @ trial_fit.idata["posterior"]["beta"].mean(("chain", "draw")).values
    ours = fit.idata["posterior"]["beta"]
    sd = ours.std(("chain", "draw"))
    assert (abs(ours.mean(("chain", "draw")) - raw) / sd < 0.15).all()


def test_same_seed_same_draws(trial_model, trial_fit):
    again = trial_model.fit(draws=500, tune=500, seed=9, cores=1, progress=False)
    twice = trial_model.fit(draws=500, tune=500, seed=9, cores=2, progress=False)
    assert np.array_equal(again.idata["posterior"]["beta"], twice.idata["posterior"]["beta"])


@pytest.mark.filterwarnings("ignore::bmco_pymc.ConvergenceWarning")
@pytest.mark.parametrize("chains", [1, 4])
def test_a_single_draw_decides_nothing(trial_model, chains):
    fit = trial_model.fit(draws=1, tune=20, chains=chains, seed=1, progress=False)
    effect = fit.effect()
    decision = effect.decide("any", "two-sided")
    assert decision.verdict == "cannot be judged"
    assert "largest marginal probability" in str(decision)
    assert ": cannot be judged (" in effect.report("any").paragraph


@pytest.mark.filterwarnings("ignore::bmco_pymc.ConvergenceWarning")
def test_what_needs_more_draws_or_chains_says_so(trial_study):
    few = bmco.BMVB(trial_study).fit(draws=6, chains=4, seed=1)
    for verb in (few.loo, few.sensitivity):
        with pytest.raises(bmco.InputError, match="fit='24 draws in all'.* needs 25 draws"):
            verb()
    enough = few.update(draws=25, chains=1)
    assert enough.loo().n_samples == 25
    assert np.isfinite(enough.sensitivity().table["delta"]).all()
    with pytest.raises(bmco.InputError, match="fit='1 chain': ranks tell chains apart"):
        enough.plot_rank()
    assert np.isnan(few.update(draws=1, chains=1).effect().summary()["sd"]).all()
