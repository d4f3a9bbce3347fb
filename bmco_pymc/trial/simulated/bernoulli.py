"""Simulated trials analysed by BMVB: its posterior is known, whatever the data are like."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bmco_pymc import patterns
from bmco_pymc.decision.rule import Rule
from bmco_pymc.priors.components import Components, posterior_components
from bmco_pymc.trial.setting import Setting, ordered
from bmco_pymc.trial.superiority import one_superiority, superiority

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

DRAWS = 4000  # where a joint probability or a sum decides
OFTEN = 20  # trials of the same sizes, from which on a table of all counts is quicker


def probabilities(setting: Setting, counts: Counts, rngs: list[np.random.Generator]) -> Array:
    """Return the posterior probabilities that decide, shape (T, sides, C).

    Parameters
    ----------
    setting : Setting
        Rule and priors.
    counts : ndarray of int, shape (T, 2, Q)
        Of each pattern in each group of each trial.
    rngs : list of Generator
        One for each trial, where draws are needed.
    """
    rule = setting.rule
    by_outcome = setting.at_least is not None and not setting.mixed
    by_outcome &= rule.statistic == "marginal" or setting.n_outcomes == 1
    if by_outcome:
        return np.stack([_of_outcomes(setting, side, counts) for side in rule.sides], axis=1)
    found = []
    for one, rng in zip(counts, rngs, strict=True):
        delta, change = _draws(setting, one, rng)
        found.append(
            [_of_draws(rule, side, delta, change, setting.at_least) for side in rule.sides]
        )
    return np.array(found)


def _of_outcomes(setting: Setting, side: str, counts: Counts) -> Array:
    """Return the probability that each outcome is beyond its margin, shape (T, K)."""
    bits = patterns.bits(setting.n_outcomes)  # (Q, K)
    successes, sizes = counts @ bits, counts.sum(axis=2)  # (T, 2, K), (T, 2)
    high, low = ordered(side)
    found = np.empty((len(counts), setting.n_outcomes))
    alike, which, often = np.unique(sizes, axis=0, return_inverse=True, return_counts=True)
    for k in range(setting.n_outcomes):
        one = setting.of_outcome(k)
        prior = [tuple(one.priors[place][1][0].tolist()) for place in (high, low)]
        margin = setting.margins[k]
        for place, n in enumerate(alike):
            here = np.flatnonzero(which.ravel() == place)
            s, t = successes[here, high, k], successes[here, low, k]
            if often[place] >= OFTEN:
                table = _table(prior[0], int(n[high]), prior[1], int(n[low]), margin)
                found[here, k] = table[s, t]
                continue
            for trial, x, y in zip(here, s.tolist(), t.tolist(), strict=True):
                a = (prior[0][0] + x, prior[0][1] + int(n[high]) - x)
                c = (prior[1][0] + y, prior[1][1] + int(n[low]) - y)
                found[trial, k] = one_superiority(a, c, margin)
    return found


@lru_cache(maxsize=16)
def _table(
    high: tuple[float, float], n_high: int, low: tuple[float, float], n_low: int, margin: float
) -> Array:
    return superiority(high, n_high, low, n_low, margin)


def _draws(setting: Setting, counts: Counts, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return posterior draws of δ (S, K) and of the change of φ (S, Q) of a trial."""
    phi = []
    for prior, own in zip(setting.priors, counts, strict=True):
        weights, alphas = posterior_components(*prior, own)
        which = rng.choice(len(weights), DRAWS, p=weights)
        gamma = rng.standard_gamma(alphas[which])
        phi.append(gamma / gamma.sum(axis=1, keepdims=True))
    change = phi[1] - phi[0]
    return change @ patterns.bits(setting.n_outcomes), change


def _of_draws(
    rule: Rule, side: str, delta: Array, change: Array, at_least: int | None
) -> list[float]:
    """Return the probability that decides one side, or those of all outcomes."""
    sign = 1.0 if side == "right" else -1.0
    if at_least is None:
        return [float((sign * (change @ rule.scores()) > rule.bounds()[0]).mean())]
    above = sign * delta > np.array(rule.bounds())
    if rule.statistic == "joint":
        return [float((above.sum(axis=1) >= at_least).mean())]
    return above.mean(axis=0).tolist()


def differences(priors: tuple[Components, Components], counts: Counts) -> tuple[Array, ...]:
    """Return mean, SD and the bounds of the 95 % interval of δ, shape (T, K) each.

    Mean and SD are exact; the interval is that of the normal distribution with these.
    """
    K = counts.shape[-1].bit_length() - 1
    bits = patterns.bits(K).astype(float)
    mean, variance = np.zeros((2, len(counts), 2, K))
    for g, (weights, alphas) in enumerate(priors):
        share = np.ones((len(counts), 1))
        after = alphas + counts[:, g, None]  # (T, M, Q)
        if len(weights) > 1:
            own = [posterior_components(weights, alphas, one) for one in counts[:, g]]
            share, after = (np.stack(part) for part in zip(*own, strict=True))
        total = after.sum(axis=2, keepdims=True)
        theta = (after @ bits) / total  # (T, M, K)
        square = theta * (1 - theta) / (total + 1) + theta**2
        mean[:, g] = (share[..., None] * theta).sum(axis=1)
        variance[:, g] = (share[..., None] * square).sum(axis=1) - mean[:, g] ** 2
    delta, sd = mean[:, 1] - mean[:, 0], np.sqrt(variance.sum(axis=1))
    reach = ndtri(0.975) * sd
    return delta, sd, delta - reach, delta + reach
