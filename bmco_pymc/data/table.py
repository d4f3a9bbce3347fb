"""The rows that a study is made from: all of its input, or the distinct ones, with how many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.arguments import texts
from bmco_pymc.data import roles
from bmco_pymc.data.binning import Bins, at_means, edges_of, read_bins
from bmco_pymc.data.cell_limit import MOST_CELLS
from bmco_pymc.data.counting import count_rows, unused
from bmco_pymc.data.frames import enums, in_pandas
from bmco_pymc.data.grouping import Frame, collected
from bmco_pymc.data.sources import open_source, reading
from bmco_pymc.errors import InputError

MOST_ROWS = MOST_CELLS  # of a lazy frame that is collected whole
SUBJECTS = "subjects"  # the column that counts them, if no column has this name
COUNTED = "counted"  # the name of an index that is not of the input


@dataclass(frozen=True, eq=False)
class Table:
    """Rows, each of which stands for one or more rows of the input.

    Attributes
    ----------
    frame : pandas.DataFrame, shape (n, columns)
    counts : str or None
        The column with the number of subjects of each row, if rows do not stand for one each.
    times : ndarray of int64, shape (n,), or None
        How many rows of the input each row stands for; None if for one.
    covariates : tuple of str or None
        Which were kept; None if all columns were.
    bins : mapping of str to int or tuple
        The covariates that are in bins.
    not_kept : tuple of str
        The columns of the input that were left there.
    """

    frame: pd.DataFrame
    counts: str | None
    times: NDArray[np.int64] | None = None
    covariates: tuple[str, ...] | None = None
    bins: Mapping[str, Bins] = field(default_factory=dict)
    not_kept: tuple[Any, ...] = ()
    _edges: Mapping[str, Sequence[float]] = field(default_factory=dict)
    _sums: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def n_input(self) -> int:
        """Number of rows of the input."""
        return len(self.frame) if self.times is None else int(self.times.sum())

    def analysed(
        self, position: NDArray[np.intp], weight: NDArray[np.int64]
    ) -> tuple[pd.DataFrame, list[str]]:
        """Return some of the rows, numbered from 0, and sentences on what was done to them.

        Parameters
        ----------
        position : ndarray of intp, shape (m,)
            Which rows.
        weight : ndarray of int64, shape (m,)
            Number of subjects of each of these.
        """
        kept = self.frame.iloc[position].reset_index(drop=True)
        if self.times is None:
            return kept, []
        kept.index.name = COUNTED
        sums = {name: values[position] for name, values in self._sums.items()}
        return at_means(kept, sums, weight, self._edges, self.bins)


def read_table(
    data: Any, used: Sequence[tuple[str, str]], covariates: Any = None, bins: Any = None
) -> Table:
    """Return the input of a study: all of it or, where covariates are named, counted.

    Parameters
    ----------
    data : data frame, str or path-like
        See `open_source`.
    used : sequence of (argument, column)
        The columns with a role.
    covariates : str or sequence of str, optional
        The other columns to keep.
    bins : mapping, optional
        See `read_bins`.

    Raises
    ------
    InputError
        If a column is not there or has two roles, or the input is too large.
    """
    with reading(data):
        frame = open_source(data)
        columns = list(frame.collect_schema().names())
        roles.check_columns(columns, list(used))
        counts = next((name for role, name in used if role == "counts"), None)
        if covariates is None:
            if bins is not None:
                raise InputError("bins", bins, "goes with covariates=[...], the columns to keep")
            return Table(_whole(frame), counts)
        return _counted(frame, columns, used, counts, covariates, bins)


def _whole(frame: Frame) -> pd.DataFrame:
    """Return all rows; of a lazy frame only if they are few."""
    if isinstance(frame, nw.DataFrame):
        return in_pandas(frame)
    n = int(collected(frame.select(nw.len().alias("rows"))).item())
    if n > MOST_ROWS:
        problem = (
            f"the data have {n:,} rows, too many to be collected: name the columns that formulas "
            "use, as in covariates=['age', 'sex'], and the data are counted where they are; [] "
            "if there are none"
        )
        raise InputError("covariates", None, problem)
    return in_pandas(collected(frame), enums(frame))


def _counted(
    frame: Frame,
    columns: Sequence[str],
    used: Sequence[tuple[str, str]],
    counts: str | None,
    covariates: Any,
    bins: Any,
) -> Table:
    """Return the distinct rows, counted."""
    asked = texts("covariates", covariates, "must be the name of a column, or a list of names")
    named = {name: role for role, name in used}
    barred = {name: "an outcome" for name, role in named.items() if role == "outcomes"}
    barred |= {counts: "the column of counts"} if counts else {}
    roles.check_covariates(asked, list(columns), barred)
    kept = tuple(dict.fromkeys(name for name in asked if name not in named))
    named |= dict.fromkeys(kept, "covariates")
    schema = frame.collect_schema()
    numeric = [name for name in kept if schema[name].is_numeric()]
    cut = {} if bins is None else read_bins(bins, kept, numeric)
    few = frame.select(*(name for name in columns if name in named))
    edges = edges_of(few, cut, schema)
    subjects = counts or unused(SUBJECTS, columns)
    # In the order of the input, by which cells are sorted.
    in_order = {name: named[name] for name in columns if name in named}
    found = count_rows(few, in_order, subjects, edges)
    return Table(
        found.frame,
        subjects,
        found.times,
        kept,
        cut,
        tuple(name for name in columns if name not in named),
        edges,
        found.sums,
    )
