r"""The predictive distribution of the success probability in one more study.

.. math::

    r_j \sim \mathrm{Bin}(n_j, \theta_j), \quad \mathrm{logit}\,\theta_j \sim N(\beta, \tau^2),
    \quad \beta \sim N(0, s_\beta^2), \quad \tau \sim N^+(0, s_\tau^2)

Nothing is sampled: the likelihood of :math:`(\beta, \tau)` is an integral over each study's
:math:`\theta_j`, and the predictive distribution one over :math:`(\beta, \tau)`, both by the
trapezoidal rule, which converges exponentially for smooth functions that vanish at both ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import expit, log_expit, logsumexp, ndtr

Array = NDArray[np.float64]

FAR = 9.0  # prior SDs beyond which there is nothing
DEPTH = 32.0  # below the highest log density: nothing
COARSE, FINE = 17, 49  # points each way: to find where the posterior is, and to integrate
BETWEEN = 4  # points of β for one of these, in the predictive distribution
NODES = 61  # of the integral over a study's θ: its log is right to 1e-6 for τ up to 9
EDGES = 1500  # of the predictive distribution, before its tails are left out
TAIL = 1e-10


def predictive(r: Array, n: Array, tau: float, beta_sd: float) -> tuple[Array, Array]:
    """Return the distribution of the logit in one more study: edges (N + 1,) and masses (N,).

    Parameters
    ----------
    r, n : ndarray, shape (J,)
        Successes and subjects.
    tau, beta_sd : float
        Scales of the priors.
    """
    grid = _Grid(r, n, tau, beta_sd)
    (low, high), (near, far) = _support(grid)
    b, x = np.linspace(low, high, FINE), np.linspace(near, far, FINE)
    height = grid.height(b, x, NODES)  # (FINE, FINE)
    b_between = np.linspace(low, high, (FINE - 1) * BETWEEN + 1)
    weight = np.exp(CubicSpline(b, height, axis=0)(b_between) - height.max())
    if near == 0:  # the density is an even function of x: the end of the rule counts half
        weight[:, 0] /= 2
    beta, spread = grid.values(b_between, x)
    # where τ is smaller than the steps of β, the sum over these would show in the distribution
    spread = np.maximum(spread[0], 0.6 * np.diff(beta[:2], axis=0)[0])
    ends = np.array([(beta - 7 * spread).min(), (beta + 7 * spread).max()])
    ends = np.arcsinh((ends - grid.middle) / grid.scale)
    edges = grid.middle + grid.scale * np.sinh(np.linspace(ends[0], ends[1], EDGES))
    below = np.zeros(EDGES)
    for share, means, sd in zip(weight.T, beta.T, spread, strict=True):
        below += ndtr((edges[:, None] - means) / sd) @ share
    below /= below[-1]
    inside = np.flatnonzero((below > TAIL) & (below < 1 - TAIL))
    mass = np.diff(below[inside])
    return edges[inside], mass / mass.sum()


@dataclass(frozen=True)
class _Grid:
    r"""Coordinates b and x in which the posterior of β and τ has a width of about 1 all over.

    .. math:: \tau = c \sinh x, \qquad \beta = m(\tau) + s(\tau) b

    c is the smallest standard error of a study, below which τ makes no difference; m and s are the
    mean and SD of β given τ, were the studies' log odds normal. A study of thousands makes the
    posterior narrow where τ is near zero, and nowhere else.
    """

    r: Array
    n: Array
    tau: float
    beta_sd: float

    @property
    def variance(self) -> Array:
        """Of each study's log odds."""
        return 1 / (self.r + 0.5) + 1 / (self.n - self.r + 0.5)

    @property
    def scale(self) -> float:
        """The c of the formula."""
        return min(float(np.sqrt(self.variance.min())), self.tau)

    @property
    def middle(self) -> float:
        """The m of the formula at τ = 0."""
        return float(self._moments(np.zeros(1))[0][0])

    def _moments(self, spread: Array) -> tuple[Array, Array]:
        """Return m and s for each τ."""
        precision = 1 / (self.variance[:, None] + spread**2)  # (J, T)
        log_odds = np.log((self.r + 0.5) / (self.n - self.r + 0.5))
        total = precision.sum(axis=0) + self.beta_sd**-2
        return log_odds @ precision / total, 1 / np.sqrt(total)

    def values(self, b: Array, x: Array) -> tuple[Array, Array]:
        """Return β and τ, each of shape (len(b), len(x))."""
        spread = self.scale * np.sinh(x)
        mean, sd = self._moments(spread)
        beta = mean + sd * b[:, None]
        return beta, np.broadcast_to(spread, beta.shape)

    def box(self) -> Array:
        """Return the ends (2, 2) of b and x beyond which the priors leave nothing."""
        most = float(np.arcsinh(FAR * self.tau / self.scale))
        mean, sd = self._moments(self.scale * np.sinh(np.linspace(0, most, COARSE)))
        reach = FAR * self.beta_sd
        return np.array([[((-reach - mean) / sd).min(), ((reach - mean) / sd).max()], [0, most]])

    def height(self, b: Array, x: Array, nodes: int) -> Array:
        """Return the log density of b and x, shape (len(b), len(x)), up to a constant."""
        beta, spread = self.values(b, x)
        found = -((beta / self.beta_sd) ** 2 + (spread / self.tau) ** 2) / 2
        found += np.log(self._moments(spread[0])[1] * np.cosh(x))
        studies, times = np.unique(np.stack([self.r, self.n]), axis=1, return_counts=True)
        for (successes, subjects), equal in zip(studies.T, times, strict=True):
            found += equal * _log_likelihood(beta, spread, successes, subjects, nodes)
        return found


def _support(grid: _Grid) -> Array:
    """Return the ends (2, 2) of b and x between which the posterior is, by closing in on it.

    First b given each x, of which the density has one peak, however far apart the points are.
    """
    box = grid.box()
    for sides in ((0,), (0, 1)):
        closing = True
        while closing:
            axes = [np.linspace(start, end, COARSE) for start, end in box]
            height = grid.height(axes[0], axes[1], NODES // 2)
            top = height.max(axis=0) if sides == (0,) else height.max()
            some = height > top - DEPTH
            closer = box.copy()
            for side in sides:
                at = np.flatnonzero(some.any(axis=1 - side))
                closer[side] = axes[side][[max(at[0] - 1, 0), min(at[-1] + 1, COARSE - 1)]]
            closing = bool((np.diff(closer) < 0.8 * np.diff(box)).any())
            box = closer if closing else box
    return box


def _log_likelihood(beta: Array, tau: Array, r: float, n: float, nodes: int) -> Array:
    r"""Return :math:`\log \int \theta^r (1-\theta)^{n-r} N(u; 0, 1) du`, logit θ = β + τu.

    About the mode, u = mode + s sinh(t): steps of s, the width there, grow to reach the tails,
    which may be as long as those of N(0, 1), the widest that there can be.
    """
    u = np.zeros_like(beta)
    for _ in range(40):
        theta = expit(beta + tau * u)
        stiff = 1 + tau**2 * n * theta * (1 - theta)
        move = (tau * (r - n * theta) - u) / stiff
        u += np.clip(move * tau, -1, 1) / np.where(tau > 0, tau, 1)  # at most 1 in the logit
        if (np.abs(move) * np.sqrt(stiff) < 0.01).all():
            break
    theta = expit(beta + tau * u)
    scale = (1 / np.sqrt(1 + tau**2 * n * theta * (1 - theta)))[..., None]
    reach = np.arcsinh(FAR / scale)
    t = reach * np.linspace(-1, 1, nodes)
    at = u[..., None] + scale * np.sinh(t)
    logit = beta[..., None] + tau[..., None] * at
    height = r * log_expit(logit) + (n - r) * log_expit(-logit) - at**2 / 2 + np.log(np.cosh(t))
    width = (reach * scale)[..., 0] * 2 / (nodes - 1) / np.sqrt(2 * np.pi)
    return np.asarray(logsumexp(height, axis=-1) + np.log(width))
