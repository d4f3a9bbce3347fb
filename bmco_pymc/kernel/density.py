"""The log posterior density of a regression at one point of the sampling space, and its gradient.

A point holds, one after the other,

    white     (M, L)            coefficients in the sampling basis, N(0, scale^2) a priori
    t, v      (B, d), (B, d (d - 1) / 2)    the root of the clusters' covariance
    epsilon   (B, d, J)         the clusters' deviations, centred by their data

of which the latter two are empty without clusters. The density is that of the PyMC model that
``build()`` returns, with the same transforms, up to a constant.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bmco_pymc.kernel import centring, covariance
from bmco_pymc.kernel.layout import Model, Point, split, unpack
from bmco_pymc.kernel.likelihood import RELAXED, subtract_norm
from bmco_pymc.kernel.memory import view
from bmco_pymc.kernel.workspace import Work, n_zeros, work_size, workspace

type Floats = NDArray[np.float64]


@njit(error_model="numpy", fastmath=RELAXED, inline="always")
def log_density(x: Floats, packed: Floats, memory: Floats, dx: Floats) -> float:
    """Return the log density of a point and write its gradient.

    Parameters
    ----------
    x : ndarray, shape (D,)
        The point.
    packed : ndarray
        The model's data, see `bmco_pymc.kernel.layout.pack`.
    memory : ndarray, shape (work_size(unpack(packed)),)
        To work in.
    dx : ndarray, shape (D,)
        The gradient.
    """
    model = unpack(packed)
    memory[: n_zeros(model)] = 0.0
    point, gradient, work = split(x, model), split(dx, model), workspace(memory, model)
    value = model.constant + expand_point(point, model, work)
    coef, d_coef, u, d_u = work.coef, work.d_coef, work.block_u, work.d_block_u
    M, L = point.white.shape
    for m in range(M):
        for q in range(L):
            d_coef[q, m] = model.statistic[q, m]
            value += coef[q, m] * d_coef[q, m] - 0.5 * (point.white[m, q] / model.scale[m, q]) ** 2
    statistic = model.block_statistic
    B, d, J = u.shape
    for b in range(B):
        for k in range(d):
            for j in range(J):
                d_u[b, k, j] = statistic[b, k, j]
                value += u[b, k, j] * statistic[b, k, j] - 0.5 * work.zeta[b, k, j] ** 2

    all_patterns = view(packed, 0, (0, 0))
    for part in range(2 if model.agree.size else 1):
        value += subtract_norm(
            coef,
            work.u,
            model.partial_design if part else model.design,
            model.partial_offset if part else model.offset,
            model.partial_random if part else model.design_random,
            model.partial_start if part else model.start,
            model.partial_total if part else model.total,
            model.agree if part else all_patterns,
            d_coef,
            work.d_u,
        )
    pull_back(point, model, work, gradient)
    return value


@njit(error_model="numpy", fastmath=RELAXED, inline="always")
def expand_point(point: Point, model: Model, work: Work) -> float:
    """Write what a point stands for; return the log Jacobian and the log prior of the root.

    Writes coef, zeta, roots, inner, u, and what `centring.pullback` needs.
    """
    coef, inner, zeta = work.coef, work.inner, work.zeta
    M, L = point.white.shape
    if model.mixing.size:
        for i in range(M * L):
            s = 0.0
            for t in range(M * L):
                s += model.mixing[i, t] * point.all_white[t]
            work.all_coef[i] = s
    else:
        for m in range(M):
            for k in range(L):
                s = point.white[m, k] / model.scale[m, k]
                for q in range(L):
                    coef[q, m] += s * model.logits[q, k]
    value = covariance.root(
        point.t, point.v, model.family, model.hyper, work.roots[0], work.partial
    )
    B, d, J = inner.shape
    if model.first_kind < J:
        covariance.mirrored(work.roots[0], work.roots[1])
    centring.score(work.block_coef, model.lin, model.off, work.r)
    for kind in range(2):
        first, last = kind_of_clusters(kind, model)
        if first == last:
            continue
        R, part = work.roots[kind], part_of_root(kind, model)
        value += centring.centre(
            point.epsilon,
            work.r,
            R,
            matrices(model.info, first, last, B, d),
            zeta,
            matrices(work.K, first, last, B, d),
            matrices(work.G, first, last, B, d),
            work.f,
            part,
            first,
            last,
        )
        for b in range(B):
            for k in range(d):
                low, high = centring.row(part, k, d)
                for m in range(low, high):
                    for j in range(first, last):
                        inner[b, k, j] += R[b, k, m] * zeta[b, m, j]
    if model.contrasts.size:
        turn(model.contrasts, work.inner, work.u)
    return value


@njit(error_model="numpy", fastmath=RELAXED, inline="always")
def pull_back(point: Point, model: Model, work: Work, gradient: Point) -> None:
    """Write the gradient, given the derivatives of the likelihood by coef and u."""
    d_inner, zeta, d_zeta = work.d_inner, work.zeta, work.d_zeta
    B, d, J = zeta.shape
    if model.contrasts.size:
        turn_back(model.contrasts, work.d_u, d_inner)
    for kind in range(2):
        first, last = kind_of_clusters(kind, model)
        if first == last:
            continue
        R, d_root, part = work.roots[kind], work.d_roots[kind], part_of_root(kind, model)
        for b in range(B):
            for k in range(d):
                for j in range(first, last):
                    d_zeta[b, k, j] = -zeta[b, k, j]
                low, high = centring.column(part, k, d)
                for m in range(low, high):
                    s = 0.0
                    for j in range(first, last):
                        s += d_inner[b, m, j] * zeta[b, k, j]
                        d_zeta[b, k, j] += R[b, m, k] * d_inner[b, m, j]
                    d_root[b, m, k] += s
        centring.pullback(
            point.epsilon,
            matrices(work.K, first, last, B, d),
            matrices(work.G, first, last, B, d),
            work.f,
            work.r,
            R,
            matrices(model.info, first, last, B, d),
            d_zeta,
            1.0,
            gradient.epsilon,
            d_root,
            part,
            first,
            last,
        )
    centring.score_pullback(work.r, model.lin, work.d_block_coef)
    if model.first_kind < J:
        covariance.mirrored_pullback(work.roots[0], work.d_roots[1], work.d_roots[0])
    covariance.pullback(
        point.t,
        point.v,
        model.family,
        model.hyper,
        work.roots[0],
        work.partial,
        work.d_roots[0],
        gradient.t,
        gradient.v,
    )
    M, L = point.white.shape
    if model.mixing.size:
        for m in range(M):
            for k in range(L):
                gradient.white[m, k] = -point.white[m, k] / model.scale[m, k] ** 2
        for i in range(M * L):
            s = work.all_d_coef[i]
            for t in range(M * L):
                gradient.all_white[t] += model.mixing[i, t] * s
        return
    for m in range(M):
        for k in range(L):
            s = -point.white[m, k] / model.scale[m, k]
            for q in range(L):
                s += work.d_coef[q, m] * model.logits[q, k]
            gradient.white[m, k] = s / model.scale[m, k]


@njit(error_model="numpy", inline="always")
def kind_of_clusters(kind: int, model: Model) -> tuple[np.uint64, np.uint64]:
    """Return the first cluster of a kind, and the first after it.

    Unsigned, because numba looks at each index that might be negative, one by one.
    """
    ends = (0, model.first_kind, model.off.shape[2])
    return np.uint64(ends[kind]), np.uint64(ends[kind + 1])


@njit(error_model="numpy", inline="always")
def matrices(numbers: Floats, first: int, last: int, B: int, d: int) -> Floats:
    """Return the matrices (B, d, d, n) of the n clusters of a kind."""
    return view(numbers, B * d * d * np.int64(first), (B, d, d, np.int64(last - first)))


@njit(error_model="numpy", inline="always")
def part_of_root(kind: int, model: Model) -> int:
    """Return which part of the root of a kind of clusters is not zero."""
    if kind == 1 or model.family == covariance.BARTLETT:
        return centring.UPPER
    return centring.LOWER


@njit(error_model="numpy", fastmath=RELAXED, forceinline=True)
def turn(contrasts: Floats, inner: Floats, u: Floats) -> None:
    """Add the deviations of the logits (L, p, J), given those of the contrasts (1, L p, J)."""
    L, p, J = u.shape
    for q in range(L):
        for r in range(L):
            c = contrasts[q, r]
            if c != 0.0:
                for k in range(p):
                    for j in range(J):
                        u[q, k, j] += c * inner[0, r * p + k, j]


@njit(error_model="numpy", fastmath=RELAXED, forceinline=True)
def turn_back(contrasts: Floats, d_u: Floats, d_inner: Floats) -> None:
    """Add the derivatives by the deviations of the contrasts, given those by the logits'."""
    L, p, J = d_u.shape
    for q in range(L):
        for r in range(L):
            c = contrasts[q, r]
            if c != 0.0:
                for k in range(p):
                    for j in range(J):
                        d_inner[0, r * p + k, j] += c * d_u[q, k, j]


@njit(error_model="numpy", inline="always")
def expand(points: Floats, packed: Floats) -> tuple[Floats, Floats, Floats]:
    """Return what the numbers of the sampler stand for, draw by draw.

    Parameters
    ----------
    points : ndarray, shape (S, D)
    packed : ndarray

    Returns
    -------
    coef : ndarray, shape (S, L, M)
        Coefficients in the sampling basis.
    u : ndarray, shape (S, B, d, J)
        Deviations of the clusters in their basis.
    root : ndarray, shape (S, B, d, d)
        Root of their covariance.
    """
    model = unpack(packed)
    L, M = model.statistic.shape
    B, d, J = model.off.shape
    S = len(points)
    coef, u, root = np.empty((S, L, M)), np.empty((S, B, d, J)), np.empty((S, B, d, d))
    memory = np.empty(work_size(model))
    for s in range(S):
        _expand_into(points[s], packed, memory, coef[s], u[s], root[s])
    return coef, u, root


@njit(error_model="numpy", fastmath=RELAXED, inline="always")
def _expand_into(
    x: Floats, packed: Floats, memory: Floats, coef: Floats, u: Floats, root: Floats
) -> None:
    """Write what one point stands for."""
    model = unpack(packed)
    memory[: n_zeros(model)] = 0.0
    work = workspace(memory, model)
    expand_point(split(x, model), model, work)
    L, M = coef.shape
    for q in range(L):
        for m in range(M):
            coef[q, m] = work.coef[q, m]
    B, d, J = u.shape
    for b in range(B):
        for k in range(d):
            for j in range(J):
                u[b, k, j] = work.block_u[b, k, j]
            for m in range(d):
                root[b, k, m] = work.roots[0, b, k, m]
