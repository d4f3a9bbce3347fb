"""The population that a result is about: for each group a weighted list of (x, cluster).

`resolve` answers the two questions that define it, which covariate values and which clusters, on
the analysed sample.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.arguments import one_of
from bmco_pymc.averaging.quadrature import truncated_normal
from bmco_pymc.data.cells import Cells, distinct_rows
from bmco_pymc.data.covariates import is_number
from bmco_pymc.data.frames import text
from bmco_pymc.data.remarks import warn
from bmco_pymc.errors import InputError
from bmco_pymc.population.carried import points_of_target
from bmco_pymc.population.resolved import Points, Resolved
from bmco_pymc.population.sentences import EXTRAPOLATED, cluster_phrase, covariate_sentence
from bmco_pymc.population.subjects import Sample
from bmco_pymc.population.target import Target
from bmco_pymc.population.values import (
    Analytical,
    Empirical,
    Name,
    Population,
    Value,
    given,
    read_population,
)

__all__ = [
    "Analytical",
    "Empirical",
    "Points",
    "Resolved",
    "Sample",
    "Target",
    "Value",
    "read_population",
    "resolve",
]

STEEP_ENOUGH = 10.0  # with new clusters; a steepness of 40 then still errs by less than 1e-4
UNKNOWN = "is unknown here"


def resolve(
    population: Population,
    sample: Sample,
    *,
    standardise: str = "pooled",
    clusters: str | None = None,
    cluster_weights: str = "size",
    steepness: float = 10.0,
) -> Resolved:
    """Return the weighted points that a population means on a sample.

    Subjects count as often as the study's counts say. Subjects with equal covariates (and equal
    cluster, for observed clusters) are one point.

    Parameters
    ----------
    population : Value, Empirical, Analytical or Target
        Which covariate values.
    sample : Sample
        The analysed data.
    standardise : {"pooled", "own"}, optional
        For Empirical: both groups over all subjects chosen (g-computation), or each group over
        its own. Value, Analytical and Target are always pooled.
    clusters : {"observed", "new", None}, optional
        The clusters in the data, clusters like these or, for a model without clusters, None.
        Observed clusters under Empirical are those of the subjects chosen; under Value and
        Analytical all clusters in both groups, the other covariates with the values that they
        have in that cluster; under Target those of its rows.
    cluster_weights : {"size", "equal"}, optional
        Whether an observed cluster weighs as much as its number of subjects averaged over, or
        as much as any other; under Target its number of rows, or their weight.
    steepness : float, optional
        For Analytical: the largest change of any log odds per SD of the covariate, see
        `bmco_pymc.averaging.quadrature.steepness`. For new clusters, whose integral is good to
        1e-3 only, nodes for a steepness of 10 are enough for any realistic one.

    Returns
    -------
    Resolved

    Raises
    ------
    InputError
        If a covariate or option is unknown, a value is no number or not among the categories, a
        category has a range, a query cannot be evaluated, a mask has the wrong length, or no
        subject is meant (with "own": in one of the groups); or if a target does not fit, see
        `bmco_pymc.population.matched.match`.

    Warns
    -----
    InputWarning
        If a value, a finite bound of a range or a row of a target lies outside the data, or a row
        misses a covariate.

    References
    ----------
    Kavelaars, Mulder & Kaptein (2023), https://doi.org/10.1186/s12874-023-02034-z

    Examples
    --------
    >>> from bmco_pymc.data.study import Study
    >>> table = pd.DataFrame({"arm": ["a", "b"] * 50, "y": [0, 1, 1, 0] * 25,
    ...                       "age": [30, 50, 40, 40] * 25})
    >>> study = Study(table, "y", group="arm", control="a", treatment="b")
    >>> target = resolve(Empirical(age=(40, 50)), Sample(study, study.cells(["age"])))
    >>> target.points[0].frame["age"].tolist(), target.points[0].weight.round(3).tolist()
    ([40.0, 50.0], [0.667, 0.333])
    >>> target.estimand
    'Average over the 75 subjects of both groups with age from 40 to 50 (pooled).'
    """
    cells, clustered = sample.cells, sample.cells.cluster is not None
    read_population(population)
    one_of("standardise", standardise, ["pooled", "own"], UNKNOWN)
    one_of("clusters", clusters, ["observed", "new", None] if clustered else [None], UNKNOWN)
    one_of("cluster_weights", cluster_weights, ["size", "equal"], UNKNOWN)
    if cluster_weights == "equal" and clusters != "observed":
        raise InputError("cluster_weights", cluster_weights, "weights observed clusters only")
    if standardise == "own" and not isinstance(population, Empirical):
        what = f"{type(population).__name__} asks about the same covariate values in both groups"
        raise InputError("standardise", standardise, what, ["pooled"])
    if not 0 <= steepness < math.inf:
        raise InputError("steepness", steepness, "must be a finite number of at least 0")

    if isinstance(population, Target):
        return points_of_target(population, sample, clusters, cluster_weights)
    names = sample.named(population)
    chosen = sample.subjects(population)  # (n,)
    own = isinstance(population, Empirical) and standardise == "own"
    labels = sample.study.group_labels
    by_group = [chosen * (cells.arm == arm) for arm in range(len(labels))] if own else [chosen]
    groups = labels if own else None
    for place, subjects in enumerate(by_group):
        if not subjects.any():
            whom = f" of group {groups[place]!r}" if groups else ""
            columns = (cells.frame[name] for name in names.values())
            data = [f"{x.name} runs from {text(x.min())} to {text(x.max())}" for x in columns]
            where = f" ({', '.join(data)} in the data)" if data else ""
            raise InputError("population", population, f"no subject{whom} is in it{where}")
    steepness = min(steepness, STEEP_ENOUGH) if clusters == "new" else steepness
    grid, grid_weight = _grid(population, names, sample, steepness)

    cluster = cells.cluster if clusters == "observed" else None
    lists, n_clusters = [], []
    for subjects in by_group:
        weight = subjects.astype(float)
        if cluster is not None:
            size = np.bincount(cluster, weights=subjects)  # (J,)
            n_clusters.append(int(np.count_nonzero(size)))
            if cluster_weights == "equal":
                weight /= np.maximum(size, 1)[cluster]
        lists.append(_points(cells, cluster, weight, grid, grid_weight))

    moments = sample.moments(*names.values()) if isinstance(population, Analytical) else None
    others = [str(name) for name in sample.covariates if name not in grid]
    numbers = [int(subjects.sum()) for subjects in by_group]
    some = bool(chosen.sum() < cells.weight.sum())
    words = covariate_sentence(population, names, others, numbers, groups, moments)
    n_observed = len(cells.cluster_labels)
    words += cluster_phrase(clusters, cluster_weights, n_clusters, n_observed, groups, some=some)
    words += "."
    if clusters == "observed" and cells.one_group_clusters and not own:
        words += EXTRAPOLATED
    # Last, so that bad input is an error even where warnings are errors too.
    warn(_remarks(population, names, sample))
    return Resolved(tuple(lists if own else lists * len(labels)), words, clusters)


def _points(
    cells: Cells,
    cluster: NDArray[np.intp] | None,
    weight: NDArray[np.float64],
    grid: pd.DataFrame,
    grid_weight: NDArray[np.float64],
) -> Points:
    """Return the distinct points of weighted cells, each with every row of a grid.

    Parameters
    ----------
    cells : Cells
    cluster : ndarray of intp, shape (n,), or None
        The clusters to tell apart.
    weight : ndarray, shape (n,)
        Weights of the cells; those without weight are left out.
    grid : pandas.DataFrame, shape (g, columns)
        Values of the covariates that do not keep the sample's values.
    grid_weight : ndarray, shape (g,)
        They sum to 1.
    """
    kept = np.flatnonzero(weight > 0)
    others = cells.frame[[name for name in cells.frame if name not in grid]].iloc[kept]
    coded = [] if cluster is None else [(cluster[kept], len(cells.cluster_labels))]
    number, first = distinct_rows(coded, others)
    total = np.bincount(number, weights=weight[kept])
    total = (total / total.sum())[:, None] * grid_weight  # (points, g)

    source, place = np.repeat(first, len(grid)), np.tile(np.arange(len(grid)), len(first))
    parts = [part.reset_index(drop=True) for part in (others.iloc[source], grid.iloc[place])]
    frame = pd.concat(parts, axis=1)[[*cells.frame]]
    return Points(frame, None if cluster is None else cluster[kept][source], total.ravel())


def _grid(
    population: Population, names: Mapping[Name, Any], sample: Sample, steepness: float
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Return the values, and their weights, of the covariates that a population sets."""
    if isinstance(population, Analytical):
        ((name, bounds),) = population.ranges
        mean, sd = sample.moments(names[name])
        low, high = ((bound - mean) / sd for bound in bounds)
        nodes, weight = truncated_normal(low, high, steepness)
        return pd.DataFrame({names[name]: mean + sd * nodes}), weight
    columns = {}
    for name, value in population.values if isinstance(population, Value) else ():
        level = sample.level(name, names[name], value)
        columns[names[name]] = pd.Series([level], dtype=sample.cells.frame[names[name]].dtype)
    return pd.DataFrame(columns, index=range(1)), np.ones(1)


def _remarks(population: Population, names: Mapping[Name, Any], sample: Sample) -> Iterator[str]:
    """Yield a sentence for each value, bound or distribution that the data do not have."""
    for name, bounds in given(population):
        covariate = names[name]
        x = sample.cells.frame[covariate]
        if not is_number(x):
            continue
        low, high = map(float, (bounds, bounds) if isinstance(population, Value) else bounds)
        if any(math.isfinite(bound) and not x.min() <= bound <= x.max() for bound in (low, high)):
            what = f"= {text(low)}" if low == high else f"from {text(low)} to {text(high)}"
            data = f"{text(float(x.min()))} to {text(float(x.max()))}"
            yield f"{covariate} {what} reaches outside the data, which run from {data}"
        if isinstance(population, Analytical) and len(values := x.unique()) <= 2:
            one, other = (text(float(value)) for value in sorted(values))
            yield (
                f"{covariate} is {one} or {other} for every subject, but Analytical averages over "
                "a normal distribution, most of it at values that nobody has: Value or Empirical "
                "is about the two that occur"
            )
