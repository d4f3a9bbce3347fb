"""The decision of BMVB from exact posterior probabilities, as a plan of the trial has them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from bmco_pymc.decision.criteria import verdict
from bmco_pymc.decision.decision import Decision, Side
from bmco_pymc.effects.effect import Effect
from bmco_pymc.priors.components import posterior_components
from bmco_pymc.trial.setting import Setting, ordered
from bmco_pymc.trial.superiority import exceeds, one_superiority
from bmco_pymc.trial.weighted import weighted_superiority


def exactly(decision: Decision, effect: Effect) -> Decision:
    """Return a decision whose deciding probabilities are exact; its joint ones stay as they are.

    Unchanged where the rule decides by the joint probability of several outcomes, which is
    estimated from draws in a plan too, and where some outcomes of subjects are missing: then the
    posterior is no Dirichlet distribution.
    """
    model = effect.posterior.model
    if model.cells.partial is not None:
        return decision
    rule = decision.asked
    counts = model.cells.counts  # (2, Q)
    priors = model.priors.phi.components("phi", model.study.patterns)
    before = Setting(rule, priors)
    joint = rule.statistic == "joint" and before.n_outcomes > 1
    if not before.summable if before.at_least is None else joint:
        return decision
    posterior = tuple(posterior_components(*p, c) for p, c in zip(priors, counts, strict=True))
    setting = Setting(rule, (posterior[0], posterior[1]))
    sides = tuple(_side(side, setting) for side in decision.sides)
    met = {side.direction: side.met for side in sides}
    caveats = [text for text in effect.caveats if text in decision.caveats]
    return replace(
        decision, sides=sides, verdict=verdict(met, rule.bounds()), caveats=tuple(caveats)
    )


def _side(side: Side, setting: Setting) -> Side:
    """Return one side with exact probabilities, known to 1e-11 and so without an error."""
    cut, direction, margins = side.threshold, side.direction, setting.margins
    each = [setting.of_outcome(k) for k in range(setting.n_outcomes)]
    alone = [_marginal(one, direction, m) for one, m in zip(each, margins, strict=True)]
    none = xr.zeros_like(side.marginal)
    known: dict[str, Any] = {
        "marginal": side.marginal.copy(data=np.array(alone)),
        "marginal_mcse": none,
        "marginal_bound": none + np.nan,
        "statistic_mcse": 0.0,
        "settled": True,
    }
    if setting.at_least is None:
        statistic = _of_sum(setting, direction)
        met = statistic > cut
    else:
        statistic = sorted(alone, reverse=True)[setting.at_least - 1]
        claims = zip(each, margins, alone, strict=True)
        met = sum(_claimed(one, direction, m, p, cut) for one, m, p in claims) >= setting.at_least
    if setting.at_least is None or len(each) == 1:  # the joint probability is this one, too
        known |= {"probability": statistic, "mcse": 0.0, "bound": None}
    return replace(side, **known, statistic=statistic, met=met)


def _of_sum(setting: Setting, direction: str) -> float:
    """Return the posterior probability that a weighted sum is larger by its margin."""
    kinds = setting.kinds
    high, low = (setting.priors[place][1][0] @ kinds.members for place in ordered(direction))
    margin = setting.rule.bounds()[0]
    found = weighted_superiority(high, 0, low, 0, kinds.scores, margin)
    return float(found.probabilities().item())


def _marginal(one: Setting, direction: str, margin: float) -> float:
    """Return the posterior probability that an outcome is beyond its margin."""
    (v, alphas), (w, gammas) = (one.priors[place] for place in ordered(direction))
    return math.fsum(
        v[i] * w[j] * one_superiority(tuple(a), tuple(c), margin)
        for i, a in enumerate(alphas)
        for j, c in enumerate(gammas)
    )


def _claimed(one: Setting, direction: str, margin: float, value: float, cut: float) -> bool:
    """Return whether that exceeds the cut-off, a tie settled by an exact sum where there is one."""
    (_, alphas), (_, gammas) = (one.priors[place] for place in ordered(direction))
    if one.mixed:
        return value > cut
    return exceeds(value, cut, tuple(alphas[0]), tuple(gammas[0]), margin)
