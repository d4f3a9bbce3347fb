"""The picture of a curve: δ(x) with its band, and the probability that a rule holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from bmco_pymc.curve import Curve
from bmco_pymc.decisions import Decisions
from bmco_pymc.errors import InputError
from bmco_pymc.frequencies import at_rank
from bmco_pymc.per_outcome import PerOutcome
from bmco_pymc.picture import (
    BLUE,
    GREEN,
    GREY,
    INK,
    Picture,
    caption,
    figure_heading,
    legend,
    style,
)
from bmco_pymc.plots.marks import HALF, boundary, boundary_line, check_prob

RUG = 400  # subjects shown as ticks, at most


def plot_curve(
    curve: Curve,
    rule: str | None = "All",
    direction: str = "right",
    margins: PerOutcome = 0.0,
    w: PerOutcome | None = None,
    alpha: float = 0.05,
    *,
    ci_prob: float = 0.95,
) -> Figure:
    """Draw δ(x) of each outcome with its band and, below, the probability that a rule holds.

    Parameters
    ----------
    curve : Curve
        What to draw.
    rule : {"All", "Any", "Comp"}, optional
        The rule; None leaves its panel out.
    direction : {"right", "left"}
        Whether δ or −δ should exceed the margins.
    margins, w, alpha
        As in `Effect.decide`; where the rule is met at level alpha is shaded.
    ci_prob : float
        Probability in the outer band, at each value; the inner one holds half.

    Returns
    -------
    matplotlib.figure.Figure
        An axes per outcome and one for the rule; ticks below δ(x) are the analysed subjects.

    Raises
    ------
    InputError
        If an argument cannot be used; nothing was drawn.
    """
    prob = check_prob(ci_prob)
    decided = curve.decide("All" if rule is None else rule, direction, margins, w, alpha)
    if len(decided.decisions[0].sides) > 1:
        problem = "a picture shows one side; for two-sided decisions draw each"
        raise InputError("direction", direction, problem, ["right", "left"])
    model = curve.fit.model
    outcomes, (control, treatment) = model.study.outcomes, model.study.group_labels
    x = np.array(curve.at)
    delta = curve.delta.transpose("chain", "draw", "outcome", "value").values
    delta = delta.reshape(-1, *delta.shape[2:])  # (S, K, n)
    _, bounds = boundary(decided.decisions[0])

    n_panels = len(outcomes) + (rule is not None)
    figure = Picture(figsize=(6.6, 1.5 + 1.9 * n_panels), layout="constrained")
    panels = figure.subplots(n_panels, sharex=True, squeeze=False)[:, 0]
    bands = {p: np.quantile(delta, [(1 - p) / 2, (1 + p) / 2], axis=0) for p in (prob, HALF)}
    low = min(bands[prob].min(), 0.0, *bounds)
    high = max(bands[prob].max(), 0.0, *bounds)
    room = 0.08 * (high - low) or 0.05
    rug = _rug(model.cells.frame[curve.covariate].to_numpy(float), model.cells.weight, x[[0, -1]])
    for k, (axes, outcome) in enumerate(zip(panels, outcomes, strict=False)):
        boundary_line(axes.axhline, float(bounds[k]))
        for p, shade in ((prob, 0.18), (HALF, 0.30)):
            axes.fill_between(
                x, *bands[p][:, k], color=BLUE, alpha=shade, linewidth=0, gid=f"{p:g} band"
            )
        axes.plot(x, delta[:, k].mean(axis=0), color=BLUE, linewidth=1.8, gid=outcome)
        axes.plot(
            rug,
            np.full(len(rug), 0.025),
            transform=axes.get_xaxis_transform(),
            marker="|",
            markersize=6,
            markeredgewidth=0.6,
            color=GREY,
            alpha=0.5,
            linestyle="",
            gid="subjects",
        )
        axes.set(ylim=(low - 1.6 * room, high + room), ylabel="δ")
        axes.set_title(caption(outcome), loc="left", fontsize=10.5, fontweight="bold", color=INK)
        style(axes)
    handles: list[Artist] = [
        Line2D([], [], color=BLUE, linewidth=1.8, label="mean"),
        Patch(facecolor=BLUE, alpha=0.35, label=f"{HALF:.0%} and {100 * prob:g}% interval"),
        Line2D([], [], color=GREY, marker="|", linestyle="", label="subjects"),
    ]
    if rule is not None:
        handles += _rule(panels[-1], x, decided)
    panels[-1].set_xlabel(caption(curve.covariate))
    panels[-1].set_xlim(x[0], x[-1])
    title = f"Effect by {caption(curve.covariate)}: δ = {caption(treatment)} − {caption(control)}"
    figure_heading(figure, title, curve.estimand, curve.diagnostics)
    legend(figure, handles, columns=len(handles))
    return figure


def _rug(
    values: NDArray[np.float64], weight: NDArray[np.int64], ends: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the covariate of the subjects between two values, or of some at equal steps."""
    inside = (values >= ends[0]) & (values <= ends[1])
    n = int(weight[inside].sum())
    return at_rank(values[inside], weight[inside], np.linspace(0, n - 1, min(n, RUG)).round())


def _rule(axes: Axes, x: NDArray[np.float64], decided: Decisions) -> list[Artist]:
    """Draw the probability that a rule holds and where it is met; return what the legend says."""
    first = decided.decisions[0]
    sides = [decision.sides[0] for decision in decided.decisions]
    mcse = 2 * np.array([side.mcse for side in sides])
    p = decided.probability
    shade: dict[str, Any] = {"linewidth": 0, "color": INK, "alpha": 0.15}
    axes.fill_between(x, np.clip(p - mcse, 0, 1), np.clip(p + mcse, 0, 1), **shade)
    axes.plot(x, p, color=INK, linewidth=1.8, gid=f"P({first.rule})")
    met = np.array([side.met for side in sides])
    # Between values nothing was computed: the shade of each reaches half-way to the next.
    ends = np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]])
    for left, right, holds in zip(ends[:-1], ends[1:], met, strict=True):
        if holds:
            axes.axvspan(left, right, color=GREEN, alpha=0.2, linewidth=0, zorder=0, gid="met")
    axes.set(ylim=(-0.03, 1.03), ylabel="P")
    axes.set_title(
        f"P(rule {first.rule} holds)", loc="left", fontsize=10.5, fontweight="bold", color=INK
    )
    style(axes)
    words = next((d.verdict for d in decided.decisions if d.sides[0].met), None)
    if words is None:
        return []
    return [Patch(facecolor=GREEN, alpha=0.3, label=f"{words} at level {first.alpha:g}")]
