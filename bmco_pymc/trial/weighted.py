"""The posterior probability that a weighted sum of pattern probabilities is larger in one group.

Patterns with the same score count as one kind of subject, so what a group has shown is how many
subjects it has of each kind: a state. The posterior of the kinds' probabilities is Dirichlet, the
weighted sum W = Σ v_i φ_i is a linear function of it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from threadpoolctl import threadpool_limits

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

REACH = 4.6  # of the double exponential rule, at the most: 1e-68 of a segment is beyond it
TAIL = 34.0  # minus the logarithm of a probability that is none
STEP = 0.12  # of the integral over u, in a coordinate where its scale is one
ROUNDING = 1e-5  # of products in single precision; what is nearer to a cut-off is done in double
AT_ONCE = 1_000_000  # states times frequencies
TILE = 2_000  # rows that are worked at together
FEW = 5.0  # subjects, prior included, beside those of the commonest kind: W is skewed
STRIP = 400  # the same, where they are alike
CLEAR = 1.5  # SDs from the cut-off's normal score, beyond which a normal approximation decides


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
        return _states(n, len(self.scores))


def _states(n: int, kinds: int) -> NDArray[np.int64]:
    half = kinds // 2
    parts = [
        np.hstack([np.repeat(a, len(b), axis=0), np.tile(b, (len(a), 1))])
        for a, b in _halves(n, half, kinds - half)
    ]
    return np.concatenate(parts)


def _halves(n: int, one: int, other: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Give the ways to distribute m over some kinds, and n − m over the others, for each m."""
    for m in range(n + 1):
        yield _ways(m, one), _ways(n - m, other)


def _ways(n: int, kinds: int) -> NDArray[np.int64]:
    listed = list(combinations(range(n + kinds - 1), kinds - 1))
    bars = np.array(listed, dtype=np.int64).reshape(len(listed), kinds - 1)
    edges = np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, n + kinds - 1)))
    return np.diff(edges, axis=1) - 1


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
        density, lower = _distribution(high, n_high, scores, d)
    else:
        density, _ = _distribution(high, n_high, scores, d)
        d, _ = (np.concatenate(part, axis=-1) for part in _distances(nodes, scores + margin))
        _, lower = _distribution(low, n_low, scores, d)
    density *= weight
    if margin < 0:  # beyond the last edge, high is better by more than the margin for certain
        last = scores[:, None] - edges[-1]
        beyond = 1 - _distribution(high, n_high, scores, last)[1]
        density = np.hstack([density, beyond])
        lower = np.hstack([lower, np.ones((len(lower), 1))])
    moments = _moments(high, n_high, scores, 0.0), _moments(low, n_low, scores, margin)
    return Superiority(density, lower, moments)


def _moments(prior: Array, n: int, scores: Array, margin: float) -> Array:
    """Return the moments of W a posteriori, the margin added to the mean; shape (3, S)."""
    alpha = _states(n, len(scores)) + prior
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


def _distribution(prior: Array, n: int, scores: Array, d: Array) -> tuple[Array, Array]:
    """Return the density and the distribution function of W at x, for each state; shape (S, N).

    Of x, the distances d = v − x to the scores are given, shape (r, N).

    With the characteristic function c(u) = Π (1 − i u d_i)^(−α_i) and d_i = v_i − x, the
    distribution function is ½ − ∫ Im c(u) / (π u) du over u > 0, and the density is the integral of
    the real part of c(u) Σ α_i / (1 − i u d_i), over π. The integrands are even and analytic, so
    that the trapezoidal rule converges exponentially. For all states together, c is a product of
    one factor for half of the kinds and another for the rest: sums over u are matrix products.
    """
    half = len(scores) // 2
    states, ways = _states(n, len(scores)), list(_halves(n, half, len(scores) - half))
    density, lower = np.zeros((2, len(states), d.shape[1]))

    def work(place: int) -> None:
        f, F = density[:, place], lower[:, place]
        _invert(prior, n, d[:, place], ways, states, f, F)

    # The products are small: threads in one of them would wait for each other.
    threads = min(os.cpu_count() or 1, 8)
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(d.shape[1])))  # a list, so that errors are raised here
    return density, lower


def _invert(
    prior: Array,
    n: int,
    d: Array,
    ways: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    states: NDArray[np.int64],
    f: Array,
    F: Array,
) -> None:
    """Put the density and the distribution function at one x, with d = v − x, into f and F (S,)."""
    if d[0] <= 0 or d[-1] >= 0:
        F[:] = float(d[0] <= 0)
        return
    alpha = states + prior
    u, du = _frequencies(prior, n, d)
    term = 1 / (1 - 1j * u * d[:, None])  # (r, U)
    powers = np.exp((prior[:, None] + np.arange(n + 1))[..., None] * np.log(term)[:, None])
    if len(f) * len(u) < AT_ONCE:  # one product of all is quicker than many small ones
        c = _product(powers, states)
        F[:] = 0.5 - (c @ (du / u)).imag / np.pi
        f[:] = ((c * (alpha @ term)) @ du).real / np.pi
    else:
        half = ways[0][0].shape[1]
        a, b = (np.concatenate(part) for part in zip(*ways, strict=True))
        one, other = _product(powers[:half], a), _product(powers[half:], b) * du
        more = one * ((a + prior[:half]) @ term[:half])
        rest = other * ((b + prior[half:]) @ term[half:])
        over = other / u
        i = j = start = 0
        for some, others in ways:
            rows, columns = slice(i, i := i + len(some)), slice(j, j := j + len(others))
            both = slice(start, start := start + len(some) * len(others))
            F[both] = 0.5 - (one[rows] @ over[columns].T).imag.ravel() / np.pi
            found = one[rows] @ rest[columns].T + more[rows] @ other[columns].T
            f[both] = found.real.ravel() / np.pi
    first, second = alpha @ d, alpha @ d**2
    far = np.flatnonzero(first**2 > TAIL * second)
    none = far[_tail(alpha[far], d) < -TAIL]
    f[none], F[none] = 0.0, first[none] < 0


def _product(powers: Complex, counts: NDArray[np.int64]) -> Complex:
    """Return the product over kinds of their factor for the counts, (S, kinds): shape (S, U)."""
    found = powers[0][counts[:, 0]]
    for kind in range(1, counts.shape[1]):
        found = found * powers[kind][counts[:, kind]]
    return found


def _frequencies(prior: Array, n: int, d: Array) -> tuple[Array, Array]:
    """Return u and its weights for the integrals at one x.

    In the coordinate w with u = s sinh(w), steps are narrow where the integrand oscillates and wide
    along its tail, for the widest and the narrowest state at once.
    """
    extremes = prior + n * np.eye(len(d))  # all subjects of one kind, a state a row
    scale = 0.5 / math.sqrt((extremes @ d**2).max())
    powers = scale * 2.0 ** np.arange(400)
    sizes = 0.5 * extremes @ np.log1p((powers * d[:, None]) ** 2)  # (r, 400)
    enough = (sizes > TAIL).all(axis=0)
    end = math.asinh(powers[int(np.argmax(enough))] / scale)
    count = math.ceil(end / STEP)
    w = (np.arange(count) + 0.5) * (end / count)
    return scale * np.sinh(w), scale * np.cosh(w) * (end / count)


def _tail(alpha: Array, d: Array) -> Array:
    """Return a bound of the logarithm of the probability on the side of x where the mean is not.

    Chernoff's: Σ d_i G_i is beyond 0 with probability at most Π (1 − λ d_i)^(−α_i), for each λ on
    that side.
    """
    slope = -(alpha @ d) / (alpha @ d**2)  # (S,), the best one for a normal variable
    slope = np.clip(slope, 0.8 / d[-1], 0.8 / d[0])
    return -(alpha * np.log1p(-slope[:, None] * d)).sum(1)
