"""Simulated trials: the same for their number, and data as a study has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

import bmco_pymc as bmco
from bmco_pymc.trial.looks import Looks
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.simulated.samples import Sample, Simulator
from bmco_pymc.trial.simulated.work import Work, analyse

ODD = {"a$b": 0.4, "c/d": 0.3, " e'f": 0.3}
TEXT = bmco.Covariates(
    {"age": stats.norm(50, 10), "ward $/": ODD}, log_odds={"age": 0.02, "ward $/": {"c/d": 0.5}}
)


def scenario(**more: Any) -> bmco.Scenario:
    return bmco.Scenario([0.4, 0.4], [0.6, 0.5], 0.2, **more)


def clustered(looks: Looks | None = None, **more: Any) -> Plan:
    analysis = bmco.Analysis(bmco.BGLMM, fixed="group * age")
    return Plan(analysis=analysis, clusters=8, size=6, size_cv=0.4, looks=looks, **more)


def alike(one: Sample, other: Sample) -> bool:
    who, them = one.subjects, other.subjects
    assert who.cluster is not None
    assert them.cluster is not None
    return (
        np.array_equal(who.arm, them.arm)
        and np.array_equal(who.cluster, them.cluster)
        and np.array_equal(who.look, them.look)
        and one.covariates.equals(other.covariates)
        and np.array_equal(one.response, other.response)
    )


def test_a_trial_is_the_same_whatever_else_is_simulated() -> None:
    plan = clustered(Looks([4, 8]))
    truth = scenario(icc=0.05, covariates=TEXT).truth(0)
    first = Simulator.of(plan, truth, seed=5)
    alone = first.sample(7)
    again = Simulator.of(plan, scenario(icc=0.05, covariates=TEXT).truth(0), seed=5)
    many = [again.sample(i) for i in (3, 7, 2, 7)]
    assert alike(many[1], alone)
    assert alike(many[3], alone)
    assert not alike(many[0], alone)
    assert not alike(Simulator.of(plan, truth, seed=6).sample(7), alone)


def test_who_is_there_at_a_look() -> None:
    simulator = Simulator.of(
        clustered(Looks([4, 8])), scenario(icc=0.05, covariates=TEXT).truth(0), 1
    )
    whole = simulator.sample(0)
    first, last = whole.at(0), whole.at(1)
    assert last is whole
    there = whole.subjects.look == 0
    assert len(first.subjects) == there.sum()
    assert 0 < len(first.subjects) < len(whole.subjects)
    assert (first.response == whole.response[there]).all()
    assert first.covariates.reset_index(drop=True).equals(
        whole.covariates[there].reset_index(drop=True)
    )
    assert first.subjects.cluster is not None
    assert set(first.subjects.cluster) == set(range(4))


def test_the_study_of_a_sample() -> None:
    simulator = Simulator.of(
        clustered(group="arm", cluster="site no.", outcomes=["dies", "heals"]),
        scenario(icc=0.05, covariates=TEXT).truth(0),
        1,
    )
    sample = simulator.sample(1)
    study = simulator.study(sample)
    assert (study.group, study.cluster, study.outcomes) == ("arm", "site no.", ("dies", "heals"))
    assert (study.control, study.treatment) == ("control", "treatment")
    frame = study.data
    who = sample.subjects
    assert who.cluster is not None
    assert (frame["arm"] == np.where(who.arm == 1, "treatment", "control")).all()
    assert (frame["site no."] == who.cluster + 1).all()
    bits = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])[sample.response]
    assert (frame[["dies", "heals"]].to_numpy() == bits).all()
    assert set(frame["ward $/"]) <= set(ODD)
    assert (frame["age"].to_numpy() == sample.covariates["age"].to_numpy()).all()


def test_without_clusters_there_is_no_such_column() -> None:
    plan = Plan(20, bmco.Analysis(bmco.BGLM))
    simulator = Simulator.of(plan, scenario().truth(0), 1)
    study = simulator.study(simulator.sample(0))
    assert study.cluster is None
    assert study.cells([]).weight.tolist() == [20, 20]


@pytest.mark.parametrize("name", ["y1", "group", "cluster"])
def test_a_covariate_of_the_name_of_another_column(name: str) -> None:
    covariates = bmco.Covariates({name: stats.norm(0, 1)})
    text = f"covariates='{name}': is the name of an outcome, of the group or of the clusters"
    with pytest.raises(bmco.InputError, match=text):
        Simulator.of(clustered(), scenario(icc=0.05, covariates=covariates).truth(0), 1)


@pytest.mark.parametrize("formula", ["group", "group * age", "group * age + `ward $/`"])
def test_odd_labels_are_analysed(formula: str) -> None:
    plan = Plan(60, bmco.Analysis(bmco.BGLM, fixed=formula))
    work = Work.of(plan, [scenario(covariates=TEXT).truth(0)], 1, {})
    found = analyse(work, range(5), "laplace")
    assert not found.failed.any()
    assert np.isfinite(found.probability).all()


@pytest.mark.parametrize("kind", ["icc", "dirichlet", "equal"])
@pytest.mark.parametrize("model", ["BGLMM", "BGLM", "BMVB"])
def test_a_group_without_subjects_is_a_failed_trial(model: str, kind: str) -> None:
    """Of two clusters with one subject each, of whom half are lost, some trials have nobody."""
    plan = Plan(analysis=bmco.Analysis(model), clusters=2, size=1, dropout=0.5)
    clusters: dict[str, dict[str, Any]] = {
        "icc": {"icc": 0.05},
        "dirichlet": {"icc": 0.05, "between": "dirichlet"},
        "equal": {},
    }
    truth = scenario(**clusters[kind]).truth(0)
    work = Work.of(plan, [truth], 3, {})
    trials = 40
    there = [work.simulator(i).sample(i).subjects.arm for i in range(trials)]
    empty = np.array([len(set(arm.tolist())) < 2 for arm in there])
    assert empty.any()
    assert any(len(arm) == 0 for arm in there)
    found = analyse(work, range(trials), "laplace")
    assert (found.failed[:, 0] == empty).all()
    assert np.isnan(found.estimate[empty]).all()
    assert np.isfinite(found.probability[~empty]).all()


def test_a_study_without_a_group_is_refused() -> None:
    plan = Plan(analysis=bmco.Analysis(bmco.BGLMM), clusters=2, size=1, dropout=0.5)
    simulator = Simulator.of(plan, scenario().truth(0), 3)
    samples = [simulator.sample(i) for i in range(20)]
    lacking = next(s for s in samples if len(s.subjects) and s.subjects.arm.max() == 0)
    with pytest.raises(bmco.InputError):
        simulator.study(lacking)


@pytest.mark.parametrize("trials", [range(40), range(1)])
def test_terms_that_a_sample_cannot_tell_apart_are_a_failed_trial(trials: range) -> None:
    """A rare kind that only one group has: the trial's own analysis would refuse the formula."""
    rare = bmco.Covariates({"kind": {"a": 0.9, "b": 0.1}})
    plan = Plan(8, bmco.Analysis(bmco.BGLM, fixed="group * kind"))
    work = Work.of(plan, [scenario(covariates=rare).truth(0)], 3, {})
    separable = []
    for i in trials:
        sample = work.simulator(i).sample(i)
        kinds = sample.covariates["kind"].to_numpy()
        apart = [set(kinds[sample.subjects.arm == g]) for g in (0, 1)]
        separable.append(apart[0] == apart[1] == {"a", "b"})
    found = analyse(work, trials, "laplace")
    assert (~found.failed[:, 0] == separable).all()
