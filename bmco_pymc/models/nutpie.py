"""The compiled log-density in nutpie's hands, without PyTensor.

nutpie samples from C functions, but its public way to them compiles a PyMC model in every process,
which takes longer than sampling. Here it gets the functions of `bmco_pymc.kernel.callbacks`, which
are compiled once on a machine. That needs names that nutpie does not promise to keep: they are
used in this file only, and `usable` says whether they are there. If not, `bmco_pymc.models.nuts`
goes the public way, to the same posterior.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from nutpie import __version__, _lib
from nutpie.sample import CompiledModel

from bmco_pymc.kernel import callbacks

NUTPIE = ((0, 16), (0, 17))  # the first version known to fit, and the first that is not


def usable() -> bool:
    """Return whether this nutpie is one whose inner functions are known."""
    version = tuple(int(part) for part in __version__.split(".")[:2])
    names = ("ExpandFunc", "LogpFunc", "PyMcModel", "PySampler", "PyVariable")
    return NUTPIE[0] <= version < NUTPIE[1] and all(hasattr(_lib, name) for name in names)


@dataclass(frozen=True)
class Density(CompiledModel):
    """A model for ``nutpie.sample``; its draws are the points of the sampling space.

    Attributes
    ----------
    packed : ndarray
        The model's data, see `bmco_pymc.kernel.layout.pack`.
    size : int
        Dimension of the sampling space.
    start : callable
        From a seed to the starting point of a chain.
    """

    packed: NDArray[np.float64]
    size: int
    start: Any

    @property
    def n_dim(self) -> int:
        """Dimension of the sampling space."""
        return self.size

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each stored variable."""
        return {"point": (self.size,)}

    @property
    def coords(self) -> dict[str, Any]:
        """Labels: none."""
        return {}

    def _make_model(self, init_mean: Any) -> Any:
        address = self.packed.ctypes.data
        value = _lib.LogpFunc(callbacks.log_density.address, address, self)
        keep = _lib.ExpandFunc(self.size, self.size, callbacks.copy.address, address, self)
        sizes, dims = {"coordinate": self.size}, {"point": ("coordinate",)}
        variables = _lib.PyVariable.new_variables(
            ["point"], ["float64"], [(self.size,)], sizes, dims
        )
        return _lib.PyMcModel(value, keep, variables, self.size, sizes, {}, self.start, None)

    def _make_sampler(
        self,
        settings: Any,
        init_mean: Any,
        cores: int,
        progress_type: Any,
        callback: Any,
        callback_rate: int,
        store: Any,
    ) -> Any:
        return _lib.PySampler.from_pymc(
            settings,
            cores,
            self._make_model(init_mean),
            progress_type,
            callback,
            callback_rate,
            store,
        )
