"""A call of bmco in terms of the classes: here everything is checked, and nothing is computed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.errors import InputError, InputWarning
from bmco_pymc.models.bglm import BGLM
from bmco_pymc.models.bglmm import BGLMM
from bmco_pymc.models.bmvb import BMVB
from bmco_pymc.population import Analytical, Empirical, Sample, Value, resolve
from bmco_pymc.priors import Priors
from bmco_pymc.rstyle import wording
from bmco_pymc.rstyle.columns import Columns, read_columns, read_groups
from bmco_pymc.rstyle.priors import (
    CovariancePrior,
    NormalPrior,
    covariance_prior,
    fixed_prior,
    pattern_prior,
    random_prior,
)
from bmco_pymc.rstyle.question import Question, Subpopulation, read_question, read_subpopulation
from bmco_pymc.rstyle.terms import Terms, bmco_labels, read_terms, roles_in
from bmco_pymc.rstyle.wording import in_bmcos_words
from bmco_pymc.settings import Settings
from bmco_pymc.study import Study


@dataclass(frozen=True, eq=False)
class Part:
    """The fixed or the random coefficients of a regression.

    Attributes
    ----------
    terms : Terms
        In the user's order.
    prior : NormalPrior
        The prior of the coefficients, or of their means over clusters.
    places : ndarray of intp, shape (terms,)
        Where the model has each of these terms.
    spread : CovariancePrior or None
        The prior of the covariance of random coefficients.
    """

    terms: Terms
    prior: NormalPrior
    places: NDArray[np.intp]
    spread: CovariancePrior | None = None


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
    settings : Settings
        How to draw; every ``n_thin``-th draw is kept.
    question : Question
        Test, rule and weights.
    subpopulation : Subpopulation or None
        x_method and x_def; None without a covariate.
    population : Value, Empirical, Analytical or None
        The same as ``Fit.effect`` takes it, with ``averaging`` as its other arguments.
    averaging : mapping
    parts : mapping of str to Part
        ``fixed`` and ``random``, as far as there are such terms.
    alpha : ndarray, shape (2, Q), or None
        The parameters of the Dirichlet priors of both groups.
    """

    call: str
    columns: Columns
    model: BMVB | BGLM | BGLMM
    settings: Settings
    question: Question
    n_thin: int = 1
    subpopulation: Subpopulation | None = None
    population: Value | Empirical | Analytical | None = None
    averaging: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)
    alpha: NDArray[np.float64] | None = None


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
    """Translate a call of ``bmvb``; the arguments are its own."""
    columns = read_columns(data, y_vars, grp)
    # The draws are independent, so all n_it of them make one chain.
    settings = _settings(n_it=n_it, n_burn=1, n_chain=1, seed=seed)  # exact: no warm-up
    prior, alpha = pattern_prior(prior_a, prior_b, patterns.labels(len(columns.outcomes)))
    question = read_question(test, rule, w, columns.outcomes)
    model = BMVB(_study(columns, grp_a, grp_b), Priors.bmco().replace(phi=prior))
    return Plan("bmvb", columns, model, settings, question, alpha=alpha)


def plan_regression(
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
    multilevel: Mapping[str, Any] | None = None,
) -> Plan:
    """Translate a call of ``bglm`` or ``bglmm``; the arguments are its own.

    Parameters
    ----------
    multilevel : mapping, optional
        The arguments that only ``bglmm`` has: id_var, fixed, random, g_mu0, g_sigma0, nu0, tau0.
    """
    clusters = {} if multilevel is None else {"id_var": multilevel["id_var"]}
    columns = read_columns(data, y_vars, grp, **clusters, x_var=x_var)
    settings = _settings(n_it=n_it, n_burn=n_burn, n_chain=n_chain, seed=seed)
    _check_thinning(n_thin, settings.draws)
    labels = bmco_labels(grp, x_var)
    spread = mean = None
    if multilevel is None:
        fixed, random = Terms(tuple(labels.values()), tuple(labels)), None
    else:
        fixed, random = read_terms(labels, multilevel["fixed"], multilevel["random"])
        mean = random_prior(multilevel["g_mu0"], multilevel["g_sigma0"], random)
        spread = covariance_prior(multilevel["nu0"], multilevel["tau0"], random)
    prior = fixed_prior(b_mu0, b_sigma0, fixed)
    subpopulation = read_subpopulation(x_method, x_def)
    question = read_question(test, rule, w, columns.outcomes)
    study = _study(columns, grp_a, grp_b, **clusters)

    assert columns.covariate is not None
    names = columns.group, columns.covariate
    formulas = [part.formula(*names) for part in (fixed, random) if part is not None]
    analysis: Any = BGLM if multilevel is None else BGLMM
    with in_bmcos_words(wording.STUDY, columns.user_names):
        with warnings.catch_warnings():  # the same warnings come with the model itself, below
            warnings.simplefilter("ignore", InputWarning)
            roles = roles_in(
                analysis(study, *formulas, priors=Priors.bmco()).design, columns.covariate
            )
        parts, priors = {}, Priors.bmco()
        if fixed.roles:
            places = fixed.places(roles[0])
            parts["fixed"] = Part(fixed, prior, places)
            priors = priors.replace(beta=prior.in_model(places))
        if random is not None and mean is not None and spread is not None:
            places = random.places(roles[1])
            parts["random"] = Part(random, mean, places, spread)
            priors = priors.replace(gamma=mean.in_model(places), Sigma=spread.in_model(places))
        model = analysis(study, *formulas, priors=priors)

    averaging: dict[str, Any] = {} if multilevel is None else {"clusters": "observed"}
    if subpopulation.method == "Empirical":
        averaging["standardise"] = "own"
    elif multilevel is not None:
        averaging["cluster_weights"] = "equal"
    return Plan(
        "bglm" if multilevel is None else "bglmm",
        columns,
        model,
        settings,
        question,
        n_thin,
        subpopulation,
        _population(subpopulation, x_def, columns, model, averaging),
        averaging,
        parts,
    )


def _settings(*, n_it: Any, n_burn: Any, n_chain: Any, seed: Any) -> Settings:
    with in_bmcos_words(wording.SETTINGS):
        return Settings(draws=n_it, tune=n_burn, chains=n_chain, seed=seed)


def _check_thinning(n_thin: Any, n_it: int) -> None:
    whole = isinstance(n_thin, int | np.integer) and not isinstance(n_thin, bool)
    if not whole or not 1 <= n_thin <= n_it:
        raise InputError("n_thin", n_thin, f"must be a whole number from 1 to n_it, {n_it}")


def _study(columns: Columns, grp_a: Any, grp_b: Any, id_var: Any = None) -> Study:
    """Return the study of a call."""
    with in_bmcos_words(wording.STUDY, columns.user_names):
        a, b = read_groups(columns.frame[columns.group], grp_a, grp_b)
        return Study(columns.frame, columns.outcomes, columns.group, a, b, id_var)


def _population(
    subpopulation: Subpopulation,
    x_def: Any,
    columns: Columns,
    model: BGLM | BGLMM,
    averaging: Mapping[str, Any],
) -> Value | Empirical | Analytical:
    """Return the population, after a try whether it can be resolved on the data.

    Raises
    ------
    InputError
        If a value or range does not go with the covariate, or no subject is in the range.
    """
    x = columns.covariate
    assert x is not None
    try:
        population = subpopulation.population(x, columns.levels)
        resolve(population, Sample(model.study, model.cells), **averaging)
    except InputError as error:
        if error.argument == "x_method":
            raise
        problem = error.problem
        if x not in model.design.covariates:
            problem = f"no term of the model has the covariate {x!r}: take everyone, (-inf, inf)"
        raise InputError("x_def", x_def, columns.in_user_names(problem), error.choices) from None
    return population
