"""`bmco-pymc power` and `bmco-pymc size`: what they print and write, and how they end."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest
from shell import run

import bmco_pymc as bmco
from bmco_pymc.trial.simulated import evaluating

TWO = ("--control", ".4,.4", "--treatment", ".6,.6")
CLUSTERS = ("--clusters", 20, "--size", 15, "--size-cv", 0.4)
BMVB = ("--icc", ".02,.05", "--icc-between", 0.01, *CLUSTERS, "--model", "bmvb")
BY_BMVB = bmco.Analysis(bmco.BMVB, bmco.Rule("all"))


def power(*more: object) -> Any:
    return run("power", *TWO, "--no-progress", *more)


def test_power_and_type_one_error():
    result = power("--n", 103, "--rho", "-.3,0,.3")
    assert result.exit_code == 0
    assert re.search(r"rho = -0.3 .* 0\.8062", result.stdout)
    assert re.search(r"rho = 0 .* 0\.8131", result.stdout)
    assert re.search(r"rho = 0\.3 .* 0\.8246", result.stdout)
    assert re.search(r"of the rule +0\.0544", result.stdout)
    assert "Exact" in result.stdout
    assert "Type I error" not in power("--n", 103, "--no-type-one").stdout


def test_looks_unequal_groups_and_rules():
    looks = power("--looks", "35,70,105", "--spending", "hsd:-4", "--no-type-one")
    assert "0.7849" in looks.stdout  # of the reference
    assert "0.997394" in looks.stdout
    unequal = power("--n", "20,40", "--rule", "count", "--at-least", 1, "--no-type-one")
    same = power("--n", "20,40", "--rule", "any", "--no-type-one")
    numbers = [re.findall(r"0\.\d{4}", result.stdout)[0] for result in (unequal, same)]
    assert numbers[0] == numbers[1]
    weighted = power("--n", 20, "--rule", "comp", "--weights", ".7,.3", "--no-type-one")
    assert weighted.exit_code == 0
    assert "0.7 δ[y1] + 0.3 δ[y2]" in weighted.stdout


def test_size_with_dropout():
    result = run("size", *TWO, "--rule", "any", "--dropout", ".1", "--no-progress")
    assert result.exit_code == 0
    assert "51 + 51" in result.stdout  # the first n of the reference
    assert "56 + 56" in result.stdout
    assert "63 + 63" in result.stdout  # enrolled, for 56 to stay


def test_files(tmp_path):
    result = power("--n", 40, "--no-type-one", "--out", tmp_path / "plan")
    assert result.exit_code == 0
    folder = tmp_path / "plan"
    found = {path.name for path in folder.iterdir()}
    assert found == {"protocol.txt", "summary.txt", "characteristics.csv", "power.png"}
    table = pd.read_csv(folder / "characteristics.csv")
    exact = power("--n", 40, "--no-type-one").stdout
    assert f"{table['success'].item():.4f}" in exact
    protocol = (folder / "protocol.txt").read_text(encoding="utf-8")
    assert "12. Reproducibility" in protocol
    assert (folder / "summary.txt").read_text(encoding="utf-8").strip() in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*TWO,), "--n=None: needed"),
        ((*TWO, "--n", "many"), "--n='many': must be whole numbers"),
        ((*TWO, "--n", "1,2,3"), "--n='1,2,3': must be one number"),
        ((*TWO, "--n", "0"), "--n=0: must be a whole number, from 1"),
        (("--control", ".4", "--treatment", "1.6", "--n", "9"), "--treatment=[1.6]"),
        ((*TWO, "--n", "9", "--rho", "-.9"), "--rho=-0.9: must lie between"),
        ((*TWO, "--n", "9", "--rule", "most"), "--rule='most': unknown rule"),
        ((*TWO, "--n", "9", "--cut-off", "95"), "--cut-off=95"),
        ((*TWO, "--n", "9", "--futility", ".1"), "--futility=0.1: needs --looks"),
        ((*TWO, "--looks", "9,5"), "must be the numbers of subjects at each look, rising"),
        ((*TWO, "--looks", "5,9", "--spending", "all"), "--spending='all'"),
        ((*TWO, "--looks", "5,9", "--spending", "pocock:2"), "--spending='pocock:2'"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(arguments, words, tmp_path):
    result = run("power", *arguments, "--no-progress", "--out", tmp_path / "plan")
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "plan").exists()


def test_no_size_for_no_effect():
    result = run("size", "--control", ".4,.4", "--treatment", ".6,.4", "--no-progress")
    assert result.exit_code == 2
    assert "has no effect by rule All" in result.stderr
    result = run("size", *TWO, "--ratio", 0, "--no-progress")
    assert "--ratio=0" in result.stderr


# in clusters, and other simulated trials


def clustered(analysis: bmco.Analysis = BY_BMVB, **more: Any) -> bmco.Design:
    return bmco.Design(clusters=20, size=15, size_cv=0.4, analysis=analysis, **more)


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C after two hundred trials."""
    real = evaluating.analyse

    def analyse(work: Any, trials: range, method: str) -> Any:
        if trials.start >= 200:
            raise KeyboardInterrupt
        return real(work, trials, method)

    monkeypatch.setattr(evaluating, "analyse", analyse)


@pytest.mark.parametrize("command", ["power", "size"])
def test_help_has_the_options_under_headings(command):
    text = run(command, "--help").stdout
    headings = re.findall(r"^(\w+):$", text, flags=re.MULTILINE)
    panels = ["Truth", "Trial", "Clusters", "Analysis", "Decision", "Simulation", "Result"]
    assert headings == [*panels, "Options"]
    sections = dict(zip(headings, re.split(r"^\w+:$", text, flags=re.MULTILINE)[1:], strict=True))
    for panel, names in {
        "Truth": ("--control", "--icc", "--icc-between", "--between"),
        "Clusters": ("--clusters", "--size", "--size-cv", "--randomised"),
        "Analysis": ("--model", "--prior"),
        "Decision": ("--rule", "--alpha", "--cut-off"),
        "Simulation": ("--engine", "--simulations", "--seed", "--jobs", "--path", "--audit"),
        "Result": ("--out", "--progress"),
    }.items():
        for name in names:
            assert f"  {name} " in sections[panel], (panel, name)
    assert ("--over" in sections["Trial"]) == (command == "size")
    assert "bmco-pymc power" in text  # an example


def test_power_in_clusters_has_the_numbers_of_python(tmp_path):
    out = tmp_path / "plan"
    result = power(*BMVB, "--simulations", 150, "--seed", 3, "--rho", 0.2, "--out", out)
    assert result.exit_code == 0, result.stderr
    truth = bmco.Scenario([0.4, 0.4], [0.6, 0.6], 0.2, icc=[0.02, 0.05], icc_between=0.01)
    expected = clustered().evaluate(truth, engine=bmco.Engine(150, seed=3), progress=False)
    table = pd.read_csv(out / "characteristics.csv")
    pd.testing.assert_frame_equal(table, expected.table(), check_dtype=False, rtol=1e-12)
    assert "20 clusters, 10 of each group, with 15 subjects on average" in result.stdout
    assert "Whole clusters are randomised" in result.stdout
    assert "Type I error" not in result.stdout  # many truths: only where it is asked for
    assert (out / "protocol.txt").exists()


def test_other_clusters_and_groups_that_differ():
    of = ("--icc", 0.1, "--between", "dirichlet", "--clusters", "8,16", "--size", 12)
    more = ("--model", "BMVB", "--rule", "any", "--dropout", 0.1, "--simulations", 100)
    assert power(*of, *more, "--randomised", "subjects").exit_code == 2  # groups cannot differ
    result = power(*of, *more, "--looks", "12,24", "--futility", 0.1)
    assert result.exit_code == 0, result.stderr
    design = bmco.Design(
        analysis=bmco.Analysis(bmco.BMVB, bmco.Rule("any")),
        looks=bmco.Looks([12, 24], futility=0.1, futility_by="posterior"),
        dropout=0.1,
        clusters={"control": 8, "treatment": 16},
        size=12,
    )
    truth = bmco.Scenario([0.4, 0.4], [0.6, 0.6], icc=0.1, between="dirichlet")
    expected = design.evaluate(truth, engine=bmco.Engine(100), progress=False)
    assert f"{expected.power.item():.4f}" in result.stdout


def test_bglm_by_the_fast_analysis_alone():
    result = power("--n", 60, "--model", "bglm", "--simulations", 200, "--audit", 0)
    assert result.exit_code == 0, result.stderr
    truth = bmco.Scenario([0.4, 0.4], [0.6, 0.6])
    design = bmco.Design(60, bmco.Analysis(bmco.BGLM, bmco.Rule("all")))
    expected = design.evaluate(truth, engine=bmco.Engine(200, audit=0), progress=False)
    assert f"{expected.power.item():.4f}" in result.stdout
    assert "200 trials, analysed by a Laplace approximation, none of them" in result.stdout


@pytest.mark.samples
@pytest.mark.slow
def test_bglmm_is_the_analysis_of_clusters():
    result = power("--icc", 0.05, *CLUSTERS, "--simulations", 50, "--audit", 0)
    assert result.exit_code == 0, result.stderr
    design = clustered(bmco.Analysis(bmco.BGLMM, bmco.Rule("all")))
    truth = bmco.Scenario([0.4, 0.4], [0.6, 0.6], icc=0.05)
    expected = design.evaluate(truth, engine=bmco.Engine(50, audit=0), progress=False)
    assert result.stdout.startswith("Power: BGLMM")
    assert f"{expected.power.item():.4f}" in result.stdout


def test_exact_designs_are_simulated_if_an_engine_is_named():
    result = power("--n", 40, "--engine", "laplace", "--simulations", 100, "--no-type-one")
    design = bmco.Design(40, BY_BMVB)
    truth = bmco.Scenario([0.4, 0.4], [0.6, 0.6])
    expected = design.evaluate(truth, engine=bmco.Engine(100), progress=False)
    assert f"{expected.power.item():.4f}" in result.stdout
    assert "Simulated: 100 trials" in result.stdout
    # Those that are simulated by counts take the number and the seed without one.
    weights = ("--n", 20, "--rule", "comp", "--weights", ".7,.3", "--no-type-one")
    assert power(*weights, "--simulations", 1000, "--seed", 2).exit_code == 0


def test_how_many_clusters(tmp_path):
    of = ("--icc", 0.05, "--rule", "any", "--model", "bmvb", "--simulations", 400)
    result = run("size", *TWO, *of, *CLUSTERS, "--no-progress", "--out", tmp_path / "plan")
    assert result.exit_code == 0, result.stderr
    truth = bmco.Scenario([0.4, 0.4], [0.6, 0.6], icc=0.05)
    design = clustered(bmco.Analysis(bmco.BMVB, bmco.Rule("any")))
    expected = design.size_for(truth, 0.8, engine=bmco.Engine(400), progress=False)
    table = pd.read_csv(tmp_path / "plan" / "characteristics.csv")
    pd.testing.assert_frame_equal(table, expected.table(), check_dtype=False, rtol=1e-12)
    assert (tmp_path / "plan" / "size.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--n", 9, "--size", 15), "--size='15': needs --clusters"),
        (("--n", 9, "--size-cv", 0.4), "--size-cv=0.4: needs --clusters"),
        (("--n", 9, "--randomised", "clusters"), "--randomised='clusters': needs --clusters"),
        (("--n", 9, "--icc", 0.05), "--icc='0.05': needs --clusters"),
        (("--n", 9, "--model", "bglmm"), "--model='bglmm': needs --clusters"),
        (("--n", 9, "--model", "lmm"), "--model='lmm': is no analysis; choose from 'bmvb'"),
        (("--n", 9, "--model", "bglm", "--prior", 0.5), "--prior=0.5: is that of bmvb"),
        (("--n", 9, "--between", "dirichlet"), "--between='dirichlet': needs --icc"),
        (("--n", 9, "--jobs", 2), "--jobs=2: is for simulated trials"),
        (("--n", 9, "--engine", "vb"), "--engine='vb': there is no such analysis"),
        (("--n", 9, "--engine", "laplace", "--jobs", 0), "--jobs=0: must be a number of processes"),
        (("--n", 9, *CLUSTERS), "--n=9: follows from clusters"),
        (("--clusters", 20), "--size=None: a design with clusters needs it"),
        (("--clusters", "0,8", "--size", 5), "--clusters['control']=0: must be a whole number"),
        (("--clusters", "1,2,3", "--size", 5), "--clusters='1,2,3': must be one number"),
        (("--clusters", 4, "--size", "5,6"), "--size=[5, 6]: must have a size for each"),
        ((*CLUSTERS, "--randomised", "sites"), "--randomised='sites'"),
        ((*CLUSTERS, "--icc", 2), "--icc=2.0: must be from 0 to 0.5"),
        ((*CLUSTERS, "--icc-between", 0.1), "--icc-between=0.1: needs icc"),
        ((*CLUSTERS, "--icc", 0.05, "--between", "normal"), "--between='normal'"),
        ((*CLUSTERS, "--looks", "5,9"), "--looks='5,9': the last look must be at the end"),
        ((*CLUSTERS, "--simulations", 0), "--simulations=0: must be a whole number"),
    ],
)
def test_bad_input_about_clusters_is_in_the_words_of_the_options(arguments, words, tmp_path):
    result = power(*arguments, "--out", tmp_path / "plan")
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "plan").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--size", 15), "--size='15': needs --clusters"),
        (("--simulations", 100), "--simulations=100: is for simulated trials"),
        (("--over", "size"), "--over='size': is no size that this design has"),
        ((*CLUSTERS, "--over", "n"), "--over='n': is no size that this design has"),
        ((*CLUSTERS, "--ratio", 2), "--ratio=2.0: is that of subjects"),
        ((*CLUSTERS, "--most", 2), "--most=2: must be a whole number, 4 or more"),
    ],
)
def test_bad_input_about_sizes(arguments, words):
    result = run("size", *TWO, "--no-progress", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_trials_in_a_folder_are_taken_up(tmp_path, interrupt, monkeypatch):
    study = tmp_path / "study"
    of = ("--icc", 0.05, *CLUSTERS, "--model", "bmvb", "--path", study)
    result = power(*of, "--simulations", 300)
    assert result.exit_code == 130
    assert result.stdout == ""
    assert "Note: interrupted after 200 of 300 trials: they are kept in" in result.stderr
    assert f"the same command goes on with the trials that are kept in {study}" in result.stderr
    assert "nothing was written" not in result.stderr
    assert int(bmco.load(study).data["trials"].max()) == 200
    monkeypatch.undo()
    again = power(*of, "--simulations", 300)
    assert again.exit_code == 0
    assert again.stdout == power(*of[:-2], "--simulations", 300).stdout  # nothing is lost or twice
    (place,) = study.iterdir()
    assert sorted(path.name for path in place.glob("*.npz")) == [
        f"laplace-{start:08d}-{start + 100:08d}.npz" for start in (0, 100, 200)
    ]


def test_an_interrupt_without_a_folder_leaves_the_answer_so_far(tmp_path, interrupt):
    out = tmp_path / "plan"
    of = ("--icc", 0.05, *CLUSTERS, "--model", "bmvb", "--simulations", 300, "--type-one")
    result = power(*of, "--out", out)
    assert result.exit_code == 130
    assert "Simulated: 200 trials" in result.stdout
    assert "Type I error" not in result.stdout  # what was still to come
    assert "interrupted after 200 of 300 trials" in result.stderr
    assert "interrupted after 200 of 300" in (out / "summary.txt").read_text(encoding="utf-8")
