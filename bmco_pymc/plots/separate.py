"""How `plot_effect` draws any number of outcomes apart: a density of δ each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bmco_pymc.decision import Decision
from bmco_pymc.effect import Effect
from bmco_pymc.picture import (
    BLUE,
    GREEN,
    INK,
    Picture,
    brief,
    caption,
    delta_label,
    draws_of,
    heading,
    joint_text,
    legend,
    room_for,
    spread_out,
    style,
)
from bmco_pymc.plots.marks import boundary, density, limits


def separate(effect: Effect, rules: Mapping[str, Decision], points: int) -> Figure:
    """Draw one density of δ per outcome, the first on top."""
    delta = draws_of(effect)  # (S, K)
    sign, bounds = boundary(rules["All"])
    side = rules["All"].sides[0]
    n_outcomes = delta.shape[1]
    labels = [caption(outcome) for outcome in rules["All"].outcomes]
    width = max(6.6, 5.4 + room_for(labels))
    figure = Picture(figsize=(width, 2.4 + 1.1 * n_outcomes), layout="constrained")
    axes = figure.add_subplot()
    relation = ">" if sign > 0 else "<"
    ends = limits(delta, *bounds.tolist())
    x = np.linspace(*ends, 401)
    for k, outcome in enumerate(rules["All"].outcomes):
        base = float(n_outcomes - 1 - k)
        height = density(spread_out(delta[:, k], 4000), x)  # (x,)
        if height is None:
            axes.plot([delta[0, k]] * 2, [base, base + 0.75], color=BLUE, linewidth=2, gid=outcome)
        else:
            height *= 0.75 / height.max()
            there = sign * (x - bounds[k]) >= 0
            axes.fill_between(x, base, base + height, color="0.88", linewidth=0, zorder=2)
            axes.fill_between(
                x,
                base,
                base + height,
                where=there.tolist(),
                color=GREEN,
                alpha=0.45,
                linewidth=0,
                zorder=3,
            )
            axes.plot(x, base + height, color=INK, linewidth=1.2, zorder=4, gid=outcome)
        axes.plot([bounds[k]] * 2, [base, base + 0.85], color=INK, linewidth=1, linestyle="--")
        marginal = side.marginal[k], side.marginal_mcse[k], side.marginal_bound[k]
        text = f"P(δ {relation} {bounds[k] + 0.0:g}) {brief(*map(float, marginal))}"
        at_right = (delta[:, k].mean() - ends[0]) < (ends[1] - ends[0]) / 2
        axes.text(
            ends[1] if at_right else ends[0],
            base + 0.45,
            f" {text} ",
            ha="right" if at_right else "left",
            color=INK,
            fontsize=10,
            zorder=5,
        )
        axes.axhline(base, color="0.7", linewidth=0.8, zorder=1)
    axes.set(xlim=ends, ylim=(-0.15, n_outcomes), xlabel=delta_label(effect, None))
    places = [n_outcomes - 1 - k + 0.3 for k in range(n_outcomes)]
    axes.set_yticks(places, labels)
    axes.tick_params(axis="y", length=0)
    style(axes)
    heading(axes, effect)
    beyond = "beyond the margin" if bounds.any() else f"δ {relation} 0"
    handles: list[Artist] = [Patch(facecolor=GREEN, alpha=0.45, label=beyond)]
    if n_outcomes > 1:
        handles += [Line2D([], [], linestyle="", label=joint_text(rule)) for rule in rules.values()]
    legend(figure, handles, columns=len(handles))
    return figure
