"""The columns that play a part in a study, each checked and read into an array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.data.covariates import numbers_as_such
from bmco_pymc.data.frames import factorise, listed, text
from bmco_pymc.errors import InputError

MOST_OUTCOMES = 6
MOST_CHOICES = 20  # labels to list in an error: a wrong column may have any number
MISSING, OTHER = -1, -2  # arms of rows without a group and of rows of a group not compared


def outcome_names(outcomes: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names of the outcomes; one name alone is one outcome.

    Raises
    ------
    InputError
        If there is none, more than 6, one twice, or if they come in no order.
    """
    if isinstance(outcomes, set | frozenset) or not isinstance(outcomes, Iterable):
        raise InputError("outcomes", outcomes, "must be a list of column names")
    listed_names = [outcomes] if isinstance(outcomes, str) else list(outcomes)
    names = tuple(str(name) if isinstance(name, str) else name for name in listed_names)
    given = outcomes if isinstance(outcomes, Sequence) else list(names)
    if not names:
        raise InputError("outcomes", outcomes, "name at least one outcome")
    if len(set(map(str, names))) < len(names):
        raise InputError("outcomes", given, "an outcome is named twice")
    if (k := len(names)) > MOST_OUTCOMES:
        problem = f"{k} outcomes make 2^{k} response patterns, too many to estimate; take at most "
        raise InputError("outcomes", given, f"{problem}{MOST_OUTCOMES}")
    return names


def check_columns(columns: list[Any], roles: list[tuple[str, str]]) -> None:
    """Check that every role has a column of its own.

    Parameters
    ----------
    columns : list
        The columns of the data.
    roles : list of (argument, column)
        Each column with the argument that names it.

    Raises
    ------
    InputError
        If a column is not there, its name is not text, or it has a role already.
    """
    taken: dict[str, str] = {}
    for argument, name in roles:
        if not any(same(column, name) for column in columns):
            raise InputError(argument, name, "the data have no such column", columns)
        if not isinstance(name, str):
            raise InputError(argument, name, "column names must be text: rename this column")
        if name in taken:
            raise InputError(argument, name, f"the column is in use already, as {taken[name]!r}")
        taken[name] = argument


def read_groups(
    column: pd.Series, control: object, treatment: object
) -> tuple[NDArray[np.int8], tuple[Any, Any], tuple[Any, ...]]:
    """Return who belongs to which of the two groups.

    A label given as text also means the value that prints like it, as ``"1"`` means 1: text is
    all that a command line can give.

    Returns
    -------
    arm : ndarray of int8, shape (n,)
        0 for the control, 1 for the treatment, ``MISSING`` or ``OTHER``.
    labels : (object, object)
        Of the control and the treatment, as the column has them.
    others : tuple
        The labels that are not compared.

    Raises
    ------
    InputError
        If a label is not in the column, or both are the same.
    """
    codes, levels = factorise(column, "group")
    places = []
    for argument, label in (("control", control), ("treatment", treatment)):
        found = places_of(label, levels)
        if len(found) != 1:
            problem = f"column {column.name!r} has no such value"
            if len(levels) > MOST_CHOICES:
                problem += f" among its {len(levels)}, of which these are the first"
            raise InputError(argument, label, problem, levels[:MOST_CHOICES])
        places += found
    others = tuple(level for place, level in enumerate(levels) if place not in places)
    if places[0] == places[1]:
        raise InputError("treatment", treatment, "is the control too", others[:MOST_CHOICES])
    arm_of = np.full(len(levels) + 1, OTHER, dtype=np.int8)
    arm_of[places] = 0, 1
    arm_of[-1] = MISSING  # code -1 picks the last
    return arm_of[codes], (levels[places[0]], levels[places[1]]), others


def read_outcome(column: pd.Series) -> NDArray[np.int8]:
    """Return an outcome as 0 and 1, and -1 where it is missing.

    Raises
    ------
    InputError
        If a value is other than 0, 1, True or False; the message says how to code it.
    """
    codes, levels = factorise(column, "outcomes")
    if not all(isinstance(level, Number) and _is_binary(level) for level in levels):
        raise InputError("outcomes", column.name, _how_to_code(column.name, levels))
    # code -1, of a missing value, picks the last
    return np.array([*(level == 1 for level in levels), -1], dtype=np.int8)[codes]


def read_counts(column: pd.Series) -> NDArray[np.int64]:
    """Return a frequency column without missing values as whole numbers.

    Raises
    ------
    InputError
        If a value is not a non-negative whole number.
    """
    column = numbers_as_such(column)
    if not pd.api.types.is_numeric_dtype(column):
        raise InputError("counts", column.name, "the column does not hold numbers")
    values = column.to_numpy(dtype=float)
    wrong = ~((values >= 0) & (values < 2**53) & (values == np.floor(values)))
    if wrong.any():
        problem = f"counts must be whole numbers of at least 0, but one is {values[wrong][0]:g}"
        raise InputError("counts", column.name, problem)
    return values.astype(np.int64)


def read_clusters(
    column: pd.Series, times: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.intp], tuple[Any, ...]]:
    """Return the cluster of each row as a place in the clusters' labels, and the labels.

    Parameters
    ----------
    column : pandas.Series, shape (n,)
    times : ndarray of int64, shape (n,), optional
        How many rows of the input each row stands for; the default is one.

    Raises
    ------
    InputError
        If a cluster is missing, or there are fewer than 2.
    """
    each = np.ones(len(column), dtype=np.int64) if times is None else times
    n_missing = int(each[column.isna()].sum())
    if n_missing:
        problem = (
            f"{n_missing} of {each.sum()} rows have no cluster: find out which, or drop these rows"
        )
        raise InputError("cluster", column.name, problem)
    codes, labels = factorise(column, "cluster")
    check_clusters(column.name, labels)
    return codes, labels


def check_clusters(name: Any, labels: tuple[Any, ...]) -> None:
    """Check that there are at least 2 clusters."""
    if len(labels) < 2:
        problem = f"there is only one cluster, {labels[0]!r}: leave the cluster out (BGLM, BMVB)"
        raise InputError("cluster", name, problem)


def check_both_groups(arm: NDArray[np.int8], labels: tuple[Any, Any], dropped: list[str]) -> None:
    """Check that both groups have rows; ``dropped`` says what may have become of them."""
    for code, argument in enumerate(("control", "treatment")):
        if not (arm == code).any():
            problem = "; ".join(["this group has no subjects left", *dropped])
            raise InputError(argument, labels[code], problem)


def check_covariates(
    names: list[str], columns: list[Any], barred: dict[str, str], not_kept: Sequence[Any] = ()
) -> None:
    """Check that covariates are columns, and none that is ``barred`` by what it is.

    Raises
    ------
    InputError
        If a covariate is not there or barred.
    """
    choices = [column for column in columns if column not in barred]
    for name in names:
        if name in barred:
            problem = f"is {barred[name]}, which cannot be a covariate too"
            raise InputError("covariates", name, problem, choices)
        if name in not_kept:
            raise InputError("covariates", name, how_to_keep(name), choices)
        if name not in columns:
            raise InputError("covariates", name, "the data have no such column", choices)


def how_to_keep(name: Any) -> str:
    """Return what to do about a column that a study which was counted has not kept."""
    return f"is a column of the data that was not kept: name it, Study(..., covariates=[{name!r}])"


def same(value: Any, label: Any) -> bool:
    """Return whether two labels of any kind are equal; what cannot be compared is not."""
    try:
        return bool(value == label)
    except (TypeError, ValueError):
        return False


def places_of(label: Any, levels: Sequence[Any]) -> list[int]:
    """Return where a label is among levels; text also means the value that prints like it."""
    places = [place for place, level in enumerate(levels) if same(level, label)]
    if not places and isinstance(label, str):
        places = [place for place, level in enumerate(levels) if text(level) == label]
    return places


def _is_binary(level: Any) -> bool:
    """Return whether a number is 0 or 1."""
    return same(level, 0) or same(level, 1)


def _how_to_code(name: Any, levels: tuple[Any, ...]) -> str:
    """Return the advice for an outcome that is not binary; missing values must stay missing."""
    column = f"data[{name!r}]"
    problem = f"is not binary, its values are {listed(levels)}: code success as 1, failure as 0"
    if len(levels) <= 2:
        # In words as in numbers, success tends to come last: no/yes, fail/pass, 1/2.
        coded = dict(zip(levels, (0, 1) if len(levels) == 2 else (1,), strict=True))
        return f"{problem}, for example {column}.map({coded!r}) if {levels[-1]!r} is a success"
    if len(levels) == 3 and sum(_is_binary(level) for level in levels) == 2:
        return f"{problem} and make codes for missing values, such as 9 or -1, missing"
    middle = levels[len(levels) // 2]
    sign = ">=" if all(isinstance(level, Number) for level in levels) else "=="
    example = f"({column} {sign} {middle!r}).where({column}.notna())"
    return f"{problem}, for example {example}, which leaves missing values missing"
