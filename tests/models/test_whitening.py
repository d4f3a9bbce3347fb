"""The basis of all coefficients together: the prior stays, prior and data are diagonal in it."""

import numpy as np
import pandas as pd
from densities import symmetric

import bmco_pymc as bmco
from bmco_pymc.models import whitening
from bmco_pymc.models.geometry import cluster_information, expand, make_basis
from bmco_pymc.priors.contrasts import logits_of


def pieces(model):
    """What `BGLMM.data` makes, with the covariance that it estimates."""
    cells, priors, terms = model.cells, model.priors, model.terms
    X, Z = terms.matrices(cells.frame, cells.arm)
    contrasts = logits_of(priors.contrasts, cells.counts.shape[1])
    prior = priors.coefficients(terms.fixed, terms.random)
    basis = make_basis(np.hstack([X, Z]), cells.counts, prior[0], prior[1], contrasts)
    expansion = expand(basis, cells.counts, True)
    inside = Z @ model.data["basis_deviation"]
    clusters = cluster_information(basis, inside, cells.cluster, expansion, contrasts)
    return basis, contrasts, whitening.known_of_all(basis, expansion, clusters)


def test_the_prior_of_the_coefficients_is_the_users():
    model = symmetric()
    basis, contrasts, _ = pieces(model)
    mixing, scale = model.data["basis_mixing"], model.data["basis_scale"].ravel()
    turn = np.kron(np.eye(len(contrasts)), basis.terms)  # to raw coefficients, logit by logit
    found = turn @ (mixing * scale**2) @ mixing.T @ turn.T
    V = model.priors.coefficients(model.terms.fixed, model.terms.random)[1]
    np.testing.assert_allclose(found, np.kron(contrasts @ contrasts.T, V), atol=1e-12)


def test_prior_and_data_are_diagonal():
    """The precision of coefficients and all deviations at once, in the basis, is the identity's."""
    model = symmetric()
    basis, contrasts, known = pieces(model)
    (J, d), size = known.off.shape, len(known.score)
    A = np.random.default_rng(1).normal(size=(d, 2 * d))
    Sigma = A @ A.T
    new = whitening.whitened(basis, known, contrasts, Sigma)
    full = np.zeros((size + J * d,) * 2)
    prior = np.kron(contrasts @ contrasts.T, np.eye(size // len(contrasts)))
    full[:size, :size] = known.fixed + np.linalg.inv(prior)
    for j in range(J):
        own = slice(size + j * d, size + (j + 1) * d)
        full[own, own] = known.info[j] + np.linalg.inv(Sigma)
        full[own, :size], full[:size, own] = known.lin[j], known.lin[j].T
    assert new.mixing is not None
    inverse = np.linalg.inv(new.mixing)
    covariance = inverse @ np.linalg.inv(full)[:size, :size] @ inverse.T
    np.testing.assert_allclose(covariance, np.eye(size), atol=1e-9)


def test_the_estimated_covariance_is_near_the_truth():
    """Of two logits' intercepts in many large clusters; asymmetric, so that a turn is seen."""
    rng = np.random.default_rng(2)
    J, n = 300, 60
    truth = np.array([[0.5, 0.3, 0.0], [0.3, 0.4, -0.1], [0.0, -0.1, 0.2]])
    u = rng.multivariate_normal(np.zeros(3), truth, J)
    eta = np.column_stack([u + np.array([0.2, -0.3, 0.1]), np.zeros(J)])
    phi = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
    pattern = np.concatenate([rng.choice(4, n, p=row) for row in phi])
    table = pd.DataFrame(
        {"site": np.repeat(np.arange(J), n), "arm": np.tile(["a", "b"], J * n // 2)}
    )
    table["y1"], table["y2"] = (pattern < 2).astype(int), (pattern % 2 == 0).astype(int)
    study = bmco.Study(table, ["y1", "y2"], "arm", "a", "b", cluster="site")
    model = bmco.BGLMM(study, "arm", "1")
    model = model.with_priors(contrasts="symmetric", Sigma=bmco.LKJ(2, joint=True))
    _, contrasts, known = pieces(model)
    found = contrasts @ whitening.estimated_covariance(known, contrasts, 1.0) @ contrasts.T
    # 300 clusters know a variance of 0.5 to 0.04; the expansion around a pooled fit is no closer
    assert np.abs(found - truth).max() < 4 * 0.5 * np.sqrt(2 / J)
