"""Outcomes observed in part: exact answers, data augmentation and NUTS on the same data."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bmco_pymc as bmco
from bmco_pymc import observed_patterns, patterns
from bmco_pymc.models import monotone, partly
from bmco_pymc.models.augmentation import Augmentation, missing_information, steps_needed
from bmco_pymc.models.completed import completed, saturated

MUSCATINE = Path(__file__).parents[1] / "reference" / "muscatine_patterns.csv"
Y = ["y77", "y79", "y81"]


def muscatine() -> pd.DataFrame:
    """A row for each sex and observed pattern: obese at three occasions, and how many."""
    table = pd.read_csv(MUSCATINE, dtype={"pattern": str})
    long = table.melt("pattern", ["F", "M"], var_name="sex", value_name="n")
    seen = long["pattern"].str.split("", expand=True).iloc[:, 1:4]
    long[Y] = seen.replace({"?": np.nan}).astype(float).to_numpy()
    return long


def children(missing="mar") -> bmco.Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.InputWarning)
        return bmco.Study(muscatine(), Y, "sex", "F", "M", counts="n", missing=missing)


def chains_of(group) -> Augmentation:
    agree = observed_patterns.agreeing(3 if len(group.counts) == 8 else 2)[group.code] * 1.0
    weights, alphas = group.prior
    return Augmentation(weights, alphas, group.counts * 1.0, agree, group.number)


def groups_of(study, alpha=1.0):
    Q = len(study.patterns)
    prior = [(np.ones(1), np.full((1, Q), alpha))] * 2
    return partly.groups(study, study.cells(()), prior)


def seen_in_part(order, shares, seed=4, n=400):
    """Two groups with two outcomes that go missing one after the other, or each by itself."""
    rng = np.random.default_rng(seed)
    code = rng.choice(4, n, p=[0.35, 0.2, 0.15, 0.3])
    y = patterns.decode(code, 2).astype(float)
    gone = rng.random((n, 2)) < shares
    if order is not None:
        gone[:, order[0]] = False
    gone[gone.all(axis=1)] = False
    y[gone] = np.nan
    frame = pd.DataFrame(y, columns=["y1", "y2"])
    frame["arm"] = np.where(np.arange(n) % 2, "b", "a")
    return bmco.Study(frame, ["y1", "y2"], "arm", "a", "b", missing="mar")


def test_maximum_likelihood_of_muscatine():
    """θ and log-likelihood as by geepack's data and an EM to 1e-15; complete cases are off."""
    study = children()
    cells = study.cells(())
    agree = observed_patterns.agreeing(3)
    Q = 8
    assert cells.partial is not None
    code, number = cells.partial.code, cells.partial.count
    counts = cells.counts.sum(axis=0).astype(np.float64)
    phi = saturated(counts, agree[code].astype(np.float64), number, np.zeros(Q))
    theta = patterns.theta_from_phi(phi)
    assert theta == pytest.approx([0.20016202, 0.22267256, 0.23061294], abs=1e-8)
    with np.errstate(divide="ignore"):
        log_phi = np.log(phi)
    of = observed_patterns.log_probability(np.broadcast_to(log_phi, (len(code), Q)), code)
    value = cells.counts.sum(axis=0) @ log_phi + of @ number
    assert value == pytest.approx(-4363.8917246, abs=1e-6)
    whole = children("complete").cells(()).counts.sum(axis=0)
    few = patterns.theta_from_phi(whole / whole.sum())
    assert few == pytest.approx([0.18418079, 0.21186441, 0.20847458], abs=1e-8)


def test_the_posterior_mode_with_a_flat_prior_is_maximum_likelihood():
    """Of BMVB's own log posterior; girls and boys together are each of the two groups."""
    from scipy.optimize import minimize

    from bmco_pymc.posterior.density import log_likelihood, log_prior

    both = pd.concat([muscatine().assign(copy=copy) for copy in ("a", "b")])
    study = bmco.Study(both, Y, "copy", "a", "b", counts="n", missing="mar")
    model = bmco.BMVB(study, bmco.Priors(phi=bmco.Dirichlet(1)))

    def phi_of(z):
        eta = np.concatenate([z.reshape(2, 7), np.zeros((2, 1))], axis=1)
        return np.exp(eta - np.logaddexp.reduce(eta, axis=1)[:, None])

    def negative(z):
        draws = {"phi": phi_of(z)[None]}
        return -(log_likelihood(model, draws) + log_prior(model, draws)["phi"])[0]

    found = minimize(negative, np.zeros(14), method="BFGS", options={"gtol": 1e-4})
    mode = phi_of(found.x)
    for group in patterns.theta_from_phi(mode):
        assert group == pytest.approx([0.20016202, 0.22267256, 0.23061294], abs=2e-5)
    value = log_likelihood(model, {"phi": mode[None]})[0] / 2
    assert value == pytest.approx(-4363.8917246, abs=1e-5)


def test_monotone_missing_outcomes_have_an_exact_posterior():
    """Against the plain sum over how the unseen could have been: a mixture of Dirichlets."""
    alpha = np.array([0.6, 0.9, 1.3, 0.4])
    counts, code, number = np.array([3.0, 1, 2, 4]), np.array([4, 5]), np.array([3, 2])
    order = monotone.order_of(code, 2)
    assert order == (0, 1)
    rng = np.random.default_rng(1)
    phi = monotone.draw_monotone(np.ones(1), alpha[None], counts, code, number, order, 200_000, rng)
    assert phi.sum(axis=1) == pytest.approx(1)
    weights, means = [], []
    from scipy.special import betaln, comb, gammaln, softmax

    for a in range(4):  # of the three 1?, those with pattern 11
        for b in range(3):  # of the two 0?, those with pattern 01
            s = counts + np.array([a, 3 - a, b, 2 - b])
            many = np.log(comb(3, a) * comb(2, b))
            weights.append(many + gammaln(alpha + s).sum() - gammaln((alpha + s).sum()))
            means.append((alpha + s) / (alpha + s).sum())
    expected = softmax(weights) @ np.array(means)
    error = phi.std(axis=0) / np.sqrt(len(phi))
    assert (abs(phi.mean(axis=0) - expected) < 4 * error).all()
    assert betaln(1, 1) == 0


def test_a_mixture_keeps_its_weights_by_what_was_observed():
    """Subjects of whom only y1 is known update the weights by y1 alone: a beta-binomial."""
    weights, alphas = np.array([0.5, 0.5]), np.array([[9.0, 9, 1, 1], [1.0, 1, 9, 9]])
    code, number = np.array([4, 5]), np.array([2, 4])
    rng = np.random.default_rng(2)
    phi = monotone.draw_monotone(weights, alphas, np.zeros(4), code, number, (0, 1), 100_000, rng)
    from scipy.special import beta, softmax

    evidence = np.log([beta(20, 6) / beta(18, 2), beta(4, 22) / beta(2, 18)])
    share = softmax(evidence)
    theta = share @ [20 / 26, 4 / 26]
    first = phi[:, :2].sum(axis=1)
    assert abs(first.mean() - theta) < 4 * first.std() / np.sqrt(len(first))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_data_augmentation_agrees_with_the_exact_draws(order):
    study = seen_in_part(order, 0.4)
    for group in groups_of(study, 0.5):
        assert group.sampler == partly.MONOTONE
        rng = np.random.default_rng(3)
        exact = group.draw((4, 5000), rng, progress=False).reshape(-1, 4)
        chains = chains_of(group)
        assert 0.1 < chains.rate < 0.6
        other = chains.draw(20_000, rng, lambda done: None)
        error = np.sqrt(2 / 20_000)
        assert (abs(exact.mean(axis=0) - other.mean(axis=0)) < 4 * error * exact.std(axis=0)).all()
        ratio = other.std(axis=0) / exact.std(axis=0)
        assert (abs(ratio - 1) < 4 * np.sqrt(1 / 20_000)).all()
        rho = patterns.rho_from_phi(exact), patterns.rho_from_phi(other)
        assert abs(rho[0].mean() - rho[1].mean()) < 4 * error * rho[0].std()


def test_how_phi_is_drawn_is_said():
    settings = {"draws": 150, "seed": 1, "progress": False}
    for study, how in (
        (seen_in_part(None, 0.0), "exact"),
        (seen_in_part((0, 1), 0.3), "exact, monotone missing outcomes"),
        (seen_in_part(None, 0.3), "data augmentation"),
    ):
        fit = bmco.BMVB(study).fit(**settings)
        assert fit.idata.attrs["sampler"] == how
        assert f"({how}, seed 1)" in str(fit)
        assert ("missing at random (MAR)" in str(fit)) == (how != "exact")


def test_a_chain_of_augmentation_forgets_at_the_rate_of_em():
    """EM's own convergence, step by step, has the ratio λ."""
    study = children()
    (girls, _) = groups_of(study)
    chains = chains_of(girls)
    agree = chains.agree
    phi = np.full(8, 1 / 8)
    gaps = []
    for _ in range(45):
        gaps.append(abs(phi - chains.phi).sum())
        share = agree * phi
        expected = (girls.number[:, None] * share / share.sum(axis=1, keepdims=True)).sum(axis=0)
        phi = girls.counts + 1 + expected
        phi = phi / phi.sum()
    assert gaps[-1] / gaps[-2] == pytest.approx(chains.rate, abs=3e-3)
    assert steps_needed(0.5) == 14
    assert missing_information(phi, agree[:0], girls.number[:0], 1.0) == 0


def test_outcomes_never_seen_together_are_refused():
    frame = pd.DataFrame({"y1": [1.0, 0] * 9000, "y2": np.nan, "arm": ["a", "a", "b", "b"] * 4500})
    half = frame.index % 3 == 0
    frame.loc[half, "y2"] = frame.loc[half, "y1"]
    frame.loc[half, "y1"] = np.nan
    study = bmco.Study(frame, ["y1", "y2"], "arm", "a", "b", missing="mar")
    with pytest.raises(bmco.InputError, match="hardly ever observed together"):
        bmco.BMVB(study).fit(seed=1, progress=False)


def test_completed_counts_are_complete():
    cells = children().cells(())
    full = completed(cells)
    assert full.sum(axis=1) == pytest.approx(cells.weight)
    assert (full >= cells.counts).all()
    whole = children("complete").cells(())
    assert (completed(whole) == whole.counts).all()


@pytest.mark.slow
def test_nuts_on_bmvb_and_bglm_agree_with_data_augmentation():
    """NUTS on BMVB's PyMC model; BGLM with the group alone, whose prior is nearly uniform in θ."""
    import pymc as pm

    study = seen_in_part(None, 0.35)
    model = bmco.BMVB(study)
    exact = model.fit(draws=5000, seed=2, progress=False).effect()
    with model.build():
        drawn = pm.sample(
            1000, tune=1000, chains=2, random_seed=5, progressbar=False, nuts_sampler="nutpie"
        )
    theta = patterns.theta_from_phi(drawn["posterior"]["phi"].values)
    ours = exact.theta.mean(("chain", "draw")).values
    sd = exact.theta.std(("chain", "draw")).values
    assert (abs(theta.mean(axis=(0, 1)) - ours) < 4 * sd / np.sqrt(1000)).all()
    assert theta.std(axis=(0, 1)) == pytest.approx(sd, rel=0.1)
    logit = bmco.BGLM(study).fit(seed=3, progress=False).effect()
    # the priors differ a little: less than a tenth of a posterior SD at 200 subjects a group
    assert (abs(logit.theta.mean(("chain", "draw")).values - ours) < 0.1 * sd + 4 * sd / 40).all()


@pytest.mark.parametrize(
    ("weights", "alphas", "counts", "number"),
    [
        ([0.8, 0.2], [[20.0, 60, 10, 30], [0.5] * 4], [7, 3, 3, 7], [40, 40]),
        ([0.43, 0.57], [[5.7, 0.4, 6.8, 3.4], [8.0, 36.1, 11.4, 13.7]], [3, 0, 0, 0], [50, 44]),
    ],
    ids=["robust", "two studies"],
)
def test_components_of_a_mixture_are_weighed_in_data_augmentation(weights, alphas, counts, number):
    """Components that differ in how outcomes go together: a chain hardly changes between them."""
    prior = np.array(weights), np.array(alphas)
    counts, code, number = np.array(counts, float), np.array([4, 5]), np.array(number)
    rng = np.random.default_rng(6)
    exact = monotone.draw_monotone(*prior, counts, code, number, (0, 1), 20_000, rng)
    agree = observed_patterns.agreeing(2)[code] * 1.0
    other = Augmentation(*prior, counts, agree, number).draw(20_000, rng, lambda done: None)
    # two samples, and the error of the weights, of a few thousandths
    error = (np.sqrt(2 / 20_000) + 0.005) * exact.std(axis=0)
    assert (abs(exact.mean(axis=0) - other.mean(axis=0)) < 4 * error).all()
