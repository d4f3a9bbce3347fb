"""The calibration and the study of convergence: they can fail, a part passes, results are kept."""

import warnings
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bmco_pymc as bmco
from bmco_pymc.models.prior_draws import draw_prior
from validation import calibration, calibration_report, converge, pool
from validation.uniform import band, p_value

pytestmark = pytest.mark.samples

FOLDER = Path(calibration.__file__).parent


def smallest(rows: pd.DataFrame) -> pd.Series:
    return calibration_report.uniformity(rows).set_index("quantity")["p_value"]


# the test of uniformity


def test_p_values_of_uniform_ranks_are_uniform():
    rng = np.random.default_rng(1)
    p = [p_value(rng.integers(0, 100, 300), 99) for _ in range(400)]
    assert stats.kstest(p, "uniform").pvalue > 1e-3  # discrete, but finely so


@pytest.mark.parametrize("wrong", ["shifted", "narrow", "wide"])
def test_ranks_that_are_not_uniform_are_found(wrong):
    rng = np.random.default_rng(2)
    shift, sd = {"shifted": (0.4, 1), "narrow": (0, 1.4), "wide": (0, 0.7)}[wrong]
    ranks = np.floor(100 * stats.norm.cdf(rng.normal(shift, sd, 300))).astype(int)
    assert p_value(ranks, 99) < 1e-3


def test_a_right_line_is_in_the_band_19_times_in_20():
    rng = np.random.default_rng(3)
    low, high = band(60, 99)
    ranks = rng.integers(0, 100, (1000, 60))
    share = (ranks[..., None] < np.arange(1, 100)).mean(axis=1)
    inside = ((share >= low - 1e-12) & (share <= high + 1e-12)).all(axis=1)
    assert stats.binomtest(int(inside.sum()), 1000, 0.95).pvalue > 1e-3


# the studies


def prior_for_posterior(number: int) -> pd.DataFrame:
    """Rank the truth among draws of the prior, as if the data had been forgotten."""
    rng = np.random.default_rng([5, number])
    model, truth = calibration.simulate(calibration.CELLS["flat-normal"], rng)
    draws = draw_prior(model, calibration.RANKED, rng)
    both = {name: np.concatenate([truth[name], draws[name]]) for name in truth}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.ConvergenceWarning)  # few draws
        table = calibration.quantities(model, both)
    rank = (table[1:] < table.iloc[0]).sum().to_numpy()
    return pd.DataFrame({"cell": "flat-normal", "quantity": table.columns, "rank": rank})


def test_the_log_likelihood_sees_that_the_data_were_forgotten():
    p = smallest(pd.concat([prior_for_posterior(number) for number in range(40)]))
    assert p.drop("log likelihood").min() > 0.01 / len(p)
    assert p["log likelihood"] < 1e-4


@pytest.mark.slow
def test_another_prior_than_that_of_the_truth_is_found(monkeypatch):
    truth, other = (bmco.Priors(beta=bmco.Normal(0, sd=sd)) for sd in (2, 0.5))
    turns = cycle([truth, other])
    cell = calibration.Cell("wrong", lambda model: next(turns))
    monkeypatch.setattr(calibration, "CELLS", {"wrong": cell})
    rows = pd.concat([calibration.study(1, "wrong", number) for number in range(30)])
    p = smallest(rows)
    assert p[p.index.str.startswith("beta")].min() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flat-normal", "whole-lkj"])
def test_a_few_studies_are_calibrated(name):
    rows = pd.concat([calibration.study(2, name, number) for number in range(20)])
    table = calibration_report.uniformity(rows)
    assert "log likelihood" in set(table["quantity"])
    assert table["uniform"].all()
    assert rows["rhat"].max() < 1.1
    again = calibration.study(2, name, 7)
    assert (again["rank"] == rows.loc[rows["study"] == 7, "rank"]).all()


def test_clusters_have_their_quantities():
    rows = calibration.study(3, "whole-recommended", 0)
    for name in (
        "delta new[y1]",
        "delta observed[y2]",
        "theta new[old, y1]",
        "Sigma[10, arm, 11, Intercept]",
        "gamma[arm, 01]",
        "gamma_cluster[s0, arm, 11]",
        "beta[arm:x, 10]",
        "log likelihood",
    ):
        assert (rows["quantity"] == name).sum() == 1
    assert rows["rank"].between(0, calibration.RANKED).all()


# running them


def made(cell: str, number: int) -> pd.DataFrame:
    return pd.DataFrame({"cell": cell, "study": number, "value": [number, 2 * number]})


def test_a_run_goes_on_where_it_stopped(tmp_path):
    wanted = [(cell, number) for number in range(4) for cell in ("a", "b")]
    nothing = pool.run(made, wanted, tmp_path, "here", 1, seconds=0)
    assert nothing.empty
    pool.run(made, wanted[:3], tmp_path, "here", 1, None)
    kept = tmp_path / "here.csv"
    kept.write_text(kept.read_text()[:-8])  # the third one was being written
    pool.run(made, wanted[5:6], tmp_path, "there", 1, None)  # on another machine
    asked = []

    def counted(cell, number):
        asked.append((cell, number))
        return made(cell, number)

    rows = pool.run(counted, wanted, tmp_path, "here", 1, None)
    assert asked == [key for key in wanted if key not in (*wanted[:2], wanted[5])]
    assert len(rows) == 16
    assert (rows.groupby(["cell", "study"])["value"].max() == [0, 2, 4, 6] * 2).all()


def test_a_study_of_convergence(tmp_path, capsys):
    options = ["--cells", "flat-recommended-1", "--studies", "2", "--jobs", "1", "--seed", "3"]
    assert converge.main([*options, "--store", str(tmp_path), "--out", str(tmp_path)]) == 0
    assert "2 of 2 converged" in capsys.readouterr().out
    assert "**2 of 2 fits converged.**" in (tmp_path / "CONVERGENCE.md").read_text()
    rows = pd.read_csv(tmp_path / "convergence.csv")
    assert rows["ok"].all()
    assert (rows["draws"] >= 4000).all()


# their results


@pytest.mark.skipif(not (FOLDER / "calibration.csv").exists(), reason="not run yet")
def test_the_kept_calibration_is_whole_and_uniform():
    table = pd.read_csv(FOLDER / "calibration.csv")
    assert set(table["cell"]) == set(calibration.CELLS)
    assert (table["studies"] == 300).all()
    assert table["uniform"].all()
    assert (table["p_value"] * len(table) >= calibration_report.ERROR).all()


def test_the_kept_study_of_convergence_is_good():
    rows = pd.read_csv(FOLDER / "convergence.csv")
    assert set(rows["cell"]) == set(converge.CELLS)
    assert not rows.duplicated(["cell", "study"]).any()
    assert len(rows) == 1000
    assert rows["ok"].sum() >= 999
    page = (FOLDER / "CONVERGENCE.md").read_text(encoding="utf-8")
    assert f"**{rows['ok'].sum()} of {len(rows)} fits converged.**" in page
    assert "still to be made" not in page
