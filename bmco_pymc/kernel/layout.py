"""The data of a model as one vector of numbers, which a C callback can take through one pointer.

The first `HEADER` numbers are sizes; the arrays follow, in the order that `pack` writes and
`unpack` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bmco_pymc.kernel.likelihood import statistics

type Floats = NDArray[np.float64]

HEADER = 11  # length, n, M, L, p, J, B, d, family, cells with an offset, clusters of the first kind


def pack(
    data: Mapping[str, Any], family: int, hyper: Floats, first_kind: int | None = None
) -> Floats:
    """Return the vector of a model.

    Parameters
    ----------
    data : mapping of str to array
        The data containers of a regression.
    family : int
        Prior family of Sigma, see `bmco_pymc.kernel.covariance`; any without clusters.
    hyper : ndarray
        Its hyperparameters.
    first_kind : int, optional
        How many clusters have the root as it is; the others have the mirrored one. Default: all.

    Returns
    -------
    ndarray, shape (N,)
    """
    design, scale, logits = data["design"], data["basis_scale"], data["basis_logits"]
    offset = data["offset"] if np.any(data["offset"]) else np.zeros(0)
    start = data["cluster_start"].astype(np.float64)
    counts = np.ascontiguousarray(data["observed"], dtype=np.float64)
    arrays = (counts, design, offset, data["design_random"], start)
    constant, fixed, random = statistics(*map(np.ascontiguousarray, arrays))
    names = ("info", "lin", "off", "deviation_contrasts")
    clusters = [data[name] for name in names if name in data]
    B, d, J = clusters[2].shape if clusters else (1, 0, 1)
    sizes = [design.shape[1], *scale.shape, len(data["design_random"]), J, B, d, family]
    parts = [scale, logits, design, offset, data["design_random"], start, counts.sum(axis=1)]
    parts += [constant, fixed, random, *clusters, hyper]
    flat = np.concatenate([np.ravel(np.asarray(part, dtype=np.float64)) for part in parts])
    first_kind = J if first_kind is None else first_kind
    return np.concatenate([[HEADER + len(flat), *sizes, len(offset), first_kind], flat])


class Model(NamedTuple):
    """The data of a model as views of its vector; see `likelihood` and `centring` for the names.

    ``scale`` (M, L) and ``logits`` (L, L) make coefficients of the sampler's numbers, ``constant``,
    ``statistic`` and ``statistic_random`` are the sums of `likelihood.statistics`, ``contrasts``
    (d, d) turns the deviations that the prior of Sigma is about into those of the logits.
    """

    family: int
    first_kind: int
    scale: Floats
    logits: Floats
    design: Floats
    offset: Floats
    design_random: Floats
    start: Floats
    total: Floats
    constant: float
    statistic: Floats
    statistic_random: Floats
    info: Floats
    lin: Floats
    off: Floats
    contrasts: Floats
    hyper: Floats


@njit(error_model="numpy")
def unpack(packed: Floats) -> Model:
    """Return views of the vector that `pack` made."""
    n, M, L, p = int(packed[1]), int(packed[2]), int(packed[3]), int(packed[4])
    J, B, d, family = int(packed[5]), int(packed[6]), int(packed[7]), int(packed[8])
    m = L * M // B
    scale, at = _take(packed, HEADER, M * L)
    logits, at = _take(packed, at, L * L)
    design, at = _take(packed, at, M * n)
    offset, at = _take(packed, at, int(packed[9]))
    design_random, at = _take(packed, at, p * n)
    start, at = _take(packed, at, J + 1)
    total, at = _take(packed, at, n)
    constant, at = _take(packed, at, 1)
    statistic, at = _take(packed, at, L * M)
    statistic_random, at = _take(packed, at, J * L * p)
    info, at = _take(packed, at, J * B * d * d)
    lin, at = _take(packed, at, J * B * d * m)
    off, at = _take(packed, at, J * B * d)
    contrasts, at = _take(packed, at, d * d)
    return Model(
        family,
        int(packed[10]),
        scale.reshape((M, L)),
        logits.reshape((L, L)),
        design.reshape((M, n)),
        offset,
        design_random.reshape((p, n)),
        start,
        total,
        constant[0],
        statistic.reshape((L, M)),
        statistic_random.reshape((L, p, J)),
        info.reshape((B, d, d, J)),
        lin.reshape((B, d, m, J)),
        off.reshape((B, d, J)),
        contrasts.reshape((d, d)),
        packed[at : int(packed[0])],
    )


class Point(NamedTuple):
    """A point of the sampling space, or a gradient there, as views; see `density`."""

    white: Floats
    t: Floats
    v: Floats
    epsilon: Floats


@njit(error_model="numpy")
def split(point: Floats, model: Model) -> Point:
    """Return views of the parts of a point."""
    M, L = model.scale.shape
    B, d, J = model.off.shape
    below = d * (d - 1) // 2
    white, at = _take(point, 0, M * L)
    t, at = _take(point, at, B * d)
    v, at = _take(point, at, B * below)
    return Point(
        white.reshape((M, L)),
        t.reshape((B, d)),
        v.reshape((B, below)),
        point[at:].reshape((B, d, J)),
    )


@njit(error_model="numpy")
def _take(packed: Floats, at: int, size: int) -> tuple[Floats, int]:
    """Return ``size`` numbers from a place on, and the place after them."""
    return packed[at : at + size], at + size
