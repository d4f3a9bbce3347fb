"""`bmco-pymc power` and `bmco-pymc size`: what they print and write, and how they end."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from bmco_pymc.cli import app

TWO = ("--control", ".4,.4", "--treatment", ".6,.6")


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def power(*more: object) -> Any:
    return run("power", *TWO, "--no-progress", *more)


def test_power_and_type_one_error():
    result = power("--n", 103, "--rho", "-.3,0,.3")
    assert result.exit_code == 0
    assert re.search(r"rho = -0.3 .* 0\.8062", result.stdout)
    assert re.search(r"rho = 0 .* 0\.8131", result.stdout)
    assert re.search(r"rho = 0\.3 .* 0\.8246", result.stdout)
    assert re.search(r"of the rule +0\.0544", result.stdout)
    assert "Exact" in result.stdout
    assert "Type I error" not in power("--n", 103, "--no-type-one").stdout


def test_looks_unequal_groups_and_rules():
    looks = power("--looks", "35,70,105", "--spending", "hsd:-4", "--no-type-one")
    assert "0.7849" in looks.stdout  # of the reference
    assert "0.997394" in looks.stdout
    unequal = power("--n", "20,40", "--rule", "count", "--at-least", 1, "--no-type-one")
    same = power("--n", "20,40", "--rule", "any", "--no-type-one")
    numbers = [re.findall(r"0\.\d{4}", result.stdout)[0] for result in (unequal, same)]
    assert numbers[0] == numbers[1]
    weighted = power("--n", 20, "--rule", "comp", "--weights", ".7,.3", "--no-type-one")
    assert weighted.exit_code == 0
    assert "0.7 δ[y1] + 0.3 δ[y2]" in weighted.stdout


def test_size_with_dropout():
    result = run("size", *TWO, "--rule", "any", "--dropout", ".1", "--no-progress")
    assert result.exit_code == 0
    assert "51 + 51" in result.stdout  # the first n of the reference
    assert "56 + 56" in result.stdout
    assert "63 + 63" in result.stdout  # enrolled, for 56 to stay


def test_files(tmp_path):
    result = power("--n", 40, "--no-type-one", "--out", tmp_path / "plan")
    assert result.exit_code == 0
    folder = tmp_path / "plan"
    found = {path.name for path in folder.iterdir()}
    assert found == {"protocol.txt", "summary.txt", "characteristics.csv", "power.png"}
    table = pd.read_csv(folder / "characteristics.csv")
    exact = power("--n", 40, "--no-type-one").stdout
    assert f"{table['success'].item():.4f}" in exact
    protocol = (folder / "protocol.txt").read_text(encoding="utf-8")
    assert "12. Reproducibility" in protocol
    assert (folder / "summary.txt").read_text(encoding="utf-8").strip() in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*TWO,), "--n=None: needed"),
        ((*TWO, "--n", "many"), "--n='many': must be whole numbers"),
        ((*TWO, "--n", "1,2,3"), "--n='1,2,3': must be one number"),
        ((*TWO, "--n", "0"), "--n=0: must be a whole number, from 1"),
        (("--control", ".4", "--treatment", "1.6", "--n", "9"), "--treatment=[1.6]"),
        ((*TWO, "--n", "9", "--rho", "-.9"), "--rho=-0.9: must lie between"),
        ((*TWO, "--n", "9", "--rule", "most"), "--rule='most': unknown rule"),
        ((*TWO, "--n", "9", "--cut-off", "95"), "--cut-off=95"),
        ((*TWO, "--n", "9", "--futility", ".1"), "--futility=0.1: needs --looks"),
        ((*TWO, "--looks", "9,5"), "must be the numbers of subjects at each look, rising"),
        ((*TWO, "--looks", "5,9", "--spending", "all"), "--spending='all'"),
        ((*TWO, "--looks", "5,9", "--spending", "pocock:2"), "--spending='pocock:2'"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(arguments, words, tmp_path):
    result = run("power", *arguments, "--no-progress", "--out", tmp_path / "plan")
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "plan").exists()


def test_no_size_for_no_effect():
    result = run("size", "--control", ".4,.4", "--treatment", ".6,.4", "--no-progress")
    assert result.exit_code == 2
    assert "has no effect by rule All" in result.stderr
    result = run("size", *TWO, "--ratio", 0, "--no-progress")
    assert "--ratio=0" in result.stderr
