"""Cluster deviations without a funnel: each cluster's parameters are centred by its own data.

The deviations of a cluster are u = R zeta with zeta ~ N(0, I) and R R' their covariance. Sampling
zeta ("non-centred") is bad for clusters with much data, sampling u ("centred") for clusters with
little, and a study has both kinds. Here the sampler sees instead

    epsilon = K' zeta - K^-1 R'(h - H a),        K K' = I + R' B R    (Cholesky),

where B is the information that the cluster's data hold on u, and h - H a their score at u = 0 for
coefficients a, both taken from a quadratic approximation of the cluster's log-likelihood at a
pooled fit. Were that approximation exact, epsilon would be standard normal whatever a and R are.
It need not be exact: the density is the model's own, times the Jacobian |K|^-1 of epsilon -> zeta.

The idea is the partial, data-based centring of Christensen, Roberts & Sköld (2006,
10.1198/106186006X100470), with a full matrix for each cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.logprob.transforms import Transform
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch import basic as numba_basic
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from bmco_pymc.kernel import SOURCE
from bmco_pymc.kernel import centring as kernel
from bmco_pymc.kernel.centring import FULL

# For the shapes see bmco_pymc.kernel.centring.


def _centre(epsilon, coef, root, info, lin, off):  # type: ignore[no-untyped-def]
    """Return zeta (B, d, J) and the log Jacobian -sum log K_ii."""
    zeta, f, r = np.empty(off.shape), np.empty(off.shape), np.empty(off.shape)
    K, G = np.empty(info.shape), np.empty(info.shape)
    kernel.score(coef, lin, off, r)
    value = kernel.centre(epsilon, r, root, info, zeta, K, G, f, FULL, 0, off.shape[2])
    return zeta, np.array(value)


def _centre_pullback(epsilon, coef, root, info, lin, off, d_zeta, d_log):  # type: ignore[no-untyped-def]
    """Return the derivatives with respect to epsilon, coef and root, given those of the outputs."""
    zeta, f, r = np.empty(off.shape), np.empty(off.shape), np.empty(off.shape)
    K, G = np.empty(info.shape), np.empty(info.shape)
    J, g = off.shape[2], float(d_log.item())
    kernel.score(coef, lin, off, r)
    kernel.centre(epsilon, r, root, info, zeta, K, G, f, FULL, 0, J)
    d_epsilon, d_coef, d_root = zeta, np.zeros(coef.shape), np.zeros(root.shape)
    kernel.pullback(epsilon, K, G, f, r, root, info, d_zeta, g, d_epsilon, d_root, FULL, 0, J)
    kernel.score_pullback(r, lin, d_coef)
    return d_epsilon, d_coef, d_root


def _uncentre(zeta, coef, root, info, lin, off):  # type: ignore[no-untyped-def]
    """Return epsilon (B, d, J); only the starting point of a sampler asks for it."""
    identity = np.eye(root.shape[-1])
    P = identity + root.transpose(0, 2, 1) @ np.moveaxis(info, -1, 0) @ root  # (J, B, d, d)
    K = np.linalg.cholesky(P)
    score = off - np.einsum("bmdj,bm->bdj", lin, coef)
    right = np.einsum("bxd,bxj->jbd", root, score)[..., None]
    around = np.linalg.solve(K, right)[..., 0]  # (J, B, d)
    return np.einsum("jbxd,bxj->bdj", K, zeta) - np.moveaxis(around, 0, -1)


class Centre(Op):
    """(epsilon, coef, root, info, lin, off) -> (zeta, log Jacobian)."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        tensors = [pt.as_tensor_variable(x) for x in inputs]
        return Apply(self, tensors, [tensors[0].type(), pt.dscalar()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        output_storage[0][0], output_storage[1][0] = _centre(*map(np.ascontiguousarray, inputs))

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [shapes[0], ()]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[k < 3, k == 2] for k in range(6)]

    def pullback(
        self, inputs: Sequence[Variable], outputs: Sequence[Variable], cotangents: Sequence[Any]
    ) -> list[Variable]:
        d_zeta, d_log = (
            out.zeros_like() if isinstance(c.type, DisconnectedType) else c
            for c, out in zip(cotangents, outputs, strict=True)
        )
        grads = CentrePullback()(*inputs, d_zeta, d_log)
        if isinstance(cotangents[0].type, DisconnectedType):  # the Jacobian depends on root alone
            grads = [DisconnectedType()(), DisconnectedType()(), grads[2]]
        return [*grads, *(DisconnectedType()() for _ in range(3))]


class CentrePullback(Op):
    """(epsilon, coef, root, info, lin, off, d_zeta, d_log) -> (d_epsilon, d_coef, d_root)."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        tensors = [pt.as_tensor_variable(x) for x in inputs]
        return Apply(self, tensors, [t.type() for t in tensors[:3]])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        arrays = map(np.ascontiguousarray, inputs)
        for storage, value in zip(output_storage, _centre_pullback(*arrays), strict=True):
            storage[0] = value

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return list(shapes[:3])


class Uncentre(Op):
    """(zeta, coef, root, info, lin, off) -> epsilon, without a gradient."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        tensors = [pt.as_tensor_variable(x) for x in inputs]
        return Apply(self, tensors, [tensors[0].type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        output_storage[0][0] = _uncentre(*inputs)


@register_funcify_default_op_cache_key(Centre)
def _compile_centre(op: Centre, node: Apply, **kwargs: Any) -> tuple[Callable[..., Any], int]:
    return numba_basic.numba_njit(_centre), SOURCE


@register_funcify_default_op_cache_key(CentrePullback)
def _compile_pullback(
    op: CentrePullback, node: Apply, **kwargs: Any
) -> tuple[Callable[..., Any], int]:
    return numba_basic.numba_njit(_centre_pullback), SOURCE


class DataCentring(Transform):
    """The PyMC transform epsilon -> zeta; its inputs are the parameters of the random variable."""

    name = "centred"

    def backward(self, value: Any, *inputs: Any) -> Any:
        """Return zeta for the sampler's epsilon."""
        return Centre()(value, *inputs[-5:])[0]

    def forward(self, value: Any, *inputs: Any) -> Any:
        """Return epsilon for zeta."""
        return Uncentre()(value, *inputs[-5:])

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Return the log Jacobian determinant of epsilon -> zeta."""
        return Centre()(value, *inputs[-5:])[1]
