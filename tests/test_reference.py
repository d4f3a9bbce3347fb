"""Each public name has its page, an example that can be copied, and links that lead somewhere."""

import ast
import builtins
import doctest
import inspect
import re
from functools import cached_property
from pathlib import Path

import pytest

import bmco_pymc as bmco

NAMES = [name for name in bmco.__all__ if name != "__version__"]
INDEX = Path(__file__).parent.parent / "docs" / "reference" / "index.md"

# What the sampler asks of a model, and a simulation of a design: only the package calls these.
PLUMBING = {
    "BMVB.blocks",
    *(
        f"{model}.{name}"
        for model in ("BGLM", "BGLMM")
        for name in ("blocks", "data", "packed", "posterior", "raw_coefficients", "structure")
    ),
    "Design.recruitment",
}


def members(cls: type) -> dict[str, object]:
    """Return the public methods and properties of a class, those it inherits from us too."""
    found: dict[str, object] = {}
    for base in cls.__mro__:
        if not base.__module__.startswith("bmco_pymc"):
            continue
        for name, value in vars(base).items():
            kinds = property | cached_property | classmethod | staticmethod
            if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, kinds)):
                found.setdefault(name, value)
    return found


def documented() -> list[str]:
    """Return the names of what has a page: ``Fit``, ``Fit.effect``, ``load``, ..."""
    found = []
    for name in NAMES:
        value = getattr(bmco, name)
        own = members(value) if inspect.isclass(value) else {}
        found += [name, *(f"{name}.{member}" for member in own)]
    return found


def docstring(name: str) -> str:
    head, _, member = name.partition(".")
    value = getattr(bmco, head)
    return inspect.getdoc(getattr(value, member) if member else value) or ""


def sources(text: str) -> list[str]:
    return [example.source for example in doctest.DocTestParser().get_examples(text)]


def shown(name: str) -> bool:
    """Return whether a property is in an example of its class."""
    head, _, member = name.partition(".")
    if not member or not isinstance(
        members(getattr(bmco, head))[member], property | cached_property
    ):
        return False
    return any(re.search(rf"\.{member}\b", line) for line in sources(docstring(head)))


PAGES = documented()
WITH_EXAMPLES = [name for name in PAGES if sources(docstring(name))]


def test_each_public_name_stands_once_in_the_reference():
    listed = re.findall(r"^   (\w+)$", INDEX.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(NAMES)


def test_each_has_a_docstring():
    assert not [name for name in PAGES if not docstring(name)]


def test_each_has_an_example():
    """Its own; a property may be shown in that of its class."""
    lacking = {name for name in PAGES if not sources(docstring(name)) and not shown(name)}
    assert lacking == PLUMBING


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_can_be_copied(name):
    """They import what they use, by the public name, and every one is run."""
    text = docstring(name)
    assert "+SKIP" not in text
    known = set(dir(builtins))
    for source in sources(text):
        nodes = list(ast.walk(ast.parse(source)))
        names = [node for node in nodes if isinstance(node, ast.Name)]
        known |= {node.id for node in names if not isinstance(node.ctx, ast.Load)}
        for node in nodes:
            if isinstance(node, ast.ImportFrom):
                assert not str(node.module).startswith("bmco_pymc")
            if isinstance(node, ast.Import | ast.ImportFrom):
                known |= {(one.asname or one.name).partition(".")[0] for one in node.names}
            if isinstance(node, ast.ExceptHandler) and node.name:
                known.add(node.name)
        assert {node.id for node in names} <= known


def see_also() -> list[tuple[str, str]]:
    """Return each entry of a See Also section, with the page it stands on."""
    found = []
    for page in PAGES:
        section = re.search(r"^See Also\n-+\n(.+?)(?:\n\n|\Z)", docstring(page), re.M | re.S)
        if section:
            entries = re.findall(r"^`?([\w.]+)`?(?= :|$)", section[1], re.MULTILINE)
            assert entries
            found += [(page, entry) for entry in entries]
    return found


def test_see_also_leads_to_pages():
    entries = see_also()
    assert entries  # there are some
    assert {entry.removeprefix("bmco_pymc.") for _, entry in entries} <= set(PAGES)
