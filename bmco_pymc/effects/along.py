"""Several effects of one fit: made with one warning of each kind, and put in one table."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmco_pymc.diagnostics.verdict import Diagnostics
from bmco_pymc.effects.effect import Effect, make_effect
from bmco_pymc.errors import ConvergenceWarning, warn_user
from bmco_pymc.population.estimand import Estimand
from bmco_pymc.population.values import Population
from bmco_pymc.progress import tracked

if TYPE_CHECKING:
    from bmco_pymc.posterior.posterior import Posterior

ESTIMATES = ("mean", "sd", "lower", "upper", "mcse", "ess_bulk", "ess_tail", "rhat")


def effects_in(
    fit: Posterior,
    populations: Sequence[Population],
    asked: Estimand,
    *,
    progress: bool,
) -> tuple[Effect, ...]:
    """Return the effect in each population, of what is asked; like warnings are given once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bar = tracked(populations, "Averaging", progress)
        effects = tuple(make_effect(fit, asked.of(population)) for population in bar)
    _warn_once(caught, len(populations))
    return effects


def verdict_on(effects: Sequence[Effect]) -> Diagnostics:
    """Return one verdict on a fit and on θ and δ of several effects of it."""
    first = effects[0].diagnostics
    worst = {
        block: float(np.fmax.reduce([effect.diagnostics.mpsrf[block] for effect in effects]))
        for block in first.mpsrf
    }
    problems = (problem for effect in effects for problem in effect.diagnostics.problems)
    return replace(
        first,
        table=pd.concat([effect.diagnostics.table for effect in effects]),
        mpsrf=worst,
        problems=tuple(dict.fromkeys(problems)),
    )


def tidy(
    effects: Sequence[Effect], columns: Mapping[str, Sequence[Any]], ci_prob: float
) -> pd.DataFrame:
    """Return θ and δ of several effects, a row each.

    Parameters
    ----------
    effects : sequence of Effect
        n of one fit.
    columns : mapping
        What stands before the estimates, by the name of the column: n values each.
    ci_prob : float
        Probability in the equal-tailed interval.

    Returns
    -------
    pandas.DataFrame
        The given columns; ``quantity`` ("theta" or "delta"), ``group`` (none for δ), ``outcome``;
        and the columns of `Effect.summary`.
    """
    study = effects[0].fit.model.study
    what: list[tuple[str, str | None, str]]
    what = [("theta", group, k) for group in study.group_labels for k in study.outcomes]
    what += [("delta", None, k) for k in study.outcomes]
    parts = []
    for place, effect in enumerate(effects):
        before = pd.DataFrame(what, columns=["quantity", "group", "outcome"])
        for offset, (name, values) in enumerate(columns.items()):
            # The values of a covariate named as an estimate is would hide that column.
            label = f"{name} (covariate)" if name in {*ESTIMATES, *before.columns} else name
            before.insert(offset, label, [values[place]] * len(what))
        parts.append(pd.concat([before, effect.summary(ci_prob).reset_index(drop=True)], axis=1))
    return pd.concat(parts, ignore_index=True)


def title(effect: Effect, by: str) -> str:
    """Return the title of what is printed of several effects."""
    control, treatment = effect.groups
    return f"Effect of {treatment} compared with {control} by {by}"


def delta_texts(effect: Effect) -> list[str]:
    """Return mean and 95 % interval of each δ, as they are printed."""
    table = effect.summary()
    rows = [table.loc[f"delta[{k}]", ["mean", "lower", "upper"]] for k in effect.outcomes]
    return ["{:.3f} [{:.3f}, {:.3f}]".format(*row) for row in rows]


def _warn_once(caught: Sequence[warnings.WarningMessage], n: int) -> None:
    """Warn once of each kind, and say of how many of the n it is true."""
    by_kind: dict[type[Warning], list[str]] = {}
    for warning in caught:
        by_kind.setdefault(warning.category, []).append(str(warning.message))
    for kind, texts in by_kind.items():
        distinct = list(dict.fromkeys(texts))
        more = f" (and {len(distinct) - 1} more like this)" if len(distinct) > 1 else ""
        text = f"{distinct[0]}{more}"
        if issubclass(kind, ConvergenceWarning):
            text = f"{len(texts)} of {n} populations: {text}"
        warn_user(text, kind)
