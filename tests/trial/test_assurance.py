"""Power averaged over a design prior, predictive probabilities, and optimal weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from oracles import oracle

import bmco_pymc as bmco
from bmco_pymc import patterns
from bmco_pymc.priors.components import draw_phi

BITS = [(1, 1), (1, 0), (0, 1), (0, 0)]


def design(n, *rule, looks=None, outcomes=None, **more) -> bmco.Design:
    analysis = bmco.Analysis(bmco.BMVB, bmco.Rule(*rule, **more))
    return bmco.Design(n, analysis, looks, outcomes=outcomes)


def study(treatment, control) -> bmco.Study:
    rows = [
        (group, *bits, n)
        for group, counts in (("T", treatment), ("C", control))
        for bits, n in zip(BITS, counts, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["arm", "y1", "y2", "n"])
    return bmco.Study(table, ["y1", "y2"], "arm", "C", "T", counts="n")


# assurance


def test_assurance_of_two_outcomes():
    known = oracle("assurance")
    prior = bmco.Dirichlet(known.inputs["designC"], treatment=known.inputs["designE"])
    for rule, value in zip(("all", "any"), known.value, strict=True):
        found = design(60, rule).evaluate(prior, progress=False)
        assert float(found.power) == pytest.approx(value, abs=known.tolerance)
        assert float(found.data["mcse"]) == 0


def test_what_a_success_says_of_one_outcome():
    known = oracle("bayes.ocs")
    prior = bmco.Dirichlet(known.inputs["designC"], treatment=known.inputs["designE"])
    found = design(50, "all").evaluate(prior, progress=False).data
    names = ("success", "effect_given_success", "success_without_effect", "effect")
    assert [float(found[name]) for name in names] == pytest.approx(known.value, abs=1e-6)
    assert all(float(found[f"{name}_mcse"]) == 0 for name in names[1:])


def test_what_a_success_says_of_two_outcomes_by_brute_force():
    prior = bmco.Dirichlet([3, 2, 2, 4], treatment=[5, 2, 2, 3])
    plan = design(15, "all")
    found = plan.evaluate(prior, progress=False).data
    rng = np.random.default_rng(5)
    parts = prior.components("prior", patterns.labels(2))
    phi = np.stack([draw_phi(*part, 200_000, rng) for part in parts])  # (2, S, 4)
    effect = (patterns.theta_from_phi(phi[1]) > patterns.theta_from_phi(phi[0])).all(axis=1)
    counts = [rng.multinomial(15, p) @ patterns.bits(2) for p in phi]
    met = plan.stages(2).decided("right")[0].met(counts[1], counts[0])
    for name, share, of in (
        ("success", met, len(met)),
        ("effect", effect, len(met)),
        ("success_without_effect", met & ~effect, len(met)),
        ("effect_given_success", effect[met], met.sum()),
    ):
        own = float(found["mcse" if name == "success" else f"{name}_mcse"])
        error = np.hypot(own, share.std() / np.sqrt(of))
        assert abs(float(found[name]) - share.mean()) < 4 * error, name


def test_draws_of_a_posterior_are_averaged():
    fit = bmco.BMVB(study([14, 8, 7, 6], [9, 9, 6, 11])).fit(seed=1)
    pilot = fit.scenario(draws=400)
    found = design(60, "any").evaluate(pilot, progress=False)
    posterior = bmco.Dirichlet(
        np.array([9, 9, 6, 11]) + 0.5, treatment=np.array([14, 8, 7, 6]) + 0.5
    )
    exact = design(60, "any").evaluate(posterior, progress=False)
    error = float(found.data["mcse"])
    assert 0 < error < 0.03
    assert abs(float(found.power) - float(exact.power)) < 4 * error
    assert "posterior of BMVB" in str(found)


def test_a_narrow_design_prior_is_a_single_truth():
    phi = bmco.Scenario([0.4, 0.4], [0.6, 0.6], 0.2).phi[0]
    prior = bmco.Dirichlet(1e9 * phi[0], treatment=1e9 * phi[1])
    found = design(40, "all").evaluate(prior, progress=False)
    single = design(40, "all").evaluate(bmco.Scenario(phi=phi))
    assert float(found.power) == pytest.approx(float(single.power[0]), abs=1e-6)


def test_a_mixture_of_truths():
    parts = [bmco.Dirichlet([8, 4, 4, 4]), bmco.Dirichlet([4, 4, 4, 8])]
    plan = design(30, "all")
    treatment = bmco.Dirichlet([10, 3, 3, 2])
    mixed = bmco.Mixture([(0.3, parts[0]), (0.7, parts[1])], treatment=treatment)
    each = [
        float(plan.evaluate(bmco.Dirichlet(part.alpha, treatment=treatment.alpha),
                            progress=False).power)
        for part in parts
    ]  # fmt: skip
    found = plan.evaluate(mixed, progress=False)
    assert float(found.power) == pytest.approx(0.3 * each[0] + 0.7 * each[1], abs=1e-12)


# prediction


@pytest.mark.parametrize(("name", "n"), [("pred.bmvb.7.22", 22), ("pred.bmvb.35.60", 60)])
@pytest.mark.filterwarnings("ignore::bmco_pymc.InputWarning")
def test_prediction_of_the_end(name, n):
    known = oracle(name)
    so_far = study(known.inputs["xE"], known.inputs["xC"])
    for rule, value in zip(("all", "any"), known.value, strict=True):
        found = design(n, rule).predict(so_far)
        assert float(found.probability) == pytest.approx(value, abs=known.tolerance)
        assert float(found.data["mcse"]) == 0


def single(s: int, n: int, a: float, b: float, p0: float, cut: float, m: int) -> float:
    """Predictive probability of a one-arm trial, as a two-arm one whose control is known."""
    from scipy.stats import beta, betabinom

    future = np.arange(m - n + 1)
    posterior = beta.sf(p0, a + s + future, b + m - s - future)
    return float((betabinom.pmf(future, m - n, a + s, b + n - s) * (posterior > cut)).sum())


def test_published_predictive_probabilities_by_the_same_functions():
    """Lee & Liu (2008) have one arm: beta_binomial and the Beta posterior are what we use."""
    from scipy.stats import beta

    from bmco_pymc.trial.counts import beta_binomial

    for name in ("pred.leeliu", "pred.ph2bye"):
        known = oracle(name)
        i = known.inputs
        left = i["N"] - i["n"]
        pmf = beta_binomial(left, i["a"] + i["x"], i["b"] + i["n"] - i["x"])
        s = i["x"] + np.arange(left + 1)
        posterior = beta.sf(i["p0"], i["a"] + s, i["b"] + i["N"] - s)
        found = float((pmf * (posterior > i["thetaT"])).sum())
        assert found == pytest.approx(known.value, abs=known.tolerance)
        again = single(i["x"], i["n"], i["a"], i["b"], i["p0"], i["thetaT"], i["N"])
        assert found == pytest.approx(again, abs=1e-12)


def test_several_looks_to_come():
    so_far = study([14, 8, 7, 6], [9, 9, 6, 11])
    plan = design(None, "all", looks=bmco.Looks([35, 47, 60]))
    found = plan.predict(so_far, seed=3)
    alone = found.data["if_analysed"].values
    last = design(60, "all", cut=float(plan.stages(2).cuts[-1])).predict(so_far)
    assert alone[-1] == pytest.approx(float(last.probability), abs=1e-12)
    error = float(found.data["mcse"])
    assert alone.max() - 4 * error <= float(found.probability) <= alone.sum() + 4 * error
    assert abs(float(found.data["stop_success"][0]) - alone[0]) < 4 * np.sqrt(alone[0] / 1e5)


@pytest.mark.filterwarnings("ignore::bmco_pymc.InputWarning")
def test_two_looks_to_come_by_brute_force():
    """One outcome: all numbers of successes at both looks, each beta-binomial given the last."""
    from itertools import product

    from bmco_pymc.trial.counts import beta_binomial

    plan = design(None, "all", looks=bmco.Looks([5, 8, 12], cuts=[0.99, 0.9, 0.85]))
    table = pd.DataFrame({"arm": list("CT") * 5, "y": [0, 1, 0, 0, 1, 1, 0, 1, 0, 1]})
    found = plan.predict(bmco.Study(table, "y", "arm", "C", "T"), simulations=200_000, seed=4)
    decided = plan.stages(1).decided("right")
    stop = np.zeros(2)
    for c1, t1 in product(range(4), repeat=2):
        first = beta_binomial(3, 2, 5)[c1] * beta_binomial(3, 5, 2)[t1]  # 1 and 4 of 5 so far
        counts = np.array([[4 + t1]]), np.array([[1 + c1]])
        if decided[1].met(*counts)[0]:
            stop[0] += first
            continue
        for c2, t2 in product(range(5), repeat=2):
            more = beta_binomial(4, 2 + c1, 8 - c1)[c2]
            more *= beta_binomial(4, 5 + t1, 5 - t1)[t2]
            if decided[2].met(counts[0] + t2, counts[1] + c2)[0]:
                stop[1] += first * more
    shares = found.data["stop_success"].values
    error = np.sqrt(stop * (1 - stop) / 200_000)
    assert (np.abs(shares - stop) < 4 * error).all()
    assert (stop > 0.02).all()  # both looks matter


@pytest.mark.filterwarnings("ignore::bmco_pymc.InputWarning")
def test_prediction_of_comp_by_brute_force():
    from itertools import product

    from scipy.stats import dirichlet_multinomial

    plan = design(5, "comp")
    seen = np.array([[1, 1, 0, 1], [2, 0, 1, 0]])  # control, treatment
    found = float(plan.predict(study(seen[1], seen[0])).probability)
    decided = plan.stages(2).decided("right")[0]
    more = [x for x in product(range(3), repeat=4) if sum(x) == 2]
    total = 0.0
    for a, c in product(more, more):
        weight = dirichlet_multinomial.pmf(a, 0.5 + seen[1], 2)
        weight *= dirichlet_multinomial.pmf(c, 0.5 + seen[0], 2)
        ends = [(s + np.array(x))[None] @ decided.counted for s, x in ((seen[1], a), (seen[0], c))]
        total += weight * decided.met(*ends)[0]
    assert found == pytest.approx(total, abs=1e-12)


def test_nothing_is_left_to_predict():
    with pytest.raises(bmco.InputError, match=r"study=.*nothing is left to predict"):
        design(35, "all").predict(study([14, 8, 7, 6], [9, 9, 6, 11]))


# weights


def test_optimal_weights():
    known = oracle("weights")
    i = known.inputs
    for rho, value in zip((0, -0.3), known.value, strict=True):
        truth = bmco.Scenario(i["tC"], i["tE"], rho)
        with pytest.warns(bmco.InputWarning, match="weights chosen after the data are no weights"):
            found = bmco.optimal_weights(truth)
        assert found.values[0] == pytest.approx(value, abs=known.tolerance)


@pytest.mark.filterwarnings("ignore:these weights say:bmco_pymc.InputWarning")
def test_optimal_weights_need_the_fewest_subjects_and_are_not_negative():
    from bmco_pymc.trial.formulas import size_by_sum

    truth = bmco.Scenario([0.4, 0.4, 0.5], [0.6, 0.45, 0.5], 0.4)
    w = bmco.optimal_weights(truth).values[0]
    assert (w >= 0).all()
    assert w.sum() == pytest.approx(1)
    bits = patterns.bits(3)

    def size(w):
        return size_by_sum(truth.phi[0], 1.0, bits @ w, 0.0, 0.05, 0.8)

    rng = np.random.default_rng(2)
    assert all(size(w) <= size(other) + 1e-9 for other in rng.dirichlet(np.ones(3), 300))
    with pytest.raises(bmco.InputError, match="no outcome is better"):
        bmco.optimal_weights(bmco.Scenario([0.4, 0.4], [0.4, 0.3]))
