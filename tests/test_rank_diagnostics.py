"""Many parameters at once give what ArviZ gives one by one."""

import arviz as az
import numpy as np
import pytest
import xarray as xr

from bmco_pymc import rank_diagnostics as module
from bmco_pymc.rank_diagnostics import rank_diagnostics


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
