"""From a plan to a result: draw, thin, average, decide."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bmco_pymc.arguments import flag
from bmco_pymc.decision import Decision
from bmco_pymc.diagnostics import Diagnostics, diagnose
from bmco_pymc.effect import Effect
from bmco_pymc.errors import ConvergenceWarning, InputWarning, short
from bmco_pymc.fit import Fit
from bmco_pymc.rstyle import convergence, tables
from bmco_pymc.rstyle.plan import Plan
from bmco_pymc.rstyle.plots import DiagnosticPlots
from bmco_pymc.rstyle.result import Result

OF_THE_SAMPLER = ("divergences", "tree depth", "energy")  # problems that thinning would hide


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a result should hold beside the estimates.

    Attributes
    ----------
    diagnostics, plots, samples : bool
        As in bmco's ``return_`` arguments.
    thinned : bool
        Whether samples are the draws that were kept, or all.
    """

    diagnostics: bool = False
    plots: bool = False
    samples: bool = False
    thinned: bool = True

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            name = {"plots": "diagnostic_plots"}.get(field.name, field.name)
            flag(f"return_{name}", getattr(self, field.name))


def carry_out(plan: Plan, wanted: Wanted, *, start: Any = None, progress: bool = True) -> Result:
    """Draw and answer; called by the public functions, so that warnings point at their caller."""
    if start is not None:
        text = f"start={short(start)} is not used: NUTS finds its own starting values"
        warnings.warn(text, InputWarning, stacklevel=3)
    result = answer(plan, draw(plan, progress=progress), wanted)
    verdict(result).warn(stacklevel=3)
    return result


def draw(plan: Plan, *, progress: bool) -> Fit:
    """Return the fit with all draws; the verdict on them comes with the answer."""
    settings = plan.settings
    with _verdicts_later():
        return plan.model.fit(
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            seed=settings.seed,
            progress=progress,
        )


def answer(plan: Plan, drawn: Fit, wanted: Wanted) -> Result:
    """Return the result of a call from a fit of its model.

    Parameters
    ----------
    plan : Plan
        The call.
    drawn : Fit
        All draws.
    wanted : Wanted
        What to return.
    """
    fit = thinned(drawn, plan.n_thin)
    effect = _effect(plan, fit)
    decision = _decide(plan, effect)
    new_effect = new_decision = None
    if plan.call == "bglmm":
        new_effect = _effect(plan, fit, clusters="new")
        new_decision = _decide(plan, new_effect)
    samples = None
    if wanted.samples:
        whole = effect if wanted.thinned or fit is drawn else _effect(plan, drawn)
        samples = tables.samples(whole, plan)
    return Result(
        call=plan.call,
        estimates=tables.estimates(effect, plan),
        sample_sizes=tables.sample_sizes(plan),
        delta=tables.delta(effect, decision, plan),
        info=tables.info(plan),
        diags=convergence.diags(fit, plan) if wanted.diagnostics else None,
        samples=samples,
        plots=DiagnosticPlots(fit) if wanted.plots else None,
        fit=fit,
        effect=effect,
        decision=decision,
        new_effect=new_effect,
        new_decision=new_decision,
    )


def thinned(fit: Fit, n_thin: int) -> Fit:
    """Return the fit with every ``n_thin``-th draw, and what the sampler said of all of them."""
    if n_thin == 1:
        return fit
    idata = fit.idata.isel(draw=slice(None, None, n_thin))
    idata.attrs |= {**fit.idata.attrs, "thin": n_thin}
    kept = diagnose(idata, fit.model.blocks)
    whole = fit.diagnostics
    problems = [p for p in kept.problems if p.kind not in OF_THE_SAMPLER]
    problems += [p for p in whole.problems if p.kind in OF_THE_SAMPLER]
    diagnostics = dataclasses.replace(
        kept,
        divergences=whole.divergences,
        tree_depth_reached=whole.tree_depth_reached,
        bfmi=whole.bfmi,
        problems=tuple(problems),
    )
    return Fit(fit.model, idata, diagnostics)


def verdict(result: Result) -> Diagnostics:
    """Return the diagnostics to warn with: those of new clusters if only they are in doubt."""
    new = result.new_effect
    return (
        result.effect.diagnostics
        if new is None or not result.effect.diagnostics.ok
        else new.diagnostics
    )


def _effect(plan: Plan, fit: Fit, clusters: str | None = None) -> Effect:
    """Average over the population of the call, or the same covariates in other clusters."""
    averaging = plan.averaging if clusters is None else {"clusters": clusters}
    with _verdicts_later():
        effect = fit.effect(plan.population, **averaging)
    return dataclasses.replace(effect, estimand=plan.columns.in_user_names(effect.estimand))


def _decide(plan: Plan, effect: Effect) -> Decision:
    question = plan.question
    return effect.decide(question.rule, question.direction, w=question.weights)


@contextmanager
def _verdicts_later() -> Iterator[None]:
    """Keep back what the plan has warned of already, and verdicts: one warning has them all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        warnings.filterwarnings("ignore", "NOT CONVERGED|TOO FEW DRAWS", ConvergenceWarning)
        yield
