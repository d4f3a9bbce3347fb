"""A posterior: the draws of a model, what they are draws of, and the verdict on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc.arguments import flag
from bmco_pymc.diagnostics.summary import estimates
from bmco_pymc.diagnostics.verdict import Diagnostics
from bmco_pymc.errors import InputError
from bmco_pymc.posterior.declaration import Declaration
from bmco_pymc.printing import Facts, Printed


@dataclass(frozen=True, eq=False, repr=False)
class Posterior(Printed):
    """Posterior draws of a model, with a verdict on them; a `bmco_pymc.Fit` is one with verbs.

    Attributes
    ----------
    model : Declaration
        What was fitted.
    idata : xarray.DataTree
        Draws on the raw scale in group ``posterior``, sampler statistics, the analysed cells and
        the design; labels on every dim. Ready for ArviZ.
    diagnostics : Diagnostics
        Whether the sampler has done its job, and what to do if not.
    """

    model: Declaration
    idata: xr.DataTree
    diagnostics: Diagnostics

    def summary(self, ci_prob: float = 0.95, *, by_cluster: bool = False) -> pd.DataFrame:
        """Return a table of the parameters.

        Parameters
        ----------
        ci_prob : float
            Probability in the equal-tailed interval.
        by_cluster : bool
            Whether to include the coefficients of every cluster.

        Returns
        -------
        pandas.DataFrame
            A row per parameter: mean, sd, interval, Monte Carlo standard error, ESS, R-hat.

        Raises
        ------
        InputError
            If an argument cannot be used.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> fit = bmco.BMVB(study).fit(seed=1)
        >>> table = fit.summary(0.9).round(2)
        >>> table[["mean", "sd", "lower", "upper"]].head(4)  # doctest: +NORMALIZE_WHITESPACE
                      mean    sd  lower  upper
        parameter
        phi[ctl, 11]  0.27  0.04   0.21   0.34
        phi[ctl, 10]  0.14  0.03   0.09   0.19
        phi[ctl, 01]  0.17  0.03   0.12   0.23
        phi[ctl, 00]  0.42  0.04   0.35   0.50
        """
        posterior = self.idata["posterior"].to_dataset()
        every = flag("by_cluster", by_cluster)
        names = [
            name
            for name in self.model.parameters
            if every or "cluster" not in self.model.parameters[name]
        ]
        return estimates(posterior[names], self.diagnostics, ci_prob)

    def draws(self, name: str) -> NDArray[np.float64]:
        """Return the draws of a parameter with the chains joined, shape (S, ...).

        Parameters
        ----------
        name : str
            A parameter, as in ``model.parameters``.

        Returns
        -------
        ndarray
            The S draws of all chains, one chain after the other.

        Raises
        ------
        KeyError
            If the model has no such parameter.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> fit = bmco.BMVB(study).fit(seed=1)
        >>> fit.draws("phi").shape
        (10000, 2, 4)
        """
        values = self.idata["posterior"].to_dataset()[name].values
        return values.reshape(-1, *values.shape[2:])

    def coefficients(self) -> dict[str, NDArray[np.float64]]:
        """Return the draws of a regression; without fixed terms beta is empty.

        Returns
        -------
        dict of str to ndarray
            By parameter, as in ``model.parameters``.

        Raises
        ------
        InputError
            If the model has no covariates, and so no coefficients.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> prior = bmco.BGLM(study, "arm * x").prior_effect(draws=400, seed=1).fit
        >>> {name: draws.shape for name, draws in prior.coefficients().items()}
        {'beta': (400, 4, 3)}
        """
        if self.model.terms is None:
            name = type(self.model).__name__
            raise InputError("fit", name, "has no coefficients: its parameter is phi")
        draws = {name: self.draws(name) for name in self.model.parameters}
        if "beta" not in draws:  # every term is random
            n, L = len(draws["gamma"]), len(self.model.coords["logit"])
            draws["beta"] = np.zeros((n, 0, L))
        return draws

    @property
    def is_prior(self) -> bool:
        """Whether the draws are from the prior: no outcome was used."""
        return bool(self.idata.attrs.get("sampler") == "prior")

    @property
    def cut_short(self) -> str:
        """What an interrupt has left of the draws that were asked for; empty if it is all."""
        attrs, sizes = self.idata.attrs, self.idata["posterior"].sizes
        n_chains, n_draws = sizes["chain"], sizes["draw"]
        chains = int(attrs.get("chains", n_chains))
        draws = -(-int(attrs.get("draws", n_draws)) // int(attrs.get("thin", 1)))
        if (n_chains, n_draws) == (chains, draws):
            return ""
        some = f" of {n_chains} of {chains} chains" if n_chains < chains else ""
        return f"interrupted, {n_draws} of {draws} draws{some} are kept"

    def _facts(self) -> Facts:
        attrs = self.idata.attrs
        posterior = self.idata["posterior"]
        sizes = zip(self.model.study.group_labels, self.model.cells.subjects, strict=True)
        kind = "prior" if self.is_prior else "fit"
        title = f"{type(self.model).__name__} {kind} of {', '.join(self.model.study.outcomes)}"
        table = [["group", "subjects"], *([group, str(size)] for group, size in sizes)]
        sentences = list(self.model.sample_notes)
        sentences += [f"Prior of {k}: {v}." for k, v in self.model.describe_priors().items()]
        clusters = self.model.coords.get("cluster")
        if clusters is not None:
            sentences.insert(0, f"{len(clusters)} clusters ({self.model.study.cluster}).")
        sentences.append(
            f"{posterior.sizes['chain']} chains of {posterior.sizes['draw']} draws "
            f"({attrs['sampler']}, seed {attrs['seed']})."
        )
        sentences += [f"{self.cut_short.capitalize()}."] if self.cut_short else []
        return title, table, [*sentences, *str(self.diagnostics).splitlines()]
