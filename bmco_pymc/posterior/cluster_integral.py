r"""The likelihood of a cluster with its own coefficients integrated out, draw by draw.

For cluster j with cells i, counts y and linear predictors :math:`\eta_{iq} + z_i'u_q`,

.. math:: p(y_j \mid \beta, \gamma, \Sigma) =
    \int \prod_{iq} \phi_{iq}(u)^{y_{iq}}\, N(u; 0, \Sigma)\, du .

In the whitened coordinates :math:`u = C a`, :math:`CC' = \Sigma`, the log integrand is concave.
Newton's method finds its mode; the points of a randomised quasi-Monte Carlo rule, spread as a
multivariate t distribution around the mode with the curvature there, are importance-weighted. The
heavy tails bound the weights, and the same points in every draw keep the integrals comparable.

Subjects observed in part add the logarithm of the sum of φ over the patterns C that agree, which
need not be concave: their part of the curvature is the information that is expected of them,
:math:`\phi_q \phi_r ([C_q = C_r] / \phi_{C_q} - 1)`, with :math:`C_q` what would be seen of
pattern q.

Cells enter through the distinct rows of Z only, and exp(η + z'u) = exp(η) exp(z'u) keeps ``exp``
out of the loop over cells.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bmco_pymc.kernel.cache import njit

FREEDOM = 7.0  # degrees of freedom of the proposal


def rule(dim: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points of a multivariate t distribution, and log densities to divide by.

    Parameters
    ----------
    dim : int
    size : int
        Number of points, a power of 2; the second half mirrors the first, so that odd terms of the
        integrand cancel.

    Returns
    -------
    points : ndarray, shape (size, dim)
    log_density : ndarray, shape (size,)
        Up to a constant, such that the rule integrates the standard normal density exactly: what
        it integrates is nearly normal, so most of the error cancels.

    Examples
    --------
    >>> points, log_density = rule(2, 512)
    >>> points.shape, bool(abs(points.mean()) < 1e-12)
    ((512, 2), True)
    """
    from scipy.stats import chi2, norm, qmc

    uniform = qmc.Sobol(dim + 1, rng=np.random.default_rng(20)).random(size // 2)
    # scrambled points can fall on 0 in floating point
    uniform = np.clip(uniform, 1e-10, 1 - 1e-10)
    spread = np.sqrt(chi2.ppf(uniform[:, -1:], FREEDOM) / FREEDOM)
    half = norm.ppf(uniform[:, :-1]) / spread
    points = np.concatenate([half, -half])
    square = (points**2).sum(axis=1)
    log_density = -(FREEDOM + dim) / 2 * np.log1p(square / FREEDOM)
    normal = -0.5 * square - dim / 2 * np.log(2 * np.pi)
    return points, log_density + np.log(np.exp(normal - log_density).mean())


@njit(nogil=True)
def _cholesky(H: Any, R: Any) -> None:  # (d, d) -> lower triangle in R
    for i in range(H.shape[0]):
        for j in range(i + 1):
            total = H[i, j]
            for k in range(j):
                total -= R[i, k] * R[j, k]
            R[i, j] = np.sqrt(total) if i == j else total / R[j, j]


@njit(nogil=True)
def _forward(R: Any, b: Any, x: Any) -> None:  # x = R⁻¹ b
    for i in range(len(b)):
        total = b[i]
        for k in range(i):
            total -= R[i, k] * x[k]
        x[i] = total / R[i, i]


@njit(nogil=True)
def _backward(R: Any, b: Any, x: Any) -> None:  # x = R⁻ᵀ b
    for i in range(len(b) - 1, -1, -1):
        total = b[i]
        for k in range(i + 1, len(b)):
            total -= R[k, i] * x[k]
        x[i] = total / R[i, i]


@njit(nogil=True)
def _likelihood(
    eta: Any,
    Z: Any,
    kind: Any,
    counts: Any,
    entry: Any,
    block: Any,
    own: Any,
    number: Any,
    u: Any,
    shift: Any,
    G: Any,
    W: Any,
) -> float:
    """Return the log-likelihood at u; leave its derivatives by z'u_q in G (D, L), W (D, L, L)."""
    n, L = eta.shape
    D, p = Z.shape
    for d in range(D):
        for q in range(L):
            shift[d, q] = 0.0
            for k in range(p):
                shift[d, q] += Z[d, k] * u[q * p + k]
    G[:] = 0.0
    W[:] = 0.0
    value = 0.0
    phi = np.empty(L)
    for i in range(n):
        d = kind[i]
        top = 0.0
        for q in range(L):
            phi[q] = eta[i, q] + shift[d, q]
            top = max(top, phi[q])
        total = counts[i, L]
        norm = np.exp(-top)
        for q in range(L):
            value += counts[i, q] * phi[q]
            total += counts[i, q]
            phi[q] = np.exp(phi[q] - top)
            norm += phi[q]
        value -= total * (top + np.log(norm))
        for q in range(L):
            phi[q] /= norm
            G[d, q] += counts[i, q] - total * phi[q]
            W[d, q, q] += total * phi[q]
        for q in range(L):
            for r in range(L):
                W[d, q, r] -= total * phi[q] * phi[r]
    among = np.empty(L + 1)  # φ of what would be seen of each pattern
    for e in range(len(entry)):
        i, m = entry[e], number[e]
        d = kind[i]
        top, best = 0.0, -np.inf  # of all patterns, of those that agree
        if block[e, L] == own[e]:
            best = 0.0
        for q in range(L):
            phi[q] = eta[i, q] + shift[d, q]
            top = max(top, phi[q])
            if block[e, q] == own[e]:
                best = max(best, phi[q])
        some = np.exp(-best) if block[e, L] == own[e] else 0.0
        norm = np.exp(-top)
        for q in range(L):
            if block[e, q] == own[e]:
                some += np.exp(phi[q] - best)
            norm += np.exp(phi[q] - top)
        value += m * (best + np.log(some) - top - np.log(norm))
        among[:] = 0.0
        among[block[e, L]] = np.exp(-top) / norm
        for q in range(L):
            if block[e, q] == own[e]:
                G[d, q] += m * np.exp(phi[q] - best) / some
            phi[q] = np.exp(phi[q] - top) / norm
            G[d, q] -= m * phi[q]
            among[block[e, q]] += phi[q]
        for q in range(L):
            for r in range(L):
                W[d, q, r] -= m * phi[q] * phi[r]
                if block[e, q] == block[e, r] and among[block[e, q]] > 0.0:
                    W[d, q, r] += m * phi[q] * phi[r] / among[block[e, q]]
    return value


@njit(nogil=True)
def log_marginal(
    eta: Any,  # (S, n, L) linear predictor at the mean of the clusters
    Z: Any,  # (D, p) distinct rows of the random design
    kind: Any,  # (n,) which of them each cell has
    counts: Any,  # (n, Q) float
    entry: Any,  # (e,) the cells of subjects observed in part
    block: Any,  # (e, Q) int, what would be seen of each pattern in the outcomes seen of them
    own: Any,  # (e,) int, what was seen
    number: Any,  # (e,) float, how many they are
    root: Any,  # (S, d, d) any square root of Σ; d = L p, logit by logit
    points: Any,  # (M, d)
    log_density: Any,  # (M,)
    out: Any,  # (S,) log marginal likelihood
    error: Any,  # (S,) relative standard error of the likelihood, if the points were random
) -> None:
    """Integrate for each draw; see the module."""
    S, n, L = eta.shape
    D, p = Z.shape
    d = L * p
    M = len(points)
    normal = np.exp(-0.5 * (points**2).sum(axis=1) - log_density)
    normal /= normal.sum()  # the weights if the integrand were normal
    a, step, gradient, trial = np.empty(d), np.empty(d), np.empty(d), np.empty(d)
    F, CF, H = np.empty((d, d)), np.empty((d, d)), np.empty((d, d))
    R, B, unit = np.zeros((d, d)), np.empty((d, d)), np.empty(d)
    shift, G, W = np.empty((D, L)), np.empty((D, L)), np.empty((D, L, L))
    E, rest, Y = np.empty((n, L)), np.empty(n), np.zeros((D, L))
    size = np.empty(n)
    factor = np.empty((D, L))
    weight = np.empty(M)
    for i in range(n):
        size[i] = counts[i, L]
        for q in range(L):
            size[i] += counts[i, q]
            Y[kind[i], q] += counts[i, q]
    for e in range(len(entry)):
        size[entry[e]] += number[e]
    for s in range(S):
        C = root[s]
        a[:] = 0.0
        height = _likelihood(eta[s], Z, kind, counts, entry, block, own, number, C @ a, shift, G, W)
        for _ in range(100):
            for q in range(L):
                for k in range(p):
                    total = 0.0
                    for e in range(D):
                        total += Z[e, k] * G[e, q]
                    trial[q * p + k] = total
                    for r in range(L):
                        for m in range(p):
                            total = 0.0
                            for e in range(D):
                                total += Z[e, k] * Z[e, m] * W[e, q, r]
                            F[q * p + k, r * p + m] = total
            CF[:] = C.T @ F
            H[:] = CF @ C
            gradient[:] = C.T @ trial - a
            for i in range(d):
                H[i, i] += 1.0
            _cholesky(H, R)
            _forward(R, gradient, trial)
            decrement = 0.0
            for i in range(d):
                decrement += trial[i] ** 2
            if decrement < 1e-12:
                break
            _backward(R, trial, step)
            length = 1.0
            while True:
                trial[:] = a + length * step
                higher = _likelihood(
                    eta[s], Z, kind, counts, entry, block, own, number, C @ trial, shift, G, W
                )
                higher -= 0.5 * np.sum(trial**2)
                if higher >= height + 1e-4 * length * decrement or length < 1e-6:
                    break
                length *= 0.5
            a[:] = trial
            height = higher
        # at the mode: exp(η) once for each cell, scaled so that the largest term is 1
        u = C @ a
        _likelihood(eta[s], Z, kind, counts, entry, block, own, number, u, shift, G, W)
        known = 0.0
        for i in range(n):
            top = 0.0
            for q in range(L):
                E[i, q] = eta[s, i, q] + shift[kind[i], q]
                top = max(top, E[i, q])
            for q in range(L):
                known += counts[i, q] * (E[i, q] - top)
            known -= counts[i, L] * top  # of those in part, the norm's top and the sum's cancel
            rest[i] = np.exp(-top)
            for q in range(L):
                E[i, q] = np.exp(E[i, q] - top)
        scale = -0.5 * d * np.log(2 * np.pi)
        for i in range(d):
            scale -= np.log(R[i, i])
        for k in range(d):  # B = C R⁻ᵀ takes a point to the deviation from the mode
            unit[:] = 0.0
            unit[k] = 1.0
            _backward(R, unit, trial)
            B[:, k] = C @ trial
        largest = -np.inf
        for m in range(M):
            _backward(R, points[m], trial)
            square = 0.0
            for i in range(d):
                square += (a[i] + trial[i]) ** 2
            value = known
            for e in range(D):
                for q in range(L):
                    total = 0.0
                    for k in range(p):
                        moved = 0.0
                        for c in range(d):
                            moved += B[q * p + k, c] * points[m, c]
                        total += Z[e, k] * moved
                    value += Y[e, q] * total
                    factor[e, q] = np.exp(total)
            product = 1.0
            for i in range(n):
                norm = rest[i]
                for q in range(L):
                    norm += E[i, q] * factor[kind[i], q]
                if size[i] == 1.0 and 1e-100 < norm < 1e100:
                    product *= norm  # one logarithm for many cells
                    if not 1e-200 < product < 1e200:
                        value -= np.log(product)
                        product = 1.0
                else:
                    value -= size[i] * np.log(norm)
            for e in range(len(entry)):  # beside the norm, which `size` counts
                i = entry[e]
                norm = rest[i] if block[e, L] == own[e] else 0.0
                for q in range(L):
                    if block[e, q] == own[e]:
                        norm += E[i, q] * factor[kind[i], q]
                value += number[e] * np.log(norm)
            value += -np.log(product) - 0.5 * square + scale - log_density[m]
            weight[m] = value if np.isfinite(value) else -np.inf  # beyond what floats can hold
            largest = max(largest, weight[m])
        first = 0.0
        for m in range(M):
            weight[m] = np.exp(weight[m] - largest)
            first += weight[m]
        out[s] = largest + np.log(first / M)
        square = 0.0
        for m in range(M):
            square += (weight[m] / first - normal[m]) ** 2
        error[s] = np.sqrt(square)
