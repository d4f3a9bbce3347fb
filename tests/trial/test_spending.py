"""Spending functions and sequential bounds: against rpact, published tables and simulation."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import oracle
from scipy.integrate import quad
from scipy.stats import norm

from bmco_pymc.errors import InputError
from bmco_pymc.trial import bounds
from bmco_pymc.trial.bounds import boundaries, constant_boundary, crossing
from bmco_pymc.trial.spending import HSD, OBrienFleming, Pocock, Spending

FUNCTIONS: list[Spending] = [HSD(), HSD(0), HSD(1), HSD(30), HSD(-30), Pocock(), OBrienFleming()]
UNEVEN = [0.01, 0.5, 0.51, 0.52, 0.9]  # a first look that is tiny, others that are close, no last


def equal(k: int) -> NDArray[np.float64]:
    """Return the fractions of k equal looks."""
    return np.arange(1, k + 1) / k


# --- spending functions ---------------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS, ids=repr)
def test_spending_rises_from_little_to_alpha(function: Spending) -> None:
    spent = function.spent(np.linspace(0.001, 1, 1000), alpha=0.05)
    assert (spent >= 0).all()
    assert (np.diff(spent) >= 0).all()
    assert spent[-1] == pytest.approx(0.05, rel=1e-14)
    assert spent[0] <= HSD(30).spent(0.001, 0.05)


def test_spending_by_its_formulas() -> None:
    t, alpha = np.array([0.2, 0.5, 0.9]), 0.025
    hsd = alpha * (1 - np.exp(4 * t)) / (1 - math.exp(4))
    np.testing.assert_allclose(HSD(-4).spent(t, alpha), hsd, rtol=1e-13)
    pocock = alpha * np.log(1 + (math.e - 1) * t)
    np.testing.assert_allclose(Pocock().spent(t, alpha), pocock, rtol=1e-13)
    of = 2 * norm.sf(norm.isf(alpha / 2) / np.sqrt(t))
    np.testing.assert_allclose(OBrienFleming().spent(t, alpha), of, rtol=1e-13)


@pytest.mark.parametrize("gamma", [0, 1e-12, -1e-12, 5e-324, -1e-300])
def test_hsd_is_linear_at_zero(gamma: float) -> None:
    t = np.array([[0.1, 0.3], [0.7, 1.0]])
    np.testing.assert_allclose(HSD(gamma).spent(t, 0.05), 0.05 * t, rtol=1e-12)


def test_hsd_of_large_gamma_spends_at_once_or_at_the_end() -> None:
    assert HSD(1e308).spent([0.1, 1], 0.05).tolist() == [0.05, 0.05]
    assert HSD(-1e308).spent([0.1, 1], 0.05).tolist() == [0, 0.05]
    np.testing.assert_allclose(HSD(-800).spent(0.99, 0.05), 0.05 * math.exp(-8), rtol=1e-12)


def test_spending_functions_are_values() -> None:
    assert HSD(-4) == HSD() != HSD(1)
    assert [str(one) for one in (HSD(-4), Pocock(), OBrienFleming())] == [
        "HSD(gamma=-4.0)",
        "Pocock()",
        "OBrienFleming()",
    ]


# --- bounds against other programs and tables -----------------------------------------------------


def test_bounds_of_rpact() -> None:
    inputs, value, _ = oracle("gs.hsd.3")
    t = equal(inputs["k"])
    z = boundaries(t, HSD(inputs["gamma"]).spent(t, inputs["alpha"]))
    np.testing.assert_allclose(z, value, rtol=0, atol=1e-12)


def test_posterior_cut_offs_of_rpact() -> None:
    inputs, value, _ = oracle("gs.hsd.3.p")
    t = equal(inputs["k"])
    p = norm.sf(boundaries(t, HSD(inputs["gamma"]).spent(t, inputs["alpha"])))
    np.testing.assert_allclose([1 - p, 1 - p / inputs["K"]], value, rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [2, 3, 5, 10])
def test_type_one_error_of_a_constant_cut(k: int) -> None:
    inputs, value, _ = oracle(f"gs.constant.{k}")
    z = np.full(k, norm.ppf(inputs["cut"]))
    assert crossing(equal(k), z).sum() == pytest.approx(value, abs=1e-12)


def test_constant_cut_of_an_overall_level() -> None:
    inputs, value, _ = oracle("gs.pocock")
    cuts = [norm.cdf(constant_boundary(inputs["alpha"], equal(k))) for k in inputs["k"]]
    np.testing.assert_allclose(cuts, value, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("k", "z"), [(1, 1.960), (2, 2.178), (3, 2.289), (5, 2.413), (10, 2.555)])
def test_pocock_constants_of_jennison_and_turnbull(k: int, z: float) -> None:
    assert round(constant_boundary(0.025, equal(k)), 3) == z  # their C_P(K, 0.05), two-sided


def test_published_bounds_of_lan_and_demets() -> None:
    t = equal(3)
    of = boundaries(t, OBrienFleming().spent(t, 0.025))
    assert of.round(4).tolist() == [3.7103, 2.5114, 1.9930]
    pocock = boundaries(t, Pocock().spent(t, 0.025))
    assert pocock.round(4).tolist() == [2.2794, 2.2949, 2.2959]


# --- bounds by themselves -------------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS, ids=repr)
@pytest.mark.parametrize("t", [equal(1), equal(3), equal(20), UNEVEN], ids=len)
def test_bounds_spend_what_they_should(t: Any, function: Spending) -> None:
    spent = function.spent(t, 0.05)
    first = crossing(t, boundaries(t, spent))
    np.testing.assert_allclose(first, np.diff(spent, prepend=0), rtol=1e-11, atol=1e-300)
    assert first.sum() == pytest.approx(spent[-1], abs=1e-15)


@pytest.mark.parametrize("function", FUNCTIONS, ids=repr)
@pytest.mark.parametrize("t", [equal(3), equal(20), UNEVEN], ids=len)
def test_twice_the_nodes_change_nothing(
    t: Any, function: Spending, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = function.spent(t, 0.05)
    before = boundaries(t, spent)
    monkeypatch.setattr(bounds, "PANEL", bounds.PANEL / 2)
    monkeypatch.setattr(bounds, "LOWEST", -12.0)
    np.testing.assert_allclose(boundaries(t, spent), before, rtol=0, atol=1e-13)


def test_looks_that_spend_nothing_cannot_stop() -> None:
    z = boundaries([0.2, 0.5, 0.8, 1], [0, 0.01, 0.01, 0.03])
    assert np.isinf(z).tolist() == [True, False, True, False]
    np.testing.assert_allclose(z[[1, 3]], boundaries([0.5, 1], [0.01, 0.03]), rtol=1e-14)
    assert boundaries([0.5, 1], [0, 0]).tolist() == [math.inf, math.inf]


def test_last_look_may_come_early() -> None:
    t = np.array([0.3, 0.6])
    spent = HSD().spent(t, 0.05)
    np.testing.assert_allclose(boundaries(t, spent), boundaries(t / 0.6, spent), rtol=1e-13)


def test_a_single_look_is_the_fixed_test() -> None:
    assert boundaries(1, 0.05) == pytest.approx([norm.isf(0.05)], rel=1e-14)
    assert constant_boundary(0.05, 0.7) == pytest.approx(norm.isf(0.05), rel=1e-14)


def test_tiny_levels_keep_their_digits() -> None:
    t, spent = [0.4, 0.7, 1], np.array([1e-200, 1e-100, 1e-12])
    first = crossing(t, boundaries(t, spent))
    np.testing.assert_allclose(first, np.diff(spent, prepend=0), rtol=1e-11)


def test_more_or_more_distant_looks_need_higher_bounds() -> None:
    z = [constant_boundary(0.05, equal(k)) for k in (1, 2, 4, 8)]
    assert (np.diff(z) > 0).all()
    apart = [constant_boundary(0.05, [t, 1]) for t in (0.999, 0.9, 0.5, 0.1, 0.001)]
    assert (np.diff(apart) > 0).all()
    assert norm.isf(0.05) < apart[0]
    assert apart[-1] < norm.isf(0.025)


# --- crossing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("drift", [-3.0, 0.0, 0.7, 2.9])
def test_two_looks_by_quadrature(drift: float) -> None:
    s, t, z, last = 0.3, 0.8, 1.7, 1.2

    def second(b: float) -> float:
        tail = norm.sf(last * math.sqrt(t), b + drift * (t - s), math.sqrt(t - s))
        return tail * norm.pdf(b, drift * s, math.sqrt(s))

    top = z * math.sqrt(s)
    expected = quad(second, top - 12, top, points=[drift * s], epsabs=1e-15, epsrel=1e-12)[0]
    first = crossing([s, t], [z, last], drift)
    np.testing.assert_allclose(first, [norm.sf(z - drift * math.sqrt(s)), expected], rtol=1e-11)


def test_crossing_under_drift_as_simulated() -> None:
    t, z, drift, trials = np.array([0.2, 0.5, 0.6, 1.0]), [2.5, math.inf, 2.1, 1.8], 1.6, 400_000
    steps = np.diff(t, prepend=0)
    rng = np.random.default_rng(8)
    moves = drift * steps + np.sqrt(steps) * rng.standard_normal((trials, 4))
    above = moves.cumsum(axis=1) / np.sqrt(t) > z  # (trials, looks)
    counts = np.bincount(np.where(above.any(axis=1), above.argmax(axis=1), 4), minlength=5)[:4]
    expected = crossing(t, z, drift)
    error = np.sqrt(expected * (1 - expected) / trials)
    assert counts[1] == expected[1] == 0
    assert (abs(counts / trials - expected) <= 4 * error).all()
    assert error.max() < 0.001


def test_crossing_rises_with_drift_and_falls_with_the_bounds() -> None:
    t = equal(4)
    by_drift = [crossing(t, np.full(4, 2.2), drift).sum() for drift in np.linspace(-2, 6, 9)]
    assert (np.diff(by_drift) > 0).all()
    by_bound = [crossing(t, np.full(4, z), 1.5).sum() for z in np.linspace(-1, 4, 11)]
    assert (np.diff(by_bound) < 0).all()


def test_crossing_at_the_limits() -> None:
    assert crossing([0.5, 1], [-math.inf, 1]).tolist() == [1, 0]
    assert crossing([0.5, 1], [math.inf, math.inf], 3).tolist() == [0, 0]
    assert crossing([0.5, 1], [math.inf, 1], 1e308).tolist() == [0, 1]
    assert crossing([0.5, 1], [2, 1], -1e308).tolist() == [0, 0]
    np.testing.assert_allclose(crossing([0.5, 1], [1, -math.inf]).sum(), 1, rtol=1e-14)
    np.testing.assert_allclose(crossing([0.5, 1], [math.inf, 2], 3), [0, norm.cdf(1)], rtol=1e-14)


# --- errors ---------------------------------------------------------------------------------------

BAD_FRACTIONS: list[Any] = [
    [0, 1],
    [0.5, 1.1],
    [0.5, math.nan],
    [0.5, 0.5],
    [1, 0.5],
    [],
    [[0.5, 1]],
    ["0.5", 1],
    None,
    True,
    [0.5, 0.50001],
]


@pytest.mark.parametrize("fractions", BAD_FRACTIONS, ids=repr)
def test_fractions_that_are_none(fractions: Any) -> None:
    for call in (
        lambda: boundaries(fractions, [0.01, 0.02]),
        lambda: crossing(fractions, [2, 2]),
        lambda: constant_boundary(0.05, fractions),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.argument == "fractions"
        assert caught.value.value is fractions


@pytest.mark.parametrize(
    "spent",
    [
        [0.02, 0.01],
        [-0.01, 0.02],
        [0.01, 0.5],
        [0.01, math.nan],
        [math.inf, math.inf],
        [0.01],
        0.01,
        "HSD",
    ],
    ids=repr,
)
def test_levels_that_cannot_be_spent(spent: Any) -> None:
    with pytest.raises(InputError) as caught:
        boundaries([0.5, 1], spent)
    assert caught.value.argument == "spent"
    assert caught.value.value is spent


@pytest.mark.parametrize("z", [[2], [2, math.nan], [[2, 2]], "z", None], ids=repr)
def test_bounds_that_are_none(z: Any) -> None:
    with pytest.raises(InputError) as caught:
        crossing([0.5, 1], z)
    assert (caught.value.argument, caught.value.value) == ("z", z)


@pytest.mark.parametrize("value", [math.nan, math.inf, "1", None, True], ids=repr)
def test_numbers_that_are_none(value: Any) -> None:
    with pytest.raises(InputError, match=r"^drift=.*finite"):
        crossing([0.5, 1], [2, 2], value)
    with pytest.raises(InputError, match=r"^gamma=.*finite"):
        HSD(value)


@pytest.mark.parametrize("alpha", [0, 0.5, -0.1, 1, math.nan, "0.05", None], ids=repr)
def test_levels_that_are_none(alpha: Any) -> None:
    for function in FUNCTIONS:
        with pytest.raises(InputError, match=r"^alpha=.*below 0\.5"):
            function.spent([0.5, 1], alpha)
    with pytest.raises(InputError, match=r"^alpha=.*below 0\.5"):
        constant_boundary(alpha, [0.5, 1])


@pytest.mark.parametrize("fraction", [0, 1.1, [0.5, math.nan], "all", None], ids=repr)
def test_shares_that_are_none(fraction: Any) -> None:
    for function in FUNCTIONS:
        with pytest.raises(InputError, match=r"^fraction=.*at most 1"):
            function.spent(fraction, 0.05)
