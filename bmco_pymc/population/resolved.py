"""A population on a sample: for each group a weighted list of (x, cluster), and its words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Points:
    """The weighted list of one group.

    Attributes
    ----------
    frame : pandas.DataFrame, shape (n, covariates)
        The covariates of each point.
    cluster : ndarray of intp, shape (n,), or None
        The observed cluster of each point, as its place in the sample's ``cells.cluster_labels``.
    weight : ndarray, shape (n,)
        They sum to 1.
    """

    frame: pd.DataFrame
    cluster: NDArray[np.intp] | None
    weight: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Resolved:
    """A population on a sample.

    Attributes
    ----------
    points : tuple of Points
        Of each group, the control first.
    estimand : str
        What is averaged over what, in words.
    clusters : {"observed", "new", None}
        Which clusters the points are in; None without clusters in the model.
    """

    points: tuple[Points, ...]
    estimand: str
    clusters: str | None
