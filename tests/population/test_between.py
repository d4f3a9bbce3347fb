"""Clusters with given ICCs: against other programs, dense quadrature and what cannot be."""

import itertools
from typing import Any

import numpy as np
import pytest
from oracles import oracle

from bmco_pymc import Scenario, patterns
from bmco_pymc.errors import InputError
from bmco_pymc.population.between import iccs, solve
from bmco_pymc.population.clusters import covariance, default_between
from bmco_pymc.population.mixture import Mixture
from bmco_pymc.population.truth import Truth

type Array = np.ndarray


def dense(logits: Array, root: Array, shift: Array, weight: Array, n: int) -> tuple[Array, ...]:
    """Return mean φ, ICCs and those of pairs by brute force: n nodes in every direction."""
    k = len(root)
    x, w = np.polynomial.hermite_e.hermegauss(n)
    w = w / w.sum()
    bits = patterns.bits(k).astype(float)
    nodes = np.array(list(itertools.product(x, repeat=k)))
    mass = np.array([np.prod(part) for part in itertools.product(w, repeat=k)])
    eta = logits + (nodes @ root.T @ bits.T)[:, None, :] + shift @ bits.T  # (N, C, Q)
    odds = np.exp(eta)
    phi = np.einsum("c,ncq->nq", weight, odds / odds.sum(axis=2, keepdims=True))
    theta = phi @ bits
    mean = mass @ theta
    variance = (theta - mean).T @ (mass[:, None] * (theta - mean))
    sd = np.sqrt(mean * (1 - mean))
    correlation = variance / np.outer(sd, sd)
    pairs = [correlation[pair] for pair in patterns.pairs(k)]
    return mass @ phi, np.diag(correlation), np.array(pairs)


def test_oracle_of_a_scenario() -> None:
    row = oracle("scenario.sigma")
    given = row.inputs
    phi = patterns.phi_from_theta_rho(given["theta"], given["rho"])
    asked = covariance(phi, np.full(2, given["icc"]), np.array([given["icc_between"]]))
    found = solve(phi[None], Mixture.none(4), asked)
    assert found is not None
    logits, first, second, correlation = row.value
    np.testing.assert_allclose(found.logits[0], [*logits, 0], atol=1e-6)
    S = found.root @ found.root.T
    np.testing.assert_allclose(np.diag(S), [first, second], atol=1e-6)
    assert S[0, 1] / np.sqrt(S[0, 0] * S[1, 1]) == pytest.approx(correlation, abs=1e-6)
    np.testing.assert_allclose(found.phi, phi, atol=1e-12)
    scenario = Scenario(given["theta"], given["theta"], given["rho"], icc=0.05, icc_between=0.02)
    truth = scenario.truth(0)
    assert isinstance(truth, Truth)
    np.testing.assert_array_equal(truth.base[0], found.logits[0])


def test_oracle_of_iccs() -> None:
    row = oracle("clus.icc")
    _, icc, between = iccs(np.zeros(3), 0.1 * np.eye(3))
    np.testing.assert_allclose([*icc, *between], row.value, atol=row.tolerance)
    row = oracle("clus.icc.inverse")
    _, icc, _ = iccs(np.zeros(3), row.value * np.eye(3))
    np.testing.assert_allclose(icc, row.inputs["icc"], atol=1e-6)


def test_iccs_of_one_outcome_and_of_many_logits() -> None:
    theta, icc, between = iccs([0.3], [[0.0]])
    assert (icc.tolist(), between.shape) == ([0.0], (0,))
    assert theta[0] == pytest.approx(1 / (1 + np.exp(-0.3)), rel=1e-14)
    # Seven logits of independent effects: by a sequence, against effects on the outcomes alone.
    bits = patterns.bits(3).astype(float)
    sigma = bits @ np.diag([0.3, 0.2, 0.4]) @ bits.T
    exact = iccs(np.zeros(7), sigma[:-1, :-1])
    by_sequence = iccs(np.zeros(7), sigma[:-1, :-1] + 1e-9 * np.eye(7))
    for one, other in zip(exact, by_sequence, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(("k", "n"), [(1, 60), (2, 40), (3, 24)])
@pytest.mark.parametrize("size", [0.01, 0.08, 0.2])
def test_asymmetric_truths(k: int, n: int, size: float) -> None:
    rng = np.random.default_rng(100 * k)
    phi = rng.dirichlet(np.full(2**k, 2.0))
    icc = size * rng.uniform(0.6, 1.2, k)
    between = default_between(phi, icc) * 0.5
    found = solve(phi[None], Mixture.none(2**k), covariance(phi, icc, between))
    assert found is not None
    mean, own, pairs = dense(found.logits[0], found.root, np.zeros((1, k)), np.ones(1), n)
    np.testing.assert_allclose(mean, phi, atol=3e-8)
    np.testing.assert_allclose(own, icc, atol=3e-7)
    np.testing.assert_allclose(pairs, between, atol=3e-7)
    assert np.all(np.diag(found.root) > 0)
    assert found.root[np.triu_indices(k, 1)].tolist() == [0.0] * (k * (k - 1) // 2)


def test_four_outcomes() -> None:
    scenario = Scenario([0.2, 0.3, 0.4, 0.5], [0.3, 0.4, 0.5, 0.6], 0.2, icc=0.02)
    truth = scenario.truth(0)
    assert isinstance(truth, Truth)
    assert truth.roots is not None
    none = np.zeros((1, 4))
    mean, own, pairs = dense(truth.base[1], truth.roots[1], none, np.ones(1), 9)
    np.testing.assert_allclose(mean, scenario.phi[0, 1], atol=1e-8)
    np.testing.assert_allclose(own, 0.02, atol=1e-8)
    np.testing.assert_allclose(pairs, 0.004, atol=1e-8)


def test_covariates_as_well() -> None:
    rng = np.random.default_rng(5)
    phi = rng.dirichlet(np.full(4, 2.0))
    weight, shift = rng.dirichlet(np.ones(6)), rng.normal(size=(6, 2))
    mixture = Mixture.of_offsets(weight, shift @ patterns.bits(2).T)
    icc, between = np.array([0.06, 0.1]), np.array([0.03])
    found = solve(phi[None], mixture, covariance(phi, icc, between))
    assert found is not None
    mean, own, pairs = dense(found.logits[0], found.root, shift, weight, 40)
    np.testing.assert_allclose(mean, phi, atol=1e-8)
    np.testing.assert_allclose(own, icc, atol=1e-7)
    np.testing.assert_allclose(pairs, between, atol=1e-7)
    equal = solve(phi[None], mixture, np.zeros((2, 2)))
    assert equal is not None
    assert not equal.root.any()


@pytest.mark.parametrize(("theta", "icc"), [(0.001, 0.01), (0.004, 0.2), (0.98, 0.3)])
def test_rare_outcomes(theta: float, icc: float) -> None:
    truth = Scenario(theta, 0.5, icc=icc).truth(0)
    assert isinstance(truth, Truth)
    assert truth.roots is not None
    mean, own, _ = dense(truth.base[0], truth.roots[0], np.zeros((1, 1)), np.ones(1), 150)
    np.testing.assert_allclose(mean, [theta, 1 - theta], rtol=1e-5)
    np.testing.assert_allclose(own, icc, rtol=1e-4)


def test_impossible_patterns_stay_so() -> None:
    scenario = Scenario(
        phi=[[0.4, 0, 0.3, 0.3], [0, 0.5, 0.5, 0]], icc={"control": 0.05, "treatment": 0}
    )
    truth = scenario.truth(0)
    arm = np.repeat(np.array([0, 1], np.int8), 20_000)
    pattern = truth.draw(np.random.default_rng(1), arm, np.arange(40_000) // 10)[1]
    counts = [np.bincount(pattern[arm == g], minlength=4) for g in (0, 1)]
    assert (counts[0][1], counts[1][0], counts[1][3]) == (0, 0, 0)


def test_perfectly_correlated_effects() -> None:
    scenario = Scenario([0.4, 0.4], [0.4, 0.4], 0.3, icc=0.05, icc_between=0.05)
    truth = scenario.truth(0)
    assert isinstance(truth, Truth)
    assert truth.roots is not None
    root = truth.roots[0]
    np.testing.assert_allclose(root, [[root[0, 0], 0], [root[0, 0], 0]], atol=1e-3)


TWO: dict[str, Any] = {"control": [0.4, 0.5], "treatment": [0.6, 0.6], "rho": 0.3}


IN_CONTROL = "(control group)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"icc": 0.05, "icc_between": 0.06},
            f"icc_between=0.06: must lie between -0.05 and 0.05, as the icc allow {IN_CONTROL}",
        ),
        (
            {"icc": 0.05, "icc_between": 0.05},
            "icc_between=0.05: no logit-normal clusters have it beside these icc and theta; "
            f"0.0497 is possible {IN_CONTROL}",
        ),
        (
            {"rho": 0.8, "icc": 0.3, "icc_between": -0.25},
            "icc_between=-0.25: leaves a correlation of 1.5 within clusters, outside -1 to 1; it "
            f"must lie between 0.1 and 0.3 {IN_CONTROL}",
        ),
        (
            {"icc": [[0.0, 0.1]]},
            "icc=[0.0, 0.1]: no logit-normal clusters have these ICCs and theta: where an outcome "
            f"differs between clusters, those correlated with it do {IN_CONTROL}",
        ),
        (
            {"icc": [0.02, 0.05], "icc_between": 0.04},
            "icc_between=0.04: must lie between -0.02 and 0.02, as the icc allow (control group, "
            "scenario 'icc = 0.02')",
        ),
        ({"icc": 0.6}, "icc=0.6: must be from 0 to 0.5"),
        ({"icc": -0.1}, "icc=-0.1: must be from 0 to 0.5"),
        ({"icc": "a"}, "icc='a': must be ICCs, in lists of equal length"),
        (
            {"icc": [[0.1, 0.1, 0.1]]},
            "icc=[[0.1, 0.1, 0.1]]: must be a number, a list of them, or a list of lists of one "
            "for each outcome",
        ),
        (
            {"icc": {"control": 0.1}},
            "icc={'control': 0.1}: must be a mapping of both groups; choose from 'control', "
            "'treatment'",
        ),
        ({"icc_between": 0.01}, "icc_between=0.01: needs icc, of each outcome itself"),
        (
            {"icc": 0.1, "between": "beta"},
            "between='beta': there are no such clusters; choose from 'logit-normal', 'dirichlet'",
        ),
        (
            {"between": None},
            "between=None: there are no such clusters; choose from 'logit-normal', 'dirichlet'",
        ),
        (
            {"icc": [[0.1, 0.2]], "between": "dirichlet"},
            "icc=[[0.1, 0.2]]: Dirichlet clusters have one icc for all outcomes",
        ),
        (
            {"icc": 0.1, "icc_between": 0.02, "between": "dirichlet"},
            "icc_between=0.02: cannot be given of Dirichlet clusters, where it is icc times rho",
        ),
        ({"icc": 0.1, "group_correlation": 1.5}, "group_correlation=1.5: must be from -1 to 1"),
        ({"icc": 0.1, "group_correlation": "a"}, "group_correlation='a': must be from -1 to 1"),
        (
            {"icc": [0.1, 0.1]},
            "icc=[0.1, 0.1]: has a value twice; each is combined with all others",
        ),
    ],
)
def test_what_cannot_be(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        Scenario(**TWO | arguments)
    assert str(error.value) == message


def test_other_refusals() -> None:
    with pytest.raises(InputError, match="a single outcome has none"):
        Scenario(0.4, 0.5, icc=0.1, icc_between=0.1)
    with pytest.raises(InputError, match="at most 5 outcomes: take Dirichlet"):
        Scenario([0.5] * 6, [0.5] * 6, icc=0.1)
    assert Scenario([0.5] * 6, [0.5] * 6, icc=0.1, between="dirichlet").clustered
    with pytest.raises(InputError, match="an outcome that is certain has no ICC"):
        Scenario(phi=[[0.5, 0, 0.5, 0], [0.25] * 4], icc=0.1)
    with pytest.raises(InputError, match=r"outcomes 1 and 3"):
        Scenario([0.4] * 3, [0.5] * 3, 0.3, icc=0.1, icc_between=[[0.02, 0.2, 0.02]])


def test_of_many_truths_the_refusal_comes_later() -> None:
    many = Scenario([0.4, 0.5], [0.6, 0.6], np.linspace(0, 0.3, 60), icc=0.1, icc_between=0.11)
    with pytest.raises(InputError, match="icc_between=0.11: .*scenario 'rho = 0'"):
        many.truth(0)
