"""What the guide and the notebooks name is there: files, arguments of the package, methods."""

import contextlib
import io
import re
from pathlib import Path

import nbformat
import pytest

import bmco_pymc as bmco

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "docs" / "guide.md"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = [GUIDE, *NOTEBOOKS]


def words(path: Path) -> str:
    """Return the Markdown of a page."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_and_named_notebooks_are_there(path):
    text = words(path)
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", text)
    assert [link for link in links if not (path.parent / link).exists()] == []
    named = re.findall(r"`(\w+\.ipynb)`", text)
    assert [name for name in named if not (ROOT / "notebooks" / name).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_methods_that_are_named_are_there(path):
    text = words(path)
    for owner, value in (("fit", bmco.Fit), ("effect", bmco.Effect), ("bmco", bmco)):
        found = set(re.findall(rf"\b{owner}\.([a-z_A-Z]+)\(", text))
        assert [name for name in found if not hasattr(value, name)] == []


def test_the_code_of_the_guide_runs():
    code = re.findall(r"^```python\n(.*?)^```$", words(GUIDE), re.MULTILINE | re.DOTALL)
    assert len(code) >= 4
    namespace: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec("\n".join(code), namespace)
    errors = [float(line.split()[0]) for line in printed.getvalue().splitlines()]
    # as designed, with looks, and with history
    assert errors == pytest.approx([0.0262, 0.0268, 0.0495], abs=1e-4)


def test_the_guide_names_the_limits_at_which_a_study_warns():
    from bmco_pymc.data.remarks import FEW_CLUSTERS, FEW_SUBJECTS, MANY_OUTCOMES

    text = words(GUIDE)
    assert f"Fewer than {FEW_SUBJECTS} subjects in a group: the study warns." in text
    assert f"With fewer than {FEW_CLUSTERS} the study warns" in text
    assert f"with {MANY_OUTCOMES} or more, most are rare" in text


def test_every_file_that_contributing_names_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", text))
    assert len(named) > 25
    for name in named:
        assert (ROOT / name).exists() or (ROOT / "bmco_pymc" / name).exists(), name
