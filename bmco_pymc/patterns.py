"""The 2^K joint response patterns of K binary outcomes: their names, codes and probabilities.

Patterns run from all-success to all-failure, the first outcome being the first bit; K = 2 gives
``11, 10, 01, 00``. A pattern's *code* is its place in that order.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmco_pymc.arguments import numbers, whole
from bmco_pymc.errors import InputError


@lru_cache(maxsize=None, typed=True)
def labels(n_outcomes: int) -> tuple[str, ...]:
    """Return the names of the patterns, in order.

    Parameters
    ----------
    n_outcomes : int
        Number of outcomes K, at least 1.

    Returns
    -------
    tuple of str
        The Q = 2^K names, one character per outcome, ``"1"`` for a success.

    Examples
    --------
    >>> labels(2)
    ('11', '10', '01', '00')
    """
    return tuple("".join(map(str, row)) for row in bits(n_outcomes).tolist())


@lru_cache(maxsize=None, typed=True)
def bits(n_outcomes: int) -> NDArray[np.int8]:
    """Return the patterns as a matrix of zeros and ones.

    Parameters
    ----------
    n_outcomes : int
        Number of outcomes K, at least 1.

    Returns
    -------
    ndarray of int8, shape (Q, K)
        Row q is pattern q; column k tells whether outcome k is a success there. Read-only.

    Raises
    ------
    InputError
        If ``n_outcomes`` is not a whole number of at least 1.

    Examples
    --------
    >>> bits(2).tolist()
    [[1, 1], [1, 0], [0, 1], [0, 0]]
    """
    repeat = whole("n_outcomes", n_outcomes, 1)
    matrix = np.array(list(product((1, 0), repeat=repeat)), dtype=np.int8)  # (Q, K)
    matrix.flags.writeable = False  # it is cached, so shared between callers
    return matrix


def encode(responses: ArrayLike) -> NDArray[np.intp]:
    """Return the pattern code of each subject's responses.

    Parameters
    ----------
    responses : array_like of 0/1 or bool, shape (n, K)
        One row per subject, one column per outcome.

    Returns
    -------
    ndarray of intp, shape (n,)
        Codes 0 (all successes) to Q - 1 (all failures).

    Raises
    ------
    InputError
        If ``responses`` is no such matrix or has a value other than 0 and 1.

    Examples
    --------
    >>> encode([[1, 1], [0, 1], [0, 0]]).tolist()
    [0, 2, 3]
    """
    values = np.asarray(responses)
    if values.ndim != 2 or values.shape[1] < 1:
        raise InputError(
            "responses", responses, "must have a row per subject, a column per outcome"
        )
    if not np.all((values == 0) | (values == 1)):
        raise InputError("responses", responses, "must be 0 or 1 throughout")
    place = 2 ** np.arange(values.shape[1], dtype=np.intp)[::-1]  # the first bit is the highest
    return (1 - values.astype(np.intp)) @ place  # (n, K) @ (K,) -> (n,)


def decode(codes: ArrayLike, n_outcomes: int) -> NDArray[np.int8]:
    """Return the responses that pattern codes stand for; the inverse of `encode`.

    Parameters
    ----------
    codes : array_like of int, shape (n,)
        Pattern codes, 0 to Q - 1.
    n_outcomes : int
        Number of outcomes K, at least 1.

    Returns
    -------
    ndarray of int8, shape (n, K)
        One row per code, one column per outcome.

    Raises
    ------
    InputError
        If a code is not a whole number from 0 to Q - 1, or ``n_outcomes`` is below 1.

    Examples
    --------
    >>> decode([0, 2], 2).tolist()
    [[1, 1], [0, 1]]
    """
    matrix = bits(n_outcomes)
    index = np.asarray(codes)
    if not np.issubdtype(index.dtype, np.integer) or np.any((index < 0) | (index >= len(matrix))):
        raise InputError("codes", codes, f"must be whole numbers from 0 to {len(matrix) - 1}")
    return matrix[index]


def pairs(n_outcomes: int) -> tuple[tuple[int, int], ...]:
    """Return the pairs of outcomes, each as two positions, in the order of their correlations.

    Parameters
    ----------
    n_outcomes : int
        Number of outcomes K, at least 1.

    Returns
    -------
    tuple of (int, int)
        The K (K - 1) / 2 pairs (i, j) with i < j; none for one outcome.

    Examples
    --------
    >>> pairs(3)
    ((0, 1), (0, 2), (1, 2))
    """
    return tuple((i, j) for i in range(n_outcomes) for j in range(i + 1, n_outcomes))


def theta_from_phi(phi: ArrayLike) -> NDArray[np.float64]:
    r"""Return the success probability of each outcome.

    Parameters
    ----------
    phi : array_like of float, shape (..., Q)
        Pattern probabilities, summing to 1 over the last axis.

    Returns
    -------
    ndarray of float, shape (..., K)
        :math:`\theta_k = \sum_q \phi_q b_{qk}`, where :math:`b_{qk}` is 1 if pattern q has a
        success on outcome k (Kavelaars, Mulder & Kaptein 2020,
        https://doi.org/10.1177/0962280220922256).

    Raises
    ------
    InputError
        If φ has not 2, 4, 8, ... patterns in its last dimension.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.theta_from_phi([0.5, 0.25, 0.125, 0.125]).tolist()
    [0.75, 0.625]
    """
    phi = numbers("phi", phi, "must be probabilities")
    return phi @ bits(_n_outcomes(phi)).astype(float)  # (..., Q) @ (Q, K) -> (..., K)


def rho_from_phi(phi: ArrayLike) -> NDArray[np.float64]:
    r"""Return the correlation of each pair of outcomes.

    Parameters
    ----------
    phi : array_like of float, shape (..., Q)
        Pattern probabilities, summing to 1 over the last axis.

    Returns
    -------
    ndarray of float, shape (..., K (K - 1) / 2)
        The Pearson (phi) correlations in the order of `pairs`,

        .. math:: \rho_{ij} = \frac{p_{11} p_{00} - p_{10} p_{01}}
            {\sqrt{\theta_i (1 - \theta_i)\, \theta_j (1 - \theta_j)}},

        with p the joint distribution of outcomes i and j (Dai, Ding & Wahba 2013,
        https://doi.org/10.3150/12-BEJSP10). NaN where an outcome is certain: θ is 0 or 1.

    Raises
    ------
    InputError
        If φ has not 2, 4, 8, ... patterns in its last dimension.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.rho_from_phi([0.4, 0.1, 0.1, 0.4]).round(3).tolist()
    [0.6]
    """
    phi = numbers("phi", phi, "must be probabilities")
    n_outcomes = _n_outcomes(phi)
    success = bits(n_outcomes).astype(bool)  # (Q, K)
    # The failure probability is summed too: 1 - θ would lose the digits of a rare failure.
    sd = np.sqrt((phi @ success.astype(float)) * (phi @ (~success).astype(float)))  # (..., K)
    rho = np.full((*phi.shape[:-1], len(pairs(n_outcomes))), np.nan)
    for place, (i, j) in enumerate(pairs(n_outcomes)):
        p11, p10, p01, p00 = (
            phi[..., (success[:, i] == a) & (success[:, j] == b)].sum(
                axis=-1
            )  # (..., Q/4) -> (...)
            for a, b in ((True, True), (True, False), (False, True), (False, False))
        )
        scale = sd[..., i] * sd[..., j]
        np.divide(p11 * p00 - p10 * p01, scale, out=rho[..., place], where=scale > 0)
    return rho


def phi_from_theta_rho(theta: ArrayLike, rho: ArrayLike) -> NDArray[np.float64]:
    r"""Return the four pattern probabilities of two outcomes from their margins and correlation.

    Parameters
    ----------
    theta : array_like of float, shape (..., 2)
        Success probability of each outcome, from 0 to 1.
    rho : array_like of float, shape (...)
        Their correlation, inside its Fréchet bounds; 0 where a θ is 0 or 1. Shapes broadcast.

    Returns
    -------
    ndarray of float, shape (..., 4)
        Probabilities of the patterns 11, 10, 01, 00; with
        :math:`s_k = \sqrt{\theta_k (1 - \theta_k)}`,

        .. math:: \phi_{11} = \theta_1 \theta_2 + \rho\, s_1 s_2, \quad
            \max(0, \theta_1 + \theta_2 - 1) \le \phi_{11} \le \min(\theta_1, \theta_2)

        (Prentice 1988, https://doi.org/10.2307/2531733).

    Raises
    ------
    InputError
        If ``theta`` is not pairs of probabilities, or ``rho`` is outside its bounds, which the
        message names.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.phi_from_theta_rho([0.5, 0.5], 0.6).round(3).tolist()
    [0.4, 0.1, 0.1, 0.4]
    >>> bmco.phi_from_theta_rho([0.2, 0.9], 0.5)
    Traceback (most recent call last):
        ...
    bmco_pymc.errors.InputError: rho=0.5: must lie between -0.6667 and 0.1667 for theta = (0.2, 0.9)
    """
    theta = numbers("theta", theta, "must be probabilities")
    rho = numbers("rho", rho, "must be correlations")
    if theta.ndim < 1 or theta.shape[-1] != 2:
        raise InputError("theta", theta, "must hold two probabilities in its last dimension")
    if not np.all((theta >= 0) & (theta <= 1)):
        raise InputError("theta", theta, "must be probabilities, from 0 to 1")
    first, second, rho = np.broadcast_arrays(theta[..., 0], theta[..., 1], rho)
    scale = np.sqrt(first * (1 - first) * second * (1 - second))
    both = first * second + rho * scale
    lowest, highest = np.maximum(0, first + second - 1), np.minimum(first, second)
    inside = (both >= lowest - 1e-12) & (both <= highest + 1e-12)  # but for rounding
    inside &= np.where(scale > 0, np.isfinite(rho), rho == 0)
    if not inside.all():
        worst = np.unravel_index(np.argmin(inside), inside.shape)
        raise InputError(
            "rho", float(rho[worst]), _bounds(float(first[worst]), float(second[worst]))
        )
    both = np.clip(both, lowest, highest)
    phi = np.stack([both, first - both, second - both, 1 - first - second + both], axis=-1)
    return np.maximum(phi, 0.0)  # at a bound, rounding may leave -1e-17


def _bounds(first: float, second: float) -> str:
    """Return in words what correlations two success probabilities allow."""
    given = f"for theta = ({first:.4g}, {second:.4g})"
    scale = (first * (1 - first) * second * (1 - second)) ** 0.5
    if scale == 0:
        return f"must be 0 {given}: an outcome that is certain has no correlation"
    bounds = max(0.0, first + second - 1), min(first, second)
    low, high = ((bound - first * second) / scale for bound in bounds)
    return f"must lie between {low:.4g} and {high:.4g} {given}"


def _n_outcomes(phi: NDArray[np.float64]) -> int:
    """Return K for pattern probabilities with 2^K entries in the last axis."""
    n_patterns = phi.shape[-1] if phi.ndim else 0
    n_outcomes = n_patterns.bit_length() - 1
    if n_patterns < 2 or n_patterns != 2**n_outcomes:
        raise InputError("phi", phi, "must have 2, 4, 8, ... patterns in its last dimension")
    return n_outcomes
