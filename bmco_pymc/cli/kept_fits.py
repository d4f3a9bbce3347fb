"""Fits that are kept in files: where to, and taken up again."""

from __future__ import annotations

from pathlib import Path

from bmco_pymc.cli.output import writable
from bmco_pymc.cli.run import Run
from bmco_pymc.errors import InputError
from bmco_pymc.escapes import visible
from bmco_pymc.fit import Fit
from bmco_pymc.models.load import load
from bmco_pymc.store.write import destination

REPLACES = "exists already; --overwrite replaces it"


def check_place(path: Path | None, overwrite: bool) -> None:
    """Raise `InputError` if a fit cannot be kept there, before there is one."""
    if path is None:
        if overwrite:
            raise InputError("--overwrite", True, "goes with --save, the file that it replaces")
        return
    try:
        destination(path, overwrite)
    except InputError as error:
        problem = REPLACES if error.problem.startswith("exists") else error.problem
        raise InputError("--save", str(path), problem) from None
    writable(path.parent, "--save")


def keep(run: Run, fit: Fit, path: Path, overwrite: bool) -> None:
    """Keep a fit in a file, whatever its draws are worth."""
    run.write(path.parent, {path.name: lambda to: fit.save(to, overwrite=overwrite)})
    if fit.cut_short:
        run.tell(f"What was kept in {visible(str(path))} was {fit.cut_short}.")
    elif not fit.diagnostics.ok:
        what = f"{fit.diagnostics.head.lower()}, and is kept all the same"
        run.tell(f"The fit in {visible(str(path))}: {what}.")


def take_up(path: Path) -> Fit:
    """Return the fit in a file."""
    try:
        return load(path)
    except InputError as error:
        raise error.renamed({"path": "fit"}) from None
