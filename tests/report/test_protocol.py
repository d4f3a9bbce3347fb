"""A protocol says the design and its numbers, and marks what it cannot know."""

from __future__ import annotations

import re

import numpy as np
import pytest
import simulated
from planned import assurance, power, prediction, size, type_one

import bmco_pymc as bmco
from bmco_pymc.report.planned import PAPERS
from bmco_pymc.trial.characteristics import OperatingCharacteristics as Found
from bmco_pymc.trial.looks import Looks

HEADINGS = (
    "Objective and estimand",
    "Design",
    "Success criterion",
    "Scenarios",
    "Analysis and priors",
    "Prior sensitivity, and the prior's worth in subjects",
    "Method and its validation",
    "Type I error",
    "Power",
    "Sample size",
    "Interim behaviour",
    "Reproducibility",
)


def section(report, heading):
    (found,) = [one for one in report.sections if one.heading == heading]
    return found


def test_the_paragraph_has_all_that_is_known():
    text = power(dropout=0.1).paragraph()
    for words in (
        "whether the treatment has higher success probabilities than the control on every one of "
        "2 binary outcomes, y1 and y2.",
        "At the end, 103 subjects in each group are analysed. As 10% are expected to have no "
        "outcome, 115 subjects in each group are enrolled.",
        "for every one of δ[y1] > 0 and δ[y2] > 0, the posterior probability exceeds 0.95.",
        "The level is α = 0.05, one-sided.",
        PAPERS,
        "https://doi.org/10.1177/0962280220922256",
        "The prior of their probabilities is Dirichlet(alpha=2/Q).",
        "There is no interim analysis.",
        "In scenario 'hoped for' (success probabilities 0.4, 0.4 under the control and 0.6, 0.6 "
        "under the treatment), power is 0.8125 (exact); claimed by itself: y1 0.8325 and y2 "
        "0.8525.",
        "In scenario 'null'",
        "the Type I error is 0.0437 (exact)",
        "Exact: sums over all counts of both groups.",
        "[To be filled in: population, interventions, and how subjects are randomised.]",
        "[To be filled in: why these truths are plausible and worth detecting.]",
    ):
        assert words in text
    assert not re.search(r" {2}|\.\.|None|nan", text)


def test_the_level_of_regulators_is_not_commented_on():
    assert PAPERS not in power(rule=bmco.Rule("all", alpha=0.025)).paragraph()
    assert PAPERS not in power(rule=bmco.Rule("all", direction="two-sided")).paragraph()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            bmco.Rule("any", margins=0.05),
            "probabilities than the control by more than the margin, on at least one of 2 binary "
            "outcomes|for at least one of δ[y1] > 0.05 and δ[y2] > 0.05, the posterior "
            "probability exceeds 0.975.|divided by 2 for the claim of an outcome",
        ),
        (
            bmco.Rule("all", margins=[-0.1, -0.05]),
            "is non-inferior to the control on every one of|δ[y1] > -0.1 and δ[y2] > -0.05",
        ),
        (bmco.Rule("all", direction="left"), "has lower success probabilities|δ[y1] < 0 and"),
        (bmco.Rule("count", m=1), "for at least 1 of δ[y1] > 0 and δ[y2] > 0"),
        (
            bmco.Rule("comp"),
            "on a weighted sum of 2|for 0.5 δ[y1] + 0.5 δ[y2] > 0, the posterior|the estimand is "
            "their weighted sum",
        ),
        (
            bmco.Rule("utility", u={"11": 1, "10": 0.3, "01": 0.2}),
            "in the expected utility of|for the difference of 1 φ[11] + 0.3 φ[10] + 0.2 φ[01] > 0",
        ),
        (
            bmco.Rule("any", statistic="joint"),
            "for δ[y1] > 0 or δ[y2] > 0, the posterior probability exceeds 0.975",
        ),
        (
            bmco.Rule("all", cut=0.9522),
            "exceeds 0.9522.|the cut-off 0.9522 is given, instead of 0.95",
        ),
    ],
    ids=lambda value: value.words if isinstance(value, bmco.Rule) else "",
)
def test_rules_in_words(rule, words):
    text = power(rule=rule).paragraph()
    for part in words.split("|"):
        assert part in text


def test_one_outcome_and_unequal_groups():
    found = power(["one"], ["relief"], n={"control": 60, "treatment": 120})
    text = found.paragraph()
    assert "than the control on the binary outcome relief." in text
    assert "60 subjects of the control and 120 of the treatment are analysed" in text
    assert "for δ[relief] > 0, the posterior probability exceeds 0.95" in text
    assert "claimed by itself" not in text


def test_looks_in_the_paragraph():
    text = power(looks=3).paragraph()
    assert "must all be claimed at the same look" in text
    assert "The trial succeeds before the end with probability 0.4062 and is given up with" in text
    assert "96.2 + 96.2 subjects on average" in text
    assert "at the same look" not in power(looks=3, rule="any").paragraph()


def test_many_scenarios_are_told_as_a_range():
    text = power([f"truth {k}" for k in range(9)]).paragraph()
    assert "power is from 0.8125 to 0.8125 (8 of them)" in text
    assert "the Type I error is from 0.0437 to 0.0437 (1 of them)" in text


def test_paragraphs_of_the_other_kinds():
    text = assurance().paragraph()
    assert "succeeds with probability 0.8125 (exact) (assurance)" in text
    assert "given success with probability 0.9704 (MCSE 0.0012)" in text
    text = type_one(rule="any").paragraph()
    assert "by itself: y1 0.0544 (control 0.3) and y2 0.0544 (control 0.35)" in text
    text = size().paragraph()
    assert "are analysed" not in text  # how many is the question
    assert (
        "first reached with 103 + 206 subjects (0.8062) and by every number from 106 + 212" in text
    )
    assert "the textbook formula says 105 in the smaller group" in text
    assert "[To be filled in: which of these numbers is chosen, and why.]" in text
    assert "With 40 + 38 subjects so far, the trial ends in success" in prediction().paragraph()


def test_the_report_has_twelve_sections_and_says_what_is_missing():
    report = power().report()
    assert tuple(one.heading for one in report.sections) == HEADINGS
    assert [one.heading for one in report.sections if not one.open] == [
        "Method and its validation",
        "Power",
        "Interim behaviour",
    ]
    assert "design.type_one()" in section(report, "Type I error").to_fill_in
    assert "design.size_for(truth, power=0.8)" in section(report, "Sample size").to_fill_in
    assert section(report, "Scenarios").table[1] == [
        "hoped for",
        "0.4, 0.4",
        "0.6, 0.6",
        "0.2, 0.2",
    ]
    assert section(report, "Power").table[1][2] == "0.8125"
    assert section(report, "Interim behaviour").text == "There is no interim analysis."
    assert "No number depends on a seed." in section(report, "Reproducibility").text
    assert f"bmco_pymc {bmco.__version__}" in section(report, "Reproducibility").text
    assert "design.evaluate(truth)" in section(type_one().report(), "Power").to_fill_in
    assert "design.evaluate(truth)" in section(type_one().report(), "Scenarios").to_fill_in


def test_other_results_fill_the_report():
    report = power(looks=1).report(type_one=type_one(), size=size(), assurance=assurance())
    assert {one.heading for one in report.sections if one.open} == set(HEADINGS) - {
        "Method and its validation",
        "Type I error",
        "Power and Assurance",
        "Power",
        "Sample size",
        "Interim behaviour",
    }
    assert section(report, "Type I error").table[1][1] == "0.0544"
    assert PAPERS in section(report, "Type I error").text
    assert section(report, "Sample size").table[1][1] == "103 + 206"
    assert "(assurance)" in section(report, "Power and Assurance").text
    assert "Found by maximising a polynomial." in section(report, "Method and its validation").text
    assert "0.0544" in report.paragraph
    assert "103 subjects in each group are analysed" in report.paragraph
    assert section(report, "Reproducibility").text.endswith("as given to the verb.")


def test_results_of_another_design_are_refused():
    with pytest.raises(bmco.InputError, match="another rule"):
        power().report(type_one=type_one(rule="any"))
    with pytest.raises(bmco.InputError, match="another n"):
        power().report(type_one=type_one(n=50))
    with pytest.raises(bmco.InputError, match="another prior"):
        power().report(size=size(priors=bmco.Priors(phi=bmco.Dirichlet(1))))
    with pytest.raises(bmco.InputError, match=r"must be what design.type_one\(\) returns"):
        power().report(type_one=power())
    with pytest.raises(bmco.InputError, match=r"must be what design.size_for"):
        power().report(size=12)  # type: ignore[arg-type]


def test_the_worth_of_a_prior():
    def worth(prior) -> str:
        report = power(priors=bmco.Priors(phi=prior)).report()
        return section(report, HEADINGS[5]).text

    assert worth(None) == "The prior of each group is worth 2 subjects."
    assert worth(bmco.Dirichlet([10, 5, 5, 10], treatment=0.25)) == (
        "The prior of the control is worth 30 subjects, that of the treatment 1 subject."
    )
    mixture = bmco.Mixture([(0.8, [11, 12, 13, 14]), (0.2, 1)])
    assert worth(mixture) == (
        "The prior of the control is worth 50 subjects with weight 0.8 and 4 subjects with weight "
        "0.2, that of the treatment 2 subjects."
    )


def test_interim_behaviour_is_a_table():
    table = section(power(looks=3).report(), "Interim behaviour").table
    assert table[0] == ["scenario", "look", "n", "cut-off", "success", "futility"]
    assert table[1] == ["hoped for", "1", "35 + 35", "0.997394", "0.1354", "0.0050"]
    assert len(table) == 7
    table = section(assurance(looks=3).report(), "Interim behaviour").table
    assert table[3][:3] == ["", "3", "105 + 105"]


def test_a_seed_is_said():
    found = power(mcse=0.001)
    found = Found(found.design, found.data.assign_attrs(seed=42), "power")
    assert section(found.report(), "Reproducibility").text.endswith(
        "Seed of what was simulated: 42."
    )


def test_text_markdown_and_html():
    evil = "costs $5 | <b>x</b> *y*"
    report = power([evil, "null"]).report()
    text = str(report)
    assert evil in text
    assert max(len(line) for line in text.splitlines() if "  " not in line) <= 100
    for number, heading in enumerate(HEADINGS, 1):
        assert f"{number}. {heading}" in text
    assert text.count("TO BE FILLED IN") == sum(one.open for one in report.sections)
    marked = report.markdown()
    assert r"| costs \$5 \| \<b>x\</b> \*y\* |" in marked
    assert "### 8. [ ] Type I error" in marked
    assert "### 9. [x] Power" in marked
    page = report._repr_html_()
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert page.count("<mark>") == sum(one.open for one in report.sections)
    assert repr(report) == text


def test_a_protocol_of_a_cluster_randomised_trial():
    found = simulated.power(simulated.design(dropout=0.1))
    report = found.report()
    first = section(report, "Objective and estimand").text
    assert first.startswith("The cluster-randomised trial is to decide whether the treatment has")
    assert first.endswith("control, averaged over new clusters like those of the trial.")
    second = section(report, "Design")
    assert second.text.startswith(
        "At the end, 20 clusters, 10 of each group, with 15 subjects on average (coefficient of "
        "variation 0.4), are analysed: about 150 subjects in each group. Whole clusters are "
        "randomised. As 10% are expected to have no outcome, 16.67 subjects of a cluster are "
        "enrolled on average, about 167 subjects in each group."
    )
    assert second.to_fill_in.startswith("How clusters are randomised")
    analysis = section(report, "Analysis and priors").text
    assert "https://doi.org/10.1186/s12874-023-02034-z" in analysis
    assert "fixed terms group, and with an intercept that varies between clusters" in analysis
    assert "recommended priors (neutral about the success probabilities)" in analysis
    assert "not worth a number of subjects" in section(report, HEADINGS[5]).text
    method = section(report, "Method and its validation")
    assert method.text == f"Power: {found.method}"
    assert not method.open
    power = section(report, "Power")
    assert power.table[1][2:] == ["0.8125", "0.006", "0.8600", "0.9100"]
    assert power.second[1][2:] == ["-0.0121 (0.0007)", "0.0774 (0.0005)", "0.9401 (0.0024)"]
    assert section(report, "Reproducibility").text.endswith("Seed of what was simulated: 7.")
    text = str(report)
    assert max(map(len, text.splitlines())) <= 100
    assert "estimates of δ" in text
    assert "| estimates of δ |" in report.markdown()
    assert "<th>coverage (MCSE)</th>" in report._repr_html_()
    assert "exact" not in text.lower().replace("exactly", "")
    assert not re.search(r"  \w+\.\.|None|nan", found.paragraph())


def test_a_protocol_says_what_was_not_checked():
    report = simulated.power(simulated.design(), audited=0).report()
    assert "Engine(audit=200)" in section(report, "Method and its validation").to_fill_in


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"model": "BGLM", "fixed": "group * age"},
            "averaged over the covariates of all subjects of the trial, the same for both "
            "groups.|https://doi.org/10.1080/00273171.2024.2337340|with terms group * age",
        ),
        (
            {"model": "BGLM", "fixed": "group * age", "population": bmco.Value(age=50)},
            "minus that under the control, in both groups at age = 50.",
        ),
        (
            {"random": "1 + group", "clusters_of": "observed"},
            "averaged over the clusters of the trial (weight of each: its subjects).|with terms "
            "1 + group that vary between clusters",
        ),
        (
            {"priors": bmco.Priors(beta=bmco.Normal(0, sd=1))},
            "It has the priors Normal(mean=0, sd=1) for beta, and recommended priors (neutral "
            "about the success probabilities) for the others.",
        ),
        (
            {"model": "BMVB"},
            "The prior of their probabilities is Dirichlet(alpha=2/Q). It takes no account of the "
            "clusters: their subjects count as independent.",
        ),
        (
            {"randomised": "subjects"},
            "The trial is to decide|20 clusters, with 15 subjects on average|Half of the subjects "
            "of each cluster are in each group.|how subjects are randomised",
        ),
        (
            {"looks": Looks([8, 20], futility_by="posterior")},
            "An interim analysis is planned with 8 clusters of 20",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value),
)
def test_simulated_designs_in_words(more, words):
    text = simulated.power(simulated.design(**more)).paragraph()
    for part in words.split("|"):
        assert part in text


def test_the_interim_table_counts_clusters():
    looks = Looks([8, 14, 20], futility_by="posterior")
    table = section(
        simulated.power(simulated.design(looks=looks)).report(), "Interim behaviour"
    ).table
    assert table[0][:4] == ["scenario", "look", "clusters", "n"]
    assert [row[2:4] for row in table[1:]] == [
        ["8", "60 + 60"],
        ["14", "105 + 105"],
        ["20", "150 + 150"],
    ]


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"clusters": 22}, "n"),
        ({"size_cv": 0.2}, "size_cv"),
        ({"randomised": "subjects"}, "randomised"),
        ({"random": "1 + group"}, "formula"),
        ({"clusters_of": "observed"}, "population"),
        ({"priors": bmco.Priors(beta=bmco.Normal(0, sd=1))}, "prior"),
        ({"model": "BMVB"}, "model"),
    ],
)
def test_other_simulated_designs_are_refused(more, what):
    other = simulated.power(simulated.design(**more), averaged=True)
    with pytest.raises(bmco.InputError, match=f"another {what}"):
        simulated.power(simulated.design()).report(assurance=other)


def test_correlations_are_in_the_table_of_scenarios():
    found = simulated.power(simulated.design())
    icc = np.full((1, 2, 2), 0.05)
    data = found.data.assign(icc=(("scenario", "group", "outcome"), icc))
    report = Found(found.design, data, "power").report()
    assert [row[-1] for row in section(report, "Scenarios").table] == ["ICC", "0.05"]
