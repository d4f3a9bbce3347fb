"""Studies with a known truth: parameters drawn from a prior, data drawn from the parameters.

Nothing here comes from the package. Designs are written out column by column, probabilities and
their averages are plain sums, so that a mistake in the package cannot hide in the truth as well.
The truths come from the very prior that a study is then fitted with: over that prior a 95 %
interval holds the truth in exactly 95 % of all studies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import integrate, stats

Array = NDArray[np.float64]

GROUPS = ("old", "new")  # control, treatment: not in the order of the alphabet
OUTCOMES = ("relief", "safe")
PATTERNS = ("11", "10", "01", "00")
SUCCESS = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])  # (Q, K)
N_LOGITS = 3
WHOLE, POOLED, OWN = "whole groups", "empirical, pooled", "empirical, own"
VALUE, ANALYTICAL, ANALYTICAL_OLDER = "value", "analytical", "analytical, older"
OBSERVED, NEW = "observed clusters", "new clusters"
PARAMETERS = "parameters"
AGE, OLDER = 45.0, 50.0  # where Value looks; where the range of the older begins


@dataclass(frozen=True, eq=False)
class Truth:
    """One simulated study.

    Attributes
    ----------
    table : pandas.DataFrame
        A row per subject.
    values : mapping of str to mapping of str to float
        For each population, and for the parameters, the true value of each quantity by its label.
    """

    table: pd.DataFrame
    values: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, eq=False)
class Coefficients:
    """A normal prior of coefficients, the same for each logit: terms, means, SDs."""

    terms: tuple[str, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    def draw(self, rng: np.random.Generator) -> Array:
        """Return coefficients, shape (terms, L)."""
        size = (N_LOGITS, len(self.terms))
        return rng.normal(self.mean, self.sd, size).T

    def labelled(self, name: str, values: Array) -> dict[str, float]:
        """Return drawn coefficients by label."""
        return labelled(name, values, self.terms, PATTERNS[:-1])


@dataclass(frozen=True, eq=False)
class Clustered:
    """A design with clusters: who gets which treatment, the prior, the sizes.

    Attributes
    ----------
    whole : bool
        Whether whole clusters are randomised, or subjects within each cluster.
    sizes : tuple of int, length J
        Subjects in each cluster.
    beta, gamma : Coefficients
        Priors of the fixed coefficients and of the means of the random ones.
    nu : float
    scale : tuple of tuple of float, shape (p, p)
        Inverse-Wishart prior of the covariance of each logit's random coefficients.
    """

    whole: bool
    sizes: tuple[int, ...]
    beta: Coefficients
    gamma: Coefficients
    nu: float
    scale: tuple[tuple[float, ...], ...]


ALPHA = ((4.0, 2.0, 3.0, 1.5), (2.5, 3.0, 6.0, 2.0))  # Dirichlet of each group
SUBJECTS = (35, 50)  # BMVB: subjects in each group

FLAT_SUBJECTS = 150
FLAT = Coefficients(
    ("Intercept", "arm", "age", "arm:age"), (0.7, 0.3, -0.01, 0.005), (0.8, 0.5, 0.03, 0.02)
)

BY_SUBJECT = Clustered(
    whole=False,
    sizes=tuple(12 + place % 4 for place in range(12)),
    beta=Coefficients(("age", "arm:age"), (-0.01, 0.005), (0.02, 0.012)),
    gamma=Coefficients(("Intercept", "arm"), (0.7, 0.3), (0.8, 0.5)),
    nu=6.0,
    scale=((1.5, 0.3), (0.3, 0.9)),  # SDs about 0.7 and 0.5
)
BY_CLUSTER = Clustered(
    whole=True,
    sizes=tuple(12 + place % 4 for place in range(16)),
    beta=Coefficients(("arm", "age", "arm:age"), (0.3, -0.01, 0.005), (0.5, 0.02, 0.012)),
    gamma=Coefficients(("Intercept",), (0.7,), (0.8,)),
    nu=6.0,
    scale=((3.0,),),  # an SD of about 0.8
)


def bmvb(rng: np.random.Generator) -> Truth:
    """Return a study without covariates: Dirichlet probabilities, multinomial counts."""
    phi = np.stack([rng.dirichlet(alpha) for alpha in ALPHA])  # (2, Q)
    arm = np.repeat([0, 1], SUBJECTS)
    parameters = labelled("phi", phi, GROUPS, PATTERNS)
    truth = {PARAMETERS: parameters, WHOLE: effect(phi)}
    return Truth(_table(rng, arm, phi[arm]), truth)


def bglm(rng: np.random.Generator) -> Truth:
    """Return a study with a covariate: the group, age and their product."""
    n = FLAT_SUBJECTS
    arm = rng.permutation(np.arange(n) % 2)
    # Two humps, and the treatment's subjects older: then no two populations have one answer.
    senior = rng.random(n) < np.where(arm == 1, 0.5, 0.2)
    age = rng.normal(np.where(senior, 62, 32), 6)
    beta = FLAT.draw(rng)  # (4, L)

    def phi_at(group: int | NDArray[np.int64], years: Array) -> Array:
        return softmax(_columns(FLAT.terms, group, years) @ beta)  # (n, 4) @ (4, L) -> (n, Q)

    def phi_over(group: int, low: float) -> Array:
        """Average over the normal distribution with the sample's mean and SD, from an age on."""
        mean, sd = age.mean(), age.std(ddof=1)
        grid = np.linspace(max(low, mean - 10 * sd), mean + 10 * sd, 8001)
        density = stats.norm.pdf(grid, mean, sd)[:, None]
        above = integrate.simpson(density * phi_at(group, grid), x=grid, axis=0)
        return above / integrate.simpson(density, x=grid, axis=0)

    truth = {
        PARAMETERS: FLAT.labelled("beta", beta),
        POOLED: effect(np.stack([phi_at(g, age).mean(axis=0) for g in (0, 1)])),
        OWN: effect(np.stack([phi_at(g, age[arm == g]).mean(axis=0) for g in (0, 1)])),
        VALUE: effect(np.stack([phi_at(g, np.array([AGE]))[0] for g in (0, 1)])),
        ANALYTICAL: effect(np.stack([phi_over(g, -np.inf) for g in (0, 1)])),
        ANALYTICAL_OLDER: effect(np.stack([phi_over(g, OLDER) for g in (0, 1)])),
    }
    return Truth(_table(rng, arm, phi_at(arm, age), age=age), truth)


def bglmm(rng: np.random.Generator, design: Clustered) -> Truth:
    """Return a study in clusters, randomised by subject or by whole cluster."""
    J = len(design.sizes)
    cluster = np.repeat(np.arange(J), design.sizes)  # (n,)
    if design.whole:
        arm = rng.permutation(np.arange(J) % 2)[cluster]
    else:
        arm = np.concatenate([rng.permutation(np.arange(size) % 2) for size in design.sizes])
    age = rng.normal(40, 5, J)[cluster] + rng.normal(0, 11, len(cluster))

    beta = design.beta.draw(rng)  # (P, L)
    gamma = design.gamma.draw(rng)  # (p, L)
    p = len(gamma)
    Sigma = np.stack(
        [np.reshape(draw_covariance(rng, design), (p, p)) for _ in range(N_LOGITS)]
    )  # (L, p, p)
    around = np.stack([rng.multivariate_normal(np.zeros(p), S, size=J) for S in Sigma], axis=2)
    gamma_cluster = gamma + around  # (J, p, L)

    def observed(group: int | NDArray[np.int64]) -> Array:
        Z = _columns(design.gamma.terms, group, age)  # (n, p)
        eta = _columns(design.beta.terms, group, age) @ beta
        return softmax(eta + np.einsum("np,npl->nl", Z, gamma_cluster[cluster]))

    def new(group: int) -> Array:
        Z = _columns(design.gamma.terms, group, age)  # (n, p)
        eta = _columns(design.beta.terms, group, age) @ beta + Z @ gamma
        variance = np.einsum("p,lpq,q->l", Z[0], Sigma, Z[0])  # every subject has the same z
        return over_clusters(eta, variance)

    random, logits = design.gamma.terms, PATTERNS[:-1]
    truth = {
        PARAMETERS: design.beta.labelled("beta", beta)
        | design.gamma.labelled("gamma", gamma)
        | labelled("Sigma", Sigma, logits, random, random),
        OBSERVED: effect(np.stack([observed(g).mean(axis=0) for g in (0, 1)])),
        NEW: effect(np.stack([new(g) for g in (0, 1)])),
    }
    site = np.array([f"site {place + 1:02d}" for place in range(J)])[cluster]
    return Truth(_table(rng, arm, observed(arm), age=age, site=site), truth)


def draw_covariance(rng: np.random.Generator, design: Clustered) -> Array:
    """Return a covariance from the design's inverse-Wishart prior."""
    return np.asarray(stats.invwishart(design.nu, np.array(design.scale)).rvs(random_state=rng))


def over_clusters(eta: Array, variance: Array, n_nodes: int = 28) -> Array:
    """Return the probabilities averaged over subjects and over clusters that were not observed.

    The integral over the clusters' deviations is a full product of Gauss-Hermite rules, 21 952
    nodes for three logits: over the priors here it errs by 2e-5 at most.

    Parameters
    ----------
    eta : ndarray, shape (n, L)
        Logits in a cluster without deviation.
    variance : ndarray, shape (L,)
        Of the independent deviations of each logit.
    n_nodes : int
        Nodes for each logit.

    Returns
    -------
    ndarray, shape (Q,)
    """
    node, weight = np.polynomial.hermite_e.hermegauss(n_nodes)
    nodes = np.array(list(product(node, repeat=len(variance))))  # (N, L)
    weights = np.array(list(product(weight / weight.sum(), repeat=len(variance)))).prod(axis=1)
    return over_nodes(eta, nodes * np.sqrt(variance), weights)


def over_nodes(eta: Array, deviation: Array, weight: Array) -> Array:
    """Return the probabilities averaged over subjects (n, L) and weighted deviations (N, L)."""
    lift, odds = np.exp(deviation), np.exp(eta)
    share = weight[:, None] / (1 + lift @ odds.T)  # (N, L) @ (L, n) -> (N, n)
    phi = ((lift.T @ share) * odds.T).mean(axis=1)  # (L, N) @ (N, n) -> (L, n) -> (L,)
    return np.append(phi, share.sum(axis=0).mean())


def softmax(eta: Array) -> Array:
    """Return the pattern probabilities (n, Q) of logits (n, L); the last pattern has logit 0."""
    full = np.column_stack([eta, np.zeros(len(eta))])
    odds = np.exp(full - full.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def effect(phi: Array) -> dict[str, float]:
    """Return the success probabilities of both groups (2, Q) and their difference, by label."""
    theta = phi @ SUCCESS  # (2, Q) @ (Q, K) -> (2, K)
    return labelled("theta", theta, GROUPS, OUTCOMES) | labelled(
        "delta", theta[1] - theta[0], OUTCOMES
    )


def labelled(name: str, values: Array, *axes: tuple[str, ...]) -> dict[str, float]:
    """Return the entries of an array by label, such as ``theta[new, safe]``."""
    labels = [f"{name}[{', '.join(entry)}]" for entry in product(*axes)]
    return dict(zip(labels, values.ravel().tolist(), strict=True))


def _columns(terms: tuple[str, ...], group: int | NDArray[np.int64], age: Array) -> Array:
    """Return the columns of the terms, shape (n, terms)."""
    one = np.ones(len(age))
    known = {"Intercept": one, "arm": group * one, "age": age, "arm:age": group * age}
    return np.column_stack([known[term] for term in terms])


def _table(
    rng: np.random.Generator, arm: NDArray[np.int64], phi: Array, **columns: NDArray[np.generic]
) -> pd.DataFrame:
    """Return a row per subject with responses drawn from probabilities (n, Q)."""
    pattern = (rng.random(len(phi))[:, None] > phi.cumsum(axis=1)[:, :-1]).sum(axis=1)
    responses = dict(zip(OUTCOMES, SUCCESS[pattern].T, strict=True))
    return pd.DataFrame({"arm": np.array(GROUPS)[arm], **columns, **responses})
