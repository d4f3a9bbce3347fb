r"""Power as a function of size, from a few simulated trials at each of some sizes.

With t the square root of the information that a size stands for, a test that is normal succeeds
with probability :math:`\Phi(a + b t)`, where a is what a trial without information would have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr, ndtr

type Array = NDArray[np.float64]

ROUNDS = 100
_FLAT = 8.0  # beyond so many SDs a probability is 0 or 1


@dataclass(frozen=True, eq=False)
class Curve:
    """A fitted curve.

    Attributes
    ----------
    a, b : float
    covariance : ndarray, shape (2, 2)
        Of both.
    """

    a: float
    b: float
    covariance: Array

    def power(self, t: ArrayLike) -> Array:
        """Return the power at some t."""
        return ndtr(self.a + self.b * np.asarray(t, dtype=float))

    def where(self, z: float) -> tuple[float, float]:
        """Return the t at which Φ⁻¹(power) is z, and its standard error by the delta method.

        Infinite where power does not rise.
        """
        if self.b <= 0:
            return np.inf, np.inf
        t = (z - self.a) / self.b
        slope = -np.array([1.0, t]) / self.b
        return t, float(np.sqrt(slope @ self.covariance @ slope))


def fitted(
    t: ArrayLike, trials: ArrayLike, successes: ArrayLike, prior: tuple[float, float]
) -> Curve:
    """Return the curve of largest posterior density.

    Parameters
    ----------
    t, trials, successes : array_like, shape (S,)
    prior : pair of float
        Means of a and b: a has SD 1, and b three times its mean. So weak that they matter only
        where nearly all trials end alike, in which case there is no other answer.

    Returns
    -------
    Curve

    Examples
    --------
    >>> curve = fitted([0.8, 1.0, 1.2], [1000] * 3, [653, 804, 904], (-1.6, 2.0))
    >>> round(curve.where(0.8416)[0], 2)
    1.0
    """
    t, n, k = (np.asarray(x, dtype=float) for x in (t, trials, successes))
    X = np.stack([np.ones_like(t), t], axis=1)
    mean = np.array(prior)
    precision = np.diag([1.0, 1 / (3 * prior[1]) ** 2])

    def loss(at: Array) -> float:
        eta, off = X @ at, at - mean
        return float(-(k @ log_ndtr(eta) + (n - k) @ log_ndtr(-eta)) + off @ precision @ off / 2)

    at, now = mean.copy(), loss(mean)
    for _ in range(ROUNDS):  # Newton's method with expected information, which is never singular
        eta = np.clip(X @ at, -_FLAT, _FLAT)
        p = ndtr(eta)
        density = np.exp(-(eta**2) / 2) / np.sqrt(2 * np.pi)
        score = (k - n * p) * density / (p * ndtr(-eta))
        weight = n * density**2 / (p * ndtr(-eta))
        information = X.T * weight @ X + precision
        step = np.linalg.solve(information, X.T @ score - precision @ (at - mean))
        while (then := loss(at + step)) > now + 1e-12 and np.abs(step).max() > 1e-10:
            step /= 2
        at, change, now = at + step, now - then, then
        if abs(change) < 1e-10:
            break
    return Curve(float(at[0]), float(at[1]), np.linalg.inv(information))
