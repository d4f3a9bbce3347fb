"""Pictures of posterior predictive checks: what was observed beside what the model replicates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.arguments import one_of, probability
from bmco_pymc.plots import marks, style
from bmco_pymc.plots.ranked import FONT, HEIGHT
from bmco_pymc.plots.style import BLUE, GREY, SKY, VERMILION
from bmco_pymc.posterior.check import NAMES, Check, check, words
from bmco_pymc.posterior.replicate import Replicates, replicate

if TYPE_CHECKING:
    from bmco_pymc.data.study import Study
    from bmco_pymc.posterior.posterior import Posterior

LABELS = {
    "rates": "success rate",
    "correlations": "correlation (phi coefficient)",
    "patterns": "number of subjects",
    "clusters": "success rate in the cluster",
    "calibration": "calibration",
}
TITLES = {
    "rates": "Success rates by group",
    "correlations": "Correlation of the outcomes by group",
    "patterns": "Response patterns by group",
    "clusters": "Success rates by cluster",
    "calibration": "Calibration: observed rates against predicted probabilities",
}
TICKS = (0, 0.25, 0.5, 0.75, 1)
# White within, or it cannot be seen on a bar in a copy without colours.
OBSERVED: dict[str, Any] = {
    "marker": "D",
    "color": VERMILION,
    "markerfacecolor": "white",
    "markeredgewidth": 1.7,
    "markersize": 5.5,
    "linestyle": "",
}


def available(drawn: Replicates) -> list[str]:
    """Return the kinds of pictures that a study has."""
    study = drawn.fit.model.study
    missing = set() if study.n_outcomes > 1 else {"correlations"}
    missing |= {"clusters"} if drawn.units.cluster is None else set()
    return [kind for kind in LABELS if kind not in missing]


def plot_check(
    fit: Posterior, kind: str, draws: int, seed: int | None, clusters: str | None, ci_prob: float
) -> Figure:
    """Draw one kind of check; see ``Fit.plot_check``."""
    ci_prob = probability("ci_prob", ci_prob)
    drawn = replicate(fit, draws, seed, clusters)
    kinds = available(drawn)
    one_of("kind", kind, kinds, "there is no such check of this fit")
    if kind == "calibration":
        figure = _calibration(drawn, ci_prob)
    else:
        figure = _intervals(check(drawn, ci_prob), kind, fit.model.study)
    style.figure_heading(
        figure, TITLES[kind], f"{words(drawn)}: {_analysed(drawn)}.", fit.diagnostics
    )
    return figure


def _analysed(drawn: Replicates) -> str:
    """Return how many subjects, and clusters, each replicate has."""
    n, of = int(drawn.fit.model.cells.weight.sum()), len(drawn.units.cluster_labels)
    return f"{n:,} subjects" + f" in {of} clusters" * (drawn.units.cluster is not None)


def _intervals(found: Check, kind: str, study: Study) -> Figure:
    """Draw a row for each statistic: replicates as a dot with two intervals, data as a diamond."""
    draws, observed = found.draws[NAMES[kind]], found.observed[NAMES[kind]]
    # clusters are the rows of a panel for each outcome; elsewhere a panel is a group
    panel = "outcome" if kind == "clusters" else "group"
    (row,) = (dim for dim in observed.dims if dim != panel)
    rows = [style.caption(label) for label in observed[row].values]
    if row == "pair":
        pairs = patterns.pairs(study.n_outcomes)
        rows = [", ".join(style.captions([study.outcomes[k] for k in pair], 40)) for pair in pairs]
    n_rows, n_panels = len(rows), observed.sizes[panel]
    font, height = (10.0, 0.28) if n_rows <= 12 else (FONT, HEIGHT)
    width = 3.2 * n_panels + max(1.2, 0.4 + style.room_for(rows, font))
    figure, (panels,) = style.panels(
        width, 2.0 + height * n_rows, 1, n_panels, sharex=True, sharey=True
    )
    for axes, label in zip(panels, observed[panel].values, strict=True):
        new = draws.sel({panel: label}).transpose("chain", "draw", row).values.reshape(-1, n_rows)
        _rows(axes, new, observed.sel({panel: label}).values, found.ci_prob)
        style.panel_title(axes, style.caption(label, 30))
        axes.set_xlabel(LABELS[kind])
        axes.locator_params(axis="x", nbins=6)
        marks.named_rows(axes, rows, 0.6, fontsize=font)
    if kind in ("patterns", "clusters"):
        panels[0].set_ylabel(
            "response pattern" if kind == "patterns" else style.caption(study.cluster)
        )
    handles = [
        style.key("observed", **OBSERVED),
        style.key("replicates: mean, 50%", BLUE, marker="o", linewidth=4),
        style.key(f"{100 * found.ci_prob:g}% of replicates", SKY, linewidth=1.6),
    ]
    style.legend(figure, handles, columns=3)
    return figure


def _rows(
    axes: Axes, new: NDArray[np.float64], observed: NDArray[np.float64], ci_prob: float
) -> None:
    for place, value in enumerate(observed):
        known = new[np.isfinite(new[:, place]), place]
        if len(known):
            axes.plot(
                marks.ends(known, ci_prob), [place] * 2, color=SKY, linewidth=1.6, gid="interval"
            )
            axes.plot(marks.ends(known, 0.5), [place] * 2, color=BLUE, linewidth=4, gid="half")
            axes.plot(known.mean(), place, color=BLUE, marker="o", markersize=6, gid="mean")
        axes.plot(value, place, **OBSERVED, zorder=4, gid="observed")
    axes.grid(axis="y", color="0.92")


def _calibration(drawn: Replicates, ci_prob: float) -> Figure:
    """Draw the share of successes against its prediction, smoothed to rise, for each outcome.

    The subjects of a cell have one predicted probability, so each stands for the share of
    successes in its cell: isotonic regression of these is that of the cells weighted by size.
    """
    observed, replicated, size = shares(drawn)
    outcomes = drawn.fit.model.study.outcomes
    n = len(outcomes)
    columns = min(n, 3)
    rows = -(-n // columns)
    figure, panels = style.panels(3.8 * columns, 3.8 * rows + 0.5, rows, columns)
    for spare in panels.flat[n:]:
        spare.remove()
    for k, (axes, outcome) in enumerate(zip(panels.flat, outcomes, strict=False)):
        known = size[:, k] > 0
        cells = observed[known, k], replicated[:, known, k], size[known, k]
        predicted, fitted, band = calibration(*cells, ci_prob)
        axes.axline((0, 0), slope=1, color=GREY, linestyle="--", linewidth=1)
        axes.fill_between(predicted, *band, color=SKY, alpha=0.35, linewidth=0)
        axes.plot(predicted, fitted, color=VERMILION, linewidth=1.8, gid="observed")
        axes.set(xlabel="predicted probability", ylabel="observed rate, isotonic fit")
        style.panel_title(axes, style.caption(outcome, 34))
        style.bare(axes)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.set(xticks=TICKS, yticks=TICKS)
    handles = [
        style.key("observed", VERMILION),
        style.key(f"{100 * ci_prob:g}% of replicates", SKY, alpha=0.5, linewidth=8),
    ]
    style.legend(figure, handles)
    return figure


def calibration(
    observed: NDArray[np.float64],
    replicated: NDArray[np.float64],
    size: NDArray[np.int64],
    ci_prob: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return sorted predictions, the isotonic fit of the observed shares and a band of replicates.

    Parameters
    ----------
    observed, size : ndarray, shape (n,)
        Share of successes in each cell, and its number of subjects.
    replicated : ndarray, shape (S, n)
        The shares in replicated data, whose mean is the prediction.
    ci_prob : float
        Probability in the band.

    Returns
    -------
    predicted, fitted : ndarray, shape (n,)
    band : ndarray, shape (2, n)

    References
    ----------
    Dimitriadis, Gneiting & Jordan (2021), https://doi.org/10.1073/pnas.2016191118
    """
    from scipy.optimize import isotonic_regression

    predicted = replicated.mean(axis=0)
    order = np.argsort(predicted, kind="stable")
    weights = size[order].astype(float)
    fits = [isotonic_regression(row[order], weights=weights).x for row in (observed, *replicated)]
    return predicted[order], fits[0], marks.ends(np.array(fits[1:]), ci_prob)


def shares(
    drawn: Replicates,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the share of successes in each cell that has a prediction of its own.

    Returns
    -------
    observed, replicated : ndarray, shapes (n, K) and (S, n, K)
    size : ndarray, shape (n, K)
        Number of subjects of whom the outcome was observed; without any, a share is NaN.
    """
    bits, seen = patterns.bits(drawn.fit.model.study.n_outcomes), drawn.units.seen
    full = drawn.units.completed
    both = [full, drawn.counts.reshape(-1, *full.shape)]
    success = [(counts @ bits.astype(np.int64)) * seen for counts in both]  # (..., u, K)
    size = full.sum(axis=-1, keepdims=True) * seen
    if drawn.clusters is None:  # the units of one cell have one prediction, and stand side by side
        starts = np.flatnonzero(np.diff(drawn.units.cell, prepend=-1))
        success = [np.add.reduceat(counts, starts, axis=-2) for counts in success]
        size = np.add.reduceat(size, starts, axis=0)
    with np.errstate(invalid="ignore"):
        old, new = (counts / size for counts in success)
    return old, new, size
