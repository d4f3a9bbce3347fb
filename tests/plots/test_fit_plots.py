"""Plots of a fit's draws: which panels, their titles, and that they show the draws."""

from types import SimpleNamespace

import arviz as az
import matplotlib as mpl
import numpy as np
import pytest
import rstyle_calls as calls

import bmco_pymc as bmco
from bmco_pymc.plots.chains import blocks

pytestmark = pytest.mark.samples

mpl.use("Agg")

PLOTS = ["plot_trace", "plot_density", "plot_autocorr", "plot_rank"]
FIXED = [f"beta[{term}, {logit}]" for term in ("x", "arm:x") for logit in ("11", "10", "01")]
RANDOM = [
    f"gamma[{term}, {logit}]" for term in ("Intercept", "arm") for logit in ("11", "10", "01")
]
VARIANCE = [
    f"Sigma[{logit}, {pair}]"
    for logit in ("11", "10", "01")
    for pair in ("Intercept, Intercept", "arm, Intercept", "arm, arm")
]


def made_up(model, **settings):
    return calls.made_up_fit(SimpleNamespace(model=model), **settings)


@pytest.fixture(scope="module")
def fit(multisite_model):
    return made_up(multisite_model, draws=200)


@pytest.fixture(autouse=True)
def _close():
    yield
    from matplotlib import pyplot as plt

    plt.close("all")


@pytest.mark.parametrize("name", PLOTS)
@pytest.mark.parametrize(
    ("which", "panels"),
    [
        ("fixed", FIXED),
        ("random", RANDOM),
        ("variance", VARIANCE),
    ],
)
def test_each_parameter_of_the_block_has_one_panel(fit, name, which, panels):
    drawn = getattr(fit, name)(which)
    assert list(drawn.viz["plot"].data_vars) == panels
    titles = [axes.get_title() for axes in drawn.viz["figure"].item().axes]
    assert titles[: len(panels)] == panels


def test_the_trace_shows_the_draws_of_each_chain(fit):
    drawn = fit.plot_trace("fixed")
    lines = drawn.viz["trace"]["beta[arm:x, 10]"]
    draws = fit.idata["posterior"]["beta"].sel(term="arm:x", logit="10")
    colours = set()
    for chain in (0, 1):
        line = lines.sel(chain=chain).item()
        np.testing.assert_array_equal(line.get_ydata(), draws.sel(chain=chain))
        colours.add(line.get_color())
    assert colours == {"#0072B2", "#D55E00"}


def test_the_density_shows_the_mean_and_the_interval(fit):
    drawn = fit.plot_density("random")
    draws = fit.idata["posterior"]["gamma"].sel(random_term="arm", logit="01")
    ends = drawn.viz["credible_interval"]["gamma[arm, 01]"].item().get_xdata()
    assert list(ends) == pytest.approx(np.quantile(draws, [0.025, 0.975]), rel=1e-3)
    (point,) = drawn.viz["point_estimate"]["gamma[arm, 01]"].item().get_offsets()
    assert point[0] == pytest.approx(float(draws.mean()))


def test_the_autocorrelation_is_that_of_arviz(fit):
    drawn = fit.plot_autocorr("fixed", max_lag=20)
    line = drawn.viz["lines"]["beta[x, 11]"].sel(chain=1).item()
    draws = fit.idata["posterior"]["beta"].sel(term="x", logit="11", chain=1).values
    centred = draws - draws.mean()
    by_hand = [centred[: len(centred) - lag] @ centred[lag:] for lag in range(5)]
    np.testing.assert_allclose(line.get_ydata()[:5], np.array(by_hand) / by_hand[0], atol=1e-6)


def test_the_clusters_have_panels_beyond_arvizs_limit(fit):
    drawn = fit.plot_trace("clusters", backend="none")
    assert len(drawn.viz["plot"].data_vars) == 16 * 2 * 3
    assert az.rcParams["plot.max_subplots"] < 96


def test_bmvb_has_one_block(trial_study):
    fit = bmco.BMVB(trial_study).fit(draws=500, seed=1)
    assert blocks(fit) == {"fixed": ("phi",), "all": ("phi",)}
    panels = [f"phi[{group}, {p}]" for group in ("ctl", "trt") for p in ("11", "10", "01", "00")]
    for which in ("fixed", "all"):
        assert list(fit.plot_rank(which).viz["plot"].data_vars) == panels
    with pytest.raises(bmco.InputError, match="which='random': BMVB has no such block.*'fixed', "):
        fit.plot_trace("random")


@pytest.mark.parametrize("name", PLOTS)
def test_an_unknown_block_is_an_error(fit, name):
    choices = "'fixed', 'random', 'variance', 'clusters', 'all'"
    with pytest.raises(bmco.InputError, match=f"which='sigma'.*choose from {choices}"):
        getattr(fit, name)("sigma")


def test_a_fit_that_has_not_converged_says_so(multisite_model):
    fit = made_up(multisite_model, apart=0.3, diverging=3, draws=200)
    drawn = fit.plot_trace("fixed")
    assert drawn.viz["figure_title"].item().get_text() == "NOT CONVERGED"
    assert "divergence" in drawn.viz.children


def test_bmcos_plot_draws_types_of_blocks():
    result = calls.permuted_result()
    both = result.plot()
    titles = [axes.get_title() for axes in both.viz["figure"].item().axes]
    assert titles[::2] == FIXED + RANDOM + VARIANCE
    assert set(titles[1::2]) == {""}
    assert both.viz["plot"].sizes == {"column": 2}
    draws = result.fit.idata["posterior"]["Sigma"].values[1, :, 2, 1, 0]
    line = both.viz["trace"]["Sigma[01, arm, Intercept]"].sel(chain=1).item()
    np.testing.assert_array_equal(line.get_ydata(), draws)
    assert list(result.plot(type="trace").viz["plot"].data_vars) == FIXED + RANDOM + VARIANCE
    assert list(result.plot("density", "variance").viz["dist"].data_vars) == VARIANCE
    assert list(result.plot(which="random").viz["trace"].data_vars) == RANDOM
    with pytest.raises(bmco.InputError, match="type='violin'.*'trace', 'density'"):
        result.plot(type="violin")
    with pytest.raises(bmco.InputError, match="which='tau'.*choose from 'fixed', 'random'"):
        result.plot(which="tau")
