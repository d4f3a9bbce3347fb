"""Reports in files, by the ending of their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bmco_pymc.cli.output import writable_file
from bmco_pymc.cli.run import Run
from bmco_pymc.errors import InputError


def check_report(path: Path | None, option: str) -> None:
    """Raise `InputError` if a report cannot be written there, before there is one."""
    from bmco_pymc.report.write import check_path

    if path is None:
        return
    try:
        check_path(path)
    except InputError as error:
        raise error.renamed({"path": option}) from None
    writable_file(path, option)


def write_report(run: Run, report: Any, path: Path) -> None:
    """Write a report."""
    run.write(path.parent, {path.name: report.save})
