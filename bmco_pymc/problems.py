"""What can be wrong with posterior draws: limits, reasons, advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

RHAT_MAX = 1.01
ESS_MIN = 400
BFMI_MIN = 0.3
MPSRF_MAX = 1.1

_LONGER = "take more draws after a longer warm-up (draws, tune, or n_it, n_burn in bmco's calls)"
_SCALE = "look for covariates or priors of an extreme scale"
_ADVICE = {
    "not finite": _SCALE,
    "stuck": f"{_SCALE}, and try another seed",
    "rhat": f"{_LONGER}; look at the chains (az.plot_trace_dist, az.plot_rank)",
    "ess": _LONGER,
    "divergences": "raise target_accept towards 0.99; if some remain, use a less extreme prior on "
    "the covariance of the random coefficients",
    "tree depth": "allow deeper trees: the draws are valid, but few of them are independent",
    "energy": "take a longer warm-up, or use priors with lighter tails",
    "mpsrf": _LONGER,
}
_EXACT_ADVICE = "take more draws: they are independent, so nothing else is needed"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the draws.

    Attributes
    ----------
    kind : str
        ``"not finite"``, ``"stuck"``, ``"rhat"``, ``"ess"``, ``"divergences"``, ``"tree depth"``,
        ``"energy"`` or ``"mpsrf"``.
    reason, advice : str
        What was found, beside its limit, and what to do.
    """

    kind: str
    reason: str
    advice: str


def find_problems(
    table: pd.DataFrame,
    mpsrf: Mapping[str, float],
    *,
    exact: bool,
    n_draws: int,
    divergences: int | None,
    tree_depth_reached: int | None,
    bfmi: Sequence[float],
) -> tuple[Problem, ...]:
    """Return every problem that the numbers show, gravest first; arguments as in `Diagnostics`.

    Examples
    --------
    >>> table = pd.DataFrame({"state": "varies", "rhat": [1.002, 1.3], "ess_bulk": [900.0, 850.0],
    ...                       "ess_tail": [950.0, 800.0]}, index=["beta[x]", "beta[z]"])
    >>> (problem,) = find_problems(table, {"fixed": 1.05}, exact=False, n_draws=4000,
    ...                            divergences=0, tree_depth_reached=0, bfmi=[0.9])
    >>> problem.reason
    'R-hat is above 1.01 for 1 of 2 parameters, largest 1.300 (beta[z])'
    """
    found = _in_table(table)
    if divergences:
        found["divergences"] = f"{divergences} of {n_draws} draws diverged"
    if tree_depth_reached:
        found["tree depth"] = (
            f"{tree_depth_reached} of {n_draws} trees reached their limit of depth"
        )
    if low := [value for value in bfmi if value < BFMI_MIN]:
        found["energy"] = (
            f"E-BFMI is below {BFMI_MIN} in {len(low)} of {len(bfmi)} chains, lowest {min(low):.2f}"
        )
    if high := {block: value for block, value in mpsrf.items() if value > MPSRF_MAX}:
        blocks = ", ".join(f"{rounded_up(value)} ({block})" for block, value in high.items())
        found["mpsrf"] = f"MPSRF is above {MPSRF_MAX}: {blocks}"
    return tuple(
        Problem(kind, reason, _EXACT_ADVICE if exact else _ADVICE[kind])
        for kind, reason in found.items()
    )


def _in_table(table: pd.DataFrame) -> dict[str, str]:
    """Return the reasons to be found in the parameters' numbers, by kind."""
    found = {}
    n = f"of {len(table)} parameters"
    if len(wild := table[table["state"] == "not finite"]):
        found["not finite"] = f"{len(wild)} {n} have draws that are not finite ({wild.index[0]}, …)"
    if len(table) and (table["state"] == "constant").all():
        found["stuck"] = "no parameter varies"
    varies = table[table["state"] == "varies"]
    if len(high := varies["rhat"][varies["rhat"] > RHAT_MAX]):
        found["rhat"] = (
            f"R-hat is above {RHAT_MAX} for {len(high)} {n}, largest {rounded_up(high.max())} "
            f"({high.idxmax()})"
        )
    ess = varies[["ess_bulk", "ess_tail"]].min(axis=1, skipna=False)
    if ess.isna().any():
        found["ess"] = "too few draws to compute R-hat and ESS"
    elif len(low := ess[ess < ESS_MIN]):
        found["ess"] = (
            f"ESS is below {ESS_MIN} for {len(low)} {n}, smallest {int(low.min())} ({low.idxmin()})"
        )
    return found


def rounded_up(factor: float) -> str:
    """Return a factor with three decimals, never below its limit when it is above it.

    Examples
    --------
    >>> rounded_up(1.0101), rounded_up(1.0024), rounded_up(6.48e15)
    ('1.011', '1.003', '6.5e+15')
    """
    return f"{np.ceil(factor * 1000) / 1000:.3f}" if factor < 1000 else f"{factor:.2g}"
