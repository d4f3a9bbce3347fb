"""Probabilities and averages of one analysis, and when a fast one is refused."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

import bmco_pymc as bmco
from bmco_pymc.trial.probabilities import binomial_error
from bmco_pymc.trial.simulated.estimate import (
    Estimate,
    clopper_pearson,
    mean,
    plain,
    refused,
    root_mean_square,
)

N = 1000
NAN = float("nan")


def test_a_share_of_trials_and_its_error():
    found = plain(np.repeat([True, False], [600, 400]), by="fast")
    assert (found.value, found.mcse, found.by) == (0.6, binomial_error(0.6, N), "fast")
    assert np.isnan([found.disagreement, found.shift, found.shift_mcse]).all()
    assert (found.disagreement_low, found.disagreement_high) == (0, 1)
    assert (found.n, found.audited) == (N, 0)
    assert not refused(found)
    assert plain([True, False, True]).audited == 3
    for all_alike in (np.ones(N), np.zeros(N)):
        assert plain(all_alike).mcse > 0.0005


def test_no_trial_at_all():
    with pytest.raises(bmco.InputError, match="one trial or more"):
        plain([])


def test_clopper_pearson_is_that_of_scipy():
    for d in (0, 1, 7, 200):
        exact = stats.binomtest(d, 200).proportion_ci(0.95, "exact")
        assert clopper_pearson(d, 200) == pytest.approx((exact.low, exact.high), abs=1e-12)


def test_a_fast_analysis_that_decides_otherwise_is_refused():
    def found(**given: float) -> Estimate:
        numbers = {"disagreement": 0.06, "disagreement_low": 0.04, "shift": 0.0, "shift_mcse": 0.01}
        fine = Estimate(0.8, 0.01, 0.0, 0.0, 0.1, 0.0, 0.01, N, 200, "audit")
        return dataclasses.replace(fine, **{**numbers, **given})  # type: ignore[arg-type]

    assert not refused(found())
    assert refused(found(disagreement_low=0.051))
    assert not refused(found(disagreement_low=0.049))
    for sign in (-1, 1):
        assert refused(found(shift=0.041 * sign))
        assert not refused(found(shift=0.039 * sign))  # less than four errors
        assert not refused(found(shift=0.029 * sign, shift_mcse=0.001))  # little
        assert refused(found(shift=0.031 * sign, shift_mcse=0.001))
    assert not refused(found(shift=0.1, disagreement=NAN))
    assert not refused(dataclasses.replace(found(shift=0.1), audited=0))


def test_a_mean_and_its_error():
    values = np.random.default_rng(7).normal(0.1, 1, N)
    expected = values.mean(), values.std(ddof=1) / np.sqrt(N)
    assert mean(values) == pytest.approx(expected, abs=1e-12)
    assert mean([*values, NAN]) == pytest.approx(expected, abs=1e-12)
    assert mean([2.0, 4.0]) == (3.0, 1.0)


def test_a_root_mean_square_and_its_error():
    rng = np.random.default_rng(8)
    found = [root_mean_square(rng.normal(0, 0.1, N)) for _ in range(2000)]
    values, errors = np.array(found).T
    assert abs(values.mean() - 0.1) < 2e-4
    assert errors.mean() == pytest.approx(values.std(), rel=0.1)
    assert root_mean_square([3.0, NAN, -4.0])[0] == pytest.approx(np.sqrt(12.5))
    assert root_mean_square([0.0, 0.0]) == (0, 0)


def test_too_few_trials():
    value, mcse = mean([2.0, NAN])
    assert value == 2
    assert np.isnan(mcse)
    assert np.isnan(mean([])).all()
    assert np.isnan(root_mean_square([NAN])).all()
