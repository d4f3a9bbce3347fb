"""From tables of counts to the probability of each set of claims: one claim for each outcome.

An outcome is claimed to be better when its marginal posterior probability exceeds the cut-off. That
rises with the successes of one group and falls with those of the other, so it is told by a
threshold for each count of the other: how many successes it takes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.trial.superiority import NEAR, Beta, exceeds, superiority

Array = NDArray[np.float64]

BLOCK = 20_000_000  # probabilities that are worked at together: 160 MB
Counts = NDArray[np.intp]


def thresholds(high: Beta, n_high: int, low: Beta, n_low: int, margin: float, cut: float) -> Counts:
    """Return how many successes it takes for a claim, for each number of the other group's.

    Parameters
    ----------
    high, low : pair of float
        Beta priors of the group that should be higher and of the other.
    n_high, n_low : int
        Subjects.
    margin : float
    cut : float
        What the posterior probability must exceed.

    Returns
    -------
    ndarray of int, shape (n_low + 1,)
        From 0 to n_high + 1, which no count reaches.

    Examples
    --------
    >>> thresholds((1, 1), 20, (1, 1), 20, 0.0, 0.95)[[0, 7, 20]].tolist()
    [4, 13, 21]
    """
    width = max(1, BLOCK // (n_high + 1))
    blocks = [slice(start, start + width) for start in range(0, n_low + 1, width)]
    found = [_thresholds(high, n_high, low, n_low, margin, cut, block) for block in blocks]
    return np.concatenate(found)


def _thresholds(
    high: Beta, n_high: int, low: Beta, n_low: int, margin: float, cut: float, block: slice
) -> Counts:
    """Return the same for some numbers of the other group's."""
    table = superiority(high, n_high, low, n_low, margin, block)
    above = table > cut
    near = np.abs(table - cut) < NEAR
    for t in np.flatnonzero(near.any(axis=0)):  # a stretch of each column, in which it rises
        stretch = np.flatnonzero(near[:, t])

        def exceeded(s: int, t: int = int(t)) -> bool:
            successes = block.start + t
            one = high[0] + s, high[1] + n_high - s
            other = low[0] + successes, low[1] + n_low - successes
            return exceeds(float(table[s, t]), cut, one, other, margin)

        above[stretch, t] = stretch >= stretch[0] + bisect_left(stretch, True, key=exceeded)
    return needed(above)


def needed(above: NDArray[np.bool_]) -> Counts:
    """Return how many successes it takes, shape (n_low + 1,), from where they are enough.

    Parameters
    ----------
    above : ndarray of bool, shape (n_high + 1, n_low + 1)
        Enough, for s successes of the group that should be higher (rows) and t of the other: with
        each s, all larger ones are.
    """
    return len(above) - np.count_nonzero(above, axis=0)


def claim_table(takes: Sequence[Counts], high: Array, low: Array) -> Array:
    """Return the probability of each set of claims.

    Parameters
    ----------
    takes : sequence of ndarray, shape (n_low + 1,)
        How many successes the claim of each outcome takes.
    high, low : ndarray, shape (n + 1, ..., n + 1)
        The distribution of the successes of each outcome, in either group.

    Returns
    -------
    ndarray, shape (2^K,)
        In the order of the response patterns: all claimed first, none last.

    Examples
    --------
    >>> takes = [thresholds((1, 1), 4, (1, 1), 4, 0.0, 0.95)]
    >>> binomial = np.array([1, 4, 6, 4, 1]) / 16
    >>> claim_table(takes, binomial, binomial).round(4).tolist()
    [0.0352, 0.9648]
    """
    K = len(takes)
    joint = np.empty((2,) * K)  # axis k: 0 claimed, 1 claimed or not
    for code, row in enumerate(patterns.bits(K)):
        among = np.flatnonzero(row).tolist()
        others = tuple(np.flatnonzero(1 - row).tolist())
        joint.flat[code] = all_claimed(
            [takes[k] for k in among], high.sum(axis=others), low.sum(axis=others)
        )
    for axis in range(K):  # not claimed: claimed or not, but for claimed
        both = np.take(joint, 0, axis), np.take(joint, 1, axis)
        joint = np.stack([both[0], both[1] - both[0]], axis)
    return np.clip(joint.ravel(), 0.0, 1.0)


def all_claimed(takes: Sequence[Counts], high: Array, low: Array) -> float:
    """Return the probability that the counts of one group reach those that the other's call for."""
    if not takes:
        return float(high * low)
    return float((at_least(high)[np.ix_(*takes)] * low).sum())


def none_claimed(takes: Sequence[Counts], high: Array, low: Array) -> float:
    """Return the probability that every count falls short of what the other group's call for."""
    table = high
    for axis in range(table.ndim):  # fewer than s successes, for s from 0 to n + 1
        table = np.cumsum(table, axis)
        table = np.concatenate([np.zeros_like(table.take([0], axis)), table], axis)
    return float((table[np.ix_(*takes)] * low).sum())


def at_least(table: Array) -> Array:
    """Return the probability that each count is at least s, for s from 0 to n + 1."""
    for axis in range(table.ndim):
        table = np.flip(np.cumsum(np.flip(table, axis), axis), axis)
        table = np.concatenate([table, np.zeros_like(table.take([0], axis))], axis)
    return table
