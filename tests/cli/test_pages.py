"""Pages of the commands: their examples run and print what they say, and no option lacks."""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shell import run

import bmco_pymc as bmco
from bmco_pymc.cli.app import ORDER

PAGES = Path(__file__).parents[2] / "docs" / "commands"
BLOCK = re.compile(r"^```(\w+)( slow)?\n(.*?)^```$", re.M | re.S)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
OF_A_FIT = ("effect", "check", "compare", "plot", "report")
# By how much a printed number may differ: NUTS, exact draws, what is worked out.
TOLERANCE = {"demo": 0.05, "compare": 0.05, "power": 0.0, "size": 0.0}
COMMANDS: dict[str, Any] = runpy.run_path(str(PAGES / "options.py"))["COMMANDS"]


def examples(page: str, *, slow: bool) -> Iterator[tuple[list[str], str]]:
    """Yield the commands of each example, and what the page says they print."""
    commands: list[str] = []
    for language, marked, body in BLOCK.findall((PAGES / f"{page}.md").read_text("utf-8")):
        if language == "sh":
            if commands:
                yield commands, ""
            commands = []
            if slow or not marked:
                commands = body.replace("\\\n", " ").splitlines()
        elif language == "text" and commands:
            yield commands, body
            commands = []
    if commands:
        yield commands, ""


def printed(command: str) -> str:
    """Return what a command prints; it ends with 0, or what the page says behind it."""
    words = shlex.split(command, comments=True)
    if words[0] == "python":
        exec(words[2])
        return ""
    result = run(*words[1:], *(["--no-progress"] if "--help" not in words else []))
    code = re.search(r"# (\d+)$", command)
    assert result.exit_code == (int(code[1]) if code else 0), result.output
    return str(result.stdout)


def check(said: str, shown: str, tolerance: float) -> None:
    """Check that parts of a page, with … between them, stand in what was printed, in order."""
    words = [(word, NUMBER.findall(word)) for word in shown.split()]
    place = 0
    for part in said.split("…\n"):
        wanted = [(word, NUMBER.findall(word)) for word in part.split()]
        shapes = [NUMBER.sub("#", word) for word, _ in wanted]
        starts = [
            start
            for start in range(place, len(words) - len(wanted) + 1)
            if [NUMBER.sub("#", word) for word, _ in words[start : start + len(wanted)]] == shapes
        ]
        assert starts, f"not printed:\n{part}\nin\n{shown}"
        place = starts[0] + len(wanted)
        for (_, expected), (_, found) in zip(wanted, words[starts[0] : place], strict=True):
            for one, other in zip(map(float, expected), map(float, found), strict=True):
                room = 0.5 * abs(one) if tolerance and abs(one) > 100 else tolerance
                assert abs(one - other) <= room + 1e-12, (one, other, part)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder that holds the studies which the pages are about."""
    monkeypatch.chdir(tmp_path)
    bmco.load_trial().to_csv("trial.csv", index=False)
    bmco.load_schools().to_csv("schools.csv", index=False)
    return tmp_path


def look(page: str, *, slow: bool) -> int:
    """Run the examples of a page in the working folder; return how many have an output."""
    n_outputs = 0
    for commands, said in examples(page, slow=slow):
        shown = "".join(printed(command) for command in commands)
        check(said, shown, TOLERANCE.get(page, 0.02))
        n_outputs += bool(said)
    return n_outputs


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", ["index", *ORDER])
def test_examples_print_what_the_page_says(page):
    if page in OF_A_FIT:
        look("fit", slow=False)
    assert look(page, slow=False) or page in ("demo", "compare")


@pytest.mark.slow
@pytest.mark.samples
@pytest.mark.usefixtures("folder")
def test_all_examples_in_their_order():
    for page in ORDER:
        assert look(page, slow=True), page


def test_a_wrong_page_fails():
    check("a 1.00\n…\nc 3", "x a 1.01 b b c 3", 0.02)
    for wrong in ("a 1.10", "a 1.00 c", "c 3\n…\na 1"):
        with pytest.raises(AssertionError):
            check(wrong, "x a 1.01 b b c 3", 0.02)


@pytest.mark.parametrize("page", ORDER)
def test_options_are_those_of_the_app(page):
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `((?:--|[A-Z]).*?)` \| (.*) \|$", text, re.M)
    told = {re.match(r"[\w-]+", option)[0]: meaning for option, meaning in rows}  # type: ignore[index]
    known = {
        param.opts[0] if param.opts[0].startswith("-") else param.metavar.split(".")[0]: param.help
        for param in COMMANDS[page].params
        if param.name != "help"
    }
    assert told.keys() == known.keys()
    for option, help in known.items():
        assert told[option].startswith(" ".join(help.split()).replace("|", r"\|")), option


def test_every_command_has_a_page():
    text = (PAGES / "index.md").read_text(encoding="utf-8")
    assert (
        re.findall(r"^\| \[(\w+)\]\(\1\.md\)", text, re.M)
        == list(ORDER)
        == sorted(COMMANDS, key=ORDER.index)
    )
    assert {path.stem for path in PAGES.glob("*.md")} == {"index", *ORDER}


@pytest.mark.parametrize("page", ["index", *ORDER])
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (PAGES / f"{page}.md").read_text("utf-8"))
    assert [link for link in links if not (PAGES / link).exists()] == []
