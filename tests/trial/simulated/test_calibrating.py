"""Cut-offs of simulated designs, against exact ones."""

import numpy as np
import pytest

import bmco_pymc as bmco
from bmco_pymc.trial.simulated.calibrating import corrected, smallest

NULL = bmco.Scenario(0.5, 0.5)


def cut_of(design):
    assert design.rule.cut is not None
    return design.rule.cut


def error_at(design, truth):
    return float(design.evaluate(truth, progress=False).power[0])


@pytest.mark.parametrize("level", [0.025, 0.05])
def test_the_level_is_held_but_for_the_error_of_the_trials(level):
    design = bmco.Design(80, bmco.Analysis(bmco.BMVB), outcomes=1)
    engine = bmco.Engine(2000)
    found = design.calibrate(level, truths=NULL, engine=engine, progress=False)
    assert found.rule.alpha == level
    exact = error_at(found, NULL)
    at_level = np.sqrt(level / 2000)
    # atoms of the posterior probability leave room below
    assert level - 0.02 < exact < level + 4 * at_level
    again = found.evaluate(NULL, engine=engine, progress=False)
    assert float(again.data["success"][0]) <= level  # the same trials


def test_two_nulls_give_the_exact_cut_off():
    design = bmco.Design(20, bmco.Analysis(bmco.BMVB), outcomes=1)
    nulls = [bmco.Scenario(0.5, 0.5), bmco.Scenario(0.2, 0.2)]
    found = design.calibrate(0.05, truths=nulls, engine=bmco.Engine(2000), progress=False)
    exact = design.calibrate(0.05, progress=False)
    # 20 subjects: so few atoms that the same one is found, with the same values next to it
    assert cut_of(found) == pytest.approx(cut_of(exact), abs=0.01)
    assert error_at(found, nulls[0]) < 0.06


@pytest.mark.slow
def test_looks_are_scaled_together():
    looks = bmco.Looks([30, 60], bmco.HSD(-4))
    design = bmco.Design(None, bmco.Analysis(bmco.BMVB), looks, outcomes=1)
    found = design.calibrate(0.05, truths=NULL, engine=bmco.Engine(2000), progress=False)
    assert found.looks is not None
    cuts = np.array(found.looks.cuts)
    nominal = looks.nominal(0.05)
    assert np.ptp((1 - cuts) / nominal) < 1e-9
    assert cut_of(found) == cuts[-1]
    assert abs(error_at(found, NULL) - 0.05) < 0.02


def test_clusters_that_are_ignored_need_a_larger_cut_off():
    truth = bmco.Scenario(0.5, 0.5, icc=0.1, between="dirichlet")
    analysis = bmco.Analysis(bmco.BMVB)
    design = bmco.Design(analysis=analysis, clusters=20, size=15)
    found = design.calibrate(0.05, truths=truth, engine=bmco.Engine(1000), progress=False)
    # posterior SDs are too small by the root of 1 + 14 × .1: Φ(1.645 × 1.55) = .995
    assert 0.985 < cut_of(found) < 0.9995
    fresh = bmco.Engine(1000, first=5000)
    error = found.type_one(truths=truth, engine=fresh, progress=False)
    assert abs(error.error - 0.05) < 4 * np.sqrt(2 * 0.05 / 1000)


def test_two_sided_errors_are_of_either_side():
    design = bmco.Design(60, bmco.Analysis(bmco.BMVB, rule=bmco.Rule(direction="two-sided")))
    found = design.calibrate(0.1, truths=NULL, engine=bmco.Engine(2000), progress=False)
    data = found.evaluate(NULL, progress=False).data
    both = float(data["success"][0] + data["inferior"][0])
    assert 0.05 < both < 0.1 + 4 * np.sqrt(0.1 / 2000)


@pytest.mark.slow
def test_an_audit_that_agrees_changes_nothing():
    design = bmco.Design(60, bmco.Analysis(bmco.BGLM))
    engines = [bmco.Engine(400, audit=audit, draws=200, tune=200) for audit in (0, 5)]
    cuts = [
        cut_of(design.calibrate(0.1, truths=NULL, engine=engine, progress=False))
        for engine in engines
    ]
    assert abs(cuts[0] - cuts[1]) < 0.02


def test_too_few_trials():
    design = bmco.Design(60, bmco.Analysis(bmco.BMVB))
    with pytest.raises(bmco.InputError, match="too few trials for level 0.05"):
        design.calibrate(0.05, truths=NULL, engine=bmco.Engine(100), progress=False)


def test_too_few_subjects():
    design = bmco.Design(2, bmco.Analysis(bmco.BMVB), outcomes=1)
    with pytest.raises(bmco.InputError, match="with so few subjects"):
        design.calibrate(0.01, truths=NULL, engine=bmco.Engine(2000), progress=False)


def test_a_correction_that_jumps_is_smoothed():
    rng = np.random.default_rng(1)
    cuts = np.array([0.95])

    def fast(cuts):
        return 1 - cuts[-1]

    def jumps(cuts):  # too large by .01, with noise that does not depend on the cut-off alone
        return fast(cuts) + 0.01 + rng.choice([-0.005, 0.005])

    found = corrected(np.array([0.05]), cuts, fast, jumps, 0.05)
    assert abs(found[0] - 0.96) < 0.004
    assert smallest(np.array([0.05]), lambda cuts: fast(cuts) <= 0.05)[0] == pytest.approx(0.95)
