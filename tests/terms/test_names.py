"""Any name of a column works in formulas and conditions."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import bmco_pymc as bmco
from bmco_pymc.population.points import Empirical, Sample
from bmco_pymc.terms.names import alias
from bmco_pymc.terms.terms import make_terms

N = 120
ODD = [
    "BMI (kg/m2)",
    "BMI (kg/m²)",
    "class",
    "1",
    "0",
    "a.b",
    "log",
    "C",
    "np",
    "inf",
    "it's",
    'say "x"',
    "x,y",
    "a|b",
    "a~b",
    "µg",
    "naïve",
    "index",
    "None",
    "list",
    "x + y",
    "#",
    "_column_3_",
    "Intercept",
]


def study(name: str, **roles: Any) -> tuple[bmco.Study, np.ndarray]:
    rng = np.random.default_rng(3)
    x = rng.uniform(1, 9, N).round(2)
    data = pd.DataFrame({"arm": np.arange(N) % 2, name: x, "y": rng.integers(0, 2, N)})
    data["site"] = rng.integers(0, 6, N)
    return bmco.Study(data, "y", "arm", 0, 1, **roles), x


def column(terms: Any, cells: Any, place: int) -> np.ndarray:
    return terms.matrices(cells.frame, cells.arm)[0][cells.cell, place]


@pytest.mark.parametrize("name", ODD)
def test_any_name_in_a_formula(name: str) -> None:
    one, x = study(name)
    terms, cells = make_terms(one, f"arm * `{name}`")
    assert len(terms.fixed) == 4
    assert name in terms.fixed[2]
    assert terms.covariates == (name,)
    assert np.array_equal(column(terms, cells, 2), x)
    assert np.array_equal(column(terms, cells, 3), x * cells.arm[cells.cell])
    terms, cells = make_terms(one, f"arm + log(`{name}`)")
    assert f"`{name}`" in terms.fixed[2] or name.isidentifier()
    assert np.array_equal(column(terms, cells, 2), np.log(x))
    spline, _ = make_terms(one, f"arm + bs(`{name}`, df=4)")
    assert len(spline.fixed) == 6


@pytest.mark.parametrize("name", ODD)
def test_any_name_in_a_condition_and_for_subgroups(name: str) -> None:
    one, x = study(name)
    sample = Sample(one, one.cells([name]))
    assert sample.subjects(Empirical(query=f"`{name}` >= 5 and site == 2")).sum() == np.sum(
        (x >= 5) & (one.data["site"] == 2)
    )


@pytest.mark.parametrize(("column_name", "written"), [("µg", "μg"), ("μg", "µg"), ("K", "K")])
def test_letters_that_look_alike(column_name: str, written: str) -> None:
    one, x = study(column_name)
    for formula in (f"arm + {written}", f"arm + log({written})", f"arm + `{written}`"):
        terms, cells = make_terms(one, formula)
        expected = np.log(x) if "log" in formula else x
        assert np.array_equal(column(terms, cells, 2), expected)
        assert column_name in terms.fixed[2]
    sample = Sample(one, one.cells([column_name]))
    assert sample.subjects(Empirical(query=f"{written} > 5")).sum() == np.sum(x > 5)


def test_letters_that_look_alike_are_told_apart_where_both_are_there() -> None:
    one, x = study("µg")
    both = bmco.Study(one.data.assign(μg=x**2), "y", "arm", 0, 1)
    terms, cells = make_terms(both, "arm + `µg` + `μg`")
    assert np.array_equal(column(terms, cells, 2), x)
    assert np.array_equal(column(terms, cells, 3), x**2)


def test_texts_are_left_alone() -> None:
    names = alias(["class", "a b"], "C(`a b`, levels=['`class`', \"class\"]) + `class`")
    assert names.text == "C(_column_1_, levels=['`class`', \"class\"]) + _column_0_"
    assert names.named("C(_column_1_)[T.x]:_column_0_") == "C(`a b`)[T.x]:class"


@pytest.mark.parametrize(
    ("fixed", "random", "words"),
    [
        ("arm", "1/site", "'1:site' is a number times a column.*Clusters are named once"),
        ("arm", "1 + arm:site", "'site' names the clusters"),
        ("arm", "0", "nothing varies between clusters"),
        ("arm + (1 | site)", "1", r"random='1 \+ x'.*Study\(cluster='site'\)"),
        ("arm", "(1 + arm | site)", r"argument of their own"),
        ("arm * `2`", "1", "there is no column '2'"),
        ("arm + 2:x", "1", r"write I\(2 \* x\)"),
        ("arm + bs(`while`)", "1", "there is no column 'while'"),
        ("y1 ~ arm", "1", "right-hand side only"),
    ],
)
def test_what_other_packages_write(fixed: str, random: str, words: str) -> None:
    one, _ = study("x", cluster="site")
    with pytest.raises(bmco.InputError, match=words) as caught:
        bmco.BGLMM(one, fixed, random)
    assert caught.value.value in (fixed, random)


@pytest.mark.parametrize("query", ["index < 50", "x > 2 and index != 3", "ilevel_0 > 2"])
def test_the_index_in_a_condition_is_refused(query: str) -> None:
    one, _ = study("x")
    sample = Sample(one, one.cells(["x"]))
    with pytest.raises(bmco.InputError, match="A study has no index.*reset_index"):
        sample.subjects(Empirical(query=query))
    named = bmco.Study(one.data.reset_index(), "y", "arm", 0, 1)
    sample = Sample(named, named.cells(["x"]))
    assert sample.subjects(Empirical(query="index < 50")).sum() == 50
    texts = bmco.Study(one.data.assign(t="index"), "y", "arm", 0, 1)
    assert Sample(texts, texts.cells(["x"])).subjects(Empirical(query="t == 'index'")).sum() == N
