"""The rules for both integrals, against adaptive quadrature and known moments."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit

from bmco_pymc.averaging.quadrature import node_count, normal_nodes, steepness, truncated_normal

RANGES = [
    (-math.inf, math.inf),
    (0.0, math.inf),
    (-math.inf, 1.3),
    (-1.0, 2.0),
    (-0.1, 0.1),
    (3.0, 4.0),
    (6.0, math.inf),
    (-math.inf, -9.0),
    (30.0, math.inf),
]


def log_mean(intercept: float, slope: float, low: float, high: float) -> float:
    """Return log E[expit(intercept + slope t)] for t ~ N(0, 1) in [low, high], by quad."""

    def log_integral(log_f: Callable[[float], float], near: float) -> float:
        # Beyond 20 of the peak of a log-concave function with curvature of at least 1, nothing.
        low_end, high_end = max(low, near - 20), min(high, near + 20)
        grid = np.linspace(low_end, high_end, 81)
        peak = max(map(log_f, grid))
        parts = [
            quad(lambda t: math.exp(log_f(t) - peak), a, b, epsabs=0, epsrel=1e-12)[0]
            for a, b in pairwise(grid)
            if max(log_f(a), log_f(b)) > peak - 60
        ]
        return peak + math.log(math.fsum(parts))

    def log_density(t: float) -> float:
        return -t * t / 2

    def log_integrand(t: float) -> float:
        return log_density(t) - float(np.logaddexp(0, -intercept - slope * t))

    centre = min(max(0.0, low), high)
    tilted = min(max(slope if intercept < 0 else 0.0, low), high)
    return log_integral(log_integrand, (centre + tilted) / 2) - log_integral(log_density, centre)


@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize("slope", [0.0, 0.7, -2.5, 10.0, -10.0])
def test_truncated_normal_agrees_with_quad(low: float, high: float, slope: float) -> None:
    t, weight = truncated_normal(low, high, abs(slope))
    assert low <= t.min() < t.max() <= high
    for intercept in (-30.0, -4.0, 0.0, 3.0):  # at -30, the mean is as small as 1e-13 and less
        mean = weight @ expit(intercept + slope * t)
        expected = log_mean(intercept, slope, low, high)
        assert math.expm1(math.log(mean) - expected) == pytest.approx(0, abs=1e-8)


def test_tiny_expectations_keep_their_relative_accuracy() -> None:
    # E[exp(k t)] = exp(k^2 / 2), and far below its threshold the logistic is an exponential.
    t, weight = truncated_normal(steepness=3.0)
    assert weight @ expit(-60 + 3 * t) / math.exp(-60 + 4.5) == pytest.approx(1, abs=1e-8)


def test_node_numbers() -> None:
    sizes = {k: len(truncated_normal(steepness=k)[0]) for k in (0.0, 1.0, 3.0, 10.0, 40.0)}
    assert sizes[0] <= 60
    assert sizes[1] <= 60
    assert sizes[3] <= 200
    assert sizes[10] <= 900
    assert sizes[40] <= 4000
    assert len(truncated_normal(-0.5, 0.5, 2.0)[0]) == 20


def test_steepness_is_the_largest_difference_between_patterns() -> None:
    assert steepness([1.0, 2.0, 3.0]) == 3.0
    assert steepness([[-1.0, -2.0], [-0.5, 1.0]]) == 2.0
    assert steepness([[[4.0, -3.0]], [[5.0, 1.0]]]) == 7.0
    assert steepness(np.empty((0, 3))) == 0.0


@pytest.mark.parametrize("n_logits", [1, 3, 7])
def test_normal_nodes_are_normal_in_every_run(n_logits: int) -> None:
    nodes = normal_nodes(n_logits, 4096)
    assert nodes.shape == (n_logits, 4096)
    assert np.isfinite(nodes).all()
    np.testing.assert_allclose(nodes.mean(axis=1), 0, atol=2e-3)
    np.testing.assert_allclose(np.cov(nodes), np.eye(n_logits), atol=0.01)
    # Runs of 64 are strata: plain random nodes would have means of SD 0.125.
    runs = nodes.reshape(n_logits, 64, 64).mean(axis=2)
    assert runs.std() < 0.03


def test_normal_nodes_are_the_same_in_every_call() -> None:
    first = normal_nodes(3, 1024)
    normal_nodes.cache_clear()
    again = normal_nodes(3, 1024)
    assert first is not again
    np.testing.assert_array_equal(first, again)
    with pytest.raises(ValueError, match="read-only"):
        again[0, 0] = 0.0


def test_more_variance_and_more_logits_need_more_nodes() -> None:
    for n_logits in (1, 2, 3, 7, 15, 63):
        counts = [node_count(n_logits, variance) for variance in (0.1, 3.0, 20.0, 1000.0)]
        assert counts == sorted(counts)
        assert all(count.bit_count() == 1 for count in counts)
    assert node_count(3, 3.0) < node_count(7, 3.0)
