"""Truths to plan with: what lists mean, exact numbers, labels, and errors before anything runs."""

import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_odd_arguments import ODD

import bmco_pymc as bmco
from bmco_pymc import Scenario, patterns
from bmco_pymc.errors import InputError
from bmco_pymc.population.scenario import of_draws, together

HALF = [0.4, 0.4]


def test_one_truth_of_two_outcomes() -> None:
    truth = Scenario(control=[0.4, 0.4], treatment=[0.6, 0.7], rho=-0.3)
    assert (len(truth), truth.n_outcomes, truth.averaged) == (1, 2, False)
    s = 0.4 * 0.6
    both = 0.16 - 0.3 * s
    np.testing.assert_allclose(
        truth.phi[0, 0], [both, 0.4 - both, 0.4 - both, 0.2 + both], rtol=1e-14
    )
    np.testing.assert_allclose(truth.theta, [[[0.4, 0.4], [0.6, 0.7]]], rtol=1e-14)
    np.testing.assert_allclose(truth.delta, [[0.2, 0.3]], rtol=1e-13)
    np.testing.assert_allclose(truth.rho, [[[-0.3], [-0.3]]], rtol=1e-13)
    assert truth.labels == ("control = (0.4, 0.4), treatment = (0.6, 0.7), rho = -0.3",)
    assert truth.words == "Success probabilities and correlations as given."


def test_lists_make_a_grid_whose_last_dimension_is_fastest() -> None:
    grid = Scenario([0.4, 0.4], [[0.55, 0.5], [0.6, 0.6]], [-0.3, 0, 0.3])
    assert grid.phi.shape == (6, 2, 4)
    assert grid.labels == (
        "treatment = (0.55, 0.5), rho = -0.3",
        "treatment = (0.55, 0.5), rho = 0",
        "treatment = (0.55, 0.5), rho = 0.3",
        "treatment = (0.6, 0.6), rho = -0.3",
        "treatment = (0.6, 0.6), rho = 0",
        "treatment = (0.6, 0.6), rho = 0.3",
    )
    for place, (rates, rho) in enumerate(
        [(rates, rho) for rates in ([0.55, 0.5], [0.6, 0.6]) for rho in (-0.3, 0, 0.3)]
    ):
        alone = Scenario([0.4, 0.4], rates, rho)
        np.testing.assert_array_equal(grid.phi[place], alone.phi[0])
    controls = Scenario([[0.1, 0.2], [0.3, 0.4]], [[0.5, 0.5], [0.6, 0.6]])
    assert controls.labels[1] == "control = (0.1, 0.2), treatment = (0.6, 0.6)"
    assert "in all 4 combinations" in controls.words


def test_one_outcome() -> None:
    assert Scenario(0.4, 0.6) == Scenario([0.4], [0.6]) == Scenario([[0.4]], 0.6, rho=0)
    truth = Scenario(0.4, 0.6)
    np.testing.assert_allclose(truth.phi, [[[0.4, 0.6], [0.6, 0.4]]], rtol=1e-15)
    assert truth.labels == ("control = 0.4, treatment = 0.6",)
    assert truth.rho.shape == (1, 2, 0)
    grid = Scenario([0.3], [[0.4], [0.5]])
    assert grid.labels == ("treatment = 0.4", "treatment = 0.5")
    assert grid.delta.ravel() == pytest.approx([0.1, 0.2])
    assert Scenario([0.3, 0.4, 0.5], [0.4, 0.5, 0.6]).n_outcomes == 3  # never a grid


def test_three_outcomes_by_a_number_a_matrix_and_lists_of_them() -> None:
    rates: dict[str, Any] = {"control": [0.4, 0.4, 0.3], "treatment": [0.6, 0.6, 0.5]}
    matrix: Any = [[1, 0.2, 0.1], [0.2, 1, 0.3], [0.1, 0.3, 1]]
    truth = Scenario(**rates, rho=matrix)
    np.testing.assert_allclose(truth.rho[0], [[0.2, 0.1, 0.3]] * 2, atol=1e-10)
    np.testing.assert_allclose(truth.theta[0], [[0.4, 0.4, 0.3], [0.6, 0.6, 0.5]], atol=1e-10)
    assert truth.labels[0].endswith("rho = (0.2, 0.1, 0.3)")
    assert "largest entropy" in truth.words
    two = Scenario(**rates, rho=[matrix, np.eye(3)])
    assert two.labels == ("rho = (0.2, 0.1, 0.3)", "rho = 0")
    np.testing.assert_array_equal(two.phi[0], truth.phi[0])
    np.testing.assert_allclose(two.phi[1], Scenario(**rates).phi[0], atol=1e-15)
    equal = Scenario(**rates, rho=[0.1, 0.2])
    np.testing.assert_allclose(equal.rho, [[[0.1] * 3] * 2, [[0.2] * 3] * 2], atol=1e-10)
    assert "largest entropy" not in Scenario(**rates).words


def test_four_outcomes_without_correlation_are_a_product() -> None:
    truth = Scenario([0.1, 0.2, 0.3, 0.4], [0.5] * 4)
    np.testing.assert_allclose(truth.phi[0, 0, :2], [0.0024, 0.0036], rtol=1e-12)
    np.testing.assert_allclose(truth.phi[0, 1], np.full(16, 1 / 16), rtol=1e-12)


def test_correlations_that_differ_by_group() -> None:
    truth = Scenario(HALF, [0.6, 0.6], {"control": 0.2, "treatment": [0.4, 0.5]})
    np.testing.assert_allclose(truth.rho[..., 0], [[0.2, 0.4], [0.2, 0.5]], rtol=1e-12)
    assert truth.labels == ("rho of treatment = 0.4", "rho of treatment = 0.5")
    matrix = [[1, 0.3], [0.3, 1]]
    assert Scenario(HALF, [0.6, 0.6], matrix) == Scenario(HALF, [0.6, 0.6], 0.3)


def test_pattern_probabilities() -> None:
    control, treatment = [0.4, 0.3, 0.2, 0.1], [0.5, 0.3, 0.1, 0.1]
    one = Scenario(phi={"control": control, "treatment": treatment})
    np.testing.assert_allclose(one.phi, [[control, treatment]], rtol=1e-15)
    assert one.labels == ("control = (0.7, 0.6), treatment = (0.8, 0.6)",)
    assert Scenario(phi=[control, treatment]).labels == ("truth 1",)
    several = Scenario(phi=[[control, treatment], [control, control]])
    assert several.labels == ("truth 1", "truth 2")
    assert several.delta[1].tolist() == [0, 0]
    grid = Scenario(phi={"control": control, "treatment": [treatment, control]})
    assert grid.labels == ("treatment = phi 1", "treatment = phi 2")
    np.testing.assert_array_equal(grid.phi, several.phi)
    assert np.isnan(Scenario(phi=[[0, 0, 0.5, 0.5], control]).rho[0, 0, 0])


def test_names_and_values() -> None:
    grid = Scenario(HALF, [[0.5, 0.5], [0.6, 0.6]], names=["pessimistic", "expected"])
    assert grid.labels == ("pessimistic", "expected")
    assert Scenario(0.4, 0.5, names="expected").labels == ("expected",)
    assert grid != Scenario(HALF, [[0.5, 0.5], [0.6, 0.6]])
    assert len({grid, Scenario(HALF, [[0.5, 0.5], [0.6, 0.6]], names=list(grid.labels))}) == 1
    with pytest.raises(ValueError, match="read-only"):
        grid.phi[0, 0, 0] = 1
    near = Scenario(0.1, [[0.12341], [0.12342]])
    assert near.labels == ("treatment = 0.12341", "treatment = 0.12342")


def test_prints_a_table() -> None:
    differ = Scenario(HALF, [0.6, 0.5], {"control": 0.2, "treatment": 0.4}, names="<b>")
    assert str(differ).splitlines() == [
        "1 truth about 2 outcomes",
        "scenario   control  treatment         δ  ρ of control  ρ of treatment",
        "<b>       0.4, 0.4   0.6, 0.5  0.2, 0.1           0.2             0.4",
        "Success probabilities and correlations as given.",
    ]
    assert "&lt;b&gt;" in differ._repr_html_()
    many = str(Scenario(0.1, np.linspace(0.2, 0.8, 30)[:, None]))
    assert len(many.splitlines()) == 24
    assert many.endswith("10 more are not shown.")


def test_draws_are_averaged() -> None:
    phi = np.random.default_rng(1).dirichlet(np.ones(4), size=(5, 2))
    drawn = of_draws(phi, "5 draws.")
    assert drawn.averaged
    assert drawn.labels[:2] == ("draw 1", "draw 2")
    np.testing.assert_allclose(drawn.phi, phi, rtol=1e-14)
    title, _, row, words = str(drawn).splitlines()
    assert (title, words) == ("5 truths about 2 outcomes, to be averaged over", "5 draws.")
    assert row.startswith(f"mean      {drawn.theta[:, 0, 0].mean():.4g}")


def test_iccs_make_a_grid() -> None:
    grid = Scenario(HALF, [0.6, 0.6], [0, 0.3], icc=[0.02, 0.05], icc_between=[0, 0.01])
    assert grid.labels[:2] == (
        "rho = 0, icc = 0.02, icc_between = 0",
        "rho = 0, icc = 0.02, icc_between = 0.01",
    )
    assert len(grid) == 8
    assert grid.icc is not None
    assert grid.icc_between is not None
    assert grid.icc.shape == (8, 2, 2)
    np.testing.assert_array_equal(grid.icc[:, 1, 0], [0.02, 0.02, 0.05, 0.05] * 2)
    np.testing.assert_array_equal(grid.icc_between[:, 0, 0], [0, 0.01] * 4)
    each = Scenario(HALF, [0.6, 0.6], 0.3, icc=[[0.02, 0.05], [0.05, 0.05]])
    assert each.labels == ("icc = (0.02, 0.05)", "icc = 0.05")
    by_group = Scenario(HALF, [0.6, 0.6], 0.3, icc={"control": 0.02, "treatment": [0, 0.05]})
    assert by_group.labels == ("icc of treatment = 0", "icc of treatment = 0.05")
    assert by_group.icc is not None
    assert by_group.icc[1].tolist() == [[0.02, 0.02], [0.05, 0.05]]
    one = Scenario(HALF, [0.6, 0.6], 0.3, icc=0.05)
    assert one.labels[0].endswith("rho = 0.3, icc = 0.05")
    assert one.icc_between is not None
    np.testing.assert_allclose(one.icc_between, [[[0.015]] * 2], rtol=1e-12)
    three = Scenario([0.4] * 3, [0.6] * 3, 0.2, icc=0.05, icc_between=[[0.02, 0.01, 0.0]])
    assert three.icc_between is not None
    assert three.icc_between[0].tolist() == [[0.02, 0.01, 0.0]] * 2
    assert Scenario(HALF, [0.6, 0.6]).icc is Scenario(HALF, [0.6, 0.6]).icc_between is None
    patterned = Scenario(phi=[[0.4, 0.6], [0.5, 0.5]], icc=[0.01, 0.02])
    assert patterned.labels == ("icc = 0.01", "icc = 0.02")


def test_clusters_and_covariates_are_printed() -> None:
    covariates = bmco.Covariates({"$sex$": {"f": 0.5, "m/x": 0.5}}, {"$sex$": {"f": 0.3}})
    truth = Scenario(
        HALF, [0.6, 0.5], 0.2, icc=0.05, icc_between=0.02, covariates=covariates, names="<b>"
    )
    assert str(truth).splitlines() == [
        "1 truth about 2 outcomes",
        "scenario   control  treatment         δ    ρ         ICC  ICC between outcomes",
        "<b>       0.4, 0.4   0.6, 0.5  0.2, 0.1  0.2  0.05, 0.05                  0.02",
        "Success probabilities and correlations as given.",
        "Logit-normal clusters; one that holds both groups has the same effect in them.",
        "Covariates: $sex$ (f 0.5, m/x 0.5); log odds of success: $sex$ f +0.3.",
    ]
    assert "mathjax_ignore" in truth._repr_html_()
    other = str(Scenario(0.4, 0.5, icc=0.1, between="dirichlet", group_correlation=0.5))
    assert "Dirichlet clusters; one that holds both groups has effects of correlation 0.5" in other


EVERY = [
    Scenario(HALF, [0.6, 0.6], [0, 0.3]),
    Scenario(HALF, [0.6, 0.6], 0.3, icc=[0.02, 0.05], icc_between=0.01, names=["a$", "b/c"]),
    Scenario(0.4, 0.5, icc=0.1, between="dirichlet", group_correlation=0.5),
    Scenario(0.4, 0.5, icc=0.1, covariates=bmco.Covariates({"s": {"a": 1}}, {"s": {"a": 1}})),
    Scenario(
        covariates=bmco.Covariates(
            {"s": {"a": 0.2, "b": 0.8}},
            theta={"s": {x: {"control": 0.4, "treatment": 0.45} for x in "ab"}},
        ),
        icc=[0, 0.1],
    ),
    of_draws(np.random.default_rng(1).dirichlet(np.ones(4), size=(5, 2)), "5 draws."),
]
EVERY.append(together([EVERY[2], EVERY[3]], ["one", "other"]))


@pytest.mark.parametrize("scenario", EVERY, ids=range(len(EVERY)))
def test_descriptions_and_pickles(scenario: Scenario) -> None:
    text = json.dumps(scenario.described(), allow_nan=False)
    arm = np.tile(np.array([0, 1], np.int8), 20)
    cluster = np.arange(40, dtype=np.intp) // 8
    for again in (
        Scenario.from_description(json.loads(text)),
        pickle.loads(pickle.dumps(scenario)),
    ):
        assert again == scenario
        assert hash(again) == hash(scenario)
        assert str(again) == str(scenario)
        np.testing.assert_array_equal(again.phi, scenario.phi)
        for s in range(len(scenario)):
            one, other = (
                found.truth(s).draw(np.random.default_rng(1), arm, cluster)
                for found in (scenario, again)
            )
            np.testing.assert_array_equal(one[1], other[1])
            assert one[0].equals(other[0])
    others = [other for other in EVERY if other is not scenario]
    assert scenario not in others


def test_no_description() -> None:
    good = EVERY[0].described()
    broken: tuple[Any, ...] = ({}, good | {"labels": []}, good | {"generators": {"kind": "grid"}})
    for described in broken:
        with pytest.raises(InputError, match="described=.* describes no scenario"):
            Scenario.from_description(described)


def test_scenarios_together() -> None:
    joined = EVERY[-1]
    assert joined.labels == ("one", "other")
    assert (joined.clustered, joined.covariates, joined.covariate_names) == (True, None, ())
    assert [joined.truth(s).covariate_names for s in range(2)] == [(), ("s",)]
    plain = together([Scenario(0.4, 0.5), EVERY[2]], ["a", "b"])
    assert plain.icc is not None
    assert plain.icc.tolist() == [[[0], [0]], [[0.1], [0.1]]]
    assert "Dirichlet clusters" in str(plain)
    assert [plain.truth(s).clustered for s in range(2)] == [False, True]
    assert EVERY[3] != Scenario(0.4, 0.5, icc=0.1)
    for s in (-1, 2, 0.0, True, "a"):
        with pytest.raises(InputError, match="must be the place of a truth, from 0 to 1"):
            joined.truth(s)  # type: ignore[arg-type]


probability = st.floats(0.01, 0.99)


@settings(deadline=None)
@given(st.tuples(*[probability] * 4), st.floats(0.02, 0.98))
def test_rates_and_correlation_are_those_given(rates: tuple[float, ...], share: float) -> None:
    control, treatment = rates[:2], rates[2:]

    def correlation(pair: tuple[float, ...]) -> float:
        first, second = pair
        low, high = max(0, first + second - 1), min(first, second)
        scale = np.sqrt(first * (1 - first) * second * (1 - second))
        return (low + share * (high - low) - first * second) / scale

    rho = {"control": correlation(control), "treatment": correlation(treatment)}
    truth = Scenario(control, treatment, rho)
    np.testing.assert_allclose(truth.theta[0], [control, treatment], atol=1e-10)
    np.testing.assert_allclose(truth.rho[0, :, 0], list(rho.values()), atol=1e-10)
    # swap of the groups
    swapped = Scenario(treatment, control, dict(zip(rho, reversed(rho.values()), strict=True)))
    np.testing.assert_array_equal(swapped.phi, truth.phi[:, ::-1])
    np.testing.assert_array_equal(swapped.delta, -truth.delta)
    # another order of the outcomes
    other = Scenario(control[::-1], treatment[::-1], rho)
    np.testing.assert_allclose(other.phi[..., [0, 2, 1, 3]], truth.phi, atol=1e-15)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 4), st.integers(0, 10_000))
def test_from_phi_to_rates_and_back(k: int, seed: int) -> None:
    phi = np.random.default_rng(seed).dirichlet(np.ones(2**k), size=2)
    given_phi = Scenario(phi=phi)
    theta = given_phi.theta[0]
    matrices = np.broadcast_to(np.eye(k), (2, k, k)).copy()
    for place, (i, j) in enumerate(patterns.pairs(k)):
        matrices[:, i, j] = matrices[:, j, i] = given_phi.rho[0, :, place]
    rho = None if k == 1 else {"control": matrices[0], "treatment": matrices[1]}
    again = Scenario(theta[0], theta[1], rho)
    np.testing.assert_allclose(again.theta, given_phi.theta, atol=1e-10)
    np.testing.assert_allclose(again.rho, given_phi.rho, atol=1e-10)
    if k < 3:
        np.testing.assert_allclose(again.phi, given_phi.phi, atol=1e-10)


TWO: dict[str, Any] = {"control": [0.4, 0.4], "treatment": [0.6, 0.6]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "control=None: a truth needs control and treatment, or phi"),
        ({"control": 0.4}, "treatment=None: a truth needs control and treatment, or phi"),
        (
            {"control": [0.4, 1], "treatment": [0.5, 0.6]},
            "control=[0.4, 1.0]: must be between 0 and 1, neither included",
        ),
        (
            {"control": [0.4, 0.4], "treatment": [[0.5, 0.6], [0.0, 0.6]]},
            "treatment=[0.0, 0.6]: must be between 0 and 1, neither included",
        ),
        (
            {"control": 0.4, "treatment": [0.5, 0.6]},
            "treatment=[0.5, 0.6]: has 2 outcomes, but control has 1; several rates of a single "
            "outcome are a list of lists: [[0.5], [0.6]]",
        ),
        (
            {"control": [0.4, 0.4], "treatment": 0.5},
            "treatment=0.5: has 1 outcome, but control has 2",
        ),
        (
            {"control": [0.4, 0.4], "treatment": [[0.6, 0.6], [0.6]]},
            "treatment=[[0.6, 0.6], [0.6]]: must be success probabilities, in lists of equal "
            "length",
        ),
        (
            {"control": [0.2, 0.9], "treatment": [[0.5, 0.6], [0.2, 0.9]], "rho": 0.5},
            "rho=0.5: must lie between -0.6667 and 0.1667 for theta = (0.2, 0.9) (control group, "
            "scenario 'treatment = (0.5, 0.6)')",
        ),
        (
            {"control": [0.5, 0.5], "treatment": [0.2, 0.9], "rho": [0, 0.5], "names": ["a", "b"]},
            "rho=0.5: must lie between -0.6667 and 0.1667 for theta = (0.2, 0.9) (treatment "
            "group, scenario 'b')",
        ),
        (
            {"control": [0.5] * 3, "treatment": [0.4] * 3, "rho": -0.45},
            "rho=-0.45: each pair could be so correlated, but not all pairs at once for theta = "
            "(0.5, 0.5, 0.5); each may be -0.3333 to 1 (control group)",
        ),
        (TWO | {"rho": 1.5}, "rho=1.5: must be correlations, from -1 to 1"),
        (
            TWO | {"rho": {"control": 0.2}},
            "rho={'control': 0.2}: must be a mapping of both groups; choose from 'control', "
            "'treatment'",
        ),
        (
            TWO | {"rho": {"control": 0.2, "treatment": "a"}},
            "rho['treatment']='a': must be correlations, in lists or matrices of equal size",
        ),
        (
            {"control": 0.4, "treatment": 0.5, "rho": 0.2},
            "rho=0.2: a single outcome has no correlation: leave it out",
        ),
        (
            TWO | {"rho": [0.1, 0.1]},
            "rho=[0.1, 0.1]: has a value twice; each is combined with all others",
        ),
        (TWO | {"names": ["a", "b"]}, "names=['a', 'b']: there is 1 truth, each needs a name"),
        (
            TWO | {"rho": [0, 0.1], "names": "a"},
            "names='a': there are 2 truths, each needs a name",
        ),
        (TWO | {"rho": [0, 0.1], "names": ["a", "a"]}, "names=['a', 'a']: must differ"),
        (
            {"phi": [[0.5, 0.5], [0.6, 0.4]], "rho": 0.3},
            "rho=0.3: cannot be given beside phi, which has it",
        ),
        (
            {"phi": [[0.5, 0.5], [0.6, 0.5]]},
            "phi=[[0.5, 0.5], [0.6, 0.5]]: must sum to 1 over the patterns, not to 1.1",
        ),
        (
            {"phi": [[0.5, 0.5], [1.5, -0.5]]},
            "phi=[[0.5, 0.5], [1.5, -0.5]]: must be probabilities, from 0 to 1",
        ),
        (
            {"phi": [0.5, 0.5]},
            "phi=[0.5, 0.5]: must hold the probabilities of the control and of the treatment, for "
            "a truth",
        ),
        (
            {"phi": {"control": [0.5, 0.5], "treatment": [0.25] * 4}},
            "phi['treatment']=[0.25, 0.25, 0.25, 0.25]: has 4 patterns, but the control has 2",
        ),
        (
            {"phi": {"control": [0.5, 0.3, 0.2], "treatment": [0.5, 0.3, 0.2]}},
            "phi['control']=[0.5, 0.3, 0.2]: must be lists of 2, 4, 8, ... pattern probabilities, "
            "for at most 10 outcomes",
        ),
    ],
)
def test_bad_input(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        Scenario(**arguments)
    assert str(error.value) == message


def test_too_many_truths() -> None:
    many = np.linspace(0.1, 0.5, 400)[:, None]
    with pytest.raises(InputError, match="the grid has 160000 truths; at most 100000 are possible"):
        Scenario(many, many)
    with pytest.raises(InputError, match="has 100001 entries"):
        Scenario(0.5, np.linspace(0.1, 0.9, 100_001)[:, None])


NAMES: tuple[str, ...] = ("control", "treatment", "rho", "phi", "names", "icc", "icc_between")
NAMES += ("between", "group_correlation", "covariates")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_odd_values(name: str, value: Any) -> None:
    good = {} if name == "phi" else TWO
    good = good | ({"icc": 0.05} if name == "icc_between" else {})
    try:
        shown = str(Scenario(**good | {name: value}))
    except InputError as error:
        shown = str(error)
    assert shown.startswith(NAMES) or " about " in shown


@pytest.fixture(scope="module")
def fit(trial_study: bmco.Study) -> bmco.Fit:
    return bmco.BMVB(trial_study).fit(draws=500, chains=4, seed=1)


def test_from_a_pilot(fit: bmco.Fit) -> None:
    truth = fit.scenario()
    assert (len(truth), truth.averaged, truth.labels[0]) == (200, True, "draw 1")
    assert truth.words == (
        "200 draws from the posterior of BMVB of y1, y2 (120 and 120 subjects). "
        "Success probability in the whole population of each group, without covariates."
    )
    effect = fit.effect()
    every = fit.scenario(draws=10_000)
    assert len(every) == 2000
    np.testing.assert_allclose(every.delta, effect.delta.values.reshape(-1, 2), atol=1e-14)
    np.testing.assert_array_equal(truth.phi[[0, -1]], every.phi[[0, -1]])
    one, same, other = (fit.scenario(draws=50, seed=seed) for seed in (1, 1, 2))
    assert one == same != other
    assert len(np.unique(one.phi[:, 0, 0])) == 50
    assert "to be averaged over" in str(truth)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"draws": 0}, "draws"),
        ({"seed": -1}, "seed"),
        ({"clusters": "new"}, "clusters"),
        ({"nothing": 1}, "nothing"),
    ],
)
def test_a_pilot_that_cannot_be_asked_so(fit: bmco.Fit, arguments: Any, name: str) -> None:
    with pytest.raises(InputError, match=name):
        fit.scenario(**arguments)


@pytest.mark.samples
def test_from_a_regression_in_a_population(trial_fit: bmco.Fit) -> None:
    population = bmco.Value(x=1.0)
    truth = trial_fit.scenario(100, population=population)
    mean = trial_fit.effect(population).delta.mean(("chain", "draw"))
    np.testing.assert_allclose(truth.delta.mean(axis=0), mean, atol=0.03)
    assert truth.words.startswith("100 draws from the posterior of BGLM of y1, y2 (120 and 120 ")
    assert "x = 1" in truth.words


def test_a_pilot_that_has_not_converged_says_so(trial_study: bmco.Study) -> None:
    with pytest.warns(bmco.ConvergenceWarning):
        few = bmco.BMVB(trial_study).fit(draws=10, chains=1, seed=1)
    with pytest.warns(bmco.ConvergenceWarning):
        truth = few.scenario()
    assert truth.words.startswith("TOO FEW DRAWS: 10 draws from the posterior of BMVB")
