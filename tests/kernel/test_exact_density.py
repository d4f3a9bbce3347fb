"""The whitened density is the plain one: the formulas of the model in numpy, nothing of the kernel.

The gradient is that of the plain formulas by a complex step, which has no rounding of its own. The
prior is evaluated where the user put it, on the raw coefficients of all logits.
"""

import numpy as np
import pytest
from densities import log_density, partly, small_study

import bmco_pymc as bmco
from bmco_pymc.priors.contrasts import logits_of

pytestmark = pytest.mark.samples


def normal(rng, names, correlated):
    """A prior with a mean for each term, raw covariates being far from zero."""
    root = rng.normal(size=(len(names),) * 2) if correlated else np.eye(len(names))
    scale = np.array([0.02 if "age" in name else 0.8 for name in names])
    covariance = scale[:, None] * (root @ root.T + 0.5 * np.eye(len(names))) * scale
    return bmco.Normal(scale * rng.normal(size=len(names)), covariance=covariance)


def model_of(K, random, spans, correlated, missing):
    """A regression of K outcomes; ``spans``: priors of contrasts of all logits together."""
    rng = np.random.default_rng(11)
    frame, outcomes = small_study(K, missing=missing)
    cluster = None if random is None else "site"
    study = bmco.Study(frame, outcomes, "arm", "a", "b", cluster, missing="mar")
    contrasts = "symmetric" if spans else "reference"
    if random is None:
        names = bmco.BGLM(study, "arm * age").terms.fixed
        priors = bmco.Priors(beta=normal(rng, names, correlated), contrasts=contrasts)
        return bmco.BGLM(study, "arm * age", priors=priors)
    terms = bmco.BGLMM(study, "arm * age", random).terms
    names, p = (*terms.fixed, *terms.random), len(terms.random)
    both = normal(rng, names, correlated)
    mean, V = both.resolve("beta", names)
    P = len(terms.fixed)
    basis = np.eye(p) + 0.5 * np.tri(p, k=-1) if spans else None
    priors = bmco.Priors(
        beta=bmco.Normal(mean[:P], covariance=V[:P, :P]),
        gamma=bmco.Normal(mean[P:], covariance=V[P:, P:]),
        cross=V[:P, P:] if correlated else None,
        Sigma=bmco.LKJ(1.7, bmco.HalfNormal(0.8), joint=spans, basis=basis),
        contrasts=contrasts,
    )
    return bmco.BGLMM(study, "arm * age", random, priors=priors)


def plain(model, x):
    """The log density of a point of the sampling space, real or complex, up to a constant."""
    data, priors, cells, terms = model.data, model.priors, model.cells, model.terms
    clusters = "off" in data
    M, L = data["basis_scale"].shape
    white = x[: M * L]
    if "basis_mixing" in data:
        coef = (data["basis_mixing"] @ white).reshape(L, M)
    else:
        coef = data["basis_logits"] @ (white.reshape(M, L) / data["basis_scale"]).T
    mean, V = priors.coefficients(terms.fixed, terms.random if clusters else ())
    away = data["basis_terms"] @ coef.T  # (M, L), raw coefficients less the prior mean
    T = logits_of(priors.contrasts, L + 1)
    value = -0.5 * (away * (np.linalg.solve(V, away) @ np.linalg.inv(T @ T.T))).sum()
    X, Z = terms.matrices(cells.frame, cells.arm)
    eta = np.hstack([X, Z]) @ (mean[:, None] + away)  # (n, L)
    if clusters:
        more, u = plain_deviations(model, coef, x[M * L :])
        value += more
        eta = eta + np.einsum("nk,qkn->nq", Z @ data["basis_deviation"], u[:, :, cells.cluster])
    eta = np.column_stack([eta, np.zeros(len(eta))])
    top = eta.real.max(axis=1, keepdims=True)
    norm = top[:, 0] + np.log(np.exp(eta - top).sum(axis=1))
    log_phi = eta - norm[:, None]
    return value + (cells.counts * log_phi).sum() + partly(cells, log_phi)


def plain_deviations(model, coef, rest):
    """The log density of SDs, correlations and deviations, and the logits' deviations (L, p, J)."""
    data, prior, L = model.data, model.priors.Sigma, len(coef)
    B, d, J = data["off"].shape
    below = d * (d - 1) // 2
    t, v = rest[: B * d].reshape(B, d), rest[B * d : B * (d + below)].reshape(B, below)
    epsilon = rest[B * (d + below) :].reshape(B, d, J)
    own, u, value = coef.reshape(B, -1), np.empty((B, d, J), dtype=rest.dtype), 0
    for b in range(B):
        h = t[b] + (t[b] * np.sqrt(1 + t[b] ** 2) + np.arcsinh(t[b]) - t[b] ** 2) / 2
        sd = prior.sd.sigma * np.exp(h)
        by_t = sd * (1 + np.sqrt(1 + t[b] ** 2) - t[b])
        value += (np.log(by_t) - (sd / prior.sd.sigma) ** 2 / 2).sum()
        R = np.zeros((d, d), dtype=rest.dtype)
        for x in range(d):
            left = sd[x]
            for y in range(x):
                z = np.tanh(v[b, x * (x - 1) // 2 + y] / 2)
                # (eta - 1) log det, the map to correlations, and dz / dv
                value += (prior.eta - 1 + (d - 2 - y) / 2 + 1) * np.log(1 - z**2)
                R[x, y], left = left * z, left * np.sqrt(1 - z**2)
            R[x, x] = left
        for j in range(J):
            K = cholesky(np.eye(d) + R.T @ data["info"][b, :, :, j] @ R)
            score = data["off"][b, :, j] - own[b] @ data["lin"][b, :, :, j]
            zeta = np.linalg.solve(K.T, epsilon[b, :, j] + np.linalg.solve(K, R.T @ score))
            value -= np.log(np.diag(K)).sum() + (zeta**2).sum() / 2
            u[b, :, j] = R @ zeta
    u = u.reshape(L, d * B // L, J)
    if "deviation_contrasts" in data:
        u = np.einsum("qr,rkj->qkj", data["deviation_contrasts"], u)
    return value, u


def cholesky(A):
    """Of a symmetric matrix, complex too: numpy's would conjugate."""
    K = np.zeros_like(A)
    for y in range(len(A)):
        K[y, y] = np.sqrt(A[y, y] - K[y, :y] @ K[y, :y])
        K[y + 1 :, y] = (A[y + 1 :, y] - K[y + 1 :, :y] @ K[y, :y]) / K[y, y]
    return K


CASES = [
    (K, random, spans, correlated, missing)
    for K in (1, 2, 3)
    for random in (None, "1", "1 + arm")
    for spans in (False, True)
    for correlated in (False, True)
    for missing in (0.0, 0.4)[: 1 if K == 1 else 2]
    if (K, random, correlated) != (3, "1 + arm", False)  # the correlated one has all of it
]


@pytest.mark.filterwarnings("ignore:the prior overrules the scale")  # as it is meant to
@pytest.mark.parametrize(("K", "random", "spans", "correlated", "missing"), CASES)
def test_the_density_is_the_plain_one(K, random, spans, correlated, missing):
    """Value, up to one constant, and gradient to 1e-10, near the mode and far from it."""
    model = model_of(K, random, spans, correlated, missing)
    assert (model.cells.partial is not None) == (missing > 0)
    assert ("basis_mixing" in model.data) == (spans and random is not None)
    rng, constants = np.random.default_rng(1), []
    for scale in (0.1, 0.7, 2.0):
        x = rng.normal(0, scale, model.n_parameters)
        gradient = np.empty_like(x)
        value = log_density(x, model.packed, gradient)
        step = 1e-30j * np.eye(len(x))
        expected = np.array([plain(model, x + e).imag for e in step]) / 1e-30
        assert np.abs(gradient - expected).max() < 1e-10 * np.abs(expected).max()
        constants.append(value - plain(model, x))
        assert constants[-1] == pytest.approx(constants[0], abs=1e-10 * abs(value))
