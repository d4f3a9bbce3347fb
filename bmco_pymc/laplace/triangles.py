"""Cholesky factors and sums of small arrays as plain loops.

numba's own go through LAPACK, or check shapes. For a dozen rows that is no faster, and to compile
it takes longer than all the rest.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]


@numba.njit(error_model="numpy")
def factor(A: Floats) -> float:
    """Overwrite the lower triangle of A by its Cholesky factor; return the log determinant of A.

    NaN where A is not positive definite.
    """
    log_det = 0.0
    for j in range(len(A)):
        s = A[j, j]
        for k in range(j):
            s -= A[j, k] ** 2
        A[j, j] = np.sqrt(s)
        log_det += np.log(s)
        for i in range(j + 1, len(A)):
            s = A[i, j]
            for k in range(j):
                s -= A[i, k] * A[j, k]
            A[i, j] = s / A[j, j]
    return log_det


@numba.njit(error_model="numpy")
def forward(lower: Floats, x: Floats) -> None:
    """Overwrite x, shape (D,), by lower⁻¹ x."""
    for i in range(len(x)):
        s = x[i]
        for k in range(i):
            s -= lower[i, k] * x[k]
        x[i] = s / lower[i, i]


@numba.njit(error_model="numpy")
def backward(lower: Floats, x: Floats) -> None:
    """Overwrite x, shape (D,), by lower'⁻¹ x."""
    for i in range(len(x) - 1, -1, -1):
        s = x[i]
        for k in range(i + 1, len(x)):
            s -= lower[k, i] * x[k]
        x[i] = s / lower[i, i]


@numba.njit(error_model="numpy")
def between(slope: Floats, lower: Floats, out: Floats) -> None:
    """Write slope A⁻¹ slope', for the factor of A; ``slope`` (R, D) is overwritten."""
    R, D = slope.shape
    for r in range(R):
        forward(lower, slope[r])
        for t in range(r + 1):
            s = 0.0
            for i in range(D):
                s += slope[r, i] * slope[t, i]
            out[r, t] = s
            out[t, r] = s


@numba.njit(error_model="numpy")
def put(target: Floats, source: Floats, size: float = 0.0, step: Floats | None = None) -> None:
    """Write source, or source + size step, into an array of the same shape."""
    for i in range(target.size):
        if step is None:
            target.flat[i] = source.flat[i]
        else:
            target.flat[i] = source.flat[i] + size * step.flat[i]
