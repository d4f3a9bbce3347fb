"""The calls that may stand in a formula: their functions, and what each takes."""

from __future__ import annotations

import ast
import re

import numpy as np

from bmco_pymc.errors import InputError
from bmco_pymc.terms.expressions import number, parse, part, refuse

_ONE = (
    *("log", "log2", "log10", "log1p", "exp", "exp2", "expm1", "sqrt", "cbrt", "square", "abs"),
    *("sign", "floor", "ceil", "sin", "cos", "tan", "arcsin", "arccos", "arctan"),
    *("sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh"),
)
_TWO = ("maximum", "minimum")
# How many columns each function takes; with or without np. in front.
_NUMERIC = {**dict.fromkeys(_ONE, 1), **dict.fromkeys(_TWO, 2), "where": 3}
# What may follow the column in each transformation: how many by position, and by which names.
_BOUNDS = ("lower_bound", "upper_bound")
_TRANSFORMS: dict[str, tuple[str, ...]] = {
    "C": ("contrasts", "levels"),
    "I": (),
    "bs": ("df", "knots", "degree", "include_intercept", *_BOUNDS, "extrapolation"),
    **dict.fromkeys(("cr", "cs", "cc"), ("df", "knots", *_BOUNDS, "constraints", "extrapolation")),
    "poly": ("degree", "raw"),
    "center": (),
    "scale": ("center", "scale", "ddof"),
    "standardize": ("center", "rescale", "ddof"),
}
_SCALED = {"Sum": (), "Helmert": ("reverse", "scale"), "Diff": ("backward",), "Poly": ("scores",)}
_CONTRASTS: dict[str, tuple[str, ...]] = {
    "Treatment": ("reference",),
    **_SCALED,
    **dict.fromkeys(("contr.treatment", "contr.SAS"), ("base",)),
    **{f"contr.{name.lower()}": settings for name, settings in _SCALED.items()},
}
_LARGEST = {"df": 100, "degree": 20}
FUNCTIONS = (*_TRANSFORMS, "Q", *_NUMERIC)
# What functions mean where formulaic evaluates them; the transformations are its own.
CONTEXT = {name: getattr(np, name) for name in _NUMERIC}

_OPERATORS = (
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
    *(ast.BitAnd, ast.BitOr),
)
_COMPARED = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_MAY_STAND = (
    "in a call there may stand columns (odd names in backticks), numbers, text, + - * / // % **, "
    "one comparison, & | ~, and calls of the functions that formulas know"
)


class Call:
    """One call in a formula: the names in it, the functions, and the most columns it asks for."""

    def __init__(self, argument: str, formula: str, code: str) -> None:
        from formulaic.utils.code import sanitize_variable_names

        self.where = argument, formula
        self.names: set[str] = set()
        self.called: set[str] = set()
        self.size = 1
        self.quotes = ""
        self.aliases: dict[str, str] = {}
        # An alias of a name in backticks may not be a word that stands there already.
        words: dict[str, None] = dict.fromkeys(re.findall(r"\w+", code))
        tree = parse(*self.where, sanitize_variable_names(code, words, self.aliases))
        self._column(tree)
        if self.quotes and self.called & {*_TRANSFORMS, "Q"} - {"I"}:
            problem = f"text with quotes, such as {self.quotes!r}, can only stand in I()"
            raise InputError(*self.where, problem)
        if not self.names:
            refuse(*self.where, tree, "is the same for everybody: a term has a column in it")

    def _column(self, node: ast.AST, text: bool = False) -> None:
        """Check what has a value for each row; a constant text only where ``text`` is true."""
        match node:
            case ast.Name(id=name):
                self.names.add(self.aliases.get(name, name))
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int() | float() as value):
                if abs(value) > 1e300 or (isinstance(value, int) and abs(value) >= 2**63):
                    refuse(*self.where, node, "is too large a number")
            case ast.Constant(value=str() as value) if text:
                self._text(node, value)
            case ast.Constant(value=str()):
                problem = "is text, which can only be compared, as in I(sex == 'f')"
                refuse(*self.where, node, problem)
            case ast.UnaryOp(op=ast.UAdd() | ast.USub() | ast.Invert(), operand=operand):
                self._column(operand)
            case ast.BinOp(op=op, left=left, right=right) if isinstance(op, _OPERATORS):
                names = (leaf for leaf in ast.walk(node) if isinstance(leaf, ast.Name))
                if isinstance(op, ast.Pow) and not any(names):
                    refuse(*self.where, node, "is a number: write it out")
                self._column(left)
                self._column(right)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if isinstance(op, _COMPARED):
                self._column(left, text=True)
                self._column(right, text=True)
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp():
                problem = "cannot stand in a formula: compare two things at a time, and join with "
                refuse(*self.where, node, problem + "& | ~, as in I((x > 1) & (x < 5))")
            case ast.Call():
                self._call(node)
            case _:
                refuse(*self.where, node, f"cannot stand in a formula: {_MAY_STAND}")

    def _text(self, node: ast.AST, value: str) -> None:
        """Check a constant text; formulaic pastes it into code again where a term learns."""
        if set("\\`") & set(value) or not value.isprintable():
            refuse(*self.where, node, "has a character that text in a formula cannot have")
        if set("'\"") & set(value):
            self.quotes = value

    def _call(self, node: ast.Call) -> None:
        """Check a call that has a value for each row."""
        name = self._function(node)
        if name == "Q":
            match node:
                case ast.Call(args=[ast.Constant(value=str() as column) as text], keywords=[]):
                    self._text(text, column)
                    self.names.add(column)
                case _:
                    refuse(*self.where, node, "takes the name of a column as text")
        elif name in _TRANSFORMS:
            if not node.args:
                refuse(*self.where, node, "takes a column first")
            self._column(node.args[0])
            self.size = max(self.size, 5 if name in ("bs", "cr", "cs", "cc") else 1)
            self._settings(name, node, node.args[1:], _TRANSFORMS[name])
        else:
            takes = _NUMERIC[name.removeprefix("np.")]
            if node.keywords or len(node.args) != takes:
                s = "s" * (takes > 1)
                refuse(*self.where, node, f"takes {takes} column{s} or number{s} and nothing else")
            for argument in node.args:
                self._column(argument)

    def _function(self, node: ast.Call) -> str:
        """Return the name of the function of a call, which is in the table."""
        match node.func:
            case ast.Name(id=name) if name in FUNCTIONS and name not in self.aliases:
                self.called.add(name)
                return name
            case ast.Attribute(value=ast.Name(id="np"), attr=name) if (
                name in _NUMERIC and "np" not in self.aliases
            ):
                self.called.add("np")
                return f"np.{name}"
            case ast.Name(id=name) if name in _CONTRASTS:
                refuse(*self.where, node, f"can only stand in C(), as in C(stage, {name}())")
            case ast.Attribute(value=ast.Name(id=name)) if not node.args:
                problem = (
                    "cannot stand in a formula, as nothing may be asked of a column: write the "
                    f"number itself, as in I({name} - 50), or center({name}) or scale({name})"
                )
                refuse(*self.where, node, problem)
            case ast.Name() | ast.Attribute(value=ast.Name()):
                problem = f"there is no function {part(node.func)!r} in formulas"
                raise InputError(*self.where, problem, FUNCTIONS)
        return refuse(*self.where, node, f"cannot stand in a formula: {_MAY_STAND}")

    def _settings(
        self, name: str, call: ast.Call, positional: list[ast.expr], known: tuple[str, ...]
    ) -> None:
        """Check what follows the column in a transformation."""
        if len(positional) > len(known):
            most = f"at most {len(known)} settings" if known else "nothing else"
            refuse(*self.where, call, f"takes a column first and {most}")
        settings: dict[str | None, ast.expr] = dict(zip(known, positional, strict=False))
        for keyword in call.keywords:
            if keyword.arg not in known or keyword.arg in settings:
                problem = f"{name}() has no setting {keyword.arg!r}, or it is given twice"
                raise InputError(*self.where, problem, known)
            settings[keyword.arg] = keyword.value
        for setting, value in settings.items():
            largest = _LARGEST.get(str(setting))
            given = number(value)
            if largest is None:
                self._setting(setting, value)
            elif not isinstance(given, int) or not 0 < given <= largest:
                problem = f"has {setting}={part(value)}: a whole number from 1 to {largest}"
                refuse(*self.where, call, problem)
            else:
                self.size = max(self.size, given + 1)

    def _setting(self, setting: str | None, node: ast.AST) -> None:
        """Check one setting: a constant, a list of them, or contrasts."""
        match node:
            case ast.Constant(value=str() as value):
                self._text(node, value)
            case ast.Constant(value=bool() | None):
                pass
            case ast.List(elts=items) | ast.Tuple(elts=items):
                for item in items:
                    if not isinstance(item, ast.Constant) and number(item) is None:
                        refuse(*self.where, item, "cannot stand in a list: numbers or text do")
                    self._setting(None, item)
                self.size = max(self.size, len(items) + 25)
            case ast.Call(func=func, args=args) if setting == "contrasts":
                name = ast.unparse(func)
                if name not in _CONTRASTS or name.split(".")[0] in self.aliases:
                    raise InputError(*self.where, f"there are no contrasts {name!r}", _CONTRASTS)
                self.called.add(name.split(".")[0])
                self._settings(name, node, args, _CONTRASTS[name])
            case _ if setting == "contrasts":
                problem = f"{part(node)!r} is no contrast: write a call, such as Treatment('b')"
                raise InputError(*self.where, problem, _CONTRASTS)
            case _:
                if number(node) is None:
                    refuse(*self.where, node, "cannot be a setting: a number, text or a list can")
                self._column(node)
