r"""Draws of φ by data augmentation, where the missing outcomes are not monotone.

In turn, every subject observed in part is given a pattern that agrees with what was observed, by
the current φ, and φ is drawn from its Dirichlet posterior given all patterns (Tanner & Wong 1987,
https://doi.org/10.1080/01621459.1987.10478458). Each draw has a chain of its own, which begins near
the posterior and is as long as it takes to forget where it began: a step keeps at most the share λ
of it, the largest fraction of missing information, which is the rate of the EM algorithm (Schafer
1997, https://doi.org/10.1201/9780367803025). So draws are independent.

Of a mixture of priors each component has its own chains, because a chain that could change its
component would forget it at no such rate. What a component expected of the data is

.. math:: p(y) = \frac{p(y \mid \phi^*) \, p(\phi^*)}{p(\phi^* \mid y)}, \qquad
    p(\phi^* \mid y) = \mathrm{E} \, \mathrm{Dirichlet}(\phi^* \mid \alpha + s),

at the end φ* of the EM algorithm, the mean over the completed counts s of its chains (Chib 1995,
https://doi.org/10.1080/01621459.1995.10476635).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp, softmax

from bmco_pymc.models.completed import saturated, shared

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
        self.weights, self.agree = weights, agree
        self.parts = [_Part(alpha, counts, agree, number) for alpha in alphas]
        self.rate = max(part.rate for part in self.parts)
        self.steps = sum(part.steps for part in self.parts)

    @property
    def phi(self) -> Array:
        """Where the algorithm ends, on average over the components."""
        return self.weights @ np.array([part.phi for part in self.parts])

    def draw(self, size: int, rng: np.random.Generator, step: Callable[[int], None]) -> Array:
        """Return draws, shape (size, Q); ``step`` is told of each step of all chains."""
        drawn, evidence = [], []
        told = iter(range(1, self.steps + 1))
        for part in self.parts:
            filled = part.complete(size, rng, lambda: step(next(told)))
            drawn.append(_dirichlet(part.alpha + filled, rng))
            evidence.append(part.log_evidence(filled))
        if len(self.parts) == 1:
            return drawn[0]
        which = rng.choice(len(drawn), size, p=softmax(np.log(self.weights) + np.array(evidence)))
        return np.stack(drawn)[which, np.arange(size)]


class _Part:
    """The chains with one component of the prior."""

    def __init__(
        self, alpha: Array, counts: Array, agree: Array, number: NDArray[np.int64]
    ) -> None:
        self.alpha, self.counts, self.agree, self.number = alpha, counts, agree, number
        self.phi = saturated(counts, agree, number, alpha)
        total = float(counts.sum() + number.sum() + alpha.sum())
        self.rate = missing_information(self.phi, agree, number, total)
        self.steps = steps_needed(self.rate)

    def complete(self, size: int, rng: np.random.Generator, step: Callable[[], None]) -> Array:
        """Return draws of the counts of all subjects by pattern, shape (size, Q)."""
        start = self.counts + shared(self.phi, self.agree, self.number).sum(axis=0)
        filled = np.broadcast_to(start, (size, len(start)))
        columns = [np.flatnonzero(row) for row in self.agree]
        for _ in range(self.steps):
            phi = _dirichlet(self.alpha + filled, rng)
            filled = np.tile(self.counts, (size, 1))
            for places, many in zip(columns, self.number, strict=True):
                share = phi[:, places] / phi[:, places].sum(axis=1, keepdims=True)
                filled[:, places] += rng.multinomial(many, share)
            step()
        return filled

    def log_evidence(self, filled: Array) -> float:
        """Return the log probability of what was observed, up to what all components share."""
        log_phi = np.log(self.phi)
        likelihood = self.counts @ log_phi + self.number @ np.log(self.agree @ self.phi)
        prior = _log_density(log_phi, self.alpha)
        posterior = logsumexp(_log_density(log_phi, self.alpha + filled)) - math.log(len(filled))
        return float(likelihood + prior - posterior)


def _log_density(log_phi: Array, alpha: Array) -> Array:
    """Return the log density of Dirichlets (..., Q) at one φ."""
    norm = gammaln(alpha.sum(axis=-1)) - gammaln(alpha).sum(axis=-1)
    return norm + (alpha - 1) @ log_phi


def _dirichlet(alpha: Array, rng: np.random.Generator) -> Array:
    gamma = np.maximum(rng.standard_gamma(alpha), np.finfo(float).tiny)
    return gamma / gamma.sum(axis=1, keepdims=True)
