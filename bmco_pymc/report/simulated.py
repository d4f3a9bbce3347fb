"""How trials were simulated and analysed, and how good their estimates are, in sentences."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc.report.blocks import Rows
from bmco_pymc.report.phrases import joined
from bmco_pymc.report.tables import labels_of

FIGURES = ("bias", "rmse", "coverage")  # of the estimates of δ, by outcome
_NOT_OF_DECISIONS = {f"{name}_mcse" for name in (*FIGURES, "failed", "shift", "scanned")}
_ANALYSED = {
    "laplace": ", analysed by a Laplace approximation",
    "nuts": ", all analysed by NUTS",
    "BMVB": ", each analysed exactly",
}


def is_simulated(data: xr.Dataset) -> bool:
    """Return whether trials were simulated and analysed one by one."""
    return "engine" in data.attrs


def unchecked(data: xr.Dataset) -> bool:
    """Return whether the numbers are those of an approximation that nothing was compared with."""
    return data.attrs.get("engine") == "laplace" and not _of(data, "audited").any()


def errors_of(data: xr.Dataset) -> NDArray[np.float64]:
    """Return the Monte Carlo errors of probabilities of decisions."""
    names = [name for name in map(str, data.data_vars) if name.endswith("mcse")]
    if "check_mcse" in data:  # a size: the search before the check is not what is told
        names = ["check_mcse"]
    found = [data[name].values.ravel() for name in names if name not in _NOT_OF_DECISIONS]
    values = np.concatenate([np.zeros(0), *found]).astype(float)
    return values[~np.isnan(values)]  # what was not looked at has none


def method(data: xr.Dataset) -> str:
    """Return how many trials were simulated, what analysed them, and how well it did."""
    engine, trials = str(data.attrs["engine"]), int(data.attrs["trials"])
    several = " of each scenario" if _of(data, "trials").size > 1 else ""
    text = f"Simulated: {trials:,} trials{several}{_ANALYSED[engine]}"
    end = f"Monte Carlo standard error at most {errors_of(data).max(initial=0):.2g}."
    if engine != "laplace":
        return f"{text}; {end}"
    audited = int(_of(data, "audited").max(initial=0))
    if not audited:
        whose = "the probabilities are those of the approximation"
        return f"{text}, none of them also by NUTS: {whose}, {end}"
    refused = _of(data, "refused").astype(bool)
    if not refused.all():
        also = "all" if audited == trials else f"{audited:,}"
        close = "" if audited == trials else ", close decisions above all,"
        text += f"; {also} of them{close} also by NUTS, {_otherwise(data, refused)}"
    if refused.any():
        return f"{text}. {_refused(data, refused)}, {end}"
    return f"{text}: the probabilities are those of NUTS, {end}"


def _otherwise(data: xr.Dataset, refused: NDArray[np.bool_]) -> str:
    """Return how many trials NUTS has decided otherwise, where the fast analysis is used."""
    share, high = (_of(data, name)[~refused] for name in ("disagreement", "disagreement_high"))
    bound = f"95% interval up to {100 * high.max():.2g}%"
    if not share.any():
        return f"which decided none of these otherwise ({bound})"
    most = "at most " * (len(share) > 1)
    return f"which decides {most}about {100 * share.max():.2g}% of trials otherwise ({bound})"


def _refused(data: xr.Dataset, refused: NDArray[np.bool_]) -> str:
    """Return where and why the fast analysis is not used."""
    share, shift = (_of(data, name)[refused] for name in ("disagreement", "shift"))
    where, who = "", "The fast analysis"
    if not refused.all():
        where, who = " there", f"In {refused.sum()} of {len(refused)} scenarios the fast analysis"
    most = "up to " * (len(share) > 1)
    moved = f"which moves the probability by {most}{np.abs(shift).max():.2g}"
    return (
        f"{who} decides {most}about {100 * share.max():.3g}% of trials otherwise than NUTS, "
        f"{moved}, and is not used{where}: the numbers are those of the audited trials"
    )


def failed(data: xr.Dataset) -> list[str]:
    """Return how many fits have failed, if any."""
    share = _of(data, "failed")
    if not share.any():
        return []
    worst = int(share.argmax())
    end = "failed or did not converge: they count as no success."
    percent = f"{100 * share[worst]:.2g}%"
    several = len(share) > 1
    where = " in a scenario" * several
    trials, audited = int(data.attrs["trials"]), _of(data, "audited")
    if _of(data, "refused")[worst : worst + 1].any():
        trials = int(audited[worst])
    elif data.attrs["engine"] == "laplace" and audited.any():
        # fits of both analyses make the estimate, so that there is no number of them
        error = 100 * _of(data, "failed_mcse")[worst]
        about = f"{'Up to about' if several else 'About'} {percent}"
        return [f"{about} of fits by NUTS{where} (MCSE {error:.2g}%) {end}"]
    count = f"{'Up to ' * several}{round(share[worst] * trials):,} of {trials:,} fits"
    return [f"{count}{where} ({percent}) {end}"]


def accuracy(data: xr.Dataset) -> list[str]:
    """Return bias, RMSE and coverage of the estimates of δ: of each outcome, or from ... to."""
    if not set(FIGURES) <= set(data) or data["bias"].isnull().all():
        return []
    outcomes = [str(k) for k in data["outcome"].values]
    one = data.sizes.get("scenario", 1) == 1
    parts = []
    for name, words in zip(FIGURES, ("bias", "RMSE", "coverage of the 95% interval"), strict=True):
        values = _of(data, name)
        if one:
            names = [f" for {k}" if name == "bias" and len(outcomes) > 1 else "" for k in outcomes]
            each = [f"{number(v)}{k}" for v, k in zip(values, names, strict=True)]
            told = f"{words} {joined(each)}"
        else:
            ends = number(np.nanmin(values)), number(np.nanmax(values))
            told = f"{words} from {ends[0]} to {ends[1]}"
        parts.append(f"{told} (MCSE {'' if one and len(values) == 1 else 'at most '}"
                     f"{np.nanmax(_of(data, f'{name}_mcse'), initial=0):.2g})")  # fmt: skip
    over = "" if one else " over scenarios and outcomes"
    return [f"Estimates of δ (posterior means){over}: {joined(parts)}."]


def accuracy_table(data: xr.Dataset) -> Rows:
    """Return how good the estimates of δ in simulated trials are, with their Monte Carlo errors.

    Without such estimates there is no table.
    """
    if not set(FIGURES) <= set(data):
        return []
    rows = [["estimates of δ", "outcome", "bias (MCSE)", "RMSE (MCSE)", "coverage (MCSE)"]]
    for s, label in enumerate(labels_of(data)):
        here = data.isel(scenario=s) if "scenario" in data.dims else data
        for k, outcome in enumerate(data["outcome"].values):
            row = [label if k == 0 else "", str(outcome)]
            for name in FIGURES:
                value, error = (float(here[n].values[k]) for n in (name, f"{name}_mcse"))
                row.append(f"{number(value)} ({error:.2g})")
            rows.append(row)
    return rows


def number(value: float) -> str:
    """Return four decimals, and no negative zero.

    Examples
    --------
    >>> number(-0.00001), number(-0.0123), number(float("nan"))
    ('0.0000', '-0.0123', '–')
    """
    return "–" if np.isnan(value) else f"{round(float(value), 4) + 0.0:.4f}"


def _of(data: xr.Dataset, name: str) -> NDArray[np.float64]:
    """Return all values of a variable, none where there is none."""
    return data[name].values.astype(float).ravel() if name in data else np.zeros(0)
