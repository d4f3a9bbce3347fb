r"""Subjects observed in part, shared out among the patterns that agree with what was observed.

The shares are those of a saturated model of each group, by the EM algorithm (Dempster, Laird &
Rubin 1977, https://doi.org/10.1111/j.2517-6161.1977.tb01600.x),

.. math:: \phi_q \propto a_q + s_q + \sum_C m_C \frac{\phi_q [q \in C]}{\sum_{r \in C} \phi_r},

with s subjects of each pattern, m of whom C was observed, and a parameter a of a Dirichlet prior.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import observed_patterns
from bmco_pymc.data.cells import Cells

type Array = NDArray[np.float64]

TOLERANCE = 1e-12
MOST_STEPS = 100_000


def completed(cells: Cells) -> Array:
    """Return the counts of the cells with everybody shared out, shape (n, Q).

    It is exact where all outcomes of all subjects were observed. Where they were not, it is what
    a sampler starts from and a basis is made of, not data.
    """
    counts = cells.counts.astype(np.float64)
    if cells.partial is None:
        return counts
    of, Q = cells.partial, counts.shape[1]
    agree = observed_patterns.agreeing(cells.n_outcomes)[of.code].astype(np.float64)  # (e, Q)
    for arm in (0, 1):
        mine = cells.arm[of.cell] == arm
        total = counts[cells.arm == arm].sum(axis=0)
        phi = saturated(total, agree[mine], of.count[mine], np.full(Q, 1 / Q))
        np.add.at(counts, of.cell[mine], shared(phi, agree[mine], of.count[mine]))
    return counts


def shared(phi: Array, agree: Array, number: NDArray[np.int64]) -> Array:
    """Return the expected patterns of subjects observed in part, shape (e, Q)."""
    share = agree * phi
    return number[:, None] * share / share.sum(axis=1, keepdims=True)


def saturated(counts: Array, agree: Array, number: NDArray[np.int64], alpha: Array) -> Array:
    """Return the φ of one group that the algorithm ends at, shape (Q,).

    Parameters
    ----------
    counts : ndarray, shape (Q,)
        Subjects of each pattern.
    agree : ndarray of float, shape (e, Q)
        Which patterns each kind of subjects observed in part may have, 1 or 0.
    number : ndarray of int64, shape (e,)
        How many they are.
    alpha : ndarray, shape (Q,)
        The prior's a; zeros for maximum likelihood.

    Examples
    --------
    >>> agree = observed_patterns.agreeing(2)[[4]].astype(float)  # 1?
    >>> saturated(np.array([30.0, 10, 20, 20]), agree, np.array([40]), np.zeros(4)).round(3)
    array([0.5  , 0.167, 0.167, 0.167])
    """
    phi = counts + alpha + agree.T @ number / len(counts)
    phi = phi / phi.sum()
    for _ in range(MOST_STEPS):
        new = counts + alpha + shared(phi, agree, number).sum(axis=0)
        new = new / new.sum()
        if np.abs(new - phi).max() < TOLERANCE:
            return new
        phi = new
    return phi
