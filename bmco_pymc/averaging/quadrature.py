"""Nodes and weights for the two integrals of marginalisation: a covariate, and new clusters.

A covariate x ~ Normal, truncated, gets a composite Gauss-Legendre rule whose panels follow the
steepest logit; a new cluster's deviation u ~ N(0, I) in L = Q - 1 dimensions gets a Sobol sequence.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

ORDER = 20  # Gauss-Legendre nodes per panel
PANEL = 9.0  # width of a panel times steepness
NEGLIGIBLE = 25.0  # what is below exp(-25) = 1e-11 of the integrand's peak is left out
FARTHEST_PEAK = 10.0  # in SDs; a peak beyond it belongs to a probability below exp(-50)

# log2 of the number of Sobol nodes, by number of logits (up to) and by the largest variance of a
# logit between clusters (up to): differences of success probabilities then err by less than 5e-4
# on the hardest cases tried, 7e-4 from 31 logits on.
VARIANCES = (1.0, 5.0, 30.0)
LOG2_NODES = {
    1: (12, 12, 12, 12),
    3: (11, 13, 14, 15),
    15: (12, 14, 16, 18),
    63: (13, 16, 17, 18),
}


def steepness(slopes: ArrayLike) -> float:
    """Return how fast pattern probabilities can change with a covariate.

    The log odds of two patterns q and r change at the rate ``slope_q - slope_r``, where the
    reference pattern has slope 0.

    Parameters
    ----------
    slopes : array_like, shape (..., L)
        Derivatives of the L logits with respect to the covariate, per SD of the covariate, for
        any number of draws, groups, clusters and covariate values.

    Returns
    -------
    float
        The largest difference between the slopes of two patterns, the reference included.

    Examples
    --------
    >>> steepness([[0.5, 1.5, 1.0], [-1.0, 0.0, 2.0]])
    3.0
    """
    slopes = np.asarray(slopes, dtype=float)  # (..., L)
    if slopes.size == 0:
        return 0.0
    highest, lowest = slopes.max(axis=-1).clip(min=0), slopes.min(axis=-1).clip(max=0)
    return float((highest - lowest).max())


def truncated_normal(
    low: float = -math.inf, high: float = math.inf, steepness: float = 10.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return a rule for expectations under a standard normal truncated to [low, high].

    .. math:: E[f(t) \mid low \le t \le high] \approx \sum_i w_i f(t_i)

    for functions f such as pattern probabilities, whose log odds change by at most ``steepness``
    per SD. The relative error is below 1e-8 up to a steepness of 10, also where the expectation
    is tiny because f is largest in a tail: the integrand then peaks at up to ``steepness`` SDs
    from the mean, and the nodes reach beyond that. Likewise for a range far in a tail, where the
    density is taken relative to its largest value in the range. Steeper functions get narrower
    panels, so only tiny expectations lose accuracy.

    Parameters
    ----------
    low, high : float, optional
        The range in SDs from the mean, ``low < high``; either may be infinite.
    steepness : float, optional
        See `steepness`.

    Returns
    -------
    nodes : ndarray, shape (n,)
        In increasing order, in SDs from the mean.
    weights : ndarray, shape (n,)
        Not negative; they sum to 1.

    Notes
    -----
    The rule is composite Gauss-Legendre. With m nodes on a panel of width h, its error falls like
    ``r ** (-2 * m)``, where r is the sum of the half-axes, over h/2, of the largest ellipse with
    its foci at the panel's ends inside which the integrand has no pole [1]_. Pattern probabilities
    have none within pi / steepness of the real axis, so m = 20 and h = 9 / steepness give
    r = 1.92, thus 4e-12.

    References
    ----------
    .. [1] Trefethen (2008), https://doi.org/10.1137/060659831

    Examples
    --------
    >>> t, weight = truncated_normal(0, math.inf, steepness=1.0)  # E|t| = sqrt(2 / pi)
    >>> len(t), round(float(weight @ t), 10)
    (20, 0.7978845608)
    """
    tilt = min(steepness, FARTHEST_PEAK)
    nearest = min(max(0.0, low), high)  # to the mean: where the density peaks
    start, stop = -_reach(-high, -low, tilt), _reach(low, high, tilt)
    # Far in a tail, the density alone falls steeply across a panel.
    steepest = max(steepness, 1.0, (abs(nearest) + tilt) * PANEL / 24)
    panels = max(math.ceil((stop - start) * steepest / PANEL), 1)
    edges = np.linspace(start, stop, panels + 1)
    unit_nodes, unit_weights = np.polynomial.legendre.leggauss(ORDER)  # on [-1, 1]
    half = np.diff(edges)[:, None] / 2  # (panels, 1)
    nodes = (edges[:-1, None] + half * (1 + unit_nodes)).ravel()  # (panels, m) -> (n,)
    density = np.exp(-(nodes - nearest) * (nodes + nearest) / 2)  # 1 at its peak, whatever the tail
    weights = (half * unit_weights).ravel() * density
    return nodes, weights / weights.sum()


def _reach(low: float, high: float, tilt: float) -> float:
    """Return the largest t that matters in [low, high] to the density times exp(tilt * t)."""
    peak = max(tilt, low)
    if peak >= high:
        return high
    # The t where (t - tilt)^2 - (peak - tilt)^2 = 2 * NEGLIGIBLE, free of cancellation.
    gap = peak - tilt
    return min(high, peak + 2 * NEGLIGIBLE / (gap + math.sqrt(gap**2 + 2 * NEGLIGIBLE)))


def node_count(n_logits: int, variance: float) -> int:
    """Return how many nodes the integral over new clusters needs.

    Parameters
    ----------
    n_logits : int
        Number of logits L, the dimension of the integral.
    variance : float
        The largest variance between clusters of any logit, over all points and draws.

    Returns
    -------
    int
        A power of 2.

    Examples
    --------
    >>> node_count(3, 0.4), node_count(3, 12.0)
    (2048, 16384)
    """
    size = next((size for size in LOG2_NODES if n_logits <= size), max(LOG2_NODES))
    return 2 ** LOG2_NODES[size][int(np.searchsorted(VARIANCES, variance))]


def largest_variance(
    Sigma: NDArray[np.float64], Z: NDArray[np.float64], weight: NDArray[np.float64]
) -> float:
    """Return the largest variance of a logit between clusters over draws, logits and points.

    Points with next to no weight, as at the far nodes of a normal distribution, do not count.

    Parameters
    ----------
    Sigma : ndarray, shape (S, L, p, p) or (S, L, p, L, p)
    Z : ndarray, shape (n, p)
    weight : ndarray, shape (n,)

    Returns
    -------
    float

    Examples
    --------
    >>> largest_variance(np.full((1, 3, 1, 1), 0.5), np.array([[1.0], [2.0]]), np.full(2, 0.5))
    2.0
    """
    within = Sigma if Sigma.ndim == 4 else np.einsum("slalb->slab", Sigma)  # (S, L, p, p)
    by_logit = within.reshape(-1, Z.shape[1] ** 2).T  # (p * p, S * L)
    z = np.unique(Z[weight > 1e-5 / len(Z)], axis=0)  # (D, p)
    products = (z[:, :, None] * z[:, None, :]).reshape(len(z), -1)  # (D, p * p)
    most = max(2**18 // by_logit.shape[1], 1)  # points at a time, for the memory
    parts = (products[start : start + most] @ by_logit for start in range(0, len(z), most))
    return max(float(part.max()) for part in parts)


@lru_cache(maxsize=2)  # up to 130 MB each
def normal_nodes(n_logits: int, n_nodes: int) -> NDArray[np.float64]:
    """Return equally weighted nodes for expectations under N(0, I).

    They are the same in every call. Each run of 2^k of them that starts at a multiple of 2^k
    covers the distribution evenly by itself, so that runs can be dealt out to the points of a
    population.

    Parameters
    ----------
    n_logits : int
        Number of logits L.
    n_nodes : int
        Number of nodes N, a power of 2.

    Returns
    -------
    ndarray, shape (L, N)
        Normal quantiles of a Sobol sequence, scrambled when L > 1; read-only.

    References
    ----------
    Owen (1997), https://doi.org/10.1214/aos/1031594731

    Examples
    --------
    >>> nodes = normal_nodes(3, 2048)
    >>> bool(np.abs(nodes.mean(axis=1)).max() < 1e-3), bool(abs(nodes.var() - 1) < 1e-2)
    (True, True)
    """
    from scipy.special import ndtri
    from scipy.stats import qmc

    log2_nodes = n_nodes.bit_length() - 1
    # In one dimension the plain sequence is the N midpoints, in an order; scrambling only jitters.
    sobol = qmc.Sobol(n_logits, scramble=n_logits > 1, bits=30, rng=np.random.default_rng(2718))
    uniform = sobol.random_base2(log2_nodes)  # (N, L), multiples of 2^-30 or, plain, of 1 / N
    half_step = 2.0**-31 if n_logits > 1 else 0.5 / n_nodes
    nodes = np.ascontiguousarray(ndtri(uniform + half_step).T)  # never 0 or 1
    nodes.flags.writeable = False  # it is cached, so shared between callers
    return nodes
