"""From what is assumed about two groups to the grid of truths that it means."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.arguments import numbers
from bmco_pymc.errors import InputError
from bmco_pymc.population.entropy import (
    MOST_OUTCOMES,
    largest_entropy,
    read_correlations,
    read_rates,
)

GROUPS = ("control", "treatment")
MOST = 100_000  # truths
MOST_NUMBERS = 2**23  # in φ of all truths: 64 MiB
SUM_TO_ONE = 1e-9

type Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Axis:
    """A dimension of the grid.

    Attributes
    ----------
    name : str
        What varies along it: "control", "treatment", "rho", "rho of control", ... or "phi".
    values : list of ndarray
        All of one shape: θ (K,), correlations (K, K), φ of a group (Q,) or of both (2, Q).
    labels : list of str
        A phrase for each value.
    """

    name: str
    values: list[Array]
    labels: list[str]


def axes_of_rates(control: Any, treatment: Any, rho: Any) -> list[Axis]:
    """Return the dimensions that success rates and correlations span, rho last; see `Scenario`.

    Raises
    ------
    InputError
        If something is no success rate or correlation, or the groups differ in K.

    Examples
    --------
    >>> [axis.labels for axis in axes_of_rates(0.4, [[0.5], [0.6]], None)]
    [['control = 0.4'], ['treatment = 0.5', 'treatment = 0.6']]
    """
    first, second = _rates("control", control), _rates("treatment", treatment)
    k, other = len(first[0]), len(second[0])
    if k != other:
        problem = f"has {other} outcome{'s' * (other > 1)}, but control has {k}"
        if k == 1:
            problem += "; several rates of a single outcome are a list of lists: [[0.5], [0.6]]"
        raise InputError("treatment", treatment, problem)
    axes = [
        Axis(group, rates, phrases(group, group, given, rates))
        for group, given, rates in zip(GROUPS, (control, treatment), (first, second), strict=True)
    ]
    return axes + axes_of_rho(rho, k)


def axes_of_phi(phi: Any) -> list[Axis]:
    """Return the dimensions that pattern probabilities span; see `Scenario`.

    Raises
    ------
    InputError
        If they are no distributions over 2^K patterns for two groups.

    Examples
    --------
    >>> [axis.labels for axis in axes_of_phi([[[0.5, 0.5], [0.6, 0.4]], [[0.5, 0.5], [0.7, 0.3]]])]
    [['truth 1', 'truth 2']]
    """
    if not isinstance(phi, Mapping):
        found = _distributions("phi", phi, 3)
        if found.ndim < 2 or found.shape[-2] != len(GROUPS):
            problem = "must hold the probabilities of the control and of the treatment, for a truth"
            raise InputError("phi", phi, problem)
        truths = list(found.reshape(-1, *found.shape[-2:]))
        return [Axis("phi", truths, [f"truth {number + 1}" for number in range(len(truths))])]
    check_groups("phi", phi)
    axes = []
    for group in GROUPS:
        values = list(np.atleast_2d(_distributions(f"phi[{group!r}]", phi[group], 2)))
        labels = [f"{group} = phi {number + 1}" for number in range(len(values))]
        if len(values) == 1:
            labels = [f"{group} = {shown(patterns.theta_from_phi(values[0]))}"]
        axes.append(Axis(f"phi of {group}", values, labels))
    k, other = (len(axis.values[0]) for axis in axes)
    if k != other:
        problem = f"has {other} patterns, but the control has {k}"
        raise InputError("phi['treatment']", phi["treatment"], problem)
    return axes


def phi_at(axes: Sequence[Axis], rates: Array, labels: Sequence[str]) -> Array:
    """Return φ of each truth where success rates are given by a covariate, shape (S, 2, m, Q).

    Parameters
    ----------
    axes : sequence of Axis
        Of correlations and whatever else, without rates.
    rates : ndarray, shape (2, m, K)
        At each of m values of the covariate.
    labels : sequence of str
        Of the truths, for an error.
    """
    found = []
    for control, treatment in zip(*rates, strict=True):
        rates_there = [Axis("control", [control], [""]), Axis("treatment", [treatment], [""])]
        found.append(phi_of([*rates_there, *axes], labels))
    return np.stack(found, axis=2)


def axes_of_rho(rho: Any, k: int) -> list[Axis]:
    """Return the dimensions that correlations of K outcomes span: none of a single outcome.

    Raises
    ------
    InputError
        If something is no correlation.

    Examples
    --------
    >>> [axis.labels for axis in axes_of_rho([0, 0.2], 2)]
    [['rho = 0', 'rho = 0.2']]
    """
    if not isinstance(rho, Mapping):
        given_rho = {"rho": ("rho", 0.0 if rho is None else rho)}
    else:
        check_groups("rho", rho)
        given_rho = {f"rho of {group}": (f"rho[{group!r}]", rho[group]) for group in GROUPS}
    axes = []
    for name, (argument, value) in given_rho.items():
        matrices = _correlations(argument, value, k)
        if k > 1:
            pairs = [np.array([one[pair] for pair in patterns.pairs(k)]) for one in matrices]
            axes.append(Axis(name, matrices, phrases(name, argument, value, pairs)))
    return axes


def labels_of(axes: Sequence[Axis]) -> tuple[str, ...]:
    """Return a label for each truth of the grid: what varies, or all of it where nothing does.

    Raises
    ------
    InputError
        If there are too many truths.

    Examples
    --------
    >>> labels_of(axes_of_rates([0.4, 0.4], [0.6, 0.6], [0, 0.3]))
    ('rho = 0', 'rho = 0.3')
    """
    size = math.prod(len(axis.values) for axis in axes)
    first = axes[0]
    k = len(first.values[0])
    n_patterns = first.values[0].shape[-1] if "phi" in first.name else 2**k
    most = min(MOST, MOST_NUMBERS // (2 * n_patterns))
    if size > most:
        longest = max(axes, key=lambda axis: len(axis.values))
        argument, values = longest.name.split(" of ")[0], np.stack(longest.values).tolist()
        problem = f"the grid has {size} truths; at most {most} are possible"
        raise InputError(argument, values, problem)
    varying = [axis.labels for axis in axes if len(axis.values) > 1]
    return tuple(map(", ".join, itertools.product(*(varying or [axis.labels for axis in axes]))))


def phi_of(axes: Sequence[Axis], labels: Sequence[str]) -> Array:
    """Return φ of each truth of the grid, shape (S, 2, Q); the last dimension runs fastest.

    Raises
    ------
    InputError
        If no distribution has the rates and correlations of a truth; it is named by its label.

    Examples
    --------
    >>> axes = axes_of_rates(0.4, [[0.5], [0.6]], None)
    >>> phi_of(axes, labels_of(axes)).tolist()
    [[[0.4, 0.6], [0.5, 0.5]], [[0.4, 0.6], [0.6, 0.4]]]
    """
    sizes = [len(axis.values) for axis in axes]
    places = np.indices(sizes).reshape(len(sizes), -1)  # (axes, S)
    grid = {
        axis.name: np.stack(axis.values)[place]
        for axis, place in zip(axes, places, strict=True)
        if axis.name.startswith((*GROUPS, "rho", "phi"))
    }
    if "phi" in grid:
        return grid["phi"]
    both = []
    for group in GROUPS:
        if f"phi of {group}" in grid:
            both.append(grid[f"phi of {group}"])
            continue
        rho = grid.get("rho", grid.get(f"rho of {group}"))
        both.append(_joint(grid[group], rho, group, labels))
    return np.stack(both, axis=1)


def on_grid(part: Sequence[Axis], axes: Sequence[Axis]) -> dict[str, Array]:
    """Return what some dimensions say of both groups of each truth, each name (S, 2, ...).

    Examples
    --------
    >>> icc = Axis("icc", [np.array([0.1]), np.array([0.2])], ["", ""])
    >>> on_grid([icc], [icc])["icc"].tolist()
    [[[0.1], [0.1]], [[0.2], [0.2]]]
    """
    sizes = [len(axis.values) for axis in axes]
    places = dict(
        zip((a.name for a in axes), np.indices(sizes).reshape(len(sizes), -1), strict=True)
    )
    found = {axis.name: np.stack(axis.values)[places[axis.name]] for axis in part}
    names = dict.fromkeys(axis.name.split(" of ")[0] for axis in part)
    groups = {name: [f"{name} of {group}" for group in GROUPS] for name in names}
    return {
        name: np.stack([found[name if name in found else own] for own in groups[name]], axis=1)
        for name in names
    }


def shown(values: Array, digits: int = 4) -> str:
    """Return one number, or several in brackets.

    Examples
    --------
    >>> shown(np.array([0.4])), shown(np.array([0.4, 0.6]))
    ('0.4', '(0.4, 0.6)')
    """
    texts = [f"{value:.{digits}g}" for value in values.tolist()]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _rates(group: str, value: Any) -> list[Array]:
    """Return θ of each truth that is given for a group."""
    rates = numbers(group, value, "must be success probabilities, in lists of equal length")
    if rates.ndim > 2 or rates.size == 0:
        problem = "must be a number, a list with one for each outcome, or a list of such lists"
        raise InputError(group, value, problem)
    listed = np.atleast_2d(rates)
    check_number(group, value, len(listed))
    return [read_rates(group, one) for one in listed.tolist()]


def _correlations(argument: str, value: Any, k: int) -> list[Array]:
    """Return the correlation matrix of each truth that is given."""
    rho = numbers(argument, value, "must be correlations, in lists or matrices of equal size")
    if rho.size == 0 or rho.ndim > 3:
        problem = f"must be a number, a {k} x {k} matrix, or a list of numbers or matrices"
        raise InputError(argument, value, problem)
    if k == 1 and np.any(rho != 0):
        raise InputError(argument, value, "a single outcome has no correlation: leave it out")
    listed = (rho if rho.ndim in (1, 3) else rho[None]) + 0.0  # -0 prints badly
    check_number(argument, value, len(listed))
    return [read_correlations(argument, one, k) for one in listed.tolist()]


def check_number(argument: str, value: Any, number: int) -> None:
    """Refuse a list that is too long to look at each of its entries."""
    if number > MOST:
        raise InputError(argument, value, f"has {number} entries; at most {MOST} are possible")


def phrases(name: str, argument: str, given: Any, values: list[Array]) -> list[str]:
    """Return "name = value" of each, with as many digits as tell them apart."""
    if len({tuple(value.tolist()) for value in values}) < len(values):
        raise InputError(argument, given, "has a value twice; each is combined with all others")
    for digits in (4, 6, 17):
        equal = name.startswith(("rho", "icc"))  # one number stands for all pairs
        texts = [
            shown(value[:1] if equal and np.ptp(value) == 0 else value, digits) for value in values
        ]
        if len(set(texts)) == len(texts):
            break
    return [f"{name} = {text}" for text in texts]


def _distributions(argument: str, value: Any, most_dims: int) -> Array:
    """Return pattern probabilities as an array that sums to one over its last axis."""
    phi = numbers(argument, value, "must be pattern probabilities, in lists of equal length")
    sizes = [2**k for k in range(1, MOST_OUTCOMES + 1)]
    if not 1 <= phi.ndim <= most_dims or phi.size == 0 or phi.shape[-1] not in sizes:
        problem = "must be lists of 2, 4, 8, ... pattern probabilities, for at most "
        raise InputError(argument, value, f"{problem}{MOST_OUTCOMES} outcomes")
    if not np.all((phi >= 0) & (phi <= 1 + SUM_TO_ONE)):
        raise InputError(argument, value, "must be probabilities, from 0 to 1")
    total = phi.sum(axis=-1, keepdims=True)
    if not np.all(np.abs(total - 1) <= SUM_TO_ONE):
        worst = float(total.flat[np.argmax(np.abs(total - 1))])
        raise InputError(argument, value, f"must sum to 1 over the patterns, not to {worst:.10g}")
    return phi / total


def check_groups(argument: str, given: Mapping[Any, Any]) -> None:
    """Refuse a mapping of anything but the two groups."""
    if set(given) != set(GROUPS):
        raise InputError(argument, given, "must be a mapping of both groups", GROUPS)


def _joint(theta: Array, rho: Array | None, group: str, labels: Sequence[str]) -> Array:
    """Return φ of one group, shape (S, Q), from θ (S, K) and correlations (S, K, K)."""
    if rho is None:
        return np.concatenate([theta, 1 - theta], axis=1)
    known: dict[bytes, Array] = {}  # a grid repeats itself
    found = []
    for rates, matrix, label in zip(theta, rho, labels, strict=True):
        key = rates.tobytes() + matrix.tobytes()
        if key not in known:
            try:
                known[key] = _one_joint(rates, matrix)
            except InputError as error:
                where = f"{group} group" + f", scenario {label!r}" * (len(labels) > 1)
                argument = group if error.argument == "theta" else error.argument
                raise InputError(argument, error.value, f"{error.problem} ({where})") from None
        found.append(known[key])
    return np.stack(found)


def _one_joint(theta: Array, rho: Array) -> Array:
    """Return φ of one group in one truth, shape (Q,)."""
    if len(theta) == 2:
        return patterns.phi_from_theta_rho(theta, rho[0, 1])
    common = float(rho[0, 1])  # an error then shows a number
    return largest_entropy(
        theta, common if np.all(rho[~np.eye(len(rho), dtype=bool)] == common) else rho
    )
