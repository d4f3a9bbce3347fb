"""Trials are simulated and analysed: fast analyses against exact ones and against NUTS."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

import bmco_pymc as bmco
from bmco_pymc.trial.looks import Looks
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.simulated.analysed import Analysed
from bmco_pymc.trial.simulated.laplace import _by_itself, approximate, matrices
from bmco_pymc.trial.simulated.mixtures import deciding
from bmco_pymc.trial.simulated.work import Work, analyse

type Array = np.ndarray

MODELS = ("BMVB", "BGLM")

# Two chains of 1500 draws: Monte Carlo errors of about .01 in P and 2 % of an SD.
SETTINGS = {"draws": 1500, "tune": 500, "chains": 2}
AGE = bmco.Covariates(
    {"age": stats.norm(50, 10), "kind": {"a": 0.5, "b": 0.3, "c $/": 0.2}},
    log_odds={"age": {"control": 0.02, "treatment": 0.05}, "kind": {"b": [0.4, -0.3]}},
)


def truth(effect: float = 0.15, **more: Any) -> Any:
    return bmco.Scenario([0.4, 0.45], [0.4 + effect, 0.45 + effect], 0.3, **more).truth(0)


def work(plan: Plan, *truths: Any, seed: int = 1) -> Work:
    return Work.of(plan, truths or [truth()], seed, SETTINGS)


def one_by_one(n: Any = 100, model: str = "BGLM", rule: Any = "all", **more: Any) -> Plan:
    looks = more.pop("looks", None)
    return Plan(n, bmco.Analysis(model, rule, **more), looks)


def in_clusters(rule: Any = "all", fixed: str = "group", looks: Any = None, **more: Any) -> Plan:
    analysis = bmco.Analysis(bmco.BGLMM, rule, fixed=fixed, random="1", clusters="new")
    given = {"clusters": 12, "size": 15, **more}
    return Plan(analysis=analysis, looks=looks, **given)


# --- the fast analysis ----------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["all", "comp"])
def test_a_regression_without_covariates_is_nearly_bmvb(rule: str) -> None:
    """The same counts of 100 subjects in each group by both, with priors that nearly agree.

    Measured over 200 trials: probabilities differ by .0007 on average and .009 at most (Comp, whose
    other ones are of 4000 draws: .0014 and .012), means of δ by .0023, and SDs are .5 % larger.
    """
    exact, fast = (
        analyse(work(one_by_one(100, model, rule)), range(200), "laplace") for model in MODELS
    )
    assert not fast.failed.any()
    off = np.abs(fast.probability - exact.probability)
    assert off.mean() < 0.003
    assert off.max() < 0.02
    assert fast.estimate == pytest.approx(exact.estimate, abs=0.005)
    assert fast.sd == pytest.approx(exact.sd, rel=0.015)


def compared(plan: Plan, trials: range, *truths: Any) -> tuple[Array, Array, Array]:
    """Return how the fast analysis differs from NUTS: P, mean of δ in SDs, ratio of SDs."""
    fast, nuts = (analyse(work(plan, *truths), trials, method) for method in ("laplace", "nuts"))
    assert not fast.failed.any()
    assert not nuts.failed.any()
    found = (
        fast.probability - nuts.probability,
        (fast.estimate - nuts.estimate) / nuts.sd,
        fast.sd / nuts.sd,
    )
    ends = [(fast.low - nuts.low) / nuts.sd, (fast.high - nuts.high) / nuts.sd]
    assert np.abs(ends).max() < 0.25
    return found


@pytest.mark.samples
def test_a_regression_with_a_covariate_against_nuts() -> None:
    plan = one_by_one(100, fixed="group * age")
    probability, mean, sd = compared(plan, range(3), truth(covariates=AGE))
    assert np.abs(probability).max() <= 0.03
    assert np.abs(mean).max() < 0.1
    assert np.abs(sd - 1).max() <= 0.05


@pytest.mark.samples
def test_clusters_against_nuts() -> None:
    plan = in_clusters(size_cv=0.3)
    probability, mean, sd = compared(plan, range(2), truth(icc=0.05))
    assert np.abs(probability).max() <= 0.05
    assert np.abs(mean).max() < 0.15
    assert np.abs(sd - 1).max() <= 0.05


@pytest.mark.samples
def test_both_groups_in_each_cluster_against_nuts() -> None:
    plan = in_clusters(randomised="subjects")
    probability, mean, sd = compared(plan, range(2), truth(icc=0.05))
    assert np.abs(probability).max() <= 0.05
    assert np.abs(mean).max() < 0.15
    assert np.abs(sd - 1).max() <= 0.05


def test_standardised_over_each_groups_own_subjects() -> None:
    """With own subjects the result is nearly the raw proportion, here not that of equal ages."""
    raw = np.empty((20, 2))
    plans = [one_by_one(150, fixed="group * age", standardise=s) for s in ("own", "pooled")]
    of = truth(covariates=AGE)
    for i in range(20):
        sample = work(plans[0], of).simulator(i).sample(i)
        y = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])[sample.response]
        raw[i] = y[sample.subjects.arm == 1].mean(axis=0) - y[sample.subjects.arm == 0].mean(axis=0)
    own, pooled = (analyse(work(plan, of), range(20), "laplace").estimate[:, 0] for plan in plans)
    assert np.abs(own - raw).max() < 0.008  # what the prior does
    assert np.abs(pooled - raw).max() > 0.02
    assert np.abs(own - raw).mean() < np.abs(pooled - raw).mean() / 2


# --- whatever else is analysed --------------------------------------------------------------------


def same(one: Analysed, other: Analysed, tolerance: float = 1e-9) -> None:
    for name in ("probability", "estimate", "sd", "low", "high"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=tolerance, nan_ok=True)
    assert (one.failed == other.failed).all()


@pytest.mark.parametrize(
    "plan",
    [
        one_by_one(30, "BMVB"),
        one_by_one(30, "BMVB", bmco.Rule("all", statistic="joint")),
        one_by_one(30),
        one_by_one(12, fixed="group * age + kind"),  # some trials lack a kind
        one_by_one(30, fixed="group * scale(age)"),
        in_clusters(clusters=6, size=5),
        in_clusters(fixed="group + age", clusters=6, size=5),
    ],
    ids=["BMVB", "joint", "BGLM", "kinds", "scale", "BGLMM", "BGLMM by age"],
)
def test_a_trial_by_itself(plan: Plan) -> None:
    of = truth(covariates=AGE, icc=0.05) if plan.clusters else truth(covariates=AGE)
    together = analyse(work(plan, of), range(8), "laplace")
    assert together.trial.tolist() == list(range(8))
    for i in (0, 3, 7):
        same(analyse(work(plan, of), range(i, i + 1), "laplace"), together.part(range(i, i + 1)))


@pytest.mark.parametrize(
    "fixed", ["group * age", "group * kind", "group + kind + age", "group * scale(age)", "group"]
)
@pytest.mark.parametrize("standardise", ["pooled", "own"])
def test_formulas_for_all_at_once_are_those_of_each(fixed: str, standardise: str) -> None:
    plan = one_by_one(60, fixed=fixed, standardise=standardise)
    todo = work(plan, truth(covariates=AGE))
    samples = [todo.simulator(i).sample(i) for i in range(4)]
    for sample, found in zip(
        samples, matrices(plan.analysis, todo.simulators[0], samples), strict=True
    ):
        other = _by_itself(plan.analysis, todo.simulators[0], sample, 4)
        assert found is not None
        assert other is not None
        one, two = approximate(found), approximate(other)
        assert one is not None
        assert two is not None
        for part, apart in zip(one, two, strict=True):
            assert part == pytest.approx(apart, abs=1e-8)


def test_units_do_not_matter() -> None:
    """Standardised in each trial or not: the recommended prior is about functions of age."""
    of = truth(covariates=AGE)
    raw, scaled = (
        analyse(work(one_by_one(60, fixed=fixed), of), range(5), "laplace")
        for fixed in ("group * age", "group * scale(age)")
    )
    same(raw, scaled, 1e-6)


def test_two_truths_in_turn() -> None:
    no, yes = truth(0.0), truth(0.3)
    plan = one_by_one(40)
    found = analyse(work(plan, no, yes), range(1, 9), "laplace")
    alone = [analyse(work(plan, one), range(1, 9), "laplace") for one in (no, yes)]
    for place, trial in enumerate(range(1, 9)):
        same(found.part([trial]), alone[trial % 2].part([trial]))
        assert found.trial[place] == trial
    assert found.estimate[::2].mean() > found.estimate[1::2].mean() + 0.1


# --- looks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["clusters", "subjects"])
def test_looks_are_nested(by: str) -> None:
    looks = Looks([6, 12]) if by == "clusters" else Looks([45, 90], by="subjects")
    plan = in_clusters(looks=looks)
    todo = work(plan, truth(icc=0.05))
    for i in range(3):
        whole = todo.simulator(i).sample(i)
        first = whole.at(0)
        assert len(first.subjects) == pytest.approx(90, abs=12)
        assert len(whole.subjects) == 180
        counts = []
        for one in (first, whole):
            who = one.subjects
            assert who.cluster is not None
            cell = who.cluster * 8 + who.arm * 4 + one.response
            counts.append(np.bincount(cell, minlength=96))
        assert (counts[0] <= counts[1]).all()
    found = analyse(todo, range(3), "laplace")
    assert found.probability.shape == (3, 2, 1, 2)
    assert (found.sd[:, 0] > found.sd[:, 1]).all()
    if by == "clusters":  # clusters come in the same order with looks and without
        alone = analyse(work(in_clusters(), truth(icc=0.05)), range(3), "laplace")
        assert found.probability[:, 1:] == pytest.approx(alone.probability, abs=1e-9)


@pytest.mark.parametrize("model", ["BMVB", "BGLM"])
def test_a_look_is_an_analysis_of_what_is_there(model: str) -> None:
    plan = one_by_one(None, model, looks=Looks([20, 50]))
    todo = work(plan)
    found = analyse(todo, range(30), "laplace")
    samples = [todo.simulator(i).sample(i).at(0) for i in range(30)]
    assert {len(one.subjects) for one in samples} == {40}
    y = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])
    arms = [
        [y[one.response[one.subjects.arm == g]].mean(axis=0) for g in (0, 1)] for one in samples
    ]
    raw = np.diff(arms, axis=1)[:, 0]
    # shrunk towards no difference by as much as the prior counts, some subjects
    slope = [np.polyfit(raw[:, k], found.estimate[:, 0, k], 1)[0] for k in range(2)]
    assert slope == pytest.approx([20 / 22] * 2, abs=0.03)


# --- failure --------------------------------------------------------------------------------------


def test_trials_that_cannot_be_analysed_are_counted() -> None:
    """Two clusters of a subject at the first look, four at the end, and each may be lost."""
    plan = Plan(
        analysis=bmco.Analysis(bmco.BGLMM), clusters=4, size=1, dropout=0.4, looks=Looks([2, 4])
    )
    todo = work(plan, truth())
    found = analyse(todo, range(30), "laplace")
    for i in range(30):
        whole = todo.simulator(i).sample(i)
        for look in (0, 1):
            lacking = len(set(whole.at(look).subjects.arm.tolist())) < 2
            assert found.failed[i, look] == lacking
            assert np.isnan(found.probability[i, look]).all() == lacking
            assert np.isnan(found.sd[i, look]).all() == lacking
    assert 0 < found.failed[:, 1].sum() < found.failed[:, 0].sum() < 30


def test_a_formula_that_cannot_be_is_no_failed_trial() -> None:
    plan = one_by_one(30, fixed="group * weight")
    with pytest.raises(bmco.InputError, match="weight"):
        analyse(work(plan, truth(covariates=AGE)), range(2), "laplace")


def test_what_decides_has_the_shape_of_the_rule() -> None:
    for rule, shape in (
        (bmco.Rule("any", "two-sided"), (2, 2)),
        (bmco.Rule("comp", w=[0.5, 0.5]), (1, 1)),
        (bmco.Rule("all", statistic="joint"), (1, 1)),
        (bmco.Rule("utility", "two-sided", u=[1, 0.2, 0.3, 0]), (2, 1)),
    ):
        for model in MODELS:
            todo = work(one_by_one(30, model, rule))
            found = analyse(todo, range(2), "laplace")
            assert found.probability.shape == (2, 1, *shape)
            assert deciding(todo.rule, found.probability).shape == (2, 1, shape[0])
