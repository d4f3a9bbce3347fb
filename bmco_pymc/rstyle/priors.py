"""bmco's prior arguments: checked and kept in the user's order, handed on in the model's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmco_pymc.errors import InputError
from bmco_pymc.priors import Dirichlet, InverseWishart, Normal, Priors
from bmco_pymc.rstyle import wording
from bmco_pymc.rstyle.terms import Terms
from bmco_pymc.rstyle.wording import in_bmcos_words

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NormalPrior:
    """The prior of the coefficients of some terms, the same for each logit.

    Attributes
    ----------
    given : Normal
        As the user wrote it.
    mean : ndarray, shape (terms,)
    covariance : ndarray, shape (terms, terms)
    precision : ndarray, shape (terms, terms)
        All in the user's order.
    """

    given: Normal
    mean: Array
    covariance: Array
    precision: Array

    def in_model(self, places: NDArray[np.intp]) -> Normal:
        """Return the prior for a model that has each of the terms at these places."""
        source = np.argsort(places)
        mean = _reordered(self.given.mean, source)
        if self.given.precision is None:
            return Normal(mean, covariance=self.given.covariance)
        return Normal(mean, precision=_reordered(self.given.precision, source))


@dataclass(frozen=True, eq=False)
class CovariancePrior:
    """The inverse-Wishart prior of the covariance of the random coefficients.

    Attributes
    ----------
    given : InverseWishart
        As the user wrote it.
    nu : float
    scale : ndarray, shape (p, p)
        T, in the user's order.
    """

    given: InverseWishart
    nu: float
    scale: Array

    def in_model(self, places: NDArray[np.intp]) -> InverseWishart:
        """Return the prior for a model that has each of the terms at these places."""
        return InverseWishart(self.given.nu, _reordered(self.given.scale, np.argsort(places)))


def fixed_prior(b_mu0: ArrayLike | None, b_sigma0: ArrayLike | None, terms: Terms) -> NormalPrior:
    """Return the prior of the fixed coefficients; what is None is as in bmco."""
    with in_bmcos_words(wording.FIXED_PRIOR):
        return _normal(b_mu0, b_sigma0, Priors.bmco().beta, "beta", terms)


def random_prior(g_mu0: ArrayLike | None, g_sigma0: ArrayLike | None, terms: Terms) -> NormalPrior:
    """Return the prior of the means of the random coefficients; what is None is as in bmco."""
    with in_bmcos_words(wording.RANDOM_PRIOR):
        return _normal(g_mu0, g_sigma0, Priors.bmco().gamma, "gamma", terms)


def covariance_prior(nu0: float | None, tau0: ArrayLike | None, terms: Terms) -> CovariancePrior:
    """Return the prior of the covariance of the random coefficients; what is None is as in bmco."""
    default = InverseWishart()
    with in_bmcos_words(wording.COVARIANCE_PRIOR):
        given = InverseWishart(nu0, default.scale if tau0 is None else tau0)
        nu, scale = given.resolve("Sigma", terms.labels)
    return CovariancePrior(given, nu, scale)


def pattern_prior(prior_a: Any, prior_b: Any, names: tuple[str, ...]) -> tuple[Dirichlet, Array]:
    """Return the prior of the pattern probabilities, and its parameters (2, Q)."""
    for argument, value in (("prior_a", prior_a), ("prior_b", prior_b)):
        if value is None:
            problem = f"must be a number, or {len(names)} numbers for {', '.join(names)}"
            raise InputError(argument, value, problem)
    with in_bmcos_words(wording.PATTERN_PRIOR):
        prior = Dirichlet(prior_a, treatment=prior_b)
        return prior, prior.resolve("phi", names)


def _normal(
    mean: ArrayLike | None, precision: ArrayLike | None, default: Normal, name: str, terms: Terms
) -> NormalPrior:
    mean = default.mean if mean is None else mean
    if precision is None:
        given = Normal(mean, covariance=default.covariance)
    else:
        given = Normal(mean, precision=precision)
    vector, covariance = given.resolve(name, terms.labels)
    if precision is None:
        matrix = np.linalg.inv(covariance)
    else:
        array = np.asarray(precision, dtype=float)
        matrix = array if array.ndim == 2 else np.diag(np.broadcast_to(array, len(terms.labels)))
    return NormalPrior(given, vector, covariance, matrix)


def _reordered(value: ArrayLike, source: NDArray[np.intp]) -> ArrayLike:
    """Return a number as it is, a vector or matrix with the entries at ``source``."""
    array = np.asarray(value, dtype=float)
    return array[np.ix_(*[source] * array.ndim)] if array.ndim else value
