"""The picture of clusters: their effects or coefficients, sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bmco_pymc.arguments import one_of
from bmco_pymc.cluster_rates import check_clusters
from bmco_pymc.columns import text
from bmco_pymc.picture import (
    BLUE,
    GREY,
    INK,
    Picture,
    caption,
    draws_of,
    figure_heading,
    legend,
    room_for,
    spread_out,
    style,
)
from bmco_pymc.plots.marks import check_prob, check_whole, interval, interval_key
from bmco_pymc.subgroups import make_subgroups

if TYPE_CHECKING:
    from bmco_pymc.fit import Fit

KINDS = ("delta", "coefficients")


def plot_clusters(
    fit: Fit,
    what: str = "delta",
    *,
    ci_prob: float = 0.95,
    most: int = 60,
    progress: bool = True,
) -> Figure:
    """Draw a caterpillar: each cluster with its interval, sorted by the mean in each panel.

    Parameters
    ----------
    fit : Fit
        Of a BGLMM.
    what : {"delta", "coefficients"}
        δ of each cluster over its own subjects, a panel per outcome; or its coefficients minus
        their mean over the clusters, γ_j − γ, a panel per random term (down) and pattern (across).
    ci_prob : float
        Probability in the equal-tailed intervals; the thick part holds half.
    most : int
        How many clusters to show, at most; they are taken at equal steps of their order.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    matplotlib.figure.Figure
        Clusters whose interval holds zero are grey and open.

    Raises
    ------
    InputError
        If the model has no clusters, or an argument cannot be used.
    """
    check_clusters(fit)
    prob = check_prob(ci_prob)
    check_whole("most", most, 1)
    one_of("what", what, KINDS, "is unknown")
    study = fit.model.study
    if what == "delta":
        options = {"clusters": "observed"}
        each = make_subgroups(fit, str(study.cluster), None, options, progress=progress)
        draws = np.stack([draws_of(effect) for effect in each.effects])[None]  # (1, J, S, K)
        labels, diagnostics = list(each.labels), each.diagnostics
        titles = [[caption(outcome, 24) for outcome in study.outcomes]]
        control, treatment = study.group_labels
        unit, title = "δ", f"Effect in each cluster: δ = {caption(treatment)} − {caption(control)}"
        words = f"Each {caption(study.cluster)} averaged over its own subjects (pooled)."
        if fit.model.cells.one_group_clusters:
            words += " Each holds one group only and is extrapolated to the other group."
    else:
        posterior = fit.idata["posterior"].to_dataset()
        deviation = posterior["gamma_cluster"] - posterior["gamma"]
        deviation = deviation.transpose("random_term", "cluster", "chain", "draw", "logit")
        values = deviation.values
        draws = values.reshape(*values.shape[:2], -1, values.shape[-1])  # (p, J, S, L)
        labels = [text(label) for label in fit.model.coords["cluster"]]
        diagnostics = fit.diagnostics
        reference = study.patterns[-1]
        titles = [
            [
                f"{caption(term, 12)}, {pattern} against {reference}"
                for pattern in fit.model.coords["logit"]
            ]
            for term in fit.model.coords["random_term"]
        ]
        unit, title = "γⱼ − γ (log odds)", f"Coefficients of each {caption(study.cluster)}"
        outcomes = ", ".join(map(caption, study.outcomes))
        words = f"How far each differs from the mean over clusters; outcomes {outcomes} "
        words += "in the order of the pattern."
    words += " Sorted in each panel."
    n_clusters = min(len(labels), most)
    if n_clusters < len(labels):
        words += f" {n_clusters} of {len(labels)} are shown."

    n_rows, n_columns = len(titles), len(titles[0])
    height = 0.45 + 0.16 * n_clusters
    labels = [caption(label, 24) for label in labels]
    across = max(2.8, 2.4 + room_for(labels, 7.5))
    figure = Picture(
        figsize=(1.0 + across * n_columns, 1.7 + n_rows * height), layout="constrained"
    )
    panels = figure.subplots(n_rows, n_columns, sharex="row", squeeze=False)
    for row in range(n_rows):
        for column in range(n_columns):
            axes = panels[row, column]
            _caterpillar(axes, draws[row, :, :, column], labels, prob, n_clusters)
            axes.set_title(
                titles[row][column],
                loc="left",
                fontsize=10,
                fontweight="bold",
                color=INK,
            )
    for axes in panels[-1]:
        axes.set_xlabel(unit)
    figure_heading(figure, title, words, diagnostics)
    handles: list[Artist] = [
        interval_key(BLUE, prob),
        Line2D(
            [],
            [],
            color=GREY,
            marker="o",
            markerfacecolor="white",
            label=f"{100 * prob:g}% interval holds 0",
        ),
    ]
    legend(figure, handles)
    return figure


def _caterpillar(
    axes: Axes, draws: NDArray[np.float64], labels: list[str], prob: float, most: int
) -> None:
    """Draw some of the clusters' draws (J, S) from the lowest mean to the highest."""
    order = spread_out(np.argsort(draws.mean(axis=1), kind="stable"), most)
    for y, cluster in enumerate(order):
        lower, upper = np.quantile(draws[cluster], [(1 - prob) / 2, (1 + prob) / 2])
        clear = lower > 0 or upper < 0
        interval(
            axes,
            y,
            draws[cluster],
            prob,
            BLUE if clear else GREY,
            filled=bool(clear),
            size=4.5,
            gid=labels[cluster],
        )
    axes.axvline(0, color=GREY, linewidth=1, zorder=1)
    axes.set_yticks(range(len(order)), [labels[cluster] for cluster in order], fontsize=7.5)
    axes.set_ylim(-0.8, len(order) - 0.2)
    axes.tick_params(axis="y", length=0)
    style(axes)
