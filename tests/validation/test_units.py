"""Units, centring, coding and the number of subjects do not change what the default prior says."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bmco_pymc as bmco
from validation import units

pytestmark = [
    pytest.mark.samples,
    pytest.mark.filterwarnings("ignore::bmco_pymc.ConvergenceWarning"),
]  # few, on purpose
FEW: Any = {"draws": 150, "tune": 150, "chains": 2, "seed": 1, "progress": False}


@pytest.fixture(scope="module")
def frame():
    return units.trial()


@pytest.fixture(scope="module")
def standardised(frame):
    return bmco.BGLM(units.study(frame), "arm * x").fit(**FEW).effect(bmco.Value(-1.0)).delta


@pytest.mark.parametrize(
    ("mean", "sd"), [*list(units.UNITS.values())[1:], (37.0, -0.6), (1.7e9, 3e5)]
)
def test_the_draws_are_those_of_a_standardised_covariate(frame, standardised, mean, sd):
    """With one seed, to rounding: the sampler sees the same numbers."""
    fit = bmco.BGLM(units.study(frame, mean, sd), "arm * x").fit(**FEW)
    delta = fit.effect(bmco.Value(mean - sd)).delta
    np.testing.assert_allclose(delta, standardised, atol=1e-6 if abs(mean / sd) < 1e3 else 1e-3)
    assert delta.std() > 0.02


def test_the_draws_in_clusters_too(frame):
    """A random slope, whose SD under the prior is per SD of the covariate."""
    sites = frame.assign(site=np.arange(len(frame)) % 16)
    found = []
    for mean, sd in ((0.0, 1.0), (37.0, 0.6), (3e-6, 1e-6)):
        data = sites.assign(x=mean + sd * sites["x"])
        study = bmco.Study(data, units.OUTCOMES, "arm", "old", "new", cluster="site")
        fit = bmco.BGLMM(study, "arm * x", "1 + x").fit(**FEW)
        found.append(fit.effect(bmco.Value(mean - sd), clusters="observed").delta)
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)
    np.testing.assert_allclose(found[2], found[0], atol=1e-5)


@pytest.mark.parametrize("subjects", [1600, 50_000])
def test_coding_and_number_of_subjects(subjects):
    """Three ways to write a parabola: what the sampler sees is one and the same."""
    large = units.trial(subjects, seed=3)
    plain = bmco.BGLM(units.study(large), "arm * (x + I(x**2))").data
    for mean, sd, formula in (
        (0.0, 1.0, "arm * poly(x, 2)"),
        (37.0, 0.6, "arm * poly(x, 2)"),
        (37.0, 0.6, "arm * (x + I(x**2))"),
    ):
        other = bmco.BGLM(units.study(large, mean, sd), formula).data
        np.testing.assert_allclose(other["basis_scale"], plain["basis_scale"], rtol=1e-6)
        # the covariance of the linear predictors of 100 subjects under the prior
        one, two = (d["design"][:, :100].T @ d["design"][:, :100] for d in (plain, other))
        np.testing.assert_allclose(two, one, atol=1e-8 * one.max())


def test_patterns_that_hardly_occur():
    """Four outcomes, 16 patterns, without covariates: δ is nearly the difference of raw rates."""
    rng = np.random.default_rng(5)
    arm = rng.permutation(np.arange(1631) % 2)
    level = np.array([[2.6, -3.5, -4, -4.3], [4, -0.3, -1, -1.3]])[arm]
    y = rng.random((1631, 4)) < 1 / (1 + np.exp(-level - 0.8 * rng.normal(size=(1631, 1))))
    data = dict(zip("abcd", y.T.astype(int), strict=True)) | {"arm": arm}
    study = bmco.Study(pd.DataFrame(data), list("abcd"), "arm", 0, 1)
    raw = y[arm == 1].mean(axis=0) - y[arm == 0].mean(axis=0)
    pulled = {}
    for name, priors in {"default": bmco.Priors(), "bmco": bmco.Priors.bmco()}.items():
        effect = bmco.BGLM(study, "arm", priors).fit(seed=1, progress=False).effect()
        table = effect.summary().iloc[-4:]
        pulled[name] = np.abs(table["mean"] - raw) / table["sd"]
        error = table["mcse"] / table["sd"]
        if name == "default":  # 32,000 draws give .20 for a: another machine's draws may be above
            assert (pulled[name] - 4 * error < 0.2).all()
    assert (pulled["bmco"] > 0.4).all()


@pytest.mark.slow
def test_it_is_maximum_likelihood_and_a_little_shrinkage(frame):
    """Each row of the table of `validation.units`, and that bmco's prior is another thing."""
    truth = units.maximum_likelihood(frame)
    effects = {}
    for mean, sd in units.UNITS.values():
        for priors in (bmco.Priors(), bmco.Priors.bmco()):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", bmco.InputWarning)
                model = bmco.BGLM(units.study(frame, mean, sd), "arm * x", priors)
            effect = model.fit(seed=2, progress=False).effect(bmco.Value(mean - sd))
            effects[mean, priors.contrasts == "reference"] = effect.summary().iloc[-2:]
    for mean, _ in units.UNITS.values():
        table = effects[mean, False]
        # a prior SD of 1 beside a posterior one of about 0.1: 1 % of a coefficient of 1 is 0.1 SD
        assert (abs(table["mean"] - truth) / table["sd"] < 0.2).all()
    first = effects[37.0, True].iloc[0]
    assert (first["mean"] - truth[0]) / first["sd"] > 3


def test_power_scaling_shows_it(frame):
    """What bmco's prior does to δ: a lot hangs on it, or it is too narrow for scaling to tell."""
    found = {}
    for mean, sd in ((130.0, 15.0), (2015.0, 3.0)):
        for priors in (bmco.Priors(), bmco.Priors.bmco()):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", bmco.InputWarning)
                model = bmco.BGLM(units.study(frame, mean, sd), "arm * x", priors)
            fit = model.fit(seed=1, progress=False)
            question: Any = {"scale": "prior", "powers": [0.8, 1.25]}
            found[mean, str(priors.contrasts)] = fit.sensitivity(bmco.Value(mean - sd), **question)
    for mean in (130.0, 2015.0):
        ours = found[mean, "None"]
        delta = ours.table.loc[ours.table["outcome"] == "y1", "delta"].to_numpy(float)
        # a prior precision of 1 of 100 in all: 25 % more or less moves a δ of -0.26 by 0.001 or so
        assert np.ptp(delta) < 0.004
        assert ours.parameters.loc["delta[y1]", "diagnosis"] == "no sign of a problem"
        assert not ours.notes
    pressure, year = found[130.0, "reference"], found[2015.0, "reference"]
    delta = pressure.table.loc[pressure.table["outcome"] == "y1", "delta"].to_numpy(float)
    assert pressure.table["reliable"].all()
    assert np.ptp(delta) > 0.01
    assert pressure.parameters["prior"].to_dict()["delta[y1]"] > 0.05
    assert "Note: The prior overrules the scale of x (0.0047" in str(year)
    assert "does not show that it does not matter" in str(year)
