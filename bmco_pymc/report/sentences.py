"""The sentences of a report: what was compared, how, and what came out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.decision.decision import Decision
from bmco_pymc.decision.probability import decimals, shown
from bmco_pymc.posterior.declaration import Declaration
from bmco_pymc.posterior.differences import Differences
from bmco_pymc.report.phrases import joined
from bmco_pymc.report.terms import INTERCEPT, named

_NAMES = {
    "BMVB": (
        "a Bayesian multivariate Bernoulli model",
        "BMVB; Kavelaars, Mulder & Kaptein, 2020, https://doi.org/10.1177/0962280220922256",
    ),
    "BGLM": (
        "Bayesian multivariate logistic regression",
        "BGLM; Kavelaars, Mulder & Kaptein, 2024, https://doi.org/10.1080/00273171.2024.2337340",
    ),
    "BGLMM": (
        "Bayesian multilevel multivariate logistic regression",
        "BGLMM; Kavelaars, Mulder & Kaptein, 2023, https://doi.org/10.1186/s12874-023-02034-z",
    ),
}


def comparison(model: Declaration) -> str:
    """Return who was compared with whom, on what, as a sentence."""
    n_control, n_treatment = model.cells.subjects
    control, treatment = model.study.group_labels
    k = len(model.study.outcomes)
    outcomes = f"{k} binary outcomes, " if k > 1 else "the binary outcome "
    return (
        f"We compared {treatment} ({n_treatment} subjects) with {control} ({n_control} subjects) "
        f"on {outcomes}{joined(model.study.outcomes)}."
        + "".join(f" {sentence}" for sentence in model.sample_notes)
    )


def successes(model: Declaration) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return successes, and subjects observed, of each group and outcome: both (2, outcome)."""
    cells = model.cells
    each = cells.successes, cells.observed
    success, observed = (
        np.stack([by_cell[cells.arm == arm].sum(axis=0) for arm in (0, 1)]) for by_cell in each
    )
    return success, observed


def analysis(model: Declaration) -> str:
    """Return the model in words, as a sentence."""
    several = len(model.study.outcomes) > 1
    subject = "The outcomes were analysed together by" if several else "The outcome was analysed by"
    return f"{subject} {_model(model)}.{in_part(model)}"


def in_part(model: Declaration) -> str:
    """Return what subjects observed in part add to the likelihood, as a sentence; or nothing."""
    if model.cells.partial is None:
        return ""
    return (
        " A subject with missing outcomes contributed the sum of the probabilities of all patterns "
        "that agree with what was observed, the likelihood of outcomes missing at random (Little & "
        "Rubin, 2019, https://doi.org/10.1002/9781119482260)."
    )


def _model(model: Declaration) -> str:
    kind = type(model).__name__
    name, source = _NAMES.get(kind, (f"the model {kind}", ""))
    response = f"the {len(model.study.patterns)} joint response patterns"
    words = f"{name} ({source})" if source else name
    if model.terms is None:
        return f"{words}: the counts of {response} are multinomial in each group"
    words += f": a multinomial logit of {response}"
    if model.terms.fixed:
        kept = "fixed terms" if model.terms.random else "the terms"
        words += f", with {kept} {joined(named(model.terms.fixed, model.cells.frame))}"
    if model.terms.random:
        random = named(model.terms.random, model.cells.frame)
        what = "an intercept" if random == [INTERCEPT] else f"coefficients of {joined(random)}"
        words += (
            f", and with {what} that "
            "varied between "
            f"{len(model.cells.cluster_labels)} clusters ({model.study.cluster})"
        )
    return words


def computation(effect: Differences) -> str:
    """Return how the draws were made, as a sentence."""
    attrs: dict[Any, Any] = effect.posterior.idata.attrs
    sizes = effect.delta.sizes
    draws = f"{sizes['chain']} chains of {sizes['draw']} draws"
    software = software_of(effect).split(",")[0]
    if effect.diagnostics.exact:
        known = str(attrs["sampler"]).startswith("exact")
        way = "is known and was drawn from exactly" if known else f"was drawn by {attrs['sampler']}"
        how = f"The posterior {way}, with {software}: {draws}"
    else:
        how = f"The posterior was sampled by NUTS ({attrs['sampler']}), with {software}: {draws}"
        how += f", after {attrs['tune']} of tuning each"
    return f"{how} (seed {attrs['seed']})."


def software_of(effect: Differences) -> str:
    """Return the versions of the software that made the fit."""
    attrs = effect.posterior.idata.attrs
    return str(attrs.get("software", f"bmco_pymc {attrs['modeling_interface_version']}"))


def estimates(effect: Differences, table: pd.DataFrame, ci_prob: float) -> list[str]:
    """Return a sentence for each outcome: θ of both groups and δ.

    Parameters
    ----------
    effect : Differences
    table : pandas.DataFrame
        Its ``summary(ci_prob)``: θ by group and outcome, then δ by outcome.
    ci_prob : float
        Probability in the intervals.
    """
    control, treatment = effect.groups
    outcomes = effect.outcomes
    shown_rows = [
        f"{row['mean']:.3f} [{row['lower']:.3f}, {row['upper']:.3f}]" for _, row in table.iterrows()
    ]
    K = len(outcomes)
    what = f" (posterior mean [{100 * ci_prob:g}% equal-tailed interval])"
    return [
        f"For {outcome}, the success probability{'' if k else what} was {shown_rows[K + k]} under "
        f"{treatment} and {shown_rows[k]} under {control}, a difference of {shown_rows[2 * K + k]}."
        for k, outcome in enumerate(outcomes)
    ]


def probabilities(decision: Decision) -> list[str]:
    """Return sentences on the probabilities of each side, with their Monte Carlo errors."""
    sentences = []
    for side, whole in zip(decision.sides, joint(decision), strict=True):
        sentences.append(whole)
        if decision.weights is not None or len(decision.outcomes) == 1:
            continue
        marginal = zip(side.marginal, side.marginal_mcse, side.marginal_bound, strict=True)
        alone = [f"{k} {shown(*p)}" for k, p in zip(decision.outcomes, marginal, strict=True)]
        sentences.append(f"Outcome by outcome: {joined(alone)}.")
    return sentences


def joint(decision: Decision) -> list[str]:
    """Return a sentence on the joint probability of each side."""
    return [
        f"P({side.event}) {shown(side.probability, side.mcse, side.bound, equals='= ')}."
        for side in decision.sides
    ]


def criterion(decision: Decision) -> str:
    """Return the rule and its level in words, without a full stop."""
    sides = decision.direction if len(decision.sides) == 2 else f"{decision.direction}-sided"
    margins = dict(zip(decision.outcomes, decision.margins, strict=True))
    same = len(set(decision.margins)) == 1
    each = [f"{value:g} for {name}" for name, value in margins.items()]
    words = f"rule {decision.asked.words}, {sides}, at level α = {decision.alpha:g}, with "
    if decision.asked.cut is not None:
        words += f"cut-off {decision.asked.cut:.6g}, "
    words += f"margin {decision.margins[0]:g}" if same else f"margins {joined(each)}"
    if decision.weights is not None:
        weights = zip(decision.weights, decision.outcomes, strict=True)
        words += f", and weights {joined([f'{w:.4g} for {name}' for w, name in weights])}"
    return words


def verdict(decision: Decision) -> str:
    """Return the decision and what it rests on, as a sentence."""
    reasons = []
    for side in decision.sides:
        whose = f"{side.direction}: " if len(decision.sides) == 2 else ""
        reasons.append(
            f"{whose}{decision.statistic_name} {decimals(side.statistic)} {side.comparison}"
        )
    return f"The decision by {criterion(decision)}: {decision.verdict} ({'; '.join(reasons)})."
