"""Importance weights for a posterior that is a little different, and what they say.

See Kallioinen, Paananen, Bürkner & Vehtari (2024), 10.1007/s11222-023-10366-5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

SENSITIVE = 0.05


def importance(log_weight: xr.DataArray) -> tuple[xr.DataArray, float]:
    """Return Pareto-smoothed importance weights (chain, draw) with mean 1, and Pareto k.

    k is NaN, and all weights are 1, where the weights given do not vary.

    References
    ----------
    Vehtari, Simpson, Gelman, Yao & Gabry (2024), https://www.jmlr.org/papers/v25/19-556.html
    """
    import arviz as az
    from arviz_stats import accessors  # noqa: F401  # registers .azstats

    log_weight = log_weight - log_weight.max()
    if float(log_weight.min()) > -1e-9:
        return xr.ones_like(log_weight), math.nan
    relative = float(az.ess(np.exp(log_weight), method="mean")) / log_weight.size
    smooth, k = (-log_weight).azstats.psislw(dim=["chain", "draw"], r_eff=min(relative, 1.0))
    weight = np.exp(smooth - smooth.max())
    return weight / weight.mean(), float(k)


def weighted(
    value: xr.DataArray, weight: xr.DataArray, *, independent: bool = False
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the weighted mean over chains and draws, and its Monte Carlo standard error.

    To first order the error of Σwf/Σw is that of the mean of w(f − mean), with w of mean 1.
    """
    over = ("chain", "draw")
    mean = (value * weight).mean(over)
    around = ((value - mean) * weight).transpose(*over, ...)
    if independent:
        return mean, ((around**2).mean(over) / weight.size) ** 0.5
    import arviz as az

    return mean, az.mcse(around)


def sensitivities(tree: xr.DataTree, spread: Mapping[str, float]) -> pd.DataFrame:
    """Return ArviZ's power-scaling sensitivities, a row for each scalar quantity.

    Parameters
    ----------
    tree : xarray.DataTree
        Groups ``posterior``, ``log_prior`` and ``log_likelihood``.
    spread : mapping of str to float
        SD over the draws of the log densities called "prior" and "likelihood".
    """
    import arviz as az

    from bmco_pymc.diagnostics.scalars import scalar_parameters

    labels, values = scalar_parameters(*tree["posterior"].to_dataset().data_vars.values())
    # each by itself: entries of a matrix that is symmetric count once
    flat = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"value": (("parameter", "chain", "draw"), values)}),
            "log_prior": tree["log_prior"].to_dataset(),
            "log_likelihood": tree["log_likelihood"].to_dataset(),
        }
    )
    flat = flat.map_over_datasets(
        lambda part: part.assign_coords({d: np.arange(n) for d, n in part.sizes.items()})
    )
    found = {
        group: np.zeros(len(labels))
        if spread[group] < 1e-9
        else az.psense(flat, group=group)["value"].values
        for group in ("prior", "likelihood")
    }
    table = pd.DataFrame(found, index=pd.Index(labels, name="parameter"))
    strong, known = table["prior"] >= SENSITIVE, table["likelihood"] >= SENSITIVE
    table["diagnosis"] = np.select(
        [strong & known, strong],
        ["prior and data may be in conflict", "the prior is strong or the data weak"],
        "no sign of a problem",
    )
    return table
