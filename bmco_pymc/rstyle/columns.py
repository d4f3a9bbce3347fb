"""The data of a call, and the errors of the classes, in bmco's words and the user's names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bmco_pymc.data.covariates import is_number, read_covariate
from bmco_pymc.data.frames import factorise, listed, text, to_pandas
from bmco_pymc.data.roles import MOST_CHOICES, check_columns, outcome_names, same
from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError

ROLES = {
    "outcomes": "y_vars",
    "group": "grp",
    "control": "grp_a",
    "treatment": "grp_b",
    "cluster": "id_var",
    "covariate": "x_var",
    "covariates": "x_var",
}


@contextmanager
def in_bmcos_words(
    arguments: Mapping[str, str], columns: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Raise errors of the block under bmco's names.

    Parameters
    ----------
    arguments : mapping of str to str
        bmco's argument for each argument of the classes; ``beta.mean`` goes by ``mean``.
    columns : mapping of str to str, optional
        The user's name for each column that goes by another one, see `Columns`.

    Examples
    --------
    >>> with in_bmcos_words(ROLES):
    ...     raise InputError("control", "placebo", "there is no such group")
    Traceback (most recent call last):
    bmco_pymc.errors.InputError: grp_a='placebo': there is no such group
    """
    try:
        yield
    except InputError as error:
        argument = arguments.get(error.argument.rpartition(".")[2], error.argument)
        value, problem = error.value, error.problem
        for name, original in (columns or {}).items():
            value = original if isinstance(value, str) and value == name else value
            problem = problem.replace(repr(name), repr(original))
        raise InputError(argument, value, problem, error.choices) from None


@dataclass(frozen=True, eq=False)
class Columns:
    """The data, ready for a study and for formulas.

    Attributes
    ----------
    frame : pandas.DataFrame, shape (n, columns)
        The user's data; never written to. With a covariate it is a copy in which a category of two
        levels is 0 and 1, and in which names that no formula can hold are replaced.
    outcomes : tuple of str
        The outcomes.
    group : str
        The group column in ``frame``.
    covariate : str or None
        The covariate in ``frame``.
    levels : tuple or None
        The labels of a category, in the order of their codes; None for a number.
    user_names : mapping of str to str
        The user's name of each replaced one.
    """

    frame: pd.DataFrame
    outcomes: tuple[str, ...]
    group: str
    covariate: str | None
    levels: tuple[Any, Any] | None
    user_names: Mapping[str, str]

    def in_user_names(self, sentence: str) -> str:
        """Return a sentence with the user's names of the columns."""
        for name, original in self.user_names.items():
            word = rf"(?<!\w){re.escape(name)}(?!\w)"
            sentence = re.sub(word, lambda _, original=original: original, sentence)  # type: ignore[misc]
        return sentence


def read_columns(data: Any, y_vars: Any, grp: Any, **others: Any) -> Columns:
    """Check that the columns are there and prepare them.

    Parameters
    ----------
    data : data frame
        Any that narwhals knows.
    y_vars, grp : object
        The outcomes and the group, as the user gave them.
    **others : object
        The other columns by argument, ``id_var`` and ``x_var``.

    Raises
    ------
    InputError
        If ``data`` is no data frame, a column is not there or has two roles, or the covariate is
        neither numeric nor a category of two levels.
    """
    frame = to_pandas(data)
    with in_bmcos_words(ROLES):
        outcomes = outcome_names(y_vars)
    roles = [*(("y_vars", name) for name in outcomes), ("grp", grp), *others.items()]
    check_columns(list(frame.columns), roles)
    if "x_var" not in others:
        return Columns(frame, outcomes, grp, None, None, {})
    x_var = others["x_var"]
    coded, levels = code_covariate(frame[x_var])
    names = {name: formula_name(name, frame.columns) for name in (grp, x_var)}
    user_names = {new: name for name, new in names.items() if new != name}
    frame = frame.assign(**{x_var: coded}).rename(columns=names)
    return Columns(frame, outcomes, names[grp], names[x_var], levels, user_names)


def code_covariate(column: pd.Series) -> tuple[pd.Series, tuple[Any, Any] | None]:
    """Return a covariate as numbers, and the labels of 0 and 1 if it is a category.

    Examples
    --------
    >>> code_covariate(pd.Series(["severe", "mild"], name="severity"))[1]
    ('mild', 'severe')
    """
    known = read_covariate(column.dropna(), "x_var")
    if is_number(known):
        return known.reindex(column.index), None
    codes, levels = factorise(column, "x_var")
    if len(levels) != 2:
        problem = (
            f"must be numeric or have two levels, but its levels are {listed(levels)}: make it "
            "numeric or, for a category of several levels, use the classes BGLM and BGLMM"
        )
        raise InputError("x_var", column.name, problem)
    return pd.Series(np.where(codes < 0, np.nan, codes), column.index), (levels[0], levels[1])


def formula_name(name: str, taken: Collection[str]) -> str:
    """Return a column's name, or a new one if formulas cannot hold it even in backticks.

    Examples
    --------
    >>> formula_name("age (years)", []), formula_name("age.years", ["age_years"])
    ('age (years)', 'age_years_')
    """
    if name not in ("", "0", "1") and not set(name) & {".", "`"}:
        return name
    new = re.sub(r"\W|^(?=\d)", "_", name) or "column"
    while new in taken:
        new += "_"
    return new


def study_of(
    columns: Columns, grp_a: Any, grp_b: Any, id_var: Any = None, missing: str = "complete"
) -> Study:
    """Return the study; a group not given is the other of the two levels in their order.

    Raises
    ------
    InputError
        If a group is not given and the column has not exactly two levels, or the study is refused.
    """
    frame, grp = columns.frame, columns.group
    with in_bmcos_words(ROLES, columns.user_names):
        a, b = _groups(frame[grp], grp_a, grp_b)
        return Study(frame, columns.outcomes, grp, a, b, id_var, missing=missing)


def _groups(column: pd.Series, grp_a: Any, grp_b: Any) -> tuple[Any, Any]:
    if grp_a is not None and grp_b is not None:
        return grp_a, grp_b
    _, levels = factorise(column, "grp")
    if len(levels) != 2:
        problem = f"has {len(levels)} levels: name the two to compare with grp_a and grp_b"
        raise InputError("grp", column.name, problem, levels[:MOST_CHOICES])
    if grp_a is None and grp_b is None:
        return levels[0], levels[1]
    given = grp_b if grp_a is None else grp_a
    rest = [level for level in levels if not same(level, given) and text(level) != given]
    return (rest[0], grp_b) if grp_a is None else (grp_a, rest[0])
