"""The numbers of a result: unrounded, in the user's order, under bmco's names, read-only."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bmco_pymc.decision import Decision
from bmco_pymc.effect import Effect
from bmco_pymc.fit import Fit
from bmco_pymc.population import Value
from bmco_pymc.rstyle.plan import Plan

Array = NDArray[np.float64]


def read_only(values: ArrayLike) -> Array:
    """Return a copy of an array that cannot be written to."""
    array = np.array(values, dtype=float)
    array.flags.writeable = False
    return array


def read_only_table(values: ArrayLike, rows: Any, columns: Any) -> pd.DataFrame:
    """Return a data frame whose entries cannot be changed."""
    return pd.DataFrame(read_only(values), index=rows, columns=columns, copy=False)


def coefficients(fit: Fit, plan: Plan) -> dict[str, Array]:
    """Return the draws of the coefficients in the user's order.

    Returns
    -------
    dict of str to ndarray
        ``b`` (S, P, L), ``g`` (S, p, L) and ``tau`` (S, L, p, p), as far as the analysis has them;
        S counts the draws of all chains, one chain after the other.
    """
    posterior = fit.idata["posterior"].to_dataset()
    draws = {}
    if "fixed" in plan.parts:
        draws["b"] = _joined(posterior["beta"].values)[:, plan.parts["fixed"].places]
    if "random" in plan.parts:
        places = plan.parts["random"].places
        draws["g"] = _joined(posterior["gamma"].values)[:, places]
        draws["tau"] = _joined(posterior["Sigma"].values)[:, :, places[:, None], places]
    return draws


def estimates(effect: Effect, plan: Plan) -> Mapping[str, Any]:
    """Return posterior means and SDs: of θ by outcome, of the coefficients by term and logit."""
    table = effect.summary()
    K = len(plan.columns.outcomes)
    numbers: dict[str, Any] = {}
    for name in ("mean", "sd"):
        both = table[name].to_numpy()[: 2 * K].reshape(2, K)
        numbers |= {f"{name}_a": read_only(both[0]), f"{name}_b": read_only(both[1])}
    limits = table[["lower", "upper"]].to_numpy()[: 2 * K].reshape(2, K, 2)
    numbers |= {"interval_a": read_only(limits[0]), "interval_b": read_only(limits[1])}
    logits = pd.Index(plan.model.study.patterns[:-1], name="logit")
    for name, draws in coefficients(effect.fit, plan).items():
        labels = plan.parts["fixed" if name == "b" else "random"].terms.labels
        for suffix, values in (("", draws.mean(axis=0)), ("_sd", draws.std(axis=0, ddof=1))):
            if name == "tau":
                by_logit = zip(logits, values, strict=True)
                numbers["tau" + suffix] = MappingProxyType(
                    {logit: read_only_table(matrix, labels, labels) for logit, matrix in by_logit}
                )
            else:
                terms = pd.Index(labels, name="term")
                numbers[name + suffix] = read_only_table(values, terms, logits)
    return MappingProxyType(numbers)


def delta(effect: Effect, decision: Decision, plan: Plan) -> Mapping[str, Any]:
    """Return what is known of δ, with bmco's sign, and the rule's probability."""
    sign, weights = plan.question.sign, plan.question.weights
    table = effect.summary().iloc[-len(plan.columns.outcomes) :]
    mean = sign * table["mean"].to_numpy() + 0.0  # no negative zeros
    limits = table[["lower", "upper"]].to_numpy()[:, ::sign] * sign  # (K, 2)
    mcse = read_only(table["mcse"])
    numbers = {
        "mean_delta": read_only(mean),
        "delta_sd": read_only(table["sd"]),
        "delta_mcse": mcse,
        "se_delta": mcse,  # bmco's name of the Monte Carlo standard error
        "interval": read_only(limits),
        "pop": decision.probability,
        "w_delta": None if weights is None else float(mean @ weights),
    }
    if len(decision.sides) == 2:
        numbers["pop_left"] = decision.sides[1].probability
    return MappingProxyType(numbers)


def sample_sizes(plan: Plan) -> Mapping[str, int]:
    """Return the numbers of analysed subjects in both groups and, if there are any, clusters."""
    cells = plan.model.cells
    n_a, n_b = np.bincount(cells.arm, weights=cells.weight, minlength=2).astype(int).tolist()
    numbers = {"n_a": n_a, "n_b": n_b}
    if "random" in plan.parts:
        numbers["J"] = len(cells.cluster_labels)
    return MappingProxyType(numbers)


def info(plan: Plan) -> Mapping[str, Any]:
    """Return what was asked: priors, rule, test, groups, terms and subpopulation."""
    question, groups = plan.question, plan.model.study.group_labels
    facts: dict[str, Any] = {
        "priors": _priors(plan),
        "rule": question.rule,
        "test": question.test,
        "test_label": " and ".join(question.labels(groups)),
        "groups": groups,
        "w": question.weights,
    }
    if plan.subpopulation is not None:
        names = ("fixed", "random") if plan.call == "bglmm" else ("fixed",)
        terms = {k: plan.parts[k].terms.labels if k in plan.parts else () for k in names}
        facts |= {
            "terms": MappingProxyType(terms),
            "marg_method": plan.subpopulation.method,
            "sub_pop": _sub_pop(plan),
            "x_levels": plan.columns.levels,
        }
    return MappingProxyType(facts)


def _sub_pop(plan: Plan) -> Any:
    """Return the value or the range of the covariate; of a category the code."""
    if isinstance(plan.population, Value):
        ((_, value),) = plan.population.values
        return value
    return None if plan.subpopulation is None else plan.subpopulation.entries


def _priors(plan: Plan) -> Mapping[str, Any]:
    """Return the priors under bmco's names, in the user's order."""
    numbers: dict[str, Any] = {}
    if plan.alpha is not None:
        numbers |= {"prior_a": read_only(plan.alpha[0]), "prior_b": read_only(plan.alpha[1])}
    for letter, name in (("b", "fixed"), ("g", "random")):
        if name in plan.parts:
            prior = plan.parts[name].prior
            numbers[f"{letter}_mu0"] = read_only(prior.mean)
            numbers[f"{letter}_sigma0"] = read_only(prior.precision)
    if "random" in plan.parts and (spread := plan.parts["random"].spread) is not None:
        numbers |= {"nu0": spread.nu, "tau0": read_only(spread.scale)}
    return MappingProxyType(numbers)


def samples(effect: Effect, plan: Plan) -> Mapping[str, Array]:
    """Return the draws: θ and δ as draws x outcomes, and the coefficients."""
    theta = _joined(effect.theta.values)  # (S, 2, K)
    draws = {
        "theta_a": theta[:, 0],
        "theta_b": theta[:, 1],
        "delta": plan.question.sign * _joined(effect.delta.values),
        **coefficients(effect.fit, plan),
    }
    return MappingProxyType({name: read_only(values) for name, values in draws.items()})


def _joined(values: Array) -> Array:
    """Return draws (chain, draw, ...) with the chains one after the other."""
    return values.reshape(-1, *values.shape[2:])
