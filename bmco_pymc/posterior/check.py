"""Posterior predictive checks: observed statistics beside those of replicated data, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.arguments import probability
from bmco_pymc.data.frames import text
from bmco_pymc.diagnostics.verdict import Diagnostics
from bmco_pymc.posterior.replicate import Replicates
from bmco_pymc.printing import Facts, Printed

if TYPE_CHECKING:
    from bmco_pymc.posterior.posterior import Posterior

KINDS = ("rates", "correlations", "patterns", "clusters")
NAMES = {
    "rates": "rate",
    "correlations": "correlation",
    "patterns": "count",
    "clusters": "cluster_rate",
    "spread": "cluster_sd",
}
EXTREME = 0.025

type Statistics = dict[str, tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]]


@dataclass(frozen=True, eq=False, repr=False)
class Check(Printed):
    """Observed statistics and those of replicated data; made by ``fit.check()``.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each statistic, such as ``rate[trt, y1]``: ``kind``, ``observed``, ``mean``,
        ``lower``, ``upper`` (of the replicates), ``p_value``, ``mcse`` (its Monte Carlo standard
        error). NaN where the statistic does not exist, like the correlation of a constant.
    draws : xarray.Dataset
        The statistics of every replicate, dims (chain, draw) and those of the statistic.
    observed : xarray.Dataset
        Those of the data.
    ci_prob : float
        Probability in the interval.
    title : str
        What was replicated, in words.
    diagnostics : Diagnostics
        The verdict on the fit.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    >>> check = bmco.BMVB(study).fit(seed=1).check(seed=1)
    >>> check.finding
    '0 of 14 statistics are outside the middle 95% of their replicates.'
    >>> sorted(set(check.table["kind"]))
    ['correlations', 'patterns', 'rates']
    """

    table: pd.DataFrame
    draws: xr.Dataset
    observed: xr.Dataset
    ci_prob: float
    title: str
    diagnostics: Diagnostics

    @property
    def finding(self) -> str:
        """How many statistics are far from their replicates, and which, as a sentence."""
        p = self.table["p_value"].dropna()
        far = p[(p < EXTREME) | (p > 1 - EXTREME)]
        found = f"{len(far)} of {len(p)} statistics are outside the middle 95% of their replicates"
        if len(far):
            worst = far.iloc[np.argsort(np.abs(far - 0.5))[::-1]].index[:5]
            found += f": {', '.join(worst)}" + (", …" if len(far) > 5 else "")
        return f"{found}."

    def _facts(self) -> Facts:
        head = ["", "observed", "mean", f"{100 * self.ci_prob:g}% of replicates", "p"]
        # each cluster has a row in the table and the picture; in print their spread stands for them
        rows = [
            [
                str(label),
                _shown(label, row["observed"]),
                _shown(label, row["mean"]),
                f"[{_shown(label, row['lower'])}, {_shown(label, row['upper'])}]",
                f"{row['p_value']:.3f}",
            ]
            for label, row in self.table[self.table["kind"] != "clusters"].iterrows()
        ]
        meaning = "p is the share of replicates above the observed value, ties counting half."
        return (
            self.title,
            [head, *rows],
            [self.finding, meaning, *str(self.diagnostics).split("\n")],
        )


def check(drawn: Replicates, ci_prob: float) -> Check:
    """Compare the observed statistics with the replicated ones; see ``Fit.check``."""
    ci_prob = probability("ci_prob", ci_prob)
    replicated, observed, tables = {}, {}, []
    sample = ("chain", "draw")
    labels = coords(drawn)
    for kind, (dims, new, old) in statistics(drawn).items():
        replicated[NAMES[kind]] = ((*sample, *dims), new)
        observed[NAMES[kind]] = (dims, old)
        index = pd.MultiIndex.from_product([labels[dim] for dim in dims])
        names = [f"{NAMES[kind]}[{', '.join(map(str, np.atleast_1d(entry)))}]" for entry in index]
        flat = new.reshape(*new.shape[:2], -1)
        tables.append(_table(kind, names, flat, old.ravel(), ci_prob))
    chains = {"chain": drawn.fit.idata["posterior"]["chain"].values}
    return Check(
        table=pd.concat(tables).rename_axis("statistic"),
        draws=xr.Dataset(replicated, {**chains, **labels}),
        observed=xr.Dataset(observed, labels),
        ci_prob=ci_prob,
        title=words(drawn),
        diagnostics=drawn.fit.diagnostics,
    )


def words(drawn: Replicates) -> str:
    """Return what was replicated."""
    n = drawn.counts.shape[0] * drawn.counts.shape[1]
    of = {"observed": " in the observed clusters", "new": " in new clusters", None: ""}
    return f"{n} replicates of the data under {type(drawn.fit.model).__name__}{of[drawn.clusters]}"


def statistics(drawn: Replicates) -> Statistics:
    """Return dims, replicated and observed values of each statistic, by kind.

    Replicated values have the shape (chain, draw, ...).
    """
    own, arm = drawn.units, drawn.fit.model.cells.arm[drawn.units.cell]
    both = drawn.counts, own.completed  # (..., u, Q)
    found: Statistics = {}
    rates = [_rates(counts, own.seen, arm) for counts in both]
    found["rates"] = (("group", "outcome"), rates[0], rates[1])
    if drawn.fit.model.study.n_outcomes > 1:
        rho = [_correlations(counts, own.seen, arm) for counts in both]
        found["correlations"] = (("group", "pair"), rho[0], rho[1])
    if (whole := own.seen.all(axis=1)).any():
        number = [_sums(counts[..., whole, :], arm[whole], 2).astype(float) for counts in both]
        found["patterns"] = (("group", "pattern"), number[0], number[1])
    if own.cluster is not None:
        rate = [_rates(counts, own.seen, own.cluster) for counts in both]
        found["clusters"] = (("cluster", "outcome"), rate[0], rate[1])
        sd = [np.nanstd(x, axis=-2, ddof=1) for x in rate]
        found["spread"] = (("outcome",), sd[0], sd[1])
    return found


def coords(drawn: Replicates) -> dict[str, list[str]]:
    """Return the labels of the dims of the statistics."""
    study = drawn.fit.model.study
    names = study.outcomes
    labels = {
        "group": list(study.group_labels),
        "outcome": list(names),
        "pattern": list(study.patterns),
        "pair": [f"{names[a]}, {names[b]}" for a, b in patterns.pairs(len(names))],
        "cluster": [text(label) for label in drawn.units.cluster_labels],
    }
    return {dim: values for dim, values in labels.items() if values}


def _rates(
    counts: NDArray[np.int64], seen: NDArray[np.bool_], code: NDArray[np.integer[Any]]
) -> NDArray[np.float64]:  # (..., u, Q), (u, K), (u,) -> (..., groups or clusters, K)
    """Return the share of successes among those who were observed; NaN where nobody was."""
    success = (counts @ patterns.bits(seen.shape[1]).astype(np.int64)) * seen
    number = counts.sum(axis=-1, keepdims=True) * seen
    size = 1 + int(code.max())
    with np.errstate(invalid="ignore"):
        return np.asarray(_sums(success, code, size) / _sums(number, code, size))


def _correlations(
    counts: NDArray[np.int64], seen: NDArray[np.bool_], arm: NDArray[np.int8]
) -> NDArray[np.float64]:  # (..., u, Q), (u, K), (u,) -> (..., 2, pairs)
    """Return the correlation of each pair of outcomes among those of whom both were observed."""
    found = []
    for place, (one, other) in enumerate(patterns.pairs(seen.shape[1])):
        both = seen[:, one] & seen[:, other]
        sums = _sums(counts[..., both, :], arm[both], 2)
        with np.errstate(invalid="ignore"):
            share = sums / sums.sum(axis=-1, keepdims=True)
        known = np.isfinite(share).all(axis=-1, keepdims=True)
        rho = patterns.rho_from_phi(np.where(known, share, 0.0))[..., place]
        found.append(np.where(known[..., 0], rho, np.nan))
    return np.stack(found, axis=-1)


def _sums(
    values: NDArray[np.int64], code: NDArray[np.integer[Any]], size: int
) -> NDArray[np.int64]:
    """Return sums over the units of each group or cluster, (..., u, C) -> (..., J, C)."""
    return np.stack([values[..., code == j, :].sum(axis=-2) for j in range(size)], axis=-2)


def _table(
    kind: str,
    names: list[str],
    replicated: NDArray[np.float64],  # (chain, draw, statistic)
    observed: NDArray[np.float64],
    ci_prob: float,
) -> pd.DataFrame:
    from bmco_pymc.diagnostics.summary import monte_carlo_errors

    tail = (1 - ci_prob) / 2
    columns: Mapping[str, list[float]] = {
        name: [] for name in ("observed", "mean", "lower", "upper", "p_value", "mcse")
    }
    for place, value in enumerate(observed):
        new = replicated[..., place]
        known = new[np.isfinite(new)]
        row = [value, *[np.nan] * 5]
        if np.isfinite(value) and len(known):
            close = np.isclose(new, value, rtol=1e-9, atol=1e-12)  # equal but for rounding
            above = np.where(close, 0.5, new > value)
            error = np.nan
            if len(known) == new.size:
                error = float(monte_carlo_errors(above[None])[0])
            quantiles = np.quantile(known, [tail, 1 - tail])
            p = above[np.isfinite(new)].mean()
            row = [value, known.mean(), *quantiles, p, error]
        for name, number in zip(columns, row, strict=True):
            columns[name].append(float(number))
    return pd.DataFrame({"kind": kind, **columns}, index=names)


def _shown(label: object, value: float) -> str:
    """Return counts with one decimal and everything else with three."""
    return f"{value:.1f}" if str(label).startswith(NAMES["patterns"]) else f"{value:.3f}"


def make_check(
    fit: Posterior, draws: int, seed: int | None, clusters: str | None, ci_prob: float
) -> Check:
    """Replicate and compare; see ``Fit.check``."""
    from bmco_pymc.posterior.replicate import replicate

    return check(replicate(fit, draws, seed, clusters), ci_prob)
