"""Python expressions in text from anywhere, read into a syntax tree and bounded; nothing runs."""

from __future__ import annotations

import ast
from typing import Any, NoReturn

from bmco_pymc.errors import InputError

LONGEST = 10_000  # characters of a formula or condition
DEEPEST = 200  # levels of an expression


def check_length(argument: str, text: str) -> None:
    """Raise an error if a text is too long, or has characters that nobody can see.

    Raises
    ------
    InputError
    """
    if len(text) > LONGEST:
        raise InputError(argument, text, f"has {len(text)} characters; {LONGEST} are the most")
    if odd := sorted({c for c in text if not c.isprintable() and c not in " \t\r\n"}):
        raise InputError(argument, text, f"has characters that cannot be printed: {odd}")


def parse(argument: str, text: str, code: str) -> ast.expr:
    """Return the syntax tree of an expression.

    Parameters
    ----------
    argument, text : str
        What to name in an error, and what the user gave.
    code : str
        The expression.

    Raises
    ------
    InputError
        If it is no expression, or nested too deeply.

    Examples
    --------
    >>> ast.unparse(parse("query", "a<b", "a<b"))
    'a < b'
    """
    try:
        tree = ast.parse(code.strip(), mode="eval").body
    except SyntaxError as error:
        raise InputError(argument, text, f"cannot be read: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError):  # what Python raises for depth, and for \0
        raise InputError(argument, text, "cannot be read: it is nested too deeply") from None
    level, depth = [tree], 0
    while level:
        level = [part for node in level for part in ast.iter_child_nodes(node)]  # type: ignore[misc]
        depth += 1
    if depth > DEEPEST:
        raise InputError(argument, text, f"is nested {depth} levels deep; {DEEPEST} are the most")
    return tree


def refuse(argument: str, text: str, node: ast.AST, problem: str) -> NoReturn:
    """Raise an error about a part of an expression."""
    raise InputError(argument, text, f"{part(node)!r} {problem}")


def part(node: ast.AST) -> str:
    """Return a part of an expression as text, cut short."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else text[:59] + "…"


def number(node: ast.AST) -> Any:
    """Return the number that a node is, with its sign, or None if it is something else.

    Examples
    --------
    >>> number(ast.parse("-1.5", mode="eval").body), number(ast.parse("x", mode="eval").body)
    (-1.5, None)
    """
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return None if isinstance(value, bool) else -value
    return None
