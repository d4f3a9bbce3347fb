"""How steeply the log odds change with a covariate, to choose the nodes of a quadrature."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.averaging.quadrature import steepness
from bmco_pymc.population.subjects import Sample
from bmco_pymc.terms.terms import Terms

Floats = NDArray[np.float64]

GRID = np.linspace(-4, 4, 17)  # in SDs of the covariate around its mean
STEP = 1e-3
REACH = 4.0  # SDs of the random slopes of new clusters that are followed


def steepest(
    terms: Terms,
    sample: Sample,
    covariate: Hashable,
    bounds: tuple[float, float],
    draws: Mapping[str, Floats],
    clusters: str | None,
) -> float:
    """Return the largest change of any log odds per SD of a covariate, over all draws.

    Parameters
    ----------
    terms : Terms
        The meaning of the formulas, for numerical derivatives of the terms.
    sample : Sample
        The analysed data.
    covariate : str
        The covariate.
    bounds : (float, float)
        Its range.
    draws : mapping
        ``beta`` (S, P, L) and, with clusters, ``gamma`` (S, p, L), ``gamma_cluster``
        (S, J, p, L) and ``Sigma``.
    clusters : {"observed", "new", None}
        Whose random slopes count.
    """
    mean, sd = sample.moments(covariate)
    x = np.clip(mean + sd * GRID, *bounds)
    others = sample.cells.frame.drop(columns=[covariate]).drop_duplicates()
    frame = sample.cells.frame.iloc[np.repeat(others.index, len(x))].reset_index(drop=True)
    x = np.tile(x, len(others))
    low, high = np.maximum(x - STEP * sd, bounds[0]), np.minimum(x + STEP * sd, bounds[1])
    if (high <= low).any():  # the range is a point
        return 0.0
    largest = 0.0
    for arm in range(len(sample.study.group_labels)):
        above = terms.matrices(frame.assign(**{str(covariate): high}), arm)
        below = terms.matrices(frame.assign(**{str(covariate): low}), arm)
        width = ((high - low) / sd)[:, None]
        dX, dZ = ((a - b) / width for a, b in zip(above, below, strict=True))
        # A term that is linear in the covariate has one slope only.
        for step in np.unique(np.round(np.hstack([dX, dZ]), 9), axis=0):
            dx, dz = np.split(step, [dX.shape[1]])
            largest = max(largest, steepness_of_step(draws, clusters, dx, dz))
    return largest


def steepness_of_step(
    draws: Mapping[str, Floats],
    clusters: str | None,
    dx: Floats,
    dz: Floats,
    cluster: int | None = None,
) -> float:
    """Return the largest change of any log odds for a step in the designs, over all draws.

    Parameters
    ----------
    draws, clusters
        As in `steepest`.
    dx, dz : ndarray, shapes (P,) and (p,)
        The step.
    cluster : int, optional
        The observed cluster that counts; all of them by default.
    """
    slope = np.einsum("p,spl->sl", dx, draws["beta"])
    if clusters == "observed" and dz.any():
        each = draws["gamma_cluster"] if cluster is None else draws["gamma_cluster"][:, [cluster]]
        slope = slope[:, None] + np.einsum("k,sjkl->sjl", dz, each)
    elif clusters == "new" and dz.any():
        slope = slope + np.einsum("k,skl->sl", dz, draws["gamma"])
        Sigma = draws["Sigma"]  # per logit, or joint
        indices = "k,slkm,m->sl" if Sigma.ndim == 4 else "k,slklm,m->sl"
        spread = REACH * np.sqrt(np.einsum(indices, dz, Sigma, dz).clip(min=0))
        slope = np.stack([slope - spread, slope + spread])
    return steepness(slope)
