"""What fast trials and chosen audited ones say together: without bias, with an honest error."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr, ndtri, stdtr

import bmco_pymc as bmco
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.probabilities import binomial_error
from bmco_pymc.trial.simulated.analysed import Analysed
from bmco_pymc.trial.simulated.estimate import Estimate, clopper_pearson, refused
from bmco_pymc.trial.simulated.evaluating import Simulation
from bmco_pymc.trial.simulated.stratified import REACH, Strata, doubt_of, near_cut

type Array = np.ndarray

N, AUDIT, CUT = 2000, 100, 0.95
CUTS = np.array([CUT])
NOISE = 0.06  # probits between both analyses


def chosen(probability: Array, number: int = AUDIT, first: int = 0) -> Array:
    """Return the trials that are audited, of probabilities (T,) that decide."""
    T = len(probability)
    delta, failed = np.zeros((T, 1, 2)), np.zeros((T, 1), dtype=bool)
    each = np.broadcast_to(probability[:, None, None, None], (T, 1, 1, 2))
    fast = Analysed(np.arange(first, first + T), each, delta, delta, delta, delta, failed)
    plan = Plan(50, bmco.Analysis(bmco.BGLM, rule=bmco.Rule("all", cut=CUT)))
    return Simulation.of(plan, bmco.Engine(T), progress=False).to_audit(fast, number) - first


@dataclasses.dataclass
class Drawn:
    """Trials whose deciding probabilities are normal on the probit scale, around the cut-off."""

    fast: Array
    nuts: Array  # of all trials
    strata: Strata

    @classmethod
    def of(cls, rng: Any, center: float, shift: float = 0.0) -> Drawn:
        z = rng.normal(ndtri(CUT) + center, 1, N)
        fast, nuts = ndtr(z), ndtr(z + rng.normal(shift, NOISE, N))
        near, audited = near_cut(fast[:, None, None], CUTS), chosen(fast)
        doubt = doubt_of(fast[:, None, None], nuts[audited, None, None], audited, ~near, CUTS)
        return cls(fast, nuts, Strata(near, audited, doubt))

    def share(self, **more: Any) -> Estimate:
        return self.strata.share(self.fast > CUT, self.nuts[self.strata.audited] > CUT, **more)

    def simple(self) -> float:
        """Return the estimate of the first trials alone: r's mean over them, without strata."""
        s, t = self.fast > CUT, self.nuts[:AUDIT] > CUT
        return float(s.mean() + (t.astype(float) - s[:AUDIT]).mean())


def unbiased(values: Array, truth: float) -> bool:
    return abs(values.mean() - truth) < 4 * values.std(ddof=1) / np.sqrt(len(values))


@pytest.mark.parametrize("center", [0.84, -1.64, 0.0])  # power of 80 %, an error of 5 %, one half
def test_no_bias_an_interval_that_covers_and_less_error(center):
    rng = np.random.default_rng(20)
    drawn = [Drawn.of(rng, center) for _ in range(1000)]
    found = [one.share(refuse=False) for one in drawn]
    truth = ndtr(center / np.hypot(1, NOISE))
    values, errors = (np.array([getattr(one, k) for one in found]) for k in ("value", "mcse"))
    assert unbiased(values, truth)
    assert (np.abs(values - truth) < 1.96 * errors).mean() >= 0.93
    spread = values.std(ddof=1)
    assert 0.93 < np.sqrt((errors**2).mean()) / spread < 1.2  # nor much too large
    simple = np.array([one.simple() for one in drawn])
    assert np.sqrt(np.mean((values - truth) ** 2)) < np.sqrt(np.mean((simple - truth) ** 2))
    # What NUTS would say of the same trials: the audit itself has no bias either.
    whole = np.array([(one.nuts > CUT).mean() for one in drawn])
    assert unbiased(values - whole, 0)
    shift_errors = np.array([one.shift_mcse for one in found])
    assert 0.9 < np.sqrt((shift_errors**2).mean()) / (values - whole).std(ddof=1) < 1.5
    otherwise = np.array([((one.fast > CUT) != (one.nuts > CUT)).mean() for one in drawn])
    assert unbiased(np.array([one.disagreement for one in found]) - otherwise, 0)
    low, high = (np.array([getattr(one, f"disagreement_{k}") for one in found]) for k in
                 ("low", "high"))  # fmt: skip
    assert ((low <= otherwise) & (otherwise <= high)).mean() >= 0.95
    assert np.mean([one.by == "audit" for one in found]) == 1
    assert np.mean([refused(one) for one in found]) < 0.001


def test_a_fast_analysis_that_is_off_is_refused_and_the_audited_trials_answer():
    rng = np.random.default_rng(21)
    drawn = [Drawn.of(rng, 0.0, shift=0.5) for _ in range(1000)]
    by_itself = [one.share() for one in drawn]
    assert np.mean([one.by == "nuts" for one in by_itself]) > 0.97
    assert all(refused(one) == (one.by == "nuts") for one in by_itself)
    found = [one.share(refuse=True) for one in drawn]
    assert all(a == b for a, b in zip(by_itself, found, strict=True) if a.by == "nuts")
    truth = ndtr(0.5 / np.hypot(1, NOISE))
    values, errors = (np.array([getattr(one, k) for one in found]) for k in ("value", "mcse"))
    assert unbiased(values, truth)
    assert (np.abs(values - truth) < 1.96 * errors).mean() >= 0.93
    assert 0.93 < np.sqrt((errors**2).mean()) / values.std(ddof=1) < 1.2
    # The first one by hand: each stratum by its weight.
    one = drawn[0]
    near, audited = one.strata.near, one.strata.audited
    W, t, own = near.mean(), one.nuts[audited] > CUT, near[audited]
    p = np.array([t[own].mean(), t[~own].mean()])
    assert found[0].value == pytest.approx(W * p[0] + (1 - W) * p[1], abs=1e-12)
    within = [W**2, (1 - W) ** 2] @ np.array(
        [binomial_error(p[0], int(own.sum())) ** 2, binomial_error(p[1], int((~own).sum())) ** 2]
    )
    between = W * (1 - W) * (p[0] - p[1]) ** 2 / N
    assert found[0].mcse == pytest.approx(np.sqrt(within + between), abs=1e-12)
    assert (found[0].n, found[0].audited) == (N, AUDIT)
    assert one.share(refuse=False).by == "audit"
    assert Drawn.of(rng, 0.0).share(refuse=True).by == "nuts"


def test_the_formula_by_hand():
    near = np.repeat([True, False], [4, 6])
    fast = np.array([1, 0, 1, 0, 1, 1, 1, 1, 0, 0], dtype=bool)
    audited = np.array([0, 1, 4, 5, 8])
    nuts = np.array([0, 0, 1, 1, 1], dtype=bool)  # r = -1 and 0 near, 0, 0 and 1 far
    found = Strata(near, audited, 0.001).share(fast, nuts, refuse=False)
    assert found.shift == pytest.approx(0.4 * -0.5 + 0.6 / 3, abs=1e-12)
    assert found.value == pytest.approx(0.6, abs=1e-12)
    assert found.disagreement == pytest.approx(0.4 / 2 + 0.6 / 3, abs=1e-12)
    bounds = [
        0.4 * a + 0.6 * b for a, b in zip(clopper_pearson(1, 2), clopper_pearson(1, 3), strict=True)
    ]
    assert (found.disagreement_low, found.disagreement_high) == pytest.approx(bounds, abs=1e-12)
    of_near = 0.4**2 * (1 - 2 / 4) * (2 / 4 - (1 / 4) ** 2) / 2
    of_far = 0.6**2 * (1 - 3 / 6) * (1 / 3 - (1 / 5) ** 2) / 3
    assert found.shift_mcse == pytest.approx(np.sqrt(of_near + of_far), abs=1e-12)
    assert found.mcse == pytest.approx(np.hypot(found.shift_mcse, binomial_error(0.6, 10)))
    assert (found.n, found.audited, found.by) == (10, 5, "audit")


def test_where_all_near_trials_are_audited_only_the_far_ones_are_uncertain():
    near = np.arange(N) < 50
    fast = np.arange(N) % 2 == 0
    audited = np.arange(AUDIT)
    nuts = fast[audited] ^ (np.arange(AUDIT) < 20)
    doubt = 1e-4
    found = Strata(near, audited, doubt).share(fast, nuts)
    left = 1 - 50 / (N - 50)
    expected = (1 - 50 / N) * np.sqrt(left * doubt / 50)
    assert found.shift_mcse == pytest.approx(expected, rel=1e-12)
    assert found.disagreement == pytest.approx(20 / N, abs=1e-12)
    everything = Strata(near, np.arange(N), doubt)
    nuts = fast ^ (np.arange(N) < 20)
    found = everything.share(fast, nuts)
    assert found.shift_mcse == 0
    assert (found.value, found.mcse) == (nuts.mean(), binomial_error(nuts.mean(), N))
    assert found.by == "nuts"
    assert found.disagreement_low == found.disagreement_high == found.disagreement
    assert found.disagreement == pytest.approx(20 / N, abs=1e-12)


def test_no_disagreement_is_not_certainty():
    near, fast = np.arange(N) < 200, np.arange(N) % 2 == 0
    audited = np.r_[np.arange(50), np.arange(200, 250)]
    found = Strata(near, audited, 1e-5).share(fast, fast[audited])
    assert found.disagreement == found.disagreement_low == 0
    assert found.shift == 0
    bound = clopper_pearson(0, 50)[1]
    assert found.disagreement_high == pytest.approx(bound, abs=1e-12)
    of_near = 0.1**2 * (1 - 50 / 200) / 52 / 50
    of_far = 0.9**2 * (1 - 50 / 1800) * 1e-5 / 50
    assert found.shift_mcse == pytest.approx(np.sqrt(of_near + of_far), abs=1e-12)
    assert found.mcse > binomial_error(0.5, N)
    # Doubt counts for no more than what the audited trials themselves say.
    most = Strata(near, audited, 1.0).share(fast, fast[audited])
    expected = of_near + 0.9**2 * (1 - 50 / 1800) / 52 / 50
    assert most.shift_mcse == pytest.approx(np.sqrt(expected), abs=1e-12)
    one = Strata(near, audited, 1e-5).share(fast, fast[audited], doubt=1.0)
    assert one.shift_mcse == most.shift_mcse


def test_a_fast_analysis_that_always_errs_has_an_error():
    strata = Strata(np.arange(N) < 2, np.array([0, 5, 6]), 0.0)
    found = strata.share(np.zeros(N, dtype=bool), np.ones(3, dtype=bool), refuse=False)
    assert found.value == pytest.approx(1)
    assert found.shift_mcse > 0.1
    assert strata.share(np.zeros(N, dtype=bool), np.ones(3, dtype=bool)).by == "nuts"


def test_a_stratum_at_which_nobody_has_looked():
    near, fast = np.arange(N) < 200, np.ones(N, dtype=bool)
    far = np.arange(500, 600)  # after an interrupt
    found = Strata(near, far, 1e-5).share(fast, fast[far])
    assert found.disagreement_high == pytest.approx(0.1 + 0.9 * clopper_pearson(0, 100)[1])
    assert found.shift_mcse == pytest.approx(0.1, rel=1e-3)
    found = Strata(near, np.arange(100), 1e-4).share(fast, fast[:100])
    assert found.disagreement_high == pytest.approx(0.9 + 0.1 * clopper_pearson(0, 100)[1])
    assert found.shift_mcse > 0.9 * np.sqrt(1e-4)
    alone = Strata(near, far, 1e-5).share(fast, fast[far], refuse=True)
    assert alone.value == pytest.approx(0.1 * 0.5 + 0.9)
    assert alone.mcse > 0.03


@pytest.mark.parametrize("center", [4.0, 6.0])
def test_where_no_trial_is_near_the_error_is_small(center):
    """Decisions that are all clear leave little doubt, though nothing near is there to look at."""
    found = Drawn.of(np.random.default_rng(3), center).share()
    assert found.value > 0.999
    assert 0 < found.mcse < 0.002


# --- means ----------------------------------------------------------------------------------------


def numbers(rng: Any, off: float = 0.02) -> tuple[Strata, Array, Array]:
    """Return a number of each trial by both analyses; they differ more near the cut-off."""
    near = np.arange(N) % 10 == 0
    nuts = rng.normal(np.where(near, 0.5, 0.1), 1)
    fast = 0.9 * nuts + np.where(near, 5 * off, off) + rng.normal(0, 0.05, N)
    few = np.flatnonzero(near)[: AUDIT // 2], np.flatnonzero(~near)[: AUDIT // 2]
    return Strata(near, np.sort(np.concatenate(few)), 0.0), fast, nuts


@pytest.mark.parametrize("refuse", [False, True])
@pytest.mark.parametrize("missing", [False, True])
def test_a_mean_has_no_bias_and_an_interval_that_covers(refuse, missing):
    rng = np.random.default_rng(7)
    found = []
    for _ in range(2000):
        strata, fast, nuts = numbers(rng)
        nuts = nuts[strata.audited]
        if missing:  # fits fail for reasons of their own
            fast[rng.random(N) < 0.05] = np.nan
            nuts[rng.random(AUDIT) < 0.1] = np.nan
        found.append(strata.mean(fast, nuts, refuse=refuse))
    values, errors = np.array(found).T
    assert unbiased(values, 0.1 * 0.5 + 0.9 * 0.1)
    covered = (np.abs(values - 0.14) < 1.96 * errors).mean()
    assert covered >= 0.93
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.06)
    assert (values.std() < 0.5 / np.sqrt(AUDIT)) == (not refuse)


def test_a_mean_by_hand():
    near = np.array([True, True, True, False, False, False, False, False])
    fast = np.array([1.0, 2.0, np.nan, 4.0, 5.0, 6.0, 7.0, 8.0])
    audited = np.array([0, 1, 2, 3, 4, 5])
    nuts = np.array([1.5, 2.3, 9.0, 4.0, 5.2, np.nan])
    strata = Strata(near, audited, 0.0)
    r = [0.5, 0.3], [0.0, 0.2]
    known = fast[np.isfinite(fast)]
    value, mcse = strata.mean(fast, nuts)
    assert value == pytest.approx(known.mean() + 2 / 7 * 0.4 + 5 / 7 * 0.1, abs=1e-12)
    of_far = (5 / 7) ** 2 * (1 - 2 / 5) * np.var(r[1], ddof=1) / 2  # all near ones are there
    squares = [0.5 * 2.5, 0.3 * 4.3], [0.0, 0.2 * 10.2]  # of NUTS minus those of fast, r (2 s + r)
    square = np.mean(known**2) + 2 / 7 * np.mean(squares[0]) + 5 / 7 * np.mean(squares[1])
    assert mcse == pytest.approx(np.sqrt((square - value**2) / 7 + of_far), abs=1e-12)
    value, mcse = strata.mean(fast, nuts, refuse=True)  # what only the fast one lacks counts
    t = np.array([1.5, 2.3, 9.0]), np.array([4.0, 5.2])
    W, means = np.array([3 / 8, 5 / 8]), np.array([one.mean() for one in t])
    assert value == pytest.approx(W @ means, abs=1e-12)
    within = W**2 @ [one.var(ddof=1) / len(one) for one in t]
    between = W @ (means - value) ** 2 / 8
    assert mcse == pytest.approx(np.sqrt(within + between), abs=1e-12)


def test_a_mean_where_hardly_anything_is_audited():
    near = np.arange(10) < 5
    fast = np.arange(10.0)
    of_fast = 4.5, np.std(fast, ddof=1) / np.sqrt(10)
    one_each = Strata(near, np.array([0, 5]), 0.0)
    nuts = np.array([3.0, 9.0])
    assert one_each.mean(fast, nuts) == pytest.approx(of_fast)
    assert np.isnan(one_each.mean(fast, nuts, refuse=True)).all()
    far = Strata(near, np.array([0, 5, 6]), 0.0)
    nuts = np.array([3.0, 6.0, 7.5])
    assert far.mean(fast, nuts)[0] == pytest.approx(4.5 + 0.5 * 1.25)
    assert far.mean(fast, nuts, refuse=True)[0] == pytest.approx(6.75)  # the other counts for all
    nothing = np.full(10, np.nan)
    assert np.isnan(far.mean(nothing, nuts)).all()


# --- what is near, and what is in doubt -----------------------------------------------------------


def test_doubt_grows_with_the_distance_of_both_analyses():
    rng = np.random.default_rng(5)
    z = rng.normal(0.5, 1, N)
    fast = ndtr(z + ndtri(CUT))[:, None, None]
    near, audited = near_cut(fast, CUTS), np.arange(0, N, 20)
    noise = rng.choice([-1, 1], len(audited))

    def doubt(size: float) -> float:
        nuts = ndtr(z[audited] + ndtri(CUT) + size * noise)[:, None, None]
        return doubt_of(fast, nuts, audited, ~near, CUTS)

    sizes = [0.03, 0.06, 0.12, 0.3]
    found = np.array([doubt(size) for size in sizes])
    assert (np.diff(found) > 0).all()
    # More than if errors were normal: they may have heavier tails.
    for size, one in zip(sizes, found, strict=True):
        assert one > ndtr(-np.abs(z[~near]) / size).mean()
        assert one == pytest.approx(stdtr(8, -np.abs(z[~near]) / size).mean(), rel=1e-3)
    assert doubt(0.0) < 1e-9


def test_doubt_without_trials_around_the_cut_off():
    fast = ndtr(ndtri(CUT) + np.array([2.0, 2.0, -3.0]))[:, None, None]
    far, audited = np.ones(3, dtype=bool), np.array([0, 1])
    nuts = ndtr(ndtri(CUT) + np.array([2.1, 1.9]))[:, None, None]
    assert 0 < doubt_of(fast, nuts, audited, far, CUTS) < 1e-6
    assert doubt_of(fast, np.full((2, 1, 1), np.nan), audited, far, CUTS) == 1
    assert doubt_of(fast, nuts, audited, ~far, CUTS) == 1  # nobody far, nobody to doubt


def test_doubt_of_outcomes_and_looks_is_that_of_the_closest():
    fast = ndtr(ndtri(CUT) + np.array([[2.0, 0.3], [2.0, 2.0]]))  # (N, looks)
    nuts = ndtr(ndtri(CUT) + np.array([[2.0, 0.4]]))
    audited, far, cuts = np.array([0]), np.ones(2, dtype=bool), np.array([CUT, CUT])
    by_look = doubt_of(fast[:, :, None], nuts[:, :, None], audited, far, cuts)
    by_outcome = doubt_of(fast[:, None, None], nuts[:, None, None], audited, far, CUTS)
    assert by_look == pytest.approx(by_outcome, rel=1e-12)
    alone = doubt_of(fast[:1, :, None], nuts[:, :, None], audited, far[:1], cuts)
    assert by_look == pytest.approx(alone / 2, rel=0.01)


def test_near_the_cut_off_is_within_reach_at_some_look_on_some_side():
    def at(*away: float, cut: float = CUT) -> Array:
        return np.asarray(ndtr(ndtri(cut) + np.array(away)))

    just, beyond = 0.99 * REACH, 1.01 * REACH
    one = at(just, -just, beyond, -beyond, 0.0, np.nan)[:, None, None]
    assert near_cut(one, CUTS).tolist() == [True, True, False, False, True, True]
    cuts = np.array([0.99, CUT])
    looks = np.stack([at(just, 1.0, 1.0, np.nan, -1.0, cut=0.99), at(1.0, just, 1.0, 1.0, -beyond)])
    assert near_cut(looks.T[:, :, None], cuts).tolist() == [True, True, False, True, False]
    # At the wrong look's cut-off it would be near.
    assert near_cut(np.array([[[0.95], [0.99]]]), cuts).tolist() == [False]
    sides = np.stack([at(2.0, 2.0), at(-2.0, just)]).T[:, None]
    assert near_cut(sides, CUTS).tolist() == [False, True]
    assert near_cut(np.array([0.0, 1.0])[:, None, None], CUTS).tolist() == [False, False]


# --- which trials are audited ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_near", "number", "expected"),
    [
        (300, 100, 50),  # half and half
        (300, 7, 4),  # the odd one is near
        (20, 100, 20),  # few near: all of them, and far ones for the rest
        (990, 100, 90),  # few far
        (0, 100, 0),
        (1000, 100, 100),
        (300, 1000, 300),
        (300, 1, 1),
        (300, 0, 0),
    ],
)
def test_so_many_trials_are_audited_half_of_them_near(n_near, number, expected):
    is_near = np.random.default_rng(1).permutation(1000) < n_near
    found = chosen(np.where(is_near, CUT, 0.5), number, first=70)
    assert len(found) == len(set(found.tolist())) == number
    assert (np.diff(found) > 0).all()
    assert is_near[found].sum() == expected
    near, far = np.flatnonzero(is_near), np.flatnonzero(~is_near)  # the first ones of either
    assert found.tolist() == sorted([*near[:expected], *far[: number - expected]])


def test_failed_trials_are_near():
    probability = np.full(100, 0.5)
    probability[40:44] = np.nan
    assert chosen(probability, 8).tolist() == [0, 1, 2, 3, 40, 41, 42, 43]
