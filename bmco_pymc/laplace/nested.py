r"""Nested Laplace approximation of a multinomial logit with clusters.

Given the covariance of the clusters' deviations, coefficients and deviations are normal at their
mode. What is left, the density of the numbers psi that make the covariance, is looked at where it
matters: at points drawn around its own mode, which importance weights correct. So the posterior is
a mixture of normal ones, with the heavy tails of a variance that few clusters know (Rue, Martino &
Chopin 2009, https://doi.org/10.1111/j.1467-9868.2008.00700.x).

Deviations are u = R zeta with zeta ~ N(0, I); psi makes R as it does for the sampler, see
`bmco_pymc.kernel.covariance`, which has its prior too.

This module needs numba; import it where it is used.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.kernel import covariance
from bmco_pymc.kernel.cache import njit
from bmco_pymc.kernel.memory import view
from bmco_pymc.laplace.flat import pull
from bmco_pymc.laplace.triangles import backward, between, factor, forward, put

type Floats = NDArray[np.float64]

STEPS = 40  # of Newton's method for coefficients and deviations
ENOUGH = 1e-7
NEXT = 1e-3  # a step that gained as little is the last: the next would change nothing
ROUNDS = 60  # of the search for the mode of psi
NEAR = 1e-3  # what a round may still gain
BY = 0.02  # differences that tell derivatives by psi, whose SDs are about 1
WIDE = 0.25  # those of the second derivative: points will be drawn from as far as that
LONGEST = 1.5  # step
CURVED = 0.2, 1e4  # bounds of the second derivative: where there is hardly any, the prior has some
FARTHEST = 6.0  # SDs of psi from its start


class Trial(NamedTuple):
    """The data of a trial, and its priors.

    ``design`` (n, M) has the random terms last, ``inside`` (n, p) is their design in the basis of
    the prior of the covariance, ``counts`` (n, Q), ``start`` (J + 1,) says which rows are of which
    cluster; ``mean`` (L M,) and ``precision`` (L M, L M) of the coefficients; ``turn`` (L, L) makes
    logits of what a joint covariance is about, and is (0, 0) where each logit has its own;
    ``family`` and ``hyper`` as for the sampler.
    """

    design: Floats
    inside: Floats
    counts: Floats
    start: NDArray[np.int64]
    mean: Floats
    precision: Floats
    turn: Floats
    family: int
    hyper: Floats


@njit(nogil=True, error_model="numpy")
def root_of(psi: Floats, trial: Trial) -> tuple[float, Floats]:
    """Return the log prior density of psi, and what makes deviations (L p,) of zeta (L p,)."""
    L, p = trial.counts.shape[1] - 1, trial.inside.shape[1]
    joint = len(trial.turn) > 0
    B, d = (1, L * p) if joint else (L, p)
    below = d * (d - 1) // 2
    R, partial = np.empty((B, d, d)), np.empty((B, 3, below))
    t = view(psi, 0, (B, d))
    v = view(psi, B * d, (B, below))
    value = covariance.root(t, v, trial.family, trial.hyper, R, partial)
    out = np.zeros((L * p, L * p))
    if joint:
        for q in range(L):
            for r in range(L):
                c = trial.turn[q, r]
                for k in range(p):
                    for i in range(d):
                        out[q * p + k, i] += c * R[0, r * p + k, i]
    else:
        for b in range(B):
            for i in range(d):
                for k in range(d):
                    out[b * d + i, b * d + k] = R[b, i, k]
    return value, out


@njit(nogil=True, error_model="numpy")
def marginal(psi: Floats, trial: Trial, coef: Floats, zeta: Floats, inner: Floats) -> float:
    """Return the log density of psi given the data, coefficients and deviations integrated out.

    Parameters
    ----------
    psi : ndarray, shape (h,)
    coef, zeta : ndarray, shapes (L M,) and (J, L p)
        Where to start; the modes are written there.
    inner : ndarray, shape (L M, L M)
        Written: a Cholesky factor of the precision of the coefficients, in its lower triangle.

    Returns
    -------
    float
        Up to a constant; minus infinity where no mode was found.
    """
    M = trial.design.shape[1]
    p, Q = trial.inside.shape[1], trial.counts.shape[1]
    L, J = Q - 1, len(trial.start) - 1
    D, d = L * M, L * p
    prior, root = root_of(psi, trial)
    step_c, step_z = np.empty(D), np.empty((J, d))
    new_c, new_z = np.empty(D), np.empty((J, d))
    lin, own = np.empty((J, D, d)), np.empty((J, d, d))
    value, log_det = _level(trial, root, coef, zeta), 0.0
    for _ in range(STEPS):
        _expand(trial, root, coef, zeta, step_c, step_z, inner, lin, own)
        # The clusters are eliminated: inner becomes the precision of the coefficients alone.
        log_det = 0.0
        for j in range(J):
            log_det += factor(own[j])
            forward(own[j], step_z[j])
            for c in range(D):
                half = lin[j, c]  # becomes own^-1/2 times it
                forward(own[j], half)
                for i in range(d):
                    step_c[c] -= half[i] * step_z[j, i]
                for e in range(c + 1):
                    s = 0.0
                    for i in range(d):
                        s += half[i] * lin[j, e, i]
                    inner[c, e] -= s
        log_det += factor(inner)
        forward(inner, step_c)
        gain = 0.0
        for c in range(D):
            gain += step_c[c] ** 2
        backward(inner, step_c)
        for j in range(J):
            for i in range(d):
                gain += step_z[j, i] ** 2
                for c in range(D):
                    step_z[j, i] -= lin[j, c, i] * step_c[c]
            backward(own[j], step_z[j])
        if not np.isfinite(gain):
            return -np.inf
        if gain < ENOUGH:
            break
        size, better = 1.0, False
        for _half in range(25):
            put(new_c, coef, size, step_c)
            put(new_z, zeta, size, step_z)
            level = _level(trial, root, new_c, new_z)
            if level > value - 1e-9:
                put(coef, new_c)
                put(zeta, new_z)
                value, better = level, True
                break
            size /= 2
        if not better or gain < NEXT:
            break
    return prior + value - 0.5 * log_det


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "arcp", "nsz"})
def _level(trial: Trial, root: Floats, coef: Floats, zeta: Floats) -> float:
    """Return the log density of the data, the coefficients and the deviations."""
    M, p = trial.design.shape[1], trial.inside.shape[1]
    Q = trial.counts.shape[1]
    L, J = Q - 1, len(trial.start) - 1
    value = pull(trial.mean, trial.precision, coef, np.empty(len(coef)))
    eta, u = np.empty(L), np.empty(L * p)
    for j in range(J):
        for i in range(L * p):
            s = 0.0
            for m in range(L * p):
                s += root[i, m] * zeta[j, m]
            u[i] = s
            value -= 0.5 * zeta[j, i] ** 2
        for i in range(trial.start[j], trial.start[j + 1]):
            total, top = trial.counts[i, L], 0.0
            for q in range(L):
                s = 0.0
                for m in range(M):
                    s += trial.design[i, m] * coef[q * M + m]
                for k in range(p):
                    s += trial.inside[i, k] * u[q * p + k]
                eta[q] = s
                top = max(top, s)
                total += trial.counts[i, q]
                value += trial.counts[i, q] * s
            norm = np.exp(-top)
            for q in range(L):
                norm += np.exp(eta[q] - top)
            value -= total * (top + np.log(norm))
    return value


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "arcp", "nsz"})
def _expand(
    trial: Trial,
    root: Floats,
    coef: Floats,
    zeta: Floats,
    g_c: Floats,
    g_z: Floats,
    inner: Floats,
    lin: Floats,
    own: Floats,
) -> None:
    """Write the gradient, and the blocks of the negative second derivative.

    By the coefficients ``inner`` (L M, L M), between them and the zeta of each cluster ``lin``
    (J, L M, L p), and by these ``own`` (J, L p, L p).
    """
    M, p = trial.design.shape[1], trial.inside.shape[1]
    Q = trial.counts.shape[1]
    L, J = Q - 1, len(trial.start) - 1
    D, d = L * M, L * p
    pull(trial.mean, trial.precision, coef, g_c)
    put(inner, trial.precision)
    phi, u, W = np.empty(L), np.empty(d), np.empty((L, L))
    g_u, uu, xu = np.empty(d), np.empty((d, d)), np.empty((D, d))
    half = np.empty((d, d))
    for j in range(J):
        for i in range(d):
            s = 0.0
            for m in range(d):
                s += root[i, m] * zeta[j, m]
            u[i] = s
        g_u[:] = 0.0
        uu[:] = 0.0
        xu[:] = 0.0
        for i in range(trial.start[j], trial.start[j + 1]):
            total, top = trial.counts[i, L], 0.0
            for q in range(L):
                s = 0.0
                for m in range(M):
                    s += trial.design[i, m] * coef[q * M + m]
                for k in range(p):
                    s += trial.inside[i, k] * u[q * p + k]
                phi[q] = s
                top = max(top, s)
                total += trial.counts[i, q]
            norm = np.exp(-top)
            for q in range(L):
                phi[q] = np.exp(phi[q] - top)
                norm += phi[q]
            for q in range(L):
                phi[q] /= norm
            for q in range(L):
                rest = trial.counts[i, q] - total * phi[q]
                for m in range(M):
                    g_c[q * M + m] += rest * trial.design[i, m]
                for k in range(p):
                    g_u[q * p + k] += rest * trial.inside[i, k]
                for r in range(L):
                    W[q, r] = -total * phi[q] * phi[r]
                W[q, q] += total * phi[q]
            for q in range(L):
                for r in range(L):
                    w = W[q, r]
                    for m in range(M):
                        wx = w * trial.design[i, m]
                        if r <= q:
                            for k in range(M):
                                inner[q * M + m, r * M + k] += wx * trial.design[i, k]
                        for k in range(p):
                            xu[q * M + m, r * p + k] += wx * trial.inside[i, k]
                    for m in range(p):
                        wz = w * trial.inside[i, m]
                        for k in range(p):
                            uu[q * p + m, r * p + k] += wz * trial.inside[i, k]
        for i in range(d):
            s = -zeta[j, i]
            for m in range(d):
                s += root[m, i] * g_u[m]
            g_z[j, i] = s
        for c in range(D):
            for i in range(d):
                s = 0.0
                for m in range(d):
                    s += xu[c, m] * root[m, i]
                lin[j, c, i] = s
        for i in range(d):
            for m in range(d):
                s = 0.0
                for k in range(d):
                    s += uu[i, k] * root[k, m]
                half[i, m] = s
        for i in range(d):
            for m in range(d):
                s = 1.0 if i == m else 0.0
                for k in range(d):
                    s += root[k, i] * half[k, m]
                own[j, i, m] = s
    for q in range(L):
        for r in range(q):
            for m in range(M):
                for k in range(M):
                    inner[r * M + k, q * M + m] = inner[q * M + m, r * M + k]


def search(trial: Trial, psi: Floats, coef: Floats, zeta: Floats) -> float:
    """Write the mode of psi, by quasi-Newton steps; return the log density there."""
    begin, spread = psi.copy(), np.eye(len(psi))  # the inverse of the negative second derivative
    inner = np.empty((len(coef), len(coef)))
    value = marginal(psi, trial, coef, zeta, inner)
    if not np.isfinite(value):
        return float(value)
    steps = BY * np.eye(len(psi))
    gradient = (levels(psi + steps, trial, coef, zeta) - value) / BY
    for _ in range(ROUNDS):
        step = spread @ gradient
        step *= min(1.0, LONGEST / np.abs(step).max(initial=1e-300))
        gain = step @ gradient
        if not gain > NEAR:
            break
        size = 1.0
        for _half in range(8):
            new = np.clip(psi + size * step, begin - FARTHEST, begin + FARTHEST)
            c, z = coef.copy(), zeta.copy()
            level = marginal(new, trial, c, z, inner)
            if level > value + 1e-4 * size * gain:
                break
            size /= 2
        else:
            break
        moved = new - psi
        psi[:], coef[:], zeta[:], value = new, c, z, level
        later = (levels(psi + steps, trial, coef, zeta) - value) / BY
        change, gradient = gradient - later, later
        if (curve := moved @ change) > 1e-8:  # Broyden, Fletcher, Goldfarb and Shanno's formula
            pushed = spread @ change
            spread += (1 + (change @ pushed) / curve) / curve * np.outer(moved, moved)
            spread -= (np.outer(pushed, moved) + np.outer(moved, pushed)) / curve
    return float(value)


def curvature(trial: Trial, psi: Floats, coef: Floats, zeta: Floats, value: float) -> Floats:
    """Return a root (h, h) of the covariance of the normal approximation to psi."""
    h = len(psi)
    steps = WIDE * np.eye(h)
    up, down = levels(np.vstack([psi + steps, psi - steps]), trial, coef, zeta).reshape(2, h)
    i, k = np.tril_indices(h, -1)
    both = levels(psi + steps[i] + steps[k], trial, coef, zeta)
    second = np.diag(2 * value - up - down)
    second[i, k] = second[k, i] = up[i] + up[k] - both - value
    second /= WIDE**2
    second = np.where(np.isfinite(second), second, np.eye(h))
    sizes, turn = np.linalg.eigh(second)
    return turn * np.sqrt(1 / np.clip(sizes, *CURVED))


def levels(psis: Floats, trial: Trial, coef: Floats, zeta: Floats) -> Floats:
    """Return `marginal` at several psi (S, h), from the same start; shape (S,)."""
    S, M, p, Q = len(psis), trial.design.shape[1], trial.inside.shape[1], trial.counts.shape[1]
    found, phi, spread = np.empty(S), np.empty((S, 2, Q)), np.empty((S, 2 * Q, 2 * Q))
    nobody = np.empty((2, 0, M)), np.empty((2, 0, p)), np.empty((2, 0)), np.empty((0, 0)), 1
    look(psis, trial, coef, zeta, *nobody, found, phi, spread)
    return found


@njit(nogil=True, error_model="numpy")
def averaged(
    trial: Trial,
    root: Floats,
    rows: Floats,
    inside: Floats,
    weight: Floats,
    nodes: Floats,
    each: int,
    coef: Floats,
    phi: Floats,
    slope: Floats,
) -> None:
    """Write averages over rows and new clusters, (Q,), and their derivatives (Q, L M).

    Row i meets the ``each`` nodes from i times that many on, around: the same in both groups.
    """
    m, M = rows.shape
    p, L = inside.shape[1], len(phi) - 1
    d = L * p
    phi[:] = 0.0
    slope[:] = 0.0
    eta, own, A = np.empty(L), np.empty(L + 1), np.empty((L, d))
    moments = np.empty((L + 1, L))
    first = 0
    for i in range(m):
        if weight[i] == 0.0:
            continue
        w = weight[i] / each
        for q in range(L):
            s = 0.0
            for k in range(M):
                s += rows[i, k] * coef[q * M + k]
            eta[q] = s
            for e in range(d):
                s = 0.0
                for k in range(p):
                    s += inside[i, k] * root[q * p + k, e]
                A[q, e] = s
        moments[:] = 0.0
        first = (i * each) % len(nodes)
        for t in range(each):
            node = nodes[(first + t) % len(nodes)]
            top = 0.0
            for q in range(L):
                s = eta[q]
                for e in range(d):
                    s += A[q, e] * node[e]
                own[q] = s
                top = max(top, s)
            own[L] = np.exp(-top)
            norm = own[L]
            for q in range(L):
                own[q] = np.exp(own[q] - top)
                norm += own[q]
            for q in range(L + 1):
                own[q] /= norm
                phi[q] += w * own[q]
            for q in range(L + 1):
                for r in range(L):
                    moments[q, r] -= own[q] * own[r]
                if q < L:
                    moments[q, q] += own[q]
        for q in range(L + 1):
            for r in range(L):
                for k in range(M):
                    slope[q, r * M + k] += w * moments[q, r] * rows[i, k]


@njit(nogil=True, error_model="numpy")
def look(
    psis: Floats,
    trial: Trial,
    coef: Floats,
    zeta: Floats,
    rows: Floats,
    inside: Floats,
    weight: Floats,
    nodes: Floats,
    each: int,
    level: Floats,
    phi: Floats,
    spread: Floats,
) -> None:
    """Write the density at several psi, and the posterior of the averaged patterns given each.

    Parameters
    ----------
    psis : ndarray, shape (S, h)
    coef, zeta : ndarray
        Where to start, see `marginal`.
    rows, inside : ndarray, shapes (2, m, M) and (2, m, p)
        Design rows that each group is averaged over; without any, only the density is written.
    weight : ndarray, shape (2, m)
    nodes : ndarray, shape (N, L p)
        Standard normal, for new clusters.
    each : int
        How many of them a row meets.
    level : ndarray, shape (S,)
        The log density of each psi.
    phi, spread : ndarray, shapes (S, 2, Q) and (S, 2 Q, 2 Q)
        Mean and covariance of the pattern probabilities of both groups.
    """
    Q, D = trial.counts.shape[1], len(coef)
    inner, slope = np.empty((D, D)), np.empty((2 * Q, D))
    for s in range(len(psis)):
        c, z = coef.copy(), zeta.copy()
        level[s] = marginal(psis[s], trial, c, z, inner)
        if rows.shape[1] == 0:
            continue
        if not np.isfinite(level[s]):
            phi[s] = 0.5
            spread[s] = 0.0
            continue
        _, root = root_of(psis[s], trial)
        for g in range(2):
            averaged(
                trial, root, rows[g], inside[g], weight[g], nodes, each, c, phi[s, g],
                slope[g * Q : (g + 1) * Q],
            )  # fmt: skip
        between(slope, inner, spread[s])


def nested(
    trial: Trial,
    rows: Floats,
    inside: Floats,
    weight: Floats,
    nodes: Floats,
    each: int,
    points: Floats,
    psi: Floats,
) -> tuple[Floats, Floats, Floats] | None:
    """Return the approximate posterior of the averaged pattern probabilities: a mixture.

    Parameters
    ----------
    trial, rows, inside, weight, nodes, each
        See `look`.
    points : ndarray, shape (S, h)
        Where to look at psi: in SDs from its mode.
    psi : ndarray, shape (h,)
        Where to start.

    Returns
    -------
    level, phi, spread : ndarray, shapes (S,), (S, 2, Q) and (S, 2 Q, 2 Q), or None
        The log density of psi at each point, and means and covariances given it; None where no mode
        was found.
    """
    S, J, Q = len(points), len(trial.start) - 1, trial.counts.shape[1]
    coef, zeta, psi = trial.mean.copy(), np.zeros((J, (Q - 1) * trial.inside.shape[1])), psi.copy()
    value = search(trial, psi, coef, zeta)
    if not np.isfinite(value):
        return None
    psis = psi + points @ curvature(trial, psi, coef, zeta, value).T
    level, phi, spread = np.empty(S), np.empty((S, 2, Q)), np.empty((S, 2 * Q, 2 * Q))
    look(psis, trial, coef, zeta, rows, inside, weight, nodes, each, level, phi, spread)
    return (level, phi, spread) if np.isfinite(level.max()) else None
