"""Curves along a covariate and effects in subgroups: numbers, tables, decisions, pictures."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from drawn import collection, drawn_interval, line, paragraph, row_labels, titles, written
from scipy.special import softmax

import bmco_pymc as bmco
from bmco_pymc.diagnostics.findings import Problem
from bmco_pymc.effects.splitting import by_bins, by_category, is_binned

pytestmark = pytest.mark.samples

AT = [-1.5, 0.0, 2.0]


def delta_at(fit, x: np.ndarray) -> np.ndarray:
    """Return δ (S, K) averaged over x by brute force, for the formula arm * x."""
    beta = fit.idata["posterior"]["beta"].transpose("chain", "draw", "term", "logit").values
    beta = beta.reshape(-1, *beta.shape[2:])  # (S, P, L): Intercept, arm, x, arm:x
    theta = []
    for arm in (0, 1):
        X = np.column_stack([np.ones(len(x)), np.full(len(x), arm), x, arm * x])
        eta = np.einsum("np,spl->snl", X, beta)
        phi = softmax(np.concatenate([eta, np.zeros((*eta.shape[:2], 1))], axis=-1), axis=-1)
        theta.append(np.stack([phi[..., 0] + phi[..., 1], phi[..., 0] + phi[..., 2]], -1).mean(1))
    return theta[1] - theta[0]


def wrong(fit: bmco.Fit) -> bmco.Fit:
    problem = Problem("rhat", "R-hat is above 1.01", "take more draws")
    return replace(fit, diagnostics=replace(fit.diagnostics, problems=(problem,)))


@pytest.fixture(scope="module")
def curve(trial_fit):
    return trial_fit.curve("x", AT, progress=False)


@pytest.fixture(scope="module")
def quarters(trial_fit):
    return trial_fit.effects_by("x", progress=False)


def test_a_curve_is_the_effect_at_each_value(trial_fit, curve):
    assert curve.at == tuple(AT)
    assert dict(curve.delta.sizes)["value"] == 3
    for x in AT:
        expected = delta_at(trial_fit, np.array([x]))
        got = curve.delta.sel(value=x).transpose("chain", "draw", "outcome").values.reshape(-1, 2)
        np.testing.assert_allclose(got, expected, atol=1e-12)
    one = trial_fit.effect(bmco.Value(x=2.0)).summary()
    rows = curve.table[curve.table["x"] == 2.0]
    np.testing.assert_array_equal(rows["mean"], one["mean"])
    np.testing.assert_array_equal(rows["upper"], one["upper"])


def test_the_table_of_a_curve_is_tidy(curve):
    table = curve.summary(0.8)
    assert list(table.columns[:4]) == ["x", "quantity", "group", "outcome"]
    assert len(table) == 3 * (2 * 2 + 2)
    chosen = table[(table["quantity"] == "theta") & (table["group"] == "trt")]
    chosen = chosen[chosen["outcome"] == "y2"].set_index("x")
    theta = curve.theta.sel(group="trt", outcome="y2")
    np.testing.assert_allclose(chosen["mean"], theta.mean(("chain", "draw")))
    np.testing.assert_allclose(chosen["lower"], theta.quantile(0.1, ("chain", "draw")))
    delta = table[table["quantity"] == "delta"]
    assert delta["group"].isna().all()


def test_a_curve_has_25_values_of_the_whole_range_by_default(trial_fit):
    curve = trial_fit.curve("x", progress=False)
    data = bmco.load_trial()["x"]
    assert (len(curve.at), curve.at[0], curve.at[-1]) == (25, data.min(), data.max())
    assert "9 of 25 values" in str(curve)


def test_decisions_along_a_curve_are_those_of_the_effects(curve):
    decided = curve.decide("any", margins=-0.05)
    expected = [effect.decide("any", margins=-0.05) for effect in curve.effects]
    np.testing.assert_array_equal(decided.probability, [d.probability for d in expected])
    table = decided.table
    assert table["x"].tolist() == AT
    assert table["decision"].tolist() == [d.decision for d in expected]
    np.testing.assert_array_equal(table["P[y1]"], [float(d.marginal[0]) for d in expected])
    assert "error rate over all values together is not controlled" in str(decided)
    both = curve.decide("all", "two-sided").table
    assert both["direction"].tolist() == ["right", "left"] * 3


def test_a_curve_draws_bands_and_what_decides(curve):
    figure = curve.plot("any", margins=[0.1, 0.0])
    assert titles(figure) == ["y1", "y2", "Rule Any"]
    assert figure.axes[-1].get_xlabel() == "x"
    for k, outcome in enumerate(["y1", "y2"]):
        delta = curve.delta.sel(outcome=outcome)
        x, mean = line(figure.axes[k], outcome)
        np.testing.assert_array_equal(x, AT)
        np.testing.assert_allclose(mean, delta.mean(("chain", "draw")))
        corners = collection(figure.axes[k], "0.95 band").get_paths()[0].vertices
        for place, value in enumerate(AT):
            drawn = corners[np.isclose(corners[:, 0], value), 1]
            ends = delta.isel(value=place).quantile([0.025, 0.975])
            np.testing.assert_allclose([drawn.min(), drawn.max()], ends)
        dashed = [a for a in figure.axes[k].lines if a.get_linestyle() == "--"]
        assert len(dashed) == (1 if k == 0 else 0)
    x, p = line(figure.axes[2], "P(Any)")
    decided = curve.decide("any", margins=[0.1, 0.0])
    np.testing.assert_array_equal(p, decided.probability)
    _, decides = line(figure.axes[2], "decides")
    largest = [max(decision.marginal.values) for decision in decided.decisions]
    np.testing.assert_array_equal(decides, largest)
    _, threshold = line(figure.axes[2], "threshold")
    assert threshold.tolist() == [0.975, 0.975]  # 1 − α/K
    assert {"0.975", "threshold 0.975", "P(rule Any holds)"} <= set(written(figure))
    assert "largest marginal probability, which decides" in written(figure)
    assert "Both groups at each x from -1.5 to 2." in paragraph(figure)


@pytest.mark.parametrize(
    ("rule", "given", "words"),
    [
        ("all", {}, "smallest marginal probability"),
        ("count", {"m": 2}, "marginal probability of rank 2"),
        ("comp", {"w": [0.3, 0.7]}, None),
        ("any", {"statistic": "joint"}, None),
        ("all", {"direction": "left", "cut": 0.6}, "smallest marginal probability"),
    ],
)
def test_a_curve_draws_the_probability_that_decides(curve, rule, given, words):
    sides = [d.sides[0] for d in curve.decide(rule, **given).decisions]
    figure = curve.plot(rule, **given)
    axes = figure.axes[-1]
    np.testing.assert_array_equal(line(axes, "decides")[1], [side.statistic for side in sides])
    assert line(axes, "threshold")[1][0] == sides[0].threshold
    name = str(bmco.Rule(rule, **given).rule)
    said = words or f"P(rule {name} holds)"
    assert f"{said}, which decides" in written(figure)
    # where the probability that the rule holds decides, it is drawn once
    holds = [a for a in axes.lines if a.get_gid() == f"P({name})"]
    assert len(holds) == (1 if words else 0)


def test_where_what_decides_is_above_its_threshold_is_shaded(trial_fit):
    x = np.linspace(-2, 2, 9)
    curve = trial_fit.curve("x", x, progress=False)
    sides = [d.sides[0] for d in curve.decide("any", alpha=0.2).decisions]
    figure = curve.plot("any", alpha=0.2)
    spans = [p for p in figure.axes[-1].patches if p.get_gid() == "met"]
    zones = [(p.get_x(), p.get_x() + p.get_width()) for p in spans]
    assert any(side.met for side in sides)
    assert not all(side.met for side in sides)
    grid = np.linspace(-2, 2, 4001)
    shaded = np.any([(grid >= left) & (grid <= right) for left, right in zones], axis=0)
    drawn = np.interp(grid, *line(figure.axes[-1], "decides"))
    sure = np.abs(drawn - sides[0].threshold) > 1e-3
    np.testing.assert_array_equal(shaded[sure], drawn[sure] > sides[0].threshold)
    assert "superior at level 0.2" in written(figure)
    strict = curve.plot("all", margins=0.9)
    assert [p for p in strict.axes[-1].patches if p.get_gid() == "met"] == []
    assert titles(curve.plot(None)) == ["y1", "y2"]


def test_values_outside_the_data_are_warned_of_once(trial_fit):
    with pytest.warns(bmco.InputWarning, match="outside the data.*and 1 more like this") as caught:
        trial_fit.curve("x", [0, 5, 6], progress=False)
    assert len(caught) == 1


def test_draws_that_have_not_converged_are_marked_and_warned_of_once(trial_fit, curve):
    bad = wrong(trial_fit)
    for value in (bad.curve("x", AT, progress=False), bad.effects_by("x", 2, progress=False)):
        assert "NOT CONVERGED" in str(value)
        assert "NOT CONVERGED: do not use this yet" in written(value.plot())
    assert "NOT CONVERGED" not in paragraph(curve.plot())
    idata = trial_fit.idata.copy()
    shifted = idata["posterior"]["beta"] + xr_steps(idata)
    idata["posterior"] = idata["posterior"].to_dataset().assign(beta=shifted)
    with pytest.warns(bmco.ConvergenceWarning, match="3 of 3 populations: NOT") as caught:
        replace(trial_fit, idata=idata).curve("x", AT, progress=False)
    assert len(caught) == 1


def xr_steps(idata):
    chains = idata["posterior"]["chain"]
    return chains.copy(data=np.arange(len(chains), dtype=float))


def test_subgroups_are_averages_over_their_own_subjects(trial_fit, quarters):
    x = bmco.load_trial()["x"].to_numpy()
    edges = quarters.edges
    assert len(edges) == 5
    for place, effect in enumerate(quarters.effects):
        last = place == 3
        inside = (x >= edges[place]) & ((x <= edges[place + 1]) if last else (x < edges[place + 1]))
        assert inside.sum() == sum(quarters.subjects[place])
        np.testing.assert_allclose(
            effect.delta.values.reshape(-1, 2), delta_at(trial_fit, x[inside]), atol=1e-12
        )
    whole = trial_fit.effect().summary()
    pd.testing.assert_frame_equal(quarters.overall.summary(), whole)


def test_quantile_bins_hold_all_subjects_once_and_about_as_many_each(quarters):
    sizes = [sum(pair) for pair in quarters.subjects]
    assert sum(sizes) == 240
    assert max(sizes) - min(sizes) <= 2
    assert quarters.notes == ()
    assert quarters.labels[0].startswith("[-2.8")
    assert quarters.labels[-1].endswith("]")


def test_a_subgroup_can_be_asked_for_again(trial_fit, quarters):
    for label, population in zip(quarters.labels, quarters.populations, strict=True):
        again = trial_fit.effect(population)
        np.testing.assert_array_equal(quarters[label].delta, again.delta)
    table = quarters.table
    rows = table[(table["x"] == quarters.labels[2]) & (table["quantity"] == "delta")]
    expected = quarters.effects[2].summary()
    np.testing.assert_array_equal(rows["lower"], expected.loc[["delta[y1]", "delta[y2]"], "lower"])
    assert rows["subjects"].unique().tolist() == [sum(quarters.subjects[2])]
    with pytest.raises(bmco.InputError, match="subgroup='young'.*'x'"):
        quarters["young"]


def test_edges_may_be_given_and_leave_subjects_out(trial_fit):
    halves = trial_fit.effects_by("x", [-1, 0, 1], standardise="own", progress=False)
    assert halves.labels == ("[-1, 0)", "[0, 1]")
    x = bmco.load_trial()["x"]
    outside = int(((x < -1) | (x > 1)).sum())
    assert halves.notes == (f"{outside} subjects are in no subgroup.",)
    assert "Each group averaged over its own subjects" in str(halves)


def test_subgroups_print_and_decide(quarters):
    text = str(quarters)
    for label in (*quarters.labels, "all subjects"):
        assert f"\n{label}" in text
    row = quarters.effects[0].summary().loc["delta[y2]"]
    assert f"{row['mean']:.3f} [{row['lower']:.3f}, {row['upper']:.3f}]" in text
    assert "Estimand in" in text
    decided = quarters.decide("comp", w=[0.5, 0.5])
    expected = [e.decide("comp", w=[0.5, 0.5]).probability for e in quarters.effects]
    assert decided.table["probability"].tolist() == expected
    assert "error rate over all of them is not controlled" in str(decided)


def test_the_forest_of_subgroups_has_their_numbers(quarters):
    figure = quarters.plot("all", margins=[0.1, 0])
    assert titles(figure) == ["y1", "y2"]
    sizes = [sum(pair) for pair in quarters.subjects]
    labels = [f"{k}   n = {n}" for k, n in zip(quarters.labels, sizes, strict=True)]
    assert row_labels(figure.axes[0]) == [*labels, "all subjects   n = 240"]
    for k, outcome in enumerate(["y1", "y2"]):
        for row, effect in enumerate([*quarters.effects, quarters.overall]):
            numbers = effect.summary().loc[f"delta[{outcome}]", ["mean", "lower", "upper"]]
            assert drawn_interval(figure.axes[k], f"row {row}") == pytest.approx(tuple(numbers))
    p = quarters.effects[1].decide("all", margins=[0.1, 0]).probability
    assert f"{p:.3f}" in written(figure)
    assert "P(All)" not in written(quarters.plot(None))


def test_categories_need_not_be_in_the_model(trial_fit):
    data = bmco.load_trial()
    data["site"] = np.where(data["x"] > 1, "it's <b>", "rest")
    study = bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt")
    fit = replace(trial_fit, model=bmco.BGLM(study, "arm * x"))
    by = fit.effects_by("site", progress=False)
    assert by.labels == ("it's <b>", "rest")
    assert by.edges is None
    expected = delta_at(fit, data.loc[data["x"] > 1, "x"].to_numpy())
    np.testing.assert_allclose(by.effects[0].delta.values.reshape(-1, 2), expected, atol=1e-12)
    assert "it&#x27;s &lt;b&gt;" in by._repr_html_()
    assert "<b>" not in by.decide()._repr_html_().split("</b>", 1)[1]


def test_other_covariates_keep_the_samples_values_or_are_given(trial_fit):
    data = bmco.load_trial()
    data["sex"] = np.where(np.arange(240) % 3 == 0, "m", "f")
    study = bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt")
    model = bmco.BGLM(study, "arm * x + arm:sex")
    terms, rng = model.terms.fixed, np.random.default_rng(3)
    beta = rng.normal(0.2, 0.5, size=(4, 250, len(terms), 3))
    coords = {"term": list(terms), "logit": ["11", "10", "01"], "chain": range(4)}
    draws = xr.DataArray(
        beta, dims=("chain", "draw", "term", "logit"), coords={**coords, "draw": range(250)}
    )
    posterior = xr.DataTree.from_dict({"posterior": xr.Dataset({"beta": draws})})
    fit = replace(trial_fit, model=model, idata=posterior)

    def theta(arm: int, sex: str) -> np.ndarray:  # at x = 1, from the names of the terms
        value = {"Intercept": 1, "arm": arm, "x": 1, "arm:x": arm}
        value |= {f"arm:sex[{s}]": arm * (sex == s) for s in "fm"}
        value |= {f"arm:sex[T.{s}]": arm * (sex == s) for s in "fm"}
        eta = np.tensordot(beta, [value[term] for term in terms], axes=([2], [0]))  # (4, 250, 3)
        phi = softmax(np.concatenate([eta, np.zeros((4, 250, 1))], axis=-1), axis=-1)
        return np.stack([phi[..., 0] + phi[..., 1], phi[..., 0] + phi[..., 2]], axis=-1)

    by_sex = {sex: theta(1, sex) - theta(0, sex) for sex in "fm"}
    assert np.abs(by_sex["f"] - by_sex["m"]).max() > 0.1
    pooled = fit.curve("x", [0, 1], progress=False)
    expected = (160 * by_sex["f"] + 80 * by_sex["m"]) / 240
    np.testing.assert_allclose(pooled.delta.sel(value=1), expected, atol=1e-12)
    assert "with sex as in all 240 subjects of both groups" in pooled.estimand
    men = fit.curve("x", [0, 1], {"sex": "m"}, progress=False)
    np.testing.assert_allclose(men.delta.sel(value=1), by_sex["m"], atol=1e-12)
    assert men.estimand == "Both groups at each x from 0 to 1, sex = m."


def test_how_columns_are_split():
    numbers = pd.Series([1, 1, 1, 1, 2, 9, 9, 9])
    assert not is_binned(numbers, None)  # three values, four bins: each value is a subgroup
    assert is_binned(numbers, 2)
    ones, rows = np.ones(8, dtype=int), (np.arange(8), 8)
    assert by_bins("n", numbers, ones, 2, *rows)[0] == (1.0, 2.0, 9.0)
    weighted = by_bins("n", numbers, np.array([1, 1, 1, 1, 30, 1, 1, 1]), 2, *rows)[0]
    assert weighted == (1.0, 2.0, 9.0) or weighted == (1.0, 9.0, 9.0)
    many = pd.Series([0] * 90 + list(range(1, 11)))
    with pytest.warns(bmco.InputWarning, match="too many equal values for 5 bins"):
        edges, _ = by_bins("n", many, np.ones(100, dtype=int), 5, np.arange(100), 100)
    assert edges == (0.0, 1.0, 10.0)
    # a name that no query can hold; row 1 of the input is not analysed
    position = np.array([0, 2, 3, 4, 5, 6, 7, 8])
    _, found = by_bins("n`\x1b", numbers, ones, [1, 2, 9], position, 9)
    chosen = [np.flatnonzero(np.asarray(p.mask)).tolist() for p in found.values()]
    assert chosen == [[0, 2, 3, 4], [5, 6, 7, 8]]
    dates = pd.Series(pd.to_datetime(["2020-01-01", "2021-01-01", "2020-01-01"]))
    populations = list(by_category("day", dates, np.array([0, 2, 3]), 4).values())
    masks = [population.mask for population in populations]
    assert [mask.tolist() for mask in masks if mask is not None] == [
        [True, False, False, True],
        [False, False, True, False],
    ]
    names = by_category("a b", pd.Series([True, False]), np.arange(2), 2)
    assert list(names.values()) == [
        bmco.Empirical(query="`a b` == False"),
        bmco.Empirical(query="`a b` == True"),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"covariate": "age"}, "covariate='age'.*no covariate of the model.*'x'"),
        ({"covariate": "x", "at": [1.0]}, "at="),
        ({"covariate": "x", "at": ["a", "b"]}, "at="),
        ({"covariate": "x", "at": [0, np.inf]}, "at="),
        ({"covariate": "x", "given": {"x": 1}}, "given=.*runs along"),
        ({"covariate": "x", "given": {"age": 1}}, "age=1.*'x'"),
        ({"covariate": "x", "clusters": "new"}, "clusters='new'"),
    ],
)
def test_a_curve_names_bad_arguments(trial_fit, arguments, message):
    with pytest.raises(bmco.InputError, match=message):
        trial_fit.curve(**arguments, progress=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "age"}, "by='age'.*'x'"),
        ({"by": "y1"}, "by='y1'"),
        ({"by": "arm"}, "by='arm'"),
        ({"by": "x", "bins": 1}, "bins=1: .*from 2 to 240"),
        ({"by": "x", "bins": [1, 0]}, "bins=.*increasing"),
        ({"by": "x", "bins": "many"}, "bins='many'"),
        ({"by": "x", "bins": [0, 1, 50, 60]}, r"bins=.*no subject in \[50, 60\]"),
        ({"by": "x", "standardise": "both"}, "standardise='both'.*'pooled', 'own'"),
    ],
)
def test_subgroups_name_bad_arguments(trial_fit, arguments, message):
    with pytest.raises(bmco.InputError, match=message):
        trial_fit.effects_by(**arguments, progress=False)


def test_a_category_has_no_curve_and_no_bins():
    data = bmco.load_trial()
    data["sex"] = np.where(data["x"] > 0, "f", "m")
    model = bmco.BGLM(bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt"), "arm * sex")
    fit = bmco.Fit.__new__(bmco.Fit)  # the checks come before anything is computed
    object.__setattr__(fit, "model", model)
    with pytest.raises(bmco.InputError, match=r"'sex'.*is a category.*effects_by\('sex'\)"):
        fit.curve("sex")
    with pytest.raises(bmco.InputError, match="bins=3: 'sex' is a category"):
        fit.effects_by("sex", 3)


def test_an_analysis_without_covariates_has_neither(trial_study):
    fit = bmco.BMVB(trial_study).fit(draws=500, seed=1)
    with pytest.raises(bmco.InputError, match="covariate='x'.*BMVB has none"):
        fit.curve("x")
    with pytest.raises(bmco.InputError, match="by='x': BMVB has no subgroups"):
        fit.effects_by("x")


def test_pictures_of_two_sides_are_refused(curve, quarters):
    for value in (curve, quarters):
        with pytest.raises(bmco.InputError, match="draw each"):
            value.plot(direction="two-sided")
        with pytest.raises(bmco.InputError, match="ci_prob=0"):
            value.plot(ci_prob=0)


def test_warnings_of_several_effects_are_quiet_when_all_is_well(trial_fit):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trial_fit.effects_by("x", 2, progress=True)
