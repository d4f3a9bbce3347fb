"""A covariate of many values cut into bins by the engine that counts, each bin at its mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import pairwise
from numbers import Integral
from operator import add
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.arguments import of_kind, real, whole
from bmco_pymc.data.grouping import Frame, grouped
from bmco_pymc.errors import InputError

type Bins = int | tuple[float, ...]

MOST_BINS = 1000
_GRID = 4096  # cells of a grid of values
_SHARE = 20  # a cell with more than this part of a bin is looked at again
_MOST_ZOOMS = 4  # each makes cells thousands of times smaller
_DIGITS = 12  # of a mean: engines add up in any order, which changes the last digits


def read_bins(bins: Any, covariates: Sequence[str], numeric: Sequence[str]) -> dict[str, Bins]:
    """Return the bins that were asked for, checked.

    Parameters
    ----------
    bins : mapping of str to int or sequence of float
        By covariate: how many, or their edges.
    covariates, numeric : sequence of str
        The covariates, and those that are numbers.

    Raises
    ------
    InputError
        If it is no such mapping, or names another column.

    Examples
    --------
    >>> read_bins({"age": [18, 40, 65]}, ["age"], ["age"])
    {'age': (18.0, 40.0, 65.0)}
    """
    problem = "must be a mapping, such as {'age': 10} or {'age': [18, 40, 65, 100]}"
    return {
        name: _read(name, asked, covariates, numeric)
        for name, asked in of_kind("bins", bins, Mapping, problem).items()
    }


def _read(name: Any, asked: Any, covariates: Sequence[str], numeric: Sequence[str]) -> Bins:
    if name not in covariates:
        raise InputError("bins", name, "is not among the covariates", covariates)
    if name not in numeric:
        raise InputError("bins", name, "is no column of numbers", numeric)
    argument = f"bins[{name!r}]"
    if isinstance(asked, Integral) and not isinstance(asked, bool):
        return whole(argument, asked, 2, MOST_BINS)
    edges = list(asked) if isinstance(asked, Sequence | np.ndarray) else []
    numbers = [real(edge) for edge in edges]
    rising = all(low < high for low, high in pairwise(numbers))  # not with NaN
    if isinstance(asked, str) or not 2 <= len(numbers) <= MOST_BINS or not rising:
        problem = f"must be a number of bins, from 2 to {MOST_BINS}, or their edges, rising"
        raise InputError(argument, asked, problem)
    return tuple(numbers)


def number(name: str, kind: Any) -> nw.Expr:
    """Return a numeric column as floats in which NaN is missing, whatever the engine says of it."""
    x = nw.col(name).cast(nw.Float64)
    return nw.when(~x.is_nan()).then(x) if kind.is_float() else x


def edges_of(frame: Frame, bins: Mapping[str, Bins], schema: Any) -> dict[str, tuple[float, ...]]:
    """Return the edges of the bins; those of a number of bins are near the quantiles of the rows.

    Quantiles of the engines would hold the whole column, and some have none: here rows are counted
    in a fine grid, and again in those of its cells that hold many.

    Examples
    --------
    >>> frame = nw.from_native(pd.DataFrame({"age": [20, 30, 40, 50, 60, 70, None, 80]}))
    >>> edges_of(frame, {"age": 4}, frame.schema)
    {'age': (-inf, 40.0, 50.0, 70.0, inf)}
    """
    edges = {}
    for name, asked in bins.items():
        if isinstance(asked, tuple):
            edges[name] = asked
            continue
        grid = _grid(frame, number(name, schema[name]), asked)
        below = np.cumsum(grid["rows"])  # with a value in this cell or a smaller one
        wanted = np.arange(1, asked) / asked * (below[-1] if len(below) else 0)
        after = np.zeros(0, dtype=np.intp)  # the cells that a bin begins with
        if len(below) > 1:
            after = np.abs(below[:-1, None] - wanted).argmin(axis=0) + 1
        # Where many values are equal, there are fewer bins.
        edges[name] = (-math.inf, *np.unique(grid["low"][after]).tolist(), math.inf)
    return edges


def _grid(frame: Frame, x: nw.Expr, n_bins: int) -> NDArray[Any]:
    """Return cells of close values in their order: how many rows each has, its ends."""
    kind = [("low", float), ("high", float), ("rows", np.int64)]
    whole = _cells(frame, x, nw.lit(0.0), None)
    cells = np.array(whole, dtype=kind)
    total = cells["rows"].sum()
    for _ in range(_MOST_ZOOMS):
        large = (cells["rows"] * n_bins * _SHARE > total) & (cells["low"] < cells["high"])
        if not large.any():
            break
        finer = [cells[~large]]
        for low, high, _ in cells[large].tolist():
            place = ((x - low) * (_GRID / (high - low))).floor()
            finer.append(np.array(_cells(frame, x, place, (low, high)), dtype=kind))
        cells = np.sort(np.concatenate(finer), order="low")
    return cells


def _cells(
    frame: Frame, x: nw.Expr, place: nw.Expr, within: tuple[float, float] | None
) -> list[tuple[float, float, int]]:
    """Return the smallest and the largest value and the number of rows of each place."""
    kept = frame.filter(x.is_finite() if within is None else (x >= within[0]) & (x <= within[1]))
    if isinstance(kept, nw.DataFrame) and not len(kept):
        return []
    found = grouped(kept, {"place": place}, "rows", least={"low": x}, most={"high": x})
    return [(row[2], row[3], row[1]) for row in found.iter_rows()]


def bin_code(x: nw.Expr, edges: Sequence[float]) -> nw.Expr:
    """Return the bin of each number: 0 is below the first edge, the number of edges is above all.

    A bin holds its lower edge, and the last one its upper edge too.
    """
    *lower, last = edges
    passed = [(x >= edge).cast(nw.Int32) for edge in lower if math.isfinite(edge)]
    passed += [(x > last).cast(nw.Int32)] if math.isfinite(last) else []
    always = sum(edge == -math.inf for edge in lower)
    code = reduce(add, passed, nw.lit(always).cast(nw.Int32))
    return nw.when(~x.is_null()).then(code)


def at_means(
    kept: pd.DataFrame,
    sums: Mapping[str, NDArray[np.float64]],
    weight: NDArray[np.int64],
    edges: Mapping[str, Sequence[float]],
    bins: Mapping[str, Bins],
) -> tuple[pd.DataFrame, list[str]]:
    """Return the analysed rows with the mean of its subjects for each bin, and say which these are.

    So the mean of the sample stays what it was.

    Parameters
    ----------
    kept : pandas.DataFrame, shape (n, columns)
        With the bins as `bin_code` gives them.
    sums : mapping of str to ndarray, shape (n,)
        The sum over the subjects of each row, by covariate.
    weight : ndarray, shape (n,)
        Number of subjects of each row.
    edges : mapping of str to sequence of float
    bins : mapping of str to int or tuple
        As they were given.

    Raises
    ------
    InputError
        If a subject is outside of the edges.

    Examples
    --------
    >>> kept, sums = pd.DataFrame({"age": [1.0, 2.0, 1.0]}), {"age": np.array([60.0, 90.0, 42.0])}
    >>> edges = {"age": (18, 40, 65)}
    >>> table, said = at_means(kept, sums, np.array([2, 2, 1]), edges, edges)
    >>> table["age"].tolist(), said
    ([34.0, 45.0, 34.0], ['age in 2 bins, each at the mean of its subjects: 34, 45'])
    """
    said, columns = [], {}
    for name, limits in edges.items():
        code = kept[name].astype(float)
        known = code.notna().to_numpy()
        place = code[known].astype(int).to_numpy()
        if outside := int(weight[known][(place == 0) | (place == len(limits))].sum()):
            problem = (
                f"{outside} subjects are outside of the edges: -inf and inf as the outer ones "
                "leave out nobody"
            )
            raise InputError(f"bins[{name!r}]", bins[name], problem)
        totals = np.bincount(place, weights=sums[name][known])
        subjects = np.bincount(place, weights=weight[known])
        used = np.flatnonzero(subjects)
        means = np.full(len(subjects), np.nan)
        means[used] = [_short(mean) for mean in totals[used] / subjects[used]]
        column = np.full(len(kept), np.nan)
        column[known] = means[place]
        columns[name] = column
        shown = ", ".join(f"{mean:.4g}" for mean in means[used][:8]) + ", ..." * (len(used) > 8)
        asked = bins[name]
        fewer = isinstance(asked, int) and len(used) < asked
        said.append(
            f"{name} in {len(used)} bins{f' instead of {asked}' if fewer else ''}, each at the "
            f"mean of its subjects: {shown}"
        )
    return kept.assign(**columns), said


def _short(mean: float) -> float:
    return float(f"{mean:.{_DIGITS}g}")
