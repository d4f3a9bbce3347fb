"""The picture of a comparison: estimands, intervals, the rule on a scale of its own."""

import math
from typing import Any

import numpy as np
import pytest
from drawn import drawn_interval, line, paragraph, row_labels, titles, written

import bmco_pymc as bmco
from bmco_pymc.effects.comparison import make_comparison

pytestmark = pytest.mark.samples


@pytest.fixture(scope="module")
def models(trial_study) -> dict[str, bmco.BMVB]:
    weak = bmco.BMVB(trial_study)
    return {"weak": weak, "strong": weak.with_priors(phi=bmco.Dirichlet(20))}


@pytest.fixture(scope="module")
def both(models) -> Any:
    return bmco.compare(models, rule="any", ci_prob=0.9, seed=3, progress=False)


def test_the_intervals_and_probabilities_are_those_of_the_table(both):
    figure = both.plot()
    assert titles(figure) == ["y1", "y2", "Rule Any"]
    assert row_labels(figure.axes[0]) == ["weak", "strong"]
    table = both.table.set_index(["outcome", "model"])
    for axes, outcome in zip(figure.axes, ("y1", "y2"), strict=False):
        for name in both.fits:
            row = table.loc[(outcome, name), ["delta", "delta_lower", "delta_upper"]]
            assert drawn_interval(axes, name) == pytest.approx(tuple(row))
            lines = [artist for artist in axes.lines if artist.get_gid() == name]
            draws = both.effects[name].delta.sel(outcome=outcome)
            ends = sorted((np.asarray(a.get_xdata(), float) for a in lines), key=np.ptp)
            np.testing.assert_allclose(ends[0], draws.quantile([0.25, 0.75]))  # the thick part
    words = written(figure)
    assert {"P(δ > 0)", "P(Any)", both.decisions["weak"].verdict} <= set(words)
    assert all(f"{p:.3f}" in words for p in both.table["marginal"])
    assert f"{both.decisions['strong'].probability:.3f}" in words
    assert "mean, 50% and 90% interval" in words
    # most of the height is for the intervals, not for rows of text
    figure.draw_without_rendering()
    assert figure.axes[0].get_position().height > 0.35


def test_the_rule_is_a_dot_with_its_monte_carlo_error_beside_what_decides(both):
    axes = both.plot().axes[-1]
    low, high = axes.get_xlim()
    assert low < 0
    assert high > 1
    for name, decision in both.decisions.items():
        (side,) = decision.sides
        assert line(axes, f"{name} P")[0].tolist() == [side.probability]
        ends = line(axes, f"{name} P error")[0]
        np.testing.assert_allclose(ends, side.probability + 2 * side.mcse * np.array([-1, 1]))
        assert line(axes, f"{name} decides")[0].tolist() == [float(max(side.marginal))]
        assert line(axes, "threshold")[0].tolist() == [0.975, 0.975]
        # the two are told apart by place and shape
        assert line(axes, f"{name} P")[1] != line(axes, f"{name} decides")[1]
    shapes = {a.get_gid(): a.get_marker() for a in axes.lines}
    assert shapes["weak P"] != shapes["weak decides"]
    words = written(both.plot())
    assert "largest marginal probability, which decides" in words
    assert {"P(Any), ± 2 Monte Carlo errors", "threshold 0.975"} <= set(words)


def test_where_the_rule_itself_decides_it_is_drawn_once(models):
    found = bmco.compare(models, rule="comp", w=[0.5, 0.5], seed=3, progress=False)
    figure = found.plot()
    gids = {artist.get_gid() for artist in figure.axes[-1].lines}
    assert {"weak P", "strong P", "threshold"} <= gids
    assert "weak decides" not in gids
    assert "P(Comp), which decides, ± 2 Monte Carlo errors" in written(figure)


def test_where_all_draws_agree_the_error_reaches_the_bound(models):
    found = bmco.compare(models, rule="all", margins=-0.6, seed=3, progress=False)
    (side,) = found.decisions["weak"].sides
    assert side.bound is not None
    assert not math.isnan(side.bound)
    ends = line(found.plot().axes[-1], "weak P error")[0]
    assert ends.tolist() == [side.bound, 1]


def test_two_sides_have_a_panel_each(models):
    found = bmco.compare(models, rule="all", direction="two-sided", seed=3, progress=False)
    figure = found.plot()
    assert titles(figure) == ["y1", "y2", "Rule All, right", "Rule All, left"]
    for axes, side in zip(figure.axes[2:], found.decisions["weak"].sides, strict=True):
        assert line(axes, "weak P")[0].tolist() == [side.probability]
        assert line(axes, "threshold")[0][0] == 0.975


def test_it_says_what_is_averaged_over_what(both, models):
    estimand = both.effects["weak"].estimand
    assert paragraph(both.plot()).count(estimand) == 1
    assert "The estimands differ" not in paragraph(both.plot())


def test_it_says_whose_estimand_is_another(schools_fit):
    effects = {c: schools_fit.effect(clusters=c) for c in ("new", "observed")}
    fits = dict.fromkeys(effects, schools_fit)
    words = paragraph(make_comparison(fits, effects, bmco.Rule("all"), ci_prob=0.95).plot())
    assert "The estimands differ." in words
    for name, effect in effects.items():
        assert f"{name}: {effect.estimand}" in words


def test_what_has_not_converged_is_hollow_everywhere(models):
    with pytest.warns(bmco.ConvergenceWarning, match="TOO FEW DRAWS"):
        short = models["strong"].fit(draws=90, seed=1)
    plan = {"long": models["weak"], "short": short}
    with pytest.warns(bmco.ConvergenceWarning, match="short: TOO FEW DRAWS"):
        found = bmco.compare(plan, seed=1, progress=False)
    figure = found.plot()
    assert "do not use this yet" in written(figure)
    faces = {
        artist.get_gid(): artist.get_markerfacecolor()
        for axes in figure.axes
        for artist in axes.lines
        if artist.get_marker() not in (None, "None", "")
    }
    hollow = {gid for gid, face in faces.items() if face == "white"}
    assert hollow == {"short mean", "short P", "short decides"}


def test_nothing_is_called_a_prior_that_is_a_model(both):
    assert both.table.columns[0] == "model"
    assert "under 2 models" in str(both)
    assert str(both).splitlines()[1].split()[0] == "model"
    assert "prior" not in paragraph(both.plot())
