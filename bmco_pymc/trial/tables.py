"""The characteristics of a design as data frames, unrounded."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
import xarray as xr
from numpy.typing import NDArray

GROUPS = ("control", "treatment")
_PLAIN = ("effect", "success", "mcse", "inferior", "inferior_mcse")
_BY_SUBJECTS = ("expected_n", "median_n", "n90")
_BY_CLUSTERS = ("expected_clusters", "median_clusters", "clusters90")
_ESTIMATES = ("bias", "rmse", "coverage")
_AUDIT = ("trials", "audited", "disagreement", "disagreement_high", "refused")  # of simulations


def by_scenario(data: xr.Dataset) -> pd.DataFrame:
    """Return a row for each scenario; what differs by outcome, look or group is a column each."""
    frame = pd.DataFrame({"scenario": data["scenario"].values})
    for name in _PLAIN:
        if name in data:
            frame[name] = data[name].values
    looks = ["stop_success", "stop_futility", *_BY_SUBJECTS, *_BY_CLUSTERS]
    names = ["theta", *_with_error("claim"), *(looks if data.sizes["look"] > 1 else [])]
    names += _with_error(*_ESTIMATES, "failed")
    for name in [*names, *_AUDIT]:
        if name in data:
            for key, column in _columns(name, data[name]):
                frame[key] = column
    return frame


def under_prior(data: xr.Dataset) -> pd.DataFrame:
    """Return a row for each quantity, with its Monte Carlo error, 0 where it is exact."""
    names = ["success", "effect", "effect_given_success", "success_without_effect", "claim"]
    if data.sizes["look"] > 1:
        names += ["stop_success", "stop_futility", *_BY_SUBJECTS, *_BY_CLUSTERS]
    rows = []
    for name in [*names, *_ESTIMATES, "failed", *_AUDIT]:
        if name not in data:
            continue
        error = "mcse" if name == "success" else f"{name}_mcse"
        errors = dict(_columns(name, data[error])) if error in data else {}
        for key, value in _columns(name, data[name]):
            rows.append((key, float(value), float(errors.get(key, float("nan")))))
    return pd.DataFrame(rows, columns=["quantity", "value", "mcse"])


def of_error(data: xr.Dataset) -> pd.DataFrame:
    """Return a row for the rule and for the claim of each outcome.

    ``error`` is the largest one. In an outcome's row, ``control`` and ``treatment`` are its success
    probabilities where the error of the rule is largest, and ``rate`` is the control's where the
    error of the outcome's own claim is.
    """
    rows: list[dict[str, Any]] = [
        {"claim": "rule", "error": float(data["error"]), "bound": float(data["error_bound"])}
    ]
    for outcome in data["outcome"].values:
        here = data.sel(outcome=outcome)
        row: dict[str, Any] = {"claim": outcome}
        if "claim" in data:
            row |= {"error": float(here["claim"]), "rate": float(here["claim_rate"])}
        rows.append(row | dict(zip(GROUPS, here["theta"].values.tolist(), strict=True)))
    columns = ["claim", "error", "bound", "level", "rate", *GROUPS]
    if "engine" in data.attrs:
        rows[0]["mcse"] = float(data["mcse"])
        columns.insert(2, "mcse")
    return pd.DataFrame(rows).assign(level=float(data["level"])).reindex(columns=columns)


def of_sizes(data: xr.Dataset) -> pd.DataFrame:
    """Return a row for each scenario; ``first`` and ``stable`` count the smaller group."""
    names = ["target", "first", "power_first", "stable", "power_stable", "formula"]
    shape = data["first"]
    frame = pd.DataFrame({"scenario": data["scenario"].values})
    for name in names:
        frame[name] = data[name].broadcast_like(shape).values
    for name in ("enrolled_first", "enrolled_stable"):
        if name in data:
            for key, column in _columns(name, data[name]):
                frame[key] = column
    return frame


def by_look(data: xr.Dataset) -> pd.DataFrame:
    """Return a row for each look that is still to come."""
    frame = pd.DataFrame({"look": data["look"].values})
    for key, column in _columns("n", data["n"], rows="look"):
        frame[key] = column
    for name in ("stop_success", "stop_futility", "if_analysed"):
        frame[name] = data[name].values
    return frame


FRAMES: Mapping[str, Callable[[xr.Dataset], pd.DataFrame]] = {
    "power": by_scenario,
    "assurance": under_prior,
    "type_one": of_error,
    "size": of_sizes,
    "prediction": by_look,
}


def _with_error(*names: str) -> list[str]:
    """Return each name with that of its Monte Carlo error."""
    return [name + end for name in names for end in ("", "_mcse")]


def _columns(
    name: str, array: xr.DataArray, rows: str = "scenario"
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Give names such as ``theta[control, y1]``, and the values of each along the rows' dim."""
    spread = [dim for dim in array.dims if dim != rows]
    for places in itertools.product(*(range(array.sizes[dim]) for dim in spread)):
        at = dict(zip(spread, places, strict=True))
        labels = [str(array[dim].values[place]) for dim, place in at.items()]
        yield f"{name}[{', '.join(labels)}]" if at else name, array.isel(at).values
