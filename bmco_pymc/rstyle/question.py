"""What is asked of a posterior, in bmco's words: test, rule, weights, and the (sub)population."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from bmco_pymc.columns import text
from bmco_pymc.covariate_values import Analytical, Empirical, Value
from bmco_pymc.errors import InputError
from bmco_pymc.per_outcome import read_weights
from bmco_pymc.remarks import warn
from bmco_pymc.roles import same
from bmco_pymc.rules import RULES

TESTS = {"right_sided": "right", "left_sided": "left", "two_sided": "two-sided"}
METHODS = ("Empirical", "Analytical", "Value")


@dataclass(frozen=True)
class Question:
    """A rule and a direction, checked.

    Attributes
    ----------
    test, rule : str
        As bmco writes them.
    weights : tuple of float or None
        One per outcome, summing to 1; None for a rule without weights.
    """

    test: str
    rule: str
    weights: tuple[float, ...] | None

    @property
    def direction(self) -> str:
        """The direction as `decide` knows it."""
        return TESTS[self.test]

    @property
    def sign(self) -> int:
        """What turns treatment minus control into bmco's δ: −1 when left-sided."""
        return -1 if self.test == "left_sided" else 1

    def labels(self, groups: tuple[str, str]) -> tuple[str, ...]:
        """Return what each side's probability is of, such as ``P(new > old)``."""
        a, b = groups
        right, left = f"P({b} > {a})", f"P({a} > {b})"
        return {"right_sided": (right,), "left_sided": (left,)}.get(self.test, (right, left))


def read_question(test: Any, rule: Any, w: Any, outcomes: tuple[str, ...]) -> Question:
    """Check test, rule and weights.

    Raises
    ------
    InputError
        If the test or the rule is unknown, or the weights are not K non-negative numbers, not all
        zero.

    Warns
    -----
    InputWarning
        If weights are equal for want of others, do not sum to 1 or are not used.
    """
    chosen_test = _choice("test", test, tuple(TESTS))
    chosen = RULES[_choice("rule", rule, tuple(RULES))]
    weights = tuple(read_weights(w, outcomes, used_by=chosen).values.tolist())
    if w is None and chosen.weighs:
        shares = ", ".join(f"{weight:.4g}" for weight in weights)
        warn([f"w=None: for rule {chosen.name} the outcomes have equal weights ({shares})"])
    return Question(chosen_test, chosen.name, weights if chosen.weighs else None)


@dataclass(frozen=True)
class Subpopulation:
    """x_method and x_def, checked as far as they can be without the data.

    Attributes
    ----------
    method : str
        ``"Empirical"``, ``"Analytical"`` or ``"Value"``.
    entries : tuple
        The value, or the two bounds.
    """

    method: str
    entries: tuple[Any, ...]

    def population(
        self, covariate: str, levels: tuple[Any, Any] | None
    ) -> Value | Empirical | Analytical:
        """Return the population for a covariate, a category with ``levels`` if it has them.

        Raises
        ------
        InputError
            If a value is neither a code nor a label of the category, or the method does not go
            with a category.
        """
        if self.method == "Value":
            (value,) = self.entries
            return Value({covariate: value if levels is None else code_of(value, levels)})
        if self.method == "Analytical":
            if levels is not None:
                problem = f"{covariate!r} is a category, which has no normal distribution"
                raise InputError("x_method", self.method, problem, ["Empirical", "Value"])
            return Analytical({covariate: self.entries})
        everyone = self.entries == (-math.inf, math.inf)
        return Empirical() if everyone else Empirical({covariate: self.entries})


def read_subpopulation(x_method: Any, x_def: Any) -> Subpopulation:
    """Check x_method, and number, kind and order of the entries of x_def.

    Raises
    ------
    InputError
        If the method is unknown, Value has not one entry, or the others not two ascending numbers.
    """
    method = _choice("x_method", x_method, METHODS)
    several = isinstance(x_def, Iterable) and not isinstance(x_def, str)
    entries = tuple(x_def) if several else (x_def,)
    if method == "Value":
        if len(entries) != 1 or entries[0] is None:
            raise InputError("x_def", x_def, "x_method='Value' needs one value")
        return Subpopulation(method, entries)
    wanted = f"x_method={method!r} needs a range of two numbers, (low, high)"
    numbers = [entry for entry in entries if isinstance(entry, Real) and entry == entry]
    if len(entries) != 2 or len(numbers) != 2:
        raise InputError("x_def", x_def, wanted)
    low, high = map(float, numbers)
    if low > high or (low == high and method == "Analytical"):
        raise InputError("x_def", x_def, f"{wanted}, the lower one first")
    return Subpopulation(method, (low, high))


def code_of(value: Any, levels: tuple[Any, Any]) -> int:
    """Return the code of a category's level, given as 0, 1 or the label.

    Examples
    --------
    >>> code_of("severe", ("mild", "severe")), code_of(0, ("mild", "severe"))
    (1, 0)
    """
    codes = {code for code in (0, 1) if same(code, value)}
    codes |= {code for code, label in enumerate(levels) if same(label, value)}
    codes |= {code for code, label in enumerate(levels) if text(label) == value}
    if len(codes) == 1:
        return codes.pop()
    if codes:
        problem = (
            f"can be the label or the code of another level (0 is {levels[0]!r}, 1 is "
            f"{levels[1]!r}): give the label as text, such as {text(levels[0])!r}"
        )
        raise InputError("x_def", value, problem)
    raise InputError("x_def", value, "is no level of this category", [0, 1, *levels])


def _choice(argument: str, value: Any, choices: tuple[str, ...]) -> str:
    """Return the choice that a value means, whatever its case and hyphens."""
    key = value.strip().lower().replace("-", "_") if isinstance(value, str) else ""
    found = [choice for choice in choices if choice.lower() == key]
    if not found:
        raise InputError(argument, value, f"unknown {argument}", choices)
    return found[0]
