"""The probabilities of a design's decisions under given truths, or averaged over many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import xarray as xr

from bmco_pymc.arguments import whole
from bmco_pymc.errors import InputError
from bmco_pymc.population.scenario import Scenario, together
from bmco_pymc.priors.priors import Dirichlet, Mixture
from bmco_pymc.progress import tracked
from bmco_pymc.trial.assurance import over_draws, under_prior
from bmco_pymc.trial.characteristics import OperatingCharacteristics
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.probabilities import described, of_truth, prepared
from bmco_pymc.trial.simulated.engine import Engine, as_engine
from bmco_pymc.trial.simulated.evaluating import check, of_prior
from bmco_pymc.trial.simulated.evaluating import evaluate as simulated
from bmco_pymc.trial.simulation import trials_of


def evaluate(
    design: Plan,
    truth: Any,
    engine: Any = None,
    simulations: int | None = None,
    seed: int = 1,
    progress: bool = True,
) -> OperatingCharacteristics:
    """Return what `Design.evaluate` says."""
    if simulations is not None:
        whole("simulations", simulations, least=100)
    whole("seed", seed, least=0)
    if engine is not None or not design.exact:
        return by_simulation(design, truth, engine, simulations, seed, progress)
    if isinstance(truth, Dirichlet | Mixture):
        return under_prior(design, truth, simulations, seed)
    scenario = gathered(truth)
    if scenario.clustered:
        check(design, scenario)
    stages = design.stages(scenario.n_outcomes)
    if scenario.averaged:
        return over_draws(design, scenario, simulations, seed, progress)
    planned = prepared(stages)
    found = [
        of_truth(planned, phi, simulations, seed)
        for phi in tracked(list(scenario.phi), "Evaluating", progress and len(scenario) > 20)
    ]
    data = xr.concat(found, dim="scenario").assign_coords(scenario=list(scenario.labels))
    data = data.assign(described(scenario, stages))
    if not all(side.exact for side in planned):
        trials = [trials_of(side, simulations) for side in planned]
        data.attrs.update(trials=max(trials), seed=seed)
    return OperatingCharacteristics(design, data, "power", words=scenario.words)


def by_simulation(
    design: Plan, truth: Any, engine: Any, simulations: int | None, seed: int, progress: bool
) -> OperatingCharacteristics:
    """Return the probabilities of decisions that are simulated."""
    engine = read_engine(engine, simulations, seed)
    if isinstance(truth, Dirichlet | Mixture):
        return simulated(design, of_prior(design, truth, engine.seed), engine, progress)
    return simulated(design, gathered(truth), engine, progress)


def read_engine(engine: Any, simulations: int | None = None, seed: int = 1) -> Engine:
    """Return an engine; how many trials and which seed may be said beside it, not in both."""
    found = as_engine(engine)
    if isinstance(engine, Engine):
        for name, value, default in (("simulations", simulations, None), ("seed", seed, 1)):
            if value != default:
                raise InputError(name, value, "is said in the Engine already: change it there")
        return found
    return replace(found, simulations=simulations, seed=seed)


def gathered(truth: Any) -> Scenario:
    """Return one scenario for several, with names."""
    if isinstance(truth, Scenario):
        return truth
    problem = "must be a Scenario, several with names, or a design prior (Dirichlet, Mixture)"
    if isinstance(truth, Mapping):
        names, parts = list(truth), list(truth.values())
    elif isinstance(truth, Sequence) and not isinstance(truth, str):
        names, parts = [""] * len(truth), list(truth)
    else:
        raise InputError("truth", truth, problem)
    if not parts or not all(isinstance(part, Scenario) for part in parts):
        raise InputError("truth", truth, problem)
    if any(part.averaged for part in parts):
        raise InputError("truth", truth, "truths to be averaged over are evaluated by themselves")
    if len({part.n_outcomes for part in parts}) > 1:
        raise InputError("truth", truth, "scenarios must be about the same number of outcomes")
    labels = []
    for name, part in zip(names, parts, strict=True):
        single = len(part) == 1 and name
        labels += [str(name)] if single else [f"{name} {label}".strip() for label in part.labels]
    return together(parts, labels)
