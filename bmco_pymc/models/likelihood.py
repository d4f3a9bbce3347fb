"""The multinomial-logit log-likelihood of the cells: value and gradient in one pass over the data.

For cell i in cluster j, with row w of the design in the sampling basis, row z of the random terms
and pattern counts y, the linear predictor of logit q is

    eta_iq = offset_i + w'a_q + z'u_jq,        log L = sum_i sum_q y_iq log softmax([eta_i, 0])_q.

A PyTensor graph of the same sum is some twenty nodes, and compiling them costs far more than
sampling does; here it is one node whose numba code serves every number of outcomes, terms and
clusters, with every array an input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch import basic as numba_basic
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key


def _loglik(
    coef: np.ndarray,  # (M, L) coefficients in the sampling basis
    deviation: np.ndarray,  # (J, L, p) deviations of the clusters; p = 0 without clusters
    design: np.ndarray,  # (n, M)
    offset: np.ndarray,  # (n,)
    design_random: np.ndarray,  # (n, p)
    cluster: np.ndarray,  # (n,) int64
    counts: np.ndarray,  # (n, L + 1), the reference pattern last
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, M = design.shape
    L = coef.shape[1]
    p = design_random.shape[1]
    value = 0.0
    d_coef = np.zeros((M, L))
    d_deviation = np.zeros(deviation.shape)
    eta = np.empty(L)
    for i in range(n):
        j = cluster[i]
        top = 0.0  # the reference logit is zero, so the largest logit is never below it
        for q in range(L):
            e = offset[i]
            for m in range(M):
                e += design[i, m] * coef[m, q]
            for k in range(p):
                e += design_random[i, k] * deviation[j, q, k]
            eta[q] = e
            top = max(top, e)
        norm = np.exp(-top)
        total = counts[i, L]
        hit = 0.0
        for q in range(L):
            hit += counts[i, q] * eta[q]
            total += counts[i, q]
            eta[q] = np.exp(eta[q] - top)
            norm += eta[q]
        value += hit - total * (top + np.log(norm))
        for q in range(L):
            g = counts[i, q] - total * eta[q] / norm
            for m in range(M):
                d_coef[m, q] += design[i, m] * g
            for k in range(p):
                d_deviation[j, q, k] += design_random[i, k] * g
    return np.array(value), d_coef, d_deviation


class MultinomialLogit(Op):
    """Log-likelihood of the cells together with its gradient.

    Inputs are those of ``_loglik``; outputs are the scalar log-likelihood and its derivatives with
    respect to ``coef`` and ``deviation``, so that the gradient costs no second pass.
    """

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        tensors = [pt.as_tensor_variable(x) for x in inputs]
        coef, deviation = tensors[:2]
        return Apply(self, tensors, [pt.dscalar(), coef.type(), deviation.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        for storage, value in zip(output_storage, _loglik(*inputs), strict=True):
            storage[0] = value

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [(), shapes[0], shapes[1]]

    def pullback(
        self, inputs: Sequence[Variable], outputs: Sequence[Variable], cotangents: Sequence[Any]
    ) -> list[Variable]:
        g = cotangents[0]  # only the value is ever differentiated
        return [g * outputs[1], g * outputs[2], *(DisconnectedType()() for _ in inputs[2:])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[k < 2, False, False] for k in range(len(node.inputs))]


@register_funcify_default_op_cache_key(MultinomialLogit)
def _compile(op: MultinomialLogit, node: Apply, **kwargs: Any) -> Callable[..., Any]:
    return numba_basic.numba_njit(_loglik)


def multinomial_logit(*inputs: Any) -> Any:
    """Return the scalar log-likelihood of the cells (a PyTensor variable)."""
    return MultinomialLogit()(*inputs)[0]
