"""What a prior says of θ and δ before any outcome is seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from bmco_pymc.arguments import EFFECT, check_names
from bmco_pymc.diagnostics import diagnose
from bmco_pymc.effect import Effect
from bmco_pymc.fit import Fit
from bmco_pymc.models.base import Model
from bmco_pymc.population import Analytical, Empirical, Value
from bmco_pymc.prior_draws import draw_prior
from bmco_pymc.sampling import label
from bmco_pymc.settings import Settings, of_one_draw


def prior_effect(
    model: Model,
    population: Value | Empirical | Analytical | None = None,
    *,
    draws: int = 4000,
    seed: int | None = None,
    **choices: Any,
) -> Effect:
    """Return the effect under the prior alone; see ``Model.prior_effect``."""
    check_names(choices, EFFECT)
    return prior_fit(model, draws, seed).effect(population, **choices)


def prior_fit(model: Model, draws: int, seed: int | None = None) -> Fit:
    """Return draws from the prior in the form of a fit, which says that they are the prior."""
    plan = Settings(draws=draws, chains=1, seed=seed).with_seed()
    plan.check_memory(of_one_draw(model), warm_up=False)
    found = draw_prior(model, plan.draws, np.random.default_rng(plan.seed))
    posterior = {
        name: (("chain", "draw", *dims), found[name][None])
        for name, dims in model.parameters.items()
    }
    attrs = {"draws": plan.draws, "chains": 1, "seed": plan.seed, "sampler": "prior"}
    idata = label(model, posterior, {}, attrs)
    return Fit(model, idata, diagnose(idata, model.blocks, exact=True))
