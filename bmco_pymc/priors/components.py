r"""Mixtures of Dirichlet distributions in numbers: posterior, draws and density.

The mixture is conjugate: with counts s, component i becomes
:math:`\mathrm{Dirichlet}(\alpha_i + s)`, and its weight is multiplied by what it expected of s,

.. math::

    w_i' \propto w_i \, \frac{B(\alpha_i + s)}{B(\alpha_i)}, \qquad
    B(\alpha) = \frac{\prod_q \Gamma(\alpha_q)}{\Gamma(\sum_q \alpha_q)},

so that a component which the data contradict loses its say (Schmidli et al. 2014,
10.1111/biom.12242).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, gammaln, logsumexp, softmax, xlogy

Array = NDArray[np.float64]

type Components = tuple[Array, Array]  # weights (M,), which sum to one, and alphas (M, Q)


def posterior_components(weights: ArrayLike, alphas: ArrayLike, counts: ArrayLike) -> Components:
    """Return the posterior of a mixture of Dirichlet priors given multinomial counts.

    Parameters
    ----------
    weights : array_like, shape (M,)
        Prior weights, which sum to one.
    alphas : array_like, shape (M, Q)
        Concentrations of the components.
    counts : array_like, shape (..., Q)
        Subjects with each pattern; leading dims are different data.

    Returns
    -------
    weights : ndarray, shape (..., M)
    alphas : ndarray, shape (..., M, Q)

    Examples
    --------
    >>> weights, alphas = posterior_components([0.8, 0.2], [[11, 32], [1, 1]], [[2, 4], [6, 0]])
    >>> weights.round(3).tolist()
    [[0.887, 0.113], [0.018, 0.982]]
    >>> alphas[0].tolist()
    [[13.0, 36.0], [3.0, 5.0]]
    """
    prior, seen = np.asarray(alphas, dtype=float), np.asarray(counts, dtype=float)[..., None, :]
    expected = _rising(prior, seen).sum(axis=-1) - _rising(prior.sum(axis=-1), seen.sum(axis=-1))
    return softmax(np.log(weights) + expected, axis=-1), prior + seen


def draw_phi(
    weights: Array, alphas: Array, size: int | tuple[int, ...], rng: np.random.Generator
) -> Array:
    """Return independent draws of φ, shape (*size, Q), from a mixture of Dirichlets.

    Parameters
    ----------
    weights, alphas : ndarray, shape (M,) and (M, Q)
    size : int or tuple of int
    rng : numpy.random.Generator
    """
    if len(weights) == 1:  # nothing is drawn to choose a component
        return rng.dirichlet(alphas[0], size)
    which = rng.choice(len(weights), size=size, p=weights)
    phi = np.empty((*which.shape, alphas.shape[1]))
    for place, alpha in enumerate(alphas):
        mine = which == place
        phi[mine] = rng.dirichlet(alpha, int(mine.sum()))
    return phi


def log_density(weights: Array, alphas: Array, phi: Array) -> Array:
    """Return the log density, shape (...), of a mixture of Dirichlets at φ (..., Q)."""
    constant = gammaln(alphas.sum(axis=1)) - gammaln(alphas).sum(axis=1)  # (M,)
    each = constant + xlogy(alphas - 1, phi[..., None, :]).sum(axis=-1)  # (..., M)
    return np.asarray(logsumexp(np.log(weights) + each, axis=-1))


def of_equal_length(parts: Sequence[Components]) -> tuple[Array, Array]:
    """Return mixtures in one array: weights (G, M) and alphas (G, M, Q) for the largest M.

    Where a mixture has fewer components, its last one is there in several equal parts, which
    changes nothing.

    Examples
    --------
    >>> one, two = (np.ones(1), np.ones((1, 2))), (np.array([0.8, 0.2]), np.ones((2, 2)))
    >>> of_equal_length([one, two])[0].tolist()
    [[0.5, 0.5], [0.8, 0.2]]
    """
    most = max(len(weights) for weights, _ in parts)
    rows = []
    for weights, alphas in parts:
        more = most - len(weights)
        last = np.full(more + 1, weights[-1] / (more + 1))
        place = np.minimum(np.arange(most), len(weights) - 1)
        rows.append((np.concatenate([weights[:-1], last]), alphas[place]))
    return np.stack([w for w, _ in rows]), np.stack([a for _, a in rows])


def _rising(a: Array, n: Array) -> Array:
    """Return log Γ(a + n) / Γ(a), without the loss of digits of a difference where a is large."""
    some = np.where(n > 0, n, 1.0)
    return np.where(n > 0, gammaln(some) - betaln(a, some), 0.0)
