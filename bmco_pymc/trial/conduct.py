"""A trial that is run as it was planned: the analysis of a look, with the cut-off of that look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bmco_pymc.arguments import whole
from bmco_pymc.data.study import Study
from bmco_pymc.decision.decision import Decision
from bmco_pymc.errors import warn_user
from bmco_pymc.trial.plan import Plan


def run(plan: Plan, study: Study, look: int | None, settings: Mapping[str, Any]) -> Decision:
    """Return what `Design.run` says."""
    stages = plan.stages_of(study)
    subjects = study.cells((), by_cluster=False).subjects  # (2,)
    missing = np.abs(stages.sizes - subjects).sum(axis=1)
    place = int(np.argmin(missing)) if look is None else whole("look", look, 1, len(missing)) - 1
    if missing[place]:
        planned, found = (" and ".join(map(str, n)) for n in (stages.sizes[place], subjects))
        which = f"look {place + 1} is" if stages.sequential else "the analysis is"
        warn_user(f"{which} planned with {planned} subjects, and there are {found}")
    rule = replace(plan.analysis.rule, cut=float(stages.cuts[place]))
    analysis = plan.analysis if not stages.sequential else replace(plan.analysis, rule=rule)
    return analysis.run(study, **settings)
