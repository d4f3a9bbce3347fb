"""The numbers of a result: unrounded, in the user's order, under bmco's names, read-only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bmco_pymc.decision.decision import Decision
from bmco_pymc.diagnostics.reduction import potential_scale_reduction
from bmco_pymc.diagnostics.scalars import assess
from bmco_pymc.effects.effect import Effect
from bmco_pymc.fit import Fit
from bmco_pymc.population.points import Value
from bmco_pymc.posterior.posterior import Posterior
from bmco_pymc.rstyle.plan import Plan
from bmco_pymc.rstyle.question import claim

Array = NDArray[np.float64]
BLOCKS = {"b": "fixed", "g": "random", "tau": "variance"}  # bmco's names, and the diagnostics'


@dataclass(frozen=True, eq=False, repr=False)
class Values:
    """What `Result` holds; its attributes are told there."""

    call: str
    estimates: Mapping[str, Any]
    sample_sizes: Mapping[str, int]
    delta: Mapping[str, Any]
    info: Mapping[str, Any]
    diags: Mapping[str, Any] | None
    samples: Mapping[str, Any] | None
    plots: Mapping[str, Any] | None
    fit: Fit
    effect: Effect
    decision: Decision
    new_effect: Effect | None
    new_decision: Decision | None


def coefficients(fit: Posterior, plan: Plan) -> dict[str, tuple[tuple[str, ...], Array]]:
    """Return the labels of the terms and the draws of the coefficients in the user's order.

    Returns
    -------
    dict of str to (labels, ndarray)
        ``b`` (S, P, L), ``g`` (S, p, L) and ``tau`` (S, L, p, p), as far as the analysis has them;
        S counts the draws of all chains, one chain after the other.
    """
    posterior = fit.idata["posterior"].to_dataset()
    found = {}
    for name, variable, part in zip("bg", ("beta", "gamma"), plan.parts.values(), strict=False):
        labels, places = part.terms.labels, part.terms.places
        if labels:
            found[name] = labels, _joined(posterior[variable].values)[:, places]
        if part.spread is not None:
            Sigma = _joined(posterior["Sigma"].values)
            found["tau"] = labels, Sigma[:, :, places[:, None], places]
    return found


def estimates(effect: Effect, plan: Plan) -> Mapping[str, Any]:
    """Return posterior means and SDs: of θ by outcome, of the coefficients by term and logit."""
    table, K = effect.summary(), len(plan.columns.outcomes)
    found: dict[str, Any] = {}
    for name, columns in (("mean", "mean"), ("sd", "sd"), ("interval", ["lower", "upper"])):
        values = table[columns].to_numpy()
        found |= {f"{name}_a": _read_only(values[:K]), f"{name}_b": _read_only(values[K : 2 * K])}
    logits = pd.Index(plan.model.study.patterns[:-1], name="logit")
    for name, (labels, draws) in coefficients(effect.fit, plan).items():
        for suffix, values in (("", draws.mean(axis=0)), ("_sd", draws.std(axis=0, ddof=1))):
            if name == "tau":
                frames = (_frame(matrix, labels, labels) for matrix in values)
                found["tau" + suffix] = MappingProxyType(dict(zip(logits, frames, strict=True)))
            else:
                found[name + suffix] = _frame(values, pd.Index(labels, name="term"), logits)
    return MappingProxyType(found)


def delta(effect: Effect, decision: Decision, plan: Plan) -> Mapping[str, Any]:
    """Return what is known of δ, with bmco's sign, and the rule's probability."""
    sign, weights = plan.question.sign, plan.question.weights
    table = effect.summary().iloc[-len(plan.columns.outcomes) :]
    mean = sign * table["mean"].to_numpy() + 0.0  # no negative zeros
    mcse = _read_only(table["mcse"])
    found = {
        "mean_delta": _read_only(mean),
        "delta_sd": _read_only(table["sd"]),
        "delta_mcse": mcse,
        "se_delta": mcse,  # bmco's name of the Monte Carlo standard error
        "interval": _read_only(table[["lower", "upper"]].to_numpy()[:, ::sign] * sign),  # (K, 2)
        "pop": decision.probability,
        "w_delta": None if weights is None else float(mean @ weights),
    }
    if len(decision.sides) == 2:
        found["pop_left"] = decision.sides[1].probability
    return MappingProxyType(found)


def sample_sizes(plan: Plan) -> Mapping[str, int]:
    """Return the numbers of analysed subjects in both groups and, if there are any, clusters."""
    cells = plan.model.cells
    n_a, n_b = cells.subjects.tolist()
    clusters = {"J": len(cells.cluster_labels)} if "random" in plan.parts else {}
    return MappingProxyType({"n_a": n_a, "n_b": n_b, **clusters})


def info(plan: Plan) -> Mapping[str, Any]:
    """Return what was asked: priors, rule, test, groups, terms and subpopulation."""
    question, groups = plan.question, plan.model.study.group_labels
    facts: dict[str, Any] = {
        "priors": _priors(plan),
        "rule": question.rule,
        "test": question.test,
        "test_label": " and ".join(claim(side, groups) for side in question.asked.sides),
        "groups": groups,
        "w": question.weights,
    }
    if plan.subpopulation is not None:
        terms = {name: part.terms.labels for name, part in plan.parts.items()}
        facts |= {
            "terms": MappingProxyType(terms),
            "marg_method": plan.subpopulation.method,
            "sub_pop": plan.subpopulation.entries,
            "x_levels": plan.columns.levels,
        }
        if isinstance(plan.population, Value):  # the code of a category
            _, facts["sub_pop"] = plan.population.values[0]
    return MappingProxyType(facts)


def _priors(plan: Plan) -> Mapping[str, Any]:
    """Return the priors under bmco's names, in the user's order."""
    found: dict[str, Any] = {}
    if plan.alpha is not None:
        found |= {"prior_a": _read_only(plan.alpha[0]), "prior_b": _read_only(plan.alpha[1])}
    for letter, part in zip("bg", plan.parts.values(), strict=False):
        if part.terms.labels:
            mean, precision = map(_read_only, part.mean_and_precision())
            found |= {f"{letter}_mu0": mean, f"{letter}_sigma0": precision}
        if part.spread is not None:
            nu, scale = part.spread.resolve("Sigma", part.terms.labels)
            found |= {"nu0": nu, "tau0": _read_only(scale)}
    return MappingProxyType(found)


def samples(effect: Effect, plan: Plan) -> Mapping[str, Array]:
    """Return the draws: θ and δ as draws x outcomes, and the coefficients."""
    theta = _joined(effect.theta.values)  # (S, 2, K)
    draws = {
        "theta_a": theta[:, 0],
        "theta_b": theta[:, 1],
        "delta": plan.question.sign * _joined(effect.delta.values),
        **{name: values for name, (_, values) in coefficients(effect.fit, plan).items()},
    }
    return MappingProxyType({name: _read_only(values) for name, values in draws.items()})


def diags(fit: Fit, plan: Plan) -> Mapping[str, Any]:
    """Return the convergence of b, g and tau, logit by logit, see `Result`."""
    sizes = fit.idata["posterior"].sizes
    found = {}
    for name, (terms, draws) in coefficients(fit, plan).items():
        labels, values = _scalars(name, terms, draws, plan.model.study.patterns[:-1])
        values = values.reshape(-1, sizes["chain"], sizes["draw"])
        point_and_upper = potential_scale_reduction(np.moveaxis(values, 0, -1))
        convergence = {
            "mpsrf": float(fit.diagnostics.mpsrf[BLOCKS[name]]),
            "psrf": _frame(np.transpose(point_and_upper), labels, ["point", "upper"]),
        }
        known = assess(values)
        numbers = {"n_eff": np.minimum(known["ess_bulk"], known["ess_tail"]), "rhat": known["rhat"]}
        found[name] = MappingProxyType(
            {"convergence": MappingProxyType(convergence)}
            | {
                kind: pd.Series(_read_only(one), labels, name=kind, copy=False)
                for kind, one in numbers.items()
            }
        )
    return MappingProxyType(found)


def _scalars(
    name: str, terms: tuple[str, ...], draws: Array, logits: tuple[str, ...]
) -> tuple[pd.Index[str], Array]:
    """Return bmco's names of the single parameters of a block, and their draws (parameter, S).

    Such as ``b11_x[1]`` and ``g11_armIntercept``. Of tau the lower triangle counts, by column.
    """
    if name == "tau":
        name = "g"
        column, row = np.triu_indices(len(terms))
        entries = [f"{terms[r]}{terms[c]}" for r, c in zip(row, column, strict=True)]
        values = draws[:, :, row, column]  # (S, L, p(p + 1)/2)
    else:
        entries = [f"{term}[{place}]" for place, term in enumerate(terms, start=1)]
        values = draws.transpose(0, 2, 1)  # (S, L, terms)
    labels = [f"{name}{logit}_{entry}" for logit in logits for entry in entries]
    return pd.Index(labels, name="parameter"), values.reshape(len(draws), -1).T


def _read_only(values: ArrayLike) -> Array:
    """Return a copy of an array that cannot be written to."""
    array = np.array(values, dtype=float)
    array.flags.writeable = False
    return array


def _frame(values: ArrayLike, rows: Any, columns: Any) -> pd.DataFrame:
    """Return a data frame whose entries cannot be changed."""
    return pd.DataFrame(_read_only(values), index=rows, columns=columns, copy=False)


def _joined(values: Array) -> Array:
    """Return draws (chain, draw, ...) with the chains one after the other."""
    return values.reshape(-1, *values.shape[2:])
