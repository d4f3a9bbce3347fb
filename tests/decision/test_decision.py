"""Rules, probabilities, Monte Carlo errors and verdicts, on draws whose answers are known."""

import subprocess
import sys
from collections.abc import Sequence
from itertools import permutations

import arviz as az
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from bmco_pymc.decision.criteria import CRITERIA, holds_all, holds_any, holds_comp
from bmco_pymc.decision.decision import decide
from bmco_pymc.errors import InputError, InputWarning

DIMS = ("chain", "draw", "outcome")


def as_delta(draws: np.ndarray, labels: Sequence[str] | None = None) -> xr.DataArray:
    labels = labels or [f"y{k + 1}" for k in range(draws.shape[-1])]
    return xr.DataArray(draws, dims=DIMS, coords={"outcome": list(labels)})


def signs(*above: int, n: int = 1000) -> xr.DataArray:
    """Return one chain where outcome k is +0.1 in ``above[k]`` random draws, else -0.1."""
    rng = np.random.default_rng(0)
    columns = [rng.permutation(np.where(np.arange(n) < k, 0.1, -0.1)) for k in above]
    return as_delta(np.stack(columns, axis=-1)[None])


@pytest.fixture(scope="module")
def normal() -> xr.DataArray:
    """Independent normal δ, asymmetric: N(0.06, 0.05²) and N(-0.02, 0.08²)."""
    rng = np.random.default_rng(20)
    return as_delta(rng.normal([0.06, -0.02], [0.05, 0.08], size=(4, 2500, 2)))


# --- numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("margins", [0.0, [0.03, -0.05]])
def test_joint_and_marginal_probabilities_of_normal_draws(normal, sign, margins):
    m = np.broadcast_to(margins, 2)
    mean, sd, w = sign * np.array([0.06, -0.02]), np.array([0.05, 0.08]), np.array([0.7, 0.3])
    p = norm.cdf((mean - m) / sd)
    truth = {
        "All": p.prod(),
        "Any": 1 - (1 - p).prod(),
        "Comp": norm.cdf(w @ (mean - m) / np.sqrt(w**2 @ sd**2)),
    }
    for rule, value in truth.items():
        weights = w if rule == "Comp" else None
        answer = decide(normal, rule, "right" if sign == 1 else "left", margins, weights)
        assert abs(answer.probability - value) < 4 * answer.mcse
        assert answer.mcse == pytest.approx(np.sqrt(value * (1 - value) / 10_000), rel=0.15)
        assert (abs(answer.marginal - p) < 4 * answer.sides[0].marginal_mcse).all()


def test_monte_carlo_error_is_that_of_the_indicator_and_sees_autocorrelation():
    rng = np.random.default_rng(3)
    x = np.zeros((4, 2000))
    for t in range(1, 2000):
        x[:, t] = 0.9 * x[:, t - 1] + rng.normal(size=4)
    delta = as_delta(np.stack([x, x + 1.5], axis=-1))
    answer = decide(delta, "all")
    expected = az.mcse(((delta > 0).all("outcome")).astype(float))
    assert answer.mcse == float(expected)
    p = answer.probability
    assert answer.mcse > 2 * np.sqrt(p * (1 - p) / 8000)
    assert answer.sides[0].ess < 8000 / 4


def test_all_draws_agreeing_gives_a_bound_from_the_ess_of_delta():
    rng = np.random.default_rng(5)
    draws = rng.normal([0.5, 0.4], 0.03, size=(2, 500, 2))
    draws = np.repeat(draws, 4, axis=1)  # a quarter of the draws carry information
    delta = as_delta(draws)
    tail = az.ess(delta, method="tail", prob=(0.05, 0.95))
    ess = min(float(az.ess(delta).min()), float(tail.min()))
    assert ess < 1500
    right = decide(delta, "all").sides[0]
    assert (right.probability, right.mcse) == (1.0, 0.0)
    assert right.ess == pytest.approx(ess, rel=1e-9)
    assert right.bound == pytest.approx(1 - 3 / ess, rel=1e-12)
    assert right.marginal_bound.values == pytest.approx([1 - 3 / ess] * 2, rel=1e-12)
    left = decide(delta, "any", "left").sides[0]
    assert left.probability == 0.0
    assert left.bound == pytest.approx(3 / ess, rel=1e-12)
    assert "> 0.99" in str(decide(delta, "all"))


def test_the_bound_never_trusts_more_than_the_number_of_draws():
    rng = np.random.default_rng(8)
    half = rng.normal(size=(4, 250, 1))
    antithetic = np.stack([half, -half], axis=2).reshape(4, 500, 1)  # ESS above the draws
    delta = as_delta(3 + 0.1 * antithetic)
    assert decide(delta, "all").sides[0].ess <= 2000


def test_no_bound_where_draws_disagree(normal):
    right = decide(normal, "all").sides[0]
    assert right.bound is None
    assert np.isnan(right.marginal_bound).all()


# --- verdicts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "above", "alpha", "verdict"),
    [
        ("All", (960, 955), 0.05, "superior"),  # joint < 0.95, yet both marginals above it
        ("All", (990, 950), 0.05, "not superior"),  # strictly above, and 0.95 is not
        ("Any", (974, 100), 0.05, "not superior"),  # 1 - 0.05 / 2 = 0.975
        ("Any", (976, 100), 0.05, "superior"),
        ("Any", (960, 100), 0.10, "superior"),
        ("Any", (960, 100, 100), 0.10, "not superior"),  # 1 - 0.10 / 3 = 0.967
    ],
)
def test_error_controlled_decision(rule, above, alpha, verdict):
    answer = decide(signs(*above), rule, alpha=alpha)
    assert answer.decision == answer.verdict == verdict
    edge = max(above) if rule == "Any" else min(above)
    assert answer.sides[0].statistic == edge / 1000


def test_comp_decides_on_its_joint_probability():
    heavy = signs(960, 20)  # w'δ > 0 exactly where the first outcome is
    assert decide(heavy, "comp", w=[0.8, 0.2]).probability == 0.96
    assert decide(heavy, "comp", w=[0.8, 0.2]).decision == "superior"
    assert decide(heavy, "comp", w=[0.2, 0.8]).probability == 0.02
    both = (signs(960, 20) > 0).all("outcome").mean()
    assert decide(heavy, "comp").probability == float(both)  # +0.1 and -0.1 cancel: not above


@pytest.mark.parametrize(
    ("above", "rule", "margins", "verdict"),
    [
        ((980, 990), "All", 0, "superior"),
        ((20, 10), "all", 0, "inferior"),
        ((960, 990), "ALL", 0, "neither"),  # 0.96 is below 1 - 0.05 / 2
        ((990, 10), "any", 0, "both"),
        ((985, 500), "any", 0, "neither"),  # below 1 - 0.05 / 4
        ((500, 500), "all", -0.2, "both"),
    ],
)
def test_two_sided_verdicts(above, rule, margins, verdict):
    answer = decide(signs(*above), rule, "two-sided", margins)
    assert answer.decision == verdict
    assert answer.right is answer.sides[0]
    assert answer.left is answer.sides[1]
    divisor = 2 * (len(above) if rule == "any" else 1)
    assert [side.threshold for side in answer.sides] == [1 - 0.05 / divisor] * 2


@pytest.mark.parametrize(
    ("direction", "margins", "met", "not_met"),
    [
        ("right", 0, "superior", "not superior"),
        ("right", 0.05, "superior", "not superior"),
        ("right", -0.05, "non-inferior", "non-inferiority not shown"),
        ("left", 0, "inferior", "not inferior"),
        ("left", -0.05, "non-superior", "non-superiority not shown"),
        ("right", [-0.05, 0.05], "superior to the margins", "not superior to the margins"),
        ("left", [-0.05, 0], "inferior beyond the margins", "not inferior beyond the margins"),
    ],
)
def test_one_sided_verdicts_name_what_was_asked(direction, margins, met, not_met):
    good, bad = (999, 998), (1, 2)
    yes, no = (good, bad) if direction == "right" else (bad, good)
    assert decide(signs(*yes), "all", direction, margins).verdict == met
    assert decide(signs(*no), "all", direction, margins).verdict == not_met


def test_comp_names_its_claim_by_the_weighted_margin():
    assert decide(signs(999, 999), "comp", margins=[-0.05, 0.01]).verdict == "non-inferior"


def test_a_statistic_too_near_the_threshold_is_a_caveat():
    answer = decide(signs(955, 1000, n=1000), "all", caveats=["observed clusters"])
    assert answer.caveats[0] == "observed clusters"
    assert not answer.sides[0].settled
    assert "too few draws to tell 0.9550 from 0.95" in answer.caveats[1]
    assert decide(signs(990, 1000), "all").sides[0].settled


@pytest.mark.parametrize("rule", ["all", "any", "comp"])
@pytest.mark.parametrize("shape", [(1, 1), (4, 1), (1, 3), (4, 2), (4, 3), (1, 40)])
def test_draws_too_few_to_judge_decide_nothing(rule, shape):
    rng = np.random.default_rng(5)
    # all draws agree, yet at most 1 - 3 / 40 can be said, and that is below 0.95
    values = np.stack([rng.uniform(0.1, 0.2, shape), rng.uniform(0.1, 0.2, shape)], axis=-1)
    delta = xr.DataArray(values, dims=("chain", "draw", "outcome"), coords={"outcome": ["a", "b"]})
    for direction in ("right", "two-sided"):
        answer = decide(delta, rule, direction)
        assert answer.verdict == "cannot be judged"
        assert answer.sides[0].met is None
        assert "cannot be told from" in str(answer)
        assert "the draws are too few to judge whether the" in " ".join(answer.caveats)
    assert decide(delta, rule, independent=True).verdict == "cannot be judged"
    enough = decide(xr.concat([delta] * (500 // delta.sizes["draw"]), "draw"), rule)
    assert enough.verdict == ("superior" if enough.sides[0].ess > 60 else "cannot be judged")


def test_no_monte_carlo_error_no_verdict():
    values = np.array([[0.1, 0.2, 0.3], [0.1, -0.2, 0.2], [0.1, 0.1, 0.2]])[..., None]
    delta = xr.DataArray(values, dims=("chain", "draw", "outcome"), coords={"outcome": ["a"]})
    answer = decide(delta, "all")
    assert np.isnan(answer.mcse)
    assert answer.verdict == "cannot be judged"
    assert "(MCSE not known)" in str(answer)
    assert decide(delta, "all", independent=True).verdict == "not superior"


# --- properties ------------------------------------------------------------------------------

# Ties and subnormal numbers, where careless arithmetic breaks.
effects = st.floats(-1, 1) | st.sampled_from([0.0, 0.1, -0.1, 0.2, -0.3, 5e-324, -5e-324, 1e-300])
weight = st.floats(0, 1) | st.sampled_from([0.0, 5e-324, 1e-300, 1.0, 1e300])


@st.composite
def cases(draw, n_draws: int = 12):
    k = draw(st.integers(1, 4))
    delta = draw(arrays(float, (2, n_draws // 2, k), elements=effects))
    w = draw(arrays(float, k, elements=weight).filter(lambda w: w.max() > 0))
    margins = draw(arrays(float, k, elements=effects.filter(lambda m: abs(m) < 1)))
    order = draw(st.permutations(range(k)))
    return as_delta(delta), w, margins, list(order)


@pytest.mark.slow
@given(cases(), effects)
@settings(max_examples=300, deadline=None)
def test_all_implies_comp_implies_any_draw_by_draw(case, margin):
    delta, w, _, _ = case
    excess = delta - margin
    alone = excess > 0
    all_, any_ = holds_all(excess), holds_any(excess)
    comp = holds_comp(excess, xr.DataArray(w, dims="outcome"))
    assert (all_ <= comp).all()
    assert (comp <= any_).all()
    assert (all_ <= alone).all()
    assert (alone <= any_).all()


def test_comp_does_not_see_the_order_of_outcomes_even_in_rounding():
    # In floating point 0.01 + 0.02 - 0.03 is zero, but 0.01 - 0.03 + 0.02 is positive.
    answers = set()
    for order in permutations([0.01, 0.02, -0.03]):
        excess = as_delta(np.array(order)[None, None])
        answers.add(bool(holds_comp(excess, xr.DataArray(np.ones(3), dims="outcome"))))
    assert len(answers) == 1


def same(one, other, order=slice(None)):
    assert (one.probability, one.ess, one.bound) == (other.probability, other.ess, other.bound)
    np.testing.assert_equal(one.mcse, other.mcse)
    for name in ("marginal", "marginal_mcse", "marginal_bound"):
        np.testing.assert_array_equal(getattr(one, name).values[order], getattr(other, name).values)
    assert (one.statistic, one.threshold, one.met) == (
        other.statistic,
        other.threshold,
        other.met,
    )


RULES = [name for name, one in CRITERIA.items() if not one.values]  # those about δ


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bmco_pymc.errors.InputWarning")
@given(cases(), st.sampled_from(RULES))
@settings(max_examples=40, deadline=None)
def test_swapping_the_groups_swaps_the_sides_exactly(case, rule):
    delta, w, margins, _ = case
    more = {"m": 1} if rule == "Count" else {}
    one = decide(delta, rule, "two-sided", margins, w, **more)
    other = decide(-delta, rule, "two-sided", margins, w, **more)
    same(one.right, other.left)
    same(one.left, other.right)
    swap = {"superior": "inferior", "inferior": "superior"}
    assert other.verdict == swap.get(one.verdict, one.verdict)
    same(
        decide(delta, rule, "right", margins, w, **more).sides[0],
        decide(-delta, rule, "left", margins, w, **more).sides[0],
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bmco_pymc.errors.InputWarning")
@given(cases(), st.sampled_from(RULES))
@settings(max_examples=40, deadline=None)
def test_permuting_outcomes_permutes_results(case, rule):
    delta, w, margins, order = case
    more = {"m": 1} if rule == "Count" else {}
    one = decide(delta, rule, "two-sided", margins, w, **more)
    other = decide(delta.isel(outcome=order), rule, "two-sided", margins[order], w[order], **more)
    same(one.right, other.right, order)
    same(one.left, other.left, order)
    assert one.verdict == other.verdict


# --- what users write ------------------------------------------------------------------------


def test_margins_and_weights_by_name_or_position(normal):
    by_position = decide(normal, "comp", margins=[0.01, -0.03], w=[0.75, 0.25])
    by_name = decide(normal, "comp", margins={"y2": -0.03, "y1": 0.01}, w={"y2": 0.25, "y1": 0.75})
    assert by_name.probability == by_position.probability
    assert by_name.margins == (0.01, -0.03)
    assert by_name.weights == (0.75, 0.25)


def test_comp_without_weights_uses_equal_ones(normal):
    assert decide(normal, "Comp").weights == (0.5, 0.5)
    assert decide(normal, "All").weights is None


def test_weights_are_normalised_with_a_warning(normal):
    with pytest.warns(InputWarning, match=r"does not sum to 1.*\[0\.75, 0\.25\]") as caught:
        scaled = decide(normal, "comp", w=[3, 1])
    assert caught[0].filename == __file__
    assert scaled.weights == (0.75, 0.25)
    assert scaled.probability == decide(normal, "comp", w=[0.75, 0.25]).probability
    decide(
        normal.isel(outcome=[0, 0, 0]), "comp", w=[0.1, 0.2, 0.7]
    )  # sums to one but for rounding


def test_weights_of_a_rule_without_weights_are_announced(normal):
    with pytest.warns(InputWarning, match="not used: rule Any"):
        assert decide(normal, "any", w=[0.5, 0.5]).weights is None


@pytest.mark.parametrize("rule", ["all", "ALL", "All", " all "])
@pytest.mark.parametrize(
    ("direction", "canonical"),
    [
        ("Right_Sided", "right"),
        ("left-sided", "left"),
        ("two_sided", "two-sided"),
        ("LEFT", "left"),
    ],
)
def test_rules_and_directions_in_any_case(normal, rule, direction, canonical):
    answer = decide(normal, rule, direction)
    assert (answer.rule, answer.direction) == ("All", canonical)


def test_one_chain_and_any_order_of_dims(normal):
    one_chain = normal.stack(all=("chain", "draw")).transpose("all", "outcome").values[None]
    assert decide(as_delta(one_chain), "any").probability == decide(normal, "any").probability
    turned = decide(normal.transpose("outcome", "draw", "chain"), "any")
    assert turned.mcse == decide(normal, "any").mcse


@pytest.mark.parametrize(
    ("changes", "argument", "match"),
    [
        ({"rule": "most"}, "rule", "choose from 'All', 'Any', 'Comp'"),
        ({"rule": "all-sided"}, "rule", "unknown rule"),
        ({"rule": None}, "rule", "unknown rule"),
        ({"direction": "up"}, "direction", "choose from 'right', 'left', 'two-sided'"),
        ({"alpha": 0}, "alpha", "below 0.5"),
        ({"alpha": 1.0}, "alpha", "below 0.5"),
        ({"alpha": True}, "alpha", "below 0.5"),
        ({"alpha": "0.05"}, "alpha", "below 0.5"),
        ({"alpha": np.nan}, "alpha", "below 0.5"),
        ({"margins": np.inf}, "margins", "finite"),
        ({"margins": None}, "margins", "finite"),
        ({"margins": "none"}, "margins", "finite"),
        ({"margins": [0, 0, 0]}, "margins", "2 numbers"),
        ({"margins": {"y1": 0}}, "margins", "every outcome.*'y1', 'y2'"),
        ({"margins": {"y1": 0, "y2": 0, "y3": 0}}, "margins", "no other"),
        ({"rule": "Comp", "w": [1]}, "w", "2 numbers"),
        ({"rule": "Comp", "w": 1}, "w", "2 weights"),
        ({"rule": "Comp", "w": [1.2, -0.2]}, "w", "non-negative"),
        ({"rule": "Comp", "w": [0, 0]}, "w", "not all zero"),
        ({"rule": "Comp", "w": [np.nan, 1]}, "w", "finite"),
        ({"rule": "Comp", "w": {"a": 1, "b": 0}}, "w", "'y1', 'y2'"),
    ],
)
def test_bad_input_names_argument_and_choices(normal, changes, argument, match):
    with pytest.raises(InputError, match=match) as caught:
        decide(**{"delta": normal, "rule": "All"} | changes)
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    "delta",
    [
        [[0.1, 0.2]],
        xr.DataArray(np.ones((4, 10)), dims=("chain", "draw")),
        as_delta(np.full((1, 10, 2), np.nan)),
        as_delta(np.ones((1, 0, 2))),
    ],
)
def test_delta_must_be_finite_labelled_draws(delta):
    with pytest.raises(InputError, match="delta="):
        decide(delta, "All")


# --- how it reads ----------------------------------------------------------------------------


def test_text_writes_out_the_event_and_never_shows_certainty():
    delta = as_delta(signs(960, 1000).values, ["maths", "reading"])
    text = str(decide(delta, "all", margins=[0, -0.05], caveats=["only 20 schools"]))
    assert "P(δ[maths] > 0 and δ[reading] > -0.05) = 0.9600 (MCSE 0.00" in text
    assert "reading > 0.99" in text
    assert "smallest marginal probability 0.9600 is above 0.95" in text
    assert "Caveat: only 20 schools" in text
    left = str(decide(delta, "any", "left", margins=[0, -0.05]))
    assert "P(δ[maths] < 0 or δ[reading] < 0.05)" in left
    comp = str(decide(delta, "comp", margins=[0.1, 0.2], w=[0.75, 0.25]))
    assert "P(0.75 δ[maths] + 0.25 δ[reading] > 0.125)" in comp
    two = str(decide(delta, "all", "two-sided"))
    assert two.count("P(δ[maths]") == 2


def test_html_escapes_labels_and_caveats():
    delta = as_delta(signs(960, 20).values, ["<script>", "a & b"])
    page = decide(delta, "all", caveats="<b>")._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "a &amp; b" in page
    assert "Caveat: &lt;b&gt;" in page


def test_results_are_frozen(normal):
    answer = decide(normal, "all")
    with pytest.raises(AttributeError):
        answer.alpha = 0.1  # type: ignore[misc]
    with pytest.raises(AttributeError):
        answer.sides[0].met = True  # type: ignore[misc]


def test_importing_the_module_imports_neither_pymc_nor_arviz():
    code = (
        "import sys, bmco_pymc.decision.decision; assert not {'pymc', 'arviz'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_probability_that_rests_on_few_draws_says_so():
    rng = np.random.default_rng(3)
    slow = np.repeat(rng.normal(0.02, 0.05, size=(4, 50, 2)), 20, axis=1)  # 200 distinct of 4000
    dims = ("chain", "draw", "outcome")
    stuck = xr.DataArray(slow, dims=dims, coords={"outcome": ["a", "b"]})
    decision = decide(stuck, "all")
    (caveat,) = [text for text in decision.caveats if "rests on draws worth" in text]
    assert caveat.startswith("P(δ[a] > 0 and δ[b] > 0) rests on draws worth ")
    assert f" {decision.sides[0].ess:.0f} independent ones, fewer than 400" in caveat
    free = stuck.copy(data=rng.normal(0.02, 0.05, size=(4, 1000, 2)))
    assert not [text for text in decide(free, "all").caveats if "rests on" in text]


@pytest.mark.filterwarnings("ignore:TOO FEW DRAWS")
def test_a_decision_on_draws_that_are_in_doubt_says_so(trial_study):
    from bmco_pymc import BMVB

    doubtful = BMVB(trial_study).fit(draws=40, seed=1).effect().decide("any")
    assert "TOO FEW DRAWS: the diagnostics of the effect say why" in str(doubtful)
    assert "TOO FEW DRAWS" not in str(BMVB(trial_study).fit(seed=1).effect().decide("any"))


@pytest.mark.parametrize("margins", [-10, 1, -1, [0, 1.5], {"y1": -3, "y2": 0}, 1e300])
@pytest.mark.parametrize("rule", ["All", "Any", "Comp"])
def test_margins_are_differences_of_probabilities(margins, rule):
    with pytest.raises(InputError, match="differences of probabilities.*ten points are 0.1") as e:
        decide(signs(900, 800), rule, margins=margins)
    assert e.value.value is margins


@pytest.mark.parametrize("alpha", [0.5, 0.95, 1, 0, -0.05, np.nan, True, "0.05", None])
@pytest.mark.parametrize("direction", ["right", "left", "two-sided"])
def test_a_level_of_a_half_or_more_is_no_level(alpha, direction):
    with pytest.raises(InputError, match="below 0.5"):
        decide(signs(900, 800), "All", direction, alpha=alpha)


def test_a_high_level_warns_and_a_usual_one_does_not():
    with pytest.warns(InputWarning, match="alpha=0.3 lets the decision err in up to 30%"):
        assert decide(signs(900, 800), "All", alpha=0.3).alpha == 0.3
    assert decide(signs(900, 800), "All", alpha=0.2).alpha == 0.2
