"""What a written document is made of: headings, paragraphs, tables, and lists to be ticked off."""

from __future__ import annotations

from dataclasses import dataclass

type Rows = list[list[str]]


@dataclass(frozen=True)
class Heading:
    """A heading.

    Attributes
    ----------
    text : str
    level : int
        1 for the title of the whole, then 2 and 3.
    number : str
        What stands before it, such as ``"3. "``.
    open : bool, optional
        Whether what is below it lacks something; None where nobody asks.
    """

    text: str
    level: int = 1
    number: str = ""
    open: bool | None = None


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; an open one says what the author should write there."""

    text: str
    open: bool = False


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes
    ----------
    rows : list of list of str
        The first is the header.
    caption : str
    notes : tuple of str
        Sentences below it.
    """

    rows: Rows
    caption: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One thing of a checklist: said, or open and then what the author should write."""

    heading: str
    text: str
    open: bool = False


@dataclass(frozen=True)
class Checklist:
    """Things to report, each said or open."""

    entries: tuple[Entry, ...]


type Block = Heading | Paragraph | Grid | Checklist
