"""Simulated power and error against what is known exactly."""

import pytest
from oracles import oracle

import bmco_pymc as bmco

TRUTH = bmco.Scenario([0.4, 0.4], [0.6, 0.6], rho=0.3)


@pytest.mark.parametrize("n", [95, 100])
def test_power_of_bglm_without_covariates_is_that_of_bmvb(n: int) -> None:
    """At these n no value of the posterior probability that BMVB often takes is near the cut-off.

    At n = 106 one is: BMVB decides its trials otherwise than a logit model with nearly its prior,
    and their powers differ by .012.
    """
    exact = bmco.Design(n, bmco.Analysis(bmco.BMVB)).evaluate(TRUTH).power.item()
    engine = bmco.Engine(3_000, audit=0)
    found = {
        model: bmco.Design(n, bmco.Analysis(model)).evaluate(TRUTH, engine=engine, progress=False)
        for model in ("BMVB", "BGLM")
    }
    for result in found.values():
        assert abs(result.power.item() - exact) < 4 * result.data["mcse"].item()
    # the same trials, so that they differ by few decisions only
    assert abs(found["BGLM"].power.item() - found["BMVB"].power.item()) < 0.003


@pytest.mark.samples
@pytest.mark.slow
def test_audited_power_of_bglm_is_that_of_bmvb() -> None:
    exact = bmco.Design(100, bmco.Analysis(bmco.BMVB)).evaluate(TRUTH).power.item()
    result = bmco.Design(100, bmco.Analysis(bmco.BGLM)).evaluate(
        TRUTH, engine=bmco.Engine(3_000, audit=40), progress=False
    )
    assert abs(result.power.item() - exact) < 4 * result.data["mcse"].item()
    assert result.data["disagreement"].item() <= 0.1
    assert not result.data["refused"].item()
    assert result.data["audited"].item() == 40


@pytest.mark.parametrize(("rule", "place"), [("All", 0), ("Any", 1)])
def test_bmvb_has_the_exact_power_on_clustered_data(rule: str, place: int) -> None:
    truth = bmco.Scenario([0.4, 0.4], [0.6, 0.6], rho=0.3, icc=0.1, between="dirichlet")
    analysis = bmco.Analysis(bmco.BMVB, bmco.Rule(rule))
    design = bmco.Design(clusters=20, size=15, analysis=analysis)
    result = design.evaluate(truth, simulations=4_000, progress=False)
    exact = oracle("clus.naive.10.15.0.1.alt").value[place]
    assert abs(result.power.item() - exact) < 4 * result.data["mcse"].item()
    if rule == "All":
        claim = oracle("clus.naive.10.15.0.1.alt").value[2]
        assert abs(result.data["claim"][0, 0].item() - claim) < 4 * result.data["mcse"].item()


def test_level_is_held_where_subjects_are_independent() -> None:
    """Without an effect on one outcome, the error of All is that of its own claim, about .05."""
    null = bmco.Scenario([0.5, 0.2], [0.5, 0.8], rho=0.3)
    design = bmco.Design(100, bmco.Analysis(bmco.BGLM))
    result = design.evaluate(null, engine=bmco.Engine(4_000, audit=0), progress=False)
    exact = bmco.Design(100, bmco.Analysis(bmco.BMVB)).evaluate(null).probability.item()
    assert exact == pytest.approx(0.05, abs=0.006)
    assert abs(result.probability.item() - exact) < 4 * result.data["mcse"].item()
