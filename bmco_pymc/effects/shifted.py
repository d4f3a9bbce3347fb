"""θ of both groups when their unobserved outcomes have other log odds than under MAR."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from bmco_pymc.effects.effect import Effect
from bmco_pymc.effects.shifts import Shifts
from bmco_pymc.posterior.unobserved import shifted_by

GRID = ("shift_control", "shift_treatment")  # dims of what is about pairs of shifts


def thetas_at(
    effect: Effect, shifts: Shifts, places: Sequence[int]
) -> tuple[tuple[xr.DataArray, xr.DataArray], np.ndarray]:
    """Return θ of both groups at their shifts, and success among the unobserved under MAR.

    Returns
    -------
    thetas : pair of DataArray, dims (chain, draw, outcome, shift)
        Of the control and of the treatment.
    rate : ndarray, shape (2, K)
    """
    found = shifted_by(effect.posterior, shifts, places)
    thetas = []
    for group, shift, change in zip(effect.groups, shifts, found.change, strict=True):
        mar = effect.theta.isel(group=list(effect.theta["group"].values).index(group), drop=True)
        added = change.reshape(*mar.shape, len(shift))
        dims = (*mar.dims, "shift")
        thetas.append(mar + xr.DataArray(added, {**mar.coords, "shift": list(shift)}, dims))
    return (thetas[0], thetas[1]), found.rate
