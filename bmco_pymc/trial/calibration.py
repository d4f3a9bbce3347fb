"""The cut-off at which a design holds a level: between two values that a posterior can take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.decision.outcomes import read_level
from bmco_pymc.errors import InputError
from bmco_pymc.progress import reporting
from bmco_pymc.trial.decided import ByOutcome, BySum
from bmco_pymc.trial.error_rate import checked_range, error_at, nulls_of, worst_of
from bmco_pymc.trial.evaluation import read_engine
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.probabilities import prepared
from bmco_pymc.trial.simulated.calibrating import calibrate as simulated
from bmco_pymc.trial.stages import Stages

Array = NDArray[np.float64]

TIES = 1e-11  # posterior probabilities of mirrored counts are equal but for rounding
ROUNDS = 20


def calibrate[P: Plan](
    plan: P,
    level: float,
    control: Sequence[float],
    progress: bool,
    truths: Any = None,
    engine: Any = None,
) -> P:
    """Return what `Design.calibrate` says.

    The error is the largest over infinitely many truths. A cut-off is sought that holds the level
    for a few of them; if the largest error at it is above the level, the truth where it is joins
    them, and the search is repeated.
    """
    read_level(level)
    control = checked_range(control)
    if not plan.exact or engine is not None or truths is not None:
        return simulated(plan, level, control, nulls_of(truths), read_engine(engine), progress)
    stages = plan.stages(None).binding()
    if not all(side.exact for side in prepared(stages)):
        problem = "a cut-off is calibrated exactly, which this rule or size does not allow"
        raise InputError("level", level, problem)
    K, sequential = stages.setting.n_outcomes, stages.sequential
    # The error of a single claim is found at once.
    single = stages.setting.at_least == K and len(stages.setting.rule.sides) == 1
    truths = [worst_of(side, control).phi for side in prepared(stages)]
    values = None if sequential else _attained(stages)

    def holds(cuts: Array) -> bool:
        planned = prepared(replace(stages, cuts=cuts))
        if single and not sequential:
            return worst_of(planned[0], control).error <= level
        return all(error_at(planned, phi) <= level for phi in truths)

    with reporting(progress) as reporter:
        for round_ in range(ROUNDS):
            reporter.count("Looking for the cut-off", round_, ROUNDS)
            if values is None:
                cuts = _scaled(stages, holds)
            else:
                cut = _first(values, lambda cut: holds(np.array([cut])))
                if cut is None:
                    problem = "no cut-off that data can exceed holds it with so few subjects"
                    raise InputError("level", level, problem)
                cuts = np.array([cut])
            planned = prepared(replace(stages, cuts=cuts))
            worst = [worst_of(side, control).phi for side in planned]
            above = [phi for phi in worst if error_at(planned, phi) > level]
            if not above:
                break
            truths += above
    if plan.looks is not None:
        looks = replace(plan.looks, cuts=tuple(cuts.tolist()))
        rule = replace(plan.analysis.rule, alpha=level, cut=float(cuts[-1]))
        return replace(plan, looks=looks, analysis=replace(plan.analysis, rule=rule))
    rule = replace(plan.analysis.rule, alpha=level, cut=float(cuts[0]))
    return replace(plan, analysis=replace(plan.analysis, rule=rule))


def _attained(stages: Stages) -> Array:
    """Return the values above one half that the deciding probability can take, ascending."""
    parts = []
    setting, n = stages.setting, stages.sizes[-1].tolist()
    for direction in setting.rule.sides:
        decided = setting.decided(direction, n, 0.95)
        if isinstance(decided, BySum):
            tables = [decided.superiority.probabilities()]
        else:
            assert isinstance(decided, ByOutcome)
            K = setting.n_outcomes
            tables = [setting.superiority(k, direction, n) for k in range(K)]
        parts += [table[table > 0.5] for table in tables]
    values = np.unique(np.concatenate(parts))
    return values[np.diff(values, append=np.inf) > TIES]


def _first(values: Array, holds: Callable[[float], bool]) -> float | None:
    """Return the smallest cut-off that holds, half-way between two values; None if none does.

    The error falls as the cut-off rises, so that it is found by bisection.
    """
    between = (values[1:] + values[:-1]) / 2  # beyond the last nothing would ever be claimed
    low, high = 0, len(between) - 1
    if high < 0 or not holds(float(between[high])):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(float(between[middle])) else (middle + 1, high)
    return float(between[low])


def _scaled(stages: Stages, holds: Callable[[Array], bool]) -> Array:
    """Return cut-offs of all looks, their distances to 1 scaled by the largest factor."""
    nominal = 1 - stages.cuts
    low, high = 0.0, float(min(3.0, 0.5 / nominal.max()))
    while high - low > 1e-5:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(1 - middle * nominal) else (low, middle)
    return 1 - low * nominal
