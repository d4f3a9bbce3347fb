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
from bmco_pymc.kernel.layout import Model, split, unpack
from bmco_pymc.kernel.likelihood import RELAXED, subtract_norm

type Floats = NDArray[np.float64]


@njit(error_model="numpy", fastmath=RELAXED)
def log_density(x: Floats, packed: Floats, dx: Floats) -> float:
    """Return the log density of a point and write its gradient.

    Parameters
    ----------
    x : ndarray, shape (D,)
        The point.
    packed : ndarray
        The model's data, see `bmco_pymc.kernel.layout.pack`.
    dx : ndarray, shape (D,)
        The gradient.
    """
    model = unpack(packed)
    point, gradient = split(x, model), split(dx, model)
    value = model.constant
    coef = coefficients(point.white, model)
    d_coef = model.statistic.copy()
    for m in range(coef.shape[1]):
        for q in range(coef.shape[0]):
            value += coef[q, m] * d_coef[q, m] - 0.5 * (point.white[m, q] / model.scale[m, q]) ** 2

    B, d, J = model.off.shape
    zeta, f, r = np.empty((B, d, J)), np.empty((B, d, J)), np.empty((B, d, J))
    K, own = np.empty((B, d, d, J)), np.empty((B, d, d))
    value += covariance.root(point.t, point.v, model.family, model.hyper, own)
    roots = roots_of(own, model)
    block_coef = coef.reshape((B, model.lin.shape[2]))
    info, lin, ends = model.info, model.lin, (0, model.first_kind, J)
    u = np.zeros((B, d, J))
    for kind in range(2):
        first, last = ends[kind], ends[kind + 1]
        value += centring.centre(
            point.epsilon, block_coef, roots[kind], info, lin, model.off, zeta, K, f, r, first, last
        )
        add_deviations(zeta, roots[kind], u, first, last)
    d_deviation = model.statistic_random.copy()
    d_u = d_deviation.reshape((B, d, J))
    for b in range(B):
        for k in range(d):
            for j in range(J):
                value += u[b, k, j] * d_u[b, k, j] - 0.5 * zeta[b, k, j] ** 2

    value += subtract_norm(
        coef,
        u.reshape(d_deviation.shape),
        model.design,
        model.offset,
        model.design_random,
        model.start,
        model.total,
        d_coef,
        d_deviation,
    )

    d_zeta, d_roots = np.empty((B, d, J)), np.zeros((2, B, d, d))
    d_block = d_coef.reshape(block_coef.shape)
    for kind in range(2):
        first, last = ends[kind], ends[kind + 1]
        R, d_root = roots[kind], d_roots[kind]
        for b in range(B):
            for k in range(d):
                for j in range(first, last):
                    d_zeta[b, k, j] = -zeta[b, k, j]
                for m in range(d):
                    s = 0.0
                    for j in range(first, last):
                        s += d_u[b, m, j] * zeta[b, k, j]
                        d_zeta[b, k, j] += R[b, m, k] * d_u[b, m, j]
                    d_root[b, m, k] += s
        d_epsilon = gradient.epsilon
        centring.pullback(
            zeta, K, f, r, R, info, lin, d_zeta, 1.0, d_epsilon, d_block, d_root, first, last
        )
    d_own = turned(model.contrasts.T, d_roots[0])
    if model.first_kind < J:
        covariance.mirrored_pullback(own, d_roots[1], d_own)
    covariance.pullback(
        point.t, point.v, model.family, model.hyper, own, d_own, gradient.t, gradient.v
    )
    for m in range(coef.shape[1]):
        for k in range(coef.shape[0]):
            s = -point.white[m, k] / model.scale[m, k]
            for q in range(coef.shape[0]):
                s += d_coef[q, m] * model.logits[q, k]
            gradient.white[m, k] = s / model.scale[m, k]
    return value


@njit(error_model="numpy")
def coefficients(white: Floats, model: Model) -> Floats:
    """Return the coefficients in the sampling basis, (L, M)."""
    M, L = white.shape
    coef = np.zeros((L, M))
    for m in range(M):
        for k in range(L):
            for q in range(L):
                coef[q, m] += white[m, k] / model.scale[m, k] * model.logits[q, k]
    return coef


@njit(error_model="numpy")
def add_deviations(zeta: Floats, R: Floats, u: Floats, first: int, last: int) -> None:
    """Add R zeta for each block of the clusters from first to last - 1, (B, d, J)."""
    B, d, _ = zeta.shape
    for b in range(B):
        for k in range(d):
            for m in range(d):
                for j in range(first, last):
                    u[b, k, j] += R[b, k, m] * zeta[b, m, j]


@njit(error_model="numpy")
def roots_of(own: Floats, model: Model) -> Floats:
    """Return the roots for both kinds of clusters, (2, B, d, d)."""
    B, d = own.shape[:2]
    roots = np.zeros((2, B, d, d))
    roots[0] = turned(model.contrasts, own)
    if model.first_kind < model.off.shape[2]:
        covariance.mirrored(own, roots[1])
    return roots


@njit(error_model="numpy")
def turned(left: Floats, root: Floats) -> Floats:
    """Return left @ root for each block, (B, d, d)."""
    B, d = root.shape[:2]
    product = np.zeros((B, d, d))
    for b in range(B):
        for x in range(d):
            for t in range(d):
                for y in range(d):
                    product[b, x, y] += left[x, t] * root[b, t, y]
    return product


@njit(error_model="numpy")
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
    M, L = model.scale.shape
    B, d, J = model.off.shape
    S = len(points)
    coef, u, root = np.empty((S, L, M)), np.zeros((S, B, d, J)), np.empty((S, B, d, d))
    zeta, f, r = np.empty((B, d, J)), np.empty((B, d, J)), np.empty((B, d, J))
    K, own = np.empty((B, d, d, J)), np.empty((B, d, d))
    lin, ends = model.lin, (0, model.first_kind, J)
    for s in range(S):
        point = split(points[s], model)
        coef[s] = coefficients(point.white, model)
        covariance.root(point.t, point.v, model.family, model.hyper, own)
        roots = roots_of(own, model)
        root[s] = roots[0]
        block_coef = coef[s].reshape((B, lin.shape[2]))
        for kind in range(2):
            first, last = ends[kind], ends[kind + 1]
            R, info, off = roots[kind], model.info, model.off
            centring.centre(
                point.epsilon, block_coef, R, info, lin, off, zeta, K, f, r, first, last
            )
            add_deviations(zeta, R, u[s], first, last)
    return coef, u, root
