"""What the pages and the notebooks name is there: files, methods, limits, rules."""

import re
from pathlib import Path

import nbformat
import pytest

import bmco_pymc as bmco

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [
    path
    for pattern in ("*.md", "*.ipynb")
    for path in sorted(DOCS.rglob(pattern))
    if not {"_build", "generated"} & set(path.parts)
]


def words(path: Path) -> str:
    """Return the Markdown of a page."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_links_are_there(path):
    text = re.sub(r"^```.*?^```$", "", words(path), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_methods_that_are_named_are_there(path):
    text = words(path)
    for owner, value in (("fit", bmco.Fit), ("effect", bmco.Effect), ("bmco", bmco)):
        found = set(re.findall(rf"\b{owner}\.([a-z_A-Z]+)\(", text))
        assert [name for name in found if not hasattr(value, name)] == []


def test_the_pages_name_the_limits_at_which_a_study_warns():
    from bmco_pymc.data.remarks import FEW_CLUSTERS, FEW_SUBJECTS, MANY_OUTCOMES

    text = words(DOCS / "howto" / "data.md")
    assert f"Fewer than {FEW_SUBJECTS} subjects in a group: the study warns." in text
    assert f"With fewer than {FEW_CLUSTERS} the study warns" in text
    assert f"with {MANY_OUTCOMES} or more, most are rare" in text


def test_the_planning_page_has_the_exact_errors():
    """As designed, with looks, and with history."""
    text = words(DOCS / "howto" / "planning.md")
    printed = "\n".join(re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    errors = re.findall(r"^(0\.0\d+)(?: 0\.\d+)?$", printed, re.MULTILINE)
    assert [float(one) for one in errors] == pytest.approx([0.0262, 0.0268, 0.0495], abs=1e-4)


def test_every_file_that_contributing_names_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", text))
    assert len(named) > 25
    for name in named:
        assert (ROOT / name).exists() or (ROOT / "bmco_pymc" / name).exists(), name
