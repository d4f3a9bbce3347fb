"""The measurements as a page to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

import bmco_pymc
from benchmarks.row import BAMBI, OURS, PLAIN, Quantity, Row, Target

HEAD = """\
# How long things take

One run on one machine. Each measurement has a process of its own; peers take turns. Numbers are
medians over the repeats, with the smallest and the largest in brackets. Caches of PyTensor and
numba lie in temporary folders: *cold* is empty, *warm* was filled beforehand by another study of
the same structure, never by the same data. The peer *plain PyMC* is `benchmarks/plain_pymc.py`: the
same posterior as a textbook would write it, compiled and sampled by nutpie, its θ and δ in numpy.

To measure again, from the root of the repository, on an otherwise idle machine:

```sh
pip install -e '.[bench]'  # bambi, one of the peers; bmco, if R has it, is another
python -m benchmarks.run
python -m pytest benchmarks/test_ratios.py  # only: has any ratio become much worse?
```

An interrupted run goes on where it stopped. `python -m benchmarks.run --help` has the options.
"""
WORST = 4.0  # combined Monte Carlo standard errors that two samplers of one posterior may differ


def page(
    results: pd.DataFrame, table: Mapping[str, Row], setups: Mapping[str, Mapping[str, str]]
) -> str:
    """Return the report in Markdown.

    Parameters
    ----------
    results : pandas.DataFrame
        A line per row, case, peer, caches, repeat and measure, with its value.
    table : mapping of str to Row
        All rows by name.
    setups : mapping of str to mapping
        What measurements were made with, by name.
    """
    measured = [row for row in table.values() if (results["row"] == row.name).any()]
    parts = [HEAD, "## Targets\n", targets(results, measured)]
    left = [row.title.lower() for row in table.values() if row not in measured]
    if left:
        parts.append(f"Not measured: {', '.join(left)}.\n")
    parts += ["## Do the peers have the same posterior?\n", _agreement(results, table)]
    for row in measured:
        parts += [f"## {row.title}\n", row.note + "\n", _measures(results, row)]
    parts += ["## Made with\n", _made_with(results, setups)]
    return "\n".join(parts)


def targets(results: pd.DataFrame, chosen: Iterable[Row]) -> str:
    """Return the table of targets: what was measured, what it should be, and whether it is."""
    lines = _head("row", "what", "ours", "peer", "value", "target", "met")
    for row in chosen:
        for target in row.targets:
            ours = median(results, row, target.ours)
            against = median(results, row, target.against) if target.against else None
            value = judged(results, row, target)
            met = "not measured"
            if np.isfinite(value):
                met = "yes" if target.met(value) else "**no**"
            elif target.against and _missing(results, row, target.against):
                met = "not installed"
            cells = [row.title, target.words, _number(ours)]
            cells += ["" if against is None else _number(against), _number(value)]
            lines.append(_line([*cells, target.goal, met]))
    return "\n".join(lines) + "\n"


def judged(results: pd.DataFrame, row: Row, target: Target) -> float:
    """Return the value or the ratio that a target is about; NaN where not measured."""
    value = median(results, row, target.ours)
    return value / median(results, row, target.against) if target.against else value


def median(results: pd.DataFrame, row: Row, quantity: Quantity) -> float:
    """Return the median over repeats of a measure; NaN where not measured."""
    return float(_values(results, row.name, quantity).median())


def agrees(results: pd.DataFrame, table: Mapping[str, Row]) -> bool:
    """Whether ours and the plain model's θ, δ and P(All) differ by Monte Carlo error only."""
    return all(z.abs().max() < WORST for *_, z, _ in _comparisons(results, table, PLAIN))


def _comparisons(
    results: pd.DataFrame, table: Mapping[str, Row], peer: str
) -> list[tuple[Row, str, str, Any, Any]]:
    """Return z and the difference of each posterior mean, for each row, case and caches."""
    found: list[tuple[Row, str, str, Any, Any]] = []
    for row in table.values():
        for case, caches in dict.fromkeys((run.case, run.caches) for run in row.runs):
            ours, theirs = (
                _posterior(results, row.name, case, who, caches) for who in (OURS, peer)
            )
            if ours.empty or theirs.empty:
                continue
            difference = ours["mean"] - theirs["mean"]
            z: Any = difference / np.hypot(ours["mcse"], theirs["mcse"])
            found.append((row, case, caches, z, difference))
    return found


def _posterior(results: pd.DataFrame, row: str, case: str, peer: str, caches: str) -> pd.DataFrame:
    """Return mean and Monte Carlo standard error of θ, δ and All over all repeats."""
    here = (results["row"] == row) & (results["case"] == case) & (results["caches"] == caches)
    mine = results[here & (results["peer"] == peer)]
    parts = mine["measure"].str.extract(r"^(mean|mcse) (.*)$")
    known = mine.assign(kind=parts[0], name=parts[1]).dropna(subset=["kind"])
    values = known.groupby(["kind", "name"])["value"]
    if known.empty:
        return pd.DataFrame(columns=["mean", "mcse"])
    # Repeats have their own seeds, so their errors are independent.
    error = values.apply(lambda x: np.sqrt((x**2).sum()) / len(x))
    return pd.DataFrame({"mean": values.mean()["mean"], "mcse": error["mcse"]})


def _agreement(results: pd.DataFrame, table: Mapping[str, Row]) -> str:
    lines = _head("row", "case", "quantities", "largest difference", "largest \\|z\\|", "agrees")
    for row, case, _, z, difference in _comparisons(results, table, PLAIN):
        agree = "yes" if z.abs().max() < WORST else "**no**"
        numbers = [str(len(z)), _number(difference.abs().max()), f"{z.abs().max():.1f}"]
        lines.append(_line([row.title, case, *numbers, agree]))
    text = (
        "Posterior means of every θ, of δ and of P(All), ours less the plain model's, over all "
        "repeats; z is\nthe difference in combined Monte Carlo standard errors, and "
        f"|z| < {WORST:g} is agreement.\n"
    )
    others = [
        f"bambi's prior is not the same ({row.title.lower()}): its means differ by up to "
        f"{_number(difference.abs().max())}.\n"
        for row, *_, difference in _comparisons(results, table, BAMBI)
    ]
    return "\n".join([text, *lines, "", *others])


def _measures(results: pd.DataFrame, row: Row) -> str:
    of_row = results[results["row"] == row.name]
    shown = [name for name in row.show if (of_row["measure"] == name).any()]
    lines = _head("case", "by", "repeats", *shown)
    for run in row.runs:
        mine = [
            _values(results, row.name, Quantity(name, run.case, run.peer, run.caches))
            for name in shown
        ]
        repeats = max((len(values) for values in mine), default=0)
        if repeats:
            cells = [str(repeats), *map(_spread, mine)]
        else:
            gone = _missing(results, row, Quantity("", run.case, run.peer, run.caches))
            cells = ["not installed" if gone else "not measured", *[""] * len(shown)]
        lines.append(_line([run.case, run.peer, *cells]))
    return "\n".join(lines) + "\n"


def _values(results: pd.DataFrame, row: str, quantity: Quantity) -> pd.Series:
    wanted = {
        "row": row,
        "case": quantity.case,
        "peer": quantity.peer,
        "caches": quantity.caches,
        "measure": quantity.measure,
    }
    chosen = np.logical_and.reduce([results[column] == value for column, value in wanted.items()])
    return results.loc[chosen, "value"].astype(float)


def _missing(results: pd.DataFrame, row: Row, quantity: Quantity) -> bool:
    gone = Quantity("missing", quantity.case, quantity.peer, quantity.caches)
    return len(_values(results, row.name, gone)) > 0


def _made_with(results: pd.DataFrame, setups: Mapping[str, Mapping[str, str]]) -> str:
    lines = []
    for name, rows in results.groupby("setup", sort=False):
        setup = setups[str(name)]
        days = sorted({str(when)[:10] for when in rows["when"]})
        bambi = "not installed" if not setup["bambi"] else setup["bambi"]
        lines.append(
            f"- {', '.join(rows['row'].unique())}: {days[0]}"
            + (f" to {days[-1]}" if len(days) > 1 else "")
            + f"; {setup['machine']}; bmco_pymc {bmco_pymc.__version__} "
            f"(sources {setup['sources']}), {setup['packages']}. bambi's environment: {bambi}."
        )
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:.0f}" if abs(value) >= 1000 or value == 0 else f"{value:.3g}"


def _spread(values: pd.Series) -> str:
    if values.empty:
        return ""
    low, high = values.min(), values.max()
    middle = _number(float(values.median()))
    return middle if low == high else f"{middle} ({_number(low)}–{_number(high)})"


def _head(*names: str) -> list[str]:
    return [_line(names), _line(["---"] * len(names))]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
