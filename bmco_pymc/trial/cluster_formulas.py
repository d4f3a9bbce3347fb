"""What the usual formulas say of trials that randomise clusters: tests of cluster means.

Of J clusters of m subjects in each group, the difference of the means of outcome k is normal with
variance Σ_g v_gk (1 + (m − 1) icc_k) / (J m), and those of two outcomes have covariance
Σ_g (v_gk v_gl)^½ (ρ_kl + (m − 1) icc_kl) / (J m), icc_kl the correlation of outcome k of a subject
with outcome l of another one of the same cluster.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, roots_genlaguerre, stdtrit
from scipy.stats import nct

from bmco_pymc.trial.formulas import at_least

Array = NDArray[np.float64]

NODES = 60  # of the distribution of the pooled SD


def covariance(
    v: ArrayLike, rho: Array, icc: ArrayLike, between: Array, clusters: ArrayLike, size: float
) -> Array:
    """Return the covariance (K, K) of the differences of the cluster means.

    Parameters
    ----------
    v : array_like, shape (2, K)
        Variance of each outcome in a group: θ (1 − θ).
    rho, between : ndarray, shape (2, K, K)
        Correlations within subjects, and between two subjects of a cluster; diagonals are not used.
    icc : array_like, shape (2, K)
    clusters : array_like, shape (2,)
        Of each group.
    size : float
        Subjects of a cluster.
    """
    v, icc, J = (np.asarray(one, dtype=float) for one in (v, icc, clusters))
    K = v.shape[1]
    together = rho + (size - 1) * between  # (2, K, K)
    each = np.arange(K)
    together[:, each, each] = 1 + (size - 1) * icc
    root = np.sqrt(v)
    of_groups = root[:, :, None] * root[:, None] * together / (J * size)[:, None, None]
    return of_groups.sum(axis=0)


def power(delta: ArrayLike, spread: Array, level: float, m: int, df: float = math.inf) -> float:
    r"""Return the power of a rule that needs at least m claims by one-sided tests.

    Parameters
    ----------
    delta : array_like, shape (K,)
        Differences beyond their margins.
    spread : ndarray, shape (K, K)
        See `covariance`.
    level : float
        Of each test.
    m : int
    df : float
        Degrees of freedom of the t tests: 2J − 4 for two outcomes with J clusters in each group
        (Li, Turner & Preisser 2018; Yang, Moerbeek, Taljaard & Li 2023,
        https://doi.org/10.1111/biom.13692), 2J − 2 for cluster means; infinite for z tests. All
        tests share one :math:`\chi^2` variable, over which the normal probability is averaged.
    """
    sd = np.sqrt(np.diag(spread))
    z, r = np.asarray(delta) / sd, spread / np.outer(sd, sd)
    if math.isinf(df):
        return at_least(z + ndtri(level), r, m)
    nodes, weights = roots_genlaguerre(NODES, df / 2 - 1)
    w = np.sqrt(2 * nodes / df)
    share = weights / weights.sum()
    critical = stdtrit(df, 1 - level)
    kept = share > 1e-12
    return float(
        sum(p * at_least(z - critical * x, r, m) for p, x in zip(share[kept], w[kept], strict=True))
    )


def power_of_one(
    theta: ArrayLike, icc: float, clusters: float, size: float, level: float, cv: float = 0.0
) -> float:
    """Return the power of a two-sided test of one outcome, with J clusters in each group.

    The design effect 1 + ((1 + cv²) m − 1) icc has the variation of cluster sizes in it (Donner &
    Klar 2000; Eldridge, Ashby & Kerry 2006, https://doi.org/10.1093/ije/dyl129), and the t test has
    2 (J − 1) degrees of freedom.

    Examples
    --------
    >>> round(power_of_one([0.4, 0.6], icc=0.05, clusters=10, size=20, level=0.05), 4)
    0.7895
    """
    p = np.asarray(theta, dtype=float)
    effect = 1 + ((1 + cv**2) * size - 1) * icc
    variance = (p * (1 - p)).sum() * effect / (clusters * size)
    df, shift = 2 * (clusters - 1), abs(p[1] - p[0]) / math.sqrt(variance)
    critical = stdtrit(df, 1 - level / 2)
    return float(nct.sf(critical, df, shift) + nct.cdf(-critical, df, shift))
