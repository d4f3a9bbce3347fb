"""How many subjects or clusters a simulated design needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc.population.scenario import Scenario
from bmco_pymc.trial.characteristics import OperatingCharacteristics
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.probabilities import binomial_error
from bmco_pymc.trial.simulated.engine import Engine
from bmco_pymc.trial.simulated.evaluating import Simulation, described_by
from bmco_pymc.trial.simulated.nulls import parts_of
from bmco_pymc.trial.simulated.scales import Scale
from bmco_pymc.trial.simulated.searching import ROUNDS, SURE, Search


def size_for(
    plan: Plan,
    scenario: Scenario,
    target: float,
    over: str,
    most: int,
    engine: Engine,
    progress: bool,
) -> OperatingCharacteristics:
    """Return the sizes at which the power under each truth is the target.

    Parameters
    ----------
    plan : Plan
    scenario : Scenario
        Truths with an effect.
    target : float
    over : {"clusters", "size", "n"}
    most : int
    engine : Engine
    progress : bool
    """
    simulation = Simulation.of(plan, engine, progress)
    rule = plan.rule_of(scenario.n_outcomes)
    searches = []
    for label, part in zip(scenario.labels, parts_of(scenario), strict=True):
        scale = Scale.of(plan, part, over, most)
        formula = scale.formula(rule, part.phi[0], target)
        searches.append(Search(scale, simulation, part, label, target, formula))
        searches[-1].find()
    data = _numbers(scenario, searches, rule.outcomes)
    data = described_by(simulation, data)
    data.attrs["over"] = over
    return OperatingCharacteristics(plan, data, "size", words=scenario.words, notes=_how(searches))


def _numbers(scenario: Scenario, searches: Sequence[Search], outcomes: Sequence[str]) -> xr.Dataset:
    """Return what the searches have found, over all sizes at which any has simulated."""
    scale = searches[0].scale
    tried = sorted({n for search in searches for n in search.tried} | {s.answer for s in searches})
    plans = [scale.at(n) for n in tried]
    curve = np.full((2, len(searches), len(tried)), np.nan)
    by_truth: dict[str, list[Any]] = {}
    for s, search in enumerate(searches):
        for n, (trials, successes) in search.tried.items():
            share = successes / trials
            curve[:, s, tried.index(n)] = share, binomial_error(share, trials)
        for n, both in search.checks.items():
            curve[:, s, tried.index(n)] = both.success.value, both.success.mcse
        for name, value in _of_truth(search, np.array(tried)).items():
            by_truth.setdefault(name, []).append(value)
    by_group = ("enrolled_first", "enrolled_stable")
    data = xr.Dataset(
        {
            "power": (("scenario", "n"), curve[0]),
            "mcse": (("scenario", "n"), curve[1]),
            "fitted": (("scenario", "n"), np.array(by_truth.pop("fitted"))),
            "target": searches[0].target,
            "theta": (("scenario", "group", "outcome"), scenario.theta),
            "sizes": (("n", "group"), np.array([plan.sizes for plan in plans])),
            **{name: (("scenario", "group"), np.array(by_truth.pop(name))) for name in by_group},
            **{name: ("scenario", np.array(values)) for name, values in by_truth.items()},
        },
        coords={
            "scenario": list(scenario.labels),
            "n": tried,
            "group": ["control", "treatment"],
            "outcome": list(outcomes),
        },
    )
    if (there := [plan.in_clusters for plan in plans])[0] is not None:
        data["clusters"] = "n", [one.total for one in there if one is not None]
    return data


def _of_truth(search: Search, tried: NDArray[np.int64]) -> dict[str, Any]:
    """Return what is known under one truth."""
    both, n = search.checks[search.answer], search.answer
    power = both.success
    failed = both.probability(lambda ended: ended.failed, refuse=both.refused or None)
    x, error = search.where(audited=True)
    enrolled = search.scale.at(n).enrolled
    fit = np.clip(search.curve().power(search.t(tried)) + search.shift, 0, 1)
    return {
        **dict.fromkeys(("first", "stable"), n),
        **dict.fromkeys(("power_first", "power_stable", "check"), power.value),
        **dict.fromkeys(("enrolled_first", "enrolled_stable"), enrolled),
        "check_mcse": power.mcse,
        "formula": search.formula,
        "fitted": fit,
        "low": x - SURE * error,
        "high": x + SURE * error,
        "trials": power.n,
        "searched": search.used,
        "audited": 0 if both.known else power.audited,
        "disagreement": power.disagreement,
        "disagreement_high": power.disagreement_high,
        "shift": power.shift,
        "shift_mcse": power.shift_mcse,
        "refused": both.refused,
        "failed": failed.value,
        "failed_mcse": failed.mcse,
    }


def _how(searches: Sequence[Search]) -> tuple[str, ...]:
    """Return how the sizes were found, and which have not the power."""
    trials = len(searches[0].simulation.engine.trials)
    notes = [f"found by a probit curve of power by size, and checked by {trials:,} other trials"]
    for one in searches:
        if not one.passed(one.answer):
            notes.append(f"under {one.label!r} the power is below the target after {ROUNDS} checks")
    return tuple(notes)
