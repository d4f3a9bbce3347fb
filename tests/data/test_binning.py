"""Covariates in bins: as many rows in each, the mean of the sample kept, nobody left out."""

from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from engines import ALL
from hypothesis import given, settings
from hypothesis import strategies as st
from trial_table import study, table

from bmco_pymc.data.binning import edges_of
from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError, InputWarning

# Ibis asks DuckDB in a way that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")

AGES = np.random.default_rng(5).normal(50, 10, 3000).round(3)


def rows(ages: Any = AGES, **columns: Any) -> pl.DataFrame:
    data = table(len(ages), age=ages, **columns)
    return pl.DataFrame(data.to_dict("list"))


def mean_of(made: Study, name: str = "age") -> float:
    return float(np.average(made.data[name], weights=made.weight))


@pytest.mark.parametrize("engine", ALL)
def test_equal_bins_keep_the_mean_in_every_engine(engine: str, tmp_path: Path) -> None:
    made = study(ALL[engine](rows(), tmp_path), covariates=["age"], bins={"age": 8})
    cells = made.cells(["age"])
    sizes = pd.Series(cells.weight).groupby(cells.frame["age"]).sum()
    assert len(sizes) == 8
    assert sizes.sum() == 3000
    assert np.abs(sizes - 375).max() <= 2
    assert mean_of(made) == pytest.approx(AGES.mean(), rel=1e-11)
    shown = ", ".join(f"{mean:.4g}" for mean in sizes.index)
    assert made.notes == (f"age in 8 bins, each at the mean of its subjects: {shown}",)


@pytest.mark.parametrize("engine", ALL)
def test_every_engine_makes_the_same_bins(engine: str, tmp_path: Path) -> None:
    ages = np.where(np.arange(3000) % 50 == 0, np.nan, AGES)
    data = rows().with_columns(age=pl.Series(ages).fill_nan(None), number=np.arange(3000) % 3)
    how: dict[str, Any] = {"counts": "number", "covariates": ["age"]}
    for bins in (7, [0, 45, 50, 200], [-np.inf, 50, np.inf]):
        expected, made = (
            study(given, bins={"age": bins}, **how) for given in (data, ALL[engine](data, tmp_path))
        )
        with pytest.warns(InputWarning, match="in age"):
            ours, theirs = made.cells(["age"]), expected.cells(["age"])
        assert ours.frame["age"].tolist() == theirs.frame["age"].tolist()
        assert ours.counts.tolist() == theirs.counts.tolist()
        known = np.isfinite(ages)
        mean = np.average(ages[known], weights=np.arange(3000)[known] % 3)
        value, weight = ours.frame["age"], ours.weight
        assert np.average(value, weights=weight) == pytest.approx(mean, rel=1e-11)


def test_a_bin_holds_its_lower_edge_and_the_last_its_upper_edge_too() -> None:
    made = study(rows(np.tile([10, 20, 25, 30], 15)), covariates="age", bins={"age": [10, 20, 30]})
    assert sorted(set(made.data["age"])) == [10, 25]


def test_the_mean_is_of_the_analysed_subjects_alone() -> None:
    data = rows(np.tile([1.0, 2.0, 9.0], 20))
    data = data.with_columns(arm=pl.when(pl.col("age") == 9).then(pl.lit("third")).otherwise("arm"))
    made = study(data, covariates=["age"], bins={"age": [0, 10]})
    assert set(made.data["age"]) == {1.5}


def test_where_values_are_equal_there_are_fewer_bins() -> None:
    made = study(rows([0.0] * 50 + list(range(1, 11))), covariates=["age"], bins={"age": 4})
    assert made.notes == ("age in 2 bins instead of 4, each at the mean of its subjects: 0, 5.5",)
    with pytest.warns(InputWarning, match="dropped"):
        cells = study(rows([None] * 60 + [3.0] * 60), covariates="age", bins={"age": 9}).cells(
            ["age"]
        )
    assert set(cells.frame["age"]) == {3}


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(-(10**6), 10**6).map(lambda i: i / 8), min_size=40, max_size=200),
    st.integers(2, 6),
)
def test_edges_are_near_the_quantiles(values: list[float], n_bins: int) -> None:
    frame = nw.from_native(pd.DataFrame({"x": values}))
    edges = edges_of(frame, {"x": n_bins}, frame.schema)["x"]
    x = np.sort(values)
    _, times = np.unique(x, return_counts=True)
    inside = np.histogram(np.searchsorted(edges, x, side="right") - 1, np.arange(len(edges)))[0]
    # One value is in one bin, however often it comes.
    assert inside.max() <= len(x) / n_bins + 2 * times.max() + 0.1 * len(x)


@pytest.mark.parametrize(
    "values",
    [
        np.exp(np.random.default_rng(1).normal(0, 4, 2000)),
        np.concatenate([np.random.default_rng(1).normal(0, 1, 2000), [1e12]]),
        np.concatenate([np.zeros(700), np.random.default_rng(1).normal(500, 1e-6, 1300)]),
        np.append(np.arange(2000.0), [np.inf, np.nan]),
    ],
)
def test_bins_of_skewed_numbers_have_as_many_rows(values: Any) -> None:
    frame = nw.from_native(pl.DataFrame({"x": values}).lazy())
    edges = edges_of(frame, {"x": 10}, frame.collect_schema())["x"]
    inside = np.histogram(values[np.isfinite(values)], [-1e300, *edges[1:-1], 1e300])[0]
    spike = (values == 0).sum()
    assert inside.max() <= max(spike, 0) + 0.11 * len(values)


@pytest.mark.parametrize(
    ("bins", "problem"),
    [
        (5, "bins=5: must be a mapping"),
        ({"height": 5}, "bins='height': is not among the covariates; choose from 'age', 'sex'"),
        ({"arm": 5}, "bins='arm': is not among the covariates"),
        ({"sex": 5}, "bins='sex': is no column of numbers; choose from 'age'"),
        ({"age": 1}, r"bins\['age'\]=1: must be a whole number, from 2 to 1000"),
        ({"age": True}, r"bins\['age'\]=True: must be a number of bins"),
        ({"age": [5]}, r"bins\['age'\]=\[5\]: must be a number of bins"),
        ({"age": [5, 5]}, "must be a number of bins.*rising"),
        ({"age": [5, np.nan]}, "must be a number of bins"),
        ({"age": "ten"}, "must be a number of bins"),
        (
            {"age": [0, 50]},
            r"bins\['age'\]=\(0.0, 50.0\): 1\d\d\d subjects are outside of the edges",
        ),
    ],
)
def test_bins_that_cannot_be(bins: Any, problem: str) -> None:
    data = rows(sex=["f", "m"] * 1500)
    with pytest.raises(InputError, match=problem):
        study(data, covariates=["age", "sex"], bins=bins)


def test_bins_go_with_covariates() -> None:
    with pytest.raises(InputError, match=r"bins=.*goes with covariates="):
        study(rows(), bins={"age": 5})
