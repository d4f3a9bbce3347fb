"""The picture of shrinkage: raw rates of clusters beside the model's estimates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bmco_pymc.arguments import probability
from bmco_pymc.plots import style
from bmco_pymc.plots.ranked import FONT, HEIGHT, LONGEST, Ranked, name_rows, ranked
from bmco_pymc.plots.style import GREY, GROUPS, INK
from bmco_pymc.posterior.differences import Differences


def plot_shrinkage(
    rates: pd.DataFrame, population: Differences, *, ci_prob: float, most: int
) -> Figure:
    """Draw raw rates of clusters beside their estimates; see `Fit.plot_shrinkage`."""
    prob = probability("ci_prob", ci_prob)
    study = population.posterior.model.study
    mean = population.theta.mean(("chain", "draw")).transpose("group", "outcome").values  # (2, K)
    clusters: list[list[str]] = []  # of each group
    shown: list[Ranked] = []
    for group in study.group_labels:
        own = rates[rates["group"] == group].groupby("cluster", sort=False)["raw"].mean()
        clusters.append(list(own.index))
        shown.append(ranked(own.to_numpy(float), most))

    heights = [0.6 + HEIGHT * rows.top for rows in shown]
    captions = [[style.caption(label, LONGEST) for label in labels] for labels in clusters]
    n_outcomes = len(study.outcomes)
    room = style.room_for([label for labels in captions for label in labels], FONT)
    width = max(6.6, max(1.3, 0.9 + room) + 2.9 * n_outcomes)
    figure, panels = style.panels(
        width, 1.8 + sum(heights), 2, n_outcomes, sharex=True, sharey="row", height_ratios=heights
    )
    largest = rates["subjects"].max()
    for (g, k), axes in np.ndenumerate(panels):
        group, outcome = study.group_labels[g], study.outcomes[k]
        chosen = rates[(rates["group"] == group) & (rates["outcome"] == outcome)]
        chosen = chosen.set_index("cluster").loc[clusters[g]]
        _panel(axes, chosen.iloc[shown[g].chosen], shown[g], GROUPS[g], largest)
        name_rows(axes, shown[g], captions[g])
        axes.axvline(
            mean[g, k], color=GROUPS[g], linewidth=1.3, linestyle="--", zorder=1, gid="mean"
        )
        style.panel_title(axes, ", ".join(style.captions((outcome, group), 26)), 10)
    for axes in panels[-1]:
        axes.set(xlabel="success rate", xlim=(-0.03, 1.03))
    for axes in panels[:, 0]:
        axes.set_ylabel(style.caption(study.cluster))
    sizes = rates["subjects"].unique()
    each = "Larger circles are of more subjects."
    if len(sizes) == 1:
        each = f"Each circle is of {sizes[0]} subjects."
    raw = "raw rate" if n_outcomes == 1 else "raw rate averaged over the outcomes"
    words = (
        f"Each {style.caption(study.cluster)}: the rate of its subjects, and their mean "
        f"probability given its own coefficients with {100 * prob:g}% interval. {each} Dashed: "
        f"mean in new clusters. Each group is sorted by the {raw}."
    )
    if any(rows.left_out for rows in shown):
        words += f" At most {most} of a group are shown: the highest and the lowest."
    title = "Raw rates and estimates of clusters"
    style.figure_heading(figure, title, words, population.diagnostics)
    handles = [
        style.key("raw rate", INK, linestyle="", **style.HOLLOW),
        style.key("estimate", INK, marker="o", linewidth=1.2),
        style.key("mean in new clusters", GREY, linestyle="--"),
    ]
    style.legend(figure, handles, columns=3)
    return figure


def _panel(axes: Axes, rates: pd.DataFrame, rows: Ranked, colour: str, largest: int) -> None:
    """Draw clusters of one group and outcome, the first row at the bottom."""
    y = rows.y
    raw, mean, size = rates["raw"], rates["mean"], 12 + 42 * rates["subjects"] / largest
    axes.hlines(y, rates["lower"], rates["upper"], color=colour, linewidth=1, alpha=0.55, zorder=2)
    axes.hlines(y, raw, mean, color=INK, linewidth=1.1, zorder=3, gid="moves")
    axes.scatter(raw, y, size, facecolor="white", edgecolor=INK, linewidth=1.1, zorder=4, gid="raw")
    axes.scatter(
        mean, y, 26, facecolor=colour, edgecolor="white", linewidth=0.6, zorder=5, gid="estimate"
    )
