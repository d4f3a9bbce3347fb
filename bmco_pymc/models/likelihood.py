"""The multinomial-logit log-likelihood as one PyTensor node, for the PyMC model.

A graph of the same sum is some twenty nodes, and compiling them costs far more than sampling does.
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

from bmco_pymc.kernel import SOURCE
from bmco_pymc.kernel.likelihood import statistics, subtract_norm


def _log_likelihood(  # type: ignore[no-untyped-def]
    coef,
    deviation,
    design,
    offset,
    design_random,
    start,
    total,
    partial_design,
    partial_offset,
    partial_random,
    partial_start,
    partial_total,
    agree,
    counts,
):
    """Return the value and its derivatives by coef (M, L) and deviation (L, p, J)."""
    by_logit = np.ascontiguousarray(coef.T)
    value, d_coef, d_deviation = statistics(counts, design, offset, design_random, start)
    for q in range(by_logit.shape[0]):
        for m in range(by_logit.shape[1]):
            value += by_logit[q, m] * d_coef[q, m]
        for k in range(deviation.shape[1]):
            for j in range(deviation.shape[2]):
                value += deviation[q, k, j] * d_deviation[q, k, j]
    all_patterns = np.zeros((0, 0))
    for part in range(2 if agree.size else 1):
        value += subtract_norm(
            by_logit,
            deviation,
            partial_design if part else design,
            partial_offset if part else offset,
            partial_random if part else design_random,
            partial_start if part else start,
            partial_total if part else total,
            agree if part else all_patterns,
            d_coef,
            d_deviation,
        )
    return np.array(value), np.ascontiguousarray(d_coef.T), d_deviation


class MultinomialLogit(Op):
    """Log-likelihood of the cells together with its gradient, which costs no second pass.

    Inputs are those of ``_log_likelihood``, see `bmco_pymc.kernel.likelihood`; outputs are the
    scalar log-likelihood and its derivatives by ``coef`` and ``deviation``.
    """

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        tensors = [pt.as_tensor_variable(x) for x in inputs]
        coef, deviation = tensors[:2]
        return Apply(self, tensors, [pt.dscalar(), coef.type(), deviation.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        arrays = map(np.ascontiguousarray, inputs)
        for storage, value in zip(output_storage, _log_likelihood(*arrays), strict=True):
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
def _compile(op: MultinomialLogit, node: Apply, **kwargs: Any) -> tuple[Callable[..., Any], int]:
    return numba_basic.numba_njit(_log_likelihood), SOURCE


def multinomial_logit(*inputs: Any) -> Any:
    """Return the scalar log-likelihood of the cells (a PyTensor variable)."""
    return MultinomialLogit()(*inputs)[0]
