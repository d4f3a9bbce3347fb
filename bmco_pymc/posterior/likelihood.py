"""Pointwise log-likelihood: of each subject, or of each cluster with its coefficients averaged out.

What is left out together must be predicted together. A subject is predicted from the coefficients
of its cluster. A cluster that is left out tells nothing of its coefficients, so they are
integrated over N(γ, Σ) in every draw.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc import observed_patterns, patterns
from bmco_pymc.arguments import one_of
from bmco_pymc.data.cells import Cells
from bmco_pymc.data.frames import coordinates
from bmco_pymc.errors import ConvergenceWarning, InputError, warn_user
from bmco_pymc.posterior.predictor import Array, Fitted, Subjects, fitted, subjects, units
from bmco_pymc.progress import reporting

if TYPE_CHECKING:
    from bmco_pymc.posterior.posterior import Posterior

UNITS = ("subject", "cluster")
ROUGH = 0.1  # relative integration error of a cluster's likelihood that is worth a warning


def check_unit(fit: Posterior, by: str) -> str:
    """Return what is left out at a time, or say why it cannot be."""
    one_of("by", by, UNITS, "there is no such unit")
    if by == "cluster" and fit.model.study.cluster_code is None:
        raise InputError("by", by, "the study has no clusters", ["subject"])
    return by


def with_log_likelihood(fit: Posterior, by: str, *, progress: bool) -> xr.DataTree:
    """Return the fit's data tree with a group log_likelihood; see ``Fit.log_likelihood``."""
    if check_unit(fit, by) == "cluster":
        values = by_cluster(fit, progress=progress)
    else:
        sizes = fit.idata["posterior"].sizes
        who, pairs, place = pairs_of(fit, sizes["chain"] * sizes["draw"])
        values = _array(fit, of_pairs(fitted(fit), pairs)[:, place], "subject", who.label)
    tree = fit.idata.copy()
    tree["log_likelihood"] = xr.DataTree(values.to_dataset(name="response"))
    return tree


def pairs_of(fit: Posterior, each: int) -> tuple[Subjects, NDArray[np.intp], NDArray[np.intp]]:
    """Return subjects, the distinct (cell, pattern) of them, shape (m, 2), and each one's place.

    Subjects alike in cell and pattern have the same likelihood in every draw.

    Parameters
    ----------
    fit : Posterior
    each : int
        How many numbers will be held for each subject.
    """
    instead = UNITS[1:] if fit.model.study.cluster_code is not None else ()
    who = subjects(fit.model, each, instead)
    pairs, place = np.unique(np.column_stack([who.cell, who.pattern]), axis=0, return_inverse=True)
    return who, pairs, place.ravel()


def of_pairs(predictor: Fitted, pairs: NDArray[np.intp]) -> Array:
    """Return the log probability of (cell, observed pattern) pairs, shape (S, m)."""
    cells, inverse = np.unique(pairs[:, 0], return_inverse=True)
    sizes = predictor.fit.idata["posterior"].sizes
    n_draws = sizes["chain"] * sizes["draw"]
    result = np.empty((n_draws, len(pairs)))
    # some tens of megabytes at a time
    n_blocks = 1 + len(cells) * n_draws * len(predictor.fit.model.coords["pattern"]) // 4_000_000
    for block in np.array_split(np.arange(len(cells)), min(n_blocks, len(cells))):
        mine = np.flatnonzero(np.isin(inverse, block))
        log_phi = predictor.log_phi(cells[block])  # (S, block, Q)
        own = log_phi[:, inverse[mine] - block[0]]  # (S, mine, Q)
        result[:, mine] = observed_patterns.log_probability(own, pairs[mine, 1])
    return result


def by_cluster(fit: Posterior, *, progress: bool = False) -> xr.DataArray:
    """Return the log-likelihood of each cluster, dims (chain, draw, cluster)."""
    own = units(fit.model)
    assert own.cluster is not None
    if fit.model.coords.get("random_term"):
        values = _integrated(fitted(fit), progress)
    else:  # without cluster effects the subjects of a cluster are independent
        unit, code = np.nonzero(own.counts)
        pairs = np.column_stack([own.cell[unit], code])
        number = np.zeros((len(pairs), len(own.cluster_labels)))
        number[np.arange(len(pairs)), own.cluster[unit]] = own.counts[unit, code]
        values = of_pairs(fitted(fit), pairs) @ number  # (S, m) @ (m, J) -> (S, J)
    return _array(fit, values, "cluster", np.array(coordinates(own.cluster_labels)))


def _array(fit: Posterior, values: Array, dim: str, labels: NDArray[np.generic]) -> xr.DataArray:
    posterior = fit.idata["posterior"]
    sizes = posterior.sizes["chain"], posterior.sizes["draw"]
    coords = {"chain": posterior["chain"].values, "draw": posterior["draw"].values, dim: labels}
    return xr.DataArray(values.reshape(*sizes, -1), coords, ("chain", "draw", dim))


def _integrated(predictor: Fitted, progress: bool) -> Array:
    """Return the log-likelihood of each cluster with γ_j integrated out, shape (S, J)."""
    from bmco_pymc.posterior.cluster_integral import log_marginal, rule

    cells = predictor.fit.model.cells
    assert cells.cluster is not None
    gamma, roots = predictor.fit.draws("gamma"), covariance_roots(predictor.fit)
    n_clusters, dim = len(cells.cluster_labels), roots.shape[-1]
    points, log_density = rule(dim, 256 if dim <= 9 else 1024)
    result = np.empty((len(gamma), n_clusters))
    error = np.empty_like(result)

    def integrate(j: int) -> None:
        mine = np.flatnonzero(cells.cluster == j)
        Z, kind = np.unique(predictor.Z[mine], axis=0, return_inverse=True)
        eta = predictor.eta_fixed(mine) + np.einsum("np,spl->snl", predictor.Z[mine], gamma)
        value, rough = np.empty(len(gamma)), np.empty(len(gamma))
        log_marginal(
            eta, Z, kind.ravel(), *_seen(cells, mine), roots, points, log_density, value, rough
        )
        result[:, j], error[:, j] = value, rough

    with reporting(progress) as report, ThreadPoolExecutor(os.cpu_count()) as pool:
        report.stage("Preparing")
        integrate(0)  # compiles, where the compiled code is not on disk yet
        # the compiled code holds no lock, so threads run side by side
        waiting = [pool.submit(integrate, j) for j in range(1, n_clusters)]
        try:
            for done, future in enumerate(as_completed(waiting), start=2):
                future.result()
                report.count("Leaving out clusters", done, n_clusters)
        except BaseException:  # an interrupt too must not wait for the rest
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    worst = float(np.sqrt((error**2).mean(axis=0)).max())
    if worst > ROUGH:
        what = (
            f"The likelihood of a cluster has {dim} coefficients to integrate out, and its "
            f"relative error is {worst:.2f}: compare by subject, or use fewer random terms"
        )
        warn_user(what, ConvergenceWarning)
    return result


def _seen(cells: Cells, mine: NDArray[np.intp]) -> tuple[Array, *tuple[NDArray[Any], ...]]:
    """Return the counts (n, Q) of some cells, and who was observed in part there.

    Of these it is the place of their cell (e,), what would be seen of each pattern in the outcomes
    that were observed of them (e, Q), what was seen (e,), and how many they are (e,).
    """
    counts = cells.counts[mine].astype(float)
    if cells.partial is None:
        nobody = np.zeros(0, dtype=np.int64)
        return counts, nobody, np.zeros((0, counts.shape[1]), dtype=np.int64), nobody, np.zeros(0)
    K, of = cells.n_outcomes, cells.partial
    some = np.isin(of.cell, mine)
    seen = observed_patterns.trits(K)[of.code[some]] != observed_patterns.MISSING  # (e, K)
    value = seen * 2 ** np.arange(K)
    block = value @ patterns.bits(K).T.astype(np.int64)  # (e, K) @ (K, Q) -> (e, Q)
    own = block[np.arange(len(block)), observed_patterns.representative(K)[of.code[some]]]
    place = np.searchsorted(mine, of.cell[some])
    return counts, place, block, own, of.count[some].astype(float)


def covariance_roots(fit: Posterior, which: Any = slice(None)) -> Array:
    """Return a square root of the covariance of the deviations, shape (S, L p, L p), logit first.

    The eigendecomposition, unlike Cholesky's, also exists on the border of the positive definite.
    """
    Sigma = fit.draws("Sigma")[which]
    n_draws, L, p = Sigma.shape[:3]
    if Sigma.ndim == 5:  # one joint matrix
        full = Sigma.reshape(n_draws, L * p, L * p)
    else:
        full = np.zeros((n_draws, L, p, L, p))
        logits = np.arange(L)
        full[:, logits, :, logits] = Sigma.swapaxes(0, 1)
        full = full.reshape(n_draws, L * p, L * p)
    variance, vectors = np.linalg.eigh(full)
    return vectors * np.sqrt(np.maximum(variance, 0.0))[:, None, :]
