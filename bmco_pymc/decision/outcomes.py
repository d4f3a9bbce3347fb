"""One number per outcome, as users write it: margins and weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bmco_pymc import patterns
from bmco_pymc.arguments import numbers, real
from bmco_pymc.decision.criteria import Criterion
from bmco_pymc.errors import InputError, short, warn_user

HIGH_LEVEL = 0.2  # of a decision; above it, one asks whether 1 - alpha was meant

PerOutcome = ArrayLike | Mapping[str, float]


def per_outcome(argument: str, value: object, outcomes: Sequence[str]) -> xr.DataArray:
    """Return one finite number per outcome.

    Parameters
    ----------
    argument : str
        Name of the argument, for the error.
    value : float, sequence or mapping
        One for all, one per outcome in their order, or outcome to number (a pandas Series too).
    outcomes : sequence of str
        Labels, length K.

    Returns
    -------
    xarray.DataArray
        Dims (outcome,), without labels: arithmetic goes by position.

    Raises
    ------
    InputError
        Not finite numbers, not K of them, or not the outcomes' names.

    Examples
    --------
    >>> per_outcome("margins", {"reading": -0.1, "maths": 0}, ["maths", "reading"]).values.tolist()
    [0.0, -0.1]
    """
    if hasattr(value, "items"):
        named = {str(key): number for key, number in value.items()}
        if set(named) != set(outcomes):
            raise InputError(argument, value, "must name every outcome, and no other", outcomes)
        listed: object = [named[outcome] for outcome in outcomes]
    else:
        listed = value
    try:
        found = numbers(argument, listed, "must be finite numbers")
    except InputError as error:
        raise InputError(argument, value, error.problem) from None
    if not np.isfinite(found).all():
        raise InputError(argument, value, "must be finite numbers")
    if found.shape not in {(), (len(outcomes),)}:
        raise InputError(argument, value, f"needs {len(outcomes)} numbers, one per outcome")
    return xr.DataArray(np.broadcast_to(found, len(outcomes)), dims="outcome")


def read_margins(margins: object, outcomes: Sequence[str]) -> xr.DataArray:
    """Return the margin of each outcome, dims (outcome,).

    Raises
    ------
    InputError
        Not K finite numbers, or not between −1 and 1, where differences of probabilities are.

    Examples
    --------
    >>> read_margins(-0.1, ["maths", "reading"]).values.tolist()
    [-0.1, -0.1]
    """
    m = per_outcome("margins", margins, outcomes)
    if not (abs(m) < 1).all():
        problem = "margins are differences of probabilities, between -1 and 1: ten points are 0.1"
        raise InputError("margins", margins, problem)
    return m


def read_level(alpha: Any) -> float:
    """Return the level of a decision.

    Raises
    ------
    InputError
        Not a number between 0 and 0.5. At 0.5 and above a difference below its margin would pass.

    Warns
    -----
    InputWarning
        It is above 0.2.

    Examples
    --------
    >>> read_level(0.05)
    0.05
    """
    level = real(alpha)
    if not 0 < level < 0.5:
        problem = (
            "must be above 0 and below 0.5: it is the error rate of the decision, 0.05 for a "
            "probability above 0.95"
        )
        raise InputError("alpha", alpha, problem)
    if level > HIGH_LEVEL:
        warn_user(
            f"alpha={alpha!r} lets the decision err in up to {level:.0%} of trials without effect"
        )
    return level


def read_weights(w: PerOutcome | None, outcomes: Sequence[str], used_by: Criterion) -> xr.DataArray:
    """Return weights that sum to one, dims (outcome,); equal where none are given or used.

    Raises
    ------
    InputError
        Not K finite numbers, one negative, or all zero.

    Warns
    -----
    InputWarning
        They do not sum to one, or the rule does not use weights.

    Examples
    --------
    >>> from bmco_pymc.decision.criteria import CRITERIA
    >>> read_weights([0.75, 0.25], ["maths", "reading"], used_by=CRITERIA["Comp"]).values.tolist()
    [0.75, 0.25]
    """
    if w is None or not used_by.weighs:
        if w is not None:
            warn_user(f"w={short(w)} is not used: rule {used_by.name} has no weights")
        return per_outcome("w", 1 / len(outcomes), outcomes)
    if isinstance(w, Real):
        raise InputError("w", w, f"needs {len(outcomes)} weights, one per outcome")
    weights = per_outcome("w", w, outcomes)
    if (weights < 0).any() or not (weights > 0).any():
        raise InputError("w", w, "weights must be non-negative and not all zero")
    ratios = weights / weights.max()  # before the sum, which could overflow
    shares = ratios / math.fsum(ratios.values)
    if not np.allclose(shares, weights, rtol=1e-6, atol=0):
        warn_user(
            f"w={short(w)} does not sum to 1: normalised to {[float(f'{s:.4g}') for s in shares]}"
        )
    return shares


def read_utilities(u: Any, margin: Any, n_outcomes: int) -> tuple[float, ...]:
    """Return the utility of each response pattern, and check the margin of their expected value.

    Raises
    ------
    InputError
        Not a finite number for each pattern, or all the same; or a margin that is not one number.

    Examples
    --------
    >>> read_utilities({"11": 1, "10": 0.3, "01": 0.2}, 0, n_outcomes=2)
    (1.0, 0.3, 0.2, 0.0)
    """
    labels = patterns.labels(n_outcomes)
    last = labels[-1]
    named = {last: 0.0, **u} if isinstance(u, Mapping) and last not in u else u
    try:
        utilities = per_outcome("u", named, labels).values
    except InputError:
        problem = f"needs a finite number for each of the {len(labels)} patterns"
        raise InputError("u", u, problem, labels) from None
    if isinstance(u, Real) or np.ptp(utilities) == 0:
        raise InputError("u", u, "patterns that are all worth the same decide nothing")
    most = float(np.ptp(utilities))
    if not abs(real(margin)) < most:
        rises = f"what its value must rise by, above {-most:g} and below {most:g}"
        raise InputError("margins", margin, f"rule Utility has one: {rises}")
    return tuple(utilities.tolist())
