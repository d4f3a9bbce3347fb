"""The integral over new clusters on a grid, for few logits: softmax(eta + u) averaged over u.

With u = R w and w ~ N(0, I), the rule in each direction of w is the trapezoidal one, which
converges geometrically: along direction k the softmax is analytic in a strip of half-width
pi / s_k, where s_k is the spread of the entries of column k of R and 0 (the reference). So the
number of nodes follows s_k, draw by draw, and a direction with little variance costs little. In
each draw both groups meet the same nodes.

This module needs numba; import it where it is used.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from bmco_pymc.averaging.sobol import RELAXED, SAFE, covariance_of, root_of
from bmco_pymc.kernel.cache import njit

type Floats = NDArray[np.float64]

# With these, the largest error in one direction was below 1e-4 for logistic functions and humps at
# any place and any spread up to 20 (needed: 6 nodes at spread 0.25, 10 at 2, 29 at 8, 62 at 20).
REACH = 3.8  # nodes lie from -REACH to REACH
FIXED, PER_SPREAD = 5.0, 3.0
# Nodes outside a ball hold 1e-4 of the distribution, by dimension (0 is not used).
RADIUS2 = (0.0, 15.1, 18.4, 21.1, 23.5)
MOST = 2**17  # nodes of a grid
BLOCK = 512  # nodes that stay in the fastest cache


@njit(nogil=True, error_model="numpy")
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


@numba.njit(error_model="numpy", forceinline=True)
def _count(root: Floats, k: int) -> int:
    """Return the number of nodes along direction k."""
    low, high = 0.0, 0.0
    for q in range(len(root)):
        low, high = min(low, root[q, k]), max(high, root[q, k])
    if high == low:
        return 1
    return int(min(np.ceil(FIXED + PER_SPREAD * (high - low)), 1e5))  # far above `MOST`


@njit(nogil=True, fastmath=RELAXED, error_model="numpy")
def integrate(
    eta: Floats,
    Sigma: Floats,
    Z: Floats,
    which: NDArray[np.int64],
    weight: Floats,
    size: int,
    phi: Floats,
) -> None:
    """Add to ``phi`` the weighted averages of E[softmax(eta + u)] over the points.

    Parameters
    ----------
    eta : ndarray, shape (S, n, L)
        Logits of each draw and point at u = 0.
    Sigma : ndarray, shape (S, L, p, L, p)
    Z : ndarray, shape (D, p)
        The distinct random designs; u ~ N(0, z' Sigma z).
    which : ndarray of int, shape (n,)
        The z of each point, in ascending order.
    weight : ndarray, shape (n, A)
        Weights of the points in each of A averages.
    size : int
        The largest of `grid_sizes`.
    phi : ndarray, shape (S, A, Q)
        Pattern probabilities, added to in place.
    """
    n_draws, n_points, n_logits = eta.shape
    covariance, root = np.empty((n_logits, n_logits)), np.empty((n_logits, n_logits))
    u, mass, room = np.empty((n_logits, size)), np.empty(size), np.empty(BLOCK)
    own_phi = np.empty(n_logits + 1)
    for s in range(n_draws):
        first = 0
        while first < n_points:  # the points that share a z
            last = first + 1
            while last < n_points and which[last] == which[first]:
                last += 1
            covariance_of(Sigma[s], Z[which[first]], covariance)
            root_of(covariance, root)
            own = eta[s, first:last]
            farthest = 0.0  # bound on |eta + u|
            for q in range(n_logits):
                reach = REACH * np.abs(root[q, : q + 1]).sum()
                for i in range(len(own)):
                    farthest = max(farthest, reach + abs(own[i, q]))
            if farthest < SAFE:
                count = _grid(root, True, u, mass)
                for start in range(0, count, BLOCK):
                    end = min(start + BLOCK, count)
                    for i in range(len(own)):
                        _split_softmax(own[i], u, mass, start, end, own_phi, room)
                        _add(own_phi, weight[first + i], phi[s])
            else:
                count = _grid(root, False, u, mass)
                for i in range(len(own)):
                    _softmax(own[i], u, mass, count, own_phi)
                    _add(own_phi, weight[first + i], phi[s])
            first = last


@numba.njit(fastmath=RELAXED, error_model="numpy", forceinline=True)
def _grid(root: Floats, exponentials: bool, u: Floats, mass: Floats) -> int:
    """Write the nodes u = R w or their exponentials, shape (L, count), and their masses.

    Returns how many they are. The last sum over k, or product, is over a row of nodes along
    direction 0, cut off where it leaves the ball.
    """
    n_logits = len(root)
    counts = np.empty(n_logits, dtype=np.int64)
    for k in range(n_logits):
        counts[k] = _count(root, k)
    widest = counts.max()
    w, part = np.zeros((n_logits, widest)), np.empty((n_logits, n_logits, widest))
    rows = 1
    for k in range(n_logits):
        rows *= counts[k] if k else 1
        for i in range(counts[k]):
            if counts[k] > 1:
                w[k, i] = (i - 0.5 * (counts[k] - 1)) * (2 * REACH / (counts[k] - 1))
            for q in range(n_logits):
                part[k, q, i] = root[q, k] * w[k, i]
                if exponentials:
                    part[k, q, i] = np.exp(part[k, q, i])
    along = np.exp(-0.5 * w[0] ** 2)
    base = np.empty(n_logits)
    kept, sum_mass = 0, 0.0
    for row in range(rows):
        rest, square = row, 0.0
        base[:] = 1.0 if exponentials else 0.0
        for k in range(1, n_logits):
            i = rest % counts[k]
            rest //= counts[k]
            square += w[k, i] ** 2
            for q in range(k, n_logits):
                if exponentials:
                    base[q] *= part[k, q, i]
                else:
                    base[q] += part[k, q, i]
        first, last = 0, counts[0]
        while first < last and square + w[0, first] ** 2 > RADIUS2[n_logits]:
            first, last = first + 1, last - 1
        size = last - first
        if size <= 0:
            continue
        own, cut, height = mass[kept : kept + size], along[first:last], np.exp(-0.5 * square)
        for i in range(size):
            own[i] = height * cut[i]
            sum_mass += own[i]
        for q in range(n_logits):
            nodes, steps, c = u[q, kept : kept + size], part[0, q, first:last], base[q]
            if exponentials:
                for i in range(size):
                    nodes[i] = c * steps[i]
            else:
                for i in range(size):
                    nodes[i] = c + steps[i]
        kept += size
    for t in range(kept):
        mass[t] /= sum_mass
    return kept


@numba.njit(fastmath=RELAXED, error_model="numpy", forceinline=True)
def _split_softmax(
    eta: Floats,
    exp_u: Floats,
    mass: Floats,
    start: int,
    end: int,
    phi: Floats,
    room: Floats,
) -> None:
    """Write the weighted sum of softmax(eta + u) over some nodes."""
    n_logits, size = len(eta), end - start
    if n_logits == 3:  # two outcomes: one loop, with all sums in registers
        a, b, c = np.exp(eta[0]), np.exp(eta[1]), np.exp(eta[2])
        x, y, z, own = exp_u[0, start:], exp_u[1, start:], exp_u[2, start:], mass[start:]
        total_x, total_y, total_z, rest = 0.0, 0.0, 0.0, 0.0
        for t in range(size):
            part = own[t] / (1.0 + a * x[t] + b * y[t] + c * z[t])
            rest += part
            total_x += part * x[t]
            total_y += part * y[t]
            total_z += part * z[t]
        phi[0], phi[1], phi[2], phi[3] = a * total_x, b * total_y, c * total_z, rest
        return
    share = room[:size]
    share[:] = 1.0
    for q in range(n_logits):
        odds, row = np.exp(eta[q]), exp_u[q, start:end]
        for t in range(size):
            share[t] += odds * row[t]
    own, total = mass[start:end], 0.0
    for t in range(size):
        share[t] = own[t] / share[t]  # probability of the reference pattern
        total += share[t]
    phi[n_logits] = total
    for q in range(n_logits):
        row, total = exp_u[q, start:end], 0.0
        for t in range(size):
            total += row[t] * share[t]
        phi[q] = np.exp(eta[q]) * total


@numba.njit(error_model="numpy", forceinline=True)
def _softmax(eta: Floats, u: Floats, mass: Floats, count: int, phi: Floats) -> None:
    """Write the weighted sum of softmax(eta + u), for logits too large to split."""
    n_logits = len(eta)
    phi[:] = 0.0
    for t in range(count):
        largest = 0.0
        for q in range(n_logits):
            largest = max(largest, eta[q] + u[q, t])
        total = np.exp(-largest)
        for q in range(n_logits):
            total += np.exp(eta[q] + u[q, t] - largest)
        share = mass[t] / total
        for q in range(n_logits):
            phi[q] += share * np.exp(eta[q] + u[q, t] - largest)
        phi[n_logits] += share * np.exp(-largest)


@numba.njit(error_model="numpy", forceinline=True)
def _add(phi: Floats, weight: Floats, averages: Floats) -> None:
    """Add the probabilities of a point to each average, (A, Q)."""
    for a in range(len(weight)):
        for q in range(len(phi)):
            averages[a, q] += weight[a] * phi[q]
