"""The README's and the pages' code runs, prints what they say, and draws what they show."""

import re
from pathlib import Path

import pytest
from PIL import Image

import bmco_pymc as bmco
from docs.pages import PICTURES, Block, pages, run

pytestmark = [pytest.mark.samples, pytest.mark.slow]

ROOT = Path(__file__).parent.parent
PAGES = pages()
NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?"
# Monte Carlo error, and that of another machine: the most that numbers of one size may be off.
DRAWN = 0.04


def ids(page: Path) -> str:
    return str(page.relative_to(ROOT))


def split(text: str) -> tuple[list[str], list[float]]:
    """Return the words and the numbers of a text."""
    text = text.replace("−", "-")
    plain = re.sub(NUMBER, "#", re.sub(r"\s+", " ", text)).replace("-#", "#").strip()
    return plain.split(), [float(found.replace(",", "")) for found in re.findall(NUMBER, text)]


def check(block: Block) -> None:
    """Compare what a block printed with what its page says, up to Monte Carlo error."""
    assert block.said is not None
    words, numbers = split(block.printed)
    said, values = split(block.said)
    assert words == said
    for number, value in zip(numbers, values, strict=True):
        # an ESS varies by much more than a probability
        allowed = max(0.5 * value, 1) if value > 100 else max(DRAWN, 0.05 * value)
        assert abs(number - value) <= allowed, (number, value)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_a_page_runs_prints_what_it_says_and_draws_what_it_shows(page, tmp_path):
    for block in run(page, tmp_path):
        if block.said is not None:
            assert block.said.strip(), "what the code prints was never put there"
            check(block)
    text = page.read_text("utf-8")
    for name in re.findall(r"/pictures/([\w-]+\.png)\)", text):
        new, kept = tmp_path / name, PICTURES / name
        assert new.exists(), f"{name} is not drawn by the code of the page"
        with Image.open(new) as fresh, Image.open(kept) as old:
            # the same picture, but for its numbers
            words, numbers = split(fresh.info["Description"])
            said, values = split(old.info["Description"])
        assert words == said
        assert all(abs(a - b) <= max(DRAWN, 0.1 * b) for a, b in zip(numbers, values, strict=True))


def test_the_numbers_of_the_front_picture_are_those_of_the_text_beside_it():
    """They are from one run: to the last digit that is shown."""
    text = (ROOT / "README.md").read_text("utf-8")
    joint = re.search(r"P\(δ\[math_pass\] > 0 and δ\[reading_pass\] > 0\) = (\d\.\d+)", text)
    assert joint is not None
    with Image.open(PICTURES / "front.png") as picture:
        shown = re.search(r"All: P = (\d\.\d+)", picture.info["Description"])
    assert shown is not None
    assert f"{float(joint[1]):.3f}" == shown[1]


def test_every_picture_is_shown_once_by_a_page():
    texts = [p.read_text("utf-8") for p in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]]
    shown = [name for text in texts for name in re.findall(r"/pictures/([\w-]+\.png)\)", text)]
    assert sorted(shown) == sorted(path.name for path in PICTURES.glob("*.png"))


def test_names_that_pages_use_are_public():
    for page in PAGES:
        names = set(re.findall(r"(?<![-\w])bmco\.(\w+)", page.read_text("utf-8")))
        assert names <= set(bmco.__all__), ids(page)
