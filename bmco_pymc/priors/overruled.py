r"""Whether a prior of the coefficients overrules the scale of the covariates.

A prior of raw coefficients says something of the intercept, at which no subject may be. To give a
covariate of mean 37 and SD 0.6 a slope, the intercept must move 37 times as far to keep the level
where the data are, and N(0, 10) forbids that. What is looked at is therefore the effect of a term
per SD of its column, in log odds, while the level of each group at the average of the covariates
and the other terms stay where they are: with a direction :math:`t` of the coefficients that does
this (1 for the term; what is constant within the groups makes up for it), its prior SD is
:math:`\mathrm{SD}(x) / \sqrt{t'V^{-1}t}`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bmco_pymc.data.cells import Cells
from bmco_pymc.priors.priors import Priors
from bmco_pymc.terms.terms import Terms

SMALL, LARGE = 0.5, 50.0  # log odds: an odds ratio of 1.6 per SD, and one of 5e21


def remarks(priors: Priors, terms: Terms, cells: Cells) -> Iterator[str]:
    """Remark on the terms whose effects a prior given by the user pulls in, or leaves unbounded.

    Parameters
    ----------
    priors : Priors
        Complete; what was recommended for this very design is not looked at.
    terms : Terms
    cells : Cells
        The analysed sample.

    Yields
    ------
    str
    """
    parts = {"beta": terms.fixed, "gamma": terms.random}
    if not any(terms and name not in priors.filled for name, terms in parts.items()):
        return
    sizes = prior_effects(priors, terms, cells)
    small = {term: size for term, size in sizes.items() if size < SMALL}
    large = {term: size for term, size in sizes.items() if size > LARGE}
    for found, meaning in (
        (small, f"Below {SMALL:g}, effects are pulled in towards none"),
        (large, f"Above {LARGE:g}, it expects probabilities of 0 and 1"),
    ):
        if found:
            listed = ", ".join(f"{term} ({size:.3g})" for term, size in found.items())
            yield (
                f"the prior overrules the scale of {listed}: in brackets, the prior SD of the "
                "effect in log odds per SD of the term, with the level at the average of the "
                f"covariates as it is. {meaning}. Unless you know as much beforehand, take "
                "Priors.recommended, the default of the classes, which does not depend on units, "
                "or standardise the covariate, such as scale(age) in the formula"
            )


def prior_effects(priors: Priors, terms: Terms, cells: Cells) -> dict[str, float]:
    """Return the prior SD of the effect per SD of each term that varies with the covariates.

    A column of two values counts from one to the other; the group itself is such a column, in known
    units, and is left out.
    """
    labels = (*terms.fixed, *terms.random)
    weight = cells.weight / cells.weight.sum()
    groups = np.stack([np.hstack(terms.matrices(cells.frame, arm)) for arm in (0, 1)])  # (2, n, M)
    average = weight @ groups  # (2, M)
    away = groups - average[:, None]
    size = np.sqrt(weight @ away**2)  # (2, M)
    constant = (size <= 1e-12 * np.abs(groups).max(axis=1)).all(axis=0)
    low, high = groups.min(axis=1, keepdims=True), groups.max(axis=1, keepdims=True)
    two = ((groups == low) | (groups == high)).all(axis=1)
    step = np.where(two, (high - low)[:, 0], size).max(axis=0)  # (M,)
    t = np.eye(len(labels))[:, ~constant]
    t[constant] = -np.linalg.pinv(average[:, constant]) @ average[:, ~constant]
    root = np.linalg.cholesky(priors.coefficients(terms.fixed, terms.random)[1])
    stiff = np.sqrt((np.linalg.solve(root, t) ** 2).sum(axis=0))
    varying = [label for label, fixed in zip(labels, constant, strict=True) if not fixed]
    return {k: float(v) for k, v in zip(varying, step[~constant] / stiff, strict=True)}
