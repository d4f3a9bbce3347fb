"""The picture of subgroups: a forest with a panel per outcome."""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bmco_pymc.errors import InputError
from bmco_pymc.per_outcome import PerOutcome
from bmco_pymc.picture import (
    BLUE,
    GREY,
    INK,
    Picture,
    brief,
    caption,
    draws_of,
    figure_heading,
    legend,
    room_for,
    style,
)
from bmco_pymc.plots.marks import (
    boundary,
    boundary_line,
    check_prob,
    column_text,
    interval,
    interval_key,
)
from bmco_pymc.subgroups import Subgroups

OVERALL = "all subjects"


def plot_subgroups(
    subgroups: Subgroups,
    rule: str | None = "All",
    direction: str = "right",
    margins: PerOutcome = 0.0,
    w: PerOutcome | None = None,
    *,
    ci_prob: float = 0.95,
) -> Figure:
    """Draw δ with its interval in each subgroup and in all subjects, a panel per outcome.

    Parameters
    ----------
    subgroups : Subgroups
        What to draw.
    rule : {"All", "Any", "Comp"}, optional
        The rule whose probability stands beside each row; None leaves it out.
    direction : {"right", "left"}
        Whether δ or −δ should exceed the margins.
    margins, w
        As in `Effect.decide`.
    ci_prob : float
        Probability in the equal-tailed intervals; the thick part holds half.

    Returns
    -------
    matplotlib.figure.Figure
        An axes per outcome, with a row per subgroup and one for all subjects at the bottom.

    Raises
    ------
    InputError
        If an argument cannot be used; nothing was drawn.
    """
    prob = check_prob(ci_prob)
    study = subgroups.fit.model.study
    effects = [*subgroups.effects, subgroups.overall]
    decided = [
        effect.decide("All" if rule is None else rule, direction, margins, w) for effect in effects
    ]
    if len(decided[0].sides) > 1:
        problem = "a picture shows one side; for two-sided decisions draw each"
        raise InputError("direction", direction, problem, ["right", "left"])
    _, bounds = boundary(decided[0])
    delta = np.stack([draws_of(effect) for effect in effects])  # (n, S, K)
    n, n_outcomes = len(effects), len(study.outcomes)
    counts = np.bincount(subgroups.fit.model.cells.arm, weights=subgroups.fit.model.cells.weight)
    sizes = [sum(pair) for pair in subgroups.subjects] + [int(counts.sum())]
    labels = [
        f"{caption(label, 30)}   n = {size}"
        for label, size in zip((*subgroups.labels, OVERALL), sizes, strict=True)
    ]

    width = max(3.4, 1.4 + room_for(labels)) + 2.4 * n_outcomes
    figure = Picture(figsize=(width, 1.8 + 0.42 * n), layout="constrained")
    panels = figure.subplots(1, n_outcomes, sharex=True, sharey=True, squeeze=False)[0]
    ends = np.quantile(delta, [(1 - prob) / 2, (1 + prob) / 2], axis=1)
    low, high = min(ends.min(), 0.0, *bounds), max(ends.max(), 0.0, *bounds)
    room = 0.06 * (high - low) or 0.05
    for k, (axes, outcome) in enumerate(zip(panels, study.outcomes, strict=True)):
        _panel(axes, delta[:, :, k], float(bounds[k]), prob)
        axes.set_title(
            caption(outcome, 25), loc="left", fontsize=10.5, fontweight="bold", color=INK
        )
        axes.set_xlabel("δ")
    panels[0].set(xlim=(low - room, high + room), ylim=(-0.6, n - 0.4))
    panels[0].set_yticks([*range(n - 1, 0, -1), 0], labels)
    if rule is not None:
        column_text(panels[-1], 0, f"P({decided[0].rule})", above=True)
        for row, decision in enumerate(decided):
            side = decision.sides[0]
            text = brief(side.probability, side.mcse, side.bound).removeprefix("= ")
            column_text(panels[-1], n - 1 - row, text)
    control, treatment = study.group_labels
    title = f"Effect by {caption(subgroups.by)}: δ = {caption(treatment)} − {caption(control)}"
    words = f"{subgroups.overall.estimand} In each subgroup the same, over its subjects alone."
    figure_heading(figure, title, words, subgroups.diagnostics)
    key = interval_key(INK, prob)
    key.set(marker="D", label=OVERALL)
    handles: list[Artist] = [interval_key(BLUE, prob), key]
    handles.append(Line2D([], [], color=GREY, linestyle=":", label=f"mean of {OVERALL}"))
    legend(figure, handles, columns=3)
    return figure


def _panel(axes: Axes, delta: np.ndarray, bound: float, prob: float) -> None:
    """Draw one outcome's draws (n, S), the last row being all subjects."""
    n = len(delta)
    boundary_line(axes.axvline, bound)
    axes.axvline(delta[-1].mean(), color=GREY, linewidth=1, linestyle=":", zorder=1)
    axes.axhline(0.5, color="0.8", linewidth=0.8, zorder=0)
    for row, draws in enumerate(delta):
        last = row == n - 1
        interval(
            axes,
            n - 1 - row,
            draws,
            prob,
            INK if last else BLUE,
            marker="D" if last else "o",
            gid=f"row {row}",
        )
    axes.tick_params(axis="y", length=0)
    style(axes)
