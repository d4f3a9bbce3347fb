"""The cut-off at which a simulated design holds a level under some truths without effect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from bmco_pymc.errors import InputError, warn_user
from bmco_pymc.population.scenario import Scenario
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.probabilities import binomial_error
from bmco_pymc.trial.simulated.ended import Both
from bmco_pymc.trial.simulated.engine import Engine
from bmco_pymc.trial.simulated.erring import AGAIN, NEAR, again, at, error_of, quick
from bmco_pymc.trial.simulated.evaluating import Simulation
from bmco_pymc.trial.simulated.mixtures import deciding
from bmco_pymc.trial.simulated.nulls import Nulls, binding

Array = NDArray[np.float64]

LEAST = 10  # errors at the level that there must be about, for a cut-off to be found
STEPS = 80  # factors at which a corrected error is worked out
WIDER = 10  # times at most that the range of these is made wider
EXACTLY = 1e-9  # of the largest factor
TIES = 1e-11  # posterior probabilities of mirrored counts are equal but for rounding


def calibrate[P: Plan](
    plan: P,
    level: float,
    control: tuple[float, float],
    truths: Scenario | None,
    engine: Engine,
    progress: bool,
) -> P:
    """Return the plan with the smallest cut-off at which no error is above a level.

    The cut-offs of all truths are found by the fast analysis. The largest of noisy numbers is too
    large, so that those that may be the largest are looked at anew, with other trials and the
    audit.
    """
    simulation = Simulation.of(binding(plan), engine, progress)
    nulls = Nulls.of(plan, truths, control)
    trials = len(simulation.engine.trials)
    if trials * level < LEAST:
        problem = f"are too few trials for level {level:g}: {LEAST} errors should be among them"
        raise InputError("simulations", trials, problem)
    if len(nulls) == 1:
        which = [0]
        found = [again(simulation, nulls, 0, fresh=False)]
    else:
        first = quick(simulation)
        scanned = [at(first, nulls, s) for s in range(len(nulls))]
        which = strictest(scanned, nulls, level)
        found = [again(simulation, nulls, s) for s in which]
    refuse = any(both.refused for both in found)
    if refuse:
        warn_user(
            "the fast analysis decides too often otherwise than NUTS and is not used: the cut-off "
            "is that of the audited trials alone; for more, engine=Engine(method='nuts')"
        )

    def error(trials: Sequence[Both], cuts: Array) -> float:
        pairs = zip(which, trials, strict=True)
        return max(
            error_of(replace(both, cuts=cuts), nulls, s, refuse=refuse).value for s, both in pairs
        )

    nominal = 1 - found[0].cuts
    audited = not refuse and all(len(both.fast) and len(both.nuts) for both in found)
    alone = [fast_only(both) for both in found] if audited else found
    fast, both = partial(error, alone), partial(error, found)
    cuts = smallest(nominal, lambda cuts: fast(cuts) <= level)
    if audited:
        cuts = corrected(nominal, cuts, fast, both, level)
    if len(cuts) == 1:
        cuts = np.array([_between(found, float(cuts[0]), level)])
    rule = replace(plan.analysis.rule, alpha=level, cut=float(cuts[-1]))
    looks = plan.looks and replace(plan.looks, cuts=tuple(cuts.tolist()))
    return replace(plan, looks=looks, analysis=replace(plan.analysis, rule=rule))


def strictest(scanned: list[Both], nulls: Nulls, level: float) -> list[int]:
    """Return the truths that need the largest cut-off, or may do so."""
    nominal = 1 - scanned[0].cuts

    def error(s: int, cuts: Array) -> float:
        return error_of(replace(scanned[s], cuts=cuts), nulls, s).value

    def alone(s: int) -> Array:
        return smallest(nominal, lambda cuts: error(s, cuts) <= level)

    found = [alone(s) for s in range(len(nulls))]
    top = int(np.argmax([cuts[-1] for cuts in found]))
    errors = np.array([error(s, found[top]) for s in range(len(nulls))])
    errors[top] = np.inf
    near = level - NEAR * binomial_error(level, len(scanned[0].trial))
    order = np.argsort(-errors, kind="stable").tolist()
    return [s for s in order if errors[s] >= near][:AGAIN]


def fast_only(both: Both) -> Both:
    """Return the trials by the fast analysis."""
    return replace(both, nuts=both.nuts.part(range(0)))


def smallest(nominal: Array, holds: Callable[[Array], bool]) -> Array:
    """Return the smallest cut-offs that hold: their distances to 1 are nominal ones, scaled.

    Examples
    --------
    >>> smallest(np.array([0.01, 0.05]), lambda cuts: 1 - cuts[-1] <= 0.025).round(4).tolist()
    [0.995, 0.975]
    """
    low, high = 0.0, 0.5 / float(nominal.max())
    exactly = EXACTLY * high
    while high - low > exactly:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(1 - middle * nominal) else (low, middle)
    return 1 - low * nominal


def corrected(
    nominal: Array,
    cuts: Array,
    fast: Callable[[Array], float],
    error: Callable[[Array], float],
    level: float,
) -> Array:
    """Return the smallest cut-offs at which an error that an audit has corrected is at a level.

    The correction jumps with each audited trial that is decided otherwise, and the error need not
    fall as cut-offs rise, as it does in truth: it is made to, by isotonic regression.

    Parameters
    ----------
    nominal : ndarray, shape (looks,)
    cuts : ndarray, shape (looks,)
        Those of the fast analysis alone, near which the answer is.
    fast, error : callable
        The error by the fast analysis, and the corrected one.
    level : float

    Examples
    --------
    >>> half = lambda cuts: (1 - cuts[-1]) / 2
    >>> both = lambda cuts: half(cuts) + 0.01
    >>> corrected(np.array([0.05]), np.array([0.9]), half, both, 0.05).round(4).tolist()
    [0.92]
    """
    factor, most = float(((1 - cuts) / nominal)[-1]), 0.5 / float(nominal.max())
    low, high = factor / 2, min(factor * 2, most)
    for _ in range(WIDER):
        factors = np.geomspace(low, high, STEPS)
        errors = isotonic_regression([error(1 - by * nominal) for by in factors.tolist()]).x
        if errors[0] <= level < errors[-1]:
            break
        if errors[0] > level:
            low /= 4
        elif high < most:
            high = min(high * 2, most)
        else:
            return 1 - most * nominal
    else:
        return 1 - low * nominal
    # In between, the fast error jumps where it must, and the correction is between both ends.
    last = int(np.flatnonzero(errors <= level)[-1])
    ends, there = factors[last : last + 2], errors[last : last + 2]
    shifts = there - [fast(1 - by * nominal) for by in ends.tolist()]
    low, high = ends.tolist()
    while high - low > EXACTLY * most:
        middle = (low + high) / 2
        found = fast(1 - middle * nominal) + float(np.interp(middle, ends, shifts))
        low, high = (middle, high) if found <= level else (low, middle)
    return 1 - low * nominal


def _between(found: list[Both], cut: float, level: float) -> float:
    """Return the cut-off half-way between the values next to it that decide in some trial.

    Raises
    ------
    InputError
        If none is above: then nothing would ever be claimed.
    """
    parts = [part for both in found for part in (both.fast, both.nuts) if len(part)]
    values = np.unique(
        np.concatenate([deciding(found[0].rule, p.probability).ravel() for p in parts])
    )
    values = values[np.isfinite(values)]
    above = values[values > cut + TIES]
    if not len(above):
        problem = "no cut-off that data can exceed holds it with so few subjects"
        raise InputError("level", level, problem)
    below = values[values <= cut]
    return float((below[-1] + above[0]) / 2) if len(below) else cut
