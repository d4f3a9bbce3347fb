"""Shifts of the log odds of unobserved outcomes, as users write them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.arguments import numbers, real, texts
from bmco_pymc.data.frames import text
from bmco_pymc.errors import InputError

SHIFTS = tuple(np.linspace(-3, 3, 13).tolist())  # of odds, from a twentieth to twenty times
MOST = 101  # shifts of a group: the pairs are decided one by one

type Shifts = tuple[tuple[float, ...], tuple[float, ...]]


def read_outcomes(
    outcomes: str | Sequence[str] | None, known: Sequence[str], absent: NDArray[np.int64]
) -> list[int]:
    """Return the places of the outcomes to shift.

    Parameters
    ----------
    outcomes : str or sequence of str, optional
        All that someone misses if None.
    known : sequence of str, length K
    absent : ndarray of int, shape (2, K)
        Subjects who miss them.

    Raises
    ------
    InputError
        If one is no outcome, or nobody misses it.

    Examples
    --------
    >>> read_outcomes(None, ["maths", "reading"], np.array([[0, 3], [0, 5]]))
    [1]
    """
    possible = [k for k, name in enumerate(known) if absent[:, k].any()]
    if outcomes is None:
        return possible
    choices = [known[k] for k in possible]
    problem = "must be outcomes that some subjects miss"
    try:
        asked = texts("outcomes", outcomes, problem)
    except InputError:
        raise InputError("outcomes", outcomes, problem, choices) from None
    for name in asked:
        if name not in choices:
            why = "was observed of everyone" if name in known else "is no outcome of the study"
            raise InputError("outcomes", name, why, choices)
    if not asked:
        raise InputError("outcomes", outcomes, "names no outcome", choices)
    return [k for k, name in enumerate(known) if name in asked]


def read_shifts(shift: Any, groups: tuple[str, str], can_move: tuple[bool, bool]) -> Shifts:
    """Return the shifts of the control and of the treatment, in order, 0 among them.

    Parameters
    ----------
    shift : float, sequence of float or mapping, optional
        For both groups, or by the label of the group.
    groups : pair of str
        What the control and the treatment are called.
    can_move : pair of bool
        Whether anything is unobserved in each; if not, its only shift is 0.

    Raises
    ------
    InputError
        If they are no finite numbers in increasing order, too many, of an unknown group or of one
        with nothing to shift, or if there is none besides 0.

    Examples
    --------
    >>> read_shifts([-1, 1], ("ctl", "trt"), (True, True))
    ((-1.0, 0.0, 1.0), (-1.0, 0.0, 1.0))
    >>> read_shifts({"trt": [-2, -1], "ctl": 0}, ("ctl", "trt"), (True, True))
    ((0.0,), (-2.0, -1.0, 0.0))
    """
    if not isinstance(shift, Mapping):
        values = _increasing("shift", SHIFTS if shift is None else shift)
        found = [values if can else (0.0,) for can in can_move]
    else:
        named = {text(label): values for label, values in shift.items()}
        if set(named) != set(groups):
            problem = "a mapping must have shifts of both groups, by their labels"
            raise InputError("shift", shift, problem, groups)
        found = [_increasing(f"shift[{group!r}]", named[group]) for group in groups]
        for group, can, values in zip(groups, can_move, found, strict=True):
            if not can and len(values) > 1:
                problem = "no outcome of this group is unobserved: nothing can be shifted"
                raise InputError(f"shift[{group!r}]", named[group], problem, [0])
    if all(len(values) == 1 for values in found):
        problem = "0 is the analysis under MAR: give other shifts, such as [-2, -1, 0, 1, 2]"
        raise InputError("shift", shift, problem)
    return found[0], found[1]


def finite(argument: str, shift: Any) -> float:
    """Return one shift.

    Raises
    ------
    InputError
        If it is no finite number.

    Examples
    --------
    >>> finite("control", -1)
    -1.0
    """
    value = real(shift)
    if not math.isfinite(value):
        raise InputError(argument, shift, "must be a finite number: a difference of log odds")
    return value


def _increasing(argument: str, shift: Any) -> tuple[float, ...]:
    problem = "must be finite numbers in increasing order: differences of log odds"
    values = np.atleast_1d(numbers(argument, shift, problem))
    if values.ndim != 1 or not np.isfinite(values).all() or not (np.diff(values) > 0).all():
        raise InputError(argument, shift, problem)
    if len(values) > MOST:
        raise InputError(argument, shift, f"are {len(values)} shifts, and {MOST} at most")
    return tuple(sorted({*values.tolist(), 0.0}))
