"""The picture of θ: the success probabilities of both groups, a panel per outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from bmco_pymc.arguments import probability
from bmco_pymc.plots import bounded, marks, style
from bmco_pymc.plots.style import GREY, GROUPS
from bmco_pymc.posterior.differences import Differences

LINES: tuple[Any, ...] = ("--", "-")  # control, treatment: told apart without colour too


def plot_theta(effect: Differences, ci_prob: float = 0.95) -> Figure:
    """See `Effect.plot_theta`."""
    prob = probability("ci_prob", ci_prob)
    theta = effect.theta.transpose("chain", "draw", "outcome", "group").values
    theta = theta.reshape(-1, *theta.shape[2:])  # (S, K, 2)
    groups = style.captions(effect.groups, 40)

    figure, grid = style.panels(
        1.1 * style.COLUMN, 1.5 + 1.4 * len(effect.outcomes), theta.shape[1], sharex=True
    )
    panels = grid[:, 0]
    for axes, outcome, draws in zip(panels, effect.outcomes, theta.swapaxes(0, 1), strict=True):
        _panel(axes, draws, groups, prob)
        style.panel_title(axes, style.caption(outcome))
    panels[-1].set(xlim=bounded.axis(theta), xlabel="θ, probability of success")
    marks.column_text(panels[0], 0.06, f"mean [{100 * prob:g}% interval]", colour=GREY)
    title = f"{style.kind(effect).title()} of the success probabilities"
    style.figure_heading(figure, title, effect.estimand, effect.diagnostics)
    handles = [
        Patch(facecolor=(GROUPS[g], 0.3), edgecolor=GROUPS[g], linestyle=LINES[g], label=groups[g])
        for g in (0, 1)
    ]
    style.legend(figure, [*handles, marks.interval_key(GREY, prob)], columns=3)
    return figure


def _panel(axes: Axes, draws: NDArray[np.float64], groups: Sequence[str], prob: float) -> None:
    """Draw one outcome's draws (S, 2)."""
    curves = [bounded.density(draws[:, g]) for g in (0, 1)]
    top = max((curve[1].max() for curve in curves if curve is not None), default=1.0)
    for g, curve in enumerate(curves):
        if curve is None:
            axes.plot([draws[0, g]] * 2, [0, 1], color=GROUPS[g], linewidth=2, gid=groups[g])
        else:
            x, height = curve[0], curve[1] / top
            axes.fill_between(x, 0, height, color=GROUPS[g], alpha=0.25, linewidth=0)
            axes.plot(x, height, LINES[g], color=GROUPS[g], linewidth=1.5, gid=groups[g])
        y, own = -0.22 - 0.26 * g, draws[:, g]
        gid = f"interval {groups[g]}"
        marks.interval(axes, y, own, prob, GROUPS[g], filled=g == 1, gid=gid)
        words = marks.estimate_text(own.mean(), *marks.ends(own, prob))
        marks.column_text(axes, y, f"{groups[g]}: {words}")
    axes.axhline(0, color="0.7", linewidth=0.8, zorder=1)
    axes.set(ylim=(-0.68, 1.08), yticks=[])
    style.bare(axes)
    axes.spines["left"].set_visible(False)
