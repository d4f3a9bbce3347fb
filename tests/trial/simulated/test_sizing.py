"""Sizes of simulated designs, against exact ones and the design effect."""

import numpy as np
import pytest

import bmco_pymc as bmco
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.simulated.probit import fitted
from bmco_pymc.trial.simulated.scales import Scale

TRUTH = bmco.Scenario([0.4, 0.4], [0.6, 0.6], rho=0.3)
ENGINE = bmco.Engine(2000)
CLUSTERED = bmco.Scenario([0.4, 0.4], [0.6, 0.6], rho=0.3, icc=0.05)


def flat(n=100, **more):
    return bmco.Design(n, bmco.Analysis(bmco.BMVB), outcomes=2, **more)


def in_clusters(clusters=20, size=15, **more):
    return bmco.Design(analysis=bmco.Analysis(bmco.BMVB), clusters=clusters, size=size, **more)


@pytest.mark.parametrize("seed", [1, 2])
def test_subjects_are_those_of_the_exact_search(seed):
    exact = flat().size_for(TRUTH, progress=False)
    found = flat().size_for(TRUTH, engine=bmco.Engine(2000, seed=seed), progress=False)
    data = found.data.isel(scenario=0)
    first = int(found.first[0])
    assert float(data["low"]) - 4 < float(exact.first[0])
    assert float(exact.stable[0]) < float(data["high"]) + 4
    assert first == int(found.stable[0])
    at_it = float(flat(first).evaluate(TRUTH, progress=False).power[0])
    assert abs(float(data["check"]) - at_it) < 4 * float(data["check_mcse"])
    assert at_it > 0.8 - 4 * float(data["check_mcse"])
    assert float(data["power_first"]) == float(data["check"])
    assert float(data["formula"]) == float(exact.data["formula"][0])
    assert data.attrs["over"] == "n"
    assert data["power"].sel(n=first) == data["check"]
    assert "Sample size" in str(found)


def test_groups_keep_their_ratio_and_dropout():
    design = flat({"control": 50, "treatment": 100}, dropout=0.1)
    found = design.size_for(TRUTH, engine=bmco.Engine(500), progress=False)
    first = int(found.first[0])
    assert found.data["sizes"].sel(n=first).values.tolist() == [first, 2 * first]
    enrolled = found.data["enrolled_first"].values[0]
    assert enrolled[1] == -(-2 * first * 10 // 9)


def test_several_truths_each_have_a_size():
    truths = {"large": bmco.Scenario([0.3, 0.3], [0.7, 0.7]), "small": TRUTH}
    found = flat().size_for(truths, engine=bmco.Engine(500), progress=False)
    assert found.first.values[0] < found.first.values[1] / 2
    assert found.data["power"].isnull().any()


def test_clusters_follow_the_design_effect():
    truth = bmco.Scenario(0.4, 0.6, icc=0.05, between="dirichlet")
    found = in_clusters().size_for(truth, engine=bmco.Engine(500), progress=False)
    n = int(found.first[0])
    assert found.data.attrs["over"] == "clusters"
    assert found.data["clusters"].sel(n=n) == n
    assert found.data["sizes"].sel(n=n).sum() == 15 * n
    z = 1.6449 + 0.8416 * np.sqrt(1 + 14 * 0.05)  # the analysis does not know of the clusters
    subjects = z**2 * (0.24 + 0.24) / 0.2**2
    assert abs(n - 2 * subjects / 15) < 4


def test_subjects_of_a_cluster():
    found = in_clusters().size_for(CLUSTERED, over="size", engine=bmco.Engine(1000), progress=False)
    m = int(found.first[0])
    assert found.data["sizes"].sel(n=m).values.tolist() == [10 * m, 10 * m]
    assert found.data["clusters"].sel(n=m) == 20
    power = found.data["power"].sel(n=m).item()
    assert abs(power - 0.8) < 0.05


def test_power_that_is_bounded_is_never_reached():
    truth = bmco.Scenario(0.4, 0.5, icc=0.2)
    with pytest.raises(bmco.InputError, match="most=60: gives power 0.*where 0.95 is asked"):
        in_clusters(6).size_for(
            truth, 0.95, over="size", most=60, engine=bmco.Engine(200), progress=False
        )


def test_what_is_searched_for_must_be_there():
    with pytest.raises(bmco.InputError, match="over='clusters'"):
        flat().size_for(TRUTH, over="clusters", progress=False)
    with pytest.raises(bmco.InputError, match="over='n'"):
        in_clusters().size_for(CLUSTERED, over="n", progress=False)
    with pytest.raises(bmco.InputError, match="has clusters, and the design has none"):
        flat().size_for(CLUSTERED, progress=False)
    with pytest.raises(bmco.InputError, match="no effect"):
        in_clusters().size_for(bmco.Scenario(0.4, 0.4, icc=0.05), progress=False)


def test_looks_are_in_proportion():
    looks = bmco.Looks([30, 60], futility=0.1, futility_by="posterior")
    design = bmco.Design(None, bmco.Analysis(bmco.BMVB), looks)
    truth = bmco.Scenario(0.3, 0.6)
    found = design.size_for(truth, engine=bmco.Engine(500), progress=False)
    n = int(found.first[0])
    plan = Plan(None, design.analysis, looks).with_sizes(n, n)
    exact = bmco.Design(None, design.analysis, plan.looks).evaluate(truth, progress=False)
    assert abs(float(exact.power[0]) - float(found.data["check"][0])) < 4 * float(
        found.data["check_mcse"][0]
    )


@pytest.mark.slow
def test_fast_trials_are_checked_with_the_audit():
    truth = bmco.Scenario(0.4, 0.65)
    design = bmco.Design(60, bmco.Analysis(bmco.BGLM))
    engine = bmco.Engine(300, audit=5, draws=200, tune=200)
    found = design.size_for(truth, engine=engine, progress=False)
    data = found.data.isel(scenario=0)
    assert int(data["audited"]) == 5
    exact = bmco.Design(60, bmco.Analysis(bmco.BMVB)).size_for(truth, progress=False)
    assert abs(int(found.first[0]) - int(exact.first[0])) < 0.15 * int(exact.first[0])


def test_a_search_is_taken_up_from_its_folder(tmp_path):
    truth = bmco.Scenario(0.3, 0.6)
    design = bmco.Design(60, bmco.Analysis(bmco.BMVB))
    engine = bmco.Engine(300, path=tmp_path)
    first = design.size_for(truth, engine=engine, progress=False)
    files = sorted(tmp_path.rglob("*.npz"))
    again = design.size_for(truth, engine=engine, progress=False)
    assert sorted(tmp_path.rglob("*.npz")) == files
    assert again.data.equals(first.data)


def test_a_probit_curve_and_its_error():
    rng = np.random.default_rng(1)
    t, n = np.array([0.8, 0.9, 1.0, 1.1]), np.full(4, 500)
    from scipy.special import ndtr

    found = [
        fitted(t, n, rng.binomial(n, ndtr(-1.6 + 2.5 * t)), (-1.6, 2.4)).where(0.8416)
        for _ in range(300)
    ]
    at, error = np.array(found).T
    assert abs(at.mean() - (0.8416 + 1.6) / 2.5) < 4 * at.std() / np.sqrt(300)
    assert abs(error.mean() / at.std() - 1) < 0.2


@pytest.mark.parametrize(("successes", "power"), [(0, 0.2), (200, 0.95)])
def test_a_curve_through_nothing_is_still_one(successes, power):
    curve = fitted([1.0], [200], [successes], (-1.6, 2.4))
    found = float(curve.power(1.0))
    assert found < power if successes == 0 else found > power


def test_information_of_clusters_is_bounded():
    plan = Plan(analysis=bmco.Analysis(bmco.BMVB), clusters=20, size=15)
    scale = Scale.of(plan, bmco.Scenario(0.4, 0.6, icc=0.1), "size", 2000)
    assert scale.information(1e12) == pytest.approx(10)
    assert scale.size(11) == np.inf
    cancel = Plan(analysis=plan.analysis, clusters=20, size=15, randomised="subjects")
    assert Scale.of(cancel, bmco.Scenario(0.4, 0.6, icc=0.1), "size", 2000).icc == 0
