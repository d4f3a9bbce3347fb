"""What several priors or models say of one question, in one table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bmco_pymc.decision.decision import Decision, Side
from bmco_pymc.decision.probability import shown
from bmco_pymc.decision.rule import Rule
from bmco_pymc.diagnostics.findings import rounded_up
from bmco_pymc.effects.effect import Effect
from bmco_pymc.posterior.posterior import Posterior
from bmco_pymc.printing import Facts, Printed

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Printed):
    """The same question asked of several fits of the same data; made by `bmco_pymc.compare`.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each model and outcome, unrounded:

        - ``model`` (the name given), ``analysis``, ``outcome``;
        - ``theta_control``, ``theta_treatment`` and ``delta``, each with ``_sd``, ``_lower`` and
          ``_upper``, and ``delta_mcse``;
        - ``marginal``, the probability that this outcome's δ is beyond its margin, and
          ``probability``, the joint one of the rule, the same for all outcomes; each with
          ``_mcse`` and ``_bound`` (see `bmco_pymc.decision.decision.Side`). When two-sided, the
          same columns beginning with ``left_`` hold the other side;
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

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    >>> model = bmco.BMVB(study)
    >>> models = {"weak": model, "strong": model.with_priors(phi=bmco.Dirichlet(50))}
    >>> both = bmco.compare(models, rule="any", seed=1, progress=False)
    >>> both.table[["model", "outcome", "delta", "probability", "decision"]].round(2)
        model outcome  delta  probability      decision
    0    weak      y1   0.11         0.99  not superior
    1    weak      y2   0.08         0.99  not superior
    2  strong      y1   0.04         0.96  not superior
    3  strong      y2   0.03         0.96  not superior
    >>> both.decisions["weak"].decision, both.problems
    ('not superior', ())
    """

    table: pd.DataFrame
    fits: Mapping[str, Posterior]
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
        """Draw δ of each outcome under each model and, on a scale of its own, the rule.

        Returns
        -------
        matplotlib.figure.Figure
            An axes for each outcome: mean, 50 % and ``ci_prob`` interval of δ, beside them the
            probability that it is beyond its margin. A last one for the rule (two-sided: one for
            each side): the probability that it holds, ± 2 Monte Carlo standard errors; what
            decides, if that is another probability; the threshold; beside them the verdict. Not
            known to pyplot: notebooks show it, ``figure.savefig("models.png")`` keeps it.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> model = bmco.BMVB(study)
        >>> models = {"weak": model, "strong": model.with_priors(phi=bmco.Dirichlet(50))}
        >>> figure = bmco.compare(models, rule="any", seed=1, progress=False).plot()
        >>> len(figure.axes)
        3
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['weak', 'strong']
        """
        from bmco_pymc.plots.comparison import forest

        return forest(self.effects, self.decisions, self.ci_prob)

    def _facts(self) -> Facts:
        first = next(iter(self.decisions.values()))
        control, treatment = next(iter(self.effects.values())).groups
        margin = "margin" if any(first.margins) else "0"
        several = len(first.sides) > 1
        head = ["model", "outcome", f"θ {control}", f"θ {treatment}", "δ"]
        head.append(f"{100 * self.ci_prob:g}% interval")
        for side in first.sides:
            head.append(f"P({'−' * (side.direction == 'left')}δ > {margin})")
        for side in first.sides:
            head.append(f"P({first.asked.words}{f', {side.direction}' * several})")
        rows = []
        for name, part in self.table.groupby("model", sort=False):
            sides = self.decisions[str(name)].sides
            whole = [shown(side.probability, side.mcse, side.bound) for side in sides]
            for place, (_, row) in enumerate(part.iterrows()):
                rows.append(
                    [
                        "" if place else self._marked(str(name)),
                        row["outcome"],
                        f"{row['theta_control']:.3f}",
                        f"{row['theta_treatment']:.3f}",
                        f"{row['delta']:.3f}",
                        f"[{row['delta_lower']:.3f}, {row['delta_upper']:.3f}]",
                        *(_marginal(side, place) for side in sides),
                        *([""] * len(whole) if place else whole),
                    ]
                )
        n = len(self.decisions)
        title = (
            f"Effect of {treatment} compared with {control} under {n} model{'s' * (n > 1)}: "
            f"rule {first.asked.words}, {first.direction}{'' if several else '-sided'}, "
            f"level {first.alpha:g}"
        )
        if any(first.margins):
            pairs = zip(first.outcomes, first.margins, strict=True)
            title += f", margins {', '.join(f'{name} {margin:g}' for name, margin in pairs)}"
        return title, [head, *rows], self._sentences()

    def _marked(self, name: str) -> str:
        """Return a name, with the verdict on its draws if that is not good."""
        verdict = self.effects[name].diagnostics
        return name if verdict.ok else f"{name} ({verdict.head})"

    def _sentences(self) -> list[str]:
        verdicts = _grouped((d.verdict, name) for name, d in self.decisions.items())
        if len(verdicts) == 1:
            lines = [f"Decision: {next(iter(verdicts))}{', under each' * (len(self.fits) > 1)}."]
        else:
            whose = "; ".join(f"{text} ({', '.join(n)})" for text, n in verdicts.items())
            lines = [f"The decision depends on the choice: {whose}."]
        estimands = _grouped((effect.estimand, name) for name, effect in self.effects.items())
        for text, names in estimands.items():
            whose = f" of {', '.join(names)}" if len(estimands) > 1 else ""
            lines.append(f"Estimand{whose}: {text}")
        for name, effect in self.effects.items():
            model = effect.posterior.model
            priors = "; ".join(f"{k} {v}" for k, v in model.describe_priors().items())
            verdict = f" {_short_verdict(effect)}" if effect.diagnostics.ok else ""
            lines.append(f"{name}: {type(model).__name__}, {priors}.{verdict}")
        caveats = _grouped((text, n) for n, d in self.decisions.items() for text in d.caveats)
        lines += [f"Caveat ({', '.join(names)}): {text}" for text, names in caveats.items()]
        return [*lines, *self.problems]


def make_comparison(
    fits: Mapping[str, Posterior],
    effects: Mapping[str, Effect],
    rule: Rule,
    *,
    ci_prob: float,
    not_fitted: tuple[str, ...] = (),
) -> Comparison:
    """Decide for each effect and gather the table; see `Comparison`."""
    decisions = {name: effect.decide(rule) for name, effect in effects.items()}
    rows = [
        row
        for name, effect in effects.items()
        for row in _rows(name, effect, decisions[name], ci_prob)
    ]
    return Comparison(pd.DataFrame(rows), dict(fits), dict(effects), decisions, ci_prob, not_fitted)


def _rows(name: str, effect: Effect, decision: Decision, ci_prob: float) -> list[dict[str, Any]]:
    """Return the table's row of each outcome."""
    verdict, numbers = effect.diagnostics, effect.summary(ci_prob)
    control, treatment = effect.groups
    rows = []
    for place, outcome in enumerate(effect.outcomes):
        row: dict[str, Any] = {
            "model": name,
            "analysis": type(effect.posterior.model).__name__,
            "outcome": outcome,
        }
        labels = {
            "theta_control": f"theta[{control}, {outcome}]",
            "theta_treatment": f"theta[{treatment}, {outcome}]",
            "delta": f"delta[{outcome}]",
        }
        for column, label in labels.items():
            found = numbers.loc[label].to_dict()
            row[column] = found["mean"]
            row |= {f"{column}_{k}": found[k] for k in ("sd", "lower", "upper")}
        row["delta_mcse"] = found["mcse"]
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


def _marginal(side: Side, place: int) -> str:
    return shown(side.marginal[place], side.marginal_mcse[place], side.marginal_bound[place])


def _short_verdict(effect: Effect) -> str:
    """Return the two numbers that tell most of a fit that is all right."""
    verdict = effect.diagnostics
    rhat = "" if verdict.exact else f"R-hat ≤ {rounded_up(verdict.max_rhat)}, "
    return f"{verdict.head}: {rhat}ESS ≥ {int(verdict.min_ess)}. {verdict.continued}".rstrip()


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the names that each distinct text belongs to.

    Examples
    --------
    >>> _grouped([("superior", "weak"), ("not superior", "strong"), ("superior", "flat")])
    {'superior': ['weak', 'flat'], 'not superior': ['strong']}
    """
    names: dict[str, list[str]] = {}
    for text, name in pairs:
        names.setdefault(text, []).append(name)
    return names
