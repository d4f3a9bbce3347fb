"""Terms that cannot be told apart are named, all of them and no other."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import bmco_pymc as bmco
from bmco_pymc.terms.identifiability import dependences, within_clusters
from bmco_pymc.terms.terms import make_terms

N = 240


def table() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    data = pd.DataFrame(
        {
            "arm": np.arange(N) % 2,
            "site": np.arange(N) // 2 % 6,
            "celsius": rng.normal(37, 0.6, N),
            "age": rng.normal(50, 10, N),
            "year": rng.integers(2010, 2026, N),
            "sex": rng.choice(["f", "m"], N),
            "y": rng.integers(0, 2, N),
        }
    )
    data["fahrenheit"] = 32 + 1.8 * data["celsius"]
    data["total"] = data["age"] + 2 * data["celsius"]
    data["single"] = (2.54 * data["age"].astype("float32")).astype("float32")
    data["female"] = (data["sex"] == "f").astype(int)
    data["ward"] = [f"w{site}" for site in data["site"]]
    data["region"] = data["site"] // 3
    return data


def study(**roles: Any) -> bmco.Study:
    return bmco.Study(table(), "y", "arm", 0, 1, **roles)


@pytest.mark.parametrize(
    ("fixed", "random", "together"),
    [
        ("arm * age + celsius + fahrenheit", None, "'celsius', 'fahrenheit'"),
        ("arm + total + age + celsius + year", None, "'total', 'age', 'celsius'"),
        ("arm + sex + age + female", None, "'sex', 'female'"),
        ("arm + C(site) + age + ward", None, "'C(site)', 'ward'"),
        ("arm + bs(age, df=4) + age", None, "'bs(age, df=4)', 'age'"),
        ("arm + age + celsius", "1 + fahrenheit", "'celsius', 'fahrenheit'"),
        ("arm + sex", "1 + female", "'sex', 'female'"),
        ("0 + arm + C(site) + C(region)", None, "'C(site)', 'C(region)'"),
    ],
)
def test_a_linear_function_of_others_is_named_with_them(fixed, random, together) -> None:
    roles = {} if random is None else {"cluster": "site"}
    with pytest.raises(bmco.InputError, match="cannot be told apart") as caught:
        make_terms(study(**roles), fixed, random)
    named = str(caught.value).split("the terms ")[1].split(" cannot")[0]
    assert sorted(named.split(", ")) == sorted(together.split(", "))
    assert caught.value.value == fixed


@pytest.mark.parametrize(
    "fixed",
    [
        "arm * year + I(year**2)",
        "arm + age + I(age**2) + I(age**3)",
        "arm * (age + celsius) * sex",
        "arm + bs(age, df=5) + year",
        "arm + C(site) + age",
        "0 + arm + C(site)",
        "arm + celsius + I(celsius * 1e-9 + age * 1e9)",
    ],
)
def test_what_can_be_told_apart_passes(fixed) -> None:
    make_terms(study(), fixed)


def test_single_precision_can_hardly_be_told_apart() -> None:
    with pytest.warns(bmco.InputWarning, match="'age', 'single' can hardly be told apart"):
        make_terms(study(), "arm + age + single")


def test_a_category_without_subjects_in_one_group() -> None:
    data = table()
    data.loc[data["arm"] == 1, "site"] %= 5
    with pytest.raises(bmco.InputError, match=r"coefficient of 'arm:C\(site\)' rests on no subj"):
        make_terms(bmco.Study(data, "y", "arm", 0, 1), "arm * C(site)")


@pytest.mark.parametrize("fixed", ["arm + C(site)", "arm * age + ward", "arm + ward:age + C(site)"])
def test_fixed_coefficients_of_the_clusters_beside_random_ones(fixed) -> None:
    name = "C(site)" if "C(site)" in fixed else "ward"
    with pytest.raises(bmco.InputError, match="gives each cluster a coefficient of its") as caught:
        make_terms(study(cluster="site"), fixed, "1")
    assert f"{name!r} gives" in str(caught.value)
    assert "random term 'Intercept'" in str(caught.value)


def test_what_varies_between_clusters_without_saturating_them_passes() -> None:
    for fixed, random in (("arm + region + age", "1 + arm"), ("arm * age + C(region)", "1 + age")):
        make_terms(study(cluster="site"), fixed, random)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-6, 6), st.floats(-6, 6))
def test_units_and_places_do_not_matter(seed, scale, place) -> None:
    """Of random columns none depends on others; a combination is found with exactly its parts."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(50), rng.normal(size=(50, 5))])
    X[:, 1:] = X[:, 1:] * 10 ** rng.uniform(-abs(scale), abs(scale), 5) + 10**place * 1e-3
    labels = [f"x{k}" for k in range(7)]
    assert dependences(X, labels) == []
    parts = [1 + place for place in rng.permutation(5)[: rng.integers(1, 4)]]
    size = X[:, parts].std(axis=0)
    assume(10**place * 1e-3 < 1e6 * size.min())  # farther off, the sum is rounded by more
    combined = (X[:, parts] / size) @ rng.choice([-2.0, 1.0, 3.0], len(parts)) + 5
    found = dependences(np.column_stack([X, combined]), labels)
    assert found == [(*(f"x{k}" for k in sorted(parts)), "x6")]


def test_deviations_without_a_cluster_of_their_own() -> None:
    """Slopes that are zero in a cluster say nothing of it, so the others may be spanned."""
    cluster = np.repeat([0, 1, 2], 4)
    slope = np.tile([0.0, 1.0], 6) * (cluster > 0)
    own = np.column_stack([slope * (cluster == 1), slope * (cluster == 2)])
    X = np.column_stack([np.ones(12), own])
    assert within_clusters(X, ["1", "a", "b"], slope, cluster) == ("a", "b")
    assert within_clusters(X[:, :2], ["1", "a"], slope, cluster) == ()


def test_models_say_so_too() -> None:
    with pytest.raises(bmco.InputError, match="'celsius', 'fahrenheit' cannot"):
        bmco.BGLM(study(), "arm + celsius + fahrenheit")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clustered = study(cluster="site")
    with pytest.raises(bmco.InputError, match="of its own"):
        bmco.BGLMM(clustered, "arm + C(site)")


def test_one_cluster_in_each_group_is_a_warning() -> None:
    data = table().assign(site=table()["arm"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clustered = bmco.Study(data, "y", "arm", 0, 1, cluster="site")
    with pytest.warns(bmco.InputWarning, match="One cluster in each group: .* cannot tell 'arm'"):
        make_terms(clustered, "arm * age", "1")
