"""Progress in a notebook: shown by ipywidgets, and silent without them rather than a warning."""

import importlib.util

import pytest

from bmco_pymc import progress


@pytest.mark.parametrize("widgets", [False, True])
def test_a_notebook_without_ipywidgets_shows_nothing(widgets, monkeypatch, capsys):
    found = importlib.util.find_spec("rich") if widgets else None
    monkeypatch.setattr(progress, "find_spec", {"ipywidgets": found}.get)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert progress._console()[1] is widgets
    if widgets:
        return
    with progress.counting(["weak", "skeptical"], show=True) as names:
        for _ in names:
            with progress.reporting(True) as reporter:
                reporter.count("Sampling", 1, 2)
    assert list(progress.tracked([1, 2], "Averaging", True)) == [1, 2]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_progress(capsys):
    assert list(progress.tracked([1, 2], "Averaging", True)) == [1, 2]
    assert progress._console()[1]
