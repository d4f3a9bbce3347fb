"""A CSV file as a data frame, read with care for what spreadsheets and people do to values."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bmco_pymc.errors import InputError

# "None" is not among them: it is what many a control group is called.
MISSING = ["", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "."]


def read_table(path: Path, labels: Sequence[str], formulas: Sequence[str]) -> pd.DataFrame:
    """Return a CSV file with a header as a data frame.

    Parameters
    ----------
    path : Path
    labels : sequence of str
        Columns of labels (group, cluster), which are kept as written: ``007`` is not ``7``.
    formulas : sequence of str
        Whose columns of numbers must be numbers throughout.

    Raises
    ------
    InputError
        If there is no such file, it cannot be read as a table separated by commas, it has two
        columns of one name or no rows, or a column of a formula mixes numbers and other text.
    """
    name = str(path)
    if not path.is_file():
        raise InputError("data", name, "is a folder" if path.is_dir() else "there is no such file")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = [field.strip() for field in next(csv.reader(file), [])]
        _check_header(name, header)
        frame = pd.read_csv(
            path,
            dtype=dict.fromkeys(labels, str),
            encoding="utf-8-sig",
            keep_default_na=False,
            low_memory=False,
            na_values=MISSING,
            skipinitialspace=True,
        )
    except UnicodeDecodeError:
        raise InputError("data", name, "is not text in UTF-8: save it as CSV in UTF-8") from None
    except (csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        problem = f"cannot be read as CSV: {' '.join(str(error).split())}"
        raise InputError("data", name, problem) from None
    except OSError as error:
        raise InputError("data", name, f"cannot be read: {error.strerror}") from None
    frame = frame.rename(columns=lambda column: str(column).strip())
    if frame.empty:
        raise InputError("data", name, "has no rows")
    for label in labels:
        if label in frame:
            frame[label] = _as_written(frame[label])
    for column in frame:
        if any(str(column) in formula for formula in formulas):
            _check_numbers(frame[column])
    return frame


def _check_header(name: str, header: Sequence[str]) -> None:
    """Refuse files without a header, with other separators or with two columns of one name."""
    if not any(header):
        raise InputError("data", name, "is empty: it needs a header and rows")
    for separator, called in ((";", "';'"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            problem = f"seems to be separated by {called}: save it with commas between columns"
            raise InputError("data", name, problem)
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
    """Refuse a column that is mostly numbers with some other text, which would be categories."""
    if pd.api.types.is_numeric_dtype(column):
        return
    known = column.dropna().astype(str)
    no_number = known[pd.to_numeric(known, errors="coerce").isna()]
    if 0 < len(no_number) < len(known) / 2:
        few = ", ".join(map(repr, no_number.drop_duplicates()[:3]))
        problem = f"is a column of numbers with other text in it ({few}): correct or clear those"
        raise InputError("covariate", column.name, problem)
