"""When one side of a rule is met at a look: a function of the counts of both groups.

``high`` is the group that should be better on that side, ``low`` the other: the treatment and the
control to the right, the other way round to the left.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.priors.components import Components, posterior_components
from bmco_pymc.trial.claims import all_claimed, claim_table, none_claimed
from bmco_pymc.trial.kinds import Kinds
from bmco_pymc.trial.weighted import Superiority

Array = NDArray[np.float64]
Counts = NDArray[np.intp]
Met = NDArray[np.bool_]

SMALL = 5_000_000  # pairs of states whose decisions are kept as numbers: 40 MB


class Decided(abc.ABC):
    """When a side of a rule is met, told from the counts of both groups."""

    @property
    @abc.abstractmethod
    def counted(self) -> NDArray[np.int8]:
        """What is counted of the subjects' patterns, shape (Q, d)."""

    @abc.abstractmethod
    def met(self, high: Counts, low: Counts) -> Met:
        """Return whether it is met for counts (N, d) of both groups, pair by pair."""


class Exact(Decided):
    """The same where all counts can be gone through."""

    @abc.abstractmethod
    def success(self, high: Array, low: Array) -> float:
        """Return the probability that it is met, from the distributions of the counts."""

    @abc.abstractmethod
    def grid(self, high: Counts, low: Counts) -> Met:
        """Return whether it is met for each pair of counts (S, d) and (T, d), shape (S, T)."""


@dataclass(frozen=True, eq=False)
class ByOutcome(Exact):
    """Each outcome is claimed by its own probability, and so many claims are needed.

    Attributes
    ----------
    takes : sequence of ndarray, shape (n_low + 1,)
        How many successes each claim takes, for each number of the other group's.
    at_least : int
        Claims that are needed.
    """

    takes: Sequence[Counts]
    at_least: int

    @property
    def counted(self) -> NDArray[np.int8]:
        """The successes of each outcome."""
        return patterns.bits(len(self.takes))

    def claims(self, high: Array, low: Array) -> Array:
        """Return the probability of each set of claims, shape (2^K,)."""
        return claim_table(self.takes, high, low)

    def success(self, high: Array, low: Array) -> float:
        """Return the probability that there are enough claims."""
        if self.at_least == len(self.takes):
            return all_claimed(self.takes, high, low)
        if self.at_least == 1:
            return max(0.0, 1 - none_claimed(self.takes, high, low))
        enough = self.counted.sum(axis=1) >= self.at_least
        return float(self.claims(high, low)[enough].sum())

    def met(self, high: Counts, low: Counts) -> Met:
        """Return whether there are enough claims, pair by pair."""
        claimed = [high[:, k] >= takes[low[:, k]] for k, takes in enumerate(self.takes)]
        return np.sum(claimed, axis=0) >= self.at_least

    def grid(self, high: Counts, low: Counts) -> Met:
        """Return whether there are enough claims, for each pair."""
        claims = np.zeros((len(high), len(low)), dtype=np.int8)
        for k, takes in enumerate(self.takes):
            claims += high[:, k, None] >= takes[low[:, k]]
        return claims >= self.at_least


@dataclass(frozen=True, eq=False)
class BySum(Exact):
    """A weighted sum decides.

    Attributes
    ----------
    kinds : Kinds
        Of subjects, by their score.
    superiority : Superiority
        Of all pairs of states.
    cut : float
    n : pair of int
        Subjects of the group that should be better and of the other.
    """

    kinds: Kinds
    superiority: Superiority
    cut: float
    n: tuple[int, int]

    @property
    def counted(self) -> NDArray[np.int8]:
        """How many subjects of each kind but the last."""
        return self.kinds.counted

    @cached_property
    def _states(self) -> tuple[Counts, Counts]:
        high, low = (self.kinds.states(m)[:, :-1] for m in self.n)
        return high, low

    @cached_property
    def above(self) -> Met:
        """Whether the probability exceeds the cut-off, for all pairs of states."""
        return np.concatenate([above for _, above in self.superiority.exceed(self.cut)])

    @cached_property
    def _met(self) -> Array:
        return self.above.astype(float)

    @cached_property
    def _places(self) -> tuple[Counts, Counts]:
        """Where each state is, by its counts."""
        found = []
        for m, states in zip(self.n, self._states, strict=True):
            place = np.full((m + 1,) * states.shape[1], -1)
            place[tuple(states.T)] = np.arange(len(states))
            found.append(place)
        return found[0], found[1]

    def success(self, high: Array, low: Array) -> float:
        """Return the probability that the sum is larger with enough certainty."""
        one, other = self._states
        of_high, of_low = high[tuple(one.T)], low[tuple(other.T)]
        if len(one) * len(other) > SMALL:
            return self.superiority.share(self.cut, of_high, of_low)
        return float(of_high @ self._met @ of_low)  # kept, as a search asks many times

    def met(self, high: Counts, low: Counts) -> Met:
        """Return whether it is met, pair by pair."""
        places = [place[tuple(c.T)] for place, c in zip(self._places, (high, low), strict=True)]
        return self.above[places[0], places[1]]

    def grid(self, high: Counts, low: Counts) -> Met:
        """Return whether it is met, for each pair."""
        places = [place[tuple(c.T)] for place, c in zip(self._places, (high, low), strict=True)]
        return self.above[np.ix_(places[0], places[1])]


@dataclass(frozen=True, eq=False)
class ByMixture(Decided):
    """As `ByOutcome`, from mixtures: their weights depend on all patterns that were seen.

    Attributes
    ----------
    tables : mapping
        For each pair of components, of high and low, the superiority of each outcome under them.
    priors : pair of Components
        Of high and low.
    at_least : int
    cut : float
    """

    tables: Mapping[tuple[int, int], Sequence[Array]]
    priors: tuple[Components, Components]
    at_least: int
    cut: float

    @property
    def counted(self) -> NDArray[np.int8]:
        """All patterns."""
        return np.eye(self.priors[0][1].shape[1], dtype=np.int8)

    def met(self, high: Counts, low: Counts) -> Met:
        """Return whether there are enough claims, pair by pair."""
        both = zip(self.priors, (high, low), strict=True)
        weights = [posterior_components(*prior, counts)[0] for prior, counts in both]
        bits = patterns.bits(high.shape[1].bit_length() - 1).astype(int)
        s, t = (high @ bits).T, (low @ bits).T  # (K, N)
        claims = np.zeros(len(high), dtype=int)
        for k in range(len(s)):
            parts = [
                weights[0][:, i] * weights[1][:, j] * tables[k][s[k], t[k]]
                for (i, j), tables in self.tables.items()
            ]
            claims += np.sum(parts, axis=0) > self.cut
        return claims >= self.at_least
