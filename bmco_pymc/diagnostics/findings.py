"""What can be wrong with posterior draws: limits, reasons, advice.

Two things are kept apart: *the chains disagree*, or the sampler may have missed a part of the
posterior, and nothing can be said from the draws; and there are *too few draws* for the precision
asked, and what they say is right but coarse.

Chains disagree when R-hat is above 1.01 and so large that chance gives it to any of all parameters
in one fit of a thousand, at most; see `bmco_pymc.diagnostics.ranks`. So it is with MPSRF and 1.1.
(Vehtari et al. 2021 ask for 1.01 whatever the number of draws and of parameters, which good chains
exceed by chance; a limit from the distribution of R-hat is that of Moins et al. 2022.) A chain that
stands still for a twentieth of its length is stuck, whatever R-hat says. Where 500 draws of a chain
are worth fewer than 3, R-hat cannot tell: such chains hardly move, and are called so.

Too few are draws worth fewer than 400 independent ones for what is reported (Vehtari et al.), and
fewer than 50 in each chain for what is not, such as one element of Σ: then there are enough to tell
by R-hat that chains disagree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

RHAT_MAX = 1.01
MPSRF_MAX = 1.1
BY_CHANCE = 1e-3  # share of the fits with good chains in which one R-hat, or MPSRF, is too large
ESS_MIN = 400
ESS_IN_CHAIN = 50  # enough of what is not reported
HARDLY_MOVES = 3, 500  # ESS in each chain, of at least so many draws
BFMI_MIN = 0.3

_ARGUMENTS = " (draws, or n_it in bmco's calls)"
_LONGER = "take more draws after a longer warm-up (draws, tune, or n_it, n_burn in bmco's calls)"
_SCALE = "look for covariates or priors of an extreme scale"
_ADVICE = {
    "not finite": _SCALE,
    "stuck": f"{_SCALE}, and try another seed",
    "rhat": f"{_LONGER}; look at the chains (az.plot_trace_dist, az.plot_rank)",
    "mpsrf": _LONGER,
    "slow": f"{_LONGER}; {_SCALE}",
    "divergences": "raise target_accept towards 0.99; if some remain, use a less extreme prior on "
    "the covariance of the random coefficients",
    "tree depth": "allow deeper trees: the draws are valid, but few of them are independent",
    "energy": "take a longer warm-up, or use priors with lighter tails",
}
DISAGREE = ("not finite", "stuck", "rhat", "mpsrf", "slow")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the draws.

    Attributes
    ----------
    kind : str
        ``"not finite"``, ``"stuck"``, ``"rhat"``, ``"slow"``, ``"ess"``, ``"divergences"``,
        ``"tree depth"``, ``"energy"`` or ``"mpsrf"``.
    reason, advice : str
        What was found, beside its limit, and what to do.
    more_draws : int
        About how many more draws of each chain would mend it; 0 where that is not known.
    """

    kind: str
    reason: str
    advice: str
    more_draws: int = 0


def find_problems(
    table: pd.DataFrame,
    mpsrf: Mapping[str, tuple[float, float]],
    *,
    exact: bool,
    shape: tuple[int, int],
    nuisance: Sequence[str] = (),
    divergences: int | None = None,
    tree_depth_reached: int | None = None,
    bfmi: Sequence[float] = (),
) -> tuple[Problem, ...]:
    """Return every problem that the numbers show, gravest first.

    Parameters
    ----------
    table, exact, divergences, tree_depth_reached, bfmi
        As in `Diagnostics`.
    mpsrf : mapping
        Of each block the MPSRF, and the probability of one as large by chance.
    shape : tuple of int
        The numbers of chains and of draws in each.
    nuisance : sequence of str
        Blocks of what is not reported.

    Examples
    --------
    >>> table = pd.DataFrame({"block": "fixed", "state": "varies", "rhat": [1.002, 1.3],
    ...                       "chance": [0.4, 1e-30], "ess_bulk": [900.0, 850.0],
    ...                       "ess_tail": [950.0, 800.0]}, index=["beta[x]", "beta[z]"])
    >>> (problem,) = find_problems(table, {"fixed": (1.05, 0.3)}, exact=False, shape=(4, 1000))
    >>> problem.reason
    'R-hat is above 1.01, and beyond chance, for 1 of 2 parameters, largest 1.300 (beta[z])'
    """
    n_draws = math.prod(shape)
    found = _in_table(table, shape)
    if high := {b: value for b, (value, _) in mpsrf.items() if beyond_chance(*mpsrf[b])}:
        blocks = ", ".join(f"{rounded_up(value)} ({block})" for block, value in high.items())
        found["mpsrf"] = f"MPSRF is above {MPSRF_MAX}, and beyond chance: {blocks}"
    if divergences:
        found["divergences"] = f"{divergences} of {n_draws} draws diverged"
    if tree_depth_reached:
        reached = f"{tree_depth_reached} of {n_draws} trees reached their limit of depth"
        found["tree depth"] = reached
    if low := [value for value in bfmi if value < BFMI_MIN]:
        found["energy"] = (
            f"E-BFMI is below {BFMI_MIN} in {len(low)} of {len(bfmi)} chains, lowest {min(low):.2f}"
        )
    problems = [Problem(kind, reason, _ADVICE[kind]) for kind, reason in found.items()]
    apart = not found.keys().isdisjoint(DISAGREE)
    few = _too_few(table, shape, exact, nuisance, apart)
    return (*problems, few) if few else tuple(problems)


def beyond_chance(mpsrf: float, chance: float) -> bool:
    """Whether an MPSRF is above its limit, and more than chance gives."""
    return mpsrf > MPSRF_MAX and chance < BY_CHANCE


def _in_table(table: pd.DataFrame, shape: tuple[int, int]) -> dict[str, str]:
    """Return the reasons to be found in the parameters' numbers, by kind, but the ESS."""
    found = {}
    n = f"of {len(table)} parameters"
    if len(wild := table[table["state"] == "not finite"]):
        found["not finite"] = f"{len(wild)} {n} have draws that are not finite ({wild.index[0]}, …)"
    if len(table) and (table["state"] == "constant").all():
        found["stuck"] = "no parameter varies"
    varies = table[table["state"] == "varies"]
    beyond = (varies["rhat"] > RHAT_MAX) & (varies["chance"] < BY_CHANCE / len(table))
    if len(high := varies["rhat"][beyond]):
        found["rhat"] = (
            f"R-hat is above {RHAT_MAX}, and beyond chance, for {len(high)} {n}, "
            f"largest {rounded_up(high.max())} ({high.idxmax()})"
        )
    if len(still := varies.index[(varies["chance"] == 0) & ~beyond]):
        found["stuck"] = f"a chain stands still for a while in {len(still)} {n} ({still[0]}, …)"
    n_chains, n_draws = shape
    least, long = HARDLY_MOVES
    low = varies["ess_bulk"][varies["ess_bulk"] < least * n_chains]
    # where chains are apart, this ESS is small for that reason
    if "rhat" not in found and n_draws >= long and len(low):
        found["slow"] = (
            f"the chains hardly move in {len(low)} {n}: {n_chains * n_draws} draws are worth "
            f"{int(low.min())} ({low.idxmin()})"
        )
    return found


def _too_few(
    table: pd.DataFrame, shape: tuple[int, int], exact: bool, nuisance: Sequence[str], apart: bool
) -> Problem | None:
    """Return what is wrong with the number of draws; the chains are apart or agree."""
    n_chains, n_draws = shape
    varies = table[table["state"] == "varies"]
    ess = varies[["ess_bulk", "ess_tail"]].min(axis=1, skipna=False)
    limit = pd.Series(ESS_MIN, varies.index)
    if not exact:
        enough = min(max(ESS_IN_CHAIN * n_chains, 2 * ESS_IN_CHAIN), ESS_MIN)
        limit[varies["block"].isin(nuisance).to_numpy()] = enough
    if ess.isna().any():
        reason = "too few draws to compute R-hat and ESS"
        more = max(math.ceil(ESS_MIN / n_chains) - n_draws, 1)
    elif (short := ess < limit).any():
        reason = (
            f"ESS is below {' or '.join(map(str, sorted(set(limit[short]))))} for {short.sum()} "
            f"of {len(table)} parameters, smallest {int(ess[short].min())} ({ess[short].idxmin()})"
        )
        more = _round_up((float((limit / ess)[short].max()) - 1) * n_draws)
    else:
        return None
    if apart:
        return Problem("ess", reason, _LONGER)
    why = ": they are independent, so nothing else is needed" if exact else _ARGUMENTS
    return Problem("ess", reason, f"take about {more} more draws in each chain{why}", more)


def _round_up(number: float) -> int:
    """Return a whole number of two digits and zeros.

    Examples
    --------
    >>> _round_up(1234), _round_up(12.3), _round_up(0.2)
    (1300, 13, 1)
    """
    unit = 10 ** max(math.floor(math.log10(max(number, 1))) - 1, 0)
    return math.ceil(max(number, 1) / unit) * unit


def rounded_up(factor: float) -> str:
    """Return a factor with three decimals, never below its limit when it is above it.

    Examples
    --------
    >>> rounded_up(1.0101), rounded_up(1.0024), rounded_up(6.48e15)
    ('1.011', '1.003', '6.5e+15')
    """
    return f"{np.ceil(factor * 1000) / 1000:.3f}" if factor < 1000 else f"{factor:.2g}"
