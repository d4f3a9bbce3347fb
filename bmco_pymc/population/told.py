"""A scenario in words: its table and the sentences below it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.population.clusters import default_between
from bmco_pymc.population.generators import Joined, Kind
from bmco_pymc.population.pilot import Pilot
from bmco_pymc.population.truths import GROUPS, Axis

SHOWN = 20  # rows of the table

type Array = NDArray[np.float64]


def words_of(axes: Sequence[Axis], n_outcomes: int) -> str:
    """Return where the truths of a grid are from."""
    if any("phi" in axis.name for axis in axes):
        text = "Pattern probabilities as given"
    else:
        text = "Success probabilities" + " and correlations" * (n_outcomes > 1) + " as given"
    sizes = [len(axis.values) for axis in axes if len(axis.values) > 1]
    if len(sizes) > 1:
        text += f", in all {math.prod(sizes)} combinations"
    correlated = any(
        np.any(value != np.eye(n_outcomes))
        for axis in axes
        if axis.name.startswith("rho")
        for value in axis.values
    )
    if n_outcomes > 2 and correlated:
        text += ", and of all distributions that have them the one of largest entropy"
    return text + "."


def on_clusters_and_covariates(generators: Kind) -> list[str]:
    """Return sentences on what else there is besides φ."""
    if isinstance(generators, Joined):
        said = (on_clusters_and_covariates(part) for part in generators.parts)
        return list(dict.fromkeys(sentence for part in said for sentence in part))
    if isinstance(generators, Pilot):
        what = "Subjects respond as the model says"
        if generators.rows is not None:
            what += f", with {', '.join(generators.rows.levels)} drawn from the pilot"
        return [what + ", in clusters like its own" * generators.clustered + "."]
    sentences = []
    if generators.clustered:
        kind = "Dirichlet" if generators.between == "dirichlet" else "Logit-normal"
        r = generators.group_correlation
        tied = "the same effect" if r == 1 else f"effects of correlation {r:g}"
        sentences.append(f"{kind} clusters; one that holds both groups has {tied} in them.")
    if generators.covariates is not None:
        sentences.append(generators.covariates.words)
    return sentences


def columns_of(theta: Array, delta: Array, rho: Array) -> dict[str, Array]:
    """Return the columns of the table, each (S, numbers); shapes as of `Scenario`."""
    columns = {"control": theta[:, 0], "treatment": theta[:, 1], "δ": delta}
    return columns | (by_group("ρ", rho) if rho.shape[2] else {})


def columns_of_clusters(generators: Kind) -> dict[str, Array]:
    """Return the columns on clusters: that of pairs only where these are not the default."""
    icc, between = generators.icc, generators.icc_between
    if icc is None or between is None:
        return {}
    columns = by_group("ICC", icc)
    if between.shape[2] and not np.allclose(between, default_between(generators.phi, icc)):
        columns |= by_group("ICC between outcomes", between)
    return columns


def by_group(name: str, values: Array) -> dict[str, Array]:
    """Return a column of values (S, 2, numbers), or one for each group where they differ."""
    if np.allclose(values[:, 0], values[:, 1], rtol=0, atol=1e-9, equal_nan=True):
        return {name: values[:, 0]}
    return {f"{name} of {group}": values[:, place] for place, group in enumerate(GROUPS)}


def table_of(labels: Sequence[str], columns: dict[str, Array]) -> list[list[str]]:
    """Return the first rows of a table, below its head."""
    head: list[Any] = ["scenario", *columns]
    rows = [
        [label, *(_entry(column[row]) for column in columns.values())]
        for row, label in enumerate(labels[:SHOWN])
    ]
    return [head, *rows]


def _entry(values: Array) -> str:
    """Return the numbers of an entry of the table."""
    rounded = [f"{round(value, 10) + 0.0:.4g}".replace("nan", "–") for value in values.tolist()]
    return ", ".join(rounded)
