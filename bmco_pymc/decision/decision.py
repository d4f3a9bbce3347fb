"""From draws of δ to a decision: joint and marginal probabilities, Monte Carlo errors, verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr

from bmco_pymc.arguments import flag, texts
from bmco_pymc.decision.criteria import verdict
from bmco_pymc.decision.probability import (
    ESS_MIN,
    decimals,
    estimate,
    few_draws,
    judged,
    shown,
    smallest_ess,
)
from bmco_pymc.decision.rule import Rule, asking
from bmco_pymc.errors import InputError
from bmco_pymc.escapes import visible
from bmco_pymc.printing import as_html

_DIMS = ("chain", "draw", "outcome")
_OPEN = "too few draws to tell {} from {.threshold:.6g}: the verdict may change with more"
_UNJUDGED = "the draws are too few to judge whether the {} is above {.threshold:.6g}: take more"


@dataclass(frozen=True, eq=False)
class Side:
    """What one direction says.

    Attributes
    ----------
    direction : str
        ``"right"`` (δ above the margins) or ``"left"`` (−δ above the margins).
    event : str
        The event whose probability is ``probability``, in symbols.
    probability, mcse, ess : float
        Joint probability of the rule, its Monte Carlo standard error, and the ESS behind it.
    bound : float or None
        When all draws agree, the MCSE is 0 and says nothing. Then P > ``bound`` = 1 − 3/ESS, or
        P < ``bound`` = 3/ESS: 95 % confidence by the rule of three, with the smallest bulk or tail
        ESS of δ over the outcomes, at most the number of draws.
    marginal, marginal_mcse, marginal_bound : xarray.DataArray
        The same for each outcome alone, dims (outcome,); where the draws disagree the bound is NaN.
    statistic, statistic_mcse, threshold : float
        What decides: `statistic` (a marginal probability or the joint one) against 1 − level.
    met : bool or None
        Whether statistic > threshold. None where the draws are too few to say: where there is no
        MCSE, or all draws agree and yet their bound does not tell the statistic from the threshold.
    settled : bool
        Whether the statistic is more than two MCSE (or its bound) from the threshold.
    """

    direction: str
    event: str
    probability: float
    mcse: float
    ess: float
    bound: float | None
    marginal: xr.DataArray
    marginal_mcse: xr.DataArray
    marginal_bound: xr.DataArray
    statistic: float
    statistic_mcse: float
    threshold: float
    met: bool | None
    settled: bool

    @property
    def comparison(self) -> str:
        """How the statistic compares with the threshold, in words."""
        if self.met is None:
            return f"cannot be told from {self.threshold:.6g} with so few draws"
        return f"is {'above' if self.met else 'not above'} {self.threshold:.6g}"


@dataclass(frozen=True, eq=False)
class Decision:
    """A rule applied to the posterior of δ, unrounded; made by `decide`.

    Attributes
    ----------
    asked : Rule
        The rule, with a margin and, for Comp, a weight for each outcome.
    sides : tuple of Side
        One; right and left when two-sided.
    verdict : str
        Right: "superior" or "not superior"; left: "inferior" or "not inferior"; with negative
        margins "non-inferior" (right), "non-superior" (left), or that this is not shown.
        Two-sided: "superior", "inferior", "both" or "neither". "cannot be judged" where the draws
        are too few to say whether a side's rule is met.
    caveats : tuple of str
        What a reader must know before using the verdict.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    >>> fit = bmco.BMVB(study).fit(seed=1)
    >>> decision = fit.effect().decide("comp", w=[0.8, 0.2])
    >>> decision.decision, round(decision.probability, 2)
    ('superior', 0.97)
    >>> decision.rule, decision.direction, decision.alpha
    ('Comp', 'right', 0.05)
    >>> decision.outcomes, decision.margins, decision.weights
    (('y1', 'y2'), (0.0, 0.0), (0.8, 0.2))
    >>> decision.marginal.round(2).values.tolist(), decision.mcse < 0.01
    ([0.95, 0.9], True)
    >>> decision.statistic_name, decision.right.threshold, decision.left
    ('joint probability', 0.95, None)
    """

    asked: Rule
    sides: tuple[Side, ...]
    verdict: str
    caveats: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        """``"All"``, ``"Any"``, ``"Comp"`` or ``"Count"``."""
        return self.asked.criterion.name

    @property
    def direction(self) -> str:
        """``"right"``, ``"left"`` or ``"two-sided"``."""
        return self.asked.direction

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Labels."""
        return self.asked.outcomes

    @property
    def margins(self) -> tuple[float, ...]:
        """The margin of each outcome."""
        return tuple(self.asked.vectors()[0].values.tolist())

    @property
    def weights(self) -> tuple[float, ...] | None:
        """The weight of each outcome; they sum to one. None for a rule that has no weights."""
        return tuple(self.asked.vectors()[1].values.tolist()) if self.asked.w is not None else None

    @property
    def alpha(self) -> float:
        """Level of the whole decision."""
        return self.asked.alpha

    @property
    def probability(self) -> float:
        """Joint probability of the first side (two-sided: the right one)."""
        return self.sides[0].probability

    @property
    def mcse(self) -> float:
        """Monte Carlo standard error of `probability`; 0 when all draws agree (see ``sides``)."""
        return self.sides[0].mcse

    @property
    def marginal(self) -> xr.DataArray:
        """Marginal probabilities of the first side, dims (outcome,)."""
        return self.sides[0].marginal

    @property
    def decision(self) -> str:
        """The verdict."""
        return self.verdict

    @property
    def right(self) -> Side | None:
        """The right side; None when it was not asked for."""
        return {side.direction: side for side in self.sides}.get("right")

    @property
    def left(self) -> Side | None:
        """The left side; None when it was not asked for."""
        return {side.direction: side for side in self.sides}.get("left")

    @property
    def statistic_name(self) -> str:
        """What decides, in words."""
        return self.asked.statistic_name

    def _title(self) -> str:
        sides = self.direction if len(self.sides) == 2 else f"{self.direction}-sided"
        cut = "" if self.asked.cut is None else f", cut-off {self.asked.cut:.6g}"
        return f"Rule {self.asked.words}, {sides}, level {self.alpha:g}{cut}: {self.verdict}"

    def _lines(self) -> list[str]:
        lines = []
        for side in self.sides:
            marginal = zip(side.marginal, side.marginal_mcse, side.marginal_bound, strict=True)
            alone = [f"{k} {shown(*p)}" for k, p in zip(self.outcomes, marginal, strict=True)]
            lines += [
                f"P({side.event}) {shown(side.probability, side.mcse, side.bound, equals='= ')}",
                f"marginal: {', '.join(alone)}",
                f"{self.statistic_name} {decimals(side.statistic)} {side.comparison}",
            ]
        return lines + [f"Caveat: {caveat}" for caveat in self.caveats]

    def __str__(self) -> str:
        return "\n  ".join(map(visible, [self._title(), *self._lines()]))

    def _repr_html_(self) -> str:
        return as_html(self._title(), [], self._lines())


@asking()
def decide(
    delta: xr.DataArray,
    rule: Rule,
    caveats: Iterable[str] = (),
    *,
    independent: bool = False,
    change: xr.DataArray | None = None,
) -> Decision:
    """Apply a decision rule to posterior draws of δ.

    With e_k = δ_k − m_k (right) or −δ_k − m_k (left) and level a = α (for one of two sides α/2):

    ===== ========================== ======================================
    rule  joint probability          met when
    ===== ========================== ======================================
    All   P(every e_k > 0)           min P(e_k > 0) > 1 − a
    Any   P(at least one e_k > 0)    max P(e_k > 0) > 1 − a/K
    Comp  P(w'e > 0)                 P(w'e > 0) > 1 − a
    Count P(at least m of e_k > 0)   m-th largest P(e_k > 0)
                                     > 1 − a/(K − m + 1)
    ===== ========================== ======================================

    Parameters
    ----------
    delta : xarray.DataArray
        Success probability of the treatment minus that of the control, dims (chain, draw, outcome).
    rule : str or Rule
        The rule's name, with ``direction``, ``margins``, ``w``, ``alpha``, ``m``, ``statistic``,
        ``cut`` and ``u`` as in `Rule`; or a `Rule`, which has them all.
    caveats : iterable of str
        Carried into the result, with those that few draws (ESS < 400) or Monte Carlo error add.
    independent : bool
        Whether the draws are independent by construction, so that Monte Carlo errors need no ESS.
    change : xarray.DataArray, optional
        For Utility: the patterns' probabilities under the treatment minus those under the control,
        dims (chain, draw, pattern).

    Returns
    -------
    Decision

    Raises
    ------
    InputError
        An argument cannot be used; nothing was computed.

    Warns
    -----
    InputWarning
        Weights that do not sum to one, or that the rule does not use; a level above 0.2.

    References
    ----------
    Kavelaars, Mulder & Kaptein (2020), https://doi.org/10.1177/0962280220922256.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import bmco_pymc as bmco
    >>> draws = np.random.default_rng(1).normal([0.10, 0.05], 0.04, size=(4, 1000, 2))
    >>> delta = xr.DataArray(draws, dims=("chain", "draw", "outcome"),
    ...                      coords={"outcome": ["maths", "reading"]})
    >>> bmco.decide(delta, "all").decision, bmco.decide(delta, "any").decision
    ('not superior', 'superior')
    """
    delta = _checked(delta)
    rule = rule.for_outcomes([str(label) for label in delta["outcome"].values])
    independent = flag("independent", independent)
    given = texts("caveats", caveats, "must be sentences")
    ess = delta[..., 0].size if independent else smallest_ess(delta)
    estimated = partial(estimate, ess_if_constant=ess, independent=independent)
    sides = tuple(_side(delta, change, direction, rule, estimated) for direction in rule.sides)
    given += [few_draws(side.event, side.ess) for side in sides if side.ess < ESS_MIN]
    name = rule.statistic_name
    return Decision(
        asked=rule,
        sides=sides,
        verdict=verdict({side.direction: side.met for side in sides}, rule.bounds()),
        caveats=(*given, *(_doubt(name, side) for side in sides if not side.settled)),
    )


def _doubt(statistic_name: str, side: Side) -> str:
    """Return what few draws leave open."""
    if side.met is None:
        return _UNJUDGED.format(statistic_name, side)
    return _OPEN.format(decimals(side.statistic), side)


def _side(
    delta: xr.DataArray,
    change: xr.DataArray | None,
    direction: str,
    rule: Rule,
    estimated: Callable[[xr.DataArray], xr.Dataset],
) -> Side:
    """Return what one direction says; the rule is one for these outcomes."""
    threshold = rule.threshold()
    holds, beyond = rule.events(delta, direction, change)
    joint, marginal = estimated(holds), estimated(beyond)
    alone = rule.statistic == "marginal"
    decides = rule.criterion.statistic(joint, marginal, rule.m) if alone else joint
    statistic, mcse, bound = (float(decides[name]) for name in ("probability", "mcse", "bound"))
    enough, settled = map(bool, judged(statistic, mcse, bound, threshold))
    return Side(
        direction=direction,
        event=rule.event(direction),
        probability=float(joint["probability"]),
        mcse=float(joint["mcse"]),
        ess=float(joint["ess"]),
        bound=None if np.isnan(joint["bound"]) else float(joint["bound"]),
        marginal=marginal["probability"],
        marginal_mcse=marginal["mcse"],
        marginal_bound=marginal["bound"],
        statistic=statistic,
        statistic_mcse=mcse,
        threshold=threshold,
        met=statistic > threshold if enough else None,
        settled=settled,
    )


def _checked(delta: xr.DataArray) -> xr.DataArray:
    """Return δ with its dims in order, or say what is wrong with it."""
    if not isinstance(delta, xr.DataArray) or set(delta.dims) != set(_DIMS):
        found = getattr(delta, "dims", type(delta).__name__)
        raise InputError("delta", found, "must be an xarray.DataArray with dims", _DIMS)
    if delta.size == 0 or not np.isfinite(delta).all():
        raise InputError("delta", dict(delta.sizes), "must hold draws, all of them finite")
    return delta.transpose(*_DIMS).astype(float)
