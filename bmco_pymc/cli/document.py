"""What a command says to machines: one JSON document, with the same keys for every command."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from bmco_pymc.errors import InputError, short

if TYPE_CHECKING:
    import pandas as pd

    from bmco_pymc.decision.decision import Decision, Side
    from bmco_pymc.diagnostics.verdict import Diagnostics

# In their order; a key that a command has nothing for is null.
KEYS = (
    *("version", "command", "exit_code", "error", "converged", "verdict", "problems"),
    *("estimand", "estimates", "decision", "tables", "files", "notes", "text"),
)


def document(command: str | None, exit_code: int, **content: Any) -> str:
    """Return a document; it has no NaN and no infinity, and is plain ASCII.

    Parameters
    ----------
    command : str or None
    exit_code : int
    **content
        Values of others of the `KEYS`.
    """
    from bmco_pymc import __version__

    known: dict[str, Any] = {"files": [], "notes": [], **content}
    known |= {"version": __version__, "command": command, "exit_code": exit_code}
    assert not known.keys() - set(KEYS)
    return json.dumps({key: plain(known.get(key)) for key in KEYS}, indent=2, allow_nan=False)


def plain(value: Any) -> Any:
    """Return a value as JSON has it.

    Examples
    --------
    >>> plain({"p": float("nan"), "n": (1, 2)})
    {'p': None, 'n': [1, 2]}
    """
    if value is None or isinstance(value, str | bool):
        return value
    if hasattr(value, "tolist"):  # of numpy
        return plain(value.tolist())
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, Iterable):
        return [plain(one) for one in value]
    return short(value)


def failure(
    argument: str | None, value: Any, problem: str, choices: Sequence[Any] | None = None
) -> dict[str, Any]:
    """Return what went wrong, as `InputError` has it."""
    return {"argument": argument, "value": value, "problem": problem, "choices": choices}


def of_error(error: InputError) -> dict[str, Any]:
    """Return an error; a value that JSON has not is written out."""
    kinds = str | bool | int | float | list | tuple | None
    value = error.value if isinstance(error.value, kinds) else short(error.value)
    return failure(error.argument, value, error.problem, error.choices)


def of_diagnostics(diagnostics: Diagnostics) -> dict[str, Any]:
    """Return the verdict on draws."""
    problems = [
        {"kind": one.kind, "reason": one.reason, "advice": one.advice}
        for one in diagnostics.problems
    ]
    return {"converged": diagnostics.ok, "verdict": diagnostics.verdict, "problems": problems}


def of_decision(decision: Decision) -> dict[str, Any]:
    """Return a decision: what was asked, the first side's numbers, and each side's."""
    sides = [_of_side(side) for side in decision.sides]
    first = ("probability", "mcse", "bound", "marginal")
    return {
        "rule": decision.rule,
        "direction": decision.direction,
        "margins": decision.margins,
        "weights": decision.weights,
        "at_least": decision.asked.m,
        "alpha": decision.alpha,
        "cut_off": decision.asked.cut,
        "verdict": decision.verdict,
        **{key: sides[0][key] for key in first},
        "sides": sides,
        "caveats": decision.caveats,
    }


def _of_side(side: Side) -> dict[str, Any]:
    names = [str(name) for name in side.marginal["outcome"].values]
    numbers = (side.marginal.values, side.marginal_mcse.values, side.marginal_bound.values)
    alone = zip(names, *numbers, strict=True)
    return {
        "direction": side.direction,
        "event": side.event,
        "probability": side.probability,
        "mcse": side.mcse,
        "bound": side.bound,
        "marginal": [
            dict(zip(("outcome", "probability", "mcse", "bound"), one, strict=True))
            for one in alone
        ],
        "statistic": side.statistic,
        "threshold": side.threshold,
        "met": side.met,
    }


def records(table: pd.DataFrame, index: str | None = None) -> list[dict[str, Any]]:
    """Return a table as a list of its rows, its index among the columns if that has a name."""
    if index is not None:
        table = table.rename_axis(index).reset_index()
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
