"""The average over new clusters: the two rules, and which of them is for which draw.

A tensor grid (`bmco_pymc.averaging.grid`) is exact with few nodes where there are few logits and
they do not vary much between clusters; a Sobol sequence (`bmco_pymc.averaging.sobol`) does for the
rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.averaging.blocks import in_blocks
from bmco_pymc.averaging.quadrature import largest_variance, node_count, normal_nodes

if TYPE_CHECKING:
    from bmco_pymc.averaging.sobol import Jobs

type Floats = NDArray[np.float64]


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
    weight : ndarray, shape (n,) or (n, A)
        Weights of the points; they sum to 1. With A columns, A averages over the same points, as
        of the two groups, whose own points have no weight in the other: nodes that they share are
        worked out once, and what is the same in both carries the same error of integration.
    n_nodes : int, optional
        Number of nodes, a power of 2 from 64; by default from
        `bmco_pymc.averaging.quadrature.node_count`. Give the same for averages to be compared.

    Returns
    -------
    ndarray, shape (S, Q) or (S, A, Q)

    Notes
    -----
    A scrambled Sobol sequence was more exact at the same cost than rank-1 lattices, with and
    without the tent transform, at every size; antithetic pairs and standardised moments did not
    help. See `bmco_pymc.averaging.sobol` for how nodes are shared out to the points.

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
    from bmco_pymc.averaging import grid, sobol  # numba takes a second to import

    n_logits = beta.shape[-1]
    weights = weight.reshape(len(weight), -1)  # (n, A)
    if n_nodes is None:
        n_nodes = node_count(n_logits, largest_variance(Sigma, Z, weights.sum(axis=1)))
    distinct, which = np.unique(Z, axis=0, return_inverse=True)  # (D, p), (n,)
    order = np.argsort(which, kind="stable")
    X, Z, which, weights = X[order], Z[order], which[order], weights[order]
    joint = _joint(Sigma)
    sizes = np.full((len(beta), len(distinct)), grid.MOST + 1)
    if n_logits < len(grid.RADIUS2):
        sizes = grid.grid_sizes(joint, distinct)
    jobs = _jobs(weights, which, n_nodes, share=4.0 if n_logits <= 3 else 2.0)
    n_points = np.bincount(which)  # of each z
    on_grid = (sizes.max(axis=1) <= grid.MOST) & (
        sizes @ n_points <= sobol.RUN * sum(len(each.point) for each in jobs)
    )
    phi = np.zeros((len(beta), weights.shape[1], n_logits + 1))

    def by_grid(draws: NDArray[np.intp]) -> None:
        eta = X @ beta[draws] + Z @ gamma[draws]  # (n, P) @ (s, P, L) -> (s, n, L)
        own = np.zeros((len(draws), *phi.shape[1:]))
        most = int(sizes[draws].max())
        grid.integrate(eta, joint[draws], distinct, which, weights, most, own)
        phi[draws] = own

    def by_sequence(draws: NDArray[np.intp]) -> None:
        eta = X @ beta[draws] + Z @ gamma[draws]
        nodes = normal_nodes(n_logits, n_nodes)
        for average, own_jobs in enumerate(jobs):
            own = np.zeros((len(draws), n_logits + 1))
            sobol.integrate(eta, joint[draws], distinct, nodes, own_jobs, own)
            phi[draws, average] = own

    for work, chosen in ((by_grid, on_grid), (by_sequence, ~on_grid)):
        draws = np.flatnonzero(chosen)
        in_blocks(lambda block: work(draws[block]), len(draws), len(X) * n_logits)  # noqa: B023
    return phi if weight.ndim == 2 else phi[:, 0]


def _jobs(weights: Floats, which: NDArray[np.intp], n_nodes: int, share: float) -> list[Jobs]:
    """Deal the nodes of the sequence out to the points of each average, weights (n, A)."""
    from bmco_pymc.averaging.sobol import deal

    dealt = []
    for weight in weights.T:
        own = np.flatnonzero(weight)
        jobs = deal(weight[own], which[own], n_nodes, share)
        dealt.append(jobs._replace(point=own[jobs.point]))
    return dealt


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
