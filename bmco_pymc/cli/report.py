"""What an analysis leaves: text on standard output, three files, and a code to end with."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import typer

from bmco_pymc.cli.speech import INTERRUPTED, NOT_GOOD, UNEXPECTED
from bmco_pymc.decision import Decision
from bmco_pymc.effect import Effect
from bmco_pymc.errors import InputError
from bmco_pymc.escapes import visible
from bmco_pymc.parameters import assess
from bmco_pymc.probability import smallest_ess
from bmco_pymc.rules import RULES

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


def verdict(effect: Effect) -> str:
    """Return what is to be known of every number: how the sampling ended and what it is worth.

    Such as ``Converged``, ``NOT CONVERGED`` or ``INTERRUPTED, NOT CONVERGED``.
    """
    head = effect.diagnostics.verdict.split(":")[0]
    return f"INTERRUPTED, {head}" if effect.fit.cut_short else head


def finish(
    report: Report,
    notes: Sequence[str],
    folder: Path | None,
    effect: Effect,
    decisions: Sequence[Decision],
    ci_prob: float,
) -> None:
    """Write the files, if any, then print what is left to print; end with 3 or 130 if need be.

    The files come first, so that a closed pipe or terminal costs none of them; and what is printed
    does not depend on them, so that a full disk costs no result.
    """
    try:
        if folder is not None:
            _write(folder, report.text(notes), effect, decisions, ci_prob)
    except OSError as error:
        typer.echo(
            f"Error: {visible(str(folder))} could not be written: {error.strerror}", err=True
        )
        raise typer.Exit(UNEXPECTED) from None
    finally:
        report.show()
    if folder is not None:
        typer.echo(f"\nWritten to {visible(str(folder))}: summary.txt, estimates.csv, effect.png")
    if effect.fit.cut_short:
        raise typer.Exit(INTERRUPTED)
    if not effect.diagnostics.ok:
        raise typer.Exit(NOT_GOOD)


def _write(
    folder: Path, text: str, effect: Effect, decisions: Sequence[Decision], ci_prob: float
) -> None:
    """Write summary.txt, estimates.csv and effect.png; files of these names are replaced."""
    from bmco_pymc.plots import plot_effect

    if effect.fit.cut_short:
        text = f"{effect.fit.cut_short.upper()}: this is not the analysis asked for.\n\n{text}"
    (folder / "summary.txt").write_text(text, encoding="utf-8")
    estimates_table(effect, decisions, ci_prob).to_csv(
        folder / "estimates.csv", index_label="quantity", encoding="utf-8"
    )
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
    rows: dict[tuple[bool, str], dict[str, float]] = {}  # a rule may be called like an outcome
    for decision in decisions:
        for side in decision.sides:
            names = [f"P[{name}, {side.direction}]" for name in (decision.rule, *decision.outcomes)]
            whole = (side.probability, side.mcse, np.nan if side.bound is None else side.bound)
            alone = zip(side.marginal, side.marginal_mcse, side.marginal_bound, strict=True)
            draws = _events(effect, decision, side.direction)
            for place, (name, known) in enumerate(zip(names, (whole, *alone), strict=True)):
                rows[place == 0, name] = _row(*map(float, known)) | draws[place]
    probabilities = pd.DataFrame(rows.values(), index=[name for _, name in rows])
    table = pd.concat([effect.summary(ci_prob), probabilities, effect.fit.summary(ci_prob)])
    return table.rename(index=visible).assign(verdict=verdict(effect))


def _events(effect: Effect, decision: Decision, direction: str) -> list[dict[str, float]]:
    """Return ESS and R-hat of the events of a side: the rule's, then each outcome's."""
    delta, exact = effect.delta, effect.diagnostics.exact
    per_outcome = delta.isel(chain=0, draw=0, drop=True)
    sign = 1 if direction == "right" else -1
    excess = sign * delta - per_outcome.copy(data=np.array(decision.margins))
    weights = per_outcome.copy(data=np.array(decision.weights or [1.0] * len(decision.outcomes)))
    joint = RULES[decision.rule].holds(excess, weights).values
    alone = (excess > 0).transpose("outcome", "chain", "draw").values
    known = assess(np.stack([joint, *alone]).astype(float), independent=exact)
    stand_in = joint.size if exact else smallest_ess(delta)  # where all draws agree
    return [
        {
            "ess_bulk": stand_in if np.isnan(bulk) else float(bulk),
            "ess_tail": stand_in if np.isnan(tail) else float(tail),
            "rhat": float(rhat),
        }
        for bulk, tail, rhat in zip(
            *(known[k] for k in ("ess_bulk", "ess_tail", "rhat")), strict=True
        )
    ]


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
