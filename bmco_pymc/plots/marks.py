"""The marks that several pictures share: intervals, lines at zero and at margins, columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from bmco_pymc.decision.decision import Decision
from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.plots import style
from bmco_pymc.plots.style import GREEN, GREY, INK
from bmco_pymc.posterior.differences import Differences

HALF = 0.5  # the share of the posterior in the thick part of an interval


def ends(draws: NDArray[np.float64], prob: float, axis: int = 0) -> NDArray[np.float64]:
    """Return the ends of the equal-tailed interval, the first dim of what is returned."""
    return np.quantile(draws, [(1 - prob) / 2, (1 + prob) / 2], axis=axis)


def interval(
    axes: Axes,
    y: float,
    draws: NDArray[np.float64],
    ci_prob: float,
    colour: str,
    *,
    gid: str,
    marker: str = "o",
    filled: bool = True,
    size: float = 6.5,
) -> None:
    """Draw the mean of draws (S,), their equal-tailed interval and, thicker, the middle half."""
    for prob, width in ((ci_prob, 1.4), (HALF, 3.6)):
        span = ends(draws, prob)
        axes.plot(
            span, [y, y], color=colour, linewidth=width, solid_capstyle="butt", zorder=3, gid=gid
        )
    axes.plot(
        draws.mean(),
        y,
        marker=marker,
        markersize=size,
        markerfacecolor=colour if filled else "white",
        markeredgecolor="white" if filled else colour,
        markeredgewidth=0.9 if filled else 1.4,
        linestyle="",
        zorder=4,
        gid=f"{gid} mean",
    )


def interval_key(colour: str, ci_prob: float) -> Line2D:
    """Return what stands for an interval in a legend."""
    label = f"mean, {HALF:.0%} and {100 * ci_prob:g}% interval"
    return style.key(label, colour, marker="o", markeredgecolor="white", linewidth=1.8)


def all_and_any(effect: Differences, rule: Rule) -> dict[str, Decision]:
    """Return what All, Any and, if there are weights, Comp say for one direction and margins.

    Raises
    ------
    InputError
        If the direction is two-sided: a picture shows one.
    """
    rules = {name: effect.decide(rule.named(name)) for name in ("All", "Any")}
    boundary(rules["All"])
    if rule.w is not None:
        rules["Comp"] = effect.decide(rule.named("Comp", weights=True))
    return rules


def joint_decides(decision: Decision) -> bool:
    """Return whether the probability that the rule holds is the one that decides."""
    return decision.statistic_name == "joint probability"


def boundary(decision: Decision) -> tuple[int, NDArray[np.float64]]:
    """Return the direction as a sign, and what δ is compared with, shape (K,).

    Raises
    ------
    InputError
        If there are two directions.
    """
    if len(decision.sides) > 1:
        problem = "a picture shows one side; for two-sided decisions draw each"
        raise InputError("direction", decision.direction, problem, ["right", "left"])
    sign = 1 if decision.direction == "right" else -1
    return sign, sign * np.array(decision.margins) + 0.0  # no negative zero


def boundary_line(line: Any, bound: float) -> None:
    """Draw zero as a full line and a margin that is not zero as a dashed one."""
    line(0, color=GREY, linewidth=1, zorder=1)
    if bound != 0:
        line(bound, color=INK, linewidth=1.2, linestyle="--", zorder=3)


def beyond_key(bounds: NDArray[np.float64], sign: int, alpha: float) -> Patch:
    """Return what stands in a legend for where δ is beyond its margin."""
    label = "beyond the margin" if bounds.any() else f"δ {'>' if sign > 0 else '<'} 0"
    return Patch(facecolor=GREEN, alpha=alpha, label=label)


def reach(values: NDArray[np.float64], *bounds: float) -> tuple[float, float]:
    """Return the ends of the shortest axis that holds values, zero and each boundary."""
    return min(values.min(), 0.0, *bounds), max(values.max(), 0.0, *bounds)


def limits(draws: NDArray[np.float64], *bounds: float, edge: float = 0.3) -> tuple[float, float]:
    """Return the ends of an axis that shows nearly all draws and both sides of each boundary."""
    low, high = reach(np.quantile(draws, [0.0005, 0.9995]), *bounds)
    room = 0.08 * (high - low) or 0.05
    # A region needs room for its name and probability even where there are no draws.
    beyond = edge * (high - low) or 0.2
    low = min(low - room, min(bounds) - beyond)
    high = max(high + room, max(bounds) + beyond)
    return float(low), float(high)


def minus(text: str) -> str:
    """Return numbers in a text with the minus sign that axes have."""
    return text.replace("-", "−")


def estimate_text(mean: float, lower: float, upper: float) -> str:
    """Return a mean with its interval.

    Examples
    --------
    >>> estimate_text(0.089, -0.1521, 0.317)
    '0.09 [−0.15, 0.32]'
    """
    return minus(f"{mean:.2f} [{lower:.2f}, {upper:.2f}]")


def event_text(bound: float, sign: int) -> str:
    """Return the probability that δ is beyond a boundary, in symbols."""
    return minus(f"P(δ {'>' if sign > 0 else '<'} {bound + 0.0:g})")


def named_rows(
    axes: Axes, labels: Sequence[str], room: float, *, upwards: bool = False, **text: Any
) -> None:
    """Name the rows 0, 1, ... of an axes, from the top unless upwards."""
    span = -room, len(labels) - 1 + room
    axes.set_ylim(span if upwards else span[::-1])
    axes.set_yticks(range(len(labels)), labels, **text)
    axes.tick_params(axis="y", length=0)
    style.bare(axes)


def columns(axes: Axes, texts: Sequence[Sequence[str]]) -> None:
    """Write columns to the right of an axes, their heads above it and a text in each row."""
    across = 10.0
    for head, *rows in texts:
        column_text(axes, 1, head, across, above=True, colour=GREY)
        for y, text in enumerate(rows):
            column_text(axes, y, text, across)
        across += 5.4 * max(map(len, [head, *rows])) + 12


def column_text(
    axes: Axes, y: float, text: str, across: float = 10, *, above: bool = False, colour: str = INK
) -> None:
    """Write beside an axes, so many points to the right of it, at y or above its top."""
    axes.annotate(
        text,
        (1, y),
        xycoords="axes fraction" if above else axes.get_yaxis_transform(),
        xytext=(across, 3 if above else 0),
        textcoords="offset points",
        va="bottom" if above else "center",
        fontsize=9,
        color=colour,
        annotation_clip=False,
    )
