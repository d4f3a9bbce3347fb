"""Are ranks uniform? The empirical distribution function against its simultaneous band.

Under the null, of n ranks among N draws the number at or below each is binomial, and the statistic
is the smallest of their two-sided p-values; its distribution is simulated (Säilynoja, Bürkner &
Vehtari 2022, 10.1007/s11222-022-10090-6).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]

SIMULATED = 100_000


def p_value(ranks: NDArray[np.int64], n_draws: int) -> float:
    """Return the p-value of ranks 0, ..., n_draws being uniform."""
    counts = np.bincount(ranks, minlength=n_draws + 1)
    null = _null(len(ranks), n_draws)
    smaller = np.searchsorted(null, _statistic(counts[None])[0] * (1 + 1e-9), side="right")
    return float((1 + smaller) / (1 + len(null)))


def band(n: int, n_draws: int, probability: float = 0.95) -> tuple[Array, Array]:
    """Return the least and the largest shares at or below each rank that are no surprise."""
    level = np.quantile(_null(n, n_draws), 1 - probability)
    inside = _table(n, n_draws) >= level
    return inside.argmax(axis=1) / n, (n - inside[:, ::-1].argmax(axis=1)) / n


@lru_cache
def _table(n: int, n_draws: int) -> Array:
    """Return the two-sided p-value of each count 0, ..., n at or below each rank but the last."""
    share = np.arange(1, n_draws + 1)[:, None] / (n_draws + 1)
    count = np.arange(n + 1)
    below, above = stats.binom.cdf(count, n, share), stats.binom.sf(count - 1, n, share)
    return 2 * np.minimum(below, above)


def _statistic(counts: NDArray[np.int64]) -> Array:
    """Return the smallest p-value of each row of counts (S, n_draws + 1)."""
    at_or_below = counts.cumsum(axis=1)[:, :-1]
    n_draws = at_or_below.shape[1]
    table = _table(int(counts[0].sum()), n_draws)
    return table[np.arange(n_draws), at_or_below].min(axis=1)


@lru_cache
def _null(n: int, n_draws: int) -> Array:
    rng = np.random.default_rng(1)
    parts = [
        _statistic(rng.multinomial(n, np.full(n_draws + 1, 1 / (n_draws + 1)), SIMULATED // 20))
        for _ in range(20)
    ]
    return np.sort(np.concatenate(parts))
