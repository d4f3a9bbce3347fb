"""Operating characteristics print, tabulate and name what they are, and refuse what they lack."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from oracles import oracle
from planned import assurance, plan, power, prediction, size, type_one

import bmco_pymc as bmco
from bmco_pymc.report.planned import PAPERS
from bmco_pymc.trial.analysis import Analysis
from bmco_pymc.trial.design import Design

KINDS: dict[str, Any] = {
    "power": power,
    "assurance": assurance,
    "type_one": type_one,
    "size": size,
    "prediction": prediction,
}


def cells(found: Any) -> list[list[str]]:
    """Return the table of what is printed, by columns that are two spaces apart."""
    rows = found._facts()[1]
    lines = str(found).splitlines()[1 : len(rows) + 1]
    for row, text in zip(rows, lines, strict=True):
        assert [entry for entry in row if entry] == re.split(r" {2,}", text.strip())
    return rows


def test_what_evaluate_gives_prints_and_tabulates():
    known = oracle("bmvb.all.105")
    null = bmco.Scenario([0.5, 0.5], [0.5, 0.5], names="null")
    truth = bmco.Scenario([0.4, 0.4], [0.6, 0.6], rho=-0.3, names="hoped for")
    found = Design(105, Analysis(bmco.BMVB)).evaluate({"hoped for": truth, "null": null})
    assert float(found.power[0]) == pytest.approx(known.value, abs=known.tolerance)
    assert float(found.probability[0]) == float(found.power[0])
    head, first, second = cells(found)
    assert head == ["scenario", "δ", "power", "Type I error", "claim[y1]", "claim[y2]"]
    assert first[:4] == ["hoped for", "0.2, 0.2", "0.8203", "–"]
    assert second[:3] == ["null", "0, 0", "–"]
    assert second[3] == f"{float(found.data['success'][1]):.4f}"
    table = found.table()
    assert table["scenario"].tolist() == ["hoped for", "null"]
    assert table["effect"].tolist() == [True, False]
    assert table["success"][0] == pytest.approx(known.value, abs=known.tolerance)
    assert table["claim[y2]"][0] == float(found.data["claim"][0, 1])
    assert table["theta[treatment, y1]"].tolist() == [0.6, 0.5]
    text = str(found)
    assert text.splitlines()[0] == ("Power: BMVB, rule All, right-sided, level 0.05, n = 105 + 105")
    assert "Power where the rule's claim is true, Type I error where it is not." in text
    assert "Exact: sums over all counts of both groups." in text
    assert (
        "for every one of δ[y1] > 0 and δ[y2] > 0, the posterior probability exceeds 0.95." in text
    )


def test_an_error_alone_is_not_called_power():
    found = power(["null"])
    found = type(found)(found.design, found.data.assign(effect=("scenario", [False])), "power")
    assert cells(found)[0][2] == "Type I error"
    assert "power" not in str(found).lower().replace("power: bmvb", "")


def test_simulated_numbers_say_so():
    p, trials = 0.8125, 200_000
    found = power(["one"], mcse=np.sqrt(p * (1 - p) / trials))
    assert found.method == "Simulated: 200,000 trials; Monte Carlo standard error at most 0.00087."
    assert cells(found)[1][:4] == ["one", "0.2, 0.2", "0.8125", "0.00087"]
    mixed = assurance()
    assert mixed.method.startswith(
        "Simulated where the Monte Carlo error is not 0, exact elsewhere"
    )
    assert "trials" not in mixed.method  # errors of an average do not tell how many there were
    told = type(found)(found.design, found.data.assign_attrs(trials=12_345), "power")
    assert "12,345 trials" in told.method


def test_errors_of_what_was_not_looked_at_do_not_count():
    found = size()
    curve = found.data["power"]
    data = found.data.assign(mcse=curve.where(curve > 0.8, np.nan) * 0)
    assert type(found)(found.design, data, "size").method.startswith("Exact")


def test_looks_are_printed():
    found = power(looks=3)
    head, first, _ = cells(found)
    assert head[2:] == ["power", "Type I error", "success by look", "futility", "mean n"]
    assert first[4:] == ["0.135 0.271 0.406", "0.0100", "96.2 + 96.2"]
    text = str(found)
    assert "Interim analyses are planned with 35 and 70 subjects in each group." in text
    assert "0.997394, 0.98896 and 0.953514 in turn (spending of the level: Hwang, Shih" in text
    assert "predictive probability of success is below 0.05; this is not binding" in text
    table = found.table()
    assert table["stop_success[3]"][0] == pytest.approx(0.8125 / 2)
    assert table["stop_futility[1]"].tolist() == pytest.approx([0.005, 0.15])
    assert table["expected_n[treatment]"].tolist() == [96.25, 96.25]
    assert "claim[y1]" not in table


def test_both_sides_have_names_of_their_own():
    found = power(rule=bmco.Rule("all", direction="two-sided"))
    head, first, _ = cells(found)
    assert head[2:4] == ["superior", "inferior"]
    assert first[2:4] == ["0.8125", "0.0012"]
    assert "called superior if, for every one of δ[y1] > 0 and δ[y2] > 0, the" in str(found)
    assert "and inferior if, for every one of δ[y1] < 0 and δ[y2] < 0, the posterior" in str(found)
    assert "half of it for each side" in str(found)


def test_assurance():
    rows = {row[0]: row[1:] for row in cells(assurance(looks=3))}
    assert rows["success (assurance)"] == ["0.8125", "exact"]
    assert rows["it is, given success"] == ["0.9704", "0.0012"]
    assert rows["success, and it is not"] == ["0.0131", "0.0003"]
    assert rows["success at look 3"][0] == "0.4062"
    assert rows["given up at look 1"][0] == "0.0050"
    table = assurance().table().set_index("quantity")
    assert table["value"]["effect"] == 0.71
    assert table["mcse"]["effect"] == 0.01
    assert table["mcse"].isna().sum() == 2  # of the claims, which nobody gave
    assert float(assurance().power) == 0.8125


def test_type_one():
    found = type_one(rule="any")
    assert found.error == 0.0544
    _, rule, one, other = cells(found)
    assert rule == ["of the rule", "0.0544", "0.3, 0.3", "0.3, 1"]
    assert one[:3] == ["of the claim of y1", "0.0544", "0.3"]
    assert other[2] == "0.35"
    text = str(found)
    assert "The largest Type I error is 0.0544, with success probabilities 0.3, 0.3 under" in text
    assert "It is proven to be at most 0.1088 everywhere." in text
    assert "Found by maximising a polynomial." in text
    assert PAPERS in text
    assert "power" not in text.lower()
    assert PAPERS not in str(type_one(rule=bmco.Rule("any", alpha=0.025)))
    assert "proven" not in str(type_one())
    table = found.table()
    assert table["claim"].tolist() == ["rule", "y1", "y2"]
    assert table["bound"][0] == pytest.approx(0.1088)
    assert table["rate"][1:].tolist() == pytest.approx([0.3, 0.35])
    assert table["treatment"][1:].tolist() == [0.3, 1.0]


def test_the_error_of_a_weighted_sum_has_no_claims():
    found = type_one(rule="comp")
    data = found.data.drop_vars(["curve", "claim", "claim_rate", "rate"])
    data["error_bound"] = np.nan
    found = type(found)(found.design, data, "type_one")
    assert len(cells(found)) == 2
    assert "for 0.5 δ[y1] + 0.5 δ[y2] > 0, the posterior probability exceeds 0.95" in str(found)
    assert found.table()["error"].notna().tolist() == [True, False, False]
    with pytest.raises(bmco.InputError, match="no picture"):
        found.plot()


def test_sizes():
    found = size(["hoped for", "less"], dropout=0.1)
    head, first, second = cells(found)
    assert head == ["scenario", "first n", "power", "stable n", "power", "formula",
                    "enrolled (stable)"]  # fmt: skip
    assert first[1:] == ["103 + 206", "0.8062", "106 + 212", "0.8037", "105", "118 + 236"]
    assert second[5] == "–"
    assert len(cells(size())[0]) == 6  # nobody is lost
    assert found.first.values.tolist() == [103, 103]
    assert found.stable.values.tolist() == [106, 106]
    assert float(found.power.sel(n=105)[0]) == 0.798
    table = found.table()
    assert table["formula"][0] == 104.2
    assert table["target"].tolist() == [0.8, 0.8]
    assert table["enrolled_stable[treatment]"].tolist() == [236, 236]
    assert "n = " not in str(found).splitlines()[0]


def test_a_size_that_is_not_reached():
    found = size()
    data = found.data.assign(stable=("scenario", [np.nan]), power_stable=("scenario", [np.nan]))
    assert cells(type(found)(found.design, data, "size"))[1][3:5] == ["–", "–"]


def test_prediction():
    found = prediction()
    head, _, last = cells(found)
    assert head == ["look", "n", "ends with success", "is given up", "rule met, if analysed"]
    assert last == ["3", "105 + 105", "0.4100", "0.0000", "–"]
    assert float(found.probability) == 0.61
    assert "The trial ends in success with probability 0.6100 (exact)." in str(found)
    assert found.table()["n[control]"].tolist() == [70, 105]


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_kind_lacks_names_the_verb(kind):
    found = KINDS[kind]()
    has = {
        "power": {"power", "size", "assurance"},
        "probability": {"power", "assurance", "prediction"},
        "error": {"type_one"},
        "first": {"size"},
        "stable": {"size"},
    }
    for name, kinds in has.items():
        if kind in kinds:
            assert getattr(found, name) is not None
            continue
        with pytest.raises(bmco.InputError, match=f"no {name} in results of this kind") as caught:
            getattr(found, name)
        assert caught.value.value == kind
        assert all(str(choice).startswith("design.") for choice in caught.value.choices or [None])
    with pytest.raises(bmco.InputError, match="choose from"):
        found.plot("nothing")


@pytest.mark.parametrize("kind", KINDS)
def test_html_is_escaped(kind):
    found = KINDS[kind]()
    evil = "<script>1</script>"
    if kind in ("power", "size"):
        found = KINDS[kind]([evil])
        assert evil in str(found)
    page = found._repr_html_()
    assert "<script>" not in page
    assert set(re.findall(r"</?(\w+)", page)) <= {"div", "b", "table", "tr", "th", "td", "ul", "li"}


def test_long_tables_are_cut():
    found = power([f"truth {k}" for k in range(50)])
    assert len(cells(found)) == 31
    assert "20 more rows are in .table()." in str(found)
    assert len(found.table()) == 50


def test_weights_are_warned_of_once():
    with pytest.warns(bmco.InputWarning, match="sum to"):
        design = plan(("y1", "y2"), rule=bmco.Rule("comp", w=[1, 3]))
    data = power().data.drop_vars("claim")
    found = type(power())(design, data, "power")
    assert "0.25 δ[y1] + 0.75 δ[y2] > 0" in str(found)  # and nothing is warned of again
