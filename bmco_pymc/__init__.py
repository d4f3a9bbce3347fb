"""Bayesian decisions on several correlated binary outcomes, flat or in clusters, on PyMC.

Data flows one way: a data frame becomes a `Study`, a model (`BMVB`, `BGLM`, `BGLMM`) of the study
becomes a `Fit`, a fit becomes an `Effect` in a population, an effect becomes a `Decision`.
"""

import lazy_loader

__version__ = "0.1.0"

# Each public name is imported when it is first used: see __init__.pyi for where it lives.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
