"""Reading plain arguments: the value in its type, or an error that says what it must be."""

from __future__ import annotations

import math
from collections.abc import Collection
from numbers import Real
from typing import Any

import numpy as np

from bmco_pymc.errors import InputError


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
    number = isinstance(value, Real) and not isinstance(value, bool)
    share = float(value) if number else math.nan
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
    if not isinstance(value, bool | np.bool_):
        raise InputError(argument, value, "must be True or False")
    return bool(value)


def one_of(argument: str, value: Any, choices: Collection[str], problem: str) -> str:
    """Return one of some words.

    Raises
    ------
    InputError
        If the value is something else.

    Examples
    --------
    >>> one_of("clusters", "new", ["observed", "new"], "there are no such clusters")
    'new'
    """
    if not isinstance(value, str) or value not in choices:
        raise InputError(argument, value, problem, choices)
    return str(value)
