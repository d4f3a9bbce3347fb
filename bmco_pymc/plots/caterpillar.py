"""The picture of clusters: their effects or coefficients, sorted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bmco_pymc.arguments import probability
from bmco_pymc.diagnostics.verdict import Diagnostics
from bmco_pymc.plots import marks, style
from bmco_pymc.plots.style import BLUE, GREY


@dataclass(frozen=True, eq=False)
class Clusters:
    """What a caterpillar shows.

    Attributes
    ----------
    draws : ndarray, shape (p, J, S, n)
        S draws of J clusters, in p rows and n columns of panels.
    labels : sequence of str, length J
        The clusters.
    titles : sequence of sequences of str, shape (p, n)
        Of the panels.
    unit, title, words : str
        Of the axis; of the whole; and what is shown.
    diagnostics : Diagnostics
        The verdict on all of it.
    """

    draws: NDArray[np.float64]
    labels: Sequence[str]
    titles: Sequence[Sequence[str]]
    unit: str
    title: str
    words: str
    diagnostics: Diagnostics


def plot_clusters(shown: Clusters, *, ci_prob: float, most: int) -> Figure:
    """Draw some of the clusters, sorted in each panel; see `Fit.plot_clusters`."""
    prob = probability("ci_prob", ci_prob)
    words = f"{shown.words} Sorted in each panel."
    n_clusters = min(len(shown.labels), most)
    if n_clusters < len(shown.labels):
        words += f" {n_clusters} of {len(shown.labels)} are shown."

    n_rows, n_columns = len(shown.titles), len(shown.titles[0])
    labels = [style.caption(label, 24) for label in shown.labels]
    width = 1.0 + max(2.8, 2.4 + style.room_for(labels, 7.5)) * n_columns
    height = 1.7 + n_rows * (0.45 + 0.16 * n_clusters)
    figure, panels = style.panels(width, height, n_rows, n_columns, sharex="row")
    for (row, column), axes in np.ndenumerate(panels):
        _caterpillar(axes, shown.draws[row, :, :, column], labels, prob, n_clusters)
        style.panel_title(axes, shown.titles[row][column], 10)
    for axes in panels[-1]:
        axes.set_xlabel(shown.unit)
    style.figure_heading(figure, shown.title, words, shown.diagnostics)
    holds = style.key(f"{100 * prob:g}% interval holds 0", GREY, **style.HOLLOW)
    style.legend(figure, [marks.interval_key(BLUE, prob), holds])
    return figure


def _caterpillar(
    axes: Axes, draws: NDArray[np.float64], labels: list[str], prob: float, most: int
) -> None:
    """Draw some of the clusters' draws (J, S) from the lowest mean to the highest."""
    order = style.spread_out(np.argsort(draws.mean(axis=1), kind="stable"), most)
    for y, cluster in enumerate(order):
        own, gid = draws[cluster], labels[cluster]
        lower, upper = marks.ends(own, prob)
        clear = bool(lower > 0 or upper < 0)
        colour = BLUE if clear else GREY
        marks.interval(axes, y, own, prob, colour, filled=clear, size=4.5, gid=gid)
    axes.axvline(0, color=GREY, linewidth=1, zorder=1)
    chosen = [labels[cluster] for cluster in order]
    marks.named_rows(axes, chosen, 0.8, upwards=True, fontsize=7.5)
