"""A finished trial is decided as it was planned: exactly, whatever the draws."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from oracles import oracle
from scipy.integrate import quad
from scipy.stats import beta

import bmco_pymc as bmco
from bmco_pymc import patterns
from bmco_pymc.trial.analysis import Analysis
from bmco_pymc.trial.design import Design
from bmco_pymc.trial.exactly import exactly

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*no variation.*:bmco_pymc.errors.InputWarning"),
    pytest.mark.filterwarnings("ignore:.*few subjects.*:bmco_pymc.errors.InputWarning"),
    # whether the draws are enough is not what is asked here
    pytest.mark.filterwarnings("ignore::bmco_pymc.errors.ConvergenceWarning"),
]

Counts = NDArray[np.int64]
FEW: dict[str, Any] = {"draws": 100, "seed": 1, "progress": False}
MANY: dict[str, Any] = {"draws": 10_000, "seed": 1, "progress": False}


def study(control: Any, treatment: Any) -> bmco.Study:
    """Return the trial with so many subjects of each pattern."""
    K = len(control).bit_length() - 1
    names = [f"y{k + 1}" for k in range(K)]
    rows = [
        (group, *row)
        for group, counts in (("old", control), ("new", treatment))
        for row, count in zip(patterns.bits(K).tolist(), counts, strict=True)
        for _ in range(count)
    ]
    return bmco.Study(pd.DataFrame(rows, columns=["arm", *names]), names, "arm", "old", "new")


def data_sets(n: int, Q: int) -> list[list[int]]:
    """Return all pattern counts of n subjects."""
    return [
        [*ways, n - sum(ways)]
        for ways in itertools.product(range(n + 1), repeat=Q - 1)
        if sum(ways) <= n
    ]


def planned(rule: bmco.Rule, priors: bmco.Priors, n: tuple[int, int], K: int) -> list[Any]:
    """Return what the design of the same analysis decides by, a value for each side."""
    analysis = Analysis(bmco.BMVB, rule, priors=priors)
    design = Design({"control": n[0], "treatment": n[1]}, analysis, outcomes=K)
    stages = design.stages(K)
    return [stages.decided(direction)[0] for direction in stages.setting.rule.sides]


def plans_say(decided: list[Any], sides: Any, control: Any, treatment: Any) -> list[bool]:
    """Return whether each side is met, as the plan has it."""
    pair = {"right": (treatment, control), "left": (control, treatment)}
    found = []
    for one, side in zip(decided, sides, strict=True):
        high, low = (np.array([c]) @ one.counted.astype(int) for c in pair[side])
        found.append(bool(one.met(high, low)[0]))
    return found


ONE = [
    bmco.Rule("all", alpha=0.2),
    bmco.Rule("any", "left", cut=0.75),
    bmco.Rule("comp", "two-sided", margins=-0.1, cut=0.8),
    bmco.Rule("all", statistic="joint", margins=0.05, cut=0.8),
]
TWO = [
    bmco.Rule("all", cut=0.7),
    bmco.Rule("any", "two-sided", cut=0.775),
    bmco.Rule("all", "left", [-0.2, -0.1], cut=0.75),
    bmco.Rule("any", margins=0.1, cut=0.7),
    bmco.Rule("count", "left", m=1, cut=0.8),
    bmco.Rule("count", m=2, margins=[0.0, -0.3], cut=0.65),
    bmco.Rule("comp", alpha=0.2),
    bmco.Rule("comp", "two-sided", w=[0.7, 0.3], cut=0.8),
    bmco.Rule("comp", margins=[0.1, -0.2], statistic="joint", cut=0.77),
    bmco.Rule("utility", "left", u=[1, -0.3, 0.5, 0], margins=0.1, cut=0.6),
]
FLAT = bmco.Priors()
DIFFERENT = bmco.Priors(phi=bmco.Dirichlet([0.4, 1, 2, 0.6], treatment=[1.5, 0.5, 0.5, 1]))


@pytest.mark.parametrize("n", [(3, 3), (2, 4)])
@pytest.mark.parametrize("robust", [False, True])
def test_every_data_set_of_one_outcome(n: tuple[int, int], robust: bool) -> None:
    prior = bmco.Mixture([(0.7, [3, 5]), (0.3, 1)], treatment=[(0.5, [2, 1]), (0.5, 1)])
    priors = bmco.Priors(phi=prior) if robust else FLAT
    plans = [planned(rule, priors, n, 1) for rule in ONE]
    seen = []
    for control, treatment in itertools.product(data_sets(n[0], 2), data_sets(n[1], 2)):
        data = study(control, treatment)
        effect = Analysis(bmco.BMVB, priors=priors).effect(data, **FEW)
        for rule, decided in zip(ONE, plans, strict=True):
            if robust and rule.rule == "Comp":
                continue  # by draws in a plan, too
            found = exactly(effect.decide(rule), effect)
            met = [side.met for side in found.sides]
            assert met == plans_say(decided, rule.sides, control, treatment)
            seen.append(met)
    assert {any(met) for met in seen} == {True, False}


SUMS = [rule for rule in TWO if rule.rule in ("Comp", "Utility")]
CLAIMS = [rule for rule in TWO if rule not in SUMS]


@pytest.mark.parametrize(
    ("rules", "n", "priors"),
    [
        ([CLAIMS[0], CLAIMS[3], SUMS[0]], (1, 2), FLAT),
        pytest.param(CLAIMS, (3, 3), FLAT, marks=pytest.mark.slow),
        pytest.param(CLAIMS, (2, 3), DIFFERENT, marks=pytest.mark.slow),
        pytest.param(SUMS, (2, 2), DIFFERENT, marks=pytest.mark.slow),
    ],
)
def test_every_data_set_of_two_outcomes(rules, n: tuple[int, int], priors: bmco.Priors) -> None:
    plans = [planned(rule, priors, n, 2) for rule in rules]
    seen = np.zeros((len(rules), 2), dtype=int)
    for control, treatment in itertools.product(data_sets(n[0], 4), data_sets(n[1], 4)):
        data = study(control, treatment)
        effect = Analysis(bmco.BMVB, priors=priors).effect(data, **FEW)
        for place, (rule, decided) in enumerate(zip(rules, plans, strict=True)):
            found = exactly(effect.decide(rule), effect)
            met = [side.met for side in found.sides]
            assert met == plans_say(decided, rule.sides, control, treatment)
            seen[place, int(any(met))] += 1
    assert (seen > 0).all()  # each rule was met by some data and not by others


@pytest.mark.parametrize("rule", [TWO[0], TWO[5], TWO[7]], ids=["all", "count", "comp"])
def test_a_run_is_the_decision_that_was_planned(rule: bmco.Rule) -> None:
    """The same through the verb, for some data sets; a decision does not depend on a seed."""
    rng = np.random.default_rng(3)
    analysis = Analysis(bmco.BMVB, rule, priors=DIFFERENT)
    decided = planned(rule, DIFFERENT, (6, 9), 2)
    for _ in range(6):
        control, treatment = rng.multinomial(6, [0.25] * 4), rng.multinomial(9, [0.25] * 4)
        data = study(control, treatment)
        one = analysis.run(data, **FEW)
        other = analysis.run(data, **FEW | {"seed": 2})
        assert [side.met for side in one.sides] == plans_say(
            decided, rule.sides, control.tolist(), treatment.tolist()
        )
        assert [side.statistic for side in one.sides] == [side.statistic for side in other.sides]
        assert one.verdict == other.verdict
        assert one.asked == rule.for_outcomes(["y1", "y2"])


# --- exact numbers beside draws -------------------------------------------------------------------

CONTROL, TREATMENT = [6, 4, 3, 12], [11, 5, 4, 6]


@pytest.mark.parametrize(
    "rule",
    [
        bmco.Rule("all"),
        bmco.Rule("any", "left", 0.05),
        bmco.Rule("any", "two-sided", [-0.1, 0.2]),
        bmco.Rule("count", m=2),
        bmco.Rule("comp", w=[0.8, 0.2]),
        bmco.Rule("comp", "two-sided", 0.1),
        bmco.Rule("utility", u=[1, 0.1, 0.6, 0], margins=0.02),
        bmco.Rule("utility", "left", u=[0, 0.1, 0.6, 1]),
    ],
)
@pytest.mark.parametrize("prior", ["flat", "different", "mixture"])
def test_exact_probabilities_agree_with_draws(rule: bmco.Rule, prior: str) -> None:
    phi: Any = {
        "flat": bmco.Dirichlet(),
        "different": bmco.Dirichlet([2, 1, 0.5, 4], treatment=[1, 3, 0.2, 0.6]),
        "mixture": bmco.Mixture([(0.6, [5, 2, 2, 9]), (0.4, 0.5)]),
    }[prior]
    analysis = Analysis(bmco.BMVB, rule, priors=bmco.Priors(phi=phi))
    effect = analysis.effect(study(CONTROL, TREATMENT), **MANY)
    drawn = effect.decide(rule)
    found = exactly(drawn, effect)
    by_sum = rule.rule in ("Comp", "Utility")
    if by_sum and prior == "mixture":
        assert found is drawn
        return
    for exact, rough in zip(found.sides, drawn.sides, strict=True):
        assert exact.direction == rough.direction
        error = 4 * np.maximum(rough.marginal_mcse.values, 2e-5)
        assert (np.abs(exact.marginal.values - rough.marginal.values) < error).all()
        assert (exact.marginal_mcse.values == 0).all()
        assert np.isnan(exact.marginal_bound.values).all()
        assert abs(exact.statistic - rough.statistic) < 4 * max(rough.statistic_mcse, 2e-5)
        assert exact.statistic != rough.statistic
        assert exact.threshold == rough.threshold
        assert exact.event == rough.event
        assert exact.met == (exact.statistic > exact.threshold)
        assert exact.settled
        assert exact.statistic_mcse == 0
        if by_sum:
            assert (exact.probability, exact.mcse) == (exact.statistic, 0)
        else:  # what is not decided by stays as it was
            assert (exact.probability, exact.mcse) == (rough.probability, rough.mcse)


def test_marginal_probabilities_by_quadrature() -> None:
    found = Analysis(bmco.BMVB, bmco.Rule("all", margins=[0.05, -0.1])).run(
        study(CONTROL, TREATMENT), **FEW
    )
    for k, (s, t, margin) in enumerate(((16, 10, 0.05), (15, 9, -0.1))):
        # of 26 and of 25
        expected = quad(
            lambda y, s=s, t=t, m=margin: (
                beta.pdf(y, 1 + t, 26 - t) * beta.sf(y + m, 1 + s, 27 - s)
            ),
            0,
            1,
            epsabs=1e-12,
        )[0]
        assert found.marginal.values[k] == pytest.approx(expected, abs=1e-9)


def test_a_power_prior_of_another_program() -> None:
    given, value, tolerance = oracle("hist.power.post")
    successes, subjects = given["hist"]
    prior = bmco.Dirichlet.from_history([successes, subjects - successes], given["a0"])
    data = study([given["sC"], given["nC"] - given["sC"]], [given["sE"], given["nE"] - given["sE"]])
    found = Analysis(bmco.BMVB, priors=bmco.Priors(phi=prior)).run(data, **FEW)
    assert found.probability == pytest.approx(value, abs=tolerance)


@pytest.mark.parametrize("name", ["hist.mix.info", "hist.mix.robust"])
def test_mixtures_of_another_program(name: str) -> None:
    given, values, tolerance = oracle(name)
    mixture = [(weight, [a, b]) for weight, a, b in given["mix"]]
    prior = bmco.Mixture(mixture, treatment=bmco.Dirichlet(given["aE"]))
    analysis = Analysis(bmco.BMVB, priors=bmco.Priors(phi=prior))
    found = analysis.run(study([1, 5], [14, 10]), **FEW)
    assert found.probability == pytest.approx(values[0], abs=tolerance)


def test_a_robust_meta_analytic_prior_of_another_program() -> None:
    given, values, tolerance = oracle("hist.map.robust")
    data = study([given["sC"], given["nC"] - given["sC"]], [given["sE"], given["nE"] - given["sE"]])
    for weight, value in zip(given["robust_weight"], values, strict=True):
        treatment = bmco.Dirichlet(given["treatment_prior"])
        prior = bmco.map_prior(given["r"], given["n"], robust=weight, treatment=treatment)
        found = Analysis(bmco.BMVB, priors=bmco.Priors(phi=prior)).run(data, **FEW)
        assert found.probability == pytest.approx(value, abs=tolerance)


def test_a_composite_of_another_program() -> None:
    given, value, tolerance = oracle("post.comp.w")
    rule = bmco.Rule("comp", w=given["w"])
    analysis = Analysis(bmco.BMVB, rule, priors=bmco.Priors(phi=bmco.Dirichlet(given["prior"])))
    found = analysis.run(study(given["C"], given["E"]), **FEW)
    assert found.probability == pytest.approx(value, abs=tolerance)
    assert found.decision == "not superior"


def test_the_joint_posterior_with_history_of_another_program() -> None:
    given, value, tolerance = oracle("hist.qdm")
    prior = bmco.Dirichlet.from_history(given["hist"], given["a0"], alpha=given["prior"])
    rule = bmco.Rule("all", margins=given["margin"], statistic="joint")
    analysis = Analysis(bmco.BMVB, rule, priors=bmco.Priors(phi=prior))
    found = analysis.run(study(given["xC"], given["xE"]), draws=100_000, seed=1, progress=False)
    assert found.mcse < 0.001
    assert found.probability == pytest.approx(value, abs=4 * found.mcse + tolerance)


def test_a_joint_posterior_of_another_program() -> None:
    given, (every, some), tolerance = oracle("post.joint.1")
    for name, value in (("all", every), ("any", some)):
        analysis = Analysis(bmco.BMVB, bmco.Rule(name, statistic="joint"))
        found = analysis.run(study(given["C"], given["E"]), **MANY)
        assert found.probability == pytest.approx(value, abs=4 * found.mcse + tolerance)
        assert found.sides[0].statistic == found.probability


# --- what stays -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["all", "any"])
def test_joint_decisions_stay_those_of_the_draws(name: str) -> None:
    rule = bmco.Rule(name, statistic="joint", margins=-0.1)
    analysis = Analysis(bmco.BMVB, rule)
    data = study(CONTROL, TREATMENT)
    found = analysis.run(data, **MANY)
    drawn = analysis.effect(data, **MANY).decide(rule)
    assert str(found) == str(drawn)
    assert "(exact)" not in str(found)
    assert "MCSE" in str(found)


def test_the_effect_takes_the_same_value() -> None:
    rule = bmco.Rule("any", "two-sided", cut=0.97)
    analysis = Analysis(bmco.BMVB, rule)
    data = study(CONTROL, TREATMENT)
    one = analysis.run(data, **MANY)
    other = bmco.BMVB(data).fit(**MANY).effect().decide(rule)
    assert one.asked == other.asked
    assert one.verdict == other.verdict
    assert one.sides[0].threshold == other.sides[0].threshold == 0.97
    assert one.sides[0].statistic == pytest.approx(other.sides[0].statistic, abs=0.01)


def test_what_is_exact_is_printed_so() -> None:
    data = study(CONTROL, TREATMENT)
    text = str(Analysis(bmco.BMVB, bmco.Rule("all")).run(data, **MANY))
    assert text.count("(exact)") == 2  # both outcomes, and not their joint probability
    assert text.count("MCSE") == 1
    text = str(Analysis(bmco.BMVB, bmco.Rule("comp")).run(data, **MANY))
    assert text.count("(exact)") == 3
    assert "MCSE" not in text
    assert "(exact)" in Analysis(bmco.BMVB, bmco.Rule("comp")).run(data, **MANY)._repr_html_()
    one = str(Analysis(bmco.BMVB).run(study([4, 9], [9, 4]), **FEW))
    assert one.count("(exact)") == 2
    assert "Caveat" not in one  # a few draws do not matter


def test_few_draws_matter_where_draws_decide() -> None:
    data = study([12, 5, 4, 3], [10, 5, 5, 6])
    analysis = Analysis(bmco.BMVB, bmco.Rule("all", statistic="joint"))
    text = str(analysis.run(data, draws=40, seed=1, progress=False))
    assert "fewer than 400" in text


def test_non_inferiority_is_called_so() -> None:
    rule = bmco.Rule("all", margins=-0.3)
    found = Analysis(bmco.BMVB, rule).run(study(CONTROL, TREATMENT), **FEW)
    assert found.decision == "non-inferior"


def test_a_study_that_does_not_fit_is_refused() -> None:
    analysis = Analysis(bmco.BMVB, bmco.Rule("all", margins=[0, 0, 0]))
    with pytest.raises(bmco.InputError, match=r"margins=.*needs 2 numbers"):
        analysis.run(study(CONTROL, TREATMENT))
    with pytest.raises(bmco.InputError, match="study=.*must be a bmco_pymc.Study"):
        Analysis(bmco.BMVB).run(pd.DataFrame())  # type: ignore[arg-type]
    three = bmco.Priors(phi=bmco.Dirichlet(np.ones(8)))
    with pytest.raises(bmco.InputError, match="phi.alpha=.*has 8 entries, there are 4 patterns"):
        Analysis(bmco.BMVB, priors=three).run(study(CONTROL, TREATMENT))
    with pytest.raises(bmco.InputError, match="tries=3: there is no such setting|tries"):
        Analysis(bmco.BMVB).run(study(CONTROL, TREATMENT), tries=3)


# --- a design that is run -------------------------------------------------------------------------


def _study(rows: int) -> bmco.Study:
    table = bmco.load_trial()
    arms = [table[table["arm"] == arm].head(rows) for arm in ("ctl", "trt")]
    return bmco.Study(pd.concat(arms), ["y1", "y2"], "arm", "ctl", "trt")


def test_a_design_runs_with_the_cut_off_of_the_look() -> None:
    looks = bmco.Looks([40, 80, 120], bmco.HSD(-4))
    plan = bmco.Design(analysis=bmco.Analysis(bmco.BMVB, bmco.Rule("any")), looks=looks)
    cuts = plan.stages(2).cuts
    for place, n in enumerate(looks.n):
        found = plan.run(_study(n), seed=1)
        assert found.sides[0].threshold == cuts[place]
        at = plan.run(_study(n), look=place + 1, seed=1)
        assert str(at) == str(found)
    with pytest.warns(bmco.InputWarning, match="look 2 is planned with 80 and 80 subjects"):
        off = plan.run(_study(77), seed=1)
    assert off.sides[0].threshold == cuts[1]
    with pytest.raises(bmco.InputError, match="look=4"):
        plan.run(_study(40), look=4)


def test_a_calibrated_design_with_looks_decides_as_planned() -> None:
    plan = bmco.Design(
        analysis=bmco.Analysis(bmco.BMVB, bmco.Rule("all")), looks=bmco.Looks([60, 120])
    ).calibrate(0.025, progress=False)
    assert plan.looks is not None
    last = plan.stages(2).cuts[-1]
    for decision in (plan.run(_study(120), seed=1), plan.analysis.run(_study(120), seed=1)):
        assert decision.sides[0].threshold == last
        assert decision.alpha == 0.025


def test_a_design_without_looks_runs_its_analysis() -> None:
    plan = bmco.Design(120, bmco.Analysis(bmco.BMVB, bmco.Rule("any")))
    assert str(plan.run(_study(120), seed=1)) == str(plan.analysis.run(_study(120), seed=1))
    with pytest.warns(bmco.InputWarning, match="is planned with 120 and 120 subjects"):
        plan.run(_study(100), seed=1)


def test_a_plan_is_not_run_on_other_outcomes() -> None:
    plan = bmco.Design(40, bmco.Analysis(bmco.BMVB, bmco.Rule("any")), outcomes=["y2", "y1"])
    with pytest.raises(bmco.InputError, match=r"study=\('y1', 'y2'\): has other outcomes, or in"):
        plan.run(_study(40))
    with pytest.raises(bmco.InputError, match="or in another order, than the plan"):
        plan.predict(_study(20))
    assert plan.names(2) == ("y2", "y1")
