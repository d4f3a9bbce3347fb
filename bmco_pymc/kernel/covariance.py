"""The root R of the clusters' covariance from unconstrained numbers, its prior and derivatives.

A block of d deviations has d numbers t for the sizes and, row by row, d (d - 1) / 2 numbers v below
the diagonal. See `bmco_pymc.models.covariance` for the two constructions:

inverse-Wishart(nu, I)
    A lower triangular with A_xx = exp(t_x / 2), exp(t_x) ~ Gamma, A_xy = v_xy ~ N(0, 1); R = A'^-1.
LKJ(eta)
    R_xy = exp(t_x) z_xy prod_{s < y} (1 - z_xs^2)^1/2 with partial correlations z = tanh(v / 2),
    z_xx = 1; the SDs exp(t) have a half-normal, half-t or exponential prior.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

# The families of the prior; `hyper` holds their hyperparameters:
INVERSE_WISHART = 1  # the d shapes of the Gamma distributions, rate 1/2
HALF_NORMAL = 2  # eta, nu (unused), then the d scales of the SDs
HALF_STUDENT_T = 3
EXPONENTIAL = 4


@njit(error_model="numpy")
def root(t: Floats, v: Floats, family: int, hyper: Floats, R: Floats) -> float:
    """Write R; return the log prior density of t and v, up to a constant.

    Parameters
    ----------
    t : ndarray, shape (B, d)
    v : ndarray, shape (B, d (d - 1) / 2)
    family : int
    hyper : ndarray
    R : ndarray, shape (B, d, d)
    """
    B, d = t.shape
    value = 0.0
    R[:] = 0.0
    for b in range(B):
        if family == INVERSE_WISHART:
            for x in range(d):
                value += hyper[x] * t[b, x] - 0.5 * np.exp(t[b, x])
            for x in range(v.shape[1]):
                value -= 0.5 * v[b, x] ** 2
            for y in range(d):  # R' = A^-1, column by column
                R[b, y, y] = np.exp(-0.5 * t[b, y])
                for x in range(y + 1, d):
                    s = 0.0
                    for m in range(y, x):
                        s += v[b, x * (x - 1) // 2 + m] * R[b, y, m]
                    R[b, y, x] = -s * np.exp(-0.5 * t[b, x])
        else:
            eta, nu = hyper[0], hyper[1]
            for x in range(d):
                sd = np.exp(t[b, x])
                ratio = sd / hyper[2 + x]
                if family == HALF_NORMAL:
                    value -= 0.5 * ratio**2
                elif family == HALF_STUDENT_T:
                    value -= 0.5 * (nu + 1) * np.log1p(ratio**2 / nu)
                else:
                    value -= ratio
                value += t[b, x]
                left = sd
                for y in range(x):
                    w = v[b, x * (x - 1) // 2 + y]
                    size = np.exp(-abs(w))
                    value -= (eta + 0.5 * (d - 2 - y)) * (abs(w) + 2 * np.log1p(size))
                    R[b, x, y] = left * np.tanh(0.5 * w)
                    left *= 2 * np.sqrt(size) / (1 + size)  # 1 / cosh(w / 2)
                R[b, x, x] = left
    return value


@njit(error_model="numpy")
def pullback(
    t: Floats,
    v: Floats,
    family: int,
    hyper: Floats,
    R: Floats,
    d_root: Floats,
    d_t: Floats,
    d_v: Floats,
) -> None:
    """Write the derivatives of the log density by t and v, given that by R (without the prior)."""
    B, d = t.shape
    right, left = np.empty((d, d)), np.empty(d)
    for b in range(B):
        if family == INVERSE_WISHART:
            for m in range(d):  # d_root' R
                for y in range(d):
                    s = 0.0
                    for x in range(d):
                        s += d_root[b, x, m] * R[b, x, y]
                    right[m, y] = s
            for x in range(d):
                for y in range(x + 1):  # the derivative by A_xy, -(R d_root' R)_xy
                    s = 0.0
                    for m in range(d):
                        s -= R[b, x, m] * right[m, y]
                    if x == y:
                        size = np.exp(t[b, x])
                        d_t[b, x] = 0.5 * s * np.sqrt(size) + hyper[x] - 0.5 * size
                    else:
                        place = x * (x - 1) // 2 + y
                        d_v[b, place] = s - v[b, place]
        else:
            eta, nu = hyper[0], hyper[1]
            for x in range(d):
                sd = np.exp(t[b, x])
                ratio = sd / hyper[2 + x]
                if family == HALF_NORMAL:
                    s = 1.0 - ratio**2
                elif family == HALF_STUDENT_T:
                    s = 1.0 - (nu + 1) * ratio**2 / (nu + ratio**2)
                else:
                    s = 1.0 - ratio
                for y in range(x + 1):  # each entry of the row is proportional to the SD
                    s += d_root[b, x, y] * R[b, x, y]
                d_t[b, x] = s
                for y in range(x):
                    size = np.exp(-abs(v[b, x * (x - 1) // 2 + y]))
                    left[y] = sd
                    sd *= 2 * np.sqrt(size) / (1 + size)
                after = d_root[b, x, x] * R[b, x, x]  # what the entries to the right contribute
                for y in range(x - 1, -1, -1):
                    place = x * (x - 1) // 2 + y
                    z = np.tanh(0.5 * v[b, place])
                    own = 0.5 * (1 - z**2) * left[y] * d_root[b, x, y]
                    d_v[b, place] = own - z * (0.5 * after + eta + 0.5 * (d - 2 - y))
                    after += d_root[b, x, y] * R[b, x, y]
