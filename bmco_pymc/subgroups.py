"""The effect in each of several subgroups of one study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmco_pymc.arguments import one_of
from bmco_pymc.covariates import numbers_as_such
from bmco_pymc.decisions import Decisions, gather
from bmco_pymc.diagnostics import Diagnostics
from bmco_pymc.effect import Effect
from bmco_pymc.errors import InputError
from bmco_pymc.per_outcome import PerOutcome
from bmco_pymc.population import Empirical, Sample
from bmco_pymc.render import as_html, as_text
from bmco_pymc.several import effects_in, tidy, verdict_on
from bmco_pymc.splitting import by_bins, by_category, is_binned

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bmco_pymc.fit import Fit

NOTE = "each subgroup has its own decision; the error rate over all of them is not controlled"


@dataclass(frozen=True, eq=False, repr=False)
class Subgroups:
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
    def fit(self) -> Fit:
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
        """
        columns = {self.by: self.labels, "subjects": [sum(n) for n in self.subjects]}
        return tidy(self.effects, columns, ci_prob)

    def decide(
        self,
        rule: str = "All",
        direction: str = "right",
        margins: PerOutcome = 0.0,
        w: PerOutcome | None = None,
        alpha: float = 0.05,
    ) -> Decisions:
        """Apply a decision rule in each subgroup; arguments as in `Effect.decide`."""
        each = tuple(effect.decide(rule, direction, margins, w, alpha) for effect in self.effects)
        return gather(self.by, self.labels, each, NOTE)

    def plot(
        self,
        rule: str | None = "All",
        direction: str = "right",
        margins: PerOutcome = 0.0,
        w: PerOutcome | None = None,
        *,
        ci_prob: float = 0.95,
    ) -> Figure:
        """Draw a forest: see `bmco_pymc.plots.subgroups.plot_subgroups`."""
        from bmco_pymc.plots.subgroups import plot_subgroups

        return plot_subgroups(self, rule, direction, margins, w, ci_prob=ci_prob)

    def _facts(self) -> tuple[str, list[list[str]], list[str]]:
        study = self.fit.model.study
        control, treatment = study.group_labels
        title = f"Effect of {treatment} compared with {control} by {self.by}"
        head = [self.by, control, treatment, *(f"delta[{k}]" for k in study.outcomes)]
        rows = [head]
        total = np.bincount(self.fit.model.cells.arm, weights=self.fit.model.cells.weight)
        labels = (*self.labels, "all subjects")
        sizes = [*self.subjects, (int(total[0]), int(total[1]))]
        for label, n, effect in zip(labels, sizes, (*self.effects, self.overall), strict=True):
            numbers = effect.summary()
            cells = [numbers.loc[f"delta[{k}]", ["mean", "lower", "upper"]] for k in study.outcomes]
            texts = ["{:.3f} [{:.3f}, {:.3f}]".format(*cell) for cell in cells]
            rows.append([label, *map(str, n), *texts])
        sentences = [
            "Subjects of each group, and mean and 95% interval of delta.",
            *self.notes,
            f"Estimand in {self.labels[0]}: {self.effects[0].estimand}",
            *str(self.diagnostics).splitlines(),
        ]
        return title, rows, sentences

    def __str__(self) -> str:
        return as_text(*self._facts())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(*self._facts())


def make_subgroups(
    fit: Fit,
    by: str,
    bins: int | Sequence[float] | None,
    options: Mapping[str, Any],
    *,
    progress: bool,
) -> Subgroups:
    """Return the effect in each of several subgroups.

    Parameters
    ----------
    fit : Fit
        Made with covariates.
    by : str
        A column of the study's data, in the model or not. Categories are subgroups; so are
        numbers if there are no more distinct ones than bins.
    bins : int or sequence of float, optional
        For numbers: how many bins, with about as many subjects each (the default is 4), or
        their edges. A bin holds its lower edge, and the last one its upper edge too.
    options : mapping
        ``clusters``, ``standardise`` and ``cluster_weights`` as in `Fit.effect`; keywords of
        ``fit.effects_by``.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Subgroups
        What ``fit.effect(Empirical(...))`` gives in each, with a table, decisions and a plot.

    Raises
    ------
    InputError
        If the column cannot tell subgroups apart, or a subgroup has no subjects.
    """
    model = fit.model
    if model.design is None:
        raise InputError("by", by, f"{type(model).__name__} has no subgroups; fit a BGLM or BGLMM")
    study = model.study
    taken = {*study.outcomes, study.group, study.counts}
    choices = [str(name) for name in study.data.columns if name not in taken]
    one_of("by", by, choices, "is no column that can tell subgroups apart")
    sample = Sample(study, model.cells)
    column = numbers_as_such(
        study.data[by].iloc[model.cells.row]
    )  # of the subjects that are analysed
    weight = study.weight[model.cells.row]
    rows = study.position[model.cells.row], study.n_input
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
    *effects, overall = effects_in(fit, everywhere, options, progress=progress)
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
