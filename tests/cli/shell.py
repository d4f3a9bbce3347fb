"""The command line called from tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import bmco_pymc as bmco
from bmco_pymc.cli import app
from bmco_pymc.models.regression import Regression

TRIAL = {"--outcomes": "y1,y2", "--group": "arm", "--control": "ctl", "--treatment": "trt"}
SCHOOLS = {
    "--outcomes": "math_pass,reading_pass",
    "--group": "method",
    "--control": "traditional",
    "--treatment": "new_method",
    "--cluster": "school_id",
}


def run(*arguments: object) -> Any:
    """Run a command."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def fit(path: Path, options: Mapping[str, object], *more: object) -> Any:
    """Fit what is in a file."""
    pairs = [part for pair in options.items() for part in pair]
    return run("fit", path, *pairs, "--no-progress", *more)


def written_trial(folder: Path) -> Path:
    """Write the trial to a CSV file."""
    path = folder / "trial.csv"
    bmco.load_trial().to_csv(path, index=False)
    return path


def forbid_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any sampling fail: it must not be reached."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("sampling was reached")

    for analysis in (bmco.BMVB, Regression):
        monkeypatch.setattr(analysis, "fit", refuse)
