"""The first question of a population, which covariate values: Value, Empirical, Analytical, Target.

A covariate is named by keyword, or in a mapping if its name is not a Python word; with one
covariate in the model it need not be named. Whether the names and values fit the model is checked
when the population is used.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.arguments import EFFECT, real
from bmco_pymc.errors import InputError
from bmco_pymc.population.target import Target

type Name = Hashable  # of a covariate; None is the model's only one
type Range = tuple[float, float]

_NOTHING: Any = object()
EVERYTHING: Range = (-math.inf, math.inf)


@dataclass(frozen=True, init=False, repr=False)
class Value:
    """Both groups at given covariate values; covariates not named keep the sample's values.

    Parameters
    ----------
    value : object or mapping, optional
        The value of the only covariate, in its own units; or ``{name: value}``.
    **named : object
        Values by covariate: numbers, or labels of a category.

    Attributes
    ----------
    values : tuple of (name, value)
        The name is None if it was not given.

    Raises
    ------
    InputError
        If there is no value, or something that is not a single value.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.Value(50), bmco.Value(age=50, sex="f"), bmco.Value({"base line": 1.5})
    (Value(50), Value(age=50, sex='f'), Value({'base line': 1.5}))
    """

    values: tuple[tuple[Name, Any], ...]

    def __init__(self, value: Any = _NOTHING, /, **named: Any) -> None:
        values = _by_name(value, named)
        if not values:
            raise InputError("value", None, "give a value, such as Value(50) or Value(age=50)")
        for name, single in values.items():
            if np.ndim(single) != 0:
                raise InputError(argument("value", name), single, "must be a single value")
            if isinstance(single, np.number | np.bool_):  # as Python has it: its repr reads well
                values[name] = single.item()
        object.__setattr__(self, "values", tuple(values.items()))

    def __repr__(self) -> str:
        return _call("Value", dict(self.values))


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Empirical:
    """The sample's own subjects, all or some of them: those who meet every condition given.

    Parameters
    ----------
    low, high : float, optional
        The range of the only covariate, bounds included; by position. ``low`` may also be a
        mapping ``{name: (low, high)}``.
    query : str, optional
        A condition on any columns of the study's data: comparisons of names (odd ones in
        backticks), numbers and text, with ``and``, ``or``, ``not``, ``in`` and arithmetic; nothing
        is called.
    mask : array_like of bool, shape (n_input,), optional
        Which rows of the study's input are meant, in their order. A pandas Series goes by its
        index, which must have the labels of the input's. Where the input was counted, it must be a
        Series with the index of ``study.data``.
    **ranges : (float, float)
        Ranges by covariate, bounds included.

    Attributes
    ----------
    ranges : tuple of (name, (low, high))
        The name is None if it was not given.
    query : str or None
    mask : ndarray of bool or None

    Raises
    ------
    InputError
        If a range is not two numbers in order, or the mask is not one-dimensional and of bools.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.Empirical(), bmco.Empirical(40, 60), bmco.Empirical(age=(40, 60), query="sex == 'f'")
    (Empirical(), Empirical(40.0, 60.0), Empirical(age=(40.0, 60.0), query="sex == 'f'"))
    """

    ranges: tuple[tuple[Name, Range], ...]
    query: str | None
    mask: NDArray[np.bool_] | None
    _labels: pd.Index | None  # of a mask that has an index

    def __init__(
        self,
        low: Any = -math.inf,
        high: Any = math.inf,
        /,
        *,
        query: str | None = None,
        mask: Any = None,
        **ranges: Any,
    ) -> None:
        if query is not None and not isinstance(query, str):
            raise InputError("query", query, "must be a condition as text, such as 'age > 40'")
        labels = mask.index if isinstance(mask, pd.Series) else None
        mask = None if mask is None else _bools(mask)
        pairs = tuple(_ranges(low, high, ranges).items())
        vars(self).update(ranges=pairs, query=query, mask=mask, _labels=labels)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Empirical):
            return NotImplemented
        one, two = self._labels, other._labels
        alike = one is two if one is None or two is None else one.equals(two)
        same = alike and (self.ranges, self.query) == (other.ranges, other.query)
        return same and np.array_equal(self.mask, other.mask)  # type: ignore[arg-type]

    def __hash__(self) -> int:
        return hash((self.ranges, self.query))

    def __repr__(self) -> str:
        more = {"query": self.query, "mask": self.mask}
        given = {name: value for name, value in more.items() if value is not None}
        return _call("Empirical", dict(self.ranges), given)


@dataclass(frozen=True, init=False, repr=False)
class Analytical:
    """Both groups over a normal distribution of one covariate, truncated to a range.

    The mean and the SD (n - 1) are those of the whole analysed sample, whatever the range; the
    other covariates keep the sample's values.

    Parameters
    ----------
    low, high : float, optional
        The range of the only covariate; by position. ``low`` may also be a mapping
        ``{name: (low, high)}``.
    **ranges : (float, float)
        The range of one covariate, by its name.

    Attributes
    ----------
    ranges : tuple of (name, (low, high))
        One pair; the name is None if it was not given.

    Raises
    ------
    InputError
        If the range is not two numbers in order, is a single point, or if there are several.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.Analytical(), bmco.Analytical(age=(40, float("inf")))
    (Analytical(), Analytical(age=(40.0, inf)))
    """

    ranges: tuple[tuple[Name, Range], ...]

    def __init__(self, low: Any = -math.inf, high: Any = math.inf, /, **ranges: Any) -> None:
        given = _ranges(low, high, ranges, wide=True) or {None: EVERYTHING}
        if len(given) > 1:
            problem = "only one covariate can have a normal distribution; the others keep "
            raise InputError("Analytical", list(given), problem + "the sample's values")
        object.__setattr__(self, "ranges", tuple(given.items()))

    def __repr__(self) -> str:
        return _call("Analytical", dict(self.ranges))


type Population = Value | Empirical | Analytical | Target


def given(population: Population) -> tuple[tuple[Name, Any], ...]:
    """Return each name that was given with its value or range; a target gives none."""
    if isinstance(population, Target):
        return ()
    return population.values if isinstance(population, Value) else population.ranges


def argument(role: str, name: Name) -> str:
    """Return what to call a value or range in an error."""
    return role if name is None else str(name)


def read_population(population: Any) -> Population:
    """Return a population, the whole sample where none is given.

    Raises
    ------
    InputError
        If it is something else.
    """
    if population is None:
        return Empirical()
    if not isinstance(population, Value | Empirical | Analytical | Target):
        kinds = [kind.__name__ for kind in (Value, Empirical, Analytical, Target)]
        raise InputError("population", population, "is no population", kinds)
    return population


def _by_name(first: Any, named: Mapping[str, Any]) -> dict[Name, Any]:
    """Return what was given by position (one thing, or a mapping) and by name as one mapping."""
    given: dict[Name, Any] = {} if first is _NOTHING else {None: first}
    if isinstance(first, Mapping):
        given = dict(first)
    if None in given and named:
        problem = "has no name, but other covariates have: name it too"
        raise InputError("value", given[None], problem)
    for name, value in named.items():
        if name in given:
            raise InputError(name, value, "was given twice")
        given[name] = value
    return given


def _bools(mask: Any) -> NDArray[np.bool_]:
    """Return a mask as an array that nobody can change."""
    known = isinstance(mask, pd.Series) and pd.api.types.is_bool_dtype(mask.dtype)
    array = mask.to_numpy(dtype=bool, copy=True) if known and mask.notna().all() else np.array(mask)
    if array.ndim != 1 or array.dtype != bool:
        raise InputError("mask", mask, "must be one True or False per row of the input")
    array.flags.writeable = False
    return array


def _ranges(low: Any, high: Any, named: Mapping[str, Any], wide: bool = False) -> dict[Name, Range]:
    """Return the ranges that were given, checked; none of them a point if ``wide``."""
    first: Any = (low, high)
    if isinstance(low, Mapping):
        if high != math.inf:
            raise InputError("high", high, "cannot follow a mapping of ranges")
        first = low
    elif isinstance(low, Real) and isinstance(high, Real) and first == EVERYTHING:
        first = _NOTHING
    return {name: _range(name, bounds, wide) for name, bounds in _by_name(first, named).items()}


def _range(name: Name, bounds: Any, wide: bool) -> Range:
    """Return a range as two numbers in order."""
    where = argument("range", name)
    if name in EFFECT and isinstance(bounds, str | None):
        call = f"fit.effect(population, {name}={bounds!r})"
        problem = f"is no range of a covariate; it belongs to the question: {call}"
        raise InputError(where, bounds, problem)
    if not isinstance(bounds, tuple | list | np.ndarray) or len(bounds) != 2:
        raise InputError(where, bounds, "a range is a pair of numbers (low, high)")
    if not all(isinstance(bound, Real) for bound in bounds):
        raise InputError(where, bounds, "the bounds of a range are numbers")
    low, high = map(real, bounds)
    if not low <= high:
        raise InputError(where, bounds, "the lower bound comes first, then the upper")
    if wide and low == high:
        raise InputError(where, bounds, "is a single point; use Value for that")
    return low, high


def _call(kind: str, given: Mapping[Name, Any], more: Mapping[str, Any] | None = None) -> str:
    """Return the expression that makes a population."""
    if None in given:
        bare = given[None] if isinstance(given[None], tuple) else (given[None],)
        arguments = [] if bare == EVERYTHING else [repr(part) for part in bare]
    elif all(isinstance(name, str) and name.isidentifier() for name in given):
        arguments = [f"{name}={value!r}" for name, value in given.items()]
    else:
        arguments = [repr(dict(given))]
    arguments += [f"{name}={value!r}" for name, value in (more or {}).items()]
    return f"{kind}({', '.join(arguments)})"
