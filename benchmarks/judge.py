"""Draws to numbers that peers can be compared by; outside the clock, the same for every peer."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

CHAINS = 4
CORES = min(CHAINS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4)


def agreement(theta: NDArray[np.float64]) -> dict[str, float]:
    """Return mean and Monte Carlo standard error of θ, δ and All, with names.

    Parameters
    ----------
    theta : ndarray, shape (chain, draw, 2, K)
        Success probabilities of the control and the treatment.
    """
    import arviz as az

    delta = theta[:, :, 1] - theta[:, :, 0]
    draws = {"All": (delta > 0).all(axis=-1).astype(float)}
    for k in range(theta.shape[-1]):
        draws |= {f"theta[0,{k}]": theta[:, :, 0, k], f"theta[1,{k}]": theta[:, :, 1, k]}
        draws |= {f"delta[{k}]": delta[:, :, k]}
    numbers = {}
    for name, values in draws.items():
        numbers[f"mean {name}"] = float(values.mean())
        numbers[f"mcse {name}"] = float(az.mcse(values, method="mean"))
    return numbers


def smallest_ess(draws: Mapping[str, NDArray[np.float64]]) -> dict[str, float]:
    """Return the smallest bulk ESS of all entries of some variables, shape (chain, draw, …)."""
    import arviz as az

    numbers = {}
    for name, values in draws.items():
        flat = values.reshape(*values.shape[:2], -1)
        # An entry of a symmetric matrix comes twice: once is enough.
        columns = np.unique(flat, axis=2)
        numbers[f"ess {name}"] = min(
            float(az.ess(columns[:, :, i], method="bulk")) for i in range(columns.shape[2])
        )
    return {**numbers, "ess": min(numbers.values())}
