"""Every picture can be read: no text over another, and no colour alone tells marks apart."""

from __future__ import annotations

import pickle
import runpy
import warnings
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from drawn import places, unreadable
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from PIL import Image

import bmco_pymc as bmco
from bmco_pymc.plots import style

mpl.use("Agg")

GALLERY: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "gallery.py"))
SHADES = 0.08  # of 1: greys that a reader tells apart side by side


@pytest.fixture(scope="module")
def pictures() -> dict[str, Figure]:
    """Every picture that needs no sampler."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.InputWarning)
        return dict(GALLERY["exact"]())


def grey(colour: Any, alpha: float | None = None) -> float:
    """Return how light a colour is on white paper in a copy without colours, 0 to 1."""
    red, green, blue, own = to_rgba(colour, alpha)
    mixed = own * np.array([red, green, blue]) + 1 - own
    return float(GALLERY["seen"](mixed, "grey")[0])


def look(handle: Artist) -> tuple[Any, float]:
    """Return the shape of a mark in a legend, and how light it is."""
    if isinstance(handle, Line2D):
        face = to_hex(handle.get_markerfacecolor())
        marker = handle.get_marker()
        shape: Any = (
            (marker, face == "#ffffff") if marker not in ("", "None", None) else None,
            handle.get_linestyle(),
            round(handle.get_linewidth(), 1),
        )
        return shape, grey(handle.get_color(), handle.get_alpha())
    if isinstance(handle, Patch):
        return ("area", handle.get_hatch(), handle.get_linestyle()), grey(handle.get_facecolor())
    assert isinstance(handle, Collection)
    return ("points", type(handle)), grey(handle.get_facecolor()[0])


def alike(figure: Figure) -> Iterator[str]:
    """Return the pairs of a legend that a copy without colours does not tell apart.

    What has no mark is words alone; what has both colours of two others is of both.
    """
    for key in figure.legends:
        named = zip(key.legend_handles, (text.get_text() for text in key.get_texts()), strict=True)
        looks = [
            (look(handle), name) for handle, name in named if handle and handle.get_alpha() != 0
        ]
        marked = [
            (*own, name)
            for own, name in looks
            if own[0][:2] != (None, "None") and not name.endswith("both areas together")
        ]
        for (shape, light, name), (form, shade, second) in combinations(marked, 2):
            if shape == form and abs(light - shade) < SHADES:
                yield f"{name} and {second}"


@pytest.mark.slow
def test_no_text_runs_over_another(pictures: dict[str, Figure]) -> None:
    found = {name: unreadable(figure) for name, figure in pictures.items()}
    assert {name: problems for name, problems in found.items() if problems} == {}
    assert len(found) > 50


@pytest.mark.slow
def test_marks_are_told_apart_without_colours(pictures: dict[str, Figure]) -> None:
    found = {name: list(alike(figure)) for name, figure in pictures.items()}
    assert {name: pairs for name, pairs in found.items() if pairs} == {}
    assert sum(bool(figure.legends) for figure in pictures.values()) > 40


def test_texts_that_run_over_each_other_are_found() -> None:
    figure = style.panels(4, 3, 1, 2)[0]
    assert unreadable(figure) == []
    left, right = figure.axes
    left.set_title("a title that is much too long for its panel", loc="left")
    right.set_title("another title", loc="left")
    assert any("much too long" in found for found in unreadable(figure))
    left.set_title("", loc="left")
    left.text(3, 0.5, "beyond the paper").set_in_layout(False)
    assert "'beyond the paper' at the edge" in unreadable(figure)


def test_colours_that_a_copy_makes_alike_are_found() -> None:
    figure = style.panels(4, 3)[0]
    green, red = (style.key(name, colour) for name, colour in (("a", "#009E73"), ("b", "#C86432")))
    style.legend(figure, [green, red])
    assert list(alike(figure)) == ["a and b"]
    other = style.panels(4, 3)[0]
    style.legend(other, [green, style.key("b", "#C86432", linestyle="--")])
    assert list(alike(other)) == []


def test_the_groups_and_the_first_chains_differ_for_every_eye() -> None:
    from bmco_pymc.plots.chains import COLOURS

    for colours in (style.GROUPS, COLOURS[:4]):
        rgb = np.array([to_rgba(colour)[:3] for colour in colours])
        for how in ("grey", *GALLERY["VISION"]):
            seen = GALLERY["seen"](rgb, how)
            for one, other in combinations(seen, 2):
                assert np.abs(one - other).max() > SHADES, how


def test_other_eyes_see_the_greys_as_they_are_and_confuse_what_they_should() -> None:
    seen = GALLERY["seen"]
    for how in ("grey", *GALLERY["VISION"]):
        np.testing.assert_allclose(seen(np.full((2, 3), 0.4), how), 0.4, atol=2e-3)
    red, green = np.array([1.0, 0, 0]), np.array([0.0, 1, 0])
    assert seen(green, "grey")[0] == pytest.approx(0.8625, abs=1e-4)  # 0.7152 of linear light
    for how, apart in (("protanopia", 0.35), ("deuteranopia", 0.35)):
        hue = [colour[0] - colour[1] for colour in (seen(red, how), seen(green, how))]
        assert abs(hue[0] - hue[1]) < apart < abs((red - green)[0] - (red - green)[1])


def test_the_heading_fits_a_figure_that_was_made_narrower() -> None:
    figure = style.panels(8, 3)[0]
    title = "A title that is as wide as a figure of eight inches is"
    words = " ".join(["words"] * 30)
    style.figure_heading(figure, title, words)
    assert unreadable(figure) == []
    wide = max(at.x1 for at in places(figure).values())
    again = pickle.loads(pickle.dumps(figure))
    for one in (figure, again):
        one.set_size_inches(4, 3)
        assert unreadable(one) == []
        found = {" ".join(text.get_text().split()): at for text, at in places(one).items()}
        assert {title, words} <= set(found)  # nothing was left out
        assert max(at.x1 for at in found.values()) <= 400 < wide


def test_a_picture_is_kept_as_wide_as_it_is_asked(tmp_path: Path) -> None:
    figure = style.panels(4, 2)[0]
    figure.axes[0].plot([0, 1], [0, 1], color="#D55E00", linewidth=9)
    for how in (None, "grey"):
        GALLERY["keep"](figure, tmp_path / "one.png", how, 200, 300)
        pixels = imread(tmp_path / "one.png")
        assert pixels.shape[:2] == (100, 200)
        with Image.open(tmp_path / "one.png") as kept:
            assert kept.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        coloured = np.ptp(pixels[..., :3], axis=-1).max() > 0.3
        assert coloured == (how is None)
