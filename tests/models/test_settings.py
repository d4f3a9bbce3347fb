"""Settings, priors and covariates at the ends of what can be computed: words or right numbers."""

import math
import warnings

import numpy as np
import pytest

import bmco_pymc as bmco
from bmco_pymc.averaging.condense import Rows, condense
from bmco_pymc.averaging.new_clusters import average_phi_new
from bmco_pymc.diagnostics.scalars import assess
from bmco_pymc.models import nuts as sampling
from bmco_pymc.models import settings
from bmco_pymc.models.settings import Settings

pytestmark = pytest.mark.samples

HUGE = 10**30
ODD = [True, "4", 2.0, math.nan, math.inf, [4], np.array([4, 4]), -1, HUGE]


NAMES = ["draws", "tune", "chains", "seed", "cores", "target_accept"]


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("name", NAMES)
def test_odd_settings_are_refused(name, value, trial_model, trial_study):
    # without tuning there is nothing to hold
    exact = [] if name == "tune" and value is HUGE else [bmco.BMVB(trial_study)]
    for model in (trial_model, *exact):
        with pytest.raises(bmco.InputError) as caught:
            model.fit(progress=False, **{name: value})
        assert caught.value.argument == name
        assert caught.value.value is value


@pytest.mark.parametrize(
    ("name", "value"),
    [("tune", 0), ("seed", 2**64), ("cores", 10**6), ("target_accept", 0), ("target_accept", 1)],
)
def test_bounds(name, value):
    with pytest.raises(bmco.InputError, match=f"{name}={value}"):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"draws": 10**12}, "draws"),
        ({"tune": 10**12}, "tune"),
        ({"chains": 10**10}, "chains"),
        ({"chains": 50_000, "draws": 10**8}, "draws"),
    ],
)
def test_draws_that_cannot_be_held(given, argument, trial_model):
    with pytest.raises(bmco.InputError, match="GB of memory") as caught:
        trial_model.fit(**given)
    assert caught.value.argument == argument
    with pytest.raises(bmco.InputError, match="draws=1000000000000: takes about"):
        trial_model.prior_effect(draws=10**12)


def test_memory_is_counted(trial_study, monkeypatch):
    model = bmco.BMVB(trial_study)
    numbers = settings.of_one_draw(model)
    assert numbers == 2 * 2 * 4
    plan = Settings(draws=1000, chains=4)
    assert plan.gigabytes(numbers, warm_up=False) == pytest.approx(4 * 1000 * 16 * 8 / 1e9)
    assert 0.5 < settings.memory() < 1e5
    monkeypatch.setattr(settings, "memory", lambda: 1e-4)
    model.fit(100, seed=1)
    with pytest.raises(bmco.InputError, match="draws=1000: takes about 0.000512 GB"):
        model.fit(1000, seed=1)


@pytest.mark.filterwarnings("ignore::bmco_pymc.ConvergenceWarning")
def test_the_least_settings_work(trial_model):
    fit = trial_model.fit(1, 1, 1, 2**64 - 1, cores=np.int64(1), progress=False)
    assert dict(fit.idata["posterior"].sizes)["draw"] == 1
    assert fit.idata.attrs["seed"] == 2**64 - 1
    assert not fit.diagnostics.ok
    assert np.isnan(assess(np.ones((2, 1, 1)))["rhat"]).all()


def test_a_panic_becomes_words(trial_model, capfd):
    """nutpie panics in Rust without tuning, which the settings refuse."""
    none = Settings(draws=10, seed=1)
    object.__setattr__(none, "tune", 0)
    with pytest.raises(bmco.SamplingError, match="gave up .*The usual reason"):
        sampling.sample(trial_model, none, progress=False)
    capfd.readouterr()  # Rust's own words


def test_what_nutpie_raises_becomes_words(trial_model, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("All initialization points failed\n\nStack backtrace:")

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("nutpie.sample", broken)
    with pytest.raises(bmco.SamplingError) as caught:
        trial_model.fit(10, 10, progress=False)
    assert str(caught.value).startswith("the sampler gave up (All initialization points failed). ")
    monkeypatch.setattr("nutpie.sample", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trial_model.fit(10, 10, progress=False)


@pytest.mark.parametrize("size", [1e-300, 1e-220, 1e220, 1e300])
@pytest.mark.parametrize(
    ("argument", "make"),
    [
        ("sd", lambda x: bmco.Normal(0, sd=x)),
        ("sd", lambda x: bmco.Normal(0, sd=[1, x])),
        ("covariance", lambda x: bmco.Normal(0, covariance=x)),
        ("precision", lambda x: bmco.Normal(0, precision=np.diag([1, x]))),
        ("scale", lambda x: bmco.InverseWishart(scale=[x, 1])),
        ("sigma", bmco.HalfNormal),
        ("scale", bmco.Exponential),
        ("sigma", lambda x: bmco.HalfStudentT(3, x)),
        ("eta", bmco.LKJ),
        ("alpha", bmco.Dirichlet),
    ],
)
def test_numbers_that_cannot_be_squared_are_refused(argument, make, size):
    with pytest.raises(bmco.InputError) as caught:
        make(size)
    assert caught.value.argument == argument


def delta_of(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.ConvergenceWarning)
        effect = model.fit(500, 500, seed=1, progress=False).effect()
    return effect.delta.mean(("chain", "draw")).values


def with_sd(model, sd):
    return model.with_priors(bmco.Priors.bmco(), beta=bmco.Normal(0, sd=sd))


@pytest.mark.filterwarnings("ignore:the prior overrules")
def test_priors_at_the_ends_of_the_range_have_right_answers(trial_model):
    assert delta_of(with_sd(trial_model, 1e-50)) == pytest.approx([0, 0], abs=1e-9)
    flat = delta_of(with_sd(trial_model, 1e4))
    assert delta_of(with_sd(trial_model, 1e50)) == pytest.approx(flat, abs=0.008)  # MCSE .002
    with pytest.raises(bmco.InputError, match="mean="):
        bmco.Normal(1e200, sd=1)


def test_covariates_of_any_size_that_can_be_squared(trial_model):
    table = bmco.load_trial()

    def rescaled(by):
        data = table.assign(x=table["x"] * by)
        model = bmco.BGLM(bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt"), "arm * x")
        return model.with_priors(bmco.Priors.recommended(model))

    usual = delta_of(rescaled(1.0))
    for by in (1e-90, 1e-40, 1e40, 1e90):
        assert delta_of(rescaled(by)) == pytest.approx(usual, abs=0.008)  # MCSE .002


@pytest.mark.parametrize("variance", [1e30, 1e60, 1e100])
def test_averages_over_clusters_that_have_nothing_in_common(variance):
    """Then the largest of (u, 0) decides: of two logits, 0 is largest with probability 1/4."""
    X, Z = np.empty((1, 0)), np.ones((1, 1))
    beta, gamma = np.zeros((1, 0, 2)), np.zeros((1, 1, 2))
    Sigma = np.full((1, 2, 1, 1), variance)
    phi = average_phi_new(beta, gamma, Sigma, X, Z, np.ones(1))[0]
    assert phi == pytest.approx([3 / 8, 3 / 8, 1 / 4], abs=1e-3)


def test_rows_on_a_steep_line_stay_rows():
    x = np.linspace(-1, 1, 200)[:, None]
    rows = Rows(x, np.empty((200, 0)), np.ones(200), None)
    kept = condense(rows, lambda *_: 1e300)
    assert np.array_equal(kept.X, x)
