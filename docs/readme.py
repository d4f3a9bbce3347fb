"""Run the README's code once; keep what it prints and both pictures: ``python docs/readme.py``."""

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


def main() -> None:
    """Run the first block of code, put its output below it, and draw the two pictures."""
    text = README.read_text(encoding="utf-8")
    code = re.search(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert code is not None
    namespace: dict[str, Any] = {}
    printed = io.StringIO()
    with contextlib.chdir(HERE), contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.InputWarning)  # each school holds one group only
        exec(code[1], namespace)
        subgroups = namespace["fit"].effects_by("baseline_ability", bins=3)
        subgroups.plot().savefig("subgroups.png")
    output = re.compile(r"^```text\n.*?^```$", re.MULTILINE | re.DOTALL)
    block = f"```text\n{printed.getvalue().rstrip()}\n```"
    README.write_text(output.sub(lambda _: block, text, count=1), encoding="utf-8")


if __name__ == "__main__":
    main()
