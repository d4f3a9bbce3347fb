"""Every message that the site explains is one that the package can still say."""

import ast
import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reference" / "messages.md").read_text(encoding="utf-8")
CELL = re.compile(r"^\| `(.+?)` \|", re.MULTILINE)
SAID = [message.replace(r"\|", "|") for message in CELL.findall(PAGE)]
VARIES = "…"


def literal(node: ast.AST) -> str | None:
    """Return the text of a string in the source, with … for what varies."""
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(part) or VARIES for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{[^{}]*\}", VARIES, node.value)  # of str.format
    return None


@cache
def sources() -> tuple[str, ...]:
    """Return the strings of each module, docstrings left out, a line each."""
    found = []
    for path in sorted((ROOT / "bmco_pymc").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts = [literal(node) for node in ast.walk(tree) if id(node) not in docs]
        found.append("\n".join(text for text in texts if text))
    return tuple(found)


def can_be_said(message: str) -> bool:
    """Return whether a module has all parts that do not vary, in one string or in several."""
    parts = [part.strip() for part in message.split(VARIES) if part.strip()]
    return any(all(part in text for part in parts) for text in sources())


def test_there_are_messages_and_none_is_there_twice():
    assert len(SAID) > 60
    assert len(set(SAID)) == len(SAID)


@pytest.mark.parametrize("message", SAID)
def test_the_package_says_it(message):
    assert can_be_said(message)


@pytest.mark.parametrize("message", SAID)
def test_a_message_has_enough_to_be_found_by(message):
    assert max(map(len, message.split(VARIES))) >= 10


def test_what_the_package_does_not_say_is_found_out():
    assert not can_be_said("the data have no such colour")
    assert not can_be_said("left out … of … rows, of another planet")


def test_messages_of_a_table_have_three_cells():
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert len(rows) == len(SAID)
    for one, two in pairwise(re.split(r"(?<!\\)\|", row) for row in rows):
        assert len(one) == len(two) == 5
        assert all(cell.strip() for cell in one[1:4])
