"""The Dirichlet prior of the pattern probabilities, also from historical data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmco_pymc.arguments import real
from bmco_pymc.errors import InputError
from bmco_pymc.priors.components import Components
from bmco_pymc.priors.numbers import finite, plain

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Dirichlet:
    """A Dirichlet prior of the pattern probabilities φ of each group.

    Parameters
    ----------
    alpha : float or array_like, shape (patterns,), optional
        Concentration of every pattern, above 0; ``None`` means 2/Q, which makes every outcome's
        success probability uniform a priori, whatever the number of outcomes.
    treatment : float or array_like, shape (patterns,), optional
        The treatment's concentration where it differs; ``alpha`` is then the control's.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.Dirichlet().resolve("phi", ["11", "10", "01", "00"])[0].tolist()
    [0.5, 0.5, 0.5, 0.5]
    """

    alpha: ArrayLike | None = None
    treatment: ArrayLike | None = None

    def __post_init__(self) -> None:
        for name in ("alpha", "treatment"):
            if getattr(self, name) is not None:
                finite(name, getattr(self, name), positive=True, max_ndim=1)

    @classmethod
    def from_history(
        cls,
        counts: ArrayLike,
        weight: float = 0.5,
        alpha: ArrayLike | None = None,
        treatment: ArrayLike | None = None,
    ) -> Self:
        r"""Return the power prior: historical controls count as a share of this trial's.

        .. math::

            p(\phi_C) \propto \mathrm{Dirichlet}(\phi_C \mid \alpha)\, L(\phi_C \mid h)^{a_0}
            = \mathrm{Dirichlet}(\alpha + a_0 h)

        for historical counts h and weight :math:`a_0` (Ibrahim & Chen 2000,
        10.1214/ss/1009212673). The weight is fixed beforehand and does not give way where history
        and trial disagree; a `Mixture` does.

        Parameters
        ----------
        counts : array_like, shape (patterns,)
            Historical controls with each pattern, all successes first, all failures last; of one
            outcome, successes and failures.
        weight : float
            From 0, history does not count, to 1, as if its subjects were the trial's.
        alpha : float or array_like, shape (patterns,), optional
            Concentration before history; ``None`` means 2/Q.
        treatment : float or array_like, shape (patterns,), optional
            The treatment's concentration; the default is ``alpha``, without history.

        Returns
        -------
        Dirichlet

        Raises
        ------
        InputError
            If a count is negative, there is not one for each of 2^K patterns, or the weight is
            not between 0 and 1.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> print(bmco.Dirichlet.from_history([30, 70], weight=0.5))
        Dirichlet(alpha=[16.0, 36.0], treatment=[1.0, 1.0])
        """
        history = finite("counts", counts, max_ndim=1)
        if (history < 0).any():
            raise InputError("counts", counts, "must be zero or more")
        size = history.size
        if size < 2 or size & (size - 1):
            what = "must be a count for each response pattern: 2 for one outcome, 4 for two, 8, …"
            raise InputError("counts", counts, what)
        if not 0 <= real(weight) <= 1:
            raise InputError("weight", weight, "must be a number from 0 to 1")
        names = [f"pattern {place}" for place in range(1, size + 1)]
        # what is wrong with alpha or treatment is said as of any Dirichlet
        base, other = cls(alpha, treatment).resolve("", names)
        return cls(base + real(weight) * history, base if treatment is None else other)

    def resolve(self, argument: str, patterns: Sequence[str]) -> Array:
        """Return the concentrations (2, patterns), the control's first.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> bmco.Dirichlet(1, treatment=0.5).resolve("phi", ["1", "0"]).tolist()
        [[1.0, 1.0], [0.5, 0.5]]
        """
        rows: list[Array] = []
        for name in ("alpha", "treatment"):
            value = getattr(self, name)
            if value is None:
                rows.append(rows[0] if rows else np.full(len(patterns), 2 / len(patterns)))
                continue
            row = np.array(value, dtype=float)
            if row.ndim and row.shape[0] != len(patterns):
                what = f"has {row.shape[0]} entries, there are {len(patterns)} patterns: "
                where = f"{argument}.{name}".removeprefix(".")
                raise InputError(where, value, what + ", ".join(patterns))
            rows.append(np.broadcast_to(row, (len(patterns),)))
        return np.stack(rows)

    def components(self, argument: str, patterns: Sequence[str]) -> tuple[Components, Components]:
        """Return the prior of the control and of the treatment, each a mixture of one part.

        Parameters
        ----------
        argument : str
            What an error calls this prior.
        patterns : sequence of str, length Q

        Returns
        -------
        tuple of (weights, alphas), the control's first
            Of shapes (M,) and (M, Q); here, M = 1.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> control, treatment = bmco.Dirichlet(1).components("phi", ["1", "0"])
        >>> control[0].tolist(), control[1].tolist()
        ([1.0], [[1.0, 1.0]])
        """
        control, treatment = self.resolve(argument, patterns)
        return (np.ones(1), control[None]), (np.ones(1), treatment[None])

    def __str__(self) -> str:
        alpha = "2/Q" if self.alpha is None else plain(self.alpha)
        tail = "" if self.treatment is None else f", treatment={plain(self.treatment)}"
        return f"Dirichlet(alpha={alpha}{tail})"
