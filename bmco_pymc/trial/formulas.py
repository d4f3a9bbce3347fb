"""What the usual formulas say of power and size: normal approximations, to set beside the exact."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from bmco_pymc import patterns

Array = NDArray[np.float64]


def correlation(phi: Array, ratio: float) -> Array:
    """Return the correlation matrix (K, K) of the differences in proportions, for φ (2, Q).

    ``ratio`` is the number of subjects of the treatment to that of the control.
    """
    bits = patterns.bits(phi.shape[-1].bit_length() - 1).astype(float)
    size = np.array([1.0, ratio])
    covariance = sum(
        (bits.T * p @ bits - np.outer(p @ bits, p @ bits)) / m
        for p, m in zip(phi, size, strict=True)
    )
    sd = np.sqrt(np.diag(covariance))
    return covariance / np.outer(sd, sd)


def at_least(z: Array, r: Array, m: int) -> float:
    """Return the probability that at least m of K normal variables of means z exceed 0.

    They have variance 1 and the correlation matrix r.
    """
    from itertools import combinations

    from scipy.stats import multivariate_normal

    K = len(z)
    total = 0.0
    for size in range(m, K + 1):
        sign = (-1) ** (size - m) * math.comb(size - 1, m - 1)
        for among in combinations(range(K), size):
            part = r[np.ix_(among, among)]
            orthant = multivariate_normal.cdf(
                z[list(among)], cov=part, allow_singular=True, maxpts=20_000 * size,
                abseps=1e-8, releps=1e-8, rng=np.random.default_rng(1),
            )  # fmt: skip
            total += sign * float(orthant)
    return total


def power_by_outcome(
    n: float, phi: Array, ratio: float, margins: ArrayLike, level: float, m: int
) -> float:
    r"""Return the power of a rule that needs at least m claims, by normal approximation.

    Where all outcomes must be claimed, and without a margin, the test of each has the pooled
    variance :math:`\bar\theta(1 - \bar\theta)(1 + 1/r)/n` under the null (Sozu, Sugimoto &
    Hamasaki 2010, https://doi.org/10.1002/sim.3972); otherwise that of the alternative (Kavelaars,
    Mulder & Kaptein 2020, https://doi.org/10.1177/0962280220922256).
    """
    theta = patterns.theta_from_phi(phi)
    delta = theta[1] - theta[0] - np.asarray(margins)
    own = theta[0] * (1 - theta[0]) + theta[1] * (1 - theta[1]) / ratio
    pooled = (theta[0] + ratio * theta[1]) / (1 + ratio)
    usual = (np.asarray(margins) == 0) & (m == len(delta))
    null = np.where(usual, pooled * (1 - pooled) * (1 + 1 / ratio), own)
    z = (math.sqrt(n) * delta + ndtri(level) * np.sqrt(null)) / np.sqrt(own)
    return at_least(z, correlation(phi, ratio), m)


def size_by_sum(
    phi: Array, ratio: float, scores: Array, margin: float, level: float, power: float
) -> float:
    """Return the size of the control, unrounded, at which a rule about a weighted sum has a power.

    The sum is that of the probabilities of the patterns times their scores (Q,).
    """
    mean = phi @ scores
    variance = phi @ scores**2 - mean**2
    z = ndtri(1 - level) + ndtri(power)
    return float(z**2 * (variance[0] + variance[1] / ratio) / (mean[1] - mean[0] - margin) ** 2)


def first_size(power_of: partial[float], power: float, most: int) -> int | None:
    """Return the first size at which an increasing power is reached; None if there is none."""
    high = 2
    while power_of(high) < power:
        high *= 2
        if high > 4 * most:
            return None
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle) >= power else (middle, high)
    return high
