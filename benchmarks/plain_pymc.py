"""The same posterior as a PyMC user would write it from a textbook: the peer of the package.

A multinomial logit of the subjects' response patterns, coefficients sampled on the standardised
design with the prior that a normal prior of the raw coefficients implies, deviations of the
clusters non-centred, data in ``pm.Data`` so that PyTensor's caches serve other data. PyMC and
nutpie do the rest. Nothing of the package is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from benchmarks.average import cluster_nodes, design, theta_new_clusters, theta_of_subjects
from benchmarks.studies import GROUP, VARIANCE, Plan

SCALE = 0.1  # of the inverse-Wishart prior, times the identity; its ν is the number of random terms


def build(plan: Plan, spread: str = "InverseWishart") -> pm.Model:
    """Return the model.

    Parameters
    ----------
    plan : Plan
        The study.
    spread : {"InverseWishart", "LKJ"}
        Prior of Σ of each logit: InverseWishart(p, 0.1·I), or LKJ(1) with SDs HalfNormal(1).
    """
    n_logits = 2 ** len(plan.outcomes) - 1
    x = plan.table[plan.covariate].to_numpy(float)
    mean, sd = x.mean(), x.std()
    standard = design(plan.arm, (x - mean) / sd)  # (n, 4)
    # raw = from_standard @ standardised, for the terms Intercept, group, x, group:x
    from_standard = np.kron([[1, -mean / sd], [0, 1 / sd]], np.eye(2))
    to_standard = np.linalg.inv(from_standard)
    root = np.linalg.cholesky(VARIANCE * to_standard @ to_standard.T)
    with pm.Model() as model:
        X = pm.Data("X", standard)
        y = pm.Data("y", plan.pattern)
        prior_root = pm.Data("prior_root", root)
        transform = pm.Data("from_standard", from_standard)
        b = pm.MvNormal("b", mu=np.zeros(4), chol=prior_root, shape=(n_logits, 4))
        pm.Deterministic("coefficient", transform @ b.T)  # (4, L), raw
        eta = X @ b.T  # (n, L)
        if plan.cluster is not None:
            code = plan.cluster_code
            cluster = pm.Data("cluster", code)
            Z = pm.Data("Z", random_design(plan, plan.arm))
            p, J = len(plan.random), code.max() + 1
            R = _root_of_sigma(spread, p, n_logits)  # (L, p, p)
            pm.Deterministic("Sigma", R @ R.mT)
            z = pm.Normal("z", shape=(J, n_logits, p))
            u = (R[None] * z[:, :, None, :]).sum(-1)  # (J, L, p)
            eta = eta + (u[cluster] * Z[:, None, :]).sum(-1)
        eta = pt.concatenate([eta, pt.zeros_like(eta[:, :1])], axis=1)  # the last is the reference
        pm.Categorical("pattern", logit_p=eta, observed=y)
    return model


def _root_of_sigma(spread: str, p: int, n_logits: int) -> Any:
    """Return R with RR' = Σ, for each logit."""
    if spread == "LKJ" and p > 1:
        roots = [
            pm.LKJCholeskyCov(
                f"root_{q}", eta=1, n=p, sd_dist=pm.HalfNormal.dist(1, shape=p), compute_corr=True
            )[0]
            for q in range(n_logits)
        ]
        return pt.stack(roots)
    if spread == "LKJ":
        return pm.HalfNormal("sd", 1, shape=n_logits)[:, None, None]
    if p == 1:
        variance = pm.InverseGamma("variance", alpha=p / 2, beta=SCALE / 2, shape=n_logits)
        return pt.sqrt(variance)[:, None, None]
    # Bartlett: the inverse of Σ is Wishart(ν, I/scale) = AA'/scale, A lower triangular. The
    # transposed inverse of A, times the root of the scale, is R; written out, as p is 2.
    assert p == 2
    a = pt.sqrt(pm.Gamma("a", alpha=p / 2, beta=0.5, shape=n_logits))
    c = pt.sqrt(pm.Gamma("c", alpha=(p - 1) / 2, beta=0.5, shape=n_logits))
    b = pm.Normal("off", shape=n_logits)
    rows = [pt.stack([1 / a, -b / (a * c)], axis=1), pt.stack([pt.zeros_like(a), 1 / c], axis=1)]
    return np.sqrt(SCALE) * pt.stack(rows, axis=1)


def random_design(plan: Plan, arm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the columns of the random terms, shape (n, p)."""
    return np.column_stack([arm if term == GROUP else np.ones(len(arm)) for term in plan.random])


def theta(
    plan: Plan, coefficient: NDArray[np.float64], Sigma: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Average over all subjects in both groups, and over new clusters; shape (S, 2, K).

    Parameters
    ----------
    plan : Plan
        The study.
    coefficient : ndarray, shape (S, 4, L)
        Draws of the raw coefficients.
    Sigma : ndarray, shape (S, L, p, p), optional
        Draws of the covariances between clusters.
    """
    x = plan.table[plan.covariate].to_numpy(float)
    groups = []
    for g in (0.0, 1.0):
        X = design(np.full(len(x), g), x)
        if Sigma is None:
            groups.append(theta_of_subjects(coefficient, X, len(plan.outcomes)))
            continue
        # The random terms have no covariate: one z for all the subjects of a group.
        z = random_design(plan, np.array([g]))[0]
        sd = np.sqrt(np.einsum("k,slkm,m->sl", z, Sigma, z))  # (S, L)
        nodes = cluster_nodes(coefficient.shape[2])
        groups.append(theta_new_clusters(coefficient, sd, X, len(plan.outcomes), *nodes))
    return np.stack(groups, axis=1)
