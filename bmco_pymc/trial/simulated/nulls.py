"""Truths without effect, under which a simulated design's error is looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.population.scenario import Scenario, together
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.probabilities import claims_hold
from bmco_pymc.trial.simulated.ended import Ended
from bmco_pymc.trial.simulated.evaluating import check

type Array = NDArray[np.float64]
type Flags = NDArray[np.bool_]

PLACES = (0.2, 0.5, 0.8)  # of the control's rates, between the smallest and the largest possible
LARGE = (0.2, 0.8)  # rates of an outcome whose effect is as large as can be believed
RHOS = (0.0, 0.3)
ICCS = (0.02, 0.1)


@dataclass(frozen=True, eq=False)
class Nulls:
    """Truths in the null of a rule.

    Attributes
    ----------
    rule : Rule
        For given outcomes.
    scenario : Scenario
        All of them.
    parts : tuple of Scenario
        Each by itself.
    chosen : bool
        Whether the user has chosen them; otherwise they are the default grid.
    """

    rule: Rule
    scenario: Scenario
    parts: tuple[Scenario, ...]
    chosen: bool

    @classmethod
    def of(cls, plan: Plan, scenario: Scenario | None, control: tuple[float, float]) -> Nulls:
        """Return the truths that are given, or else a grid for a plan.

        Raises
        ------
        InputError
            If one is not in the null of the plan's rule, or the plan cannot have it.
        """
        if scenario is None:
            rule = plan.rule_of(None)
            found, parts = null_grid(rule, control, clustered=plan.clusters is not None)
            nulls = cls(rule, found, parts, chosen=False)
        else:
            if scenario.averaged:
                problem = "are averaged over: an error is that of a single truth"
                raise InputError("truths", scenario, problem)
            rule = plan.rule_of(scenario.n_outcomes)
            nulls = cls(rule, scenario, parts_of(scenario), chosen=True)
        try:
            check(plan, nulls.scenario)
        except InputError as error:
            raise InputError("truths", error.value, error.problem) from None
        for label, phi in zip(nulls.labels, nulls.scenario.phi, strict=True):
            if all(claims_hold(rule, phi, side) for side in rule.sides):
                problem = f"has an effect by rule {rule.words}: no decision is an error there"
                raise InputError("truths", label, problem)
        return nulls

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each."""
        return self.scenario.labels

    def wrong(self, s: int) -> Callable[[Ended], Flags]:
        """Return what tells which trials end in an error: a side is met whose claim is false."""
        rule, phi = self.rule, self.scenario.phi[s]
        false = [not claims_hold(rule, phi, side) for side in rule.sides]

        def of(ended: Ended) -> Flags:
            met = ended.success.any(axis=1) & false[0]
            return met | (ended.inferior & false[-1])  # one-sided, nothing is inferior

        return of


def parts_of(scenario: Scenario) -> tuple[Scenario, ...]:
    """Return each truth by itself."""
    if len(scenario) == 1:
        return (scenario,)
    return tuple(scenario.part([s]) for s in range(len(scenario)))


def null_grid(
    rule: Rule, control: tuple[float, float], *, clustered: bool
) -> tuple[Scenario, tuple[Scenario, ...]]:
    """Return a grid of truths in the null of a rule: success rate × ICC × correlation.

    Parameters
    ----------
    rule : Rule
        For given outcomes. Where it needs m claims, m − 1 outcomes have effects as large as can be
        believed, from .2 to .8, and the others are at their margins. Where a sum decides, it is at
        its margin.
    control : pair of float
        The control's success rates that are thought possible.
    clustered : bool
        Whether subjects come in clusters.

    Returns
    -------
    together : Scenario
    each : tuple of Scenario

    Raises
    ------
    InputError
        If none is possible.

    Examples
    --------
    >>> grid, _ = null_grid(Rule("all").for_outcomes(["y1", "y2"]), (0.3, 0.4), clustered=False)
    >>> grid.labels[:2], grid.theta[0].round(2).tolist()
    (('control = 0.32, rho = 0', 'control = 0.32, rho = 0.3'), [[0.32, 0.2], [0.32, 0.8]])
    """
    K = len(rule.outcomes)
    found: dict[str, Scenario] = {}
    seen = set()
    rhos, iccs = RHOS if K > 1 else (None,), ICCS if clustered else (None,)
    for side in rule.sides:
        for (name, theta), icc, rho in product(_rates(rule, side, control), iccs, rhos):
            label = name + ("" if rho is None else f", rho = {rho:g}")
            label += "" if icc is None else f", icc = {icc:g}"
            with suppress(InputError):  # not all rates have this correlation, or clusters that ICC
                one = _truth(rule, side, theta, rho, icc)
                if (key := (one.phi.round(9).tobytes(), icc)) not in seen:
                    seen.add(key)
                    found[label if label not in found else f"{label} ({side})"] = one
    if not found:
        problem = "there is no truth without effect with these rates; choose some: truths=..."
        raise InputError("control", control, problem)
    parts = tuple(found.values())
    return together(parts, list(found)), parts


def _rates(rule: Rule, side: str, control: tuple[float, float]) -> Iterator[tuple[str, Array]]:
    """Give names and rates (2, K) on the boundary of the null; the control first."""
    K, criterion = len(rule.outcomes), rule.criterion
    sign = 1 if side == "right" else -1
    if criterion.weighs or criterion.values:
        shift = np.full(K, 0.0 if criterion.values else sign * rule.bounds()[0])
        sets = [tuple(range(K))]
    else:
        shift = sign * rule.vectors()[0].values
        at_margin = criterion.shares(rule.m, K)
        some: dict[tuple[float, ...], tuple[int, ...]] = {}
        for among in combinations(range(K), at_margin):  # outcomes with the same margin err alike
            some.setdefault(tuple(shift[list(among)].tolist()), among)
        sets = list(some.values())
    low = np.maximum(control[0], np.maximum(-shift, 0.0))
    high = np.minimum(control[1], np.minimum(1 - shift, 1.0))
    if (low >= high).any():
        k = int(np.argmax(low - high))
        problem = f"no rate of the treatment is at the margin {sign * shift[k]:g} for these"
        raise InputError("control", control, problem)
    for among, place in product(sets, PLACES):
        theta = np.tile(np.array(LARGE[::sign])[:, None], K)
        at = list(among)
        rate = (low + place * (high - low))[at]
        theta[:, at] = rate, rate + shift[at]
        name = f"control = {rate[0]:.3g}" if np.ptp(rate) == 0 else f"control = {rate.round(3)}"
        if len(sets) > 1:
            name = f"{', '.join(rule.outcomes[k] for k in at)} at the margin, {name}"
        yield name, theta


def _truth(rule: Rule, side: str, theta: Array, rho: float | None, icc: float | None) -> Scenario:
    """Return the truth of rates (2, K); for a utility tilted until it is at its margin."""
    made = Scenario(theta[0], theta[1], rho=rho)
    margin = (1 if side == "right" else -1) * rule.bounds()[0] if rule.criterion.values else 0.0
    if margin:
        both = made.phi[0]
        return Scenario(phi=[both[0], _tilted(both[1], rule.scores(), margin)], icc=icc)
    return made if icc is None else Scenario(theta[0], theta[1], rho=rho, icc=icc)


def _tilted(phi: Array, scores: Array, rise: float) -> Array:
    """Return φ (Q,) times exp(t s), with the t at which the mean score has risen by so much."""
    target = scores @ phi + rise
    if not scores.min() < target < scores.max():
        raise InputError("margins", rise, "cannot be reached")
    low, high = -700 / np.ptp(scores), 700 / np.ptp(scores)
    for _ in range(60):
        t = (low + high) / 2
        tilted = phi * np.exp(t * (scores - scores.max() * (t > 0)))
        tilted /= tilted.sum()
        low, high = (t, high) if scores @ tilted < target else (low, t)
    return tilted


def binding[P: Plan](plan: P) -> P:
    """Return the plan without futility: error rates are those when nobody gives up."""
    if plan.looks is None or plan.looks.futility is None:
        return plan
    return replace(plan, looks=replace(plan.looks, futility=None))
