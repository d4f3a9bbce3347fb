"""What is made beside an effect fills the report's items with its own numbers."""

import re

import numpy as np
import pytest

import bmco_pymc as bmco


@pytest.fixture(scope="module")
def fit(trial_study):
    return bmco.BMVB(trial_study).fit(seed=1)


def item(report, heading):
    (found,) = [item for item in report.items if item.heading == heading]
    return found


def test_a_full_report_leaves_only_what_the_author_knows(fit):
    report = fit.effect().report("all", full=True)
    assert {item.heading for item in report.items if item.open} == {
        "Why Bayesian",
        "Why these priors",
        "Why a decision",
        "Why these margins",
        "Script and data",
    }


def test_the_check_says_how_many_statistics_are_far(fit):
    check = fit.check(seed=3)
    text = item(fit.effect().report(check=check), "Posterior predictive check").text
    p = check.table["p_value"].dropna()
    far = int(((p < 0.025) | (p > 0.975)).sum())
    assert text.startswith("10000 replicates of the data under BMVB: ") or "replicates" in text
    assert f"{far} of {len(p)} statistics" in text


def test_the_prior_says_what_it_claims(fit):
    prior = fit.model.prior_effect(seed=4, draws=2000)
    report = fit.effect().report("any", margins=0.1, prior=prior)
    text = item(report, "Prior predictive check").text
    row = prior.summary().loc["theta[trt, y2]"]
    said = f"{row['mean']:.3f} [{row['lower']:.3f}, {row['upper']:.3f}] under trt"
    assert said in text.split("y2", 1)[1]
    share = float((prior.delta > 0.1).any("outcome").mean())
    found = re.search(r"δ\[y1\] > 0\.1 or δ\[y2\] > 0\.1\) = (0\.\d+)", text)
    assert found is not None
    assert float(found[1]) == pytest.approx(share, abs=5e-5)


def test_the_sensitivity_and_other_priors(fit):
    sensitivity = fit.sensitivity(rule="all")
    models = {"as analysed": fit, "narrow": fit.model.with_priors(phi=bmco.Dirichlet(50))}
    comparison = bmco.compare(models, seed=1, progress=False)
    report = fit.effect().report(sensitivity=sensitivity, comparison=comparison)
    text = item(report, "Other priors").text
    row = sensitivity.parameters.loc["delta[y1]"]
    assert f"δ[y1] {row['prior']:.3f} to the prior and {row['likelihood']:.3f}" in text
    narrow = float(comparison.effects["narrow"].delta.sel(outcome="y1").mean())
    assert f"under 'narrow', δ[y1] {narrow:.3f} [" in text
    assert comparison.decisions["narrow"].verdict in text


def test_a_full_report_is_about_the_same_population(trial_fit):
    effect = trial_fit.effect(bmco.Value(1.5))
    report = effect.report("any", full=True)
    prior = trial_fit.model.prior_effect(bmco.Value(1.5), seed=int(trial_fit.idata.attrs["seed"]))
    mean = float(prior.theta.sel(group="trt", outcome="y1").mean())
    assert f"{mean:.3f} [" in item(report, "Prior predictive check").text
    assert "x = 1.5" in item(report, "Prior predictive check").text
    two_sided = effect.report("any", direction="two-sided", full=True)
    assert item(two_sided, "Other priors").open  # power-scaling looks at one side


def test_what_is_of_another_kind_is_refused(fit):
    effect = fit.effect()
    with pytest.raises(bmco.InputError, match=r"prior=.*model\.prior_effect"):
        effect.report(prior=effect)
    with pytest.raises(bmco.InputError, match=r"check=.*fit\.check"):
        effect.report(check=3)
    with pytest.raises(bmco.InputError, match=r"comparison=.*compare"):
        effect.report(comparison=fit)
    other = bmco.Study(bmco.load_trial(), ["y1"], "arm", "ctl", "trt")
    with pytest.raises(bmco.InputError, match="other groups or outcomes"):
        effect.report(prior=bmco.BMVB(other).prior_effect())


def test_the_table_for_a_paper(fit):
    effect = fit.effect()
    table = effect.table("any", ci_prob=0.9)
    html, tex = table.as_raw_html(), table.as_latex()
    summary = effect.summary(0.9)
    for label in ("theta[ctl, y1]", "theta[trt, y2]", "delta[y2]"):
        row = summary.loc[label]
        said = f"{row['mean']:.3f} [{row['lower']:.3f}, {row['upper']:.3f}]".replace("-", "−")
        assert said in html
        assert said in tex
    assert "90% equal-tailed interval" in html
    assert effect.estimand in html
    assert effect.decide("any").verdict in html


def test_the_table_with_labels_that_are_no_names():
    frame = bmco.load_trial().rename(columns={"y1": "<b>$x$ & _y_", "y2": ""})
    study = bmco.Study(frame, ["<b>$x$ & _y_", ""], "arm", "ctl", "trt")
    html = bmco.BMVB(study).fit(seed=1).effect().table().as_raw_html()
    assert "<b>$x$" not in html
    assert "&lt;b&gt;$x$ &amp; _y_" in html


def test_summaries_know_their_verdict(fit, trial_study):
    for table in (fit.summary(), fit.effect().summary()):
        assert table.attrs["converged"] is True
        assert table.attrs["verdict"].startswith("Independent draws")
    with pytest.warns(bmco.ConvergenceWarning):
        few = bmco.BMVB(trial_study).fit(draws=20, seed=1)
    assert few.summary().attrs["converged"] is False
    assert few.summary().attrs["verdict"].startswith("TOO FEW DRAWS")
    assert np.isfinite(few.summary()["mean"]).all()
