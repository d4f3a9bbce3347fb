"""Power averaged over a design prior, and how much a success then says.

Assurance is the probability of success when the truth is drawn from the prior (O'Hagan, Stevens &
Campbell 2005, https://doi.org/10.1002/pst.175). Beside it stand the probability that the effect is
there when the trial succeeds, and that it succeeds though there is none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.population.scenario import Scenario
from bmco_pymc.priors.components import Components, draw_phi
from bmco_pymc.priors.priors import Dirichlet, Mixture
from bmco_pymc.progress import tracked
from bmco_pymc.trial.characteristics import OperatingCharacteristics
from bmco_pymc.trial.counts import predictive_table
from bmco_pymc.trial.decided import ByOutcome
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.probabilities import binomial_error, claims_hold, ended, prepared, stops
from bmco_pymc.trial.setting import Setting, ordered, outcomes_of
from bmco_pymc.trial.simulation import simulate, trials_of
from bmco_pymc.trial.stages import Side, Stages, each_claim

Array = NDArray[np.float64]

EXACT = 2_000  # truths at most for each of which the power is worked out
TRIALS = 400_000  # that are simulated otherwise, each under a truth of its own


def over_draws(
    plan: Plan, scenario: Scenario, simulations: int | None, seed: int, progress: bool
) -> OperatingCharacteristics:
    """Return the averages over truths that are draws from a distribution."""
    stages = plan.stages(scenario.n_outcomes)
    side = prepared(stages)[0]
    holds = claims_hold(stages.setting.rule, scenario.phi, side.direction)
    if side.exact and not stages.sequential and len(scenario) <= EXACT:
        truths = tracked(list(scenario.phi), "Averaging", progress and len(scenario) > 20)
        found = [stops(side, phi, None, seed) for phi in truths]
        ends = np.array([one[0] for one in found])  # (S, 1, 2)
        claims = [one[2] for one in found if one[2] is not None]
    else:
        each = max(2, (simulations or min(TRIALS, trials_of(side, None))) // len(scenario))
        rng = np.random.default_rng(seed)
        phi = np.repeat(scenario.phi, each, axis=0)
        stopped = simulate(side, phi, len(phi), rng)
        shape = len(scenario), each, -1
        parts = [of.reshape(shape).mean(axis=1) for of in (stopped.success, stopped.futile)]
        ends, claims = np.stack(parts, axis=-1), []  # (S, looks, 2)
    success = ends[..., 0].sum(axis=1)
    error = success.std(ddof=1) / np.sqrt(len(success)) if len(success) > 1 else np.nan
    data = ended(side, ends.mean(axis=0), error).assign(_conditional(success, holds))
    if claims:
        data["claim"] = ("outcome", np.mean(claims, axis=0))
        spread = np.std(claims, axis=0, ddof=1) / np.sqrt(len(claims))
        data["claim_mcse"] = ("outcome", spread)
    return _result(plan, stages, data, scenario.theta.mean(axis=0), scenario.words)


def _result(
    plan: Plan, stages: Stages, data: xr.Dataset, theta: Array, words: str
) -> OperatingCharacteristics:
    """Return averages with what they are about."""
    data["n"] = (("look", "group"), stages.sizes)
    data["cut"] = ("look", stages.cuts)
    data["theta"] = (("group", "outcome"), theta)
    data = data.assign_coords(outcome=list(stages.setting.rule.outcomes))
    return OperatingCharacteristics(plan, data, "assurance", words=words)


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
    plan: Plan, prior: Dirichlet | Mixture, simulations: int | None, seed: int
) -> OperatingCharacteristics:
    """Return the averages over a design prior; the assurance exactly where it can be.

    What is not exact is simulated, each trial under a truth of its own.
    """
    stages = plan.stages(outcomes_of(prior))
    K = stages.setting.n_outcomes
    components = prior.components("truth", patterns.labels(K))
    side = prepared(stages)[0]
    trials = simulations or min(TRIALS, trials_of(side, None) * 2)
    rng = np.random.default_rng(seed)
    phi = np.stack([draw_phi(*part, trials, rng) for part in components], axis=1)
    stopped = simulate(side, phi, trials, rng)
    share = stopped.probabilities
    success = stopped.success.any(axis=1)
    holds = claims_hold(stages.setting.rule, phi, side.direction)
    data = ended(side, share, binomial_error(share[:, 0].sum(), trials))
    data = data.assign(_conditional(success.astype(float), holds))
    data.attrs.update(trials=trials, seed=seed)
    decided = side.decided[-1]
    if not stages.sequential and side.exact and isinstance(decided, ByOutcome):
        tables = [_predicted(components[g], stages.sizes[-1, g]) for g in ordered(side.direction)]
        attrs = data.attrs
        data = data.assign(ended(side, np.array([[decided.success(*tables), 0.0]]), 0.0))
        data.attrs.update(attrs)
        data["claim"] = ("outcome", each_claim(decided, *tables))
        data["claim_mcse"] = ("outcome", np.zeros(K))
        if K == 1:
            data = data.assign(_exactly(side, stages.setting, components, (tables[0], tables[1])))
    words = f"The truth is drawn from the design prior {prior}."
    theta = [patterns.theta_from_phi(w @ (a / a.sum(axis=1)[:, None])) for w, a in components]
    return _result(plan, stages, data, np.array(theta), words)


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
