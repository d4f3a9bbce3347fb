"""What a rule decides by: the joint probability, a cut-off of one's own, utilities of patterns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bmco_pymc as bmco
from bmco_pymc import patterns

OUTCOMES = ["a", "b"]
CONTROL, TREATMENT = [14, 9, 8, 19], [21, 10, 10, 9]


@pytest.fixture(scope="module")
def fit() -> Any:
    rows = [
        (group, *row)
        for group, counts in (("old", CONTROL), ("new", TREATMENT))
        for row, count in zip(patterns.bits(2).tolist(), counts, strict=True)
        for _ in range(count)
    ]
    data = pd.DataFrame(rows, columns=["arm", *OUTCOMES])
    study = bmco.Study(data, OUTCOMES, "arm", "old", "new")
    return bmco.BMVB(study).fit(draws=1000, seed=6, progress=False)


@pytest.fixture(scope="module")
def effect(fit) -> Any:
    return fit.effect()


@pytest.fixture(scope="module")
def delta() -> xr.DataArray:
    """Correlated normal differences of three outcomes."""
    rng = np.random.default_rng(4)
    spread = np.array([[1, 0.6, 0.2], [0.6, 1, 0.1], [0.2, 0.1, 1]]) * 0.01
    draws = rng.multivariate_normal([0.22, 0.17, 0.02], spread, size=(4, 5000))
    names = {"outcome": ["a", "b", "c"]}
    return xr.DataArray(draws, dims=("chain", "draw", "outcome"), coords=names)


# --- the joint statistic --------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["right", "left", "two-sided"])
@pytest.mark.parametrize(("name", "more"), [("all", {}), ("any", {}), ("count", {"m": 2})])
def test_the_joint_probability_decides(delta, name, more, direction) -> None:
    margins = [0.05, 0.0, -0.1]
    found = bmco.decide(delta, name, direction, margins, statistic="joint", **more)
    usual = bmco.decide(delta, name, direction, margins, **more)
    least = {"all": 3, "any": 1, "count": 2}[name]
    for side, other in zip(found.sides, usual.sides, strict=True):
        sign = 1 if side.direction == "right" else -1
        holds = ((sign * delta.values > margins).sum(axis=-1) >= least).mean()
        assert side.statistic == side.probability == pytest.approx(holds, abs=1e-12)
        assert side.statistic_mcse == side.mcse
        # against the same threshold, and beside the same numbers
        assert side.threshold == other.threshold
        assert side.probability == other.probability
        assert (side.marginal == other.marginal).all()
        assert side.met == (holds > side.threshold)


def test_joint_and_marginal_can_differ(delta) -> None:
    """All of a and b: each .95 at least, and less together. Any: the other way round."""
    pair = delta.isel(outcome=[0, 1])
    each = bmco.decide(pair, "all", cut=0.95)
    both = bmco.decide(pair, "all", cut=0.95, statistic="joint")
    assert each.sides[0].statistic > 0.95 > both.sides[0].statistic
    assert (each.decision, both.decision) == ("superior", "not superior")
    one = bmco.decide(pair, "any", cut=0.99)
    some = bmco.decide(pair, "any", cut=0.99, statistic="joint")
    assert one.sides[0].statistic < 0.99 < some.sides[0].statistic
    assert (one.decision, some.decision) == ("not superior", "superior")


@pytest.mark.parametrize("name", ["comp", "all"])
def test_where_there_is_no_difference(delta, name) -> None:
    """Comp, and a single outcome."""
    given = delta if name == "comp" else delta.isel(outcome=[0])
    joint, marginal = (
        bmco.decide(given, name, statistic=statistic) for statistic in ("joint", "marginal")
    )
    assert joint.sides[0].statistic == marginal.sides[0].statistic
    assert joint.verdict == marginal.verdict


# --- a cut-off ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["all", "any", "comp"])
def test_a_cut_off_stands_for_the_threshold(delta, name) -> None:
    value = bmco.decide(delta, name).sides[0].statistic
    for cut, verdict in ((value - 1e-9, "superior"), (value, "not superior"), (0.999999, None)):
        found = bmco.decide(delta, name, cut=float(cut))
        assert found.sides[0].threshold == cut
        assert found.sides[0].met == (value > cut)
        if verdict is not None:
            assert found.decision == verdict
    both = bmco.decide(delta, name, "two-sided", cut=0.9)
    assert [side.threshold for side in both.sides] == [0.9, 0.9]


def test_words(delta) -> None:
    text = str(bmco.decide(delta, "all", statistic="joint", cut=0.96))
    assert text.startswith("Rule All, right-sided, level 0.05, cut-off 0.96: not superior")
    assert "joint probability 0.9" in text or "joint probability 0." in text
    assert "is not above 0.96" in text
    assert "smallest marginal probability" not in text
    usual = str(bmco.decide(delta, "all"))
    assert "cut-off" not in usual
    assert "smallest marginal probability" in usual
    # a calibrated one, in six digits
    assert "cut-off 0.950123:" in str(bmco.decide(delta, "all", cut=0.9501234567))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"statistic": "both"}, "statistic='both': unknown statistic; choose from 'marginal', 'j"),
        ({"statistic": None}, "statistic=None: unknown statistic"),
        ({"cut": 0}, "cut=0: must be a number between 0 and 1"),
        ({"cut": 1.0}, "cut=1.0: must be a number between 0 and 1"),
        ({"cut": -0.5}, "cut=-0.5: must be a number between 0 and 1"),
        ({"cut": "high"}, "cut='high': must be a number between 0 and 1"),
        ({"cut": float("nan")}, "cut=nan: must be a number between 0 and 1"),
        ({"rule": "utility"}, "u=None: rule Utility needs it: what each response pattern is worth"),
        ({"rule": "all", "u": [1, 0]}, "u=.*is used by rule Utility only, not by All"),
        ({"rule": "utility", "u": [1, 0], "m": 1}, "m=1: is used by rule Count only"),
    ],
)
def test_what_a_rule_refuses(arguments, message) -> None:
    with pytest.raises(bmco.InputError, match=message):
        bmco.Rule(**arguments)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"u": [1, 0.5, 0]}, "u=.*needs a finite number for each of the 4 patterns"),
        ({"u": [1, 0.5, np.nan, 0]}, "u=.*needs a finite number for each of the 4 patterns"),
        ({"u": [1, "x", 0.5, 0]}, "u=.*needs a finite number"),
        ({"u": {"11": 1, "10": 0.5}}, "u=.*needs a finite number.*'11', '10', '01', '00'"),
        ({"u": {"11": 1, "10": 0.5, "01": 0, "02": 1}}, "u=.*needs a finite number"),
        ({"u": [1, 1, 1, 1]}, "u=.*patterns that are all worth the same decide nothing"),
        ({"u": 3}, "u=3: patterns that are all worth the same decide nothing"),
        ({"u": [1, 0.5, 0.5, 0], "margins": [0, 0]}, "margins=.*rule Utility has one"),
        ({"u": [1, 0.5, 0.5, 0], "margins": np.inf}, "margins=inf: rule Utility has one"),
        # no difference of expected utilities is as large as the largest of utilities
        ({"u": [1, 0.5, 0.5, 0], "margins": 1}, "margins=1: .*above -1 and below 1"),
        ({"u": [4, 0.5, 0.5, -1], "margins": -5.5}, "margins=-5.5: .*above -5 and below 5"),
    ],
)
def test_what_utilities_are_refused(effect, more, message) -> None:
    with pytest.raises(bmco.InputError, match=message):
        effect.decide("utility", **more)


def test_utilities_need_patterns(delta) -> None:
    pair = delta.isel(outcome=[0, 1])
    with pytest.raises(bmco.InputError, match="rule='Utility': needs the probabilities of the pat"):
        bmco.decide(pair, "utility", u=[1, 0.5, 0.5, 0])


# --- utility --------------------------------------------------------------------------------------

ADDITIVE = {"11": 1.0, "10": 0.7, "01": 0.3}


@pytest.mark.parametrize("direction", ["right", "left", "two-sided"])
@pytest.mark.parametrize("margin", [0.0, 0.1, -0.05])
def test_utilities_that_add_up_are_comp(effect, direction, margin) -> None:
    found = effect.decide("utility", direction, margin, u=ADDITIVE)
    comp = effect.decide("comp", direction, margin, w=[0.7, 0.3])
    assert found.verdict == comp.verdict
    for one, other in zip(found.sides, comp.sides, strict=True):
        assert (one.probability, one.mcse) == (other.probability, other.mcse)
        assert (one.statistic, one.threshold) == (other.statistic, other.threshold)
        assert 0 < one.probability < 1


def test_draw_by_draw(effect) -> None:
    rule = bmco.Rule("utility", u=ADDITIVE).for_outcomes(OUTCOMES)
    comp = bmco.Rule("comp", w=[0.7, 0.3]).for_outcomes(OUTCOMES)
    for direction in ("right", "left"):
        holds, alone = rule.events(effect.delta, direction, effect.change)
        expected, each = comp.events(effect.delta, direction)
        assert (holds == expected).all()
        assert (alone == each).all()
        assert 0 < float(holds.mean()) < 1
    assert rule.scores().tolist() == pytest.approx(comp.scores().tolist(), abs=1e-15)


def test_utilities_that_do_not_add_up(effect) -> None:
    u = np.array([1.0, -0.2, 0.4, 0.1])
    phi = effect.phi.values
    worth = (phi[:, :, 1] - phi[:, :, 0]) @ u
    for direction, margin in (("right", 0.05), ("left", -0.3)):
        found = effect.decide("utility", direction, margin, u=u.tolist())
        sign = 1 if direction == "right" else -1
        assert found.probability == pytest.approx((sign * worth > margin).mean(), abs=1e-12)
        assert 0.01 < found.probability < 0.99
        assert found.sides[0].statistic == found.probability
    # the margin is not one of the outcomes
    found = effect.decide("utility", "right", 0.05, u=u.tolist())
    beyond = (effect.delta.values > 0).mean(axis=(0, 1))
    np.testing.assert_allclose(found.marginal.values, beyond, atol=1e-12)


def test_utilities_in_words(effect) -> None:
    found = effect.decide("utility", margins=0.05, u={"11": 1, "10": 0.3, "01": 0.2})
    text = str(found)
    assert text.startswith("Rule Utility, right-sided, level 0.05: ")
    assert "P(difference of 1 φ[11] + 0.3 φ[10] + 0.2 φ[01] > 0.05)" in text
    assert found.asked.u == (1.0, 0.3, 0.2, 0.0)
    left = str(effect.decide("utility", "left", 0.05, u=[1, 0.3, 0.2, -0.5]))
    assert "0.2 φ[01] + -0.5 φ[00] < -0.05)" in left


def test_a_rule_by_name_or_as_a_value(effect) -> None:
    rule = bmco.Rule("utility", u=pd.Series({"11": 1, "10": 0.3, "01": 0.2, "00": 0}))
    same = bmco.Rule("Utility", u={"11": 1, "10": 0.3, "01": 0.2, "00": 0})
    assert rule == same
    assert str(effect.decide(rule)) == str(effect.decide("utility", u=[1, 0.3, 0.2, 0]))
    joint = bmco.Rule("any", statistic="joint", cut=0.9)
    assert str(effect.decide(joint)) == str(effect.decide("any", statistic="joint", cut=0.9))
    assert bmco.Rule(np.str_("utility"), u=np.array([1, 0.0])) == bmco.Rule("utility", u=(1, 0.0))
    with pytest.raises(bmco.InputError, match="cut=0.9: is given in the Rule already"):
        effect.decide(joint, cut=0.9)


# --- the other verbs ------------------------------------------------------------------------------

RULES = [
    bmco.Rule("any", statistic="joint"),
    bmco.Rule("all", cut=0.93),
    bmco.Rule("utility", u=ADDITIVE, margins=0.02),
]


@pytest.mark.parametrize("rule", RULES, ids=["joint", "cut", "utility"])
def test_reports(effect, rule) -> None:
    report = effect.report(rule)
    decision = effect.decide(rule)
    assert f"{decision.probability:.4f}"[:5] in report.paragraph
    assert decision.asked.words in report.paragraph
    assert ("cut-off 0.93" in report.paragraph) == (rule.cut is not None)


@pytest.mark.parametrize("rule", RULES, ids=["joint", "cut", "utility"])
def test_sensitivity_at_the_posterior_itself(fit, effect, rule) -> None:
    decision = effect.decide(rule)
    found = fit.sensitivity(rule=rule, powers=[1.0])
    np.testing.assert_allclose(found.table["probability"], decision.probability, atol=1e-12)
    moved = fit.sensitivity(rule=rule, powers=[0.8])
    assert (moved.table["probability"] != decision.probability).all()


@pytest.mark.parametrize("rule", RULES, ids=["joint", "cut", "utility"])
def test_comparisons(fit, rule) -> None:
    models = {"flat": fit, "skeptical": fit.model.with_priors(phi=bmco.Dirichlet(5))}
    found = bmco.compare(models, rule=rule, draws=1000, seed=1, progress=False)
    for name in models:
        again = found.effects[name].decide(rule)
        assert str(found.decisions[name]) == str(again)
        part = found.table[found.table["model"] == name]
        assert (part["probability"] == again.probability).all()
        assert (part["decision"] == again.verdict).all()
    assert "P(" in str(found)
