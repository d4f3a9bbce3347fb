"""BMVB: the multivariate Bernoulli analysis, conjugate and exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bmco_pymc.arguments import FIT, check_names
from bmco_pymc.data.cells import Cells
from bmco_pymc.data.study import Study
from bmco_pymc.fit import Fit, make_fit
from bmco_pymc.models import partly
from bmco_pymc.models.base import Model, check_values
from bmco_pymc.models.settings import Settings, of_one_draw
from bmco_pymc.posterior.tree import label
from bmco_pymc.priors.components import of_equal_length
from bmco_pymc.priors.priors import Priors

if TYPE_CHECKING:
    import pymc as pm


@dataclass(frozen=True, eq=False, repr=False)
class BMVB(Model):
    r"""Pattern counts of each group as multinomial, with a Dirichlet prior, or a mixture.

    .. math::

        s_g \sim \mathrm{Multinomial}(n_g, \phi_g), \qquad \phi_g \sim \mathrm{Dirichlet}(\alpha_g)

    The posterior is :math:`\mathrm{Dirichlet}(\alpha_g + s_g)` and is drawn from exactly
    (Kavelaars, Mulder & Kaptein 2020, 10.1177/0962280220922256). A `Mixture` of Dirichlets is a
    mixture a posteriori too, with other weights (Schmidli et al. 2014, 10.1111/biom.12242): each
    draw is of a component by its weight, and then of φ. A subject who is observed in part adds the
    probability of what was observed, :math:`\sum_{q \in C} \phi_q`.

    Parameters
    ----------
    study : Study
        The data and its roles; its clusters, if it has any, are ignored.
    priors : Priors, optional
        Its ``phi`` is used; the default is α = 2/Q for each of the Q patterns.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", control="ctl", treatment="trt")
    >>> fit = bmco.BMVB(study).fit(seed=1)
    >>> round(float(fit.effect().theta.mean(("chain", "draw")).sel(group="trt", outcome="y1")), 2)
    0.52

    >>> fit.model.parameters, fit.model.coords["pattern"]
    ({'phi': ('group', 'pattern')}, ['11', '10', '01', '00'])
    >>> fit.model.terms, fit.model.sample_notes
    (None, ())
    >>> fit.model.cells.counts.tolist()
    [[33, 16, 20, 51], [32, 30, 31, 27]]
    """

    study: Study
    priors: Priors = field(default_factory=Priors)
    _cells: Cells = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_values(self.study, self.priors)
        object.__setattr__(self, "_cells", self.study.cells((), by_cluster=False))
        object.__setattr__(self, "priors", self.priors.complete(None, self.cells))
        self.priors.phi.components("phi", self.study.patterns)

    @property
    def cells(self) -> Cells:
        """The analysed sample: one cell a group."""
        return self._cells

    @property
    def terms(self) -> None:
        """There are no covariates."""
        return

    @property
    def parameters(self) -> Mapping[str, tuple[str, ...]]:
        """The parameters and their dims."""
        return {"phi": ("group", "pattern")}

    @property
    def blocks(self) -> Mapping[str, tuple[str, ...]]:
        """The parameters by block."""
        return {"fixed": ("phi",)}

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
        >>> bmco.BMVB(study, bmco.Priors(phi=bmco.Dirichlet(1))).describe_priors()
        {'phi': 'Dirichlet(alpha=1)'}
        """
        return {"phi": str(self.priors.phi)}

    def build(self) -> pm.Model:
        """Return the PyMC model, for prior predictive checks or NUTS; `fit` does not need it.

        Returns
        -------
        pymc.Model

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> with bmco.BMVB(study).build() as model:
        ...     print(list(model.named_vars))
        ['alpha', 'total', 'observed', 'phi', 'counts']
        """
        import pymc as pm

        with pm.Model(coords=self.coords) as model:
            weight, alpha = of_equal_length(self.priors.phi.components("phi", self.study.patterns))
            mixed = weight.shape[1] > 1
            alpha = pm.Data("alpha", alpha if mixed else alpha[:, 0])  # (2, M, Q) or (2, Q)
            total = pm.Data("total", self.cells.counts.sum(axis=1))
            observed = pm.Data("observed", self.cells.counts)
            if mixed:
                weight = pm.Data("weight", weight)
                parts = pm.Dirichlet.dist(alpha)
                phi = pm.Mixture("phi", w=weight, comp_dists=parts, dims=("group", "pattern"))
            else:
                phi = pm.Dirichlet("phi", alpha, dims=("group", "pattern"))
            pm.Multinomial("counts", n=total, p=phi, observed=observed, dims=("group", "pattern"))
            for signs, merged, counts in partly.by_signs(self.cells):
                some = pm.Data(f"observed {signs}", counts)  # (2, 2^observed outcomes)
                p = phi @ merged.astype(float)
                pm.Multinomial(f"counts {signs}", n=counts.sum(axis=1), p=p, observed=some)
        return model

    def fit(
        self, draws: int = 2500, *, chains: int = 4, seed: int | None = None, **settings: Any
    ) -> Fit:
        """Draw from the exact posterior.

        Subjects who are observed in part are a reason for another way: exact draws where missing
        outcomes are monotone (`bmco_pymc.models.monotone`), otherwise data augmentation, with a
        chain of its own for each draw (`bmco_pymc.models.augmentation`). ``idata.attrs["sampler"]``
        says which.

        Parameters
        ----------
        draws : int
            Independent draws in each chain.
        chains : int
            Number of chains; they are alike, and kept apart so that every analysis has one form.
        seed : int, optional
            Seed of the draws. The same seed gives the same draws on one machine with the same
            versions; on others they differ by Monte Carlo error.
        **settings
            Other settings of a regression's ``fit`` (``tune``, ``cores``, ``target_accept``,
            ``progress``) are accepted, so that analyses can be swapped, and have no meaning here.

        Returns
        -------
        Fit
            The posterior.

        Raises
        ------
        InputError
            If a setting cannot be used.

        Warns
        -----
        ConvergenceWarning
            If there are too few draws.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> fit = bmco.BMVB(study).fit(seed=1)
        >>> fit.summary().round(2).loc["phi[trt, 11]", ["mean", "lower", "upper"]].tolist()
        [0.27, 0.19, 0.35]
        >>> fit.idata.attrs["sampler"]
        'exact'
        """
        check_names(settings, FIT)
        progress = settings.get("progress") is not False
        checked = {k: v for k, v in settings.items() if k != "progress" and v is not None}
        if type(checked.get("tune")) is int and checked["tune"] == 0:  # nothing is tuned here
            del checked["tune"]
        plan = Settings(draws=draws, chains=chains, seed=seed, **checked).with_seed()
        plan.check_memory(of_one_draw(self), warm_up=False)
        draws, chains = plan.draws, plan.chains
        prior = self.priors.phi.components("phi", self.study.patterns)
        phi = np.empty((chains, draws, 2, len(self.study.patterns)))
        # a stream for each group by its label: comparing b with a gives exactly minus a with b
        by_label = np.argsort(self.study.group_labels)
        streams = np.random.default_rng(plan.seed).spawn(2)
        groups = partly.groups(self.study, self.cells, prior)
        for group, rng in zip(by_label, streams, strict=True):
            phi[:, :, group] = groups[group].draw((chains, draws), rng, progress=progress)
        how = partly.sampler(groups)
        attrs = {"draws": draws, "chains": chains, "seed": plan.seed, "sampler": how}
        posterior = {"phi": (("chain", "draw", "group", "pattern"), phi)}
        return make_fit(self, label(self, posterior, {}, attrs))
