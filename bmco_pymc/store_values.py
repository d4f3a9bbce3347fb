"""Priors and studies as plain values, for a store, and back."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.columns import factorise, listed, texts
from bmco_pymc.distributions import (
    LKJ,
    Dirichlet,
    Exponential,
    HalfNormal,
    HalfStudentT,
    InverseWishart,
    Normal,
)
from bmco_pymc.errors import InputError, InputWarning
from bmco_pymc.priors import Priors
from bmco_pymc.remarks import warn
from bmco_pymc.roles import same
from bmco_pymc.store_columns import Arrays, decode_column, encode_column
from bmco_pymc.study import Study


def encode_value(argument: str, value: Any) -> Any:
    """Return a prior, or a value in one, in the types that JSON has.

    Raises
    ------
    InputError
        If it is of a type that cannot be stored.

    Examples
    --------
    >>> from bmco_pymc.priors import Normal
    >>> stored = encode_value("beta", Normal(0, covariance=np.eye(2)))
    >>> stored["covariance"]
    {'array': [[1.0, 0.0], [0.0, 1.0]]}
    >>> decode_value(stored).covariance.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = type(value).__name__
        if _public(kind) is not type(value):
            problem = f"a {kind} is no prior of bmco_pymc and cannot be stored"
            raise InputError(argument, value, problem)
        fields = [f.name for f in dataclasses.fields(value) if f.init]
        given = {name: encode_value(f"{argument}.{name}", getattr(value, name)) for name in fields}
        return {"prior": kind, **given}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"mapping": {k: encode_value(f"{argument}.{k}", v) for k, v in value.items()}}
    if isinstance(value, list | tuple):
        items = [encode_value(argument, item) for item in value]
        return {"tuple": items} if isinstance(value, tuple) else items
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise InputError(argument, value, f"a {type(value).__name__} cannot be stored")
    return {"array": array.tolist()}


def decode_value(stored: Any) -> Any:
    """Return what `encode_value` was given; an array-like comes back as a NumPy array."""
    if isinstance(stored, list):
        return [decode_value(item) for item in stored]
    if not isinstance(stored, dict):
        return stored
    if "array" in stored:
        return np.array(stored["array"])
    if "tuple" in stored:
        return tuple(decode_value(item) for item in stored["tuple"])
    if "mapping" in stored:
        return {key: decode_value(item) for key, item in stored["mapping"].items()}
    fields = {name: decode_value(item) for name, item in stored.items() if name != "prior"}
    kind = _public(stored["prior"])
    if kind is None:
        raise InputError("path", stored["prior"], "this version of bmco_pymc has no such prior")
    return kind(**fields)


def encode_priors(priors: Priors) -> dict[str, Any]:
    """Return priors in the types that JSON has."""
    fields = dataclasses.fields(priors)
    return {f.name: encode_value(f.name, getattr(priors, f.name)) for f in fields}


def decode_priors(stored: Mapping[str, Any]) -> Priors:
    """Return the priors of `encode_priors`.

    Files from before there were other contrasts than those with the reference do not name them.
    """
    given = {name: decode_value(value) for name, value in stored.items()}
    return Priors(**{"contrasts": "reference", **given})


def _public(name: str) -> type | None:
    """Return the prior of this name."""
    kinds = (Normal, HalfNormal, Exponential, HalfStudentT, InverseWishart, LKJ, Dirichlet)
    return next((kind for kind in kinds if kind.__name__ == name), None)


def encode_study(
    study: Study, covariates: Sequence[str]
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
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
    arrays: dict[str, NDArray[Any]] = {"position": study.position}
    columns, left_out = [], []
    used = {*study.outcomes, study.group, study.cluster, study.counts, *covariates}
    for place, name in enumerate(study.data.columns):
        column = study.data[name]
        kept = None
        if isinstance(name, str):
            kept = encode_column(f"column_{place}", column, arrays)
            if kept is None and name in (study.cluster, *covariates):
                # Of dates, intervals or tuples, what the draws go by is the order and the text.
                codes, values = factorise(column, name)
                category = pd.Categorical.from_codes(codes, pd.Index(texts(values)))
                kept = encode_column(f"column_{place}", pd.Series(category), arrays)
        if kept is not None:
            columns.append({"name": name, "array": f"column_{place}", **kept})
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
    labels = {
        role: next(place for place, level in enumerate(levels) if same(level, label))
        for role, label in (("control", study.control), ("treatment", study.treatment))
    }
    roles = ("group", "cluster", "counts", "n_input")
    return {
        "columns": columns,
        "outcomes": list(study.outcomes),
        "notes": list(study.notes),
        "labels": labels,
        **{role: getattr(study, role) for role in roles},
    }, arrays


def decode_study(stored: Mapping[str, Any], arrays: Arrays) -> Study:
    """Return the study of `encode_study`, without repeating what it warned of when it was made."""
    data = pd.DataFrame(
        {c["name"]: decode_column(c["array"], c, arrays) for c in stored["columns"]}
    )
    levels = factorise(data[stored["group"]], "group")[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        study = Study(
            data,
            stored["outcomes"],
            stored["group"],
            levels[stored["labels"]["control"]],
            levels[stored["labels"]["treatment"]],
            stored["cluster"],
            stored["counts"],
        )
    # The store has the analysed rows only: what is known of the input is put back.
    position, n_input = arrays["position"].astype(np.intp), stored["n_input"]
    rising = position.shape == (len(data),) and bool((np.diff(position) > 0).all())
    if type(n_input) is not int or not rising or not 0 <= position[0] <= position[-1] < n_input:
        raise InputError("n_input", n_input, "does not fit to the rows that were analysed")
    for name, value in {
        "position": position,
        "n_input": n_input,
        "notes": tuple(map(str, list(stored["notes"]))),
        "_index": None,
    }.items():
        object.__setattr__(study, name, value)
    return study
