"""Making a tipping point: may it be asked, which shifts, θ at each, and what is decided there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from bmco_pymc.data import missing
from bmco_pymc.decision.grid import decide_over
from bmco_pymc.decision.rule import Rule
from bmco_pymc.effects.effect import make_effect
from bmco_pymc.effects.shifted import GRID, thetas_at
from bmco_pymc.effects.shifts import read_outcomes, read_shifts
from bmco_pymc.effects.tipping import TippingPoint
from bmco_pymc.errors import InputError
from bmco_pymc.population.estimand import Estimand
from bmco_pymc.population.points import Empirical
from bmco_pymc.posterior.posterior import Posterior

BLOCK = 8_000_000  # numbers of 8 bytes that are decided upon at a time


def make_tipping(
    fit: Posterior,
    estimand: Estimand,
    *,
    shift: ArrayLike | Mapping[Any, ArrayLike] | None,
    outcomes: str | Sequence[str] | None,
    rule: Rule,
) -> TippingPoint:
    """Shift the log odds of unobserved outcomes; see ``Fit.tipping_point``."""
    model = fit.model
    study, cells = model.study, model.cells
    if fit.is_prior:
        raise InputError("fit", "draws from the prior", "no outcome was used, seen or unseen")
    if cells.partial is None:
        problem = "nothing is unobserved: every analysed subject has every outcome"
        if study.missing == missing.COMPLETE:
            problem += '; Study(..., missing="mar") keeps those with some outcomes missing'
        raise InputError("missing", study.missing, problem)
    if estimand.whole != Empirical():
        problem = (
            "must be the whole sample, Empirical(): who is unobserved is a matter of the sample, "
            "and shifts of theirs say nothing of others"
        )
        raise InputError("population", estimand.population, problem)
    if rule.criterion.values:
        problem = (
            "weighs response patterns, and the shifts are of single outcomes: they do not say "
            "which patterns the unobserved have"
        )
        raise InputError("rule", rule.rule, problem, ["All", "Any", "Comp", "Count"])
    rule = rule.for_outcomes(study.outcomes)
    absent = missing.missing_by_group(cells)  # (2, K)
    places = read_outcomes(outcomes, study.outcomes, absent)
    control, treatment = (bool(number) for number in absent[:, places].any(axis=1))
    shifts = read_shifts(shift, study.group_labels, (control, treatment))
    effect = make_effect(fit, estimand)
    thetas, rate = thetas_at(effect, shifts, places)
    one, other = (theta.rename(shift=dim) for theta, dim in zip(thetas, GRID, strict=True))
    exact = effect.diagnostics.exact
    step = max(1, BLOCK // other.size)  # all pairs of many draws would not fit into memory
    rows = [
        decide_over(other - one[..., at : at + step], rule, independent=exact)
        for at in range(0, len(shifts[0]), step)
    ]
    K = len(study.outcomes)
    unobserved = {
        "group": np.repeat(effect.groups, K),
        "outcome": list(effect.outcomes) * 2,
        "missing": absent.ravel(),
        "share": (absent / cells.subjects[:, None]).ravel(),
        "shifted": [k in places and bool(absent[g, k]) for g in (0, 1) for k in range(K)],
        "success": rate.ravel(),
    }
    return TippingPoint(
        effect=effect,
        rule=rule,
        outcomes=tuple(study.outcomes[k] for k in places),
        theta_control=thetas[0],
        theta_treatment=thetas[1],
        decided=xr.concat(rows, dim=GRID[0]).transpose("side", *GRID),
        unobserved=pd.DataFrame(unobserved),
    )
