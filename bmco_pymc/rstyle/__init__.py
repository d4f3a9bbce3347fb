"""bmco's three calls, argument for argument: a translation to the classes and back."""

from bmco_pymc.rstyle.clustered import bglmm
from bmco_pymc.rstyle.flat import bglm, bmvb

__all__ = ["bglm", "bglmm", "bmvb"]
