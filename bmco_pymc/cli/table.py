"""A table of text as a data frame, read with care for what spreadsheets and people do to values."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, TextIO

import pandas as pd

from bmco_pymc.data.frames import listed
from bmco_pymc.data.remarks import warn
from bmco_pymc.errors import InputError

# "None" is not among them: it is what many a control group is called.
MISSING = ["", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "."]

# How other kinds of files begin, and what they are.
KINDS = {
    b"PK\x03\x04": "a spreadsheet (.xlsx, .ods) or another zip file",
    b"\xd0\xcf\x11\xe0": "a spreadsheet (.xls)",
    b"\x1f\x8b": "a compressed file",
    b"PAR1": "a Parquet file",
    b"$FL": "a file of SPSS",
    b"<stata_dta>": "a file of Stata",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}
TABS = (".tsv", ".tab")
COMPRESSED = ".gz"
# A number with a decimal comma, thousands apart, or a sign of per cent or money.
FOREIGN = r"[+\-−]?[€$£]?\s*(\d{1,3}([ '’.,\u00a0\u202f]\d{3})+|\d+)([.,]\d+)?\s*[%€$£]?"
SEPARATORS = {",": "commas", ";": "';'", "\t": "tabs", "|": "'|'"}


def read_table(path: Path, labels: Sequence[str], formulas: Sequence[str]) -> pd.DataFrame:
    """Return a CSV file with a header as a data frame; one with tabs if its name ends so.

    Parameters
    ----------
    path : Path
        ``.tsv`` and ``.tab`` have tabs between columns, all others commas; ``.gz`` behind that is
        a compressed file.
    labels : sequence of str
        Columns of labels (group, cluster), which are kept as written: ``007`` is not ``7``.
    formulas : sequence of str
        Whose columns of numbers must be numbers throughout.

    Raises
    ------
    InputError
        If there is no such file, it cannot be read as a table with these separators, it has two
        columns of one name, no rows or a row with more or fewer fields than the header, or a
        column of a formula has numbers in another notation or mixes numbers and other text.

    Warns
    -----
    InputWarning
        If a column has no name: it is left out.
    """
    name = str(path)
    check_file(path)
    bare = name.lower().removesuffix(COMPRESSED)
    separator = "\t" if bare.endswith(TABS) else ","
    try:
        with opened(path) as file:
            _check_kind(name, file.read(1 << 16))
        with opened(path) as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            return frame_of(name, text, labels, formulas, separator)
    except UnicodeDecodeError:
        raise InputError("data", name, "is not text in UTF-8: save it as CSV in UTF-8") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError("data", name, "is no compressed file, or was cut short") from None
    except OSError as error:
        raise InputError("data", name, f"cannot be read: {error.strerror}") from None


def check_file(path: Path) -> None:
    """Refuse what is no file."""
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "there is no such file"
        raise InputError("data", str(path), problem)


def opened(path: Path) -> BinaryIO:
    """Open a file, uncompressed."""
    if path.name.lower().endswith(COMPRESSED):
        return gzip.open(path)  # type: ignore[return-value]
    return path.open("rb")


def frame_of(
    name: str, text: TextIO, labels: Sequence[str], formulas: Sequence[str], separator: str = ","
) -> pd.DataFrame:
    """Return the table in a text that can be read twice; see `read_table`."""
    try:
        header = _check_rows(name, text, separator)
        text.seek(0)
        names = [field or place for place, field in enumerate(header, start=1)]
        frame = pd.read_csv(
            text,
            sep=separator,
            names=names,
            header=0,
            dtype=dict.fromkeys(labels, str),
            index_col=False,
            keep_default_na=False,
            low_memory=False,
            na_values=MISSING,
            skipinitialspace=True,
        )
    except (csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        problem = f"cannot be read as CSV: {' '.join(str(error).split())}"
        raise InputError("data", name, problem) from None
    if frame.empty:
        raise InputError("data", name, "has no rows")
    if nameless := [place for place in names if isinstance(place, int)]:
        warn([f"left out what has no name in the header of the file: column {listed(nameless)}"])
        frame = frame.drop(columns=nameless)
    for label in labels:
        if label in frame:
            frame[label] = _as_written(frame[label])
    for column in frame.columns.difference(list(labels), sort=False):
        whole = rf"(?<!\w){re.escape(column)}(?!\w)"
        if any(re.search(whole, formula) for formula in formulas):
            _check_numbers(frame[column])
    return frame


def _check_kind(name: str, start: bytes) -> None:
    """Refuse files that are no text, by how they begin."""
    called = [kind for magic, kind in KINDS.items() if start.startswith(magic)]
    called += ["no text"] if b"\0" in start else []
    if called:
        raise InputError("data", name, f"is {called[0]}: save the table as CSV in UTF-8")


def _check_rows(name: str, file: TextIO, separator: str) -> list[str]:
    """Return the header of a file in which every row has as many fields as the header."""
    rows = csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True)
    filled = (row for row in rows if row not in ([], [""]))  # blank lines do not count
    header = [field.strip() for field in next(filled, [])]
    _check_header(name, header, separator)
    for row in filled:
        if len(row) != len(header):
            between = "a comma" if separator == "," else "a tab"
            problem = (
                f"line {rows.line_num} has {len(row)} fields and the header {len(header)}: put "
                f"texts with {between} in double quotes, and write numbers with a decimal point"
            )
            raise InputError("data", name, problem)
    return header


def _check_header(name: str, header: Sequence[str], separator: str) -> None:
    """Refuse files without a header, with other separators or with two columns of one name."""
    if not any(header):
        raise InputError("data", name, "is empty: it needs a header and rows")
    for other, called in SEPARATORS.items():
        found = sum(field.count(other) for field in header)
        if other != separator and found >= len(header):
            what = SEPARATORS[separator]
            if other == "\t":
                what += f" between columns, or call it {TABS[0]},"
            elif separator == "\t":
                what += " between columns, or call it .csv,"
            else:
                what += " between columns"
            problem = f"seems to be separated by {called}: save it with {what}"
            raise InputError("data", name, f"{problem} and a point in numbers")
    named = [field for field in header if field]
    if twice := sorted({field for field in named if named.count(field) > 1}):
        raise InputError("data", name, f"has two columns called {twice[0]!r}")


def _as_written(labels: pd.Series) -> pd.Series:
    """Return labels as whole numbers if that loses nothing, so that 10 comes after 9.

    Examples
    --------
    >>> _as_written(pd.Series(["10", "9"])).tolist(), _as_written(pd.Series(["007", "9"])).tolist()
    ([10, 9], ['007', '9'])
    """
    known = labels.dropna()
    whole = known.str.fullmatch(r"0|[1-9][0-9]{0,15}").all()
    return labels.astype("Int64") if whole and len(known) == len(labels) else labels


def _check_numbers(column: pd.Series) -> None:
    """Refuse numbers that would be categories: in another notation, or with some other text."""
    if pd.api.types.is_numeric_dtype(column):
        return
    known = column.dropna().astype(str)
    no_number = known[pd.to_numeric(known, errors="coerce").isna()]
    few = ", ".join(map(repr, no_number.drop_duplicates()[:3]))
    if 0 < len(no_number) < len(known) / 2:
        problem = f"is a column of numbers with other text in it ({few}): correct or clear those"
        raise InputError("covariate", column.name, problem)
    if len(known) and known.str.fullmatch(FOREIGN).all():
        problem = (
            f"is text, not numbers ({few}): write numbers with a decimal point, without "
            "separators of thousands and without signs"
        )
        raise InputError("covariate", column.name, problem)
