"""A column means the same to a formula in every dtype and library, or is an error that says why."""

import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest

import bmco_pymc as bmco
from bmco_pymc.population.points import Sample, resolve
from bmco_pymc.terms.terms import make_terms

N = 200


def table(**columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    basic = {
        "arm": np.arange(N) % 2,
        "age": rng.integers(20, 100, N),
        "dose": rng.integers(1, 120, N),
        "stage": rng.choice(["mild", "grave", "never"], N),
        "y": rng.integers(0, 2, N),
    }
    return pd.DataFrame(basic | columns)


def study(data: Any, **roles: Any) -> bmco.Study:
    return bmco.Study(data, "y", "arm", control=0, treatment=1, **roles)


def designs(data: Any, formula: str, value: bmco.Value) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return X of the sample, X of a population's points in the treatment, and the terms."""
    one = study(data)
    terms, cells = make_terms(one, formula)
    points = resolve(value, Sample(one, cells)).points[1]
    X = terms.matrices(cells.frame, cells.arm)[0]
    return X[cells.cell], terms.matrices(points.frame, 1)[0], list(terms.fixed)


DTYPES: dict[str, Any] = {
    "int8": lambda data: data.astype({"age": "int8", "dose": "int8"}),
    "uint8": lambda data: data.astype({"age": "uint8", "dose": "uint8"}),
    "Int8": lambda data: data.astype({"age": "Int8", "dose": "Int8"}),
    "uint64": lambda data: data.astype({"age": "uint64", "dose": "uint64"}),
    "float16": lambda data: data.astype({"age": "float16", "dose": "float16"}),
    "float32": lambda data: data.astype({"age": "float32", "dose": "float32"}),
    "Float32": lambda data: data.astype({"age": "Float32", "dose": "Float32"}),
    "arrow": lambda data: data.astype({"age": "int8[pyarrow]", "dose": "uint8[pyarrow]"}),
    "sparse": lambda data: data.astype({"age": "Sparse[int8]", "dose": "Sparse[int8]"}),
    "object": lambda data: data.astype({"age": object, "dose": object}),
    "decimal": lambda data: data.assign(age=data["age"].map(Decimal)),
    "arrow decimal": lambda data: data.astype({"age": pd.ArrowDtype(pa.decimal128(24, 2))}),
    "fraction": lambda data: data.assign(age=data["age"].map(Fraction)),
    "polars": lambda data: pl.DataFrame(data.to_dict("list")).with_columns(
        pl.col("age").cast(pl.Int8), pl.col("dose").cast(pl.UInt8)
    ),
    "polars decimal": lambda data: pl.DataFrame(data.to_dict("list")).with_columns(
        pl.col("age").cast(pl.Decimal(10, 2))
    ),
}


@pytest.mark.parametrize("convert", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize(
    "formula", ["age * dose", "I(age**2)", "I(age - 50)", "I(-dose) + log(age)"]
)
@pytest.mark.filterwarnings("ignore:.*reaches outside the data:bmco_pymc.InputWarning")
def test_numbers_of_every_dtype_make_the_design_of_floats(convert: Any, formula: str) -> None:
    data = table()
    value = bmco.Value(age=300.5)  # beyond what 8 bits hold
    expected = designs(data.astype({"age": float, "dose": float}), f"arm * ({formula})", value)
    found = designs(convert(data), f"arm * ({formula})", value)
    assert found[2] == expected[2]
    assert np.array_equal(found[0], expected[0])
    assert np.array_equal(found[1], expected[1])
    if formula == "age * dose":  # the right value, by arithmetic of another library
        product = [int(a) * int(d) for a, d in zip(data["age"], data["dose"], strict=True)]
        assert max(product) > 2**8
        assert found[0][:, found[2].index("age:dose")].tolist() == product


@pytest.mark.parametrize("dtype", ["int8", "uint8", "Int8", "int8[pyarrow]", object])
def test_arithmetic_in_a_condition_does_not_wrap_around(dtype: Any) -> None:
    data = table()
    converted = study(data.astype({"age": dtype}))
    sample = Sample(converted, converted.cells(["dose"]))
    for query, expected in (
        ("age + age > 150", data["age"] > 75),
        ("age - 60 < 0", data["age"] < 60),
        ("age * 10 >= 500", data["age"] >= 50),
    ):
        assert sample.subjects(bmco.Empirical(query=query)).sum() == expected.sum()


def test_bounds_of_a_range_are_included_in_single_precision() -> None:
    data = table(x=np.tile([0.1, 0.3, 0.5, 0.7], N // 4))
    for dtype in ("float64", "float32", "Float32", "float[pyarrow]"):
        converted = study(data.astype({"x": dtype}))
        sample = Sample(converted, converted.cells(["x"]))
        assert sample.subjects(bmco.Empirical(0.1, 0.7)).sum() == N
        assert sample.subjects(bmco.Empirical(0.3, 0.5)).sum() == N / 2


TEXTS: dict[str, Any] = {
    "object": lambda column: column.astype(object),
    "string": lambda column: column.astype("string"),
    "string[pyarrow]": lambda column: column.astype("string[pyarrow]"),
    "arrow": lambda column: column.astype(pd.ArrowDtype(pa.string())),
    "large": lambda column: column.astype(pd.ArrowDtype(pa.large_string())),
    "dictionary": lambda column: column.astype(
        pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    ),
    "category": lambda column: column.astype("category"),
    "category of strings": lambda column: column.astype("string[pyarrow]").astype("category"),
    "convert_dtypes": lambda column: column.convert_dtypes(),
}


@pytest.mark.parametrize("convert", TEXTS.values(), ids=TEXTS)
def test_text_of_every_dtype_is_the_same_category(convert: Any) -> None:
    data = table()
    expected = designs(data, "arm * stage", bmco.Value(stage="never"))
    found = designs(data.assign(stage=convert(data["stage"])), "arm * stage", bmco.Value("never"))
    assert expected[2][1:4] == ["arm", "stage[T.mild]", "stage[T.never]"]
    assert found[2] == expected[2]
    assert np.array_equal(found[0], expected[0])
    assert np.array_equal(found[1], expected[1])
    assert found[1].tolist() == [[1, 1, 0, 1, 0, 1]]


@pytest.mark.parametrize("cast", [pl.String, pl.Categorical, pl.Enum(["grave", "mild", "never"])])
def test_text_of_polars_is_the_same_category(cast: Any) -> None:
    data = table()
    frame = pl.DataFrame(data.to_dict("list")).with_columns(pl.col("stage").cast(cast))
    expected = designs(data, "arm * stage", bmco.Value("mild"))
    found = designs(frame, "arm * stage", bmco.Value("mild"))
    assert found[2] == expected[2]
    assert np.array_equal(found[0], expected[0])
    assert np.array_equal(found[1], expected[1])


@pytest.mark.parametrize("dtype", [name for name in TEXTS if "category" not in name])
def test_text_that_is_all_numbers_says_how_to_convert(dtype: str) -> None:
    convert = TEXTS[dtype]
    ages = table()["age"].astype(str)
    for text, how in ((ages, "astype(float)"), (ages + ",5", ".str.replace(',', '.')")):
        with pytest.raises(bmco.InputError, match="text that is all numbers") as caught:
            make_terms(study(table(age=convert(text))), "arm * age")
        assert caught.value.value == "age"
        assert how in str(caught.value)
        assert ".astype('category')" in str(caught.value)


@pytest.mark.parametrize("dtype", ["boolean", "bool[pyarrow]", object, "Sparse[bool]"])
def test_true_and_false_of_every_dtype(dtype: Any) -> None:
    smokes = np.arange(N) % 3 == 0
    data = table(smokes=pd.Series(smokes), dead=np.arange(N) % 5 == 0)
    found = designs(data.astype({"smokes": dtype}), "arm * smokes", bmco.Value(smokes=True))
    assert np.array_equal(found[0][:, 2], smokes)
    assert found[1].tolist() == [[1, 1, 1, 1]]
    both = designs(data, "arm + I(smokes + dead)", bmco.Value(smokes=True))
    assert set(both[0][:, 2]) == {0, 1, 2}  # a sum, not "or"


NOT_COVARIATES: dict[str, tuple[Any, str]] = {
    "date": (pd.date_range("2020-01-01", periods=N), r"data\['t'\].min\(\)\) / pd.Timedelta"),
    "zoned": (pd.date_range("2020-01-01", periods=N, tz="Asia/Tokyo"), "days since the first"),
    "timedelta": (pd.timedelta_range("1h", periods=N), r"data\['t'\] / pd.Timedelta\(days=1\)"),
    "period": (pd.period_range("2020-01", periods=N, freq="M"), r"dt.to_timestamp\(\)"),
    "python date": (
        pd.Series([datetime.date(2020, 1, 1 + k % 28) for k in range(N)], dtype=object),
        r"pd.to_datetime\(data\['t'\]\)",
    ),
    "arrow date": (
        pd.Series(pd.date_range("2020-01-01", periods=N)).astype(pd.ArrowDtype(pa.date32())),
        r"pd.to_datetime\(data\['t'\]\)",
    ),
    "complex": (np.arange(N) + 1j, "complex"),
    "numbers and text": (pd.Series([1, "1"] * (N // 2), dtype=object), r"mixes numbers and text"),
    "huge": (np.r_[1e200, np.arange(N - 1)], "use another unit"),
    "tiny": (np.arange(N) * 1e-200, "use another unit"),
    "too large for a float": (pd.Series([10**400, 1] * (N // 2), dtype=object), "infinite"),
}


@pytest.mark.parametrize(("values", "words"), NOT_COVARIATES.values(), ids=NOT_COVARIATES)
def test_what_is_no_covariate_says_how_to_make_it_one(values: Any, words: str) -> None:
    with pytest.raises(bmco.InputError, match=words) as caught:
        make_terms(study(table(t=values)), "arm * t")
    assert (caught.value.argument, caught.value.value) == ("covariate", "t")


def test_the_advice_on_dates_works() -> None:
    data = table(t=pd.date_range("2020-01-01", periods=N))
    data["t"] = (data["t"] - data["t"].min()) / pd.Timedelta(days=1)
    assert designs(data, "arm + t", bmco.Value(t=3))[1].tolist() == [[1, 1, 3]]


def test_terms_of_an_extreme_size() -> None:
    with pytest.raises(bmco.InputError, match=r"I\(age \*\* 60\).*use another unit"):
        make_terms(study(table()), "arm + I(age**60)")


def test_a_category_of_many_levels_warns() -> None:
    many = [f"p{k % 21}" for k in range(N)]
    with pytest.warns(bmco.InputWarning, match=r"'who' is a category of 21 levels for 200 subj"):
        make_terms(study(table(who=many)), "arm + who")
    with pytest.warns(bmco.InputWarning, match=r"'C\(age\)' is a category of"):
        make_terms(study(table()), "arm + C(age)")
    make_terms(study(table(who=[f"p{k // 10}" for k in range(N)])), "arm + who")


OUTCOMES: dict[str, Any] = {
    "Decimal": lambda y: y.map(Decimal),
    "boolean": lambda y: y.astype("boolean"),
    "float": lambda y: y.astype("float32"),
    "uint8": lambda y: y.astype("uint8"),
    "arrow": lambda y: y.astype("int8[pyarrow]"),
    "numpy objects": lambda y: pd.Series([np.int8(v) for v in y], dtype=object),
    "bool and int": lambda y: pd.Series([bool(v) if k % 2 else v for k, v in enumerate(y)]),
}


@pytest.mark.parametrize("convert", OUTCOMES.values(), ids=OUTCOMES)
def test_outcomes_and_counts_of_odd_dtypes(convert: Any) -> None:
    data = table(n=np.arange(N) % 4)
    expected = study(data, counts="n")
    found = study(data.assign(y=convert(data["y"])), counts="n")
    assert np.array_equal(found.response, expected.response)
    counts = study(data.assign(n=data["n"].map(Decimal)), counts="n")
    assert np.array_equal(counts.weight, expected.weight)


def test_outcomes_as_text_say_how_to_code_them() -> None:
    with pytest.raises(bmco.InputError, match=r"\.map\(\{'0': 0, '1': 1\}\)"):
        study(table(y=["0", "1"] * (N // 2)))


def test_numbers_that_are_categories() -> None:
    """A category of whole numbers takes a value, though it has no range to be outside of."""
    data = table(grade=pd.Categorical(np.arange(N) % 3 + 1))
    _, found, terms = designs(data, "arm * grade", bmco.Value(grade=2))
    assert terms[2:4] == ["grade[T.2]", "grade[T.3]"]
    assert found.tolist() == [[1, 1, 1, 0, 1, 0]]


def test_intervals_as_a_category() -> None:
    data = table()
    data["band"] = pd.cut(data["age"], [0, 40, 60, 100])
    expected = data["band"].cat.codes.to_numpy()[:, None] == [1, 2]
    for given in ("(40, 60]", pd.Interval(40, 60)):
        X, found, _ = designs(data, "arm + band", bmco.Value(band=given))
        assert np.array_equal(X[:, 2:], expected)
        assert found.tolist() == [[1, 1, 1, 0]]


def test_analytical_on_two_values_has_a_word() -> None:
    data = study(table(old=(table()["age"] > 50).astype(int)))
    sample = Sample(data, data.cells(["old", "age"]))
    with pytest.warns(bmco.InputWarning, match="old is 0 or 1 for every subject"):
        resolve(bmco.Analytical(old=(-np.inf, np.inf)), sample)
    resolve(bmco.Analytical(age=(-np.inf, np.inf)), sample)
