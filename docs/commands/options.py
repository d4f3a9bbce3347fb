"""Write the table of options of each command into its page: ``python docs/commands/options.py``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer

from bmco_pymc.cli import app

HERE = Path(__file__).parent
PLACE = re.compile(r"(?<=^<!-- options -->\n).*?(?=^<!-- end of options -->$)", re.M | re.S)
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def table(name: str) -> str:
    """Return the options of a command under their headings, as its help has them."""
    command = COMMANDS[name]
    context = typer.Context(command, info_name=name)
    panels: dict[str, list[str]] = {}
    for param in command.get_params(context):
        record = param.get_help_record(context)
        if record is None or param.name == "help":
            continue
        option, meaning = (" ".join(part.split()).replace("|", r"\|") for part in record)
        panel = getattr(param, "rich_help_panel", None) or "Arguments"
        panels.setdefault(panel, []).append(f"| `{option}` | {meaning} |")
    parts = [
        "\n".join([f"\n### {panel}\n", "| option | meaning |", "| --- | --- |", *rows])
        for panel, rows in panels.items()
    ]
    return "\n".join(["## Options", *parts, ""])


def main() -> None:
    """Put the tables anew."""
    for name in COMMANDS:
        page = HERE / f"{name}.md"
        text = page.read_text(encoding="utf-8")
        new = table(name)
        page.write_text(PLACE.sub(lambda _, new=new: f"\n{new}\n", text), encoding="utf-8")


if __name__ == "__main__":
    main()
