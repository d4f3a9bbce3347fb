"""Run the recovery study: ``python -m validation.run``.

Replicates are independent and kept as they come, in ``validation/replicates``: an interrupted run
loses nothing, and the next one goes on from there. The whole study writes ``results.csv`` and
``RESULTS.md``; a part of it (one analysis, or another number of replicates) is only printed.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import track

from validation import report
from validation.analyses import ANALYSES, replicate
from validation.coverage import coverage

HERE = Path(__file__).parent
SEED = 20261122
FIT = ["divergences", "rhat", "ess"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study as the command line says; return 1 if a coverage is outside its band."""
    options = _parser().parse_args(arguments)
    names = list(ANALYSES) if options.analysis == "all" else [options.analysis]
    results, fits = [], {}
    for name in names:
        number = options.replicates or ANALYSES[name].replicates
        kept = options.store / f"{name}-{options.seed}.csv"
        if options.fresh:
            kept.unlink(missing_ok=True)
        rows = run(name, number, options.seed, options.jobs, kept)
        results.append(coverage(rows).assign(analysis=name))
        fits[name] = rows.drop_duplicates("replicate")[FIT]
        columns = ["population", "quantity", "covered", "band_low", "band_high", "inside"]
        print(f"\n{ANALYSES[name].title}: {number} replicates")
        print(results[-1][[*columns, "bias_z", "spread"]].to_string(index=False))
    table = pd.concat(results, ignore_index=True)
    table.insert(0, "analysis", table.pop("analysis"))
    if options.analysis == "all" and options.replicates is None:
        table.to_csv(options.out / "results.csv", index=False, float_format="%.4f")
        text = report.page(table, fits, options.seed, options.jobs)
        (options.out / "RESULTS.md").write_text(text, encoding="utf-8")
    outside = table[~table["inside"]]
    print(f"\n{len(table) - len(outside)} of {len(table)} quantities are inside their bands")
    return int(len(outside) > 0)


def run(name: str, number: int, seed: int, jobs: int, kept: Path | None = None) -> pd.DataFrame:
    """Return the replicates of an analysis, those that a file has and the others made anew.

    Parameters
    ----------
    name : str
        The analysis.
    number : int
        How many replicates.
    seed : int
        Seed of the run.
    jobs : int
        Processes; each compiles the model once. With 1, this process.
    kept : Path, optional
        The file, a replicate is added to it as soon as it is made.
    """
    done = pd.DataFrame(columns=["replicate"]) if kept is None else finished(kept)
    left = sorted(set(range(number)) - set(done["replicate"]))
    new = []
    with _workers(jobs) as work:
        results = work(partial(replicate, name, seed), left)
        console = Console(stderr=True)
        for rows in track(results, f"{name}", total=len(left), console=console):
            new.append(rows)
            if kept is not None:
                _append(kept, rows)
    rows = pd.concat([done, *new] if len(done) else new, ignore_index=True)
    chosen = rows[rows["replicate"] < number]
    return chosen.sort_values("replicate", kind="stable").reset_index(drop=True)


def finished(kept: Path) -> pd.DataFrame:
    """Return the complete replicates in a file, and leave only those in it."""
    if not kept.exists() or not kept.read_text():
        return pd.DataFrame(columns=["replicate"])
    rows = pd.read_csv(kept).dropna()
    size = rows.groupby("replicate")["quantity"].transform("size")
    rows = rows[size == size.max()].astype({"replicate": int}).reset_index(drop=True)
    rows.to_csv(kept, index=False)
    return rows


def _append(kept: Path, rows: pd.DataFrame) -> None:
    kept.parent.mkdir(exist_ok=True)
    text = io.StringIO()
    rows.to_csv(text, index=False, header=not kept.exists(), float_format="%.8g")
    with kept.open("a", encoding="utf-8") as file:
        file.write(text.getvalue())


@contextmanager
def _workers(jobs: int) -> Iterator[Any]:
    """Give a ``map`` over processes, each with one thread for linear algebra."""
    if jobs == 1:
        yield map
        return
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        try:
            yield pool.map
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m validation.run", description=__doc__)
    parser.add_argument("--analysis", choices=[*ANALYSES, "all"], default="all")
    numbers = ", ".join(f"{analysis.replicates} {name}" for name, analysis in ANALYSES.items())
    parser.add_argument("--replicates", type=_positive, help=f"default: {numbers}")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--jobs", type=_positive, default=min(os.cpu_count() or 1, 4))
    parser.add_argument("--fresh", action="store_true", help="forget replicates made before")
    parser.add_argument("--store", type=Path, default=HERE / "replicates", help="replicates made")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the report")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
