"""The numbers of analysed trials: what decides them, and what they say of δ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.errors import InputError

Array = NDArray[np.float64]

_TYPES: dict[str, Any] = {"trial": np.int64, "failed": np.bool_}  # the others are float
_OF_DELTA = ("estimate", "sd", "low", "high")


@dataclass(frozen=True, eq=False)
class Analysed:
    """Numbers of analysed trials, one row a trial.

    Attributes
    ----------
    trial : ndarray of int64, shape (T,)
        Numbers of the trials, rising.
    probability : ndarray, shape (T, looks, sides, C)
        Posterior probabilities that decide: of each outcome (C = K), or of one event (C = 1).
    estimate, sd, low, high : ndarray, shape (T, looks, K)
        Posterior mean and SD of δ, and the bounds of its 95 % interval.
    failed : ndarray of bool, shape (T, looks)
        Whether the fit failed or did not converge; its other numbers may be NaN.

    Raises
    ------
    InputError
        If the shapes do not fit each other, or trials do not rise.

    Examples
    --------
    >>> half = np.full((2, 1, 1, 1), 0.5)
    >>> delta = np.zeros((2, 1, 3))
    >>> two = Analysed(np.arange(2), half, delta, delta, delta, delta, np.zeros((2, 1), dtype=bool))
    >>> len(two), two.part(range(1, 9)).trial.tolist()
    (2, [1])
    """

    trial: NDArray[np.int64]
    probability: Array
    estimate: Array
    sd: Array
    low: Array
    high: Array
    failed: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name in NAMES:
            array = np.asarray(getattr(self, name), dtype=_TYPES.get(name, np.float64))
            object.__setattr__(self, name, array)
        if self.trial.ndim != 1 or (np.diff(self.trial) <= 0).any():
            raise InputError("trial", self.trial, "must be the numbers of the trials, rising")
        looks, _, _, K = self.sizes
        T = len(self)
        expected = {"probability": (T, *self.sizes[:3]), "failed": (T, looks)}
        expected |= dict.fromkeys(_OF_DELTA, (T, looks, K))
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise InputError(name, getattr(self, name).shape, f"must have the shape {shape}")

    def __len__(self) -> int:
        return len(self.trial)

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Looks, sides, probabilities that decide (C) and outcomes (K)."""
        if self.probability.ndim != 4 or self.estimate.ndim != 3:
            shapes = self.probability.shape, self.estimate.shape
            raise InputError("probability", shapes, "must have 4 dimensions, and estimate 3")
        looks, sides, C = self.probability.shape[1:]
        return looks, sides, C, self.estimate.shape[-1]

    @classmethod
    def empty(cls, sizes: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Analysed:
        """Return no trials, of so many looks, sides, probabilities and outcomes."""
        looks, sides, C, K = sizes
        delta = np.zeros((0, looks, K))
        probability, failed = np.zeros((0, looks, sides, C)), np.zeros((0, looks), dtype=bool)
        return cls(np.zeros(0, dtype=np.int64), probability, delta, delta, delta, delta, failed)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name, as `from_arrays` takes them."""
        return {name: getattr(self, name) for name in NAMES}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Analysed:
        """Return the trials of arrays that are of the right type already.

        Raises
        ------
        InputError
            If one is missing, of another type or of a shape that does not fit.
        """
        for name in NAMES:
            if name not in arrays:
                raise InputError(name, sorted(arrays), "is missing", NAMES)
            if arrays[name].dtype != np.dtype(_TYPES.get(name, np.float64)):
                raise InputError(name, arrays[name].dtype, "is of another type")
        return cls(**{name: arrays[name] for name in NAMES})

    def part(self, trials: Iterable[int] | NDArray[np.int64]) -> Analysed:
        """Return those of these trials that are here."""
        if isinstance(trials, range) and trials.step == 1:
            return self._rows((self.trial >= trials.start) & (self.trial < trials.stop))
        asked = np.fromiter(trials, dtype=np.int64)
        return self._rows(np.isin(self.trial, asked))

    @classmethod
    def joined(cls, parts: Sequence[Analysed]) -> Analysed:
        """Return the trials of several parts, sorted; a trial that is in several is one.

        Raises
        ------
        InputError
            If a trial has different numbers in two parts, or parts are of different sizes.
        """
        parts = [part for part in parts if len(part)] or list(parts[:1])
        if not parts:
            return cls.empty()
        if len({part.sizes for part in parts}) > 1:
            sizes = sorted({part.sizes for part in parts})
            raise InputError("parts", sizes, "are of different looks, sides, events or outcomes")
        # As plain arrays, for trials that are there twice do not rise.
        stacked = {name: np.concatenate([p.arrays()[name] for p in parts]) for name in NAMES}
        order = np.argsort(stacked["trial"], kind="stable")
        stacked = {name: array[order] for name, array in stacked.items()}
        again = np.flatnonzero(np.diff(stacked["trial"]) == 0)
        for name in NAMES:
            one, other = stacked[name][again], stacked[name][again + 1]
            differs = ~np.isclose(one, other, rtol=0, atol=0, equal_nan=True)
            if differs.any():
                first = np.flatnonzero(differs.reshape(len(again), -1).any(axis=1))[0]
                trial = int(stacked["trial"][again[first]])
                raise InputError("trial", trial, f"has two different values of {name}")
        new = np.ones(len(order), dtype=bool)
        new[again + 1] = False
        return cls(**{name: array[new] for name, array in stacked.items()})

    def _rows(self, rows: NDArray[Any]) -> Analysed:
        return Analysed(**{name: array[rows] for name, array in self.arrays().items()})


NAMES = tuple(field.name for field in fields(Analysed))
