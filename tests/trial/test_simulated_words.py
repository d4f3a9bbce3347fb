"""What is printed and tabulated of simulated trials: how they were analysed, and how well."""

from __future__ import annotations

import numpy as np
import pytest
from planned import power as exact
from simulated import LONG, design, power

import bmco_pymc as bmco
from bmco_pymc.trial.looks import Looks

CLUSTERS = Looks([8, 14, 20], futility=0.1, futility_by="posterior")


@pytest.mark.parametrize(
    ("given", "method"),
    [
        (
            {},
            "Simulated: 10,000 trials, analysed by a Laplace approximation; 200 of them, close "
            "decisions above all, also by NUTS, which decides about 1.5% of trials otherwise (95% "
            "interval up to 4.3%): the probabilities are those of NUTS, Monte Carlo standard error "
            "at most 0.006.",
        ),
        (
            {"otherwise": [0]},
            "also by NUTS, which decided none of these otherwise (95% interval up to 2.8%): the",
        ),
        (
            {"trials": 200},
            "approximation; all of them also by NUTS, which decides about 1.5% of trials otherwise "
            "(95% interval up to 4.3%): the",
        ),
        (
            {"audited": 0},
            "Simulated: 10,000 trials, analysed by a Laplace approximation, none of them also by "
            "NUTS: the probabilities are those of the approximation, Monte Carlo standard error at "
            "most 0.006.",
        ),
        (
            {"otherwise": [24], "refused": [True]},
            "Simulated: 10,000 trials, analysed by a Laplace approximation. The fast analysis "
            "decides about 12% of trials otherwise than NUTS, which moves the probability by "
            "0.041, and is not used: the numbers are those of the audited trials, Monte Carlo "
            "standard error at most 0.006.",
        ),
        (
            {"engine": "nuts", "trials": 1000, "audited": 1000},
            "Simulated: 1,000 trials, all analysed by NUTS; Monte Carlo standard error at most "
            "0.006.",
        ),
        ({"engine": "BMVB", "audited": 0}, "Simulated: 10,000 trials, each analysed exactly; Mo"),
        (
            {"labels": ["a", "b"], "otherwise": [1, 3]},
            "10,000 trials of each scenario, analysed by a Laplace approximation; 200 of them, "
            "close decisions above all, also by NUTS, which decides at most about 1.5% of trials "
            "otherwise (95% interval up to 4.3%): the",
        ),
        (
            {"labels": ["a", "b"], "otherwise": [3, 24], "refused": [False, True]},
            "which decides about 1.5% of trials otherwise (95% interval up to 4.3%). In 1 of 2 "
            "scenarios the fast analysis decides about 12% of trials otherwise than NUTS, which "
            "moves the probability by 0.041, and is not used there: the numbers are those of the "
            "audited trials, Monte",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value),
)
def test_the_method_says_who_has_analysed_the_trials(given, method):
    found = power(design(), **given)
    assert method in found.method
    assert method in str(found)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"audited": 0, "trials": 2000}, "12 of 2,000 fits (0.6%) failed or did not converge"),
        ({}, "About 0.6% of fits by NUTS (MCSE 0.3%) failed or did not converge: they count as"),
        ({"refused": [True]}, "1 of 200 fits (0.6%) failed"),
        (
            {"labels": ["a", "b"], "failed": [0, 0.006], "audited": 0},
            "Up to 60 of 10,000 fits in a scenario (0.6%) failed",
        ),
    ],
)
def test_failed_fits_are_shown(given, words):
    found = power(design(), **{"failed": [0.006], **given})
    assert words in str(found)
    assert words in found.paragraph()
    assert "0.6%" in str(found).splitlines()[2 + (len(found.data.scenario) > 1)]
    assert "failed" not in str(power(design()))


def test_estimates_are_told_by_outcome_or_as_a_range():
    words = (
        "Estimates of δ (posterior means): bias -0.0121 for y1 and 0.0034 for y2 (MCSE at most "
        "0.0007), RMSE 0.0774 and 0.0774 (MCSE at most 0.0005) and coverage of the 95% interval "
        "0.9401 and 0.9512 (MCSE at most 0.0024)."
    )
    assert words in str(power(design()))
    several = str(power(design(), ["a", "b"]))
    assert "over scenarios and outcomes: bias from -0.0242 to 0.0068 (MCSE" in several
    assert "Estimates" not in str(exact())


@pytest.mark.parametrize(
    ("rule", "looks"),
    [("all", None), (bmco.Rule("any", direction="two-sided"), None), ("all", CLUSTERS)],
)
def test_tables_fit_a_page_with_long_labels(rule, looks):
    found = power(
        design(rule=rule, looks=looks), [LONG, LONG.replace("0.05", "0.1")], failed=[0.01]
    )
    title, *lines = str(found).splitlines()
    end = next(k for k, line in enumerate(lines) if line.startswith(("Up to", "On each", "About")))
    table = lines[:end]
    assert max(map(len, table)) <= 100
    assert all(line == line.rstrip() for line in table)
    for part in ("control = (0.4, 0.4),", "treatment = (0.6, 0.6)", "icc_between = 0.02"):
        assert sum(part in line for line in table) == 2
    assert title.endswith(("in 20 clusters", "in 20 clusters, 3 looks"))


def test_where_looks_count_clusters_the_end_is_told_in_clusters():
    found = power(design(looks=CLUSTERS))
    stop = 0.8125 * np.array([1, 2, 3]) / 6 + [0.05, 0.05, 0]
    mean = stop[:2] @ [8, 14] + (1 - stop[:2].sum()) * 20
    assert found.table()["expected_clusters"][0] == pytest.approx(mean)
    assert found.table()["median_clusters"][0] == 14
    assert f" {mean:.1f}" in str(found).splitlines()[2]
    assert (
        f"it ends with {mean:.1f} clusters on average, 14 in the median, and 90% of trials with at "
        "most 20 (about 150 + 150 subjects on average)" in found.paragraph()
    )
    assert "with 8 and 14 clusters of 20 (60 and 105 subjects in each group)" in str(found)
    by_subjects = design(looks=Looks([50, 150], by="subjects", futility_by="posterior"))
    assert "expected_clusters" not in power(by_subjects).table()
    words = "with 50 subjects in each group, the same share of each of the 20 clusters"
    assert words in str(power(by_subjects))


def test_frames_have_what_simulations_add():
    frame = power(design(), ["a", "b"]).table()
    for name in ("claim", "bias", "rmse", "coverage"):
        assert f"{name}[y1]" in frame
        assert f"{name}_mcse[y2]" in frame
    assert {"failed", "failed_mcse", "trials", "audited", "disagreement", "refused"} <= {*frame}
    assert frame["bias[y1]"].tolist() == pytest.approx([-0.0121, -0.0242])
    assert frame["disagreement"].tolist() == pytest.approx([0.015, 0.015])
    rows = power(design(), averaged=True).table().set_index("quantity").T.to_dict("list")
    assert rows["coverage[y2]"] == pytest.approx([0.9512, 0.0024])
    assert rows["claim[y1]"] == pytest.approx([0.86, 0.0055])
    assert rows["trials"][0] == 10_000
    assert not {"failed", "bias[y1]", "trials"} & {*exact().table()}


def test_an_assurance_of_which_all_truths_have_an_effect_is_not_exact():
    found = power(design(), averaged=True)
    assert "exact" not in str(found)
    assert "the rule's claim is true with probability 1.0000." in found.paragraph()


def test_the_estimates_are_arrays():
    found = power(design(), failed=[0.01])
    assert found.bias.sel(outcome="y2").item() == 0.0034
    assert found.coverage.dims == ("scenario", "outcome")
    assert found.failed.values.tolist() == [0.01]
    for name in ("bias", "coverage", "failed"):
        with pytest.raises(bmco.InputError, match=f"there is no {name}.*one by one"):
            getattr(exact(), name)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "20 clusters, 10 of each group, with 15 subjects on average (coefficient of"),
        (
            {"size_cv": 0},
            "20 clusters, 10 of each group, with 15 subjects each; whole clusters are",
        ),
        (
            {"clusters": {"control": 8, "treatment": 16}},
            "24 clusters, 8 of the control and 16 of the treatment, with",
        ),
        ({"randomised": "subjects"}, "; half of the subjects of each cluster are in each group."),
        (
            {"clusters": 3, "size": [10, 12, 20], "size_cv": 0},
            "with from 10 to 20 subjects, 14 on average; whole",
        ),
        ({"dropout": 0.1}, "With 0.1 of them lost, about 167 and 167 are to be enrolled."),
        ({"looks": CLUSTERS}, "clusters        8      14   20\n"),
    ],
)
def test_a_printed_design_tells_its_clusters(more, words):
    assert words in str(design(**more))


def test_a_simulated_result_of_a_small_design():
    plan = design("BGLM", n=40)
    truth = bmco.Scenario([0.3, 0.4], [0.6, 0.7], rho=0.2)
    found = plan.evaluate(truth, engine=bmco.Engine(50, audit=0), progress=False)
    assert found.method.startswith("Simulated: 50 trials, analysed by a Laplace approximation, no")
    assert "Power: BGLM, rule All, right-sided, level 0.05, n = 40 + 40" in str(found)
    assert "Estimates of δ (posterior means): bias" in found.paragraph()
    assert found.report(power=found).title.endswith("n = 40 + 40")
