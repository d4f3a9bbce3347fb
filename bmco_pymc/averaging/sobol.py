"""The integral over new clusters on a Sobol sequence: softmax(eta + u) averaged over Gaussian u.

The nodes w of the standard normal are dealt out in runs of `RUN`. A *job* is one point of a
population on one run. For a draw and a distinct z, u = root @ w has the covariance of the logits
between clusters, and exp(eta + u) = exp(eta) * exp(u): all jobs on the same run and z share exp(u),
and the loop over nodes holds no exp.

This module needs numba; import it where it is used.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from bmco_pymc.kernel import elementary
from bmco_pymc.kernel.cache import njit

RUN = 64  # nodes in a run: a run of each logit stays in the fastest cache
SAFE = 600.0  # exp(600) and sums of it are far from overflow
# Sums may be reordered, so that they vectorise; infinity and NaN keep their meaning.
RELAXED = {"reassoc", "contract", "nsz"}


class Jobs(NamedTuple):
    """Which point meets which run of nodes, sorted by z, then run; arrays of one length.

    Attributes
    ----------
    point : ndarray of intp
        The point, a row of the logits.
    z : ndarray of intp
        The distinct z of that point.
    run : ndarray of intp
        The run of nodes: columns ``run * RUN`` to ``(run + 1) * RUN - 1``.
    weight : ndarray of float
        The point's weight, divided by its number of runs.
    """

    point: NDArray[np.intp]
    z: NDArray[np.intp]
    run: NDArray[np.intp]
    weight: NDArray[np.float64]


def deal(
    weight: NDArray[np.float64], z: NDArray[np.intp], n_nodes: int, share: float = 4.0
) -> Jobs:
    """Deal the nodes out to the points of a population, more of them to heavier points.

    A point with all the weight meets every node; a point with weight w meets about
    ``share * w * n_nodes``, at least one run. Integration errors of the points then average out,
    so that the average over many points costs little more than the integral at one. Points with
    equal weights in equal order, as in both groups of a pooled population, meet the same nodes.

    Parameters
    ----------
    weight : ndarray, shape (n,)
        Weights of the points; they sum to 1.
    z : ndarray of intp, shape (n,)
        Which distinct z each point has.
    n_nodes : int
        A power of 2, at least `RUN`.
    share : float, optional
        With 1, an average over many points would be less exact than the integral at one, as the
        errors of short runs do not quite average out. On the cases tried, 4 made up for that with
        up to 3 logits, 2 with more, where the integrand is rougher and runs matter less.

    Returns
    -------
    Jobs

    Examples
    --------
    >>> jobs = deal(np.array([0.9, 0.05, 0.05]), np.zeros(3, dtype=np.intp), 256)
    >>> jobs.point.tolist(), jobs.run.tolist()
    ([0, 1, 0, 2, 0, 0], [0, 0, 1, 1, 2, 3])
    """
    total = n_nodes // RUN
    wanted = np.clip(share * weight * total, 1, total)
    length = (2 ** np.ceil(np.log2(wanted))).astype(np.intp)  # (n,) runs, a power of 2
    start = np.empty_like(length)
    for size in np.unique(length):
        # Aligned at multiples of their length, runs form a net of their own; see `normal_nodes`.
        same = np.flatnonzero(length == size)
        start[same] = np.arange(len(same)) * size % total
    point = np.repeat(np.arange(len(weight)), length)  # (jobs,)
    place = np.arange(len(point)) - np.repeat(np.cumsum(length) - length, length)
    run = start[point] + place
    order = np.lexsort((point, run, z[point]))
    point = point[order]
    return Jobs(point, z[point], run[order], (weight / length)[point])


@njit(nogil=True, fastmath=RELAXED, error_model="numpy")
def integrate(
    eta: NDArray[np.float64],
    Sigma: NDArray[np.float64],
    Z: NDArray[np.float64],
    nodes: NDArray[np.float64],
    jobs: Jobs,
    phi: NDArray[np.float64],
) -> None:
    """Add to ``phi`` the weighted average of E[softmax(eta + u)] over the points.

    Parameters
    ----------
    eta : ndarray, shape (S, n, L)
        Logits of each draw and point at u = 0.
    Sigma : ndarray, shape (S, L, p, L, p)
        Covariance of the random coefficients.
    Z : ndarray, shape (D, p)
        The distinct random designs; u ~ N(0, z' Sigma z).
    nodes : ndarray, shape (L, N)
        See `bmco_pymc.averaging.quadrature.normal_nodes`.
    jobs : Jobs
    phi : ndarray, shape (S, Q)
        Pattern probabilities, added to in place.
    """
    n_draws, _, n_logits = eta.shape
    covariance = np.empty((n_logits, n_logits))
    root = np.empty((n_logits, n_logits))
    reach = np.abs(nodes).max()
    u = np.empty((n_logits, RUN))
    exp_u = np.empty((n_logits, RUN))
    odds, reference = np.empty(n_logits), np.empty(RUN)
    for s in range(n_draws):
        last_z, last_run, farthest = -1, -1, 0.0
        for j in range(len(jobs.point)):
            i, z, run, weight = jobs.point[j], jobs.z[j], jobs.run[j], jobs.weight[j] / RUN
            if z != last_z:
                covariance_of(Sigma[s], Z[z], covariance)
                root_of(covariance, root)
                farthest = 0.0  # bound on |u|
                for q in range(n_logits):
                    farthest = max(farthest, np.abs(root[q, : q + 1]).sum() * reach)
            if z != last_z or run != last_run:
                last_z, last_run = z, run
                for q in range(n_logits):
                    u[q] = 0.0
                    for m in range(q + 1):
                        if root[q, m] != 0.0:
                            for t in range(RUN):
                                u[q, t] += root[q, m] * nodes[m, run * RUN + t]
                    if farthest < SAFE:
                        for t in range(RUN):
                            exp_u[q, t] = elementary.exp(u[q, t])
            if farthest + np.abs(eta[s, i]).max() < SAFE:
                _split_softmax(eta[s, i], exp_u, weight, phi[s], odds, reference)
            else:
                _softmax(eta[s, i], u, weight, phi[s])


@numba.njit(error_model="numpy", forceinline=True)
def covariance_of(
    Sigma: NDArray[np.float64], z: NDArray[np.float64], covariance: NDArray[np.float64]
) -> None:
    """Write z' Sigma z of shape (L, L), where Sigma has shape (L, p, L, p)."""
    n_logits, n_terms = Sigma.shape[:2]
    for q in range(n_logits):
        for m in range(n_logits):
            total = 0.0
            for a in range(n_terms):
                for b in range(n_terms):
                    total += z[a] * Sigma[q, a, m, b] * z[b]
            covariance[q, m] = total


@numba.njit(error_model="numpy", forceinline=True)
def root_of(covariance: NDArray[np.float64], root: NDArray[np.float64]) -> None:
    """Write the Cholesky factor; a direction without variance of its own gets a zero column."""
    root[:] = 0.0
    for m in range(len(covariance)):
        rest = covariance[m, m] - (root[m, :m] ** 2).sum()
        if rest > 1e-12 * covariance[m, m]:
            root[m, m] = np.sqrt(rest)
            for q in range(m + 1, len(covariance)):
                root[q, m] = (covariance[q, m] - (root[q, :m] * root[m, :m]).sum()) / root[m, m]


@numba.njit(fastmath=RELAXED, error_model="numpy", forceinline=True)
def _split_softmax(
    eta: NDArray[np.float64],
    exp_u: NDArray[np.float64],
    weight: float,
    phi: NDArray[np.float64],
    odds: NDArray[np.float64],
    reference: NDArray[np.float64],
) -> None:
    """Add the weighted sum of softmax(eta + u) over a run; ``odds``, ``reference`` are room."""
    n_logits = len(eta)
    reference[:] = 1.0
    for q in range(n_logits):
        odds[q] = odd = np.exp(eta[q])
        row = exp_u[q]
        for t in range(RUN):
            reference[t] += odd * row[t]
    total = 0.0
    for t in range(RUN):
        reference[t] = 1.0 / reference[t]  # probability of the reference pattern
        total += reference[t]
    phi[n_logits] += weight * total
    for q in range(n_logits):
        row, total = exp_u[q], 0.0
        for t in range(RUN):
            total += row[t] * reference[t]
        phi[q] += weight * odds[q] * total


@numba.njit(error_model="numpy", forceinline=True)
def _softmax(
    eta: NDArray[np.float64],
    u: NDArray[np.float64],
    weight: float,
    phi: NDArray[np.float64],
) -> None:
    """Add the weighted sum of softmax(eta + u) over a run, for logits too large to split."""
    n_logits = len(eta)
    for t in range(RUN):
        largest = 0.0
        for q in range(n_logits):
            largest = max(largest, eta[q] + u[q, t])
        total = np.exp(-largest)
        for q in range(n_logits):
            total += np.exp(eta[q] + u[q, t] - largest)
        for q in range(n_logits):
            phi[q] += weight * np.exp(eta[q] + u[q, t] - largest) / total
        phi[n_logits] += weight * np.exp(-largest) / total
