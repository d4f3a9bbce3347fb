"""The row about tables larger than memory, and how such a table is made."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clocks import sampling_clock
from benchmarks.judge import CHAINS, CORES
from benchmarks.row import OURS, Quantity, Row, Run, Target

CLUSTERS = 1000
COVARIATES = ["stage", "sex"]
# Draws that depend on the row's number alone, whatever the order in which DuckDB makes them.
DRAWN = """
copy (
  with drawn as (
    select
      (i % {clusters})::smallint as site, hash(i * 8) % 2 as arm, hash(i * 8 + 1) % 4 as stage,
      hash(i * 8 + 2) % 2 as sex, hash(i * 8 + 3) % 1000003 / 1000003 as u,
      hash(i * 8 + 4) % 1000003 / 1000003 as v,
      hash((i % {clusters}) * 8 + 5) % 1000003 / 1000003 - 0.5 as w
    from range({n}) as t(i)
  )
  select
    site, if(arm = 0, 'control', 'treatment') as arm, stage::tinyint as stage,
    if(sex = 0, 'f', 'm') as sex,
    (u < 1 / (1 + exp(0.4 - 0.2 * arm - 0.15 * stage - 1.5 * w)))::tinyint as y1,
    (0.6 * u + 0.4 * v < 0.45 + 0.03 * arm - 0.05 * sex + 0.3 * w)::tinyint as y2
  from drawn
) to '{path}' (format parquet)
"""


def row(quick: bool, short: Mapping[str, Any], few: Mapping[str, Any]) -> Row:
    """Return the row of tables that are counted by their engine."""
    sizes = (10**5, 10**6) if quick else (10**7, 10**8)
    n_eager = 10**6 if quick else 10**7
    small, large = (f"Parquet, n = {n}" for n in sizes)
    eager = f"polars, n = {n_eager}"
    parquet = tuple(
        Run(
            OURS,
            case,
            "tables:parquet",
            {"n": n, **short},
            fill={"n": 10**5, **few},
            repeats=2,
        )
        for n, case in zip(sizes, (small, large), strict=True)
    )
    counted = Run(OURS, eager, "tables:eager", {"n": n_eager}, seeded=False)
    return Row(
        name="tables",
        title="Tables larger than memory",
        note=(
            f"Two outcomes, two groups, two covariates with 4 and 2 values, {CLUSTERS} clusters, "
            "in a Parquet file that DuckDB counts: from `Study('data.parquet', ...)` to the "
            "printed decision of a BGLMM for new clusters, compiling included (warm caches), "
            f"4 × ({short['tune']} + {short['draws']}). `besides_s` is all but sampling, `count_s` "
            "the study alone; peak memory of the whole process. And a polars frame of int8 columns "
            "without clusters, from `Study(frame, ...)` to the cells of a BGLM; `memory_x` is the "
            "peak beyond what the process had, in sizes of the columns used."
        ),
        runs=(*parquet, counted),
        show=(
            *("count_s", "besides_s", "sampling_s", "answer_s", "ns_per_row", "cells"),
            *("steps_per_draw", "us_per_step", "peak_mb", "memory_x", "rhat", "min_ess"),
        ),
        targets=(
            Target(f"{large}: seconds besides sampling", Quantity("besides_s", large), at_most=60),
            Target(f"{large}: peak memory, MB", Quantity("peak_mb", large), at_most=1536),
            Target(
                f"linear: counting one row, {large} / {small}",
                Quantity("ns_per_row", large),
                Quantity("ns_per_row", small),
                at_most=1.25,
            ),
            Target(
                f"sampling: one step, {large} / {small}",
                Quantity("us_per_step", large),
                Quantity("us_per_step", small),
                at_most=1.25,
            ),
            Target(f"{eager}: seconds to cells", Quantity("count_s", eager), at_most=1),
            Target(f"{eager}: memory, of the columns", Quantity("memory_x", eager), at_most=3),
        ),
        repeats=3,
    )


def parquet(
    since_start: Callable[[], float], n: int, draws: int, tune: int, seed: int
) -> dict[str, float]:
    """Go from a Parquet file to a decision."""
    warnings.simplefilter("ignore")
    import bmco_pymc as bmco

    with tempfile.TemporaryDirectory() as folder, sampling_clock() as spent:
        path = str(Path(folder) / "data.parquet")
        # In a process of its own: its memory is not ours.
        subprocess.run([sys.executable, "-m", "benchmarks.tables", path, str(n)], check=True)
        start = time.perf_counter()
        study = bmco.Study(
            path,
            ["y1", "y2"],
            group="arm",
            control="control",
            treatment="treatment",
            cluster="site",
            covariates=COVARIATES,
        )
        counted = time.perf_counter()
        model = bmco.BGLMM(study, "arm * stage + sex", random="1")
        fit = model.fit(draws, tune, CHAINS, seed, cores=CORES, progress=False)
        effect = fit.effect(clusters="new")
        print(effect)
        print(effect.decide("all"))
        answered = time.perf_counter()
    steps = fit.idata["sample_stats"]["n_steps"]
    return {
        "steps_per_draw": float(steps.mean()),
        # Tuning takes steps too, of about this number.
        "us_per_step": 1e6 * spent.nuts / (float(steps.mean()) * CHAINS * (draws + tune)),
        "count_s": counted - start,
        "answer_s": answered - start,
        "sampling_s": spent.sampling,
        "besides_s": answered - start - spent.sampling,
        "ns_per_row": 1e9 * (counted - start) / n,
        "cells": float(len(model.cells)),
        "rhat": fit.diagnostics.max_rhat,
        "min_ess": fit.diagnostics.min_ess,
    }


def eager(since_start: Callable[[], float], n: int) -> dict[str, float]:
    """Go from an eager frame of small whole numbers to cells."""
    warnings.simplefilter("ignore")
    import polars as pl

    import bmco_pymc as bmco

    rng = np.random.default_rng(1)
    values = {"y1": 2, "y2": 2, "arm": 2, "stage": 4, "sex": 2}
    frame = pl.DataFrame(
        {name: rng.integers(0, k, n).astype(np.int8) for name, k in values.items()}
    )

    def cells(rows: Any) -> Any:
        study = bmco.Study(rows, ["y1", "y2"], "arm", 0, 1, covariates=COVARIATES)
        return bmco.BGLM(study, "arm * stage + sex").cells

    cells(frame[:1000])  # which does the imports
    before = _peak(anew=True)
    start = time.perf_counter()
    made = cells(frame)
    seconds = time.perf_counter() - start
    measures = {"count_s": seconds, "ns_per_row": 1e9 * seconds / n, "cells": float(len(made))}
    more = (_peak() - before) / (n * len(values))
    return measures | ({} if np.isnan(more) else {"memory_x": more})


def _peak(*, anew: bool = False) -> float:
    """Return the peak of memory in bytes, perhaps from here on; NaN where the system has none."""
    try:
        if anew:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return 1024.0 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def main() -> None:
    """Write a Parquet file of so many rows."""
    import duckdb

    path, n = sys.argv[1:]
    duckdb.sql(DRAWN.format(path=path, n=int(n), clusters=CLUSTERS))


if __name__ == "__main__":
    main()
