"""The values of a cluster's effects and of covariates that a group is a mixture of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]

MOST_NODES, MOST_IN_ALL = 100, 2**17  # in one direction; in a tensor
NEGLIGIBLE = 1e-13  # weight of a node beside the largest


@dataclass(frozen=True, eq=False)
class Mixture:
    """The covariate values of a group as weighted nodes, and where φ is given.

    Attributes
    ----------
    weight : ndarray, shape (C,)
        Weight of each node in the population; zero for values where only φ is given.
    offset : ndarray, shape (C, Q)
        What is known of the log odds.
    basis : ndarray, shape (C, m)
        Log odds are the offset and this times the m unknown intercepts; rows sum to 1.
    given : ndarray, shape (m, C)
        Weights of the nodes in each average that φ is given of.
    of_all : bool
        Whether that is the whole population.
    """

    weight: Array
    offset: Array
    basis: Array
    given: Array
    of_all: bool

    @staticmethod
    def of_offsets(weight: Array, offset: Array) -> Mixture:
        """Return that of known effects, where φ is given of the whole population."""
        return Mixture(weight, offset, np.ones((len(weight), 1)), weight[None], True)

    @staticmethod
    def none(n_patterns: int) -> Mixture:
        """Return that of a group without covariates."""
        return Mixture.of_offsets(np.ones(1), np.zeros((1, n_patterns)))

    @staticmethod
    def of_values(weight: Array, basis: Array, n_patterns: int) -> Mixture:
        """Return that of log odds which are linear between m values, where φ is given."""
        n, m = basis.shape
        at_values = np.hstack([np.zeros((m, n)), np.eye(m)])
        return Mixture(
            np.concatenate([weight, np.zeros(m)]),
            np.zeros((n + m, n_patterns)),
            np.vstack([basis, np.eye(m)]),
            at_values,
            False,
        )


@dataclass(frozen=True, eq=False)
class LogitNormal:
    """Clusters of a group.

    Attributes
    ----------
    logits : ndarray, shape (m, Q)
        Log odds of each pattern against the last one, for each intercept, at u = 0; -inf where a
        pattern is impossible. If the last one is, against the last that is not.
    root : ndarray, shape (K, K)
        The lower triangle R with a positive diagonal; the effects of a cluster are R z with
        z ~ N(0, I).
    phi : ndarray, shape (Q,)
        Averaged over clusters and covariates.
    """

    logits: Array
    root: Array
    phi: Array


def node_numbers(root: Array) -> NDArray[np.intp]:
    """Return how many nodes each direction z of the effects root @ z on the logits needs."""
    spread = np.maximum(root.max(axis=0), 0) - np.minimum(root.min(axis=0), 0)
    sizes = np.where(spread > 0, np.ceil(5 + 10 * spread**2), 1)
    most = min(MOST_NODES, int(MOST_IN_ALL ** (1 / max(len(sizes), 1))))
    return np.minimum(sizes, most).astype(np.intp)


def tensor(sizes: NDArray[np.intp]) -> tuple[Array, Array]:
    """Return nodes (N, d) and weights (N,) for expectations under N(0, I)."""
    return _grid(tuple(sizes.tolist()))


@lru_cache(maxsize=8)
def _grid(sizes: tuple[int, ...]) -> tuple[Array, Array]:
    nodes, weights = np.zeros((1, 0)), np.ones(1)
    for number in sizes:
        x, w = np.polynomial.hermite_e.hermegauss(number)
        nodes = np.column_stack([np.repeat(nodes, number, axis=0), np.tile(x, len(nodes))])
        weights = np.outer(weights, w / w.sum()).ravel()
        kept = weights > NEGLIGIBLE * weights.max()
        nodes, weights = nodes[kept], weights[kept]
    return nodes, weights / weights.sum()
