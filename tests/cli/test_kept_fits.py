"""Fits that are kept by `fit --save` and taken up by other commands, with the answers of Python."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from shell import TRIAL, fit, forbid_sampling, run, written_trial

import bmco_pymc as bmco
from bmco_pymc.cli.drawing import NAMES
from bmco_pymc.cli.pictures import PICTURES
from bmco_pymc.fit import make_fit

STUDY = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exact fit."""
    path = tmp_path_factory.mktemp("kept") / "flat.zarr.zip"
    bmco.BMVB(STUDY).fit(seed=3).save(path)
    return path


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the prior says, as a fit: a regression with draws that cost nothing."""
    path = tmp_path_factory.mktemp("kept") / "regression.zarr.zip"
    bmco.BGLM(STUDY, "arm * x + severity").prior_effect(draws=800, seed=1).fit.save(path)
    return path


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    return written_trial(tmp_path)


def of_json(result: Any) -> dict[str, Any]:
    return dict(json.loads(result.stdout))


def words(text: object) -> str:
    """Return a text without its line breaks."""
    return " ".join(str(text).split())


# fit


def test_a_fit_is_kept_and_a_report_written(trial, tmp_path):
    path, report = tmp_path / "new" / "fit.zarr.zip", tmp_path / "report.md"
    result = fit(trial, TRIAL | {"--seed": 3, "--save": path, "--report": report, "--rule": "any"})
    assert result.exit_code == 0, result.output
    assert f"Written to {path}" in result.stdout
    again = bmco.load(path)
    expected = bmco.BMVB(STUDY).fit(seed=3)
    np.testing.assert_array_equal(again.draws("phi"), expected.draws("phi"))
    assert report.read_text("utf-8").startswith("## trt compared with ctl: not superior")


def test_priors_are_chosen(trial, tmp_path):
    options = TRIAL | {"--fixed": "arm * x", "--draws": 50, "--tune": 50, "--chains": 2}
    for name, priors in (("bmco", bmco.Priors.bmco()), ("recommended", bmco.Priors())):
        path = tmp_path / f"{name}.zarr.zip"
        result = fit(trial, options | {"--priors": name, "--save": path, "--seed": 1})
        assert result.exit_code == 3  # so few draws
        assert "The fit in" in result.stdout
        assert "is kept all the same" in result.stdout
        with pytest.warns(bmco.ConvergenceWarning):
            found = bmco.load(path).model
        assert found.describe_priors() == bmco.BGLM(STUDY, "arm * x", priors).describe_priors()


def test_where_a_fit_is_kept_is_checked_before(trial, tmp_path, monkeypatch):
    forbid_sampling(monkeypatch)
    taken = tmp_path / "taken.zarr.zip"
    taken.write_text("mine", encoding="utf-8")
    for options, problem in (
        ({"--save": taken}, "exists already; --overwrite replaces it"),
        ({"--save": tmp_path}, "is a folder; name a file in it"),
        ({"--save": taken / "fit.zip"}, "--save="),
        ({"--report": "report.doc"}, "--report='report.doc': the end of its name says no format"),
        ({"--priors": "flat"}, "--priors='flat': there is no such set of priors; choose from"),
    ):
        result = fit(trial, TRIAL | options)
        assert result.exit_code == 2, options
        assert problem in result.stderr
    alone = fit(trial, TRIAL, "--overwrite")
    assert "--overwrite=True: goes with --save" in alone.stderr
    assert taken.read_text("utf-8") == "mine"
    monkeypatch.undo()
    assert fit(trial, TRIAL | {"--save": taken}, "--overwrite").exit_code == 0
    assert isinstance(bmco.load(taken), bmco.Fit)


def test_a_fit_that_cannot_be_kept_costs_no_result(trial, tmp_path, monkeypatch):
    def full(*_: Any, **__: Any) -> None:
        raise bmco.InputError("path", "fit.zip", "cannot be written: No space left on device")

    monkeypatch.setattr(bmco.Fit, "save", full)
    result = fit(trial, TRIAL | {"--save": tmp_path / "fit.zip", "--seed": 3}, "--json")
    assert result.exit_code == 1
    assert "Error: " in result.stderr
    found = of_json(result)
    assert found["error"]["problem"] == "cannot be written: No space left on device"
    assert found["decision"]["verdict"] == "not superior"
    assert found["exit_code"] == 1


def test_an_interrupt_after_the_fit_was_kept_says_where_it_is(trial, tmp_path, monkeypatch):
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "fit.zarr.zip"
    monkeypatch.setattr(bmco.Fit, "effect", interrupt)
    result = fit(trial, TRIAL | {"--save": path, "--seed": 3})
    assert result.exit_code == 130
    assert result.stderr.strip() == f"Interrupted before all was done; written: {path}."
    assert "BMVB fit of y1, y2" in result.stdout
    monkeypatch.undo()
    assert run("effect", path).exit_code == 0


# effect


def test_effect_has_the_answer_of_python(kept, tmp_path):
    asked = ("--rule", "comp", "--weights", "0.7,0.3", "--margins", "-0.1,0.05", "--alpha", 0.1)
    result = run("effect", kept, *asked, "--direction", "two-sided", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    effect = bmco.load(kept).effect()
    decision = effect.decide("comp", "two-sided", [-0.1, 0.05], [0.7, 0.3], 0.1)
    assert str(effect) in result.stdout
    assert words(decision) in words(result.stdout)
    table = pd.read_csv(tmp_path / "out" / "estimates.csv", index_col="quantity")
    assert table.loc["P[Comp, right]", "mean"] == decision.probability
    assert (tmp_path / "out" / "effect.png").exists()


def test_effect_in_a_population(regression, tmp_path):
    effect = bmco.load(regression).effect
    rows = bmco.load_trial().iloc[:50]
    rows.to_csv(tmp_path / "registry.csv", index=False)
    for options, expected in (
        (("--value", "x=1", "--value", "severity=mild"), effect(bmco.Value(x=1, severity="mild"))),
        (("--range", "x=0:", "--standardise", "own"),
         effect(bmco.Empirical(x=(0, np.inf)), standardise="own")),
        (("--analytical", "--range", "x=-1:1"), effect(bmco.Analytical(x=(-1, 1)))),
        (("--target", tmp_path / "registry.csv"), effect(bmco.Target(rows))),
    ):  # fmt: skip
        found = of_json(run("effect", regression, *options, "--json"))
        means = {row["quantity"]: row["mean"] for row in found["estimates"]}
        assert means["delta[y1]"] == pytest.approx(float(expected.delta[..., 0].mean()), rel=1e-9)
        assert found["estimand"] == expected.estimand
    assert "Overlap of the target" in found["text"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--value", "age=1"), "--value age='1': "),
        (("--value", "severity=grave"), "--value severity='grave': "),
        (("--range", "x=8:9"), "--range=.*no subject is in it"),
        (("--clusters", "new"), "--clusters='new': BGLM has no clusters"),
        (("--rule", "most"), "--rule='most': unknown rule"),
        (("--margins", "0,0,0"), "--margins="),
        (("--ci", 95), "--ci=95"),
        (("--tipping",), "--tipping=True: nothing is unobserved"),
    ],
)
def test_bad_questions(regression, tmp_path, options, problem):
    out = tmp_path / "out"
    result = run("effect", regression, *options, "--out", out)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert re.match(f"Error: {problem}", result.stderr)
    assert not out.exists()


def test_files_that_are_no_fits(tmp_path):
    for content, problem in (
        (None, "cannot be read: No such file"),
        (b"PK\x03\x04 and so on", "does not end as a fit does"),
        (b"import os", "is no fit saved by bmco_pymc"),
    ):
        path = tmp_path / "some.zip"
        if content is not None:
            path.write_bytes(content)
        result = run("check", path)
        assert result.exit_code == 2
        assert result.stderr.startswith(f"Error: fit='{path}': {problem}")


def test_an_interrupted_fit_is_not_to_be_used(tmp_path):
    whole = bmco.BMVB(STUDY).fit(seed=1)
    some = whole.idata.isel(draw=slice(300))
    some.attrs |= whole.idata.attrs
    path = tmp_path / "some.zarr.zip"
    make_fit(whole.model, some).save(path)
    result = run("effect", path, "--out", tmp_path)
    assert result.exit_code == 3
    assert (tmp_path / "summary.txt").read_text("utf-8").startswith("INTERRUPTED, 300 OF 2500")
    assert run("check", path).exit_code == 3
    assert run("plot", path, "theta", "--out", tmp_path / "theta.png").exit_code == 3


# check


def test_check_says_what_the_draws_and_the_model_are_worth(kept):
    result = run("check", kept, "--draws", 400, "--seed", 5)
    assert result.exit_code == 0, result.output
    expected = bmco.load(kept)
    assert words(expected.check(draws=400, seed=5)) in words(result.stdout)
    assert str(expected.diagnostics) in result.stdout
    found = of_json(run("check", kept, "--draws", 400, "--seed", 5, "--json"))
    assert found["converged"] is True
    assert found["verdict"] == expected.diagnostics.verdict
    table = expected.check(draws=400, seed=5).table
    assert found["tables"]["check"][0]["observed"] == table["observed"].iloc[0]
    assert run("check", kept, "--draws", 0).exit_code == 2
    assert "--clusters='new'" in run("check", kept, "--clusters", "new").stderr


def test_check_ends_with_the_verdict(trial, tmp_path):
    path = tmp_path / "few.zarr.zip"
    options = TRIAL | {"--draws": 20, "--chains": 2, "--save": path}
    assert fit(trial, options).exit_code == 3
    result = run("check", path, "--json")
    assert result.exit_code == 3
    found = of_json(result)
    assert (found["exit_code"], found["converged"]) == (3, False)
    assert found["problems"][0]["kind"] == "ess"
    assert found["notes"]  # said on standard error
    assert run("effect", path).exit_code == 3


# compare


def test_compare_has_the_answer_of_python(kept, tmp_path):
    other = tmp_path / "strong.zarr.zip"
    bmco.BMVB(STUDY).with_priors(phi=bmco.Dirichlet(50)).fit(seed=1).save(other)
    out = tmp_path / "out"
    asked = ("--rule", "any", "--loo", "subject", "--out", out)
    result = run("compare", kept, other, *asked, "--no-progress")
    assert result.exit_code == 0, result.output
    fits = {"flat": bmco.load(kept), "strong": bmco.load(other)}
    expected = bmco.compare(fits, rule="any", progress=False)
    assert words(expected) in words(result.stdout)
    assert "left out (PSIS-LOO)" in result.stdout
    table = pd.read_csv(out / "comparison.csv")
    np.testing.assert_allclose(table["delta"], expected.table["delta"], rtol=1e-12)
    assert (out / "comparison.png").stat().st_size > 10_000
    found = of_json(run("compare", kept, other, *asked[:4], "--json", "--no-progress"))
    elpd = {row["fit"]: row["elpd"] for row in found["tables"]["loo"]}
    assert elpd["flat"] == pytest.approx(float(fits["flat"].loo().elpd), rel=1e-9)
    assert found["converged"] is True


def test_fits_that_cannot_be_compared(kept, tmp_path):
    other = tmp_path / "other.zarr.zip"
    study = bmco.Study(bmco.load_trial()[:200], ["y1", "y2"], "arm", "ctl", "trt")
    bmco.BMVB(study).fit(seed=1).save(other)
    out = tmp_path / "out"
    for paths, options, problem in (
        ((kept, other), (), "fit['other']='BMVB': does not use the same rows"),
        ((kept,), (), "fits=['"),
        ((kept, kept), (), "was given twice"),
        ((kept, other), ("--clusters", "new"), "--clusters='new': no fit here has clusters"),
        ((kept, other), ("--loo", "cluster"), "--loo='cluster': the study has no clusters"),
        ((kept, other), ("--loo", "site"), "--loo='site': there is no such unit"),
    ):
        result = run("compare", *paths, *options, "--out", out)
        assert result.exit_code == 2
        assert problem in result.stderr


# plot


@pytest.mark.parametrize(
    ("picture", "options"),
    [
        ("effect", ("--direction", "left")),
        ("theta", ("--ci", 0.8)),
        ("delta", ("--margins", 0.05)),
        ("joint", ("--rule", "any")),
        ("trace", ("--which", "fixed")),
        ("check", ("--kind", "patterns", "--draws", 100)),
        ("sensitivity", ("--scale", "prior", "--rule", "any")),
    ],
)
def test_pictures(kept, tmp_path, picture, options):
    path = tmp_path / f"{picture}.svg"
    result = run("plot", kept, picture, *options, "--out", path, "--no-progress")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"Written to {path}\n"
    assert path.read_text("utf-8").lstrip().startswith("<?xml")


def test_pictures_of_covariates(regression, tmp_path):
    for picture, options in (
        ("curve", ("--covariate", "x", "--rule", "any")),
        ("subgroups", ("--by", "severity")),
        ("subgroups", ("--by", "x", "--bins", "-9:0:9")),
    ):
        path = tmp_path / "picture.png"
        result = run("plot", regression, picture, *options, "--out", path, "--quiet")
        assert (result.exit_code, result.output) == (0, "")
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        path.unlink()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("jiont", "--out", "a.png"), "picture='jiont': there is no such picture; choose from"),
        (("joint", "--out", "a.tiff"), "--out='a.tiff': the end of its name says no format"),
        (("joint", "--out", "a.png", "--most", 3), "--most=3: picture joint has no use for it"),
        (("trace", "--out", "a.png", "--range", "x=1:"), "--range=['x=1:']: picture trace has no"),
        (("curve", "--out", "a.png"), "--covariate=None: picture curve needs it"),
        (("subgroups", "--by", "x", "--bins", "few", "--out", "a.png"), "--bins='few'"),
        (("curve", "--covariate", "y1", "--out", "a.png"), "--covariate='y1'"),
        (("check", "--kind", "all", "--out", "a.png"), "--kind='all'"),
        (("trace", "--which", "gamma", "--out", "a.png"), "--which='gamma'"),
        (("joint", "--out", "a.png", "--dpi", 1), "--dpi=1: must be a whole number"),
    ],
)
def test_pictures_that_cannot_be(kept, tmp_path, monkeypatch, arguments, problem):
    monkeypatch.chdir(tmp_path)
    result = run("plot", kept, *arguments)
    assert result.exit_code == 2
    assert f"Error: {problem}" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_picture_has_a_name():
    assert tuple(PICTURES) == NAMES


# report


@pytest.mark.parametrize("suffix", [".md", ".html", ".tex", ".txt"])
def test_reports(kept, tmp_path, suffix):
    path = tmp_path / f"report{suffix}"
    result = run("report", kept, "--rule", "any", "--out", path)
    assert (result.exit_code, result.stdout) == (0, f"Written to {path}\n")
    expected = tmp_path / f"expected{suffix}"
    bmco.load(kept).effect().report("any").save(expected)
    assert path.read_text("utf-8") == expected.read_text("utf-8")
    printed = run("report", kept, "--rule", "any").stdout
    assert printed == bmco.load(kept).effect().report("any").markdown()


def test_a_full_report_makes_what_the_author_would_have_to(kept):
    box = "] **Posterior predictive check"
    assert f"- [x{box}" in run("report", kept, "--full", "--no-progress").stdout
    assert f"- [ {box}" in run("report", kept).stdout
