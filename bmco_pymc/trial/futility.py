"""When a trial is given up at a look: success at the end, or a benefit, has become unlikely."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.priors.components import posterior_components
from bmco_pymc.trial.claims import needed
from bmco_pymc.trial.counts import beta_binomial
from bmco_pymc.trial.decided import ByOutcome, BySum, Counts, Exact, Met
from bmco_pymc.trial.setting import Setting, ordered

Array = NDArray[np.float64]


class Futile(abc.ABC):
    """When a trial is given up, told from the counts of both groups."""

    @abc.abstractmethod
    def met(self, high: Counts, low: Counts) -> Met:
        """Return whether it is given up for counts (N, d) of both groups, pair by pair."""

    @abc.abstractmethod
    def grid(self, high: Counts, low: Counts) -> Met:
        """Return whether it is given up for each pair of counts (S, d) and (T, d)."""


@dataclass(frozen=True, eq=False)
class Without(Futile):
    """Given up where a claim, or enough of them, is out of reach: where `promising` is not met."""

    promising: Exact

    def met(self, high: Counts, low: Counts) -> Met:
        """Return whether it is given up, pair by pair."""
        return ~self.promising.met(high, low)

    def grid(self, high: Counts, low: Counts) -> Met:
        """Return whether it is given up, for each pair."""
        return ~self.promising.grid(high, low)


def by_posterior(setting: Setting, direction: str, n: Sequence[int], below: float) -> Futile | None:
    """Return that the deciding posterior probability is below a bound; None where it is not exact.

    Parameters
    ----------
    setting : Setting
    direction : {"right", "left"}
    n : pair of int
        Subjects of the control and of the treatment at the look.
    below : float
    """
    decided = setting.decided(direction, n, below)
    return Without(decided) if isinstance(decided, ByOutcome | BySum) else None


def by_prediction(
    setting: Setting,
    direction: str,
    n: Sequence[int],
    last: Sequence[int],
    cut: float,
    below: float,
) -> Futile | None:
    """Return that the predictive probability of the deciding claim at the end is below a bound.

    For a rule about single outcomes it is that of the outcome that decides: of the least likely
    claim for All, the likeliest for Any, of that of rank m for Count. It is beta-binomial given the
    successes so far.

    Parameters
    ----------
    setting, direction, n
        As in `by_posterior`.
    last : pair of int
        Subjects at the end.
    cut : float
        Cut-off at the end.
    below : float

    Returns
    -------
    Futile or None
        None for a rule where it depends on more than the successes of each outcome.
    """
    at_end = setting.decided(direction, last, cut)
    if not isinstance(at_end, ByOutcome):
        return None
    high, low = ordered(direction)
    takes = []
    for k, required in enumerate(at_end.takes):
        claimed = np.arange(last[high] + 1)[:, None] >= required  # (n_high + 1, n_low + 1)
        one = setting.of_outcome(k)
        moves = [_moves(one, place, n[place], last[place]) for place in (high, low)]
        takes.append(needed(moves[0] @ claimed @ moves[1].T >= below))
    return Without(ByOutcome(takes, at_end.at_least))


def _moves(one: Setting, place: int, n: int, last: int) -> Array:
    """Return the distribution of successes at the end, by those now: shape (n + 1, last + 1)."""
    found = np.zeros((n + 1, last + 1))
    for s in range(n + 1):
        weights, alphas = posterior_components(*one.priors[place], [s, n - s])
        for weight, (a, b) in zip(weights, alphas, strict=True):
            found[s, s : s + last - n + 1] += weight * beta_binomial(last - n, a, b)
    return found
