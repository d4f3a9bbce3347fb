"""What the pictures of one effect show: θ, δ, and two outcomes together."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from drawn import drawn_interval, line, paragraph, row_labels, titles, written
from matplotlib.patches import Polygon, Rectangle

import bmco_pymc as bmco
from bmco_pymc.diagnostics.findings import Problem
from bmco_pymc.effects.effect import Effect

PROBLEM = Problem("rhat", "R-hat is above 1.01", "take more draws")


@pytest.fixture(scope="module")
def effect() -> Effect:
    """Three outcomes, the last with a clearly negative difference."""
    data = bmco.load_trial()
    data["y3"] = ((data["x"] > 0.4) ^ (data["arm"] == "ctl")).astype(int)
    study = bmco.Study(data, ["y1", "y2", "y3"], "arm", control="ctl", treatment="trt")
    return bmco.BMVB(study).fit(draws=500, seed=5).effect()


def not_converged(effect: Effect) -> Effect:
    return replace(
        effect, diagnostics=replace(effect.diagnostics, exact=False, problems=(PROBLEM,))
    )


def test_theta_has_a_panel_per_outcome_with_both_groups(effect):
    figure = effect.plot_theta()
    assert titles(figure) == ["y1", "y2", "y3"]
    assert figure.axes[-1].get_xlabel() == "θ, probability of success"
    numbers = effect.summary()
    for axes, outcome in zip(figure.axes, ["y1", "y2", "y3"], strict=True):
        for group in ("ctl", "trt"):
            expected = numbers.loc[f"theta[{group}, {outcome}]", ["mean", "lower", "upper"]]
            assert drawn_interval(axes, f"interval {group}") == pytest.approx(tuple(expected))
            text = "{:.2f} [{:.2f}, {:.2f}]".format(*expected)
            assert f"{group}: {text}" in [t.get_text() for t in axes.texts]


def test_the_densities_of_theta_have_the_mean_of_the_draws(effect):
    figure = effect.plot_theta()
    means = effect.theta.mean(("chain", "draw"))
    for axes, outcome in zip(figure.axes, ["y1", "y2", "y3"], strict=True):
        for group in ("ctl", "trt"):
            x, height = line(axes, group)
            drawn = np.trapezoid(x * height, x) / np.trapezoid(height, x)
            assert drawn == pytest.approx(float(means.sel(group=group, outcome=outcome)), abs=2e-3)
            assert 0 <= x.min() < x.max() <= 1


def test_intervals_can_be_of_any_probability(effect):
    figure = effect.plot_theta(ci_prob=0.5)
    row = effect.summary(0.5).loc["theta[trt, y3]"]
    drawn = drawn_interval(figure.axes[2], "interval trt")
    assert drawn == pytest.approx((row["mean"], row["lower"], row["upper"]))
    assert "mean [50% interval]" in written(figure)


def test_delta_is_a_forest_of_the_outcomes(effect):
    figure = effect.plot_delta()
    (axes,) = figure.axes
    assert row_labels(axes) == ["y1", "y2", "y3"]
    assert axes.get_xlabel() == "δ (trt − ctl)"
    numbers, decision = effect.summary(), effect.decide("all")
    for outcome in ("y1", "y2", "y3"):
        expected = tuple(numbers.loc[f"delta[{outcome}]", ["mean", "lower", "upper"]])
        assert drawn_interval(axes, outcome) == pytest.approx(expected)
    assert f"P(δ > 0) = {float(decision.marginal[1]):.3f}" in written(figure)
    assert f"Any: P = {effect.decide('any').probability:.3f}" in written(figure)
    assert effect.estimand in paragraph(figure)


@pytest.mark.parametrize(("direction", "sign"), [("right", 1), ("left", -1)])
def test_delta_shades_what_is_beyond_each_margin(effect, direction, sign):
    margins = {"y1": 0.05, "y2": 0.0, "y3": -0.2}
    figure = effect.plot_delta(direction, margins)
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    decision = effect.decide("all", direction, margins)
    for k, (outcome, margin) in enumerate(margins.items()):
        (box,) = (p for p in axes.patches if p.get_gid() == f"beyond {outcome}")
        assert isinstance(box, Rectangle)
        ends = box.get_x(), box.get_x() + box.get_width()
        expected = (margin, high) if sign > 0 else (low, -margin)
        assert ends == pytest.approx(expected)
        draws = effect.delta.values[..., k]
        share = np.mean((draws > ends[0]) & (draws < ends[1]))
        assert share == pytest.approx(float(decision.marginal[k]), abs=0.002)
    dashed = [artist for artist in axes.lines if artist.get_linestyle() == "--"]
    bounds = [float(np.asarray(artist.get_xdata())[0]) for artist in dashed]
    assert bounds == pytest.approx([sign * 0.05, sign * -0.2])


def test_the_ticks_of_small_differences_do_not_touch(tmp_path):
    counts = {"regular": [380, 106, 107, 406], "small": [397, 98, 81, 290]}
    rows = [
        (size, *pattern, n)
        for size, numbers in counts.items()
        for pattern, n in zip([(1, 1), (1, 0), (0, 1), (0, 0)], numbers, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["size", "read", "math", "n"])
    study = bmco.Study(table, ["read", "math"], "size", "regular", "small", counts="n")
    figure = bmco.BMVB(study).fit(seed=1).effect().plot_delta()
    figure.savefig(tmp_path / "delta.png")  # lays out the columns beside the axes
    ticks = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert len(ticks) >= 4
    assert all(right.x0 - left.x1 > left.height for left, right in pairwise(ticks))


def test_weights_add_a_row_for_the_sum(effect):
    w, margins = [0.5, 0.3, 0.2], [0.1, 0.0, -0.1]
    figure = effect.plot_delta(margins=margins, w=w)
    (axes,) = figure.axes
    assert row_labels(axes) == ["y1", "y2", "y3", "weighted sum"]
    draws = effect.delta.values.reshape(-1, 3) @ np.array(w)
    expected = (draws.mean(), *np.quantile(draws, [0.025, 0.975]))
    assert drawn_interval(axes, "weighted sum") == pytest.approx(expected)
    probability = effect.decide("comp", margins=margins, w=w).probability
    assert f"P(δ > 0.03) = {probability:.3f}" in written(figure)
    assert "Weighted sum: 0.5 δ[y1] + 0.3 δ[y2] + 0.2 δ[y3]." in paragraph(figure)


def test_any_two_of_three_outcomes_can_be_drawn(effect):
    figure = effect.plot_joint(outcomes=["y3", "y1"])
    (axes,) = figure.axes
    assert axes.get_xlabel() == "δ of y3\n(trt − ctl)"
    assert axes.get_ylabel() == "δ of y1\n(trt − ctl)"
    draws = effect.delta.sel(outcome=["y3", "y1"])
    chance = bmco.decide(draws, "any").probability
    assert f"Any: P = {chance:.3f}, both areas together" in written(figure)
    assert "The rules are about y3 and y1 alone." in paragraph(figure)


def test_the_region_of_comp_holds_its_probability(effect):
    for direction in ("right", "left"):
        arguments: dict[str, Any] = {
            "direction": direction,
            "margins": [0.05, -0.1],
            "w": [0.7, 0.3],
        }
        figure = effect.plot_joint("comp", **arguments, outcomes=["y1", "y2"])
        (region,) = (p for p in figure.axes[0].patches if isinstance(p, Polygon))
        draws = effect.delta.sel(outcome=["y1", "y2"])
        inside = region.get_path().contains_points(draws.values.reshape(-1, 2)).mean()
        probability = bmco.decide(draws, "comp", **arguments).probability
        assert inside == pytest.approx(probability, abs=0.004)  # a few lie outside the axes
        assert f"Comp: P = {probability:.3f}" in paragraph(figure)
        assert "Comp holds" in written(figure)


@pytest.mark.parametrize(("rule", "boxes"), [("all", 1), ("Any", 3)])
def test_one_rule_alone_has_its_whole_region(effect, rule, boxes):
    figure = effect.plot_joint(rule, outcomes=["y1", "y2"])
    shaded = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    assert len(shaded) == boxes
    draws = effect.delta.sel(outcome=["y1", "y2"])
    points = draws.values.reshape(-1, 2)
    inside = [p.get_bbox().contains(*point) for p in shaded for point in points]
    share = np.reshape(inside, (boxes, -1)).any(axis=0).mean()
    assert share == pytest.approx(bmco.decide(draws, rule).probability, abs=0.004)


@pytest.mark.parametrize("kind", ["theta", "delta", "joint"])
def test_draws_that_are_not_good_enough_are_marked(effect, kind):
    arguments = {"outcomes": ["y1", "y2"]} if kind == "joint" else {}
    figure = getattr(not_converged(effect), f"plot_{kind}")(**arguments)
    assert "NOT CONVERGED: do not use this yet" in written(figure)
    assert figure._repr_png_()[0][:4] == b"\x89PNG"


def test_draws_that_are_all_alike_are_a_line(effect):
    same = replace(effect, theta=effect.theta.copy(data=np.full_like(effect.theta, 0.25)))
    x, _ = line(same.plot_theta().axes[0], "trt")
    assert x.tolist() == [0.25, 0.25]


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        ("plot_theta", {"ci_prob": 1}, "ci_prob=1"),
        ("plot_delta", {"ci_prob": "95%"}, "ci_prob='95%'"),
        ("plot_delta", {"direction": "two-sided"}, "direction='two-sided'.*'right', 'left'"),
        ("plot_delta", {"margins": [0.1]}, "margins="),
        ("plot_joint", {}, "outcomes=None: say which two of the 3.*'y1', 'y2', 'y3'"),
        ("plot_joint", {"outcomes": ["y1", "y1"]}, "outcomes=.*two different.*'y1', 'y2', 'y3'"),
        ("plot_joint", {"outcomes": "y1"}, "outcomes='y1'"),
        ("plot_joint", {"outcomes": ["y1", "age"]}, "outcomes=.*'age'"),
        ("plot_joint", {"outcomes": ["y1", "y2"], "rule": "most"}, "rule='most'.*'Comp'"),
        ("plot_joint", {"outcomes": ["y1", "y2"], "points": -1}, "points=-1"),
        ("plot_joint", {"outcomes": ["y1", "y2"], "direction": "two-sided"}, "draw each"),
    ],
)
def test_bad_arguments_are_named(effect, method, arguments, message):
    with pytest.raises(bmco.InputError, match=message):
        getattr(effect, method)(**arguments)


def test_one_outcome_has_no_joint_picture():
    study = bmco.Study(bmco.load_trial(), "y1", "arm", control="ctl", treatment="trt")
    with pytest.raises(bmco.InputError, match="one outcome"):
        bmco.BMVB(study).fit(draws=500, seed=1).effect().plot_joint()
