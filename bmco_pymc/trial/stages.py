"""The stages of a design for given outcomes: at each look, how many subjects and what it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmco_pymc import patterns
from bmco_pymc.trial.claims import at_least
from bmco_pymc.trial.counts import count_table
from bmco_pymc.trial.decided import ByOutcome, Decided, Exact
from bmco_pymc.trial.futility import Futile, by_posterior, by_prediction
from bmco_pymc.trial.path import Look, stopping
from bmco_pymc.trial.setting import Setting, ordered

Array = NDArray[np.float64]

LARGEST_TABLE = 10_000_000  # entries of a distribution of counts: 80 MB


@dataclass(frozen=True, eq=False)
class Stages:
    """A design with a setting: all that the probabilities of its decisions depend on.

    Attributes
    ----------
    setting : Setting
    sizes : ndarray of int, shape (looks, 2)
        Subjects of the control and of the treatment at each look.
    cuts : ndarray, shape (looks,)
        What the deciding probability must exceed.
    futility : float or None
        The probability below which the trial is given up.
    futility_by : str
        See `Looks`.
    """

    setting: Setting
    sizes: NDArray[np.int64]
    cuts: Array
    futility: float | None = None
    futility_by: str = "predictive"

    @property
    def sequential(self) -> bool:
        """Whether there is more than one look."""
        return len(self.cuts) > 1

    def binding(self) -> Stages:
        """Return the same without futility, as error rates are computed."""
        return replace(self, futility=None)

    def of_outcome(self, k: int) -> Stages:
        """Return the stages of one outcome alone, with the cut-offs that it has in these."""
        return replace(self, setting=self.setting.of_outcome(k))

    def decided(self, direction: str) -> list[Decided]:
        """Return when the rule is met on one side, at each look."""
        return [
            self.setting.decided(direction, n.tolist(), float(cut))
            for n, cut in zip(self.sizes, self.cuts, strict=True)
        ]

    def futile(self, direction: str) -> list[Futile | None]:
        """Return when the trial is given up, at each look but the last.

        None throughout where nobody gives up; a `NotImplementedError` where the rule has no such
        probability that is a function of the counts.
        """
        if self.futility is None:
            return [None] * len(self.cuts)
        found: list[Futile | None] = []
        last = self.sizes[-1].tolist()
        for n in self.sizes[:-1].tolist():
            if self.futility_by == "posterior":
                one = by_posterior(self.setting, direction, n, self.futility)
            else:
                cut = float(self.cuts[-1])
                one = by_prediction(self.setting, direction, n, last, cut, self.futility)
            if one is None:
                raise NotImplementedError
            found.append(one)
        return [*found, None]


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a design, ready to be asked for probabilities under any truth.

    Attributes
    ----------
    direction : {"right", "left"}
    stages : Stages
    decided : list of Decided
    futile : list of Futile or None
    """

    direction: str
    stages: Stages
    decided: list[Decided]
    futile: list[Futile | None]

    @property
    def exact(self) -> bool:
        """Whether all counts can be gone through."""
        n, d = int(self.stages.sizes.max()), self.decided[0].counted.shape[1]
        return all(isinstance(one, Exact) for one in self.decided) and (
            (n + 1) ** d <= LARGEST_TABLE
        )

    def tables(self, phi: Array) -> tuple[Array, Array]:
        """Return the distributions of the counts of high and low at the end, φ (2, Q) true."""
        counted = self.decided[-1].counted
        high, low = (
            count_table(int(self.stages.sizes[-1, place]), phi[place], counted)
            for place in ordered(self.direction)
        )
        return high, low

    def stopping(self, phi: Array) -> Array | None:
        """Return the probability of success and of futility at each look, shape (looks, 2).

        None where it cannot be worked out exactly. φ has shape (2, Q), the control first.
        """
        if not self.exact:
            return None
        if not self.stages.sequential:
            (decided,) = self.decided
            assert isinstance(decided, Exact)
            return np.array([[decided.success(*self.tables(phi)), 0.0]])
        looks = [
            Look((int(n[high]), int(n[low])), decided, futile)
            for n, decided, futile in zip(self.stages.sizes, self.decided, self.futile, strict=True)
            for high, low in [ordered(self.direction)]
            if isinstance(decided, Exact)
        ]
        return stopping(looks, phi[list(ordered(self.direction))])

    def claims(self, phi: Array) -> Array | None:
        """Return the probability that each outcome is claimed at the end, shape (K,)."""
        decided = self.decided[-1]
        return each_claim(decided, *self.tables(phi)) if isinstance(decided, ByOutcome) else None


def each_claim(decided: ByOutcome, high: Array, low: Array) -> Array:
    """Return the probability of each claim from the distributions of the counts, shape (K,)."""
    found, K = [], high.ndim
    for k, takes in enumerate(decided.takes):
        others = tuple(a for a in range(K) if a != k)
        tail = at_least(high.sum(axis=others))
        found.append(float((tail[takes] * low.sum(axis=others)).sum()))
    return np.array(found)


def sides(stages: Stages) -> list[Side]:
    """Return the sides of the rule, each with its decisions at every look."""
    return [
        Side(direction, stages, stages.decided(direction), stages.futile(direction))
        for direction in stages.setting.rule.sides
    ]


def true_patterns(theta: ArrayLike) -> Array:
    """Return φ (Q,) of independent outcomes, which suits where the correlation does not matter."""
    rates = np.asarray(theta, dtype=float)
    bits = patterns.bits(len(rates)).astype(bool)
    return np.where(bits, rates, 1 - rates).prod(axis=1)
