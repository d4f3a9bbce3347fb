"""The probabilities of a design's decisions as tables of text, the first row the header.

What they are made of are the datasets inside `bmco_pymc.trial.characteristics`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bmco_pymc.decision.probability import decimals
from bmco_pymc.report.blocks import Rows
from bmco_pymc.report.planned import both

NONE = "–"
GROUPS = ("control", "treatment")
MOST = 30  # rows that are printed


def chance(value: Any) -> str:
    """Return a probability, or a dash where there is none.

    Examples
    --------
    >>> chance(0.81314), chance(np.nan)
    ('0.8131', '–')
    """
    return NONE if np.isnan(float(value)) else decimals(value)


def error_of(value: Any) -> str:
    """Return a Monte Carlo error, which is 0 where a number is exact."""
    return "exact" if float(value) == 0 else f"{float(value):.2g}"


def numbers(values: Any) -> str:
    """Return a few numbers, as a scenario shows them.

    Examples
    --------
    >>> numbers(np.array([0.4, -1e-17]))
    '0.4, 0'
    """
    return ", ".join(f"{value:.4g}" for value in (np.round(values, 12) + 0.0).ravel().tolist())


def scenario_table(data: xr.Dataset) -> Rows:
    """Return what is true in each scenario."""
    theta = data["theta"].values  # (S, 2, K)
    columns: dict[str, Sequence[str]] = {"scenario": labels_of(data)}
    columns |= {group: [*map(numbers, theta[:, g])] for g, group in enumerate(GROUPS)}
    columns["δ"] = [*map(numbers, theta[:, 1] - theta[:, 0])]
    for name, words in (("rho", "ρ"), ("icc", "ICC")):
        if name in data:  # (S, 2, numbers)
            columns[words] = [*map(_alike, data[name].values)]
    return _rows(columns)


def _alike(values: Any) -> str:
    """Return numbers of both groups, those of one where they are the same, and of equal ones one.

    Examples
    --------
    >>> _alike(np.array([[0.05, 0.05], [0.05, 0.05]])), _alike(np.array([[0.05], [0.1]]))
    ('0.05', '0.05 / 0.1')
    """
    each = [numbers(row[:1] if np.allclose(row, row[0]) else row) for row in values]
    return " / ".join(dict.fromkeys(each))


def power_table(data: xr.Dataset) -> Rows:
    """Return the probability of success in each scenario.

    It is power where the rule's claim is true, and Type I error where it is not: a column each.
    """
    effect = data["effect"].values.astype(bool)
    columns: dict[str, Sequence[str]] = {"scenario": labels_of(data)}
    columns["δ"] = [numbers(theta[1] - theta[0]) for theta in data["theta"].values]
    success, mcse = data["success"].values, data["mcse"].values
    if "inferior" in data:
        columns["superior"] = [*map(chance, success)]
        columns["inferior"] = [*map(chance, data["inferior"].values)]
    else:
        for name, rows in (("power", effect), ("Type I error", ~effect)):
            if rows.any():
                columns[name] = [*map(chance, np.where(rows, success, np.nan))]
    if "inferior" in data:
        mcse = np.maximum(mcse, data["inferior_mcse"].values)
    if mcse.any():
        columns["MCSE"] = [*map(error_of, mcse)]
    if "claim" in data and data.sizes["outcome"] > 1:
        for k, outcome in enumerate(data["outcome"].values):
            columns[f"claim[{outcome}]"] = [*map(chance, data["claim"].values[:, k])]
    if data.sizes["look"] > 1:
        columns["success by look"] = [
            " ".join(f"{p:.3f}" for p in row) for row in data["stop_success"].values
        ]
        if data["stop_futility"].any():
            columns["futility"] = [*map(chance, data["stop_futility"].sum("look").values)]
        if "expected_clusters" in data:
            columns["mean clusters"] = [f"{n:.1f}" for n in data["expected_clusters"].values]
        else:
            columns["mean n"] = [both(n) for n in data["expected_n"].values.tolist()]
    elif "failed" in data and data["failed"].any():  # with looks there is room in a sentence only
        columns["failed"] = [f"{100 * share:.2g}%" for share in data["failed"].values]
    return _rows(columns)


def assurance_table(data: xr.Dataset) -> Rows:
    """Return the probabilities under a design prior."""
    names = {
        "success": "success (assurance)",
        "effect": "the rule's claim is true",
        "effect_given_success": "it is, given success",
        "success_without_effect": "success, and it is not",
    }
    rows = [["under the design prior", "probability", "MCSE"]]
    for name, words in names.items():
        if name in data:
            error = float(data.get(mcse_of(name), np.nan))
            # where all truths of a simulation agree, that makes nothing exact
            none = np.isnan(error) or (error == 0 and "engine" in data.attrs)
            error_text = NONE if none else error_of(error)
            rows.append([words, chance(data[name]), error_text])
    if "claim" in data and data.sizes["outcome"] > 1:
        errors = data["claim_mcse"].values if "claim_mcse" in data else None
        for k, outcome in enumerate(data["outcome"].values):
            error_text = NONE if errors is None else error_of(errors[k])
            rows.append([f"claim of {outcome}", chance(data["claim"].values[k]), error_text])
    if data.sizes["look"] > 1:
        for name, words in (("stop_success", "success"), ("stop_futility", "given up")):
            for look in data["look"].values[: -1 if name == "stop_futility" else None]:
                stops = data[name].sel(look=look)
                if name == "stop_success" or data[name].any():
                    rows.append([f"{words} at look {look}", chance(stops), NONE])
    return rows


def type_one_table(data: xr.Dataset) -> Rows:
    """Return the largest error of the rule and of the claim of each outcome, and where they are."""
    theta = data["theta"].values
    rows = [["largest error", "probability", "control", "treatment"]]
    rows.append(["of the rule", chance(data["error"]), numbers(theta[0]), numbers(theta[1])])
    if "claim" in data and data.sizes["outcome"] > 1:
        for outcome, error, rate in zip(
            data["outcome"].values, data["claim"].values, data["claim_rate"].values, strict=True
        ):
            rows.append([f"of the claim of {outcome}", chance(error), f"{rate:.4g}", NONE])
    return rows


def size_table(data: xr.Dataset) -> Rows:
    """Return how many subjects it takes in each scenario, in all groups."""
    rows = [["scenario", "first n", "power", "stable n", "power", "formula"]]
    enrolled = [
        both_at(data.isel(scenario=s), "enrolled_stable") for s in range(len(data.scenario))
    ]
    stable = [both_at(data.isel(scenario=s), "stable") for s in range(len(data.scenario))]
    dropout = enrolled != stable
    if dropout:
        rows[0].append("enrolled (stable)")
    for s, label in enumerate(labels_of(data)):
        here = data.isel(scenario=s)
        row = [label]
        for name in ("first", "stable"):
            row += [both_at(here, name), chance(here[f"power_{name}"])]
        row.append(formula_of(here))
        if dropout:
            row.append(enrolled[s])
        rows.append(row)
    return rows


def both_at(here: xr.Dataset, name: str) -> str:
    """Return the subjects of both groups at the ``first`` or ``stable`` n, or those enrolled."""
    if name not in here or np.isnan(here[name].values.astype(float)).any():
        return NONE
    found = here[name] if here[name].ndim else here["sizes"].sel(n=int(here[name]))
    return both(found.values.tolist())


def formula_of(here: xr.Dataset) -> str:
    """Return the textbook's n, rounded up but for rounding errors."""
    formula = float(here["formula"])
    return NONE if np.isnan(formula) else str(math.ceil(formula - 1e-9))


def prediction_table(data: xr.Dataset) -> Rows:
    """Return how a trial under way may end, by look."""
    columns: dict[str, Sequence[str]] = {
        "look": [str(look) for look in data["look"].values],
        "n": [both(n) for n in data["n"].values.tolist()],
        "ends with success": [*map(chance, data["stop_success"].values)],
    }
    if data["stop_futility"].any():
        columns["is given up"] = [*map(chance, data["stop_futility"].values)]
    columns["rule met, if analysed"] = [*map(chance, data["if_analysed"].values)]
    return _rows(columns)


def interim_table(data: xr.Dataset) -> Rows:
    """Return at which look the trial stops, and why."""
    rows = [["scenario", "look", "n", "cut-off", "success", "futility"]]
    if "clusters" in data:
        rows[0].insert(2, "clusters")
    for s, label in enumerate(labels_of(data)):
        here = data.isel(scenario=s) if "scenario" in data.dims else data
        for look in range(data.sizes["look"]):
            at = here.isel(look=look)
            rows.append(
                [
                    label if look == 0 else "",
                    str(int(at["look"])),
                    *([str(int(at["clusters"]))] if "clusters" in data else []),
                    both(at["n"].values.tolist()),
                    f"{float(at['cut']):.6g}",
                    chance(at["stop_success"]),
                    chance(at["stop_futility"]),
                ]
            )
    return rows


TABLES: Mapping[str, Callable[[xr.Dataset], Rows]] = {
    "power": power_table,
    "assurance": assurance_table,
    "type_one": type_one_table,
    "size": size_table,
    "prediction": prediction_table,
}


def mcse_of(name: str) -> str:
    """Return what the Monte Carlo error of a variable is called."""
    return "mcse" if name in ("success", "error") else f"{name}_mcse"


def labels_of(data: xr.Dataset) -> list[str]:
    """Return the names of the scenarios; where there is no such dim, what stands for them."""
    if "scenario" not in data.dims:
        return ["under the design prior"]
    return [str(label) for label in data["scenario"].values]


def _rows(columns: Mapping[str, Sequence[str]]) -> Rows:
    return [list(columns), *map(list, zip(*columns.values(), strict=True))]
