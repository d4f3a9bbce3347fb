"""The log-density as C functions, which the sampler calls from its own threads.

They are compiled once on a machine and kept in numba's cache on disk, for models of every size.
numba looks at the file of a function that it keeps, not at those of the functions that this one
calls: so `SOURCE` is put among what it compares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from bmco_pymc.kernel import SOURCE, density
from bmco_pymc.kernel.cache import cfunc, njit
from bmco_pymc.kernel.likelihood import RELAXED

_NUMBERS = types.CPointer(types.float64)


def _log_density(source: int) -> Callable[..., int]:
    def log_density(size, x, gradient, value, packed):  # type: ignore[no-untyped-def]
        """Write value and gradient; return 0, or what nutpie expects where one is not finite."""
        if source < 0:
            return -1
        data = numba.carray(packed, (int(numba.carray(packed, (1,))[0]),))
        dx = numba.carray(gradient, (size,))
        memory = np.empty(density.work_size(density.unpack(data)))
        logp = density.log_density(numba.carray(x, (size,)), data, memory, dx)
        numba.carray(value, (1,))[0] = logp
        for i in range(size):
            if not abs(dx[i]) < 1e300:
                return 3
        if not abs(logp) < 1e300:
            return 4
        return 0 if len(memory) else -1  # numba keeps an array until the last line that names it

    return log_density


def _copy(source: int) -> Callable[..., int]:
    def copy(size, n_kept, x, kept, packed):  # type: ignore[no-untyped-def]
        """Keep a draw as it is; `expand` is for all draws together."""
        if source < 0 or size != n_kept:
            return -1
        for i in range(size):
            numba.carray(kept, (size,))[i] = numba.carray(x, (size,))[i]
        return 0

    return copy


def _expand(source: int) -> Callable[..., Any]:
    def expand(points: NDArray[Any], packed: NDArray[Any]) -> Any:
        return density.expand(points[source * 0 :], packed)

    return expand


log_density = cfunc(
    types.int64(types.uint64, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS),
    error_model="numpy",
    fastmath=RELAXED,
)(_log_density(SOURCE))
copy = cfunc(types.int64(types.uint64, types.uint64, _NUMBERS, _NUMBERS, _NUMBERS))(_copy(SOURCE))
expand = njit(error_model="numpy", fastmath=RELAXED)(_expand(SOURCE))
