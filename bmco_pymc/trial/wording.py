"""A design in plain values, as sentences about it take them."""

from __future__ import annotations

import re
import warnings

import numpy as np
import xarray as xr

from bmco_pymc import patterns
from bmco_pymc.errors import InputWarning
from bmco_pymc.population.target import Target
from bmco_pymc.population.values import Empirical, Value
from bmco_pymc.priors.components import Components
from bmco_pymc.priors.priors import Dirichlet
from bmco_pymc.report.phrases import joined
from bmco_pymc.report.planned import Planned
from bmco_pymc.trial.analysis import Analysis
from bmco_pymc.trial.looks import Looks
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.recruited import recruited
from bmco_pymc.trial.spending import HSD, Pocock

_PARAMETERS = {"BGLM": ("beta",), "BGLMM": ("beta", "gamma", "Sigma")}
_RECOMMENDED = "recommended priors (neutral about the success probabilities)"


def in_words(design: Plan, n_outcomes: int | None) -> Planned:
    """Return a design about so many outcomes in plain values."""
    with warnings.catch_warnings():  # the design has warned of its weights when it was made
        warnings.simplefilter("ignore", InputWarning)
        rule = design.rule_of(n_outcomes)
    looks, analysis = design.looks, design.analysis
    return Planned(
        model=analysis.name,
        rule=rule,
        prior=_prior(analysis),
        priors=_components(analysis, len(rule.outcomes)),
        sizes=design.looks_at,
        cuts=design.cuts_of(rule),
        enrolled=design.enrolled,
        spending="" if looks is None else _spending(looks),
        futility=None if looks is None else looks.futility,
        futility_by="predictive" if looks is None else looks.futility_by,
        dropout=float(design.dropout),
        fixed=analysis.fixed or design.group,
        random=_random(analysis.random or "1"),
        over=_over(design),
        clusters=recruited(design.in_clusters, float(design.dropout), looks),
    )


def told(design: Plan, data: xr.Dataset) -> xr.Dataset:
    """Return results with the clusters at each look, and at the end of the trial.

    ``clusters`` (look), ``expected_clusters``, ``median_clusters`` and ``clusters90`` are added
    where looks count clusters; without such looks the results are what they were.
    """
    clusters, looks = design.in_clusters, design.looks
    if clusters is None or looks is None or looks.by == "subjects" or "stop_success" not in data:
        return data
    at = np.array([looks.n[int(look) - 1] for look in data["look"].values])
    stopped = data["stop_success"] + data["stop_futility"]
    last = stopped.isel(look=[-1])
    rest = np.clip(1 - stopped.isel(look=slice(-1)).sum("look"), 0, 1)
    stopped = xr.concat([stopped.isel(look=slice(-1)), last * 0 + rest], "look")
    numbers = xr.DataArray(at, dims="look", coords={"look": data["look"]})
    found = {"clusters": numbers, "expected_clusters": (stopped * numbers).sum("look")}
    reached = stopped.cumsum("look")
    for name, share in (("median_clusters", 0.5), ("clusters90", 0.9)):
        found[name] = numbers[(reached >= share - 1e-9).argmax("look")].drop_vars("look")
    return data.assign(found)


def compared(design: Plan, *, searched: bool) -> dict[str, object]:
    """Return what results of one design have in common, by name.

    Parameters
    ----------
    design : Plan
    searched : bool
        Whether a number of subjects or clusters was searched for, which is then not the design's.
    """
    analysis, clusters = design.analysis, design.in_clusters
    found: dict[str, object] = {
        "model": analysis.name,
        "rule": design.rule,
        "prior": _prior(analysis),
        "formula": _formula(design),
        "population": _over(design) or "that of the trial",
        "group": design.group,
        "cluster": design.cluster,
        "randomised": "subjects alone" if clusters is None else clusters.randomised,
    }
    if not searched:
        found |= {"n": design.sizes, "looks": design.looks, "dropout": design.dropout}
        found |= {name: getattr(design, name) for name in ("clusters", "size", "size_cv")}
    return found


def _spending(looks: Looks) -> str:
    """Return how a level is spent, in words; nothing where cut-offs are given."""
    if looks.spending is None:
        return ""
    if isinstance(looks.spending, HSD):
        words = f"Hwang, Shih & DeCani, γ = {looks.spending.gamma:g}"
    else:
        words = f"{'Pocock' if isinstance(looks.spending, Pocock) else 'O’Brien-Fleming'} type"
    return words if looks.cuts is None else f"{words}, scaled to hold the level"


def _prior(analysis: Analysis) -> str:
    """Return the priors in words, what is recommended by its meaning."""
    given = analysis.priors.given
    if analysis.name == "BMVB":
        return str(analysis.priors.phi or Dirichlet())
    names = _PARAMETERS[analysis.name]
    found = given.describe(names)
    if given.contrasts == "reference":
        found["the logits"] = "contrasts with the pattern of all failures"
    if not found:
        return _RECOMMENDED
    each = joined([f"{prior} for {name}" for name, prior in found.items()])
    left = [name for name in names if getattr(given, name) is None]
    return f"the priors {each}" + f", and {_RECOMMENDED} for the others" * bool(left)


def _random(formula: str) -> str:
    """Return what varies.

    Examples
    --------
    >>> _random("1"), _random("1 + group")
    ('an intercept that varies', 'terms 1 + group that vary')
    """
    return "an intercept that varies" if formula.strip() == "1" else f"terms {formula} that vary"


def _components(analysis: Analysis, n_outcomes: int) -> tuple[Components, Components] | None:
    """Return the prior of φ of both groups; None where coefficients have priors."""
    if analysis.name != "BMVB":
        return None
    labels = patterns.labels(n_outcomes)
    return (analysis.priors.phi or Dirichlet()).components("phi", labels)


def _formula(design: Plan) -> str:
    analysis = design.analysis
    if analysis.name == "BMVB":
        return "none"
    random = f", random {analysis.random or '1'}" if analysis.name == "BGLMM" else ""
    return f"{analysis.fixed or design.group}{random}"


def _over(design: Plan) -> str:
    """Return what success probabilities are averaged over: clusters, and covariates if any."""
    analysis, parts = design.analysis, []
    covariates = _covariates(design)
    if analysis.clusters == "observed":
        weight = "the same" if analysis.cluster_weights == "equal" else "its subjects"
        parts.append(f"the clusters of the trial (weight of each: {weight})")
    elif analysis.name == "BGLMM":
        parts.append("new clusters like those of the trial")
    population = analysis.population
    at = ""
    if isinstance(population, Value):
        values = [f"{name or 'the covariate'} = {value}" for name, value in population.values]
        at = f"in both groups at {joined(values)}"
    elif isinstance(population, Target):
        parts.append(f"the {population.words}")
    elif population is not None and population != Empirical():
        parts.append(f"the population {population!r} of the trial's subjects")
    elif covariates:
        parts.append("the covariates of all subjects of the trial")
    if parts:
        at = ", ".join(filter(None, [at, f"averaged over {joined(parts)}"]))
    if not parts or not covariates:
        return at
    own = "each group over its own subjects"
    return f"{at}, {own if analysis.standardise == 'own' else 'the same for both groups'}"


def _covariates(design: Plan) -> bool:
    """Return whether formulas have other columns than the group."""
    text = f"{design.analysis.fixed or ''} {design.analysis.random or ''}"
    quoted = set(re.findall(r"`([^`]*)`", text))
    words = re.findall(r"[^\W\d]\w*(?!\w)(?!\s*[(.])", re.sub(r"`[^`]*`", " ", text))
    return bool((quoted | set(words)) - {design.group, design.cluster})
