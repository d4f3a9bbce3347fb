"""What a sampler sees of a regression: its data, its structure, and how draws become parameters."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import observed_patterns
from bmco_pymc.data.cells import Cells
from bmco_pymc.models.base import Model
from bmco_pymc.models.geometry import Basis
from bmco_pymc.terms.terms import Terms

type Array = NDArray[np.float64]


class MultinomialLogit(Model):
    """A multinomial logit of the patterns, as data for a sampler.

    Everything that differs between two studies of one structure, and between two priors of one
    family, is in `data`; the compiled code depends on `structure` alone.
    """

    _sample: tuple[Terms, Cells]

    @property
    def terms(self) -> Terms:
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
        **_partial(basis, cells, design_random, start),
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


def _partial(
    basis: Basis, cells: Cells, design_random: Array, start: NDArray[np.intp]
) -> dict[str, Any]:
    """Return the data of the subjects observed in part: a column for each kind of them in a cell.

    Their numbers are less than 0, as `bmco_pymc.kernel.likelihood.subtract_norm` takes them.
    """
    if cells.partial is None:
        return {}
    cell, code = cells.partial.cell, cells.partial.code
    agree = observed_patterns.agreeing(cells.n_outcomes)
    return {
        "partial_design": np.ascontiguousarray(basis.design[cell].T),
        "partial_offset": basis.offset[cell],
        "partial_random": np.ascontiguousarray(design_random[cell].T),
        "partial_start": np.searchsorted(cell, start).astype(np.float64),
        "partial_total": -cells.partial.count.astype(np.float64),
        "agree": np.ascontiguousarray(agree[code].T, dtype=np.float64),
    }
