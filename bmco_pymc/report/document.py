"""A protocol as a document of sections: as text, in Markdown and as HTML."""

from __future__ import annotations

from dataclasses import dataclass, field

from bmco_pymc.escapes import visible
from bmco_pymc.printing import as_html, html_block, shown
from bmco_pymc.report.fitted import as_lines
from bmco_pymc.report.report import plain, wrapped
from bmco_pymc.report.tables import Rows


@dataclass(frozen=True)
class Section:
    """One section of a protocol.

    Attributes
    ----------
    heading : str
    text : str
        What the design says of it.
    table : list of list of str
        The first row the header; or none.
    to_fill_in : str
        What the author must still say or ask for; empty where nothing is missing.
    second : list of list of str
        Another table; or none.
    """

    heading: str
    text: str
    table: Rows
    to_fill_in: str = ""
    second: Rows = field(default_factory=list)

    @property
    def tables(self) -> list[Rows]:
        """The tables that there are."""
        return [table for table in (self.table, self.second) if table]

    @property
    def open(self) -> bool:
        """Whether something is still to be filled in."""
        return bool(self.to_fill_in)


@dataclass(frozen=True, repr=False)
class Protocol:
    """What to write about a planned trial; made by ``oc.report()``.

    Attributes
    ----------
    title : str
        The design in a line.
    paragraph : str
        A paragraph for a protocol.
    sections : tuple of Section
        Twelve; ``section.open`` marks those to which the author must add.
    """

    title: str
    paragraph: str
    sections: tuple[Section, ...]

    def __str__(self) -> str:
        lines = [visible(self.title), "", wrapped(self.paragraph)]
        for number, section in enumerate(self.sections, 1):
            lines += ["", f"{number}. {visible(section.heading)}"]
            if section.text:
                lines.append(wrapped(section.text))
            for place, table in enumerate(section.tables):
                lines += [""] * (place > 0)
                lines.append(as_lines("", table, []).lstrip("\n"))
            if section.open:
                lines.append(wrapped(f"TO BE FILLED IN: {section.to_fill_in}"))
        return "\n".join(lines)

    __repr__ = __str__

    def markdown(self) -> str:
        """Return the report in Markdown; a section with something to fill in has an empty box."""
        lines = [f"## {plain(self.title)}", "", plain(self.paragraph)]
        for number, section in enumerate(self.sections, 1):
            box = "[ ]" if section.open else "[x]"
            lines += ["", f"### {number}. {box} {plain(section.heading)}", ""]
            if section.text:
                lines += [plain(section.text), ""]
            for table in section.tables:
                head, *rows = [[plain(entry) for entry in row] for row in table]
                bars = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
                lines += [f"| {' | '.join(row)} |" for row in bars] + [""]
            if section.open:
                lines += [f"*To be filled in:* {plain(section.to_fill_in)}", ""]
            lines.pop()
        return "\n".join(lines) + "\n"

    def _repr_html_(self) -> str:
        parts = [f"<b>{shown(self.title)}</b><p>{shown(self.paragraph)}</p>"]
        for number, section in enumerate(self.sections, 1):
            parts.append(f"<p><b>{number}. {shown(section.heading)}</b></p>")
            if section.text:
                parts.append(f"<p>{shown(section.text)}</p>")
            parts += [as_html("", table, []) for table in section.tables]
            if section.open:
                parts.append(f"<p><mark>To be filled in:</mark> {shown(section.to_fill_in)}</p>")
        return html_block("".join(parts))
