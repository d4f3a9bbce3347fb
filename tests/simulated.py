"""Characteristics of simulated designs as `evaluate` gives them, with made-up numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from bmco_pymc.trial.analysis import Analysis
from bmco_pymc.trial.characteristics import OperatingCharacteristics
from bmco_pymc.trial.design import Design
from bmco_pymc.trial.looks import Looks

LONG = "control = (0.4, 0.4), treatment = (0.6, 0.6), rho = 0.3, icc = 0.05, icc_between = 0.02"
WORDS = "Success probabilities and correlations as given."


def design(model: Any = "BGLMM", looks: Looks | None = None, **more: Any) -> Design:
    """Return a design with 20 clusters of 15 subjects; BGLM with 100 subjects in each group."""
    names = {"clusters_of": "clusters"}
    names |= {name: name for name in ("rule", "fixed", "random", "priors", "population")}
    analysis = {names[name]: more.pop(name) for name in list(more) if name in names}
    of = Analysis(model, **analysis)
    if model == "BGLM":
        return Design(more.pop("n", None if looks else 100), of, looks, **more)
    clusters = {"clusters": 20, "size": 15, "size_cv": 0.4} | more
    return Design(None, of, looks, **clusters)


def power(
    plan: Design,
    labels: Sequence[str] = (LONG,),
    *,
    engine: str = "laplace",
    trials: int = 10_000,
    audited: int = 200,
    otherwise: Sequence[int] = (3,),
    refused: Sequence[bool] = (False,),
    failed: Sequence[float] = (0.0,),
    averaged: bool = False,
) -> OperatingCharacteristics:
    """Return power of .8125 in all scenarios, with a Monte Carlo error of .006."""
    S, K, looks = len(labels), 2, len(plan.looks_at)
    rule = plan.rule_of(K)
    shares = np.arange(1, looks + 1) / np.arange(1, looks + 1).sum()
    futile = np.zeros((S, looks))
    futile[:, :-1] = 0.05
    by = ("scenario", "outcome")
    bias = np.tile([-0.0121, 0.0034], (S, 1)) * np.arange(1, S + 1)[:, None]
    found: dict[str, Any] = {
        "success": ("scenario", np.full(S, 0.8125)),
        "mcse": ("scenario", np.full(S, 0.006)),
        "effect": ("scenario", np.ones(S, dtype=bool)),
        "stop_success": (("scenario", "look"), 0.8125 * np.tile(shares, (S, 1))),
        "stop_futility": (("scenario", "look"), futile),
        "bias": (by, bias),
        "bias_mcse": (by, np.full((S, K), 0.0007)),
        "rmse": (by, np.full((S, K), 0.0774)),
        "rmse_mcse": (by, np.full((S, K), 0.0005)),
        "coverage": (by, np.tile([0.9401, 0.9512], (S, 1))),
        "coverage_mcse": (by, np.full((S, K), 0.0024)),
        "failed": ("scenario", np.resize(failed, S)),
        "failed_mcse": ("scenario", np.full(S, 0.003)),
        "trials": ("scenario", np.full(S, trials)),
        "audited": ("scenario", np.full(S, audited)),
        "disagreement": (
            "scenario",
            np.resize(otherwise, S) / audited if audited else [np.nan] * S,
        ),
        "disagreement_high": ("scenario", np.resize(otherwise, S) / max(audited, 1) + 0.028),
        "shift": ("scenario", np.full(S, 0.041)),
        "shift_mcse": ("scenario", np.full(S, 0.004)),
        "refused": ("scenario", np.resize(refused, S)),
        "theta": (
            ("scenario", "group", "outcome"),
            np.tile([[[0.4] * K], [[0.6] * K]], (S, 1, 1, 1)).reshape(S, 2, K),
        ),
        "n": (("look", "group"), plan.looks_at),
        "cut": ("look", plan.cuts_of(rule)),
    }
    for name in ("expected_n", "median_n", "n90"):
        found[name] = (("scenario", "group"), np.full((S, 2), float(plan.sizes[0])))
    if looks == 1:
        found["claim"] = (by, np.tile([0.86, 0.91], (S, 1)))
        found["claim_mcse"] = (by, np.full((S, K), 0.0055))
    if len(rule.sides) == 2:
        found |= {"inferior": ("scenario", np.full(S, 0.0012))}
        found |= {"inferior_mcse": ("scenario", np.full(S, 0.0061))}
    coords = {"scenario": list(labels), "look": range(1, looks + 1), "outcome": ["y1", "y2"]}
    data = xr.Dataset(found, {**coords, "group": ["control", "treatment"]})
    data.attrs.update(engine=engine, trials=trials, seed=7)
    if averaged:
        data = data.isel(scenario=0, drop=True).assign(effect=1.0, effect_mcse=0.0)
    return OperatingCharacteristics(plan, data, "assurance" if averaged else "power", words=WORDS)
