"""Priors of the clusters' covariance as PyMC variables: a root R with R R' the covariance.

Both are made of independent variables that have their exact prior, so that forward sampling from
the model is sampling from the prior.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.transforms import Transform

from bmco_pymc.models.small import lower_inverse, product
from bmco_pymc.priors.priors import LKJ, HalfNormal, HalfStudentT, InverseWishart


def root(prior: InverseWishart | LKJ, data: Mapping[str, Any], blocks: int, d: int) -> Any:
    """Return R, shape (blocks, d, d), in the basis of the deviations."""
    if isinstance(prior, InverseWishart):
        return inverse_wishart(data, blocks, d)
    return lkj(prior, data, blocks, d)


def inverse_wishart(hyper: Mapping[str, Any], blocks: int, d: int) -> Any:
    """Return R (blocks, d, d) with R R' ~ InverseWishart(nu, T), from Bartlett's decomposition.

    R = C A'^-1 for T = C C' and the lower triangular A with A A' ~ Wishart(nu, I): squared
    diagonal entries are chi-square with nu, nu - 1, ... degrees of freedom, the rest is standard
    normal (Bartlett 1933, 10.1017/S0370164600015145); nu need not be whole.
    """
    squares = pm.Gamma("bartlett_diagonal", hyper["bartlett_shape"], 0.5, shape=(blocks, d))
    if d == 1:
        return hyper["scale_root"][0, 0] / pt.sqrt(squares)[:, :, None]
    below = pm.Normal("bartlett_below", 0, 1, shape=(blocks, d * (d - 1) // 2))
    A = _lower(pt.concatenate([pt.sqrt(squares), below], axis=1), d)
    return product(hyper["scale_root"], lower_inverse(A).mT)


def lkj(prior: LKJ, hyper: Mapping[str, Any], blocks: int, d: int) -> Any:
    """Return R = D chol(correlation), shape (blocks, d, d), with an LKJ(eta) correlation.

    The correlations come from independent canonical partial correlations, Beta distributed on
    (-1, 1) (Lewandowski, Kurowicka & Joe 2009, 10.1016/j.jmva.2009.04.008), so that any number
    of blocks is one array.
    """
    scale = hyper["sd_scale"]
    how: dict[str, Any] = {"shape": (blocks, d), "default_transform": BentLog(scale)}
    match prior.sd:
        case HalfStudentT():
            sd = pm.HalfStudentT("sd", nu=hyper["sd_nu"], sigma=scale, **how)
        case HalfNormal():
            sd = pm.HalfNormal("sd", scale, **how)
        case _:
            sd = pm.Exponential("sd", scale=scale, **how)
    if d == 1:
        return sd[:, :, None]
    rows, columns = np.tril_indices(d, -1)
    beta = hyper["eta"] + (d - 2 - columns) / 2
    partial = 2 * pm.Beta("partial", beta, beta, shape=(blocks, len(rows))) - 1
    left = pt.log1p(-(partial**2)) / 2  # what a partial correlation leaves to those after it
    left = _lower(pt.concatenate([pt.zeros((blocks, d)), left], axis=1), d)
    before = pt.cumsum(left, axis=2) - left  # each row: of the columns to the left
    factor = _lower(pt.concatenate([pt.ones((blocks, d)), partial], axis=1), d) * pt.exp(before)
    return sd[:, :, None] * factor


class BentLog(Transform):
    """SD -> t, with SD = scale exp h(t); see `bmco_pymc.kernel.covariance` for h and the reason."""

    name = "bent"

    def __init__(self, scale: Any) -> None:
        self.scale = scale

    def backward(self, value: Any, *inputs: Any) -> Any:
        """Return the SD."""
        return self.scale * pt.exp(_bent(value))

    def forward(self, value: Any, *inputs: Any) -> Any:
        """Return t, by Newton's method, which cannot overshoot: h is concave."""
        target = pt.log(value / self.scale)
        t = pt.switch(target < 0, -pt.sqrt(abs(target)), target)
        for _ in range(8):
            t = t - (_bent(t) - target) / _bent_slope(t)
        return t

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Return the logarithm of the derivative of the SD by t."""
        return pt.log(self.scale) + _bent(value) + pt.log(_bent_slope(value))


def _bent(t: Any) -> Any:
    """Return h(t)."""
    return t + (t * pt.sqrt(1 + t**2) + pt.arcsinh(t) - t**2) / 2


def _bent_slope(t: Any) -> Any:
    """Return the derivative of h."""
    return 1 + pt.sqrt(1 + t**2) - t


def _lower(entries: Any, d: int) -> Any:
    """Arrange (blocks, d + d (d - 1) / 2) entries, the diagonal first, as lower triangles."""
    place = np.full((d, d), d * (d + 1) // 2)
    place[np.diag_indices(d)] = np.arange(d)
    place[np.tril_indices(d, -1)] = d + np.arange(d * (d - 1) // 2)
    padded = pt.concatenate([entries, pt.zeros((entries.shape[0], 1))], axis=1)
    return padded[:, place.ravel()].reshape((entries.shape[0], d, d))
