"""Take up a fit from a file."""

from __future__ import annotations

import os

from bmco_pymc.fit import Fit, make_fit
from bmco_pymc.models import bglm, bglmm, bmvb  # noqa: F401  # so that the store knows them
from bmco_pymc.store.tree import read


def load(path: str | os.PathLike[str]) -> Fit:
    """Return the fit that ``fit.save(path)`` kept; see `bmco_pymc.load`."""
    return read(path, make_fit)
