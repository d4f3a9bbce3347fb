"""What is written in the joint picture: each area and contour bears its own share of the draws."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawn import paragraph, written
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation

import bmco_pymc as bmco
from bmco_pymc.effects.effect import Effect


@pytest.fixture(scope="module")
def effect(trial_study) -> Effect:
    return bmco.BMVB(trial_study).fit(draws=1000, seed=5).effect()


def labels(figure: Figure) -> dict[str, tuple[float, float]]:
    """Return what is written at a corner of an area, on one line, and a point in the text."""
    axes = figure.axes[0]
    found = [t for t in axes.texts if isinstance(t, Annotation) and "P " in t.get_text()]
    x, y = (0.005 * np.ptp(ends) for ends in (axes.get_xlim(), axes.get_ylim()))
    signs = {"left": 1, "right": -1, "bottom": 1, "top": -1}
    return {
        " ".join(t.get_text().split()): (
            t.xy[0] + x * signs[t.get_horizontalalignment()],
            t.xy[1] + y * signs[t.get_verticalalignment()],
        )
        for t in found
    }


def areas(figure: Figure) -> list[tuple[str, tuple[float, float, float, float]]]:
    found = []
    for patch in figure.axes[0].patches:
        assert isinstance(patch, Rectangle)
        box = patch.get_bbox()
        found.append((str(patch.get_gid()), (box.x0, box.x1, box.y0, box.y1)))
    return found


@pytest.mark.parametrize("direction", ["right", "left"])
@pytest.mark.parametrize("margins", [0.0, [0.05, -0.1]])
@pytest.mark.parametrize("rule", [None, "any", "all"])
def test_each_area_bears_its_own_probability(effect, rule, direction, margins):
    figure = effect.plot_joint(rule, direction, margins)
    draws = effect.delta.values.reshape(-1, 2)
    texts, boxes = labels(figure), areas(figure)
    assert len(texts) == len(boxes) == {None: 3, "any": 3, "all": 1}[rule]
    for _, (left, right, bottom, top) in boxes:
        (text,) = (t for t, (x, y) in texts.items() if left < x < right and bottom < y < top)
        inside = ((draws > (left, bottom)) & (draws < (right, top))).all(axis=1).mean()
        # a few draws in a thousand may lie outside the axes
        assert float(text.split("= ")[1]) == pytest.approx(inside, abs=0.003)


def test_the_numbers_are_those_of_decide_and_add_up_to_any(effect):
    figure = effect.plot_joint()
    texts = labels(figure)
    chance = {name: effect.decide(name).probability for name in ("all", "any")}
    assert f"All: P = {chance['all']:.3f}" in texts
    parts = [float(text.split("= ")[1]) for text in texts]
    assert sum(parts) == pytest.approx(chance["any"], abs=0.0015)  # three rounded numbers
    first = effect.decide("all").marginal.values[0] - chance["all"]
    assert f"only y1 P = {first:.3f}" in texts


def test_the_probability_of_any_stands_in_no_area(effect):
    chance = f"Any: P = {effect.decide('any').probability:.3f}"
    for rule, words in ((None, "both areas together"), ("any", "wherever it is shaded")):
        figure = effect.plot_joint(rule)
        assert not [text for text in labels(figure) if text.startswith("Any")]
        (legend,) = figure.legends
        assert f"{chance}, {words}" in [text.get_text() for text in legend.get_texts()]


def test_any_has_the_shades_of_both_areas_in_the_legend(effect):
    figure = effect.plot_joint()
    figure.draw_without_rendering()
    (legend,) = figure.legends
    drawn: list[Any] = legend.findobj(Rectangle)
    shades = [patch.get_facecolor() for patch in drawn]
    assert shades == [shades[0], shades[1], shades[0], shades[1]]  # All, one alone, both of them
    left, right = (patch.get_window_extent() for patch in drawn[2:])
    assert left.x1 <= right.x0  # side by side


def test_areas_are_told_apart_in_grey(effect):
    boxes = {p.get_gid(): p for p in effect.plot_joint().axes[0].patches}

    def grey(patch: Any) -> float:
        colour = np.array(to_rgb(patch.get_facecolor()))
        return float((colour @ [0.299, 0.587, 0.114] - 1) * patch.get_alpha() + 1)  # on white

    assert grey(boxes["Any"]) - grey(boxes["All"]) > 0.08


def test_when_all_draws_agree_an_area_has_a_bound(effect):
    sure = replace(effect, delta=effect.delta * 0.02 + 0.8)
    texts = labels(sure.plot_joint())
    assert {text.rsplit(" ", 2)[0] for text in texts} == {"All: P", "only y1 P", "only y2 P"}
    by = {text.rsplit(" ", 2)[0]: text.rsplit(" ", 2)[1] for text in texts}
    assert by == {"All: P": ">", "only y1 P": "<", "only y2 P": "<"}


def test_contours_bear_their_shares_where_there_is_room(effect):
    axes = effect.plot_joint().axes[0]
    shares = [text for text in axes.texts if text.get_gid() == "level"]
    assert {text.get_text() for text in shares} == {"50%", "80%", "95%"}
    (contours,) = (c for c in axes.collections if c.get_gid() == "contours")
    draws = effect.delta.values.reshape(-1, 2)
    for text in shares:  # each at the line that has so many draws inside
        reach = [np.abs(path.vertices - text.get_position()).sum(1).min() for path in _paths(axes)]
        path = contours.get_paths()[int(np.argmin(reach))]
        inside = path.contains_points(draws).mean()
        assert inside == pytest.approx(float(text.get_text()[:-1]) / 100, abs=0.03)
    far = replace(effect, delta=effect.delta * 0.05 + 0.6).plot_joint()
    assert not [text for text in far.axes[0].texts if text.get_gid() == "level"]
    assert "50%, 80%, 95% of the posterior" in written(far)


def _paths(axes: Any) -> list[Any]:
    (contours,) = (c for c in axes.collections if c.get_gid() == "contours")
    return list(contours.get_paths())


@pytest.mark.parametrize("direction", ["right", "left"])
def test_no_label_leaves_its_area_or_meets_another(trial_study, direction):
    data = bmco.load_trial().rename(columns={"y1": "free of symptoms", "y2": "no adverse event"})
    names = ["free of symptoms", "no adverse event"]
    study = bmco.Study(data, names, "arm", "ctl", "trt")
    effect = bmco.BMVB(study).fit(draws=500, seed=5).effect()
    for shift in ((0, 0), (0.3, 0.3), (-0.3, 0.2)):
        figure = replace(effect, delta=effect.delta + np.array(shift)).plot_joint(
            direction=direction
        )
        figure.draw_without_rendering()
        axes = figure.axes[0]
        texts = [t for t in axes.texts if isinstance(t, Annotation) and "P " in t.get_text()]
        extents = [t.get_window_extent() for t in texts]
        boxes = [patch.get_window_extent() for patch in axes.patches]
        for extent in extents:
            assert any(
                box.x0 <= extent.x0
                and extent.x1 <= box.x1
                and box.y0 <= extent.y0
                and extent.y1 <= box.y1
                for box in boxes
            )
        assert not any(a.overlaps(b) for a, b in itertools.combinations(extents, 2))


def test_comp_alone_is_one_area_with_its_label_inside(effect):
    given: dict[str, Any] = {"w": [0.7, 0.3], "margins": [0.05, -0.1]}
    chance = effect.decide("comp", **given).probability
    figure = effect.plot_joint("comp", **given)
    assert list(labels(figure)) == [f"Comp: P = {chance:.3f}"]
    assert "boundary of Comp" in written(figure)
    assert "Any" not in paragraph(figure)
