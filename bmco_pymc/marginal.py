"""From posterior draws and a population to pattern probabilities, draw by draw.

Logits, then pattern probabilities, then their average over the population: in this order, so that
each draw gives a probability in the population. The draws are flattened to one axis of length S;
they are independent of each other, so blocks of them are worked through in a few threads, and
memory does not grow with S.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.blocks import BLOCK, in_blocks
from bmco_pymc.condense import ERROR, Rows, condense
from bmco_pymc.new_clusters import average_phi_new
from bmco_pymc.population import Target
from bmco_pymc.slopes import steepness_of_step

type Floats = NDArray[np.float64]
# Covariates of n points and a group (0 control, 1 treatment) to X (n, P) and Z (n, p).
type Matrices = Callable[[pd.DataFrame, int], tuple[Floats, Floats]]


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
    error = 1e-5 if target.clusters == "new" else ERROR  # the integral over them has 1e-4
    arms = [
        condense(
            Rows(*matrices(points.frame, arm), points.weight, points.cluster), steepness, error
        )
        for arm, points in enumerate(target.points)
    ]
    if target.clusters == "new":
        assert gamma is not None
        assert Sigma is not None
        X, Z = (np.concatenate([getattr(rows, name) for rows in arms]) for name in ("X", "Z"))
        weight = np.zeros((len(X), 2))
        weight[: len(arms[0].X), 0], weight[len(arms[0].X) :, 1] = (rows.weight for rows in arms)
        return average_phi_new(beta, gamma, Sigma, X, Z, weight)
    if target.clusters == "observed":
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

    in_blocks(add, len(beta), min(len(X), most) * n_logits)
    return phi


def _add_softmax(eta: Floats, weight: Floats, phi: Floats) -> None:
    """Add the weighted probabilities of logits (s, L, n), which are overwritten, to phi (s, Q)."""
    largest = np.maximum(eta.max(axis=1), 0.0)  # (s, n)
    eta -= largest[:, None, :]
    odds = np.exp(eta, out=eta)  # relative to the likeliest pattern: at most 1
    reference = np.exp(-largest)  # (s, n)
    share = weight / (reference + odds.sum(axis=1))  # (s, n)
    phi[:, :-1] += np.matmul(odds, share[:, :, None])[:, :, 0]  # (s, L, n) @ (s, n, 1)
    phi[:, -1] += (reference * share).sum(axis=1)
