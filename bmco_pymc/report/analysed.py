"""The analysis of a planned trial in words: its model, its priors and what these are worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.report.phrases import joined
from bmco_pymc.report.planned import Planned

_MODELS = {
    "BMVB": "a Bayesian multivariate Bernoulli model (BMVB; Kavelaars, Mulder & Kaptein, 2020, "
    "https://doi.org/10.1177/0962280220922256): the counts of the {Q} joint response patterns are "
    "multinomial in each group",
    "BGLM": "Bayesian multivariate logistic regression (BGLM; Kavelaars, Mulder & Kaptein, 2024, "
    "https://doi.org/10.1080/00273171.2024.2337340): a multinomial logit of the {Q} joint response "
    "patterns, with terms {fixed}",
    "BGLMM": "Bayesian multilevel multivariate logistic regression (BGLMM; Kavelaars, Mulder & "
    "Kaptein, 2023, https://doi.org/10.1186/s12874-023-02034-z): a multinomial logit of the {Q} "
    "joint response patterns, with fixed terms {fixed}, and with {random} between clusters",
}


def analysis(plan: Planned) -> str:
    """Return the model and the prior, as sentences."""
    K = len(plan.rule.outcomes)
    subject = "The outcomes will be analysed together" if K > 1 else "The outcome will be analysed"
    model = _MODELS[plan.model].format(Q=2**K, fixed=plan.fixed, random=plan.random)
    whose = "The prior of their probabilities is" if plan.model == "BMVB" else "It has"
    text = f"{subject} by {model}. {whose} {plan.prior}."
    if plan.clusters is not None and plan.model != "BGLMM":
        text += " It takes no account of the clusters: their subjects count as independent."
    return text


def worth(plan: Planned) -> str:
    """Return how many subjects the prior of each group is worth: the sum of its concentrations.

    A Dirichlet prior with concentrations α adds to the counts as Σ α subjects would; in a mixture
    each component has a size of its own. A prior of coefficients adds no counts.
    """
    if plan.priors is None:
        return "A prior of coefficients is not worth a number of subjects."
    texts = [_worth(*prior) for prior in plan.priors]
    if texts[0] == texts[1]:
        return f"The prior of each group is worth {texts[0]}."
    return f"The prior of the control is worth {texts[0]}, that of the treatment {texts[1]}."


def _worth(weights: NDArray[np.float64], alphas: NDArray[np.float64]) -> str:
    totals = [f"{total:.4g} subject{'s' * int(total != 1)}" for total in alphas.sum(axis=1)]
    if len(totals) == 1:
        return totals[0]
    return joined(
        [f"{total} with weight {w:.3g}" for total, w in zip(totals, weights, strict=True)]
    )
