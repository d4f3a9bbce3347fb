"""Trace and density plots of a result, drawn when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bmco_pymc.errors import InputError
from bmco_pymc.fit import Fit
from bmco_pymc.fit_plots import plot


class DiagnosticPlots(Mapping[str, Any]):
    """ArviZ's trace and density plots by block of parameters: fixed, random, variance.

    Each look-up draws the block anew and returns ArviZ's ``PlotCollection``; its parameters bear
    the names and the order of the fit.

    Parameters
    ----------
    fit : Fit
        The fit to look at.
    """

    def __init__(self, fit: Fit) -> None:
        self._fit = fit
        self._names = {
            block: names for block, names in fit.model.blocks.items() if block != "clusters"
        }

    def __getitem__(self, block: str) -> Any:
        """Draw the plots of a block."""
        if block not in self._names:
            raise KeyError(str(InputError("plots", block, "there is no such block", self._names)))
        return plot(self._fit, "all", block)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"DiagnosticPlots({', '.join(self._names)})"
