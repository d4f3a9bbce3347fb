"""P(W_high − W_low > margin) for weighted sums W of Dirichlet probabilities, for all states."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import oracle
from scipy.integrate import quad
from scipy.stats import beta

from bmco_pymc import patterns
from bmco_pymc.decision.rule import Rule
from bmco_pymc.trial import inversion, weighted
from bmco_pymc.trial.counts import count_table
from bmco_pymc.trial.decided import BySum
from bmco_pymc.trial.kinds import Kinds
from bmco_pymc.trial.setting import Setting
from bmco_pymc.trial.superiority import superiority
from bmco_pymc.trial.weighted import Superiority, weighted_superiority

Array = NDArray[np.float64]
HALF = np.array([1.0, 0.5, 0.0])  # both, one, none
OTHER = np.array([1.0, 0.75, 0.25, 0.0])


def comp(given: dict[str, Any], w: list[float]) -> float:
    """Return the power of Comp, as an oracle has it."""
    prior = (np.ones(1), np.full((1, 4), given["prior"]))
    rule = Rule("comp", w=w, alpha=given["alpha"]).for_outcomes(["a", "b"])
    decided = Setting(rule, (prior, prior)).decided(
        "right", (given["nC"], given["nE"]), rule.threshold()
    )
    assert isinstance(decided, BySum)
    high, low = (
        count_table(given[f"n{g}"], phi_of(given[f"t{g}"], given["rho"]), decided.counted)
        for g in "EC"
    )
    return decided.success(high, low)


def phi_of(theta: list[float], rho: float) -> Array:
    """Return φ of two outcomes, from the definition of the correlation."""
    a, b = theta
    both = a * b + rho * math.sqrt(a * (1 - a) * b * (1 - b))
    return np.array([both, a - both, b - both, 1 - a - b + both])


def by_nested_quadrature(a: Array, c: Array, margin: float) -> float:
    """Return P for three kinds of scores 1, ½, 0, the tail of W written down as an integral.

    The first probability is X = Beta(a_1, a_2 + a_3), the second (1 − X) V with V = Beta(a_2, a_3):
    W = X + (1 − X) V / 2 exceeds x where V exceeds 2 (x − X) / (1 − X).
    """
    nodes, weights = np.polynomial.legendre.leggauss(200)
    t, w = (nodes + 1) / 2, weights / 2

    def below(x: float, p: Array) -> float:
        """Return P(W <= x) for 0 < x < 1."""
        start, end = max(0.0, 2 * x - 1), x  # of X; beyond, V must be below 0
        total = beta.cdf(start, p[0], p[1] + p[2])
        at = start + (end - start) * t**3  # for what is singular at 0
        part = beta.pdf(at, p[0], p[1] + p[2]) * beta.cdf(2 * (x - at) / (1 - at), p[1], p[2])
        return float(total + (part * w * 3 * t**2).sum() * (end - start))

    def density(x: float, p: Array) -> float:
        start, end = max(0.0, 2 * x - 1), x
        # V is singular at both of its ends
        at = start + (end - start) * (1 - np.cos(math.pi * t)) / 2
        turn = (end - start) * math.pi / 2 * np.sin(math.pi * t) * w
        part = beta.pdf(at, p[0], p[1] + p[2])
        part = part * beta.pdf(2 * (x - at) / (1 - at), p[1], p[2]) * 2 / (1 - at)
        return float((part * turn).sum())

    bottom, top = max(0.0, margin), min(1.0, 1.0 + margin)
    edges = sorted({bottom, top, *(e for e in (0.5, 0.5 + margin) if bottom < e < top)})
    total = 1 - below(top, a) if top < 1 else 0.0
    for start, end in itertools.pairwise(edges):
        total += quad(
            lambda x: density(x, a) * below(x - margin, c), start, end, epsabs=1e-10, limit=200
        )[0]
    return float(total)


# --- numbers of others ----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [26, 38, 49])
def test_power_with_equal_weights(n: int) -> None:
    given, value, tolerance = oracle(f"bmvb.comp.{n}")
    assert comp(given, [0.5, 0.5]) == pytest.approx(value, abs=tolerance)


def test_power_with_other_weights() -> None:
    given, value, tolerance = oracle("bmvb.comp.w")
    assert comp(given, [0.75, 0.25]) == pytest.approx(value, abs=tolerance)


def test_one_posterior_probability() -> None:
    given, value, tolerance = oracle("post.comp.w")
    scores = np.array([1.0, given["w"][0], given["w"][1], 0.0])
    one, other = (np.array(given[g]) + given["prior"] for g in "EC")
    found = weighted_superiority(one, 0, other, 0, scores).probabilities()
    assert found.shape == (1, 1)
    assert found.item() == pytest.approx(value, abs=tolerance)
    # and among all states of so many subjects
    prior = np.full(4, given["prior"])
    n = sum(given["E"])
    states = Kinds.of(scores).states(n).tolist()
    everything = weighted_superiority(prior, n, prior, n, scores).probabilities()
    place = states.index(given["E"]), states.index(given["C"])
    assert everything[place] == pytest.approx(value, abs=tolerance)
    assert everything[place] == pytest.approx(found.item(), abs=1e-10)


# --- special cases --------------------------------------------------------------------------------


@pytest.mark.parametrize("margin", [0.0, 0.1, -0.1, 0.7, -0.7])
@pytest.mark.parametrize("scores", [[1.0, 0.0], [3.0, -1.0]])
@pytest.mark.parametrize("priors", [([1, 1], [1, 1]), ([1.25, 30], [2.5, 1.5])])
def test_two_kinds_are_beta(priors, scores, margin) -> None:
    """W of two kinds is a probability, stretched to the range of the scores."""
    high, low = (np.array(prior, dtype=float) for prior in priors)
    stretch = scores[0] - scores[1]
    found = weighted_superiority(high, 12, low, 9, np.array(scores), margin * stretch)
    expected = superiority(tuple(high), 12, tuple(low), 9, margin)
    np.testing.assert_allclose(found.probabilities(), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("margin", [0.0, 0.07, -0.07, 0.5, -0.5, -0.62])
@pytest.mark.parametrize(
    ("a", "c"),
    [([3.5, 2, 4.5], [2, 5, 3.5]), ([7, 1.5, 2], [1.5, 1, 6]), ([20, 9, 11], [12, 8, 20])],
)
def test_three_kinds_against_nested_quadrature(a, c, margin) -> None:
    one, other = np.array(a, dtype=float), np.array(c, dtype=float)
    found = weighted_superiority(one, 0, other, 0, HALF, margin).probabilities().item()
    assert found == pytest.approx(by_nested_quadrature(one, other, margin), abs=2e-8)


@pytest.mark.parametrize("margin", [0.0, 0.05, -0.2])
def test_one_is_larger_or_the_other(margin: float) -> None:
    a, c = np.array([0.5, 0.7, 0.25, 1.0]), np.array([2.0, 0.3, 0.5, 0.5])
    one = weighted_superiority(a, 4, c, 6, OTHER, margin).probabilities()
    other = weighted_superiority(c, 6, a, 4, OTHER, -margin).probabilities()
    np.testing.assert_allclose(one + other.T, 1, rtol=0, atol=1e-9)


def test_equal_states_tie() -> None:
    prior = np.full(4, 0.5)
    table = weighted_superiority(prior, 6, prior, 6, OTHER).probabilities()
    np.testing.assert_allclose(np.diag(table), 0.5, rtol=0, atol=1e-10)


def test_the_scale_of_the_scores_does_not_matter() -> None:
    prior = np.full(4, 0.5)
    one = weighted_superiority(prior, 5, prior, 4, OTHER, 0.1).probabilities()
    other = weighted_superiority(prior, 5, prior, 4, 40 * OTHER - 7, 4.0).probabilities()
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-10)


def test_a_better_subject_makes_it_more_likely() -> None:
    prior, kinds = np.full(4, 0.5), Kinds.of(OTHER)
    states = kinds.states(6).tolist()
    table = weighted_superiority(prior, 6, prior, 6, OTHER, 0.03).probabilities()
    moves = 0
    for place, state in enumerate(states):
        for kind in range(1, 4):
            if state[kind]:
                better = list(state)
                better[kind] -= 1
                better[kind - 1] += 1
                other = states.index(better)
                assert (table[other] >= table[place] - 1e-10).all()
                assert (table[:, other] <= table[:, place] + 1e-10).all()
                moves += 1
    assert moves > 100


# --- accuracy -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prior", "n", "scores", "margin"),
    [
        (np.array([0.5, 1.0, 0.5]), 9, HALF, 0.0),
        (np.array([0.5, 1.0, 0.5]), 9, HALF, -0.13),
        (np.array([0.5, 1.0, 0.5]), 25, HALF, 0.0),
        (np.full(4, 0.5), 6, OTHER, 0.0),
        (np.full(4, 0.5), 6, OTHER, 0.1),
        (np.array([0.1, 0.9, 0.6, 0.3]), 3, np.array([1.0, 0.9, 0.15, 0.0]), 0.0),
    ],
)
def test_finer_steps_change_nothing(prior, n, scores, margin, monkeypatch) -> None:
    found = weighted_superiority(prior, n, prior, n, scores, margin).probabilities()
    nodes = weighted._nodes
    monkeypatch.setattr(inversion, "STEP", inversion.STEP / 2)
    monkeypatch.setattr(weighted, "REACH", weighted.REACH + 0.3)
    monkeypatch.setattr(
        weighted, "_nodes", lambda edges, spread, reach: nodes(edges, spread / 2, reach)
    )
    finer = weighted_superiority(prior, n, prior, n, scores, margin).probabilities()
    np.testing.assert_allclose(found, finer, rtol=0, atol=1e-10)


@pytest.mark.parametrize("prior", [[0.25, 0.25], [0.5, 0.5], [0.3, 2.0]])
def test_small_priors(prior) -> None:
    a = np.array(prior)
    found = weighted_superiority(a, 5, a, 4, np.array([1.0, 0.0])).probabilities()
    expected = superiority(tuple(prior), 5, tuple(prior), 4)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("margin", [0.0, -0.15])
def test_three_outcomes_against_draws(margin: float) -> None:
    rng = np.random.default_rng(3)
    rule = Rule("comp", w=[0.5, 0.3, 0.2]).for_outcomes(["a", "b", "c"])
    kinds = Kinds.of(rule.scores())
    assert len(kinds.scores) == 7  # .5 is the first outcome alone, or the two others
    draws = 200_000
    for _ in range(3):
        alphas: list[Any] = [rng.integers(0, 5, 8) + 0.25 for _ in range(2)]
        states = [alpha @ kinds.members for alpha in alphas]
        found = weighted_superiority(
            states[0], 0, states[1], 0, kinds.scores, margin
        ).probabilities()
        phi = [rng.dirichlet(alpha, draws) for alpha in alphas]
        delta = patterns.theta_from_phi(phi[0]) - patterns.theta_from_phi(phi[1])
        share = float((delta @ [0.5, 0.3, 0.2] > margin).mean())
        error = math.sqrt(max(share * (1 - share), 1e-5) / draws)
        assert abs(found.item() - share) < 4 * error


def test_three_outcomes_with_equal_weights_have_four_kinds() -> None:
    rng = np.random.default_rng(8)
    rule = Rule("comp").for_outcomes(["a", "b", "c"])
    kinds = Kinds.of(rule.scores())
    np.testing.assert_allclose(kinds.scores, [1, 2 / 3, 1 / 3, 0], atol=1e-12)
    states, n = kinds.states(3), 3
    prior: Array = np.full(8, 0.25) @ kinds.members.astype(float)
    assert len(states) == math.comb(6, 3)
    table = weighted_superiority(prior, n, prior, n, kinds.scores).probabilities()
    draws = [rng.dirichlet(prior + state, 40_000) @ kinds.scores for state in states]
    for i, j in itertools.product(range(0, 20, 4), range(1, 20, 4)):
        share = float((draws[i] > draws[j]).mean())
        error = math.sqrt(max(share * (1 - share), 1e-4) / 40_000)
        assert abs(table[i, j] - share) < 4.5 * error


# --- kinds and rules ------------------------------------------------------------------------------


def test_kinds() -> None:
    kinds = Kinds.of([1, 0.3, 0.30000000000000004, 0])
    assert kinds.scores.tolist() == [1.0, 0.30000000000000004, 0.0]
    assert kinds.members.tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]
    back = Kinds.of([0, 2, 1, -1])  # not in order
    assert back.scores.tolist() == [2, 1, 0, -1]
    assert back.members.argmax(axis=1).tolist() == [2, 0, 1, 3]
    for n, r in ((0, 3), (5, 2), (4, 3), (3, 6)):
        states = Kinds.of(np.arange(float(r))).states(n)
        assert (states.sum(axis=1) == n).all()
        assert (states >= 0).all()
        assert len(np.unique(states, axis=0)) == len(states) == math.comb(n + r - 1, r - 1)


@pytest.mark.parametrize("direction", ["right", "left"])
def test_utility_with_additive_utilities_is_comp(direction: str) -> None:
    rng = np.random.default_rng(1)
    priors = tuple((np.ones(1), rng.uniform(0.3, 3, (1, 4))) for _ in range(2))
    of_comp = Rule("comp", direction, [0.1, -0.2], [0.75, 0.25])
    of_utility = Rule("utility", direction, 0.75 * 0.1 - 0.25 * 0.2, u=[1, 0.75, 0.25, 0])
    above = []
    for rule in (of_comp, of_utility):
        setting = Setting(rule.for_outcomes(["a", "b"]), (priors[0], priors[1]))
        decided = setting.decided(direction, (6, 5), 0.8)
        assert isinstance(decided, BySum)
        above.append(decided.above)
    assert (above[0] == above[1]).all()
    assert 0.05 < above[0].mean() < 0.95


def test_utility_of_any_shape_against_draws() -> None:
    """One success is worth less than nothing: what is better is no longer monotone."""
    rng = np.random.default_rng(2)
    u = [1.0, -0.4, 0.3, 0.0]
    setting = Setting(
        Rule("utility", margins=0.05, u=u).for_outcomes(["a", "b"]),
        ((np.ones(1), np.full((1, 4), 0.5)), (np.ones(1), np.full((1, 4), 1.5))),
    )
    decided = setting.decided("right", (4, 5), 0.7)
    counts = rng.multinomial(5, [0.4, 0.2, 0.2, 0.2], 60), rng.multinomial(4, [0.25] * 4, 60)
    of = decided.counted.astype(int)
    met = decided.met(counts[0] @ of, counts[1] @ of)
    checked = 0
    for high, low, answer in zip(*counts, met, strict=True):
        phi = rng.dirichlet(high + 1.5, 20_000), rng.dirichlet(low + 0.5, 20_000)
        share = float(((phi[0] - phi[1]) @ u > 0.05).mean())
        if abs(share - 0.7) > 4 * math.sqrt(0.21 / 20_000):
            assert answer == (share > 0.7)
            checked += 1
    assert checked > 50
    assert 5 < met.sum() < 55


def test_decisions_in_single_precision_are_those_in_double() -> None:
    prior, n = np.full(4, 0.5), 9
    found = weighted_superiority(prior, n, prior, n, OTHER)
    table = found.probabilities()
    # on one of the values, and between neighbours that differ by little
    values = np.unique(table.round(13))
    gaps = np.diff(values)
    close = values[np.flatnonzero((gaps > 1e-11) & (gaps < 1e-8) & (values[1:] > 0.6))[:20]]
    assert len(close) == 20
    for cut in [0.95, *close + 5e-12]:
        above = np.concatenate([part for _, part in found.exceed(float(cut))])
        assert (above == (table > cut)).all()


def test_tiles_are_put_together() -> None:
    rng = np.random.default_rng(6)
    made = Superiority(rng.uniform(size=(weighted.TILE * 2 + 7, 3)), rng.uniform(size=(5, 3)))
    parts = list(made.exceed(0.7))
    assert len(parts) == 3
    found = np.concatenate([part for _, part in parts])
    assert (found == (made.high @ made.low.T > 0.7)).all()
