"""A study is the same from any frame, with any coding, labels and names of columns."""

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from trial_table import study, table

from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError, InputWarning


def convert_to_polars_categorical(data: pd.DataFrame) -> pl.DataFrame:
    return pl.DataFrame(data.to_dict("list")).with_columns(pl.col("arm").cast(pl.Categorical))


@pytest.mark.parametrize(
    "convert",
    [
        lambda data: pl.DataFrame(data.to_dict("list")),
        lambda data: pl.LazyFrame(data.to_dict("list")),
        convert_to_polars_categorical,
        lambda data: pl.DataFrame(data.to_dict("list")).to_arrow(),
        lambda data: nw.from_native(data),
        lambda data: data.convert_dtypes(),
        lambda data: data.convert_dtypes(dtype_backend="pyarrow"),
        lambda data: data.astype({"arm": "category", "site": "category"}),
    ],
    ids=["polars", "lazy", "categorical", "pyarrow", "narwhals", "nullable", "arrow", "category"],
)
def test_every_frame_gives_the_same_study(convert: Any) -> None:
    data = table(sex=np.where(np.arange(60) % 7 < 3, "f", "m"))
    expected, result = study(data, cluster="site"), study(convert(data), cluster="site")
    for name in ("arm", "response", "weight", "position", "cluster_code"):
        assert np.array_equal(getattr(result, name), getattr(expected, name))
    assert result.cluster_labels == expected.cluster_labels
    assert (result.control, result.treatment) == ("old", "new")
    assert repr(result) == repr(expected)
    assert result.cells(["sex"]).counts.tolist() == expected.cells(["sex"]).counts.tolist()
    assert (
        result.cells(["sex"]).frame["sex"].tolist() == expected.cells(["sex"]).frame["sex"].tolist()
    )


def test_a_polars_enum_keeps_its_order_and_a_categorical_has_none() -> None:
    enum = pl.Enum(["mild", "grave", "never"])
    values = ["grave", "mild"] * 30
    data = pl.DataFrame(table().to_dict("list")).with_columns(
        grade=pl.Series(values, dtype=enum), free=pl.Series(values, dtype=pl.Categorical)
    )
    cells = study(data).cells(["grade", "free"])
    assert list(cells.frame["grade"].cat.categories) == ["mild", "grave", "never"]
    assert list(cells.frame["free"].cat.categories) == ["grave", "mild"]


@pytest.mark.parametrize(
    "code",
    [
        lambda y: y.astype(bool),
        lambda y: y.astype(float),
        lambda y: y.astype("Int64"),
        lambda y: y.astype("boolean"),
        lambda y: y.astype(bool).astype(object),
        lambda y: y.astype("category"),
        lambda y: y.astype("int64[pyarrow]"),
    ],
    ids=["bool", "float", "Int64", "boolean", "object", "category", "arrow"],
)
def test_every_binary_coding_gives_the_same_responses(code: Any) -> None:
    data = table()
    coded = data.assign(maths=code(data["maths"]))
    assert np.array_equal(study(coded).response, study(data).response)


@pytest.mark.parametrize(
    ("labels", "given"),
    [
        ((0, 1), (0, 1)),
        ((False, True), (False, True)),
        ((0, 1), ("0", "1")),
        ((0.0, 1.0), ("0", "1")),
        ((False, True), ("False", "True")),
        ((2.5, -1), (2.5, -1)),
    ],
)
def test_group_labels_of_any_type(labels: tuple[Any, Any], given: tuple[Any, Any]) -> None:
    data = table()
    data["arm"] = [labels[arm == "new"] for arm in data["arm"]]
    result = study(data, control=given[0], treatment=given[1])
    assert np.array_equal(result.arm, np.arange(60) % 2)
    assert (result.control, result.treatment) == labels


def test_whole_number_labels_are_printed_whole() -> None:
    data = table()
    data["arm"] = [None if place == 7 else place % 2 for place in range(60)]  # floats now
    with pytest.warns(InputWarning, match="1 in arm"):
        result = study(data, control=0, treatment=1)
    assert result.group_labels == ("0", "1")


def test_text_is_the_label_itself_before_it_is_a_number() -> None:
    data = table(arm=pd.Series([1, "1"] * 30, dtype=object))
    result = study(data, control="1", treatment=1)
    assert np.array_equal(result.arm, 1 - np.arange(60) % 2)


def test_unused_categories_of_group_and_cluster_do_not_count() -> None:
    data = table()
    data["arm"] = pd.Categorical(data["arm"], ["gone", "old", "new"])
    data["site"] = pd.Categorical(data["site"], [9, 5, 4, 3, 2, 1, 0])
    result = study(data, cluster="site")
    assert result.cluster_labels == (5, 4, 3, 2, 1, 0)  # in the order of the categories
    assert result.notes == ()
    with pytest.raises(InputError) as caught:
        study(data, control="gone")
    assert caught.value.choices == ("old", "new")


def test_clusters_that_cannot_be_sorted_come_in_order_of_appearance() -> None:
    mixed = [("b", 1), "a", 2.5]
    data = table(site=pd.Series([mixed[place // 2 % 3] for place in range(60)], dtype=object))
    with pytest.warns(InputWarning, match="only 3 clusters"):
        result = study(data, cluster="site")
    assert result.cluster_labels == tuple(mixed)


AWKWARD = ["value", "x", "Intercept", "group", "index", "level_0", "0", 'my "best" one', "it's", ""]


@pytest.mark.parametrize("shift", range(0, len(AWKWARD), 2))
def test_any_column_name_works(shift: int) -> None:
    names = (AWKWARD[shift:] + AWKWARD[:shift])[:6]
    outcome, second, group, cluster, counts, covariate = names
    data = table().set_axis([outcome, second, group, cluster], axis=1)
    data[counts] = 1
    data[covariate] = np.arange(60) % 3
    result = Study(data, [outcome, second], group, "old", "new", cluster, counts)
    plain = study(table(), cluster="site")
    assert np.array_equal(result.response, plain.response)
    cells = result.cells([covariate])
    assert list(cells.frame.columns) == [covariate]
    assert cells.counts.sum() == 60
    assert f"{cluster!r}: 10 subjects" in repr(result)
