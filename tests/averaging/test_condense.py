"""Fewer points, and a grid for new clusters: the averages of all points and of fine rules."""

import numpy as np
import pytest

from bmco_pymc.averaging import grid, new_clusters
from bmco_pymc.averaging import softmax as marginal
from bmco_pymc.averaging.condense import Rows, condense, discrete_gauss
from bmco_pymc.population.slopes import steepness_of_step


def rows(n, seed, clusters=None, sex=False):
    rng = np.random.default_rng(seed)
    age = rng.normal(50, 10, n)
    columns = [np.ones(n), age] if not sex else [np.ones(n), age, rng.integers(0, 2, n)]
    if sex:
        columns.append(columns[1] * columns[2])
    cluster = None if clusters is None else rng.integers(0, clusters, n)
    weight = rng.uniform(0.5, 1.5, n)
    return Rows(np.column_stack(columns), np.ones((n, 1)), weight / weight.sum(), cluster)


def draws(seed, S=50, P=2, L=3, clusters=4):
    rng = np.random.default_rng(seed)
    beta = rng.normal(0, 0.05, size=(S, P, L))
    gamma = rng.normal(0, 1, size=(S, 1, L))
    return {
        "beta": beta,
        "gamma": gamma,
        "gamma_cluster": gamma[:, None] + rng.normal(size=(S, clusters, 1, L)),
        "Sigma": rng.gamma(2, 1, size=(S, L, 1, 1)),
    }


@pytest.mark.parametrize(("clusters", "sex"), [(None, False), (4, False), (None, True)])
def test_condensed_points_have_the_same_average(clusters, sex):
    points, given = rows(2000, 1, clusters, sex), draws(2, P=4 if sex else 2)
    kind = "observed" if clusters else None
    few = condense(points, lambda dx, dz, j: steepness_of_step(given, kind, dx, dz, j))
    assert len(few.weight) <= 45 * (clusters or 1) * (1 + sex)
    assert few.weight.sum() == pytest.approx(1, abs=1e-13)

    def average(r):
        if clusters is None:
            return marginal.average_phi(given["beta"], r.X, r.weight)
        return marginal.average_phi(
            given["beta"], r.X, r.weight, gamma=given["gamma_cluster"], Z=r.Z, cluster=r.cluster
        )

    assert abs(average(few) - average(points)).max() < 1e-9


def test_what_is_not_on_a_line_stays():
    points = rows(500, 3)
    curve = points._replace(X=np.column_stack([points.X, points.X[:, 1] ** 2]))
    kept = condense(curve, lambda dx, dz, j: 1.0)
    assert np.array_equal(kept.X, curve.X)
    steep = condense(points, lambda dx, dz, j: 1e4)  # as many nodes as points
    assert np.array_equal(steep.X, points.X)
    same = rows(100, 4)._replace(X=np.ones((100, 2)))
    assert condense(same, lambda dx, dz, j: 1.0) is same  # nothing continuous


def test_gauss_rule_of_few_places():
    t = np.repeat([0.0, 1.0, 5.0], 10)
    nodes, mass = discrete_gauss(t, np.full(30, 1 / 30), 6)
    assert nodes == pytest.approx([0, 1, 5], abs=1e-12)
    assert mass == pytest.approx([1 / 3] * 3, abs=1e-12)


def brute(eta, root, n=400_000, seed=5):
    """E[softmax(eta + R w)] by the tensor trapezoidal rule, far finer than the grid's."""
    L = len(eta)
    t = np.linspace(-8, 8, {1: 4001, 2: 801, 3: 161}[L])
    w = np.stack(np.meshgrid(*[t] * L, indexing="ij")).reshape(L, -1)
    mass = np.exp(-0.5 * (w**2).sum(axis=0))
    u = eta[:, None] + root @ w
    u = np.vstack([u, np.zeros(u.shape[1])])
    odds = np.exp(u - u.max(axis=0))
    return (odds / odds.sum(axis=0)) @ (mass / mass.sum())


@pytest.mark.slow
@pytest.mark.parametrize("variance", [0.05, 1.0, 8.0, 45.0])
@pytest.mark.parametrize("L", [1, 2, 3])
def test_grid_is_exact_to_its_tolerance(L, variance):
    """Independent and correlated logits; errors of a probability well below 1e-3."""
    rng = np.random.default_rng(L)
    covariances = [np.diag(variance * np.array([1.0, 0.6, 0.1])[:L])]
    A = rng.normal(size=(L, L))
    covariances.append(variance * (A @ A.T) / np.trace(A @ A.T))
    for covariance in covariances:
        Sigma = covariance.reshape(1, L, 1, L, 1)
        size = int(grid.grid_sizes(Sigma, np.ones((1, 1)))[0, 0])
        assert size <= grid.MOST
        for eta in (np.zeros(L), np.array([3.0, -2.0, 1.0])[:L], np.array([-4.0, 5.0, 4.0])[:L]):
            phi = np.zeros((1, 1, L + 1))
            which = np.zeros(1, dtype=np.int64)
            arrays = (eta.reshape(1, 1, L), Sigma, np.ones((1, 1)), which, np.ones((1, 1)))
            grid.integrate(*arrays, size, phi)
            expected = brute(eta, np.linalg.cholesky(covariance))
            assert abs(phi[0, 0] - expected).max() < 3e-4  # 1e-4 in each direction
            assert phi.sum() == pytest.approx(1, abs=1e-12)


def test_grid_of_a_singular_covariance_and_huge_logits():
    Sigma = np.zeros((2, 3, 1, 3, 1))
    eta = np.array([[[1.0, 2.0, 0.0]], [[900.0, 890.0, -900.0]]])
    phi, which = np.zeros((2, 1, 4)), np.zeros(1, dtype=np.int64)
    assert grid.grid_sizes(Sigma, np.ones((1, 1))).max() == 1
    grid.integrate(eta, Sigma, np.ones((1, 1)), which, np.ones((1, 1)), 1, phi)
    odds = np.exp([1.0, 2.0, 0.0, 0.0])
    assert phi[0, 0] == pytest.approx(odds / odds.sum(), rel=1e-12)
    assert phi[1, 0] == pytest.approx(
        [1 / (1 + np.exp(-10)), 1 / (1 + np.exp(10)), 0, 0], abs=1e-12
    )


def test_grid_and_sequence_agree(monkeypatch):
    """Two rules for the same integral, over many points."""
    points, given = rows(20, 6), draws(7, S=20)
    arguments = (given["beta"], given["gamma"], given["Sigma"], points.X, points.Z, points.weight)
    with_grid = new_clusters.average_phi_new(*arguments)
    arms = points.weight[:, None] * np.repeat([[2.0, 0.0], [0.0, 2.0]], 10, axis=0)
    by_arm = new_clusters.average_phi_new(*arguments[:-1], arms)
    assert by_arm.mean(axis=1) == pytest.approx(with_grid, rel=1e-12)
    monkeypatch.setattr(grid, "RADIUS2", ())  # no dimension is small enough for a grid
    sobol = new_clusters.average_phi_new(*arguments)
    difference = abs(with_grid - sobol).max()
    assert 0 < difference < 1e-3  # not the same rule twice
