"""A table of posterior quantities: mean, SD, interval, Monte Carlo error, ESS, R-hat.

ArviZ computes the numbers, a variable at a time: its own summary of several variables lines them
up by the dims of the first (ArviZ 1.3), which gives the values of ``gamma`` to the wrong labels.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bmco_pymc.arguments import probability
from bmco_pymc.diagnostics.scalars import scalar_parameters
from bmco_pymc.diagnostics.verdict import Diagnostics


def estimates(draws: xr.Dataset, diagnostics: Diagnostics, ci_prob: float = 0.95) -> pd.DataFrame:
    """Return a row for each scalar quantity.

    Parameters
    ----------
    draws : xarray.Dataset
        Variables with dims chain and draw and any others.
    diagnostics : Diagnostics
        A verdict on these draws, which holds their R-hat and ESS.
    ci_prob : float
        Probability in the equal-tailed interval.

    Returns
    -------
    pandas.DataFrame
        Indexed by label, with columns ``mean``, ``sd``, ``lower`` and ``upper`` (the interval),
        ``mcse`` (Monte Carlo standard error of the mean), ``ess_bulk``, ``ess_tail``, ``rhat``.
        Its ``attrs`` have the ``verdict`` in words and whether the draws have ``converged``.
    """
    ci_prob = probability("ci_prob", ci_prob)
    labels, values = scalar_parameters(*draws.data_vars.values())  # (parameter, chain, draw)
    flat = values.reshape(len(labels), -1)
    tail = (1 - ci_prob) / 2
    lower, upper = np.quantile(flat, [tail, 1 - tail], axis=1)
    numbers = {"mean": flat.mean(axis=1), "sd": _sd(flat), "lower": lower, "upper": upper}
    numbers["mcse"] = monte_carlo_errors(values, independent=diagnostics.exact)
    known = diagnostics.table.loc[labels]
    numbers |= {name: known[name].to_numpy() for name in ("ess_bulk", "ess_tail", "rhat")}
    table = pd.DataFrame(numbers, index=pd.Index(labels, name="parameter"))
    table.attrs = {"verdict": str(diagnostics), "converged": diagnostics.ok}
    return table


def interval(table: pd.DataFrame) -> list[str]:
    """Return the mean and interval of each row of `estimates`, as a paper prints them.

    Examples
    --------
    >>> interval(pd.DataFrame({"mean": [0.1], "lower": [-0.04], "upper": [0.24]}))
    ['0.100 [−0.040, 0.240]']
    """
    return [
        f"{row['mean']:.3f} [{row['lower']:.3f}, {row['upper']:.3f}]".replace("-", "−")
        for _, row in table.iterrows()
    ]


def monte_carlo_errors(values: np.ndarray, *, independent: bool = False) -> np.ndarray:
    """Return the MCSE of the mean of each row of (parameter, chain, draw); 0 for a constant.

    Of a single draw it is NaN, as is the standard deviation.
    """
    n_draws = values.shape[1] * values.shape[2]
    if independent or n_draws == 1:
        return _sd(values.reshape(len(values), -1)) / np.sqrt(n_draws)
    import arviz as az

    errors = np.zeros(len(values))
    for place, draws in enumerate(values):
        if np.ptp(draws) > 0:
            errors[place] = float(az.mcse(draws))
    return errors


def _sd(values: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each row (S,)."""
    one = values.shape[1] == 1  # numpy would warn
    return np.full(len(values), np.nan) if one else values.std(axis=1, ddof=1)
