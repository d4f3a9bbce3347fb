"""A mask with an index means the rows with these labels; one without means them in their order."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import bmco_pymc as bmco
from bmco_pymc.population.points import Empirical, Sample
from bmco_pymc.store.values import decode_study, encode_study

N = 100


def table(index: Any = None) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    data = pd.DataFrame(
        {
            "arm": rng.integers(0, 3, N),  # a third group is left out
            "age": rng.integers(20, 80, N).astype(float),
            "y": rng.integers(0, 2, N),
        }
    )
    data.loc[::9, "y"] = np.nan  # and rows are dropped
    return data if index is None else data.set_axis(index, axis=0)


@pytest.fixture(params=["range", "shuffled", "text", "dates"])
def data(request: pytest.FixtureRequest) -> pd.DataFrame:
    order = np.random.default_rng(1).permutation(N)
    index: dict[str, Any] = {
        "range": None,
        "shuffled": order,
        "text": [f"p{k}" for k in order],
        "dates": pd.Timestamp("2020-01-01") + pd.to_timedelta(order, unit="D"),
    }
    return table(index[request.param])


def sample_of(data: Any) -> Sample:
    study = bmco.Study(data, "y", "arm", 0, 1)
    return Sample(study, study.cells(["age"]))


@pytest.mark.filterwarnings("ignore:dropped:bmco_pymc.InputWarning")
def test_a_mask_goes_by_its_index(data: pd.DataFrame) -> None:
    sample = sample_of(data)
    expected = sample.subjects(Empirical(query="age > 50"))
    assert 0 < expected.sum() < sample.cells.weight.sum()
    mask = data["age"] > 50
    for given in (
        mask,
        mask.sort_index(),
        mask[::-1],
        mask.astype("boolean"),
        mask.to_numpy(),
        mask.tolist(),
        pl.Series(mask.to_numpy()),
    ):
        assert np.array_equal(sample.subjects(Empirical(mask=given)), expected)


@pytest.mark.filterwarnings("ignore:dropped:bmco_pymc.InputWarning")
def test_a_mask_of_other_rows_is_refused(data: pd.DataFrame) -> None:
    sample = sample_of(data)
    mask = data["age"] > 50
    with pytest.raises(bmco.InputError, match=r"other labels in its index.*mask\.to_numpy"):
        sample.subjects(Empirical(mask=mask.set_axis([f"other{k}" for k in range(N)])))
    with pytest.raises(bmco.InputError, match="a label twice"):
        sample.subjects(Empirical(mask=mask.set_axis(np.arange(N) // 2)))
    for wrong in (mask[1:], mask.to_numpy()[1:], np.r_[mask, True]):
        with pytest.raises(bmco.InputError, match=f"one entry for each of the {N} input rows"):
            sample.subjects(Empirical(mask=wrong))


@pytest.mark.filterwarnings("ignore:dropped:bmco_pymc.InputWarning")
def test_labels_that_occur_twice_are_read_where_both_have_them_alike() -> None:
    data = table(np.arange(N) // 2)
    sample = sample_of(data)
    expected = sample.subjects(Empirical(query="age > 50"))
    assert np.array_equal(sample.subjects(Empirical(mask=data["age"] > 50)), expected)
    with pytest.raises(bmco.InputError, match="a label twice"):
        sample.subjects(Empirical(mask=(data["age"] > 50)[::-1]))


@pytest.mark.filterwarnings("ignore:dropped:bmco_pymc.InputWarning")
def test_a_study_from_a_file_has_no_index(data: pd.DataFrame) -> None:
    study = bmco.Study(data, "y", "arm", 0, 1)
    loaded = decode_study(*encode_study(study, ["age"]))
    sample = Sample(loaded, loaded.cells(["age"]))
    mask = data["age"] > 50
    with pytest.raises(bmco.InputError, match=r"a file keeps no index.*mask\.to_numpy"):
        sample.subjects(Empirical(mask=mask))
    expected = Sample(study, study.cells(["age"])).subjects(Empirical(mask=mask))
    assert np.array_equal(sample.subjects(Empirical(mask=mask.to_numpy())), expected)


def test_masks_are_equal_with_their_labels() -> None:
    mask = pd.Series([True, False])
    assert Empirical(mask=mask) == Empirical(mask=mask.copy())
    assert Empirical(mask=mask) != Empirical(mask=mask.set_axis([1, 0]))
    assert Empirical(mask=mask) != Empirical(mask=mask.to_numpy())
