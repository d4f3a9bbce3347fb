"""The probability that a trial under way ends in success, given what has been seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc.arguments import whole
from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError
from bmco_pymc.priors.components import Components, draw_phi, posterior_components
from bmco_pymc.trial.characteristics import OperatingCharacteristics
from bmco_pymc.trial.counts import predictive_counts
from bmco_pymc.trial.decided import Exact
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.probabilities import binomial_error, prepared
from bmco_pymc.trial.setting import ordered
from bmco_pymc.trial.simulation import follow
from bmco_pymc.trial.stages import Side

Array = NDArray[np.float64]


def predict(plan: Plan, study: Study, simulations: int, seed: int) -> OperatingCharacteristics:
    """Return what `Design.predict` says."""
    whole("simulations", simulations, least=100)
    whole("seed", seed, least=0)
    plan.check_study(study)
    stages = plan.stages(study.n_outcomes)
    cells = study.cells((), by_cluster=False)
    if cells.partial is not None:
        problem = (
            "some subjects miss outcomes, and the prediction goes by counts of whole response "
            'patterns: predict from the study with missing="complete"'
        )
        raise InputError("missing", study.missing, problem)
    seen = cells.counts.astype(np.intp)  # (2, Q)
    so_far = seen.sum(axis=1)
    left = (stages.sizes >= so_far).all(axis=1) & (stages.sizes > so_far).any(axis=1)
    if not left.any():
        problem = (
            f"has {so_far[0]} and {so_far[1]} subjects, the design "
            f"{' and '.join(map(str, stages.sizes[-1]))}: nothing is left to predict"
        )
        raise InputError("study", study, problem)
    side = prepared(stages)[0]
    places = np.flatnonzero(left)
    ahead = Side(
        side.direction,
        replace(stages, sizes=stages.sizes[places], cuts=stages.cuts[places]),
        [side.decided[i] for i in places],
        [side.futile[i] for i in places],
    )
    prior = stages.setting.priors
    posterior = [posterior_components(*p, c) for p, c in zip(prior, seen, strict=True)]
    alone = np.array([_at(ahead, i, posterior, seen) for i in range(len(places))])
    notes: tuple[str, ...] = ()
    if len(places) == 1 and not np.isnan(alone).any():
        ends, error = np.stack([alone, np.zeros(1)], axis=1), 0.0
    else:
        rng = np.random.default_rng(seed)
        phi = np.stack([draw_phi(*part, simulations, rng) for part in posterior], axis=1)
        ends = follow(ahead, phi, seen, simulations, rng).probabilities
        error = binomial_error(float(ends[:, 0].sum()), simulations)
        notes = (f"the looks to come are simulated, {simulations:,} times",)
    data = xr.Dataset(
        {
            "success": ends[:, 0].sum(),
            "mcse": error,
            "stop_success": ("look", ends[:, 0]),
            "stop_futility": ("look", ends[:, 1]),
            "if_analysed": ("look", alone),
            "n": (("look", "group"), ahead.stages.sizes),
            "cut": ("look", ahead.stages.cuts),
            "seen": ("group", so_far),
        },
        coords={
            "look": places + 1,
            "group": ["control", "treatment"],
            "outcome": list(stages.setting.rule.outcomes),
        },
    )
    if error:
        data.attrs.update(trials=simulations, seed=seed)
    words = f"Given {so_far[0]} and {so_far[1]} subjects so far, and the prior of the analysis."
    return OperatingCharacteristics(plan, data, "prediction", words=words, notes=notes)


def _at(side: Side, look: int, posterior: list[Components], seen: NDArray[np.intp]) -> float:
    """Return the probability that the rule is met at a look, whatever happens before.

    NaN where it is not exact.
    """
    decided, n = side.decided[look], side.stages.sizes[look]
    if not isinstance(decided, Exact):
        return float("nan")
    tables = []
    for g in ordered(side.direction):
        more = int(n[g] - seen[g].sum())
        weights, alphas = posterior[g]
        parts = [
            w * predictive_counts(more, alpha, decided.counted)
            for w, alpha in zip(weights, alphas, strict=True)
        ]
        table = np.zeros((int(n[g]) + 1,) * decided.counted.shape[1])
        start = seen[g] @ decided.counted
        table[tuple(slice(s, s + more + 1) for s in start)] = np.sum(parts, axis=0)
        tables.append(table)
    return decided.success(tables[0], tables[1])
