"""What whole randomised clusters do not tell is drawn again, from its exact distribution."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import bmco_pymc as bmco
from bmco_pymc.models import unseen
from bmco_pymc.models.prior_draws import draw_prior
from bmco_pymc.posterior.density import log_prior

pytestmark = pytest.mark.samples

LEVEL = 1e-4  # of each Kolmogorov-Smirnov test; seeds are fixed
PRIORS = {
    "Wishart": bmco.InverseWishart(5, [[1.0, 0.4], [0.4, 0.7]]),
    "LKJ": bmco.LKJ(1.5),
    "LKJ, basis": bmco.LKJ(3, sd=bmco.HalfStudentT(4, 0.7), basis=[[1.0, -0.5], [0.2, 0.8]]),
    "LKJ, joint": bmco.LKJ(1.3, sd=bmco.Exponential(0.6), joint=True),
}


def whole_clusters(K: int, J: int = 8, n: int = 6) -> bmco.Study:
    rng = np.random.default_rng(4)
    site = np.repeat(np.arange(J), n)
    columns = {f"y{k}": rng.integers(0, 2, J * n) for k in range(K)}
    frame = pd.DataFrame({"site": site, "arm": np.where(site % 2, "b", "a"), **columns})
    frame["x"] = rng.normal(size=J * n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.InputWarning)
        return bmco.Study(frame, list(columns), "arm", "a", "b", cluster="site")


def make_model(K: int, prior: str) -> bmco.BGLMM:
    model = bmco.BGLMM(whole_clusters(K), "arm", "1 + arm", priors=bmco.Priors.bmco())
    if prior == "recommended":
        return model.with_priors(bmco.Priors.recommended(model))
    return model.with_priors(Sigma=PRIORS[prior])


def covariance(model: bmco.BGLMM, draws: dict) -> np.ndarray:
    """Return the covariance of all deviations, (S, 2 L, 2 L): those of the control first."""
    Sigma = draws["Sigma"].reshape(-1, *draws["Sigma"].shape[2:])
    if Sigma.ndim == 4:
        S, L = Sigma.shape[:2]
        full = np.zeros((S, L, 2, L, 2))
        full[:, np.arange(L), :, np.arange(L)] = Sigma.swapaxes(0, 1)
        Sigma = full
    L = Sigma.shape[1]
    turn = np.kron(np.array([[1, 0], [1, 1]]), np.eye(L))
    Sigma = Sigma.transpose(0, 2, 1, 4, 3).reshape(-1, 2 * L, 2 * L)
    return turn @ Sigma @ turn.T


@pytest.mark.parametrize("K", [1, 2])
@pytest.mark.parametrize("prior", [*PRIORS, "recommended"])
def test_the_prior_stays_what_it_is(K, prior):
    model = make_model(K, prior)
    S = 6000
    draws = {k: x[None] for k, x in draw_prior(model, S, np.random.default_rng(1)).items()}
    new = unseen.redraw(model, draws, seed=2)
    again = unseen.redraw(model, draws, seed=2)
    assert all((again[name] == new[name]).all() for name in new)
    before, after = covariance(model, draws), covariance(model, new)
    L = len(model.coords["logit"])
    # what the data inform stays, in each draw
    for arm in (slice(L), slice(L, None)):
        assert after[:, arm, arm] == pytest.approx(before[:, arm, arm], rel=1e-8, abs=1e-10)
    _, Z = model.terms.matrices(model.cells.frame, model.cells.arm)
    own = {k: np.einsum("np,snpl->snl", Z, d["gamma_cluster"][0][:, model.cells.cluster])
           for k, d in {"before": draws, "after": new}.items()}  # fmt: skip
    assert own["after"] == pytest.approx(own["before"], abs=1e-9)

    # what they do not inform is another draw of the same distribution
    def correlations(full):
        sd = np.sqrt(np.einsum("sii->si", full))
        return (full / (sd[:, :, None] * sd[:, None]))[:, :L, L:].reshape(S, -1)

    pairs = zip(correlations(before).T, correlations(after).T, strict=True)
    for old, fresh in pairs:
        if not old.any():  # of two logits that are independent
            assert not fresh.any()
            continue
        assert (old != fresh).mean() > 0.99
        assert stats.ks_2samp(old, fresh).pvalue > LEVEL
    sizes = [np.linalg.slogdet(full)[1] for full in (before, after)]
    assert stats.ks_2samp(*sizes).pvalue > LEVEL
    Sigma = new["Sigma"][0, :, 0, :, 0] if new["Sigma"].ndim == 6 else new["Sigma"][0, :, 0]
    around = (new["gamma_cluster"] - new["gamma"][:, :, None])[0, ..., 0]  # (S, J, p)
    white = np.linalg.solve(np.linalg.cholesky(Sigma)[:, None], around[..., None])[..., 0]
    for j in (0, 1):  # a cluster of each arm
        for k in (0, 1):
            assert stats.kstest(white[:, j, k], "norm").pvalue > LEVEL
        assert abs(stats.spearmanr(white[:, j, 0], white[:, j, 1])[0]) < 4 / np.sqrt(S)


@pytest.mark.parametrize("prior", [*PRIORS, "recommended"])
@pytest.mark.parametrize(("a", "b"), [(0.5, 0.9), (0.04, 0.05), (3.0, 0.01)])
def test_the_correlation_has_the_density_of_the_prior_whatever_it_was(prior, a, b):
    model = make_model(1, prior)
    raw = np.linalg.inv([[1, 0], [1, 1]])

    def parameters(r):
        full = np.array([[np.full_like(r, a), r * np.sqrt(a * b)], [r * np.sqrt(a * b), b + 0 * r]])
        Sigma = raw @ np.moveaxis(full, 2, 0) @ raw.T  # (S, 2, 2)
        shape = (1, 2, 1, 2) if model.parameters["Sigma"][-2] == "logit_bis" else (1, 2, 2)
        return Sigma.reshape(len(r), *shape)

    def log_density(r):
        """From the package's own density, with the Jacobian that an LKJ prior needs."""
        draws = {"beta": np.zeros((len(r), 0, 1)), "gamma": np.zeros((len(r), 2, 1))}
        value = log_prior(model, {**draws, "Sigma": parameters(r)})["Sigma"]
        law = model.priors.Sigma
        if isinstance(law, bmco.LKJ):  # of the SDs and the correlation: d Sigma = (sd_1 sd_2)^2
            inner = np.linalg.inv(law.resolve("Sigma", ("a", "b")))
            S = inner @ parameters(r).reshape(-1, 2, 2) @ inner.T
            value = value - np.log(S[:, 0, 0] * S[:, 1, 1])
        return value

    s = np.linspace(-12, 12, 40_001)
    r = np.tanh(s)
    height = log_density(r) - 2 * np.log(np.cosh(s))
    cdf = integrate.cumulative_simpson(np.exp(height - height.max()), x=s, initial=0)
    S = 6000
    fresh = []
    for start in (-0.9, 0.3):
        draws = {
            "beta": np.zeros((1, S, 0, 1)),
            "gamma": np.zeros((1, S, 2, 1)),
            "gamma_cluster": np.zeros((1, S, 8, 2, 1)),
            "Sigma": parameters(np.full(S, start))[None],
        }
        full = covariance(model, unseen.redraw(model, draws, seed=3))
        fresh.append(np.arctanh(full[:, 0, 1] / np.sqrt(full[:, 0, 0] * full[:, 1, 1])))
    for found in fresh:  # a few may stay where they were, but a walk would not have come here
        law = stats.kstest(found, lambda x: np.interp(x, s, cdf / cdf[-1]))
        assert law.pvalue > LEVEL


def test_only_what_the_data_do_not_speak_of(multisite_model):
    assert unseen.seen_directions(multisite_model) is None  # both groups in each cluster
    study = whole_clusters(2)
    found = unseen.seen_directions(bmco.BGLMM(study, "arm", "1 + arm"))
    assert found is not None
    assert found.tolist() == [[1, 0], [1, 1]]
    for random in ("1", "1 + x", "1 + arm + x", "1 + arm:x"):
        assert unseen.seen_directions(bmco.BGLMM(study, "arm", random)) is None


def test_a_draw_that_is_not_finite_stays():
    model = make_model(1, "Wishart")
    draws = {k: x[None] for k, x in draw_prior(model, 10, np.random.default_rng(1)).items()}
    draws["Sigma"][0, 3] = np.inf
    new = unseen.redraw(model, draws, seed=2)
    assert (new["gamma_cluster"][0, 3] == draws["gamma_cluster"][0, 3]).all()
    assert (new["Sigma"][0, 4] != draws["Sigma"][0, 4]).any()


@pytest.mark.parametrize("prior", ["Wishart", "recommended"])
def test_the_posterior_is_that_of_nuts_and_easier(prior, monkeypatch):
    model = make_model(2, prior)
    redrawn = model.fit(seed=1, progress=False, cores=1)
    monkeypatch.setattr(unseen, "redraw", lambda model, draws, seed: dict(draws))
    plain = model.fit(seed=2, progress=False, cores=1)
    ours, theirs = (fit.summary(by_cluster=True) for fit in (redrawn, plain))
    z: pd.Series = (ours["mean"] - theirs["mean"]) / np.hypot(ours["mcse"], theirs["mcse"])
    assert z.abs().max() < 4.5
    monkeypatch.undo()
    # the same chains with it: what the data do not inform moves freely
    same = model.fit(seed=2, progress=False, cores=1)
    ess = [fit.diagnostics.table["ess_bulk"] for fit in (plain, same)]
    assert ess[1].min() > 0.95 * ess[0].min()
    if prior == "Wishart":
        slope = ess[0].index.str.match(r"Sigma\[.*, arm, arm\]")
        assert slope.sum() == 3
        assert ess[1][slope].min() > 1.3 * ess[0][slope].min()
