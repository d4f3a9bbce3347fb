"""Covariates of planned trials: sources, effects, averages, descriptions and refusals."""

import itertools
import json
import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import integrate, stats
from test_odd_arguments import ODD

from bmco_pymc import Covariates, Scenario, patterns
from bmco_pymc.errors import InputError
from bmco_pymc.population.merged import merged
from bmco_pymc.population.truth import Truth

SEX = {"f": 0.4, "m": 0.6}
BITS = patterns.bits(2).astype(float)


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "a/b $x$": np.round(rng.normal(size=60), 1),
            "int8": rng.integers(0, 120, 60).astype(np.int8),
            "text": rng.choice(["$low$", "high/er"], 60),
            "kind": pd.Categorical(rng.choice(["c", "a"], 60), ["c", "b", "a"], ordered=True),
            "flag": rng.random(60) < 0.5,
        }
    )


def softmax(eta: np.ndarray) -> np.ndarray:
    odds = np.exp(eta - eta.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def test_rows_of_a_frame() -> None:
    data = frame()
    covariates = Covariates(data, {"int8": 0.01, "text": {"$low$": [0.5, 0]}, "flag": 1})
    drawn = covariates.draw(np.random.default_rng(1), 2000)
    assert covariates.names == tuple(data)
    joint = set(map(tuple, data.astype(object).to_numpy().tolist()))
    assert set(map(tuple, drawn.astype(object).to_numpy().tolist())) == joint
    assert drawn["int8"].dtype == np.int8
    assert drawn["kind"].cat.categories.tolist() == ["c", "b", "a"]
    scenario = Scenario([0.4, 0.5], [0.6, 0.7], 0.2, covariates=covariates)
    truth = scenario.truth(0)
    assert isinstance(truth, Truth)
    shift = 0.01 * data["int8"].to_numpy(float)[:, None] * [1, 1]
    shift = shift + (data["text"] == "$low$").to_numpy(float)[:, None] * [0.5, 0]
    shift = shift + data["flag"].to_numpy(float)[:, None]
    for group in range(2):
        phi = softmax(truth.base[group] + shift @ BITS.T).mean(axis=0)
        np.testing.assert_allclose(phi, scenario.phi[0, group], atol=1e-10)


def test_any_frame_is_read() -> None:
    data = frame()[["a/b $x$", "int8", "text", "flag"]]
    one, other = Covariates(data), Covariates(pl.from_pandas(data))
    pd.testing.assert_frame_equal(
        one.draw(np.random.default_rng(1), 9), other.draw(np.random.default_rng(1), 9)
    )
    arrow = Covariates(data.convert_dtypes(dtype_backend="pyarrow"))
    assert arrow.draw(np.random.default_rng(1), 9)["flag"].dtype == bool


@pytest.mark.parametrize(
    ("distribution", "tolerance"),
    [
        (stats.norm(50, 10), 1e-9),
        (stats.norm(loc=0, scale=0.1), 1e-9),
        (stats.uniform(20, 60), 1e-7),
        (stats.gamma(2.5, scale=8), 1e-7),
        (stats.lognorm(0.8, scale=20), 1e-7),
        (stats.truncnorm(-2, 1, loc=40, scale=12), 1e-7),
        (stats.poisson(12), 1e-9),
        (stats.randint(18, 80), 1e-12),
        (stats.t(4, loc=30, scale=5), 1e-5),
    ],
)
def test_averages_over_a_distribution(distribution: Any, tolerance: float) -> None:
    slope = np.array([0.06, -0.03])
    covariates = Covariates({"x": distribution}, {"x": {"control": slope, "treatment": 0}})
    scenario = Scenario([0.4, 0.5], [0.6, 0.7], 0.2, covariates=covariates)
    truth = scenario.truth(0)
    assert isinstance(truth, Truth)
    base = truth.base[0]

    def theta(x: float) -> float:
        return float(softmax(base + BITS @ slope * x)[:2].sum())

    if hasattr(distribution, "pmf"):
        points = np.arange(distribution.ppf(1e-14), distribution.isf(1e-14) + 1)
        mean = sum(theta(x) * distribution.pmf(x) for x in points)
    else:
        edges = [float(distribution.ppf(p)) for p in (1e-13, 0.001, 0.1, 0.5, 0.9, 0.999)]
        edges.append(float(distribution.isf(1e-13)))
        mean = sum(
            integrate.quad(lambda x: theta(x) * distribution.pdf(x), low, high, epsabs=1e-13)[0]
            for low, high in itertools.pairwise(edges)
        )
    assert mean == pytest.approx(0.4, abs=tolerance)


def test_several_columns_are_independent() -> None:
    covariates = Covariates(
        {"a": stats.norm(0, 1), "b": stats.norm(2, 1), "c": stats.uniform(0, 1), "sex": SEX},
        {"a": [1, 0.5], "b": [-1, 0.3], "c": 0.5, "sex": {"f": -0.7}},
    )
    scenario = Scenario([0.4, 0.5], [0.6, 0.7], 0.2, covariates=covariates)
    truth = scenario.truth(0)
    assert isinstance(truth, Truth)
    base = truth.base[1]
    rng = np.random.default_rng(1)
    drawn = covariates.draw(rng, 400_000)
    shift = np.column_stack(
        [
            drawn["a"] - drawn["b"] + 0.5 * drawn["c"] - 0.7 * (drawn["sex"] == "f"),
            0.5 * drawn["a"] + 0.3 * drawn["b"] + 0.5 * drawn["c"] - 0.7 * (drawn["sex"] == "f"),
        ]
    )
    phi = softmax(base + shift @ BITS.T)
    error = phi.std(axis=0) / np.sqrt(len(phi))
    assert np.all(np.abs(phi.mean(axis=0) - scenario.phi[0, 1]) < 4 * error)


def test_theta_at_two_values() -> None:
    rates: dict[int, Any] = {
        40: {"control": [0.3, 0.4], "treatment": [0.5, 0.45]},
        60: {"control": [0.5, 0.35], "treatment": [0.6, 0.7]},
    }
    covariates = Covariates({"age": stats.norm(50, 10)}, theta={"age": rates})
    scenario = Scenario(covariates=covariates, rho=0.2, icc=0.06)
    truth = scenario.truth(0)
    assert isinstance(truth, Truth)
    arm = np.repeat(np.array([0, 1], np.int8), 200_000)
    _, pattern = truth.draw(np.random.default_rng(1), arm)
    y = patterns.decode(pattern, 2)
    for group in range(2):
        own = y[arm == group].mean(axis=0)
        assert np.all(np.abs(own - scenario.theta[0, group]) < 4 * np.sqrt(0.25 / 200_000))
    # At the values themselves, clusters averaged over.
    assert truth.roots is not None
    x, w = np.polynomial.hermite_e.hermegauss(30)
    nodes = np.array(np.meshgrid(x, x)).reshape(2, -1)
    mass = np.outer(w, w).ravel() / w.sum() ** 2
    for age, at in rates.items():
        for place, key in enumerate(("control", "treatment")):
            eta = truth.base[place] + age * truth.tables["age"][place]
            phi = mass @ softmax(eta + (BITS @ truth.roots[place] @ nodes).T)
            np.testing.assert_allclose(phi @ BITS, at[key], atol=1e-8)
            np.testing.assert_allclose(patterns.rho_from_phi(phi), 0.2, atol=1e-7)
    # The ICC is that of the average over ages.
    weight = stats.norm.pdf(t := np.linspace(-8, 8, 401))
    weight /= weight.sum()
    for group in range(2):
        eta = truth.base[group] + np.outer(50 + 10 * t, truth.tables["age"][group])
        of_cluster = (BITS @ truth.roots[group] @ nodes).T  # (N, Q)
        theta = np.stack([weight @ softmax(eta + effect) @ BITS for effect in of_cluster])
        mean = mass @ theta
        np.testing.assert_allclose(mean, scenario.theta[0, group], atol=1e-8)
        icc = mass @ (theta - mean) ** 2 / (mean * (1 - mean))
        np.testing.assert_allclose(icc, 0.06, atol=1e-7)


def test_theta_by_level() -> None:
    rates: Any = {"m": {"control": 0.3, "treatment": 0.5}, "f": {"control": 0.5, "treatment": 0.8}}
    covariates = Covariates({"sex": SEX}, theta={"sex": rates})
    scenario = Scenario(covariates=covariates)
    np.testing.assert_allclose(scenario.theta[0, :, 0], [0.38, 0.62], atol=1e-12)
    arm = np.repeat(np.array([0, 1], np.int8), 50_000)
    drawn, pattern = scenario.truth(0).draw(np.random.default_rng(1), arm)
    women = (drawn["sex"] == "f").to_numpy()
    assert abs((pattern[women & (arm == 1)] == 0).mean() - 0.8) < 4 * 0.4 / np.sqrt(18_000)
    assert scenario.labels == ("theta by sex",)
    assert Scenario(covariates=covariates, icc=[0, 0.1]).labels == ("icc = 0", "icc = 0.1")
    with pytest.raises(InputError, match="cannot be given beside covariates with theta"):
        Scenario(0.4, 0.5, covariates=covariates)
    of_two = {level: {g: [0.4, 0.5] for g in ("control", "treatment")} for level in SEX}
    grid = Scenario(covariates=Covariates({"sex": SEX}, theta={"sex": of_two}), rho=[0, 0.2])
    np.testing.assert_allclose(grid.rho[..., 0], [[0.0, 0.0], [0.2, 0.2]], atol=1e-10)


EVERY: list[Covariates] = [
    Covariates(frame()),
    Covariates(frame(), {"int8": 0.01, "kind": {"c": {"control": 1, "treatment": [0, 2]}}}),
    Covariates(
        {"x": stats.norm(50, scale=10)}
        | {"n": stats.poisson(4), "sex": SEX, "grade": {1: 0.5, 2: 0.5}},
        {"x": [0.1, 0.2], "grade": {"control": {2: 1.0}, "treatment": {1: [1, 0.5]}}},
    ),
    Covariates(
        {"x": stats.gamma(2)},
        theta={"x": {v: {"control": [0.4, v / 9], "treatment": [0.5, 0.3]} for v in (1, 2)}},
    ),
]  # fmt: skip


@pytest.mark.parametrize("covariates", EVERY, ids=range(4))
def test_descriptions_and_pickles(covariates: Covariates) -> None:
    text = json.dumps(covariates.described(), allow_nan=False)
    for again in (
        Covariates.from_description(json.loads(text)),
        pickle.loads(pickle.dumps(covariates)),
    ):
        assert again == covariates
        assert hash(again) == hash(covariates)
        assert again.words == covariates.words
        pd.testing.assert_frame_equal(
            again.draw(np.random.default_rng(1), 50), covariates.draw(np.random.default_rng(1), 50)
        )
    assert covariates != Covariates({"sex": SEX})


def test_effects_of_levels_by_group() -> None:
    tables = EVERY[2].tables(2)
    np.testing.assert_array_equal(tables["grade"], [[[0, 0], [1, 1]], [[1, 0.5], [0, 0]]])
    np.testing.assert_array_equal(tables["x"], [[0.1, 0.2], [0.1, 0.2]])
    groups = Covariates({"g": {"control": 0.5, "treatment": 0.5}}, {"g": {"control": 2}})
    assert groups.tables(1)["g"].tolist() == [[[2], [0]], [[2], [0]]]


def test_a_description_is_only_read() -> None:
    good = Covariates({"x": stats.norm(0, 1)}).described()
    for name in ("__import__", "os.system", "rv_continuous", "multivariate_normal", 3):
        bad = {**good, "columns": [{"name": "x", "distribution": name, "args": [], "kwds": {}}]}
        with pytest.raises(InputError, match="is no distribution of scipy.stats"):
            Covariates.from_description(bad)
    parts: tuple[Any, ...] = (
        {},
        {"columns": []},
        {"rows": [{"name": "x"}]},
        good | {"effects": [{}]},
    )
    for broken in parts:
        with pytest.raises(InputError):
            Covariates.from_description(broken)


def test_many_points_are_merged() -> None:
    rng = np.random.default_rng(1)
    points, weight = rng.normal(size=(50_000, 2)), rng.dirichlet(np.ones(50_000))
    few, nodes = merged(weight, points)
    assert len(few) <= 1024
    np.testing.assert_allclose(few @ nodes, weight @ points, atol=1e-12)
    eta = np.array([0.3, -1])
    exact = weight @ (1 / (1 + np.exp(-points @ eta)))
    assert few @ (1 / (1 + np.exp(-nodes @ eta))) == pytest.approx(exact, abs=1e-4)


def test_words() -> None:
    assert EVERY[0].words == (
        "Covariates: a/b $x$, int8, text, kind, flag of rows drawn from 60; log odds of success: "
        "no effect."
    )
    assert EVERY[2].words == (
        "Covariates: x from norm(50, scale=10), n from poisson(4), sex (f 0.4, m 0.6), grade "
        "(1 0.5, 2 0.5); log odds of success: x +0.1, +0.2; grade 2 +1, +1 (control) and +0, +0 "
        "(treatment), 1 +0, +0 (control) and +1, +0.5 (treatment)."
    )


X: dict[str, Any] = {"x": stats.norm(0, 1), "sex": SEX}
BOTH = {"control": [0.4], "treatment": [0.5]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3,), "source=3: is a int, no data frame and no mapping (pandas, polars, ...)"),
        (({},), "source={}: has no column"),
        (({"x": 3},), "source['x']=3: must be a distribution of scipy.stats"),
        (({"x": stats.norm},), "must be a distribution of scipy.stats with its parameters"),
        (({"x": stats.norm(0, [1, 2])},), "must be a distribution of scipy.stats"),
        (({"x": {"a": 0.4, "b": 0.4}},), "must be probabilities of the categories that sum to 1"),
        (({1: stats.norm(0, 1)},), "source=1: the name of a column must be text"),
        ((pd.DataFrame({"x": [1, None]}),), "'x' has no value in 1 rows: leave them out"),
        ((pd.DataFrame({"x": [1, np.inf]}),), "'x' has numbers that are not finite"),
        ((pd.DataFrame({"x": pd.to_datetime(["2020-01-01"])}),), "neither numbers nor text"),
        ((X, {"y": 1}), "log_odds='y': there is no such column; choose from 'x', 'sex'"),
        ((X, {"x": "a"}), "log_odds['x']='a': must be a number, or a list with one for each"),
        ((X, {"x": np.inf}), "log_odds['x']=inf: must be a finite number"),
        ((X, {"x": {"control": 1}}), "must be a mapping of both groups"),
        ((X, {"sex": 1}), "log_odds['sex']=1: of a category must be a mapping of its levels"),
        ((X, {"sex": {"x": 1}}), "log_odds['sex']='x': is no level of this category; choose from"),
        ((X, {"x": [1, 2], "sex": {"f": [1, 2, 3]}}), "on different numbers of outcomes"),
        ((X, 3), "log_odds=3: must be a mapping of columns to effects"),
    ],
)
def test_refusals(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError) as error:
        Covariates(*arguments)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("theta", "message"),
    [
        ({"x": {1: BOTH}}, "must have two values, which are numbers"),
        ({"x": {1: BOTH, 2: BOTH, 3: BOTH}}, "must have two values"),
        ({"x": {1: BOTH, "2": BOTH}}, "must have two values"),
        ({"x": {1: BOTH, 2: {"control": [0.4, 0.5], "treatment": [0.5]}}}, "same number of"),
        ({"x": {1: BOTH, 2: {"control": [0.4]}}}, "must be a mapping of both groups"),
        ({"x": {1: BOTH, 2: {"control": [1.4], "treatment": [0.5]}}}, "between 0 and 1"),
        ({"x": {1: BOTH, 2: 0.5}}, "must be a mapping of both groups"),
        ({"sex": {"m": BOTH}}, "must have success probabilities for each level"),
        ({"y": {1: BOTH, 2: BOTH}}, "there is no such column"),
        ({"x": 1}, "must be a mapping of values"),
        ({"x": {1: BOTH, 2: BOTH}, "sex": {}}, "must be a mapping of one column"),
    ],
)
def test_refusals_of_theta(theta: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        Covariates(X, theta=theta)
    assert message in str(error.value)
    with pytest.raises(InputError, match="cannot be given beside log_odds"):
        Covariates(X, {"x": 1}, theta=theta)


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("name", ["source", "column", "log_odds", "effect", "theta", "rates"])
def test_odd_values(name: str, value: Any) -> None:
    calls: dict[str, tuple[Any, Any, Any]] = {
        "source": (value, None, None),
        "column": ({"x": value}, None, None),
        "log_odds": (X, value, None),
        "effect": (X, {"x": value, "sex": {"f": value}}, None),
        "theta": (X, None, value),
        "rates": (X, None, {"x": {1: BOTH, 2: {"control": value, "treatment": [0.4]}}}),
    }
    source, log_odds, theta = calls[name]
    try:
        shown = str(Covariates(source, log_odds, theta=theta))
    except InputError as error:
        shown = str(error)
    assert shown.startswith(("source", "log_odds", "theta", "Covariates"))


def test_refusals_of_a_scenario() -> None:
    with pytest.raises(InputError, match="its effects are on 2 outcomes, but there are 1"):
        Scenario(0.4, 0.5, covariates=Covariates(X, {"x": [1, 2]}))
    with pytest.raises(InputError, match="must be bmco_pymc.Covariates"):
        Scenario(0.4, 0.5, covariates={"x": 1})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="Dirichlet clusters have no covariates with effects"):
        Scenario(0.4, 0.5, icc=0.1, between="dirichlet", covariates=Covariates(X, {"x": 1}))
    assert Scenario(0.4, 0.5, icc=0.1, between="dirichlet", covariates=Covariates(X)).clustered
