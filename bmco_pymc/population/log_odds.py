"""Effects of covariates, read and added up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.arguments import numbers, real
from bmco_pymc.errors import InputError
from bmco_pymc.population.entropy import read_rates
from bmco_pymc.population.sources import Source, Values, plain
from bmco_pymc.population.truths import GROUPS, check_groups

type Array = NDArray[np.float64]


def shift_of(tables: Mapping[str, Array], values: Values, arm: NDArray[Any]) -> Array:
    """Return what covariates add, shape (n, columns of the tables).

    Parameters
    ----------
    tables : mapping of str to ndarray
        By group, what a number adds per unit, (2, d), or a level of a category, (2, levels, d).
    values : dict of str to ndarray, shape (n,)
        Numbers, or codes of levels.
    arm : ndarray of int, shape (n,)

    Examples
    --------
    >>> table = np.array([[0.1, 0.0], [0.2, 0.3]])
    >>> shift_of({"x": table}, {"x": np.array([10.0, 20.0])}, np.array([0, 1])).tolist()
    [[1.0, 0.0], [4.0, 6.0]]
    """
    total: Any = 0.0
    for name, table in tables.items():
        value = values[name]
        if table.ndim == 3:
            total = total + table[arm, value]
        else:
            total = total + table.take(arm, axis=0) * value[:, None]
    return np.asarray(total)


def read_effects(source: Source, given: Any) -> dict[str, Any]:
    """Read the effects: of a number (2, K or 1), of a category such for each level named."""
    if not isinstance(given, Mapping):
        raise InputError("log_odds", given, "must be a mapping of columns to effects")
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in source.levels:
            raise InputError("log_odds", name, "there is no such column", list(source.levels))
        argument, levels = f"log_odds[{name!r}]", source.levels[name]
        if levels is None:
            found[name] = _effect(argument, value)
        else:
            found[name] = _by_level(argument, value, levels)
    sizes = {size for effect in found.values() for size in sizes_of(effect)} - {1}
    if len(sizes) > 1:
        raise InputError("log_odds", given, "has effects on different numbers of outcomes")
    return found


def _by_level(argument: str, given: Any, levels: tuple[Any, ...]) -> dict[Any, Array]:
    if not isinstance(given, Mapping):
        problem = "of a category must be a mapping of its levels to effects"
        raise InputError(argument, given, problem, levels)
    if set(given) == set(GROUPS) and not set(GROUPS) <= set(levels):
        own = [_by_level(f"{argument}[{group!r}]", given[group], levels) for group in GROUPS]
        named = dict.fromkeys([*own[0], *own[1]])
        size = max((effect.shape[1] for part in own for effect in part.values()), default=1)
        zero = np.zeros((2, size))
        return {
            level: np.stack(
                [own[g].get(level, zero)[g] * np.ones(size) for g in range(len(GROUPS))]
            )
            for level in named
        }
    found = {}
    for level, value in given.items():
        if plain(level) not in levels:
            raise InputError(argument, level, "is no level of this category", levels)
        found[levels[levels.index(plain(level))]] = _effect(f"{argument}[{level!r}]", value)
    return found


def _effect(argument: str, given: Any) -> Array:
    """Read an effect on the outcomes of both groups, shape (2, K), or (2, 1) if on all equally."""
    if isinstance(given, Mapping):
        check_groups(argument, given)
        both = [_effect(f"{argument}[{group!r}]", given[group])[0] for group in GROUPS]
        size = max(len(own) for own in both)
        if {len(own) for own in both} - {1, size}:
            raise InputError(argument, given, "has effects on different numbers of outcomes")
        return np.stack([own * np.ones(size) for own in both])
    found = numbers(argument, given, "must be a number, or a list with one for each outcome")
    if found.ndim > 1 or found.size == 0 or not np.all(np.isfinite(found)):
        problem = "must be a finite number, or a list with one for each outcome"
        raise InputError(argument, given, problem)
    return np.stack([np.atleast_1d(found)] * 2)


def read_rates_by_value(source: Source, given: Any) -> tuple[str, tuple[Any, ...], Array]:
    """Read the success probabilities at the values of a column."""
    if not isinstance(given, Mapping) or len(given) != 1:
        raise InputError("theta", given, "must be a mapping of one column")
    ((name, by_value),) = given.items()
    if name not in source.levels:
        raise InputError("theta", name, "there is no such column", list(source.levels))
    argument, levels = f"theta[{name!r}]", source.levels[name]
    if not isinstance(by_value, Mapping):
        raise InputError(argument, by_value, "must be a mapping of values to probabilities")
    values = tuple(map(plain, by_value))
    if levels is not None and set(values) != set(levels):
        problem = "must have success probabilities for each level"
        raise InputError(argument, by_value, problem, levels)
    if levels is None:
        if len(values) != 2 or not all(math.isfinite(real(value)) for value in values):
            raise InputError(argument, by_value, "must have two values, which are numbers")
        values = tuple(map(float, values))
        if values[0] == values[1]:
            raise InputError(argument, by_value, "must have two different values")
    rates: list[list[Array]] = [[], []]
    for value, own in by_value.items():
        of_value = f"{argument}[{value!r}]"
        if not isinstance(own, Mapping):
            raise InputError(of_value, own, "must be a mapping of both groups", GROUPS)
        check_groups(of_value, own)
        for place, group in enumerate(GROUPS):
            listed = np.atleast_1d(numbers(of_value, own[group], "must be success probabilities"))
            rates[place].append(read_rates(f"{of_value}[{group!r}]", listed))
    if len({len(own) for part in rates for own in part}) > 1:
        raise InputError(argument, by_value, "must be of the same number of outcomes throughout")
    return name, values, np.array(rates)


def sizes_of(effect: Any) -> set[int]:
    """Return how many outcomes an effect is on, 1 where it is on all equally."""
    parts = effect.values() if isinstance(effect, Mapping) else [effect]
    return {part.shape[1] for part in parts}


def shown_effect(effect: Any) -> str:
    """Return an effect in words."""
    if isinstance(effect, Mapping):
        return ", ".join(f"{level} {shown_effect(value)}" for level, value in effect.items()) or "0"
    texts = [", ".join(f"{value:+.4g}" for value in own) for own in effect]
    return texts[0] if texts[0] == texts[1] else f"{texts[0]} (control) and {texts[1]} (treatment)"
