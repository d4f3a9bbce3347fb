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
        draws: int = 1000,
        tune: int = 1000,
        chains: int = 4,
        seed: int | None = None,
        *,
        cores: int | None = None,
        target_accept: float = 0.9,
        progress: bool = True,
    ) -> Fit:
        """Sample the posterior with NUTS (nutpie).

        Parameters
        ----------
        draws, tune : int
            Draws kept, and tuning steps before them, in each chain.
        chains : int
            Independent chains; diagnostics need at least two.
        seed : int, optional
            Seed of all randomness. The same seed gives the same draws on the same machine with the
            same versions of the package, numba and nutpie.
        cores : int, optional
            Chains sampled at a time; the default is the number of processors, at most `chains`.
        target_accept : float
            Acceptance rate that the step size aims at; closer to 1 is slower and more careful.
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        Fit
            The posterior and its diagnostics.

        Warns
        -----
        ConvergenceWarning
            Once, if any diagnostic is not as it should be, with the reason and what to do.
        """
        from bmco_pymc.fit import make_fit
        from bmco_pymc.sampling import Settings, sample

        settings = Settings(draws, tune, chains, seed, cores, target_accept)
        return make_fit(self, sample(self, settings, progress=progress))


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
