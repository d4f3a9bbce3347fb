"""What is timed of the package; every function runs in a fresh process of its own."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks import studies
from benchmarks.clocks import compiler_passes, density_clock, sampling_clock
from benchmarks.judge import CHAINS, CORES, agreement, smallest_ess

if TYPE_CHECKING:
    import bmco_pymc as bmco

Clock = Callable[[], float]
Measures = dict[str, float]


def first_answer(
    since_start: Clock, name: str, draws: int, tune: int, seed: int, other: bool = False
) -> Measures:
    """Go from nothing to a printed decision, as in the README."""
    warnings.simplefilter("ignore")  # one group in each school; few draws where it is a rehearsal
    import bmco_pymc  # noqa: F401

    imported = since_start()
    plan = studies.plan(name, other=other)
    fit = _fit(_model(plan), draws, tune, seed)
    fitted = since_start()
    effect = fit.effect(clusters="new")
    print(effect)
    print(effect.decide("all"))
    answered = since_start()
    return {
        "answer_s": answered,
        "import_s": imported,
        "fit_s": fitted - imported,
        "effect_s": answered - fitted,
        **_quality(fit),
        **agreement(effect.theta.values),
    }


def next_answer(since_start: Clock, name: str, draws: int, tune: int, seed: int) -> Measures:
    """Ask again in the same process: another prior of the same families, then other counts."""
    warnings.simplefilter("ignore")
    import bmco_pymc as bmco

    model = _model(studies.plan(name))
    _answer(_fit(model, draws, tune, seed))
    priors = {"beta": bmco.Normal(0, sd=1), "Sigma": bmco.InverseWishart(nu=4, scale=0.2)}
    measures: Measures = {}
    questions: dict[str, Callable[[], bmco.BGLMM | bmco.BGLM]] = {
        "prior": lambda: model.with_priors(**priors),
        "counts": lambda: _model(studies.plan(name, other=True)),
    }
    for question, make in questions.items():
        with sampling_clock() as spent, compiler_passes() as passes:
            start = time.perf_counter()
            _answer(_fit(make(), draws, tune, seed + 1))
            seconds = time.perf_counter() - start
        measures |= {
            f"{question}_s": seconds,
            f"{question}_sampling_s": spent.nuts,
            f"{question}_overhead_s": seconds - spent.nuts,
            f"{question}_compilations": float(len(passes.buffer)),
        }
    return measures


def questions(since_start: Clock, draws: int, tune: int, seed: int) -> Measures:
    """Ask one fit for other populations and rules; without and with clusters, 300 cells."""
    warnings.simplefilter("ignore")
    import bmco_pymc as bmco

    schools = studies.plan("schools")
    measures: Measures = {}
    for analysis, clustered in (("bglm", False), ("bglmm", True)):
        fit = _fit(_model(schools, clustered=clustered), draws, tune, seed)
        clusters = "new" if clustered else None
        start = time.perf_counter()
        fit.effect(clusters=clusters).decide("all")
        measures[f"{analysis}_first_s"] = time.perf_counter() - start
        others: dict[str, Any] = {
            "value": bmco.Value(60),
            "range": bmco.Empirical(40, 60),
            "whole": bmco.Empirical(),
            "analytical": bmco.Analytical(),
        }
        for name, population in others.items():
            start = time.perf_counter()
            effect = fit.effect(population, clusters=clusters)
            effect.decide("any")
            measures[f"{analysis}_{name}_s"] = time.perf_counter() - start
        start = time.perf_counter()
        effect.decide("comp", w=[0.7, 0.3], margins=0.02)
        measures[f"{analysis}_rule_s"] = time.perf_counter() - start
        measures[f"{analysis}_cells"] = float(len(fit.model.cells))
        measures[f"{analysis}_largest_s"] = max(measures[f"{analysis}_{name}_s"] for name in others)
    return measures


def sampling(
    since_start: Clock,
    name: str,
    spread: str,
    draws: int,
    tune: int,
    seed: int,
    other: bool = False,
) -> Measures:
    """Sample, and judge the draws."""
    warnings.simplefilter("ignore")
    plan = studies.plan(name, other=other)
    model = _model(plan, spread=spread)
    with sampling_clock() as spent:
        fit = _fit(model, draws, tune, seed)
    effect = fit.effect()
    posterior = fit.idata["posterior"].to_dataset()
    names = [name for name in ("beta", "gamma", "Sigma") if name in posterior]
    ess = smallest_ess(
        {**{name: posterior[name].values for name in names}, "delta": effect.delta.values}
    )
    quality = _quality(fit) | {"sampling_s": spent.sampling}
    return {
        **quality,
        **ess,
        "ess_per_s": ess["ess"] / spent.sampling,
        **agreement(effect.theta.values),
    }


def large(
    since_start: Clock, n: int, clusters: int, stage: bool, draws: int, tune: int, seed: int
) -> Measures:
    """Go from a large table to a decision."""
    warnings.simplefilter("ignore")
    import bmco_pymc as bmco  # noqa: F401

    plan = studies.simulated(n, clusters, stage=stage)
    with sampling_clock() as spent:
        start = time.perf_counter()
        model = _model(plan)
        modelled = time.perf_counter()
        fit = _fit(model, draws, tune, seed)
        fitted = time.perf_counter()
        _answer(fit)
        answered = time.perf_counter()
    steps = float(fit.idata["sample_stats"]["n_steps"].sum())
    return {
        "answer_s": answered - start,
        "study_s": modelled - start,
        "fit_s": fitted - modelled,
        "effect_s": answered - fitted,
        "cells": float(len(model.cells)),
        "us_per_subject": 1e6 * (answered - start) / n,
        "steps_per_draw": steps / (CHAINS * draws),
        **_quality(fit),
        "sampling_s": spent.sampling,
    }


def exact(since_start: Clock, draws: int, seed: int) -> Measures:
    """Go from a table to a decision by exact draws."""
    warnings.simplefilter("ignore")
    import sys

    import bmco_pymc as bmco

    seconds = []
    for other in (True, False):  # the first does the imports
        plan = studies.plan("trial", other=other)
        start = time.perf_counter()
        study = bmco.Study(
            plan.table, list(plan.outcomes), plan.group, plan.control, plan.treatment
        )
        effect = bmco.BMVB(study).fit(draws=draws // CHAINS, chains=CHAINS, seed=seed).effect()
        print(effect.decide("all"))
        seconds.append(time.perf_counter() - start)
    heavy = sum(name in sys.modules for name in ("pymc", "pytensor", "nutpie"))
    return {
        "with_imports_s": seconds[0],
        "answer_s": seconds[1],
        "pymc_imported": float(heavy),
        "draws": float(effect.delta[..., 0].size),
    }


def gradient(since_start: Clock, n: int, clusters: int, seconds: float) -> Measures:
    """Time the log-posterior and its gradient: the function that the sampler calls."""
    warnings.simplefilter("ignore")
    from bmco_pymc.kernel.callbacks import log_density

    model = _model(studies.simulated(n, clusters))
    data = model.packed.ctypes.data
    each = density_clock(log_density.address, model.n_parameters, data, seconds)
    return {"gradient_us": 1e6 * each, "ns_per_cell": 1e9 * each / len(model.cells)}


def _model(plan: studies.Plan, *, spread: str = "InverseWishart", clustered: bool = True) -> Any:
    import bmco_pymc as bmco

    fixed, random = plan.formulas
    cluster = plan.cluster if clustered else None
    study = bmco.Study(
        plan.table,
        list(plan.outcomes),
        group=plan.group,
        control=plan.control,
        treatment=plan.treatment,
        cluster=cluster,
    )
    if cluster is None:
        return bmco.BGLM(study, fixed, bmco.Priors.bmco())  # that of the peers
    model = bmco.BGLMM(study, fixed, random, bmco.Priors.bmco())
    return model.with_priors(Sigma=bmco.LKJ(eta=1)) if spread == "LKJ" else model


def _fit(model: Any, draws: int, tune: int, seed: int) -> bmco.Fit:
    fit: bmco.Fit = model.fit(draws, tune, CHAINS, seed, cores=CORES, progress=False)
    return fit


def _answer(fit: bmco.Fit) -> None:
    effect = fit.effect()
    print(effect)
    print(effect.decide("all"))


def _quality(fit: bmco.Fit) -> Measures:
    return {
        "divergences": float(fit.diagnostics.divergences or 0),
        "rhat": fit.diagnostics.max_rhat,
        "min_ess": fit.diagnostics.min_ess,
    }
