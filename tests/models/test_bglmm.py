"""BGLMM: default fits converge, and the posterior does not depend on how it is parametrised."""

import warnings

import arviz as az
import numpy as np
import pandas as pd
import pytest

import bmco_pymc as bmco
from bmco_pymc.diagnostics.scalars import scalar_parameters

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_first_call_of_the_vignette_converges(schools_model, seed):
    """Default draws, the covariate as it is; the observed clusters as bmco takes them, and new."""
    fit = schools_model.fit(seed=seed, progress=False)
    effects = [fit.effect(), fit.effect(clusters="observed", standardise="own")]
    for diagnostics in (fit.diagnostics, *(effect.diagnostics for effect in effects)):
        assert diagnostics.ok, diagnostics.verdict
        assert diagnostics.divergences == 0
        assert diagnostics.max_rhat < 1.01
        assert diagnostics.min_ess > 400
    covered = set(effects[0].diagnostics.table["block"])
    assert {"fixed", "random", "variance", "clusters", "theta", "delta"} <= covered


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("data", ["both groups in each site", "one group in each school"])
def test_inverse_wishart_of_two_random_terms_converges(data, seed, multisite_model, schools_study):
    """bmco's default terms and prior; the second is the vignette's second call."""
    model, population = multisite_model, None
    if data == "one group in each school":
        fixed = "baseline_ability + method:baseline_ability"
        model = bmco.BGLMM(schools_study, fixed, "1 + method", bmco.Priors.bmco())
        population = bmco.Value(50)
    fit = model.fit(seed=seed, progress=False)
    effects = [fit.effect(population, clusters=clusters) for clusters in ("new", "observed")]
    for diagnostics in (fit.diagnostics, *(effect.diagnostics for effect in effects)):
        assert diagnostics.ok, diagnostics.verdict
        assert diagnostics.divergences == 0
        assert diagnostics.max_rhat < 1.01
        assert diagnostics.min_ess > 400


def with_data(model, **changes):
    """The same model with other numbers for its sampler."""
    copy = model.with_priors()
    copy.__dict__["data"] = {**model.data, **changes}
    return copy


@pytest.fixture(scope="module")
def lkj_fit(multisite_model):
    model = multisite_model.with_priors(Sigma=bmco.LKJ(2, sd=bmco.HalfNormal(1)))
    return model.fit(draws=3000, seed=3, progress=False)


@pytest.fixture(scope="module")
def joint_fit(multisite_model):
    model = multisite_model.with_priors(Sigma=bmco.LKJ(2, sd=bmco.HalfNormal(1), joint=True))
    return model.fit(draws=3000, seed=4, progress=False)


@pytest.mark.parametrize("name", ["multisite_fit", "lkj_fit", "joint_fit"])
def test_second_parametrisation(name, request):
    """Without the data's information the clusters are sampled non-centred: the same posterior."""
    fit = request.getfixturevalue(name)
    assert fit.diagnostics.ok, fit.diagnostics.verdict
    data = fit.model.data
    nothing = {key: np.zeros_like(data[key]) for key in ("info", "lin", "off")}
    plain = with_data(fit.model, **nothing)
    with warnings.catch_warnings():  # it is the worse parametrisation, and may say so
        warnings.simplefilter("ignore", bmco.ConvergenceWarning)
        other = plain.fit(seed=8, target_accept=0.95, progress=False)
    one, two = fit.summary(), other.summary()
    error = np.hypot(one["mcse"], two["mcse"])
    z = (one["mean"] - two["mean"]) / error
    assert abs(z).max() < 4.5  # 33 and more quantities at a time
    spread = np.log(one["sd"] / two["sd"])
    normal = ~one.index.str.startswith("Sigma")  # the SD of a heavy tail is not estimated well
    assert abs(spread[normal]).max() < 0.15
    for end, probability in (("lower", 0.025), ("upper", 0.975)):
        error = np.hypot(*(_quantile_errors(f, probability) for f in (fit, other)))
        assert (abs(one[end] - two[end]) < 5 * error).all()  # heavy tails too


def _quantile_errors(fit, probability):
    """MCSE of a quantile of every parameter, in the order of the summary."""
    posterior = fit.idata["posterior"]
    names = [name for name in fit.model.parameters if name != "gamma_cluster"]
    _, draws = scalar_parameters(*(posterior[name] for name in names))
    return np.array([float(az.mcse(x, method="quantile", prob=probability)) for x in draws])


def test_moving_the_covariate_with_its_prior_changes_nothing(multisite_fit):
    """A random slope: gamma, Sigma and their priors move together under x -> a + b x."""
    rng = np.random.default_rng(1)
    a, b = 500.0, 150.0
    R = np.array([[1, -a / b], [0, 1 / b]])
    V, T = np.diag([4.0, 1.0]), np.array([[0.3, 0.05], [0.05, 0.1]])
    base = bmco.load_multisite().assign(z=rng.normal(size=384))
    fits = []
    for M, frame in ((np.eye(2), base), (R, base.assign(x=a + b * base["x"]))):
        study = bmco.Study(frame, ["y1", "y2"], "arm", "ctl", "trt", cluster="site")
        model = bmco.BGLMM(study, "arm + z", "1 + x").with_priors(
            gamma=bmco.Normal(0, covariance=M @ V @ M.T),
            Sigma=bmco.InverseWishart(3.5, M @ T @ M.T),
        )
        fits.append(model.fit(seed=6, progress=False))
    for clusters in ("new", "observed"):
        one, two = (fit.effect(clusters=clusters).summary() for fit in fits)
        error = np.hypot(one["mcse"], two["mcse"])
        assert (abs(one["mean"] - two["mean"]) < 4 * error).all()
        assert float(error.max()) < 0.002


@pytest.fixture(scope="module")
def three_outcomes():
    frame = bmco.load_multisite()
    rng = np.random.default_rng(4)
    return frame.assign(y3=np.where(rng.random(len(frame)) < 0.7, frame["y1"], 1 - frame["y2"]))


@pytest.mark.parametrize("K", [1, 3])
def test_one_and_three_outcomes(three_outcomes, K):
    outcomes = ["y1", "y2", "y3"][:K]
    study = bmco.Study(three_outcomes, outcomes, "arm", "ctl", "trt", cluster="site")
    # seven logits from sparse patterns: the careful step size that the advice names
    fit = bmco.BGLMM(study, "arm").fit(seed=K, target_accept=0.97, progress=False)
    assert fit.diagnostics.ok, fit.diagnostics.verdict
    effect = fit.effect(clusters="observed", standardise="own")
    raw = three_outcomes.groupby("arm")[outcomes].mean().loc[["ctl", "trt"]].to_numpy()
    theta = effect.theta.mean(("chain", "draw"))
    # every group's own subjects in their own clusters: the fitted rate is nearly the raw one
    assert abs(theta.values - raw).max() < 0.02
    assert effect.delta.dims == ("chain", "draw", "outcome")
    new = fit.effect()
    assert (new.delta.std(("chain", "draw")) > 0.01).all()
    both = [side.probability for side in new.decide("any", "two-sided").sides]
    assert 0 < min(both) <= max(both) <= 1
    if K == 3:
        assert dict(effect.rho.sizes)["pair"] == 3


def test_every_term_random_and_no_random_intercept(multisite_study):
    everything = bmco.BGLMM(multisite_study, "1", "1 + arm")
    assert everything.terms.fixed == ()
    fit = everything.fit(draws=500, seed=2, progress=False)
    assert "beta" not in fit.idata["posterior"]
    # no covariate: observed clusters, each with both groups, give nearly the raw difference
    frame = bmco.load_multisite()
    raw = frame.groupby("arm")[["y1", "y2"]].mean()
    delta = fit.effect(clusters="observed", standardise="own").delta.mean(("chain", "draw"))
    assert abs(delta.values - (raw.loc["trt"] - raw.loc["ctl"]).to_numpy()).max() < 0.03

    slope = bmco.BGLMM(multisite_study, "arm * x", "0 + x")
    assert slope.terms.fixed == ("Intercept", "arm", "arm:x")
    assert slope.terms.random == ("x",)


def test_public_route_compiles_once_for_a_structure(monkeypatch, schools_study):
    """Other priors of the same families, other counts, another study of the same shape."""
    import nutpie

    from bmco_pymc.models import nutpie as engine
    from bmco_pymc.models import nuts as sampling

    monkeypatch.setattr(engine, "usable", lambda: False)

    compilations = []
    original = nutpie.compile_pymc_model

    def counted(*args, **kwargs):
        compilations.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(nutpie, "compile_pymc_model", counted)
    monkeypatch.setattr(sampling, "_COMPILED", type(sampling._COMPILED)())
    settings = {"draws": 50, "tune": 200, "seed": 1, "progress": False}

    def fitted(model):
        with pytest.warns(bmco.ConvergenceWarning):  # far too few draws, on purpose
            return model.fit(**settings).idata["posterior"]["beta"]

    model = bmco.BGLMM(schools_study, "method * baseline_ability", "1")
    first = fitted(model)
    assert len(compilations) == 1
    beta = bmco.Normal(0.2, sd=[5, 0.1, 0.1])
    other = fitted(model.with_priors(beta=beta, Sigma=bmco.LKJ(4, joint=True)))
    frame = bmco.load_schools()
    frame["math_pass"] = 1 - frame["math_pass"]
    with pytest.warns(bmco.InputWarning):
        study = bmco.Study(
            frame.iloc[:-3],
            ["reading_pass", "math_pass"],
            "method",
            "traditional",
            "new_method",
            cluster="school_id",
        )
    counts = fitted(bmco.BGLMM(study, "method * baseline_ability", "1"))
    assert len(compilations) == 1
    assert float(abs(first.mean() - other.mean())) > 1e-3
    assert float(abs(first.mean() - counts.mean())) > 1e-3
    # nothing is left over from the fits in between: not even the starting points
    assert np.array_equal(fitted(model), first)
    assert len(compilations) == 1


def test_public_route_has_the_same_posterior(monkeypatch, trial_model, trial_fit):
    """With a nutpie whose inner functions are not known, it compiles the PyMC model itself."""
    import nutpie

    from bmco_pymc.models import nutpie as engine

    assert engine.usable()  # or the tests of the compiled log-density test nothing
    monkeypatch.setattr(engine, "__version__", "0.99.0")
    assert not engine.usable()
    compilations = []
    original = nutpie.compile_pymc_model

    def counted(*args, **kwargs):
        compilations.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(nutpie, "compile_pymc_model", counted)
    fit = trial_model.fit(seed=4, progress=False)
    assert len(compilations) == 1
    one, two = trial_fit.summary(), fit.summary()
    error = np.hypot(one["mcse"], two["mcse"])
    assert (abs(one["mean"] - two["mean"]) < 4 * error).all()
    assert abs(np.log(one["sd"] / two["sd"])).max() < 0.1


def test_counts_and_rows_give_the_same_draws(multisite_study):
    frame = bmco.load_multisite().assign(x=lambda d: (d["x"] > 0).astype(float))
    columns = ["site", "arm", "x", "y1", "y2"]
    table = frame.groupby(columns, as_index=False).size().rename(columns={"size": "n"})
    fits = []
    for data, counts in ((frame, None), (table.sample(frac=1, random_state=1), "n")):
        study = bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt", cluster="site", counts=counts)
        model = bmco.BGLMM(study, "arm * x", "1 + arm")
        with pytest.warns(bmco.ConvergenceWarning):
            fits.append(model.fit(draws=50, tune=200, seed=1, progress=False))
    first, second = (fit.idata["posterior"].to_dataset() for fit in fits)
    assert first.identical(second)
    assert isinstance(table, pd.DataFrame)
