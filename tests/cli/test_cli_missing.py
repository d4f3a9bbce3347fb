"""The command line with outcomes that were not observed."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from shell import run as shell

import bmco_pymc as bmco

ROLES = ["--outcomes", "y1,y2", "--group", "arm", "--control", "ctl", "--treatment", "trt"]


def run(path: Path, *more: object) -> Any:
    return shell("fit", path, *ROLES, "--no-progress", *more)


def study(data: pd.DataFrame) -> bmco.Study:
    return bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt", missing="mar")


def words(text: object) -> str:
    """Return a text without its line breaks."""
    return " ".join(str(text).split())


@pytest.fixture
def data() -> pd.DataFrame:
    frame = bmco.load_trial()
    frame["y2"] = frame["y2"].astype(float).mask(frame.index % 4 == 0)
    return frame


@pytest.fixture
def path(data, tmp_path) -> Path:
    file = tmp_path / "trial.csv"
    data.to_csv(file, index=False)
    return file


def test_subjects_with_some_outcomes_are_kept(path, data):
    result = run(path, "--missing", "mar", "--seed", 1)
    assert result.exit_code == 0, result.output
    fit = bmco.BMVB(study(data)).fit(seed=1)
    for part in (study(data), fit.effect().decide()):
        assert words(part) in words(result.stdout)
    assert "missing at random (MAR)" in result.stdout
    assert "Tipping point" not in result.stdout
    parquet = path.with_suffix(".parquet")
    data.to_parquet(parquet)
    counted = run(parquet, "--missing", "mar", "--seed", 1)
    assert counted.exit_code == 0, counted.output
    assert words(fit.effect().decide()) in words(counted.stdout)


def test_tipping(path, data, tmp_path):
    out = tmp_path / "out"
    asked = ["--missing", "mar", "--tipping", "--rule", "comp", "--weights", "0.7,0.3"]
    result = run(path, *asked, "--seed", 1, "--out", out)
    assert result.exit_code == 0, result.output
    expected = bmco.BMVB(study(data)).fit(seed=1).tipping_point(rule="comp", w=[0.7, 0.3])
    assert words(expected) in words(result.stdout)
    assert "tipping.csv, tipping.png" in result.stdout
    table = pd.read_csv(out / "tipping.csv")
    np.testing.assert_allclose(table["probability"], expected.table["probability"], rtol=1e-12)
    assert (out / "tipping.png").stat().st_size > 10_000
    assert "Tipping point of trt" in (out / "summary.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--missing", "mcar"], "--missing='mcar': is no way to treat missing outcomes; choose"),
        (["--tipping"], "--tipping=True: nothing is unobserved: every analysed subject has every"),
        (
            ["--missing", "mar", "--tipping", "--fixed", "arm * x", "--value", "x=1"],
            "--tipping=True: is about the whole sample: without --value",
        ),
    ],
)
def test_bad_input(path, more, message):
    result = run(path, *more)
    assert result.exit_code == 2
    assert message in result.stderr
