"""bmco's calls give bmco's numbers, and the same as the classes."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rstyle_calls as calls

import bmco_pymc as bmco
from bmco_pymc.fit import Fit

pytestmark = pytest.mark.samples

HERE = Path(__file__).parents[1] / "reference"
EFFECTS: Any = pd.read_csv(HERE / "bmco_effects.csv").set_index("case")
COEFFICIENTS = pd.read_csv(HERE / "bmco_coefficients.csv", dtype={"cat": str})
ROUNDING = 0.0005
ALL = {"diagnostics": True, "samples": True}


@pytest.fixture(scope="session")
def severity():
    """A real call of bglm, with a category as covariate."""
    return bmco.bglm(
        *(bmco.load_trial(), "arm", "ctl", "trt", "severity", ["y1", "y2"]),
        x_method="Value",
        x_def="severe",
        n_it=1500,
        seed=5,
        progress=False,
    )


SCHOOLS: dict[str, Any] = {
    "grp": "method",
    "grp_a": "traditional",
    "grp_b": "new_method",
    "id_var": "school_id",
    "x_var": "baseline_ability",
    "y_vars": ["math_pass", "reading_pass"],
    "fixed": ["method", "baseline_ability", "method_baseline_ability"],
    "random": ["Intercept"],
}


@pytest.fixture(scope="session")
def schools():
    """The first call of bmco's own example, with few draws."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bmco.bglmm(
            bmco.load_schools(), **SCHOOLS, n_burn=300, n_it=200, n_chain=2, seed=3, progress=False
        )


def agrees(result, name, ess):
    """Assert that θ, δ, the probability and the weighted δ are bmco's within 4 combined errors."""
    theirs, table = EFFECTS.loc[name], result.effect.summary()

    def of(quantity):
        return theirs[[f"{quantity}1", f"{quantity}2"]].to_numpy(float)

    for place, letter in enumerate("ab"):
        ours = table.iloc[2 * place : 2 * place + 2]
        sd = of(f"sd_{letter}")
        error = np.hypot(ours["mcse"], sd / np.sqrt(ess)) + ROUNDING
        assert (abs(result.estimates[f"mean_{letter}"] - of(f"mean_{letter}")) < 4 * error).all()
        least = np.minimum(ess, ours["ess_tail"])  # the SD's error where θ is nearly normal
        error = sd / np.sqrt(2 * least) + ROUNDING
        assert (abs(result.estimates[f"sd_{letter}"] - sd) < 4 * error).all()
    delta = result.delta
    error = np.hypot(delta["delta_sd"] / np.sqrt(ess), delta["delta_mcse"]) + ROUNDING
    assert (abs(delta["mean_delta"] - of("delta")) < 4 * error).all()
    p = theirs["pop"]
    p_error = np.hypot(result.decision.mcse, np.sqrt(p * (1 - p) / ess)) + ROUNDING
    assert abs(delta["pop"] - p) < 4 * p_error
    if np.isnan(theirs["w_delta"]):
        assert delta["w_delta"] is None
    else:
        assert abs(delta["w_delta"] - theirs["w_delta"]) < 4 * error.max()


@pytest.mark.parametrize("test", ["right_sided", "left_sided"])
@pytest.mark.parametrize("rule", ["All", "Any", "Comp"])
def test_bmvb_gives_bmcos_numbers(rule, test):
    w = (0.7, 0.3) if rule == "Comp" else None
    trial = bmco.load_trial()
    ours = bmco.bmvb(trial, **calls.BMVB, rule=rule, test=test, w=w, n_it=50_000, seed=1)
    agrees(ours, f"bmvb.{rule}.{test}", ess=200_000)
    assert (ours.info["rule"], ours.info["test"]) == (rule, test)


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("empirical.all", {}),
        ("empirical.range", {"x_def": (-0.5, 1)}),
        ("value", {"x_method": "Value", "x_def": 0.8}),
        ("analytical.all", {"x_method": "Analytical"}),
        ("analytical.range", {"x_method": "Analytical", "x_def": (-0.5, 1)}),
        ("comp.left", {"rule": "Comp", "w": (0.6, 0.4), "test": "left_sided"}),
        ("any", {"rule": "Any"}),
    ],
)
def test_bglm_gives_bmcos_numbers(case, changes, trial_fit):
    plan = calls.plan("bglm", **changes)
    assert plan.model.terms.fixed == trial_fit.model.terms.fixed
    ours = calls.answer(plan, Fit(plan.model, trial_fit.idata, trial_fit.diagnostics), **ALL)
    agrees(ours, f"bglm.{case}", EFFECTS.loc[f"bglm.{case}", "min_ess"])


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("empirical", {}),
        ("value", {"x_method": "Value", "x_def": -0.5}),
        ("analytical", {"x_method": "Analytical", "x_def": (-0.5, 1)}),
    ],
)
def test_bglmm_gives_bmcos_numbers(case, changes, multisite_fit):
    plan = calls.plan("bglmm", **changes)
    assert plan.model.terms.fixed == multisite_fit.model.terms.fixed
    ours = calls.answer(
        plan, Fit(plan.model, multisite_fit.idata, multisite_fit.diagnostics), **ALL
    )
    name = f"multisite.default.{case}"
    agrees(ours, name, EFFECTS.loc[name, "min_ess"] / 2)  # bmco uses its first chain only
    theirs = COEFFICIENTS[COEFFICIENTS["case"] == name]
    for block, part in (("b", "fixed"), ("g", "random")):
        known = theirs[theirs["block"] == block].pivot(index="row", columns="cat", values="mean")
        table, sd = ours.estimates[block], ours.estimates[f"{block}_sd"]
        assert tuple(table.index) == plan.parts[part].terms.labels
        n = np.minimum(EFFECTS.loc[name, "min_ess"], 400)
        assert (abs(known[table.columns].to_numpy() - table) < 4 * sd * np.sqrt(2 / n)).all(
            axis=None
        )


def test_a_real_call_of_bglm_gives_bmcos_numbers(severity):
    agrees(severity, "bglm.discrete.value1", EFFECTS.loc["bglm.discrete.value1", "min_ess"])
    assert severity.info["x_levels"] == ("mild", "severe")
    assert severity.info["sub_pop"] == 1
    assert severity.fit.idata["posterior"].sizes["draw"] == 1500
    assert "Value at 1 (severe)" in str(severity)
    assert severity.samples is severity.plots is severity.new_effect is None


def test_a_real_call_of_bglmm_is_the_fit_and_the_effect_of_the_classes(schools, schools_model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = schools_model.fit(draws=200, tune=300, chains=2, seed=3, progress=False)
        effect = fit.effect(clusters="observed", standardise="own")
        new = fit.effect(clusters="new")
    posterior = schools.fit.idata["posterior"]
    for name in fit.model.parameters:
        assert np.array_equal(posterior[name], fit.idata["posterior"][name])
    assert np.array_equal(schools.effect.delta, effect.delta)
    assert schools.delta["pop"] == effect.decide("All").probability
    assert schools.new_decision.probability == new.decide("All").probability
    assert schools.effect.estimand == effect.estimand
    assert schools.sample_sizes == {"n_a": 150, "n_b": 150, "J": 20}
    assert tuple(schools.estimates["b"].index) == tuple(SCHOOLS["fixed"])
