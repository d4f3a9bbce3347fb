r"""The mixture of Beta distributions that is closest to a distribution of a probability.

Closest in :math:`\mathrm{KL}(p \| q)`, the mean of :math:`\log p/q` under what is approximated;
p is the mass of each interval of a grid of the logit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betainc, betaln, digamma, expit, log_expit, log_softmax, logsumexp

Array = NDArray[np.float64]

CLOSE, MOST = 1e-4, 8  # cumulative probabilities this close are enough; components at most
LESS = 1e-7  # by which another component must lower the divergence
START, STARTS = 0.1, (0.01, 0.03, 0.1, 0.3)  # weights that a component may come in with
ENDS = np.array([[100.0], [30.0], [40.0]])  # of log weights, logits of means, logs of a + b


def closest_betas(edges: Array, mass: Array) -> tuple[Array, Array, Array]:
    """Return weights and both shapes (M,) of a mixture of Betas, largest weight first.

    Components come in one at a time, each where it lowers the divergence most, until
    cumulative probabilities differ by less than ``CLOSE``, there are ``MOST`` components, or
    another one no longer lowers the divergence.

    Parameters
    ----------
    edges : ndarray, shape (N + 1,)
        Of the intervals of the logit.
    mass : ndarray, shape (N,)
        Their probabilities, which sum to one.

    Examples
    --------
    >>> from scipy.special import betainc
    >>> edges = np.linspace(-20, 12, 2001)
    >>> weights, a, b = closest_betas(edges, np.diff(betainc(2, 5, expit(edges))))
    >>> weights.round(3).tolist(), a.round(2).tolist(), b.round(2).tolist()
    ([1.0], [2.0], [5.0])
    """
    logit, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    theta = expit(logit)
    mean = mass @ theta
    size = mean * (1 - mean) / (mass @ (theta - mean) ** 2) - 1
    below = np.concatenate([[0.0], np.cumsum(mass)])
    means = logit[np.searchsorted(np.cumsum(mass), np.linspace(0.02, 0.98, 25))]
    sizes = np.log(size) + np.log(2) * np.linspace(-4, 6, 21)
    grid = np.meshgrid(means, sizes)
    candidates = np.stack([np.zeros(grid[0].size), *(axis.ravel() for axis in grid)])
    found = np.array([[0.0], [np.log(mean / (1 - mean))], [np.log(size)]])
    starts = [found]
    best = np.inf
    while True:
        new, loss = min((_fitted(start, logit, mass) for start in starts), key=lambda fit: fit[1])
        # inside an interval, a component would have density and no mass
        narrow = (1 / np.stack(_shapes(new))).sum(axis=0) < np.interp(new[1], logit, width) ** 2
        if not best - loss > LESS or narrow.any():
            break
        found, best = new, loss
        ours = betainc(*_shapes(found), expit(edges)[:, None]) @ np.exp(found[0])
        if np.abs(ours - below).max() < CLOSE or found.shape[1] == MOST:
            break
        starts = _with_another(found, logit, mass, candidates)
    weights = np.exp(found[0])
    order = np.argsort(-weights, kind="stable")
    order = order[weights[order] > 1e-9]
    a, b = _shapes(found[:, order])
    return weights[order] / weights[order].sum(), a, b


def _shapes(found: Array) -> tuple[Array, Array]:
    """Return a and b (M,) of rows: log weights, logits of the means, logs of a + b."""
    _, means, sizes = found
    return np.exp(sizes + log_expit(means)), np.exp(sizes + log_expit(-means))


def _log_parts(found: Array, logit: Array) -> Array:
    """Return the log densities (N, M) of the logit, each with its component's weight."""
    a, b = _shapes(found)
    parts = np.multiply.outer(log_expit(logit), a) + np.multiply.outer(log_expit(-logit), b)
    return log_softmax(found[0]) - betaln(a, b) + parts


def _fitted(start: Array, logit: Array, mass: Array) -> tuple[Array, float]:
    """Return the components (3, M) with the least -Σ mass log q, and that sum."""
    success, failure = log_expit(logit), log_expit(-logit)
    middle = mass @ logit
    scale = np.array([[1.0], [np.sqrt(mass @ (logit - middle) ** 2)], [1.0]])  # alike for all

    def loss(flat: Array) -> tuple[float, Array]:
        found = np.clip(flat.reshape(start.shape) * scale, -ENDS, ENDS)  # exp of more is no number
        a, b = _shapes(found)
        parts = _log_parts(found, logit)
        top = parts.max(axis=1, keepdims=True)
        parts = np.exp(parts - top)
        total = parts.sum(axis=1)
        share = mass @ (parts / total[:, None])  # (M,)
        one, other = ((mass * log / total) @ parts for log in (success, failure))
        both = digamma(a + b)
        of_a, of_b = one - share * (digamma(a) - both), other - share * (digamma(b) - both)
        slopes = np.stack(
            [
                share - np.exp(log_softmax(found[0])),
                a * b / (a + b) * (of_a - of_b),
                a * of_a + b * of_b,
            ]
        )
        return -float(mass @ (np.log(total) + top[:, 0])), -(slopes * scale).ravel()

    # a dense BFGS: for so few numbers it takes fewer steps, and starts no threads
    first = (start / scale).ravel()
    done = minimize(loss, first, jac=True, method="BFGS", options={"gtol": 1e-7, "maxiter": 1000})
    found = np.clip(done.x.reshape(start.shape) * scale, -ENDS, ENDS)
    return np.vstack([log_softmax(found[0]), found[1:]]), float(done.fun)


def _with_another(found: Array, logit: Array, mass: Array, candidates: Array) -> list[Array]:
    """Return the mixture with one of the candidates, by two ways to choose it, to start from.

    With a small weight, the one that lowers the divergence most steeply, which may be far out in a
    tail and not get far; with any weight, the one that lowers it most.
    """
    log_q = logsumexp(_log_parts(found, logit), axis=1, keepdims=True)
    ratio = _log_parts(candidates, logit) + np.log(candidates.shape[1]) - log_q  # without weights
    steepness = logsumexp(ratio, axis=0, b=mass[:, None])
    gains = [mass @ np.logaddexp(np.log1p(-share), np.log(share) + ratio) for share in STARTS]
    which, new = np.unravel_index(np.argmax(gains), np.shape(gains))
    starts = []
    for place, share in ((np.argmax(steepness), START), (new, STARTS[which])):
        both = np.hstack([found, candidates[:, [place]]])
        both[0] += np.log(np.r_[np.full(found.shape[1], 1 - share), share])
        starts.append(both)
    return starts
