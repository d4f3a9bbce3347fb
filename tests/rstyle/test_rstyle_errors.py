"""Bad input to bmco's calls: the error names bmco's argument, and nothing is drawn."""

import re
from math import inf, nan
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rstyle_calls as calls

import bmco_pymc as bmco

CALLS: dict[str, Any] = {"bmvb": bmco.bmvb, "bglm": bmco.bglm, "bglmm": bmco.bglmm}
EVERY = ("bmvb", "bglm", "bglmm")
REGRESSIONS = ("bglm", "bglmm")


@pytest.fixture(autouse=True)
def nothing_is_drawn(monkeypatch):
    def refuse(*args, **settings):
        raise AssertionError("drawn in spite of bad input")

    monkeypatch.setattr("bmco_pymc.rstyle.answer.draw", refuse)


def refused(call, data=None, /, **changes):
    """The error of a call with some arguments changed."""
    data = calls.DATA[call]() if data is None else data
    with pytest.raises(bmco.InputError) as caught:
        CALLS[call](data, **(calls.ARGUMENTS[call] | changes), progress=False)
    return caught.value


def test_the_calls_themselves_are_fine():
    for call in EVERY:
        with pytest.raises(AssertionError, match="drawn in spite"):
            CALLS[call](calls.DATA[call](), **calls.ARGUMENTS[call])


BAD = [
    (EVERY, {"grp": "nowhere"}, "grp", "no such column"),
    (EVERY, {"grp": "y1"}, "grp", "in use already, as 'y_vars'"),
    (EVERY, {"grp": None}, "grp", "no such column"),
    (EVERY, {"grp_a": "placebo"}, "grp_a", "no such value"),
    (EVERY, {"grp_b": "placebo"}, "grp_b", "no such value"),
    (EVERY, {"grp_b": "ctl"}, "grp_b", "is the control too"),
    (EVERY, {"y_vars": []}, "y_vars", "at least one"),
    (EVERY, {"y_vars": None}, "y_vars", "list of column names"),
    (EVERY, {"y_vars": ["y1", "y3"]}, "y_vars", "no such column"),
    (EVERY, {"y_vars": ["y1", "y1"]}, "y_vars", "named twice"),
    (EVERY, {"y_vars": list("abcdefg")}, "y_vars", "too many"),
    (EVERY, {"test": "greater"}, "test", "unknown test"),
    (EVERY, {"test": None}, "test", "unknown test"),
    (EVERY, {"rule": "Most"}, "rule", "unknown rule"),
    (EVERY, {"rule": "Comp", "w": [1]}, "w", "2 numbers"),
    (EVERY, {"rule": "Comp", "w": 0.5}, "w", "2 weights"),
    (EVERY, {"rule": "Comp", "w": [0.5, -0.5]}, "w", "non-negative"),
    (EVERY, {"rule": "Comp", "w": [0, 0]}, "w", "not all zero"),
    (EVERY, {"rule": "Comp", "w": [nan, 1]}, "w", "finite"),
    (EVERY, {"n_it": 0}, "n_it", "1 or more"),
    (EVERY, {"n_it": 10.5}, "n_it", "whole number"),
    (EVERY, {"seed": -1}, "seed", "whole number"),
    (("bmvb",), {"prior_a": 0}, "prior_a", "greater than zero"),
    (("bmvb",), {"prior_a": [1, 2]}, "prior_a", "4 patterns: 11, 10, 01, 00"),
    (("bmvb",), {"prior_b": [1, 2, -3, 4]}, "prior_b", "greater than zero"),
    (("bmvb",), {"prior_b": [1, 2, 3]}, "prior_b", "3 entries"),
    (("bmvb",), {"prior_b": None}, "prior_b", "a number, or 4 numbers"),
    (REGRESSIONS, {"n_burn": -1}, "n_burn", "1 or more"),
    (REGRESSIONS, {"n_chain": 0}, "n_chain", "1 or more"),
    (REGRESSIONS, {"n_thin": 0}, "n_thin", "from 1 to n_it, 1000"),
    (REGRESSIONS, {"n_thin": 1001}, "n_thin", "from 1 to n_it"),
    (REGRESSIONS, {"n_thin": 1.5}, "n_thin", "whole number"),
    (REGRESSIONS, {"x_var": "age"}, "x_var", "no such column"),
    (REGRESSIONS, {"x_var": "y1"}, "x_var", "in use already, as 'y_vars'"),
    (REGRESSIONS, {"x_var": "arm"}, "x_var", "in use already, as 'grp'"),
    (REGRESSIONS, {"x_method": "Mean"}, "x_method", "unknown x_method"),
    (REGRESSIONS, {"x_def": 1}, "x_def", "two numbers"),
    (REGRESSIONS, {"x_def": (0, 1, 2)}, "x_def", "two numbers"),
    (REGRESSIONS, {"x_def": (1, 0)}, "x_def", "the lower one first"),
    (REGRESSIONS, {"x_def": (0, nan)}, "x_def", "two numbers"),
    (REGRESSIONS, {"x_def": ("low", "high")}, "x_def", "two numbers"),
    (REGRESSIONS, {"x_def": None}, "x_def", "two numbers"),
    (REGRESSIONS, {"x_def": (8, 9)}, "x_def", "no subject of group 'ctl'"),
    (REGRESSIONS, {"x_method": "Analytical", "x_def": (1, 1)}, "x_def", "the lower one first"),
    (REGRESSIONS, {"x_method": "Value"}, "x_def", "needs one value"),
    (REGRESSIONS, {"x_method": "Value", "x_def": None}, "x_def", "needs one value"),
    (REGRESSIONS, {"x_method": "Value", "x_def": "much"}, "x_def", "finite number"),
    (REGRESSIONS, {"x_method": "Value", "x_def": inf}, "x_def", "finite number"),
    (REGRESSIONS, {"x_method": "Value", "x_def": [[1, 2]]}, "x_def", "single value"),
    (("bglm",), {"b_mu0": [0, 0]}, "b_mu0", "Intercept, arm, x, arm_x"),
    (("bglmm",), {"b_mu0": [0, 0, 0]}, "b_mu0", "the model has 2: x, arm_x"),
    (REGRESSIONS, {"b_mu0": "none"}, "b_mu0", "number"),
    (REGRESSIONS, {"b_sigma0": 0}, "b_sigma0", "greater than zero"),
    (REGRESSIONS, {"b_sigma0": np.ones((2, 2))}, "b_sigma0", "not positive definite"),
    (REGRESSIONS, {"b_sigma0": [[1, 2], [0, 1]]}, "b_sigma0", "not symmetric"),
    (REGRESSIONS, {"b_sigma0": np.eye(3)}, "b_sigma0", "for 3 terms"),
    (("bglmm",), {"g_mu0": [0, 0, 0]}, "g_mu0", "the model has 2: Intercept, arm"),
    (("bglmm",), {"g_sigma0": -1}, "g_sigma0", "greater than zero"),
    (("bglmm",), {"g_sigma0": np.eye(3)}, "g_sigma0", "for 3 terms"),
    (("bglmm",), {"nu0": 1}, "nu0", "minus one, 1"),
    (("bglmm",), {"nu0": -2}, "nu0", "greater than zero"),
    (("bglmm",), {"tau0": 0}, "tau0", "greater than zero"),
    (("bglmm",), {"tau0": np.zeros((2, 2))}, "tau0", "not positive definite"),
    (("bglmm",), {"tau0": np.eye(3)}, "tau0", "for 3 terms"),
    (("bglmm",), {"id_var": "school"}, "id_var", "no such column"),
    (("bglmm",), {"id_var": None}, "id_var", "no such column"),
    (("bglmm",), {"x_var": None}, "x_var", "no such column"),
    (("bglmm",), {"fixed": ["x", "arm:x"]}, "fixed", "unknown term"),
    (("bglmm",), {"random": [1]}, "random", "unknown term"),
    (("bglmm",), {"random": {"Intercept"}}, "random", "list of terms"),
    (("bglmm",), {"random": []}, "random", "at least one"),
    (("bglmm",), {"fixed": ["x", "x"]}, "fixed", "named twice"),
    (("bglmm",), {"fixed": ["arm", "x"]}, "fixed", r"'arm' is in random=\['Intercept', 'arm'\]"),
    (
        ("bglmm",),
        {"fixed": ["arm"], "random": ["Intercept"], "x_def": (0, 1)},
        "x_def",
        "no term of the model has the covariate 'x'",
    ),
]


@pytest.mark.parametrize(
    ("call", "changes", "argument", "problem"),
    [(call, *rest) for names, *rest in BAD for call in names],
)
def test_bad_arguments(call, changes, argument, problem):
    error = refused(call, **changes)
    assert error.argument == argument
    assert re.search(problem, error.problem)
    assert str(error).startswith(f"{argument}=")


def test_errors_list_bmcos_choices():
    assert refused("bglm", test="up").choices == ("right_sided", "left_sided", "two_sided")
    assert refused("bglm", rule="Most").choices == ("All", "Any", "Comp")
    assert refused("bglm", x_method="Mean").choices == ("Empirical", "Analytical", "Value")
    assert refused("bglmm", fixed="age").choices == ("Intercept", "arm", "x", "arm_x")


def changed(call, **columns):
    """The data of a call with columns replaced."""
    return calls.DATA[call]().assign(**columns)


def test_no_data_frame():
    for call in EVERY:
        error = refused(call, {"y1": [1, 0]})
        assert (error.argument, error.problem[:9]) == ("data", "is a dict")


def test_outcomes_that_are_not_binary_say_how_to_code_them():
    for call in EVERY:
        error = refused(call, changed(call, y2=["yes", "no"] * (len(calls.DATA[call]()) // 2)))
        assert (error.argument, error.value) == ("y_vars", "y2")
        assert "data['y2'].map({'no': 0, 'yes': 1})" in error.problem


def test_a_group_that_is_empty_without_its_missing_rows():
    trial = bmco.load_trial()
    trial["y1"] = trial["y1"].where(trial["arm"] == "ctl")
    error = refused("bmvb", trial)
    assert (error.argument, error.value) == ("grp_b", "trt")


@pytest.mark.parametrize("call", REGRESSIONS)
def test_covariates_that_say_nothing_or_too_much(call):
    assert refused(call, changed(call, x=1.5)).problem.startswith("is constant")
    infinite = calls.DATA[call]()
    infinite.loc[3, "x"] = inf
    error = refused(call, infinite)
    assert (error.argument, error.value, error.problem) == ("x_var", "x", "has infinite values")
    kinds = np.array(["low", "mid", "high"])[np.arange(len(infinite)) % 3]
    error = refused(call, changed(call, x=kinds))
    assert error.argument == "x_var"
    assert "its levels are 'high', 'low', 'mid'" in error.problem
    assert refused(call, changed(call, x="all alike")).argument == "x_var"


@pytest.mark.parametrize("call", REGRESSIONS)
def test_categories_have_no_normal_distribution_and_two_values(call):
    kinds = np.array(["low", "high", "low"])[np.arange(len(calls.DATA[call]())) % 3]
    data = changed(call, x=kinds)
    error = refused(call, data, x_method="Analytical")
    assert (error.argument, error.value) == ("x_method", "Analytical")
    assert error.choices == ("Empirical", "Value")
    error = refused(call, data, x_method="Value", x_def="mid")
    assert (error.argument, error.value) == ("x_def", "mid")
    assert error.choices == (0, 1, "high", "low")
    assert refused(call, data, x_method="Value", x_def=0.5).argument == "x_def"


def test_a_number_that_is_the_label_of_another_code_is_refused():
    data = changed("bglm", x=pd.Categorical(np.arange(240) % 3 // 2 + 1))  # 1 is coded 0, 2 is 1
    error = refused("bglm", data, x_method="Value", x_def=1)
    assert error.argument == "x_def"
    assert "0 is 1, 1 is 2" in error.problem
    assert calls.plan("bglm", data, x_method="Value", x_def="1").population == bmco.Value(x=0)
    assert calls.plan("bglm", data, x_method="Value", x_def=2).population == bmco.Value(x=1)


def test_groups_left_out_need_two_levels():
    data = changed("bglmm", arm=np.arange(384) % 3)
    error = refused("bglmm", data, grp_a=None, grp_b=None)
    assert (error.argument, error.value, error.choices) == ("grp", "arm", (0, 1, 2))
    assert "grp_a and grp_b" in error.problem
    assert refused("bglmm", grp_a=None, grp_b="placebo").argument == "grp_b"
    assert refused("bglmm", grp_a="placebo", grp_b=None).argument == "grp_a"


def test_clusters_must_be_known_and_several():
    missing = changed("bglmm", site=calls.DATA["bglmm"]()["site"].replace(3, nan))
    error = refused("bglmm", missing)
    assert (error.argument, error.value) == ("id_var", "site")
    assert "24 of 384 rows have no cluster" in error.problem
    assert "only one cluster" in refused("bglmm", changed("bglmm", site=1)).problem


def test_errors_have_the_users_names_of_columns():
    data = bmco.load_trial().rename(columns={"arm": "treat.arm", "x": "age.years"})
    names = {"grp": "treat.arm", "x_var": "age.years"}
    error = refused("bglm", data, **names, grp_a="placebo")
    assert "column 'treat.arm' has no such value" in error.problem
    error = refused("bglm", data, **names, x_def=(8, 9))
    assert "age.years runs from" in error.problem
    error = refused("bglm", data.assign(**{"age.years": 1}), **names)
    assert (error.argument, error.value) == ("x_var", "age.years")


def test_bad_input_is_an_error_before_the_data_are_remarked_on():
    schools = bmco.load_schools()  # whole schools were randomised, of which a Study warns
    roles = {"grp": "method", "id_var": "school_id", "x_var": "baseline_ability"}
    for changes in ({"x_def": (1, 0)}, {"tau0": 0}, {"n_thin": 0}, {"rule": "Most"}):
        with pytest.raises(bmco.InputError):
            CALLS["bglmm"](schools, **roles, y_vars=["math_pass", "reading_pass"], **changes)
