"""What bmco's calls return: the numbers of the classes under bmco's names, in the user's order."""

import subprocess
import sys
from types import MappingProxyType

import numpy as np
import pytest
import rstyle_calls as calls
from rstyle_calls import FIXED, RANDOM

import bmco_pymc as bmco
from bmco_pymc.diagnostics.reduction import potential_scale_reduction
from bmco_pymc.rstyle.answer import thinned

pytestmark = pytest.mark.samples

ALL = {"diagnostics": True, "samples": True}
CLASSES = {"Intercept": "Intercept", "arm": "arm", "x": "x", "arm_x": "arm:x"}


@pytest.fixture(scope="session")
def permuted():
    return calls.permuted()


@pytest.fixture(scope="session")
def result():
    return calls.permuted_result()


def test_coefficients_are_in_the_users_order(result):
    assert result.fit.model.terms.fixed == ("x", "arm:x")
    assert result.fit.model.terms.random == ("Intercept", "arm")
    logits = np.array([1, 2, 3])
    for letter, terms in (("b", FIXED), ("g", RANDOM)):
        table, sd = result.estimates[letter], result.estimates[f"{letter}_sd"]
        assert list(table.index) == list(sd.index) == terms
        assert list(table.columns) == ["11", "10", "01"]
        centres = np.array([calls.centre(CLASSES[term]) for term in terms])
        np.testing.assert_allclose(table, np.outer(centres, logits), atol=0.01)
        np.testing.assert_allclose(sd, 0.05, rtol=0.15)
        draws = result.samples[letter]
        assert draws.shape == (2000, len(terms), 3)
        np.testing.assert_allclose(draws.mean(axis=0), table, rtol=1e-12)
        np.testing.assert_allclose(draws.std(axis=0, ddof=1), sd, rtol=1e-12)


def test_covariances_are_in_the_users_order(result):
    posterior = result.fit.idata["posterior"]["Sigma"]
    assert list(result.estimates["tau"]) == ["11", "10", "01"]
    for logit, matrix in result.estimates["tau"].items():
        assert list(matrix.index) == list(matrix.columns) == RANDOM
        for row in RANDOM:
            for column in RANDOM:
                draws = posterior.sel(logit=logit, random_term=row, random_term_bis=column)
                assert matrix.loc[row, column] == pytest.approx(float(draws.mean()), rel=1e-12)
                spread = result.estimates["tau_sd"][logit].loc[row, column]
                assert spread == pytest.approx(float(draws.std(ddof=1)), rel=1e-9)
    assert result.samples["tau"].shape == (2000, 3, 2, 2)
    assert matrix.loc["arm", "arm"] != matrix.loc["Intercept", "Intercept"]


def test_theta_and_delta_are_summaries_of_the_samples(result):
    samples, estimates, delta = result.samples, result.estimates, result.delta
    for letter in "ab":
        draws = samples[f"theta_{letter}"]
        assert draws.shape == (2000, 2)
        np.testing.assert_allclose(estimates[f"mean_{letter}"], draws.mean(axis=0))
        np.testing.assert_allclose(estimates[f"sd_{letter}"], draws.std(axis=0, ddof=1))
        limits = np.quantile(draws, [0.025, 0.975], axis=0).T
        np.testing.assert_allclose(estimates[f"interval_{letter}"], limits)
    np.testing.assert_allclose(samples["delta"], samples["theta_b"] - samples["theta_a"])
    np.testing.assert_allclose(delta["mean_delta"], samples["delta"].mean(axis=0))
    np.testing.assert_allclose(delta["delta_sd"], samples["delta"].std(axis=0, ddof=1))
    assert (delta["delta_mcse"] < delta["delta_sd"] / 20).all()
    assert np.array_equal(delta["se_delta"], delta["delta_mcse"])
    assert delta["pop"] == (samples["delta"] > 0).all(axis=1).mean()
    assert delta["w_delta"] is None


def test_left_sided_delta_is_a_minus_b(permuted, result):
    plan = calls.plan("bglmm", fixed=FIXED, random=RANDOM, test="left_sided", rule="Any")
    left = calls.answer(plan, result.fit, **ALL)
    np.testing.assert_allclose(left.samples["delta"], -result.samples["delta"])
    np.testing.assert_allclose(left.delta["mean_delta"], -result.delta["mean_delta"])
    np.testing.assert_allclose(left.delta["interval"], -result.delta["interval"][:, ::-1])
    assert left.delta["pop"] == (result.samples["delta"] < 0).any(axis=1).mean()
    assert left.info["test_label"] == "P(ctl > trt)"
    assert np.array_equal(left.effect.delta, result.effect.delta)
    assert "\nctl − trt " in str(left)


def test_two_sided_reports_both_sides(result):
    plan = calls.plan("bglmm", fixed=FIXED, random=RANDOM, test="two_sided")
    both = calls.answer(plan, result.fit)
    draws = result.samples["delta"]
    assert both.delta["pop"] == (draws > 0).all(axis=1).mean()
    assert both.delta["pop_left"] == (draws < 0).all(axis=1).mean()
    assert both.info["test_label"] == "P(trt > ctl) and P(ctl > trt)"
    assert str(both).count("P(trt > ctl), rule All") == 2  # observed and new
    assert str(both).count("P(ctl > trt), rule All") == 2


def test_weighted_delta(result):
    plan = calls.plan("bglmm", fixed=FIXED, random=RANDOM, rule="Comp", w=(0.8, 0.2))
    weighted = calls.answer(plan, result.fit, **ALL)
    draws = result.samples["delta"] @ [0.8, 0.2]
    assert weighted.delta["w_delta"] == pytest.approx(draws.mean(), rel=1e-12)
    assert weighted.delta["pop"] == (draws > 0).mean()
    assert f"Weighted delta: {draws.mean():.3f}" in str(weighted)


def test_what_was_asked(result):
    info = result.info
    assert info["rule"] == "All"
    assert (info["test"], info["test_label"]) == ("right_sided", "P(trt > ctl)")
    assert info["groups"] == ("ctl", "trt")
    assert info["terms"] == {"fixed": tuple(FIXED), "random": tuple(RANDOM)}
    assert (info["marg_method"], info["sub_pop"]) == ("Empirical", (-np.inf, np.inf))
    priors = info["priors"]
    assert priors["b_mu0"].tolist() == [1, 2]
    assert priors["b_sigma0"].tolist() == [[0.1, 0], [0, 0.1]]
    assert priors["g_sigma0"].tolist() == [[0.5, 0], [0, 0.5]]
    assert priors["nu0"] == 2
    assert priors["tau0"].tolist() == [[3, 0], [0, 4]]
    assert result.sample_sizes == {"n_a": 192, "n_b": 192, "J": 16}


def test_diagnostics_bear_bmcos_names_of_the_parameters(result):
    diags, table = result.diags, result.fit.diagnostics.table
    assert list(diags["b"]["rhat"].index[:4]) == [
        "b11_arm_x[1]",
        "b11_x[2]",
        "b10_arm_x[1]",
        "b10_x[2]",
    ]
    assert list(diags["g"]["n_eff"].index[:3]) == ["g11_arm[1]", "g11_Intercept[2]", "g10_arm[1]"]
    names = ["g11_armarm", "g11_Interceptarm", "g11_InterceptIntercept", "g10_armarm"]
    assert list(diags["tau"]["rhat"].index[:4]) == names
    for ours, theirs in {
        ("b", "b01_x[2]"): "beta[x, 01]",
        ("b", "b10_arm_x[1]"): "beta[arm:x, 10]",
        ("g", "g11_arm[1]"): "gamma[arm, 11]",
        ("tau", "g10_armarm"): "Sigma[10, arm, arm]",
        ("tau", "g01_Interceptarm"): "Sigma[01, arm, Intercept]",
    }.items():
        block, label = ours
        assert diags[block]["rhat"][label] == pytest.approx(table.loc[theirs, "rhat"], rel=1e-9)
        least = table.loc[theirs, ["ess_bulk", "ess_tail"]].min()
        assert diags[block]["n_eff"][label] == pytest.approx(least, rel=1e-9)
    known = result.fit.diagnostics.mpsrf
    for block, name in (("b", "fixed"), ("g", "random"), ("tau", "variance")):
        assert diags[block]["convergence"]["mpsrf"] == known[name]
        assert list(diags[block]["convergence"]["psrf"].columns) == ["point", "upper"]
    draws = result.fit.idata["posterior"]["gamma"].sel(random_term="arm", logit="01").values
    expected = np.ravel(potential_scale_reduction(draws))
    assert diags["g"]["convergence"]["psrf"].loc["g01_arm[1]"].to_numpy() == pytest.approx(expected)


def test_results_cannot_be_changed(result):
    for name in ("estimates", "sample_sizes", "delta", "info", "diags", "samples"):
        assert isinstance(getattr(result, name), MappingProxyType)
        with pytest.raises(AttributeError):
            setattr(result, name, {})
    for array in (result.estimates["mean_a"], result.delta["interval"], result.samples["g"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    for table in (result.estimates["b"], result.estimates["tau"]["11"]):
        with pytest.raises(ValueError, match="read-only"):
            table.iloc[0, 0] = 0
    with pytest.raises(ValueError, match="read-only"):
        result.diags["b"]["rhat"].iloc[0] = 0


def test_only_what_was_asked_for_is_returned(permuted, result):
    bare = calls.answer(permuted, result.fit)
    assert bare.diags is bare.samples is bare.plots is None
    shown = str(bare.summary())
    assert "variance components: MPSRF" in shown
    assert "g11_armarm" not in shown


def test_plots_are_drawn_when_looked_up(permuted, result):
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    plots = calls.answer(permuted, result.fit, plots=True).plots
    assert list(plots) == ["fixed", "random", "variance"]
    assert "gamma[arm, 01]" in [axes.get_title("left") for axes in plots["random"].axes]
    with pytest.raises(KeyError, match="there is no such block; choose from 'fixed'"):
        plots["clusters"]
    assert plt.get_fignums() == []


# thinning


def test_every_nth_draw_is_kept_and_all_else_rests_on_it(result):
    plan = calls.plan("bglmm", fixed=FIXED, random=RANDOM, n_thin=3)
    every_third = calls.answer(plan, result.fit, **ALL)
    posterior = every_third.fit.idata["posterior"]
    assert posterior["draw"].values.tolist() == list(range(0, 1000, 3))
    kept = result.samples["delta"].reshape(2, 1000, 2)[:, ::3].reshape(-1, 2)
    np.testing.assert_allclose(every_third.samples["delta"], kept)
    np.testing.assert_allclose(every_third.delta["mean_delta"], kept.mean(axis=0))
    b = result.samples["b"].reshape(2, 1000, 2, 3)[:, ::3]
    np.testing.assert_allclose(every_third.estimates["b"], b.mean(axis=(0, 1)))
    unthinned = calls.answer(plan, result.fit, samples=True, thinned=False)
    np.testing.assert_allclose(unthinned.samples["delta"], result.samples["delta"])
    np.testing.assert_allclose(unthinned.delta["mean_delta"], kept.mean(axis=0))


def test_thinning_hides_no_divergence(permuted):
    fit = calls.made_up_fit(permuted, diverging=3)  # on odd draws, which go
    kept = thinned(fit, 2)
    assert int(kept.idata["sample_stats"]["diverging"].sum()) == 0
    assert kept.diagnostics.divergences == 3
    assert "3 of 2000 draws diverged" in kept.diagnostics.verdict
    assert len(kept.diagnostics.table) == len(fit.diagnostics.table)


# warnings


def test_what_does_not_converge_warns_once_at_the_call(monkeypatch, permuted):
    bad = calls.made_up_fit(permuted, apart=0.5)
    monkeypatch.setattr("bmco_pymc.rstyle.answer.draw", lambda plan, progress: bad)
    with pytest.warns(
        bmco.ConvergenceWarning, match="NOT CONVERGED: R-hat is above 1.01"
    ) as caught:
        shown = bmco.bglmm(bmco.load_multisite(), **calls.BGLMM, fixed=FIXED, random=RANDOM)
    assert [warning.category for warning in caught] == [bmco.ConvergenceWarning]
    assert caught[0].filename == __file__
    assert "NOT CONVERGED" in str(shown)


def test_too_few_exact_draws_warn_once():
    with pytest.warns(bmco.ConvergenceWarning, match="TOO FEW DRAWS") as caught:
        bmco.bmvb(bmco.load_trial(), **calls.BMVB, n_it=100, seed=1)
    assert len(caught) == 1


def test_what_the_data_and_arguments_are_warned_of_comes_once_at_the_call(monkeypatch, result):
    monkeypatch.setattr("bmco_pymc.rstyle.answer.draw", lambda plan, progress: result.fit)
    with pytest.warns(bmco.InputWarning) as caught:
        bmco.bglmm(
            bmco.load_multisite(),
            **calls.BGLMM,
            fixed=FIXED,
            random=RANDOM,
            start=(0.5, 1),
            rule="Comp",
            x_def=(-9, 9),
        )
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == 3
    assert texts[0].startswith("w=None: for rule Comp the outcomes have equal weights")
    assert texts[1].startswith("x from -9 to 9 reaches outside the data")
    assert texts[2] == "start=(0.5, 1) is not used: NUTS finds its own starting values"
    assert {warning.filename for warning in caught} == {__file__}


def test_seeds_repeat_draws():
    one, same, other = (
        bmco.bmvb(bmco.load_trial(), **calls.BMVB, n_it=2000, seed=seed) for seed in (4, 4, 5)
    )
    assert one.delta["pop"] == same.delta["pop"]
    assert not np.array_equal(one.delta["mean_delta"], other.delta["mean_delta"])


def test_outcomes_and_data_of_other_kinds():
    import polars as pl

    trial = bmco.load_trial().assign(y3=lambda d: (d["y1"] | d["y2"]).astype(bool))
    names = {**calls.BMVB, "y_vars": ["y3", "y2", "y1"]}
    ours = bmco.bmvb(pl.from_pandas(trial), **names, seed=1)
    shares = trial.groupby("arm")[names["y_vars"]].mean()
    assert ours.estimates["mean_a"] == pytest.approx(shares.loc["ctl"].tolist(), abs=0.02)
    assert ours.estimates["mean_b"] == pytest.approx(shares.loc["trt"].tolist(), abs=0.02)
    alone = bmco.bmvb(trial, **{**calls.BMVB, "y_vars": "y1"}, seed=1)
    assert alone.delta["mean_delta"].shape == (1,)


def test_the_import_stays_light():
    heavy = {"pymc", "arviz", "formulaic", "matplotlib", "numba", "nutpie"}
    code = f"import sys, bmco_pymc; print(sorted({heavy!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
