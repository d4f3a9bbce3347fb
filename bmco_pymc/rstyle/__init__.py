"""bmco's three calls, argument for argument: a translation to the classes and back."""

from bmco_pymc.rstyle.calls import bglm, bglmm, bmvb

__all__ = ["bglm", "bglmm", "bmvb"]
