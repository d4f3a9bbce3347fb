"""Plain loops over small arrays do what NumPy's linear algebra does."""

from __future__ import annotations

import numpy as np
import pytest

from bmco_pymc.laplace.triangles import backward, between, factor, forward, put

ROUNDING = 1e-10


def positive(size: int, seed: int) -> np.ndarray:
    """Return a positive definite matrix of entries about 1, far from singular."""
    root = np.random.default_rng(seed).normal(size=(size, size + 3))
    return root @ root.T + 0.5 * np.eye(size)


@pytest.mark.parametrize("size", [1, 2, 5, 12])
def test_factor_and_log_determinant(size: int) -> None:
    matrix = positive(size, size)
    lower = np.tril(matrix) + np.triu(np.full((size, size), np.nan), 1)  # above: never read
    log_det = factor(lower)
    assert np.tril(lower) == pytest.approx(np.linalg.cholesky(matrix), abs=ROUNDING)
    assert log_det == pytest.approx(np.linalg.slogdet(matrix)[1], abs=ROUNDING)
    assert np.isnan(lower[np.triu_indices(size, 1)]).all()


def test_no_factor_without_positive_definiteness() -> None:
    assert np.isnan(factor(np.array([[1.0, 0.0], [2.0, 1.0]])))


@pytest.mark.parametrize("size", [1, 3, 8])
def test_solving(size: int) -> None:
    matrix, x = positive(size, 20 + size), np.random.default_rng(size).normal(size=size)
    lower = np.linalg.cholesky(matrix)
    once = x.copy()
    forward(lower, once)
    assert once == pytest.approx(np.linalg.solve(lower, x), abs=ROUNDING)
    other = x.copy()
    backward(lower, other)
    assert other == pytest.approx(np.linalg.solve(lower.T, x), abs=ROUNDING)
    backward(lower, once)
    assert once == pytest.approx(np.linalg.solve(matrix, x), abs=ROUNDING)


@pytest.mark.parametrize(("rows", "size"), [(1, 1), (3, 2), (4, 6)])
def test_quadratic_form(rows: int, size: int) -> None:
    matrix, slope = positive(size, 7), np.random.default_rng(rows).normal(size=(rows, size))
    out = np.full((rows, rows), np.nan)
    between(slope.copy(), np.linalg.cholesky(matrix), out)
    assert out == pytest.approx(slope @ np.linalg.solve(matrix, slope.T), abs=ROUNDING)
    assert (out == out.T).all()


@pytest.mark.parametrize("shape", [(4,), (2, 3)])
def test_putting(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    source, step = rng.normal(size=(2, *shape))
    target = np.empty(shape)
    put(target, source)
    assert (target == source).all()
    put(target, source, 0.25, step)
    assert target == pytest.approx(source + 0.25 * step, abs=1e-15)
    put(target, target, -1.0, target)  # of itself
    assert (target == 0).all()
