"""Tables that fit the width of a page of text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from bmco_pymc.printing import as_text
from bmco_pymc.report.blocks import Rows

WIDTH = 100  # columns of text
_LABEL = 26  # of these, the least for the names of scenarios


def as_lines(title: str, rows: Rows, sentences: Sequence[str]) -> str:
    """Return a title, a table and sentences as text, the table as wide as a page."""
    lines = as_text(title, fitted(rows), sentences).splitlines()
    return "\n".join(line.rstrip() for line in lines)


def fitted(rows: Rows, width: int = WIDTH) -> Rows:
    """Return a table with its first column on several lines where it is too wide for text.

    The lines of a name go on in rows below that have none, and in new ones.

    Examples
    --------
    >>> table = [["scenario", "power"], ["control = (0.4, 0.4), treatment = (0.6, 0.6)", "0.81"]]
    >>> for row in fitted(table, 40):
    ...     print(row)
    ['scenario', 'power']
    ['control = (0.4, 0.4),', '0.81']
    ['  treatment = (0.6, 0.6)', '']
    """
    if not rows:
        return rows
    others = sum(2 + max(map(len, column)) for column in [*zip(*rows, strict=True)][1:])
    room = max(width - others, _LABEL)
    blank = [""] * (len(rows[0]) - 1)
    found: Rows = []
    left: list[str] = []  # lines of the last name
    for label, *entries in rows:
        if label:
            found += [[line, *blank] for line in left]
            label, *left = _lines(label, room)
        elif left:
            label = left.pop(0)
        found.append([label, *entries])
    return found + [[line, *blank] for line in left]


def _lines(label: str, room: int) -> list[str]:
    """Return a name on lines, numbers with what they are of if there is room for that."""
    if len(label) <= room:
        return [label]
    held = re.sub(r" = |(?<=\d), (?=[-\d., ]+\))", lambda m: m[0].replace(" ", "\0"), label)
    if max(map(len, held.split())) > room - 2:
        held = label
    lines = textwrap.wrap(held, room, subsequent_indent="  ", break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]
