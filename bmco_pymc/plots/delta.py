"""The picture of δ: a forest of the differences, with what each is compared with."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from bmco_pymc.decision import RULES
from bmco_pymc.effect import Effect
from bmco_pymc.errors import InputError
from bmco_pymc.per_outcome import PerOutcome, read_weights
from bmco_pymc.picture import (
    BLUE,
    GREEN,
    GREY,
    INK,
    Picture,
    brief,
    caption,
    delta_label,
    draws_of,
    figure_heading,
    joint_text,
    legend,
    style,
)
from bmco_pymc.plots.marks import (
    after,
    boundary,
    check_prob,
    column_text,
    estimate_text,
    interval,
    interval_key,
    limits,
    minus,
)


def plot_delta(
    effect: Effect,
    direction: str = "right",
    margins: PerOutcome = 0.0,
    w: PerOutcome | None = None,
    *,
    ci_prob: float = 0.95,
) -> Figure:
    """Draw δ of each outcome with its interval, beside zero and its margin.

    Parameters
    ----------
    effect : Effect
        What to draw.
    direction : {"right", "left"}
        Whether δ or −δ should exceed the margins.
    margins : float, sequence or mapping
        Margin of each outcome, as in `Effect.decide`.
    w : sequence or mapping, optional
        Weights of the outcomes: adds a row for the weighted sum w'δ.
    ci_prob : float
        Probability in the equal-tailed intervals; the thick part holds half.

    Returns
    -------
    matplotlib.figure.Figure
        One axes with a row per outcome, the first on top; in columns beside it the mean with its
        interval, and the probability that δ is beyond its margin.

    Raises
    ------
    InputError
        If an argument cannot be used; nothing was drawn.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", control="ctl", treatment="trt")
    >>> figure = bmco.BMVB(study).fit(seed=1).effect().plot_delta(margins=-0.1)
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['y1', 'y2']
    """
    prob = check_prob(ci_prob)
    rules = {name: effect.decide(name, direction, margins) for name in ("All", "Any")}
    if len(rules["All"].sides) > 1:
        problem = "a picture shows one side; for two-sided decisions draw each"
        raise InputError("direction", direction, problem, ["right", "left"])
    side = rules["All"].sides[0]
    sign, bounds = boundary(rules["All"])
    delta = draws_of(effect)  # (S, K)
    labels = list(rules["All"].outcomes)
    marginal = zip(side.marginal, side.marginal_mcse, side.marginal_bound, strict=True)
    chances = [brief(*map(float, numbers)) for numbers in marginal]
    more = ""
    if w is not None:
        comp = effect.decide("Comp", direction, margins, w)
        weights = read_weights(list(comp.weights or ()), labels, used_by=RULES["Comp"]).values
        delta = np.column_stack([delta, delta @ weights])
        bounds = np.append(bounds, bounds @ weights)
        terms = zip(weights, map(caption, labels), strict=True)
        more = f"Weighted sum: {' + '.join(f'{share:.4g} δ[{k}]' for share, k in terms)}."
        labels.append("weighted sum")
        chances.append(brief(comp.probability, comp.mcse, comp.sides[0].bound))

    n = len(labels)
    figure = Picture(figsize=(7.6, 1.9 + 0.55 * n), layout="constrained")
    axes = figure.add_subplot()
    ends = limits(delta, *bounds.tolist())
    relation = ">" if sign > 0 else "<"
    tail = (1 - prob) / 2
    for row, (label, bound) in enumerate(zip(labels, bounds, strict=True)):
        y = float(n - 1 - row)
        left, right = (bound, ends[1]) if sign > 0 else (ends[0], bound)
        axes.add_patch(
            Rectangle(
                (left, y - 0.5),
                right - left,
                1.0,
                facecolor=GREEN,
                alpha=0.16,
                linewidth=0,
                zorder=0,
                gid=f"beyond {label}",
            )
        )
        if bound != 0:
            axes.plot(
                [bound] * 2, [y - 0.5, y + 0.5], color=INK, linewidth=1.2, linestyle="--", zorder=2
            )
        colour = INK if row == len(rules["All"].outcomes) else BLUE
        marker = "D" if colour == INK else "o"
        interval(axes, y, delta[:, row], prob, colour, marker=marker, gid=label)
    axes.axvline(0, color=GREY, linewidth=1, zorder=1)
    numbers = zip(delta.mean(axis=0), *np.quantile(delta, [tail, 1 - tail], axis=0), strict=True)
    texts = [estimate_text(*row) for row in numbers]
    head = f"mean [{100 * prob:g}% interval]"
    column_text(axes, 0, head, above=True)
    for row, (text, chance, bound) in enumerate(zip(texts, chances, bounds, strict=True)):
        column_text(axes, n - 1 - row, text)
        event = f"P(δ {relation} {minus(f'{bound:g}')})"
        column_text(axes, n - 1 - row, f"{event} {chance}", across=after([head, *texts]))
    axes.set(xlim=ends, ylim=(-0.5, n - 0.5), xlabel=delta_label(effect, None))
    axes.set_yticks(range(n - 1, -1, -1), [caption(label) for label in labels])
    axes.locator_params(axis="x", nbins=6)  # beside the columns there is no room for more
    axes.tick_params(axis="y", length=0)
    style(axes)
    figure_heading(
        figure,
        "Differences in success probability",
        " ".join([effect.estimand, more]),
        effect.diagnostics,
    )
    beyond = "beyond the margin" if bounds.any() else f"δ {relation} 0"
    handles = [interval_key(BLUE, prob), Patch(facecolor=GREEN, alpha=0.3, label=beyond)]
    if len(rules["All"].outcomes) > 1:
        handles += [Patch(alpha=0, label=joint_text(rule)) for rule in rules.values()]
    legend(figure, handles, columns=len(handles))
    return figure
