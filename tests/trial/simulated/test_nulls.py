"""The truths without effect under which errors are looked for."""

import numpy as np
import pytest

import bmco_pymc as bmco
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.probabilities import claims_hold
from bmco_pymc.trial.simulated.nulls import Nulls, binding, null_grid


def rule(name, K=2, **more):
    return bmco.Rule(name, **more).for_outcomes([f"y{k + 1}" for k in range(K)])


def grid(*args, control=(0.0, 1.0), clustered=False, **more):
    return null_grid(rule(*args, **more), control, clustered=clustered)[0]


def test_all_has_one_outcome_at_its_margin_and_large_other_effects():
    found = grid("all", margins=-0.1)
    assert found.labels[0] == "control = 0.28, rho = 0"
    np.testing.assert_allclose(found.theta[0], [[0.28, 0.2], [0.18, 0.8]])
    np.testing.assert_allclose(found.theta[:, 1, 0] - found.theta[:, 0, 0], -0.1)
    assert set(found.rho[:, 0, 0].round(6)) == {0.0, 0.3}


def test_any_has_all_outcomes_at_their_margins():
    found = grid("any", clustered=True)
    np.testing.assert_allclose(found.delta, 0, atol=1e-12)
    assert len(found) == 3 * 2 * 2
    assert found.labels[:2] == (
        "control = 0.2, rho = 0, icc = 0.02",
        "control = 0.2, rho = 0.3, icc = 0.02",
    )
    assert found.icc is not None
    assert set(found.icc.ravel().round(6)) == {0.02, 0.1}


def test_outcomes_with_other_margins_are_each_at_theirs():
    found = grid("all", margins=[0.0, 0.1])
    assert sum(label.startswith("y1 at the margin") for label in found.labels) > 0
    assert sum(label.startswith("y2 at the margin") for label in found.labels) > 0


def test_count_has_all_but_m_less_one_at_their_margins():
    found = grid("count", 3, m=2)
    np.testing.assert_allclose(found.delta[0], [0, 0, 0.6])


@pytest.mark.parametrize("direction", ["right", "left", "two-sided"])
@pytest.mark.parametrize(
    "more",
    [
        {"rule": "all"},
        {"rule": "any", "margins": 0.1},
        {"rule": "comp", "w": [0.7, 0.3], "margins": [0.1, 0.0]},
        {"rule": "utility", "u": [1, 0.3, 0.2, 0], "margins": 0.05},
        {"rule": "utility", "u": [1, 0.3, 0.2, 0]},
    ],
)
def test_all_are_on_the_boundary_of_the_null(direction, more):
    given = dict(more)
    one = rule(given.pop("rule"), direction=direction, **given)
    found, parts = null_grid(one, (0.1, 0.7), clustered=False)
    assert len(found) == len(parts)
    assert ((found.theta[:, 0] >= 0.1) & (found.theta[:, 0] <= 0.8)).all()
    for phi in found.phi:
        false = [side for side in one.sides if not claims_hold(one, phi, side)]
        assert false
        margins = np.array(one.bounds())
        if one.criterion.weighs or one.criterion.values:
            gain = (phi[1] - phi[0]) @ one.scores()
            assert min(abs(abs(gain) - abs(margins[0])), abs(gain - margins[0])) < 1e-9


def test_a_correlation_that_rates_do_not_allow_is_left_out():
    found = grid("all")  # .2 and .8 of the treatment are never correlated by .3
    assert "control = 0.2, rho = 0.3" not in found.labels
    assert "control = 0.5, rho = 0.3" in found.labels


def test_one_outcome_has_no_correlation():
    assert grid("all", 1).labels == ("control = 0.2", "control = 0.5", "control = 0.8")


def test_no_truth_is_possible():
    with pytest.raises(bmco.InputError, match="margin 0.5"):
        grid("any", margins=0.5, control=(0.6, 0.9))


def test_truths_must_be_in_the_null():
    plan = Plan(50, bmco.Analysis(bmco.BMVB))
    effect = bmco.Scenario([0.4, 0.4], [0.6, 0.6], names="there")
    with pytest.raises(bmco.InputError, match="'there'.*has an effect by rule All"):
        Nulls.of(plan, effect, (0, 1))
    clustered = bmco.Scenario([0.4, 0.4], [0.4, 0.4], icc=0.05)
    with pytest.raises(bmco.InputError, match="truths=.*has clusters"):
        Nulls.of(plan, clustered, (0, 1))


def test_a_formula_with_covariates_needs_truths_with_them():
    plan = Plan(50, bmco.Analysis(bmco.BGLM, fixed="group * age"), outcomes=2)
    with pytest.raises(bmco.InputError, match="truths=.*there is no column 'age'"):
        Nulls.of(plan, None, (0, 1))


def test_nobody_gives_up():
    looks = bmco.Looks([20, 50], futility=0.1, futility_by="posterior")
    plan = Plan(None, bmco.Analysis(bmco.BMVB), looks)
    found = binding(plan)
    assert found.looks is not None
    assert found.looks.futility is None
    assert found.n == plan.n
