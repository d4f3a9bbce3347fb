"""A protocol: a paragraph, and sections of which each says what it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bmco_pymc.report.blocks import Block, Grid, Heading, Paragraph, Rows
from bmco_pymc.report.document import Document


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
    def open(self) -> bool:
        """Whether something is still to be filled in."""
        return bool(self.to_fill_in)


@dataclass(frozen=True, repr=False)
class Protocol(Document):
    """What to write about a planned trial; made by ``oc.report()``.

    Attributes
    ----------
    title : str
        The design in a line.
    paragraph : str
        A paragraph for a protocol.
    sections : tuple of Section
        Twelve; ``section.open`` marks those to which the author must add.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> design = bmco.Design(60, bmco.Analysis(bmco.BMVB))
    >>> truth = bmco.Scenario(control=[0.4, 0.4], treatment=[0.65, 0.6])
    >>> protocol = design.evaluate(truth).report()
    >>> protocol.title
    'Plan of a trial: BMVB, rule All, right-sided, level 0.05, n = 60 + 60'
    >>> [(section.heading, section.open) for section in protocol.sections][:2]
    [('Objective and estimand', True), ('Design', True)]
    """

    title: str
    paragraph: str
    sections: tuple[Section, ...]

    def blocks(self) -> Sequence[Block]:
        """Return title, paragraph and sections.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> design = bmco.Design(60, bmco.Analysis(bmco.BMVB))
        >>> truth = bmco.Scenario(control=[0.4, 0.4], treatment=[0.65, 0.6])
        >>> design.evaluate(truth).report().blocks()[0].text
        'Plan of a trial: BMVB, rule All, right-sided, level 0.05, n = 60 + 60'
        """
        found: list[Block] = [Heading(self.title), Paragraph(self.paragraph)]
        for number, section in enumerate(self.sections, 1):
            found.append(Heading(section.heading, 2, f"{number}. ", section.open))
            found += [Paragraph(section.text)] if section.text else []
            found += [Grid(table) for table in (section.table, section.second) if table]
            found += [Paragraph(section.to_fill_in, open=True)] if section.open else []
        return found
