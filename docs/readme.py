"""Run the README's code; keep what it prints and both pictures: ``python docs/readme.py``."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from pathlib import Path
from typing import Any

import bmco_pymc as bmco

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
# Code, and below it what it prints.
PAIR = re.compile(
    r"^```python\n((?:(?!```).*\n)*)```\n\n```text\n(?:(?!```).*\n)*```$", re.MULTILINE
)


def main() -> None:
    """Run the code that has its output below it, put this anew, and draw the two pictures."""
    namespace: dict[str, Any] = {}

    def again(pair: re.Match[str]) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(pair[1], namespace)
        return f"```python\n{pair[1]}```\n\n```text\n{printed.getvalue().rstrip()}\n```"

    with contextlib.chdir(HERE), warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.InputWarning)  # each school holds one group only
        text = PAIR.sub(again, README.read_text(encoding="utf-8"))
        subgroups = namespace["fit"].effects_by("baseline_ability", bins=3)
        subgroups.plot().savefig("subgroups.png")
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
