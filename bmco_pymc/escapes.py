"""Labels are the user's: what a terminal, a page or a picture would take for an order is escaped.

Results keep every label as it was given; only where it is shown are these characters written out.
"""

from __future__ import annotations

import re
from collections.abc import Collection

# Control characters (C0, DEL, C1), which a terminal obeys; line ends other than \n; marks that turn
# the direction of writing, which make a text read as another; halves of surrogate pairs, which no
# file in UTF-8 can hold.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""Return a text on one line, its control characters written as in Python source.

    Examples
    --------
    >>> print(visible("pass\x1b[31m, δ\n"))
    pass\x1b[31m, δ\n
    """
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def as_variable(label: str, taken: Collection[str] = ()) -> str:
    """Return a label as the name of a variable in a DataTree, which allows no ``/`` in it.

    The slash becomes one that looks alike (U+2215); a name that is taken gets a prime.

    Examples
    --------
    >>> as_variable("beta[I(age / 10), 11]"), as_variable("group", taken={"group"})
    ('beta[I(age ∕ 10), 11]', 'group′')
    """
    name = label.replace("/", "∕")
    while name in taken:
        name += "′"
    return name
