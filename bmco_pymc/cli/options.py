"""Options as people write them, and whether they go together, before anything is computed."""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bmco_pymc.decision import decide
from bmco_pymc.errors import InputError
from bmco_pymc.population import Analytical, Empirical, Sample, Value, resolve
from bmco_pymc.sample import is_number
from bmco_pymc.study import Study

if TYPE_CHECKING:
    from bmco_pymc.models.base import Model

type Population = Value | Empirical | Analytical

ANALYSES = ("auto", "bmvb", "bglm", "bglmm")


def names(option: str, text: str) -> list[str]:
    """Return names separated by commas; a name with a comma stands in double quotes.

    Examples
    --------
    >>> names("--outcomes", 'passed, "read, wrote"')
    ['passed', 'read, wrote']
    """
    parts = [part.strip() for part in next(csv.reader([text], skipinitialspace=True), [])]
    if not parts or not all(parts):
        raise InputError(option, text, "must be column names separated by commas")
    return parts


def numbers(option: str, text: str) -> float | list[float]:
    """Return one number, or numbers separated by commas as a list.

    Examples
    --------
    >>> numbers("--margins", "0.1"), numbers("--weights", "0.7, 0.3")
    (0.1, [0.7, 0.3])
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(option, text, "must be numbers separated by commas") from None
    return values[0] if len(values) == 1 else values


def make_model(study: Study, analysis: str, fixed: str | None, random: str | None) -> Model:
    """Return the analysis that was asked for, or the one that the other options call for."""
    from bmco_pymc.models.bglm import BGLM
    from bmco_pymc.models.bglmm import BGLMM
    from bmco_pymc.models.bmvb import BMVB

    kind = analysis.strip().lower()
    if kind not in ANALYSES:
        raise InputError("--analysis", analysis, "unknown analysis", ANALYSES)
    if kind == "auto":
        kind = "bglmm" if study.cluster is not None else "bglm" if fixed is not None else "bmvb"
    if kind == "bglmm":
        if study.cluster is None:
            raise InputError("--analysis", analysis, "needs --cluster, the column of clusters")
        return BGLMM(study, fixed, "1" if random is None else random)
    if random is not None:
        raise InputError("random", random, f"{kind.upper()} has no clusters: give --cluster")
    if kind == "bglm":
        return BGLM(study, fixed)
    if fixed is not None:
        raise InputError("fixed", fixed, "BMVB has no covariates: use --analysis bglm")
    return BMVB(study)


@dataclass(frozen=True)
class Question:
    """What is asked of a fit: a population, a rule, an interval.

    Attributes
    ----------
    population : Value, Empirical, Analytical or None
    options : dict
        Further arguments of ``fit.effect()``; only those given.
    decision : dict
        Arguments of ``effect.decide()``.
    ci_prob : float
        Probability in the intervals.
    """

    population: Population | None = None
    options: dict[str, Any] = field(default_factory=dict)
    decision: dict[str, Any] = field(default_factory=lambda: {"rule": "All"})
    ci_prob: float = 0.95

    def check(self, model: Model) -> None:
        """Raise `InputError` if the question cannot be asked of this model's fit."""
        if not 0 < self.ci_prob < 1:
            raise InputError("ci_prob", self.ci_prob, "must be between 0 and 1")
        draws = np.random.default_rng(1).normal(size=(2, 8, model.study.n_outcomes))
        delta = xr.DataArray(draws, dims=("chain", "draw", "outcome"))
        decide(delta.assign_coords(outcome=list(model.study.outcomes)), **self.decision)
        analysis = type(model).__name__
        if model.design is None:
            given = [("population", self.population), *self.options.items()]
            for name, value in given:
                if value is not None:
                    what = f"{analysis} has one population only, the whole of each group"
                    raise InputError(_option(name, value), value, what)
            return
        clusters = self.options.get("clusters")
        if clusters is not None and not model.design.random_terms:
            raise InputError("clusters", clusters, f"{analysis} has no clusters: give --cluster")
        population = Empirical() if self.population is None else self.population
        fixed_values = isinstance(population, Value | Analytical)
        if fixed_values and self.options.get("standardise") == "own":
            raise InputError("standardise", "own", "goes with the sample's own covariate values")
        if model.design.random_terms and clusters is None:
            clusters = "new"
        try:
            sample = Sample(model.study, model.cells)
            resolve(population, sample, **(self.options | {"clusters": clusters}))
        except InputError as error:
            flag = _option("population", population)
            about = population.values if isinstance(population, Value) else population.ranges
            covariates = {str(name): f"{flag} {name}" for name, _ in about}
            raise error.renamed(covariates | {"population": flag}) from None


def read_population(
    at: Sequence[str], ranges: Sequence[str], analytical: bool, data: pd.DataFrame, model: Model
) -> Population | None:
    """Return the population that ``--at``, ``--range`` and ``--analytical`` describe.

    Parameters
    ----------
    at, ranges : sequence of str
        Such as ``age=50`` and ``age=40:60``; a range may lack an end.
    analytical : bool
    data : pandas.DataFrame
        For the types of the columns.
    model : Model
        For its covariates.
    """
    if at and (ranges or analytical):
        other = "--range" if ranges else "--analytical"
        raise InputError("--at", at[0], f"cannot go with {other}: choose one population")
    if at:
        return Value({name: _value(name, text, data) for name, text in _pairs("--at", at).items()})
    bounds = {name: _range(name, text) for name, text in _pairs("--range", ranges).items()}
    if not analytical:
        return Empirical(bounds) if bounds else None
    if len(bounds) > 1:
        raise InputError("--range", list(bounds), "with --analytical, only one covariate has one")
    covariates = () if model.design is None else model.design.covariates
    if not bounds and len(covariates) != 1:
        problem = f"say of which covariate, for example --range {covariates[0]}=: for all values"
        problem = problem if covariates else "the model has no covariate"
        raise InputError("--analytical", True, problem, covariates or None)
    return Analytical(bounds) if bounds else Analytical()


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
        raise InputError(f"--at {name}", text, "must be a number") from None


def _range(name: str, text: str) -> tuple[float, float]:
    """Return ``low:high`` as two numbers; an end left out is infinite."""
    ends = text.split(":")
    try:
        if len(ends) != 2:
            raise ValueError
        low, high = (float(end) if end.strip() else math.inf for end in ends)
    except ValueError:
        raise InputError(f"--range {name}", text, "must be low:high, as in 40:60 or 40:") from None
    low = low if ends[0].strip() else -math.inf
    if not low <= high:
        problem = "the lower bound comes first, then the upper"
        raise InputError(f"--range {name}", text, problem)
    return low, high


def _option(name: str, value: Any) -> str:
    """Return the option that an argument of ``fit.effect()`` came from."""
    kinds = {"Value": "--at", "Empirical": "--range", "Analytical": "--analytical"}
    return kinds[type(value).__name__] if name == "population" else name


def note_ignored_clusters(model: Model) -> None:
    """Warn where clusters were named for an analysis that has none."""
    from bmco_pymc.errors import InputWarning

    has_clusters = model.design is not None and model.design.random_terms
    if model.study.cluster is not None and not has_clusters:
        name = type(model).__name__
        text = f"{name} ignores the clusters and takes all subjects to be independent"
        warnings.warn(text, InputWarning, stacklevel=2)
