"""Sets of claims: against other programs, against enumeration of counts, and how they include."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import oracle
from scipy.stats import beta, binom

from bmco_pymc import patterns
from bmco_pymc.trial.claims import at_least, claim_table, needed, thresholds
from bmco_pymc.trial.counts import count_table, predictive_table

FLAT = (1.0, 1.0)
Array = NDArray[np.float64]


def phi_of(theta: list[float], rho: float) -> Array:
    """Return φ of two outcomes, from the definition of the correlation."""
    a, b = theta
    both = a * b + rho * np.sqrt(a * (1 - a) * b * (1 - b))
    return np.array([both, a - both, b - both, 1 - a - b + both])


def tables(given: dict[str, Any]) -> tuple[Array, Array]:
    """Return the distributions of successes of treatment and control that an oracle is about."""
    found = []
    for g in "EC":
        if "phiE" in given:
            phi = np.array(given[f"phi{g}"])
        elif len(given["tE"]) == 1:
            phi = np.array([given[f"t{g}"][0], 1 - given[f"t{g}"][0]])
        else:
            phi = phi_of(given[f"t{g}"], given["rho" if "rho" in given else f"rho{g}"])
        found.append(count_table(given[f"n{g}"], phi, patterns.bits(given["K"])))
    return found[0], found[1]


def power(claims: Array, at_least: int) -> float:
    bits = patterns.bits(len(claims).bit_length() - 1)
    return float(claims[bits.sum(axis=1) >= at_least].sum())


@pytest.mark.parametrize(
    ("name", "shares"),
    [
        *((f"bmvb.all.{n}", 1) for n in ("105", "103", "101", "uneq", "ni", "left")),
        *((f"bmvb.any.{n}", 2) for n in (47, 53, 60)),
        ("bmvb.null.all", 1),
        ("bmvb.null.any", 2),
        ("bmvb.k1", 1),
        ("bmvb.k3.all", 1),
        ("bmvb.k3.any", 3),
    ],
)
def test_numbers_of_other_programs(name: str, shares: int) -> None:
    given, value, tolerance = oracle(name)
    high, low = tables(given)
    if given.get("direction") == "left":
        high, low = low, high
    K, prior = given["K"], given["prior"] * 2 ** (given["K"] - 1)
    takes = [
        thresholds((prior, prior), len(high) - 1, (prior, prior), len(low) - 1, m, cut)
        for m in given.get("margin", [0.0] * K)
        for cut in [1 - given["alpha"] / shares]
    ]
    claims = claim_table(takes, high, low)
    assert claims.sum() == pytest.approx(1, abs=1e-12)
    assert power(claims, K if shares == 1 else 1) == pytest.approx(value, abs=tolerance)


def test_assurance_of_another_program() -> None:
    given, value, tolerance = oracle("assurance")
    high = predictive_table(given["nE"], given["designE"])
    low = predictive_table(given["nC"], given["designC"])
    for wanted, shares, number in zip(value, (1, 2), (2, 1), strict=True):
        cut = 1 - given["alpha"] / shares
        takes = [thresholds(FLAT, given["nE"], FLAT, given["nC"], 0.0, cut)] * 2
        assert power(claim_table(takes, high, low), number) == pytest.approx(wanted, abs=tolerance)


@pytest.mark.parametrize("name", ["chisq.50.50", "chisq.80.80", "chisq.100.50"])
def test_another_way_to_decide_is_contracted_as_well(name: str) -> None:
    """The one-sided pooled chi-squared test of twoCoprimary."""
    given, value, tolerance = oracle(name)
    n, m = given["nE"], given["nC"]
    s, t = np.arange(n + 1)[:, None], np.arange(m + 1)[None]
    pooled = (s + t) / (n + m)
    variance = pooled * (1 - pooled) * (1 / n + 1 / m)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (s / n - t / m) / np.sqrt(variance)
    above = np.nan_to_num(z, nan=0.0) > 1.959963984540054
    # as a function of the counts it need not be a staircase for all of t, but is along s
    assert (np.diff(above.astype(int), axis=0) >= 0).all()
    high, low = tables(given | {"K": 2})
    claims = claim_table([needed(above)] * 2, high, low)
    assert power(claims, 2) == pytest.approx(value, abs=tolerance)


# --- by enumeration -------------------------------------------------------------------------------


def claimed(s: int, t: int, n: int, m: int, margin: float, cut: float) -> bool:
    """Return whether an outcome is claimed, by a sum over a fine grid of the other θ."""
    y = (np.arange(20_000) + 0.5) / 20_000
    weight = beta.pdf(y, 1 + t, 1 + m - t)
    exceeds = beta.sf(y + margin, 1 + s, 1 + n - s)
    return float((weight * exceeds).sum() / weight.sum()) > cut


@pytest.mark.parametrize("K", [1, 2, 3])
@pytest.mark.parametrize(("margin", "cut"), [(0.0, 0.8), (-0.2, 0.9), (0.1, 0.6)])
def test_sets_of_claims_against_enumeration(K: int, margin: float, cut: float) -> None:
    n, m = 4, 3
    rng = np.random.default_rng(K)
    high = count_table(n, rng.dirichlet(np.ones(2**K)), patterns.bits(K))
    low = count_table(m, rng.dirichlet(np.ones(2**K)), patterns.bits(K))
    margins = [margin / (k + 1) for k in range(K)]
    says = [
        [[claimed(s, t, n, m, margins[k], cut) for t in range(m + 1)] for s in range(n + 1)]
        for k in range(K)
    ]
    expected = dict.fromkeys(itertools.product((1, 0), repeat=K), 0.0)
    for s in itertools.product(range(n + 1), repeat=K):
        for t in itertools.product(range(m + 1), repeat=K):
            those = tuple(int(says[k][s[k]][t[k]]) for k in range(K))
            expected[those] += high[s] * low[t]
    assert sum(value > 0.01 for value in expected.values()) > 1  # something is at stake
    takes = [thresholds(FLAT, n, FLAT, m, margins[k], cut) for k in range(K)]
    found = claim_table(takes, high, low)
    np.testing.assert_allclose(found, list(expected.values()), rtol=0, atol=1e-14)


@pytest.mark.parametrize("seed", range(4))
def test_all_within_each_within_any(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m, K = 30, 22, 3
    high = count_table(n, rng.dirichlet(np.full(8, 2.0)), patterns.bits(K))
    low = count_table(m, rng.dirichlet(np.full(8, 2.0)), patterns.bits(K))
    takes = [thresholds(FLAT, n, FLAT, m, margin, 0.9) for margin in (0.0, -0.1, 0.05)]
    claims = claim_table(takes, high, low)
    assert claims.sum() == pytest.approx(1, abs=1e-12)
    powers = [power(claims, j) for j in (1, 2, 3)]
    assert powers[0] >= powers[1] >= powers[2]
    for k in range(K):
        # by itself, from binomial distributions
        others = tuple(a for a in range(K) if a != k)
        tail = np.append(np.cumsum(high.sum(axis=others)[::-1])[::-1], 0.0)
        alone = float(tail[takes[k]] @ low.sum(axis=others))
        of_sets = float(claims[patterns.bits(K)[:, k] == 1].sum())
        assert of_sets == pytest.approx(alone, abs=1e-12)
        assert powers[2] <= alone + 1e-12
        assert alone <= powers[0] + 1e-12


def test_independent_outcomes_multiply() -> None:
    """Where outcomes are independent, so are claims, given the margins of the tables alone."""
    n, m, cut = 17, 24, 0.95
    rates = [(0.7, 0.3), (0.45, 0.5)]
    high, low = (
        np.multiply.outer(*(binom.pmf(np.arange(size + 1), size, pair[g]) for pair in rates))
        for g, size in enumerate((n, m))
    )
    takes = [thresholds(FLAT, n, FLAT, m, 0.0, cut), thresholds((2, 3), n, (0.5, 4), m, 0.1, cut)]
    one, two = (
        sum(binom.pmf(t, m, pair[1]) * binom.sf(take[t] - 1, n, pair[0]) for t in range(m + 1))
        for pair, take in zip(rates, takes, strict=True)
    )
    expected = [one * two, one * (1 - two), (1 - one) * two, (1 - one) * (1 - two)]
    np.testing.assert_allclose(claim_table(takes, high, low), expected, rtol=0, atol=1e-13)


def test_what_it_takes() -> None:
    above = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0]], dtype=bool)
    assert needed(above).tolist() == [1, 2, 3]  # 3: more than two subjects can have
    takes = thresholds(FLAT, 20, FLAT, 15, 0.0, 0.95)
    assert (np.diff(takes) >= 0).all()
    assert takes.max() <= 21
    stricter = thresholds(FLAT, 20, FLAT, 15, 0.0, 0.99)
    assert (stricter >= takes).all()
    assert (stricter > takes).any()


def test_at_least() -> None:
    table = np.arange(1.0, 7.0).reshape(2, 3)
    found = at_least(table)
    assert found.shape == (3, 4)
    for s, t in itertools.product(range(3), range(4)):
        assert found[s, t] == table[s:, t:].sum()
