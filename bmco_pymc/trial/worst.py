"""The search for the truth without effect under which a rule errs most."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmco_pymc import patterns
from bmco_pymc.trial.stages import Side, true_patterns

Array = NDArray[np.float64]

WORK = 4e9  # pairs of counts that a search may go through


@dataclass(frozen=True, eq=False)
class Worst:
    """The largest error of one side.

    Attributes
    ----------
    error : float
    bound : float
        A number that the error is known not to exceed; NaN where there is none.
    phi : ndarray, shape (2, Q)
        A truth where it is, the control first.
    how : str
        How it was found.
    mcse : float
        Monte Carlo standard error; 0 where the error at this truth is exact.
    """

    error: float
    bound: float
    phi: Array
    how: str
    mcse: float = 0.0


def largest(f: Callable[[Array], Array], x: Array, values: Array) -> tuple[float, float]:
    """Return where a function is largest and its value, from its values on a fine even grid.

    The highest peaks of the grid are looked at more and more closely.

    Examples
    --------
    >>> x = np.linspace(0, 1, 11)
    >>> at, value = largest(lambda x: -((x - 0.321) ** 2), x, -((x - 0.321) ** 2))
    >>> round(at, 3)
    0.321
    """
    best = float(values.max()), float(x[int(np.argmax(values))])
    for i in peaks(values)[:4]:
        low, high = x[max(i - 1, 0)], x[min(i + 1, len(x) - 1)]
        for _ in range(5):
            near = np.linspace(low, high, 17)
            found = f(near)
            at = int(np.argmax(found))
            best = max(best, (float(found[at]), float(near[at])))
            low, high = near[max(at - 1, 0)], near[min(at + 1, len(near) - 1)]
    return best[1], best[0]


def peaks(values: Array) -> list[int]:
    """Return the places of local maxima, the highest first.

    Examples
    --------
    >>> peaks(np.array([3.0, 1.0, 2.0, 1.0]))
    [0, 2]
    """
    around = np.pad(values, 1, constant_values=-np.inf)
    local = np.flatnonzero((values >= around[:-2]) & (values >= around[2:]))
    return local[np.argsort(-values[local], kind="stable")].tolist()


def least_overlap(theta: ArrayLike) -> Array:
    """Return φ (Q,) of outcomes with these rates that occur together as little as can be.

    Every subject has as many successes as another, or one more: intervals of the lengths θ are laid
    around a circle one after the other, and a subject is a point of it. For two outcomes this is
    the lower Fréchet bound.

    Examples
    --------
    >>> least_overlap([0.6, 0.6]).round(3).tolist()
    [0.2, 0.4, 0.4, 0.0]
    """
    rates = np.asarray(theta, dtype=float)
    starts = np.concatenate([[0.0], np.cumsum(rates)])
    ends = np.unique(np.concatenate([starts % 1.0, [0.0, 1.0]]))
    middle, length = (ends[:-1] + ends[1:]) / 2, np.diff(ends)
    covered = (middle[:, None] - starts[:-1]) % 1.0 < rates  # (segments, K)
    phi = np.zeros(2 ** len(rates))
    np.add.at(phi, patterns.encode(covered), length)
    return phi


def most_overlap(theta: ArrayLike) -> Array:
    """Return φ (Q,) of outcomes with these rates that occur together as much as can be.

    Examples
    --------
    >>> most_overlap([0.6, 0.5]).round(3).tolist()
    [0.5, 0.1, 0.0, 0.4]
    """
    rates = np.asarray(theta, dtype=float)
    ends = np.unique(np.concatenate([rates, [0.0, 1.0]]))
    phi = np.zeros(2 ** len(rates))
    np.add.at(phi, patterns.encode((ends[:-1] + ends[1:])[:, None] / 2 < rates), np.diff(ends))
    return phi


def some_nulls(side: Side, control: tuple[float, float]) -> Iterator[Array]:
    """Give truths (2, Q) on the boundary of the null, the rates of all outcomes alike.

    Where some outcomes may be better under the null, also those in which they are by much.
    """
    setting = side.stages.setting
    valued = setting.rule.criterion.values
    margins = np.zeros(setting.n_outcomes) if valued else np.array(setting.margins)
    shift = margins if side.direction == "right" else -margins
    for rate in np.linspace(*control, 7)[1:-1]:
        theta = np.full(setting.n_outcomes, rate)
        other = np.clip(theta + shift, 0.0, 1.0)
        for joint in (least_overlap, true_patterns, most_overlap):
            phi = np.stack([joint(theta), joint(other)])
            if setting.at_least is None and not _balance(phi, side):
                continue
            yield phi
    if setting.at_least is None or setting.at_least < 2:
        return
    # The other effects are as large as can be, whatever the rate of the control: a prior that
    # borrows history is misled by some of them.
    free = setting.at_least - 1
    for rate, free_rate in product(*[np.linspace(*control, 9)] * 2):
        low = np.full(setting.n_outcomes, rate)
        high = np.clip(low + shift, 0.0, 1.0)
        low[-free:], high[-free:] = free_rate, 1.0 if side.direction == "right" else 0.0
        for joint in (least_overlap, true_patterns, most_overlap):
            yield np.stack([joint(low), joint(high)])


def _balance(phi: Array, side: Side) -> bool:
    """Tilt the treatment's φ, in place, so that the weighted sum is at its margin; if it can be."""
    rule = side.stages.setting.rule
    sign = 1 if side.direction == "right" else -1
    scores = rule.scores()
    target = scores @ phi[0] + sign * rule.bounds()[0]
    if not scores.min() < target < scores.max():
        return False
    base = np.maximum(phi[1], 1e-6)
    low, high = -700 / np.ptp(scores), 700 / np.ptp(scores)
    for _ in range(60):
        middle = (low + high) / 2
        tilted = base * np.exp(middle * (scores - scores.max() * (middle > 0)))
        tilted /= tilted.sum()
        low, high = (middle, high) if scores @ tilted < target else (low, middle)
    phi[1] = tilted
    return True


def worst_claims(
    side: Side, among: Sequence[int], curves: Sequence[tuple[Array, Array]], extreme: Array
) -> tuple[float, Array]:
    """Return the largest probability that one of some outcomes is claimed, and a truth where it is.

    Parameters
    ----------
    side : Side
    among : sequence of int
        The outcomes whose δ is at its margin.
    curves : sequence of pair of ndarray
        For each of them, rates (G, 2) of the control and of the treatment, and the error there.
    extreme : ndarray, shape (2,)
        The rates of the other outcomes: their effects are as large as can be.

    Notes
    -----
    With the rates given, one of two claims is likeliest where the outcomes are as negatively
    correlated as they can be, in both groups: claims need many successes of the one group and few
    of the other, so that their overlap is least there. Of three outcomes and more, the same truth
    is taken.
    """
    K = side.stages.setting.n_outcomes
    tops = [peaks(curve)[:6] for _, curve in curves]

    def truth(rates: Sequence[Array]) -> Array:
        phi = np.zeros((2, 2**K))
        theta = np.tile(extreme[:, None], K)
        theta[:, list(among)] = np.stack(rates, axis=1)
        for g in range(2):
            phi[g] = least_overlap(theta[g])
        return phi

    def error(rates: Sequence[Array]) -> float:
        found = side.stopping(truth(rates))
        return 0.0 if found is None else float(found[:, 0].sum())

    def between(place: Array) -> list[Array]:
        return [
            np.stack([np.interp(x, np.arange(len(r)), r[:, g]) for g in range(2)])
            for x, (r, _) in zip(place, curves, strict=True)
        ]

    starts = sorted(
        product(*tops), key=lambda at: -sum(c[i] for i, (_, c) in zip(at, curves, strict=True))
    )
    few = side.stages.sequential or K > 2
    tried = [(error(between(np.array(at, dtype=float))), at) for at in starts[: 3 if few else 36]]
    best, at = max(tried)
    place = np.array(at, dtype=float)
    if not side.stages.sequential:
        from scipy.optimize import minimize

        for start in sorted(tried, reverse=True)[: 1 if few else 3]:
            found = minimize(
                lambda x: -error(between(np.clip(x, 0, len(curves[0][0]) - 1))),
                np.array(start[1], dtype=float),
                method="Nelder-Mead",
                options={"maxfev": 60 if few else 120, "xatol": 1e-4},
            )
            if -found.fun > best:
                best, place = -found.fun, np.clip(found.x, 0, len(curves[0][0]) - 1)
    return best, truth(between(place))


def worst_sum(side: Side, control: tuple[float, float], start: Array | None) -> tuple[float, Array]:
    """Return the largest error of a weighted sum that is found, and a truth where it is."""
    from scipy.optimize import minimize

    def error(phi: Array) -> float:
        theta = patterns.theta_from_phi(phi[0])
        if (theta < control[0] - 1e-9).any() or (theta > control[1] + 1e-9).any():
            return 0.0
        found = side.stopping(phi)
        return 0.0 if found is None else float(found[:, 0].sum())

    def truth(x: Array) -> Array | None:
        logits = x.reshape(2, -1)
        phi = np.exp(logits - logits.max(axis=1, keepdims=True))
        phi /= phi.sum(axis=1, keepdims=True)
        return phi if _balance(phi, side) else None

    def loss(x: Array) -> float:
        phi = truth(x)
        return 0.0 if phi is None else -error(phi)

    pairs = float(np.prod(side.stages.sizes[-1].astype(float) ** (len(side.decided[-1].counted.T))))
    calls = int(np.clip(WORK / max(pairs, 1.0), 15, 600))
    starts = list(some_nulls(side, control)) if start is None else [start]
    tried = sorted(((error(phi), i) for i, phi in enumerate(starts)), reverse=True)
    best, phi = tried[0][0], starts[tried[0][1]]
    if side.stages.sequential:
        return best, phi
    for _, i in tried[:3]:
        logits = np.log(np.maximum(starts[i], 1e-6)).ravel()
        found = minimize(
            loss, logits, method="Nelder-Mead", options={"maxfev": calls // 3, "xatol": 1e-3}
        )
        if -found.fun > best and (at := truth(found.x)) is not None:
            best, phi = -found.fun, at
    return best, phi
