"""Rows of a frame in both groups, and their pattern probabilities under each draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.posterior.predictor import log_softmax

if TYPE_CHECKING:
    from bmco_pymc.posterior.posterior import Posterior

type Array = NDArray[np.float64]
type Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows to predict, in both groups.

    Attributes
    ----------
    fit : Posterior
    X, Z : ndarray, shapes (n, 2, P) and (n, 2, p)
        Fixed and random design in the control and the treatment; no columns without covariates.
    cluster : ndarray of intp, shape (n,), or None
        The observed cluster of each, or the new one that it shares with others.
    clusters : {"new", "observed", None}
    """

    fit: Posterior
    X: Array
    Z: Array
    cluster: Codes | None
    clusters: str | None

    def log_phi(self, which: Any, gamma: Array | None, rows: Any = slice(None)) -> Array:
        """Return the log probability of each pattern, shape (s, n, 2, Q).

        Parameters
        ----------
        which : index of the draws, chains joined
        gamma : ndarray, shape (s, J, p, L), or None
            Coefficients of each cluster; None without.
        rows : index of the rows, optional
        """
        X, Z = self.X[rows], self.Z[rows]
        if self.fit.model.terms is None:
            with np.errstate(divide="ignore"):  # an unseen pattern may have a probability of 0
                own = np.log(self.fit.draws("phi")[which])  # (s, 2, Q)
            return np.broadcast_to(own[:, None], (len(own), len(X), *own.shape[1:]))
        beta = self.fit.coefficients()["beta"][which]
        eta = np.einsum("ngt,stl->sngl", X, beta, optimize=True)
        if gamma is not None:
            assert self.cluster is not None
            own = gamma[:, self.cluster[rows]]  # (s, n, p, L)
            eta = eta + np.einsum("ngp,snpl->sngl", Z, own, optimize=True)
        return log_softmax(eta)


def rows_of(
    fit: Posterior, covariates: pd.DataFrame, cluster: Codes | None, clusters: str | None
) -> Rows:
    """Return the rows with their designs in both groups."""
    terms = fit.model.terms
    if terms is None:
        empty = np.empty((len(covariates), 2, 0))
        return Rows(fit, empty, empty, None, None)
    both = [terms.matrices(covariates, np.full(len(covariates), arm)) for arm in (0, 1)]
    X, Z = (np.stack(parts, axis=1) for parts in zip(*both, strict=True))
    return Rows(fit, X, Z, cluster, clusters)


def number_of_draws(fit: Posterior) -> int:
    """Return the number of draws S, chains joined."""
    sizes = fit.idata["posterior"].sizes
    return int(sizes["chain"] * sizes["draw"])
