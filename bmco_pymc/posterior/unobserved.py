"""The unobserved outcomes under each draw, and θ if they had other log odds of success."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import observed_patterns, patterns
from bmco_pymc.posterior.posterior import Posterior
from bmco_pymc.posterior.predictor import fitted

BLOCK = 1_000_000  # numbers of 8 bytes that an array of one block of draws holds

type Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shifted:
    """What shifts of the log odds of the unobserved do to θ.

    Attributes
    ----------
    change : tuple of ndarray, shapes (S, K, n)
        Of the control and the treatment: what is added to θ of each draw and outcome at each of
        the n shifts of the group; 0 at shift 0.
    rate : ndarray, shape (2, K)
        Posterior mean of the success rate among the unobserved outcomes under MAR; NaN where
        every subject was observed.
    """

    change: tuple[Array, Array]
    rate: Array


def shifted_by(
    fit: Posterior, shifts: tuple[Sequence[float], Sequence[float]], outcomes: Sequence[int]
) -> Shifted:
    r"""Return how θ changes when unobserved outcomes have other odds than under MAR.

    Parameters
    ----------
    fit : Posterior
        Of a sample with subjects observed in part.
    shifts : pair of sequence of float
        What is added to the log odds, in the control and in the treatment.
    outcomes : sequence of int
        Places of the outcomes that are shifted.

    Returns
    -------
    Shifted
        For an unobserved outcome k of a subject e of group g, with φ of its cell and C the patterns
        that agree with what was observed of it,

        .. math:: \pi_{ek} = \sum_{q \in C, q_k = 1} \phi_q / \sum_{q \in C} \phi_q, \qquad
            \theta^*_{gk} - \theta_{gk} = \frac{1}{n_g} \sum_e
            \left[\mathrm{expit}(\mathrm{logit}\, \pi_{ek} + s_g) - \pi_{ek}\right].
    """
    model, predicted = fit.model, fitted(fit)
    cells, K, n_draws = model.cells, len(model.study.outcomes), _n_draws(fit)
    partial = cells.partial
    assert partial is not None
    change = tuple(np.zeros((n_draws, K, len(shift))) for shift in shifts)
    total, number = np.zeros((2, K)), np.zeros((2, K))
    cell, place = np.unique(partial.cell, return_inverse=True)
    agree = observed_patterns.agreeing(K)[partial.code]  # (e, Q)
    unseen = observed_patterns.trits(K)[partial.code] == observed_patterns.MISSING  # (e, K)
    arm, bits, subjects = cells.arm[partial.cell], patterns.bits(K).T, cells.subjects  # bits (K, Q)
    size = max(1, BLOCK // (agree.size + len(cell) * agree.shape[1]))
    for start in range(0, n_draws, size):
        which = slice(start, min(start + size, n_draws))
        drawn = predicted.log_phi(cell, which)[:, place]  # (s, e, Q)
        log_phi = np.where(agree.T[:, None], np.moveaxis(drawn, 2, 0), -np.inf)  # (Q, s, e)
        phi = np.exp(log_phi - log_phi.max(axis=0))  # which cannot underflow
        phi /= phi.sum(axis=0)
        for g, k in product((0, 1), range(K)):
            who = np.flatnonzero(unseen[:, k] & (arm == g))
            if not len(who):
                continue
            count = partial.count[who].astype(float)
            success, failure = (phi[bits[k] == value][..., who].sum(axis=0) for value in (1, 0))
            total[g, k] += (success @ count).sum()
            number[g, k] = count.sum()
            for at, shift in enumerate(shifts[g]) if k in outcomes else ():
                change[g][which, k, at] = moved(success, failure, shift) @ count / subjects[g]
    with np.errstate(invalid="ignore"):  # none of them
        return Shifted((change[0], change[1]), total / number / n_draws)


def moved(success: Array, failure: Array, shift: float) -> Array:
    r"""Return expit(logit π + s) − π, for π and 1 − π each to full precision.

    Written as :math:`\pi (1 - \pi)(1 - e^{-s}) / (\pi + (1 - \pi) e^{-s})` for s > 0, and mirrored
    below 0: exactly 0 at shift 0, and right for any shift.

    Examples
    --------
    >>> moved(np.array([0.5]), np.array([0.5]), np.log(3)).round(3).tolist()
    [0.25]
    >>> moved(np.array([0.2, 0.0]), np.array([0.8, 1.0]), 1e6).round(6).tolist()
    [0.8, 0.0]
    """
    near, far = (success, failure) if shift > 0 else (failure, success)
    top = (-np.expm1(-abs(shift)) * np.sign(shift)) * near * far
    below = near + far * np.exp(-abs(shift))
    return np.divide(top, below, out=np.zeros_like(top), where=below > 0)


def _n_draws(fit: Posterior) -> int:
    sizes = fit.idata["posterior"].sizes
    return sizes["chain"] * sizes["draw"]
