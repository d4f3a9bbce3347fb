"""Bayesian decisions on several correlated binary outcomes, flat or in clusters, on PyMC.

Data flows one way: a data frame becomes a `Study`, a model (`BMVB`, `BGLM`, `BGLMM`) of the study
becomes a `Fit`, a fit becomes an `Effect` in a population, an effect becomes a `Decision`.
"""

import lazy_loader

from bmco_pymc.interrupts import unbroken

__version__ = "0.1.0"

# Each public name is imported when it is first used: see __init__.pyi for where it lives.
_find, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    return unbroken(lambda: _find(name))
