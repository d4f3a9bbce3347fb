"""Power averaged over a design prior, and how much a success then says.

Assurance is the probability of success when the truth is drawn from the prior (O'Hagan, Stevens &
Campbell 2005, https://doi.org/10.1002/pst.175). Beside it stand the probability that the effect is
there when the trial succeeds, and that it succeeds though there is none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.population.scenario import Scenario, of_draws
from bmco_pymc.priors.components import Components, draw_phi
from bmco_pymc.priors.priors import Dirichlet, Mixture
from bmco_pymc.progress import tracked
from bmco_pymc.trial.characteristics import OperatingCharacteristics
from bmco_pymc.trial.counts import predictive_table
from bmco_pymc.trial.decided import ByOutcome
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.probabilities import claims_hold, described, ended, prepared, stops
from bmco_pymc.trial.setting import Setting, ordered, outcomes_of
from bmco_pymc.trial.stages import Side

Array = NDArray[np.float64]

TRUTHS = 2_000  # draws of the design prior, where an average over it is not exact


def over_draws(
    plan: Plan, scenario: Scenario, simulations: int | None, seed: int, progress: bool
) -> OperatingCharacteristics:
    """Return the averages over truths that are draws from a distribution."""
    stages = plan.stages(scenario.n_outcomes)
    planned = prepared(stages)
    rule = stages.setting.rule
    few = 1_000 if simulations is None else simulations  # their average is what counts
    truths = tracked(list(scenario.phi), "Averaging", progress and len(scenario) > 20)
    found = [stops(planned[0], phi, few, seed + place) for place, phi in enumerate(truths)]
    ends = np.array([one[0] for one in found])  # (S, looks, 2)
    success = ends[..., 0].sum(axis=1)
    holds = np.array([claims_hold(rule, phi, rule.sides[:1]) for phi in scenario.phi])
    error = success.std(ddof=1) / np.sqrt(len(scenario)) if len(scenario) > 1 else np.nan
    data = ended(planned[0], ends.mean(axis=0), error)
    if claims := [one[2] for one in found if one[2] is not None]:
        data["claim"] = ("outcome", np.mean(claims, axis=0))
    data = data.assign(_conditional(success, holds))
    more = described(scenario, stages)
    data = data.assign({name: more[name] for name in ("n", "cut")})
    data["theta"] = (("group", "outcome"), scenario.theta.mean(axis=0))
    data = data.assign_coords(outcome=list(rule.outcomes))
    return OperatingCharacteristics(plan, data, "assurance", words=scenario.words)


def _conditional(success: Array, holds: NDArray[np.bool_]) -> dict[str, float]:
    """Return what a success says of the effect, from draws of the truth, with standard errors."""
    S = len(success)
    joint = success * holds
    given = joint.mean() / success.mean() if success.any() else np.nan
    spread = joint - given * success  # the delta method for a ratio of means
    return {
        "effect": holds.mean(),
        "effect_mcse": holds.std(ddof=1) / np.sqrt(S),
        "effect_given_success": given,
        "effect_given_success_mcse": spread.std(ddof=1) / np.sqrt(S) / max(success.mean(), 1e-300),
        "success_without_effect": (success * ~holds).mean(),
        "success_without_effect_mcse": (success * ~holds).std(ddof=1) / np.sqrt(S),
    }


def under_prior(
    plan: Plan, prior: Dirichlet | Mixture, simulations: int | None, seed: int, progress: bool
) -> OperatingCharacteristics:
    """Return the averages over a design prior; the assurance exactly where it can be."""
    stages = plan.stages(outcomes_of(prior))
    K = stages.setting.n_outcomes
    components = prior.components("truth", patterns.labels(K))
    rng = np.random.default_rng(seed)
    draws = np.stack([draw_phi(*part, TRUTHS, rng) for part in components], axis=1)
    words = f"The truth is drawn from the design prior {prior}."
    found = over_draws(plan, of_draws(draws, words), simulations, seed, progress)
    side = prepared(stages)[0]
    decided = side.decided[-1]
    if stages.sequential or not side.exact or not isinstance(decided, ByOutcome):
        return found
    high, low = (_predicted(components[g], stages.sizes[-1, g]) for g in ordered(side.direction))
    data = found.data.copy()
    assurance = decided.success(high, low)
    data = data.assign(ended(side, np.array([[assurance, 0.0]]), 0.0))
    if K == 1:
        data = data.assign(_exactly(side, stages.setting, components, (high, low)))
    return OperatingCharacteristics(plan, data, "assurance", words=words)


def _predicted(prior: Components, n: int) -> Array:
    """Return the distribution of the successes of each outcome under a prior."""
    weights, alphas = prior
    return sum(
        (w * predictive_table(int(n), alpha) for w, alpha in zip(weights, alphas, strict=True)),
        start=np.zeros(()),
    )


def _exactly(
    side: Side, setting: Setting, prior: Sequence[Components], tables: tuple[Array, Array]
) -> dict[str, float]:
    """Return for one outcome what a success says of the effect, as sums over all counts."""
    n = side.stages.sizes[-1].tolist()
    design = Setting(setting.rule, (prior[0], prior[1]))
    there = design.superiority(0, side.direction, n)  # by the design prior, given the counts
    decided = side.decided[-1]
    assert isinstance(decided, ByOutcome)
    s, t = (np.arange(m)[:, None] for m in there.shape)
    success = decided.grid(s, t) * np.multiply.outer(*tables)
    before = design.superiority(0, side.direction, [0, 0])
    numbers = {
        "effect": float(before.item()),
        "effect_given_success": float((success * there).sum() / success.sum()),
        "success_without_effect": float((success * (1 - there)).sum()),
    }
    return numbers | {f"{name}_mcse": 0.0 for name in numbers}
