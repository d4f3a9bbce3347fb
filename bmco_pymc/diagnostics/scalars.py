"""The scalar parameters in a posterior, each one once: label, draws, R-hat and ESS."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc.diagnostics.ranks import halves, rank_diagnostics


def scalar_parameters(*variables: xr.DataArray) -> tuple[list[str], NDArray[np.float64]]:
    """Return the labels and the draws of the distinct entries of variables.

    Parameters
    ----------
    *variables : xarray.DataArray
        At least one, with the same chains and draws. A dim ``d_bis`` beside ``d`` makes a variable
        a symmetric matrix (several such pairs: one matrix over their product), of which the lower
        triangle counts.

    Returns
    -------
    labels : list of str
        Such as ``beta[baseline_ability, 11]``, in C order.
    draws : numpy.ndarray
        Shape (parameter, chain, draw).

    Examples
    --------
    >>> Sigma = xr.DataArray(np.ones((4, 100, 2, 2)), name="Sigma",
    ...     dims=("chain", "draw", "random_term", "random_term_bis"),
    ...     coords={d: ["Intercept", "x"] for d in ("random_term", "random_term_bis")})
    >>> scalar_parameters(Sigma)[0]
    ['Sigma[Intercept, Intercept]', 'Sigma[x, Intercept]', 'Sigma[x, x]']
    """
    labels, draws = [], []
    for variable in variables:
        dims = [str(dim) for dim in variable.dims if dim not in {"chain", "draw"}]
        once = _lower_triangle(dims, [variable.sizes[dim] for dim in dims])
        entries = product(*(variable[dim].values for dim in dims))
        for kept, entry in zip(once, entries, strict=True):
            if kept:
                inside = f"[{', '.join(map(str, entry))}]" if dims else ""
                labels.append(f"{variable.name}{inside}")
        values = variable.transpose(*dims, "chain", "draw").values
        draws.append(values.reshape(-1, *values.shape[-2:])[once])
    return labels, np.concatenate(draws)


def _lower_triangle(dims: Sequence[str], shape: Sequence[int]) -> NDArray[np.bool_]:
    """Return which entries, in C order, lie in the lower triangle of the paired dims."""
    index = np.indices(shape).reshape(len(dims), int(np.prod(shape)))  # (dim, entry)
    row = column = np.zeros(index.shape[1], dtype=int)
    for axis, dim in enumerate(dims):
        partner = dim.removesuffix("_bis")
        if partner != dim and partner in dims:
            row = row * shape[axis] + index[dims.index(partner)]
            column = column * shape[axis] + index[axis]
    return row >= column


def assess(draws: NDArray[np.float64], *, independent: bool = False) -> dict[str, NDArray[Any]]:
    """Return R-hat and ESS of each parameter.

    Parameters
    ----------
    draws : numpy.ndarray
        Shape (parameter, chain, draw). Of a single chain, R-hat compares the two halves.
    independent : bool
        Whether the draws are independent by construction: then there is nothing to estimate, the
        ESS is the number of draws, and R-hat does not apply.

    Returns
    -------
    dict of str to numpy.ndarray, shape (parameter,)
        ``state`` (``"varies"``, ``"constant"`` or ``"not finite"``), ``rhat`` (rank-normalised
        split R-hat), ``chance`` (the probability of an R-hat as large when all chains are alike,
        see `bmco_pymc.diagnostics.ranks`), ``ess_bulk``, ``ess_tail``; the numbers are NaN unless
        the parameter varies and its chains have enough draws (4, a single chain 8 for R-hat).

    References
    ----------
    Vehtari et al. (2021), https://doi.org/10.1214/20-BA1221.

    Examples
    --------
    >>> numbers = assess(np.random.default_rng(1).normal(size=(2, 4, 1000)))
    >>> bool((numbers["rhat"] < 1.01).all()), bool((numbers["ess_bulk"] > 3000).all())
    (True, True)
    """
    finite = np.isfinite(draws).all((1, 2))
    varies = finite.copy()
    varies[finite] = np.ptp(draws[finite], axis=(1, 2)) > 0
    _, n_chains, n_draws = draws.shape
    numbers = np.full((4, len(draws)), np.nan)  # R-hat, chance, bulk ESS, tail ESS
    if independent:
        numbers[2:, varies] = n_chains * n_draws
    elif varies.any() and n_draws >= 4:
        rhat, *ess, chance = rank_diagnostics(draws[varies])
        if n_chains == 1 and n_draws >= 8:
            rhat, *_, chance = rank_diagnostics(halves(draws[varies]))
        numbers[2:, varies] = ess
        if n_chains > 1 or n_draws >= 8:
            numbers[:2, varies] = rhat, chance
    state = np.select([varies, finite], ["varies", "constant"], "not finite")
    names = ("rhat", "chance", "ess_bulk", "ess_tail")
    return {"state": state, **dict(zip(names, numbers, strict=True))}
