"""The effect in each of several subgroups of one study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.arguments import one_of
from bmco_pymc.data.covariates import numbers_as_such
from bmco_pymc.decision.rule import Rule, asking
from bmco_pymc.decision.table import Decisions, gather
from bmco_pymc.diagnostics.verdict import Diagnostics
from bmco_pymc.effects.along import delta_texts, effects_in, tidy, title, verdict_on
from bmco_pymc.effects.effect import Effect
from bmco_pymc.effects.splitting import by_bins, by_category, is_binned
from bmco_pymc.errors import InputError
from bmco_pymc.population.estimand import Estimand
from bmco_pymc.population.points import Empirical, Sample
from bmco_pymc.printing import Facts, Printed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bmco_pymc.posterior.posterior import Posterior

NOTE = "each subgroup has its own decision; the error rate over all of them is not controlled"


@dataclass(frozen=True, eq=False, repr=False)
class Subgroups(Printed):
    """Effects in subgroups; made by ``fit.effects_by()``.

    Attributes
    ----------
    by : str
        The column that tells the subgroups apart.
    labels : tuple of str, length n
        What each is called: its category, or its bin such as ``"[40, 60)"``.
    edges : tuple of float or None
        The edges of the bins; None for categories.
    subjects : tuple of (int, int)
        The number of subjects of the control and the treatment in each.
    populations : tuple of Empirical
        What gives the same by ``fit.effect(population)``.
    effects : tuple of Effect
        One per subgroup.
    overall : Effect
        The effect in the whole sample, averaged in the same way.
    notes : tuple of str
        Who is in no subgroup.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    >>> prior = bmco.BGLM(study, "arm * severity").prior_effect(draws=400, seed=1).fit
    >>> groups = prior.effects_by("severity")
    >>> groups.labels, groups.subjects
    (('mild', 'severe'), ((73, 69), (47, 51)))
    >>> groups.diagnostics.ok, groups.fit is prior
    (True, True)
    >>> groups.table.columns.tolist()[:6]
    ['severity', 'subjects', 'quantity', 'group', 'outcome', 'mean']
    """

    by: str
    labels: tuple[str, ...]
    edges: tuple[float, ...] | None
    subjects: tuple[tuple[int, int], ...]
    populations: tuple[Empirical, ...]
    effects: tuple[Effect, ...]
    overall: Effect
    notes: tuple[str, ...]

    @property
    def fit(self) -> Posterior:
        """The fit that they come from."""
        return self.overall.fit

    @cached_property
    def diagnostics(self) -> Diagnostics:
        """The verdict on the fit and on θ and δ in all subgroups."""
        return verdict_on([*self.effects, self.overall])

    @property
    def table(self) -> pd.DataFrame:
        """`summary` with 95 % intervals."""
        return self.summary()

    def __getitem__(self, label: str) -> Effect:
        """Return the effect in one subgroup."""
        if label not in self.labels:
            raise InputError("subgroup", label, f"is no subgroup of {self.by!r}", self.labels)
        return self.effects[self.labels.index(label)]

    def summary(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return θ and δ in each subgroup, a row each.

        Parameters
        ----------
        ci_prob : float
            Probability in the equal-tailed interval.

        Returns
        -------
        pandas.DataFrame
            Columns: the column's name (the subgroup); ``subjects``; ``quantity`` ("theta" or
            "delta"), ``group`` (none for δ), ``outcome``; and those of `Effect.summary`.

        Raises
        ------
        InputError
            If ``ci_prob`` is not between 0 and 1.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> prior = bmco.BGLM(study, "arm * severity").prior_effect(draws=400, seed=1).fit
        >>> table = prior.effects_by("severity").summary(0.5)
        >>> table.query("quantity == 'delta'")[["severity", "outcome", "lower", "upper"]].round(1)
           severity outcome  lower  upper
        4      mild      y1   -0.2    0.3
        5      mild      y2   -0.2    0.3
        10   severe      y1   -0.3    0.3
        11   severe      y2   -0.2    0.3
        """
        columns = {self.by: self.labels, "subjects": [sum(n) for n in self.subjects]}
        return tidy(self.effects, columns, ci_prob)

    @asking("All")
    def decide(self, rule: Rule) -> Decisions:
        """Apply a decision rule in each subgroup; arguments as in `Effect.decide`.

        Parameters
        ----------
        rule : str or Rule
            With its arguments, as in `Effect.decide`.

        Returns
        -------
        Decisions
            One for each subgroup, with a table.

        Raises
        ------
        InputError
            If an argument cannot be used.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> prior = bmco.BGLM(study, "arm * severity").prior_effect(draws=400, seed=1).fit
        >>> decisions = prior.effects_by("severity").decide("comp", w=[0.8, 0.2])
        >>> decisions.table[["severity", "probability", "decision"]].round(1)
          severity  probability      decision
        0     mild          0.5  not superior
        1   severe          0.5  not superior
        """
        each = tuple(effect.decide(rule) for effect in self.effects)
        return gather(self.by, self.labels, each, NOTE)

    @asking("All")
    def plot(self, rule: Rule, *, ci_prob: float = 0.95) -> Figure:
        """Draw δ with its interval in each subgroup and in all subjects, a panel per outcome.

        Parameters
        ----------
        rule : str or Rule, optional
            With its arguments, as in `Effect.decide`; its probability stands beside each row. None
            leaves it out, and shows the margins alone.
        ci_prob : float
            Probability in the equal-tailed intervals; the thick part holds half.

        Returns
        -------
        matplotlib.figure.Figure
            An axes per outcome, with a row per subgroup and one for all subjects at the bottom.

        Raises
        ------
        InputError
            If an argument cannot be used, or the direction is two-sided; nothing was drawn.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> prior = bmco.BGLM(study, "arm * severity").prior_effect(draws=400, seed=1).fit
        >>> figure = prior.effects_by("severity").plot("any")
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['mild   n = 142', 'severe   n = 98', 'all subjects   n = 240']
        """
        from bmco_pymc.plots.subgroups import plot_subgroups

        return plot_subgroups(
            [*self.effects, self.overall],
            self.labels,
            self._sizes().sum(axis=1).tolist(),
            self.by,
            rule,
            self.diagnostics,
            ci_prob=ci_prob,
        )

    def _sizes(self) -> NDArray[np.int64]:
        """Return the subjects of each group in the subgroups and, last, in all, (n + 1, 2)."""
        return np.vstack([*self.subjects, self.overall.posterior.model.cells.subjects])

    def _facts(self) -> Facts:
        head = [self.by, *self.overall.groups, *(f"delta[{k}]" for k in self.overall.outcomes)]
        labels, effects = (*self.labels, "all subjects"), (*self.effects, self.overall)
        rows = [
            [label, *map(str, n), *delta_texts(effect)]
            for label, n, effect in zip(labels, self._sizes(), effects, strict=True)
        ]
        sentences = [
            "Subjects of each group, and mean and 95% interval of delta.",
            *self.notes,
            f"Estimand in {self.labels[0]}: {self.effects[0].estimand}",
            *str(self.diagnostics).splitlines(),
        ]
        return title(self.overall, self.by), [head, *rows], sentences


def make_subgroups(
    fit: Posterior,
    by: str,
    bins: int | Sequence[float] | None,
    asked: Estimand,
    *,
    progress: bool,
) -> Subgroups:
    """Return the effect in each of several subgroups; see `Fit.effects_by`."""
    model = fit.model
    if model.terms is None:
        raise InputError("by", by, f"{type(model).__name__} has no subgroups; fit a BGLM or BGLMM")
    study = model.study
    taken = {*study.outcomes, study.group, study.counts}
    choices = [str(name) for name in study.data.columns if name not in taken]
    one_of("by", by, choices, "is no column that can tell subgroups apart")
    sample = Sample(study, model.cells)
    row = model.cells.row  # of the subjects that are analysed
    column, weight = numbers_as_such(study.data[by].iloc[row]), study.weight[row]
    # A mask has the rows of the input, or the index of those that were counted.
    rows = study.position[row], study.n_input if study.covariates is None else study.data.index
    edges = None
    if is_binned(column, bins) and not (by == study.cluster and bins is None):
        edges, populations = by_bins(by, column, weight, 4 if bins is None else bins, *rows)
    else:
        populations = by_category(by, column, *rows)
    subjects = []
    for label, population in populations.items():
        n = np.bincount(model.cells.arm, weights=sample.subjects(population), minlength=2)
        subjects.append((int(n[0]), int(n[1])))
        if n.sum() == 0:
            raise InputError("bins", bins, f"there is no subject in {label}")
    left = int(weight.sum()) - int(np.sum(subjects))
    notes = (f"{left} subjects are in no subgroup.",) if left else ()
    everywhere = [*populations.values(), Empirical()]
    *effects, overall = effects_in(fit, everywhere, asked, progress=progress)
    return Subgroups(
        by=by,
        labels=tuple(populations),
        edges=edges,
        subjects=tuple(subjects),
        populations=tuple(populations.values()),
        effects=tuple(effects),
        overall=overall,
        notes=notes,
    )
