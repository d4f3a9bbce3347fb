"""The forest plot of a comparison: δ of each outcome under each prior, probabilities beside."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bmco_pymc.comparison import Comparison
from bmco_pymc.decision import Decision
from bmco_pymc.picture import (
    BLUE,
    INK,
    VERMILION,
    Picture,
    brief,
    caption,
    captions,
    figure_heading,
    legend,
    room_for,
    style,
)
from bmco_pymc.plots.marks import after, boundary_line, column_text, minus


def forest(comparison: Comparison) -> Figure:
    """Draw a comparison; see `bmco_pymc.comparison.Comparison.plot`."""
    names = list(comparison.decisions)
    decisions = list(comparison.decisions.values())
    outcomes, n = decisions[0].outcomes, len(names)
    labels = [caption(name, 30) for name in names]
    columns = [_columns(decisions, k) for k in range(len(outcomes))]
    beside = sum(room_for(texts, 9) + 0.17 for some in columns for texts in some)
    width = 0.3 + room_for(labels) + 2.4 * len(outcomes) + beside
    figure = Picture(figsize=(max(7.0, width), 1.9 + 0.3 * n), layout="constrained")
    panels = figure.subplots(1, len(outcomes), sharex=True, sharey=True, squeeze=False)[0]
    for k, (axes, outcome) in enumerate(zip(panels, outcomes, strict=True)):
        _panel(axes, comparison, k)
        _beside(axes, columns[k])
        axes.set_title(
            caption(outcome, 24), loc="left", fontsize=10.5, fontweight="bold", color=INK
        )
    panels[0].set(ylim=(n - 0.4, -0.6))  # the first on top
    panels[0].set_yticks(range(n), labels)
    kind = "prior" if comparison.table["analysis"].nunique() == 1 else "model"
    effects = list(comparison.effects.values())
    control, treatment = captions(effects[0].fit.model.study.group_labels, 50)
    words = f"δ = {treatment} − {control}: mean and {100 * comparison.ci_prob:g}% interval."
    if len({effect.estimand for effect in effects}) == 1:
        words += f" {effects[0].estimand}"
    figure_heading(figure, f"The differences in success probability under each {kind}", words)
    if not comparison.table["converged"].all():
        mark = Line2D(
            [],
            [],
            color=VERMILION,
            marker="o",
            markerfacecolor="white",
            label="do not use this yet",
        )
        legend(figure, [mark])
    return figure


def _panel(axes: Axes, comparison: Comparison, k: int) -> None:
    """Draw δ of one outcome, a row for each prior."""
    first = next(iter(comparison.decisions.values()))
    for side in first.sides:
        margin = first.margins[k] if side.direction == "right" else -first.margins[k]
        boundary_line(axes.axvline, margin)
    part = comparison.table[comparison.table["outcome"] == first.outcomes[k]].set_index("prior")
    for y, name in enumerate(comparison.decisions):
        row = part.loc[name]
        colour = BLUE if row["converged"] else VERMILION
        ends = [row["delta_lower"], row["delta_upper"]]
        axes.plot(ends, [y, y], color=colour, linewidth=2, gid=name)
        axes.plot(
            row["delta"],
            y,
            marker="o",
            markersize=6.5,
            color=colour,
            markerfacecolor=colour if row["converged"] else "white",
        )
    axes.locator_params(axis="x", nbins=5)  # beside the columns there is no room for more
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("δ")
    style(axes)


def _columns(decisions: list[Decision], k: int) -> list[list[str]]:
    """Return what stands beside the panel of an outcome, each column with its head."""
    first = decisions[0]
    columns = []
    for place, side in enumerate(first.sides):
        sides = [decision.sides[place] for decision in decisions]
        each = [(s.marginal[k], s.marginal_mcse[k], s.marginal_bound[k]) for s in sides]
        texts = [brief(*map(float, numbers)).removeprefix("= ") for numbers in each]
        columns.append([_condition(first, side.direction, k), *texts])
    if k + 1 < len(first.outcomes):
        return columns
    for place, side in enumerate(first.sides):  # the rule, on the right of all panels
        sides = [decision.sides[place] for decision in decisions]
        texts = [brief(s.probability, s.mcse, s.bound).removeprefix("= ") for s in sides]
        direction = "" if len(first.sides) == 1 else f", {side.direction}"
        columns.append([f"P({first.rule}{direction})", *texts])
    return [*columns, ["", *(decision.verdict for decision in decisions)]]


def _beside(axes: Axes, columns: list[list[str]]) -> None:
    """Write columns of texts to the right of an axes, their heads above its top."""
    across = 10.0
    for head, *texts in columns:
        column_text(axes, 0, head, across=across, above=True)
        for y, text in enumerate(texts):
            column_text(axes, y, text, across=across)
        across = after([head, *texts], across)


def _condition(decision: Decision, direction: str, k: int) -> str:
    """Return what the marginal probability of an outcome is of."""
    margin, relation = decision.margins[k], ">"
    if direction == "left":
        margin, relation = -margin, "<"
    return f"P(δ {relation} {minus(f'{margin + 0.0:g}')})"
