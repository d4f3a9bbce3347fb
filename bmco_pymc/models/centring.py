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

# Shapes: J clusters; B blocks of d deviations (one block a logit with d = p, or one block of all
# logits with d = L p); m coefficients that enter the score of a block.
#   epsilon, zeta (J, B, d)   coef (B, m)   root R (B, d, d)
#   info (J, B, d, d)         lin H (J, B, d, m)   off h (J, B, d)


def _centre(epsilon, coef, root, info, lin, off):  # type: ignore[no-untyped-def]
    """Return zeta (J, B, d) and the log Jacobian -sum log K_ii."""
    J, B, d = epsilon.shape
    zeta = np.empty(epsilon.shape)
    log_jacobian = 0.0
    K = np.empty((d, d))
    G = np.empty((d, d))
    e = np.empty(d)
    for j in range(J):
        for b in range(B):
            R = root[b]
            for x in range(d):  # G = info R
                for y in range(d):
                    s = 0.0
                    for t in range(d):
                        s += info[j, b, x, t] * R[t, y]
                    G[x, y] = s
            for x in range(d):  # K K' = I + R' G, row by row
                for y in range(x + 1):
                    s = 1.0 if x == y else 0.0
                    for t in range(d):
                        s += R[t, x] * G[t, y]
                    for t in range(y):
                        s -= K[x, t] * K[y, t]
                    K[x, y] = np.sqrt(s) if x == y else s / K[y, y]
                log_jacobian -= np.log(K[x, x])
            for x in range(d):  # e = K^-1 R'(h - H a) + epsilon
                s = 0.0
                for t in range(d):
                    r = off[j, b, t]
                    for m in range(lin.shape[3]):
                        r -= lin[j, b, t, m] * coef[b, m]
                    s += R[t, x] * r
                for t in range(x):
                    s -= K[x, t] * e[t]
                e[x] = s / K[x, x]
            for x in range(d):
                e[x] += epsilon[j, b, x]
            for x in range(d - 1, -1, -1):  # zeta = K'^-1 e
                s = e[x]
                for t in range(x + 1, d):
                    s -= K[t, x] * zeta[j, b, t]
                zeta[j, b, x] = s / K[x, x]
    return zeta, np.array(log_jacobian)


def _centre_pullback(zeta, coef, root, info, lin, off, d_zeta, d_log):  # type: ignore[no-untyped-def]
    """Return the derivatives with respect to epsilon, coef and root, given those of the outputs.

    The adjoint of the Cholesky factor is Murray's (2016, arXiv:1602.07527, equation 10).
    """
    J, B, d = zeta.shape
    M = lin.shape[3]
    d_epsilon = np.empty(zeta.shape)
    d_coef = np.zeros(coef.shape)
    d_root = np.zeros(root.shape)
    K = np.empty((d, d))
    G = np.empty((d, d))
    S = np.empty((d, d))
    r = np.empty(d)
    w = np.empty(d)
    f = np.empty(d)
    for j in range(J):
        for b in range(B):
            R = root[b]
            for x in range(d):
                for y in range(d):
                    s = 0.0
                    for t in range(d):
                        s += info[j, b, x, t] * R[t, y]
                    G[x, y] = s
            for x in range(d):
                for y in range(x + 1):
                    s = 1.0 if x == y else 0.0
                    for t in range(d):
                        s += R[t, x] * G[t, y]
                    for t in range(y):
                        s -= K[x, t] * K[y, t]
                    K[x, y] = np.sqrt(s) if x == y else s / K[y, y]
            for x in range(d):
                s = off[j, b, x]
                for m in range(M):
                    s -= lin[j, b, x, m] * coef[b, m]
                r[x] = s
            for x in range(d):  # f = K^-1 R'r, and d_epsilon = K^-1 d_zeta
                s = 0.0
                for t in range(d):
                    s += R[t, x] * r[t]
                v = d_zeta[j, b, x]
                for t in range(x):
                    s -= K[x, t] * f[t]
                    v -= K[x, t] * d_epsilon[j, b, t]
                f[x] = s / K[x, x]
                d_epsilon[j, b, x] = v / K[x, x]
            for x in range(d - 1, -1, -1):  # w = K'^-1 d_epsilon, the derivative of R'r
                s = d_epsilon[j, b, x]
                for t in range(x + 1, d):
                    s -= K[t, x] * w[t]
                w[x] = s / K[x, x]
            # S = K' dK (lower triangle, diagonal halved), dK = -zeta d_epsilon' - w f' - d_log/K_ii
            for x in range(d):
                for y in range(x + 1):
                    s = 0.0
                    for t in range(x, d):
                        s -= K[t, x] * (zeta[j, b, t] * d_epsilon[j, b, y] + w[t] * f[y])
                    if x == y:
                        s = 0.5 * (s - d_log)
                    S[x, y] = s
            for x in range(d):  # symmetric part
                for y in range(x):
                    S[x, y] *= 0.5
                    S[y, x] = S[x, y]
            for y in range(d):  # S <- K'^-1 S K^-1, the derivative of I + R'BR
                for x in range(d - 1, -1, -1):
                    s = S[x, y]
                    for t in range(x + 1, d):
                        s -= K[t, x] * S[t, y]
                    S[x, y] = s / K[x, x]
            for x in range(d):
                for y in range(d - 1, -1, -1):
                    s = S[x, y]
                    for t in range(y + 1, d):
                        s -= S[x, t] * K[t, y]
                    S[x, y] = s / K[y, y]
            for x in range(d):  # R'r and R'BR both depend on R
                for y in range(d):
                    s = r[x] * w[y]
                    for t in range(d):
                        s += 2.0 * G[x, t] * S[t, y]
                    d_root[b, x, y] += s
            for x in range(d):
                s = 0.0
                for t in range(d):
                    s += R[x, t] * w[t]
                for m in range(M):
                    d_coef[b, m] -= lin[j, b, x, m] * s
    return d_epsilon, d_coef, d_root


def _uncentre(zeta, coef, root, info, lin, off):  # type: ignore[no-untyped-def]
    """Return epsilon (J, B, d); only the starting point of a sampler asks for it."""
    identity = np.eye(root.shape[-1])
    P = identity + root.transpose(0, 2, 1) @ info @ root  # (J, B, d, d)
    K = np.linalg.cholesky(P)
    score = off - np.einsum("jbdm,bm->jbd", lin, coef)
    right = np.einsum("bxd,jbx->jbd", root, score)[..., None]
    return np.einsum("jbxd,jbx->jbd", K, zeta) - np.linalg.solve(K, right)[..., 0]


class Centre(Op):
    """(epsilon, coef, root, info, lin, off) -> (zeta, log Jacobian)."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        tensors = [pt.as_tensor_variable(x) for x in inputs]
        return Apply(self, tensors, [tensors[0].type(), pt.dscalar()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        output_storage[0][0], output_storage[1][0] = _centre(*inputs)

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
        grads = CentrePullback()(outputs[0], *inputs[1:], d_zeta, d_log)
        if isinstance(cotangents[0].type, DisconnectedType):  # the Jacobian depends on root alone
            grads = [DisconnectedType()(), DisconnectedType()(), grads[2]]
        return [*grads, *(DisconnectedType()() for _ in range(3))]


class CentrePullback(Op):
    """(zeta, coef, root, info, lin, off, d_zeta, d_log) -> (d_epsilon, d_coef, d_root)."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        tensors = [pt.as_tensor_variable(x) for x in inputs]
        return Apply(self, tensors, [t.type() for t in tensors[:3]])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        for storage, value in zip(output_storage, _centre_pullback(*inputs), strict=True):
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
def _compile_centre(op: Centre, node: Apply, **kwargs: Any) -> Callable[..., Any]:
    return numba_basic.numba_njit(_centre)


@register_funcify_default_op_cache_key(CentrePullback)
def _compile_pullback(op: CentrePullback, node: Apply, **kwargs: Any) -> Callable[..., Any]:
    return numba_basic.numba_njit(_centre_pullback)


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
