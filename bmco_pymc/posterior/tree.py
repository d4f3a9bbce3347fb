"""Draws in a DataTree: labelled, with the cells that were analysed and the software behind it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import xarray as xr

from bmco_pymc import observed_patterns
from bmco_pymc.data.cells import Cells
from bmco_pymc.posterior.declaration import Declaration

PACKAGES = ("pymc", "nutpie", "numba", "arviz", "xarray", "numpy", "scipy", "pandas", "formulaic")


@cache
def software() -> str:
    """Return the versions of this package, of Python and of the packages that numbers come from.

    Examples
    --------
    >>> software().split(", ")[0].startswith("bmco_pymc ")
    True
    """
    from bmco_pymc import __version__

    known = [f"bmco_pymc {__version__}", f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            known.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # not installed by pip, as in a frozen application
            continue
    return ", ".join(known)


def observed_in_part(cells: Cells) -> dict[str, tuple[tuple[str, ...], Any]]:
    """Return the subjects observed in part: their cell, observed pattern and number."""
    if cells.partial is None:
        return {}
    names = observed_patterns.labels(cells.n_outcomes)
    return {
        "partial_cell": (("partial",), cells.partial.cell),
        "partial_pattern": (("partial",), np.array(names)[cells.partial.code]),
        "partial_counts": (("partial",), cells.partial.count),
    }


def label(
    model: Declaration,
    posterior: Mapping[str, tuple[tuple[str, ...], Any]],
    sample_stats: Mapping[str, tuple[tuple[str, ...], Any]],
    attrs: Mapping[str, Any],
) -> xr.DataTree:
    """Gather draws, statistics and the analysed cells in a DataTree, with labels on every dim."""
    from bmco_pymc import __version__

    coords = model.coords
    cells = model.cells

    def dataset(variables: Mapping[str, tuple[tuple[str, ...], Any]]) -> xr.Dataset:
        used = {dim for dims, _ in variables.values() for dim in dims}
        own = {dim: labels for dim, labels in coords.items() if dim in used}
        for dim in ("chain", "draw"):
            sizes = [v.shape[d.index(dim)] for d, v in variables.values() if dim in d]
            own |= {dim: list(range(sizes[0]))} if sizes else {}
        return xr.Dataset(variables, coords=own)

    constant: dict[str, tuple[tuple[str, ...], Any]] = {"arm": (("cell",), cells.arm)}
    if model.terms is not None:
        X, Z = model.terms.matrices(cells.frame, cells.arm)
        constant["X"] = (("cell", "term"), X)
        if Z.shape[1]:
            constant["Z"] = (("cell", "random_term"), Z)
            constant["cluster_index"] = (("cell",), cells.cluster)
    observed: dict[str, tuple[tuple[str, ...], Any]]
    observed = {"counts": (("cell", "pattern"), cells.counts), **observed_in_part(cells)}
    groups = {
        "posterior": dataset(posterior),
        "observed_data": dataset(observed),
        "constant_data": dataset(constant),
    }
    if sample_stats:
        groups["sample_stats"] = dataset(sample_stats)
    tree = xr.DataTree.from_dict(groups)
    tree.attrs |= {
        "modeling_interface": "bmco_pymc",
        "modeling_interface_version": __version__,
        "analysis": type(model).__name__,
        **{name: value for name, value in attrs.items() if value is not None},
    }
    return tree
