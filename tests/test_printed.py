"""Every value prints in words, as text and as HTML, and HTML shows labels as they are."""

import re
from dataclasses import replace

import pytest

import bmco_pymc as bmco

pytestmark = pytest.mark.samples

EVIL = "<script>alert(1)</script>"
ALLOWED = {"div", "b", "strong", "table", "tr", "th", "td", "ul", "li", "p", "details", "summary"}


@pytest.fixture(scope="module")
def values(trial_fit):
    """A study with evil names in every role, and what follows from it."""
    names = {"y1": f"y1 {EVIL}", "y2": "y & 2", "arm": "arm <b>"}
    data = bmco.load_trial().rename(columns=names)
    data["arm <b>"] = data["arm <b>"].replace({"ctl": f"ctl {EVIL}"})
    data["site <i>"] = ["<u>", "b"] * (len(data) // 2)
    study = bmco.Study(
        data, [names["y1"], "y & 2"], "arm <b>", f"ctl {EVIL}", "trt", cluster="site <i>"
    )
    exact = bmco.BMVB(study).fit(draws=500, seed=1)
    effect = exact.effect()
    return {
        "Study": study,
        "BMVB": exact.model,
        "BGLM": bmco.BGLM(study, "`arm <b>` * x"),
        "BGLMM": bmco.BGLMM(study, "`arm <b>` * x"),
        "Fit": exact,
        "Effect": effect,
        "Decision": effect.decide("any"),
    }


@pytest.mark.filterwarnings("ignore::bmco_pymc.InputWarning")
@pytest.mark.parametrize("kind", ["Study", "BMVB", "BGLM", "BGLMM", "Fit", "Effect", "Decision"])
def test_html_is_escaped_and_text_is_not(values, kind):
    value = values[kind]
    page = value._repr_html_()
    assert set(re.findall(r"</?(\w+)", page)) <= ALLOWED
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert EVIL in str(value)


def test_subgroups_and_curves_are_escaped_too(trial_fit):
    data = bmco.load_trial().assign(site=[EVIL, "b"] * 120)
    model = bmco.BGLM(bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt"), "arm * x")
    fit = replace(trial_fit, model=model)
    subgroups = fit.effects_by("site", progress=False)
    curve = fit.curve("x", [0, 1], progress=False)
    for value in (subgroups, subgroups.decide(), curve, curve.decide()):
        assert set(re.findall(r"</?(\w+)", value._repr_html_())) <= ALLOWED
    assert "&lt;script&gt;" in subgroups.decide("any")._repr_html_()
    assert EVIL in str(subgroups)


def test_a_model_is_told_in_words(multisite_model, trial_study):
    lines = str(multisite_model).splitlines()
    assert lines[0] == "BGLMM of y1, y2"
    assert lines[1].split() == ["arm", "subjects"]
    assert lines[2].split() == ["ctl", "192"]
    assert "Terms of the log odds of 11, 10, 01 against 00:" in lines
    assert "Fixed: x, arm:x." in lines
    assert "Random, varying between 16 clusters (site): Intercept, arm." in lines
    assert "Prior of gamma: Normal(mean=0, covariance=10)." in lines
    assert repr(multisite_model) == str(multisite_model)
    assert [line.split(":")[0] for line in str(bmco.BMVB(trial_study)).splitlines()[4:]] == [
        "Prior of phi"
    ]
