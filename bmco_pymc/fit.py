"""A fit: the posterior of a model, and what the diagnostics say of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bmco_pymc.arguments import flag
from bmco_pymc.asked import Asked
from bmco_pymc.diagnostics import Diagnostics, diagnose
from bmco_pymc.errors import ConvergenceWarning, warn_user
from bmco_pymc.estimates import estimates
from bmco_pymc.interrupts import ALL_KEPT, INTERRUPTED, deferred, tell
from bmco_pymc.judged import Judged
from bmco_pymc.models.base import Model
from bmco_pymc.render import as_html, as_text
from bmco_pymc.versions import software

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

    from bmco_pymc.priors import Priors
    from bmco_pymc.study import Study


@dataclass(frozen=True, eq=False, repr=False)
class Fit(Asked, Judged):
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
        every = flag("by_cluster", by_cluster)
        names = [
            name
            for name in self.model.parameters
            if every or "cluster" not in self.model.parameters[name]
        ]
        return estimates(posterior[names], self.diagnostics, ci_prob)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Keep the fit in one file, for `bmco_pymc.load`.

        The file holds the draws and statistics (``idata``), the analysed rows of the study with all
        their columns, the formulas, priors and settings, and the versions of the software: mind who
        may see the data. It is a zarr store in a zip, which ``xarray`` and ArviZ can read too, and
        holds no code. It appears under its name only when it is complete and has been read back. A
        file that is replaced keeps its mode; a symbolic link is followed.

        Parameters
        ----------
        path : str or path-like
            The file; ``.zarr.zip`` is a good ending.
        overwrite : bool
            Whether to replace a file that is there.

        Raises
        ------
        InputError
            If the file is there already, is no file, or cannot be written, or if a column that the
            model uses, or something added to ``idata``, cannot be stored exactly.

        Warns
        -----
        InputWarning
            If a column that the model does not use cannot be stored; it is left out.
        """
        from bmco_pymc.store import save

        save(self, path, overwrite=overwrite)

    def update(
        self,
        data: IntoFrame | Study | None = None,
        *,
        priors: Priors | Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Fit:
        """Fit the same analysis again, with other data, priors or settings.

        What is not given stays as it was, the seed and the other sampler settings too. Nothing is
        compiled anew for data and priors of the same sizes and families.

        Parameters
        ----------
        data : data frame or Study, optional
            A frame with the same columns in the same roles, or a study of its own. Terms that learn
            from data (splines, ``scale()``) learn from these, and so do recommended priors.
        priors : Priors or mapping, optional
            All priors, or those to replace: ``{"beta": Normal(0, sd=1)}``.
        **settings
            Settings of ``model.fit``: ``draws``, ``tune``, ``chains``, ``seed``, ``progress`` ...

        Returns
        -------
        Fit
            A new fit; this one stays as it is.

        Raises
        ------
        InputError
            If the data lack a column, or a prior or setting does not fit the analysis.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> trial = bmco.load_trial()
        >>> first = bmco.Study(trial[:200], ["y1", "y2"], "arm", control="ctl", treatment="trt")
        >>> interim = bmco.BMVB(first).fit(seed=1)
        >>> final = interim.update(trial)
        >>> final.model.study.n_input, final.idata.attrs["seed"]
        (240, 1)
        """
        from bmco_pymc.refit import update

        return update(self, data, priors=priors, **settings)

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

    def _facts(self) -> tuple[str, list[list[str]], list[str]]:
        attrs = self.idata.attrs
        posterior = self.idata["posterior"]
        n = {group: int(size) for group, size in self._sizes().items()}
        kind = "prior" if self.is_prior else "fit"
        title = f"{type(self.model).__name__} {kind} of {', '.join(self.model.study.outcomes)}"
        table = [["group", "subjects"], *([group, str(size)] for group, size in n.items())]
        sentences = list(self.model.left_out)
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
    fit = judge(model, idata)
    warn_of(fit)
    return fit


def judge(model: Model, idata: xr.DataTree) -> Fit:
    """Return the fit of draws, with the verdict on them; an interrupt waits for it."""
    idata.attrs.setdefault("software", software())
    with deferred() as interrupt:
        fit = Fit(model, idata, diagnose(idata, model.blocks))
    if interrupt and INTERRUPTED not in idata.attrs:
        tell(idata, ALL_KEPT)
    return fit


def warn_of(fit: Fit) -> None:
    """Warn if the draws are not good enough, at the user's line: a fit, a refit or a load."""
    if not fit.diagnostics.ok:
        warn_user(fit.diagnostics.verdict, ConvergenceWarning)
