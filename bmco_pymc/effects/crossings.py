"""Where a decision changes along shifts of the log odds of unobserved outcomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc.decision.criteria import verdict
from bmco_pymc.decision.grid import deciding
from bmco_pymc.decision.rule import Rule

STEPS = 14  # halvings: a range of 6 is known to 0.0004, which the draws do not tell apart
MOVES = {"treatment": (1,), "control": (0,), "both": (0, 1)}  # groups that are moved

type Array = NDArray[np.float64]
type Along = Callable[[Array], xr.DataArray]  # places to δ, dims (chain, draw, outcome, at)


def between(theta: xr.DataArray, shift: Array) -> xr.DataArray:
    """Return θ at shifts, linear in each draw between the shifts where it is known.

    Parameters
    ----------
    theta : xarray.DataArray
        Dims (chain, draw, outcome, shift).
    shift : ndarray, shape (n,)
        Within the range of the dim ``shift``.

    Returns
    -------
    xarray.DataArray
        Dims (chain, draw, outcome, at).

    Examples
    --------
    >>> theta = xr.DataArray([[[[0.2, 0.4, 0.5]]]], {"shift": [-1.0, 0.0, 2.0]},
    ...                      ("chain", "draw", "outcome", "shift"))
    >>> between(theta, np.array([-0.5, 0.0, 2.0])).values.ravel().round(6).tolist()
    [0.3, 0.4, 0.5]
    """
    known, values = theta["shift"].values, theta.values
    if len(known) == 1:
        found = np.repeat(values, len(shift), axis=-1)
    else:
        left = np.clip(np.searchsorted(known, shift, side="right") - 1, 0, len(known) - 2)
        weight = (shift - known[left]) / (known[left + 1] - known[left])
        found = (1 - weight) * values[..., left] + weight * values[..., left + 1]
    dims = ("chain", "draw", "outcome", "at")
    return xr.DataArray(found, {"outcome": theta["outcome"].values}, dims)


def crossings(along: Along, rule: Rule, side: str, start: Array, end: Array) -> Array:
    """Return where on each of several paths a rule begins, or ceases, to be met.

    Parameters
    ----------
    along : callable
        δ at a place on each path.
    rule : Rule
    side : {"right", "left"}
    start, end : ndarray, shape (n,)
        Ends of the paths. From one to the other what decides must not rise and fall.

    Returns
    -------
    ndarray, shape (n,)
        By bisection; NaN where both ends are alike.
    """

    def met(place: Array) -> NDArray[np.bool_]:
        return (deciding(along(place), rule, side)[2] > rule.threshold()).values

    first, last = met(start), met(end)
    low, high = start, end
    for _ in range(STEPS):
        middle = (low + high) / 2
        alike = met(middle) == first
        low, high = np.where(alike, middle, low), np.where(alike, high, middle)
    return np.where(first == last, np.nan, (low + high) / 2)


def lines(control: xr.DataArray, treatment: xr.DataArray, rule: Rule) -> pd.DataFrame:
    """Return at which shift of the treatment the decision changes, by shift of the control.

    Parameters
    ----------
    control, treatment : xarray.DataArray
        θ of the group, dims (chain, draw, outcome, shift).
    rule : Rule

    Returns
    -------
    pandas.DataFrame
        ``direction``, ``shift_control``, ``shift_treatment``: NaN where it never changes. A row
        for each shift of the control, and for where the line leaves the shifts of the treatment.
    """
    known, reach = control["shift"].values, treatment["shift"].values
    edges = reach[[0, -1]] if len(known) > 1 and len(reach) > 1 else reach[:0]
    own, other = between(control, known), between(treatment, edges)
    parts = []
    for side in rule.sides:
        ends = (np.full(len(known), end) for end in (reach[0], reach[-1]))
        found = crossings(lambda place: between(treatment, place) - own, rule, side, *ends)
        columns = {"direction": side, "shift_control": known, "shift_treatment": found}
        parts.append(pd.DataFrame(columns))
        if len(edges):  # where the line leaves the shifts of the treatment
            ends = (np.full(len(edges), end) for end in (known[0], known[-1]))
            found = crossings(lambda place: other - between(control, place), rule, side, *ends)
            more = {"direction": side, "shift_control": found, "shift_treatment": edges}
            left = pd.DataFrame(more).dropna()
            parts.append(left[~left["shift_control"].isin(known)])
    every = pd.concat(parts, ignore_index=True)
    return every.sort_values(["direction", "shift_control"], kind="stable", ignore_index=True)


def nearest(
    control: xr.DataArray, treatment: xr.DataArray, rule: Rule, varied: tuple[bool, bool]
) -> pd.DataFrame:
    """Return how far one must go from no shift until the decision is another.

    Parameters
    ----------
    control, treatment : xarray.DataArray
        θ of the group, dims (chain, draw, outcome, shift), the shift 0 among them.
    rule : Rule
    varied : pair of bool
        Whether the control, and the treatment, has other shifts.

    Returns
    -------
    pandas.DataFrame
        A row for what is moved, ``treatment`` alone, ``control`` alone or ``both`` as far in
        opposite directions: ``shift_control``, ``shift_treatment``, the ``decision`` beyond and the
        ``direction`` of the rule whose answer is another there; NaN where it stays what it is up to
        the ends of the shifts.
    """
    zero = np.zeros(1)
    met = _met(between(treatment, zero) - between(control, zero), rule)
    moves = [name for name, who in MOVES.items() if all(varied[g] for g in who)]
    moved = np.array([[g in MOVES[name] for g in (0, 1)] for name in moves])  # (n, 2)
    ends = np.array(
        [[theta["shift"].min(), theta["shift"].max()] for theta in (control, treatment)]
    )
    found = np.full((len(rule.sides), len(moves)), np.nan)
    ways = []
    for place, side in enumerate(rule.sides):
        # what is met ceases to be so as the treatment gets worse on that side, or the control
        # better; what is not met begins to be so the other way
        sign = (-1 if met[side] else 1) * (1 if side == "right" else -1)
        way = np.where(moved, sign * np.array([-1.0, 1.0]), 0.0)  # (n, 2)
        reach = np.where(way > 0, ends[:, 1], -ends[:, 0])
        reach = np.where(moved, reach, np.inf).min(axis=1)

        def along(at: Array, way: Array = way) -> xr.DataArray:
            return between(treatment, way[:, 1] * at) - between(control, way[:, 0] * at)

        found[place] = crossings(along, rule, side, np.zeros(len(moves)), reach)
        ways.append(way)
    rows = []
    for place, name in enumerate(moves):
        row: dict[str, Any] = {"moved": name, "decision": None, "direction": None}
        row |= dict.fromkeys(("shift_control", "shift_treatment"), np.nan)
        if not np.isnan(found[:, place]).all():
            first = int(np.nanargmin(found[:, place]))
            way, side = ways[first][place] * found[first, place], rule.sides[first]
            row |= {"shift_control": way[0] + 0.0, "shift_treatment": way[1] + 0.0}
            row["direction"] = side
            row["decision"] = verdict({**met, side: not met[side]}, rule.bounds())
        rows.append(row)
    return pd.DataFrame(rows)


def _met(delta: xr.DataArray, rule: Rule) -> dict[str, bool]:
    """Return which sides are met at the one place of δ."""
    return {
        side: bool((deciding(delta, rule, side)[2] > rule.threshold()).item())
        for side in rule.sides
    }
