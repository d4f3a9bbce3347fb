"""Exact draws from the prior of every analysis, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.arguments import EFFECT, check_names
from bmco_pymc.diagnostics.verdict import diagnose
from bmco_pymc.effects.effect import Effect, make_effect
from bmco_pymc.fit import Fit
from bmco_pymc.models.settings import Settings, of_one_draw
from bmco_pymc.population.estimand import Estimand
from bmco_pymc.population.values import Population
from bmco_pymc.posterior.declaration import Declaration
from bmco_pymc.posterior.tree import label
from bmco_pymc.priors.components import draw_phi
from bmco_pymc.priors.contrasts import logits_of
from bmco_pymc.priors.priors import LKJ, Exponential, HalfNormal, HalfStudentT, InverseWishart

Array = NDArray[np.float64]


def draw_prior(model: Declaration, draws: int, rng: np.random.Generator) -> dict[str, Array]:
    """Return independent draws of the model's parameters from their prior.

    Parameters
    ----------
    model : Declaration
        Its data give the sizes only.
    draws : int
        Number of draws S.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to ndarray, shape (S, ...)
        Named and shaped as in ``model.parameters``.
    """
    priors, terms = model.priors, model.terms
    if terms is None:
        groups = priors.phi.components("phi", model.study.patterns)
        return {"phi": np.stack([draw_phi(*part, draws, rng) for part in groups], axis=1)}
    T = logits_of(priors.contrasts, len(model.study.patterns))
    mean, covariance = priors.coefficients(terms.fixed, terms.random)
    L, P, p = len(T), len(terms.fixed), len(terms.random)
    standard = rng.standard_normal((draws, len(mean), L))
    # (M, M) @ (S, M, L) @ (L, L)
    both = mean[:, None] + np.linalg.cholesky(covariance) @ standard @ T.T
    found = {"beta": both[:, :P]} if P else {}
    if not p:
        return found
    gamma = both[:, P:]
    root = draw_root(priors.Sigma, terms.random, L, draws, rng)  # (S, B, d, d)
    if root.shape[1] == 1 and isinstance(priors.Sigma, LKJ) and priors.Sigma.joint:
        root = np.kron(T, np.eye(p)) @ root
    J = len(model.cells.cluster_labels)
    blocks, d = root.shape[1], root.shape[2]
    zeta = rng.standard_normal((draws, J, blocks, d, 1))
    around = (root[:, None] @ zeta).reshape(draws, J, L, p)
    Sigma = root @ root.mT
    joint = (draws, L, p, L, p) if d == L * p and "logit_bis" in model.parameters["Sigma"] else None
    return {
        **found,
        "gamma": gamma,
        "gamma_cluster": gamma[:, None] + around.mT,
        "Sigma": Sigma.reshape(joint or (draws, L, p, p)),
    }


def draw_root(
    prior: InverseWishart | LKJ, terms: tuple[str, ...], L: int, draws: int,
    rng: np.random.Generator,
) -> Array:  # fmt: skip
    """Return roots R, shape (S, blocks, d, d), of the covariance R R' between clusters.

    A block for each logit with d = p, or one for all with d = L p; see `InverseWishart` and `LKJ`.
    """
    p = len(terms)
    if isinstance(prior, InverseWishart):
        nu, scale = prior.resolve("Sigma", terms)
        A = bartlett(nu, p, (draws, L), rng)
        # Sigma = C (A A')^-1 C' for the scale C C'
        return np.linalg.cholesky(scale) @ np.linalg.inv(A).mT
    blocks, d = (1, L * p) if prior.joint else (L, p)
    factor = lkj_factor(prior.eta, d, (draws, blocks), rng)
    sd = _sds(prior.sd, (draws, blocks, d), rng)
    basis = prior.resolve("Sigma", terms)
    return np.kron(np.eye(d // p), basis) @ (sd[..., None] * factor)


def bartlett(nu: float, p: int, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return lower triangular A with A A' ~ Wishart(nu, I); nu is any real number above p - 1.

    Squared diagonal entries are chi-square with nu, nu - 1, ... degrees of freedom, the others
    standard normal (Bartlett 1933, 10.1017/S0370164600015145).
    """
    A = np.tril(rng.standard_normal((*shape, p, p)), -1)
    place = np.arange(p)
    A[..., place, place] = np.sqrt(rng.chisquare(nu - place, (*shape, p)))
    return A


def lkj_factor(eta: float, d: int, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return Cholesky factors of LKJ(eta) correlation matrices, shape (*shape, d, d).

    Partial correlations of column j given the columns before it are Beta on (-1, 1) with both
    shapes eta + (d - 2 - j) / 2 (Lewandowski, Kurowicka & Joe 2009, 10.1016/j.jmva.2009.04.008).
    """
    factor = np.zeros((*shape, d, d))
    factor[..., 0, 0] = 1
    for i in range(1, d):
        left = np.ones(shape)
        for j in range(i):
            half = eta + (d - 2 - j) / 2
            partial = 2 * rng.beta(half, half, shape) - 1
            factor[..., i, j] = partial * np.sqrt(left)
            left = left * (1 - partial**2)
        factor[..., i, i] = np.sqrt(left)
    return factor


def _sds(
    prior: HalfNormal | Exponential | HalfStudentT, shape: tuple[int, ...], rng: np.random.Generator
) -> Array:
    match prior:
        case HalfStudentT(nu, sigma):
            return sigma * np.abs(rng.standard_t(nu, shape))
        case HalfNormal(sigma):
            return sigma * np.abs(rng.standard_normal(shape))
        case Exponential(scale):
            return rng.exponential(scale, shape)


def prior_effect(
    model: Declaration,
    population: Population | None = None,
    *,
    draws: int = 4000,
    seed: int | None = None,
    **choices: Any,
) -> Effect:
    """Return the effect under the prior alone; see ``Model.prior_effect``."""
    check_names(choices, EFFECT)
    return make_effect(prior_fit(model, draws, seed), Estimand(population, **choices))


def prior_fit(model: Declaration, draws: int, seed: int | None = None) -> Fit:
    """Return draws from the prior in the form of a fit, which says that they are the prior."""
    plan = Settings(draws=draws, chains=1, seed=seed).with_seed()
    plan.check_memory(of_one_draw(model), warm_up=False)
    found = draw_prior(model, plan.draws, np.random.default_rng(plan.seed))
    posterior = {
        name: (("chain", "draw", *dims), found[name][None])
        for name, dims in model.parameters.items()
    }
    attrs = {"draws": plan.draws, "chains": 1, "seed": plan.seed, "sampler": "prior"}
    idata = label(model, posterior, {}, attrs)
    return Fit(model, idata, diagnose(idata, model.blocks, exact=True))
