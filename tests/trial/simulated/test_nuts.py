"""What is taken from the analysis of a simulated trial by draws, and when there is nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

import bmco_pymc as bmco
from bmco_pymc import patterns
from bmco_pymc.interrupts import INTERRUPTED
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.setting import Setting
from bmco_pymc.trial.simulated import bernoulli, nuts
from bmco_pymc.trial.simulated.samples import Sample, Simulator

SETTINGS = {"draws": 50, "tune": 40, "chains": 2}


def one() -> tuple[Simulator, Sample]:
    """Return a trial of two outcomes."""
    plan = Plan(60, bmco.Analysis(bmco.BMVB))
    simulator = Simulator.of(plan, bmco.Scenario([0.4, 0.4], [0.6, 0.5], 0.2).truth(0), 1)
    return simulator, simulator.sample(0)


def effect(*, ok: bool = True, interrupted: bool = False, seed: int = 1) -> Any:
    """Return an effect of made-up draws, as far as it is looked at."""
    phi = xr.DataArray(
        np.random.default_rng(seed).dirichlet([8, 5, 5, 7], (2, 500, 2)),
        dims=("chain", "draw", "group", "pattern"),
    )
    delta = phi.isel(group=1) - phi.isel(group=0)
    delta = (delta @ xr.DataArray(patterns.bits(2), dims=("pattern", "outcome"))).transpose(
        "chain", "draw", "outcome"
    )
    attrs = {INTERRUPTED: True} if interrupted else {}
    return SimpleNamespace(
        phi=phi,
        delta=delta,
        diagnostics=SimpleNamespace(ok=ok),
        posterior=SimpleNamespace(idata=SimpleNamespace(attrs=attrs)),
    )


class Fake:
    """An analysis that gives what it is told to, and keeps what it was asked for."""

    def __init__(self, *results: Any) -> None:
        self.results, self.asked = list(results), []  # type: ignore[var-annotated]

    def effect(self, study: bmco.Study, **settings: Any) -> Any:
        self.asked.append(settings)
        found = self.results.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def analysed(fake: Any, rule: bmco.Rule | None = None) -> Any:
    rule = (rule or bmco.Rule("all")).for_outcomes(["y1", "y2"])
    return nuts.analysed(fake, rule, *one(), SETTINGS, 7)


@pytest.mark.parametrize(
    ("asked", "shape"),
    [
        (bmco.Rule("all", margins=(-0.05, 0.02)), (1, 2)),
        (bmco.Rule("any", "two-sided"), (2, 2)),
        (bmco.Rule("any", "left", statistic="joint"), (1, 1)),
        (bmco.Rule("comp", "two-sided", w=[0.7, 0.3]), (2, 1)),
        (bmco.Rule("utility", u=[1, 0.2, 0.5, 0], margins=0.01), (1, 1)),
    ],
)
def test_what_decides_is_a_share_of_draws(asked: bmco.Rule, shape: tuple[int, int]) -> None:
    made = effect()
    decides, _ = analysed(Fake(made), asked)
    assert decides.shape == shape
    delta = made.delta.values.reshape(-1, 2)
    phi = made.phi.values.reshape(-1, 2, 4)
    change = phi[:, 1] - phi[:, 0]
    for place, sign in enumerate((1, -1) if asked.direction == "two-sided" else (1,)):
        sign = -1 if asked.direction == "left" else sign
        if asked.rule == "Comp":
            expected = [(sign * delta @ [0.7, 0.3] > 0).mean()]
        elif asked.rule == "Utility":
            expected = [(sign * change @ [1, 0.2, 0.5, 0] > 0.01).mean()]
        else:
            above = sign * delta > np.asarray(asked.margins)
            joint = asked.statistic == "joint"
            expected = [above.any(axis=1).mean()] if joint else above.mean(axis=0).tolist()
        assert decides[place] == pytest.approx(expected, abs=1e-12)


def test_what_is_said_of_delta() -> None:
    made = effect()
    _, numbers = analysed(Fake(made))
    delta = made.delta.values.reshape(-1, 2)
    low, high = np.quantile(delta, [0.025, 0.975], axis=0)
    assert numbers == pytest.approx(
        np.stack([delta.mean(axis=0), delta.std(axis=0, ddof=1), low, high]), abs=1e-12
    )


def test_a_fit_that_has_not_converged_is_done_again_by_default_settings() -> None:
    fake = Fake(effect(ok=False), effect(seed=2))
    decides, _ = analysed(fake)
    always = {"seed": 7, "cores": 1, "progress": False}
    assert fake.asked == [{**SETTINGS, **always}, always]
    assert decides == pytest.approx(analysed(Fake(effect(seed=2)))[0])


@pytest.mark.parametrize(
    "results",
    [
        [effect(ok=False), effect(ok=False)],
        [bmco.InputError("fixed", "x", "cannot be told apart")],
        [bmco.SamplingError("gave up")],
        [effect(ok=False), bmco.SamplingError("gave up")],
    ],
)
def test_a_trial_without_an_analysis(results: list[Any]) -> None:
    assert analysed(Fake(*results)) is None


@pytest.mark.parametrize("before", [[], [effect(ok=False)]])
def test_an_interrupt_is_passed_on(before: list[Any]) -> None:
    with pytest.raises(KeyboardInterrupt):
        analysed(Fake(*before, effect(interrupted=True)))


def test_draws_of_a_known_posterior() -> None:
    """BMVB, which draws exactly: against the probabilities that are worked out."""
    simulator, sample = one()
    analysis = bmco.Analysis(bmco.BMVB)
    asked = bmco.Rule("any", "two-sided").for_outcomes(["y1", "y2"])
    settings = {"draws": 4000, "chains": 2}
    found = nuts.analysed(analysis, asked, simulator, sample, settings, 3)
    assert found is not None
    counts = np.bincount(sample.subjects.arm * 4 + sample.response, minlength=8).reshape(1, 2, 4)
    prior = bmco.Dirichlet().components("phi", patterns.labels(2))
    exact = bernoulli.probabilities(Setting(asked, prior), counts, [])[0]
    error = np.sqrt(exact * (1 - exact) / 8000)
    assert (np.abs(found[0] - exact) < 4 * error + 1e-9).all()
    delta, sd, _, _ = bernoulli.differences(prior, counts)
    assert found[1][0] == pytest.approx(delta[0], abs=4 * sd.max() / np.sqrt(8000))
    assert found[1][1] == pytest.approx(sd[0], rel=4 / np.sqrt(16_000))
