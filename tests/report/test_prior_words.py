"""The priors in words and symbols are true: their numbers are compared with the prior itself."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bmco_pymc as bmco
from bmco_pymc.models.prior_draws import draw_prior
from bmco_pymc.priors.contrasts import logits_of
from bmco_pymc.priors.neutral import LOGIT_SD
from bmco_pymc.report.priors import in_symbols, in_words
from bmco_pymc.report.terms import named

N = 40_000


def interval_said(words: str) -> np.ndarray:
    found = re.search(r"lie between (\S+) and (\S+) with probability \.95", words)
    assert found is not None, words
    return np.array(found.groups(), float)


@pytest.mark.parametrize(
    "Sigma",
    [
        bmco.InverseWishart(),
        bmco.InverseWishart(nu=6, scale=0.5),
        bmco.LKJ(eta=3, sd=bmco.HalfNormal(0.7)),
        bmco.LKJ(eta=1, sd=bmco.Exponential(0.4)),
        bmco.LKJ(eta=1, sd=bmco.HalfStudentT(4, 0.5), joint=True),
    ],
)
def test_the_interval_of_the_sd_between_clusters_is_that_of_draws(multisite_study, Sigma):
    model = bmco.BGLMM(multisite_study, "arm", "1 + arm").with_priors(
        Sigma=Sigma, contrasts="reference"
    )
    drawn = draw_prior(model, N, np.random.default_rng(1))["Sigma"]
    first = drawn[:, 0, 0, 0, 0] if drawn.ndim == 5 else drawn[:, 0, 0, 0]
    for end, share in zip(interval_said(in_words(model)), (0.025, 0.975), strict=True):
        # two digits are said: the share below may differ by those, and by Monte Carlo error
        low, high = np.mean(np.sqrt(first) < end * 0.95), np.mean(np.sqrt(first) < end * 1.05)
        error = 4 * np.sqrt(0.025 * 0.975 / N)
        assert low - error < share < high + error
    assert f"{'inverse-Wishart' if isinstance(Sigma, bmco.InverseWishart) else 'LKJ'}(" in (
        in_symbols(model)
    )


@pytest.mark.parametrize("random", ["1", "1 + arm"])
def test_the_interval_of_the_default_is_that_of_what_it_names(multisite_study, random):
    """Its SDs are of contrasts of the logits; those of the coefficients have another law."""
    model = bmco.BGLMM(multisite_study, "arm", random)
    prior = model.priors.Sigma
    assert isinstance(prior, bmco.LKJ)
    words, basis = in_words(model), prior.basis
    assert "the SDs of symmetric contrasts of clusters' logits" in words
    assert ("in a coding in which these vary alike" in words) == (basis is not None)
    drawn = draw_prior(model, N, np.random.default_rng(1))["Sigma"]
    L, p = drawn.shape[1:3]
    back = np.linalg.inv(
        np.kron(logits_of("symmetric", L + 1), np.eye(p) if basis is None else np.asarray(basis))
    )
    variance = (back @ drawn.reshape(N, L * p, L * p) @ back.T)[:, 0, 0]
    for end, share in zip(interval_said(words), (0.025, 0.975), strict=True):
        low, high = (float(np.mean(variance < (end * by) ** 2)) for by in (0.95, 1.05))
        error = 4 * np.sqrt(0.025 * 0.975 / N)
        assert low - error < share < high + error


@pytest.mark.parametrize("formula", ["arm * x", "arm", "x"])
def test_the_precision_matrix_of_the_neutral_prior_is_the_one_that_is_written(formula):
    frame = bmco.load_trial()
    study = bmco.Study(frame, ["y1", "y2"], "arm", "ctl", "trt")
    if formula == "x":
        with pytest.warns(bmco.InputWarning, match="is in no term"):
            model = bmco.BGLM(study, formula)
    else:
        model = bmco.BGLM(study, formula)
    s = LOGIT_SD[1]
    rows = [model.terms.matrices(model.cells.frame, arm)[0] for arm in (0, 1)]
    m, d = (rows[0] + rows[1]) / 2, rows[1] - rows[0]
    weight = model.cells.weight / model.cells.weight.sum()

    def mean_and_cov(values):
        mean = weight @ values
        return mean, (values - mean).T @ (weight[:, None] * (values - mean))

    (mean, spread), (difference, of_difference) = mean_and_cov(m), mean_and_cov(d)
    q = [np.linalg.matrix_rank(cov, tol=1e-9) for cov in (spread, of_difference)]
    grouped = formula != "x"
    precision = (2 if grouped else 1) / s**2 * np.outer(mean, mean)
    precision += 4 * q[0] / s**2 * spread
    if grouped:
        precision += np.outer(difference, difference) / (2 * s**2) + 4 * q[1] / s**2 * of_difference
    _, V = model.priors.coefficients(model.terms.fixed)
    np.testing.assert_allclose(np.linalg.inv(V), precision, rtol=1e-6, atol=1e-9)
    text = in_symbols(model)
    assert f"s = {s:g}" in text
    assert ("(2/s²) m̄m̄' + (1/(2s²)) d̄d̄'" in text) == grouped
    assert ("Cov(m)" in text) == (formula != "arm")
    assert "correlation ½ between every two logits" in text


def test_logits_have_the_correlation_that_is_said(trial_study):
    beta = draw_prior(bmco.BGLM(trial_study, "arm"), N, np.random.default_rng(2))["beta"]
    correlation = np.asarray(np.corrcoef(beta[:, 0].T))[np.triu_indices(3, 1)]
    assert np.abs(correlation - 0.5).max() < 4 / np.sqrt(N)


def test_beta_distributions_of_dirichlet_priors(trial_study):
    prior = bmco.Dirichlet([1, 2, 3, 4], treatment=1)
    model = bmco.BMVB(trial_study).with_priors(phi=prior)
    words = in_words(model)
    assert "Beta(3, 7) and Beta(4, 6) a priori, worth 10 subjects" in words
    assert "Beta(2, 2) a priori, worth 4 subjects" in words
    theta = model.prior_effect(draws=N, seed=1).theta.isel(chain=0)
    laws = {("ctl", "y1"): (3, 7), ("ctl", "y2"): (4, 6), ("trt", "y1"): (2, 2)}
    for (group, outcome), (a, b) in laws.items():
        draws = theta.sel(group=group, outcome=outcome).values
        assert stats.kstest(draws, stats.beta(a, b).cdf).pvalue > 1e-4
    assert "uniform a priori, worth 2 subjects" in in_words(bmco.BMVB(trial_study))
    mixed = bmco.BMVB(trial_study).with_priors(phi=bmco.Mixture([(0.8, [9, 8, 7, 6]), (0.2, 1)]))
    assert "φ_C ~ 0.8 Dirichlet(9, 8, 7, 6) + 0.2 Dirichlet(1, 1, 1, 1)" in in_symbols(mixed)


def test_given_priors_are_said_term_by_term(trial_study):
    model = bmco.BGLM(trial_study, "arm + x").with_priors(
        beta=bmco.Normal([0, 0.5, 1], sd=[1, 2, 3])
    )
    words = in_words(model)
    assert (
        "N(0, 1) for the intercept, N(0.5, 4) for arm and N(1, 9) for x (mean, variance)" in words
    )
    full = model.with_priors(beta=bmco.Normal(0, covariance=np.eye(3) + 0.5))
    assert "N([0.0, 0.0, 0.0], [[1.5, 0.5, 0.5], " in in_words(full)


def test_one_prior_given_the_other(multisite_study):
    model = bmco.BGLMM(multisite_study, "arm * x", "1").with_priors(gamma=bmco.Normal(0, sd=1))
    assert "The means γ of the random coefficients had the prior N(0, 1)" in in_words(model)
    assert "given that of the means γ of the random coefficients, that is neutral" in in_words(
        model
    )
    assert "β_q | γ_q ~ N(0, V)" in in_symbols(model)


def test_terms_are_named_by_the_users_words():
    frame = pd.DataFrame({"grade": [1, 2, 3], "a: b [x]": ["u", "v", "w"], "age": [1.0, 2, 3]})
    labels = ["C(grade)[T.2]", "C(grade)[T.3]", "arm:C(grade)[T.2]", "arm:C(grade)[T.3]"]
    assert named(labels, frame) == ["grade (2, 3 against 1)", "arm × grade"]
    odd = ["a: b [x][T.v]", "a: b [x][T.w]", "arm:a: b [x][T.v]", "arm:a: b [x][T.w]"]
    assert named(odd, frame) == ["a: b [x] (v, w against u)", "arm × a: b [x]"]
    assert named(["bs(age, knots=[1, 2])[1]", "C(`a: b [x]`)[T.w]:arm"], frame) == [
        "a B-spline of age",
        "a: b [x] × arm",
    ]
    assert named(["poly(age, 2)[1]", "poly(age, 2)[2]", "log(age)"], frame) == [
        "a polynomial of age",
        "log(age)",
    ]
