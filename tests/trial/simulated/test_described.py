"""Plans as plain values, and back: nothing is lost that trials depend on."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import bmco_pymc as bmco
from bmco_pymc import Analysis, Rule
from bmco_pymc.trial.design import Design
from bmco_pymc.trial.looks import Looks
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.simulated.described import described, plan_of
from bmco_pymc.trial.simulated.work import Work, analyse
from bmco_pymc.trial.spending import HSD, OBrienFleming, Pocock
from bmco_pymc.trial.wording import compared

CLUSTERS: dict[str, Any] = {"clusters": 12, "size": 8}
INF = float("inf")

PLANS: dict[str, dict[str, Any]] = {
    "plain": {"n": 40, "analysis": Analysis(bmco.BMVB)},
    "sizes": {"n": {"control": 20, "treatment": 41}, "analysis": Analysis(bmco.BGLM)},
    "names": {"n": 40, "analysis": Analysis(bmco.BMVB), "outcomes": ("heals", "no $/ event")},
    "number": {"n": 40, "analysis": Analysis(bmco.BMVB, Rule("any")), "outcomes": 3},
    "columns": {"n": 40, "analysis": Analysis(bmco.BGLM), "group": "arm", "dropout": 0.15},
    "formulas": {**CLUSTERS, "analysis": Analysis(bmco.BGLMM, fixed="group * age", random="1")},
    "averaging": {
        **CLUSTERS,
        "analysis": Analysis(
            bmco.BGLMM, clusters="observed", standardise="own", cluster_weights="equal"
        ),
    },
    "margins": {
        "n": 40,
        "analysis": Analysis(bmco.BMVB, Rule("all", margins={"heals": -0.1, "harm": 0.05})),
    },
    "margins in order": {"n": 40, "analysis": Analysis(bmco.BMVB, Rule("any", margins=(0, -0.1)))},
    "margins of an array": {
        "n": 40,
        "analysis": Analysis(bmco.BMVB, Rule("any", margins=np.array([0.05, -0.1]))),
    },
    "weights": {"n": 40, "analysis": Analysis(bmco.BGLM, Rule("comp", w=[0.7, 0.3], alpha=0.025))},
    "utility": {
        "n": 40,
        "analysis": Analysis(bmco.BMVB, Rule("utility", u={"11": 1, "10": 0.3, "01": 0.2})),
    },
    "utilities in order": {
        "n": 40,
        "analysis": Analysis(bmco.BMVB, Rule("utility", u=[1, 0.3, 0.2, 0], margins=0.02)),
    },
    "count": {"n": 40, "analysis": Analysis(bmco.BGLM, Rule("count", m=2)), "outcomes": 3},
    "two-sided": {"n": 40, "analysis": Analysis(bmco.BGLM, Rule("any", "two-sided"))},
    "left, cut": {"n": 40, "analysis": Analysis(bmco.BGLM, Rule("all", "left", cut=0.973))},
    "joint": {"n": 40, "analysis": Analysis(bmco.BGLM, Rule("any", statistic="joint"))},
    "prior of phi": {
        "n": 40,
        "analysis": Analysis(
            bmco.BMVB,
            priors=bmco.Priors(phi=bmco.Dirichlet([1, 2, 3, 4], treatment=0.5)),
        ),
    },
    "mixture": {
        "n": 40,
        "analysis": Analysis(
            bmco.BMVB,
            priors=bmco.Priors(
                phi=bmco.Mixture([(0.8, [11, 32]), (0.2, [1, 1])], treatment=bmco.Dirichlet(1))
            ),
        ),
        "outcomes": 1,
    },
    "bmco's priors": {
        **CLUSTERS,
        "analysis": Analysis(bmco.BGLMM, priors=bmco.Priors.bmco()),
    },
    "other priors": {
        **CLUSTERS,
        "analysis": Analysis(
            bmco.BGLMM,
            priors=bmco.Priors(
                beta=bmco.Normal(0, sd=1.5),
                gamma=bmco.Normal(0.2, sd=2),
                Sigma=bmco.LKJ(eta=2, sd=bmco.HalfStudentT(4, 0.5)),
                contrasts="reference",
            ),
        ),
    },
    "Wishart": {
        **CLUSTERS,
        "analysis": Analysis(
            bmco.BGLMM,
            random="1 + group",
            priors=bmco.Priors(Sigma=bmco.InverseWishart(3.5, 0.2 * np.eye(2))),
        ),
    },
    "value": {"n": 40, "analysis": Analysis(bmco.BGLM, population=bmco.Value(age=50, sex="f"))},
    "only value": {"n": 40, "analysis": Analysis(bmco.BGLM, population=bmco.Value(50))},
    "only text": {"n": 40, "analysis": Analysis(bmco.BGLM, population=bmco.Value("f $/"))},
    "odd names": {
        "n": 40,
        "analysis": Analysis(bmco.BGLM, population=bmco.Value({"base line": 1.5, "kind": "x"})),
    },
    "whole sample": {"n": 40, "analysis": Analysis(bmco.BGLM, population=bmco.Empirical())},
    "range": {"n": 40, "analysis": Analysis(bmco.BGLM, population=bmco.Empirical(40, 60))},
    "half a range": {
        "n": 40,
        "analysis": Analysis(bmco.BGLM, population=bmco.Empirical(age=(40, INF))),
    },
    "query": {
        "n": 40,
        "analysis": Analysis(
            bmco.BGLM, population=bmco.Empirical(age=(0.1, 60), query="sex == 'f'")
        ),
    },
    "odd range": {
        "n": 40,
        "analysis": Analysis(bmco.BGLM, population=bmco.Empirical({"base line": (0, 1)})),
    },
    "analytical": {
        "n": 40,
        "analysis": Analysis(bmco.BGLM, population=bmco.Analytical(age=(-INF, 60))),
    },
    "all of it": {"n": 40, "analysis": Analysis(bmco.BGLM, population=bmco.Analytical())},
    "looks": {"n": 40, "analysis": Analysis(bmco.BMVB), "looks": Looks([20, 40])},
    "HSD": {"analysis": Analysis(bmco.BGLM), "looks": Looks([20, 40], HSD(1.5))},
    "Pocock": {"analysis": Analysis(bmco.BGLM), "looks": Looks([20, 30, 40], Pocock())},
    "OBrienFleming": {
        "analysis": Analysis(bmco.BGLM),
        "looks": Looks([20, 40], OBrienFleming(), futility=0.1, futility_by="posterior"),
    },
    "cuts": {"analysis": Analysis(bmco.BGLM), "looks": Looks([20, 40], cuts=[0.99, 0.96])},
    "cuts and spending": {
        "analysis": Analysis(bmco.BGLM, Rule("all", cut=0.96)),
        "looks": Looks([20, 40], Pocock(), cuts=(0.99, 0.96)),
    },
    "clusters": {
        "clusters": {"control": 4, "treatment": 8},
        "size": 7.5,
        "size_cv": 0.3,
        "dropout": 0.1,
        "cluster": "school $",
        "analysis": Analysis(bmco.BGLMM),
    },
    "sizes of clusters": {
        "clusters": 4,
        "size": [5, 6, 7, 8],
        "randomised": "subjects",
        "analysis": Analysis(bmco.BGLMM),
    },
    "looks at clusters": {**CLUSTERS, "analysis": Analysis(bmco.BGLMM), "looks": Looks([6, 12])},
    "looks at subjects": {
        **CLUSTERS,
        "analysis": Analysis(bmco.BGLMM),
        "looks": Looks([24, 48], by="subjects"),
    },
}


@pytest.mark.parametrize("kind", [Plan, Design])
@pytest.mark.parametrize("name", PLANS)
def test_there_and_back(name: str, kind: type[Plan]) -> None:
    plan = kind(**PLANS[name])
    found = described(plan)
    text = json.dumps(found, allow_nan=False)
    again = plan_of(json.loads(text), kind)
    assert type(again) is kind
    assert described(again) == found
    for field in ("n", "looks", "dropout", "outcomes", "clusters", "size", "size_cv"):
        one, other = getattr(again, field), getattr(plan, field)
        assert one == other or list(one) == list(other)
    assert (again.randomised, again.group, again.cluster) == (
        plan.randomised,
        plan.group,
        plan.cluster,
    )
    mine, theirs = again.analysis, plan.analysis
    assert mine.model is theirs.model
    assert mine.rule == theirs.rule
    assert mine.population == theirs.population
    for field in ("fixed", "random", "clusters", "standardise", "cluster_weights"):
        assert getattr(mine, field) == getattr(theirs, field)
    assert repr(mine.priors) == repr(theirs.priors)
    assert repr(again) == repr(plan)
    assert (again.looks_at == plan.looks_at).all()


def test_what_differs_is_described_otherwise() -> None:
    texts = [json.dumps(described(Plan(**given)), sort_keys=True) for given in PLANS.values()]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("name", ["formulas", "clusters", "looks at clusters", "other priors"])
def test_the_same_trials_come_of_it(name: str) -> None:
    given = {**PLANS[name]}
    if name == "formulas":
        given["analysis"] = Analysis(bmco.BGLMM, fixed="group", random="1")
    plan = Plan(**given)
    again = plan_of(json.loads(json.dumps(described(plan))), Plan)
    truth = bmco.Scenario([0.4, 0.4], [0.6, 0.5], 0.2, icc=0.05).truth(0)
    one, other = (
        analyse(Work.of(own, [truth], 1, {}), range(2), "laplace") for own in (plan, again)
    )
    assert (one.probability == other.probability).all()
    assert np.isfinite(one.probability).all()


def test_a_mask_is_refused() -> None:
    plan = Plan(2, Analysis(bmco.BGLM, population=bmco.Empirical(mask=[True, False])))
    with pytest.raises(bmco.InputError, match="a mask is of one data set, not of a plan"):
        described(plan)


def test_a_target_is_refused() -> None:
    target = bmco.Target(bmco.load_trial()[["x"]])
    plan = Plan(200, Analysis(bmco.BGLM, fixed="group * x", population=target))
    with pytest.raises(bmco.InputError, match=r"no file of a plan describes; .* analysis\.run"):
        described(plan)
    assert "the 240 rows of the target" in str(compared(plan, searched=False)["population"])


@pytest.mark.parametrize(
    ("name", "place", "known"),
    [
        ("value", ("analysis", "population"), "Empirical"),
        ("Pocock", ("looks", "spending"), "OBrienFleming"),
    ],
)
def test_unknown_kinds_are_refused(name: str, place: tuple[str, str], known: str) -> None:
    found = json.loads(json.dumps(described(Plan(**PLANS[name]))))
    found[place[0]][place[1]]["kind"] = "os.system"
    with pytest.raises(bmco.InputError, match="has no such thing.*" + known):
        plan_of(found, Plan)


def test_an_unknown_model_is_refused() -> None:
    found = described(Plan(**PLANS["plain"]))
    found["analysis"]["model"] = "Design"
    with pytest.raises(bmco.InputError, match="model='Design': is no analysis"):
        plan_of(found, Plan)
