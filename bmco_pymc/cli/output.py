"""What an analysis leaves: sections of text, files, a document and a code to end with."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bmco_pymc.cli.document import of_decision, of_diagnostics, records
from bmco_pymc.cli.run import Run
from bmco_pymc.cli.speech import INTERRUPTED, NOT_GOOD
from bmco_pymc.decision.decision import Decision, Side
from bmco_pymc.decision.probability import smallest_ess
from bmco_pymc.diagnostics.scalars import assess
from bmco_pymc.effects.effect import Effect
from bmco_pymc.effects.tipping import TippingPoint
from bmco_pymc.errors import InputError
from bmco_pymc.escapes import visible
from bmco_pymc.posterior.posterior import Posterior

DPI = 150


def writable(folder: Path, option: str = "--out") -> Path:
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
        raise InputError(option, str(folder), problem) from None
    return folder


def writable_file(path: Path, option: str) -> Path:
    """See whether a file can be written: not over a folder, and in one that takes files."""
    if path.is_dir():
        raise InputError(option, str(path), "is a folder; name a file in it")
    writable(path.parent, option)
    return path


def finish(
    run: Run,
    effect: Effect,
    decisions: Sequence[Decision],
    ci_prob: float,
    folder: Path | None = None,
    tipping: TippingPoint | None = None,
    *,
    kept: bool = False,
) -> None:
    """Write the files of an effect, if any; say what it is, and what the run ends with.

    Parameters
    ----------
    run : Run
    effect : Effect
    decisions : sequence of Decision
        The first is the main one.
    ci_prob : float
    folder : Path, optional
    tipping : TippingPoint, optional
    kept : bool
        Whether the fit was made before this run.
    """
    table = estimates_table(effect, decisions, ci_prob)
    tables = {} if tipping is None else {"tipping": records(tipping.table)}
    run.content |= {
        "estimand": effect.estimand,
        "estimates": records(table, "quantity"),
        "decision": of_decision(decisions[0]),
        "tables": tables or None,
    }
    judge(run, effect, kept=kept)
    if folder is not None:
        _write(run, folder, effect, table, decisions[0], tipping)


def judge(run: Run, posterior: Posterior | Effect, *, kept: bool) -> None:
    """Say what the draws are worth, and what the run ends with unless something went wrong."""
    run.content |= of_diagnostics(posterior.diagnostics)
    whole = posterior.posterior if isinstance(posterior, Effect) else posterior
    if run.code:
        return
    if whole.cut_short:
        run.code = NOT_GOOD if kept else INTERRUPTED
    elif not posterior.diagnostics.ok:
        run.code = NOT_GOOD


def _write(
    run: Run,
    folder: Path,
    effect: Effect,
    table: pd.DataFrame,
    main: Decision,
    tipping: TippingPoint | None,
) -> None:
    """Write summary.txt, estimates.csv and effect.png; files of these names are replaced."""
    from bmco_pymc.plots.effect import plot_effect

    text = run.summary
    if cut_short := effect.posterior.cut_short:
        text = f"{cut_short.upper()}: this is not the analysis asked for.\n\n{text}"
    side = main.sides[0].direction

    def picture(path: Path) -> None:
        plot_effect(effect, side, main.margins, main.weights).savefig(path, dpi=DPI)

    files: dict[str, Any] = {
        "summary.txt": lambda path: path.write_text(text, encoding="utf-8"),
        "estimates.csv": lambda path: table.to_csv(path, index_label="quantity", encoding="utf-8"),
        "effect.png": picture,
    }
    if tipping is not None:
        shifts = tipping.table
        files["tipping.csv"] = lambda path: shifts.to_csv(path, index=False, encoding="utf-8")
        files["tipping.png"] = lambda path: tipping.plot().savefig(path, dpi=DPI)
    run.write(folder, files)


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
