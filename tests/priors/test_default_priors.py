"""What a set of priors leaves out is recommended for the model that takes it."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

import bmco_pymc as bmco

TERMS = ("method", "baseline_ability", "method:baseline_ability")
# N(0, 1) of raw coefficients of a score of 50 ± 10: what is said of it is in test_overruled
pytestmark = [
    pytest.mark.samples,
    pytest.mark.filterwarnings("ignore:the prior overrules:bmco_pymc.InputWarning"),
]


def values(priors: bmco.Priors, terms: Any, random: Any) -> list[Any]:
    return [*priors.coefficients(terms, random), str(priors.Sigma), priors.contrasts]


@pytest.fixture(scope="module")
def schools(schools_study):
    return bmco.BGLMM(schools_study, "method * baseline_ability", "1")


def test_the_default_is_what_is_recommended(schools, trial_study):
    for model in (schools, bmco.BGLM(trial_study, "arm * x")):
        terms, random = model.terms.fixed, model.terms.random
        ours, neutral = model.priors, bmco.Priors.recommended(model)
        for one, other in zip(
            values(ours, terms, random), values(neutral, terms, random), strict=True
        ):
            assert np.array_equal(one, other)
        assert set(ours.filled) >= {"beta", "contrasts"}
    assert isinstance(schools.priors.Sigma, bmco.LKJ)
    assert schools.priors.Sigma.joint
    parts = bmco.BMVB(trial_study).priors.phi.components("phi", list("abcd"))
    assert [alphas.tolist() for _, alphas in parts] == [[[0.5] * 4]] * 2


def test_a_set_and_single_fields_mean_the_same(schools):
    one = replace(schools, priors=bmco.Priors(beta=bmco.Normal(0, sd=1)))
    two = schools.with_priors(beta=bmco.Normal(0, sd=1))
    three = schools.with_priors(Sigma=bmco.LKJ(2)).with_priors(
        bmco.Priors(), beta=bmco.Normal(0, sd=1)
    )
    four = schools.with_priors(bmco.Priors.recommended(schools), beta=bmco.Normal(0, sd=1))
    expected = values(one.priors, TERMS, ("Intercept",))
    for other in (two, three, four):
        for a, b in zip(expected, values(other.priors, TERMS, ("Intercept",)), strict=True):
            assert np.array_equal(a, b)
    assert np.array_equal(one.priors.coefficients(TERMS, ("Intercept",))[1][:3, :3], np.eye(3))


def test_what_was_given_stays(schools):
    model = schools.with_priors(Sigma=bmco.LKJ(eta=4)).with_priors(beta=bmco.Normal(0, sd=1))
    assert model.priors.Sigma.eta == 4
    assert str(model.priors.beta) == "Normal(mean=0, sd=1)"
    assert set(model.priors.filled) == {"gamma", "cross", "contrasts"}
    given = model.priors.given
    assert (given.gamma, given.cross, given.contrasts) == (None, None, None)


@pytest.mark.parametrize("given", ["beta", "gamma"])
def test_the_other_coefficients_are_recommended_given_these(schools, given):
    """p(beta, gamma) = p(the one given) x what is recommended of the other, given that one."""
    part = {"beta": slice(0, 3), "gamma": slice(3, 4)}
    other = part[{"beta": "gamma", "gamma": "beta"}[given]]
    size = part[given].stop - part[given].start
    prior = bmco.Normal(np.arange(1.0, size + 1) / 50, sd=np.full(size, 0.03))
    model = schools.with_priors(**{given: prior})
    _, V = schools.priors.coefficients(TERMS, ("Intercept",))
    mean, ours = model.priors.coefficients(TERMS, ("Intercept",))
    s = part[given]
    np.testing.assert_allclose(ours[s, s], 0.03**2 * np.eye(size), rtol=1e-12)

    def regression(C: Any) -> tuple[Any, Any]:
        slope = C[other, s] @ np.linalg.inv(C[s, s])
        return slope, C[other, other] - slope @ C[s, other]

    np.testing.assert_allclose(regression(ours)[0], regression(V)[0], rtol=1e-6)
    np.testing.assert_allclose(regression(ours)[1], regression(V)[1], rtol=1e-6)
    np.testing.assert_allclose(mean[other], regression(V)[0] @ mean[s], rtol=1e-6)


def test_the_level_stays_neutral_beside_the_users_slopes(schools):
    """N(0, 1) of the slope of a score of about 50: the intercept makes up for it."""
    beta = bmco.Normal(0, sd=[1, 0.1, 0.02])
    effect = schools.with_priors(beta=beta).prior_effect(seed=1, draws=2000, clusters="observed")
    control = effect.theta.sel(group="traditional").values
    assert ((control < 0.05) | (control > 0.95)).mean() < 0.2
    alone = bmco.Priors.bmco().replace(beta=beta)
    effect = replace(schools, priors=alone).prior_effect(seed=1, draws=2000, clusters="observed")
    control = effect.theta.sel(group="traditional").values
    assert ((control < 0.05) | (control > 0.95)).mean() > 0.3  # as where each is on its own


def test_other_data_have_their_own_recommended_prior(trial_study):
    frame = bmco.load_trial()
    fit = bmco.BGLM(trial_study, "arm * x").fit(seed=1, progress=False)
    scaled = fit.update(frame.assign(x=50 + 10 * frame["x"]))
    terms = ("Intercept", "arm", "x", "arm:x")
    T = np.array([[1, 0, 50, 0], [0, 1, 0, 50], [0, 0, 10, 0], [0, 0, 0, 10]])
    one, two = (f.model.priors.coefficients(terms)[1] for f in (scaled, fit))
    np.testing.assert_allclose(T @ one @ T.T, two, rtol=1e-7, atol=1e-9)
    own = bmco.Priors(beta=bmco.Normal(0, sd=1))
    moved = fit.update(priors=own).update(frame.assign(x=frame["x"] / 2))
    assert str(moved.model.priors.beta) == "Normal(mean=0, sd=1)"


def test_it_is_kept_in_a_file(schools, tmp_path):
    from bmco_pymc.store.tree import from_tree, to_tree

    fit = schools.prior_effect(seed=1, draws=500).fit
    model, _ = from_tree(to_tree(fit), tmp_path)
    for field in fields(bmco.Priors):
        one, other = (getattr(m.priors, field.name) for m in (schools, model))
        assert str(one) == str(other)
    V, again = (m.priors.coefficients(TERMS, ("Intercept",))[1] for m in (schools, model))
    assert np.array_equal(V, again)
    # a later version may recommend another prior: the fit's own was the one of its draws
    tree = to_tree(fit)
    tree.attrs["bmco_fit"] = tree.attrs["bmco_fit"].replace('"eta": 2', '"eta": 3.5')
    other, _ = from_tree(tree, tmp_path)
    assert other.priors.Sigma.eta == 3.5  # type: ignore[union-attr]
    assert "Sigma" in other.priors.filled


def test_it_prints_in_words(schools):
    described = schools.describe_priors()
    assert described["beta"].startswith("recommended: neutral. Each success probability is nearly")
    assert described["gamma"] == "recommended: neutral, together with beta"
    assert described["Sigma"].startswith("recommended: one correlation matrix")
    assert described["the logits"] == "symmetric contrasts of the patterns"
    assert "[[" not in str(schools)
    assert repr(schools.priors) == (
        "Priors(beta=recommended, gamma=recommended, Sigma=recommended, contrasts=recommended)"
    )
    mine = schools.with_priors(beta=bmco.Normal(0, sd=1)).describe_priors()
    assert mine["beta"] == "Normal(mean=0, sd=1)"
    assert mine["gamma"].startswith("recommended given the prior of beta")


def test_it_prints_in_words_where_every_term_is_random(multisite_study):
    described = bmco.BGLMM(multisite_study, "1", "1 + arm").describe_priors()
    assert list(described) == ["gamma", "Sigma", "the logits"]
    assert described["gamma"].startswith("recommended: neutral. Each success probability")
    with pytest.raises(bmco.InputError, match="filled=.*'x'.*there is no such prior"):
        bmco.Priors(filled=("x",))


def test_files_from_before_there_was_a_recommended_prior(schools_model, tmp_path):
    """They name every field and nothing that was filled in, the oldest no contrasts."""
    import json

    from bmco_pymc.store.tree import from_tree, to_tree

    tree = to_tree(schools_model.prior_effect(seed=1, draws=500).fit)
    document = json.loads(tree.attrs["bmco_fit"])
    for name in ("filled", "contrasts", "cross"):
        del document["priors"][name]
    tree.attrs["bmco_fit"] = json.dumps(document)
    model, _ = from_tree(tree, tmp_path)
    ours, theirs = (values(m.priors, TERMS, ("Intercept",)) for m in (model, schools_model))
    for one, other in zip(ours, theirs, strict=True):
        assert np.array_equal(one, other)
    assert model.priors.filled == ()
