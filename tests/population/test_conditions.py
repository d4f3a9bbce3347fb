"""Conditions mean what they mean in pandas, and nothing in them is called."""

import random
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bmco_pymc as bmco
from bmco_pymc.population.conditions import meets

RNG = np.random.default_rng(3)
N = 60
ROWS = pd.DataFrame(
    {
        "age": RNG.normal(50, 10, N).round(),
        "dose": np.where(RNG.random(N) < 0.2, np.nan, RNG.normal(0, 1, N).round()),
        "count": pd.Series(RNG.choice(np.array([1, 2, None]), N), dtype="Int64"),
        "small": RNG.integers(-100, 100, N).astype("int8"),
        "sex": RNG.choice(["f", "m"], N),
        "town": pd.Series(RNG.choice(np.array(["a", "b & c", None], object), N), dtype="string"),
        "grade": pd.Categorical(RNG.choice(["low", "mid", "top"], N), ["low", "mid", "top"], True),
        "smoker": RNG.random(N) < 0.4,
        "sure": pd.Series(RNG.choice(np.array([True, False, None]), N), dtype="boolean"),
        "maybe": pd.Series(RNG.choice(np.array([True, False, None]), N), dtype=object),
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.integers(0, 60, N), "D"),
        "base line": RNG.normal(0, 1, N),
        "class": RNG.integers(0, 3, N),
    }
)
AS_PANDAS = [
    "age > 50",
    "40 < age <= 60",
    "age > 50 and sex == 'f'",
    "age > 50 & sex == 'f'",
    "(age > 50) & (sex == 'f') | smoker",
    "age > 60 or not smoker",
    "~smoker",
    "~(age > 50)",
    "not age > 50",
    "smoker == True and sex != 'm'",
    "dose < 0.5",
    "dose != 1",
    "not dose < 0.5",
    "count > 1",
    "count == 2 or dose > 1",
    "sure",
    "sure and age > 50",
    "town == 'b & c'",
    "town in ['a', 'nowhere']",
    "grade > 'low'",
    "grade in ['low', 'top']",
    "grade not in ('low', 'top')",
    "sex in ['f']",
    "age == [50, 51, 52]",
    "day > '2024-02-01'",
    "`base line` > 0 and age < 55",
    "age + 2 * dose > 52.5",
    "(age - 50) ** 2 / 10 < 7",
    "-age < -50",
    "age // 10 == 5 and age % 2 == 0",
    "class == 1",
]


@pytest.mark.parametrize("query", AS_PANDAS)
def test_the_values_of_pandas(query):
    by_pandas: Any = ROWS.eval(query.replace("class", "`class`"))
    expected = by_pandas.fillna(False).to_numpy(dtype=bool)
    assert 0 < expected.sum() < N
    assert np.array_equal(meets(query, ROWS), expected)


def test_what_pandas_gets_wrong():
    small = ROWS["small"].to_numpy(int)
    assert np.array_equal(meets("small * 3 > 150", ROWS), small * 3 > 150)  # int8 wraps at 128
    assert np.array_equal(meets("small ** 2 > 5000", ROWS), small**2 > 5000)
    sure = [value is True for value in ROWS["maybe"]]
    assert np.array_equal(meets("maybe", ROWS), sure)
    assert np.array_equal(meets("not maybe", ROWS), [value is False for value in ROWS["maybe"]])
    dates = meets("day in ['2024-01-05', '2024-02-06']", ROWS)
    assert np.array_equal(
        dates, ROWS["day"].isin([pd.Timestamp(2024, 1, 5), pd.Timestamp(2024, 2, 6)])
    )
    greek = pd.DataFrame({"\u00b5g": [1.0, 2.0], "\u03bcg": [2.0, 1.0]})  # Python reads both as mu
    assert meets("\u00b5g > 1", greek).tolist() == [False, True]
    assert meets("\u03bcg > 1", greek).tolist() == [True, False]


REFUSED = [
    ("@pd.io.common.os.system('x') == 0", "no variables"),
    ("age.to_csv('/tmp/x')", "cannot stand|is no condition"),
    ("age.mean() > 3", "'age.mean\\(\\)' cannot stand in a condition"),
    ("abs(age) > 3", "no column 'abs'"),
    ("smoker(age)", "is no condition"),
    ("age[0] > 3", "cannot stand"),
    ("(lambda: age)() > 3", "cannot be read|no column"),
    ("[a for a in age] == 3", "no column 'a'"),
    ("age == f'{age}'", "no column 'f'|cannot be read"),
    ("(x := age) > 3", "single '='|no column"),
    ("__import__('os').system('x')", "no column '__import__'"),
    ("age > 10**10**10", "cannot be evaluated"),
    ("sex * 1000000000 == 'f'", "is no number"),
    ("sex == 'f' * 1000000000", "is no number"),
    ("sex == 1", "is text, and 1 is a number"),
    ("age == '50'", "is a number, and '50' is text"),
    ("age = 50", "compared by '=='"),
    ("age", "true or false per row"),
    ("1 < 2", "no column"),
    ("age > 50 and 3", "true or false per row"),
    ("not age", "true or false per row"),
    ("weight > 3", "no column 'weight'; the columns are 'age'"),
    ("`no such` > 3", "no column 'no such'"),
    ("index < 20", "no column 'index'"),
    ("age >", "cannot be read"),
    ("", "cannot be read"),
    ("sex < 3", "is text"),
    ("age is None", "no column 'is'"),
    ("age == None", "no column 'None'"),
    ("grade > 'nothing'", "cannot be evaluated"),
    ("sex in 'f'", "a list can"),
    ("sex in []", "a list can"),
    ("sex > ['f']", "in or not in"),
    ("-" * 5000 + "age > 3", "cannot be read|nested"),
    ("(" * 150 + "age > 3" + ")" * 150 + " + 1", "true or false"),
    ("age > 3 or " * 2000 + "age > 3", "10000 are the most"),
    ("age >\0 3", "cannot be printed"),
]


@pytest.mark.parametrize(("query", "words"), REFUSED, ids=[q[:25] for q, _ in REFUSED])
def test_what_may_not_stand(query, words):
    start = time.perf_counter()
    with pytest.raises(bmco.InputError, match=words) as caught:
        meets(query, ROWS)
    assert (caught.value.argument, caught.value.value) == ("query", query)
    assert time.perf_counter() - start < 1


def test_any_text_is_met_or_an_error_in_words():
    pieces = [*AS_PANDAS, *(f" {join} " for join in ("and", "or", "&", "|", "not", "in", "== "))]
    letters = sorted({*"".join(pieces), *"~%[]{}!;#@\\é.,^:=\"'\n0"})
    draw = random.Random(1)
    outcomes = {"met": 0, "error": 0}
    with np.errstate(all="ignore"):
        for _ in range(1500):
            text = "".join(draw.choices(pieces, k=draw.choice([1, 1, 2, 3])))
            for _ in range(draw.randint(0, 3)):
                place = draw.randrange(len(text) + 1)
                cut = place + draw.choice([0, 0, 1, 2])
                text = text[:place] + draw.choice(["", *draw.choices(letters, k=2)]) + text[cut:]
            try:
                assert meets(text, ROWS).shape == (N,)
                outcomes["met"] += 1
            except bmco.InputError:
                outcomes["error"] += 1
    assert min(outcomes.values()) > 150, outcomes
