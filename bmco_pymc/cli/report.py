"""What an analysis leaves: text on standard output, three files, and a code to end with."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer

from bmco_pymc.cli.speech import INTERRUPTED, NOT_GOOD, UNEXPECTED
from bmco_pymc.decision.decision import Decision, Side
from bmco_pymc.decision.probability import smallest_ess
from bmco_pymc.diagnostics.scalars import assess
from bmco_pymc.effects.effect import Effect
from bmco_pymc.effects.tipping import TippingPoint
from bmco_pymc.errors import InputError
from bmco_pymc.escapes import visible

WIDTH = 100


class Report:
    """Sections of text, kept for ``summary.txt`` and shown when they are asked for."""

    def __init__(self) -> None:
        self._sections: list[str] = []
        self._n_shown = 0

    def add(self, *parts: object) -> None:
        """Add a section: parts as they print, long sentences on several lines."""
        lines = (_wrapped(line) for part in parts for line in str(part).splitlines())
        self._sections.append("\n".join(lines))

    def show(self) -> None:
        """Print the sections that have not been printed yet."""
        for section in self._sections[self._n_shown :]:
            typer.echo(("\n" if self._n_shown else "") + section)
            self._n_shown += 1

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


def finish(
    report: Report,
    notes: Sequence[str],
    folder: Path | None,
    effect: Effect,
    decisions: Sequence[Decision],
    ci_prob: float,
    tipping: TippingPoint | None = None,
) -> None:
    """Write the files, if any, then print what is left to print; end with 3 or 130 if need be.

    The files come first, so that a closed pipe or terminal costs none of them; and what is printed
    does not depend on them, so that a full disk costs no result.
    """
    try:
        if folder is not None:
            _write(folder, report.text(notes), effect, decisions, ci_prob)
            if tipping is not None:
                tipping.table.to_csv(folder / "tipping.csv", index=False, encoding="utf-8")
                tipping.plot().savefig(folder / "tipping.png", dpi=150)
    except OSError as error:
        problem = f"{visible(str(folder))} could not be written: {error.strerror}"
        typer.echo(f"Error: {problem}", err=True)
        raise typer.Exit(UNEXPECTED) from None
    finally:
        report.show()
    if folder is not None:
        more = "" if tipping is None else ", tipping.csv, tipping.png"
        names = f"summary.txt, estimates.csv, effect.png{more}"
        typer.echo(f"\nWritten to {visible(str(folder))}: {names}")
    if effect.posterior.cut_short:
        raise typer.Exit(INTERRUPTED)
    if not effect.diagnostics.ok:
        raise typer.Exit(NOT_GOOD)


def _write(
    folder: Path, text: str, effect: Effect, decisions: Sequence[Decision], ci_prob: float
) -> None:
    """Write summary.txt, estimates.csv and effect.png; files of these names are replaced."""
    from bmco_pymc.plots.effect import plot_effect

    if cut_short := effect.posterior.cut_short:
        text = f"{cut_short.upper()}: this is not the analysis asked for.\n\n{text}"
    (folder / "summary.txt").write_text(text, encoding="utf-8")
    table = estimates_table(effect, decisions, ci_prob)
    table.to_csv(folder / "estimates.csv", index_label="quantity", encoding="utf-8")
    main = decisions[0]
    side = main.sides[0].direction
    plot_effect(effect, side, main.margins, main.weights).savefig(folder / "effect.png", dpi=150)


def estimates_table(
    effect: Effect, decisions: Sequence[Decision], ci_prob: float = 0.95
) -> pd.DataFrame:
    """Return a row per θ, δ, probability and parameter, each with ESS, R-hat and the verdict.

    A probability has its value as the mean, with its Monte Carlo standard error, and R-hat and ESS
    of its event. Where all draws agree there are neither; the lower and upper limits are then its
    bound and 0 or 1, and the ESS is the one that the bound rests on. Draws that are independent by
    construction have no R-hat.
    """
    rows: dict[tuple[bool, Any], pd.Series] = {}  # a rule may be called like an outcome
    for decision in decisions:
        for side in decision.sides:
            known = _probabilities(effect, decision, side).iterrows()
            rows |= {(place == 0, name): row for place, (name, row) in enumerate(known)}
    probabilities = pd.DataFrame(rows.values())
    table = pd.concat([effect.summary(ci_prob), probabilities, effect.posterior.summary(ci_prob)])
    head = effect.diagnostics.head
    verdict = f"INTERRUPTED, {head}" if effect.posterior.cut_short else head
    return table.rename(index=visible).assign(verdict=verdict)


def _probabilities(effect: Effect, decision: Decision, side: Side) -> pd.DataFrame:
    """Return the row of the rule on one side, then those of the outcomes."""
    holds, beyond = decision.asked.events(effect.delta, side.direction, effect.change)
    joint = holds.transpose("chain", "draw").values
    alone = beyond.transpose("outcome", "chain", "draw").values
    exact = effect.diagnostics.exact
    known = assess(np.stack([joint, *alone]).astype(float), independent=exact)
    table = pd.DataFrame(
        {
            "mean": [side.probability, *side.marginal.values],
            "mcse": [side.mcse, *side.marginal_mcse.values],
            "bound": [side.bound, *side.marginal_bound.values],
            **{name: known[name] for name in ("ess_bulk", "ess_tail", "rhat")},
        },
        index=[f"P[{name}, {side.direction}]" for name in (decision.rule, *decision.outcomes)],
        dtype=float,
    )
    bound, sure = table.pop("bound"), table["mean"] == 1
    agree = bound.notna()
    table["mcse"] = table["mcse"].mask(agree)
    table["lower"] = bound.where(sure, 0.0).where(agree)
    table["upper"] = bound.mask(sure, 1.0).where(agree)
    return table.fillna(
        dict.fromkeys(("ess_bulk", "ess_tail"), joint.size if exact else smallest_ess(effect.delta))
    )


def _wrapped(line: str) -> str:
    """Return a long sentence on several lines; tables, which have double spaces, as they are."""
    if len(line) <= WIDTH or "  " in line.strip():
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.fill(
        line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
