r"""Exact draws of φ where the missing outcomes are monotone, as after drop-out.

Outcomes are *monotone* if they have an order in which whoever misses one misses all later ones. In
that order a Dirichlet distribution of φ is a tree of independent Beta distributions: the first
outcome, the second given the first, ...; and what was observed of a subject is a path from the
root. So each Beta is updated by those who came that far (Little & Rubin 2019, ch. 7,
https://doi.org/10.1002/9781119482260),

.. math:: P(y_l = 1 \mid y_1, \dots, y_{l-1}) \sim
    \mathrm{Beta}(\alpha_{b1} + n_{b1}, \alpha_{b0} + n_{b0}), \qquad b = y_1 \dots y_{l-1},

with α and n summed over all that begin alike. A component of a mixture keeps as much weight as it
expected of the counts: the product of the ratios of Beta functions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, softmax

from bmco_pymc import observed_patterns

type Array = NDArray[np.float64]


def order_of(code: NDArray[np.intp], n_outcomes: int) -> tuple[int, ...] | None:
    """Return the outcomes in an order in which missing ones are monotone; None if there is none.

    Parameters
    ----------
    code : ndarray of intp, shape (e,)
        The observed patterns that occur.
    n_outcomes : int

    Examples
    --------
    >>> order_of(np.array([6, 7]), 2), order_of(np.array([4, 6]), 2)
    ((1, 0), None)
    """
    seen = observed_patterns.trits(n_outcomes)[code] != observed_patterns.MISSING  # (e, K)
    order = tuple(np.argsort(-seen.sum(axis=0), kind="stable").tolist())
    falling = (np.diff(seen[:, order].astype(np.int8), axis=1) <= 0).all()
    return order if falling else None


def draw_monotone(
    weights: Array,
    alphas: Array,
    counts: Array,
    code: NDArray[np.intp],
    number: NDArray[np.int64],
    order: tuple[int, ...],
    size: int,
    rng: np.random.Generator,
) -> Array:
    """Return independent draws from the posterior of φ of one group, shape (size, Q).

    Parameters
    ----------
    weights, alphas : ndarray, shapes (M,) and (M, Q)
        The prior, a mixture of Dirichlets.
    counts : ndarray, shape (Q,)
        Subjects of each pattern.
    code, number : ndarray, shape (e,)
        Observed patterns of the others, and how many they are.
    order : tuple of int
        From `order_of`.
    size : int
    rng : numpy.random.Generator
    """
    K = len(order)
    reached = _by_level(counts, code, number, order)
    prior = np.transpose(
        alphas.reshape(-1, *(2,) * K), (0, *(1 + k for k in order))
    )  # (M, 2, ..., 2)
    evidence = np.log(weights)
    trees = []
    for level, n in enumerate(reached, start=1):
        a = prior.sum(axis=tuple(range(1 + level, 1 + K)))  # (M, 2, ..., 2), level of them
        updated = a + n
        ratio = betaln(updated[..., 0], updated[..., 1]) - betaln(a[..., 0], a[..., 1])
        evidence = evidence + ratio.reshape(len(weights), -1).sum(axis=1)
        trees.append(updated)
    which = np.zeros(size, dtype=np.intp)
    if len(weights) > 1:
        which = rng.choice(len(weights), size=size, p=softmax(evidence))
    phi = np.ones(size)
    for updated in trees:
        first = rng.beta(updated[..., 0][which], updated[..., 1][which])  # (size, 2, ..., 2)
        phi = phi[..., None] * np.stack([first, 1 - first], axis=-1)
    back = np.argsort(order)
    return np.transpose(phi, (0, *(1 + back))).reshape(size, -1)


def _by_level(
    counts: Array, code: NDArray[np.intp], number: NDArray[np.int64], order: tuple[int, ...]
) -> list[Array]:
    """Return how many came to each node of the tree, level by level: (2,), (2, 2), ..."""
    K = len(order)
    trits = observed_patterns.trits(K)[code][:, order]
    complete = np.transpose(counts.reshape((2,) * K), order)
    levels = []
    for level in range(1, K + 1):
        n = complete.sum(axis=tuple(range(level, K)))
        for path, many in zip(trits, number, strict=True):
            if path[level - 1] != observed_patterns.MISSING:
                n[tuple(1 - path[:level].astype(np.intp))] += many  # a success comes first
        levels.append(n)
    return levels
