"""What a report says of outcomes that were not observed."""

import pytest

import bmco_pymc as bmco


def fit(*, first: bool) -> bmco.Fit:
    data = bmco.load_trial()
    data["y2"] = data["y2"].astype(float).mask(data.index % 7 == 0)
    if first:
        data["y1"] = data["y1"].astype(float).mask(data.index % 7 == 1)
    study = bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt", missing="mar")
    return bmco.BMVB(study).fit(draws=500, seed=1)


@pytest.mark.parametrize(
    ("first", "how"),
    [
        (False, "The posterior is known and was drawn from exactly, with"),
        (True, "The posterior was drawn by data augmentation, with"),
    ],
)
def test_who_is_partly_observed_and_what_it_rests_on(first, how):
    report = fit(first=first).effect().report("any")
    number, subjects = (70, "y1 17 of ctl and 18 of trt; ") if first else (35, "")
    subjects += "y2 18 of ctl and 17 of trt)"
    assert f"Partly observed: {number} of 240 subjects (missing: {subjects}" in report.paragraph
    assert report.paragraph.count("missing at random (MAR)") == 1
    assert "the sum of the probabilities of all patterns that agree with" in report.paragraph
    assert how in report.paragraph
    texts = {item.heading: item.text for item in report.items}
    assert "adds log Σ_{q in C} φ_q to the log-likelihood" in texts["Formal specification"]
    assert "fit.tipping_point()" in texts["Other priors"]
    assert "10.1002/9781119482260" in texts["Likelihood and parameters"]
    assert "of 102 on y2" in texts["Data"]
    assert report.markdown().count("partly observed") >= 1


def test_nothing_of_it_where_everything_was_observed(trial_study):
    report = str(bmco.BMVB(trial_study).fit(draws=500, seed=1).effect().report())
    for words in ("artly observed", "agree", "tipping", "MAR"):
        assert words not in report
