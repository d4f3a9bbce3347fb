"""Where time goes inside a process of the package."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np


def repeated(function: Callable[[], object], seconds: float) -> float:
    """Return the seconds that a call takes: the median of blocks that fill the given time."""
    function()
    start = time.perf_counter()
    function()
    number = max(1, int(seconds / 10 / (time.perf_counter() - start)))
    blocks = []
    for _ in range(10):
        start = time.perf_counter()
        for _ in range(number):
            function()
        blocks.append((time.perf_counter() - start) / number)
    return float(np.median(blocks))


@dataclass
class Spent:
    """Seconds: in nutpie, and in all of sampling but what prepares it."""

    nuts: float = 0.0
    sampling: float = 0.0


@contextmanager
def sampling_clock() -> Iterator[Spent]:
    """Add up the seconds in nutpie's sampler, and in sampling with the draws made ready to use."""
    import nutpie

    from bmco_pymc import sampling

    spent = Spent()

    def timed(function: Callable[..., Any], add: Callable[[float], None]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                add(time.perf_counter() - start)

        return run

    def nuts(seconds: float) -> None:
        spent.nuts += seconds

    def all_of_it(seconds: float) -> None:
        spent.sampling += seconds

    def preparing(seconds: float) -> None:
        spent.sampling -= seconds

    with (
        patch.object(nutpie, "sample", timed(nutpie.sample, nuts)),
        patch.object(sampling, "sample", timed(sampling.sample, all_of_it)),
        patch.object(sampling, "prepared", timed(sampling.prepared, preparing)),
    ):
        yield spent


@contextmanager
def compiler_passes() -> Iterator[Any]:
    """Record every pass of numba's compiler."""
    from numba.core import event

    with event.install_recorder("numba:run_pass") as recorder:
        yield recorder
