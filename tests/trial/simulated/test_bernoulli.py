"""Trials analysed by BMVB one at a time: the same numbers as exact planning has for all counts."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta, dirichlet

import bmco_pymc as bmco
from bmco_pymc import patterns
from bmco_pymc.trial.setting import Setting, ordered
from bmco_pymc.trial.simulated.bernoulli import DRAWS, OFTEN, differences, probabilities
from bmco_pymc.trial.simulated.mixtures import deciding

type Array = np.ndarray


def setting(name: str = "all", outcomes: int = 2, prior: Any = None, **more: Any) -> Setting:
    asked = bmco.Rule(name, **more).for_outcomes([f"y{k}" for k in range(outcomes)])
    given = bmco.Dirichlet() if prior is None else prior
    return Setting(asked, given.components("phi", patterns.labels(outcomes)))


def all_counts(n: int, Q: int) -> Array:
    """Return all counts (S, Q) of n subjects."""
    found = [c for c in itertools.product(range(n + 1), repeat=Q) if sum(c) == n]
    return np.array(found)


def pairs_of(n: tuple[int, int], Q: int) -> Array:
    """Return all pairs (T, 2, Q) of counts."""
    control, treatment = (all_counts(size, Q) for size in n)
    return np.array(list(itertools.product(control, treatment)))


def rngs(number: int, seed: int = 1) -> list[np.random.Generator]:
    return [np.random.default_rng((seed, i)) for i in range(number)]


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("margin", [0.0, -0.1])
@pytest.mark.parametrize("prior", [None, bmco.Dirichlet(0.5, treatment=1)])
def test_all_counts_of_one_outcome(side: str, margin: float, prior: Any) -> None:
    n = 6, 9
    one = setting(outcomes=1, prior=prior, direction=side, margins=margin)
    counts = pairs_of(n, 2)
    assert len(counts) == 70 >= OFTEN
    found = probabilities(one, counts, rngs(len(counts)))
    assert found.shape == (70, 1, 1)
    high, low = ordered(side)
    table = one.superiority(0, side, n)
    exact = table[counts[:, high, 0], counts[:, low, 0]]
    assert found[:, 0, 0] == pytest.approx(exact, abs=1e-10)
    # a few at a time have no table
    few = probabilities(one, counts[:3], rngs(3))
    assert few[:, 0, 0] == pytest.approx(exact[:3], abs=1e-10)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("all", {}),
        ("any", {}),
        ("any", {"margins": (0.05, -0.1)}),
        ("count", {"m": 1, "direction": "left"}),
    ],
)
def test_decisions_of_all_counts_are_those_of_exact_planning(
    name: str, more: dict[str, Any]
) -> None:
    n = 4, 5
    two = setting(name, cut=0.8, **more)
    counts = pairs_of(n, 4)
    found = deciding(two.rule, probabilities(two, counts, rngs(len(counts))))[:, 0]
    side = two.rule.sides[0]
    high, low = ordered(side)
    exact = two.decided(side, n, 0.8)
    met = exact.met(*((counts[:, g] @ exact.counted).astype(np.intp) for g in (high, low)))
    assert np.abs(found - 0.8).min() > 1e-9  # no tie
    assert ((found > 0.8) == met).all()
    assert 0.03 < met.mean() < 0.9


def test_two_sides_and_trials_of_many_sizes() -> None:
    rng = np.random.default_rng(3)
    sizes = rng.integers(3, 6, (80, 2))
    counts = np.array([[rng.multinomial(n, np.ones(4) / 4) for n in both] for both in sizes])
    both = setting(direction="two-sided")
    found = probabilities(both, counts, rngs(80))
    assert found.shape == (80, 2, 2)
    assert found.sum(axis=1) == pytest.approx(np.ones((80, 2)), abs=1e-9)
    bits = patterns.bits(2)
    for one, n, trial in zip(found, sizes, counts, strict=True):
        for k in range(2):
            table = both.superiority(k, "right", n.tolist())
            control, treatment = trial @ bits
            assert one[0, k] == pytest.approx(table[treatment[k], control[k]], abs=1e-10)


def binomial_sd(p: Array) -> Array:
    return np.sqrt(p * (1 - p) / DRAWS)


@pytest.mark.parametrize("side", ["right", "left"])
def test_weighted_sums_by_draws(side: str) -> None:
    """Where the exact probabilities of all states are known: .6 and .4 tell four kinds apart."""
    n = 3, 4
    comp = setting("comp", w=[0.6, 0.4], margins=0.05, direction=side)
    counts = pairs_of(n, 4)[::7]
    found = probabilities(comp, counts, rngs(len(counts)))[:, 0, 0]
    high, low = ordered(side)
    exact = comp.decided(side, n, 0.9)
    factors = exact.superiority  # type: ignore[attr-defined]
    table = factors.high @ factors.low.T
    places = [exact._places[0], exact._places[1]]  # type: ignore[attr-defined]
    own = [
        place[tuple((counts[:, g] @ exact.counted).T)]
        for place, g in zip(places, (high, low), strict=True)
    ]
    expected = table[own[0], own[1]]
    z = (found - expected) / binomial_sd(expected)
    assert np.abs(z).max() < 4.5
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert 0.8 < z.std() < 1.2


@pytest.mark.parametrize("name", ["all", "any"])
def test_joint_probabilities_by_draws(name: str) -> None:
    joint = setting(name, statistic="joint", margins=-0.05, prior=bmco.Dirichlet(0.5))
    counts = np.array([[[5, 3, 2, 10], [8, 4, 3, 5]], [[2, 9, 1, 8], [3, 8, 6, 3]]])
    found = probabilities(joint, counts, rngs(2))
    assert found.shape == (2, 1, 1)
    many = 200_000
    for t, trial in enumerate(counts):
        drawn = [
            dirichlet.rvs(own + 0.5, many, random_state=10 + g) @ patterns.bits(2)
            for g, own in enumerate(trial)
        ]
        above = drawn[1] - drawn[0] > -0.05
        p = (above.all(axis=1) if name == "all" else above.any(axis=1)).mean()
        error = np.sqrt(p * (1 - p) * (1 / DRAWS + 1 / many))
        assert found[t, 0, 0] == pytest.approx(p, abs=4 * error)


def test_a_trial_has_its_own_draws() -> None:
    joint = setting("all", statistic="joint")
    counts = np.array([[[5, 3, 2, 10], [8, 4, 3, 5]]] * 3)
    found = probabilities(joint, counts, rngs(3)).ravel()
    assert len(set(found)) == 3
    assert (probabilities(joint, counts[1:], rngs(3)[1:]).ravel() == found[1:]).all()


def test_a_mixture_prior_of_one_outcome() -> None:
    """Mixtures go by draws: weights depend on all that was seen."""
    mixture = bmco.Mixture([(0.7, [8.0, 12.0]), (0.3, [1.0, 1.0])], treatment=bmco.Dirichlet(1))
    one = setting(outcomes=1, prior=mixture)
    counts = np.array([[[8, 12], [13, 7]], [[17, 3], [18, 2]]])
    found = probabilities(one, counts, rngs(2))[:, 0, 0]
    table = one.superiority(0, "right", (20, 20))
    exact = table[counts[:, 1, 0], counts[:, 0, 0]]
    assert np.abs((found - exact) / binomial_sd(exact)).max() < 4


# --- what is said of δ ----------------------------------------------------------------------------


def test_moments_are_those_of_beta_distributions() -> None:
    prior = bmco.Dirichlet([1, 2, 3, 1.5], treatment=0.5)
    two = setting(prior=prior)
    counts = np.array([[[5, 3, 2, 10], [8, 4, 3, 5]], [[0, 0, 0, 20], [20, 0, 0, 0]]])
    delta, sd, low, high = differences(two.priors, counts)
    bits = patterns.bits(2)
    alphas = np.array([[1, 2, 3, 1.5], [0.5] * 4]) + counts  # (T, 2, Q)
    a, b = alphas @ bits, alphas @ (1 - bits)
    mean, variance = beta.mean(a, b), beta.var(a, b)
    assert delta == pytest.approx(mean[:, 1] - mean[:, 0], abs=1e-12)
    assert sd == pytest.approx(np.sqrt(variance.sum(axis=1)), abs=1e-12)
    assert low == pytest.approx(delta - 1.959964 * sd, abs=1e-6)
    assert high == pytest.approx(delta + 1.959964 * sd, abs=1e-6)


def test_moments_of_a_mixture() -> None:
    """The treatment is known to be ½ but for Beta(1, 1): components and their weights add up."""
    mixture = bmco.Mixture([(0.6, [8.0, 12.0]), (0.4, [3.0, 2.0])], treatment=bmco.Dirichlet(1))
    one = setting(outcomes=1, prior=mixture)
    counts = np.array([[[9, 6], [7, 8]]])
    delta, sd, _, _ = differences(one.priors, counts)
    rng = np.random.default_rng(1)
    n = 400_000
    theta = np.where(rng.random(n) < 0.6, rng.beta(8, 12, n), rng.beta(3, 2, n))
    weight = theta**9 * (1 - theta) ** 6  # the likelihood
    weight /= weight.sum()
    mean = weight @ theta
    variance = weight @ (theta - mean) ** 2 + beta.var(8, 9)
    error = np.sqrt((weight**2) @ (theta - mean) ** 2)
    assert delta.item() == pytest.approx(beta.mean(8, 9) - mean, abs=4 * error)
    assert sd.item() == pytest.approx(np.sqrt(variance), rel=0.01)
