"""Many parameters at once give what ArviZ gives one by one."""

import arviz as az
import numpy as np
import pytest
import xarray as xr

from bmco_pymc.diagnostics import ranks as module
from bmco_pymc.diagnostics.ranks import rank_diagnostics


def chains(kind, shape=(6, 4, 501)):
    rng = np.random.default_rng(3)
    x = rng.normal(size=shape)
    if kind == "slow":
        for t in range(1, shape[2]):
            x[..., t] += 0.95 * x[..., t - 1]
    if kind == "antithetic":
        for t in range(1, shape[2]):
            x[..., t] -= 0.7 * x[..., t - 1]
    if kind == "apart":
        x += rng.normal(size=(*shape[:2], 1))
    if kind == "ties":  # a sampler that often stays where it is
        x = np.repeat(x[..., ::3], 3, axis=2)[..., : shape[2]]
    if kind == "heavy":
        x = rng.standard_cauchy(shape)
    if kind == "scale":  # one chain much wider: only the distances from the median show it
        x[:, 0] *= 4
    return x


@pytest.mark.parametrize(
    "kind", ["independent", "slow", "antithetic", "apart", "ties", "heavy", "scale"]
)
@pytest.mark.parametrize("shape", [(6, 4, 501), (3, 2, 1000), (2, 4, 5), (2, 3, 8)])
def test_same_as_arviz(kind, shape):
    draws = chains(kind, shape)
    ours = rank_diagnostics(draws)
    with np.errstate(divide="ignore"):  # chains that stand still have an infinite R-hat
        theirs = [float(az.rhat(xr.DataArray(x, dims=("chain", "draw")))) for x in draws]
    assert ours[0] == pytest.approx(theirs, rel=1e-9)
    for x, _, bulk, tail, _ in zip(draws, *ours, strict=True):
        x = xr.DataArray(x, dims=("chain", "draw"))
        assert bulk == pytest.approx(float(az.ess(x, method="bulk")), rel=1e-8)
        assert tail == pytest.approx(float(az.ess(x, method="tail", prob=(0.05, 0.95))), rel=1e-8)


def test_parts_make_no_difference(monkeypatch):
    draws = chains("slow")
    whole = rank_diagnostics(draws)
    monkeypatch.setattr(module, "AT_ONCE", 1)
    assert np.array_equal(whole, rank_diagnostics(draws))


def test_a_chain_that_stands_still_for_a_while_is_not_by_chance():
    rng = np.random.default_rng(0)
    moving = rng.normal(size=(4, 500))
    stuck, briefly, still = moving.copy(), moving.copy(), moving.copy()
    stuck[2, 100:150] = stuck[2, 100]  # a tenth of one chain: its R-hat is fine
    briefly[2, 100:110] = briefly[2, 100]
    still[0], still[1] = 0.3, 0.7
    at_most = np.minimum(moving + 3, 1.0)  # a probability that is often exactly 1
    rounded = np.round(moving, 1)
    rejecting = np.repeat(moving[:, ::5], 5, axis=1)  # a sampler that often stays where it is
    draws = np.stack([stuck, still, moving, briefly, at_most, rounded, rejecting])
    rhat, *_, chance = rank_diagnostics(draws)
    assert rhat[0] < 1.01
    assert (chance == 0).tolist() == [True, True, *[False] * 5]


@pytest.mark.parametrize("rho", [-0.3, 0.6])
def test_chance_is_a_probability_and_no_larger_than_true(rho):
    """Of good chains, a share a has a chance below a, at most."""
    rng = np.random.default_rng(8)
    draws = np.empty((2000, 4, 500))
    draws[..., 0] = rng.normal(size=(2000, 4))
    for t in range(1, 500):
        noise = rng.normal(size=(2000, 4))
        draws[..., t] = rho * draws[..., t - 1] + np.sqrt(1 - rho**2) * noise
    *_, chance = rank_diagnostics(draws)
    for a in (0.1, 0.01, 0.001):
        below = (chance < a).mean()
        assert below < a + 4 * np.sqrt(a / 2000)
    assert (chance < 0.1).mean() > 0.05  # or it would say nothing
