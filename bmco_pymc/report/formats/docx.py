"""Blocks as a document of a word processor, written by python-docx."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

from bmco_pymc.errors import InputError
from bmco_pymc.escapes import visible
from bmco_pymc.report.blocks import Block, Checklist, Grid, Heading, Paragraph

OPEN = "To be filled in: "
LACKING = "needs python-docx: pip install 'bmco-pymc[report]'"


def check_installed(path: str) -> None:
    """Raise `InputError` if the library that writes such files is not there."""
    try:
        import docx  # noqa: F401
    except ModuleNotFoundError:
        raise InputError("path", path, LACKING) from None


def write(blocks: Sequence[Block], file: BinaryIO) -> None:
    """Write blocks into an open file."""
    from docx import Document

    document = Document()
    for block in blocks:
        _add(document, block)
    document.save(file)


def _add(document: Any, block: Block) -> None:
    match block:
        case Heading(text, level, number):
            document.add_heading(number + visible(text), level)
        case Paragraph(text, open):
            _add_text(document.add_paragraph(), text, open)
        case Grid(rows, caption, notes):
            if caption:
                document.add_paragraph(visible(caption), style="Caption")
            _add_table(document, rows)
            for note in notes:
                document.add_paragraph(visible(note))
        case Checklist(entries):
            for one in entries:
                paragraph = document.add_paragraph(style="List Bullet")
                paragraph.add_run(f"{visible(one.heading)}. ").bold = True
                _add_text(paragraph, one.text, one.open)


def _add_text(paragraph: Any, text: str, open: bool) -> None:
    if open:
        from docx.enum.text import WD_COLOR_INDEX

        paragraph.add_run(OPEN).font.highlight_color = WD_COLOR_INDEX.YELLOW
    paragraph.add_run(visible(text))


def _add_table(document: Any, rows: Sequence[Sequence[str]]) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    table = document.add_table(len(rows), len(rows[0]), style="Light Shading")
    for row, texts in zip(table.rows, rows, strict=True):
        for place, (cell, text) in enumerate(zip(row.cells, texts, strict=True)):
            cell.text = visible(text)
            if place:
                cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
