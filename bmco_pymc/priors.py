"""Sets of prior distributions that a model takes, and bmco's preset.

A prior is stated for the coefficients as they are reported, on the raw scale of the covariates;
the sampler may work in another basis, the prior does not move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmco_pymc.contrasts import check_contrasts
from bmco_pymc.distributions import (
    LKJ,
    Dirichlet,
    Exponential,
    HalfNormal,
    HalfStudentT,
    InverseWishart,
    Normal,
)
from bmco_pymc.errors import InputError
from bmco_pymc.hyperparameters import definite, finite, plain

if TYPE_CHECKING:
    from bmco_pymc.models.base import Model
    from bmco_pymc.study import Study

__all__ = [
    "LKJ",
    "Dirichlet",
    "Exponential",
    "HalfNormal",
    "HalfStudentT",
    "InverseWishart",
    "Normal",
    "Priors",
]

Array = NDArray[np.float64]

_KINDS: Mapping[str, tuple[type, ...]] = {
    "phi": (Dirichlet,),
    "beta": (Normal,),
    "gamma": (Normal,),
    "Sigma": (InverseWishart, LKJ),
}


@dataclass(frozen=True, eq=False)
class Priors:
    """The priors of a model; each analysis uses the fields that it has parameters for.

    Parameters
    ----------
    phi : Dirichlet
        Pattern probabilities (BMVB).
    beta : Normal
        Fixed coefficients, the same prior for each logit (BGLM, BGLMM).
    gamma : Normal
        Population means of the random coefficients, the same prior for each logit (BGLMM).
    Sigma : InverseWishart or LKJ
        Covariance of the clusters' coefficients around gamma (BGLMM).
    contrasts : {"reference", "symmetric"}
        What beta, gamma and Sigma are priors of. "reference": of each logit against the pattern of
        all failures, independent of each other (bmco). "symmetric": of contrasts that treat all
        patterns alike (`bmco_pymc.contrasts`): each logit has the prior given, and every two have
        correlation ½. A prior of Sigma then spans all logits: ``LKJ(joint=True)``.
    cross : array_like, shape (fixed terms, random terms), optional
        Prior covariance of beta with gamma, the same for each logit; the default is none.
        Replacing ``beta`` or ``gamma`` takes it away.

    Examples
    --------
    >>> print(Priors.bmco().replace(beta=Normal(0, sd=1)).beta)
    Normal(mean=0, sd=1)
    """

    phi: Dirichlet = field(default_factory=Dirichlet)
    beta: Normal = field(default_factory=lambda: Normal(0, covariance=10))
    gamma: Normal = field(default_factory=lambda: Normal(0, covariance=10))
    Sigma: InverseWishart | LKJ = field(default_factory=InverseWishart)
    contrasts: str = "reference"
    cross: ArrayLike | None = None

    def __post_init__(self) -> None:
        check_contrasts(self.contrasts)
        if self.cross is not None:
            finite("cross", self.cross)
        for name, kinds in _KINDS.items():
            value = getattr(self, name)
            if not isinstance(value, kinds):
                choices = [kind.__name__ for kind in kinds]
                raise InputError(name, value, "is not a prior for this parameter", choices)

    @classmethod
    def bmco(cls) -> Priors:
        """Return the defaults of the R package bmco: N(0, 10) and InverseWishart(p, 0.1 I)."""
        return cls()

    @classmethod
    def recommended(
        cls, source: Study | Model, fixed: str | None = None, random: str | None = None
    ) -> Priors:
        """Return priors that are neutral about θ and δ, for one model.

        Success and failure, the patterns, the groups and the outcomes are treated alike, and units,
        centring and coding of covariates do not matter. The prior is about averages over the
        analysed subjects (`bmco_pymc.recommended` has the formula): each θ is nearly uniform at the
        average of the covariates and independent between the groups, the covariates together move
        a logit by half of the SD of its level, and all random coefficients have one LKJ(2)
        correlation matrix. Outcomes are not used; the design matrix is.

        Parameters
        ----------
        source : Study or Model
            The model that is to have these priors, or the study with its formulas.
        fixed, random : str, optional
            Formulas, as in BGLM and BGLMM; with a study only. Without ``random``: for BGLM.

        Returns
        -------
        Priors
            For this design only: ``model.with_priors(Priors.recommended(model))``.

        Raises
        ------
        InputError
            If terms of the design cannot be told apart in the sample.

        Notes
        -----
        Measured with 8000 draws of ``model.prior_effect`` for two outcomes:

        =============================================== ===== ===== ================= ======
        model                                           E(θ)  SD(θ) θ <.05 or > .95   SD(δ)
        =============================================== ===== ===== ================= ======
        uniform, independent θ                          0.50  0.29  10 %              0.41
        BGLM ``arm``                                    0.50  0.29  8 %               0.41
        BGLM ``arm * x``                                0.50  0.27  5 %               0.37
        BGLMM ``method * baseline_ability``, new        0.50  0.24  3 %               0.34
        schools
        BGLMM ``arm * x``, random ``1 + arm``, new      0.50  0.24  3 %               0.34
        sites
        =============================================== ===== ===== ================= ======

        δ has mean 0, and the two δ are uncorrelated: P(All) = 0.25 and P(Any) = 0.75 a priori.
        ρ has mean 0 and SD 0.40 to 0.44. With bmco's priors, the fourth line is E(θ) = 0.59, 97 %
        of θ below 0.05 or above 0.95, and SD(δ) = 0.51.
        """
        from bmco_pymc.recommended import recommended

        return recommended(source, fixed, random)

    def coefficients(
        self, terms: Sequence[str], random_terms: Sequence[str] = ()
    ) -> tuple[Array, Array]:
        """Return the prior mean (M,) and covariance (M, M) of beta and gamma of a logit together.

        Parameters
        ----------
        terms, random_terms : sequence of str
            The P fixed and p random terms; M = P + p.
        """
        P, M = len(terms), len(terms) + len(random_terms)
        mean, covariance = np.zeros(M), np.zeros((M, M))
        if P:
            mean[:P], covariance[:P, :P] = self.beta.resolve("beta", terms)
        if random_terms:
            mean[P:], covariance[P:, P:] = self.gamma.resolve("gamma", random_terms)
        if self.cross is not None and P and random_terms:
            cross = finite("cross", self.cross)
            if cross.shape != (P, M - P):
                what = f"must have shape {(P, M - P)}, fixed by random terms"
                raise InputError("cross", self.cross, what)
            covariance[:P, P:], covariance[P:, :P] = cross, cross.T
            try:
                definite("cross", covariance)
            except InputError:
                what = "with the covariances of beta and gamma it is not positive definite"
                raise InputError("cross", self.cross, what) from None
        return mean, covariance

    def check_spread(self) -> None:
        """Refuse a prior of Sigma for each logit beside contrasts that tie the logits together."""
        if self.contrasts != "reference" and not (isinstance(self.Sigma, LKJ) and self.Sigma.joint):
            what = "with symmetric contrasts the prior of Sigma must span all logits"
            raise InputError("Sigma", self.Sigma, what, ["LKJ(joint=True)"])

    def describe(self, names: Sequence[str]) -> dict[str, str]:
        """Return the priors of the given fields in words."""
        found = {name: str(getattr(self, name)) for name in names}
        if self.contrasts != "reference" and set(names) != {"phi"}:
            found["the logits"] = "symmetric contrasts of the patterns"
        if self.cross is not None and {"beta", "gamma"} <= set(names):
            found["beta with gamma"] = f"covariance {plain(self.cross)}"
        return found

    def replace(self, **changes: Any) -> Priors:
        """Return a copy with the given fields replaced."""
        known = [f.name for f in fields(self)]
        for name, value in changes.items():
            if name not in known:
                raise InputError(name, value, "there is no such prior", known)
        if {"beta", "gamma"} & set(changes):
            changes = {"cross": None, **changes}
        return replace(self, **changes)
