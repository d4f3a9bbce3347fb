"""A plan as JSON has it: what its simulated trials depend on, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.population.points import Analytical, Empirical, Target, Value
from bmco_pymc.store.values import decode_priors, decode_value, encode_priors, encode_value
from bmco_pymc.trial.analysis import Analysis
from bmco_pymc.trial.looks import Looks
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.spending import HSD, OBrienFleming, Pocock

_SPENDING: dict[str, type] = {kind.__name__: kind for kind in (HSD, OBrienFleming, Pocock)}
_POPULATIONS: dict[str, type] = {k.__name__: k for k in (Value, Empirical, Analytical)}
_PLAIN = ("dropout", "outcomes", "clusters", "size", "size_cv", "randomised", "group", "cluster")
_OF_ANALYSIS = ("fixed", "random", "clusters", "standardise", "cluster_weights")

type Json = dict[str, Any]


def described(plan: Plan) -> Json:
    """Return all that a plan was made with.

    Raises
    ------
    InputError
        If its population has a mask, which is of one data set, or is a target.
    """
    analysis = plan.analysis
    found: Json = {name: encode_value(name, getattr(plan, name)) for name in _PLAIN}
    found["n"] = None if plan.clusters is not None else encode_value("n", plan.n)
    found["looks"] = None if plan.looks is None else _looks(plan.looks)
    found["analysis"] = {
        "model": analysis.name,
        "rule": _given(analysis.rule),
        "priors": encode_priors(analysis.priors.given),
        "population": _population(analysis.population),
        **{name: getattr(analysis, name) for name in _OF_ANALYSIS},
    }
    return found


def plan_of[P: Plan](stored: Mapping[str, Any], kind: type[P]) -> P:
    """Return the plan of a description, as a design or a plan.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> plan = Plan(100, Analysis("BGLM", fixed="group * age", rule=Rule("any")))
    >>> again = plan_of(described(plan), Plan)
    >>> again.n == plan.n, again.rule == plan.rule, again.analysis.fixed
    (True, True, 'group * age')
    """
    analysis, looks = stored["analysis"], stored["looks"]
    given = {name: decode_value(stored[name]) for name in (*_PLAIN, "n")}
    return kind(
        **given,
        looks=None if looks is None else _looks_of(looks),
        analysis=Analysis(
            analysis["model"],
            Rule(**{name: decode_value(value) for name, value in analysis["rule"].items()}),
            priors=decode_priors({"contrasts": None, **analysis["priors"]}),
            population=_population_of(analysis["population"]),
            **{name: analysis[name] for name in _OF_ANALYSIS},
        ),
    )


def _given(rule: Rule) -> Json:
    return {
        field.name: encode_value(field.name, getattr(rule, field.name))
        for field in fields(rule)
        if field.init
    }


def _looks(looks: Looks) -> Json:
    plain = ("n", "cuts", "futility", "futility_by", "by")
    found: Json = {name: encode_value(name, getattr(looks, name)) for name in plain}
    spending = looks.spending
    if spending is not None:
        parameters = {field.name: getattr(spending, field.name) for field in fields(spending)}
        found["spending"] = {"kind": type(spending).__name__, **parameters}
    return found


def _looks_of(stored: Mapping[str, Any]) -> Looks:
    given = {name: decode_value(value) for name, value in stored.items() if name != "spending"}
    spending = None
    if "spending" in stored:
        parameters = {k: v for k, v in stored["spending"].items() if k != "kind"}
        spending = _kind(_SPENDING, stored["spending"]["kind"])(**parameters)
    return Looks(**given, spending=spending)


def _population(population: Any) -> Json | None:
    """Return a population by what it was made with; infinite bounds as text."""
    if population is None:
        return None
    if isinstance(population, Value):
        return {
            "kind": "Value",
            "values": [[k, encode_value("population", v)] for k, v in population.values],
        }
    if isinstance(population, Empirical) and population.mask is not None:
        raise InputError("population", population, "a mask is of one data set, not of a plan")
    if isinstance(population, Target):
        problem = (
            "simulated trials cannot be about the rows of a frame, which no file of a plan "
            "describes; the analysis of the finished trial can: analysis.run(study)"
        )
        raise InputError("population", population, problem)
    ranges = [[name, *map(repr, map(float, bounds))] for name, bounds in population.ranges]
    query = population.query if isinstance(population, Empirical) else None
    return {"kind": type(population).__name__, "ranges": ranges, "query": query}


def _population_of(stored: Mapping[str, Any] | None) -> Any:
    if stored is None:
        return None
    kind = _kind(_POPULATIONS, stored["kind"])
    if kind is Value:
        values = {name: decode_value(value) for name, value in stored["values"]}
        return Value(values.pop(None), **values) if None in values else Value(**values)
    ranges = {name: (float(low), float(high)) for name, low, high in stored["ranges"]}
    first = ranges.pop(None, (-math.inf, math.inf))
    more = {} if stored["query"] is None else {"query": stored["query"]}
    return (
        kind(*first, **more, **ranges) if first != (-math.inf, math.inf) else kind(**more, **ranges)
    )


def _kind(known: Mapping[str, type], name: Any) -> type:
    if name not in known:
        raise InputError("path", name, "this version of bmco_pymc has no such thing", list(known))
    return known[name]
