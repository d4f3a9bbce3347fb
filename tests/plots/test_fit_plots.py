"""Plots of a fit's draws: which panels, their titles, and that they show the draws."""

from types import SimpleNamespace

import arviz as az
import matplotlib as mpl
import numpy as np
import pytest
import rstyle_calls as calls
from arviz_plots import PlotCollection
from drawn import paragraph, written
from matplotlib import pyplot as plt

import bmco_pymc as bmco
from bmco_pymc.plots.chains import COLOURS, blocks
from bmco_pymc.plots.style import Picture

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


def panel(figure, label):
    (axes,) = (axes for axes in figure.axes if axes.get_title("left") == label)
    return axes


def chains_of(axes):
    """Return the line of each chain, by its colour, without lines of reference."""
    return {line.get_color(): line for line in axes.lines if line.get_color() in COLOURS}


def legend(figure):
    (found,) = figure.legends
    return {
        text.get_text(): line.get_color()
        for text, line in zip(found.get_texts(), found.get_lines(), strict=True)
    }


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
    figure = getattr(fit, name)(which)
    shown = [axes.get_title("left") for axes in figure.axes if axes.axison]
    assert shown == panels
    assert not any(axes.get_title() for axes in figure.axes)


@pytest.mark.parametrize("name", PLOTS)
def test_a_figure_is_unknown_to_pyplot_and_shown_by_itself(fit, name):
    """Or a notebook would show it twice, and pyplot keep each of them."""
    before = plt.get_fignums()
    figure = getattr(fit, name)("fixed")
    assert plt.get_fignums() == before == []
    assert type(figure) is Picture
    assert figure.canvas.manager is None
    assert figure._repr_png_()[0][:4] == b"\x89PNG"
    assert paragraph(figure).count("BGLMM, 2 chains of 200 draws.") == 1


def test_another_backend_gives_what_arviz_does(fit):
    drawn = fit.plot_trace("fixed", backend="none")
    assert isinstance(drawn, PlotCollection)
    assert list(drawn.viz["plot"].data_vars) == FIXED


def test_settings_of_a_figure_are_kept(fit):
    figure = fit.plot_rank("fixed", figure_kwargs={"figsize": (9, 5)}, col_wrap=2)
    assert figure.get_size_inches().tolist() == [9, 5]
    assert figure.axes[2].get_subplotspec().get_geometry()[:2] == (3, 2)


def test_the_trace_shows_the_draws_of_each_chain(fit):
    figure = fit.plot_trace("fixed")
    draws = fit.idata["posterior"]["beta"].sel(term="arm:x", logit="10")
    lines = chains_of(panel(figure, "beta[arm:x, 10]"))
    named = legend(figure)
    assert list(named) == ["chain 0", "chain 1"]
    for chain in (0, 1):
        line = lines[named[f"chain {chain}"]]
        np.testing.assert_array_equal(line.get_ydata(), draws.sel(chain=chain))
        assert line.get_linewidth() < 1  # no chain hides the others
        assert line.get_alpha() < 1


def test_panels_above_others_leave_their_axis_to_them(fit):
    figure = fit.plot_trace("fixed")  # 4 above 2
    figure.draw_without_rendering()
    words = [axes.get_xlabel() for axes in figure.axes[:6]]
    assert words == ["", "", "draw", "draw", "draw", "draw"]
    labelled = [any(t.label1.get_visible() for t in a.xaxis.get_major_ticks()) for a in figure.axes]
    assert labelled[:6] == [bool(word) for word in words]


def test_the_density_shows_the_mean_and_the_interval(fit):
    figure = fit.plot_density("random")
    draws = fit.idata["posterior"]["gamma"].sel(random_term="arm", logit="01")
    axes = panel(figure, "gamma[arm, 01]")
    ends = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
    assert list(ends[0]) == pytest.approx(np.quantile(draws, [0.025, 0.975]), rel=1e-3)
    (point,) = axes.collections[0].get_offsets()
    assert point[0] == pytest.approx(float(draws.mean()))
    assert "with 95% equal-tailed interval" in paragraph(figure)
    assert "with 80% highest-density" in paragraph(
        fit.plot_density("random", ci_prob=0.8, ci_kind="hdi")
    )


def test_the_autocorrelation_is_that_of_arviz(fit):
    figure = fit.plot_autocorr("fixed", max_lag=20)
    axes = panel(figure, "beta[x, 11]")
    line = chains_of(axes)[legend(figure)["chain 1"]]
    draws = fit.idata["posterior"]["beta"].sel(term="x", logit="11", chain=1).values
    centred = draws - draws.mean()
    by_hand = [centred[: len(centred) - lag] @ centred[lag:] for lag in range(5)]
    np.testing.assert_allclose(line.get_ydata()[:5], np.array(by_hand) / by_hand[0], atol=1e-6)
    (band,) = (patch for patch in axes.patches if patch.get_gid() == "independent")
    assert band.get_y() == pytest.approx(-1.96 / np.sqrt(200))  # by the draws, not by the lags


def test_chains_are_told_apart_without_colours(fit):
    for name in ("plot_autocorr", "plot_rank"):
        lines = chains_of(getattr(fit, name)("fixed").axes[0]).values()
        assert len({line.get_linestyle() for line in lines}) == 2


def test_the_clusters_have_panels_beyond_arvizs_limit(fit):
    drawn = fit.plot_trace("clusters", backend="none")
    assert len(drawn.viz["plot"].data_vars) == 16 * 2 * 3
    assert az.rcParams["plot.max_subplots"] < 96


def test_bmvb_has_one_block(trial_study):
    fit = bmco.BMVB(trial_study).fit(draws=500, seed=1)
    assert blocks(fit) == {"fixed": ("phi",), "all": ("phi",)}
    panels = [f"phi[{group}, {p}]" for group in ("ctl", "trt") for p in ("11", "10", "01", "00")]
    for which in ("fixed", "all"):
        figure = fit.plot_rank(which)
        assert [axes.get_title("left") for axes in figure.axes] == panels
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
    assert "NOT CONVERGED: do not use this yet" in written(drawn)
    assert "Ticks mark divergences." in paragraph(drawn)
    assert drawn.axes[0].collections
    assert "Ticks" not in paragraph(made_up(multisite_model, draws=200).plot_trace("fixed"))


def test_bmcos_plot_draws_types_of_blocks():
    result = calls.permuted_result()
    both = result.plot()
    titles = [axes.get_title("left") for axes in both.axes]
    assert titles[::2] == FIXED + RANDOM + VARIANCE
    assert set(titles[1::2]) == {""}
    draws = result.fit.idata["posterior"]["Sigma"].values[1, :, 2, 1, 0]
    place = titles.index("Sigma[01, arm, Intercept]") + 1
    line = chains_of(both.axes[place])[legend(both)["chain 1"]]
    np.testing.assert_array_equal(line.get_ydata(), draws)

    def shown(figure):
        return [a.get_title("left") for a in figure.axes if a.get_title("left")]

    assert shown(result.plot(type="trace")) == FIXED + RANDOM + VARIANCE
    assert shown(result.plot("density", "variance")) == VARIANCE
    assert shown(result.plot(which="random")) == RANDOM
    with pytest.raises(bmco.InputError, match="type='violin'.*'trace', 'density'"):
        result.plot(type="violin")
    with pytest.raises(bmco.InputError, match="which='tau'.*choose from 'fixed', 'random'"):
        result.plot(which="tau")
