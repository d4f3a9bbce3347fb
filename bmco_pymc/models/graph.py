"""The PyMC pieces that the regressions are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bmco_pymc.models.centring import DataCentring
from bmco_pymc.models.likelihood import multinomial_logit
from bmco_pymc.models.small import product


def containers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Register every array as ``pm.Data``, so that it can change without a new compilation."""
    return {name: pm.Data(name, value) for name, value in values.items()}


def coefficients(data: Mapping[str, Any], shape: tuple[int, int]) -> tuple[Any, Any]:
    """Return the coefficients (M, L) in the sampling basis and on the raw scale."""
    white = pm.Normal("white", 0, data["basis_scale"], shape=shape)
    if "basis_mixing" in data:
        inner = product(data["basis_mixing"], white.reshape((-1, 1))).reshape(shape[::-1]).T
        return inner, data["prior_mean"][:, None] + product(data["basis_terms"], inner)
    inner = product(white / data["basis_scale"], data["basis_logits"].mT)
    return inner, data["prior_mean"][:, None] + product(data["basis_terms"], inner)


def deviations(data: Mapping[str, Any], inner: Any, root: Any, shape: tuple[int, int, int]) -> Any:
    """Return the clusters' deviations R zeta, shape (B, d, J), with zeta ~ N(0, I)."""
    blocks = shape[0]
    coef = inner.T.reshape((blocks, -1))  # logit by logit, as the clusters' information is
    zeta = pm.CustomDist(
        "zeta",
        coef,
        root,
        data["info"],
        data["lin"],
        data["off"],
        logp=_standard_normal_logp,
        random=_standard_normal_random,
        signature="(b,m),(b,d,d),(b,d,d,j),(b,d,m,j),(b,d,j)->(b,d,j)",
        transform=DataCentring(),
    )
    return product(root, zeta)  # (B, d, d) @ (B, d, J)


def observe(data: Mapping[str, Any], inner: Any, deviation: Any, n_logits: int) -> None:
    """Tie the linear predictors to the observed pattern counts.

    Drawn anew, the counts are of all subjects, with all outcomes.
    """
    pm.CustomDist(
        "counts",
        inner,
        deviation,
        data["design"],
        data["offset"],
        data["design_random"],
        data["cluster_start"],
        data["total"],
        *_partial(data),
        np.arange(n_logits + 1),
        logp=_counts_logp,
        random=_counts_random,
        signature="(m,l),(l,p,j),(m,n),(n),(p,n),(s),(n),(m,e),(e),(p,e),(s),(e),(a,e),(q)->(n,q)",
        observed=data["observed"],
    )


def _partial(data: Mapping[str, Any]) -> list[Any]:
    """Return the data of the subjects observed in part, of none where there are none."""
    if "agree" in data:
        names = ("design", "offset", "random", "start", "total")
        return [*(data[f"partial_{name}"] for name in names), data["agree"]]
    M, p, starts = (data[n].shape[0] for n in ("design", "design_random", "cluster_start"))
    return [pt.zeros(shape) for shape in ((M, 0), (0,), (p, 0), (starts,), (0,), (0, 0))]


def _standard_normal_logp(value: Any, *params: Any) -> Any:
    return -(value**2).sum() / 2 - value.size * np.log(2 * np.pi) / 2


def _standard_normal_random(*params: Any, rng: Any = None, size: Any = None) -> Any:
    return rng.standard_normal(params[-1].shape)


def _counts_logp(value: Any, *params: Any) -> Any:
    return multinomial_logit(*params[:13], value)


def _counts_random(
    inner: Any,
    deviation: Any,
    design: Any,
    offset: Any,
    design_random: Any,
    start: Any,
    total: Any,
    *rest: Any,
    rng: Any = None,
    size: Any = None,
) -> Any:
    cluster = np.repeat(np.arange(len(start) - 1), np.diff(start).astype(int))
    eta = offset[:, None] + design.T @ inner
    eta = eta + np.einsum("pn,lpn->nl", design_random, deviation[:, :, cluster])
    eta = np.column_stack([eta, np.zeros(len(eta))])
    phi = np.exp(eta - eta.max(axis=1, keepdims=True))
    phi /= phi.sum(axis=1, keepdims=True)
    return rng.multinomial(total.astype(int), phi).astype(float)


def no_deviation(n_logits: int) -> Any:
    """Return the deviations of a model without clusters: one cluster, no random term."""
    return pt.zeros((n_logits, 0, 1))
