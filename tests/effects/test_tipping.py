"""Unobserved outcomes that depart from MAR: by hand, at the ends, and without a departure."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit, logit

import bmco_pymc as bmco
from bmco_pymc.effects.crossings import between

GROUPS = ("ctl", "trt")


def with_gaps(data: pd.DataFrame, shares: Any = (0.15, 0.25), seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    y = data[["y1", "y2"]].astype(float)
    gone = rng.random(y.shape) < shares
    gone[gone.all(axis=1)] = False
    return data.assign(y1=y["y1"].mask(gone[:, 0]), y2=y["y2"].mask(gone[:, 1]))


def study_of(data: pd.DataFrame, **more: Any) -> bmco.Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.InputWarning)
        return bmco.Study(data, ["y1", "y2"], "arm", *GROUPS, missing="mar", **more)


@pytest.fixture(scope="module")
def exact() -> bmco.Fit:
    """Of 20 controls four miss y2, three of them with y1; of 30 treated six, one with y1."""
    rows = [
        *[("ctl", 1, 1, 5), ("ctl", 1, 0, 3), ("ctl", 0, 1, 2), ("ctl", 0, 0, 6)],
        *[("ctl", 1, np.nan, 3), ("ctl", 0, np.nan, 1)],
        *[("trt", 1, 1, 14), ("trt", 1, 0, 3), ("trt", 0, 1, 4), ("trt", 0, 0, 3)],
        *[("trt", 1, np.nan, 1), ("trt", 0, np.nan, 5)],
    ]
    data = pd.DataFrame(rows, columns=["arm", "y1", "y2", "n"])
    return bmco.BMVB(study_of(data, counts="n")).fit(draws=1000, seed=3)


def by_hand(fit: bmco.Fit, shifts: tuple[float, float]) -> np.ndarray:
    """Return θ* of y2, (S, 2): of each subject, given its y1."""
    phi = fit.draws("phi")  # (S, 2, 4): 11, 10, 01, 00
    theta = phi[..., 0] + phi[..., 2]
    missing, n = {0: (3, 1), 1: (1, 5)}, (20, 30)
    for g, shift in enumerate(shifts):
        for y1, count in enumerate(missing[g][::-1]):
            with_it, without = (phi[:, g, 0], phi[:, g, 1]) if y1 else (phi[:, g, 2], phi[:, g, 3])
            pi = with_it / (with_it + without)
            theta[:, g] += count * (expit(logit(pi) + shift) - pi) / n[g]
    return theta


@pytest.mark.parametrize("shifts", [(0.0, -1.5), (2.0, 0.0), (0.7, -0.4)])
def test_theta_is_the_formula_subject_by_subject(exact, shifts):
    found = exact.tipping_point({"ctl": sorted({shifts[0]}), "trt": [shifts[1]]})
    expected = by_hand(exact, shifts)
    for g, theta in enumerate((found.theta_control, found.theta_treatment)):
        own = theta.sel(outcome="y2", shift=shifts[g]).values.ravel()
        np.testing.assert_allclose(own, expected[:, g], rtol=1e-12)
        assert (theta.sel(outcome="y1") == theta.sel(outcome="y1", shift=0)).all()
    delta = expected[:, 1] - expected[:, 0]
    row = found.table.set_index(["shift_control", "shift_treatment"]).loc[shifts]
    assert row["delta[y2]"] == pytest.approx(delta.mean(), rel=1e-10)
    assert row["theta[trt, y2]"] == pytest.approx(expected[:, 1].mean(), rel=1e-10)
    # δ of y2 alone decides rule Comp with all weight on it
    one = exact.tipping_point(
        {"ctl": [shifts[0]], "trt": [shifts[1]]}, rule="comp", w={"y1": 0, "y2": 1}
    )
    assert one.at(*shifts).probability == pytest.approx((delta > 0).mean(), abs=1e-12)


def test_success_among_the_unobserved(exact):
    """Posterior means under MAR, by conjugacy: Beta given y1 with the y2 that were seen."""
    found = exact.tipping_point()
    known = found.unobserved.set_index(["group", "outcome"])
    assert known["missing"].tolist() == [0, 4, 0, 6]
    assert known["shifted"].tolist() == [False, True, False, True]
    assert known["share"].tolist() == pytest.approx([0, 0.2, 0, 0.2])
    # y1 = 1: 5 of 8 with y2, prior (1/2, 1/2) each; y1 = 0: 2 of 8
    expected = {"ctl": (3 * 5.5 / 9 + 2.5 / 9) / 4, "trt": (14.5 / 18 + 5 * 4.5 / 8) / 6}
    for group, mean in expected.items():
        assert known.loc[(group, "y2"), "success"] == pytest.approx(mean, abs=0.01)  # four errors
        at_zero = found.rates.query("group == @group and shift == 0")["success"].item()
        assert at_zero == known.loc[(group, "y2"), "success"]
    assert (found.rates.groupby("group")["success"].diff().dropna() > 0).all()


def test_far_away_every_unobserved_outcome_is_a_failure_or_a_success(exact):
    found = exact.tipping_point([-1e6, -800, 40, 1e9])
    phi = exact.draws("phi")
    for g, (theta, missing, n) in enumerate(
        [(found.theta_control, (1, 3), 20), (found.theta_treatment, (5, 1), 30)]
    ):
        mar = phi[:, g, 0] + phi[:, g, 2]
        pi = [phi[:, g, 2] / (phi[:, g, 2] + phi[:, g, 3]), phi[:, g, 0] / phi[:, g, :2].sum(1)]
        worst = mar - sum(m * p for m, p in zip(missing, pi, strict=True)) / n
        best = mar + sum(m * (1 - p) for m, p in zip(missing, pi, strict=True)) / n
        y2 = theta.sel(outcome="y2")
        for shift, expected in [(-1e6, worst), (-800, worst), (40, best), (1e9, best)]:
            np.testing.assert_allclose(y2.sel(shift=shift).values.ravel(), expected, atol=1e-12)


def test_treatment_minus_control(exact):
    """A treatment whose unobserved fail gains less; a control whose unobserved fail, loses."""
    table = exact.tipping_point().table.set_index(["shift_control", "shift_treatment"])
    delta = table["delta[y2]"].unstack()
    assert (np.diff(delta, axis=1) > 0).all()
    assert (np.diff(delta, axis=0) < 0).all()
    for name in ("probability", "statistic"):
        chance = table[name].unstack()
        assert (np.diff(chance, axis=1) >= 0).all()
        assert (np.diff(chance, axis=0) <= 0).all()
    assert delta.loc[-3, 3] > delta.loc[0, 0] + 0.1 > delta.loc[3, -3] + 0.2


RULES: list[dict[str, Any]] = [
    {"rule": "all"},
    {"rule": "any", "direction": "left", "margins": -0.1},
    {"rule": "comp", "w": [0.7, 0.3], "margins": [0.02, 0.0]},
    {"rule": "count", "m": 2, "statistic": "joint"},
    {"rule": "any", "direction": "two-sided"},
    {"rule": "all", "cut": 0.6},
]


@pytest.mark.parametrize("asked", RULES)
def test_the_table_says_what_a_decision_at_the_pair_says(exact, asked):
    found = exact.tipping_point([-2, 0, 1.5], **asked)
    for _, row in found.table.iterrows():
        decision = found.at(row["shift_control"], row["shift_treatment"])
        assert row["decision"] == decision.decision
        for side, start in zip(decision.sides, ("", "left_"), strict=False):
            assert row[f"{start}probability"] == side.probability
            assert row[f"{start}statistic"] == side.statistic
            assert row[f"{start}mcse"] == pytest.approx(side.mcse, rel=1e-12)
            bound = np.nan if side.bound is None else side.bound
            assert row[f"{start}bound"] == pytest.approx(bound, nan_ok=True)


def check_mar(fit: bmco.Fit, **how: Any) -> Any:
    """Assert that shift 0 is the answer under MAR to the last digit."""
    found = fit.tipping_point([-1, 1], rule="any", **how)
    effect = fit.effect(**how)
    decision = effect.decide("any")
    assert str(found.at()) == str(found.decision) == str(decision)
    xr.testing.assert_equal(
        found.delta.sel(shift_control=0, shift_treatment=0, drop=True).drop_attrs(),
        effect.delta.transpose("chain", "draw", "outcome").drop_attrs(),
    )
    (row,) = found.table.query("shift_control == 0 and shift_treatment == 0").to_dict("records")
    (side,) = decision.sides
    assert row["probability"] == side.probability
    assert row["mcse"] == side.mcse
    assert row["statistic"] == side.statistic
    assert row["decision"] == decision.decision
    mean = effect.theta.mean(("chain", "draw"))
    for group in GROUPS:
        assert row[f"theta[{group}, y1]"] == float(mean.sel(group=group, outcome="y1"))
    return found


def test_without_a_shift_it_is_the_answer_under_mar(exact):
    check_mar(exact)


@pytest.mark.samples
@pytest.mark.filterwarnings("ignore::bmco_pymc.ConvergenceWarning")
def test_regressions_without_and_with_a_shift():
    """The formula with φ of each cell: of a BGLM by its covariate, of a BGLMM by its cluster."""
    data = with_gaps(bmco.load_multisite())
    study = study_of(data, cluster="site")
    few: dict[str, Any] = {"draws": 60, "tune": 150, "chains": 2, "seed": 5, "progress": False}
    flat = bmco.BGLM(study, "arm * x").fit(**few)
    nested = bmco.BGLMM(study, "arm * x", "1").fit(**few)
    own = {"standardise": "own", "clusters": "observed"}
    choices: list[tuple[bmco.Fit, list[dict[str, Any]]]] = [
        (flat, [{}, {"standardise": "own"}]),
        (nested, [{}, own]),
    ]
    for fit, hows in choices:
        for how in hows:
            check_mar(fit, **how)
        found = fit.tipping_point([-1, 1])
        rows, arm = data, (data["arm"] == "trt").to_numpy()
        design = np.stack([np.ones(len(rows)), arm, rows["x"], arm * rows["x"]], axis=1)
        named = {"Intercept": 0, "arm": 1, "x": 2, "arm:x": 3}
        beta = fit.draws("beta")  # (S, terms, 3)
        columns = [named[term] for term in fit.model.coords["term"]]
        eta = np.einsum("nt,stl->snl", design[:, columns], beta)
        if "cluster" in fit.model.coords:
            places = [fit.model.coords["cluster"].index(site) for site in rows["site"]]
            eta = eta + fit.draws("gamma_cluster")[:, places, 0]
        phi = np.exp(np.concatenate([eta, np.zeros((*eta.shape[:2], 1))], axis=2))
        phi /= phi.sum(axis=2, keepdims=True)  # (S, n, 4)
        y1, y2 = rows["y1"].to_numpy(), rows["y2"].to_numpy()
        both = {"y1": (y1, y2, (0, 2, 1, 3)), "y2": (y2, y1, (0, 1, 2, 3))}
        for outcome, (of, other, order) in both.items():
            p = phi[..., order]  # both; not this one; this one without the other; none
            with_other = p[..., 0] / (p[..., 0] + p[..., 1])
            without = p[..., 2] / (p[..., 2] + p[..., 3])
            pi = np.where(other == 1, with_other, without)
            change = np.where(np.isnan(of), expit(logit(pi) + 1) - pi, 0)
            for g, theta in enumerate((found.theta_control, found.theta_treatment)):
                expected = change[:, arm == g].sum(axis=1) / (arm == g).sum()
                gain = theta.sel(outcome=outcome, shift=1) - theta.sel(outcome=outcome, shift=0)
                np.testing.assert_allclose(gain.values.ravel(), expected, atol=1e-12)


def test_where_the_decision_changes(exact):
    found = exact.tipping_point(np.linspace(-3, 3, 25), rule="comp", alpha=0.15)
    assert found.decision.decision == "superior"
    line = found.line.set_index("shift_control")["shift_treatment"]
    assert line.dropna().is_monotonic_increasing
    for end in (0, -1):  # it goes from border to border
        place = found.line.dropna().iloc[end]
        assert 3 in (abs(place["shift_control"]), abs(place["shift_treatment"]))
    near = found.nearest.set_index("moved")
    assert list(near.index) == ["treatment", "control", "both"]
    alone = near.loc["treatment"]
    assert alone["shift_treatment"] == pytest.approx(line[0.0], abs=1e-3)
    assert alone["shift_treatment"] < 0 == alone["shift_control"]
    for _, row in near.dropna().iterrows():
        here = np.array([row["shift_control"], row["shift_treatment"]])
        # θ is linear between shifts, and the exact one a little off: a hundredth is enough
        short = np.sign(here) * (np.abs(here) - 0.02 * (here != 0))
        beyond = np.sign(here) * (np.abs(here) + 0.02 * (here != 0))
        assert found.at(*short).decision == "superior"
        assert found.at(*beyond).decision == row["decision"] == "not superior"
    both = near.loc["both"]
    assert both["shift_control"] == -both["shift_treatment"] > 0
    trt = found.unobserved.set_index(["group", "outcome"]).loc[("trt", "y2")]
    theta = [found.theta_treatment.sel(outcome=["y2"])]
    moved = between(theta[0], np.array([alone["shift_treatment"], 0.0])).mean(("chain", "draw"))
    gain = float(moved[0, 0] - moved[0, 1])
    assert alone["success[trt, y2]"] == pytest.approx(trt["success"] + gain / trt["share"])


def test_what_is_printed(exact):
    printed = str(exact.tipping_point(rule="comp", alpha=0.15))
    assert printed.startswith("Tipping point of trt compared with ctl: rule Comp, right-sided")
    assert "Under MAR: superior, as the joint probability" in printed
    assert "It becomes not superior where the unobserved of trt have log odds" in printed
    assert "lower (success among them: y2 0." in printed
    assert "with ctl as under MAR." in printed
    assert "Partly observed: 10 of 50 subjects" in printed
    assert "Estimand: Success probability in the whole population of each group" in printed
    assert "Independent draws" in printed
    narrow = str(exact.tipping_point([-0.1, 0.1], rule="comp", alpha=0.15))
    assert "it stays superior with the log odds of the unobserved of trt shifted by" in narrow
    assert "from -0.1 to 0.1" in narrow
    assert "the same throughout" in narrow
    assert "MAR" not in "".join(exact.tipping_point().at(0, -1).caveats)
    assert "shifted by 0 in ctl and -1 in trt" in exact.tipping_point().at(0, -1).caveats[0]


def test_both_directions(exact):
    found = exact.tipping_point(rule="comp", direction="two-sided")
    assert set(found.line["direction"]) == {"right", "left"}
    assert found.probability.dims == ("side", "shift_control", "shift_treatment")
    total = found.probability.sum("side")
    assert (total <= 1).all()
    assert (found.decided["decision"].values[0, -1], found.decision.decision)[0] == "superior"
    sides = {*found.nearest["direction"].dropna()}
    assert sides <= {"right", "left"}


def test_one_group_without_gaps():
    data = with_gaps(bmco.load_trial())
    whole = bmco.load_trial()["arm"] == "ctl"
    data.loc[whole, ["y1", "y2"]] = bmco.load_trial().loc[whole, ["y1", "y2"]].astype(float)
    found = bmco.BMVB(study_of(data)).fit(draws=500, seed=1).tipping_point(rule="any")
    assert found.decided.sizes["shift_control"] == 1
    assert found.nearest["moved"].tolist() == ["treatment"]
    assert "Nothing is unobserved in ctl." in str(found)
    with pytest.raises(bmco.InputError, match="control=1.0: nothing of it is unobserved"):
        found.at(control=1)
    with pytest.raises(bmco.InputError, match=r"shift\['ctl'\]=\[1\]: no outcome of this group"):
        found.effect.fit.tipping_point({"ctl": [1], "trt": [1]})
    assert len(found.table) == 13


def test_only_some_outcomes():
    fit = bmco.BMVB(study_of(with_gaps(bmco.load_trial()))).fit(draws=500, seed=1)
    found = fit.tipping_point([-1, 1], outcomes="y2")
    assert found.outcomes == ("y2",)
    assert (found.theta_treatment.sel(outcome="y1", shift=1) == fit.effect().theta.sel(
        group="trt", outcome="y1")).all()  # fmt: skip
    assert "success[trt, y1]" not in found.nearest


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"shift": [1, -1]}, "must be finite numbers in increasing order"),
        ({"shift": [0, np.inf]}, "must be finite numbers in increasing order"),
        ({"shift": [np.nan]}, "must be finite numbers in increasing order"),
        ({"shift": [-1, -1]}, "must be finite numbers in increasing order"),
        ({"shift": "far"}, "must be finite numbers in increasing order"),
        ({"shift": 0}, "0 is the analysis under MAR"),
        ({"shift": range(1000)}, "are 1000 shifts, and 101 at most"),
        ({"shift": {"trt": [1]}}, "must have shifts of both groups.*choose from 'ctl', 'trt'"),
        ({"outcomes": "y3"}, "is no outcome of the study; choose from 'y2'"),
        ({"outcomes": "y1"}, "was observed of everyone; choose from 'y2'"),
        ({"outcomes": []}, "names no outcome"),
        ({"outcomes": 2}, "must be outcomes that some subjects miss"),
        ({"population": bmco.Empirical(x=(0, 1))}, "must be the whole sample"),
        ({"clusters": "new"}, "has no clusters"),
        ({"rule": "utility", "u": [1, 0.5, 0.5, 0]}, "weighs response patterns"),
        ({"rule": "most"}, "unknown rule"),
    ],
)
def test_what_cannot_be_asked(exact, asked, message):
    with pytest.raises(bmco.InputError, match=message):
        exact.tipping_point(**asked)


def test_nothing_unobserved(trial_study):
    fit = bmco.BMVB(trial_study).fit(draws=200, seed=1)
    with pytest.raises(bmco.InputError, match="missing='complete': nothing is unobserved.*mar"):
        fit.tipping_point()
    whole = bmco.BMVB(study_of(bmco.load_trial())).fit(draws=200, seed=1)
    with pytest.raises(bmco.InputError, match="missing='mar': nothing is unobserved"):
        whole.tipping_point()
    with pytest.raises(bmco.InputError, match="must be a finite number"):
        bmco.BMVB(study_of(with_gaps(bmco.load_trial()))).fit(draws=200, seed=1).tipping_point().at(
            treatment=np.inf
        )


def test_the_prior_alone_has_no_tipping_point():
    prior = bmco.BGLM(study_of(with_gaps(bmco.load_trial())), "arm * x").prior_effect(
        draws=500, seed=1
    )
    with pytest.raises(bmco.InputError, match="draws from the prior"):
        prior.fit.tipping_point()
