"""The picture of a sensitivity: a probability and each δ against the power."""

from __future__ import annotations

import math
import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import NDArray

from bmco_pymc.escapes import visible
from bmco_pymc.picture import (
    BLUE,
    GREEN,
    GREY,
    INK,
    MOST,
    SKY,
    VERMILION,
    Picture,
    caption,
    delta_label,
    style,
)
from bmco_pymc.sensitivity import Sensitivity

MOST_TICKS = 5
LOOKS = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (SKY, "D"), (INK, "v"))


def draw(found: Sensitivity) -> Figure:
    """Draw a sensitivity; see `bmco_pymc.sensitivity.Sensitivity.plot`."""
    outcomes = [str(label) for label in found.effect.delta["outcome"].values]
    figure = Picture(figsize=(3.1 * (1 + len(outcomes)) + 0.6, 3.9))
    figure.set_layout_engine("constrained", wspace=0.06)  # or labels touch the panel before
    panels = figure.subplots(1, 1 + len(outcomes), squeeze=False)[0]
    _panel(panels[0], found, outcomes[0], "probability")
    panels[0].set_ylabel(found.rule)
    for axes, outcome in zip(panels[1:], outcomes, strict=True):
        _panel(axes, found, outcome, "delta")
        axes.set_ylabel(f"δ of {caption(outcome, 24)}")
    names = found.table["scaled"].unique()
    handles = [
        Line2D(
            [],
            [],
            color=colour,
            marker=marker,
            label=name if name in ("prior", "likelihood") else f"prior of {name}",
        )
        for name, (colour, marker) in zip(names, LOOKS, strict=False)
    ]
    if not found.table["reliable"].all():
        handles.append(
            Line2D(
                [],
                [],
                linestyle="",
                marker="o",
                color=GREY,
                markerfacecolor="white",
                label=f"Pareto k above {found.limit:.2f}: not reliable",
            )
        )
    lines = textwrap.wrap(
        visible(found.effect.estimand),
        42 * len(panels),
        break_on_hyphens=False,
        max_lines=MOST,
        placeholder=" …",
    )
    lines.append(f"δ: {delta_label(found.effect, None).removeprefix('δ ').strip('()')}.")
    key = figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=4,
        frameon=False,
        fontsize=9,
        title="\n".join(lines),
        title_fontsize=8.5,
        alignment="left",
    )
    key.get_title().set(color=GREY)
    title, colour = "A stronger or weaker prior, or likelihood", INK
    if not found.effect.diagnostics.ok:
        head = found.effect.diagnostics.verdict.split(":")[0]
        title, colour = f"{head}: do not use this yet", VERMILION
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=colour)
    return figure


def _panel(axes: Axes, found: Sensitivity, outcome: str, column: str) -> None:
    """Draw one quantity with two Monte Carlo errors up and down, a line for each component."""
    part = found.table[found.table["outcome"] == outcome]
    for name, (colour, marker) in zip(part["scaled"].unique(), LOOKS, strict=False):
        line = part[part["scaled"] == name]
        axes.errorbar(
            line["power"],
            line[column],
            2 * line[f"{column}_mcse"],
            color=colour,
            linewidth=1.4,
            elinewidth=1,
            gid=name,
        )
        for good, face in ((True, colour), (False, "white")):
            some = line[line["reliable"] == good]
            axes.plot(
                some["power"],
                some[column],
                linestyle="",
                marker=marker,
                markersize=5.5,
                color=colour,
                markerfacecolor=face,
                zorder=3,
            )
    shown = part[part["reliable"]]
    if len(shown):  # what is not reliable must not set the scale
        low = (shown[column] - 2 * shown[f"{column}_mcse"]).min()
        high = (shown[column] + 2 * shown[f"{column}_mcse"]).max()
        room = max(0.25 * (high - low), 0.01)
        axes.set_ylim(low - room, high + room)
    axes.axvline(1, color=GREY, linewidth=1, zorder=0)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(part["power"].to_numpy())))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("to the power")
    style(axes)


def _ticks(powers: NDArray[np.float64]) -> list[float]:
    """Return powers of two in the range, few enough to stand beside each other; or the ends.

    Examples
    --------
    >>> _ticks(np.array([0.5, 1, 2])), _ticks(np.array([0.01, 1, 8])), _ticks(np.array([0.6, 0.9]))
    ([0.5, 1.0, 2.0], [0.015625, 0.0625, 0.25, 1.0, 4.0], [0.6, 0.9])
    """
    low, high = math.ceil(np.log2(powers.min())), math.floor(np.log2(powers.max()))
    step = 1 + (high - low) // MOST_TICKS
    whole = [2.0**n for n in range(low, high + 1) if n % step == 0]
    return whole or [float(powers.min()), float(powers.max())]
