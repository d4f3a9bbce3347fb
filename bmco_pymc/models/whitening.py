r"""A sampling basis for the coefficients of all logits together, clusters included.

`make_basis` takes every subject as independent. But of a mean over clusters, J clusters know little
more than J subjects do, and which combinations of logits they know depends on the covariance of the
deviations. Where one prior spans the deviations of all logits, all coefficients a have one basis,

.. math:: a = C v, \qquad v_i \sim N(0, s_i^2),

in which prior and data are diagonal at once. What the data know is the quadratic log-likelihood of
`cluster_information` with the deviations integrated out, at an estimate of their covariance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.models.geometry import Basis, ClusterInformation, Expansion

Array = NDArray[np.float64]


# The estimate of Sigma need not be close: it only sets a basis.
ROUNDS, CLOSE = 50, 0.01


def whitened(basis: Basis, known: Known, contrasts: Array, Sigma: Array) -> Basis:
    """Return the basis with its ``mixing`` and the ``scale`` that belongs to it.

    Parameters
    ----------
    basis : Basis
        Of `make_basis`.
    known : Known
        What the data say of its coefficients and of the deviations.
    contrasts : ndarray, shape (L, L)
        The logits are ``contrasts @ b`` for what the prior is about.
    Sigma : ndarray, shape (L p, L p)
        A guess of the deviations' covariance.
    """
    M, L = basis.scale.shape
    prior: Any = np.kron(contrasts, np.eye(M))  # a root of the coefficients' covariance
    inside: Any = known.precision(prior, known.spread(Sigma))
    precision, turn = np.linalg.eigh(inside)
    scale = np.sqrt(np.maximum(precision, 1.0))
    return replace(basis, scale=scale.reshape(M, L), mixing=prior @ turn / scale)


def estimated_covariance(known: Known, contrasts: Array, variance: float) -> Array:
    """Return an estimate of the deviations' covariance (d, d), from the quadratic log-likelihood.

    EM on the deviations; the prior, with this variance of each deviation, counts as one cluster.
    """
    J, d = known.off.shape
    M = len(known.score) // len(contrasts)
    prior: Any = np.kron(contrasts, np.eye(M))
    Sigma = variance * np.eye(d)
    for _ in range(ROUNDS):
        V = known.spread(Sigma)
        seen = known.score - (known.lin.mT @ (V @ known.off[..., None])).sum(axis=0)[:, 0]
        coef = prior @ np.linalg.solve(known.precision(prior, V), prior.T @ seen)
        u = (V @ (known.off - known.lin @ coef)[..., None])[..., 0]  # (J, d)
        old, Sigma = Sigma, (variance * np.eye(d) + u.T @ u + V.sum(axis=0)) / (J + 1)
        if np.abs(Sigma - old).max() < CLOSE * np.diag(old).min():
            break
    return Sigma


@dataclass(frozen=True, eq=False)
class Known:
    """The quadratic log-likelihood of coefficients a and of each cluster's deviations u_j.

    It is score'a - a'fixed a / 2 + sum_j [(off_j - lin_j a)'u_j - u_j'info_j u_j / 2].

    Attributes
    ----------
    score, fixed : ndarray, shapes (L M,) and (L M, L M)
    off, lin, info : ndarray, shapes (J, d), (J, d, L M) and (J, d, d)
    """

    score: Array
    fixed: Array
    off: Array
    lin: Array
    info: Array

    def spread(self, Sigma: Array) -> Array:
        """Return each cluster's covariance given the coefficients, (J, d, d)."""
        spread: Array = np.linalg.inv(self.info + np.linalg.inv(Sigma))
        return spread

    def precision(self, prior: Array, spread: Array) -> Array:
        """Return the precision of w, for coefficients ``prior @ w`` and w ~ N(0, I) a priori."""
        marginal = self.fixed - (self.lin.mT @ spread @ self.lin).sum(axis=0)
        full = np.eye(len(prior)) + prior.T @ marginal @ prior
        return (full + full.T) / 2


def known_of_all(basis: Basis, expansion: Expansion, clusters: ClusterInformation) -> Known:
    """Return what the cells say of coefficients and deviations; ``clusters`` has one block."""
    design, phi, total = basis.design, expansion.phi, expansion.total
    M, L = design.shape[1], phi.shape[1]
    fixed = np.zeros((L, M, L, M))
    for q in range(L):
        for r in range(L):
            w = total * phi[:, q] * ((q == r) - phi[:, r])
            fixed[q, :, r] = (design * w[:, None]).T @ design
    score = (expansion.score.T @ design).ravel()
    off, lin, info = (np.moveaxis(a[0], -1, 0) for a in (clusters.off, clusters.lin, clusters.info))
    return Known(score, fixed.reshape(L * M, -1), off, lin.mT, info)
