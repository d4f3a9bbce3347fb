"""`bmco-pymc fit` and `demo`: what they print and write."""

from pathlib import Path

import arviz as az
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from shell import SCHOOLS, TRIAL, fit, run, written_trial
from typer.testing import CliRunner

import bmco_pymc as bmco
from bmco_pymc.cli import app
from bmco_pymc.fit import make_fit

pytestmark = pytest.mark.samples


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    return written_trial(tmp_path)


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
    written = " ".join(" ".join(text.get_text().split()) for text in figure.findobj(Text))
    assert "Interrupted, 300 of 2500 draws are kept" in written


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


def test_groups_may_be_numbers_and_names_may_hold_commas(tmp_path):
    table = bmco.load_trial().replace({"arm": {"ctl": 0, "trt": 1}})
    table = table.rename(columns={"y1": "read, wrote", "arm": "the arm"})
    table.to_csv(tmp_path / "t.csv", index=False)
    options = {"--outcomes": '"read, wrote",y2', "--group": "the arm"}
    result = fit(tmp_path / "t.csv", options | {"--control": 0, "--treatment": 1})
    assert result.exit_code == 0, result.output
    assert "δ[read, wrote] > 0 and δ[y2] > 0" in result.stdout


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

    at = {"--value": "baseline_ability=60", "--clusters": "observed", "--cluster-weights": "equal"}
    high = fit(schools, SCHOOLS | options | at | {"--draws": 200, "--tune": 300, "--seed": 1})
    assert high.exit_code == 0, high.output
    assert "Both groups at baseline_ability = 60, in the 20 observed clusters" in high.stdout
    assert "Caveat: Whole clusters were randomised" in high.stdout
