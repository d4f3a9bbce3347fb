"""The public names and where they live; `__init__.py` imports each when it is first used."""

from .data.examples import load_multisite, load_schools, load_trial
from .data.study import Study
from .decision.decision import Decision, decide
from .decision.rule import Rule
from .decision.table import Decisions
from .diagnostics.verdict import Diagnostics
from .effects.comparison import Comparison
from .effects.curve import Curve
from .effects.effect import Effect
from .effects.overlap import Overlap
from .effects.sensitivity import Sensitivity
from .effects.subgroups import Subgroups
from .effects.tipping import TippingPoint
from .errors import ConvergenceWarning, InputError, InputWarning, SamplingError
from .fit import Fit
from .models.bglm import BGLM
from .models.bglmm import BGLMM
from .models.bmvb import BMVB
from .models.community import community_of_priors, compare
from .patterns import phi_from_theta_rho, rho_from_phi, theta_from_phi
from .plots.effect import plot_effect
from .population.covariates import Covariates
from .population.points import Analytical, Empirical, Value
from .population.scenario import Scenario
from .population.target import Target
from .posterior.check import Check
from .priors.historical import map_prior
from .priors.priors import (
    LKJ,
    Dirichlet,
    Exponential,
    HalfNormal,
    HalfStudentT,
    InverseWishart,
    Mixture,
    Normal,
    Priors,
)
from .report.report import Report
from .report.sections import Protocol
from .rstyle import bglm, bglmm, bmvb
from .trial.analysis import Analysis
from .trial.characteristics import OperatingCharacteristics
from .trial.design import Design
from .trial.loading import load
from .trial.looks import Looks
from .trial.simulated.engine import Engine
from .trial.spending import HSD, OBrienFleming, Pocock
from .trial.weights import optimal_weights

__version__: str

__all__ = [
    "BGLM",
    "BGLMM",
    "BMVB",
    "HSD",
    "LKJ",
    "Analysis",
    "Analytical",
    "Check",
    "Comparison",
    "ConvergenceWarning",
    "Covariates",
    "Curve",
    "Decision",
    "Decisions",
    "Design",
    "Diagnostics",
    "Dirichlet",
    "Effect",
    "Empirical",
    "Engine",
    "Exponential",
    "Fit",
    "HalfNormal",
    "HalfStudentT",
    "InputError",
    "InputWarning",
    "InverseWishart",
    "Looks",
    "Mixture",
    "Normal",
    "OBrienFleming",
    "OperatingCharacteristics",
    "Overlap",
    "Pocock",
    "Priors",
    "Protocol",
    "Report",
    "Rule",
    "SamplingError",
    "Scenario",
    "Sensitivity",
    "Study",
    "Subgroups",
    "Target",
    "TippingPoint",
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
    "map_prior",
    "optimal_weights",
    "phi_from_theta_rho",
    "plot_effect",
    "rho_from_phi",
    "theta_from_phi",
]
