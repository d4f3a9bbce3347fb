"""What is unusual about the analysed sample, in words: the analysis runs, but read this first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.data.cells import in_both_groups
from bmco_pymc.data.frames import listed, text
from bmco_pymc.errors import warn_user

MANY_OUTCOMES = 5
FEW_SUBJECTS = 10
FEW_CLUSTERS = 5


def warn(remarks: Iterable[str]) -> None:
    """Warn of each remark, at the line outside the package that led to it."""
    for remark in remarks:
        warn_user(remark)


def on_others(
    others: Sequence[Any], left_out: NDArray[np.bool_], times: NDArray[np.int64] | None = None
) -> list[str]:
    """Return a sentence on the rows of groups that are not compared, if there are any.

    Parameters
    ----------
    others : sequence
        What the other groups are called.
    left_out : ndarray of bool, shape (rows,)
    times : ndarray of int64, shape (rows,), optional
        How many rows of the input each row stands for; the default is one.

    Examples
    --------
    >>> on_others(["c", "d"], np.array([True, False, True]))
    ["left out 2 of 3 rows, of other groups: 'c', 'd'"]
    """
    each = np.ones(len(left_out), dtype=np.int64) if times is None else times
    n_rows = int(each[left_out].sum())
    sentence = f"left out {n_rows} of {each.sum()} rows, of other groups: {listed(others)}"
    return [sentence] if n_rows else []


def on_outcomes(
    outcomes: Sequence[str], groups: Sequence[str], successes: NDArray[Any], observed: NDArray[Any]
) -> Iterator[str]:
    """Remark on many outcomes, outcomes without variation and groups with few subjects.

    Parameters
    ----------
    outcomes : sequence of str, length K
    groups : sequence of str, length 2
        What the control and the treatment are called.
    successes : ndarray of int, shape (2, K)
        Number of successes in each group.
    observed : ndarray of int, shape (2, K)
        Number of subjects in each group of whom the outcome was observed.

    Yields
    ------
    str
    """
    n_patterns = 2 ** len(outcomes)
    if len(outcomes) >= MANY_OUTCOMES:
        yield (
            f"{len(outcomes)} outcomes make {n_patterns} response patterns, so {n_patterns - 1} "
            "logits: a regression is slow, and patterns that hardly occur rest on their prior"
        )
    constant = []
    unseen = [
        f"{outcome!r} of {group!r}"
        for k, outcome in enumerate(outcomes)
        for g, group in enumerate(groups)
        if not observed[g, k]
    ]
    if unseen:
        yield (
            f"never observed: {', '.join(unseen)}. What is said there is the prior's, and what the "
            "model carries over from elsewhere"
        )
    for k, outcome in enumerate(outcomes):
        same = [observed[g, k] > 0 and successes[g, k] in (0, observed[g, k]) for g in (0, 1)]
        value = [int(successes[g, k] > 0) for g in range(len(groups))]
        if all(same) and value[0] == value[1]:
            constant.append(f"{outcome!r} is {value[0]} for every subject")
        else:
            constant += [
                f"{outcome!r} is {value[g]} for every subject of {groups[g]!r}"
                for g in range(len(groups))
                if same[g]
            ]
    if constant:
        yield (
            f"no variation: {'; '.join(constant)}. The posterior is proper, but what it says there "
            "depends on the prior: compare a second one"
        )
    subjects = observed.max(axis=1)
    few = [
        f"{subjects[g]} in {groups[g]!r}" for g in range(len(groups)) if subjects[g] < FEW_SUBJECTS
    ]
    if few:
        yield f"few subjects ({', '.join(few)}): the prior carries weight; compare a second one"


def on_clusters(
    labels: Sequence[Any],
    cluster: NDArray[np.intp],
    arm: NDArray[np.int8],
    weight: NDArray[np.int64],
) -> Iterator[str]:
    """Remark on few clusters, clusters of a single subject and clusters with one group only.

    Parameters
    ----------
    labels : sequence, length J
    cluster, arm, weight : ndarray, shape (n,)
        The cluster's place in ``labels``, the group and the number of subjects of each row.

    Yields
    ------
    str
    """
    n_clusters = len(labels)
    both = in_both_groups(cluster, arm)
    if n_clusters < FEW_CLUSTERS:
        remark = (
            f"only {n_clusters} clusters: how much clusters differ is then mostly up to the prior, "
            "and with it every answer about new clusters; compare a second prior"
        )
        # BGLM takes subjects for independent. Where groups differ in their clusters, it would pass
        # off differences between a few clusters as an effect of the group.
        if both.all():
            remark += ". BGLM, without the cluster, is an alternative if clusters may be ignored"
        yield remark
    n_single = int((np.bincount(cluster, weights=weight) == 1).sum())
    if n_single:
        yield (
            f"clusters with a single subject: {n_single} of {n_clusters}. They say little about "
            "how clusters differ, which there looks the same as how subjects differ"
        )
    if not both.any():
        yield (
            "each cluster holds one group only: the groups are compared between clusters, so it is "
            "the number of clusters that limits what the data can tell, and the question is "
            "usually about new clusters (clusters='new'). On the observed clusters, Value, "
            "Analytical and pooled answers extrapolate each cluster to the group that it did not "
            "have, and the error rate of a decision is not controlled"
        )
    elif not both.all():
        names = [text(label) for label, has_both in zip(labels, both, strict=True) if not has_both]
        yield (
            f"clusters with one group only: {len(names)} of {n_clusters} ({listed(names)}). On the "
            "observed clusters, Value, Analytical and pooled answers extrapolate them to the group "
            "that they did not have"
        )
