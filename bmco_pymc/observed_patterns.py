"""What can be seen of a response pattern when some of its outcomes are not observed.

An *observed pattern* is a pattern with ``?`` where an outcome was not observed; K = 2 gives
``11, 10, 01, 00, 1?, 0?, ?1, ?0``. It *agrees* with every pattern that it may be: ``1?`` with 11
and 10. Its *code* is its place in that order; the 2^K complete patterns come first, so that their
codes are those of `bmco_pymc.patterns`.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmco_pymc import patterns
from bmco_pymc.errors import InputError

MISSING = -1  # an outcome that was not observed


@lru_cache(maxsize=None, typed=True)
def trits(n_outcomes: int) -> NDArray[np.int8]:
    """Return the observed patterns as a matrix: 1, 0, and -1 where not observed.

    Parameters
    ----------
    n_outcomes : int
        Number of outcomes K, at least 1.

    Returns
    -------
    ndarray of int8, shape (R, K)
        R = 3^K - 1 rows: everything but nothing observed. Read-only.

    Examples
    --------
    >>> trits(2)[4:].tolist()
    [[1, -1], [0, -1], [-1, 1], [-1, 0]]
    """
    complete = patterns.bits(n_outcomes)
    every = np.array(list(product((1, 0, MISSING), repeat=n_outcomes)), dtype=np.int8)
    unseen = every == MISSING
    partial = every[unseen.any(axis=1) & ~unseen.all(axis=1)]
    matrix = np.concatenate([complete, partial.astype(np.int8)])
    matrix.flags.writeable = False  # it is cached, so shared between callers
    return matrix


@lru_cache(maxsize=None, typed=True)
def labels(n_outcomes: int) -> tuple[str, ...]:
    """Return the names of the observed patterns, in order.

    Examples
    --------
    >>> labels(2)
    ('11', '10', '01', '00', '1?', '0?', '?1', '?0')
    """
    sign = {1: "1", 0: "0", MISSING: "?"}
    return tuple("".join(sign[value] for value in row) for row in trits(n_outcomes).tolist())


@lru_cache(maxsize=None, typed=True)
def signs(n_outcomes: int) -> tuple[str, ...]:
    """Return for each observed pattern which outcomes were observed (x) and which not (?).

    Examples
    --------
    >>> signs(2)
    ('xx', 'xx', 'xx', 'xx', 'x?', 'x?', '?x', '?x')
    """
    return tuple(label.replace("1", "x").replace("0", "x") for label in labels(n_outcomes))


@lru_cache(maxsize=None, typed=True)
def agreeing(n_outcomes: int) -> NDArray[np.bool_]:
    """Return which patterns each observed pattern may be, shape (R, Q). Read-only.

    Examples
    --------
    >>> agreeing(2)[5].tolist()  # 0?
    [False, False, True, True]
    """
    seen, bits = trits(n_outcomes)[:, None], patterns.bits(n_outcomes)  # (R, 1, K), (Q, K)
    matrix = ((seen == MISSING) | (seen == bits)).all(axis=2)
    matrix.flags.writeable = False
    return matrix


def encode(responses: ArrayLike) -> NDArray[np.intp]:
    """Return the code of what was observed of each subject.

    Parameters
    ----------
    responses : array_like of int, shape (n, K)
        1, 0, or -1 where not observed.

    Returns
    -------
    ndarray of intp, shape (n,)
        Codes 0 to R - 1.

    Raises
    ------
    InputError
        If a value is something else, or nothing was observed of a subject.

    Examples
    --------
    >>> encode([[0, 1], [-1, 0]]).tolist()
    [2, 7]
    """
    values = np.asarray(responses)
    if values.ndim != 2 or not np.isin(values, (0, 1, MISSING)).all():
        raise InputError("responses", responses, "must be 1, 0, or -1 where not observed")
    known = trits(values.shape[1])
    place = 3 ** np.arange(values.shape[1], dtype=np.intp)
    code = np.full(3 ** values.shape[1], -1, dtype=np.intp)
    code[(known + 1) @ place] = np.arange(len(known))
    found = code[(values + 1) @ place]
    if (found < 0).any():
        raise InputError("responses", responses, "must have an observed outcome in each row")
    return found


def representative(n_outcomes: int) -> NDArray[np.intp]:
    """Return for each observed pattern the last pattern that agrees with it, shape (R,).

    What was not observed is a failure there: only what was observed may be read off it.

    Examples
    --------
    >>> representative(2).tolist()
    [0, 1, 2, 3, 1, 3, 2, 3]
    """
    return patterns.encode(np.maximum(trits(n_outcomes), 0))


def log_probability(log_phi: NDArray[np.float64], code: NDArray[np.intp]) -> NDArray[np.float64]:
    r"""Return the log probability of what was observed.

    Parameters
    ----------
    log_phi : ndarray, shape (..., m, Q)
        Log probabilities of the patterns.
    code : ndarray of intp, shape (m,)
        Codes of observed patterns.

    Returns
    -------
    ndarray, shape (..., m)
        :math:`\log \sum_{q \in C} \phi_q` over the patterns C that agree (Little & Rubin 2019,
        https://doi.org/10.1002/9781119482260).

    Examples
    --------
    >>> log_probability(np.log([[0.4, 0.3, 0.2, 0.1]]), np.array([4])).round(3).tolist()
    [-0.357]
    """
    Q = log_phi.shape[-1]
    agree = agreeing(Q.bit_length() - 1)[code]  # (m, Q)
    complete = code < Q
    result = np.empty(log_phi.shape[:-1])
    here = np.flatnonzero(complete)
    result[..., here] = log_phi[..., here, code[here]]
    if len(here) < len(code):
        some = np.where(agree[~complete], log_phi[..., ~complete, :], -np.inf)
        result[..., ~complete] = np.logaddexp.reduce(some, axis=-1)
    return result
