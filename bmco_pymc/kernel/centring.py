"""Cluster deviations centred by their own data, and the derivatives of that map.

See `bmco_pymc.models.centring` for what it is good for. For each cluster and block,

    K K' = I + R'B R (Cholesky),    f = K^-1 R'(h - H a),    zeta = K'^-1 (epsilon + f).

Shapes: J clusters; B blocks of d deviations (one block a logit with d = p, or one block of all
logits with d = L p); m coefficients that enter the score of a block. epsilon, zeta, f, and the
score r = h - H a are (J, B, d); coef a is (B, m), root R (B, d, d), K (J, B, d, d), info B
(J, B, d, d), lin H (J, B, d, m), off h (J, B, d).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

type Floats = NDArray[np.float64]


@njit(error_model="numpy", fastmath={"contract"})
def centre(
    epsilon: Floats,
    coef: Floats,
    root: Floats,
    info: Floats,
    lin: Floats,
    off: Floats,
    zeta: Floats,
    K: Floats,
    f: Floats,
    r: Floats,
) -> float:
    """Write zeta, K, f and r; return the log Jacobian of epsilon -> zeta, -sum log K_ii."""
    J, B, d = epsilon.shape
    log_jacobian = 0.0
    G = np.empty((d, d))
    for j in range(J):
        diagonal = 1.0  # of one cluster: logarithms are slow, products of a few numbers safe
        for b in range(B):
            R, k = root[b], K[j, b]
            _information(info[j, b], R, G)
            for x in range(d):  # K K' = I + R' G, row by row
                for y in range(x + 1):
                    s = 1.0 if x == y else 0.0
                    for t in range(d):
                        s += R[t, x] * G[t, y]
                    for t in range(y):
                        s -= k[x, t] * k[y, t]
                    k[x, y] = np.sqrt(s) if x == y else s / k[y, y]
                diagonal *= k[x, x]
                if diagonal > 1e200:
                    log_jacobian -= np.log(diagonal)
                    diagonal = 1.0
            for x in range(d):
                s = off[j, b, x]
                for m in range(lin.shape[3]):
                    s -= lin[j, b, x, m] * coef[b, m]
                r[j, b, x] = s
            for x in range(d):
                s = 0.0
                for t in range(d):
                    s += R[t, x] * r[j, b, t]
                for t in range(x):
                    s -= k[x, t] * f[j, b, t]
                f[j, b, x] = s / k[x, x]
            for x in range(d - 1, -1, -1):
                s = f[j, b, x] + epsilon[j, b, x]
                for t in range(x + 1, d):
                    s -= k[t, x] * zeta[j, b, t]
                zeta[j, b, x] = s / k[x, x]
        log_jacobian -= np.log(diagonal)
    return log_jacobian


@njit(error_model="numpy", fastmath={"contract"})
def pullback(
    zeta: Floats,
    K: Floats,
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
) -> None:
    """Write the derivative by epsilon and add those by coef and root, given those of the outputs.

    The adjoint of the Cholesky factor is Murray's (2016, arXiv:1602.07527, equation 10).
    """
    J, B, d = zeta.shape
    M = lin.shape[3]
    G, S, w = np.empty((d, d)), np.empty((d, d)), np.empty(d)
    for j in range(J):
        for b in range(B):
            R, k = root[b], K[j, b]
            for x in range(d):  # d_epsilon = K^-1 d_zeta
                v = d_zeta[j, b, x]
                for t in range(x):
                    v -= k[x, t] * d_epsilon[j, b, t]
                d_epsilon[j, b, x] = v / k[x, x]
            for x in range(d - 1, -1, -1):  # w = K'^-1 d_epsilon, the derivative of R'r
                s = d_epsilon[j, b, x]
                for t in range(x + 1, d):
                    s -= k[t, x] * w[t]
                w[x] = s / k[x, x]
            # S = K' dK (lower triangle, diagonal halved), dK = -zeta d_epsilon' - w f' - d_log/K_ii
            for x in range(d):
                for y in range(x + 1):
                    s = 0.0
                    for t in range(x, d):
                        s -= k[t, x] * (zeta[j, b, t] * d_epsilon[j, b, y] + w[t] * f[j, b, y])
                    S[x, y] = 0.5 * (s - d_log) if x == y else s
            for x in range(d):  # symmetric part
                for y in range(x):
                    S[x, y] *= 0.5
                    S[y, x] = S[x, y]
            for y in range(d):  # S <- K'^-1 S K^-1, the derivative of I + R'BR
                for x in range(d - 1, -1, -1):
                    s = S[x, y]
                    for t in range(x + 1, d):
                        s -= k[t, x] * S[t, y]
                    S[x, y] = s / k[x, x]
            for x in range(d):
                for y in range(d - 1, -1, -1):
                    s = S[x, y]
                    for t in range(y + 1, d):
                        s -= S[x, t] * k[t, y]
                    S[x, y] = s / k[y, y]
            _information(info[j, b], R, G)
            for x in range(d):  # R'r and R'BR both depend on R
                for y in range(d):
                    s = r[j, b, x] * w[y]
                    for t in range(d):
                        s += 2.0 * G[x, t] * S[t, y]
                    d_root[b, x, y] += s
            for x in range(d):
                s = 0.0
                for t in range(d):
                    s += R[x, t] * w[t]
                for m in range(M):
                    d_coef[b, m] -= lin[j, b, x, m] * s


@njit(error_model="numpy", fastmath={"contract"})
def _information(info: Floats, root: Floats, product: Floats) -> None:
    """Write info @ root, (d, d)."""
    d = len(root)
    for x in range(d):
        for y in range(d):
            s = 0.0
            for t in range(d):
                s += info[x, t] * root[t, y]
            product[x, y] = s
