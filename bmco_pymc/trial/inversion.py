"""The density and the distribution function of a weighted sum of Dirichlet probabilities.

W = Σ v_i φ_i is at most x if Σ (v_i − x) G_i is not positive, with independent gamma variables G_i:
a quadratic form, whose characteristic function is inverted by a sum (Gil-Pelaez 1951,
https://doi.org/10.1093/biomet/38.3-4.481; Imhof 1961, https://doi.org/10.1093/biomet/48.3-4.419).
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bmco_pymc.trial.kinds import halves, states

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

TAIL = 34.0  # minus the logarithm of a probability that is none
STEP = 0.12  # of the integral over u, in a coordinate where its scale is one
AT_ONCE = 1_000_000  # states times frequencies


def distribution(prior: Array, n: int, scores: Array, d: Array) -> tuple[Array, Array]:
    """Return the density and the distribution function of W at x, for each state; shape (S, N).

    Of x, the distances d = v − x to the scores are given, shape (r, N).

    With the characteristic function c(u) = Π (1 − i u d_i)^(−α_i) and d_i = v_i − x, the
    distribution function is ½ − ∫ Im c(u) / (π u) du over u > 0, and the density is the integral of
    the real part of c(u) Σ α_i / (1 − i u d_i), over π. The integrands are even and analytic, so
    that the trapezoidal rule converges exponentially. For all states together, c is a product of
    one factor for half of the kinds and another for the rest: sums over u are matrix products.
    """
    half = len(scores) // 2
    every, ways = states(n, len(scores)), list(halves(n, half, len(scores) - half))
    density, lower = np.zeros((2, len(every), d.shape[1]))

    def work(place: int) -> None:
        f, F = density[:, place], lower[:, place]
        _invert(prior, n, d[:, place], ways, every, f, F)

    # The products are small: threads in one of them would wait for each other.
    threads = min(os.cpu_count() or 1, 8)
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(d.shape[1])))  # a list, so that errors are raised here
    return density, lower


def _invert(
    prior: Array,
    n: int,
    d: Array,
    ways: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    every: NDArray[np.int64],
    f: Array,
    F: Array,
) -> None:
    """Put the density and the distribution function at one x, with d = v − x, into f and F (S,)."""
    if d[0] <= 0 or d[-1] >= 0:
        F[:] = float(d[0] <= 0)
        return
    alpha = every + prior
    u, du = _frequencies(prior, n, d)
    term = 1 / (1 - 1j * u * d[:, None])  # (r, U)
    powers = np.exp((prior[:, None] + np.arange(n + 1))[..., None] * np.log(term)[:, None])
    if len(f) * len(u) < AT_ONCE:  # one product of all is quicker than many small ones
        c = _product(powers, every)
        F[:] = 0.5 - (c @ (du / u)).imag / np.pi
        f[:] = ((c * (alpha @ term)) @ du).real / np.pi
    else:
        half = ways[0][0].shape[1]
        a, b = (np.concatenate(part) for part in zip(*ways, strict=True))
        one, other = _product(powers[:half], a), _product(powers[half:], b) * du
        more = one * ((a + prior[:half]) @ term[:half])
        rest = other * ((b + prior[half:]) @ term[half:])
        over = other / u
        i = j = start = 0
        for some, others in ways:
            rows, columns = slice(i, i := i + len(some)), slice(j, j := j + len(others))
            both = slice(start, start := start + len(some) * len(others))
            F[both] = 0.5 - (one[rows] @ over[columns].T).imag.ravel() / np.pi
            found = one[rows] @ rest[columns].T + more[rows] @ other[columns].T
            f[both] = found.real.ravel() / np.pi
    first, second = alpha @ d, alpha @ d**2
    far = np.flatnonzero(first**2 > TAIL * second)
    none = far[_tail(alpha[far], d) < -TAIL]
    f[none], F[none] = 0.0, first[none] < 0


def _product(powers: Complex, counts: NDArray[np.int64]) -> Complex:
    """Return the product over kinds of their factor for the counts, (S, kinds): shape (S, U)."""
    found = powers[0][counts[:, 0]]
    for kind in range(1, counts.shape[1]):
        found = found * powers[kind][counts[:, kind]]
    return found


def _frequencies(prior: Array, n: int, d: Array) -> tuple[Array, Array]:
    """Return u and its weights for the integrals at one x.

    In the coordinate w with u = s sinh(w), steps are narrow where the integrand oscillates and wide
    along its tail, for the widest and the narrowest state at once.
    """
    extremes = prior + n * np.eye(len(d))  # all subjects of one kind, a state a row
    scale = 0.5 / math.sqrt((extremes @ d**2).max())
    powers = scale * 2.0 ** np.arange(400)
    sizes = 0.5 * extremes @ np.log1p((powers * d[:, None]) ** 2)  # (r, 400)
    enough = (sizes > TAIL).all(axis=0)
    end = math.asinh(powers[int(np.argmax(enough))] / scale)
    count = math.ceil(end / STEP)
    w = (np.arange(count) + 0.5) * (end / count)
    return scale * np.sinh(w), scale * np.cosh(w) * (end / count)


def _tail(alpha: Array, d: Array) -> Array:
    """Return a bound of the logarithm of the probability on the side of x where the mean is not.

    Chernoff's: Σ d_i G_i is beyond 0 with probability at most Π (1 − λ d_i)^(−α_i), for each λ on
    that side.
    """
    slope = -(alpha @ d) / (alpha @ d**2)  # (S,), the best one for a normal variable
    slope = np.clip(slope, 0.8 / d[-1], 0.8 / d[0])
    return -(alpha * np.log1p(-slope[:, None] * d)).sum(1)
