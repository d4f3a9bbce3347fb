"""Run a measurement in a fresh process with caches of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.row import BAMBI, BMCO, Run

HERE = Path(__file__).parent


class MissingPeerError(Exception):
    """A peer is not installed; the text says what is missing."""


class FailedRunError(Exception):
    """A measurement did not end well; the text is what it printed last."""


@dataclass(frozen=True)
class Workshop:
    """Where measurements run.

    Attributes
    ----------
    folder : Path
        Temporary, for caches and reports.
    bambi_python : Path, optional
        Python of an environment with bambi; this one if not given.
    limit : float
        Seconds that a measurement may take.
    """

    folder: Path
    bambi_python: Path | None = None
    limit: float = 3600.0

    def measure(self, run: Run, repeat: int) -> dict[str, float]:
        """Return the measures of one run.

        Parameters
        ----------
        run : Run
            What to run.
        repeat : int
            Its number, which seeds it.

        Raises
        ------
        MissingPeerError
            If the peer is not installed.
        FailedRunError
            If the process fails.
        """
        if run.peer == BMCO:
            return self._bmco(run, repeat)
        # The caches that a run sees lie at one path, whatever filled them: paths are in the keys.
        caches = self.folder / "caches"
        shutil.rmtree(caches, ignore_errors=True)
        if run.caches == "warm" and run.fill is not None:
            shutil.copytree(self._filled(run, caches), caches, dirs_exist_ok=True)
        seed = {"seed": 1000 + repeat} if run.seeded else {}
        return self._child(run, {**run.arguments, **seed}, caches)

    def _filled(self, run: Run, caches: Path) -> Path:
        """Return a copy of the caches as another study has left them."""
        arguments = {**run.arguments, **(run.fill or {}), **({"seed": 1} if run.seeded else {})}
        name = f"{run.peer}-{run.call}-{sorted(arguments.items())}"
        kept = self.folder / "filled" / f"{abs(hash(name)):x}"
        if not kept.exists():
            caches.mkdir(parents=True)
            self._child(run, arguments, caches)
            kept.parent.mkdir(exist_ok=True)
            shutil.move(caches, kept)
        return kept

    def _child(self, run: Run, arguments: Mapping[str, Any], caches: Path) -> dict[str, float]:
        python = self._python(run.peer)
        flags = [os.environ.get("PYTENSOR_FLAGS", ""), f"base_compiledir={caches / 'pytensor'}"]
        environment = {
            **os.environ,
            "PYTENSOR_FLAGS": ",".join(filter(None, flags)),
            "NUMBA_CACHE_DIR": str(caches / "numba"),
        }
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        command = [python, "-m", "benchmarks.child", run.call, json.dumps(dict(arguments))]
        start = time.monotonic()
        self._process([*command, str(report), repr(start)], environment)
        measures: dict[str, float] = json.loads(report.read_text())
        return {**measures, "process_s": time.monotonic() - start}

    def _process(self, command: list[str], environment: Mapping[str, str]) -> None:
        try:
            done = subprocess.run(
                command,
                cwd=HERE.parent,
                env=environment,
                timeout=self.limit,
                capture_output=True,
                text=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FailedRunError(f"not ready after {self.limit:g} seconds") from None
        if done.returncode:
            raise FailedRunError(done.stderr.strip()[-2000:] or f"exit {done.returncode}")

    def _python(self, peer: str) -> str:
        if peer != BAMBI:
            return sys.executable
        python = str(self.bambi_python or sys.executable)
        found = "import importlib.util as u, sys; sys.exit(u.find_spec('bambi') is None)"
        if subprocess.run([python, "-c", found], check=False).returncode:
            raise MissingPeerError(f"not installed in {Path(python).name}: see --bambi-python")
        return python

    def _bmco(self, run: Run, repeat: int) -> dict[str, float]:
        if shutil.which("Rscript") is None:
            raise MissingPeerError("not installed (no Rscript)")
        found = "quit(status = !requireNamespace('bmco', quietly = TRUE))"
        if subprocess.run(["Rscript", "-e", found], check=False).returncode:
            raise MissingPeerError("not installed in R")
        numbers = [run.arguments["tune"], run.arguments["draws"], 1000 + repeat]
        table = HERE.parent / "bmco_pymc" / "data" / "schools.csv"
        start = time.monotonic()
        command = ["Rscript", str(HERE / run.call), str(table), *map(str, numbers)]
        self._process(command, os.environ)
        return {"answer_s": time.monotonic() - start}


def workshop_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a temporary folder for a workshop; removed when closed."""
    return tempfile.TemporaryDirectory(prefix="bmco-benchmarks-", ignore_cleanup_errors=True)
