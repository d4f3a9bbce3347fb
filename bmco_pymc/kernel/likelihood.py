"""The multinomial-logit log-likelihood of the cells: value and gradient in one pass over the data.

For cell i in cluster j, with column w of the design in the sampling basis, column z of the random
terms, pattern counts y and y_i subjects, the linear predictor of logit q is

    eta_iq = offset_i + w'a_q + z'u_jq,

and the log-likelihood is, with the pattern of no success as the reference,

    log L = sum_iq y_iq eta_iq - sum_i y_i log(1 + sum_q exp eta_iq).

Of subjects whose outcomes were observed in part, y_iq does not count, y_i does; each kind of them
adds its number times log sum_q exp eta_iq over the patterns q that agree with what was observed.
That is the norm's sum over fewer patterns, and the same pass makes it.

The first sum is linear in the coefficients, so its derivatives are statistics of the data that are
worked out once; only the second is left for the pass. Cells are taken in blocks that stay in the
fastest cache, a row of a block per logit, so that every loop runs over neighbouring numbers. They
are sorted by cluster.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bmco_pymc.kernel import cache, elementary

type Floats = NDArray[np.float64]

BLOCK = 128  # cells in a block
SAFE = 600.0  # exp(600) and sums of it are far from overflow
NEVER = -1e100  # the log odds of a pattern that does not agree with what was observed
# Sums may be reordered, so that they vectorise; infinity and NaN keep their meaning.
RELAXED = {"reassoc", "contract", "nsz"}


@cache.njit(fastmath=RELAXED, error_model="numpy")
def statistics(
    counts: Floats, design: Floats, offset: Floats, design_random: Floats, start: Floats
) -> tuple[float, Floats, Floats]:
    """Return the sums of y_iq times offset, w and z: a number, (L, M) and (L, p, J).

    Parameters
    ----------
    counts : ndarray, shape (n, Q)
        Pattern counts, the reference last.
    design, offset, design_random, start
        As in `subtract_norm`.
    """
    n, L = counts.shape[0], counts.shape[1] - 1
    M, p, J = design.shape[0], design_random.shape[0], len(start) - 1
    constant, fixed, random = 0.0, np.zeros((L, M)), np.zeros((L, p, J))
    for q in range(L):
        for i in range(n if offset.size else 0):
            constant += counts[i, q] * offset[i]
        for m in range(M):
            for i in range(n):
                fixed[q, m] += counts[i, q] * design[m, i]
        for j in range(J):
            for k in range(p):
                for i in range(int(start[j]), int(start[j + 1])):
                    random[q, k, j] += counts[i, q] * design_random[k, i]
    return constant, fixed, random


@njit(fastmath=RELAXED, error_model="numpy", forceinline=True)
def subtract_norm(
    coef: Floats,
    deviation: Floats,
    design: Floats,
    offset: Floats,
    design_random: Floats,
    start: Floats,
    total: Floats,
    agree: Floats,
    d_coef: Floats,
    d_deviation: Floats,
) -> float:
    """Return -sum_i y_i log(sum_q a_qi exp eta_iq) and add its derivatives; the last eta is 0.

    Parameters
    ----------
    coef : ndarray, shape (L, M)
        Coefficients in the sampling basis.
    deviation : ndarray, shape (L, p, J)
        Deviations of the clusters; p = 0 without clusters.
    design : ndarray, shape (M, n)
    offset : ndarray, shape (n,) or (0,)
        Empty when all are zero.
    design_random : ndarray, shape (p, n)
    start : ndarray of float, shape (J + 1,)
        Cluster j has the cells from ``start[j]`` to ``start[j + 1] - 1``.
    total : ndarray, shape (n,)
        Subjects in each cell; less than 0 to add the sum.
    agree : ndarray, shape (Q, n) or (0, 0)
        Which patterns are summed over, 1 or 0, the reference last. Empty for all.
    d_coef, d_deviation : ndarray, shapes (L, M) and (L, p, J)
        Added to in place.
    """
    M, n = design.shape
    L, p = len(coef), len(design_random)
    eta = np.empty((L + 2, BLOCK))
    norm, top = eta[L], eta[L + 1]
    value, first = 0.0, 0
    for s in range(0, n, BLOCK):
        size = min(BLOCK, n - s)
        largest = 0.0
        for q in range(L):
            row = eta[q, :size]
            row[:] = 0.0
            for i in range(size if offset.size else 0):
                row[i] = offset[s + i]
            for m in range(M):
                c, w = coef[q, m], design[m, s : s + size]
                for i in range(size):
                    row[i] += c * w[i]
        if p:
            j, a = first, s
            while a < s + size:  # the part of each cluster in this block
                end = min(s + size, int(start[j + 1]))
                for q in range(L):
                    row = eta[q, a - s : end - s]
                    for k in range(p):
                        c, z = deviation[q, k, j], design_random[k, a:end]
                        for i in range(end - a):
                            row[i] += c * z[i]
                j, a = j + (end == int(start[j + 1])), end
        for q in range(L):
            row = eta[q]
            for i in range(size):
                largest = max(largest, row[i])
            if agree.size:  # a sum of few patterns must not vanish either
                for i in range(size):
                    largest = max(largest, -row[i])
        weight = total[s : s + size]
        if largest < SAFE:
            norm[:size] = 1.0
            if agree.size:
                for i in range(size):
                    norm[i] = agree[L, s + i]
                for q in range(L):
                    row, some = eta[q], agree[q, s : s + size]
                    for i in range(size):
                        odds = some[i] * elementary.exp(row[i])
                        row[i] = odds
                        norm[i] += odds
            else:
                for q in range(L):
                    row = eta[q]
                    for i in range(size):
                        odds = elementary.exp(row[i])
                        row[i] = odds
                        norm[i] += odds
            for i in range(size):
                value -= weight[i] * elementary.log(norm[i])
                norm[i] = weight[i] / norm[i]
        else:  # relative to the likeliest pattern of each cell
            top[:size] = 0.0
            for i in range(size if agree.size else 0):
                if agree[L, s + i] == 0.0:
                    top[i] = NEVER
                for q in range(L):
                    if agree[q, s + i] == 0.0:
                        eta[q, i] = NEVER
            for q in range(L):
                for i in range(size):
                    top[i] = max(top[i], eta[q, i])
            for i in range(size):
                norm[i] = elementary.exp(min(-top[i], 0.0))
                if agree.size:
                    norm[i] *= agree[L, s + i]
            for q in range(L):
                for i in range(size):
                    eta[q, i] = elementary.exp(eta[q, i] - top[i])
                    norm[i] += eta[q, i]
            for i in range(size):
                value -= weight[i] * (top[i] + elementary.log(norm[i]))
                norm[i] = weight[i] / norm[i]
        for q in range(L):
            row = eta[q]
            for i in range(size):
                row[i] *= norm[i]  # the expected count of the pattern
            for m in range(M):
                w, g = design[m, s : s + size], 0.0
                for i in range(size):
                    g += w[i] * row[i]
                d_coef[q, m] -= g
        if p:
            j, a = first, s
            while a < s + size:
                end = min(s + size, int(start[j + 1]))
                for q in range(L):
                    row = eta[q, a - s : end - s]
                    for k in range(p):
                        z, g = design_random[k, a:end], 0.0
                        for i in range(end - a):
                            g += row[i] * z[i]
                        d_deviation[q, k, j] -= g
                j, a = j + (end == int(start[j + 1])), end
            first = j
    return value
