"""The sizes that a search by simulated trials has found, as a table and in sentences."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from bmco_pymc.decision.probability import shown
from bmco_pymc.report.blocks import Rows
from bmco_pymc.report.tables import (
    NONE,
    both_at,
    chance,
    error_of,
    formula_of,
    labels_of,
)

_UNITS = {"clusters": "clusters", "size": "subjects of a cluster", "n": "n"}


def unit_of(data: xr.Dataset) -> str:
    """Return what was searched for."""
    return _UNITS[str(data.attrs.get("over", "n"))]


def found_table(data: xr.Dataset) -> Rows:
    """Return how many it takes in each scenario, with the power that was found there."""
    unit, target = unit_of(data), float(data["target"])
    rows = [["scenario", unit, "subjects", "power", "MCSE", "95% interval", "formula"]]
    places = [data.isel(scenario=s) for s in range(data.sizes["scenario"])]
    enrolled = [both_at(here, "enrolled_stable") for here in places]
    dropout = enrolled != [both_at(here, "stable") for here in places]
    rows[0] += ["enrolled"] * dropout
    for label, here, all_of_them in zip(labels_of(data), places, enrolled, strict=True):
        row = [label, f"{int(here['first'])}", both_at(here, "first"), chance(here["check"])]
        row += [error_of(here["check_mcse"]), interval(here), formula_of(here)]
        rows.append(row + [all_of_them] * dropout)
    if unit == "n":  # in each group, which the next column says
        rows = [[row[0], *row[2:]] for row in rows]
    rows[0][1] += f" for {target:g}"
    return rows


def found_sentence(here: xr.Dataset) -> str:
    """Return how many it takes in one scenario."""
    unit, subjects = unit_of(here), both_at(here, "first")
    number = f"{subjects} subjects"
    if unit != "n":
        number = f"{int(here['first'])} {unit} (about {subjects} subjects)"
    text = (
        f"In scenario {str(here['scenario'].values)!r}, power {float(here['target']):g} is reached "
        f"with {number}; there it is {shown(here['check'], here['check_mcse'])}"
    )
    if (ends := interval(here)) != NONE:
        what = "that number" if unit != "n" else "the smaller group's number"
        text += f", and the 95% interval of {what} is {ends}"
    if (formula := formula_of(here)) != NONE:
        text += f"; the textbook formula says {formula}"
    return f"{text}."


def beside(data: xr.Dataset) -> list[str]:
    """Return what the columns of the table are."""
    unit = {"n": "Subjects"}.get(unit_of(data), unit_of(data).capitalize())
    return [
        f"{unit}: where a curve through the power at the numbers that were tried reaches "
        f"{float(data['target']):g}; power and its error are those of the trials there, the "
        "interval is that of the number. Formula: the textbook's."
    ]


def interval(here: xr.Dataset) -> str:
    """Return the interval of the number that it takes."""
    low, high = float(here["low"]), float(here["high"])
    if not np.isfinite([low, high]).all():
        return NONE
    return f"{max(math.floor(low), 0)} to {math.ceil(high)}"
