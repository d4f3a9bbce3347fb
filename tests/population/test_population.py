"""Populations: which points, with which weights, and what they are called."""

import math
import time
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.integrate import quad
from scipy.special import expit

from bmco_pymc.averaging.softmax import average_phi
from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError, InputWarning
from bmco_pymc.population.points import (
    Analytical,
    Empirical,
    Points,
    Resolved,
    Sample,
    Value,
    resolve,
)

INF = math.inf


def table(n: int = 240, /, **columns: Any) -> pd.DataFrame:
    """Return a trial of 6 sites of unequal size, with covariates of several types."""
    rng = np.random.default_rng(8)
    frame = {
        "y": rng.integers(0, 2, n),
        "arm": np.where(rng.random(n) < 0.4, "old", "new"),
        "site": rng.choice(list("fedcba"), n, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05]),
        "age": rng.integers(20, 70, n),
        "bmi": rng.normal(25, 4, n).round(1),
        "sex": rng.choice(["f", "m"], n),
        "grade": pd.Categorical(rng.choice(["mild", "grave"], n), ["mild", "grave", "fatal"]),
        "smokes": rng.random(n) < 0.3,
    }
    return pd.DataFrame(frame | columns)


def sample(data: Any, *covariates: str, cluster: str | None = "site", **roles: Any) -> Sample:
    study = Study(data, "y", "arm", "old", "new", cluster, **roles)
    return Sample(study, study.cells(covariates))


def as_dict(points: Points, *columns: str) -> dict[Any, float]:
    """Return the weight of each (cluster and) covariate values."""
    keys = [points.frame[name].tolist() for name in columns]
    if points.cluster is not None:
        keys.insert(0, points.cluster.tolist())
    named = list(zip(*keys, strict=True))
    assert len(set(named)) == len(named) == len(points.weight)
    assert points.weight.sum() == pytest.approx(1, abs=1e-12)
    return dict(zip(named, points.weight, strict=True))


def shares(rows: pd.DataFrame, *by: str, weight: Any = 1.0) -> dict[Any, float]:
    """Return the share of the rows' weight with each combination of values."""
    total = rows.assign(w=weight).groupby(list(by), observed=True)["w"].sum()
    keys = [key if isinstance(key, tuple) else (key,) for key in total.index]
    return dict(zip(keys, total / total.sum(), strict=True))


def with_code(data: pd.DataFrame) -> pd.DataFrame:
    """Return the data with the sites as numbers, in alphabetical order."""
    return data.assign(code=pd.factorize(data["site"], sort=True)[0])


# --- Empirical -----------------------------------------------------------------------------------


def test_pooled_groups_share_all_subjects() -> None:
    data = table()
    target = resolve(Empirical(), sample(data, "sex", "grade"))
    assert target.points[0] is target.points[1]
    assert as_dict(target.points[0], "sex", "grade") == pytest.approx(shares(data, "sex", "grade"))
    assert target.points[0].frame["grade"].dtype == data["grade"].dtype
    assert target.clusters is None


def test_own_subjects_of_each_group_in_a_range() -> None:
    data = table()
    target = resolve(Empirical(age=(30, 45)), sample(data, "age", "sex"), standardise="own")
    for arm, points in zip(("old", "new"), target.points, strict=True):
        rows = data[(data["arm"] == arm) & data["age"].between(30, 45)]
        assert as_dict(points, "age", "sex") == pytest.approx(shares(rows, "age", "sex"))
        assert points.frame["age"].min() == 30  # bounds included
        assert points.frame["age"].max() == 45


@pytest.mark.parametrize("standardise", ["own", "pooled"])
@pytest.mark.parametrize("cluster_weights", ["size", "equal"])
def test_observed_clusters_under_empirical(standardise: str, cluster_weights: str) -> None:
    data = with_code(table())
    target = resolve(
        Empirical(age=(INF * -1, 40)),
        sample(data, "age"),
        standardise=standardise,
        clusters="observed",
        cluster_weights=cluster_weights,
    )
    assert target.clusters == "observed"
    for arm, points in zip(("old", "new"), target.points, strict=True):
        rows = data[data["age"] <= 40]
        rows = rows if standardise == "pooled" else rows[rows["arm"] == arm]
        size = rows.groupby("site")["y"].transform("size")
        weight = 1.0 if cluster_weights == "size" else 1 / size
        expected = shares(rows, "code", "age", weight=weight)
        assert as_dict(points, "age") == pytest.approx(expected)
        if cluster_weights == "equal":
            by_cluster = np.bincount(points.cluster, weights=points.weight)  # type: ignore[arg-type]
            np.testing.assert_allclose(by_cluster[by_cluster > 0], 1 / rows["site"].nunique())


def test_a_cluster_without_such_subjects_drops_out() -> None:
    data = table()
    data.loc[data["site"] == "c", "age"] = 65
    data.loc[(data["site"] == "d") & (data["arm"] == "old"), "age"] = 65
    target = resolve(
        Empirical(20, 40),
        sample(data, "age"),
        standardise="own",
        clusters="observed",
        cluster_weights="equal",
    )
    young = with_code(data)[data["age"] <= 40]
    expected = [set(young.loc[young["arm"] == arm, "code"]) for arm in ("old", "new")]
    assert 2 not in expected[0] | expected[1]
    assert 3 in expected[1] - expected[0]
    for points, codes in zip(target.points, expected, strict=True):
        assert points.cluster is not None
        assert set(points.cluster.tolist()) == codes
    numbers = " and ".join(
        f"{len(c)} in {g}" for c, g in zip(expected, ("old", "new"), strict=True)
    )
    assert f"the observed clusters, {numbers}" in target.estimand


def test_new_clusters_average_over_covariates_only() -> None:
    data = table()
    target = resolve(Empirical(), sample(data, "sex"), clusters="new")
    assert target.clusters == "new"
    assert target.points[0].cluster is None
    assert as_dict(target.points[1], "sex") == pytest.approx(shares(data, "sex"))


def test_conditions_are_combined() -> None:
    data = table()
    mask = np.arange(len(data)) % 3 != 0
    population = Empirical(
        age=(30, 60), bmi=(20, INF), query="sex == 'f' and site != 'a'", mask=mask
    )
    rows = data[data["age"].between(30, 60) & (data["bmi"] >= 20) & (data["sex"] == "f")]
    rows = rows[(rows["site"] != "a") & mask[rows.index]]
    target = resolve(population, sample(data, "age", "bmi"))  # sex is not in the model
    assert as_dict(target.points[0], "age", "bmi") == pytest.approx(shares(rows, "age", "bmi"))
    assert f"the {len(rows)} subjects" in target.estimand


def test_a_mask_has_the_rows_of_the_input() -> None:
    data = table(arm=np.resize(["other", "old", "new"], 240))
    data["sex"] = data["sex"].astype(object).where(np.arange(240) % 7 > 0)  # some are missing
    mask = np.arange(240) < 100
    with pytest.warns(InputWarning, match="dropped"):
        chosen = sample(data, "sex")
    expected = shares(data[mask & (data["arm"] != "other") & data["sex"].notna()], "sex")
    for form in (mask, mask.tolist(), pd.Series(mask), pl.Series(mask)):
        assert as_dict(resolve(Empirical(mask=form), chosen).points[0], "sex") == pytest.approx(
            expected
        )


def test_a_query_with_missing_values_leaves_those_out() -> None:
    data = table()
    data["dose"] = pd.array([None, 1, 2] * 80, dtype="Int64")
    target = resolve(Empirical(query="dose < 2"), sample(data, "sex"))
    assert as_dict(target.points[0], "sex") == pytest.approx(shares(data[data["dose"] == 1], "sex"))


def test_counts_are_as_many_rows() -> None:
    data = table()
    gathered = data.groupby(["y", "arm", "site", "age"]).size().rename("n").reset_index()
    for population in (Empirical(30, 60), Analytical(-INF, 50), Value(40)):
        for clusters, weights in ((None, "size"), ("observed", "size"), ("observed", "equal")):
            one, two = (
                resolve(population, chosen, clusters=clusters, cluster_weights=weights)
                for chosen in (sample(data, "age"), sample(gathered, "age", counts="n"))
            )
            assert one.estimand == two.estimand
            pd.testing.assert_frame_equal(one.points[1].frame, two.points[1].frame, rtol=1e-12)
            np.testing.assert_allclose(one.points[1].weight, two.points[1].weight, rtol=1e-12)


def test_no_covariates_is_one_point() -> None:
    target = resolve(Empirical(), sample(table()), clusters="new")
    assert target.points[0].frame.shape == (1, 0)
    assert target.points[0].weight.tolist() == [1.0]
    observed = resolve(Empirical(), sample(table()), clusters="observed", cluster_weights="equal")
    assert observed.points[0].frame.shape == (6, 0)
    np.testing.assert_allclose(observed.points[0].weight, 1 / 6)


def test_many_rows_are_fast() -> None:
    rng = np.random.default_rng(1)
    n = 300_000
    data = table(n, age=rng.normal(50, 10, n), y=rng.integers(0, 2, n))
    chosen = sample(data, "age", "sex")
    start = time.perf_counter()
    target = resolve(Empirical(age=(20, 60), query="bmi > 20"), chosen, clusters="observed")
    assert time.perf_counter() - start < 10
    assert len(target.points[0].weight) > 100_000


# --- Value ---------------------------------------------------------------------------------------


def test_value_sets_some_and_keeps_the_others() -> None:
    data = table()
    target = resolve(Value(age=50, sex="m"), sample(data, "age", "sex", "grade"))
    expected = shares(data.assign(age=50, sex="m"), "age", "sex", "grade")
    assert as_dict(target.points[1], "age", "sex", "grade") == pytest.approx(expected)
    frame = target.points[1].frame
    assert list(frame) == ["age", "sex", "grade"]
    assert frame.dtypes.to_dict() == {**data.dtypes[["sex", "grade"]], "age": np.dtype(float)}


@pytest.mark.parametrize("cluster_weights", ["size", "equal"])
def test_value_takes_every_cluster_in_both_groups(cluster_weights: str) -> None:
    data = with_code(table())
    target = resolve(
        Value(age=33.5),
        sample(data, "age", "sex"),
        clusters="observed",
        cluster_weights=cluster_weights,
    )
    size = data.groupby("site")["y"].transform("size")
    weight = 1.0 if cluster_weights == "size" else 1 / size
    expected = shares(data.assign(age=33.5), "code", "age", "sex", weight=weight)
    for points in target.points:
        assert as_dict(points, "age", "sex") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("covariate", "value", "found"),
    [
        ("grade", "grave", "grave"),
        ("smokes", True, True),
        ("smokes", "False", False),
        ("age", np.int64(40), 40),
        ("bmi", 30, 30.0),
    ],
)
def test_values_have_the_type_of_the_data(covariate: str, value: object, found: object) -> None:
    data = table()
    frame = resolve(Value({covariate: value}), sample(data, covariate)).points[0].frame
    assert frame[covariate].tolist() == [found]
    numeric = covariate in ("age", "bmi")
    assert frame[covariate].dtype == ("float64" if numeric else data[covariate].dtype)


@pytest.mark.parametrize("name", ["base line", "value", "x", "low", "query", "Intercept", 'a"b'])
def test_any_column_name_works(name: str) -> None:
    data = table().rename(columns={"age": name})
    chosen = sample(data, name)
    pairs: list[tuple[Any, Any]] = [
        (Value({name: 40}), Value(40)),
        (Empirical({name: (30, 60)}), Empirical(30, 60)),
        (Analytical({name: (30, 60)}), Analytical(30, 60)),
    ]
    for named, unnamed in pairs:
        one, two = resolve(named, chosen), resolve(unnamed, chosen)
        assert name in one.estimand
        assert one.estimand == two.estimand
        assert as_dict(one.points[0], name) == as_dict(two.points[0], name)


# --- Analytical ----------------------------------------------------------------------------------


def normal_sample(mean: float, sd: float) -> Sample:
    """Return a sample whose covariate has exactly this mean and SD (n - 1)."""
    x = np.random.default_rng(2).normal(size=200)
    data = table(200, x=mean + sd * (x - x.mean()) / x.std(ddof=1))
    return sample(data, "x")


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 1.0), (500.0, 5.0), (2005.0, 3.0)])
@pytest.mark.parametrize("bounds", [(-INF, INF), (0.2, INF), (-INF, -1.5), (-0.5, 1.2), (6.0, INF)])
@pytest.mark.filterwarnings("ignore::bmco_pymc.errors.InputWarning")
def test_analytical_agrees_with_quad(mean: float, sd: float, bounds: tuple[float, float]) -> None:
    chosen = normal_sample(mean, sd)
    assert chosen.moments("x") == pytest.approx((mean, sd), rel=1e-12)
    low, high = (mean + sd * bound for bound in bounds)
    ends = max(low, mean - 25 * sd), min(high, mean + 25 * sd)
    cuts = np.linspace(*ends, 101).tolist()

    def density(x: float) -> float:
        # Relative to the value at 6 SD, so that the far tail does not underflow.
        return math.exp(-(((x - mean) / sd) ** 2) / 2 + (18 if bounds[0] == 6 else 0))

    def integral(f: Any) -> float:
        return math.fsum(
            quad(f, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in pairwise(cuts) if f(a) + f(b) > 0
        )

    for slope in (0.5, -3.0, 10.0):
        for centre in (mean, mean - 2 * sd, mean + 3 * sd):  # where the logit is 0
            target = resolve(Analytical(x=(low, high)), chosen, steepness=abs(slope))
            points = target.points[0]
            X = np.column_stack([np.ones(len(points.frame)), (points.frame["x"] - centre) / sd])
            phi = average_phi(np.array([[[0.0], [slope]]]), X, points.weight)
            expected = integral(lambda x, k=slope, c=centre: expit(k * (x - c) / sd) * density(x))
            expected /= integral(density)
            assert phi[0, 0] == pytest.approx(expected, rel=1e-8)


def test_analytical_with_three_logits_of_different_slopes() -> None:
    chosen = normal_sample(500.0, 5.0)
    slopes, intercepts = np.array([5.0, -5.0, 2.0]), np.array([0.3, -1.0, -2.0])
    points = resolve(Analytical(), chosen, steepness=10.0).points[0]
    X = np.column_stack([np.ones(len(points.frame)), (points.frame["x"] - 500) / 5])
    phi = average_phi(np.array([[intercepts, slopes]]), X, points.weight)[0]
    for q in range(3):

        def integrand(t: float, q: int = q) -> float:
            odds = np.exp(intercepts + slopes * t)
            return float(odds[q] / (1 + odds.sum())) * math.exp(-t * t / 2)

        parts = (quad(integrand, a, b, epsrel=1e-12)[0] for a, b in pairwise(range(-12, 13)))
        assert phi[q] == pytest.approx(math.fsum(parts) / math.sqrt(2 * math.pi), rel=1e-8)


def test_new_clusters_need_no_more_nodes_than_their_integral_is_worth() -> None:
    chosen = normal_sample(500.0, 5.0)
    few = resolve(Analytical(), chosen, clusters="new", steepness=40.0).points[0]
    many = resolve(Analytical(), chosen, clusters="observed", steepness=40.0).points[0]
    assert len(few.weight) < 900 < 3000 < len(many.weight) / 6
    for centre in np.linspace(490, 510, 41):
        theta = [p.weight @ expit(40 * (p.frame["x"] - centre) / 5) for p in (few, many)]
        assert theta[0] == pytest.approx(theta[1], abs=1e-4)


def test_analytical_uses_the_moments_of_the_whole_sample() -> None:
    data = table()
    chosen = sample(data, "age")
    mean, sd = chosen.moments("age")
    assert (mean, sd) == pytest.approx((data["age"].mean(), data["age"].std()))
    points = resolve(Analytical(), chosen, steepness=1.0).points[0]
    x = points.frame["age"].to_numpy()
    assert points.weight @ x == pytest.approx(mean, rel=1e-9)
    assert points.weight @ (x - mean) ** 2 == pytest.approx(sd**2, rel=1e-8)
    half = resolve(Analytical(mean, INF), chosen, steepness=1.0).points[0]
    expected = mean + sd * math.sqrt(2 / math.pi)
    assert half.weight @ half.frame["age"].to_numpy() == pytest.approx(expected, rel=1e-9)


def test_analytical_crosses_its_nodes_with_the_others() -> None:
    data = with_code(table())
    chosen = sample(data, "age", "sex")
    alone = resolve(Analytical(age=(30, 60)), sample(data, "age")).points[0]
    both = resolve(Analytical(age=(30, 60)), chosen, clusters="observed").points[0]
    per_node = as_dict(alone, "age")
    expected = {
        (code, age, sex): share * per_node[(age,)]
        for (code, sex), share in shares(data, "code", "sex").items()
        for (age,) in per_node
    }
    assert as_dict(both, "age", "sex") == pytest.approx(expected)


# --- words and warnings --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("population", "options", "words"),
    [
        (
            Empirical(),
            {"clusters": "new"},
            "Average over all 240 subjects of both groups (pooled), new clusters like these "
            "(between-cluster variation integrated out).",
        ),
        (
            Empirical(age=(30, 60), sexless=(0, INF)),
            {"standardise": "own", "clusters": "observed"},
            "Each group averaged over its own subjects with age from 30 to 60 and sexless of at "
            "least 0 ({old} in old and {new} in new), in the 6 observed clusters (each weighted by "
            "its number of such subjects).",
        ),
        (
            Empirical(query="age > 30"),
            {},
            "Average over the {above} subjects of both groups meeting the query 'age > 30' "
            "(pooled).",
        ),
        (
            Value(age=50),
            {"clusters": "observed", "cluster_weights": "equal"},
            "Both groups at age = 50, with sexless as in all 240 subjects of both groups (pooled), "
            "in the 6 observed clusters (each with the same weight).",
        ),
        (
            Analytical(age=(-INF, 60)),
            {"clusters": "new"},
            "Both groups averaged over age ~ Normal(mean {mean:.4g}, SD {sd:.4g}) truncated to "
            "values of at most 60, with the mean and SD of all 240 subjects of both groups, and "
            "sexless as in these subjects (pooled), new clusters like these (between-cluster "
            "variation integrated out).",
        ),
    ],
)
def test_the_estimand_in_words(population: Any, options: dict[str, Any], words: str) -> None:
    data = table(sexless=np.arange(240) % 5)
    within = data[data["age"].between(30, 60)]["arm"].value_counts()
    facts = {
        "old": within["old"],
        "new": within["new"],
        "above": (data["age"] > 30).sum(),
        "mean": data["age"].mean(),
        "sd": data["age"].std(),
    }
    target = resolve(population, sample(data, "age", "sexless"), **options)
    assert target.estimand == words.format(**facts)


def test_the_estimand_says_when_clusters_are_extrapolated() -> None:
    data = table()
    data["arm"] = np.where(data["site"] < "d", "old", "new")
    with pytest.warns(InputWarning, match="one group"):
        chosen = sample(data, "age")
    says = "extrapolated to the other group"
    for population in (Empirical(), Value(40), Analytical()):
        assert says in resolve(population, chosen, clusters="observed").estimand
        assert says not in resolve(population, chosen, clusters="new").estimand
    own = resolve(Empirical(), chosen, standardise="own", clusters="observed")
    assert says not in own.estimand
    assert "the observed clusters, 3 in old and 3 in new" in own.estimand
    mixed = sample(table(), "age")
    assert says not in resolve(Empirical(), mixed, clusters="observed").estimand


@pytest.mark.parametrize(
    "population", [Value(90), Empirical(10, 40), Empirical(age=(30, 80)), Analytical(60, 75)]
)
def test_reaching_outside_the_data_is_remarked_on(population: Any) -> None:
    with pytest.warns(
        InputWarning, match=r"age .*reaches outside the data, which run from 20 to 69"
    ):
        resolve(population, sample(table(), "age"))


def test_infinite_bounds_are_not_outside() -> None:
    chosen = sample(table(), "age")  # warnings are errors here
    for population in (Empirical(-INF, 40), Empirical(20, 69), Analytical(30, INF), Value(20)):
        resolve(population, chosen)


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "argument", "says"),
    [
        (lambda: Value(), "value", r"give a value"),
        (lambda: Value({}), "value", r"give a value"),
        (lambda: Value([1, 2]), "value", r"single value"),
        (lambda: Value(5, age=4), "value", r"name it too"),
        (lambda: Value({"age": 5}, age=4), "age", r"twice"),
        (lambda: Empirical(60, 40), "range", r"lower bound comes first"),
        (lambda: Empirical(age=(60, 40)), "age", r"lower bound comes first"),
        (lambda: Empirical(math.nan, 4), "range", r"lower bound comes first"),
        (lambda: Empirical(age=5), "age", r"a pair of numbers"),
        (lambda: Empirical(age=(1, 2, 3)), "age", r"a pair of numbers"),
        (lambda: Empirical("a", "b"), "range", r"are numbers"),
        (lambda: Empirical(low=3), "low", r"a pair of numbers"),
        (lambda: Empirical({"age": (1, 2)}, 5), "high", r"mapping"),
        (lambda: Empirical(mask=[0, 1]), "mask", r"True or False"),
        (lambda: Empirical(mask=True), "mask", r"True or False"),
        (
            lambda: Empirical(query=5),  # type: ignore[arg-type]
            "query",
            r"as text",
        ),
        (lambda: Analytical(3, 3), "range", r"use Value"),
        (lambda: Analytical(age=(1, 2), bmi=(3, 4)), "Analytical", r"only one covariate"),
    ],
)
def test_what_is_no_population(make: Any, argument: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        make()
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("population", "argument", "says"),
    [
        (Value(50), "value", r"of which covariate .*choose from 'age', 'sex', 'smokes'"),
        (Empirical(40, 60), "range", r"of which covariate"),
        (Analytical(), "range", r"of which covariate"),
        (Value(bmi=50), "bmi", r"no covariate of the model; choose from 'age', 'sex', 'smokes'"),
        (Empirical(arm=(0, 1)), "arm", r"no covariate"),
        (Value(age="x"), "age", r"finite number"),
        (Value(age=INF), "age", r"finite number"),
        (Value(sex="x"), "sex", r"'x': is not in the data.*choose from 'f', 'm'"),
        (Value(smokes="maybe"), "smokes", r"choose from False, True"),
        (Empirical(sex=(0, 1)), "sex", r"category.*query"),
        (Analytical(sex=(0, 1)), "Analytical", r"'sex': is a category"),
        (Analytical(smokes=(0, 1)), "Analytical", r"is a category"),
        (Empirical(age=(80, 90)), "population", r"no subject is in it \(age runs from 20 to 69"),
        (Empirical(query="age > 100"), "population", r"no subject is in it"),
        (
            Empirical(query="nothing > 100"),
            "query",
            r"no column 'nothing'.*the columns are 'y', 'arm'",
        ),
        (Empirical(query="age >"), "query", r"cannot be read"),
        (Empirical(query="age"), "query", r"true or false"),
        (Empirical(query="age = 3"), "query", r"compared by '=='"),
        (Empirical(mask=np.ones(3, dtype=bool)), "mask", r"each of the 240 input rows, not 3"),
        (Empirical, "population", r"choose from 'Value', 'Empirical', 'Analytical'"),
    ],
)
def test_what_does_not_fit_the_model(population: Any, argument: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        resolve(population, sample(table(), "age", "sex", "smokes"))
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("options", "argument", "says"),
    [
        ({"standardise": "Own"}, "standardise", r"choose from 'pooled', 'own'"),
        ({"clusters": "old"}, "clusters", r"choose from 'observed', 'new', None"),
        ({"cluster_weights": "n"}, "cluster_weights", r"choose from 'size', 'equal'"),
        ({"cluster_weights": "equal", "clusters": "new"}, "cluster_weights", r"observed"),
        ({"steepness": math.nan}, "steepness", r"finite"),
    ],
)
def test_unknown_options(options: dict[str, Any], argument: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        resolve(Empirical(), sample(table(), "age"), **options)
    assert caught.value.argument == argument


@pytest.mark.parametrize("population", [Value(40), Analytical()])
def test_own_subjects_have_no_meaning_for_given_values(population: Value | Analytical) -> None:
    with pytest.raises(InputError, match="same covariate values in both groups") as caught:
        resolve(population, sample(table(), "age"), standardise="own")
    assert caught.value.argument == "standardise"


def test_clusters_need_a_model_with_clusters() -> None:
    flat = sample(table(), "age", cluster=None)
    with pytest.raises(InputError, match="choose from None"):
        resolve(Empirical(), flat, clusters="new")
    with pytest.raises(InputError, match="the model has no covariate"):
        resolve(Value(3), sample(table()))


def test_own_needs_subjects_in_both_groups() -> None:
    data = table()
    data["age"] = np.where(data["arm"] == "new", data["age"] + 50, data["age"])
    chosen = sample(data, "age")
    assert resolve(Empirical(90, INF), chosen).points[0].weight.sum() == pytest.approx(1)
    with pytest.raises(InputError, match="no subject of group 'old'"):
        resolve(Empirical(90, INF), chosen, standardise="own")


def test_a_constant_covariate_has_no_normal_distribution() -> None:
    study = Study(table(age=5), "y", "arm", "old", "new", "site")
    with pytest.raises(InputError, match="constant"):
        resolve(Analytical(), Sample(study, study.cells(["age"])))


# --- values --------------------------------------------------------------------------------------


def test_populations_are_values() -> None:
    assert Value(age=50) == Value({"age": 50}) != Value(50)
    assert Empirical() == Empirical(-INF, INF) != Empirical(0, INF)
    assert Empirical(mask=[True, False]) == Empirical(mask=[True, False])
    assert Empirical(mask=[True, False]) != Empirical(mask=[True, True])
    assert Empirical(mask=[True, False]) != Empirical()
    assert Analytical(1, 2) == Analytical(1.0, 2.0)
    assert len({Empirical(), Empirical(query="a"), Analytical(), Value(1)}) == 4
    mask = np.array([True, False])
    population = Empirical(mask=mask)
    mask[0] = False
    assert population.mask is not None
    assert population.mask.tolist() == [True, False]


@pytest.mark.parametrize(
    "text",
    [
        "Value(50)",
        "Value(age=50, sex='f')",
        "Value({'base line': 1.5})",
        "Empirical()",
        "Empirical(40.0, 60.0)",
        "Empirical({'base line': (1.0, 2.0)}, query='a > 1')",
        "Analytical()",
        "Analytical(age=(40.0, 60.0))",
    ],
)
def test_a_population_prints_as_it_is_written(text: str) -> None:
    assert repr(eval(text)) == text


def test_values_from_an_array_print_as_numbers() -> None:
    assert repr(Value(np.linspace(0, 1, 3)[1])) == "Value(0.5)"
    assert repr(Value(age=np.int64(50), treated=np.bool_(True))) == "Value(age=50, treated=True)"


def test_targets_never_write_to_the_sample() -> None:
    chosen = sample(table(), "age", "sex")
    before = chosen.cells.frame.copy()
    for population in (Value(age=40), Analytical(age=(30, 60)), Empirical(query="sex == 'f'")):
        target: Resolved = resolve(population, chosen, clusters="observed")
        target.points[0].frame.loc[:, "age"] = 0
    pd.testing.assert_frame_equal(chosen.cells.frame, before)
