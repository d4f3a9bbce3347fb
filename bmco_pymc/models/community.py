"""A community of models: fit them, ask each the same question; and one of priors to start from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from bmco_pymc.arguments import check_names, of_kind, probability
from bmco_pymc.decision.rule import Rule, asking
from bmco_pymc.effects.comparison import Comparison, make_comparison
from bmco_pymc.effects.effect import Effect, make_effect
from bmco_pymc.errors import ConvergenceWarning, InputError, warn_user
from bmco_pymc.fit import Fit
from bmco_pymc.interrupts import INTERRUPTED
from bmco_pymc.models.base import Model
from bmco_pymc.models.same_rows import check_same_rows
from bmco_pymc.models.settings import Settings
from bmco_pymc.population.estimand import Estimand
from bmco_pymc.population.points import Sample
from bmco_pymc.population.values import Population
from bmco_pymc.posterior.declaration import Declaration
from bmco_pymc.priors.priors import InverseWishart, Normal, Priors
from bmco_pymc.progress import counting

_SETTINGS = ("draws", "tune", "chains", "cores", "target_accept")


@asking("All")
def compare(
    models: Mapping[str, Model | Fit],
    population: Population | None = None,
    *,
    clusters: str | None = None,
    standardise: str = "pooled",
    cluster_weights: str = "size",
    rule: Rule,
    ci_prob: float = 0.95,
    seed: int | None = None,
    progress: bool = True,
    **settings: Any,
) -> Comparison:
    """Fit several models of the same data, and ask each the same question.

    Parameters
    ----------
    models : mapping of str to Model or Fit
        Name to model, which is fitted, or to a fit that is there already: the same analysis with
        other priors (``model.with_priors(...)``), or other analyses of the same rows.
    population : Value, Empirical, Analytical or Target, optional
        As in `Fit.effect`. BMVB has no covariates and can answer for the whole sample only.
    clusters, standardise, cluster_weights : str, optional
        As in `Fit.effect`; passed on to those analyses that they apply to. A BGLM has no clusters,
        a BMVB no covariates to standardise.
    rule : str or Rule
        With its arguments, as in `Effect.decide`.
    ci_prob : float
        Probability in the equal-tailed intervals.
    seed : int, optional
        The seed of every fit; without one, the fits share a fresh one. The same seed gives the same
        draws on one machine with the same versions; on others they differ by Monte Carlo error.
    progress : bool
        Whether to show one progress display for all fits.
    **settings
        Of every fit: ``draws``, ``tune``, ``chains``, ``cores``, ``target_accept``; the default is
        that of the model.

    Returns
    -------
    Comparison
        What each says, in one table. After an interrupt (Ctrl-C) it holds the fits that were
        finished, and ``not_fitted`` names the others.

    Raises
    ------
    InputError
        If an argument cannot be used or two models do not use the same rows of the data; nothing
        was fitted.
    KeyboardInterrupt
        After an interrupt when no fit was finished.

    Warns
    -----
    ConvergenceWarning
        Once, naming every fit that has not converged or was not made.

    Notes
    -----
    Fits of one structure share their compiled code: the second prior of a family costs its sampling
    only. A prior that changes the decision means that the data do not settle the question; report
    the results under each (Spiegelhalter, Freedman & Parmar 1994, 10.2307/2983527).

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", control="ctl", treatment="trt")
    >>> model = bmco.BMVB(study)
    >>> models = {"weak": model, "strong": model.with_priors(phi=bmco.Dirichlet(50))}
    >>> both = bmco.compare(models, rule="any", seed=1, progress=False)
    >>> both.table.query("outcome == 'y1'").set_index("model")["delta"].round(2).to_dict()
    {'weak': 0.11, 'strong': 0.04}
    """
    known = _checked_models(models)
    check_names(settings, _SETTINGS)
    settings = {name: value for name, value in settings.items() if value is not None}
    seed = Settings(seed=seed, **settings).with_seed().seed
    ci_prob = probability("ci_prob", ci_prob)
    asked = Estimand(population, clusters, standardise, cluster_weights)
    rule = rule.for_outcomes(next(iter(known.values())).study.outcomes)
    _check_question(known, asked)

    fits: dict[str, Fit] = {}
    effects: dict[str, Effect] = {}
    with counting(list(models), progress) as names, warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        try:
            for name in names:
                given = models[name]
                fit = given
                if not isinstance(fit, Fit):
                    fit = fit.fit(seed=seed, progress=progress, **settings)
                effects[name] = make_effect(fit, asked.applicable(fit.model.terms))
                fits[name] = fit
                if not isinstance(given, Fit) and _cut_short(fit):
                    break
        except KeyboardInterrupt:
            if not fits:
                raise
        left = tuple(name for name in models if name not in fits)
        done = {name: effects[name] for name in fits}
        comparison = make_comparison(fits, done, rule, ci_prob=ci_prob, not_fitted=left)
    _warn_again(raised)
    if comparison.problems:
        text = "\n".join(comparison.problems)
        warn_user(text, ConvergenceWarning)
    return comparison


def _checked_models(models: Mapping[str, Model | Fit]) -> dict[str, Model]:
    """Return the model behind each name, or say what is wrong with the mapping."""
    if not isinstance(models, Mapping) or not models:
        raise InputError("models", models, "must be a mapping of names to models or fits")
    known = {}
    for name, value in models.items():
        if not isinstance(name, str) or not name:
            raise InputError("models", name, "a name must be text")
        model = value.model if isinstance(value, Fit) else value
        if not isinstance(model, Model):
            kinds = ["BMVB", "BGLM", "BGLMM", "Fit"]
            raise InputError(f"models[{name!r}]", value, "must be a model or a fit of one", kinds)
        known[name] = model
    check_same_rows(known)
    return known


def _check_question(models: Mapping[str, Declaration], asked: Estimand) -> None:
    """Ask everything of the models before any is fitted, so that a mistake costs nothing."""
    clustered = [model.terms is not None and model.terms.random for model in models.values()]
    if asked.clusters is not None and not any(clustered):
        raise InputError("clusters", asked.clusters, "no model here has clusters", [None])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is unusual is said when it is done
        for name, model in models.items():
            whom = f"{name!r} ({'BMVB' if model.terms is None else type(model).__name__})"
            of_model = asked.applicable(model.terms).for_terms(model.terms, whom)
            if model.terms is not None:
                of_model.target(Sample(model.study, model.cells))


def _cut_short(fit: Fit) -> bool:
    """Whether the user interrupted it, before or after the draws asked for were made."""
    return INTERRUPTED in fit.idata.attrs or bool(fit.cut_short)


def _warn_again(raised: Sequence[warnings.WarningMessage]) -> None:
    """Emit each recorded warning once, but those on convergence, which name no fit."""
    seen = set()
    for record in raised:
        key = (record.category, str(record.message))
        if key not in seen and not issubclass(record.category, ConvergenceWarning):
            warn_user(record.message, record.category)
        seen.add(key)


def community_of_priors(model: Model, effect: float = 0.5) -> dict[str, Model]:
    r"""Return a regression under three priors that pull in different directions.

    ========== ========================== ===================================================
    name       coefficients               covariance between clusters
    ========== ========================== ===================================================
    weak       N(0, 10)                   InverseWishart(p, 0.1)
    skeptical  N(0, 1): against large     InverseWishart(p + 4, 0.05): for clusters that are
               effects in any direction   alike
    optimistic N(0, 1), but N(effect, 1)  as under weak
               for the group's term
    ========== ========================== ===================================================

    The numbers in brackets are means and variances, of each coefficient and logit, on the raw scale
    of the covariates; p is the number of random terms.

    Parameters
    ----------
    model : Model
        A BGLM or BGLMM in which the group has a term of its own; its own priors are not used.
    effect : float, optional
        Log odds by which the optimist expects the treatment to raise each pattern over the
        pattern of all failures.

    Returns
    -------
    dict of str to Model
        For `bmco_pymc.compare`.

    Raises
    ------
    InputError
        If the model has no term of the group alone.

    Warns
    -----
    InputWarning
        If one of the priors overrules the scale of a covariate: standardise it for these.

    References
    ----------
    Spiegelhalter, Freedman & Parmar (1994), https://doi.org/10.2307/2983527

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", control="ctl", treatment="trt")
    >>> three = bmco.community_of_priors(bmco.BGLM(study, "arm * x"))
    >>> for name, model in three.items():
    ...     print(name, model.priors.beta)
    weak Normal(mean=0, covariance=10)
    skeptical Normal(mean=0, covariance=1)
    optimistic Normal(mean=[0.0, 0.5, 0.0, 0.0], covariance=1)
    """
    terms = of_kind("model", model, Model, "must be a BGLM or BGLMM").terms
    group = model.study.group
    if terms is None or group not in (*terms.fixed, *terms.random):
        what = f"has no term of the group ({group!r}) alone, on which the optimist could set hopes"
        raise InputError("model", type(model).__name__, what)
    p = len(terms.random)

    def mean(terms: tuple[str, ...]) -> float | list[float]:
        return [effect if term == group else 0.0 for term in terms] if group in terms else 0.0

    weak = {"beta": Normal(0, covariance=10), "gamma": Normal(0, covariance=10)}
    skeptical = {"beta": Normal(0, covariance=1), "gamma": Normal(0, covariance=1)}
    optimistic = {
        "beta": Normal(mean(terms.fixed), covariance=1),
        "gamma": Normal(mean(terms.random), covariance=1),
    }
    start, spread = Priors.bmco(), InverseWishart()
    return {
        "weak": model.with_priors(start, **weak, Sigma=spread),
        "skeptical": model.with_priors(start, **skeptical, Sigma=InverseWishart(p + 4, scale=0.05)),
        "optimistic": model.with_priors(start, **optimistic, Sigma=spread),
    }
