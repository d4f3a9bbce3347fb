"""One truth from which the subjects of a simulated trial are drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.population.log_odds import shift_of
from bmco_pymc.population.sources import Source, Values

type Array = NDArray[np.float64]
type Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Truth:
    r"""A truth from which subjects are drawn.

    Attributes
    ----------
    phi : ndarray, shape (2, Q)
        Probability of each pattern in the population, the control first: averaged over clusters
        and covariates.
    base : ndarray, shape (2, Q)
        Log weight of each pattern where covariates and the effects of a cluster are 0; -inf where
        it is impossible.
    source : Rows, Columns or None
        Where covariates are drawn from.
    tables : mapping of str to ndarray
        What each column adds to the log weights: per unit of a number, (2, Q), or by level of a
        category, (2, levels, Q).
    roots : ndarray, shape (2, K, K), or None
        The effects of a cluster on the log odds of its outcomes are R z with z ~ N(0, I).
    concentration : ndarray, shape (2,), or None
        Instead, φ of a cluster is Dirichlet with this times φ; infinite where clusters are equal.
    group_correlation : float
        Of the normal scores z of a cluster in both groups.

    Examples
    --------
    >>> phi = np.array([[0.4, 0.6], [0.5, 0.5]])
    >>> truth = Truth(phi, np.log(phi))
    >>> covariates, pattern = truth.draw(np.random.default_rng(1), np.array([0, 0, 1, 1], np.int8))
    >>> covariates.shape, pattern.tolist()
    ((4, 0), [1, 1, 0, 1])
    """

    phi: Array
    base: Array
    source: Source | None = None
    tables: Mapping[str, Array] = field(default_factory=dict)
    roots: Array | None = None
    concentration: Array | None = None
    group_correlation: float = 1.0

    @property
    def covariate_names(self) -> tuple[str, ...]:
        """The columns that are drawn."""
        return () if self.source is None else tuple(self.source.levels)

    @property
    def clustered(self) -> bool:
        """Whether clusters differ."""
        return self.roots is not None or self.concentration is not None

    def draw(
        self, rng: np.random.Generator, arm: NDArray[np.int8], cluster: Codes | None = None
    ) -> tuple[pd.DataFrame, Codes]:
        """Draw covariates and responses of subjects.

        Parameters
        ----------
        rng : numpy.random.Generator
        arm : ndarray of int8, shape (n,)
            0 for the control, 1 for the treatment.
        cluster : ndarray of intp, shape (n,), or None
            The cluster of each subject, 0 to J - 1; each is of a cluster of its own if None.

        Returns
        -------
        covariates : pandas.DataFrame, shape (n, covariates)
        pattern : ndarray of intp, shape (n,)
            Codes of response patterns, see `bmco_pymc.patterns`: 0 is all success.
        """
        n = len(arm)
        values: Values = {}
        if self.source is None:
            frame = no_columns(n)
        else:
            frame, values = self.source.draw(rng, n, tuple(self.tables))
        if n == 0:  # everybody is lost
            return frame, np.zeros(0, dtype=np.intp)
        if not self.tables:
            if cluster is None or not self.clustered:
                return frame, drawn_of(self.phi, arm, rng)
            return frame, drawn_of(*self._of_clusters(rng, arm, cluster), rng)
        log_weight = self.base.take(arm, axis=0) + shift_of(self.tables, values, arm)  # (n, Q)
        if self.roots is not None:
            if cluster is None:
                cluster = np.arange(n)
            log_weight += self._effects(rng, int(cluster.max()) + 1)[cluster, arm]
        return frame, drawn_each(log_weight, rng)

    def _of_clusters(
        self, rng: np.random.Generator, arm: NDArray[np.int8], cluster: Codes
    ) -> tuple[Array, Codes]:
        """Return φ of each cluster and group, shape (2 J, Q), and which each subject has."""
        number = int(cluster.max()) + 1
        which = 2 * cluster.astype(np.intp, copy=False) + arm
        if self.concentration is not None:
            held = np.bincount(which, minlength=2 * number).reshape(number, 2)
            return self._dirichlet(rng, number, bool(held.all(axis=1).any())), which
        weight = np.exp(self.base + self._effects(rng, number)).reshape(2 * number, -1)
        return weight / weight.sum(axis=1, keepdims=True), which

    def _effects(self, rng: np.random.Generator, number: int) -> Array:
        """Return what clusters add to the log weights, shape (J, 2, Q); at most 0."""
        assert self.roots is not None
        k = self.roots.shape[1]
        z = self._tied(rng.standard_normal((2, number, k)).swapaxes(0, 1))
        effect = z.swapaxes(0, 1) @ self._by_pattern  # (2, J, K) @ (2, K, Q)
        effect -= effect.max(axis=2, keepdims=True)
        return effect.swapaxes(0, 1)

    @cached_property
    def _by_pattern(self) -> Array:
        """What a score z adds to the log weights, shape (2, K, Q)."""
        assert self.roots is not None
        bits = patterns.bits(self.roots.shape[1]).astype(float)
        return np.ascontiguousarray((bits @ self.roots).swapaxes(1, 2))

    def _tied(self, z: Array) -> Array:
        """Return standard normal scores (J, 2, ...) that correlate between the groups."""
        r = self.group_correlation
        if r == 1:
            z[:, 1] = z[:, 0]
        elif r != 0:
            z[:, 1] = r * z[:, 0] + math.sqrt(1 - r**2) * z[:, 1]
        return z

    def _dirichlet(self, rng: np.random.Generator, number: int, both: bool) -> Array:
        """Return φ of Dirichlet clusters, shape (2 J, Q): gamma variates over their sum.

        Where a cluster holds both groups they are quantiles of tied normal scores.
        """
        from scipy.special import gammaincinv, ndtr

        assert self.concentration is not None
        finite = np.isfinite(self.concentration)
        shape = self.phi * np.where(finite, self.concentration, 1.0)[:, None]  # (2, Q)
        if not both or self.group_correlation == 0:
            gamma = rng.standard_gamma(shape, (number, *shape.shape))
        elif self.group_correlation == 1 and np.array_equal(shape[0], shape[1]):
            one = rng.standard_gamma(shape[0], (number, shape.shape[1]))
            gamma = np.stack([one, one], axis=1)
        else:
            z = self._tied(rng.standard_normal((number, *shape.shape)))
            gamma = np.zeros(z.shape)
            possible = shape > 0
            gamma[:, possible] = gammaincinv(shape[possible], ndtr(z[:, possible]))
        total = gamma.sum(axis=2, keepdims=True)
        with np.errstate(invalid="ignore"):
            found = gamma / total
        lost = ~(total[..., 0] > 0)  # all too small to be told from 0: one pattern has it all
        if lost.any():
            cells, groups = np.nonzero(lost)
            own = drawn_of(self.phi, groups, rng)
            found[cells, groups] = np.eye(shape.shape[1])[own]
        found[:, ~finite] = self.phi[~finite]
        return found.reshape(2 * number, -1)


@lru_cache(maxsize=16)
def _no_columns(n: int) -> pd.DataFrame:
    return pd.DataFrame(index=pd.RangeIndex(n))


def no_columns(n: int) -> pd.DataFrame:
    """Return a frame of n rows without columns."""
    return _no_columns(n).copy(deep=False)


def drawn_of(phi: Array, which: NDArray[Any], rng: np.random.Generator) -> Codes:
    """Draw patterns of subjects who share a few distributions.

    Parameters
    ----------
    phi : ndarray, shape (D, Q)
    which : ndarray of int, shape (n,)
        The distribution of each subject.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of intp, shape (n,)

    Examples
    --------
    >>> phi = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    >>> drawn_of(phi, np.array([0, 1, 0]), np.random.default_rng(1)).tolist()
    [1, 0, 1]
    """
    n, q = phi.shape
    below = phi.cumsum(axis=1)
    # The last pattern that is possible has the rest: sums of roundings are not 1.
    below[below >= below[:, -1:]] = 1.0
    below += np.arange(n)[:, None]  # one list for all: distribution d is from d to d + 1
    place = np.searchsorted(below.ravel(), which + rng.random(len(which)), side="right")
    # A number just below 1 is 1 when it is rounded: that is the next one's first.
    return np.minimum(place - which * q, q - 1)


def drawn_each(log_weight: Array, rng: np.random.Generator) -> Codes:
    """Draw the pattern of each subject, who has a distribution of its own.

    Parameters
    ----------
    log_weight : ndarray, shape (n, Q)
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of intp, shape (n,)

    Examples
    --------
    >>> drawn_each(np.array([[0.0, -np.inf], [-np.inf, 5.0]]), np.random.default_rng(1)).tolist()
    [0, 1]
    """
    below = np.ascontiguousarray(log_weight.T)  # (Q, n): a pattern at a time is faster
    below -= below.max(axis=0)
    np.exp(below, out=below)
    for q in range(1, len(below)):
        below[q] += below[q - 1]
    height = rng.random(below.shape[1]) * below[-1]
    found = np.zeros(len(height), dtype=np.intp)
    for step in below[:-1]:
        found += height >= step
    return found
