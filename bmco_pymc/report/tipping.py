"""How far unobserved outcomes must depart from missing at random, in words and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from bmco_pymc.decision.decision import Decision
from bmco_pymc.decision.probability import decimals
from bmco_pymc.report.blocks import Rows
from bmco_pymc.report.phrases import joined

COUNTED = (
    "At other shifts than 0, an unobserved outcome counts for its share of its group; subjects of "
    "whom no outcome was observed are not in the analysis."
)


def table_of(decision: Decision, nearest: pd.DataFrame, unobserved: pd.DataFrame) -> Rows:
    """Return the nearest shifts at which the decision is another, with success rates.

    Parameters
    ----------
    decision : Decision
        That under MAR.
    nearest, unobserved : pandas.DataFrame
        Those of `bmco_pymc.effects.tipping.TippingPoint`.
    """
    control, treatment = _groups(unobserved)
    shifted = unobserved[unobserved["shifted"]]
    names = list(zip(shifted["group"], shifted["outcome"], strict=True))
    rates = [f"success[{group}, {outcome}]" for group, outcome in names]
    head = ["moved", f"log odds {control}", f"log odds {treatment}"]
    head += [f"{outcome}? {group}" for group, outcome in names]
    first = ["none: MAR", "0", "0", *map(_rate, shifted["success"]), decision.verdict]
    rows = [[*head, "decision"], first]
    for _, row in nearest.iterrows():
        what = {"treatment": treatment, "control": control}.get(row["moved"], "both")
        if pd.isna(row["decision"]):
            blank = ["–"] * (2 + len(rates))
            rows.append([what, *blank, "the same throughout"])
            continue
        moved = [_shift(row["shift_control"]), _shift(row["shift_treatment"])]
        rows.append([what, *moved, *(_rate(row[name]) for name in rates), row["decision"]])
    return rows


def sentences(
    decision: Decision,
    nearest: pd.DataFrame,
    unobserved: pd.DataFrame,
    reach: Sequence[tuple[float, float]],
) -> list[str]:
    """Return what is decided under MAR, and how far one must go until it is another.

    Parameters
    ----------
    decision, nearest, unobserved
        As in `table_of`.
    reach : pair of (float, float)
        The first and the last shift of the control and of the treatment.
    """
    groups = control, treatment = _groups(unobserved)
    found = [f"Under MAR: {decision.verdict}, as {joined(list(_reasons(decision)))}."]
    for _, row in nearest.iterrows():
        g = {"control": 0, "treatment": 1}.get(row["moved"])
        if pd.isna(row["decision"]):
            found.append(_never(row["moved"], groups, reach, decision.verdict))
        elif g is None:
            how = _way(row["shift_treatment"])
            found.append(
                f"It becomes {row['decision']} where the unobserved of {treatment} have log odds "
                f"{how} and those of {control} as much "
                f"{'higher' if row['shift_control'] > 0 else 'lower'} "
                f"({_success(row, unobserved, groups[::-1])})."
            )
        else:
            how = _way(row["shift_treatment" if g else "shift_control"])
            found.append(
                f"It becomes {row['decision']} where the unobserved of {groups[g]} have log odds "
                f"{how} ({_success(row, unobserved, groups[g : g + 1])}), with {groups[1 - g]} as "
                "under MAR."
            )
    missing = unobserved.groupby("group")["missing"].sum()
    found += [f"Nothing is unobserved in {group}." for group in groups if not missing[group]]
    return [*found, COUNTED, "Columns with ?: posterior mean of success among the unobserved."]


def _never(
    moved: str, groups: tuple[str, str], reach: Sequence[tuple[float, float]], verdict: str
) -> str:
    """Return that the decision is the same wherever one goes."""
    ends = [f"from {_shift(low)} to {_shift(high)}" for low, high in reach]
    if moved == "both":
        return f"With both moved as far in opposite directions, it stays {verdict} throughout."
    g = 0 if moved == "control" else 1
    return (
        f"With {groups[1 - g]} as under MAR, it stays {verdict} with the log odds of the "
        f"unobserved of {groups[g]} shifted by anything {ends[g]}."
    )


def _reasons(decision: Decision) -> Iterator[str]:
    for side in decision.sides:
        whose = f" ({side.direction})" if len(decision.sides) > 1 else ""
        yield f"the {decision.statistic_name} {decimals(side.statistic)}{whose} {side.comparison}"


def _success(row: pd.Series, unobserved: pd.DataFrame, groups: Sequence[str]) -> str:
    """Return success among the unobserved of some groups, there and under MAR."""
    shifted = unobserved[unobserved["shifted"]]
    parts = []
    for group in groups:
        own = shifted[shifted["group"] == group]
        each = [
            f"{outcome} {_rate(row[f'success[{group}, {outcome}]'])} instead of {_rate(mar)}"
            for outcome, mar in zip(own["outcome"], own["success"], strict=True)
        ]
        parts.append(f"success among {'them' if len(groups) == 1 else group}: {joined(each)}")
    return "; ".join(parts)


def _groups(unobserved: pd.DataFrame) -> tuple[str, str]:
    control, treatment = unobserved["group"].unique()
    return control, treatment


def _way(shift: float) -> str:
    """Return a shift in words.

    Examples
    --------
    >>> _way(-1.4)
    '1.40 lower'
    """
    return f"{abs(shift):.2f} {'higher' if shift > 0 else 'lower'}"


def _shift(value: float) -> str:
    return f"{value:.4g}" if value == round(value, 4) else f"{value:.2f}"


def _rate(value: float) -> str:
    return f"{value:.3f}"
