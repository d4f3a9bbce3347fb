"""The picture of shrinkage: raw rates of clusters beside the model's estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bmco_pymc.cluster_rates import cluster_rates
from bmco_pymc.picture import (
    GREY,
    GROUPS,
    INK,
    Picture,
    caption,
    captions,
    figure_heading,
    legend,
    room_for,
    spread_out,
    style,
)
from bmco_pymc.plots.marks import check_prob, check_whole
from bmco_pymc.population import Empirical

if TYPE_CHECKING:
    from bmco_pymc.fit import Fit


def plot_shrinkage(fit: Fit, *, ci_prob: float = 0.95, most: int = 60) -> Figure:
    """Draw how far the model moves each cluster's raw rate towards the population.

    Parameters
    ----------
    fit : Fit
        Of a BGLMM.
    ci_prob : float
        Probability in the estimates' equal-tailed intervals.
    most : int
        How many clusters of each group to show, at most; at equal steps of their order.

    Returns
    -------
    matplotlib.figure.Figure
        An axes per group (down) and outcome (across). A line leads from the raw rate of a cluster
        (open, larger for more subjects) to its estimate (filled); the upright line is the mean in
        new clusters, for each group's own subjects. Clusters are sorted by their raw rates.

    Raises
    ------
    InputError
        If the model has no clusters, or an argument cannot be used.

    See Also
    --------
    bmco_pymc.cluster_rates.cluster_rates : The numbers.
    """
    prob = check_prob(ci_prob)
    check_whole("most", most, 1)
    rates = cluster_rates(fit, prob)
    study = fit.model.study
    population = fit.effect(Empirical(), clusters="new", standardise="own")
    mean = population.theta.mean(("chain", "draw")).transpose("group", "outcome").values  # (2, K)
    shown: list[list[str]] = []
    for group in study.group_labels:
        own = rates[rates["group"] == group].groupby("cluster", sort=False)["raw"].mean()
        clusters = own.sort_values(kind="stable").index.to_numpy(dtype=object)
        shown.append(list(spread_out(clusters, most)))

    heights = [0.6 + 0.17 * len(clusters) for clusters in shown]
    n_outcomes = len(study.outcomes)
    beside = room_for((caption(label, 24) for labels in shown for label in labels), 7.5)
    width = max(6.6, max(1.2, 0.7 + beside) + 2.9 * n_outcomes)
    figure = Picture(figsize=(width, 1.8 + sum(heights)), layout="constrained")
    panels = figure.subplots(
        2, n_outcomes, sharex=True, sharey="row", squeeze=False, height_ratios=heights
    )
    largest = rates["subjects"].max()
    for g, group in enumerate(study.group_labels):
        for k, outcome in enumerate(study.outcomes):
            axes = panels[g, k]
            chosen = rates[(rates["group"] == group) & (rates["outcome"] == outcome)]
            _panel(axes, chosen.set_index("cluster").loc[shown[g]], GROUPS[g], largest)
            axes.axvline(
                mean[g, k], color=GROUPS[g], linewidth=1.3, linestyle="--", zorder=1, gid="mean"
            )
            axes.set_title(
                ", ".join(captions((outcome, group), 26)),
                loc="left",
                fontsize=10,
                fontweight="bold",
                color=INK,
            )
    for axes in panels[-1]:
        axes.set(xlabel="success rate", xlim=(-0.03, 1.03))
    words = (
        f"Each {caption(study.cluster)}: the rate of its subjects, and their mean probability "
        f"given its own coefficients with {100 * prob:g}% interval. Dashed: mean in new clusters. "
        "Larger circles stand for more subjects. Sorted by the raw rates."
    )
    left_out = {len(fit.model.cells.cluster_labels)} if max(map(len, shown)) == most else set()
    words += "".join(f" At most {most} of {n} clusters are shown." for n in left_out if n > most)
    figure_heading(figure, "Raw rates and estimates of clusters", words, population.diagnostics)
    handles: list[Artist] = [
        Line2D(
            [],
            [],
            color=INK,
            marker="o",
            markerfacecolor="white",
            linestyle="",
            label="raw rate",
        ),
        Line2D([], [], color=INK, marker="o", linewidth=1.2, label="estimate"),
        Line2D([], [], color=GREY, linestyle="--", label="mean in new clusters"),
    ]
    legend(figure, handles, columns=3)
    return figure


def _panel(axes: Axes, rates: pd.DataFrame, colour: str, largest: int) -> None:
    """Draw the clusters of one group and outcome, the first row at the bottom."""
    y = np.arange(len(rates))
    axes.hlines(y, rates["lower"], rates["upper"], color=colour, linewidth=1, alpha=0.55, zorder=2)
    axes.hlines(y, rates["raw"], rates["mean"], color=INK, linewidth=1.1, zorder=3, gid="moves")
    size = 12 + 42 * rates["subjects"] / largest
    axes.scatter(
        rates["raw"],
        y,
        s=size,
        facecolor="white",
        edgecolor=INK,
        linewidth=1.1,
        zorder=4,
        gid="raw",
    )
    axes.scatter(
        rates["mean"],
        y,
        s=26,
        facecolor=colour,
        edgecolor="white",
        linewidth=0.6,
        zorder=5,
        gid="estimate",
    )
    axes.set_yticks(y, [caption(label, 24) for label in rates.index], fontsize=7.5)
    axes.set_ylim(-0.8, len(rates) - 0.2)
    axes.tick_params(axis="y", length=0)
    style(axes)
