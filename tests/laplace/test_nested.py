"""The nested Laplace approximation, against integrals over the effects of clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import log_expit, logsumexp, ndtri, softmax

from bmco_pymc.kernel import covariance as kernel
from bmco_pymc.laplace.flat import flat
from bmco_pymc.laplace.nested import (
    BY,
    Trial,
    _expand,
    _level,
    averaged,
    curvature,
    levels,
    look,
    marginal,
    nested,
    root_of,
    search,
)
from bmco_pymc.priors.contrasts import logits_of

type Array = np.ndarray

SCORES = np.linspace(-7, 7, 351)  # standard normal, for integrals over a cluster's effect
LOG_WEIGHTS = -(SCORES**2) / 2 - logsumexp(-(SCORES**2) / 2)
HALF_NORMAL = np.array([1.0, 1.0])  # eta, degrees of freedom; scales follow


def counted(successes: Any, sizes: Any) -> Array:
    """Return counts (J, 2) of one outcome."""
    return np.stack([successes, np.subtract(sizes, successes)], axis=1).astype(float)


def trial_of(
    outcomes: int = 1,
    random: int = 1,
    *,
    joint: bool = False,
    contrasts: str = "symmetric",
    family: int = kernel.HALF_NORMAL,
    hyper: Any = None,
    clusters: int = 5,
    seed: int = 1,
) -> Trial:
    """Return a trial with two cells, one of each group, in each cluster."""
    rng = np.random.default_rng(seed)
    Q, n = 2**outcomes, 2 * clusters
    L = Q - 1
    arm = np.arange(n) % 2
    design = np.stack([rng.normal(size=n), np.ones(n), arm.astype(float)][: 1 + random], axis=1)
    D, d = L * (1 + random), (L * random if joint else random)
    counts = np.stack([rng.multinomial(8, own) for own in rng.dirichlet(np.ones(Q), n)])
    root = rng.normal(scale=0.2, size=(D, D))
    if hyper is None:
        hyper = np.concatenate([HALF_NORMAL, np.ones(d)])
    return Trial(
        design=design,
        inside=np.ascontiguousarray(design[:, 1:]),
        counts=counts.astype(float),
        start=np.arange(0, n + 1, 2),
        mean=rng.normal(scale=0.3, size=D),
        precision=root @ root.T + 0.3 * np.eye(D),
        turn=logits_of(contrasts, Q) if joint else np.zeros((0, 0)),
        family=family,
        hyper=np.asarray(hyper, dtype=float),
    )


def psi_of(trial: Trial, seed: int = 2) -> Array:
    """Return some numbers that make a covariance."""
    L, p = trial.counts.shape[1] - 1, trial.inside.shape[1]
    B, d = (1, L * p) if len(trial.turn) else (L, p)
    return np.random.default_rng(seed).normal(scale=0.5, size=B * d + B * d * (d - 1) // 2)


def intercepts(successes: Any, sizes: Any) -> Trial:
    """Return a trial with nothing but a random intercept, of SD 2 exp(h(psi)) a half-normal."""
    J = len(sizes)
    return Trial(
        np.ones((J, 1)), np.ones((J, 1)), counted(successes, sizes), np.arange(J + 1),
        np.array([0.1]), np.array([[0.25]]), np.zeros((0, 0)), kernel.HALF_NORMAL,
        np.array([1.0, 1.0, 2.0]),
    )  # fmt: skip


def sd_of(t: float) -> float:
    """Return the ratio exp(h(t)) of an SD to its scale, as the kernel's text has it."""
    return float(np.exp(t + (t * np.sqrt(1 + t**2) + np.arcsinh(t) - t**2) / 2))


def log_prior(t: float) -> float:
    """Return the log density of t where the ratio is half-normal, up to a constant."""
    step = 1e-5
    slope = (np.log(sd_of(t + step)) - np.log(sd_of(t - step))) / (2 * step)
    return float(np.log(sd_of(t) * slope) - sd_of(t) ** 2 / 2)


def integrated(counts: Array, base: Array, sd: float) -> Array:
    """Return the log probability of a cluster's counts (2,) by its average log odds, shape (B,)."""
    eta = base[:, None] + sd * SCORES
    good, bad = counts
    return logsumexp(good * log_expit(eta) + bad * log_expit(-eta) + LOG_WEIGHTS, axis=1)


def by_quadrature(trial: Trial, t: float) -> float:
    """Return the log density of t by brute force, up to a constant; of intercepts alone."""
    grid = np.linspace(-5, 5, 501)
    log = log_prior(t) - trial.precision[0, 0] * (grid - trial.mean[0]) ** 2 / 2
    for own in trial.counts:
        log += integrated(own, grid, float(trial.hyper[2]) * sd_of(t))
    return float(logsumexp(log))


@pytest.mark.parametrize(
    ("size", "error"),
    [(10, 0.05), (40, 0.015), (400, 0.003)],
)
def test_density_of_the_spread_against_integration(size: int, error: float) -> None:
    """Three clusters, a coefficient: measured .036, .011 and .002, as a log density differs."""
    sizes = np.full(3, size)
    trial = intercepts(np.round(sizes * [0.3, 0.5, 0.6]), sizes)
    places = np.array([-1.5, -1.0, -0.5, 0.0, 0.5])
    found = levels(places[:, None], trial, np.zeros(1), np.zeros((3, 1)))
    exact = np.array([by_quadrature(trial, t) for t in places])
    off = np.diff(found) - np.diff(exact)
    assert np.abs(off).max() < error
    assert np.ptp(exact) > 0.3  # there is something to be told


def test_the_error_falls_with_the_size_of_clusters() -> None:
    worst = []
    for size in (10, 40, 160):
        trial = intercepts(np.round(size * np.array([0.3, 0.5, 0.6])), np.full(3, size))
        places = np.array([-0.5, 0.5])
        found = levels(places[:, None], trial, np.zeros(1), np.zeros((3, 1)))
        exact = [by_quadrature(trial, t) for t in places]
        worst.append(abs(np.diff(found)[0] - np.diff(exact)[0]))
    assert worst[1] < worst[0] / 2
    assert worst[2] < worst[1] / 2


@pytest.mark.parametrize("outcomes", [1, 2])
def test_where_the_search_starts_does_not_matter(outcomes: int) -> None:
    trial = trial_of(
        outcomes, 2, joint=True, hyper=np.r_[HALF_NORMAL, np.ones(2 * 3 ** (outcomes - 1))]
    )
    psi, D = psi_of(trial), len(trial.mean)
    found = []
    for start in (0.0, 1.0):
        coef, zeta = np.full(D, start), np.full((5, (2**outcomes - 1) * 2), -start)
        inner = np.empty((D, D))
        found.append(marginal(psi, trial, coef, zeta, inner))
        # at the mode all derivatives vanish, but for what the last step would gain
        g_c, g_z = np.empty(D), np.empty_like(zeta)
        d = zeta.shape[1]
        blocks = np.empty((D, D)), np.empty((5, D, d)), np.empty((5, d, d))
        _expand(trial, root_of(psi, trial)[1], coef, zeta, g_c, g_z, *blocks)
        whole = whole_of(*blocks)
        gradient = np.concatenate([g_c, g_z.ravel()])
        assert gradient @ np.linalg.solve(whole, gradient) < 1e-5
        lower = np.tril(inner)
        schur = np.linalg.inv(np.linalg.inv(whole)[:D, :D])
        assert lower @ lower.T == pytest.approx(schur, rel=0.01, abs=0.01)
    assert found[0] == pytest.approx(found[1], abs=2e-3)


def whole_of(inner: Array, lin: Array, own: Array) -> Array:
    """Return the negative second derivative in one piece, from its blocks."""
    J, D, d = lin.shape
    whole = np.zeros((D + J * d,) * 2)
    whole[:D, :D] = inner
    for j in range(J):
        place = slice(D + j * d, D + (j + 1) * d)
        whole[:D, place], whole[place, :D], whole[place, place] = lin[j], lin[j].T, own[j]
    return whole


@pytest.mark.parametrize(
    ("outcomes", "random", "joint"), [(1, 1, False), (1, 2, True), (2, 1, True), (2, 2, False)]
)
def test_derivatives(outcomes: int, random: int, joint: bool) -> None:
    trial = trial_of(outcomes, random, joint=joint)
    J, d, D = 5, (2**outcomes - 1) * random, len(trial.mean)
    rng = np.random.default_rng(7)
    root = rng.normal(scale=0.5, size=(d, d))  # any, not a triangle
    at = rng.normal(scale=0.5, size=D + J * d)

    def split(x: Array) -> tuple[Array, Array]:
        return x[:D].copy(), x[D:].reshape(J, d).copy()

    def gradient(x: Array) -> Array:
        g_c, g_z = np.empty(D), np.empty((J, d))
        blocks = np.empty((D, D)), np.empty((J, D, d)), np.empty((J, d, d))
        _expand(trial, root, *split(x), g_c, g_z, *blocks)
        return np.concatenate([g_c, g_z.ravel()])

    steps = 1e-5 * np.eye(len(at))
    level = [
        (_level(trial, root, *split(at + s)) - _level(trial, root, *split(at - s))) / 2e-5
        for s in steps
    ]
    assert gradient(at) == pytest.approx(np.array(level), rel=1e-6, abs=1e-6)
    second = np.array([(gradient(at + s) - gradient(at - s)) / 2e-5 for s in steps])
    inner, lin, own = np.empty((D, D)), np.empty((J, D, d)), np.empty((J, d, d))
    _expand(trial, root, *split(at), np.empty(D), np.empty((J, d)), inner, lin, own)
    assert -second == pytest.approx(whole_of(inner, lin, own), abs=1e-5)


def test_level_is_the_joint_density() -> None:
    """Written out with other means, but for constants."""
    trial = trial_of(2, 2)
    rng = np.random.default_rng(8)
    root, coef, zeta = rng.normal(size=(6, 6)), rng.normal(size=9), rng.normal(size=(5, 6))
    u = (zeta @ root.T).reshape(5, 3, 2)[np.repeat(np.arange(5), 2)]
    eta = trial.design @ coef.reshape(3, 3).T + np.einsum("nlk,nk->nl", u, trial.inside)
    log_phi = np.log(softmax(np.column_stack([eta, np.zeros(10)]), axis=1))
    off = coef - trial.mean
    exact = (trial.counts * log_phi).sum() - off @ trial.precision @ off / 2 - (zeta**2).sum() / 2
    assert _level(trial, root, coef, zeta) == pytest.approx(exact, abs=1e-9)


# --- the covariance of clusters -------------------------------------------------------------------


def kernel_root(psi: Array, B: int, d: int, trial: Trial) -> tuple[float, Array]:
    """Return what the sampler's kernel makes of psi."""
    R, partial = np.empty((B, d, d)), np.empty((B, 3, d * (d - 1) // 2))
    t, v = psi[: B * d].reshape(B, d), psi[B * d :].reshape(B, -1)
    return kernel.root(t.copy(), v.copy(), trial.family, trial.hyper, R, partial), R


@pytest.mark.parametrize("contrasts", ["symmetric", "reference"])
@pytest.mark.parametrize("random", [1, 2])
def test_joint_covariance_with_contrasts(random: int, contrasts: str) -> None:
    d = 3 * random
    hyper = np.r_[2.0, 1.0, np.linspace(0.5, 1.5, d)]
    trial = trial_of(2, random, joint=True, contrasts=contrasts, hyper=hyper)
    psi = psi_of(trial)
    value, root = root_of(psi, trial)
    expected, R = kernel_root(psi, 1, d, trial)
    assert value == pytest.approx(expected, abs=1e-12)
    turn = np.kron(logits_of(contrasts, 4), np.eye(random))
    assert root @ root.T == pytest.approx(turn @ R[0] @ R[0].T @ turn.T, abs=1e-12)
    # And that of the contrasts is what SDs and partial correlations make: by their definition.
    sd = hyper[2:] * [sd_of(t) for t in psi[:d]]
    assert np.sqrt(np.diag(R[0] @ R[0].T)) == pytest.approx(sd, rel=1e-12)
    z = np.tanh(psi[d] / 2)
    assert (R[0] @ R[0].T)[1, 0] == pytest.approx(z * sd[0] * sd[1], rel=1e-12)


@pytest.mark.parametrize("random", [1, 2])
def test_covariance_of_each_logit(random: int) -> None:
    trial = trial_of(2, random)
    psi = psi_of(trial)
    value, root = root_of(psi, trial)
    expected, R = kernel_root(psi, 3, random, trial)
    assert value == pytest.approx(expected, abs=1e-12)
    found = (root @ root.T).reshape(3, random, 3, random)
    for q in range(3):
        for r in range(3):
            own = R[q] @ R[q].T if q == r else np.zeros((random, random))
            assert found[q, :, r] == pytest.approx(own, abs=1e-12)


@pytest.mark.parametrize("random", [1, 2])
def test_inverse_wishart_covariance(random: int) -> None:
    nu = random + 1.5
    shape = (nu - np.arange(random)) / 2
    trial = trial_of(2, random, family=kernel.BARTLETT, hyper=shape)
    psi = psi_of(trial)
    value, root = root_of(psi, trial)
    expected, R = kernel_root(psi, 3, random, trial)
    assert value == pytest.approx(expected, abs=1e-12)
    found = (root @ root.T).reshape(3, random, 3, random)
    for q in range(3):
        A = np.diag(np.exp(psi[q * random : (q + 1) * random] / 2))
        if random == 2:
            A[1, 0] = psi[6 + q]
        assert found[q, :, q] == pytest.approx(np.linalg.inv(A @ A.T), rel=1e-10)
        assert found[q, :, q] == pytest.approx(R[q] @ R[q].T, rel=1e-10)


# --- without spread there are no clusters ---------------------------------------------------------


@pytest.mark.parametrize("outcomes", [1, 2])
@pytest.mark.parametrize("random", [1, 2])
def test_equal_clusters_are_none(outcomes: int, random: int) -> None:
    Q = 2**outcomes
    d = (Q - 1) * random
    trial = trial_of(outcomes, random, joint=True, hyper=np.r_[HALF_NORMAL, np.ones(d)])
    psi = np.zeros(d + d * (d - 1) // 2)
    psi[:d] = -6.0
    _, root = root_of(psi, trial)
    assert np.abs(root).max() < 1e-10
    rows = np.stack([trial.design, trial.design + 0.5])
    inside = np.ascontiguousarray(rows[..., 1:])
    weight = np.random.default_rng(1).dirichlet(np.ones(10), 2)
    phi, covariance = np.empty((2, Q)), np.empty((2 * Q, 2 * Q))
    data = trial.design, trial.counts, trial.mean, trial.precision
    assert flat(*data, rows, weight, phi, covariance)
    nodes = np.random.default_rng(2).normal(size=(16, d))
    level, means, spreads = np.empty(1), np.empty((1, 2, Q)), np.empty((1, 2 * Q, 2 * Q))
    of = rows, inside, weight, nodes, 4
    coef = trial.mean.copy()
    look(psi[None], trial, coef, np.zeros((5, d)), *of, level, means, spreads)
    # The last step is left out where it gains below 1e-3: the curvature is that of a step before.
    assert means[0] == pytest.approx(phi, abs=2e-5)
    assert spreads[0] == pytest.approx(covariance, abs=0.01 * np.abs(covariance).max())
    assert (coef == trial.mean).all()  # where to start, for the next


def test_averages_over_new_clusters() -> None:
    """Rows meet nodes in turn; means and derivatives, by a plain sum and by differences."""
    trial = trial_of(2, 2)
    rng = np.random.default_rng(4)
    root, rows = rng.normal(scale=0.4, size=(6, 6)), rng.normal(size=(7, 3))
    inside = np.ascontiguousarray(rows[:, 1:])
    weight, nodes = rng.dirichlet(np.ones(7)), rng.normal(size=(6, 6))
    weight[2] = 0.0
    each = 4

    def average(c: Array) -> Array:
        total = np.zeros(4)
        for i in range(7):
            for t in range(each):
                u = (root @ nodes[(i * each + t) % 6]).reshape(3, 2)
                eta = c.reshape(3, 3) @ rows[i] + u @ inside[i]
                total += weight[i] / each * softmax(np.append(eta, 0.0))
        return total

    coef = rng.normal(size=9)
    phi, slope = np.empty(4), np.empty((4, 9))
    averaged(trial, root, rows, inside, weight, nodes, each, coef, phi, slope)
    assert phi == pytest.approx(average(coef), abs=1e-12)
    steps = 1e-5 * np.eye(9)
    by_steps = np.array([(average(coef + s) - average(coef - s)) / 2e-5 for s in steps]).T
    assert slope == pytest.approx(by_steps, abs=1e-8)


# --- psi ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("outcomes", "joint"), [(1, False), (2, True)])
def test_the_mode_of_psi_and_its_curvature(outcomes: int, joint: bool) -> None:
    d = 2**outcomes - 1
    trial = trial_of(outcomes, joint=joint, hyper=np.r_[HALF_NORMAL, np.ones(d)], clusters=12)
    h = d + (d * (d - 1) // 2 if joint else 0)
    psi, coef, zeta = np.full(h, -0.5), trial.mean.copy(), np.zeros((12, d))
    value = search(trial, psi, coef, zeta)
    around = 0.1 * np.vstack([np.eye(h), -np.eye(h)])
    near = levels(psi + around, trial, coef, zeta)
    root = curvature(trial, psi, coef, zeta, value)
    second = np.linalg.inv(root @ root.T)
    # Differences to one side put the mode BY / 2 off; a round may leave a gain of .001.
    gradient = (near[:h] - near[h:]) / 0.2
    off = (BY / 2) ** 2 * np.trace(second)
    assert gradient @ np.linalg.solve(second, gradient) < 0.002 + off
    assert value > near.max()
    curved = (2 * value - near[:h] - near[h:]) / 0.01
    assert np.diag(second) == pytest.approx(curved, rel=0.15, abs=0.25)


def test_no_mode_is_said() -> None:
    trial = intercepts([3, 4, 5], [10, 10, 10])
    bad = trial._replace(design=np.full((3, 1), np.nan))
    rows = np.ones((2, 1, 1))
    found = nested(
        bad, rows, rows, np.ones((2, 1)), np.zeros((1, 1)), 1, np.zeros((1, 1)), np.zeros(1)
    )
    assert found is None


@pytest.mark.parametrize(("clusters", "size"), [(8, 15), (20, 30)])
def test_the_posterior_of_both_groups_against_integration(clusters: int, size: int) -> None:
    """Whole clusters randomised, one outcome: mean and SD of both groups' averaged θ, and of δ.

    Measured: means within .04 SDs; SDs 2 % too large with 8 clusters of 15, .4 % with 20 of 30.
    """
    rng = np.random.default_rng(clusters)
    arm = np.arange(clusters) % 2
    u = rng.normal(scale=0.5, size=clusters)
    successes = rng.binomial(size, 1 / (1 + np.exp(0.4 - 0.8 * arm - u)))
    design = np.stack([arm, np.ones(clusters)], axis=1).astype(float)
    trial = Trial(
        design, np.ones((clusters, 1)), counted(successes, np.full(clusters, size)),
        np.arange(clusters + 1), np.zeros(2), np.diag([0.3, 0.3]), np.zeros((0, 0)),
        kernel.HALF_NORMAL, np.array([1.0, 1.0, 1.0]),
    )  # fmt: skip
    rows = np.array([[[0.0, 1.0]], [[1.0, 1.0]]])
    points = np.linspace(-5, 5, 41)[:, None]
    nodes = ndtri((np.arange(200) + 0.5) / 200)[:, None]
    level, phi, spread = nested(
        trial, rows, np.ones((2, 1, 1)), np.ones((2, 1)), nodes, len(nodes),
        points, np.full(1, -0.5),
    )  # type: ignore[misc]  # fmt: skip
    share = np.exp(level - level.max())
    share /= share.sum()
    turn = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [-1, 0, 1, 0]])
    mean = share @ (phi.reshape(-1, 4) @ turn.T)
    off = phi.reshape(-1, 4) @ turn.T - mean
    spread_of = turn @ np.einsum("s,sqr->qr", share, spread) @ turn.T
    sd = np.sqrt(np.diag(spread_of + np.einsum("s,si,sj->ij", share, off, off)))

    base, places = np.linspace(-3.5, 3.5, 71), np.linspace(-5, 1.8, 40)
    prior = 0.15 * (base**2)[:, None] + 0.15 * (base - base[:, None]) ** 2  # control, treatment
    log, both = np.empty((40, 71, 71)), np.empty((2, 40, 71, 71))
    for place, t in enumerate(places):
        of = np.zeros((2, 71))
        for g, own in zip(arm, trial.counts, strict=True):
            of[g] += integrated(own, base, sd_of(t))
        log[place] = log_prior(t) + of[0][:, None] + of[1] - prior
        average = np.exp(log_expit(base[:, None] + sd_of(t) * SCORES)) @ np.exp(LOG_WEIGHTS)
        both[0, place], both[1, place] = average[:, None], average
    density = np.exp(log - log.max())
    density /= density.sum()
    theta = np.stack([*both, both[1] - both[0]])
    exact = (theta * density).sum(axis=(1, 2, 3))
    wide = np.sqrt((theta**2 * density).sum(axis=(1, 2, 3)) - exact**2)
    assert np.abs((mean - exact) / wide).max() < 0.05
    assert sd == pytest.approx(wide, rel=0.03 if clusters == 8 else 0.01)
