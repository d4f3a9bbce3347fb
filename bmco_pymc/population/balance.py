"""Weights that give a sample other means: those of largest entropy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

RIDGE = 1e-6  # per SD: no means that weights can reach are missed by more than about 1e-5
MISSED = 0.01  # SDs that are left where no weights reach the means
STEPS = 200

type Array = NDArray[np.float64]


def to_the_means(gap: Array, size: Array) -> tuple[Array, bool]:
    """Return weights under which each column of gaps (n, p) averages to 0, and if there are any.

    They are those of largest entropy, found by Newton's method with halved steps on the convex dual
    log Σ nᵢ exp(gᵢ'b) + ridge |b|²/2. The ridge picks one solution where several give the same, and
    the nearest means where no weights reach those asked for.

    Parameters
    ----------
    gap : ndarray, shape (n, p)
        How far each cell is from the means asked for.
    size : ndarray, shape (n,)
        Subjects of each cell.

    Returns
    -------
    weight : ndarray, shape (n,)
        Of a subject of each cell; they sum to 1 over the subjects.
    reached : bool
        Whether the means are those asked for.

    References
    ----------
    Hainmueller (2012), https://doi.org/10.1093/pan/mpr025

    Examples
    --------
    >>> weight, reached = to_the_means(np.array([[-0.8], [0.2]]), np.array([10.0, 10.0]))
    >>> weight.round(3).tolist(), reached
    ([0.02, 0.08], True)
    """
    log_size, p = np.log(size), gap.shape[1]
    b = np.zeros(p)

    def dual(b: Array) -> float:
        return float(logsumexp(log_size + gap @ b) + RIDGE / 2 * b @ b)

    value = dual(b)
    for _ in range(STEPS):
        share = softmax(log_size + gap @ b)  # (n,) of each cell
        mean = share @ gap
        slope = mean + RIDGE * b
        if np.abs(slope).max() < 1e-9:
            break
        curve = gap.T @ (share[:, None] * gap) - np.outer(mean, mean) + RIDGE * np.eye(p)
        step = np.linalg.solve(curve, slope)
        length, fall = 1.0, float(slope @ step)
        while (new := dual(b - length * step)) > value - 1e-4 * length * fall and length > 1e-10:
            length /= 2
        b, before, value = b - length * step, value, new
        if before - value <= 1e-13 * abs(before):
            break
    share = softmax(log_size + gap @ b)
    return share / size, bool(np.abs(share @ gap).max() < MISSED)
