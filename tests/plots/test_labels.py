"""Clusters of any labels and outcomes of any name go through every verb and come back."""

import datetime
import warnings
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bmco_pymc as bmco
from bmco_pymc.posterior.replicate import variable

pytestmark = pytest.mark.samples

LABELS: dict[str, Any] = {
    "tuple": lambda k: ("ward", k),
    "1 and text": lambda k: (1, "1", "x")[k] if k < 3 else k,
    "date": lambda k: pd.Timestamp("2020-01-01") + pd.Timedelta(days=k),
    "zoned": lambda k: pd.Timestamp("2020-01-01", tz="Asia/Tokyo") + pd.Timedelta(days=k),
    "python date": lambda k: datetime.date(2020, 1, 1 + k),
    "period": lambda k: pd.Period("2020-01", "M") + k,
    "interval": lambda k: pd.Interval(k, k + 1),
    "duration": lambda k: pd.Timedelta(days=k),
    "decimal": Decimal,
    "bytes": lambda k: str(k).encode(),
}


def clustered(label: Any) -> tuple[bmco.Study, np.ndarray]:
    data = bmco.load_multisite()
    codes, sites = pd.factorize(data["site"])
    labels = pd.Series([label(k) for k in range(len(sites))])
    data["site"] = labels.iloc[codes].reset_index(drop=True)
    return bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt", cluster="site"), codes


def fitted(model: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.ConvergenceWarning)
        return model.fit(draws=20, tune=30, chains=2, seed=1, progress=False)


@pytest.mark.filterwarnings("ignore::bmco_pymc.ConvergenceWarning")
@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
def test_clusters_of_any_labels(label: Any, tmp_path: Any) -> None:
    study, codes = clustered(label)
    assert study.cluster_code is not None
    assert len(study.cluster_labels) == codes.max() + 1
    fit = fitted(bmco.BGLMM(study, "arm * x", "1"))
    index = fit.idata.posterior["cluster"].to_index()
    assert index.is_unique
    assert index.dtype.kind in "OUT" or isinstance(index.dtype, pd.StringDtype)
    assert all(isinstance(name, str) for name in index)
    assert len(index) == codes.max() + 1
    drawn = fit.predictive(draws=4, by="subject")
    assert drawn["observed_data"]["cluster"].to_index().nunique() == codes.max() + 1
    fit.save(tmp_path / "fit.zip")
    again = bmco.load(tmp_path / "fit.zip")
    for clusters in ("observed", "new"):
        one, two = fit.effect(clusters=clusters).delta, again.effect(clusters=clusters).delta
        assert (one == two).all()


@pytest.mark.filterwarnings("ignore::bmco_pymc.ConvergenceWarning")
def test_intervals_and_dates_as_covariates_and_clusters_come_back(tmp_path: Any) -> None:
    data = bmco.load_multisite()
    data["band"] = pd.cut(data["x"], [-10, -1, 0, 1, 10])
    data["site"] = pd.cut(np.arange(len(data)) % 7, 7)
    study = bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt", cluster="site")
    fit = fitted(bmco.BGLMM(study, "arm * band", "1"))
    fit.save(tmp_path / "fit.zip")
    again = bmco.load(tmp_path / "fit.zip")
    assert again.model.coords["term"] == fit.model.coords["term"]
    for value in ("(-1, 0]", "(1, 10]"):
        population = bmco.Value(band=value)
        assert (fit.effect(population).delta == again.effect(population).delta).all()
    one, two = fit.effects_by("band"), again.effects_by("band")
    assert one.labels == two.labels == ("(-10, -1]", "(-1, 0]", "(0, 1]", "(1, 10]")
    assert one.subjects == two.subjects


@pytest.mark.filterwarnings("ignore::bmco_pymc.ConvergenceWarning")
@pytest.mark.parametrize("name", ["cluster", "group", "subject", "chain", "draw", "sample"])
def test_outcomes_called_as_dims(name: str) -> None:
    data = bmco.load_multisite()
    study = bmco.Study(
        data.rename(columns={"y1": name}), [name, "y2"], "arm", "ctl", "trt", cluster="site"
    )
    fit = fitted(bmco.BGLMM(study, "arm * x", "1"))
    drawn = fit.predictive(draws=4, by="subject")
    observed = drawn["observed_data"]
    assert variable(name) == f"outcome {name}"
    assert set(observed.data_vars) == {f"outcome {name}", "y2"}
    assert np.array_equal(
        observed[f"outcome {name}"].values.sum(), data["y1"].sum()
    )  # subjects come in another order
    assert set(np.unique(drawn["posterior_predictive"][f"outcome {name}"])) == {0, 1}
    assert fit.plot_check("calibration").axes
    effect = fit.effect()
    assert f"delta[{name}]" in effect.summary().index
    assert name in str(fit.check(draws=10))
    assert fit.loo("cluster", progress=False).n_data_points == 16
    for picture in (effect.plot_delta(), fit.plot_shrinkage(), fit.sensitivity().plot()):
        assert picture._repr_png_()[0][:4] == b"\x89PNG"
    assert f"δ[{name}]" in effect.decide("any", margins={name: 0.1, "y2": 0}).sides[0].event


def test_subgroups_by_a_column_of_numbers_and_texts() -> None:
    rng = np.random.default_rng(5)
    n = 240
    data = pd.DataFrame(
        {
            "arm": np.arange(n) % 2,
            "x": rng.normal(size=n),
            "y": rng.integers(0, 2, n),
            "mixed": pd.Series([(1, "1", 2, "x")[k] for k in rng.integers(0, 4, n)], dtype=object),
            "inf": rng.integers(0, 3, n),
            "exact": [Decimal(k) / 4 for k in rng.integers(0, 40, n).tolist()],
            "small": rng.integers(0, 120, n).astype("int8"),
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.ConvergenceWarning)
        fit = bmco.BGLM(bmco.Study(data, "y", "arm", 0, 1), "arm * x").fit(
            draws=20, tune=30, chains=2, seed=1, progress=False
        )
        for by, labels in (("mixed", {"1", "'1'", "2", "x"}), ("inf", {"0", "1", "2"})):
            found = fit.effects_by(by)
            assert set(found.labels) == labels
            assert found.notes == ()
            kinds = data[by].map(repr).value_counts()
            expected = sorted(kinds.tolist())
            assert sorted(sum(pair) for pair in found.subjects) == expected
        for by in ("exact", "small"):
            found = fit.effects_by(by, bins=3)
            assert len(found.labels) == 3
            assert np.sum(found.subjects) == n
            assert min(sum(pair) for pair in found.subjects) > n / 6


def test_a_notebook_is_told_what_a_picture_shows(effect_of_one):
    figure = effect_of_one.plot_delta()
    assert figure.alt.startswith("Differences in success probability; ")
    (data, about) = figure._repr_mimebundle_(include=None, exclude=None)
    assert data["image/png"][:4] == b"\x89PNG"
    assert about["image/png"]["alt"] == figure.alt
    row = effect_of_one.summary().loc["delta[y1]"]
    assert f"{row['mean']:.2f}".replace("-", "−") in figure.alt


@pytest.fixture(scope="module")
def effect_of_one():
    study = bmco.Study(bmco.load_trial(), ["y1"], "arm", "ctl", "trt")
    return bmco.BMVB(study).fit(seed=1).effect()
