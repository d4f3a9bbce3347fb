"""Calls of bmco on the example data, and fits of them with made-up draws."""

import contextlib
from functools import cache
from typing import Any

import numpy as np
import pytest

import bmco_pymc as bmco
from bmco_pymc.diagnostics.verdict import diagnose
from bmco_pymc.fit import Fit
from bmco_pymc.posterior.tree import label
from bmco_pymc.rstyle import answer as rstyle

BMVB: dict[str, Any] = {"grp": "arm", "grp_a": "ctl", "grp_b": "trt", "y_vars": ["y1", "y2"]}
BGLM: dict[str, Any] = {**BMVB, "x_var": "x"}
BGLMM: dict[str, Any] = {**BGLM, "id_var": "site"}
DATA = {"bmvb": bmco.load_trial, "bglm": bmco.load_trial, "bglmm": bmco.load_multisite}
ARGUMENTS = {"bmvb": BMVB, "bglm": BGLM, "bglmm": BGLMM}


class NotDrawnError(Exception):
    """A plan is all that is wanted."""


def plan(call: str, data: Any = None, /, **changes: Any) -> Any:
    """Return the `Plan` of a call with its defaults and some arguments changed."""
    plans = []

    def stop(plan: Any, *, progress: bool) -> None:
        plans.append(plan)
        raise NotDrawnError

    data = DATA[call]() if data is None else data
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(NotDrawnError):
        patch.setattr(rstyle, "draw", stop)
        getattr(bmco, call)(data, **(ARGUMENTS[call] | {"seed": 1} | changes))
    return plans[0]


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
    for name, terms in (("beta", model.terms.fixed), ("gamma", model.terms.random)):
        if name in model.parameters:
            mean = np.array([centre(term) for term in terms])[:, None] * logits
            noise = 0.05 * rng.normal(size=(chains, draws, *mean.shape))
            posterior[name] = mean + noise + shift
    if "gamma" in posterior:
        p, J = len(model.terms.random), len(model.coords["cluster"])
        around = 0.1 * rng.normal(size=(chains, draws, J, p, len(logits)))
        posterior["gamma_cluster"] = posterior["gamma"][:, :, None] + around
        size = np.array([abs(centre(term)) for term in model.terms.random])
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
