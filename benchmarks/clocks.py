"""Where time goes inside a process of the package."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np


def density_clock(address: int, size: int, data: int, seconds: float) -> float:
    """Return the seconds that a log-density and its gradient take: the median of ten blocks.

    It is called as the sampler calls it, as a C function from compiled code.

    Parameters
    ----------
    address : int
        Of the C function that nutpie's sampler gets.
    size : int
        Dimension of the sampling space.
    data : int
        Address of what the function takes as its last argument.
    seconds : float
        How long to go on.
    """
    import numba

    pointer = ctypes.c_void_p
    prototype = ctypes.CFUNCTYPE(
        ctypes.c_int64, ctypes.c_uint64, pointer, pointer, pointer, ctypes.c_size_t
    )
    function = prototype(address)
    point = np.random.default_rng(1).normal(0, 0.1, size)
    gradient, value = np.empty(size), np.empty(1)

    @numba.njit
    def many(point: Any, gradient: Any, value: Any, number: int) -> int:
        failures = 0
        for _ in range(number):
            failures += function(size, point.ctypes, gradient.ctypes, value.ctypes, data) != 0
        return failures

    def block(number: int) -> float:
        start = time.perf_counter()
        assert many(point, gradient, value, number) == 0  # value and gradient are finite
        return (time.perf_counter() - start) / number

    block(1)
    number = max(1, int(seconds / 10 / block(3)))
    return float(np.median([block(number) for _ in range(10)]))


@dataclass
class Spent:
    """Seconds: in nutpie, of all processors in nutpie, and in all of sampling but preparing it."""

    nuts: float = 0.0
    cpu: float = 0.0
    sampling: float = 0.0


@contextmanager
def sampling_clock() -> Iterator[Spent]:
    """Add up the seconds in nutpie's sampler, and in sampling with the draws made ready to use."""
    from bmco_pymc.models import continuing
    from bmco_pymc.models import nuts as sampling

    spent = Spent()

    def timed(
        function: Callable[..., Any],
        add: Callable[[float], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            start = clock()
            try:
                return function(*arguments, **options)
            finally:
                add(clock() - start)

        return run

    def nuts(seconds: float) -> None:
        spent.nuts += seconds

    def cpu(seconds: float) -> None:
        spent.cpu += seconds

    def all_of_it(seconds: float) -> None:
        spent.sampling += seconds

    def preparing(seconds: float) -> None:
        spent.sampling -= seconds

    processors = timed(sampling._run, cpu, time.process_time)
    with (
        patch.object(sampling, "_run", timed(processors, nuts)),
        patch.object(continuing, "sample", timed(sampling.sample, all_of_it)),
        patch.object(sampling, "prepared", timed(sampling.prepared, preparing)),
    ):
        yield spent


@contextmanager
def compiler_passes() -> Iterator[Any]:
    """Record every pass of numba's compiler."""
    from numba.core import event

    with event.install_recorder("numba:run_pass") as recorder:
        yield recorder
