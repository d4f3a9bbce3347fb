"""The picture of a tipping point: what decides, over the shifts of both groups or of one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from bmco_pymc.decision.decision import Decision
from bmco_pymc.plots import marks, style
from bmco_pymc.plots.style import BLUE, GREEN, GREY, INK
from bmco_pymc.posterior.differences import Differences

LEVELS = (0, 0.05, 0.2, 0.5, 0.8, 0.9, 0.95, 0.975, 0.99, 0.999, 1)
SHADES = ("#FFFFFF", "#D5E6F2", "#7FB6DA", BLUE, "#00344F")  # the darker, the more probable
TICKS = 5  # success rates beside an axis, at most
NAMES = ("shift_control", "shift_treatment")
MAR: dict[str, Any] = {"marker": "o", "markersize": 8, "markeredgecolor": INK, "linestyle": ""}
NEAR: dict[str, Any] = {**MAR, "marker": "D", "markersize": 6.5}
CHANGE: dict[str, Any] = {"color": INK, "linewidth": 2.4}


def plot_tipping(
    decided: xr.Dataset,
    line: pd.DataFrame,
    nearest: pd.DataFrame,
    rates: pd.DataFrame,
    decision: Decision,
    effect: Differences,
) -> Figure:
    """Draw what decides at each pair of shifts, and the line where the decision changes.

    Parameters
    ----------
    decided, line, nearest, rates
        Those of `bmco_pymc.effects.tipping.TippingPoint`.
    decision : Decision
        That under MAR.
    effect : Differences
        That under MAR.
    """
    varied = [place for place, name in enumerate(NAMES) if decided.sizes[name] > 1]
    sides = decided.sizes["side"]
    width = 6.4 if len(varied) == 2 else 5.8
    figure, (panels,) = style.panels(width * sides, 6.6 if len(varied) == 2 else 4.6, 1, sides)
    handles: list[Artist] = []
    for axes, side in zip(panels, decision.sides, strict=True):
        part = decided.sel(side=side.direction)
        near = nearest[nearest["direction"] == side.direction]
        if len(varied) == 2:
            own = line[line["direction"] == side.direction]
            handles = _map(figure, axes, part, own, near, decision)
        else:
            at = NAMES[varied[0]]
            handles = _curve(axes, part, at, near[at].to_numpy(float), side.threshold, decision)
        for way, place in zip("xy", varied, strict=False):
            _beside(axes, way, effect.groups[place], rates)
        if sides > 1:
            style.panel_title(axes, style.caption(f"{side.direction}: P({side.event})", 50))
    control, treatment = map(style.caption, effect.groups)
    figure_title = f"Tipping point: {treatment} compared with {control}"
    words = (
        f"Rule {decision.asked.words}, level {decision.alpha:g}; as the unobserved depart from "
        f"missing at random (MAR), under which it is {decision.verdict}. {effect.estimand}"
    )
    style.figure_heading(figure, figure_title, words, effect.diagnostics)
    style.legend(figure, handles, columns=len(handles))
    return figure


def _map(
    figure: Figure,
    axes: Axes,
    decided: xr.Dataset,
    line: pd.DataFrame,
    near: pd.DataFrame,
    decision: Decision,
) -> list[Artist]:
    """Draw a probability over two shifts as bands of one colour; return what the legend says."""
    x, y = (decided[name].values for name in NAMES)
    values = decided["statistic"].transpose(*NAMES[::-1]).values
    colours = LinearSegmentedColormap.from_list("probability", SHADES)
    norm = BoundaryNorm(LEVELS, colours.N)
    bands = axes.contourf(x, y, values, LEVELS, cmap=colours, norm=norm, extend="neither")
    bands.set_gid("statistic")
    bar = figure.colorbar(bands, ax=axes, ticks=LEVELS, pad=0.02, aspect=30)
    bar.ax.set_yticklabels([f"{level:g}" for level in LEVELS])
    bar.set_label(decision.statistic_name)
    edge = [withStroke(linewidth=4.6, foreground="white")]
    axes.plot(
        line["shift_control"], line["shift_treatment"], **CHANGE, path_effects=edge, gid="line"
    )
    for value, write in ((0, axes.axvline), (0, axes.axhline)):
        write(value, color=GREY, linewidth=0.8, linestyle=":", zorder=2)
    axes.plot(0, 0, **MAR, markerfacecolor="white", zorder=5, gid="MAR")
    axes.plot(
        near["shift_control"], near["shift_treatment"], **NEAR, markerfacecolor=GREEN, zorder=5,
        gid="nearest",
    )  # fmt: skip
    words = decided["decision"].transpose(*NAMES)
    corners = {(0, -1): ("left", "top"), (-1, 0): ("right", "bottom")}
    for (i, j), (ha, va) in corners.items():
        text = str(words.values[i, j])
        down, left = (-6 if va == "top" else 6), (6 if ha == "left" else -6)
        axes.annotate(
            text, (x[i], y[j]), xytext=(left, down), textcoords="offset points", ha=ha, va=va,
            fontsize=10, fontweight="bold", color=INK, zorder=6,
            bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 2},
        )  # fmt: skip
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    return [
        style.key("under MAR", INK, **MAR, markerfacecolor="white"),
        style.key("the decision changes", **CHANGE),
        style.key("nearest to MAR", INK, **NEAR, markerfacecolor=GREEN),
    ]


def _curve(
    axes: Axes,
    decided: xr.Dataset,
    name: str,
    near: NDArray[np.float64],
    threshold: float,
    decision: Decision,
) -> list[Artist]:
    """Draw a probability over the shift of the one group of which something is unobserved."""
    own = decided.isel({other: 0 for other in NAMES if other != name})
    x, p = own[name].values, own["statistic"].values
    axes.plot(x, p, color=BLUE, linewidth=1.8, marker="o", markersize=4, gid="statistic")
    axes.axhline(threshold, **{**CHANGE, "linewidth": 1.4, "linestyle": "--"}, gid="line")
    axes.plot(
        0, own["statistic"].sel({name: 0}), **MAR, markerfacecolor="white", zorder=5, gid="MAR"
    )
    axes.plot(
        near, np.full(len(near), threshold), **NEAR, markerfacecolor=GREEN, zorder=5, gid="nearest"
    )
    low = min(p.min(), threshold)
    room = 0.08 * (1 - low) + 1e-3
    axes.set(xlim=(x[0], x[-1]), ylim=(low - room, 1 + room), ylabel=decision.statistic_name)
    style.bare(axes)
    return [
        style.key("under MAR", INK, **MAR, markerfacecolor="white"),
        style.key(f"cut-off {threshold:.4g}", **{**CHANGE, "linewidth": 1.4, "linestyle": "--"}),
        style.key("the decision changes", INK, **NEAR, markerfacecolor=GREEN),
    ]


def _beside(axes: Axes, way: str, group: str, rates: pd.DataFrame) -> None:
    """Name the shifts of a group; across the axes, success among its unobserved."""
    own = rates[rates["group"] == group]
    by_shift = own.assign(total=own["success"] * own["missing"]).groupby("shift")
    rate = by_shift["total"].sum() / by_shift["missing"].sum()
    other = axes.secondary_xaxis("top") if way == "x" else axes.secondary_yaxis("right")
    axis: Axis = axes.xaxis if way == "x" else axes.yaxis
    own_axis: Axis = other.xaxis if way == "x" else other.yaxis
    name = style.caption(group, 24)
    axis.set_label_text(f"shift of the log odds, {name}")
    axis.set_major_formatter(lambda value, _: marks.minus(f"{value:g}"))
    shown = style.spread_out(np.array([rate.index, rate]).T, TICKS)
    own_axis.set_ticks(shown[:, 0], [f"{value:.2f}" for value in shown[:, 1]])
    own_axis.set_label_text(f"success among the unobserved of {name}")
    other.tick_params(labelsize=8.5, colors=GREY)
    own_axis.label.set(**style.SMALL)
