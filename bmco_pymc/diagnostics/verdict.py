"""Has the sampler done its job? A verdict with its reasons, and what to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bmco_pymc.diagnostics.findings import (
    DISAGREE,
    MPSRF_MAX,
    RHAT_MAX,
    Problem,
    find_problems,
    rounded_up,
)
from bmco_pymc.diagnostics.reduction import mpsrf, mpsrf_chance, potential_scale_reduction
from bmco_pymc.diagnostics.scalars import assess, scalar_parameters
from bmco_pymc.errors import ConvergenceWarning, InputError, warn_user
from bmco_pymc.escapes import visible
from bmco_pymc.printing import html_block, shown

__all__ = ["Diagnostics", "Problem", "diagnose", "mpsrf", "potential_scale_reduction"]

MPSRF_BLOCKS = ("fixed", "random", "variance", "theta", "delta")
NUISANCE = ("variance", "clusters")


@dataclass(frozen=True, eq=False, repr=False)
class Diagnostics:
    """A verdict on posterior draws: ``fit.diagnostics`` and ``effect.diagnostics``.

    Attributes
    ----------
    table : pandas.DataFrame
        A row per scalar parameter, indexed by label, in the order of the blocks: ``block``,
        ``state`` ("varies", "constant" or "not finite"), ``rhat`` (rank-normalised split R-hat),
        ``chance`` (the probability of an R-hat as large when all chains have one distribution),
        ``ess_bulk``, ``ess_tail`` (NaN unless the parameter varies).
    mpsrf : dict of str to float
        Multivariate potential scale reduction factor by block; NaN where a note says why.
    exact : bool
        Whether the draws are independent by construction.
    divergences, tree_depth_reached : int or None
        Numbers of draws; None without a record of them.
    bfmi : tuple of float
        E-BFMI of each chain; empty without a record of energies.
    problems : tuple of Problem
        Empty when all is well.
    notes : tuple of str
        What was not checked, and why.
    continued : str
        Why and how far the sampler went on by itself, in a sentence; empty if it did not.

    Examples
    --------
    >>> import warnings
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    >>> with warnings.catch_warnings(action="ignore"):
    ...     few = bmco.BMVB(study).fit(draws=20, seed=1).diagnostics
    >>> few.ok, few.head, few.too_few, few.disagree, few.more_draws
    (False, 'TOO FEW DRAWS', True, False, 80)
    >>> few.problems[0].advice
    'take about 80 more draws in each chain: they are independent, so nothing else is needed'
    >>> few.table.columns.tolist()
    ['block', 'state', 'rhat', 'chance', 'ess_bulk', 'ess_tail']
    >>> few.max_rhat < 1.1, few.min_ess < 400
    (False, True)
    >>> few.verdict.startswith("TOO FEW DRAWS")
    True
    """

    table: pd.DataFrame
    mpsrf: Mapping[str, float]
    exact: bool = False
    divergences: int | None = None
    tree_depth_reached: int | None = None
    bfmi: tuple[float, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    continued: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems

    @property
    def disagree(self) -> bool:
        """Whether the chains disagree, or do not move: more draws of them would not help."""
        return any(problem.kind in DISAGREE for problem in self.problems)

    @property
    def too_few(self) -> bool:
        """Whether more draws are all that is missing."""
        return bool(self.problems) and all(problem.kind == "ess" for problem in self.problems)

    @property
    def more_draws(self) -> int:
        """About how many more draws of each chain would be enough; 0 where nobody can say."""
        return 0 if self.disagree else max((p.more_draws for p in self.problems), default=0)

    @property
    def head(self) -> str:
        """The verdict in two words, as it stands before the colon."""
        if not self.problems:
            return "Independent draws" if self.exact else "Converged"
        return "TOO FEW DRAWS" if self.too_few else "NOT CONVERGED"

    @property
    def max_rhat(self) -> float:
        """Largest R-hat of all parameters."""
        return float(self.table["rhat"].max())

    @property
    def min_ess(self) -> float:
        """Smallest bulk or tail ESS of all parameters."""
        return float(self.table[["ess_bulk", "ess_tail"]].min().min())

    def joined(self, derived: Diagnostics) -> Diagnostics:
        """Return one verdict on a fit (this) and on quantities derived from its draws.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> fit = bmco.BMVB(study).fit(seed=1)
        >>> fit.diagnostics.joined(fit.effect().diagnostics).ok
        True
        """
        return replace(
            self,
            table=pd.concat([self.table, derived.table]),
            mpsrf={**self.mpsrf, **derived.mpsrf},
            problems=(*self.problems, *derived.problems),
            notes=tuple(dict.fromkeys((*self.notes, *derived.notes))),
        )

    def warn(self) -> None:
        """Emit one `ConvergenceWarning`, with every reason and all advice, unless all is well.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> fit = bmco.BMVB(study).fit(seed=1)
        >>> fit.diagnostics.warn()
        """
        if self.problems:
            warn_user(self.verdict, ConvergenceWarning)

    @property
    def verdict(self) -> str:
        """The verdict in a sentence, with reasons and advice when there is a problem."""
        text = f"{self.head}: {self._reasons() if self.problems else self._facts()}."
        return f"{text} {self.continued}".rstrip()

    def _reasons(self) -> str:
        reasons = "; ".join(problem.reason for problem in self.problems)
        # Different problems share parts of their advice.
        advice = dict.fromkeys(part for p in self.problems for part in p.advice.split("; "))
        return f"{reasons}. What to do: {'; '.join(advice)}"

    def _facts(self) -> str:
        facts = []
        if self.table["rhat"].notna().any():
            chance = " (no more than chance gives)" if self.max_rhat > RHAT_MAX else ""
            facts.append(f"R-hat ≤ {rounded_up(self.max_rhat)}{chance}")
        if self.table["ess_bulk"].notna().any():
            facts.append(f"ESS ≥ {int(self.min_ess)}")
        if self.divergences is not None:
            facts.append("no divergences")
        if self.bfmi:
            facts.append(f"E-BFMI ≥ {np.floor(min(self.bfmi) * 100) / 100:.2f}")
        known = [f"{k} {rounded_up(value)}" for k, value in self.mpsrf.items() if value == value]
        if known:
            facts.append(f"MPSRF {', '.join(known)}")
        return ", ".join(facts)

    def __str__(self) -> str:
        return "\n".join(map(visible, [self.verdict, *(f"Note: {note}." for note in self.notes)]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = "".join(f"<p>{shown(line)}</p>" for line in str(self).splitlines())
        worst = self.table.sort_values("rhat", ascending=False).head(10)
        return html_block(
            f"{lines}<details><summary>The {len(worst)} largest R-hats</summary>"
            f"{worst.rename(index=visible).to_html(escape=True)}</details>"
        )


def diagnose(
    idata: xr.DataTree | xr.Dataset,
    blocks: Mapping[str, Sequence[str]],
    *,
    extra: xr.Dataset | None = None,
    exact: bool | None = None,
    max_treedepth: int | None = None,
    mpsrf_blocks: Collection[str] = MPSRF_BLOCKS,
    nuisance: Collection[str] = NUISANCE,
) -> Diagnostics:
    """Judge posterior draws.

    *The chains disagree*: an R-hat above 1.01, or an MPSRF above 1.1, that is larger than chance
    gives for as many effective draws and as many parameters (in one good fit of a thousand); chains
    that hardly move; draws that are not finite. *Too few draws*: a bulk or tail ESS below 400, or
    below 50 in each chain of what is not reported. *The sampler may have missed a part*: any
    divergence, any tree that reached its maximum depth, E-BFMI < 0.3 in a chain.

    Parameters
    ----------
    idata : xarray.DataTree or xarray.Dataset
        Groups ``posterior`` and, from NUTS, ``sample_stats`` (in nutpie's or PyMC's names); or the
        posterior alone. Variables have the dims chain, draw and any others; of a symmetric matrix
        (a dim ``d_bis`` beside ``d``) each entry counts once.
    blocks : mapping of str to sequence of str
        Block to the names of its variables.
    extra : xarray.Dataset, optional
        More variables; each is a block of its own, unless ``blocks`` names it.
    exact : bool, optional
        Whether the draws are independent by construction, so that only their number matters.
        Default: whether there is no ``sample_stats``.
    max_treedepth : int, optional
        The sampler's limit, where only the depth of the trees is recorded.
    mpsrf_blocks : collection of str
        Which blocks get an MPSRF. It grows with the number of parameters over the ESS: not for
        the coefficients of many clusters.
    nuisance : collection of str
        Blocks of what is not reported: fewer effective draws of them are enough.

    Returns
    -------
    Diagnostics

    Raises
    ------
    InputError
        A block is empty or names a variable that is not there.

    References
    ----------
    Vehtari et al. (2021), https://doi.org/10.1214/20-BA1221 (R-hat, ESS and their limits);
    Moins et al. (2022), https://arxiv.org/abs/2110.13694, Vats & Knudson (2021),
    https://doi.org/10.1214/20-STS812 (what chance makes of R-hat);
    Betancourt (2016), https://arxiv.org/abs/1604.00695 (E-BFMI);
    Brooks & Gelman (1998), https://doi.org/10.1080/10618600.1998.10474787 (MPSRF).

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(size=(4, 1000, 2))
    >>> posterior = xr.Dataset({"beta": (("chain", "draw", "term"), draws)},
    ...                        coords={"term": ["arm", "age"]})
    >>> verdict = diagnose(posterior, {"fixed": ["beta"]}, exact=False)
    >>> verdict.ok, list(verdict.table.index)
    (True, ['beta[arm]', 'beta[age]'])
    """
    is_tree = isinstance(idata, xr.DataTree)
    nuts = is_tree and "sample_stats" in idata.children
    stats = idata["sample_stats"].to_dataset() if nuts else xr.Dataset()
    posterior = idata["posterior"].to_dataset() if is_tree else idata
    exact = not nuts if exact is None else exact
    added = {} if extra is None else dict(extra.data_vars)
    variables = {**posterior.data_vars, **added}
    named = {name for names in blocks.values() for name in names}
    blocks = {**blocks, **{str(name): [str(name)] for name in added if name not in named}}
    if missing := sorted(named - set(variables)):
        raise InputError("blocks", missing, "not in the posterior", variables)
    if not blocks or not all(blocks.values()):
        raise InputError("blocks", blocks, "a block needs at least one variable", variables)

    tables, factors, chances, notes = [], {}, {}, []
    for block, names in blocks.items():
        labels, draws = scalar_parameters(*(variables[name] for name in names))
        assessed = assess(draws, independent=exact)
        tables.append(pd.DataFrame({"block": block, **assessed}, index=labels))
        if block in mpsrf_blocks and not exact:
            by_chain = np.moveaxis(draws, 0, -1)
            factors[block] = mpsrf(by_chain)
            # NaN where nobody needs it
            chances[block] = mpsrf_chance(by_chain) if factors[block] > MPSRF_MAX else float("nan")
            if np.isnan(factors[block]):
                needs = "two chains, finite draws, and more draws than parameters"
                notes.append(f"no MPSRF for block {block}: it needs {needs}")
    table = pd.concat(tables).rename_axis("parameter")
    if len(constant := table.index[table["state"] == "constant"]):
        notes.append(f"{len(constant)} constant, so not checked: {', '.join(constant[:5])}")
    if not exact and any(variables[names[0]].sizes["chain"] == 1 for names in blocks.values()):
        notes.append("one chain: R-hat compares its parts; more chains would see more")

    found: dict[str, Any] = {
        "exact": exact,
        "divergences": int(stats["diverging"].sum()) if "diverging" in stats else None,
        "tree_depth_reached": _tree_depth_reached(stats, max_treedepth),
        "bfmi": _bfmi(stats),
    }
    by_chance = {block: (factor, chances[block]) for block, factor in factors.items()}
    shape = posterior.sizes["chain"], posterior.sizes["draw"]
    problems = find_problems(table, by_chance, shape=shape, nuisance=tuple(nuisance), **found)
    continued = str(idata.attrs.get("continued", ""))
    return Diagnostics(
        table, factors, problems=problems, notes=tuple(notes), continued=continued, **found
    )


def _tree_depth_reached(stats: xr.Dataset, max_treedepth: int | None) -> int | None:
    """Return the number of trees that reached the limit, None without a record."""
    for name in ("maxdepth_reached", "reached_max_treedepth"):  # nutpie, PyMC
        if name in stats:
            return int(stats[name].sum())
    for name in ("depth", "tree_depth"):
        if name in stats and max_treedepth is not None:
            return int((stats[name] >= max_treedepth).sum())
    return None


def _bfmi(stats: xr.Dataset) -> tuple[float, ...]:
    """Return the E-BFMI of each chain, none without a record of energies."""
    if "energy" not in stats or stats.sizes["draw"] < 4:
        return ()
    import arviz as az

    with np.errstate(divide="ignore", invalid="ignore"):
        return tuple(np.atleast_1d(az.bfmi(stats["energy"])).tolist())
