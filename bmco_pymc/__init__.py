"""Bayesian decisions on several correlated binary outcomes, flat or in clusters, on PyMC.

Data flows one way: a data frame becomes a `Study`, a model (`BMVB`, `BGLM`, `BGLMM`) of the study
becomes a `Fit`, a fit becomes an `Effect` in a population, an effect becomes a `Decision`.
"""

from bmco_pymc.community import community_of_priors
from bmco_pymc.compare import compare
from bmco_pymc.comparison import Comparison
from bmco_pymc.curve import Curve
from bmco_pymc.datasets import load_multisite, load_schools, load_trial
from bmco_pymc.decision import Decision, decide
from bmco_pymc.decisions import Decisions
from bmco_pymc.diagnostics import Diagnostics
from bmco_pymc.effect import Effect
from bmco_pymc.errors import ConvergenceWarning, InputError, InputWarning
from bmco_pymc.fit import Fit
from bmco_pymc.models.bglm import BGLM
from bmco_pymc.models.bglmm import BGLMM
from bmco_pymc.models.bmvb import BMVB
from bmco_pymc.patterns import phi_from_theta_rho, rho_from_phi, theta_from_phi
from bmco_pymc.plots import plot_effect
from bmco_pymc.population import Analytical, Empirical, Value
from bmco_pymc.priors import (
    LKJ,
    Dirichlet,
    Exponential,
    HalfNormal,
    HalfStudentT,
    InverseWishart,
    Normal,
    Priors,
)
from bmco_pymc.report import Report
from bmco_pymc.rstyle import bglm, bglmm, bmvb
from bmco_pymc.store import load
from bmco_pymc.study import Study
from bmco_pymc.subgroups import Subgroups

__version__ = "0.1.0"

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
