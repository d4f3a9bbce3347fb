"""Pictures of clusters: raw rates, estimates, effects and coefficients."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import rstyle_calls as calls
from drawn import (
    collection,
    drawn_interval,
    line,
    paragraph,
    row_labels,
    titles,
    unreadable,
    written,
)
from scipy.special import softmax

import bmco_pymc as bmco
from bmco_pymc.diagnostics.findings import Problem
from bmco_pymc.plots.shrinkage import plot_shrinkage
from bmco_pymc.posterior.clusters import cluster_rates

pytestmark = pytest.mark.samples


@pytest.fixture(scope="module")
def fit(multisite_fit):
    """A thousand draws a chain: what is drawn is exact for any draws."""
    step = max(multisite_fit.idata["posterior"].sizes["draw"] // 1000, 1)
    return replace(multisite_fit, idata=multisite_fit.idata.isel(draw=slice(None, None, step)))


@pytest.fixture(scope="module")
def rates(fit):
    return cluster_rates(fit)


def draws_of(fit, name):
    values = fit.idata["posterior"].to_dataset()[name].values
    return values.reshape(-1, *values.shape[2:])


def theta_of(fit, site: int, arm: int, x: np.ndarray) -> np.ndarray:
    """Return θ (S, K) of one site by brute force, for arm * x with 1 + arm random."""
    beta, gamma = draws_of(fit, "beta"), draws_of(fit, "gamma_cluster")
    place = list(fit.idata["posterior"]["cluster"].values).index(site)
    X = np.column_stack([x, arm * x])
    Z = np.column_stack([np.ones(len(x)), np.full(len(x), arm)])
    eta = np.einsum("np,spl->snl", X, beta) + np.einsum("np,spl->snl", Z, gamma[:, place])
    phi = softmax(np.concatenate([eta, np.zeros((*eta.shape[:2], 1))], axis=-1), axis=-1)
    return np.stack([phi[..., 0] + phi[..., 1], phi[..., 0] + phi[..., 2]], -1).mean(axis=1)


def test_raw_rates_and_estimates_are_about_the_same_subjects(fit, rates):
    data = bmco.load_multisite()
    assert len(rates) == 16 * 2 * 2
    raw = data.groupby(["site", "arm"])[["y1", "y2"]].mean()
    for row in rates.itertuples():
        assert row.raw == pytest.approx(raw.loc[(int(row.cluster), row.group), row.outcome])
    for site, group, arm in ((3, "ctl", 0), (11, "trt", 1)):
        own = data[(data["site"] == site) & (data["arm"] == group)]
        theta = theta_of(fit, site, arm, own["x"].to_numpy())
        chosen = rates[(rates["cluster"] == str(site)) & (rates["group"] == group)]
        assert chosen["subjects"].tolist() == [len(own)] * 2
        np.testing.assert_allclose(chosen["mean"], theta.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(chosen["lower"], np.quantile(theta, 0.025, axis=0), atol=1e-12)


def test_estimates_are_closer_together_than_raw_rates(rates):
    spread = rates.groupby(["group", "outcome"])[["raw", "mean"]].std()
    assert (spread["mean"] < spread["raw"]).all()


def test_shrinkage_leads_from_each_raw_rate_to_its_estimate(fit, rates):
    figure = fit.plot_shrinkage()
    assert titles(figure) == ["y1, ctl", "y2, ctl", "y1, trt", "y2, trt"]
    mean = fit.effect(clusters="new", standardise="own").theta.mean(("chain", "draw"))
    for axes, (group, outcome) in zip(
        figure.axes, [(g, k) for g in ("ctl", "trt") for k in ("y1", "y2")], strict=True
    ):
        order = row_labels(axes) or row_labels(figure.axes[0 if group == "ctl" else 2])
        chosen = rates[(rates["group"] == group) & (rates["outcome"] == outcome)]
        chosen = chosen.set_index("cluster").loc[order]
        raw = np.asarray(collection(axes, "raw").get_offsets())
        estimate = np.asarray(collection(axes, "estimate").get_offsets())
        np.testing.assert_allclose(raw[:, 0], chosen["raw"])
        np.testing.assert_allclose(estimate[:, 0], chosen["mean"])
        moves = np.array([part[:, 0] for part in collection(axes, "moves").get_segments()])
        np.testing.assert_allclose(moves, chosen[["raw", "mean"]])
        (upright,) = (a for a in axes.lines if a.get_gid() == "mean")
        expected = float(mean.sel(group=group, outcome=outcome))
        assert upright.get_xdata()[0] == pytest.approx(expected)
    words = paragraph(figure)
    assert "Each site: the rate of its subjects" in words
    assert "Each circle is of 12 subjects." in words  # all alike: none is larger
    assert "Each group is sorted by the raw rate averaged over the outcomes." in words
    assert [axes.get_ylabel() for axes in figure.axes] == ["site", "", "site", ""]


def test_larger_circles_are_spoken_of_where_there_are_some(fit, rates):
    population = fit.effect(clusters="new", standardise="own")
    more = rates.assign(subjects=np.where(rates["cluster"] == "3", 24, 12))
    figure = plot_shrinkage(more, population, ci_prob=0.95, most=60)
    assert "Larger circles are of more subjects." in paragraph(figure)
    sizes = collection(figure.axes[0], "raw").get_sizes()
    assert sorted(set(sizes.tolist())) == [12 + 21, 12 + 42]


def test_the_groups_of_shrinkage_are_sorted_by_what_is_said(fit, rates):
    figure = fit.plot_shrinkage()
    for place, group in ((0, "ctl"), (2, "trt")):
        own = rates[rates["group"] == group].groupby("cluster")["raw"].mean()
        assert own.loc[row_labels(figure.axes[place])].is_monotonic_increasing


def test_clusters_are_in_the_panel_of_their_group(schools_fit):
    figure = schools_fit.plot_shrinkage()
    data = bmco.load_schools()
    for place, group in ((0, "traditional"), (2, "new_method")):
        assert figure.axes[place].get_title("left") == f"math_pass, {group}"
        own = data.loc[data["method"] == group].groupby("school_id")[["math_pass", "reading_pass"]]
        order = own.mean().mean(axis=1)[[int(label) for label in row_labels(figure.axes[place])]]
        assert len(order) == 10
        assert order.is_monotonic_increasing


def test_effects_of_clusters_are_sorted_and_have_their_numbers(fit):
    figure = fit.plot_clusters(progress=False)
    assert titles(figure) == ["y1", "y2"]
    assert "Sorted by the mean over the outcomes." in paragraph(figure)
    assert [axes.get_ylabel() for axes in figure.axes] == ["site", ""]
    labels = row_labels(figure.axes[0])
    assert sorted(labels, key=int) == [str(site) for site in range(1, 17)]
    means = [[drawn_interval(axes, label)[0] for label in labels] for axes in figure.axes]
    assert np.mean(means, axis=0).tolist() == sorted(np.mean(means, axis=0))
    for axes, outcome in zip(figure.axes, ["y1", "y2"], strict=True):
        # one order for both: a site stands in the same row
        assert [line(axes, f"{site} mean")[1][0] for site in labels] == list(range(16))
        population = bmco.Empirical(query="site == 5")
        row = fit.effect(population, clusters="observed").summary()
        expected = row.loc[f"delta[{outcome}]", ["mean", "lower", "upper"]]
        assert drawn_interval(axes, "5") == pytest.approx(tuple(expected))


def test_coefficients_are_deviations_from_their_mean(fit):
    figure = fit.plot_clusters("coefficients", ci_prob=0.8)
    terms = [(z, q) for z in ("Intercept", "arm") for q in ("11", "10", "01")]
    assert titles(figure) == [f"{z}, {q} against 00" for z, q in terms]
    posterior = fit.idata["posterior"]
    for axes, (z, q) in zip(figure.axes, terms, strict=True):
        gamma = posterior["gamma"].sel(random_term=z, logit=q)
        draws = posterior["gamma_cluster"].sel(random_term=z, logit=q, cluster=9) - gamma
        expected = (draws.mean(), *np.quantile(draws, [0.1, 0.9]))
        assert drawn_interval(axes, "9") == pytest.approx(tuple(map(float, expected)))
    for first in (0, 3):  # a row of panels each
        left, *others = figure.axes[first : first + 3]
        labels = row_labels(left)
        means = [drawn_interval(left, label)[0] for label in labels]
        assert means == sorted(means)
        for axes in others:
            assert [line(axes, f"{site} mean")[1][0] for site in labels] == list(range(16))
    assert "sorted by the mean of pattern 11, the panel on the left" in paragraph(figure)


def test_intervals_that_hold_zero_are_open(fit):
    figure = fit.plot_clusters(progress=False)
    shown = set()
    for axes in figure.axes:
        for label in row_labels(figure.axes[0]):
            _, lower, upper = drawn_interval(axes, label)
            (mean,) = (a for a in axes.lines if a.get_gid() == f"{label} mean")
            open_marker = mean.get_markerfacecolor() == "white"
            assert open_marker == (lower <= 0 <= upper)
            shown.add(open_marker)
    assert shown == {True, False}


def test_clusters_of_one_group_are_said_to_be_extrapolated(schools_fit):
    figure = schools_fit.plot_clusters(progress=False)
    assert "extrapolated to the other group" in paragraph(figure)
    assert "δ = new_method − traditional" in paragraph(figure)


def test_of_many_clusters_the_extremes_are_shown_and_it_says_so(fit):
    whole = row_labels(fit.plot_clusters("coefficients").axes[0])
    figure = fit.plot_clusters("coefficients", most=5)
    for axes in figure.axes[::3]:
        *_, gap = row_labels(axes)
        assert gap == "… 11 more"
        (dotted,) = (artist for artist in axes.lines if artist.get_gid() == "gap")
        assert dotted.get_ydata()[0] == 2  # above the two lowest
    assert row_labels(figure.axes[0])[:-1] == whole[:2] + whole[-3:]
    assert "The 3 highest and the 2 lowest of 16 are shown." in paragraph(figure)
    assert "are shown" not in paragraph(fit.plot_clusters("coefficients", most=16))
    figure = fit.plot_shrinkage(most=5)
    assert "At most 5 of a group are shown: the highest and the lowest." in paragraph(figure)
    assert len(collection(figure.axes[0], "raw").get_offsets()) == 5


def test_every_picture_of_a_clustered_fit_can_be_read(fit):
    figures = {
        "clusters": fit.plot_clusters(progress=False),
        "some clusters": fit.plot_clusters(most=7, progress=False),
        "coefficients": fit.plot_clusters("coefficients"),
        "shrinkage": fit.plot_shrinkage(most=9),
        "sensitivity": fit.sensitivity().plot(),
    }
    for block in ("fixed", "variance"):
        for kind in ("trace", "density", "autocorr", "rank"):
            figures[f"{kind} {block}"] = getattr(fit, f"plot_{kind}")(block)
    for kind in ("rates", "correlations", "patterns", "clusters", "calibration"):
        figures[f"check {kind}"] = fit.plot_check(kind, draws=100)
    found = {name: unreadable(figure) for name, figure in figures.items()}
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_labels_that_differ_in_the_middle_stay_apart(fit):
    names = {site: f"school no. {site} of the town by the sea" for site in range(1, 17)}
    data = bmco.load_multisite()
    data["site"] = data["site"].map(names)
    study = bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt", cluster="site")
    model = bmco.BGLMM(study, "arm * x", "1 + arm", bmco.Priors.bmco())
    figure = calls.made_up_fit(SimpleNamespace(model=model)).plot_shrinkage()
    assert len(set(row_labels(figure.axes[0]))) == 16
    assert unreadable(figure) == []


def test_a_fit_that_has_not_converged_is_marked(fit):
    problem = Problem("rhat", "R-hat is above 1.01", "take more draws")
    bad = replace(fit, diagnostics=replace(fit.diagnostics, problems=(problem,)))
    for figure in (bad.plot_clusters("coefficients"), bad.plot_shrinkage()):
        assert "NOT CONVERGED: do not use this yet" in written(figure)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"what": "rates"}, "what='rates'.*'delta', 'coefficients'"),
        ({"most": 0}, "most=0"),
        ({"ci_prob": 95}, "ci_prob=95"),
    ],
)
def test_bad_arguments_are_named(fit, arguments, message):
    with pytest.raises(bmco.InputError, match=message):
        fit.plot_clusters(**arguments)


def test_without_clusters_there_is_no_picture_of_them(trial_study):
    exact = bmco.BMVB(trial_study).fit(draws=500, seed=1)
    for draw in (exact.plot_clusters, exact.plot_shrinkage):
        with pytest.raises(bmco.InputError, match="fit='BMVB': has no clusters"):
            draw()
