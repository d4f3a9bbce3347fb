"""What an analysis leaves: text on standard output, and three files."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import typer

from bmco_pymc.decision import Decision
from bmco_pymc.effect import Effect
from bmco_pymc.errors import InputError

WIDTH = 100


class Report:
    """Text that is shown section by section and kept for ``summary.txt``."""

    def __init__(self) -> None:
        self._sections: list[str] = []

    def add(self, *parts: object) -> None:
        """Show a section: parts as they print, long sentences on several lines."""
        section = "\n".join(_wrapped(line) for part in parts for line in str(part).splitlines())
        typer.echo(("\n" if self._sections else "") + section)
        self._sections.append(section)

    def text(self, notes: Sequence[str]) -> str:
        """Return all sections, and at the end what was said on standard error."""
        remarks = [_wrapped(f"Note: {note}") for note in notes]
        return "\n\n".join([*self._sections, *remarks]) + "\n"


def writable(folder: Path) -> Path:
    """Make a folder and see whether files can be written there.

    Raises
    ------
    InputError
        If they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        problem = f"files cannot be written there: {error.strerror}"
        raise InputError("--out", str(folder), problem) from None
    return folder


def write(
    folder: Path, text: str, effect: Effect, decisions: Sequence[Decision], ci_prob: float
) -> None:
    """Write summary.txt, estimates.csv and effect.png; files of these names are replaced."""
    from bmco_pymc.plots import plot_effect

    (folder / "summary.txt").write_text(text, encoding="utf-8")
    estimates_table(effect, decisions, ci_prob).to_csv(
        folder / "estimates.csv", index_label="quantity", encoding="utf-8"
    )
    main = decisions[0]
    side = main.sides[0].direction
    plot_effect(effect, side, main.margins, main.weights).savefig(folder / "effect.png", dpi=150)
    typer.echo(f"\nWritten to {folder}: summary.txt, estimates.csv, effect.png")


def estimates_table(
    effect: Effect, decisions: Sequence[Decision], ci_prob: float = 0.95
) -> pd.DataFrame:
    """Return a row per θ, δ, probability and parameter.

    A probability has its value as the mean, with its Monte Carlo standard error. Where all draws
    agree there is no such error; the lower and upper limits are then its bound and 0 or 1.
    """
    rows: dict[str, dict[str, float]] = {}
    for decision in decisions:
        for side in decision.sides:
            bound = np.nan if side.bound is None else side.bound
            joint = _row(side.probability, side.mcse, bound)
            rows[f"P[{decision.rule}, {side.direction}]"] = joint
            alone = zip(side.marginal, side.marginal_mcse, side.marginal_bound, strict=True)
            for outcome, entry in zip(decision.outcomes, alone, strict=True):
                rows[f"P[{outcome}, {side.direction}]"] = _row(*map(float, entry))
    probabilities = pd.DataFrame.from_dict(rows, orient="index")
    return pd.concat([effect.summary(ci_prob), probabilities, effect.fit.summary(ci_prob)])


def _row(probability: float, mcse: float, bound: float) -> dict[str, float]:
    """Return a probability in the columns of an estimate."""
    if np.isnan(bound):
        return {"mean": probability, "mcse": mcse}
    low, high = (bound, 1.0) if probability == 1 else (0.0, bound)
    return {"mean": probability, "lower": low, "upper": high}


def _wrapped(line: str) -> str:
    """Return a long sentence on several lines; tables, which have double spaces, as they are."""
    if len(line) <= WIDTH or "  " in line.strip():
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.fill(
        line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
