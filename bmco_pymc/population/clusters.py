"""What is asked of clusters in a scenario: ICCs, read and made true, or refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.arguments import numbers
from bmco_pymc.errors import InputError
from bmco_pymc.population.between import MOST_OUTCOMES, solve
from bmco_pymc.population.mixture import LogitNormal, Mixture
from bmco_pymc.population.truths import GROUPS, Axis, check_groups, check_number, phrases

KINDS = ("logit-normal", "dirichlet")
# Beyond it most clusters are all success or all failure, and integrals over them inexact.
MOST_ICC = {"logit-normal": 0.5, "dirichlet": 0.9}
SAME = 1e-12

type Array = NDArray[np.float64]


def axes_of_clusters(icc: Any, icc_between: Any, k: int, between: str) -> list[Axis]:
    """Return the dimensions that ICCs span, that between outcomes last; see `Scenario`.

    Raises
    ------
    InputError
        If something is no ICC, or clusters of this kind have no such ICC.

    Examples
    --------
    >>> [axis.labels for axis in axes_of_clusters([0.01, 0.05], None, 2, "logit-normal")]
    [['icc = 0.01', 'icc = 0.05']]
    """
    if icc is None:
        if icc_between is not None:
            raise InputError("icc_between", icc_between, "needs icc, of each outcome itself")
        return []
    most = MOST_ICC[between]
    axes = _axes("icc", icc, k, 0.0, most)
    if between == "dirichlet":
        for axis in axes:
            if any(np.ptp(value) > 0 for value in axis.values):
                problem = "Dirichlet clusters have one icc for all outcomes"
                raise InputError("icc", icc, problem)
        if icc_between is not None:
            problem = "cannot be given of Dirichlet clusters, where it is icc times rho"
            raise InputError("icc_between", icc_between, problem)
    elif k > MOST_OUTCOMES and any(value.any() for axis in axes for value in axis.values):
        problem = f"logit-normal clusters are for at most {MOST_OUTCOMES} outcomes: take Dirichlet"
        raise InputError("between", between, problem, KINDS[1:])
    if icc_between is None:
        return axes
    if k == 1:
        problem = "a single outcome has none: leave it out"
        raise InputError("icc_between", icc_between, problem)
    size = len(patterns.pairs(k))
    return axes + _axes("icc_between", icc_between, size, -most, most)


def default_between(phi: Array, icc: Array) -> Array:
    r"""Return :math:`\sqrt{icc_k icc_l}\, \rho_{kl}` of each pair, as Dirichlet clusters have it.

    Parameters
    ----------
    phi : ndarray, shape (..., Q)
    icc : ndarray, shape (..., K)

    Returns
    -------
    ndarray, shape (..., K (K - 1) / 2)

    Examples
    --------
    >>> default_between(np.array([0.4, 0.1, 0.1, 0.4]), np.array([0.1, 0.1])).round(3).tolist()
    [0.06]
    """
    pairs = patterns.pairs(icc.shape[-1])
    both = [np.sqrt(icc[..., i] * icc[..., j]) for i, j in pairs]
    rho = np.nan_to_num(patterns.rho_from_phi(phi))
    return np.stack(both, axis=-1) * rho if pairs else rho


@dataclass(frozen=True, eq=False)
class Asked:
    """The clusters of one group in one truth.

    Attributes
    ----------
    phi : ndarray, shape (m, Q)
        Averaged over clusters and covariates; with m > 1, or where ``mixture`` says so, over
        clusters only, at each of m values of a covariate.
    icc : ndarray, shape (K,)
    icc_between : ndarray, shape (K (K - 1) / 2,), or None
        None for the default.
    mixture : Mixture
        The covariates.
    where : str
        Group and scenario, for an error.
    """

    phi: Array
    icc: Array
    icc_between: Array | None
    mixture: Mixture
    where: str

    def clusters(self) -> LogitNormal:
        """Return what has these ICCs.

        Raises
        ------
        InputError
            If nothing has.
        """
        self._check()
        found = self._found(1.0)
        if found is None:
            raise self._refusal()
        return found

    def between(self, phi: Array) -> Array:
        """Return the ICC of each pair, where φ is so on average."""
        return default_between(phi, self.icc) if self.icc_between is None else self.icc_between

    def _found(self, share: float) -> LogitNormal | None:
        """Return clusters with a share of the ICCs, from none (0) to all (1)."""
        of_all = self.mixture.of_all
        average, found = self.phi.mean(axis=0), None
        if not of_all:  # the average is not known beforehand
            equal = solve(self.phi, self.mixture, None)
            average = average if equal is None else equal.phi
        for _ in range(1 if of_all else 30):
            between = share * self.between(average)
            wanted = covariance(average, share * self.icc, between)
            found = solve(self.phi, self.mixture, wanted, found)
            if found is None or np.abs(found.phi - average).max() < SAME:
                break
            average = found.phi
        return found

    def _check(self) -> None:
        """Refuse what no clusters can have, whatever their distribution."""
        average, k = self.phi.mean(axis=0), len(self.icc)
        theta = patterns.theta_from_phi(average)
        if np.any((theta <= 0) | (theta >= 1)) and self.icc.any():
            raise self._error("icc", self.icc, "an outcome that is certain has no ICC")
        if self.icc_between is None or not self.mixture.of_all:
            return
        rho = patterns.rho_from_phi(average)
        for place, (i, j) in enumerate(patterns.pairs(k)):
            asked, most = self.icc_between[place], float(np.sqrt(self.icc[i] * self.icc[j]))
            which = f" of outcomes {i + 1} and {j + 1}" if k > 2 else ""
            if abs(asked) > most * (1 + 1e-9):
                problem = f"must lie between {-most:.4g} and {most:.4g}{which}, as the icc allow"
                raise self._error("icc_between", self.icc_between, problem)
            scale = np.sqrt((1 - self.icc[i]) * (1 - self.icc[j]))
            left = (rho[place] - asked) / scale
            if abs(left) > 1:
                low, high = max(rho[place] - scale, -most), min(rho[place] + scale, most)
                problem = (
                    f"leaves a correlation of {left:.4g} within clusters{which}, outside -1 to 1; "
                    f"it must lie between {low:.4g} and {high:.4g}"
                )
                raise self._error("icc_between", self.icc_between, problem)

    def _refusal(self) -> InputError:
        """Return the error about ICCs that logit-normal clusters have not, and which they have."""
        inner = default_between(self.phi.mean(axis=0), self.icc)
        default = replace(self, icc_between=None)
        if self.icc_between is not None and default._found(1.0) is not None:
            step = self.icc_between - inner
            most = self._most(lambda share: replace(self, icc_between=inner + share * step))
            problem = "no logit-normal clusters have it beside these icc and theta"
            if most > 0:
                shown = ", ".join(f"{value:.3g}" for value in dict.fromkeys(inner + most * step))
                problem += f"; {shown} is possible"
            return self._error("icc_between", self.icc_between, problem)
        problem = "no logit-normal clusters have these ICCs and theta"
        if not self.icc.all():
            problem += ": where an outcome differs between clusters, those correlated with it do"
        elif not self.mixture.of_all:
            problem += " beside effects of covariates that are so large"
        elif (most := self._most(lambda share: self, scaled=True)) > 0:
            problem += f"; {most:.2g} times them is possible"
        return self._error("icc", self.icc, problem)

    def _most(self, asked: Callable[[float], Asked], *, scaled: bool = False) -> float:
        """Return a share of what is asked for that is possible, 0 where it takes long to find."""
        low, high = 0.0, 1.0
        for _ in range(7 if len(self.icc) < 4 and self.mixture.of_all else 0):
            middle = (low + high) / 2
            possible = asked(middle)._found(middle if scaled else 1.0) is not None
            low, high = (middle, high) if possible else (low, middle)
        return low

    def _error(self, argument: str, value: Array, problem: str) -> InputError:
        shown: Any = float(value[0]) if np.ptp(value) == 0 else value.tolist()
        return InputError(argument, shown, f"{problem} ({self.where})")


def covariance(phi: Array, icc: Array, between: Array) -> Array:
    """Return the covariance of success rates between clusters, shape (K, K).

    Examples
    --------
    >>> phi = np.array([0.25, 0.25, 0.25, 0.25])
    >>> covariance(phi, np.array([0.1, 0.2]), np.array([0.04])).round(3).tolist()
    [[0.025, 0.01], [0.01, 0.05]]
    """
    theta = patterns.theta_from_phi(phi)
    correlation = np.diag(icc)
    for (i, j), value in zip(patterns.pairs(len(icc)), between, strict=True):
        correlation[i, j] = correlation[j, i] = value
    sd = np.sqrt(theta * (1 - theta))
    return correlation * np.outer(sd, sd)


def _axes(name: str, given: Any, size: int, low: float, high: float) -> list[Axis]:
    """Return the dimension of an ICC that both groups have, or one of each group."""
    if not isinstance(given, Mapping):
        named = {name: (name, given)}
    else:
        check_groups(name, given)
        named = {f"{name} of {group}": (f"{name}[{group!r}]", given[group]) for group in GROUPS}
    axes = []
    for axis, (argument, value) in named.items():
        found = numbers(argument, value, "must be ICCs, in lists of equal length")
        if found.ndim > 2 or found.size == 0 or (found.ndim == 2 and found.shape[1] != size):
            each = "outcome" if name == "icc" else "pair of outcomes"
            problem = f"must be a number, a list of them, or a list of lists of one for each {each}"
            raise InputError(argument, value, problem)
        if not np.all((found >= low) & (found <= high)):
            raise InputError(argument, value, f"must be from {low:g} to {high:g}")
        check_number(argument, value, len(found) if found.ndim else 1)
        listed = found if found.ndim == 2 else np.atleast_1d(found)[:, None] * np.ones(size)
        values = list(listed + 0.0)
        axes.append(Axis(axis, values, phrases(axis, argument, value, values)))
    return axes
