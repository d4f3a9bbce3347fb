"""The kinds of subjects that a weighted sum tells apart, and all that a group can show of them.

Patterns with the same score count as one kind of subject, so what a group has shown is how many
subjects it has of each kind: a state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Kinds:
    """The kinds of subjects that a rule tells apart, by the score of their pattern.

    Attributes
    ----------
    scores : ndarray, shape (r,)
        Distinct, from the highest to the lowest; at least two.
    members : ndarray of 0 and 1, shape (Q, r)
        Which patterns are of each kind.
    """

    scores: Array
    members: NDArray[np.int8]

    @classmethod
    def of(cls, scores: ArrayLike) -> Kinds:
        """Return the kinds for the scores of the patterns, shape (Q,).

        Examples
        --------
        >>> Kinds.of([1, 0.5, 0.5, 0]).members.tolist()
        [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]
        """
        given = np.asarray(scores, dtype=float)
        order = np.argsort(-given, kind="stable")
        new = np.diff(-given[order], prepend=-np.inf) > 1e-12 * np.ptp(given)  # but for rounding
        kind = np.empty(len(given), dtype=int)
        kind[order] = np.cumsum(new) - 1
        members = (kind[:, None] == np.arange(new.sum())).astype(np.int8)
        return cls(given[order][new], members)

    @property
    def counted(self) -> NDArray[np.int8]:
        """All kinds but the last, whose number is what is left: shape (Q, r − 1)."""
        return self.members[:, :-1]

    def states(self, n: int) -> NDArray[np.int64]:
        """Return all ways to distribute n subjects over the kinds, shape (S, r).

        Examples
        --------
        >>> Kinds.of([1, 0.5, 0.5, 0]).states(1).tolist()
        [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
        """
        return states(n, len(self.scores))


def states(n: int, kinds: int) -> NDArray[np.int64]:
    """Return all ways to distribute n subjects over some kinds, shape (S, kinds)."""
    half = kinds // 2
    parts = [
        np.hstack([np.repeat(a, len(b), axis=0), np.tile(b, (len(a), 1))])
        for a, b in halves(n, half, kinds - half)
    ]
    return np.concatenate(parts)


def halves(n: int, one: int, other: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Give the ways to distribute m over some kinds, and n − m over the others, for each m."""
    for m in range(n + 1):
        yield _ways(m, one), _ways(n - m, other)


def _ways(n: int, kinds: int) -> NDArray[np.int64]:
    listed = list(combinations(range(n + kinds - 1), kinds - 1))
    bars = np.array(listed, dtype=np.int64).reshape(len(listed), kinds - 1)
    edges = np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, n + kinds - 1)))
    return np.diff(edges, axis=1) - 1
