"""Densities of probabilities: all of the mass, where the draws have it, up to the ends."""

import numpy as np
import pytest
from drawn import line

import bmco_pymc as bmco
from bmco_pymc.plots.bounded import DIFFERENCE, UNIT, axis, density
from bmco_pymc.plots.effect import plot_effect

S = 4000
DRAWS = {
    "poles": lambda rng: rng.beta(0.1, 0.1, S),
    "shallow poles": lambda rng: rng.beta(0.5, 0.5, S),
    "wide on the log-odds": lambda rng: 1 / (1 + np.exp(-rng.normal(0, 30, S))),
    "flat": lambda rng: rng.uniform(size=S),
    "one pole": lambda rng: rng.beta(0.3, 2, S),
    "falling": lambda rng: rng.beta(1, 5, S),
    "near 1": lambda rng: rng.beta(200, 3, S),
    "in the middle": lambda rng: rng.beta(50, 60, S),
    "narrow": lambda rng: rng.beta(1e6, 1e6, S),
    "a hill on a plain": lambda rng: np.where(
        rng.random(S) < 0.5, rng.uniform(size=S), rng.beta(400, 600, S)
    ),
    "nearly all alike": lambda rng: np.r_[np.zeros(S - 1), 1.0],
    "two values": lambda rng: rng.integers(0, 2, S).astype(float),
    "over 1 by rounding": lambda rng: np.r_[rng.beta(3, 1, S), 1 + 1e-15],
}


def mass(curve: tuple[np.ndarray, np.ndarray], low: float, high: float) -> float:
    """Return the area below a curve from low to high."""
    x, height = curve
    area = np.concatenate([[0.0], np.cumsum(np.diff(x) * (height[1:] + height[:-1]) / 2)])
    return float(np.interp(high, x, area) - np.interp(low, x, area))


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("support", [UNIT, DIFFERENCE])
def test_the_mass_is_where_the_draws_are(name, support):
    wide = support[1] - support[0]
    draws = support[0] + wide * DRAWS[name](np.random.default_rng(3))
    curve = density(draws, support)
    assert curve is not None
    x, height = curve
    assert (height >= 0).all()
    assert support[0] <= x[0] < x[-1] <= support[1]
    assert (height[0], height[-1]) == (0, 0)
    assert np.trapezoid(height, x) == pytest.approx(1, abs=1e-5)
    for ends in ((0, 0.05), (0.05, 0.95), (0.95, 1)):
        low, high = (support[0] + wide * end for end in ends)
        inside = ((draws >= low) & (draws <= high + 1e-12)).mean()
        error = np.sqrt(inside * (1 - inside) / S)
        assert mass(curve, low, high) == pytest.approx(inside, abs=3 * error + 1e-3)


def test_a_flat_prior_is_flat_to_its_ends():
    for seed in range(5):
        curve = density(np.random.default_rng(seed).uniform(size=S))
        assert curve is not None
        x, height = curve
        assert (x[0], x[-1]) == (0, 1)
        # at an end about 0.07 S draws count: a standard error of 0.06
        assert np.abs(height[1:-1] - 1).max() < 0.2
        assert np.abs(height[[1, -2]] - 1).max() < 0.2


def test_a_posterior_in_the_middle_is_smooth_and_has_its_height():
    from scipy.stats import beta

    curve = density(np.random.default_rng(1).beta(50, 60, S))
    assert curve is not None
    x, height = curve
    truth = beta(50, 60).pdf(x)
    # a standard error of 0.03 where it is highest, which smoothing lowers by 0.03
    assert np.abs(height - truth).max() < 0.12 * truth.max()
    turns = np.sum(np.diff(np.sign(np.diff(height[height > 0.2 * height.max()]))) != 0)
    assert turns == 1


def test_draws_that_are_all_alike_have_no_density():
    assert density(np.full(S, 0.25)) is None
    assert density(np.array([0.5])) is None
    assert density(np.zeros(S)) is None


def test_few_draws_keep_their_mass_inside():
    for n in (2, 3, 20):
        curve = density(np.random.default_rng(n).beta(3, 9, n))
        assert curve is not None
        assert np.trapezoid(curve[1], curve[0]) == pytest.approx(1, abs=1e-6)
        assert 0 <= curve[0][0] < curve[0][-1] <= 1


def test_an_axis_shows_an_end_only_where_the_draws_are_near_it():
    rng = np.random.default_rng(1)
    low, high = axis(rng.beta(1, 5, S))
    assert -0.05 < low < 0
    assert 0.6 < high < 1
    low, high = axis(rng.beta(50, 60, S))
    assert 0 < low < high < 1


@pytest.fixture
def prior(trial_study) -> bmco.Effect:
    """A prior with most of its mass near 0 and 1."""
    rough = bmco.Priors(phi=bmco.Dirichlet(0.02))
    return bmco.BMVB(trial_study, priors=rough).prior_effect(draws=4000, seed=1)


def test_the_picture_of_theta_has_the_mass_of_the_draws(prior):
    figure = prior.plot_theta()
    for axes, outcome in zip(figure.axes, ("y1", "y2"), strict=True):
        left, right = axes.get_xlim()
        assert left < 0
        assert right > 1
        for group in ("ctl", "trt"):
            x, height = line(axes, group)
            curve = (x, height / np.trapezoid(height, x))
            draws = prior.theta.sel(group=group, outcome=outcome).values.ravel()
            assert ((draws < 0.05) | (draws > 0.95)).mean() > 0.85
            for low, high in ((0, 0.05), (0.05, 0.95), (0.95, 1)):
                share = ((draws >= low) & (draws <= high)).mean()
                error = np.sqrt(share * (1 - share) / draws.size)
                assert mass(curve, low, high) == pytest.approx(share, abs=3 * error)


@pytest.mark.parametrize("direction", ["right", "left"])
def test_the_picture_of_delta_ends_where_differences_do(direction):
    single = bmco.Study(bmco.load_trial(), "y1", "arm", "ctl", "trt")
    rough = bmco.Priors(phi=bmco.Dirichlet(0.02))
    effect = bmco.BMVB(single, priors=rough).prior_effect(draws=4000, seed=1)
    (axes,) = plot_effect(effect, direction, 0.1).axes
    x, height = line(axes, "y1")
    assert x.min() == -1
    assert x.max() == 1
    low, high = axes.get_xlim()
    assert -1.1 < low < -1
    assert 1 < high < 1.1
    draws = effect.delta.values.ravel()
    curve = (x, height / np.trapezoid(height, x))
    for low, high in ((-1, -0.9), (-0.05, 0.05), (0.1, 1)):
        share = ((draws >= low) & (draws <= high)).mean()
        error = np.sqrt(share * (1 - share) / draws.size)
        assert mass(curve, low, high) == pytest.approx(share, abs=4 * error)
