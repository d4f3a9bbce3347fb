"""Measure how long things take, beside other ways to do them: ``python -m benchmarks.run``.

Every measurement runs in a fresh process and is kept in ``results.csv`` as soon as it is made: an
interrupted run loses nothing, and the next one goes on from there. Measurements of another machine,
of other versions or of other sources are made anew for the rows that are run. ``RESULTS.md`` is
written from all that is kept.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import report
from benchmarks.fresh import FailedRunError, MissingPeerError, Workshop, workshop_folder
from benchmarks.row import Row, Run
from benchmarks.rows import rows
from benchmarks.setup import this_setup

HERE = Path(__file__).parent
QUICK = HERE.parent / "build" / "benchmarks-quick"
KEY = ["row", "case", "peer", "caches", "repeat"]
COLUMNS = [*KEY, "measure", "value", "when", "setup"]
MISSING = "missing"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says; return 1 if a measurement failed or peers disagree."""
    options = _parser().parse_args(arguments)
    table = rows(quick=options.quick)
    chosen = [table[name] for name in options.rows or table]
    out = options.out or (QUICK if options.quick else HERE)
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "results.csv"
    if options.fresh:
        kept.unlink(missing_ok=True)
    setup = this_setup(options.bambi_python)
    setups = _setups(out) | {setup.name: asdict(setup)}
    (out / "setups.json").write_text(json.dumps(setups, indent=2) + "\n", encoding="utf-8")
    failed: dict[str, str] = {}
    with workshop_folder() as folder:
        workshop = Workshop(Path(folder), options.bambi_python)
        measure(chosen, options.repeats, options.quick, workshop, kept, setup.name, failed)
    results = read(kept)
    text = report.page(results, table, setups)
    (out / "RESULTS.md").write_text(text, encoding="utf-8")
    print(report.targets(results, chosen))
    for run, reason in failed.items():
        print(f"FAILED {run}: {reason}")
    print(f"\nwritten to {out}")
    return int(bool(failed) or not report.agrees(results, table))


def measure(
    chosen: Sequence[Row],
    repeats: int | None,
    quick: bool,
    workshop: Workshop,
    kept: Path,
    setup: str,
    failed: dict[str, str],
) -> None:
    """Make the measurements that are not in a file yet, and add each to it.

    Parameters
    ----------
    chosen : sequence of Row
        What to measure.
    repeats : int, optional
        Of each run; the default is the row's.
    quick : bool
        Whether one repeat will do.
    workshop : Workshop
        Where.
    kept : Path
        The file.
    setup : str
        Name of the setup: measurements of another one do not count.
    failed : dict
        The reasons of what failed are added to it.
    """
    forget(kept, chosen, setup)
    known = read(kept)
    done = set(known.loc[known["measure"] != MISSING, KEY].itertuples(index=False, name=None))
    plan = [
        (row, run, repeat)
        for row in chosen
        for run, repeat in schedule(row, repeats or (1 if quick else None))
        if (row.name, *run.key, repeat) not in done
    ]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    missing: set[str] = set()
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(plan))
        for row, run, repeat in plan:
            words = f"{row.name}: {run.peer}, {run.case}, repeat {repeat + 1}"
            progress.update(task, description=words)
            if run.peer not in missing and words not in failed:
                try:
                    measures = workshop.measure(run, repeat)
                except MissingPeerError:
                    measures = {MISSING: float("nan")}
                    missing.add(run.peer)
                except FailedRunError as error:
                    failed[words] = str(error)
                    progress.console.print(f"failed {words}: {error}", markup=False)
                    measures = {}
                append(kept, (row.name, *run.key, repeat), measures, setup)
            progress.advance(task)


def schedule(row: Row, repeats: int | None) -> Iterator[tuple[Run, int]]:
    """Give the runs of a row in the order of measuring: peers take turns, and turns at starting."""
    number = repeats or row.repeats
    for repeat in range(number):
        runs = row.runs if repeat % 2 == 0 else row.runs[::-1]
        for run in runs:
            if repeats is not None or run.repeats is None or repeat < run.repeats:
                yield run, repeat


def read(kept: Path) -> pd.DataFrame:
    """Return the measurements in a file."""
    if not kept.exists():
        return pd.DataFrame(columns=COLUMNS)
    return pd.read_csv(kept, dtype={"setup": str})


def forget(kept: Path, chosen: Sequence[Row], setup: str) -> None:
    """Leave out the measurements of the chosen rows that another setup has made."""
    table = read(kept)
    names = [row.name for row in chosen]
    table = table[~table["row"].isin(names) | (table["setup"] == setup)]
    _replace(kept, table.to_csv(index=False))


def append(
    kept: Path, key: tuple[str, str, str, str, int], measures: dict[str, float], setup: str
) -> None:
    """Add the measures of one run to a file."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    lines = [[*key, measure, f"{value:.7g}", when, setup] for measure, value in measures.items()]
    text = pd.DataFrame(lines, columns=COLUMNS).to_csv(index=False, header=False)
    _replace(kept, kept.read_text(encoding="utf-8") + text)


def _replace(kept: Path, text: str) -> None:
    """Write a file whole or not at all, whenever an interrupt comes."""
    new = kept.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(kept)


def _setups(out: Path) -> dict[str, dict[str, str]]:
    path = out / "setups.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    names = list(rows())
    parser.add_argument("--rows", nargs="+", choices=names, metavar="ROW", help=", ".join(names))
    parser.add_argument("--repeats", type=_positive, help="of each run; default: see the rows")
    parser.add_argument("--quick", action="store_true", help="everything small: tries the harness")
    parser.add_argument("--bambi-python", type=Path, help="Python of an environment with bambi")
    parser.add_argument("--fresh", action="store_true", help="forget all that was measured before")
    parser.add_argument("--out", type=Path, help="folder of results.csv and RESULTS.md")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
