"""The columns of a data frame as plain arrays and JSON, and back, exactly.

Numbers, dates and the codes of categories are arrays of their own; text, nullable and mixed columns
are lists in JSON. A column counts as kept only if decoding gives it back as it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

type Arrays = Mapping[str, NDArray[Any]]


def encode_column(
    name: str, column: pd.Series, arrays: MutableMapping[str, NDArray[Any]]
) -> dict[str, Any] | None:
    """Put a column into arrays and return what it takes to read it back; None if it cannot be.

    Parameters
    ----------
    name : str
        What to call the array.
    column : pandas.Series, shape (n,)
    arrays : dict of str to ndarray
        Where the values go.

    Examples
    --------
    >>> arrays = {}
    >>> days = pd.Series(pd.Categorical(["tue", "mon"], ["mon", "tue"], ordered=True))
    >>> kept = encode_column("day", days, arrays)
    >>> arrays["day"].tolist(), decode_column("day", kept, arrays).equals(days)
    ([1, 0], True)
    """
    made: dict[str, NDArray[Any]] = {}
    try:
        kept = _encode(name, column, made)
        again = decode_column(name, kept, made)
    except (TypeError, ValueError, OverflowError, AttributeError):
        return None
    if again.dtype != column.dtype or not again.equals(column):
        return None
    arrays.update(made)
    return kept


def decode_column(name: str, kept: Mapping[str, Any], arrays: Arrays) -> pd.Series:
    """Return the column that `encode_column` put into arrays."""
    kind = kept["kind"]
    if kind == "category":
        categories = pd.Index(decode_column(f"{name}_categories", kept["categories"], arrays))
        values = pd.Categorical.from_codes(
            arrays[name].tolist(), categories=categories, ordered=kept["ordered"]
        )
        return pd.Series(values)
    if kind == "time":
        moments = pd.Series(arrays[name].astype(np.int64).view(_dtype(kept["unit"], "mM")))
        return moments.dt.tz_localize("UTC").astype(kept["dtype"]) if kept["zone"] else moments
    if kind == "number":
        return pd.Series(arrays[name].astype(_dtype(kept["dtype"], "biufc")))
    if kind != "values":
        raise ValueError(f"there is no kind of column {kind!r}")
    return pd.Series(text_of(arrays[name]), dtype=_dtype(kept["dtype"], "O"))


def _dtype(name: str, kinds: str) -> Any:
    """Return a type by its name; of NumPy's only those of some kinds, lest a few bytes say much."""
    dtype = pd.api.types.pandas_dtype(name)
    if isinstance(dtype, np.dtype) and dtype.kind not in kinds:
        raise ValueError(f"a column cannot be of type {name!r}")
    return dtype


def _encode(
    name: str, column: pd.Series, arrays: MutableMapping[str, NDArray[Any]]
) -> dict[str, Any]:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        arrays[name] = column.cat.codes.to_numpy()
        labels = pd.Series(dtype.categories).reset_index(drop=True)
        categories = _encode(f"{name}_categories", labels, arrays)
        return {"kind": "category", "ordered": bool(dtype.ordered), "categories": categories}
    zone = isinstance(dtype, pd.DatetimeTZDtype)
    if zone or (isinstance(dtype, np.dtype) and dtype.kind in "Mm"):
        moments = column.dt.tz_convert("UTC").dt.tz_localize(None) if zone else column
        plain = moments.to_numpy()
        arrays[name] = plain.view(np.int64)
        return {"kind": "time", "dtype": str(dtype), "unit": str(plain.dtype), "zone": zone}
    if isinstance(dtype, np.dtype) and dtype.kind in "biufc":
        arrays[name] = column.to_numpy()
        return {"kind": "number", "dtype": str(dtype)}
    values = column.tolist()
    if not isinstance(dtype, np.dtype):  # in an extension type, missing is missing
        missing = column.isna()
        values = [None if gone else value for gone, value in zip(missing, values, strict=True)]
    arrays[name] = bytes_of(values)
    return {"kind": "values", "dtype": str(dtype)}


def bytes_of(value: Any) -> NDArray[np.uint8]:
    """Return plain Python values as JSON in an array of bytes; floats keep every digit.

    Raises
    ------
    TypeError
        If a value is of a type that JSON does not know.
    """
    text = json.dumps(value, default=_scalar, ensure_ascii=True)
    return np.frombuffer(text.encode(), dtype=np.uint8)


def text_of(array: NDArray[np.uint8]) -> Any:
    """Return the values in an array of `bytes_of`."""
    return json.loads(array.tobytes().decode())


def _scalar(value: object) -> Any:
    """Return a numpy number as Python's."""
    if isinstance(value, np.bool_ | np.integer | np.floating):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be stored")
