"""Truths that are draws of a regression: subjects of the pilot with what the model says of them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.averaging.quadrature import normal_nodes
from bmco_pymc.errors import InputError
from bmco_pymc.population.between import in_words_of_iccs
from bmco_pymc.population.estimand import Estimand
from bmco_pymc.population.source_reading import read_source, source_from_description
from bmco_pymc.population.sources import Rows
from bmco_pymc.population.subjects import Sample
from bmco_pymc.population.truth import Codes, Truth, drawn_each, no_columns
from bmco_pymc.terms.terms import Terms

NODES = 512  # of clusters, for ICCs that are shown
MOST_ROWS = 512  # of covariates, likewise

type Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pilot:
    """Draws of a regression, and the subjects of its study.

    Attributes
    ----------
    phi : ndarray, shape (S, 2, Q)
        In the population.
    rows : Rows or None
        Distinct covariates of subjects; None of a model without any.
    row : ndarray of intp, shape (n,)
        The rows of the subjects of the control, then of those of the treatment.
    n_control : int
        How many of them are the control's.
    weight : ndarray, shape (n,)
        How often each is drawn in its group.
    X, Z : ndarray, shape (n, P) and (n, p)
        Their fixed and random design.
    beta : ndarray, shape (S, P, L)
        Of each draw.
    gamma : ndarray, shape (S, p, L), or None
    Sigma : ndarray, shape (S, L, p, p) or (S, L, p, L, p), or None
        Covariance of the coefficients between clusters.
    """

    phi: Array
    rows: Rows | None
    row: Codes
    n_control: int
    weight: Array
    X: Array
    Z: Array
    beta: Array
    gamma: Array | None = None
    Sigma: Array | None = None

    between = "logit-normal"
    group_correlation = 1.0  # what of a cluster differs between the groups is in its coefficients
    covariates = None  # they are rows of the pilot, with effects of any form

    def logits(self, s: int) -> Array:
        """Return the log odds of each subject at u = 0 in a draw, shape (n, L)."""
        found = self.X @ self.beta[s]
        return found if self.gamma is None else found + self.Z @ self.gamma[s]

    def root(self, s: int) -> Array | None:
        """Return R of a draw, shape (p, L, p L): the effects of a cluster are R z."""
        if self.Sigma is None:
            return None
        Sigma = self.Sigma[s]
        n_logits, p = Sigma.shape[:2]
        if Sigma.ndim == 3:
            joint = np.zeros((n_logits, p, n_logits, p))
            joint[np.arange(n_logits), :, np.arange(n_logits)] = Sigma
        else:
            joint = Sigma
        values, vectors = np.linalg.eigh(joint.reshape(n_logits * p, -1))
        root = vectors * np.sqrt(np.maximum(values, 0))  # it may be singular
        return root.reshape(n_logits, p, -1).transpose(1, 0, 2)

    def __len__(self) -> int:
        return len(self.phi)

    @property
    def clustered(self) -> bool:
        """Whether clusters differ."""
        return self.Sigma is not None

    @property
    def covariate_names(self) -> tuple[str, ...]:
        """The columns that subjects have."""
        return () if self.rows is None else tuple(self.rows.levels)

    @property
    def icc(self) -> Array | None:
        """The ICC of each outcome, (S, 2, K), to three digits or so."""
        return None if self.Sigma is None else self._iccs[0]

    @property
    def icc_between(self) -> Array | None:
        """The ICC of each pair of outcomes, (S, 2, K (K - 1) / 2), likewise."""
        return None if self.Sigma is None else self._iccs[1]

    def part(self, which: Sequence[int]) -> Pilot:
        """Return some of the draws."""
        chosen = list(which)
        gamma, Sigma = (None if v is None else v[chosen] for v in (self.gamma, self.Sigma))
        return replace(self, phi=self.phi[chosen], beta=self.beta[chosen], gamma=gamma, Sigma=Sigma)

    def truth(self, s: int) -> PilotTruth:
        """Return the truth of a draw."""
        return PilotTruth(
            self.phi[s], self.rows, self.row, self.n_control, self.weight, self.logits(s), self.Z,
            self.root(s),
        )  # fmt: skip

    @cached_property
    def _iccs(self) -> tuple[Array, Array]:
        """Return the ICCs by a few hundred nodes: to be shown, not to be computed with."""
        icc, between = [], []
        for s in range(len(self)):
            truth = self.truth(s)
            both = [truth.iccs(group) for group in range(2)]
            icc.append([own[1] for own in both])
            between.append([own[2] for own in both])
        return np.array(icc), np.array(between)

    def described(self) -> dict[str, Any]:
        """Return a description of plain values; see `from_description`."""
        arrays = {
            one.name: None if (value := getattr(self, one.name)) is None else value.tolist()
            for one in fields(self)
            if one.name not in ("rows", "n_control")
        }
        # Of an array with a side of length 0, lists do not tell the other sides.
        shapes = {name: list(getattr(self, name).shape) for name in ("X", "Z", "beta")}
        rows = None if self.rows is None else self.rows.described()
        found = {"kind": "pilot", "rows": rows, "n_control": self.n_control, "shapes": shapes}
        return found | arrays

    @staticmethod
    def from_description(described: Mapping[str, Any]) -> Pilot:
        """Return what `described` describes."""
        rows = described["rows"]
        shaped = {
            name: np.asarray(described[name], float).reshape(shape)
            for name, shape in described["shapes"].items()
        }
        others: dict[str, Any] = {
            name: None if described[name] is None else np.asarray(described[name], float)
            for name in ("gamma", "Sigma")
        }
        return Pilot(
            np.asarray(described["phi"], float),
            None if rows is None else _as_rows(source_from_description(rows)),
            np.asarray(described["row"], np.intp),
            int(described["n_control"]),
            np.asarray(described["weight"], float),
            **shaped,
            **others,
        )


@dataclass(frozen=True, eq=False)
class PilotTruth:
    """One draw of a regression; as `bmco_pymc.population.truth.Truth`, it draws subjects.

    Attributes
    ----------
    phi : ndarray, shape (2, Q)
    rows, row, n_control, weight, Z
        As in `Pilot`.
    logits : ndarray, shape (n, L)
        Of each subject at u = 0.
    root : ndarray, shape (p, L, d), or None
        The effects of a cluster are R z with z ~ N(0, I), in both groups the same.
    """

    phi: Array
    rows: Rows | None
    row: Codes
    n_control: int
    weight: Array
    logits: Array
    Z: Array
    root: Array | None

    @property
    def covariate_names(self) -> tuple[str, ...]:
        """The columns that are drawn."""
        return () if self.rows is None else tuple(self.rows.levels)

    @property
    def clustered(self) -> bool:
        """Whether clusters differ."""
        return self.root is not None

    @cached_property
    def _below(self) -> Array:
        """Sums of the weights: to 1 over the control, to 2 over both."""
        below = np.cumsum(self.weight)
        below[self.n_control - 1], below[-1] = 1.0, 2.0
        return below

    @cached_property
    def _last(self) -> Codes:
        return np.array([self.n_control - 1, len(self.weight) - 1])

    def draw(
        self, rng: np.random.Generator, arm: NDArray[np.int8], cluster: Codes | None = None
    ) -> tuple[pd.DataFrame, Codes]:
        """Draw covariates and responses of subjects; see `Truth.draw`."""
        n = len(arm)
        place = np.searchsorted(self._below, arm + rng.random(n), side="right")
        # A number just below 1 is 1 when it is rounded: that is the other group's first.
        place = np.minimum(place, self._last.take(arm))
        if self.rows is None:
            frame = no_columns(n)
        else:
            frame = self.rows.frame.take(self.row[place])
            frame.index = pd.RangeIndex(n)
        log_weight = np.zeros((n, self.logits.shape[1] + 1))
        log_weight[:, :-1] = self.logits[place]
        if self.root is not None:
            number = n if cluster is None else int(cluster.max(initial=-1)) + 1
            u = self.root @ rng.standard_normal((self.root.shape[2], number))  # (p, L, J)
            own = u if cluster is None else u[:, :, cluster]  # (p, L, n)
            log_weight[:, :-1] += np.einsum("np,pln->nl", self.Z[place], own)
        return frame, drawn_each(log_weight, rng)

    def iccs(self, group: int) -> tuple[Array, Array, Array]:
        """Return θ, the ICC of each outcome and that of each pair in a group."""
        assert self.root is not None
        own = slice(self.n_control) if group == 0 else slice(self.n_control, None)
        logits, Z, weight = self.logits[own], self.Z[own], self.weight[own]
        if len(weight) > MOST_ROWS:
            kept = np.linspace(0, len(weight) - 1, MOST_ROWS).round().astype(int)
            logits, Z, weight = logits[kept], Z[kept], weight[kept]
        nodes = normal_nodes(self.root.shape[2], NODES)  # (d, N)
        u = self.root @ nodes  # (p, L, N)
        phi = np.zeros((NODES, logits.shape[1] + 1))
        distinct, which = np.unique(Z, axis=0, return_inverse=True)
        for place, z in enumerate(distinct):  # exp(η + u) = exp(η) exp(u)
            here = which.ravel() == place
            odds = np.exp(np.minimum(np.tensordot(z, u, 1), 300))  # (L, N)
            base = np.exp(np.minimum(logits[here], 300))  # (R, L)
            share = weight[here, None] / (1 + base @ odds)  # (R, N)
            phi[:, :-1] += (odds * (base.T @ share)).T
            phi[:, -1] += share.sum(axis=0)
        theta = patterns.theta_from_phi(phi / phi.sum(axis=1, keepdims=True))
        return in_words_of_iccs(theta, np.full(NODES, 1 / NODES))


def pilot_of(
    estimand: Estimand,
    terms: Terms,
    sample: Sample,
    draws: Mapping[str, Array],
    phi: Array,
) -> Pilot | None:
    """Return draws of a regression with the subjects of a population on its sample.

    Parameters
    ----------
    estimand : Estimand
        Whose points are the subjects to draw from.
    terms : Terms
    sample : Sample
    draws : mapping of str to ndarray
        beta (S, P, L) and, of a BGLMM, gamma and Sigma.
    phi : ndarray, shape (S, 2, Q)
        In the population.

    Returns
    -------
    Pilot or None
        None of observed clusters, which are no population of clusters, or where covariates are
        neither numbers nor text.
    """
    whole = estimand.for_terms(terms, "the model")
    if whole.clusters == "observed":
        return None
    with warnings.catch_warnings():  # the effect in this population has warned of it
        warnings.simplefilter("ignore")
        points = whole.target(sample).points
    designs = [
        terms.matrices(own.frame, np.full(len(own.weight), g)) for g, own in enumerate(points)
    ]
    sizes = [len(own.weight) for own in points]
    pooled = points[0] is points[1]
    frame = points[0].frame if pooled else pd.concat([own.frame for own in points])
    row = np.concatenate([np.arange(size) for size in sizes])
    row[sizes[0] :] += 0 if pooled else sizes[0]
    try:
        rows = None if frame.shape[1] == 0 else read_rows(frame.reset_index(drop=True))
    except InputError:  # objects, which a formula can read
        return None
    return Pilot(
        phi,
        rows,
        row,
        sizes[0],
        np.concatenate([own.weight for own in points]),
        np.concatenate([X for X, _ in designs]),
        np.concatenate([Z for _, Z in designs]),
        draws["beta"],
        draws.get("gamma"),
        draws.get("Sigma"),
    )


type AnyTruth = Truth | PilotTruth


def read_rows(frame: pd.DataFrame) -> Rows:
    """Return the rows of a pilot's covariates, whose names are made text."""
    return _as_rows(read_source(frame.rename(columns=str)))


def _as_rows(source: Any) -> Rows:
    assert isinstance(source, Rows)
    return source
