"""Each cluster by itself: its effect, or its coefficients, as a caterpillar shows them."""

from __future__ import annotations

import numpy as np

from bmco_pymc.data.frames import text
from bmco_pymc.effects.subgroups import make_subgroups
from bmco_pymc.plots.caterpillar import Clusters
from bmco_pymc.plots.style import caption, contrast, draws_of
from bmco_pymc.population.estimand import Estimand
from bmco_pymc.posterior.posterior import Posterior


def effects_of_clusters(fit: Posterior, *, progress: bool) -> Clusters:
    """Return δ of each cluster over its own subjects, a panel for each outcome."""
    study = fit.model.study
    asked = Estimand(clusters="observed")
    each = make_subgroups(fit, str(study.cluster), None, asked, progress=progress)
    words = f"Each {caption(study.cluster)} averaged over its own subjects (pooled)."
    draws = np.stack([draws_of(effect) for effect in each.effects])  # (J, S, K)
    if fit.model.cells.one_group_clusters:
        words += " Each holds one group only and is extrapolated to the other group."
    words += " Sorted by the mean" + " over the outcomes" * (len(study.outcomes) > 1) + "."
    return Clusters(
        draws=draws[None],  # (1, J, S, K)
        by=draws.mean(axis=(1, 2))[None],
        labels=each.labels,
        titles=[[caption(outcome, 24) for outcome in study.outcomes]],
        cluster=caption(study.cluster),
        unit="δ",
        title=f"Effect in each cluster: {contrast(study.group_labels)}",
        words=words,
        diagnostics=each.diagnostics,
    )


def coefficients_of_clusters(fit: Posterior) -> Clusters:
    """Return γ_j − γ, a panel for each random term (down) and pattern (across)."""
    study, coords = fit.model.study, fit.model.coords
    posterior = fit.idata["posterior"].to_dataset()
    deviation = posterior["gamma_cluster"] - posterior["gamma"]
    values = deviation.transpose("random_term", "cluster", "chain", "draw", "logit").values
    outcomes = ", ".join(map(caption, study.outcomes))
    draws = values.reshape(*values.shape[:2], -1, values.shape[-1])  # (p, J, S, L)
    panel = f"pattern {coords['logit'][0]}, the panel on the left"
    return Clusters(
        draws=draws,
        by=draws[..., 0].mean(axis=2),
        labels=[text(label) for label in coords["cluster"]],
        titles=[
            [
                f"{caption(term, 12)}, {logit} against {study.patterns[-1]}"
                for logit in coords["logit"]
            ]
            for term in coords["random_term"]
        ],
        cluster=caption(study.cluster),
        unit="γⱼ − γ (log odds)",
        title=f"Coefficients of each {caption(study.cluster)}",
        words=f"How far each differs from the mean over clusters; outcomes {outcomes} in the order "
        f"of the pattern. Each row of panels is sorted by the mean of {panel}.",
        diagnostics=fit.diagnostics,
    )
