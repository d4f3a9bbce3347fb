"""The points of a target on a sample, and its words."""

from __future__ import annotations

import numpy as np

from bmco_pymc.data.cells import distinct_rows
from bmco_pymc.data.remarks import warn
from bmco_pymc.population.likeness import likeness
from bmco_pymc.population.matched import match
from bmco_pymc.population.resolved import Points, Resolved
from bmco_pymc.population.sentences import EXTRAPOLATED, cluster_phrase
from bmco_pymc.population.subjects import Sample
from bmco_pymc.population.target import Target, row_words

ALIKE = " The model has no covariate, so that the target is taken to be like the sample."


def points_of_target(
    target: Target, sample: Sample, clusters: str | None, cluster_weights: str
) -> Resolved:
    """Return the rows of a target as points; see `bmco_pymc.population.points.resolve`.

    Parameters
    ----------
    target : Target
    sample : Sample
        The analysed data.
    clusters : {"observed", "new", None}
    cluster_weights : {"size", "equal"}
        Whether an observed cluster weighs as much as its rows, or as much as any other.

    Raises
    ------
    InputError
        See `bmco_pymc.population.matched.match`.

    Warns
    -----
    InputWarning
        If rows are left out, or a covariate reaches outside the data.
    """
    cells = sample.cells
    matched = match(target.frame, target.weight, sample, by_cluster=clusters == "observed")
    cluster, weight, coded = matched.cluster, matched.weight, []
    n_clusters: list[int] = []
    if cluster is not None:
        size = np.bincount(cluster, weights=weight)  # (J,)
        n_clusters.append(int(np.count_nonzero(size)))
        if cluster_weights == "equal":
            weight = weight / size[cluster]
        coded = [(cluster, len(cells.cluster_labels))]
    number, first = distinct_rows(coded, matched.frame)
    total = np.bincount(number, weights=weight)
    points = Points(
        matched.frame.iloc[first].reset_index(drop=True),
        None if cluster is None else cluster[first],
        total / total.sum(),
    )
    whom = row_words(target, len(matched.row), float(matched.weight.sum()))
    words = f"Average over the {whom} (both groups over the same rows)"
    n_observed = len(cells.cluster_labels)
    words += cluster_phrase(clusters, cluster_weights, n_clusters, n_observed, None, target=True)
    words += "."
    if clusters == "observed" and cells.one_group_clusters:
        words += EXTRAPOLATED
    like = likeness(matched.frame, matched.weight, sample)
    words += ALIKE if like is None else f" {like.words}"
    # Last, so that bad input is an error even where warnings are errors too.
    warn(matched.remarks)
    return Resolved((points, points), words, clusters)
