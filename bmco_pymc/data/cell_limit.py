"""How many cells a table would have: asked of its engine before any is collected."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw

from bmco_pymc.data.grouping import Exprs, Frame, collected
from bmco_pymc.errors import InputError

MOST_CELLS = 1_000_000
MOST_VALUES = 1_000  # of an outcome, which should have two
_ROWS = "rows"


def check_size(
    frame: Frame, roles: Mapping[str, str], cell: Exprs, edges: Mapping[str, Sequence[float]]
) -> None:
    """Refuse a table with more than a million distinct values of group, cluster and covariates.

    The numbers of distinct values are bounds, the largest from below and their product from above,
    for one pass over the table; only where these leave it open, cells are counted.

    Parameters
    ----------
    frame : narwhals frame
    roles : mapping of str to str
        The argument that names each column.
    cell : mapping of str to Expr
        The columns that make cells.
    edges : mapping of str to sequence of float
        Of the columns that are cut into bins.

    Raises
    ------
    InputError
        If there are too many, or an outcome has too many values; says what to do.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = nw.from_native(pd.DataFrame({"arm": ["a", "b"]}))
    >>> check_size(frame, {"arm": "group"}, {"arm": nw.col("arm")}, {})
    """
    plain = [name for name, role in roles.items() if role != "counts" and name not in edges]
    # By number: a column may have any name.
    asked = {str(place): nw.col(name).n_unique() for place, name in enumerate(plain)}
    found = _answer(frame.select(nw.len().alias(_ROWS), *(e.alias(n) for n, e in asked.items())))
    n_rows = int(found[_ROWS])
    if n_rows <= MOST_CELLS:
        return
    values = {name: int(found[str(place)]) for place, name in enumerate(plain)}
    values |= {name: len(limits) - 1 for name, limits in edges.items()}
    for name, role in roles.items():
        if role == "outcomes" and values[name] > MOST_VALUES:
            problem = (
                f"is not binary, it has {values[name]:,} values: code success as 1, failure as 0"
            )
            raise InputError("outcomes", name, problem)
    if math.prod(values[name] for name in cell) <= MOST_CELLS:
        return
    named: list[str] = []
    for role in ("covariates", "cluster", "group"):  # the first of which there is one
        named = named or [name for name in cell if roles[name] == role]
    worst = max(named, key=lambda name: values[name])
    n_cells, at_least = values[worst], "at least "
    if n_cells <= MOST_CELLS:
        n_cells, at_least = _n_cells(frame, cell), ""
        if n_cells <= MOST_CELLS:
            return
    beside = ", ".join(repr(name) for name in cell if name != worst)
    problem = (
        f"has {values[worst]:,} distinct values: {f'with {beside} ' if beside else ''}they make "
        f"{at_least}{n_cells:,} cells, and at most {MOST_CELLS:,} are counted"
    )
    if roles[worst] == "covariates":
        numeric = frame.collect_schema()[worst].is_numeric()
        cut = f". Round it, or cut it into bins: bins={{{worst!r}: 10}}"
        problem += cut if numeric else ". Merge values that are alike"
    raise InputError(roles[worst], worst, problem)


def _n_cells(frame: Frame, cell: Exprs) -> int:
    """Return the number of cells, counted by the engine."""
    keys = {str(place): key for place, key in enumerate(cell.values())}
    rows = frame.select(*(key.alias(name) for name, key in keys.items()))
    cells: Any = rows.group_by(*keys, drop_null_keys=False).agg(nw.len().alias(_ROWS))
    return int(_answer(cells.select(nw.len().alias(_ROWS)))[_ROWS])


def _answer(frame: Any) -> dict[str, Any]:
    """Return the only row of a frame."""
    table = collected(frame) if isinstance(frame, nw.LazyFrame) else frame
    row: dict[str, Any] = table.rows(named=True)[0]
    return row
