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
from bmco_pymc.kernel.memory import view

type Floats = NDArray[np.float64]

# length, n, M, L, p, J, B, d, family, cells with an offset, clusters of the first kind, sizes of
# the mixing and of the contrasts, 0 where there is none, and kinds of subjects observed in part
HEADER = 14


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
    (B, d, J), clusters = (1, 0, 1), []
    partial = []
    if "agree" in data:
        own = data["partial_offset"] if len(offset) else offset
        partial = [data["partial_design"], own, data["partial_random"], data["partial_start"]]
        partial += [data["partial_total"], data["agree"]]
    if "off" in data:
        B, d, J = data["off"].shape
        clusters = [*np.split(data["info"], [first_kind or J], axis=-1), data["lin"], data["off"]]
    tied = [data.get(name, np.zeros((0, 0))) for name in ("basis_mixing", "deviation_contrasts")]
    sizes = [design.shape[1], *scale.shape, len(data["design_random"]), J, B, d, family]
    parts = [scale, logits, *tied, design, offset, data["design_random"], start, data["total"]]
    parts += [constant, fixed, random, *clusters, *partial, hyper]
    flat = np.concatenate([np.ravel(np.asarray(part, dtype=np.float64)) for part in parts])
    more = [len(offset), J if first_kind is None else first_kind, *map(len, tied)]
    more += [len(data.get("partial_total", []))]
    return np.concatenate([[HEADER + len(flat), *sizes, *more], flat])


class Model(NamedTuple):
    """The data of a model as views of its vector; see `likelihood` and `centring` for the names.

    ``scale`` (M, L), and ``logits`` (L, L), or ``mixing`` (L M, M L) in their place, make
    coefficients of the sampler's numbers, ``constant``, ``statistic`` and ``block_statistic`` are
    the sums of `likelihood.statistics`, ``contrasts`` (L, L) turns the deviations that the prior
    of Sigma is about into those of the logits. Without need of them, mixing and contrasts are
    (0, 0). What begins with ``partial``, and ``agree``, are of the subjects observed in part, as in
    `likelihood.subtract_norm`; empty without. ``info`` has the matrices (B, d, d, n) of one
    kind of clusters after those of the other.
    """

    family: int
    first_kind: int
    scale: Floats
    logits: Floats
    mixing: Floats
    contrasts: Floats
    design: Floats
    offset: Floats
    design_random: Floats
    start: Floats
    total: Floats
    constant: float
    statistic: Floats
    block_statistic: Floats
    info: Floats
    lin: Floats
    off: Floats
    partial_design: Floats
    partial_offset: Floats
    partial_random: Floats
    partial_start: Floats
    partial_total: Floats
    agree: Floats
    hyper: Floats


@njit(error_model="numpy", inline="always")
def unpack(packed: Floats) -> Model:
    """Return views of the vector that `pack` made."""
    n, M, L, p = int(packed[1]), int(packed[2]), int(packed[3]), int(packed[4])
    J, B, d, family = int(packed[5]), int(packed[6]), int(packed[7]), int(packed[8])
    m = L * M // B
    at = HEADER
    scale = view(packed, at, (M, L))
    at += M * L
    logits = view(packed, at, (L, L))
    at += L * L
    mixing = view(packed, at, (int(packed[11]), int(packed[11])))
    at += int(packed[11]) ** 2
    contrasts = view(packed, at, (int(packed[12]), int(packed[12])))
    at += int(packed[12]) ** 2
    design = view(packed, at, (M, n))
    at += M * n
    offset = view(packed, at, (int(packed[9]),))
    at += int(packed[9])
    design_random = view(packed, at, (p, n))
    at += p * n
    start = view(packed, at, (J + 1,))
    at += J + 1
    total = view(packed, at, (n,))
    at += n
    constant = packed[at]
    at += 1
    statistic = view(packed, at, (L, M))
    at += L * M
    block_statistic = view(packed, at, (B, d, J))
    at += B * d * J
    info = view(packed, at, (B * d * d * J,))
    at += B * d * d * J
    lin = view(packed, at, (B, m, d, J))
    at += B * d * m * J
    off = view(packed, at, (B, d, J))
    at += B * d * J
    e = int(packed[13])
    partial_design = view(packed, at, (M, e))
    at += M * e
    partial_offset = view(packed, at, (min(int(packed[9]), e),))
    at += min(int(packed[9]), e)
    partial_random = view(packed, at, (p, e))
    at += p * e
    partial_start = view(packed, at, ((J + 1) * min(e, 1),))
    at += (J + 1) * min(e, 1)
    partial_total = view(packed, at, (e,))
    at += e
    agree = view(packed, at, (L + 1, e))
    at += (L + 1) * e
    hyper = view(packed, at, (int(packed[0]) - at,))
    return Model(
        family,
        int(packed[10]),
        scale,
        logits,
        mixing,
        contrasts,
        design,
        offset,
        design_random,
        start,
        total,
        constant,
        statistic,
        block_statistic,
        info,
        lin,
        off,
        partial_design,
        partial_offset,
        partial_random,
        partial_start,
        partial_total,
        agree,
        hyper,
    )


class Point(NamedTuple):
    """A point of the sampling space, or a gradient there, as views; see `density`."""

    white: Floats
    all_white: Floats
    t: Floats
    v: Floats
    epsilon: Floats


@njit(error_model="numpy", inline="always")
def split(point: Floats, model: Model) -> Point:
    """Return views of the parts of a point."""
    M, L = model.scale.shape
    B, d, J = model.off.shape
    below = d * (d - 1) // 2
    t = M * L
    v = t + B * d
    epsilon = v + B * below
    return Point(
        view(point, 0, (M, L)),
        view(point, 0, (M * L,)),
        view(point, t, (B, d)),
        view(point, v, (B, below)),
        view(point, epsilon, (B, d, J)),
    )
