"""What a model's covariates and terms must be to mean something: checked when it is made."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.cells import Cells
from bmco_pymc.columns import listed
from bmco_pymc.errors import InputError
from bmco_pymc.inseparable import NEARLY, dependences, within_clusters
from bmco_pymc.names import Aliased
from bmco_pymc.remarks import warn

Array = NDArray[np.float64]

LARGEST = 1e100  # of a covariate or a term: its square and its exponent must be numbers too


def check_covariates(cells: Cells) -> None:
    """Refuse covariates that are infinite, constant or of an extreme size."""
    for name, column in cells.frame.items():
        if column.dtype == np.float64 and not np.isfinite(column).all():
            raise InputError("covariate", name, "has infinite values")
        if column.nunique() < 2:
            raise InputError("covariate", name, f"is constant: every value is {column.iloc[0]}")
        if column.dtype == np.float64 and not (
            column.abs().max() < LARGEST and np.ptp(column) > 1 / LARGEST
        ):
            problem = f"runs from {column.min():g} to {column.max():g}: use another unit"
            raise InputError("covariate", name, problem)


def check_separable(columns: Array, terms: list[str], formula: str) -> None:
    """Refuse terms of which one is a linear function of others; warn if it nearly is."""
    for together in dependences(columns, terms):
        what = f"the terms {listed(together)} cannot be told apart: leave one of them out"
        if len(together) == 1:
            what = (
                f"a coefficient of {together[0]!r} rests on no subject, or on the same subjects as "
                "its others: leave the term out or join categories"
            )
            if re.match(r"(cr|cs|cc)\(", together[0]):
                what = (
                    f"the columns of {together[0]!r} add up to the intercept: write "
                    "constraints='center' in it"
                )
        raise InputError("fixed", formula, what)
    for together in dependences(columns, terms, NEARLY):
        what = (
            f"The terms {listed(together)} can hardly be told apart: one is nearly a linear "
            "function of the others, and the prior decides between them. Leave one out."
        )
        warn([what])


def check_clusters_differ(
    X: Array, Z: Array, terms: list[str], cells: Cells, formula: str, group: str
) -> None:
    """Refuse random coefficients of clusters that have their own fixed coefficients already."""
    assert cells.cluster is not None
    for slope, name in zip(Z.T, terms[X.shape[1] :], strict=True):
        fixed = within_clusters(np.hstack([X, Z]), terms, slope, cells.cluster)
        if fixed == (group,):  # a study that cannot be helped: an honest answer is a wide one
            what = (
                f"One cluster in each group: the data cannot tell {group!r} from a difference "
                f"between clusters, and the prior of {name!r} decides how large that may be."
            )
            warn([what])
        elif fixed:
            what = (
                f"{listed(fixed)} gives each cluster a coefficient of its own, which cannot be "
                f"told apart from the random term {name!r}: leave one of the two out"
            )
            raise InputError("fixed", formula, what)


def warn_if_many_levels(spec: Any, names: Aliased, n_subjects: int) -> None:
    """Warn of a category with more levels than a tenth of the subjects; two are never many."""
    for factor, state in spec.factor_contrasts.items():
        n_levels = len(state.levels)
        if n_levels > max(2, n_subjects / 10):
            what = (
                f"{names.named(str(factor))!r} is a category of {n_levels} levels for {n_subjects} "
                "subjects, and each has a coefficient: if it holds numbers, make it numbers"
            )
            warn([what])


def warn_if_confounded(cells: Cells) -> None:
    """Warn when a covariate nearly tells the group, so that the two cannot be told apart."""
    for name, column in cells.frame.items():
        if not pd.api.types.is_numeric_dtype(column):
            continue
        both = np.cov(cells.arm, column.astype(float), fweights=cells.weight)
        r = both[0, 1] / np.sqrt(both[0, 0] * both[1, 1])
        if abs(r) > 0.9:
            what = (
                f"Group and covariate {name!r} are nearly the same (correlation {r:.2f}): their "
                "effects can hardly be told apart, and the prior decides between them."
            )
            warn([what])
