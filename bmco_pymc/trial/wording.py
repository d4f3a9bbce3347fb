"""A design in plain values, as sentences about it take them."""

from __future__ import annotations

import warnings

from bmco_pymc.errors import InputWarning
from bmco_pymc.priors.priors import Dirichlet
from bmco_pymc.report.planned import Planned
from bmco_pymc.trial.looks import Looks
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.spending import HSD, Pocock


def in_words(design: Plan, n_outcomes: int | None) -> Planned:
    """Return a design about so many outcomes in plain values."""
    with warnings.catch_warnings():  # the design has warned of its weights when it was made
        warnings.simplefilter("ignore", InputWarning)
        stages = design.stages(n_outcomes)
    looks = design.looks
    return Planned(
        model=design.analysis.name,
        rule=stages.setting.rule,
        prior=str(design.analysis.priors.phi or Dirichlet()),
        priors=stages.setting.priors,
        sizes=stages.sizes,
        cuts=stages.cuts,
        enrolled=design.enrolled,
        spending="" if looks is None else _spending(looks),
        futility=stages.futility,
        futility_by=stages.futility_by,
        dropout=float(design.dropout),
    )


def compared(design: Plan, *, searched: bool) -> dict[str, object]:
    """Return what results of one design have in common, by name.

    Parameters
    ----------
    design : Plan
    searched : bool
        Whether a number of subjects was searched for, which is then not the design's.
    """
    found: dict[str, object] = {
        "model": design.analysis.name,
        "rule": design.rule,
        "prior": str(design.analysis.priors.phi or Dirichlet()),
    }
    if not searched:
        found |= {"n": design.sizes, "looks": design.looks, "dropout": design.dropout}
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
