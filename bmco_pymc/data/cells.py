"""Cells: subjects of one cluster and group with equal covariates, as counts of their patterns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc import observed_patterns
from bmco_pymc.data.frames import factorise

type Coded = Sequence[tuple[NDArray[np.integer[Any]], int]]


@dataclass(frozen=True, eq=False)
class Partial:
    """Subjects of whom some outcomes were not observed, by cell and observed pattern.

    Attributes
    ----------
    cell : ndarray of intp, shape (e,)
        Their cells, in order.
    code : ndarray of intp, shape (e,)
        What was observed of them, see `bmco_pymc.observed_patterns`.
    count : ndarray of int64, shape (e,)
        Number of subjects.
    """

    cell: NDArray[np.intp]
    code: NDArray[np.intp]
    count: NDArray[np.int64]


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
        Number of subjects with each pattern, of those with all outcomes observed.
    row : ndarray of intp, shape (m,)
        The rows of the study's data that are in a cell: those that miss none of the covariates.
    cell : ndarray of intp, shape (m,)
        The cell of each of these rows.
    partial : Partial or None
        The subjects with some outcomes not observed; None where there are none.
    """

    frame: pd.DataFrame
    arm: NDArray[np.int8]
    cluster: NDArray[np.intp] | None
    cluster_labels: tuple[Any, ...]
    counts: NDArray[np.int64]
    row: NDArray[np.intp]
    cell: NDArray[np.intp]
    partial: Partial | None = None

    @property
    def n_outcomes(self) -> int:
        """Number of outcomes K."""
        return self.counts.shape[1].bit_length() - 1

    @property
    def weight(self) -> NDArray[np.int64]:
        """Number of subjects in each cell, shape (n,)."""
        complete = self.counts.sum(axis=1)
        if self.partial is None:
            return complete
        np.add.at(complete, self.partial.cell, self.partial.count)
        return complete

    @property
    def observed(self) -> NDArray[np.int64]:
        """Number of subjects in each cell of whom each outcome was observed, shape (n, K)."""
        return self._by_outcome(np.ones_like(self._trits))

    @property
    def successes(self) -> NDArray[np.int64]:
        """Number of observed successes in each cell, shape (n, K)."""
        return self._by_outcome(self._trits == 1)

    @property
    def _trits(self) -> NDArray[np.int8]:
        return observed_patterns.trits(self.n_outcomes)

    def _by_outcome(self, wanted: NDArray[Any]) -> NDArray[np.int64]:
        """Return the number of subjects with an observed outcome that is wanted, shape (n, K)."""
        each = (wanted * (self._trits != observed_patterns.MISSING)).astype(np.int64)  # (R, K)
        total = self.counts @ each[: self.counts.shape[1]]  # (n, Q) @ (Q, K) -> (n, K)
        if self.partial is not None:
            np.add.at(
                total, self.partial.cell, each[self.partial.code] * self.partial.count[:, None]
            )
        return total

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


def counted(
    cell: NDArray[np.intp],
    code: NDArray[np.intp],
    weight: NDArray[np.int64],
    shape: tuple[int, int],
) -> tuple[NDArray[np.int64], Partial | None]:
    """Count the subjects by cell and pattern.

    Parameters
    ----------
    cell, code, weight : ndarray, shape (m,)
        Cell, observed pattern and number of subjects of each row.
    shape : (int, int)
        Number of cells and of patterns.

    Returns
    -------
    counts : ndarray of int64, shape (n, Q)
    partial : Partial or None
    """
    counts = np.zeros(shape, dtype=np.int64)
    complete = code < shape[1]
    if complete.all():
        np.add.at(counts, (cell, code), weight)
        return counts, None
    np.add.at(counts, (cell[complete], code[complete]), weight[complete])
    most = 1 + int(code.max())
    key, place = np.unique(cell[~complete] * most + code[~complete], return_inverse=True)
    number = np.bincount(place, weights=weight[~complete]).astype(np.int64)
    return counts, Partial(key // most, key % most, number)


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
