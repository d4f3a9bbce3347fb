"""Labels of any kind: what the user called things is shown as it is, and obeyed by nothing."""

import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from itertools import combinations
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import bmco_pymc as bmco
from bmco_pymc.effects.comparison import Comparison
from bmco_pymc.effects.curve import Curve
from bmco_pymc.effects.sensitivity import Sensitivity
from bmco_pymc.effects.subgroups import Subgroups
from bmco_pymc.plots.chains import plot

pytestmark = pytest.mark.samples

mpl.use("Agg")

LONG = "the name of something that was measured " * 9
OUTCOMES = ["$\\frac{x$_|*day*/\n\x1b[1m", f"<i>é😀</i> שלום \u202e`q` {LONG}"]
ARMS = ("c$_{\t|", f"t/<i>\x07 {LONG}")
SITES = ["$1$", "a/b", "c|d_e*", "\ttab", "\x1b[31m", "😀", f"site {LONG}", "שלום", "_h", "x\ny"]
ARM, SITE, AGE, PART = "arm|$_{$\n", "site/$\x1b[1m|", "age/10 $^{| <i>", "part$|_\n"
# C0 and C1 controls but the line end, marks that turn the direction of writing
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 300
    columns: dict[str, Any] = {
        ARM: rng.choice(ARMS, n),
        SITE: rng.choice(SITES, n),
        AGE: rng.normal(50, 10, n),
        PART: rng.choice(["m$_|\n", "f\x1b[31m*"], n),
    }
    columns |= {outcome: rng.integers(0, 2, n) for outcome in OUTCOMES}
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def asked(table) -> SimpleNamespace:
    """All that can be printed or drawn of one study."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.ConvergenceWarning)
        study = bmco.Study(table, OUTCOMES, ARM, *ARMS, cluster=SITE)
        model = bmco.BGLMM(study, f"`{ARM}` * `{AGE}`", "1")
        fit = model.fit(draws=50, tune=100, chains=2, seed=1, progress=False)
        effect = fit.effect()
        seen = table[OUTCOMES].astype(float).mask(np.arange(300)[:, None] % 4 == [1, 2])
        in_part = bmco.Study(table.assign(**seen), OUTCOMES, ARM, *ARMS, missing="mar")
        partly = bmco.BMVB(in_part).fit(draws=100, seed=1)
        return SimpleNamespace(
            study=study,
            model=model,
            fit=fit,
            diagnostics=fit.diagnostics,
            effect=effect,
            prior=model.prior_effect(draws=50),
            decision=effect.decide("any", "two-sided"),
            report=effect.report(),
            subgroups=fit.effects_by(PART, progress=False),
            sites=fit.effects_by(SITE, progress=False),
            decisions=fit.effects_by(PART, progress=False).decide(),
            curve=fit.curve(AGE, [40, 60], progress=False),
            compared=bmco.compare({f"$_{{ {LONG}": fit, "b\x1b[1m": fit}, progress=False),
            sensitivity=fit.sensitivity(),
            check=fit.check(draws=20),
            overlap=fit.overlap(bmco.Target(table)),
            partly=partly,
            tipping=partly.tipping_point([-2, -1, 1, 2]),
            carried=fit.effect(bmco.Target(table, AGE)),
            population=bmco.Value({AGE: 50}),
        )


PICTURES: dict[str, Callable[[Any], Any]] = {
    "Fit.plot_trace": lambda a: a.fit.plot_trace("fixed"),
    "Fit.plot_density": lambda a: a.fit.plot_density("random"),
    "Fit.plot_autocorr": lambda a: a.fit.plot_autocorr("fixed"),
    "Fit.plot_rank": lambda a: a.fit.plot_rank("random"),
    "result.plot": lambda a: plot(a.fit, "all", "fixed"),
    "Fit.plot_check": lambda a: a.fit.plot_check(draws=50),
    "correlations": lambda a: a.fit.plot_check("correlations", draws=50),
    "patterns": lambda a: a.fit.plot_check("patterns", draws=50),
    "clusters": lambda a: a.fit.plot_check("clusters", draws=50),
    "calibration": lambda a: a.fit.plot_check("calibration", draws=50),
    "Fit.plot_clusters": lambda a: a.fit.plot_clusters(progress=False),
    "coefficients": lambda a: a.fit.plot_clusters("coefficients"),
    "Fit.plot_shrinkage": lambda a: a.fit.plot_shrinkage(),
    "Effect.plot_theta": lambda a: a.effect.plot_theta(),
    "Effect.plot_delta": lambda a: a.effect.plot_delta(w=[0.5, 0.5]),
    "Effect.plot_joint": lambda a: a.effect.plot_joint("comp"),
    "plot_effect": lambda a: bmco.plot_effect(a.effect),
    "Curve.plot": lambda a: a.curve.plot(),
    "Subgroups.plot": lambda a: a.subgroups.plot(),
    "sites": lambda a: a.sites.plot(),
    "Comparison.plot": lambda a: a.compared.plot(),
    "Sensitivity.plot": lambda a: a.sensitivity.plot(),
    "Overlap.plot": lambda a: a.overlap.plot(),
    "Fit.plot_missing": lambda a: a.partly.plot_missing(),
    "TippingPoint.plot": lambda a: a.tipping.plot(),
    "two-sided": lambda a: a.partly.tipping_point([-1, 1], direction="two-sided").plot(),
}


def test_every_picture_is_among_those_that_are_tried():
    owners = (
        *(bmco.Fit, bmco.Effect, Curve, Subgroups, Comparison, Sensitivity, bmco.Overlap),
        bmco.TippingPoint,
    )
    public = {
        f"{owner.__name__}.{name}"
        for owner in owners
        for name, _ in inspect.getmembers(owner, callable)
        if name.startswith("plot")
    }
    assert {"Fit.plot_trace", "Subgroups.plot"} <= public <= set(PICTURES)


@pytest.fixture
def drawn(monkeypatch) -> dict[Text, tuple[str, Any]]:
    """What is written while a figure is drawn, and where: the last time, which follows layout."""
    found: dict[Text, tuple[str, Any]] = {}
    original = Text.draw

    def draw(self: Text, renderer: Any) -> None:
        if self.get_visible() and self.get_text().strip():
            found[self] = self.get_text(), self.get_window_extent(renderer)
        original(self, renderer)

    monkeypatch.setattr(Text, "draw", draw)
    return found


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    from matplotlib import pyplot as plt

    plt.close("all")


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font:UserWarning")  # 😀 has no glyph
@pytest.mark.filterwarnings("ignore::bmco_pymc.ConvergenceWarning")
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_shows_any_label_inside_its_frame(asked, drawn, name, tmp_path):
    made = PICTURES[name](asked)
    figure = made if isinstance(made, Figure) else made.viz["figure"].item()
    figure.savefig(tmp_path / "picture.svg")
    ElementTree.parse(tmp_path / "picture.svg")  # no character that XML cannot hold
    assert not [text for text, _ in drawn.values() if OBEYED.search(text)]
    width, height = 72 * figure.get_size_inches()  # an SVG is in points
    outside = [
        text
        for text, at in drawn.values()
        if at.x0 < -2 or at.y0 < -2 or at.x1 > width + 2 or at.y1 > height + 2
    ]
    assert not outside
    titles = [drawn[t] for axes in figure.axes for t in axes.get_children() if t in drawn]
    touching = [
        (first[0], second[0])
        for first, second in combinations(titles, 2)
        if first[0] and second[0] and first[1].padded(-1).overlaps(second[1].padded(-1))
    ]
    assert not touching


def test_a_dollar_is_a_dollar_whatever_the_settings(asked, drawn, tmp_path):
    with mpl.rc_context({"text.usetex": True}):  # where LaTeX would read $, _ and {
        asked.effect.plot_delta().savefig(tmp_path / "picture.png")
    assert any("$\\frac{x$_|*day*/\\n\\x1b[1m" in text for text, _ in drawn.values())


PRINTED = [
    *("study", "model", "fit", "diagnostics", "effect", "prior", "decision", "report", "subgroups"),
    *("sites", "decisions", "curve", "compared", "sensitivity", "check", "population"),
    *("partly", "tipping"),
]


@pytest.mark.parametrize("name", PRINTED)
def test_nothing_printed_gives_orders(asked, name):
    thing = getattr(asked, name)
    texts = [str(thing), repr(thing)]
    if hasattr(thing, "_repr_html_"):
        texts.append(thing._repr_html_())
        assert "<i>" not in texts[-1]
        ElementTree.fromstring(texts[-1])
    assert not [text for text in texts if OBEYED.search(text)]


def test_markdown_shows_labels_as_they_are(asked):
    markdown = asked.report.markdown()
    assert not OBEYED.search(markdown)
    rows = [line for line in markdown.splitlines() if line.startswith("| ")]
    bars = r"(?<!\\)(?:\\\\)*\|"
    assert len({len(re.findall(bars, row)) for row in rows}) == 1
    text = "\n".join(line for line in markdown.splitlines() if line not in rows)
    for sign in "|$`":  # of our own there are none but in the table
        assert not re.search(rf"(?<!\\)(?:\\\\)*{re.escape(sign)}", text)
    assert "<i>" not in markdown.replace("\\<i>", "")
    assert "\\*day\\*/\\\\n\\\\x1b[1m" in markdown


def test_tables_keep_labels_as_they_are(asked):
    assert asked.effect.summary().index[-2:].tolist() == [f"delta[{k}]" for k in OUTCOMES]
    assert asked.effect.theta["group"].values.tolist() == list(ARMS)
    assert asked.fit.idata["posterior"]["cluster"].values.tolist() == sorted(SITES)
    assert asked.subgroups.table.columns[0] == PART
    assert set(asked.subgroups.table[PART]) == {"m$_|\n", "f\x1b[31m*"}


def test_any_label_survives_a_file(asked, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.ConvergenceWarning)
        asked.fit.save(tmp_path / "fit.zarr.zip")
        loaded = bmco.load(tmp_path / "fit.zarr.zip")
        effect = loaded.effect()
    assert effect.summary().equals(asked.effect.summary())
    assert loaded.model.study.outcomes == tuple(OUTCOMES)
