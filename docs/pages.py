"""Run the code of the README and of the site's pages: ``python docs/pages.py [page ...]``.

The ``python`` blocks of a page run from top to bottom, in one go. What a block prints stands in
the ``text`` block below it, and what it saves as a picture in ``docs/pictures``: both are put anew
here, from the same run. The tests run the same code and compare.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
PICTURES = HERE / "pictures"
APART = ("_build", "notebooks", "commands", "generated")
# A block of code and, if it says what it prints, the block of text below it.
BLOCK = re.compile(
    r"^```python\n(?P<code>(?:(?!```).*\n)*)```(?P<gap>\n\n```text\n(?P<text>(?:(?!```).*\n)*)```)?$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A block of code of a page: the code, what the page says that it prints, and what it printed.

    Attributes
    ----------
    code, printed : str
    said : str or None
        None where the page does not say it.
    """

    code: str
    said: str | None
    printed: str


def pages() -> list[Path]:
    """Return the README and the site's pages that have code to run."""
    found = [path for path in HERE.rglob("*.md") if not set(path.parts) & set(APART)]
    return [p for p in [ROOT / "README.md", *sorted(found)] if BLOCK.search(p.read_text("utf-8"))]


def run(page: Path, folder: Path, **settings: Any) -> list[Block]:
    """Run the code of a page in a folder, where its pictures go; each bears the texts in it.

    Parameters
    ----------
    page : Path
    folder : Path
    **settings
        Names that the code finds already there.
    """
    namespace: dict[str, Any] = {"__name__": "__page__", **settings}
    found = []
    with contextlib.chdir(folder), told(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a page says itself what is to be minded
        for block in BLOCK.finditer(page.read_text("utf-8")):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
                exec(compile(block["code"], str(page), "exec"), namespace)
            text = "\n".join(line.rstrip() for line in printed.getvalue().rstrip().splitlines())
            found.append(Block(block["code"], block["text"], text + "\n" if text else ""))
    return found


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Let every PNG bear the words and numbers in it, as its description."""
    from bmco_pymc.plots.style import Picture

    plain = Picture.savefig

    def savefig(picture: Picture, name: Any, **more: Any) -> None:
        if str(name).endswith(".png"):
            about = {"Description": picture.alt, "Software": None}
            more = {"dpi": 150, "metadata": about, **more}
        plain(picture, name, **more)

    Picture.savefig = savefig  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Picture.savefig = plain  # type: ignore[method-assign]


def refresh(page: Path) -> None:
    """Put anew what a page says that its code prints, and its pictures."""
    with tempfile.TemporaryDirectory() as folder:
        done = iter(run(page, Path(folder)))

        def again(block: re.Match[str]) -> str:
            printed = next(done).printed
            text = f"\n\n```text\n{printed}```" if block["gap"] else ""
            return f"```python\n{block['code']}```{text}"

        written = BLOCK.sub(again, page.read_text("utf-8"))
        page.write_text(written, encoding="utf-8")
        PICTURES.mkdir(exist_ok=True)
        for picture in Path(folder).glob("*.png"):
            if picture.name in written:
                smaller(picture, PICTURES / picture.name)


def smaller(picture: Path, to: Path) -> None:
    """Keep a PNG with 256 colours, which takes a third of the space, and its description."""
    from PIL import Image, PngImagePlugin

    with Image.open(picture) as image:
        about = PngImagePlugin.PngInfo()
        about.add_itxt("Description", str(image.info.get("Description", "")))
        image.convert("RGB").quantize(256).save(to, "png", optimize=True, pnginfo=about)


def main(names: list[str]) -> None:
    """Run the pages of these paths, or all."""
    os.environ.setdefault("MPLBACKEND", "agg")
    for page in [Path(name).resolve() for name in names] or pages():
        start = time.perf_counter()
        refresh(page)
        print(f"{page.relative_to(ROOT)}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
