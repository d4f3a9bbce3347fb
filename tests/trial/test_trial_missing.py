"""Trials in which some outcomes of subjects are missing: what is decided, and what is refused."""

import pytest

import bmco_pymc as bmco


@pytest.fixture(scope="module")
def study() -> bmco.Study:
    data = bmco.load_trial()
    data["y2"] = data["y2"].astype(float).mask(data.index % 4 == 0)
    return bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt", missing="mar")


def test_a_decision_is_that_of_the_draws(study):
    """The exact probabilities of a plan go by whole patterns, and would pass over a quarter."""
    analysis = bmco.Analysis(bmco.BMVB, bmco.Rule("any"))
    decision = analysis.run(study, seed=1)
    assert str(decision) == str(bmco.BMVB(study).fit(seed=1).effect().decide("any"))
    assert decision.sides[0].statistic_mcse > 0
    assert "60 of 240 subjects are partly observed" in decision.caveats[0]


def test_a_look_counts_all_subjects(study):
    """As many as the study has, whatever was observed of them: no warning of another number."""
    analysis = bmco.Analysis(bmco.BMVB, bmco.Rule("any"))
    design = bmco.Design(120, analysis, outcomes=study.outcomes)
    assert str(design.run(study, seed=1)) == str(analysis.run(study, seed=1))


def test_a_prediction_is_refused(study):
    design = bmco.Design(150, bmco.Analysis(bmco.BMVB, bmco.Rule("any")), outcomes=study.outcomes)
    with pytest.raises(bmco.InputError, match="missing='mar': some subjects miss outcomes"):
        design.predict(study)
