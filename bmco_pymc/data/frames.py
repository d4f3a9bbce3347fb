"""Any data frame as a pandas one, and any column as codes into its distinct values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw
import narwhals.selectors as ncs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.errors import InputError

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame


def to_pandas(data: IntoFrame) -> pd.DataFrame:
    """Return a data frame of any library that narwhals knows as a pandas data frame.

    A pandas frame comes back as it is, not copied: treat the result as read-only.

    Parameters
    ----------
    data : data frame, shape (n, columns)
        A pandas, polars, PyArrow, ... frame, lazy or eager, or a narwhals one.

    Returns
    -------
    pandas.DataFrame, shape (n, columns)

    Raises
    ------
    InputError
        If ``data`` is no data frame, has two columns of one name, or has no rows.

    Examples
    --------
    >>> import polars as pl
    >>> to_pandas(pl.DataFrame({"passed": [1, 0]}))["passed"].tolist()
    [1, 0]
    """
    frame = opened(data)
    return in_pandas(frame.collect() if isinstance(frame, nw.LazyFrame) else frame, enums(frame))


def opened(data: Any) -> nw.DataFrame[Any] | nw.LazyFrame[Any]:
    """Return a data frame of any library that narwhals knows as one of narwhals, still unread.

    Raises
    ------
    InputError
        If ``data`` is no data frame, has two columns of one name or, where that is known without
        reading it, has no rows.

    Examples
    --------
    >>> import polars as pl
    >>> opened(pl.LazyFrame({"passed": [1, 0]})).collect_schema().names()
    ['passed']
    """
    try:
        frame = nw.from_native(data)
        frame.collect_schema()
    except TypeError:
        problem = f"is a {type(data).__name__}, not a data frame (pandas, polars, ...)"
        raise InputError("data", data, problem) from None
    except nw.exceptions.DuplicateError:
        raise InputError("data", data, "has two columns of the same name") from None
    if isinstance(frame, nw.DataFrame) and len(frame) == 0:
        raise InputError("data", data, "has no rows")
    return frame


def enums(frame: nw.DataFrame[Any] | nw.LazyFrame[Any]) -> dict[str, tuple[str, ...]]:
    """Return the categories, in their order, of the columns of a lazy frame that have an order."""
    if isinstance(frame, nw.DataFrame):
        return {}
    schema = frame.collect_schema().items()
    return {name: tuple(kind.categories) for name, kind in schema if isinstance(kind, nw.Enum)}


def in_pandas(
    table: nw.DataFrame[Any], ordered: Mapping[str, Sequence[str]] | None = None
) -> pd.DataFrame:
    """Return an eager frame of narwhals as a pandas data frame, which may be the one behind it.

    Parameters
    ----------
    table : narwhals.DataFrame, shape (n, columns)
    ordered : mapping of str to sequence of str, optional
        Categories in their order, of columns whose order was lost when they were collected.

    Returns
    -------
    pandas.DataFrame, shape (n, columns)

    Raises
    ------
    InputError
        If the frame has no rows.
    """
    if len(table) == 0:
        raise InputError("data", table.to_native(), "has no rows")
    if table.implementation.is_pandas():
        return table.to_pandas()
    # Outside pandas, a categorical has no order of its own: here it is alphabetical. (An enum has
    # one, and keeps it.)
    free = table.select(ncs.categorical()).columns
    plain = table.with_columns(ncs.categorical().cast(nw.String)).to_pandas()
    kinds: dict[str, Any] = dict.fromkeys(free, "category")
    kinds |= {name: pd.CategoricalDtype(list(levels)) for name, levels in (ordered or {}).items()}
    return plain.astype(kinds)


def factorise(column: pd.Series, argument: str) -> tuple[NDArray[np.intp], tuple[Any, ...]]:
    """Return a column as codes into its distinct values.

    Parameters
    ----------
    column : pandas.Series, shape (n,)
    argument : str
        The argument to blame if the values cannot be told apart.

    Returns
    -------
    codes : ndarray of intp, shape (n,)
        The place of each value in ``levels``; -1 where it is missing.
    levels : tuple
        The distinct values that occur: categories in their order, other values sorted, or in
        order of appearance where they have no order.

    Raises
    ------
    InputError
        If the values cannot be told apart, as with lists.

    Examples
    --------
    >>> codes, levels = factorise(pd.Series(["b", None, "a", "b"]), "group")
    >>> codes.tolist(), levels
    ([1, -1, 0, 1], ('a', 'b'))
    """
    try:
        try:
            codes, levels = pd.factorize(column, sort=True)
        except TypeError:  # values of several kinds may have no order
            codes, levels = pd.factorize(column)
    except TypeError:
        problem = f"its values cannot be told apart, for instance {column.iloc[0]!r}"
        raise InputError(argument, column.name, problem) from None
    return codes, tuple(levels.tolist())


def text(value: object) -> str:
    """Return a label as people write it: a whole number has no decimal point.

    Missing values turn a column of whole numbers into one of floats; its labels stay as they were.

    Examples
    --------
    >>> text(2.0), text("2.0"), text(0.5)
    ('2', '2.0', '0.5')
    """
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def texts(labels: Sequence[Any]) -> list[str]:
    """Return different labels as different texts: 1 beside "1" is written with its quotes.

    Examples
    --------
    >>> texts([1, 2.0, "b"]), texts([1, "1"])
    (['1', '2', 'b'], ['1', "'1'"])
    """
    plain = [text(label) for label in labels]
    return [
        repr(label) if isinstance(label, str) and plain.count(name) > 1 else name
        for label, name in zip(labels, plain, strict=True)
    ]


def coordinates(labels: Sequence[Any]) -> list[Any]:
    """Return labels that a dimension can have: numbers and texts as they are, others as text.

    Examples
    --------
    >>> coordinates([3, 7]), coordinates([("a", 1), ("b", 2)]), coordinates([1, "1"])
    ([3, 7], ["('a', 1)", "('b', 2)"], ['1', "'1'"])
    """
    plain = all(isinstance(label, str) for label in labels) or all(
        isinstance(label, bool | int | float) for label in labels
    )
    return list(labels) if plain else texts(labels)


def listed(values: Sequence[Any], most: int = 8) -> str:
    """Return values as a list for a sentence, cut after the first ``most``.

    Examples
    --------
    >>> listed(["a", 1]), listed(range(20), most=3)
    ("'a', 1", '0, 1, 2, ...')
    """
    shown = [repr(value) for value in values[:most]]
    return ", ".join(shown + ["..."] * (len(values) > most))
