"""Rows of another frame as a model's sample knows them: covariates in its types, its clusters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.data.covariates import is_number, read_covariate
from bmco_pymc.data.frames import factorise, listed, text
from bmco_pymc.data.roles import MOST_CHOICES, places_of
from bmco_pymc.errors import InputError
from bmco_pymc.population.subjects import Sample
from bmco_pymc.population.target import rows


@dataclass(frozen=True, eq=False)
class Matched:
    """The rows that can be used.

    Attributes
    ----------
    frame : pandas.DataFrame, shape (n, covariates)
        Of the types that the sample's covariates have.
    cluster : ndarray of intp, shape (n,), or None
        Places in the sample's ``cells.cluster_labels``.
    row : ndarray of intp, shape (n,)
        Where they are in the frame.
    weight : ndarray, shape (n,)
        Of each, as given.
    left_out : tuple of str
        A sentence on the rows that miss a value, if any.
    beyond : tuple of str
        A sentence on each covariate that reaches outside the data.
    """

    frame: pd.DataFrame
    cluster: NDArray[np.intp] | None
    row: NDArray[np.intp]
    weight: NDArray[np.float64]
    left_out: tuple[str, ...]
    beyond: tuple[str, ...]

    @property
    def remarks(self) -> tuple[str, ...]:
        """All that is unusual, in words."""
        return (*self.left_out, *self.beyond)


def match(
    frame: pd.DataFrame,
    weight: NDArray[np.float64],
    sample: Sample,
    *,
    by_cluster: bool = False,
    complete: Sequence[str] = (),
) -> Matched:
    """Return those rows of a frame that have all covariates of a model.

    Parameters
    ----------
    frame : pandas.DataFrame, shape (m, columns)
    weight : ndarray, shape (m,)
        Rows without weight are left out.
    sample : Sample
        The analysed data.
    by_cluster : bool, optional
        Whether the rows are in observed clusters.
    complete : sequence of str, optional
        Further columns that must not miss a value.

    Raises
    ------
    InputError
        If the frame lacks a column, a covariate is a number here and a category there, a category
        or cluster is not in the sample, a number is not finite, or no row has all covariates.

    Examples
    --------
    >>> from bmco_pymc.data.study import Study
    >>> table = pd.DataFrame({"arm": ["a", "b"] * 50, "y": [0, 1, 1, 0] * 25,
    ...                       "age": [30, 50, 40, 40] * 25})
    >>> study = Study(table, "y", group="arm", control="a", treatment="b")
    >>> rows = match(pd.DataFrame({"age": [45, 60, None]}), np.ones(3),
    ...              Sample(study, study.cells(["age"])))
    >>> rows.frame["age"].tolist(), rows.row.tolist()
    ([45.0, 60.0], [0, 1])
    >>> rows.beyond[0]
    'age from 45 to 60 reaches outside the data, which run from 30 to 50, in 50% of the rows'
    """
    cells, cluster_column = sample.cells, str(sample.study.cluster)
    needed = [*sample.covariates, *([cluster_column] if by_cluster else []), *complete]
    for name in needed:
        if name not in frame.columns:
            what = "clusters" if name == cluster_column else "a covariate of the model"
            problem = f"the frame has no such column, which holds {what}"
            raise InputError("frame", name, problem, frame.columns)
    missing = frame[list(dict.fromkeys(needed))].isna()
    counted = weight > 0
    row = np.flatnonzero(counted & ~missing.any(axis=1).to_numpy())
    if not len(row):
        lacking = listed([name for name in missing if missing[name][counted].any()])
        raise InputError("frame", frame, f"no row has a value in each of the columns {lacking}")
    columns = {
        name: _covariate(cells.frame[name], frame[name].iloc[row]) for name in sample.covariates
    }
    own = weight[row]
    cluster = None
    if by_cluster:
        problem = "is no cluster of the study (clusters='new' asks about clusters like those)"
        cluster = _places(frame[cluster_column].iloc[row], cells.cluster_labels, problem)[0]
    weighted = bool(np.ptp(weight))
    left_out = _on_missing(missing[counted], weight[counted], weighted=weighted)
    reach = _on_reach(columns, own, sample, weighted=weighted)
    kept = pd.DataFrame(columns, index=range(len(row)))
    return Matched(kept, cluster, row, own, tuple(left_out), tuple(reach))


def beyond(x: pd.Series, known: pd.Series) -> NDArray[np.bool_]:
    """Return which values of a number lie outside those of the sample, shape (n,)."""
    return ((x < known.min()) | (x > known.max())).to_numpy(dtype=bool)


def _covariate(known: pd.Series, given: pd.Series) -> pd.Series:
    """Return a column without missing values in the type that the sample's has."""
    if is_number(known):
        return _number(given).reset_index(drop=True)
    codes, levels = factorise(known, str(known.name))
    if is_number(given) and not any(places_of(value, levels) for value in given.unique()):
        problem = (
            f"{given.name!r} is a category in the study's data ({listed(levels)}) but numbers in "
            "the frame"
        )
        raise InputError(_called(given), _first(given), problem)
    problem = f"is no category of {given.name!r} among the subjects of the model"
    place = _places(given, levels, problem)[0]
    first = pd.Series(np.arange(len(codes))).groupby(codes).first().to_numpy()  # of each level
    return known.take(first[place]).reset_index(drop=True)


def _number(given: pd.Series) -> pd.Series:
    """Return a column as finite numbers."""
    if pd.api.types.is_bool_dtype(given.dtype) or isinstance(given.dtype, pd.CategoricalDtype):
        read = given
    else:
        read = read_covariate(given, "frame")
    if not is_number(read):
        problem = (
            f"{given.name!r} is a number in the study's data but a category in the frame: make it "
            f"numbers, for example frame[{given.name!r}].astype(float)"
        )
        raise InputError(_called(given), _first(given), problem)
    finite = np.isfinite(read.to_numpy(dtype=float))
    if not finite.all():
        problem = "must be finite, as it is in the study's data"
        raise InputError(_called(given), float(read[~finite].iloc[0]), problem)
    return read


def _places(
    given: pd.Series, levels: Sequence[Any], problem: str
) -> tuple[NDArray[np.intp], tuple[Any, ...]]:
    """Return the place of each label among known ones, and the labels that occur."""
    codes, found = factorise(given, str(given.name))
    behind = [places_of(label, levels) for label in found]
    unknown = [label for label, places in zip(found, behind, strict=True) if not places]
    if unknown:
        more = f"; nor are {listed(unknown[1:])}" if len(unknown) > 1 else ""
        if len(levels) > MOST_CHOICES:
            more += f"; of the {len(levels)} known ones these are the first"
        raise InputError(_called(given), unknown[0], problem + more, levels[:MOST_CHOICES])
    return np.array([places[0] for places in behind], dtype=np.intp)[codes], found


def _called(column: pd.Series) -> str:
    """Return what to call a column in an error."""
    return f"frame[{column.name!r}]"


def _first(column: pd.Series) -> Any:
    """Return the first value of a column as Python has it."""
    value = column.iloc[0]
    return value.item() if isinstance(value, np.generic) else value


def _on_missing(
    missing: pd.DataFrame, weight: NDArray[np.float64], *, weighted: bool
) -> Iterator[str]:
    """Remark on rows that are left out."""
    gone = missing.any(axis=1).to_numpy()
    if gone.any():
        each = ", ".join(f"{n} in {name}" for name, n in missing.sum().items() if n)
        share = f" ({percent(weight[gone].sum() / weight.sum())} of the weight)" if weighted else ""
        whole = rows(len(missing))
        yield f"left out {gone.sum():,} of {whole}{share}, which miss a value: {each}"


def _on_reach(
    columns: dict[Any, pd.Series], weight: NDArray[np.float64], sample: Sample, *, weighted: bool
) -> Iterator[str]:
    """Remark on each covariate that the data do not have, in the words of `Value`."""
    whole = "weight" if weighted else "rows"
    for name, x in columns.items():
        known = sample.cells.frame[name]
        if is_number(known) and (outside := beyond(x, known)).any():
            ends = f"from {text(float(x.min()))} to {text(float(x.max()))}"
            if x.min() == x.max():
                ends = f"= {text(float(x.min()))}"
            data = f"{text(float(known.min()))} to {text(float(known.max()))}"
            share = percent(weight[outside].sum() / weight.sum())
            where = f"which run from {data}, in {share} of the {whole}"
            yield f"{name} {ends} reaches outside the data, {where}"


def percent(share: float) -> str:
    """Return a share in per cent.

    Examples
    --------
    >>> percent(0.5), percent(0.0123), percent(1e-6), percent(0)
    ('50%', '1.2%', 'less than 0.1%', '0%')
    """
    if 0 < share < 0.001:
        return "less than 0.1%"
    return f"{100 * share:.1f}%" if 0 < share < 0.0995 else f"{100 * share:.0f}%"
