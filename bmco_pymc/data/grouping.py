"""Rows of a frame grouped by its engine: an eager frame in blocks, a lazy one in one query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw

type Frame = nw.DataFrame[Any] | nw.LazyFrame[Any]
type Exprs = Mapping[str, nw.Expr]

BLOCK = 2**18  # rows of an eager frame at a time: what bounds the memory that this takes


class TooManyGroupsError(Exception):
    """There are more groups than allowed."""


def grouped(
    frame: Frame,
    keys: Exprs,
    rows: str,
    sums: Exprs | None = None,
    least: Exprs | None = None,
    most: Exprs | None = None,
    *,
    limit: int | None = None,
) -> nw.DataFrame[Any]:
    """Return the groups of rows that have their keys in common; missing is a value like others.

    Parameters
    ----------
    frame : narwhals frame, shape (n, columns)
    keys : mapping of str to Expr
        What to group by.
    rows : str
        What to call the column with the number of rows of each group.
    sums, least, most : mapping of str to Expr, optional
        What to add up within groups, or to take the smallest or largest of.
    limit : int, optional
        Of an eager frame: how many groups there may be.

    Returns
    -------
    narwhals.DataFrame, shape (groups, keys + 1 + sums + least + most)
        In no order.

    Raises
    ------
    TooManyGroupsError
        If there are more groups than the limit.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = nw.from_native(pd.DataFrame({"sex": ["f", None, "f"], "age": [30, 40, 50]}))
    >>> groups = grouped(frame, {"sex": nw.col("sex")}, "n", sums={"years": nw.col("age")})
    >>> groups.to_native().values.tolist()
    [['f', 2, 80], [nan, 1, 40]]
    """
    sums, least, most = sums or {}, least or {}, most or {}
    made = [expr.alias(name) for name, expr in {**keys, **sums, **least, **most}.items()]
    number = [nw.len().alias(rows)]
    totals = [nw.col(name).sum() for name in sums]
    totals += [nw.col(name).min() for name in least]
    totals += [nw.col(name).max() for name in most]

    def grouping(part: Any, number: list[nw.Expr]) -> Any:
        return part.group_by(*keys, drop_null_keys=False).agg(*number, *totals)

    if isinstance(frame, nw.LazyFrame):
        return collected(grouping(frame.select(*made), number))
    parts: list[nw.DataFrame[Any]] = []
    size = known = 0
    again = [nw.col(rows).sum()]
    for start in range(0, len(frame), BLOCK):
        block = frame[start : start + BLOCK]
        parts.append(grouping(block.select(*made), number))
        size += len(parts[-1])
        if size > 2 * known + BLOCK:  # not after each block: what has many groups would be slow
            parts = [grouping(nw.concat(parts), again)]
            size = known = len(parts[0])
            if limit is not None and known > limit:
                raise TooManyGroupsError
    whole = parts[0] if len(parts) == 1 else grouping(nw.concat(parts), again)
    if limit is not None and len(whole) > limit:
        raise TooManyGroupsError
    return whole


def collected(frame: nw.LazyFrame[Any]) -> nw.DataFrame[Any]:
    """Return what a lazy frame describes; polars computes it in pieces, not in whole columns."""
    return (
        frame.collect(engine="streaming") if frame.implementation.is_polars() else frame.collect()
    )
