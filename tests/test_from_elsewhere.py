"""What the page for users of other packages tells them to write is run on that page."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "howto" / "from_elsewhere.md"
TEXT = PAGE.read_text(encoding="utf-8")
CODE = "\n".join(re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
# The second cell of each row; a bar inside code is escaped.
CELLS = re.findall(r"^\| `.*(?<!\\)\| (.+) \|$", TEXT, re.MULTILINE)
SPANS = [span for cell in CELLS for span in re.findall(r"`([^`]+)`", cell)]


def test_the_page_has_the_three_tables():
    assert len(re.findall(r"^\| you wrote \| now write \|$", TEXT, re.MULTILINE)) == 4
    assert len(CELLS) > 30


@pytest.mark.parametrize("span", SPANS)
def test_what_to_write_now_is_code_that_runs_on_the_page(span):
    assert span in CODE
