"""A fit: the posterior of a model, what the diagnostics say of it, and the questions it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from bmco_pymc.diagnostics import Diagnostics, diagnose
from bmco_pymc.estimates import estimates
from bmco_pymc.judged import Judged
from bmco_pymc.models.base import Model
from bmco_pymc.population import Analytical, Empirical, Value
from bmco_pymc.render import as_html, as_text

if TYPE_CHECKING:
    from bmco_pymc.effect import Effect


@dataclass(frozen=True, eq=False, repr=False)
class Fit(Judged):
    """Posterior draws of a model, with a verdict on them; made by ``model.fit()``.

    Attributes
    ----------
    model : Model
        What was fitted.
    idata : xarray.DataTree
        Draws on the raw scale in group ``posterior``, sampler statistics, the analysed cells and
        the design; labels on every dim. Ready for ArviZ.
    diagnostics : Diagnostics
        Whether the sampler has done its job, and what to do if not.
    """

    model: Model
    idata: xr.DataTree
    diagnostics: Diagnostics

    def effect(
        self,
        population: Value | Empirical | Analytical | None = None,
        *,
        clusters: str | None = None,
        standardise: str = "pooled",
        cluster_weights: str = "size",
    ) -> Effect:
        """Average over a population and return θ and δ, without fitting again.

        Parameters
        ----------
        population : Value, Empirical or Analytical, optional
            Which covariate values; the default is the whole sample, ``Empirical()``.
        clusters : {"new", "observed"}, optional
            Clusters like these, with the variation between clusters integrated out (the default),
            or the clusters in the data. Only for BGLMM.
        standardise : {"pooled", "own"}
            For Empirical: both groups over the same subjects, which is the causal contrast, or
            each group over its own.
        cluster_weights : {"size", "equal"}
            How observed clusters are weighed.

        Returns
        -------
        Effect
            Success probabilities, differences and, from them, decisions.

        Raises
        ------
        InputError
            If the population has no subject, or does not fit the model.
        """
        from bmco_pymc.effect import make_effect

        return make_effect(
            self,
            population,
            clusters=clusters,
            standardise=standardise,
            cluster_weights=cluster_weights,
        )

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
        """
        posterior = self.idata["posterior"].to_dataset()
        names = [
            name
            for name in self.model.parameters
            if by_cluster or "cluster" not in self.model.parameters[name]
        ]
        return estimates(posterior[names], self.diagnostics, ci_prob)

    def _facts(self) -> tuple[str, list[list[str]], list[str]]:
        attrs = self.idata.attrs
        posterior = self.idata["posterior"]
        n = {group: int(size) for group, size in self._sizes().items()}
        title = f"{type(self.model).__name__} fit of {', '.join(self.model.study.outcomes)}"
        table = [["group", "subjects"], *([group, str(size)] for group, size in n.items())]
        sentences = [f"Prior of {k}: {v}." for k, v in self.model.describe_priors().items()]
        clusters = self.model.coords.get("cluster")
        if clusters is not None:
            sentences.insert(0, f"{len(clusters)} clusters ({self.model.study.cluster}).")
        sentences.append(
            f"{posterior.sizes['chain']} chains of {posterior.sizes['draw']} draws "
            f"({attrs['sampler']}, seed {attrs['seed']})."
        )
        return title, table, [*sentences, *str(self.diagnostics).splitlines()]

    def _sizes(self) -> dict[str, int]:
        cells = self.model.cells
        n = np.bincount(cells.arm, weights=cells.weight, minlength=2)
        return dict(zip(self.model.study.group_labels, n.astype(int), strict=True))

    def __str__(self) -> str:
        return as_text(*self._facts())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(*self._facts())


def make_fit(model: Model, idata: xr.DataTree) -> Fit:
    """Judge the draws, warn once if they are not good enough, and return the fit."""
    diagnostics = diagnose(idata, model.blocks)
    diagnostics.warn(stacklevel=3)
    return Fit(model, idata, diagnostics)
