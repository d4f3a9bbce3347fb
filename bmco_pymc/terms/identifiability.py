"""What a model's covariates and terms must be to be told apart: checked when it is made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.data.cells import Cells
from bmco_pymc.data.frames import listed
from bmco_pymc.errors import InputError
from bmco_pymc.terms.names import Aliased

type Array = NDArray[np.float64]

LARGEST = 1e100  # of a covariate or a term: its square and its exponent must be numbers too
EXACT = 1e-8  # of its SD that is left of a column given others: rounding leaves 1e-13 or less
NEARLY = 1e-5  # what single precision leaves, and no number of subjects makes up for
PART = 1e-6  # of the largest coefficient, for a column to be part of a dependence


def check_covariates(cells: Cells) -> None:
    """Refuse covariates that are infinite, constant or of an extreme size."""
    for name, column in cells.frame.items():
        number, problem = column.dtype == np.float64, ""
        if number and not np.isfinite(column).all():
            problem = "has infinite values"
        elif column.nunique() < 2:
            problem = f"is constant: every value is {column.iloc[0]}"
        elif number and not (column.abs().max() < LARGEST and np.ptp(column) > 1 / LARGEST):
            problem = f"runs from {column.min():g} to {column.max():g}: use another unit"
        if problem:
            raise InputError("covariate", name, problem)


def inseparable(columns: Array, terms: list[str], formula: str) -> Iterator[str]:
    """Refuse terms of which one is a linear function of others; remark if it nearly is."""
    for together in dependences(columns, terms):
        what = f"the terms {listed(together)} cannot be told apart: leave one of them out"
        if re.match(r"(cr|cs|cc)\(", together[0]) and len(together) == 1:
            what = (
                f"the columns of {together[0]!r} add up to the intercept: write "
                "constraints='center' in it"
            )
        elif len(together) == 1:
            what = (
                f"a coefficient of {together[0]!r} rests on no subject, or on the same subjects as "
                "its others: leave the term out or join categories"
            )
        raise InputError("fixed", formula, what)
    for together in dependences(columns, terms, NEARLY):
        yield (
            f"The terms {listed(together)} can hardly be told apart: one is nearly a linear "
            "function of the others, and the prior decides between them. Leave one out."
        )


def alike_clusters(
    X: Array, Z: Array, terms: list[str], cells: Cells, formula: str, group: str
) -> Iterator[str]:
    """Refuse random coefficients of clusters that have their own fixed coefficients already."""
    assert cells.cluster is not None
    for slope, name in zip(Z.T, terms[X.shape[1] :], strict=True):
        fixed = within_clusters(np.hstack([X, Z]), terms, slope, cells.cluster)
        if fixed == (group,):  # a study that cannot be helped: an honest answer is a wide one
            yield (
                f"One cluster in each group: the data cannot tell {group!r} from a difference "
                f"between clusters, and the prior of {name!r} decides how large that may be."
            )
        elif fixed:
            what = (
                f"{listed(fixed)} gives each cluster a coefficient of its own, which cannot be "
                f"told apart from the random term {name!r}: leave one of the two out"
            )
            raise InputError("fixed", formula, what)


def confounded(cells: Cells) -> Iterator[str]:
    """Remark on a covariate that nearly tells the group, so that the two cannot be told apart."""
    for name, column in cells.frame.items():
        if column.dtype.kind not in "bf":
            continue
        both = np.cov(cells.arm, column.astype(float), fweights=cells.weight)
        r = both[0, 1] / np.sqrt(both[0, 0] * both[1, 1])
        if abs(r) > 0.9:
            yield (
                f"Group and covariate {name!r} are nearly the same (correlation {r:.2f}): their "
                "effects can hardly be told apart, and the prior decides between them."
            )


def many_levels(spec: Any, names: Aliased, n_subjects: int) -> Iterator[str]:
    """Remark on a category with more levels than a tenth of the subjects; two are never many."""
    for factor, state in spec.factor_contrasts.items():
        n_levels = len(state.levels)
        if n_levels > max(2, n_subjects / 10):
            yield (
                f"{names.named(str(factor))!r} is a category of {n_levels} levels for {n_subjects} "
                "subjects, and each has a coefficient: if it holds numbers, make it numbers"
            )


def dependences(
    columns: Array, labels: Sequence[str], tolerance: float = EXACT
) -> list[tuple[str, ...]]:
    """Return the sets of terms of which one is a linear function of the others.

    A column depends on those before it if the QR decomposition of the columns, centred where the
    constant is one of them and scaled to length 1, leaves nothing of it. The coefficients
    that make it up say which of them are involved.

    Parameters
    ----------
    columns : ndarray, shape (n, M)
        The design.
    labels : sequence of str, length M
        The term of each column; a term of several columns is named once.
    tolerance : float
        The share of a column that counts as nothing.

    Returns
    -------
    list of tuple of str
        For each column that depends on others the terms involved, its own last. A column of zeros
        is alone.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 4.0, 7.0])
    >>> z = np.array([0.0, 1.0, 1.0, 0.0])
    >>> dependences(np.column_stack([np.ones(4), x, z, 32 + 1.8 * x]), ["1", "C", "z", "F"])
    [('C', 'F')]
    """
    scaled = _scaled(columns)
    kept = list(range(columns.shape[1]))
    found: dict[tuple[str, ...], None] = {}
    while kept:
        R = np.linalg.qr(scaled[:, kept], mode="r")
        left = np.zeros(len(kept))  # more columns than rows: nothing is left of the last ones
        left[: len(R)] = np.abs(np.diag(R))
        depends = np.flatnonzero(left < tolerance)
        if not len(depends):
            break
        place = int(depends[0])
        coefficients = np.abs(np.linalg.solve(R[:place, :place], R[:place, place]))
        involved = coefficients > PART * coefficients.max(initial=0.0)
        names = [labels[kept[k]] for k in np.flatnonzero(involved)] + [labels[kept[place]]]
        found[tuple(dict.fromkeys(names))] = None
        del kept[place]
    return list(found)


def within_clusters(
    columns: Array, labels: Sequence[str], slope: Array, cluster: NDArray[np.intp]
) -> tuple[str, ...]:
    """Return the terms that leave nothing for a random coefficient to say about its clusters.

    The deviations of J clusters span J columns, the slope's in each cluster and 0 elsewhere. If the
    design spans them all, each cluster has a coefficient of its own already, and the data say
    nothing of how clusters differ.

    Parameters
    ----------
    columns : ndarray, shape (n, M)
        The joint design, fixed and random, none of which depends on the others.
    labels : sequence of str, length M
        The term of each column.
    slope : ndarray, shape (n,)
        The column of the random term.
    cluster : ndarray of int, shape (n,)
        The cluster of each row.

    Returns
    -------
    tuple of str
        Empty if something is left.

    Examples
    --------
    >>> site = np.array([0, 0, 1, 1, 2, 2])
    >>> X = np.column_stack([np.ones(6), site == 1, site == 2]).astype(float)
    >>> within_clusters(X, ["1", "C(site)", "C(site)"], np.ones(6), site)
    ('C(site)',)
    """
    squares = np.bincount(cluster, weights=slope**2)  # (J,)
    n_clusters = np.count_nonzero(squares)
    size = np.abs(columns).max(axis=0)
    scaled = columns / np.where(size > 0, size, 1.0)
    rest = np.empty_like(scaled)  # what is left of each column given the clusters' own slopes
    for place, column in enumerate(scaled.T):
        product = np.bincount(cluster, weights=slope * column, minlength=len(squares))
        own = product / np.where(squares > 0, squares, 1.0)
        rest[:, place] = column - slope * own[cluster]
    alone = np.linalg.norm(rest, axis=0) < EXACT * np.linalg.norm(scaled, axis=0)
    shared = columns.shape[1] - np.linalg.matrix_rank(rest, tol=EXACT * np.linalg.norm(scaled))
    if shared < n_clusters:
        return ()
    same = np.all(columns == slope[:, None], axis=0)
    involved = alone & ~same
    if not involved.any():  # only together do they span the clusters
        involved = ~same
    return tuple(dict.fromkeys(labels[k] for k in np.flatnonzero(involved).tolist()))


def _scaled(columns: Array) -> Array:
    """Return columns of length 1, centred if the constant is one of them; those of zeros stay."""
    largest = np.abs(columns).max(axis=0)
    even = columns / np.where(largest > 0, largest, 1.0)  # first, so that squares cannot overflow
    flat = np.ptp(columns, axis=0) == 0
    if (flat & (largest > 0)).any():
        even[:, ~flat] -= even[:, ~flat].mean(axis=0)
    length = np.linalg.norm(even, axis=0)
    scaled: Array = even / np.where(length > 0, length, 1.0)
    return scaled
