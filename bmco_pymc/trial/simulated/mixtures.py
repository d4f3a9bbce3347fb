r"""What decides, and what is said of δ, when the posterior of φ is a mixture of normal ones.

Success probabilities are nearer to normal on the logit scale: both groups' logits are taken as
normal, with mean and covariance by the delta method. That δ exceeds its margin m is that

.. math:: \mathrm{logit}(\theta_1) > \mathrm{logit}(\theta_0 + m),

whose right side is no nearly linear function of the logit of θ_0 where θ_0 + m is near 0 or 1: the
probability is integrated over that, given which the left side is normal.
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri
from scipy.stats import qmc

from bmco_pymc import patterns
from bmco_pymc.decision.rule import Rule

Array = NDArray[np.float64]

NODES = 2048  # of the joint probability of several outcomes
ACROSS = 32  # of an integral over the other group's logit
HALVINGS = 40  # of the interval in which a quantile is
INSIDE = 1e-9  # success probabilities stay away from 0 and 1, where there is no logit


def probabilities(rule: Rule, share: Array, phi: Array, covariance: Array) -> Array:
    """Return the posterior probabilities that decide.

    Parameters
    ----------
    rule : Rule
        For given outcomes.
    share : ndarray, shape (T, S)
        Weights of the components of each trial.
    phi : ndarray, shape (T, S, 2, Q)
        Their means.
    covariance : ndarray, shape (T, S, 2 Q, 2 Q)

    Returns
    -------
    ndarray, shape (T, sides, C)
        Of each outcome, or of the one event that decides (C = 1).
    """
    return np.stack([_of_side(rule, side, share, phi, covariance) for side in rule.sides], axis=1)


def _of_side(rule: Rule, side: str, share: Array, phi: Array, covariance: Array) -> Array:
    """Return the same of one side, shape (T, C)."""
    criterion = rule.criterion
    sign = 1.0 if side == "right" else -1.0
    if criterion.weighs or criterion.values:
        scores = rule.scores()
        slope = sign * np.concatenate([-scores, scores])  # (2Q,)
        gain = sign * ((phi[..., 1, :] - phi[..., 0, :]) @ scores) - rule.bounds()[0]
        above = ndtr(gain / _root(slope @ covariance @ slope))
        return (share * above).sum(axis=1)[:, None]
    mean, spread = _logits(side, phi, covariance)
    margins, K = np.array(rule.bounds()), mean.shape[-1]
    if rule.statistic == "joint" and K > 1:
        least = K - criterion.shares(rule.m, K) + 1
        return (share * _jointly(mean, spread, margins, least)).sum(axis=1)[:, None]
    above = np.stack([_above(mean[..., k], spread[..., k, :, k], margins[k]) for k in range(K)], -1)
    return (share[..., None] * above).sum(axis=1)


def _logits(side: str, phi: Array, covariance: Array) -> tuple[Array, Array]:
    """Return mean (T, S, 2, K) and covariance (T, S, 2, K, 2, K) of the logits of θ.

    The group that should be better comes first.
    """
    T, S, _, Q = phi.shape
    bits = patterns.bits(Q.bit_length() - 1).astype(float)  # (Q, K)
    order = [1, 0] if side == "right" else [0, 1]
    theta = np.clip(phi @ bits, INSIDE, 1 - INSIDE)[:, :, order]
    of_phi = covariance.reshape(T, S, 2, Q, 2, Q)[:, :, order][:, :, :, :, order]
    spread = np.einsum("qk,tsgqhr,rl->tsgkhl", bits, of_phi, bits, optimize=True)
    slope = 1 / (theta * (1 - theta))
    spread *= slope[..., None, None] * slope[:, :, None, None]
    return np.log(theta) - np.log1p(-theta), spread


def _above(mean: Array, spread: Array, margin: float) -> Array:
    """Return the probability that one θ exceeds the other by a margin, shape (T, S).

    Parameters
    ----------
    mean, spread : ndarray, shapes (T, S, 2) and (T, S, 2, 2)
        Of their logits.
    margin : float
    """
    (high, cross), (_, low) = np.moveaxis(spread, (-2, -1), (0, 1))
    if margin == 0:
        return ndtr((mean[..., 0] - mean[..., 1]) / _root(high + low - 2 * cross))
    nodes, weights = _across()
    slope = cross / np.maximum(low, 1e-300)
    left = _root(high - slope * cross)
    off = _root(low)[..., None] * nodes  # (T, S, N)
    other = expit(mean[..., 1, None] + off) + margin
    with np.errstate(divide="ignore"):  # what is below 0 is exceeded, and nothing is above 1
        bound = np.log(np.clip(other, 0, 1)) - np.log1p(-np.clip(other, 0, 1))
    return ndtr((mean[..., 0, None] + slope[..., None] * off - bound) / left[..., None]) @ weights


@cache
def _across() -> tuple[Array, Array]:
    """Return nodes and weights for integrals over a standard normal variable."""
    nodes, weights = hermegauss(ACROSS)
    return nodes, weights / weights.sum()


def _jointly(mean: Array, spread: Array, margins: Array, least: int) -> Array:
    """Return the probability that at least so many δ are beyond their margins, shape (T, S)."""
    T, S, _, K = mean.shape
    apart = bool(margins.any())
    if not apart:  # only the differences of logits matter: half as many dimensions
        mean = mean[:, :, :1] - mean[:, :, 1:]
        spread = (
            spread[:, :, :1, :, :1]
            + spread[:, :, 1:, :, 1:]
            - spread[:, :, :1, :, 1:]
            - spread[:, :, 1:, :, :1]
        )
    dims = K * mean.shape[2]
    nodes = _normal(max(NODES // S, 64), dims)
    root = _factor(spread.reshape(T, S, dims, dims))
    found = np.empty((T, S))
    for t in range(T):  # a trial at a time keeps arrays small
        draws = mean[t].reshape(S, 1, dims) + nodes @ root[t].swapaxes(-1, -2)  # (S, N, dims)
        delta = expit(draws[..., :K]) - expit(draws[..., K:]) if apart else draws
        found[t] = ((delta > margins).sum(axis=-1) >= least).mean(axis=-1)
    return found


@lru_cache(maxsize=8)
def _normal(number: int, dims: int) -> Array:
    """Return standard normal nodes, always the same."""
    sobol = qmc.Sobol(dims, seed=20_26)
    return ndtri(sobol.random_base2(int(np.ceil(np.log2(number)))))


def _factor(spread: Array) -> Array:
    """Return a root of each covariance, which may be singular."""
    sizes, turn = np.linalg.eigh(spread)
    return turn * np.sqrt(np.maximum(sizes, 0.0))[..., None, :]


def _root(variance: Array) -> Array:
    """Return the SD; a tiny one where there is none."""
    return np.sqrt(np.maximum(variance, 1e-300))


def differences(share: Array, phi: Array, covariance: Array) -> tuple[Array, Array, Array, Array]:
    """Return mean, SD and the bounds of the 95 % equal-tailed interval of δ, shape (T, K) each.

    Parameters
    ----------
    share, phi, covariance
        As in `probabilities`.
    """
    Q = phi.shape[-1]
    bits = patterns.bits(Q.bit_length() - 1).astype(float)  # (Q, K)
    delta = (phi[..., 1, :] - phi[..., 0, :]) @ bits  # (T, S, K)
    change = (
        covariance[..., Q:, Q:]
        + covariance[..., :Q, :Q]
        - covariance[..., :Q, Q:]
        - covariance[..., Q:, :Q]
    )
    variance = np.einsum("qk,tsqr,rk->tsk", bits, change, bits, optimize=True)
    mean = (share[..., None] * delta).sum(axis=1)
    around = variance + (delta - mean[:, None]) ** 2
    sd = _root((share[..., None] * around).sum(axis=1))
    return (
        mean,
        sd,
        *(_quantile(q, share, delta, _root(variance), mean, sd) for q in (0.025, 0.975)),
    )


def _quantile(q: float, share: Array, center: Array, sd: Array, mean: Array, wide: Array) -> Array:
    """Return a quantile of each mixture of normal distributions, shape (T, K)."""
    if share.shape[1] == 1:
        return mean + ndtri(q) * wide
    low, high = mean - 12 * wide, mean + 12 * wide
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = (share[..., None] * ndtr((middle[:, None] - center) / sd)).sum(axis=1)
        low, high = np.where(below < q, middle, low), np.where(below < q, high, middle)
    return (low + high) / 2


def deciding(rule: Rule, probability: Array) -> Array:
    """Return the one probability that is compared with the cut-off.

    Parameters
    ----------
    rule : Rule
        For given outcomes.
    probability : ndarray, shape (..., C)
        Of each outcome, or of one event.

    Returns
    -------
    ndarray, shape (...)
        The m-th largest, where at least m outcomes must be claimed.
    """
    C = probability.shape[-1]
    if C == 1:
        return probability[..., 0]
    at_least = C - rule.criterion.shares(rule.m, C) + 1
    return np.sort(probability, axis=-1)[..., C - at_least]
