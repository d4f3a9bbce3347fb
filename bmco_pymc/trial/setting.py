"""What is decided and from which priors, whatever the numbers of subjects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.priors.components import Components, posterior_components
from bmco_pymc.priors.priors import Dirichlet, Mixture
from bmco_pymc.trial.by_draws import ByDraws, Screen
from bmco_pymc.trial.claims import needed, thresholds
from bmco_pymc.trial.decided import ByMixture, ByOutcome, BySum, Decided
from bmco_pymc.trial.kinds import Kinds
from bmco_pymc.trial.superiority import superiority
from bmco_pymc.trial.weighted import Superiority, weighted_superiority

Array = NDArray[np.float64]

MOST_PAIRS = 600_000_000  # of states of both groups, where a weighted sum decides
LEAST = 0.2  # prior concentration of a kind: with less, its posterior is too singular for sums


@dataclass(frozen=True, eq=False)
class Setting:
    """A rule and the priors of BMVB.

    Attributes
    ----------
    rule : Rule
        For given outcomes.
    priors : pair of Components
        Of the pattern probabilities of the control and of the treatment.
    """

    rule: Rule
    priors: tuple[Components, Components]

    @property
    def n_outcomes(self) -> int:
        """The number of outcomes K."""
        return len(self.rule.outcomes)

    @property
    def at_least(self) -> int | None:
        """How many outcomes must be claimed; None where a weighted sum decides."""
        criterion, K = self.rule.criterion, self.n_outcomes
        if criterion.weighs or criterion.values:
            return None
        return K - criterion.shares(self.rule.m, K) + 1

    @property
    def mixed(self) -> bool:
        """Whether a prior has several components."""
        return any(len(weights) > 1 for weights, _ in self.priors)

    @property
    def kinds(self) -> Kinds:
        """The kinds of subjects that a weighted sum tells apart."""
        return Kinds.of(self.rule.scores())

    @property
    def summable(self) -> bool:
        """Whether the probability about a weighted sum can be worked out: see `LEAST`."""
        members = self.kinds.members
        least = min(float((alphas @ members).min()) for _, alphas in self.priors)
        return not self.mixed and least >= LEAST

    @property
    def margins(self) -> list[float]:
        """The margin of each outcome."""
        return self.rule.vectors()[0].values.tolist()

    def of_outcome(self, k: int) -> Setting:
        """Return the setting of one outcome alone, at the cut-off that it has in this one."""
        bits = patterns.bits(self.n_outcomes)[:, k]
        share = np.stack([bits, 1 - bits], axis=1)  # (Q, 2)
        rule = Rule("All", self.rule.direction, self.margins[k], cut=self.rule.threshold())
        priors = tuple((weights, alphas @ share) for weights, alphas in self.priors)
        return Setting(rule.for_outcomes([self.rule.outcomes[k]]), (priors[0], priors[1]))

    def decided(self, direction: str, n: Sequence[int], cut: float) -> Decided:
        """Return when the rule is met on one side.

        Parameters
        ----------
        direction : {"right", "left"}
        n : pair of int
            Subjects of the control and of the treatment.
        cut : float
            What the deciding probability must exceed.
        """
        high, low = ordered(direction)
        priors, sizes = (self.priors[high], self.priors[low]), (n[high], n[low])
        K, at_least, rule = self.n_outcomes, self.at_least, self.rule
        if at_least is None:
            kinds = self.kinds
            states = [math.comb(m + len(kinds.scores) - 1, m) for m in sizes]
            if not self.summable or math.prod(states) > MOST_PAIRS:
                return ByDraws(rule, None, priors, cut)
            alphas = [tuple((alpha[0] @ kinds.members).tolist()) for _, alpha in priors]
            of_both = alphas[0], sizes[0], alphas[1], sizes[1]
            margin = rule.bounds()[0]
            superior = _weighted(*of_both, tuple(kinds.scores.tolist()), margin)
            return BySum(kinds, superior, cut, sizes)
        if rule.statistic == "joint" and K > 1:
            screen = None
            if K == 2 and not self.mixed:
                alone = [self.superiority(k, direction, n) for k in range(K)]
                screen = Screen(alone, (priors[0][1][0], priors[1][1][0]), at_least == K)
            return ByDraws(rule, at_least, priors, cut, screen)
        if not self.mixed:
            betas = [[_beta(prior[1][0], k) for k in range(K)] for prior in priors]
            alike = {  # outcomes with the same prior and margin take the same
                key: thresholds(key[0], sizes[0], key[1], sizes[1], key[2], cut)
                for key in set(zip(*betas, self.margins, strict=True))
            }
            takes = [alike[key] for key in zip(*betas, self.margins, strict=True)]
            return ByOutcome(takes, at_least)
        if K == 1:
            return ByOutcome([needed(self.superiority(0, direction, n) > cut)], 1)
        tables = {
            (i, j): [
                superiority(_beta(one, k), sizes[0], _beta(other, k), sizes[1], self.margins[k])
                for k in range(K)
            ]
            for i, one in enumerate(priors[0][1])
            for j, other in enumerate(priors[1][1])
        }
        return ByMixture(tables, priors, at_least, cut)

    def superiority(self, k: int, direction: str, n: Sequence[int]) -> Array:
        """Return the posterior probability that an outcome is beyond its margin, for all counts.

        Shape (n_high + 1, n_low + 1); the prior of the outcome alone decides, as it does for
        Dirichlet priors, and for mixtures with one outcome.
        """
        high, low = ordered(direction)
        one = self.of_outcome(k)
        weights, tables = [], []
        for place in (high, low):
            s = np.arange(n[place] + 1)
            counts = np.stack([s, n[place] - s], axis=1)
            weights.append(posterior_components(*one.priors[place], counts)[0])  # (n + 1, M)
        for i, a in enumerate(one.priors[high][1]):
            for j, c in enumerate(one.priors[low][1]):
                table = superiority(tuple(a), n[high], tuple(c), n[low], self.margins[k])
                tables.append(weights[0][:, i, None] * weights[1][:, j] * table)
        return np.sum(tables, axis=0)


@lru_cache(maxsize=2)  # while the cut-off is varied, this stays
def _weighted(
    high: tuple[float, ...],
    n_high: int,
    low: tuple[float, ...],
    n_low: int,
    scores: tuple[float, ...],
    margin: float,
) -> Superiority:
    parts = np.array(high), n_high, np.array(low), n_low
    return weighted_superiority(*parts, np.array(scores), margin)


def outcomes_of(prior: Dirichlet | Mixture) -> int | None:
    """Return how many outcomes a prior is about; None if it suits any number."""
    suits = []
    for K in range(1, 11):
        with suppress(InputError):
            prior.components("prior", patterns.labels(K))
            suits.append(K)
    return suits[0] if len(suits) == 1 else None


def ordered(direction: str) -> tuple[int, int]:
    """Return the places of the group that should be better, and of the other."""
    return (1, 0) if direction == "right" else (0, 1)


def _beta(alpha: Array, k: int) -> tuple[float, float]:
    """Return the prior of an outcome's success probability."""
    success = patterns.bits(len(alpha).bit_length() - 1)[:, k].astype(bool)
    return float(alpha[success].sum()), float(alpha[~success].sum())
