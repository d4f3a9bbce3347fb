"""The posterior probability that one success probability exceeds another, for all possible counts.

Both are Beta a posteriori, so it is a function of two counts of successes: a table, with as many
rows as the higher group can have successes. It rises along the rows and falls along the columns.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincc, betaln, gammaln, log_expit

Array = NDArray[np.float64]
type Beta = tuple[float, float]  # the two parameters of a prior

NEAR = 1e-10  # the tables are good to 1e-11; what is nearer to a cut-off is settled by exact sums
TINY = -60.0  # the logarithm of distances beside which 1 is all


def superiority(
    high: Beta,
    n_high: int,
    low: Beta,
    n_low: int,
    margin: float = 0.0,
    columns: slice = slice(None),
) -> Array:
    r"""Return the posterior probability that θ of one group exceeds that of another by a margin.

    Parameters
    ----------
    high, low : pair of float
        Beta priors of the group that should be higher, and of the one that it is compared with.
    n_high, n_low : int
        Subjects in each.
    margin : float
        In (−1, 1).
    columns : slice, optional
        Which numbers of successes of the low group; all by default.

    Returns
    -------
    ndarray, shape (n_high + 1, n_low + 1)
        P(θ_high − θ_low > margin) after s successes in the one (rows) and t in the other
        (columns), to 1e-11 or better. Without a margin by the recurrence

        .. math:: g(s + 1, t) = g(s, t) + \frac{\Gamma(a+b)}{\Gamma(a+1)\Gamma(b)}
            \frac{B(c + a, d + b - 1)}{B(c, d)}

        of the parameters (a, b) and (c, d) after s and t (Cook 2003, Exact calculation of Beta
        inequalities); with one by double exponential quadrature (Takahasi & Mori 1974,
        https://doi.org/10.2977/prims/1195192451).

    Examples
    --------
    >>> table = superiority((1, 1), 20, (1, 1), 20)
    >>> round(float(table[12, 7]), 6)
    0.939264
    """
    if margin == 0:
        return np.clip(_by_recurrence(high, n_high, low, n_low, columns), 0, 1)
    return np.clip(_by_quadrature(high, n_high, low, n_low, margin, columns), 0, 1)


def one_superiority(high: Beta, low: Beta, margin: float = 0.0) -> float:
    """Return the same for two Beta distributions as they are.

    Examples
    --------
    >>> round(one_superiority((13, 9), (8, 14)), 6)
    0.939264
    """
    return float(np.clip(_by_quadrature(high, 0, low, 0, margin)[0, 0], 0, 1))


def exceeds(value: float, cut: float, high: Beta, low: Beta, margin: float = 0.0) -> bool:
    """Return whether the probability for two Beta distributions, known to 1e-11, exceeds a cut-off.

    A value that is nearer than that is settled by an exact sum in rational numbers where the
    parameters are whole and there is no margin.
    """
    whole = all(float(number).is_integer() for number in (*high, *low))
    if abs(value - cut) > NEAR or margin != 0 or not whole:
        return value > cut
    return _exactly(high, low) > _meant(cut)


def _meant(cut: float) -> Fraction:
    """Return the number that a cut-off stands for: a simple fraction, as 1 − .05/3 is, or it."""
    simple = Fraction(cut).limit_denominator(1_000_000)
    return simple if abs(simple - Fraction(cut)) < 4e-16 else Fraction(repr(float(cut)))


def _exactly(high: Beta, low: Beta) -> Fraction:
    """Return P(θ_high > θ_low) as a rational number, for whole parameters.

    It is Σ_{i<a} T_i with T_0 = B(c, b + d) / (b B(1, b) B(c, d)) = B(c, b + d) / B(c, d) and
    T_{i+1} / T_i = (c + i)(b + i) / ((b + c + d + i)(i + 1)).
    """
    a, b, c, d = (int(number) for number in (*high, *low))
    term = Fraction(
        math.factorial(b + d - 1) * math.factorial(c + d - 1),
        math.factorial(b + c + d - 1) * math.factorial(d - 1),
    )
    total = Fraction(0)
    for i in range(a):
        total += term
        term *= Fraction((c + i) * (b + i), (b + c + d + i) * (i + 1))
    return total


def _by_recurrence(high: Beta, n_high: int, low: Beta, n_low: int, columns: slice) -> Array:
    (a, b), (c, d) = high, low
    total = a + b + n_high, c + d + n_low
    s, t, u = np.arange(n_high), np.arange(n_low), np.arange(n_high + n_low)
    # What both groups share depends on s + t only: u counts the successes of both.
    shared = gammaln(a + c + u) + gammaln(b + d + n_high + n_low - 1 - u) - gammaln(sum(total) - 1)
    across = np.lib.stride_tricks.sliding_window_view(shared, n_low + 1) if n_high else None
    first = np.empty(n_low + 1)
    first[0] = one_superiority((a, b + n_high), (c, d + n_low))
    # Along the first row: one more success in the low group, none in the high one.
    of_low = gammaln(total[1]) - gammaln(c + t + 1) - gammaln(d + n_low - t)
    of_none = gammaln(total[0]) - gammaln(a) - gammaln(b + n_high)
    step = of_low + of_none + shared[:n_low]
    first[1:] = first[0] - np.cumsum(np.exp(step))
    t = np.arange(n_low + 1)[columns]
    table = np.empty((n_high + 1, len(t)))
    table[0] = first[columns]
    if across is not None:
        of_high = gammaln(total[0]) - gammaln(a + s + 1) - gammaln(b + n_high - s)
        of_low = gammaln(total[1]) - gammaln(c + t) - gammaln(d + n_low - t)
        table[1:] = np.exp(of_high[:, None] + of_low + across[:, columns])
        np.cumsum(table, axis=0, out=table)
    return table


def _by_quadrature(
    high: Beta, n_high: int, low: Beta, n_low: int, margin: float, columns: slice = slice(None)
) -> Array:
    """Integrate the density of the high group times the distribution function of the low one."""
    (a, b), (c, d) = high, low
    bottom, top = max(0.0, margin), min(1.0, 1.0 + margin)
    log_below, log_above, log_weight = _double_exponential(
        min(a, b, c, d), a + b + c + d + n_high + n_low
    )
    width = top - bottom
    # Distances to both ends, each without cancellation and by its logarithm: the integrand may be
    # singular there, so much so that a part of it is nearer than the smallest number.
    log_x, log_not_x, log_y, log_not_y = (
        log if end == 0 else np.log(end + np.exp(log))
        for end, log in (
            (bottom, log_below + math.log(width)),
            (1 - top, log_above + math.log(width)),
            (max(0.0, -margin), log_below + math.log(width)),
            (max(0.0, margin), log_above + math.log(width)),
        )
    )
    s, t = np.arange(n_high + 1)[:, None], np.arange(n_low + 1)[:, None]
    density = np.exp(
        (a + s - 1) * log_x
        + (b + n_high - s - 1) * log_not_x
        - betaln(a + s, b + n_high - s)
        + log_weight
    )  # (n_high + 1, N)
    lower = np.empty((n_low + 1, len(log_x)))  # (n_low + 1, N)
    lower[0] = np.where(
        log_y < math.log(0.5),
        _below(c, d + n_low, log_y),
        1 - _below(d + n_low, c, log_not_y),
    )
    # One more success in the low group: the step of an incomplete Beta function.
    t = t[:-1]
    steps = (
        (c + t) * log_y
        + (d + n_low - t - 1) * log_not_y
        + gammaln(c + d + n_low)
        - gammaln(c + t + 1)
        - gammaln(d + n_low - t)
    )
    lower[1:] = lower[0] - np.cumsum(np.exp(steps), axis=0)
    table = width * density @ lower[columns].T
    if top < 1:  # beyond it the high group is better by more than the margin, whatever the other is
        table += betaincc(a + s, b + n_high - s, top)
    return table


def _below(a: float, b: float, log_x: Array) -> Array:
    """Return the distribution function of Beta(a, b) where log x is given."""
    # near 0, the first term of the series
    near = np.exp(a * np.minimum(log_x, TINY) - math.log(a) - betaln(a, b))
    return np.where(log_x < TINY, near, betainc(a, b, np.exp(log_x)))


def _double_exponential(smallest: float, subjects: float) -> tuple[Array, Array, Array]:
    """Return the logarithms of the distances of nodes on [0, 1] to both ends, and of the weights.

    Parameters
    ----------
    smallest : float
        The smallest parameter: how fast the integrand vanishes at the ends.
    subjects : float
        Parameters and subjects in all: the posterior SD is of the order of one over its root.
    """
    step = 0.5 / math.sqrt(subjects + 4)
    reach = math.asinh(38 / (math.pi * min(smallest, 1.0)))
    u = step * np.arange(-math.ceil(reach / step), math.ceil(reach / step) + 1)
    logit = math.pi * np.sinh(u)
    below, above = log_expit(logit), log_expit(-logit)
    return below, above, np.log(step * math.pi * np.cosh(u)) + below + above
