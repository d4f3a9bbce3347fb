"""From a plan to a result: draw, thin, average, decide."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bmco_pymc.arguments import flag
from bmco_pymc.diagnostics.verdict import diagnose
from bmco_pymc.effects.effect import Effect
from bmco_pymc.errors import ConvergenceWarning, InputWarning, short, warn_user
from bmco_pymc.fit import Fit
from bmco_pymc.rstyle import values
from bmco_pymc.rstyle.plan import Plan
from bmco_pymc.rstyle.result import DiagnosticPlots, Result
from bmco_pymc.rstyle.text import verdict

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
    """Draw and answer, with one warning for all verdicts on the draws."""
    if start is not None:
        warn_user(f"start={short(start)} is not used: NUTS finds its own starting values")
    result = answer(plan, draw(plan, progress=progress), wanted)
    verdict(result).warn()
    return result


def draw(plan: Plan, *, progress: bool) -> Fit:
    """Return the fit with all draws; the verdict on them comes with the answer."""
    with _verdicts_later():
        return plan.model.fit(**plan.settings, progress=progress)


def answer(plan: Plan, drawn: Fit, wanted: Wanted) -> Result:
    """Return the result of a call from a fit of its model with all draws."""
    fit = thinned(drawn, plan.n_thin)
    effect = _effect(plan, fit, plan.averaging)
    decision = effect.decide(plan.question.asked)
    # the same covariates in other clusters
    new_effect = _effect(plan, fit, {"clusters": "new"}) if plan.call == "bglmm" else None
    samples = None
    if wanted.samples:
        whole = effect if wanted.thinned or fit is drawn else _effect(plan, drawn, plan.averaging)
        samples = values.samples(whole, plan)
    return Result(
        call=plan.call,
        estimates=values.estimates(effect, plan),
        sample_sizes=values.sample_sizes(plan),
        delta=values.delta(effect, decision, plan),
        info=values.info(plan),
        diags=values.diags(fit, plan) if wanted.diagnostics else None,
        samples=samples,
        plots=DiagnosticPlots(fit) if wanted.plots else None,
        fit=fit,
        effect=effect,
        decision=decision,
        new_effect=new_effect,
        new_decision=None if new_effect is None else new_effect.decide(plan.question.asked),
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


def _effect(plan: Plan, fit: Fit, averaging: Mapping[str, Any]) -> Effect:
    with _verdicts_later():
        effect = fit.effect(plan.population, **averaging)
    return dataclasses.replace(effect, estimand=plan.columns.in_user_names(effect.estimand))


@contextmanager
def _verdicts_later() -> Iterator[None]:
    """Keep back what the plan has warned of already, and verdicts: one warning has them all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        warnings.filterwarnings("ignore", "NOT CONVERGED|TOO FEW DRAWS", ConvergenceWarning)
        yield
