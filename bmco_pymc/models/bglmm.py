"""BGLMM: Bayesian multilevel multivariate logistic regression, for subjects in clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.data.cells import Cells
from bmco_pymc.data.remarks import warn
from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError
from bmco_pymc.models.base import check_values
from bmco_pymc.models.completed import completed
from bmco_pymc.models.geometry import cluster_information, expand, make_basis
from bmco_pymc.models.logit import Array, cell_data
from bmco_pymc.models.regression import Regression
from bmco_pymc.models.spread import is_joint, kernel_prior, spread_data
from bmco_pymc.models.whitening import estimated_covariance, known_of_all, whitened
from bmco_pymc.priors import overruled
from bmco_pymc.priors.contrasts import logits_of
from bmco_pymc.priors.priors import Priors
from bmco_pymc.terms.terms import Terms, make_terms

if TYPE_CHECKING:
    import pymc as pm


@dataclass(frozen=True, eq=False, repr=False)
class BGLMM(Regression):
    r"""Multilevel multinomial logistic regression of the response patterns.

    .. math::

        \log(\phi_q / \phi_Q) = x'\beta_q + z'\gamma_{jq}, \qquad
        \gamma_{jq} \sim N(\gamma_q, \Sigma_q), \quad q = 1, \dots, Q-1

    with priors :math:`\beta_q \sim N`, :math:`\gamma_q \sim N` and an inverse-Wishart or LKJ prior
    of :math:`\Sigma` (Kavelaars, Mulder & Kaptein 2023, 10.1186/s12874-023-02034-z).

    Parameters
    ----------
    study : Study
        The data and its roles, with a cluster column.
    fixed : str, optional
        Formula of the terms, such as ``"method * age"``; the group enters as a number, 0 for the
        control and 1 for the treatment. The default is the group alone.
    random : str
        Formula of the terms whose coefficients vary between clusters. Their means over the clusters
        are in ``gamma``; they are taken out of the fixed part, the intercept too.
    priors : Priors, optional
        Its ``beta``, ``gamma`` and ``Sigma`` are used; what is left out is recommended, see
        `Priors.recommended`.

    Raises
    ------
    InputError
        If the study has no cluster column, or a formula or a prior does not fit the study.

    Warns
    -----
    InputWarning
        If a prior that is given overrules the scale of a covariate, see
        `bmco_pymc.priors.overruled`.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> sites = bmco.load_multisite()
    >>> study = bmco.Study(sites, ["y1", "y2"], "arm", "ctl", "trt", cluster="site")
    >>> model = bmco.BGLMM(study, fixed="arm * x", random="1 + arm")
    >>> model.terms.fixed, model.terms.random
    (('x', 'arm:x'), ('Intercept', 'arm'))
    >>> model.parameters["gamma_cluster"], len(model.coords["cluster"])
    (('cluster', 'random_term', 'logit'), 16)
    >>> model.n_parameters, model.cells.subjects.tolist()
    (129, [192, 192])
    """

    study: Study
    fixed: str | None = None
    random: str = "1"
    priors: Priors = field(default_factory=Priors)
    _sample: tuple[Terms, Cells] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_values(self.study, self.priors)
        if not isinstance(self.random, str):
            what = "must be a formula in text, such as '1': what varies between the clusters"
            raise InputError("random", self.random, what)
        formula = f"`{self.study.group}`" if self.fixed is None else self.fixed
        object.__setattr__(self, "_sample", make_terms(self.study, formula, self.random))
        object.__setattr__(self, "priors", self.priors.complete(*self._sample))
        self.priors.coefficients(self.terms.fixed, self.terms.random)
        spread_data(self.priors.Sigma, self.terms.random)
        warn(overruled.remarks(self.priors, *self._sample))

    @property
    def parameters(self) -> Mapping[str, tuple[str, ...]]:
        """The parameters and their dims."""
        second = ("logit_bis", "random_term_bis") if self._joint else ("random_term_bis",)
        fixed = {"beta": ("term", "logit")} if self.terms.fixed else {}
        return {
            **fixed,
            "gamma": ("random_term", "logit"),
            "gamma_cluster": ("cluster", "random_term", "logit"),
            "Sigma": ("logit", "random_term", *second),
        }

    @property
    def blocks(self) -> Mapping[str, tuple[str, ...]]:
        """The parameters by block."""
        fixed = {"fixed": ("beta",)} if self.terms.fixed else {}
        return {
            **fixed,
            "random": ("gamma",),
            "variance": ("Sigma",),
            "clusters": ("gamma_cluster",),
        }

    @property
    def _joint(self) -> bool:
        return is_joint(self.priors.Sigma)

    def describe_priors(self) -> dict[str, str]:
        """Return the priors in words.

        Returns
        -------
        dict of str to str
            By parameter.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> sites = bmco.load_multisite()
        >>> study = bmco.Study(sites, ["y1", "y2"], "arm", "ctl", "trt", cluster="site")
        >>> model = bmco.BGLMM(study, fixed="arm * x", random="1", priors=bmco.Priors.bmco())
        >>> model.describe_priors()["gamma"]
        'Normal(mean=0, covariance=10)'
        """
        return self.priors.describe(["beta", "gamma", "Sigma"])

    @cached_property
    def data(self) -> Mapping[str, Any]:
        """The value of each data container."""
        cells, priors = self.cells, self.priors
        counts = completed(cells)
        X, Z = self.terms.matrices(cells.frame, cells.arm)
        prior = priors.coefficients(self.terms.fixed, self.terms.random)
        contrasts = logits_of(priors.contrasts, cells.counts.shape[1])
        basis = make_basis(np.hstack([X, Z]), counts, *prior, contrasts)
        spread = spread_data(priors.Sigma, self.terms.random, Z, cells)
        inside = Z @ spread.basis
        assert cells.cluster is not None
        tie = contrasts if self._joint else None
        expansion = expand(basis, counts, self._joint)
        known = cluster_information(basis, inside, cells.cluster, expansion, tie)
        if self._joint:
            everything = known_of_all(basis, expansion, known)
            guess = spread.hyper["sd_scale"] ** 2
            Sigma = estimated_covariance(everything, contrasts, guess)
            basis = whitened(basis, everything, contrasts, Sigma)
        return {
            **cell_data(basis, cells, inside),
            **spread.hyper,
            "basis_deviation": spread.basis,
            **({} if tie is None else {"deviation_contrasts": tie}),
            "info": known.info,
            "lin": known.lin,
            "off": known.off,
        }

    @cached_property
    def packed(self) -> Array:
        """The data as the sampler takes them."""
        from bmco_pymc.kernel.covariance import SPLIT
        from bmco_pymc.kernel.layout import pack

        data = dict(self.data)
        family, hyper = kernel_prior(self.priors.Sigma, data, data["off"].shape[1])
        if family != SPLIT:
            return pack(data, family, hyper)
        order, first_kind = self._kinds
        for name in ("info", "lin", "off"):
            data[name] = data[name][..., order]
        start = data["cluster_start"].astype(int)
        cells = np.concatenate([np.arange(start[j], start[j + 1]) for j in order])
        for name in ("design", "design_random", "offset", "total"):
            data[name] = data[name][..., cells]
        data["observed"] = data["observed"][cells]
        if "agree" in data:
            begin = data["partial_start"].astype(int)
            some = np.concatenate([np.arange(begin[j], begin[j + 1]) for j in order])
            for name in ("design", "random", "offset", "total"):
                data[f"partial_{name}"] = data[f"partial_{name}"][..., some]
            data["agree"] = data["agree"][:, some]
            data["partial_start"] = np.concatenate([[0], np.cumsum(np.diff(begin)[order])])
        data["cluster_start"] = np.concatenate([[0], np.cumsum(np.diff(start)[order])])
        return pack(data, family, hyper, first_kind)

    @property
    def _kinds(self) -> tuple[NDArray[np.intp], int]:
        """The clusters, those of the control first, and how many these are."""
        treated = np.zeros(len(self.cells.cluster_labels), dtype=bool)
        treated[self.cells.cluster] = self.cells.arm == 1
        return np.argsort(treated, kind="stable"), int((~treated).sum())

    def posterior(self, coef: Array, u: Array, root: Array) -> dict[str, Array]:
        """Return the raw parameters."""
        P, p, L, J = self.structure[1:5]
        raw, turn = self.raw_coefficients(coef), self.data["basis_deviation"]
        gamma = raw[:, P:]  # (S, p, L)
        if int(self.packed[10]) < J:  # see `packed`
            u = u[..., np.argsort(self._kinds[0])]
        around = turn @ u.reshape(-1, L, p, J)
        if self._joint:  # a root of all contrasts, (S, 1, L p, L p), becomes one of all logits
            by_contrast = root.reshape(len(root), L, -1)
            root = (self.data["deviation_contrasts"] @ by_contrast).reshape(root.shape)
        root = (turn @ root.reshape(len(root), L, p, -1)).reshape(root.shape)
        Sigma = root @ root.swapaxes(-1, -2)
        beta = {"beta": raw[:, :P]} if P else {}
        return {
            **beta,
            "gamma": gamma,
            "gamma_cluster": gamma[:, None] + around.transpose(0, 3, 2, 1),
            "Sigma": Sigma.reshape(-1, L, p, L, p) if self._joint else Sigma,
        }

    @property
    def structure(self) -> tuple[Any, ...]:
        """What the compiled code depends on."""
        terms, Sigma = self.terms, self.priors.Sigma
        sd = type(getattr(Sigma, "sd", None)).__name__
        sizes = (len(terms.fixed), len(terms.random), len(self.coords["logit"]))
        n_clusters = len(self.cells.cluster_labels)
        return ("BGLMM", *sizes, n_clusters, type(Sigma).__name__, sd, self._joint)

    def build(self) -> pm.Model:
        """Return the PyMC model.

        Returns
        -------
        pymc.Model

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> sites = bmco.load_multisite()
        >>> study = bmco.Study(sites, ["y1", "y2"], "arm", "ctl", "trt", cluster="site")
        >>> model = bmco.BGLMM(study, fixed="arm", random="1").build()
        >>> model.named_vars_to_dims["gamma_cluster"]
        ('cluster', 'random_term', 'logit')
        """
        import pymc as pm

        from bmco_pymc.models import covariance, graph
        from bmco_pymc.models.small import product

        P, p, L, J = self.structure[1:5]
        blocks, d = (1, L * p) if self._joint else (L, p)
        with pm.Model(coords=self.coords, check_bounds=False) as model:
            data = graph.containers(self.data)
            inner, raw = graph.coefficients(data, (P + p, L))
            pm.Deterministic("beta", raw[:P], dims=("term", "logit"))
            gamma = pm.Deterministic("gamma", raw[P:], dims=self.parameters["gamma"])
            root = covariance.root(self.priors.Sigma, data, blocks, d)
            u = graph.deviations(data, inner, root, (blocks, d, J)).reshape((L, p, J))
            if self._joint:
                tie = data["deviation_contrasts"]
                u = product(tie, u.reshape((L, p * J))).reshape((L, p, J))
                root = product(tie, root.reshape((L, p * d)))
            around = product(data["basis_deviation"], u)  # (L, p, J), raw scale
            each = gamma + around.transpose(2, 1, 0)
            pm.Deterministic("gamma_cluster", each, dims=self.parameters["gamma_cluster"])
            by_logit = root.reshape((L, p, L * p if self._joint else p))
            raw_root = product(data["basis_deviation"], by_logit).reshape((blocks, d, d))
            Sigma = product(raw_root, raw_root.mT)
            Sigma = Sigma.reshape((L, p, L, p) if self._joint else (L, p, p))
            pm.Deterministic("Sigma", Sigma, dims=self.parameters["Sigma"])
            graph.observe(data, inner, u, L)
        return model
