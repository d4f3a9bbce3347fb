"""What a package index shows of the project."""

import re
from importlib import metadata


def test_the_description_needs_no_file_beside_it():
    text = metadata.metadata("bmco-pymc")["Description"]
    assert text.startswith("# bmco_pymc")
    assert "CHANGELOG.md" in text
    assert re.findall(r"\]\((?!https?:)[^)]*\)", text) == []
