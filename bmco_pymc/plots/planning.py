"""The pictures of a planned trial: power by scenario and over n, error over the control's rate."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bmco_pymc.decision.probability import decimals
from bmco_pymc.plots import marks, style
from bmco_pymc.plots.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
)

COLOURS = (SKY, ORANGE, GREEN, PURPLE, GREY, YELLOW)  # of outcomes, in turn with the shapes
SHAPES = ("^", "s", "D", "v", "P", "X", "<", ">", "p", "h")
ERRORS = 1.96  # Monte Carlo errors to either side
PANELS = 12  # scenarios with a panel of their own
ROWS = 40  # scenarios in one picture


def plot_power(
    data: xr.Dataset, title: str, words: str, alpha: float, target: float | None
) -> Figure:
    """Draw the probability of success by scenario, and of the claim of each outcome below it.

    Parameters
    ----------
    data : xarray.Dataset
        That of power or assurance, see `bmco_pymc.trial.characteristics`.
    title, words : str
    alpha : float
        The level, a line where there are Type I errors.
    target : float or None
        A power to be marked.
    """
    data, words = rows_of(data, words)
    labels = on_lines(data["scenario"].values, 40, 3)
    effect = data["effect"].values.astype(bool)
    outcomes = [str(k) for k in data["outcome"].values] if "claim" in data else []
    outcomes = outcomes if len(outcomes) > 1 else []
    # of rows: one for the rule, and less for each outcome
    lines = 1 + max(label.count("\n") for label in labels)
    step = max(1 + 0.32 * len(outcomes), 0.6 + 0.4 * lines)
    places = np.arange(len(labels)) * float(step)
    height = 1.9 + 0.3 * step * len(labels) + 0.24 * math.ceil(len(outcomes) / 2)
    width = max(7.4, 1.2 + style.room_for(lines_of(labels), 9) + 4.6)
    height += 0.15 * max(len(words) // 90 - 1, 0)  # more lines above than usual
    figure, ((axes,),) = style.panels(width, height)
    kinds = _kinds(data, effect)
    handles: list[Artist] = []
    texts = [[""] * len(labels) for _ in kinds]
    for place, (name, values, errors, rows, look) in enumerate(kinds):
        for s in np.flatnonzero(rows):
            axes.plot(
                _ends(values[s], errors[s]), [places[s]] * 2, color=look["color"], linewidth=2,
                zorder=3,
            )  # fmt: skip
            axes.plot(values[s], places[s], linestyle="", markersize=8, zorder=4, gid=name, **look)
            texts[place][s] = decimals(values[s])
        handles.append(style.key(name, linestyle="", markersize=8, **look))
    for k, outcome in enumerate(outcomes):
        look = _look(k)
        at = places + 0.1 + 0.32 * (k + 1)
        claim = data["claim"].values[:, k]
        if "claim_mcse" in data:
            wrong = data["claim_mcse"].values[:, k]
            for y, value, error in zip(at, claim, wrong, strict=True):
                axes.plot(
                    _ends(value, error), [y, y], color=look["color"], linewidth=1.2, zorder=2,
                    gid=f"error of {outcome}",
                )  # fmt: skip
        axes.plot(claim, at, linestyle="", markersize=5, zorder=3, gid=outcome, **look)
        name = f"claim of {style.caption(outcome, 24)}" + " (superior)" * ("inferior" in data)
        handles.append(style.key(name, linestyle="", markersize=5, **look))
    if target is not None:
        axes.axvline(target, color=INK, linewidth=1.2, linestyle="--", zorder=1)
        handles.append(style.key(f"target {target:g}", INK, linewidth=1.2, linestyle="--"))
    if not effect.all() or "inferior" in data:
        axes.axvline(alpha, color=GREY, linewidth=1.2, linestyle=":", zorder=1)
        handles.append(style.key(f"level {alpha:g}", GREY, linewidth=1.2, linestyle=":"))
    if any(errors.any() for _, _, errors, _, _ in kinds):
        words += f" Bars: {ERRORS:g} Monte Carlo errors to either side."
    shift = 0.16 * len(outcomes)
    axes.set_ylim(places[-1] + step / 2 + shift, -step / 2 + shift)
    axes.set_yticks(places + shift, labels, fontsize=9)
    axes.tick_params(axis="y", length=0)
    for edge in places[:-1] + step / 2 + shift:
        axes.axhline(edge, color=GREY, linewidth=0.4, alpha=0.5)
    axes.set(xlim=(-0.02, 1.02), xlabel="probability")
    style.bare(axes)
    heads = [name for name, *_ in kinds]
    _beside(axes, places, heads, texts)
    style.figure_heading(figure, title, words)
    style.legend(figure, handles, columns=3 if len(handles) > 2 else 2)
    return figure


def on_two_lines(labels: Iterable[object], most: int) -> list[str]:
    """Return labels on lines of so many characters, as what differs may stand anywhere."""
    return on_lines(labels, most, 2)


def on_lines(labels: Iterable[object], most: int, lines: int) -> list[str]:
    """Return labels on about so many lines of so many characters."""
    found = []
    for label in labels:
        cut = style.caption(label, lines * most - 6)
        # numbers stay together with what they are of, if there is room for that
        held = re.sub(r" = |(?<=\d), (?=[-\d., ]+\))", lambda m: m[0].replace(" ", "\0"), cut)
        held = held if max(map(len, held.split()), default=0) <= most else cut
        parts = textwrap.wrap(held, most, break_on_hyphens=False)
        found.append("\n".join(parts).replace("\0", " "))
    return found


def _ends(value: float, error: float) -> NDArray[np.float64]:
    """Return the ends of the bar of a Monte Carlo error."""
    return np.clip(value + ERRORS * error * np.array([-1, 1]), 0, 1)


def lines_of(labels: Iterable[str]) -> list[str]:
    """Return the lines of some labels."""
    return [line for label in labels for line in label.split("\n")]


def _kinds(
    data: xr.Dataset, effect: NDArray[np.bool_]
) -> list[tuple[str, NDArray[Any], NDArray[Any], NDArray[np.bool_], dict[str, Any]]]:
    """Return what success is called, its values, errors, in which scenarios, and its look."""
    success, error = data["success"].values, data["mcse"].values
    filled = {"marker": "o", "color": BLUE, "markeredgecolor": "white"}
    other = {"marker": "o", "color": VERMILION, "markerfacecolor": "white"}
    everywhere = np.ones(len(effect), dtype=bool)
    if "inferior" in data:
        left = data["inferior"].values, data["inferior_mcse"].values
        return [
            ("superior", success, error, everywhere, filled),
            ("inferior", *left, everywhere, other),
        ]
    if data.attrs.get("averaged"):
        return [("assurance", success, error, everywhere, filled)]
    kinds = [
        ("power", success, error, effect, filled),
        ("Type I error", success, error, ~effect, other),
    ]
    return [kind for kind in kinds if kind[3].any()]


def _beside(
    axes: Axes, places: NDArray[Any], heads: Sequence[str], texts: Sequence[Sequence[str]]
) -> None:
    """Write the numbers to the right of the rows, a column for each kind."""
    across = 10.0
    for head, column in zip(heads, texts, strict=True):
        marks.column_text(axes, 1, head, across, above=True, colour=GREY)
        for y, text in zip(places, column, strict=True):
            marks.column_text(axes, float(y), text, across)
        across += 5.4 * max(map(len, [head, *column])) + 12


def rows_of(data: xr.Dataset, words: str) -> tuple[xr.Dataset, str]:
    """Return data with a scenario for each row of a picture, at most so many, and words for it."""
    if "scenario" not in data.dims:
        whole = data.expand_dims(scenario=["under the design prior"])
        if "effect" in data:  # here a probability
            whole = whole.assign(effect=("scenario", np.array([True])))
        return whole.assign_attrs(averaged=True), words
    if data.sizes["scenario"] > ROWS:
        words += f" {ROWS} of {data.sizes['scenario']} scenarios are shown."
        data = data.isel(scenario=slice(ROWS))
    return data, words


def plot_size(data: xr.Dataset, title: str, words: str) -> Figure:
    """Draw power over n, a panel for each scenario, with the first and the stable n marked."""
    n_scenarios = min(data.sizes["scenario"], PANELS)
    if n_scenarios < data.sizes["scenario"]:
        words += f" {n_scenarios} of {data.sizes['scenario']} scenarios are shown."
    target, n = float(data["target"]), data["n"].values
    # of simulated trials there is one size, that of a curve
    marked = {"first": _SIZES["first"]} if "fitted" in data else _SIZES
    columns = 1 if n_scenarios == 1 else 2
    rows = math.ceil(n_scenarios / columns)
    height = 1.5 + (3.0 if n_scenarios == 1 else 2.1 * rows)
    figure, grid = style.panels(8.4, height, rows, columns, sharex=True, sharey=True)
    for axes in grid.flat[n_scenarios:]:
        axes.set_visible(False)
    titles = on_two_lines(data["scenario"].values[:n_scenarios], 48 if columns > 1 else 90)
    for s, axes in enumerate(grid.flat[:n_scenarios]):
        here = data.isel(scenario=s)
        known = np.isfinite(here["power"].values)  # each scenario has its own numbers
        power = here["power"].values
        if "fitted" in data:  # simulated: a curve through points with errors
            axes.plot(n, here["fitted"].values, color=BLUE, linewidth=1, gid="fitted")
            for x, value, error in zip(n[known], power[known], here["mcse"][known], strict=True):
                ends = _ends(value, float(error))
                axes.plot([x, x], ends, color=SKY, linewidth=1.2, zorder=2, gid="error")
        line = 0 if "fitted" in data else 1
        axes.plot(n[known], power[known], color=BLUE, linewidth=line, marker=".", markersize=4)
        axes.axhline(target, color=INK, linewidth=1.2, linestyle="--", zorder=1)
        found = []
        for name, look in marked.items():
            if not np.isnan(float(here[name])):
                at = float(here[name]), float(here[f"power_{name}"])
                axes.plot(*at, linestyle="", zorder=4, gid=name, **look)
                found.append(f"{name if marked is _SIZES else 'found'} {at[0]:g}")
        if "formula" in here and not np.isnan(formula := float(here["formula"])):
            axes.axvline(formula, color=GREY, linewidth=1, linestyle=":", gid="formula")
            found.append(f"formula {math.ceil(formula)}")
        style.panel_title(axes, titles[s], 9)
        axes.annotate(
            ", ".join(found) or "not reached",
            (1, 0),
            xycoords="axes fraction",
            xytext=(-4, 5),
            textcoords="offset points",
            ha="right",
            fontsize=9,
        )
        style.bare(axes)
        axes.xaxis.get_major_locator().set_params(integer=True)
    for place, axes in enumerate(grid.flat[:n_scenarios]):
        if place + columns >= n_scenarios:
            axes.set_xlabel(_OVER[data.attrs.get("over", "n")])
            axes.tick_params(axis="x", labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel("power")
    handles: list[Artist] = [
        style.key(f"{name} n" if marked is _SIZES else "found", linestyle="", **look)
        for name, look in marked.items()
    ]
    if "fitted" in data:
        words += f" Bars: {ERRORS:g} Monte Carlo errors to either side; the curve is fitted."
    handles.insert(0, style.key(f"target {target:g}", INK, linewidth=1.2, linestyle="--"))
    handles.append(style.key("the usual formula", GREY, linewidth=1, linestyle=":"))
    style.figure_heading(figure, title, words)
    style.legend(figure, handles, columns=4)
    return figure


_OVER = {
    "n": "subjects in the smaller group",
    "clusters": "clusters",
    "size": "subjects of a cluster",
}
_SIZES: dict[str, dict[str, Any]] = {
    "first": {"marker": "o", "color": VERMILION, "markerfacecolor": "none", "markersize": 10},
    "stable": {"marker": "D", "color": GREEN, "markersize": 5.5},
}


def plot_type_one(data: xr.Dataset, title: str, words: str, own: float) -> Figure:
    """Draw the error of the claim of each outcome by the control's true success probability.

    Parameters
    ----------
    data : xarray.Dataset
        That of type_one, see `bmco_pymc.trial.characteristics`.
    title, words : str
    own : float
        The nominal level of the claim of an outcome.
    """
    figure, ((axes,),) = style.panels(7.4, 4.2 + 0.24 * math.ceil(data.sizes["outcome"] / 2))
    rate, level = data["rate"].values, float(data["level"])
    handles: list[Artist] = []
    curve = data["curve"].transpose("outcome", "rate").values
    for place, alike in enumerate(_alike(curve)):
        colour = (BLUE, *COLOURS)[place % 7]
        axes.plot(rate, curve[alike[0]], color=colour, linewidth=1.8, gid=f"outcome {alike[0]}")
        worst = [float(data[name].values[alike[0]]) for name in ("claim_rate", "claim")]
        look = {"markersize": 7, "markeredgecolor": "white", "zorder": 4, "clip_on": False}
        axes.plot(*worst, "o", color=colour, **look)
        names = ", ".join(style.captions([data["outcome"].values[k] for k in alike], 50))
        names += f": {decimals(worst[1])} at {worst[0]:.3g}"
        handles.append(style.key(names, colour, linewidth=1.8))
    handles.append(style.key("largest", GREY, marker="o", linestyle="", markeredgecolor="white"))
    axes.axhline(level, color=INK, linewidth=1.2, linestyle="--", zorder=1)
    handles.append(style.key(f"level {level:g}", INK, linewidth=1.2, linestyle="--"))
    if abs(own - level) > 1e-9:
        axes.axhline(own, color=GREY, linewidth=1.2, linestyle=":", zorder=1)
        handles.append(style.key(f"1 − cut-off: {own:.4g}", GREY, linewidth=1.2, linestyle=":"))
    top = max(level, own, float(np.nanmax(curve)), float(data["claim"].max()))
    axes.set(
        xlim=(rate[0], rate[-1]),
        ylim=(0, 1.15 * top),
        xlabel="true success probability of the control, the treatment at its margin",
        ylabel="error of an outcome's own claim",
    )
    style.bare(axes)
    style.figure_heading(figure, title, words)
    style.legend(figure, handles, columns=2)
    return figure


def _alike(curve: NDArray[np.float64]) -> list[list[int]]:
    """Return which outcomes have the same curve: they would hide each other."""
    found: list[list[int]] = []
    for k, values in enumerate(curve):
        same = next((g for g in found if np.allclose(curve[g[0]], values, atol=1e-9)), None)
        if same is None:
            found.append([k])
        else:
            same.append(k)
    return found


def _look(k: int) -> dict[str, Any]:
    colour = COLOURS[k % len(COLOURS)]
    edge = {"markeredgecolor": GREY, "markeredgewidth": 0.6}
    return {"marker": SHAPES[k % len(SHAPES)], "color": colour, **edge}
