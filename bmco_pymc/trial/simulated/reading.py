"""The result so far of trials that are kept in a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bmco_pymc.errors import InputError
from bmco_pymc.population.scenario import Scenario, together
from bmco_pymc.trial.characteristics import OperatingCharacteristics
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.simulated.described import plan_of
from bmco_pymc.trial.simulated.ended import Both
from bmco_pymc.trial.simulated.engine import Engine
from bmco_pymc.trial.simulated.evaluating import Simulation, of_trials
from bmco_pymc.trial.simulated.folder import DESCRIPTION, canonical, kept, studies


def is_study(path: object) -> bool:
    """Whether a path is a folder of simulated trials, or one study in it; False for what is none.

    Examples
    --------
    >>> is_study("trial.zarr.zip"), is_study(None)
    (False, False)
    """
    try:
        place = Path(os.fspath(path)).expanduser()  # type: ignore[call-overload]
        return place.is_dir() and ((place / DESCRIPTION).exists() or bool(studies(place)))
    except (TypeError, ValueError, OSError, RuntimeError):  # no path, or no name of one
        return False


def so_far(path: str | os.PathLike[str], kind: type[Plan]) -> OperatingCharacteristics:
    """Return the operating characteristics from the trials in a folder, as many as there are.

    Parameters
    ----------
    path : str or path-like
        The folder of an `Engine`, or the folder of one study in it.
    kind : type
        Of the plan: `bmco_pymc.Design`.

    Raises
    ------
    InputError
        If there is no study in it, or there are several of different designs.
    """
    place = Path(path).expanduser()
    if (place / DESCRIPTION).exists():
        found = {place.name: studies(place.parent)[place.name]}
        place = place.parent
    else:
        found = studies(place)
    with_trials = {}
    for name, described in found.items():
        both = kept(place / name, "laplace"), kept(place / name, "nuts")
        if any(map(len, both)):
            with_trials[name] = described, both
    designs: dict[str, list[str]] = {}
    for name, (described, _) in with_trials.items():
        shared = {key: value for key, value in described.items() if key != "truth"}
        designs.setdefault(canonical(shared), []).append(name)
    if len(designs) != 1:
        problem = "has no analysed trials" if not designs else "has trials of several designs"
        raise InputError("path", str(path), problem, [names[0] for names in designs.values()])
    (names,) = designs.values()
    names.sort(key=lambda name: (place / name / DESCRIPTION).stat().st_mtime)
    try:
        return _result([with_trials[name] for name in names], kind)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError("path", str(path), f"describes no study: {error!r}") from None


def _result(
    parts: list[tuple[Mapping[str, Any], Any]], kind: type[Plan]
) -> OperatingCharacteristics:
    """Return the characteristics of one design under the truths of its parts."""
    first = parts[0][0]
    plan = plan_of(first["design"], kind)
    scenarios = [Scenario.from_description(described["truth"]) for described, _ in parts]
    method = "laplace" if any(len(fast) for _, (fast, _) in parts) else "nuts"
    engine = Engine(seed=int(first["seed"]), method=method, **first["nuts"])
    simulation = Simulation.of(plan, engine, progress=False)
    found: list[Both] = []
    for _, (fast, nuts) in parts:
        found.append(simulation.both(fast, nuts.part(fast.trial) if len(fast) else nuts))
    if len(scenarios) == 1:
        return of_trials(simulation, scenarios[0], found)
    labels = [label for one in scenarios for label in one.labels]
    return of_trials(simulation, together(scenarios, labels), found)
