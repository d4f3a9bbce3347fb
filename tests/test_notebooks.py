"""The notebooks run from top to bottom, and still say what their saved outputs say."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = {
    "quickstart.ipynb": [
        ("P(δ[y1] > 0 and δ[y2] > 0) = ", 0.86),
        ("P(δ[y1] > 0 or δ[y2] > 0) = ", 0.99),
    ],
    "multilevel.ipynb": [
        ("P(δ[math_pass] > 0 and δ[reading_pass] > 0) = ", 0.59),
        ("P(δ[math_pass] > 0 or δ[reading_pass] > 0) = ", 0.94),
    ],
}
# Two runs of NUTS on two machines differ by Monte Carlo error: about 0.01 in a probability.
TOLERANCE = 0.04

saved = pytest.mark.parametrize("name", NOTEBOOKS)


def read(name: str) -> Any:
    return nbformat.read(ROOT / "notebooks" / name, as_version=4)


def printed(notebook: Any) -> str:
    """Return all text of the outputs, as it reads without HTML."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    return "\n".join(
        out.get("text") or out.get("data", {}).get("text/plain", "") for out in outputs
    )


def probabilities(text: str) -> list[float]:
    """Return every probability of a rule, in order."""
    return [float(value) for value in re.findall(r"^  P\(.*\) = ([01]\.\d+)", text, re.MULTILINE)]


@saved
def test_saved_with_all_outputs(name):
    notebook = read(name)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = [out.output_type for cell in code for out in cell.outputs]
    assert "error" not in kinds
    assert sum("image/png" in out.get("data", {}) for cell in code for out in cell.outputs) >= 2
    assert (ROOT / "notebooks" / name).stat().st_size < 500_000
    assert not re.search(r"/tmp/|/home/|/root/|/Users/|ipykernel", nbformat.writes(notebook))


@saved
def test_saved_results_are_the_known_ones(name):
    text = printed(read(name))
    for sentence, value in NOTEBOOKS[name]:
        assert float(text.split(sentence)[1][:6]) == pytest.approx(value, abs=TOLERANCE)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the notebook client and its event loop
@saved
def test_runs_and_gives_the_saved_results(name, tmp_path, monkeypatch):
    from ipykernel.kernelspec import write_kernel_spec
    from nbclient import NotebookClient

    # A kernel of this Python, whatever kernels are installed; its files stay in the test's folder.
    write_kernel_spec(str(tmp_path / "kernels" / "python3"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    before = read(name)
    notebook = read(name)
    folder = {"metadata": {"path": str(ROOT)}}
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources=folder).execute()

    text = printed(notebook)
    assert "NOT CONVERGED" not in text
    found, expected = probabilities(text), probabilities(printed(before))
    assert len(expected) >= 6
    assert found == pytest.approx(expected, abs=TOLERANCE)
    for sentence, value in NOTEBOOKS[name]:
        assert float(text.split(sentence)[1][:6]) == pytest.approx(value, abs=TOLERANCE)
