"""The terms of a formula as a paper names them: by the user's words, not by a formula's columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from bmco_pymc.data.frames import text

INTERCEPT = "the intercept"
_CALL = re.compile(r"(\w+)\(`?([^,()`]+)`?(?:,.*)?\)$")
_FUNCTIONS = {
    "C": "{}",
    "bs": "a B-spline of {}",
    "cr": "a natural cubic spline of {}",
    "cs": "a cubic spline of {}",
    "cc": "a cyclic cubic spline of {}",
    "poly": "a polynomial of {}",
    "scale": "{} (standardised)",
    "standardize": "{} (standardised)",
    "center": "{} (centred)",
}


def named(labels: Sequence[str], covariates: pd.DataFrame) -> list[str]:
    """Return terms as words: the columns of one term together, categories with their levels.

    Parameters
    ----------
    labels : sequence of str
        Of the columns of the design.
    covariates : pandas.DataFrame
        The covariates of the analysed subjects, whose levels tell the one compared with.

    Examples
    --------
    >>> frame = pd.DataFrame({"lunch": ["free", "paid"], "age": [8, 9]})
    >>> named(["Intercept", "method", "lunch[T.paid]", "method:lunch[T.paid]"], frame)
    ['the intercept', 'method', 'lunch (paid against free)', 'method × lunch']
    >>> named(["bs(age, df=3)[1]", "bs(age, df=3)[2]", "scale(age):method"], frame)
    ['a B-spline of age', 'age (standardised) × method']
    """
    names = sorted(map(str, covariates.columns), key=len, reverse=True)
    hidden = {name: chr(0xE000 + place) for place, name in enumerate(names)}  # of no text
    levels: dict[str, list[str]] = {}
    for label in labels:
        for name, sign in hidden.items():  # they may hold colons and brackets
            label = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", sign, label)
        factors = [_name_and_level(factor) for factor in _factors(label)]
        found = levels.setdefault(" × ".join(name for name, _ in factors), [])
        found += [level for _, level in factors if level and len(factors) == 1]
    shown = {sign: name for name, sign in hidden.items()}
    words = []
    for term, own in levels.items():
        column = shown.get(term)
        compared = "" if column is None else _against(own, covariates[column])
        words.append("".join(shown.get(sign, sign) for sign in term + compared))
    return words


def _factors(label: str) -> list[str]:
    """Return the parts of an interaction: colons in brackets part nothing."""
    parts, depth = [""], 0
    for sign in label:
        depth += (sign in "[(") - (sign in "])")
        if sign == ":" and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def _name_and_level(factor: str) -> tuple[str, str]:
    """Return what a factor is of, and the level of a category that its column is for."""
    # a call may have brackets of its own, as in bs(age, knots=[1, 2])[1]
    open = next((i for i, c in enumerate(factor) if c == "[" and _is_outside(factor[:i])), None)
    bare = factor if open is None else factor[:open]
    level = "" if open is None else re.sub(r"^[A-Z]\.", "", factor[open + 1 : -1])
    if bare == "Intercept":
        return INTERCEPT, ""
    call = _CALL.match(bare)
    if call is None or call[1] not in _FUNCTIONS:
        return bare, level
    return _FUNCTIONS[call[1]].format(call[2]), level if call[1] == "C" else ""


def _is_outside(before: str) -> bool:
    return before.count("(") == before.count(")")


def _against(levels: Sequence[str], column: pd.Series) -> str:
    """Return the levels of a category in brackets, with the one that they are compared with."""
    if not levels:
        return ""
    known = dict.fromkeys(text(value) for value in column.dropna().unique())
    others = [level for level in known if level not in levels]
    against = f" against {others[0]}" if len(others) == 1 else ""
    return f" ({', '.join(levels)}{against})"
