"""The numbers that one evaluation of the density works with, in one piece of memory.

Asking the system for each array on its own, and giving it back, would take longer than the
arithmetic on it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bmco_pymc.kernel.layout import Model
from bmco_pymc.kernel.memory import view

type Floats = NDArray[np.float64]


class Work(NamedTuple):
    """Views of that memory; names as in `density` and `centring`.

    A derivative by ``a`` is called ``d_a``. Where two views have the same numbers, one is for the
    likelihood, logit by logit, one (``block_``) for the blocks of deviations, and one (``all_``)
    has them in a row. ``inner`` are the deviations that the prior of Sigma is about; without
    contrasts, these are those of the logits.
    """

    coef: Floats
    block_coef: Floats
    all_coef: Floats
    d_coef: Floats
    d_block_coef: Floats
    all_d_coef: Floats
    u: Floats
    block_u: Floats
    d_u: Floats
    d_block_u: Floats
    inner: Floats
    d_inner: Floats
    zeta: Floats
    d_zeta: Floats
    f: Floats
    r: Floats
    K: Floats
    G: Floats
    roots: Floats
    d_roots: Floats
    partial: Floats


@njit(error_model="numpy", inline="always")
def n_zeros(model: Model) -> int:
    """Return how many numbers at the beginning must be zero before an evaluation."""
    L, M = model.statistic.shape
    B, d, J = model.off.shape
    apart = 2 if model.contrasts.size else 0
    return L * M + 2 * B * d * d + (1 + apart) * B * d * J


@njit(error_model="numpy", inline="always")
def work_size(model: Model) -> int:
    """Return how many numbers `workspace` needs."""
    L, M = model.statistic.shape
    B, d, J = model.off.shape
    below = d * (d - 1) // 2
    return n_zeros(model) + L * M + B * (2 * d * d + d * J * (5 + 2 * d) + 3 * below)


@njit(error_model="numpy", inline="always")
def workspace(memory: Floats, model: Model) -> Work:
    """Return views of a piece of memory; whoever calls holds it."""
    L, M = model.statistic.shape
    B, d, J = model.off.shape
    p, m = len(model.design_random), model.lin.shape[1]
    size, square = B * d * J, B * d * d
    # what must be zero: coef, d_roots, u and, where they are others, inner and d_inner
    d_roots = L * M
    u = d_roots + 2 * square
    d_coef = n_zeros(model)
    roots = d_coef + L * M
    d_u = roots + 2 * square
    K = d_u + 5 * size
    G = K + size * d
    partial, below = G + size * d, d * (d - 1) // 2
    inner, d_inner = (u + size, u + 2 * size) if model.contrasts.size else (u, d_u)
    return Work(
        coef=view(memory, 0, (L, M)),
        block_coef=view(memory, 0, (B, m)),
        all_coef=view(memory, 0, (L * M,)),
        d_coef=view(memory, d_coef, (L, M)),
        d_block_coef=view(memory, d_coef, (B, m)),
        all_d_coef=view(memory, d_coef, (L * M,)),
        u=view(memory, u, (L, p, J)),
        block_u=view(memory, u, (B, d, J)),
        d_u=view(memory, d_u, (L, p, J)),
        d_block_u=view(memory, d_u, (B, d, J)),
        inner=view(memory, inner, (B, d, J)),
        d_inner=view(memory, d_inner, (B, d, J)),
        zeta=view(memory, d_u + size, (B, d, J)),
        d_zeta=view(memory, d_u + 2 * size, (B, d, J)),
        f=view(memory, d_u + 3 * size, (B, d, J)),
        r=view(memory, d_u + 4 * size, (B, d, J)),
        K=view(memory, K, (size * d,)),
        G=view(memory, G, (size * d,)),
        roots=view(memory, roots, (2, B, d, d)),
        d_roots=view(memory, d_roots, (2, B, d, d)),
        partial=view(memory, partial, (B, 3, below)),
    )
