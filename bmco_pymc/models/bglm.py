"""BGLM: Bayesian multivariate logistic regression, a multinomial logit on the response patterns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bmco_pymc.data.cells import Cells
from bmco_pymc.data.remarks import warn
from bmco_pymc.data.study import Study
from bmco_pymc.models.base import check_values
from bmco_pymc.models.completed import completed
from bmco_pymc.models.geometry import make_basis
from bmco_pymc.models.logit import Array, cell_data
from bmco_pymc.models.regression import Regression
from bmco_pymc.priors import overruled
from bmco_pymc.priors.contrasts import logits_of
from bmco_pymc.priors.priors import Priors
from bmco_pymc.terms.terms import Terms, make_terms

if TYPE_CHECKING:
    import pymc as pm


@dataclass(frozen=True, eq=False, repr=False)
class BGLM(Regression):
    r"""Multinomial logistic regression of the response patterns on group and covariates.

    .. math::

        \log(\phi_q / \phi_Q) = x'\beta_q, \qquad \beta_q \sim N(m, V), \quad q = 1, \dots, Q-1

    with the all-failure pattern Q as reference (Kavelaars, Mulder & Kaptein 2024,
    10.1080/00273171.2024.2337340).

    Parameters
    ----------
    study : Study
        The data and its roles; its clusters, if it has any, are ignored.
    fixed : str, optional
        Formula of the terms, such as ``"method * age"``; the group enters as a number, 0 for the
        control and 1 for the treatment. The default is the group alone.
    priors : Priors, optional
        Its ``beta`` is used; what is left out is recommended, see `Priors.recommended`.

    Raises
    ------
    InputError
        If the formula or the prior does not fit the study.

    Warns
    -----
    InputWarning
        If a prior that is given overrules the scale of a covariate, see
        `bmco_pymc.priors.overruled`.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", control="ctl", treatment="trt")
    >>> bmco.BGLM(study, fixed="arm * x").terms.fixed
    ('Intercept', 'arm', 'x', 'arm:x')

    >>> model = bmco.BGLM(study, fixed="arm * x")
    >>> model.parameters, model.n_parameters, model.coords["logit"]
    ({'beta': ('term', 'logit')}, 12, ['11', '10', '01'])
    >>> model.cells.subjects.tolist(), model.sample_notes
    ([120, 120], ())
    """

    study: Study
    fixed: str | None = None
    priors: Priors = field(default_factory=Priors)
    _sample: tuple[Terms, Cells] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_values(self.study, self.priors)
        formula = f"`{self.study.group}`" if self.fixed is None else self.fixed
        object.__setattr__(self, "_sample", make_terms(self.study, formula))
        object.__setattr__(self, "priors", self.priors.complete(*self._sample))
        self.priors.coefficients(self.terms.fixed)
        warn(overruled.remarks(self.priors, *self._sample))

    @property
    def parameters(self) -> Mapping[str, tuple[str, ...]]:
        """The parameters and their dims."""
        return {"beta": ("term", "logit")}

    @property
    def blocks(self) -> Mapping[str, tuple[str, ...]]:
        """The parameters by block."""
        return {"fixed": ("beta",)}

    def describe_priors(self) -> dict[str, str]:
        """Return the priors in words.

        Returns
        -------
        dict of str to str
            By parameter.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> model = bmco.BGLM(study, "arm * x").with_priors(beta=bmco.Normal(0, sd=1))
        >>> model.describe_priors()
        {'beta': 'Normal(mean=0, sd=1)', 'the logits': 'symmetric contrasts of the patterns'}
        """
        return self.priors.describe(["beta"])

    @cached_property
    def data(self) -> Mapping[str, Any]:
        """The value of each data container."""
        X, Z = self.terms.matrices(self.cells.frame, self.cells.arm)
        prior = self.priors.coefficients(self.terms.fixed)
        contrasts = logits_of(self.priors.contrasts, len(self.study.patterns))
        basis = make_basis(X, completed(self.cells), *prior, contrasts)
        return cell_data(basis, self.cells, Z)

    @cached_property
    def packed(self) -> Array:
        """The data as the sampler takes them."""
        from bmco_pymc.kernel.layout import pack

        return pack(self.data, 0, np.zeros(0))

    def posterior(self, coef: Array, u: Array, root: Array) -> dict[str, Array]:
        """Return the raw coefficients."""
        return {"beta": self.raw_coefficients(coef)}

    @property
    def structure(self) -> tuple[Any, ...]:
        """What the compiled code depends on."""
        return ("BGLM", len(self.terms.fixed), len(self.coords["logit"]))

    def build(self) -> pm.Model:
        """Return the PyMC model.

        Returns
        -------
        pymc.Model

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> model = bmco.BGLM(study, "arm * x").build()
        >>> model["beta"].eval().shape
        (4, 3)
        """
        import pymc as pm

        from bmco_pymc.models import graph

        _, terms, logits = self.structure
        with pm.Model(coords=self.coords, check_bounds=False) as model:
            data = graph.containers(self.data)
            inner, raw = graph.coefficients(data, (terms, logits))
            pm.Deterministic("beta", raw, dims=("term", "logit"))
            graph.observe(data, inner, graph.no_deviation(logits), logits)
        return model
