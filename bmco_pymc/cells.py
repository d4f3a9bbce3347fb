"""Cells: subjects of one cluster and group with equal covariates, as counts of their patterns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.columns import factorise


@dataclass(frozen=True, eq=False)
class Cells:
    """The analysed sample, one row per distinct (cluster, group, covariate values).

    The counts are sufficient for every analysis, so equal subjects cost nothing. Cells are sorted
    by cluster, then group, then covariate values.

    Attributes
    ----------
    frame : pandas.DataFrame, shape (n, columns)
        The covariates of each cell: float64, bool, text or categories. The group is `arm`.
    arm : ndarray of int8, shape (n,)
        0 for the control, 1 for the treatment.
    cluster : ndarray of intp, shape (n,), or None
        The cluster of each cell, as its place in `cluster_labels`; None without clusters.
    cluster_labels : tuple
        The J clusters that occur; empty without clusters.
    counts : ndarray of int64, shape (n, Q)
        Number of subjects with each pattern.
    row : ndarray of intp, shape (m,)
        The rows of the study's data that are in a cell: those that miss none of the covariates.
    cell : ndarray of intp, shape (m,)
        The cell of each of these rows.
    """

    frame: pd.DataFrame
    arm: NDArray[np.int8]
    cluster: NDArray[np.intp] | None
    cluster_labels: tuple[Any, ...]
    counts: NDArray[np.int64]
    row: NDArray[np.intp]
    cell: NDArray[np.intp]

    @property
    def weight(self) -> NDArray[np.int64]:
        """Number of subjects in each cell, shape (n,)."""
        return self.counts.sum(axis=1)

    @property
    def one_group_clusters(self) -> bool:
        """Whether every cluster holds one group only; False without clusters."""
        return self.cluster is not None and not in_both_groups(self.cluster, self.arm).any()

    def __len__(self) -> int:
        return len(self.arm)


def tabulate(
    covariates: pd.DataFrame,
    arm: NDArray[np.int8],
    response: NDArray[np.intp],
    weight: NDArray[np.int64],
    cluster: NDArray[np.intp] | None,
    cluster_labels: Sequence[Any],
    row: NDArray[np.intp],
    n_patterns: int,
) -> Cells:
    """Gather rows with equal cluster, group and covariates into cells.

    Parameters
    ----------
    covariates : pandas.DataFrame, shape (m, columns)
        Without missing values.
    arm, response, weight, cluster, row : ndarray, shape (m,)
        Group, pattern code, number of subjects, place in ``cluster_labels`` (or None) and place in
        the study's data of each row.
    cluster_labels : sequence
        Labels of the clusters; those without a row are left out of the result.
    n_patterns : int
        Number of patterns Q.

    Returns
    -------
    Cells
    """
    parts: list[tuple[NDArray[np.integer[Any]], int]] = [(arm, 2)]
    if cluster is not None:
        used, cluster = np.unique(cluster, return_inverse=True)
        cluster_labels = [cluster_labels[place] for place in used]
        parts.insert(0, (cluster, len(used)))
    for place in range(covariates.shape[1]):
        codes, levels = factorise(covariates.iloc[:, place], "covariates")
        parts.append((codes, len(levels)))
    cell, first = _enumerate(parts)
    counts = np.bincount(
        cell * n_patterns + response, weights=weight, minlength=len(first) * n_patterns
    )
    return Cells(
        frame=covariates.iloc[first].reset_index(drop=True),
        arm=arm[first],
        cluster=None if cluster is None else cluster[first],
        cluster_labels=() if cluster is None else tuple(cluster_labels),
        counts=counts.reshape(len(first), n_patterns).astype(np.int64),
        row=row,
        cell=cell,
    )


def in_both_groups(
    cluster: NDArray[np.intp], arm: NDArray[np.int8]
) -> NDArray[np.bool_]:  # (n,), (n,) -> (J,)
    """Return for each cluster whether it holds subjects of both groups."""
    held = np.zeros((cluster.max() + 1, 2), dtype=bool)  # (J, 2)
    held[cluster, arm] = True
    return held.all(axis=1)


def _enumerate(
    parts: list[tuple[NDArray[np.integer[Any]], int]],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give each distinct row of several coded columns a number, in the order of the codes.

    Parameters
    ----------
    parts : list of (codes, number of codes)
        Codes of shape (m,), the slowest column first.

    Returns
    -------
    number : ndarray of intp, shape (m,)
        Which distinct row each row is.
    first : ndarray of intp, shape (n,)
        Where each distinct row occurs first.
    """
    key, size = np.zeros(len(parts[0][0]), dtype=np.int64), 1
    for codes, n_codes in parts:
        if size * n_codes >= 2**62:  # the key would overflow: number what there is so far
            key, distinct = pd.factorize(key, sort=True)
            size = len(distinct)
        key, size = key * n_codes + codes, size * n_codes
    number, distinct = pd.factorize(key, sort=True)
    occurs_first = np.flatnonzero(~pd.Series(number).duplicated())
    first = np.empty(len(distinct), dtype=np.intp)
    first[number[occurs_first]] = occurs_first
    return number, first
