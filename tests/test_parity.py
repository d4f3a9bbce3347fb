"""bmco's numbers: θ, δ, probabilities and coefficients agree within 4 Monte Carlo errors."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bmco_pymc as bmco

pytestmark = pytest.mark.samples

HERE = Path(__file__).parent / "reference"
EFFECTS = pd.read_csv(HERE / "bmco_effects.csv").set_index("case")
COEFFICIENTS = pd.read_csv(HERE / "bmco_coefficients.csv", dtype={"cat": str})
ROUNDING = 0.0005
BMVB_DRAWS = 200_000
OWN = {"standardise": "own"}
OBSERVED = {"standardise": "own", "clusters": "observed"}
EQUAL = {"clusters": "observed", "cluster_weights": "equal"}


@dataclass
class Case:
    """A call of bmco: which fit, which population, which rule."""

    fit: str
    population: object = None
    options: dict = field(default_factory=dict)
    rule: str = "All"
    direction: str = "right"
    w: tuple | None = None


BGLM = {
    "empirical.all": Case("trial_fit", None, OWN),
    "empirical.range": Case("trial_fit", bmco.Empirical(-0.5, 1), OWN),
    "value": Case("trial_fit", bmco.Value(0.8)),
    "analytical.all": Case("trial_fit", bmco.Analytical()),
    "analytical.range": Case("trial_fit", bmco.Analytical(-0.5, 1)),
    "comp.left": Case("trial_fit", None, OWN, "Comp", "left", (0.6, 0.4)),
    "any": Case("trial_fit", None, OWN, "Any"),
    "prior": Case("trial_prior_fit", bmco.Value(0)),
    "discrete.value1": Case("severity_fit", bmco.Value(1)),
}
BGLMM = {
    "school.std.empirical": Case("school_std_fit", None, OBSERVED),
    "school.std.value": Case("school_std_fit", bmco.Value(0.5), EQUAL),
    "multisite.default.empirical": Case("multisite_fit", None, OBSERVED),
    "multisite.default.value": Case("multisite_fit", bmco.Value(-0.5), EQUAL),
    "multisite.default.analytical": Case("multisite_fit", bmco.Analytical(-0.5, 1), EQUAL),
    "multisite.skeptical": Case("multisite_skeptical_fit", bmco.Value(0), EQUAL),
}
BMVB = {
    f"{rule}.{direction}_sided": Case(
        "bmvb_fit", None, {}, rule, direction, (0.7, 0.3) if rule == "Comp" else None
    )
    for rule in ("All", "Any", "Comp")
    for direction in ("right", "left")
}
CASES = {
    **{f"bmvb.{name}": case for name, case in BMVB.items()},
    **{f"bglm.{name}": case for name, case in BGLM.items()},
    **BGLMM,
}


@pytest.fixture(scope="module")
def bmvb_fit(trial_study):
    return bmco.BMVB(trial_study).fit(draws=50_000, seed=3)


@pytest.fixture(scope="module")
def trial_prior_fit(trial_model):
    prior = bmco.Normal([0, 0.5, 0, 0], precision=np.linalg.inv(np.diag([10.0, 5, 10, 10])))
    return trial_model.with_priors(beta=prior).fit(draws=4000, seed=2, progress=False)


@pytest.fixture(scope="module")
def severity_fit():
    trial = bmco.load_trial()
    trial["severe"] = (trial["severity"] == "severe").astype(int)
    study = bmco.Study(trial, ["y1", "y2"], "arm", "ctl", "trt")
    model = bmco.BGLM(study, "arm * severe", bmco.Priors.bmco())
    return model.fit(draws=4000, seed=4, progress=False)


@pytest.fixture(scope="module")
def school_std_fit(schools_study):
    formula = "method * baseline_ability_std"
    model = bmco.BGLMM(schools_study, formula, "1", bmco.Priors.bmco())
    return model.fit(draws=3000, seed=5, progress=False)


@pytest.fixture(scope="module")
def multisite_skeptical_fit(multisite_model):
    one = bmco.Normal(0, precision=np.eye(2))
    Sigma = bmco.InverseWishart(6, 0.05 * np.eye(2))
    model = multisite_model.with_priors(beta=one, gamma=one, Sigma=Sigma)
    return model.fit(draws=3000, seed=6, progress=False)


@pytest.mark.parametrize("name", CASES)
def test_effects(name, request):
    case, theirs = CASES[name], EFFECTS.loc[name]
    fit = request.getfixturevalue(case.fit)
    effect = fit.effect(case.population, **case.options)
    ess = BMVB_DRAWS if np.isnan(theirs["min_ess"]) else theirs["min_ess"]
    if isinstance(fit.model, bmco.BGLMM):
        ess /= 2  # bglmm uses its first chain only
    table = effect.summary()
    sign = -1 if case.direction == "left" else 1
    for k, outcome in enumerate(fit.model.study.outcomes, start=1):
        for letter, label in zip("ab", fit.model.study.group_labels, strict=True):
            ours = table.loc[f"theta[{label}, {outcome}]"]
            error = np.hypot(ours["mcse"], theirs[f"sd_{letter}{k}"] / np.sqrt(ess)) + ROUNDING
            assert abs(ours["mean"] - theirs[f"mean_{letter}{k}"]) < 4 * error
            # the SD's error at the same sample sizes, for a posterior that is nearly normal
            least = min(ess, ours["ess_tail"])
            error = ours["sd"] / np.sqrt(2 * least) + ROUNDING
            assert abs(ours["sd"] - theirs[f"sd_{letter}{k}"]) < 4 * error
        ours = table.loc[f"delta[{outcome}]"]
        error = np.hypot(ours["mcse"], ours["sd"] / np.sqrt(ess)) + ROUNDING
        assert abs(sign * ours["mean"] - theirs[f"delta{k}"]) < 4 * error
    decision = effect.decide(case.rule, case.direction, w=case.w)
    p = theirs["pop"]
    error = np.hypot(decision.mcse, np.sqrt(p * (1 - p) / ess)) + ROUNDING
    assert abs(decision.probability - p) < 4 * error
    if case.w is not None:
        weighted = sign * (effect.delta * xr_weights(effect, case.w)).sum("outcome")
        error = float(weighted.std()) / np.sqrt(ess) + ROUNDING
        assert abs(float(weighted.mean()) - theirs["w_delta"]) < 4 * error


def xr_weights(effect, w):
    return effect.delta.isel(chain=0, draw=0, drop=True).copy(data=np.asarray(w))


@pytest.mark.parametrize("name", sorted(set(COEFFICIENTS["case"])))
def test_coefficients(name, request):
    fit = request.getfixturevalue(CASES[name].fit)
    ess = EFFECTS.loc[name, "min_ess"]
    table = fit.summary()
    terms = fit.model.terms
    theirs = COEFFICIENTS[COEFFICIENTS["case"] == name]
    compared = 0
    for row in theirs.itertuples():
        if row.block == "b":
            label = f"beta[{terms.fixed[row.row - 1]}, {row.cat}]"
        elif row.block == "g":
            label = f"gamma[{terms.random[row.row - 1]}, {row.cat}]"
        else:
            p = len(terms.random)
            first, second = (row.row - 1) % p, (row.row - 1) // p
            if first < second:
                continue
            names = terms.random
            label = f"Sigma[{row.cat}, {names[first]}, {names[second]}]"
        ours = table.loc[label]
        error = np.hypot(ours["mcse"], row.sd / np.sqrt(ess))
        assert abs(ours["mean"] - row.mean) < 4 * error, label
        compared += 1
    assert compared >= 12
