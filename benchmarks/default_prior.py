"""What the recommended prior costs: time per effective draw, beside bmco's priors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.clocks import density_clock, sampling_clock
from benchmarks.judge import CHAINS, CORES, smallest_ess
from benchmarks.row import OURS, Quantity, Row, Run, Target

Clock = Callable[[], float]

AT_MOST = 1.5
# Either prior has the machine's quicker moments: of so many turns, the quickest counts.
TURNS, FITS = 20, 5


@dataclass(frozen=True)
class Case:
    """A simulated study, its covariate standardised, and the random terms of its analysis.

    Attributes
    ----------
    n, K : int
        Subjects and outcomes.
    clusters : int
        0 for none.
    random : str
        Formula of what varies between them.
    whole : bool
        Whether whole clusters are randomised.
    """

    n: int
    K: int
    clusters: int = 0
    random: str = "1"
    whole: bool = False


CASES = {
    "BGLM, K = 2": Case(200, 2),
    "BGLM, K = 3": Case(300, 3),
    "BGLM, K = 4": Case(500, 4),
    "random intercept": Case(300, 2, 20),
    "random slope": Case(300, 2, 20, "1 + arm"),
    "random slope, 100 clusters": Case(3000, 2, 100, "1 + arm"),
    "random intercept, K = 3": Case(600, 3, 20),
    "whole clusters": Case(600, 2, 24, whole=True),
    "whole clusters, random slope": Case(600, 2, 24, "1 + arm", whole=True),
}


def row(quick: bool, nuts: Mapping[str, Any], few: Mapping[str, Any]) -> Row:
    """Return the row of the default prior."""
    seconds = 0.05 if quick else 0.5
    runs = tuple(
        Run(
            OURS,
            case,
            "default_prior:cost",
            {"name": case, "seconds": seconds, **nuts},
            fill={"seconds": 0.05, **few, "name": "random intercept"},
        )
        for case in CASES
    )
    kinds = {"reported": "θ and δ", "all": "all parameters"}
    return Row(
        name="default-prior",
        title="Default prior",
        note=(
            "Simulated studies with a standardised covariate (`arm * x`), so that neither prior is "
            "at odds with its scale. Each number is that of `Priors.recommended` divided by that "
            "of `Priors.bmco()`, both sampled in one process, "
            f"4 × ({nuts['tune']} + {nuts['draws']}). `reported` and `all`: processor "
            "seconds in the sampler, warm-up included, per effective draw of whichever θ or δ, or "
            "whichever parameter (β, γ, γ_j, Σ) or θ or δ, has the smallest bulk ESS. What they "
            "are made of: `seconds`, those in the sampler (the quickest of "
            f"{FITS} runs with one seed); `ess_reported` and `ess_all`, that smallest ESS. What "
            "seconds are made of: `evaluation`, time of the density and its gradient; `steps`, "
            "leapfrog steps per draw. `bmco_ess_all` is "
            "that of bmco's priors alone, and `divergences` and `bmco_divergences` are counts."
        ),
        runs=runs,
        show=(
            *kinds,
            "seconds",
            "evaluation",
            "steps",
            "ess_reported",
            "ess_all",
            "bmco_ess_all",
            "divergences",
            "bmco_divergences",
        ),
        targets=tuple(
            Target(
                f"{case}: time per effective draw, {words}", Quantity(kind, case), at_most=AT_MOST
            )
            for case in CASES
            for kind, words in kinds.items()
        ),
        repeats=5,
    )


def cost(
    since_start: Clock, name: str, seconds: float, draws: int, tune: int, seed: int
) -> dict[str, float]:
    """Return what the recommended prior costs, relative to bmco's."""
    warnings.simplefilter("ignore")
    import bmco_pymc as bmco

    model = _model(CASES[name])
    pair = [replace(model, priors=p) for p in (bmco.Priors.recommended(model), bmco.Priors.bmco())]
    clocked = [[_evaluation(m, seconds / TURNS) for m in pair] for _ in range(TURNS)]
    each = np.min(clocked, axis=0)
    mine, theirs = (_sampled(m, draws, tune, seed) for m in pair)
    cpu = np.min([[_seconds(m, draws, tune, seed) for m in pair] for _ in range(FITS)], axis=0)
    ratio = {key: mine[key] / theirs[key] for key in ("steps", "ess_reported", "ess_all")}
    return {
        "reported": float(cpu[0] / cpu[1]) / ratio["ess_reported"],
        "all": float(cpu[0] / cpu[1]) / ratio["ess_all"],
        "seconds": float(cpu[0] / cpu[1]),
        "evaluation": float(each[0] / each[1]),
        **ratio,
        "bmco_ess_all": theirs["ess_all"],
        "divergences": mine["divergences"],
        "bmco_divergences": theirs["divergences"],
    }


def _model(case: Case) -> Any:
    """Return the model of a simulated study."""
    import bmco_pymc as bmco

    rng = np.random.default_rng(1)
    n, J = case.n, max(case.clusters, 1)
    site = np.arange(n) % J
    arm = site % 2 if case.whole else rng.permutation(np.arange(n) // J % 2)
    x = rng.normal(size=n)
    x = (x - x.mean()) / x.std()
    table = pd.DataFrame({"site": site, "arm": np.where(arm == 1, "b", "a"), "x": x})
    subject = 0.8 * rng.normal(size=n)  # makes the outcomes of a subject alike
    together = 0.4 * rng.normal(size=J)[site]
    outcomes = [f"y{k}" for k in range(case.K)]
    for k, outcome in enumerate(outcomes):
        eta = 0.3 * k - 0.3 + 0.5 * arm + 0.4 * x + subject
        if case.clusters:
            level, effect = rng.normal(0, [[0.6], [0.4]], (2, J))
            eta += together + level[site] + effect[site] * arm
        table[outcome] = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    cluster = "site" if case.clusters else None
    study = bmco.Study(table, outcomes, "arm", "a", "b", cluster=cluster)
    if case.clusters:
        return bmco.BGLMM(study, "arm * x", case.random)
    return bmco.BGLM(study, "arm * x")


def _evaluation(model: Any, seconds: float) -> float:
    """Return the seconds of an evaluation of the density and its gradient."""
    from bmco_pymc.kernel.callbacks import log_density

    data = model.packed.ctypes.data
    return density_clock(log_density.address, model.n_parameters, data, seconds)


def _seconds(model: Any, draws: int, tune: int, seed: int) -> float:
    """Return processor seconds in the sampler, warm-up included; a seed has the same work to do."""
    from bmco_pymc.models.nuts import sample
    from bmco_pymc.models.settings import Settings

    with sampling_clock() as spent:
        sample(model, Settings(draws, tune, CHAINS, seed, CORES), progress=False)
    return spent.cpu


def _sampled(model: Any, draws: int, tune: int, seed: int) -> dict[str, float]:
    """Return leapfrog steps per draw, the smallest ESS, and divergences of a fit."""
    fit = model.fit(draws, tune, CHAINS, seed, cores=CORES, target_accept=0.9, progress=False)
    posterior, stats = fit.idata["posterior"].to_dataset(), fit.idata["sample_stats"]
    effects = [fit.effect()]
    if "gamma" in posterior:
        effects.append(fit.effect(clusters="observed"))
    reported: dict[str, Any] = {}
    for i, effect in enumerate(effects):
        reported |= {f"theta {i}": effect.theta.values, f"delta {i}": effect.delta.values}
    parameters = {str(name): values.values for name, values in posterior.items()}
    ess_reported = smallest_ess(reported)["ess"]
    return {
        "steps": float(stats["n_steps"].mean()),
        "ess_reported": ess_reported,
        "ess_all": min(ess_reported, smallest_ess(parameters)["ess"]),
        "divergences": float(stats["diverging"].sum()),
    }
