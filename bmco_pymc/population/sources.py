"""Where covariate values are drawn from: the rows of a data frame, or a distribution by column."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.averaging.quadrature import truncated_normal

MOST_POINTS = 2000  # of a discrete distribution
TAIL = 1e-12
STEEPEST = 10.0

type Array = NDArray[np.float64]
type Values = dict[str, NDArray[Any]]  # of each column: numbers, or codes into its levels


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a data frame, drawn with replacement.

    Attributes
    ----------
    frame : pandas.DataFrame, shape (R, columns)
    levels : dict of str to tuple or None
        The levels of each column that is a category.
    values : dict of str to ndarray, shape (R,)
        The numbers of a column, or codes into its levels.
    """

    frame: pd.DataFrame
    levels: dict[str, tuple[Any, ...] | None]
    values: Values

    @property
    def words(self) -> str:
        """Where values are from, for a sentence."""
        return f"{', '.join(self.levels)} of rows drawn from {len(self.frame)}"

    def draw(self, rng: np.random.Generator, n: int, used: Sequence[str]) -> tuple[Any, Values]:
        """Return the rows of n subjects, and the values of the columns that are used."""
        row = rng.integers(len(self.frame), size=n)
        drawn = self.frame.take(row)
        drawn.index = pd.RangeIndex(n)
        return drawn, {name: self.values[name][row] for name in used}

    def nodes(self, steepness: Mapping[str, float]) -> tuple[Array, Values]:
        """Return weights (C,) and values (C,) of the distinct rows of some columns."""
        columns = np.column_stack([self.values[name].astype(float) for name in steepness])
        distinct, counts = np.unique(columns, axis=0, return_counts=True)
        values = {name: distinct[:, place] for place, name in enumerate(steepness)}
        for name in steepness:
            if self.levels[name] is not None:
                values[name] = values[name].astype(np.intp)
        return counts / counts.sum(), values

    def sd(self, name: str) -> float:
        """Return the SD of a numeric column."""
        return float(self.values[name].astype(float).std())

    def described(self) -> dict[str, Any]:
        """Return a description of plain values."""
        columns = []
        for name, column in self.frame.items():
            one: dict[str, Any] = {"name": name, "dtype": str(column.dtype)}
            if isinstance(column.dtype, pd.CategoricalDtype):
                one |= {"categories": [plain(level) for level in column.cat.categories]}
                one |= {"ordered": bool(column.cat.ordered), "codes": column.cat.codes.tolist()}
            else:
                one |= {"values": column.tolist()}
            columns.append(one)
        return {"rows": columns}


@dataclass(frozen=True, eq=False)
class Columns:
    """Independent columns, each with a distribution of its own.

    Attributes
    ----------
    levels : dict of str to tuple or None
        The levels of each column that is a category.
    distributions : dict of str to frozen distribution or ndarray
        Of `scipy.stats`, or the probability of each level.
    """

    levels: dict[str, tuple[Any, ...] | None]
    distributions: dict[str, Any]

    @cached_property
    def _by_level(self) -> dict[str, tuple[Array, pd.CategoricalDtype]]:
        """What drawing a category takes: its distribution function and its dtype."""
        found = {}
        for name, levels in self.levels.items():
            if levels is not None:
                below = np.cumsum(self.distributions[name])
                below[below >= below[-1]] = 1.0
                found[name] = below, pd.CategoricalDtype(list(levels))
        return found

    @property
    def words(self) -> str:
        """Where values are from, for a sentence."""
        parts = []
        for name, levels in self.levels.items():
            given = self.distributions[name]
            if levels is None:
                numbers = [f"{value:g}" for value in given.args]
                numbers += [f"{key}={value:g}" for key, value in given.kwds.items()]
                parts.append(f"{name} from {given.dist.name}({', '.join(numbers)})")
            else:
                shown = zip(levels, given, strict=True)
                parts.append(f"{name} ({', '.join(f'{level} {p:.4g}' for level, p in shown)})")
        return ", ".join(parts)

    def draw(self, rng: np.random.Generator, n: int, used: Sequence[str]) -> tuple[Any, Values]:
        """Return the rows of n subjects, and the values of the columns that are used."""
        columns: dict[str, Any] = {}
        values: Values = {}
        for name, levels in self.levels.items():
            given = self.distributions[name]
            if levels is None:
                columns[name] = values[name] = given.rvs(size=n, random_state=rng)
            else:
                below, dtype = self._by_level[name]
                values[name] = np.searchsorted(below, rng.random(n), side="right")
                columns[name] = pd.Categorical.from_codes(values[name], dtype=dtype, validate=False)
        # Columns are put in a copy of a frame of this size: to make one takes thrice as long.
        if n not in self._frames:
            self._frames.clear()
            self._frames[n] = pd.DataFrame(columns)
        frame = self._frames[n].copy(deep=False)
        for place, column in enumerate(columns.values()):
            frame.isetitem(place, column)
        return frame, {name: values[name] for name in used}

    @cached_property
    def _frames(self) -> dict[int, pd.DataFrame]:
        return {}

    def nodes(self, steepness: Mapping[str, float]) -> tuple[Array, Values]:
        """Return weights (C,) and values (C,) of a rule for averages over some columns."""
        weight: Any = np.ones(1)
        values: Values = {}
        for name, steep in steepness.items():
            given = self.distributions[name]
            x: NDArray[Any]
            if self.levels[name] is None:
                own, x = _nodes(given, steep)
            else:
                own, x = given, np.arange(len(given), dtype=np.intp)
            values = {other: np.repeat(found, len(own)) for other, found in values.items()}
            values[name] = np.tile(x, len(weight))
            weight = np.outer(weight, own).ravel()
        return weight / weight.sum(), values

    def sd(self, name: str) -> float:
        """Return the SD of a numeric column; infinite where it has none."""
        sd = float(self.distributions[name].std())
        return sd if sd >= 0 else math.inf

    def described(self) -> dict[str, Any]:
        """Return a description of plain values."""
        columns = []
        for name, levels in self.levels.items():
            given = self.distributions[name]
            one: dict[str, Any] = {"name": name}
            if levels is None:
                one |= {"distribution": given.dist.name, "args": [plain(v) for v in given.args]}
                one |= {"kwds": {key: plain(value) for key, value in given.kwds.items()}}
            else:
                pairs = zip(levels, given.tolist(), strict=True)
                one |= {"levels": [[plain(level), share] for level, share in pairs]}
            columns.append(one)
        return {"columns": columns}


type Source = Rows | Columns


def plain(value: Any) -> Any:
    """Return a value of NumPy as one of Python."""
    return value.item() if isinstance(value, np.generic) else value


def _nodes(distribution: Any, steepness: float) -> tuple[Array, Array]:
    """Return weights and nodes of a rule for averages of a smooth function of a number."""
    from scipy.special import ndtr
    from scipy.stats import rv_discrete

    if isinstance(distribution.dist, rv_discrete):
        low, high = distribution.ppf(TAIL), distribution.isf(TAIL)
        if high - low < MOST_POINTS:
            points = np.arange(low, high + 1)
            weight = distribution.pmf(points)
            return weight / weight.sum(), points
    # x is a smooth function of a standard normal number, and exactly that number if it is normal.
    z, weight = truncated_normal(steepness=min(max(steepness, 1.0), STEEPEST))
    upper = z > 0
    x = np.empty(len(z))
    x[upper], x[~upper] = distribution.isf(ndtr(-z[upper])), distribution.ppf(ndtr(z[~upper]))
    kept = np.isfinite(x) & (weight > 0)
    return weight[kept] / weight[kept].sum(), x[kept]
