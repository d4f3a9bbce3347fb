r"""Probabilities of decisions when the trials that NUTS analyses are chosen by how close they are.

The fast analysis and NUTS can only decide otherwise where the deciding probability is near the
cut-off: there NUTS is worth most. So trials are of two strata, near and far, W of all in each, and
NUTS analyses the first ones of either. With s the fast decision and r what NUTS adds to it,

.. math:: \hat p = \bar s + \sum_h W_h \bar r_h,

which has no bias, as within a stratum nothing but its number decides whether a trial is audited
(two-phase sampling: Särndal, Swensson & Wretman 1992, ch. 9).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from bmco_pymc.trial.probabilities import binomial_error
from bmco_pymc.trial.simulated.estimate import Estimate, clopper_pearson, mean, plain, refused

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

REACH = 0.3  # probits from the cut-off: some four times the distance of both analyses
AROUND = 0.75  # probits from it, within which that distance is looked at
HEAVY = 8.0  # degrees of freedom of its tails
TINY = 1e-6  # probabilities of 0 and 1 have no probit


@dataclass(frozen=True, eq=False)
class Strata:
    """Which trials are near a cut-off, and which of them NUTS has analysed.

    Attributes
    ----------
    near : ndarray of bool, shape (N,)
    audited : ndarray of int, shape (n,)
        Positions in ``near``.
    doubt : float
        The share of the far trials that NUTS would decide otherwise, from how far it is from the
        fast analysis in the audited ones: too small to be seen in a few trials. 1 where nobody
        knows; it counts for no more than the audited far trials say.
    """

    near: Flags
    audited: NDArray[np.intp]
    doubt: float

    @property
    def parts(self) -> list[tuple[bool, float, int, Flags]]:
        """Of each stratum with trials: is it near, its share W, their number, its audited ones."""
        of_audited, found = self.near[self.audited], []
        for is_near in (True, False):
            if number := int((self.near == is_near).sum()):
                found.append((is_near, number / len(self.near), number, of_audited == is_near))
        return found

    def share(
        self, fast: Flags, nuts: Flags, *, refuse: bool | None = None, doubt: float | None = None
    ) -> Estimate:
        """Return the probability of an event in the decisions of NUTS.

        Parameters
        ----------
        fast : ndarray of bool, shape (N,)
            Whether it happens by the fast analysis.
        nuts : ndarray of bool, shape (n,)
            The same by NUTS, in the audited trials.
        refuse : bool, optional
            Whether the fast decisions are left out; the default is what
            `bmco_pymc.trial.simulated.estimate.refused` says.
        doubt : float, optional
            Of this event, where trials that are far from the cut-off may be near for it.

        Notes
        -----
        With d other decisions among n audited trials of a stratum, the mean of r² is taken as
        (d + 1)/(n + 2), its posterior mean under a uniform prior: that none of 50 trials disagrees
        does not mean that none of 10,000 would. In the far stratum it is the doubt if that is less,
        but no less than d/n.
        """
        doubt = self.doubt if doubt is None else doubt
        s, t = fast.astype(float), nuts.astype(float)
        N, n = len(s), len(t)
        r = t - s[self.audited]
        shift = variance = 0.0
        shares = np.zeros(3)  # of other decisions: estimate and bounds
        for is_near, W, number, own in self.parts:
            size, d = int(own.sum()), int(np.abs(r[own]).sum())
            if size == 0:  # nobody has looked
                shares += W * np.array([0.0, 0.0, 1.0])
                variance += W**2 * (1.0 if is_near else doubt)
                continue
            shift_here = float(r[own].mean())
            shift += W * shift_here
            shares += W * np.array([d / size, *clopper_pearson(d, size)])
            spread = (d + 1) / (size + 2)
            if not is_near:
                spread = max(d / size, min(doubt, spread))
            left = 1 - size / number  # of the stratum
            spread -= (shift_here * size / (size + 2)) ** 2
            variance += W**2 * left * spread / size
        if n == N:
            shares = np.full(3, shares[0])
        value = float(np.clip(s.mean() + shift, 0, 1))
        found = Estimate(
            value=value,
            mcse=float(np.hypot(binomial_error(value, N), np.sqrt(variance))),
            disagreement=float(shares[0]),
            disagreement_low=float(shares[1]),
            disagreement_high=float(min(shares[2], 1.0)),
            shift=float(shift),
            shift_mcse=float(np.sqrt(variance)),
            n=N,
            audited=n,
            by="nuts" if n == N else "audit",
        )
        if n < N and (refused(found) if refuse is None else refuse):
            return self._alone(found, t)
        return found

    def _alone(self, found: Estimate, t: Array) -> Estimate:
        """Return the estimate of the audited trials alone, each standing for its stratum."""
        each = [
            plain(t[own] > 0 if own.any() else np.array([False, True])) for *_, own in self.parts
        ]
        value, error = _together(
            np.array([one.value for one in each]),
            np.array([one.mcse**2 for one in each]),
            np.array([W for _, W, *_ in self.parts]),
            found.n,
        )
        values: dict[str, Any] = {"value": value, "mcse": error, "by": "nuts"}
        return Estimate(**{**vars(found), **values})

    def mean(self, fast: Array, nuts: Array, *, refuse: bool = False) -> tuple[float, float]:
        """Return the mean of a number by NUTS, and its standard error; NaN counts as missing.

        Strata of fewer than two audited trials say nothing: the fast analysis stands for them, or
        where it is refused the other stratum.
        """
        s = np.zeros(len(fast)) if refuse else fast
        there = np.isfinite(s)
        both = there[self.audited] & np.isfinite(nuts)
        place = np.cumsum(there) - 1  # among those that are there
        known = Strata(self.near[there], place[self.audited[both]], self.doubt)
        r = (nuts - s[self.audited])[both]
        squares = (nuts**2 - s[self.audited] ** 2)[both]
        parts = [part for part in known.parts if part[-1].sum() > 1]
        if not parts:
            return (float("nan"),) * 2 if refuse else mean(fast)
        owns = [own for *_, own in parts]
        means, more = (np.array([x[own].mean() for own in owns]) for x in (r, squares))
        variances = np.array([r[own].var(ddof=1) / own.sum() for own in owns])
        weights = np.array([W for _, W, *_ in parts])
        if refuse:
            return _together(means, variances, weights / weights.sum(), len(s))
        left = np.array([1 - own.sum() / number for *_, number, own in parts])
        value = float(s[there].mean() + weights @ means)
        # of what NUTS says of all trials: its spread is that of the fast numbers and what it adds
        spread = max(float(np.mean(s[there] ** 2) + weights @ more) - value**2, 0.0)
        variance = spread / there.sum() + weights**2 @ (left * variances)
        return value, float(np.sqrt(variance))


def _together(means: Array, variances: Array, weights: Array, number: int) -> tuple[float, float]:
    """Return the mean over strata, and its error; how many trials of all are near is chance too."""
    value = float(weights @ means)
    between = float(weights @ (means - value) ** 2) / number
    return value, float(np.sqrt(weights**2 @ variances + between))


def probits(probability: Array) -> Array:
    """Return distances on the normal scale, on which the analyses differ by about the same."""
    return ndtri(np.clip(probability, TINY, 1 - TINY))


def near_cut(decides: Array, cuts: Array) -> Flags:
    """Return which trials are near a cut-off, at some look, on some side.

    Parameters
    ----------
    decides : ndarray, shape (T, looks, sides)
        The probability that decides, by the fast analysis; trials that failed, with NaN, are near:
        nobody knows where they are.
    cuts : ndarray, shape (looks,)
    """
    away = np.abs(probits(decides) - probits(cuts)[:, None])
    return (~(away >= REACH)).reshape(len(away), -1).any(axis=1)


def doubt_of(fast: Array, nuts: Array, audited: NDArray[np.intp], far: Flags, cuts: Array) -> float:
    """Return the share of far trials that NUTS may decide otherwise.

    The distance of both analyses on the normal scale is taken to have the tails of a t distribution
    and the size that it has in the audited trials around the cut-off, or in all where none is.

    Parameters
    ----------
    fast, nuts : ndarray, shapes (N, looks, ...) and (n, looks, ...)
        Probabilities that decide.
    audited : ndarray of int, shape (n,)
    far : ndarray of bool, shape (N,)
    cuts : ndarray, shape (looks,)
    """
    at = probits(cuts).reshape(-1, *[1] * (fast.ndim - 2))
    away, error = probits(fast) - at, probits(nuts) - probits(fast[audited])
    finite = np.isfinite(error)
    around = finite & (np.abs(away[audited]) < AROUND)
    if not around.any():
        around = finite
    if not around.any() or not far.any():
        return 1.0
    size = max(float(np.sqrt(np.mean(error[around] ** 2))), 1e-3)
    other = stdtr(HEAVY, -np.abs(np.nan_to_num(away[far], nan=0.0)) / size)
    return float(other.reshape(len(other), -1).max(axis=1).mean())
