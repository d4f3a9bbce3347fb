"""The recommended priors of a model, for the fields that a set leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np

from bmco_pymc.data.cells import Cells
from bmco_pymc.priors import neutral
from bmco_pymc.priors.dirichlet import Dirichlet
from bmco_pymc.priors.distributions import LKJ, HalfNormal, Normal
from bmco_pymc.priors.neutral import LOGIT_SD
from bmco_pymc.terms.terms import Terms


def recommended(given: Any, terms: Terms | None, cells: Cells) -> dict[str, Any]:
    """Return the recommended prior of each field that a model needs and a set leaves out.

    What is recommended of the coefficients is one prior of beta and gamma together. Where one of
    the two is given, the other gets its recommended prior *given* that one, so that the level at
    the average of the covariates stays neutral.

    Parameters
    ----------
    given : Priors
        The set; None in a field is left out.
    terms : Terms or None
        None for BMVB.
    cells : Cells
        The analysed sample.

    Raises
    ------
    InputError
        If terms whose prior was left out cannot be told apart in the sample.
    """
    found: dict[str, Any] = {}
    if terms is None:
        found["phi"] = Dirichlet()
    else:
        sd = LOGIT_SD[int(np.log2(cells.counts.shape[1])) - 1]
        found["contrasts"] = "symmetric"
        found |= _coefficients(given, terms, cells, sd)
        if terms.random:
            found["Sigma"] = _spread(terms, cells, sd)
    return {name: value for name, value in found.items() if getattr(given, name) is None}


def _coefficients(given: Any, terms: Terms, cells: Cells, sd: float) -> dict[str, Any]:
    """Return priors of beta and gamma, as far as they are left out, and their covariance."""
    P, labels = len(terms.fixed), (*terms.fixed, *terms.random)
    parts = {"beta": slice(0, P), "gamma": slice(P, None)}
    parts = {name: part for name, part in parts.items() if labels[part]}
    out = [name for name in parts if getattr(given, name) is None]
    if not out:
        return {}
    rows = neutral.of_means(terms, cells, sd)
    if out == list(parts):
        root, _ = neutral.inverse(rows, labels)
        V = root @ root.T
        found: dict[str, Any] = {k: Normal(0, covariance=V[s, s]) for k, s in parts.items()}
        return found | ({"cross": V[:P, P:]} if len(parts) == 2 else {})
    (name,) = out
    (other,) = set(parts) - {name}
    mean, covariance = getattr(given, other).resolve(other, labels[parts[other]])
    root, Q = neutral.inverse(rows[:, parts[name]], labels[parts[name]])
    slope = -root @ (Q.T @ rows[:, parts[other]])  # of the mean of the one on the other
    V = root @ root.T + slope @ covariance @ slope.T
    cross = covariance @ slope.T  # of the one given with the one left out
    return {
        name: Normal(slope @ mean, covariance=(V + V.T) / 2),
        "cross": cross if name == "gamma" else cross.T,
    }


def _spread(terms: Terms, cells: Cells, sd: float) -> LKJ:
    """Return one correlation of all random coefficients, of level, difference and so on."""
    basis, _ = neutral.inverse(neutral.of_deviations(terms, cells), terms.random)
    alone = np.allclose(basis, np.eye(len(basis)), atol=1e-12)
    return LKJ(2, HalfNormal(sd / LOGIT_SD[0]), joint=True, basis=None if alone else basis)
