"""How the results of bmco's calls print: bmco's items in bmco's order, and what they lack."""

import re
from typing import Any

import pytest
import rstyle_calls as calls
from rstyle_calls import FIXED, RANDOM

import bmco_pymc as bmco

pytestmark = pytest.mark.samples

ALL = {"diagnostics": True, "samples": True}


@pytest.fixture(scope="session")
def result():
    return calls.permuted_result()


def in_order(text, items):
    """Assert that the items occur in the text one after the other."""
    place = 0
    for item in items:
        found = re.compile(item).search(text, place)
        assert found, f"{item!r} is missing or out of order"
        place = found.end()


def test_print_shows_bmcos_items_in_bmcos_order(result):
    known, delta = result.estimates, result.delta
    low, high = delta["interval"][1]
    in_order(
        str(result),
        [
            r"^Bayesian multilevel multivariate logistic regression",
            r"\nGroup +mean y1 +95% interval +mean y2",
            rf"\nctl +{known['mean_a'][0]:.3f} +\[.*\] +{known['mean_a'][1]:.3f} ",
            rf"\ntrt +{known['mean_b'][0]:.3f} +\[.*\] +{known['mean_b'][1]:.3f} ",
            rf"\ntrt − ctl .* +{delta['mean_delta'][1]:.3f} +\[{low:.3f}, {high:.3f}\]",
            r"\nJ = 16 clusters, n\(ctl\) = 192, n\(trt\) = 192",
            rf"\nPosterior probability P\(trt > ctl\), rule All: .*{delta['pop']:.3f}",
            r"\nPosterior .* rule All, new clusters with pooled covariates: ",
            r"\nMarginalization: Empirical over \[-inf, inf\]",
            r"\nEstimand: Each group averaged over its own subjects \(192 in ctl and 192 in trt\)",
            r"\nNew clusters: Average over all 384 subjects .* new clusters like these",
            r"\nMPSRF: fixed = \d\.\d+, random = \d\.\d+, variance = \d\.\d+",
            r"\nConverged: ",
            r"\nsummary\(\) shows",
        ],
    )


def test_summary_shows_bmcos_items_in_bmcos_order(result):
    known, delta = result.estimates, result.delta
    b, b_sd, tau = known["b"], known["b_sd"], known["tau"]
    ess, rhat = result.diags["tau"]["n_eff"], result.diags["tau"]["rhat"]
    text = result.summary()
    in_order(
        str(text),
        [
            r"J = 16 clusters, n\(ctl\) = 192",
            r"Group estimates\nGroup +mean y1 +sd y1 +95% interval +mean y2 +sd y2",
            rf"\nctl +{known['mean_a'][0]:.3f} +{known['sd_a'][0]:.3f} +\[",
            r"Treatment effect, trt − ctl\n +y1 +y2",
            rf"delta mean +{delta['mean_delta'][0]:.3f} +{delta['mean_delta'][1]:.3f}",
            rf"delta SE \(Monte Carlo\) +{delta['se_delta'][0]:.4f} ",
            rf"delta SD \(posterior\) +{delta['delta_sd'][0]:.3f} ",
            r"95% interval +\[",
            r"Posterior probability P\(trt > ctl\), rule All: ",
            r"Fixed effects \(mean \[SD\]\)\n +b11 +b10 +b01",
            rf"\narm_x +{b.iloc[0, 0]:.3f} \[{b_sd.iloc[0, 0]:.3f}\]",
            rf"\nx +{b.iloc[1, 0]:.3f} \[{b_sd.iloc[1, 0]:.3f}\]",
            r"Random effects \(population mean \[SD\]\)\n +g11 +g10 +g01\narm .*\nIntercept ",
            r"Variance components \(posterior mean\), g11 \(y1 = 1, y2 = 1\)\n +arm +Intercept",
            rf"\narm +{tau['11'].iloc[0, 0]:.6g} +{tau['11'].iloc[0, 1]:.6g}",
            r"g10 \(y1 = 1, y2 = 0\)",
            r"g01 \(y1 = 0, y2 = 1\)",
            r"Prior of the fixed effects: Normal\n +arm_x +x\nmean +1 +2\nvariance +10 +10",
            r"Prior of the random effects: Normal\n +arm +Intercept\nmean +0 +0\nvariance +2 +2",
            r"inverse-Wishart, df nu = 2\nscale T +arm +Intercept\narm +3 +0\nIntercept +0 +4",
            r"Marginalization +\(sub\)population +Decision rule +test",
            r"Empirical +over \[-inf, inf\] +All +right_sided",
            r"Estimand: Each group",
            r"convergence, fixed effects: MPSRF \d\.\d+\nParameter +ESS +R-hat\nb11_arm_x\[1\] ",
            r"convergence, random effects: MPSRF \d\.\d+\nParameter +ESS +R-hat\ng11_arm\[1\] ",
            r"convergence, variance components: MPSRF \d\.\d+\nParameter +ESS +R-hat",
            rf"\ng11_armarm +{ess.iloc[0]:.1f} +{rhat.iloc[0]:.4f}",
            r"2 chains of 1000 draws \(nutpie, seed 1\)",
            r"Converged: ",
        ],
    )
    assert isinstance(text, str)
    assert repr(text) == str(text)


def test_every_term_can_be_random():
    plan = calls.plan("bglmm", fixed=[], random=["x", "arm", "Intercept"], test="left_sided")
    ours = calls.answer(plan, calls.made_up_fit(plan), **ALL)
    assert ours.info["terms"] == {"fixed": (), "random": ("x", "arm", "Intercept")}
    assert set(ours.diags) == {"g", "tau"}
    assert "b" not in ours.estimates
    in_order(str(ours.summary()), [r"g11 +g10 +g01\nx ", "Prior of the random", "g11_x\\[1\\]"])
    assert "Fixed effects" not in ours.summary()


def test_prior_covariances_are_pointed_to(result):
    precision = [[1, 0.3], [0.3, 1]]
    plan = calls.plan("bglmm", fixed=FIXED, random=RANDOM, b_sigma0=precision)
    text = str(calls.answer(plan, result.fit).summary())
    assert text.count("with covariances, see info['priors']") == 1


def test_bmvb_prints_what_it_has():
    trial = bmco.load_trial()
    ours: Any = bmco.bmvb(trial, **calls.BMVB, prior_a=[1, 2, 3, 4], seed=1, return_samples=True)
    assert ours.samples["delta"].shape == (10_000, 2)
    assert ours.sample_sizes == {"n_a": 120, "n_b": 120}
    assert ours.info["priors"]["prior_a"].tolist() == [1, 2, 3, 4]
    in_order(
        str(ours.summary()),
        [
            r"Bayesian analysis of multivariate binary outcomes \(bmvb\)\nn\(ctl\) = 120",
            r"Treatment effect, trt − ctl",
            r"Group +11 +10 +01 +00\nctl +1 +2 +3 +4\ntrt +0.5 +0.5",
            r"Decision rule +test\nAll +right_sided",
            r"Estimand: Success probability in the whole population of each group",
            r"Draws: 1 chain of 10000 draws \(exact, seed 1\)\nIndependent draws: ",
        ],
    )
    assert "Marginalization" not in str(ours)
    assert "MPSRF" not in str(ours)


def test_html_escapes_labels():
    trial = bmco.load_trial().replace({"arm": {"ctl": "<i>a</i>", "trt": "b & c"}})
    names = {**calls.BMVB, "grp_a": "<i>a</i>", "grp_b": "b & c"}
    ours = bmco.bmvb(trial, **names, seed=1)
    for html in (ours._repr_html_(), ours.summary()._repr_html_()):
        assert "<i>" not in html
        assert "&lt;i&gt;a&lt;/i&gt;" in html
        assert "b &amp; c" in html
        assert html.count("<div") == html.count("</div>") > 0
