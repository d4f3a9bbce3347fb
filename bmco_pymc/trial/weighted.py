"""The posterior probability that a weighted sum of pattern probabilities is larger in one group.

The posterior of the probabilities of the kinds of subjects is Dirichlet, and the weighted sum
W = Σ v_i φ_i is a linear function of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bmco_pymc.trial.inversion import distribution
from bmco_pymc.trial.kinds import states

Array = NDArray[np.float64]

REACH = 4.6  # of the double exponential rule, at the most: 1e-68 of a segment is beyond it
ROUNDING = 1e-5  # of products in single precision; what is nearer to a cut-off is done in double
TILE = 2_000  # rows that are worked at together
FEW = 5.0  # subjects, prior included, beside those of the commonest kind: W is skewed
STRIP = 400  # the same, where they are alike
CLEAR = 1.5  # SDs from the cut-off's normal score, beyond which a normal approximation decides


@dataclass(frozen=True, eq=False)
class Superiority:
    """P(W_high − W_low > margin) for all pairs of states, as a product of two factors.

    Attributes
    ----------
    high, low : ndarray, shape (S, N) and (T, N)
        ``high @ low.T`` are the probabilities, by pairs of states.
    moments : pair of ndarray, shape (3, S) and (3, T), optional
        Of each state the mean of W a posteriori, to which the low group's margin is added, its
        variance, and whether W is far from normal: pairs far from the cut-off by a normal
        approximation need not be looked at.
    """

    high: Array
    low: Array
    moments: tuple[Array, Array] | None = None

    def share(self, cut: float, high: Array, low: Array) -> float:
        """Return the probability that the cut-off is exceeded, from that of each state.

        Parameters
        ----------
        cut : float
        high, low : ndarray, shape (S,) and (T,)
        """
        if self.moments is None:
            return float(sum(high[rows] @ (above @ low) for rows, above in self.exceed(cut)))
        (mean, variance, few), (other, spread, rare) = self.moments
        by_mean = np.lexsort((mean, few))  # those that are not nearly normal last
        factor, columns = self._single(self.low), np.arange(len(low))
        total = 0.0
        for rows in np.array_split(by_mean, 1 + len(by_mean) // STRIP):
            # The largest and smallest normal score that any of these rows has with each column.
            above, below = mean[rows].max() - other, mean[rows].min() - other
            sd = [
                np.sqrt(extreme + spread)
                for extreme in (variance[rows].min(), variance[rows].max())
            ]
            most = above / np.where(above > 0, sd[0], sd[1])
            least = below / np.where(below > 0, sd[1], sd[0])
            near = (least <= ndtri(cut) + CLEAR) & (most > ndtri(cut) - CLEAR)
            near |= (rare > 0) | few[rows].any()
            sure = ~near & (least > ndtri(cut))
            open_ = np.flatnonzero(near)
            total += high[rows].sum() * low[sure].sum()
            if len(open_):
                met = self._above(cut, rows, columns[open_], factor[open_])
                total += float(high[rows] @ (met @ low[open_]))
        return total

    @cached_property
    def _nodes(self) -> NDArray[np.intp]:
        """The nodes that matter in single precision."""
        return np.flatnonzero(self.high.max(axis=0) > ROUNDING**2)

    def _single(self, factor: Array) -> NDArray[np.float32]:
        return factor[:, self._nodes].astype(np.float32)

    def _above(
        self,
        cut: float,
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        factor: NDArray[np.float32],
    ) -> NDArray[np.bool_]:
        """Return where the cut-off is exceeded, in single precision but near it."""
        excess = self._single(self.high[rows]) @ factor.T
        excess -= np.float32(cut)
        above = excess > 0
        s, t = np.divmod(np.flatnonzero(np.abs(excess, out=excess) < ROUNDING), len(columns))
        for pairs in np.array_split(np.arange(len(s)), 1 + len(s) // 10_000):
            one, other = self.high[rows[s[pairs]]], self.low[columns[t[pairs]]]
            above[s[pairs], t[pairs]] = np.einsum("ij,ij->i", one, other) > cut
        return above

    def exceed(self, cut: float) -> Iterator[tuple[slice, NDArray[np.bool_]]]:
        """Give which probabilities exceed a cut-off, some rows (states of high) at a time."""
        low, columns = self._single(self.low), np.arange(len(self.low))
        for start in range(0, len(self.high), TILE):
            rows = slice(start, start + TILE)
            yield rows, self._above(cut, np.arange(len(self.high))[rows], columns, low)

    def probabilities(self) -> Array:
        """Return all of them, shape (S, T)."""
        return np.clip(self.high @ self.low.T, 0.0, 1.0)


def weighted_superiority(
    high: Array, n_high: int, low: Array, n_low: int, scores: Array, margin: float = 0.0
) -> Superiority:
    r"""Return the probability that W is larger in one group by a margin, for all states of both.

    Parameters
    ----------
    high, low : ndarray, shape (r,)
        Prior concentrations of the kinds in either group.
    n_high, n_low : int
        Subjects.
    scores : ndarray, shape (r,)
        Of the kinds, distinct and falling.
    margin : float
        Smaller than the range of the scores.

    Returns
    -------
    Superiority
        States in the order of `Kinds.states`. The probability is ∫ f_high(x) F_low(x − m) dx, by a
        double exponential rule between the scores, where f and F are analytic. They are inverted
        from those of Σ (v_i − x) G_i with gamma variables G_i, as W ≤ x if that sum is not positive
        (Gil-Pelaez 1951, https://doi.org/10.1093/biomet/38.3-4.481; Imhof 1961,
        https://doi.org/10.1093/biomet/48.3-4.419).

    Examples
    --------
    >>> found = weighted_superiority(np.ones(2), 20, np.ones(2), 20, np.array([1.0, 0.0]))
    >>> round(float(found.probabilities()[12, 7]), 6)
    0.939264
    """
    top, bottom = scores[0], scores[-1]
    edges = np.unique(np.concatenate([scores, scores + margin]))
    edges = edges[(edges >= max(bottom, bottom + margin)) & (edges <= min(top, top + margin))]
    spreads = [_spread(alpha, n, scores) for alpha, n in ((high, n_high), (low, n_low))]
    spread = math.prod(spreads) / math.hypot(*spreads)
    nodes = list(_nodes(edges, spread, _reach(min(high.min(), low.min()))))
    d, weight = (np.concatenate(part, axis=-1) for part in _distances(nodes, scores))
    if margin == 0 and n_high == n_low and np.array_equal(high, low):
        density, lower = distribution(high, n_high, scores, d)
    else:
        density, _ = distribution(high, n_high, scores, d)
        d, _ = (np.concatenate(part, axis=-1) for part in _distances(nodes, scores + margin))
        _, lower = distribution(low, n_low, scores, d)
    density *= weight
    if margin < 0:  # beyond the last edge, high is better by more than the margin for certain
        last = scores[:, None] - edges[-1]
        beyond = 1 - distribution(high, n_high, scores, last)[1]
        density = np.hstack([density, beyond])
        lower = np.hstack([lower, np.ones((len(lower), 1))])
    moments = _moments(high, n_high, scores, 0.0), _moments(low, n_low, scores, margin)
    return Superiority(density, lower, moments)


def _moments(prior: Array, n: int, scores: Array, margin: float) -> Array:
    """Return the moments of W a posteriori, the margin added to the mean; shape (3, S)."""
    alpha = states(n, len(scores)) + prior
    total = alpha.sum(axis=1)
    mean = alpha @ scores / total
    variance = (alpha @ scores**2 / total - mean**2) / (total + 1)
    few = total - alpha.max(axis=1) < FEW
    return np.stack([mean + margin, variance, few])


type Segment = tuple[float, float, Array, Array, Array]


def _nodes(edges: Array, spread: float, reach: float) -> Iterator[Segment]:
    """Give each segment between edges, with the double exponential rule on it.

    Of each node its distances to both ends, and its weight.
    """
    for start, end in pairwise(edges):
        width = end - start
        step = min(0.12, spread / (0.3 * math.pi * width))
        w = step * np.arange(-math.ceil(reach / step), math.ceil(reach / step) + 1)
        logit = math.pi * np.sinh(w)
        below, above = 1 / (1 + np.exp(-logit)), 1 / (1 + np.exp(logit))
        weight = width * step * math.pi * np.cosh(w) * below * above
        yield start, end, width * below, width * above, weight


def _reach(smallest: float) -> float:
    """Return how far the rule goes, by the smallest prior concentration of a kind.

    W may have a density like x^(α − 1) next to a score: less than 1e-16 of it is beyond.
    """
    return min(REACH, math.asinh(38 / (math.pi * min(smallest, 1.0))))


def _distances(nodes: list[Segment], scores: Array) -> tuple[list[Array], list[Array]]:
    """Return v − x of each score v and node x, a (r, N) for each segment, and the weights.

    Every score is at one of the ends of a segment or beyond: the difference is taken from there, so
    that it keeps its digits where a node is next to it.
    """
    found = []
    for start, end, below, above, _ in nodes:
        v = scores[:, None]
        found.append(np.where(v > (start + end) / 2, (v - end) + above, (v - start) - below))
    return found, [weight for *_, weight in nodes]


def _spread(prior: Array, n: int, scores: Array) -> float:
    """Return an SD of W a posteriori when subjects of neighbouring kinds are as many as others."""
    total = n + prior.sum()
    return float(0.5 * np.abs(np.diff(scores)).max() / math.sqrt(total + 1))
