"""Which file a document is written to, and in which format."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bmco_pymc.errors import InputError
from bmco_pymc.report.blocks import Block
from bmco_pymc.report.formats import docx, html, latex, markdown, plain_text

SUFFIXES = (".md", ".html", ".tex", ".docx", ".txt")


def check_path(path: str | os.PathLike[str]) -> Path:
    """Return where a document goes.

    Raises
    ------
    InputError
        If the suffix is of no known format, or what writes it is not installed.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError("path", path, "must be the name of a file")
    found = Path(path)
    if found.suffix.lower() not in SUFFIXES:
        raise InputError("path", str(path), "the end of its name says no format", SUFFIXES)
    if found.suffix.lower() == ".docx":
        docx.check_installed(str(path))
    return found


def save(blocks: Sequence[Block], path: str | os.PathLike[str]) -> None:
    """Write blocks to a file in the format that the end of its name says."""
    found = check_path(path)
    writers = {
        ".md": markdown.write,
        ".html": html.page,
        ".tex": latex.write,
        ".txt": lambda blocks: plain_text.write(blocks) + "\n",
    }
    try:
        if (write := writers.get(found.suffix.lower())) is not None:
            found.write_text(write(blocks), encoding="utf-8")
            return
        with found.open("wb") as file:
            docx.write(blocks, file)
    except OSError as error:
        problem = f"could not be written: {error.strerror}"
        raise InputError("path", str(path), problem) from None
