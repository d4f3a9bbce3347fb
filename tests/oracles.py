"""Numbers of other programs and of slower arithmetic, by name: reference/design_oracles.csv."""

import csv
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

TABLE = Path(__file__).parent / "reference" / "design_oracles.csv"


class Oracle(NamedTuple):
    """What went in, what came out, and how far off one may be."""

    inputs: dict[str, Any]
    value: Any
    tolerance: float


def oracle(name: str) -> Oracle:
    """Return the row of an id."""
    row = _rows()[name]
    # The first number; what else a tolerance says, as of integers that are exact, is for people.
    tolerance = re.findall(r"[\d.]+(?:e-?\d+)?", row["tolerance"])[0]
    return Oracle(json.loads(row["inputs"]), json.loads(row["value"]), float(tolerance))


@cache
def _rows() -> dict[str, dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}
