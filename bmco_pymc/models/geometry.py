"""A basis for the sampler in which the coefficients are nearly independent with unit scale.

Coefficients c (M x L: terms by logits, fixed and random means together) have the prior N(m, V) for
each logit. For whatever scale and location of the covariates, write

    c = m + A (v / s) E',        v_ik ~ N(0, s_ik^2),

where A A' = V diagonalises the information of the design, E diagonalises the information of the
patterns, and s_ik^2 = 1 + lambda_i mu_k adds what the data know to what the prior knows; E E' = I,
or T T' where the prior is one of contrasts T of the patterns. The prior of c is exactly the user's,
and the posterior of v is nearly standard normal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Basis:
    """The sampling basis of the coefficients.

    Attributes
    ----------
    mean : ndarray, shape (M,)
        Prior mean m of the coefficients, the same for each logit.
    terms : ndarray, shape (M, M)
        A, a square root of the prior covariance.
    logits : ndarray, shape (L, L)
        E, orthogonal, or T times such a matrix.
    scale : ndarray, shape (M, L)
        s, about the inverse of the posterior standard deviations relative to the prior's.
    design : ndarray, shape (n, M)
        [X Z] A, the design of the cells in this basis.
    offset : ndarray, shape (n,)
        [X Z] m.
    mixing : ndarray, shape (L M, M L), optional
        Takes the place of v / s and E where all coefficients have one basis, see
        `bmco_pymc.models.whitening`: coefficients, logit by logit, are ``mixing @ v``.
    """

    mean: Array
    terms: Array
    logits: Array
    scale: Array
    design: Array
    offset: Array
    mixing: Array | None = None


def make_basis(
    design: Array,
    counts: Array,
    mean: Array,
    covariance: Array,
    contrasts: Array,
) -> Basis:
    """Return the basis of the coefficients.

    Parameters
    ----------
    design : ndarray, shape (n, M)
        [X Z] of the cells.
    counts : ndarray, shape (n, Q)
        Their pattern counts.
    mean, covariance : ndarray, shapes (M,) and (M, M)
        Prior of the coefficients of each contrast of the patterns.
    contrasts : ndarray, shape (L, L)
        T, which turns contrasts into logits, see `bmco_pymc.priors.contrasts`.
    """
    root = np.linalg.cholesky(covariance)
    total = counts.sum(axis=1)
    # the singular values, not the eigenvalues of the square: covariates far from zero keep digits
    singular, directions = principal(np.sqrt(total)[:, None] * (design @ root))
    terms = root @ directions
    # a direction has no sign of its own: the outcomes give it one, so that a seed's draws do not
    # depend on the units of the covariates
    toward = (design @ terms).T @ (counts @ np.arange(counts.shape[1]))
    terms = terms * np.where(toward < 0, -1.0, 1.0)
    share = (counts.sum(axis=0) + 0.5)[:-1]
    share = share / (total.sum() + 0.5 * counts.shape[1])
    patterns = np.diag(share) - np.outer(share, share)
    spread, logits = np.linalg.eigh(contrasts.T @ patterns @ contrasts)
    return Basis(
        mean=mean,
        terms=terms,
        logits=contrasts @ logits,
        scale=np.hypot(1.0, singular[:, None] * np.sqrt(spread)),
        design=design @ terms,
        offset=design @ mean,
    )


def principal(rows: Array) -> tuple[Array, Array]:
    """Return the singular values (M,) of (n, M) rows, largest first, and directions (M, M).

    Of fewer rows than columns, the last values are zero.
    """
    M = rows.shape[1]
    triangle = np.zeros((M, M))
    reduced = np.linalg.qr(rows, mode="r")  # n may be large: no (n, n) matrix
    triangle[: len(reduced)] = reduced
    _, sizes, right = np.linalg.svd(triangle)
    return sizes, right.T


def pooled_fit(basis: Basis, counts: Array, tolerance: float = 1e-6) -> Array:
    """Return the linear predictors (n, L) at the posterior mode of a model without clusters.

    Newton's method on the coefficients in the basis, where the prior is N(0, 1) for each; a step is
    halved until the log-posterior rises, so the start does not matter.
    """
    M, L = basis.design.shape[1], counts.shape[1] - 1
    total = counts.sum(axis=1)
    x = np.zeros((M, L))

    def posterior(x: Array) -> tuple[float, Array, Array]:
        eta = basis.offset[:, None] + basis.design @ x  # (n, M) @ (M, L) -> (n, L)
        top = np.maximum(eta.max(axis=1), 0)
        weight = np.exp(eta - top[:, None])
        norm = np.exp(-top) + weight.sum(axis=1)
        value = (counts[:, :-1] * eta).sum() - total @ (top + np.log(norm))
        return float(value - (x**2).sum() / 2), eta, weight / norm[:, None]

    value, eta, phi = posterior(x)
    for _ in range(100):
        gradient = basis.design.T @ (counts[:, :-1] - total[:, None] * phi) - x  # (M, L)
        hessian = np.eye(M * L)
        for q in range(L):
            for r in range(q, L):
                w = total * phi[:, q] * ((q == r) - phi[:, r])
                block = (basis.design * w[:, None]).T @ basis.design
                hessian[q * M : (q + 1) * M, r * M : (r + 1) * M] += block
                if r != q:
                    hessian[r * M : (r + 1) * M, q * M : (q + 1) * M] += block
        step = np.linalg.solve(hessian, gradient.T.ravel()).reshape(L, M).T
        gain = float((gradient * step).sum())
        if gain < tolerance:
            break
        size = 1.0
        while size > 1e-6:
            new = posterior(x + size * step)
            if new[0] > value:
                break
            size /= 2
        else:
            break
        x = x + size * step
        value, eta, phi = new
    return eta


@dataclass(frozen=True, eq=False)
class Expansion:
    """The cells' log-likelihood to the second order around a pooled fit.

    Attributes
    ----------
    phi : ndarray, shape (n, L)
        Fitted probabilities; the information on the linear predictor is that of a multinomial.
    total : ndarray, shape (n,)
        Subjects in each cell.
    score : ndarray, shape (n, L)
        The derivative by the linear predictor where the coefficients are at their prior mean: of
        the expansion with a block for all logits, or of one with a block for each.
    """

    phi: Array
    total: Array
    score: Array


def expand(basis: Basis, counts: Array, joint: bool) -> Expansion:
    """Expand the log-likelihood around the pooled fit; arguments as for `cluster_information`."""
    total = counts.sum(axis=1)
    eta = pooled_fit(basis, counts)
    weight = np.exp(eta - np.maximum(eta.max(axis=1), 0)[:, None])
    phi = weight / (np.exp(-np.maximum(eta.max(axis=1), 0)) + weight.sum(axis=1))[:, None]
    working = eta - basis.offset[:, None]  # (n, L)
    residual = counts[:, :-1] - total[:, None] * phi
    if joint:
        curvature = (working - (phi * working).sum(axis=1, keepdims=True)) * phi
    else:
        curvature = phi * (1 - phi) * working
    return Expansion(phi, total, total[:, None] * curvature + residual)


@dataclass(frozen=True, eq=False)
class ClusterInformation:
    """What each cluster's data say of its deviations: a quadratic log-likelihood.

    Attributes
    ----------
    info : ndarray, shape (B, d, d, J)
        Information on the deviations.
    lin : ndarray, shape (B, m, d, J)
        How the score at zero deviation falls with the coefficients in the sampling basis.
    off : ndarray, shape (B, d, J)
        That score when the coefficients are at their prior mean.
    """

    info: Array
    lin: Array
    off: Array


def cluster_information(
    basis: Basis,
    design_random: Array,
    cluster: NDArray[np.intp],
    expansion: Expansion,
    contrasts: Array | None,
) -> ClusterInformation:
    """Add up what the cells of each cluster say.

    Parameters
    ----------
    basis : Basis
        Of the coefficients.
    design_random : ndarray, shape (n, p)
        Z in the basis of the deviations.
    cluster : ndarray, shape (n,)
        Cluster of each cell.
    expansion : Expansion
        Of the log-likelihood of the cells.
    contrasts : ndarray, shape (L, L), or None
        With them, one block holds the deviations of all contrasts (d = L p, contrast the slower
        index), and the logits are ``contrasts`` times them. Without, there is a block for each
        logit (d = p), which leaves the information between logits out.
    """
    phi, total = expansion.phi, expansion.total
    M, p = basis.design.shape[1], design_random.shape[1]
    L = phi.shape[1]
    J = int(cluster.max()) + 1
    joint = contrasts is not None

    def by_cluster(values: Array) -> Array:
        out = np.zeros((J, *values.shape[1:]))
        np.add.at(out, cluster, values)
        return out

    def moments(w: Array) -> tuple[Array, Array]:
        zz = by_cluster(np.einsum("n,nk,nl->nkl", w, design_random, design_random))
        zx = by_cluster(np.einsum("n,nk,nm->nmk", w, design_random, basis.design))
        return zz, zx

    info: Array = np.zeros((J, L, p, L, p))
    lin: Array = np.zeros((J, L, M, L, p))
    for q in range(L):
        for r in range(L) if joint else [q]:
            w = total * phi[:, q] * ((q == r) - phi[:, r])
            info[:, q, :, r], lin[:, r, :, q] = moments(w)
    off = by_cluster(np.einsum("nk,nq->nqk", design_random, expansion.score))  # (J, L, p)
    if contrasts is not None:
        d, turn = L * p, np.kron(contrasts, np.eye(p))
        info = turn.T @ info.reshape(J, 1, d, d) @ turn
        lin = lin.reshape(J, 1, L * M, d) @ turn
        off = off.reshape(J, 1, d) @ turn
    else:
        logit = np.arange(L)
        info = np.moveaxis(info[:, logit, :, logit], 0, 1)
        lin = np.moveaxis(lin[:, logit, :, logit], 0, 1)
    return ClusterInformation(
        *(np.ascontiguousarray(np.moveaxis(array, 0, -1)) for array in (info, lin, off))
    )
