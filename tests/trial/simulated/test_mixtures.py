"""What decides when the posterior is a mixture of normal ones, against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import beta, multivariate_normal, norm

import bmco_pymc as bmco
from bmco_pymc import patterns
from bmco_pymc.trial.simulated.mixtures import deciding, differences, probabilities

type Array = np.ndarray


def rule(name: str = "all", outcomes: int = 2, **more: Any) -> bmco.Rule:
    return bmco.Rule(name, **more).for_outcomes([f"y{k}" for k in range(outcomes)])


def posterior(
    outcomes: int = 2, components: int = 1, trials: int = 1, sd: float = 0.03, seed: int = 1
) -> tuple[Array, Array, Array]:
    """Return mixtures of normal distributions of φ that sum to one in each group."""
    rng = np.random.default_rng(seed)
    Q = 2**outcomes
    share = rng.dirichlet(np.full(components, 3.0), trials)
    phi = rng.dirichlet(np.full(Q, 6.0), (trials, components, 2))
    away = np.kron(np.eye(2), np.eye(Q) - 1 / Q)
    root = away @ rng.normal(scale=sd / np.sqrt(Q), size=(trials, components, 2 * Q, 2 * Q))
    return share, phi, root @ root.swapaxes(-1, -2)


def theta_of(phi: Array) -> Array:
    return phi @ patterns.bits(phi.shape[-1].bit_length() - 1).astype(float)


def logits(phi: Array, covariance: Array, side: str) -> tuple[Array, Array]:
    """Return mean (2, K) and covariance (2, K, 2, K) of the logits of θ, the better group's first.

    Of one component, by the delta method with slopes by differences.
    """

    def of(flat: Array) -> Array:
        theta = theta_of(flat.reshape(2, -1))
        return logit(theta[::-1] if side == "right" else theta).ravel()

    flat, step = phi.ravel(), 1e-6
    slope = np.array([(of(flat + s) - of(flat - s)) / (2 * step) for s in step * np.eye(len(flat))])
    K = phi.shape[-1].bit_length() - 1
    return of(flat).reshape(2, K), (slope.T @ covariance @ slope).reshape(2, K, 2, K)


def of_difference(mean: Array, spread: Array) -> tuple[Array, Array]:
    """Return mean (K,) and covariance of the difference of both groups' logits."""
    return mean[0] - mean[1], (
        spread[0, :, 0] + spread[1, :, 1] - spread[0, :, 1] - spread[1, :, 0]
    )


def beyond(mean: Array, spread: Array, margin: float) -> float:
    """Return P(θ_high − θ_low > margin) where both logits (2,) are normal, by a fine sum."""
    axis = np.linspace(-8, 8, 4001)
    low = mean[1] + np.sqrt(spread[1, 1]) * axis
    weight = norm.pdf(axis) / norm.pdf(axis).sum()
    given = mean[0] + spread[0, 1] / spread[1, 1] * (low - mean[1])
    left = np.sqrt(spread[0, 0] - spread[0, 1] ** 2 / spread[1, 1])
    bound = np.clip(expit(low) + margin, 0, 1)
    with np.errstate(divide="ignore"):
        return float(weight @ norm.cdf((given - np.log(bound) + np.log1p(-bound)) / left))


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("margins", [0.0, (-0.1, 0.05)])
def test_single_outcomes_of_a_normal_posterior(side: str, margins: Any) -> None:
    """Logits of θ are normal: exact without margins; with them by a linear bound, to .01."""
    share, phi, covariance = posterior(trials=4)
    asked = rule(direction=side, margins=margins)
    found = probabilities(asked, share, phi, covariance)
    assert found.shape == (4, 1, 2)
    for t in range(4):
        mean, spread = logits(phi[t, 0], covariance[t, 0], side)
        if margins == 0:
            h, own = of_difference(mean, spread)
            assert found[t, 0] == pytest.approx(norm.cdf(h / np.sqrt(np.diag(own))), abs=1e-8)
        for k, margin in enumerate(asked.bounds()):
            exact = beyond(mean[:, k], spread[:, k, :, k], margin)
            assert found[t, 0, k] == pytest.approx(exact, abs=0.01 if margins else 1e-6)


@pytest.mark.parametrize(
    ("low", "high", "margin"),
    [(0.05, 0.05, -0.1), (0.11, 0.06, -0.1), (0.15, 0.1, -0.1), (0.9, 0.99, 0.12)],
)
def test_margins_near_the_edges(low: float, high: float, margin: float) -> None:
    """About 100 subjects in each group, one outcome; against the Beta posterior."""
    n = 100
    theta = np.array([low, high])
    phi = np.stack([theta, 1 - theta], axis=1)[None, None]
    own = np.array([[1.0, -1.0], [-1.0, 1.0]])
    covariance = np.zeros((1, 1, 4, 4))
    for g in range(2):
        place = slice(2 * g, 2 * g + 2)
        covariance[0, 0, place, place] = own * theta[g] * (1 - theta[g]) / n
    found = probabilities(rule("all", 1, margins=margin), np.ones((1, 1)), phi, covariance).item()
    grid = (np.arange(20_000) + 0.5) / 20_000
    others = beta.ppf(grid, n * low, n * (1 - low))
    exact = beta.sf(others + margin, n * high, n * (1 - high)).mean()
    assert found == pytest.approx(exact, abs=0.03)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("margin", [-0.05, 0.0, 0.05])
def test_more_probable_than_not_where_the_estimate_is_beyond_its_margin(
    side: str, margin: float
) -> None:
    share, phi, covariance = posterior(outcomes=3, trials=60)
    asked = rule("any", 3, direction=side, margins=margin)
    found = probabilities(asked, share, phi, covariance)[:, 0]
    theta = theta_of(phi[:, 0])
    delta = (theta[:, 1] - theta[:, 0]) * (1 if side == "right" else -1)
    assert ((found > 0.5) == (delta > margin))[np.abs(delta - margin) > 0.005].all()
    assert 20 < (delta > margin).sum() < 160


def test_a_mixture_is_an_average() -> None:
    share, phi, covariance = posterior(components=3, trials=2)
    for asked in (rule(), rule("comp", w=[0.7, 0.3]), rule("any", direction="two-sided")):
        found = probabilities(asked, share, phi, covariance)
        parts = [
            probabilities(asked, np.ones((2, 1)), phi[:, s : s + 1], covariance[:, s : s + 1])
            for s in range(3)
        ]
        assert found == pytest.approx(np.einsum("ts,stdc->tdc", share, parts), abs=1e-12)


def test_two_sides() -> None:
    share, phi, covariance = posterior(trials=3)
    both = probabilities(rule(direction="two-sided"), share, phi, covariance)
    assert both.shape == (3, 2, 2)
    assert both.sum(axis=1) == pytest.approx(np.ones((3, 2)), abs=1e-12)  # without margins
    left = probabilities(rule(direction="left"), share, phi, covariance)
    assert (both[:, 1:] == left).all()


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", ["comp", "utility"])
def test_weighted_sums(name: str, side: str) -> None:
    share, phi, covariance = posterior(trials=3)
    if name == "comp":
        asked = rule(name, w=[0.7, 0.3], margins=0.04, direction=side)
        scores = np.array([1.0, 0.7, 0.3, 0.0])
    else:
        asked = rule(name, u=[1.0, 0.1, 0.6, 0.0], margins=0.04, direction=side)
        scores = np.array([1.0, 0.1, 0.6, 0.0])
    found = probabilities(asked, share, phi, covariance)
    assert found.shape == (3, 1, 1)
    sign = 1 if side == "right" else -1
    contrast = sign * np.concatenate([-scores, scores])
    for t in range(3):
        mean = contrast @ phi[t, 0].ravel()
        sd = np.sqrt(contrast @ covariance[t, 0] @ contrast)
        assert found[t, 0, 0] == pytest.approx(norm.sf(0.04, mean, sd), abs=1e-12)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", ["all", "any"])
@pytest.mark.parametrize("components", [1, 4, 128])
def test_joint_probabilities(name: str, side: str, components: int) -> None:
    """By 2048 nodes of a Sobol sequence in all; measured errors are below .004."""
    share, phi, covariance = posterior(components=components, trials=3)
    asked = rule(name, statistic="joint", direction=side)
    found = probabilities(asked, share, phi, covariance)
    assert found.shape == (3, 1, 1)
    for t in range(3):
        exact = 0.0
        for s in range(components):
            mean, spread = of_difference(*logits(phi[t, s], covariance[t, s], side))
            sign = -1 if name == "all" else 1
            own = multivariate_normal(sign * mean, spread, allow_singular=True).cdf([0, 0])
            exact += share[t, s] * (own if name == "all" else 1 - own)
        assert found[t, 0, 0] == pytest.approx(exact, abs=0.005)


def test_joint_count_of_three_with_margins() -> None:
    """At least one is Any, three are All, and two lie between; against 200,000 draws."""
    share, phi, covariance = posterior(outcomes=3, components=2)
    more: dict[str, Any] = {"statistic": "joint", "margins": (-0.05, 0.0, 0.03)}
    found = [
        probabilities(rule("count", 3, m=m, **more), share, phi, covariance).item()
        for m in (1, 2, 3)
    ]
    for m, name in ((1, "any"), (3, "all")):
        assert found[m - 1] == probabilities(rule(name, 3, **more), share, phi, covariance).item()
    rng = np.random.default_rng(1)
    exact = np.zeros(3)
    for s in range(2):
        mean, spread = logits(phi[0, s], covariance[0, s], "right")
        drawn = rng.multivariate_normal(mean.ravel(), spread.reshape(6, 6), 200_000)
        theta = expit(drawn).reshape(-1, 2, 3)
        above = (theta[:, 0] - theta[:, 1] > more["margins"]).sum(axis=1)
        exact += share[0, s] * np.array([(above >= m).mean() for m in (1, 2, 3)])
    assert found == pytest.approx(exact, abs=0.01 + 4 * np.sqrt(0.25 / 200_000))


def test_joint_of_one_outcome_is_marginal() -> None:
    posteriors = posterior(outcomes=1, trials=2)
    joint = probabilities(rule("all", 1, statistic="joint"), *posteriors)
    assert (joint == probabilities(rule("all", 1), *posteriors)).all()


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_certain_groups(edge: float) -> None:
    """Success probabilities of 0 or 1, and no variance: no warning, and no doubt."""
    phi = np.array([[[[edge, 1 - edge], [0.5, 0.5]]]])
    found = probabilities(rule("all", 1), np.ones((1, 1)), phi, np.zeros((1, 1, 4, 4)))
    assert found.item() == 1 - edge


# --- what is said of δ ----------------------------------------------------------------------------


def test_differences_of_a_normal_posterior() -> None:
    share, phi, covariance = posterior(trials=2)
    mean, sd, low, high = differences(share, phi, covariance)
    bits = patterns.bits(2).astype(float)
    turn = np.vstack([-bits, bits]).T  # (K, 2Q)
    for t in range(2):
        assert mean[t] == pytest.approx(turn @ phi[t, 0].ravel(), abs=1e-12)
        assert sd[t] == pytest.approx(np.sqrt(np.diag(turn @ covariance[t, 0] @ turn.T)), abs=1e-12)
    assert low == pytest.approx(mean - 1.959964 * sd, abs=1e-7)
    assert high == pytest.approx(mean + 1.959964 * sd, abs=1e-7)


def test_differences_of_two_components() -> None:
    """Mean, SD and quantiles of a mixture with two peaks, by brute force."""
    share, phi, covariance = posterior(components=2, trials=5, sd=0.02)
    mean, sd, low, high = differences(share, phi, covariance)
    theta = theta_of(phi)
    centre = theta[:, :, 1] - theta[:, :, 0]  # (T, S, K)
    bits = patterns.bits(2).astype(float)
    turn = np.vstack([-bits, bits]).T
    variance = np.einsum("kq,tsqr,kr->tsk", turn, covariance, turn)
    average = np.einsum("ts,tsk->tk", share, centre)
    second = np.einsum("ts,tsk->tk", share, variance + centre**2)
    assert mean == pytest.approx(average, abs=1e-12)
    assert sd == pytest.approx(np.sqrt(second - average**2), abs=1e-12)
    for t in range(5):
        for k in range(2):
            for q, found in ((0.025, low), (0.975, high)):

                def off(x: float, t: int = t, k: int = k, q: float = q) -> float:
                    each = norm.cdf(x, centre[t, :, k], np.sqrt(variance[t, :, k]))
                    return float(share[t] @ each) - q

                assert found[t, k] == pytest.approx(brentq(off, -2, 2), abs=1e-8)


# --- which one is compared with the cut-off -------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("all", {}, [0.2, 0.5]),
        ("any", {}, [0.9, 0.8]),
        ("count", {"m": 1}, [0.9, 0.8]),
        ("count", {"m": 2}, [0.6, 0.7]),
        ("count", {"m": 3}, [0.2, 0.5]),
    ],
)
def test_deciding(name: str, more: dict[str, Any], expected: list[float]) -> None:
    each = np.array([[0.6, 0.9, 0.2], [0.7, 0.5, 0.8]])
    asked = rule(name, 3, **more)
    assert deciding(asked, each).tolist() == expected
    assert deciding(asked, each[:, None]).tolist() == [[one] for one in expected]


def test_one_event_decides_by_itself() -> None:
    each = np.array([[0.6], [0.7]])
    for asked in (rule("comp", 3), rule("any", 3, statistic="joint")):
        assert deciding(asked, each).tolist() == [0.6, 0.7]


def test_a_failed_trial_decides_nothing() -> None:
    for name in ("all", "any"):
        assert np.isnan(deciding(rule(name, 3), np.full((1, 3), np.nan))).all()
