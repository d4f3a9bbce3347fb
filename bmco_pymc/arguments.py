"""Reading plain arguments: the value in its type, or an error that says what it must be."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Set
from contextlib import suppress
from numbers import Real
from types import UnionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.errors import InputError

# What ``fit`` of any model takes, and ``effect`` of any fit beside the population.
FIT = ("draws", "tune", "chains", "seed", "cores", "target_accept", "progress")
EFFECT = ("clusters", "standardise", "cluster_weights")


def whole(argument: str, value: Any, least: int, most: float = math.inf) -> int:
    """Return a whole number within bounds.

    Raises
    ------
    InputError
        If the value is something else.

    Examples
    --------
    >>> whole("draws", np.int64(3), least=1)
    3
    """
    number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not number or not least <= value <= most:
        bounds = f"{least} or more" if most == math.inf else f"from {least} to {most}"
        raise InputError(argument, value, f"must be a whole number, {bounds}")
    return int(value)


def real(value: Any) -> float:
    """Return a number as a float, infinite where it is too large; NaN for all that is no number.

    Examples
    --------
    >>> real(1), real(10**400), real("1"), real(True)
    (1.0, inf, nan, nan)
    """
    if not _is_number(value):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def numbers(argument: str, value: Any, problem: str) -> NDArray[np.float64]:
    """Return a number, or a sequence of numbers of any shape, as a new array of floats.

    Text, dates, complex numbers and True are no numbers; NaN and infinity pass.

    Raises
    ------
    InputError
        If the value is something else.

    Examples
    --------
    >>> numbers("margins", [0, 0.1], "must be numbers").tolist()
    [0.0, 0.1]
    """
    try:
        array = np.asarray(value)
        if array.dtype.kind in "iuf" or all(map(_is_number, array.ravel())):
            return array.astype(float)
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(argument, value, problem)


def probability(argument: str, value: Any) -> float:
    """Return a number between 0 and 1, neither included.

    Raises
    ------
    InputError
        If the value is something else.

    Examples
    --------
    >>> probability("ci_prob", 0.95)
    0.95
    """
    share = real(value)
    if not 0 < share < 1:
        raise InputError(argument, value, "must be a number between 0 and 1")
    return share


def flag(argument: str, value: Any) -> bool:
    """Return True or False.

    Raises
    ------
    InputError
        If the value is something else.

    Examples
    --------
    >>> flag("progress", True)
    True
    """
    return bool(of_kind(argument, value, bool | np.bool_, "must be True or False"))


def one_of(argument: str, value: Any, choices: Collection[Any], problem: str) -> Any:
    """Return one of some words; None where it is among them.

    Raises
    ------
    InputError
        If the value is something else.

    Examples
    --------
    >>> one_of("clusters", "new", ["observed", "new"], "there are no such clusters")
    'new'
    """
    if not isinstance(value, str | None) or value not in choices:
        raise InputError(argument, value, problem, choices)
    return value


def texts(argument: str, value: Any, problem: str) -> list[str]:
    """Return one text, or several in an order, as a list.

    Raises
    ------
    InputError
        If the value is something else.

    Examples
    --------
    >>> texts("columns", "age", "must be names"), texts("columns", ("age", "sex"), "must be names")
    (['age'], ['age', 'sex'])
    """
    if isinstance(value, str):
        return [value]
    found: list[Any] = [None]
    if isinstance(value, Iterable) and not isinstance(value, Mapping | Set):
        with suppress(TypeError):  # an array without dimensions
            found = list(value)
    if not all(isinstance(text, str) for text in found):
        raise InputError(argument, value, problem)
    return found


def of_kind(argument: str, value: Any, kind: type | UnionType, problem: str) -> Any:
    """Return a value that is of a class.

    Raises
    ------
    InputError
        If it is not.

    Examples
    --------
    >>> of_kind("given", {"age": 40}, dict, "must be a mapping")
    {'age': 40}
    """
    if not isinstance(value, kind):
        raise InputError(argument, value, problem)
    return value


def check_names(given: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse keyword arguments that a function passes on and nobody knows.

    Raises
    ------
    InputError
        If there is one.

    Examples
    --------
    >>> check_names({"draws": 10}, ["draws", "seed"])
    """
    for name, value in given.items():
        if name not in known:
            raise InputError(name, value, "there is no such setting", known)


def _is_number(entry: Any) -> bool:
    """Return whether something is a number, which True is not."""
    return isinstance(entry, Real) and not isinstance(entry, bool)
