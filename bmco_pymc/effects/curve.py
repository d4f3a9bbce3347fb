"""The effect along a continuous covariate: θ, δ and decisions at each of its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from bmco_pymc.arguments import numbers, of_kind
from bmco_pymc.data.covariates import is_number
from bmco_pymc.data.frames import text
from bmco_pymc.decision.rule import Rule, asking
from bmco_pymc.decision.table import Decisions, gather
from bmco_pymc.diagnostics.verdict import Diagnostics
from bmco_pymc.effects.along import delta_texts, effects_in, tidy, title, verdict_on
from bmco_pymc.effects.effect import Effect
from bmco_pymc.errors import InputError
from bmco_pymc.population.estimand import Estimand
from bmco_pymc.population.points import Sample, Value
from bmco_pymc.printing import Facts, Printed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bmco_pymc.posterior.posterior import Posterior

POINTS = 25  # of the default grid: θ is a smooth curve, and each point costs an integral
SHOWN = 9  # rows when printed
NOTE = "each value has its own decision; the error rate over all values together is not controlled"


@dataclass(frozen=True, eq=False, repr=False)
class Curve(Printed):
    """δ(x) over a covariate; made by ``fit.curve()``.

    Attributes
    ----------
    covariate : str
        The covariate x.
    at : tuple of float, length n
        Its values, in order and in its own units.
    effects : tuple of Effect, length n
        What ``fit.effect(Value(x))`` gives at each value.
    fit : Posterior
        The fit that they come from.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    >>> prior = bmco.BGLM(study, "arm * x").prior_effect(draws=400, seed=1).fit
    >>> curve = prior.curve("x", [-1, 0, 1])
    >>> curve.covariate, curve.at, curve.fit is prior
    ('x', (-1.0, 0.0, 1.0), True)
    >>> curve.delta.dims, curve.theta.sizes["value"]
    (('chain', 'draw', 'outcome', 'value'), 3)
    >>> curve.table.columns.tolist()[:5]
    ['x', 'quantity', 'group', 'outcome', 'mean']
    >>> curve.diagnostics.ok
    True
    >>> curve.estimand
    'Under the prior alone, no outcome was used: both groups at each x from -1 to 1.'
    """

    covariate: str
    at: tuple[float, ...]
    effects: tuple[Effect, ...]
    fit: Posterior

    @property
    def delta(self) -> xr.DataArray:
        """θ of the treatment minus that of the control; dims (chain, draw, outcome, value)."""
        return self._along("delta")

    @property
    def theta(self) -> xr.DataArray:
        """Success probabilities; dims (chain, draw, group, outcome, value)."""
        return self._along("theta")

    @property
    def diagnostics(self) -> Diagnostics:
        """The verdict on the fit and on θ and δ at all values."""
        return verdict_on(self.effects)

    @property
    def estimand(self) -> str:
        """What is averaged over what, in words."""
        x = f"{self.covariate} = {text(self.at[0])}"
        ends = f"each {self.covariate} from {self.at[0]:.4g} to {self.at[-1]:.4g}"
        return self.effects[0].estimand.replace(x, ends, 1)

    @property
    def table(self) -> pd.DataFrame:
        """`summary` with 95 % intervals."""
        return self.summary()

    def summary(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return θ and δ at each value, a row each.

        Parameters
        ----------
        ci_prob : float
            Probability in the equal-tailed interval.

        Returns
        -------
        pandas.DataFrame
            Columns: the covariate; ``quantity`` ("theta" or "delta"), ``group`` (none for δ),
            ``outcome``; and those of `Effect.summary`.

        Raises
        ------
        InputError
            If ``ci_prob`` is not between 0 and 1.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> prior = bmco.BGLM(study, "arm * x").prior_effect(draws=400, seed=1).fit
        >>> table = prior.curve("x", [-1, 1]).summary(0.5)
        >>> table.query("quantity == 'delta'")[["x", "outcome", "lower", "upper"]].round(1)
              x outcome  lower  upper
        4  -1.0      y1   -0.2    0.4
        5  -1.0      y2   -0.3    0.3
        10  1.0      y1   -0.3    0.3
        11  1.0      y2   -0.3    0.3
        """
        return tidy(self.effects, {self.covariate: self.at}, ci_prob)

    @asking("All")
    def decide(self, rule: Rule) -> Decisions:
        """Apply a decision rule at each value; arguments as in `Effect.decide`.

        Parameters
        ----------
        rule : str or Rule
            With its arguments, as in `Effect.decide`.

        Returns
        -------
        Decisions
            One for each value, with a table.

        Raises
        ------
        InputError
            If an argument cannot be used.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> prior = bmco.BGLM(study, "arm * x").prior_effect(draws=400, seed=1).fit
        >>> decisions = prior.curve("x", [-1, 0, 1]).decide("any")
        >>> decisions.labels, decisions.probability.round(1).tolist()
        ((-1.0, 0.0, 1.0), [0.8, 0.8, 0.8])
        """
        each = tuple(effect.decide(rule) for effect in self.effects)
        return gather(self.covariate, self.at, each, NOTE)

    @asking("All")
    def plot(self, rule: Rule, *, ci_prob: float = 0.95) -> Figure:
        """Draw δ(x) of each outcome with its band and, below, what decides on a rule.

        Parameters
        ----------
        rule : str or Rule, optional
            With its arguments, as in `Effect.decide`. Drawn are the probability that decides (of
            All the smallest marginal one, of Any the largest), its threshold, and thinner the
            probability that the rule holds, where that is another; shaded is where the first is
            above the threshold. None leaves the panel out, and shows the margins alone.
        ci_prob : float
            Probability in the outer band, at each value; the inner one holds half.

        Returns
        -------
        matplotlib.figure.Figure
            An axes per outcome and one for the rule; ticks below δ(x) are the analysed subjects.

        Raises
        ------
        InputError
            If an argument cannot be used, or the direction is two-sided; nothing was drawn.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> prior = bmco.BGLM(study, "arm * x").prior_effect(draws=400, seed=1).fit
        >>> figure = prior.curve("x").plot("any")
        >>> [axes.get_title("left") for axes in figure.axes]
        ['y1', 'y2', 'Rule Any']
        """
        from bmco_pymc.plots.curve import plot_curve

        stated = rule.rule is not None
        return plot_curve(
            self.effects,
            self.covariate,
            self.decide(rule if stated else rule.named("All")),
            self.estimand,
            self.diagnostics,
            stated=stated,
            ci_prob=ci_prob,
        )

    def _along(self, name: str) -> xr.DataArray:
        parts = [getattr(effect, name) for effect in self.effects]
        return xr.concat(parts, dim=pd.Index(self.at, name="value")).transpose(..., "value")

    def _facts(self) -> Facts:
        places = np.unique(np.linspace(0, len(self.at) - 1, SHOWN).round().astype(int))
        head = [self.covariate, *(f"delta[{k}]" for k in self.fit.model.study.outcomes)]
        rows = [[f"{self.at[i]:.4g}", *delta_texts(self.effects[i])] for i in places]
        sentences = [f"Estimand: {self.estimand}", *str(self.diagnostics).splitlines()]
        if len(places) < len(self.at):
            sentences.insert(0, f"{len(places)} of {len(self.at)} values; mean and 95% interval.")
        return title(self.effects[0], self.covariate), [head, *rows], sentences


def make_curve(
    fit: Posterior,
    covariate: str,
    at: ArrayLike | None,
    given: Mapping[str, Any] | None,
    asked: Estimand,
    *,
    progress: bool,
) -> Curve:
    """Return the effect along a continuous covariate; see `Fit.curve`."""
    sample = Sample(fit.model.study, fit.model.cells)
    numeric = [str(k) for k in sample.covariates if is_number(sample.cells.frame[k])]
    if not isinstance(covariate, str) or covariate not in sample.covariates:
        choices = numeric or None
        none = "" if sample.covariates else f": {type(fit.model).__name__} has none here"
        raise InputError("covariate", covariate, f"is no covariate of the model{none}", choices)
    if covariate not in numeric:
        problem = f"is a category, which has no curve; use fit.effects_by({covariate!r})"
        raise InputError("covariate", covariate, problem, numeric or None)
    what = "must be a mapping of other covariates to their values"
    others = dict(of_kind("given", {} if given is None else given, Mapping, what))
    if covariate in others:
        raise InputError("given", given, f"{covariate!r} is what the curve runs along")
    x = sample.cells.frame[covariate]
    grid = np.linspace(float(x.min()), float(x.max()), POINTS) if at is None else _values(at)
    populations = [Value({covariate: value, **others}) for value in grid.tolist()]
    effects = effects_in(fit, populations, asked, progress=progress)
    return Curve(covariate, tuple(grid.tolist()), effects, fit)


def _values(at: ArrayLike) -> np.ndarray:
    """Return the values asked about, in order and each once."""
    problem = "must be a list of two finite numbers or more"
    values = numbers("at", at, problem)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise InputError("at", at, problem)
    return np.unique(values)
