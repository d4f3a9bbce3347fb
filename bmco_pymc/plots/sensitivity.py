"""The picture of a sensitivity: a probability and each δ against the power."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from bmco_pymc.plots import style
from bmco_pymc.plots.style import BLUE, GREEN, GREY, INK, SKY, VERMILION
from bmco_pymc.posterior.differences import Differences

MOST_TICKS = 5
LOOKS = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (SKY, "D"), (INK, "v"))


def plot_sensitivity(table: pd.DataFrame, effect: Differences, rule: str, limit: float) -> Figure:
    """Draw the probability and each δ against the power; the table is that of `Sensitivity`.

    Parameters
    ----------
    rule : str
        What the probability is of, in words.
    limit : float
        Largest Pareto k that counts as reliable.
    """
    n_panels = 1 + len(effect.outcomes)
    columns = min(n_panels, 4)
    rows = -(-n_panels // columns)
    figure, grid = style.panels(2.9 * columns + 0.4, 1.5 + 2.6 * rows, rows, columns)
    for spare in grid.flat[n_panels:]:
        spare.remove()
    quantities = [(rule, effect.outcomes[0], "probability")]
    quantities += [(f"δ of {style.caption(k, 18)}", k, "delta") for k in effect.outcomes]
    for axes, (name, outcome, column) in zip(grid.flat, quantities, strict=False):
        _panel(axes, table, outcome, column)
        style.panel_title(axes, name)
    handles = [
        style.key(name if name in ("prior", "likelihood") else f"prior of {name}", colour, marker=m)
        for name, (colour, m) in zip(table["scaled"].unique(), LOOKS, strict=False)
    ]
    if not table["reliable"].all():
        label = f"Pareto k above {limit:.2f}: not reliable"
        handles.append(style.key(label, GREY, linestyle="", **style.HOLLOW))
    style.legend(figure, handles, 4)
    words = f"{effect.estimand} {style.contrast(effect.groups)}. Bars: two Monte Carlo errors."
    title = "A stronger or weaker prior, or likelihood"
    style.figure_heading(figure, title, words, effect.diagnostics)
    return figure


def _panel(axes: Axes, table: pd.DataFrame, outcome: str, column: str) -> None:
    """Draw one quantity with two Monte Carlo errors up and down, a line for each component."""
    part = table[table["outcome"] == outcome]
    for name, (colour, marker) in zip(part["scaled"].unique(), LOOKS, strict=False):
        line = part[part["scaled"] == name]
        error = 2 * line[f"{column}_mcse"]
        axes.errorbar(
            line["power"], line[column], error, color=colour, linewidth=1.4, elinewidth=1, gid=name
        )
        for good, face in ((True, colour), (False, "white")):
            some = line[line["reliable"] == good]
            x, y = some["power"], some[column]
            axes.plot(x, y, marker, markersize=5.5, color=colour, markerfacecolor=face, zorder=3)
    shown = part[part["reliable"]]
    if len(shown):  # what is not reliable must not set the scale
        error = 2 * shown[f"{column}_mcse"]
        low, high = (shown[column] - error).min(), (shown[column] + error).max()
        room = max(0.25 * (high - low), 0.01)
        axes.set_ylim(low - room, high + room)
    axes.axvline(1, color=GREY, linewidth=1, zorder=0)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(part["power"].to_numpy())))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.set_xlabel("to the power")
    style.bare(axes)


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
