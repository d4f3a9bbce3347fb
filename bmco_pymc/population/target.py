"""Another population than the sample: the rows of a frame that has the covariates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.data.covariates import is_number, numbers_as_such
from bmco_pymc.data.frames import listed, text, to_pandas
from bmco_pymc.errors import InputError

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Target:
    """Both groups over the rows of another frame: a registry, a census, a screening log.

    It carries a study's result over to those who will be treated. That holds as far as the model
    does: effects differ with its covariates only, and as it says.

    Parameters
    ----------
    frame : data frame, shape (n, columns)
        A row for each person, or for each kind of person with ``weights``; pandas, polars or any
        other frame that narwhals knows. It has the covariates of the model, by their names, and for
        observed clusters the study's column of clusters. Other columns are not used, that of the
        group neither: all rows are averaged over under both. Rows that miss a covariate are left
        out with a warning when the population is used.
    weights : str, optional
        A column of counts or sampling weights; rows without weight stand for nobody.

    Attributes
    ----------
    frame : pandas.DataFrame, shape (n, columns)
        A copy, numbered from 0.
    weights : str or None
    weight : ndarray, shape (n,)
        Of each row; 1 without ``weights``.

    Raises
    ------
    InputError
        If ``frame`` is no data frame or has no rows, or the weights are no column of numbers of at
        least 0, some of them above it.

    See Also
    --------
    bmco_pymc.Fit.overlap : How far the target is from the sample.

    References
    ----------
    Stuart, Cole, Bradshaw & Leaf (2011), https://doi.org/10.1111/j.1467-985X.2010.00673.x

    Examples
    --------
    >>> import pandas as pd
    >>> import bmco_pymc as bmco
    >>> census = pd.DataFrame({"sex": ["f", "m"], "age": [48.0, 51.0], "people": [3100, 2900]})
    >>> bmco.Target(census, weights="people")
    Target(<2 rows of 'sex', 'age', 'people'>, weights='people')
    """

    frame: pd.DataFrame
    weights: str | None
    weight: NDArray[np.float64]

    def __init__(self, frame: IntoFrame, weights: str | None = None) -> None:
        try:
            table = to_pandas(frame)
        except InputError as error:
            raise error.renamed({"data": "frame"}) from None
        weight = np.ones(len(table)) if weights is None else _read_weights(table, weights)
        weight.flags.writeable = False
        kept = table.copy().reset_index(drop=True)
        vars(self).update(frame=kept, weights=weights, weight=weight)

    @property
    def words(self) -> str:
        """What it is, in words.

        Examples
        --------
        >>> import pandas as pd
        >>> import bmco_pymc as bmco
        >>> bmco.Target(pd.DataFrame({"sex": ["f", "m"], "n": [31, 29]}), "n").words
        "2 rows of the target weighted by 'n', in sum 60"
        """
        return row_words(self, int((self.weight > 0).sum()), float(self.weight.sum()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Target):
            return NotImplemented
        return self.weights == other.weights and self.frame.equals(other.frame)

    def __hash__(self) -> int:
        return hash((self.weights, self.frame.shape, tuple(map(str, self.frame.columns))))

    def __repr__(self) -> str:
        more = "" if self.weights is None else f", weights={self.weights!r}"
        return f"Target(<{rows(len(self.frame))} of {listed(list(self.frame), most=6)}>{more})"


def rows(number: int) -> str:
    """Return a number of rows in words.

    Examples
    --------
    >>> rows(1), rows(12345)
    ('1 row', '12,345 rows')
    """
    return f"{number:,} row{'' if number == 1 else 's'}"


def row_words(target: Target, number: int, total: float) -> str:
    """Return so many rows of a target, and their weight, in words."""
    words = f"{rows(number)} of the target"
    if target.weights is None:
        return words
    whole = f"{total:,.0f}" if float(total).is_integer() and total < 1e15 else f"{total:.6g}"
    return f"{words} weighted by {text(target.weights)!r}, in sum {whole}"


def _read_weights(frame: pd.DataFrame, weights: Any) -> NDArray[np.float64]:
    """Return the weight of each row, shape (n,)."""
    if not isinstance(weights, str) or weights not in frame.columns:
        raise InputError("weights", weights, "is no column of the frame", frame.columns)
    column = numbers_as_such(frame[weights])
    missing = int(column.isna().sum())
    if missing:
        problem = f"has no value in {missing} of {rows(len(frame))}: give these 0, or leave them"
        raise InputError("weights", weights, f"{problem} out")
    if not is_number(column):
        raise InputError("weights", weights, "the column does not hold numbers")
    values = column.to_numpy(dtype=np.float64, copy=True)
    wrong = ~((values >= 0) & np.isfinite(values))
    if wrong.any():
        problem = f"weights must be finite numbers of at least 0, but one is {values[wrong][0]:g}"
        raise InputError("weights", weights, problem)
    with np.errstate(over="ignore"):
        total = values.sum()
    if not 0 < total < np.inf:
        what = "the sum is not finite" if total else "no row has a weight above 0"
        raise InputError("weights", weights, what)
    return values
