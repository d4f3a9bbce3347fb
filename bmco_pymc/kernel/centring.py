"""Cluster deviations centred by their own data, and the derivatives of that map.

See `bmco_pymc.models.centring` for what it is good for. For each cluster and block,

    K K' = I + R'B R (Cholesky),    f = K^-1 R'(h - H a),    zeta = K'^-1 (epsilon + f).

Shapes: J clusters; B blocks of d deviations (one block a logit with d = p, or one block of all
logits with d = L p); m coefficients that enter the score of a block. epsilon, zeta, f, and the
score r = h - H a are (B, d, J); coef a is (B, m), root R (B, d, d), lin H (B, m, d, J), off h
(B, d, J); K and info B are (B, d, d, n) for the n clusters that have a root. The diagonal of K only
ever divides: its inverse is kept in its place. Clusters come last, so that each operation on the
small matrices is one on all clusters, whose numbers are neighbours. The sampler's roots are
triangles (`LOWER` or `UPPER`), and the zeros are left out of every product.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bmco_pymc.kernel import elementary
from bmco_pymc.kernel.memory import view

type Floats = NDArray[np.float64]


FULL, LOWER, UPPER = 0, 1, 2  # which part of a root is not zero

# Sums may be reordered, so that they vectorise; infinity and NaN keep their meaning.
RELAXED = {"reassoc", "contract", "nsz"}


@njit(error_model="numpy", fastmath=RELAXED, forceinline=True)
def score(coef: Floats, lin: Floats, off: Floats, r: Floats) -> None:
    """Write r = h - H a of all clusters."""
    B, m, d, J = lin.shape
    size = (B, d * J)
    flat, h, out = view(lin, 0, (B, m, d * J)), view(off, 0, size), view(r, 0, size)
    for b in range(B):
        for i in range(d * J):
            out[b, i] = h[b, i]
        for k in range(m):
            c = coef[b, k]
            for i in range(d * J):
                out[b, i] -= c * flat[b, k, i]


@njit(error_model="numpy", fastmath=RELAXED, forceinline=True)
def score_pullback(d_r: Floats, lin: Floats, d_coef: Floats) -> None:
    """Add the derivative by the coefficients, given that by r."""
    B, m, d, J = lin.shape
    flat, by_score = view(lin, 0, (B, m, d * J)), view(d_r, 0, (B, d * J))
    for b in range(B):
        for k in range(m):
            s = 0.0
            for i in range(d * J):
                s += flat[b, k, i] * by_score[b, i]
            d_coef[b, k] -= s


@njit(error_model="numpy", fastmath=RELAXED, forceinline=True)
def centre(
    epsilon: Floats,
    r: Floats,
    root: Floats,
    info: Floats,
    zeta: Floats,
    K: Floats,
    G: Floats,
    f: Floats,
    part: int,
    first: int,
    last: int,
) -> float:
    """Write zeta, K, G = B R and f of n clusters, those from first to last - 1.

    Returns the log Jacobian of epsilon -> zeta, -sum log K_ii.
    """
    n = last - first
    B, d = epsilon.shape[:2]
    log_jacobian = 0.0
    if d == 1:  # all matrices are numbers: one loop
        for b in range(B):
            c = root[b, 0, 0]
            for j in range(n):
                square = 1.0 + c * info[b, 0, 0, j] * c
                inverse = 1 / np.sqrt(square)
                K[b, 0, 0, j] = inverse
                log_jacobian -= 0.5 * elementary.log(square)
                f[b, 0, first + j] = c * r[b, 0, first + j] * inverse
                zeta[b, 0, first + j] = (f[b, 0, first + j] + epsilon[b, 0, first + j]) * inverse
        return log_jacobian
    # Few long loops are quicker than many short ones: over the rows of a matrix of all clusters.
    long = d * info.shape[3]
    for b in range(B):
        rows, columns, known = _rows(G, b), _rows(K, b), _rows(info, b)
        for y in range(d):  # G', in the memory of K, as B is symmetric
            low, high = column(part, y, d)
            c = root[b, low, y]
            for i in range(long):
                columns[y, i] = c * known[low, i]
            for t in range(low + 1, high):
                c = root[b, t, y]
                for i in range(long):
                    columns[y, i] += c * known[t, i]
        for x in range(d):
            for y in range(d):
                for j in range(n):
                    G[b, x, y, j] = K[b, y, x, j]
        for x in range(d):  # K K' = I + R' G, its lower triangle
            low, high = column(part, x, d)
            size = (x + 1) * info.shape[3]
            c = root[b, low, x]
            for i in range(size):
                columns[x, i] = c * rows[low, i]
            for t in range(low + 1, high):
                c = root[b, t, x]
                for i in range(size):
                    columns[x, i] += c * rows[t, i]
            for j in range(n):
                K[b, x, x, j] += 1.0
        for x in range(d):
            for y in range(x + 1):
                for t in range(y):
                    for j in range(n):
                        K[b, x, y, j] -= K[b, x, t, j] * K[b, y, t, j]
                if x == y:
                    for j in range(n):
                        square = K[b, x, x, j]
                        log_jacobian -= 0.5 * elementary.log(square)
                        K[b, x, x, j] = 1 / np.sqrt(square)
                else:
                    for j in range(n):
                        K[b, x, y, j] *= K[b, y, y, j]
        for x in range(d):
            low, high = column(part, x, d)
            c = root[b, low, x]
            for j in range(n):
                f[b, x, first + j] = c * r[b, low, first + j]
            for t in range(low + 1, high):
                c = root[b, t, x]
                for j in range(n):
                    f[b, x, first + j] += c * r[b, t, first + j]
            for t in range(x):
                for j in range(n):
                    f[b, x, first + j] -= K[b, x, t, j] * f[b, t, first + j]
            for j in range(n):
                f[b, x, first + j] *= K[b, x, x, j]
        for x in range(d - 1, -1, -1):
            for j in range(n):
                zeta[b, x, first + j] = f[b, x, first + j] + epsilon[b, x, first + j]
            for t in range(x + 1, d):
                for j in range(n):
                    zeta[b, x, first + j] -= K[b, t, x, j] * zeta[b, t, first + j]
            for j in range(n):
                zeta[b, x, first + j] *= K[b, x, x, j]
    return log_jacobian


@njit(error_model="numpy", fastmath=RELAXED, forceinline=True)
def pullback(
    epsilon: Floats,
    K: Floats,
    G: Floats,
    f: Floats,
    r: Floats,
    root: Floats,
    info: Floats,
    d_zeta: Floats,
    d_log: float,
    d_epsilon: Floats,
    d_root: Floats,
    part: int,
    first: int,
    last: int,
) -> None:
    """Write the derivatives by epsilon and, in place of r, by r; add that by root.

    The adjoint of the Cholesky factor is Murray's (2016, arXiv:1602.07527, equation 10).
    """
    n = last - first
    B, d = epsilon.shape[:2]
    if d == 1:  # all matrices are numbers: one loop
        for b in range(B):
            c, s = root[b, 0, 0], 0.0
            for j in range(n):
                inverse = K[b, 0, 0, j]
                by_epsilon = d_zeta[b, 0, first + j] * inverse
                by_score = by_epsilon * inverse
                by_square = d_log + by_epsilon * (2 * f[b, 0, first + j] + epsilon[b, 0, first + j])
                by_square *= inverse * inverse
                s += r[b, 0, first + j] * by_score - c * info[b, 0, 0, j] * by_square
                d_epsilon[b, 0, first + j] = by_epsilon
                r[b, 0, first + j] = c * by_score
            d_root[b, 0, 0] += s
        return
    long = d * info.shape[3]
    memory = np.empty((d + 1, long))
    S, w = view(memory, 0, info.shape[1:]), view(memory, d * long, info.shape[2:])
    for b in range(B):
        rows = _rows(G, b)
        for x in range(d):  # d_epsilon = K^-1 d_zeta
            for j in range(n):
                d_epsilon[b, x, first + j] = d_zeta[b, x, first + j]
            for t in range(x):
                for j in range(n):
                    d_epsilon[b, x, first + j] -= K[b, x, t, j] * d_epsilon[b, t, first + j]
            for j in range(n):
                d_epsilon[b, x, first + j] *= K[b, x, x, j]
        for x in range(d - 1, -1, -1):  # w = K'^-1 d_epsilon, the derivative of R'r
            for j in range(n):
                w[x, j] = d_epsilon[b, x, first + j]
            for t in range(x + 1, d):
                for j in range(n):
                    w[x, j] -= K[b, t, x, j] * w[t, j]
            for j in range(n):
                w[x, j] *= K[b, x, x, j]
        # S = K' dK (lower triangle, diagonal halved), dK = -zeta d_epsilon' - w f' - d_log/K_ii,
        # where K' zeta = f + epsilon and K' w = d_epsilon; then its symmetric part
        for x in range(d):
            for y in range(x + 1):
                log = d_log if x == y else 0.0
                for j in range(n):
                    e = f[b, x, first + j] + epsilon[b, x, first + j]
                    both = e * d_epsilon[b, y, first + j]
                    both += d_epsilon[b, x, first + j] * f[b, y, first + j]
                    S[x, y, j] = -0.5 * (log + both)
        # S <- K'^-1 S K^-1, the derivative of I + R'BR; symmetric, so the lower triangle is enough
        for y in range(d):
            for x in range(d - 1, y - 1, -1):
                for t in range(x + 1, d):
                    for j in range(n):
                        S[x, y, j] -= K[b, t, x, j] * S[t, y, j]
                for j in range(n):
                    S[x, y, j] *= K[b, x, x, j]
        for x in range(d - 1, -1, -1):
            for y in range(x, -1, -1):
                for t in range(y + 1, d):
                    for j in range(n):
                        S[x, y, j] -= S[x, t, j] * K[b, t, y, j]
                for j in range(n):
                    S[x, y, j] *= K[b, y, y, j]
                for j in range(n):
                    S[y, x, j] = S[x, y, j]
        for y in range(d):  # R'r and R'BR both depend on R
            low, high = column(part, y, d)
            for x in range(low, high):
                s = 0.0
                for j in range(n):
                    s += r[b, x, first + j] * w[y, j]
                for i in range(long):
                    s += 2.0 * rows[x, i] * memory[y, i]
                d_root[b, x, y] += s
        for x in range(d):
            low, high = row(part, x, d)
            c = root[b, x, low]
            for j in range(n):
                r[b, x, first + j] = c * w[low, j]
            for t in range(low + 1, high):
                c = root[b, x, t]
                for j in range(n):
                    r[b, x, first + j] += c * w[t, j]


@njit(error_model="numpy", inline="always")
def _rows(matrices: Floats, b: int) -> Floats:
    """Return the rows of the matrices of a block, those of all clusters in one, (d, d n)."""
    _, d, _, n = matrices.shape
    return view(matrices, b * d * d * n, (d, d * n))


@njit(error_model="numpy", forceinline=True)
def column(part: int, y: int, d: int) -> tuple[int, int]:
    """Return the first row in which column y of a root is not zero, and the first after them."""
    return (y if part == LOWER else 0), (y + 1 if part == UPPER else d)


@njit(error_model="numpy", forceinline=True)
def row(part: int, x: int, d: int) -> tuple[int, int]:
    """Return the first column in which row x of a root is not zero, and the first after them."""
    return (x if part == UPPER else 0), (x + 1 if part == LOWER else d)
