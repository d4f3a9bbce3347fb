"""The picture of a curve: δ(x) with its band, and the probabilities that decide on a rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from bmco_pymc.arguments import probability
from bmco_pymc.data.frequencies import at_rank
from bmco_pymc.decision.table import Decisions
from bmco_pymc.diagnostics.verdict import Diagnostics
from bmco_pymc.plots import marks, style
from bmco_pymc.plots.marks import HALF
from bmco_pymc.plots.style import BLUE, GREEN, GREY, INK
from bmco_pymc.posterior.differences import Differences

RUG = 400  # subjects shown as ticks, at most


def plot_curve(
    effects: Sequence[Differences],
    covariate: str,
    decided: Decisions,
    estimand: str,
    diagnostics: Diagnostics,
    *,
    stated: bool,
    ci_prob: float,
) -> Figure:
    """Draw δ(x) of each outcome and, below, what decides on a rule; see `Curve.plot`.

    Parameters
    ----------
    effects : sequence of Differences
        Those at each value of the covariate.
    decided : Decisions
        The decision at each value; where what decides is above its threshold is shaded.
    estimand : str
        What is averaged over what at all of them.
    stated : bool
        Whether to show the rule, or its margins alone.
    """
    prob = probability("ci_prob", ci_prob)
    _, bounds = marks.boundary(decided.decisions[0])
    cells, outcomes = effects[0].posterior.model.cells, effects[0].outcomes
    x = np.array(decided.labels, dtype=float)
    delta = np.stack([style.draws_of(effect) for effect in effects], axis=-1)  # (S, K, n)

    n_panels = len(outcomes) + stated
    figure, grid = style.panels(style.COLUMN, 1.7 + 1.6 * n_panels, n_panels, sharex=True)
    panels = grid[:, 0]
    bands = {p: marks.ends(delta, p) for p in (prob, HALF)}
    low, high = marks.reach(bands[prob], *bounds)
    room = 0.08 * (high - low) or 0.05
    rug = _rug(cells.frame[covariate].to_numpy(float), cells.weight, x[[0, -1]])
    ticks: dict[str, Any] = {"color": GREY, "marker": "|", "linestyle": ""}
    for k, (axes, outcome) in enumerate(zip(panels, outcomes, strict=False)):
        marks.boundary_line(axes.axhline, float(bounds[k]))
        for p, shade in ((prob, 0.18), (HALF, 0.30)):
            axes.fill_between(
                x, *bands[p][:, k], color=BLUE, alpha=shade, linewidth=0, gid=f"{p:g} band"
            )
        axes.plot(x, delta[:, k].mean(axis=0), color=BLUE, linewidth=1.8, gid=outcome)
        axes.plot(
            rug,
            np.full(len(rug), 0.025),
            transform=axes.get_xaxis_transform(),
            markersize=6,
            markeredgewidth=0.6,
            alpha=0.5,
            gid="subjects",
            **ticks,
        )
        axes.set(ylim=(low - 1.6 * room, high + room), ylabel="δ")
        style.panel_title(axes, style.caption(outcome))
        style.bare(axes)
    handles: list[Artist] = [
        style.key("mean", BLUE, linewidth=1.8),
        Patch(facecolor=BLUE, alpha=0.35, label=f"{HALF:.0%} and {100 * prob:g}% interval"),
        style.key("subjects", **ticks),
    ]
    if stated:
        handles += _rule(panels[-1], x, decided)
    panels[-1].set(xlabel=style.caption(covariate), xlim=(x[0], x[-1]))
    title = f"Effect by {style.caption(covariate)}: {style.contrast(effects[0].groups)}"
    style.figure_heading(figure, title, estimand, diagnostics)
    style.legend(figure, handles, columns=2)
    return figure


def _rug(
    values: NDArray[np.float64], weight: NDArray[np.int64], ends: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the covariate of the subjects between two values, or of some at equal steps."""
    inside = (values >= ends[0]) & (values <= ends[1])
    n = int(weight[inside].sum())
    return at_rank(values[inside], weight[inside], np.linspace(0, n - 1, min(n, RUG)).round())


def _rule(axes: Axes, x: NDArray[np.float64], decided: Decisions) -> list[Artist]:
    """Draw what decides on a rule, and where it is met; return what the legend says."""
    first = decided.decisions[0]
    sides = [decision.sides[0] for decision in decided.decisions]
    threshold = sides[0].threshold
    decides = np.array([side.statistic for side in sides])
    handles: list[Artist] = []
    name = f"P(rule {first.asked.words} holds)"
    joint = marks.joint_decides(first)  # then that is the same line
    words = f"{name if joint else first.statistic_name}, which decides"
    mcse = 2 * np.nan_to_num([side.statistic_mcse for side in sides])
    shade: dict[str, Any] = {"linewidth": 0, "color": INK, "alpha": 0.15, "gid": "error"}
    axes.fill_between(x, np.clip(decides - mcse, 0, 1), np.clip(decides + mcse, 0, 1), **shade)
    axes.plot(x, decides, color=INK, linewidth=2, gid="decides")
    handles.append(style.key(words, INK, linewidth=2))
    if not joint:
        thin: dict[str, Any] = {"linewidth": 1.1, "linestyle": "-."}
        axes.plot(x, decided.probability, color=GREY, gid=f"P({first.rule})", **thin)
        handles.append(style.key(name, GREY, **thin))
    dashed: dict[str, Any] = {"linewidth": 1.2, "linestyle": "--"}
    axes.axhline(threshold, color=INK, gid="threshold", **dashed)
    marks.column_text(axes, threshold, f"{threshold:.4g}", 4)
    handles.append(style.key(f"threshold {threshold:.4g}", INK, **dashed))
    met = [bool(side.met) for side in sides]
    for left, right in above(x, decides, met, threshold):
        axes.axvspan(left, right, color=GREEN, alpha=0.25, linewidth=0, zorder=0, gid="met")
    axes.set(ylim=(-0.03, 1.03), ylabel="probability")
    style.panel_title(axes, f"Rule {first.asked.words}")
    style.bare(axes)
    verdict = next((d.verdict for d in decided.decisions if d.sides[0].met), None)
    if verdict is not None:
        words = f"{verdict} at level {first.alpha:g}"
        handles.append(Patch(facecolor=GREEN, alpha=0.35, label=words))
    return handles


def above(
    x: NDArray[np.float64], line: NDArray[np.float64], met: Sequence[bool], threshold: float
) -> list[tuple[float, float]]:
    """Return from where to where a rule is met: as far as the line is above the threshold.

    Towards a value that is above and yet cannot be judged, it is half-way.

    Examples
    --------
    >>> x, line = np.array([0.0, 1, 2, 3]), np.array([0.5, 1, 1, 0.5])
    >>> above(x, line, [False, True, True, False], 0.75)
    [(0.5, 2.5)]
    """
    found: list[tuple[float, float]] = []
    for i in range(len(x) - 1):
        here, there = met[i], met[i + 1]
        if not here and not there:
            continue
        share = 0.5
        if (line[i] > threshold) != (line[i + 1] > threshold):
            share = float((threshold - line[i]) / (line[i + 1] - line[i]))
        middle = float(x[i] + share * (x[i + 1] - x[i]))
        left, right = float(x[i]) if here else middle, float(x[i + 1]) if there else middle
        if found and found[-1][1] == left:
            left = found.pop()[0]
        found.append((left, right))
    return found
