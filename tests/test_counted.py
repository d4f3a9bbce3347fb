"""What is asked of a study that was counted, by fits, populations, files and the command line."""

import datetime
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from typer.testing import CliRunner

import bmco_pymc as bmco
from bmco_pymc.cli import app
from bmco_pymc.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore::bmco_pymc.errors.ConvergenceWarning")

FAST: dict[str, Any] = {"draws": 100, "tune": 100, "chains": 2, "seed": 1, "progress": False}


def rows(n: int = 1200) -> pl.DataFrame:
    rng = np.random.default_rng(11)
    arm, age = rng.integers(0, 2, n), rng.integers(3, 8, n) * 10
    return pl.DataFrame(
        {
            "arm": np.where(arm, "trt", "ctl"),
            "age": age,
            "bmi": rng.normal(25, 4, n),
            "since": [datetime.date(2020, 1, 1 + i % 3) for i in range(n)],
            "y": (rng.random(n) < 0.3 + 0.2 * arm + 0.002 * age).astype(int),
            "z": (rng.random(n) < 0.5).astype(int),
        }
    )


def study(data: Any, **more: Any) -> bmco.Study:
    return bmco.Study(data, ["y", "z"], "arm", control="ctl", treatment="trt", **more)


COUNTED: dict[str, Any] = {"covariates": ["age", "bmi", "since"], "bins": {"bmi": 4}}


@pytest.fixture(scope="module")
def counted() -> bmco.Study:
    return study(rows().lazy(), **COUNTED)


def test_exact_draws_are_those_of_the_rows(counted: bmco.Study) -> None:
    ours, theirs = (bmco.BMVB(s).fit(seed=3) for s in (counted, study(rows())))
    assert ours.effect().delta.equals(theirs.effect().delta)
    assert "1200 subjects" in repr(counted)


def test_a_formula_is_told_about_columns_that_were_not_kept() -> None:
    few = study(rows(), covariates=["bmi"], bins={"bmi": 4})
    for formula in ("arm * age", "arm + `age`"):
        with pytest.raises(InputError) as caught:
            bmco.BGLM(few, formula)
        expected = "'age' is a column of the data that was not kept: name it, Study(..., cov"
        assert expected in str(caught.value)
    assert few.not_kept == ("age", "since")


@pytest.fixture(scope="module")
def fit(counted: bmco.Study) -> bmco.Fit:
    fitted: bmco.Fit = bmco.BGLM(counted, "arm * age").fit(**FAST)
    return fitted


@pytest.mark.samples
def test_it_has_the_draws_of_the_rows(fit: bmco.Fit) -> None:
    rowwise = bmco.BGLM(study(rows()), "arm * age").fit(**FAST)
    assert np.array_equal(fit.idata.posterior["beta"], rowwise.idata.posterior["beta"])
    some = bmco.Empirical(query="age > 40")
    assert fit.effect(some).delta.equals(rowwise.effect(some).delta)


@pytest.mark.samples
def test_a_mask_of_the_input_is_refused(fit: bmco.Fit) -> None:
    data = rows().to_pandas()
    for mask in (
        np.ones(1200, bool),
        data["age"] > 40,
        np.ones(len(fit.model.study.data), bool),
    ):
        with pytest.raises(InputError) as caught:
            fit.effect(bmco.Empirical(mask=mask))
        assert caught.value.argument == "mask"
        assert "the input, which was counted: choose subjects by a condition" in str(caught.value)


@pytest.mark.samples
def test_a_mask_of_the_distinct_rows_is_not(fit: bmco.Fit) -> None:
    mask = fit.model.study.data["age"] > 40
    masked = fit.effect(bmco.Empirical(mask=mask))
    assert masked.delta.equals(fit.effect(bmco.Empirical(query="age > 40")).delta)


@pytest.mark.samples
def test_subgroups_of_what_has_no_form_in_a_condition(fit: bmco.Fit) -> None:
    by = fit.effects_by("since", progress=False)
    assert np.sum(by.subjects) == 1200
    assert len(by.labels) == 3
    assert len(fit.effects_by("bmi", progress=False).labels) == 4


@pytest.mark.samples
def test_leaving_out_subjects_counts_them(fit: bmco.Fit) -> None:
    assert fit.loo(progress=False).n_data_points == 1200


@pytest.mark.samples
def test_a_file_gives_back_the_study(fit: bmco.Fit, tmp_path: Path) -> None:
    fit.save(tmp_path / "fit.zarr.zip")
    again = bmco.load(tmp_path / "fit.zarr.zip")
    ours, theirs = again.model.study, fit.model.study
    assert repr(ours) == repr(theirs)
    for name in ("covariates", "bins", "not_kept", "n_input", "notes", "counts"):
        assert getattr(ours, name) == getattr(theirs, name)
    pd.testing.assert_frame_equal(ours.data, theirs.data)
    assert np.array_equal(ours._times, theirs._times)
    masks = (bmco.Empirical(mask=s.data["age"] > 40) for s in (ours, theirs))
    one, other = (f.effect(m) for f, m in zip((again, fit), masks, strict=True))
    assert one.delta.equals(other.delta)
    newer = again.update(rows(600).lazy())
    assert newer.model.study.n_input == 600
    assert newer.model.study.bins == {"bmi": 4}
    assert newer.model.study.counts == "subjects"


@pytest.mark.samples
def test_the_command_line_reads_parquet_by_a_pattern(fit: bmco.Fit, tmp_path: Path) -> None:
    rows()[:500].write_parquet(tmp_path / "a.parquet")
    rows()[500:].write_parquet(tmp_path / "b.parquet")
    roles = ["--outcomes", "y,z", "--group", "arm", "--control", "ctl", "--treatment", "trt"]
    how = ["--draws", 100, "--tune", 100, "--chains", 2, "--seed", 1, "--no-progress"]

    def run(*more: object) -> Any:
        words = ["fit", tmp_path / "*.parquet", *roles, *how, *more]
        return CliRunner().invoke(app, [str(word) for word in words])

    result = run("--fixed", "arm * age")
    assert str(fit.effect().text(0.95)).splitlines()[2] in result.stdout
    binned = run("--fixed", "arm * bmi", "--bins", "bmi=4")
    assert "bmi in 4 bins, each at the mean of its subjects" in binned.stdout
    wrong = run("--fixed", "arm * age", "--bins", "bmi=4")
    assert "Error: --bins='bmi': is not among the covariates" in wrong.stderr
    wrong = run("--fixed", "arm * age", "--bins", "age=0:50")
    assert "Error: --bins age=(0.0, 50.0): " in wrong.stderr
    for text in ("age", "age=few", "=3"):
        wrong = run("--fixed", "arm * age", "--bins", text)
        assert f"Error: --bins='{text}': must be a number of bins" in wrong.stderr
    assert wrong.exit_code == 2


MEASURE = """
import resource, sys, time
import numpy as np, polars as pl, pandas as pd
import bmco_pymc as bmco

rng, n = np.random.default_rng(1), 2_000_000
levels = {"y": 2, "z": 2, "arm": 2, "site": 100, "stage": 4, "sex": 2}
data = {name: rng.integers(0, k, n).astype(np.int8) for name, k in levels.items()}
frame = {"polars": pl.DataFrame, "pandas": pd.DataFrame}[sys.argv[1]](data)
del data

def cells(some):
    how = dict(covariates=["stage", "sex"], cluster="site")
    return bmco.Study(some, ["y", "z"], "arm", 0, 1, **how).cells(["stage", "sex"])

def peak():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) * 1024

cells(frame[:300_000])
with open("/proc/self/clear_refs", "w") as refs:
    refs.write("5")  # the peak from here on
before = peak()
assert cells(frame).weight.sum() == n
print((peak() - before) / (n * len(levels)))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_an_eager_frame_takes_little_memory_beside_its_own(library: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, library], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 3
