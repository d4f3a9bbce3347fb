"""Several priors and models side by side: the same numbers as one by one, and honest marks."""

import warnings
from typing import Any

import numpy as np
import pytest
from scipy.stats import dirichlet

import bmco_pymc as bmco
from bmco_pymc.models.bmvb import BMVB

pytestmark = pytest.mark.samples


@pytest.fixture(scope="module")
def models(trial_study):
    weak = bmco.BMVB(trial_study)
    return {"weak": weak, "strong": weak.with_priors(phi=bmco.Dirichlet(20))}


@pytest.fixture(scope="module")
def both(models):
    return bmco.compare(models, rule="any", ci_prob=0.9, seed=3, progress=False)


def test_the_table_holds_what_the_fits_say_one_by_one(models, both):
    assert both.table[["model", "outcome"]].values.tolist() == [
        ["weak", "y1"],
        ["weak", "y2"],
        ["strong", "y1"],
        ["strong", "y2"],
    ]
    for name, model in models.items():
        effect = model.fit(seed=3).effect()
        summary, decision = effect.summary(0.9), effect.decide("any")
        for k, outcome in enumerate(("y1", "y2")):
            row = both.table.set_index(["model", "outcome"]).loc[(name, outcome)]
            for column, label in {
                "delta": f"delta[{outcome}]",
                "theta_control": f"theta[ctl, {outcome}]",
                "theta_treatment": f"theta[trt, {outcome}]",
            }.items():
                found = [row[column], *(row[f"{column}_{k}"] for k in ("sd", "lower", "upper"))]
                assert found == summary.loc[label, ["mean", "sd", "lower", "upper"]].tolist()
            assert row["delta_mcse"] == summary.loc[f"delta[{outcome}]", "mcse"]
            assert row["marginal"] == float(decision.marginal[k])
            assert (row["probability"], row["probability_mcse"]) == (
                decision.probability,
                decision.mcse,
            )
            assert (row["decision"], row["converged"]) == (decision.decision, True)
            assert np.isnan(row["max_rhat"])  # exact draws: it does not apply
            assert row["min_ess"] == effect.diagnostics.min_ess


def test_the_deltas_are_those_of_the_closed_form(models, both):
    counts = models["weak"].cells.counts
    for name, alpha in (("weak", 0.5), ("strong", 20)):
        mean = np.array([dirichlet.mean(alpha + row) for row in counts])  # (2, Q)
        theta = np.stack([mean[:, 0] + mean[:, 1], mean[:, 0] + mean[:, 2]], axis=1)
        found = both.table[both.table["model"] == name]
        error = np.abs(found["delta"] - (theta[1] - theta[0])) / found["delta_mcse"]
        assert (error < 4).all()


def test_a_fit_is_taken_as_it_is(models, both):
    fit = models["weak"].fit(draws=700, seed=9)
    mixed = bmco.compare({"made": fit, "strong": models["strong"]}, seed=3, progress=False)
    assert mixed.fits["made"] is fit
    np.testing.assert_array_equal(mixed.effects["strong"].delta, both.effects["strong"].delta)


def test_without_a_seed_all_fits_share_a_fresh_one(models):
    found = bmco.compare(models, draws=500, progress=False)
    seeds = {int(fit.idata.attrs["seed"]) for fit in found.fits.values()}
    assert len(seeds) == 1


def test_two_sided_has_the_other_side_too(models):
    found = bmco.compare(
        models, direction="two-sided", margins={"y1": 0.05, "y2": -0.02}, seed=3, progress=False
    )
    right, left = found.decisions["weak"].sides
    row = found.table.iloc[1]
    assert row["left_marginal"] == float(left.marginal[1])
    assert row["left_probability"] == left.probability
    assert row["marginal"] == float(right.marginal[1])
    assert "margins y1 0.05, y2 -0.02" in str(found)


def test_what_does_not_converge_is_marked_everywhere(models):
    plan = {"long": models["weak"], "short": models["strong"]}
    with pytest.warns(bmco.ConvergenceWarning, match="short: TOO FEW DRAWS") as caught:
        found = bmco.compare(plan, draws=90, seed=1, progress=False)
    assert len(caught) == 1  # one for both fits and all that follows from them
    assert not found.table["converged"].any()
    assert found.table["worst"][2] == found.effects["short"].diagnostics.problems[0].reason
    assert "short (TOO FEW DRAWS)" in str(found)
    assert f"short: {found.effects['short'].diagnostics.verdict}" in str(found)
    assert "do not use this yet" in texts(found.plot())


def texts(figure: Any) -> list[str]:
    """Return everything written in a figure."""
    inside = [text.get_text() for axes in figure.axes for text in axes.texts]
    inside += [label.get_text() for label in figure.axes[0].get_yticklabels()]
    return inside + [t.get_text() for legend in figure.legends for t in legend.get_texts()]


def test_names_are_escaped_and_never_read_as_formulas(models):
    found = bmco.compare({"<b>$x$": models["weak"]}, seed=1, progress=False)
    html = found._repr_html_()
    assert "&lt;b&gt;$x$" in html
    assert "<b>$x$" not in html
    assert "<b>$x$" in texts(found.plot())


class Interrupted(BMVB):
    """Stands for a fit that the user interrupts before it has draws."""

    def fit(self, *args: Any, **settings: Any) -> Any:
        raise KeyboardInterrupt


def test_an_interrupt_keeps_the_finished_fits(models, trial_study):
    stopped = Interrupted(trial_study)
    plan = {"weak": models["weak"], "stopped": stopped, "strong": models["strong"]}
    with pytest.warns(bmco.ConvergenceWarning, match="Interrupted before .* stopped, strong"):
        found = bmco.compare(plan, seed=3, progress=False)
    assert list(found.fits) == ["weak"]
    assert found.not_fitted == ("stopped", "strong")
    assert "Interrupted before these were fitted: stopped, strong" in str(found)
    with pytest.raises(KeyboardInterrupt):
        bmco.compare({"stopped": stopped, "weak": models["weak"]}, progress=False)


class CutShort(BMVB):
    """Stands for a fit that keeps the draws made before an interrupt."""

    def fit(self, *args: Any, **settings: Any) -> Any:
        fit = BMVB(self.study).fit(draws=600, seed=1)
        fit.idata.attrs["draws"] = 1000
        return fit


def test_a_fit_cut_short_is_kept_and_said_to_be_short(models, trial_study):
    with pytest.warns(bmco.ConvergenceWarning, match="short: interrupted, 600 of 1000 draws"):
        found = bmco.compare({"short": CutShort(trial_study), "weak": models["weak"]})
    assert list(found.fits) == ["short"]
    assert found.not_fitted == ("weak",)


def test_each_analysis_gets_the_arguments_that_it_has(multisite_fit, multisite_study):
    plan = {"sites": multisite_fit, "no sites": bmco.BMVB(multisite_study)}
    found = bmco.compare(plan, clusters="observed", standardise="own", progress=False, seed=1)
    alone = multisite_fit.effect(clusters="observed", standardise="own")
    np.testing.assert_array_equal(found.effects["sites"].delta, alone.delta)
    assert found.table["analysis"].tolist() == ["BGLMM", "BGLMM", "BMVB", "BMVB"]
    assert "Estimand of no sites: Success probability in the whole" in str(found)
    assert "under 2 models" in str(found)


def test_models_must_use_the_same_rows(trial_study):
    data = bmco.load_trial().astype({"x": float})
    data.loc[[3, 7, 11], "x"] = np.nan
    study = bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt")
    with pytest.warns(bmco.InputWarning, match="3 of 240 rows"):
        short = bmco.BGLM(study, "arm + x")
    whole = bmco.BMVB(trial_study)
    with pytest.raises(bmco.InputError, match=r"only 'all' uses 3 rows \(3, 7, 11\)"):
        bmco.compare({"all": whole, "with x": short})
    with pytest.raises(bmco.InputError, match=r"only 'all' uses 3 rows \(3, 7, 11\)"):
        bmco.compare({"with x": short, "all": whole})
    # another frame with the same rows is the same data; with another outcome it is not
    again = bmco.BMVB(bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt"))
    found = bmco.compare({"a": whole, "b": again}, seed=1, draws=500, progress=False)
    np.testing.assert_array_equal(found.effects["a"].delta, found.effects["b"].delta)
    data = bmco.load_trial()
    data.loc[5, "y1"] = 1 - data["y1"].to_numpy()[5]
    other = bmco.BMVB(bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt"))
    with pytest.raises(bmco.InputError, match=r"another group, outcome or count: 1 row \(5\)"):
        bmco.compare({"a": whole, "b": other})
    turned = bmco.BMVB(bmco.Study(data, ["y1", "y2"], "arm", "trt", "ctl"))
    with pytest.raises(bmco.InputError, match="other groups than 'a'"):
        bmco.compare({"a": whole, "b": turned})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rule": "most"}, "rule='most'"),
        ({"margins": [1, 2, 3]}, "margins="),
        ({"alpha": 2}, "alpha=2"),
        ({"ci_prob": 95}, "ci_prob=95"),
        ({"draws": 0}, "draws=0"),
        ({"thin": 2}, "thin.*no such setting"),
        ({"seed": -1}, "seed=-1"),
        ({"clusters": "new"}, "clusters='new': no model here has clusters"),
        ({"population": bmco.Value(50)}, "'weak' .BMVB. has no covariates"),
    ],
)
def test_mistakes_are_found_before_anything_is_fitted(trial_study, change, words):
    with pytest.raises(bmco.InputError, match=words):
        bmco.compare({"weak": Interrupted(trial_study)}, **change)


@pytest.mark.parametrize("wrong", [{}, [1], {1: "a"}, {"a": "b"}])
def test_what_is_no_mapping_of_models(wrong):
    with pytest.raises(bmco.InputError, match="models"):
        bmco.compare(wrong)


def test_populations_are_checked_before_anything_is_fitted(trial_model):
    with pytest.raises(bmco.InputError, match="no subject is in it"):
        bmco.compare({"a": trial_model}, bmco.Empirical(1e6, 2e6))
    with pytest.raises(bmco.InputError, match="standardise='both'"):
        bmco.compare({"a": trial_model}, standardise="both")


def test_warnings_that_are_not_about_convergence_come_through(models):
    with pytest.warns(bmco.InputWarning, match="does not sum to 1") as caught:
        bmco.compare(models, rule="comp", w=[1, 3], seed=1, progress=False)
    assert len(caught) == 1


def test_the_progress_of_the_fits_goes_to_standard_error(models, capsys):
    bmco.compare(models, seed=1, draws=500)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "strong (2 of 2)" in shown.err


def test_the_community_of_priors(multisite_model):
    three = bmco.community_of_priors(multisite_model, effect=0.7)
    found: dict[str, Any] = {name: model.priors for name, model in three.items()}
    random = multisite_model.terms.random
    assert found["weak"].gamma.resolve("gamma", random)[1].tolist() == [[10, 0], [0, 10]]
    assert found["skeptical"].beta.resolve("beta", multisite_model.terms.fixed)[1][0, 0] == 1
    nu, scale = found["skeptical"].Sigma.resolve("Sigma", random)
    assert (nu, scale.tolist()) == (6, [[0.05, 0], [0, 0.05]])
    mean, covariance = found["optimistic"].gamma.resolve("gamma", random)
    assert (mean.tolist(), covariance.tolist()) == ([0, 0.7], [[1, 0], [0, 1]])
    assert found["optimistic"].beta.resolve("beta", multisite_model.terms.fixed)[0].any() == 0


def test_the_community_needs_a_term_of_the_group(trial_study):
    with pytest.raises(bmco.InputError, match="no term of the group"):
        bmco.community_of_priors(bmco.BMVB(trial_study))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.InputWarning)
        model = bmco.BGLM(trial_study, "x")
    with pytest.raises(bmco.InputError, match="no term of the group"):
        bmco.community_of_priors(model)
