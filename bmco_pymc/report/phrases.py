"""Parts of sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence


def joined(parts: Sequence[object]) -> str:
    """Return parts as in a sentence.

    Examples
    --------
    >>> joined(["a", "b", "c"]), joined(["a"])
    ('a, b and c', 'a')
    """
    texts = [str(part) for part in parts]
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def symbol(label: str) -> str:
    """Return the label of a table with its letter in Greek.

    Examples
    --------
    >>> symbol("delta[y1]"), symbol("theta[ctl, y1]")
    ('δ[y1]', 'θ[ctl, y1]')
    """
    return re.sub("^(theta|delta)", lambda found: {"theta": "θ", "delta": "δ"}[found[0]], label)
