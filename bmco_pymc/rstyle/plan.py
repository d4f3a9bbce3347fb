"""A call of bmco, translated: everything is checked here, and nothing is computed yet."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bmco_pymc import patterns
from bmco_pymc.errors import InputError, InputWarning
from bmco_pymc.models.base import Model
from bmco_pymc.models.bglm import BGLM
from bmco_pymc.models.bglmm import BGLMM
from bmco_pymc.models.bmvb import BMVB
from bmco_pymc.population import Analytical, Empirical, Sample, Value, resolve
from bmco_pymc.priors import Dirichlet, InverseWishart, Normal, Priors
from bmco_pymc.remarks import warn
from bmco_pymc.rstyle import terms, wording
from bmco_pymc.rstyle.columns import Columns, read_columns, read_groups
from bmco_pymc.rstyle.question import (
    Question,
    Subpopulation,
    read_question,
    read_subpopulation,
)
from bmco_pymc.rstyle.terms import Terms
from bmco_pymc.rstyle.wording import in_bmcos_words
from bmco_pymc.sampling import Settings
from bmco_pymc.study import Study

NO_TERMS = Terms((), ())


@dataclass(frozen=True, eq=False)
class Plan:
    """What a call comes down to.

    Attributes
    ----------
    call : str
        ``"bmvb"``, ``"bglm"`` or ``"bglmm"``.
    model : BMVB, BGLM or BGLMM
        The analysis, with the user's priors.
    columns : Columns
        The data of the call.
    question : Question
        Test, rule and weights.
    settings : Settings
        How to draw.
    priors : mapping
        The priors under bmco's names, in full and in the user's order.
    n_thin : int
        Every ``n_thin``-th draw is kept.
    subpopulation : Subpopulation or None
        x_method and x_def.
    population : Value, Empirical, Analytical or None
        The same for ``Fit.effect``, with ``averaging``, the other arguments.
    fixed, random : Terms
        The terms in the user's order.
    places : mapping of str to ndarray of intp
        For ``fixed`` and ``random``, the place in the model of each of these terms.
    """

    call: str
    model: Model
    columns: Columns
    question: Question
    settings: Settings
    priors: Mapping[str, Any]
    n_thin: int = 1
    subpopulation: Subpopulation | None = None
    population: Value | Empirical | Analytical | None = None
    averaging: Mapping[str, str] = field(default_factory=dict)
    fixed: Terms = NO_TERMS
    random: Terms = NO_TERMS
    places: Mapping[str, Any] = field(default_factory=dict)


def plan_bmvb(
    data: Any,
    *,
    grp: Any,
    grp_a: Any,
    grp_b: Any,
    y_vars: Any,
    test: Any,
    rule: Any,
    w: Any,
    prior_a: Any,
    prior_b: Any,
    n_it: Any,
    seed: Any,
) -> Plan:
    """Translate a call of `bmvb`; the arguments are its own."""
    columns = read_columns(data, y_vars, grp)
    # bmco's n_it is the number of draws. They are independent, so one chain does.
    settings = _settings(n_it=n_it, n_burn=0, n_chain=1, seed=seed)
    names = patterns.labels(len(columns.outcomes))
    for argument, value in (("prior_a", prior_a), ("prior_b", prior_b)):
        if value is None:
            raise InputError(argument, value, f"must be a number or {len(names)} numbers")
    with in_bmcos_words(wording.PATTERN_PRIOR):
        prior = Dirichlet(prior_a, treatment=prior_b)
        alpha = prior.resolve("phi", names)  # (2, Q)
    question = read_question(test, rule, w, columns.outcomes)
    study = _study(columns, grp_a, grp_b)
    model = BMVB(study, priors=Priors.bmco().replace(phi=prior))
    return Plan("bmvb", model, columns, question, settings, {"prior_a": alpha[0], "prior_b": alpha[1]})


def plan_bglm(
    data: Any,
    *,
    grp: Any,
    grp_a: Any,
    grp_b: Any,
    x_var: Any,
    y_vars: Any,
    x_method: Any,
    x_def: Any,
    test: Any,
    rule: Any,
    w: Any,
    b_mu0: Any,
    b_sigma0: Any,
    n_burn: Any,
    n_it: Any,
    n_thin: Any,
    n_chain: Any,
    seed: Any,
) -> Plan:
    """Translate a call of `bglm`; the arguments are its own."""
    columns = read_columns(data, y_vars, grp, x_var=x_var)
    settings = _settings(n_it=n_it, n_burn=n_burn, n_chain=n_chain, seed=seed)
    _check_thinning(n_thin, n_it)
    labels = terms.bmco_labels(grp, x_var)
    fixed = Terms(tuple(labels.values()), tuple(labels))
    beta, priors = _normal_prior("b", b_mu0, b_sigma0, fixed)
    subpopulation = read_subpopulation(x_method, x_def)
    question = read_question(test, rule, w, columns.outcomes)
    study = _study(columns, grp_a, grp_b)

    assert columns.covariate is not None
    formula = fixed.formula(columns.group, columns.covariate)
    draft = _silently(BGLM, study, formula)
    places = {"fixed": fixed.places(terms.roles_in(draft.design, columns.covariate)[0])}
    with in_bmcos_words(wording.STUDY, columns.user_names):
        model = BGLM(
            study,
            formula,
            Priors.bmco().replace(beta=terms.reordered_normal(beta, places["fixed"])),
        )
    averaging = {"standardise": "own"} if subpopulation.method == "Empirical" else {}
    population = _population(subpopulation, x_def, columns, model, averaging)
    return Plan(
        "bglm",
        model,
        columns,
        question,
        settings,
        priors,
        n_thin,
        subpopulation,
        population,
        averaging,
        fixed,
        places=places,
    )
