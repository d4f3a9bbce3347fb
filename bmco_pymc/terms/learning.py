"""Terms that learn from the data (``scale()``, ``poly()``, splines), from rows that stand for many.

formulaic learns from rows: the mean, the knots. Here each transform is learnt from rows and the
number of subjects they stand for, to what formulaic would learn from the subjects written out.
Evaluated, then and later, it is formulaic's own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.data.frequencies import quantile

type Weight = NDArray[np.int64]
type State = dict[str, Any]

INSIDE = ("clip", "na", "zero")  # how splines may treat values out of bounds: not as data


def transforms(weight: Weight) -> Mapping[str, Callable[..., Any]]:
    """Return the transforms that learn, for a formula's context while it is learnt.

    Parameters
    ----------
    weight : ndarray of int, shape (n,)
        How many subjects each row stands for.

    Returns
    -------
    dict of str to callable
        By the names that formulas have for them.
    """
    from formulaic.transforms import TRANSFORMS

    learnt: dict[str, Callable[..., State]]
    learnt = {"center": _scale, "scale": _scale, "standardize": _scale, "poly": _poly}
    learnt |= {"bs": _basis_spline, "cr": _cubic_spline, "cs": _cubic_spline, "cc": _cubic_spline}
    return {name: _learning(TRANSFORMS[name], learn, weight) for name, learn in learnt.items()}


def _learning(transform: Any, learn: Callable[..., State], weight: Weight) -> Callable[..., Any]:
    """Return a transform that first learns from weighted rows."""
    from formulaic.transforms import stateful_transform

    known = inspect.signature(transform)

    def weighted(data: Any, *args: Any, _state: State, **kwargs: Any) -> Any:
        if not _state:
            given = known.bind(data, *args, **kwargs)
            given.apply_defaults()
            _, *options = ((k, v) for k, v in given.arguments.items() if k != "_state")
            _state |= learn(data, weight, transform, **dict(options))
        return transform(data, *args, _state=_state, **kwargs)

    return stateful_transform(weighted)


def _scale(
    data: Any,
    weight: Weight,
    transform: Any,
    center: Any = True,
    scale: Any = False,
    ddof: float = 1,
    rescale: Any = None,
) -> State:
    """Learn mean and SD; ``center()`` has no SD, and ``standardize()`` its own name for it."""
    x = np.asarray(data, float)
    scale = scale if rescale is None else rescale
    middle = np.average(x, axis=0, weights=weight) if center is True else center
    middle = None if middle is False else np.asarray(middle)
    away = x if middle is None else x - middle
    size = np.sqrt(weight @ away**2 / (weight.sum() - ddof)) if scale is True else scale
    return {"ddof": ddof, "center": middle, "scale": None if size is False else np.asarray(size)}


def _poly(data: Any, weight: Weight, transform: Any, degree: int = 1, raw: bool = False) -> State:
    """Learn the three-term recurrence of polynomials that are orthogonal over the subjects."""
    if raw:
        return {}
    x = np.asarray(data, float)
    before, here = np.zeros_like(x), np.ones_like(x)
    alpha: dict[int, float] = {}
    norms: dict[int, float] = {0: float(weight.sum())}
    for k in range(degree):
        alpha[k] = float(weight @ (x * here**2)) / norms[k]
        beta = norms[k] / norms[k - 1] if k else 0.0
        before, here = here, (x - alpha[k]) * here - beta * before
        norms[k + 1] = float(weight @ here**2)
    return {"alpha": alpha, "norms2": norms}


def _basis_spline(
    data: Any, weight: Weight, transform: Any, df: int | None = None, **options: Any
) -> State:
    """Learn the knots of a B-spline: quantiles of the subjects between the bounds."""
    x = np.asarray(data, float)
    state: State = {}
    n_knots = 0 if df is None else df - options["degree"] - bool(options["include_intercept"])
    if n_knots <= 0 or options["knots"] is not None:  # nothing to count, or formulaic's error
        transform(x, df=df, _state=state, **options)
        return state
    inside = np.ones(len(x), dtype=bool)
    if options["extrapolation"] in INSIDE:
        low, high = options["lower_bound"], options["upper_bound"]
        inside &= True if low is None else x >= low
        inside &= True if high is None else x <= high
    if inside.any():
        shares = np.linspace(0, 1, n_knots + 2)[1:-1]
        options["knots"] = quantile(x[inside], weight[inside], shares).tolist()
        df = None
    transform(x, df=df, _state=state, **options)
    return state


def _cubic_spline(data: Any, weight: Weight, transform: Any, **options: Any) -> State:
    """Learn a cubic spline: knots among the distinct values, centred over the subjects."""
    x = np.asarray(data, float)
    state: State = {}
    transform(x, _state=state, **options)
    if isinstance(options["constraints"], str):  # "center", the only word: over rows so far
        free = transform(x, _state={**state, "constraints": None}, constraints=None)
        columns = np.column_stack(list(free.values()))
        state["constraints"] = np.average(columns, axis=0, weights=weight)[None, :]
    return state
