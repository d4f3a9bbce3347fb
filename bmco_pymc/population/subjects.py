"""What populations know of the analysed sample: its covariates, and who meets a condition."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.arguments import EFFECT, real
from bmco_pymc.data.cells import Cells
from bmco_pymc.data.covariates import is_number, numbers_as_such
from bmco_pymc.data.frames import factorise, listed
from bmco_pymc.data.roles import places_of
from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError
from bmco_pymc.population.conditions import meets
from bmco_pymc.population.values import Empirical, Name, Population, Range, Value, argument, given


@dataclass(frozen=True, eq=False)
class Sample:
    """The analysed data of one model.

    Parameters
    ----------
    study : Study
    cells : Cells
        The study's cells for the covariates of the model.

    Examples
    --------
    >>> table = pd.DataFrame({"arm": ["a", "b"] * 50, "y": [0, 1, 1, 0] * 25,
    ...                       "age": [30, 50, 40, 40] * 25})
    >>> study = Study(table, "y", group="arm", control="a", treatment="b")
    >>> sample = Sample(study, study.cells(["age"]))
    >>> mean, sd = sample.moments("age")
    >>> mean, round(sd, 3)
    (40.0, 7.107)
    >>> sample.subjects(Empirical(age=(35, 45))).tolist()
    [0, 25, 25, 0]
    """

    study: Study
    cells: Cells

    @property
    def covariates(self) -> tuple[Any, ...]:
        """Names of the covariates of the model, without the group."""
        return tuple(self.cells.frame.columns)

    def named(self, population: Population) -> dict[Name, Any]:
        """Return the covariate behind each name in a population, None being the only one.

        Raises
        ------
        InputError
            If a name is no covariate of the model, or a value or range has no name and the model
            has no covariate or several.
        """
        known = self.covariates
        behind: dict[Name, Any] = {}
        for name, what in given(population):
            if name is None and len(known) != 1:
                problem = "the model has no covariate"
                if known:
                    example = f"{type(population).__name__}({known[0]}=...)"
                    problem = f"say of which covariate this is, as in {example}"
                role = "value" if isinstance(population, Value) else "range"
                raise InputError(role, what, problem, known or None)
            if name is not None and name not in known:
                problem = "is no covariate of the model"
                if name in EFFECT:
                    problem += f"; if the question is meant: fit.effect(population, {name}=...)"
                raise InputError(str(name), what, problem, known)
            behind[name] = known[0] if name is None else name
        return behind

    def moments(self, covariate: Hashable) -> tuple[float, float]:
        """Return the mean and SD (n - 1) of a covariate over all subjects.

        Raises
        ------
        InputError
            If the covariate is a category or constant.
        """
        column = self.cells.frame[covariate]
        if not is_number(column):
            problem = "is a category, which has no normal distribution; use Value or Empirical"
            raise InputError("Analytical", covariate, problem)
        x, weight = column.to_numpy(dtype=float), self.cells.weight
        mean = float(np.average(x, weights=weight))
        squares = float(weight @ (x - mean) ** 2)
        if not 0 < squares < math.inf:
            raise InputError("Analytical", covariate, "is constant or infinite: no SD to go by")
        return mean, math.sqrt(squares / (float(weight.sum()) - 1))

    def level(self, name: Name, covariate: Hashable, value: Any) -> Any:
        """Return a value of a covariate as the data has it.

        Raises
        ------
        InputError
            If it is no finite number, or not among the categories.
        """
        column = self.cells.frame[covariate]
        if is_number(column):
            if math.isfinite(real(value)):
                return float(value)
            problem, levels = f"must be a finite number, as {covariate!r} is", None
        else:
            levels = factorise(column, str(covariate))[1]
            if places := places_of(value, levels):
                return levels[places[0]]
            problem = f"is not in the data; {covariate!r} is a category"
        raise InputError(argument("value", name), value, problem, levels)

    def subjects(self, population: Population) -> NDArray[np.int64]:
        """Return the number of subjects of each cell that a population is about, shape (n,).

        Value and Analytical are about all of them: for their other covariates and their clusters.

        Raises
        ------
        InputError
            If a range is of a category, a query cannot be evaluated or a mask does not fit.
        """
        cells = self.cells
        if not isinstance(population, Empirical):
            return cells.weight
        meant = np.ones(len(cells.row), dtype=bool)  # (m,) rows of the study in a cell
        behind = self.named(population)
        for name, bounds in population.ranges:
            meant &= self._in_range(name, behind[name], bounds)[cells.cell]
        if population.query is not None:
            rows = self.study.data.iloc[cells.row]
            objects = [name for name, column in rows.items() if column.dtype == object]
            plain = {str(name): numbers_as_such(rows[name]) for name in objects}
            meant &= meets(population.query, rows.assign(**plain))
        if population.mask is not None:
            meant &= self._masked(population)[self.study.position[cells.row]]
        weight = self.study.weight[cells.row] * meant
        return np.bincount(cells.cell, weights=weight, minlength=len(cells)).astype(np.int64)

    def _masked(self, population: Empirical) -> NDArray[np.bool_]:
        """Return which rows of the study's input, or of what was counted, a mask means."""
        mask, labels, index = population.mask, population._labels, self.study._index
        assert mask is not None
        if self.study.covariates is not None:
            known = labels is not None and index is not None and labels.equals(index)
            if known and labels.name == index.name:  # type: ignore[union-attr]
                return mask
            problem = (
                "goes by the rows of the input, which was counted: choose subjects by a condition, "
                "Empirical(query=...), or by a Series with the index of study.data"
            )
            raise InputError("mask", mask, problem)
        if len(mask) != self.study.n_input:
            problem = f"must have one entry for each of the {self.study.n_input} input rows"
            raise InputError("mask", mask, f"{problem}, not {len(mask)}")
        if labels is None or (index is not None and labels.equals(index)):
            return mask
        masked = pd.Series(mask, labels)
        if index is None:
            problem = "is a Series, but a file keeps no index of the data to read it by"
        elif not (index.is_unique and labels.is_unique):
            problem = "is a Series, but its index or that of the data has a label twice"
        elif len(index.difference(labels, sort=False)):
            problem = "is a Series with other labels in its index than those of the data"
        else:
            return masked.reindex(index).to_numpy(dtype=bool)
        problem += ": give an array in the order of the rows, such as mask.to_numpy()"
        raise InputError("mask", masked, problem)

    def _in_range(self, name: Name, covariate: Hashable, bounds: Range) -> NDArray[np.bool_]:
        """Return which cells have a covariate in a range, bounds included, shape (n,)."""
        column = self.cells.frame[covariate]
        if not is_number(column):
            levels = listed(factorise(column, str(covariate))[1])
            problem = f"{covariate!r} is a category ({levels}) and has no ranges; choose subjects "
            problem += "by a condition: Empirical(query=...)"
            raise InputError(argument("range", name), bounds, problem)
        if self.study.data[covariate].dtype in ("float32", "Float32", "float[pyarrow]"):
            bounds = (float(np.float32(bounds[0])), float(np.float32(bounds[1])))
        return column.between(*bounds).to_numpy(dtype=bool)
