"""Simulated trials analysed as the trial itself will be: by NUTS."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.decision.rule import Rule
from bmco_pymc.effects.effect import Effect
from bmco_pymc.errors import ConvergenceWarning, InputError, InputWarning, SamplingError
from bmco_pymc.interrupts import INTERRUPTED
from bmco_pymc.trial.analysis import Analysis
from bmco_pymc.trial.simulated.samples import Sample, Simulator

Array = NDArray[np.float64]


def analysed(
    analysis: Analysis,
    rule: Rule,
    simulator: Simulator,
    sample: Sample,
    settings: dict[str, Any],
    seed: int,
) -> tuple[Array, Array] | None:
    """Return what decides (sides, C), and mean, SD and interval of δ (4, K), of one trial.

    Draws are few at first; where they are not enough, the trial is fitted as a study is by default.

    Returns
    -------
    tuple of ndarray, or None
        None where the trial cannot be analysed, or the sampler has not converged.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            study = simulator.study(sample)
            once = {"seed": seed, "cores": 1, "progress": False}
            effect = analysis.effect(study, **settings, **once)
            _check_interrupt(effect)
            if not effect.diagnostics.ok:
                effect = analysis.effect(study, **once)
                _check_interrupt(effect)
            if not effect.diagnostics.ok:
                return None
        except (InputError, SamplingError):
            return None
    return _decides(effect, rule), _delta(effect)


def _check_interrupt(effect: Effect) -> None:
    """Pass on an interrupt, which a fit takes as the end of sampling: half a fit is no trial."""
    if effect.posterior.idata.attrs.get(INTERRUPTED):
        raise KeyboardInterrupt


def _decides(effect: Effect, rule: Rule) -> Array:
    """Return the posterior probabilities that decide, shape (sides, C)."""
    phi = effect.phi
    change = phi.isel(group=1) - phi.isel(group=0)
    of_one = rule.criterion.weighs or rule.criterion.values or rule.statistic == "joint"
    found = []
    for side in rule.sides:
        holds, beyond = rule.events(effect.delta, side, change)
        of_outcomes = beyond.mean(("chain", "draw")).values
        found.append([float(holds.mean())] if of_one else of_outcomes.tolist())
    return np.array(found)


def _delta(effect: Effect) -> Array:
    """Return mean, SD and the bounds of the 95 % interval of δ, shape (4, K)."""
    delta = effect.delta.values.reshape(-1, effect.delta.shape[-1])
    low, high = np.quantile(delta, [0.025, 0.975], axis=0)
    return np.stack([delta.mean(axis=0), delta.std(axis=0, ddof=1), low, high])
