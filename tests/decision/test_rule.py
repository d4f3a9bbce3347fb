"""The rule as a value, and the rule that counts outcomes."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import binom, norm

import bmco_pymc as bmco
from bmco_pymc.decision.rule import Rule, asking

OUTCOMES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def delta() -> xr.DataArray:
    """Independent normal differences with P(δ_k > 0) of Φ(2.2), Φ(1.9) and Φ(−0.4)."""
    rng = np.random.default_rng(4)
    draws = rng.normal([0.22, 0.19, -0.04], 0.1, size=(4, 5000, 3))
    return xr.DataArray(draws, dims=("chain", "draw", "outcome"), coords={"outcome": OUTCOMES})


@pytest.mark.parametrize("m", [1, 2, 3])
def test_count_is_the_probability_that_at_least_m_are_better(delta, m):
    p = norm.cdf([2.2, 1.9, -0.4])
    exactly = [  # of independent outcomes: the patterns with so many successes
        sum(
            np.prod([p[k] if bit == "1" else 1 - p[k] for k, bit in enumerate(f"{code:03b}")])
            for code in range(8)
            if f"{code:03b}".count("1") == n
        )
        for n in range(4)
    ]
    answer = bmco.decide(delta, "count", m=m)
    assert abs(answer.probability - sum(exactly[m:])) < 4 * answer.mcse
    side = answer.sides[0]
    ranked = np.sort(side.marginal.values)[::-1]
    assert side.statistic == ranked[m - 1]
    assert side.threshold == pytest.approx(1 - 0.05 / (3 - m + 1))
    assert answer.decision == ("superior" if ranked[m - 1] > side.threshold else "not superior")


def test_count_of_one_is_any_and_of_all_is_all(delta):
    for m, name in ((1, "any"), (3, "all")):
        one = bmco.decide(delta, "count", "two-sided", 0.02, m=m)
        other = bmco.decide(delta, name, "two-sided", 0.02)
        for side, same in zip(one.sides, other.sides, strict=True):
            assert side.probability == same.probability
            assert (side.statistic, side.threshold) == (same.statistic, same.threshold)
        assert one.verdict == other.verdict


def test_count_errs_at_no_more_than_its_level():
    """Claims pass by mistake in at most α of trials, however outcomes are correlated (Markov)."""
    for K in range(1, 7):
        for m in range(1, K + 1):
            for nulls in range(K - m + 1, K + 1):  # so that fewer than m are better
                pass_one = 0.05 / (K - m + 1)
                needed = m - (K - nulls)  # the others pass for sure
                assert nulls * pass_one / needed <= 0.05 + 1e-12
                assert binom.sf(needed - 1, nulls, pass_one) <= 0.05 + 1e-12  # independent


def test_count_in_words(delta):
    text = str(bmco.decide(delta, "count", m=2))
    assert text.startswith("Rule Count (at least 2), right-sided, level 0.05: not superior")
    assert "P(at least 2 of δ[a] > 0, δ[b] > 0, δ[c] > 0) = " in text
    assert "marginal probability of rank 2 0.97" in text


def test_a_rule_stands_for_its_arguments(delta):
    rule = bmco.Rule("comp", "left", {"a": 0.1, "b": 0, "c": 0}, [0.5, 0.25, 0.25], 0.1)
    given = bmco.decide(delta, "comp", "left", [0.1, 0, 0], [0.5, 0.25, 0.25], 0.1)
    assert str(bmco.decide(delta, rule)) == str(given)
    assert given.asked == rule.for_outcomes(OUTCOMES)
    assert bmco.Rule("all") == bmco.Rule("ALL", "right_sided")
    assert bmco.Rule(margins=np.array([0.1, 0.2])) == bmco.Rule(margins=(0.1, 0.2))
    assert bmco.Rule(margins=pd.Series({"a": 0.1})) == bmco.Rule(margins={"a": 0.1})
    assert bmco.Rule(margins=0.1) != bmco.Rule(margins={"a": 0.1})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "most"}, "rule='most': unknown rule.*'Count'"),
        ({"direction": "up"}, "direction='up': unknown direction"),
        ({"alpha": 0.95}, "alpha=0.95: must be above 0"),
        ({"rule": "count"}, "m=None: rule Count needs it"),
        ({"rule": "count", "m": 0}, "m=0: must be a whole number"),
        ({"rule": "count", "m": 1.5}, "m=1.5: must be a whole number"),
        ({"m": 2}, "m=2: is used by rule Count only"),
    ],
)
def test_a_rule_is_checked_when_it_is_made(arguments, message):
    with pytest.raises(bmco.InputError, match=message):
        bmco.Rule(**arguments)


def test_what_depends_on_the_outcomes_is_checked_with_them(delta):
    with pytest.raises(bmco.InputError, match="m=4: must be a whole number, from 1 to 3"):
        bmco.decide(delta, "count", m=4)
    with pytest.raises(bmco.InputError, match=r"margins=\[0, 0\]: needs 3 numbers"):
        bmco.decide(delta, margins=[0, 0], rule="all")
    with pytest.raises(bmco.InputError, match="alpha=0.1: is given in the Rule already"):
        bmco.decide(delta, bmco.Rule("all"), alpha=0.1)


def test_a_rule_warns_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bmco.Rule("comp", w=[3, 1], alpha=0.3).for_outcomes(["a", "b"]).for_outcomes(["a", "b"])
    assert [type(one.message) for one in caught] == [bmco.InputWarning] * 2
    assert "lets the decision err" in str(caught[0].message)
    assert "does not sum to 1" in str(caught[1].message)
    assert {one.filename for one in caught} == {__file__}


def test_a_verb_shows_the_arguments_of_the_rule():
    @asking("Any")
    def verb(first: int, rule: Rule, *, last: str = "z") -> tuple[int, Rule, str]:
        return first, rule, last

    signature = "(first, rule, direction, margins, w, alpha, m, statistic, cut, u, last)"
    assert "(" + ", ".join(inspect.signature(verb).parameters) + ")" == signature
    assert verb(1) == (1, Rule("any"), "z")
    assert verb(1, "all", "left", last="y") == (1, Rule("all", "left"), "y")
    assert verb(1, Rule("all")) == (1, Rule("all"), "z")
    with pytest.raises(TypeError, match="unexpected keyword argument 'foo'"):
        verb(1, foo=2)
    for public in (bmco.Effect.decide, bmco.Effect.report, bmco.Curve.decide, bmco.Fit.sensitivity):
        assert {"rule", "direction", "margins", "w", "alpha", "m"} <= set(
            inspect.signature(public).parameters
        )


@pytest.mark.parametrize("rule", [bmco.Rule("any"), bmco.Rule("count", m=2)])
def test_a_level_that_depends_on_the_outcomes_needs_them(rule):
    with pytest.raises(bmco.InputError, match="depends on how many outcomes"):
        rule.level()
    assert 0 < rule.for_outcomes(["y1", "y2", "y3"]).level() < rule.alpha
