"""From formulas to design matrices, for the sample and for any other group and covariate values."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.data.cells import Cells
from bmco_pymc.data.remarks import warn
from bmco_pymc.data.roles import how_to_keep
from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError
from bmco_pymc.interrupts import load
from bmco_pymc.terms import identifiability
from bmco_pymc.terms.functions import CONTEXT
from bmco_pymc.terms.grammar import check_formula, check_size, names_in
from bmco_pymc.terms.learning import Weight, transforms
from bmco_pymc.terms.names import Aliased, alias

type Array = NDArray[np.float64]

_WHOLE = re.compile(r"(\[(?:[TSD]\.)?-?\d+)\.0\]")


@dataclass(frozen=True, eq=False)
class Terms:
    """The joint design [X Z] of a model: what its formulas mean, learnt once from the sample.

    A term of the random formula is taken out of the fixed part, the intercept too: its mean over
    the clusters is a coefficient of the random part. Categories are coded as one joint formula
    would code them, and terms that learn from data (splines, ``scale()``) learn from the analysed
    subjects, so they mean the same for every covariate value asked about later.

    Attributes
    ----------
    fixed : tuple of str
        Labels of the P fixed columns.
    random : tuple of str
        Labels of the p random columns; empty without a random formula.
    covariates : tuple of str
        The data columns that the formulas use, without the group.
    group : str
        The group's column, which enters every formula as the number 0 (control) or 1 (treatment).
    """

    fixed: tuple[str, ...]
    random: tuple[str, ...]
    covariates: tuple[str, ...]
    group: str
    _spec: Any
    _random: NDArray[np.bool_]  # (P + p,) which columns of the joint design are random
    _names: Aliased  # what the formulas call the columns
    _known: tuple[Cells, Array, Array] | None = None  # X and Z of these cells, if kept

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
        if self._known is not None and frame is self._known[0].frame and arm is self._known[0].arm:
            return self._known[1:]
        joint = _evaluate(self._spec, _readable(frame, self.group, arm, self._names), self._names)
        return joint[:, ~self._random], joint[:, self._random]

    def with_matrices(self, cells: Cells, X: Array, Z: Array) -> Terms:
        """Return this design with X (n, P) and Z (n, p) of its cells as they were computed before.

        On another processor, exp and powers may differ in the last digits.
        """
        return dataclasses.replace(self, _known=(cells, X, Z))

    @property
    def learns(self) -> bool:
        """Whether a term learns numbers from the data, as ``scale()`` and splines do."""
        return any(self._spec.transform_state.values())

    def uses_group(self) -> bool:
        """Whether the group enters any term."""
        return self._names.aliases.get(self.group, self.group) in self._spec.required_variables


def make_terms(study: Study, fixed: str, random: str | None = None) -> tuple[Terms, Cells]:
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
    Terms, Cells

    Raises
    ------
    InputError
        If a formula cannot be read, names an unknown column or an outcome, a covariate is constant
        or not finite, or terms cannot be told apart.

    Warns
    -----
    InputWarning
        If a category has more levels than a tenth of the subjects, terms can hardly be told apart,
        or the group is in no term.
    """
    if random is not None and study.cluster is None:
        what = "the study has no clusters: give it `cluster=`, or use BGLM"
        raise InputError("study", "Study(cluster=None)", what)
    columns = list(study.data.columns)
    choices = [c for c in columns if c not in (*study.outcomes, study.counts)]
    given = {"fixed": fixed} if random is None else {"fixed": fixed, "random": random}
    aliased = {
        part: _aliased(study, part, formula, columns, choices) for part, formula in given.items()
    }
    names = Aliased("", {k: v for part in aliased.values() for k, v in part.names.items()})
    terms_of = {part: _terms(part, formula, aliased[part]) for part, formula in given.items()}
    random_terms = terms_of.get("random", [])
    if random is not None and not random_terms:
        what = "has no term, so nothing varies between clusters: take '1', or use BGLM"
        raise InputError("random", random, what)
    joint = list(dict.fromkeys([*terms_of["fixed"], *random_terms]))
    if not joint:
        raise InputError("fixed", fixed, "the model has no term")
    used: set[str] = set()
    for argument, parsed in terms_of.items():
        used |= _columns(study, argument, given[argument], parsed, names, choices)
    covariates = tuple(name for name in columns if name in used and name != study.group)
    cells = study.cells(covariates, by_cluster=random is not None)
    identifiability.check_covariates(cells)

    frame = _readable(cells.frame, study.group, cells.arm, names)
    check_size(joint, frame)
    spec = _learn(joint, frame, cells.weight, names, fixed)
    varies = np.zeros(len(spec.column_names), dtype=bool)
    term_of = np.empty(len(varies), dtype=object)
    for term, places in spec.term_indices.items():
        varies[list(places)] = term in random_terms
        term_of[list(places)] = names.named(str(term)) if str(term) != "1" else "Intercept"
    labels = np.array(_labels(spec, names), dtype=object)
    parts = tuple(labels[~varies]), tuple(labels[varies])
    terms = Terms(*parts, covariates, study.group, spec, varies, names)
    if not terms.uses_group():
        equal = "both groups will have equal probabilities"
        warn([f"The group {study.group!r} is in no term: {equal}."])
    X, Z = terms.matrices(cells.frame, cells.arm)
    sources = [*term_of[~varies], *term_of[varies]]  # the formula's term of each column
    warn(identifiability.inseparable(np.hstack([X, Z]), sources, fixed))
    if random is not None:
        warn(identifiability.alike_clusters(X, Z, sources, cells, fixed, study.group))
    warn(identifiability.confounded(cells))
    warn(identifiability.many_levels(spec, names, int(cells.weight.sum())))
    return terms, cells


def _aliased(
    study: Study, argument: str, formula: object, columns: list[Any], choices: list[Any]
) -> Aliased:
    """Return a formula in which every column is a plain word."""
    load("formulaic")
    if not isinstance(formula, str):
        raise InputError(argument, formula, "must be a formula in text, such as 'method * age'")
    names = alias(columns, formula)
    if names.unknown:
        raise InputError(argument, formula, _no_column(study, names.unknown[0]), choices)
    try:
        check_formula(argument, names.text)
    except InputError as error:
        problem = names.named(error.problem)
        raise InputError(argument, formula, problem, error.choices) from None
    return names


def _terms(argument: str, formula: str, names: Aliased) -> list[Any]:
    """Return the terms of a one-sided formula."""
    from formulaic import Formula

    try:
        parsed = list(Formula(names.text))
    except Exception as error:  # formulaic passes on whatever Python raises
        problem = f"is not a formula that can be read: {_said(error, names)}"
        raise InputError(argument, formula, problem) from None
    for term in parsed:
        if len(term.factors) > 1 and any(f.eval_method.value == "literal" for f in term.factors):
            what = (
                f"{names.named(str(term))!r} is a number times a column: write I(2 * x) for that. "
                "(Clusters are named once, in Study(cluster=...), and random='1' is an intercept "
                "that varies between them)"
            )
            raise InputError(argument, formula, what)
    return parsed


def _columns(
    study: Study, argument: str, formula: str, terms: list[Any], names: Aliased, choices: list[Any]
) -> set[str]:
    """Return the data columns that terms use."""
    read = {n for term in terms for f in term.factors for n in names_in(f)}
    used = {names.names.get(n, n) for n in read}
    for name in sorted(used):
        if name in study.outcomes:
            raise InputError(argument, formula, f"{name!r} is an outcome, not a covariate")
        if name not in choices:
            raise InputError(argument, formula, _no_column(study, name), choices)
        if argument == "random" and name == study.cluster:
            what = f"{name!r} names the clusters: random takes what varies between them"
            raise InputError(argument, formula, what, ["1", f"1 + {study.group}"])
    return used


def _no_column(study: Study, name: str) -> str:
    """Return what is wrong with the name of a column."""
    if name in study.not_kept:
        return f"{name!r} {how_to_keep(name)}"
    return f"there is no column {name!r}"


def _readable(frame: pd.DataFrame, group: str, arm: Any, names: Aliased) -> pd.DataFrame:
    """Return covariates and group as formulas read them.

    Categories that no subject has are dropped: they would make columns of zeros. True and false
    are 1 and 0, or ``I(a + b)`` would mean "a or b". Columns have the names of the formulas.
    """
    columns: dict[str, Any] = {group: np.asarray(arm, float)}
    for name, column in frame.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            columns[str(name)] = column.cat.remove_unused_categories()
        elif column.dtype == bool:
            columns[str(name)] = column.astype(float)
    return frame.assign(**columns).rename(columns=names.aliases)


def _learn(
    terms: list[Any], frame: pd.DataFrame, weight: Weight, names: Aliased, formula: str
) -> Any:
    """Return formulaic's specification of the terms, learnt from rows of so many subjects."""
    from formulaic import Formula

    try:
        context = {**CONTEXT, **transforms(weight)}
        matrix = Formula(terms).get_model_matrix(
            frame, output="numpy", na_action="ignore", context=context
        )
    except Exception as error:  # formulaic passes on whatever Python raises
        raise InputError("fixed", formula, _said(error, names)) from None
    labels, numbers = _labels(matrix.model_spec, names), np.asarray(matrix, float)
    _check_finite(numbers, labels)
    for label, largest in zip(labels, np.abs(numbers).max(axis=0), strict=True):
        if largest > identifiability.LARGEST:
            raise InputError("covariate", label, f"has values up to {largest:g}: use another unit")
    return matrix.model_spec


def _evaluate(spec: Any, frame: pd.DataFrame, names: Aliased) -> Array:
    try:
        matrix = spec.get_model_matrix(frame, na_action="ignore", context=CONTEXT)
    except Exception as error:  # formulaic passes on whatever Python raises
        problem = _said(error, names)
        raise InputError("population", "these covariate values", problem) from None
    joint = np.asarray(matrix, dtype=float).reshape(len(frame), -1)
    _check_finite(joint, _labels(spec, names))
    return joint


def _check_finite(matrix: Array, labels: list[str]) -> None:
    for label, finite in zip(labels, np.isfinite(matrix).all(axis=0), strict=True):
        if not finite:
            raise InputError("covariate", label, "has no finite value for some covariate values")


def _labels(spec: Any, names: Aliased) -> list[str]:
    """Return the column labels; a covariate called Intercept is told from the constant.

    A level of a category that is a whole number has no decimals: ``C(grade)[T.2]``.
    """
    labels: list[str] = []
    for column in map(names.named, map(str, spec.column_names)):
        label = _WHOLE.sub(r"\1]", column)
        labels.append(f"`{label}`" if label in labels else label)
    return labels


def _said(error: Exception, names: Aliased) -> str:
    """Return what an error says, on one line, with the columns' own names."""
    return names.named(" ".join(str(error).split()))
