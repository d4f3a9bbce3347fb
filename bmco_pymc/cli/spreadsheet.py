"""A sheet of a workbook as a data frame: as the text that it would be in a CSV file, read alike."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from bmco_pymc.cli.table import check_file, frame_of
from bmco_pymc.data.frames import listed
from bmco_pymc.data.remarks import warn
from bmco_pymc.errors import InputError

SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")


def read_spreadsheet(
    path: Path, labels: Sequence[str], formulas: Sequence[str], sheet: str | None = None
) -> pd.DataFrame:
    """Return a sheet of a workbook as a data frame; nothing in it is run.

    Parameters
    ----------
    path : Path
    labels, formulas : sequence of str
        As in `bmco_pymc.cli.table.read_table`.
    sheet : str, optional
        Its name; the first by default.

    Raises
    ------
    InputError
        If the file cannot be read, or what `bmco_pymc.cli.table.read_table` refuses.

    Warns
    -----
    InputWarning
        If there are other sheets and none was named.
    """
    name = str(path)
    check_file(path)
    try:
        with pd.ExcelFile(path, engine="calamine") as book:
            sheets = [str(one) for one in book.sheet_names]
            if sheet is not None and sheet not in sheets:
                raise InputError("--sheet", sheet, "there is no such sheet", sheets)
            which = sheets[0] if sheet is None else sheet
            cells = pd.read_excel(book, which, header=None, dtype=object, na_filter=False)
    except ImportError:
        problem = "spreadsheets are read by python-calamine: pip install 'bmco-pymc[excel]'"
        raise InputError("data", name, problem) from None
    except InputError:
        raise
    except Exception as error:  # whatever may be wrong with a file
        problem = f"cannot be read as a spreadsheet: {' '.join(str(error).split())}"
        raise InputError("data", name, problem) from None
    if sheet is None and len(sheets) > 1:
        warn([f"read sheet {sheets[0]!r} of {name}; --sheet names another: {listed(sheets[1:])}"])
    return frame_of(name, _as_text(cells), labels, formulas)


def _as_text(cells: pd.DataFrame) -> io.StringIO:
    """Return cells as CSV, without rows and columns that are empty."""
    written = cells.map(_written)
    filled = written != ""
    written = written.loc[filled.any(axis=1), filled.any(axis=0)]
    text = io.StringIO()
    csv.writer(text).writerows(written.values.tolist())
    text.seek(0)
    return text


def _written(cell: Any) -> str:
    """Return a cell as text: a whole number without a point, a day without its hour.

    Examples
    --------
    >>> [_written(cell) for cell in (7.0, 0.1, "007", True, None, datetime(2026, 3, 1))]
    ['7', '0.1', '007', 'True', '', '2026-03-01']
    """
    if cell is None or cell != cell:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.isoformat(" ").removesuffix(" 00:00:00")
    return str(cell)
