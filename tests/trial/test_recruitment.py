"""How subjects come to a trial: sizes, groups, looks, and what a plan refuses."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import bmco_pymc as bmco
from bmco_pymc.trial.looks import Looks
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.recruitment import Clusters, InClusters, OneByOne

BGLM, BGLMM, BMVB = (bmco.Analysis(kind) for kind in (bmco.BGLM, bmco.BGLMM, bmco.BMVB))


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def coming(clusters: Clusters, at: Any = None, by: str = "clusters", dropout: float = 0.0):
    """Return how clusters come, without looks unless they are given."""
    at = [clusters.total] if at is None else at
    return InClusters(clusters, np.array(at, dtype=float), by, dropout)


def sizes_of(clusters: Clusters, dropout: float = 0.0, trials: int = 1, seed: int = 1) -> Any:
    """Return the cluster sizes of some trials, shape (trials, J)."""
    own, plan = rng(seed), coming(clusters, dropout=dropout)
    drawn = [plan.draw(own) for _ in range(trials)]
    return np.array([np.bincount(one.cluster, minlength=clusters.total) for one in drawn])


# --- one by one -----------------------------------------------------------------------------------


def test_one_by_one() -> None:
    plan = OneByOne(np.array([[3, 5], [6, 10]]))
    who = plan.draw(rng())
    assert len(who) == 16
    assert who.cluster is None
    for look, (control, treatment) in enumerate(plan.at):
        there = who.look <= look
        assert np.bincount(who.arm[there]).tolist() == [control, treatment]
    assert plan.draw(rng(2)) is who  # nothing is drawn
    assert who.arm.dtype == np.int8


def test_subjects_of_a_plan() -> None:
    plan = Plan({"control": 30, "treatment": 60}, BGLM, Looks([10, 30]))
    who = plan.recruitment.draw(rng())
    assert np.bincount(who.look * 2 + who.arm).tolist() == [10, 20, 20, 40]


# --- sizes of clusters ----------------------------------------------------------------------------


@pytest.mark.parametrize("dropout", [0.0, 0.25])
@pytest.mark.parametrize("cv", [0.0, 0.4])
def test_mean_and_variance_of_sizes(cv: float, dropout: float) -> None:
    """Mean 30 are analysed: those enrolled are more, of the same cv, and each stays by chance."""
    mean, J, trials = 30.0, 500, 40
    found = sizes_of(Clusters(J, mean, cv), dropout, trials)
    n = found.size
    variance = (cv * mean) ** 2 + mean * dropout  # of the binomial: (1 - d) d enrolled
    rounding = 0.0
    if cv:  # to one of the whole numbers around, up in proportion: u (1 - u), 1/6 on average
        rounding = (1 - dropout) ** 2 / 6
    error = np.sqrt(variance / n)
    assert found.mean() == pytest.approx(mean, abs=4 * error + 1e-12)
    if variance == 0:
        assert np.ptp(found) == 0
        return
    # Var(s²)/s⁴ is about (2 + excess kurtosis)/n, that of a gamma 6 cv²
    relative = np.sqrt((2 + 6 * cv**2) / n)
    assert found.var() == pytest.approx(variance + rounding, rel=4 * relative)
    assert found.min() >= (0 if dropout else 1)
    if dropout == 0:
        assert found.std() / found.mean() == pytest.approx(cv, rel=4 * relative)


def test_the_mean_need_not_be_whole() -> None:
    found = sizes_of(Clusters(1000, 4.25), trials=10)
    assert set(np.unique(found)) == {4, 5}
    error = np.sqrt(0.25 * 0.75 / found.size)
    assert found.mean() == pytest.approx(4.25, abs=4 * error)


def test_a_cluster_has_a_subject() -> None:
    """Where a gamma would make clusters empty they have one subject; dropout may still take it."""
    found = sizes_of(Clusters(2000, 1.5, 1.5))
    assert found.min() == 1
    lost = sizes_of(Clusters(2000, 1, 0.0), dropout=0.5)
    assert lost.min() == 0
    assert lost.mean() == pytest.approx(1, abs=4 * np.sqrt(0.5 / 2000))  # 2 enrolled for each


def test_given_sizes() -> None:
    plan = Clusters(4, [10, 20, 30, 41])
    assert sizes_of(plan).tolist() == [[10, 20, 30, 41]]
    assert plan.mean_size == 25.25
    assert plan.subjects == (40, 61)  # control first, in turn
    found = sizes_of(plan, dropout=0.2, trials=4000)
    variance = 0.2 * np.array(plan.size) + 0.8**2 / 4
    assert np.abs(found.mean(axis=0) - plan.size).max() < 4 * np.sqrt(variance.max() / 4000)


# --- groups ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "by_group"),
    [
        (20, (10, 10)),
        (21, (10, 11)),
        (2, (1, 1)),
        ({"control": 8, "treatment": 16}, (8, 16)),
        ({"control": 7, "treatment": 3}, (7, 3)),
    ],
)
def test_groups_of_clusters_in_turn(number: Any, by_group: tuple[int, int]) -> None:
    plan = Clusters(number, 5)
    assert plan.by_group == by_group
    assert plan.total == sum(by_group)
    groups = plan.groups
    assert np.bincount(groups).tolist() == list(by_group)
    came = np.cumsum(groups[:, None] == [0, 1], axis=0)  # (J, 2)
    expected = np.arange(1, plan.total + 1)[:, None] * np.array(by_group) / plan.total
    assert np.abs(came - expected).max() <= 1
    who = coming(plan).draw(rng())
    assert who.cluster is not None
    assert (who.arm == groups[who.cluster]).all()
    assert (np.diff(who.cluster) >= 0).all()


@pytest.mark.parametrize("size", [10, 11])
def test_both_groups_in_each_cluster(size: int) -> None:
    plan = Clusters(400, size, randomised="subjects")
    assert plan.by_group is None
    who = coming(plan).draw(rng())
    assert who.cluster is not None
    treated = np.bincount(who.cluster, weights=who.arm)
    if size == 10:
        assert (treated == 5).all()
        return
    assert set(treated) == {5, 6}  # the last one's group is drawn
    assert (treated == 6).mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(400))


def test_a_mapping_in_any_order() -> None:
    plan = Clusters({"treatment": 3, "control": 5}, 10)
    assert plan.by_group == (5, 3)
    assert list(plan.number) == ["control", "treatment"]
    assert plan.subjects == (50, 30)


# --- another size ---------------------------------------------------------------------------------


def test_another_number() -> None:
    assert Clusters(10, 5, 0.3).with_number(17).by_group == (8, 9)
    more = Clusters({"control": 4, "treatment": 8}, 5, 0.3).with_number(30)
    assert more.number == {"control": 10, "treatment": 20}
    assert Clusters({"control": 1, "treatment": 9}, 5).with_number(2).number == {
        "control": 1,
        "treatment": 1,
    }
    given = Clusters(4, [10, 20, 30, 40]).with_number(6)
    assert (given.total, given.size) == (6, 25.0)
    assert given.cv == pytest.approx(np.std([10, 20, 30, 40]) / 25, abs=1e-12)


def test_another_mean_size() -> None:
    plan = Clusters(10, 5, 0.3, "subjects").with_size(12.5)
    assert (plan.number, plan.size, plan.cv, plan.randomised) == (10, 12.5, 0.3, "subjects")
    given = Clusters(4, [10, 20, 30, 40]).with_size(50)
    assert given.mean_size == 50
    assert given.cv == pytest.approx(np.std([10, 20, 30, 40]) / 25, abs=1e-12)


def test_another_size_of_a_plan_with_looks() -> None:
    plan = Plan(analysis=BGLMM, clusters=20, size=15, size_cv=0.4, looks=Looks([8, 20]))
    more = plan.with_clusters(number=30)
    assert more.looks is not None
    assert (more.clusters, tuple(more.looks.n), more.size_cv) == (30, (12, 30), 0.4)
    assert more.sizes == (225, 225)
    by_subjects = Plan(
        analysis=BGLMM, clusters=20, size=15, looks=Looks([50, 150], by="subjects")
    ).with_clusters(size=30)
    assert by_subjects.looks is not None
    assert tuple(by_subjects.looks.n) == (100, 300)


# --- looks ----------------------------------------------------------------------------------------


def test_looks_by_clusters() -> None:
    plan = Plan(analysis=BGLMM, clusters=20, size=10, size_cv=0.5, looks=Looks([6, 13, 20]))
    who = plan.recruitment.draw(rng())
    assert who.cluster is not None
    for look, came in enumerate((6, 13, 20)):
        there = who.cluster[who.look <= look]
        assert set(there) == set(range(came))
    assert plan.looks_at.tolist() == [[30, 30], [70, 60], [100, 100]]


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_looks_by_subjects(dropout: float) -> None:
    looks = Looks([50, 100, 200], by="subjects")
    plan = Plan(analysis=BGLMM, clusters=20, size=20, looks=looks, dropout=dropout)
    assert plan.sizes == (200, 200)
    who = plan.recruitment.draw(rng())
    assert who.cluster is not None
    size = np.bincount(who.cluster)
    for look, share in enumerate((0.25, 0.5, 1.0)):
        came = np.bincount(who.cluster[who.look <= look], minlength=20)
        assert (came == np.floor(size * share + 1e-9)).all()
    assert plan.looks_at.tolist() == [[50, 50], [100, 100], [200, 200]]


def test_looks_where_both_groups_are_in_each_cluster() -> None:
    plan = Plan(analysis=BGLMM, clusters=10, size=7, randomised="subjects", looks=Looks([4, 10]))
    assert plan.looks_at.tolist() == [[14, 14], [35, 35]]
    who = plan.recruitment.draw(rng())
    assert np.bincount(who.look).tolist() == [28, 42]
    first = np.bincount(who.arm[who.look == 0])
    assert abs(first[1] - first[0]) <= 4


# --- the plan -------------------------------------------------------------------------------------


def test_a_plan_of_clusters() -> None:
    plan = Plan(analysis=BGLMM, clusters={"control": 4, "treatment": 8}, size=12.5, dropout=0.2)
    assert plan.n == {"control": 50, "treatment": 100}
    assert plan.enrolled == (63, 125)
    assert not plan.exact
    assert not Plan(analysis=BMVB, clusters=4, size=5).exact
    assert Plan(20, BMVB).exact
    assert Plan(analysis=BGLMM, clusters=5, size=7, randomised="subjects").sizes == (18, 18)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"n": 10, "size": 5}, "size=5: is for designs with clusters: give `clusters` too"),
    ({"n": 10, "size_cv": 0.2}, "size_cv=0.2: is for designs with clusters"),
    ({"n": 10, "randomised": "clusters"}, "randomised='clusters': is for designs with clusters"),
    ({}, "n=None: a design needs the number of subjects in each group"),
    (
        {"n": 10, "looks": Looks([5, 10], by="clusters")},
        "count clusters, which this design has not",
    ),
    ({"n": 12, "looks": Looks([5, 10])}, "n=12: the last look is at 10: it must be at the end"),
    ({"clusters": 8}, "size=None: a design with clusters needs it"),
    ({"n": 30, "clusters": 8, "size": 5}, "n=30: follows from clusters and their size"),
    ({"clusters": 1, "size": 5}, "clusters=1: must be a whole number, from 2 to 2000"),
    ({"clusters": 2001, "size": 5}, "clusters=2001: must be a whole number"),
    ({"clusters": {"control": 2}, "size": 5}, "is the number of all clusters, or of each group"),
    (
        {"clusters": {"control": 2, "treatment": 2}, "size": 5, "randomised": "subjects"},
        "is the number of all clusters, or of each group where these are of one",
    ),
    ({"clusters": {"control": 0, "treatment": 2}, "size": 5}, "clusters['control']=0: must be"),
    ({"clusters": 8, "size": 0.5}, "size=0.5: must be from 1 to 100,000"),
    ({"clusters": 8, "size": "many"}, "size='many': must be from 1 to 100,000"),
    ({"clusters": 3, "size": [4, 5]}, "must have a size for each of the 3 clusters"),
    ({"clusters": 2, "size": [4, 0]}, "size=0: must be a whole number, from 1"),
    ({"clusters": 2, "size": [4, 5], "size_cv": 0.3}, "size_cv=0.3: the size of each cluster is"),
    ({"clusters": 8, "size": 5, "size_cv": 3.5}, "size_cv=3.5: must be from 0 to 3"),
    ({"clusters": 8, "size": 5, "size_cv": -0.1}, "size_cv=-0.1: must be from 0 to 3"),
    ({"clusters": 8, "size": 5, "randomised": "schools"}, "randomised='schools': is nothing that"),
    (
        {"clusters": 8, "size": 5, "looks": Looks([4, 10])},
        "the last look must be at the end, with 8 clusters",
    ),
    (
        {"clusters": 8, "size": 5, "looks": Looks([4, 8], by="subjects")},
        "the last look must be at the end, with 20 subjects in each group",
    ),
    (
        {"clusters": {"control": 2, "treatment": 8}, "size": 5, "looks": Looks([2, 10])},
        "at the first look there must be two clusters",
    ),
    ({"n": 10, "dropout": 1.0}, "dropout=1.0: must be a share, from 0 to below 1"),
    ({"n": 10, "group": 3}, "group=3: must be the name of a column"),
]


@pytest.mark.parametrize(("given", "text"), REFUSED)
def test_plans_that_are_refused(given: dict[str, Any], text: str) -> None:
    with pytest.raises(bmco.InputError, match=re.escape(text)):
        Plan(**{"analysis": BGLMM if "clusters" in given else BGLM, **given})
