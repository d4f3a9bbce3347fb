"""Spending functions: how the level of a trial is shared by its looks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from bmco_pymc.arguments import numbers, real
from bmco_pymc.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class HSD:
    r"""Spending of Hwang, Shih and DeCani, :math:`α (1 - e^{-γt}) / (1 - e^{-γ})`.

    Parameters
    ----------
    gamma : float
        −4 spends little early, 0 in proportion to t, and 1 much like Pocock's bounds.

    Raises
    ------
    InputError
        If gamma is not a finite number.

    References
    ----------
    Hwang, Shih & DeCani (1990), https://doi.org/10.1002/sim.4780091207.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.HSD(-4).spent([1 / 3, 2 / 3, 1], alpha=0.05).round(5).tolist()
    [0.00261, 0.01249, 0.05]
    """

    gamma: float = -4.0

    def __post_init__(self) -> None:
        gamma = real(self.gamma)
        if not math.isfinite(gamma):
            raise InputError("gamma", self.gamma, "must be a finite number")
        object.__setattr__(self, "gamma", gamma)

    def spent(self, fraction: ArrayLike, alpha: float) -> Array:
        """Return the level spent up to information fractions in (0, 1], of their shape.

        Parameters
        ----------
        fraction : float or array_like
            Share of all subjects who have been seen.
        alpha : float
            Level of all looks, in (0, 0.5).

        Returns
        -------
        ndarray

        Raises
        ------
        InputError
            If a fraction or the level cannot be used.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> bmco.HSD(0).spent([0.25, 0.5, 1], alpha=0.05).round(4).tolist()
        [0.0125, 0.025, 0.05]
        """
        t, level, size = shares("fraction", fraction), level_in(alpha), abs(self.gamma)
        if size < 1e-16:  # linear to the last digit
            return level * t
        share = np.expm1(-size * t) / math.expm1(-size)
        # The factor turns γ = size into γ = −size, where e^{−γt} itself would overflow.
        return level * (share if self.gamma > 0 else np.exp(-size * (1 - t)) * share)


@dataclass(frozen=True)
class Pocock:
    r"""Spending of the Pocock type, :math:`α \ln(1 + (e - 1) t)`: bounds that are nearly constant.

    References
    ----------
    Lan & DeMets (1983), https://doi.org/10.1093/biomet/70.3.659.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.Pocock().spent([0.5, 1], alpha=0.05).round(5).tolist()
    [0.03101, 0.05]
    """

    def spent(self, fraction: ArrayLike, alpha: float) -> Array:
        """Return the level spent up to information fractions in (0, 1], of their shape.

        Parameters
        ----------
        fraction : float or array_like
            Share of all subjects who have been seen.
        alpha : float
            Level of all looks, in (0, 0.5).

        Returns
        -------
        ndarray

        Raises
        ------
        InputError
            If a fraction or the level cannot be used.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> bmco.Pocock().spent([0.25, 0.5, 1], alpha=0.05).round(4).tolist()
        [0.0179, 0.031, 0.05]
        """
        t, level = shares("fraction", fraction), level_in(alpha)
        return level * np.log1p((math.e - 1) * t)


@dataclass(frozen=True)
class OBrienFleming:
    r"""Spending of the O'Brien-Fleming type, :math:`2 (1 - Φ(z_{1-α/2} / \sqrt t))`, one-sided.

    References
    ----------
    Lan & DeMets (1983), https://doi.org/10.1093/biomet/70.3.659.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.OBrienFleming().spent([0.5, 1], alpha=0.05).round(5).tolist()
    [0.00557, 0.05]
    """

    def spent(self, fraction: ArrayLike, alpha: float) -> Array:
        """Return the level spent up to information fractions in (0, 1], of their shape.

        Parameters
        ----------
        fraction : float or array_like
            Share of all subjects who have been seen.
        alpha : float
            Level of all looks, in (0, 0.5).

        Returns
        -------
        ndarray

        Raises
        ------
        InputError
            If a fraction or the level cannot be used.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> bmco.OBrienFleming().spent([0.25, 0.5, 1], alpha=0.05).round(4).tolist()
        [0.0001, 0.0056, 0.05]
        """
        t, level = shares("fraction", fraction), level_in(alpha)
        return 2 * ndtr(ndtri(level / 2) / np.sqrt(t))


Spending = HSD | Pocock | OBrienFleming


def shares(argument: str, value: Any) -> Array:
    """Return information fractions."""
    problem = "must be information fractions, above 0 and at most 1"
    shares = numbers(argument, value, problem)
    if not ((shares > 0) & (shares <= 1)).all():
        raise InputError(argument, value, problem)
    return shares


def level_in(alpha: Any) -> float:
    """Return a level to spend."""
    level = real(alpha)
    if not 0 < level < 0.5:
        raise InputError("alpha", alpha, "must be above 0 and below 0.5: the level of all looks")
    return level
