"""Looks: stopping probabilities against other programs, simulated trials and enumeration."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import oracle
from scipy.stats import beta, betabinom, multinomial

from bmco_pymc import patterns
from bmco_pymc.decision.rule import Rule
from bmco_pymc.priors.components import Components
from bmco_pymc.trial import path
from bmco_pymc.trial.counts import count_table
from bmco_pymc.trial.looks import Looks
from bmco_pymc.trial.setting import Setting, ordered
from bmco_pymc.trial.simulation import follow, simulate
from bmco_pymc.trial.spending import HSD, Pocock
from bmco_pymc.trial.stages import Side, Stages, sides, true_patterns

Array = NDArray[np.float64]
FLAT: Components = (np.ones(1), np.full((1, 4), 0.5))


def one_side(
    rule: Rule,
    sizes: Any,
    cuts: Any,
    futility: float | None = None,
    by: str = "predictive",
    priors: tuple[Components, Components] | None = None,
    K: int = 2,
) -> Side:
    """Return the only side of a design; sizes at each look, of both groups or of each."""
    flat = (np.ones(1), np.full((1, 2**K), 2 / 2**K))
    setting = Setting(rule.for_outcomes([f"y{k}" for k in range(K)]), priors or (flat, flat))
    n = np.array(sizes)
    n = np.stack([n, n], axis=1) if n.ndim == 1 else n
    (side,) = sides(Stages(setting, n, np.array(cuts, dtype=float), futility, by))
    return side


def phi_of(theta: Any, rho: float = 0.0) -> Array:
    """Return φ of two outcomes, from the definition of the correlation."""
    a, b = theta
    both = a * b + rho * math.sqrt(a * (1 - a) * b * (1 - b))
    return np.array([both, a - both, b - both, 1 - a - b + both])


def exactly(side: Side, phi: Array) -> Array:
    found = side.stopping(phi)
    assert found is not None
    return found


# --- numbers of others ----------------------------------------------------------------------------


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "rho", [pytest.param("-0.3", marks=SLOW), "0", pytest.param("0.3", marks=SLOW)]
)
def test_three_looks_with_all(rho: str) -> None:
    given, (first, power, mean), tolerance = oracle(f"gs.bmvb.all.{rho}")
    phi = np.stack([phi_of(given[f"t{g}"], given["rho"]) for g in "CE"])
    ends = exactly(one_side(Rule("all"), given["n"], given["cuts"]), phi)
    assert ends[:, 0] == pytest.approx(first, abs=tolerance)
    assert ends[:, 0].sum() == pytest.approx(power, abs=tolerance)
    stopped = np.append(ends[:-1, 0], 1 - ends[:-1, 0].sum())
    assert stopped @ given["n"] == pytest.approx(mean, abs=1e-4)
    assert (ends[:, 1] == 0).all()


@pytest.mark.slow
def test_three_looks_with_any() -> None:
    given, (first, power), tolerance = oracle("gs.bmvb.any")
    phi = np.stack([phi_of(given[f"t{g}"], given["rho"]) for g in "CE"])
    ends = exactly(one_side(Rule("any"), given["n"], given["cuts"]), phi)
    assert ends[:, 0] == pytest.approx(first, abs=tolerance)
    assert ends[:, 0].sum() == pytest.approx(power, abs=tolerance)


def test_four_looks_with_one_outcome() -> None:
    given, value, tolerance = oracle("gs.k1")
    side = one_side(Rule("all"), given["n"], [given["cut"]] * 4, K=1)
    ends = exactly(side, np.array([[given["theta"], 1 - given["theta"]]] * 2))
    assert ends[:, 0].sum() == pytest.approx(value, abs=tolerance)


def test_cut_offs_of_looks() -> None:
    given, (for_all, for_any), tolerance = oracle("gs.hsd.3.p")
    looks = Looks([20, 40, 60], HSD(given["gamma"]))
    for name, expected in (("all", for_all), ("any", for_any)):
        rule = Rule(name, alpha=given["alpha"]).for_outcomes(["a", "b"])
        np.testing.assert_allclose(looks.thresholds(rule), expected, rtol=0, atol=tolerance)
    of_two = Rule("count", alpha=given["alpha"], m=2).for_outcomes(["a", "b", "c"])
    np.testing.assert_allclose(looks.thresholds(of_two), for_any, rtol=0, atol=tolerance)


@pytest.mark.parametrize("k", [3, 5])
def test_looks_at_a_constant_cut_off_spend_what_pocock_does(k: int) -> None:
    """At k looks with Pocock's cut-off, an outcome errs at about the level."""
    given, cuts, _ = oracle("gs.pocock")
    cut = cuts[given["k"].index(k)]
    side = one_side(Rule("all"), [150 * (i + 1) for i in range(k)], [cut] * k, K=1)
    total = exactly(side, np.array([[0.5, 0.5]] * 2))[:, 0].sum()
    assert total == pytest.approx(given["alpha"], abs=0.004)  # the normal limit


# --- one look, and looks that never stop ----------------------------------------------------------

RULES = [
    (Rule("all", margins=[-0.1, 0.05]), 0.9),
    (Rule("any"), 0.95),
    (Rule("comp", w=[0.7, 0.3], margins=0.05), 0.8),
    (Rule("utility", "left", u=[1, -0.2, 0.4, 0]), 0.8),
]
TRUTH = np.array([[0.2, 0.2, 0.15, 0.45], [0.4, 0.2, 0.25, 0.15]])


@pytest.mark.parametrize(("rule", "cut"), RULES, ids=lambda value: getattr(value, "rule", value))
def test_a_look_that_never_stops_is_none(rule: Rule, cut: float) -> None:
    sizes = [[4, 5], [9, 11]]
    ends = exactly(one_side(rule, sizes, [1 - 1e-15, cut]), TRUTH)
    fixed = exactly(one_side(rule, sizes[-1:], [cut]), TRUTH)
    assert ends[0].tolist() == [0, 0]
    assert ends[1, 0] == pytest.approx(fixed[0, 0], abs=1e-9)
    assert 0.02 < fixed[0, 0] < 0.98


@pytest.mark.parametrize(("rule", "cut"), RULES, ids=lambda value: getattr(value, "rule", value))
def test_the_first_look_is_a_design_of_its_own(rule: Rule, cut: float) -> None:
    ends = exactly(one_side(rule, [[6, 7], [10, 12]], [cut, 0.9]), TRUTH)
    fixed = exactly(one_side(rule, [[6, 7]], [cut]), TRUTH)
    assert ends[0, 0] == pytest.approx(fixed[0, 0], abs=1e-9)


# --- by enumeration -------------------------------------------------------------------------------


def by_enumeration(side: Side, phi: Array) -> Array:
    """Return the same by going through the pattern counts of both groups and of each stage."""
    sizes = side.stages.sizes
    found = np.zeros((len(sizes), 2))
    high, low = ordered(side.direction)
    paths: dict[Any, float] = {((0,) * 4, (0,) * 4): 1.0}
    before = np.zeros(2, dtype=int)
    for look, n in enumerate(sizes):
        more = n - before
        ways = [
            np.array([c for c in itertools.product(range(m + 1), repeat=4) if sum(c) == m])
            for m in more
        ]
        mass = [multinomial.pmf(w, m, p) for w, m, p in zip(ways, more, phi, strict=True)]
        moved: dict[Any, float] = {}
        for (old, young), weight in paths.items():
            for i, p in zip(ways[0] + old, mass[0], strict=True):
                for j, q in zip(ways[1] + young, mass[1], strict=True):
                    key = tuple(i.tolist()), tuple(j.tolist())
                    moved[key] = moved.get(key, 0.0) + weight * p * q
        keys = list(moved)
        weights = np.array(list(moved.values()))
        counts = [np.array([key[g] for key in keys]) for g in range(2)]
        of = side.decided[look].counted.astype(int)
        pair = counts[high] @ of, counts[low] @ of
        met = side.decided[look].met(*pair)
        found[look, 0] = weights[met].sum()
        stopped = met.copy()
        if (futile := side.futile[look]) is not None:
            given_up = futile.met(*pair) & ~met
            found[look, 1] = weights[given_up].sum()
            stopped |= given_up
        paths = {key: moved[key] for key, out in zip(keys, stopped, strict=True) if not out}
        before = n
    return found


@pytest.mark.parametrize("futility", [None, 0.3])
@pytest.mark.parametrize(
    ("rule", "cuts", "by"),
    [
        (Rule("all"), [0.85, 0.75], "predictive"),
        (Rule("any", "left"), [0.9, 0.8], "posterior"),
        (Rule("count", margins=[-0.1, 0], m=2), [0.8, 0.7], "posterior"),
        (Rule("comp", w=[0.7, 0.3]), [0.9, 0.8], "posterior"),
    ],
    ids=["all", "any", "count", "comp"],
)
def test_every_path_of_a_small_trial(rule, cuts, by, futility) -> None:
    side = one_side(rule, [[2, 1], [3, 4]], cuts, futility, by)
    ends, expected = exactly(side, TRUTH), by_enumeration(side, TRUTH)
    np.testing.assert_allclose(ends, expected, rtol=0, atol=1e-9)
    assert (expected[:, 0] > 0.001).any()
    assert (expected[0, 1] > 0.01) == (futility is not None)


# --- against simulated trials ---------------------------------------------------------------------

DESIGNS: dict[str, tuple[Rule, Any, list[float], float | None, str]] = {
    "all": (Rule("all"), [12, 25, 40], [0.98, 0.96, 0.95], None, ""),
    "all, predictive": (Rule("all"), [12, 25, 40], [0.98, 0.96, 0.95], 0.2, "predictive"),
    "all, posterior": (Rule("all"), [12, 25, 40], [0.98, 0.96, 0.95], 0.5, "posterior"),
    "unequal": (Rule("all"), [[10, 20], [25, 50]], [0.97, 0.95], 0.1, "predictive"),
    "any": (Rule("any", "left"), [[15, 10], [33, 22]], [0.99, 0.97], 0.3, "predictive"),
    "margins": (Rule("any", margins=[-0.1, 0.1]), [14, 30], [0.98, 0.97], 0.6, "posterior"),
    "comp": (Rule("comp"), [8, 16, 24], [0.97, 0.96, 0.95], 0.4, "posterior"),
    "weights": (Rule("comp", w=[0.7, 0.3]), [[4, 5], [8, 10]], [0.95, 0.9], None, ""),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_stopping_as_in_simulated_trials(name: str) -> None:
    rule, sizes, cuts, futility, by = DESIGNS[name]
    side = one_side(rule, sizes, cuts, futility, by or "predictive")
    phi = TRUTH if rule.direction == "right" else TRUTH[::-1]
    ends, trials = exactly(side, phi), 100_000
    found = simulate(side, phi, trials, np.random.default_rng(11)).probabilities
    error = np.sqrt(np.maximum(ends * (1 - ends), 1e-5) / trials)
    assert (np.abs(ends - found) < 4 * error).all()
    assert (ends[:, 0] > 0.01).all()
    assert (ends[:-1, 1] > 0.002).all() == (futility is not None)
    assert ends[-1, 1] == 0
    assert ends.sum() < 1


def test_three_outcomes_with_looks() -> None:
    rng = np.random.default_rng(2)
    side = one_side(Rule("count", m=2), [4, 9], [0.95, 0.9], 0.2, "predictive", K=3)
    phi = np.stack([rng.dirichlet(np.full(8, 3.0)), true_patterns([0.8, 0.7, 0.75])])
    ends, trials = exactly(side, phi), 100_000
    found = simulate(side, phi, trials, np.random.default_rng(1)).probabilities
    error = np.sqrt(np.maximum(ends * (1 - ends), 1e-5) / trials)
    assert (np.abs(ends - found) < 4 * error).all()
    assert ends[0, 1] > 0.01


def test_what_goes_on_from_counts_that_were_seen() -> None:
    """From nothing it is the whole trial; from what decides the first look, there is no other."""
    side = one_side(Rule("all"), [10, 20], [0.9, 0.9])
    phi = TRUTH[None].repeat(1000, axis=0)
    success = np.array([[0, 0, 0, 9], [9, 0, 0, 0]])
    seen = follow(side, phi, success, 1000, np.random.default_rng(1))
    assert seen.probabilities.tolist() == [[1, 0], [0, 0]]
    nothing = np.zeros((2, 4), dtype=int)
    found = follow(side, phi, nothing, 1000, np.random.default_rng(3)).probabilities
    again = simulate(side, TRUTH, 1000, np.random.default_rng(3)).probabilities
    error = np.sqrt(0.25 / 1000)
    assert (np.abs(found - again) < 6 * error).all()


# --- futility -------------------------------------------------------------------------------------


def predictive(n: int, last: int, cut: float, margin: float) -> Array:
    """Return the predictive probability of one outcome's claim by the counts so far.

    By sums throughout, and over a grid of the other group's θ.
    """
    y = (np.arange(2_000) + 0.5) / 2_000
    says = np.zeros((last + 1, last + 1))
    for x, z in itertools.product(range(last + 1), repeat=2):
        weight = beta.pdf(y, 1 + z, 1 + last - z)
        exceeds = weight * beta.sf(y + margin, 1 + x, 1 + last - x)
        says[x, z] = exceeds.sum() / weight.sum() > cut
    more = np.arange(last - n + 1)
    gains = [betabinom.pmf(more, last - n, 1 + s, 1 + n - s) for s in range(n + 1)]
    found = np.zeros((n + 1, n + 1))
    for s, t in itertools.product(range(n + 1), repeat=2):
        found[s, t] = gains[s] @ says[s + more][:, t + more] @ gains[t]
    return found


@pytest.mark.parametrize("name", ["all", "any"])
@pytest.mark.parametrize("margin", [0.0, -0.15])
def test_futility_by_brute_force_prediction(name: str, margin: float) -> None:
    n, last, cut, below = 3, 7, 0.9, 0.35
    side = one_side(Rule(name, margins=[margin, 0.0]), [n, last], [0.99, cut], below)
    futile = side.futile[0]
    assert futile is not None
    assert side.futile[1] is None
    alone = [predictive(n, last, cut, m) for m in (margin, 0.0)]
    assert min(abs(part - below).min() for part in alone) > 1e-3  # no tie that a grid could miss
    pairs = np.array(list(itertools.product(range(n + 1), repeat=4)))
    each = np.stack([alone[0][pairs[:, 0], pairs[:, 2]], alone[1][pairs[:, 1], pairs[:, 3]]])
    expected = (each.min(axis=0) if name == "all" else each.max(axis=0)) < below
    assert (futile.met(pairs[:, :2], pairs[:, 2:]) == expected).all()
    assert 0.05 < expected.mean() < 0.95
    counts = np.array(list(itertools.product(range(n + 1), repeat=2)))
    grid = futile.grid(counts, counts)
    assert (grid.ravel() == expected).all()


def test_prediction_at_the_end_is_the_decision() -> None:
    """Where nearly nothing is to come, predicted is what is nearly decided."""
    setting = Setting(Rule("all").for_outcomes(["a"]), ((np.ones(1), np.ones((1, 2))),) * 2)
    from bmco_pymc.trial.futility import by_posterior, by_prediction

    counts = np.arange(13)[:, None]
    predicted = by_prediction(setting, "right", (12, 12), (12, 12), 0.9, 0.5)
    judged = by_posterior(setting, "right", (12, 12), 0.9)
    assert predicted is not None
    assert judged is not None
    assert (predicted.grid(counts, counts) == judged.grid(counts, counts)).all()


def test_a_mixture_predicts_too() -> None:
    """One outcome, a robust control prior: predictive probability from its own sums."""
    robust: Components = (np.array([0.8, 0.2]), np.array([[11.0, 32.0], [1.0, 1.0]]))
    flat: Components = (np.ones(1), np.ones((1, 2)))
    side = one_side(Rule("all"), [[3, 4], [6, 9]], [0.99, 0.9], 0.4, priors=(robust, flat), K=1)
    ends, trials = exactly(side, np.array([[0.3, 0.7], [0.5, 0.5]])), 100_000
    found = simulate(
        side, np.array([[0.3, 0.7], [0.5, 0.5]]), trials, np.random.default_rng(1)
    ).probabilities
    assert (np.abs(ends - found) < 4 * np.sqrt(np.maximum(ends, 1e-4) / trials)).all()

    def weights(s: int, n: int) -> Array:
        parts = np.array([betabinom.pmf(s, n, a, b) for a, b in robust[1]]) * robust[0]
        return parts / parts.sum()

    y = (np.arange(4000) + 0.5) / 4000

    def claimed(s: int, t: int) -> bool:
        density = sum(
            w * beta.pdf(y, a + t, b + 6 - t)
            for w, (a, b) in zip(weights(t, 6), robust[1], strict=True)
        )
        return float((density * beta.sf(y, 1 + s, 10 - s)).sum() / density.sum()) > 0.9

    says = np.array([[claimed(s, t) for t in range(7)] for s in range(10)])
    futile = side.futile[0]
    assert futile is not None
    seen = []
    for s, t in itertools.product(range(5), range(4)):
        of_high = betabinom.pmf(np.arange(10) - s, 5, 1 + s, 5 - s)
        of_low = sum(
            w * betabinom.pmf(np.arange(7) - t, 3, a + t, b + 3 - t)
            for w, (a, b) in zip(weights(t, 3), robust[1], strict=True)
        )
        probability = float(of_high @ says @ of_low)
        assert abs(probability - 0.4) > 1e-3
        seen.append(probability < 0.4)
        assert futile.met(np.array([[s]]), np.array([[t]])).tolist() == [seen[-1]]
    assert 0 < sum(seen) < len(seen)


def test_giving_up_is_not_binding() -> None:
    side = one_side(Rule("all"), [20, 40], [0.98, 0.95], 0.3)
    with_it = exactly(side, TRUTH)
    (without,) = sides(side.stages.binding())
    free = exactly(without, TRUTH)
    assert free[:, 1].tolist() == [0, 0]
    assert free[0, 0] == with_it[0, 0]
    assert free[:, 0].sum() > with_it[:, 0].sum()


def test_what_cannot_be_predicted() -> None:
    for rule, by in ((Rule("comp"), "predictive"), (Rule("all", statistic="joint"), "posterior")):
        with pytest.raises(NotImplementedError):
            one_side(rule, [5, 10], [0.98, 0.95], 0.1, by)


# --- what is left out -----------------------------------------------------------------------------


def test_hardly_anything_is_left_out(monkeypatch) -> None:
    side = one_side(Rule("all"), [12, 25], [0.97, 0.95], 0.2)
    ends = exactly(side, TRUTH)
    monkeypatch.setattr(path, "LEFT_OUT", 0.0)
    np.testing.assert_allclose(ends, exactly(side, TRUTH), rtol=0, atol=5e-11)
    table = count_table(40, TRUTH[0], patterns.bits(2))
    monkeypatch.undo()
    kept = path._likely(table)
    assert 1 - table[tuple(kept.T)].sum() < 2e-11
    assert len(kept) < 0.7 * table.size


def test_too_many_counts_are_not_gone_through(monkeypatch) -> None:
    side = one_side(Rule("all"), [12, 25], [0.97, 0.95])
    monkeypatch.setattr(path, "MOST", 1000)
    assert side.stopping(TRUTH) is None


def test_spending_is_by_subjects() -> None:
    looks = Looks((10, 50), Pocock())
    rule = Rule("all").for_outcomes(["a"])
    spent = 1 - looks.thresholds(rule)[0]
    assert spent == pytest.approx(0.05 * math.log(1 + (math.e - 1) * 0.2), abs=1e-12)
    assert looks.fractions.tolist() == [0.2, 1.0]
