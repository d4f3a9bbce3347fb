"""A trial with looks: the probability of stopping at each, exactly, over all paths of the counts.

The joint distribution of the counts of both groups is carried from look to look, without the paths
that have stopped. Counts that hardly occur are left out, which bounds the memory: of the 28 million
pairs of counts of 2 x 72 subjects and two outcomes, 6 million have all but 1e-10 of the mass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.trial.claims import at_least
from bmco_pymc.trial.counts import count_table
from bmco_pymc.trial.decided import ByOutcome, Counts, Exact
from bmco_pymc.trial.futility import Futile

Array = NDArray[np.float64]

LEFT_OUT = 1e-11  # of the probability, for a group and look
MOST = 40_000_000  # pairs of counts that are kept: 320 MB


@dataclass(frozen=True, eq=False)
class Look:
    """What happens at a look.

    Attributes
    ----------
    n : pair of int
        Subjects so far of the group that should be better and of the other.
    decided : Exact
        When the trial stops with success.
    futile : Futile or None
        When it is given up, where it has not succeeded.
    """

    n: tuple[int, int]
    decided: Exact
    futile: Futile | None = None


def stopping(looks: Sequence[Look], phi: Array) -> Array | None:
    """Return the probability of success and of futility at each look, shape (looks, 2).

    Parameters
    ----------
    looks : sequence of Look
    phi : ndarray, shape (2, Q)
        Pattern probabilities of the group that should be better and of the other.

    Returns
    -------
    ndarray or None
        None if there are too many counts to go through.
    """
    counted = looks[0].decided.counted
    kept: list[tuple[Counts, Counts]] = []
    for look in looks:
        one, other = (_likely(count_table(n, p, counted)) for n, p in zip(look.n, phi, strict=True))
        kept.append((one, other))
        if len(one) * len(other) > MOST:
            return None
    found = np.zeros((len(looks), 2))
    mass: Array = np.ones((1, 1))
    last = tuple(np.zeros((1, counted.shape[1]), dtype=np.intp) for _ in range(2))
    before = (0, 0)
    for place, (look, now) in enumerate(zip(looks, kept, strict=True)):
        more = [n - m for n, m in zip(look.n, before, strict=True)]
        added = [count_table(m, p, counted) for m, p in zip(more, phi, strict=True)]
        moved = mass @ _steps(added[1], last[1], now[1]).T  # (S, T) @ (T, T') -> (S, T')
        if place + 1 == len(looks):
            found[place, 0] = _succeeding(look.decided, added[0], last[0], now, moved)
            break
        mass = _steps(added[0], last[0], now[0]) @ moved  # (S', S) @ (S, T')
        met = look.decided.grid(*now)
        found[place, 0] = mass[met].sum()
        mass[met] = 0.0
        if look.futile is not None:
            given_up = look.futile.grid(*now)
            found[place, 1] = mass[given_up].sum()
            mass[given_up] = 0.0
        last, before = now, look.n
    return found


def _likely(table: Array) -> Counts:
    """Return the counts that have all but `LEFT_OUT` of the probability, shape (S, d)."""
    flat = np.sort(table.ravel())
    least = flat[np.searchsorted(np.cumsum(flat), LEFT_OUT)]
    return np.argwhere(table >= max(least, 1e-300))


def _steps(added: Array, last: Counts, now: Counts) -> Array:
    """Return the probability of each step, shape (S', S): from counts ``last`` to ``now``."""
    step = now[:, None] - last  # (S', S, d)
    inside = ((step >= 0) & (step < len(added))).all(axis=-1)
    step[~inside] = 0
    return np.where(inside, added[tuple(np.moveaxis(step, -1, 0))], 0.0)


def _succeeding(
    decided: Exact, added: Array, last: Counts, now: tuple[Counts, Counts], moved: Array
) -> float:
    """Return the probability of success at the last look.

    Parameters
    ----------
    decided : Exact
    added : ndarray
        The distribution of the counts that the group that should be better gains.
    last : ndarray, shape (S, d)
        Its counts before.
    now : pair of ndarray, shape (S', d) and (T', d)
        Counts of both at the look.
    moved : ndarray, shape (S, T')
        The mass, with the counts of the other group as they are at the look.
    """
    if not isinstance(decided, ByOutcome):
        met = decided.grid(*now).astype(float)  # (S', T')
        return float((moved * (_steps(added, last, now[0]).T @ met)).sum())
    # How many successes are still missing, so that the counts at the look need not be gone through.
    takes = np.stack([takes[now[1][:, k]] for k, takes in enumerate(decided.takes)], axis=-1)
    total = 0.0
    for row in decided.counted:
        size = int(row.sum())
        if size < decided.at_least:
            continue
        # P(at least m of K events) = Σ_j (−1)^(j−m) C(j−1, m−1) Σ_{|A|=j} P(all in A)
        sign = (-1) ** (size - decided.at_least) * comb(size - 1, decided.at_least - 1)
        among = np.flatnonzero(row)
        tail = at_least(added.sum(axis=tuple(np.flatnonzero(1 - row))))
        for rows in np.array_split(np.arange(len(last)), 1 + len(last) * len(takes) // 4_000_000):
            missing = takes[None, :, among] - last[rows][:, None, among]
            missing = np.clip(missing, 0, len(added))
            total += sign * float((moved[rows] * tail[tuple(np.moveaxis(missing, -1, 0))]).sum())
    return total
