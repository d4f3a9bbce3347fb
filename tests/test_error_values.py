"""An error shows the value that the user gave, not what became of it on the way."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bmco_pymc as bmco
from bmco_pymc.decision.criteria import CRITERIA
from bmco_pymc.decision.outcomes import per_outcome, read_margins, read_weights

TERMS = ["Intercept", "arm"]
SITES: dict[str, Any] = {
    "outcomes": ["y1", "y2"],
    "group": "arm",
    "control": "ctl",
    "treatment": "trt",
    "cluster": "site",
}


def resolved(prior: Any) -> Any:
    return prior.resolve("beta", TERMS)


# What was given: an error must carry this object itself.
Given = SimpleNamespace(
    three=[1, 2, 3],
    matrix=[[1, 0.5, 0], [0.5, 2, 0], [0, 0, 1]],
    cross=[[9.0], [9.0]],
    margins={"a": -0.1, "b": "x"},
    nine=(-9, 0),
    falling=(5, 1),
    point=(5, 5),
    twice=("y1", "y1"),
    many=[f"y{k}" for k in range(9)],
    weights={"a": -1, "b": 2},
    mask=pd.Series([True, None]),
    formula="arm * log(x, nonsense=3)",
)


def prior_with_cross() -> None:
    bmco.Priors(cross=Given.cross).coefficients(["x", "z"], ["Intercept"])


CALLS: dict[str, tuple[Callable[[], Any], Any]] = {
    "sd": (lambda: resolved(bmco.Normal(0, sd=Given.three)), Given.three),
    "covariance": (lambda: resolved(bmco.Normal(0, covariance=Given.three)), Given.three),
    "precision": (lambda: resolved(bmco.Normal(0, precision=Given.matrix)), Given.matrix),
    "mean": (lambda: resolved(bmco.Normal(Given.three, sd=1)), Given.three),
    "scale": (lambda: resolved(bmco.InverseWishart(4, Given.three)), Given.three),
    "basis": (lambda: resolved(bmco.LKJ(basis=Given.matrix)), Given.matrix),
    "alpha": (lambda: resolved(bmco.Dirichlet(Given.three)), Given.three),
    "cross": (prior_with_cross, Given.cross),
    "margins by name": (lambda: read_margins(Given.margins, ["a", "b"]), Given.margins),
    "margins": (lambda: read_margins(Given.nine, ["a", "b"]), Given.nine),
    "weights": (lambda: read_weights(Given.weights, ["a", "b"], CRITERIA["Comp"]), Given.weights),
    "numbers": (lambda: per_outcome("w", Given.three, ["a", "b"]), Given.three),
    "range": (lambda: bmco.Empirical(age=Given.falling), Given.falling),
    "range of Analytical": (lambda: bmco.Analytical(age=Given.point), Given.point),
    "mask": (lambda: bmco.Empirical(mask=Given.mask), Given.mask),
    "outcomes": (
        lambda: bmco.Study(bmco.load_trial(), Given.twice, "arm", "ctl", "trt"),
        Given.twice,
    ),
    "too many outcomes": (
        lambda: bmco.Study(bmco.load_trial(), Given.many, "arm", "ctl", "trt"),
        Given.many,
    ),
    "formula": (
        lambda: bmco.BGLM(bmco.Study(bmco.load_trial(), "y1", "arm", "ctl", "trt"), Given.formula),
        Given.formula,
    ),
    "random": (
        lambda: bmco.BGLMM(bmco.Study(bmco.load_multisite(), **SITES), random=Given.three),
        Given.three,
    ),
}


@pytest.mark.parametrize(("call", "given"), CALLS.values(), ids=CALLS)
def test_the_value_of_an_error_is_what_was_given(call: Callable[[], Any], given: Any) -> None:
    with pytest.raises(bmco.InputError) as caught:
        call()
    assert caught.value.value is given


def test_a_group_without_subjects_is_called_as_the_user_calls_it() -> None:
    data = pd.DataFrame({"arm": [0, 1, 1], "y": [np.nan, 0, 1]})
    with pytest.raises(bmco.InputError, match="no subjects left") as caught:
        bmco.Study(data, "y", "arm", control="0", treatment="1")
    assert caught.value.value == "0"


@pytest.mark.filterwarnings("ignore:.*reaches outside the data:bmco_pymc.InputWarning")
def test_a_population_where_a_term_has_no_value_is_named(trial_study: bmco.Study) -> None:
    model = bmco.BGLM(trial_study, "arm + bs(x, df=4)")
    population = bmco.Value(x=500)
    with pytest.raises(bmco.InputError, match="bs") as caught:
        model.prior_effect(population, draws=10, seed=1)
    assert caught.value.value is population
