r"""The Laplace approximation of a multinomial logit without clusters.

At the mode of the coefficients c the log posterior is expanded to the second order, so that c is
normal with covariance :math:`H^{-1}`; averaged pattern probabilities are then normal by the delta
method (Tierney & Kadane 1986, https://doi.org/10.1080/01621459.1986.10478240).

This module needs numba; import it where it is used.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from bmco_pymc.kernel.cache import njit
from bmco_pymc.laplace.triangles import backward, between, factor, forward, put

type Floats = NDArray[np.float64]

STEPS = 60  # of Newton's method, which takes five or six
ENOUGH = 1e-9  # what a step may still gain of the log posterior


@njit(nogil=True, error_model="numpy")
def mode(
    design: Floats, counts: Floats, mean: Floats, precision: Floats, coef: Floats, hessian: Floats
) -> bool:
    """Write the mode of the coefficients, and a factor of the negative second derivative there.

    Parameters
    ----------
    design : ndarray, shape (n, M)
    counts : ndarray, shape (n, Q)
        Of each pattern in each row, the reference last.
    mean : ndarray, shape (L M,)
        Prior mean of the coefficients, logit by logit.
    precision : ndarray, shape (L M, L M)
        Their prior precision.
    coef : ndarray, shape (L M,)
        Where to start; the mode is written there.
    hessian : ndarray, shape (L M, L M)
        Its lower triangle is the Cholesky factor.

    Returns
    -------
    bool
        Whether the mode was found.
    """
    D = len(coef)
    step, new = np.empty(D), np.empty(D)
    for _ in range(STEPS):
        value = expand(design, counts, mean, precision, coef, step, hessian)
        factor(hessian)
        forward(hessian, step)
        gain = 0.0
        for i in range(D):
            gain += step[i] ** 2
        if not np.isfinite(gain):
            return False
        if gain < ENOUGH:
            return True
        backward(hessian, step)
        size, found = 1.0, False
        for _half in range(30):
            put(new, coef, size, step)
            if log_posterior(design, counts, mean, precision, new) > value - 1e-12:
                found = True
                break
            size /= 2
        if not found:
            return gain < 1e-5
        put(coef, new)
    return False


@njit(nogil=True, error_model="numpy")
def log_posterior(
    design: Floats, counts: Floats, mean: Floats, precision: Floats, coef: Floats
) -> float:
    """Return the log posterior density, up to a constant."""
    n, M = design.shape
    L = counts.shape[1] - 1
    value, eta = pull(mean, precision, coef, np.empty(len(coef))), np.empty(L)
    for i in range(n):
        total, top = counts[i, L], 0.0
        for q in range(L):
            s = 0.0
            for m in range(M):
                s += design[i, m] * coef[q * M + m]
            eta[q] = s
            top = max(top, s)
            total += counts[i, q]
        norm = np.exp(-top)
        for q in range(L):
            norm += np.exp(eta[q] - top)
            value += counts[i, q] * eta[q]
        value -= total * (top + np.log(norm))
    return value


@njit(nogil=True, error_model="numpy")
def expand(
    design: Floats,
    counts: Floats,
    mean: Floats,
    precision: Floats,
    coef: Floats,
    gradient: Floats,
    hessian: Floats,
) -> float:
    """Return the log posterior; write its gradient and its negative second derivative."""
    n, M = design.shape
    L = counts.shape[1] - 1
    value = pull(mean, precision, coef, gradient)
    put(hessian, precision)
    phi = np.empty(L)
    for i in range(n):
        total, top = counts[i, L], 0.0
        for q in range(L):
            s = 0.0
            for m in range(M):
                s += design[i, m] * coef[q * M + m]
            phi[q] = s
            top = max(top, s)
            total += counts[i, q]
            value += counts[i, q] * s
        norm = np.exp(-top)
        for q in range(L):
            phi[q] = np.exp(phi[q] - top)
            norm += phi[q]
        value -= total * (top + np.log(norm))
        for q in range(L):
            phi[q] /= norm
        for q in range(L):
            rest = counts[i, q] - total * phi[q]
            for m in range(M):
                gradient[q * M + m] += rest * design[i, m]
            for r in range(q + 1):
                w = -total * phi[q] * phi[r]
                if q == r:
                    w += total * phi[q]
                for m in range(M):
                    wx = w * design[i, m]
                    for k in range(M):
                        hessian[q * M + m, r * M + k] += wx * design[i, k]
    for q in range(L):
        for r in range(q):
            for m in range(M):
                for k in range(M):
                    hessian[r * M + k, q * M + m] = hessian[q * M + m, r * M + k]
    return value


@numba.njit(error_model="numpy")
def pull(mean: Floats, precision: Floats, coef: Floats, gradient: Floats) -> float:
    """Return the log prior density of the coefficients; write its gradient."""
    value = 0.0
    for i in range(len(coef)):
        s = 0.0
        for k in range(len(coef)):
            s -= precision[i, k] * (coef[k] - mean[k])
        gradient[i] = s
        value += 0.5 * s * (coef[i] - mean[i])
    return value


@njit(nogil=True, error_model="numpy")
def averaged(rows: Floats, weight: Floats, coef: Floats, phi: Floats, slope: Floats) -> None:
    """Write averaged pattern probabilities (Q,) and their derivative by the coefficients (Q, L M).

    Parameters
    ----------
    rows : ndarray, shape (m, M)
        Design rows to average over.
    weight : ndarray, shape (m,)
        They sum to 1.
    """
    m, M = rows.shape
    L = len(phi) - 1
    phi[:] = 0.0
    slope[:] = 0.0
    own = np.empty(L + 1)
    for i in range(m):
        w = weight[i]
        if w == 0.0:
            continue
        probabilities(rows[i], coef, own)
        for q in range(L + 1):
            phi[q] += w * own[q]
            for r in range(L):
                d = -own[q] * own[r]
                if q == r:
                    d += own[q]
                for k in range(M):
                    slope[q, r * M + k] += w * d * rows[i, k]


@numba.njit(error_model="numpy", forceinline=True)
def probabilities(row: Floats, coef: Floats, phi: Floats) -> None:
    """Write the pattern probabilities (Q,) of a design row."""
    M = len(row)
    L = len(phi) - 1
    top = 0.0
    for q in range(L):
        s = 0.0
        for m in range(M):
            s += row[m] * coef[q * M + m]
        phi[q] = s
        top = max(top, s)
    phi[L] = np.exp(-top)
    norm = phi[L]
    for q in range(L):
        phi[q] = np.exp(phi[q] - top)
        norm += phi[q]
    for q in range(L + 1):
        phi[q] /= norm


@njit(nogil=True, error_model="numpy")
def flat(
    design: Floats,
    counts: Floats,
    mean: Floats,
    precision: Floats,
    rows: Floats,
    weight: Floats,
    phi: Floats,
    covariance: Floats,
) -> bool:
    """Write the approximate posterior of the averaged pattern probabilities of both groups.

    Parameters
    ----------
    design, counts, mean, precision
        See `mode`.
    rows : ndarray, shape (2, m, M)
        Design rows that each group is averaged over.
    weight : ndarray, shape (2, m)
    phi : ndarray, shape (2, Q)
        Written: at the mode.
    covariance : ndarray, shape (2 Q, 2 Q)
        Written.

    Returns
    -------
    bool
        Whether the mode was found.
    """
    D, Q = len(mean), counts.shape[1]
    coef, hessian = mean.copy(), np.empty((D, D))
    good = mode(design, counts, mean, precision, coef, hessian)
    slope = np.empty((2 * Q, D))
    for g in range(2):
        averaged(rows[g], weight[g], coef, phi[g], slope[g * Q : (g + 1) * Q])
    between(slope, hessian, covariance)
    return good and np.isfinite(covariance.sum())
