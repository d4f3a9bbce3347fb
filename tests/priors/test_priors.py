"""Priors say what they are, and refuse what they cannot be."""

from typing import Any

import numpy as np
import pytest

import bmco_pymc as bmco


def anything(value: Any) -> Any:
    """Hide a value's type: users of notebooks have no type checker."""
    return value


TERMS = ["Intercept", "arm"]
MATRIX = [[2.0, 0.5], [0.5, 1.0]]


@pytest.mark.parametrize(
    ("prior", "covariance"),
    [
        (bmco.Normal(0, sd=3), np.diag([9, 9])),
        (bmco.Normal(0, sd=[3, 0.5]), np.diag([9, 0.25])),
        (bmco.Normal(0, covariance=10), np.diag([10, 10])),
        (bmco.Normal(0, covariance=[4, 5]), np.diag([4, 5])),
        (bmco.Normal(0, covariance=MATRIX), MATRIX),
        (bmco.Normal(0, precision=0.1), np.diag([10, 10])),
        (bmco.Normal(0, precision=[0.25, 0.2]), np.diag([4, 5])),
        (bmco.Normal(0, precision=np.linalg.inv(MATRIX)), MATRIX),
    ],
)
def test_normal_covariance(prior, covariance):
    assert prior.resolve("beta", TERMS)[1] == pytest.approx(np.asarray(covariance, float))


def test_normal_mean():
    assert bmco.Normal(0.5, sd=1).resolve("beta", TERMS)[0].tolist() == [0.5, 0.5]
    assert bmco.Normal([0.5, 2], sd=1).resolve("beta", TERMS)[0].tolist() == [0.5, 2]


def test_bmco_defaults():
    priors = bmco.Priors.bmco()
    for prior in (priors.beta, priors.gamma):
        mean, covariance = prior.resolve("x", TERMS)
        assert mean.tolist() == [0, 0]
        assert covariance.tolist() == [[10, 0], [0, 10]]
    assert isinstance(priors.Sigma, bmco.InverseWishart)
    nu, scale = priors.Sigma.resolve("Sigma", TERMS)
    assert nu == 2
    assert scale.tolist() == [[0.1, 0], [0, 0.1]]
    parts = priors.phi.components("phi", ["11", "10", "01", "00"])
    assert [alphas.tolist() for _, alphas in parts] == [[[0.5] * 4]] * 2


def test_dirichlet_of_each_group():
    alpha = bmco.Dirichlet(1, treatment=[1, 2, 3, 4]).resolve("phi", list("abcd"))
    assert alpha.tolist() == [[1, 1, 1, 1], [1, 2, 3, 4]]
    assert bmco.Dirichlet(0.3).resolve("phi", list("ab")).tolist() == [[0.3] * 2] * 2


def test_replace_keeps_the_rest():
    before = bmco.Priors.bmco().replace(beta=bmco.Normal(1, sd=2))
    after = before.replace(Sigma=bmco.LKJ(3))
    assert after.beta is before.beta
    assert after.Sigma == bmco.LKJ(3)
    assert isinstance(before.Sigma, bmco.InverseWishart)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: bmco.Normal(0), "needs exactly one of.*'sd', 'covariance', 'precision'"),
        (lambda: bmco.Normal(0, sd=1, precision=1), "needs exactly one of"),
        (lambda: bmco.Normal(0, sd=0), "sd=0: must be greater than zero"),
        (lambda: bmco.Normal(0, sd=[[1, 2]]), "sd=.*a number or a vector"),
        (lambda: bmco.Normal(np.nan, sd=1), "mean=nan: must be finite"),
        (lambda: bmco.Normal("a", sd=1), "mean='a': must be a number"),
        (lambda: bmco.Normal(0, covariance=[[1, 2], [2, 1]]), "covariance=.*not positive definite"),
        (lambda: bmco.Normal(0, covariance=np.array([[1, 0.5], [0, 1]])), "not symmetric"),
        (lambda: bmco.Normal(0, precision=np.eye(3)[:2]), "must be square"),
        (lambda: bmco.Normal(0, precision=-1), "precision=-1: must be greater than zero"),
        (lambda: bmco.InverseWishart(2, scale=np.zeros((2, 2))), "scale=.*not positive definite"),
        (lambda: bmco.InverseWishart(-1), "nu=-1"),
        (lambda: bmco.LKJ(0), "eta=0: must be greater than zero"),
        (
            lambda: bmco.LKJ(1, sd=anything(2.0)),
            "sd=2.0.*'HalfNormal', 'Exponential', 'HalfStudentT'",
        ),
        (lambda: bmco.HalfNormal(0), "sigma=0"),
        (lambda: bmco.Exponential(-2), "scale=-2"),
        (lambda: bmco.HalfStudentT(0, 1), "nu=0"),
        (lambda: bmco.Dirichlet(0), "alpha=0: must be greater than zero"),
        (lambda: bmco.Dirichlet(1, treatment=[1, -1]), "treatment="),
        (lambda: bmco.Priors(beta=anything(bmco.LKJ())), "beta=.*choose from 'Normal'"),
        (lambda: bmco.Priors(Sigma=anything(1)), "Sigma=1.*'InverseWishart', 'LKJ'"),
        (lambda: bmco.Priors().replace(tau=1), "tau=1.*'phi', 'beta', 'gamma', 'Sigma'"),
    ],
)
def test_impossible_priors(make, words):
    with pytest.raises(bmco.InputError, match=words):
        make()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bmco.Normal([1, 2, 3], sd=1).resolve("beta", TERMS), "beta.mean=.*3 terms.*has 2"),
        (lambda: bmco.Normal(0, sd=[1, 2, 3]).resolve("beta", TERMS), "beta.sd=.*Intercept, arm"),
        (lambda: bmco.Normal(0, covariance=np.eye(3)).resolve("gamma", TERMS), "gamma.covariance="),
        (lambda: bmco.Normal(0, precision=[1.0]).resolve("beta", TERMS), "beta.precision="),
        (lambda: bmco.InverseWishart(1).resolve("Sigma", TERMS), "Sigma.nu=1: must be greater"),
        (lambda: bmco.InverseWishart(9, np.eye(3)).resolve("Sigma", TERMS), "Sigma.scale="),
        (lambda: bmco.Dirichlet([1, 2]).resolve("phi", list("abcd")), "phi.alpha=.*4 patterns"),
    ],
)
def test_priors_of_the_wrong_size(call, words):
    with pytest.raises(bmco.InputError, match=words):
        call()


def test_models_check_sizes_before_anything_is_computed(trial_study, multisite_study):
    with pytest.raises(bmco.InputError, match=r"beta\.mean"):
        bmco.BGLM(trial_study, "arm * x").with_priors(beta=bmco.Normal([0, 0], sd=1))
    model = bmco.BGLMM(multisite_study, "arm * x", "1 + arm")
    with pytest.raises(bmco.InputError, match=r"Sigma\.nu"):
        model.with_priors(Sigma=bmco.InverseWishart(0.5))
    with pytest.raises(bmco.InputError, match=r"gamma\.sd"):
        model.with_priors(gamma=bmco.Normal(0, sd=[1, 1, 1]))
    with pytest.raises(bmco.InputError, match=r"phi\.alpha"):
        bmco.BMVB(trial_study).with_priors(phi=bmco.Dirichlet([1, 1]))
    assert "nu=1.01" in str(model.with_priors(Sigma=bmco.InverseWishart(1.01)).priors.Sigma)


def test_printing():
    assert str(bmco.Normal(0, precision=0.1)) == "Normal(mean=0, precision=0.1)"
    assert str(bmco.InverseWishart(3, [0.1, 0.2])) == "InverseWishart(nu=3, scale=[0.1, 0.2])"
    assert str(bmco.Dirichlet()) == "Dirichlet(alpha=2/Q)"


def test_a_whole_set_of_priors_and_single_ones(multisite_model):
    neutral = bmco.Priors.recommended(multisite_model)
    model = multisite_model.with_priors(neutral, Sigma=bmco.LKJ(4, joint=True))
    np.testing.assert_array_equal(model.priors.beta.covariance, neutral.beta.covariance)
    assert model.priors.contrasts == "symmetric"
    assert model.priors.Sigma.eta == 4
    with pytest.raises(bmco.InputError, match="all_priors=.*must be bmco_pymc.Priors"):
        multisite_model.with_priors(bmco.Normal(0, sd=1))
