"""Sample until the draws are enough, in the settings that the user leaves to the package.

A try that is not good enough is followed by another one with twice the draws and warm-up, or with
a ``target_accept`` nearer to 1. Each starts anew, with a seed of its own that follows from the
user's: the first try is what it would be alone, and a fit can be made again from its seed.
"""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bmco_pymc.errors import ConvergenceWarning
from bmco_pymc.fit import Fit, judge, warn_of
from bmco_pymc.interrupts import ALL_KEPT, INTERRUPTED, deferred, tell
from bmco_pymc.models.nuts import sample
from bmco_pymc.models.settings import Settings, memory, of_one_draw

if TYPE_CHECKING:
    from bmco_pymc.diagnostics.verdict import Diagnostics
    from bmco_pymc.models.logit import MultinomialLogit

MOST_DRAWS = 16_000  # of all chains together
MOST_TUNE = 4_000
CAREFUL = (0.97, 0.99)  # what target_accept is raised to
HANDFUL = 0.02  # share of draws that diverge which smaller steps may mend


def sample_until_good(
    model: MultinomialLogit, first: Settings, free: frozenset[str], *, progress: bool = True
) -> Fit:
    """Return the fit of the last try, warning once if it is not good enough.

    Parameters
    ----------
    model : MultinomialLogit
        What to sample.
    first : Settings
        Of the first try.
    free : frozenset of str
        Those of ``draws``, ``tune`` and ``target_accept`` that the user did not give.
    progress : bool
        Whether to show a progress bar.
    """
    numbers = of_one_draw(model, model.n_parameters)
    first.check_memory(numbers)
    first = first.with_seed()
    settings, stage = first, "Sampling"
    tries: list[tuple[Settings, str]] = []
    fit: Fit | None = None
    while True:
        found = _try(model, settings, fit, progress=progress, stage=stage)
        if found is None:  # interrupted, and there is a complete run
            break
        found.attrs["seed"] = first.seed
        if free:
            found.attrs["default_settings"] = " ".join(sorted(free))
        if tries:
            found.attrs["continued"] = _sentence([*tries, (settings, "")])
        fit = judge(model, found)
        if INTERRUPTED in found.attrs or not _complete(found, settings):
            break
        with deferred() as interrupt:
            following, why = _following(settings, free, fit)
        if interrupt:
            tell(found, ALL_KEPT)
        if interrupt or following is None or following.gigabytes(numbers) > memory():
            break
        tries.append((settings, why))
        seed = np.random.SeedSequence(first.seed).spawn(len(tries))[-1].generate_state(1)[0]
        settings = dataclasses.replace(following, seed=int(seed))
        stage = f"Sampling again ({_in_words(settings)})"
    assert fit is not None
    warn_of(fit)
    return fit


def _try(
    model: MultinomialLogit, settings: Settings, former: Fit | None, *, progress: bool, stage: str
) -> xr.DataTree | None:
    """Return the draws, or None after an interrupt when there is a former, complete run."""
    if former is None:
        return sample(model, settings, progress=progress)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Interrupted", ConvergenceWarning)
            found = sample(model, settings, progress=progress, stage=stage)
        if _complete(found, settings):
            if INTERRUPTED in found.attrs:
                tell(found, ALL_KEPT)
            return found
    except KeyboardInterrupt:
        pass
    kept = former.idata["posterior"].sizes
    what = f"Interrupted: the complete run of {kept['chain']} × {kept['draw']} draws is kept."
    tell(former.idata, what)
    return None


def _following(settings: Settings, free: frozenset[str], fit: Fit) -> tuple[Settings | None, str]:
    """Return the settings of the next try and why there is one; None if there is none."""
    verdict = fit.diagnostics
    if not verdict.ok:
        reported = verdict
    elif "draws" in free and 2 * settings.draws * settings.chains <= MOST_DRAWS:
        reported = _of_reported(fit)
    else:
        return None, ""
    kinds = {problem.kind for problem in reported.problems}
    warm_up = reported.disagree or "energy" in kinds
    changes: dict[str, Any] = {}
    reasons = []
    if warm_up or "ess" in kinds:
        if "draws" in free and 2 * settings.draws * settings.chains <= MOST_DRAWS:
            changes["draws"] = 2 * settings.draws
        if "tune" in free and (warm_up or changes) and 2 * settings.tune <= MOST_TUNE:
            changes["tune"] = 2 * settings.tune
        if changes:
            few = "too few draws" if "ess" in kinds else "low E-BFMI"
            apart = "chains that hardly moved" if "slow" in kinds else "chains that disagreed"
            reasons.append(apart if reported.disagree else few)
    diverged = reported.divergences or 0
    if "target_accept" in free and 0 < diverged <= HANDFUL * settings.draws * settings.chains:
        nearer = [target for target in CAREFUL if target > settings.target_accept]
        if nearer:
            changes["target_accept"] = nearer[0]
            reasons.append(f"{diverged} divergence{'s' if diverged > 1 else ''}")
    if not changes:
        return None, ""
    return dataclasses.replace(settings, **changes), " and ".join(reasons)


def _of_reported(fit: Fit) -> Diagnostics:
    """Return the verdict on fit, θ and δ where nobody asks for a particular population."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `effect` says it again to who asks
            return fit.effect().diagnostics
    except KeyboardInterrupt:  # the fit is there
        return fit.diagnostics


def _complete(idata: xr.DataTree, settings: Settings) -> bool:
    """Whether all draws were made."""
    sizes = idata["posterior"].sizes
    return (sizes["chain"], sizes["draw"]) == (settings.chains, settings.draws)


def _sentence(tries: list[tuple[Settings, str]]) -> str:
    """Return how far the sampler went on, and why.

    Examples
    --------
    >>> _sentence([(Settings(), "too few draws"), (Settings(draws=2000, tune=2000), "")])
    'Continued to 4 × 2000 draws after 4 × 1000 (too few draws).'
    """
    last, before = tries[-1][0], tries[:-1]
    raised = last.target_accept != before[0][0].target_accept
    former = ", ".join(f"{_in_words(each, raised)} ({why})" for each, why in before)
    return f"Continued to {_in_words(last, raised, ' draws')} after {former}."


def _in_words(settings: Settings, target: bool = True, draws: str = "") -> str:
    words = f"{settings.chains} × {settings.draws}{draws}"
    return f"{words} at target_accept {settings.target_accept:g}" if target else words
