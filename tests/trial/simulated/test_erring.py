"""Type I errors by simulation, against exact ones."""

import numpy as np
import pytest
from oracles import oracle

import bmco_pymc as bmco

ENGINE = bmco.Engine(2000)


def design(rule="all", n=50, **more):
    analysis = bmco.Analysis(bmco.BMVB, rule=bmco.Rule(rule, **more))
    return bmco.Design(n, analysis, outcomes=2)


@pytest.mark.slow
@pytest.mark.parametrize(("place", "rule", "cut"), [(0, "all", 0.95), (1, "any", 0.975)])
def test_clusters_that_are_ignored(place, rule, cut):
    expected = oracle("clus.naive.10.15.0.1.null").value[place]
    truth = bmco.Scenario([0.5, 0.5], [0.5, 0.5], rho=0.3, icc=0.1, between="dirichlet")
    analysis = bmco.Analysis(bmco.BMVB, rule=bmco.Rule(rule, cut=cut))
    planned = bmco.Design(analysis=analysis, clusters=20, size=15)
    found = planned.type_one(truths={"null": truth}, engine=ENGINE, progress=False)
    assert abs(found.error - expected) < 4 * float(found.data["mcse"])
    assert "one truth, 'null'" in found.notes[0]


@pytest.mark.slow
def test_clusters_that_are_ignored_with_one_outcome():
    expected = oracle("clus.naive.10.15.0.1.null").value[2]
    truth = bmco.Scenario(0.5, 0.5, icc=0.1, between="dirichlet")
    planned = bmco.Design(analysis=bmco.Analysis(bmco.BMVB), clusters=20, size=15)
    found = planned.type_one(truths=truth, engine=ENGINE, progress=False)
    assert abs(found.error - expected) < 4 * float(found.data["mcse"])


def test_the_largest_is_estimated_anew():
    planned = design("any")
    found = planned.type_one(engine=bmco.Engine(1000), progress=False)
    data = found.data
    assert found.kind == "type_one"
    assert np.isnan(float(data["error_bound"]))
    assert data.sizes["scenario"] == 6
    exact = planned.evaluate(
        bmco.Scenario(phi=np.array([data["phi"].values])), progress=False
    ).data["success"]
    assert abs(found.error - float(exact[0])) < 4 * float(data["mcse"])
    worst = int(data["worst"])
    np.testing.assert_allclose(data["scanned_theta"].values[worst], data["theta"].values)
    # the first look and the second have other trials
    assert float(data["scanned"][worst]) != found.error
    label = str(data["scenario"].values[worst])
    assert label in found.notes[0]
    assert "Type I error" in str(found)
    assert len(found.table()) >= 3


def test_scanned_errors_are_those_of_evaluate():
    planned = design("any")
    found = planned.type_one(engine=bmco.Engine(400), progress=False).data
    truths = {
        label: bmco.Scenario(theta[0], theta[1], rho=0.3 if "0.3" in label else 0)
        for label, theta in zip(
            map(str, found["scenario"].values), found["scanned_theta"].values, strict=True
        )
    }
    exact = planned.evaluate(truths, progress=False).data["success"]
    off = (found["scanned"].values - exact.values) / found["scanned_mcse"].values
    assert (np.abs(off) < 4.5).all()


def test_two_sided_errors_are_of_either_side():
    planned = design("any", direction="two-sided")
    null = bmco.Scenario([0.5, 0.5], [0.5, 0.5])
    exact = planned.evaluate(null, progress=False).data
    found = planned.type_one(truths=null, engine=ENGINE, progress=False)
    both = float(exact["success"][0] + exact["inferior"][0])
    assert abs(found.error - both) < 4 * float(found.data["mcse"]) + 0.002  # both can be met


def test_giving_up_is_not_counted_on():
    null = bmco.Scenario(0.5, 0.5)
    errors = []
    for futility in (None, 0.6):
        looks = bmco.Looks([20, 50], futility=futility, futility_by="posterior")
        planned = bmco.Design(None, bmco.Analysis(bmco.BMVB), looks)
        found = planned.type_one(truths=null, engine=bmco.Engine(500), progress=False)
        errors.append(found.error)
    assert errors[0] == errors[1]


def test_named_truths():
    truths = {
        "low": bmco.Scenario([0.2, 0.2], [0.2, 0.2]),
        "large effect of one": bmco.Scenario([0.2, 0.5], [0.8, 0.5]),
    }
    found = design(n=60).type_one(truths=truths, engine=bmco.Engine(1000), progress=False)
    assert found.data["scenario"].values.tolist() == list(truths)
    assert int(found.data["worst"]) == 1
    assert "the truths that were given" in found.notes[0]


def test_truths_that_are_no_scenarios():
    with pytest.raises(bmco.InputError, match="truths="):
        design().type_one(truths=0.5, progress=False)


@pytest.mark.slow
def test_fast_trials_are_corrected_by_the_audit():
    planned = bmco.Design(60, bmco.Analysis(bmco.BGLM))
    null = bmco.Scenario(0.5, 0.5)
    engine = bmco.Engine(300, audit=6, draws=200, tune=200)
    found = planned.type_one(truths=null, engine=engine, progress=False).data
    assert int(found["audited"]) == 6
    alone = planned.type_one(truths=null, engine=bmco.Engine(300, audit=0), progress=False)
    assert abs(float(found["error"]) - float(found["shift"]) - alone.error) < 1e-9


def test_more_trials_take_up_those_of_a_folder(tmp_path):
    truths = [bmco.Scenario(0.5, 0.5), bmco.Scenario(0.3, 0.3)]
    planned = bmco.Design(40, bmco.Analysis(bmco.BMVB))
    engine = bmco.Engine(200, path=tmp_path)
    first = planned.type_one(truths=truths, engine=engine, progress=False)
    files = sorted(tmp_path.rglob("*.npz"))
    again = planned.type_one(truths=truths, engine=engine, progress=False)
    assert files
    assert sorted(tmp_path.rglob("*.npz")) == files
    assert again.data.equals(first.data)
