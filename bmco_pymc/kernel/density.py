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
    R = turned(model.contrasts, own)
    block_coef = coef.reshape((B, model.lin.shape[2]))
    info, lin = model.info, model.lin
    value += centring.centre(point.epsilon, block_coef, R, info, lin, model.off, zeta, K, f, r)
    u = deviations(zeta, R)
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

    d_zeta, d_root = np.empty((B, d, J)), np.zeros((B, d, d))
    for b in range(B):
        for k in range(d):
            for j in range(J):
                d_zeta[b, k, j] = -zeta[b, k, j]
            for m in range(d):
                s = 0.0
                for j in range(J):
                    s += d_u[b, m, j] * zeta[b, k, j]
                    d_zeta[b, k, j] += R[b, m, k] * d_u[b, m, j]
                d_root[b, m, k] += s
    d_block = d_coef.reshape(block_coef.shape)
    d_epsilon = gradient.epsilon
    centring.pullback(zeta, K, f, r, R, info, lin, d_zeta, 1.0, d_epsilon, d_block, d_root)
    d_own = turned(model.contrasts.T, d_root)
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
def deviations(zeta: Floats, R: Floats) -> Floats:
    """Return R zeta for each cluster and block, (B, d, J)."""
    B, d, J = zeta.shape
    u = np.zeros((B, d, J))
    for b in range(B):
        for k in range(d):
            for m in range(d):
                for j in range(J):
                    u[b, k, j] += R[b, k, m] * zeta[b, m, j]
    return u


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
    coef, u, root = np.empty((S, L, M)), np.empty((S, B, d, J)), np.empty((S, B, d, d))
    zeta, f, r = np.empty((B, d, J)), np.empty((B, d, J)), np.empty((B, d, J))
    K = np.empty((B, d, d, J))
    for s in range(S):
        point = split(points[s], model)
        coef[s] = coefficients(point.white, model)
        covariance.root(point.t, point.v, model.family, model.hyper, root[s])
        root[s] = turned(model.contrasts, root[s])
        block_coef = coef[s].reshape((B, model.lin.shape[2]))
        centring.centre(
            point.epsilon, block_coef, root[s], model.info, model.lin, model.off, zeta, K, f, r
        )
        u[s] = deviations(zeta, root[s])
    return coef, u, root
