"""The benchmarks' own machinery: peers, turns, keeping and judging; nothing is timed here."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import bmco_pymc as bmco
from benchmarks import average, report, studies
from benchmarks.clocks import compiler_passes, sampling_clock
from benchmarks.row import OURS, PLAIN, Quantity, Row, Run, Target
from benchmarks.rows import rows
from benchmarks.run import COLUMNS, KEY, measure, read, schedule
from bmco_pymc.models import nuts as sampling

pytestmark = pytest.mark.samples

# what peers get and what they make of it


def test_a_plan_has_the_studys_patterns() -> None:
    plan = studies.plan("trial")
    bits = average.bits(2)[plan.pattern]
    assert (bits == plan.table[["y1", "y2"]].to_numpy()).all()
    assert plan.formulas == ("arm * x", "")
    assert plan.arm.sum() == 120


def test_another_study_has_the_same_clusters_but_other_subjects() -> None:
    plan, other = studies.plan("schools"), studies.plan("schools", other=True)
    assert len(other.table) == 260  # nine tenths of 15 are 13
    assert set(other.table["school_id"]) == set(plan.table["school_id"])
    assert not set(other.table["baseline_ability"]) & set(plan.table["baseline_ability"])


def test_a_simulated_study_has_the_probabilities_of_its_coefficients() -> None:
    plan = studies.simulated(200_000, 2000, seed=3)
    middle = plan.table["age"].between(49, 51)
    shares = [
        np.bincount(plan.pattern[middle & (plan.arm == g)], minlength=4)
        / (middle & (plan.arm == g)).sum()
        for g in (0, 1)
    ]
    rng = np.random.default_rng(5)
    u = rng.normal(0, [0.6, 0.4, 0.4], (100_000, 3))
    for g, share in enumerate(shares):
        eta = np.array([-0.3, -0.2, 0.1]) + g * np.array([0.6, 0.3, 0.2]) + u
        e = np.exp(np.column_stack([eta, np.zeros(len(eta))]))
        expected = (e / e.sum(axis=1, keepdims=True)).mean(axis=0)
        n = int((middle & (plan.arm == g)).sum())
        assert np.abs(share - expected).max() < 5 * np.sqrt(0.25 / n)


def test_the_average_over_new_clusters_is_the_integral() -> None:
    b, sd, x = np.array([0.4, -0.3]), 1.3, np.array([[1.0, 0.0], [1.0, 2.0]])

    def probability(u: float) -> float:
        return float((1 / (1 + np.exp(-(x @ b + u)))).mean() * stats.norm.pdf(u, scale=sd))

    expected = integrate.quad(probability, -12, 12)[0]
    nodes = average.cluster_nodes(1)
    theta = average.theta_new_clusters(b[None, :, None], np.array([[sd]]), x, 1, *nodes)
    assert theta == pytest.approx(np.array([[expected]]), abs=2e-4)
    alone = average.theta_new_clusters(b[None, :, None], np.zeros((1, 1)), x, 1, *nodes)
    assert alone == pytest.approx(average.theta_of_subjects(b[None, :, None], x, 1))


# running them


@dataclass
class FakeWorkshop:
    """Measures nothing, and is interrupted after so many measurements."""

    ends: int = 1000
    made: list[tuple[str, int]] = field(default_factory=list)

    def measure(self, run: Run, repeat: int) -> dict[str, float]:
        if len(self.made) == self.ends:
            raise KeyboardInterrupt
        self.made.append((run.peer, repeat))
        return {"answer_s": 1.0 + repeat, "mean All": 0.5, "mcse All": 0.01}


ROW = Row(
    name="row",
    title="Row",
    note="A row.",
    runs=(Run(OURS, "case", "m:f"), Run(PLAIN, "case", "m:f", repeats=2)),
    show=("answer_s",),
    targets=(
        Target(
            "time",
            Quantity("answer_s", "case"),
            Quantity("answer_s", "case", PLAIN),
            at_most=0.5,
        ),
    ),
    repeats=3,
)


def _measure(kept: Path, workshop: FakeWorkshop, setup: str = "12345678") -> None:
    measure([ROW], None, False, workshop, kept, setup, {})  # type: ignore[arg-type]


def test_peers_take_turns() -> None:
    turns = [(run.peer, repeat) for run, repeat in schedule(ROW, None)]
    assert turns == [(OURS, 0), (PLAIN, 0), (PLAIN, 1), (OURS, 1), (OURS, 2)]


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    kept, first, second = tmp_path / "results.csv", FakeWorkshop(ends=3), FakeWorkshop()
    with pytest.raises(KeyboardInterrupt):
        _measure(kept, first)
    _measure(kept, second)
    assert first.made == [(OURS, 0), (PLAIN, 0), (PLAIN, 1)]
    assert second.made == [(OURS, 1), (OURS, 2)]
    table = read(kept)
    assert list(table.columns) == COLUMNS
    assert not table.duplicated([*KEY, "measure"]).any()
    assert len(table) == 15


def test_another_setup_measures_anew(tmp_path: Path) -> None:
    kept, again = tmp_path / "results.csv", FakeWorkshop()
    _measure(kept, FakeWorkshop())
    _measure(kept, again, setup="87654321")
    assert len(again.made) == 5
    assert set(read(kept)["setup"]) == {"87654321"}


def test_compiling_is_noticed() -> None:
    function = numba.njit(lambda x: x + 1)
    with compiler_passes() as first:
        assert function(1) == 2
    with compiler_passes() as second:
        assert function(2) == 3
    assert len(first.buffer) > 0
    assert len(second.buffer) == 0


def test_the_clock_sees_all_of_sampling(
    trial_model: bmco.BGLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever sampling waits for the draws: the sampler takes 0.4 s longer, the labels 0.2 s."""
    run, label = sampling._run, sampling._labelled

    def slow(function: Any, seconds: float) -> Any:
        def slower(*arguments: Any) -> Any:
            time.sleep(seconds)
            return function(*arguments)

        return slower

    monkeypatch.setattr(sampling, "_run", slow(run, 0.4))
    monkeypatch.setattr(sampling, "_labelled", slow(label, 0.2))
    with sampling_clock() as spent, pytest.warns(bmco.ConvergenceWarning):
        trial_model.fit(draws=50, tune=50, seed=1, target_accept=0.9, progress=False)
    assert 0.4 < spent.nuts < spent.sampling - 0.2


# judging them


def _results(ours: list[float], plain: list[float], all_: tuple[float, float]) -> pd.DataFrame:
    lines = [
        ("row", "case", peer, "warm", repeat, measure, value, "2026-11-22", "12345678")
        for peer, seconds, mean in ((OURS, ours, all_[0]), (PLAIN, plain, all_[1]))
        for repeat, second in enumerate(seconds)
        for measure, value in {"answer_s": second, "mean All": mean, "mcse All": 0.01}.items()
    ]
    return pd.DataFrame(lines, columns=COLUMNS)


def test_a_ratio_is_of_medians_and_is_judged() -> None:
    results = _results([1, 2, 30], [5, 1, 9], (0.5, 0.5))
    assert report.judged(results, ROW, ROW.targets[0]) == pytest.approx(2 / 5)
    assert report.targets(results, [ROW]).strip().endswith("| ≤ 0.5 × plain PyMC | yes |")
    slower = _results([3], [5], (0.5, 0.5))
    assert report.targets(slower, [ROW]).strip().endswith("| **no** |")
    assert "not measured" in report.targets(slower[slower["peer"] == OURS], [ROW])


def test_peers_agree_within_monte_carlo_error() -> None:
    # Four repeats each: the error of either mean is 0.005, of their difference 0.00707.
    four = [1.0] * 4
    assert report.agrees(_results(four, four, (0.5, 0.527)), {"row": ROW})
    assert not report.agrees(_results(four, four, (0.5, 0.529)), {"row": ROW})


def test_every_target_is_about_a_run_of_its_row() -> None:
    for quick in (False, True):
        for row in rows(quick=quick).values():
            keys = [run.key for run in row.runs]
            assert len(set(keys)) == len(keys)
            for target in row.targets:
                for quantity in filter(None, (target.ours, target.against)):
                    assert (quantity.case, quantity.peer, quantity.caches) in keys
