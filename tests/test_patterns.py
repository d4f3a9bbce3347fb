"""Patterns: names, codes and probabilities for K = 1 to 5."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmco_pymc import patterns
from bmco_pymc.errors import InputError

EVERY_K = pytest.mark.parametrize("k", [1, 2, 3, 4, 5])


def some_phi(k: int, *shape: int, seed: int = 1) -> np.ndarray:
    """Return lopsided pattern probabilities of the given leading shape."""
    return np.random.default_rng(seed).dirichlet(np.linspace(0.2, 3, 2**k), size=shape)


def test_labels_run_from_all_success_to_all_failure() -> None:
    assert patterns.labels(1) == ("1", "0")
    assert patterns.labels(2) == ("11", "10", "01", "00")
    assert patterns.labels(3) == ("111", "110", "101", "100", "011", "010", "001", "000")


@EVERY_K
def test_labels_are_the_bits_counted_down(k: int) -> None:
    expected = tuple(format(2**k - 1 - q, f"0{k}b") for q in range(2**k))
    assert patterns.labels(k) == expected
    assert ["".join(map(str, row)) for row in patterns.bits(k)] == list(expected)


@EVERY_K
def test_first_outcome_is_the_first_bit(k: int) -> None:
    first_only = np.eye(1, k)
    assert patterns.labels(k)[patterns.encode(first_only)[0]] == "1" + "0" * (k - 1)


@EVERY_K
def test_encode_and_decode_are_inverse(k: int) -> None:
    codes = np.arange(2**k)
    assert np.array_equal(patterns.encode(patterns.decode(codes, k)), codes)
    responses = np.random.default_rng(k).integers(0, 2, size=(50, k))
    assert np.array_equal(patterns.decode(patterns.encode(responses), k), responses)
    assert np.array_equal(patterns.encode(responses.astype(bool)), patterns.encode(responses))


def test_encode_of_no_rows_is_empty() -> None:
    assert patterns.encode(np.zeros((0, 3))).shape == (0,)


@EVERY_K
def test_pairs(k: int) -> None:
    assert patterns.pairs(k) == tuple(itertools.combinations(range(k), 2))


def test_bits_cannot_be_spoilt() -> None:
    with pytest.raises(ValueError, match="read-only"):
        patterns.bits(2)[0, 0] = 0


@EVERY_K
def test_theta_sums_the_patterns_with_a_success(k: int) -> None:
    phi = some_phi(k, 4, 3)
    theta = patterns.theta_from_phi(phi)
    assert theta.shape == (4, 3, k)
    for outcome in range(k):
        places = [q for q, name in enumerate(patterns.labels(k)) if name[outcome] == "1"]
        np.testing.assert_allclose(theta[..., outcome], phi[..., places].sum(-1), rtol=1e-14)


def test_theta_of_two_outcomes_by_hand() -> None:
    np.testing.assert_allclose(
        patterns.theta_from_phi([0.4, 0.3, 0.2, 0.1]), [0.7, 0.6], rtol=1e-14
    )


@EVERY_K
def test_rho_is_the_pearson_correlation_of_the_bits(k: int) -> None:
    phi = some_phi(k, 3)
    rho = patterns.rho_from_phi(phi)
    assert rho.shape == (3, k * (k - 1) // 2)
    values = patterns.bits(k).astype(float)
    for draw in range(3):
        centred = values - phi[draw] @ values
        covariance = centred.T @ (phi[draw][:, None] * centred)
        sd = np.sqrt(np.diag(covariance))
        expected = (covariance / np.outer(sd, sd))[np.triu_indices(k, 1)]
        np.testing.assert_allclose(rho[draw], expected, atol=1e-12)


def test_rho_keeps_its_sign() -> None:
    assert patterns.rho_from_phi([0.4, 0.1, 0.1, 0.4]) == pytest.approx([0.6])
    assert patterns.rho_from_phi([0.1, 0.4, 0.4, 0.1]) == pytest.approx([-0.6])
    assert patterns.rho_from_phi([0.0, 0.3, 0.7, 0.0]) == pytest.approx([-1.0])


def test_rho_of_a_rare_failure_keeps_its_digits() -> None:
    rare = 1e-18  # 1 - θ would be 0
    rho = patterns.rho_from_phi([1.0, rare, 2 * rare, 3 * rare])
    assert rho == pytest.approx([3 / np.sqrt(5 * 4)])


def test_rho_of_a_certain_outcome_is_nan_without_a_warning() -> None:
    rho = patterns.rho_from_phi([[0.4, 0.6, 0.0, 0.0], [0.4, 0.1, 0.1, 0.4]])
    assert np.isnan(rho[0, 0])
    assert rho[1, 0] == pytest.approx(0.6)


def test_phi_from_theta_rho_by_hand() -> None:
    # s1 s2 = √(0.7·0.3·0.6·0.4); φ11 = 0.42 + 0.1·s1 s2
    shared = 0.1 * np.sqrt(0.0504)
    expected = [0.42 + shared, 0.28 - shared, 0.18 - shared, 0.12 + shared]
    np.testing.assert_allclose(patterns.phi_from_theta_rho([0.7, 0.6], 0.1), expected, rtol=1e-14)


def test_phi_from_theta_rho_inverts_theta_and_rho() -> None:
    phi = some_phi(2, 200, 2)
    theta, rho = patterns.theta_from_phi(phi), patterns.rho_from_phi(phi)[..., 0]
    np.testing.assert_allclose(patterns.phi_from_theta_rho(theta, rho), phi, atol=1e-12)


def test_phi_from_theta_rho_broadcasts() -> None:
    phi = patterns.phi_from_theta_rho([0.7, 0.6], [0.0, 0.1, 0.2])
    assert phi.shape == (3, 4)
    np.testing.assert_allclose(patterns.theta_from_phi(phi), [[0.7, 0.6]] * 3, rtol=1e-12)
    np.testing.assert_allclose(patterns.rho_from_phi(phi)[:, 0], [0, 0.1, 0.2], atol=1e-12)


@given(st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99)), st.booleans())
def test_the_frechet_bounds_are_reached_and_not_passed(
    theta: tuple[float, float], upper: bool
) -> None:
    a, b = theta
    scale = np.sqrt(a * (1 - a) * b * (1 - b))
    both = min(a, b) if upper else max(0.0, a + b - 1)
    bound = (both - a * b) / scale
    phi = patterns.phi_from_theta_rho(theta, bound)
    assert phi.min() >= 0
    assert np.min(phi[[1, 2]] if upper else phi[[0, 3]]) == pytest.approx(0, abs=1e-12)
    assert phi.sum() == pytest.approx(1, abs=1e-12)
    with pytest.raises(InputError, match="must lie between"):
        patterns.phi_from_theta_rho(theta, bound + (0.01 if upper else -0.01))


def test_frechet_error_names_the_bounds_of_the_offender() -> None:
    with pytest.raises(InputError) as caught:
        patterns.phi_from_theta_rho([[0.5, 0.5], [0.2, 0.9]], [0.9, 0.5])
    assert caught.value.argument == "rho"
    assert caught.value.value == 0.5
    # (min(.2, .9) − .18)/(.4·.3) = 0.1667 and (max(0, .1) − .18)/(.4·.3) = −0.6667
    assert "between -0.6667 and 0.1667" in str(caught.value)


def test_certain_outcomes_take_no_correlation() -> None:
    np.testing.assert_allclose(patterns.phi_from_theta_rho([1.0, 0.3], 0.0), [0.3, 0.7, 0, 0])
    with pytest.raises(InputError, match="certain has no correlation"):
        patterns.phi_from_theta_rho([1.0, 0.3], 0.1)


@pytest.mark.parametrize("k", [0, -1, 2.0, "2"])
def test_number_of_outcomes_must_be_whole_and_positive(k: object) -> None:
    with pytest.raises(InputError, match="n_outcomes"):
        patterns.bits(k)


@pytest.mark.parametrize(
    "responses", [[[0, 2]], [[0.5, 1]], [[np.nan, 1]], [0, 1], np.zeros((2, 0))]
)
def test_encode_takes_only_binary_matrices(responses: object) -> None:
    with pytest.raises(InputError, match="responses"):
        patterns.encode(responses)  # type: ignore[arg-type]


@pytest.mark.parametrize("codes", [[4], [-1], [0.0]])
def test_decode_takes_only_codes(codes: list[int]) -> None:
    with pytest.raises(InputError, match="whole numbers from 0 to 3"):
        patterns.decode(codes, 2)


@pytest.mark.parametrize("phi", [0.3, [1.0], [0.2, 0.3, 0.5], [[0.2] * 5]])
def test_phi_must_have_a_power_of_two_of_patterns(phi: object) -> None:
    with pytest.raises(InputError, match="patterns in its last dimension"):
        patterns.theta_from_phi(phi)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="patterns in its last dimension"):
        patterns.rho_from_phi(phi)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("theta", "rho", "argument"),
    [
        ([0.5], 0.1, "theta"),
        (0.5, 0.1, "theta"),
        ([0.5, 1.1], 0.1, "theta"),
        ([np.nan, 0.5], 0.1, "theta"),
        ([0.5, 0.5], np.nan, "rho"),
    ],
)
def test_phi_from_theta_rho_names_the_bad_argument(
    theta: object, rho: float, argument: str
) -> None:
    with pytest.raises(InputError) as caught:
        patterns.phi_from_theta_rho(theta, rho)  # type: ignore[arg-type]
    assert caught.value.argument == argument
