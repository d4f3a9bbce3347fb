r"""How clusters differ: logit-normal clusters with given success rates, correlations and ICCs.

In a group, subject i of cluster j with covariates x has pattern q with probability

.. math:: p_q \propto \exp\Bigl(a_q(x_i) + \sum_k b_{qk} u_{jk}\Bigr), \quad u_j \sim N(0, RR'),

with b the bits of the patterns. The intercepts a and the root R are found such that, averaged over
clusters and covariates, φ is the given one, and that so are the ICCs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmco_pymc import patterns
from bmco_pymc.averaging.quadrature import normal_nodes
from bmco_pymc.population.equations import Problem
from bmco_pymc.population.mixture import LogitNormal, Mixture, node_numbers, tensor

type Array = NDArray[np.float64]

MOST_OUTCOMES = 5  # the nodes of an integral over as many effects of a cluster: seconds
SHORTEST = 0.03  # step from no differences to those asked for
TENSOR = 3  # dimensions up to which `iccs` takes a tensor of nodes


def solve(
    phi: Array, mixture: Mixture, covariance: Array | None, start: LogitNormal | None = None
) -> LogitNormal | None:
    r"""Find the clusters of a group.

    Parameters
    ----------
    phi : ndarray, shape (m, Q)
        What the averages of `Mixture.given` are to be.
    mixture : Mixture
        Covariates.
    covariance : ndarray, shape (K, K), or None
        :math:`\mathrm{Cov}_j(\theta_j)`, the success rates of clusters being averaged over
        covariates; None or zero without clusters.
    start : LogitNormal, optional
        Where to start from.

    Returns
    -------
    LogitNormal, or None
        None if there is none.

    Notes
    -----
    Levenberg-Marquardt with exact derivatives, over the intercepts and the entries of R; the
    integral over u is a tensor Gauss-Hermite rule, whose error is about
    :math:`e^{-2\pi\sqrt{n}/s}` with n nodes along a direction in which log odds have the spread s.

    Examples
    --------
    >>> phi = patterns.phi_from_theta_rho([0.4, 0.4], 0.3)
    >>> asked = 0.24 * np.array([[0.05, 0.02], [0.02, 0.05]])
    >>> found = solve(phi[None], Mixture.none(4), asked)
    >>> found.logits.round(3).tolist(), (found.root @ found.root.T).round(3).tolist()
    ([[-0.658, -0.984, -0.984, 0.0]], [[0.234, -0.043], [-0.043, 0.234]])
    """
    problem = Problem.of(phi, mixture, covariance)
    found = problem.answer(problem.guess() if start is None else problem.packed(start))
    if found is not None or covariance is None or start is not None:
        return found
    # From smaller differences between clusters to those asked for.
    done, step = 0.0, 0.25
    while done < 1 and step > SHORTEST:
        share = min(done + step, 1.0)
        nearer = replace(problem, covariance=share * covariance)
        guess = nearer.guess() if found is None else nearer.packed(found)
        answer = nearer.answer(guess)
        if answer is None:
            step /= 2
        else:
            found, done = answer, share
    return found if done == 1 else None


def iccs(logits: ArrayLike, covariance_of_logits: ArrayLike) -> tuple[Array, Array, Array]:
    r"""Return what normal effects of clusters on the logits mean for success rates.

    Parameters
    ----------
    logits : array_like, shape (L,)
        Log odds of each pattern but the last against the last, where a cluster's effects are 0.
    covariance_of_logits : array_like, shape (L, L)
        Covariance of the effects between clusters.

    Returns
    -------
    theta : ndarray, shape (K,)
        Averaged over clusters.
    icc : ndarray, shape (K,)
        :math:`\mathrm{Var}_j(\theta_{jk}) / \theta_k (1 - \theta_k)`, the correlation of two
        subjects of a cluster in outcome k (Eldridge, Ukoumunne & Carlin 2009,
        https://doi.org/10.1111/j.1751-5823.2009.00092.x).
    icc_between : ndarray, shape (K (K - 1) / 2,)
        The correlation of one's outcome k with the other's outcome l, in the order of
        `bmco_pymc.patterns.pairs`.

    Examples
    --------
    >>> theta, icc, between = iccs(np.zeros(3), 0.1 * np.eye(3))
    >>> theta.round(3).tolist(), icc.round(4).tolist(), between.round(4).tolist()
    ([0.503, 0.503], [0.0184, 0.0184], [-0.0061])
    """
    logit = np.append(np.asarray(logits, dtype=float), 0.0)  # (Q,)
    values, vectors = np.linalg.eigh(np.asarray(covariance_of_logits, dtype=float))
    kept = values > max(values.max(), 0.0) * 1e-12
    root = np.vstack([vectors[:, kept] * np.sqrt(values[kept]), np.zeros(kept.sum())])  # (Q, d)
    if kept.sum() <= TENSOR:
        nodes, weight = tensor(node_numbers(root))
    else:
        nodes = normal_nodes(int(kept.sum()), 2**15).T
        weight = np.full(len(nodes), 1 / len(nodes))
    eta = logit + nodes @ root.T  # (N, Q)
    odds = np.exp(eta - eta.max(axis=1, keepdims=True))
    theta = patterns.theta_from_phi(odds / odds.sum(axis=1, keepdims=True))  # (N, K)
    return in_words_of_iccs(theta, weight)


def in_words_of_iccs(theta: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Return mean, ICC of each outcome and of each pair from success rates of clusters.

    Parameters
    ----------
    theta : ndarray, shape (N, K)
        Of each cluster.
    weight : ndarray, shape (N,)
        They sum to 1.

    Examples
    --------
    >>> rates, half = np.array([[0.4, 0.5], [0.6, 0.5]]), np.array([0.5, 0.5])
    >>> [part.round(3).tolist() for part in in_words_of_iccs(rates, half)]
    [[0.5, 0.5], [0.04, 0.0], [0.0]]
    """
    mean = weight @ theta
    centred = theta - mean
    covariance = centred.T @ (weight[:, None] * centred)  # (K, K)
    sd = np.sqrt(mean * (1 - mean))
    correlation = covariance / np.outer(sd, sd)
    pairs = patterns.pairs(len(mean))
    return mean, np.diag(correlation).copy(), np.array([correlation[pair] for pair in pairs])
