"""What follows a fit of subjects observed in part: likelihoods, checks, LOO, files and words."""

import warnings

import numpy as np
import pytest

import bmco_pymc as bmco
from bmco_pymc import observed_patterns
from bmco_pymc.posterior.density import log_likelihood
from bmco_pymc.posterior.predictor import fitted, units

pytestmark = pytest.mark.samples


def frame():
    """The multisite trial, a quarter of each outcome missing, never both."""
    data = bmco.load_multisite().astype({"y1": float, "y2": float})
    gone = np.random.default_rng(0).random((len(data), 2)) < 0.25
    gone[gone.all(axis=1)] = False
    return data.assign(y1=data["y1"].mask(gone[:, 0]), y2=data["y2"].mask(gone[:, 1]))


@pytest.fixture(scope="module")
def study():
    return bmco.Study(frame(), ["y1", "y2"], "arm", "ctl", "trt", cluster="site", missing="mar")


@pytest.fixture(scope="module")
def fits(study):
    models = bmco.BMVB(study), bmco.BGLM(study, "arm * x"), bmco.BGLMM(study, "arm * x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.ConvergenceWarning)  # few draws, on purpose
        return [model.fit(draws=300, seed=1, progress=False) for model in models]


def of_each_subject(fit, study):
    """log P(what was seen) of each row in each draw, from φ of its own cell, subject by subject."""
    phi = np.exp(fitted(fit).log_phi())  # (S, n, Q)
    own = phi[:, fit.model.cells.cell]
    y = study.data[["y1", "y2"]].to_numpy()
    p = np.ones(own.shape[:2])
    bits = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])
    for i, row in enumerate(y):
        agree = [all(np.isnan(v) or v == b for v, b in zip(row, q, strict=True)) for q in bits]
        p[:, i] = own[:, i, agree].sum(axis=1)
    return np.log(p)


def test_the_log_likelihood_is_that_of_what_was_seen(fits, study):
    for fit in fits:
        expected = of_each_subject(fit, study)
        found = fit.log_likelihood(progress=False)["log_likelihood"]["response"]
        assert found.values.reshape(expected.shape) == pytest.approx(expected, abs=1e-12)
        draws = {name: fit.draws(name) for name in fit.model.parameters}
        total = log_likelihood(fit.model, draws)
        assert total == pytest.approx(expected.sum(axis=1), rel=1e-12)


def test_a_cluster_without_coefficients_is_the_sum_of_its_subjects(fits, study):
    fit = fits[1]
    each = of_each_subject(fit, study)
    found = fit.log_likelihood("cluster", progress=False)["log_likelihood"]["response"]
    for place, site in enumerate(study.cluster_labels):
        mine = (study.data["site"] == site).to_numpy()
        expected = each[:, mine].sum(axis=1)
        assert found.values.reshape(len(each), -1)[:, place] == pytest.approx(expected)


def test_leaving_out_clusters_takes_the_integral_over_what_was_seen(fits, study):
    """Plain Monte Carlo over the cluster's coefficients in one draw."""
    fit = fits[2]
    value = fit.log_likelihood("cluster", progress=False)["log_likelihood"]["response"]
    rng, n, site, draw = np.random.default_rng(1), 100_000, 3, 17
    beta, gamma = (fit.draws(name)[draw] for name in ("beta", "gamma"))
    Sigma = fit.draws("Sigma")[draw].reshape(3, 3)  # joint, one random term
    cells, X = fit.model.cells, fitted(fit).X
    u = rng.multivariate_normal(gamma[0], Sigma, size=n)  # (n, L)
    total = np.zeros(n)
    for i in np.flatnonzero(cells.cluster == site):
        eta = np.column_stack([X[i] @ beta + u, np.zeros(n)])
        log_phi = eta - np.log(np.exp(eta).sum(axis=1))[:, None]
        total += log_phi @ cells.counts[i]
        for code in cells.partial.code[cells.partial.cell == i]:  # each of one subject
            agree = observed_patterns.agreeing(2)[code]
            total += np.log(np.exp(log_phi[:, agree]).sum(axis=1))
    weight = np.exp(total - total.max())
    expected = total.max() + np.log(weight.mean())
    error = weight.std() / weight.mean() / np.sqrt(n)
    found = value.values.reshape(-1, value.sizes["cluster"])[draw, site]
    assert error < 0.03
    assert found == pytest.approx(expected, abs=4 * error + 0.01)


def test_checks_are_of_what_was_seen(fits, study):
    data = study.data
    for fit in fits:
        table = fit.check(draws=200).table
        for arm in ("ctl", "trt"):
            mine = data[data["arm"] == arm]
            for k in ("y1", "y2"):
                assert table.loc[f"rate[{arm}, {k}]", "observed"] == pytest.approx(mine[k].mean())
            both = mine.dropna(subset=["y1", "y2"])
            rho = both["y1"].corr(both["y2"])
            assert table.loc[f"correlation[{arm}, y1, y2]", "observed"] == pytest.approx(rho)
            only = ((both["y1"] == 1) & (both["y2"] == 0)).sum()
            assert table.loc[f"count[{arm}, 10]", "observed"] == only
        site = data.loc[data["site"] == 5, "y2"].mean()
        assert table.loc["cluster_rate[5, y2]", "observed"] == pytest.approx(site)
        assert (table.loc[table["kind"] == "rates", "p_value"] - 0.5).abs().max() < 0.25


def test_units_have_all_subjects_once(fits, study):
    for fit in fits:
        own = units(fit.model)
        assert own.counts.sum() == len(study.data)
        assert own.counts.shape[1] == 8
        assert (own.completed.sum(axis=1) == own.counts.sum(axis=1)).all()
        by_outcome = (own.completed @ [[1, 1], [1, 0], [0, 1], [0, 0]] * own.seen).sum(axis=0)
        assert by_outcome.tolist() == study.data[["y1", "y2"]].sum().tolist()


def test_replicates_are_seen_as_the_subjects_were(fits):
    tree = fits[2].predictive(draws=40)
    new, old = tree["posterior_predictive"]["counts"], tree["observed_data"]["counts"]
    assert list(new["pattern"].values) == ["11", "10", "01", "00", "1?", "0?", "?1", "?0"]
    for one in (["11", "10", "01", "00"], ["1?", "0?"], ["?1", "?0"]):
        same = new.sel(pattern=one).sum("pattern") == old.sel(pattern=one).sum("pattern")
        assert bool(same.all())
    by_subject = fits[0].predictive(by="subject", draws=40)
    observed = by_subject["observed_data"]["y1"].values
    assert np.isnan(observed).sum() == fits[0].model.study.data["y1"].isna().sum()
    assert set(np.unique(by_subject["posterior_predictive"]["y1"].values)) == {0, 1}


def test_pictures_of_checks_can_be_drawn(fits):
    for fit in fits:
        for kind in ("rates", "correlations", "patterns", "clusters", "calibration"):
            fit.plot_check(kind, draws=40)


def test_a_fit_comes_back_from_its_file(fits, tmp_path):
    for number, fit in enumerate(fits):
        path = tmp_path / f"{number}.zarr.zip"
        fit.save(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bmco.ConvergenceWarning)
            again = bmco.load(path)
        assert again.model.study.missing == "mar"
        assert again.idata.identical(fit.idata)
        assert str(again) == str(fit)
        observed = again.idata["observed_data"]
        assert int(observed["partial_counts"].sum()) == fit.model.cells.partial.count.sum()


def test_what_is_printed_says_who_is_missing(fits, study):
    absent = study.data.isna().groupby(study.data["arm"]).sum()
    sentence = (
        f"y1 {absent.loc['ctl', 'y1']} of ctl and {absent.loc['trt', 'y1']} of trt; "
        f"y2 {absent.loc['ctl', 'y2']} of ctl and {absent.loc['trt', 'y2']} of trt"
    )
    for fit in fits:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bmco.ConvergenceWarning)
            effect = fit.effect()
        for printed in (study, fit.model, fit, effect, effect.report("any").paragraph):
            assert sentence in " ".join(str(printed).split())
            assert "missing at random (MAR)" in " ".join(str(printed).split())
        assert "(MAR)" in str(effect.decide("any"))
        assert "MAR" not in str(fit.model.prior_effect(seed=1, draws=500).decide("any"))


def test_the_raw_rates_of_clusters_are_of_those_observed(fits, study):
    from bmco_pymc.posterior.clusters import cluster_rates

    table = cluster_rates(fits[2]).set_index(["cluster", "group", "outcome"])
    data = study.data
    for site in (1, 9):
        mine = data[(data["site"] == site) & (data["arm"] == "trt")]
        assert table.loc[(str(site), "trt", "y2"), "raw"] == pytest.approx(mine["y2"].mean())


def test_the_same_rows_are_needed_for_a_comparison(study):
    with pytest.warns(bmco.InputWarning, match="missing="):
        complete = bmco.Study(frame(), ["y1", "y2"], "arm", "ctl", "trt", cluster="site")
    with pytest.raises(bmco.InputError, match="does not use the same rows"):
        bmco.compare({"mar": bmco.BGLM(study), "complete": bmco.BGLM(complete)}, progress=False)


def test_the_default_says_what_is_lost():
    data = frame()
    lost = data[["y1", "y2"]].isna().any(axis=1).sum()
    words = (
        f"With them go {lost} observed outcomes of {lost} subjects: "
        'missing="mar" uses what was observed'
    )
    with pytest.warns(bmco.InputWarning, match=words):
        bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt")
    with pytest.raises(bmco.InputError, match="'complete', 'mar'"):
        bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt", missing="drop")
