"""Probabilities of decisions from simulated trials, and how sure they are.

What NUTS decides is estimated: where it has analysed some of the trials only, by
`bmco_pymc.trial.simulated.stratified`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta

from bmco_pymc.errors import InputError
from bmco_pymc.trial.probabilities import binomial_error

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
        Share of all trials that the fast analysis decides otherwise than NUTS, and its bounds: of
        95 % Clopper–Pearson intervals, added up over strata; without any audited, NaN, 0 and 1.
    shift, shift_mcse : float
        Mean of NUTS minus fast over all trials, and its standard error.
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


def mean(numbers: ArrayLike) -> tuple[float, float]:
    """Return the mean of a number over trials of one analysis, and its standard error.

    Trials that have failed, whose number is NaN, are left out. With too few trials the result is
    NaN: none for the mean, one for the error.

    Examples
    --------
    >>> value, mcse = mean([1.0, np.nan, 3.0, 5.0])
    >>> value, round(mcse, 3)
    (3.0, 1.155)
    """
    values = np.asarray(numbers, dtype=float)
    values = values[np.isfinite(values)]
    N = len(values)
    error = float(np.std(values, ddof=1) / np.sqrt(N)) if N > 1 else float("nan")
    return float(values.mean()) if N else float("nan"), error


def root_mean_square(numbers: ArrayLike) -> tuple[float, float]:
    """Return the root mean square of a number, as of an estimate's error, and its standard error.

    Numbers as in `mean`. The standard error is that of the mean square by the delta method.

    Examples
    --------
    >>> value, mcse = root_mean_square([0.1, -0.1, 0.2, -0.2])
    >>> round(value, 3), round(mcse, 3)
    (0.158, 0.027)
    """
    return root_of(*mean(np.square(np.asarray(numbers, dtype=float))))


def root_of(square: float, mcse: float) -> tuple[float, float]:
    """Return the root of a mean square, and its standard error."""
    root = float(np.sqrt(square))
    return root, float(mcse / (2 * root) if root > 0 else np.sqrt(mcse))


def clopper_pearson(d: int, n: int) -> tuple[float, float]:
    """Return the bounds of the 95 % Clopper–Pearson interval of a share, d of n."""
    low = float(beta.ppf(_TAIL, d, n - d + 1)) if d else 0.0
    high = float(beta.ppf(1 - _TAIL, d + 1, n - d)) if d < n else 1.0
    return low, high
