"""Characteristics of designs as the verbs give them, with made-up numbers that are easy to find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

import bmco_pymc as bmco
from bmco_pymc.trial.analysis import Analysis
from bmco_pymc.trial.characteristics import OperatingCharacteristics
from bmco_pymc.trial.looks import Looks
from bmco_pymc.trial.plan import Plan

GROUPS = ["control", "treatment"]
TRUTHS = "Success probabilities and correlations as given"


def plan(outcomes: Sequence[str], looks: int = 1, rule: Any = "all", **more: Any) -> Plan:
    """Return a plan with 103 subjects in each group, or looks up to 105."""
    analysis = Analysis(bmco.BMVB, rule, priors=more.pop("priors", bmco.Priors()))
    if looks == 1:
        return Plan(more.pop("n", 103), analysis, outcomes=outcomes, **more)
    sizes = np.linspace(35, 105, looks).astype(int).tolist()
    return Plan(None, analysis, Looks(tuple(sizes), futility=0.05), outcomes=outcomes, **more)


def power(
    labels: Sequence[str] = ("hoped for", "null"),
    outcomes: Sequence[str] = ("y1", "y2"),
    looks: int = 1,
    mcse: float = 0.0,
    **more: Any,
) -> OperatingCharacteristics:
    """Return power: .81 in all scenarios but the last of several, where the error is .044."""
    design = plan(outcomes, looks, **more)
    S, K = len(labels), len(outcomes)
    effect = np.array([True] * (S - 1) + [S == 1])
    success = np.where(effect, 0.8125, 0.0437)
    shares = np.arange(1, looks + 1) / np.arange(1, looks + 1).sum()
    futile = np.zeros((S, looks))
    futile[:, :-1] = np.where(effect, 0.01, 0.3)[:, None] / max(looks - 1, 1)
    rise = np.array([[0.0], [0.2]])  # of the treatment
    both = np.full((S, 2), float(design.sizes[0]))
    variables: dict[str, Any] = {
        "success": ("scenario", success),
        "mcse": ("scenario", np.full(S, mcse)),
        "effect": ("scenario", effect),
        "stop_success": (("scenario", "look"), success[:, None] * shares),
        "stop_futility": (("scenario", "look"), futile),
        "expected_n": (("scenario", "group"), both - 8.75 * (looks > 1)),
        "median_n": (("scenario", "group"), both),
        "n90": (("scenario", "group"), both),
        "theta": (("scenario", "group", "outcome"), np.full((S, 2, K), 0.4) + rise),
        "n": (("look", "group"), design.looks_at),
        "cut": ("look", design.stages(K).cuts),
    }
    if looks == 1:
        claims = success[:, None] + 0.02 * np.arange(1, K + 1)
        variables["claim"] = (("scenario", "outcome"), claims)
    if len(design.rule.sides) == 2:
        variables["inferior"] = ("scenario", np.full(S, 0.0012))
        variables["inferior_mcse"] = ("scenario", np.full(S, mcse))
    coords = {"scenario": list(labels), "look": range(1, looks + 1), "group": GROUPS}
    data = xr.Dataset(variables, {**coords, "outcome": list(outcomes)})
    return OperatingCharacteristics(design, data, "power", words=TRUTHS)


def assurance(looks: int = 1) -> OperatingCharacteristics:
    """Return an assurance, exact but for what is said of the effect."""
    found = power(["one"], looks=looks)
    data = found.data.isel(scenario=0, drop=True).assign(
        effect=0.71,
        effect_mcse=0.01,
        effect_given_success=0.9704,
        effect_given_success_mcse=0.0012,
        success_without_effect=0.0131,
        success_without_effect_mcse=0.0003,
    )
    return OperatingCharacteristics(found.design, data, "assurance", words="Drawn from a prior.")


def type_one(
    outcomes: Sequence[str] = ("y1", "y2"), *, alike: bool = False, **more: Any
) -> OperatingCharacteristics:
    """Return a largest error of .0544."""
    design, K = plan(outcomes, **more), len(outcomes)
    rate = np.linspace(0, 1, 101)
    places = 0.3 + 0.5 * np.zeros(K) if alike else 0.3 + 0.05 * np.arange(K)
    curve = 0.0544 * np.exp(-((rate - places[:, None]) ** 2))
    theta = np.stack([np.full(K, 0.3), np.r_[0.3, np.ones(K - 1)]])
    data = xr.Dataset(
        {
            "error": 0.0544,
            "error_bound": 0.0544 * (1 if design.rule.rule == "All" else K),
            "level": design.rule.alpha,
            "theta": (("group", "outcome"), theta),
            "curve": (("outcome", "rate"), curve),
            "claim": ("outcome", curve.max(axis=1)),
            "claim_rate": ("outcome", places),
            "n": (("look", "group"), design.looks_at),
            "cut": ("look", design.stages(K).cuts),
        },
        {"outcome": list(outcomes), "rate": rate, "group": GROUPS, "look": [1]},
    )
    notes = ("found by maximising a polynomial",)
    return OperatingCharacteristics(design, data, "type_one", notes=notes)


def size(labels: Sequence[str] = ("hoped for",), **more: Any) -> OperatingCharacteristics:
    """Return sizes from 101 to 110: first 103, stable 106; power at 105 is too low."""
    design = plan(("y1", "y2"), n={"control": 100, "treatment": 200}, **more)
    n, S = np.arange(101, 111), len(labels)
    curve = np.array([0.78, 0.79, 0.8062, 0.802, 0.798, 0.8037, 0.81, 0.82, 0.82, 0.83])
    sizes = np.stack([n, 2 * n], axis=1)
    enrolled = np.ceil(sizes / (1 - design.dropout) - 1e-9).astype(int)
    by_group = ("scenario", "group")
    variables: dict[str, Any] = {
        "power": (("scenario", "n"), np.tile(curve, (S, 1))),
        "target": 0.8,
        "formula": ("scenario", np.r_[104.2, np.full(S - 1, np.nan)]),
        "sizes": (("n", "group"), sizes),
    }
    for name, place in (("first", 2), ("stable", 5)):
        variables[name] = ("scenario", np.full(S, n[place]))
        variables[f"power_{name}"] = ("scenario", np.full(S, curve[place]))
        variables[f"enrolled_{name}"] = (by_group, np.tile(enrolled[place], (S, 1)))
    data = xr.Dataset(variables, {"scenario": list(labels), "n": n, "group": GROUPS})
    return OperatingCharacteristics(design, data, "size", words=TRUTHS)


def prediction() -> OperatingCharacteristics:
    """Return the prediction of a trial with three looks, the first of them behind."""
    design = plan(("y1", "y2"), 3)
    data = xr.Dataset(
        {
            "success": 0.61,
            "mcse": 0.0,
            "stop_success": ("look", [0.2, 0.41]),
            "stop_futility": ("look", [0.1, 0.0]),
            "if_analysed": ("look", [0.2, np.nan]),
            "n": (("look", "group"), design.looks_at[1:]),
            "cut": ("look", design.stages(2).cuts[1:]),
            "seen": ("group", [40, 38]),
        },
        {"look": [2, 3], "group": GROUPS, "outcome": ["y1", "y2"]},
    )
    return OperatingCharacteristics(design, data, "prediction", words="Given the data so far.")
