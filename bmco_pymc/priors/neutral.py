r"""A prior of coefficients that is neutral about success probabilities, whatever the units.

Of the linear predictor :math:`\eta_g(x)` of a logit in group g, the prior says four things, each
about an average over the analysed subjects: its level and the difference between the groups at the
average of the design, and how much the level and the difference vary with the covariates. Their
penalties add up to a normal prior of the coefficients,

.. math:: c'V^{-1}c = \frac{2 (\bar m'c)^2}{s^2} + \frac{(\bar d'c)^2}{2 s^2}
          + \frac{4 q_m}{s^2} c'\mathrm{Cov}(m) c + \frac{4 q_d}{s^2} c'\mathrm{Cov}(d) c,

where m and d are the mean and the difference of the design rows of both groups, and q the ranks.
Each group's logit at the average has SD s, independent of the other group's; the covariates
together have SD s/2. It is about functions of x, so units, centring and coding do not matter.

Everything here works on rows R with :math:`R'R = V^{-1}`, never on their square, and on columns of
one size: a covariate may be a year, or 1e-6.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.data.cells import Cells
from bmco_pymc.errors import InputError
from bmco_pymc.terms.terms import Terms

Array = NDArray[np.float64]

# SD of each logit, with symmetric contrasts, at which θ has the variance of a uniform, 1/12, for
# 1, 2, ... outcomes (by integration over 2^15 or more points of a Sobol sequence).
LOGIT_SD = (1.69, 2.18, 2.72, 3.29, 3.86, 4.42)
_ROUNDING = 1e-9  # of the largest singular value: above the rounding of any number of subjects
_TINY = 1e-150
_SINGULAR = 1e-6  # of the largest singular value: the covariance is its square, to be factored


def of_means(terms: Terms, cells: Cells, sd: float) -> Array:
    """Return the rows R (r, M) of the penalty of the fixed coefficients and random means.

    Parameters
    ----------
    terms : Terms
    cells : Cells
        The analysed sample.
    sd : float
        s, the SD of each group's logit at the average.
    """
    mean, difference = _mean_and_difference(terms, cells)
    level = sd / np.sqrt(2) if difference.any() else sd
    return np.vstack(
        [
            _rows(mean, cells, level, sd / 2),
            _rows(difference, cells, sd * np.sqrt(2), sd / 2),
        ]
    )


def precision_of_means(
    both: Array, weight: NDArray[np.int64], sd: float, ranks: tuple[int, int] | None = None
) -> tuple[Array, tuple[int, int]]:
    """Return R'R of `of_means`, shape (M, M), and the ranks q in it.

    Nothing is factored, so that thousands of samples take no time, and covariates far from zero
    lose digits.

    Parameters
    ----------
    both : ndarray, shape (2, n, M)
        The design of the rows in either group.
    weight : ndarray of int, shape (n,)
        Subjects of each row.
    sd : float
        As in `of_means`.
    ranks : pair of int, optional
        Those of another sample of the same terms.
    """
    mean, difference = (both[0] + both[1]) / 2, both[1] - both[0]
    share, found, known = weight / weight.sum(), 0.0, []
    level = sd / np.sqrt(2) if difference.any() else sd
    for place, (values, average_sd) in enumerate(((mean, level), (difference, sd * np.sqrt(2)))):
        average = share @ values
        away = values - average
        spread = away.T @ (share[:, None] * away)
        if ranks is None:
            size = np.sqrt(np.diag(spread))
            varies = size > 1e-12 * np.abs(values).max(axis=0)
            alike = (np.sqrt(share)[:, None] * away)[:, varies] / size[varies]
            rank = int(np.linalg.matrix_rank(alike, rtol=_ROUNDING)) if varies.any() else 0
        else:
            rank = ranks[place]
        known.append(rank)
        found = found + np.outer(average, average) / average_sd**2 + 4 * rank / sd**2 * spread
    return np.asarray(found), (known[0], known[1])


def of_deviations(terms: Terms, cells: Cells) -> Array:
    """Return the rows R (r, p) in which a cluster's deviations are alike: each has SD 1."""
    parts = _mean_and_difference(terms, cells)
    return np.vstack([_rows(part[:, len(terms.fixed) :], cells, 1.0, None) for part in parts])


def inverse(rows: Array, labels: Sequence[str]) -> tuple[Array, Array]:
    """Return W (M, M), upper triangular, and Q (r, M) with WW' = (R'R)⁻¹ and WQ' = R⁺.

    Raises
    ------
    InputError
        If some of the M terms (``labels``) cannot be told apart.
    """
    largest = np.abs(rows).max(axis=0)
    extreme = (largest > 1 / _TINY) | ((largest > 0) & (largest < _TINY))
    if extreme.any():
        names = [label for label, out in zip(labels, extreme, strict=True) if out]
        what = "a prior variance of this scale is no number: give the covariate in other units"
        raise InputError("fixed", names, what)
    size = np.sqrt((rows**2).sum(axis=0))
    size = np.where(size > 0, size, 1.0)
    Q, triangle = np.linalg.qr(rows / size)
    _, singular, right = np.linalg.svd(triangle)
    lost = right[singular < _SINGULAR * singular[0]]
    if len(lost):
        share = np.sqrt((lost**2).sum(axis=0))
        names = [label for label, part in zip(labels, share, strict=True) if part > 1e-3]
        what = "these terms cannot be told apart in this sample: leave one out"
        if "Intercept" in names:
            what += ", or centre a covariate that is very far from zero in its SDs"
        if len(names) == 1:
            what = "this term is zero for every subject of this sample: leave it out"
        raise InputError("fixed", names, what)
    sign = np.sign(np.diag(triangle))
    return np.linalg.inv(sign[:, None] * triangle) / size[:, None], Q * sign


def _mean_and_difference(terms: Terms, cells: Cells) -> tuple[Array, Array]:
    """Return mean and difference of both groups' design rows, shape (n, M) each."""
    control, treatment = (np.hstack(terms.matrices(cells.frame, arm)) for arm in (0, 1))
    return (control + treatment) / 2, treatment - control


def _rows(values: Array, cells: Cells, average_sd: float, together_sd: float | None) -> Array:
    """Return the penalty of the average of (n, M) design rows, and of what is around it.

    ``together_sd`` is the SD of all directions around the average together; None: 1 for each.
    """
    weight = cells.weight / cells.weight.sum()
    average = weight @ values
    away = np.sqrt(weight)[:, None] * (values - average)
    size = np.sqrt((away**2).sum(axis=0))
    varies = size > 1e-12 * np.abs(values).max(axis=0)
    around = np.linalg.qr(np.where(varies, away, 0.0), mode="r")  # n may be large
    alike = around / np.where(varies, size, 1.0)
    rank = np.linalg.matrix_rank(alike, rtol=_ROUNDING) if varies.any() else 0
    each = 1.0 if together_sd is None else np.sqrt(rank) / together_sd
    return np.vstack([average / average_sd, each * around])
