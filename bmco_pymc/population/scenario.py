"""A truth to plan a trial with: the pattern probabilities of both groups, or of several truths."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmco_pymc import patterns
from bmco_pymc.arguments import texts
from bmco_pymc.errors import InputError
from bmco_pymc.population.truths import GROUPS, Axis, axes_of_phi, axes_of_rates, labels_of, phi_of
from bmco_pymc.printing import Facts, Printed

SHOWN = 20  # rows of the table

type Array = NDArray[np.float64]


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Scenario(Printed):
    r"""What is assumed to be true of both groups when a trial is planned: one truth, or several.

    Lists make a grid: every control with every treatment with every correlation, in this order,
    the last one fastest. A flat list of numbers is *one* truth for a group, however long: the rates
    of its K outcomes. A list of such lists is a dimension of the grid; so for one outcome the rates
    .5 and .6 are ``[[.5], [.6]]``, while ``[.5, .6]`` are two outcomes. A list of correlations is
    always a dimension of the grid.

    Parameters
    ----------
    control, treatment : float, array_like of shape (K,) or (G, K)
        Success probability of each outcome, in (0, 1). A number is that of a single outcome.
    rho : float, array_like of shape (R,), (K, K) or (R, K, K), or mapping, optional
        The correlation of the outcomes within a subject: a number for all pairs, or a symmetric
        matrix; a list of either is a dimension of the grid. ``{"control": .2, "treatment": .4}`` if
        the groups differ, with a dimension of the grid for each that has a list. The default is 0.
    phi : array_like of shape (2, Q) or (S, 2, Q), or mapping, optional
        Instead of all the above the probability of each of the Q = 2^K patterns, from all success
        to all failure: of S truths, the control first; or
        ``{"control": [...], "treatment": [...]}``, where lists of lists make a grid.
    names : str or sequence of str, optional
        A name for each truth, in the order of the grid.

    Attributes
    ----------
    phi : ndarray, shape (S, 2, Q)
        Probability of each pattern, the control first. Read-only.
    labels : tuple of str
        A name for each truth: what was given, or what varies in the grid.
    averaged : bool
        Whether the truths are draws from a distribution, over which to average.
    words : str
        Where the truths are from, in a sentence.

    Raises
    ------
    InputError
        If an argument cannot be used, a correlation is outside its Fréchet bounds, or, for three
        outcomes and more, no distribution has all these correlations.

    See Also
    --------
    bmco_pymc.Fit.scenario : Truths from the posterior of a pilot study.

    Notes
    -----
    One outcome needs no correlation, and of two it determines φ
    (`bmco_pymc.phi_from_theta_rho`). For more, φ is the one of largest entropy with these rates and
    correlations, which has no interaction of three or more outcomes:

    .. math:: \phi_q \propto \exp\Bigl(\sum_i \lambda_i b_{qi}
        + \sum_{i<j} \lambda_{ij} b_{qi} b_{qj}\Bigr)

    (Jaynes 1957, https://doi.org/10.1103/PhysRev.106.620).

    Examples
    --------
    >>> Scenario(control=[0.4, 0.4], treatment=[[0.55, 0.5], [0.6, 0.6]], rho=[-0.3, 0])
    4 truths about 2 outcomes
    scenario                              control  treatment          δ     ρ
    treatment = (0.55, 0.5), rho = -0.3  0.4, 0.4  0.55, 0.5  0.15, 0.1  -0.3
    treatment = (0.55, 0.5), rho = 0     0.4, 0.4  0.55, 0.5  0.15, 0.1     0
    treatment = (0.6, 0.6), rho = -0.3   0.4, 0.4   0.6, 0.6   0.2, 0.2  -0.3
    treatment = (0.6, 0.6), rho = 0      0.4, 0.4   0.6, 0.6   0.2, 0.2     0
    Success probabilities and correlations as given, in all 4 combinations.
    """

    phi: Array
    labels: tuple[str, ...]
    averaged: bool
    words: str

    def __init__(
        self,
        control: ArrayLike | None = None,
        treatment: ArrayLike | None = None,
        rho: ArrayLike | Mapping[str, ArrayLike] | None = None,
        *,
        phi: ArrayLike | Mapping[str, ArrayLike] | None = None,
        names: str | Sequence[str] | None = None,
    ) -> None:
        rates: dict[str, Any] = {"control": control, "treatment": treatment}
        if phi is None:
            for group, value in rates.items():
                if value is None:
                    problem = "a truth needs control and treatment, or phi"
                    raise InputError(group, value, problem)
            axes = axes_of_rates(control, treatment, rho)
        else:
            for name, other in (rates | {"rho": rho}).items():
                if other is not None:
                    raise InputError(name, other, "cannot be given beside phi, which has it")
            axes = axes_of_phi(phi)
        labels = _named(names, labels_of(axes))
        found = phi_of(axes, labels)
        found.flags.writeable = False
        k = found.shape[-1].bit_length() - 1
        vars(self).update(phi=found, labels=labels, averaged=False, words=_words(axes, k))

    @property
    def theta(self) -> Array:
        """Success probability of each outcome, shape (S, 2, K), the control first."""
        return patterns.theta_from_phi(self.phi)

    @property
    def delta(self) -> Array:
        """θ of the treatment minus θ of the control, shape (S, K)."""
        return self.theta[:, 1] - self.theta[:, 0]

    @property
    def rho(self) -> Array:
        """Correlation of each pair of outcomes, shape (S, 2, K (K - 1) / 2); NaN where θ is 0 or 1.

        The pairs have the order of `bmco_pymc.rho_from_phi`.
        """
        return patterns.rho_from_phi(self.phi)

    @property
    def n_outcomes(self) -> int:
        """The number of outcomes K."""
        return self.phi.shape[-1].bit_length() - 1

    def __len__(self) -> int:
        return len(self.phi)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scenario):
            return NotImplemented
        said = (self.labels, self.averaged, self.words)
        same = said == (other.labels, other.averaged, other.words)
        return same and np.array_equal(self.phi, other.phi)

    def __hash__(self) -> int:
        return hash((self.phi.tobytes(), self.labels, self.averaged))

    def _facts(self) -> Facts:
        theta, delta, rho = self.theta, self.delta, self.rho
        labels, n = list(self.labels), len(self)
        outcomes = f"{self.n_outcomes} outcome" + "s" * (self.n_outcomes > 1)
        title = f"{n} truth{'s' * (n > 1)} about {outcomes}"
        sentences = [self.words]
        if self.averaged:  # nobody looks at single draws
            labels = ["mean"]
            theta, delta, rho = (part.mean(axis=0, keepdims=True) for part in (theta, delta, rho))
            title += ", to be averaged over"
        differ = not np.allclose(rho[:, 0], rho[:, 1], rtol=0, atol=1e-9, equal_nan=True)
        head = ["scenario", "control", "treatment", "δ"]
        columns = [theta[:, 0], theta[:, 1], delta]
        if self.n_outcomes > 1:
            head += [f"ρ of {group}" for group in GROUPS] if differ else ["ρ"]
            columns += [rho[:, 0], rho[:, 1]][: 1 + differ]
        table = [
            [label, *(_row(column[row]) for column in columns)]
            for row, label in enumerate(labels[:SHOWN])
        ]
        if len(labels) > SHOWN:
            sentences.append(f"{len(labels) - SHOWN} more are not shown.")
        return title, [head, *table], sentences


def of_draws(phi: Array, words: str) -> Scenario:
    """Return truths that are draws from a distribution.

    Parameters
    ----------
    phi : ndarray, shape (S, 2, Q)
    words : str
        Where they are from.
    """
    found = Scenario(phi=phi, names=[f"draw {number}" for number in range(1, len(phi) + 1)])
    averaged = copy.copy(found)
    vars(averaged).update(averaged=True, words=words)
    return averaged


def together(parts: Sequence[Scenario], names: Sequence[str]) -> Scenario:
    """Return the truths of several scenarios as one, with a name each."""
    found = Scenario(phi=np.concatenate([part.phi for part in parts]), names=names)
    said = dict.fromkeys(part.words for part in parts)
    named = copy.copy(found)
    vars(named).update(words=" ".join(said))
    return named


def _named(names: Any, labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that were given, or the labels of the grid."""
    if names is None:
        return labels
    found = tuple(texts("names", names, "must be names"))
    if len(found) != len(labels):
        truths = "there is 1 truth" if len(labels) == 1 else f"there are {len(labels)} truths"
        raise InputError("names", names, f"{truths}, each needs a name")
    if len(set(found)) < len(found):
        raise InputError("names", names, "must differ")
    return found


def _words(axes: Sequence[Axis], n_outcomes: int) -> str:
    """Return where the truths of a grid are from."""
    if any("phi" in axis.name for axis in axes):
        text = "Pattern probabilities as given"
    else:
        text = "Success probabilities" + " and correlations" * (n_outcomes > 1) + " as given"
    sizes = [len(axis.values) for axis in axes if len(axis.values) > 1]
    if len(sizes) > 1:
        text += f", in all {math.prod(sizes)} combinations"
    correlated = any(
        np.any(value != np.eye(n_outcomes))
        for axis in axes
        if axis.name.startswith("rho")
        for value in axis.values
    )
    if n_outcomes > 2 and correlated:
        text += ", and of all distributions that have them the one of largest entropy"
    return text + "."


def _row(values: Array) -> str:
    """Return the numbers of an entry of the table."""
    rounded = [f"{round(value, 10) + 0.0:.4g}".replace("nan", "–") for value in values.tolist()]
    return ", ".join(rounded)
