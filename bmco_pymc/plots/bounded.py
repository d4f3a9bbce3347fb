"""The density of what lives between two ends: probabilities, and their differences."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

UNIT = (0.0, 1.0)  # where probabilities are
DIFFERENCE = (-1.0, 1.0)  # and their differences
ALIKE = 1e-9  # a range that no picture can show
FINEST = 0.008  # bandwidth by the range of the draws: with less, a spike or noise on paper
SMOOTH = 1.25  # by the best bandwidth, with which chance bumps catch the eye

type Ends = tuple[float, float]
type Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def density(draws: NDArray[np.float64], support: Ends = UNIT) -> Curve | None:
    """Return the density of draws, which reaches the ends of their support and no further.

    The kernel is reflected at the ends, and its bandwidth is that of the diffusion estimator, which
    does not take all draws for one hill: a flat density is flat to its ends, and one with most of
    its mass near them keeps it there.

    Parameters
    ----------
    draws : ndarray, shape (S,)
        Within the support, but for errors of rounding.
    support : tuple of float
        The lowest and the highest value that can be.

    Returns
    -------
    x, height : ndarray, shape (n,)
        A line from zero to zero, upright at an end of the support, with an area of one below it.
        None if the draws are all alike.

    References
    ----------
    Botev, Grotowski & Kroese (2010), https://doi.org/10.1214/10-AOS799.

    Examples
    --------
    >>> x, height = density(np.random.default_rng(1).uniform(size=4000))
    >>> float(x[0]), float(x[-1]), bool((np.abs(height[1:-1] - 1) < 0.15).all())
    (0.0, 1.0, True)
    """
    from arviz_stats.base import array_stats

    low, high = support
    draws = np.clip(draws, low, high)
    spread = float(np.ptp(draws))
    if len(draws) < 2 or spread < ALIKE:
        return None
    ends = max(low, float(draws.min()) - spread), min(high, float(draws.max()) + spread)
    # one draw far away does not make all others coarse
    finest = FINEST * (float(np.ptp(np.quantile(draws, [0.0005, 0.9995]))) or spread)
    given: dict[str, Any] = {"bound_correction": True, "custom_lims": ends, "grid_len": 1024}
    with np.errstate(invalid="ignore", divide="ignore"):  # nearly all draws may be alike
        x, height, width = array_stats.kde(draws, bw="isj", bw_fct=SMOOTH, **given)
    if not width >= finest:
        x, height, _ = array_stats.kde(draws, bw=finest, **given)
    # the heights are those of bins, at their middles
    x = np.concatenate([[ends[0]] * 2, x, [ends[1]] * 2])
    return x, np.concatenate([[0.0], height[:1], height, height[-1:], [0.0]])


def axis(draws: NDArray[np.float64], support: Ends = UNIT) -> Ends:
    """Return the ends of an axis that shows nearly all draws and, near it, an end of the support.

    Examples
    --------
    >>> low, high = axis(np.linspace(0, 0.5, 1001))
    >>> low < 0, round(high, 2)
    (True, 0.52)
    """
    low, high = np.quantile(draws, [0.0005, 0.9995]).tolist()
    room = 0.05 * (high - low) or 0.05
    low, high = max(support[0], low - room), min(support[1], high + room)
    edge = 0.015 * (high - low)  # the frame would hide half of a line at the end
    return low - edge * (low == support[0]), high + edge * (high == support[1])
