"""Priors, and studies with their columns, as plain values for a store, and back, exactly.

Numbers, dates and the codes of categories are arrays of their own; text, nullable and mixed columns
are lists in JSON, as is all that is no column. A column counts as kept only if decoding gives it
back as it was.
"""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.data.frames import factorise, listed, texts
from bmco_pymc.data.remarks import warn
from bmco_pymc.data.roles import places_of
from bmco_pymc.data.study import Study
from bmco_pymc.data.table import COUNTED
from bmco_pymc.errors import InputError, InputWarning
from bmco_pymc.priors import distributions as known
from bmco_pymc.priors.dirichlet import Dirichlet
from bmco_pymc.priors.mixture import Mixture
from bmco_pymc.priors.priors import Priors

type Arrays = dict[str, NDArray[Any]]

_PRIORS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        *(known.Normal, known.HalfNormal, known.Exponential, known.HalfStudentT),
        *(known.InverseWishart, known.LKJ, Dirichlet, Mixture),
    )
}
_ROLES = ("group", "cluster", "counts", "n_input")


def encode_value(argument: str, value: Any) -> Any:
    """Return a prior, or a value in one, in the types that JSON has.

    Raises
    ------
    InputError
        If it is of a type that cannot be stored.

    Examples
    --------
    >>> from bmco_pymc.priors.priors import Normal
    >>> stored = encode_value("beta", Normal(0, covariance=np.eye(2)))
    >>> stored["covariance"]
    {'array': [[1.0, 0.0], [0.0, 1.0]]}
    >>> decode_value(stored).covariance.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def each(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: encode_value(f"{argument}.{name}", item) for name, item in values.items()}

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = type(value).__name__
        if _PRIORS.get(kind) is not type(value):
            problem = f"a {kind} is no prior of bmco_pymc and cannot be stored"
            raise InputError(argument, value, problem)
        return {"prior": kind, **each(made_with(value))}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"mapping": each(value)}
    if isinstance(value, list | tuple):
        items = [encode_value(argument, item) for item in value]
        return {"tuple": items} if isinstance(value, tuple) else items
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise InputError(argument, value, f"a {type(value).__name__} cannot be stored")
    return {"array": array.tolist()}


def decode_value(stored: Any) -> Any:
    """Return what `encode_value` was given; an array-like comes back as a NumPy array."""
    match stored:
        case list():
            return [decode_value(item) for item in stored]
        case {"array": array}:
            return np.array(array)
        case {"tuple": items}:
            return tuple(map(decode_value, items))
        case {"mapping": items}:
            return {key: decode_value(item) for key, item in items.items()}
        case dict():
            fields = {name: decode_value(item) for name, item in stored.items() if name != "prior"}
            if (kind := _PRIORS.get(str(stored["prior"]))) is None:
                problem = "this version of bmco_pymc has no such prior"
                raise InputError("path", stored["prior"], problem)
            return kind(**fields)
    return stored


def encode_priors(priors: Priors) -> dict[str, Any]:
    """Return priors in the types that JSON has."""
    return {name: encode_value(name, value) for name, value in made_with(priors).items()}


def decode_priors(stored: Mapping[str, Any]) -> Priors:
    """Return the priors of `encode_priors`.

    Files from before there were other contrasts than those with the reference do not name them.
    """
    given = {name: decode_value(value) for name, value in stored.items()}
    return Priors(**{"contrasts": "reference", **given})


def made_with(value: Any) -> dict[str, Any]:
    """Return what a dataclass was made with, by name."""
    return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}


def encode_study(study: Study, covariates: Sequence[str]) -> tuple[dict[str, Any], Arrays]:
    """Return a study as plain values and arrays.

    Parameters
    ----------
    study : Study
    covariates : sequence of str
        The columns that the model uses; they must be kept, as must those with a role.

    Raises
    ------
    InputError
        If a column that is used cannot be stored.

    Warns
    -----
    InputWarning
        If a column that is not used cannot be stored: it is left out.
    """
    arrays: Arrays = {"position": study.position}
    columns, left_out = [], []
    used = {*study.outcomes, study.group, study.cluster, study.counts, *covariates}
    for place, (name, column) in enumerate(study.data.items()):
        array, kept = f"column_{place}", None
        if isinstance(name, str):
            kept = encode_column(array, column, arrays)
            if kept is None and name in (study.cluster, *covariates):
                # Of dates, intervals or tuples, what the draws go by is the order and the text.
                codes, values = factorise(column, name)
                category = pd.Categorical.from_codes(codes, pd.Index(texts(values)))
                kept = encode_column(array, pd.Series(category), arrays)
        if kept is not None:
            columns.append({"name": name, "array": array, **kept})
        elif name in used:
            problem = (
                f"the column cannot be stored: its values are {column.dtype}, such as "
                f"{column.iloc[0]!r}; make them numbers, text, dates or categories before the fit"
            )
            raise InputError("study", name, problem)
        else:
            left_out.append(name)
    if left_out:
        warn([f"left out of the store, as they are no plain columns: {listed(left_out)}"])
    levels = factorise(study.data[study.group], "group")[1]
    labels = {r: places_of(getattr(study, r), levels)[0] for r in ("control", "treatment")}
    lists = {"columns": columns, "outcomes": list(study.outcomes), "notes": list(study.notes)}
    lists["missing"] = study.missing
    roles = {role: getattr(study, role) for role in _ROLES}
    counted: dict[str, Any] = {}
    if study.covariates is not None and study._times is not None:
        arrays["times"] = study._times
        names = [name for name in study.not_kept if isinstance(name, str)]
        about = {"covariates": list(study.covariates), "not_kept": names}
        counted["counted"] = {**about, "bins": dict(study.bins), "counts": study._given_counts}
    return {**lists, "labels": labels, **roles, **counted}, arrays


def decode_study(stored: Mapping[str, Any], arrays: Arrays) -> Study:
    """Return the study of `encode_study`, without repeating what it warned of when it was made."""
    columns = {c["name"]: decode_column(c["array"], c, arrays) for c in stored["columns"]}
    data = pd.DataFrame(columns)
    group, cluster, counts, n_input = (stored[role] for role in _ROLES)
    levels = factorise(data[group], "group")[1]
    control, treatment = (levels[stored["labels"][role]] for role in ("control", "treatment"))
    missing = stored.get("missing", "complete")  # as it was before there was a choice
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        study = Study(
            data, stored["outcomes"], group, control, treatment, cluster, counts, missing=missing
        )
    # The store has the analysed rows only: what is known of the input is put back.
    position = arrays["position"].astype(np.intp)
    rising = position.shape == (len(data),) and bool((np.diff(position) > 0).all())
    if type(n_input) is not int or not rising or not 0 <= position[0] <= position[-1] < n_input:
        raise InputError("n_input", n_input, "does not fit to the rows that were analysed")
    notes = tuple(map(str, list(stored["notes"])))
    vars(study).update(position=position, n_input=n_input, notes=notes, _index=None)
    if (counted := stored.get("counted")) is not None:
        _put_back(study, counted, arrays["times"].astype(np.int64))
    return study


def _put_back(study: Study, stored: Mapping[str, Any], times: NDArray[np.int64]) -> None:
    """Put back what is known of an input that was counted."""
    if times.shape != (len(study.data),) or times.min() < 1 or times.sum() > study.n_input:
        raise InputError("times", len(times), "does not fit to the rows that were counted")
    covariates, not_kept, bins = (stored[name] for name in ("covariates", "not_kept", "bins"))
    cut = {name: n if isinstance(n, int) else tuple(n) for name, n in bins.items()}
    study.data.index.name = COUNTED
    vars(study).update(covariates=tuple(covariates), not_kept=tuple(not_kept), bins=cut)
    vars(study).update(_times=times, _given_counts=stored["counts"], _index=study.data.index)


def encode_column(name: str, column: pd.Series, arrays: Arrays) -> dict[str, Any] | None:
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
    made: Arrays = {}
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
    match kept["kind"]:
        case "category":
            categories = pd.Index(decode_column(f"{name}_categories", kept["categories"], arrays))
            codes = arrays[name].tolist()
            return pd.Series(pd.Categorical.from_codes(codes, categories, kept["ordered"]))
        case "time":
            moments = pd.Series(arrays[name].astype(np.int64).view(_dtype(kept["unit"], "mM")))
            return moments.dt.tz_localize("UTC").astype(kept["dtype"]) if kept["zone"] else moments
        case "number":
            return pd.Series(arrays[name].astype(_dtype(kept["dtype"], "biufc")))
        case "values":
            values = json.loads(arrays[name].tobytes().decode())
            return pd.Series(values, dtype=_dtype(kept["dtype"], "O"))
    raise ValueError(f"there is no kind of column {kept['kind']!r}")


def _dtype(name: str, kinds: str) -> Any:
    """Return a type by its name; of NumPy's only those of some kinds, lest a few bytes say much."""
    dtype = pd.api.types.pandas_dtype(name)
    if isinstance(dtype, np.dtype) and dtype.kind not in kinds:
        raise ValueError(f"a column cannot be of type {name!r}")
    return dtype


def _encode(name: str, column: pd.Series, arrays: Arrays) -> dict[str, Any]:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        arrays[name] = column.cat.codes.to_numpy()
        labels = pd.Series(dtype.categories).reset_index(drop=True)
        categories = _encode(f"{name}_categories", labels, arrays)
        return {"kind": "category", "ordered": bool(dtype.ordered), "categories": categories}
    plain = dtype.kind if isinstance(dtype, np.dtype) else ""
    zone = isinstance(dtype, pd.DatetimeTZDtype)
    if zone or plain in ("M", "m"):
        moments = (column.dt.tz_convert("UTC").dt.tz_localize(None) if zone else column).to_numpy()
        arrays[name] = moments.view(np.int64)
        return {"kind": "time", "dtype": str(dtype), "unit": str(moments.dtype), "zone": zone}
    if plain and plain in "biufc":
        arrays[name] = column.to_numpy()
        return {"kind": "number", "dtype": str(dtype)}
    values = column.tolist()
    if not plain:  # in an extension type, missing is missing
        missing = column.isna()
        values = [None if gone else value for gone, value in zip(missing, values, strict=True)]
    text = json.dumps(values, default=_scalar)  # floats keep every digit
    arrays[name] = np.frombuffer(text.encode(), dtype=np.uint8)
    return {"kind": "values", "dtype": str(dtype)}


def _scalar(value: object) -> Any:
    """Return a numpy number as Python's."""
    if isinstance(value, np.bool_ | np.integer | np.floating):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be stored")
