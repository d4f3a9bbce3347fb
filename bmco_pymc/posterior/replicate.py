"""Replicated data: what the model says the same subjects could have shown instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc import observed_patterns, patterns
from bmco_pymc.arguments import one_of, whole
from bmco_pymc.data.frames import coordinates
from bmco_pymc.errors import InputError
from bmco_pymc.escapes import as_variable
from bmco_pymc.posterior.likelihood import covariance_roots
from bmco_pymc.posterior.predictor import Fitted, Units, fitted, subjects, units

if TYPE_CHECKING:
    from bmco_pymc.posterior.posterior import Posterior

_DIMS = {"chain", "draw", "sample", "subject", "group", "cluster"}
CLUSTERS = ("observed", "new")


@dataclass(frozen=True, eq=False)
class Replicates:
    """Replicated pattern counts beside the observed ones.

    Attributes
    ----------
    fit : Posterior
        What they were drawn from.
    units : Units
        The cells, apart by cluster where the study has clusters.
    counts : ndarray of int, shape (chain, draw, u, Q)
        Number of subjects of each unit with each pattern, in each replicate; of outcomes too that
        were not ``seen`` of the unit.
    clusters : str or None
        Whether they have the observed clusters' coefficients or new ones; None without.
    seed : int
        Seed of the replicates.
    """

    fit: Posterior
    units: Units
    counts: NDArray[np.int64]
    clusters: str | None
    seed: int


def replicate(fit: Posterior, draws: int, seed: int | None, clusters: str | None) -> Replicates:
    """Draw replicated pattern counts; see ``Fit.predictive``.

    Given φ of a unit's cell, the counts of the unit are multinomial with its number of subjects.
    """
    clusters = _clusters(fit, clusters)
    which, shape = _kept(fit, draws)
    seed = _seed(fit, seed)
    source, predictor, own = np.random.default_rng([seed, 1]), fitted(fit), units(fit.model)
    total = own.counts.sum(axis=1)
    n_patterns = len(fit.model.coords["pattern"])
    counts = np.empty((len(which), len(own.cell), n_patterns), dtype=np.int64)
    for block in _blocks(which, counts[0].size):
        new = _new_clusters(predictor, which[block], source) if clusters == "new" else None
        phi = np.exp(predictor.log_phi(which=which[block], gamma_cluster=new))  # (s, n, Q)
        counts[block] = source.multinomial(total, _proper(phi[:, own.cell]))
    return Replicates(fit, own, counts.reshape(*shape, *counts.shape[1:]), clusters, seed)


def predictive(
    fit: Posterior, by: str, draws: int, seed: int | None, clusters: str | None
) -> xr.DataTree:
    """Return posterior predictive draws in the form that ArviZ takes; see ``Fit.predictive``."""
    if one_of("by", by, ["cell", "subject"], "there is no such unit") == "subject":
        return _of_subjects(fit, draws, seed, clusters)
    return _of_cells(replicate(fit, draws, seed, clusters))


def _of_cells(drawn: Replicates) -> xr.DataTree:
    model, own = drawn.fit.model, drawn.units
    cells = model.cells
    labels, replicated_counts = model.coords["pattern"], drawn.counts
    if cells.partial is not None:
        labels, replicated_counts = list(observed_patterns.labels(own.seen.shape[1])), _seen(drawn)
    coords: dict[str, Any] = {
        "cell": np.arange(len(own.cell)),
        "pattern": labels,
        "group": ("cell", np.array(model.coords["group"])[cells.arm[own.cell]]),
    }
    if own.cluster is not None:
        label = np.array(coordinates(own.cluster_labels))[own.cluster]
        coords["cluster"] = ("cell", label)
    observed = xr.Dataset({"counts": (("cell", "pattern"), own.counts)}, coords)
    replicated = xr.Dataset({"counts": (("chain", "draw", "cell", "pattern"), replicated_counts)})
    return _tree(drawn.fit, replicated, observed, drawn.clusters, drawn.seed)


def _seen(drawn: Replicates) -> NDArray[np.int64]:
    """Return what would have been seen of the replicates, (chain, draw, u, R)."""
    own = drawn.units
    K = own.seen.shape[1]
    signs, agree = np.array(observed_patterns.signs(K)), observed_patterns.agreeing(K)
    own_sign = np.array(["".join("?x"[int(s)] for s in row) for row in own.seen])
    counts = np.zeros((*drawn.counts.shape[:-1], len(signs)), dtype=np.int64)
    for one in np.unique(own_sign):
        mine, codes = np.flatnonzero(own_sign == one), np.flatnonzero(signs == one)
        merged = drawn.counts[..., mine, :] @ agree[codes].T.astype(np.int64)
        counts[..., mine[:, None], codes] = merged
    return counts


def variable(outcome: str) -> str:
    """Return what an outcome is called beside the dims: one called "group" is "outcome group"."""
    return f"outcome {outcome}" if outcome in _DIMS else outcome


def _of_subjects(fit: Posterior, draws: int, seed: int | None, clusters: str | None) -> xr.DataTree:
    """Draw the pattern of every subject and return a 0/1 variable for each outcome."""
    clusters = _clusters(fit, clusters)
    which, shape = _kept(fit, draws)
    seed = _seed(fit, seed)
    n_patterns, n_outcomes = len(fit.model.coords["pattern"]), fit.model.study.n_outcomes
    each = 4 + 3 * n_patterns + len(which) * (1 + n_outcomes) / 8  # one draw's φ, and all the bits
    who = subjects(fit.model, each, ["cell"])
    source, predictor = np.random.default_rng([seed, 2]), fitted(fit)
    pattern = np.empty((len(which), len(who.label)), dtype=np.int8)
    for block in _blocks(which, len(who.label) * n_patterns):
        new = _new_clusters(predictor, which[block], source) if clusters == "new" else None
        phi = np.exp(predictor.log_phi(which=which[block], gamma_cluster=new))
        below = np.cumsum(phi, axis=-1)[:, who.cell, :-1]  # (s, N, Q - 1)
        uniform = source.random((len(phi), len(who.label), 1))
        pattern[block] = (uniform >= below).sum(axis=-1)
    bits, study = patterns.bits(fit.model.study.n_outcomes), fit.model.study
    coords: dict[str, Any] = {
        "subject": who.label,
        "group": ("subject", np.array(fit.model.coords["group"])[study.arm[who.row]]),
    }
    if study.cluster_code is not None:
        label = np.array(coordinates(study.cluster_labels))[study.cluster_code[who.row]]
        coords["cluster"] = ("subject", label)
    replicated: dict[str, Any] = {}
    observed: dict[str, Any] = {}
    for k, outcome in enumerate(study.outcomes):
        values = bits[pattern, k].reshape(*shape, -1)
        name = as_variable(variable(outcome), observed)
        replicated[name] = (("chain", "draw", "subject"), values)
        seen = observed_patterns.trits(study.n_outcomes)[who.pattern, k]
        if (seen == observed_patterns.MISSING).any():
            seen = np.where(seen == observed_patterns.MISSING, np.nan, seen)
        observed[name] = ("subject", seen)
    return _tree(fit, xr.Dataset(replicated), xr.Dataset(observed, coords), clusters, seed)


def _tree(
    fit: Posterior, replicated: xr.Dataset, observed: xr.Dataset, clusters: str | None, seed: int
) -> xr.DataTree:
    chains = {"chain": fit.idata["posterior"]["chain"].values}
    labelled = replicated.assign_coords(
        {**chains, "draw": np.arange(replicated.sizes["draw"]), **observed.coords}
    )
    tree = xr.DataTree.from_dict({"posterior_predictive": labelled, "observed_data": observed})
    tree.attrs = {"modeling_interface": "bmco_pymc", "seed": seed}
    tree.attrs |= {} if clusters is None else {"clusters": clusters}
    return tree


def _clusters(fit: Posterior, clusters: str | None) -> str | None:
    """Return whose coefficients replicates have, or say why they cannot."""
    if not fit.model.coords.get("random_term"):
        if clusters is not None:
            what = f"{type(fit.model).__name__} has no cluster coefficients"
            raise InputError("clusters", clusters, what, [None])
        return None
    clusters = "observed" if clusters is None else clusters
    return str(one_of("clusters", clusters, CLUSTERS, "there are no such clusters"))


def _kept(fit: Posterior, draws: int) -> tuple[NDArray[np.intp], tuple[int, int]]:
    """Return which draws are replicated, the same number at equal steps from every chain."""
    sizes = fit.idata["posterior"].sizes
    n_chains, n_draws = sizes["chain"], sizes["draw"]
    draws = min(whole("draws", draws, 1), n_chains * n_draws)
    each = max(1, round(draws / n_chains))
    step = np.linspace(0, n_draws - 1, each).round().astype(np.intp)
    return (np.arange(n_chains)[:, None] * n_draws + step).ravel(), (n_chains, each)


def _seed(fit: Posterior, seed: int | None) -> int:
    seed = fit.idata.attrs["seed"] if seed is None else seed
    return whole("seed", seed, 0, 2**64 - 1)


def _blocks(which: NDArray[np.intp], size: int) -> list[NDArray[np.intp]]:
    """Return the places of the draws in blocks of some tens of megabytes."""
    n_blocks = min(len(which), 1 + len(which) * size // 4_000_000)
    return np.array_split(np.arange(len(which)), n_blocks)


def _new_clusters(
    predictor: Fitted, which: NDArray[np.intp], source: np.random.Generator
) -> NDArray[np.float64]:
    """Draw coefficients of new clusters from N(γ, Σ), shape (s, J, p, L)."""
    gamma, root = predictor.fit.draws("gamma")[which], covariance_roots(predictor.fit, which)
    n, p, L = gamma.shape
    n_clusters = len(predictor.fit.model.cells.cluster_labels)
    z = source.standard_normal((n, n_clusters, L * p))
    u = np.einsum("sde,sje->sjd", root, z).reshape(n, n_clusters, L, p)
    return gamma[:, None] + u.swapaxes(2, 3)


def _proper(phi: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities that sum to one in floating point, as the generator demands."""
    return phi / phi.sum(axis=-1, keepdims=True)
