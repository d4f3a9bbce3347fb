"""The command line: what it prints and writes, and that bad input is one clear line."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bmco_pymc as bmco
from bmco_pymc.cli import app
from bmco_pymc.fit import make_fit
from bmco_pymc.models.regression import Regression

pytestmark = pytest.mark.samples

TRIAL = {"--outcomes": "y1,y2", "--group": "arm", "--control": "ctl", "--treatment": "trt"}
SCHOOLS = {
    "--outcomes": "math_pass,reading_pass",
    "--group": "method",
    "--control": "traditional",
    "--treatment": "new_method",
    "--cluster": "school_id",
}


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def fit(path: Path, options: Mapping[str, object], *more: object) -> Any:
    pairs = [part for pair in options.items() for part in pair]
    return run("fit", path, *pairs, "--no-progress", *more)


@pytest.fixture
def no_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any sampling fail: it must not be reached."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("sampling was reached")

    for analysis in (bmco.BMVB, Regression):
        monkeypatch.setattr(analysis, "fit", refuse)


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    path = tmp_path / "trial.csv"
    bmco.load_trial().to_csv(path, index=False)
    return path


@pytest.fixture
def schools(tmp_path: Path) -> Path:
    path = tmp_path / "schools.csv"
    bmco.load_schools().to_csv(path, index=False)
    return path


def test_fit_prints_the_result_and_writes_three_files(trial, tmp_path):
    out = tmp_path / "new" / "result"
    result = fit(trial, TRIAL | {"--seed": 3, "--out": out})
    assert result.exit_code == 0, result.output

    study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    effect = bmco.BMVB(study).fit(seed=3).effect()
    decision = effect.decide("All")
    for part in (study, effect, decision):
        assert str(part) in result.stdout
    text = (out / "summary.txt").read_text(encoding="utf-8")
    assert text.strip() == result.stdout[: result.stdout.index("Written to")].strip()

    table = pd.read_csv(out / "estimates.csv", index_col="quantity")
    expected = effect.summary()
    np.testing.assert_allclose(table.loc[expected.index, "mean"], expected["mean"], rtol=1e-12)
    np.testing.assert_allclose(table.loc[expected.index, "upper"], expected["upper"], rtol=1e-12)
    assert table.loc["P[All, right]", "mean"] == decision.probability
    assert table.loc["P[All, right]", "mcse"] == pytest.approx(decision.mcse, rel=1e-12)
    assert table.loc["P[y2, right]", "mean"] == float(decision.marginal.sel(outcome="y2"))
    assert "phi[ctl, 11]" in table.index
    assert (out / "effect.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_every_row_of_the_table_has_the_verdict_and_the_worth_of_its_draws(trial, tmp_path):
    options = TRIAL | {"--fixed": "arm", "--rule": "any", "--direction": "two-sided"}
    result = fit(trial, options | {"--draws": 100, "--tune": 200, "--seed": 1, "--out": tmp_path})
    assert result.exit_code == 3  # it ran, and is not to be used
    table = pd.read_csv(tmp_path / "estimates.csv", index_col="quantity")
    assert set(table["verdict"]) == {"TOO FEW DRAWS"}
    assert table[["rhat", "ess_bulk", "ess_tail"]].notna().all(axis=None)
    study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    with pytest.warns(bmco.ConvergenceWarning):
        again = bmco.BGLM(study, "arm").fit(draws=100, tune=200, seed=1, progress=False)
    with pytest.warns(bmco.ConvergenceWarning):
        effect = again.effect()
    assert table.loc["beta[arm, 11]", "rhat"] == pytest.approx(
        again.summary().loc["beta[arm, 11]", "rhat"]
    )
    for label, event in {
        "P[Any, left]": (effect.delta < 0).any("outcome"),
        "P[y2, right]": effect.delta.sel(outcome="y2") > 0,
    }.items():
        draws = event.astype(float).to_dataset(name="event")
        tails = az.ess(draws, method="tail", prob=(0.05, 0.95))  # those of Vehtari et al. (2021)
        for name, known in (("ess_bulk", az.ess(draws, method="bulk")), ("ess_tail", tails)):
            assert table.loc[label, name] == pytest.approx(known["event"].item(), rel=1e-6)
        assert table.loc[label, "mean"] == float(event.mean())


def test_an_interrupted_run_says_so_in_every_file_and_in_its_code(trial, tmp_path, monkeypatch):
    whole = bmco.BMVB.fit

    def interrupted(model, **settings):
        idata = whole(model, **settings).idata
        kept = idata.isel(draw=slice(300))
        kept.attrs |= idata.attrs
        return make_fit(model, kept)

    monkeypatch.setattr(bmco.BMVB, "fit", interrupted)
    result = fit(trial, TRIAL | {"--seed": 1, "--out": tmp_path})
    assert result.exit_code == 130
    assert "Interrupted, 300 of 2500 draws are kept." in result.stdout
    text = (tmp_path / "summary.txt").read_text(encoding="utf-8")
    assert text.startswith("INTERRUPTED, 300 OF 2500 DRAWS ARE KEPT: this is not the analysis")
    table = pd.read_csv(tmp_path / "estimates.csv", index_col="quantity")
    assert set(table["verdict"]) == {"INTERRUPTED, Independent draws"}
    study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    figure = bmco.plot_effect(interrupted(bmco.BMVB(study), seed=1).effect())
    assert figure.axes[0].get_title("left").startswith("Interrupted, 300 of 2500 draws are kept")


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


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp437", "utf-8"])
def test_any_encoding_of_the_output_will_do(tmp_path, encoding):
    table = bmco.load_trial().rename(columns={"y1": "été ≥ Я"})
    table.to_csv(tmp_path / "t.csv", index=False)
    options = {name: value for name, value in TRIAL.items() if name != "--outcomes"}
    arguments = [part for pair in options.items() for part in pair]
    arguments += ["--outcomes", "été ≥ Я,y2", "--out", str(tmp_path), "--seed", "1"]
    result = CliRunner(charset=encoding).invoke(
        app, ["fit", str(tmp_path / "t.csv"), *arguments], env={}
    )
    assert result.exit_code == 0, result.output
    shown = result.stdout_bytes.decode(encoding)
    expected = "ESS ≥ 10000" if encoding in ("utf-8", "cp437") else "ESS >= 10000"
    assert expected in shown
    assert ("été ≥ Я" if encoding == "utf-8" else "?") in shown
    text = (tmp_path / "summary.txt").read_text(encoding="utf-8")
    assert "δ[été ≥ Я] > 0" in text


def test_labels_cannot_command_a_terminal(tmp_path):
    evil = "up\x1b[2J\x9b31m\u202eedis\n"
    table = bmco.load_trial().rename(columns={"y1": evil})
    table["arm"] = table["arm"].replace({"ctl": evil})
    table.to_csv(tmp_path / "t.csv", index=False)
    shown = r"up\x1b[2J\x9b31m\u202eedis\n"
    options = {"--outcomes": f'"{evil}",y2', "--group": "arm", "--treatment": "trt"}
    result = fit(tmp_path / "t.csv", options | {"--control": evil, "--out": tmp_path})
    assert result.exit_code == 0, result.output
    wrong = fit(tmp_path / "t.csv", options | {"--control": f"{evil} "})
    for text in (
        *(result.stdout, result.stderr, wrong.stderr),
        *((tmp_path / name).read_text("utf-8") for name in ("summary.txt", "estimates.csv")),
    ):
        assert shown in text or text == result.stderr
        assert not set("\x1b\x9b\u202e") & set(text)


def test_subjects_without_a_covariate_are_counted_in_what_is_printed(trial, tmp_path):
    table = pd.read_csv(trial)
    table.loc[:24, "x"] = np.nan
    table.to_csv(trial, index=False)
    result = fit(trial, TRIAL | {"--fixed": "arm + x", "--draws": 500, "--out": tmp_path})
    said = "Left out: 25 of 240 subjects, whose covariates are missing (25 in x)."
    for text in (result.stdout, (tmp_path / "summary.txt").read_text("utf-8")):
        assert said in text


def test_the_module_runs_as_a_command():
    command = [sys.executable, "-m", "bmco_pymc", "--help"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "python -m bmco_pymc [OPTIONS] COMMAND" in shown
    assert "130  interrupted" in shown


def test_without_out_it_writes_nothing(trial, tmp_path):
    before = sorted(tmp_path.iterdir())
    assert fit(trial, TRIAL).exit_code == 0
    assert sorted(tmp_path.iterdir()) == before


def test_the_question_is_the_one_that_was_asked(trial):
    asked = {"--rule": "COMP", "--direction": "two-sided", "--margins": "-0.1,0.05"}
    result = fit(trial, TRIAL | asked | {"--weights": "0.7, 0.3", "--alpha": 0.1, "--seed": 3})
    study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    effect = bmco.BMVB(study).fit(seed=3).effect()
    decision = effect.decide("comp", "two-sided", [-0.1, 0.05], [0.7, 0.3], 0.1)
    assert str(decision) in result.stdout
    ninety = fit(trial, TRIAL | {"--ci": 0.9, "--seed": 3}).stdout
    row = effect.summary(0.9).loc["delta[y1]"]
    assert "90% interval" in ninety
    assert f"[{row['lower']:.3f}, {row['upper']:.3f}]" in ninety


def test_a_rule_may_count_outcomes(trial, tmp_path):
    table = pd.read_csv(trial).assign(y3=lambda rows: rows["y1"] | rows["y2"])
    table.to_csv(trial, index=False)
    asked = {"--outcomes": "y1,y2,y3", "--rule": "count", "--at-least": 2}
    result = fit(trial, TRIAL | asked | {"--seed": 3, "--out": tmp_path})
    assert result.exit_code == 0, result.output
    study = bmco.Study(table, ["y1", "y2", "y3"], "arm", "ctl", "trt")
    decision = bmco.BMVB(study).fit(seed=3).effect().decide("Count", m=2)
    assert str(decision) in result.stdout
    row = pd.read_csv(tmp_path / "estimates.csv", index_col=0).loc["P[Count, right]"]
    assert row["mean"] == decision.probability
    assert "--at-least M" in run("fit", "--help").stdout


def test_when_all_draws_agree_the_table_has_a_bound_and_no_error(tmp_path):
    table = pd.DataFrame({"arm": ["a", "b"], "won": [0, 1], "n": [200, 200]})
    table.to_csv(tmp_path / "sure.csv", index=False)
    options = {"--outcomes": "won", "--group": "arm", "--control": "a", "--treatment": "b"}
    result = fit(tmp_path / "sure.csv", options | {"--counts": "n", "--out": tmp_path / "out"})
    assert result.exit_code == 0, result.output
    row = pd.read_csv(tmp_path / "out" / "estimates.csv", index_col=0).loc["P[All, right]"]
    assert (row["mean"], row["upper"]) == (1, 1)
    assert 0.999 < row["lower"] < 1
    assert np.isnan(row["mcse"])
    assert "Note: no variation: " in result.stderr


def test_warnings_are_notes_once_each_and_in_the_summary(schools, tmp_path):
    out = tmp_path / "out"
    result = fit(schools, SCHOOLS | {"--analysis": "bmvb", "--out": out})
    assert result.exit_code == 0
    assert result.stderr.count("Note: each cluster holds one group only") == 1
    assert result.stderr.count("Note: BMVB ignores the clusters") == 1
    assert "Warning" not in result.stderr
    assert "Note: each cluster holds" not in result.stdout
    assert "Note: each cluster holds" in (out / "summary.txt").read_text(encoding="utf-8")


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
        ({"--at": "x=1"}, "--at=.*one population only"),
        ({"--clusters": "new"}, "--clusters='new': BMVB has one population only"),
        ({"--fixed": "x", "--clusters": "new"}, "--clusters='new': BGLM has no clusters"),
        ({"--fixed": "x", "--at": "1"}, "--at='1': must be written as in --at age=50"),
        ({"--fixed": "x", "--at": "x=old"}, "--at x='old': must be a number"),
        ({"--fixed": "severity", "--at": "severity=grave"}, "--at severity='grave': .*'mild'"),
        ({"--fixed": "x", "--at": "age=1"}, "--at age='1'"),
        ({"--fixed": "x", "--at": "x=1", "--range": "x=0:1"}, "--at='x=1': cannot go with --range"),
        ({"--fixed": "x", "--range": "x=1"}, "--range x='1': must be low:high"),
        ({"--fixed": "x", "--range": "x=2:1"}, "--range x='2:1': the lower bound"),
        ({"--fixed": "x", "--range": "x=8:9"}, "--range=.*no subject is in it"),
        ({"--fixed": "x", "--range": "y=0:1"}, "--range y="),
        ({"--fixed": "x", "--standardise": "both"}, "--standardise='both'"),
        ({"--fixed": "x", "--at": "x=1", "--standardise": "own"}, "--standardise='own'"),
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


def test_a_target_is_another_file(trial, tmp_path):
    registry = tmp_path / "registry.csv"
    rows = pd.DataFrame(
        {
            "x": [-1.0, 0.5, 0.5, None],
            "severity": ["mild", "mild", "severe", "mild"],
            "n": [5, 1, 2, 4],
        }
    )
    rows.to_csv(registry, index=False)
    options = TRIAL | {"--fixed": "arm * x + severity", "--seed": 1}
    target = {"--target": registry, "--target-weights": "n"}
    result = fit(trial, options | target | {"--out": tmp_path / "out"})
    assert result.exit_code == 0, result.output
    assert result.stderr.count("left out 1 of 4 rows (33% of the weight), which miss a value") == 1
    study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    fitted = bmco.BGLM(study, "arm * x + severity").fit(seed=1, progress=False)
    with pytest.warns(bmco.InputWarning, match="left out"):
        effect = fitted.effect(bmco.Target(rows, "n"))
    assert "3 rows of the target weighted by 'n', in sum 8" in " ".join(result.stdout.split())
    assert "Overlap of the target with the sample" in result.stdout
    table = pd.read_csv(tmp_path / "out" / "estimates.csv", index_col="quantity")
    expected = effect.summary()
    np.testing.assert_allclose(table.loc[expected.index, "mean"], expected["mean"], rtol=1e-12)


@pytest.mark.parametrize("registry", ["registry.csv", "registry.parquet", "regis*.parquet"])
def test_a_target_has_observed_clusters(tmp_path, registry):
    sites = bmco.load_multisite().assign(site=lambda data: "0" + data["site"].astype(str))
    for name, data in (("sites.csv", sites), ("registry.csv", sites[["site", "x"]].iloc[:90])):
        data.to_csv(tmp_path / name, index=False)
    sites[["site", "x"]].iloc[:90].to_parquet(tmp_path / "registry.parquet")
    options = TRIAL | {"--fixed": "arm * x", "--cluster": "site", "--clusters": "observed"}
    few = {"--draws": 50, "--tune": 100, "--chains": 2, "--seed": 1}
    result = fit(tmp_path / "sites.csv", options | few | {"--target": tmp_path / registry})
    assert result.exit_code == 3, result.output
    n = sites["site"].iloc[:90].nunique()
    words = " ".join(result.stdout.split())
    assert f"in {n} of the 16 observed clusters (each weighted by its part of the target)" in words


@pytest.mark.parametrize(
    ("options", "content", "problem"),
    [
        ({"--fixed": "x"}, None, "--target='.*: there is no such file"),
        ({"--fixed": "x", "--at": "x=1"}, "x\n1\n", "--target=.*: cannot go with --at"),
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


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "there is no such file"),
        (b"", "is empty"),
        (b"arm,y1,y2\n", "has no rows"),
        (b"arm;y1;y2\nctl;1;0\n", "seems to be separated by ';'"),
        (b"arm\ty1\ty2\nctl\t1\t0\n", "seems to be separated by tabs"),
        (b"arm,y1,y1,y2\nctl,1,1,0\n", "has two columns called 'y1'"),
        (b"arm,y1,y2\nctl,1,0\ntrt,1,0,7,8\n", "line 3 has 5 fields and the header 3"),
        (b"arm,y1,y2\nctl,1,0,7\ntrt,1,0,7\n", "line 2 has 4 fields and the header 3"),
        (b"arm,y1,y2\n\nctl,1,0\ntrt,1\n", "line 4 has 2 fields and the header 3"),
        (b"arm,y1,y2,x\nctl,1,0,65,2\n", "write numbers with a decimal point"),
        (b'arm,y1,y2\nctl,1,"0\ntrt,1,0\n', "cannot be read as CSV"),
        (b"arm;y1;y2,z\nctl;1;0,5\n", "seems to be separated by ';'"),
        (b"PK\x03\x04\x14\x00", "is a spreadsheet (.xlsx, .ods) or another zip file: save"),
        ("arm,y1,y2\nctl,1,0\n".encode("utf-16"), "is text in UTF-16: save"),
        (b"arm,y1,y2\nctl,1,\x00\n", "is no text: save"),
        ("arm,y1,y2\nctl,1,0,é\n".encode("latin-1"), "is not text in UTF-8"),
    ],
)
def test_files_that_are_no_tables(tmp_path, content, problem):
    path = tmp_path / "data.csv"
    if content is not None:
        path.write_bytes(content)
    result = fit(path, TRIAL)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "Error: data=" in result.stderr
    assert problem in result.stderr
    assert result.stdout == ""


def test_a_folder_is_no_file(tmp_path):
    assert "is a folder" in fit(tmp_path, TRIAL).stderr


def test_labels_stay_as_written(tmp_path):
    from bmco_pymc.cli.table import read_table

    path = tmp_path / "data.csv"
    path.write_text(
        "\ufeffsite, arm ,y,age\n007,None,1,40\n7,drug,0,\n10,None,NA,51.5\n", encoding="utf-8"
    )
    table = read_table(path, ["site", "arm"], [])
    assert list(table.columns) == ["site", "arm", "y", "age"]
    assert table["site"].tolist() == ["007", "7", "10"]
    assert table["arm"].tolist() == ["None", "drug", "None"]
    assert table["age"].isna().tolist() == [False, True, False]
    assert table["y"].isna().tolist() == [False, False, True]
    path.write_text("site\n9\n10\n", encoding="utf-8")
    assert read_table(path, ["site"], [])["site"].tolist() == [9, 10]


@pytest.mark.usefixtures("no_sampling")
def test_a_typing_error_does_not_make_a_category_of_a_number(trial):
    table = pd.read_csv(trial, dtype=str)
    table.loc[7, "x"] = "0,5"
    table.to_csv(trial, index=False)
    result = fit(trial, TRIAL | {"--fixed": "arm * x"})
    assert result.exit_code == 2
    assert "covariate='x': is a column of numbers with other text in it ('0,5')" in result.stderr


@pytest.mark.parametrize(
    "written", ["{:.1f}", "{:.1f}%", "€{:.1f}", "1.{:05.1f}", "1 {:05.1f}"], ids=str
)
@pytest.mark.usefixtures("no_sampling")
def test_numbers_in_another_notation_are_no_category(trial, written):
    table = pd.read_csv(trial)
    table["x"] = [written.format(50 + x).replace(".", ",") for x in table["x"]]
    table.to_csv(trial, index=False)
    result = fit(trial, TRIAL | {"--fixed": "arm * x"})
    assert result.exit_code == 2
    assert "Error: covariate='x': is text, not numbers (" in result.stderr
    assert "write numbers with a decimal point" in result.stderr
    assert "sampling was reached" in str(fit(trial, TRIAL).exception)  # x is in no formula


def test_columns_without_a_name_are_left_out_and_said(tmp_path):
    from bmco_pymc.cli.table import read_table

    path = tmp_path / "data.csv"
    path.write_text('\ufeff"",arm,y,\n1,a,1,\n2,b,0,\n\n', encoding="utf-8")
    with pytest.warns(bmco.InputWarning, match="no name in the header of the file: column 1, 4$"):
        table = read_table(path, ["arm"], [])
    assert table.to_dict("list") == {"arm": ["a", "b"], "y": [1, 0]}


def test_groups_may_be_numbers_and_names_may_hold_commas(tmp_path):
    table = bmco.load_trial().replace({"arm": {"ctl": 0, "trt": 1}})
    table = table.rename(columns={"y1": "read, wrote", "arm": "the arm"})
    table.to_csv(tmp_path / "t.csv", index=False)
    options = {"--outcomes": '"read, wrote",y2', "--group": "the arm"}
    result = fit(tmp_path / "t.csv", options | {"--control": 0, "--treatment": 1})
    assert result.exit_code == 0, result.output
    assert "δ[read, wrote] > 0 and δ[y2] > 0" in result.stdout


def test_missing_options_and_unknown_commands_are_usage_errors(trial):
    result = run("fit", trial, "--outcomes", "y1")
    assert result.exit_code == 2
    assert "--group" in result.stderr
    assert run("fly").exit_code == 2


def test_version_and_help_do_not_load_the_sampler():
    code = (
        "import sys; from typer.testing import CliRunner; from bmco_pymc.cli import app\n"
        "result = CliRunner().invoke(app, ['fit', '--help'])\n"
        "assert result.exit_code == 0 and 'baseline_ability' in result.output, result.output\n"
        "heavy = {'pymc', 'nutpie', 'numba', 'arviz', 'formulaic', 'matplotlib'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert run("--version").stdout == f"bmco_pymc {bmco.__version__}\n"


@pytest.mark.slow
def test_demo_and_fit_on_the_school_study(schools, tmp_path):
    demo = run("demo", "--out", tmp_path / "demo", "--no-progress")
    assert demo.exit_code == 0, demo.output
    assert "Study of 300 subjects in 20 clusters" in demo.stdout
    assert "Converged: R-hat ≤ 1.0" in demo.stdout
    for rule in ("All", "Any", "Comp"):
        assert f"Rule {rule}, right-sided" in demo.stdout
    assert "Each group averaged over its own subjects" in demo.stdout
    assert "new clusters like these" in demo.stdout
    table = pd.read_csv(tmp_path / "demo" / "estimates.csv", index_col=0)
    # 20 schools: the groups' means are about the raw proportions, the difference is uncertain
    assert table.loc["P[All, right]", "mean"] == pytest.approx(0.59, abs=0.05)
    assert table.loc["P[Any, right]", "mean"] == pytest.approx(0.94, abs=0.03)
    assert table.loc["delta[math_pass]", "sd"] == pytest.approx(0.12, abs=0.015)
    assert (tmp_path / "demo" / "effect.png").stat().st_size > 20_000

    options = {"--fixed": "method * baseline_ability", "--random": 1, "--clusters": "new"}
    files = {"--rule": "all", "--out": tmp_path / "fit", "--seed": 2025}
    same = fit(schools, SCHOOLS | options | files)
    assert same.exit_code == 0, same.output
    again = pd.read_csv(tmp_path / "fit" / "estimates.csv", index_col=0)
    pd.testing.assert_frame_equal(again, table.loc[again.index])

    at = {"--at": "baseline_ability=60", "--clusters": "observed", "--cluster-weights": "equal"}
    high = fit(schools, SCHOOLS | options | at | {"--draws": 200, "--tune": 300, "--seed": 1})
    assert high.exit_code == 0, high.output
    assert "Both groups at baseline_ability = 60, in the 20 observed clusters" in high.stdout
    assert "Caveat: Whole clusters were randomised" in high.stdout
