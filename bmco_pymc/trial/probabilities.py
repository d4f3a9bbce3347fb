"""The probabilities of a design's decisions under one truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.population.scenario import Scenario
from bmco_pymc.trial.simulation import simulate, trials_of
from bmco_pymc.trial.stages import Side, Stages, sides

Array = NDArray[np.float64]

ROUNDING = 1e-12  # a δ that is at its margin but for rounding is not beyond it


def prepared(stages: Stages) -> list[Side]:
    """Return the sides of a design; an error where it gives up by what cannot be computed."""
    try:
        return sides(stages)
    except NotImplementedError:
        rule, by = stages.setting.rule, stages.futility_by
        problem = f"there is no {by} probability for rule {rule.words} with this prior or statistic"
        raise InputError("futility", stages.futility, problem) from None


def of_truth(planned: Sequence[Side], phi: Array, simulations: int | None, seed: int) -> xr.Dataset:
    """Return the probabilities under one truth (2, Q), see `ended`.

    Two-sided also ``inferior``, of the left side, with its error; ``claim`` by outcome where single
    outcomes decide at a single look.
    """
    first, *others = planned
    ends, error, claims = stops(first, phi, simulations, seed)
    data = ended(first, ends, error)
    if others:
        left, more, _ = stops(others[0], phi, simulations, seed)
        data["inferior"] = left[:, 0].sum()
        data["inferior_mcse"] = more
    if claims is not None:
        data["claim"] = ("outcome", claims)
        data = data.assign_coords(outcome=list(first.stages.setting.rule.outcomes))
    return data


def ended(side: Side, ends: Array, error: float) -> xr.Dataset:
    """Return how trials end, from the probability of success and of futility at each look (L, 2).

    Returns
    -------
    xarray.Dataset
        ``stop_success`` and ``stop_futility`` by look; ``success`` in all with its ``mcse``, 0
        where it is exact; the sizes at which trials stop, ``expected_n``, ``median_n`` and ``n90``
        by group.
    """
    sizes = side.stages.sizes  # (L, 2)
    stopped = ends.sum(axis=1)
    stopped[-1] = 1 - stopped[:-1].sum()
    reached = np.cumsum(stopped)
    median, most = (sizes[int(np.argmax(reached >= share - 1e-12))] for share in (0.5, 0.9))
    return xr.Dataset(
        {
            "stop_success": ("look", ends[:, 0]),
            "stop_futility": ("look", ends[:, 1]),
            "success": ends[:, 0].sum(),
            "mcse": error,
            "expected_n": ("group", stopped @ sizes),
            "median_n": ("group", median),
            "n90": ("group", most),
        },
        coords={"look": np.arange(1, len(ends) + 1), "group": ["control", "treatment"]},
    )


def stops(
    side: Side, phi: Array, simulations: int | None, seed: int
) -> tuple[Array, float, Array | None]:
    """Return success and futility by look, the error of success, and the claims."""
    ends = side.stopping(phi)
    if ends is not None:
        return ends, 0.0, None if side.stages.sequential else side.claims(phi)
    trials = trials_of(side, simulations)
    found = simulate(side, phi, trials, np.random.default_rng(seed)).probabilities
    return found, binomial_error(found[:, 0].sum(), trials), None


def binomial_error(share: float, trials: int) -> float:
    """Return the Monte Carlo standard error of a share, not 0 where it is 0 or 1."""
    inside = min(max(share, 1 / (trials + 2)), 1 - 1 / (trials + 2))
    return float(np.sqrt(inside * (1 - inside) / trials))


def described(scenario: Scenario, stages: Stages) -> dict[str, Any]:
    """Return what is true in each scenario, and whether the rule's claim is."""
    outcomes = list(stages.setting.rule.outcomes)
    coords = {"group": ["control", "treatment"], "outcome": outcomes}
    theta = xr.DataArray(scenario.theta, coords=coords, dims=("scenario", "group", "outcome"))
    rule = stages.setting.rule
    claim = claims_hold(rule, scenario.phi, rule.sides[0])
    sizes = xr.DataArray(stages.sizes, dims=("look", "group"))
    return {
        "theta": theta,
        "effect": ("scenario", claim),
        "n": sizes,
        "cut": ("look", stages.cuts),
    }


def claims_hold(rule: Rule, phi: Array, direction: str) -> NDArray[np.bool_]:
    """Return whether what a rule claims on one side is true, for φ (..., 2, Q); shape (...)."""
    change = phi[..., 1, :] - phi[..., 0, :]
    sign = 1 if direction == "right" else -1
    if rule.criterion.weighs or rule.criterion.values:
        return sign * (change @ rule.scores()) > rule.bounds()[0] + ROUNDING
    theta = patterns.theta_from_phi(phi)
    excess = sign * (theta[..., 1, :] - theta[..., 0, :]) - rule.vectors()[0].values
    K = excess.shape[-1]
    needed = K - rule.criterion.shares(rule.m, K) + 1
    return (excess > ROUNDING).sum(axis=-1) >= needed
