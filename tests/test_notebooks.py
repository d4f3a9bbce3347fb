"""The notebooks run from top to bottom, and still say what their saved outputs say."""

import re
from math import hypot
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

from docs.notebooks.execute import execute

pytestmark = pytest.mark.samples

ROOT = Path(__file__).parent.parent
# What each must print: a text, with the number after it and how far that may be off, or None.
# Two runs of NUTS on two machines differ by Monte Carlo error: about 0.01 in a probability.
TOLERANCE = 0.04
EXACT = 0.001  # no draws, or independent ones of known seed, to the decimals that are printed
NOTEBOOKS: dict[str, list[tuple[str, float | None, float]]] = {
    "quickstart.ipynb": [
        ("P(δ[y1] > 0 and δ[y2] > 0) = ", 0.856, 0.01),
        ("P(δ[y1] > 0 or δ[y2] > 0) = ", 0.992, 0.01),
        ("everyone (pooled) ", 0.126, 0.01),
        ("everyone, own subjects ", 0.104, 0.01),
        ("the same draws: True", None, 0),
    ],
    "planning.ipynb": [
        ("rho = -0.3  103 + 103  ", 0.8062, EXACT),
        ("δ = (0, large)  0, 0.98        ", 0.0544, EXACT),
        ("success (assurance)  ", 0.541, EXACT),
        ("smallest marginal probability ", 0.9582, EXACT),
        ("The trial ends in success with probability ", 0.5378, EXACT),
        ("Rule All, right-sided, level 0.025, cut-off 0.977904: superior", None, 0),
    ],
    "planning_clusters.ipynb": [
        ("icc_between=0.08: ", None, 0),
        ("in 20 clusters", None, 0),
        ("Whole clusters are randomised.", None, 0),
    ],
    "subgroups.ipynb": [
        ("y2: δ(mild) − δ(severe) = ", 0.23, 0.02),
        ("one value: δ = ", 0.157, 0.01),
        ("Both groups at x = 1, severity = severe.", None, 0),
        ("Caveat: each subgroup has its own decision", None, 0),
    ],
    "multilevel.ipynb": [
        ("P(δ[math_pass] > 0 and δ[reading_pass] > 0) = ", 0.59, TOLERANCE),
        ("P(δ[math_pass] > 0 or δ[reading_pass] > 0) = ", 0.94, TOLERANCE),
        ("math_pass: true δ ", 0.131, EXACT),
        ("reading_pass: true δ ", 0.140, EXACT),
        ("new schools, pooled ", 0.118, 0.01),
        ("observed schools, own pupils ", 0.045, 0.005),
        ("0 of 56 statistics are outside", None, 0),
        ("Each cluster holds one group only and is extrapolated to the other group.", None, 0),
        ("Decision: not superior, under each.", None, 0),
    ],
    "prior_sensitivity.ipynb": [
        ("bmco's prior, ability as it is ", 0.59, 0.02),
        ("default" + 32 * " ", 0.50, 0.02),
        ("ν = 1, T = 0.1 ", 0.16, EXACT),
        ("half-normal SD, scale 1 (LKJ) ", 0.06, EXACT),
        ("sd=0: must be greater than zero", None, 0),
        ("Sigma.nu=1: must be greater than the number of random terms minus one, 1", None, 0),
        ("Decision: not superior, under each.", None, 0),
        ("(not reliable)", None, 0),
    ],
    "from_r.ipynb": [
        ("P(trt > ctl), rule All: ", 0.86, 0.01),  # of bmvb, the first
        ("P(new_method > traditional), rule All: ", 0.94, TOLERANCE),
        ("new clusters with pooled covariates: ", 0.997, 0.01),
        ("P(δ[math_pass] > 0 and δ[reading_pass] > 0) = ", 0.54, TOLERANCE),
    ],
    "data_as_they_come.ipynb": [
        ("nobody missing  θ[y2]: ctl ", 0.441, 0.005),
        ("MAR             θ[y2]: ctl ", 0.449, 0.005),
        ("complete        θ[y2]: ctl ", 0.542, 0.005),
        ("partly observed: 59 of 240 subjects", None, 0),
        ("Under MAR: superior, as the joint probability ", 0.974, 0.01),
        ("Effective sample size when weighted to the means of the target: ", 236, 0),
        ("registry   δ[y1] = ", 0.127, 0.005),
        ("9,600 distinct rows stand for 1,000,000", None, 0),
        ("Rule All, right-sided, level 0.05: superior", None, 0),
    ],
    "star.ipynb": [
        ("read: above ", 431, 0),
        ("math: above ", 478, 0),
        ("regular (control) ", 2005, 0),
        ("small (treatment) ", 1738, 0),
        ("0 of 174 statistics are outside", None, 0),
        ("P(δ[read] > 0 and δ[math] > 0) = ", 0.998, 0.005),
        ("delta[read] ", 0.090, 0.003),
        ("delta[math] ", 0.074, 0.003),
        ("read: δ(free) − δ(paid) = ", 0.023, 0.01),
        ("Average over all 3734 subjects of both groups (pooled)", None, 0),
    ],
}

saved = pytest.mark.parametrize("name", NOTEBOOKS)


def read(name: str) -> Any:
    return nbformat.read(ROOT / "docs" / "notebooks" / name, as_version=4)


def printed(notebook: Any) -> str:
    """Return all text of the outputs, as it reads without HTML."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    return "\n".join(
        out.get("text") or out.get("data", {}).get("text/plain", "") for out in outputs
    )


def probabilities(text: str) -> list[tuple[float, float, bool]]:
    """Return every probability, its Monte Carlo error and whether it can be relied on, in order."""
    return [
        (float(value), float(mcse), "(not reliable)" not in line)
        for line in text.splitlines()
        for value, mcse in re.findall(r"([01]\.\d+) \(MCSE ([\d.e-]+)\)", line)
    ]


def check_known(name: str, text: str) -> None:
    for sentence, value, tolerance in NOTEBOOKS[name]:
        assert sentence in text
        if value is not None:
            found = re.match(r" *(-?[\d.]*\d)", text.split(sentence)[1])
            assert found is not None
            assert float(found[1]) == pytest.approx(value, abs=tolerance), sentence


def test_all_notebooks_are_here_and_told_of():
    names = {path.name for path in (ROOT / "docs" / "notebooks").glob("*.ipynb")}
    assert names == set(NOTEBOOKS)
    index = (ROOT / "docs" / "notebooks" / "index.md").read_text(encoding="utf-8")
    assert [name for name in names if f"\n{Path(name).stem}\n" not in index] == []


@saved
def test_every_picture_says_what_it_shows(name):
    outputs = [out for cell in read(name).cells for out in cell.get("outputs", [])]
    about = [o.metadata.get("image/png", {}) for o in outputs if "image/png" in o.get("data", {})]
    assert [one for one in about if len(one.get("alt", "")) < 20] == []


@saved
def test_saved_with_all_outputs(name):
    notebook = read(name)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = [out.output_type for cell in code for out in cell.outputs]
    assert "error" not in kinds
    assert sum("image/png" in out.get("data", {}) for cell in code for out in cell.outputs) >= 2
    assert (ROOT / "docs" / "notebooks" / name).stat().st_size < 500_000
    assert not re.search(r"/tmp/|/home/|/root/|/Users/|ipykernel", nbformat.writes(notebook))


@saved
def test_saved_results_are_the_known_ones(name):
    check_known(name, printed(read(name)))


@saved
def test_prose_stands_between_code(name):
    kinds = "".join(cell.cell_type[0] for cell in read(name).cells)
    assert kinds.startswith("mc")
    assert "cccc" not in kinds


@pytest.mark.parametrize("case", ["bmvb", "bglm", "bglmm", "school"])
def test_the_numbers_beside_those_of_bmco_agree(case):
    """In `from_r` no value is more than four Monte Carlo errors from bmco's."""
    tables = [
        out.data["text/plain"]
        for cell in read("from_r.ipynb").cells
        for out in cell.get("outputs", [])
        if "bmco_pymc   error" in out.get("data", {}).get("text/plain", "")
    ]
    assert len(tables) == 4
    table = tables[["bmvb", "bglm", "bglmm", "school"].index(case)]
    distances = [abs(float(line.split()[-1])) for line in table.splitlines()[1:]]
    assert len(distances) == 5
    assert max(distances) < 4


SIMULATED = "planning_clusters.ipynb"  # minutes with as many trials as it has for readers


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the notebook client and its event loop
def test_planning_in_clusters_runs_with_few_trials(monkeypatch):
    monkeypatch.setenv("BMCO_FEW", "1")
    text = printed(execute(read(SIMULATED)))
    check_known(SIMULATED, text)
    table = pd.read_csv(ROOT / "docs" / "notebooks" / "planning_clusters.csv", index_col=0)
    kept = {str(name): float(values["value"]) for name, values in table.items()}
    found = [float(x) for x in re.findall(r"value +([\d.]+) +([\d.]+) +([\d.]+)", text)[-1]]
    # 200 trials, not audited: four standard errors, and what the approximation may be off
    assert abs(found[0] - kept["power"]) < 4 * 0.034 + 0.03
    assert abs(found[1] - kept["clusters"]) < 0.5 * kept["clusters"]
    assert abs(found[2] - kept["error"]) < 4 * 0.016 + 0.02
    said = printed(read(SIMULATED)).rsplit("value", 1)[1].split()[:3]
    assert [float(number) for number in said] == [round(value, 3) for value in kept.values()]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the notebook client and its event loop
@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if name != SIMULATED])
def test_runs_and_gives_the_saved_results(name):
    text = printed(execute(read(name)))
    check_known(name, text)
    assert text.count("NOT CONVERGED") == printed(read(name)).count("NOT CONVERGED")
    found, expected = probabilities(text), probabilities(printed(read(name)))
    assert len(found) == len(expected) > 0
    compared = 0
    for (value, mcse, good), (known, known_mcse, was_good) in zip(found, expected, strict=True):
        if good and was_good:  # a Pareto k near its limit is on either side of it
            assert abs(value - known) < 5 * hypot(mcse, known_mcse) + 0.001
            compared += 1
    assert compared > 0.6 * len(found)
