"""The row about simulated trials: how long many of them take, by the fast analysis and by NUTS."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from benchmarks import studies
from benchmarks.row import OURS, PLAIN, Quantity, Row, Run, Target

Clock = Callable[[], float]
Measures = dict[str, float]

JOBS = 2
MANY = 1000  # fits to which seconds are scaled
NUTS: dict[str, Any] = {"draws": 1000, "tune": 500, "chains": 2}


def row(quick: bool) -> Row:
    """Return the row; ``quick`` makes it small, to try the harness itself."""
    few = {"simulations": 20, "audit": 2}
    of_bglm, of_bglmm, audit = (200, 100, 10) if quick else (10_000, 2_000, 100)
    fits, loop = (10, 1) if quick else (40, 3)
    powers: dict[str, dict[str, Any]] = {
        "BGLM": {"model": "BGLM", "simulations": of_bglm, "audit": 0},
        "BGLMM": {"model": "BGLMM", "simulations": of_bglmm, "audit": 0},
        "BGLMM, audited": {"model": "BGLMM", "simulations": of_bglmm, "audit": audit},
    }
    ours = [
        Run(OURS, case, "simulation:power", asked, fill={**few, "audit": min(2, asked["audit"])})
        for case, asked in powers.items()
    ]
    by_nuts = Run(OURS, "NUTS", "simulation:fits", {"trials": fits}, fill={"trials": 2})
    plain = Run(PLAIN, "NUTS", "plain_fits:loop", {"trials": loop}, fill={"trials": 1})
    return Row(
        name="simulation",
        title="Simulated trials",
        note=(
            f"Power by simulation in {JOBS} processes, from the start of the interpreter to the "
            "printed result: imports, starting the workers and their loading of compiled code "
            "(warm caches) included; `evaluate_s` are the seconds of `evaluate` alone. BGLM: "
            f"{of_bglm} trials of 100 + 100 subjects, `group * age`, the fast analysis alone. "
            f"BGLMM: {of_bglmm} trials of 20 randomised clusters of 15 subjects, and again with "
            f"{audit} of them audited by NUTS. NUTS: {fits} such trials with `group * age` by "
            f'`engine="nuts"`, {NUTS["chains"]} × ({NUTS["tune"]} + {NUTS["draws"]}), averages '
            f"over new clusters and diagnostics included, with a second, longer fit where these "
            f"ask for it; scaled to {MANY} fits, the workers' start once. The plain model (same "
            f"posterior, same trials, same numbers of draws, its chains in parallel) is built, "
            f"compiled and sampled anew for each of {loop} trials, without θ, δ and diagnostics."
        ),
        runs=(*ours, by_nuts, plain),
        show=(
            *("answer_s", "evaluate_s", "power", "trials_per_s"),
            *("thousand_s", "per_fit_s", "start_s", "build_s", "compile_s", "sampling_s", "failed"),
        ),
        targets=(
            Target(f"BGLM, {of_bglm} trials: seconds", Quantity("answer_s", "BGLM"), at_most=10),
            Target(
                f"BGLMM, {of_bglmm} trials, {audit} audited: seconds",
                Quantity("answer_s", "BGLMM, audited"),
                at_most=120,
            ),
            Target(
                f"{MANY} fits by NUTS",
                Quantity("thousand_s", "NUTS"),
                Quantity("thousand_s", "NUTS", PLAIN),
                at_most=0.05,
            ),
        ),
        repeats=3,
    )


def power(since_start: Clock, model: str, simulations: int, audit: int, seed: int) -> Measures:
    """Go from nothing to printed operating characteristics."""
    warnings.simplefilter("ignore")
    import bmco_pymc as bmco

    imported = since_start()
    design, truth = _flat() if model == "BGLM" else _clustered()
    engine = bmco.Engine(simulations, seed, jobs=JOBS, audit=audit)
    start = time.perf_counter()
    found = design.evaluate(truth, engine=engine, progress=False)
    seconds = time.perf_counter() - start
    print(found)
    return {
        "answer_s": since_start(),
        "import_s": imported,
        "evaluate_s": seconds,
        "trials_per_s": simulations / seconds,
        "power": float(found.power[0]),
        "failed": float(found.failed[0]),
    }


def fits(since_start: Clock, trials: int, seed: int) -> Measures:
    """Analyse trials by NUTS, after some others for which the workers are started."""
    warnings.simplefilter("ignore")
    import bmco_pymc as bmco

    design, truth = _with_age()
    engine = bmco.Engine(trials, seed, jobs=JOBS, method="nuts", **NUTS)

    def analysed(engine: bmco.Engine) -> tuple[float, float]:
        start = time.perf_counter()
        found = design.evaluate(truth, engine=engine, progress=False)
        return time.perf_counter() - start, float(found.failed[0])

    before = 10 * JOBS if trials > 10 else 2  # a chunk of ten for each worker
    first, _ = analysed(replace(engine, simulations=before, first=trials))
    seconds, failed = analysed(engine)
    each = seconds / trials
    start = max(first - before * each, 0.0)
    return {
        "per_fit_s": each,
        "start_s": start,
        "thousand_s": start + MANY * each,
        "failed": failed,
    }


def trials_with_age(number: int, seed: int) -> Iterator[studies.Plan]:
    """Give the trials that `fits` analyses, as plain tables."""
    from bmco_pymc.trial.simulated.samples import Simulator

    design, truth = _with_age()
    simulator = Simulator.of(design, truth.truth(0), seed)
    for trial in range(number):
        yield studies.Plan(
            simulator.study(simulator.sample(trial)).data.reset_index(drop=True),
            outcomes=("y1", "y2"),
            group="group",
            control="control",
            treatment="treatment",
            covariate="age",
            cluster="cluster",
            random=(studies.INTERCEPT,),
        )


def _flat() -> tuple[Any, Any]:
    import bmco_pymc as bmco

    analysis = bmco.Analysis(bmco.BGLM, bmco.Rule("all"), fixed="group * age")
    truth = bmco.Scenario([0.4, 0.4], [0.6, 0.6], 0.2, covariates=_age())
    return bmco.Design(100, analysis), truth


def _clustered() -> tuple[Any, Any]:
    import bmco_pymc as bmco

    rule = bmco.Rule("all")
    analysis = bmco.Analysis(bmco.BGLMM, rule, fixed="group", random="1", clusters="new")
    truth = bmco.Scenario([0.4, 0.4], [0.6, 0.6], 0.2, icc=0.05, icc_between=0.02)
    return bmco.Design(clusters=20, size=15, analysis=analysis), truth


def _with_age() -> tuple[Any, Any]:
    """Return the same with a covariate, and the priors of the plain model."""
    import bmco_pymc as bmco

    priors = replace(bmco.Priors.bmco(), Sigma=bmco.LKJ(eta=1))
    analysis = bmco.Analysis(
        bmco.BGLMM, bmco.Rule("all"), fixed="group * age", random="1", priors=priors, clusters="new"
    )
    truth = bmco.Scenario(
        [0.4, 0.4], [0.6, 0.6], 0.2, icc=0.05, icc_between=0.02, covariates=_age()
    )
    return bmco.Design(clusters=20, size=15, analysis=analysis), truth


def _age() -> Any:
    from scipy import stats

    import bmco_pymc as bmco

    return bmco.Covariates({"age": stats.norm(50, 10)}, log_odds={"age": 0.03})
