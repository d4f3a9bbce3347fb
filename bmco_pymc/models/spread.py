"""The prior of the clusters' covariance as numbers: hyperparameters, a basis of deviations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.models.geometry import principal
from bmco_pymc.priors import LKJ, Exponential, HalfNormal, HalfStudentT, InverseWishart

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spread:
    """What a prior of Sigma gives to the sampler.

    Attributes
    ----------
    basis : ndarray, shape (p, p)
        Deviations from the population mean are ``basis @ u``; the design of u is ``Z @ basis``.
    hyper : mapping of str to ndarray
        Hyperparameters by the names of their data containers.
    """

    basis: Array
    hyper: Mapping[str, Any]


def is_joint(prior: InverseWishart | LKJ) -> bool:
    """Whether one covariance spans the random coefficients of all logits."""
    return isinstance(prior, LKJ) and prior.joint


def spread_data(
    prior: InverseWishart | LKJ,
    random_terms: Sequence[str],
    design_random: Array | None = None,
    weight: NDArray[Any] | None = None,
) -> Spread:
    """Resolve a prior for the model's random terms.

    Parameters
    ----------
    prior : InverseWishart or LKJ
        The prior of Sigma.
    random_terms : sequence of str
        The p random terms.
    design_random : ndarray, shape (n, p), optional
        Z; with it, the basis of an inverse-Wishart is turned so that the data tell the components
        apart. With scale I in that basis, the distribution is the same in every direction.
    weight : ndarray, shape (n,), optional
        Sizes of the cells.

    Raises
    ------
    InputError
        If the prior's sizes do not fit.
    """
    p = len(random_terms)
    if isinstance(prior, InverseWishart):
        nu, scale = prior.resolve("Sigma", random_terms)
        basis = np.linalg.cholesky(scale)
        if design_random is not None and weight is not None:
            # the component that the data know best comes last: in Bartlett's decomposition
            # that leaves the entries of Sigma nearly independent a posteriori
            z = np.sqrt(weight)[:, None] * (design_random @ basis)
            basis = basis @ principal(z)[1][:, ::-1]
        return Spread(basis, {"bartlett_shape": (nu - np.arange(p)) / 2})
    match prior.sd:
        case HalfStudentT(degrees, sigma):
            sd = {"sd_nu": float(degrees), "sd_scale": float(sigma)}
        case HalfNormal(sigma):
            sd = {"sd_scale": float(sigma)}
        case Exponential(mean):
            sd = {"sd_scale": float(mean)}
    # LKJ with a prior of each SD is not the same in another basis: the prior's own stays
    hyper = {"eta": float(prior.eta), **sd} if p > 1 or prior.joint else sd
    return Spread(prior.resolve("Sigma", random_terms), hyper)


def kernel_prior(
    prior: InverseWishart | LKJ, hyper: Mapping[str, Any], d: int
) -> tuple[int, Array]:
    """Return the prior as `bmco_pymc.kernel.covariance` takes it: family and hyperparameters.

    Parameters
    ----------
    prior : InverseWishart or LKJ
    hyper : mapping
        The hyperparameters in the data containers, see `spread_data`.
    d : int
        Deviations in a block.
    """
    from bmco_pymc.kernel import covariance

    if isinstance(prior, InverseWishart):
        return covariance.INVERSE_WISHART, hyper["bartlett_shape"]
    match prior.sd:
        case HalfStudentT():
            family = covariance.HALF_STUDENT_T
        case HalfNormal():
            family = covariance.HALF_NORMAL
        case _:
            family = covariance.EXPONENTIAL
    scales = np.full(d, hyper["sd_scale"])
    return family, np.array([hyper.get("eta", 1.0), hyper.get("sd_nu", 1.0), *scales])
