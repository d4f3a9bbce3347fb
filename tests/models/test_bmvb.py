"""BMVB: exact draws against closed form, quadrature, and NUTS on the PyMC model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

import bmco_pymc as bmco

ALPHA = ([0.7, 1.2, 0.4, 2.0], [1.5, 0.3, 0.9, 0.6])


@pytest.fixture(scope="module")
def model(trial_study):
    return bmco.BMVB(trial_study).with_priors(phi=bmco.Dirichlet(*ALPHA))


@pytest.fixture(scope="module")
def million(model):
    return model.fit(draws=250_000, chains=4, seed=5)


def posterior(model):
    return np.asarray(ALPHA) + model.cells.counts  # (2, Q)


def test_moments_of_the_dirichlet(model, million):
    phi = million.idata["posterior"]["phi"].values.reshape(-1, 2, 4)
    n = len(phi)
    for group, a in enumerate(posterior(model)):
        exact = stats.dirichlet(a)
        error = np.sqrt(exact.var() / n)
        assert (abs(phi[:, group].mean(axis=0) - exact.mean()) < 4 * error).all()
        centred = phi[:, group] - exact.mean()
        products = centred[:, :, None] * centred[:, None, :]  # (n, Q, Q)
        error = products.std(axis=0) / np.sqrt(n)
        assert (abs(products.mean(axis=0) - exact.cov()) < 4 * error).all()


@pytest.mark.parametrize("k", [0, 1])
def test_probability_against_quadrature_of_two_betas(model, million, k):
    success = [0, 1] if k == 0 else [0, 2]  # patterns 11, 10 or 11, 01
    beta = [stats.beta(a[success].sum(), a.sum() - a[success].sum()) for a in posterior(model)]
    exact, _ = integrate.quad(lambda x: beta[0].cdf(x) * beta[1].pdf(x), 0, 1, epsabs=1e-12)
    decision = million.effect().decide("all")
    mcse = float(decision.sides[0].marginal_mcse[k])
    assert mcse == pytest.approx(np.sqrt(exact * (1 - exact) / 1e6), rel=0.1)
    assert abs(float(decision.marginal[k]) - exact) < 4 * mcse


@pytest.mark.slow
def test_nuts_agrees_with_exact_draws(model, million):
    import nutpie

    compiled = nutpie.compile_pymc_model(model.build())
    tree = nutpie.sample(
        compiled, draws=2000, tune=1000, chains=4, cores=2, seed=1, progress_bar=False
    )
    import arviz as az

    nuts = tree["posterior"]["phi"]
    exact = million.idata["posterior"]["phi"]
    assert list(nuts.coords["pattern"].values) == list(exact.coords["pattern"].values)
    for power in (1, 2):
        difference = (nuts**power).mean(("chain", "draw")) - (exact**power).mean(("chain", "draw"))
        error = az.mcse(nuts**power)
        assert (abs(difference) < 4 * error).all()
        assert float(error.max()) < 1e-3


def test_default_prior_is_uniform_for_every_outcome():
    for K in (1, 2, 3):
        alpha = bmco.Dirichlet().resolve("phi", ["x"] * 2**K)
        half = 2 ** (K - 1)
        assert alpha[0, :half].sum() == pytest.approx(1)
        assert alpha[0, half:].sum() == pytest.approx(1)


concentrations = st.lists(st.floats(0.05, 20), min_size=4, max_size=4)


@given(alpha=concentrations, other=concentrations, seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_swapping_the_groups_flips_delta_exactly(trial_study, alpha, other, seed):
    swapped = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", control="trt", treatment="ctl")
    settings_ = {"draws": 500, "seed": seed}
    there = bmco.BMVB(trial_study, bmco.Priors(phi=bmco.Dirichlet(alpha, other))).fit(**settings_)
    back = bmco.BMVB(swapped, bmco.Priors(phi=bmco.Dirichlet(other, alpha))).fit(**settings_)
    one, two = there.effect().phi, back.effect().phi
    assert np.array_equal(one.values, two.values[:, :, ::-1])
    assert np.array_equal(there.effect().delta, -back.effect().delta)
    right, left = there.effect().decide("any"), back.effect().decide("any", "left")
    assert right.probability == left.probability


def test_questions_without_meaning(million):
    with pytest.raises(bmco.InputError, match="population.*no covariates"):
        million.effect(bmco.Value(3))
    with pytest.raises(bmco.InputError, match="clusters='new'.*no clusters"):
        million.effect(clusters="new")


def test_fit_settings(model):
    assert model.fit(500, seed=1, tune=5, cores=1, target_accept=0.9, progress=False)
    with pytest.raises(bmco.InputError, match="thin"):
        model.fit(100, thin=2)
    with pytest.raises(bmco.InputError, match="draws=0"):
        model.fit(0)
