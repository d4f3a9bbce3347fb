"""From posterior draws and a population to pattern probabilities, draw by draw."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import block_diag

from bmco_pymc.averaging.condense import ERROR, Rows, condense
from bmco_pymc.averaging.new_clusters import average_phi_new
from bmco_pymc.averaging.softmax import average_phi
from bmco_pymc.population.points import Resolved
from bmco_pymc.population.slopes import steepness_of_step

type Floats = NDArray[np.float64]
# Covariates of n points and a group (0 control, 1 treatment) to X (n, P) and Z (n, p).
type Matrices = Callable[[pd.DataFrame, int], tuple[Floats, Floats]]


def marginalise(
    target: Resolved,
    matrices: Matrices,
    beta: Floats,
    *,
    gamma: Floats | None = None,
    gamma_cluster: Floats | None = None,
    Sigma: Floats | None = None,
    n_nodes: int | None = None,
) -> Floats:
    """Return the pattern probabilities of each group in a population, for each draw.

    Parameters
    ----------
    target : Resolved
        The population, see `bmco_pymc.population.points.resolve`.
    matrices : callable
        ``matrices(frame, arm)`` returns the fixed design X, shape (n, P), and the random design
        Z, shape (n, p), of the n rows of a frame of covariates in the control (``arm`` 0) or the
        treatment (1): `bmco_pymc.terms.terms.Terms.matrices`. Without random terms, p is 0.
    beta : ndarray, shape (S, P, L)
        Fixed coefficients; P may be 0.
    gamma : ndarray, shape (S, p, L), optional
        Population mean of the random coefficients, for new clusters.
    gamma_cluster : ndarray, shape (S, J, p, L), optional
        The coefficients of each cluster, for observed clusters.
    Sigma : ndarray, shape (S, L, p, p) or (S, L, p, L, p), optional
        Covariance of the random coefficients between clusters, for new clusters.
    n_nodes : int, optional
        Of the integral over new clusters, as in `average_phi_new`.

    Returns
    -------
    ndarray, shape (S, groups, Q)
        phi of each group, the control first.

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
    >>> from bmco_pymc.population.points import Points
    >>> points = Points(pd.DataFrame({"age": [-1.0, 1.0]}), None, np.array([0.5, 0.5]))
    >>> target = Resolved((points, points), "Average over both ages.", None)
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
    rows = (
        Rows(*matrices(points.frame, arm), points.weight, points.cluster)
        for arm, points in enumerate(target.points)
    )
    arms = [condense(given, steepness, error) for given in rows]
    if target.clusters == "new":
        Xs, Zs, weights, _ = zip(*arms, strict=True)
        weight = block_diag(*(own[:, None] for own in weights))  # each counts in its own group
        X, Z = np.concatenate(Xs), np.concatenate(Zs)
        parameters = beta, draws["gamma"], draws["Sigma"]
        return average_phi_new(*parameters, X, Z, weight, n_nodes=n_nodes)
    coefficients = gamma_cluster if target.clusters == "observed" else None
    phi = [average_phi(beta, X, w, gamma=coefficients, Z=Z, cluster=j) for X, Z, w, j in arms]
    return np.stack(phi, axis=1)
