"""Trials are analysed by any number of workers, stopped and taken up, with the same numbers."""

import os
import signal
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from threadpoolctl import threadpool_info

import bmco_pymc as bmco
from bmco_pymc.progress import Silent
from bmco_pymc.trial.simulated import running
from bmco_pymc.trial.simulated.analysed import Analysed
from bmco_pymc.trial.simulated.chunks import Chunk, missing
from bmco_pymc.trial.simulated.folder import Folder
from bmco_pymc.trial.simulated.running import run

SIZES = {"laplace": 10, "nuts": 5}
STUDY = {"toy": 1}


@pytest.fixture(scope="module", autouse=True)
def _no_workers_left():
    yield
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)


@dataclass(frozen=True)
class Toy:
    """A study, and what is to go wrong with it, each once: the folder says what has happened."""

    seed: int = 1
    folder: Path | None = None
    killed_at: int = -1  # a trial that kills its worker
    always: bool = False  # every time
    pressed_at: int = -1  # a trial at which Ctrl-C is pressed


def analyse(toy: Toy, trials: range, method: str) -> Analysed:
    """Return numbers that depend on the seed, the trial and the method."""
    if toy.folder is not None:
        (toy.folder / f"{method}-{trials[0]}-{time.time_ns()}").touch()
    if toy.killed_at in trials and (toy.always or first_time(toy, "killed")):
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
    if toy.pressed_at in trials and first_time(toy, "pressed"):
        time.sleep(0.2)
        raise KeyboardInterrupt
    seeds = [np.random.SeedSequence(toy.seed, spawn_key=(i,)) for i in trials]
    x = np.array([np.random.default_rng(seed).random((1, 9)) for seed in seeds])
    if method == "nuts":
        x = x + 0.01
    estimate, sd, low, high = (x[..., 1 + 2 * i : 3 + 2 * i] for i in range(4))
    failed = x[..., 0] < 0.05
    return Analysed(np.array(trials), x[..., :1, None], estimate, sd, low, high, failed)


def first_time(toy: Toy, what: str) -> bool:
    assert toy.folder is not None
    try:
        (toy.folder / what).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def calls(folder: Path, method: str) -> list[int]:
    """Return the first trial of each chunk that was begun, sorted."""
    return sorted(int(file.name.split("-")[1]) for file in folder.glob(f"{method}-*"))


def threads(toy: Toy, trials: range, method: str) -> Analysed:
    """Return the threads that a worker has for linear algebra, instead of SDs."""
    found = analyse(toy, trials, method)
    found.sd[:] = max(pool["num_threads"] for pool in threadpool_info())
    return found


def wrong(toy: Toy, trials: range, method: str) -> Analysed:
    return analyse(toy, trials[1:], method)


def broken(toy: Toy, trials: range, method: str) -> Analysed:
    if 20 in trials:
        raise bmco.SamplingError("trial 20 cannot be sampled")
    return analyse(toy, trials, method)


def by(engine: bmco.Engine, toy: Toy | None = None, **more: Any) -> tuple[Analysed, Analysed]:
    settings: dict[str, Any] = {"sizes": SIZES, "progress": False} | more
    return run(toy or Toy(), STUDY, engine, analyse, **settings)


def same(one: tuple[Analysed, Analysed], other: tuple[Analysed, Analysed]) -> bool:
    return all(
        np.array_equal(getattr(a, name), array)
        for a, b in zip(one, other, strict=True)
        for name, array in b.arrays().items()
    )


def test_chunks_end_at_multiples():
    def ranges(trials: range, done: list[int]) -> list[range]:
        return [chunk.trials for chunk in missing("nuts", trials, np.array(done, dtype=int), 5)]

    assert ranges(range(12), []) == [range(5), range(5, 10), range(10, 12)]
    assert ranges(range(3, 12), [6]) == [range(3, 5), range(5, 6), range(7, 10), range(10, 12)]
    assert ranges(range(3), [0, 1, 2]) == []
    assert ranges(range(0), []) == []
    assert str(Chunk("laplace", range(3, 4))) == "trial 3 by laplace"


def test_any_number_of_jobs_gives_the_same_numbers(tmp_path):
    one = by(bmco.Engine(47, audit=12))
    assert one[0].trial.tolist() == list(range(47))
    assert one[1].trial.tolist() == list(range(12))
    assert np.allclose(one[1].estimate, one[0].estimate[:12] + 0.01, rtol=0, atol=1e-15)
    assert same(by(bmco.Engine(47, audit=12, jobs=2)), one)
    assert same(by(bmco.Engine(47, audit=12, jobs=2, path=tmp_path)), one)
    assert same(by(bmco.Engine(47, audit=12, path=tmp_path), Toy(-1)), one)  # nothing is analysed
    with joblib.parallel_config(backend="threading", n_jobs=3):
        assert same(by(bmco.Engine(47, audit=12)), one)


def test_all_by_nuts():
    fast, nuts = by(bmco.Engine(20, audit=5, method="nuts"))
    assert len(fast) == 0
    assert fast.sizes == nuts.sizes
    assert nuts.trial.tolist() == list(range(20))


def test_no_audit():
    fast, nuts = by(bmco.Engine(20, audit=0))
    assert (len(fast), len(nuts)) == (20, 0)


def test_each_worker_has_one_thread():
    for jobs in (1, 2):
        engine = bmco.Engine(20, jobs=jobs, audit=0)
        fast, _ = run(Toy(), STUDY, engine, threads, sizes=SIZES, progress=False)
        assert (fast.sd == 1).all()


def test_more_trials_go_on_from_where_it_was(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    first = by(bmco.Engine(25, audit=5, path=tmp_path / "kept"), Toy(folder=folder))
    assert calls(folder, "laplace") == [0, 10, 20]
    assert same(by(bmco.Engine(25, audit=5, path=tmp_path / "kept"), Toy(folder=folder)), first)
    assert calls(folder, "laplace") == [0, 10, 20]
    more = by(bmco.Engine(40, audit=12, path=tmp_path / "kept", jobs=2), Toy(folder=folder))
    assert same(more, by(bmco.Engine(40, audit=12)))
    assert calls(folder, "laplace") == [0, 10, 20, 25, 30]
    assert calls(folder, "nuts") == [0, 5, 10]
    fewer = by(bmco.Engine(10, audit=5, path=tmp_path / "kept"), Toy(folder=folder))
    assert fewer[0].trial.tolist() == fewer[1].trial.tolist() == list(range(10))
    others = by(bmco.Engine(10, audit=5, path=tmp_path / "kept", draws=90), Toy(folder=folder))
    assert len(calls(folder, "laplace")) == 6  # with other settings it is another study
    assert len(others[1]) == 5


def test_two_machines_share_a_study(tmp_path):
    for first, jobs in ((0, 1), (20, 2)):
        engine = bmco.Engine(20, audit=5, first=first, jobs=jobs, path=tmp_path)
        fast, nuts = by(engine)
        assert fast.trial.tolist() == list(range(first, first + 20))
        assert nuts.trial.tolist() == list(range(first, first + 5))
    fast, nuts = by(bmco.Engine(40, audit=5, path=tmp_path), Toy(-1))
    assert len(fast) == 40
    assert nuts.trial.tolist() == [*range(5), *range(20, 25)]  # all that are audited


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_with_a_folder_loses_what_was_being_analysed(jobs, tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    engine = bmco.Engine(80, audit=12, jobs=jobs, path=tmp_path / "kept")
    toy = Toy(folder=folder, pressed_at=52)
    with (
        pytest.warns(bmco.InputWarning, match="the same call goes on") as caught,
        pytest.raises(KeyboardInterrupt, match=r"after \d+ of 80 trials, \d+ of 12 audited"),
    ):
        by(engine, toy)
    assert str(tmp_path / "kept") in str(caught[0].message)
    kept = {file.name for file in (tmp_path / "kept").glob("*/*.npz")}
    assert len(kept) >= 5
    begun = len(list(folder.glob("*-*")))
    assert same(by(engine, toy), by(bmco.Engine(80, audit=12)))
    assert len(list(folder.glob("*-*"))) == begun + 8 + 3 - len(kept)


def test_an_interrupt_without_a_folder_gives_what_there_is(tmp_path):
    toy = Toy(folder=tmp_path, pressed_at=9)
    with pytest.raises(KeyboardInterrupt, match="after 0 of 47 trials"):
        by(bmco.Engine(47), toy)
    (tmp_path / "pressed").unlink()
    toy = Toy(folder=tmp_path, pressed_at=25)
    with pytest.warns(bmco.InputWarning, match="interrupted after 20 of 47 trials, 0 of 12 aud"):
        fast, nuts = by(bmco.Engine(47, audit=12), toy)
    assert len(fast) == 20
    assert len(nuts) == 0


def test_ctrl_c_in_this_process_stops_the_workers(tmp_path):
    def press(fast: Analysed, nuts: Analysed) -> str:
        signal.raise_signal(signal.SIGINT)
        return ""

    with pytest.warns(bmco.InputWarning, match="interrupted after"), showing(Silent()):
        fast, _ = by(bmco.Engine(4000, jobs=2), told=press, progress=True)
    assert 10 <= len(fast) < 4000


def showing(reporter: Silent):
    """Let a reporter show what is told."""
    patch = pytest.MonkeyPatch()
    patch.setattr(running, "reporting", lambda show: nullcontext(reporter))
    patch.setattr(running, "PAUSE", 0.0)
    return patch.context()


def test_a_worker_that_is_killed_loses_its_chunk(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    engine = bmco.Engine(80, audit=12, jobs=2, path=tmp_path / "kept")
    found = by(engine, Toy(folder=folder, killed_at=33))
    assert same(found, by(bmco.Engine(80, audit=12)))
    assert (folder / "killed").exists()
    assert len(calls(folder, "laplace")) <= 8 + 4  # those that were with workers, again


def test_a_chunk_that_kills_again_is_an_error(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    engine = bmco.Engine(80, audit=12, jobs=2, path=tmp_path / "kept")
    with pytest.raises(bmco.SamplingError, match=r"died 2 times .*trials 50 to 59 by laplace"):
        by(engine, Toy(folder=folder, killed_at=52, always=True))
    kept = Folder(tmp_path / "kept", {**STUDY, **engine.settings}).done("laplace")
    assert {0, 10, 20} <= set(kept.trial.tolist())
    assert same(by(engine, Toy(folder=folder)), by(bmco.Engine(80, audit=12)))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_the_analysis_is_raised(jobs, tmp_path):
    engine = bmco.Engine(80, jobs=jobs, path=tmp_path)
    with pytest.raises(bmco.SamplingError, match="trial 20 cannot be sampled"):
        run(Toy(), STUDY, engine, broken, sizes=SIZES, progress=False)
    assert len(list(tmp_path.glob("*/laplace-*.npz"))) >= (2 if jobs == 1 else 0)
    with pytest.raises(bmco.InputError, match="must return the trials of trials 0 to 9"):
        run(Toy(), STUDY, bmco.Engine(10), wrong, sizes=SIZES, progress=False)


class Listening(Silent):
    """Writes down what is shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, int, int]] = []
        self.stages: list[str] = []

    def stage(self, text: str) -> None:
        self.stages.append(text)

    def count(self, text: str, done: int, total: int) -> None:
        self.shown.append((text, done, total))


def test_what_is_shown():
    def told(fast: Analysed, nuts: Analysed) -> str:
        return f"{len(fast)} and {len(nuts)}"

    compiled: list[int] = []
    heard = Listening()
    with showing(heard):
        by(bmco.Engine(20, audit=7), told=told, progress=True, before=lambda: compiled.append(1))
    assert compiled == [1]
    assert heard.stages == ["Compiling"]
    assert heard.shown == [
        ("Simulating trials", 0, 27),
        ("10 and 0", 10, 27),
        ("20 and 0", 20, 27),
        ("20 and 0", 20, 27),  # NUTS begins when all are there to choose from
        ("20 and 5", 25, 27),
        ("20 and 7", 27, 27),
    ]


def test_what_is_audited_is_chosen_among_all_fast_trials(tmp_path):
    asked: list[tuple[list[int], int]] = []

    def choose(fast: Analysed, number: int) -> np.ndarray:
        asked.append((fast.trial.tolist(), number))
        return fast.trial[np.sort(np.argsort(fast.probability.ravel())[:number])]

    engine = bmco.Engine(40, first=100, audit=7, path=tmp_path / "kept")
    fast, nuts = by(engine, choose=choose)
    assert asked == [(list(range(100, 140)), 7)]
    assert nuts.trial.tolist() == sorted(fast.trial[np.argsort(fast.probability.ravel())[:7]])
    assert np.array_equal(nuts.probability, fast.part(nuts.trial).probability + 0.01)
    folder = tmp_path / "calls"
    folder.mkdir()
    again = by(engine, Toy(folder=folder), choose=choose)  # chosen again, and there already
    assert same(again, (fast, nuts))
    assert not list(folder.iterdir())
    more = by(bmco.Engine(40, first=100, audit=9, path=tmp_path / "kept"), Toy(folder=folder),
              choose=choose)  # fmt: skip
    assert len(more[1]) == 9
    new = np.setdiff1d(more[1].trial, nuts.trial)
    assert calls(folder, "nuts") == new.tolist()
    first = by(bmco.Engine(40, first=100, audit=7))[1]
    assert first.trial.tolist() == list(range(100, 107))


def test_nothing_is_compiled_where_all_is_kept(tmp_path):
    def before() -> None:
        raise AssertionError

    by(bmco.Engine(20, audit=5, path=tmp_path))
    assert len(by(bmco.Engine(20, audit=5, path=tmp_path), before=before)[0]) == 20


@pytest.fixture
def cluster():
    """A dask cluster of two processes, which joblib uses."""
    from dask.distributed import Client, LocalCluster

    settings: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        LocalCluster(**settings, dashboard_address=None) as processes,
        Client(processes),
        joblib.parallel_config(backend="dask"),
    ):
        yield processes


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_workers_of_a_dask_cluster(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    engine = bmco.Engine(80, audit=12, path=tmp_path / "kept")
    found = by(engine, Toy(folder=folder, killed_at=33))  # dask gives it to another worker
    assert (folder / "killed").exists()
    assert len(list((tmp_path / "kept").glob("*/*.npz"))) == 8 + 3
    with joblib.parallel_config(backend="loky"):
        assert same(found, by(bmco.Engine(80, audit=12)))
    with pytest.raises(bmco.SamplingError, match="trial 20 cannot be sampled"):
        run(Toy(), STUDY, bmco.Engine(80), broken, sizes=SIZES, progress=False)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_chunk_that_kills_workers_of_a_cluster_is_an_error(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    engine = bmco.Engine(40, audit=5, path=tmp_path / "kept")
    with pytest.raises(bmco.SamplingError, match="died 2 times .*trials 30 to 39 by laplace"):
        by(engine, Toy(folder=folder, killed_at=33, always=True))
    kept = Folder(tmp_path / "kept", {**STUDY, **engine.settings}).done("laplace")
    assert 33 not in kept.trial


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_an_interrupt_on_a_cluster(tmp_path):
    def press(fast: Analysed, nuts: Analysed) -> str:
        signal.raise_signal(signal.SIGINT)
        return ""

    with pytest.warns(bmco.InputWarning, match="interrupted after"), showing(Silent()):
        fast, _ = by(bmco.Engine(4000), told=press, progress=True)
    assert 10 <= len(fast) < 4000
