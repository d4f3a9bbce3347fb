"""A decision rule as a value: what is asked of δ, at which level."""

from __future__ import annotations

import copy
import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bmco_pymc import patterns
from bmco_pymc.arguments import one_of, probability, whole
from bmco_pymc.decision.criteria import CRITERIA, Criterion, event, utility_event
from bmco_pymc.decision.outcomes import (
    PerOutcome,
    read_level,
    read_margins,
    read_utilities,
    read_weights,
)
from bmco_pymc.errors import InputError
from bmco_pymc.printing import Declared

SIDES = {"right": ("right",), "left": ("left",), "two-sided": ("right", "left")}
_DIRECTIONS = {name: name for name in SIDES} | {"right-sided": "right", "left-sided": "left"}
_NAMES = {name.lower(): name for name in CRITERIA}


@dataclass(frozen=True, repr=False)
class Rule(Declared):
    """When a treatment counts as better: a value that every verb with a decision takes.

    ===== ============================== =====================================
    rule  holds when                     decided when, for K outcomes
    ===== ============================== =====================================
    All   every δ is above its margin    min P(δ_k > m_k) > 1 − α
    Any   at least one is                max P(δ_k > m_k) > 1 − α/K
    Comp  the weighted sum is            P(w'δ > w'm) > 1 − α
    Count at least m of them are         the m-th largest P(δ_k > m_k)
                                         > 1 − α/(K − m + 1)
    ===== ============================== =====================================

    And ``"Utility"``, which holds when the expected utility of a subject's outcomes is larger,
    Σ_q u_q φ_q of the treatment above that of the control by the margin, and is decided like Comp:
    Comp is the case of utilities that add up, u_q = Σ_k w_k over the successes of pattern q.

    Parameters
    ----------
    rule : {"All", "Any", "Comp", "Count", "Utility"}
        In any case of letters. None, for pictures only: no rule, the margins alone.
    direction : {"right", "left", "two-sided"}
        Whether δ, −δ or each of them should exceed the margins (also ``"right_sided"`` and the
        like). Two-sided: each side at α/2.
    margins : float, sequence or mapping
        One for all, one per outcome, or outcome to value; the same on both sides. They are
        differences of probabilities, in (−1, 1): above 0 for superiority by a margin, below for
        non-inferiority. For Utility, one number: what its expected value must rise by.
    w : sequence or mapping, optional
        Weights of Comp: non-negative, not all zero, normalised to sum to one; equal by default.
    alpha : float
        Level of the whole decision, in (0, 0.5).
    m : int, optional
        For Count: how many outcomes, from 1 (which is Any) to K (which is All).
    statistic : {"marginal", "joint"}
        What decides: the probabilities of single outcomes, as in the table, or the probability that
        the rule holds (which bmco prints), against the same threshold; for Comp and Utility there
        is no difference. With "joint", Any and Count err more often than at α.
    cut : float, optional
        Cut-off: what the deciding probability must exceed on each side, instead of 1 − α and the
        like; for one that holds the level in a planned trial, see ``Design.calibrate``.
    u : sequence or mapping, optional
        For Utility: the utility of each of the 2^K response patterns, in their order, or by name
        (``{"11": 1, "10": 0.3, "01": 0.2}``; the last pattern is worth 0 where it is not named).

    Attributes
    ----------
    outcomes : tuple of str
        The K outcomes that it is about, once it is applied to them; see `for_outcomes`.

    Raises
    ------
    InputError
        If an argument cannot be used.

    Warns
    -----
    InputWarning
        A level above 0.2; later, weights that do not sum to one or that the rule does not use.

    References
    ----------
    Kavelaars, Mulder & Kaptein (2020), https://doi.org/10.1177/0962280220922256.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> rule = bmco.Rule("all", margins=-0.1)
    >>> rule.rule, rule.direction, rule.alpha
    ('All', 'right', 0.05)
    >>> rule.sides, rule.words, rule.statistic_name
    (('right',), 'All', 'smallest marginal probability')
    >>> rule.criterion.name
    'All'
    """

    rule: str | None = "All"
    direction: str = "right"
    margins: PerOutcome = 0.0
    w: PerOutcome | None = None
    alpha: float = 0.05
    m: int | None = None
    statistic: str = "marginal"
    cut: float | None = None
    u: ArrayLike | Mapping[str, float] | None = None
    outcomes: tuple[str, ...] = field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("margins", "w", "u"):
            object.__setattr__(self, name, _comparable(getattr(self, name)))
        if self.rule is not None:
            object.__setattr__(self, "rule", _choice("rule", self.rule, _NAMES))
        object.__setattr__(self, "direction", _choice("direction", self.direction, _DIRECTIONS))
        object.__setattr__(self, "alpha", read_level(self.alpha))
        counts = self.rule is not None and self.criterion.counts
        if counts and self.m is None:
            problem = "rule Count needs it: at least how many outcomes should be better"
            raise InputError("m", self.m, problem)
        if self.m is not None:
            if not counts:
                raise InputError("m", self.m, f"is used by rule Count only, not by {self.rule}")
            object.__setattr__(self, "m", whole("m", self.m, least=1))
        problem = "unknown statistic"
        one_of("statistic", self.statistic, ["marginal", "joint"], problem)
        if self.cut is not None:
            object.__setattr__(self, "cut", probability("cut", self.cut))
        values = self.rule is not None and self.criterion.values
        if values != (self.u is not None):
            problem = (
                "rule Utility needs it: what each response pattern is worth"
                if values
                else f"is used by rule Utility only, not by {self.rule}"
            )
            raise InputError("u", self.u, problem)

    @property
    def criterion(self) -> Criterion:
        """What the rule asks for."""
        if self.rule is None:
            raise InputError("rule", None, "unknown rule", list(CRITERIA))
        return CRITERIA[self.rule]

    @property
    def sides(self) -> tuple[str, ...]:
        """The directions that are looked at: one, or right and left."""
        return SIDES[self.direction]

    @property
    def words(self) -> str:
        """The rule's name, and how many it counts."""
        return f"{self.rule}" if self.m is None else f"{self.rule} (at least {self.m})"

    def named(self, rule: str | None, *, weights: bool = False) -> Rule:
        """Return another rule about the same margins and direction, for a picture of several.

        Parameters
        ----------
        rule : str or None
            Its name.
        weights : bool
            Whether it has the same weights too.

        Returns
        -------
        Rule

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> bmco.Rule("all", margins=-0.1).named("Any").rule
        'Any'
        """
        w = self.w if weights else None
        return Rule(rule, self.direction, self.margins, w, self.alpha, statistic=self.statistic)

    def level(self) -> float:
        """Return the level of the decision on one outcome and side.

        Returns
        -------
        float

        Raises
        ------
        InputError
            If it depends on the outcomes, and these are not given yet; see `for_outcomes`.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> bmco.Rule("any", alpha=0.05).for_outcomes(["y1", "y2"]).level()
        0.025
        """
        shares = self.criterion.shares(self.m, len(self.outcomes))
        if shares < 1:
            problem = "its level depends on how many outcomes there are: rule.for_outcomes(...)"
            raise InputError("rule", self.rule, problem)
        return self.alpha / len(self.sides) / shares

    def threshold(self) -> float:
        """Return what the deciding probability of a side must exceed.

        Returns
        -------
        float

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> rule = bmco.Rule("any", direction="two-sided").for_outcomes(["y1", "y2"])
        >>> rule.threshold()
        0.9875
        """
        return 1 - self.level() if self.cut is None else self.cut

    @property
    def statistic_name(self) -> str:
        """What decides, in words."""
        if self.statistic == "joint":
            return "joint probability"
        return self.criterion.statistic_name(self.m)

    def bounds(self) -> list[float]:
        """Return what δ is compared with: each margin, or for Comp their weighted sum.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> rule = bmco.Rule("comp", margins=[0.1, 0], w=[0.8, 0.2])
        >>> [round(bound, 2) for bound in rule.for_outcomes(["y1", "y2"]).bounds()]
        [0.08]
        """
        if self.criterion.values:
            return [float(np.asarray(self.margins))]
        margins, weights = self.vectors()
        if self.criterion.weighs:
            return [math.fsum((margins * weights).values)]
        return margins.values.tolist()

    def event(self, direction: str) -> str:
        """Write out the event of one side.

        Parameters
        ----------
        direction : {"right", "left"}

        Returns
        -------
        str

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> rule = bmco.Rule("all", margins={"pain": 0.1, "sleep": 0})
        >>> rule.for_outcomes(["pain", "sleep"]).event("right")
        'δ[pain] > 0.1 and δ[sleep] > 0'
        """
        if self.criterion.values:
            return utility_event(self._utilities, direction, self.bounds()[0])
        margins, weights = (vector.values.tolist() for vector in self.vectors())
        weights = weights if self.criterion.weighs else None
        return event(self.criterion, direction, self.outcomes, margins, weights, self.m)

    def vectors(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Return the margins and the weights of a rule for given outcomes, dims (outcome,).

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> rule = bmco.Rule("comp", w=[0.75, 0.25]).for_outcomes(["y1", "y2"])
        >>> margins, weights = rule.vectors()
        >>> margins.values.tolist(), weights.values.tolist()
        ([0.0, 0.0], [0.75, 0.25])
        """
        margins, weights = np.array(self.margins, dtype=float), np.array(self.w, dtype=float)
        if self.criterion.values:  # its margin is of the utility, not of an outcome
            margins = np.zeros(len(self.outcomes))
        if self.w is None:  # every rule has weights to hand on, those that weigh use them
            weights = np.full(len(margins), 1 / len(margins))
        return xr.DataArray(margins, dims="outcome"), xr.DataArray(weights, dims="outcome")

    def scores(self) -> NDArray[np.float64]:
        """Return what each pattern counts for in a weighted sum or utility, shape (Q,).

        The rule is Comp or Utility, for given outcomes: w'δ = Σ_q s_q (φ_q − φ_q of the control).

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> bmco.Rule("comp", w=[0.75, 0.25]).for_outcomes(["y1", "y2"]).scores().tolist()
        [1.0, 0.75, 0.25, 0.0]
        """
        if self.criterion.values:
            return np.array(list(self._utilities.values()))
        return patterns.bits(len(self.outcomes)) @ self.vectors()[1].values  # (Q, K) @ (K,)

    def events(
        self, delta: xr.DataArray, direction: str, change: xr.DataArray | None = None
    ) -> tuple[xr.DataArray, xr.DataArray]:
        """Return where the rule holds (chain, draw), and where each outcome is beyond its margin.

        The rule is one for the outcomes of δ, see `for_outcomes`; Utility needs the ``change`` of
        the patterns' probabilities too, dims (chain, draw, pattern).

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> delta = bmco.BMVB(study).fit(seed=1).effect().delta
        >>> holds, beyond = bmco.Rule("any").for_outcomes(["y1", "y2"]).events(delta, "right")
        >>> round(float(holds.mean()), 2), beyond.mean(("chain", "draw")).round(2).values.tolist()
        (0.99, [0.95, 0.9])
        """
        margins, weights = self.vectors()
        sign = 1 if direction == "right" else -1
        excess = sign * delta - margins
        if not self.criterion.values:
            return self.criterion.holds(excess, weights, self.m), excess > 0
        if change is None:
            problem = "needs the probabilities of the patterns: ask an effect, not δ"
            raise InputError("rule", self.rule, problem)
        worth = change @ xr.DataArray(self.scores(), dims="pattern")
        gain = sign * worth - self.bounds()[0]
        return self.criterion.holds(gain, weights, self.m), excess > 0

    @property
    def _utilities(self) -> dict[str, float]:
        """The utility of each pattern, once the outcomes are known."""
        return dict(zip(patterns.labels(len(self.outcomes)), cast(Any, self.u), strict=True))

    def for_outcomes(self, outcomes: Sequence[str]) -> Rule:
        """Return the rule with one margin and one weight for each outcome, as tuples.

        Parameters
        ----------
        outcomes : sequence of str
            The K outcomes, in order.

        Returns
        -------
        Rule

        Raises
        ------
        InputError
            If margins or weights do not fit the outcomes, or there are fewer than ``m``.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> rule = bmco.Rule("comp", w={"sleep": 0.25, "pain": 0.75})
        >>> rule = rule.for_outcomes(["pain", "sleep"])
        >>> rule.w, rule.margins, rule.outcomes
        ((0.75, 0.25), (0.0, 0.0), ('pain', 'sleep'))
        """
        outcomes = tuple(outcomes)
        if self.outcomes == outcomes:
            return self
        valued = self.criterion.values
        margins = None if valued else read_margins(self.margins, outcomes)
        utilities = read_utilities(self.u, self.margins, len(outcomes)) if valued else None
        weights = read_weights(self.w, outcomes, used_by=self.criterion)
        if self.m is not None:
            whole("m", self.m, least=1, most=len(outcomes))
        found = copy.copy(self)  # nothing is read, or warned of, twice
        for name, value in (
            ("margins", self.margins if margins is None else tuple(margins.values.tolist())),
            ("u", utilities),
            ("w", tuple(weights.values.tolist()) if self.criterion.weighs else None),
            ("outcomes", outcomes),
        ):
            object.__setattr__(found, name, value)
        return found


def as_rule(rule: Any, given: Mapping[str, Any]) -> Rule:
    """Return the rule that arguments make, or the one that is given and stands for all of them."""
    if not isinstance(rule, Rule):
        return Rule(rule, **given)
    for name, value in given.items():
        problem = "is given in the Rule already: change it there"
        raise InputError(name, value, problem)
    return rule


def asking[R](
    default: Any = inspect.Parameter.empty,
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Let a verb that takes a `Rule` be called with the rule's own arguments too.

    The verb's parameter ``rule`` stands for all parameters of `Rule`, which follow it in the
    signature, positional or by keyword as it is.

    Parameters
    ----------
    default : str or None, optional
        The rule if none is given; without it, the verb's callers must give one.
    """

    def around(verb: Callable[..., R]) -> Callable[..., R]:
        own = inspect.signature(verb)
        theirs = list(inspect.signature(Rule).parameters.values())[1:]
        parameters: list[inspect.Parameter] = []
        for parameter in own.parameters.values():
            parameters.append(parameter)
            if parameter.name == "rule":
                parameters[-1] = parameter.replace(default=default, annotation="str | Rule")
                parameters += [one.replace(kind=parameter.kind) for one in theirs]
        signature = own.replace(parameters=parameters)

        @functools.wraps(verb)
        def asked(*args: Any, **kwargs: Any) -> R:
            found = signature.bind(*args, **kwargs).arguments
            given = {one.name: found.pop(one.name) for one in theirs if one.name in found}
            found["rule"] = as_rule(found.get("rule", default), given)
            bound = inspect.BoundArguments(own, {k: found[k] for k in own.parameters if k in found})
            return verb(*bound.args, **bound.kwargs)

        asked.__signature__ = signature  # type: ignore[attr-defined]
        return asked

    return around


def _comparable(value: Any) -> Any:
    """Return margins or weights as a value that ``==`` can compare: no array, no Series."""
    if isinstance(value, np.ndarray):
        return tuple(value.tolist()) if value.ndim else value.item()
    if hasattr(value, "items") and not isinstance(value, Mapping):
        return dict(value.items())
    return value


def _choice(argument: str, value: object, names: Mapping[str, str]) -> str:
    """Return the full name of a choice, whatever its case and hyphens."""
    key = value.strip().lower().replace("_", "-") if isinstance(value, str) else ""
    if key not in names:
        raise InputError(argument, value, f"unknown {argument}", dict.fromkeys(names.values()))
    return names[key]
