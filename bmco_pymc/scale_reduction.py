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
    draws = _checked(draws, least=3)
    if not np.isfinite(draws).all():
        return float("nan")
    draws = draws[..., np.ptp(draws, axis=(0, 1)) > 0]
    m, n, p = draws.shape
    if m < 2 or p == 0 or m * (n - 1) <= p:
        return float("nan")
    z = (draws - draws.mean((0, 1))) / draws.std((0, 1))
    means = z.mean(1)  # (m, p)
    deviations = (z - means[:, None]).reshape(m * n, p) / np.sqrt(m * (n - 1))  # W = dev'dev
    _, scales, axes = np.linalg.svd(np.linalg.qr(deviations, mode="r"))
    # W⁻¹ on the directions in which chains move. They must not differ in the others, which are
    # either linear dependencies (they do not, up to rounding) or chains that stand still (they do).
    moves = scales > 1e-8
    projected = means @ axes.T  # (m, p) @ (p, p) -> (m, p)
    if (abs(projected[:, ~moves]) > 1e-6).any():
        return float("inf")
    whitened = projected[:, moves] / scales[moves] / np.sqrt(m - 1)  # B/n = whitened'whitened
    largest = np.linalg.norm(whitened, ord=2) ** 2 if moves.any() else 0.0
    return float(np.sqrt((n - 1) / n + (m + 1) / m * largest))


def _checked(draws: np.ndarray, least: int) -> np.ndarray:
    """Return the draws as an array with enough dims."""
    draws = np.asarray(draws, dtype=float)
    if draws.ndim < least:
        dims = ("chain", "draw", "parameter")[:least]
        raise InputError("draws", draws.shape, f"needs the dims ({', '.join(dims)})")
    return draws
