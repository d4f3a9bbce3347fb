"""Cluster deviations centred by their own data, and the derivatives of that map.

See `bmco_pymc.models.centring` for what it is good for. For each cluster and block,

    K K' = I + R'B R (Cholesky),    f = K^-1 R'(h - H a),    zeta = K'^-1 (epsilon + f).

Shapes: J clusters; B blocks of d deviations (one block a logit with d = p, or one block of all
logits with d = L p); m coefficients that enter the score of a block. epsilon, zeta, f, and the
score r = h - H a are (B, d, J); coef a is (B, m), root R (B, d, d), K (B, d, d, J), info B
(B, d, d, J), lin H (B, d, m, J), off h (B, d, J). Clusters come last, so that each operation on the
small matrices is one on all clusters, whose numbers are neighbours. The sampler's roots are
triangles (`LOWER` or `UPPER`), and the zeros are left out of every product.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bmco_pymc.kernel import elementary

type Floats = NDArray[np.float64]


FULL, LOWER, UPPER = 0, 1, 2  # which part of a root is not zero

# Sums may be reordered, so that they vectorise; infinity and NaN keep their meaning.
RELAXED = {"reassoc", "contract", "nsz"}


@njit(error_model="numpy", fastmath=RELAXED, forceinline=True)
def centre(
    epsilon: Floats,
    coef: Floats,
    root: Floats,
    info: Floats,
    lin: Floats,
    off: Floats,
    zeta: Floats,
    K: Floats,
    G: Floats,
    f: Floats,
    r: Floats,
    part: int,
    first: int,
    last: int,
) -> float:
    """Write zeta, K, G = B R, f and r of the clusters from first to last - 1.

    Returns the log Jacobian of epsilon -> zeta, -sum log K_ii.
    """
    B, d = epsilon.shape[:2]
    log_jacobian = 0.0
    for b in range(B):
        for x in range(d):
            c = coef[b, 0]
            for j in range(first, last):
                r[b, x, j] = off[b, x, j] - c * lin[b, x, 0, j]
            for m in range(1, lin.shape[2]):
                c = coef[b, m]
                for j in range(first, last):
                    r[b, x, j] -= c * lin[b, x, m, j]
    if d == 1:  # all matrices are numbers: one loop
        for b in range(B):
            c = root[b, 0, 0]
            for j in range(first, last):
                square = 1.0 + c * info[b, 0, 0, j] * c
                size = np.sqrt(square)
                K[b, 0, 0, j] = size
                log_jacobian -= 0.5 * elementary.log(square)
                f[b, 0, j] = c * r[b, 0, j] / size
                zeta[b, 0, j] = (f[b, 0, j] + epsilon[b, 0, j]) / size
        return log_jacobian
    for b in range(B):
        for x in range(d):
            for y in range(d):
                low, high = column(part, y, d)
                c = root[b, low, y]
                for j in range(first, last):
                    G[b, x, y, j] = c * info[b, x, low, j]
                for t in range(low + 1, high):
                    c = root[b, t, y]
                    for j in range(first, last):
                        G[b, x, y, j] += c * info[b, x, t, j]
        for x in range(d):  # K K' = I + R' G, row by row
            low, high = column(part, x, d)
            for y in range(x + 1):
                unit, c = (1.0 if x == y else 0.0), root[b, low, x]
                for j in range(first, last):
                    K[b, x, y, j] = unit + c * G[b, low, y, j]
                for t in range(low + 1, high):
                    c = root[b, t, x]
                    for j in range(first, last):
                        K[b, x, y, j] += c * G[b, t, y, j]
                for t in range(y):
                    for j in range(first, last):
                        K[b, x, y, j] -= K[b, x, t, j] * K[b, y, t, j]
                if x == y:
                    for j in range(first, last):
                        size = np.sqrt(K[b, x, x, j])
                        K[b, x, x, j] = size
                        log_jacobian -= elementary.log(size)
                else:
                    for j in range(first, last):
                        K[b, x, y, j] /= K[b, y, y, j]
        for x in range(d):
            low, high = column(part, x, d)
            c = root[b, low, x]
            for j in range(first, last):
                f[b, x, j] = c * r[b, low, j]
            for t in range(low + 1, high):
                c = root[b, t, x]
                for j in range(first, last):
                    f[b, x, j] += c * r[b, t, j]
            for t in range(x):
                for j in range(first, last):
                    f[b, x, j] -= K[b, x, t, j] * f[b, t, j]
            for j in range(first, last):
                f[b, x, j] /= K[b, x, x, j]
        for x in range(d - 1, -1, -1):
            for j in range(first, last):
                zeta[b, x, j] = f[b, x, j] + epsilon[b, x, j]
            for t in range(x + 1, d):
                for j in range(first, last):
                    zeta[b, x, j] -= K[b, t, x, j] * zeta[b, t, j]
            for j in range(first, last):
                zeta[b, x, j] /= K[b, x, x, j]
    return log_jacobian


@njit(error_model="numpy", fastmath=RELAXED, forceinline=True)
def pullback(
    zeta: Floats,
    K: Floats,
    G: Floats,
    f: Floats,
    r: Floats,
    root: Floats,
    info: Floats,
    lin: Floats,
    d_zeta: Floats,
    d_log: float,
    d_epsilon: Floats,
    d_coef: Floats,
    d_root: Floats,
    part: int,
    first: int,
    last: int,
) -> None:
    """Write the derivative by epsilon and add those by coef and root, given those of the outputs.

    The adjoint of the Cholesky factor is Murray's (2016, arXiv:1602.07527, equation 10).
    """
    B, d, J = zeta.shape
    memory = np.empty((d + 2, d, J))
    S, w, score = memory[:d], memory[d], memory[d + 1]
    for b in range(B):
        if d == 1:  # all matrices are numbers: one loop
            c, s = root[b, 0, 0], 0.0
            for j in range(first, last):
                size = K[b, 0, 0, j]
                by_epsilon = d_zeta[b, 0, j] / size
                by_score = by_epsilon / size
                by_square = d_log + size * (zeta[b, 0, j] * by_epsilon + by_score * f[b, 0, j])
                by_square /= size * size
                s += r[b, 0, j] * by_score - c * info[b, 0, 0, j] * by_square
                d_epsilon[b, 0, j] = by_epsilon
                score[0, j] = c * by_score
            d_root[b, 0, 0] += s
            _add_score(score, lin[b], d_coef[b], first, last)
            continue
        for x in range(d):  # d_epsilon = K^-1 d_zeta
            for j in range(first, last):
                d_epsilon[b, x, j] = d_zeta[b, x, j]
            for t in range(x):
                for j in range(first, last):
                    d_epsilon[b, x, j] -= K[b, x, t, j] * d_epsilon[b, t, j]
            for j in range(first, last):
                d_epsilon[b, x, j] /= K[b, x, x, j]
        for x in range(d - 1, -1, -1):  # w = K'^-1 d_epsilon, the derivative of R'r
            for j in range(first, last):
                w[x, j] = d_epsilon[b, x, j]
            for t in range(x + 1, d):
                for j in range(first, last):
                    w[x, j] -= K[b, t, x, j] * w[t, j]
            for j in range(first, last):
                w[x, j] /= K[b, x, x, j]
        # S = K' dK (lower triangle, diagonal halved), dK = -zeta d_epsilon' - w f' - d_log/K_ii;
        # then its symmetric part
        for x in range(d):
            for y in range(x + 1):
                for j in range(first, last):
                    S[x, y, j] = -d_log if x == y else 0.0
                for t in range(x, d):
                    for j in range(first, last):
                        dK = zeta[b, t, j] * d_epsilon[b, y, j] + w[t, j] * f[b, y, j]
                        S[x, y, j] -= K[b, t, x, j] * dK
                for j in range(first, last):
                    S[x, y, j] *= 0.5
        # S <- K'^-1 S K^-1, the derivative of I + R'BR; symmetric, so the lower triangle is enough
        for y in range(d):
            for x in range(d - 1, y - 1, -1):
                for t in range(x + 1, d):
                    for j in range(first, last):
                        S[x, y, j] -= K[b, t, x, j] * S[t, y, j]
                for j in range(first, last):
                    S[x, y, j] /= K[b, x, x, j]
        for x in range(d - 1, -1, -1):
            for y in range(x, -1, -1):
                for t in range(y + 1, d):
                    for j in range(first, last):
                        S[x, y, j] -= S[x, t, j] * K[b, t, y, j]
                for j in range(first, last):
                    S[x, y, j] /= K[b, y, y, j]
                for j in range(first, last):
                    S[y, x, j] = S[x, y, j]
        for y in range(d):  # R'r and R'BR both depend on R
            low, high = column(part, y, d)
            for x in range(low, high):
                s = 0.0
                for j in range(first, last):
                    s += r[b, x, j] * w[y, j]
                for t in range(d):
                    for j in range(first, last):
                        s += 2.0 * G[b, x, t, j] * S[t, y, j]
                d_root[b, x, y] += s
        for x in range(d):
            low, high = row(part, x, d)
            c = root[b, x, low]
            for j in range(first, last):
                score[x, j] = c * w[low, j]
            for t in range(low + 1, high):
                c = root[b, x, t]
                for j in range(first, last):
                    score[x, j] += c * w[t, j]
        _add_score(score, lin[b], d_coef[b], first, last)


@njit(error_model="numpy", fastmath=RELAXED, forceinline=True)
def _add_score(score: Floats, lin: Floats, d_coef: Floats, first: int, last: int) -> None:
    """Add the derivative by the coefficients, given that by the score h - H a, (d, J)."""
    for x in range(lin.shape[0]):
        for m in range(lin.shape[1]):
            s = 0.0
            for j in range(first, last):
                s += lin[x, m, j] * score[x, j]
            d_coef[m] -= s


@njit(error_model="numpy", forceinline=True)
def column(part: int, y: int, d: int) -> tuple[int, int]:
    """Return the first row in which column y of a root is not zero, and the first after them."""
    return (y if part == LOWER else 0), (y + 1 if part == UPPER else d)


@njit(error_model="numpy", forceinline=True)
def row(part: int, x: int, d: int) -> tuple[int, int]:
    """Return the first column in which row x of a root is not zero, and the first after them."""
    return (x if part == UPPER else 0), (x + 1 if part == LOWER else d)
