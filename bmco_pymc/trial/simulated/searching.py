"""The search for a size under one truth, by few simulated trials where they matter."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bmco_pymc.errors import InputError
from bmco_pymc.population.scenario import Scenario
from bmco_pymc.trial.probabilities import binomial_error
from bmco_pymc.trial.simulated.ended import Both
from bmco_pymc.trial.simulated.erring import quick
from bmco_pymc.trial.simulated.evaluating import Simulation
from bmco_pymc.trial.simulated.probit import Curve, fitted
from bmco_pymc.trial.simulated.scales import Scale

type Array = NDArray[np.float64]

BATCH, MOST_AT_ONCE = 200, 1000  # trials at a size
SPREAD = (0.6, 0.8, 1.0, 1.25, 1.6)  # of the size where the search begins
GOAL = 0.03  # standard error of the size, as a share of it
BUDGET = 6_000  # trials of a search, for each truth and check
ENOUGH = 400  # trials at an end of the range, to say that the answer is beyond
ROUNDS = 4  # checks of an answer
SURE = 1.96  # standard errors to the ends of a size's interval
NEAR = 1.0  # SDs from the target within which power is taken as a probit curve


@dataclass(eq=False)
class Search:
    """The search for the size under one truth.

    Attributes
    ----------
    scale : Scale
    simulation : Simulation
        Its engine is that of the check at the answer.
    part : Scenario
        The truth.
    label : str
    target : float
    formula : float
        The size by the usual formula; NaN where there is none.
    tried : dict
        Trials of the fast analysis, and how many of them succeed, by size.
    checks : dict
        The trials of the checks, by size.
    answer : int
    """

    scale: Scale
    simulation: Simulation
    part: Scenario
    label: str
    target: float
    formula: float
    tried: dict[int, list[int]] = field(default_factory=dict)
    checks: dict[int, Both] = field(default_factory=dict)
    answer: int = 0
    shift: float = 0.0  # of power, by the audit
    shift_mcse: float = 0.0
    used: int = 0  # trial numbers

    def find(self) -> None:
        """Find the smallest size whose power, when it is checked, is the target.

        A check may also say that the answer is too large; then a smaller one is checked.
        """
        for _ in range(ROUNDS):
            n = self.searched()
            self.checks[n] = self.checked(n)
            x, error = self.where(audited=True)
            if self.passed(n) and n <= math.ceil(x + SURE * error):
                break
        enough = [n for n in self.checks if self.passed(n)]
        self.answer = min(enough) if enough else max(self.checks)

    def passed(self, n: int) -> bool:
        """Return whether the power at a checked size is the target, but for its error."""
        power = self.checks[n].success
        return power.value >= self.target - power.mcse

    @property
    def start(self) -> float:
        """Where the search begins."""
        scale = self.scale
        start = scale.now if math.isnan(self.formula) else self.formula
        return min(max(start, scale.least), scale.most)

    @property
    def goal(self) -> float:
        """The power that the fast analysis must have, for that by NUTS to be the target."""
        return min(max(self.target - self.shift, 0.01), 0.99)

    def searched(self) -> int:
        """Return the size at which the fitted power is the target.

        Raises
        ------
        InputError
            If it is beyond the largest size.
        """
        least, most = self.scale.least, self.scale.most
        if not self.tried:
            around = (round(min(max(self.start * by, least), most)) for by in SPREAD)
            for n in sorted(set(around)):
                self.batch(n, BATCH)
        until = self.used + BUDGET
        while True:
            x, error = self.where()
            enough = max(GOAL * x, 1.0)
            done = least <= x <= most and error <= enough
            if done or self.used >= until or self.beyond(x):
                break
            more = BATCH
            if math.isfinite(error):
                there = sum(trials for trials, _ in self.tried.values())
                lack = there * ((error / enough) ** 2 - 1)
                more = math.ceil(min(max(lack, BATCH), MOST_AT_ONCE) / 100) * 100
            low, high = max(min(self.tried) / 3, least), min(max(self.tried) * 3, most)
            self.batch(round(min(max(x, low), high)), more)
        if x > most:
            trials, successes = self.tried.get(most, [0, 0])
            power = f"{successes / trials:.3f}" if trials else f"below {self.target:g}"
            problem = f"gives power {power} under {self.label!r}, where {self.target:g} is asked"
            raise InputError("most", most, problem)
        return max(math.ceil(x - 1e-9), least)

    def beyond(self, x: float) -> bool:
        """Return whether a size is beyond the range, and the trials at that end say so too."""
        least, most = self.scale.least, self.scale.most
        if least <= x <= most:
            return False
        trials, successes = self.tried.get(least if x < least else most, [0, 0])
        if trials < ENOUGH:
            return False
        excess = successes / trials - self.goal
        return (excess if x < least else -excess) > 2 * binomial_error(self.goal, trials)

    def curve(self) -> Curve:
        """Return the power of the fast analysis by size, from sizes where it is near the target."""
        sizes = np.array(sorted(self.tried))
        trials, successes = np.array([self.tried[n] for n in sizes.tolist()], dtype=float).T
        level = 1 - self.simulation.plan.rule_of(self.part.n_outcomes).threshold()
        a, z = float(ndtri(level)), float(ndtri(self.goal))
        t, prior = self.t(sizes), (a, max(z - a, 0.1))
        found = fitted(t, trials, successes, prior)
        near = np.abs(found.a + found.b * t - z) < NEAR
        if near.sum() < 2 or trials[near].sum() < ENOUGH:
            return found
        return fitted(t[near], trials[near], successes[near], prior)

    def t(self, n: Any) -> Array:
        """Return the root of the information of a size, 1 where the search begins."""
        information = self.scale.information
        return np.sqrt(information(np.asarray(n, dtype=float)) / information(self.start))

    def where(self, *, audited: bool = False) -> tuple[float, float]:
        """Return the size, as a real number, at which power is the target, and its error.

        With ``audited``, the error of the audit's shift is in it, which more trials do not make
        smaller.
        """
        curve, z = self.curve(), float(ndtri(self.goal))
        t, error = curve.where(z)
        if not math.isfinite(t):
            return math.inf, math.inf
        if audited:
            density = math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
            error = math.hypot(error, self.shift_mcse / density / curve.b)

        def size(t: float) -> float:
            return self.scale.size(max(t, 0.0) ** 2 * float(self.scale.information(self.start)))

        step = 1e-4
        return size(t), error * (size(t + step) - size(t - step)) / (2 * step)

    def batch(self, n: int, trials: int) -> None:
        """Simulate trials of a size by the fast analysis."""
        self._count(n, self._run(quick(self.simulation), n, trials))

    def checked(self, n: int) -> Both:
        """Return the trials at an answer, with the audit, after taking in what they say."""
        both = self._run(self.simulation, n, len(self.simulation.engine.trials))
        power = both.success
        if len(both.fast):
            self._count(n, replace(both, nuts=both.nuts.part(range(0))))
            if not both.known and power.audited > 1:
                self.shift, self.shift_mcse = power.shift, power.shift_mcse
        elif quick(self.simulation).engine.method == "nuts":
            self._count(n, both)
        else:  # all by NUTS: how far the fast analysis is off
            self.shift = power.value - float(self.curve().power(self.t(n)))
            self.shift_mcse = power.mcse
        return both

    def _run(self, simulation: Simulation, n: int, trials: int) -> Both:
        """Simulate trials of numbers that were not used before."""
        engine = simulation.engine
        engine = replace(engine, first=engine.first + self.used, simulations=trials)
        self.used += trials
        simulation = replace(simulation, plan=self.scale.at(n), engine=engine)
        what = {"clusters": "clusters", "size": "in a cluster", "n": "in a group"}[self.scale.over]
        label = f"{self.label}: {n} {what}"
        return simulation.trials([self.part.truth(0)], self.part.described(), label)

    def _count(self, n: int, both: Both) -> None:
        """Take in the trials of one analysis at a size."""
        found, power = self.tried.setdefault(n, [0, 0]), both.success
        found[0] += power.n
        found[1] += round(power.value * power.n)
