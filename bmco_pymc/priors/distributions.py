"""Prior distributions as plain values.

Sizes (number of terms, of patterns) are known to the model only, so a prior is checked twice: by
itself when it is made, and against the model's sizes when it is resolved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmco_pymc.arguments import flag
from bmco_pymc.errors import InputError
from bmco_pymc.priors.numbers import SIZES, VARIANCES, definite, finite, invertible, plain, square

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Normal:
    r"""A (multivariate) normal prior of the coefficients of each logit, :math:`N(m, V)`.

    Parameters
    ----------
    mean : float or array_like, shape (terms,)
        Prior mean on the log-odds scale; a number stands for every term.
    sd : float or array_like, shape (terms,), optional
        Standard deviation of independent coefficients.
    covariance : float or array_like, shape (terms,) or (terms, terms), optional
        Variance: a number for every term, a vector for a diagonal, or a full matrix.
    precision : float or array_like, shape (terms,) or (terms, terms), optional
        The inverse of the covariance, in the same three forms (what bmco takes).

    Raises
    ------
    InputError
        If not exactly one of ``sd``, ``covariance``, ``precision`` is given, or one is not
        positive definite.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> mean, covariance = bmco.Normal(0, sd=2).resolve("beta", ["method", "age"])
    >>> covariance.tolist()
    [[4.0, 0.0], [0.0, 4.0]]
    """

    mean: ArrayLike = 0.0
    sd: ArrayLike | None = None
    covariance: ArrayLike | None = None
    precision: ArrayLike | None = None

    def __post_init__(self) -> None:
        finite("mean", self.mean, max_ndim=1, sizes=SIZES)
        spreads = ("sd", "covariance", "precision")
        given = [name for name in spreads if getattr(self, name) is not None]
        if len(given) != 1:
            raise InputError("Normal", given, "needs exactly one of", spreads)
        if given == ["sd"]:
            finite("sd", self.sd, positive=True, max_ndim=1, sizes=SIZES)
        else:
            definite(given[0], getattr(self, given[0]))

    def resolve(self, argument: str, terms: Sequence[str]) -> tuple[Array, Array]:
        """Return the mean (terms,) and the covariance (terms, terms) for the model's terms.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> mean, covariance = bmco.Normal([0, 0.5], sd=1).resolve("beta", ["Intercept", "arm"])
        >>> mean.tolist(), covariance.tolist()
        ([0.0, 0.5], [[1.0, 0.0], [0.0, 1.0]])
        """
        size = len(terms)
        mean = np.array(self.mean, dtype=float)
        if mean.ndim and mean.shape[0] != size:
            what = f"is for {mean.shape[0]} terms, the model has {size}: {', '.join(terms)}"
            raise InputError(f"{argument}.mean", self.mean, what)
        if self.sd is not None:
            variance = finite("sd", self.sd) ** 2
            covariance = square(f"{argument}.sd", variance, size, terms, self.sd)
        elif self.covariance is not None:
            matrix = definite("covariance", self.covariance)
            covariance = square(f"{argument}.covariance", matrix, size, terms, self.covariance)
        else:
            matrix = definite("precision", self.precision)
            precision = square(f"{argument}.precision", matrix, size, terms, self.precision)
            covariance = np.linalg.inv(precision)
            covariance = (covariance + covariance.T) / 2
        return np.broadcast_to(mean, (size,)).copy(), covariance

    def __str__(self) -> str:
        name = next(n for n in ("sd", "covariance", "precision") if getattr(self, n) is not None)
        return f"Normal(mean={plain(self.mean)}, {name}={plain(getattr(self, name))})"


@dataclass(frozen=True)
class HalfNormal:
    """A half-normal prior of a standard deviation, with scale ``sigma`` > 0.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.LKJ(eta=2, sd=bmco.HalfNormal(0.5)).sd
    HalfNormal(sigma=0.5)
    """

    sigma: float = 1.0

    def __post_init__(self) -> None:
        finite("sigma", self.sigma, positive=True, max_ndim=0, sizes=SIZES)


@dataclass(frozen=True)
class Exponential:
    """An exponential prior of a standard deviation, with mean ``scale`` > 0.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.LKJ(eta=2, sd=bmco.Exponential(0.5)).sd
    Exponential(scale=0.5)
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        finite("scale", self.scale, positive=True, max_ndim=0, sizes=SIZES)


@dataclass(frozen=True)
class HalfStudentT:
    """A half-Student-t prior of a standard deviation, ``nu`` > 0 degrees of freedom.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.LKJ(eta=2, sd=bmco.HalfStudentT(nu=3, sigma=0.5)).sd
    HalfStudentT(nu=3, sigma=0.5)
    """

    nu: float = 3.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        finite("nu", self.nu, positive=True, max_ndim=0)
        finite("sigma", self.sigma, positive=True, max_ndim=0, sizes=SIZES)


@dataclass(frozen=True, eq=False)
class InverseWishart:
    r"""An inverse-Wishart prior of the covariance of each logit's random coefficients.

    .. math::

        p(\Sigma) \propto |\Sigma|^{-(\nu + p + 1)/2} \exp(-\tfrac12 \mathrm{tr}\, T\Sigma^{-1})

    Parameters
    ----------
    nu : float, optional
        Degrees of freedom, any real number above p − 1 for p random terms; ``None`` means p.
        Larger is more informative.
    scale : float or array_like, shape (p,) or (p, p)
        The scale matrix T: a number for a multiple of the identity, a vector for a diagonal, or a
        positive definite matrix. The prior mode of the covariance is T / (ν + p + 1).

    Raises
    ------
    InputError
        If ``nu`` is not above p − 1 or ``scale`` is not positive definite.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.InverseWishart().resolve("Sigma", ["Intercept", "method"])[0]
    2.0
    """

    nu: float | None = None
    scale: ArrayLike = 0.1

    def __post_init__(self) -> None:
        if self.nu is not None:
            finite("nu", self.nu, positive=True, max_ndim=0)
        definite("scale", self.scale, VARIANCES)

    def resolve(self, argument: str, terms: Sequence[str]) -> tuple[float, Array]:
        """Return ν and T (p, p) for the model's random terms.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> nu, scale = bmco.InverseWishart(scale=0.1).resolve("Sigma", ["Intercept", "arm"])
        >>> nu, scale.tolist()
        (2.0, [[0.1, 0.0], [0.0, 0.1]])
        """
        size = len(terms)
        nu = float(size if self.nu is None else self.nu)
        if nu <= size - 1:
            what = f"must be greater than the number of random terms minus one, {size - 1}"
            raise InputError(f"{argument}.nu", self.nu, what)
        scale = definite("scale", self.scale)
        return nu, square(f"{argument}.scale", scale, size, terms, self.scale)

    def __str__(self) -> str:
        nu = "number of random terms" if self.nu is None else plain(self.nu)
        return f"InverseWishart(nu={nu}, scale={plain(self.scale)})"


@dataclass(frozen=True, repr=False)
class LKJ:
    r"""A covariance :math:`D R D` with :math:`R \sim \mathrm{LKJ}(\eta)` and a prior of the SDs.

    Parameters
    ----------
    eta : float
        Shape of the correlation's prior, above 0: 1 is uniform over correlation matrices, larger
        pulls towards independence (Lewandowski, Kurowicka & Joe 2009, 10.1016/j.jmva.2009.04.008).
    sd : HalfNormal, Exponential or HalfStudentT
        Prior of each standard deviation in D, on the raw scale of the random term.
    joint : bool
        ``False``: a correlation matrix of the random terms for each logit, independent between
        logits. ``True``: one correlation matrix of all logits' random coefficients.
    basis : array_like, shape (p, p), optional
        An invertible matrix B: clusters deviate by B b, and SDs and correlations are those of b.
        The default is the random terms as they are, B = I.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.LKJ(eta=2, sd=bmco.Exponential(0.5))
    LKJ(eta=2, sd=Exponential(scale=0.5), joint=False)
    """

    eta: float = 2.0
    sd: HalfNormal | Exponential | HalfStudentT = field(default_factory=HalfNormal)
    joint: bool = False
    basis: ArrayLike | None = None

    def __post_init__(self) -> None:
        finite("eta", self.eta, positive=True, max_ndim=0)
        if not isinstance(self.sd, HalfNormal | Exponential | HalfStudentT):
            raise InputError("sd", self.sd, "must be a prior of a standard deviation", _SD_PRIORS)
        flag("joint", self.joint)
        if self.basis is not None:
            invertible("basis", self.basis)

    def resolve(self, argument: str, terms: Sequence[str]) -> Array:
        """Return the basis (p, p) for the model's random terms.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> bmco.LKJ(eta=2).resolve("Sigma", ["Intercept", "arm"]).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
        """
        if self.basis is None:
            return np.eye(len(terms))
        basis = invertible("basis", self.basis)
        return square(f"{argument}.basis", basis, len(terms), terms, self.basis)

    def __str__(self) -> str:
        basis = "" if self.basis is None else f", basis={plain(self.basis)}"
        return f"LKJ(eta={plain(self.eta)}, sd={self.sd}, joint={self.joint}{basis})"

    __repr__ = __str__


_SD_PRIORS = ("HalfNormal", "Exponential", "HalfStudentT")
