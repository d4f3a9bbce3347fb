"""The integral over new clusters on a grid, for few logits: softmax(eta + u) averaged over u.

With u = R w and w ~ N(0, I), the rule in each direction of w is the trapezoidal one, which
converges geometrically: along direction k the softmax is analytic in a strip of half-width
pi / s_k, where s_k is the spread of the entries of column k of R and 0 (the reference). So the
number of nodes follows s_k, draw by draw, and a direction with little variance costs little. In
each draw both groups meet the same nodes.

This module needs numba; import it where it is used.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bmco_pymc.kernel import elementary
from bmco_pymc.new_clusters import RELAXED, SAFE, covariance_of, root_of

type Floats = NDArray[np.float64]

# With these, the largest error in one direction was below 1e-4 for logistic functions and humps at
# any place and any spread up to 20 (needed: 6 nodes at spread 0.25, 10 at 2, 29 at 8, 62 at 20).
REACH = 3.8  # nodes lie from -REACH to REACH
FIXED, PER_SPREAD = 5.0, 3.0
# Nodes outside a ball hold 1e-4 of the distribution, by dimension (0 is not used).
RADIUS2 = (0.0, 15.1, 18.4, 21.1, 23.5)
MOST = 2**17  # nodes of a grid


@njit(nogil=True, cache=True, error_model="numpy")
def grid_sizes(Sigma: Floats, Z: Floats) -> NDArray[np.int64]:
    """Return how many nodes the grids have, before corners are left out.

    Parameters
    ----------
    Sigma : ndarray, shape (S, L, p, L, p)
        Covariance of the random coefficients.
    Z : ndarray, shape (D, p)
        The distinct random designs.

    Returns
    -------
    ndarray of int, shape (S, D)
        At most ``MOST + 1``, which stands for more.
    """
    n_logits = Sigma.shape[1]
    covariance, root = np.empty((n_logits, n_logits)), np.empty((n_logits, n_logits))
    sizes = np.empty((len(Sigma), len(Z)), dtype=np.int64)
    for s in range(len(Sigma)):
        for z in range(len(Z)):
            covariance_of(Sigma[s], Z[z], covariance)
            root_of(covariance, root)
            size = 1
            for k in range(n_logits):
                size = min(size * _count(root, k), MOST + 1)
            sizes[s, z] = size
    return sizes


@njit(nogil=True, cache=True, error_model="numpy")
def _count(root: Floats, k: int) -> int:
    """Return the number of nodes along direction k."""
    low, high = 0.0, 0.0
    for q in range(len(root)):
        low, high = min(low, root[q, k]), max(high, root[q, k])
    if high == low:
        return 1
    return int(np.ceil(FIXED + PER_SPREAD * (high - low)))


@njit(nogil=True, cache=True, fastmath=RELAXED, error_model="numpy")
def integrate(
    eta: Floats,
    Sigma: Floats,
    Z: Floats,
    which: NDArray[np.int64],
    weight: Floats,
    size: int,
    phi: Floats,
) -> None:
    """Add to ``phi`` the weighted average of E[softmax(eta + u)] over the points.

    Parameters
    ----------
    eta : ndarray, shape (S, n, L)
        Logits of each draw and point at u = 0.
    Sigma : ndarray, shape (S, L, p, L, p)
    Z : ndarray, shape (D, p)
        The distinct random designs; u ~ N(0, z' Sigma z).
    which : ndarray of int, shape (n,)
        The z of each point, in ascending order.
    weight : ndarray, shape (n,)
    size : int
        The largest of `grid_sizes`.
    phi : ndarray, shape (S, Q)
        Pattern probabilities, added to in place.
    """
    n_draws, n_points, n_logits = eta.shape
    covariance, root = np.empty((n_logits, n_logits)), np.empty((n_logits, n_logits))
    u, exp_u = np.empty((n_logits, size)), np.empty((n_logits, size))
    mass, reference = np.empty(size), np.empty(size)
    odds = np.empty(n_logits)
    for s in range(n_draws):
        last, count, farthest = -1, 0, 0.0
        for i in range(n_points):
            if which[i] != last:
                last = which[i]
                covariance_of(Sigma[s], Z[last], covariance)
                root_of(covariance, root)
                count = _grid(root, u, mass)
                farthest = 0.0
                for q in range(n_logits):
                    for t in range(count):
                        farthest = max(farthest, abs(u[q, t]))
                if farthest < SAFE:
                    for q in range(n_logits):
                        for t in range(count):
                            exp_u[q, t] = elementary.exp(u[q, t])
            largest = 0.0
            for q in range(n_logits):
                largest = max(largest, abs(eta[s, i, q]))
            if farthest + largest < SAFE:
                for t in range(count):
                    reference[t] = 1.0
                for q in range(n_logits):
                    odds[q] = np.exp(eta[s, i, q])
                    odd, row = odds[q], exp_u[q]
                    for t in range(count):
                        reference[t] += odd * row[t]
                total = 0.0
                for t in range(count):
                    reference[t] = mass[t] / reference[t]
                    total += reference[t]
                phi[s, n_logits] += weight[i] * total
                for q in range(n_logits):
                    row, total = exp_u[q], 0.0
                    for t in range(count):
                        total += row[t] * reference[t]
                    phi[s, q] += weight[i] * odds[q] * total
            else:
                _softmax(eta[s, i], u, mass, count, weight[i], phi[s])


@njit(nogil=True, cache=True, error_model="numpy")
def _grid(root: Floats, u: Floats, mass: Floats) -> int:
    """Write the nodes u = R w, shape (L, count), and their masses; return how many they are."""
    n_logits = len(root)
    counts = np.empty(n_logits, dtype=np.int64)
    total = 1
    for k in range(n_logits):
        counts[k] = _count(root, k)
        total *= counts[k]
    w, kept, sum_mass = np.empty(n_logits), 0, 0.0
    for place in range(total):
        rest, square = place, 0.0
        for k in range(n_logits):
            step = 2 * REACH / (counts[k] - 1) if counts[k] > 1 else 0.0
            w[k] = (rest % counts[k] - 0.5 * (counts[k] - 1)) * step
            rest //= counts[k]
            square += w[k] ** 2
        if square > RADIUS2[n_logits]:
            continue
        mass[kept] = np.exp(-0.5 * square)
        sum_mass += mass[kept]
        for q in range(n_logits):
            u[q, kept] = 0.0
            for k in range(q + 1):
                u[q, kept] += root[q, k] * w[k]
        kept += 1
    for t in range(kept):
        mass[t] /= sum_mass
    return kept


@njit(nogil=True, cache=True, error_model="numpy")
def _softmax(eta: Floats, u: Floats, mass: Floats, count: int, weight: float, phi: Floats) -> None:
    """Add the weighted sum of softmax(eta + u), for logits too large to split."""
    n_logits = len(eta)
    for t in range(count):
        largest = 0.0
        for q in range(n_logits):
            largest = max(largest, eta[q] + u[q, t])
        total = np.exp(-largest)
        for q in range(n_logits):
            total += np.exp(eta[q] + u[q, t] - largest)
        share = weight * mass[t] / total
        for q in range(n_logits):
            phi[q] += share * np.exp(eta[q] + u[q, t] - largest)
        phi[n_logits] += share * np.exp(-largest)
