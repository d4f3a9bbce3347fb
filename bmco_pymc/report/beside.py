"""What is reported beside an effect: checks, the prior alone, power-scaling, other priors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import pandas as pd

from bmco_pymc.arguments import of_kind
from bmco_pymc.decision.decision import Decision
from bmco_pymc.decision.probability import decimals, shown
from bmco_pymc.diagnostics.summary import interval
from bmco_pymc.errors import InputError
from bmco_pymc.posterior.check import Check
from bmco_pymc.posterior.differences import Differences
from bmco_pymc.report.phrases import joined, symbol

POWER_SCALING = "Kallioinen et al., 2024, https://doi.org/10.1007/s11222-023-10366-5"


@runtime_checkable
class Scaled(Protocol):
    """A power-scaled effect: `bmco_pymc.effects.sensitivity.Sensitivity`."""

    @property
    def effect(self) -> Differences:
        """The effect that is looked at."""

    @property
    def parameters(self) -> pd.DataFrame:
        """The sensitivity of each parameter, θ and δ."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands in the way of a conclusion."""


@runtime_checkable
class Compared(Protocol):
    """The effect under several models: `bmco_pymc.effects.comparison.Comparison`."""

    @property
    def effects(self) -> Mapping[str, Differences]:
        """The effect under each."""

    @property
    def decisions(self) -> Mapping[str, Decision]:
        """The decision under each."""

    @property
    def ci_prob(self) -> float:
        """Probability in the intervals."""


_KINDS = {
    "check": (Check, "fit.check()"),
    "prior": (Differences, "model.prior_effect()"),
    "sensitivity": (Scaled, "fit.sensitivity()"),
    "comparison": (Compared, "bmco_pymc.compare()"),
}


@dataclass(frozen=True, eq=False)
class Beside:
    """What fills items of a report that an effect alone leaves open; each may be None.

    Attributes
    ----------
    check : Check
        What ``fit.check()`` gives.
    prior : Differences
        What ``model.prior_effect()`` gives.
    sensitivity : Sensitivity
        What ``fit.sensitivity()`` gives.
    comparison : Comparison
        What ``bmco_pymc.compare()`` gives.
    """

    check: Check | None = None
    prior: Differences | None = None
    sensitivity: Scaled | None = None
    comparison: Compared | None = None

    def __post_init__(self) -> None:
        for name, (kind, maker) in _KINDS.items():
            if (value := getattr(self, name)) is not None:
                of_kind(name, value, kind, f"must be what {maker} returns")

    def suits(self, effect: Differences) -> None:
        """Refuse what is of other outcomes or groups than an effect, or no prior."""
        if self.prior is not None and not self.prior.posterior.is_prior:
            problem = "is of a fit: it must be what model.prior_effect() returns"
            raise InputError("prior", self.prior.estimand, problem)
        named: dict[str, Differences | None] = {"prior": self.prior}
        if self.sensitivity is not None:
            named["sensitivity"] = self.sensitivity.effect
        if self.comparison is not None:
            named["comparison"] = next(iter(self.comparison.effects.values()))
        asked = (effect.groups, effect.outcomes)
        for name, other in named.items():
            if other is not None and (other.groups, other.outcomes) != asked:
                problem = f"is of other groups or outcomes than the effect, which has {asked}"
                raise InputError(name, (other.groups, other.outcomes), problem)

    def texts(self, decision: Decision, ci_prob: float) -> dict[str, str]:
        """Return the items that are filled, by heading."""
        found = {}
        if self.prior is not None:
            found["Prior predictive check"] = _prior(self.prior, decision, ci_prob)
        if self.check is not None:
            found["Posterior predictive check"] = f"{self.check.title}: {self.check.finding}"
        others = []
        if self.sensitivity is not None:
            others.append(_scaled(self.sensitivity))
        if self.comparison is not None:
            others.append(_compared(self.comparison))
        if others:
            found["Other priors"] = " ".join(others)
        return found


def _prior(prior: Differences, decision: Decision, ci_prob: float) -> str:
    """Return what the prior claims of θ and δ, and how probable it finds the rule."""
    control, treatment = prior.groups
    rows = interval(prior.summary(ci_prob))
    K = len(prior.outcomes)
    each = [
        f"{outcome} {rows[k]} under {control}, {rows[K + k]} under {treatment}, "
        f"difference {rows[2 * K + k]}"
        for k, outcome in enumerate(prior.outcomes)
    ]
    rule = prior.decide(decision.asked)
    chances = [f"P({side.event}) = {decimals(side.probability)}" for side in rule.sides]
    return (
        f"Under the prior alone, the {100 * ci_prob:g}% intervals of the success probabilities "
        f"are: {'; '.join(each)}. {joined(chances)}. {prior.estimand}"
    )


def _scaled(sensitivity: Scaled) -> str:
    """Return what a stronger or weaker prior or likelihood changes."""
    table = sensitivity.parameters
    each = [
        f"{symbol(str(label))} {row['prior']:.3f} to the prior and {row['likelihood']:.3f} to the "
        f"likelihood ({row['diagnosis']})"
        for label, row in table[table.index.str.startswith("delta[")].iterrows()
    ]
    notes = "".join(f" Note: {note}." for note in sensitivity.notes)
    return f"Sensitivity to power-scaling ({POWER_SCALING}): {'; '.join(each)}.{notes}"


def _compared(comparison: Compared) -> str:
    """Return the estimates and the decision under each prior or model."""
    each = []
    for name, effect in comparison.effects.items():
        decision = comparison.decisions[name]
        rows = interval(effect.summary(comparison.ci_prob))[-len(effect.outcomes) :]
        deltas = [f"δ[{k}] {row}" for k, row in zip(effect.outcomes, rows, strict=True)]
        chances = [
            f"P({side.event}) {shown(side.probability, side.mcse, side.bound, equals='= ')}"
            for side in decision.sides
        ]
        head = "" if effect.diagnostics.ok else f" ({effect.diagnostics.head}, do not use)"
        each.append(f"under {name!r}{head}, {joined([*deltas, *chances])}: {decision.verdict}")
    return f"Compared with other models: {'; '.join(each)}."
