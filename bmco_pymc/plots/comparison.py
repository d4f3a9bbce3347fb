"""The forest plot of a comparison: δ of each outcome under each model, and the rule's chances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bmco_pymc.decision.decision import Decision, Side
from bmco_pymc.plots import marks, style
from bmco_pymc.plots.style import BLUE, INK, NOT_YET, VERMILION
from bmco_pymc.posterior.differences import Differences


def forest(
    effects: Mapping[str, Differences], decided: Mapping[str, Decision], ci_prob: float
) -> Figure:
    """Draw δ of each outcome under each model, and the probability that the rule holds."""
    decisions = list(decided.values())
    first = decisions[0]
    labels = [style.caption(name, 30) for name in effects]
    columns = [_chances(decisions, k) for k in range(len(first.outcomes))]
    columns += [_rule_chances(decisions, place) for place in range(len(first.sides))]
    columns[-1].append(["", *(decision.verdict for decision in decisions)])
    beside = sum(style.room_for(texts, 9) + 0.17 for some in columns for texts in some)
    titles = [style.caption(outcome, 24) for outcome in first.outcomes]
    panel = max(1.6, 1.2 * style.room_for(titles, 10.5))  # titles are bold
    width = max(7.0, 0.4 + style.room_for(labels) + panel * len(columns) + beside)
    words = _words(effects)
    height = 2.0 + 0.34 * len(labels) + 0.17 * len(style.wrapped(words, int(13.6 * width)))
    figure, (panels,) = style.panels(width, height, 1, len(columns), sharey=True)
    for k, (axes, title) in enumerate(zip(panels, titles, strict=False)):
        if k:
            axes.sharex(panels[0])
        _differences(axes, effects, first, k, ci_prob)
        style.panel_title(axes, title)
    for place, axes in enumerate(panels[len(first.outcomes) :]):
        sides = {name: decision.sides[place] for name, decision in decided.items()}
        _rule(axes, effects, sides, marks.joint_decides(first))
        side = f", {first.sides[place].direction}" if len(first.sides) > 1 else ""
        style.panel_title(axes, f"Rule {first.asked.words}{side}")
    for axes, some in zip(panels, columns, strict=True):
        marks.named_rows(axes, labels, 0.6)
        marks.columns(axes, some)
    head = "The differences in success probability under each model"
    style.figure_heading(figure, head, words)
    style.legend(figure, _handles(effects, first, ci_prob), columns=3)
    return figure


def _words(effects: Mapping[str, Differences]) -> str:
    """Return what is averaged over what, under which model if they differ."""
    control, treatment = style.captions(next(iter(effects.values())).groups, 50)
    words = [f"δ = {treatment} − {control}."]
    estimands: dict[str, list[str]] = {}
    for name, effect in effects.items():
        estimands.setdefault(effect.estimand, []).append(style.caption(name, 20))
    if len(estimands) > 1:
        words.append("The estimands differ.")
    for estimand, names in estimands.items():
        words.append(f"{', '.join(names)}: {estimand}" if len(estimands) > 1 else estimand)
    return " ".join(words)


def _differences(
    axes: Axes, effects: Mapping[str, Differences], first: Decision, k: int, ci_prob: float
) -> None:
    """Draw δ of one outcome, a row for each model."""
    for side in first.sides:
        margin = first.margins[k] if side.direction == "right" else -first.margins[k]
        marks.boundary_line(axes.axvline, margin)
    for y, (name, effect) in enumerate(effects.items()):
        colour = BLUE if effect.diagnostics.ok else VERMILION
        draws = style.draws_of(effect)[:, k]
        marks.interval(axes, y, draws, ci_prob, colour, filled=effect.diagnostics.ok, gid=name)
    axes.locator_params(axis="x", nbins=5)  # beside the columns there is no room for more
    axes.set_xlabel("δ")


def _rule(
    axes: Axes, effects: Mapping[str, Differences], sides: Mapping[str, Side], joint_decides: bool
) -> None:
    """Draw how probable it is under each model that the rule holds, and what decides."""
    threshold = next(iter(sides.values())).threshold
    axes.axvline(threshold, color=INK, linewidth=1.2, linestyle="--", zorder=1, gid="threshold")
    for y, (name, side) in enumerate(sides.items()):
        good = effects[name].diagnostics.ok
        colour = INK if good else VERMILION
        bound = side.probability if side.bound is None else side.bound
        shown = [("P", "o", 6, side.probability, side.mcse, bound)]
        if not joint_decides:
            decides = side.statistic, side.statistic_mcse, side.statistic
            shown.append(("decides", "D", 5, *decides))
        for row, (what, marker, size, p, mcse, bound) in enumerate(shown):
            place = y + (0.0 if joint_decides else (-0.16, 0.16)[row])
            ends = [p - 2 * mcse, p + 2 * mcse, bound]
            span = np.clip([np.nanmin(ends), np.nanmax(ends)], 0, 1)
            gid = f"{name} {what}"
            axes.plot(span, [place] * 2, color=colour, linewidth=1.8, gid=f"{gid} error")
            face = colour if good else "white"
            look: dict[str, Any] = {"marker": marker, "markersize": size, "markerfacecolor": face}
            axes.plot(p, place, color=colour, linestyle="", gid=gid, **look)
    axes.set(xlim=(-0.04, 1.04), xticks=[0, 0.5, 1], xlabel="probability")


def _chances(decisions: Sequence[Decision], k: int) -> list[list[str]]:
    """Return what stands beside the panel of an outcome, each column with its head."""
    first = decisions[0]
    columns = []
    for place, side in enumerate(first.sides):
        sign = 1 if side.direction == "right" else -1
        texts = [style.chances(decision.sides[place], "")[k] for decision in decisions]
        columns.append([marks.event_text(sign * first.margins[k], sign), *texts])
    return columns


def _rule_chances(decisions: Sequence[Decision], place: int) -> list[list[str]]:
    """Return what stands beside the panel of the rule, one side of it."""
    texts = [style.chance(decision.sides[place], "") for decision in decisions]
    return [[f"P({decisions[0].asked.words})", *texts]]


def _handles(effects: Mapping[str, Differences], first: Decision, ci_prob: float) -> list[Artist]:
    """Return what the legend says."""
    dot: dict[str, Any] = {"marker": "o", "markersize": 6, "linewidth": 1.8}
    decides = marks.joint_decides(first)
    more = ", which decides" if decides else ""
    handles: list[Artist] = [
        marks.interval_key(BLUE, ci_prob),
        style.key(f"P({first.asked.words}){more}, ± 2 Monte Carlo errors", INK, **dot),
    ]
    if not decides:
        diamond: dict[str, Any] = {"marker": "D", "markersize": 5, "linewidth": 1.8}
        handles.append(style.key(f"{first.statistic_name}, which decides", INK, **diamond))
    threshold = f"threshold {first.sides[0].threshold:.4g}"
    handles.append(style.key(threshold, INK, linewidth=1.2, linestyle="--"))
    if not all(effect.diagnostics.ok for effect in effects.values()):
        handles.append(style.key(NOT_YET, VERMILION, **style.HOLLOW))
    return handles
