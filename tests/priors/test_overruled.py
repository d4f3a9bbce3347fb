"""A prior that overrules the scale of the data is named, with a number that has a closed form."""

import warnings

import numpy as np
import pandas as pd
import pytest

import bmco_pymc as bmco
from bmco_pymc.priors.neutral import LOGIT_SD
from bmco_pymc.priors.overruled import prior_effects


def trial(mean: float, sd: float, *, clusters: bool = False) -> bmco.Study:
    """Return a trial with a covariate of exactly this mean and SD."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=400)
    x = mean + sd * (x - x.mean()) / x.std()
    table = pd.DataFrame({"x": x, "arm": np.arange(400) % 2, "sick": np.arange(400) % 5 // 4})
    table["site"] = np.arange(400) // 2 % 20
    table[["y1", "y2"]] = rng.integers(0, 2, (400, 2))
    cluster = "site" if clusters else None
    return bmco.Study(table, ["y1", "y2"], "arm", 0, 1, cluster=cluster)


def numbers(model: bmco.BGLM | bmco.BGLMM) -> dict[str, float]:
    return prior_effects(model.priors, model.terms, model.cells)


def made(study: bmco.Study, fixed: str, priors: bmco.Priors) -> bmco.BGLM:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.InputWarning)
        return bmco.BGLM(study, fixed, priors)


@pytest.mark.parametrize(
    ("mean", "sd"), [(0, 1), (50, 10), (37, 0.6), (2015, 3), (3e-6, 1e-6), (5e4, 2e4)]
)
def test_the_number_is_what_the_intercept_leaves_to_the_slope(mean, sd):
    """N(0, v) of intercept and slope, the level m + mean b held: v / (1 + mean²) for the slope."""
    expected = np.sqrt(10 / (1 + mean**2)) * sd
    model = made(trial(mean, sd), "arm * x", bmco.Priors.bmco())
    assert numbers(model) == pytest.approx({"x": expected, "arm:x": expected}, rel=1e-6)
    message = r"the prior overrules the scale of x \((.*)\), arm:x \(.*\): in brackets.*Below 0.5"
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        bmco.BGLM(trial(mean, sd), "arm * x", bmco.Priors.bmco())
    assert len(raised) == (expected < 0.5)
    if raised:
        assert raised[0].category is bmco.InputWarning
        assert raised[0].filename == __file__
        with pytest.warns(bmco.InputWarning, match=message) as again:
            bmco.BGLM(trial(mean, sd), "arm * x", bmco.Priors.bmco())
        assert f"x ({expected:.3g})" in str(again[0].message)
        assert "Priors.recommended" in str(again[0].message)
        assert "scale(age)" in str(again[0].message)


def test_it_is_a_conditional_standard_deviation():
    """Of any normal prior: given both groups' levels and the other slope, by the usual formula."""
    root = np.random.default_rng(1).normal(size=(4, 4))
    V = root @ root.T + np.eye(4)
    model = made(trial(3, 2), "arm * x", bmco.Priors(beta=bmco.Normal(0, covariance=V)))
    for place, name, other in ((2, "x", 3), (3, "arm:x", 2)):
        held = np.array([[1, 0, 3, 0], [1, 1, 3, 3], np.eye(4)[other]])
        known = np.linalg.solve(held @ V @ held.T, held @ V[:, place])
        variance = V[place, place] - known @ held @ V[:, place]
        assert numbers(model)[name] == pytest.approx(2 * np.sqrt(variance), rel=1e-6)


def test_above_fifty_is_said_too():
    with pytest.warns(bmco.InputWarning, match=r"scale of x \(474\).*Above 50, it expects"):
        bmco.BGLM(trial(0, 150), "arm + x", bmco.Priors.bmco())
    with pytest.warns(bmco.InputWarning, match="Above 50"):
        bmco.BGLM(trial(0, 1), "arm + x", bmco.Priors(beta=bmco.Normal(0, sd=51)))


def test_what_is_recommended_and_what_suits_is_not_remarked_on():
    for mean, sd in ((0, 1), (37, 0.6), (2015, 3), (3e-6, 1e-6)):
        bmco.BGLM(trial(mean, sd), "arm * x")
        bmco.BGLMM(trial(mean, sd, clusters=True), "arm * x", "1 + arm")
        found = numbers(bmco.BGLM(trial(mean, sd), "arm * x"))
        assert found["x"] == pytest.approx(LOGIT_SD[1] / 2, rel=1e-6)
        bmco.BGLMM(trial(mean, sd, clusters=True)).with_priors(Sigma=bmco.InverseWishart())
    # a skeptical prior of the group is a choice: its scale is known
    bmco.BGLM(trial(0, 1), "arm", bmco.Priors(beta=bmco.Normal(0, sd=[1.5, 0.1])))


def test_a_category_counts_from_one_value_to_the_other():
    """A level that few subjects have: its column has SD 0.4, its effect is a step of 1."""
    model = made(trial(0, 1), "arm + C(sick)", bmco.Priors.bmco())
    assert numbers(model)["C(sick)[T.1]"] == pytest.approx(np.sqrt(10 / (1 + 0.2**2)), rel=1e-6)


def test_a_slope_that_is_given_beside_an_intercept_that_is_not():
    """The intercept, which is recommended given the slope, makes room for it."""
    study = trial(37, 0.6, clusters=True)
    beta = bmco.Normal(0, sd=[1, 2])
    model = bmco.BGLMM(study, "arm + x", "1", bmco.Priors(beta=beta))
    assert numbers(model)["x"] == pytest.approx(2 * 0.6, rel=1e-3)
    with pytest.warns(bmco.InputWarning, match=r"scale of x \(0.0"):
        model.with_priors(gamma=bmco.Normal(0, sd=2))


def test_one_call_warns_once(multisite_fit):
    """Of new data and new priors together, and where models are made on the way."""
    frame = bmco.load_multisite().assign(x=lambda d: 37 + 0.6 * d["x"])
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        multisite_fit.update(
            frame, priors=bmco.Priors.bmco(), draws=50, tune=50, chains=2, progress=False
        )
    kinds = [w for w in raised if issubclass(w.category, bmco.InputWarning)]
    assert len(kinds) == 1
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        bmco.bglm(
            frame, grp="arm", grp_a="ctl", grp_b="trt", x_var="x", y_vars=["y1", "y2"],
            x_method="Value", x_def=37, n_burn=50, n_it=50, seed=1,
        )  # fmt: skip
    kinds = [w for w in raised if "overrules the scale of x (0.05" in str(w.message)]
    assert len(kinds) == 1
