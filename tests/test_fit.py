"""The same analysis with other data, priors or settings."""

import numpy as np
import pytest

import bmco_pymc as bmco

pytestmark = pytest.mark.samples

FEW = {"draws": 300, "tune": 300, "progress": False}


@pytest.fixture
def compilations(monkeypatch):
    """Everything that numba or, of PyMC models, nutpie is asked to compile."""
    import nutpie
    from numba.core import event

    listener = event.RecordingListener()
    original = nutpie.compile_pymc_model

    def counted(*args, **kwargs):
        listener.buffer.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(nutpie, "compile_pymc_model", counted)
    with event.install_listener("numba:compile", listener):
        yield listener.buffer


@pytest.mark.filterwarnings("ignore::bmco_pymc.ConvergenceWarning")  # few draws, on purpose
def test_compiles_nothing(trial_fit, compilations):
    again = trial_fit.update(**FEW)
    assert again.idata.attrs["seed"] == trial_fit.idata.attrs["seed"] == 1
    assert again.idata["posterior"].sizes["draw"] == 300

    # a prior that leaves no room: the coefficients are where it says
    prior = {"beta": bmco.Normal(0.7, sd=1e-3)}
    with pytest.warns(bmco.InputWarning, match=r"overrules the scale of x \(0.0009"):
        narrow = trial_fit.update(priors=prior, **FEW)
    assert abs(narrow.idata["posterior"]["beta"] - 0.7).max() < 0.006
    assert str(trial_fit.model.priors.beta) == "Normal(mean=0, covariance=10)"

    # successes and failures of both outcomes swapped: effects of the other sign
    frame = bmco.load_trial()
    opposite = trial_fit.update(frame.assign(y1=1 - frame["y1"], y2=1 - frame["y2"]), **FEW)
    one, other = (fit.effect().delta.mean(("chain", "draw")) for fit in (again, opposite))
    error = again.effect().summary()["mcse"].filter(like="delta").to_numpy()
    assert (abs(one).values > 10 * error).all()
    assert (abs(one + other).values < 5 * np.sqrt(2) * error).all()
    assert not compilations


def test_settings_and_data(trial_study):
    frame = bmco.load_trial()
    prior = bmco.Priors(phi=bmco.Dirichlet(1))
    fit = bmco.BMVB(trial_study, prior).fit(draws=700, chains=2, seed=5)
    again = fit.update()
    assert again.idata.identical(fit.idata)
    assert fit.update(seed=6).idata.attrs["seed"] == 6
    assert fit.update(draws=600).idata["posterior"].sizes["draw"] == 600

    half = fit.update(frame[:120])
    fresh = bmco.BMVB(half.model.study, prior).fit(draws=700, chains=2, seed=5)
    assert half.model.study.n_input == 120
    assert half.idata.identical(fresh.idata)
    assert not half.idata.identical(fit.idata)
    study = bmco.Study(frame, ["y2"], "arm", "trt", "ctl")  # a study brings its own roles
    assert fit.update(study).effect().delta.coords["outcome"].values.tolist() == ["y2"]

    wide = fit.update(priors=bmco.Priors())  # nothing given: what is recommended
    assert wide.model.describe_priors() == {"phi": "Dirichlet(alpha=2/Q)"}
    kept = fit.update(priors={"beta": bmco.Normal(0, sd=1)}).model.priors
    assert (str(kept.phi), str(kept.beta)) == ("Dirichlet(alpha=1)", "Normal(mean=0, sd=1)")


def test_what_does_not_fit(trial_study, trial_fit):
    fit = bmco.BMVB(trial_study).fit(draws=500, seed=1)
    with pytest.raises(bmco.InputError, match="outcomes='y2': the data have no such column"):
        fit.update(bmco.load_trial().drop(columns="y2"))
    with pytest.raises(bmco.InputError, match="priors=3: must be Priors, or a mapping"):
        fit.update(priors=3)  # type: ignore[arg-type]
    with pytest.raises(bmco.InputError, match="there is no such prior"):
        fit.update(priors={"delta": bmco.Normal(0, sd=1)})
    with pytest.raises(bmco.InputError, match=r"thin=2: there is no such setting.*'draws', 'tune'"):
        fit.update(thin=2)
    with pytest.raises(bmco.InputError, match="foo=1: there is no such setting.*'standardise'"):
        fit.sensitivity(foo=1)
    with pytest.raises(bmco.InputError, match="foo=1: there is no such setting.*'standardise'"):
        fit.model.prior_effect(foo=1)
    with pytest.raises(bmco.InputError, match="foo=1: there is no such setting.*'draws', 'tune'"):
        trial_fit.update(foo=1)


def test_a_loaded_fit_is_updated_alike(trial_study, tmp_path):
    fit = bmco.BMVB(trial_study).fit(draws=500, chains=3, seed=8)
    fit.save(tmp_path / "fit.zip")
    data = bmco.load_trial()[30:]
    one, other = fit.update(data), bmco.load(tmp_path / "fit.zip").update(data)
    assert one.idata.identical(other.idata)
    assert np.array_equal(one.effect().phi, other.effect().phi)


def test_warns_at_the_line_that_asks(trial_study, tmp_path):
    with pytest.warns(bmco.ConvergenceWarning) as first:
        fit = bmco.BMVB(trial_study).fit(draws=20, seed=8)
    fit.save(tmp_path / "fit.zip")
    with pytest.warns(bmco.ConvergenceWarning) as second:
        fit.update(seed=9)
    with pytest.warns(bmco.ConvergenceWarning) as third:
        again = bmco.load(tmp_path / "fit.zip")
    caught = [*first, *second, *third]
    assert [warning.filename for warning in caught] == [__file__] * 3
    assert again.diagnostics.verdict == fit.diagnostics.verdict
