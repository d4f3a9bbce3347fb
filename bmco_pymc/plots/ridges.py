"""How `plot_effect` draws any number of outcomes apart: a density of δ each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from bmco_pymc.decision.decision import Decision
from bmco_pymc.plots import bounded, marks, style
from bmco_pymc.plots.style import BLUE, GREEN, INK
from bmco_pymc.posterior.differences import Differences


def separate(effect: Differences, rules: Mapping[str, Decision], points: int) -> Figure:
    """Draw one density of δ per outcome, the first on top."""
    delta = style.draws_of(effect)  # (S, K)
    sign, bounds = marks.boundary(rules["All"])
    chances = style.chances(rules["All"].sides[0])
    outcomes = effect.outcomes
    labels = [style.caption(outcome) for outcome in outcomes]
    width = max(6.6, 5.4 + style.room_for(labels))
    figure, ((axes,),) = style.panels(width, 2.4 + 1.1 * len(outcomes))
    low, high = marks.limits(delta, *bounds.tolist())
    low, high = max(low, -1.02), min(high, 1.02)  # a difference of probabilities ends at 1
    for k, outcome in enumerate(outcomes):
        base, bound = float(len(outcomes) - 1 - k), bounds[k]
        curve = bounded.density(delta[:, k], bounded.DIFFERENCE)
        if curve is None:
            axes.plot([delta[0, k]] * 2, [base, base + 0.75], color=BLUE, linewidth=2, gid=outcome)
        else:
            x, height = curve
            place = np.searchsorted(x, bound)  # the shade starts at the bound itself
            height = np.insert(height, place, np.interp(bound, x, height, left=0, right=0))
            x = np.insert(x, place, bound)
            top = base + height * (0.75 / height.max())
            axes.fill_between(x, base, top, color="0.88", linewidth=0, zorder=2)
            there = (sign * (x - bound) >= 0).tolist()
            axes.fill_between(x, base, top, there, color=GREEN, alpha=0.45, linewidth=0, zorder=3)
            axes.plot(x, top, color=INK, linewidth=1.2, zorder=4, gid=outcome)
        axes.plot([bound] * 2, [base, base + 0.85], "--", color=INK, linewidth=1)
        text = f"{marks.event_text(float(bound), sign)} {chances[k]}"
        marks.column_text(axes, base + 0.3, text)  # beside: inside it would hide a hill at an end
        axes.axhline(base, color="0.7", linewidth=0.8, zorder=1)
    axes.set(xlim=(low, high), ylim=(-0.15, len(outcomes)), xlabel=style.delta_label(effect, None))
    axes.set_yticks([len(outcomes) - 1 - k + 0.3 for k in range(len(outcomes))], labels)
    axes.tick_params(axis="y", length=0)
    style.bare(axes)
    style.heading(figure, effect)
    handles: list[Artist] = [marks.beyond_key(bounds, sign, 0.45)]
    if len(outcomes) > 1:
        handles += [style.key(style.joint_text(rule), INK, linestyle="") for rule in rules.values()]
    style.legend(figure, handles, columns=len(handles))
    return figure
