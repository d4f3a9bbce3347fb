"""A target: rows of another frame as a population, and how far they are from the sample."""

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError, InputWarning
from bmco_pymc.population.likeness import likeness
from bmco_pymc.population.marginal import marginalise
from bmco_pymc.population.matched import match
from bmco_pymc.population.points import (
    Analytical,
    Empirical,
    Resolved,
    Sample,
    Target,
    Value,
    resolve,
)
from bmco_pymc.terms.terms import make_terms


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
        "stage": pd.Categorical(rng.choice([1, 2, 3], n)),
        "smokes": rng.random(n) < 0.3,
    }
    return pd.DataFrame(frame | columns)


def study(data: Any, cluster: str | None = "site", **roles: Any) -> Study:
    return Study(data, "y", "arm", "old", "new", cluster, **roles)


def sample(data: Any, *covariates: str, **roles: Any) -> Sample:
    own = study(data, **roles)
    return Sample(own, own.cells(covariates))


def same_points(one: Resolved, other: Resolved) -> None:
    """Assert that two populations have the same points, to the last bit."""
    for mine, theirs in zip(one.points, other.points, strict=True):
        pd.testing.assert_frame_equal(mine.frame, theirs.frame, check_exact=True)
        np.testing.assert_array_equal(mine.weight, theirs.weight)
        if mine.cluster is None or theirs.cluster is None:
            assert mine.cluster is theirs.cluster
        else:
            np.testing.assert_array_equal(mine.cluster, theirs.cluster)


# --- The value -----------------------------------------------------------------------------------


def test_a_target_is_a_value() -> None:
    data = table()
    target = Target(data, "age")
    assert target == Target(data.copy(), weights="age")
    assert hash(target) == hash(Target(data.copy(), weights="age"))
    others = [Target(data), Target(data, "bmi"), Target(data[:5], "age"), Empirical()]
    assert all(target != other for other in others)
    assert repr(Target(data[["age", "sex"]])) == "Target(<240 rows of 'age', 'sex'>)"
    assert repr(target).endswith("'sex', ...>, weights='age')")
    assert Target(data[:1]).words == "1 row of the target"
    assert Target(data, "bmi").words.startswith("240 rows of the target weighted by 'bmi', in sum")
    with pytest.raises(AttributeError):
        target.weights = "bmi"  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        target.weight[0] = 2


def test_a_target_is_a_copy() -> None:
    data = table()
    target, ages = Target(data), data["age"].tolist()
    data.loc[:, "age"] = 0
    assert target.frame["age"].tolist() == ages


WRONG = {
    "no frame": (lambda: Target(3), "frame", "is a int, not a data frame"),  # type: ignore[arg-type]
    "no rows": (lambda: Target(table()[:0]), "frame", "has no rows"),
    "no such column": (lambda: Target(table(), "number"), "weights", "is no column of the frame"),
    "a list": (lambda: Target(table(), [1]), "weights", "is no column of the frame"),  # type: ignore[arg-type]
    "text": (lambda: Target(table(), "sex"), "weights", "does not hold numbers"),
    "bools": (lambda: Target(table(), "smokes"), "weights", "does not hold numbers"),
    "negative": (lambda: Target(table(w=-1.5), "w"), "weights", "at least 0, but one is -1.5"),
    "infinite": (lambda: Target(table(w=math.inf), "w"), "weights", "finite numbers"),
    "huge": (lambda: Target(table(w=1e308), "w"), "weights", "the sum is not finite"),
    "all zero": (lambda: Target(table(w=0), "w"), "weights", "no row has a weight above 0"),
    "missing": (
        lambda: Target(table(w=[1.0, None] * 120), "w"),
        "weights",
        "has no value in 120 of 240 rows",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_target(name: str) -> None:
    make, argument, says = WRONG[name]
    with pytest.raises(InputError, match=says) as caught:
        make()
    assert caught.value.argument == argument


@pytest.mark.parametrize("kind", [Empirical, Analytical])
@pytest.mark.parametrize("name", ["standardise", "clusters", "cluster_weights"])
def test_what_belongs_to_the_question_is_said_to(kind: Any, name: str) -> None:
    with pytest.raises(InputError, match=rf"belongs to the question: fit\.effect\(.*{name}='own'"):
        kind(**{name: "own"})
    given = Value(**{name: "own"})
    with pytest.raises(InputError, match=rf"fit\.effect\(population, {name}=\.\.\.\)"):
        resolve(given, sample(table(), "age"))
    named: dict[str, Any] = {name: (1, 2)}
    assert Empirical(**named).ranges == ((name, (1.0, 2.0)),)  # a covariate of that name


# --- Its points ----------------------------------------------------------------------------------

ASKED: list[dict[str, Any]] = [
    {},
    {"clusters": "new"},
    {"clusters": "observed"},
    {"clusters": "observed", "cluster_weights": "equal"},
]


@pytest.mark.parametrize("how", ASKED)
def test_the_studys_own_frame_is_the_whole_sample(how: dict[str, Any]) -> None:
    data = table()
    names = ("age", "bmi", "sex", "grade", "stage", "smokes")
    chosen = sample(data, *names, cluster="site" if how else None)
    expected = resolve(Empirical(), chosen, **how)
    for frame in (data, pl.from_pandas(data.astype({"stage": int}))):
        same_points(resolve(Target(frame), chosen, **how), expected)


def test_counts_are_as_many_rows() -> None:
    data = table()
    gathered = data.groupby(["y", "arm", "site", "age"]).size().rename("n").reset_index()
    chosen = sample(data, "age")
    one = resolve(Target(gathered, weights="n"), chosen, clusters="observed")
    same_points(one, resolve(Target(data), chosen, clusters="observed"))
    assert f"{len(gathered)} rows of the target weighted by 'n', in sum 240" in one.estimand


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("fm"), st.integers(0, 9)), min_size=1, max_size=8).filter(
        lambda rows: any(n for _, n in rows)
    ),
    st.sampled_from([0.125, 3.0, 1e6]),
)
def test_weights_matter_by_their_ratios(rows: list[tuple[str, int]], scale: float) -> None:
    frame = pd.DataFrame(rows, columns=["sex", "n"])
    chosen = sample(table(), "sex")
    one = resolve(Target(frame, "n"), chosen, clusters="new").points[0]
    other = resolve(Target(frame.assign(n=scale * frame["n"]), "n"), chosen, clusters="new")
    repeated = frame.loc[frame.index.repeat(frame["n"])]
    third = resolve(Target(repeated), chosen, clusters="new").points[0]
    assert one.weight.sum() == pytest.approx(1, abs=1e-15)
    for points in (other.points[0], third):
        assert points.frame["sex"].tolist() == one.frame["sex"].tolist()
        np.testing.assert_allclose(points.weight, one.weight, rtol=1e-14)


def test_the_column_of_the_group_is_not_used() -> None:
    data = table()
    chosen = sample(data, "age", cluster=None)
    whole = resolve(Target(data), chosen)
    same_points(whole, resolve(Target(data.assign(arm="?")), chosen))
    same_points(whole, resolve(Target(data.drop(columns=["arm", "y"])), chosen))
    assert whole.points[0] is whole.points[1]


def test_clusters_by_size_or_equal() -> None:
    chosen = sample(table(), "sex")
    frame = pd.DataFrame({"site": ["a", "a", "c"], "sex": ["f", "m", "f"], "n": [1.0, 2.0, 9.0]})
    for how, expected in (("size", [1 / 12, 2 / 12, 9 / 12]), ("equal", [1 / 6, 2 / 6, 1 / 2])):
        found = resolve(Target(frame, "n"), chosen, clusters="observed", cluster_weights=how)
        points = found.points[1]
        np.testing.assert_allclose(points.weight, expected, rtol=1e-15)
        assert points.cluster is not None
        assert points.cluster.tolist() == [0, 0, 2]
        assert "in 2 of the 6 observed clusters" in found.estimand


def test_labels_of_another_type_are_found_as_those_of_a_value_are() -> None:
    data = table(room=np.resize([1, 2, 3, 4, 5], 240))
    own = Study(data, "y", "arm", "old", "new", "room")
    chosen = Sample(own, own.cells(["stage", "smokes"]))
    frame = pd.DataFrame({"stage": ["1", "3"], "smokes": [1, 0], "room": ["3", "1"]})
    points = resolve(Target(frame), chosen, clusters="observed").points[0]
    assert points.frame["stage"].tolist() == [3, 1]  # sorted by cluster
    assert points.frame["stage"].dtype == chosen.cells.frame["stage"].dtype
    assert points.frame["smokes"].tolist() == [False, True]
    assert points.cluster is not None
    assert points.cluster.tolist() == [0, 2]


def test_without_a_covariate_all_rows_are_one_point() -> None:
    found = resolve(Target(table()), sample(table(), cluster=None))
    assert found.points[0].weight.tolist() == [1.0]
    assert found.estimand.endswith("the target is taken to be like the sample.")


def test_the_average_is_the_one_worked_out_by_hand() -> None:
    """Known coefficients, three kinds of people in shares 3:1:6."""
    data = table()
    terms, cells = make_terms(study(data, None), "arm * age + sex")
    known = {"Intercept": -1.0, "arm": 0.5, "age": 0.02, "sex[T.m]": 0.3, "arm:age": 0.01}
    beta = np.array([[[known[term]] for term in terms.fixed]])  # (1, P, 1)
    frame = pd.DataFrame({"age": [30, 60, 45], "sex": ["m", "f", "f"], "n": [3, 1, 6]})
    found = resolve(Target(frame, "n"), Sample(study(data, None), cells))
    phi = marginalise(found, terms.matrices, beta)[0]  # (2, Q)
    control = (3 * expit(-1 + 0.6 + 0.3) + expit(-1 + 1.2) + 6 * expit(-1 + 0.9)) / 10
    treatment = (3 * expit(-0.5 + 0.9 + 0.3) + expit(-0.5 + 1.8) + 6 * expit(-0.5 + 1.35)) / 10
    np.testing.assert_allclose(phi[:, 0], [control, treatment], rtol=1e-14)


# --- What does not fit ---------------------------------------------------------------------------

MISFITS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no column": ({"sex": None}, "frame", "has no such column, which holds a covariate"),
    "unknown category": ({"sex": "x"}, "frame['sex']", "is no category of 'sex' .*'f', 'm'"),
    "two unknown": ({"sex": ["x", "y"]}, "frame['sex']", "; nor are 'y'; choose"),
    "level of nobody": ({"grade": "fatal"}, "frame['grade']", "choose from 'mild', 'grave'"),
    "number for category": ({"sex": 1.5}, "frame['sex']", r"\('f', 'm'\) but numbers in the frame"),
    "text for number": ({"age": "old"}, "frame['age']", "is a number in the study's data but"),
    "text of numbers": ({"age": "41"}, "frame", "is text that is all numbers"),
    "bool for number": ({"age": True}, "frame['age']", r"frame\['age'\].astype\(float\)"),
    "category for number": ({"age": pd.Categorical([40, 41])}, "frame['age']", "a category in the"),
    "infinite": ({"age": [40, math.inf]}, "frame['age']", "must be finite"),
    "dates": ({"age": pd.Timestamp("2026-01-01")}, "frame", "holds dates or times"),
    "unknown cluster": ({"site": "z"}, "frame['site']", "is no cluster of the study"),
    "no cluster": ({"site": None}, "frame", "has no such column, which holds clusters"),
    "nothing left": ({"age": [math.nan, math.nan]}, "frame", "no row has a value in each"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_the_model(name: str) -> None:
    change, argument, says = MISFITS[name]
    frame = pd.DataFrame({"age": [30, 40], "sex": ["f", "m"], "grade": "mild", "site": "a"})
    lacking = [column for column, value in change.items() if value is None]
    frame = frame.assign(**change).drop(columns=lacking)
    chosen = sample(table(), "age", "sex", "grade")
    with pytest.raises(InputError, match=says) as caught:
        resolve(Target(frame), chosen, clusters="observed")
    assert caught.value.argument == argument


def test_a_target_is_always_pooled() -> None:
    with pytest.raises(InputError, match="Target asks about the same covariate values in both"):
        resolve(Target(table()), sample(table(), "age"), standardise="own", clusters="new")


def test_rows_that_miss_a_covariate_are_left_out_and_counted() -> None:
    frame = pd.DataFrame(
        {"age": [30, None, 40, 50, None], "sex": ["f", "m", None, "f", "m"], "n": [1, 2, 3, 4, 0]}
    )
    chosen = sample(table(), "age", "sex", cluster=None)
    says = r"left out 2 of 4 rows \(50% of the weight\), which miss a value: 1 in age, 1 in sex"
    with pytest.warns(InputWarning, match=says):
        found = resolve(Target(frame, "n"), chosen)
    assert found.points[0].weight.tolist() == [0.2, 0.8]
    assert "the 2 rows of the target weighted by 'n', in sum 5 (both" in found.estimand
    with pytest.warns(InputWarning, match=r"left out 3 of 5 rows, which miss a value: 2 in age"):
        resolve(Target(frame), chosen)


def test_reaching_outside_the_data_is_remarked_on_once_for_each_covariate() -> None:
    frame = pd.DataFrame({"age": [10, 30, 50, 99], "bmi": [25.0, 25, 90, 25], "n": [1, 1, 1, 5]})
    with pytest.warns(InputWarning) as caught:
        resolve(Target(frame, "n"), sample(table(), "age", "bmi", cluster=None))
    data = table()
    span = f"{data['bmi'].min()} to {data['bmi'].max()}"
    assert [str(warning.message) for warning in caught] == [
        "age from 10 to 99 reaches outside the data, which run from 20 to 69, in 75% of the weight",
        f"bmi from 25 to 90 reaches outside the data, which run from {span}, in 12% of the weight",
    ]


WORDS: list[tuple[str | None, dict[str, Any], str]] = [
    (None, {}, "Average over the 240 rows of the target (both groups over the same rows). Target"),
    (
        "w",
        {"clusters": "new"},
        "Average over the 240 rows of the target weighted by 'w', in sum 120 (both groups over the "
        "same rows), new clusters like these (between-cluster variation integrated out). Target",
    ),
    (
        None,
        {"clusters": "observed"},
        "(both groups over the same rows), in the 6 observed clusters (each weighted by its part "
        "of the target). Target",
    ),
    (
        None,
        {"clusters": "observed", "cluster_weights": "equal"},
        ", in the 6 observed clusters (each with the same weight). Target",
    ),
]


@pytest.mark.parametrize(("weights", "how", "words"), WORDS)
def test_the_estimand_in_words(weights: str | None, how: dict[str, Any], words: str) -> None:
    data = table(w=0.5)
    chosen = sample(data, "age", cluster="site" if how else None)
    found = resolve(Target(data, weights), chosen, **how).estimand
    assert words in found
    assert found.endswith(
        "Target against sample: largest standardised mean difference 0.00 (age), effective sample "
        "size 240 of 240."
    )


@pytest.mark.filterwarnings("ignore::bmco_pymc.InputWarning")
def test_the_estimand_says_when_clusters_are_extrapolated() -> None:
    data = table(arm=np.where(table()["site"] < "d", "old", "new"))
    found = resolve(Target(data), sample(data, "age"), clusters="observed").estimand
    assert "each cluster holds one group only and is extrapolated" in found.lower()


# --- How far it is -------------------------------------------------------------------------------


def far_from(chosen: Sample, frame: pd.DataFrame, weight: Any = None) -> Any:
    matched = match(frame, np.ones(len(frame)) if weight is None else weight, chosen)
    return likeness(matched.frame, matched.weight, chosen)


def test_differences_are_in_sds_of_the_sample() -> None:
    data = table()
    frame = pd.DataFrame({"age": [50, 70, 80], "sex": ["f", "f", "m"]})
    weight = np.array([1.0, 2.0, 5.0])
    found = far_from(sample(data, "age", "sex"), frame, weight)
    rows = found.table.set_index(["covariate", "level"])
    mean, sd = data["age"].mean(), data["age"].std()
    assert rows.loc[("age", ""), "target"] == (50 + 140 + 400) / 8
    assert rows.loc[("age", ""), "smd"] == pytest.approx((73.75 - mean) / sd, rel=1e-12)
    spread = np.sqrt(weight @ (frame["age"] - 73.75) ** 2 / 8)
    assert rows.loc[("age", ""), "sd_ratio"] == pytest.approx(spread / sd, rel=1e-12)
    assert rows.loc[("age", ""), "outside"] == 7 / 8  # beyond 69
    p = (data["sex"] == "m").mean()
    assert rows.loc[("sex", "m"), "smd"] == pytest.approx((5 / 8 - p) / np.sqrt(p * (1 - p)))
    assert rows.loc[("sex", "f"), "smd"] == pytest.approx(-rows.loc[("sex", "m"), "smd"])
    assert found.outside == 7 / 8
    assert found.far


def test_the_effective_size_of_shares_has_a_closed_form() -> None:
    """Weights of three levels are the ratios of shares: n / sum of p_target² / p_sample."""
    data = table()
    frame = pd.DataFrame({"stage": [1, 2, 3], "n": [6, 3, 1]})
    found = far_from(sample(data, "stage"), frame, frame["n"].to_numpy(float))
    p = data["stage"].value_counts(normalize=True).sort_index().to_numpy()
    expected = 240 / (np.array([0.6, 0.3, 0.1]) ** 2 / p).sum()
    assert found.ess == pytest.approx(expected, rel=1e-5)
    assert found.reached


def test_the_weights_are_the_odds_of_a_logistic_regression() -> None:
    """Where target and sample overlap, both say the same, but for sampling error."""
    rng = np.random.default_rng(3)
    n = 4000
    data = table(n, age=rng.normal(50, 10, n))
    other = pd.DataFrame({"age": rng.normal(56, 10, n)})
    found = far_from(sample(data, "age", cluster=None), other)
    z = (np.concatenate([data["age"], other["age"]]) - 50) / 10
    member = np.repeat([0.0, 1.0], n)

    def loss(b: np.ndarray) -> float:
        eta = b[0] + b[1] * z
        return float((np.logaddexp(0, eta) - member * eta).mean())

    odds = np.exp(minimize(loss, np.zeros(2)).x[1] * z[:n])
    assert found.ess == pytest.approx(odds.sum() ** 2 / (odds**2).sum(), rel=0.02)
    # Of two normals a shift of d SDs leaves n exp(-d²).
    assert found.ess / n == pytest.approx(math.exp(-(0.6**2)), rel=0.08)


def test_the_weighted_sample_has_the_means_of_the_target() -> None:
    data = table()
    chosen = sample(data, "age", "bmi", "sex")
    frame = data[data["age"] > 45]
    found = far_from(chosen, frame)
    weight = found.weight * chosen.cells.weight
    assert weight.sum() == pytest.approx(1, abs=1e-12)
    for name in ("age", "bmi"):
        assert weight @ chosen.cells.frame[name] == pytest.approx(frame[name].mean(), rel=1e-4)
    share = weight @ (chosen.cells.frame["sex"] == "m")
    assert share == pytest.approx((frame["sex"] == "m").mean(), rel=1e-4)


@pytest.mark.parametrize("shift", [60.0, 1e3, 1e6])
def test_a_target_that_nobody_is_like_leaves_hardly_anybody(shift: float) -> None:
    data = table()
    found = far_from(sample(data, "age", "sex"), data.assign(age=data["age"] + shift))
    assert not found.reached
    assert 1 - 1e-6 < found.ess < 20  # those of the largest age
    assert found.outside > 0.9
    assert found.words.endswith("the answer rests on the model.")


def test_the_sample_itself_is_no_distance_away() -> None:
    data = table()
    found = far_from(sample(data, "age", "bmi", "grade"), data)
    np.testing.assert_allclose(found.table["smd"], 0, atol=1e-14)
    assert found.ess == pytest.approx(240, abs=1e-9)
    assert found.outside == 0
    assert not found.far
