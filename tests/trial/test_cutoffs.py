"""Calibrated cut-offs: attained values, the level held, and no smaller one that holds it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from oracles import oracle

import bmco_pymc as bmco
from bmco_pymc.trial.superiority import superiority


def design(n, *rule, outcomes=2, looks=None, **more) -> bmco.Design:
    analysis = bmco.Analysis(bmco.BMVB, bmco.Rule(*rule, **more))
    return bmco.Design(n, analysis, looks, outcomes=outcomes)


def error(plan: bmco.Design) -> float:
    return float(plan.type_one(progress=False).error)


def with_cut(plan: bmco.Design, cut: float) -> bmco.Design:
    rule = replace(plan.analysis.rule, cut=cut)
    return replace(plan, analysis=replace(plan.analysis, rule=rule))


@pytest.mark.parametrize("n", [50, 100, 105])
def test_the_cut_off_of_all(n):
    known = oracle(f"calibrate.all.{n}")
    attained, level, before, too_large = known.value
    found = design(n, "all").calibrate(0.05, progress=False)
    cut = found.rule.cut
    values = np.unique(superiority((1, 1), n, (1, 1), n))
    after = values[values > attained + 1e-9][0]
    assert cut == pytest.approx((attained + after) / 2, abs=1e-9)
    assert error(found) == pytest.approx(level, abs=known.tolerance)
    assert error(with_cut(found, (before + attained) / 2)) == pytest.approx(
        too_large, abs=known.tolerance
    )
    assert too_large > 0.05


@pytest.mark.parametrize(
    "plan",
    [
        design(30, "any"),
        design(16, "comp"),
        design({"control": 20, "treatment": 40}, "all", margins=[0.1, -0.1]),
        design(25, "all", "two-sided"),
    ],
    ids=["any", "comp", "margins", "two-sided"],
)
def test_the_level_is_held_and_a_smaller_cut_off_does_not(plan):
    found = plan.calibrate(0.05, progress=False)
    assert found.rule.alpha == 0.05
    assert error(found) <= 0.05 + 1e-9
    assert error(with_cut(found, found.rule.cut - 0.004)) > 0.05


def test_the_calibrated_rule_decides_the_finished_trial():
    plan = design(120, "all", outcomes=["y1", "y2"]).calibrate(0.025, progress=False)
    assert plan.rule.alpha == 0.025
    study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    decision = plan.analysis.run(study, seed=1)
    assert decision.sides[0].threshold == plan.rule.cut
    assert f"cut-off {plan.rule.cut:.6g}" in str(decision)
    assert f"cut-off {plan.rule.cut:.6g}" in str(plan)


def test_looks_are_scaled_together():
    plan = design(None, "all", looks=bmco.Looks([20, 40]), outcomes=1)
    found = plan.calibrate(0.03, progress=False)
    assert error(found) <= 0.03
    assert found.looks is not None
    distances = 1 - np.array(found.looks.cuts)
    nominal = 1 - plan.stages(1).cuts
    assert found.looks.spending == bmco.HSD(-4)
    assert "scaled to hold the level" in str(found.evaluate(bmco.Scenario([0.4], [0.7])))
    assert distances / nominal == pytest.approx([distances[0] / nominal[0]] * 2)


def test_what_cannot_be_calibrated():
    with pytest.raises(bmco.InputError, match="level=1e-09: no cut-off that data can exceed"):
        design(3, "all", cut=0.5).calibrate(1e-9, progress=False)
    for level in (0, 0.5, "5 %", -1):
        with pytest.raises(bmco.InputError, match="alpha=|level="):
            design(20, "all").calibrate(level)  # type: ignore[arg-type]
    with pytest.raises(bmco.InputError, match="calibrated exactly"):
        design(20, "any", statistic="joint").calibrate(0.05)
