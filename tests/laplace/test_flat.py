"""The Laplace approximation of a multinomial logit, against differences and exact integrals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import log_expit, softmax

from bmco_pymc.laplace.flat import averaged, expand, flat, log_posterior, mode

type Array = np.ndarray

STEP = 1e-5  # of central differences: their error is about its square


@dataclass(frozen=True)
class Data:
    """A data set with a prior."""

    design: Array
    counts: Array
    mean: Array
    precision: Array

    @property
    def all(self) -> tuple[Array, Array, Array, Array]:
        return self.design, self.counts, self.mean, self.precision

    @property
    def size(self) -> int:
        return len(self.mean)

    def mode(self) -> tuple[Array, Array]:
        """Return the mode, and the negative second derivative there."""
        coef, lower = self.mean.copy(), np.empty((self.size, self.size))
        assert mode(*self.all, coef, lower)
        return coef, np.tril(lower) @ np.tril(lower).T


def made(outcomes: int, n: int = 60, terms: int = 3, seed: int = 1) -> Data:
    """Return n rows with an intercept, the group and covariates, and a prior with correlations."""
    rng = np.random.default_rng(seed)
    Q = 2**outcomes
    columns = [np.ones(n), np.arange(n) % 2, *rng.normal(size=(terms, n))]
    design = np.stack(columns[:terms], axis=1)
    D = (Q - 1) * terms
    coef = rng.normal(scale=0.7, size=(Q - 1, terms))
    phi = softmax(np.column_stack([design @ coef.T, np.zeros(n)]), axis=1)
    counts = np.stack([rng.multinomial(rng.integers(1, 4), own) for own in phi]).astype(float)
    root = rng.normal(scale=0.3, size=(D, D))
    return Data(design, counts, rng.normal(scale=0.5, size=D), root @ root.T + 0.2 * np.eye(D))


def differences(function, at: Array, step: float = STEP) -> Array:
    """Return central differences of a function of (D,), a row for each argument."""
    steps = step * np.eye(len(at))
    return np.array([(function(at + s) - function(at - s)) / (2 * step) for s in steps])


def rows_of(data: Data) -> tuple[Array, Array]:
    """Return rows of both groups, all subjects in each, with weights of which one is zero."""
    rows = np.stack([data.design] * 2)
    rows[0, :, 1], rows[1, :, 1] = 0.0, 1.0
    weight = np.random.default_rng(9).random((2, len(data.design)))
    weight[1, 3] = 0.0
    return rows, weight / weight.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("outcomes", [1, 2, 3])
def test_density_gradient_and_second_derivative(outcomes: int) -> None:
    data = made(outcomes)
    at = np.random.default_rng(5).normal(size=data.size)
    gradient, hessian = np.empty(data.size), np.empty((data.size, data.size))
    value = expand(*data.all, at, gradient, hessian)
    # Written out with other means: what the kernel leaves out is a constant.
    L = 2**outcomes - 1
    eta = np.column_stack([data.design @ at.reshape(L, -1).T, np.zeros(len(data.design))])
    off = at - data.mean
    log_phi = np.log(softmax(eta, axis=1))
    exact = (data.counts * log_phi).sum() - off @ data.precision @ off / 2
    assert value == pytest.approx(exact, abs=1e-9)
    assert log_posterior(*data.all, at) == pytest.approx(exact, abs=1e-9)
    assert gradient == pytest.approx(differences(lambda c: log_posterior(*data.all, c), at), 1e-6)

    def slope(c: Array) -> Array:
        found = np.empty(data.size)
        expand(*data.all, c, found, np.empty_like(hessian))
        return found

    assert hessian == pytest.approx(-differences(slope, at), abs=1e-5)
    assert (hessian == hessian.T).all()


@pytest.mark.parametrize("outcomes", [1, 2, 3])
def test_the_gradient_vanishes_at_the_mode(outcomes: int) -> None:
    data = made(outcomes)
    coef, hessian = data.mode()
    gradient = differences(lambda c: log_posterior(*data.all, c), coef)
    # what a further step would gain is below 1e-9, to which the rounding of differences adds
    assert gradient @ np.linalg.solve(hessian, gradient) < 2e-9
    full, _ = np.empty_like(hessian), np.empty(data.size)
    expand(*data.all, coef, _, full)
    assert hessian == pytest.approx(full, abs=1e-9)


def test_the_prior_alone() -> None:
    """Without data the mode is the prior's mean, and the covariance its own."""
    data = made(2)
    data = Data(data.design, np.zeros_like(data.counts), data.mean, data.precision)
    coef, hessian = data.mode()
    assert coef == pytest.approx(data.mean, abs=1e-12)
    assert hessian == pytest.approx(data.precision, abs=1e-12)


def test_the_mean_of_the_prior_is_an_offset() -> None:
    """A prior that is nearly a point at b + m has the mode of the data's offset there."""
    data = made(2)
    away = np.random.default_rng(2).normal(size=data.size)
    near = Data(data.design, data.counts, away, 1e6 * np.eye(data.size))
    coef, _ = near.mode()
    gradient = differences(lambda c: log_posterior(*near.all, c), away)  # of the data alone
    # one step of Newton's method from the prior's mean; what is left is of the second order
    assert coef - away == pytest.approx(gradient / 1e6, rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("outcomes", [1, 2, 3])
@pytest.mark.parametrize("pattern", ["first", "last", "by group"])
def test_extreme_data_have_a_mode(outcomes: int, pattern: str) -> None:
    """All subjects alike, or all of a group: only the prior keeps the coefficients finite."""
    data = made(outcomes)
    counts = np.zeros_like(data.counts)
    group = data.design[:, 1].astype(int)
    none = np.zeros(len(group), dtype=int)
    where = {"first": none, "last": none - 1, "by group": group - 1}[pattern]
    counts[np.arange(len(counts)), where] = 50.0
    data = Data(data.design, counts, np.zeros(data.size), 0.01 * np.eye(data.size))
    coef, hessian = data.mode()
    gradient = differences(lambda c: log_posterior(*data.all, c), coef)
    assert np.abs(gradient).max() < 1e-4
    assert np.linalg.eigvalsh(hessian).min() > 0.0099
    rows, weight = rows_of(data)
    phi, covariance = np.empty((2, 2**outcomes)), np.empty((2 * 2**outcomes,) * 2)
    assert flat(*data.all, rows, weight, phi, covariance)
    assert np.isfinite(covariance).all()
    for g in range(2):
        likely = {"first": 0, "last": 2**outcomes - 1, "by group": 0 if g else 2**outcomes - 1}
        assert phi[g].argmax() == likely[pattern]
        assert phi[g].max() > 0.98


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_mode_is_said(bad: float) -> None:
    data = made(1)
    design = data.design.copy()
    design[0, 2] = bad
    found = flat(
        design, data.counts, data.mean, data.precision, *rows_of(data), np.empty((2, 2)),
        np.empty((4, 4)),
    )  # fmt: skip
    assert not found


@pytest.mark.parametrize("outcomes", [1, 2, 3])
def test_averages_by_the_delta_method(outcomes: int) -> None:
    data = made(outcomes)
    Q = 2**outcomes
    rows, weight = rows_of(data)
    phi, covariance = np.empty((2, Q)), np.empty((2 * Q, 2 * Q))
    assert flat(*data.all, rows, weight, phi, covariance)
    coef, hessian = data.mode()

    def average(c: Array) -> Array:
        eta = rows @ c.reshape(Q - 1, -1).T  # (2, n, L)
        own = softmax(np.concatenate([eta, np.zeros((*eta.shape[:2], 1))], axis=2), axis=2)
        return np.einsum("gi,giq->gq", weight, own).ravel()

    assert phi.ravel() == pytest.approx(average(coef), abs=1e-12)
    slope = differences(average, coef).T  # (2Q, D)
    assert covariance == pytest.approx(slope @ np.linalg.solve(hessian, slope.T), abs=1e-8)
    own, steep = np.empty(Q), np.empty((Q, data.size))
    averaged(rows[1], weight[1], coef, own, steep)
    assert own == pytest.approx(phi[1], abs=1e-12)
    assert steep == pytest.approx(slope[Q:], abs=1e-8)
    # A distribution of probabilities: they sum to one whatever the coefficients are.
    assert phi.sum(axis=1) == pytest.approx(np.ones(2), abs=1e-12)
    for g in range(2):
        assert covariance[g * Q : (g + 1) * Q].sum(axis=0) == pytest.approx(
            np.zeros(2 * Q), abs=1e-14
        )
    assert np.linalg.eigvalsh(covariance).min() > -1e-15
    assert (covariance == covariance.T).all()


def test_covariance_against_draws_of_the_coefficients() -> None:
    """By the delta method or by draws from N(mode, H⁻¹): 200 rows, so that both are alike.

    The delta method leaves out the curvature of φ: measured, 1 % of an SD and .13 SDs of a mean, to
    which the Monte Carlo error of 20,000 draws adds .5 % and .007 SDs.
    """
    data, draws = made(2, n=200, seed=3), 20_000
    rows = np.ascontiguousarray(rows_of(data)[0][:, :40])
    weight = np.full((2, 40), 1 / 40)
    phi, covariance = np.empty((2, 4)), np.empty((8, 8))
    assert flat(*data.all, rows, weight, phi, covariance)
    coef, hessian = data.mode()
    rng = np.random.default_rng(4)
    spread = np.linalg.inv(hessian)
    drawn = rng.multivariate_normal(coef, spread, draws, method="cholesky").reshape(draws, 3, -1)
    sample = np.zeros((draws, 2, 4))
    for g in range(2):
        for row, w in zip(rows[g], weight[g], strict=True):
            own = np.exp(drawn @ row)  # (draws, L)
            own = np.column_stack([own, np.ones(draws)])
            sample[:, g] += w * own / own.sum(axis=1, keepdims=True)
    found = np.cov(sample.reshape(draws, 8).T)
    sd = np.sqrt(np.diag(found))
    assert np.sqrt(np.diag(covariance)) == pytest.approx(sd, rel=0.025)
    assert covariance / np.outer(sd, sd) == pytest.approx(found / np.outer(sd, sd), abs=0.05)
    assert phi.ravel() == pytest.approx(sample.mean(axis=0).ravel(), abs=0.15 * sd.min())


@pytest.mark.parametrize("second", ["group", "covariate"])
@pytest.mark.parametrize("rate", [0.5, 0.2])
def test_averages_against_exact_integration(second: str, rate: float) -> None:
    """One outcome, two coefficients, 200 subjects: the approximation errs by O(1/n).

    The mean of φ by less than .01 SDs, its SD by .4 to 1 % and the correlation of both groups by
    .002, as measured; .02, 1.5 % and .005 are allowed.
    """
    n = 200
    rng = np.random.default_rng(11)
    x = np.arange(n) % 2 if second == "group" else rng.normal(size=n)
    design = np.stack([np.ones(n), x], axis=1).astype(float)
    success = rng.random(n) < 1 / (1 + (1 - rate) / rate * np.exp(-0.6 * x))
    counts = np.stack([success, ~success], axis=1).astype(float)
    data = Data(design, counts, np.array([0.2, -0.1]), np.array([[0.4, 0.1], [0.1, 0.3]]))
    rows = np.stack([np.stack([np.ones(n), x + shift], axis=1) for shift in (-0.5, 0.5)])
    if second == "group":
        rows = np.array([[[1.0, 0.0]], [[1.0, 1.0]]])
    weight = np.full(rows.shape[:2], 1 / rows.shape[1])
    phi, covariance = np.empty((2, 2)), np.empty((4, 4))
    assert flat(*data.all, rows, weight, phi, covariance)

    coef, hessian = data.mode()
    root = np.linalg.cholesky(np.linalg.inv(hessian))
    axis = np.linspace(-7, 7, 141)
    grid = coef + np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2) @ root.T
    log = np.zeros(len(grid))
    for row, (good, bad) in zip(design, counts, strict=True):
        eta = grid @ row
        log += good * log_expit(eta) + bad * log_expit(-eta)
    off = grid - data.mean
    log -= np.einsum("si,ij,sj->s", off, data.precision, off) / 2
    density = np.exp(log - log.max())
    density /= density.sum()
    theta = np.stack(
        [sum(w * np.exp(log_expit(grid @ row)) for row, w in zip(rows[g], weight[g], strict=True))
         for g in range(2)]
    )  # fmt: skip
    mean = theta @ density
    spread = np.einsum("s,gs,hs->gh", density, theta - mean[:, None], theta - mean[:, None])
    sd = np.sqrt(np.diag(spread))
    assert np.abs(phi[:, 0] - mean).max() < 0.02 * sd.min()
    assert np.sqrt(np.diag(covariance)[[0, 2]]) == pytest.approx(sd, rel=0.015)
    own = covariance[0, 2] / np.sqrt(covariance[0, 0] * covariance[2, 2])
    assert own == pytest.approx(spread[0, 1] / sd.prod(), abs=0.005)
