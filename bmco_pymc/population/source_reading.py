"""What is given of covariates, read as where their values are drawn from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from bmco_pymc.arguments import real
from bmco_pymc.data.frames import factorise, to_pandas
from bmco_pymc.errors import InputError
from bmco_pymc.population.sources import Columns, Rows, Source, Values, plain

type Array = NDArray[np.float64]

MOST_ROWS = 10**6
MOST_LEVELS = 1000
SUM_TO_ONE = 1e-9


def read_source(given: Any) -> Source:
    """Return where covariate values are drawn from; see `bmco_pymc.Covariates`.

    Raises
    ------
    InputError
        If it is no frame without missing values, and no mapping of distributions.

    Examples
    --------
    >>> read_source({"sex": {"f": 0.4, "m": 0.6}}).levels
    {'sex': ('f', 'm')}
    """
    if isinstance(given, Mapping):
        return _columns(given)
    try:
        frame = to_pandas(given)
    except InputError as error:
        problem = error.problem.replace("not a data frame", "no data frame and no mapping")
        raise InputError("source", given, problem) from None
    return _rows(frame)


def source_from_description(described: Mapping[str, Any]) -> Source:
    """Return what `Rows.described` or `Columns.described` describes.

    Raises
    ------
    InputError
        If it is no such description.
    """
    try:
        if "columns" in described:
            columns: dict[str, Any] = {}
            for one in described["columns"]:
                if "levels" in one:
                    columns[one["name"]] = dict(map(tuple, one["levels"]))
                else:
                    columns[one["name"]] = _named(one["distribution"])(*one["args"], **one["kwds"])
            return _columns(columns)
        frame: dict[str, Any] = {}
        for one in described["rows"]:
            if "codes" in one:
                dtype = pd.CategoricalDtype(one["categories"], one["ordered"])
                frame[one["name"]] = pd.Categorical.from_codes(one["codes"], dtype=dtype)
            else:
                frame[one["name"]] = pd.Series(one["values"], dtype=one["dtype"])
        return _rows(pd.DataFrame(frame))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        problem = f"describes no covariates: {error}"
        raise InputError("described", described, problem) from None


def _rows(frame: pd.DataFrame) -> Rows:
    """Read the rows of a frame: numbers as they are, all else as categories."""
    if len(frame) > MOST_ROWS:
        raise InputError("source", frame, f"has {len(frame)} rows, more than {MOST_ROWS}")
    levels: dict[str, tuple[Any, ...] | None] = {}
    values: Values = {}
    kept: dict[str, Any] = {}
    for name, column in frame.items():
        _check_name(name)
        name = str(name)
        if column.isna().any():
            missing = int(column.isna().sum())
            problem = f"{name!r} has no value in {missing} rows: leave them out, as by dropna()"
            raise InputError("source", name, problem)
        if is_bool_dtype(column.dtype) or is_numeric_dtype(column.dtype):
            if not isinstance(column.dtype, np.dtype):  # of pandas or PyArrow, not of NumPy
                column = pd.Series(column.to_numpy(dtype=_plain_dtype(column.dtype)))
            numbers = column.to_numpy()
            if numbers.dtype.kind == "c" or not np.all(np.isfinite(numbers)):
                raise InputError("source", name, f"{name!r} has numbers that are not finite")
            levels[name], values[name] = None, numbers
        else:
            codes, found = factorise(column, "source")
            if not all(isinstance(level, str | bool | int | float) for level in found):
                problem = f"{name!r} has neither numbers nor text, such as {found[0]!r}"
                raise InputError("source", name, problem)
            levels[name], values[name] = found, codes
            if not isinstance(column.dtype, pd.CategoricalDtype):
                labels = np.array(found, dtype=object)[codes]
                column = pd.Series(pd.Categorical(labels, list(found)))
        kept[name] = column.reset_index(drop=True)
    if not kept:
        raise InputError("source", frame, "has no column")
    return Rows(pd.DataFrame(kept), levels, values)


def _plain_dtype(dtype: Any) -> Any:
    return bool if is_bool_dtype(dtype) else float


def _columns(given: Mapping[Any, Any]) -> Columns:
    """Read a distribution for each column."""
    if not given:
        raise InputError("source", given, "has no column")
    levels: dict[str, tuple[Any, ...] | None] = {}
    distributions: dict[str, Any] = {}
    for name, value in given.items():
        _check_name(name)
        argument = f"source[{name!r}]"
        if isinstance(value, Mapping):
            levels[name], distributions[name] = _levels(argument, value)
        else:
            levels[name], distributions[name] = None, _frozen(argument, value)
    return Columns(levels, distributions)


def _levels(argument: str, given: Mapping[Any, Any]) -> tuple[tuple[Any, ...], Array]:
    """Read the probability of each level."""
    found = tuple(map(plain, given))
    if not 1 <= len(found) <= MOST_LEVELS or not all(
        isinstance(level, str | bool | int | float) for level in found
    ):
        problem = f"must be a mapping of 1 to {MOST_LEVELS} categories, in text, to probabilities"
        raise InputError(argument, given, problem)
    share = np.array([real(value) for value in given.values()])
    if not np.all(share >= 0) or not abs(share.sum() - 1) <= SUM_TO_ONE:
        raise InputError(argument, given, "must be probabilities of the categories that sum to 1")
    return found, share / share.sum()


def _frozen(argument: str, given: Any) -> Any:
    """Read a distribution of numbers."""
    from scipy.stats.distributions import rv_frozen

    problem = (
        "must be a distribution of scipy.stats with its parameters, such as norm(50, 10), or a "
        "mapping of categories to probabilities"
    )
    if not isinstance(given, rv_frozen):
        raise InputError(argument, given, problem)
    try:
        family = _named(given.dist.name)
        parameters = [*given.args, *given.kwds.values()]
        known = isinstance(given.dist, type(family)) and not any(
            math.isnan(real(plain(value))) for value in parameters
        )
    except (ValueError, TypeError):
        known = False
    if not known or not np.isfinite(given.ppf(0.5)):
        raise InputError(argument, given, problem)
    return given


def _named(name: Any) -> Any:
    """Return a family of distributions of `scipy.stats` by its name."""
    from scipy import stats

    family = getattr(stats, name, None) if isinstance(name, str) else None
    if not isinstance(family, stats.rv_continuous | stats.rv_discrete):
        raise InputError("distribution", name, "is no distribution of scipy.stats")
    return family


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise InputError("source", name, "the name of a column must be text")
