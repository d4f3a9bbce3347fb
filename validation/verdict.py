"""How often the verdict on a fit is wrong: ``python -m validation.verdict``.

Draws are made up, so that it is known whether the chains have one distribution. Chains that have
should hardly ever be called not converged, whatever their autocorrelation, tails and number of
parameters; chains of which one is stuck, shifted, wider or drifting in one parameter should be
found. The whole study writes ``verdict.csv`` and ``VERDICT.md``; a part of it is only printed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.diagnostics.findings import DISAGREE, find_problems
from bmco_pymc.diagnostics.reduction import mpsrf, mpsrf_chance
from bmco_pymc.diagnostics.scalars import assess

type Floats = NDArray[np.float64]

HERE = Path(__file__).parent
SEED = 20261126
CHAINS = 4
PARAMETERS = (10, 100, 1000, 5000)
MOST_FITS = 500  # of a kind, of one length and autocorrelation
FIXED = 10  # parameters of each fit that get an MPSRF, as the fixed coefficients do

# of good chains: length and how many parameters are drawn; each serves fits of every size
GOOD = {250: 200_000, 500: 75_000, 1000: 25_000, 4000: 5_000}
GOOD_CORRELATION = (-0.3, 0.0, 0.3, 0.6, 0.9)  # NUTS often has the first

# of bad chains: lengths, fits of each, and the numbers of parameters of which one is bad
BAD = (500, 1000, 4000)
BAD_CORRELATION = (0.0, 0.6, 0.9)
BAD_FITS = 300
BAD_PARAMETERS = (10, 5000)


def stationary(rng: np.random.Generator, rho: float, shape: tuple[int, ...]) -> Floats:
    """Return AR(1) chains along the last axis, each standard normal from its first draw on.

    Examples
    --------
    >>> x = stationary(np.random.default_rng(1), 0.9, (2000, 50))
    >>> x[:, 0].std().round(1), x[:, -1].std().round(1), (x[:, 1:] * x[:, :-1]).mean().round(1)
    (np.float64(1.0), np.float64(1.0), np.float64(0.9))
    """
    from scipy.signal import lfilter

    noise = rng.normal(size=shape)
    noise[..., 1:] *= np.sqrt(1 - rho**2)
    chains: Floats = lfilter([1.0], [1.0, -rho], noise, axis=-1)
    return chains


def heavy(chains: Floats) -> Floats:
    """Return Cauchy draws with the dependence of the given normal ones."""
    from scipy.special import ndtr

    return np.tan(np.pi * (ndtr(chains) - 0.5))


def worth(n_draws: int, rho: float) -> int:
    """Return the effective draws of all chains together, of AR(1) chains."""
    return round(CHAINS * n_draws * (1 - rho) / (1 + rho))


def _stuck(chains: Floats, share: float) -> Floats:
    """Let the first chain stay where it is for a share of it, at its end."""
    n = round(chains.shape[-1] * (1 - share))
    chains[:, 0, n:] = chains[:, 0, n, None]
    return chains


def _two_modes(chains: Floats, by: float) -> Floats:
    """Let two chains stay in one mode, two in another."""
    chains[:, ::2] += by
    return chains


def _shifted(chains: Floats, by: float) -> Floats:
    """Shift the first chain by so many posterior SD."""
    chains[:, 0] += by
    return chains


def _wider(chains: Floats, times: float) -> Floats:
    """Give the first chain so many times the SD of the others."""
    chains[:, 0] *= times
    return chains


def _drifting(chains: Floats, by: float) -> Floats:
    """Let every chain drift by so many posterior SD from its first to its last draw."""
    return chains + by * np.linspace(-0.5, 0.5, chains.shape[-1])


type Change = Callable[[Floats, float], Floats]

FAULTS: Mapping[str, tuple[Change, Sequence[float]]] = {
    "one chain stuck at the end for {:.0%} of it": (_stuck, (0.02, 0.1, 0.5)),
    "two modes, {:g} SD apart": (_two_modes, (4,)),
    "one chain shifted by {:g} SD": (_shifted, (0.25, 0.5, 0.75, 1, 1.5)),
    "one chain {:g} times as wide": (_wider, (1.25, 1.5, 2, 3)),
    "all chains drift by {:g} SD": (_drifting, (0.5, 1, 2, 3)),
}


def numbers(draws: Floats) -> pd.DataFrame:
    """Return the table that a verdict rests on, of draws (parameter, chain, draw)."""
    return pd.DataFrame({"block": "fixed", **assess(draws)})


def count(tables: Sequence[pd.DataFrame], factors: Sequence[Any], n_draws: int) -> dict[str, int]:
    """Return how many fits are called what, of tables of parameters and MPSRFs."""
    called = [
        [problem.kind for problem in find_problems(t, f, exact=False, shape=(CHAINS, n_draws))]
        for t, f in zip(tables, factors, strict=True)
    ]
    apart = [not set(DISAGREE).isdisjoint(kinds) for kinds in called]
    return {
        "fits": len(called),
        "not_converged": sum(apart),
        "too_few": sum(kinds == ["ess"] for kinds in called),
        "rhat_above": sum(bool((table["rhat"] > 1.01).any()) for table in tables),
    }


def good(rng: np.random.Generator, n_draws: int, rho: float, number: int) -> pd.DataFrame:
    """Return how often chains of one distribution are called not converged.

    Parameters
    ----------
    rng : Generator
    n_draws : int
        Draws in each chain.
    rho : float
        Autocorrelation.
    number : int
        How many parameters are drawn, every other with Cauchy tails. They are judged as fits of 10
        parameters, of 100 and so on, all of the same draws.
    """
    tables, factors = [], {}
    at_once = min(number, 2_000_000 // n_draws // 1000 * 1000 or 500)
    for start in range(0, number, at_once):
        draws = stationary(rng, rho, (at_once, CHAINS, n_draws))
        draws[1::2] = heavy(draws[1::2])
        tables.append(numbers(draws))
        for n in PARAMETERS:
            for first in range(-start % n, at_once, n):
                if (start + first) // n >= MOST_FITS or start + first in factors:
                    continue
                block = np.moveaxis(draws[first : first + FIXED], 0, -1)
                factors[start + first] = {"fixed": (mpsrf(block), mpsrf_chance(block))}
    table = pd.concat(tables, ignore_index=True)
    rows = []
    for n in PARAMETERS:
        starts = range(0, number - n + 1, n)[:MOST_FITS]
        fits = [table.iloc[start : start + n] for start in starts]
        counts = count(fits, [factors[start] for start in starts], n_draws)
        rows.append({"fault": "none", "parameters": n, **counts})
    return pd.DataFrame(rows)


def bad(rng: np.random.Generator, n_draws: int, rho: float, number: int) -> pd.DataFrame:
    """Return how often one bad parameter is found in each of a number of fits.

    The other parameters are left out: being good, they change nothing but the limit.
    """
    varies = {"block": pd.Categorical(["fixed"]), "state": pd.Categorical(["varies"])}
    fine = {"rhat": 1.0, "chance": 0.5, "ess_bulk": 1e4, "ess_tail": 1e4}
    rows = []
    for name, (change, sizes) in FAULTS.items():
        for size in sizes:
            table = numbers(change(stationary(rng, rho, (number, CHAINS, n_draws)), size))
            for n in BAD_PARAMETERS:
                fit = pd.DataFrame({**varies, **fine}, index=[0]).loc[[0] * n]
                fit = fit.reset_index(drop=True)
                total = Counter[str]()
                for one in table[[*fine]].to_dict("records"):
                    fit.loc[0, [*fine]] = one
                    total.update(count([fit], [{}], n_draws))
                rows.append({"fault": name.format(size), "parameters": n, **total})
    return pd.DataFrame(rows)


def study(fraction: float = 1.0, jobs: int = 1, seed: int = SEED) -> pd.DataFrame:
    """Return how often fits are called what, a row for each kind of fit.

    Parameters
    ----------
    fraction : float
        Of the number of fits in the whole study.
    jobs : int
        Processes.
    seed : int
        Seed of the study; each length and autocorrelation has its own, whatever ``jobs`` is.
    """
    plan: list[tuple[str, int, float, int]] = []
    for (n_draws, number), rho in product(GOOD.items(), GOOD_CORRELATION):
        # whole fits of the largest size
        plan.append(("good", n_draws, rho, max(int(number * fraction) // 5000, 1) * 5000))
    for n_draws, rho in product(BAD, BAD_CORRELATION):
        plan.append(("bad", n_draws, rho, max(int(BAD_FITS * fraction), 1)))
    work = partial(_cell, seed)
    if jobs == 1:
        found = [*map(work, range(len(plan)), plan)]
    else:
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
            found = [*pool.map(work, range(len(plan)), plan)]
    return pd.concat(found, ignore_index=True)


def _cell(seed: int, index: int, what: tuple[str, int, float, int]) -> pd.DataFrame:
    """Return the rows of one length and autocorrelation."""
    kind, n_draws, rho, number = what
    rng = np.random.default_rng([seed, index])
    rows = {"good": good, "bad": bad}[kind](rng, n_draws, rho, number)
    first = {"draws": n_draws, "autocorrelation": rho, "worth": worth(n_draws, rho)}
    return pd.DataFrame({**first, **rows})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study as the command line says; return 1 if a claim of the report does not hold."""
    from validation.verdict_report import broken, page

    parser = argparse.ArgumentParser(prog="python -m validation.verdict", description=__doc__)
    parser.add_argument("--fraction", type=float, default=1.0, help="of the whole study")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 4))
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the report")
    options = parser.parse_args(arguments)
    table = study(options.fraction, options.jobs, options.seed)
    print(page(table, options.seed))
    if options.fraction == 1:
        table.to_csv(options.out / "verdict.csv", index=False)
        (options.out / "VERDICT.md").write_text(page(table, options.seed), encoding="utf-8")
    for claim in (claims := broken(table)):
        print(f"does not hold: {claim}", file=sys.stderr)
    return int(bool(claims))


if __name__ == "__main__":
    sys.exit(main())
