"""What a design evaluates to: other programs' numbers, simulated trials, symmetries, and errors."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given as given_that
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import oracle
from scipy.special import betaincc, gammaln
from scipy.stats import beta

import bmco_pymc as bmco
from bmco_pymc import patterns
from bmco_pymc.trial import setting as setting_of
from bmco_pymc.trial import stages as stages_of
from bmco_pymc.trial.analysis import Analysis
from bmco_pymc.trial.by_draws import ByDraws
from bmco_pymc.trial.design import Design
from bmco_pymc.trial.looks import Looks

Array = NDArray[np.float64]


def design(n: Any, rule: Any = "all", prior: Any = None, **more: Any) -> Design:
    """Return a design; n of both groups, or of control and treatment."""
    priors = bmco.Priors() if prior is None else bmco.Priors(phi=prior)
    if isinstance(n, tuple):
        n = dict(zip(("control", "treatment"), n, strict=True))
    return Design(n, Analysis(bmco.BMVB, rule, priors=priors), **more)


def success(plan: Design, truth: Any, **how: Any) -> float:
    """Return the probability of success under one truth."""
    found = plan.evaluate(truth, progress=False, **how)
    return float(found.power.values.item())


def truth_of(given: Mapping[str, Any]) -> bmco.Scenario:
    """Return what an oracle assumes."""
    if "phiE" in given:
        return bmco.Scenario(phi={"control": given["phiC"], "treatment": given["phiE"]})
    rho = given.get("rho", 0.0)
    if "rhoE" in given:
        rho = {"control": given["rhoC"], "treatment": given["rhoE"]}
    return bmco.Scenario(given["tC"], given["tE"], rho if len(given["tC"]) > 1 else None)


def size_of(given: Mapping[str, Any]) -> tuple[int, int]:
    return given["nC"], given["nE"]


# --- numbers of others ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        *((f"bmvb.all.{n}", "all") for n in (105, 103, 101, "uneq", "ni", "left")),
        *((f"bmvb.any.{n}", "any") for n in (47, 53, 60)),
        ("bmvb.null.all", "all"),
        ("bmvb.null.any", "any"),
        ("bmvb.k1", "all"),
        ("bmvb.k3.all", "all"),
        ("bmvb.k3.any", "any"),
        ("bmvb.comp.26", "comp"),
    ],
)
def test_power_of_other_programs(name: str, rule: str) -> None:
    given, value, tolerance = oracle(name)
    asked = bmco.Rule(
        rule, given.get("direction", "right"), given.get("margin", 0.0), alpha=given["alpha"]
    )
    plan = design(size_of(given), asked, bmco.Dirichlet(given["prior"]))
    found = plan.evaluate(truth_of(given), progress=False)
    assert found.power.values.item() == pytest.approx(value, abs=tolerance)
    assert found.data["mcse"].values.item() == 0
    assert bool(found.data["effect"].values.item()) == ("null" not in name)


@pytest.mark.parametrize("rho", ["-0.3", "0", "0.3"])
@pytest.mark.parametrize("rule", ["all", "any"])
def test_power_at_the_sizes_of_another_search(rule: str, rho: str) -> None:
    given, (first, stable, *powers), tolerance = oracle(f"size.exact.{rule}.{rho}")
    for n, power in zip((first, stable), powers, strict=True):
        asked = bmco.Rule(rule, alpha=given["alpha"])
        found = success(design(int(n), asked, bmco.Dirichlet(given["prior"])), truth_of(given))
        assert found == pytest.approx(power, abs=1e-6)
        before = success(design(int(n) - 1, asked, bmco.Dirichlet(given["prior"])), truth_of(given))
        assert before < given["power"]
    assert tolerance > 0


@pytest.mark.slow
@pytest.mark.parametrize("case", ["power", "null"])
def test_joint_probabilities_are_simulated(case: str) -> None:
    given, values, tolerance = oracle(f"joint.bmvb.{case}")
    for rule, value in zip(("all", "any"), values, strict=True):
        plan = design(size_of(given), bmco.Rule(rule, statistic="joint"))
        found = plan.evaluate(truth_of(given), simulations=8000, progress=False)
        assert found.power.values.item() == pytest.approx(value, abs=tolerance)
        assert found.data["mcse"].values.item() > 0


def test_joint_any_errs_more_than_marginal_any() -> None:
    """In a small trial, so that it is quick; what the joint statistic is known for."""
    null = bmco.Scenario([0.5, 0.5], [0.5, 0.5])
    joint = design(20, bmco.Rule("any", statistic="joint"))
    error = success(joint, null, simulations=1500)
    assert error > 0.05 + 4 * np.sqrt(0.05 * 0.95 / 1500)
    assert success(design(20, "any"), null) < 0.05


# --- history --------------------------------------------------------------------------------------


def one_rate(control: float, treatment: float) -> bmco.Scenario:
    return bmco.Scenario([control], [treatment])


def test_power_prior_of_another_program() -> None:
    given, values, tolerance = oracle("hist.power.oc")
    successes, subjects = given["hist"]
    history = bmco.Dirichlet.from_history([successes, subjects - successes], given["a0"])
    plan = design(size_of(given), bmco.Rule("all", cut=given["cut"]), history)
    found = plan.evaluate(
        {
            "agrees": one_rate(0.30, 0.30),
            "conflict": one_rate(0.45, 0.45),
            "power": one_rate(0.30, 0.55),
        },
        progress=False,
    )
    assert found.power.values == pytest.approx(values, abs=tolerance)
    assert found.data["scenario"].values.tolist() == ["agrees", "conflict", "power"]
    assert found.data["effect"].values.tolist() == [False, False, True]


@pytest.mark.parametrize("name", ["info", "robust"])
def test_mixtures_of_another_program(name: str) -> None:
    given, values, tolerance = oracle(f"hist.mix.{name}")
    mixture = [(weight, [a, b]) for weight, a, b in given["mix"]]
    prior = bmco.Mixture(mixture, treatment=bmco.Dirichlet(given["aE"]))
    plan = design(size_of(given), bmco.Rule("all", cut=given["cut"]), prior)
    truths = [one_rate(0.25, 0.25), one_rate(0.5, 0.5), one_rate(0.25, 0.60)]
    found = plan.evaluate(truths, progress=False)
    assert found.power.values == pytest.approx(values[1:], abs=tolerance)
    assert (found.data["mcse"].values == 0).all()
    posterior = plan.setting(1).superiority(0, "right", plan.sizes)
    assert posterior[14, 1] == pytest.approx(values[0], abs=tolerance)


def test_meta_analytic_predictive_priors_of_another_program() -> None:
    given, values, tolerance = oracle("hist.map.oc")
    trials, _, _ = oracle("hist.map.AS")
    treatment = bmco.Dirichlet(given["treatment_prior"])
    cut, mean = bmco.Rule("all", cut=given["cut"]), given["control_mean"]
    flat = bmco.Dirichlet(1)
    plans = [
        design(size_of(given), cut, bmco.map_prior(trials["r"], trials["n"], treatment=treatment)),
        design(given["nE"], cut, flat),
        design(
            size_of(given),
            cut,
            bmco.map_prior(trials["r"], trials["n"], robust=0.2, treatment=treatment),
        ),
        design(size_of(given), cut, flat),
    ]
    for plan, rise, error in zip(plans, values[:4], values[4:], strict=True):
        # power .8 is at this rise, give or take the tolerance
        below, above = (
            success(plan, one_rate(mean, mean + rise + step)) for step in (-tolerance, tolerance)
        )
        assert below < given["power"] < above
        assert success(plan, one_rate(0.5, 0.5)) == pytest.approx(error, abs=tolerance)


def test_dirichlet_history_of_another_program() -> None:
    given, values, tolerance = oracle("hist.bmvb.all")
    history = bmco.Dirichlet.from_history(given["histC"], given["a0"])
    truths = [
        bmco.Scenario(control, treatment, given["rho"])
        for treatment, control in (
            ([0.6, 0.6], [0.4, 0.4]),
            ([0.4, 0.7], [0.4, 0.4]),
            ([0.55, 0.85], [0.55, 0.55]),
        )
    ]
    found = design(size_of(given), "all", history).evaluate(truths, progress=False)
    assert found.power.values == pytest.approx(values, abs=tolerance)


# --- the same decision, worked out otherwise ------------------------------------------------------


class Judge:
    """Decides trials by a grid for single outcomes, and by draws for weighted sums."""

    def __init__(self, rule: bmco.Rule, priors: tuple[Array, Array], K: int, seed: int) -> None:
        self.rule, self.priors, self.K = (
            rule.for_outcomes([f"y{k + 1}" for k in range(K)]),
            priors,
            K,
        )
        self.rng = np.random.default_rng(seed)
        self.cut = self.cut_off()

    def cut_off(self) -> float:
        """Return 1 − α over the number of outcomes that the level is shared by."""
        shares = {"All": 1, "Any": self.K, "Comp": 1, "Count": self.K - (self.rule.m or 0) + 1}
        return 1 - self.rule.alpha / shares[str(self.rule.rule)]

    def margins(self) -> Array:
        return np.broadcast_to(np.asarray(self.rule.margins, dtype=float), self.K)

    def alone(self, k: int, s: Array, t: Array, n: int, m: int) -> Array:
        """Return P of outcome k for pairs of counts, by a midpoint rule over the arcsine scale."""
        success = patterns.bits(self.K)[:, k] == 1
        right = self.rule.direction == "right"
        one, other = self.priors[::-1] if right else self.priors
        angle = (np.arange(400) + 0.5) / 400 * np.pi / 2
        y = np.sin(angle) ** 2
        pairs, place = np.unique(np.stack([s, t]), axis=1, return_inverse=True)
        x, z = pairs[:, :, None]
        a, b = other[success].sum() + z, other[~success].sum() + m - z
        density = (2 * a - 1) * np.log(np.sin(angle)) + (2 * b - 1) * np.log(np.cos(angle))
        weight = np.exp(density - density.max(axis=1, keepdims=True))
        shapes = one[success].sum() + x, one[~success].sum() + n - x
        above = betaincc(*shapes, np.clip(y + self.margins()[k], 0, 1))
        found = (weight * above).sum(axis=1) / weight.sum(axis=1)
        return found[place.ravel()]

    def decides(self, control: Any, treatment: Any) -> tuple[Any, Any]:
        """Return whether trials surely succeed, and whether they may; pattern counts (N, Q)."""
        right = self.rule.direction == "right"
        high, low = (treatment, control) if right else (control, treatment)
        if self.rule.rule == "Comp":
            one, other = self.priors[::-1] if right else self.priors
            scores = patterns.bits(self.K) @ self.rule.vectors()[1].values
            bound = float(self.margins() @ self.rule.vectors()[1].values)
            pairs, place = np.unique(np.hstack([high, low]), axis=0, return_inverse=True)
            share, draws, Q = [], 4000, high.shape[1]
            for pair in pairs:
                gain = [self.rng.dirichlet(p, draws) for p in (pair[:Q] + one, pair[Q:] + other)]
                share.append(float(((gain[0] - gain[1]) @ scores > bound).mean()))
            found = np.array(share)[place.ravel()]
            doubt = 4 * np.sqrt(self.cut * (1 - self.cut) / draws)
            return found > self.cut + doubt, found > self.cut - doubt
        bits = patterns.bits(self.K).astype(int)
        s, t, n, m = high @ bits, low @ bits, int(high[0].sum()), int(low[0].sum())
        claims = [self.alone(k, s[:, k], t[:, k], n, m) > self.cut for k in range(self.K)]
        least = {"All": self.K, "Any": 1, "Count": self.rule.m or 0}[str(self.rule.rule)]
        enough = np.sum(claims, axis=0) >= least
        return enough, enough


def some_design(number: int) -> tuple[Design, bmco.Rule, tuple[Array, Array], Array, int]:
    """Return a design, its rule and priors, a truth (2, Q) and how many outcomes there are."""
    rng = np.random.default_rng(100 + number)
    K = 1 + number % 3
    name = ["all", "any", "count", "comp"][rng.integers(4)] if K > 1 else "all"
    largest = {1: 60, 2: 40, 3: 20}[K] if name != "comp" else {2: 7, 3: 4}[K]
    n = tuple(int(size) for size in rng.integers(max(2, largest // 2), largest + 1, 2))
    margins = rng.choice([0.0, 0.05, -0.1, -0.2], K).tolist()
    rule = bmco.Rule(
        name,
        str(rng.choice(["right", "left"])),
        margins if rng.uniform() < 0.7 else margins[0],
        # K = 3 with equal weights has four kinds of subjects
        w=[0.7, 0.3] if name == "comp" and K == 2 else None,
        alpha=float(rng.choice([0.025, 0.05, 0.1, 0.2])),
        m=int(rng.integers(1, K + 1)) if name == "count" else None,
    )
    Q = 2**K
    alphas = [np.full(Q, 2 / Q)] * 2
    if rng.uniform() < 0.6:
        alphas = [rng.uniform(0.4, 3, Q), rng.uniform(0.4, 3, Q)]
    phi = rng.dirichlet(np.full(Q, 2.0), 2)
    order = np.argsort(phi @ patterns.bits(K).sum(axis=1))
    phi = phi[order] if rule.direction == "right" else phi[order[::-1]]
    plan = design(n, rule, bmco.Dirichlet(alphas[0], treatment=alphas[1]))
    return plan, rule, (alphas[0], alphas[1]), phi, K


@pytest.mark.parametrize("number", range(30))
def test_random_designs_against_trials_that_are_judged_otherwise(number: int) -> None:
    plan, rule, priors, phi, K = some_design(number)
    exact = success(plan, bmco.Scenario(phi=phi))
    trials = 20_000 if rule.rule != "Comp" else 3_000
    rng = np.random.default_rng(number)
    counts = [rng.multinomial(n, p, trials) for n, p in zip(plan.sizes, phi, strict=True)]
    surely, perhaps = Judge(rule, priors, K, number).decides(*counts)
    error = 4 * np.sqrt(max(exact * (1 - exact), 1e-4) / trials)
    assert surely.mean() - error < exact < perhaps.mean() + error
    assert perhaps.mean() - surely.mean() < 0.1


def test_random_designs_are_of_all_kinds() -> None:
    made = [some_design(number) for number in range(30)]
    assert {str(rule.rule) for _, rule, *_ in made} == {"All", "Any", "Count", "Comp"}
    assert {rule.direction for _, rule, *_ in made} == {"right", "left"}
    powers = [success(plan, bmco.Scenario(phi=phi)) for plan, _, _, phi, K in made if K == 2]
    assert min(powers) < 0.3
    assert max(powers) > 0.7


def test_a_mixture_for_two_outcomes_is_simulated() -> None:
    """Weights of the components depend on all patterns, so that trials are simulated."""
    prior = bmco.Mixture([(0.7, [6, 3, 2, 8]), (0.3, 0.5)])
    plan = design((8, 12), bmco.Rule("all", alpha=0.1), prior)
    truth = bmco.Scenario([0.4, 0.4], [0.65, 0.7], 0.2)
    found = plan.evaluate(truth, simulations=10_000, progress=False)
    # one Dirichlet a component, the weights from the densities of the control's counts
    rng = np.random.default_rng(12)
    pair = zip((8, 12), truth.phi[0], strict=True)
    control, treatment = (rng.multinomial(n, p, 3000) for n, p in pair)
    alphas = np.array([[6.0, 3, 2, 8], [0.5, 0.5, 0.5, 0.5]])

    def log_beta(a: Array) -> Array:
        return np.asarray(gammaln(a).sum(axis=-1) - gammaln(a.sum(axis=-1)))

    weight = np.log([0.7, 0.3]) + log_beta(alphas + control[:, None]) - log_beta(alphas)
    weight = np.exp(weight - weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    bits = patterns.bits(2) == 1
    y = (np.arange(500) + 0.5) / 500
    least = np.ones(3000)
    for k in range(2):
        high, low = (counts[:, bits[:, k]].sum(axis=1) for counts in (treatment, control))
        above = betaincc(1 + high[:, None], 13 - high[:, None], y)
        total = np.zeros(3000)
        for part, a in zip(weight.T, alphas, strict=True):
            shapes = a[bits[:, k]].sum() + low, a[~bits[:, k]].sum() + 8 - low
            total += part * (above * beta.pdf(y, *(s[:, None] for s in shapes))).mean(axis=1)
        least = np.minimum(least, total)
    says = least > 0.9
    error = 4 * np.sqrt(0.25 / 10_000 + 0.25 / 3000)
    assert found.power.values.item() == pytest.approx(says.mean(), abs=error)
    assert found.data["mcse"].values.item() > 0
    assert 0.1 < says.mean() < 0.9


# --- symmetries -----------------------------------------------------------------------------------

rates = st.floats(0.05, 0.95)
three = st.lists(rates, min_size=3, max_size=3)
sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
small = settings(max_examples=15, deadline=None)


def independent(control: list[float], treatment: list[float]) -> Array:
    return np.stack([stages_of.true_patterns(control), stages_of.true_patterns(treatment)])


@small
@given_that(sizes, st.integers(0, 10_000), st.sampled_from(["all", "any", "count", "comp"]))
def test_the_order_of_the_outcomes_does_not_matter(n, seed, name) -> None:
    rng = np.random.default_rng(seed)
    order = rng.permutation(2) if name == "comp" else rng.permutation(3)
    K = len(order)
    bits = patterns.bits(K).tolist()
    places = [bits.index([row[k] for k in order]) for row in bits]  # where each pattern goes
    phi = rng.dirichlet(np.ones(2**K), 2)
    moved = np.empty_like(phi)
    moved[:, places] = phi
    alphas = rng.uniform(0.5, 3, (2, 2**K))
    moved_alphas = np.empty_like(alphas)
    moved_alphas[:, places] = alphas
    margins = rng.choice([-0.2, 0.0, 0.1], K)
    m: dict[str, Any] = {"m": 2} if name == "count" else {}
    w = np.array([0.7, 0.3]) if name == "comp" else None
    n = (min(n[0], 5), min(n[1], 5)) if name == "comp" else n
    found = [
        success(
            design(
                n,
                bmco.Rule(name, margins=of, alpha=0.2, w=weights, **m),
                bmco.Dirichlet(prior[0], treatment=prior[1]),
            ),
            bmco.Scenario(phi=truth),
        )
        for truth, prior, of, weights in (
            (phi, alphas, margins, w),
            (moved, moved_alphas, margins[order], None if w is None else w[order]),
        )
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-9)


@small
@given_that(sizes, three, three, st.sampled_from(["all", "any", "count", "comp"]))
def test_swapping_the_groups_turns_the_direction(n, control, treatment, name) -> None:
    K = 2 if name == "comp" else 3
    n = (min(n[0], 6), min(n[1], 6)) if name == "comp" else n
    phi = independent(control[:K], treatment[:K])
    prior = np.arange(1.0, 2**K + 1) / 2, np.full(2**K, 0.5)
    more: dict[str, Any] = {"margins": 0.05, "alpha": 0.2, "m": 2 if name == "count" else None}
    one = success(
        design(n, bmco.Rule(name, "right", **more), bmco.Dirichlet(prior[0], treatment=prior[1])),
        bmco.Scenario(phi=phi),
    )
    other = success(
        design(
            n[::-1], bmco.Rule(name, "left", **more), bmco.Dirichlet(prior[1], treatment=prior[0])
        ),
        bmco.Scenario(phi=phi[::-1]),
    )
    assert one == pytest.approx(other, abs=1e-12)


@small
@given_that(sizes, three, three, st.floats(0.5, 0.99))
def test_all_within_each_within_any(n, control, treatment, cut) -> None:
    truth = bmco.Scenario(phi=independent(control, treatment))
    powers = [
        success(design(n, bmco.Rule("count", cut=cut, m=m)), truth) for m in (1, 2, 3)
    ]  # fmt: skip
    everything = design(n, bmco.Rule("all", cut=cut)).evaluate(truth, progress=False)
    something = success(design(n, bmco.Rule("any", cut=cut)), truth)
    claims = everything.data["claim"].values[0]
    assert powers[0] >= powers[1] >= powers[2]
    assert powers[0] == pytest.approx(something, abs=1e-12)
    assert powers[2] == pytest.approx(everything.power.values.item(), abs=1e-12)
    assert (powers[2] <= claims + 1e-12).all()
    assert (claims <= powers[0] + 1e-12).all()
    # of independent outcomes
    assert powers[2] == pytest.approx(np.prod(claims), abs=1e-10)
    assert powers[0] == pytest.approx(1 - np.prod(1 - claims), abs=1e-10)
    # each claim is a trial about one outcome
    for k in range(3):
        alone = success(design(n, bmco.Rule("all", cut=cut)), one_rate(control[k], treatment[k]))
        assert claims[k] == pytest.approx(alone, abs=1e-12)


@small
@given_that(sizes, three, three)
def test_a_larger_margin_and_a_higher_cut_off_ask_for_more(n, control, treatment) -> None:
    truth = bmco.Scenario(phi=independent(control, treatment))
    powers = [
        success(design(n, bmco.Rule("count", margins=margin, m=2, cut=cut)), truth)
        for margin, cut in ((-0.2, 0.7), (0.0, 0.7), (0.0, 0.9), (0.1, 0.9))
    ]
    assert all(one >= other - 1e-12 for one, other in itertools.pairwise(powers))


def test_two_sides_are_two_designs() -> None:
    truth = bmco.Scenario([0.5, 0.4], [0.55, 0.6], 0.2)
    found = design((15, 20), bmco.Rule("any", "two-sided", alpha=0.1)).evaluate(
        truth, progress=False
    )
    for name, side in (("success", "right"), ("inferior", "left")):
        alone = success(design((15, 20), bmco.Rule("any", side, alpha=0.05)), truth)
        assert found.data[name].values.item() == pytest.approx(alone, abs=1e-14)
        assert alone > 0.001


def test_utility_with_additive_utilities_is_comp() -> None:
    truth = bmco.Scenario([0.4, 0.4], [0.6, 0.65], 0.1)
    utility = bmco.Rule("utility", u={"11": 2, "10": 1.2, "01": 0.8}, margins=0.1)
    comp = bmco.Rule("comp", w=[0.6, 0.4], margins=0.05)
    plans = design(8, utility, outcomes=2), design(8, comp)
    assert success(plans[0], truth) == pytest.approx(success(plans[1], truth), abs=1e-12)
    assert success(plans[1], truth) > 0.1


# --- what is true ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "treatment", "holds"),
    [
        (bmco.Rule("all"), [0.5, 0.4], False),
        (bmco.Rule("any"), [0.5, 0.4], True),
        (bmco.Rule("all", margins=0.1), [0.5, 0.6], False),  # at the margin
        (bmco.Rule("all", margins=0.09), [0.5, 0.6], True),
        (bmco.Rule("all", "left"), [0.3, 0.3], True),
        (bmco.Rule("count", m=1), [0.3, 0.41], True),
        # success is that of the first side, the right one
        (bmco.Rule("all", "two-sided"), [0.3, 0.3], False),
        (bmco.Rule("any", "two-sided"), [0.5, 0.4], True),
        (bmco.Rule("comp"), [0.5, 0.3], False),  # the sum is nought
        (bmco.Rule("comp", w=[0.51, 0.49]), [0.5, 0.3], True),
        (bmco.Rule("utility", u=[1, 0.5, 0.5, 0]), [0.5, 0.3], False),
        (bmco.Rule("utility", u=[1, 0.6, 0.5, 0]), [0.5, 0.3], True),
    ],
)
def test_whether_the_claim_is_true(rule, treatment, holds) -> None:
    found = design(2, rule, outcomes=2).evaluate(
        bmco.Scenario([0.4, 0.4], treatment), progress=False
    )
    assert found.data["effect"].values.tolist() == [holds]


def test_a_weighted_sum_of_nought_is_no_effect() -> None:
    for weights, rise in (((0.75, 0.25), (0.1, -0.3)), ((0.9, 0.1), (0.01, -0.09))):
        truth = bmco.Scenario([0.4, 0.5], [0.4 + rise[0], 0.5 + rise[1]])
        for side in ("right", "left"):
            found = design(2, bmco.Rule("comp", side, w=weights)).evaluate(truth, progress=False)
            assert found.data["effect"].values.tolist() == [False]


# --- sizes and looks ------------------------------------------------------------------------------


def test_sizes() -> None:
    plan = design((60, 120), dropout=0.1)
    assert plan.sizes == (60, 120)
    assert plan.enrolled == (67, 134)  # 60 / .9 = 66.7, 120 / .9 = 133.3
    assert design(9, dropout=0.1).enrolled == (10, 10)  # not 11, by rounding errors
    assert plan.with_sizes(30, 60).sizes == (30, 60)
    assert design(None, looks=Looks([10, 20])).sizes == (20, 20)
    unequal = design((20, 30), looks=Looks([5, 12, 20]))
    assert unequal.looks_at.tolist() == [[5, 8], [12, 18], [20, 30]]
    assert unequal.with_sizes(40, 60).looks_at.tolist() == [[10, 15], [24, 36], [40, 60]]


def test_when_trials_end() -> None:
    """Expected, median and 90 % n from the probabilities of stopping."""
    looks = Looks([10, 20, 30], cuts=[0.97, 0.96, 0.95], futility=0.2)
    truth = bmco.Scenario([0.4, 0.4], [0.55, 0.7])
    found = design((30, 60), bmco.Rule("any"), looks=looks).evaluate(truth, progress=False)
    data = found.data.isel(scenario=0)
    stop = data["stop_success"].values + data["stop_futility"].values
    stop[-1] = 1 - stop[:2].sum()
    n = np.array([[10, 20], [20, 40], [30, 60]])
    np.testing.assert_allclose(data["expected_n"].values, stop @ n, atol=1e-12)
    for name, share in (("median_n", 0.5), ("n90", 0.9)):
        # the smallest n by which so many have stopped
        at = next(i for i in range(3) if stop[: i + 1].sum() >= share)
        assert data[name].values.tolist() == n[at].tolist()
    assert data["success"].values.item() == pytest.approx(data["stop_success"].values.sum())
    assert "claim" not in data  # what is claimed depends on when it stopped
    assert data["n"].values.tolist() == n.tolist()
    assert data["cut"].values.tolist() == [0.97, 0.96, 0.95]


def test_too_many_counts_are_simulated_and_say_so(monkeypatch) -> None:
    truth = bmco.Scenario([0.4, 0.4], [0.6, 0.6])
    plan = design(15, bmco.Rule("any"))
    exact = success(plan, truth)
    monkeypatch.setattr(stages_of, "LARGEST_TABLE", 100)
    found = plan.evaluate(truth, simulations=40_000, seed=3, progress=False)
    error = found.data["mcse"].values.item()
    assert error == pytest.approx(np.sqrt(exact * (1 - exact) / 40_000), rel=0.02)
    assert abs(found.power.values.item() - exact) < 4 * error
    again = plan.evaluate(truth, simulations=40_000, seed=3, progress=False)
    assert again.power.values.item() == found.power.values.item()
    other = plan.evaluate(truth, simulations=40_000, seed=4, progress=False)
    assert other.power.values.item() != found.power.values.item()


def test_too_many_states_are_decided_by_draws(monkeypatch) -> None:
    plan = design(8, bmco.Rule("comp", w=[0.7, 0.3]))
    truth = bmco.Scenario([0.4, 0.4], [0.7, 0.6])
    exact = success(plan, truth)
    monkeypatch.setattr(setting_of, "MOST_PAIRS", 100)
    (decided,) = plan.stages(2).decided("right")
    assert isinstance(decided, ByDraws)
    found = plan.evaluate(truth, simulations=1500, progress=False)
    # 4,000 draws leave P uncertain by .0034: near the cut-off, trials change sides
    assert found.power.values.item() == pytest.approx(exact, abs=4 * 0.0129 + 0.02)


# --- errors ---------------------------------------------------------------------------------------


@pytest.fixture
def nothing_is_computed(monkeypatch) -> None:
    def never(*args: Any, **more: Any) -> None:
        raise AssertionError("something was computed")

    for name in ("thresholds", "superiority", "weighted_superiority"):
        monkeypatch.setattr(setting_of, name, never)
    monkeypatch.setattr(stages_of, "count_table", never)


# of any arguments: a type checker would refuse these before they are asked
make_design: Any = Design
make_looks: Any = Looks
make_analysis: Any = Analysis
ALL = make_analysis(bmco.BMVB, "all")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make_design(10), "analysis=None: must be a bmco_pymc.Analysis"),
        (lambda: make_design(10, "BMVB"), "analysis='BMVB': must be a bmco_pymc.Analysis"),
        (lambda: make_design(None, ALL), "n=None: a design needs the number of subjects"),
        (lambda: make_design(0, ALL), "n=0: must be a whole number, "),
        (lambda: make_design(10.5, ALL), "n=10.5: must be a whole number"),
        (lambda: make_design(True, ALL), "n=True: must be a whole number"),
        (lambda: make_design({"control": 5}, ALL), "n=.*must have both groups, and no other"),
        (
            lambda: make_design({"control": 5, "new": 5}, ALL),
            "n=.*choose from 'control', 'treatment'",
        ),
        (
            lambda: make_design({"control": 5, "treatment": 0}, ALL),
            r"n\['treatment'\]=0: must be a whole number",
        ),
        (lambda: make_design(10, ALL, dropout=1), "dropout=1: must be a share, from 0 to below 1"),
        (lambda: make_design(10, ALL, dropout=-0.1), "dropout=-0.1: must be a share"),
        (lambda: make_design(10, ALL, dropout="x"), "dropout='x': must be a share"),
        (
            lambda: make_design(10, ALL, outcomes=0),
            "outcomes=0: must be a whole number, from 1 to 10",
        ),
        (lambda: make_design(10, ALL, outcomes=[1]), "outcomes=.*must be how many, or names"),
        (lambda: make_design(10, ALL, looks=[5, 10]), "looks=.*must be bmco_pymc.Looks"),
        (
            lambda: make_design(12, ALL, make_looks([5, 10])),
            "n=12: the last look is at 10: it must be at",
        ),
        (
            lambda: make_design({"control": 9, "treatment": 10}, ALL, make_looks([5, 10])),
            "the last look is at 10: it must be at the end",
        ),
        (
            lambda: make_design(
                10, make_analysis(bmco.BMVB, bmco.Rule("all", "two-sided")), make_looks([5, 10])
            ),
            "looks=.*looks are for one-sided rules",
        ),
        (
            lambda: make_design(10, make_analysis(bmco.BGLM, fixed="x")),
            None,  # made, and refused when it is asked something
        ),
        (
            lambda: design(10, bmco.Rule("all", margins=[0, 0, 0]), outcomes=2),
            "margins=.*needs 2 numbers",
        ),
        (
            lambda: design(10, prior=bmco.Dirichlet([1, 1, 1, 1]), outcomes=3),
            "phi.alpha=.*has 4 entries, there are 8 patterns",
        ),
        (lambda: design(10, bmco.Rule("count", m=3), outcomes=2), "m=3: must be a whole number"),
        (lambda: make_looks([]), r"n=\[\]: must be the numbers of subjects at each look, rising"),
        (lambda: make_looks([10, 10]), "must be the numbers of subjects at each look, rising"),
        (lambda: make_looks([20, 10]), "must be the numbers of subjects at each look, rising"),
        (lambda: make_looks("ab"), "n='ab': must be the numbers of subjects at each look"),
        (lambda: make_looks(10), "n=10: must be the numbers of subjects at each look"),
        (lambda: make_looks([0, 10]), "n=0: must be a whole number, "),
        (lambda: make_looks([2.5, 10]), "n=2.5: must be a whole number"),
        (
            lambda: make_looks([5, 10], 4, cuts=[0.9, 0.9]),
            "spending=4: is no way to spend a level",
        ),
        (
            lambda: make_looks([5, 10], cuts=[0.9]),
            "cuts=.*must be a probability below 1 for each of",
        ),
        (lambda: make_looks([5, 10], cuts=[0.9, 1.0]), "cuts=.*must be a probability below 1"),
        (lambda: make_looks([5, 10], "HSD"), "spending='HSD': is no way to spend a level"),
        (lambda: make_looks([5, 10], futility=1), "futility=1: must be a number between 0 and 1"),
        (lambda: make_looks([5, 10], futility_by="mean"), "futility_by='mean': there is no such"),
        (
            lambda: make_looks([5, 10], cuts=[0.9, 0.9]).nominal(0.05),
            "looks with given cut-offs have no",
        ),
        (lambda: make_analysis("GLM"), "model='GLM': is no analysis; choose from 'BMVB', 'BGLM'"),
        (lambda: make_analysis(Design), "model=.*is no analysis"),
        (lambda: make_analysis(bmco.BMVB, "most"), "rule='most': unknown rule"),
        (lambda: make_analysis(bmco.BMVB, bmco.Rule(None)), "rule=None: unknown rule"),
        (lambda: make_analysis(bmco.BMVB, 5), "rule=5: must be a Rule"),
        (lambda: make_analysis(bmco.BMVB, fixed="x"), "fixed='x': BMVB has no such choice"),
        (lambda: make_analysis(bmco.BMVB, random="1"), "random='1': BMVB has no such choice"),
        (lambda: make_analysis(bmco.BGLM, random="1"), "random='1': BGLM has no such choice"),
        (
            lambda: make_analysis(bmco.BMVB, clusters="new"),
            "clusters='new': BMVB has no such choice",
        ),
        (
            lambda: make_analysis(bmco.BGLM, clusters="new"),
            "clusters='new': BGLM has no such choice",
        ),
        (
            lambda: make_analysis(bmco.BMVB, population=bmco.Empirical()),
            "population=.*BMVB has no such choice",
        ),
        (lambda: make_analysis(bmco.BGLM, population=3), "population=3: must be Value, Empirical"),
        (lambda: make_analysis(bmco.BMVB, priors=bmco.Dirichlet()), "priors=.*must be Priors"),
        (lambda: bmco.Scenario([0.4, 1.0], [0.6, 0.6]), "control=.*must be between 0 and 1"),
        (lambda: bmco.Scenario([0.4, 0.4], [0.6, 0.0]), "treatment=.*must be between 0 and 1"),
        (lambda: bmco.Scenario([0.4, 0.4], [0.9, 0.2], rho=0.9), "rho=.*"),
    ],
)
def test_what_cannot_be_planned_is_said_at_once(make, message, nothing_is_computed) -> None:
    if message is None:
        make()
        return
    with pytest.raises(bmco.InputError, match=message):
        make()


TWO = bmco.Scenario([0.4, 0.4], [0.6, 0.6])
THREE = bmco.Scenario([0.4] * 3, [0.6] * 3)


@pytest.mark.parametrize(
    ("plan", "truth", "more", "message"),
    [
        (design(10), [0.4, 0.6], {}, "truth=.*must be a Scenario, several with names, or a design"),
        (design(10), "prior", {}, "truth='prior': must be a Scenario"),
        (design(10), None, {}, "truth=None: must be a Scenario"),
        (design(10), [], {}, r"truth=\[\]: must be a Scenario"),
        (design(10), {"a": TWO, "b": 3}, {}, "truth=.*must be a Scenario"),
        (design(10), [TWO, THREE], {}, "scenarios must be about the same number of outcomes"),
        (design(10, outcomes=2), THREE, {}, "truth=3: is about 3 outcomes, the design about 2"),
        (design(10, outcomes=("a", "b")), THREE, {}, "is about 3 outcomes, the design about 2"),
        (
            design(10, bmco.Rule("all", margins=[0, 0])),
            THREE,
            {},
            "is about 3 outcomes, the design about 2",
        ),
        (
            design(10, bmco.Rule("comp", w={"a": 0.5, "b": 0.5})),
            THREE,
            {},
            "is about 3 outcomes, the design about 2",
        ),
        (
            design(10, prior=bmco.Dirichlet([1, 2, 3, 4])),
            THREE,
            {},
            "is about 3 outcomes, the design",
        ),
        (design(10, bmco.Rule("count", m=3)), TWO, {}, "m=3: must be a whole number, from 1 to 2"),
        (design(10, bmco.Rule("utility", u=[1, 0])), TWO, {}, "is about 2 outcomes, the design"),
        (design(10), TWO, {"simulations": 10}, "simulations=10: must be a whole number, 100"),
        (design(10), TWO, {"seed": -1}, "seed=-1: must be a whole number, 0 or more"),
        (
            make_design(10, make_analysis(bmco.BGLM, fixed="x")),
            TWO,
            {},
            "fixed='x': there is no column 'x'",
        ),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_computed(
    plan, truth, more, message, nothing_is_computed
) -> None:
    with pytest.raises(bmco.InputError, match=message):
        plan.evaluate(truth, progress=False, **more)


@pytest.mark.parametrize(
    ("rule", "by"),
    [
        (bmco.Rule("comp"), "predictive"),
        (bmco.Rule("utility", u=[1, 0.2, 0.3, 0]), "predictive"),
        (bmco.Rule("all", statistic="joint"), "posterior"),
    ],
)
def test_giving_up_by_what_there_is_not(rule, by) -> None:
    looks = Looks([3, 6], futility=0.1, futility_by=by)
    with pytest.raises(bmco.InputError, match=f"futility=0.1: there is no {by} probability for"):
        design(None, rule, looks=looks).evaluate(TWO, progress=False)


def test_a_cut_off_is_refused_where_looks_have_others() -> None:
    for looks in (Looks([10, 20]), Looks([10, 20], cuts=[0.99, 0.95])):
        with pytest.raises(bmco.InputError, match=r"cut=0.99: looks have cut-offs of their own"):
            design(None, bmco.Rule("all", cut=0.99), looks=looks)
    same = Looks([10, 20], cuts=[0.999, 0.99])
    assert design(None, bmco.Rule("all", cut=0.99), looks=same).stages(2).cuts.tolist() == [
        0.999,
        0.99,
    ]


def test_a_design_says_what_it_is() -> None:
    text = str(design((60, 120), bmco.Rule("any", alpha=0.025, cut=0.98), dropout=0.1))
    assert "Design: BMVB, rule Any, right-sided, level 0.025, cut-off 0.98" in text
    text = str(design(None, looks=Looks([35, 70], futility=0.05)))
    assert "the predictive probability of success is below 0.05 (not binding)" in text
