"""The largest Type I error of a simulated design over some truths without effect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from bmco_pymc import patterns
from bmco_pymc.population.scenario import Scenario
from bmco_pymc.trial.characteristics import OperatingCharacteristics
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.simulated.ended import Both
from bmco_pymc.trial.simulated.engine import Engine
from bmco_pymc.trial.simulated.estimate import Estimate
from bmco_pymc.trial.simulated.evaluating import Simulation, described_by
from bmco_pymc.trial.simulated.laplace import supported
from bmco_pymc.trial.simulated.nulls import Nulls, binding

AGAIN = 3  # truths at most that are looked at again
NEAR = 2.0  # standard errors within which an error may be the largest


def type_one(
    plan: Plan,
    control: tuple[float, float],
    truths: Scenario | None,
    engine: Engine,
    progress: bool,
) -> OperatingCharacteristics:
    """Return the largest error over truths without effect, and where it is.

    All truths are looked at by the fast analysis. The largest of many noisy numbers is too large,
    so that it is estimated anew, with other trials and the audit.
    """
    simulation = Simulation.of(binding(plan), engine, progress)
    nulls = Nulls.of(plan, truths, control)
    if len(nulls) == 1:  # nothing is chosen
        trials = {0: again(simulation, nulls, 0, fresh=False)}
        scanned = [error_of(trials[0], nulls, 0)]
    else:
        first = quick(simulation)
        scanned = [error_of(at(first, nulls, s), nulls, s) for s in range(len(nulls))]
        trials = {s: again(simulation, nulls, s) for s in largest(scanned)}
    errors = {s: error_of(both, nulls, s) for s, both in trials.items()}
    worst = max(errors, key=lambda s: errors[s].value)
    data = _numbers(simulation, nulls, trials[worst], worst, errors[worst], scanned)
    notes = (_how(nulls, worst, errors[worst], scanned, len(trials)),)
    words = nulls.scenario.words if nulls.chosen else ""
    data = described_by(simulation, data)
    return OperatingCharacteristics(plan, data, "type_one", words=words, notes=notes)


def quick(simulation: Simulation) -> Simulation:
    """Return the simulation by the fast analysis alone, where it can do what is asked for."""
    engine = simulation.engine
    if simulation.plan.analysis.name == "BMVB" or supported(simulation.plan.analysis):
        engine = replace(engine, method="laplace")
    return replace(simulation, engine=replace(engine, audit=0))


def at(simulation: Simulation, nulls: Nulls, s: int) -> Both:
    """Return the trials under one of the truths."""
    part = nulls.parts[s]
    return simulation.trials([part.truth(0)], part.described(), nulls.labels[s])


def again(simulation: Simulation, nulls: Nulls, s: int, *, fresh: bool = True) -> Both:
    """Return trials with the audit; fresh ones have numbers after those of the first look."""
    engine = simulation.engine
    first = engine.first + len(engine.trials) if fresh else engine.first
    return at(replace(simulation, engine=replace(engine, first=first)), nulls, s)


def error_of(both: Both, nulls: Nulls, s: int, *, refuse: bool | None = None) -> Estimate:
    """Return the probability of an error under one of the truths."""
    refuse = (both.refused or None) if refuse is None else refuse
    return both.probability(nulls.wrong(s), refuse=refuse)


def largest(scanned: list[Estimate]) -> list[int]:
    """Return where the largest error may be, the largest one first."""
    values = np.array([one.value for one in scanned])
    top = int(np.argmax(values))
    order = np.argsort(-values, kind="stable").tolist()
    least = values[top] - NEAR * scanned[top].mcse
    return [s for s in order if values[s] >= least][:AGAIN]


def _numbers(
    simulation: Simulation,
    nulls: Nulls,
    both: Both,
    worst: int,
    error: Estimate,
    scanned: list[Estimate],
) -> xr.Dataset:
    """Return the numbers at the worst truth, and what was scanned."""
    plan, scenario, rule = simulation.plan, nulls.scenario, nulls.rule
    return xr.Dataset(
        {
            "error": error.value,
            "mcse": error.mcse,
            "error_bound": np.nan,
            "level": rule.alpha,
            "theta": (("group", "outcome"), scenario.theta[worst]),
            "phi": (("group", "pattern"), scenario.phi[worst]),
            "n": (("look", "group"), plan.looks_at),
            "cut": ("look", plan.cuts_of(rule)),
            "worst": worst,
            "scanned": ("scenario", [one.value for one in scanned]),
            "scanned_mcse": ("scenario", [one.mcse for one in scanned]),
            "scanned_theta": (("scenario", "group", "outcome"), scenario.theta),
            "trials": error.n,
            "audited": 0 if both.known else error.audited,
            "disagreement": error.disagreement,
            "disagreement_high": error.disagreement_high,
            "shift": error.shift,
            "shift_mcse": error.shift_mcse,
            "refused": both.refused,
            "failed": both.failed.value,
            "failed_mcse": both.failed.mcse,
        },
        coords={
            "scenario": list(nulls.labels),
            "group": ["control", "treatment"],
            "outcome": list(rule.outcomes),
            "pattern": list(patterns.labels(len(rule.outcomes))),
            "look": np.arange(1, len(plan.looks_at) + 1),
        },
    )


def _how(nulls: Nulls, worst: int, error: Estimate, scanned: list[Estimate], looked: int) -> str:
    """Return how the largest error was found."""
    if len(nulls) == 1:
        return f"that of one truth, {nulls.labels[0]!r}: others may have larger ones"
    which = "the truths that were given" if nulls.chosen else "a grid of truths"
    return (
        f"the largest of {len(nulls)}, {which}, by {scanned[0].n:,} trials each; it is at "
        f"{nulls.labels[worst]!r}, one of {looked} looked at again: the error is that of "
        f"{error.n:,} other trials"
    )
