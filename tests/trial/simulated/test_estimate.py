"""What fast trials and audited ones say together: without bias, and with an honest error."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

import bmco_pymc as bmco
from bmco_pymc.trial.probabilities import binomial_error
from bmco_pymc.trial.simulated.estimate import mean, plain, refused, root_mean_square, share, usable

N, AUDIT = 1000, 200


def trials(rng, p, out, extra, n):
    """Return what NUTS decides, with probability p, and the fast analysis.

    It misses a share ``out`` of the successes, and sees a share ``extra`` of the others as such.
    """
    nuts = rng.random(n) < p
    other = rng.random(n) < np.where(nuts, out, extra)
    return nuts ^ other, nuts


@pytest.mark.parametrize(
    ("p", "out", "extra"),
    [
        (0.8, 0.0, 0.0),
        (0.8, 0.02, 0.02),
        (0.8, 0.05, 0.0),  # the fast analysis is biased
        (0.05, 0.1, 0.01),
        (0.5, 0.0, 0.1),
    ],
)
def test_no_bias_and_an_interval_that_covers(p, out, extra):
    rng = np.random.default_rng(20)
    found = []
    for _ in range(2000):
        fast, nuts = trials(rng, p, out, extra, N)
        found.append(share(fast, np.arange(AUDIT), nuts[:AUDIT], refuse=False))
    values = np.array([one.value for one in found])
    errors = np.array([one.mcse for one in found])
    spread = values.std(ddof=1)
    assert abs(values.mean() - p) < 4 * spread / np.sqrt(2000)
    covered = (np.abs(values - p) < 1.96 * errors).mean()
    assert covered > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 2000)
    assert 0.93 < np.sqrt((errors**2).mean()) / spread < 1.3  # nor much too large
    # All trials count where the analyses agree.
    assert spread < np.sqrt(p * (1 - p) / AUDIT)


def test_the_variance_is_that_of_the_formula():
    rng = np.random.default_rng(4)
    fast, nuts = trials(rng, 0.7, 0.05, 0.1, 20_000)
    found = share(fast, np.arange(5000), nuts[:5000], refuse=False)
    s, r = fast.astype(float), nuts[:5000].astype(float) - fast[:5000]
    variance = np.var(0.25 * s[:5000] + r) / 5000 + 0.75**2 * np.var(s[5000:]) / 15_000
    assert found.value == pytest.approx(s.mean() + r.mean(), abs=1e-12)
    assert found.mcse == pytest.approx(np.sqrt(variance), rel=0.01)
    assert found.shift == pytest.approx(r.mean(), abs=1e-12)
    assert found.shift_mcse == pytest.approx(np.std(r) / np.sqrt(5000), rel=0.01)
    assert (found.n, found.audited, found.by) == (20_000, 5000, "audit")


def test_the_position_of_the_audited_trials_does_not_matter():
    rng = np.random.default_rng(5)
    fast, nuts = trials(rng, 0.7, 0.02, 0.02, N)
    order = rng.permutation(N)
    place = np.argsort(order)[:AUDIT]
    one = share(fast, np.arange(AUDIT), nuts[:AUDIT])
    other = share(fast[order], place, nuts[:AUDIT])
    assert dataclasses.astuple(one) == pytest.approx(dataclasses.astuple(other), abs=1e-12)


def test_no_disagreement_is_not_certainty():
    fast = np.repeat([True, False], [600, 400])
    found = share(fast, np.arange(500, 700), fast[500:700])
    assert found.disagreement == found.disagreement_low == 0
    assert found.disagreement_high == pytest.approx(1 - 0.025 ** (1 / 200), abs=1e-12)
    assert found.mcse > binomial_error(0.6, N)
    assert found.shift_mcse == pytest.approx(np.sqrt(1 / 202 / 200), abs=1e-12)
    few = share(fast, [0, 999], fast[[0, 999]])
    assert few.mcse > 0.3  # two trials say little of a thousand
    for all_alike in (np.ones(N, dtype=bool), np.zeros(N, dtype=bool)):
        assert share(all_alike, np.arange(AUDIT), all_alike[:AUDIT]).mcse > 0.001
    assert plain(np.ones(N, dtype=bool)).mcse > 0.0005


def test_clopper_pearson_is_that_of_scipy():
    fast = np.zeros(N, dtype=bool)
    for d in (0, 1, 7, AUDIT):
        nuts = np.arange(AUDIT) < d
        found = share(fast, np.arange(AUDIT), nuts)
        exact = stats.binomtest(d, AUDIT).proportion_ci(0.95, "exact")
        assert found.disagreement == d / AUDIT
        assert found.disagreement_low == pytest.approx(exact.low, abs=1e-12)
        assert found.disagreement_high == pytest.approx(exact.high, abs=1e-12)


def test_nothing_is_audited():
    fast = np.repeat([True, False], [600, 400])
    found = share(fast, [], [])
    assert (found.value, found.mcse, found.by) == (0.6, binomial_error(0.6, N), "fast")
    assert np.isnan(found.disagreement)
    assert (found.disagreement_low, found.disagreement_high) == (0, 1)
    assert not refused(found)


def test_all_are_audited():
    fast, nuts = trials(np.random.default_rng(1), 0.6, 0.01, 0.01, N)
    found = share(fast, np.arange(N), nuts)
    assert (found.value, found.by) == (nuts.mean(), "nuts")
    assert found.mcse == binomial_error(nuts.mean(), N)
    assert found.disagreement == (fast != nuts).mean()


def test_a_fast_analysis_that_decides_otherwise_is_refused():
    fast = np.repeat([True, False], [600, 400])
    nuts = fast[:AUDIT].copy()
    nuts[:18] = ~nuts[:18]  # 9 %: the lower bound is 5.4 %
    found = share(fast, np.arange(AUDIT), nuts)
    assert found.disagreement_low > 0.05
    assert refused(found)
    assert (found.value, found.by) == (nuts.mean(), "nuts")
    assert found.mcse == binomial_error(nuts.mean(), AUDIT)
    assert share(fast, np.arange(AUDIT), nuts, refuse=False).by == "audit"
    nuts = fast[:AUDIT].copy()
    nuts[:16] = ~nuts[:16]  # 8 %: 4.6 %, but all of them to the same side
    assert share(fast, np.arange(AUDIT), nuts).shift == -0.08
    assert refused(share(fast, np.arange(AUDIT), nuts))
    nuts = fast[500:700].copy()
    nuts[92:108] = ~nuts[92:108]  # as many, to both sides
    found = share(fast, np.arange(500, 700), nuts)
    assert found.shift == 0
    assert not refused(found)
    assert found.by == "audit"
    assert share(fast, np.arange(500, 700), nuts, refuse=True).by == "nuts"


def test_a_fast_analysis_that_always_errs_has_an_error():
    found = share(np.zeros(N, dtype=bool), [0, 1, 2], [True, True, True], refuse=False)
    assert found.value == 1
    assert found.shift_mcse > 0.1
    assert refused(found)
    assert share(np.zeros(N, dtype=bool), [0, 1, 2], [True, True, True]).by == "nuts"


def test_a_mean_has_no_bias_and_an_interval_that_covers():
    rng = np.random.default_rng(7)
    found = []
    for _ in range(2000):
        nuts = rng.normal(0.1, 1, N)
        fast = 0.9 * nuts + 0.02 + rng.normal(0, 0.05, N)
        found.append(mean(fast, np.arange(AUDIT), nuts[:AUDIT]))
    values, errors = np.array(found).T
    assert abs(values.mean() - 0.1) < 4 * values.std() / np.sqrt(2000)
    covered = (np.abs(values - 0.1) < 1.96 * errors).mean()
    assert abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 2000)
    assert values.std() < 0.5 / np.sqrt(AUDIT)


def test_a_root_mean_square_and_its_error():
    rng = np.random.default_rng(8)
    found = []
    for _ in range(2000):
        nuts = rng.normal(0, 0.1, N)
        fast = nuts + rng.normal(0.01, 0.01, N)
        found.append(root_mean_square(fast, np.arange(AUDIT), nuts[:AUDIT]))
    values, errors = np.array(found).T
    assert abs(values.mean() - 0.1) < 2e-4
    assert errors.mean() == pytest.approx(values.std(), rel=0.1)


def test_failed_trials_are_left_out():
    fast = np.array([1.0, np.nan, 3.0, 4.0, 5.0, 6.0])
    nuts = np.array([1.5, 2.5, 3.5, np.nan])
    s, which, t = usable(fast, [0, 1, 2, 3], nuts)
    assert s.tolist() == [1, 3, 4, 5, 6]
    assert which.tolist() == [0, 1]
    assert t.tolist() == [1.5, 3.5]
    assert mean(fast, [0, 1, 2, 3], nuts)[0] == pytest.approx(19 / 5 + 0.5, abs=1e-12)
    alone = np.array([1.5, 2.5, 3.5])
    value, mcse = mean(fast, [0, 1, 2, 3], nuts, refuse=True)
    assert (value, mcse) == pytest.approx((2.5, alone.std(ddof=1) / np.sqrt(3)), abs=1e-12)


def test_too_few_trials():
    assert mean([2.0, 4.0], [], []) == (3.0, 1.0)
    assert mean([2.0, 4.0], [0], [9.0]) == (3.0, 1.0)  # one says nothing of how others differ
    value, mcse = mean([2.0], [], [])
    assert value == 2
    assert np.isnan(mcse)
    assert np.isnan(mean([], [], [])).all()
    assert np.isnan(root_mean_square([np.nan], [0], [1.0])).all()
    assert mean([1.0, 2.0, 3.0], [0, 1, 2], [2.0, 3.0, 5.0])[0] == pytest.approx(10 / 3)
    assert mean([1.0, 2.0, 3.0], [0, 1], [2.0, 4.0])[1] > 0
    # the audited trials take away more than there is: they answer alone
    value, mcse = root_mean_square([3.0, 0.1, 0.1, 2.0], [0, 3], [0.0, 1.0])
    assert value == pytest.approx(np.sqrt(0.5))


@pytest.mark.parametrize(
    ("audited", "nuts"),
    [([0], []), ([3], [True]), ([-1], [True]), ([0, 0], [True, True]), ([[0]], [[True]])],
)
def test_trials_that_are_not_among_all(audited, nuts):
    with pytest.raises(bmco.InputError, match="audited="):
        share([True, False, True], audited, nuts)


def test_no_trial_at_all():
    with pytest.raises(bmco.InputError, match="one trial or more"):
        share([], [], [])
