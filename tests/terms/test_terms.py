"""Formulas become the design that one would build by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import BSpline

import bmco_pymc as bmco
from bmco_pymc.terms.terms import make_terms


def frame(n=240, seed=5):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "arm": rng.choice(["new", "old"], n),
            "site": rng.integers(0, 6, n),
            "age": rng.normal(50, 10, n),
            "base line": rng.normal(0, 1, n),
            "stage": pd.Categorical(rng.choice(["I", "II", "III"], n), ["I", "II", "III", "IV"]),
            "smoker": rng.random(n) < 0.4,
            "Intercept": rng.normal(3, 1, n),
            "group": rng.normal(0, 2, n),
            'a "quoted" one': rng.normal(0, 2, n),
            "y1": rng.integers(0, 2, n),
            "y2": rng.integers(0, 2, n),
        }
    )


DATA = frame()


def study(data=DATA, **roles):
    return bmco.Study(data, ["y1", "y2"], "arm", "old", "new", **roles)


def matrices(terms, cells):
    return terms.matrices(cells.frame, cells.arm)


def test_group_is_a_number_whatever_its_labels():
    terms, cells = make_terms(study(), "arm * age")
    X, Z = matrices(terms, cells)
    assert terms.fixed == ("Intercept", "arm", "age", "arm:age")
    assert terms.covariates == ("age",)
    age = cells.frame["age"].to_numpy()
    expected = np.column_stack([np.ones(len(cells)), cells.arm, age, cells.arm * age])
    assert np.array_equal(X, expected)
    assert Z.shape == (len(cells), 0)
    other = terms.matrices(pd.DataFrame({"age": [10.0, 20.0]}), 1)[0]
    assert other.tolist() == [[1, 1, 10, 10], [1, 1, 20, 20]]


def test_category_and_spline_equal_the_design_by_hand():
    terms, cells = make_terms(study(), "arm * stage + bs(age, df=5, degree=3)")
    X, _ = matrices(terms, cells)
    stage, age = cells.frame["stage"], cells.frame["age"].to_numpy()
    two, three = (np.asarray(stage == level, float) for level in ("II", "III"))
    everyone = DATA["age"].to_numpy()
    inner = np.quantile(everyone, [1 / 3, 2 / 3])
    knots = np.r_[[everyone.min()] * 4, inner, [everyone.max()] * 4]
    basis = BSpline.design_matrix(age, knots, 3).toarray()[:, 1:]
    by_hand = {
        "Intercept": np.ones(len(cells)),
        "arm": cells.arm,
        "stage[T.II]": two,
        "stage[T.III]": three,
        **{f"bs(age, df=5, degree=3)[{k + 1}]": basis[:, k] for k in range(5)},
        "arm:stage[T.II]": cells.arm * two,
        "arm:stage[T.III]": cells.arm * three,
    }
    assert set(terms.fixed) == set(by_hand)
    for k, term in enumerate(terms.fixed):
        assert X[:, k] == pytest.approx(by_hand[term], abs=1e-12), term


def test_splines_learn_from_subjects_not_from_cells():
    """With frequencies the knots are those of the rows written out."""
    rng = np.random.default_rng(2)
    table = pd.DataFrame(
        {
            "arm": ["old", "new"] * 10,
            "age": np.arange(20.0),
            "y1": [0, 1, 1, 0] * 5,
            "y2": [1, 1, 0, 0] * 5,
            "n": rng.integers(1, 40, 20),
        }
    )
    long = table.loc[table.index.repeat(table["n"])].drop(columns="n")
    for formula in ("arm + bs(age, df=6)", "arm + scale(age)"):
        short_design, short_cells = make_terms(study(table, counts="n"), formula)
        long_design, long_cells = make_terms(study(long), formula)
        assert short_cells.frame.equals(long_cells.frame)
        one, two = matrices(short_design, short_cells)[0], matrices(long_design, long_cells)[0]
        assert one == pytest.approx(two, abs=1e-12)
    age = long["age"].to_numpy()
    scaled = one[:, short_design.fixed.index("scale(age)")]
    expected = (short_cells.frame["age"] - age.mean()) / age.std(ddof=1)
    assert scaled == pytest.approx(expected.to_numpy(), abs=1e-12)


@pytest.mark.parametrize(
    ("fixed", "random", "fixed_terms", "random_terms"),
    [
        ("arm * age", "1", ("arm", "age", "arm:age"), ("Intercept",)),
        ("arm * age", "1 + arm", ("age", "arm:age"), ("Intercept", "arm")),
        ("arm * age", "arm", ("age", "arm:age"), ("Intercept", "arm")),
        ("arm * age", "0 + arm", ("Intercept", "age", "arm:age"), ("arm",)),
        ("arm * age", "0 + age:arm", ("Intercept", "arm", "age"), ("arm:age",)),
        ("arm", "1 + age", ("arm",), ("Intercept", "age")),
        ("1", "1 + arm", (), ("Intercept", "arm")),
        ("arm + stage", "1", ("arm", "stage[T.II]", "stage[T.III]"), ("Intercept",)),
        ("0 + arm + stage", "1", ("arm", "stage[T.II]", "stage[T.III]"), ("Intercept",)),
    ],
)
def test_split_of_fixed_and_random(fixed, random, fixed_terms, random_terms):
    terms, cells = make_terms(study(cluster="site"), fixed, random)
    assert terms.fixed == fixed_terms
    assert terms.random == random_terms
    X, Z = matrices(terms, cells)
    assert X.shape == (len(cells), len(fixed_terms))
    columns = dict(zip((*fixed_terms, *random_terms), np.hstack([X, Z]).T, strict=True))
    values = {"Intercept": np.ones(len(cells)), "arm": cells.arm.astype(float)}
    if "age" in cells.frame:
        values |= {"age": cells.frame["age"].to_numpy()}
        values |= {"arm:age": values["arm"] * values["age"]}
    for term, column in columns.items():
        if term in values:
            assert np.array_equal(column, values[term]), term


def test_awkward_names():
    formula = 'arm * `base line` + Intercept + group + smoker + `a "quoted" one`'
    terms, cells = make_terms(study(), formula)
    X, _ = matrices(terms, cells)
    assert len(set(terms.fixed)) == len(terms.fixed) == 8
    assert X[:, terms.fixed.index("Intercept")].tolist() == [1.0] * len(cells)
    for name in ("group", "base line", 'a "quoted" one'):
        assert np.array_equal(X[:, terms.fixed.index(name)], cells.frame[name])
    assert np.array_equal(X[:, terms.fixed.index("`Intercept`")], cells.frame["Intercept"])
    smoker = next(t for t in terms.fixed if t.startswith("smoker"))
    assert np.array_equal(X[:, terms.fixed.index(smoker)], cells.frame["smoker"])


@pytest.mark.parametrize(
    ("fixed", "words"),
    [
        ("arm * weight", "fixed=.*there is no column 'weight'; choose from 'arm'"),
        ("arm + y2", "'y2' is an outcome"),
        ("arm +* age", "is not a formula"),
        ("y1 ~ arm", "right-hand side only"),
        (3, "must be a formula in text"),
        ("0", "no term"),
    ],
)
def test_unusable_formulas(fixed, words):
    with pytest.raises(bmco.InputError, match=words):
        make_terms(study(), fixed)


def test_random_formula_is_named_in_its_error():
    with pytest.raises(bmco.InputError, match="random='1 . nope'.*no column 'nope'"):
        make_terms(study(cluster="site"), "arm", "1 + nope")


@pytest.mark.parametrize(
    ("column", "words"),
    [(np.inf, "infinite"), (3.0, "constant: every value is 3.0")],
)
def test_unusable_covariates(column, words):
    data = DATA.assign(
        age=DATA["age"].where(DATA.index > 5, column) if column == np.inf else column
    )
    with pytest.raises(bmco.InputError, match=f"covariate='age'.*{words}"):
        make_terms(study(data), "arm * age")


def test_undefined_term():
    with pytest.raises(bmco.InputError, match=r"np\.log"), np.errstate(all="ignore"):
        make_terms(study(DATA.assign(age=DATA["age"] - 50)), "arm + np.log(age)")


def test_spline_outside_its_knots():
    terms, _ = make_terms(study(), "arm + bs(age, df=4)")
    with pytest.raises(bmco.InputError, match="population.*bs"):
        terms.matrices(pd.DataFrame({"age": [500.0]}), 0)


def test_missing_covariate_rows_are_dropped_and_counted():
    data = DATA.assign(age=DATA["age"].where(DATA.index % 24 != 0))
    with pytest.warns(bmco.InputWarning, match="10.*age|age.*10"):
        _, cells = make_terms(study(data), "arm * age")
    assert cells.weight.sum() == 230


def test_group_and_covariate_that_cannot_be_told_apart():
    arm = (DATA["arm"] == "new").astype(float)
    data = DATA.assign(age=arm + np.random.default_rng(0).normal(0, 0.1, len(DATA)))
    with pytest.warns(bmco.InputWarning, match="'age' are nearly the same .correlation 0.9"):
        make_terms(study(data), "arm + age")


def test_group_in_no_term():
    with pytest.warns(bmco.InputWarning, match="group 'arm' is in no term"):
        make_terms(study(), "age")


def test_bglmm_without_clusters():
    with pytest.raises(bmco.InputError, match="no clusters.*BGLM"):
        bmco.BGLMM(study(), "arm")
    with pytest.raises(bmco.InputError, match="study='x'"):
        bmco.BGLM("x")  # type: ignore[arg-type]
