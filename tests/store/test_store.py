"""A fit that was kept and taken up again gives the same answers, to the last bit."""

import dataclasses
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

import bmco_pymc as bmco
from bmco_pymc.store.values import decode_priors, encode_priors

pytestmark = pytest.mark.samples

QUESTIONS: dict[str, list[dict[str, Any]]] = {
    "trial_fit": [
        {},
        {"population": bmco.Value(0.5)},
        {"population": bmco.Empirical(-1, 1), "standardise": "own"},
        {"population": bmco.Analytical(0, 1)},
        {"population": bmco.Empirical(query="x > 0 and y1 == 1")},
    ],
    "multisite_fit": [
        {"population": bmco.Value(0.5)},
        {"population": bmco.Value(0.5), "clusters": "observed"},
    ],
    "schools_fit": [{}, {"clusters": "observed", "cluster_weights": "equal"}],
}


def columns_study(**more):
    """A study of a few subjects with columns of many types; rows of a third group come first."""
    n = 120
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "arm": np.r_[["c"] * 10, rng.permutation(["b", "a"] * 55)],
            "y": rng.integers(0, 2, n).astype(bool),
            "grade": pd.Categorical(
                rng.choice(["low", "mid", "high"], n), ["low", "mid", "high", "top"], ordered=True
            ),
            "serial": rng.integers(2**53 + 1, 2**62, n),
            "age": rng.normal(50, 10, n),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, n), "D"),
            "zoned": pd.Timestamp("2024-01-01", tz="Europe/Amsterdam")
            + pd.to_timedelta(rng.integers(0, 400, n), "D"),
            "late": pd.to_timedelta(rng.integers(0, 400, n), "min"),
            "maybe": pd.Series(rng.choice(np.array([1, 2**60 + 1, None]), n), dtype="Int64"),
            "sure": pd.Series(rng.choice(np.array([True, False, None]), n), dtype="boolean"),
            "text": rng.choice(["é", "β/γ", ""], n),
            "mixed": pd.Series(rng.choice(np.array([1, "1", None, 2.5], object), n), dtype=object),
            "gap": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "single": rng.normal(size=n).astype(np.float32),
        }
    ).assign(**more)
    return bmco.Study(frame, "y", "arm", control="b", treatment="a")


def same_numbers(one, other):
    """Whether two effects agree in every number and word."""
    same = [np.array_equal(getattr(one, k), getattr(other, k)) for k in ("phi", "theta", "delta")]
    tables = one.summary().equals(other.summary())
    return all(same) and tables and one.text(0.9) == other.text(0.9)


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_same_answers(name, request, tmp_path):
    fit = request.getfixturevalue(name)
    path = tmp_path / "fit.zarr.zip"
    fit.save(path)
    again = bmco.load(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]

    assert type(again.model) is type(fit.model)
    assert again.idata.identical(fit.idata)
    assert again.idata.attrs == fit.idata.attrs
    assert again.diagnostics.table.equals(fit.diagnostics.table)
    assert again.diagnostics.verdict == fit.diagnostics.verdict
    assert str(again) == str(fit)
    assert again.summary(by_cluster=True).equals(fit.summary(by_cluster=True))
    assert str(again.model.study) == str(fit.model.study)
    pd.testing.assert_frame_equal(again.model.study.data, fit.model.study.data)
    pd.testing.assert_frame_equal(again.model.cells.frame, fit.model.cells.frame)
    assert again.model.coords == fit.model.coords
    variables = {**again.idata["posterior"].variables, **again.idata["posterior"].coords}
    assert all(not variable.encoding for variable in variables.values())
    again.save(path, overwrite=True)  # and once more
    assert bmco.load(path).idata.identical(fit.idata)
    for asked in QUESTIONS[name]:
        one, other = fit.effect(**asked), again.effect(**asked)
        assert same_numbers(one, other), asked
        assert str(one.decide("any", "two-sided")) == str(other.decide("any", "two-sided"))


def test_exact_analysis_in_a_fresh_process(trial_study, tmp_path):
    fit = bmco.BMVB(trial_study).with_priors(phi=bmco.Dirichlet(1, [0.1, 1, 2, 3])).fit(seed=3)
    fit.save(tmp_path / "fit.zip")
    code = (
        "import sys, warnings; warnings.simplefilter('error'); import bmco_pymc as bmco\n"
        "fit = bmco.load(sys.argv[1]); effect = fit.effect()\n"
        "sys.stdout.write(effect.delta.values.tobytes().hex() + '\\n' + str(effect.decide()))\n"
        "assert fit.model.priors.phi.treatment == [0.1, 1, 2, 3]"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "fit.zip")]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    draws, decision = done.stdout.split("\n", 1)
    effect = fit.effect()
    assert bytes.fromhex(draws) == effect.delta.values.tobytes()
    assert decision == str(effect.decide())


def test_every_kind_of_column_and_no_second_warning(tmp_path):
    with pytest.warns(bmco.InputWarning, match="dropped 6 of 110 rows"):
        study = columns_study(
            y=pd.Series([None] * 16 + [1.0, 0.0, 0.0, 1.0] * 26),
        )
    fit = bmco.BMVB(study).fit(draws=500, seed=1)
    fit.save(tmp_path / "fit.zip")
    again = bmco.load(tmp_path / "fit.zip")  # a second warning would be an error
    kept = again.model.study
    pd.testing.assert_frame_equal(kept.data, study.data)
    assert list(kept.data.columns) == list(study.data.columns)
    assert kept.data["grade"].cat.categories.tolist() == ["low", "mid", "high", "top"]
    for field in dataclasses.fields(study):
        if field.name in ("data", "_index"):  # a frame; the input's row labels are not stored
            continue
        assert np.array_equal(getattr(kept, field.name), getattr(study, field.name)), field.name
    assert kept.notes[0] == "left out 10 of 120 rows, of other groups: 'c'"
    assert (kept.n_input, kept.position[0]) == (120, 16)


def test_a_column_that_cannot_be_kept(tmp_path):
    pairs = pd.Series([(1, 2)] * 120)
    fit = bmco.BMVB(columns_study(pairs=pairs)).fit(draws=500, seed=1)
    with pytest.warns(bmco.InputWarning, match="left out of the store.*'pairs'"):
        fit.save(tmp_path / "fit.zip")
    again = bmco.load(tmp_path / "fit.zip")
    assert same_numbers(fit.effect(), again.effect())
    assert "pairs" not in again.model.study.data

    months = pd.Series(pd.period_range("2024-01", periods=2, freq="M").repeat(60))
    frame = pd.DataFrame({"arm": months, "y": [0, 1, 1] * 40})
    study = bmco.Study(frame, "y", "arm", months[0], months[119])
    with pytest.raises(bmco.InputError, match=r"study='arm': the column cannot be stored.*period"):
        bmco.BMVB(study).fit(draws=500, seed=1).save(tmp_path / "months.zip")


@pytest.mark.parametrize(
    "priors",
    [
        bmco.Priors(),
        bmco.Priors.bmco(),
        bmco.Priors(
            phi=bmco.Dirichlet(np.array([0.1, 0.2, 0.3, 1 / 3])),
            beta=bmco.Normal((0, 0.1), precision=np.array([[2.0, 0.1], [0.1, 1 / 7]])),
            gamma=bmco.Normal(np.float32(0.1), sd=[1, 2]),
            Sigma=bmco.InverseWishart(3.5, np.eye(2) / 3),
        ),
        bmco.Priors.bmco().replace(Sigma=bmco.LKJ(1.5, bmco.HalfStudentT(4, 2.5), joint=True)),
        bmco.Priors(Sigma=bmco.LKJ(sd=bmco.Exponential(0.3))),
        bmco.Priors(Sigma=bmco.LKJ(sd=bmco.HalfNormal(0.3))),
    ],
)
def test_priors_come_back(priors):
    def plain(value):
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            items = dataclasses.asdict(value).items()
            return type(value), {name: np.asarray(item).tolist() for name, item in items}
        return value

    again = decode_priors(json.loads(json.dumps(encode_priors(priors))))
    for field in dataclasses.fields(priors):
        one, other = getattr(priors, field.name), getattr(again, field.name)
        assert plain(one) == plain(other)
        assert str(one) == str(other)
    # numbers in the types that they had: an array is an array
    if priors.beta is not None:
        assert type(again.beta.precision) is type(priors.beta.precision)


@pytest.mark.filterwarnings("ignore:.*overrules the scale")
@pytest.mark.parametrize("learning", ["scale(x)", "bs(x, df=4)", "poly(x, 2)"])
def test_formulas_that_learn_from_data(tmp_path, trial_fit, learning):
    """Splines, scale() and poly() are learnt again from the stored rows; checked without a fit."""
    from bmco_pymc.store import tree as store

    model = dataclasses.replace(trial_fit.model, fixed=f"arm * {learning}")
    assert model.terms is not None
    X, _ = model.terms.matrices(model.cells.frame, model.cells.arm)
    draws = np.random.default_rng(1).normal(size=(2, 10, X.shape[1], 3))
    from bmco_pymc.posterior.tree import label

    idata = label(model, {"beta": (("chain", "draw", "term", "logit"), draws)}, {}, {})
    fit = bmco.Fit(model, idata, trial_fit.diagnostics)
    path = tmp_path / "fit.zip"
    fit.save(path)
    again, _ = store.from_tree(store.unpacked(path.read_bytes(), path), path)
    frame = pd.DataFrame({"x": [-0.3, 0.7]})
    assert again.terms is not None
    assert np.array_equal(again.terms.matrices(frame, 1)[0], model.terms.matrices(frame, 1)[0])


def test_unusual_labels_and_added_groups(tmp_path):
    """Dates as clusters, groups of one's own, attributes of any plain kind."""
    from bmco_pymc.posterior.tree import label
    from bmco_pymc.store import tree as store

    frame = bmco.load_multisite()
    days = pd.Timestamp("2024-03-01", tz="Europe/Amsterdam") + pd.to_timedelta(
        frame["site"].astype("category").cat.codes, "D"
    )
    study = bmco.Study(frame.assign(day=days), ["y1", "y2"], "arm", "ctl", "trt", cluster="day")
    model = bmco.BGLMM(study)
    sizes = {dim: len(labels) for dim, labels in model.coords.items()} | {"chain": 2, "draw": 9}
    rng = np.random.default_rng(1)
    posterior = {}
    for name, dims in model.parameters.items():
        every = ("chain", "draw", *dims)
        posterior[name] = (every, rng.normal(size=[sizes[dim] for dim in every]))
    idata = label(model, posterior, {}, {"seed": 3, "note": "é", "list": [1, 2]})
    idata["mine"] = xr.DataTree(xr.Dataset({"a": ("b", [1.0, np.nan])}, attrs={"unit": "kg"}))
    fit = bmco.Fit(model, idata, None)  # type: ignore[arg-type]
    path = tmp_path / "fit.zip"
    fit.save(path)
    again, tree = store.from_tree(store.unpacked(path.read_bytes(), path), path)
    assert tree.identical(idata)
    assert again.study.cluster_labels == study.cluster_labels
    assert again.study.cluster_labels[0] == pd.Timestamp("2024-03-01", tz="Europe/Amsterdam")


def test_other_tools_can_read_it(trial_fit, tmp_path):
    trial_fit.save(tmp_path / "fit.zip")
    with zipfile.ZipFile(tmp_path / "fit.zip") as archive:
        assert archive.testzip() is None
        assert len(set(archive.namelist())) == len(archive.namelist())
        assert not [name for name in archive.namelist() if "pickle" in name]
    store: Any = zarr.storage.ZipStore(tmp_path / "fit.zip", mode="r")
    tree = xr.open_datatree(store, engine="zarr", consolidated=False).load()
    store.close()
    assert tree["posterior"].identical(trial_fit.idata["posterior"])


@pytest.mark.parametrize("name", ["trial_fit", "multisite_fit"])
def test_the_design_of_another_processor(name, request, tmp_path):
    """Where exp and powers round otherwise: the stored design is used, to its last digit."""
    from bmco_pymc.store import file as store_file
    from bmco_pymc.store import tree as store

    fit = request.getfixturevalue(name)
    tree = store.to_tree(fit).copy(deep=True)
    X = tree["constant_data"].to_dataset()["X"].values
    X[:] = np.nextafter(X, np.inf)
    path = tmp_path / "fit.zip"
    path.write_bytes(store_file.packed(tree))
    again = bmco.load(path)
    cells = again.model.cells
    assert again.model.terms is not None
    used, Z = again.model.terms.matrices(cells.frame, cells.arm)
    assert np.array_equal(used, X)
    assert not np.array_equal(used, fit.idata["constant_data"].to_dataset()["X"])
    assert Z.shape[1] == len(fit.model.terms.random)
    assert np.array_equal(again.effect().phi, fit.effect().phi)  # at other values, learnt anew
    again.save(path, overwrite=True)
    assert np.array_equal(bmco.load(path).idata["constant_data"].to_dataset()["X"], X)
