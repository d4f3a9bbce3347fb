"""Names of columns in formulas and conditions: any name works, in backticks or as it is.

Python reads neither `BMI (kg/m²)` nor `class` nor `1` as a name, takes a micro sign for a Greek mu,
and pandas takes `inf` for a number. Such names get an alias that everybody reads.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
    r"""|`(?P<quoted>[^`]*)`|(?<![\w.])(?P<word>[^\W\d]\w*)(?!\w)(?!\s*[(.])"""
)
_CALLED = re.compile(r"[^\W\d]\w*(?=\s*\()|\bnp(?=\.)")
# Without backticks these are what Python and pandas make of them.
_WORDS = {"and", "or", "not", "in", "is", "if", "else", "for", "lambda", "True", "False", "None"}
_CONSTANTS = {"inf", "Inf", "Timestamp", "datetime", "list", "tuple"}


@dataclass(frozen=True)
class Aliased:
    """A formula or condition that uses aliases.

    Attributes
    ----------
    text : str
        With each name that is no plain word replaced.
    names : mapping of str to str
        The column behind each alias.
    unknown : tuple of str
        Names in backticks that are no column.
    """

    text: str
    names: Mapping[str, str]
    unknown: tuple[str, ...] = ()

    @property
    def aliases(self) -> dict[str, str]:
        """The alias of each column that has one."""
        return {name: alias for alias, name in self.names.items()}

    def named(self, text: str) -> str:
        """Return a label or sentence with the columns' own names, in backticks inside a call.

        Examples
        --------
        >>> alias({"log": 1, "base line": 2}, "log(`base line`)").named("log(_column_1_)")
        'log(`base line`)'
        """

        def name(match: re.Match[str]) -> str:
            found = self.names.get(match.group())
            if found is None:
                return match.group()
            inside = text.count("(", 0, match.start()) > text.count(")", 0, match.start())
            return f"`{found}`" if inside else found

        return re.sub(r"_column_\d+_", name, text)


def alias(columns: Iterable[object], text: str) -> Aliased:
    """Return a formula or condition in which every column is a plain word.

    Parameters
    ----------
    columns : iterable of object
        The columns of the data.
    text : str
        A formula, or a condition.

    Examples
    --------
    >>> alias(["arm", "BMI (kg/m²)"], "arm * log(`BMI (kg/m²)`)").text
    'arm * log(_column_1_)'
    """
    places = {name: place for place, name in enumerate(columns) if isinstance(name, str)}
    alike: dict[str, list[str]] = {}
    for name in places:
        alike.setdefault(unicodedata.normalize("NFKC", name), []).append(name)
    called = set(_CALLED.findall(_TOKEN.sub(lambda m: m["word"] or "", text)))
    names: dict[str, str] = {}
    unknown: list[str] = []

    def replaced(match: re.Match[str]) -> str:
        quoted, word = match["quoted"], match["word"]
        if match["string"] is not None or (word in _WORDS):
            return match.group()
        name = word if quoted is None else quoted
        if name not in places:
            same = alike.get(unicodedata.normalize("NFKC", name), [])
            if len(same) != 1:
                unknown.extend([] if quoted is None else [quoted])
                return match.group()
            (name,) = same
        if _is_plain(name) and name not in called:
            return name
        short = f"_column_{places[name]}_"
        names[short] = name
        return short

    return Aliased(_TOKEN.sub(replaced, text), names, tuple(unknown))


def _is_plain(name: str) -> bool:
    """Return whether Python and pandas read a name as it stands."""
    word = name.isascii() and name.isidentifier() and not keyword.iskeyword(name)
    return word and name not in _CONSTANTS
