r"""A prior that is neutral about success probabilities, whatever the design and its units.

Of the linear predictor :math:`\eta_g(x)` of a logit in group g, the prior says four things, each
about an average over the analysed subjects: its level and the difference between the groups at the
average of the design, and how much the level and the difference vary with the covariates. Their
penalties add up to a normal prior of the coefficients,

.. math:: c'V^{-1}c = \frac{2 (\bar m'c)^2}{s^2} + \frac{(\bar d'c)^2}{2 s^2}
          + \frac{4 q_m}{s^2} c'\mathrm{Cov}(m) c + \frac{4 q_d}{s^2} c'\mathrm{Cov}(d) c,

where m and d are the mean and the difference of the design rows of both groups, and q the ranks.
Each group's logit at the average has SD s, independent of the other group's; the covariates
together have SD s/2. It is about functions of x, so units, centring and coding do not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.design import Design, make_design
from bmco_pymc.distributions import LKJ, HalfNormal, Normal
from bmco_pymc.errors import InputError
from bmco_pymc.priors import Priors

Array = NDArray[np.float64]

# SD of each logit, with symmetric contrasts, at which θ has the variance of a uniform, 1/12, for
# 1, 2, ... outcomes (by integration over 2^15 or more points of a Sobol sequence).
LOGIT_SD = (1.69, 2.18, 2.72, 3.29, 3.86, 4.42)


def recommended(source: Any, fixed: str | None = None, random: str | None = None) -> Priors:
    """Return a neutral prior; see ``Priors.recommended``."""
    from bmco_pymc.models.base import Model
    from bmco_pymc.study import Study

    if isinstance(source, Model):
        if fixed is not None or random is not None:
            raise InputError("fixed", fixed or random, "a model has its formulas already")
        if source.design is None:
            return Priors(contrasts="symmetric")
        study, design, cells = source.study, source.design, source.cells
    elif isinstance(source, Study):
        study = source
        formula = f"`{study.group}`" if fixed is None else fixed
        design, cells = make_design(study, formula, random)
    else:
        raise InputError("source", source, "must be a Study or a model of one")
    sd = LOGIT_SD[study.n_outcomes - 1]
    groups = [np.hstack(design.matrices(cells.frame, arm)) for arm in (0, 1)]
    P = len(design.terms)
    mean, difference = (groups[0] + groups[1]) / 2, groups[1] - groups[0]  # (n, M)
    both = difference.any()
    weight = cells.weight / cells.weight.sum()
    scales = (sd / np.sqrt(2) if both else sd, sd * np.sqrt(2), sd / 2)
    V = np.linalg.inv(_penalty(mean, difference, weight, scales, _labels(design)))
    V = (V + V.T) / 2
    parts: dict[str, Any] = {"contrasts": "symmetric"}
    if P:
        parts["beta"] = Normal(0, covariance=V[:P, :P])
    if design.random_terms:
        parts["gamma"] = Normal(0, covariance=V[P:, P:])
        parts["cross"] = V[:P, P:] if P else None
        inner = _penalty(
            mean[:, P:], difference[:, P:], weight, (1.0, 1.0, None), design.random_terms
        )
        basis = np.linalg.inv(np.linalg.cholesky(inner).T)  # upper triangle: level, difference, …
        alone = np.allclose(basis, np.eye(len(basis)), atol=1e-12)
        spread = HalfNormal(sd / LOGIT_SD[0])
        parts["Sigma"] = LKJ(2, spread, joint=True, basis=None if alone else basis)
    return Priors(**parts)


def _labels(design: Design) -> tuple[str, ...]:
    return (*design.terms, *design.random_terms)


def _penalty(
    mean: Array,
    difference: Array,
    weight: Array,
    scales: tuple[float, float, float | None],
    labels: tuple[str, ...],
) -> Array:
    """Return the precision of the coefficients, shape (M, M).

    Parameters
    ----------
    mean, difference : ndarray, shape (n, M)
        Of the design rows of both groups.
    weight : ndarray, shape (n,)
        They sum to 1.
    scales : (float, float, float or None)
        SDs of the level, of the difference, and of the covariates together; None: 1 for each.
    labels : tuple of str
        The M terms, for the error.
    """
    precision = np.zeros((mean.shape[1],) * 2)
    for rows, scale in ((mean, scales[0]), (difference, scales[1])):
        average = weight @ rows
        precision += np.outer(average, average) / scale**2
        away = np.sqrt(weight)[:, None] * (rows - average)
        size = np.sqrt((away**2).sum(axis=0))
        away = np.where(size > 1e-12 * np.abs(rows).max(axis=0), away, 0.0)
        rank = np.linalg.matrix_rank(away / np.where(size > 0, size, 1.0)) if away.any() else 0
        each = 1.0 if scales[2] is None else rank / scales[2] ** 2
        precision += each * (away.T @ away)
    unit = np.sqrt(np.diag(precision))
    if (unit == 0).any() or np.linalg.cond(precision / np.outer(unit, unit)) > 1e12:
        what = "these terms cannot be told apart in this sample: leave one out"
        raise InputError("fixed", list(labels), what)
    return precision
