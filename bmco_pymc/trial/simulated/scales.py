"""What a size of a trial is: subjects, clusters or subjects of a cluster, and what they tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.decision.rule import Rule
from bmco_pymc.population.scenario import Scenario
from bmco_pymc.trial import formulas
from bmco_pymc.trial.plan import Plan

type Array = NDArray[np.float64]

# By what may be searched for: the smallest, and the largest unless asked for.
LEAST = {"clusters": 4, "size": 2, "n": 2}
MOST = {"clusters": 500, "size": 2000, "n": 5000}


@dataclass(frozen=True, eq=False)
class Scale:
    """A plan by its size, under one truth.

    Attributes
    ----------
    plan : Plan
    over : {"clusters", "size", "n"}
        Number of clusters, subjects of each on average, or subjects of the smaller group.
    most : int
        The largest size.
    icc : float
        As far as it makes δ less certain.
    """

    plan: Plan
    over: str
    most: int
    icc: float = 0.0

    @classmethod
    def of(cls, plan: Plan, part: Scenario, over: str, most: int) -> Scale:
        """Return the scale under a truth."""
        if plan.clusters is None or part.icc is None:
            return cls(plan, over, most)
        # effects that a cluster has in both groups cancel
        own = 1 - part.group_correlation if plan.randomised == "subjects" else 1.0
        return cls(plan, over, most, min(float(np.mean(part.icc)) * own, 0.99))

    @property
    def now(self) -> float:
        """The size that the plan has."""
        clusters = self.plan.in_clusters
        if clusters is None:
            return min(self.plan.sizes)
        return clusters.total if self.over == "clusters" else clusters.mean_size

    @property
    def least(self) -> int:
        """The smallest size that is looked at."""
        least = LEAST[self.over]
        if self.plan.looks is None:
            return least
        # with fewer, two looks would be the same
        shares = np.diff(self.plan.looks.fractions, prepend=0.0)
        return max(least, math.ceil(least / 2 / shares.min()) + 1)

    def at(self, n: int) -> Plan:
        """Return the plan of this size."""
        if self.over == "clusters":
            return self.plan.with_clusters(number=n)
        if self.over == "size":
            return self.plan.with_clusters(size=n)
        smaller = min(self.plan.sizes)
        control, treatment = (round(Fraction(n * size, smaller)) for size in self.plan.sizes)
        return self.plan.with_sizes(control, treatment)

    def information(self, n: Any) -> Any:
        """Return what a size tells, up to a factor: it is bounded where clusters only grow.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> plan = Plan(analysis=bmco.Analysis(bmco.BGLMM), clusters=20, size=10)
        >>> scale = Scale(plan, "size", 2000, icc=0.1)
        >>> round(scale.information(1e9), 3), round(scale.size(scale.information(30.0)), 3)
        (10.0, 30.0)
        """
        return n / (1 + (n - 1) * self.icc) if self.over == "size" else n

    def size(self, information: float) -> float:
        """Return the size that tells so much; infinite where none does."""
        if self.over != "size":
            return information
        rest = 1 - information * self.icc
        return information * (1 - self.icc) / rest if rest > 0 else math.inf

    def formula(self, rule: Rule, phi: Array, power: float) -> float:
        """Return the size by the usual formula, with the design effect of clusters; NaN if none.

        Parameters
        ----------
        rule : Rule
            For given outcomes.
        phi : ndarray, shape (2, Q)
        power : float
        """
        plan, clusters = self.plan, self.plan.in_clusters
        if clusters is None:
            return subjects_by_formula(rule, phi, plan.sizes, power, self.most)
        n = subjects_by_formula(rule, phi, plan.sizes, power, 10 * MOST["n"])
        share = min(plan.sizes) / sum(plan.sizes)  # of the smaller group
        if self.over == "clusters":
            size = clusters.mean_size
            return n * (1 + ((1 + clusters.cv**2) * size - 1) * self.icc) / size / share
        there = clusters.total * share
        return n * (1 - self.icc) / (there - n * self.icc) if there > n * self.icc else math.nan


def subjects_by_formula(
    rule: Rule, phi: Array, sizes: tuple[int, int], power: float, most: int
) -> float:
    """Return the smaller group's size by the usual formula; NaN where there is none.

    Parameters
    ----------
    rule : Rule
        For given outcomes.
    phi : ndarray, shape (2, Q)
    sizes : pair of int
        Of the control and of the treatment: their ratio counts.
    power : float
    most : int
        Far beyond this the search ends.
    """
    control, treatment = sizes
    if rule.direction == "left":
        phi, control, treatment = phi[::-1], treatment, control
    level, ratio = 1 - rule.threshold(), treatment / control
    if rule.criterion.weighs or rule.criterion.values:
        margin = rule.bounds()[0]
        n = formulas.size_by_sum(phi, ratio, rule.scores(), margin, level, power)
        return n * min(1.0, ratio)
    if rule.statistic == "joint":
        return math.nan
    K = len(rule.outcomes)
    power_of = partial(
        formulas.power_by_outcome, phi=phi, ratio=ratio, margins=rule.vectors()[0].values,
        level=level, m=K - rule.criterion.shares(rule.m, K) + 1,
    )  # fmt: skip
    found = formulas.first_size(power_of, power, most)
    return math.nan if found is None else found * min(1.0, ratio)
