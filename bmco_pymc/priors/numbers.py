"""The numbers, vectors and matrices that a prior may have, checked and brought to one form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.arguments import numbers
from bmco_pymc.errors import InputError

Array = NDArray[np.float64]

Bounds = tuple[float, float]

# The smallest and largest number: squares, and ratios of squares, must be numbers too.
SIZES: Bounds = (1e-50, 1e50)
VARIANCES: Bounds = (1e-100, 1e100)
ANY_UNIT: Bounds = (1e-210, 1e210)  # variances of coefficients of the largest covariates


def finite(
    argument: str,
    value: Any,
    *,
    positive: bool = False,
    max_ndim: int = 2,
    sizes: Bounds = ANY_UNIT,
) -> Array:
    """Return the value as an array of finite (positive) numbers, or say what is wrong."""
    array = numbers(argument, value, "must be a number or an array of numbers")
    if array.ndim > max_ndim or array.size == 0:
        shapes = ["a number", "a vector", "a matrix"][: max_ndim + 1]
        raise InputError(argument, value, "must be " + " or ".join(shapes))
    if not np.isfinite(array).all():
        raise InputError(argument, value, "must be finite")
    if positive and (array <= 0).any():
        raise InputError(argument, value, "must be greater than zero")
    if abs(array).max() > sizes[1] or (positive and array.min() < sizes[0]):
        raise _beyond(argument, value, sizes)
    return array


def _beyond(argument: str, value: Any, sizes: Bounds) -> InputError:
    least, most = sizes
    what = f"has a number beyond {least:g} to {most:g}: take other units for the covariates"
    return InputError(argument, value, what)


def definite(argument: str, value: Any, sizes: Bounds = ANY_UNIT) -> Array:
    """Return a scalar, vector (diagonal) or matrix that is positive definite."""
    array = finite(argument, value, sizes=sizes)
    if array.ndim < 2:
        return finite(argument, value, positive=True, sizes=sizes)
    if array.shape[0] != array.shape[1]:
        raise InputError(argument, value, f"a matrix must be square, this one is {array.shape}")
    if not np.allclose(array, array.T, rtol=1e-8, atol=0):
        raise InputError(argument, value, "the matrix is not symmetric")
    if 0 < array.diagonal().min() < sizes[0]:
        raise _beyond(argument, value, sizes)
    try:
        np.linalg.cholesky(array)
    except np.linalg.LinAlgError:
        raise InputError(argument, value, "the matrix is not positive definite") from None
    return (array + array.T) / 2


def invertible(argument: str, value: Any) -> Array:
    """Return a square matrix that has an inverse."""
    array = finite(argument, value)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise InputError(argument, value, "must be a square matrix")
    if np.linalg.matrix_rank(array) < len(array):
        raise InputError(argument, value, "the matrix has no inverse")
    return array


def square(
    argument: str, array: Array, size: int, names: Sequence[str], given: Any = None
) -> Array:
    """Return the (size, size) matrix that a scalar, a diagonal or a matrix stands for.

    ``given`` is what the user wrote for it, which is what an error shows.
    """
    if array.ndim == 0:
        return np.eye(size) * array
    if array.shape[0] != size:
        what = f"is for {array.shape[0]} terms, the model has {size}: {', '.join(names)}"
        raise InputError(argument, array.tolist() if given is None else given, what)
    return np.diag(array) if array.ndim == 1 else array


def plain(value: Any) -> str:
    """Return an array as nested lists of short numbers, a number as itself.

    Examples
    --------
    >>> plain(2), plain([1 / 3, 10])
    ('2', '[0.333333, 10.0]')
    """
    array = np.asarray(value, dtype=float)
    if array.ndim == 0:
        return f"{array:.6g}"
    short = [float(f"{entry:.6g}") + 0.0 for entry in array.ravel()]
    return str(np.reshape(short, array.shape).tolist())
