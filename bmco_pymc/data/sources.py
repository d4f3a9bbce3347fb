"""What a study is read from: a frame of any library, or Parquet files by their name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import narwhals as nw

from bmco_pymc.data.frames import opened
from bmco_pymc.errors import InputError

PARQUET = (".parquet", ".parq", ".pq")


def open_source(data: Any) -> nw.DataFrame[Any] | nw.LazyFrame[Any]:
    """Return a frame, or Parquet files read by DuckDB, as a frame of narwhals, still unread.

    Parameters
    ----------
    data : data frame, str or path-like
        A frame of any library that narwhals knows, lazy or eager; or the name of a Parquet file,
        or of several with wildcards, such as ``"data/*.parquet"``.

    Raises
    ------
    InputError
        If it is neither, has two columns of one name, or DuckDB is not installed.
    """
    if not isinstance(data, str | os.PathLike):
        return opened(data)
    name = os.fspath(data)
    if not isinstance(name, str) or not name.lower().endswith(PARQUET):
        problem = (
            f"is a {type(data).__name__}, not a data frame (pandas, polars, ...) or the name of a "
            "Parquet file, such as 'data.parquet' or 'data/*.parquet'; read other files with the "
            "library of your choice, for example pandas.read_csv() or, if they are larger than "
            "memory, duckdb.read_csv()"
        )
        raise InputError("data", data, problem)
    try:
        import duckdb
    except ImportError:
        problem = "Parquet files are read by DuckDB: pip install 'bmco-pymc[large]'"
        raise InputError("data", name, problem) from None
    # A cursor has the settings of the user's session, such as a limit of memory, and does not get
    # into the way of what else is asked in it.
    return opened(duckdb.default_connection().cursor().read_parquet(name))


@contextmanager
def reading(data: Any) -> Iterator[None]:
    """Say of which files it was that something went wrong, if they were given by their name."""
    try:
        yield
    except Exception as error:
        theirs = type(error).__module__.partition(".")[0] in ("duckdb", "_duckdb", "narwhals")
        if not theirs or not isinstance(data, str | os.PathLike):
            raise
        first = str(error).splitlines()[0]
        raise InputError("data", os.fspath(data), f"cannot be read as Parquet: {first}") from None
