"""The success rate of each cluster: as observed, and as the model estimates it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bmco_pymc import patterns
from bmco_pymc.averaging.softmax import average_phi
from bmco_pymc.data.frames import text
from bmco_pymc.errors import InputError

if TYPE_CHECKING:
    from bmco_pymc.posterior.posterior import Posterior


def cluster_rates(fit: Posterior, ci_prob: float = 0.95) -> pd.DataFrame:
    r"""Return the raw rate and the estimate of each cluster, group and outcome.

    Both are about the same subjects, those of the cluster that are in the group. The estimate is
    the average of their probabilities of success given the cluster's own coefficients,

    .. math:: \theta_{jgk} = \frac{1}{n_{jg}} \sum_{i \in (j, g)} P(y_{ik} = 1 \mid x_i, \gamma_j)

    Parameters
    ----------
    fit : Posterior
        Of a BGLMM.
    ci_prob : float
        Probability in the equal-tailed interval.

    Returns
    -------
    pandas.DataFrame
        A row per cluster, group with subjects in it, and outcome: ``cluster``, ``group``,
        ``outcome``, ``subjects``, ``raw``, ``mean``, ``lower``, ``upper``.

    Raises
    ------
    InputError
        If the model has no clusters.
    """
    check_clusters(fit)
    model = fit.model
    cells, terms = model.cells, model.terms
    assert terms is not None
    assert cells.cluster is not None
    draws = fit.coefficients()
    outcomes, groups = model.study.outcomes, model.study.group_labels
    successes, observed = cells.successes, cells.observed  # (n, K)
    tail = [(1 - ci_prob) / 2, (1 + ci_prob) / 2]
    parts = []
    for place, label in enumerate(cells.cluster_labels):
        for arm, group in enumerate(groups):
            here = np.flatnonzero((cells.cluster == place) & (cells.arm == arm))
            if len(here) == 0:
                continue
            n = cells.weight[here].sum()
            X, Z = terms.matrices(cells.frame.iloc[here], arm)
            phi = average_phi(
                draws["beta"],
                X,
                cells.weight[here] / n,
                gamma=draws["gamma_cluster"][:, [place]],
                Z=Z,
                cluster=np.zeros(len(here), dtype=np.intp),
            )
            theta = patterns.theta_from_phi(phi)  # (S, K)
            with np.errstate(invalid="ignore"):  # NaN where an outcome was observed of nobody
                raw = successes[here].sum(axis=0) / observed[here].sum(axis=0)
            lower, upper = np.quantile(theta, tail, axis=0)
            parts.append(
                pd.DataFrame(
                    {
                        "cluster": text(label),
                        "group": group,
                        "outcome": outcomes,
                        "subjects": int(n),
                        "raw": raw,
                        "mean": theta.mean(axis=0),
                        "lower": lower,
                        "upper": upper,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def check_clusters(fit: Posterior) -> None:
    """Refuse a fit without clusters."""
    if "gamma_cluster" not in fit.model.parameters:
        name = type(fit.model).__name__
        raise InputError("fit", name, "has no clusters; fit a BGLMM for a picture of clusters")
