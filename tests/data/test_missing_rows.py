"""Rows that miss some outcomes: who is kept, what is counted, and what a study says of it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bmco_pymc as bmco
from bmco_pymc import observed_patterns, patterns


def study(rows, **more):
    """Of (arm, y1, y2), each row ten times, so that nothing is rare."""
    frame = pd.DataFrame(rows * 10, columns=["arm", "y1", "y2"])
    return bmco.Study(frame, ["y1", "y2"], "arm", "a", "b", missing="mar", **more)


ROWS = [("a", 1, None), ("a", 0, 1), ("a", 1, 1), ("b", None, 0), ("b", 1, 0), ("b", 0, 0)]


def test_cells_have_complete_patterns_and_what_was_seen_of_the_others():
    with pytest.warns(bmco.InputWarning, match="'y2' is 0 for every subject of 'b'"):
        one = study([*ROWS, ("b", 1, 1)][:-1])
    cells = one.cells()
    assert cells.counts.tolist() == [[10, 0, 10, 0], [0, 10, 0, 10]]
    assert cells.partial is not None
    labels = [observed_patterns.labels(2)[code] for code in cells.partial.code]
    found = list(
        zip(cells.partial.cell.tolist(), labels, cells.partial.count.tolist(), strict=True)
    )
    assert found == [(0, "1?", 10), (1, "?0", 10)]
    assert cells.weight.tolist() == [30, 30]
    assert cells.subjects.tolist() == [30, 30]
    assert cells.observed.tolist() == [[30, 20], [20, 30]]
    assert cells.successes.tolist() == [[20, 20], [10, 0]]


def test_the_table_of_who_misses_what():
    with pytest.warns(bmco.InputWarning, match="no variation"):
        table = study(ROWS).missing_table
    assert table.index.tolist() == ["xx", "x?", "?x"]
    assert table[["a", "b"]].to_numpy().tolist() == [[20, 20], [10, 0], [0, 10]]
    assert table["share of a"].tolist() == pytest.approx([2 / 3, 1 / 3, 0])


def test_an_outcome_that_was_never_observed_is_said_and_has_no_rate():
    rows = [("a", 1, 0), ("a", 0, 1), ("b", 1, None), ("b", 0, None)]
    with pytest.warns(bmco.InputWarning, match="never observed: 'y2' of 'b'"):
        one = study(rows)
    last = str(one).splitlines()[3].split()
    assert last == ["b", "(treatment)", "20", "0.50", "–"]
    assert "partly observed: 20 of 40 subjects (missing: y2 0 of a and 20 of b)" in str(one)


def test_complete_and_mar_are_the_same_where_nothing_is_missing():
    data = bmco.load_trial()
    columns = data, ["y1", "y2"], "arm", "ctl", "trt"
    one, other = bmco.Study(*columns), bmco.Study(*columns, missing="mar")
    assert str(one) == str(other)
    assert one.response.tolist() == other.response.tolist()
    assert other.cells(["x"]).partial is None
    first, second = (bmco.BMVB(s).fit(seed=1).draws("phi") for s in (one, other))
    assert np.array_equal(first, second)


def test_rows_without_any_outcome_or_group_are_dropped():
    rows = [*ROWS, ("b", 1, 1), ("a", 0, 0), ("a", None, None), (None, 1, 1)]
    words = "dropped 20 of 100 rows for missing values: 10 in arm, 10 without any outcome"
    with pytest.warns(bmco.InputWarning, match=words):
        one = study(rows)
    assert one.notes == (words,)
    assert len(one.data) == 80


@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_observed_patterns_are_coded_as_they_read(K, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(-1, 2, (20, K))
    values = values[(values >= 0).any(axis=1)]
    codes = observed_patterns.encode(values) if len(values) else np.zeros(0, dtype=np.intp)
    for row, code in zip(values, codes, strict=True):
        label = "".join("?" if v < 0 else str(v) for v in row)
        assert observed_patterns.labels(K)[code] == label
        agree = observed_patterns.agreeing(K)[code]
        expected = [
            all(a in ("?", b) for a, b in zip(label, q, strict=True)) for q in patterns.labels(K)
        ]
        assert agree.tolist() == expected
    assert len(observed_patterns.labels(K)) == 3**K - 1
    phi = rng.dirichlet(np.ones(2**K))
    found = np.exp(observed_patterns.log_probability(np.log(np.tile(phi, (len(codes), 1))), codes))
    assert found == pytest.approx([phi[observed_patterns.agreeing(K)[c]].sum() for c in codes])


def test_what_is_no_response_is_refused():
    with pytest.raises(bmco.InputError, match="an observed outcome in each row"):
        observed_patterns.encode([[1, 0], [-1, -1]])
    with pytest.raises(bmco.InputError, match="must be 1, 0, or -1"):
        observed_patterns.encode([[2, 0]])
