"""The analyses on trial: how a study is simulated, which model it gets, what is asked of it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

import bmco_pymc as bmco
from validation import simulate
from validation.simulate import Clustered, Coefficients, Truth

INTERVAL = 0.95


@dataclass(frozen=True, eq=False)
class Analysis:
    """One row of the study's plan.

    Attributes
    ----------
    title : str
        What it is, for the report.
    stream : int
        Part of the seed, so that analyses do not share random numbers.
    replicates : int
        Studies in a full run.
    simulate : callable
        From a random generator to a study with its truth.
    model : callable
        From a table to the model, with the prior that the truth was drawn from.
    questions : mapping of str to dict
        Arguments of ``fit.effect`` by the name of the population.
    draws, tune : int
        Of each of 4 chains.
    """

    title: str
    stream: int
    replicates: int
    simulate: Callable[[np.random.Generator], Truth]
    model: Callable[[pd.DataFrame], Any]
    questions: Mapping[str, Mapping[str, Any]]
    draws: int
    tune: int


def _normal(prior: Coefficients) -> bmco.Normal:
    return bmco.Normal(prior.mean, sd=prior.sd)


def _study(table: pd.DataFrame, **roles: Any) -> bmco.Study:
    control, treatment = simulate.GROUPS
    return bmco.Study(table, simulate.OUTCOMES, "arm", control, treatment, **roles)


def _bmvb(table: pd.DataFrame) -> bmco.BMVB:
    control, treatment = simulate.ALPHA
    priors = bmco.Priors(phi=bmco.Dirichlet(control, treatment))
    return bmco.BMVB(_study(table), priors=priors)


def _bglm(table: pd.DataFrame) -> bmco.BGLM:
    priors = bmco.Priors(beta=_normal(simulate.FLAT), contrasts="reference")
    return bmco.BGLM(_study(table), fixed="arm * age", priors=priors)


def _bglmm(table: pd.DataFrame, design: Clustered) -> bmco.BGLMM:
    priors = bmco.Priors(
        beta=_normal(design.beta),
        gamma=_normal(design.gamma),
        Sigma=bmco.InverseWishart(design.nu, design.scale),
        contrasts="reference",
    )
    random = " + ".join(design.gamma.terms).replace("Intercept", "1")
    study = _study(table, cluster="site")
    return bmco.BGLMM(study, fixed="arm * age", random=random, priors=priors)


CLUSTERS: Mapping[str, Mapping[str, Any]] = {
    simulate.OBSERVED: {"clusters": "observed"},
    simulate.NEW: {"clusters": "new"},
}

ANALYSES: Mapping[str, Analysis] = {
    "bmvb": Analysis(
        title="BMVB, exact draws",
        stream=1,
        replicates=2000,
        simulate=simulate.bmvb,
        model=_bmvb,
        questions={simulate.WHOLE: {}},
        draws=1000,
        tune=0,
    ),
    "bglm": Analysis(
        title="BGLM, `arm * age`",
        stream=2,
        replicates=200,
        simulate=simulate.bglm,
        model=_bglm,
        questions={
            simulate.POOLED: {"population": bmco.Empirical()},
            simulate.OWN: {"population": bmco.Empirical(), "standardise": "own"},
            simulate.VALUE: {"population": bmco.Value(simulate.AGE)},
            simulate.ANALYTICAL: {"population": bmco.Analytical()},
            simulate.ANALYTICAL_OLDER: {"population": bmco.Analytical(simulate.OLDER)},
        },
        draws=500,
        tune=500,
    ),
    "bglmm-subject": Analysis(
        title="BGLMM, subjects randomised within clusters, `arm * age`, random `1 + arm`",
        stream=3,
        replicates=60,
        simulate=partial(simulate.bglmm, design=simulate.BY_SUBJECT),
        model=partial(_bglmm, design=simulate.BY_SUBJECT),
        questions=CLUSTERS,
        draws=500,
        tune=500,
    ),
    "bglmm-cluster": Analysis(
        title="BGLMM, whole clusters randomised, `arm * age`, random `1`",
        stream=4,
        replicates=60,
        simulate=partial(simulate.bglmm, design=simulate.BY_CLUSTER),
        model=partial(_bglmm, design=simulate.BY_CLUSTER),
        questions=CLUSTERS,
        draws=500,
        tune=500,
    ),
}


def replicate(name: str, seed: int, number: int) -> pd.DataFrame:
    """Simulate one study, fit it, and set every estimate beside its truth.

    Parameters
    ----------
    name : str
        The analysis.
    seed : int
        Seed of the whole run.
    number : int
        Which study; the same seed and number give the same study, in whatever order they run.

    Returns
    -------
    pandas.DataFrame
        A row for each population and quantity: ``truth``, posterior ``mean`` and ``sd``, ``lower``
        and ``upper`` end of the 95 % equal-tailed interval. ``divergences``, ``rhat`` (largest),
        ``ess`` (smallest) and ``seconds`` are of the fit, the same in each row.
    """
    analysis = ANALYSES[name]
    streams = np.random.SeedSequence([seed, analysis.stream, number]).spawn(2)
    truth = analysis.simulate(np.random.default_rng(streams[0]))
    start = time.perf_counter()
    with warnings.catch_warnings():
        # A simulated study may well be unusual (an outcome that does not vary, clusters of one
        # group); and convergence is counted over all fits instead of being warned of in each.
        warnings.simplefilter("ignore", bmco.InputWarning)
        warnings.simplefilter("ignore", bmco.ConvergenceWarning)
        fit = analysis.model(truth.table).fit(
            draws=analysis.draws,
            tune=analysis.tune,
            chains=4,
            cores=1,
            seed=int(streams[1].generate_state(1)[0]),
            progress=False,
        )
        tables = {simulate.PARAMETERS: fit.summary(INTERVAL)}
        for population, question in analysis.questions.items():
            tables[population] = fit.effect(**question).summary(INTERVAL)
    seconds = time.perf_counter() - start
    rows = pd.concat(
        pd.DataFrame(
            {
                "population": population,
                "quantity": table.index,
                "truth": [truth.values[population][label] for label in table.index],
                **{column: table[column].array for column in ("mean", "sd", "lower", "upper")},
            }
        )
        for population, table in tables.items()
    )
    rows.insert(0, "replicate", number)
    return rows.assign(
        divergences=fit.diagnostics.divergences or 0,
        rhat=fit.diagnostics.max_rhat,
        ess=fit.diagnostics.min_ess,
        seconds=seconds,
    ).reset_index(drop=True)
