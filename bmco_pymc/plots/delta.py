"""The picture of δ: a forest of the differences, with what each is compared with."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from bmco_pymc.arguments import probability
from bmco_pymc.decision.outcomes import PerOutcome
from bmco_pymc.decision.rule import Rule
from bmco_pymc.plots import marks, style
from bmco_pymc.plots.style import BLUE, GREEN, GREY, INK
from bmco_pymc.posterior.differences import Differences


def plot_delta(
    effect: Differences,
    direction: str = "right",
    margins: PerOutcome = 0.0,
    w: PerOutcome | None = None,
    *,
    ci_prob: float = 0.95,
) -> Figure:
    """See `Effect.plot_delta`."""
    prob = probability("ci_prob", ci_prob)
    rules = marks.all_and_any(effect, Rule(None, direction, margins, w))
    side = rules["All"].sides[0]
    sign, bounds = marks.boundary(rules["All"])
    delta = style.draws_of(effect)  # (S, K)
    labels, chances = list(effect.outcomes), style.chances(side)
    words = effect.estimand
    if (comp := rules.pop("Comp", None)) is not None:
        weights = np.array(comp.weights)
        delta = np.column_stack([delta, delta @ weights])
        bounds = np.append(bounds, bounds @ weights)
        terms = zip(weights, map(style.caption, labels), strict=True)
        words += f" Weighted sum: {' + '.join(f'{share:.4g} δ[{k}]' for share, k in terms)}."
        labels.append("weighted sum")
        chances.append(style.chance(comp.sides[0]))

    n = len(labels)
    rows = [style.caption(label) for label in labels]
    figure, ((axes,),) = style.panels(5.8 + style.room_for(rows), 1.9 + 0.55 * n)
    low, high = marks.limits(delta, *bounds.tolist())
    for y, (label, bound) in enumerate(zip(labels, bounds, strict=True)):
        left, right = (bound, high) if sign > 0 else (low, bound)
        box = Rectangle((left, y - 0.5), right - left, 1.0, gid=f"beyond {label}")
        box.set(facecolor=GREEN, alpha=0.16, linewidth=0, zorder=0)
        axes.add_patch(box)
        if bound != 0:
            ends = [y + 0.5, y - 0.5]
            axes.plot([bound] * 2, ends, "--", color=INK, linewidth=1.2, zorder=2)
        colour, marker = (BLUE, "o") if y < len(effect.outcomes) else (INK, "D")
        marks.interval(axes, y, delta[:, y], prob, colour, marker=marker, gid=label)
    axes.axvline(0, color=GREY, linewidth=1, zorder=1)
    numbers = zip(delta.mean(axis=0), *marks.ends(delta, prob), strict=True)
    events = [f"{marks.event_text(b, sign)} {p}" for b, p in zip(bounds, chances, strict=True)]
    head = f"mean [{100 * prob:g}% interval]"
    texts = [head, *(marks.estimate_text(*row) for row in numbers)]
    marks.columns(axes, [texts, ["", *events]])
    marks.named_rows(axes, rows, 0.5)
    axes.set(xlim=(low, high), xlabel=style.delta_label(effect, None))
    axes.locator_params(axis="x", nbins=6)  # beside the columns there is no room for more
    style.figure_heading(figure, "Differences in success probability", words, effect.diagnostics)
    handles = [marks.interval_key(BLUE, prob), marks.beyond_key(bounds, sign, 0.3)]
    if len(effect.outcomes) > 1:
        handles += [Patch(alpha=0, label=style.joint_text(rule)) for rule in rules.values()]
    style.legend(figure, handles, columns=len(handles))
    return figure
