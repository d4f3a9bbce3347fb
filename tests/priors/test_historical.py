"""Historical data as priors of φ: against quadrature, sampling, and other people's numbers."""

import dataclasses
import json
import warnings
from typing import Any

import numpy as np
import pytest
from oracles import oracle
from scipy import integrate, stats
from scipy.special import expit, gammaln, logsumexp

import bmco_pymc as bmco
from bmco_pymc.models.prior_draws import draw_prior
from bmco_pymc.posterior.density import log_prior
from bmco_pymc.priors.betas import closest_betas
from bmco_pymc.priors.components import log_density, posterior_components
from bmco_pymc.priors.predictive import predictive
from bmco_pymc.store.values import decode_priors, encode_priors

ALPHA = ([0.7, 1.2, 0.4, 2.0], [1.5, 0.3, 0.9, 0.6])
ROBUST = bmco.Mixture(
    [(0.5, [40, 20, 20, 30]), (0.3, bmco.Dirichlet([10, 30, 30, 60])), (0.2, 0.5)],
    treatment=[(0.6, [20, 5, 9, 6]), (0.4, 1)],
)
PATTERNS, SUCCESS = list("abcd"), [np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0])]


def superior(prior: Any, treatment: tuple[int, int], control: tuple[int, int]) -> float:
    """Return P(θ of the treatment > θ of the control) for successes and subjects, by quadrature."""
    parts = prior.components("phi", ["1", "0"])
    seen = [(r, n - r) for r, n in (control, treatment)]
    (w, a), (v, b) = (posterior_components(p[0], p[1], s) for p, s in zip(parts, seen, strict=True))

    def integrand(x: float) -> float:
        above = v @ stats.beta(*b.T).sf(x)
        return float(above * (w @ stats.beta(*a.T).pdf(x)))

    return float(integrate.quad(integrand, 0, 1, epsabs=1e-12, epsrel=1e-11, limit=400)[0])


def moments(prior: Any) -> tuple[float, float, Any]:
    """Return mean, SD and cumulative distribution of the control's θ."""
    weights, alphas = prior.components("phi", ["1", "0"])[0]
    a, b = alphas.T
    mean = weights @ (a / (a + b))
    second = weights @ (a * (a + 1) / (a + b) / (a + b + 1))
    return mean, np.sqrt(second - mean**2), lambda x: float(weights @ stats.beta(a, b).cdf(x))


def quantile(cdf: Any, share: float) -> float:
    from scipy.optimize import brentq

    return brentq(lambda x: cdf(x) - share, 0, 1, xtol=1e-12)


def test_power_prior():
    given = oracle("hist.power.post")
    at = given.inputs
    prior = bmco.Dirichlet.from_history([30, 70], at["a0"])
    found = superior(prior, (at["sE"], at["nE"]), (at["sC"], at["nC"]))
    assert found == pytest.approx(given.value, abs=given.tolerance)

    four = bmco.Dirichlet.from_history([4, 0, 2, 10], 0.25, [1, 2, 3, 4])
    assert four.resolve("phi", PATTERNS).tolist() == [[2, 2, 3.5, 6.5], [1, 2, 3, 4]]
    other = bmco.Dirichlet.from_history([4, 0, 2, 10], 1, 0.1, treatment=7)
    assert other.resolve("phi", PATTERNS).tolist() == [[4.1, 0.1, 2.1, 10.1], [7] * 4]
    none = bmco.Dirichlet.from_history([4, 0, 2, 10], 0)
    assert none.resolve("phi", PATTERNS).tolist() == [[0.5] * 4] * 2


@pytest.mark.parametrize("name", ["hist.mix.info", "hist.mix.robust"])
def test_mixtures_of_betas(name):
    given = oracle(name)
    control = [(weight, alpha) for weight, *alpha in given.inputs["mix"]]
    prior = bmco.Mixture(control, treatment=bmco.Dirichlet(given.inputs["aE"]))
    assert superior(prior, (14, 24), (1, 6)) == pytest.approx(given.value[0], abs=given.tolerance)


def test_posterior_weights_are_marginal_likelihoods():
    weights, alphas = np.array([0.7, 0.3]), np.array([[0.6, 2.0], [9.0, 1e9]])
    counts = np.array([[[0, 0], [3, 1]], [[40, 2], [0, 60]]])
    found, updated = posterior_components(weights, alphas, counts)
    assert found.shape == (2, 2, 2)
    assert np.array_equal(updated, alphas + counts[..., None, :])
    for place in np.ndindex(2, 2):
        seen = counts[place]
        each = [stats.betabinom(seen.sum(), *alpha).logpmf(seen[0]) for alpha in alphas[:1]]
        # with b = 1e9 differences of gammaln lose digits: the product, factor by factor
        (a, b), (i, j) = alphas[1], (np.arange(n) for n in seen)
        rising = np.log(a + i).sum() + np.log(b + j).sum()
        rising -= np.log(a + b + np.arange(seen.sum())).sum()
        each.append(rising + gammaln(seen.sum() + 1) - gammaln(seen + 1).sum())
        exact = weights * np.exp(each)
        assert found[place] == pytest.approx(exact / exact.sum(), rel=1e-10)
    assert found[0, 0] == pytest.approx(weights)


@pytest.fixture(scope="module")
def mixed(trial_study):
    return bmco.BMVB(trial_study, bmco.Priors(phi=ROBUST))


def exact_moments(model: bmco.BMVB) -> list[tuple[Any, Any]]:
    """Return mean and covariance of φ in each group, by the law of total variance."""
    found = []
    for part, counts in zip(
        model.priors.phi.components("phi", PATTERNS), model.cells.counts, strict=True
    ):
        weights, alphas = posterior_components(*part, counts)
        each = [stats.dirichlet(alpha) for alpha in alphas]
        mean = sum(w * d.mean() for w, d in zip(weights, each, strict=True))
        second = sum(
            w * (d.cov() + np.outer(d.mean(), d.mean())) for w, d in zip(weights, each, strict=True)
        )
        found.append((mean, second - np.outer(mean, mean)))
    return found


def test_exact_draws_of_a_mixture(mixed):
    phi = mixed.fit(draws=50_000, chains=4, seed=5).draws("phi")
    for group, (mean, covariance) in enumerate(exact_moments(mixed)):
        draws = phi[:, group]
        error = np.sqrt(covariance.diagonal() / len(draws))
        assert (abs(draws.mean(axis=0) - mean) < 4 * error).all()
        products = (draws - mean)[:, :, None] * (draws - mean)[:, None, :]
        error = products.std(axis=0) / np.sqrt(len(draws))
        assert (abs(products.mean(axis=0) - covariance) < 4 * error).all()


def test_a_mixture_that_the_data_split(trial_study):
    """Draws of two far components: their share is the posterior weight."""
    counts = bmco.BMVB(trial_study).cells.counts
    one, two = 20 + 40.0 * np.array([1, 0, 0, 1]), 20 + 40.0 * np.array([0, 1, 1, 0])
    both = np.stack([one, two])
    level = posterior_components([0.5, 0.5], both, counts[0])[0]
    model = bmco.BMVB(
        trial_study, bmco.Priors(phi=bmco.Mixture([(level[1], one), (level[0], two)]))
    )
    weights, alphas = posterior_components([level[1], level[0]], both, counts[0])
    assert weights == pytest.approx([0.5, 0.5])
    phi = model.fit(draws=20_000, chains=2, seed=1).draws("phi")[:, 0]
    means = alphas / alphas.sum(axis=1, keepdims=True)
    along = (means[0] - means[1]) / ((means[0] - means[1]) ** 2).sum()
    share = (phi - means[1]) @ along  # on average the weight of the first
    assert abs(share.mean() - 0.5) < 4 * share.std() / 200
    assert share.std() > 0.45  # hardly a draw is between the components


def test_swapping_the_groups_flips_delta_exactly(trial_study):
    swapped = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", control="trt", treatment="ctl")
    back = bmco.Mixture(ROBUST.treatment, treatment=ROBUST.control)  # type: ignore[arg-type]
    one = bmco.BMVB(trial_study, bmco.Priors(phi=ROBUST)).fit(500, seed=2).effect()
    two = bmco.BMVB(swapped, bmco.Priors(phi=back)).fit(500, seed=2).effect()
    assert np.array_equal(one.delta, -two.delta)


@pytest.mark.filterwarnings("ignore::bmco_pymc.ConvergenceWarning")
def test_draws_of_a_plain_dirichlet_are_what_they_were(trial_study):
    """As computed before there were mixtures, to the last bit."""
    model = bmco.BMVB(trial_study).with_priors(phi=bmco.Dirichlet(*ALPHA))
    phi = model.fit(draws=50, chains=2, seed=11).draws("phi")
    assert [value.hex() for value in phi[-1, 0].tolist()] == [
        *("0x1.a6efd09d64b95p-3", "0x1.ebf3d2672de0cp-4"),
        *("0x1.07a19fab326cfp-2", "0x1.a9e9836c4fbe4p-2"),
    ]
    assert [value.hex() for value in phi[-1, 1].tolist()] == [
        *("0x1.4de78d2c86b15p-2", "0x1.b98fbf314bafap-3"),
        *("0x1.c31d10b01dd7bp-3", "0x1.e78415c589163p-3"),
    ]
    before = model.prior_effect(draws=20, seed=3).phi.values[0, -1, 0].tolist()
    assert [value.hex() for value in before] == [
        *("0x1.56f6c03ddb56dp-3", "0x1.4f82799c23404p-4"),
        *("0x1.4c80c6c503dfdp-13", "0x1.803d38b098721p-1"),
    ]


def test_prior_draws_and_density(mixed):
    found = draw_prior(mixed, 40_000, np.random.default_rng(4))["phi"]
    for group, (weights, alphas) in enumerate(ROBUST.components("phi", PATTERNS)):
        mean = weights @ (alphas / alphas.sum(axis=1, keepdims=True))
        error = found[:, group].std(axis=0) / 200
        assert (abs(found[:, group].mean(axis=0) - mean) < 4 * error).all()
    few = found[:50]
    exact = np.zeros(50)
    for group, (weights, alphas) in enumerate(ROBUST.components("phi", PATTERNS)):
        each = [stats.dirichlet(alpha).pdf(few[:, group].T) for alpha in alphas]
        exact += np.log(weights @ each)
    assert log_prior(mixed, {"phi": few})["phi"] == pytest.approx(exact)
    single = log_density(np.ones(1), np.array([ALPHA[0]]), few[:, 0])
    assert single == pytest.approx(stats.dirichlet(ALPHA[0]).logpdf(few[:, 0].T))


def test_a_mixture_works_where_a_dirichlet_does(mixed, tmp_path):
    fit = mixed.fit(draws=2000, seed=1)
    words = str(ROBUST)
    assert mixed.describe_priors() == {"phi": words}
    assert f"Prior of phi: {words}." in str(mixed)
    assert words == (
        "Mixture([(0.5, Dirichlet(alpha=[40.0, 20.0, 20.0, 30.0])), "
        "(0.3, Dirichlet(alpha=[10.0, 30.0, 30.0, 60.0])), (0.2, Dirichlet(alpha=0.5))], "
        "treatment=[(0.6, Dirichlet(alpha=[20.0, 5.0, 9.0, 6.0])), (0.4, Dirichlet(alpha=1))])"
    )
    table = fit.sensitivity(powers=[0.8, 1.0, 1.25]).table
    assert table["reliable"].all()
    assert 0 < mixed.prior_effect(draws=500, seed=1).decide("all").probability < 1
    fit.save(tmp_path / "fit.zip")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = bmco.load(tmp_path / "fit.zip")
    assert again.idata.identical(fit.idata)
    assert str(again.model.priors) == str(mixed.priors)
    repeated = dataclasses.replace(again.model).fit(draws=2000, seed=1)
    assert np.array_equal(repeated.idata["posterior"]["phi"], fit.idata["posterior"]["phi"])


def test_weights_come_back_to_the_last_bit():
    third = bmco.Mixture([(1 / 3, 1), (1 / 3, 2), (1 / 3, np.array([0.1, 0.7]))])
    stored = json.loads(json.dumps(encode_priors(bmco.Priors(phi=third))))
    again = decode_priors(stored).phi
    assert isinstance(again, bmco.Mixture)
    for one, two in zip(
        third.components("phi", ["1", "0"]), again.components("phi", ["1", "0"]), strict=True
    ):
        assert all(map(np.array_equal, one, two))


@pytest.mark.samples
@pytest.mark.slow
def test_nuts_agrees_with_exact_moments(mixed):
    import arviz as az
    import nutpie

    compiled = nutpie.compile_pymc_model(mixed.build())
    tree = nutpie.sample(
        compiled, draws=2000, tune=1000, chains=4, cores=2, seed=1, progress_bar=False
    )
    phi = tree["posterior"]["phi"]
    assert list(phi.coords["pattern"].values) == list(mixed.study.patterns)
    assert list(phi.coords["group"].values) == list(mixed.study.group_labels)
    for group, (mean, covariance) in enumerate(exact_moments(mixed)):
        one = phi.isel(group=group)
        for values, exact in ((one, mean), ((one - mean) ** 2, covariance.diagonal())):
            assert (abs(values.mean(("chain", "draw")) - exact) < 4 * az.mcse(values)).all()
    assert float(az.mcse(phi).max()) < 1e-3


@pytest.mark.parametrize("name", ["hist.map.AS"])
def test_map_prior_of_the_as_trials(name):
    given = oracle(name)
    prior = bmco.map_prior(given.inputs["r"], given.inputs["n"])
    mean, sd, cdf = moments(prior)
    assert [mean, sd] == pytest.approx(given.value[:2], abs=2e-5)
    found = [quantile(cdf, share) for share in (0.025, 0.5, 0.975)]
    assert found == pytest.approx(given.value[2:], abs=1e-3)
    assert prior.components("phi", ["1", "0"])[1][1].tolist() == [[1, 1]]


def test_robust_map_prior():
    given = oracle("hist.map.robust")
    at = given.inputs
    for robust, exact in zip(at["robust_weight"], given.value, strict=True):
        treatment = bmco.Dirichlet(at["treatment_prior"])
        prior = bmco.map_prior(at["r"], at["n"], robust=robust, treatment=treatment)
        found = superior(prior, (at["sE"], at["nE"]), (at["sC"], at["nC"]))
        assert found == pytest.approx(exact, abs=given.tolerance)
        weights, alphas = prior.components("phi", ["1", "0"])[0]
        if robust:
            assert weights[-1] == pytest.approx(robust)
            assert alphas[-1].tolist() == [1, 1]


def brute_force(r: Any, n: Any, tau: float, beta_sd: float, at: Any) -> Any:
    """Return the predictive cdf of the logit by sums over dense grids."""
    beta = np.linspace(-9 * beta_sd, 9 * beta_sd, 301)[:, None, None]
    x = np.linspace(-16, np.log(9 * tau), 200)[None, :, None]
    t, z = np.exp(x), np.linspace(-9, 9, 801)
    height = -((beta / beta_sd) ** 2 + (t / tau) ** 2) / 2 + x
    logit = beta + t * z
    for successes, subjects in zip(r, n, strict=True):
        log = successes * logit - subjects * np.logaddexp(0, logit) - z**2 / 2
        height = height + logsumexp(log, axis=2, keepdims=True)
    weight = np.exp(height - height.max())[..., 0]
    weight /= weight.sum()
    return [float((weight * stats.norm.cdf((a - beta[..., 0]) / t[..., 0])).sum()) for a in at]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("r", "n", "tau", "beta_sd"),
    [
        ([0, 0], [10, 20], 1.0, 2.0),
        ([3, 0, 1, 10], [5, 5, 5, 10], 1.0, 2.0),
        ([60, 60, 2], [200, 200, 30], 0.5, 1.0),
        ([30, 4], [40, 40], 0.3, 1.5),
    ],
)
def test_predictive_distribution_against_dense_sums(r, n, tau, beta_sd):
    edges, mass = predictive(np.asarray(r, float), np.asarray(n, float), tau, beta_sd)
    below = np.r_[0, np.cumsum(mass)]
    at = np.interp([0.001, 0.025, 0.2, 0.5, 0.8, 0.975, 0.999], below, edges)
    exact = brute_force(r, n, tau, beta_sd, at)
    assert np.interp(at, edges, below) == pytest.approx(exact, abs=2e-4)


@pytest.mark.parametrize(
    ("r", "n", "more", "largest"),
    [
        ([0, 0, 0], [1000] * 3, {}, 3e-4),
        ([3000, 30], [10000, 70], {}, 1e-3),  # narrow where τ is near zero, and far from there
        ([300] * 10, [1000] * 10, {}, 3e-4),
        ([0, 10], [10, 10], {"tau": 5, "beta_sd": 10}, 2e-3),
        ([10, 11], [20, 22], {"tau": 0.001, "beta_sd": 0.001}, 3e-4),
        ([1, 1], [1, 1], {}, 1e-4),
    ],
)
def test_few_betas_are_close_to_the_predictive_distribution(r, n, more, largest):
    settings = {"tau": 1.0, "beta_sd": 2.0} | more
    edges, mass = predictive(np.asarray(r, float), np.asarray(n, float), **settings)
    cdf = moments(bmco.map_prior(r, n, **more))[2]
    below = np.r_[0, np.cumsum(mass)]
    assert (
        max(abs(cdf(expit(x)) - p) for x, p in zip(edges[::5], below[::5], strict=True)) < largest
    )
    # failures are successes of the other outcome
    mirror = moments(bmco.map_prior(np.subtract(n, r), n, **more))
    assert moments(bmco.map_prior(r, n, **more))[0] == pytest.approx(1 - mirror[0], abs=2e-4)


def test_a_mixture_of_betas_is_found_again():
    edges = np.linspace(-15, 15, 3001)
    below = 0.7 * stats.beta(5, 20).cdf(expit(edges)) + 0.3 * stats.beta(30, 12).cdf(expit(edges))
    weights, a, b = closest_betas(edges, np.diff(below))
    assert weights == pytest.approx([0.7, 0.3], abs=2e-3)
    assert a == pytest.approx([5, 30], rel=0.01)
    assert b == pytest.approx([20, 12], rel=0.01)


def test_weights_that_do_not_sum_to_one():
    with pytest.warns(bmco.InputWarning, match=r"weights of control.*normalised to \[0.8, 0.2\]"):
        prior = bmco.Mixture([(4, 1), (1, 2)])
    assert prior.components("phi", ["1", "0"])[0][0].tolist() == [0.8, 0.2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bmco.Dirichlet.from_history([1, 2, 3]), "counts=.*each response pattern"),
        (lambda: bmco.Dirichlet.from_history([1, -2]), "counts=.*zero or more"),
        (lambda: bmco.Dirichlet.from_history([1, 2], 1.5), "weight=1.5: .*from 0 to 1"),
        (lambda: bmco.Dirichlet.from_history([1, 2], alpha=[1, 2, 3]), "^alpha=.*3 entries"),
        (lambda: bmco.Dirichlet.from_history([1, 2], treatment=0), "treatment=0"),
        (lambda: bmco.Mixture([]), "control=.*pairs of a weight"),
        (lambda: bmco.Mixture([0.5, 1]), "control=.*pairs of a weight"),  # type: ignore[list-item]
        (lambda: bmco.Mixture([(0, 1), (1, 2)]), "control=.*above 0"),
        (lambda: bmco.Mixture([(1, "a")]), "control='a'"),
        (lambda: bmco.Mixture([(1, None)]), "control=None"),
        (lambda: bmco.Mixture([(1, bmco.Dirichlet(1, 2))]), "control=.*take its alpha"),
        (lambda: bmco.Mixture([(1, 1)], bmco.Dirichlet(1, 2)), "treatment=.*take its alpha"),
        (lambda: bmco.Mixture([(1, 1)], bmco.Mixture([(1, 1)], ROBUST.treatment)), "of its own"),
        (lambda: ROBUST.components("phi", ["1", "0"]), r"phi.control\[0\].alpha=.*2 patterns"),
        (lambda: bmco.map_prior([1, 2, 3], [4, 5]), "n=.*2 studies, r has 3"),
        (lambda: bmco.map_prior([1, 6], [4, 5]), "r=.*must not be above"),
        (lambda: bmco.map_prior([1, 0.5], [4, 5]), "r=.*whole numbers"),
        (lambda: bmco.map_prior([0, 0], [4, 0]), "n=.*1 or more"),
        (lambda: bmco.map_prior([1], [4]), "n=.*two or more studies"),
        (lambda: bmco.map_prior(1, 4), "r=1: must be a list"),
        (lambda: bmco.map_prior([1, 2], [4, 5], robust=1), "robust=1: .*below 1"),
        (lambda: bmco.map_prior([1, 2], [4, 5], tau=0), "tau=0: .*from 0.001 to 5"),
        (lambda: bmco.map_prior([1, 2], [4, 5], beta_sd=50), "beta_sd=50: .*to 10"),
        (lambda: bmco.map_prior([1, 2], [4, 5], treatment=[1, 2]), "treatment=.*pairs"),  # type: ignore[list-item]
        (lambda: bmco.Priors(phi=bmco.Normal(0, sd=1)), "phi=.*'Dirichlet', 'Mixture'"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be(make, message):
    with pytest.raises(bmco.InputError, match=message):
        make()


def test_a_model_of_another_number_of_outcomes(trial_study):
    with pytest.raises(bmco.InputError, match=r"phi.control\[0\].alpha=.*4 patterns"):
        bmco.BMVB(trial_study, bmco.Priors(phi=bmco.map_prior([1, 2], [5, 6])))
