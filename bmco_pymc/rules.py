"""The decision rules: when each holds in a draw, which probability decides, how it reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr


def holds_all(excess: xr.DataArray, weights: xr.DataArray | None = None) -> xr.DataArray:
    """Return where every outcome exceeds its margin.

    Parameters
    ----------
    excess : xarray.DataArray
        δ − m (right) or −δ − m (left), dims (chain, draw, outcome).
    weights : xarray.DataArray, optional
        Dims (outcome,). Not used: every rule takes the same two arguments.

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


def holds_any(excess: xr.DataArray, weights: xr.DataArray | None = None) -> xr.DataArray:
    """Return where at least one outcome exceeds its margin; arguments as in `holds_all`."""
    return (excess > 0).any("outcome")


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


def _joint(joint: xr.Dataset, marginal: xr.Dataset) -> xr.Dataset:
    return joint


def _smallest(joint: xr.Dataset, marginal: xr.Dataset) -> xr.Dataset:
    return marginal.isel(outcome=int(np.argmin(marginal["probability"].values)))


def _largest(joint: xr.Dataset, marginal: xr.Dataset) -> xr.Dataset:
    return marginal.isel(outcome=int(np.argmax(marginal["probability"].values)))


@dataclass(frozen=True)
class Rule:
    """A decision rule; to add one, add an entry to `RULES`.

    Attributes
    ----------
    name : str
        As the user writes it.
    holds : callable
        (excess, weights) -> boolean DataArray (chain, draw): see `holds_all`.
    statistic : callable
        (joint, marginal) -> the one of them whose ``probability`` must exceed 1 − level; Datasets
        with the variables ``probability``, ``mcse``, ``ess`` and ``bound``, marginal by outcome.
    statistic_name : str
        The same in words.
    joins : str
        What stands between the outcomes when the event is written out.
    divides_level : bool
        Whether each of the K outcomes gets 1/K of the level (Bonferroni).
    weighs : bool
        Whether the rule uses weights; its event is then a weighted sum.
    """

    name: str
    holds: Callable[[xr.DataArray, xr.DataArray], xr.DataArray]
    statistic: Callable[[xr.Dataset, xr.Dataset], xr.Dataset]
    statistic_name: str
    joins: str
    divides_level: bool = False
    weighs: bool = False


RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("All", holds_all, _smallest, "smallest marginal probability", " and "),
        Rule(
            "Any", holds_any, _largest, "largest marginal probability", " or ", divides_level=True
        ),
        Rule("Comp", holds_comp, _joint, "joint probability", " + ", weighs=True),
    )
}


def event(
    rule: Rule,
    direction: str,
    outcomes: Sequence[str],
    margins: Sequence[float],
    weights: Sequence[float],
) -> str:
    """Write out the event of a rule, such as ``δ[y1] > 0 and δ[y2] > -0.1``.

    Examples
    --------
    >>> event(RULES["Any"], "left", ["y1", "y2"], [0.1, 0], [0.5, 0.5])
    'δ[y1] < -0.1 or δ[y2] < 0'
    """
    sign, relation = (1, ">") if direction == "right" else (-1, "<")
    if rule.weighs:
        terms = rule.joins.join(f"{w:.4g} δ[{k}]" for k, w in zip(outcomes, weights, strict=True))
        bound = math.fsum(m * w for m, w in zip(margins, weights, strict=True))
        return f"{terms} {relation} {sign * bound + 0.0:g}"
    parts = zip(outcomes, margins, strict=True)
    # + 0.0 turns a negative zero into zero.
    return rule.joins.join(f"δ[{k}] {relation} {sign * m + 0.0:g}" for k, m in parts)


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
