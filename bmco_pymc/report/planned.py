"""The plan of a trial in words: its objective, when it succeeds, its analysis, prior and looks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.decision.criteria import CRITERIA, event
from bmco_pymc.decision.rule import Rule
from bmco_pymc.priors.components import Components
from bmco_pymc.report.phrases import joined
from bmco_pymc.report.recruited import Recruited, large, many, randomised

_OF_OUTCOMES = {
    "All": "on every one of",
    "Any": "on at least one of",
    "Comp": "on a weighted sum of",
    "Count": "on at least {m} of",
    "Utility": "in the expected utility of",
}
_CLAIMS = {
    "All": "every one of",
    "Any": "at least one of",
    "Count": "at least {m} of",
}
_BETTER = {
    "right": "has higher success probabilities than the control",
    "left": "has lower success probabilities than the control",
    "two-sided": "differs from the control",
}
_NOT_WORSE = {
    "right": "is non-inferior to the control",
    "left": "is non-superior to the control",
    "two-sided": "is non-inferior or non-superior to the control",
}
PAPERS = (
    "A one-sided level of 0.05 is that of the papers behind the rules (Kavelaars, Mulder & "
    "Kaptein, 2020); regulators usually ask for 0.025 one-sided."
)


@dataclass(frozen=True, eq=False)
class Planned:
    """The plan of a trial as plain values, for sentences about it.

    Attributes
    ----------
    model : str
        The analysis.
    rule : Rule
        For given outcomes.
    prior : str
        In words.
    priors : pair of (weights, alphas), or None
        The prior of φ of the control and of the treatment, shapes (M,) and (M, Q); of BMVB.
    sizes : ndarray of int, shape (looks, 2)
        Subjects of the control and of the treatment at each look.
    cuts : ndarray, shape (looks,)
        What the deciding probability must exceed.
    spending : str
        How the level is spent over looks, in words; empty where there is one look, or cut-offs are
        given.
    futility : float or None
        The probability below which the trial is given up.
    futility_by : str
        "predictive" or "posterior".
    enrolled : pair of int
        Subjects to be enrolled.
    dropout : float
        Share of them without outcome.
    fixed, random : str
        The formula of the fixed terms, and what varies between clusters, where the analysis has
        them.
    over : str
        What success probabilities are averaged over; empty where each group is as it is.
    clusters : Recruited or None
        How subjects come in clusters.
    """

    model: str
    rule: Rule
    prior: str
    priors: tuple[Components, Components] | None
    sizes: NDArray[np.int64]
    cuts: NDArray[np.float64]
    enrolled: tuple[int, int]
    spending: str = ""
    futility: float | None = None
    futility_by: str = "predictive"
    dropout: float = 0.0
    fixed: str = ""
    random: str = ""
    over: str = ""
    clusters: Recruited | None = None

    @property
    def of_clusters(self) -> bool:
        """Whether whole clusters are randomised."""
        return self.clusters is not None and self.clusters.by_group is not None

    @property
    def sequential(self) -> bool:
        """Whether there is more than one look."""
        return len(self.cuts) > 1

    @property
    def at_papers_level(self) -> bool:
        """Whether the level is the papers', which is not that of regulators."""
        return len(self.rule.sides) == 1 and abs(self.rule.alpha - 0.05) < 1e-12


def sided(rule: Rule) -> str:
    """Return the direction of a rule."""
    return rule.direction if rule.direction == "two-sided" else f"{rule.direction}-sided"


def head(plan: Planned, *, sizes: bool = True) -> str:
    """Return the analysis, the rule, its level and the sizes, in a line."""
    return f"{plan.model}, {criterion(plan)}, {shape(plan, sizes=sizes)}".removesuffix(", ")


def criterion(plan: Planned) -> str:
    """Return the rule and its level."""
    rule = plan.rule
    parts = [f"rule {rule.words}", sided(rule), f"level {rule.alpha:g}"]
    if rule.cut is not None:
        parts.append(f"cut-off {rule.cut:.6g}")
    return ", ".join(parts)


def shape(plan: Planned, *, sizes: bool = True) -> str:
    """Return the sizes and how many looks there are."""
    parts = []
    if sizes:
        parts = [f"n = {both(plan.sizes[-1].tolist())}"]
        if plan.clusters is not None:
            parts[0] += f" in {plan.clusters.total} clusters"
    return ", ".join(parts + [f"{len(plan.cuts)} looks"] * plan.sequential)


def both(sizes: tuple[float, float] | list[float]) -> str:
    """Return the subjects of the control and of the treatment.

    Examples
    --------
    >>> both([103, 103]), both([60.25, 120.5])
    ('103 + 103', '60.2 + 120.5')
    """
    return " + ".join(f"{n:.1f}".removesuffix(".0") for n in sizes)


def each_group(sizes: tuple[int, int] | list[int]) -> str:
    """Return the subjects of both groups, in a sentence.

    Examples
    --------
    >>> each_group([103, 103]), each_group([60, 120])
    ('103 subjects in each group', '60 subjects of the control and 120 of the treatment')
    """
    control, treatment = sizes
    if control == treatment:
        return f"{control} subject{'s' * (control > 1)} in each group"
    return f"{control} subjects of the control and {treatment} of the treatment"


def objective(plan: Planned) -> str:
    """Return what the trial is to decide."""
    rule, K = plan.rule, len(plan.rule.outcomes)
    which = _OF_OUTCOMES[str(rule.rule)].format(m=rule.m)
    where = f"{which} {K} binary outcomes, " if K > 1 else "on the binary outcome "
    margins = rule.bounds()
    better = _BETTER[rule.direction]
    if max(margins) < 0:
        better = _NOT_WORSE[rule.direction]
    elif any(margins):
        where = f"by more than the margin, {where}"
    kind = "cluster-randomised trial" if plan.of_clusters else "trial"
    return f"The {kind} is to decide whether the treatment {better} {where}{joined(rule.outcomes)}."


def estimand(plan: Planned) -> str:
    """Return what δ is, and what is made of it."""
    text = (
        "For each outcome, δ is the success probability under the treatment minus that under the "
        "control"
    )
    if plan.over:
        text += f", {plan.over}"
    if plan.rule.criterion.weighs:
        return f"{text}; the estimand is their weighted sum."
    if plan.rule.criterion.values:
        return (
            f"{text}; the estimand is the difference in expected utility, φ being the "
            "probabilities of the response patterns."
        )
    return f"{text}."


def success(plan: Planned) -> str:
    """Return when the trial is a success, as a sentence."""
    rule = plan.rule
    cut = "the cut-off of the look" if plan.sequential else f"{plan.cuts[-1]:.6g}"
    if len(rule.sides) == 1:
        return f"Success is declared if, {_condition(rule, rule.direction, cut)}."
    right, left = (_condition(rule, side, cut) for side in rule.sides)
    return f"The treatment is called superior if, {right}; and inferior if, {left}."


def _condition(rule: Rule, side: str, cut: str) -> str:
    """Return when one side of a rule is met."""
    criterion = rule.criterion
    if criterion.weighs or criterion.values:
        summed = f"for {rule.event(side)}, the posterior probability exceeds {cut}"
        return summed.replace("for difference", "for the difference")
    if rule.statistic == "joint" or len(rule.outcomes) == 1:
        return f"for {rule.event(side)}, the posterior probability exceeds {cut}"
    margins = zip(rule.outcomes, rule.bounds(), strict=True)
    singles = [event(CRITERIA["All"], side, [k], [bound]) for k, bound in margins]
    of_them = _CLAIMS[str(rule.rule)].format(m=rule.m)
    return f"for {of_them} {joined(singles)}, the posterior probability exceeds {cut}"


def level(plan: Planned) -> str:
    """Return the level and how it makes the cut-off, as a sentence."""
    rule = plan.rule
    one = len(rule.sides) == 1
    text = f"The level is α = {rule.alpha:g}, "
    text += "one-sided" if one else "two-sided, half of it for each side"
    shares = rule.criterion.shares(rule.m, len(rule.outcomes))
    if plan.sequential and not plan.spending:
        return f"{text}; the cut-offs of the looks are given."
    if rule.cut is not None and not plan.sequential:
        return f"{text}; the cut-off {rule.cut:.6g} is given, instead of {1 - rule.level():.6g}."
    if shares > 1 and rule.statistic == "marginal":
        text += f", divided by {shares} for the claim of an outcome"
    return f"{text}."


def groups(plan: Planned) -> str:
    """Return how many subjects are analysed and enrolled, and in which clusters."""
    text = f"At the end, {each_group(plan.sizes[-1].tolist())} are analysed."
    if plan.clusters is not None:
        return _in_clusters(plan, plan.clusters)
    if plan.dropout:
        text += (
            f" As {100 * plan.dropout:.4g}% are expected to have no outcome, "
            f"{each_group(plan.enrolled)} are enrolled."
        )
    return text


def _in_clusters(plan: Planned, clusters: Recruited) -> str:
    """Return the same where subjects come in clusters, whose sizes may be drawn."""
    about = "about " * clusters.varied
    what = randomised(clusters)
    text = (
        f"At the end, {many(clusters)}, {large(clusters)}, are analysed: {about}"
        f"{each_group(plan.sizes[-1].tolist())}. {what[0].upper()}{what[1:]}."
    )
    if plan.dropout:
        enrolled = clusters.mean / (1 - plan.dropout)
        text += (
            f" As {100 * plan.dropout:.4g}% are expected to have no outcome, {enrolled:.4g} "
            f"subjects of a cluster are enrolled on average, about {each_group(plan.enrolled)}."
        )
    return text


def looks(plan: Planned) -> str:
    """Return when the data are looked at, and what it takes to stop."""
    if not plan.sequential:
        return "There is no interim analysis."
    sizes, K = plan.sizes.tolist(), len(plan.rule.outcomes)
    what = "An interim analysis is" if len(sizes) == 2 else "Interim analyses are"
    early = joined([each_group(n) for n in sizes[:-1]])
    if all(control == treatment for control, treatment in sizes):
        early = f"{joined([n for n, _ in sizes[:-1]])} subjects in each group"
    if plan.clusters is not None and plan.clusters.at:
        early = f"{joined(plan.clusters.at[:-1])} clusters of {plan.clusters.total} ({early})"
    elif plan.clusters is not None:
        early += f", the same share of each of the {plan.clusters.total} clusters"
    text = f"{what} planned with {early}. "
    cuts = [f"{cut:.6g}" for cut in plan.cuts]
    text += f"The trial stops with success where the cut-off is exceeded: {joined(cuts)} in turn"
    text += f" (spending of the level: {plan.spending})." if plan.spending else " (given)."
    if K > 1 and plan.rule.rule in ("All", "Count") and plan.rule.statistic == "marginal":
        text += " The outcomes that it takes must all be claimed at the same look."
    if plan.futility is not None:
        text += (
            f" It may be given up where the {plan.futility_by} probability of success is below "
            f"{plan.futility:g}; this is not binding: error rates are computed as if nobody gave "
            "up."
        )
    return text
