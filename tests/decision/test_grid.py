"""A rule over a grid of δ: at each place what one decision says."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from bmco_pymc.decision.decision import decide
from bmco_pymc.decision.grid import decide_over
from bmco_pymc.decision.rule import Rule


def grid(draws: int, seed: int = 1) -> xr.DataArray:
    """Chains that remember, of three outcomes, at two times three places; all agree at the last."""
    noise = np.random.default_rng(seed).normal(size=(4, draws, 3))
    for t in range(1, draws):
        noise[:, t] += 0.5 * noise[:, t - 1]
    mean = np.array([[-0.02, 0.03, 0.06], [0.0, 0.05, 9.0]])
    values = 0.03 * noise[..., None, None] + mean + np.array([0.0, 0.01, 0.02])[:, None, None]
    dims = ("chain", "draw", "outcome", "a", "b")
    return xr.DataArray(values, {"outcome": ["x", "y", "z"]}, dims)


ASKED: list[dict[str, Any]] = [
    {"rule": "all"},
    {"rule": "any", "direction": "left"},
    {"rule": "comp", "w": [0.2, 0.3, 0.5], "margins": 0.01},
    {"rule": "count", "m": 2, "direction": "two-sided", "margins": -0.02},
    {"rule": "all", "statistic": "joint", "cut": 0.7},
]


@pytest.mark.parametrize("draws", [300, 12])
@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize("asked", ASKED)
def test_each_place_is_a_decision(asked, independent, draws):
    delta = grid(draws)
    rule = Rule(**asked).for_outcomes(["x", "y", "z"])
    found = decide_over(delta, rule, independent=independent)
    assert found["probability"].dims == ("side", "a", "b")
    for a in range(2):
        for b in range(3):
            here = decide(delta.isel(a=a, b=b), rule, independent=independent)
            assert found["decision"].values[a, b] == here.decision
            for side in here.sides:
                one = found.isel(a=a, b=b).sel(side=side.direction)
                assert float(one["probability"]) == side.probability
                assert float(one["mcse"]) == pytest.approx(side.mcse, rel=1e-12, nan_ok=True)
                assert float(one["statistic"]) == side.statistic
                bound = np.nan if side.bound is None else side.bound
                assert float(one["bound"]) == pytest.approx(bound, nan_ok=True)
                met = np.nan if side.met is None else float(side.met)
                assert float(one["met"]) == pytest.approx(met, nan_ok=True)
