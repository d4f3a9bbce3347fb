"""The picture of an overlap: standardised mean differences, a love plot."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bmco_pymc.plots import marks, style
from bmco_pymc.plots.style import BLUE, INK, VERMILION
from bmco_pymc.population.likeness import FAR, called, shown, smd_text

MOST = 60  # rows
REACH = 3.0  # SDs that the axis shows, at most; what is farther off is drawn at its end


def plot_overlap(table: pd.DataFrame, words: str) -> Figure:
    """Draw the table of an `Overlap`; its largest differences if it is long."""
    kept = table
    if len(table) > MOST:
        largest = table["smd"].abs().nlargest(MOST).index
        kept = table.loc[sorted(largest)]
        words += f" The {MOST} largest of {len(table)} differences are shown."
    if (kept["smd"].abs() > REACH).any():
        words += " Arrows point to differences beyond the axis."
    labels = [style.caption(called(row), 36) for _, row in kept.iterrows()]
    smd = kept["smd"].to_numpy(dtype=float)
    most = min(max(float(np.abs(smd).max()), 2 * FAR), REACH)
    width = 5.4 + style.room_for(labels)
    figure, ((axes,),) = style.panels(width, 2.2 + 0.32 * len(labels))
    marks.boundary_line(axes.axvline, 0)
    for bound in (-FAR, FAR):
        axes.axvline(bound, color=INK, linewidth=1.2, linestyle="--", zorder=1)
    for y, value in enumerate(smd):
        far, inside = abs(value) > FAR, float(np.clip(value, -most, most))
        colour = VERMILION if far else BLUE
        axes.plot([0, inside], [y, y], color=colour, linewidth=1.4, zorder=2)
        shape = "o" if inside == value else ">" if value > 0 else "<"
        face = "white" if far else colour
        axes.plot(
            inside, y, shape, color=colour, markerfacecolor=face, markersize=6.5, zorder=3,
            gid=labels[y],
        )  # fmt: skip
    columns = [
        ["SMD", *(marks.minus(smd_text(value)) for value in smd)],
        *(
            [name, *(marks.minus(shown(row[name], row["level"])) for _, row in kept.iterrows())]
            for name in ("sample", "target")
        ),
    ]
    marks.columns(axes, columns)
    marks.named_rows(axes, labels, 0.6)
    axes.set(xlim=(-1.08 * most, 1.08 * most))
    axes.set_xlabel("standardised mean difference, target − sample")
    axes.locator_params(axis="x", nbins=6)
    style.figure_heading(figure, "How far the target is from the sample", words)
    handles = [
        style.key(f"within {FAR:g} SD", BLUE, marker="o"),
        style.key("beyond: the answer rests on the model", VERMILION, **style.HOLLOW),
    ]
    style.legend(figure, handles)
    return figure
