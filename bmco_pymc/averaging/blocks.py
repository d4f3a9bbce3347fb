"""Work on many draws, in blocks that fit the cache and in a few threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

BLOCK = 2**18  # logits of one block of draws: arrays of 2 MB stay in the cache
MOST_THREADS = 8


def in_blocks(work: Callable[[slice], None], n_draws: int, per_draw: int) -> None:
    """Call ``work`` on blocks of draws, each writing to its own part of the result.

    Parameters
    ----------
    work : callable
        Takes a slice of the draws.
    n_draws : int
    per_draw : int
        Logits of one draw.
    """
    size = max(BLOCK // max(per_draw, 1), 1)
    threads = min(os.cpu_count() or 1, MOST_THREADS, max(2**25 // max(per_draw, 1), 1))
    size = min(size, max(n_draws // threads, 1))
    blocks = [slice(start, start + size) for start in range(0, n_draws, size)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, blocks))  # a list, so that errors are raised here
