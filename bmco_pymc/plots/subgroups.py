"""The picture of subgroups: a forest with a panel per outcome."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from bmco_pymc.arguments import probability
from bmco_pymc.decision.rule import Rule
from bmco_pymc.diagnostics.verdict import Diagnostics
from bmco_pymc.plots import marks, style
from bmco_pymc.plots.style import BLUE, GREY, INK
from bmco_pymc.posterior.differences import Differences

OVERALL = "all subjects"


def plot_subgroups(
    effects: Sequence[Differences],
    labels: Sequence[str],
    subjects: Sequence[int],
    by: str,
    rule: Rule,
    diagnostics: Diagnostics,
    *,
    ci_prob: float,
) -> Figure:
    """Draw δ in each subgroup, a panel per outcome; see `Subgroups.plot`.

    The last of the effects and of the numbers of subjects is that of all subjects, which has no
    label here.
    """
    prob = probability("ci_prob", ci_prob)
    groups, outcomes = effects[0].groups, effects[0].outcomes
    asked = rule.named("All") if rule.rule is None else rule
    decided = [effect.decide(asked) for effect in effects]
    _, bounds = marks.boundary(decided[0])
    delta = np.stack([style.draws_of(effect) for effect in effects])  # (n, S, K)
    sized = zip((*labels, OVERALL), subjects, strict=True)
    labels = [f"{style.caption(label, 30)}   n = {size}" for label, size in sized]

    width = max(3.4, 1.4 + style.room_for(labels)) + 2.4 * len(outcomes)
    figure, (panels,) = style.panels(
        width, 1.8 + 0.42 * len(labels), 1, len(outcomes), sharex=True, sharey=True
    )
    low, high = marks.reach(marks.ends(delta, prob, axis=1), *bounds)
    room = 0.06 * (high - low) or 0.05
    last = len(labels) - 1
    for k, (axes, outcome) in enumerate(zip(panels, outcomes, strict=True)):
        marks.boundary_line(axes.axvline, float(bounds[k]))
        axes.axvline(delta[last, :, k].mean(), color=GREY, linewidth=1, linestyle=":", zorder=1)
        axes.axhline(last - 0.5, color="0.8", linewidth=0.8, zorder=0)
        for row, draws in enumerate(delta[:, :, k]):
            colour, marker = (INK, "D") if row == last else (BLUE, "o")
            marks.interval(axes, row, draws, prob, colour, marker=marker, gid=f"row {row}")
        marks.named_rows(axes, labels, 0.6)
        style.panel_title(axes, style.caption(outcome, 25))
        axes.set(xlabel="δ", xlim=(low - room, high + room))
    if rule.rule is not None:
        texts = [style.chance(decision.sides[0], "") for decision in decided]
        marks.columns(panels[-1], [[f"P({decided[0].asked.words})", *texts]])
    title = f"Effect by {style.caption(by)}: {style.contrast(groups)}"
    words = f"{effects[-1].estimand} In each subgroup the same, over its subjects alone."
    style.figure_heading(figure, title, words, diagnostics)
    overall = marks.interval_key(INK, prob)
    overall.set(marker="D", label=OVERALL)
    mean = style.key(f"mean of {OVERALL}", GREY, linestyle=":")
    style.legend(figure, [marks.interval_key(BLUE, prob), overall, mean], columns=3)
    return figure
