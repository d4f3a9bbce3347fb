"""What the two regressions share: data for the sampler, one structure, NUTS."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.cells import Cells
from bmco_pymc.design import Design
from bmco_pymc.interrupts import load
from bmco_pymc.models.base import Model
from bmco_pymc.models.geometry import Basis

if TYPE_CHECKING:
    from bmco_pymc.fit import Fit

type Array = NDArray[np.float64]


class Regression(Model):
    """A multinomial logit that NUTS samples.

    Everything that differs between two studies of one structure, and between two priors of one
    family, is in `data`; the compiled code depends on `structure` alone.
    """

    _sample: tuple[Design, Cells]

    @property
    def design(self) -> Design:
        """The meaning of the formulas."""
        return self._sample[0]

    @property
    def cells(self) -> Cells:
        """The analysed sample."""
        return self._sample[1]

    @property
    @abc.abstractmethod
    def data(self) -> Mapping[str, Any]:
        """The value of each data container of the PyMC model, by name."""

    @property
    @abc.abstractmethod
    def structure(self) -> tuple[Any, ...]:
        """What the compiled code depends on: the type of model and the sizes of its parameters."""

    @cached_property
    @abc.abstractmethod
    def packed(self) -> Array:
        """The data as the sampler takes them, see `bmco_pymc.kernel.layout`."""

    @property
    def n_parameters(self) -> int:
        """Dimension of the sampling space."""
        M, L = self.data["basis_scale"].shape
        if "off" not in self.data:
            return int(M * L)
        B, d, J = self.data["off"].shape
        return int(M * L + B * d * (d + 1) // 2 + J * B * d)

    @abc.abstractmethod
    def posterior(self, coef: Array, u: Array, root: Array) -> dict[str, Array]:
        """Return raw parameters, draws first, from `bmco_pymc.kernel.density.expand`."""

    @final
    def raw_coefficients(self, coef: Array) -> Array:
        """Return fixed and random means (S, M, L) from coefficients in the basis (S, L, M)."""
        mean: Array = self.data["prior_mean"][:, None]
        return mean + self.data["basis_terms"] @ coef.swapaxes(1, 2)  # (M, M) @ (S, M, L)

    @final
    def fit(
        self,
        draws: int | None = None,
        tune: int | None = None,
        chains: int = 4,
        seed: int | None = None,
        *,
        cores: int | None = None,
        target_accept: float | None = None,
        progress: bool = True,
    ) -> Fit:
        """Sample the posterior with NUTS (nutpie).

        Settings that are not given are the package's to choose. When the diagnostics, or those of
        θ and δ in the whole sample, ask for more draws or a longer warm-up, it samples again with
        twice of both, up to 16,000 draws in all; after a handful of divergences (2 % of the draws,
        at most) again with `target_accept` .97, then .99. The last run is the fit, and every result
        says that there were several (``fit.diagnostics.continued``). What is given is kept.

        Ctrl-C ends the sampling and keeps the draws: those of the chains that have enough of them,
        cut to one length, or those of the last complete run.

        Parameters
        ----------
        draws, tune : int, optional
            Draws kept, and tuning steps before them, in each chain. If not given, 1000, and more
            where that is too few.
        chains : int
            Independent chains; diagnostics need at least two.
        seed : int, optional
            Seed of all randomness. The same seed gives the same draws on the same machine with the
            same versions of the package, numba and nutpie.
        cores : int, optional
            Chains sampled at a time; the default is the number of processors, at most `chains`.
        target_accept : float, optional
            Acceptance rate that the step size aims at; closer to 1 is slower and more careful. If
            not given, 0.9, and more after divergences.
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        Fit
            The posterior and its diagnostics.

        Warns
        -----
        ConvergenceWarning
            Once, if any diagnostic is not as it should be, with the reason and what to do; and
            after Ctrl-C, with what is kept.
        """
        load("bmco_pymc.continuing")
        from bmco_pymc.continuing import sample_until_good
        from bmco_pymc.settings import Settings

        choice = {"draws": draws, "tune": tune, "target_accept": target_accept}
        given: dict[str, Any] = {name: value for name, value in choice.items() if value is not None}
        first = Settings(chains=chains, seed=seed, cores=cores, **given)
        return sample_until_good(self, first, frozenset(choice.keys() - given), progress=progress)


def cell_data(basis: Basis, cells: Cells, design_random: Array) -> dict[str, Any]:
    """Return the data containers that every regression has.

    Parameters
    ----------
    basis : Basis
        Sampling basis of the coefficients.
    cells : Cells
        The analysed sample.
    design_random : ndarray, shape (n, p)
        Z in the basis of the deviations; p = 0 without clusters.
    """
    if cells.cluster is None:
        start = np.array([0, len(cells)])
    else:  # cells are sorted by cluster
        start = np.searchsorted(cells.cluster, np.arange(len(cells.cluster_labels) + 1))
    mixing = {} if basis.mixing is None else {"basis_mixing": basis.mixing}
    return {
        **mixing,
        "prior_mean": basis.mean,
        "basis_terms": basis.terms,
        "basis_logits": basis.logits,
        "basis_scale": basis.scale,
        "design": np.ascontiguousarray(basis.design.T),
        "offset": basis.offset,
        "design_random": np.ascontiguousarray(design_random.T),
        "cluster_start": start.astype(np.float64),
        "total": cells.weight.astype(np.float64),
        "observed": cells.counts.astype(np.float64),
    }
