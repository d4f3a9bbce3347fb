r"""Probabilities of decisions, from many trials analysed fast and some of them also by NUTS.

What NUTS decides is estimated. The fast decisions s of all N trials are a control variate for the
decisions of NUTS in the n audited ones: with r the difference between both,

.. math:: \hat p = \frac 1N \sum_{i=1}^N s_i + \frac 1n \sum_{i=1}^n r_i ,

which has no bias however wrong the fast analysis is, and the error of N trials where it is right.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta

from bmco_pymc.errors import InputError
from bmco_pymc.trial.probabilities import binomial_error

Array = NDArray[np.float64]

TOLERATED = 0.05  # share of trials that the fast analysis may decide otherwise
SHIFT = 0.03  # of the probability, by which the fast analysis may be off ...
ERRORS = 4.0  # ... where that is more than so many standard errors
_TAIL = 0.025


@dataclass(frozen=True)
class Estimate:
    """A probability that simulated trials give.

    Attributes
    ----------
    value : float
        Between 0 and 1.
    mcse : float
        Monte Carlo standard error, never 0.
    disagreement, disagreement_low, disagreement_high : float
        Share of the audited trials that the fast analysis decides otherwise than NUTS, and the
        bounds of its 95 % Clopper–Pearson interval; without any, NaN, 0 and 1.
    shift, shift_mcse : float
        Mean of NUTS minus fast over the audited trials, and its standard error.
    n, audited : int
        Trials in all, and those of them that NUTS has analysed.
    by : {"fast", "audit", "nuts"}
        Whose decisions are estimated: those of the fast analysis alone, where none is audited;
        those of NUTS with both, or with trials of NUTS alone.
    """

    value: float
    mcse: float
    disagreement: float
    disagreement_low: float
    disagreement_high: float
    shift: float
    shift_mcse: float
    n: int
    audited: int
    by: str


def share(
    fast: ArrayLike, audited: ArrayLike, nuts: ArrayLike, *, refuse: bool | None = None
) -> Estimate:
    r"""Return the probability of a decision by NUTS.

    The variance of the estimator, with f = n/N, is

    .. math:: \frac{\mathrm{Var}(f s + r)}{n} + (1-f)^2 \frac{\mathrm{Var}(s)}{N-n} ,

    which is bounded away from 0: see Notes.

    Parameters
    ----------
    fast : array of bool, shape (N,)
        What the fast analysis decides.
    audited : array of int, shape (n,)
        Which of them NUTS has analysed, as positions in ``fast``.
    nuts : array of bool, shape (n,)
        What NUTS decides.
    refuse : bool, optional
        Whether the fast decisions are left out; the default is what `refused` says.

    Returns
    -------
    Estimate

    Notes
    -----
    With d disagreements among n audited trials, the mean of r² is taken as (d + 1)/(n + 2), its
    posterior mean under a uniform prior: that none of 50 trials disagrees does not mean that none
    of 10,000 would, and an error of 0 for what was seen 50 times would claim that.

    Examples
    --------
    >>> fast = np.repeat([True, False], [800, 200])
    >>> found = share(fast, np.arange(700, 900), fast[700:900])
    >>> found.value, round(found.mcse, 4), round(found.disagreement_high, 3)
    (0.8, 0.0136, 0.018)
    """
    s, which, t = _checked(fast, audited, nuts, np.bool_)
    N, n = len(s), len(which)
    if n == 0:
        return plain(s, by="fast")
    r = t - s[which]
    f, d = n / N, int(np.abs(r).sum())
    shift = float(r.mean())
    spread = (d + 1) / (n + 2) - (shift * n / (n + 2)) ** 2  # variance of r, above 0
    low, high = _clopper_pearson(d, n)
    of_s = binomial_error(float(s.mean()), N) ** 2 * N  # variance of s
    together = float(np.mean((s[which] - s[which].mean()) * r))
    variance = (f**2 * of_s + 2 * f * together + spread) / n + (1 - f) * of_s / N
    value = float(np.clip(s.mean() + shift, 0, 1))
    combined = Estimate(
        value=value,
        # no more certain than if NUTS had analysed all trials
        mcse=max(float(np.sqrt(max(variance, 0.0))), binomial_error(value, N)),
        disagreement=d / n,
        disagreement_low=low,
        disagreement_high=high,
        shift=shift,
        shift_mcse=float(np.sqrt(spread / n)),
        n=N,
        audited=n,
        by="audit",
    )
    if n == N or (refused(combined) if refuse is None else refuse):
        alone = plain(t)
        return dataclasses.replace(combined, value=alone.value, mcse=alone.mcse, by="nuts")
    return combined


def plain(decided: ArrayLike, by: str = "nuts") -> Estimate:
    """Return the probability of a decision from trials of one analysis.

    Examples
    --------
    >>> found = plain(np.repeat([True, False], [30, 70]))
    >>> found.value, round(found.mcse, 4), found.by
    (0.3, 0.0458, 'nuts')
    """
    decisions = np.asarray(decided, dtype=bool)
    if len(decisions) == 0:
        raise InputError("decided", decisions, "must be the decisions of one trial or more")
    value, N = float(decisions.mean()), len(decisions)
    audited = N if by == "nuts" else 0
    nan = float("nan")
    return Estimate(value, binomial_error(value, N), nan, 0.0, 1.0, nan, nan, N, audited, by)


def refused(estimate: Estimate) -> bool:
    """Return whether the fast analysis decides too often otherwise to be of use.

    It is refused where more than 5 % of its decisions are others beyond doubt (the lower bound of
    the 97.5 % confidence level), or where it shifts the probability by more than 0.03 and by more
    than four standard errors.
    """
    if not estimate.audited or np.isnan(estimate.disagreement):
        return False
    shift = abs(estimate.shift)
    shifted = shift > SHIFT and shift > ERRORS * estimate.shift_mcse
    return bool(estimate.disagreement_low > TOLERATED or shifted)


def usable(
    fast: ArrayLike, audited: ArrayLike, nuts: ArrayLike
) -> tuple[Array, NDArray[np.intp], Array]:
    """Leave out the trials that have failed, whose number is NaN, and count the others anew.

    A trial that failed in one analysis only is no audited trial; in the fast one, it is left out.

    Examples
    --------
    >>> usable([1.0, np.nan, 3.0, 4.0], [0, 1, 2], [1.5, 2.5, np.nan])
    (array([1., 3., 4.]), array([0]), array([1.5]))
    """
    s, which, t = _checked(fast, audited, nuts, np.float64)
    there = np.isfinite(s)
    both = there[which] & np.isfinite(t)
    place = np.cumsum(there) - 1
    return s[there], place[which[both]], t[both]


def mean(
    fast: ArrayLike, audited: ArrayLike, nuts: ArrayLike, *, refuse: bool = False
) -> tuple[float, float]:
    """Return the mean of a number over trials analysed by NUTS, and its standard error.

    Parameters
    ----------
    fast : array, shape (N,)
        The number in each trial by the fast analysis; NaN where it failed.
    audited : array of int, shape (n,)
        Which of them NUTS has analysed, as positions in ``fast``.
    nuts : array, shape (n,)
        The number by NUTS; NaN where it failed.
    refuse : bool
        Whether the fast numbers are left out.

    Returns
    -------
    value, mcse : float
        NaN where there are too few trials: none for the value, one for the error. With fewer than
        two audited trials, those of the fast analysis.

    Examples
    --------
    >>> fast = np.arange(10.0)
    >>> value, mcse = mean(fast, [0, 9], [0.5, 9.5])
    >>> value, round(mcse, 2)
    (5.0, 1.14)
    """
    if refuse:
        return _alone(usable(nuts, [], [])[0])
    s, which, t = usable(fast, audited, nuts)
    N, n = len(s), len(which)
    if n < 2:
        return _alone(s)
    f, r = n / N, t - s[which]
    variance = float(np.var(f * s[which] + r, ddof=1)) / n
    rest = np.delete(s, which)
    if len(rest):
        # one trial has no variance, so it borrows that of all
        of_s = np.var(rest if len(rest) > 1 else s, ddof=1)
        variance += (1 - f) ** 2 * float(of_s) / len(rest)
    return float(s.mean() + r.mean()), float(np.sqrt(variance))


def root_mean_square(
    fast: ArrayLike, audited: ArrayLike, nuts: ArrayLike, *, refuse: bool = False
) -> tuple[float, float]:
    """Return the root mean square of a number, as of an estimate's error, and its standard error.

    Parameters as in `mean`. The standard error is that of the mean square by the delta method.

    Examples
    --------
    >>> errors = np.array([0.1, -0.1, 0.2, -0.2])
    >>> value, mcse = root_mean_square(errors, [], [])
    >>> round(value, 3), round(mcse, 3)
    (0.158, 0.027)
    """
    squares = np.square(np.asarray(fast, dtype=float)), np.square(np.asarray(nuts, dtype=float))
    value, mcse = mean(squares[0], audited, squares[1], refuse=refuse)
    if value < 0:  # a few audited trials may take away more than there is
        value, mcse = mean(squares[0], audited, squares[1], refuse=True)
    root = float(np.sqrt(value))
    return root, mcse / (2 * root) if root > 0 else float(np.sqrt(mcse))


def _alone(values: Array) -> tuple[float, float]:
    N = len(values)
    error = float(np.std(values, ddof=1) / np.sqrt(N)) if N > 1 else float("nan")
    return float(values.mean()) if N else float("nan"), error


def _clopper_pearson(d: int, n: int) -> tuple[float, float]:
    """Return the bounds of the 95 % Clopper–Pearson interval of a share."""
    low = float(beta.ppf(_TAIL, d, n - d + 1)) if d else 0.0
    high = float(beta.ppf(1 - _TAIL, d + 1, n - d)) if d < n else 1.0
    return low, high


def _checked(
    fast: ArrayLike, audited: ArrayLike, nuts: ArrayLike, kind: Any
) -> tuple[Array, NDArray[np.intp], Array]:
    """Return the arrays as floats, with 0 and 1 for bool, if the audited trials are among all."""
    s, t = (np.asarray(x, dtype=kind).astype(float) for x in (fast, nuts))
    which = np.asarray(audited, dtype=np.intp)
    if which.shape != t.shape or which.ndim != 1:
        raise InputError("audited", which.shape, f"must be as long as nuts, {t.shape}")
    if len(which) and (which.min() < 0 or which.max() >= len(s) or len(set(which)) < len(which)):
        raise InputError("audited", which, f"must be different positions among {len(s)} trials")
    return s, which, t
