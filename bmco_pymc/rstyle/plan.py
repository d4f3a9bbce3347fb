"""A call of bmco in terms of the classes: here everything is checked, and nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError
from bmco_pymc.models.bglm import BGLM
from bmco_pymc.models.bglmm import BGLMM
from bmco_pymc.models.bmvb import BMVB
from bmco_pymc.models.settings import Settings
from bmco_pymc.population.points import Analytical, Empirical, Sample, Value, resolve
from bmco_pymc.priors.priors import Priors
from bmco_pymc.rstyle.columns import ROLES, Columns, in_bmcos_words
from bmco_pymc.rstyle.priors import Part
from bmco_pymc.rstyle.question import Question, Subpopulation


@dataclass(frozen=True, eq=False)
class Plan:
    """What a call comes down to.

    Attributes
    ----------
    call : str
        ``"bmvb"``, ``"bglm"`` or ``"bglmm"``.
    columns : Columns
        The data of the call.
    model : BMVB, BGLM or BGLMM
        The analysis with its priors.
    settings : mapping
        How to draw, as ``fit`` takes it; every ``n_thin``-th draw is kept.
    question : Question
        Test, rule and weights.
    parts : mapping of str to Part
        The coefficients: ``fixed`` and, of bglmm, ``random``.
    subpopulation : Subpopulation or None
        x_method and x_def; None without a covariate.
    population : Value, Empirical, Analytical or None
        The same as ``Fit.effect`` takes it, with ``averaging`` as its other arguments.
    averaging : mapping
    alpha : ndarray, shape (2, Q), or None
        The parameters of the Dirichlet priors of both groups.
    """

    call: str
    columns: Columns
    model: BMVB | BGLM | BGLMM
    settings: Mapping[str, Any]
    question: Question
    n_thin: int = 1
    parts: Mapping[str, Part] = field(default_factory=dict)
    subpopulation: Subpopulation | None = None
    population: Value | Empirical | Analytical | None = None
    averaging: Mapping[str, Any] = field(default_factory=dict)
    alpha: NDArray[np.float64] | None = None


def plan_regression(
    columns: Columns,
    study: Study,
    parts: Mapping[str, Part],
    settings: Mapping[str, Any],
    n_thin: int,
    question: Question,
    subpopulation: Subpopulation,
) -> Plan:
    """Return the plan of a call of ``bglm``, or of ``bglmm`` if there is a random part."""
    clustered, x = "random" in parts, columns.covariate
    assert x is not None
    formulas = [part.terms.formula(columns.group, x) for part in parts.values()]
    priors = Priors.bmco()
    for part in parts.values():
        priors = priors.replace(**part.in_model())
    with in_bmcos_words(ROLES, columns.user_names):
        analysis: Any = BGLMM if clustered else BGLM
        model = analysis(study, *formulas, priors=priors)

    averaging: dict[str, Any] = {"clusters": "observed"} if clustered else {}
    if subpopulation.method == "Empirical":
        averaging["standardise"] = "own"
    elif clustered:
        averaging["cluster_weights"] = "equal"
    try:
        population = subpopulation.population(x, columns.levels)
        resolve(population, Sample(study, model.cells), **averaging)  # says what is wrong with it
    except InputError as error:
        if error.argument == "x_method":
            raise
        problem = error.problem
        if x not in model.terms.covariates:
            problem = f"no term of the model has the covariate {x!r}: take everyone, (-inf, inf)"
        problem = columns.in_user_names(problem)
        raise InputError("x_def", subpopulation.x_def, problem, error.choices) from None
    return Plan(
        "bglmm" if clustered else "bglm",
        columns,
        model,
        settings,
        question,
        n_thin,
        parts,
        subpopulation,
        population,
        averaging,
    )


def read_settings(
    n_it: Any, n_burn: Any, n_chain: Any, seed: Any, n_thin: Any = 1
) -> dict[str, Any]:
    """Return how to draw, after a check of the thinning."""
    given = {"draws": n_it, "tune": n_burn, "chains": n_chain, "seed": seed}
    with in_bmcos_words({"draws": "n_it", "tune": "n_burn", "chains": "n_chain"}):
        settings = Settings(**given)
    whole = isinstance(n_thin, int | np.integer) and not isinstance(n_thin, bool)
    if not whole or not 1 <= n_thin <= settings.draws:
        problem = f"must be a whole number from 1 to n_it, {settings.draws}"
        raise InputError("n_thin", n_thin, problem)
    return {name: getattr(settings, name) for name in given}
