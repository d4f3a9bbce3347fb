"""Draws of coefficients to success probabilities, in plain numpy: for the peers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def design(arm: Array, x: Array) -> Array:
    """Return the columns Intercept, group, covariate, group × covariate, shape (n, 4)."""
    return np.column_stack([np.ones(len(x)), arm, x, arm * x])


def theta_of_subjects(coefficient: Array, X: Array, n_outcomes: int) -> Array:
    """Average the probabilities of all subjects, draw by draw; shape (S, K).

    Parameters
    ----------
    coefficient : ndarray, shape (S, P, L)
        Draws of the coefficients of each logit.
    X : ndarray, shape (n, P)
        Terms.
    n_outcomes : int
        K.
    """
    phi = np.empty((len(coefficient), 2**n_outcomes))
    for s, b in enumerate(coefficient):
        e = np.exp(np.hstack([X @ b, np.zeros((len(X), 1))]))  # (n, Q)
        phi[s] = (e / e.sum(axis=1, keepdims=True)).mean(axis=0)
    return phi @ bits(n_outcomes)


def cluster_nodes(n_logits: int, n: int = 7) -> tuple[Array, Array]:
    """Return the nodes (N, L) and weights (N,) of a Gauss-Hermite rule for standard normals."""
    x, w = np.polynomial.hermite_e.hermegauss(n)
    grid = np.meshgrid(*[x] * n_logits, indexing="ij")
    weight = np.prod(np.meshgrid(*[w / w.sum()] * n_logits, indexing="ij"), axis=0)
    return np.stack([g.ravel() for g in grid], axis=1), weight.ravel()


def theta_new_clusters(
    coefficient: Array, sd: Array, X: Array, n_outcomes: int, nodes: Array, weight: Array
) -> Array:
    """Average over all subjects and over new clusters, draw by draw; shape (S, K).

    Parameters
    ----------
    coefficient : ndarray, shape (S, P, L)
        Draws of the coefficients of each logit.
    sd : ndarray, shape (S, L)
        SDs of the clusters' linear predictors, independent between logits.
    X : ndarray, shape (n, P)
        Terms.
    n_outcomes : int
        K.
    nodes, weight : ndarray
        Of `cluster_nodes`.
    """
    phi = np.empty((len(coefficient), 2**n_outcomes))
    for s, b in enumerate(coefficient):
        # exp(eta + u) = exp(eta) exp(u) keeps exp out of the product of subjects and nodes.
        e = np.exp(X @ b)  # (n, L)
        v = np.exp(sd[s] * nodes)  # (N, L)
        share = weight / (1 + e @ v.T)  # (n, N)
        phi[s, :-1] = np.einsum("nl,nl->l", e, share @ v) / len(X)
        phi[s, -1] = share.sum() / len(X)
    return phi @ bits(n_outcomes)


def bits(n_outcomes: int) -> Array:
    """Return the outcomes of each pattern, all-success first; shape (Q, K)."""
    codes = np.arange(2**n_outcomes)[::-1, None]
    return (codes >> np.arange(n_outcomes)[::-1] & 1).astype(float)
