"""φ and θ of each row of a frame, draw by draw, or outcomes drawn for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.arguments import flag, one_of, whole
from bmco_pymc.averaging.new_clusters import average_phi_new
from bmco_pymc.averaging.quadrature import largest_variance, node_count
from bmco_pymc.data.cells import distinct_rows
from bmco_pymc.data.frames import coordinates, to_pandas
from bmco_pymc.data.remarks import warn
from bmco_pymc.effects.rows import Rows, number_of_draws, rows_of
from bmco_pymc.errors import InputError
from bmco_pymc.population.estimand import Estimand
from bmco_pymc.population.matched import match
from bmco_pymc.population.subjects import Sample
from bmco_pymc.posterior.likelihood import covariance_roots
from bmco_pymc.posterior.predictor import MOST_NUMBERS
from bmco_pymc.progress import tracked

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

    from bmco_pymc.posterior.posterior import Posterior

KINDS = ("probabilities", "outcomes")
TOGETHER = 16  # rows whose integrals over new clusters are worked out at a time
BLOCK = 4_000_000  # numbers that are held at a time, beside what is returned

type Array = NDArray[np.float64]
type Codes = NDArray[np.intp]


def predict(
    fit: Posterior,
    frame: IntoFrame,
    clusters: str | None,
    kind: str,
    seed: int | None,
    *,
    progress: bool,
) -> xr.Dataset:
    """Predict the rows of a frame in both groups; see ``Fit.predict``."""
    one_of("kind", kind, KINDS, "is unknown")
    seed = whole("seed", fit.idata.attrs["seed"] if seed is None else seed, 0, 2**64 - 1)
    flag("progress", progress)
    model = fit.model
    clusters = Estimand(clusters=clusters).for_terms(model.terms, type(model).__name__).clusters
    if clusters is not None:
        one_of("clusters", clusters, ("new", "observed"), "is unknown here")
    try:
        table = to_pandas(frame)
    except InputError as error:
        raise error.renamed({"data": "frame"}) from None
    drawn = kind == "outcomes"
    labels, covariates, cluster, remarks = _read(fit, table, clusters, drawn)
    _check_memory(fit, frame, len(labels), drawn)
    found: dict[str, tuple[str, NDArray[Any]]]
    try:
        if drawn:
            values = _outcomes(rows_of(fit, covariates, cluster, clusters), seed)
            found = {"outcomes": ("outcome", values)}
        else:
            phi = _probabilities(fit, covariates, cluster, clusters, progress=progress)
            found = {"phi": ("pattern", phi), "theta": ("outcome", patterns.theta_from_phi(phi))}
    except InputError as error:  # a term without a value there
        raise error.renamed({"population": "frame"}) from None
    warn(remarks)
    posterior = fit.idata["posterior"]
    coords: dict[str, Any] = {dim: posterior[dim].values for dim in ("chain", "draw")}
    coords["row"] = pd.Index(coordinates(labels.tolist()))
    coords |= {dim: model.coords[dim] for dim in ("group", *(last for last, _ in found.values()))}
    sizes = posterior.sizes["chain"], posterior.sizes["draw"]
    variables = {
        name: (("chain", "draw", "row", "group", last), of.reshape(*sizes, *of.shape[1:]))
        for name, (last, of) in found.items()
    }
    attrs: dict[str, Any] = {"modeling_interface": "bmco_pymc"}
    attrs |= {} if clusters is None else {"clusters": clusters}
    attrs |= {"seed": seed} if drawn else {}
    return xr.Dataset(variables, coords, attrs)


def _read(
    fit: Posterior, table: pd.DataFrame, clusters: str | None, drawn: bool
) -> tuple[pd.Index, pd.DataFrame, Codes | None, tuple[str, ...]]:
    """Return the labels, covariates and clusters of the rows, and what is unusual about them."""
    model = fit.model
    if model.terms is None:
        return table.index, pd.DataFrame(index=range(len(table))), None, ()
    column = str(model.study.cluster)
    # Outcomes are drawn in one new cluster for the rows of one label, and in one each without.
    shared = drawn and clusters == "new" and column in table
    sample = Sample(model.study, model.cells)
    matched = match(
        table,
        np.ones(len(table)),
        sample,
        by_cluster=clusters == "observed",
        complete=[column] if shared else (),
    )
    cluster = matched.cluster
    if drawn and clusters == "new":
        cluster = np.arange(len(matched.row))
        if shared:
            cluster = pd.factorize(table[column].iloc[matched.row])[0].astype(np.intp)
    return table.index[matched.row], matched.frame, cluster, matched.remarks


def _probabilities(
    fit: Posterior,
    covariates: pd.DataFrame,
    cluster: Codes | None,
    clusters: str | None,
    *,
    progress: bool,
) -> Array:
    """Return φ of each row in each group, shape (S, n, 2, Q); equal rows are worked out once."""
    coded = [] if cluster is None else [(cluster, int(cluster.max()) + 1)]
    number, first = distinct_rows(coded, covariates)
    distinct = rows_of(
        fit,
        covariates.iloc[first].reset_index(drop=True),
        None if cluster is None else cluster[first],
        clusters,
    )
    phi = _in_new_clusters(distinct, progress) if clusters == "new" else _given(distinct)
    return phi if np.array_equal(number, np.arange(len(phi[0]))) else phi[:, number]


def _given(rows: Rows) -> Array:
    """Return φ of rows in given clusters or without, shape (S, n, 2, Q)."""
    n_draws, n_patterns = number_of_draws(rows.fit), len(rows.fit.model.coords["pattern"])
    gamma = rows.fit.draws("gamma_cluster") if rows.clusters == "observed" else None
    phi = np.empty((n_draws, len(rows.X), 2, n_patterns))
    at_a_time = max(1, BLOCK // (n_draws * 2 * n_patterns))
    for start in range(0, len(rows.X), at_a_time):
        part = slice(start, start + at_a_time)
        phi[:, part] = np.exp(rows.log_phi(slice(None), gamma, part))
    return phi


def _in_new_clusters(rows: Rows, progress: bool) -> Array:
    """Return φ of rows averaged over new clusters, shape (S, n, 2, Q).

    By the integral that effects use; both groups of a row meet the same nodes.
    """
    draws = rows.fit.coefficients()
    beta, gamma, Sigma = draws["beta"], draws["gamma"], draws["Sigma"]
    L, p = gamma.shape[2], gamma.shape[1]
    every = rows.Z.reshape(-1, p)
    n_nodes = node_count(L, largest_variance(Sigma, every, np.ones(len(every))))
    phi = np.empty((len(beta), len(rows.X), 2, L + 1))
    starts = range(0, len(rows.X), TOGETHER)
    for start in tracked(starts, "Averaging", progress and len(starts) > 1):
        part = slice(start, start + TOGETHER)
        X, Z = (of[part].reshape(-1, of.shape[2]) for of in (rows.X, rows.Z))
        each = average_phi_new(beta, gamma, Sigma, X, Z, np.eye(len(X)), n_nodes=n_nodes)
        phi[:, part] = each.reshape(len(beta), -1, 2, L + 1)
    return phi


def _outcomes(rows: Rows, seed: int) -> NDArray[np.int8]:
    """Draw the outcomes of each row in each group, shape (S, n, 2, K)."""
    fit, source = rows.fit, np.random.default_rng([seed, 3])
    n_draws, n_patterns = number_of_draws(fit), len(fit.model.coords["pattern"])
    bits = patterns.bits(fit.model.study.n_outcomes).astype(np.int8)  # (Q, K)
    outcomes = np.empty((n_draws, len(rows.X), 2, bits.shape[1]), dtype=np.int8)
    size = len(rows.X) * (6 * n_patterns + rows.Z.shape[2] * n_patterns)
    for which in np.array_split(np.arange(n_draws), min(n_draws, 1 + n_draws * size // BLOCK)):
        below = np.cumsum(np.exp(rows.log_phi(which, _gamma(rows, which, source))), axis=-1)
        uniform = source.random((len(which), len(rows.X), 2, 1))
        outcomes[which] = bits[(uniform >= below[..., :-1]).sum(axis=-1)]
    return outcomes


def _gamma(rows: Rows, which: Codes, source: np.random.Generator) -> Array | None:
    """Return the coefficients of the rows' clusters, drawn if they are new, shape (s, J, p, L)."""
    if rows.clusters is None:
        return None
    if rows.clusters == "observed":
        return rows.fit.draws("gamma_cluster")[which]
    assert rows.cluster is not None
    gamma, root = rows.fit.draws("gamma")[which], covariance_roots(rows.fit, which)
    s, p, L = gamma.shape
    z = source.standard_normal((s, int(rows.cluster.max()) + 1, L * p))
    u = (z @ root.mT).reshape(s, -1, L, p)  # (s, J, d) @ (s, d, d)
    return gamma[:, None] + u.mT


def _check_memory(fit: Posterior, frame: Any, n: int, drawn: bool) -> None:
    """Refuse what would not fit into memory, and say what would."""
    coords, n_draws = fit.model.coords, number_of_draws(fit)
    n_outcomes = len(coords["outcome"])
    # A byte for an outcome, eight for a probability.
    each = n_draws * 2 * (n_outcomes if drawn else 8 * (len(coords["pattern"]) + n_outcomes))
    if n * each > 8 * MOST_NUMBERS:
        what = "Outcomes" if drawn else "φ and θ"
        problem = (
            f"{what} of {n:,} rows in {n_draws:,} draws take {n * each / 1e9:,.0f} GB: predict at "
            f"most {8 * MOST_NUMBERS // each:,} rows at a time, or average over all by "
            "fit.effect(bmco.Target(frame))"
        )
        raise InputError("frame", frame, problem)
