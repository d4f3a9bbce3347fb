"""The grammar of formulas: what may stand in one, whoever wrote it, checked before anything runs.

formulaic evaluates calls in a formula as Python. Here they are read first, and only names of
columns, numbers, text, operators and calls from one table pass, so that a formula in a file from
somebody else is no program.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from bmco_pymc.data.covariates import is_number
from bmco_pymc.errors import InputError
from bmco_pymc.terms.expressions import check_length
from bmco_pymc.terms.functions import Call

_MOST_TERMS, _HIGHEST_ORDER = 2000, 10
_OPERATORS = ("*", "/", ":", "**", "^", "in")
_MOST_NUMBERS = 2**28  # in a design: 2 GiB


def check_formula(argument: str, formula: str) -> None:
    """Raise an error unless a formula is of names, numbers, operators and calls from the table.

    Nothing is evaluated.

    Parameters
    ----------
    argument : str
        What to name in an error.
    formula : str
        The right-hand side of a Wilkinson formula.

    Raises
    ------
    InputError
        If anything else stands in the formula, or it is too long, too deep or has too many terms.

    Examples
    --------
    >>> check_formula("fixed", "arm * bs(age, df=4) + np.log(`base line`)")
    >>> check_formula("fixed", "arm + I(age - age.mean())")
    Traceback (most recent call last):
    bmco_pymc.errors.InputError: fixed='arm + I(age - age.mean())': 'age.mean()' cannot stand in a \
formula, as nothing may be asked of a column: write the number itself, as in I(age - 50), or \
center(age) or scale(age)
    """
    from formulaic.errors import FormulaicError
    from formulaic.parser import DefaultFormulaParser
    from formulaic.parser.algos.tokenize import tokenize

    check_length(argument, formula)
    try:
        for token in list(tokenize(formula)):
            _check_token(argument, formula, token.kind.name, token.token)
        # As formulaic will evaluate it, which need not be as it was written.
        parser = DefaultFormulaParser()
        for token in list(parser.get_tokens(formula)):
            if token.kind.name == "PYTHON":
                Call(argument, formula, token.token)
        _check_terms(argument, formula, parser.get_ast(formula))
    except InputError:
        raise
    except Exception as error:  # whatever a parser makes of text that is no formula
        reason = f" ({type(error).__name__})"
        if isinstance(error, FormulaicError):
            reason = f": {str(error).splitlines()[0]}"
        elif isinstance(error, SyntaxError):
            reason = f": {error.msg}, in {error.text!r}"
        problem = f"is not a formula that can be read{reason}"
        raise InputError(argument, formula, problem) from None


def names_in(factor: Any) -> set[str]:
    """Return the columns that a factor of formulaic's reads.

    formulaic knows them only once a factor is evaluated: before, it misses those in ``bs()``.
    """
    if factor.eval_method.value == "python":
        return Call("fixed", factor.expr, factor.expr).names
    return {factor.expr} if factor.eval_method.value == "lookup" else set()


def check_size(terms: Iterable[Any], frame: pd.DataFrame) -> None:
    """Raise an error if a design would not fit into memory, such as one of a column per subject.

    Parameters
    ----------
    terms : iterable of formulaic terms
    frame : pandas.DataFrame, shape (n, columns)
        The cells' covariates.

    Raises
    ------
    InputError
    """
    levels = {str(name): int(column.nunique()) for name, column in frame.items()}
    plain = {str(name) for name, column in frame.items() if is_number(column)}
    total = 0
    for term in terms:
        width = 1
        for factor in term.factors:
            most, numbers = 1, plain
            if factor.eval_method.value == "python":
                call = Call("fixed", factor.expr, factor.expr)
                most, numbers = call.size, set() if "C" in call.called else plain
            width *= max(most, *(levels.get(name, 1) for name in names_in(factor) - numbers), 1)
        total += width
        if total * len(frame) > _MOST_NUMBERS:
            problem = f"would have up to {width} columns, for {len(frame)} rows: too many"
            raise InputError("fixed", str(term), problem)


def _check_token(argument: str, formula: str, kind: str, text: str) -> None:
    """Raise an error about an operator, bracket or constant that has no meaning."""
    problem, choices = "", None
    if kind == "OPERATOR" and "~" in text:
        problem = "takes the right-hand side only: no '~' and no '|'"
    elif kind == "OPERATOR" and "|" in text:
        problem = (
            "has a '|', but random coefficients have an argument of their own: for "
            "(1 + x | site) give random='1 + x', and name the clusters in Study(cluster='site')"
        )
    elif kind == "OPERATOR" and not (text in _OPERATORS or set(text) <= {"+", "-"}):
        problem = f"is not a formula that can be read: {text!r} is no operator between terms"
        choices = ["+", "-", ":", "*", "/", "**", "in"]
    elif (kind == "CONTEXT" and text in "[]") or (kind == "NAME" and text == "."):
        problem = f"{text!r} cannot stand between terms: name the columns"
    elif kind == "VALUE":
        try:
            float(text)
        except ValueError:
            problem = f"{text} is no term: terms are columns and calls, scaled by a number"
    if problem:
        raise InputError(argument, formula, problem, choices)


def _check_terms(argument: str, formula: str, tree: Any) -> None:
    """Raise an error if products and powers would make too many terms, before they are made."""
    from formulaic.parser.types import ASTNode

    size: dict[int, tuple[int, int]] = {}  # of each node: the most terms, the highest order
    todo = [(tree, False)] if tree is not None else []
    while todo:
        node, ready = todo.pop()
        if not isinstance(node, ASTNode):
            size[id(node)] = (1, 1)
            continue
        if not ready:
            todo += [(node, True), *((arg, False) for arg in node.args)]
            continue
        n, order = zip(*(size[id(arg)] for arg in node.args), strict=True)
        match node.operator.symbol:
            case "*":
                found = n[0] + n[1] + n[0] * n[1], sum(order)
            case "/" | "in":
                found = sum(n), sum(order)
            case ":":
                found = math.prod(n), sum(order)
            case "**" | "^":
                token = getattr(node.args[1], "token", "")
                if not (token.isdecimal() and 1 <= len(token) <= 2 and int(token) > 0):
                    problem = "a power of terms is a whole number: of columns, write I(x**2)"
                    raise InputError(argument, formula, problem)
                found = n[0] ** int(token), order[0] * int(token)
            case _:
                found = sum(n), max(order)
        if found[0] > _MOST_TERMS or found[1] > _HIGHEST_ORDER:
            problem = (
                f"would make {found[0]} terms, of up to {found[1]} factors each; the most are "
                f"{_MOST_TERMS}, of {_HIGHEST_ORDER} factors"
            )
            raise InputError(argument, formula, problem)
        size[id(node)] = found
