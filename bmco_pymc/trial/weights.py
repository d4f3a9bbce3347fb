"""Weights of the outcomes under which a weighted sum tells two groups apart best."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bmco_pymc import patterns
from bmco_pymc.arguments import of_kind, real
from bmco_pymc.errors import InputError, warn_user
from bmco_pymc.population.scenario import Scenario


def optimal_weights(truth: Scenario, ratio: float = 1.0) -> xr.DataArray:
    r"""Return the weights of Comp with which a trial needs the fewest subjects.

    Parameters
    ----------
    truth : Scenario
        What is assumed: one truth or several.
    ratio : float
        Subjects of the treatment for one of the control.

    Returns
    -------
    xarray.DataArray, dims (scenario, outcome)
        :math:`w \propto \Sigma^{-1} \delta`, which sum to one: they maximise
        :math:`w'\delta / \sqrt{w'\Sigma w}`, with Σ the covariance of the differences in
        proportions (O'Brien 1984, https://doi.org/10.2307/2531158). Where this would give an
        outcome a negative weight, the best weights that are not negative.

    Raises
    ------
    InputError
        If no outcome is better under the treatment.

    Warns
    -----
    InputWarning
        Always: the weights say what is easy to show, not what matters to patients, and weights that
        are chosen after the data are no weights.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> import warnings
    >>> truth = bmco.Scenario(control=[0.38, 0.46], treatment=[0.62, 0.54])
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     bmco.optimal_weights(truth).values.round(4).tolist()
    [[0.7598, 0.2402]]
    """
    of_kind("truth", truth, Scenario, "must be a bmco_pymc.Scenario")
    share = real(ratio)
    if not 0 < share < np.inf:
        raise InputError("ratio", ratio, "must be a number above 0")
    bits = patterns.bits(truth.n_outcomes).astype(float)
    found = []
    for label, phi, delta in zip(truth.labels, truth.phi, truth.delta, strict=True):
        if not (delta > 0).any():
            problem = "no outcome is better under the treatment: no weights tell the groups apart"
            raise InputError("truth", label, problem)
        covariance = [(bits.T * p) @ bits - np.outer(p @ bits, p @ bits) for p in phi]
        found.append(_best(covariance[0] + covariance[1] / share, delta))
    warn_user(
        "these weights say what is easy to show, not what matters: fix weights before the data, by "
        "what the outcomes are worth; weights chosen after the data are no weights"
    )
    names = [f"y{k + 1}" for k in range(truth.n_outcomes)]
    coords = {"scenario": list(truth.labels), "outcome": names}
    return xr.DataArray(np.array(found), coords=coords, dims=("scenario", "outcome"), name="w")


def _best(covariance: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """Return the weights, none of them negative, that maximise w'δ / √(w'Σw); they sum to one."""
    from scipy.optimize import nnls

    # The minimum of w'Σw − 2 w'δ over w ≥ 0: least squares with the Cholesky factor of Σ.
    root = np.linalg.cholesky(covariance + 1e-12 * np.trace(covariance) * np.eye(len(delta)))
    w, _ = nnls(root.T, np.linalg.solve(root, delta))
    return w / w.sum()
