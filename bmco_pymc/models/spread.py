"""The prior of the clusters' covariance as numbers: hyperparameters, a basis of deviations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.data.cells import Cells
from bmco_pymc.models.geometry import principal
from bmco_pymc.priors.priors import LKJ, Exponential, HalfNormal, HalfStudentT, InverseWishart

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
    cells: Cells | None = None,
) -> Spread:
    """Resolve a prior for the model's random terms.

    Parameters
    ----------
    prior : InverseWishart or LKJ
        The prior of Sigma.
    random_terms : sequence of str
        The p random terms.
    design_random : ndarray, shape (n, p), optional
        Z; with it, the basis of an inverse-Wishart is one in which the data know the variances.
    cells : Cells, optional
        The analysed sample.

    Raises
    ------
    InputError
        If the prior's sizes do not fit.
    """
    p = len(random_terms)
    if isinstance(prior, InverseWishart):
        nu, scale = prior.resolve("Sigma", random_terms)
        directions = np.linalg.inv(np.linalg.cholesky(scale))  # T = I there
        if cells is not None and design_random is not None:
            directions = known_directions(design_random, np.linalg.cholesky(scale), cells)
        inner = directions @ scale @ directions.T
        apart = not np.allclose(inner, np.eye(p), atol=1e-9)
        scale_root = np.linalg.cholesky((inner + inner.T) / 2) if apart else np.eye(p)
        hyper: dict[str, Any] = {
            "bartlett_shape": (nu - np.arange(p)) / 2,
            "scale_root": scale_root,
        }
        return Spread(np.linalg.inv(directions), hyper)
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


def known_directions(design_random: Array, root: Array, cells: Cells) -> Array:
    """Return directions (p, p), a row each: the data know the variance of each row @ deviation.

    These are the principal directions of the design, in the prior's units. But where each cluster
    holds one group only and the group's coefficient is random, the data know the variance in the
    one group and that in the other, not how the two go together: then these are the control's
    direction and the treatment's (for two random terms; with more, the principal ones are taken).
    """

    def best(rows: NDArray[np.bool_]) -> Array:
        z = np.sqrt(cells.weight[rows])[:, None] * (design_random[rows] @ root)
        sizes, turn = principal(z)
        return turn.T[::-1][(sizes > 1e-9 * sizes[0])[::-1]]  # the best known last

    p = design_random.shape[1]
    found = best(np.ones(len(cells), dtype=bool))
    if cells.one_group_clusters and len(found) == p == 2:
        control, treatment = best(cells.arm == 0), best(cells.arm == 1)
        if len(control) == len(treatment) == 1:
            found = np.vstack([control, treatment])
    rest = principal(found)[1].T[len(found) :]  # what no data speak of
    return np.vstack([rest, found]) @ np.linalg.inv(root)


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
        scale_root = hyper["scale_root"]
        if np.array_equal(scale_root, np.eye(d)):
            return covariance.BARTLETT, hyper["bartlett_shape"]
        return covariance.SPLIT, np.array([2 * hyper["bartlett_shape"][0], 0, *scale_root.ravel()])
    match prior.sd:
        case HalfStudentT():
            family = covariance.HALF_STUDENT_T
        case HalfNormal():
            family = covariance.HALF_NORMAL
        case _:
            family = covariance.EXPONENTIAL
    scales = np.full(d, hyper["sd_scale"])
    return family, np.array([hyper.get("eta", 1.0), hyper.get("sd_nu", 1.0), *scales])
