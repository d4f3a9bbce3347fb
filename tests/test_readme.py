"""The README's commands are what an installer finds, and its links lead somewhere."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_first_shell_block_is_two_lines():
    (setup, tests), *_ = (
        block.splitlines()
        for block in re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    )
    assert setup.endswith("bmco-pymc demo")
    assert tests.startswith(".venv/bin/python -m pytest")


def test_links_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", README)
    assert len(links) >= 6
    assert [link for link in links if not (ROOT / link).exists()] == []
