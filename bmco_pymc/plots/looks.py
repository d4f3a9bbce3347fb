"""The pictures of looks: what it takes to stop, and how likely that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from bmco_pymc.plots import marks, style
from bmco_pymc.plots.planning import lines_of, on_lines, rows_of
from bmco_pymc.plots.style import BLUE, GREEN, INK, VERMILION

NARROW = 0.035  # a part of a bar in which no number has room
HATCH = "//"  # of what is given up, or a copy without colours takes it for success


def plot_boundary(
    sizes: NDArray[np.int64],
    cuts: NDArray[np.float64],
    futility: float | None,
    futility_by: str,
    title: str,
    words: str,
) -> Figure:
    """Draw what the deciding probability must exceed at each look, and where the trial is given up.

    Parameters
    ----------
    sizes : ndarray of int, shape (looks, 2)
        Subjects of the control and of the treatment.
    cuts : ndarray, shape (looks,)
    futility : float or None
    futility_by : str
        Of which probability futility is a bound.
    title, words : str
    """
    rows = 1 if futility is None else 2
    figure, grid = style.panels(7.4, 2.0 + 2.3 * rows, rows, sharex=True)
    x = np.arange(1, len(cuts) + 1)
    top = grid[0, 0]
    room = 1 - cuts.min()
    top.set_ylim(cuts.min() - 0.35 * room, 1 + 0.02 * room)
    _bound(top, x, cuts, GREEN, up=True)
    top.set_ylabel("posterior probability\nthat decides")
    style.panel_title(top, "stops with success above")
    below = grid[-1, 0]
    if futility is not None:
        early = x[:-1]
        below.set_ylim(0, min(1.0, 2.5 * futility))
        _bound(below, early, np.full(len(early), futility), VERMILION, up=False)
        below.set_ylabel(f"{futility_by} probability\nof success")
        style.panel_title(below, "may be given up below (not binding)")
    below.set_xlim(0.6, len(cuts) + 0.4)
    below.set_xticks(x, [f"{look}\n{n[0]} + {n[1]}" for look, n in enumerate(sizes.tolist(), 1)])
    below.set_xlabel("look, and subjects of the control and of the treatment")
    style.figure_heading(figure, title, words)
    return figure


def _bound(
    axes: Axes, x: NDArray[np.int64], y: NDArray[np.float64], colour: str, *, up: bool
) -> None:
    """Draw a bound at each look, and shade what is beyond it."""
    low, high = axes.get_ylim()
    axes.vlines(x, y, high if up else low, color=colour, linewidth=16, alpha=0.18)
    axes.plot(x, y, color=colour, linewidth=1, linestyle=":", zorder=2)
    axes.plot(x, y, linestyle="", marker="_", markersize=22, markeredgewidth=2.5, color=colour)
    for at, value in zip(x, y, strict=True):
        axes.annotate(
            f"{value:.4g}",
            (at, value),
            xytext=(0, -5 if up else 5),
            textcoords="offset points",
            ha="center",
            va="top" if up else "bottom",
            fontsize=9,
            color=INK,
        )
    style.bare(axes)


def plot_stopping(data: xr.Dataset, title: str, words: str) -> Figure:
    """Draw the probabilities of stopping at each look, by scenario, as parts of a bar.

    Parameters
    ----------
    data : xarray.Dataset
        That of power, assurance or prediction, see `bmco_pymc.trial.characteristics`.
    title, words : str
    """
    looks = [int(look) for look in data["look"].values]
    prediction = "if_analysed" in data
    data, words = rows_of(data, words)
    labels = on_lines(data["scenario"].values, 40, 3)
    if prediction:
        labels = ["from now on"]
    width = max(7.4, 1.2 + style.room_for(lines_of(labels), 9) + 4.6)
    lines = 1 + max(label.count("\n") for label in labels)
    height = 2.2 + max(0.4, 0.18 * lines) * len(labels) + 0.2 * len(looks) / 3
    figure, ((axes,),) = style.panels(width, height)
    parts = _parts(data, looks)
    left = np.zeros(len(labels))
    for part in parts:
        axes.barh(range(len(labels)), part.widths, 0.7, left, **part.look)
        for y, (start, value) in enumerate(zip(left, part.widths, strict=True)):
            if part.number and value > NARROW:
                dark = sum(to_rgb(part.colour)) < 1.7
                axes.text(
                    start + value / 2, y, part.number, ha="center", va="center", fontsize=9,
                    color="white" if dark else INK,
                    bbox={"facecolor": part.colour, "edgecolor": "none", "pad": 1.5},
                )  # fmt: skip
        left = left + part.widths
    marks.named_rows(axes, labels, 0.6, fontsize=9)
    axes.set(xlim=(0, 1), xlabel="probability")
    if "expected_n" in data:
        texts = [
            " + ".join(f"{n:.1f}".removesuffix(".0") for n in row)
            for row in data["expected_n"].values.tolist()
        ]
        heads = [["mean n", *texts]]
        if "expected_clusters" in data:
            clusters = data["expected_clusters"].values.tolist()
            heads.insert(0, ["mean clusters", *(f"{number:.1f}" for number in clusters)])
        marks.columns(axes, heads)
    style.figure_heading(figure, title, f"{words} Numbers in the bars: the look.")
    handles = [Patch(label=part.name, **part.look) for part in parts]
    style.legend(figure, handles, columns=min(4, math.ceil(len(handles) / 2)))
    return figure


@dataclass(frozen=True, eq=False)
class _Part:
    """A part of the bars: its name, its width in each, and how it looks."""

    name: str
    widths: NDArray[np.float64]
    colour: str
    number: str = ""
    hatch: str | None = None

    @property
    def look(self) -> dict[str, Any]:
        return {"facecolor": self.colour, "edgecolor": "white", "hatch": self.hatch}


def _parts(data: xr.Dataset, looks: list[int]) -> list[_Part]:
    """Return the parts of the bars from left to right."""
    success = data["stop_success"].transpose("scenario", "look").values
    futile = data["stop_futility"].transpose("scenario", "look").values
    parts = [
        _Part(f"success at look {look}", success[:, i], _shade(BLUE, i, len(looks)), str(look))
        for i, look in enumerate(looks)
    ]
    rest = np.clip(1 - success.sum(axis=1) - futile.sum(axis=1), 0, 1)
    parts.append(_Part("ends without success", rest, "#E6E6E6"))
    for i in reversed([i for i in range(len(looks)) if futile[:, i].any()]):
        colour = _shade(VERMILION, i, len(looks))
        name, number = f"given up at look {looks[i]}", str(looks[i])
        parts.append(_Part(name, futile[:, i], colour, number, HATCH))
    return parts


def _shade(colour: str, place: int, among: int) -> str:
    """Return a colour, the lighter the later the look."""
    share = 0.65 * place / max(among - 1, 1)
    mixed = [round(255 * (part + share * (1 - part))) for part in to_rgb(colour)]
    return "#" + "".join(f"{part:02X}" for part in mixed)
