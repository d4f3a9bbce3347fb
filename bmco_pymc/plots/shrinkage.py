"""The picture of shrinkage: raw rates of clusters beside the model's estimates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bmco_pymc.arguments import probability
from bmco_pymc.plots import marks, style
from bmco_pymc.plots.style import GREY, GROUPS, INK
from bmco_pymc.posterior.differences import Differences


def plot_shrinkage(
    rates: pd.DataFrame, population: Differences, *, ci_prob: float, most: int
) -> Figure:
    """Draw raw rates of clusters beside their estimates; see `Fit.plot_shrinkage`."""
    prob = probability("ci_prob", ci_prob)
    model, study = population.posterior.model, population.posterior.model.study
    mean = population.theta.mean(("chain", "draw")).transpose("group", "outcome").values  # (2, K)
    shown: list[list[str]] = []
    for group in study.group_labels:
        own = rates[rates["group"] == group].groupby("cluster", sort=False)["raw"].mean()
        clusters = own.sort_values(kind="stable").index.to_numpy(dtype=object)
        shown.append(list(style.spread_out(clusters, most)))

    heights = [0.6 + 0.17 * len(clusters) for clusters in shown]
    labels = [style.caption(label, 24) for clusters in shown for label in clusters]
    n_outcomes = len(study.outcomes)
    width = max(6.6, max(1.2, 0.7 + style.room_for(labels, 7.5)) + 2.9 * n_outcomes)
    figure, panels = style.panels(
        width, 1.8 + sum(heights), 2, n_outcomes, sharex=True, sharey="row", height_ratios=heights
    )
    largest = rates["subjects"].max()
    for (g, k), axes in np.ndenumerate(panels):
        group, outcome = study.group_labels[g], study.outcomes[k]
        chosen = rates[(rates["group"] == group) & (rates["outcome"] == outcome)]
        _panel(axes, chosen.set_index("cluster").loc[shown[g]], GROUPS[g], largest)
        axes.axvline(
            mean[g, k], color=GROUPS[g], linewidth=1.3, linestyle="--", zorder=1, gid="mean"
        )
        style.panel_title(axes, ", ".join(style.captions((outcome, group), 26)), 10)
    for axes in panels[-1]:
        axes.set(xlabel="success rate", xlim=(-0.03, 1.03))
    words = (
        f"Each {style.caption(study.cluster)}: the rate of its subjects, and their mean "
        f"probability given its own coefficients with {100 * prob:g}% interval. Dashed: mean in "
        "new clusters. Larger circles stand for more subjects. Sorted by the raw rates."
    )
    n = len(model.cells.cluster_labels)
    if max(map(len, shown)) == most < n:
        words += f" At most {most} of {n} clusters are shown."
    title = "Raw rates and estimates of clusters"
    style.figure_heading(figure, title, words, population.diagnostics)
    handles = [
        style.key("raw rate", INK, linestyle="", **style.HOLLOW),
        style.key("estimate", INK, marker="o", linewidth=1.2),
        style.key("mean in new clusters", GREY, linestyle="--"),
    ]
    style.legend(figure, handles, columns=3)
    return figure


def _panel(axes: Axes, rates: pd.DataFrame, colour: str, largest: int) -> None:
    """Draw the clusters of one group and outcome, the first row at the bottom."""
    y = np.arange(len(rates))
    raw, mean, size = rates["raw"], rates["mean"], 12 + 42 * rates["subjects"] / largest
    axes.hlines(y, rates["lower"], rates["upper"], color=colour, linewidth=1, alpha=0.55, zorder=2)
    axes.hlines(y, raw, mean, color=INK, linewidth=1.1, zorder=3, gid="moves")
    axes.scatter(raw, y, size, facecolor="white", edgecolor=INK, linewidth=1.1, zorder=4, gid="raw")
    axes.scatter(
        mean, y, 26, facecolor=colour, edgecolor="white", linewidth=0.6, zorder=5, gid="estimate"
    )
    labels = [style.caption(label, 24) for label in rates.index]
    marks.named_rows(axes, labels, 0.8, upwards=True, fontsize=7.5)
