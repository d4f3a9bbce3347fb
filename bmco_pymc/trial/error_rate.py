"""The largest error rate of a design over the null hypothesis of its rule, and where it is.

A rule about single outcomes needs m of K claims. When it errs, fewer than m effects are there: the
largest error is where m − 1 of them are so large that they are claimed for certain, and one of the
K − m + 1 others is claimed by mistake. For All this is the error of a single claim, a function of
one success probability; for Any it depends on those of all outcomes, and on their correlation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import gammaln, xlog1py, xlogy

from bmco_pymc import patterns
from bmco_pymc.arguments import numbers
from bmco_pymc.errors import InputError
from bmco_pymc.population.scenario import Scenario
from bmco_pymc.progress import reporting
from bmco_pymc.trial.characteristics import OperatingCharacteristics
from bmco_pymc.trial.decided import ByOutcome, BySum
from bmco_pymc.trial.evaluation import gathered, read_engine
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.probabilities import binomial_error, claims_hold, prepared
from bmco_pymc.trial.simulated.erring import type_one as simulated
from bmco_pymc.trial.simulation import simulate, trials_of
from bmco_pymc.trial.stages import Side, Stages, sides, true_patterns
from bmco_pymc.trial.worst import Worst, largest, some_nulls, worst_claims, worst_sum

Array = NDArray[np.float64]

POINTS = 201  # of the success probability, before the largest error is looked for nearby


@dataclass(frozen=True, eq=False)
class Claim:
    """The error of one outcome's own claim.

    Attributes
    ----------
    rates : ndarray, shape (G,)
        Success probability of the control.
    curve : ndarray, shape (G,)
        The error there, with δ at its margin.
    error, rate : float
        The largest, and where it is.
    other : float
        The success probability of the treatment there.
    """

    rates: Array
    curve: Array
    error: float
    rate: float
    other: float


def type_one(
    plan: Plan,
    control: Sequence[float],
    progress: bool,
    truths: Any = None,
    engine: Any = None,
) -> OperatingCharacteristics:
    """Return what `Design.type_one` says."""
    control = checked_range(control)
    if not plan.exact or engine is not None or truths is not None:
        return simulated(plan, control, nulls_of(truths), read_engine(engine), progress)
    stages = plan.stages(None).binding()
    rule, outcomes = stages.setting.rule, list(stages.setting.rule.outcomes)
    with reporting(progress) as reporter:
        reporter.stage("Looking for the largest error")
        planned = prepared(stages)
        of_sides = [worst_of(side, control) for side in planned]
        claims = claims_of(stages, control)
    if len(planned) > 1 and all(side.exact for side in planned):
        of_sides = [replace(one, error=error_at(planned, one.phi)) for one in of_sides]
    found = max(of_sides, key=lambda one: one.error)
    bound = sum(one.bound for one in of_sides)
    theta = patterns.theta_from_phi(found.phi)
    data = xr.Dataset(
        {
            "error": found.error,
            "mcse": found.mcse,
            "error_bound": bound,
            "level": rule.alpha,
            "theta": (("group", "outcome"), theta),
            "phi": (("group", "pattern"), found.phi),
            "n": (("look", "group"), stages.sizes),
            "cut": ("look", stages.cuts),
        },
        coords={
            "group": ["control", "treatment"],
            "outcome": outcomes,
            "pattern": list(patterns.labels(len(outcomes))),
            "look": np.arange(1, len(stages.cuts) + 1),
        },
    )
    if claims:
        data = data.assign_coords(rate=claims[0].rates)
        data["curve"] = (("outcome", "rate"), np.array([claim.curve for claim in claims]))
        data["claim"] = ("outcome", np.array([claim.error for claim in claims]))
        data["claim_rate"] = ("outcome", np.array([claim.rate for claim in claims]))
    return OperatingCharacteristics(plan, data, "type_one", notes=(found.how,))


def nulls_of(truths: Any) -> Scenario | None:
    """Return the truths that are given as one scenario; None if there are none."""
    try:
        return None if truths is None else gathered(truths)
    except InputError as error:
        raise InputError("truths", error.value, error.problem) from None


def error_at(planned: Sequence[Side], phi: Array) -> float:
    """Return the probability of a false claim under a truth (2, Q), on any side.

    It is the sum over the sides: exact unless both can be met at once, and then a little too large.
    """
    rule, total = planned[0].stages.setting.rule, 0.0
    for side in planned:
        if not claims_hold(rule, phi, side.direction):
            ends = side.stopping(phi)
            total += np.nan if ends is None else float(ends[:, 0].sum())
    return total


def checked_range(control: Sequence[float]) -> tuple[float, float]:
    """Return the control's success probabilities that are thought possible."""
    problem = "must be two probabilities, the smaller first: what is thought possible"
    found = numbers("control", control, problem)
    if found.shape != (2,) or not 0 <= found[0] < found[1] <= 1:
        raise InputError("control", control, problem)
    return float(found[0]), float(found[1])


def worst_of(side: Side, control: tuple[float, float], start: Array | None = None) -> Worst:
    """Return the largest error of one side of a rule; a search begins at ``start``, if given."""
    decided, setting = side.decided[-1], side.stages.setting
    at_least, K = setting.at_least, setting.n_outcomes
    if at_least is None and isinstance(decided, BySum):
        error, phi = worst_sum(side, control, start)
        return Worst(error, np.nan, phi, "the largest that a search over all truths found")
    # With mixtures, a claim depends on the other outcomes, too.
    tied = K > 1 and (setting.mixed or at_least != K)
    if at_least is None or (tied and not isinstance(decided, ByOutcome)):
        return _simulated(side, control)
    if at_least == K:
        return _of_single(side, control)
    kinds = [_like(side.stages.of_outcome(k)) for k in range(K)]
    some = {  # outcomes with the same margins and priors err alike
        tuple(kinds[k] for k in among): among for among in combinations(range(K), K - at_least + 1)
    }
    return max((_of_some(side, among, control) for among in some.values()), key=lambda w: w.error)


def _like(one: Stages) -> tuple[object, ...]:
    """Return what the error of a single outcome depends on."""
    priors = (part.tobytes() for prior in one.setting.priors for part in prior)
    return (one.setting.margins[0], *priors)


def _of_some(side: Side, among: Sequence[int], control: tuple[float, float]) -> Worst:
    """Return the largest error when some outcomes are at their margins, the others certain."""
    stages = side.stages
    claims = [claim_of(stages.of_outcome(k), side.direction, control) for k in among]
    curves = []
    for k, claim in zip(among, claims, strict=True):
        other = _treatment(side.direction, stages.setting.margins[k], claim.rates)
        curves.append((np.stack([claim.rates, other], axis=1), claim.curve))
    extreme = (control[0], 1.0) if side.direction == "right" else (control[1], 0.0)
    error, phi = worst_claims(side, among, curves, np.array(extreme))
    how = (
        "the largest that a search over success probabilities found, the outcomes as negatively "
        "correlated as can be"
    )
    return Worst(error, sum(claim.error for claim in claims), phi, how)


def claims_of(stages: Stages, control: tuple[float, float]) -> list[Claim]:
    """Return the error of each outcome's own claim, on the first side."""
    setting = stages.setting
    if setting.at_least is None or (setting.mixed and setting.n_outcomes > 1):
        return []
    return _of_each(stages, setting.rule.sides[0], control)


def _of_each(stages: Stages, direction: str, control: tuple[float, float]) -> list[Claim]:
    made: dict[tuple[object, ...], Claim] = {}
    found = []
    for one in map(stages.of_outcome, range(stages.setting.n_outcomes)):
        if (like := _like(one)) not in made:
            made[like] = claim_of(one, direction, control)
        found.append(made[like])
    return found


def claim_of(one: Stages, direction: str, control: tuple[float, float]) -> Claim:
    """Return the error of the claim of a single outcome, δ at its margin."""
    (side,) = (s for s in sides(one.binding()) if s.direction == direction)
    margin = one.setting.margins[0]
    ends = boundary(direction, margin, control)
    rates = np.linspace(*ends, POINTS)
    errors = partial(_errors, side, margin)
    curve = errors(rates)
    rate, error = largest(errors, rates, curve)
    other = float(_treatment(direction, margin, np.array(rate)))
    return Claim(rates, curve, error, rate, other)


def boundary(direction: str, margin: float, control: tuple[float, float]) -> tuple[float, float]:
    """Return the control's rates for which the treatment's can be where δ is at its margin."""
    shift = margin if direction == "right" else -margin
    low, high = max(control[0], -shift, 0.0), min(control[1], 1.0 - shift, 1.0)
    if low > high:
        problem = f"no rate of the treatment is at the margin {margin:g} for these"
        raise InputError("control", control, problem)
    return low, high


def _treatment(direction: str, margin: float, rate: Array) -> Array:
    """Return the rate of the treatment with which δ is at its margin."""
    return np.clip(rate + (margin if direction == "right" else -margin), 0.0, 1.0)


def _errors(side: Side, margin: float, rates: Array) -> Array:
    """Return the probability of the claim of a single outcome, δ at its margin; shape (G,)."""
    other = _treatment(side.direction, margin, rates)
    decided = side.decided[-1]
    if side.stages.sequential or not isinstance(decided, ByOutcome):
        both = np.stack([np.stack([rates, 1 - rates], 1), np.stack([other, 1 - other], 1)], 1)
        return np.array([_success(side, phi) for phi in both])
    theta = (other, rates) if side.direction == "right" else (rates, other)
    n = side.stages.sizes[-1]
    n_high, n_low = (n[1], n[0]) if side.direction == "right" else (n[0], n[1])
    tail = np.zeros((len(rates), n_high + 2))  # at least s successes
    tail[:, :-1] = np.cumsum(binomial(int(n_high), theta[0])[:, ::-1], axis=1)[:, ::-1]
    return (tail[:, decided.takes[0]] * binomial(int(n_low), theta[1])).sum(axis=1)


def binomial(n: int, rates: Array) -> Array:
    """Return the distribution of successes among n for each rate, shape (G, n + 1)."""
    s = np.arange(n + 1)
    ways = gammaln(n + 1) - gammaln(s + 1) - gammaln(n - s + 1)
    p = rates[:, None]
    return np.exp(ways + xlogy(s, p) + xlog1py(n - s, -p))


def _success(side: Side, phi: Array) -> float:
    found = side.stopping(phi)
    assert found is not None  # one outcome is never too much
    return float(found[:, 0].sum())


def _of_single(side: Side, control: tuple[float, float]) -> Worst:
    """Return the largest error where all outcomes must be claimed: that of a single claim."""
    setting = side.stages.setting
    K = setting.n_outcomes
    stages = side.stages
    found = _of_each(stages, side.direction, control)
    k = int(np.argmax([claim.error for claim in found]))
    claim = found[k]
    # The other effects are as large as can be: claimed for certain, unless the trial is tiny.
    extreme = (control[0], 1.0) if side.direction == "right" else (control[1], 0.0)
    theta = np.tile(np.array(extreme)[:, None], K)
    theta[:, k] = claim.rate, claim.other
    phi = np.stack([true_patterns(row) for row in theta])
    words = "found by maximising a polynomial of one success probability"
    if K > 1:
        name = setting.rule.outcomes[k]
        words = (
            f"{words}: that of {name}, whose δ is at its margin, while the other effects are as "
            "large as can be"
        )
    exact = side.stopping(phi) if K > 1 and isinstance(side.decided[-1], ByOutcome) else None
    error = claim.error if exact is None else float(exact[:, 0].sum())
    return Worst(error, claim.error, phi, words)


def _simulated(side: Side, control: tuple[float, float]) -> Worst:
    """Return the largest simulated error over some truths without effect."""
    trials = trials_of(side, None)
    truths = list(some_nulls(side, control))
    few = [_simulated_at(side, phi, trials // 10) for phi in truths]
    best = np.argsort(few)[::-1][:3]
    error, place = max((_simulated_at(side, truths[i], trials), i) for i in best.tolist())
    how = f"the largest of {len(truths)} truths, by {trials:,} simulated trials"
    return Worst(error, np.nan, truths[place], how, binomial_error(error, trials))


def _simulated_at(side: Side, phi: Array, trials: int) -> float:
    ended = simulate(side, phi, trials, np.random.default_rng(1)).probabilities
    return float(ended[:, 0].sum())
