"""Bad input is an error that names the argument, the value and the choices."""

import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from trial_table import study, table

from bmco_pymc.errors import InputError, InputWarning


def refused(data: Any, outcomes: Any = ("maths", "reading"), **changes: Any) -> InputError:
    """Return the error; pytest turns any warning before it into another error."""
    with pytest.raises(InputError) as caught:
        study(data, outcomes, **changes)
    return caught.value


@pytest.mark.parametrize(
    "data", [None, "data.csv", 3, [1, 2], {"maths": [1]}, np.eye(2), pd.Series([1]), pl.Series([1])]
)
def test_no_frame(data: Any) -> None:
    error = refused(data)
    assert error.argument == "data"
    assert f"is a {type(data).__name__}, not a data frame" in str(error)


def test_no_rows_and_repeated_columns() -> None:
    assert "data=" in str(refused(table().iloc[:0]))
    assert "has no rows" in str(refused(table().iloc[:0]))
    assert "has no rows" in str(refused(pl.DataFrame()))
    twice = table().set_axis(["maths", "maths", "arm", "site"], axis=1)
    assert refused(twice).argument == "data"
    assert "two columns of the same name" in str(refused(twice))


@pytest.mark.parametrize(
    ("argument", "changes"),
    [
        ("outcomes", {"outcomes": ["maths", "gone"]}),
        ("group", {"group": "gone"}),
        ("cluster", {"cluster": "gone"}),
        ("counts", {"counts": "gone"}),
    ],
)
def test_missing_column(argument: str, changes: dict[str, Any]) -> None:
    error = refused(table(), **changes)
    assert (error.argument, error.value) == (argument, "gone")
    assert error.choices == ("maths", "reading", "arm", "site")
    assert str(error) == (
        f"{argument}='gone': the data have no such column; "
        "choose from 'maths', 'reading', 'arm', 'site'"
    )


@pytest.mark.parametrize("group", [None, 3, ["arm"], np.array(["arm", "site"])])
def test_a_role_is_one_column(group: Any) -> None:
    assert refused(table(), group=group).argument == "group"


def test_a_column_name_is_text() -> None:
    error = refused(table().rename(columns={"arm": 7}), group=7)
    assert (error.argument, error.value) == ("group", 7)
    assert "must be text" in str(error)


@pytest.mark.parametrize(
    ("outcomes", "problem"),
    [
        ([], "at least one"),
        ("", "no such column"),
        (["maths", "maths"], "named twice"),
        ({"maths", "reading"}, "list of column names"),
        (None, "list of column names"),
        (3, "list of column names"),
    ],
)
def test_names_of_outcomes(outcomes: Any, problem: str) -> None:
    error = refused(table(), outcomes)
    assert error.argument == "outcomes"
    assert problem in str(error)


def test_more_than_six_outcomes() -> None:
    names = [f"y{k}" for k in range(7)]
    data = table(**{name: np.arange(60) % 3 % 2 for name in names})
    error = refused(data, names)
    assert error.argument == "outcomes"
    assert "2^7 response patterns" in str(error)
    assert "at most 6" in str(error)


@pytest.mark.parametrize(
    ("argument", "changes", "taken"),
    [
        ("group", {"group": "maths"}, "outcomes"),
        ("cluster", {"cluster": "arm"}, "group"),
        ("cluster", {"cluster": "reading"}, "outcomes"),
        ("counts", {"cluster": "site", "counts": "site"}, "cluster"),
    ],
)
def test_one_column_in_two_roles(argument: str, changes: dict[str, Any], taken: str) -> None:
    error = refused(table(), **changes)
    assert (error.argument, error.value) == (argument, changes[argument])
    assert f"in use already, as '{taken}'" in str(error)


@pytest.mark.parametrize(
    "values",
    [
        ["no", "yes"],
        ["yes", None, "no"],
        ["yes"],
        ["0", "1"],
        [0, 2],
        [1, 2],
        [0.0, 0.5, 1.5],
        ["bad", "fair", "good", None],
        [3.5, 4.5, np.nan, 7.25],
        [0, 1, 2, 3],
    ],
    ids=str,
)
def test_an_outcome_that_is_not_binary_says_how_to_code_it(values: list[Any]) -> None:
    data = table(10 * len(values)).assign(maths=pd.Series(values).repeat(10).array)
    error = refused(data)
    assert (error.argument, error.value) == ("outcomes", "maths")
    assert "not binary" in str(error)
    advice = re.search(r"for example (.*?)(, which| if )", str(error))
    assert advice is not None
    coded = eval(advice[1], {"data": data})
    assert set(coded.dropna()) <= {0, 1}
    assert coded.isna().equals(data["maths"].isna())  # missing must not become failure
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        result = study(data.assign(maths=coded))
    assert len(result.arm) == coded.notna().sum()


def test_a_code_for_missing_values_is_recognised() -> None:
    error = refused(table(maths=[0, 1, 9] * 20))
    assert "its values are 0, 1, 9" in str(error)
    assert "codes for missing values, such as 9 or -1, missing" in str(error)


def test_infinite_outcome() -> None:
    assert "not binary" in str(refused(table(maths=[0, 1, np.inf] * 20)))


def test_outcome_of_lists() -> None:
    assert "cannot be told apart" in str(refused(table(maths=[[1]] * 60)))


@pytest.mark.parametrize("argument", ["control", "treatment"])
@pytest.mark.parametrize("label", ["New", None, np.nan, 0, ["old"], np.array([1, 2])])
def test_unknown_group(argument: str, label: Any) -> None:
    error = refused(table(), **{argument: label})
    assert error.argument == argument
    assert error.choices == ("new", "old")
    assert "column 'arm' has no such value" in str(error)


def test_unknown_group_among_very_many() -> None:
    error = refused(table(id=range(60)), group="id")
    assert error.choices == tuple(range(20))
    assert "among its 60, of which these are the first" in str(error)


def test_control_is_treatment() -> None:
    error = refused(table(), treatment="old")
    assert (error.argument, error.value, error.choices) == ("treatment", "old", ("new",))
    number = table(arm=np.arange(60) % 2)
    assert refused(number, control=1, treatment="1").argument == "treatment"


def test_a_group_that_is_empty_after_dropping_rows() -> None:
    data = table()
    data.loc[data["arm"] == "new", "reading"] = np.nan
    error = refused(data)
    assert (error.argument, error.value) == ("treatment", "new")
    assert "no subjects left; dropped 30 of 60 rows" in str(error)
    assert "30 in reading" in str(error)
    nobody = table(number=np.arange(60) % 2)  # the control stands for nobody
    assert refused(nobody, counts="number").argument == "control"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([1, -1], "but one is -1"),
        ([1, 1.5], "but one is 1.5"),
        ([1, np.inf], "but one is inf"),
        ([1.0, 1e300], "but one is 1e+300"),
        (["1", "2"], "not hold numbers"),
    ],
)
def test_counts_are_whole_numbers(values: list[Any], problem: str) -> None:
    error = refused(table(number=values * 30), counts="number")
    assert (error.argument, error.value) == ("counts", "number")
    assert problem in str(error)


def test_missing_clusters_are_an_error() -> None:
    data = table().astype({"site": "Int64"})
    data.loc[[3, 4], "site"] = pd.NA
    error = refused(data, cluster="site")
    assert (error.argument, error.value) == ("cluster", "site")
    assert "2 of 60 rows have no cluster" in str(error)


def test_missing_clusters_of_rows_left_out_do_not_matter() -> None:
    data = table()
    data.loc[0, "arm"] = "third"
    data.loc[1, "maths"] = np.nan
    data.loc[[0, 1], "site"] = np.nan
    with pytest.warns(InputWarning, match="dropped 1 of 59 rows"):
        study(data, cluster="site")


def test_one_cluster_is_an_error() -> None:
    error = refused(table(site="here"), cluster="site")
    assert (error.argument, error.value) == ("cluster", "site")
    assert "only one cluster, 'here'" in str(error)
