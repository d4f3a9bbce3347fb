"""The forest plot of a comparison: δ of each outcome under each prior, probabilities beside."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bmco_pymc.decision.decision import Decision
from bmco_pymc.plots import marks, style
from bmco_pymc.plots.style import BLUE, NOT_YET, VERMILION


def forest(
    table: pd.DataFrame,
    decided: Mapping[str, Decision],
    groups: tuple[str, str],
    estimands: Collection[str],
    ci_prob: float,
) -> Figure:
    """Draw δ of each outcome under each prior or model; the table is that of `Comparison`."""
    decisions = list(decided.values())
    outcomes = decisions[0].outcomes
    labels = [style.caption(name, 30) for name in decided]
    columns = [_columns(decisions, k) for k in range(len(outcomes))]
    beside = sum(style.room_for(texts, 9) + 0.17 for some in columns for texts in some)
    width = max(7.0, 0.3 + style.room_for(labels) + 2.4 * len(outcomes) + beside)
    figure, (panels,) = style.panels(
        width, 1.9 + 0.3 * len(labels), 1, len(outcomes), sharex=True, sharey=True
    )
    for k, (axes, outcome) in enumerate(zip(panels, outcomes, strict=True)):
        _panel(axes, table, decided, k)
        marks.named_rows(axes, labels, 0.6)
        marks.columns(axes, columns[k])
        style.panel_title(axes, style.caption(outcome, 24))
    kind = "prior" if table["analysis"].nunique() == 1 else "model"
    control, treatment = style.captions(groups, 50)
    words = f"δ = {treatment} − {control}: mean and {100 * ci_prob:g}% interval."
    if len(set(estimands)) == 1:
        words += f" {next(iter(estimands))}"
    title = f"The differences in success probability under each {kind}"
    style.figure_heading(figure, title, words)
    if not table["converged"].all():
        style.legend(figure, [style.key(NOT_YET, VERMILION, **style.HOLLOW)])
    return figure


def _panel(axes: Axes, table: pd.DataFrame, decided: Mapping[str, Decision], k: int) -> None:
    """Draw δ of one outcome, a row for each prior."""
    first = next(iter(decided.values()))
    for side in first.sides:
        margin = first.margins[k] if side.direction == "right" else -first.margins[k]
        marks.boundary_line(axes.axvline, margin)
    part = table[table["outcome"] == first.outcomes[k]].set_index("prior")
    for y, name in enumerate(decided):
        row = part.loc[name]
        colour, face = (BLUE, BLUE) if row["converged"] else (VERMILION, "white")
        ends = [row["delta_lower"], row["delta_upper"]]
        axes.plot(ends, [y, y], color=colour, linewidth=2, gid=name)
        axes.plot(row["delta"], y, "o", markersize=6.5, color=colour, markerfacecolor=face)
    axes.locator_params(axis="x", nbins=5)  # beside the columns there is no room for more
    axes.set_xlabel("δ")


def _columns(decisions: list[Decision], k: int) -> list[list[str]]:
    """Return what stands beside the panel of an outcome, each column with its head."""
    first = decisions[0]
    columns = []
    for place, side in enumerate(first.sides):
        sign = 1 if side.direction == "right" else -1
        texts = [style.chances(decision.sides[place], "")[k] for decision in decisions]
        columns.append([marks.event_text(sign * first.margins[k], sign), *texts])
    if k + 1 == len(first.outcomes):  # the rule, on the right of all panels
        for place, side in enumerate(first.sides):
            direction = "" if len(first.sides) == 1 else f", {side.direction}"
            texts = [style.chance(decision.sides[place], "") for decision in decisions]
            columns.append([f"P({first.asked.words}{direction})", *texts])
        columns.append(["", *(decision.verdict for decision in decisions)])
    return columns
