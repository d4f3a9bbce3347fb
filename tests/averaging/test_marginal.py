"""Pattern probabilities averaged over populations, against loops, quadrature and simulation."""

import math
import os
import subprocess
import sys
import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import expit, ndtr, softmax

from bmco_pymc.averaging import blocks, grid
from bmco_pymc.averaging import softmax as marginal
from bmco_pymc.averaging.new_clusters import average_phi_new
from bmco_pymc.averaging.quadrature import largest_variance, node_count
from bmco_pymc.averaging.softmax import average_phi
from bmco_pymc.patterns import theta_from_phi
from bmco_pymc.population.marginal import marginalise
from bmco_pymc.population.points import Points, Resolved

Floats = NDArray[np.float64]


def full_softmax(eta: Floats) -> Floats:
    """Return probabilities (..., Q) of logits (..., L) against the reference."""
    return softmax(np.concatenate([eta, np.zeros((*eta.shape[:-1], 1))], axis=-1), axis=-1)


def weights(rng: np.random.Generator, n: int) -> Floats:
    weight = rng.gamma(2.0, size=n)
    return weight / weight.sum()


# --- given clusters, or none ---------------------------------------------------------------------


@pytest.mark.parametrize("n_outcomes", [1, 2, 3])
def test_average_phi_is_the_mean_of_softmaxes(n_outcomes: int) -> None:
    rng = np.random.default_rng(n_outcomes)
    n_logits = 2**n_outcomes - 1
    beta = rng.normal(0.5, 1.5, (7, 3, n_logits))
    X, weight = rng.normal(1.0, 1.0, (11, 3)), weights(rng, 11)
    phi = average_phi(beta, X, weight)
    assert phi.shape == (7, n_logits + 1)
    for s in range(7):
        expected = sum(weight[i] * full_softmax(X[i] @ beta[s]) for i in range(11))
        np.testing.assert_allclose(phi[s], expected, rtol=1e-12)


def test_average_phi_uses_the_coefficients_of_each_points_cluster() -> None:
    rng = np.random.default_rng(3)
    beta, gamma = rng.normal(size=(5, 2, 3)), rng.normal(size=(5, 4, 2, 3))
    X, Z, weight = rng.normal(size=(9, 2)), rng.normal(size=(9, 2)), weights(rng, 9)
    cluster = np.array([3, 0, 0, 2, 3, 3, 2, 0, 0])  # none in cluster 1
    phi = average_phi(beta, X, weight, gamma=gamma, Z=Z, cluster=cluster)
    for s in range(5):
        eta = [X[i] @ beta[s] + Z[i] @ gamma[s, cluster[i]] for i in range(9)]
        np.testing.assert_allclose(phi[s], weight @ full_softmax(np.array(eta)), rtol=1e-12)


@pytest.mark.parametrize("n_fixed", [0, 2])
def test_blocks_do_not_change_the_result(n_fixed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    beta, gamma = rng.normal(size=(23, n_fixed, 3)), rng.normal(size=(23, 4, 1, 3))
    X, Z, weight = rng.normal(size=(50, n_fixed)), rng.normal(size=(50, 1)), weights(rng, 50)
    cluster = rng.integers(0, 4, 50)
    Sigma = np.full((23, 3, 1, 1), 0.7)

    def both() -> tuple[Floats, Floats]:
        given = average_phi(beta, X, weight, gamma=gamma, Z=Z, cluster=cluster)
        return given, average_phi_new(beta, gamma[:, 0], Sigma, X, Z, weight)

    whole = both()
    for module in (marginal, blocks):
        monkeypatch.setattr(module, "BLOCK", 40)  # fewer than the logits of one draw
    for part, expected in zip(both(), whole, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-13)


def test_any_logit_is_safe() -> None:
    eta = np.array([[800.0, -800.0, 0.0], [-750.0, -900.0, -710.0], [1e5, 1e5, -1e5]])
    expected = [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.5, 0.5, 0.0, 0.0]]
    X, Z = np.ones((1, 1)), np.ones((1, 1))
    zero = np.zeros((3, 3, 1, 1))
    for phi in (
        average_phi(eta[:, None], X, np.ones(1)),
        average_phi_new(
            eta[:, None], zero[:, :1, 0].transpose(0, 2, 1).repeat(3, 2), zero, X, Z, np.ones(1)
        ),
    ):
        np.testing.assert_allclose(phi, expected, atol=1e-300)


@pytest.mark.slow
@pytest.mark.parametrize("new", [False, True])
def test_memory_does_not_grow_with_the_draws(new: bool) -> None:
    # The logits alone of 32 more draws would take 300 MB, or 30 MB for new clusters.
    rng = np.random.default_rng(5)
    n, n_logits = 40_000 if new else 400_000, 3
    X, weight = np.column_stack([np.ones(n), rng.normal(size=n)]), np.full(n, 1 / n)

    def peak(n_draws: int) -> int:
        beta = np.zeros((n_draws, 2, n_logits))
        Sigma = np.full((n_draws, n_logits, 1, 1), 0.3)
        tracemalloc.start()
        if new:
            average_phi_new(beta, beta[:, :1], Sigma, X, X[:, :1], weight)
        else:
            average_phi(beta, X, weight)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(8)  # imports and compiled code are in the first
    few, many = peak(8), peak(40)
    assert few < 400e6
    assert many < few + 20e6


# --- new clusters --------------------------------------------------------------------------------


def test_no_variance_between_clusters_is_no_cluster() -> None:
    rng = np.random.default_rng(6)
    beta, gamma = rng.normal(size=(4, 2, 7)), rng.normal(size=(4, 2, 7))
    X, Z, weight = rng.normal(size=(30, 2)), rng.normal(size=(30, 2)), weights(rng, 30)
    expected = average_phi(np.hstack([beta, gamma]), np.hstack([X, Z]), weight)
    for Sigma in (np.zeros((4, 7, 2, 2)), np.zeros((4, 7, 2, 7, 2))):
        np.testing.assert_allclose(
            average_phi_new(beta, gamma, Sigma, X, Z, weight), expected, rtol=1e-10
        )
    tiny = np.broadcast_to(1e-14 * np.eye(2), (4, 7, 2, 2))
    np.testing.assert_allclose(
        average_phi_new(beta, gamma, tiny, X, Z, weight), expected, atol=1e-10
    )


@pytest.mark.parametrize("variance", [0.05, 1.0, 5.0, 30.0, 1000.0])
def test_one_outcome_agrees_with_quad(variance: float) -> None:
    sd = math.sqrt(variance)
    for eta in (-5.0, -0.7, 2.0):

        def integrand(u: float, eta: float = eta) -> float:
            return expit(eta + u) * math.exp(-((u / sd) ** 2) / 2)

        # Split where the logistic is steep, at u = -eta.
        cuts = [-12 * sd, -eta - 40, -eta - 5, -eta, -eta + 5, -eta + 40, 12 * sd]
        cuts = np.unique(np.clip(cuts, -12 * sd, 12 * sd)).tolist()
        parts = (quad(integrand, a, b, limit=200)[0] for a, b in pairwise(cuts))
        expected = math.fsum(parts) / (sd * math.sqrt(2 * math.pi))
        phi = average_phi_new(
            np.zeros((1, 0, 1)),
            np.full((1, 1, 1), eta),
            np.full((1, 1, 1, 1), variance),
            np.zeros((1, 0)),
            np.ones((1, 1)),
            np.ones(1),
        )
        assert phi[0, 0] == pytest.approx(expected, abs=2e-4)
        assert phi.sum() == pytest.approx(1, abs=1e-12)


def draws_and_points(
    n_outcomes: int, form: str, scale: float, seed: int
) -> tuple[Floats, Floats, Floats, list[tuple[Floats, Floats, Floats]]]:
    """Return beta, gamma, Sigma of three draws and (X, Z, weight) of both groups."""
    rng = np.random.default_rng(seed)
    n_draws, n, L = 3, 3, 2**n_outcomes - 1
    x = rng.normal(size=n)
    weight = weights(rng, n)
    one = np.ones(n)
    p = 1 if form == "intercept" else 2
    arms = []
    for arm in (0, 1):
        if form == "intercept":
            X, Z = np.column_stack([one * arm, x, x * arm]), one[:, None]
        elif form == "group":
            X, Z = np.column_stack([x, x * arm]), np.column_stack([one, one * arm])
        else:  # a random slope
            X, Z = np.column_stack([one * arm, x * arm]), np.column_stack([one, x])
        arms.append((X, Z, weight))
    beta = rng.normal(0.4, 1.0, (n_draws, arms[0][0].shape[1], L))
    gamma = rng.normal(-0.3, 1.0, (n_draws, p, L))
    if form == "joint":
        A = rng.normal(size=(n_draws, L * p, L * p + 1)) + 1.5  # all correlated
        Sigma = (A @ A.swapaxes(1, 2) * scale / (L * p)).reshape(n_draws, L, p, L, p)
    else:
        A = rng.normal(size=(n_draws, L, p, p + 1))
        Sigma = A @ A.swapaxes(2, 3) * scale
    return beta, gamma, Sigma, arms


def simulate(
    beta: Floats, gamma: Floats, Sigma: Floats, arms: Any, size: int = 2_000_000
) -> Floats:
    """Return phi (2, Q) of one draw by drawing clusters' coefficients, the same for both groups."""
    rng = np.random.default_rng(99)
    p, L = gamma.shape
    joint = Sigma
    if Sigma.ndim == 3:
        joint = np.zeros((L, p, L, p))
        joint[np.arange(L), :, np.arange(L)] = Sigma
    root = np.linalg.cholesky(joint.reshape(L * p, L * p))
    phi, block = np.zeros((2, L + 1)), 50_000
    for _ in range(size // block):
        deviation = (root @ rng.standard_normal((L * p, block))).reshape(L, p, block)
        for arm, (X, Z, weight) in enumerate(arms):
            for x, z, w in zip(X, Z, weight, strict=True):
                eta = (x @ beta + z @ gamma)[:, None] + np.einsum("p,lpb->lb", z, deviation)
                odds = np.exp(eta)  # (L, block)
                total = 1 + odds.sum(axis=0)
                phi[arm] += w * np.append((odds / total).sum(axis=1), (1 / total).sum())
    return phi / size


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_outcomes", "form", "scale"),
    [
        (1, "slope", 0.8),
        (2, "intercept", 1.0),
        (2, "group", 0.3),
        (2, "slope", 3.0),
        (2, "joint", 1.0),
        (3, "slope", 0.8),
        (3, "joint", 2.0),
    ],
)
def test_new_clusters_agree_with_simulation(n_outcomes: int, form: str, scale: float) -> None:
    beta, gamma, Sigma, arms = draws_and_points(n_outcomes, form, scale, seed=11)
    phi = np.stack([average_phi_new(beta, gamma, Sigma, *arm) for arm in arms], axis=1)
    delta = np.diff(theta_from_phi(phi), axis=1)[:, 0]  # (S, K)
    assert np.abs(delta).max() > 0.1
    for s in range(len(beta)):
        simulated = simulate(beta[s], gamma[s], Sigma[s], arms)
        # SD of the simulation: below 0.5 / sqrt(2e6) = 3.5e-4, and far less for differences.
        np.testing.assert_allclose(phi[s], simulated, atol=1e-3)
        np.testing.assert_allclose(
            delta[s], np.diff(theta_from_phi(simulated), axis=0)[0], atol=7e-4
        )


@pytest.mark.parametrize("variance", [0.05, 1.0, 5.0, 30.0, 1000.0])
@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_differences_err_by_less_than_the_promise(variance: float, correlation: float) -> None:
    rng = np.random.default_rng(12)
    n_draws, L = 20, 3
    R = np.full((L, L), correlation) + (1 - correlation) * np.eye(L)
    Sigma = np.broadcast_to(variance * R[:, None, :, None], (n_draws, L, 1, L, 1))
    gamma = rng.uniform(-5, 5, (n_draws, 1, L))
    beta = rng.normal(0, 2, (n_draws, 1, L))
    one = np.ones((1, 1))

    def delta(n_nodes: int | None) -> Floats:
        phi = [
            average_phi_new(beta, gamma, Sigma, arm * one, one, np.ones(1), n_nodes=n_nodes)
            for arm in (0, 1)
        ]
        return theta_from_phi(phi[1]) - theta_from_phi(phi[0])

    np.testing.assert_allclose(delta(None), delta(2**18), atol=5e-4)


def test_many_points_err_no_more_than_one() -> None:
    rng = np.random.default_rng(13)
    n, L, n_draws = 300, 3, 10
    x = rng.normal(size=n)
    Sigma = np.broadcast_to(4.0 * np.eye(1), (n_draws, L, 1, 1))
    gamma, beta = rng.uniform(-2, 2, (n_draws, 1, L)), rng.normal(0, 1, (n_draws, 2, L))
    for weight in (np.full(n, 1 / n), rng.dirichlet(np.full(n, 0.3))):
        deltas = []
        for n_nodes in (None, 2**16):
            phi = [
                average_phi_new(
                    beta,
                    gamma,
                    Sigma,
                    np.column_stack([np.full(n, arm), x]),
                    np.ones((n, 1)),
                    weight,
                    n_nodes=n_nodes,
                )
                for arm in (0, 1)
            ]
            deltas.append(theta_from_phi(phi[1]) - theta_from_phi(phi[0]))
        np.testing.assert_allclose(deltas[0], deltas[1], atol=5e-4)


def test_huge_variances_and_logits_are_safe() -> None:
    # With an SD of 1e4 the logistic is a step: P(eta + u > 0).
    eta = np.array([-9000.0, 300.0, 6000.0])
    phi = average_phi_new(
        np.zeros((3, 0, 1)),
        eta[:, None, None],
        np.full((3, 1, 1, 1), 1e8),
        np.zeros((1, 0)),
        np.ones((1, 1)),
        np.ones(1),
    )
    np.testing.assert_allclose(phi[:, 0], ndtr(eta / 1e4), atol=4e-4)
    np.testing.assert_allclose(phi.sum(axis=1), 1, atol=1e-12)


def test_independent_logits_are_a_special_case_of_the_joint_form() -> None:
    beta, gamma, Sigma, arms = draws_and_points(2, "slope", 1.0, seed=14)
    joint = np.zeros((3, 3, 2, 3, 2))
    for q in range(3):
        joint[:, q, :, q] = Sigma[:, q]
    for arm in arms:
        np.testing.assert_allclose(
            average_phi_new(beta, gamma, joint, *arm),
            average_phi_new(beta, gamma, Sigma, *arm),
            rtol=1e-12,
        )
    _, Z, weight = arms[0]
    assert largest_variance(joint, Z, weight) == largest_variance(Sigma, Z, weight)
    by_hand = max(Z[i] @ Sigma[s, q] @ Z[i] for s in range(3) for q in range(3) for i in range(3))
    assert largest_variance(Sigma, Z, weight) == pytest.approx(by_hand)


def test_a_singular_covariance_moves_all_logits_together() -> None:
    # u is one number, added to the three logits: the patterns but the last keep their odds.
    L, eta = 3, np.array([1.0, -0.5, 0.2])
    phi = average_phi_new(
        np.zeros((1, 0, L)),
        eta[None, None],
        np.full((1, L, 1, L, 1), 2.0),
        np.zeros((1, 0)),
        np.ones((1, 1)),
        np.ones(1),
    )[0]
    np.testing.assert_allclose(phi[:L] / phi[0], np.exp(eta - eta[0]), rtol=1e-6)
    together = math.log(np.exp(eta).sum())
    expected, _ = quad(lambda w: expit(together + math.sqrt(2) * w) * math.exp(-w * w / 2), -9, 9)
    assert phi[:L].sum() == pytest.approx(expected / math.sqrt(2 * math.pi), abs=2e-4)


# --- from a target to phi ------------------------------------------------------------------------


def matrices(frame: pd.DataFrame, arm: int) -> tuple[Floats, Floats]:
    x = frame["x"].to_numpy(dtype=float)
    return np.column_stack([np.full(len(x), arm), x]), np.ones((len(x), 1))


def target(clusters: str | None, seed: int = 1) -> Resolved:
    rng = np.random.default_rng(seed)
    lists = []
    for n in (6, 8):
        cluster = rng.integers(0, 3, n) if clusters == "observed" else None
        lists.append(Points(pd.DataFrame({"x": rng.normal(size=n)}), cluster, weights(rng, n)))
    return Resolved((lists[0], lists[1]), "", clusters)


def posterior(seed: int = 2) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "beta": rng.normal(0.5, 1, (4, 2, 3)),
        "gamma": rng.normal(0, 1, (4, 1, 3)),
        "gamma_cluster": rng.normal(0, 1, (4, 3, 1, 3)),
        "Sigma": rng.gamma(1.0, size=(4, 3, 1, 1)),
    }


@pytest.mark.parametrize("clusters", [None, "observed", "new"])
def test_marginalise_asks_for_each_group_by_itself(clusters: str | None) -> None:
    population, draws = target(clusters), posterior()
    phi = marginalise(population, matrices, **draws)
    assert phi.shape == (4, 2, 4)
    for arm, points in enumerate(population.points):
        X, Z = matrices(points.frame, arm)
        if clusters == "new":
            expected = average_phi_new(
                draws["beta"], draws["gamma"], draws["Sigma"], X, Z, points.weight
            )
        else:
            gamma = draws["gamma_cluster"] if clusters else None
            expected = average_phi(
                draws["beta"], X, points.weight, gamma=gamma, Z=Z, cluster=points.cluster
            )
        np.testing.assert_array_equal(phi[:, arm], expected)


@pytest.mark.parametrize("clusters", [None, "observed", "new"])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_swapping_the_groups_swaps_the_result_exactly(clusters: str | None, seed: int) -> None:
    population, draws = target(clusters, seed), posterior(seed + 1)
    swapped = Resolved(population.points[::-1], "", clusters)
    phi = marginalise(population, matrices, **draws)
    again = marginalise(swapped, lambda frame, arm: matrices(frame, 1 - arm), **draws)
    np.testing.assert_array_equal(again, phi[:, ::-1])


@pytest.mark.parametrize("clusters", [None, "observed", "new"])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_permuting_the_outcomes_permutes_the_result(clusters: str | None, seed: int) -> None:
    population, draws = target(clusters, seed), posterior(seed + 1)
    order = [0, 2, 1]  # of the logits "11", "10", "01" when the two outcomes trade places
    permuted = {name: value[..., order] for name, value in draws.items() if name != "Sigma"}
    permuted["Sigma"] = draws["Sigma"][:, order]
    theta = theta_from_phi(marginalise(population, matrices, **draws))
    again = theta_from_phi(marginalise(population, matrices, **permuted))
    # The nodes have no such symmetry, so new clusters agree up to the error of integration.
    np.testing.assert_allclose(again[..., ::-1], theta, atol=5e-4 if clusters == "new" else 1e-14)


def test_both_groups_get_the_nodes_of_the_wider_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smaller variance alone would get fewer nodes: then the groups' errors would differ."""
    monkeypatch.setattr(grid, "RADIUS2", ())  # the sequence, whatever the variance

    def less_in_the_control(frame: pd.DataFrame, arm: int) -> tuple[Floats, Floats]:
        X, Z = matrices(frame, arm)
        return X, Z * (1.0 if arm else 0.2)

    draws = posterior() | {"Sigma": np.full((4, 3, 1, 1), 20.0)}
    population = target("new")
    phi = marginalise(population, less_in_the_control, **draws)
    X, Z = less_in_the_control(population.points[0].frame, 0)
    weight = population.points[0].weight
    own, wider = node_count(3, 20.0 * 0.2**2), node_count(3, 20.0)
    assert own < wider
    by_nodes = {
        n: average_phi_new(draws["beta"], draws["gamma"], draws["Sigma"], X, Z, weight, n_nodes=n)
        for n in (own, wider)
    }
    np.testing.assert_allclose(phi[:, 0], by_nodes[wider], rtol=1e-12)
    assert np.abs(phi[:, 0] - by_nodes[own]).max() > 1e-8


@pytest.mark.parametrize(("clusters", "missing"), [("new", "Sigma"), ("observed", "gamma_cluster")])
def test_missing_draws_are_an_error(clusters: str, missing: str) -> None:
    draws = {name: value for name, value in posterior().items() if name != missing}
    with pytest.raises(TypeError, match=missing):
        marginalise(target(clusters), matrices, **draws)


def test_numba_and_scipy_are_imported_only_when_needed() -> None:
    code = (
        "import sys, bmco_pymc.averaging.softmax; "
        "print([m for m in ('numba', 'scipy', 'pymc', 'formulaic') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


DIGEST = """
import hashlib
import numpy as np
from bmco_pymc.averaging import grid
from bmco_pymc.averaging.new_clusters import average_phi_new
rng = np.random.default_rng(3)
digest = hashlib.sha256()
for L in (1, 3, 7):  # on a grid, and by a sequence
    root = rng.normal(0, 0.5, (20, L, 2, 2))
    beta, gamma = rng.normal(0, 1, (20, 1, L)), rng.normal(0, 1, (20, 2, L))
    X, Z = rng.normal(0, 1, (6, 1)), np.column_stack([np.ones(6), np.arange(6) % 2])
    phi = average_phi_new(beta, gamma, root @ root.swapaxes(2, 3), X, Z, np.full(6, 1 / 6))
    digest.update(phi.tobytes())
print(digest.hexdigest(), sum(grid.integrate.stats.cache_misses.values()))
"""


@pytest.mark.slow
def test_compiled_and_loaded_code_agree_to_the_last_digit(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", DIGEST]
    first, second = (
        subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    )
    assert (first[1], second[1]) == ("1", "0")
    assert first[0] == second[0]
