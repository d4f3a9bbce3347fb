"""What the pictures of a planned trial show: their marks, labels and words."""

from __future__ import annotations

import re

import numpy as np
import pytest
import simulated
from drawn import paragraph
from matplotlib.figure import Figure
from planned import assurance, power, prediction, size, type_one

import bmco_pymc as bmco

DOLLARS = "outcome that costs $5 or more than $7 in all"


def texts(figure: Figure) -> str:
    figure.draw_without_rendering()
    return paragraph(figure)


def points(figure: Figure, gid: str) -> np.ndarray:
    """Return the points of all lines with a name, shape (n, 2)."""
    lines = [line for axes in figure.axes for line in axes.lines if line.get_gid() == gid]
    return np.concatenate([np.column_stack(line.get_data()) for line in lines])


def keys(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def heading(figure: Figure) -> str:
    assert figure._suptitle is not None  # type: ignore[attr-defined]
    return figure._suptitle.get_text().splitlines()[0]  # type: ignore[attr-defined]


def test_power_has_a_dot_for_each_scenario_and_claim():
    figure = power(["hoped for", "less", "null"], ["y1", DOLLARS]).plot(target=0.8)
    assert heading(figure) == "Power: rule All, right-sided, level 0.05"
    assert points(figure, "power")[:, 0].tolist() == [0.8125, 0.8125]
    assert points(figure, "Type I error")[:, 0].tolist() == [0.0437]
    assert points(figure, DOLLARS)[:, 0] == pytest.approx([0.8525, 0.8525, 0.0837])
    rows = points(figure, "power")[:, 1]
    assert (points(figure, "y1")[:2, 1] > rows).all()  # below it, as the axis runs down
    assert (points(figure, "y1")[:2, 1] < rows + 1).all()
    assert keys(figure)[:2] == ["power", "Type I error"]
    assert {"target 0.8", "level 0.05"} <= set(keys(figure))
    assert any(key.startswith("claim of outcome that…") for key in keys(figure))
    words = texts(figure)
    assert "BMVB, n = 103 + 103. Exact: sums over all counts of both groups. Truths: Success" in (
        words
    )
    assert "0.8125" in words


def test_monte_carlo_errors_are_bars():
    figure = power(["one"], ["y1"], mcse=0.01).plot()
    (axes,) = figure.axes
    ends = [line.get_xdata() for line in axes.lines if line.get_linewidth() == 2]
    assert np.asarray(ends[0]) == pytest.approx([0.7929, 0.8321])
    assert "Bars: 1.96 Monte Carlo errors to either side." in texts(figure)
    assert keys(figure) == ["power"]  # one outcome has no claim of its own


def test_simulated_claims_have_bars():
    figure = simulated.power(simulated.design()).plot(target=0.8)
    assert points(figure, "error of y1")[:, 0] == pytest.approx(0.86 + 1.96 * 0.0055 * np.r_[-1, 1])
    assert points(figure, "error of y2")[:, 0] == pytest.approx(0.91 + 1.96 * 0.0055 * np.r_[-1, 1])
    words = texts(figure)
    assert "BGLMM, n = 150 + 150 in 20 clusters. Simulated: 10,000 trials, analysed by a" in words
    assert "Bars: 1.96 Monte Carlo errors to either side." in words
    assert "…" not in words
    (label,) = figure.axes[0].get_yticklabels()
    assert label.get_text().split("\n") == [
        "control = (0.4, 0.4),",
        "treatment = (0.6, 0.6), rho = 0.3,",
        "icc = 0.05, icc_between = 0.02",
    ]
    assert points(simulated.power(simulated.design(), averaged=True).plot(), "error of y1").size


def test_stopping_tells_clusters():
    looks = simulated.Looks([8, 14, 20], futility_by="posterior")
    words = texts(simulated.power(simulated.design(looks=looks)).plot("stopping"))
    assert "mean clusters" in words
    assert "mean n" in words


def test_simulated_sizes_are_points_with_bars_and_a_curve():
    found = size()
    data = found.data.assign(fitted=found.data["power"] + 0.01, mcse=0 * found.data["power"] + 0.01)
    data.attrs["over"] = "clusters"
    figure = type(found)(found.design, data, "size").plot()
    assert len(points(figure, "error")) == 20
    assert len(points(figure, "fitted")) == 10
    assert figure.axes[0].get_xlabel() == "clusters"
    assert keys(figure) == ["target 0.8", "found", "the usual formula"]


def test_both_sides_are_drawn():
    figure = power(rule=bmco.Rule("all", direction="two-sided")).plot()
    assert points(figure, "superior")[:, 0].tolist() == [0.8125, 0.0437]
    assert points(figure, "inferior")[:, 0].tolist() == [0.0012, 0.0012]
    assert "level 0.025" in keys(figure)


def test_assurance_is_one_row():
    figure = assurance().plot("power")
    assert points(figure, "assurance")[:, 0].tolist() == [0.8125]
    assert "Drawn from a prior." in texts(figure)


def test_many_scenarios_and_outcomes_keep_their_labels():
    labels = [f"treatment = (0.6, 0.6), rho = {k / 10}, at a price of ${k}" for k in range(8)]
    figure = power(labels, [f"y{k}" for k in range(6)]).plot()
    shown = [label.get_text().replace("\n", " ") for label in figure.axes[0].get_yticklabels()]
    assert shown == labels
    assert len(keys(figure)) == 2 + 6 + 1
    figure = power([f"truth {k}" for k in range(60)]).plot()
    assert "40 of 60 scenarios are shown." in texts(figure)


def test_size_marks_the_first_and_the_stable():
    figure = size(["hoped for", "at $5, or $7"]).plot()
    assert heading(figure) == "Sample size: rule All, right-sided, level 0.05"
    assert points(figure, "first") == pytest.approx(np.array([[103, 0.8062], [103, 0.8062]]))
    assert points(figure, "stable") == pytest.approx(np.array([[106, 0.8037], [106, 0.8037]]))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["hoped for", "at $5, or $7"]
    assert texts(figure).count("first 103, stable 106") == 2
    assert keys(figure) == ["target 0.8", "first n", "stable n", "the usual formula"]


def test_sizes_that_were_not_looked_at_leave_no_gap():
    found = size()
    data = found.data.assign(power=found.data["power"].where(found.data["n"] % 2 == 1))
    (axes,) = type(found)(found.design, data, "size").plot().axes
    drawn = np.asarray(axes.lines[0].get_ydata(), float)
    assert np.isfinite(drawn).all()
    assert len(drawn) == 5


def test_many_sizes():
    figure = size([f"truth {k}" for k in range(15)]).plot()
    assert len(figure.axes) == 12
    assert "12 of 15 scenarios are shown." in texts(figure)


def test_boundary_shows_cut_offs_and_futility():
    figure = power(looks=3).plot("boundary")
    top, below = figure.axes
    assert np.asarray(top.lines[0].get_ydata()) == pytest.approx(
        [0.99739, 0.98896, 0.95351], abs=1e-5
    )
    assert np.asarray(below.lines[0].get_ydata()) == pytest.approx([0.05, 0.05])
    assert below.get_ylabel().startswith("predictive probability")
    assert [label.get_text() for label in below.get_xticklabels()] == [
        "1\n35 + 35",
        "2\n70 + 70",
        "3\n105 + 105",
    ]
    assert [axes.get_title("left") for axes in figure.axes] == [
        "stops with success above",
        "may be given up below (not binding)",
    ]
    assert figure.legends == []  # the titles say it, without colours too
    assert "Interim analyses are planned with 35 and 70 subjects" in texts(figure)


def test_stopping_parts_fill_the_bar():
    figure = power(looks=3).plot("stopping")
    (axes,) = figure.axes
    widths = np.array([[bar.get_width() for bar in bars] for bars in axes.containers])
    assert widths.sum(axis=0) == pytest.approx([1, 1])
    assert widths[:3, 0] == pytest.approx(0.8125 * np.array([1, 2, 3]) / 6)
    assert widths[3, 0] == pytest.approx(1 - 0.8125 - 0.01)
    assert widths[4:, 1] == pytest.approx([0.15, 0.15])
    hatched = [bool(bars[0].get_hatch()) for bars in axes.containers]
    assert hatched == [False] * 4 + [True] * 2  # given up: without colours too
    assert keys(figure) == [
        "success at look 1",
        "success at look 2",
        "success at look 3",
        "ends without success",
        "given up at look 2",
        "given up at look 1",
    ]
    assert "96.2 + 96.2" in texts(figure)


def test_a_prediction_shows_what_is_to_come():
    figure = prediction().plot()
    (axes,) = figure.axes
    widths = [bars[0].get_width() for bars in axes.containers]
    assert widths == pytest.approx([0.2, 0.41, 0.29, 0.1])
    assert keys(figure)[0] == "success at look 2"
    assert "Given the data so far." in texts(figure)


def test_type_one_marks_the_worst():
    figure = type_one(["y1", "y2"], rule="any").plot()
    (axes,) = figure.axes
    marks = [np.column_stack(line.get_data())[0] for line in axes.lines if line.get_marker() == "o"]
    assert np.array(marks) == pytest.approx(np.array([[0.3, 0.0544], [0.35, 0.0544]]))
    assert keys(figure) == [
        "y1: 0.0544 at 0.3",
        "y2: 0.0544 at 0.35",
        "largest",
        "level 0.05",
        "1 − cut-off: 0.025",
    ]
    assert axes.get_ylim()[1] > 0.0544


def test_outcomes_that_err_alike_share_a_curve():
    figure = type_one([DOLLARS, *(f"y{k}" for k in range(5))], alike=True).plot()
    assert keys(figure)[0].startswith("outcome t")
    assert len(keys(figure)) == 3
    assert re.search(r"y0, y1, y2, y3, y4: 0\.0544 at 0\.3$", keys(figure)[0])


@pytest.mark.parametrize(
    ("found", "choices"),
    [
        (power(), ("power",)),
        (power(looks=2), ("power", "boundary", "stopping")),
        (assurance(looks=2), ("power", "boundary", "stopping")),
        (type_one(), ("type_one",)),
        (size(), ("size",)),
        (prediction(), ("stopping", "boundary")),
    ],
)
def test_there_are_pictures_of_what_there_is(found, choices):
    with pytest.raises(bmco.InputError) as caught:
        found.plot("pie")
    assert caught.value.choices == choices
    for what in choices:
        assert texts(found.plot(what))
    with pytest.raises(bmco.InputError, match="target"):
        found.plot(target=1.2)
