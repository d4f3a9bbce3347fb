r"""How far other people are from a sample: standardised mean differences, and what is left of it.

Of the sample's subjects i with covariates :math:`x_i`, weights
:math:`w_i \propto \exp(x_i' b)` with :math:`\sum_i w_i x_i / \sum_i w_i = \bar x_{target}` make
their means those of the target: a moment estimate of the odds
:math:`p(target \mid x) / p(sample \mid x)`, which a logistic regression of membership gives too.
Where there are no such odds, because hardly any subject is like the target, that regression's
answer hangs on its penalty, and may be that many are; these weights then fall to a few subjects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.data.covariates import is_number
from bmco_pymc.data.frames import factorise, texts
from bmco_pymc.population.balance import to_the_means
from bmco_pymc.population.matched import beyond
from bmco_pymc.population.subjects import Sample

FAR = 0.25  # of a standardised mean difference: beyond it regressions extrapolate (Stuart 2010)
FARTHEST = 1e5  # SDs; of n subjects none is farther than sqrt(n) from the mean

type Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Likeness:
    """The distance of a target from a sample.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each covariate that is a number and each level of a category; see
        `bmco_pymc.effects.overlap.Overlap`.
    ess : float
        Effective number of the sample's subjects when they are weighted to the target's means.
    subjects : int
        Number of the sample's subjects.
    reached : bool
        Whether there are such weights.
    weight : ndarray, shape (n,)
        Of the subjects in each of the sample's cells; they sum to 1 over the subjects.
    outside : float
        Share of the target with a number outside the sample's range.
    """

    table: pd.DataFrame
    ess: float
    subjects: int
    reached: bool
    weight: Array
    outside: float

    @property
    def far(self) -> bool:
        """Whether answers about the target rest on the model more than on subjects like it."""
        return is_far(self.table, self.ess, self.subjects)

    @property
    def largest(self) -> str:
        """The largest standardised mean difference, and of what."""
        row = self.table.iloc[int(self.table["smd"].abs().argmax())]
        return f"{smd_text(row['smd'])} ({called(row)})"

    @property
    def words(self) -> str:
        """One sentence, for whoever reads an effect."""
        rests = ": the answer rests on the model" if self.far else ""
        ess = f"{self.ess:,.0f} of {self.subjects:,}"
        return (
            f"Target against sample: largest standardised mean difference {self.largest}, "
            f"effective sample size {ess}{rests}."
        )


def is_far(table: pd.DataFrame, ess: float, subjects: int) -> bool:
    """Return whether a difference is large, or less than half of the sample is left."""
    return bool((table["smd"].abs() > FAR).any()) or ess < subjects / 2


def called(row: pd.Series) -> str:
    """Return what a row of the table is about.

    Examples
    --------
    >>> called(pd.Series({"covariate": "sex", "level": "f"}))
    'sex = f'
    """
    return f"{row['covariate']} = {row['level']}" if row["level"] else str(row["covariate"])


def smd_text(smd: float) -> str:
    """Return a standardised mean difference to two decimals.

    Examples
    --------
    >>> smd_text(-0.3712), smd_text(-1e-9), smd_text(123456.0)
    ('-0.37', '0.00', '1.23e+05')
    """
    return f"{round(smd, 2) + 0.0:.2f}" if abs(smd) < 1000 else f"{smd:.3g}"


def shown(value: float, level: str) -> str:
    """Return the mean of a number, or the share of a level.

    Examples
    --------
    >>> shown(51.234, ""), shown(20117.2, ""), shown(0.5, "f")
    ('51.2', '20,117', '0.500')
    """
    if level:
        return f"{value:.3f}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"


def likeness(frame: pd.DataFrame, weight: Array, sample: Sample) -> Likeness | None:
    r"""Compare the covariates of a target with those of a sample; None if there are none.

    Parameters
    ----------
    frame : pandas.DataFrame, shape (m, covariates)
        As `bmco_pymc.population.matched.match` gives it.
    weight : ndarray, shape (m,)
        Of each row.
    sample : Sample

    Notes
    -----
    The standardised mean difference is :math:`(\bar x_{target} - \bar x_{sample}) / s_{sample}`;
    of a level with shares p the denominator is :math:`\sqrt{p_{sample} (1 - p_{sample})}` (Austin
    2009, https://doi.org/10.1002/sim.3697). The effective sample size is Kish's,
    :math:`(\sum_i w_i)^2 / \sum_i w_i^2`, with the weights above (Signorovitch et al. 2010,
    https://doi.org/10.2165/11538370-000000000-00000; Hainmueller 2012,
    https://doi.org/10.1093/pan/mpr025; as odds: Zhao & Percival 2017,
    https://doi.org/10.1515/jci-2016-0010).

    Examples
    --------
    >>> from bmco_pymc.data.study import Study
    >>> table = pd.DataFrame({"arm": ["a", "b"] * 50, "y": [0, 1, 1, 0] * 25,
    ...                       "sex": ["f", "f", "m", "m"] * 25})
    >>> study = Study(table, "y", group="arm", control="a", treatment="b")
    >>> target = pd.DataFrame({"sex": ["f", "m"]})
    >>> found = likeness(target, np.array([0.8, 0.2]), Sample(study, study.cells(["sex"])))
    >>> found.table["smd"].round(3).tolist(), round(found.ess, 1)  # 100 / (.8²/.5 + .2²/.5)
    ([0.6, -0.6], 73.5)
    """
    cells = sample.cells
    if not len(cells.frame.columns):
        return None
    size, share = cells.weight.astype(float), weight / weight.sum()
    parts, columns, outside = [], [], np.zeros(len(frame), dtype=bool)
    for name, known in cells.frame.items():
        x = frame[name]
        if is_number(known):
            pairs: list[tuple[str, Any, Any]]
            pairs = [("", known.to_numpy(dtype=float), x.to_numpy(dtype=float))]
            out = beyond(x, known)
            outside |= out
            reach = float(share[out].sum())
        else:
            codes, levels = factorise(known, str(name))
            _, first = np.unique(codes, return_index=True)
            place = pd.Index(known.iloc[first].astype(object)).get_indexer(x.astype(object))
            reach, labels = math.nan, enumerate(texts(levels))
            pairs = [(label or "''", codes == i, place == i) for i, label in labels]
        for label, own, other in pairs:
            row, column = _difference(own * 1.0, size, other * 1.0, share, label != "")
            parts.append({"covariate": str(name), "level": label, **row, "outside": reach})
            columns.append(column)
    weights, reached = to_the_means(np.column_stack(columns), size)
    return Likeness(
        pd.DataFrame(parts),
        float(1 / (weights**2 @ size)),
        int(size.sum()),
        reached,
        weights,
        float(share[outside].sum()),
    )


def _difference(
    own: Array, size: Array, other: Array, share: Array, level: bool
) -> tuple[dict[str, float], Array]:
    """Compare a number, or whether somebody has a level, in the sample and in the target.

    Parameters
    ----------
    own, size : ndarray, shape (n,)
        Values of the sample's cells, and how many subjects have each.
    other, share : ndarray, shape (m,)
        Values of the target's rows and their weights, which sum to 1.
    level : bool
        Whether the values say who has a level.

    Returns
    -------
    dict, ndarray of shape (n,)
        Numbers for the table; and the sample's values in its SDs from the target's mean.
    """
    n = size.sum()
    mean, target = float(own @ size / n), float(other @ share)
    row = {"sample": mean, "target": target, "smd": 0.0, "sd_ratio": math.nan}
    sd = math.sqrt(float(size @ (own - mean) ** 2) / (n if level else n - 1))
    if sd == 0:  # all subjects have it, and so has the target
        return row, 0 * own
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers near the largest that there are
        row["smd"] = float((np.float64(target) - mean) / sd)
        if not level:
            row["sd_ratio"] = float(np.sqrt(share @ ((other - target) / sd) ** 2))
    # From so far off, no subject is nearer than another in floating point.
    return row, (own - mean) / sd - min(max(row["smd"], -FARTHEST), FARTHEST)
