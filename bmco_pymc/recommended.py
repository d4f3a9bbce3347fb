"""The recommended priors of a model, and how they complete a set that leaves something out."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from bmco_pymc import neutral
from bmco_pymc.arguments import of_kind
from bmco_pymc.cells import Cells
from bmco_pymc.design import Design, make_design
from bmco_pymc.distributions import LKJ, Dirichlet, HalfNormal, Normal
from bmco_pymc.errors import InputError
from bmco_pymc.neutral import LOGIT_SD
from bmco_pymc.priors import Priors


def recommended(source: Any, fixed: str | None = None, random: str | None = None) -> Priors:
    """Return a neutral prior; see ``Priors.recommended``."""
    from bmco_pymc.models.base import Model
    from bmco_pymc.study import Study

    if isinstance(source, Model):
        if fixed is not None or random is not None:
            raise InputError("fixed", fixed or random, "a model has its formulas already")
        return complete(Priors(), source.design, source.cells)
    if not isinstance(source, Study):
        raise InputError("source", source, "must be a Study or a model of one")
    formula = f"`{source.group}`" if fixed is None else fixed
    return complete(Priors(), *make_design(source, formula, random))


def complete(priors: Priors, design: Design | None, cells: Cells) -> Priors:
    """Return the set with the recommended prior in each field that a model needs and it left out.

    What is recommended of the coefficients is one prior of beta and gamma together. Where one of
    the two is given, the other gets its recommended prior *given* that one, so that the level at
    the average of the covariates stays neutral.

    Parameters
    ----------
    priors : Priors
        What an earlier model has filled in counts as left out.
    design : Design or None
        None for BMVB.
    cells : Cells
        The analysed sample.

    Raises
    ------
    InputError
        If terms whose prior was left out cannot be told apart in the sample.
    """
    given = of_kind("priors", priors, Priors, "must be bmco_pymc.Priors").given
    found: dict[str, Any] = {}
    if design is None:
        found["phi"] = Dirichlet()
    else:
        sd = LOGIT_SD[int(np.log2(cells.counts.shape[1])) - 1]
        found["contrasts"] = "symmetric"
        found |= _coefficients(given, design, cells, sd)
        if design.random_terms:
            found["Sigma"] = _spread(design, cells, sd)
    new = {name: value for name, value in found.items() if getattr(given, name) is None}
    return dataclasses.replace(given, **new, filled=tuple(new))


def _coefficients(given: Priors, design: Design, cells: Cells, sd: float) -> dict[str, Any]:
    """Return priors of beta and gamma, as far as they are left out, and their covariance."""
    P, labels = len(design.terms), (*design.terms, *design.random_terms)
    parts = {"beta": slice(0, P), "gamma": slice(P, None)}
    parts = {name: part for name, part in parts.items() if labels[part]}
    out = [name for name in parts if getattr(given, name) is None]
    if not out:
        return {}
    rows = neutral.of_means(design, cells, sd)
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


def _spread(design: Design, cells: Cells, sd: float) -> LKJ:
    """Return one correlation of all random coefficients, of level, difference and so on."""
    basis, _ = neutral.inverse(neutral.of_deviations(design, cells), design.random_terms)
    alone = np.allclose(basis, np.eye(len(basis)), atol=1e-12)
    return LKJ(2, HalfNormal(sd / LOGIT_SD[0]), joint=True, basis=None if alone else basis)
