"""Posterior predictive checks: exact laws of replicates, statistics by pandas, pictures."""

import warnings
from types import SimpleNamespace

import arviz as az
import matplotlib as mpl
import numpy as np
import pytest
import rstyle_calls as calls
from drawn import paragraph, titles
from scipy import stats
from scipy.optimize import isotonic_regression

import bmco_pymc as bmco
from bmco_pymc.posterior.predictor import fitted
from bmco_pymc.posterior.replicate import _new_clusters

pytestmark = pytest.mark.samples

mpl.use("Agg")

KINDS = ["rates", "correlations", "patterns", "clusters", "calibration"]


def made_up(model, **settings):
    return calls.made_up_fit(SimpleNamespace(model=model), **settings)


@pytest.fixture(scope="module")
def flat(multisite_study):
    return bmco.BMVB(multisite_study).fit(seed=4)


@pytest.fixture(scope="module")
def clustered(multisite_model):
    return made_up(multisite_model, draws=500)


def test_the_replicates_of_bmvb_follow_the_exact_law(flat):
    table = flat.check(draws=10_000).table
    a = 0.5 + flat.model.cells.counts  # (2, Q)
    for g, group in enumerate(("ctl", "trt")):
        n = int(flat.model.cells.weight[g])
        for q, pattern in enumerate(("11", "10", "01", "00")):
            row = table.loc[f"count[{group}, {pattern}]"]
            law = stats.betabinom(n, a[g, q], a[g].sum() - a[g, q])
            seen = flat.model.cells.counts[g, q]
            assert row["observed"] == seen
            assert row["mean"] == pytest.approx(law.mean(), abs=4 * law.std() / 100)
            p = law.sf(seen) + law.pmf(seen) / 2
            assert row["p_value"] == pytest.approx(p, abs=4 * row["mcse"])
            assert row["mcse"] < 0.006
            assert abs(row["lower"] - law.ppf(0.025)) <= 1
            assert abs(row["upper"] - law.ppf(0.975)) <= 1


def test_the_observed_statistics_are_those_of_the_data(flat):
    data, table = bmco.load_multisite(), flat.check(draws=100).table
    for group, own in data.groupby("arm"):
        for outcome in ("y1", "y2"):
            rate = table.loc[f"rate[{group}, {outcome}]", "observed"]
            assert rate == pytest.approx(own[outcome].mean(), rel=1e-12)
        r = np.corrcoef(own["y1"], own["y2"])[0, 1]
        assert table.loc[f"correlation[{group}, y1, y2]", "observed"] == pytest.approx(r)
    rates = data.groupby("site")[["y1", "y2"]].mean()
    for site in (1, 7, 16):
        seen = table.loc[f"cluster_rate[{site}, y2]", "observed"]
        assert seen == pytest.approx(rates.loc[site, "y2"], rel=1e-12)
    assert table.loc["cluster_sd[y1]", "observed"] == pytest.approx(rates["y1"].std())
    assert table["kind"].value_counts().to_dict() == {
        "rates": 4, "correlations": 2, "patterns": 8, "clusters": 32, "spread": 2,
    }  # fmt: skip


def test_each_cell_is_replicated_with_its_own_probabilities(clustered):
    tree = clustered.predictive(draws=1000, seed=8)
    counts = tree["posterior_predictive"]["counts"]
    assert counts.dims == ("chain", "draw", "cell", "pattern")
    assert (counts.sum("pattern") == tree["observed_data"]["counts"].sum("pattern")).all()
    flat_counts = counts.values.reshape(1000, -1, 4)
    phi = np.exp(fitted(clustered).log_phi())
    total = clustered.model.cells.weight[:, None]
    gap = flat_counts.mean(axis=0) - total * phi.mean(axis=0)
    sd = np.sqrt(total * phi * (1 - phi)).mean(axis=0)
    z = gap / (sd / np.sqrt(1000))
    assert abs(z).max() < 4.5
    assert z.std() == pytest.approx(1, abs=0.1)  # neither too little nor too much noise
    assert counts["group"].values.tolist() == ["ctl" if a == 0 else "trt" for a in
                                               clustered.model.cells.arm]  # fmt: skip


def test_each_subject_is_replicated_with_its_own_probability(clustered):
    tree = clustered.predictive(by="subject", draws=1000)
    data = bmco.load_multisite()
    observed, new = tree["observed_data"], tree["posterior_predictive"]
    assert observed["y2"].values.tolist() == data["y2"].tolist()
    assert observed["cluster"].values.tolist() == data["site"].tolist()
    assert observed["group"].values.tolist() == data["arm"].tolist()
    phi = np.exp(fitted(clustered).log_phi()).mean(axis=0)  # (n, Q): 11, 10, 01, 00
    cells = clustered.model.cells
    own = phi[cells.cell[np.argsort(cells.row)]]
    for outcome, theta in {"y1": own[:, 0] + own[:, 1], "y2": own[:, 0] + own[:, 2]}.items():
        share = new[outcome].mean(("chain", "draw")).values
        z = (share - theta) / np.sqrt(theta * (1 - theta) / 1000)
        assert abs(z).max() < 4.5
    both = (new["y1"] * new["y2"]).mean(("chain", "draw")).values
    assert abs((both - own[:, 0]) / np.sqrt(own[:, 0] * (1 - own[:, 0]) / 1000)).max() < 4.5


def test_arviz_takes_the_replicates(clustered):
    tree = clustered.predictive(by="subject", draws=100)
    drawn = az.plot_ppc_pava(tree, var_names=["y2", "y1"], backend="none")
    assert list(drawn.viz["lines"].data_vars) == ["y2", "y1"]
    assert dict(az.extract(tree, group="posterior_predictive").sizes)["sample"] == 100


def test_new_clusters_have_the_mean_and_covariance_of_the_clusters(clustered):
    predictor = fitted(clustered)
    which = np.repeat(5, 4000)
    new = _new_clusters(predictor, which, np.random.default_rng(2)).reshape(-1, 2, 3)
    posterior = clustered.idata["posterior"]
    gamma, Sigma = posterior["gamma"].values[0, 5], posterior["Sigma"].values[0, 5]
    n = len(new)
    for q in range(3):
        sd = np.sqrt(np.diag(Sigma[q]))
        assert (abs(new[:, :, q].mean(axis=0) - gamma[:, q]) < 4.5 * sd / np.sqrt(n)).all()
        wishart_sd = np.sqrt((np.outer(sd, sd) ** 2 + Sigma[q] ** 2) / n)
        assert (abs(np.cov(new[:, :, q].T) - Sigma[q]) < 4.5 * wishart_sd).all()
    across = np.corrcoef(new[:, 0, 0], new[:, 0, 1])[0, 1]
    assert abs(across) < 4.5 / np.sqrt(n)


def test_new_clusters_vary_more_than_the_observed_ones(clustered):
    own = clustered.check(draws=1000).table
    new = clustered.check(draws=1000, clusters="new").table
    width = [t.loc["rate[trt, y1]", "upper"] - t.loc["rate[trt, y1]", "lower"] for t in (own, new)]
    assert width[1] > 1.2 * width[0]
    assert "in new clusters" in str(clustered.check(draws=50, clusters="new"))


def test_a_model_without_clusters_is_seen_to_miss_them(flat, multisite_fit):
    missed = flat.check().table.loc[["cluster_sd[y1]", "cluster_sd[y2]"], "p_value"]
    assert (missed < 0.005).all()
    for clusters in ("observed", "new"):
        seen = multisite_fit.check(clusters=clusters).table
        spread = seen.loc[["cluster_sd[y1]", "cluster_sd[y2]"], "p_value"]
        assert ((spread > 0.025) & (spread < 0.975)).all()
    assert "cluster_sd[y1]" in str(flat.check())


def test_a_statistic_that_does_not_exist_has_no_p_value():
    data = bmco.load_trial()
    data.loc[data["arm"] == "ctl", "y1"] = 0
    with pytest.warns(bmco.InputWarning, match="y1"):
        study = bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt")
    table = bmco.BMVB(study).fit(seed=1).check(draws=400).table
    assert table.loc["correlation[ctl, y1, y2]", ["observed", "p_value"]].isna().all()
    assert table["p_value"].notna()["correlation[trt, y1, y2]"]
    assert table.loc["rate[ctl, y1]", "observed"] == 0


def test_the_same_seed_gives_the_same_replicates(flat):
    first, again, other = (flat.check(draws=200, seed=seed).table for seed in (None, 4, 5))
    assert first.equals(again)
    assert not first.equals(other)


def test_what_is_printed_says_when_a_fit_has_not_converged(multisite_model):
    fit = made_up(multisite_model, apart=0.2, draws=200)
    found = fit.check(draws=50)
    assert "NOT CONVERGED" in str(found)
    assert "NOT CONVERGED" in found._repr_html_()
    assert fit.plot_check("rates", draws=50)._suptitle.get_text().startswith("NOT CONVERGED")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"draws": 0}, "draws=0: must be a whole number, 1 or more"),
        ({"seed": -1}, "seed=-1: must be a whole number"),
        ({"clusters": "new"}, "clusters='new': BMVB has no cluster coefficients"),
        ({"ci_prob": 1}, "ci_prob=1: must be a number between 0 and 1"),
    ],
)
def test_settings_that_cannot_be_used_are_errors(flat, settings, message):
    with pytest.raises(bmco.InputError, match=message):
        flat.check(**settings)
    with pytest.raises(bmco.InputError, match=message):
        flat.plot_check("calibration", **settings)


def test_what_there_is_not_is_an_error(flat, clustered, trial_study):
    with pytest.raises(bmco.InputError, match="by='row'.*choose from 'cell', 'subject'"):
        flat.predictive(by="row")
    with pytest.raises(bmco.InputError, match="clusters='old'.*choose from 'observed', 'new'"):
        clustered.check(clusters="old")
    fit = bmco.BMVB(trial_study).fit(seed=1)
    with pytest.raises(bmco.InputError, match="choose from 'rates', 'corr.*', 'patterns', 'calib"):
        fit.plot_check("clusters")


def artists(axes, gid):
    return [line for line in axes.lines if line.get_gid() == gid]


@pytest.mark.parametrize(
    ("kind", "panels", "rows", "name"),
    [
        ("rates", ["ctl", "trt"], ["y1", "y2"], "rate[{panel}, {row}]"),
        ("correlations", ["ctl", "trt"], ["y1, y2"], "correlation[{panel}, {row}]"),
        ("patterns", ["ctl", "trt"], ["11", "10", "01", "00"], "count[{panel}, {row}]"),
        ("clusters", ["y1", "y2"], [str(j) for j in range(1, 17)], "cluster_rate[{row}, {panel}]"),
    ],
)
def test_the_pictures_show_the_numbers_of_the_table(flat, kind, panels, rows, name):
    figure, table = flat.plot_check(kind, draws=400), flat.check(draws=400).table
    assert titles(figure) == panels
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == rows
    assert figure.axes[0].get_ylim()[0] > figure.axes[0].get_ylim()[1]  # the first on top
    of = "400 replicates of the data under BMVB: 384 subjects in 16 clusters."
    assert of in paragraph(figure)
    for axes in figure.axes:
        parts = {g: artists(axes, g) for g in ("observed", "mean", "interval")}
        for place, row in enumerate(rows):
            numbers = table.loc[name.format(panel=axes.get_title("left"), row=row)]
            assert parts["observed"][place].get_xydata().tolist() == [[numbers["observed"], place]]
            assert parts["mean"][place].get_xdata()[0] == pytest.approx(numbers["mean"])
            ends = parts["interval"][place].get_xdata()
            assert list(ends) == pytest.approx([numbers["lower"], numbers["upper"]])


def test_calibration_is_the_isotonic_fit_of_the_cells_by_size(trial_study):
    data = trial_study.data.assign(level=np.digitize(trial_study.data["x"], [-1, -0.3, 0.4, 1.2]))
    study = bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt")
    model = bmco.BGLM(study, "arm * level")
    fit = made_up_level(model)
    figure = fit.plot_check("calibration", draws=800, ci_prob=0.9)
    assert titles(figure) == ["y1", "y2"]
    assert figure.axes[0].get_xlabel() == "predicted probability"
    figure.draw_without_rendering()
    for axes in figure.axes:  # square, and both axes alike
        assert axes.get_xlim() == axes.get_ylim() == (-0.02, 1.02)
        assert axes.bbox.width == pytest.approx(axes.bbox.height)
    assert "800 replicates of the data under BGLM: 240 subjects." in paragraph(figure)
    counts, n = model.cells.counts, model.cells.weight
    assert len(n) == 10
    replicated = fit.predictive(draws=800)["posterior_predictive"]["counts"].values
    for axes, success in zip(figure.axes, ([0, 1], [0, 2]), strict=True):
        predicted = replicated[..., success].sum(axis=-1).mean(axis=(0, 1)) / n
        order = np.argsort(predicted)
        share = (counts[:, success].sum(axis=1) / n)[order]
        expected = isotonic_regression(share, weights=n[order]).x
        (line,) = [x for x in axes.lines if x.get_gid() == "observed"]
        np.testing.assert_allclose(line.get_ydata(), expected, atol=1e-12)
        np.testing.assert_allclose(line.get_xdata(), predicted[order])


def made_up_level(model):
    """Return a fit with draws of the coefficients around values that separate the cells."""
    from bmco_pymc.diagnostics.verdict import diagnose
    from bmco_pymc.fit import Fit
    from bmco_pymc.posterior.tree import label

    centre = np.outer([-0.5, 0.4, 0.3, 0.15], [1, 0.7, -0.4])
    draws = centre + 0.05 * np.random.default_rng(6).normal(size=(2, 400, 4, 3))
    beta = {"beta": (("chain", "draw", "term", "logit"), draws)}
    idata = label(model, beta, {}, {"draws": 400, "chains": 2, "seed": 1, "sampler": "none"})
    return Fit(model, idata, diagnose(idata, model.blocks))


def test_every_picture_can_be_drawn_of_every_analysis(clustered, flat, trial_study):
    one = bmco.BMVB(bmco.Study(bmco.load_trial(), "y1", "arm", "ctl", "trt")).fit(seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for fit, kinds in ((clustered, KINDS), (one, ["rates", "patterns", "calibration"])):
            for kind in kinds:
                figure = fit.plot_check(kind, draws=40)
                figure.canvas.draw()
                assert len(figure.axes) == (1 if fit is one and kind == "calibration" else 2)
    with pytest.raises(bmco.InputError, match="kind='correlations'"):
        one.plot_check("correlations")
