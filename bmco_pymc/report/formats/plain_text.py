"""Blocks as plain text of at most 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from bmco_pymc.escapes import visible
from bmco_pymc.report.blocks import Block, Checklist, Grid, Heading, Paragraph
from bmco_pymc.report.fitted import WIDTH, as_lines

OPEN = "TO BE FILLED IN: "


def write(blocks: Sequence[Block]) -> str:
    """Return blocks as text; what is still to be filled in is in capitals.

    Examples
    --------
    >>> from bmco_pymc.report.blocks import Entry
    >>> print(write([Heading("Goal", 2), Checklist((Entry("Why", "For whom.", open=True),))]))
    Goal
      Why. TO BE FILLED IN: For whom.
    """
    lines: list[str] = []
    before: Block | None = None
    for block in blocks:
        if _apart(before, block):
            lines.append("")
        lines += _lines(block)
        before = block
    return "\n".join(lines)


def _apart(before: Block | None, block: Block) -> bool:
    """Return whether a line is left free between two blocks."""
    if before is None or (isinstance(block, Heading) and block.level > 2):
        return False
    if isinstance(before, Heading):
        return before.level == 1
    return isinstance(block, Heading) or isinstance(before, Grid) or isinstance(block, Grid)


def _lines(block: Block) -> list[str]:
    match block:
        case Heading(text, _, number):
            return [number + visible(text)]
        case Paragraph(text, open):
            return [wrapped(OPEN * open + text)]
        case Grid(rows, caption, notes):
            table = as_lines(caption, rows, [])
            return [table if caption else table.lstrip("\n"), *map(wrapped, notes)]
        case Checklist(entries):
            texts = (f"  {one.heading}. {OPEN * one.open}{one.text}" for one in entries)
            return [wrapped(text, indent="    ") for text in texts]


def wrapped(text: str, indent: str = "") -> str:
    """Return a text on lines of at most 100 characters where it can be broken."""
    return textwrap.fill(
        visible(text),
        width=WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
