"""Rules, truths and designs as people write them at the shell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from bmco_pymc.arguments import real
from bmco_pymc.cli.declared import given
from bmco_pymc.cli.options import numbers
from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.population.scenario import Scenario
from bmco_pymc.priors.priors import Dirichlet, Priors
from bmco_pymc.trial.analysis import MODELS, Analysis
from bmco_pymc.trial.design import Design
from bmco_pymc.trial.looks import Looks
from bmco_pymc.trial.simulated.engine import METHODS, Engine
from bmco_pymc.trial.spending import HSD, OBrienFleming, Pocock, Spending

WAYS = ("hsd:GAMMA", "pocock", "obrien-fleming")
NO_CLUSTERS = "needs --clusters: how many there are"


def read_truth(
    control: str,
    treatment: str,
    rho: str,
    icc: str | None = None,
    icc_between: str | None = None,
    between: str | None = None,
) -> Scenario:
    """Return one truth, or one for each correlation.

    Examples
    --------
    >>> len(read_truth(".4,.4", ".6,.6", "-.3,0,.3"))
    3
    >>> read_truth(".4,.4", ".6,.6", "0", ".02,.05").labels
    ('icc = 0.02', 'icc = 0.05')
    """
    rates = [
        found if isinstance(found := numbers(name, text), list) else [found]
        for name, text in (("--control", control), ("--treatment", treatment))
    ]
    if between is not None and icc is None:
        raise InputError("--between", between, "needs --icc: how much clusters differ")
    read = {"icc": icc, "icc_between": icc_between}
    how: dict[str, Any] = given(
        **{
            name: None if text is None else numbers(f"--{name.replace('_', '-')}", text)
            for name, text in read.items()
        },
        between=between,
    )
    return Scenario(rates[0], rates[1], numbers("--rho", rho), **how)


def read_clusters(
    clusters: str | None,
    size: str | None,
    size_cv: float | None,
    randomised: str | None,
    icc: str | None,
) -> dict[str, Any]:
    """Return how subjects come in clusters, as `Design` takes it; empty where they do not.

    Examples
    --------
    >>> read_clusters("8,16", "15", 0.4, None, None)
    {'size': 15, 'size_cv': 0.4, 'clusters': {'control': 8, 'treatment': 16}}
    """
    how: dict[str, Any] = given(size=size, size_cv=size_cv, randomised=randomised)
    if clusters is None:
        for name, value in {**how, **given(icc=icc)}.items():
            raise InputError(f"--{name.replace('_', '-')}", value, NO_CLUSTERS)
        return {}
    if size is not None:
        mean = numbers("--size", size)
        if isinstance(mean, list):
            how["size"] = _sizes("--size", size)
        else:
            how["size"] = int(mean) if mean.is_integer() else mean
    return {**how, "clusters": _by_group("--clusters", clusters)}


def read_analysis(
    rule: Rule, model: str | None = None, prior: float | None = None, *, clustered: bool = False
) -> Analysis:
    """Return the analysis that options describe.

    Examples
    --------
    >>> read_analysis(Rule("any"), clustered=True).name
    'BGLMM'
    """
    usual = "bglmm" if clustered else "bmvb"
    kind = usual if model is None else model.strip().lower()
    known = {name.lower(): found for name, found in MODELS.items()}
    if kind not in known:
        raise InputError("--model", model, "is no analysis", list(known))
    if kind == "bglmm" and not clustered:
        raise InputError("--model", model, NO_CLUSTERS)
    if prior is None:
        return Analysis(known[kind], rule)
    if kind != "bmvb":
        raise InputError("--prior", prior, f"is that of bmvb, not of {kind}: see --model")
    return Analysis(known[kind], rule, priors=Priors(phi=Dirichlet(prior)))


def read_spending(text: str) -> Spending:
    """Return how looks spend the level.

    Examples
    --------
    >>> read_spending("hsd:-4")
    HSD(gamma=-4.0)
    """
    name, _, gamma = text.strip().lower().partition(":")
    ways: dict[str, Any] = {"pocock": Pocock, "obrien-fleming": OBrienFleming}
    if name in ways and not gamma:
        return ways[name]()
    if name == "hsd":
        found = numbers("--spending", gamma or "-4")
        if isinstance(found, float):
            return HSD(found)
    raise InputError("--spending", text, "is no way to spend a level", WAYS)


def read_design(
    analysis: Analysis,
    truth: Scenario,
    clusters: Mapping[str, Any],
    *,
    n: str | None = None,
    ratio: float = 1.0,
    looks: str | None = None,
    spending: str = "hsd:-4",
    futility: float | None = None,
    dropout: float = 0.0,
    simulated: bool = False,
) -> Design:
    """Return the design that options describe.

    Parameters
    ----------
    analysis : Analysis
    truth : Scenario
        For the number of outcomes.
    clusters : mapping
        What `read_clusters` returns.
    n, looks, spending, futility, ratio, dropout
        As options have them.
    simulated : bool
        Whether trials are simulated though the probabilities could be worked out.
    """
    at = None
    if looks is not None:
        exact = analysis.name == "BMVB" and not clusters and not simulated
        by = "predictive" if exact else "posterior"
        at = Looks(_sizes("--looks", looks), read_spending(spending), None, futility, by)
    elif futility is not None:
        raise InputError("--futility", futility, "needs --looks: when to give up")
    size: Any = None
    if n is not None:
        size = _by_group("--n", n)
    elif clusters and ratio != 1:
        problem = "is that of subjects: clusters of each group are --clusters CONTROL,TREATMENT"
        raise InputError("--ratio", ratio, problem)
    elif at is None and not clusters:
        size = _of_ratio(ratio)
    try:
        return Design(size, analysis, at, dropout, truth.n_outcomes, **clusters)
    except InputError as error:
        if error.argument != "looks":
            raise
        raise InputError("--looks", looks, error.problem, error.choices) from None


def read_engine(
    design: Design,
    *,
    engine: str | None,
    simulations: int | None,
    seed: int | None,
    jobs: int | None,
    path: Path | None,
    audit: int | None,
    beside: Collection[str] = (),
) -> dict[str, Any]:
    """Return how trials are simulated, as verbs of a design take it.

    Parameters
    ----------
    design : Design
    engine : str, optional
        What analyses them; if given, they are simulated where they need not be.
    simulations, seed, jobs, path, audit
        As options have them.
    beside : collection of str
        Which of these a verb takes beside an engine, where probabilities are exact.
    """
    how = given(simulations=simulations, seed=seed, jobs=jobs, path=path, audit=audit)
    if engine is None and design.exact:
        for name in how.keys() - set(beside):
            problem = "is for simulated trials, and this is exact: simulate them by --engine"
            raise InputError(f"--{name}", how[name], problem, METHODS)
        return how
    if engine is not None and engine not in METHODS:
        raise InputError("--engine", engine, "there is no such analysis of trials", METHODS)
    return {"engine": Engine(**given(method=engine), **how)}


def _by_group(option: str, text: str) -> int | dict[str, int]:
    """Return one number, or those of control and treatment."""
    found = _sizes(option, text)
    if len(found) > 2:
        raise InputError(option, text, "must be one number, or those of control and treatment")
    return dict(zip(("control", "treatment"), found, strict=True)) if found[1:] else found[0]


def _sizes(option: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(option, text, "must be whole numbers separated by commas") from None


def _of_ratio(ratio: float) -> dict[str, int]:
    """Return sizes of the two groups in a ratio; which sizes does not matter to a search."""
    found = real(ratio)
    if not 0.01 <= found <= 100:
        raise InputError("--ratio", ratio, "must be a number from 0.01 to 100")
    share = Fraction(repr(found)).limit_denominator(100)
    return {"control": 10 * share.denominator, "treatment": 10 * share.numerator}
