"""Pictures of posterior predictive checks: what was observed beside what the model replicates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.checks import NAMES, Check, check
from bmco_pymc.errors import InputError
from bmco_pymc.picture import BLUE, GREY, INK, SKY, VERMILION, Picture, legend, style
from bmco_pymc.predictive import Replicates, replicate, variable

if TYPE_CHECKING:
    from bmco_pymc.fit import Fit

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


def available(drawn: Replicates) -> list[str]:
    """Return the kinds of pictures that a study has."""
    study = drawn.fit.model.study
    missing = set() if study.n_outcomes > 1 else {"correlations"}
    missing |= {"clusters"} if drawn.units.cluster is None else set()
    return [kind for kind in LABELS if kind not in missing]


def plot_check(
    fit: Fit, kind: str, draws: int, seed: int | None, clusters: str | None, ci_prob: float
) -> Figure:
    """Draw one kind of check; see ``Fit.plot_check``."""
    if not 0 < ci_prob < 1:
        raise InputError("ci_prob", ci_prob, "must be between 0 and 1")
    drawn = replicate(fit, draws, seed, clusters)
    kinds = available(drawn)
    if kind not in kinds:
        raise InputError("kind", kind, "there is no such check of this fit", kinds)
    figure = (
        _calibration(drawn, ci_prob)
        if kind == "calibration"
        else _intervals(check(drawn, ci_prob), kind)
    )
    title, colour = TITLES[kind], INK
    if not fit.diagnostics.ok:
        title, colour = (
            fit.diagnostics.verdict.split(":")[0] + ": do not use this yet",
            (VERMILION),
        )
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=colour)
    return figure


def _intervals(found: Check, kind: str) -> Figure:
    """Draw a row for each statistic: replicates as a dot with two intervals, data as a diamond."""
    draws, observed = found.draws[NAMES[kind]], found.observed[NAMES[kind]]
    # clusters are the rows of a panel for each outcome; elsewhere a panel is a group
    panel = "outcome" if kind == "clusters" else "group"
    (row,) = (dim for dim in observed.dims if dim != panel)
    labels, n_rows = observed[row].values, observed.sizes[row]
    figure = Picture(
        figsize=(3.6 * observed.sizes[panel] + 1.2, 1.7 + 0.28 * n_rows), layout="constrained"
    )
    grid = figure.subplots(1, observed.sizes[panel], sharex=True, sharey=True, squeeze=False)
    for axes, name in zip(grid[0], observed[panel].values, strict=True):
        new = draws.sel({panel: name}).transpose("chain", "draw", row).values.reshape(-1, n_rows)
        _rows(axes, new, observed.sel({panel: name}).values, found.ci_prob)
        axes.set_title(str(name), fontsize=10.5, parse_math=False)
        axes.set_xlabel(LABELS[kind])
        style(axes)
    grid[0, 0].set_yticks(range(n_rows), [str(label) for label in labels])
    grid[0, 0].set_ylim(n_rows - 0.5, -0.5)  # the first on top
    for label in grid[0, 0].get_yticklabels():
        label.set_parse_math(False)
    legend(
        figure,
        [
            Line2D([], [], color=VERMILION, marker="D", linestyle="", label="observed"),
            Line2D([], [], color=BLUE, marker="o", linewidth=4, label="replicates: mean, 50%"),
            Line2D([], [], color=SKY, linewidth=1.6, label=f"{100 * found.ci_prob:g}%"),
        ],
        columns=3,
    )
    return figure


def _rows(
    axes: Axes, new: NDArray[np.float64], observed: NDArray[np.float64], ci_prob: float
) -> None:
    for place, value in enumerate(observed):
        known = new[np.isfinite(new[:, place]), place]
        if len(known):
            tail = (1 - ci_prob) / 2
            low, first, third, high = np.quantile(known, [tail, 0.25, 0.75, 1 - tail])
            axes.plot([low, high], [place] * 2, color=SKY, linewidth=1.6, gid="interval")
            axes.plot([first, third], [place] * 2, color=BLUE, linewidth=4, gid="half")
            axes.plot(known.mean(), place, color=BLUE, marker="o", markersize=6, gid="mean")
        axes.plot(
            value,
            place,
            color=VERMILION,
            marker="D",
            markersize=6,
            markeredgecolor="white",
            linestyle="",
            zorder=4,
            gid="observed",
        )
    axes.grid(axis="y", color="0.92")


def _calibration(drawn: Replicates, ci_prob: float) -> Figure:
    """Draw ArviZ's calibration plot of each outcome.

    The subjects of a cell have one predicted probability, so each stands for the share of
    successes in its cell: isotonic regression of these is that of the cells weighted by size.
    """
    import arviz as az
    from matplotlib import pyplot as plt

    outcomes = drawn.fit.model.study.outcomes
    n = len(outcomes)
    columns = min(n, 3)
    drawn_plot = az.plot_ppc_pava(
        _shares(drawn),
        var_names=[variable(outcome) for outcome in outcomes],
        ci_prob=ci_prob,
        col_wrap=columns,
        figure_kwargs={
            "layout": "constrained",
            "figsize": (3.8 * columns, 3.8 * -(-n // columns) + 0.5),
        },
        visuals={
            "xlabel": {"text": "predicted probability"},
            "ylabel": {"text": "observed rate, isotonic fit"},
            "lines": {"color": VERMILION},
            "credible_interval": {"color": SKY, "alpha": 0.35},
            "reference_line": {"color": GREY},
            "title": {"parse_math": False},
        },
    )
    figure: Figure = drawn_plot.viz["figure"].item()
    plt.close(figure)  # a notebook shows what a cell returns: once is enough
    legend(
        figure,
        [
            Line2D([], [], color=VERMILION, label="observed"),
            Line2D(
                [], [], color=SKY, alpha=0.5, linewidth=8, label=f"{100 * ci_prob:g}% of replicates"
            ),
        ],
    )
    return figure


def _shares(drawn: Replicates) -> xr.DataTree:
    """Return for each subject the share of successes in its cell, replicated and observed."""
    model = drawn.fit.model
    bits = patterns.bits(model.study.n_outcomes)
    # the units of one cell of the model have one prediction
    cell, total = drawn.units.cell, drawn.units.counts.sum(axis=1)
    if drawn.clusters is None:
        n_cells = cell.max() + 1
        join = np.zeros((n_cells, len(cell)))
        join[cell, np.arange(len(cell))] = 1
    else:
        join = np.eye(len(cell))
    size = join @ total
    subject = np.repeat(np.arange(len(size)), size.astype(int))

    def share(counts: NDArray[np.int64]) -> dict[str, Any]:  # (..., u, Q)
        success = join @ (counts @ bits)  # (n, u) @ (..., u, K) -> (..., n, K)
        return {
            variable(outcome): (success[..., k] / size)[..., subject]
            for k, outcome in enumerate(model.study.outcomes)
        }

    replicated, observed = share(drawn.counts), share(drawn.units.counts)
    over = ("chain", "draw", "subject")
    return xr.DataTree.from_dict(
        {
            "posterior_predictive": xr.Dataset({k: (over, v) for k, v in replicated.items()}),
            "observed_data": xr.Dataset({k: ("subject", v) for k, v in observed.items()}),
        }
    )
