"""bmco's prior arguments: checked and kept in the user's order, handed on in the model's."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmco_pymc.errors import InputError
from bmco_pymc.priors.priors import Dirichlet, InverseWishart, Normal, Priors
from bmco_pymc.rstyle.columns import in_bmcos_words
from bmco_pymc.rstyle.terms import BmcoTerms

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """The fixed or the random coefficients of a regression.

    Attributes
    ----------
    terms : BmcoTerms
    prior : Normal
        The prior of the coefficients, or of their means over clusters, in the order of the terms.
    spread : InverseWishart or None
        The prior of the covariance of random coefficients.
    """

    terms: BmcoTerms
    prior: Normal
    spread: InverseWishart | None = None

    def in_model(self) -> dict[str, Any]:
        """Return the priors by the model's names, in the model's order of the terms."""
        if not self.terms.labels:
            return {}
        source = np.argsort(self.terms.places)
        if self.spread is None:
            return {"beta": _reordered(self.prior, source)}
        return {"gamma": _reordered(self.prior, source), "Sigma": _reordered(self.spread, source)}

    def mean_and_precision(self) -> tuple[Array, Array]:
        """Return the numbers of the normal prior, shapes (terms,) and (terms, terms)."""
        mean, covariance = self.prior.resolve("prior", self.terms.labels)
        if self.prior.precision is None:
            return mean, np.linalg.inv(covariance)
        precision = np.asarray(self.prior.precision, dtype=float)
        if precision.ndim < 2:
            precision = np.diag(np.broadcast_to(precision, len(mean)))
        return mean, precision


def normal_prior(
    letter: str, mean: ArrayLike | None, precision: ArrayLike | None, terms: BmcoTerms
) -> Normal:
    """Return the prior that ``mu0`` and ``sigma0`` of b or g mean; what is None is as in bmco."""
    default = Priors.bmco().beta
    mean = default.mean if mean is None else mean
    covariance = default.covariance if precision is None else None
    with in_bmcos_words({"mean": f"{letter}_mu0", "precision": f"{letter}_sigma0"}):
        prior = Normal(mean, covariance=covariance, precision=precision)
        prior.resolve("prior", terms.labels)
    return prior


def covariance_prior(nu0: float | None, tau0: ArrayLike | None, terms: BmcoTerms) -> InverseWishart:
    """Return the prior of the covariance of the random coefficients; what is None is as in bmco."""
    with in_bmcos_words({"nu": "nu0", "scale": "tau0"}):
        prior = InverseWishart(nu0, InverseWishart.scale if tau0 is None else tau0)
        prior.resolve("Sigma", terms.labels)
    return prior


def pattern_prior(prior_a: Any, prior_b: Any, names: tuple[str, ...]) -> tuple[Dirichlet, Array]:
    """Return the prior of the pattern probabilities, and its parameters (2, Q)."""
    for argument, value in (("prior_a", prior_a), ("prior_b", prior_b)):
        if value is None:
            problem = f"must be a number, or {len(names)} numbers for {', '.join(names)}"
            raise InputError(argument, value, problem)
    with in_bmcos_words({"alpha": "prior_a", "treatment": "prior_b"}):
        prior = Dirichlet(prior_a, treatment=prior_b)
        return prior, prior.resolve("phi", names)


def _reordered[P: (Normal, InverseWishart)](prior: P, source: NDArray[np.intp]) -> P:
    """Return a prior with the entries of its vectors and matrices at ``source``."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(prior):
        value = getattr(prior, field.name)
        array = np.asarray(value, dtype=float)  # of None too: a number, as it is
        changes[field.name] = array[np.ix_(*[source] * array.ndim)] if array.ndim else value
    return dataclasses.replace(prior, **changes)
