"""Fewer weighted points with nearly the same averages of smooth functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]

MOST = 1024


def merged(weight: Array, points: Array, most: int = MOST) -> tuple[Array, Array]:
    """Return at most so many points, each in place of a few near each other.

    Parameters
    ----------
    weight : ndarray, shape (C,)
    points : ndarray, shape (C, d)
    most : int
        The most points; as many or fewer come back as they are, but for equal ones.

    Returns
    -------
    weight : ndarray, shape (C',)
    points : ndarray, shape (C', d)
        Means, so that an average of a function errs by its curvature times the spread that is left.

    Examples
    --------
    >>> weight, points = merged(np.full(4, 0.25), np.array([[0.0], [1.0], [10.0], [12.0]]), 2)
    >>> weight.tolist(), points.ravel().tolist()
    ([0.5, 0.5], [0.5, 11.0])
    """
    points, which = np.unique(points, axis=0, return_inverse=True)
    weight = np.bincount(which.ravel(), weights=weight)
    points, weight = points[weight > 0], weight[weight > 0]
    if len(weight) <= most:
        return weight, points
    cells = [np.arange(len(weight))]
    for _ in range(int(np.log2(most))):  # halve each cell along its longest side
        halves = []
        for cell in cells:
            if len(cell) < 2:
                halves.append(cell)
                continue
            own = points[cell]
            side = int(np.argmax(np.ptp(own, axis=0)))
            cell = cell[np.argsort(own[:, side], kind="stable")]
            below = np.cumsum(weight[cell])
            half = below - weight[cell] / 2 < below[-1] / 2  # whose middle is in the first half
            middle = int(np.clip(half.sum(), 1, len(cell) - 1))
            halves += [cell[:middle], cell[middle:]]
        cells = halves
    total = np.array([weight[cell].sum() for cell in cells])
    means = np.array([weight[cell] @ points[cell] for cell in cells]) / total[:, None]
    return total, means
