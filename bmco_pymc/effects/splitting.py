"""How a column divides subjects into subgroups: categories, bins with given edges, quantiles."""

from __future__ import annotations

import keyword
import math
from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.arguments import whole
from bmco_pymc.data.covariates import is_number
from bmco_pymc.data.frames import factorise, text, texts
from bmco_pymc.data.remarks import warn
from bmco_pymc.errors import InputError
from bmco_pymc.population.points import Empirical

DEFAULT_BINS = 4


def is_binned(column: pd.Series, bins: Any) -> bool:
    """Return whether a column is cut into bins; if not, each value is a subgroup.

    Numbers are, unless there are no more distinct ones than the number of bins asked for.

    Raises
    ------
    InputError
        If bins are asked for of a category, or are not a number or edges.

    Examples
    --------
    >>> is_binned(pd.Series([0, 1, 1]), None), is_binned(pd.Series(range(9)), None)
    (False, True)
    """
    if not is_number(column):
        if bins is not None:
            problem = f"{column.name!r} is a category, and each of its values is a subgroup"
            raise InputError("bins", bins, problem, [None])
        return False
    if bins is None:
        return column.nunique() > DEFAULT_BINS
    if isinstance(bins, Integral) and not isinstance(bins, bool):
        whole("bins", bins, 2, max(len(column), DEFAULT_BINS))
        return column.nunique() > int(bins)
    edges = list(bins) if isinstance(bins, Sequence | np.ndarray) else []
    ordered = all(isinstance(e, Real) and not math.isnan(e) for e in edges) and all(
        low < high for low, high in pairwise(edges)
    )
    if isinstance(bins, str) or len(edges) < 2 or not ordered:
        problem = "must be a number of bins, or two edges or more in increasing order"
        raise InputError("bins", bins, problem)
    return True


def by_bins(
    name: str,
    column: pd.Series,
    weight: NDArray[np.int64],
    bins: int | Sequence[float],
    position: NDArray[np.intp],
    rows: int | pd.Index,
) -> tuple[tuple[float, ...], dict[str, Empirical]]:
    """Return the edges, and the population of each bin by its label.

    A bin holds its lower edge; the last one holds its upper edge too.

    Parameters
    ----------
    name : str
        The column.
    column : pandas.Series, shape (m,)
        Its numbers.
    weight : ndarray, shape (m,)
        The number of subjects of each row.
    bins : int or sequence of float
        How many, each with about as many subjects; or the edges.
    position : ndarray of intp, shape (m,)
        Where each row is in the study's input.
    rows : int or pandas.Index
        The number of rows of the input, or the index of those that were counted.

    Examples
    --------
    >>> ages = pd.Series([31.2, 38.9, 40.7, 44.1, 52.6, 58.3])
    >>> edges, populations = by_bins("age", ages, np.ones(6, dtype=int), 2, np.arange(6), 6)
    >>> edges, list(populations)
    ((31.0, 44.0, 58.3), ['[31, 44)', '[44, 58.3]'])
    >>> populations["[44, 58.3]"]
    Empirical(query='age >= 44 and age <= 58.3')
    """
    if isinstance(bins, int | np.integer):
        edges = _quantiles(column.to_numpy(dtype=float), weight, int(bins))
        if len(edges) <= bins:
            warn([f"{name!r} has too many equal values for {bins} bins: {len(edges) - 1} are used"])
    else:
        edges = tuple(float(edge) for edge in bins)
    populations = {}
    for low, high in pairwise(edges):
        last = high == edges[-1]
        conditions = [f"{_quoted(name)} >= {text(low)}"] if math.isfinite(low) else []
        if math.isfinite(high):
            conditions.append(f"{_quoted(name)} {'<=' if last else '<'} {text(high)}")
        label = f"[{text(low)}, {text(high)}{']' if last else ')'}"
        if _can_be_quoted(name):
            populations[label] = Empirical(query=" and ".join(conditions) or None)
        else:
            inside = (column >= low) & ((column <= high) if last else (column < high))
            populations[label] = _mask(inside, position, rows)
    return edges, populations


def by_category(
    name: str, column: pd.Series, position: NDArray[np.intp], rows: int | pd.Index
) -> dict[str, Empirical]:
    """Return the population of each category by its label.

    Parameters
    ----------
    name : str
        The column.
    column : pandas.Series, shape (m,)
        Its values.
    position : ndarray of intp, shape (m,)
        Where each row is in the study's input.
    rows : int or pandas.Index
        The number of rows of the input, or the index of those that were counted.

    Examples
    --------
    >>> by_category("sex", pd.Series(["m", "f", "m"]), np.arange(3), 3)
    {'f': Empirical(query="sex == 'f'"), 'm': Empirical(query="sex == 'm'")}
    """
    codes, levels = factorise(column, "by")
    if len(levels) < 2:
        raise InputError("by", name, f"has one value only: {text(levels[0]) if levels else 'none'}")
    populations = {}
    kinds = {type(level) for level in levels}
    for code, (label, level) in enumerate(zip(texts(levels), levels, strict=True)):
        written = len(kinds) == 1 and isinstance(level, str | bool | int | float)
        if written and _can_be_quoted(name):
            populations[label] = Empirical(query=f"{_quoted(name)} == {level!r}")
        else:  # what has no form in a query, such as dates, or a mixture
            populations[label] = _mask(codes == code, position, rows)
    return populations


def _quoted(name: str) -> str:
    """Return a column's name as queries need it."""
    return name if name.isidentifier() and not keyword.iskeyword(name) else f"`{name}`"


def _can_be_quoted(name: str) -> bool:
    return name.isprintable() and not set("`\\") & set(name)


def _mask(chosen: Any, position: NDArray[np.intp], rows: int | pd.Index) -> Empirical:
    """Return the population of some of the analysed rows."""
    mask = np.zeros(rows if isinstance(rows, int) else len(rows), dtype=bool)
    mask[position[np.asarray(chosen)]] = True
    return Empirical(mask=mask if isinstance(rows, int) else pd.Series(mask, rows))


def _quantiles(x: NDArray[np.float64], weight: NDArray[np.int64], bins: int) -> tuple[float, ...]:
    """Return short edges between values, so that bins have about as many subjects."""
    known = np.isfinite(x)
    values, place = np.unique(x[known], return_inverse=True)
    below = np.cumsum(np.bincount(place, weights=weight[known]))[:-1]  # with values[i] and less
    wanted = np.arange(1, bins) / bins * weight[known].sum()
    cuts = np.unique(np.abs(below[:, None] - wanted).argmin(axis=0))
    inner = [_short(values[i], values[i + 1]) for i in cuts.tolist()]
    margin = 0.01 * (values[-1] - values[0])
    low = _short(values[0] - margin, values[0])
    high = -_short(-(values[-1] + margin), -values[-1])
    return (low, *inner, high)


def _short(above: float, most: float) -> float:
    """Return the number with the fewest digits that is above one number, and at most another.

    Examples
    --------
    >>> _short(40.7, 44.1), _short(0.5123, 0.5149), _short(-3.0, -2.5)
    (44.0, 0.514, -2.5)
    """
    for digits in range(-int(math.log10(max(abs(above), abs(most), 1e-300))) - 1, 17):
        scale = 10.0**digits
        short = math.floor(most * scale) / scale
        if above < short <= most:
            return short + 0.0
    return most
