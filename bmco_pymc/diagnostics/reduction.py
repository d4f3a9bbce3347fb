"""Potential scale reduction: how much narrower a posterior could still get with longer chains."""

from __future__ import annotations

import numpy as np

from bmco_pymc.errors import InputError


def potential_scale_reduction(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the potential scale reduction factor of each parameter, and its upper limit.

    For m chains of n draws, let W be the mean of the chains' variances, B/n the variance of their
    means and V = (n−1)/n·W + (m+1)/m·B/n. The factor is √(d·V/W). Here d = (f+3)/(f+1) corrects
    for estimating V, which is taken as a scaled χ² with f = 2V²/var(V) degrees of freedom. The
    upper limit multiplies the between-chain part of V/W, the random one, by the 97.5 % point of
    F(m−1, 2W²/var(W)).

    Parameters
    ----------
    draws : numpy.ndarray
        Shape (chain, draw, ...). All draws count; coda's ``gelman.diag`` by default uses the second
        half of each chain only.

    Returns
    -------
    point, upper : numpy.ndarray
        Shape ``draws.shape[2:]``. NaN with fewer than two chains or draws and for a constant,
        infinite for chains that stand still in different places.

    References
    ----------
    Gelman & Rubin (1992), https://doi.org/10.1214/ss/1177011136; d as corrected by
    Brooks & Gelman (1998), https://doi.org/10.1080/10618600.1998.10474787.

    Examples
    --------
    >>> chains = np.random.default_rng(1).normal(size=(4, 1000))
    >>> point, upper = potential_scale_reduction(chains)
    >>> bool(0.999 < point < upper < 1.02)
    True
    """
    from scipy.stats import f as f_distribution

    draws = _checked(draws, least=2)
    m, n = draws.shape[:2]
    if m < 2 or n < 2:
        return np.full(draws.shape[2:], np.nan), np.full(draws.shape[2:], np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Location and scale do not matter; without them no square is too large or too small, and
        # the mean over chains and draws is 0, which shortens the covariance below.
        z = (draws - draws.mean((0, 1))) / draws.std((0, 1))
        mean, variance = z.mean(1), z.var(1, ddof=1)  # (m, ...)
        W, between = variance.mean(0), (m + 1) / m * mean.var(0, ddof=1)
        within = (n - 1) / n * W
        var_W = variance.var(0, ddof=1) / m
        cov = ((variance - W) * mean**2).sum(0) / (m - 1) / m  # of W and the mean of squared means
        var_V = (
            ((n - 1) / n) ** 2 * var_W
            + 2 * between**2 / (m - 1)
            + 2 * (n - 1) / n * (m + 1) / m * cov
        )
        f = 2 * (within + between) ** 2 / var_V.clip(0)
        d = 1 + 2 / (f + 1)
        quantile = f_distribution.ppf(0.975, m - 1, np.minimum(2 * W**2 / var_W, 1e12))
        point, upper = (np.sqrt(d * (within + q * between) / W) for q in (1.0, quantile))
        still = (np.ptp(draws, axis=1) == 0).all(0) & (np.ptp(draws, axis=(0, 1)) > 0)
    return np.where(still, np.inf, point), np.where(still, np.inf, upper)


def mpsrf(draws: np.ndarray) -> float:
    """Return the multivariate potential scale reduction factor of a block of parameters.

    √((n−1)/n + (m+1)/m·λ), with λ the largest eigenvalue of W⁻¹B/n: W is the mean of the m chains'
    covariances, B/n the covariance of their means. It is the largest factor (with d = 1, see
    `potential_scale_reduction`) of any linear combination of the parameters; for one parameter it
    is that parameter's. Parameters that depend linearly on others change nothing.

    Parameters
    ----------
    draws : numpy.ndarray
        Shape (chain, draw, parameter).

    Returns
    -------
    float
        NaN with fewer than two chains, no parameter that varies, no more draws than parameters, or
        draws that are not finite; infinite when chains stand still in different places.

    References
    ----------
    Brooks & Gelman (1998), https://doi.org/10.1080/10618600.1998.10474787.

    Examples
    --------
    >>> chains = np.random.default_rng(1).normal(size=(4, 1000, 3))
    >>> 1 <= mpsrf(chains) < 1.02
    True
    """
    return _multivariate(_checked(draws, least=3))[0]


def mpsrf_chance(draws: np.ndarray) -> float:
    """Return the probability of an MPSRF as large when all chains have the same distribution.

    In the coordinates in which W is the unit matrix, the means of m chains of draws worth e
    independent ones make λ·e·(m−1) the largest eigenvalue of a Wishart matrix of m−1 rows with p
    degrees of freedom. Its distribution is bounded by that of the matrix's trace and by Davidson &
    Szarek's inequality. e is that of the linear combination to which the MPSRF belongs, and what
    estimating e and W adds is bounded too.

    Parameters
    ----------
    draws : numpy.ndarray
        Shape (chain, draw, parameter).

    Returns
    -------
    float
        An upper bound; 1 with hardly more effective draws than parameters, NaN where `mpsrf` is.

    References
    ----------
    Davidson & Szarek (2001), https://doi.org/10.1016/S1874-5849(01)80010-3, theorem II.13.

    Examples
    --------
    >>> chains = np.random.default_rng(1).normal(size=(4, 1000, 30))
    >>> chance = mpsrf_chance(chains)
    >>> chains[0, :, 3] += 0.5
    >>> bool(chance > 0.01), bool(mpsrf_chance(chains) < 1e-3)
    (True, True)
    """
    from scipy.special import chdtrc, chdtri

    from bmco_pymc.diagnostics.ranks import within_ess

    draws = _checked(draws, least=3)
    m, n = draws.shape[:2]
    factor, direction, rank = _multivariate(draws)
    if not np.isfinite(factor):
        return 0.0 if factor == np.inf else float("nan")
    e = min(float(within_ess((draws @ direction)[None])[0]), n)
    freedom = m * (e - 1)
    if rank + 1 >= freedom:
        return 1.0
    tiny = 1e-4
    low = [float(chdtri(k, 1 - tiny)) / k for k in (m * e / 8, freedom - rank + 1)]
    share = low[0] * low[1] * (freedom - rank + 1) / freedom
    largest = (factor**2 - (n - 1) / n) * m / (m + 1) * (m - 1) * e * share
    beyond = max(np.sqrt(max(largest, 0)) - np.sqrt(rank) - np.sqrt(m - 1), 0)
    bound = min(float(chdtrc(rank * (m - 1), max(largest, 0))), np.exp(-(beyond**2) / 2))
    return float(min(bound + 2 * tiny, 1))


def _multivariate(draws: np.ndarray) -> tuple[float, np.ndarray, int]:
    """Return the MPSRF, the linear combination that has it, and the rank of W."""
    none = np.zeros(draws.shape[2])
    if not np.isfinite(draws).all():
        return float("nan"), none, 0
    varies = np.ptp(draws, axis=(0, 1)) > 0
    draws = draws[..., varies]
    m, n, p = draws.shape
    if m < 2 or p == 0 or m * (n - 1) <= p:
        return float("nan"), none, 0
    spread = draws.std((0, 1))
    z = (draws - draws.mean((0, 1))) / spread
    means = z.mean(1)  # (m, p)
    deviations = (z - means[:, None]).reshape(m * n, p) / np.sqrt(m * (n - 1))  # W = dev'dev
    _, scales, axes = np.linalg.svd(np.linalg.qr(deviations, mode="r"))
    # W⁻¹ on the directions in which chains move. They must not differ in the others, which are
    # either linear dependencies (they do not, up to rounding) or chains that stand still (they do).
    moves = scales > 1e-8
    projected = means @ axes.T  # (m, p) @ (p, p) -> (m, p)
    if (abs(projected[:, ~moves]) > 1e-6).any():
        return float("inf"), none, 0
    whitened = projected[:, moves] / scales[moves] / np.sqrt(m - 1)  # B/n = whitened'whitened
    _, roots, turns = np.linalg.svd(whitened, full_matrices=False)
    direction = none.copy()
    direction[varies] = (turns[0] / scales[moves]) @ axes[moves] / spread
    factor = np.sqrt((n - 1) / n + (m + 1) / m * roots[0] ** 2)
    return float(factor), direction, int(moves.sum())


def _checked(draws: np.ndarray, least: int) -> np.ndarray:
    """Return the draws as an array with enough dims."""
    draws = np.asarray(draws, dtype=float)
    if draws.ndim < least:
        dims = ("chain", "draw", "parameter")[:least]
        raise InputError("draws", draws.shape, f"needs the dims ({', '.join(dims)})")
    return draws
