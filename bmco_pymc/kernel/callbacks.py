"""The log-density as C functions, which the sampler calls from its own threads.

They are compiled once on a machine and kept in numba's cache on disk, for models of every size.
numba looks at the file of a function that it keeps, not at those of the functions that this one
calls: so `SOURCE` is put among what it compares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba import types
from numpy.typing import NDArray

from bmco_pymc.kernel import SOURCE, density

_NUMBERS = types.CPointer(types.float64)


def _log_density(source: int) -> Callable[..., int]:
    def log_density(size, x, gradient, value, packed):  # type: ignore[no-untyped-def]
        """Write value and gradient; return 0, or what nutpie expects where one is not finite."""
        if source < 0:
            return -1
        length = int(numba.carray(packed, (1,))[0])
        dx = numba.carray(gradient, (size,))
        logp = density.log_density(numba.carray(x, (size,)), numba.carray(packed, (length,)), dx)
        numba.carray(value, (1,))[0] = logp
        for i in range(size):
            if not abs(dx[i]) < 1e300:
                return 3
        return 0 if abs(logp) < 1e300 else 4

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


log_density = numba.cfunc(
    types.int64(types.uint64, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS), cache=True
)(_log_density(SOURCE))
copy = numba.cfunc(
    types.int64(types.uint64, types.uint64, _NUMBERS, _NUMBERS, _NUMBERS), cache=True
)(_copy(SOURCE))
expand = numba.njit(cache=True)(_expand(SOURCE))
