"""The public names and where they live; `__init__.py` imports each when it is first used."""

from .community import community_of_priors
from .comparing import compare
from .comparison import Comparison
from .curve import Curve
from .datasets import load_multisite, load_schools, load_trial
from .decision import Decision, decide
from .decisions import Decisions
from .diagnostics import Diagnostics
from .effect import Effect
from .errors import ConvergenceWarning, InputError, InputWarning, SamplingError
from .fit import Fit
from .models.bglm import BGLM
from .models.bglmm import BGLMM
from .models.bmvb import BMVB
from .patterns import phi_from_theta_rho, rho_from_phi, theta_from_phi
from .plots import plot_effect
from .population import Analytical, Empirical, Value
from .priors import (
    LKJ,
    Dirichlet,
    Exponential,
    HalfNormal,
    HalfStudentT,
    InverseWishart,
    Normal,
    Priors,
)
from .report import Report
from .rstyle import bglm, bglmm, bmvb
from .store import load
from .study import Study
from .subgroups import Subgroups

__version__: str

__all__ = [
    "BGLM",
    "BGLMM",
    "BMVB",
    "LKJ",
    "Analytical",
    "Comparison",
    "ConvergenceWarning",
    "Curve",
    "Decision",
    "Decisions",
    "Diagnostics",
    "Dirichlet",
    "Effect",
    "Empirical",
    "Exponential",
    "Fit",
    "HalfNormal",
    "HalfStudentT",
    "InputError",
    "InputWarning",
    "InverseWishart",
    "Normal",
    "Priors",
    "Report",
    "SamplingError",
    "Study",
    "Subgroups",
    "Value",
    "__version__",
    "bglm",
    "bglmm",
    "bmvb",
    "community_of_priors",
    "compare",
    "decide",
    "load",
    "load_multisite",
    "load_schools",
    "load_trial",
    "phi_from_theta_rho",
    "plot_effect",
    "rho_from_phi",
    "theta_from_phi",
]
