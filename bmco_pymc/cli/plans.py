"""Rules, truths and designs as people write them at the shell."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from bmco_pymc.arguments import real
from bmco_pymc.cli.options import numbers
from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.models.bmvb import BMVB
from bmco_pymc.population.scenario import Scenario
from bmco_pymc.priors.priors import Dirichlet, Priors
from bmco_pymc.trial.analysis import Analysis
from bmco_pymc.trial.design import Design
from bmco_pymc.trial.looks import Looks
from bmco_pymc.trial.spending import HSD, OBrienFleming, Pocock, Spending

WAYS = ("hsd:GAMMA", "pocock", "obrien-fleming")


def read_rule(
    rule: str,
    direction: str,
    margins: str,
    weights: str | None,
    at_least: int | None,
    alpha: float,
    cut_off: float | None,
) -> Rule:
    """Return the rule that options describe."""
    w = None if weights is None else numbers("--weights", weights)
    return Rule(rule, direction, numbers("--margins", margins), w, alpha, at_least, cut=cut_off)


def read_truth(control: str, treatment: str, rho: str) -> Scenario:
    """Return one truth, or one for each correlation.

    Examples
    --------
    >>> len(read_truth(".4,.4", ".6,.6", "-.3,0,.3"))
    3
    """
    rates = [
        found if isinstance(found := numbers(name, text), list) else [found]
        for name, text in (("--control", control), ("--treatment", treatment))
    ]
    return Scenario(rates[0], rates[1], numbers("--rho", rho))


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
    rule: Rule,
    truth: Scenario,
    *,
    n: str | None = None,
    ratio: float = 1.0,
    looks: str | None = None,
    spending: str = "hsd:-4",
    futility: float | None = None,
    dropout: float = 0.0,
    prior: float | None = None,
) -> Design:
    """Return the design that options describe."""
    priors = Priors() if prior is None else Priors(phi=Dirichlet(prior))
    analysis = Analysis(BMVB, rule, priors=priors)
    at = None
    if looks is not None:
        at = Looks(_sizes("--looks", looks), read_spending(spending), futility=futility)
    elif futility is not None:
        raise InputError("--futility", futility, "needs --looks: when to give up")
    size: Any = None
    if n is not None:
        sizes = _sizes("--n", n)
        if len(sizes) > 2:
            raise InputError("--n", n, "must be one number, or those of control and treatment")
        size = dict(zip(("control", "treatment"), sizes, strict=True)) if sizes[1:] else sizes[0]
    elif at is None:
        size = _of_ratio(ratio)
    return Design(size, analysis, at, dropout, truth.n_outcomes)


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
