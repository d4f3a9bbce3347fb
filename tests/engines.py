"""A polars frame as a frame of each library that counts; what is not installed is skipped."""

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest


def duckdb_relation(data: pl.DataFrame, folder: Path) -> Any:
    import duckdb

    return duckdb.connect().read_parquet(parquet(data, folder))


def parquet(data: pl.DataFrame, folder: Path) -> str:
    path = folder / "data.parquet"
    data.write_parquet(path)
    return str(path)


def glob(data: pl.DataFrame, folder: Path) -> Path:
    half = len(data) // 2
    data[:half].write_parquet(folder / "part-1.parquet")
    data[half:].write_parquet(folder / "part-2.parquet")
    return folder / "part-*.parquet"


def dask(data: pl.DataFrame, folder: Path) -> Any:
    import dask.dataframe as dd
    import narwhals as nw

    plain = data.to_pandas()
    # Dask would make text of bools among which some are missing.
    objects = [name for name, column in plain.items() if column.dtype == object]
    lazy = dd.from_pandas(plain.astype(dict.fromkeys(objects, "boolean")), npartitions=3)
    with warnings.catch_warnings():  # that another package will be wanted, which is not there yet
        warnings.simplefilter("ignore", FutureWarning)
        return nw.from_native(lazy)


def ibis(data: pl.DataFrame, folder: Path) -> Any:
    found = pytest.importorskip("ibis")
    return found.duckdb.connect().read_parquet(parquet(data, folder))


def spark(data: pl.DataFrame, folder: Path) -> Any:
    sql = pytest.importorskip("pyspark.sql", reason="PySpark is not installed")
    if shutil.which("java") is None:
        pytest.skip("PySpark needs Java: apt-get install default-jre-headless")
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    return session.read.parquet(f"file://{parquet(data, folder)}")


type Convert = Callable[[pl.DataFrame, Path], Any]

EAGER: dict[str, Convert] = {
    "polars": lambda data, _: data,
    "pandas": lambda data, _: data.to_pandas(),
    "arrow": lambda data, _: data.to_arrow(),
    "nullable": lambda data, _: data.to_pandas().convert_dtypes(),
}
LAZY: dict[str, Convert] = {
    "polars-lazy": lambda data, _: data.lazy(),
    "duckdb": duckdb_relation,
    "parquet": parquet,
    "glob": glob,
    "dask": dask,
    "ibis": ibis,
    "spark": spark,
}
ALL = EAGER | LAZY
