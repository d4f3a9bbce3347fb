"""Power-scaling against closed forms, densities against SciPy's."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import bmco_pymc as bmco
from bmco_pymc.effects.power_scaling import importance, weighted
from bmco_pymc.models.prior_draws import draw_prior
from bmco_pymc.posterior.density import log_likelihood, log_prior

pytestmark = pytest.mark.samples


@pytest.fixture(scope="module")
def few_subjects():
    """A study with little data, so that the prior matters."""
    data = bmco.load_trial().groupby("arm").head(14)
    return bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt")


ALPHA = np.array([4.0, 1.0, 2.5, 3.0])


@pytest.fixture(scope="module")
def fit(few_subjects):
    priors = bmco.Priors(phi=bmco.Dirichlet(ALPHA, treatment=ALPHA[::-1]))
    return bmco.BMVB(few_subjects, priors).fit(draws=4000, seed=4)


def exact(fit: Any, component: str, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Return δ's mean and draws from the power-scaled posterior, which is Dirichlet again."""
    prior, counts = fit.model.priors.phi.resolve("phi", list("abcd")), fit.model.cells.counts
    shapes = {"prior": power * (prior - 1) + 1 + counts, "likelihood": prior + power * counts}
    shape = shapes[component]
    mean = shape / shape.sum(axis=1, keepdims=True)
    rng = np.random.default_rng(12)
    phi = np.stack([rng.dirichlet(row, 100_000) for row in shape], axis=1)
    theta = np.stack([phi[..., 0] + phi[..., 1], phi[..., 0] + phi[..., 2]], axis=-1)
    delta = theta[:, 1] - theta[:, 0]
    first = mean[:, 0] + mean[:, 1], mean[:, 0] + mean[:, 2]
    return np.array([pair[1] - pair[0] for pair in first]), delta


@pytest.mark.parametrize("component", ["prior", "likelihood"])
@pytest.mark.parametrize("rule", ["all", "any", "comp"])
def test_the_weighted_numbers_are_those_of_the_closed_form(fit, component, rule):
    powers = [0.7, 1.0, 1.5]
    margins = [-0.05, 0.02]
    found = fit.sensitivity(scale=component, powers=powers, rule=rule, margins=margins)
    assert found.table["reliable"].all()
    for power in powers:
        part = found.table[found.table["power"] == power]
        mean, delta = exact(fit, component, power)
        assert (np.abs(part["delta"] - mean) < 4 * part["delta_mcse"]).all()
        # the SD of an SD from n draws is about SD / sqrt(2 n), n the ESS of the weights
        np.testing.assert_allclose(part["delta_sd"], delta.std(axis=0), rtol=0.04)
        beyond = delta > margins
        expected = {
            "all": beyond.all(axis=1),
            "any": beyond.any(axis=1),
            "comp": (delta - margins).sum(axis=1) > 0,
        }[rule].mean()
        error = np.hypot(part["probability_mcse"], 0.5 / np.sqrt(len(delta)))
        assert (np.abs(part["probability"] - expected) < 4 * error).all()
        error = np.hypot(part["marginal_mcse"], 0.5 / np.sqrt(len(delta)))
        assert (np.abs(part["marginal"] - beyond.mean(axis=0)) < 4 * error).all()


def test_the_monte_carlo_errors_are_those_of_repetition(few_subjects):
    priors = bmco.Priors(phi=bmco.Dirichlet(ALPHA))
    estimates, errors = [], []
    for seed in range(60):
        fit = bmco.BMVB(few_subjects, priors).fit(draws=250, seed=seed)
        phi = fit.idata["posterior"].to_dataset()["phi"]
        density = log_likelihood(fit.model, {"phi": phi.values.reshape(-1, 2, 4)})
        weight, _ = importance(phi[..., 0, 0].copy(data=-0.2 * density.reshape(4, 250)))
        mean, error = weighted(fit.effect().delta[..., 0], weight)
        estimates.append(float(mean))
        errors.append(float(error))
    # the SD of 60 numbers is known to 1 / sqrt(120) = 9 %
    assert np.std(estimates) == pytest.approx(np.mean(errors), rel=0.3)


def test_power_one_is_the_fit_itself(fit):
    found = fit.sensitivity(powers=[1])
    effect = fit.effect()
    decision = effect.decide("all")
    for name in ("prior", "likelihood"):
        part = found.table[found.table["scaled"] == name]
        np.testing.assert_allclose(part["delta"], effect.delta.mean(("chain", "draw")))
        np.testing.assert_allclose(part["probability"], decision.probability)
        np.testing.assert_allclose(part["probability_mcse"], decision.mcse)
        np.testing.assert_allclose(part["marginal"], decision.marginal)


def test_left_looks_at_the_other_side(fit):
    right, left = (
        fit.sensitivity(scale="prior", powers=[0.8], rule="comp", direction=d).table
        for d in ("right", "left")
    )
    np.testing.assert_allclose(right["probability"] + left["probability"], 1)


def test_what_is_too_far_is_said_to_be_unreliable(fit):
    found = fit.sensitivity(scale="likelihood", powers=[0.05, 0.9])
    by_power = found.table.groupby("power")["reliable"].all()
    assert by_power.to_dict() == {0.05: False, 0.9: True}
    assert found.table["pareto_k"].max() > found.limit == 0.7
    assert "Not reliable with the likelihood to the power 0.05: Pareto k" in str(found)
    figure = found.plot()
    assert "Pareto k above 0.70: not reliable" in [
        t.get_text() for legend in figure.legends for t in legend.get_texts()
    ]


@pytest.mark.parametrize("alpha", [1.0, 1.0001])
def test_a_flat_prior_is_said_to_tell_nothing(few_subjects, alpha):
    model = bmco.BMVB(few_subjects, bmco.Priors(phi=bmco.Dirichlet(alpha)))
    found = model.fit(seed=1).sensitivity(scale="prior")
    assert "hardly varies over the draws" in str(found)
    assert "does not show that it does not matter" in found._repr_html_()
    assert found.table["reliable"].all()
    assert np.ptp(found.table.loc[found.table["outcome"] == "y1", "delta"]) < 1e-4


def test_arviz_says_the_same_of_the_parameters(fit):
    import arviz as az

    found = fit.sensitivity()
    theirs = az.psense(found.idata, var_names=["delta"], group="likelihood")["delta"]
    ours = found.parameters.loc[["delta[y1]", "delta[y2]"], "likelihood"]
    np.testing.assert_allclose(ours, theirs)
    assert len(found.parameters) == 8 + 4 + 2


def test_a_prior_against_the_data_is_found(few_subjects):
    counts = bmco.BMVB(few_subjects).cells.counts
    # many successes expected where there are few, and the other way round
    priors = bmco.Priors(phi=bmco.Dirichlet([0.5, 0.5, 0.5, 25], treatment=[25, 0.5, 0.5, 0.5]))
    found = bmco.BMVB(few_subjects, priors).fit(seed=1).sensitivity()
    assert counts.min() > 0
    assert set(found.parameters.loc[["delta[y1]", "delta[y2]"], "diagnosis"]) == {
        "prior and data may be in conflict"
    }


def test_the_picture_shows_the_table(fit):
    found = fit.sensitivity(scale=["prior", "likelihood"], powers=[0.8, 1, 1.25])
    figure = found.plot()
    assert [axes.get_title("left") for axes in figure.axes] == [
        "P(All)",
        "δ of y1",
        "δ of y2",
    ]
    for axes, column, outcome in zip(
        figure.axes, ["probability", "delta", "delta"], ["y1", "y1", "y2"], strict=True
    ):
        lines = [c.lines[0].get_ydata() for c in axes.containers]
        part = found.table[found.table["outcome"] == outcome].set_index("scaled")
        expected = [part.loc[name, column] for name in ("prior", "likelihood")]
        np.testing.assert_array_equal(lines, expected)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scale": "beta"}, "scale='beta'.*'prior', 'likelihood', 'phi'"),
        ({"scale": []}, "names nothing"),
        ({"powers": [0, 1]}, "powers=.*greater than 0"),
        ({"powers": "a"}, "powers='a'"),
        ({"direction": "two-sided"}, "one side at a time"),
        ({"rule": "most"}, "rule='most'"),
        ({"clusters": "new"}, "clusters='new'"),
    ],
)
def test_what_cannot_be_asked(fit, change, words):
    with pytest.raises(bmco.InputError, match=words):
        fit.sensitivity(**change)


def test_the_prior_has_no_sensitivity(few_subjects):
    with pytest.raises(bmco.InputError, match="no likelihood to set against it"):
        bmco.BMVB(few_subjects).prior_effect(seed=1).fit.sensitivity()


def test_densities_of_bmvb(fit):
    phi = fit.idata["posterior"]["phi"].values.reshape(-1, 2, 4)[:50]
    alpha, counts = fit.model.priors.phi.resolve("phi", list("abcd")), fit.model.cells.counts
    prior, likelihood = log_prior(fit.model, {"phi": phi}), log_likelihood(fit.model, {"phi": phi})
    by_scipy = [sum(stats.dirichlet.logpdf(x[g], alpha[g]) for g in (0, 1)) for x in phi]
    np.testing.assert_allclose(prior["phi"], by_scipy)
    law = stats.multinomial
    multinomial = np.array([law.logpmf(counts, counts.sum(axis=1), x).sum() for x in phi])
    np.testing.assert_allclose(likelihood - likelihood[0], multinomial - multinomial[0])


def test_densities_of_a_multilevel_regression(multisite_model):
    """Logit by logit, subject by subject, with SciPy."""
    prior = {
        "beta": bmco.Normal([1, -2], covariance=[[2, 0.5], [0.5, 1]]),
        "gamma": bmco.Normal(3, sd=[1, 2]),
        "Sigma": bmco.InverseWishart(3.0, [[0.3, 0.1], [0.1, 0.2]]),
    }
    model = multisite_model.with_priors(**prior)
    draws = draw_prior(model, 20, np.random.default_rng(3))
    found = log_prior(model, draws)
    for name in ("beta", "gamma"):
        mean, V = getattr(model.priors, name).resolve(name, ("a", "b"))
        law = stats.multivariate_normal(mean, V)
        by_scipy = [sum(law.logpdf(x[:, q]) for q in range(3)) for x in draws[name]]
        np.testing.assert_allclose(found[name], by_scipy)
    wishart = stats.invwishart(3, [[0.3, 0.1], [0.1, 0.2]])
    each = np.array([sum(wishart.logpdf(S) for S in x) for x in draws["Sigma"]])
    np.testing.assert_allclose(found["Sigma"] - found["Sigma"][0], each - each[0])

    X, Z = model.terms.matrices(model.cells.frame, model.cells.arm)
    expected = np.zeros(20)
    for i, counts in enumerate(model.cells.counts):
        own = draws["gamma_cluster"][:, model.cells.cluster[i]]
        eta = np.einsum("p,spl->sl", X[i], draws["beta"]) + np.einsum("p,spl->sl", Z[i], own)
        weight = np.exp(np.column_stack([eta, np.zeros(20)]) - eta.max(axis=1, keepdims=True))
        phi = weight / weight.sum(axis=1, keepdims=True)
        expected += (np.log(np.maximum(phi, 1e-300)) * counts).sum(axis=1)
    np.testing.assert_allclose(log_likelihood(model, draws), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("sd", "law"),
    [
        (bmco.HalfNormal(0.7), stats.halfnorm(scale=0.7)),
        (bmco.Exponential(0.4), stats.expon(scale=0.4)),
        (bmco.HalfStudentT(3, 0.5), stats.t(3, scale=0.5)),
    ],
)
def test_the_density_of_an_lkj_covariance(multisite_model, sd, law):
    model = multisite_model.with_priors(Sigma=bmco.LKJ(2.5, sd))
    draws = draw_prior(model, 30, np.random.default_rng(3))
    found = log_prior(model, draws)["Sigma"]
    expected = np.zeros(30)
    for q in range(3):
        spread = np.sqrt(np.einsum("sii->si", draws["Sigma"][:, q]))
        r = draws["Sigma"][:, q, 0, 1] / spread.prod(axis=1)
        expected += law.logpdf(spread).sum(axis=1)
        expected += stats.beta(2.5, 2.5).logpdf((r + 1) / 2)  # LKJ of two: Beta on (-1, 1)
    np.testing.assert_allclose(found - found[0], expected - expected[0], rtol=1e-9, atol=1e-9)


def test_flat_weights_are_one():
    weight, k = importance(xr.DataArray(np.full((2, 50), 3.0), dims=("chain", "draw")))
    assert np.isnan(k)
    assert (weight == 1).all()


def test_sensitivity_of_a_multilevel_fit(schools_fit):
    found = schools_fit.sensitivity(scale=["Sigma", "beta"], powers=[0.8, 1, 1.25])
    assert found.table["reliable"].all()
    assert "gamma_cluster" not in found.idata["posterior"]
    part = found.table[found.table["power"] == 1]
    mean = schools_fit.effect().delta.mean(("chain", "draw")).values
    np.testing.assert_allclose(part["delta"], [*mean, *mean])
    assert found.parameters.filter(like="Sigma", axis=0)["prior"].min() > 0.05
