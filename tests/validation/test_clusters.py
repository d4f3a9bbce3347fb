"""The page of error rates in trials with clusters says what its table says, and that is right."""

import pandas as pd
import pytest
from oracles import oracle

from validation import clusters

TABLE = pd.read_csv(clusters.HERE / "clusters.csv")


def row(model: str, randomised: str, number: int, rule: str) -> pd.Series:
    own = TABLE.query(
        "model == @model and randomised == @randomised and clusters == @number and rule == @rule "
        "and between == 'logit-normal' and priors == 'recommended'"
    )
    assert len(own) == 1
    return own.iloc[0]


def test_every_cell_is_there() -> None:
    columns = ["model", "randomised", "clusters", "rule", "between", "priors"]
    found = {clusters.Cell(*one) for one in TABLE[columns].itertuples(index=False)}
    assert found == set(clusters.CELLS)


def test_the_page_is_that_of_the_table() -> None:
    page = (clusters.HERE / "CLUSTERS.md").read_text(encoding="utf-8")
    for _, one in TABLE.iterrows():
        assert f"{one['error']:.3f} ± {one['mcse']:.3f}" in page


def test_an_analysis_that_ignores_clusters_errs_as_it_must() -> None:
    """The reference has Dirichlet clusters; the page's are logit-normal, which matters little."""
    exact = oracle("clus.naive.10.15.0.1.null").value
    assert row("BMVB", "clusters", 20, "All")["error"] == pytest.approx(exact[2], abs=0.012)
    assert row("BMVB", "clusters", 20, "Any")["error"] == pytest.approx(exact[1], abs=0.012)


@pytest.mark.parametrize("randomised", ["clusters", "subjects"])
@pytest.mark.parametrize("number", clusters.CLUSTERS)
@pytest.mark.parametrize("rule", list(clusters.RULES))
def test_bglmm_exceeds_its_level_by_no_more_than_chance(
    rule: str, number: int, randomised: str
) -> None:
    one = row("BGLMM", randomised, number, rule)
    assert one["error"] < clusters.LEVEL + 4 * one["mcse"]
    assert one["failed"] < 0.02


@pytest.mark.parametrize("number", clusters.CLUSTERS)
def test_flat_analyses_exceed_it_where_clusters_are_randomised(number: int) -> None:
    for model in ("BMVB", "BGLM"):
        one = row(model, "clusters", number, "All")
        assert one["error"] > 2 * clusters.LEVEL


@pytest.mark.samples
@pytest.mark.slow
def test_a_cell_can_be_computed_again() -> None:
    cell = clusters.Cell("BMVB", "clusters", 6, "All")
    data = cell.design.evaluate(cell.truth, simulations=1_000, progress=False).data
    known = row("BMVB", "clusters", 6, "All")
    error = (float(data["mcse"][0]) ** 2 + known["mcse"] ** 2) ** 0.5
    assert abs(float(data["success"][0]) - known["error"]) < 4 * error
