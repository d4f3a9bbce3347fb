"""The posterior probability of an event: its Monte Carlo error, its bound, how it is printed."""

from __future__ import annotations

import math
from typing import Any, SupportsFloat

import numpy as np
import xarray as xr

from bmco_pymc.diagnostics.findings import ESS_MIN
from bmco_pymc.diagnostics.scalars import assess

TINY = 1e-8  # from 0 or 1: what more decimals would not show


def estimate(
    event: xr.DataArray, ess_if_constant: float | xr.DataArray, *, independent: bool = False
) -> xr.Dataset:
    """Return the share of the draws in which an event holds, and how well it is known.

    Parameters
    ----------
    event : xarray.DataArray
        Boolean, dims (chain, draw) and any others.
    ess_if_constant : float or xarray.DataArray
        ESS to use where all draws agree, so that the event itself has none: see `smallest_ess`;
        over other dims too.
    independent : bool
        Whether the draws are independent by construction.

    Returns
    -------
    xarray.Dataset
        ``probability``, ``mcse`` (Monte Carlo standard error; 0 where all draws agree), ``ess`` and
        ``bound``, over the other dims. Where all draws agree, P > bound = 1 − 3/ESS or
        P < bound = 3/ESS with 95 % confidence: 0 events in n independent draws bound P by 3/n,
        since (1 − 3/n)^n ≈ e⁻³ ≈ 0.05. Elsewhere the bound is NaN.

    Examples
    --------
    >>> event = xr.DataArray(np.ones((4, 1000), dtype=bool), dims=("chain", "draw"))
    >>> float(estimate(event, ess_if_constant=3000)["bound"])
    0.999
    """
    share = event.astype(float)
    probability = share.mean(("chain", "draw"), skipna=False)
    agree = (probability == 0) | (probability == 1)
    bound = xr.where(probability == 1, 1 - 3 / ess_if_constant, 3 / ess_if_constant)
    if independent:
        ess = xr.full_like(probability, event.sizes["chain"] * event.sizes["draw"])
        mcse = np.sqrt(probability * (1 - probability) / ess)
    else:
        import arviz as az

        mcse = az.mcse(share)
        ess = az.ess(share, method="mean").where(~agree, ess_if_constant)
    return xr.Dataset(
        {
            "probability": probability,
            "mcse": mcse,
            "ess": ess,
            "bound": bound.clip(0, 1).where(agree),
        }
    )


def smallest_ess(draws: xr.DataArray) -> float:
    """Return the smallest bulk or tail ESS of the entries, at most the number of draws.

    Examples
    --------
    >>> iid = np.random.default_rng(1).normal(size=(4, 500, 2))
    >>> 1500 < smallest_ess(xr.DataArray(iid, dims=("chain", "draw", "outcome"))) <= 2000
    True
    """
    n_draws = draws.sizes["chain"] * draws.sizes["draw"]
    values = draws.transpose(..., "chain", "draw").values
    numbers = assess(values.reshape(-1, *values.shape[-2:]))
    ess = np.concatenate([numbers["ess_bulk"], numbers["ess_tail"]])
    # below four draws a chain, and of a constant, the ESS is NaN: the number of draws stands in
    return float(np.fmin(ess, n_draws).min())


def judged(statistic: Any, mcse: Any, bound: Any, threshold: float) -> tuple[Any, Any]:
    """Return whether draws are enough to judge a probability, and whether that is settled.

    Parameters
    ----------
    statistic, mcse, bound : float or array_like
        A probability, its Monte Carlo standard error and, where all draws agree, its bound; NaN
        elsewhere, see `estimate`.
    threshold : float
        What it is compared with.

    Returns
    -------
    judged, settled : bool or ndarray of bool
        Settled where the probability is more than two MCSE (or its bound) from the threshold;
        judged where that is so, or there is an MCSE.

    Examples
    --------
    >>> [tuple(map(bool, judged(p, 0.01, np.nan, 0.95))) for p in (0.94, 0.99)]
    [(True, False), (True, True)]
    >>> [tuple(map(bool, judged(1.0, 0.0, bound, 0.95))) for bound in (0.9, 0.999)]
    [(False, False), (True, True)]
    """
    agree = ~np.isnan(bound)
    doubt = np.where(agree, np.abs(statistic - bound), 2 * mcse)
    settled = np.abs(statistic - threshold) > doubt  # never where there is no MCSE
    return settled | ~(agree | np.isnan(mcse)), settled


def few_draws(event: str, ess: float) -> str:
    """Return what is wrong with a probability whose ESS is below the limit, and what to do.

    Examples
    --------
    >>> few_draws("δ[a] > 0", 123.4)
    'P(δ[a] > 0) rests on draws worth 123 independent ones, fewer than 400: take more'
    """
    worth = f"draws worth {ess:.0f} independent ones, fewer than {ESS_MIN}"
    return f"P({event}) rests on {worth}: take more"


def decimals(probability: SupportsFloat) -> str:
    """Return four decimals, or as many as it takes not to look like 0 or 1.

    Examples
    --------
    >>> decimals(0.98765), decimals(0.99998), decimals(1)
    ('0.9877', '0.999980', '1.0000')
    """
    texts = [f"{float(probability):.{digits}f}" for digits in (4, 6, 8)]
    return next((text for text in texts if 0 < float(text) < 1), texts[0])


def shown(
    probability: SupportsFloat,
    mcse: SupportsFloat,
    bound: SupportsFloat | None = None,
    equals: str = "",
) -> str:
    """Return a probability with its Monte Carlo error; or its bound, rounded to the safe side.

    Examples
    --------
    >>> shown(0.98, 0.0031), shown(1, 0, bound=0.99946, equals="= ")
    ('0.9800 (MCSE 0.0031)', '> 0.9994 (all draws agree)')
    >>> shown(0.25, 0), shown(1e-20, 0), shown(1 - 1e-12, 0)
    ('0.2500 (exact)', '< 1e-08 (exact)', '> 1 - 1e-08 (exact)')
    """
    if bound is None or math.isnan(bound):
        if mcse == 0:  # where all draws agree there is a bound
            tiny = min(float(probability), 1 - float(probability)) < TINY
            side = "" if not tiny else "< " if float(probability) < 0.5 else "> 1 - "
            return f"{side}{TINY:g} (exact)" if tiny else f"{equals}{decimals(probability)} (exact)"
        error = "not known" if math.isnan(mcse) else f"{float(mcse):.2g}"
        return f"{equals}{decimals(probability)} (MCSE {error})"
    if float(probability) == 1:
        return f"> {math.floor(float(bound) * 1e4) / 1e4:.4f} (all draws agree)"
    return f"< {math.ceil(float(bound) * 1e4) / 1e4:.4f} (all draws agree)"
