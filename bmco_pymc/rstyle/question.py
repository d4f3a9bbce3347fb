"""What is asked of a posterior, in bmco's words: test, rule, weights, and the (sub)population."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from bmco_pymc.data.frames import text
from bmco_pymc.data.remarks import warn
from bmco_pymc.data.roles import same
from bmco_pymc.decision.criteria import CRITERIA
from bmco_pymc.decision.outcomes import read_weights
from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.population.values import Analytical, Empirical, Value

TESTS = {"right_sided": "right", "left_sided": "left", "two_sided": "two-sided"}
RULES = ("All", "Any", "Comp")
METHODS = ("Empirical", "Analytical", "Value")


@dataclass(frozen=True)
class Question:
    """A test and a rule, checked.

    Attributes
    ----------
    test : str
        As bmco writes it.
    asked : Rule
        The same for `decide`.
    weights : tuple of float or None
        One per outcome, summing to 1; None for a rule without weights.
    """

    test: str
    asked: Rule
    weights: tuple[float, ...] | None

    @property
    def rule(self) -> str:
        """The rule's name."""
        return self.asked.criterion.name

    @property
    def sign(self) -> int:
        """What turns treatment minus control into bmco's δ: −1 when left-sided."""
        return -1 if self.asked.direction == "left" else 1


def claim(direction: str, groups: Sequence[str]) -> str:
    """Return what the probability of a side is of.

    Examples
    --------
    >>> claim("left", ("old", "new"))
    'P(old > new)'
    """
    a, b = groups
    return f"P({b} > {a})" if direction == "right" else f"P({a} > {b})"


def read_question(test: Any, rule: Any, w: Any, outcomes: Sequence[str]) -> Question:
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
    test = _choice("test", test, TESTS)
    chosen = CRITERIA[_choice("rule", rule, RULES)]
    shares = tuple(read_weights(w, outcomes, used_by=chosen).values.tolist())
    if w is None and chosen.weighs:
        equal = ", ".join(f"{share:.4g}" for share in shares)
        warn([f"w=None: for rule {chosen.name} the outcomes have equal weights ({equal})"])
    weights = shares if chosen.weighs else None
    return Question(test, Rule(chosen.name, TESTS[test], w=weights), weights)


@dataclass(frozen=True)
class Subpopulation:
    """x_method and x_def, checked as far as they can be without the data.

    Attributes
    ----------
    method : str
        ``"Empirical"``, ``"Analytical"`` or ``"Value"``.
    x_def : object
        As the user gave it.
    entries : tuple
        The value, or the two bounds.
    """

    method: str
    x_def: Any
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
        return Subpopulation(method, x_def, entries)
    wanted = f"x_method={method!r} needs a range of two numbers, (low, high)"
    if len(entries) != 2 or not all(isinstance(x, Real) and x == x for x in entries):
        raise InputError("x_def", x_def, wanted)
    low, high = map(float, entries)
    if low > high or (low == high and method == "Analytical"):
        raise InputError("x_def", x_def, f"{wanted}, the lower one first")
    return Subpopulation(method, x_def, (low, high))


def code_of(value: Any, levels: tuple[Any, Any]) -> int:
    """Return the code of a category's level, given as 0, 1 or the label.

    Examples
    --------
    >>> code_of("severe", ("mild", "severe")), code_of(0, ("mild", "severe"))
    (1, 0)
    """
    codes = [
        code
        for code, label in enumerate(levels)
        if same(code, value) or same(label, value) or text(label) == value
    ]
    if len(codes) == 1:
        return codes[0]
    if codes:
        problem = (
            f"can be the label or the code of another level (0 is {levels[0]!r}, 1 is "
            f"{levels[1]!r}): give the label as text, such as {text(levels[0])!r}"
        )
        raise InputError("x_def", value, problem)
    raise InputError("x_def", value, "is no level of this category", [0, 1, *levels])


def _choice(argument: str, value: Any, choices: Collection[str]) -> str:
    """Return the choice that a value means, whatever its case and hyphens."""
    key = value.strip().lower().replace("-", "_") if isinstance(value, str) else ""
    found = [choice for choice in choices if choice.lower() == key]
    if not found:
        raise InputError(argument, value, f"unknown {argument}", choices)
    return found[0]
