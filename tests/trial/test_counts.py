"""Tables of counts against enumeration of all subjects, or of all ways to have the patterns."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import betabinom, multinomial

from bmco_pymc import patterns
from bmco_pymc.trial.counts import beta_binomial, count_table, predictive_table
from bmco_pymc.trial.kinds import Kinds

PHI = {
    1: [0.3, 0.7],
    2: [0.35, 0.05, 0.2, 0.4],
    3: [0.20, 0.02, 0.13, 0.07, 0.18, 0.11, 0.05, 0.24],
}


def compositions(n: int, parts: int) -> NDArray[np.int64]:
    """Return all ways to have n subjects in so many patterns."""
    ways = (c for c in itertools.product(range(n + 1), repeat=parts - 1) if sum(c) <= n)
    return np.array([(*c, n - sum(c)) for c in ways])


def by_subjects(n: int, phi: list[float], kinds: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return the table by going through the patterns of every single subject."""
    table = np.zeros((n + 1,) * kinds.shape[1])
    for those in itertools.product(range(len(phi)), repeat=n):
        place = tuple(kinds[list(those)].sum(axis=0, dtype=int)) if n else (0,) * kinds.shape[1]
        table[place] += math.prod(phi[q] for q in those)
    return table


def by_patterns(
    n: int, mass: NDArray[np.float64], ways: NDArray[np.int64], kinds: NDArray[np.int8]
) -> NDArray[np.float64]:
    """Return the table that the probabilities of all pattern counts add up to."""
    table = np.zeros((n + 1,) * kinds.shape[1])
    np.add.at(table, tuple((ways @ kinds.astype(int)).T), mass)
    return table


@pytest.mark.parametrize(("K", "n"), [(1, 0), (1, 7), (2, 0), (2, 1), (2, 5), (3, 1), (3, 4)])
def test_successes_against_all_subjects(K: int, n: int) -> None:
    bits = patterns.bits(K)
    found = count_table(n, PHI[K], bits)
    assert found.shape == (n + 1,) * K
    np.testing.assert_allclose(found, by_subjects(n, PHI[K], bits), rtol=0, atol=1e-15)


@pytest.mark.parametrize(("K", "n"), [(1, 40), (2, 25), (3, 9)])
def test_successes_against_all_pattern_counts(K: int, n: int) -> None:
    bits, ways = patterns.bits(K), compositions(n, 2**K)
    expected = by_patterns(n, multinomial.pmf(ways, n, PHI[K]), ways, bits)
    np.testing.assert_allclose(count_table(n, PHI[K], bits), expected, rtol=0, atol=2e-15)


@pytest.mark.parametrize(
    ("K", "scores", "n"),
    [(2, [1, 0.5, 0.5, 0], 12), (2, [1, 0.75, 0.25, 0], 9), (3, [3, 2, 2, 1, 2, 1, 1, 0], 6)],
)
def test_kinds_against_all_pattern_counts(K: int, scores: list[float], n: int) -> None:
    kinds, ways = Kinds.of(scores).counted, compositions(n, 2**K)
    expected = by_patterns(n, multinomial.pmf(ways, n, PHI[K]), ways, kinds)
    np.testing.assert_allclose(count_table(n, PHI[K], kinds), expected, rtol=0, atol=2e-15)


@pytest.mark.parametrize("n", [1, 30, 181])
def test_margins_are_binomial(n: int) -> None:
    table = count_table(n, PHI[2], patterns.bits(2))
    for axis, theta in ((1, 0.4), (0, 0.55)):
        s = np.arange(n + 1)
        ways = gammaln(n + 1) - gammaln(s + 1) - gammaln(n - s + 1)
        expected = np.exp(ways + s * np.log(theta) + (n - s) * np.log(1 - theta))
        np.testing.assert_allclose(table.sum(axis=axis), expected, rtol=0, atol=1e-13)


def test_a_pattern_that_never_occurs() -> None:
    table = count_table(6, [0.5, 0.0, 0.0, 0.5], patterns.bits(2))  # outcomes are the same
    assert np.abs(table[~np.eye(7, dtype=bool)]).max() < 1e-15
    np.testing.assert_allclose(np.diag(table), [math.comb(6, s) / 64 for s in range(7)], atol=1e-15)


def test_nothing_counted() -> None:
    assert count_table(5, PHI[1], np.zeros((2, 0), dtype=np.int8)).tolist() == 1.0


# --- predictive -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "alpha"),
    [
        (11, [0.7, 2.5]),
        (9, [0.5, 3, 0.25, 1.5]),
        (1, [4, 3, 2, 1]),
        (6, [0.25, 1, 2, 0.5, 3, 0.1, 1.2, 0.7]),
    ],
)
def test_predictive_against_all_pattern_counts(n: int, alpha: list[float]) -> None:
    """The Dirichlet-multinomial distribution is written down, and summed over pattern counts."""
    a, ways = np.array(alpha), compositions(n, len(alpha))
    log = gammaln(n + 1) - gammaln(ways + 1).sum(1) + gammaln(a.sum()) - gammaln(n + a.sum())
    log += (gammaln(ways + a) - gammaln(a)).sum(1)
    expected = by_patterns(n, np.exp(log), ways, patterns.bits(len(alpha).bit_length() - 1))
    np.testing.assert_allclose(predictive_table(n, alpha), expected, rtol=0, atol=1e-14)


def test_predictive_averages_tables_over_the_distribution_of_phi() -> None:
    """Of all numbers, those that a mean of count tables over draws of φ comes to."""
    alpha, n, draws = np.array([2.0, 0.6, 1.1, 3.0]), 3, 4000
    rng = np.random.default_rng(5)
    tables = np.array(
        [count_table(n, phi, patterns.bits(2)) for phi in rng.dirichlet(alpha, draws)]
    )
    error = tables.std(axis=0) / math.sqrt(draws)
    assert (np.abs(tables.mean(axis=0) - predictive_table(n, alpha)) < 4.5 * error).all()


@pytest.mark.parametrize("n", [0, 1, 60])
def test_predictive_sums_to_one_and_has_beta_binomial_margins(n: int) -> None:
    alpha = np.array([9.0, 6.0, 0.5, 4.0])
    table = predictive_table(n, alpha)
    assert table.shape == (n + 1, n + 1)
    assert table.sum() == pytest.approx(1, abs=1e-12)
    for axis, a, b in ((1, 15.0, 4.5), (0, 9.5, 10.0)):
        expected = betabinom.pmf(np.arange(n + 1), n, a, b)
        np.testing.assert_allclose(table.sum(axis=axis), expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(beta_binomial(n, a, b), expected, rtol=0, atol=1e-12)


def test_nobody_has_no_successes() -> None:
    for K in (1, 2, 3):
        assert predictive_table(0, np.ones(2**K)).shape == (1,) * K
        assert predictive_table(0, np.ones(2**K)).sum() == 1
        assert count_table(0, PHI[K], patterns.bits(K)).ravel().tolist() == [1.0]
