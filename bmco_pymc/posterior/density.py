"""The log density of the prior and the likelihood at posterior draws, in NumPy and SciPy.

Constants that are the same for every draw are left out where they have no short form: power-scaling
and importance weights do not need them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import logsumexp

from bmco_pymc import observed_patterns
from bmco_pymc.data.cells import Cells
from bmco_pymc.posterior.declaration import Declaration
from bmco_pymc.priors.components import log_density
from bmco_pymc.priors.contrasts import logits_of
from bmco_pymc.priors.priors import LKJ, Exponential, HalfNormal, HalfStudentT, InverseWishart

Array = NDArray[np.float64]


def log_prior(model: Declaration, draws: Mapping[str, Array]) -> dict[str, Array]:
    """Return the log prior density of each block of parameters at each draw.

    Parameters
    ----------
    model : Declaration
    draws : mapping of str to ndarray, shape (S, ...)
        Named and shaped as in ``model.parameters``.

    Returns
    -------
    dict of str to ndarray, shape (S,)
        By block: "phi" of BMVB; "beta", "gamma" (given beta, if they depend on each other) and
        "Sigma" of a regression. The clusters' coefficients given gamma and Sigma are part of the
        model, like the outcomes given the coefficients, and not of the prior. A density depends
        on the parametrisation: phi and the coefficients are themselves, an inverse-Wishart is a
        density of Sigma, an LKJ prior one of the SDs and the correlation matrix.
    """
    priors, terms = model.priors, model.terms
    if terms is None:
        groups = priors.phi.components("phi", model.study.patterns)
        each = [log_density(*part, draws["phi"][:, g]) for g, part in enumerate(groups)]
        return {"phi": each[0] + each[1]}
    T = logits_of(priors.contrasts, len(model.study.patterns))
    mean, covariance = priors.coefficients(terms.fixed, terms.random)
    P = len(terms.fixed)
    found = {}
    if P:
        found["beta"] = _normal(draws["beta"], mean[:P], covariance[:P, :P], T)
    if not terms.random:
        return found
    if P:
        both = np.concatenate([draws["beta"], draws["gamma"]], axis=1)
        found["gamma"] = _normal(both, mean, covariance, T) - found["beta"]
    else:
        found["gamma"] = _normal(draws["gamma"], mean, covariance, T)
    found["Sigma"] = _covariance(priors.Sigma, terms.random, draws["Sigma"], T)
    return found


def log_likelihood(model: Declaration, draws: Mapping[str, Array]) -> Array:
    """Return the log likelihood of the analysed sample at each draw, shape (S,).

    Of BGLMM it is that of the outcomes given the clusters' coefficients. The constant of the
    multinomial distribution, which is about the order of the subjects, is left out.
    """
    cells, terms = model.cells, model.terms
    if terms is None:
        log_phi = np.log(draws["phi"])
        return np.einsum("gq,sgq->s", cells.counts, log_phi) + _in_part(cells, log_phi)
    X, Z = terms.matrices(cells.frame, cells.arm)
    L = len(model.study.patterns) - 1
    S = len(next(iter(draws.values())))
    total = np.empty(S)
    step = max(2**22 // (len(cells) * (L + 1)), 1)  # draws at a time, for the memory
    for start in range(0, S, step):
        part = slice(start, start + step)
        n = len(range(*part.indices(S)))
        eta = X @ draws["beta"][part] if X.shape[1] else np.zeros((n, len(cells), L))
        if Z.shape[1]:
            own = draws["gamma_cluster"][part][:, cells.cluster]  # (s, n, p, L)
            eta = eta + np.einsum("np,snpl->snl", Z, own)
        full = np.concatenate([eta, np.zeros((n, len(cells), 1))], axis=2)
        norm = logsumexp(full, axis=2)
        total[part] = np.einsum("nl,snl->s", cells.counts[:, :-1], eta) - norm @ cells.weight
        total[part] += _in_part(cells, full)
    return total


def _in_part(cells: Cells, log_phi: Array) -> Array:
    """Return what the subjects observed in part add, of (S, n, Q) up to a norm: shape (S,)."""
    if cells.partial is None:
        return np.zeros(len(log_phi))
    of = cells.partial
    return observed_patterns.log_probability(log_phi[:, of.cell], of.code) @ of.count


def _normal(coefficients: Array, mean: Array, covariance: Array, T: Array) -> Array:
    """Return the log density of (S, M, L): covariance V between terms, T T' across logits."""
    M, L = len(mean), len(T)
    root = np.linalg.cholesky(covariance)
    white = np.linalg.solve(root, coefficients - mean[:, None]) @ np.linalg.inv(T).T
    constant = L * np.log(np.diag(root)).sum() + M * np.linalg.slogdet(T)[1]
    return -(white**2).sum(axis=(1, 2)) / 2 - constant - M * L * np.log(2 * np.pi) / 2


def _covariance(
    prior: InverseWishart | LKJ, terms: tuple[str, ...], Sigma: Array, T: Array
) -> Array:
    """Return the log prior density of Sigma, (S, L, p, p) or (S, L, p, L, p), up to a constant."""
    S, p = len(Sigma), len(terms)
    d = p if Sigma.ndim == 4 else len(T) * p
    blocks = Sigma.reshape(S, -1, d, d)
    if isinstance(prior, InverseWishart):
        nu, scale = prior.resolve("Sigma", terms)
        trace = np.einsum("ij,sbji->sb", scale, np.linalg.inv(blocks))
        return -((nu + p + 1) * np.linalg.slogdet(blocks)[1] + trace).sum(axis=1) / 2
    basis = np.kron(np.eye(d // p), prior.resolve("Sigma", terms))
    back = np.linalg.inv((np.kron(T, np.eye(p)) if prior.joint else np.eye(d)) @ basis)
    inner = back @ blocks @ back.T
    variance = np.einsum("sbii->sbi", inner)
    correlation = np.linalg.slogdet(inner)[1] - np.log(variance).sum(axis=2)  # log |R|
    return ((prior.eta - 1) * correlation).sum(axis=1) + _sd(prior.sd, np.sqrt(variance))


def _sd(prior: HalfNormal | Exponential | HalfStudentT, sd: Array) -> Array:
    """Return the log density of the standard deviations (S, B, d)."""
    match prior:
        case HalfNormal(sigma):
            each = stats.halfnorm.logpdf(sd, scale=sigma)
        case HalfStudentT(nu, sigma):
            each = np.log(2) + stats.t.logpdf(sd, nu, scale=sigma)
        case Exponential(scale):
            each = stats.expon.logpdf(sd, scale=scale)
    return np.asarray(each).sum(axis=(1, 2))
