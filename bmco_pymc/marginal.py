"""From posterior draws and a population to pattern probabilities, draw by draw.

Logits, then pattern probabilities, then their average over the population: in this order, so that
each draw gives a probability in the population. The draws are flattened to one axis of length S;
they are independent of each other, so blocks of them are worked through in a few threads, and
memory does not grow with S.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.condense import ERROR, Rows, condense
from bmco_pymc.population import Target
from bmco_pymc.quadrature import largest_variance, node_count, normal_nodes
from bmco_pymc.slopes import steepness_of_step

type Floats = NDArray[np.float64]
# Covariates of n points and a group (0 control, 1 treatment) to X (n, P) and Z (n, p).
type Matrices = Callable[[pd.DataFrame, int], tuple[Floats, Floats]]

BLOCK = 2**18  # logits of one block of draws: arrays of 2 MB stay in the cache
MOST_THREADS = 8


def marginalise(
    target: Target,
    matrices: Matrices,
    beta: Floats,
    *,
    gamma: Floats | None = None,
    gamma_cluster: Floats | None = None,
    Sigma: Floats | None = None,
) -> Floats:
    """Return the pattern probabilities of both groups in a population, for each draw.

    Parameters
    ----------
    target : Target
        The population, see `bmco_pymc.population.resolve`.
    matrices : callable
        ``matrices(frame, arm)`` returns the fixed design X, shape (n, P), and the random design
        Z, shape (n, p), of the n rows of a frame of covariates in the control (``arm`` 0) or the
        treatment (1): `bmco_pymc.design.Design.matrices`. Without random terms, p is 0.
    beta : ndarray, shape (S, P, L)
        Fixed coefficients; P may be 0.
    gamma : ndarray, shape (S, p, L), optional
        Population mean of the random coefficients, for new clusters.
    gamma_cluster : ndarray, shape (S, J, p, L), optional
        The coefficients of each cluster, for observed clusters.
    Sigma : ndarray, shape (S, L, p, p) or (S, L, p, L, p), optional
        Covariance of the random coefficients between clusters, for new clusters.

    Returns
    -------
    ndarray, shape (S, 2, Q)
        phi of the control and the treatment.

    Raises
    ------
    TypeError
        If the draws that the target's clusters need are missing.

    See Also
    --------
    average_phi : The average for given clusters, or without clusters.
    average_phi_new : The average over new clusters.

    Examples
    --------
    >>> from bmco_pymc.population import Points
    >>> points = Points(pd.DataFrame({"age": [-1.0, 1.0]}), None, np.array([0.5, 0.5]))
    >>> target = Target((points, points), "Average over both ages.", None)
    >>> def matrices(frame, arm):
    ...     return np.column_stack([np.ones(2), np.full(2, arm), frame["age"]]), np.empty((2, 0))
    >>> beta = np.array([[[0.0], [1.0], [2.0]]])  # one draw of Intercept, group and age
    >>> marginalise(target, matrices, beta).round(3).tolist()
    [[[0.5, 0.5], [0.611, 0.389]]]
    """
    given = {"beta": beta, "gamma": gamma, "gamma_cluster": gamma_cluster, "Sigma": Sigma}
    draws = {name: values for name, values in given.items() if values is not None}
    if target.clusters == "new" and (gamma is None or Sigma is None):
        raise TypeError("new clusters need gamma and Sigma")
    if target.clusters == "observed" and gamma_cluster is None:
        raise TypeError("observed clusters need gamma_cluster")
    steepness = partial(steepness_of_step, draws, target.clusters)
    error = 1e-6 if target.clusters == "new" else ERROR  # new clusters have the rule's own error
    arms = [
        condense(
            Rows(*matrices(points.frame, arm), points.weight, points.cluster), steepness, error
        )
        for arm, points in enumerate(target.points)
    ]
    if target.clusters == "new":
        assert gamma is not None
        assert Sigma is not None
        # The same nodes for both groups, or their difference picks up the error of integration.
        variance = max(largest_variance(Sigma, rows.Z, rows.weight) for rows in arms)
        n_nodes = node_count(beta.shape[-1], variance)
        phi = [
            average_phi_new(beta, gamma, Sigma, rows.X, rows.Z, rows.weight, n_nodes=n_nodes)
            for rows in arms
        ]
    elif target.clusters == "observed":
        phi = [
            average_phi(
                beta, rows.X, rows.weight, gamma=gamma_cluster, Z=rows.Z, cluster=rows.cluster
            )
            for rows in arms
        ]
    else:
        phi = [average_phi(beta, rows.X, rows.weight) for rows in arms]
    return np.stack(phi, axis=1)


def average_phi(
    beta: Floats,
    X: Floats,
    weight: Floats,
    *,
    gamma: Floats | None = None,
    Z: Floats | None = None,
    cluster: NDArray[np.intp] | None = None,
) -> Floats:
    r"""Return the pattern probabilities averaged over weighted points.

    .. math:: \bar\phi_q = \sum_i w_i \frac{e^{\eta_{iq}}}{1 + \sum_m e^{\eta_{im}}}, \quad
              \eta_{iq} = x_i'\beta_q + z_i'\gamma_{j(i)q}

    with the last pattern as the reference, :math:`\eta_{iQ} = 0`. Logits may be of any size.

    Parameters
    ----------
    beta : ndarray, shape (S, P, L)
        Fixed coefficients of each draw.
    X : ndarray, shape (n, P)
        Fixed design of the points.
    weight : ndarray, shape (n,)
        Weights of the points; they sum to 1.
    gamma : ndarray, shape (S, J, p, L), optional
        Coefficients of each cluster; with ``Z`` and ``cluster`` or not at all.
    Z : ndarray, shape (n, p), optional
        Random design of the points.
    cluster : ndarray of int, shape (n,), optional
        Cluster of each point, 0 to J - 1.

    Returns
    -------
    ndarray, shape (S, Q)

    References
    ----------
    Kavelaars, Mulder & Kaptein (2023), https://doi.org/10.1186/s12874-023-02034-z

    Examples
    --------
    >>> beta = np.log([[[3.0, 2.0, 2.0]]])  # one draw, one term, three logits
    >>> average_phi(beta, np.ones((1, 1)), np.ones(1))
    array([[0.375, 0.25 , 0.25 , 0.125]])
    """
    n_logits = beta.shape[-1]
    phi = np.zeros((len(beta), n_logits + 1))
    most = max(BLOCK // n_logits, 1)  # points at a time

    def add(draws: slice) -> None:
        by_logit = beta[draws].transpose(0, 2, 1)  # (s, L, P)
        for start in range(0, len(X), most):
            part = slice(start, start + most)
            eta = by_logit @ X[part].T  # (s, L, P) @ (P, n) -> (s, L, n)
            if gamma is not None and Z is not None and cluster is not None:
                by_cluster = np.ascontiguousarray(gamma[draws].transpose(2, 0, 3, 1))
                for z, coefficient in zip(Z[part].T, by_cluster, strict=True):  # (n,), (s, L, J)
                    eta += z * np.take(coefficient, cluster[part], axis=-1)
            _add_softmax(eta, weight[part], phi[draws])

    _in_blocks(add, len(beta), min(len(X), most) * n_logits)
    return phi


def average_phi_new(
    beta: Floats,
    gamma: Floats,
    Sigma: Floats,
    X: Floats,
    Z: Floats,
    weight: Floats,
    *,
    n_nodes: int | None = None,
) -> Floats:
    r"""Return the pattern probabilities averaged over weighted points and over new clusters.

    .. math:: \bar\phi_q = \sum_i w_i \int
              \frac{e^{\eta_{iq} + u_q}}{1 + \sum_m e^{\eta_{im} + u_m}}
              \, N(u \mid 0, z_i'\Sigma z_i) \, du, \quad
              \eta_{iq} = x_i'\beta_q + z_i'\gamma_q

    The coefficients of a new cluster are N(gamma, Sigma), but only its logits matter: an integral
    of dimension L = Q - 1, whatever the number of random terms. The nodes are the same in each
    draw and group, so that differences between them carry no noise of integration; the difference
    of two groups' success probabilities errs by less than 1e-3 in each draw.

    Parameters
    ----------
    beta : ndarray, shape (S, P, L)
        Fixed coefficients of each draw; P may be 0.
    gamma : ndarray, shape (S, p, L)
        Population mean of the random coefficients.
    Sigma : ndarray, shape (S, L, p, p) or (S, L, p, L, p)
        Their covariance: one matrix per logit, independent of each other, or the joint one over
        all logits. It may be singular or zero.
    X : ndarray, shape (n, P)
        Fixed design of the points.
    Z : ndarray, shape (n, p)
        Random design of the points.
    weight : ndarray, shape (n,)
        Weights of the points; they sum to 1.
    n_nodes : int, optional
        Number of nodes, a power of 2 from 64; by default from
        `bmco_pymc.quadrature.node_count`. Give the same for both groups.

    Returns
    -------
    ndarray, shape (S, Q)

    Notes
    -----
    A scrambled Sobol sequence was more exact at the same cost than rank-1 lattices, with and
    without the tent transform, at every size; antithetic pairs and standardised moments did not
    help. See `bmco_pymc.new_clusters` for how nodes are shared out to the points.

    References
    ----------
    Kavelaars, Mulder & Kaptein (2023), https://doi.org/10.1186/s12874-023-02034-z

    Examples
    --------
    >>> beta, gamma = np.zeros((1, 0, 1)), np.ones((1, 1, 1))
    >>> Sigma = np.full((1, 1, 1, 1), 2.0)
    >>> X, Z = np.empty((1, 0)), np.ones((1, 1))
    >>> average_phi_new(beta, gamma, Sigma, X, Z, np.ones(1)).round(4).tolist()
    [[0.6751, 0.3249]]
    """
    from bmco_pymc import grid, new_clusters  # numba takes a second to import

    n_logits = beta.shape[-1]
    if n_nodes is None:
        n_nodes = node_count(n_logits, largest_variance(Sigma, Z, weight))
    distinct, which = np.unique(Z, axis=0, return_inverse=True)  # (D, p), (n,)
    order = np.argsort(which, kind="stable")
    X, Z, which, weight = X[order], Z[order], which[order], weight[order]
    jobs = new_clusters.deal(weight, which, n_nodes, share=4.0 if n_logits <= 3 else 2.0)
    phi = np.zeros((len(beta), n_logits + 1))
    joint = _joint(Sigma)
    sizes = np.full((len(beta), len(distinct)), grid.MOST + 1)
    if n_logits < len(grid.RADIUS2):
        sizes = grid.grid_sizes(joint, distinct)
    points = np.bincount(which)  # of each z
    on_grid = (sizes.max(axis=1) <= grid.MOST) & (
        sizes @ points <= len(jobs.point) * new_clusters.RUN
    )

    def add(part: NDArray[np.intp], use_grid: bool) -> None:
        eta = X @ beta[part] + Z @ gamma[part]  # (n, P) @ (s, P, L) -> (s, n, L)
        own = np.zeros((len(part), n_logits + 1))
        if use_grid:
            most = int(sizes[part].max())
            grid.integrate(eta, joint[part], distinct, which, weight, most, own)
        else:
            nodes = normal_nodes(n_logits, n_nodes)
            new_clusters.integrate(eta, joint[part], distinct, nodes, jobs, own)
        phi[part] = own

    for use_grid in (True, False):
        draws = np.flatnonzero(on_grid == use_grid)
        _in_blocks(
            lambda block: add(draws[block], use_grid),  # noqa: B023 - called before it changes
            len(draws),
            len(X) * n_logits,
        )
    return phi


def _joint(Sigma: Floats) -> Floats:
    """Return the covariance as (S, L, p, L, p), in one memory layout for one compiled version."""
    if Sigma.ndim == 5:
        return np.ascontiguousarray(Sigma)
    n_draws, n_logits, n_terms = Sigma.shape[:3]
    joint = np.zeros((n_draws, n_logits, n_terms, n_logits, n_terms))
    diagonal = np.arange(n_logits)
    # Indices apart from each other put their axis first: (L, S, p, p).
    joint[:, diagonal, :, diagonal, :] = Sigma.swapaxes(0, 1)
    return joint


def _add_softmax(eta: Floats, weight: Floats, phi: Floats) -> None:
    """Add the weighted probabilities of logits (s, L, n), which are overwritten, to phi (s, Q)."""
    largest = np.maximum(eta.max(axis=1), 0.0)  # (s, n)
    eta -= largest[:, None, :]
    odds = np.exp(eta, out=eta)  # relative to the likeliest pattern: at most 1
    reference = np.exp(-largest)  # (s, n)
    share = weight / (reference + odds.sum(axis=1))  # (s, n)
    phi[:, :-1] += np.matmul(odds, share[:, :, None])[:, :, 0]  # (s, L, n) @ (s, n, 1)
    phi[:, -1] += (reference * share).sum(axis=1)


def _in_blocks(work: Callable[[slice], None], n_draws: int, per_draw: int) -> None:
    """Call ``work`` on blocks of draws, each writing to its own part of the result."""
    size = max(BLOCK // max(per_draw, 1), 1)
    threads = min(os.cpu_count() or 1, MOST_THREADS, max(2**25 // max(per_draw, 1), 1))
    size = min(size, max(n_draws // threads, 1))
    blocks = [slice(start, start + size) for start in range(0, n_draws, size)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, blocks))  # a list, so that errors are raised here
