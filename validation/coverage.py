"""How often intervals held the truth, and how often they should have."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

BAND = 0.999


def band(n: int, level: float = 0.95, probability: float = BAND) -> tuple[int, int]:
    """Return the least and the most truths held that are no surprise in n replicates.

    The central binomial interval: an interval that covers exactly at its level falls below or
    above it with a probability of at most (1 - ``probability``) / 2 each.

    Parameters
    ----------
    n : int
        Number of replicates.
    level : float
        Probability that an interval holds the truth.
    probability : float
        Of the band.

    Examples
    --------
    >>> band(60), band(2000)
    ((50, 60), (1867, 1931))
    """
    low, high = stats.binom.interval(probability, n, level)
    return int(low), int(high)


def coverage(replicates: pd.DataFrame) -> pd.DataFrame:
    """Count the truths held, for each population and quantity.

    Parameters
    ----------
    replicates : pandas.DataFrame
        A row for each replicate, population and quantity, as `validation.analyses.replicate`
        returns.

    Returns
    -------
    pandas.DataFrame
        A row for each population and quantity: ``replicates``, ``covered`` (how many intervals
        held the truth), ``coverage`` (the share), ``band_low`` and ``band_high`` (least and most
        truths that are no surprise), ``inside``, ``bias_z`` and ``spread``. With z the posterior
        mean minus the truth in posterior SDs, which has mean 0 and SD 1 over the prior whatever
        the model is, ``bias_z`` is √n times the mean of z (about standard normal) and ``spread``
        the root mean square of z (about 1).
    """
    held = (replicates["lower"] <= replicates["truth"]) & (
        replicates["truth"] <= replicates["upper"]
    )
    z = (replicates["mean"] - replicates["truth"]) / replicates["sd"]
    rows = replicates[["population", "quantity"]].assign(held=held, z=z, square=z**2)
    table = rows.groupby(["population", "quantity"], sort=False).agg(
        replicates=("held", "size"),
        covered=("held", "sum"),
        z=("z", "mean"),
        square=("square", "mean"),
    )
    limits = np.array([band(n) for n in table["replicates"]])
    return pd.DataFrame(
        {
            "replicates": table["replicates"],
            "covered": table["covered"],
            "coverage": table["covered"] / table["replicates"],
            "band_low": limits[:, 0],
            "band_high": limits[:, 1],
            "inside": table["covered"].between(limits[:, 0], limits[:, 1]),
            "bias_z": table["z"] * np.sqrt(table["replicates"]),
            "spread": np.sqrt(table["square"]),
        }
    ).reset_index()
