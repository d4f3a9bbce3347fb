"""The picture of a curve: δ(x) with its band, and the probability that a rule holds."""

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
    """Draw δ(x) of each outcome and, below, the probability that a rule holds; see `Curve.plot`.

    Parameters
    ----------
    effects : sequence of Differences
        Those at each value of the covariate.
    decided : Decisions
        The decision at each value; where the rule is met is shaded.
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
    figure, grid = style.panels(6.6, 1.5 + 1.9 * n_panels, n_panels, sharex=True)
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
    style.legend(figure, handles, columns=len(handles))
    return figure


def _rug(
    values: NDArray[np.float64], weight: NDArray[np.int64], ends: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the covariate of the subjects between two values, or of some at equal steps."""
    inside = (values >= ends[0]) & (values <= ends[1])
    n = int(weight[inside].sum())
    return at_rank(values[inside], weight[inside], np.linspace(0, n - 1, min(n, RUG)).round())


def _rule(axes: Axes, x: NDArray[np.float64], decided: Decisions) -> list[Artist]:
    """Draw the probability that a rule holds and where it is met; return what the legend says."""
    first = decided.decisions[0]
    sides = [decision.sides[0] for decision in decided.decisions]
    mcse = 2 * np.array([side.mcse for side in sides])
    p = decided.probability
    shade: dict[str, Any] = {"linewidth": 0, "color": INK, "alpha": 0.15}
    axes.fill_between(x, np.clip(p - mcse, 0, 1), np.clip(p + mcse, 0, 1), **shade)
    axes.plot(x, p, color=INK, linewidth=1.8, gid=f"P({first.rule})")
    # Between values nothing was computed: the shade of each reaches half-way to the next.
    ends = np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]])
    for left, right, side in zip(ends[:-1], ends[1:], sides, strict=True):
        if side.met:
            axes.axvspan(left, right, color=GREEN, alpha=0.2, linewidth=0, zorder=0, gid="met")
    axes.set(ylim=(-0.03, 1.03), ylabel="P")
    style.panel_title(axes, f"P(rule {first.rule} holds)")
    style.bare(axes)
    words = next((d.verdict for d in decided.decisions if d.sides[0].met), None)
    if words is None:
        return []
    return [Patch(facecolor=GREEN, alpha=0.3, label=f"{words} at level {first.alpha:g}")]
