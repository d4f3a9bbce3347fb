"""The bounds of a one-sided sequential test that spends its level as given.

The statistics of the looks are those of a Brownian motion, Z_i = B(t_i) / √t_i, at information
fractions t; a trial stops at the first Z_i above its bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from bmco_pymc.arguments import numbers, real
from bmco_pymc.errors import InputError
from bmco_pymc.trial.spending import level_in, shares

Array = NDArray[np.float64]

ORDER = 20  # Gauss-Legendre nodes per panel
PANEL = 3.0  # width of a panel in SDs of the smallest step: half of it moves z by less than 1e-14
LOWEST, HIGHEST = -9.0, 38.5  # SDs of B(t): no path below is of use, none above is a number
CLOSEST = 1e-4  # step between looks, relative to the later: nearer ones take 8000 nodes and more
FAR = 1e3  # in SDs
LEAST = 1e-320  # stands for a probability of 0 in a logarithm


def boundaries(fractions: ArrayLike, spent: ArrayLike) -> Array:
    r"""Return the bounds of a one-sided test that spends its level as given.

    .. math:: P(Z_1 \le z_1, …, Z_{i-1} \le z_{i-1}, Z_i > z_i \mid H_0) = spent_i - spent_{i-1}

    Parameters
    ----------
    fractions : array_like, shape (k,)
        Information fractions of the looks, increasing in (0, 1]; the last need not be 1.
    spent : array_like, shape (k,)
        Level spent up to each look, in [0, 0.5), never falling; where it does not rise, the look
        cannot stop the trial.

    Returns
    -------
    ndarray, shape (k,)
        A z value for each look, inf where it cannot stop the trial.

    Raises
    ------
    InputError
        If the fractions or the levels are not as said, or looks are closer than 1e-4 of the later.

    References
    ----------
    Armitage, McPherson & Rowe (1969), https://doi.org/10.2307/2343787.

    Examples
    --------
    >>> from bmco_pymc.trial.spending import HSD
    >>> t = [1 / 3, 2 / 3, 1]
    >>> boundaries(t, HSD(-4).spent(t, alpha=0.05)).round(4).tolist()
    [2.7936, 2.289, 1.6799]
    """
    t, levels = _looks(fractions), np.atleast_1d(numbers("spent", spent, "must be numbers"))
    usable = levels.shape == t.shape and ((levels >= 0) & (levels < 0.5)).all()
    if not usable or (np.diff(levels) < 0).any():
        problem = f"must be {len(t)} levels in [0, 0.5), one for each look, that never fall"
        raise InputError("spent", spent, problem)
    rises = np.diff(levels, prepend=0.0)
    z, used = np.full(len(t), np.inf), rises > 0
    paths = _START
    for look, finest in zip(np.flatnonzero(used), _finest(t[used]), strict=True):
        z[look] = paths.bound(t[look], rises[look], levels[look])
        paths = paths.below(t[look], z[look], finest)
    return z


def crossing(fractions: ArrayLike, z: ArrayLike, drift: float = 0.0) -> Array:
    r"""Return the probability that each look is the first to cross its bound.

    Parameters
    ----------
    fractions : array_like, shape (k,)
        Information fractions of the looks, increasing in (0, 1].
    z : array_like, shape (k,)
        Bounds; inf for a look that cannot stop the trial.
    drift : float
        Mean of B(1): the statistic of a look has mean :math:`drift \sqrt{t_i}` and variance 1.

    Returns
    -------
    ndarray, shape (k,)
        Their sum is the probability of crossing any bound: the Type I error where drift is 0.

    Raises
    ------
    InputError
        If an argument is not as said, or looks are closer than 1e-4 of the later.

    References
    ----------
    Armitage, McPherson & Rowe (1969), https://doi.org/10.2307/2343787.

    Examples
    --------
    >>> crossing([0.5, 1], [1.645, 1.645]).round(4).tolist()  # a second look costs
    [0.05, 0.0301]
    """
    t, bounds = _looks(fractions), np.atleast_1d(numbers("z", z, "must be numbers"))
    if bounds.shape != t.shape or np.isnan(bounds).any():
        raise InputError("z", z, f"must be {len(t)} numbers, one for each look")
    mean = real(drift)
    if not math.isfinite(mean):
        raise InputError("drift", drift, "must be a finite number")
    first, used = np.zeros(len(t)), bounds < np.inf
    # A motion without drift, below bounds that fall instead; FAR is beyond what doubles can tell.
    bounds = np.clip(bounds - mean * np.sqrt(t), -FAR, FAR)
    paths = _START
    for look, finest in zip(np.flatnonzero(used), _finest(t[used]), strict=True):
        first[look] = paths.beyond(t[look], bounds[look])
        paths = paths.below(t[look], bounds[look], finest)
    return first


def constant_boundary(alpha: float, fractions: ArrayLike) -> float:
    """Return the one z that all looks can share at an overall level, Pocock's test.

    Parameters
    ----------
    alpha : float
        Probability, without effect, of crossing it at any look; above 0 and below 0.5.
    fractions : array_like, shape (k,)
        Information fractions of the looks, increasing in (0, 1].

    Raises
    ------
    InputError
        If an argument is not as said, or looks are closer than 1e-4 of the later.

    References
    ----------
    Pocock (1977), https://doi.org/10.1093/biomet/64.2.191.

    Examples
    --------
    >>> round(constant_boundary(0.025, [0.2, 0.4, 0.6, 0.8, 1]), 3)
    2.413
    """
    level, t = level_in(alpha), _looks(fractions)

    def total(z: float) -> float:
        return math.fsum(crossing(t, np.full(len(t), z)))

    # Looks that all tell the same, and looks of which no two ever cross together.
    return _root(total, level, -ndtri(level), -ndtri(level / len(t)))


@dataclass(frozen=True, eq=False)
class _Paths:
    """The motions that have crossed no bound by time t: a density of B(t), as masses at nodes."""

    t: float
    place: Array  # (n,)
    mass: Array  # (n,)

    def beyond(self, t: float, z: float) -> float:
        """Return the probability to have crossed no bound yet and to be above z at time t."""
        return float(self.mass @ ndtr((self.place - z * math.sqrt(t)) / math.sqrt(t - self.t)))

    def bound(self, t: float, rise: float, spent: float) -> float:
        """Return the z that is crossed first at time t with probability ``rise``."""
        # All that was spent before, or none of it, would have crossed again.
        return _root(lambda z: self.beyond(t, z), rise, -ndtri(spent), -ndtri(rise))

    def below(self, t: float, z: float, finest: float) -> _Paths:
        """Return the motions that are not above z at time t, ``finest`` the smallest step near."""
        root, step = math.sqrt(t), t - self.t
        low, high = LOWEST * root, min(max(z, LOWEST), HIGHEST) * root
        panels = math.ceil((high - low) / (PANEL * math.sqrt(finest)))
        edges = np.linspace(low, high, panels + 1)
        unit, weight = _legendre(ORDER)
        half = np.diff(edges)[:, None] / 2  # (panels, 1)
        place = edges[:-1, None] + half * (1 + unit)  # (panels, ORDER)
        density = np.empty_like(place)
        for panel in range(panels):  # one at a time, for the memory
            moved = (place[panel, :, None] - self.place) / math.sqrt(step)  # (ORDER, n before)
            density[panel] = np.exp(-(moved**2) / 2) @ self.mass
        mass = half * weight * density / math.sqrt(2 * math.pi * step)
        return _Paths(t, place.ravel(), mass.ravel())


_START = _Paths(0.0, np.zeros(1), np.ones(1))


@lru_cache(maxsize=4)
def _legendre(order: int) -> tuple[Array, Array]:
    """Return Gauss-Legendre nodes and weights on [-1, 1]."""
    return np.polynomial.legendre.leggauss(order)


def _finest(t: Array) -> Array:
    """Return the smaller of the steps to and from each look, the scale of what is integrated."""
    steps = np.diff(t, prepend=0.0)
    return np.minimum(steps, np.append(steps[1:], np.inf))


def _root(tail: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Return where a falling probability is at its target, between z values that may be it."""
    from scipy.optimize import brentq

    def excess(z: float) -> float:
        return math.log(max(tail(z), LEAST)) - math.log(target)

    if low == high:
        return float(low)
    # A little wider: rounding may put the root on either side of a limit that is nearly reached.
    return float(brentq(excess, low - 1e-9, high + 1e-9, xtol=1e-14, rtol=1e-15))


def _looks(fractions: Any) -> Array:
    """Return the information fractions of looks, shape (k,)."""
    t = np.atleast_1d(shares("fractions", fractions))
    if t.ndim != 1 or not t.size or not (np.diff(t) > 0).all():
        raise InputError("fractions", fractions, "must be increasing, one for each look")
    if (np.diff(t) < CLOSEST * t[1:]).any():
        problem = f"must differ by at least {CLOSEST:g} of the later: join looks that are so close"
        raise InputError("fractions", fractions, problem)
    return t
