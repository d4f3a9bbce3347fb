"""Counted by its engine, a table gives the same study as its rows; and too large ones say so."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from engines import ALL, LAZY
from trial_table import study, table

from bmco_pymc.data import cell_limit, grouping
from bmco_pymc.data import table as reading
from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError, InputWarning

# Ibis asks DuckDB in a way that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")

COVARIATES = ["sex", "stage", "dose"]


def rows(n: int = 600, **changes: Any) -> pl.DataFrame:
    """Return rows with everything that needs care: missing values, another group, small types."""
    place = np.arange(n)

    def missing(values: Any, every: int, kind: Any = None) -> pl.Series:
        gone = [None if i % every == every - 1 else v for i, v in enumerate(values)]
        return pl.Series(gone, dtype=kind)

    data = table(n)
    columns = {
        "maths": missing((data["maths"] == 1).tolist(), 41, pl.Boolean),
        "reading": missing(data["reading"].tolist(), 53, pl.Int8),
        "arm": missing(np.where(place % 97 == 5, "third", data["arm"]).tolist(), 83),
        "site": pl.Series((data["site"] + 7).to_list(), dtype=pl.Int16),
        "sex": missing(np.where(place % 3, "f", "m").tolist(), 29),
        "stage": pl.Series(place % 4, dtype=pl.UInt8),
        "dose": missing((place % 5 / 2).tolist(), 31, pl.Float32),
        "name": pl.Series([f"subject {i}" for i in place]),
        "number": missing((place % 4).tolist(), 61, pl.Int32),
    }
    return pl.DataFrame({**columns, **changes})


def told(make: Any) -> tuple[Any, list[str]]:
    """Return what is made, and the warnings on the way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        made = make()
    return made, [str(w.message) for w in caught if w.category is InputWarning]


@pytest.mark.parametrize("missing", ["complete", "mar"])
@pytest.mark.parametrize("counts", [None, "number"])
@pytest.mark.parametrize("engine", ALL)
def test_every_engine_gives_the_study_of_the_rows(
    engine: str, counts: str | None, missing: str, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"cluster": "site", "counts": counts, "missing": missing}
    expected, said = told(lambda: study(rows(), **how))
    data = ALL[engine](rows(), tmp_path)
    result, also_said = told(lambda: study(data, covariates=COVARIATES, **how))
    assert also_said == said
    assert said[0].startswith("dropped ")
    assert result.notes == expected.notes
    assert len(expected.notes) == 2
    assert repr(result) == repr(expected)
    assert result.n_input == 600
    assert result.cluster_labels == expected.cluster_labels
    assert "name" not in result.data
    assert result.weight.sum() == expected.weight.sum()
    for columns in ([], ["sex"], ["dose", "sex", "stage"], ["stage", "site"]):
        ours, warned = told(lambda columns=columns: result.cells(columns))
        theirs, also_warned = told(lambda columns=columns: expected.cells(columns))
        assert warned == also_warned
        assert ours.frame.to_dict("list") == theirs.frame.to_dict("list")
        for name in ("arm", "cluster", "counts"):
            assert np.array_equal(getattr(ours, name), getattr(theirs, name))
        assert ours.cluster_labels == theirs.cluster_labels
        assert (ours.partial is None) == (theirs.partial is None) == (missing == "complete")


BAD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "values": ({"maths": pl.Series([1, 2, None] * 200)}, {}),
    "text": ({"maths": pl.Series(["yes", "no"] * 300)}, {}),
    "numbers": ({"maths": pl.Series(np.arange(600) / 7)}, {}),
    "group": ({}, {"control": "older"}),
    "same": ({}, {"control": "new"}),
    "no subjects": ({"reading": pl.Series([None, 1] * 300)}, {}),
    "cluster": ({"site": pl.Series([1, 2, 3, None] * 150)}, {"cluster": "site"}),
    "one cluster": ({"site": pl.Series([1] * 600)}, {"cluster": "site"}),
    "negative": ({"number": pl.Series([1, -3] * 300)}, {"counts": "number"}),
    "half": ({"number": pl.Series([1.0, 2.5, None] * 200)}, {"counts": "number"}),
    "infinite": ({"number": pl.Series([1.0, float("inf")] * 300)}, {"counts": "number"}),
    "counts": ({"number": pl.Series(["1", "2"] * 300)}, {"counts": "number"}),
    "column": ({}, {"outcomes": ["maths", "physics"]}),
    "twice": ({}, {"cluster": "maths"}),
    "outcomes": ({}, {"outcomes": []}),
}


@pytest.mark.filterwarnings("ignore::bmco_pymc.errors.InputWarning")
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("engine", ["polars", "pandas", "arrow", "polars-lazy", "parquet", "ibis"])
def test_every_error_is_that_of_the_rows(engine: str, bad: str, tmp_path: Path) -> None:
    columns, how = BAD[bad]
    data = rows(**columns)
    with pytest.raises(InputError) as expected:
        study(data, **how)
    with pytest.raises(InputError) as caught:
        study(ALL[engine](data, tmp_path), covariates=COVARIATES, **how)
    assert str(caught.value) == str(expected.value)


@pytest.mark.filterwarnings("ignore::bmco_pymc.errors.InputWarning")
@pytest.mark.parametrize("engine", ["polars", "pandas", "polars-lazy", "duckdb"])
def test_counts_that_are_bools_decimals_or_zero_add_up(engine: str, tmp_path: Path) -> None:
    for values in (
        pl.Series([True, False, True] * 200),
        pl.Series(["1", "2", "0"] * 200).cast(pl.Decimal(10, 2)),
        pl.Series([1.0, 2.0, float("nan")] * 200),
    ):
        data = rows(number=values)
        expected = study(data, counts="number")
        result = study(ALL[engine](data, tmp_path), counts="number", covariates=[])
        assert result.cells().counts.tolist() == expected.cells().counts.tolist()
        assert result.notes == expected.notes
        assert result.counts == "number"


def test_pandas_decimals_and_mixed_labels_are_counted_in_their_order() -> None:
    from decimal import Decimal

    data = table(site=[("b", 1), "a", 2.5] * 20, number=[Decimal(2), Decimal(1)] * 30)
    how: dict[str, Any] = {"cluster": "site", "counts": "number"}
    with pytest.warns(InputWarning, match="only 3 clusters"):
        expected = study(data, **how)
    with pytest.warns(InputWarning, match="only 3 clusters"):
        result = study(data, covariates=[], **how)
    assert result.cluster_labels == expected.cluster_labels == (("b", 1), "a", 2.5)
    assert result.cells().counts.tolist() == expected.cells().counts.tolist()


def test_lists_cannot_be_told_apart() -> None:
    with pytest.raises(InputError, match=r"sex.*cannot be told apart.*\[1\]"):
        study(table(sex=[[1]] * 60), covariates=["sex"])


@pytest.mark.parametrize("engine", ["polars", "polars-lazy", "duckdb", "pandas", "dask"])
def test_categories_keep_their_order(engine: str, tmp_path: Path) -> None:
    grades = pl.Series(["grave", "mild"] * 300, dtype=pl.Enum(["mild", "grave", "never"]))
    free = pl.Series(["v", "u", None] * 200, dtype=pl.Categorical)
    data = rows(grade=grades, free=free)
    if engine == "duckdb":
        import duckdb

        session = duckdb.connect()
        session.execute("create type grade as enum ('mild', 'grave', 'never')")
        session.register("given", data.with_columns(pl.col("grade", "free").cast(str)).to_arrow())
        given: Any = session.sql("select * replace (grade::grade as grade) from given")
    else:
        given = ALL[engine](data, tmp_path)
    with pytest.warns(InputWarning, match="dropped"):
        cells = study(given, covariates=["grade", "free"]).cells(["grade", "free"])
    assert list(cells.frame["grade"].cat.categories) == ["mild", "grave", "never"]
    assert set(cells.frame["free"]) == {"u", "v"}


def test_an_eager_frame_is_counted_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    expected, _ = told(lambda: study(rows(), counts="number", covariates=COVARIATES))
    monkeypatch.setattr(grouping, "BLOCK", 7)
    for data in (
        rows(),
        rows().to_pandas(),
        rows().with_columns(sex=pl.col("sex").cast(pl.Categorical)).to_arrow(),
    ):
        result, _ = told(lambda data=data: study(data, counts="number", covariates=COVARIATES))
        for columns in ([], COVARIATES):
            ours, theirs = (
                told(lambda s=s, names=columns: s.cells(names))[0] for s in (result, expected)
            )
            assert ours.counts.tolist() == theirs.counts.tolist()
            assert ours.frame.astype(str).equals(theirs.frame.astype(str))


def test_odd_names_of_columns_do_not_get_into_the_way() -> None:
    names = ["rows", "subjects", "rows of subjects", "0", "", "place", "sum of 0"]
    data = table(30).set_axis(names[:4], axis=1)
    data[names[4]], data[names[5]], data[names[6]] = 1.5, np.arange(30), 2
    result = Study(
        pl.LazyFrame(data.to_dict("list")),
        ["rows", "subjects"],
        "rows of subjects",
        "old",
        "new",
        "0",
        covariates=["", "place", "sum of 0"],
        bins={"place": 3},
    )
    assert result.counts == "subjects_"
    assert result.weight.sum() == 30
    assert result.cells(["place", ""]).frame["place"].nunique() == 3


# --------------------------------------------------------------------------- what is too large


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 500 be a million."""
    monkeypatch.setattr(cell_limit, "MOST_CELLS", 500)
    monkeypatch.setattr("bmco_pymc.data.counting.MOST_CELLS", 500)
    monkeypatch.setattr(reading, "MOST_ROWS", 500)
    monkeypatch.setattr(cell_limit, "MOST_VALUES", 100)


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("engine", ["polars", "pandas", "polars-lazy", "parquet", "dask", "ibis"])
def test_too_many_cells_are_an_error_that_says_the_way_out(engine: str, tmp_path: Path) -> None:
    data = rows(age=pl.Series(np.arange(600) / 7))
    given = ALL[engine](data, tmp_path)
    with pytest.raises(InputError) as caught:
        study(given, covariates=["sex", "age"])
    assert str(caught.value) == (
        "covariates='age': has 600 distinct values: with 'arm', 'sex' they make at least 600 "
        "cells, and at most 500 are counted. Round it, or cut it into bins: bins={'age': 10}"
    )
    with pytest.raises(InputError, match="covariates='name'.*Merge values that are alike"):
        study(ALL[engine](data, tmp_path), covariates=["name"])
    with pytest.raises(InputError, match="outcomes='age': is not binary, it has 600 values"):
        study(ALL[engine](data, tmp_path), ["maths", "age"], covariates=[])
    with pytest.raises(InputError, match="cluster='age': has 600 distinct values: with 'arm'"):
        study(ALL[engine](data, tmp_path), cluster="age", covariates=[])
    with pytest.warns(InputWarning, match="dropped"):
        few = study(given, covariates=["age"], bins={"age": 10})
    assert few.cells(["age"]).frame["age"].nunique() == 10


@pytest.mark.usefixtures("small_limit")
def test_a_product_beyond_the_limit_is_counted_before_it_is_refused() -> None:
    place = np.arange(600)
    data = rows(one=pl.Series(place % 40), two=pl.Series(place % 40 * 2)).lazy()
    with pytest.warns(InputWarning, match="dropped"):
        result = study(data, covariates=["one", "two"])  # 2 * 40 * 40, of which 80 occur
    assert len(result.cells(["one", "two"])) <= 80
    more = rows(one=pl.Series(place % 25), two=pl.Series(place // 24)).lazy()
    with pytest.raises(InputError, match="covariates='one': has 25 .*they make 600 cells"):
        study(more, covariates=["one", "two"])


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("engine", ["polars-lazy", "parquet", "duckdb"])
def test_a_large_lazy_frame_is_not_collected_whole(engine: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        study(ALL[engine](rows(), tmp_path))
    assert "the data have 600 rows" in str(caught.value)
    assert "covariates=['age', 'sex']" in str(caught.value)


@pytest.mark.parametrize("engine", LAZY)
def test_a_small_lazy_frame_is_collected_with_all_columns(engine: str, tmp_path: Path) -> None:
    data = rows(60).drop("number")
    expected, said = told(lambda: study(data, cluster="site"))
    result, also_said = told(lambda: study(ALL[engine](data, tmp_path), cluster="site"))
    assert said == also_said
    assert repr(result) == repr(expected)
    assert sorted(result.data["name"]) == sorted(expected.data["name"])
    assert result.covariates is None


# ------------------------------------------------------------------------- names that are given


@pytest.mark.parametrize(
    ("covariates", "problem"),
    [
        (["agee"], "no such column"),
        (["maths"], "is an outcome"),
        (["number"], "the column of counts"),
        (3, "must be the name of a column"),
        ([1], "must be the name of a column"),
    ],
)
def test_covariates_that_are_none(covariates: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        study(rows(), counts="number", covariates=covariates)
    assert caught.value.argument == "covariates"


def test_group_and_cluster_may_be_among_the_covariates_and_add_nothing() -> None:
    plain, _ = told(lambda: study(rows(), cluster="site", covariates="sex"))
    more, _ = told(lambda: study(rows(), cluster="site", covariates=["arm", "sex", "site", "sex"]))
    assert plain.covariates == more.covariates == ("sex",)
    assert plain.data.equals(more.data)


def test_a_column_that_was_not_kept_is_told_how_to_keep() -> None:
    result, _ = told(lambda: study(rows(), covariates=["sex"]))
    with pytest.raises(
        InputError, match=r"covariates='stage': is a column.*covariates=\['stage'\]"
    ):
        result.cells(["stage"])


@pytest.mark.parametrize("name", ["data.csv", "data", b"data.parquet"])
def test_only_parquet_files_go_by_their_name(name: Any) -> None:
    with pytest.raises(InputError, match=f"is a {type(name).__name__}, not a data frame"):
        study(name, covariates=[])


def test_files_that_are_not_there_or_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read as Parquet: .*No files found"):
        study(str(tmp_path / "*.parquet"))
    broken = tmp_path / "broken.parquet"
    broken.write_text("this is no Parquet")
    with pytest.raises(InputError, match="cannot be read as Parquet") as caught:
        study(broken, covariates=[])
    assert caught.value.value == str(broken)


def test_without_duckdb_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(InputError, match=r"pip install 'bmco-pymc\[large\]'"):
        study("data.parquet")


def test_no_rows(tmp_path: Path) -> None:
    for data in (rows().clear(), rows().clear().lazy()):
        with pytest.raises(InputError, match="has no rows"):
            study(data, covariates=["sex"])
