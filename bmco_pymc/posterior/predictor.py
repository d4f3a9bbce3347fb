"""The pattern probabilities of the analysed cells under each draw, and where the subjects are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import observed_patterns
from bmco_pymc.errors import InputError
from bmco_pymc.posterior.declaration import Declaration

if TYPE_CHECKING:
    from bmco_pymc.posterior.posterior import Posterior

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What it takes to predict the analysed cells from posterior draws.

    Attributes
    ----------
    fit : Posterior
        The fit.
    X, Z : ndarray, shapes (n, P) and (n, p)
        Fixed and random design of the cells; without columns in an analysis without covariates.
    """

    fit: Posterior
    X: Array
    Z: Array

    def log_phi(
        self, cells: Any = slice(None), which: Any = slice(None), gamma_cluster: Array | None = None
    ) -> Array:
        """Return the log probability of each pattern in cells, shape (S, n, Q).

        Parameters
        ----------
        cells : index of the n cells, optional
        which : index of the S draws (chains joined), optional
        gamma_cluster : ndarray, shape (S, J, p, L), optional
            Coefficients of the clusters to use instead of the posterior's.
        """
        model = self.fit.model
        if model.terms is None:
            with np.errstate(divide="ignore"):  # an unseen pattern may have a probability of 0
                return np.log(self.fit.draws("phi")[which][:, model.cells.arm[cells]])
        eta = self.eta_fixed(cells, which)
        if model.terms.random:
            if gamma_cluster is None:
                gamma_cluster = self.fit.draws("gamma_cluster")[which]
            assert model.cells.cluster is not None
            own = gamma_cluster[:, model.cells.cluster[cells]]  # (S, n, p, L)
            eta = eta + np.einsum("np,snpl->snl", self.Z[cells], own)
        return log_softmax(eta)

    def eta_fixed(self, cells: Any = slice(None), which: Any = slice(None)) -> Array:
        """Return the fixed part x'β of the linear predictor, shape (S, n, L)."""
        if not self.X.shape[1]:
            n_draws = len(self.fit.draws("gamma")[which])
            return np.zeros((n_draws, len(self.X[cells]), len(self.fit.model.coords["logit"])))
        return np.einsum("nt,stl->snl", self.X[cells], self.fit.draws("beta")[which])


def fitted(fit: Posterior) -> Fitted:
    """Return what predicts the cells of a fit."""
    cells, terms = fit.model.cells, fit.model.terms
    if terms is None:
        return Fitted(fit, np.empty((len(cells), 0)), np.empty((len(cells), 0)))
    return Fitted(fit, *terms.matrices(cells.frame, cells.arm))


def log_softmax(eta: Array) -> Array:
    """Return log pattern probabilities from logits, the reference pattern's zero added last.

    Examples
    --------
    >>> np.exp(log_softmax(np.log([[2.0, 1.0, 4.0]]))).round(6).tolist()
    [[0.25, 0.125, 0.5, 0.125]]
    """
    logits = np.concatenate([eta, np.zeros((*eta.shape[:-1], 1))], axis=-1)  # (..., L) -> (..., Q)
    logits -= logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Units:
    """The cells, with the subjects of different clusters kept apart where the study has clusters.

    Subjects who were observed in different outcomes are kept apart too.

    Attributes
    ----------
    cell : ndarray of intp, shape (u,)
        The model's cell that each unit is a part of.
    cluster : ndarray of intp, shape (u,), or None
        Place of its cluster in ``cluster_labels``.
    cluster_labels : tuple
        The clusters that occur.
    counts : ndarray of int64, shape (u, C)
        Number of subjects with each pattern (C = Q) or, where some outcomes of some subjects were
        not observed, with each observed pattern (C = R).
    seen : ndarray of bool, shape (u, K)
        Which outcomes of the unit's subjects were observed.
    """

    cell: NDArray[np.intp]
    cluster: NDArray[np.intp] | None
    cluster_labels: tuple[Any, ...]
    counts: NDArray[np.int64]
    seen: NDArray[np.bool_]

    @property
    def completed(self) -> NDArray[np.int64]:
        """The counts by pattern, (u, Q): what was not ``seen`` is a failure, and must not be read.

        Replicated counts have this form, and a statistic that heeds ``seen`` is the same of both.
        """
        K = self.seen.shape[1]
        if self.counts.shape[1] == 2**K:
            return self.counts
        full = np.zeros((len(self.counts), 2**K), dtype=np.int64)
        np.add.at(full.T, observed_patterns.representative(K), self.counts.T)
        return full


def units(model: Declaration) -> Units:
    """Return the units of a model: BMVB and BGLM ignore clusters, but a check should see them."""
    cells, study = model.cells, model.study
    K = study.n_outcomes
    if cells.partial is None and (cells.cluster is not None or study.cluster_code is None):
        seen = np.ones((len(cells), K), dtype=bool)
        number = np.arange(len(cells))
        return Units(number, cells.cluster, cells.cluster_labels, cells.counts, seen)
    # each row has a cell, perhaps a cluster, and outcomes that were observed: they make its unit
    code, weight = study.response[cells.row], study.weight[cells.row]
    _, sign = np.unique(observed_patterns.signs(K), return_inverse=True)
    labels, key = (), cells.cell
    if study.cluster_code is not None:
        used, cluster = np.unique(study.cluster_code[cells.row], return_inverse=True)
        labels = tuple(study.cluster_labels[place] for place in used)
        key = key * len(used) + cluster
    n_signs = 1 + int(sign.max())
    key, unit = np.unique(key * n_signs + sign[code], return_inverse=True)
    n_columns = 2**K if cells.partial is None else len(sign)
    counts = np.bincount(
        unit * n_columns + code, weights=weight, minlength=len(key) * n_columns
    ).reshape(-1, n_columns)
    which = np.argmax(counts > 0, axis=1)  # of a unit, any observed pattern has its sign
    seen = observed_patterns.trits(K)[which] != observed_patterns.MISSING
    key = key // n_signs
    cell, own = (key // len(labels), key % len(labels)) if labels else (key, None)
    return Units(cell, own, labels, counts.astype(np.int64), seen)


@dataclass(frozen=True, eq=False)
class Subjects:
    """The analysed subjects, one by one, in the order of the study's rows.

    Attributes
    ----------
    label : ndarray of intp, shape (N,)
        Number of each subject among all of the study; the same in every model of the study.
    row, cell, pattern : ndarray of intp, shape (N,)
        The study's row, the model's cell and the observed pattern of each subject.
    """

    label: NDArray[np.intp]
    row: NDArray[np.intp]
    cell: NDArray[np.intp]
    pattern: NDArray[np.intp]


MOST_NUMBERS = 500_000_000  # about one for each subject that are held at a time: 4 GB


def subjects(model: Declaration, each: float, instead: Sequence[str]) -> Subjects:
    """Return the subjects in a model; a row that stands for several is repeated.

    Parameters
    ----------
    model : Declaration
    each : float
        How many numbers of 8 bytes the caller needs for each subject.
    instead : sequence of str
        Other units to ask for.

    Raises
    ------
    InputError
        If the subjects are too many to be written out one by one.
    """
    cells, study = model.cells, model.study
    n = int(cells.weight.sum())
    if n * max(each, 6) > MOST_NUMBERS:
        problem = (
            f"{n:,} subjects one by one do not fit into memory ({max(each, 6):,.0f} numbers each)"
        )
        raise InputError("by", "subject", problem, instead or None)
    row = np.repeat(np.arange(len(study.weight)), study.weight)
    place = np.full(len(study.weight), -1)
    place[cells.row] = cells.cell
    label = np.flatnonzero(place[row] >= 0)
    return Subjects(label, row[label], place[row][label], study.response[row][label])
