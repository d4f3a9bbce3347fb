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
    likelihood, logit by logit, and one (``block_``) for the blocks of deviations.
    """

    coef: Floats
    block_coef: Floats
    d_coef: Floats
    d_block_coef: Floats
    u: Floats
    block_u: Floats
    d_u: Floats
    d_block_u: Floats
    zeta: Floats
    d_zeta: Floats
    f: Floats
    r: Floats
    K: Floats
    own: Floats
    d_own: Floats
    roots: Floats
    d_roots: Floats


@njit(error_model="numpy", inline="always")
def work_size(model: Model) -> int:
    """Return how many numbers `workspace` needs."""
    L, M = model.statistic.shape
    B, d, J = model.off.shape
    return 2 * L * M + B * d * (J * (6 + d) + 6 * d)


@njit(error_model="numpy", inline="always")
def workspace(memory: Floats, model: Model) -> Work:
    """Return views of a piece of memory; whoever calls holds it."""
    L, M = model.statistic.shape
    B, d, J = model.off.shape
    p, m = len(model.design_random), model.lin.shape[2]
    d_coef = L * M
    u = 2 * L * M
    size = B * d * J
    K = u + 6 * size
    own = K + size * d
    square = B * d * d
    return Work(
        coef=view(memory, 0, (L, M)),
        block_coef=view(memory, 0, (B, m)),
        d_coef=view(memory, d_coef, (L, M)),
        d_block_coef=view(memory, d_coef, (B, m)),
        u=view(memory, u, (L, p, J)),
        block_u=view(memory, u, (B, d, J)),
        d_u=view(memory, u + size, (L, p, J)),
        d_block_u=view(memory, u + size, (B, d, J)),
        zeta=view(memory, u + 2 * size, (B, d, J)),
        d_zeta=view(memory, u + 3 * size, (B, d, J)),
        f=view(memory, u + 4 * size, (B, d, J)),
        r=view(memory, u + 5 * size, (B, d, J)),
        K=view(memory, K, (B, d, d, J)),
        own=view(memory, own, (B, d, d)),
        d_own=view(memory, own + square, (B, d, d)),
        roots=view(memory, own + 2 * square, (2, B, d, d)),
        d_roots=view(memory, own + 4 * square, (2, B, d, d)),
    )
