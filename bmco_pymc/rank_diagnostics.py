"""R-hat and effective sample sizes of many parameters at once.

ArviZ computes the same numbers one parameter at a time, at 4 ms each: for the coefficients of a
thousand clusters that is longer than sampling them. The tests compare the two.

References: Vehtari et al. (2021), https://doi.org/10.1214/20-BA1221; Geyer (1992),
https://doi.org/10.1214/ss/1177011137.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

TAILS = (0.05, 0.95)  # as the paper has it; ArviZ takes those of its default interval
AT_ONCE = 2**15  # numbers that a thread works on at a time


def rank_diagnostics(draws: Floats) -> tuple[Floats, Floats, Floats]:
    """Return R-hat, bulk ESS and tail ESS of each parameter.

    Parameters
    ----------
    draws : ndarray, shape (parameter, chain, draw)
        Finite, at least 4 draws of each chain.

    Returns
    -------
    rhat : ndarray, shape (parameter,)
        The larger of the rank-normalised split R-hats of the draws and of their distances from the
        median.
    ess_bulk : ndarray, shape (parameter,)
        ESS of the normal scores of the ranks.
    ess_tail : ndarray, shape (parameter,)
        The smaller ESS of the 5 % and the 95 % quantile.

    Examples
    --------
    >>> rhat, bulk, tail = rank_diagnostics(np.random.default_rng(1).normal(size=(3, 4, 500)))
    >>> bool((rhat < 1.02).all() and (bulk > 1500).all() and (tail > 1500).all())
    True
    """
    numbers = np.empty((3, len(draws)))
    step = max(AT_ONCE // max(draws[0].size, 1), 1) if len(draws) else 1
    parts = [slice(start, start + step) for start in range(0, len(draws), step)]

    def judge(part: slice) -> None:
        numbers[:, part] = _judge(draws[part])

    with ThreadPoolExecutor(min(os.cpu_count() or 1, max(len(parts), 1))) as pool:
        list(pool.map(judge, parts))  # a list, so that errors are raised here
    return numbers[0], numbers[1], numbers[2]


def _judge(draws: Floats) -> tuple[Floats, Floats, Floats]:
    """Do what `rank_diagnostics` says, all at once."""
    split = _split(draws)
    scores = _normal_scores(split)
    folded = np.abs(split - np.median(split, axis=(1, 2), keepdims=True))
    rhat = np.fmax(_rhat(scores), _rhat(_normal_scores(folded)))
    low, high = np.quantile(draws, TAILS, axis=(1, 2), keepdims=True)
    tails = [_ess(_split((draws <= bound).astype(float))) for bound in (low, high)]
    return rhat, _ess(scores), np.minimum(*tails)


def _split(draws: Floats) -> Floats:
    """Return each half of each chain as a chain, (P, 2 C, N)."""
    half = draws.shape[2] // 2
    return np.concatenate([draws[..., :half], draws[..., -half:]], axis=1)


def _normal_scores(chains: Floats) -> Floats:
    """Return the normal quantiles of the ranks among all draws of a parameter."""
    from scipy.special import ndtri

    flat = chains.reshape(len(chains), -1)
    size = flat.shape[1]
    order = np.argsort(flat, axis=1)
    ordered = np.take_along_axis(flat, order, axis=1)
    # Equal draws share their mean rank, a multiple of 1/2, so there are few different scores.
    score = ndtri((np.arange(2, 2 * size + 1) / 2 - 0.375) / (size + 0.25))
    scores = np.empty_like(flat)
    np.put_along_axis(scores, order, score[::2][None], axis=1)
    fresh = ordered[:, 1:] != ordered[:, :-1]
    for row in np.flatnonzero(~fresh.all(axis=1)):
        starts = np.flatnonzero(np.r_[True, fresh[row]])
        lengths = np.diff(starts, append=size)
        scores[row, order[row]] = np.repeat(score[2 * starts + lengths - 1], lengths)
    return scores.reshape(chains.shape)


def _rhat(chains: Floats) -> Floats:
    """Return the potential scale reduction, (P,)."""
    n = chains.shape[2]
    within = chains.var(axis=2, ddof=1).mean(axis=1)
    between = chains.mean(axis=2).var(axis=1, ddof=1)
    # Chains that stand still have no variance within: their R-hat is infinite, and rightly so.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(between / within + (n - 1) / n)


def _ess(chains: Floats) -> Floats:
    """Return the effective sample size of the mean, (P,), by Geyer's monotone sequence."""
    from scipy.fft import irfft, next_fast_len, rfft

    _, n_chains, n = chains.shape
    size = n_chains * n
    around = chains - chains.mean(axis=2, keepdims=True)
    length = next_fast_len(2 * n, real=True)
    spectrum = rfft(around, length, axis=2)
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)  # (P, frequencies)
    covariance = irfft(power, length, axis=1)[:, :n] / n  # (P, lags), mean over the chains
    within = covariance[:, :1] * n / (n - 1)
    total = within * (n - 1) / n
    if n_chains > 1:
        total = total + chains.mean(axis=2).var(axis=1, ddof=1)[:, None]
    with np.errstate(invalid="ignore"):  # constant: see the last line
        correlation = 1 - (within - covariance) / total
    correlation[:, 0] = 1.0
    n_pairs = max((n - 1) // 2, 1)
    pairs = correlation[:, : 2 * n_pairs].reshape(-1, n_pairs, 2).sum(axis=2)  # (P, pairs)
    # the first pair that is not positive, or the last, ends the sequence
    ends = pairs <= 0
    ends[:, -1] = True
    last = ends.argmax(axis=1)
    before = np.arange(n_pairs) < last[:, None]
    falling = np.minimum.accumulate(pairs, axis=1)
    tail = np.maximum(correlation[np.arange(len(pairs)), 2 * last], 0)
    tau = -1 + 2 * np.where(before, falling, 0).sum(axis=1) + tail
    ess = size / np.maximum(tau, 1 / np.log10(size))
    return np.where(np.ptp(chains, axis=(1, 2)) < 1e-15, float(size), ess)
