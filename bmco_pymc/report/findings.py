"""The probabilities of a design's decisions in sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr

from bmco_pymc.decision.probability import shown
from bmco_pymc.report import simulated, sized
from bmco_pymc.report.phrases import joined
from bmco_pymc.report.planned import both
from bmco_pymc.report.tables import NONE, both_at, chance, formula_of, mcse_of, numbers

MOST = 6  # scenarios that are told one by one
_TRIALS = 0.02  # how far a number of trials that is taken from the Monte Carlo error may be off


def method(data: xr.Dataset) -> str:
    """Return how the numbers were worked out, exact or simulated."""
    if simulated.is_simulated(data):
        return simulated.method(data)
    values = simulated.errors_of(data)
    if exact(data):
        return "Exact: sums over all counts of both groups."
    trials = _trials(data)
    what = "Simulated" if trials is None else f"Simulated: {trials:,} trials"
    if (values == 0).any():
        what += " where the Monte Carlo error is not 0, exact elsewhere"
    return f"{what}; Monte Carlo standard error at most {values.max():.2g}."


def sentence(text: str) -> str:
    """Return a note as a sentence.

    Examples
    --------
    >>> sentence("found by a search")
    'Found by a search.'
    """
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def exact(data: xr.Dataset) -> bool:
    """Return whether no number was simulated."""
    return not simulated.is_simulated(data) and not simulated.errors_of(data).any()


def _trials(data: xr.Dataset) -> int | None:
    """Return how many trials were simulated; None if the Monte Carlo errors do not tell."""
    if "trials" in data.attrs:
        return int(data.attrs["trials"])
    if "effect_given_success" in data or not {"success", "mcse"} <= set(data):
        return None
    p, error = (data[name].values.ravel() for name in ("success", "mcse"))
    inside = (error > 0) & (p > 0.001) & (p < 0.999)
    if not inside.any():
        return None
    found = p[inside] * (1 - p[inside]) / error[inside] ** 2
    return round(found[0]) if np.ptp(found) < _TRIALS * found[0] else None


def power(data: xr.Dataset) -> list[str]:
    """Return power and Type I error by scenario."""
    labels, effect = data["scenario"].values, data["effect"].values.astype(bool)
    sentences = [_scenario(str(labels[s]), data.isel(scenario=s)) for s in range(len(labels))]
    more = _estimates(data)
    if len(labels) <= MOST:
        return [*sentences, *more]
    if "inferior" in data:
        return [f"{len(labels)} scenarios were looked at.", *more]
    success, found = data["success"].values, []
    for name, rows in (("power", effect), ("the Type I error", ~effect)):
        if rows.any():
            ends = chance(success[rows].min()), chance(success[rows].max())
            found.append(f"{name} is from {ends[0]} to {ends[1]} ({rows.sum()} of them)")
    return [f"Over all scenarios, {' and '.join(found)}.", *more]


def _scenario(label: str, here: xr.Dataset) -> str:
    """Return what happens in one scenario."""
    truth = " and ".join(
        f"{numbers(theta)} under the {group}"
        for group, theta in zip(("control", "treatment"), here["theta"].values, strict=True)
    )
    text = f"In scenario {label!r} (success probabilities {truth}), "
    if "inferior" in here:
        chances = [
            f"{name} with probability {shown(here[value], here[error])}"
            for name, value, error in (
                ("superior", "success", "mcse"),
                ("inferior", "inferior", "inferior_mcse"),
            )
        ]
        return f"{text}the treatment is called {joined(chances)}."
    name = "power" if here["effect"] else "the Type I error"
    text += f"{name} is {shown(here['success'], here['mcse'])}"
    if "claim" in here and here.sizes["outcome"] > 1:
        each = zip(here["outcome"].values, here["claim"].values, strict=True)
        text += f"; claimed by itself: {joined([f'{k} {chance(p)}' for k, p in each])}"
    return f"{text}.{_stops(here)}"


def _estimates(data: xr.Dataset) -> list[str]:
    """Return what there is to say of the fits of simulated trials."""
    return [*simulated.failed(data), *simulated.accuracy(data)]


def _stops(here: xr.Dataset) -> str:
    """Return when a trial stops."""
    if here.sizes["look"] < 2:
        return ""
    early = float(here["stop_success"][:-1].sum())
    text = f" The trial succeeds before the end with probability {chance(early)}"
    if here["stop_futility"].any():
        text += f" and is given up with probability {chance(here['stop_futility'].sum())}"
    mean, median, most = (
        both(here[name].values.tolist()) for name in ("expected_n", "median_n", "n90")
    )
    if "expected_clusters" in here:
        return (
            f"{text}; it ends with {float(here['expected_clusters']):.1f} clusters on average, "
            f"{int(here['median_clusters'])} in the median, and 90% of trials with at most "
            f"{int(here['clusters90'])} (about {mean} subjects on average)."
        )
    return (
        f"{text}; it ends with {mean} subjects on average, {median} in the median, and 90% of "
        f"trials with at most {most}."
    )


def assurance(data: xr.Dataset) -> list[str]:
    """Return the probabilities under a design prior."""
    text = f"Under the design prior, the trial succeeds with probability {_chance(data, 'success')}"
    text += " (assurance)"
    if "effect" in data:
        text += f"; the rule's claim is true with probability {_chance(data, 'effect')}"
    if "effect_given_success" in data:
        text += f", given success with probability {_chance(data, 'effect_given_success')}"
    if "success_without_effect" in data:
        joint = _chance(data, "success_without_effect")
        text += f"; the trial succeeds without it being true with probability {joint}"
    return [f"{text}.{_stops(data)}", *_estimates(data)]


def _chance(data: xr.Dataset, name: str) -> str:
    error = mcse_of(name)
    if simulated.is_simulated(data) and error in data and data[error] == 0:
        return chance(data[name])  # all truths agree, which makes nothing exact
    return shown(data[name], data[error]) if error in data else chance(data[name])


def type_one(data: xr.Dataset) -> list[str]:
    """Return the largest error, where it is, and its bound."""
    theta = data["theta"].values
    # whether it is exact depends on how it was searched for, which the notes say
    error = chance(data["error"]) if exact(data) else _chance(data, "error")
    text = (
        f"The largest Type I error is {error}, with success probabilities "
        f"{numbers(theta[0])} under the control and {numbers(theta[1])} under the treatment; the "
        f"level is {float(data['level']):g}."
    )
    found = [text]
    if abs(float(data["error_bound"]) - float(data["error"])) > 1e-9:
        found.append(f"It is proven to be at most {chance(data['error_bound'])} everywhere.")
    return [*found, *simulated.failed(data)]


def _errors_and_claims(data: xr.Dataset) -> list[str]:
    """Return the largest error of the rule, and that of each outcome's claim."""
    found = type_one(data)
    if "claim" in data and data.sizes["outcome"] > 1:
        each = zip(*(data[name].values for name in ("outcome", "claim", "claim_rate")), strict=True)
        listed = [f"{k} {chance(p)} (control {rate:.4g})" for k, p, rate in each]
        found.append(f"The largest error of the claim of each outcome by itself: {joined(listed)}.")
    return found


def size(data: xr.Dataset) -> list[str]:
    """Return how many subjects it takes, by scenario."""
    target, sentences = float(data["target"]), []
    for s, label in enumerate(data["scenario"].values[:MOST]):
        here = data.isel(scenario=s)
        if simulated.is_simulated(data):
            sentences.append(sized.found_sentence(here))
            continue
        first, stable = (both_at(here, name) for name in ("first", "stable"))
        if first == NONE:
            sentences.append(f"In scenario {str(label)!r}, power {target:g} is not reached.")
            continue
        text = f"In scenario {str(label)!r}, power {target:g} is first reached with {first} "
        text += f"subjects ({chance(here['power_first'])})"
        if first == stable:
            text += ", and by every larger number"
        elif stable != NONE:
            text += f" and by every number from {stable} on ({chance(here['power_stable'])})"
        if (formula := formula_of(here)) != NONE:
            text += f"; the textbook formula says {formula} in the smaller group"
        sentences.append(f"{text}.")
    if len(data["scenario"]) > MOST:
        sentences.append(f"{len(data['scenario']) - MOST} more scenarios are in the table.")
    return [*sentences, *simulated.failed(data)]


def whole_prediction(data: xr.Dataset) -> list[str]:
    """Return the predictive probability of success."""
    seen = both(data["seen"].values.tolist())
    whole = shown(data["success"], data["mcse"])
    text = f"With {seen} subjects so far, the trial ends in success with probability {whole}"
    return [f"{text}, given their data and the prior of the analysis."]


def prediction(data: xr.Dataset) -> list[str]:
    """Return the same, where it stands beside what is given."""
    return [f"The trial ends in success with probability {shown(data['success'], data['mcse'])}."]


def beside_power(data: xr.Dataset) -> list[str]:
    """Return what the columns of the table are, where there are both power and error."""
    effect = data["effect"].values
    more = _estimates(data)
    if "inferior" in data:
        which = "On each side, power where what it claims is true, Type I error where it is not."
        return [which, *more]
    if effect.all():
        return more
    which = "where the rule's claim is true, Type I error where it is not."
    text = f"Power {which}" if effect.any() else "The rule's claim is true in no scenario."
    return [text, *more]


def beside_assurance(data: xr.Dataset) -> list[str]:
    """Return what no row of the table says, of simulated trials."""
    if not simulated.is_simulated(data):
        return []
    return [*filter(None, [_stops(data).strip()]), *_estimates(data)]


def beside_size(data: xr.Dataset) -> list[str]:
    """Return what the columns of the table are."""
    if simulated.is_simulated(data):
        return [*sized.beside(data), *simulated.failed(data)]
    return [
        f"First n: the smallest that reaches power {float(data['target']):g}. Stable n: no larger "
        "one that was looked at falls below it, although power saw-tooths. Formula: the textbook's "
        "n of the smaller group."
    ]


# beside a table, and by themselves
BESIDE: Mapping[str, Callable[[xr.Dataset], list[str]]] = {
    "power": beside_power,
    "assurance": beside_assurance,
    "type_one": type_one,
    "size": beside_size,
    "prediction": prediction,
}
SENTENCES: Mapping[str, Callable[[xr.Dataset], list[str]]] = {
    "power": power,
    "assurance": assurance,
    "type_one": _errors_and_claims,
    "size": size,
    "prediction": whole_prediction,
}
