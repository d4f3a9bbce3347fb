"""Tables of a data frame's rows as text."""

from __future__ import annotations

import pandas as pd

from bmco_pymc.printing import as_text


def of_parameters(table: pd.DataFrame, ci_prob: float) -> str:
    """Return the parameters of a fit, with what their draws are worth."""
    head = ["", "mean", "sd", f"{100 * ci_prob:g}% interval", "R-hat", "bulk ESS", "tail ESS"]
    rows = [
        [
            str(label),
            f"{row['mean']:.3f}",
            f"{row['sd']:.3f}",
            f"[{row['lower']:.3f}, {row['upper']:.3f}]",
            _or_none(row["rhat"], ".3f"),
            _or_none(row["ess_bulk"], ".0f"),
            _or_none(row["ess_tail"], ".0f"),
        ]
        for label, row in table.iterrows()
    ]
    return as_text("Parameters", [head, *rows], [])


def of_predictions(table: pd.DataFrame, unit: str) -> str:
    """Return how well fits predict what they have not seen, the best first."""
    columns = ["elpd", "se", "p", "elpd_diff", "dse", "weight"]
    head = ["", "elpd", "SE", "p", "difference", "SE", "weight"]
    rows = [
        [str(name), *(f"{row[column]:z.{2 if column == 'weight' else 1}f}" for column in columns)]
        for name, row in table.iterrows()
    ]
    title = f"Prediction of a {unit} that is left out (PSIS-LOO)"
    sentence = "A difference of less than about 4, or than twice its SE, is small."
    return as_text(title, [head, *rows], [sentence])


def _or_none(number: float, spec: str) -> str:
    return "–" if number != number else format(number, spec)
