"""BibTeX of the package and its papers from ``CITATION.cff``: ``python docs/citation.py``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SOURCE = Path(__file__).parent.parent / "CITATION.cff"
TARGET = Path(__file__).parent / "project" / "citing.bib"


def bibtex(citation: Mapping[str, Any]) -> str:
    """Return an entry for the software and one for each of its references.

    Parameters
    ----------
    citation : mapping
        What a ``CITATION.cff`` holds.

    Examples
    --------
    >>> one = {"type": "article", "title": "On what", "year": 2020, "authors": [{"name": "The x"}]}
    >>> print(bibtex({**one, "references": []}))
    @article{thex2020,
      title = {{On what}},
      author = {{The x}},
      year = {2020},
    }
    <BLANKLINE>
    """
    return "\n".join(map(_entry, [citation, *citation["references"]]))


def _entry(work: Mapping[str, Any]) -> str:
    authors = [_name(author) for author in work["authors"]]
    year = str(work.get("year") or str(work["date-released"])[:4])
    first = "".join(letter for letter in authors[0].split(",")[0].lower() if letter.isalnum())
    fields = {
        "title": f"{{{work['title']}}}",
        "author": " and ".join(authors),
        "journal": work.get("journal"),
        "year": year,
        "version": work.get("version"),
        "doi": work.get("doi"),
        "note": work.get("notes"),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{work['type']}{{{first}{year},", *lines, "}", ""])


def _name(author: Mapping[str, str]) -> str:
    """Return a person as BibTeX sorts them, and an organisation in braces, as it stands."""
    if "family-names" in author:
        return f"{author['family-names']}, {author['given-names']}"
    return f"{{{author['name']}}}"


def main() -> None:
    """Write the file that the site shows."""
    TARGET.write_text(bibtex(yaml.safe_load(SOURCE.read_text("utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
