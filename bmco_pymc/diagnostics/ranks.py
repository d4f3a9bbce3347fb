"""R-hat, what chance makes of it, and effective sample sizes of many parameters at once.

ArviZ computes R-hat and ESS one parameter at a time, at 4 ms each: for the coefficients of a
thousand clusters that is longer than sampling them. The tests compare the two.

R-hat² is (n−1)/n plus the variance of the m chains' means over the variance within. When all chains
have the same distribution, a mean of n draws worth e independent ones has the variance within over
e, so that e (R-hat² − (n−1)/n) is F-distributed with m−1 degrees of freedom above; below are those
of the estimate of e, about m·e/8. R-hat is 1.01 by chance at e = 100 or so, whatever n is (the same
relation of R-hat to ESS as in Vats & Knudson). e has to be the ESS *within* chains: that of all
draws counts the differences between chains, which are what is asked about.

References: Vehtari et al. (2021), https://doi.org/10.1214/20-BA1221; Geyer (1992),
https://doi.org/10.1214/ss/1177011137; Vats & Knudson (2021), https://doi.org/10.1214/20-STS812;
Moins et al. (2022), https://arxiv.org/abs/2110.13694 (limits of R-hat from its distribution).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

TAILS = (0.05, 0.95)  # as the paper has it; ArviZ takes those of its default interval
AT_ONCE = 2**15  # numbers that a thread works on at a time


def rank_diagnostics(draws: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return R-hat, bulk ESS and tail ESS of each parameter, and the chance of such an R-hat.

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
    chance : ndarray, shape (parameter,)
        Probability of an R-hat as large, in either of its parts, when all chains have the same
        distribution; 0 where a chain stands still for a while.

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(size=(3, 4, 500))
    >>> draws[2, 0] += 1
    >>> rhat, bulk, tail, chance = rank_diagnostics(draws)
    >>> (rhat < 1.01).tolist(), (bulk > 1500).tolist(), (chance > 1e-4).tolist()
    ([True, True, False], [True, True, False], [True, True, False])
    """
    numbers = np.empty((4, len(draws)))
    step = max(AT_ONCE // max(draws[0].size, 1), 1) if len(draws) else 1
    parts = [slice(start, start + step) for start in range(0, len(draws), step)]

    def judge(part: slice) -> None:
        numbers[:, part] = _judge(draws[part])

    with ThreadPoolExecutor(min(os.cpu_count() or 1, max(len(parts), 1))) as pool:
        list(pool.map(judge, parts))  # a list, so that errors are raised here
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _judge(draws: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Do what `rank_diagnostics` says, all at once."""
    split = halves(draws)
    scores = _normal_scores(split)
    folded = _normal_scores(np.abs(split - np.median(split, axis=(1, 2), keepdims=True)))
    low, high = np.quantile(draws, TAILS, axis=(1, 2), keepdims=True)
    tails = [halves((draws <= bound).astype(float)) for bound in (low, high)]
    chance = 2 * np.fmin(_chance(scores), _chance(folded))
    chance = np.clip(chance, np.finfo(float).tiny, 1)  # 0 means what the last line says
    return (
        np.fmax(_rhat(scores), _rhat(folded)),
        _ess(scores),
        np.minimum(*map(_ess, tails)),
        np.where(_stands_still(split), 0, chance),
    )


def within_ess(chains: Floats) -> Floats:
    """Return the ESS of a chain's mean, (P,), from what all chains (P, C, N) do within themselves.

    Around a straight line through each chain: a drift is not slow mixing, and must not hide that
    the halves of a chain differ. The sum of as many covariances as Geyer's sequence has is too
    small for that, by a part that is known.
    """
    n = chains.shape[2]
    covariance = _covariance(_level(chains))
    with np.errstate(invalid="ignore", divide="ignore"):
        time, lags = _geyer(covariance / covariance[:, :1])
    time = np.maximum(time, 1 / np.log10(chains.shape[1] * n))
    # mean and slope take twice the covariances' sum over n away from each of them
    missing = 2 * np.maximum(2 * lags + 1 - time, 0) / n
    return n / time * np.maximum(1 - missing, 0.2)


def halves(draws: Floats) -> Floats:
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


def _chance(chains: Floats) -> Floats:
    """Return the probability of an R-hat as large, (P,), when all chains are alike."""
    from scipy.special import fdtrc

    _, m, n = chains.shape
    e = within_ess(chains)
    with np.errstate(divide="ignore", invalid="ignore"):
        # the variance within is around the chains' own means, hence the last factor
        excess = (_rhat(chains) ** 2 - (n - 1) / n) * e * np.maximum(1 - (n / e - 1) / n, 0)
        chance = fdtrc(m - 1, m * e / 8, np.maximum(excess, 0))
    still = (np.ptp(chains, axis=2) == 0).all(axis=1)  # all in one place, or in several
    return np.where(still, np.ptp(chains, axis=(1, 2)) == 0, chance)


def _stands_still(split: Floats) -> NDArray[np.bool_]:
    """Return whether a chain stands still for a while, (P,), where draws hardly ever repeat.

    A while is a tenth of half a chain, and 10 draws at least. Such a chain may well have the same
    mean and spread as the others. A value that other chains have too, such as a probability of
    exactly 1, is no place where a chain is stuck.
    """
    n = split.shape[2]
    long = max(n // 10, 10)
    again = split[..., 1:] == split[..., :-1]  # (P, 2 C, N - 1)
    found = again.sum(axis=2).max(axis=1) >= long - 1
    for row in np.flatnonzero(found):
        ends = np.append(~again[row], np.ones((len(again[row]), 1), dtype=bool), axis=1)
        last = np.flatnonzero(ends)
        runs = np.diff(last, prepend=-1)  # lengths; each run ends with its half
        short = runs[runs < long]
        chains = split[row].reshape(2, -1, n).swapaxes(0, 1)  # (C, 2, N)
        places = split[row].ravel()[last[runs >= long]]
        alone = [(chains == place).any(axis=(1, 2)).sum() == 1 for place in places]
        found[row] = any(alone) and 2 * len(short) > short.sum()
    return found


def _level(chains: Floats) -> Floats:
    """Return chains less the straight line that fits each best."""
    steps = np.arange(chains.shape[2]) - (chains.shape[2] - 1) / 2
    slope = chains @ steps / (steps @ steps)  # (P, C)
    around: Floats = chains - chains.mean(axis=2, keepdims=True) - slope[..., None] * steps
    return around


def _covariance(chains: Floats) -> Floats:
    """Return the covariances of each lag within chains, their mean over chains, (P, lags)."""
    from scipy.fft import irfft, next_fast_len, rfft

    n = chains.shape[2]
    around = chains - chains.mean(axis=2, keepdims=True)
    length = next_fast_len(2 * n, real=True)
    spectrum = rfft(around, length, axis=2)
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)  # (P, frequencies)
    covariance: Floats = irfft(power, length, axis=1)[:, :n] / n
    return covariance


def _ess(chains: Floats) -> Floats:
    """Return the effective sample size of the mean of all chains, (P,)."""
    _, n_chains, n = chains.shape
    size = n_chains * n
    covariance = _covariance(chains)
    within = covariance[:, :1] * n / (n - 1)
    total = within * (n - 1) / n
    if n_chains > 1:
        total = total + chains.mean(axis=2).var(axis=1, ddof=1)[:, None]
    with np.errstate(invalid="ignore"):  # constant: see the last line
        time, _ = _geyer(1 - (within - covariance) / total)
    ess = size / np.maximum(time, 1 / np.log10(size))
    return np.where(np.ptp(chains, axis=(1, 2)) < 1e-15, float(size), ess)


def _geyer(correlation: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Return the autocorrelation time by Geyer's monotone sequence, and its number of lags."""
    n = correlation.shape[1]
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
    return -1 + 2 * np.where(before, falling, 0).sum(axis=1) + tail, 2 * last
