"""Bad input is one clear line and computes nothing; every end has its code."""

import re
from pathlib import Path
from typing import Any

import pytest
from shell import TRIAL, fit, forbid_sampling, run, written_trial

import bmco_pymc as bmco

pytestmark = pytest.mark.samples


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    return written_trial(tmp_path)


@pytest.fixture
def no_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_sampling(monkeypatch)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"--outcomes": "y1,maths"}, "--outcomes='maths': "),
        ({"--outcomes": "y1,,y2"}, "--outcomes='y1,,y2': must be column names"),
        ({"--outcomes": "y1,y1"}, "--outcomes="),
        ({"--outcomes": "x"}, "--outcomes='x': is not binary"),
        ({"--group": "severity"}, "--control='ctl': .*'mild', 'severe'"),
        ({"--group": "sex"}, "--group='sex': "),
        ({"--control": "placebo"}, "--control='placebo': "),
        ({"--treatment": "ctl"}, "--treatment='ctl': "),
        ({"--cluster": "site"}, "--cluster='site': "),
        ({"--counts": "x"}, "--counts='x': "),
        ({"--analysis": "anova"}, "--analysis='anova': .*'bmvb', 'bglm', 'bglmm'"),
        ({"--analysis": "bglmm"}, "--analysis='bglmm': needs --cluster"),
        ({"--analysis": "bmvb", "--fixed": "x"}, "--fixed='x': BMVB has no covariates"),
        ({"--random": "1"}, "--random='1': BMVB has no clusters"),
        ({"--fixed": "arm * age"}, "--fixed='arm [*] age': there is no column 'age'"),
        ({"--fixed": "arm +* x"}, "--fixed="),
        ({"--fixed": "y1"}, "--fixed='y1': 'y1' is an outcome"),
        ({"--value": "x=1"}, "--value=.*one population only"),
        ({"--clusters": "new"}, "--clusters='new': BMVB has one population only"),
        ({"--fixed": "x", "--clusters": "new"}, "--clusters='new': BGLM has no clusters"),
        ({"--fixed": "x", "--value": "1"}, "--value='1': must be written as in --value age=50"),
        ({"--fixed": "x", "--value": "x=old"}, "--value x='old': must be a number"),
        (
            {"--fixed": "severity", "--value": "severity=grave"},
            "--value severity='grave': .*'mild'",
        ),
        ({"--fixed": "x", "--value": "age=1"}, "--value age='1'"),
        (
            {"--fixed": "x", "--value": "x=1", "--range": "x=0:1"},
            "--value='x=1': cannot go with --range",
        ),
        ({"--fixed": "x", "--range": "x=1"}, "--range x='1': must be low:high"),
        ({"--fixed": "x", "--range": "x=2:1"}, "--range x='2:1': the lower bound"),
        ({"--fixed": "x", "--range": "x=8:9"}, "--range=.*no subject is in it"),
        ({"--fixed": "x", "--range": "y=0:1"}, "--range y="),
        ({"--fixed": "x", "--standardise": "both"}, "--standardise='both'"),
        ({"--fixed": "x", "--value": "x=1", "--standardise": "own"}, "--standardise='own'"),
        ({"--fixed": "x", "--cluster-weights": "equal"}, "--cluster-weights='equal'"),
        ({"--rule": "most"}, "--rule='most': .*'All', 'Any', 'Comp'"),
        ({"--rule": "count"}, "--at-least=None: rule Count needs it"),
        ({"--rule": "count", "--at-least": "3"}, "--at-least=3: must be a whole number, from 1"),
        ({"--at-least": "1"}, "--at-least=1: is used by rule Count only, not by All"),
        ({"--direction": "up"}, "--direction='up'"),
        ({"--margins": "0,0,0"}, "--margins="),
        ({"--margins": "small"}, "--margins='small': must be numbers"),
        ({"--rule": "comp", "--weights": "-1,2"}, "--weights="),
        ({"--rule": "comp", "--weights": "1"}, "--weights="),
        ({"--alpha": "1"}, "--alpha=1"),
        ({"--ci": "95"}, "--ci=95"),
        ({"--draws": "0"}, "--draws=0"),
        ({"--tune": "-1"}, "--tune=-1"),
        ({"--chains": "0"}, "--chains=0"),
        ({"--seed": "-1"}, "--seed=-1"),
        ({"--target-accept": "1"}, "--target-accept=1"),
    ],
)
@pytest.mark.usefixtures("no_sampling")
def test_bad_input_is_one_line_and_nothing_is_computed_or_written(
    trial, tmp_path, options, problem
):
    out = tmp_path / "out"
    result = fit(trial, TRIAL | options | {"--out": out})
    assert result.exit_code == 2
    assert result.stdout == ""
    errors = [line for line in result.stderr.splitlines() if not line.startswith("Note: ")]
    assert len(errors) == 1
    assert re.match(f"Error: .*{problem}", errors[0])
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "content", "problem"),
    [
        ({"--fixed": "x"}, None, "--target='.*: there is no such file"),
        ({"--fixed": "x", "--value": "x=1"}, "x\n1\n", "--target=.*: cannot go with --value"),
        ({"--fixed": "x", "--range": "x=0:1"}, "x\n1\n", "--target=.*cannot go with --range"),
        ({"--fixed": "x"}, "z\n1\n", "--target='x': the frame has no such column"),
        ({"--fixed": "x", "--target": "none.parquet"}, None, "--target='none.parquet': cannot be"),
        ({"--fixed": "x"}, "x\nold\n", "--target .'x'.='old': 'x' is a number"),
        ({"--fixed": "x"}, 'x\n"1,5"\n', "--target='x': is text, not numbers"),
        ({"--fixed": "severity"}, "severity\ngrave\n", "--target .'severity'.='grave': .*'mild'"),
        ({"--fixed": "x", "--target-weights": "n"}, "x\n1\n", "--target-weights='n': is no column"),
        ({"--fixed": "x", "--standardise": "own"}, "x\n1\n", "--standardise='own': goes with"),
        ({"--fixed": "x", "--clusters": "new"}, "x\n1\n", "--clusters='new': BGLM has no clusters"),
        ({}, "x\n1\n", "--target=.*: BMVB has one population only"),
    ],
)
@pytest.mark.usefixtures("no_sampling")
def test_targets_that_cannot_be(trial, tmp_path, options, content, problem):
    path = tmp_path / ("none.csv" if content is None else "registry.csv")
    if content is not None:
        path.write_text(content, encoding="utf-8")
    result = fit(trial, TRIAL | {"--target": path} | options)
    assert result.exit_code == 2
    errors = [line for line in result.stderr.splitlines() if not line.startswith("Note: ")]
    assert len(errors) == 1
    assert re.match(f"Error: .*{problem}", errors[0])
    alone = fit(trial, TRIAL | {"--fixed": "x", "--target-weights": "n"})
    assert "Error: --target-weights='n': goes with --target" in alone.stderr


@pytest.mark.usefixtures("no_sampling")
def test_analytical_asks_for_the_covariate_where_there_are_several(trial):
    result = fit(trial, TRIAL | {"--fixed": "x * severity"}, "--analytical")
    assert result.exit_code == 2
    assert "--analytical=True: say of which covariate, for example --range x=:" in result.stderr
    without = fit(trial, TRIAL | {"--fixed": "arm"}, "--analytical")
    assert "Error: --analytical=True: the model has no covariate" in without.stderr
    category = fit(trial, TRIAL | {"--fixed": "severity"}, "--analytical")
    assert "Error: --analytical='severity': is a category" in category.stderr


@pytest.mark.usefixtures("no_sampling")
def test_the_folder_is_checked_before_sampling(trial, tmp_path):
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    for command in (
        lambda out: fit(trial, TRIAL | {"--out": out}),
        lambda out: run("demo", "--out", out),
    ):
        result = command(tmp_path / "taken" / "result")
        assert result.exit_code == 2
        assert "Error: --out=" in result.stderr
        assert "files cannot be written there" in result.stderr


def test_missing_options_and_unknown_commands_are_usage_errors(trial):
    result = run("fit", trial, "--outcomes", "y1")
    assert result.exit_code == 2
    assert "--group" in result.stderr
    assert run("fly").exit_code == 2


def test_an_interrupt_before_there_are_draws_leaves_nothing(trial, tmp_path, monkeypatch):
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bmco.BMVB, "fit", interrupt)
    result = fit(trial, TRIAL | {"--out": tmp_path / "out"})
    assert result.exit_code == 130
    assert "nothing was written" in result.stderr
    assert not list((tmp_path / "out").iterdir())


def test_a_sampler_that_gives_up_is_an_error_in_words(trial, tmp_path, monkeypatch):
    def give_up(*_: Any, **__: Any) -> None:
        raise bmco.SamplingError("No step is short enough.")

    monkeypatch.setattr(bmco.BMVB, "fit", give_up)
    result = fit(trial, TRIAL | {"--out": tmp_path / "out"})
    assert result.exit_code == 1
    assert result.stderr.strip().endswith("Error: No step is short enough.")


def test_a_full_disk_costs_no_result(trial, tmp_path, monkeypatch):
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    result = fit(trial, TRIAL | {"--seed": 1, "--out": tmp_path})
    assert result.exit_code == 1
    assert "Rule All, right-sided" in result.stdout
    assert "could not be written: No space left on device" in result.stderr
