"""The criteria of decision rules: when each holds in a draw, what decides, how it reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr


def holds_all(excess: xr.DataArray) -> xr.DataArray:
    """Return where every outcome exceeds its margin.

    Parameters
    ----------
    excess : xarray.DataArray
        δ − m (right) or −δ − m (left), dims (chain, draw, outcome).

    Returns
    -------
    xarray.DataArray
        Boolean, dims (chain, draw).

    Examples
    --------
    >>> excess = xr.DataArray([[[0.2, -0.1], [0.2, 0.1]]], dims=("chain", "draw", "outcome"))
    >>> holds_all(excess).values.tolist(), holds_any(excess).values.tolist()
    ([[False, True]], [[True, True]])
    """
    return (excess > 0).all("outcome")


def holds_any(excess: xr.DataArray) -> xr.DataArray:
    """Return where at least one outcome exceeds its margin; arguments as in `holds_all`."""
    return (excess > 0).any("outcome")


def holds_count(excess: xr.DataArray, m: int) -> xr.DataArray:
    """Return where at least m outcomes exceed their margins; arguments as in `holds_all`."""
    return (excess > 0).sum("outcome") >= m


def holds_comp(excess: xr.DataArray, weights: xr.DataArray) -> xr.DataArray:
    """Return where the weighted sum w'(δ − m) is positive.

    Parameters
    ----------
    excess : xarray.DataArray
        δ − m (right) or −δ − m (left), dims (chain, draw, outcome).
    weights : xarray.DataArray
        Non-negative, not all zero, dims (outcome,); only their ratios matter.

    Returns
    -------
    xarray.DataArray
        Boolean, dims (chain, draw).

    Examples
    --------
    >>> excess = xr.DataArray([[[0.2, -0.1], [0.2, 0.1]]], dims=("chain", "draw", "outcome"))
    >>> holds_comp(excess, xr.DataArray([0.2, 0.8], dims="outcome")).values.tolist()
    [[False, True]]
    """
    # The largest weight is scaled to one: no positive excess underflows, so All ⇒ Comp ⇒ Any holds
    # in floating point too. Terms are added in order of size: the outcomes' order cannot matter.
    terms = (excess * (weights / weights.max())).transpose(..., "outcome")
    return terms.copy(data=np.sort(terms.values, axis=-1)).sum("outcome") > 0


@dataclass(frozen=True)
class Criterion:
    """What a rule asks for; to add one, add an entry to `CRITERIA`.

    The callables take, as far as they are about it, ``m``: how many outcomes the rule counts up to
    (None for those that do not count), and ``K``, the number of outcomes.

    Attributes
    ----------
    name : str
        As the user writes it.
    holds : callable
        (excess, weights, m) -> boolean DataArray (chain, draw): see `holds_all`.
    statistic : callable
        (joint, marginal, m) -> the one of them whose ``probability`` must exceed 1 − level;
        Datasets with the variables ``probability``, ``mcse``, ``ess`` and ``bound``, marginal by
        outcome; any further dims are places with a decision each.
    statistic_name : callable
        m -> the same in words.
    joins : str
        What stands between the outcomes when the event is written out.
    shares : callable
        (m, K) -> among how many outcomes the level is divided, so that each decision errs at no
        more than its part (Bonferroni).
    weighs, counts, values : bool
        Whether the rule uses weights, so that its event is a weighted sum; whether it takes m;
        whether it takes utilities of the patterns.
    """

    name: str
    holds: Callable[[xr.DataArray, xr.DataArray, int | None], xr.DataArray]
    statistic: Callable[[xr.Dataset, xr.Dataset, int | None], xr.Dataset]
    statistic_name: Callable[[int | None], str]
    joins: str
    shares: Callable[[int | None, int], int] = lambda m, K: 1
    weighs: bool = False
    counts: bool = False
    values: bool = False


def _ranked(marginal: xr.Dataset, place: int) -> xr.Dataset:
    """Return the marginal probability at a place in their order, the largest at 0."""
    known = marginal["probability"]
    axis = known.get_axis_num("outcome")
    order = known.copy(data=np.argsort(-known.values, axis=axis, kind="stable"))
    return marginal.isel(outcome=order.isel(outcome=place, drop=True))


def _smallest(joint: xr.Dataset, marginal: xr.Dataset, m: int | None) -> xr.Dataset:
    return marginal.isel(outcome=marginal["probability"].argmin("outcome"))


CRITERIA: Mapping[str, Criterion] = {
    criterion.name: criterion
    for criterion in (
        Criterion(
            "All",
            lambda excess, weights, m: holds_all(excess),
            _smallest,
            lambda m: "smallest marginal probability",
            " and ",
        ),
        Criterion(
            "Any",
            lambda excess, weights, m: holds_any(excess),
            lambda joint, marginal, m: _ranked(marginal, 0),
            lambda m: "largest marginal probability",
            " or ",
            shares=lambda m, K: K,
        ),
        Criterion(
            "Comp",
            lambda excess, weights, m: holds_comp(excess, weights),
            lambda joint, marginal, m: joint,
            lambda m: "joint probability",
            " + ",
            weighs=True,
        ),
        # If fewer than m outcomes are beyond their margins, m claims hold at least one false one
        # among K − m + 1 or more: the level is divided by K − m + 1. m = K is All, m = 1 is Any.
        Criterion(
            "Count",
            lambda excess, weights, m: holds_count(excess, m or 1),
            lambda joint, marginal, m: _ranked(marginal, (m or 1) - 1),
            lambda m: f"marginal probability of rank {m}",
            ", ",
            shares=lambda m, K: K - (m or 1) + 1,
            counts=True,
        ),
        Criterion(
            "Utility",
            lambda excess, weights, m: excess > 0,  # of the expected utility itself
            lambda joint, marginal, m: joint,
            lambda m: "joint probability",
            " + ",
            values=True,
        ),
    )
}


def event(
    criterion: Criterion,
    direction: str,
    outcomes: Sequence[str],
    margins: Sequence[float],
    weights: Sequence[float] | None = None,
    m: int | None = None,
) -> str:
    """Write out the event of a rule, such as ``δ[y1] > 0 and δ[y2] > -0.1``.

    Examples
    --------
    >>> event(CRITERIA["Any"], "left", ["y1", "y2"], [0.1, 0])
    'δ[y1] < -0.1 or δ[y2] < 0'
    >>> event(CRITERIA["Count"], "right", ["y1", "y2", "y3"], [0, 0, 0], m=2)
    'at least 2 of δ[y1] > 0, δ[y2] > 0, δ[y3] > 0'
    """
    sign, relation = (1, ">") if direction == "right" else (-1, "<")
    if weights is not None:
        terms = criterion.joins.join(
            f"{w:.4g} δ[{k}]" for k, w in zip(outcomes, weights, strict=True)
        )
        bound = math.fsum(m * w for m, w in zip(margins, weights, strict=True))
        return f"{terms} {relation} {sign * bound + 0.0:g}"
    parts = zip(outcomes, margins, strict=True)
    # + 0.0 turns a negative zero into zero.
    listed = criterion.joins.join(f"δ[{k}] {relation} {sign * x + 0.0:g}" for k, x in parts)
    return f"at least {m} of {listed}" if criterion.counts else listed


def utility_event(utilities: Mapping[str, float], direction: str, margin: float) -> str:
    """Write out the event of rule Utility.

    Examples
    --------
    >>> utility_event({"11": 1, "10": 0.3, "01": 0.25, "00": 0}, "right", 0)
    'difference of 1 φ[11] + 0.3 φ[10] + 0.25 φ[01] > 0'
    """
    sign, relation = (1, ">") if direction == "right" else (-1, "<")
    terms = " + ".join(f"{u:.4g} φ[{pattern}]" for pattern, u in utilities.items() if u != 0)
    return f"difference of {terms} {relation} {sign * margin + 0.0:g}"


def verdict(met: Mapping[str, bool | None], margins: Sequence[float]) -> str:
    """Say in words which sides' rules are met.

    Parameters
    ----------
    met : mapping
        ``"right"``, ``"left"`` or both, to whether the rule is met there; None if nobody can say.
    margins : sequence of float
        What δ was compared with: negative margins make the claim weaker, and its name another.

    Examples
    --------
    >>> verdict({"right": True}, [0.0]), verdict({"right": True}, [-0.1])
    ('superior', 'non-inferior')
    >>> verdict({"right": True, "left": False}, [0.0])
    'superior'
    >>> verdict({"right": None}, [0.0])
    'cannot be judged'
    """
    if None in met.values():
        return "cannot be judged"
    if len(met) == 2:
        sides = [side for side, holds in met.items() if holds]
        words = {"right": "superior", "left": "inferior"}
        return "both" if len(sides) == 2 else words[sides[0]] if sides else "neither"
    ((direction, holds),) = met.items()
    if min(margins) >= 0:
        claim = "superior" if direction == "right" else "inferior"
        return claim if holds else f"not {claim}"
    if max(margins) < 0:
        claim = "non-inferior" if direction == "right" else "non-superior"
        return claim if holds else f"{claim}ity not shown"
    claim = "superior to the margins" if direction == "right" else "inferior beyond the margins"
    return claim if holds else f"not {claim}"
