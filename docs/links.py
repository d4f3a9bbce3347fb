"""Check a built site: ``python docs/links.py docs/_build/html``.

Every link and every anchor of a page must lead somewhere in the site, every picture must be there
and have an alternative text, and no id may be given twice. Addresses outside are left alone.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Page(HTMLParser):
    """What a page has: ids, links, and pictures."""

    ids: Counter[str] = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)  # pictures without a text

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what counts from a tag."""
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.ids[found["id"]] += 1
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag in ("img", "script") and found.get("src"):
            self.pictures.append(found["src"])
        if tag == "img" and not found.get("alt", "").strip():
            self.untold.append(found.get("src", ""))


def read(path: Path) -> Page:
    """Return what a page has."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def problems(site: Path) -> list[str]:
    """Return what is wrong with a site, a line each."""
    pages = {
        path: read(path) for path in sorted(site.rglob("*.html")) if "_static" not in path.parts
    }
    found = []
    for path, page in pages.items():
        where = path.relative_to(site)
        found += [f"{where}: a picture without an alternative text: {s[:60]}" for s in page.untold]
        found += [
            f"{where}: the id {name!r} is given twice" for name, n in page.ids.items() if n > 1
        ]
        for link in [*page.links, *page.pictures]:
            if (what := lost(link, path, pages)) is not None:
                found.append(f"{where}: {link[:80]!r} {what}")
    return found


def lost(link: str, path: Path, pages: dict[Path, Page]) -> str | None:
    """Return why a link leads nowhere; None if it leads somewhere, or out of the site."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return "leads to no file"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and not pages[target].ids[anchor]:
        return "leads to no such place of its page"
    return None


def main(folder: str) -> int:
    """Print what is wrong; return 1 if anything is."""
    site = Path(folder).resolve()
    found = problems(site)
    n = sum(1 for _ in site.rglob("*.html"))
    print(*found, f"{n} pages, {len(found)} problems", sep="\n")
    return int(bool(found) or not n)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
