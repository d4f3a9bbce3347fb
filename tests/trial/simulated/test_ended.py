"""How simulated trials end: hand-made numbers, and what they come to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bmco_pymc as bmco
from bmco_pymc.trial.probabilities import binomial_error
from bmco_pymc.trial.simulated.analysed import Analysed
from bmco_pymc.trial.simulated.ended import Both, Ended, numbers

type Array = np.ndarray

NAN = float("nan")


def rule(name: str = "all", K: int = 2, **more: Any) -> bmco.Rule:
    return bmco.Rule(name, **more).for_outcomes([f"y{k + 1}" for k in range(K)])


def trials(probability: Any, estimate: Any = 0.0, sd: float = 0.1, first: int = 0) -> Analysed:
    """Return trials of probabilities (T, looks, sides, C), failed where one is NaN."""
    probability = np.array(probability, dtype=float)
    T, looks, _, C = probability.shape
    delta = np.broadcast_to(np.asarray(estimate, dtype=float), (T, looks, C)).copy()
    failed = np.isnan(probability).any(axis=(2, 3))
    delta[failed] = NAN
    numbers_ = np.arange(first, first + T), probability, delta
    return Analysed(*numbers_, np.full_like(delta, sd), delta - 2 * sd, delta + 2 * sd, failed)


def one_side(rows: Any) -> Array:
    """Return probabilities (T, looks, 1, K) of (T, looks, K)."""
    return np.array(rows, dtype=float)[:, :, None]


CUTS = np.array([0.99, 0.97, 0.95])

# Smaller probability at each of three looks (the larger one is .999), and how the trial ends.
PATHS: list[tuple[list[float], int | None, int | None]] = [
    ([0.995, 0.2, 0.2], 0, None),  # stops for success; what comes later counts for nothing
    ([0.98, 0.975, 0.2], 1, None),
    ([0.98, 0.96, 0.96], 2, None),
    ([0.98, 0.96, 0.94], None, None),
    ([0.05, 0.99, 0.99], None, 0),  # given up, though it would have succeeded
    ([0.5, 0.05, 0.99], None, 1),
    ([0.5, 0.5, 0.05], None, None),  # at the end there is nothing to give up
    ([NAN, 0.975, 0.99], 1, None),  # a failed look stops nothing
    ([0.5, NAN, NAN], None, None),
    ([0.995, NAN, 0.99], 0, None),
]
FAILED = [False] * 7 + [True, True, False]  # at a look that was reached


def paths() -> Analysed:
    rows = [[[p, np.nan if np.isnan(p) else 0.999] for p in path] for path, _, _ in PATHS]
    estimate = np.arange(3)[None, :, None] / 10 + np.zeros((len(PATHS), 3, 2))
    return trials(one_side(rows), estimate)


def test_stopping_futility_and_failure() -> None:
    ended = Ended.of(paths(), rule(), CUTS, 0.1)
    for t, (_, success, futile) in enumerate(PATHS):
        for found, look in ((ended.success[t], success), (ended.futile[t], futile)):
            assert found.tolist() == [look == at for at in range(3)]
    assert ended.failed.tolist() == FAILED
    assert not ended.inferior.any()


def test_without_futility_nothing_is_given_up() -> None:
    ended = Ended.of(paths(), rule(), CUTS, None)
    assert not ended.futile.any()
    assert ended.success[4].tolist() == [False, True, False]
    assert ended.success[5].tolist() == [False, False, True]
    assert (ended.success.sum(axis=1) <= 1).all()


def test_estimates_are_those_of_the_look_at_which_a_trial_stops() -> None:
    ended = Ended.of(paths(), rule(), CUTS, 0.1)
    expected = [0.0, 0.1, 0.2, 0.2, 0.0, 0.1, 0.2, 0.1, NAN, 0.0]
    assert ended.estimate[:, 0] == pytest.approx(expected, abs=1e-12, nan_ok=True)
    assert ended.low == pytest.approx(ended.estimate - 0.2, abs=1e-12, nan_ok=True)
    assert ended.high == pytest.approx(ended.estimate + 0.2, abs=1e-12, nan_ok=True)


def test_claims_are_those_at_the_end() -> None:
    each = one_side([[[0.96, 0.94]], [[0.97, 0.99]], [[0.1, 0.951]], [[NAN, NAN]]])
    ended = Ended.of(trials(each), rule("any"), np.array([0.95]), None)
    assert ended.claims.tolist() == [[True, False], [True, True], [False, True], [False, False]]
    assert ended.success[:, 0].tolist() == [True, True, True, False]
    both = Ended.of(trials(each), rule(), np.array([0.95]), None)
    assert both.success[:, 0].tolist() == [False, True, False, False]


def test_a_cut_off_must_be_exceeded() -> None:
    ended = Ended.of(trials(one_side([[[0.95, 0.95]]])), rule(), np.array([0.95]), None)
    assert not ended.success.any()


def test_inferior_is_the_left_side() -> None:
    right, left = [0.99, 0.2, 0.5, 0.99], [0.3, 0.99, 0.5, 0.99]
    each = np.array([right, left]).T[:, None, :, None]  # (T, 1, sides, 1)
    ended = Ended.of(trials(each), rule(K=1, direction="two-sided"), np.array([0.975]), None)
    assert ended.success[:, 0].tolist() == [True, False, False, True]
    assert ended.inferior.tolist() == [False, True, False, True]


# --- from trials to probabilities -----------------------------------------------------------------

SIZES = np.array([[10, 20], [20, 40], [30, 60]])


def of(both: Both, delta: Any = ((0.1, 0.1),), sizes: Array = SIZES) -> Any:
    return numbers(both, np.array(delta, dtype=float), sizes)


def test_probabilities_of_how_trials_end() -> None:
    both = Both(paths(), Analysed.empty(), rule(), CUTS, 0.1)
    found = of(both)
    assert found["success"].item() == pytest.approx(0.5)
    assert found["stop_success"].values == pytest.approx([0.2, 0.2, 0.1])
    assert found["stop_futility"].values == pytest.approx([0.1, 0.1, 0.0])
    assert found["mcse"].item() == pytest.approx(binomial_error(0.5, 10), abs=1e-12)
    assert found["failed"].item() == pytest.approx(0.2)
    stopped = np.array([0.3, 0.3, 0.4])
    assert found["expected_n"].values == pytest.approx(stopped @ SIZES)
    assert found["median_n"].values.tolist() == [20, 40]
    assert found["n90"].values.tolist() == [30, 60]
    assert (found["trials"].item(), found["audited"].item()) == (10, 0)
    assert np.isnan(found["disagreement"].item())
    assert "claim" not in found  # with looks there is no end for all
    assert "inferior" not in found


def test_claims_and_the_other_side_without_looks() -> None:
    each = np.array(
        [[[[0.99, 0.98], [0.01, 0.02]]], [[[0.99, 0.5], [0.01, 0.5]]],
         [[[0.01, 0.02], [0.99, 0.98]]], [[[0.5, 0.5], [0.5, 0.5]]]]
    )  # fmt: skip
    asked = rule(direction="two-sided")
    found = of(Both(trials(each), Analysed.empty(), asked, np.array([0.975])), sizes=SIZES[-1:])
    assert found["success"].item() == 0.25
    assert found["inferior"].item() == 0.25
    assert found["claim"].values.tolist() == [0.5, 0.25]
    assert found["claim_mcse"].values == pytest.approx(
        [binomial_error(0.5, 4), binomial_error(0.25, 4)]
    )


def test_one_event_has_no_claims() -> None:
    probability, delta = np.array([0.99, 0.2]).reshape(2, 1, 1, 1), np.zeros((2, 1, 2))
    failed = np.zeros((2, 1), dtype=bool)
    one = Analysed(np.arange(2), probability, delta, delta, delta, delta, failed)
    found = of(Both(one, Analysed.empty(), rule("comp"), np.array([0.95])), sizes=SIZES[-1:])
    assert found["success"].item() == 0.5
    assert "claim" not in found


def test_bias_error_and_coverage() -> None:
    """Trials take two truths in turn; the interval is the estimate ± .2."""
    estimate = np.array([0.1, 0.3, 0.5, 0.3, NAN, 0.25])[:, None, None]
    probability = np.where(np.isnan(estimate), np.nan, 0.5)[:, :, None]
    both = Both(trials(probability, estimate), Analysed.empty(), rule(K=1), np.array([0.95]))
    found = of(both, [[0.2], [0.3]], SIZES[-1:])
    errors = np.array([-0.1, 0.0, 0.3, 0.0, -0.05])
    assert found["bias"].item() == pytest.approx(errors.mean(), abs=1e-12)
    assert found["bias_mcse"].item() == pytest.approx(errors.std(ddof=1) / np.sqrt(5), abs=1e-12)
    assert found["rmse"].item() == pytest.approx(np.sqrt((errors**2).mean()), abs=1e-12)
    assert found["coverage"].item() == pytest.approx(0.8, abs=1e-12)
    assert found["failed"].item() == pytest.approx(1 / 6)
    assert found["success"].item() == 0


def simulated(T: int, audited: int, wrong: float, seed: int = 1) -> Both:
    """Return trials of one outcome of which NUTS has analysed some, near ones more, some otherwise.

    A tenth of all is near the cut-off, and half of the audited ones are.
    """
    rng = np.random.default_rng(seed)
    p, near = rng.random(T), rng.random(T) < 0.1
    other = np.where(rng.random(T) < wrong, 1 - p, p)
    delta = rng.normal(0.1, 0.1, T)
    fast = trials(p[:, None, None, None], delta[:, None, None])
    off = delta + np.where(near, 0.03, 0.01) + rng.normal(0, 0.005, T)
    half = [np.flatnonzero(part)[: audited // 2] for part in (near, ~near)]
    which = np.arange(T) if audited == T else np.sort(np.concatenate(half))
    nuts = trials(other[:, None, None, None], off[:, None, None]).part(which)
    return Both(fast, nuts, rule(K=1), np.array([0.6]), near=near)


def over_strata(both: Both, numbers_: Array) -> float:
    """Return the mean over all trials of a number of the audited ones, strata by their weights."""
    assert both.near is not None
    W, own = both.near.mean(), both.near[both.nuts.trial]
    return float(W * numbers_[own].mean() + (1 - W) * numbers_[~own].mean())


def test_audited_trials_correct_fast_ones() -> None:
    both = simulated(2000, 200, 0.04)
    which = both.nuts.trial
    fast = both.fast.probability.ravel() > 0.6
    nuts = both.nuts.probability.ravel() > 0.6
    found = of(both, [[0.1]], SIZES[-1:])
    r = nuts.astype(float) - fast[which]
    assert np.abs(r).sum() > 2
    shift = over_strata(both, r)
    assert abs(shift - r.mean()) > 1e-4
    assert found["success"].item() == pytest.approx(fast.mean() + shift, abs=1e-12)
    assert found["stop_success"].values == pytest.approx([fast.mean() + shift], abs=1e-12)
    assert found["claim"].values == pytest.approx([fast.mean() + shift], abs=1e-12)
    otherwise = over_strata(both, np.abs(r))
    assert found["disagreement"].item() == pytest.approx(otherwise, abs=1e-12)
    assert found["shift"].item() == pytest.approx(shift, abs=1e-12)
    assert (found["trials"].item(), found["audited"].item()) == (2000, 200)
    assert not found["refused"].item()
    delta, own = both.fast.estimate.ravel(), both.nuts.estimate.ravel()
    expected = delta.mean() + over_strata(both, own - delta[which]) - 0.1
    assert found["bias"].item() == pytest.approx(expected, abs=1e-12)
    # It differs little, so that nearly all trials count.
    assert found["bias_mcse"].item() < 0.1 / np.sqrt(2000) * 1.05
    squares = over_strata(both, (own - 0.1) ** 2 - (delta[which] - 0.1) ** 2)
    expected = np.sqrt(np.mean((delta - 0.1) ** 2) + squares)
    assert found["rmse"].item() == pytest.approx(expected, abs=1e-12)
    # Squares differ by 2 * .01 * (δ - .1) far from the cut-off, near it by three times that.
    added = np.hypot(0.9 * 0.002, 0.1 * 0.006) / np.sqrt(100) / (2 * 0.1)
    expected = np.hypot(0.1 / np.sqrt(2 * 2000), added)
    assert found["rmse_mcse"].item() == pytest.approx(expected, rel=0.1)
    inside = np.abs(delta - 0.1) <= 0.2
    also = np.abs(own - 0.1) <= 0.2
    expected = inside.mean() + over_strata(both, also.astype(float) - inside[which])
    assert found["coverage"].item() == pytest.approx(expected, abs=1e-12)


def test_a_fast_analysis_that_is_wrong_is_refused() -> None:
    both = simulated(2000, 200, 0.5)
    assert both.refused
    found = of(both, [[0.1]], SIZES[-1:])
    nuts = both.nuts.probability.ravel() > 0.6
    own, near = both.near[both.nuts.trial], both.near.mean()  # type: ignore[index, union-attr]
    assert found["refused"].item()
    value = over_strata(both, nuts.astype(float))
    assert abs(value - nuts.mean()) > 1e-3
    assert found["success"].item() == pytest.approx(value, abs=1e-12)
    shares = np.array([nuts[own].mean(), nuts[~own].mean()])
    errors = np.array([binomial_error(share, 100) for share in shares])
    between = near * (1 - near) * np.diff(shares).item() ** 2 / 2000
    mcse = np.sqrt((near * errors[0]) ** 2 + ((1 - near) * errors[1]) ** 2 + between)
    assert found["mcse"].item() == pytest.approx(mcse, abs=1e-12)
    bias = over_strata(both, both.nuts.estimate.ravel()) - 0.1
    assert found["bias"].item() == pytest.approx(bias, abs=1e-12)
    square = over_strata(both, (both.nuts.estimate.ravel() - 0.1) ** 2)
    assert found["rmse"].item() == pytest.approx(np.sqrt(square), abs=1e-12)
    assert found["stop_success"].values == pytest.approx([value], abs=1e-12)


def test_corrections_may_take_away_more_than_there_is() -> None:
    half = np.full((5, 1, 1, 1), 0.5)
    fast = trials(half, np.array([3.0, 3.0, 0.1, 0.1, 0.1])[:, None, None])
    nuts = trials(half[:2], np.zeros((2, 1, 1)))
    both = Both(fast, nuts, rule(K=1), np.array([0.6]), near=np.ones(5, dtype=bool))
    found = of(both, [[0.0]], SIZES[-1:])
    assert found["bias"].item() == pytest.approx(6.3 / 5 - 3, abs=1e-12)
    assert found["rmse"].item() == pytest.approx(np.sqrt(18.03 / 5), abs=1e-12)  # fast ones alone


def test_failing_has_nothing_to_do_with_the_cut_off() -> None:
    """None of 100 far trials has failed by NUTS: that says no more than these do."""
    both = simulated(2000, 200, 0.0)
    W = both.near.mean()  # type: ignore[union-attr]
    assert both.failed.value == 0
    n_near, n_far = 2000 * W, 2000 * (1 - W)
    variance = [share**2 * (1 - 100 / n) / 102 / 100 for share, n in ((W, n_near), (1 - W, n_far))]
    assert both.failed.shift_mcse == pytest.approx(np.sqrt(sum(variance)), rel=1e-9)
    assert both.success.shift_mcse < both.failed.shift_mcse


def test_nuts_alone() -> None:
    both = simulated(300, 300, 0.5)
    alone = Both(Analysed.empty(), both.nuts, both.rule, both.cuts)
    found = of(alone, [[0.1]], SIZES[-1:])
    nuts = both.nuts.probability.ravel() > 0.6
    assert found["success"].item() == nuts.mean()
    assert found["bias"].item() == pytest.approx(both.nuts.estimate.mean() - 0.1, abs=1e-12)
    assert (found["trials"].item(), found["audited"].item()) == (300, 300)
    assert not found["refused"].item()
    inside = np.abs(both.nuts.estimate.ravel() - 0.1) <= 0.2
    assert found["coverage"].item() == pytest.approx(inside.mean(), abs=1e-12)


def test_audited_trials_that_do_not_begin_the_list() -> None:
    """With truths in turn each audited trial has its own."""
    T = 40
    rng = np.random.default_rng(2)
    delta = np.where(np.arange(T) % 2, 0.3, 0.1) + rng.normal(0, 0.01, T)
    p = rng.random(T)
    fast = trials(p[:, None, None, None], delta[:, None, None], first=100)
    nuts = fast.part(range(111, 131))
    both = Both(fast, nuts, rule(K=1), np.array([0.6]), near=np.arange(T) % 3 == 0)
    found = of(both, [[0.1], [0.3]], SIZES[-1:])
    errors = delta - np.where(np.arange(100, 100 + T) % 2, 0.3, 0.1)
    assert found["bias"].item() == pytest.approx(errors.mean(), abs=1e-12)
    assert found["rmse"].item() == pytest.approx(np.sqrt((errors**2).mean()), abs=1e-12)
    assert found["coverage"].item() == 1
    assert found["disagreement"].item() == 0


def test_what_is_known_needs_no_audit() -> None:
    both = simulated(200, 0, 0.0)
    known = Both(both.fast, Analysed.empty(), both.rule, both.cuts, known=True)
    assert known.success.by == "nuts"
    found = of(known, [[0.1]], SIZES[-1:])
    assert found["audited"].item() == 0
    assert not found["refused"].item()


def test_probabilities_where_they_count() -> None:
    both = simulated(500, 100, 0.02)
    which, weight = both.nuts.trial, np.arange(500) % 2 == 0
    found = both.probability(lambda ended: ended.success[:, 0], weight)
    fast = (both.fast.probability.ravel() > 0.6) & weight
    nuts = (both.nuts.probability.ravel() > 0.6) & weight[which]
    shift = over_strata(both, nuts.astype(float) - fast[which])
    assert found.value == pytest.approx(fast.mean() + shift, abs=1e-12)
