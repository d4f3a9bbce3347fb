"""A report says the numbers of the effect and of the decision, and what it cannot know."""

import re

import numpy as np
import pytest

import bmco_pymc as bmco
from bmco_pymc.fit import make_fit
from bmco_pymc.report.barg import STEPS

pytestmark = pytest.mark.samples

NUMBERS = r"(-?\d\.\d{3}) \[(-?\d\.\d{3}), (-?\d\.\d{3})\]"


def item(report, heading):
    (found,) = [item for item in report.items if item.heading == heading]
    return found


def check_numbers(effect, ci_prob=0.95, **asked):
    """Compare every number of the paragraph with the summary and the decision."""
    report = effect.report(**asked, ci_prob=ci_prob)
    table, decision = effect.summary(ci_prob), effect.decide(**asked)
    outcomes = effect.fit.model.study.outcomes
    control, treatment = effect.fit.model.study.group_labels
    for k, outcome in enumerate(outcomes):
        pattern = (
            rf"For {outcome}, the success probability.*? was {NUMBERS} under {treatment} "
            rf"and {NUMBERS} under {control}, a difference of {NUMBERS}\."
        )
        found = re.search(pattern, report.paragraph)
        assert found is not None, pattern
        said = np.array(found.groups(), float).reshape(3, 3)
        rows = [f"theta[{treatment}, {outcome}]", f"theta[{control}, {outcome}]"]
        known = table.loc[[*rows, f"delta[{outcome}]"], ["mean", "lower", "upper"]].to_numpy()
        assert np.abs(said - known).max() <= 0.0005 + 1e-12
        assert abs(said[0, 0] - said[1, 0] - said[2, 0]) < 0.0016  # treatment minus control
        assert k or f"[{100 * ci_prob:g}% equal-tailed interval]" in report.paragraph
    for side in decision.sides:
        if side.bound is None:
            text = f"P({side.event}) = {side.probability:.4f} (MCSE {side.mcse:.2g})"
            assert text in report.paragraph
            assert text in item(report, "Probabilities").text
    assert f": {decision.verdict} (" in report.paragraph
    assert f"level α = {decision.alpha:g}" in report.paragraph
    assert effect.estimand in report.paragraph
    assert effect.estimand in item(report, "Goal").text
    assert report.title == f"{treatment} compared with {control}: {decision.verdict}"
    return report


def test_regression(trial_fit):
    effect = trial_fit.effect(bmco.Value(0.5))
    margins = {"y1": -0.1, "y2": 0.02}
    report = check_numbers(effect, 0.9, rule="any", direction="two-sided", margins=margins)
    assert report.paragraph.startswith("We compared trt (120 subjects) with ctl (120 subjects)")
    text = report.paragraph
    assert "with the terms the intercept, arm, x and arm × x" in text
    assert "The coefficients had the prior N(0, 10) (mean, variance) for each logit" in text
    assert "sampled by NUTS" in text
    assert "4 chains of 4000 draws, after 1000 of tuning each (seed 1)." in text
    assert effect.diagnostics.verdict in text
    assert "margins -0.1 for y1 and 0.02 for y2" in text
    frame = bmco.load_trial()
    count = frame.groupby("arm")[["y1", "y2"]].sum()
    y1, y2 = count.loc["trt"].to_numpy().astype(int)
    said = f"under trt: {y1} of 120 on y1 and {y2} of 120"
    assert said in item(report, "Data").text
    smallest = int(trial_fit.diagnostics.min_ess)
    assert f"at least {smallest} for parameters" in item(report, "Resolution").text
    mcse = effect.summary()["mcse"].filter(like="delta").max()
    assert f"is at most {mcse:.2g}." in item(report, "Resolution").text
    assert trial_fit.idata.attrs["software"] in item(report, "Software").text
    assert f"bmco_pymc {bmco.__version__}, Python 3" in item(report, "Software").text
    settings = item(report, "Settings").text
    assert settings.startswith(
        "draws 4000, chains 4, seed 1, sampler nutpie; left to the package: "
    )
    assert "target_accept 0.9, tune 1000. With" in settings


def test_clusters_and_caveats(schools_fit):
    report = check_numbers(schools_fit.effect(), rule="all")
    text = report.paragraph
    assert "fixed terms method, baseline_ability and method × baseline_ability" in text
    assert "with an intercept that varied between 20 clusters (school_id)" in text
    assert "inverse-Wishart prior for each logit, with 1 degree of freedom" in text
    assert "InverseWishart(" not in str(report)
    assert "Σ_q ~ inverse-Wishart(ν = 1, T = 0.1)" in item(report, "Formal specification").text
    assert "γ_jq ~ N(γ_q, Σ_q) for cluster j" in item(report, "Formal specification").text
    observed = check_numbers(schools_fit.effect(clusters="observed"), rule="all")
    for said in (observed.paragraph, item(observed, "Decision").text):
        assert "Caveat: Whole clusters were randomised" in said
    assert "Caveat" not in text


def test_exact_and_weights(trial_study):
    effect = bmco.BMVB(trial_study).fit(seed=1).effect()
    report = check_numbers(effect, rule="comp", w=[0.75, 0.25], alpha=0.1, direction="left")
    assert "drawn from exactly" in report.paragraph
    assert "NUTS" not in str(report)
    assert "weights 0.75 for y1 and 0.25 for y2" in report.paragraph
    assert "Independent draws:" in item(report, "Convergence").text


def test_one_outcome_and_dropped_rows():
    frame = bmco.load_trial()
    frame.loc[:4, "y2"] = None
    with pytest.warns(bmco.InputWarning, match="dropped 5 of"):
        study = bmco.Study(frame, "y2", "arm", "ctl", "trt")
    report = check_numbers(bmco.BMVB(study).fit(seed=1).effect())
    assert "on the binary outcome y2. The outcome was analysed by" in report.paragraph
    assert "Note: dropped 5 of 240 rows" in item(report, "Data").text


def test_what_did_not_converge_is_said_first(trial_fit, trial_study):
    short = trial_fit.idata.isel(draw=slice(30)).copy(deep=True)
    # one chain elsewhere: no convergence by any measure
    short["posterior"]["beta"][2] += 3
    with pytest.warns(bmco.ConvergenceWarning):
        fit = make_fit(trial_fit.model, short)
    with pytest.warns(bmco.ConvergenceWarning):
        effect = fit.effect()
    report = effect.report()
    assert report.paragraph.startswith("NOT CONVERGED: R-hat is above 1.01")
    first = report.paragraph.index("The numbers that follow cannot be relied on.")
    assert first < report.paragraph.index("We compared")
    assert report.paragraph.count("NOT CONVERGED") == 1
    assert item(report, "Convergence").text.startswith("NOT CONVERGED")

    with pytest.warns(bmco.ConvergenceWarning):
        effect = bmco.BMVB(trial_study).fit(draws=20, seed=1).effect()
    assert effect.report().paragraph.startswith("TOO FEW DRAWS")


def test_items_and_their_forms(trial_study):
    report = bmco.BMVB(trial_study).fit(seed=1).effect().report()
    assert list(dict.fromkeys(item.step for item in report.items)) == list(STEPS)
    open_items = {item.heading for item in report.items if item.open}
    assert open_items == {
        "Why Bayesian",
        "Why these priors",
        "Prior predictive check",
        "Posterior predictive check",
        "Why a decision",
        "Why these margins",
        "Other priors",
        "Script and data",
    }
    printed, markdown, page = str(report), report.markdown(), report._repr_html_()
    assert max(map(len, printed.splitlines())) <= 100
    n_open, n = len(open_items), len(report.items)
    assert printed.count("TO BE FILLED IN") == n_open
    assert markdown.count("- [ ] ") == page.count("<mark>") == n_open
    assert markdown.count("- [x] ") == n - n_open
    assert report.paragraph in " ".join(printed.split())
    with pytest.raises(AttributeError):
        report.paragraph = "better"  # type: ignore[misc]


def test_labels_are_escaped():
    frame = bmco.load_trial().rename(columns={"y1": "<b>well", "y2": "a*b*"})
    study = bmco.Study(frame, ["<b>well", "a*b*"], "arm", "ctl", "trt")
    report = bmco.BMVB(study).fit(seed=1).effect().report()
    assert "<b>well" in report.paragraph
    assert "<b>well" not in report._repr_html_()
    assert "&lt;b&gt;well" in report._repr_html_()
    assert r"\<b>well" in report.markdown()
    assert not re.search(r"(?<!\\)<b>well|(?<!\\)\*b", report.markdown())


def test_bad_arguments_are_those_of_decide(trial_study):
    effect = bmco.BMVB(trial_study).fit(draws=500, seed=1).effect()
    with pytest.raises(bmco.InputError, match="rule='most'"):
        effect.report("most")
    with pytest.raises(bmco.InputError, match="ci_prob"):
        effect.report(ci_prob=2)
    effect.fit.idata.attrs["sampler"] = "prior"
    with pytest.raises(bmco.InputError, match="is of the prior alone"):
        effect.report()
