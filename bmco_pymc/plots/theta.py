"""The picture of θ: the success probabilities of both groups, a panel per outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from bmco_pymc.effect import Effect
from bmco_pymc.picture import (
    GREY,
    GROUPS,
    INK,
    Picture,
    caption,
    captions,
    figure_heading,
    kind,
    legend,
    spread_out,
    style,
)
from bmco_pymc.plots.marks import (
    check_prob,
    column_text,
    density,
    estimate_text,
    interval,
    interval_key,
)

LINES: tuple[Literal["--"], Literal["-"]] = (
    "--",
    "-",
)  # control, treatment: told apart without colour too


def plot_theta(effect: Effect, ci_prob: float = 0.95) -> Figure:
    """Draw the posterior of θ: densities and intervals of both groups, a panel per outcome.

    Parameters
    ----------
    effect : Effect
        What to draw.
    ci_prob : float
        Probability in the equal-tailed intervals; the thick part holds half.

    Returns
    -------
    matplotlib.figure.Figure
        As many axes as there are outcomes, all with the same range.

    Raises
    ------
    InputError
        If ``ci_prob`` is not between 0 and 1.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", control="ctl", treatment="trt")
    >>> figure = bmco.BMVB(study).fit(seed=1).effect().plot_theta()
    >>> [axes.get_title("left") for axes in figure.axes]
    ['y1', 'y2']
    """
    prob = check_prob(ci_prob)
    theta = effect.theta.transpose("chain", "draw", "outcome", "group").values
    theta = theta.reshape(-1, *theta.shape[2:])  # (S, K, 2)
    outcomes = effect.fit.model.study.outcomes
    control, treatment = effect.fit.model.study.group_labels
    groups = tuple(captions((control, treatment), 40))
    ends = np.quantile(theta, [0.0005, 0.9995])
    room = 0.05 * float(np.ptp(ends)) or 0.05
    low, high = max(0.0, ends[0] - room), min(1.0, ends[1] + room)

    figure = Picture(figsize=(6.6, 1.5 + 1.5 * len(outcomes)), layout="constrained")
    panels = figure.subplots(len(outcomes), sharex=True, squeeze=False)[:, 0]
    for axes, outcome, draws in zip(panels, outcomes, theta.swapaxes(0, 1), strict=True):
        _panel(axes, draws, groups, prob, np.linspace(low, high, 401))
        axes.set_title(caption(outcome), loc="left", fontsize=10.5, fontweight="bold", color=INK)
    panels[-1].set(xlim=(low, high), xlabel="θ, probability of success")
    column_text(panels[0], 0.06, f"mean [{100 * prob:g}% interval]", colour=GREY)
    figure_heading(
        figure,
        f"{kind(effect).title()} of the success probabilities",
        effect.estimand,
        effect.diagnostics,
    )
    handles: list[Artist] = [
        Patch(facecolor=(GROUPS[g], 0.3), edgecolor=GROUPS[g], linestyle=LINES[g], label=groups[g])
        for g in (0, 1)
    ]
    handles.append(interval_key(GREY, prob))
    legend(figure, handles, columns=3)
    return figure


def _panel(
    axes: Axes,
    draws: NDArray[np.float64],
    groups: Sequence[str],
    prob: float,
    x: NDArray[np.float64],
) -> None:
    """Draw one outcome's draws (S, 2)."""
    heights = [density(spread_out(draws[:, g], 4000), x) for g in (0, 1)]
    top = max((h.max() for h in heights if h is not None), default=1.0)
    for g, height in enumerate(heights):
        if height is None:
            axes.plot([draws[0, g]] * 2, [0, 1], color=GROUPS[g], linewidth=2, gid=groups[g])
        else:
            axes.fill_between(x, 0, height / top, color=GROUPS[g], alpha=0.25, linewidth=0)
            axes.plot(
                x, height / top, color=GROUPS[g], linestyle=LINES[g], linewidth=1.5, gid=groups[g]
            )
        y = -0.22 - 0.26 * g
        interval(axes, y, draws[:, g], prob, GROUPS[g], filled=g == 1, gid=f"interval {groups[g]}")
        tail = (1 - prob) / 2
        words = estimate_text(draws[:, g].mean(), *np.quantile(draws[:, g], [tail, 1 - tail]))
        column_text(axes, y, f"{groups[g]}: {words}")
    axes.axhline(0, color="0.7", linewidth=0.8, zorder=1)
    axes.set(ylim=(-0.68, 1.08), yticks=[])
    style(axes)
    axes.spines["left"].set_visible(False)
