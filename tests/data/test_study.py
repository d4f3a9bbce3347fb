"""A study reads the columns it is told to, and is clear about what it left out."""

import dataclasses
import warnings
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trial_table import study, table

from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputWarning


def test_arm_response_and_weight_are_the_rows() -> None:
    data = table()
    result = study(data, cluster="site")
    assert np.array_equal(result.arm, (data["arm"] == "new").astype(int))
    expected = 3 - (2 * data["maths"] + data["reading"])  # 11 -> 0, 10 -> 1, 01 -> 2, 00 -> 3
    assert np.array_equal(result.response, expected)
    assert np.array_equal(result.weight, np.ones(60))
    assert result.cluster_code is not None
    assert np.array_equal(result.cluster_code, data["site"])
    assert result.cluster_labels == (0, 1, 2, 3, 4, 5)
    assert np.array_equal(result.position, np.arange(60))
    assert result.n_input == 60
    assert (result.arm.dtype, result.weight.dtype) == (np.dtype("int8"), np.dtype("int64"))
    assert (result.outcomes, result.n_outcomes) == (("maths", "reading"), 2)
    assert result.patterns == ("11", "10", "01", "00")
    assert result.group_labels == ("old", "new")
    assert not result.one_group_clusters
    assert result.notes == ()


def test_treatment_is_one_whatever_the_alphabet_says() -> None:
    data = table()
    forward, backward = study(data), study(data, control="new", treatment="old")
    assert np.array_equal(forward.arm, 1 - backward.arm)
    assert backward.arm[0] == 1  # row 0 is "old"


def test_all_columns_are_kept_and_numbered_anew() -> None:
    data = table(age=np.arange(60.0)).set_index(pd.Index(range(100, 160)))
    result = study(data)
    assert list(result.data.columns) == list(data.columns)
    assert result.data.index.equals(pd.RangeIndex(60))
    assert result.data["age"].tolist() == data["age"].tolist()


def test_a_repeated_index_is_harmless() -> None:
    data = table(30)
    twice = pd.concat([data, data])
    assert study(twice).position.tolist() == list(range(60))


def test_input_is_not_written_to_nor_shared() -> None:
    data = table()
    before = data.copy(deep=True)
    result = study(data, cluster="site")
    result.data.loc[:, "maths"] = 9
    pd.testing.assert_frame_equal(data, before)


def test_a_study_is_frozen_and_can_be_replaced() -> None:
    result = study(table())
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.group = "site"  # type: ignore[misc]
    swapped = dataclasses.replace(result, control="new", treatment="old")
    assert np.array_equal(swapped.arm, 1 - result.arm)


@pytest.mark.parametrize("k", [1, 3])
def test_any_number_of_outcomes(k: int) -> None:
    data = table(extra=np.arange(60) // 5 % 2)
    names = ["extra", "maths", "reading"][:k]
    result = study(data, names)
    assert result.n_outcomes == k
    first = [int(result.patterns[code][0]) for code in result.response]
    assert first == data["extra"].tolist()


def test_one_name_is_one_outcome() -> None:
    assert study(table(), "maths").outcomes == ("maths",)


def test_other_groups_are_left_out_with_a_note() -> None:
    data = table()
    data.loc[[1, 4, 8], "arm"] = ["third", "fourth", "third"]
    result = study(data)
    assert result.notes == ("left out 3 of 60 rows, of other groups: 'fourth', 'third'",)
    assert result.position.tolist() == [place for place in range(60) if place not in (1, 4, 8)]
    assert result.n_input == 60
    assert result.data["maths"].tolist() == data["maths"].drop([1, 4, 8]).tolist()


@pytest.mark.parametrize("frame", ["pandas", "polars"])
def test_missing_rows_are_dropped_with_one_warning_by_column(frame: str) -> None:
    data = table(number=1.0).astype({"maths": "Int64"})
    data.loc[3, "maths"] = pd.NA
    data.loc[[3, 5], "reading"] = np.nan
    data.loc[6, "arm"] = None
    data.loc[[7, 8], "number"] = np.nan
    given: Any = pl.from_pandas(data) if frame == "polars" else data
    with pytest.warns(InputWarning) as caught:
        result = study(given, counts="number")
    expected = (
        "dropped 5 of 60 rows for missing values: 1 in maths, 2 in reading, 1 in arm, 2 in number"
        '. With them goes 1 observed outcome of 1 subject: missing="mar" uses what was observed'
    )
    assert [str(warning.message) for warning in caught] == [expected]
    assert result.notes == (expected,)
    assert result.position.tolist() == [0, 1, 2, 4, *range(9, 60)]


def test_the_warning_points_at_the_caller() -> None:
    data = table()
    data.loc[3, "maths"] = np.nan
    with pytest.warns(InputWarning) as caught:
        Study(data, ["maths"], "arm", "old", "new")
    assert caught[0].filename == __file__


def test_missing_values_elsewhere_do_not_matter() -> None:
    data = table(comment=None)
    data.loc[0, "arm"] = "third"
    data.loc[0, "maths"] = np.nan  # of a group that is not compared
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(study(data).arm) == 59


def test_odd_values_of_rows_left_out_do_not_matter() -> None:
    data = table(number=[-1, 1, 0, *[1] * 57])
    data.loc[0, "arm"] = "third"
    data.loc[[0, 2], "maths"] = 9  # row 2 stands for nobody
    result = study(data, counts="number")
    assert result.position.tolist() == [1, *range(3, 60)]


def test_rows_that_stand_for_nobody_are_dropped_in_silence() -> None:
    data = table(number=[0, 0, *[2] * 58])
    data.loc[0, "maths"] = np.nan
    result = study(data, counts="number", cluster="site")
    assert result.weight.tolist() == [2] * 58
    assert result.notes == ()
    assert result.position.tolist() == list(range(2, 60))


@given(st.lists(st.integers(0, 4), min_size=36, max_size=36), st.randoms(use_true_random=False))
def test_counts_are_repeated_rows(drawn: list[int], random: Any) -> None:
    number = [2, 1, 1, 3, *drawn]  # two sites with both groups, whatever was drawn
    data = table(40, number=number, age=np.arange(40) // 9)
    order = list(data.index.repeat(number))
    random.shuffle(order)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        by_row = study(data.loc[order], cluster="site").cells(["age"])
        by_count = study(data, cluster="site", counts="number").cells(["age"])
    assert by_row.counts.sum() == sum(number)
    for name in ("counts", "arm", "cluster", "cluster_labels"):
        assert np.array_equal(getattr(by_row, name), getattr(by_count, name))
    pd.testing.assert_frame_equal(by_row.frame, by_count.frame)


def test_repr_shows_counts_rates_clusters_and_notes() -> None:
    data = pd.DataFrame(
        {
            "y": [1, 0, 1, 0, 1, 1, 0],
            "second": [0, 1, 0, 0, 1, 0, 1],
            "arm": ["a", "a", "b", "b", "b", "b", "c"],
            "site": [1, 2, 1, 2, 3, 4, 5],
            "n": [30, 10, 12, 12, 12, 12, 1],
        }
    )
    with pytest.warns(InputWarning) as caught:
        result = Study(data, ["y", "second"], "arm", "a", "b", "site", "n")
    assert len(caught) == 2  # few clusters, some with one group
    assert repr(result).splitlines() == [
        "Study of 88 subjects in 4 clusters, 2 outcomes",
        "arm            subjects     y  second",
        "a (control)          40  0.75    0.25",
        "b (treatment)        48  0.75    0.25",
        "clusters 'site': 12 to 42 subjects each, 2 of 4 with both groups",
        "left out 1 of 7 rows, of other groups: 'c'",
    ]
    assert str(result) == repr(result)


class Tags(HTMLParser):
    """Collects the tags of a piece of HTML, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_html_escapes_every_label() -> None:
    evil = "<script>alert('&')</script>"
    data = table(site=np.arange(60) // 2 % 6).rename(
        columns={"maths": evil + "1", "arm": evil + "2", "site": evil + "3"}
    )
    data[evil + "2"] = [evil if arm == "old" else "<b>" for arm in data[evil + "2"]]
    data.loc[0, evil + "2"] = "<i>other"
    data.loc[1, "reading"] = np.nan
    with pytest.warns(InputWarning, match="dropped 1 of 59"):
        result = Study(data, [evil + "1", "reading"], evil + "2", evil, "<b>", evil + "3")
    page = Tags()
    page.feed(result._repr_html_())
    assert page.tags == {"div", "b", "table", "tr", "th", "td", "ul", "li"}
    for label in (evil + "1", evil + "2", f"{evil} (control)", "<b> (treatment)", "29", "58"):
        assert any(label in word for word in page.words), label
    assert any("<i>other" in word for word in page.words)
