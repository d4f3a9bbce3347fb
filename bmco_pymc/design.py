"""From formulas to design matrices, for the sample and for any other group and covariate values."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.cells import Cells
from bmco_pymc.errors import InputError
from bmco_pymc.interrupts import load
from bmco_pymc.remarks import warn
from bmco_pymc.study import Study

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Design:
    """The joint design [X Z] of a model: what its formulas mean, learnt once from the sample.

    A term of the random formula is taken out of the fixed part, the intercept too: its mean over
    the clusters is a coefficient of the random part. Categories are coded as one joint formula
    would code them, and terms that learn from data (splines, ``scale()``) learn from the analysed
    subjects, so they mean the same for every covariate value asked about later.

    Attributes
    ----------
    terms : tuple of str
        Labels of the P fixed columns.
    random_terms : tuple of str
        Labels of the p random columns; empty without a random formula.
    covariates : tuple of str
        The data columns that the formulas use, without the group.
    group : str
        The group's column, which enters every formula as the number 0 (control) or 1 (treatment).
    """

    terms: tuple[str, ...]
    random_terms: tuple[str, ...]
    covariates: tuple[str, ...]
    group: str
    _spec: Any
    _random: NDArray[np.bool_]  # (P + p,) which columns of the joint design are random

    def matrices(self, frame: pd.DataFrame, arm: Any) -> tuple[Array, Array]:
        """Return X (n, P) and Z (n, p) for covariate values in given groups.

        Parameters
        ----------
        frame : pandas.DataFrame, shape (n, covariates)
            Covariate values.
        arm : int or array_like of int, shape (n,)
            The group: 0 for the control, 1 for the treatment.

        Raises
        ------
        InputError
            If a term has no value there, such as a spline outside its boundary knots.
        """
        frame = _plain_categories(frame).assign(**{self.group: np.asarray(arm, float)})
        joint = _evaluate(self._spec, frame)
        return joint[:, ~self._random], joint[:, self._random]

    def uses_group(self) -> bool:
        """Whether the group enters any term."""
        return self.group in self._spec.required_variables


def make_design(study: Study, fixed: str, random: str | None = None) -> tuple[Design, Cells]:
    """Read the formulas, gather the sample into cells and learn the design from it.

    Parameters
    ----------
    study : Study
        The data and its roles.
    fixed, random : str
        Right-hand sides of Wilkinson formulas, for example ``"method * age"``; names with spaces
        stand in backticks. Without ``random`` there are no clusters in the cells.

    Returns
    -------
    Design, Cells

    Raises
    ------
    InputError
        If a formula cannot be read, names an unknown column or an outcome, or a covariate is
        constant or not finite.
    """
    fixed_terms = _terms("fixed", fixed)
    random_terms = [] if random is None else _terms("random", random)
    joint = [*fixed_terms, *(t for t in random_terms if t not in fixed_terms)]
    if not joint:
        raise InputError("fixed", fixed, "the model has no term")
    used = _columns(study, {"fixed": (fixed, fixed_terms), "random": (random, random_terms)})
    covariates = tuple(name for name in used if name != study.group)
    cells = study.cells(covariates, by_cluster=random is not None)
    _check_covariates(cells)

    frame = _plain_categories(cells.frame).assign(**{study.group: cells.arm.astype(float)})
    spec = _learn(joint, frame)
    if spec.transform_state:  # splines and scale() learn from subjects, not from cells
        spec = _learn(joint, frame.loc[np.repeat(np.arange(len(cells)), cells.weight)])
    columns = np.zeros(len(spec.column_names), dtype=bool)
    for term, places in spec.term_indices.items():
        columns[list(places)] = term in random_terms
    labels = np.array(_labels(spec), dtype=object)
    design = Design(
        terms=tuple(labels[~columns]),
        random_terms=tuple(labels[columns]),
        covariates=covariates,
        group=study.group,
        _spec=spec,
        _random=columns,
    )
    if not design.uses_group():
        what = (
            f"The group {study.group!r} is in no term: both groups will have equal probabilities."
        )
        warn([what])
    _warn_if_confounded(cells)
    return design, cells


def _terms(argument: str, formula: str) -> list[Any]:
    """Return the terms of a one-sided formula."""
    load("formulaic")
    from formulaic import Formula, SimpleFormula
    from formulaic.errors import FormulaicError

    if not isinstance(formula, str):
        raise InputError(argument, formula, "must be a formula in text, such as 'method * age'")
    try:
        parsed = Formula(formula)
    except FormulaicError as error:
        plain = str(error).splitlines()[0]
        raise InputError(argument, formula, f"is not a formula that can be read: {plain}") from None
    if not isinstance(parsed, SimpleFormula):
        raise InputError(argument, formula, "takes the right-hand side only: no '~' and no '|'")
    return list(parsed)


def _columns(study: Study, formulas: dict[str, tuple[str | None, list[Any]]]) -> list[str]:
    """Return the data columns that the terms use, in the order of the data."""
    used: set[str] = set()
    choices = [c for c in study.data.columns if c not in (*study.outcomes, study.counts)]
    for argument, (formula, terms) in formulas.items():
        for name in sorted({n for term in terms for f in term.factors for n in _names(f, choices)}):
            if name in study.outcomes:
                raise InputError(argument, formula, f"{name!r} is an outcome, not a covariate")
            if name not in choices:
                raise InputError(argument, formula, f"there is no column {name!r}", choices)
            used.add(name)
    return [name for name in study.data.columns if name in used]


def _names(factor: Any, columns: Iterable[str]) -> set[str]:
    """Return the names that a factor reads, leaving out those of functions and modules.

    formulaic knows them only once a factor is evaluated: before, it misses those in ``bs()``.
    """
    expression, method = factor.expr, factor.eval_method.value
    if method == "literal":
        return set()
    if method == "lookup":
        return {expression}
    quoted = re.findall(r"`([^`]*)`", expression)
    tree = ast.parse(re.sub(r"`[^`]*`", "_quoted_", expression), mode="eval")
    called = {
        part.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call | ast.Attribute)
        for part in ast.walk(node.func if isinstance(node, ast.Call) else node.value)
        if isinstance(part, ast.Name)
    }
    plain = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {"_quoted_"}
    return {*quoted, *(plain - (called - set(columns)))}


def _check_covariates(cells: Cells) -> None:
    for name, column in cells.frame.items():
        if pd.api.types.is_numeric_dtype(column) and not np.isfinite(column.astype(float)).all():
            raise InputError("covariate", name, "has infinite values")
        if column.nunique() < 2:
            raise InputError("covariate", name, f"is constant: every value is {column.iloc[0]}")


def _warn_if_confounded(cells: Cells) -> None:
    """Warn when a covariate nearly tells the group, so that the two cannot be told apart."""
    for name, column in cells.frame.items():
        if not pd.api.types.is_numeric_dtype(column):
            continue
        both = np.cov(cells.arm, column.astype(float), fweights=cells.weight)
        r = both[0, 1] / np.sqrt(both[0, 0] * both[1, 1])
        if abs(r) > 0.9:
            what = (
                f"Group and covariate {name!r} are nearly the same (correlation {r:.2f}): their "
                "effects can hardly be told apart, and the prior decides between them."
            )
            warn([what])


def _plain_categories(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop categories that no subject has; they would make columns of zeros."""
    return frame.assign(
        **{
            str(name): column.cat.remove_unused_categories()
            for name, column in frame.items()
            if isinstance(column.dtype, pd.CategoricalDtype)
        }
    )


def _learn(terms: Iterable[Any], frame: pd.DataFrame) -> Any:
    """Return formulaic's model specification of the terms, learnt from a frame."""
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    try:
        matrix = Formula(list(terms)).get_model_matrix(
            frame, output="numpy", na_action="ignore", context={}
        )
    except FormulaicError as error:
        raise InputError("fixed", [str(t) for t in terms], _one_line(error)) from None
    _check_finite(np.asarray(matrix, float), _labels(matrix.model_spec))
    return matrix.model_spec


def _evaluate(spec: Any, frame: pd.DataFrame) -> Array:
    from formulaic.errors import FormulaicError

    try:
        matrix = spec.get_model_matrix(frame, na_action="ignore", context={})
    except FormulaicError as error:
        raise InputError("population", "these covariate values", _one_line(error)) from None
    joint = np.asarray(matrix, dtype=float).reshape(len(frame), -1)
    _check_finite(joint, _labels(spec))
    return joint


def _check_finite(matrix: Array, labels: list[str]) -> None:
    for label, column in zip(labels, matrix.T, strict=True):
        if not np.isfinite(column).all():
            raise InputError("covariate", label, "has no finite value for some covariate values")


def _labels(spec: Any) -> list[str]:
    """Return the column labels; a covariate called Intercept is told from the constant."""
    labels = []
    for label in map(str, spec.column_names):
        labels.append(f"`{label}`" if label in labels else label)
    return labels


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
