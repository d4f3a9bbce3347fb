"""One rule at every place of a grid, as `decide` applies it at one: all places at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc.decision.criteria import verdict
from bmco_pymc.decision.probability import estimate, judged
from bmco_pymc.decision.rule import Rule
from bmco_pymc.diagnostics.scalars import assess


def decide_over(delta: xr.DataArray, rule: Rule, *, independent: bool = False) -> xr.Dataset:
    """Apply a decision rule to δ at every place of a grid.

    Parameters
    ----------
    delta : xarray.DataArray
        Draws, dims (chain, draw, outcome) and those of the grid.
    rule : Rule
        For these outcomes (`Rule.for_outcomes`); about δ alone, which Utility is not.
    independent : bool
        Whether the draws are independent by construction.

    Returns
    -------
    xarray.Dataset
        What `bmco_pymc.decision.decision.decide` says at each place: ``probability`` (joint),
        ``mcse``, ``bound``, ``statistic`` (what decides) and ``met`` (1, 0, or NaN where the draws
        are too few to say), dims (side, ...), and ``decision``, the verdict, over the grid.

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(0.05, 0.04, size=(4, 1000, 1, 1))
    >>> delta = xr.DataArray(draws + np.array([0.0, 0.1]), dims=("chain", "draw", "outcome", "at"))
    >>> decide_over(delta, Rule("all").for_outcomes(["maths"]))["decision"].values.tolist()
    ['not superior', 'superior']
    """
    delta = delta.transpose("chain", "draw", "outcome", ...)
    places = [str(dim) for dim in delta.dims[3:]]
    sides = [_side(delta, rule, side, independent=independent) for side in rule.sides]
    found = xr.concat(sides, dim=xr.DataArray(list(rule.sides), dims="side", name="side"))
    found = found.transpose("side", *places)
    met = found["met"].values.reshape(len(sides), -1)
    words = [_verdict(rule, column) for column in met.T]
    shape = [delta.sizes[dim] for dim in places]
    return found.assign(decision=(places, np.array(words, dtype=object).reshape(shape)))


def deciding(
    delta: xr.DataArray, rule: Rule, side: str
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Return where the rule holds, the event that decides, and how probable that is.

    Returns
    -------
    holds, decides : xarray.DataArray
        Boolean, dims (chain, draw, ...).
    statistic : xarray.DataArray
        The share of draws in which what decides holds.
    """
    holds, beyond = rule.events(delta, side)
    joint, marginal = (
        xr.Dataset({"probability": event.mean(("chain", "draw")), "event": event})
        for event in (holds, beyond)
    )
    alone = rule.statistic == "marginal"
    chosen = rule.criterion.statistic(joint, marginal, rule.m) if alone else joint
    return holds, chosen["event"], chosen["probability"]


def _side(delta: xr.DataArray, rule: Rule, side: str, *, independent: bool) -> xr.Dataset:
    """Return what one direction says."""
    holds, decides, share = deciding(delta, rule, side)
    places = delta.dims[3:]
    if independent:
        ess = xr.zeros_like(share) + delta.sizes["chain"] * delta.sizes["draw"]
    else:
        whole = holds.mean(("chain", "draw"))
        constant = ((share % 1) * (whole % 1) == 0).transpose(*places)  # all draws agree
        ess = xr.where(constant, _smallest_ess(delta, constant.values), np.nan)
    joint = estimate(holds, ess, independent=independent)
    known = joint if decides.equals(holds) else estimate(decides, ess, independent=independent)
    statistic, threshold = known["probability"], rule.threshold()
    enough, _ = judged(statistic.values, known["mcse"].values, known["bound"].values, threshold)
    met = (statistic > threshold).astype(float).where(enough)
    found = {"statistic": statistic, "met": met}
    found |= {name: joint[name] for name in ("probability", "mcse", "bound")}
    return xr.Dataset(
        {name: values.drop_vars("outcome", errors="ignore") for name, values in found.items()}
    )


def _smallest_ess(delta: xr.DataArray, wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what `bmco_pymc.decision.probability.smallest_ess` says at the wanted places."""
    found = np.full(wanted.shape, np.nan)
    if wanted.any():
        chains, draws = delta.sizes["chain"], delta.sizes["draw"]
        values = delta.transpose(..., "outcome", "chain", "draw").values[wanted]  # (w, K, C, D)
        numbers = assess(values.reshape(-1, chains, draws))
        ess = np.stack([numbers["ess_bulk"], numbers["ess_tail"]])
        each = np.fmin(ess, chains * draws).reshape(2, *values.shape[:2])
        found[wanted] = each.min(axis=(0, 2))
    return found


def _verdict(rule: Rule, met: Sequence[float] | NDArray[np.float64]) -> str:
    """Return the verdict where each side is met (1), not met (0) or cannot be judged (NaN)."""
    known = [None if np.isnan(value) else bool(value) for value in met]
    return verdict(dict(zip(rule.sides, known, strict=True)), rule.bounds())
