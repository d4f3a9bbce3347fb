"""Options as people write them, and whether they go together, before anything is computed."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bmco_pymc.arguments import probability
from bmco_pymc.cli.declared import Deciding, Whom
from bmco_pymc.cli.populations import check_population, read_whom
from bmco_pymc.data.study import Study
from bmco_pymc.decision.rule import Rule
from bmco_pymc.effects.effect import Effect
from bmco_pymc.errors import InputError, warn_user
from bmco_pymc.fit import Fit
from bmco_pymc.models.base import Model
from bmco_pymc.models.bglm import BGLM
from bmco_pymc.models.bglmm import BGLMM
from bmco_pymc.models.bmvb import BMVB
from bmco_pymc.population.values import Population
from bmco_pymc.priors.priors import Priors

ANALYSES = ("auto", "bmvb", "bglm", "bglmm")
PRIORS = ("recommended", "bmco")


def names(option: str, text: str) -> list[str]:
    """Return names separated by commas; a name with a comma stands in double quotes.

    Examples
    --------
    >>> names("--outcomes", 'passed, "read, wrote"')
    ['passed', 'read, wrote']
    """
    parts = [part.strip() for part in next(csv.reader([text], skipinitialspace=True), [])]
    if not parts or not all(parts):
        raise InputError(option, text, "must be column names separated by commas")
    return parts


def numbers(option: str, text: str) -> float | list[float]:
    """Return one number, or numbers separated by commas as a list.

    Examples
    --------
    >>> numbers("--margins", "0.1"), numbers("--weights", "0.7, 0.3")
    (0.1, [0.7, 0.3])
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(option, text, "must be numbers separated by commas") from None
    return values[0] if len(values) == 1 else values


def make_model(
    study: Study,
    analysis: str = "auto",
    fixed: str | None = None,
    random: str | None = None,
    priors: str = "recommended",
) -> Model:
    """Return the analysis that was asked for, or the one that the other options call for.

    Warns
    -----
    InputWarning
        If clusters were named for an analysis that has none.
    """
    kind = analysis.strip().lower()
    if kind not in ANALYSES:
        raise InputError("--analysis", analysis, "unknown analysis", ANALYSES)
    if priors.strip().lower() not in PRIORS:
        raise InputError("--priors", priors, "there is no such set of priors", PRIORS)
    prior = Priors.bmco() if priors.strip().lower() == "bmco" else Priors()
    if kind == "auto":
        kind = "bglmm" if study.cluster is not None else "bglm" if fixed is not None else "bmvb"
    if kind == "bglmm":
        if study.cluster is None:
            raise InputError("--analysis", analysis, "needs --cluster, the column of clusters")
        return BGLMM(study, fixed, "1" if random is None else random, prior)
    if random is not None:
        raise InputError("random", random, f"{kind.upper()} has no clusters: give --cluster")
    if kind == "bmvb" and fixed is not None:
        raise InputError("fixed", fixed, "BMVB has no covariates: use --analysis bglm")
    model = BGLM(study, fixed, prior) if kind == "bglm" else BMVB(study, prior)
    if study.cluster is not None:
        warn_user(f"{kind.upper()} ignores the clusters and takes all subjects to be independent")
    return model


def read_rule(deciding: Deciding, *, named: bool = True) -> Rule:
    """Return the rule that options describe; or what they say beside its name."""
    margins = numbers("--margins", deciding.margins)
    w = None if deciding.weights is None else numbers("--weights", deciding.weights)
    return Rule(
        deciding.rule if named else None,
        deciding.direction,
        margins,
        w,
        deciding.alpha,
        deciding.at_least,
        cut=deciding.cut_off,
    )


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of a fit.

    Attributes
    ----------
    population : Value, Empirical, Analytical, Target or None
    how : mapping
        Further arguments of ``fit.effect``; only those given.
    rule : Rule
    ci_prob : float
    """

    population: Population | None
    how: Mapping[str, Any]
    rule: Rule
    ci_prob: float

    def effect(self, fit: Fit) -> Effect:
        """Return the effect that is asked about."""
        return fit.effect(self.population, **self.how)


def read_question(model: Model, whom: Whom, deciding: Deciding, ci: float) -> Question:
    """Return what options ask of a fit of the model, checked before there is one."""
    question = read_look(model, whom, deciding, ci)
    question.rule.for_outcomes(model.study.outcomes)
    return question


def read_look(
    model: Model, whom: Whom, deciding: Deciding, ci: float, *, named: bool = True
) -> Question:
    """Return what options ask of a picture: without a rule if none was named, or about a pair."""
    population, how = read_whom(whom, model)
    rule = read_rule(deciding, named=named)
    probability("ci_prob", ci)
    check_population(model, population, how)
    return Question(population, how, rule, ci)
