"""Rows that stand for many subjects: what the subjects written out would give, without that."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def at_rank(
    x: NDArray[np.float64], weight: NDArray[np.integer[Any]], rank: ArrayLike
) -> NDArray[np.float64]:
    """Return the values that have given places, from 0, among the sorted subjects.

    Parameters
    ----------
    x, weight : ndarray, shape (n,)
        A value and how many subjects have it; the same value may come again.
    rank : array_like of int
        Places, below the number of subjects.

    Examples
    --------
    >>> at_rank(np.array([5.0, 1.0]), np.array([2, 10**9]), [0, 10**9 - 1, 10**9]).tolist()
    [1.0, 1.0, 5.0]
    """
    order = np.argsort(x, kind="stable")
    up_to = np.cumsum(weight[order])  # subjects with this value or a smaller one
    return x[order][np.searchsorted(up_to, rank, side="right")]


def quantile(
    x: NDArray[np.float64], weight: NDArray[np.integer[Any]], p: ArrayLike
) -> NDArray[np.float64]:
    """Return quantiles of the subjects, as `numpy.quantile` does of them written out.

    Examples
    --------
    >>> quantile(np.array([5.0, 1.0]), np.array([2, 3]), [0.5, 0.75]).tolist()
    [1.0, 5.0]
    """
    n = int(weight.sum())
    place = np.asarray(p, float) * (n - 1)
    below = np.floor(place).astype(np.int64)
    low, high = at_rank(x, weight, below), at_rank(x, weight, np.minimum(below + 1, n - 1))
    return low + (high - low) * (place - below)
