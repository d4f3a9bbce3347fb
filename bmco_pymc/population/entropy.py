"""The pattern probabilities of largest entropy with given success rates and pairwise correlations.

They exist for every set of rates and correlations that any distribution has. Whether one has is a
linear programme; its largest entropy is a smooth concave problem in as many unknowns as there are
rates and correlations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmco_pymc import patterns
from bmco_pymc.arguments import numbers
from bmco_pymc.errors import InputError

MOST_OUTCOMES = 10  # 1024 patterns: beyond that nobody can look at a distribution
RARE = 1e-12  # standardised outcomes of rarer ones are too large numbers
REPRODUCED = 1e-10  # how well the answer has the rates and correlations asked for
CONVERGED = 1e-15
POSSIBLE = 1e-8  # a linear programme is good to 1e-9

type Array = NDArray[np.float64]


def largest_entropy(theta: ArrayLike, rho: ArrayLike) -> Array:
    r"""Return the pattern probabilities of largest entropy with these rates and correlations.

    Parameters
    ----------
    theta : array_like of float, shape (K,)
        Success probability of each outcome, in (0, 1).
    rho : array_like of float, shape (K, K) or ()
        The correlation of each pair of outcomes, or one for all pairs.

    Returns
    -------
    ndarray of float, shape (Q,)
        Probability of each pattern q, with bits b:

        .. math:: \phi_q \propto \exp\Bigl(\sum_i \lambda_i b_{qi}
            + \sum_{i<j} \lambda_{ij} b_{qi} b_{qj}\Bigr),

        which has no more interaction than the pairs need (Jaynes 1957,
        https://doi.org/10.1103/PhysRev.106.620), or the limit of such: a pattern that is impossible
        under these rates and correlations has probability 0, but for rounding.

    Raises
    ------
    InputError
        If no distribution has these rates and correlations: those of a pair are outside their
        Fréchet bounds, or each pair's are possible but not all together (Chaganty & Joe 2006,
        https://doi.org/10.1093/biomet/93.1.197). The message says what would be possible.

    Examples
    --------
    >>> largest_entropy([0.5, 0.5, 0.5], 0.2).round(4).tolist()
    [0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2]
    >>> largest_entropy([0.5, 0.5, 0.5], -0.5)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    bmco_pymc.errors.InputError: rho=-0.5: each pair could be so ...; each may be -0.3333 to 1
    """
    theta = read_rates("theta", theta)
    matrix = read_correlations("rho", rho, len(theta))
    asked = np.array([matrix[pair] for pair in patterns.pairs(len(theta))])
    if not asked.any():
        return _independent(theta)
    if not np.all((theta >= RARE) & (theta <= 1 - RARE)):
        raise InputError(
            "theta", theta.tolist(), f"correlated rates must differ by {RARE:g} from 0 and 1"
        )
    _check_pairs(theta, asked)
    problem = _Problem.of(theta, asked)
    phi = problem.solve()
    if problem.error(phi) > REPRODUCED:
        phi = problem.vertex() if problem.violation() <= POSSIBLE else phi
        if problem.error(phi) > REPRODUCED:
            raise InputError("rho", rho, problem.why_not(theta, asked))
    return phi


def read_rates(argument: str, value: ArrayLike) -> Array:
    """Return the success probabilities of one group, shape (K,).

    Raises
    ------
    InputError
        If they are no flat list of numbers between 0 and 1, both excluded.
    """
    theta = numbers(argument, value, "must be success probabilities")
    if theta.ndim != 1 or not 1 <= len(theta) <= MOST_OUTCOMES:
        problem = f"must be a flat list: one probability for each of 1 to {MOST_OUTCOMES} outcomes"
        raise InputError(argument, value, problem)
    if not np.all((theta > 0) & (theta < 1)):
        raise InputError(argument, value, "must be between 0 and 1, neither included")
    return theta


def read_correlations(argument: str, value: ArrayLike, n_outcomes: int) -> Array:
    """Return the correlation matrix that a number or a matrix means, shape (K, K).

    Raises
    ------
    InputError
        If it is no number from -1 to 1, and no symmetric matrix of such with ones on the diagonal.
    """
    rho = numbers(argument, value, "must be correlations")
    if rho.ndim == 0:
        rho = np.where(np.eye(n_outcomes, dtype=bool), 1.0, rho)
    if rho.shape != (n_outcomes, n_outcomes):
        size = f"{n_outcomes} x {n_outcomes}"
        raise InputError(argument, value, f"must be a number or a matrix, {size}")
    if not np.all(np.abs(rho) <= 1):
        raise InputError(argument, value, "must be correlations, from -1 to 1")
    if not np.allclose(rho, rho.T, rtol=0, atol=1e-12) or not np.all(np.diag(rho) == 1):
        raise InputError(argument, value, "must be symmetric, with ones on the diagonal")
    return rho


def _check_pairs(theta: Array, asked: Array) -> None:
    """Refuse correlations that are outside the Fréchet bounds of their pair."""
    for (i, j), rho in zip(patterns.pairs(len(theta)), asked, strict=True):
        try:
            patterns.phi_from_theta_rho(theta[[i, j]], rho)
        except InputError as error:
            which = f" of outcomes {i + 1} and {j + 1}" if len(theta) > 2 else ""
            raise InputError("rho", error.value, error.problem + which) from None


@dataclass(frozen=True, eq=False)
class _Problem:
    """Find φ with F'φ = target: mean 0 and the correlations asked for, of standardised outcomes.

    Attributes
    ----------
    features : ndarray, shape (Q, F)
        The K standardised outcomes of each pattern, and the K (K - 1) / 2 products of two.
    target : ndarray, shape (F,)
        Zeros and the correlations.
    independent : ndarray, shape (Q,)
        φ of independent outcomes, from which the entropy's maximum is sought.
    """

    features: Array
    target: Array
    independent: Array

    @staticmethod
    def of(theta: Array, rho: Array) -> _Problem:
        bits = patterns.bits(len(theta)).astype(float)  # (Q, K)
        scaled = (bits - theta) / np.sqrt(theta * (1 - theta))
        products = [scaled[:, i] * scaled[:, j] for i, j in patterns.pairs(len(theta))]
        target = np.concatenate([np.zeros(len(theta)), rho])
        return _Problem(np.column_stack([scaled, *products]), target, _independent(theta))

    def error(self, phi: Array) -> float:
        """Return how far φ misses what is asked for, in units of a correlation."""
        miss = np.abs(phi @ self.features - self.target).max()
        return math.inf if np.isnan(miss) else float(max(miss, abs(phi.sum() - 1)))

    def solve(self, steps: int = 60) -> Array:
        """Return φ of largest entropy, by Newton's method on the concave dual.

        At a boundary the dual has a supremum only, and the impossible patterns lose a factor e in
        each step. Without an answer it has none: then the result misses the target.
        """
        centred = self.features - self.target  # (Q, F)
        base = np.log(self.independent)
        dual = np.zeros(len(self.target))
        phi = _normalised(base)
        best, least = phi, math.inf
        for _ in range(steps):
            gradient = phi @ centred
            miss = float(np.abs(gradient).max())
            if miss < least:
                best, least = phi, miss
            if miss < CONVERGED:
                break
            spread = centred - gradient
            # On the boundary some directions do nothing: least squares leaves them alone.
            hessian = spread.T @ (phi[:, None] * spread)
            step = -np.linalg.lstsq(hessian, gradient, rcond=1e-15)[0]
            slope = float(gradient @ step)
            for halvings in range(40):  # the slope tells overshooting to more digits than heights
                phi = _normalised(base + centred @ (dual + step / 2**halvings))
                if float(phi @ centred @ step) <= -slope / 10:
                    break
            dual = dual + step / 2**halvings
        return best

    def violation(self) -> float:
        """Return the least sum of misses of any φ: 0 where the target is possible."""
        n_patterns, n = self.features.shape
        slack = np.vstack([np.zeros(2 * n), np.hstack([np.eye(n), -np.eye(n)])])
        cost = np.concatenate([np.zeros(n_patterns), np.ones(2 * n)])
        return _programme(
            cost, np.hstack([self._rows(), slack]), np.concatenate([[1], self.target])
        )[0]

    def vertex(self) -> Array:
        """Return some φ that meets the target, of no particular entropy."""
        sides = np.concatenate([[1], self.target])
        found = _programme(np.zeros(len(self.features)), self._rows(), sides)
        phi = np.maximum(found[1], 0)
        return phi / phi.sum() if phi.sum() > 0 else self.independent

    def why_not(self, theta: Array, asked: Array) -> str:
        """Say that the correlations are impossible together, and which are possible."""
        common = bool(np.all(asked == asked[0]))
        moving = np.concatenate([np.zeros(len(theta) + 1), asked**0 if common else asked])
        # Over φ and t: the largest t with correlations t, or t times those asked for.
        rows = np.column_stack([self._rows(), -moving])
        bounds = [(0.0, None)] * len(self.features) + [(-1.0, 1.0)]
        goal, sides = np.eye(1, rows.shape[1], rows.shape[1] - 1)[0], np.eye(1, len(rows))[0]
        low, high = (sign * _programme(sign * goal, rows, sides, bounds)[0] for sign in (1, -1))
        # Rounded inwards, so that what is shown is possible.
        low, high = math.ceil(low * 1e4 - 1e-3) / 1e4, math.floor(high * 1e4 + 1e-3) / 1e4
        possible = (
            f"each may be {low:g} to {high:g}" if common else f"{high:g} times them is possible"
        )
        rates = ", ".join(f"{rate:.4g}" for rate in theta)
        return (
            f"each pair could be so correlated, but not all pairs at once for theta = ({rates}); "
            + possible
        )

    def _rows(self) -> Array:
        """Return what is linear in φ, shape (1 + F, Q): the sum and the features."""
        return np.vstack([np.ones(len(self.features)), self.features.T])


def _independent(theta: Array) -> Array:
    """Return φ of independent outcomes, shape (Q,)."""
    return np.where(patterns.bits(len(theta)) == 1, theta, 1 - theta).prod(axis=1)


def _normalised(log_weight: Array) -> Array:
    """Return probabilities in proportion to weights that are given by their logs."""
    weight = np.exp(log_weight - log_weight.max())
    return weight / weight.sum()


def _programme(
    cost: Array,
    rows: Array,
    sides: Array,
    bounds: Sequence[tuple[float, float | None]] | None = None,
) -> tuple[float, Array]:
    """Return the least cost of x with rows @ x = sides, and x; x ≥ 0 where nothing else is said."""
    from scipy.optimize import linprog  # when it is needed: few scenarios are at a boundary

    close = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    bounded = (0, None) if bounds is None else bounds
    found = linprog(cost, A_eq=rows, b_eq=sides, bounds=bounded, method="highs", options=close)
    if found.x is None:
        return math.inf, np.zeros(len(cost))
    return float(found.fun), found.x
