"""The distribution of largest entropy: its rates, correlations and form, and when there is none."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from bmco_pymc import patterns
from bmco_pymc.errors import InputError
from bmco_pymc.population.entropy import largest_entropy


def matrix(rho: np.ndarray, k: int) -> np.ndarray:
    """Return a correlation matrix from the correlations of the pairs."""
    full = np.eye(k)
    for (i, j), value in zip(patterns.pairs(k), rho, strict=True):
        full[i, j] = full[j, i] = np.clip(value, -1, 1)
    return full


def asked(phi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rates and correlations of a distribution."""
    theta = patterns.theta_from_phi(phi)
    return theta, matrix(patterns.rho_from_phi(phi), len(theta))


def entropy(phi: np.ndarray) -> float:
    """Return the entropy."""
    some = phi[phi > 0]
    return -float(some @ np.log(some))


def check(phi: np.ndarray, theta: np.ndarray, rho: np.ndarray) -> None:
    """Look whether rates and correlations are those asked for, to 1e-10."""
    assert (phi >= 0).all()
    assert abs(phi.sum() - 1) < 1e-12
    assert abs(patterns.theta_from_phi(phi) - theta).max() < 1e-10
    found = patterns.rho_from_phi(phi)
    for place, pair in enumerate(patterns.pairs(len(theta))):
        assert abs(found[place] - rho[pair]) < 1e-10


@st.composite
def distributions(draw: Any, least: int, most: int) -> np.ndarray:
    """Return pattern probabilities: of all patterns, or of some of them only."""
    k = draw(st.integers(least, most))
    weights = draw(st.lists(st.integers(0, 40), min_size=2**k, max_size=2**k))
    phi = np.array(weights, dtype=float)
    bits = patterns.bits(k).astype(bool)
    for i in range(k):  # no outcome is certain
        phi[0] += not phi[bits[:, i]].any()
        phi[-1] += not phi[~bits[:, i]].any()
    return phi / phi.sum()


@settings(max_examples=200, deadline=None)
@given(distributions(2, 5))
def test_rates_and_correlations_are_those_asked_for(some: np.ndarray) -> None:
    theta, rho = asked(some)
    phi = largest_entropy(theta, rho)
    check(phi, theta, rho)
    assert entropy(phi) >= entropy(some) - 1e-9


@settings(max_examples=50, deadline=None)
@given(distributions(4, 4), st.permutations(range(4)))
def test_outcomes_in_another_order(some: np.ndarray, order: list[int]) -> None:
    theta, rho = asked(some)
    phi = largest_entropy(theta, rho)
    other = largest_entropy(theta[order], rho[np.ix_(order, order)])
    place = patterns.encode(patterns.bits(4)[:, order])  # pattern q reordered
    np.testing.assert_allclose(other[place], phi, atol=1e-7)


@settings(max_examples=50, deadline=None)
@given(distributions(3, 3))
def test_failures_as_successes(some: np.ndarray) -> None:
    theta, rho = asked(some)
    np.testing.assert_allclose(
        largest_entropy(1 - theta, rho)[::-1], largest_entropy(theta, rho), atol=1e-7
    )


@settings(max_examples=50, deadline=None)
@given(distributions(2, 2))
def test_two_outcomes_are_as_in_closed_form(some: np.ndarray) -> None:
    theta, rho = asked(some)
    np.testing.assert_allclose(
        largest_entropy(theta, rho), patterns.phi_from_theta_rho(theta, rho[0, 1]), atol=1e-11
    )


def test_the_form_is_log_linear_in_pairs() -> None:
    phi = largest_entropy([0.3, 0.6, 0.45, 0.7], matrix(np.array([3, 1, 2, 0, -1, 2]) / 10, 4))
    sign = 1 - 2 * patterns.bits(4).astype(int)  # (Q, K)
    for size in (3, 4):
        for outcomes in itertools.combinations(range(4), size):
            assert abs(sign[:, outcomes].prod(axis=1) @ np.log(phi)) < 1e-9


def test_against_a_general_optimiser() -> None:
    theta, rho = np.array([0.3, 0.6, 0.5]), matrix(np.array([0.3, -0.2, 0.25]), 3)
    features = patterns.bits(3).astype(float)
    sd = np.sqrt(theta * (1 - theta))
    moments = [theta[i] * theta[j] + rho[i, j] * sd[i] * sd[j] for i, j in patterns.pairs(3)]
    rows = np.column_stack(
        [np.ones(8), features, *(features[:, i] * features[:, j] for i, j in patterns.pairs(3))]
    ).T
    sides = np.concatenate([[1], theta, moments])
    found = minimize(
        lambda phi: phi @ np.log(phi),
        np.full(8, 1 / 8),
        jac=lambda phi: np.log(phi) + 1,
        bounds=[(1e-9, 1)] * 8,
        constraints={"type": "eq", "fun": lambda phi: rows @ phi - sides, "jac": lambda _: rows},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose(largest_entropy(theta, rho), found.x, atol=1e-6)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 10])
def test_without_correlation_the_outcomes_are_independent(k: int) -> None:
    theta = np.linspace(0.1, 0.7, k)
    bits = patterns.bits(k)
    product = np.where(bits == 1, theta, 1 - theta).prod(axis=1)
    np.testing.assert_allclose(largest_entropy(theta, 0), product, rtol=1e-12)


def test_rare_outcomes() -> None:
    assert largest_entropy([1e-300] * 3, 0)[-1] == 1
    for rho in (-1e-13, 1e-9, 0.1, 0.9):
        phi = largest_entropy([1e-12] * 3, rho)
        np.testing.assert_allclose(patterns.rho_from_phi(phi), rho, atol=1e-10)
        np.testing.assert_allclose(patterns.theta_from_phi(phi), 1e-12, rtol=1e-10)


def test_exchangeable_by_hand() -> None:
    # P(111) = P(000) = a, the others b: 2 a + 6 b = 1 and rho = 2 a - 2 b
    phi = largest_entropy([0.5] * 3, 0.2)
    np.testing.assert_allclose(phi, [0.2, *[0.1] * 6, 0.2], atol=1e-14)


def test_at_the_boundary() -> None:
    one_success_or_two = [0, *[1 / 6] * 6, 0]
    np.testing.assert_allclose(largest_entropy([0.5] * 3, -1 / 3), one_success_or_two, atol=1e-12)
    same = largest_entropy([0.3] * 3, 1.0)
    np.testing.assert_allclose(same, [0.3, *[0] * 6, 0.7], atol=1e-12)
    theta, bound = np.array([0.2, 0.4, 0.6]), np.sqrt(0.2 * 0.6 / (0.8 * 0.4))
    nested = matrix(np.array([bound, 0, 0]), 3)  # the first outcome is never without the second
    phi = largest_entropy(theta, nested)
    check(phi, theta, nested)
    assert phi[patterns.bits(3)[:, :2].tolist().index([1, 0])] < 1e-12
    two = largest_entropy([0.4, 0.3], -np.sqrt(0.4 * 0.3 / (0.6 * 0.7)))
    np.testing.assert_allclose(two, [0, 0.4, 0.3, 0.3], atol=1e-12)


def test_what_the_message_says_is_possible() -> None:
    with pytest.raises(InputError) as error:
        largest_entropy([0.5, 0.5, 0.5], -0.4)
    assert str(error.value) == (
        "rho=-0.4: each pair could be so correlated, but not all pairs at once for "
        "theta = (0.5, 0.5, 0.5); each may be -0.3333 to 1"
    )
    largest_entropy([0.5, 0.5, 0.5], -0.3333)
    with pytest.raises(InputError, match="rho=-0.3334"):
        largest_entropy([0.5, 0.5, 0.5], -0.3334)

    impossible = matrix(np.array([0.9, 0.9, -0.5]), 3)
    with pytest.raises(InputError, match=r"for theta = .*; 0.4347 times them is possible"):
        largest_entropy([0.5, 0.5, 0.5], impossible)
    # by hand: of three, two are equal, so 1 + r12 s + ... >= 0 with s of signs (-, -, +)
    times = 1 / 2.3  # 1 - 0.9 t - 0.9 t - 0.5 t = 0
    largest_entropy([0.5, 0.5, 0.5], matrix(0.4347 * np.array([0.9, 0.9, -0.5]), 3))
    assert 0.4347 < times < 0.4348


def test_a_pair_outside_its_bounds_is_named() -> None:
    with pytest.raises(InputError) as error:
        largest_entropy([0.2, 0.5, 0.9], matrix(np.array([0.1, 0.3, 0.1]), 3))
    assert str(error.value) == (
        "rho=0.3: must lie between -0.6667 and 0.1667 for theta = (0.2, 0.9) of outcomes 1 and 3"
    )


@pytest.mark.parametrize(
    ("theta", "rho", "message"),
    [
        ([0.5, 0.0, 0.5], 0, "theta=.*between 0 and 1, neither included"),
        ([0.5, np.nan, 0.5], 0, "theta="),
        ([[0.5, 0.5]], 0, "theta=.*flat list"),
        ([0.5] * 11, 0, "theta=.*1 to 10 outcomes"),
        ([0.5] * 3, [0.1, 0.2], "rho=.*3 x 3"),
        ([0.5] * 2, [[1, 0.2], [0.1, 1]], "rho=.*symmetric"),
        ([0.5] * 2, [[0, 0.2], [0.2, 0]], "rho=.*ones on the diagonal"),
        ([0.5] * 3, 1.2, "rho=1.2: must be correlations, from -1 to 1"),
        ([1e-300, 0.5, 0.4], 0.1, "theta=.*correlated rates must differ by 1e-12 from 0 and 1"),
        ([0.5] * 3, "much", "rho='much': must be correlations"),
    ],
)
def test_bad_input(theta: Any, rho: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        largest_entropy(theta, rho)
