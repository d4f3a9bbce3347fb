"""Outcomes missing at random: they are, ranks can fail, and the page says what its table says."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from validation import missing, missing_report, muscatine
from validation.calibration_report import markdown
from validation.missing_cells import CELLS, RANKED, gone

TABLE = pd.read_csv(missing.HERE / "missing.csv")
PAGE = (missing.HERE / "MISSING.md").read_text(encoding="utf-8")
AT_RANDOM = [name for name, cell in CELLS.items() if not cell.own]


def of(table: pd.DataFrame, cell: str, treatment: str) -> pd.DataFrame:
    own = table[(table["cell"] == cell) & (table["missing"] == treatment)]
    return own.set_index("quantity")


def binomial(table: pd.DataFrame) -> pd.Series:
    """Return the p-value of each coverage being 95 %."""
    held = (table["studies"] * table["coverage"]).round().astype(int)
    pairs = zip(held, table["studies"], strict=True)
    return pd.Series([stats.binomtest(k, n, 0.95).pvalue for k, n in pairs], table.index)


# how outcomes are lost


@pytest.mark.parametrize("name", list(CELLS))
def test_the_risk_depends_on_what_is_observed_only(name: str) -> None:
    """Given the group and the others, the lost outcome makes no difference, unless it has to."""
    cell, n = CELLS[name], 200_000
    rng = np.random.default_rng(1)
    arm, y = rng.integers(0, 2, n), rng.integers(0, 2, (n, cell.outcomes))
    absent = gone(cell, arm, np.zeros(n), y, rng)
    assert not absent.all(axis=1).any()
    _, lost = cell.lost[0]
    here = absent[:, lost].all(axis=1) & (absent.sum(axis=1) == len(lost))
    others = [k for k in range(cell.outcomes) if k not in lost]
    differences, p = [], []
    for g in (0, 1):
        for level in np.unique(y[:, others], axis=0):
            mine = (arm == g) & (y[:, others] == level).all(axis=1)
            counts = [
                [np.sum(here[mine & (y[:, lost[0]] == v)]), np.sum(mine & (y[:, lost[0]] == v))]
                for v in (1, 0)
            ]
            differences.append(counts[0][0] / counts[0][1] - counts[1][0] / counts[1][1])
            split = [[seen, total - seen] for seen, total in counts]
            p.append(stats.chi2_contingency(split, correction=False).pvalue)
    if cell.own:
        assert np.abs(differences).min() > 0.2
    else:
        assert min(p) > 1e-3 / len(p)


def test_a_quarter_is_lost() -> None:
    cell = CELLS["bglm"]
    table = pd.concat([missing.simulate(cell, np.random.default_rng(k))[0] for k in range(5)])
    absent = table[["y1", "y2"]].isna()
    assert absent.to_numpy().mean() == pytest.approx(0.25, abs=0.05)
    assert (absent.sum() > 0).all()
    assert absent["y2"].groupby(table["arm"]).mean().between(0.2, 0.6).all()


# a small run


@pytest.mark.slow
def test_a_few_studies_of_bmvb() -> None:
    """Ranks of δ and of the log likelihood with either analysis, with exact binomial errors."""
    found = pd.concat([missing.study(4, "bmvb-either", number) for number in range(80)])
    found = found[found["quantity"].isin(["delta[y1]", "delta[y2]", "log likelihood"])]
    table = missing_report.uniformity(found)
    mar, complete = (of(table, "bmvb-either", treatment) for treatment in ("mar", "complete"))
    assert (mar["p_value"] > 1e-3).all()
    assert complete["p_value"]["delta[y1]"] < 1e-6
    assert binomial(mar).min() > 1e-3
    assert binomial(complete)["delta[y1]"] < 1e-6
    again = missing.study(4, "bmvb-either", 7)
    again = again[again["quantity"].isin(found["quantity"])]
    pd.testing.assert_frame_equal(
        again.drop(columns="seconds"), found[found["study"] == 7].drop(columns="seconds")
    )


@pytest.mark.samples
@pytest.mark.slow
@pytest.mark.parametrize("name", ["bglm", "bglmm"])
def test_a_study_of_a_regression(name: str) -> None:
    found = missing.study(4, name, 0)
    assert found["rank"].between(0, RANKED).all()
    assert set(found["quantity"]) == set(TABLE.loc[TABLE["cell"] == name, "quantity"])
    assert not found.duplicated(["missing", "quantity"]).any()


@pytest.mark.slow
def test_muscatine_in_another_way() -> None:
    table = muscatine.compared(draws=2500)
    assert (table["importance_se"] < 3e-5).all()
    assert (table["distance"].abs() < 4).all()


# the kept results


def test_the_kept_study_is_whole_and_its_ranks_are_uniform() -> None:
    assert set(TABLE["cell"]) == set(CELLS)
    assert (TABLE["studies"] == TABLE["cell"].map({n: c.studies for n, c in CELLS.items()})).all()
    assert not TABLE.duplicated(["cell", "missing", "quantity"]).any()
    right = missing_report.must_be_uniform(TABLE)
    assert set(TABLE.loc[right, "cell"]) == set(AT_RANDOM)
    assert TABLE.loc[right, "uniform"].all()
    assert TABLE.loc[right, "p_value"].min() * right.sum() >= missing_report.ERROR


@pytest.mark.parametrize("name", AT_RANDOM)
def test_with_what_was_observed_means_are_right_and_intervals_hold(name: str) -> None:
    own = of(TABLE, name, "mar")
    own = own[own.index.str.match("theta|delta")]
    assert (own["bias"].abs() < 4 * own["bias_se"]).all()
    assert binomial(own).min() > 1e-4


@pytest.mark.parametrize("name", AT_RANDOM)
def test_with_complete_cases_they_are_not(name: str) -> None:
    own = of(TABLE, name, "complete")
    own = own[own.index.str.match(r"delta( new)?\[y1\]")]
    assert not own["uniform"].any()
    assert (own["bias"].abs() > 10 * own["bias_se"]).all()
    assert (own["coverage"] < 0.9).all()


def test_neither_knows_what_is_not_missing_at_random() -> None:
    for treatment in ("mar", "complete"):
        own = of(TABLE, "bmvb-own", treatment)
        assert not own["uniform"]["delta[y2]"]
        assert abs(own["bias"]["delta[y2]"]) > 0.1


def test_the_page_is_that_of_the_table() -> None:
    for name in CELLS:
        assert markdown(missing_report.effects(TABLE, name)) in PAGE
    number = missing_report.must_be_uniform(TABLE).sum()
    assert f"All {number} quantities that have to be uniform are." in PAGE
