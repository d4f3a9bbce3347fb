"""Rows that stand for many: the same numbers as the subjects written out, and no more memory."""

import re

import numpy as np
import pandas as pd
import pytest
from formulaic import Formula
from hypothesis import given
from hypothesis import strategies as st

import bmco_pymc as bmco
from bmco_pymc.data.frequencies import at_rank, quantile
from bmco_pymc.plots.check import calibration
from bmco_pymc.plots.curve import RUG, _rug
from bmco_pymc.terms.terms import make_terms

BILLION = 10**9
FORMULAS = [
    "scale(x)",
    "scale(x, ddof=0)",
    "scale(x, center=False)",
    "scale(x, scale=False)",
    "scale(x, 40, 5)",
    "center(x)",
    "standardize(x)",
    "poly(x, 3)",
    "poly(x, degree=2, raw=True)",
    "bs(x)",
    "bs(x, df=6)",
    "bs(x, df=5, include_intercept=True)",
    "bs(x, knots=[45, 55])",
    "bs(x, df=7, lower_bound=40, upper_bound=60, extrapolation='clip')",
    "bs(x, df=5, degree=2, extrapolation='zero', lower_bound=40)",
    "cr(x, df=5, constraints='center')",
    "cr(x, df=5, constraints='center')",
    "cs(x, knots=[45, 55], constraints='center')",
    "cc(x, df=4, constraints='center')",
    "scale(log(z))",
    "scale(poly(x, 2))",
    "scale(bs(x, df=4))",
    "poly(center(x), 2):arm",
    "C(x > 50) + scale(z)",
]


def table(scale: int = 1) -> pd.DataFrame:
    rng, n = np.random.default_rng(3), 60
    return pd.DataFrame(
        {
            "arm": ["a", "b"] * (n // 2),
            "x": rng.normal(50, 10, n).round(1),
            "z": rng.gamma(2, 1, n),
            "y": rng.integers(0, 2, n),
            "n": rng.integers(1, 40, n) * scale,
        }
    )


def study(data: pd.DataFrame) -> bmco.Study:
    return bmco.Study(data, "y", "arm", "a", "b", counts="n")


@pytest.mark.parametrize("formula", FORMULAS)
def test_terms_learn_what_formulaic_learns_from_the_subjects_written_out(formula):
    short = table()
    terms, cells = make_terms(study(short), f"arm + {formula}")
    long = short.loc[short.index.repeat(short["n"])].assign(arm=lambda d: (d["arm"] == "b") * 1.0)
    spec = Formula(f"arm + {formula}").get_model_matrix(long, output="numpy").model_spec
    frame = cells.frame.assign(arm=cells.arm.astype(float))
    expected = np.asarray(spec.get_model_matrix(frame), float)
    np.testing.assert_allclose(terms.matrices(cells.frame, cells.arm)[0], expected, atol=1e-12)


@pytest.mark.parametrize("formula", FORMULAS)
def test_terms_learn_from_billions(formula):
    terms, cells = make_terms(study(table(BILLION)), f"arm + {formula}")
    small, same = make_terms(study(table()), f"arm + {formula}")
    X = [d.matrices(c.frame, c.arm)[0] for d, c in ((terms, cells), (small, same))]
    # n - 1 is nearly n, so SDs and quantiles hardly differ; poly's columns have length one
    one, two = (x / np.linalg.norm(x, axis=0) for x in X)
    np.testing.assert_allclose(one, two, atol=0.005)


@given(
    st.lists(st.tuples(st.floats(-9, 9), st.integers(1, 9)), min_size=1, max_size=12),
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
)
def test_quantiles_and_ranks_are_those_of_the_subjects(rows, shares):
    x, weight = (np.array(column) for column in zip(*rows, strict=True))
    long = np.sort(np.repeat(x, weight))
    assert at_rank(x, weight, np.arange(len(long))).tolist() == long.tolist()
    np.testing.assert_allclose(quantile(x, weight, shares), np.quantile(long, shares), atol=1e-12)


def test_the_rug_of_a_curve_is_that_of_the_subjects():
    x, weight = np.arange(10.0), np.arange(1, 11) * 40
    long = np.repeat(x, weight)
    inside = long[(long >= 2) & (long <= 8)]
    places = np.linspace(0, len(inside) - 1, RUG).round().astype(int)
    assert _rug(x, weight, np.array([2.0, 8.0])).tolist() == inside[places].tolist()
    assert _rug(x[:3], np.array([1, 2, 3]), np.array([1.0, 8.0])).tolist() == [1, 1, 2, 2, 2]


def test_calibration_is_that_of_the_subjects_one_by_one():
    rng = np.random.default_rng(5)
    size = rng.integers(1, 30, 12)
    p = rng.uniform(size=12)
    observed = rng.binomial(size, p) / size
    replicated = rng.binomial(size, p, size=(50, 12)) / size
    found = calibration(observed, replicated, size, 0.9)
    one, by_one = (np.repeat(values, size, axis=-1) for values in (observed, replicated))
    expected = calibration(one, by_one, np.ones(size.sum(), dtype=int), 0.9)
    order = np.argsort(replicated.mean(axis=0), kind="stable")
    for values, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.repeat(values, size[order], axis=-1), wanted, atol=1e-12)


@pytest.fixture(scope="module")
def huge():
    """An exact fit of billions of subjects."""
    counted = study(table(BILLION).assign(z=1))
    return bmco.BMVB(counted).fit(seed=1)


def test_billions_are_drawn_checked_and_pictured(huge):
    n = huge.model.cells.counts
    expected = n[:, 0] / n.sum(axis=1)
    theta = huge.effect().theta.mean(("chain", "draw")).values[:, 0]
    assert theta == pytest.approx(expected, abs=1e-6)
    table = huge.check(draws=50).table
    assert table["p_value"].dropna().between(0.02, 0.98).all()
    for kind in ("rates", "patterns", "calibration"):
        huge.plot_check(kind, draws=50).canvas.draw()
    assert huge.predictive(draws=20)["posterior_predictive"]["counts"].sum() == 20 * n.sum()


def test_what_needs_each_subject_says_so_before_anything_is_computed(huge):
    for ask, choices in {
        huge.loo: "",
        huge.log_likelihood: "",
        lambda: huge.predictive(by="subject", draws=40): "; choose from 'cell'",
    }.items():
        with pytest.raises(bmco.InputError) as refused:
            ask()
        said = r"by='subject': 1,\d{3},000,000,000 subjects one by one do not fit into memory "
        assert re.fullmatch(said + rf"\(\d+(,\d+)* numbers each\){choices}", str(refused.value))
