"""P(θ_high − θ_low > margin) by exact fractions, by SciPy's quadrature, and at ties."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from oracles import oracle
from scipy.integrate import quad
from scipy.special import betaln
from scipy.stats import beta

from bmco_pymc.trial.claims import thresholds
from bmco_pymc.trial.superiority import NEAR, exceeds, one_superiority, superiority

ODD = [(0.25, 30.0), (30.0, 0.25), (3.7, 0.6), (1.0, 1.0)]


def by_fractions(a: int, b: int, c: int, d: int) -> Fraction:
    """Return P(θ_high > θ_low), whole parameters, from the polynomial that the density is.

    The tail of Beta(a, b) above y is the chance of fewer than a heads in a + b − 1 tosses, a
    polynomial in y; its mean under Beta(c, d) needs moments only.
    """

    def moment(p: int, q: int) -> Fraction:
        """Return E y^p (1 − y)^q under Beta(c, d)."""
        found = Fraction(1)
        for i in range(p):
            found *= Fraction(c + i, c + d + i)
        for j in range(q):
            found *= Fraction(d + j, c + d + p + j)
        return found

    n = a + b - 1
    return sum((math.comb(n, s) * moment(s, n - s) for s in range(a)), Fraction(0))


def by_quadrature(high: tuple[float, float], low: tuple[float, float], margin: float) -> float:
    """Return the same by SciPy, over the eighth root of the distance to either end."""
    (a, b), (c, d) = high, low
    bottom, top = max(0.0, margin), min(1.0, 1.0 + margin)
    half = (top - bottom) / 2

    def left(t: float) -> float:
        x = bottom + half * t**8
        below = beta.cdf(half * t**8 - min(margin, 0.0), c, d)
        return x ** (a - 1) * (1 - x) ** (b - 1) * below * 8 * t**7

    def right(t: float) -> float:
        not_x, not_y = (1 - top) + half * t**8, max(margin, 0.0) + half * t**8
        below = 1 - beta.cdf(not_y, d, c)
        return (1 - not_x) ** (a - 1) * not_x ** (b - 1) * below * 8 * t**7

    parts = [quad(side, 0, 1, epsabs=1e-14, epsrel=1e-13, limit=200) for side in (left, right)]
    total = sum(part[0] for part in parts) * half * math.exp(-betaln(a, b))
    return float(total + (beta.sf(top, a, b) if top < 1 else 0.0))


@pytest.mark.parametrize("name", ["post.beta.1", "post.beta.2"])
def test_numbers_of_other_programs(name: str) -> None:
    given, value, tolerance = oracle(name)
    prior, margin = (given["a"], given["b"]), given.get("margin", 0.0)
    table = superiority(prior, given["nE"], prior, given["nC"], margin)
    assert table[given["sE"], given["sC"]] == pytest.approx(value, abs=tolerance)
    one, other = (
        (given["a"] + given[f"s{g}"], given["b"] + given[f"n{g}"] - given[f"s{g}"]) for g in "EC"
    )
    assert one_superiority(one, other, margin) == pytest.approx(value, abs=tolerance)


@pytest.mark.parametrize(
    ("high", "n_high", "low", "n_low"),
    [((1, 1), 12, (1, 1), 12), ((2, 5), 9, (4, 1), 14), ((1, 3), 1, (1, 1), 20)],
)
def test_whole_parameters_against_exact_fractions(high, n_high, low, n_low) -> None:
    table = superiority(high, n_high, low, n_low)
    assert table.shape == (n_high + 1, n_low + 1)
    exact = [
        [
            float(by_fractions(high[0] + s, high[1] + n_high - s, low[0] + t, low[1] + n_low - t))
            for t in range(n_low + 1)
        ]
        for s in range(n_high + 1)
    ]
    np.testing.assert_allclose(table, exact, rtol=0, atol=1e-12)


def test_hundreds_of_subjects_against_exact_fractions() -> None:
    table = superiority((1, 1), 300, (1, 1), 200)
    for s, t in ((0, 0), (300, 200), (150, 100), (171, 99), (300, 0), (0, 200), (290, 190)):
        exact = float(by_fractions(1 + s, 301 - s, 1 + t, 201 - t))
        assert table[s, t] == pytest.approx(exact, abs=1e-11)


@pytest.mark.parametrize("margin", [0.0, 0.07, -0.07, 0.6, -0.6])
@pytest.mark.parametrize(("high", "low"), list(itertools.permutations(ODD, 2)))
def test_odd_priors_and_margins_against_quadrature(high, low, margin) -> None:
    table = superiority(high, 6, low, 4, margin)
    for s, t in ((0, 0), (6, 4), (0, 4), (6, 0), (3, 2)):
        of_high, of_low = (high[0] + s, high[1] + 6 - s), (low[0] + t, low[1] + 4 - t)
        expected = by_quadrature(of_high, of_low, margin)
        assert table[s, t] == pytest.approx(expected, abs=2e-11)
        assert one_superiority(of_high, of_low, margin) == pytest.approx(expected, abs=2e-11)


@pytest.mark.parametrize("margin", [0.0, 0.1, -0.1])
@pytest.mark.parametrize("shape", [0.02, 0.001])
def test_priors_near_zero_against_a_change_of_variable(shape: float, margin: float) -> None:
    """Mass at distances from 0 and 1 that are no numbers: of Beta(.02, .), 1e-6 below 1e-308."""
    table = superiority((shape, shape), 3, (shape, 2 * shape), 2, margin)
    for s, t in ((0, 0), (3, 2), (0, 2), (3, 0), (1, 1)):
        of_high, of_low = (shape + s, shape + 3 - s), (shape + t, 2 * shape + 2 - t)
        expected = by_powers(of_high, of_low, margin)
        assert table[s, t] == pytest.approx(expected, abs=1e-9)
        assert one_superiority(of_high, of_low, margin) == pytest.approx(expected, abs=1e-9)


def by_powers(high: tuple[float, float], low: tuple[float, float], margin: float) -> float:
    """Return P by integrals over x^a and (1 − x)^b, in which nothing is singular."""
    (a, b), (c, d) = high, low

    def below(log_y: float, p: float, q: float) -> float:
        """Return the distribution function of Beta(p, q) at y."""
        if log_y < -60:  # the first term of the series is all
            return math.exp(p * log_y - math.log(p) - betaln(p, q))
        return float(beta.cdf(math.exp(log_y), p, q))

    def lower(log_x: float, log_not_x: float) -> float:
        """Return P(L < x − m) for x and 1 − x given by their logarithms."""
        if margin == 0:
            return below(log_x, c, d) if log_x < log_not_x else 1 - below(log_not_x, d, c)
        return float(beta.cdf(math.exp(log_x) - margin, c, d))

    def left(v: float) -> float:
        log_x = math.log(v) / a
        x = math.exp(log_x)
        return (1 - x) ** (b - 1) / a * lower(log_x, math.log1p(-x))

    def right(v: float) -> float:
        log_not_x = math.log(v) / b
        rest = math.exp(log_not_x)
        return (1 - rest) ** (a - 1) / b * lower(math.log1p(-rest), log_not_x)

    bottom, top = max(0.0, margin), min(1.0, 1.0 + margin)
    middle = (bottom + top) / 2
    total = beta.sf(top, a, b) if top < 1 else 0.0
    for side, start, end in (
        (left, bottom**a, middle**a),
        (right, (1 - top) ** b, (1 - middle) ** b),
    ):
        for one, other in itertools.pairwise(np.linspace(start, end, 5)):
            part = quad(side, one, other, epsabs=1e-12, epsrel=1e-12, limit=500)[0]
            total += part * math.exp(-betaln(a, b))
    return float(total)


@pytest.mark.parametrize("margin", [0.0, 0.15, -0.15])
@pytest.mark.parametrize("prior", [(1.0, 1.0), (0.25, 30.0), (0.5, 0.5)])
def test_monotone_in_both_counts(prior, margin) -> None:
    table = superiority(prior, 25, (1.0, 2.0), 18, margin)
    assert (np.diff(table, axis=0) >= -1e-12).all()
    assert (np.diff(table, axis=1) <= 1e-12).all()
    assert table[0, -1] < 0.5 < table[-1, 0]


@pytest.mark.parametrize("margin", [0.0, 0.08, -0.3])
def test_one_is_higher_or_the_other(margin: float) -> None:
    """P(H − L > m) + P(L − H > −m) = 1."""
    one = superiority((0.25, 3.0), 14, (2.0, 0.7), 9, margin)
    other = superiority((2.0, 0.7), 9, (0.25, 3.0), 14, -margin)
    np.testing.assert_allclose(one + other.T, 1, rtol=0, atol=2e-11)


def test_a_margin_makes_it_less_likely() -> None:
    tables = [superiority((1, 1), 10, (1, 1), 12, m) for m in (-0.3, -1e-9, 0, 1e-9, 0.3)]
    for wider, narrower in itertools.pairwise(tables):
        assert (wider - narrower > -1e-12).all()
    np.testing.assert_allclose(tables[1], tables[3], rtol=0, atol=1e-7)  # and it is continuous
    assert (tables[0] - tables[4]).max() > 0.5


def test_without_subjects_the_prior_is_left() -> None:
    assert superiority((1, 1), 0, (1, 1), 0).tolist() == [[0.5]]
    np.testing.assert_allclose(
        superiority((3, 2), 0, (1, 1), 1)[0], [float(by_fractions(3, 2, 1, 2)),
                                              float(by_fractions(3, 2, 2, 1))], atol=1e-13
    )  # fmt: skip


# --- ties -----------------------------------------------------------------------------------------


def ties(most: int) -> list[tuple[int, int, int, int, Fraction]]:
    """Return whole parameters whose probability is a decimal of at most three digits above .5."""
    found = []
    for a, b, c, d in itertools.product(range(1, most), repeat=4):
        value = by_fractions(a, b, c, d)
        if 1000 % value.denominator == 0 and Fraction(1, 2) < value < 1:
            found.append((a, b, c, d, value))
    return found


TIES = ties(7)


def test_there_are_ties_to_test() -> None:
    assert len(TIES) > 20
    assert len({value for *_, value in TIES}) > 5


@pytest.mark.parametrize(("a", "b", "c", "d", "value"), TIES)
def test_what_equals_the_cut_off_does_not_exceed_it(a, b, c, d, value) -> None:
    cut = float(value)
    for noise in (-1e-13, 0.0, 1e-13):  # whatever rounding has made of the probability
        assert not exceeds(cut + noise, cut, (a, b), (c, d))
        assert exceeds(cut + noise, float(f"{cut - 1e-12:.12f}"), (a, b), (c, d))
        assert not exceeds(cut + noise, float(f"{cut + 1e-12:.12f}"), (a, b), (c, d))


def test_thresholds_settle_ties_exactly() -> None:
    """Every cell of a table whose probability is a decimal, as the cut-off of the table."""
    n, seen = 5, 0
    exact = {
        (s, t): by_fractions(1 + s, 1 + n - s, 1 + t, 1 + n - t)
        for s in range(n + 1)
        for t in range(n + 1)
    }
    for value in set(exact.values()):
        if not 0 < value < 1 or 10**6 % value.denominator:
            continue
        seen += 1
        takes = thresholds((1, 1), n, (1, 1), n, 0.0, float(value))
        for t in range(n + 1):
            expected = next((s for s in range(n + 1) if exact[s, t] > value), n + 1)
            assert takes[t] == expected
    assert seen > 0


@pytest.mark.parametrize(("alpha", "K"), [(0.2, 3), (0.1, 3), (0.05, 3), (0.05, 6), (0.1, 7)])
def test_cut_offs_that_are_no_decimals(alpha: float, K: int) -> None:
    """1 − α/K is a simple fraction, such as 14/15, though no floating-point number."""
    meant = 1 - Fraction(repr(alpha)) / K
    a, b = meant.numerator, meant.denominator - meant.numerator
    assert by_fractions(a, b, 1, 1) == meant  # a uniform θ is exceeded by the mean of the other
    for noise in (-1e-13, 0.0, 1e-13):
        assert not exceeds(float(meant) + noise, 1 - alpha / K, (a, b), (1, 1))
        assert exceeds(float(meant) + noise, 1 - alpha / K - 1e-12, (a, b), (1, 1))
        assert not exceeds(float(meant) + noise, 1 - alpha / K + 1e-12, (a, b), (1, 1))
    tied = {(3, 0), (12, 7)}  # of 14 and of 12
    for s, t in tied:
        assert by_fractions(1 + s, 15 - s, 1 + t, 13 - t) == Fraction(14, 15)
        takes = thresholds((1, 1), 14, (1, 1), 12, 0.0, 1 - 0.2 / 3)
        assert takes[t] == s + 1


def test_a_value_far_from_the_cut_off_is_believed() -> None:
    assert exceeds(0.95 + 2 * NEAR, 0.95, (1, 1), (1, 1))  # though the true value is .5
    assert not exceeds(0.95 - 2 * NEAR, 0.95, (50, 1), (1, 50))
    # neither fractions nor margins have exact sums
    assert exceeds(0.95 + 1e-13, 0.95, (1.5, 1), (1, 1))
    assert exceeds(0.95 + 1e-13, 0.95, (1, 1), (1, 1), 0.1)
