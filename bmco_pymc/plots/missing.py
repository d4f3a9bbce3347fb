"""The picture of who misses what."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bmco_pymc.data.missing import COMPLETE, missing_by_group, missing_table
from bmco_pymc.errors import InputError
from bmco_pymc.plots import marks, style
from bmco_pymc.posterior.declaration import Declaration

MOST = 16  # sets of outcomes


def plot_missing(model: Declaration) -> Figure:
    """Draw the analysed subjects of each group by the outcomes that they miss; see `Fit`."""
    study, cells = model.study, model.cells
    if cells.partial is None:
        problem = "nothing is missing: every analysed subject has every outcome"
        if study.missing == COMPLETE:
            problem += '; Study(..., missing="mar") keeps those with some outcomes missing'
        raise InputError("missing", study.missing, problem)
    table = missing_table(cells, study.group_labels)
    kept, more = table.iloc[:MOST], ""
    if len(table) > MOST:
        more = f" The {MOST} most frequent of {len(table)} sets of outcomes are shown."
    sets = [_without(str(signs), study.outcomes) for signs in kept.index]
    outcomes = [style.caption(name, 30) for name in study.outcomes]
    each = (missing_by_group(cells) / cells.subjects[:, None]).T  # (K, 2)
    width = 6.4 + style.room_for(sets, 9) + style.room_for(outcomes, 9)
    rows = max(len(sets), len(outcomes))
    figure, ((left, right),) = style.panels(width, 2.3 + 0.5 * rows, 1, 2)
    shares = kept.iloc[:, 2:].to_numpy(float)  # (sets, 2)
    counts = kept.iloc[:, :2].to_numpy()
    _bars(left, sets, shares, counts)
    left.set(xlabel="share of the group's subjects", title="")
    style.panel_title(left, "misses")
    absent = pd.DataFrame(missing_by_group(cells).T).to_numpy()
    _bars(right, outcomes, each, absent)
    right.set_xlabel("share of the group that misses it")
    style.panel_title(right, "outcome")
    n, total = int(cells.partial.count.sum()), int(cells.weight.sum())
    words = (
        f"{n} of {total} analysed subjects miss some outcomes; subjects of whom no outcome was "
        f"observed are not analysed. Numbers at the bars: subjects.{more}"
    )
    style.figure_heading(figure, "Outcomes that were not observed", words)
    handles = [
        Patch(facecolor=colour, label=style.caption(label))
        for colour, label in zip(style.GROUPS, study.group_labels, strict=True)
    ]
    style.legend(figure, handles)
    return figure


def _bars(axes: Axes, labels: list[str], shares: np.ndarray, counts: np.ndarray) -> None:
    """Draw a bar for each group in each row, with the number of subjects at its end."""
    for g, colour in enumerate(style.GROUPS):
        y = np.arange(len(labels)) + (g - 0.5) * 0.38
        axes.barh(y, shares[:, g], 0.36, color=colour, gid=f"group {g}")
        for at, share, count in zip(y, shares[:, g], counts[:, g], strict=True):
            axes.annotate(
                f"{count:,}", (share, at), xytext=(4, 0), textcoords="offset points",
                va="center", **style.SMALL,
            )  # fmt: skip
    marks.named_rows(axes, labels, 0.6, fontsize=9)
    axes.set_xlim(0, 1.18 * max(float(shares.max()), 0.01))
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")


def _without(signs: str, outcomes: tuple[str, ...]) -> str:
    """Return the names of the outcomes that are not observed.

    Examples
    --------
    >>> _without("x?", ("maths", "reading")), _without("xx", ("maths", "reading"))
    ('reading', 'nothing')
    """
    names = [
        style.caption(name, 24) for name, sign in zip(outcomes, signs, strict=True) if sign == "?"
    ]
    return ", ".join(names) or "nothing"
