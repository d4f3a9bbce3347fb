"""Which trials are still to be analysed, in pieces that do not depend on who analyses them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Chunk:
    """Trials with consecutive numbers that one worker analyses by one method.

    Examples
    --------
    >>> str(Chunk("nuts", range(20, 30)))
    'trials 20 to 29 by nuts'
    """

    method: str
    trials: range

    def __str__(self) -> str:
        first, last = self.trials[0], self.trials[-1]
        which = f"trial {first}" if first == last else f"trials {first} to {last}"
        return f"{which} by {self.method}"


def missing(method: str, trials: range, done: NDArray[np.int64], size: int) -> list[Chunk]:
    """Return the trials that are not done, in chunks that end at multiples of a size.

    Examples
    --------
    >>> [chunk.trials for chunk in missing("laplace", range(5, 32), np.arange(10, 13), 10)]
    [range(5, 10), range(13, 20), range(20, 30), range(30, 32)]
    """
    return runs(method, np.setdiff1d(np.arange(trials.start, trials.stop), done), size)


def runs(method: str, trials: NDArray[np.int64], size: int) -> list[Chunk]:
    """Return trials, whose numbers rise, in chunks of consecutive ones."""
    return [Chunk(method, run) for run in _runs(trials, size)] if len(trials) else []


def _runs(left: NDArray[np.int64], size: int) -> Iterator[range]:
    """Give the runs of consecutive numbers, cut at multiples of the size."""
    ends = np.flatnonzero((np.diff(left) > 1) | (left[1:] % size == 0)) + 1
    for run in np.split(left, ends):
        if len(run):
            yield range(int(run[0]), int(run[-1]) + 1)
