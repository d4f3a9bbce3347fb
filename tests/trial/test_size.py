"""Sample sizes: first and stable, the formula beside them, ratios, dropout."""

from __future__ import annotations

import numpy as np
import pytest
from oracles import oracle

import bmco_pymc as bmco
from bmco_pymc.trial import formulas


def design(n, *rule, **more) -> bmco.Design:
    dropout = more.pop("dropout", 0.0)
    return bmco.Design(n, bmco.Analysis(bmco.BMVB, bmco.Rule(*rule, **more)), dropout=dropout)


def truth(rho) -> bmco.Scenario:
    return bmco.Scenario([0.4, 0.4], [0.6, 0.6], rho)


RHOS = {-0.3: "-0.3", 0.0: "0", 0.3: "0.3"}


@pytest.mark.parametrize("rule", ["all", "any"])
def test_first_and_stable_sizes(rule):
    found = design(20, rule).size_for(truth(list(RHOS)), progress=False)
    formula = {"all": 0, "any": 1}[rule]
    for place, rho in enumerate(RHOS):
        exact = oracle(f"size.exact.{rule}.{RHOS[rho]}").value
        at = found.data.isel(scenario=place)
        assert [int(at["first"]), int(at["stable"])] == exact[:2]
        assert float(at["power_first"]) == pytest.approx(exact[2], abs=1e-6)
        assert float(at["power_stable"]) == pytest.approx(exact[3], abs=1e-6)
        usual = oracle(f"size.formula.{RHOS[rho]}").value[formula]
        assert int(at["formula"]) == usual


def test_power_saw_tooths():
    found = design(20, "all").size_for(truth(-0.3), progress=False).data.isel(scenario=0)
    power = found["power"].dropna("n")
    assert float(power.sel(n=105)) == pytest.approx(0.820339, abs=1e-6)
    assert float(power.sel(n=106)) == pytest.approx(0.7960, abs=1e-4)
    above = power.sel(n=slice(int(found["stable"]), None))
    assert (above >= 0.8).all()
    assert float(power.sel(n=int(found["stable"]) - 1)) < 0.8
    assert (power.sel(n=slice(None, int(found["first"]) - 1)) < 0.8).all()


@pytest.mark.slow
@pytest.mark.parametrize("rho", RHOS)
def test_sizes_of_comp(rho):
    name = "0.0" if rho == 0 else RHOS[rho]
    exact = oracle(f"size.exact.comp.{'0' if name == '0.0' else name}").value
    found = design(20, "comp").size_for(truth(rho), progress=False).data.isel(scenario=0)
    assert [int(found["first"]), int(found["stable"])] == exact[:2]
    assert float(found["power_first"]) == pytest.approx(exact[2], abs=1e-5)
    assert float(found["formula"]) == pytest.approx(
        oracle(f"size.formula.{RHOS[rho]}").value[2], abs=1e-6
    )


def test_ratio_and_dropout():
    plan = design({"control": 10, "treatment": 20}, "all", dropout=0.1)
    found = plan.size_for(truth(0.0), progress=False).data.isel(scenario=0)
    first = int(found["first"])
    sizes = found["sizes"].sel(n=first).values
    assert sizes.tolist() == [first, 2 * first]
    enrolled = found["enrolled_first"].values
    assert (np.floor(enrolled * 0.9 + 1e-9) >= sizes).all()
    assert (np.floor((enrolled - 1) * 0.9 + 1e-9) < sizes).all()
    plan = bmco.Design({"control": first, "treatment": 2 * first}, plan.analysis)
    at = plan.evaluate(truth(0.0))
    assert float(at.power[0]) == pytest.approx(float(found["power_first"]), abs=1e-12)


def test_left_is_right_with_the_groups_swapped():
    right = design(20, "all").size_for(truth(0.2), progress=False).data
    mirrored = bmco.Scenario([0.6, 0.6], [0.4, 0.4], 0.2)
    left = design(20, "all", "left").size_for(mirrored, progress=False).data
    assert left["first"].values == right["first"].values
    assert left["formula"].values == right["formula"].values


def test_with_looks_more_are_needed():
    one = bmco.Scenario([0.3], [0.6])
    plain = design(20, "all").size_for(one, progress=False)
    looks = bmco.Looks([10, 20], bmco.Pocock())
    plan = bmco.Design(analysis=bmco.Analysis(bmco.BMVB, bmco.Rule("all")), looks=looks)
    found = plan.size_for(one, progress=False)
    assert int(found.first[0]) > int(plain.first[0])


def test_no_size_is_stepped_over():
    """With looks the search takes steps of several subjects; what lies between is seen, too."""
    analysis = bmco.Analysis(bmco.BMVB, bmco.Rule("all"))
    truth = bmco.Scenario([0.4], [0.55])
    plan = bmco.Design(analysis=analysis, looks=bmco.Looks([100, 200]))
    found = plan.size_for(truth, progress=False)
    power = {n: float(plan.with_sizes(n, n).evaluate(truth).power[0]) for n in range(120, 165)}
    enough = [n for n, value in power.items() if value >= 0.8]
    below = max(n for n, value in power.items() if value < 0.8)
    assert int(found.first[0]) == min(enough)
    assert int(found.stable[0]) == min(n for n in enough if n > below)


def test_the_formula_agrees_with_simulated_normal_statistics():
    phi = bmco.Scenario([0.4, 0.3, 0.5], [0.55, 0.5, 0.6], 0.2).phi[0]
    r = formulas.correlation(phi, 1.0)
    z = np.array([0.5, 0.8, -0.2])
    draws = np.random.default_rng(1).multivariate_normal(z, r, 400_000)
    for m in (1, 2, 3):
        share = ((draws > 0).sum(axis=1) >= m).mean()
        error = np.sqrt(share * (1 - share) / len(draws))
        assert abs(formulas.at_least(z, r, m) - share) < 4 * error


def test_what_has_no_size():
    plan = design(20, "all")
    with pytest.raises(bmco.InputError, match=r"has no effect by rule All: no size gives it power"):
        plan.size_for(bmco.Scenario([0.4, 0.4], [0.6, 0.4]))
    with pytest.raises(bmco.InputError, match=r"power=0.05: must be above the level"):
        plan.size_for(truth(0.0), power=0.05)
    with pytest.raises(bmco.InputError, match=r"most=60: does not give power 0.8"):
        plan.size_for(truth(0.0), most=60, progress=False)
    for power in (0, 1, 80, "80 %"):
        with pytest.raises(bmco.InputError, match="power="):
            plan.size_for(truth(0.0), power=power)  # type: ignore[arg-type]
