"""Subjects of whom some outcomes were not observed: who is kept, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc import observed_patterns
from bmco_pymc.data.cells import Cells

COMPLETE, MAR = "complete", "mar"
TREATMENTS = (COMPLETE, MAR)
AT_RANDOM = "their missing outcomes are assumed to be missing at random (MAR)"
ASSUMED = "missing at random (MAR), given what was observed of them, is assumed"


def kept_rows(
    absent: pd.DataFrame,
    outcomes: Sequence[str] = (),
    weight: NDArray[np.int64] | None = None,
    missing: str = COMPLETE,
    times: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which rows are analysed, and a sentence on the others if there are any.

    Parameters
    ----------
    absent : pandas.DataFrame of bool, shape (rows, columns)
        What is missing where.
    outcomes : sequence of str, optional
        Which of the columns are outcomes.
    weight : ndarray of int64, shape (rows,), optional
        Number of subjects that each row stands for; only with outcomes.
    missing : {"complete", "mar"}, optional
        Whether a row needs all of its outcomes, or one.
    times : ndarray of int64, shape (rows,), optional
        How many rows of the input each row stands for; the default is one.

    Returns
    -------
    kept : ndarray of bool, shape (rows,)
    sentences : list of str

    Examples
    --------
    >>> absent = pd.DataFrame({"maths": [True, True, False], "reading": [True, False, False]})
    >>> kept_rows(absent)[1]
    ['dropped 2 of 3 rows for missing values: 2 in maths, 1 in reading']
    >>> kept_rows(absent, ["maths", "reading"], np.ones(3, int), "mar")[1]
    ['dropped 1 of 3 rows for missing values: 1 without any outcome']
    """
    unseen = absent[list(outcomes)]
    partly = ~absent.drop(columns=unseen.columns).any(axis=1) & ~unseen.all(axis=1)
    if missing == MAR:
        absent = absent.drop(columns=unseen.columns)
        absent = absent.assign(**{"": unseen.all(axis=1)})  # no column has this name
    left_out = absent.any(axis=1).to_numpy()
    if not left_out.any():
        return ~left_out, []
    each = np.ones(len(absent), dtype=np.int64) if times is None else times
    by_column = pd.Series(each @ absent.to_numpy(dtype=np.int64), absent.columns)
    columns = ", ".join(
        f"{count} in {name}" if name else f"{count} without any outcome"
        for name, count in by_column[by_column > 0].items()
    )
    sentence = f"dropped {each[left_out].sum()} of {each.sum()} rows for missing values: {columns}"
    lost = partly.to_numpy() & left_out
    if weight is not None and lost.any():
        values = int(((~unseen).sum(axis=1).to_numpy() * weight)[lost].sum())
        number = int(weight[lost].sum())
        sentence += (
            f". With them {'goes' if values == 1 else 'go'} {values} observed "
            f"outcome{'s' * (values > 1)} of {number} subject{'s' * (number > 1)}: "
            'missing="mar" uses what was observed'
        )
    return ~left_out, [sentence]


def missing_by_group(cells: Cells) -> NDArray[np.int64]:
    """Return how many subjects of each group miss each outcome, shape (2, K)."""
    absent = cells.weight[:, None] - cells.observed  # (n, K)
    return np.stack([absent[cells.arm == g].sum(axis=0) for g in (0, 1)])


def partly_observed(cells: Cells, outcomes: Sequence[str], groups: Sequence[str]) -> str | None:
    """Return a sentence on the subjects who are partly observed, by outcome and group.

    Parameters
    ----------
    cells : Cells
        The analysed sample.
    outcomes : sequence of str, length K
    groups : sequence of str, length 2

    Returns
    -------
    str or None
        None where every subject has every outcome.
    """
    if cells.partial is None:
        return None
    absent = missing_by_group(cells)
    each = [
        f"{outcome} " + " and ".join(f"{absent[g, k]} of {groups[g]}" for g in (0, 1))
        for k, outcome in enumerate(outcomes)
        if absent[:, k].any()
    ]
    n, total = int(cells.partial.count.sum()), int(cells.weight.sum())
    return f"partly observed: {n} of {total} subjects (missing: {'; '.join(each)}); {ASSUMED}"


def caveat(cells: Cells) -> tuple[str, ...]:
    """Return what goes with every decision on a sample with subjects observed in part."""
    if cells.partial is None:
        return ()
    n, total = int(cells.partial.count.sum()), int(cells.weight.sum())
    return (f"{n} of {total} subjects are partly observed: {AT_RANDOM}",)


def missing_table(cells: Cells, groups: Sequence[str]) -> pd.DataFrame:
    """Return who misses what: how many subjects of each group were observed in which outcomes.

    Parameters
    ----------
    cells : Cells
    groups : sequence of str, length 2

    Returns
    -------
    pandas.DataFrame
        A row for each set of observed outcomes that occurs, such as ``1?`` and ``0?`` together as
        ``x?`` (x observed, ? missing), the most frequent first; a column of subjects for each
        group, and their shares of the group.
    """
    signs = observed_patterns.signs(cells.n_outcomes)
    rows = {signs[0]: np.stack([cells.counts[cells.arm == g].sum() for g in (0, 1)])}
    if cells.partial is not None:
        arm = cells.arm[cells.partial.cell]
        for code, g, count in zip(cells.partial.code, arm, cells.partial.count, strict=True):
            rows.setdefault(signs[code], np.zeros(2, dtype=np.int64))[g] += count
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(groups))
    table = table.iloc[np.argsort(-table.sum(axis=1).to_numpy(), kind="stable")]
    shares = (table / table.sum()).add_prefix("share of ")
    return pd.concat([table, shares], axis=1).rename_axis("outcomes observed")
