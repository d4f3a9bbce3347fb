"""Formulas for trials that randomise clusters, against other programs and simulated trials."""

import math

import numpy as np
import pytest
from oracles import oracle
from scipy.optimize import brentq
from scipy.stats import ttest_ind

import bmco_pymc as bmco
from bmco_pymc import patterns
from bmco_pymc.trial.cluster_formulas import covariance, power, power_of_one
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.simulated.samples import Simulator


def test_power_of_both_outcomes_is_that_of_crt2power() -> None:
    numbers = oracle("clus.crt2power").value

    def of(clusters: int, size: int, *, df: bool = True) -> float:
        v, icc = np.array([[0.23, 0.25]] * 2), np.full((2, 2), 0.025)
        rho, between = np.full((2, 2, 2), 0.05), np.full((2, 2, 2), 0.01)
        spread = covariance(v, rho, icc, between, [clusters, clusters], size)
        return power([0.1, 0.1], spread, 0.05, 2, 2 * clusters - 4 if df else math.inf)

    assert of(15, 300) == pytest.approx(numbers[0], abs=1e-5)
    assert of(15, 300, df=False) == pytest.approx(numbers[1], abs=1e-5)
    assert next(k for k in range(3, 30) if of(k, 300) >= 0.8) == numbers[2]
    assert next(m for m in range(50, 120) if of(15, m) >= 0.8) == numbers[3]


def test_power_of_one_outcome_is_that_of_cpa_binary() -> None:
    numbers = oracle("clus.cpa").value
    assert power_of_one([0.4, 0.6], 0.05, 10, 20, 0.05) == pytest.approx(numbers[0], abs=1e-5)
    assert power_of_one([0.4, 0.6], 0.05, 10, 20, 0.05, 0.5) == pytest.approx(numbers[1], abs=1e-5)

    def lacks(clusters: float) -> float:
        return power_of_one([0.1, 0.2], 0.1, clusters, 10, 0.05) - 0.8

    assert brentq(lacks, 5, 100) == pytest.approx(numbers[2], abs=1e-3)


def test_formula_of_binary_outcomes() -> None:
    v, icc = np.full((2, 2), 0.24), np.full((2, 2), 0.1)
    rho, between = np.full((2, 2, 2), 0.3), np.full((2, 2, 2), 0.05)
    spread = covariance(v, rho, icc, between, [10, 10], 15)
    found, reference = power([0.2, 0.2], spread, 0.05, 2, 16), oracle("clus.formula").value
    assert found == pytest.approx(reference, abs=1e-5)


def test_t_tests_of_cluster_means_have_the_simulated_power() -> None:
    """The reference has Beta clusters; which generator it is makes a difference of up to .01."""
    truth = bmco.Scenario([0.4, 0.4], [0.6, 0.6], rho=0.3, icc=0.1, icc_between=0.05)
    plan = Plan(clusters=20, size=15, analysis=bmco.Analysis(bmco.BMVB))
    simulator, bits = Simulator.of(plan, truth.truth(0), 1), patterns.bits(2)
    trials, success = 2_000, 0
    for trial in range(trials):
        sample = simulator.sample(trial)
        means = bits[sample.response].reshape(20, 15, 2).mean(axis=1)
        arm = sample.subjects.arm[::15]
        p = ttest_ind(means[arm == 1], means[arm == 0], alternative="greater").pvalue
        success += bool((p < 0.05).all())
    reference = oracle("clus.sim").value[0]
    error = math.sqrt(reference * (1 - reference) / trials)
    assert abs(success / trials - reference) < 0.01 + 4 * error
