"""Has any ratio become much worse? ``python -m pytest benchmarks/test_ratios.py``.

Not part of the tests: it times, for some minutes. Ratios, because seconds depend on the machine and
on what else it does; limits some way from what `RESULTS.md` has, because medians of few repeats
vary.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fresh import Workshop, workshop_folder
from benchmarks.row import PANDAS, PLAIN, Quantity, Run
from benchmarks.rows import rows

REPEATS = 3


@dataclass(frozen=True)
class Ratio:
    """A ratio of two medians, measured by taking turns, and its limit."""

    row: str
    ours: Quantity
    row_of_peer: str
    peer: Quantity
    limit: float  # at most


def _against_plain(row: str, measure: str, case: str, limit: float) -> Ratio:
    return Ratio(row, Quantity(measure, case), row, Quantity(measure, case, PLAIN), limit)


RATIOS = {
    "import, of pandas and xarray's": Ratio(
        "import",
        Quantity("import_s", "import"),
        "import",
        Quantity("import_s", "import", PANDAS),
        limit=0.05,
    ),
    "BMVB, of importing pandas and xarray": Ratio(
        "bmvb",
        Quantity("answer_s", "flat trial"),
        "import",
        Quantity("import_s", "import", PANDAS),
        limit=0.2,
    ),
    "first answer": _against_plain("first-warm", "answer_s", "schools", limit=0.35),
    "gradient, few subjects": _against_plain("gradient", "ns_per_cell", "n = 300", limit=0.3),
    "gradient": _against_plain("gradient", "ns_per_cell", "n = 10000", limit=0.25),
    "next answer beyond sampling, of importing pandas and xarray": Ratio(
        "next",
        Quantity("counts_overhead_s", "schools"),
        "import",
        Quantity("import_s", "import", PANDAS),
        limit=1.0,
    ),
}


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    with workshop_folder() as folder:
        yield Workshop(Path(folder))


@pytest.mark.parametrize("name", RATIOS)
def test_ratio(name: str, workshop: Workshop) -> None:
    ratio = RATIOS[name]
    sides = ((ratio.row, ratio.ours), (ratio.row_of_peer, ratio.peer))
    values = np.array(
        [
            [workshop.measure(_run(*side), repeat)[side[1].measure] for side in sides]
            for repeat in range(REPEATS)
        ]
    )
    ours, peer = np.median(values, axis=0)
    assert ours / peer <= ratio.limit, f"{ours:.3g} against {peer:.3g}"


@pytest.mark.parametrize("case", ["flat trial", "multisite, IW", "multisite, LKJ"])
def test_effective_draws_per_second(case: str, workshop: Workshop) -> None:
    quantity = Quantity("ess_per_s", case)
    ours, peer = (
        np.median(
            [workshop.measure(_run("sampling", side), r)["ess_per_s"] for r in range(REPEATS)]
        )
        for side in (quantity, Quantity("ess_per_s", case, PLAIN))
    )
    assert ours / peer >= 2, f"{ours:.3g} against {peer:.3g}"


def test_another_prior_and_other_counts_compile_nothing(workshop: Workshop) -> None:
    measures = workshop.measure(_run("next", Quantity("", "schools")), 0)
    assert measures["prior_compilations"] == 0
    assert measures["counts_compilations"] == 0


def _run(row: str, quantity: Quantity) -> Run:
    key = (quantity.case, quantity.peer, quantity.caches)
    return next(run for run in rows()[row].runs if run.key == key)
