"""Pattern probabilities averaged over weighted points, for many draws.

Logits, then pattern probabilities, then their average over the population: in this order, so that
each draw gives a probability in the population. The draws are flattened to one axis of length S;
they are independent of each other, so blocks of them are worked through in a few threads, and
memory does not grow with S.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.averaging.blocks import BLOCK, in_blocks

type Floats = NDArray[np.float64]


def average_phi(
    beta: Floats,
    X: Floats,
    weight: Floats,
    *,
    gamma: Floats | None = None,
    Z: Floats | None = None,
    cluster: NDArray[np.intp] | None = None,
) -> Floats:
    r"""Return the pattern probabilities averaged over weighted points.

    .. math:: \bar\phi_q = \sum_i w_i \frac{e^{\eta_{iq}}}{1 + \sum_m e^{\eta_{im}}}, \quad
              \eta_{iq} = x_i'\beta_q + z_i'\gamma_{j(i)q}

    with the last pattern as the reference, :math:`\eta_{iQ} = 0`. Logits may be of any size.

    Parameters
    ----------
    beta : ndarray, shape (S, P, L)
        Fixed coefficients of each draw.
    X : ndarray, shape (n, P)
        Fixed design of the points.
    weight : ndarray, shape (n,)
        Weights of the points; they sum to 1.
    gamma : ndarray, shape (S, J, p, L), optional
        Coefficients of each cluster; with ``Z`` and ``cluster`` or not at all.
    Z : ndarray, shape (n, p), optional
        Random design of the points.
    cluster : ndarray of int, shape (n,), optional
        Cluster of each point, 0 to J - 1.

    Returns
    -------
    ndarray, shape (S, Q)

    References
    ----------
    Kavelaars, Mulder & Kaptein (2023), https://doi.org/10.1186/s12874-023-02034-z

    Examples
    --------
    >>> beta = np.log([[[3.0, 2.0, 2.0]]])  # one draw, one term, three logits
    >>> average_phi(beta, np.ones((1, 1)), np.ones(1))
    array([[0.375, 0.25 , 0.25 , 0.125]])
    """
    n_logits = beta.shape[-1]
    phi = np.zeros((len(beta), n_logits + 1))
    most = max(BLOCK // n_logits, 1)  # points at a time

    def add(draws: slice) -> None:
        by_logit = beta[draws].transpose(0, 2, 1)  # (s, L, P)
        for start in range(0, len(X), most):
            part = slice(start, start + most)
            eta = by_logit @ X[part].T  # (s, L, P) @ (P, n) -> (s, L, n)
            if gamma is not None and Z is not None and cluster is not None:
                by_cluster = np.ascontiguousarray(gamma[draws].transpose(2, 0, 3, 1))
                for z, coefficient in zip(Z[part].T, by_cluster, strict=True):  # (n,), (s, L, J)
                    eta += z * np.take(coefficient, cluster[part], axis=-1)
            _add_softmax(eta, weight[part], phi[draws])

    in_blocks(add, len(beta), min(len(X), most) * n_logits)
    return phi


def _add_softmax(eta: Floats, weight: Floats, phi: Floats) -> None:
    """Add the weighted probabilities of logits (s, L, n), which are overwritten, to phi (s, Q)."""
    largest = np.maximum(eta.max(axis=1), 0.0)  # (s, n)
    eta -= largest[:, None, :]
    odds = np.exp(eta, out=eta)  # relative to the likeliest pattern: at most 1
    reference = np.exp(-largest)  # (s, n)
    share = weight / (reference + odds.sum(axis=1))  # (s, n)
    phi[:, :-1] += np.matmul(odds, share[:, :, None])[:, :, 0]  # (s, L, n) @ (s, n, 1)
    phi[:, -1] += (reference * share).sum(axis=1)
