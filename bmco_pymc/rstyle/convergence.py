"""The diagnostics of a result, block by block, under the names that bmco gives the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.fit import Fit
from bmco_pymc.parameters import assess
from bmco_pymc.rstyle.plan import Plan
from bmco_pymc.rstyle.tables import coefficients, read_only, read_only_table
from bmco_pymc.scale_reduction import potential_scale_reduction

BLOCKS = {"b": "fixed", "g": "random", "tau": "variance"}


def diags(fit: Fit, plan: Plan) -> Mapping[str, Any]:
    """Return the convergence of b, g and tau.

    Returns
    -------
    mapping
        For each: ``convergence`` with ``mpsrf`` and ``psrf`` (a row per parameter, point estimate
        and upper limit), ``n_eff`` (the smaller of bulk and tail ESS) and ``rhat``
        (rank-normalised split R-hat), each by parameter.
    """
    sizes = fit.idata["posterior"].sizes
    by_chain = sizes["chain"], sizes["draw"]
    found = {}
    for name, draws in coefficients(fit, plan).items():
        labels, values = scalars(name, draws, plan)
        values = values.reshape(-1, *by_chain)  # (parameter, chain, draw)
        point_and_upper = potential_scale_reduction(np.moveaxis(values, 0, -1))
        convergence = {
            "mpsrf": float(fit.diagnostics.mpsrf[BLOCKS[name]]),
            "psrf": read_only_table(np.transpose(point_and_upper), labels, ["point", "upper"]),
        }
        known = assess(values)
        ess = np.minimum(known["ess_bulk"], known["ess_tail"])
        found[name] = MappingProxyType(
            {
                "convergence": MappingProxyType(convergence),
                "n_eff": pd.Series(read_only(ess), labels, name="n_eff", copy=False),
                "rhat": pd.Series(read_only(known["rhat"]), labels, name="rhat", copy=False),
            }
        )
    return MappingProxyType(found)


def scalars(
    name: str, draws: NDArray[np.float64], plan: Plan
) -> tuple[pd.Index[str], NDArray[np.float64]]:
    """Return the names and the draws of the single parameters of a block, logit by logit.

    Parameters
    ----------
    name : {"b", "g", "tau"}
    draws : ndarray, shape (S, terms, L), or (S, L, p, p) for tau
        In the user's order. Of tau the lower triangle counts, by column as in bmco.
    plan : Plan

    Returns
    -------
    labels : pandas.Index
        Such as ``b11_x[1]`` and ``g11_armIntercept``.
    values : ndarray, shape (parameter, S)
    """
    terms = plan.parts["fixed" if name == "b" else "random"].terms.labels
    logits = plan.model.study.patterns[:-1]
    if name == "tau":
        column, row = np.triu_indices(len(terms))
        entries = [f"{terms[r]}{terms[c]}" for r, c in zip(row, column, strict=True)]
        values = draws[:, :, row, column]  # (S, L, p(p + 1)/2)
        letter = "g"
    else:
        entries = [f"{term}[{place}]" for place, term in enumerate(terms, start=1)]
        values = draws.transpose(0, 2, 1)  # (S, L, terms)
        letter = name
    labels = [f"{letter}{logit}_{entry}" for logit in logits for entry in entries]
    return pd.Index(labels, name="parameter"), values.reshape(len(draws), -1).T
