"""Whatever the value of whatever argument: an `InputError`, a warning or an answer, nothing else.

Each public function is called with one argument replaced by an odd value. What comes of it is an
`InputError` that names an argument, or a result. Hypothesis picks the calls; the same ones each
time, so that a failure can be repeated.
"""

import datetime
import decimal
import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bmco_pymc as bmco

pytestmark = pytest.mark.samples


class Nameless:
    """Something that cannot even say what it is."""

    def __repr__(self) -> str:
        raise RuntimeError("no name")


ODD: tuple[Any, ...] = (
    None,
    "",
    "inf",
    "y1",
    "a/b $x$",
    "x +",
    b"y1",
    float("nan"),
    float("inf"),
    -float("inf"),
    -1,
    0,
    1,
    3,
    0.5,
    1e-300,
    1e300,
    2**64,
    -(2**70),
    10**400,
    10**5000,
    True,
    1j,
    decimal.Decimal("0.3"),
    datetime.date(2026, 1, 1),
    pd.Timestamp("2026-01-01", tz="UTC"),
    pd.NA,
    (),
    [],
    {},
    set(),
    range(3),
    [None],
    ["y1", "y1"],
    ["y1", "y2"],
    [0.1, 0.2],
    [np.nan, 0.1],
    ["a", 1],
    {"y1": 0.1},
    {"y1": 0.1, "y2": "b"},
    {1: 2},
    np.zeros(0),
    np.zeros((2, 2)),
    np.zeros((2, 2, 2)),
    np.array(["a", "b"]),
    np.array([object(), None]),
    pd.Series([1, 2]),
    pd.DataFrame({"a": [1]}),
    xr.DataArray([1.0, 2.0]),
    object(),
    Nameless(),
    object,
    len,
    ...,
    slice(None),
    bmco.Value(0),
    bmco.Value(z=1),
    bmco.Empirical(query="nothing == 1"),
    bmco.Analytical(severity=(0, 1)),
    bmco.Target(pd.DataFrame({"x": [0.5], "y1": ["a"]})),
    bmco.Normal(0, sd=1),
    bmco.InverseWishart(9),
    bmco.Dirichlet(1),
    bmco.HalfNormal(2),
)


@dataclass(frozen=True)
class Call:
    """A public function, with arguments that are good."""

    name: str
    function: Callable[..., Any]
    good: dict[str, Any]
    leave_out: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """Return the names of its arguments."""
        found = []
        for name, parameter in inspect.signature(self.function).parameters.items():
            kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
            if parameter.kind not in kinds and name not in self.leave_out:
                found.append(name)
        return found

    def with_odd(self, argument: str, value: Any) -> Any:
        """Call it with one argument replaced."""
        positional, named = [], {}
        for name, given_value in (self.good | {argument: value}).items():
            kind = inspect.signature(self.function).parameters[name].kind
            if kind is inspect.Parameter.POSITIONAL_ONLY:
                positional.append(given_value)
            else:
                named[name] = given_value
        return self.function(*positional, **named)


def _calls(tmp_path: Any) -> list[Call]:
    trial = bmco.load_trial()
    roles: dict[str, Any] = {
        "outcomes": ["y1", "y2"],
        "group": "arm",
        "control": "ctl",
        "treatment": "trt",
    }
    study = bmco.Study(trial, **roles)
    sites = bmco.Study(bmco.load_multisite(), **roles, cluster="site")
    flat = bmco.BGLM(study, "arm * x + severity")
    nested = bmco.BGLMM(sites, "arm * x", "1")
    few: dict[str, Any] = {"draws": 30, "tune": 60, "chains": 2, "seed": 1, "progress": False}
    quiet = {"progress": False}
    quick = {"draws": 30, "tune": 60, "chains": 1, "seed": 1, "progress": False, "cores": 1}
    exact = bmco.BMVB(study).fit(draws=50, seed=1)
    fits = {"flat": flat.fit(**few), "nested": nested.fit(**few), "exact": exact}
    effects = {name: fit.effect() for name, fit in fits.items()}
    curve = fits["flat"].curve("x", at=[0.0, 1.0], progress=False)
    groups = fits["flat"].effects_by("severity", progress=False)
    several = bmco.compare({"a": exact, "b": fits["flat"]}, progress=False)
    saved = tmp_path / "exact.zarr.zip"
    exact.save(saved)
    seen = trial["y2"].astype(float).mask(trial.index % 5 == 0)
    in_part = bmco.Study(trial.assign(y2=seen), **roles, missing="mar")
    partly = bmco.BMVB(in_part).fit(draws=50, seed=1)
    tipping = partly.tipping_point([-1, 1])
    columns = {"grp": "arm", "grp_a": "ctl", "grp_b": "trt", "y_vars": ["y1", "y2"]}
    calls = [
        Call("Study", bmco.Study, {"data": trial, **roles}),
        Call("cells", study.cells, {}),
        Call("BMVB", bmco.BMVB, {"study": study}),
        Call("BGLM", bmco.BGLM, {"study": study, "fixed": "arm * x"}),
        Call("BGLMM", bmco.BGLMM, {"study": sites, "fixed": "arm * x", "random": "1"}),
        Call("BMVB.fit", bmco.BMVB(study).fit, {"draws": 20, "seed": 1}),
        Call("BGLM.fit", flat.fit, quick),
        Call("prior_effect", flat.prior_effect, {"draws": 20, "seed": 1}),
        Call("with_priors", flat.with_priors, {}),
        Call("update", exact.update, {}),
        Call("save", exact.save, {"path": saved, "overwrite": True}),
        Call("load", bmco.load, {"path": saved}),
        Call("plot_trace", exact.plot_trace, {}),
        Call("plot_shrinkage", fits["nested"].plot_shrinkage, {}),
        Call("plot_clusters", fits["nested"].plot_clusters, {"progress": False}),
        Call("loo clusters", fits["nested"].loo, {"progress": False}),
        Call("curve", fits["flat"].curve, {"covariate": "x", "at": [0.0, 1.0], **quiet}),
        Call("effects_by", fits["flat"].effects_by, {"by": "severity", "progress": False}),
        Call("nested.curve", fits["nested"].curve, {"covariate": "x", "at": [0.0, 1.0], **quiet}),
        Call("nested.effects_by", fits["nested"].effects_by, {"by": "x", "bins": 2, **quiet}),
        Call("curve.decide", curve.decide, {}),
        Call("curve.plot", curve.plot, {}),
        Call("curve.summary", curve.summary, {}),
        Call("groups.decide", groups.decide, {}),
        Call("groups.plot", groups.plot, {}),
        Call("groups.summary", groups.summary, {}),
        Call("compare", bmco.compare, {"models": {"a": exact, "b": exact}, "progress": False}),
        Call("comparison.plot", several.plot, {}),
        Call("community", bmco.community_of_priors, {"model": flat}),
        Call("decide", bmco.decide, {"delta": effects["exact"].delta, "rule": "All"}),
        Call("plot_effect", bmco.plot_effect, {"effect": effects["exact"]}),
        Call("Value", lambda value: len(bmco.Value(value).values), {"value": 1}),
        Call("Empirical", bmco.Empirical, {}),
        Call("Analytical", bmco.Analytical, {}),
        Call("Target", bmco.Target, {"frame": trial}),
        Call("tipping_point", partly.tipping_point, {"shift": [-1, 1]}),
        Call("tipping.at", tipping.at, {"treatment": -0.5}),
        Call("overlap", fits["flat"].overlap, {"target": bmco.Target(trial)}),
        Call("Normal", bmco.Normal, {"sd": 1}),
        Call("InverseWishart", bmco.InverseWishart, {}),
        Call("LKJ", bmco.LKJ, {}),
        Call("Dirichlet", bmco.Dirichlet, {}),
        Call("from_history", bmco.Dirichlet.from_history, {"counts": [3, 7]}),
        Call("Mixture", bmco.Mixture, {"control": [(0.8, [11, 32]), (0.2, 1)]}),
        Call("map_prior", bmco.map_prior, {"r": [1, 2], "n": [5, 6]}),
        Call("HalfNormal", bmco.HalfNormal, {}),
        Call("HalfStudentT", bmco.HalfStudentT, {}),
        Call("Exponential", bmco.Exponential, {}),
        Call("Priors", bmco.Priors, {}),
        Call("recommended", bmco.Priors.recommended, {"source": study}),
        Call("phi", bmco.phi_from_theta_rho, {"theta": [0.5, 0.4], "rho": 0.1}),
        Call("theta", bmco.theta_from_phi, {"phi": [0.5, 0.2, 0.2, 0.1]}),
        Call("rho", bmco.rho_from_phi, {"phi": [0.5, 0.2, 0.2, 0.1]}),
    ]
    calls += _populations(fits["flat"]) + _priors(study, sites) + _rstyle(trial, columns)
    calls += _plans(exact)
    for name, fit in fits.items():
        calls += [
            Call(f"{name}.effect", fit.effect, {}),
            Call(f"{name}.predict", fit.predict, {"frame": trial[:3], **quiet}),
            Call(f"{name}.summary", fit.summary, {}),
            Call(f"{name}.predictive", fit.predictive, {"draws": 20}),
            Call(f"{name}.check", fit.check, {"draws": 20}),
            Call(f"{name}.plot_check", fit.plot_check, {"draws": 20}),
            Call(f"{name}.loo", fit.loo, {"progress": False}),
            Call(f"{name}.log_likelihood", fit.log_likelihood, {"progress": False}),
            Call(f"{name}.sensitivity", fit.sensitivity, {"powers": [0.5, 2]}),
        ]
    for name, effect in effects.items():
        calls += [
            Call(f"{name} decide", effect.decide, {}),
            Call(f"{name} report", effect.report, {}),
            Call(f"{name} summary", effect.summary, {}),
            Call(f"{name} text", effect.text, {}),
            Call(f"{name} plot_theta", effect.plot_theta, {}),
            Call(f"{name} plot_delta", effect.plot_delta, {}),
            Call(f"{name} plot_joint", effect.plot_joint, {}),
        ]
    return calls


def _plans(exact: bmco.Fit) -> list[Call]:
    """Return what plans a trial."""
    analysis = bmco.Analysis(bmco.BMVB, bmco.Rule("any"))
    design = bmco.Design(8, analysis, outcomes=2)
    truth = bmco.Scenario([0.3, 0.3], [0.7, 0.7])
    few = bmco.Study(bmco.load_trial().iloc[:8], ["y1", "y2"], "arm", "ctl", "trt")
    found = {
        "power": design.evaluate(truth),
        "type_one": design.type_one(progress=False),
        "size": design.size_for(truth, 0.5, most=60, progress=False),
        "prediction": design.predict(few),
    }
    size = {"truth": truth, "power": 0.5, "most": 40, "progress": False}
    calls = [
        Call("Scenario", bmco.Scenario, {"control": [0.3, 0.3], "treatment": [0.5, 0.5]}),
        Call("Rule", bmco.Rule, {}),
        Call("Analysis", bmco.Analysis, {"model": bmco.BMVB}),
        Call("run", analysis.run, {"study": few}),
        Call("Design", bmco.Design, {"n": 8, "analysis": analysis}),
        Call("Looks", bmco.Looks, {"n": [4, 8]}),
        Call("HSD", bmco.HSD, {}),
        Call("evaluate", design.evaluate, {"truth": truth, "progress": False}),
        Call("type_one", design.type_one, {"progress": False}),
        Call("calibrate", design.calibrate, {"level": 0.05, "progress": False}),
        Call("size_for", design.size_for, size),
        Call("predict", design.predict, {"study": few, "simulations": 200}),
        Call("optimal_weights", bmco.optimal_weights, {"truth": truth}),
        Call("scenario", exact.scenario, {"draws": 5}),
    ]
    for kind, result in found.items():
        calls += [
            Call(f"{kind}.plot", result.plot, {}),
            Call(f"{kind}.report", result.report, {}),
        ]
    return calls


def _populations(fit: bmco.Fit) -> list[Call]:
    """Return what asks a fit about populations of one odd value."""

    def value(x: Any, severity: Any) -> Any:
        return fit.effect(bmco.Value(x=x, severity=severity))

    def subjects(x: Any, query: Any, mask: Any) -> Any:
        return fit.effect(bmco.Empirical(x=x, query=query, mask=mask))

    def normal(x: Any) -> Any:
        return fit.effect(bmco.Analytical(x=x))

    def rows(x: Any, severity: Any, n: Any) -> Any:
        columns = {"x": x, "severity": severity, "n": n}
        frame = {name: pd.Series([one, one], dtype=object) for name, one in columns.items()}
        return fit.effect(bmco.Target(pd.DataFrame(frame), weights="n"))

    everybody = {"query": None, "mask": None}
    return [
        Call("value", value, {"x": 0.0, "severity": "mild"}),
        Call("subjects", subjects, {"x": (-9, 9), **everybody}),
        Call("normal", normal, {"x": (-9, 9)}),
        Call("rows", rows, {"x": 0.0, "severity": "mild", "n": 1}),
    ]


def _priors(study: bmco.Study, sites: bmco.Study) -> list[Call]:
    """Return what gives models priors with one odd value, and draws from the prior."""
    flat, nested = bmco.BGLM(study, "arm * x"), bmco.BGLMM(sites, "x", "1 + arm")

    def drawn(model: Any, **priors: Any) -> Any:
        return model.with_priors(**priors).prior_effect(draws=20, seed=1)

    def normal(mean: Any, sd: Any, covariance: Any, precision: Any) -> Any:
        return drawn(flat, beta=bmco.Normal(mean, sd, covariance, precision))

    def dirichlet(alpha: Any, treatment: Any) -> Any:
        model = bmco.BMVB(study, bmco.Priors(phi=bmco.Dirichlet(alpha, treatment)))
        return drawn(model), model.fit(draws=20, seed=1)

    def mixture(weight: Any, alpha: Any, treatment: Any) -> Any:
        prior = bmco.Mixture([(weight, alpha), (0.2, 1)], treatment)
        model = bmco.BMVB(study, bmco.Priors(phi=prior))
        return drawn(model), model.fit(draws=20, seed=1)

    def wishart(nu: Any, scale: Any) -> Any:
        return drawn(nested, Sigma=bmco.InverseWishart(nu, scale))

    def lkj(eta: Any, sd: Any, joint: Any, basis: Any) -> Any:
        return drawn(nested, Sigma=bmco.LKJ(eta, sd, joint, basis))

    def spread(sigma: Any, scale: Any, nu: Any) -> Any:
        sds = bmco.HalfNormal(sigma), bmco.Exponential(scale), bmco.HalfStudentT(nu, sigma)
        return [drawn(nested, Sigma=bmco.LKJ(sd=sd)) for sd in sds]

    def fields(beta: Any, gamma: Any, Sigma: Any, cross: Any, contrasts: Any, filled: Any) -> Any:
        coefficients: Any = {"beta": beta, "gamma": gamma, "Sigma": Sigma, "cross": cross}
        priors = bmco.Priors(**coefficients, contrasts=contrasts, filled=filled)
        return drawn(bmco.BGLMM(sites, "x", "1 + arm", priors))

    def replaced(beta: Any, phi: Any, unknown: Any) -> Any:
        more = {} if unknown is None else {"unknown": unknown}
        return flat.with_priors(beta=beta, phi=phi, **more)

    one, none = bmco.Normal(0, sd=1), {"cross": None, "contrasts": None, "filled": ()}
    return [
        Call("normal prior", normal, {"mean": 0, "sd": None, "covariance": None, "precision": 1}),
        Call(
            "normal prior, sd", normal, {"mean": 0, "sd": 1, "covariance": None, "precision": None}
        ),
        Call("dirichlet prior", dirichlet, {"alpha": 1, "treatment": 2}),
        Call("mixture prior", mixture, {"weight": 0.8, "alpha": 1, "treatment": None}),
        Call("wishart prior", wishart, {"nu": 3, "scale": 1}),
        Call("lkj prior", lkj, {"eta": 2, "sd": bmco.HalfNormal(), "joint": True, "basis": None}),
        Call("priors of sds", spread, {"sigma": 1, "scale": 1, "nu": 3}),
        Call("priors", fields, {"beta": one, "gamma": one, "Sigma": bmco.LKJ(), **none}),
        Call("replaced priors", replaced, {"beta": one, "phi": None, "unknown": None}),
    ]


def _rstyle(trial: pd.DataFrame, columns: dict[str, Any]) -> list[Call]:
    """Return the calls of bmco."""
    few = {"n_it": 30, "progress": False, "seed": 1}
    nested = {"data": bmco.load_multisite(), **columns, "x_var": "x", "id_var": "site"}
    short = {"n_burn": 60, "n_chain": 1, **few}
    start = ("start",)  # has no meaning, so that anything goes
    return [
        Call("bmvb", bmco.bmvb, {"data": trial, **columns, **few}),
        Call("bglm", bmco.bglm, {"data": trial, **columns, "x_var": "x", **short}, start),
        Call("bglmm", bmco.bglmm, {**nested, **short}, start),
    ]


class Pairs(list[tuple[Call, str]]):
    """Calls, each with the name of one argument."""

    def __repr__(self) -> str:
        """Return few words: hypothesis prints what an example was called with."""
        return f"{len(self)} arguments"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Every call, with each of its arguments."""
    folder = tmp_path_factory.mktemp("odd")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calls = _calls(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # some odd values are good names of files
        yield Pairs((call, name) for call in calls for name in call.arguments())


def try_odd(call: Call, argument: str, value: Any) -> None:
    """Nothing but an `InputError`, a warning or an answer may come out."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = call.with_odd(argument, value)
            str(result)
    except bmco.InputError:
        pass
    except Exception as error:
        kind = type(value).__name__
        what = f"{call.name}({argument}=, a {kind}): {type(error).__name__}: {error}"
        raise AssertionError(what) from error
    finally:
        plt.close("all")


@pytest.mark.slow
@settings(
    max_examples=1600,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(place=st.integers(0, 2**20 - 1), value=st.sampled_from(range(len(ODD))))
def test_odd_values_give_an_error_in_words_or_an_answer(pairs, place, value):
    call, argument = pairs[place % len(pairs)]
    try_odd(call, argument, ODD[value])


def test_what_an_analysis_or_a_design_does_not_have():
    study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    with pytest.raises(bmco.InputError, match=r"fit='BMVB': has no coefficients"):
        bmco.BMVB(study).fit(draws=400, seed=1).coefficients()
    design = bmco.Design(n=40, analysis=bmco.Analysis(bmco.BMVB), outcomes=2)
    with pytest.raises(bmco.InputError, match="has no clusters"):
        design.with_clusters(number=8)
