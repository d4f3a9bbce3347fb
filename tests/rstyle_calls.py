"""Calls of bmco on the example data, and fits of them with made-up draws."""

from functools import cache
from typing import Any

import numpy as np

import bmco_pymc as bmco
from bmco_pymc.diagnostics import diagnose
from bmco_pymc.fit import Fit
from bmco_pymc.rstyle import answer as rstyle
from bmco_pymc.rstyle.plan import plan_bmvb, plan_regression
from bmco_pymc.sampling import label

BMVB: dict[str, Any] = {"grp": "arm", "grp_a": "ctl", "grp_b": "trt", "y_vars": ["y1", "y2"]}
BGLM: dict[str, Any] = {**BMVB, "x_var": "x"}
BGLMM: dict[str, Any] = {**BGLM, "id_var": "site"}
DATA = {"bmvb": bmco.load_trial, "bglm": bmco.load_trial, "bglmm": bmco.load_multisite}
ARGUMENTS = {"bmvb": BMVB, "bglm": BGLM, "bglmm": BGLMM}

_RULE = {"test": "right_sided", "rule": "All", "w": None, "seed": 1}
_EXACT = {"prior_a": 0.5, "prior_b": 0.5, "n_it": 10000}
_NUTS = {
    "x_method": "Empirical",
    "x_def": (-np.inf, np.inf),
    "b_mu0": None,
    "b_sigma0": None,
    "n_burn": 1000,
    "n_it": 1000,
    "n_thin": 1,
    "n_chain": 4,
}
_MULTILEVEL = ("id_var", "fixed", "random", "g_mu0", "g_sigma0", "nu0", "tau0")


def plan(call: str, data: Any = None, /, **changes: Any) -> Any:
    """Return the `Plan` of a call with its defaults and some arguments changed."""
    data = DATA[call]() if data is None else data
    if call == "bmvb":
        return plan_bmvb(data, **(BMVB | _RULE | _EXACT | changes))
    given = ARGUMENTS[call] | _RULE | _NUTS | changes
    if call == "bglm":
        return plan_regression(data, **given)
    multilevel = {name: given.pop(name, None) for name in _MULTILEVEL}
    return plan_regression(data, **given, multilevel=multilevel)


def answer(plan: Any, fit: Fit, **wanted: bool) -> Any:
    """Return the `Result` of a plan from a fit of its model."""
    return rstyle.answer(plan, fit, rstyle.Wanted(**wanted))


def made_up_fit(
    plan: Any, *, chains: int = 2, draws: int = 1000, apart: float = 0.0, diverging: int = 0
) -> Fit:
    """Return a fit whose draws scatter around known values, with chains ``apart``.

    The mean of the coefficient of term t (as the design has it) for logit q is
    ``centre(t) * (1 + q)``; ``diverging`` counts divergences, on odd draws of the first chain.
    """
    model = plan.model
    rng = np.random.default_rng(7)
    logits = 1 + np.arange(len(model.study.patterns) - 1)
    shift = apart * np.arange(chains)[:, None, None, None]
    posterior: dict[str, Any] = {}
    for name, terms in (("beta", model.design.terms), ("gamma", model.design.random_terms)):
        if name in model.parameters:
            mean = np.array([centre(term) for term in terms])[:, None] * logits
            noise = 0.05 * rng.normal(size=(chains, draws, *mean.shape))
            posterior[name] = mean + noise + shift
    if "gamma" in posterior:
        p, J = len(model.design.random_terms), len(model.coords["cluster"])
        around = 0.1 * rng.normal(size=(chains, draws, J, p, len(logits)))
        posterior["gamma_cluster"] = posterior["gamma"][:, :, None] + around
        size = np.array([abs(centre(term)) for term in model.design.random_terms])
        root = np.diag(size) + 0.1
        scale = rng.uniform(0.9, 1.1, size=(chains, draws, len(logits), 1, 1))
        posterior["Sigma"] = scale * (root @ root.T)
    named = {
        name: (("chain", "draw", *model.parameters[name]), posterior[name]) for name in posterior
    }
    stats = np.zeros((chains, draws), dtype=bool)
    stats[0, 1 : 2 * diverging : 2] = True
    idata = label(
        model,
        named,
        {"diverging": (("chain", "draw"), stats)},
        {"draws": draws, "chains": chains, "seed": 1, "sampler": "nutpie"},
    )
    return Fit(model, idata, diagnose(idata, model.blocks))


# The order in which the classes do not have the terms.
FIXED, RANDOM = ["arm_x", "x"], ["arm", "Intercept"]


@cache
def permuted() -> Any:
    """Return the plan of a bglmm call with terms in another order than the model's."""
    return plan("bglmm", fixed=FIXED, random=RANDOM, b_mu0=[1, 2], tau0=[3, 4], g_sigma0=0.5)


@cache
def permuted_result() -> Any:
    """Return its result for made-up draws."""
    return answer(permuted(), made_up_fit(permuted()), diagnostics=True, samples=True)


CENTRES = {"Intercept": -0.5, "arm": 0.4, "x": 0.3, "arm:x": 0.1}


def centre(term: str) -> float:
    """Return the mean of a term's made-up draws for the first logit."""
    return CENTRES[term]
