"""A mixture of Dirichlet distributions as the prior of the pattern probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from bmco_pymc.arguments import real
from bmco_pymc.errors import InputError, short, warn_user
from bmco_pymc.priors.components import Components
from bmco_pymc.priors.dirichlet import Dirichlet

type Pairs = Sequence[tuple[float, Any]]  # of weight and Dirichlet, or concentrations


@dataclass(frozen=True, eq=False, repr=False)
class Mixture:
    r"""A mixture of Dirichlet priors of the control's pattern probabilities φ.

    .. math:: p(\phi_C) = \sum_i w_i \, \mathrm{Dirichlet}(\phi_C \mid \alpha_i)

    A robust prior from history is one: an informative component, and a vague one that takes over
    where the trial's controls are unlike the historical ones (Schmidli et al. 2014,
    10.1111/biom.12242). `map_prior` makes one from several historical controls.

    Parameters
    ----------
    control : sequence of (weight, component)
        The components of the control's prior, each with its weight, above 0. A component is a
        `Dirichlet`, or its concentrations: array_like of shape (patterns,), or a number.
    treatment : Dirichlet, Mixture or sequence of (weight, component), optional
        The treatment's prior; ``None`` means the concentration 2/Q of every pattern.

    Raises
    ------
    InputError
        If a weight is not above 0, or a component is no Dirichlet of one group.

    Warns
    -----
    InputWarning
        If weights do not sum to one: they are made to.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.Mixture([(0.8, 3), (0.2, 1)], treatment=bmco.Dirichlet(2))
    Mixture([(0.8, Dirichlet(alpha=3)), (0.2, Dirichlet(alpha=1))], treatment=Dirichlet(alpha=2))
    """

    control: Pairs
    treatment: Dirichlet | Mixture | Pairs | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "control", _pairs("control", self.control))
        other = self.treatment
        if isinstance(other, Dirichlet):
            _alone("treatment", other)
        elif isinstance(other, Mixture):
            if other.treatment is not None:
                raise InputError("treatment", other, "has a treatment's prior of its own")
            object.__setattr__(self, "treatment", other.control)
        elif other is not None:
            object.__setattr__(self, "treatment", _pairs("treatment", other))

    def components(self, argument: str, patterns: Sequence[str]) -> tuple[Components, Components]:
        """Return the prior of the control and of the treatment.

        Parameters
        ----------
        argument : str
            What an error calls this prior.
        patterns : sequence of str, length Q

        Returns
        -------
        tuple of (weights, alphas), the control's first
            Of shapes (M,) and (M, Q) for M components.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> mixture = bmco.Mixture([(0.8, [11, 32]), (0.2, 1)])
        >>> control, treatment = mixture.components("phi", ["1", "0"])
        >>> control[0].tolist(), control[1].tolist()
        ([0.8, 0.2], [[11.0, 32.0], [1.0, 1.0]])
        """
        found: list[Components] = []
        for name in ("control", "treatment"):
            part = getattr(self, name)
            where = f"{argument}.{name}"
            if not isinstance(part, tuple):
                prior = Dirichlet() if part is None else part
                found.append(prior.components(where, patterns)[0])
                continue
            weights = np.array([weight for weight, _ in part])
            alphas = [
                prior.resolve(f"{where}[{place}]", patterns)[0]
                for place, (_, prior) in enumerate(part)
            ]
            found.append((weights / weights.sum(), np.stack(alphas)))
        return found[0], found[1]

    def __str__(self) -> str:
        other = self.treatment
        tail = "" if other is None else f", treatment={_words(other)}"
        return f"Mixture({_words(self.control)}{tail})"

    __repr__ = __str__


def _pairs(argument: str, value: Any) -> tuple[tuple[float, Dirichlet], ...]:
    """Return weights, which sum to one, and Dirichlets as they were given."""
    items: list[Any] = []
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | Set):
        with suppress(TypeError):  # an array without dimensions
            items = list(value)
    if not items or not all(isinstance(item, tuple | list) and len(item) == 2 for item in items):
        what = "must be pairs of a weight and a Dirichlet, such as [(0.8, Dirichlet([11, 32])), …]"
        raise InputError(argument, value, what)
    weights = np.array([real(weight) for weight, _ in items])
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise InputError(argument, value, "weights must be numbers above 0")
    priors = [_component(argument, prior) for _, prior in items]
    ratios = weights / weights.max()  # before the sum, which could overflow
    shares = ratios / math.fsum(ratios)
    if not shares.all():
        raise InputError(argument, value, "a weight is too small beside the others")
    if not np.allclose(shares, weights, rtol=1e-6, atol=0):
        warn_user(
            f"the weights of {argument}={short(value)} do not sum to 1: normalised to "
            f"{[float(f'{share:.4g}') for share in shares]}"
        )
        weights = shares
    return tuple(zip(weights.tolist(), priors, strict=True))


def _component(argument: str, value: Any) -> Dirichlet:
    if isinstance(value, Dirichlet):
        return _alone(argument, value)
    if value is None:
        raise InputError(argument, value, "a component must be a Dirichlet or its concentrations")
    try:
        return Dirichlet(value)
    except InputError as error:
        raise error.renamed({"alpha": argument}) from None


def _alone(argument: str, prior: Dirichlet) -> Dirichlet:
    """Refuse a Dirichlet that has a part for the treatment, which would not be used."""
    if prior.treatment is not None:
        what = (
            "has a concentration for the treatment as well: take its alpha, and give the "
            "treatment's prior as treatment= of the Mixture"
        )
        raise InputError(argument, prior, what)
    return prior


def _words(part: Any) -> str:
    if not isinstance(part, tuple):
        return str(part)
    return f"[{', '.join(f'({weight:.6g}, {prior})' for weight, prior in part)}]"
