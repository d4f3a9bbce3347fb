"""The study of a command: of a table, or of Parquet files, which are counted where they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bmco_pymc.cli.spreadsheet import SPREADSHEETS, read_spreadsheet
from bmco_pymc.cli.table import read_table
from bmco_pymc.data.missing import COMPLETE
from bmco_pymc.data.sources import PARQUET, open_source, reading
from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError


def read_study(
    path: Path,
    outcomes: Sequence[str],
    groups: tuple[str, str, str],
    cluster: str | None,
    counts: str | None,
    formulas: Sequence[str],
    bins: Sequence[str],
    missing: str = COMPLETE,
    sheet: str | None = None,
) -> Study:
    """Return the study that a command describes.

    Parameters
    ----------
    path : Path
        A file that `read_frame` reads; or a Parquet file, or several by a name with wildcards.
    outcomes : sequence of str
    groups : (str, str, str)
        Column of the groups, control and treatment.
    cluster, counts : str, optional
    formulas : sequence of str
        Which say what columns are covariates.
    bins : sequence of str
        Such as ``age=10`` and ``age=18:40:65``.
    missing : {"complete", "mar"}
        What becomes of subjects with some outcomes missing.
    sheet : str, optional
        Of a spreadsheet.

    Raises
    ------
    InputError
        If the file cannot be read, or the study cannot be.
    """
    cut = read_bins(bins)
    source: Any = str(path)
    if not source.lower().endswith(PARQUET):
        labels = [groups[0]] if cluster is None else [groups[0], cluster]
        source = read_frame(path, labels, formulas, sheet)
        if not cut:
            return Study(source, outcomes, *groups, cluster, counts, missing=missing)
    elif sheet is not None:
        raise InputError("--sheet", sheet, "is of a spreadsheet, and this is none")
    with reading(source):
        columns = open_source(source).collect_schema().names()
    apart = {*outcomes, counts}
    used = [name for name in columns if name not in apart and _is_in(name, formulas)]
    try:
        roles = (outcomes, *groups, cluster, counts)
        return Study(source, *roles, missing=missing, covariates=used, bins=cut or None)
    except InputError as error:
        named = {f"bins[{name!r}]": f"--bins {name}" for name in cut}
        raise error.renamed(named | {"bins": "--bins", "covariates": "--fixed"}) from None


def read_frame(
    path: Path, labels: Sequence[str], formulas: Sequence[str], sheet: str | None = None
) -> pd.DataFrame:
    """Return a table in a file as a data frame, by the ending of its name.

    Parameters
    ----------
    path : Path
        A spreadsheet, or text: see `bmco_pymc.cli.table.read_table`, as for the others.
    labels, formulas : sequence of str
    sheet : str, optional
    """
    if path.name.lower().endswith(SPREADSHEETS):
        return read_spreadsheet(path, labels, formulas, sheet)
    if sheet is not None:
        raise InputError("--sheet", sheet, "is of a spreadsheet, and this is none")
    return read_table(path, labels, formulas)


def read_bins(texts: Sequence[str]) -> dict[str, int | list[float]]:
    """Return the bins that ``--bins`` describes: how many, or their edges.

    Examples
    --------
    >>> read_bins(["age=10", "bmi=-inf:20:25:inf"])
    {'age': 10, 'bmi': [-inf, 20.0, 25.0, inf]}
    """
    found: dict[str, int | list[float]] = {}
    for text in texts:
        name, _, asked = (part.strip() for part in text.rpartition("="))
        if name in found:
            raise InputError("--bins", text, "was given twice")
        try:
            found[name] = [float(n) for n in asked.split(":")] if ":" in asked else int(asked)
        except ValueError:
            name = ""
        if not name:
            problem = "must be a number of bins or their edges, as in age=10 or age=18:40:65"
            raise InputError("--bins", text, problem)
    return found


def _is_in(name: str, formulas: Sequence[str]) -> bool:
    """Return whether a column is named in a formula, other than as a function."""
    whole = rf"(?<!\w){re.escape(name)}(?!\w)(?!\s*\()"
    return any(re.search(whole, formula) for formula in formulas)
