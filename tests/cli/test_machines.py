"""`--json` is one strict document, and `--quiet` says nothing but the result and errors."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from shell import TRIAL, fit, run, written_trial

import bmco_pymc as bmco
from bmco_pymc.cli.document import KEYS

TWO = ("--control", ".4,.4", "--treatment", ".6,.6", "--no-progress")


def document(result: Any) -> dict[str, Any]:
    """Return the one document on standard output, in which nothing is NaN or infinite."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found = json.loads(result.stdout, parse_constant=refuse)
    assert result.stdout.isascii()
    assert tuple(found) == KEYS
    assert found["version"] == bmco.__version__
    assert found["exit_code"] == result.exit_code
    return dict(found)


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    return written_trial(tmp_path)


def test_a_fit(trial, tmp_path):
    out = tmp_path / "out"
    asked = {"--seed": 3, "--rule": "any", "--direction": "two-sided", "--out": out}
    found = document(fit(trial, TRIAL | asked, "--json"))
    effect = bmco.BMVB(bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")).fit(
        seed=3
    ).effect()  # fmt: skip
    decision = effect.decide("any", "two-sided")
    assert (found["command"], found["error"], found["converged"]) == ("fit", None, True)
    assert found["estimand"] == effect.estimand
    assert found["problems"] == []
    said = found["decision"]
    assert (said["rule"], said["direction"], said["verdict"]) == (
        "Any", "two-sided", decision.verdict
    )  # fmt: skip
    assert (said["margins"], said["weights"], said["alpha"]) == ([0.0, 0.0], None, 0.05)
    assert (said["probability"], said["mcse"]) == (decision.probability, decision.mcse)
    assert [side["direction"] for side in said["sides"]] == ["right", "left"]
    for side, expected in zip(said["sides"], decision.sides, strict=True):
        assert side["probability"] == expected.probability
        assert side["threshold"] == expected.threshold
        assert [one["probability"] for one in side["marginal"]] == expected.marginal.values.tolist()
    table = pd.read_csv(out / "estimates.csv")
    assert [row["quantity"] for row in found["estimates"]] == table["quantity"].tolist()
    for row, mean in zip(found["estimates"], table["mean"], strict=True):
        assert row["mean"] == pytest.approx(mean, rel=1e-12)
    assert found["files"] == [
        str(out / name) for name in ("summary.txt", "estimates.csv", "effect.png")
    ]
    assert (out / "summary.txt").read_text("utf-8") == found["text"]


def test_a_bound_where_all_draws_agree(tmp_path):
    table = pd.DataFrame({"arm": ["a", "b"], "won": [0, 1], "n": [200, 200]})
    table.to_csv(tmp_path / "sure.csv", index=False)
    options = {"--outcomes": "won", "--group": "arm", "--control": "a", "--treatment": "b"}
    found = document(fit(tmp_path / "sure.csv", options | {"--counts": "n"}, "--json"))
    assert (found["decision"]["probability"], found["decision"]["mcse"]) == (1.0, 0.0)
    assert 0.999 < found["decision"]["bound"] < 1
    row = next(row for row in found["estimates"] if row["quantity"] == "P[All, right]")
    assert row["mcse"] is None
    assert any(note.startswith("no variation") for note in found["notes"])


def test_labels_cannot_break_a_document(tmp_path):
    evil = 'up\x1b[2J"}\n\x7f∂'
    table = bmco.load_trial().rename(columns={"y1": evil})
    table.to_csv(tmp_path / "t.csv", index=False)
    quoted = '"' + evil.replace('"', '""') + '",y2'
    found = document(fit(tmp_path / "t.csv", TRIAL | {"--outcomes": quoted}, "--json"))
    assert found["decision"]["marginal"][0]["outcome"] == evil


@pytest.mark.parametrize(
    ("arguments", "argument", "problem"),
    [
        (("fit", "none.csv"), None, "Missing option"),
        (("effect", "none.zip"), "fit", "cannot be read"),
        (("effect", "none.zip", "--alpha", "small"), None, "Invalid value"),
        (("fly",), None, "No such command"),
        (("power", *TWO), "--n", "needed"),
        (("power", *TWO, "--n", 9, "--rule", "most"), "--rule", "unknown rule"),
    ],
)
def test_errors_are_documents_too(arguments, argument, problem):
    result = run(*arguments, "--json")
    found = document(result)
    assert result.exit_code == 2
    assert found["error"]["argument"] == argument
    assert problem in found["error"]["problem"]
    assert "Error: " in result.stderr
    assert found["decision"] is None


def test_what_nobody_foresaw_is_a_document_and_a_traceback(trial, monkeypatch):
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of ideas")

    monkeypatch.setattr(bmco.BMVB, "fit", fail)
    result = fit(trial, TRIAL, "--json")
    assert isinstance(result.exception, RuntimeError)
    assert document(result)["error"]["problem"] == "RuntimeError: out of ideas"
    assert "Study of 240 subjects" in document(result)["text"]
    shown = fit(trial, TRIAL)
    assert "Study of 240 subjects" in shown.stdout


def test_an_interrupt_is_a_document(trial, monkeypatch):
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bmco.BMVB, "fit", interrupt)
    result = fit(trial, TRIAL, "--json", "--quiet")
    assert result.exit_code == 130
    assert document(result)["exit_code"] == 130
    assert "nothing was written" in result.stderr


def test_plans(tmp_path):
    found = document(run("power", *TWO, "--n", 40, "--json"))
    design = bmco.Design(40, bmco.Analysis(bmco.BMVB, bmco.Rule("all")))
    expected = design.evaluate(bmco.Scenario([0.4, 0.4], [0.6, 0.6]), progress=False)
    (row,) = found["tables"]["characteristics"]
    assert row["success"] == pytest.approx(expected.power.item(), rel=1e-12)
    assert found["tables"]["type_one"]
    assert found["decision"] is None
    report = tmp_path / "protocol.md"
    sized = document(run("size", *TWO, "--rule", "any", "--json", "--report", report))
    assert sized["files"] == [str(report)]
    assert "### 12." in report.read_text("utf-8")
    assert not [value for value in sized["tables"]["characteristics"][0].values() if value != value]


def test_quiet_says_the_result_and_errors_alone(tmp_path):
    schools = tmp_path / "schools.csv"
    bmco.load_schools().to_csv(schools, index=False)
    options = {
        "--outcomes": "math_pass", "--group": "method", "--control": "traditional",
        "--treatment": "new_method", "--cluster": "school_id", "--analysis": "bmvb", "--seed": 1,
    }  # fmt: skip
    loud = fit(schools, options | {"--out": tmp_path})
    assert "Note: " in loud.stderr
    assert "Written to" in loud.stdout
    quiet = fit(schools, options | {"--out": tmp_path}, "--quiet")
    assert quiet.stderr == ""
    assert quiet.stdout == loud.stdout[: loud.stdout.index("\nWritten to")]
    assert "Note: " in (tmp_path / "summary.txt").read_text("utf-8")
    assert document(fit(schools, options, "--quiet", "--json"))["notes"]
    wrong = fit(schools, options | {"--ci": 95}, "--quiet")
    assert wrong.stderr.startswith("Error: --ci=95")


def test_what_json_has_not():
    from bmco_pymc.cli.document import plain

    assert plain({"a": math.inf, 1: [float("nan"), 2, True, {"b": (None, "x")}]}) == {
        "a": None,
        "1": [None, 2, True, {"b": [None, "x"]}],
    }
