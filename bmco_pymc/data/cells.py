"""Cells: subjects of one cluster and group with equal covariates, as counts of their patterns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.data.frames import factorise

type Coded = Sequence[tuple[NDArray[np.integer[Any]], int]]


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
    def subjects(self) -> NDArray[np.int64]:
        """Number of subjects in each group, the control first."""
        return np.bincount(self.arm, weights=self.weight).astype(np.int64)

    @property
    def one_group_clusters(self) -> bool:
        """Whether every cluster holds one group only; False without clusters."""
        return self.cluster is not None and not in_both_groups(self.cluster, self.arm).any()

    def __len__(self) -> int:
        return len(self.arm)


def in_both_groups(
    cluster: NDArray[np.intp], arm: NDArray[np.int8]
) -> NDArray[np.bool_]:  # (n,), (n,) -> (J,)
    """Return for each cluster whether it holds subjects of both groups."""
    held = np.zeros((cluster.max() + 1, 2), dtype=bool)  # (J, 2)
    held[cluster, arm] = True
    return held.all(axis=1)


def distinct_rows(coded: Coded, frame: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give each distinct row of several columns a number, in the order of their values.

    Parameters
    ----------
    coded : list of (codes, number of codes)
        Columns of codes of shape (m,), the slowest first.
    frame : pandas.DataFrame, shape (m, columns)
        More columns.

    Returns
    -------
    number : ndarray of intp, shape (m,)
        Which distinct row each row is.
    first : ndarray of intp, shape (n,)
        Where each distinct row occurs first.
    """
    key, size = np.zeros(len(frame), dtype=np.int64), 1
    of_frame = (factorise(column, "covariates") for _, column in frame.items())
    for codes, n_codes in [*coded, *((codes, len(levels)) for codes, levels in of_frame)]:
        if size * n_codes >= 2**62:  # the key would overflow: number what there is so far
            key, distinct = pd.factorize(key, sort=True)
            size = len(distinct)
        key, size = key * n_codes + codes, size * n_codes
    number, distinct = pd.factorize(key, sort=True)
    occurs_first = np.flatnonzero(~pd.Series(number).duplicated())
    first = np.empty(len(distinct), dtype=np.intp)
    first[number[occurs_first]] = occurs_first
    return number, first
