"""The picture of clusters: their effects or coefficients, in one order for the panels of a row."""

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
from bmco_pymc.plots.ranked import FONT, HEIGHT, LONGEST, Ranked, name_rows, ranked
from bmco_pymc.plots.style import BLUE, GREY


@dataclass(frozen=True, eq=False)
class Clusters:
    """What a caterpillar shows.

    Attributes
    ----------
    draws : ndarray, shape (p, J, S, n)
        S draws of J clusters, in p rows and n columns of panels.
    by : ndarray, shape (p, J)
        What the clusters are sorted by in each row of panels.
    labels : sequence of str, length J
        The clusters.
    titles : sequence of sequences of str, shape (p, n)
        Of the panels.
    cluster, unit, title, words : str
        What a cluster is called; of the axis; of the whole; and what is shown.
    diagnostics : Diagnostics
        The verdict on all of it.
    """

    draws: NDArray[np.float64]
    by: NDArray[np.float64]
    labels: Sequence[str]
    titles: Sequence[Sequence[str]]
    cluster: str
    unit: str
    title: str
    words: str
    diagnostics: Diagnostics


def plot_clusters(shown: Clusters, *, ci_prob: float, most: int) -> Figure:
    """Draw the clusters, or the highest and the lowest of them; see `Fit.plot_clusters`."""
    prob = probability("ci_prob", ci_prob)
    n_rows, n_columns = len(shown.titles), len(shown.titles[0])
    rows = [ranked(by, most) for by in shown.by]
    labels = [style.caption(label, LONGEST) for label in shown.labels]
    width = 0.9 + style.room_for(labels, FONT) + 2.7 * n_columns
    height = 1.7 + n_rows * (0.45 + HEIGHT * rows[0].top)
    figure, panels = style.panels(width, height, n_rows, n_columns, sharex="row", sharey="row")
    for (row, column), axes in np.ndenumerate(panels):
        _caterpillar(axes, shown.draws[row, :, :, column], labels, prob, rows[row])
        style.panel_title(axes, shown.titles[row][column], 10)
    for axes in panels[:, 0]:
        axes.set_ylabel(shown.cluster)
    for axes in panels[-1]:
        axes.set_xlabel(shown.unit)
    words = f"{shown.words} {rows[0].words}".strip()
    style.figure_heading(figure, shown.title, words, shown.diagnostics)
    holds = style.key(f"{100 * prob:g}% interval holds 0", GREY, **style.HOLLOW)
    style.legend(figure, [marks.interval_key(BLUE, prob), holds])
    return figure


def _caterpillar(
    axes: Axes, draws: NDArray[np.float64], labels: list[str], prob: float, rows: Ranked
) -> None:
    """Draw the chosen of the clusters' draws (J, S), each in its row."""
    for y, cluster in zip(rows.y, rows.chosen, strict=True):
        own, gid = draws[cluster], labels[cluster]
        lower, upper = marks.ends(own, prob)
        clear = bool(lower > 0 or upper < 0)
        colour = BLUE if clear else GREY
        marks.interval(axes, int(y), own, prob, colour, filled=clear, size=4.5, gid=gid)
    axes.axvline(0, color=GREY, linewidth=1, zorder=1)
    axes.locator_params(axis="x", nbins=5)
    name_rows(axes, rows, labels)
