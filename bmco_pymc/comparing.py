"""One study under several priors or models: fit them, and ask each the same question."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bmco_pymc.arguments import check_names, probability
from bmco_pymc.comparison import Comparison, make_comparison
from bmco_pymc.decision import decide
from bmco_pymc.effect import Effect
from bmco_pymc.errors import ConvergenceWarning, InputError, warn_user
from bmco_pymc.fit import Fit
from bmco_pymc.interrupts import INTERRUPTED
from bmco_pymc.models.base import Model
from bmco_pymc.population import Analytical, Empirical, Sample, Value, read_population, resolve
from bmco_pymc.progress import counting
from bmco_pymc.same_rows import check_same_rows
from bmco_pymc.settings import Settings

_SETTINGS = ("draws", "tune", "chains", "cores", "target_accept")


def compare(
    models: Mapping[str, Model | Fit],
    population: Value | Empirical | Analytical | None = None,
    *,
    clusters: str | None = None,
    standardise: str = "pooled",
    cluster_weights: str = "size",
    rule: str = "All",
    direction: str = "right",
    margins: float | Sequence[float] | Mapping[str, float] = 0.0,
    w: Sequence[float] | Mapping[str, float] | None = None,
    alpha: float = 0.05,
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
    population : Value, Empirical or Analytical, optional
        As in `Fit.effect`. BMVB has no covariates and can answer for the whole sample only.
    clusters, standardise, cluster_weights : str, optional
        As in `Fit.effect`; passed on to those analyses that they apply to. A BGLM has no clusters,
        a BMVB no covariates to standardise.
    rule, direction, margins, w, alpha
        As in `Effect.decide`.
    ci_prob : float
        Probability in the equal-tailed intervals.
    seed : int, optional
        The seed of every fit; without one, the fits share a fresh one.
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
    >>> both.table.query("outcome == 'y1'").set_index("prior")["delta"].round(2).to_dict()
    {'weak': 0.11, 'strong': 0.04}
    """
    known = _checked_models(models)
    check_names(settings, _SETTINGS)
    settings = {name: value for name, value in settings.items() if value is not None}
    seed = Settings(seed=seed, **settings).with_seed().seed
    ci_prob = probability("ci_prob", ci_prob)
    question = {
        "rule": rule,
        "direction": direction,
        "margins": margins,
        "w": w,
        "alpha": alpha,
    }
    asked = {"clusters": clusters, "standardise": standardise, "cluster_weights": cluster_weights}
    _check_question(known, population, asked, question)

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
                effects[name] = fit.effect(population, **_applicable(fit.model, asked))
                fits[name] = fit
                if not isinstance(given, Fit) and _cut_short(fit):
                    break
        except KeyboardInterrupt:
            if not fits:
                raise
        left = tuple(name for name in models if name not in fits)
        done = {name: effects[name] for name in fits}
        comparison = make_comparison(fits, done, question, ci_prob=ci_prob, not_fitted=left)
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


def _check_question(
    models: Mapping[str, Model],
    population: Value | Empirical | Analytical | None,
    asked: Mapping[str, Any],
    question: Mapping[str, Any],
) -> None:
    """Ask everything of the models before any is fitted, so that a mistake costs nothing."""
    whole = read_population(population)
    if asked["clusters"] is not None and not any(map(_has_clusters, models.values())):
        raise InputError("clusters", asked["clusters"], "no model here has clusters", [None])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is unusual is said when it is done
        for name, model in models.items():
            if model.design is None:
                if whole != Empirical():
                    what = f"{name!r} (BMVB) has no covariates: its only population is the whole"
                    raise InputError("population", population, what, ["Empirical()"])
                continue
            passed = _applicable(model, asked)
            clusters = passed.pop("clusters", None)
            if _has_clusters(model) and clusters is None:
                clusters = "new"
            resolve(whole, Sample(model.study, model.cells), clusters=clusters, **passed)
        outcomes = list(next(iter(models.values())).study.outcomes)
        draws = np.random.default_rng(0).normal(size=(1, 8, len(outcomes)))
        coords = {"outcome": outcomes}
        decide(xr.DataArray(draws, dims=("chain", "draw", "outcome"), coords=coords), **question)


def _has_clusters(model: Model) -> bool:
    return model.design is not None and bool(model.design.random_terms)


def _applicable(model: Model, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the arguments of `Fit.effect` that mean something for a model."""
    if model.design is None:
        return {}
    if _has_clusters(model):
        return dict(asked)
    return {"standardise": asked["standardise"]}


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
