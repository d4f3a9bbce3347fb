"""The recovery study: its truths are true, it can fail, a part passes, its results are kept."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from validation import simulate
from validation.analyses import ANALYSES
from validation.coverage import band, coverage
from validation.run import SEED, main, run

pytestmark = pytest.mark.samples

FOLDER = Path(simulate.__file__).parent
KEY = ["population", "quantity"]


@pytest.fixture(scope="module")
def exact() -> pd.DataFrame:
    """120 replicates of the exact analysis."""
    return run("bmvb", 120, seed=1, jobs=1)


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Everything that nutpie has been asked to compile."""
    import nutpie

    seen: list[object] = []
    compile_model = nutpie.compile_pymc_model

    def counting(model, *args, **kwargs):
        seen.append(model)
        return compile_model(model, *args, **kwargs)

    monkeypatch.setattr(nutpie, "compile_pymc_model", counting)
    return seen


def outside(replicates: pd.DataFrame) -> list[str]:
    table = coverage(replicates)
    return table.loc[~table["inside"], "quantity"].tolist()


# the truths


def test_the_truths_use_nothing_of_the_package() -> None:
    tree = ast.parse((FOLDER / "simulate.py").read_text(encoding="utf-8"))
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules == {"__future__", "collections", "dataclasses", "itertools"} | {
        "numpy",
        "pandas",
        "scipy",
    }


def test_new_clusters_by_two_kinds_of_nodes() -> None:
    rng = np.random.default_rng(2)
    eta = rng.normal([0.8, -0.5, 0.1], 0.7, (30, 3))
    variance = np.array([0.4, 1.5, 3.0])
    n = 2**17
    deviation = rng.normal(0, np.sqrt(variance), (n, 3))
    by_simulation = simulate.over_nodes(eta, deviation, np.full(n, 1 / n))
    # the SD of a probability between clusters is 0.25 at most: this is 6 standard errors
    assert simulate.over_clusters(eta, variance) == pytest.approx(by_simulation, abs=0.004)
    finer = simulate.over_clusters(eta, variance, n_nodes=60)
    assert simulate.over_clusters(eta, variance) == pytest.approx(finer, abs=2e-6)
    alike = simulate.over_clusters(eta, np.zeros(3))
    assert alike == pytest.approx(simulate.softmax(eta).mean(axis=0), abs=1e-14)


@pytest.mark.parametrize(
    ("name", "population"),
    [
        ("bmvb", simulate.WHOLE),
        ("bglm", simulate.OWN),
        ("bglmm-subject", simulate.OBSERVED),
        ("bglmm-cluster", simulate.OBSERVED),
    ],
)
def test_the_data_have_the_probabilities_of_the_truth(
    name: str, population: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the integral over new clusters takes most of the time and is not in question here
    monkeypatch.setattr(simulate, "over_clusters", lambda eta, variance: np.full(4, 0.25))
    rng = np.random.default_rng(3)
    outcomes, excess = list(simulate.OUTCOMES), []
    for _ in range(100):
        truth = ANALYSES[name].simulate(rng)
        shares = truth.table.groupby("arm")[outcomes].mean().loc[list(simulate.GROUPS)]  # (2, K)
        labels = simulate.labelled("theta", shares.to_numpy(), simulate.GROUPS, simulate.OUTCOMES)
        true = truth.values[population]
        excess.append([share - true[label] for label, share in labels.items()])
    error = np.std(excess, axis=0, ddof=1) / np.sqrt(len(excess))
    assert (error < 0.02).all()  # or the next line would not say much
    assert (np.abs(np.mean(excess, axis=0)) < 4 * error).all()


# the counting


def test_band_is_central_binomial() -> None:
    assert band(2000) == (1867, 1931)
    assert band(60) == (50, 60)
    assert band(12, level=0.5, probability=0.95) == (3, 9)


def test_coverage_counts_truths_held() -> None:
    n = 60
    held = np.arange(n) >= 12  # 48 of 60 is below the band
    frame = pd.DataFrame(
        {
            "population": "p",
            "quantity": "q",
            "truth": np.where(held, 0.5, 2.5),
            "mean": 1.0,
            "sd": 0.5,
            "lower": 0.0,
            "upper": 2.0,
        }
    )
    row = coverage(frame).iloc[0]
    assert (row["replicates"], row["covered"], row["coverage"]) == (60, 48, 0.8)
    assert not row["inside"]
    # z is 1 where the truth is held and -3 where it is not
    assert row["bias_z"] == pytest.approx((48 - 36) / 60 * np.sqrt(60))
    assert row["spread"] == pytest.approx(np.sqrt((48 + 9 * 12) / 60))
    assert coverage(frame[10:]).iloc[0]["inside"]  # 48 of 50


@pytest.mark.parametrize("wrong", ["sign", "groups", "width"])
def test_the_study_can_fail(exact: pd.DataFrame, wrong: str) -> None:
    rows = exact.copy()
    if wrong == "sign":
        delta = rows["quantity"].str.startswith("delta")
        rows.loc[delta, "truth"] *= -1
        quantities = {f"delta[{outcome}]" for outcome in simulate.OUTCOMES}
    elif wrong == "groups":
        swapped = rows["quantity"].replace(
            {
                f"theta[{group}, safe]": f"theta[{other}, safe]"
                for group, other in (simulate.GROUPS, simulate.GROUPS[::-1])
            }
        )
        truth = rows.set_index(["replicate", "quantity"])["truth"]
        rows["truth"] = truth.loc[list(zip(rows["replicate"], swapped, strict=True))].to_numpy()
        quantities = {f"theta[{group}, safe]" for group in simulate.GROUPS}
    else:
        middle = (rows["lower"] + rows["upper"]) / 2
        rows["lower"] = (rows["lower"] + middle) / 2
        rows["upper"] = (rows["upper"] + middle) / 2
        quantities = set(rows["quantity"])
    assert set(outside(rows)) == quantities


# a part of the study


def test_bmvb_recovers(exact: pd.DataFrame) -> None:
    table = coverage(exact)
    assert len(table) == 8 + 6  # phi; theta and delta
    assert (table["replicates"] == 120).all()
    assert outside(exact) == []
    assert table["bias_z"].abs().max() < 4
    assert table["spread"].to_numpy() == pytest.approx(1, abs=0.3)  # its SD is about 0.065


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "number", "quantities"),
    [("bglm", 12, 12 + 30), ("bglmm-subject", 6, 21 + 12), ("bglmm-cluster", 6, 15 + 12)],
)
def test_regressions_recover(
    name: str, number: int, quantities: int, compilations: list[object]
) -> None:
    rows = run(name, number, seed=1, jobs=1)
    table = coverage(rows)
    assert len(table) == quantities
    assert (table["replicates"] == number).all()
    assert outside(rows) == []
    assert table["bias_z"].abs().max() < 4.5
    assert (rows["divergences"] == 0).all()
    assert len(compilations) <= 1  # none if the structure has been compiled before


# running it


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    kept = tmp_path / "bmvb.csv"
    run("bmvb", 3, seed=4, jobs=1, kept=kept)
    kept.write_text(kept.read_text()[:-200])  # the third one was being written
    resumed = run("bmvb", 4, seed=4, jobs=1, kept=kept)
    at_once = run("bmvb", 4, seed=4, jobs=1)
    assert resumed["replicate"].unique().tolist() == [0, 1, 2, 3]
    assert resumed[[*KEY, "replicate"]].equals(at_once[[*KEY, "replicate"]])
    for column in ("truth", "mean", "lower"):
        assert resumed[column].to_numpy() == pytest.approx(at_once[column].to_numpy(), rel=1e-6)


def test_a_part_of_the_study_is_only_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--analysis", "bmvb", "--replicates", "4", "--jobs", "1", "--seed", "5"]
    assert main([*options, "--store", str(tmp_path), "--out", str(tmp_path)]) == 0
    assert "14 of 14 quantities are inside" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["bmvb-5.csv"]


# its results


def test_the_kept_results_are_of_the_whole_study_and_inside() -> None:
    table = pd.read_csv(FOLDER / "results.csv")
    replicates = table.groupby("analysis", sort=False)["replicates"].unique()
    whole = {name: analysis.replicates for name, analysis in ANALYSES.items()}
    assert {name: list(numbers) for name, numbers in replicates.items()} == {
        name: [number] for name, number in whole.items()
    }
    assert whole == {"bmvb": 2000, "bglm": 200, "bglmm-subject": 60, "bglmm-cluster": 60}
    limits = [band(n) for n in table["replicates"]]
    assert table[["band_low", "band_high"]].to_numpy().tolist() == [list(pair) for pair in limits]
    assert (table["inside"] == table["covered"].between(*np.transpose(limits))).all()
    assert table.loc[~table["inside"], ["analysis", *KEY]].to_numpy().tolist() == []


def test_the_report_is_that_of_the_results() -> None:
    text = (FOLDER / "RESULTS.md").read_text(encoding="utf-8")
    table = pd.read_csv(FOLDER / "results.csv")
    for row in table.to_dict("records"):
        line = f"| {row['population']} | `{row['quantity']}` | {row['covered']} of "
        assert line in text
    assert f"seed {SEED}" in text
