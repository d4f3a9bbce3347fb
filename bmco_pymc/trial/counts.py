"""The joint distribution of counts over subjects: successes of each outcome, or kinds of subjects.

A table has a dim for each thing counted, each from 0 to n.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfftn, next_fast_len
from scipy.special import gammaln

Array = NDArray[np.float64]


def count_table(n: int, phi: ArrayLike, kinds: NDArray[np.int8]) -> Array:
    r"""Return the distribution of counts among n independent subjects.

    Parameters
    ----------
    n : int
        Subjects.
    phi : array_like, shape (Q,)
        Probability of each response pattern.
    kinds : ndarray of 0 and 1, shape (Q, d)
        In which of the d counts a subject with each pattern is; the bits of the patterns for the
        successes of each outcome.

    Returns
    -------
    ndarray, shape (n + 1, ..., n + 1)
        The coefficients of :math:`(\sum_q \phi_q z^{k_q})^n`, by a fast Fourier transform of its
        values on the unit circles: exact to about 1e-15 in each entry.

    Examples
    --------
    >>> table = count_table(2, [0.25, 0.25, 0.25, 0.25], np.array([[1, 1], [1, 0], [0, 1], [0, 0]]))
    >>> table.round(4).tolist()
    [[0.0625, 0.125, 0.0625], [0.125, 0.25, 0.125], [0.0625, 0.125, 0.0625]]
    """
    phi, d = np.asarray(phi, dtype=float), kinds.shape[1]
    if d == 0:
        return np.ones(())
    length = next_fast_len(n + 1, real=True)
    root = np.exp(-2j * np.pi * np.arange(length) / length)
    axes = [root.reshape([-1 if a == k else 1 for a in range(d)]) for k in range(d)]
    axes[-1] = axes[-1][..., : length // 2 + 1]  # the rest are complex conjugates
    values = np.zeros((), dtype=complex)
    for share, row in zip(phi, kinds, strict=True):
        values = values + share * reduce(np.multiply, [axes[k] for k in np.flatnonzero(row)], 1.0)
    shape = (*[length] * (d - 1), length // 2 + 1)
    power = _power(np.broadcast_to(values, shape), n)
    table = irfftn(power, s=(length,) * d, overwrite_x=True)
    return np.maximum(table[(slice(n + 1),) * d], 0.0)


def _power(base: NDArray[np.complex128], n: int) -> NDArray[np.complex128]:
    """Return the n-th power by squaring: several times faster than ``base**n``."""
    found = np.ones_like(base)
    while n:
        if n & 1:
            found = found * base
        n >>= 1
        if n:
            base = base * base
    return found


def predictive_table(n: int, alpha: ArrayLike) -> Array:
    r"""Return the distribution of the successes of each outcome when φ is Dirichlet.

    Parameters
    ----------
    n : int
        Subjects.
    alpha : array_like, shape (Q,)
        Concentrations of the 2^K response patterns.

    Returns
    -------
    ndarray, shape (n + 1, ..., n + 1)
        K dims. The successes of the first outcome are beta-binomial; given them, those with and
        those without it are two independent groups of the same kind with K − 1 outcomes, whose
        counts add: a Dirichlet-multinomial distribution, taken apart outcome by outcome.

    Examples
    --------
    >>> predictive_table(2, [1, 1]).round(4).tolist()
    [0.3333, 0.3333, 0.3333]
    """
    alpha = np.asarray(alpha, dtype=float)
    return _predictive_tables(n, alpha)[n] if n else np.ones((1,) * (len(alpha).bit_length() - 1))


def predictive_counts(n: int, alpha: ArrayLike, kinds: NDArray[np.int8]) -> Array:
    """Return the same for other counts, of which each subject is in one at most.

    Parameters
    ----------
    n : int
        Subjects.
    alpha : array_like, shape (Q,)
        Concentrations of the response patterns.
    kinds : ndarray of 0 and 1, shape (Q, d)
        As in `count_table`: the bits of the patterns, or kinds of subjects.

    Examples
    --------
    >>> predictive_counts(2, [1, 1, 1], np.array([[1, 0], [0, 1], [0, 0]])).round(3).tolist()
    [[0.167, 0.167, 0.167], [0.167, 0.167, 0.0], [0.167, 0.0, 0.0]]
    """
    alpha = np.asarray(alpha, dtype=float)
    if kinds.sum(axis=1).max() > 1:
        return predictive_table(n, alpha)
    kinds = np.column_stack([kinds, 1 - kinds.sum(axis=1)])  # and those in none
    total, d = alpha @ kinds, kinds.shape[1] - 1
    counts = np.indices((n + 1,) * d).reshape(d, -1)  # (d, (n + 1)^d)
    rest = n - counts.sum(axis=0)
    log = gammaln(n + 1) + gammaln(total.sum()) - gammaln(total.sum() + n) - gammaln(total).sum()
    every = np.vstack([counts, np.maximum(rest, 0)])
    found = log + (gammaln(total[:, None] + every) - gammaln(every + 1)).sum(axis=0)
    return np.where(rest >= 0, np.exp(found), 0.0).reshape((n + 1,) * d)


def _predictive_tables(n: int, alpha: Array) -> list[Array]:
    """Return the table of each number of subjects up to n."""
    if len(alpha) == 1:
        return [np.ones(())] * (n + 1)
    with_it, without = np.split(alpha, 2)
    return _joined(n, with_it, without, range(n + 1))


def _joined(n: int, with_it: Array, without: Array, sizes: range) -> list[Array]:
    inner = [_predictive_tables(n, part) for part in (with_it, without)]
    tables = []
    for m in sizes:
        shares = beta_binomial(m, with_it.sum(), without.sum())
        rows = [share * _convolved(inner[0][s], inner[1][m - s]) for s, share in enumerate(shares)]
        tables.append(np.stack(rows))
    return tables


def _convolved(one: Array, other: Array) -> Array:
    if one.ndim == 0:
        return one * other
    if one.ndim == 1:
        return np.convolve(one, other)
    from scipy.signal import fftconvolve

    return fftconvolve(one, other)


def beta_binomial(n: int, a: float, b: float) -> Array:
    """Return the distribution of successes among n, of probability Beta(a, b); shape (n + 1,).

    Examples
    --------
    >>> beta_binomial(2, 1, 1).round(4).tolist()
    [0.3333, 0.3333, 0.3333]
    """
    s = np.arange(n + 1)
    ways = gammaln(n + 1) - gammaln(s + 1) - gammaln(n - s + 1)
    odds = gammaln(a + s) + gammaln(b + n - s) - gammaln(a + b + n)
    return np.exp(ways + odds + gammaln(a + b) - gammaln(a) - gammaln(b))
