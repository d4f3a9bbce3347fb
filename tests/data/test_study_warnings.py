"""Unusual input is a warning, one for each kind, that says what it means."""

import warnings
from typing import Any

import numpy as np
import pytest
from trial_table import study, table

from bmco_pymc import BGLM
from bmco_pymc.errors import InputWarning


def remarks(data: Any, outcomes: Any = ("maths", "reading"), **changes: Any) -> list[str]:
    """Return what a study warns about."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        study(data, outcomes, **changes)
    assert all(warning.category is InputWarning for warning in caught)
    return [str(warning.message) for warning in caught]


def test_an_ordinary_study_draws_no_remark() -> None:
    assert remarks(table(), cluster="site") == []


@pytest.mark.parametrize(("k", "expected"), [(4, []), (5, ["31 logits"]), (6, ["63 logits"])])
def test_many_outcomes(k: int, expected: list[str]) -> None:
    columns = {f"y{i}": (np.arange(60) // 2 + i) % (i + 2) // (i + 1) for i in range(k)}
    said = remarks(table(**columns), list(columns))
    assert len(said) == len(expected)
    assert all(words in remark for words, remark in zip(expected, said, strict=True))


def test_outcomes_without_variation_are_one_warning() -> None:
    new = np.arange(60) % 2
    data = table(always=1, never=0, parted=new, half=np.where(new, 0, np.arange(60) // 2 % 2))
    (said,) = remarks(data, ["always", "maths", "never", "parted", "half"][:4])
    assert said.startswith(
        "no variation: 'always' is 1 for every subject; 'never' is 0 for every subject; "
        "'parted' is 0 for every subject of 'old'; 'parted' is 1 for every subject of 'new'. "
    )
    (said,) = remarks(data, ["maths", "half"])
    assert said.startswith("no variation: 'half' is 0 for every subject of 'new'. ")


def test_few_subjects() -> None:
    data = table(29)  # 15 and 14
    assert remarks(data) == []
    data.loc[data.index % 2 == 1, "arm"] = ["new"] * 9 + ["third"] * 5
    (said,) = remarks(data)
    assert said.startswith("few subjects (9 in 'new'):")
    (said,) = remarks(table(16, reading=[0, 0, 1, 1] * 4))
    assert said.startswith("few subjects (8 in 'old', 8 in 'new'):")
    assert remarks(table(16, reading=[0, 0, 1, 1] * 4, number=5), counts="number") == []


def test_few_clusters_name_bglm_only_where_it_would_do() -> None:
    assert remarks(table(site=np.arange(60) // 2 % 5), cluster="site") == []
    (said,) = remarks(table(site=np.arange(60) // 2 % 4), cluster="site")
    assert said.startswith("only 4 clusters:")
    assert "BGLM" in said
    said, one_group = remarks(table(site=np.arange(60) % 4), cluster="site")
    assert said.startswith("only 4 clusters:")
    assert "BGLM" not in said
    assert one_group.startswith("each cluster holds one group only")


def test_single_subject_clusters() -> None:
    data = table(62)
    data.loc[[60, 61], "site"] = [6, 7]
    said = remarks(data, cluster="site")
    assert said[0].startswith("clusters with a single subject: 2 of 8.")
    assert said[1].startswith("clusters with one group only: 2 of 8 ('6', '7').")
    assert len(said) == 2
    data["number"] = 2
    assert len(remarks(data, cluster="site", counts="number")) == 1


def test_clusters_randomised_whole() -> None:
    data = table(site=np.arange(60) % 6)
    (said,) = remarks(data, cluster="site")
    for words in ("between clusters", "clusters='new'", "extrapolate", "error rate"):
        assert words in said
    with pytest.warns(InputWarning):
        assert study(data, cluster="site").one_group_clusters


def test_remarks_about_clusters_need_a_cluster() -> None:
    assert remarks(table(site=np.arange(60))) == []


def test_a_remark_of_a_model_is_at_the_line_that_made_it() -> None:
    data = table(age=np.where(np.arange(60) < 3, np.nan, np.arange(60.0)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        BGLM(study(data), fixed="arm * age")
    assert [warning.filename for warning in caught] == [__file__]
    assert str(caught[0].message).startswith("dropped 3 of 60 rows")
