"""A title, a table and sentences below it, as text or as HTML."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import MISSING, fields
from html import escape

from bmco_pymc.escapes import visible

type Facts = tuple[str, list[list[str]], list[str]]  # a title, a table with a header, sentences


class Printed(abc.ABC):
    """What shows itself as its facts: as text where it is printed, as HTML in a notebook."""

    @abc.abstractmethod
    def _facts(self) -> Facts: ...

    def __str__(self) -> str:
        return as_text(*self._facts())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(*self._facts())


class Declared:
    """A dataclass that shows itself as it could be written, without what is left to the default.

    Its first field, which says what it is, is always shown.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, repr=False)
    ... class Prior(Declared):
    ...     sd: float = 1.0
    ...     mean: float = 0.0
    >>> Prior(), Prior(2, mean=1)
    (Prior(sd=1.0), Prior(sd=2, mean=1))
    """

    def __repr__(self) -> str:
        parts = []
        for place, field in enumerate(fields(self)):  # type: ignore[arg-type]
            made = field.default_factory
            usual = field.default if made is MISSING else made()
            value = getattr(self, field.name)
            # by how they look: arrays do not compare as one
            if field.init and (place == 0 or repr(value) != repr(usual)):
                shown = value.__name__ if isinstance(value, type) else repr(value)
                parts.append(f"{field.name}={shown}")
        return f"{type(self).__name__}({', '.join(parts)})"


def as_text(title: str, table: Sequence[Sequence[str]], sentences: Sequence[str]) -> str:
    """Return plain text: first column to the left, the others to the right.

    Parameters
    ----------
    title : str
    table : sequence of sequences of str
        Rows of equal length, the first the header; or none.
    sentences : sequence of str
        A line each, below the table.

    Examples
    --------
    >>> print(as_text("Fruit", [["kind", "n"], ["pears", "12"], ["figs", "7"]], ["All ripe."]))
    Fruit
    kind    n
    pears  12
    figs    7
    All ripe.
    """
    table = [[visible(entry) for entry in row] for row in table]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rows = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table
    ]
    return "\n".join([visible(title), *rows, *map(visible, sentences)])


def as_html(title: str, table: Sequence[Sequence[str]], sentences: Sequence[str]) -> str:
    """Return HTML of the same, with every text escaped.

    Examples
    --------
    >>> as_html("A & B", [["n"], ["1"]], [])  # doctest: +ELLIPSIS
    '<div ...><b>A &amp; B</b><table><tr><th>n</th></tr><tr><td>1</td></tr></table></div>'
    """
    items = "".join(f"<li>{shown(sentence)}</li>" for sentence in sentences)
    below = f"<ul>{items}</ul>" if items else ""
    return html_block(f"<b>{shown(title)}</b>{html_table(table)}{below}")


def html_table(table: Sequence[Sequence[str]]) -> str:
    """Return a table, the first row its header, as HTML; nothing of one without rows."""
    tags = ["th", *["td"] * len(table)][: len(table)]
    rows = "".join(
        "<tr>" + "".join(f"<{tag}>{shown(entry)}</{tag}>" for entry in row) + "</tr>"
        for tag, row in zip(tags, table, strict=True)
    )
    return f"<table>{rows}</table>" if rows else ""


def html_block(html: str) -> str:
    """Return HTML in a block where a notebook reads no ``$`` as mathematics.

    Examples
    --------
    >>> html_block("costs $5")
    '<div class="tex2jax_ignore mathjax_ignore">costs $5</div>'
    """
    return f'<div class="tex2jax_ignore mathjax_ignore">{html}</div>'


def shown(text: str) -> str:
    """Return a text as HTML that shows it as it is."""
    return escape(visible(text))
