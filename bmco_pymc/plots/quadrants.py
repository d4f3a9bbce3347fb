"""The quadrants that two boundaries make: where each is, what is probable in it, and its label."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from bmco_pymc.decision.decision import Decision
from bmco_pymc.decision.probability import estimate, smallest_ess
from bmco_pymc.plots import style
from bmco_pymc.plots.style import INK
from bmco_pymc.posterior.differences import Differences

BOTH, FIRST, SECOND = "both", "first", "second"  # outcomes beyond their boundaries
SIDE = 3.8 * 72  # about how many points wide the axes are, and a little less high
HALO: Any = [withStroke(linewidth=2.5, foreground="white")]  # legible over points and lines

type Box = tuple[float, float, float, float]  # left, right, bottom, top


def quadrants(everywhere: Box, bounds: NDArray[np.float64], sign: int) -> dict[str, Box]:
    """Return the parts of a box where both outcomes, or one alone, are beyond their boundaries.

    Examples
    --------
    >>> quadrants((-1, 1, -1, 1), np.array([0.5, 0]), 1)
    {'both': (0.5, 1, 0.0, 1), 'first': (0.5, 1, -1, 0.0), 'second': (-1, 0.5, 0.0, 1)}
    """
    ends = (everywhere[:2], everywhere[2:])
    # of both axes the part short of the boundary, and the part beyond it
    (short_x, x), (short_y, y) = (
        [(low, bound), (bound, high)][::sign]
        for (low, high), bound in zip(ends, bounds.tolist(), strict=True)
    )
    return {BOTH: (*x, *y), FIRST: (*x, *short_y), SECOND: (*short_x, *y)}


def chances(effect: Differences, rule: Decision, pair: Sequence[int]) -> dict[str, str]:
    """Return the probability of each quadrant; they add up to that of Any."""
    delta, exact = effect.delta.isel(outcome=list(pair)), effect.diagnostics.exact
    _, beyond = rule.asked.events(delta, rule.direction)
    first, second = (beyond.isel(outcome=k, drop=True) for k in (0, 1))
    events = {BOTH: first & second, FIRST: first & ~second, SECOND: second & ~first}
    ess = first.size if exact else smallest_ess(delta)
    found = {}
    for part, event in events.items():
        numbers = estimate(event, ess, independent=exact)
        probability, mcse, bound = (float(numbers[k]) for k in ("probability", "mcse", "bound"))
        found[part] = style.brief(probability, mcse, bound)
    return found


def label(name: str, chance: str, room: float, *, alone: bool) -> str:
    r"""Return what stands in a quadrant so many points wide: a rule, or an outcome alone.

    Examples
    --------
    >>> label("All", "= 0.589", 200, alone=False), label("maths", "= 0.2", 200, alone=True)
    ('All: P = 0.589', 'only maths\nP = 0.2')
    >>> label("passed the exam in maths", "= 0.2", 80, alone=True)
    'only\npassed… maths\nP = 0.2'
    """
    if not alone:
        line = f"{name}: P {chance}"
        return line if 7 * len(line) + 10 < room else line.replace(": ", ":\n")
    most = max(int((room - 10) / 5.2), 8)
    name = style.caption(name, min(most, 40))
    return f"only {name}\nP {chance}" if len(name) + 5 <= most else f"only\n{name}\nP {chance}"


def write_in(
    axes: Axes,
    box: Box,
    everywhere: Box,
    delta: NDArray[np.float64],
    text: str,
    *,
    strong: bool,
) -> None:
    """Write a text into that corner of a region where it hides the fewest draws."""
    lines = text.split("\n")
    left, right, bottom, top = box
    width = 6.5 * max(map(len, lines)) / SIDE * (everywhere[1] - everywhere[0])
    height = 15 * len(lines) / SIDE * (everywhere[3] - everywhere[2])

    def hidden(corner: tuple[str, str]) -> float:
        """Return the share of the draws that it hides."""
        x = right - width if corner[0] == "right" else left
        y = top - height if corner[1] == "top" else bottom
        inside = (delta > (x, y)) & (delta < (x + width, y + height))
        return float(inside.all(axis=1).mean())

    ha, va = min(product(("right", "left"), ("top", "bottom")), key=hidden)
    axes.annotate(
        text,
        (right if ha == "right" else left, top if va == "top" else bottom),
        xytext=(-6 if ha == "right" else 6, -6 if va == "top" else 6),
        textcoords="offset points",
        ha=ha,
        va=va,
        fontsize=10 if strong else 8.5,
        fontweight="bold" if strong else "normal",
        color=INK,
        path_effects=HALO,
        zorder=6,
    )
