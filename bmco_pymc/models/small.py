"""Products and inverses of small matrices as plain loops.

PyTensor's own go through BLAS and LAPACK. For a handful of rows that is no faster, and compiling
the calls takes longer than sampling does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch import basic as numba_basic
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key


def _product(a, b):  # type: ignore[no-untyped-def]
    """Return (B, n, k) @ (B, k, m); a batch of one is repeated."""
    blocks = max(a.shape[0], b.shape[0])
    n, inner, m = a.shape[1], a.shape[2], b.shape[2]
    out = np.empty((blocks, n, m))
    for block in range(blocks):
        left = a[block if a.shape[0] > 1 else 0]
        right = b[block if b.shape[0] > 1 else 0]
        for i in range(n):
            for j in range(m):
                s = 0.0
                for t in range(inner):
                    s += left[i, t] * right[t, j]
                out[block, i, j] = s
    return out


def _lower_inverse(a):  # type: ignore[no-untyped-def]
    """Return the inverse of each lower triangle in (B, d, d)."""
    blocks, d = a.shape[0], a.shape[1]
    out = np.zeros((blocks, d, d))
    for block in range(blocks):
        for j in range(d):
            out[block, j, j] = 1 / a[block, j, j]
            for i in range(j + 1, d):
                s = 0.0
                for t in range(j, i):
                    s += a[block, i, t] * out[block, t, j]
                out[block, i, j] = -s / a[block, i, i]
    return out


class Product(Op):
    """Batched matrix product, (B, n, k) @ (B, k, m) -> (B, n, m)."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        a, b = (pt.as_tensor_variable(x) for x in inputs)
        return Apply(self, [a, b], [pt.dtensor3()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        output_storage[0][0] = _product(*inputs)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        (a, n, _), (b, _, m) = shapes
        return [(pt.maximum(a, b), n, m)]

    def pullback(
        self, inputs: Sequence[Variable], outputs: Sequence[Variable], cotangents: Sequence[Any]
    ) -> list[Variable]:
        a, b = inputs
        (g,) = cotangents
        return [_fold(self(g, b.mT), a), _fold(self(a.mT, g), b)]


class LowerInverse(Op):
    """Inverse of each lower triangle, (B, d, d) -> (B, d, d)."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        (a,) = (pt.as_tensor_variable(x) for x in inputs)
        return Apply(self, [a], [pt.dtensor3()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        output_storage[0][0] = _lower_inverse(*inputs)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [shapes[0]]

    def pullback(
        self, inputs: Sequence[Variable], outputs: Sequence[Variable], cotangents: Sequence[Any]
    ) -> list[Variable]:
        turned = outputs[0].mT  # d(A^-1) = -A^-1 dA A^-1; what is above the diagonal is not read
        return [-Product()(Product()(turned, cotangents[0]), turned)]


@register_funcify_default_op_cache_key(Product)
def _compile_product(op: Product, node: Apply, **kwargs: Any) -> Callable[..., Any]:
    return numba_basic.numba_njit(_product)


@register_funcify_default_op_cache_key(LowerInverse)
def _compile_inverse(op: LowerInverse, node: Apply, **kwargs: Any) -> Callable[..., Any]:
    return numba_basic.numba_njit(_lower_inverse)


def _fold(gradient: Any, operand: Any) -> Any:
    """Sum over the batch where the operand was repeated."""
    single = operand.type.shape[0] == 1
    return gradient.sum(axis=0, keepdims=True) if single else gradient


def product(a: Any, b: Any) -> Any:
    """Return the matrix product of two matrices, or of two batches of them (B, ·, ·)."""
    if a.ndim == 2 and b.ndim == 2:
        return Product()(a[None], b[None])[0]
    return Product()(a if a.ndim == 3 else a[None], b if b.ndim == 3 else b[None])


def lower_inverse(a: Any) -> Any:
    """Return the inverse of each lower triangle in (B, d, d)."""
    return LowerInverse()(a)
