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
    plan.check_study(study)
    cuts, clusters = plan.cuts_of(plan.rule_of(study.n_outcomes)), plan.in_clusters
    what, sure = "subjects", clusters is None
    if clusters is not None and (plan.looks is None or plan.looks.by != "subjects"):
        at = (clusters.total,) if plan.looks is None else plan.looks.n
        planned, found = np.array(at)[:, None], np.array([len(study.cluster_labels)])
        what, sure = "clusters", True
    else:
        planned, found = plan.looks_at, study.cells((), by_cluster=False).subjects  # (looks, 2)
    missing = np.abs(planned - found).sum(axis=1)
    place = int(np.argmin(missing)) if look is None else whole("look", look, 1, len(missing)) - 1
    if missing[place] and sure:  # subjects of clusters vary
        counted, there = (" and ".join(map(str, n)) for n in (planned[place], found))
        which = f"look {place + 1} is" if len(cuts) > 1 else "the analysis is"
        warn_user(f"{which} planned with {counted} {what}, and there are {there}")
    rule = replace(plan.analysis.rule, cut=float(cuts[place]))
    analysis = plan.analysis if len(cuts) == 1 else replace(plan.analysis, rule=rule)
    return analysis.run(study, **settings)
