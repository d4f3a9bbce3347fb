"""What the picture of an effect shows: regions, probabilities, labels."""

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawn import written
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import bmco_pymc as bmco
from bmco_pymc.diagnostics import verdict
from bmco_pymc.effects.effect import Effect


def effect_of(*outcomes: str, names: dict[str, str] | None = None) -> Effect:
    data = bmco.load_trial()
    data["y3"] = (data["x"] > 0).astype(int)
    data = data.rename(columns=names or {})
    study = bmco.Study(data, list(outcomes), "arm", control="ctl", treatment="trt")
    return bmco.BMVB(study).fit(draws=500, seed=5).effect()


@pytest.fixture(scope="module")
def effect() -> Effect:
    return effect_of("y1", "y2")


def regions(figure: Figure) -> dict[str, list[tuple[float, float, float, float]]]:
    """Return the shaded rectangles as (left, right, bottom, top), by rule."""
    found: dict[str, list[tuple[float, float, float, float]]] = {"All": [], "Any": []}
    for patch in figure.axes[0].patches:
        if isinstance(patch, Rectangle) and patch.get_gid() in found:
            (left, bottom), width, height = patch.get_xy(), patch.get_width(), patch.get_height()
            found[str(patch.get_gid())].append((left, left + width, bottom, bottom + height))
    return found


def share_inside(effect: Effect, boxes: list[tuple[float, float, float, float]]) -> float:
    d = effect.delta.values.reshape(-1, 2)
    inside = [(d[:, 0] > a) & (d[:, 0] < b) & (d[:, 1] > c) & (d[:, 1] < e) for a, b, c, e in boxes]
    return float(np.any(inside, axis=0).mean())


def lines(figure: Figure) -> list[Any]:
    return list(figure.axes[0].lines)


def texts(figure: Figure) -> list[str]:
    return [" ".join(text.split()) for text in written(figure)]


@pytest.mark.parametrize("direction", ["right", "left"])
@pytest.mark.parametrize("margins", [0.0, [0.05, -0.1]])
def test_the_shaded_regions_hold_the_probabilities(effect, direction, margins):
    figure = bmco.plot_effect(effect, direction, margins)
    shaded = regions(figure)
    assert (len(shaded["All"]), len(shaded["Any"])) == (1, 2)
    p_all = effect.decide("all", direction, margins).probability
    p_any = effect.decide("any", direction, margins).probability
    # a few draws in a thousand may lie outside the axes
    assert share_inside(effect, shaded["All"]) == pytest.approx(p_all, abs=0.004)
    assert share_inside(effect, shaded["All"] + shaded["Any"]) == pytest.approx(p_any, abs=0.004)


def test_it_bears_the_users_names_and_the_estimand(effect):
    figure = bmco.plot_effect(effect)
    axes = figure.axes[0]
    assert axes.get_xlabel() == "δ of y1\n(trt − ctl)"
    assert axes.get_ylabel() == "δ of y2\n(trt − ctl)"
    assert effect.estimand in texts(figure)
    assert "All holds, and so does Any" in texts(figure)
    assert "50%, 80%, 95% of the posterior" in texts(figure)


def test_the_contours_hold_their_shares_of_the_draws(effect):
    figure = bmco.plot_effect(effect)
    (contours,) = (c for c in figure.axes[0].collections if c.get_gid() == "contours")
    draws = effect.delta.values.reshape(-1, 2)
    inside = [path.contains_points(draws).mean() for path in contours.get_paths()]
    # 2000 draws: a binomial standard error of at most 0.011, and the density is smoothed
    np.testing.assert_allclose(sorted(inside), [0.5, 0.8, 0.95], atol=0.03)


def test_points_are_the_same_every_time_and_at_most_as_many_as_asked(effect):
    def points(most: int) -> np.ndarray:
        figure = bmco.plot_effect(effect, points=most)
        (cloud,) = (c for c in figure.axes[0].collections if c.get_gid() == "draws")
        return np.asarray(cloud.get_offsets())

    assert points(300).shape == (300, 2)
    np.testing.assert_array_equal(points(300), points(300))
    assert points(10_000).shape == (2000, 2)
    assert points(0).shape == (0, 2)


def test_margins_are_dashed_lines_beside_the_zero_lines(effect):
    def dashed(figure: Figure) -> list[Any]:
        return [line for line in lines(figure) if line.get_linestyle() == "--"]

    (upright,) = dashed(bmco.plot_effect(effect, margins=[0.05, 0.0]))
    assert list(upright.get_xdata()) == [0.05, 0.05]
    _, flat = dashed(bmco.plot_effect(effect, "left", 0.1))
    assert list(flat.get_ydata()) == [-0.1, -0.1]
    grey = [
        line for line in lines(bmco.plot_effect(effect, margins=0.1)) if len(line.get_xdata()) > 1
    ]
    zeros = [line for line in grey if line.get_linestyle() == "-"]
    assert [list(line.get_xdata()) for line in zeros] == [[0, 0], [0, 1]]  # upright, flat
    assert [list(line.get_ydata()) for line in zeros] == [[0, 1], [0, 0]]


def test_weights_add_the_boundary_of_comp(effect):
    figure = bmco.plot_effect(effect, margins=[0.05, 0.1], w=[0.8, 0.2])
    (line,) = (line for line in lines(figure) if line.get_gid() == "Comp")
    (x1, y1), (x2, y2) = line.get_xy1(), line.get_xy2()
    for x, y in ((x1, y1), (x2, y2)):
        assert 0.8 * (x - 0.05) + 0.2 * (y - 0.1) == pytest.approx(0, abs=1e-12)
    p = effect.decide("comp", margins=[0.05, 0.1], w=[0.8, 0.2]).probability
    assert f"boundary of Comp, beyond it P = {p:.3f}" in texts(figure)


@pytest.mark.parametrize("outcomes", [("y1",), ("y1", "y2", "y3")])
def test_other_numbers_of_outcomes_have_one_density_each(outcomes):
    effect = effect_of(*outcomes)
    figure = bmco.plot_effect(effect)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(outcomes)
    p = effect.decide("all").marginal.values
    for k, outcome in enumerate(outcomes):
        assert f"P(δ > 0) = {p[k]:.3f}" in " ".join(texts(figure))
        (curve,) = (line for line in lines(figure) if line.get_gid() == outcome)
        x, y = (np.asarray(values, dtype=float) for values in curve.get_data())
        height = y - y.min()
        beyond = np.trapezoid(height[x >= 0], x[x >= 0]) / np.trapezoid(height, x)
        assert beyond == pytest.approx(p[k], abs=0.02)  # smoothing moves mass over the margin
    rules = [text for text in texts(figure) if text.startswith(("All: ", "Any: "))]
    assert len(rules) == (0 if len(outcomes) == 1 else 2)


def test_draws_that_are_all_alike_are_a_line(effect):
    flat = effect_of("y1")
    flat = replace(flat, delta=flat.delta.copy(data=np.full_like(flat.delta, 0.25)))
    figure = bmco.plot_effect(flat)
    assert [line.get_xdata()[0] for line in lines(figure) if line.get_gid()] == [0.25]
    # two outcomes whose differences lie on a line have no density either
    d = effect.delta.copy()
    d[..., 1] = 2 * d[..., 0]
    shown = bmco.plot_effect(replace(effect, delta=d))
    assert "50%, 80%, 95% of the posterior" not in texts(shown)


def test_when_all_draws_agree_it_says_so_with_a_bound(effect):
    sure = replace(effect, delta=effect.delta + 2)
    assert any(text.startswith("All: P > 0.99") for text in texts(bmco.plot_effect(sure)))


def test_a_posterior_that_has_not_converged_is_marked(effect):
    stuck = effect.delta + np.arange(4)[:, None, None]  # each chain elsewhere
    shifted = verdict.diagnose(
        stuck.rename("delta").to_dataset(), {"delta": ["delta"]}, exact=False
    )
    figure = bmco.plot_effect(replace(effect, delta=stuck, diagnostics=shifted))
    assert "NOT CONVERGED: do not use this yet" in texts(figure)


def test_dollars_in_names_are_no_formulas(tmp_path):
    names = {"y1": "cost $a^2", "y2": "gain $b_1$"}
    effect = effect_of(*names.values(), names=names)
    figure = bmco.plot_effect(effect)
    assert figure.axes[0].get_xlabel() == "δ of cost $a^2\n(trt − ctl)"
    figure.savefig(tmp_path / "names.png")
    assert not figure.axes[0].xaxis.label.get_parse_math()
    assert (tmp_path / "names.png").read_bytes()[:4] == b"\x89PNG"


def test_a_notebook_shows_it_without_pyplot(effect):
    figure: Any = bmco.plot_effect(effect)
    assert figure._repr_png_()[0][:4] == b"\x89PNG"
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"effect": "delta"}, "effect='delta'"),
        ({"direction": "up"}, "direction='up'.*'right', 'left'"),
        ({"direction": "two-sided"}, "draw each"),
        ({"margins": [0.1]}, "margins="),
        ({"w": [0, 0]}, "w="),
        ({"points": -1}, "points=-1"),
    ],
)
def test_bad_arguments_are_named(effect, arguments, message):
    with pytest.raises(bmco.InputError, match=message):
        bmco.plot_effect(**({"effect": effect} | arguments))
