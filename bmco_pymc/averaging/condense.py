"""Fewer points with the same average: Gauss rules for subjects whose logits lie on lines.

Many subjects of one group that differ in one continuous covariate have linear predictors on a line,
eta(t) = a + t b. An average of a smooth function over them is an integral over the distribution of
t, and m nodes of the Gauss rule of that discrete distribution give the same average as all subjects
do, but for an error that falls geometrically with m.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

ERROR = 1e-9  # of an average of pattern probabilities, unless asked otherwise
FEW = 20  # a column with more distinct values is taken to be continuous


class Rows(NamedTuple):
    """Weighted rows of the designs.

    Attributes
    ----------
    X : ndarray, shape (n, P)
    Z : ndarray, shape (n, p)
    weight : ndarray, shape (n,)
    cluster : ndarray of int, shape (n,), or None
    """

    X: Floats
    Z: Floats
    weight: Floats
    cluster: NDArray[np.intp] | None


def condense(
    rows: Rows, steepness: Callable[[Floats, Floats, int | None], float], error: float = ERROR
) -> Rows:
    """Replace subjects on a line by the nodes of a Gauss rule.

    Parameters
    ----------
    rows : Rows
        The points of one group.
    steepness : callable
        ``steepness(x, z, cluster)`` bounds, over all draws, how much the differences between two
        logits change per step x (P,), z (p,) in the designs.
    error : float
        Largest error of an average.

    Returns
    -------
    Rows
        With the same average to that error; the given ones where that takes as many points.

    References
    ----------
    Golub & Welsch (1969), https://doi.org/10.2307/2004418; the rate is that of Gauss quadrature for
    functions that are analytic in an ellipse: Trefethen (2008), https://doi.org/10.1137/060659831.
    """
    design = np.hstack([rows.X, rows.Z])
    keys: list[NDArray[Any]] = [
        design[:, c] for c in range(design.shape[1]) if _discrete(design[:, c])
    ]
    if rows.cluster is not None:
        keys.insert(0, rows.cluster)
    if len(keys) - (rows.cluster is not None) == design.shape[1]:
        return rows
    groups = pd.DataFrame(dict(enumerate(keys))).groupby(list(range(len(keys))), sort=True)
    parts = [np.arange(len(design))] if not keys else list(groups.indices.values())
    if len(parts) > len(design) / 8:
        return rows
    designs, weights, clusters = [], [], []
    for part in parts:
        cluster = None if rows.cluster is None else int(rows.cluster[part[0]])
        nodes, mass = _on_a_line(
            design[part], rows.weight[part], rows.X.shape[1], cluster, steepness, error
        )
        designs.append(nodes)
        weights.append(mass)
        clusters.append(np.full(len(mass), cluster))
    new = np.concatenate(designs)
    kept = None if rows.cluster is None else np.concatenate(clusters)
    return Rows(new[:, : rows.X.shape[1]], new[:, rows.X.shape[1] :], np.concatenate(weights), kept)


def _discrete(column: Floats) -> bool:
    return len(np.unique(column[:1000])) <= FEW and len(np.unique(column)) <= FEW


def _on_a_line(
    design: Floats,
    weight: Floats,
    n_fixed: int,
    cluster: int | None,
    steepness: Callable[[Floats, Floats, int | None], float],
    error: float,
) -> tuple[Floats, Floats]:
    """Return nodes (m, P + p) and masses (m,) for rows on a line; the rows themselves if not."""
    if len(design) < 4:
        return design, weight
    centre = weight @ design / weight.sum()
    same = (design == design[0]).all(axis=0)
    centre[same] = design[0, same]  # exactly: equal random designs share their integrals
    around = design - centre
    widest = around[np.argmax((around**2).sum(axis=1))]
    length = float(widest @ widest)
    if length == 0.0:
        return design[:1], weight[:1] * 0 + weight.sum()
    t = around @ widest / length  # the row in terms of the farthest one
    if abs(around - t[:, None] * widest).max() > 1e-10 * (abs(widest).max() + abs(centre).max()):
        return design, weight
    half = float(np.ptp(t)) / 2
    steep = half * steepness(widest[:n_fixed], widest[n_fixed:], cluster)
    # Between -1 and 1 the softmax is analytic where the imaginary part is below pi / steep; going
    # to 0.9 of that keeps it bounded by a few.
    width = 0.9 * math.pi / max(steep, 1e-8)
    rho = width + math.hypot(width, 1.0)
    if rho == 1.0:  # so steep that every row counts for itself
        return design, weight
    m = math.ceil(math.log(100 / error) / (2 * math.log(rho))) + 1
    if m >= len(design) // 2:
        return design, weight
    nodes, mass = discrete_gauss(t, weight, m)
    return centre + nodes[:, None] * widest, mass


def discrete_gauss(t: Floats, weight: Floats, m: int) -> tuple[Floats, Floats]:
    """Return the Gauss rule of a discrete distribution.

    Parameters
    ----------
    t, weight : ndarray, shape (n,)
        Places, and their weights.
    m : int
        Number of nodes; fewer are returned if there are no more distinct places.

    Returns
    -------
    nodes, mass : ndarray, shape (m,)
        Exact for polynomials up to degree 2 m - 1.

    Examples
    --------
    >>> t = np.linspace(-1, 1, 101) ** 3
    >>> nodes, mass = discrete_gauss(t, np.full(101, 1 / 101), 5)
    >>> bool(abs(mass @ nodes**8 - np.mean(t**8)) < 1e-15)
    True
    """
    from scipy.linalg import eigh_tridiagonal

    total = weight.sum()
    basis = np.zeros((m + 1, len(t)))  # Lanczos vectors of diag(t), started from sqrt(weight)
    basis[0] = np.sqrt(weight / total)
    diagonal, beside = np.zeros(m), np.zeros(m)
    size = m
    for k in range(m):
        new = t * basis[k]
        diagonal[k] = new @ basis[k]
        for _ in range(2):  # orthogonal to all before, to the last digit
            new = new - basis[: k + 1].T @ (basis[: k + 1] @ new)
        beside[k] = np.linalg.norm(new)
        if beside[k] < 1e-13 * max(abs(t).max(), 1e-300):
            size = k + 1
            break
        basis[k + 1] = new / beside[k]
    nodes, vectors = eigh_tridiagonal(diagonal[:size], beside[: size - 1])
    return nodes, total * vectors[0] ** 2
