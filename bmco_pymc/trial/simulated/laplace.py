"""Simulated trials analysed by the Laplace approximation: BGLM, and nested for BGLMM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import chi2, qmc

from bmco_pymc.errors import InputError
from bmco_pymc.models.spread import is_joint, kernel_prior, spread_data
from bmco_pymc.population.points import Empirical
from bmco_pymc.priors import neutral
from bmco_pymc.priors.contrasts import logits_of
from bmco_pymc.priors.neutral import LOGIT_SD
from bmco_pymc.priors.priors import Priors
from bmco_pymc.terms.terms import Terms, make_terms
from bmco_pymc.trial.analysis import Analysis
from bmco_pymc.trial.simulated.samples import Sample, Simulator

Array = NDArray[np.float64]

POINTS = 128  # at which the covariance of the clusters is looked at
HEAVY = 5  # degrees of freedom of their tails
NODES = 256  # for new clusters
MEETINGS = 1024  # of rows and nodes, at least
SINGULAR = 1e-10  # the least eigenvalue of a design's correlations that tells terms apart
START = -0.5  # of the numbers that make SDs: somewhat below the prior's scale


@dataclass(frozen=True, eq=False)
class Matrices:
    """What the approximation needs of the sample of one look.

    Attributes
    ----------
    design : ndarray, shape (n, M)
        Of the cells: fixed terms, then random ones.
    counts : ndarray, shape (n, Q)
    start : ndarray of int, shape (J + 1,)
        The cells of each cluster.
    rows : ndarray, shape (2, m, M)
        Design rows to average over.
    weight : ndarray, shape (2, m)
    n_random : int
    mean : ndarray, shape (M,)
        Prior mean, and precision (M, M), of the coefficients of each contrast.
    precision : ndarray, shape (M, M)
    priors : Priors
        Complete, but for what ``mean`` and ``precision`` have.
    """

    design: Array
    counts: Array
    start: NDArray[np.int64]
    rows: Array
    weight: Array
    n_random: int
    mean: Array
    precision: Array
    priors: Priors


def supported(analysis: Analysis) -> bool:
    """Whether the approximation can do an analysis: the whole sample, and no observed clusters."""
    whole = analysis.population is None or analysis.population == Empirical()
    return whole and analysis.clusters != "observed"


@dataclass(frozen=True, eq=False)
class _Design:
    """The matrices of a sample in the place of `Terms`, for priors that depend on them."""

    fixed: tuple[str, ...]
    random: tuple[str, ...]
    both: Array  # (2, n, M)

    def matrices(self, frame: Any, arm: int) -> tuple[Array, Array]:
        P = len(self.fixed)
        return self.both[arm, :, :P], self.both[arm, :, P:]


@dataclass(frozen=True, eq=False)
class _Cells:
    """The weights and counts of a sample in the place of `bmco_pymc.data.cells.Cells`."""

    counts: NDArray[np.int64]
    frame: None = None

    @property
    def weight(self) -> NDArray[np.int64]:
        return self.counts.sum(axis=1)


def matrices(
    analysis: Analysis, simulator: Simulator, samples: Sequence[Sample]
) -> Iterator[Matrices | None]:
    """Give what each sample's approximation needs; None where it cannot be analysed.

    Formulas are evaluated for all samples at once where no term learns from the data.
    """
    Q = simulator.truth.phi.shape[-1]
    first = samples[0].covariates
    categories = [k for k in first if not pd.api.types.is_numeric_dtype(first[k])]
    levels = [{name: set(one.covariates[name].unique()) for name in categories} for one in samples]
    every = {name: set().union(*(of[name] for of in levels)) for name in levels[0]}
    complete = [of == every for of in levels]
    order = sorted(range(len(samples)), key=lambda place: not complete[place])
    read = (_terms(analysis, simulator, samples[place]) for place in order)
    reference = next((terms for terms in read if terms), None)
    if reference is None:  # no sample has a subject in each group
        yield from [None] * len(samples)
        return
    used = list(reference.covariates)
    ends = np.cumsum([0, *(len(one.subjects) for one in samples)])
    both, known = None, dict[str, Any]()  # what all samples have in common
    if used and not reference.learns:
        frame = pd.concat([one.covariates for one in samples], ignore_index=True)[used]
        both = [np.hstack(reference.matrices(frame, arm)) for arm in (0, 1)]
    for place, sample in enumerate(samples):
        if len(set(sample.subjects.arm.tolist())) < 2:
            yield None
            continue
        try:
            if not used:
                yield _without_covariates(analysis, reference, sample, Q, known)
            elif both is not None and complete[place]:
                own = slice(ends[place], ends[place + 1])
                each = np.stack([part[own] for part in both])
                arm = sample.subjects.arm.astype(np.intp)
                design = each[arm, np.arange(len(arm))]
                if _apart(design):
                    yield _of_subjects(analysis, reference, sample, each, Q, known)
                else:
                    yield None
            else:
                yield _by_itself(analysis, simulator, sample, Q)
        except (InputError, np.linalg.LinAlgError):
            yield None


def _terms(analysis: Analysis, simulator: Simulator, sample: Sample) -> Terms | None:
    """Return what the formulas mean in a sample; None where it cannot be analysed."""
    import warnings

    from bmco_pymc.errors import InputWarning

    try:
        study = simulator.study(sample)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InputWarning)
            fixed = f"`{simulator.group}`" if analysis.fixed is None else analysis.fixed
            random = None if analysis.name == "BGLM" else (analysis.random or "1")
            return make_terms(study, fixed, random)[0]
    except InputError as error:
        # A sample may lack what tells two terms apart; other faults are the formula's.
        lacks = "told apart" in error.problem or "rests on no subject" in error.problem
        if error.argument in ("fixed", "random") and not lacks:
            raise
        return None


def _by_itself(analysis: Analysis, simulator: Simulator, sample: Sample, Q: int) -> Matrices | None:
    """Return the matrices of a sample from which terms learn, or which lacks a category."""
    terms = _terms(analysis, simulator, sample)
    if terms is None:
        return None
    frame = simulator.study(sample).cells(terms.covariates, by_cluster=False)
    subjects = frame.frame.iloc[frame.cell].reset_index(drop=True)  # of each row of the study
    both = np.stack([np.hstack(terms.matrices(subjects, arm)) for arm in (0, 1)])
    return _of_subjects(analysis, terms, sample, both, Q)


def _without_covariates(
    analysis: Analysis, terms: Terms, sample: Sample, Q: int, known: dict[str, Any]
) -> Matrices:
    """Return the matrices of cells by cluster and group; what all samples share is in ``known``."""
    subjects = sample.subjects
    cluster = subjects.cluster if terms.random else None
    code = subjects.arm.astype(np.intp)
    if cluster is not None:
        code = code + 2 * cluster
    cells, cell = np.unique(code, return_inverse=True)
    counts = np.bincount(cell * Q + sample.response, minlength=len(cells) * Q).reshape(-1, Q)
    if not known:
        one = pd.DataFrame(index=range(1))
        known["both"] = np.stack([np.hstack(terms.matrices(one, arm)) for arm in (0, 1)])
        known["priors"] = _priors(analysis.priors, terms, known["both"], counts[:1], {})
    both = np.repeat(known["both"], len(cells), axis=1)
    which = None if cluster is None else cells // 2
    return _matrices(analysis, terms, both, counts, cells % 2, which, known["priors"])


def _apart(design: Array) -> bool:
    """Return whether the terms of a design (n, M) can be told apart."""
    square = design.T @ design
    size = np.sqrt(np.diag(square))
    if not (size > 0).all():
        return False
    return bool(np.linalg.eigvalsh(square / np.outer(size, size))[0] > SINGULAR)


def _of_subjects(
    analysis: Analysis,
    terms: Terms,
    sample: Sample,
    both: Array,
    Q: int,
    known: dict[str, Any] | None = None,
) -> Matrices:
    """Return the matrices of subjects, each a cell of its own; see `_without_covariates`."""
    subjects = sample.subjects
    cluster = subjects.cluster if terms.random else None
    counts = (sample.response[:, None] == np.arange(Q)).astype(np.int64)
    arm = subjects.arm.astype(np.intp)
    if cluster is not None and (np.diff(cluster) < 0).any():
        order = np.argsort(cluster, kind="stable")
        both, counts, arm, cluster = both[:, order], counts[order], arm[order], cluster[order]
    known = {} if known is None else known
    priors = _priors(analysis.priors, terms, both, counts, known)
    return _matrices(analysis, terms, both, counts, arm, cluster, priors)


def _matrices(
    analysis: Analysis,
    terms: Terms,
    both: Array,
    counts: NDArray[np.int64],
    arm: NDArray[np.intp],
    cluster: NDArray[np.intp] | None,
    of_sample: tuple[Array, Array, Priors],
) -> Matrices:
    """Add the priors of the sample, and whom to average over."""
    size = counts.sum(axis=1)
    share = [size * (arm == g) for g in (0, 1)] if analysis.standardise == "own" else [size, size]
    start = np.array([0, len(size)])
    if cluster is not None:
        start = np.concatenate([[0], np.flatnonzero(np.diff(cluster)) + 1, [len(cluster)]])
    rows = both
    if not terms.covariates:  # all rows of a group are alike
        rows, share = both[:, :1], [np.ones(1)] * 2
    mean, precision, priors = of_sample
    return Matrices(
        design=both[arm, np.arange(len(arm))],
        counts=counts.astype(float),
        start=start.astype(np.int64),
        rows=np.ascontiguousarray(rows),
        weight=np.stack([part / part.sum() for part in share]),
        n_random=len(terms.random),
        mean=mean,
        precision=precision,
        priors=priors,
    )


def _priors(
    priors: Priors,
    terms: Terms,
    both: Array,
    counts: NDArray[np.int64],
    known: dict[str, Any],
) -> tuple[Array, Array, Priors]:
    """Return mean and precision of the coefficients of a contrast, and the other priors."""
    given = priors.given
    design = cast(Any, _Design(terms.fixed, terms.random, both))
    cells = cast(Any, _Cells(counts))
    if given.beta is None and given.gamma is None and given.Sigma is None:
        # What is recommended is stated as a precision: no need of its inverse, and of that's.
        sd = LOGIT_SD[int(np.log2(counts.shape[1])) - 1]
        ranks = known.get("ranks")
        precision, known["ranks"] = neutral.precision_of_means(both, cells.weight, sd, ranks)
        M = both.shape[-1]
        if not terms.random:
            if "complete" not in known:
                contrasts = given.contrasts or "symmetric"
                known["complete"] = given.replace(contrasts=contrasts)
            return np.zeros(M), precision, known["complete"]
        return np.zeros(M), precision, given.complete(design, cells)
    complete = given.complete(design, cells)
    mean, covariance = complete.coefficients(terms.fixed, terms.random)
    return mean, np.linalg.inv(covariance), complete


def approximate(one: Matrices) -> tuple[Array, Array, Array] | None:
    """Return the posterior of φ as a mixture: shares (S,), means (S, 2, Q), covariances.

    None where no mode was found.
    """
    Q = one.counts.shape[1]
    L = Q - 1
    turn, scale = _turn(one.priors.contrasts, Q)
    mean = np.tile(one.mean, L)
    precision: Array = np.kron(scale, one.precision).astype(float)
    if not one.n_random:
        from bmco_pymc.laplace.flat import flat

        phi, covariance = np.empty((2, Q)), np.empty((2 * Q, 2 * Q))
        numbers = one.design, one.counts, mean, precision, one.rows, one.weight
        good = flat(*map(np.ascontiguousarray, numbers), phi, covariance)
        return (np.ones(1), phi[None], covariance[None]) if good else None
    return _nested(one, mean, precision, turn)


def _nested(
    one: Matrices, mean: Array, precision: Array, turn: Array
) -> tuple[Array, Array, Array] | None:
    from bmco_pymc.laplace.nested import Trial, nested

    Q, p = one.counts.shape[1], one.n_random
    L, Sigma = Q - 1, one.priors.Sigma
    names = [str(k) for k in range(p)]
    spread = spread_data(Sigma, names)
    joint = is_joint(Sigma)
    B, d = (1, L * p) if joint else (L, p)
    family, hyper = kernel_prior(Sigma, spread.hyper, d)
    inside = np.ascontiguousarray(one.design[:, -p:] @ spread.basis)
    trial = Trial(
        np.ascontiguousarray(one.design),
        inside,
        one.counts,
        one.start,
        mean,
        precision,
        turn if joint else np.zeros((0, 0)),
        family,
        np.ascontiguousarray(hyper, dtype=float),
    )
    psi = np.zeros(B * d + B * d * (d - 1) // 2)
    psi[: B * d] = START
    points, tilt = _points(len(psi))
    each = min(NODES, max(8, MEETINGS // one.rows.shape[1]))
    rows_inside = np.ascontiguousarray(one.rows[..., -p:] @ spread.basis)
    nodes = _nodes(L * p)
    found = nested(trial, one.rows, rows_inside, one.weight, nodes, each, points, psi)
    if found is None:
        return None
    level, phi, covariance = found
    S = len(level)
    share = np.exp(level - tilt - (level - tilt).max())
    # One point far out may get nearly all the weight: truncated weights have finite variance
    # (Ionides 2008, https://doi.org/10.1198/106186008X320456).
    share = np.minimum(share, share.mean() * np.sqrt(S))
    return share / share.sum(), phi, covariance


@cache
def _turn(contrasts: str, Q: int) -> tuple[Array, Array]:
    """Return what makes logits of contrasts, and the precision of logits whose contrasts have 1."""
    turn = logits_of(contrasts, Q)
    return turn, np.linalg.inv(turn @ turn.T)


@cache
def _points(dims: int) -> tuple[Array, Array]:
    """Return points (S, dims) from a t distribution, and their log density up to a constant."""
    uniform = qmc.Sobol(dims + 1, seed=2).random(POINTS)
    normal = ndtri(uniform[:, :-1])
    points = normal / np.sqrt(chi2.ppf(uniform[:, -1:], HEAVY) / HEAVY)
    square = (points**2).sum(axis=1)
    return points, -(HEAVY + dims) / 2 * np.log1p(square / HEAVY)


@cache
def _nodes(dims: int) -> Array:
    """Return standard normal nodes (N, dims), each with its opposite, of variance 1."""
    half = ndtri(qmc.Sobol(dims, seed=3).random(NODES // 2))
    half /= np.sqrt((half**2).mean(axis=0))
    both = np.empty((NODES, dims))
    both[::2], both[1::2] = half, -half
    return both
