"""The README's commands, code and printed output are what the package does."""

import contextlib
import io
import re
import warnings
from pathlib import Path

import pytest

import bmco_pymc as bmco

pytestmark = pytest.mark.samples

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_first_shell_block_is_two_lines():
    setup, tests = blocks("sh")[0].splitlines()
    assert setup.endswith("bmco-pymc demo")
    assert tests.startswith(".venv/bin/python -m pytest")


def test_links_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", README)
    assert len(links) >= 6
    headings = {f"#{h.lower().replace(' ', '-')}" for h in re.findall(r"^#+ (.+)$", README, re.M)}
    lost = [link for link in links if link not in headings and not (ROOT / link).exists()]
    assert lost == []


def test_every_name_is_public():
    names = set(re.findall(r"\bbmco\.(\w+)", "\n".join(blocks("python"))))
    assert names <= set(bmco.__all__)


@pytest.mark.slow
def test_the_code_runs_and_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    first, *others = blocks("python")
    output = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(output):
        warnings.simplefilter("ignore", bmco.InputWarning)  # schools hold one group only
        exec(first.replace("fit(seed", "fit(progress=False, seed"), namespace)
    assert (tmp_path / "effect.png").exists()

    def split(text: str) -> tuple[list[str], list[float]]:
        """Return the words and the numbers of a text."""
        number = r"\d+(?:\.\d+)?"
        plain = re.sub(number, "#", re.sub(r"[ \n]+", " ", text)).replace("-#", "#").strip()
        return plain.split(), [float(found) for found in re.findall(number, text)]

    words, numbers = split(output.getvalue())
    said, values = split(blocks("text")[0])
    assert words == said
    for number, value in zip(numbers, values, strict=True):
        # Monte Carlo error, and that of a machine: an ESS varies by much more than a probability
        assert (
            number == pytest.approx(value, rel=0.5) if value > 100 else abs(number - value) < 0.04
        )

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore", bmco.InputWarning)
        for code in others:
            exec(code.replace("seed=2025", "seed=2025, progress=False"), namespace)


def test_the_plan_prints_what_it_says():
    """It is exact: to the last digit."""
    code = next(block for block in blocks("python") if "bmco.Design(" in block)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(code, {"bmco": bmco})
    assert output.getvalue() == blocks("text")[1]
