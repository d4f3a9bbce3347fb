"""Which population options describe, and whether a fit can be asked about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bmco_pymc.cli.declared import Whom, given
from bmco_pymc.cli.source import read_frame
from bmco_pymc.data.covariates import is_number
from bmco_pymc.data.frames import to_pandas
from bmco_pymc.data.missing import COMPLETE
from bmco_pymc.data.sources import PARQUET, open_source, reading
from bmco_pymc.errors import InputError
from bmco_pymc.models.base import Model
from bmco_pymc.population.points import Analytical, Empirical, Sample, Target, Value, resolve
from bmco_pymc.population.values import Population
from bmco_pymc.population.values import given as named

FLAGS = {Value: "--value", Analytical: "--analytical", Target: "--target"}


def read_whom(whom: Whom, model: Model) -> tuple[Population | None, dict[str, Any]]:
    """Return the population that options describe, and the other arguments of ``fit.effect``."""
    population = read_population(
        whom.value or [], whom.ranges or [], whom.analytical, model.study.data, model
    )
    if whom.target is not None or whom.target_weights is not None:
        population = read_target(whom.target, whom.target_weights, population, model)
    how = given(
        clusters=whom.clusters, standardise=whom.standardise, cluster_weights=whom.cluster_weights
    )
    return population, how


def check_population(model: Model, population: Population | None, how: Mapping[str, Any]) -> None:
    """Raise `InputError` if a fit of the model cannot be asked about this.

    Parameters
    ----------
    model : Model
    population : Value, Empirical, Analytical, Target or None
    how : mapping
        Further arguments of ``fit.effect()``; only those given.
    """
    analysis = type(model).__name__
    flag = FLAGS.get(type(population), "--range")
    if model.terms is None:
        asked = how if population is None else {flag: population, **how}
        for name, value in asked.items():
            what = f"{analysis} has one population only, the whole of each group"
            raise InputError(name, value, what)
        return
    if "clusters" in how and not model.terms.random:
        raise InputError("clusters", how["clusters"], f"{analysis} has no clusters")
    if isinstance(population, Value | Analytical | Target) and how.get("standardise") == "own":
        raise InputError("standardise", "own", "goes with the sample's own covariate values")
    usual = {"clusters": "new"} if model.terms.random else {}
    population = Empirical() if population is None else population
    try:
        resolve(population, Sample(model.study, model.cells), **{**usual, **how})
    except InputError as error:
        covariates = {str(name): f"{flag} {name}" for name, _ in named(population)}
        if isinstance(population, Target):
            raise _of_target(error) from None
        raise error.renamed(covariates | {"population": flag}) from None


def check_tipping(model: Model, population: Population | None) -> None:
    """Raise `InputError` if a fit of the model has no tipping point in this population."""
    if model.cells.partial is None:
        problem = "nothing is unobserved: every analysed subject has every outcome"
        if model.study.missing == COMPLETE:
            problem += "; --missing mar keeps those with some outcomes missing"
        raise InputError("--tipping", True, problem)
    if population is not None:
        problem = "is about the whole sample: without --value, --range, --analytical and --target"
        raise InputError("--tipping", True, problem)


def read_population(
    values: Sequence[str], ranges: Sequence[str], analytical: bool, data: pd.DataFrame, model: Model
) -> Population | None:
    """Return the population that ``--value``, ``--range`` and ``--analytical`` describe.

    Parameters
    ----------
    values, ranges : sequence of str
        Such as ``age=50`` and ``age=40:60``; a range may lack an end.
    analytical : bool
    data : pandas.DataFrame
        For the types of the columns.
    model : Model
        For its covariates.
    """
    if values and (ranges or analytical):
        other = "--range" if ranges else "--analytical"
        raise InputError("--value", values[0], f"cannot go with {other}: choose one population")
    if values:
        pairs = _pairs("--value", values)
        return Value({name: _value(name, text, data) for name, text in pairs.items()})
    bounds = {name: _range(name, text) for name, text in _pairs("--range", ranges).items()}
    if not analytical:
        return Empirical(bounds) if bounds else None
    if len(bounds) > 1:
        raise InputError("--range", list(bounds), "with --analytical, only one covariate has one")
    covariates = () if model.terms is None else model.terms.covariates
    if not covariates:
        raise InputError("--analytical", True, "the model has no covariate")
    if not bounds and len(covariates) > 1:
        problem = f"say of which covariate, for example --range {covariates[0]}=: for all values"
        raise InputError("--analytical", True, problem, covariates)
    return Analytical(bounds)


def read_target(
    path: Path | None, weights: str | None, other: Population | None, model: Model
) -> Target:
    """Return the target that ``--target`` and ``--target-weights`` describe.

    Parameters
    ----------
    path : Path or None
        A file that `bmco_pymc.cli.source.read_frame` reads; or a Parquet file, or several by a name
        with wildcards.
    weights : str or None
    other : Value, Empirical, Analytical or None
        What the other options describe: it cannot go with a target.
    model : Model
        For the names of its covariates and clusters.
    """
    if path is None:
        raise InputError("--target-weights", weights, "goes with --target, the file it is in")
    if other is not None:
        flag = FLAGS.get(type(other), "--range")
        raise InputError("--target", str(path), f"cannot go with {flag}: choose one population")
    source = str(path)
    cluster = [] if model.study.cluster is None else [model.study.cluster]
    covariates = [] if model.terms is None else list(model.terms.covariates)
    try:
        if not source.lower().endswith(PARQUET):
            return Target(read_frame(path, cluster, covariates), weights)
        with reading(source):
            opened: Any = open_source(source)
            return Target(to_pandas(opened), weights)
    except InputError as error:
        raise _of_target(error) from None


def _of_target(error: InputError) -> InputError:
    """Return an error about a file of a target in the words of the options."""
    argument = error.argument.replace("frame[", "--target [")
    names = {"data": "--target", "frame": "--target", "weights": "--target-weights"}
    names |= {"population": "--target", "covariate": "--target"}
    return InputError(names.get(argument, argument), error.value, error.problem, error.choices)


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Return ``name=value`` texts as a mapping."""
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            example = "age=40:60" if option == "--range" else "age=50"
            raise InputError(option, text, f"must be written as in {option} {example}")
        if name.strip() in pairs:
            raise InputError(option, text, "was given twice")
        pairs[name.strip()] = value.strip()
    return pairs


def _value(name: str, text: str, data: pd.DataFrame) -> float | str:
    """Return a value as a number if its column is one of numbers."""
    if name not in data or not is_number(data[name]):
        return text
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--value {name}", text, "must be a number") from None


def _range(name: str, text: str) -> tuple[float, float]:
    """Return ``low:high`` as two numbers; an end left out is infinite."""
    try:
        first, last = text.split(":")
        low, high = float(first.strip() or "-inf"), float(last.strip() or "inf")
    except ValueError:
        raise InputError(f"--range {name}", text, "must be low:high, as in 40:60 or 40:") from None
    if not low <= high:
        problem = "the lower bound comes first, then the upper"
        raise InputError(f"--range {name}", text, problem)
    return low, high
