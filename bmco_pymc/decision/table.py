"""One rule applied to several effects: a table of decisions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bmco_pymc.decision.decision import Decision
from bmco_pymc.decision.probability import shown
from bmco_pymc.printing import Facts, Printed

MOST = 3  # caveats of single populations that are printed


@dataclass(frozen=True, eq=False, repr=False)
class Decisions(Printed):
    """A rule applied in several populations; made by ``decide`` of `Subgroups` or `Curve`.

    Attributes
    ----------
    by : str
        What tells the populations apart.
    labels : tuple
        What each population is called: a subgroup's label, or a value of the covariate.
    decisions : tuple of Decision
        One per population.
    caveats : tuple of str
        What a reader must know before using them.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    >>> prior = bmco.BGLM(study, "arm * severity").prior_effect(draws=400, seed=1).fit
    >>> decisions = prior.effects_by("severity").decide("any")
    >>> decisions.by, decisions.labels
    ('severity', ('mild', 'severe'))
    >>> decisions.probability.round(1).tolist()
    [0.8, 0.8]
    >>> decisions.table[["severity", "P[y1]", "P[y2]", "decision"]].round(1)
      severity  P[y1]  P[y2]      decision
    0     mild    0.5    0.5  not superior
    1   severe    0.5    0.5  not superior
    """

    by: str
    labels: tuple[object, ...]
    decisions: tuple[Decision, ...]
    caveats: tuple[str, ...]

    @property
    def probability(self) -> np.ndarray:
        """Joint probability of the first side in each population, shape (n,)."""
        return np.array([decision.probability for decision in self.decisions])

    @property
    def table(self) -> pd.DataFrame:
        """A row per population and side, unrounded.

        Columns: the population, ``direction``, ``probability`` with ``mcse`` and, where all draws
        agree, ``bound``; ``P[outcome]`` for each outcome alone; ``statistic`` and ``threshold``,
        which decide; ``decision``.
        """
        rows = []
        for label, decision in zip(self.labels, self.decisions, strict=True):
            for side in decision.sides:
                alone = zip(decision.outcomes, side.marginal.values, strict=True)
                rows.append(
                    {
                        self.by: label,
                        "direction": side.direction,
                        "probability": side.probability,
                        "mcse": side.mcse,
                        "bound": np.nan if side.bound is None else side.bound,
                        **{f"P[{outcome}]": float(p) for outcome, p in alone},
                        "statistic": side.statistic,
                        "threshold": side.threshold,
                        "decision": decision.verdict,
                    }
                )
        return pd.DataFrame(rows)

    def _facts(self) -> Facts:
        first = self.decisions[0]
        sides = first.direction if len(first.sides) == 2 else f"{first.direction}-sided"
        title = f"Rule {first.rule}, {sides}, level {first.alpha:g}, by {self.by}"
        head = [self.by, *(f"P({side.direction})" for side in first.sides), "decision"]
        rows = [
            [
                _label(label),
                *(shown(side.probability, side.mcse, side.bound) for side in decision.sides),
                decision.verdict,
            ]
            for label, decision in zip(self.labels, self.decisions, strict=True)
        ]
        events = [f"P({side.direction}) = P({side.event})." for side in first.sides]
        return title, [head, *rows], [*events, *(f"Caveat: {text}." for text in self.caveats)]


def gather(
    by: str, labels: tuple[object, ...], decisions: tuple[Decision, ...], note: str
) -> Decisions:
    """Return decisions with each caveat once, and a note on looking at several."""
    shared = [text for text in decisions[0].caveats if all(text in d.caveats for d in decisions)]
    single = [
        f"{by} {_label(label)}: {text}"
        for label, decision in zip(labels, decisions, strict=True)
        for text in decision.caveats
        if text not in shared
    ]
    if len(single) > MOST:
        single[MOST:] = [f"and {len(single) - MOST} more like this, in the decisions themselves"]
    several = [note] if len(decisions) > 1 else []
    return Decisions(by, labels, decisions, (*shared, *single, *several))


def _label(label: object) -> str:
    """Return what a population is called, a number with four digits."""
    return f"{label:.4g}" if isinstance(label, float) else str(label)
