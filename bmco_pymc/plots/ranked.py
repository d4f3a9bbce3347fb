"""Rows of ordered clusters: all of them, or the lowest and the highest with a gap between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bmco_pymc.plots import marks
from bmco_pymc.plots.style import GREY

FONT = 7.5
HEIGHT = 0.17  # inches of a row
LONGEST = 36  # characters of a name: what tells two apart may stand in the middle


@dataclass(frozen=True, eq=False)
class Ranked:
    """Which clusters are shown, and where.

    Attributes
    ----------
    chosen : ndarray of int, length n
        Their places in what was ordered, from the lowest to the highest.
    y : ndarray, length n
        Their heights; the lowest is at 0.
    among : int
        How many there were to choose from.
    """

    chosen: NDArray[np.intp]
    y: NDArray[np.int64]
    among: int

    @property
    def left_out(self) -> int:
        """How many are not shown."""
        return self.among - len(self.chosen)

    @property
    def top(self) -> int:
        """The height of the highest."""
        return int(self.y[-1])

    @property
    def words(self) -> str:
        """Which are shown, if not all are.

        Examples
        --------
        >>> ranked([0.3, 0.9, 0.1, 0.5], 3).words, ranked([0.3, 0.9], 3).words
        ('The 2 highest and the 1 lowest of 4 are shown.', '')
        """
        if not self.left_out:
            return ""
        lowest = len(self.chosen) // 2
        shown = f"the {len(self.chosen) - lowest} highest" + f" and the {lowest} lowest" * (
            lowest > 0
        )
        return f"T{shown[1:]} of {self.among} are shown."


def ranked(values: Sequence[float] | NDArray[np.float64], most: int) -> Ranked:
    """Return the rows of clusters by their values, at most so many: the extremes, half of each.

    Examples
    --------
    >>> rows = ranked([0.3, 0.9, 0.1, 0.5, 0.4], 4)
    >>> rows.chosen.tolist(), rows.y.tolist()
    ([2, 0, 3, 1], [0, 1, 3, 4])
    """
    order = np.argsort(np.asarray(values), kind="stable")
    n = len(order)
    if n <= most:
        return Ranked(order, np.arange(n), n)
    low, high = most // 2, most - most // 2
    y = np.r_[np.arange(low), low + (low > 0) + np.arange(high)]  # a row is the gap
    return Ranked(np.r_[order[:low], order[n - high :]], y, n)


def name_rows(axes: Axes, rows: Ranked, labels: Sequence[str]) -> None:
    """Name the rows of an axes, lead the eye along them, and tell how many the gap stands for."""
    marks.named_rows(axes, [""] * (rows.top + 1), 0.8, upwards=True)
    names = [labels[place] for place in rows.chosen]
    gaps = sorted(set(range(rows.top + 1)) - set(rows.y.tolist()))
    axes.set_yticks([*rows.y, *gaps], [*names, *[f"… {rows.left_out} more"] * len(gaps)])
    axes.tick_params(axis="y", labelsize=FONT)
    for y in rows.y:
        axes.axhline(y, color="0.93", linewidth=0.6, zorder=0)
    for y in gaps:
        axes.axhline(y, color=GREY, linewidth=0.8, linestyle=":", zorder=0, gid="gap")
