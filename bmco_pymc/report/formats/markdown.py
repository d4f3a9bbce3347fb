"""Blocks as Markdown, which GitHub and notebooks show."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bmco_pymc.escapes import visible
from bmco_pymc.report.blocks import Block, Checklist, Grid, Heading, Paragraph

OPEN = "*To be filled in:* "


def write(blocks: Sequence[Block]) -> str:
    """Return blocks as Markdown; what is still to be filled in has an empty box.

    Examples
    --------
    >>> from bmco_pymc.report.blocks import Entry
    >>> print(write([Heading("Goal"), Checklist((Entry("Why", "For whom.", open=True),))]), end="")
    ## Goal
    <BLANKLINE>
    - [ ] **Why.** *To be filled in:* For whom.
    """
    return "\n\n".join(map(_block, blocks)) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(text, level, number, open):
            box = "" if open is None else f"{_box(open)} "
            return f"{'#' * (level + 1)} {number}{box}{escaped(text)}"
        case Paragraph(text, open):
            return OPEN * open + escaped(text)
        case Grid(rows, caption, notes):
            head, *body = [[escaped(entry) for entry in row] for row in rows]
            bars = [head, ["---", *["---:"] * (len(head) - 1)], *body]
            table = "\n".join(f"| {' | '.join(row)} |" for row in bars)
            above = [f"*{escaped(caption)}*"] if caption else []
            return "\n\n".join([*above, table, *map(escaped, notes)])
        case Checklist(entries):
            return "\n".join(
                f"- {_box(one.open)} **{escaped(one.heading)}.** "
                f"{OPEN * one.open}{escaped(one.text)}"
                for one in entries
            )


def _box(open: bool) -> str:
    return "[ ]" if open else "[x]"


def escaped(text: str) -> str:
    r"""Return a text that Markdown shows as it is.

    Examples
    --------
    >>> print(escaped("a*b <i> math_pass _x $5 &lt;"))
    a\*b \<i> math_pass \_x \$5 \&lt;
    """
    text = re.sub(r"([\\`*<|~$^&#])", r"\\\1", visible(text))
    return re.sub(r"(?<!\w)_|_(?!\w)|(?<=\])\(", r"\\\g<0>", text)
