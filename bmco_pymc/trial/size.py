"""How many subjects a design needs: the first number that has the power, and the stable one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc.arguments import one_of, probability, whole
from bmco_pymc.errors import InputError
from bmco_pymc.population.scenario import Scenario
from bmco_pymc.progress import Reporter, reporting
from bmco_pymc.trial.characteristics import OperatingCharacteristics
from bmco_pymc.trial.evaluation import gathered, read_engine
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.probabilities import claims_hold, prepared, stops
from bmco_pymc.trial.setting import Setting
from bmco_pymc.trial.simulated.evaluating import check
from bmco_pymc.trial.simulated.scales import LEAST, MOST, subjects_by_formula
from bmco_pymc.trial.simulated.sizing import size_for as simulated

Array = NDArray[np.float64]

ABOVE = 0.03  # the power beyond the target from which no later number is looked at
RUN = 12  # consecutive numbers that must be beyond it, or below the target


def size_for(
    plan: Plan,
    truth: Any,
    power: float,
    over: str | None,
    most: int | None,
    engine: Any,
    progress: bool,
) -> OperatingCharacteristics:
    """Return what `Design.size_for` says."""
    scenario = gathered(truth)
    rule = plan.rule
    target = probability("power", power)
    choices = ["n"] if plan.clusters is None else ["clusters", "size"]
    over = one_of(
        "over", choices[0] if over is None else over, choices, "is no size that this design has"
    )
    most = whole("most", MOST[over] if most is None else most, least=LEAST[over])
    if target <= rule.alpha:
        problem = f"must be above the level of the rule, {rule.alpha:g}"
        raise InputError("power", power, problem)
    if scenario.averaged:
        raise InputError("truth", scenario, "a size is found for single truths, not averaged ones")
    check(plan, scenario)
    resolved = plan.rule_of(scenario.n_outcomes)
    for label, phi in zip(scenario.labels, scenario.phi, strict=True):
        if not claims_hold(resolved, phi, rule.sides[0]):
            problem = f"has no effect by rule {rule.words}: no size gives it power"
            raise InputError("truth", label, problem)
    if engine is not None or not plan.exact:
        return simulated(plan, scenario, target, over, most, read_engine(engine), progress)
    search = Search(plan, scenario, target, most)
    with reporting(progress) as reporter:
        found = [search.of_truth(place, reporter) for place in range(len(scenario))]
    return search.result(found)


class Search:
    """Sizes that have been looked at, for all truths."""

    def __init__(self, plan: Plan, scenario: Scenario, target: float, most: int) -> None:
        self.plan, self.scenario, self.target, self.most = plan, scenario, target, most
        self.smaller = min(plan.sizes)
        self.known: dict[int, dict[int, tuple[float, float]]] = {}
        self._prepared: dict[int, Any] = {}

    @property
    def setting(self) -> Setting:
        """The rule and the priors."""
        return self.plan.setting(self.scenario.n_outcomes)

    def sizes(self, n: int) -> tuple[int, int]:
        """Return the groups' sizes when the smaller one has n subjects."""
        control, treatment = (round(Fraction(n * size, self.smaller)) for size in self.plan.sizes)
        return control, treatment

    def power(self, place: int, n: int) -> float:
        """Return the power under one truth."""
        known = self.known.setdefault(place, {})
        if n not in known:
            if n not in self._prepared:
                stages = self.plan.with_sizes(*self.sizes(n)).stages(self.scenario.n_outcomes)
                self._prepared[n] = prepared(stages)
            ends, error, _ = stops(self._prepared[n][0], self.scenario.phi[place], None, 1)
            known[n] = float(ends[:, 0].sum()), error
        return known[n][0]

    def formula(self, place: int) -> float:
        """Return the smaller group's size by the usual formula; NaN where there is none."""
        phi, rule = self.scenario.phi[place], self.setting.rule
        return subjects_by_formula(rule, phi, self.plan.sizes, self.target, self.most)

    def of_truth(self, place: int, reporter: Reporter) -> tuple[int, int, float]:
        """Return the first and the stable size under one truth, and the formula's."""
        formula = self.formula(place)
        quick = self.setting.at_least is not None and self.plan.looks is None
        least = 2
        if self.plan.looks is not None:  # with fewer, two looks would be the same
            shares = np.diff(self.plan.looks.fractions, prepend=0.0)
            least = math.ceil(1 / shares.min()) + 1
        start = 20 if math.isnan(formula) else int(min(max(formula, 2), self.most))
        start = max(start, least)
        step = 1 if quick else max(1, start // 40)

        def reached(n: int) -> bool:
            reporter.stage(f"{self.scenario.labels[place]}: {n} subjects in a group")
            return self.power(place, n) >= self.target

        # Upwards, until the power stays well above the target; downwards, until it stays below.
        n, run = start, 0
        while run < RUN:
            if n > self.most:
                problem = (
                    f"does not give power {self.target:g} under {self.scenario.labels[place]!r}"
                )
                raise InputError("most", self.most, problem)
            well = reached(n) and (not quick or self.power(place, n) > self.target + ABOVE)
            run = run + 1 if well else 0
            n += step
        n, run = start - 1, 0
        while run < RUN and n >= least:
            run = 0 if reached(n) else run + 1
            n -= step
        first, stable = self.reached(place)
        for n in range(max(first - step, least), stable + step):  # those that were stepped over
            reached(n)
        return *self.reached(place), formula

    def reached(self, place: int) -> tuple[int, int]:
        """Return the first and the stable size of those that were looked at."""
        known = self.known[place]
        enough = [n for n, (power, _) in known.items() if power >= self.target]
        below = max((n for n, (power, _) in known.items() if power < self.target), default=0)
        return min(enough), min(n for n in enough if n > below)

    def result(self, found: list[tuple[int, int, float]]) -> OperatingCharacteristics:
        """Return the curves of all truths, over all sizes at which any was looked at."""
        tried = sorted({n for known in self.known.values() for n in known})
        sizes = np.array([self.sizes(n) for n in tried])
        pairs = [self.known[place] for place in range(len(self.scenario))]
        none = (math.nan, math.nan)
        curve = np.array([[known.get(n, none) for n in tried] for known in pairs])  # (S, n, 2)
        first, stable, formula = (np.array(part) for part in zip(*found, strict=True))
        enrolled = {
            name: np.array([self.plan.with_sizes(*self.sizes(int(n))).enrolled for n in which])
            for name, which in (("enrolled_first", first), ("enrolled_stable", stable))
        }
        powers = {
            name: np.array([known[int(n)][0] for known, n in zip(pairs, which, strict=True)])
            for name, which in (("power_first", first), ("power_stable", stable))
        }
        variables: Mapping[str, Any] = {
            "power": (("scenario", "n"), curve[..., 0]),
            "mcse": (("scenario", "n"), curve[..., 1]),
            "first": ("scenario", first),
            "stable": ("scenario", stable),
            "formula": ("scenario", formula),
            "target": self.target,
            "theta": (("scenario", "group", "outcome"), self.scenario.theta),
            "sizes": (("n", "group"), sizes),
            **{name: (("scenario", "group"), value) for name, value in enrolled.items()},
            **{name: ("scenario", value) for name, value in powers.items()},
        }
        coords = {
            "scenario": list(self.scenario.labels),
            "n": tried,
            "group": ["control", "treatment"],
            "outcome": list(self.setting.rule.outcomes),
        }
        data = xr.Dataset(variables, coords=coords)
        return OperatingCharacteristics(self.plan, data, "size", words=self.scenario.words)
