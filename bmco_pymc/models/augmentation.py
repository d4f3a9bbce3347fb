r"""Draws of φ by data augmentation, where the missing outcomes are not monotone.

In turn, every subject observed in part is given a pattern that agrees with what was observed, by
the current φ, and φ is drawn from its Dirichlet posterior given all patterns (Tanner & Wong 1987,
https://doi.org/10.1080/01621459.1987.10478458). Each draw has a chain of its own, which begins near
the posterior and is as long as it takes to forget where it began: a step keeps at most the share λ
of it, the largest fraction of missing information, which is the rate of the EM algorithm (Schafer
1997, https://doi.org/10.1201/9780367803025). So draws are independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.models.completed import saturated, shared
from bmco_pymc.priors.components import posterior_components

type Array = NDArray[np.float64]

FORGOTTEN = 1e-4  # share of the beginning that is left at the end of a chain
MOST_STEPS = 10_000


def missing_information(phi: Array, agree: Array, number: NDArray[np.int64], total: float) -> float:
    """Return λ, the spectral radius of the EM algorithm's map at φ.

    Parameters
    ----------
    phi : ndarray, shape (Q,)
    agree : ndarray of float, shape (e, Q)
        Which patterns agree with each observed pattern.
    number : ndarray of int64, shape (e,)
        Subjects of each.
    total : float
        All subjects, those that the prior stands for among them.

    Examples
    --------
    >>> agree = np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]])  # the second outcome, of half of 100
    >>> round(missing_information(np.full(4, 0.25), agree, np.array([25, 25]), 100), 3)
    0.5
    """
    within = agree @ phi  # (e,)
    diagonal = np.diag((number / within) @ agree)
    jacobian = diagonal - (agree * phi).T @ ((number / within**2)[:, None] * agree)
    return float(np.abs(np.linalg.eigvals(jacobian / total)).max())


def steps_needed(rate: float) -> int:
    """Return how many steps a chain takes to forget its beginning."""
    return (
        1 if rate < FORGOTTEN else math.ceil(math.log(FORGOTTEN) / math.log(min(rate, 1 - 1e-12)))
    )


class Augmentation:
    """The chains of one group.

    Parameters
    ----------
    weights, alphas : ndarray, shapes (M,) and (M, Q)
        The prior, a mixture of Dirichlets.
    counts : ndarray, shape (Q,)
        Subjects of each pattern.
    agree : ndarray of float, shape (e, Q)
        Which patterns the others may have, by observed pattern.
    number : ndarray of int64, shape (e,)
        How many they are.
    """

    def __init__(
        self, weights: Array, alphas: Array, counts: Array, agree: Array, number: NDArray[np.int64]
    ) -> None:
        self.prior = weights, alphas
        self.counts, self.agree, self.number = counts, agree, number
        alpha = weights @ alphas
        self.phi = saturated(counts, agree, number, alpha)
        total = float(counts.sum() + number.sum() + alpha.sum())
        self.rate = missing_information(self.phi, agree, number, total)
        self.steps = steps_needed(self.rate)

    def draw(self, size: int, rng: np.random.Generator, step: Callable[[int], None]) -> Array:
        """Return draws, shape (size, Q); ``step`` is told of each step of all chains."""
        start = self.counts + shared(self.phi, self.agree, self.number).sum(axis=0)
        phi = self._given(np.broadcast_to(start, (size, len(start))), rng)
        columns = [np.flatnonzero(row) for row in self.agree]
        for done in range(self.steps):
            filled = np.tile(self.counts, (size, 1))
            for places, many in zip(columns, self.number, strict=True):
                share = phi[:, places] / phi[:, places].sum(axis=1, keepdims=True)
                filled[:, places] += rng.multinomial(many, share)
            phi = self._given(filled, rng)
            step(done + 1)
        return phi

    def _given(self, filled: Array, rng: np.random.Generator) -> Array:
        """Draw φ given complete counts, one for each row of them."""
        weights, alphas = self.prior
        if len(weights) == 1:
            alpha = alphas[0] + filled
        else:
            by_row, updated = posterior_components(weights, alphas, filled)  # (S, M), (S, M, Q)
            above = rng.random((len(filled), 1)) > by_row.cumsum(axis=1)[:, :-1]
            alpha = updated[np.arange(len(filled)), above.sum(axis=1)]
        gamma = np.maximum(rng.standard_gamma(alpha), np.finfo(float).tiny)
        return gamma / gamma.sum(axis=1, keepdims=True)
