"""The results of an effect as a table for a paper: a row for each outcome."""

from __future__ import annotations

from typing import Any

from bmco_pymc.decision.decision import Decision, Side
from bmco_pymc.decision.probability import shown
from bmco_pymc.diagnostics.summary import interval
from bmco_pymc.errors import InputError
from bmco_pymc.escapes import visible
from bmco_pymc.posterior.differences import Differences
from bmco_pymc.report import sentences as words
from bmco_pymc.report.blocks import Grid

LACKING = "needs great_tables: pip install 'bmco-pymc[report]'"


def grid(effect: Differences, decision: Decision, ci_prob: float) -> Grid:
    """Return θ of both groups, δ and the probability of each outcome, with notes below."""
    control, treatment = effect.groups
    estimates = interval(effect.summary(ci_prob))
    K = len(effect.outcomes)
    rows = [
        [
            "Outcome",
            control,
            treatment,
            "Difference δ",
            *(_event(decision, side) for side in decision.sides),
        ]
    ]
    for k, outcome in enumerate(effect.outcomes):
        chances = [
            shown(side.marginal[k], side.marginal_mcse[k], side.marginal_bound[k])
            for side in decision.sides
        ]
        rows.append([outcome, *(estimates[place * K + k] for place in range(3)), *chances])
    notes = (
        f"Posterior mean [{100 * ci_prob:g}% equal-tailed interval] of the success probabilities "
        f"and of their difference, {treatment} minus {control}.",
        f"Estimand: {effect.estimand}",
        *words.joint(decision),
        words.verdict(decision),
        *str(effect.diagnostics).splitlines(),
    )
    return Grid(rows, f"{treatment} compared with {control}", notes)


def _event(decision: Decision, side: Side) -> str:
    """Return the head of the column of one side's probabilities."""
    right = side.direction == "right"
    margins = {margin if right else -margin for margin in decision.margins}
    bound = f"{margins.pop() + 0.0:g}".replace("-", "−") if len(margins) == 1 else "margin"
    return f"P(δ {'>' if right else '<'} {bound})"


def great_table(effect: Differences, decision: Decision, ci_prob: float) -> Any:
    """Return the same as a `great_tables.GT`; see ``Effect.table``."""
    try:
        from great_tables import GT
    except ModuleNotFoundError:
        raise InputError("table", "great_tables", LACKING) from None
    import pandas as pd

    found = grid(effect, decision, ci_prob)
    head, *rows = [[visible(entry) for entry in row] for row in found.rows]
    # columns are known by their place: labels of the user may be alike, or empty
    names = [f"column {place}" for place in range(len(head))]
    made = GT(pd.DataFrame(rows, columns=names), rowname_col=names[0])
    made = made.cols_label(dict(zip(names[1:], head[1:], strict=True)))
    made = made.tab_stubhead(head[0]).tab_header(visible(found.caption))
    made = made.tab_spanner("Success probability", names[1:3])
    made = made.cols_align("right", names[1:])
    for note in found.notes:
        made = made.tab_source_note(visible(note))
    return made
