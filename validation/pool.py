"""Many independent studies over processes: kept as they come, stopped and resumed at any time."""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import Progress

KEY = ["cell", "study"]
SINGLE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run(
    task: Callable[[str, int], pd.DataFrame],
    wanted: Sequence[tuple[str, int]],
    store: Path,
    part: str,
    jobs: int,
    seconds: float | None,
) -> pd.DataFrame:
    """Return the rows of the wanted studies: those in the store, and the others made anew.

    Parameters
    ----------
    task : callable
        From a cell and the number of a study to its rows; a function of a module.
    wanted : sequence of (cell, study)
        In the order in which they are made.
    store : Path
        Folder of the parts, which are read together: copy those of another machine into it.
    part : str
        Name of the file that this run adds to.
    jobs : int
        Processes; with 1, this one.
    seconds : float, optional
        After which no study is begun any more.
    """
    start = time.monotonic()
    kept = store / f"{part}.csv"
    done = read(store)
    made: set[Hashable] = set(done.set_index(KEY).index) if len(done) else set()
    left = [key for key in wanted if key not in made]
    if kept.exists():  # without a study that was being written
        complete(pd.read_csv(kept, on_bad_lines="skip")).to_csv(kept, index=False)

    def more() -> bool:
        return bool(left) and (seconds is None or time.monotonic() - start < seconds)

    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("studies", total=len(left))

        def keep(rows: pd.DataFrame) -> None:
            text = io.StringIO()
            store.mkdir(parents=True, exist_ok=True)
            rows.assign(rows=len(rows)).to_csv(text, index=False, header=not kept.exists())
            with kept.open("a", encoding="utf-8") as file:
                file.write(text.getvalue())
            progress.advance(bar)

        # The first one here: what it compiles, the other processes find on the disk.
        alone = True
        while more() and (jobs == 1 or alone):
            keep(task(*left.pop(0)))
            alone = False
        if more():
            for variable in SINGLE:
                os.environ.setdefault(variable, "1")
            with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
                waiting: set[Future[pd.DataFrame]] = set()
                while waiting or more():
                    while more() and len(waiting) < jobs + 1:
                        waiting.add(pool.submit(task, *left.pop(0)))
                    finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in finished:
                        keep(future.result())
    rows = read(store)
    if rows.empty:
        return rows
    return rows[[key in set(wanted) for key in zip(rows["cell"], rows["study"], strict=True)]]


def read(store: Path) -> pd.DataFrame:
    """Return the complete studies of all parts in a folder, each once."""
    parts = [pd.read_csv(path, on_bad_lines="skip") for path in sorted(store.glob("*.csv"))]
    if not parts:
        return pd.DataFrame(columns=[*KEY, "rows"])
    rows = pd.concat([complete(part).assign(part=i) for i, part in enumerate(parts)])
    first = rows.groupby(KEY)["part"].transform("min")
    rows = rows[rows["part"] == first].drop(columns="part")
    return rows.sort_values(KEY, kind="stable").reset_index(drop=True)


def complete(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the studies of which every row is there."""
    rows = rows[pd.to_numeric(rows["rows"], errors="coerce").notna()]
    return rows[rows.groupby(KEY)["study"].transform("size") == rows["rows"].astype(int)]


def options(
    name: str, text: str | None, cells: Sequence[str], studies: int, store: Path
) -> argparse.ArgumentParser:
    """Return the options that every such run has."""
    parser = argparse.ArgumentParser(prog=f"python -m validation.{name}", description=text)
    parser.add_argument("--cells", nargs="+", choices=cells, default=list(cells), metavar="CELL",
                        help=f"of {', '.join(cells)}; default: all")  # fmt: skip
    parser.add_argument("--studies", type=int, default=studies, help=f"default: {studies}")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 4))
    parser.add_argument("--seconds", type=float, help="after which no study is begun any more")
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--store", type=Path, default=store, help="folder of the studies made")
    parser.add_argument("--part", default="here", help="file in it that this run adds to")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="of the report")
    return parser
