"""The pictures about outcomes that were not observed."""

from typing import Any

import numpy as np
import pytest
from drawn import line, paragraph, row_labels, titles, written

import bmco_pymc as bmco


@pytest.fixture(scope="module")
def fit() -> bmco.Fit:
    rng = np.random.default_rng(3)
    data = bmco.load_trial()
    y = data[["y1", "y2"]].astype(float)
    gone = rng.random(y.shape) < [0.1, 0.3]
    gone[gone.all(axis=1)] = False
    data[["y1", "y2"]] = y.mask(gone)
    study = bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt", missing="mar")
    return bmco.BMVB(study).fit(draws=500, seed=1)


def test_the_map_has_the_line_and_the_answer_under_mar(fit):
    found = fit.tipping_point(rule="any")
    figure = found.plot()
    axes = figure.axes[0]
    x, y = line(axes, "line")
    np.testing.assert_array_equal(x, found.line["shift_control"])
    np.testing.assert_array_equal(y, found.line["shift_treatment"])
    assert [values.item() for values in line(axes, "MAR")] == [0, 0]
    near = found.nearest.dropna()
    np.testing.assert_array_equal(line(axes, "nearest")[0], near["shift_control"])
    np.testing.assert_array_equal(line(axes, "nearest")[1], near["shift_treatment"])
    assert axes.get_xlabel() == "shift of the log odds, ctl"
    assert axes.get_ylabel() == "shift of the log odds, trt"
    texts = written(figure)
    for i, j in ((0, -1), (-1, 0)):
        assert found.decided["decision"].values[i, j] in texts
    assert "success among the unobserved of ctl" in texts
    assert "Tipping point: trt compared with ctl" in texts
    assert f"under which it is {found.decision.verdict}" in paragraph(figure)


def test_a_panel_for_each_direction(fit):
    found = fit.tipping_point([-1, 1], rule="all", direction="two-sided")
    assert [t for t in titles(found.plot()) if t] == [
        "right: P(δ[y1] > 0 and δ[y2] > 0)",
        "left: P(δ[y1] < 0 and δ[y2] < 0)",
    ]


def test_a_curve_where_one_group_is_shifted(fit):
    found = fit.tipping_point({"ctl": 0, "trt": [-2, -1, 1, 2]}, rule="comp")
    axes = found.plot().axes[0]
    x, p = line(axes, "statistic")
    assert x.tolist() == [-2, -1, 0, 1, 2]
    np.testing.assert_array_equal(p, found.decided["statistic"].values.ravel())
    assert line(axes, "line")[1] == pytest.approx([0.95, 0.95])
    assert line(axes, "MAR")[1] == pytest.approx(found.decision.probability)


def test_who_misses_what(fit):
    figure = fit.plot_missing()
    left, right = figure.axes
    table = fit.model.study.missing_table
    assert row_labels(left) == ["nothing", "y2", "y1"]
    assert table.index.tolist() == ["xx", "x?", "?x"]
    for g, group in enumerate(("ctl", "trt")):
        bars: Any = [bar for bar in left.patches if bar.get_gid() == f"group {g}"]
        assert [bar.get_width() for bar in bars] == table[f"share of {group}"].tolist()
        bars = [bar for bar in right.patches if bar.get_gid() == f"group {g}"]
        shares = [1 - table.loc[["xx", kept], f"share of {group}"].sum() for kept in ("x?", "?x")]
        assert [bar.get_width() for bar in bars] == pytest.approx(shares)
    assert row_labels(right) == ["y1", "y2"]
    assert f"{table.iloc[1:, :2].to_numpy().sum()} of 240 analysed subjects" in paragraph(figure)


def test_nothing_to_draw(trial_study):
    with pytest.raises(bmco.InputError, match="missing='complete': nothing is missing.*mar"):
        bmco.BMVB(trial_study).fit(draws=200, seed=1).plot_missing()
