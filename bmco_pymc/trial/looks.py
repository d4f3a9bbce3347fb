"""Looks at the data of a trial before its end: when, and what it takes to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from bmco_pymc.arguments import numbers, one_of, probability, whole
from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.printing import Declared
from bmco_pymc.trial.bounds import boundaries
from bmco_pymc.trial.spending import HSD, OBrienFleming, Pocock, Spending


@dataclass(frozen=True, repr=False)
class Looks(Declared):
    r"""Interim analyses: the trial stops when its rule is met, or when success is out of reach.

    Parameters
    ----------
    n : sequence of int
        Subjects in each group at each look, the end included: rising. Where groups differ in size,
        those of the smaller one, and the other's in proportion. In a design with clusters: how many
        clusters have come, in all; see ``by``.
    spending : HSD, Pocock or OBrienFleming, optional
        How the level is spent over the looks, in proportion to the subjects; the default is
        ``HSD(-4)``. The nominal level of a look divides among outcomes as the rule's level does:
        with p the level of the look, the cut-off is 1 − p for All and 1 − p/K for Any.
    cuts : sequence of float, optional
        The cut-off of each look, instead of those of ``spending``; where both are given, spending
        says where they are from (``Design.calibrate`` scales its cut-offs).
    futility : float, optional
        Give up where the predictive (or posterior) probability of success is below this number.
        Not binding: error rates are computed as if nobody gave up, power and sizes with it.
    futility_by : {"predictive", "posterior"}
        Whether success is predicted for the end of the trial, from the posterior of the analysis,
        or the posterior probability that decides is looked at. Where single outcomes decide, it is
        the probability of the one that decides: the smallest for All, the largest for Any.
    by : {"clusters", "subjects"}, optional
        What ``n`` counts in a design with clusters: the clusters, each with all of its subjects
        (the default), or the subjects in each group, every cluster having the same share of its
        own.

    Raises
    ------
    InputError
        If the looks do not rise, cut-offs do not fit them, or a probability is none.

    References
    ----------
    FDA (2019), Adaptive designs for clinical trials of drugs and biologics; Hwang, Shih & DeCani
    (1990), https://doi.org/10.1002/sim.4780091207.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> looks = bmco.Looks([35, 70, 105], bmco.HSD(-4))
    >>> looks.nominal(0.05).round(4).tolist()
    [0.0026, 0.011, 0.0465]
    >>> looks.fractions.round(2).tolist()
    [0.33, 0.67, 1.0]
    """

    n: Sequence[int]
    spending: Spending | None = None
    cuts: Sequence[float] | None = None
    futility: float | None = None
    futility_by: str = "predictive"
    by: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", _sizes(self.n))
        if self.cuts is not None:
            cuts = numbers("cuts", self.cuts, "must be a cut-off for each look")
            if cuts.shape != (len(self.n),) or not ((cuts > 0) & (cuts < 1)).all():
                problem = f"must be a probability below 1 for each of the {len(self.n)} looks"
                raise InputError("cuts", self.cuts, problem)
            object.__setattr__(self, "cuts", tuple(cuts.tolist()))
        elif self.spending is None:
            object.__setattr__(self, "spending", HSD(-4.0))
        if not isinstance(self.spending, HSD | Pocock | OBrienFleming | None):
            kinds = ("HSD", "Pocock", "OBrienFleming")
            raise InputError("spending", self.spending, "is no way to spend a level", kinds)
        if self.futility is not None:
            object.__setattr__(self, "futility", probability("futility", self.futility))
        problem = "there is no such probability"
        one_of("futility_by", self.futility_by, ["predictive", "posterior"], problem)
        if self.by is not None:
            problem = "is nothing that looks can count"
            one_of("by", self.by, ["clusters", "subjects"], problem)

    @property
    def fractions(self) -> NDArray[np.float64]:
        """Subjects at each look as a share of those at the end."""
        return np.array(self.n) / self.n[-1]

    def nominal(self, alpha: float) -> NDArray[np.float64]:
        """Return the nominal level of each look for a one-sided level in all, shape (looks,).

        Parameters
        ----------
        alpha : float
            Level of all looks, in (0, 0.5).

        Returns
        -------
        ndarray, shape (looks,)

        Raises
        ------
        InputError
            If the level is none, or the looks have cut-offs that were given.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> bmco.Looks([30, 60], bmco.Pocock()).nominal(0.05).round(3).tolist()
        [0.031, 0.03]
        """
        if self.spending is None:
            raise InputError("cuts", self.cuts, "looks with given cut-offs have no nominal level")
        spent = self.spending.spent(self.fractions, alpha)
        return ndtr(-boundaries(self.fractions, spent))

    def thresholds(self, rule: Rule) -> NDArray[np.float64]:
        """Return the cut-off of each look for a rule about given outcomes, shape (looks,).

        Parameters
        ----------
        rule : Rule
            See `Rule.for_outcomes`.

        Returns
        -------
        ndarray, shape (looks,)
            What the deciding probability must exceed at each.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> rule = bmco.Rule("any").for_outcomes(["y1", "y2"])
        >>> bmco.Looks([30, 60]).thresholds(rule).round(3).tolist()
        [0.997, 0.976]
        """
        if self.cuts is not None:
            return np.array(self.cuts)
        alpha = rule.alpha / len(rule.sides)
        return 1 - self.nominal(alpha) * (rule.level() / alpha)


def _sizes(n: Any) -> tuple[int, ...]:
    problem = "must be the numbers of subjects at each look, rising"
    if isinstance(n, str) or not isinstance(n, Sequence | np.ndarray) or len(n) == 0:
        raise InputError("n", n, problem)
    sizes = tuple(whole("n", size, least=1) for size in n)
    if (np.diff(sizes) <= 0).any():
        raise InputError("n", n, problem)
    return sizes
