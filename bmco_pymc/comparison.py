"""What several priors or models say of one question, in one table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bmco_pymc.decision import Decision, Side
from bmco_pymc.effect import Effect
from bmco_pymc.fit import Fit
from bmco_pymc.probability import shown
from bmco_pymc.problems import rounded_up
from bmco_pymc.render import as_html, as_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """The same question asked of several fits of the same data; made by `bmco_pymc.compare`.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each prior and outcome, unrounded:

        - ``prior`` (the name given), ``analysis``, ``outcome``;
        - ``theta_control``, ``theta_treatment`` and ``delta``, each with ``_sd``, ``_lower`` and
          ``_upper``, and ``delta_mcse``;
        - ``marginal``, the probability that this outcome's δ is beyond its margin, and
          ``probability``, the joint one of the rule, the same for all outcomes; each with
          ``_mcse`` and ``_bound`` (see `bmco_pymc.decision.Side`). When two-sided, the same
          columns beginning with ``left_`` hold the other side;
        - ``decision``, the verdict of the rule;
        - ``converged``, ``max_rhat``, ``min_ess``, ``divergences`` and ``worst``, the gravest
          problem of fit and effect in words, empty if there is none.
    fits : dict of str to Fit
        The fits by name.
    effects : dict of str to Effect
        The effect of each.
    decisions : dict of str to Decision
        The decision of each.
    ci_prob : float
        Probability in the intervals.
    not_fitted : tuple of str
        Names of the models that an interrupt left unfitted.
    """

    table: pd.DataFrame
    fits: Mapping[str, Fit]
    effects: Mapping[str, Effect]
    decisions: Mapping[str, Decision]
    ci_prob: float
    not_fitted: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence for each fit that has not converged, was cut short or was not made."""
        found = []
        for name, effect in self.effects.items():
            if self.fits[name].cut_short:
                found.append(f"{name}: {self.fits[name].cut_short}")
            if not effect.diagnostics.ok:
                found.append(f"{name}: {effect.diagnostics.verdict}")
        if self.not_fitted:
            found.append(f"Interrupted before these were fitted: {', '.join(self.not_fitted)}.")
        return tuple(found)

    def plot(self) -> Figure:
        """Draw δ of each outcome under each prior, with the probabilities beside.

        Returns
        -------
        matplotlib.figure.Figure
            Not known to pyplot: notebooks show it, ``figure.savefig("priors.png")`` keeps it.
        """
        from bmco_pymc.forest import forest

        return forest(self)

    def _facts(self) -> tuple[str, list[list[str]], list[str]]:
        decisions = self.decisions
        any_decision = next(iter(decisions.values()))
        study = next(iter(self.fits.values())).model.study
        control, treatment = study.group_labels
        head = ["prior", "outcome", f"θ {control}", f"θ {treatment}", "δ"]
        head += [f"{100 * self.ci_prob:g}% interval"]
        head += [f"P({_beyond(side, any_decision)})" for side in any_decision.sides]
        head += [f"P({any_decision.rule}{_arrow(any_decision, s)})" for s in any_decision.sides]
        rows = []
        for name, part in self.table.groupby("prior", sort=False):
            for place, (_, row) in enumerate(part.iterrows()):
                first = place == 0
                sides = decisions[str(name)].sides
                rows.append(
                    [
                        self._marked(str(name)) if first else "",
                        row["outcome"],
                        f"{row['theta_control']:.3f}",
                        f"{row['theta_treatment']:.3f}",
                        f"{row['delta']:.3f}",
                        f"[{row['delta_lower']:.3f}, {row['delta_upper']:.3f}]",
                        *(_marginal(side, place) for side in sides),
                        *(shown(s.probability, s.mcse, s.bound) if first else "" for s in sides),
                    ]
                )
        n = len(decisions)
        kind = "prior" if self.table["analysis"].nunique() == 1 else "model"
        title = (
            f"Effect of {treatment} compared with {control} under {n} {kind}{'s' * (n > 1)}: "
            f"rule {any_decision.rule}, {any_decision.direction}"
            f"{'-sided' if len(any_decision.sides) == 1 else ''}, level {any_decision.alpha:g}"
        )
        if any(any_decision.margins):
            pairs = zip(any_decision.outcomes, any_decision.margins, strict=True)
            title += f", margins {', '.join(f'{name} {margin:g}' for name, margin in pairs)}"
        return title, [head, *rows], self._sentences()

    def _marked(self, name: str) -> str:
        """Return a name, with the verdict on its draws if that is not good."""
        verdict = self.effects[name].diagnostics
        return name if verdict.ok else f"{name} ({verdict.verdict.split(':')[0]})"

    def _sentences(self) -> list[str]:
        verdicts = _grouped({name: d.verdict for name, d in self.decisions.items()})
        if len(verdicts) == 1:
            lines = [f"Decision: {next(iter(verdicts))}{', under each' * (len(self.fits) > 1)}."]
        else:
            whose = "; ".join(f"{text} ({', '.join(n)})" for text, n in verdicts.items())
            lines = [f"The decision depends on the choice: {whose}."]
        estimands = _grouped({name: effect.estimand for name, effect in self.effects.items()})
        for text, names in estimands.items():
            whose = f" of {', '.join(names)}" if len(estimands) > 1 else ""
            lines.append(f"Estimand{whose}: {text}")
        for name, fit in self.fits.items():
            priors = "; ".join(f"{k} {v}" for k, v in fit.model.describe_priors().items())
            effect = self.effects[name]
            verdict = f" {_short_verdict(effect)}" if effect.diagnostics.ok else ""
            lines.append(f"{name}: {type(fit.model).__name__}, {priors}.{verdict}")
        caveats = [(text, n) for n, d in self.decisions.items() for text in d.caveats]
        for text in dict.fromkeys(text for text, _ in caveats):
            lines.append(f"Caveat ({', '.join(n for t, n in caveats if t == text)}): {text}")
        return [*lines, *self.problems]

    def __str__(self) -> str:
        return as_text(*self._facts())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(*self._facts())


def make_comparison(
    fits: Mapping[str, Fit],
    effects: Mapping[str, Effect],
    question: Mapping[str, Any],
    *,
    ci_prob: float,
    not_fitted: tuple[str, ...] = (),
) -> Comparison:
    """Decide for each effect and gather the table; see `Comparison`."""
    decisions = {name: effect.decide(**question) for name, effect in effects.items()}
    rows = [
        row
        for name, effect in effects.items()
        for row in _rows(name, effect, decisions[name], ci_prob)
    ]
    return Comparison(pd.DataFrame(rows), dict(fits), dict(effects), decisions, ci_prob, not_fitted)


def _rows(name: str, effect: Effect, decision: Decision, ci_prob: float) -> list[dict[str, Any]]:
    """Return the table's row of each outcome."""
    study, verdict = effect.fit.model.study, effect.diagnostics
    numbers = effect.summary(ci_prob)
    groups = dict(zip(("theta_control", "theta_treatment"), study.group_labels, strict=True))
    rows = []
    for place, outcome in enumerate(study.outcomes):
        row: dict[str, Any] = {
            "prior": name,
            "analysis": type(effect.fit.model).__name__,
            "outcome": outcome,
        }
        quantities = {k: f"theta[{label}, {outcome}]" for k, label in groups.items()}
        for column, label in (quantities | {"delta": f"delta[{outcome}]"}).items():
            found = numbers.loc[label].to_dict()
            row[column] = float(found["mean"])
            row |= {f"{column}_{k}": float(found[k]) for k in ("sd", "lower", "upper")}
            row |= {"delta_mcse": float(found["mcse"])} if column == "delta" else {}
        for side in decision.sides:
            start = "left_" if len(decision.sides) == 2 and side.direction == "left" else ""
            row |= {
                f"{start}marginal": float(side.marginal[place]),
                f"{start}marginal_mcse": float(side.marginal_mcse[place]),
                f"{start}marginal_bound": float(side.marginal_bound[place]),
                f"{start}probability": side.probability,
                f"{start}probability_mcse": side.mcse,
                f"{start}probability_bound": math.nan if side.bound is None else side.bound,
            }
        row |= {
            "decision": decision.verdict,
            "converged": verdict.ok,
            "max_rhat": verdict.max_rhat,
            "min_ess": verdict.min_ess,
            "divergences": math.nan if verdict.divergences is None else verdict.divergences,
            "worst": verdict.problems[0].reason if verdict.problems else "",
        }
        rows.append(row)
    return rows


def _beyond(side: Side, decision: Decision) -> str:
    margin = "margin" if any(decision.margins) else "0"
    return f"δ > {margin}" if side.direction == "right" else f"−δ > {margin}"


def _arrow(decision: Decision, side: Side) -> str:
    return "" if len(decision.sides) == 1 else f", {side.direction}"


def _marginal(side: Side, place: int) -> str:
    values = (side.marginal, side.marginal_mcse, side.marginal_bound)
    probability, mcse, bound = (float(value[place]) for value in values)
    return shown(probability, mcse, bound)


def _short_verdict(effect: Effect) -> str:
    """Return the two numbers that tell most of a fit that is all right."""
    head = effect.diagnostics.verdict.split(":")[0]
    rhat = (
        "" if effect.diagnostics.exact else f"R-hat ≤ {rounded_up(effect.diagnostics.max_rhat)}, "
    )
    text = f"{head}: {rhat}ESS ≥ {int(effect.diagnostics.min_ess)}."
    return f"{text} {effect.diagnostics.continued}".rstrip()


def _grouped(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the names that each distinct text belongs to.

    Examples
    --------
    >>> _grouped({"weak": "superior", "strong": "not superior", "flat": "superior"})
    {'superior': ['weak', 'flat'], 'not superior': ['strong']}
    """
    names: dict[str, list[str]] = {}
    for name, text in texts.items():
        names.setdefault(text, []).append(name)
    return names
