"""The marks that several pictures share: densities, intervals, lines at zero and at margins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bmco_pymc.decision import Decision
from bmco_pymc.errors import InputError
from bmco_pymc.picture import GREY, INK

HALF = 0.5  # the share of the posterior in the thick part of an interval


def density(draws: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the density of draws at x; None if the draws are all alike."""
    from scipy.stats import gaussian_kde

    if len(draws) < 2 or np.ptp(draws) == 0:
        return None
    smooth = gaussian_kde(draws)
    smooth.set_bandwidth(1.2 * smooth.factor)  # or chance bumps catch the eye
    return smooth(x)


def interval(
    axes: Axes,
    y: float,
    draws: NDArray[np.float64],
    ci_prob: float,
    colour: str,
    *,
    marker: str = "o",
    filled: bool = True,
    size: float = 6.5,
    gid: str | None = None,
) -> None:
    """Draw the mean of draws (S,), their equal-tailed interval and, thicker, the middle half."""
    for prob, width in ((ci_prob, 1.4), (HALF, 3.6)):
        ends = np.quantile(draws, [(1 - prob) / 2, (1 + prob) / 2])
        axes.plot(
            ends, [y, y], color=colour, linewidth=width, solid_capstyle="butt", zorder=3, gid=gid
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
        gid=None if gid is None else f"{gid} mean",
    )


def interval_key(colour: str, ci_prob: float) -> Line2D:
    """Return what stands for an interval in a legend."""
    label = f"mean, {HALF:.0%} and {100 * ci_prob:g}% interval"
    return Line2D(
        [], [], color=colour, marker="o", markeredgecolor="white", linewidth=1.8, label=label
    )


def boundary(decision: Decision) -> tuple[int, NDArray[np.float64]]:
    """Return the direction as a sign, and what δ is compared with, shape (K,)."""
    sign = 1 if decision.direction == "right" else -1
    return sign, sign * np.array(decision.margins) + 0.0  # no negative zero


def boundary_line(line: Any, bound: float) -> None:
    """Draw zero as a full line and a margin that is not zero as a dashed one."""
    line(0, color=GREY, linewidth=1, zorder=1)
    if bound != 0:
        line(bound, color=INK, linewidth=1.2, linestyle="--", zorder=3)


def limits(draws: NDArray[np.float64], *bounds: float) -> tuple[float, float]:
    """Return the ends of an axis that shows nearly all draws and both sides of each boundary."""
    inner = np.quantile(draws, [0.0005, 0.9995])
    low, high = min(inner[0], 0.0, *bounds), max(inner[1], 0.0, *bounds)
    room = 0.08 * (high - low) or 0.05
    # A region needs room for its name and probability even where there are no draws.
    edge = 0.3 * (high - low) or 0.2
    low = min(low - room, min(bounds) - edge)
    high = max(high + room, max(bounds) + edge)
    return float(low), float(high)


def minus(text: str) -> str:
    """Return a number's text with the minus sign that axes have."""
    return text.replace("-", "−")


def estimate_text(mean: float, lower: float, upper: float, digits: int = 2) -> str:
    """Return a mean with its interval.

    Examples
    --------
    >>> estimate_text(0.089, -0.1521, 0.317)
    '0.09 [−0.15, 0.32]'
    """
    parts = [minus(f"{value:.{digits}f}") for value in (mean, lower, upper)]
    return f"{parts[0]} [{parts[1]}, {parts[2]}]"


def column_text(
    axes: Axes, y: float, text: str, *, across: float = 10, above: bool = False, colour: str = INK
) -> None:
    """Write beside an axes, so many points to the right of it, at y or above its top."""
    axes.annotate(
        text,
        (1, 1 if above else y),
        xycoords="axes fraction" if above else axes.get_yaxis_transform(),
        xytext=(across, 3 if above else 0),
        textcoords="offset points",
        va="bottom" if above else "center",
        fontsize=9,
        color=GREY if above else colour,
        annotation_clip=False,
    )


def after(texts: Iterable[str], across: float = 10) -> float:
    """Return where a column starts that stands to the right of one with these texts."""
    return across + 5.4 * max(map(len, texts)) + 12


def check_prob(ci_prob: object) -> float:
    """Return the probability in an interval, or say what is wrong with it."""
    if isinstance(ci_prob, bool) or not isinstance(ci_prob, int | float) or not 0 < ci_prob < 1:
        raise InputError("ci_prob", ci_prob, "must be between 0 and 1")
    return float(ci_prob)


def check_whole(argument: str, value: object, least: int) -> None:
    """Refuse what is no whole number, or too small a one."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(argument, value, f"must be a whole number, {least} or more")
