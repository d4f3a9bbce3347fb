"""The forest plot of a comparison: δ of each outcome under each prior, probabilities beside."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bmco_pymc.comparison import Comparison
from bmco_pymc.decision import Side
from bmco_pymc.picture import (
    BLUE,
    GREY,
    INK,
    VERMILION,
    Picture,
    brief,
    caption,
    delta_label,
    legend,
    style,
)

BESIDE = 88  # room of a column of probabilities, in points


def forest(comparison: Comparison) -> Figure:
    """Draw a comparison; see `bmco_pymc.comparison.Comparison.plot`."""
    names = list(comparison.decisions)
    decisions = list(comparison.decisions.values())
    sides = decisions[0].sides
    outcomes = decisions[0].outcomes
    rows = (len(names) + 1) * (len(outcomes) + 1)
    figure = Picture(figsize=(8.4, 1.9 + 0.27 * rows), layout="constrained")
    axes = figure.add_subplot()
    places, labels = [], []
    y = 0.0
    for k, outcome in enumerate(outcomes):
        _block(axes, y, outcome, [_condition(comparison, s.direction, k) for s in sides])
        for margin in _boundaries(sides, decisions[0].margins[k]):
            ends = [y - 0.4, y - len(names) - 0.4]
            axes.plot([margin] * 2, ends, color=INK, linewidth=1.2, linestyle="--", zorder=1)
        part = comparison.table[comparison.table["outcome"] == outcome].set_index("prior")
        for name in names:
            y -= 1
            row = part.loc[name]
            colour = BLUE if row["converged"] else VERMILION
            axes.plot(
                [row["delta_lower"], row["delta_upper"]],
                [y, y],
                color=colour,
                linewidth=2,
                gid=name,
            )
            axes.plot(
                row["delta"],
                y,
                marker="o",
                markersize=6.5,
                color=colour,
                markerfacecolor=colour if row["converged"] else "white",
            )
            texts = [
                brief(float(s.marginal[k]), float(s.marginal_mcse[k]), float(s.marginal_bound[k]))
                for s in comparison.decisions[name].sides
            ]
            _beside(axes, y, texts)
            places.append(y)
            labels.append(caption(name))
        y -= 1.4
    axes.plot([0, 0], [0.5, y + 0.9], color=GREY, linewidth=1, zorder=0, scalex=False)
    rule = decisions[0].rule
    _block(axes, y, f"Rule {rule}", [_joint(rule, s.direction, len(sides)) for s in sides])
    for name in names:
        y -= 1
        decision = comparison.decisions[name]
        _beside(axes, y, [brief(s.probability, s.mcse, s.bound) for s in decision.sides])
        axes.text(
            0.995,
            y,
            decision.verdict,
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="center",
            fontsize=9.5,
            color=INK,
        )
        places.append(y)
        labels.append(caption(name))
    axes.set_yticks(places, labels)
    axes.tick_params(axis="y", length=0)
    axes.set(ylim=(y - 0.7, 0.8))
    effect = next(iter(comparison.effects.values()))
    axes.set_xlabel(f"{delta_label(effect, None)}, mean and {100 * comparison.ci_prob:g}% interval")
    style(axes)
    axes.spines["left"].set_visible(False)
    kind = "prior" if comparison.table["analysis"].nunique() == 1 else "model"
    title = f"The differences in success probability under each {kind}"
    axes.set_title(title, loc="left", pad=10, fontsize=12, fontweight="bold", color=INK)
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


def _condition(comparison: Comparison, direction: str, k: int) -> str:
    """Return what the marginal probability of an outcome is of."""
    margin = next(iter(comparison.decisions.values())).margins[k]
    return f"P(δ > {margin + 0.0:g})" if direction == "right" else f"P(δ < {-margin + 0.0:g})"


def _joint(rule: str, direction: str, n_sides: int) -> str:
    return f"P({rule})" if n_sides == 1 else f"P({rule}, {direction})"


def _boundaries(sides: Sequence[Side], margin: float) -> set[float]:
    """Return what δ is compared with, but for zero, which every picture has."""
    return {margin if side.direction == "right" else -margin for side in sides} - {0.0}


def _block(axes: Axes, y: float, name: str, heads: list[str]) -> None:
    """Write the heading of a block of rows, over the labels and over the probabilities."""
    axes.annotate(
        caption(name),
        (0, y),
        xycoords=axes.get_yaxis_transform(),
        xytext=(-4, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=10.5,
        fontweight="bold",
        color=INK,
    )
    _beside(axes, y, heads, bold=True)


def _beside(axes: Axes, y: float, texts: list[str], *, bold: bool = False) -> None:
    """Write texts to the right of a row."""
    for place, text in enumerate(texts):
        # in points from the edge, which stays the same when the layout narrows the axes
        axes.annotate(
            text.removeprefix("= "),
            (1, y),
            xycoords=axes.get_yaxis_transform(),
            xytext=(14 + BESIDE * place, 0),
            textcoords="offset points",
            va="center",
            fontsize=9.5,
            fontweight="bold" if bold else "normal",
            color=INK,
        )
