"""The app: its help, its start, what shells complete."""

import subprocess
import sys
from typing import Any

import pytest
import typer
from shell import run
from typer.testing import CliRunner

import bmco_pymc as bmco
from bmco_pymc.cli import app
from bmco_pymc.cli.app import ORDER

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def test_the_module_runs_as_a_command():
    command = [sys.executable, "-m", "bmco_pymc", "--help"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "python -m bmco_pymc [OPTIONS] COMMAND" in shown
    assert "130  interrupted" in shown


def test_version_and_help_do_not_load_the_sampler():
    code = (
        "import sys; from typer.testing import CliRunner; from bmco_pymc.cli import app\n"
        "result = CliRunner().invoke(app, ['fit', '--help'])\n"
        "assert result.exit_code == 0 and 'baseline_ability' in result.output, result.output\n"
        "heavy = {'pymc', 'nutpie', 'numba', 'arviz', 'formulaic', 'matplotlib', 'pandas'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert run("--version").stdout == f"bmco_pymc {bmco.__version__}\n"


def completed(*words: str) -> list[str]:
    """Return what a shell offers behind these words."""
    line = " ".join(["bmco-pymc", *words])
    variables = {"_BMCO_PYMC_COMPLETE": "complete_bash", "COMP_WORDS": line}
    variables["COMP_CWORD"] = str(len(words))
    shown = CliRunner().invoke(app, [], env=variables, prog_name="bmco-pymc").stdout
    return [word.strip() for word in shown.splitlines()]


def test_shells_complete_commands_options_and_choices():
    assert completed("") == list(ORDER)
    assert completed("co") == ["compare"]
    assert completed("effect", "fit.zip", "--clu") == ["--clusters", "--cluster-weights"]
    assert completed("effect", "fit.zip", "--rule", "") == ["all", "any", "comp", "count"]
    assert completed("effect", "fit.zip", "--rule", "c") == ["comp", "count"]
    assert completed("fit", "data.csv", "--priors", "b") == ["bmco"]
    assert completed("plot", "fit.zip", "s") == ["shrinkage", "sensitivity", "subgroups"]
    assert completed("power", "--engine", "") == ["laplace", "nuts"]
    shown = run("--help").stdout
    assert "--install-completion" in shown
    assert "--show-completion" in shown


@pytest.mark.parametrize("command", ORDER)
def test_the_choices_that_help_shows_are_those_that_are_taken(command):
    """A word of a choice is refused nowhere as unknown: its list is that of the package."""
    from bmco_pymc.cli.options import ANALYSES, PRIORS
    from bmco_pymc.decision.criteria import CRITERIA
    from bmco_pymc.decision.rule import SIDES
    from bmco_pymc.trial.simulated.engine import METHODS

    lists = {
        "rule": [name.lower() for name in CRITERIA if name != "Utility"],  # which needs utilities
        "direction": list(SIDES),
        "analysis": list(ANALYSES),
        "priors": list(PRIORS),
        "engine": list(METHODS),
    }
    for param in COMMANDS[command].params:
        if param.name in lists:
            assert param.metavar.split("|") == lists[param.name]


def test_every_command_says_how_it_ends_and_has_json_and_quiet():
    for command in ORDER:
        shown = run(command, "--help").stdout
        assert "130  interrupted" in shown
        for option in ("--json", "--quiet", "--no-progress"):
            assert f" {option} " in shown, (command, option)
