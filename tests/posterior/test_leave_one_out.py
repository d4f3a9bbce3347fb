"""Leave-one-out: against closed forms of BMVB, brute-force integrals, and hand-made likelihoods."""

import warnings
from types import SimpleNamespace
from typing import Any, cast

import arviz as az
import numpy as np
import pytest
import rstyle_calls as calls
from scipy import integrate, stats
from scipy.special import gammaln

import bmco_pymc as bmco
from bmco_pymc.posterior.cluster_integral import log_marginal, rule
from bmco_pymc.posterior.likelihood import by_cluster, covariance_roots
from bmco_pymc.posterior.predictor import fitted

pytestmark = pytest.mark.samples

ALPHA = ([0.7, 1.2, 0.4, 2.0], [1.5, 0.3, 0.9, 0.6])


def made_up(model, **settings):
    return calls.made_up_fit(SimpleNamespace(model=model), **settings)


@pytest.fixture(scope="module")
def flat(multisite_study):
    model = bmco.BMVB(multisite_study).with_priors(phi=bmco.Dirichlet(*ALPHA))
    return model.fit(draws=20_000, seed=3)


@pytest.fixture(scope="module")
def made_up_clustered(multisite_model):
    return made_up(multisite_model, draws=200)


def phi_draws(fit):
    return fit.idata["posterior"]["phi"].values.reshape(-1, 2, 4)


def relative_error(likelihood):
    """Standard error of log(1 / mean(1 / likelihood)) over independent draws, by the delta rule."""
    inverse = likelihood.min(axis=0) / likelihood
    return inverse.std(axis=0) / inverse.mean(axis=0) / np.sqrt(len(likelihood))


def test_every_subject_of_bmvb_agrees_with_the_closed_form(flat):
    loo, study = flat.loo(), flat.model.study
    a = np.asarray(ALPHA) + flat.model.cells.counts  # (2, Q)
    exact = np.log((a - 1) / (a.sum(axis=1, keepdims=True) - 1))[study.arm, study.response]
    error = relative_error(phi_draws(flat)[:, study.arm, study.response])
    assert (abs(loo.elpd_i.values - exact) < 5 * error).all()
    assert error.max() < 0.002
    n = len(study.arm)
    assert loo.n_data_points == n == 384
    assert loo.elpd == pytest.approx(exact.sum(), abs=5 * error.max() * n)
    assert loo.se == pytest.approx(np.sqrt(n * exact.var()), rel=0.01)
    in_sample = np.log(a / a.sum(axis=1, keepdims=True))[study.arm, study.response]
    assert loo.p == pytest.approx((in_sample - exact).sum(), rel=0.05)
    assert not loo.warning


def test_every_cluster_of_bmvb_agrees_with_the_dirichlet_multinomial(flat):
    study = flat.model.study
    a, exact = np.asarray(ALPHA) + flat.model.cells.counts, []
    own = np.zeros((16, 2, 4))
    np.add.at(own, (study.cluster_code, study.arm, study.response), 1)
    for s in own:
        rest = a - s
        by_group = gammaln(a).sum(1) - gammaln(a.sum(1)) - gammaln(rest).sum(1)
        exact.append((by_group + gammaln(rest.sum(1))).sum())
    loo = flat.loo(by="cluster")
    likelihood = np.exp(np.einsum("sgq,jgq->sj", np.log(phi_draws(flat)), own))
    error = relative_error(likelihood)
    assert (abs(loo.elpd_i.values - exact) < 5 * error).all()
    assert error.max() < 0.03
    assert loo.elpd_i["cluster"].values.tolist() == list(study.cluster_labels)


def test_rows_that_stand_for_several_subjects_count_as_so_many():
    table = bmco.load_trial()
    few = table.groupby(["arm", "y1", "y2"], as_index=False).size()
    roles = (["y1", "y2"], "arm", "ctl", "trt")
    one = bmco.BMVB(bmco.Study(table, *roles)).fit(seed=2).loo()
    several = bmco.BMVB(bmco.Study(few, *roles, counts="size")).fit(seed=2).loo()
    assert several.n_data_points == one.n_data_points == 240
    assert several.elpd == pytest.approx(one.elpd, rel=1e-12)
    assert several.se == pytest.approx(one.se, rel=1e-12)
    assert sorted(several.elpd_i.values) == pytest.approx(sorted(one.elpd_i.values))


def test_the_log_likelihood_of_each_subject_is_that_of_its_own_row():
    data = bmco.load_trial().sample(frac=1, random_state=4).reset_index(drop=True)
    data.loc[[3, 17], "x"] = np.nan
    study = bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt")
    with pytest.warns(bmco.InputWarning, match="missing"):
        model = bmco.BGLM(study, "arm * x")
    fit = made_up(model, draws=500)
    tree = fit.log_likelihood()
    assert "log_likelihood" not in fit.idata.children
    values = tree["log_likelihood"]["response"]
    assert values.sizes == {"chain": 2, "draw": 500, "subject": 238}
    beta = fit.idata["posterior"]["beta"].sel(chain=1, draw=30)
    x, arm = data["x"].to_numpy(float), (data["arm"] == "trt").to_numpy(float)
    code = 2 * (1 - data["y1"].to_numpy()) + (1 - data["y2"].to_numpy())  # 11, 10, 01, 00
    for row in (0, 4, 16, 18, 239):
        design = {"Intercept": 1.0, "arm": arm[row], "x": x[row], "arm:x": arm[row] * x[row]}
        eta = np.zeros(4)
        for q, logit in enumerate(("11", "10", "01")):
            eta[q] = sum(design[t] * float(beta.sel(term=t, logit=logit)) for t in design)
        expected = eta[code[row]] - np.log(np.exp(eta).sum())
        found = float(values.sel(chain=1, draw=30, subject=row))
        assert found == pytest.approx(expected, rel=1e-12)
    assert not {3, 17} & set(values["subject"].values)
    assert float(az.loo(tree).elpd) == pytest.approx(float(fit.loo().elpd), rel=1e-9)


@pytest.mark.parametrize("by", ["subject", "cluster"])
def test_arviz_compares_the_three_analyses(flat, made_up_clustered, multisite_study, by):
    fits = {
        "flat": flat,
        "covariate": made_up(bmco.BGLM(multisite_study, "arm * x"), draws=200),
        "clusters": made_up_clustered,
    }
    results = {}
    for name, fit in fits.items():
        with warnings.catch_warnings():  # made-up draws are no posterior
            warnings.simplefilter("ignore", bmco.ConvergenceWarning)
            results[name] = fit.loo(by=by)
    labels = [result.elpd_i[by].values.tolist() for result in results.values()]
    assert labels[0] == labels[1] == labels[2]
    table = az.compare(results, round_to="none")
    best = table.index[0]
    for name in fits:
        gap = results[name].elpd_i.values - results[best].elpd_i.values
        assert table.loc[name, "elpd_diff"] == pytest.approx(gap.sum(), abs=1e-9)
        assert table.loc[name, "dse"] == pytest.approx(np.sqrt(len(gap) * gap.var()), abs=1e-9)


NOBODY = (np.zeros(0, int), np.zeros((0, 4), int), np.zeros(0, int), np.zeros(0))  # seen in part


def brute_force(eta, Z, counts, Sigma, n_nodes, in_part=NOBODY):
    """Return log ∫ Π softmax(η + z'u)^y N(u; 0, Σ) du by the trapezoidal rule, for one draw."""
    d, L = len(Sigma), eta.shape[1]
    x = np.linspace(-8.5, 8.5, n_nodes)  # smooth and zero at both ends: converges exponentially
    w = stats.norm.pdf(x) / stats.norm.pdf(x).sum()
    grid = np.stack(np.meshgrid(*[x] * d, indexing="ij"), axis=-1).reshape(-1, d)
    log_w = np.sum(np.meshgrid(*[np.log(w)] * d, indexing="ij"), axis=0).ravel()
    u = (grid @ np.linalg.cholesky(Sigma).T).reshape(-1, L, Z.shape[1])  # logit by logit
    total = np.zeros(len(u))
    for e, z, y in zip(eta, Z, counts, strict=True):
        logits = np.column_stack([e + u @ z, np.zeros(len(u))])
        total += logits @ y - y.sum() * np.log(np.exp(logits).sum(axis=1))
    for i, block, own, number in zip(*in_part, strict=True):
        logits = np.column_stack([eta[i] + u @ Z[i], np.zeros(len(u))])
        total += number * np.log(np.exp(logits) @ (block == own) / np.exp(logits).sum(axis=1))
    return np.log(np.exp(total + log_w - (total + log_w).max()).sum()) + (total + log_w).max()


CASES = {  # logits, random terms, SDs, scale of η: mild, wide and nearly singular clusters
    "one coefficient": (1, 1, [0.8], 1.0),
    "wide": (1, 1, [6.0], 1.0),
    "tight": (1, 1, [1e-4], 1.0),
    "intercept and slope": (1, 2, [1.0, 0.5], 1.0),
    "three logits": (3, 1, [0.5, 1.5, 0.9], 1.0),
    "far from even": (3, 1, [0.5, 1.5, 0.9], 3.0),
}
IN_PART = (  # of cells 0, 4 and 8: 1?, ?0 and ?1, the first of three subjects
    np.array([0, 4, 8]),
    np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 1, 0]]),
    np.array([1, 0, 1]),
    np.array([3.0, 1, 1]),
)


@pytest.mark.parametrize("name", [*CASES, "three logits, in part", "far from even, in part"])
def test_the_integral_over_a_cluster_agrees_with_brute_force(name):
    name, said, _ = name.partition(", in part")
    in_part = IN_PART if said else NOBODY
    L, p, sd, scale = CASES[name]
    rng = np.random.default_rng(len(name))
    n, S, d = 9, 4, L * p
    counts = rng.multinomial(1, np.ones(L + 1) / (L + 1), size=n).astype(float)
    counts[0] += 2  # a cell of several subjects
    Z = np.column_stack([np.ones(n), np.arange(n) % 3 / 2.0])[:, :p]
    eta = scale * rng.normal(size=(S, n, L))
    R = np.full((d, d), -0.4 if d == 2 else 0.3) + np.diag(np.full(d, 1.4 if d == 2 else 0.7))
    Sigma = np.outer(sd, sd) * R
    rows, kind = np.unique(Z, axis=0, return_inverse=True)
    out, error = np.empty(S), np.empty(S)
    root = np.linalg.cholesky(Sigma)
    if d > 1:  # any square root will do
        root = root @ stats.ortho_group.rvs(d, random_state=1)
    roots = np.ascontiguousarray(np.broadcast_to(root, (S, d, d)))
    data = eta, rows, kind.ravel(), counts, *in_part, roots
    log_marginal(*data, *rule(d, 256), out, error)
    exact = [brute_force(e, Z, counts, Sigma, {1: 4001, 2: 301, 3: 71}[d], in_part) for e in eta]
    assert error.max() < 0.06  # as of random points; a quasi-random rule does better
    # in part, the integrand is further from normal, and the rule nearer to random points
    assert (abs(out - exact) < np.maximum(error * (2 if said else 1), 1e-6)).all()
    assert abs(out - exact).max() < 0.02


def test_brute_force_itself_agrees_with_scipy():
    eta, Z, counts = np.array([[0.3], [-1.2]]), np.ones((2, 1)), np.array([[2.0, 1.0], [0.0, 3.0]])

    def density(u):
        p = 1 / (1 + np.exp(-(eta[:, 0] + u)))
        return np.prod(p ** counts[:, 0] * (1 - p) ** counts[:, 1]) * stats.norm.pdf(u, scale=0.8)

    exact = integrate.quad(density, -8, 8, epsabs=1e-14)[0]
    found = brute_force(eta, Z, counts, np.array([[0.64]]), 401)
    assert found == pytest.approx(np.log(exact), rel=1e-9)


def test_the_clusters_of_a_fit_are_integrated_with_their_own_cells(made_up_clustered):
    fit = made_up_clustered
    values = by_cluster(fit).transpose("chain", "draw", "cluster")
    assert values["cluster"].values.tolist() == list(range(1, 17))
    data, posterior = bmco.load_multisite(), fit.idata["posterior"].sel(chain=1, draw=77)
    rng = np.random.default_rng(1)
    for site in (2, 11):
        mine = data[data["site"] == site]
        x, arm = mine["x"].to_numpy(), (mine["arm"] == "trt").to_numpy(float)
        X = {"x": x, "arm:x": arm * x}
        # plain Monte Carlo over the prior of the cluster's coefficients
        n = 100_000
        p = {"00": np.zeros((n, len(x)))}
        for logit in ("11", "10", "01"):
            mean = posterior["gamma"].sel(logit=logit, random_term=["Intercept", "arm"]).values
            order = {"random_term": ["Intercept", "arm"], "random_term_bis": ["Intercept", "arm"]}
            cov = posterior["Sigma"].sel(logit=logit, **order).values
            gamma = rng.multivariate_normal(mean, cov, size=n)  # (n, 2)
            fixed = sum(X[t] * float(posterior["beta"].sel(term=t, logit=logit)) for t in X)
            p[logit] = fixed + gamma[:, :1] + gamma[:, 1:] * arm
        norm = np.log(np.sum([np.exp(v) for v in p.values()], axis=0))
        code = (mine["y1"].astype(str) + mine["y2"].astype(str)).to_numpy()
        own = np.sum([p[c][:, i] - norm[:, i] for i, c in enumerate(code)], axis=0)
        weights = np.exp(own - own.max())
        expected = own.max() + np.log(weights.mean())
        error = weights.std() / weights.mean() / np.sqrt(n)
        found = float(values.sel(chain=1, draw=77, cluster=site))
        assert error < 0.03
        assert found == pytest.approx(expected, abs=4 * error + 0.01)


@pytest.mark.parametrize("joint", [False, True])
def test_the_root_of_the_covariance_is_logit_by_logit(joint, multisite_study):
    model = bmco.BGLMM(multisite_study, "arm * x", "1 + arm")
    rng = np.random.default_rng(3)
    a = rng.normal(size=(5, 6, 6))
    full = a @ a.mT  # (5, L p, L p)
    blocks = full.reshape(5, 3, 2, 3, 2)
    Sigma = blocks if joint else np.stack([blocks[:, q, :, q] for q in range(3)], axis=1)
    draws = SimpleNamespace(draws=lambda name: Sigma)
    root = covariance_roots(cast(Any, draws))
    product = (root @ root.mT).reshape(5, 3, 2, 3, 2)
    for q in range(3):
        for r in range(3):
            expected = blocks[:, q, :, r] if joint or q == r else 0
            np.testing.assert_allclose(product[:, q, :, r], expected, atol=1e-9)
    assert model.parameters["gamma"] == ("random_term", "logit")


def test_a_cell_of_many_draws_is_predicted_block_by_block(flat, made_up_clustered):
    predictor = fitted(made_up_clustered)
    whole = predictor.log_phi()
    np.testing.assert_allclose(np.exp(whole).sum(axis=-1), 1)
    np.testing.assert_array_equal(predictor.log_phi([5, 2], [7]), whole[np.ix_([7], [5, 2])])
    assert fitted(flat).log_phi(which=[0]).shape == (1, 2, 4)


def test_what_cannot_be_left_out_is_an_error(flat, trial_study):
    with pytest.raises(bmco.InputError, match="by='row'.*choose from 'subject', 'cluster'"):
        flat.loo(by="row")
    fit = bmco.BMVB(trial_study).fit(seed=1)
    for ask in (fit.loo, fit.log_likelihood):
        with pytest.raises(bmco.InputError, match="the study has no clusters; choose from 'subj"):
            ask(by="cluster")


def test_it_says_when_importance_sampling_fails(trial_study):
    table = trial_study.data[["arm", "y1", "y2"]].copy()
    table.loc[(table["arm"] == "ctl"), ["y1", "y2"]] = 0
    table.loc[table.index[table["arm"] == "ctl"][0], ["y1", "y2"]] = 1  # the only such subject
    study = bmco.Study(table, ["y1", "y2"], "arm", "ctl", "trt")
    prior = bmco.Dirichlet([0.01] * 4, [1.0] * 4)
    fit = bmco.BMVB(study).with_priors(phi=prior).fit(seed=1)
    with pytest.warns(bmco.ConvergenceWarning, match="Pareto k is above 0.70 for 1 of 240"):
        loo = fit.loo()
    assert loo.warning
    assert int(np.argmax(loo.pareto_k.values)) == int(np.flatnonzero(study.arm == 0)[0])


def test_it_says_when_the_fit_has_not_converged(multisite_study):
    fit = made_up(bmco.BGLM(multisite_study, "arm * x"), apart=0.2, draws=200)
    with pytest.warns(bmco.ConvergenceWarning) as said:
        loo = fit.loo()
    assert any("NOT CONVERGED" in str(one.message) for one in said)
    assert loo.warning
