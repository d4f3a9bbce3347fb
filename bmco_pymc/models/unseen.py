r"""Draw again, exactly, what the data do not speak of where whole clusters are randomised.

With a random intercept and a random coefficient of the group, a cluster has a deviation in each arm
for every logit, of which its data see one. With the deviations of the control first, write

.. math:: \Sigma = \begin{pmatrix} A & C \\ C' & B \end{pmatrix}, \qquad
          w_j = (w_{0j}, w_{1j}) \sim N(0, \Sigma).

The likelihood depends on A, B and the deviations seen. Given these, C follows the prior alone, and
a deviation that was not seen the normal distribution given the one that was. NUTS walks slowly
through both; here each of its draws gets new ones from these distributions, so it stays a draw from
the same posterior, and depends on its neighbours through A and B only.

C is drawn row by row. All priors have a density :math:`|\Sigma|^{\eta-1}` times a function of the
entry of a row that belongs to the row's own logit. Given the other rows, :math:`|\Sigma|` is
:math:`1 - y'y` for a linear function y of the row, whose first number y_1 stands for that entry:
y_1 has a density on (-1, 1), the others given y_1 are those of a ball (Pearson type II). With one
logit in a block, y_1 is the correlation of the two arms and that is all; with L logits the rows,
then the columns are drawn in turn (Gibbs), starting from the draw of NUTS.

Smallest ESS of 4000 draws without and with it, simulated studies: 620-1452 and 1387-2354 with an
inverse-Wishart, nu = 6 (six studies); 389-2986 and 1011-3015 with the recommended prior (fifteen),
the four lowest 389, 653, 920, 1356 and 1342, 1011, 1223, 2120. With an LKJ prior for each logit, or
bmco's inverse-Wishart, the smallest is that of a variance near zero, which the data do inform: it
stays, and only the rest gains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.models.spread import is_joint
from bmco_pymc.priors.contrasts import logits_of
from bmco_pymc.priors.priors import LKJ, Exponential, HalfNormal, HalfStudentT, InverseWishart

if TYPE_CHECKING:
    from bmco_pymc.models.logit import MultinomialLogit

type Array = NDArray[np.float64]

FAR = 18.0  # atanh of the largest correlation: 1 - 5e-16
POINTS = 121  # of the grid on which a density is drawn from
AT_ONCE = 4000  # draws times logits, for the memory


def redraw(model: MultinomialLogit, draws: Mapping[str, Array], seed: int) -> dict[str, Array]:
    """Return posterior draws with the part that the data do not inform drawn again.

    Parameters
    ----------
    model : MultinomialLogit
    draws : mapping of str to ndarray, shape (chain, draw, ...)
        Named and shaped as in ``model.parameters``.
    seed : int
        Of the fit.

    Returns
    -------
    dict of str to ndarray
        With other ``Sigma`` and ``gamma_cluster``, in which A, B and the linear predictors of the
        data are what they were; the same where the data inform everything.
    """
    arms = seen_directions(model)
    if arms is None:
        return dict(draws)
    sizes = draws["Sigma"].shape[:2]
    named = {name: draws[name] for name in ("gamma", "gamma_cluster", "Sigma")}
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in named.items()}
    finite = [np.isfinite(x).all(axis=tuple(range(1, x.ndim))) for x in flat.values()]
    good = np.flatnonzero(np.all(finite, axis=0))
    Sigma, gamma_cluster = flat["Sigma"].copy(), flat["gamma_cluster"].copy()
    rng = np.random.default_rng([seed, 3])
    n_parts = 1 + len(good) * Sigma.shape[1] // AT_ONCE
    for part in np.array_split(good, n_parts):
        around = gamma_cluster[part] - flat["gamma"][part, None]
        Sigma[part], around = _redrawn(model, arms, Sigma[part], around, rng)
        gamma_cluster[part] = flat["gamma"][part, None] + around
    new = {"Sigma": Sigma, "gamma_cluster": gamma_cluster}
    return {**draws, **{name: x.reshape(*sizes, *x.shape[1:]) for name, x in new.items()}}


def seen_directions(model: MultinomialLogit) -> Array | None:
    """Return z of the control and of the treatment, (2, 2); None if the data see more than these.

    That is where a cluster holds subjects of both groups, or its subjects differ in z.
    """
    cells, terms = model.cells, model.terms
    if len(terms.random) != 2 or not cells.one_group_clusters:
        return None
    _, Z = terms.matrices(cells.frame, cells.arm)
    found = np.empty((2, 2))
    for arm in (0, 1):
        rows = Z[cells.arm == arm]
        found[arm] = rows[np.abs(rows).sum(axis=1).argmax()]
        across = rows @ np.array([-found[arm, 1], found[arm, 0]])
        if np.abs(across).max() > 1e-9 * (found[arm] ** 2).sum():
            return None
    size = np.linalg.norm(found, axis=1).prod()
    return found if abs(np.linalg.det(found)) > 1e-9 * size else None


def _redrawn(
    model: MultinomialLogit, arms: Array, Sigma: Array, around: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return Sigma (S, ...) and deviations (S, J, p, L) with new unseen parts."""
    prior, S, J, L = model.priors.Sigma, len(Sigma), around.shape[1], around.shape[3]
    joint = is_joint(prior)
    m = L if joint else 1  # logits in a block; blocks and draws are alike
    T = logits_of(model.priors.contrasts, L + 1) if joint else np.eye(1)
    inward = np.kron(arms, np.linalg.inv(T))  # (2 m, 2 m): the control's deviations first
    both = Sigma.reshape(-1, m, 2, m, 2).transpose(0, 2, 1, 4, 3).reshape(-1, 2 * m, 2 * m)
    both = inward @ both @ inward.T
    A, C, B = both[:, :m, :m], both[:, :m, m:], both[:, m:, m:]
    if isinstance(prior, InverseWishart):
        nu, scale = prior.resolve("Sigma", model.terms.random)
        C = _wishart_cross(A, C, B, nu, arms @ scale @ arms.T, rng)
    else:
        basis = np.linalg.inv(arms @ prior.resolve("Sigma", model.terms.random))
        C = _lkj_rows(A, C, B, prior, basis, rng)
        if m > 1:  # the columns: the same with the arms exchanged
            turned = _lkj_rows(B, C.swapaxes(1, 2), A, prior, basis[:, ::-1], rng)
            C = turned.swapaxes(1, 2)
    # deviations of each arm, (N, J, 2, m): logits of a block last
    w = around.transpose(0, 3, 1, 2).reshape(-1, m, J, 2).transpose(0, 2, 3, 1)
    w = (w.reshape(-1, J, 2 * m) @ inward.T).reshape(-1, J, 2, m)
    treated = np.zeros(J, dtype=bool)
    treated[model.cells.cluster] = model.cells.arm == 1
    w[:, ~treated, 1] = _unseen(A, C, B, w[:, ~treated, 0], rng)
    w[:, treated, 0] = _unseen(B, C.swapaxes(1, 2), A, w[:, treated, 1], rng)
    outward = np.linalg.inv(inward)
    both = outward @ np.block([[A, C], [C.swapaxes(1, 2), B]]) @ outward.T
    Sigma = both.reshape(-1, 2, m, 2, m).transpose(0, 2, 1, 4, 3).reshape(Sigma.shape)
    w = (w.reshape(-1, J, 2 * m) @ outward.T).reshape(-1, J, 2, m)
    return Sigma, w.transpose(0, 3, 1, 2).reshape(S, L, J, 2).transpose(0, 2, 3, 1)


def _unseen(A: Array, C: Array, B: Array, seen: Array, rng: np.random.Generator) -> Array:
    """Draw deviations with covariance B given those (N, J, m) with covariance A."""
    slope = np.linalg.solve(A, C)  # (N, m, m)
    root = _root(B - C.swapaxes(1, 2) @ slope)
    return seen @ slope + rng.standard_normal(seen.shape) @ root.swapaxes(1, 2)


def _wishart_cross(
    A: Array, C: Array, B: Array, nu: float, scale: Array, rng: np.random.Generator
) -> Array:
    """Draw C (N, 1, 1) given A and B under an inverse-Wishart prior with scale (2, 2) of the arms.

    The density of s = atanh(correlation) is cosh(s)^(nu + 1) exp(-tr(scale Sigma^-1) / 2).
    """
    size = np.sqrt(A * B)[:, 0]  # (N, 1)
    middle, off = scale[0, 0] / A[:, 0] + scale[1, 1] / B[:, 0], 2 * scale[0, 1] / size

    def log_density(s: Array) -> Array:
        trace = (middle - off) * np.exp(2 * s) + (middle + off) * np.exp(-2 * s)
        return -(nu + 1) / 2 * _log_rest(s) - trace / 8

    return (size * np.tanh(_draw(log_density, _atanh(C[:, 0] / size), rng)))[:, None]


def _lkj_rows(
    A: Array, C: Array, B: Array, prior: LKJ, basis: Array, rng: np.random.Generator
) -> Array:
    """Draw each row of C (N, m, m) given A, B and the other rows under an LKJ prior.

    ``basis`` (2, 2) turns the deviations of the arms into those that the SDs are of: the density of
    Sigma is |Sigma|^(eta - 1) times p(sd) sd^-(d + 2 eta - 2) for each of the d = 2 m SDs.
    """
    N, m = C.shape[:2]
    power = m + prior.eta - 1
    C = C.copy()
    for i in range(m):
        rest = np.delete(np.arange(m), i)
        slope = np.linalg.solve(A[:, rest][:, :, rest], A[:, rest, i][..., None])  # (N, m - 1, 1)
        size = np.sqrt(np.maximum(A[:, i, i] - (A[:, i, rest] * slope[..., 0]).sum(axis=1), 0))
        centre = (C[:, rest] * slope).sum(axis=1)  # (N, m)
        left = B - C[:, rest].swapaxes(1, 2) @ np.linalg.solve(A[:, rest][:, :, rest], C[:, rest])
        step = size[:, None] * left[:, i] / np.sqrt(left[:, i, i])[:, None]  # row per y_1
        total = basis[:, 0] ** 2 * A[:, i, i, None] + basis[:, 1] ** 2 * B[:, i, i, None]  # (N, 2)
        middle = total + 2 * basis.prod(axis=1) * centre[:, i, None]
        half = 2 * basis.prod(axis=1) * step[:, i, None]
        low, high = (np.maximum(x, 1e-15 * total) for x in (middle - half, middle + half))

        def log_density(s: Array, low: Array = low, high: Array = high) -> Array:
            value = (prior.eta + (m - 1) / 2) * _log_rest(s)
            up = 1 / (1 + np.exp(-2 * s))  # (1 + y_1) / 2
            down = 1 / (1 + np.exp(2 * s))
            for k in (0, 1):
                variance = low[:, k, None] * down + high[:, k, None] * up
                value += _log_sd(prior.sd, variance) - power * np.log(variance)
            return value

        start = _atanh((C[:, i, i] - centre[:, i]) / step[:, i])[:, None]
        s = _draw(log_density, start, rng)
        C[:, i] = centre + np.tanh(s) * step
        if m > 1:
            schur = left[:, rest][:, :, rest]
            column, row = left[:, rest, i, None], left[:, None, i, rest]
            schur = schur - column * row / left[:, i, i, None, None]
            z = rng.standard_normal((N, m - 1))
            z *= np.sqrt(rng.beta((m - 1) / 2, prior.eta, N) / (z**2).sum(axis=1))[:, None]
            z *= size[:, None] / np.cosh(s)
            C[:, i, rest] += (_root(schur) @ z[..., None])[..., 0]
    return C


def _draw(log_density: Callable[[Array], Array], start: Array, rng: np.random.Generator) -> Array:
    """Return draws (N, 1) from densities on the line, given a draw of each.

    A Metropolis step leaves the density what it is, however coarse the grid. Its proposal is a
    polygon through the density on a grid that covers its mass, so nearly all are accepted and the
    start is forgotten.
    """
    low, high = np.full_like(start, -FAR), np.full_like(start, FAR)
    for points in (37, 37, POINTS):
        step = (high - low) / (points - 1)
        grid = low + step * np.arange(points)
        height = log_density(grid)
        top = height.max(axis=1, keepdims=True)
        mass = height > top - 35
        first, last = mass.argmax(axis=1), points - 1 - mass[:, ::-1].argmax(axis=1)
        low = np.take_along_axis(grid, np.maximum(first - 1, 0)[:, None], 1)
        high = np.take_along_axis(grid, np.minimum(last + 1, points - 1)[:, None], 1)
    height = np.exp(height - top)
    share = np.cumsum(height[:, 1:] + height[:, :-1], axis=1)
    target = rng.random(start.shape) * share[:, -1:]
    cell = np.minimum((share < target).sum(axis=1, keepdims=True), points - 2)
    a, b = (np.take_along_axis(height, cell + side, 1) for side in (0, 1))
    within = (np.take_along_axis(share, cell, 1) - target) / (a + b)  # 1 - the share of the cell
    within = (1 - within) * (a + b) / (a + np.sqrt(a**2 + (1 - within) * (b**2 - a**2)))
    new = grid[:, :1] + step * (cell + within)

    def ratio(s: Array) -> Array:
        """Density over proposal, up to a factor."""
        place = (s - grid[:, :1]) / step
        cell = np.clip(np.floor(place), 0, points - 2).astype(int)
        a, b = (np.take_along_axis(height, cell + side, 1) for side in (0, 1))
        inside = (place >= 0) & (place <= points - 1)
        polygon = np.where(inside, a + (b - a) * (place - cell), np.inf)
        return np.exp(log_density(s) - top) / polygon

    # a start that is off the grid, as one in 1e15 is, has ratio 0 and moves
    accept = rng.random(start.shape) * ratio(start) < ratio(new)
    return np.where(accept, new, start)


def _log_rest(s: Array) -> Array:
    """Return log(1 - tanh(s)^2)."""
    return 2 * (np.log(2) - np.abs(s) - np.log1p(np.exp(-2 * np.abs(s))))


def _atanh(y: Array) -> Array:
    return np.arctanh(np.clip(y, -np.tanh(FAR), np.tanh(FAR)))


def _log_sd(prior: HalfNormal | Exponential | HalfStudentT, variance: Array) -> Array:
    """Return the log density of an SD, up to a constant, from its square."""
    match prior:
        case HalfNormal(sigma):
            return -variance / (2 * sigma**2)
        case HalfStudentT(nu, sigma):
            return -(nu + 1) / 2 * np.log1p(variance / (nu * sigma**2))
        case Exponential(scale):
            return -np.sqrt(variance) / scale


def _root(covariance: Array) -> Array:
    """Return R with R R' = covariance (N, m, m), on the border of the positive definite too."""
    if covariance.shape[1] == 1:
        return np.sqrt(np.maximum(covariance, 0))
    value, vector = np.linalg.eigh(covariance)
    return vector * np.sqrt(np.maximum(value, 0))[:, None]
