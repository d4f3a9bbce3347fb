"""A column as a covariate: a number (float64), true or false, or a category, whatever its dtype."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from decimal import Decimal
from numbers import Complex, Real
from typing import Any

import numpy as np
import pandas as pd

from bmco_pymc.data.frames import listed
from bmco_pymc.errors import InputError

_TIMES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


def read_covariate(column: pd.Series, argument: str = "covariate") -> pd.Series:
    """Return a column without missing values as a formula can use it.

    Numbers of any size and library become float64, so that arithmetic in a formula cannot wrap
    around; text of any dtype is a category; true and false stay as they are, and so do categories.

    Parameters
    ----------
    column : pandas.Series, shape (n,)
        Without missing values.
    argument : str, optional
        The argument to blame if it is neither a number nor a category.

    Returns
    -------
    pandas.Series, shape (n,)
        Of dtype float64, bool, str or category; or of objects that are neither numbers nor text.

    Raises
    ------
    InputError
        If the column holds dates, times, complex numbers, text that is all numbers, or numbers
        beside text; the message says how to convert it.

    Examples
    --------
    >>> ages = pd.Series([120, 7], dtype="int8", name="age")
    >>> (read_covariate(ages) * 100).tolist()
    [12000.0, 700.0]
    >>> read_covariate(pd.Series(["f", "m"], dtype="string")).dtype
    <StringDtype(na_value=nan)>
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return column
    values: Any
    kinds: set[type]
    if pd.api.types.is_bool_dtype(dtype):
        kinds, values = {bool}, column.to_numpy(dtype=bool)
    elif pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        kinds, values = {float}, column.to_numpy(dtype=np.float64)
    else:
        values = column.astype(object).tolist()
        kinds = {_kind(value) for value in values}
    problem = _problem(column.name, kinds, values)
    if problem:
        raise InputError(argument, column.name, problem)
    into: Any = "str" if kinds == {str} else object
    if kinds == {bool}:
        into = bool
    elif kinds <= {bool, float}:
        into = np.float64
        values = values if isinstance(values, np.ndarray) else list(map(_number, values))
    return pd.Series(values, column.index, dtype=into, name=column.name)


def is_number(column: pd.Series) -> bool:
    """Return whether a covariate is numeric; bools, text and categories are categories."""
    dtype = column.dtype
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)


def numbers_as_such(column: pd.Series) -> pd.Series:
    """Return a column of numbers of any dtype as float64, missing ones too; others as they are.

    Examples
    --------
    >>> numbers_as_such(pd.Series([Decimal("0.5"), None])).tolist()
    [0.5, nan]
    """
    try:
        read = read_covariate(column.dropna())
    except InputError:
        return column
    return read.reindex(column.index) if read.dtype == np.float64 and len(read) else column


def _kind(value: Any) -> type:
    """Return what a value is: bool, float, complex, str, date, or object for anything else."""
    kinds: Sequence[tuple[type, Any]] = (
        (datetime.date, (*_TIMES, pd.Period)),  # first: for NumPy a duration is a whole number
        (bool, bool | np.bool_),
        (float, Real | Decimal),
        (complex, Complex),
        (str, str),
    )
    return next((kind for kind, types in kinds if isinstance(value, types)), object)


def _number(value: Any) -> float:
    """Return a number as a float; one too large for it is infinite, which is refused later."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _problem(name: Any, kinds: set[type], values: Any) -> str | None:
    """Return why values of these kinds are no covariate and what to do, or None if they are."""
    column = f"data[{name!r}]"
    if datetime.date in kinds:
        first = values[0]
        what = f"holds dates or times, such as {str(first)!r}, which have no unit to count in: "
        if isinstance(first, datetime.timedelta | np.timedelta64):
            return f"{what}make them numbers, for example days: {column} / pd.Timedelta(days=1)"
        if isinstance(first, datetime.time):
            return f"{what}make them numbers, for example hours since midnight"
        if isinstance(first, pd.Period):
            column = f"{column}.dt.to_timestamp()"
        elif not isinstance(first, datetime.datetime):
            column = f"pd.to_datetime({column})"
        return (
            f"{what}make them numbers, for example days since the first: "
            f"({column} - {column}.min()) / pd.Timedelta(days=1)"
        )
    if complex in kinds:
        return f"holds complex numbers: take {column}.abs() or the real part"
    if str in kinds and kinds & {bool, float}:
        odd = listed(list(dict.fromkeys(v for v in values if isinstance(v, str))), most=3)
        return (
            f"mixes numbers and text ({odd}): correct these, or make all of it text for a category"
        )
    if kinds == {str} and all(map(_is_number, distinct := dict.fromkeys(values))):
        comma = any("," in value for value in distinct)
        number = (
            f"{column}.str.replace(',', '.').astype(float)" if comma else f"{column}.astype(float)"
        )
        return (
            f"is text that is all numbers ({listed(list(distinct), most=3)}): make it numbers, "
            f"for example {number}, or, if they are labels, {column}.astype('category')"
        )
    return None


def _is_number(text: str) -> bool:
    """Return whether a text is a number, with a decimal point or comma."""
    try:
        float(text.replace(",", ".", 1))
    except ValueError:
        return False
    return True
