"""Sets of prior distributions that a model takes: given, recommended, or bmco's.

A prior is stated for the coefficients as they are reported, on the raw scale of the covariates;
the sampler may work in another basis, the prior does not move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmco_pymc.arguments import one_of, texts
from bmco_pymc.data.cells import Cells
from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError
from bmco_pymc.priors.contrasts import check_contrasts
from bmco_pymc.priors.dirichlet import Dirichlet
from bmco_pymc.priors.distributions import (
    LKJ,
    Exponential,
    HalfNormal,
    HalfStudentT,
    InverseWishart,
    Normal,
)
from bmco_pymc.priors.mixture import Mixture
from bmco_pymc.priors.numbers import definite, finite, plain
from bmco_pymc.priors.recommended import recommended
from bmco_pymc.terms.terms import Terms, make_terms

__all__ = [
    "LKJ",
    "Dirichlet",
    "Exponential",
    "HalfNormal",
    "HalfStudentT",
    "InverseWishart",
    "Mixture",
    "Normal",
    "Priors",
]

Array = NDArray[np.float64]

_KINDS: Mapping[str, tuple[type, ...]] = {
    "phi": (Dirichlet, Mixture),
    "beta": (Normal,),
    "gamma": (Normal,),
    "Sigma": (InverseWishart, LKJ),
}

_LEFT_OUT: Any = None  # a model that takes the set fills it in

_NEUTRAL = (
    "recommended: neutral. Each success probability is nearly uniform at the average of the "
    "covariates and independent between the groups, and the covariates together move a logit by "
    "half of the SD of its level"
)


@runtime_checkable
class Analysed(Protocol):
    """A study whose formulas have been read: a model."""

    @property
    def terms(self) -> Terms | None: ...

    @property
    def cells(self) -> Cells: ...


@dataclass(frozen=True, eq=False, repr=False)
class Priors:
    """The priors of a model; each analysis uses the fields that it has parameters for.

    What is left out is the recommended prior of the model that takes the set, see
    `Priors.recommended`: ``Priors(beta=Normal(0, sd=1))`` changes the prior of beta alone.

    Parameters
    ----------
    phi : Dirichlet or Mixture, optional
        Pattern probabilities (BMVB).
    beta : Normal, optional
        Fixed coefficients, the same prior for each logit (BGLM, BGLMM).
    gamma : Normal, optional
        Population means of the random coefficients, the same prior for each logit (BGLMM). Of beta
        and gamma, the one left out gets its recommended prior given the other.
    Sigma : InverseWishart or LKJ, optional
        Covariance of the clusters' coefficients around gamma (BGLMM): of the logits against the
        pattern of all failures where it is for each logit, of the contrasts where it is joint.
    contrasts : {"symmetric", "reference"}, optional
        What beta, gamma and a joint Sigma are priors of. "symmetric", which is recommended: of
        contrasts that treat all patterns alike (`bmco_pymc.priors.contrasts`); each logit has the
        prior given, and every two have correlation ½. "reference": of each logit against the
        pattern of all failures, independent of each other (bmco).
    cross : array_like, shape (fixed terms, random terms), optional
        Prior covariance of beta with gamma, the same for each logit, beside these two; the default
        is none. Replacing ``beta`` or ``gamma`` takes it away.
    filled : tuple of str, optional
        The fields that a model has filled in with what is recommended for it; another model fills
        them in anew.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.Priors(beta=bmco.Normal(0, sd=1))
    Priors(beta=Normal(mean=0, sd=1))
    """

    phi: Dirichlet | Mixture = _LEFT_OUT
    beta: Normal = _LEFT_OUT
    gamma: Normal = _LEFT_OUT
    Sigma: InverseWishart | LKJ = _LEFT_OUT
    contrasts: str = _LEFT_OUT
    cross: ArrayLike | None = None
    filled: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        for name in texts("filled", self.filled, "must be names of priors"):
            one_of("filled", name, [f.name for f in fields(self)], "there is no such prior")
        if self.contrasts is not None:
            check_contrasts(self.contrasts)
        for name, kinds in _KINDS.items():
            value = getattr(self, name)
            if value is not None and not isinstance(value, kinds):
                choices = [kind.__name__ for kind in kinds]
                raise InputError(name, value, "is not a prior for this parameter", choices)
        if self.cross is not None:
            finite("cross", self.cross)
            if self.beta is None or self.gamma is None:
                what = "is the covariance of beta with gamma: give the priors of these two as well"
                raise InputError("cross", self.cross, what)

    @property
    def given(self) -> Priors:
        """The set without what a model has filled in.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> model = bmco.BGLM(study, "arm * x").with_priors(beta=bmco.Normal(0, sd=1))
        >>> model.priors
        Priors(beta=Normal(mean=0, sd=1), contrasts=recommended)
        >>> model.priors.given
        Priors(beta=Normal(mean=0, sd=1))
        """
        left_out: dict[str, Any] = dict.fromkeys(self.filled)
        return replace(self, **left_out, filled=())

    @classmethod
    def bmco(cls) -> Priors:
        """Return the defaults of the R package bmco: N(0, 10) and InverseWishart(p, 0.1 I).

        They are for bmco's results. On raw coefficients N(0, 10) forbids the slope of a covariate
        whose mean is many SDs from zero, or whose SD is small: models warn where it does.

        Returns
        -------
        Priors

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> print(bmco.Priors.bmco().beta)
        Normal(mean=0, covariance=10)
        """
        wide = Normal(0, covariance=10)
        return cls(Dirichlet(), wide, wide, InverseWishart(), "reference")

    @classmethod
    def recommended(
        cls, source: Study | Analysed, fixed: str | None = None, random: str | None = None
    ) -> Priors:
        """Return the priors that a model has by default, which are neutral about θ and δ.

        Success and failure, the patterns, the groups and the outcomes are treated alike, and units,
        centring and coding of covariates do not matter. The prior is about averages over the
        analysed subjects (`bmco_pymc.priors.neutral` has the formula): each θ is nearly uniform at
        the average of the covariates and independent between the groups, the covariates together
        move a logit by half of the SD of its level, and all random coefficients have one LKJ(2)
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
            All fields that the analysis uses; a model of another design has its own.

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
        ρ has mean 0 and SD 0.40 to 0.44. With `Priors.bmco`, the fourth line is E(θ) = 0.59, 97 %
        of θ below 0.05 or above 0.95, and SD(δ) = 0.51.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> priors = bmco.Priors.recommended(study, fixed="arm * x")
        >>> priors
        Priors(beta=recommended, contrasts=recommended)
        """
        if isinstance(source, Study):
            formula = f"`{source.group}`" if fixed is None else fixed
            return cls().complete(*make_terms(source, formula, random))
        if not isinstance(source, Analysed):
            raise InputError("source", source, "must be a Study or a model of one")
        if fixed is not None or random is not None:
            raise InputError("fixed", fixed or random, "a model has its formulas already")
        return cls().complete(source.terms, source.cells)

    def complete(self, terms: Terms | None, cells: Cells) -> Priors:
        """Return this set with what is recommended in each field that a model needs and it lacks.

        What an earlier model has filled in counts as left out.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> model = bmco.BGLM(study, "arm * x")
        >>> bmco.Priors().complete(model.terms, model.cells).filled
        ('contrasts', 'beta')
        """
        given = self.given
        new = recommended(given, terms, cells)
        return replace(given, **new, filled=tuple(new))

    def coefficients(
        self, terms: Sequence[str], random_terms: Sequence[str] = ()
    ) -> tuple[Array, Array]:
        """Return the prior mean (M,) and covariance (M, M) of beta and gamma of a logit together.

        Parameters
        ----------
        terms, random_terms : sequence of str
            The P fixed and p random terms; M = P + p.

        Returns
        -------
        tuple of ndarray
            The mean and the covariance.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> priors = bmco.Priors(beta=bmco.Normal(0, sd=2))
        >>> mean, covariance = priors.coefficients(["Intercept", "arm"])
        >>> covariance.tolist()
        [[4.0, 0.0], [0.0, 4.0]]
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

    def describe(self, names: Sequence[str]) -> dict[str, str]:
        """Return the priors of the given fields in words.

        Parameters
        ----------
        names : sequence of str
            Fields, such as ``"beta"``.

        Returns
        -------
        dict of str to str
            By field.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> bmco.Priors.bmco().describe(["beta"])
        {'beta': 'Normal(mean=0, covariance=10)'}
        """
        found = {name: self._words(name) for name in names if getattr(self, name) is not None}
        if self.contrasts == "symmetric" and set(names) != {"phi"}:
            found["the logits"] = "symmetric contrasts of the patterns"
        if self.cross is not None and {"beta", "gamma"} <= set(names) - set(self.filled):
            found["beta with gamma"] = f"covariance {plain(self.cross)}"
        return found

    def _words(self, name: str) -> str:
        """Return one prior in words: what is recommended by its meaning, not by its numbers."""
        value = getattr(self, name)
        if name not in self.filled or name == "phi":
            return str(value)
        if name == "Sigma":
            return (
                f"recommended: one correlation matrix of all random coefficients, LKJ(eta="
                f"{plain(value.eta)}), with half-normal SDs of scale {value.sd.sigma:.2f}"
            )
        other = {"beta": "gamma", "gamma": "beta"}[name]
        if getattr(self, other) is not None and other not in self.filled:
            return f"recommended given the prior of {other}: neutral at the average of the design"
        together = name == "gamma" and "beta" in self.filled
        return "recommended: neutral, together with beta" if together else _NEUTRAL

    def replace(self, **changes: Any) -> Priors:
        """Return a set with these fields; what a model has filled in is left out again.

        Parameters
        ----------
        **changes
            Fields and their new priors.

        Returns
        -------
        Priors
            A new set; this one stays as it is.

        Raises
        ------
        InputError
            If there is no such prior.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> bmco.Priors(beta=bmco.Normal(0, sd=1)).replace(beta=bmco.Normal(0, sd=2))
        Priors(beta=Normal(mean=0, sd=2))
        """
        known = [f.name for f in fields(self) if f.name != "filled"]
        for name, value in changes.items():
            if name not in known:
                raise InputError(name, value, "there is no such prior", known)
        if {"beta", "gamma"} & set(changes):
            changes = {"cross": None, **changes}
        return replace(self.given, **changes)

    def __repr__(self) -> str:
        parts = [name for name in (*_KINDS, "contrasts") if getattr(self, name) is not None]
        own = ["recommended" if name in self.filled else str(getattr(self, name)) for name in parts]
        return f"Priors({', '.join(f'{k}={v}' for k, v in zip(parts, own, strict=True))})"
