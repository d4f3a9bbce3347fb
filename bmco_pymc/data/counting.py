"""A table of any size counted by its engine: only its distinct rows come over, and how many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import narwhals.selectors as ncs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.data.binning import bin_code, number
from bmco_pymc.data.cell_limit import MOST_CELLS, check_size
from bmco_pymc.data.covariates import numbers_as_such
from bmco_pymc.data.frames import enums, factorise, in_pandas
from bmco_pymc.data.grouping import Frame, TooManyGroupsError, grouped

_NONE, _SOME, _WRONG = 0, 1, 2  # kinds of counts; null is missing


@dataclass(frozen=True, eq=False)
class Counted:
    """The distinct rows of a table.

    Attributes
    ----------
    frame : pandas.DataFrame, shape (n, columns)
        Distinct values of the columns, and the number of subjects.
    times : ndarray of int64, shape (n,)
        How many rows of the table are like this.
    sums : dict of str to ndarray, shape (n,)
        The sum over subjects of each covariate that is in bins.
    """

    frame: pd.DataFrame
    times: NDArray[np.int64]
    sums: dict[str, NDArray[np.float64]]


def count_rows(
    frame: Frame,
    roles: Mapping[str, str],
    subjects: str,
    edges: Mapping[str, Sequence[float]] | None = None,
) -> Counted:
    """Return the distinct rows of some columns of a table, and how many of each there are.

    Parameters
    ----------
    frame : narwhals frame, shape (N, columns)
        Lazy or eager.
    roles : mapping of str to str
        The argument that names each column: outcomes, group, cluster, counts, covariates.
    subjects : str
        What to call the column with the number of subjects. If it has the role of counts, it is
        added up within distinct rows; else it is the number of rows.
    edges : mapping of str to sequence of float, optional
        Of covariates that are cut into bins: in their place is the number of the bin.

    Returns
    -------
    Counted
        In the order of the values; of a pandas frame, in that of appearance.

    Raises
    ------
    InputError
        If there are too many cells, see `check_size`.

    Examples
    --------
    >>> table = pd.DataFrame({"arm": ["a", "b", "a"], "well": [1, None, 1], "id": ["x", "y", "z"]})
    >>> roles = {"arm": "group", "well": "outcomes"}
    >>> count_rows(nw.from_native(table), roles, "n").frame.values.tolist()
    [['a', 1.0, 2], ['b', nan, 1]]
    """
    asked = _Asked(frame, roles, subjects, edges or {})
    keys, parts = asked.keys(), (asked.rows, asked.sums(), asked.least())
    cell = {name: key for name, key in keys.items() if roles[name] not in ("outcomes", "counts")}
    if isinstance(frame, nw.LazyFrame):
        check_size(frame, roles, cell, asked.edges)
    try:
        try:
            table = grouped(frame, keys, *parts, limit=MOST_CELLS)
        except TooManyGroupsError:  # which may yet be patterns in few cells
            check_size(frame, roles, cell, asked.edges)
            table = grouped(frame, keys, *parts)
    except TypeError:  # values that cannot be told apart, such as lists: say of which column
        for name, role in roles.items():
            factorise(in_pandas(frame.select(name))[name], role)  # type: ignore[arg-type]
        raise
    return asked.read(in_pandas(table, enums(frame)))


class _Asked:
    """What is asked of an engine about some columns, under names that none of these has."""

    def __init__(
        self,
        frame: Frame,
        roles: Mapping[str, str],
        subjects: str,
        edges: Mapping[str, Sequence[float]],
    ) -> None:
        self.roles, self.subjects, self.edges = roles, subjects, edges
        self.schema = frame.collect_schema()
        kind = self.schema[subjects] if roles.get(subjects) == "counts" else nw.Unknown()
        # Counts of another type, such as text, are told apart like all values, and refused later.
        self.weighed = kind.is_numeric()
        taken = [*roles, subjects]
        self.rows, self.total, self.smallest = (
            unused(f"{what} of {subjects}", taken) for what in ("rows", "sum", "minimum")
        )
        self.sum_of = {name: unused(f"sum of {name}", taken) for name in edges}
        # Each part of an Arrow table may number its categories in another way.
        arrow = frame.implementation.is_pyarrow()
        self.renamed = frame.select(ncs.categorical()).columns if arrow else []
        self.in_order = frame.implementation.is_pandas()

    def keys(self) -> dict[str, nw.Expr]:
        """Return what distinct rows are told apart by."""
        found = {
            name: nw.col(name).cast(nw.String) if name in self.renamed else nw.col(name)
            for name in self.roles
        }
        for name, limits in self.edges.items():
            found[name] = bin_code(number(name, self.schema[name]), limits)
        if self.weighed:
            w = self._weight()
            kind = nw.when(w == 0).then(nw.lit(_NONE)).otherwise(nw.lit(_WRONG))
            whole = (w > 0) & (w < 2.0**53) & (w % 1 == 0)
            kind = nw.when(whole).then(nw.lit(_SOME)).otherwise(kind)
            found[self.subjects] = nw.when(~w.is_null()).then(kind)
        return found

    def sums(self) -> dict[str, nw.Expr]:
        """Return what is added up within distinct rows."""
        found = {self.total: self._weight()} if self.weighed else {}
        for name, sum_of in self.sum_of.items():
            x = number(name, self.schema[name])
            found[sum_of] = x * self._weight() if self.weighed else x
        return found

    def least(self) -> dict[str, nw.Expr]:
        """Return what the smallest is wanted of: counts, so that one that is wrong can be shown."""
        return {self.smallest: self._weight()} if self.weighed else {}

    def read(self, table: pd.DataFrame) -> Counted:
        """Return what the engine has answered."""
        if not self.in_order:  # an engine has no order of its own, and answers in any
            codes = [factorise(table[name], role)[0] for name, role in self.roles.items()]
            table = table.iloc[np.lexsort(codes[::-1])].reset_index(drop=True)
        times = table[self.rows].to_numpy(dtype=np.int64)
        frame = table[list(self.roles)].astype(dict.fromkeys(self.renamed, "category"))
        subjects: Any = times
        if self.weighed:
            kind, total, smallest = (
                table[name].astype(float) for name in (self.subjects, self.total, self.smallest)
            )
            subjects = total.where(kind == _SOME, smallest)  # what is 0, missing or wrong stays
            if kind.isin([_NONE, _SOME]).all():
                subjects = subjects.astype(np.int64)
        elif self.subjects in frame:
            each = numbers_as_such(frame[self.subjects])
            subjects = each * times if pd.api.types.is_numeric_dtype(each) else each
        sums = {name: table[found].to_numpy(dtype=float) for name, found in self.sum_of.items()}
        return Counted(frame.assign(**{self.subjects: subjects}), times, sums)

    def _weight(self) -> nw.Expr:
        return number(self.subjects, self.schema[self.subjects])


def unused(name: str, taken: Sequence[str]) -> str:
    """Return a name for a column that is not taken.

    Examples
    --------
    >>> unused("subjects", ["age"]), unused("subjects", ["subjects"])
    ('subjects', 'subjects_')
    """
    while name in taken:
        name += "_"
    return name
