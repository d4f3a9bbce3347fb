"""The grammar of conditions on columns, such as ``age > 40 and sex == 'f'``, and their evaluation.

Names, numbers, text, comparisons, and/or/not (also ``& | ~``), ``in`` and arithmetic; nothing is
called, so that a condition from somebody else is no program. Missing values compare as in pandas,
and a condition that is neither true nor false is not met.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from functools import reduce
from typing import Any
from unicodedata import normalize

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from bmco_pymc.data.frames import listed
from bmco_pymc.errors import InputError
from bmco_pymc.terms.expressions import check_length, parse, refuse

_TOKEN = re.compile(
    r"""(?P<text>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|`(?P<quoted>[^`]*)`|(?P<at>@)"""
    r"""|(?P<single>(?<![=<>!])=(?!=))|(?P<join>[&|])|(?<![\w.])(?P<word>[^\W\d]\w*)"""
)
_WORDS = ("and", "or", "not", "in", "True", "False")
type _Operators = dict[type, Callable[[Any, Any], Any]]
_ARITHMETIC: _Operators = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
_ARITHMETIC |= {ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv}
_ARITHMETIC |= {ast.Mod: operator.mod, ast.Pow: operator.pow}
_COMPARISON: _Operators = {ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt}
_COMPARISON |= {ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
_MAY_STAND = (
    "cannot stand in a condition: there may stand columns (odd names in backticks), numbers, text, "
    "comparisons, and, or, not, in with a list, + - * / // % **"
)


def meets(query: str, rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which rows meet a condition, shape (n,).

    Parameters
    ----------
    query : str
        The condition.
    rows : pandas.DataFrame, shape (n, columns)

    Raises
    ------
    InputError
        If it is no condition on these columns.

    Examples
    --------
    >>> rows = pd.DataFrame({"age": [30, 50], "base line": [1.5, None], "sex": ["f", "m"]})
    >>> meets("40 < age <= 50 or sex in ['f']", rows).tolist()
    [True, True]
    >>> meets("`base line` / 2 < 1 & not sex == 'm'", rows).tolist()
    [True, False]
    """
    check_length("query", query)
    condition = _Condition(query, rows)
    try:
        with np.errstate(over="raise"):
            met = condition.truth(condition.tree)
    except InputError:
        raise
    except Exception as error:  # pandas passes on whatever Python raises in a comparison
        raise InputError("query", query, f"cannot be evaluated: {error}") from None
    return met.fillna(False).to_numpy(dtype=bool)


class _Condition:
    """A condition on the columns of a frame."""

    def __init__(self, query: str, rows: pd.DataFrame) -> None:
        self.query, self.rows = query, rows
        self.columns: dict[str, Any] = {}  # the column behind each word of the syntax tree
        prefix = "column_"
        while prefix in query:
            prefix += "_"

        def replaced(match: re.Match[str]) -> str:
            if match["at"]:
                problem = "has an '@': there are no variables in a condition; write the value"
                raise InputError("query", query, problem)
            if match["single"]:
                raise InputError("query", query, "has a single '=': things are compared by '=='")
            if match["join"]:  # & and | join conditions, as in pandas, and bind no closer
                return {"&": " and ", "|": " or "}[match["join"]]
            name = match["word"] if match["quoted"] is None else match["quoted"]
            if name is None or match["word"] in _WORDS:
                return match.group()
            if name not in rows.columns:
                name = self._alike(name)
            alias = f"{prefix}{len(self.columns)}"
            self.columns[alias] = name
            return alias

        self.tree = parse("query", query, _TOKEN.sub(replaced, query))

    def _alike(self, name: str) -> str:
        """Return the column that is written alike, such as with a Greek mu for a micro sign."""
        columns = [str(column) for column in self.rows.columns]
        alike = [c for c in columns if normalize("NFKC", c) == normalize("NFKC", name)]
        if len(alike) == 1:
            return alike[0]
        problem = f"no column {name!r}; the columns are {listed(columns, 20)}"
        if name in ("index", "ilevel_0"):
            problem += (
                ". A study has no index, whose labels may not be those of the rows: make it a "
                "column, as in data.reset_index(), or give a mask"
            )
        raise InputError("query", self.query, problem)

    def truth(self, node: ast.expr) -> pd.Series:
        """Return whether a part is true, by row: of bools, perhaps missing."""
        match node:
            case ast.BoolOp(op=op, values=values):
                join = operator.and_ if isinstance(op, ast.And) else operator.or_
                return reduce(join, map(self.truth, values))
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                return ~self.truth(operand)
            case ast.Compare(left=left, ops=ops, comparators=rights):
                pairs = zip([left, *rights[:-1]], ops, rights, strict=True)
                return reduce(operator.and_, [self._compare(*pair) for pair in pairs])
            case ast.Name():
                column = self._column(node)
                bools = (isinstance(value, bool | np.bool_) for value in column.dropna())
                if is_bool_dtype(column.dtype) or (column.dtype == object and all(bools)):
                    return column if column.dtype == bool else column.astype("boolean")
        return self._refuse(node, "is no condition: it must be true or false per row")

    def _compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> pd.Series:
        """Return a comparison of two things, by row."""
        if isinstance(right, ast.List | ast.Tuple | ast.Set) and right.elts:
            if not isinstance(op, ast.In | ast.NotIn | ast.Eq | ast.NotEq):
                self._refuse(right, "is a list: compare it by in or not in")
            equal = [self._compare(left, ast.Eq(), item).fillna(False) for item in right.elts]
            found = reduce(operator.or_, equal)
            return ~found if isinstance(op, ast.NotIn | ast.NotEq) else found
        if type(op) not in _COMPARISON:
            self._refuse(right, "cannot follow in: a list can, as in site in ['a', 'b']")
        one, other = self._value(left), self._value(right)
        for column, constant in ((one, other), (other, one)):
            if not isinstance(column, pd.Series):
                continue
            if isinstance(constant, str) and is_numeric_dtype(column.dtype):
                self._refuse(left, f"is a number, and {constant!r} is text")
            if isinstance(constant, int | float) and isinstance(column.dtype, pd.StringDtype):
                self._refuse(left, f"is text, and {constant!r} is a number")
        if not isinstance(one, pd.Series) and not isinstance(other, pd.Series):
            self._refuse(left, "is compared with a constant, and no column is")
        met = _COMPARISON[type(op)](one, other)
        return met if met.dtype == bool else met.astype("boolean")

    def _value(self, node: ast.expr) -> Any:
        """Return a column, a number computed from columns, or a constant."""
        match node:
            case ast.Name():
                return self._column(node)
            case ast.Constant(value=str() | int() | float() as value):
                return value
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                value = self._number(operand)
                return -value if isinstance(sign, ast.USub) else value
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _ARITHMETIC[type(op)](self._number(left), self._number(right))
        return self._refuse(node, _MAY_STAND)

    def _number(self, node: ast.expr) -> Any:
        """Return a column or constant as floats, in which nothing wraps around."""
        value = self._value(node)
        if isinstance(value, pd.Series) and is_numeric_dtype(value.dtype):
            plain = isinstance(value.dtype, np.dtype)
            return value.astype("float64" if plain else "Float64")
        if isinstance(value, int | float):
            return np.float64(value)
        return self._refuse(node, "is no number, and arithmetic is of numbers")

    def _column(self, node: ast.Name) -> pd.Series:
        return self.rows[self.columns[node.id]]

    def _refuse(self, node: ast.expr, problem: str) -> Any:
        """Raise an error about a part, in the user's names."""
        for name in ast.walk(node):
            if isinstance(name, ast.Name):
                column = str(self.columns[name.id])
                name.id = column if column.isidentifier() else f"`{column}`"
        refuse("query", self.query, node, problem)
