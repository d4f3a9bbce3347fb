"""How far a target is from the sample that a fit knows: before its answer is carried over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bmco_pymc.arguments import of_kind
from bmco_pymc.data.remarks import warn
from bmco_pymc.errors import InputError
from bmco_pymc.population.likeness import FAR, Likeness, called, is_far, likeness, shown, smd_text
from bmco_pymc.population.matched import match, percent
from bmco_pymc.population.subjects import Sample
from bmco_pymc.population.target import Target, row_words
from bmco_pymc.printing import Facts, Printed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bmco_pymc.posterior.posterior import Posterior


@dataclass(frozen=True, eq=False, repr=False)
class Overlap(Printed):
    """A target beside the sample, covariate by covariate; made by ``fit.overlap()``.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each covariate that is a number, and for each level of a category: ``covariate``,
        ``level`` (empty for numbers), the means or shares in the ``sample`` and the ``target``,
        the standardised mean difference ``smd`` (in SDs of the sample; positive where the target is
        higher), ``sd_ratio`` (the target's SD by the sample's) and ``outside``, the share of the
        target outside the sample's range (both for numbers only).
    ess : float
        Effective sample size: how many of the sample's subjects are left when they are weighted
        such that their means are those of the target.
    subjects : int
        The analysed subjects n.
    reached : bool
        Whether there are such weights.
    outside : float
        Share of the target with a number outside the sample's range.
    target : str
        The target in words.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    >>> prior = bmco.BGLM(study, "arm * x").prior_effect(draws=400, seed=1).fit
    >>> overlap = prior.overlap(bmco.Target(bmco.load_trial()[["x"]].iloc[:40]))
    >>> overlap.table[["covariate", "sample", "target", "smd"]].round(2)
      covariate  sample  target   smd
    0         x    0.01   -0.05 -0.06
    >>> overlap.far, overlap.subjects, round(overlap.ess)
    (False, 240, 239)
    >>> overlap.notes[0]
    'Effective sample size when weighted to the means of the target: 239 of 240 subjects.'
    """

    table: pd.DataFrame
    ess: float
    subjects: int
    reached: bool
    outside: float
    target: str

    @property
    def far(self) -> bool:
        """Whether a difference is above 0.25 SD, or less than half of the sample is left."""
        return is_far(self.table, self.ess, self.subjects)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the numbers mean for an answer about the target."""
        table = self.table
        differ = [called(row) for _, row in table[table["smd"].abs() > FAR].iterrows()]
        ess = f"{self.ess:,.0f} of {self.subjects:,} subjects"
        found = [f"Effective sample size when weighted to the means of the target: {ess}."]
        if not self.reached:
            found[0] = (
                "No weights give the sample the means of the target: the effective sample size of "
                f"the nearest ones is {ess}."
            )
        if self.outside:
            found.append(f"{percent(self.outside)} of the target is outside the sample's range.")
        if differ:
            found.append(f"Differs by more than {FAR:g} SD: {', '.join(differ)}.")
        if self.far and self.ess >= self.subjects / 2:
            return (*found, "Where they differ, the answer rests on the model.")
        if self.far:
            return (
                *found,
                "The answer rests on the model more than on subjects like the target's.",
            )
        return (
            *found,
            "As far as these covariates tell, the sample has subjects like the target's.",
        )

    def plot(self) -> Figure:
        """Draw the standardised mean differences: a love plot.

        Returns
        -------
        matplotlib.figure.Figure
            One axes with a row for each row of ``table``, the first on top; open marks are beyond
            the lines at ±0.25. Beside it the means of sample and target.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1"], "arm", control="ctl", treatment="trt")
        >>> prior = bmco.BGLM(study, "arm * x").prior_effect(draws=400, seed=1).fit
        >>> figure = prior.overlap(bmco.Target(bmco.load_trial())).plot()
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['x']
        """
        from bmco_pymc.plots.overlap import plot_overlap

        return plot_overlap(self.table, f"The {self.target}. {' '.join(self.notes)}")

    def _facts(self) -> Facts:
        head = ["", "sample", "target", "SMD", "SD ratio", "outside"]
        rows = [
            [
                called(row),
                *(shown(row[name], row["level"]) for name in ("sample", "target")),
                smd_text(row["smd"]),
                "" if np.isnan(row["sd_ratio"]) else f"{row['sd_ratio']:.2f}",
                "" if np.isnan(row["outside"]) else percent(row["outside"]),
            ]
            for _, row in self.table.iterrows()
        ]
        whom = f"The {self.target}, beside {self.subjects:,} analysed subjects."
        return "Overlap of the target with the sample", [head, *rows], [whom, *self.notes]


def make_overlap(fit: Posterior, target: Target) -> Overlap:
    """Compare a target with the sample of a fit; see ``Fit.overlap``."""
    of_kind("target", target, Target, "must be a Target, such as bmco.Target(frame)")
    model = fit.model
    sample = Sample(model.study, model.cells)
    matched = match(target.frame, target.weight, sample)
    like: Likeness | None = likeness(matched.frame, matched.weight, sample)
    if like is None:
        what = f"the {type(model).__name__} has no covariate in which it could differ"
        raise InputError("target", target, f"{what} from the sample")
    warn(matched.left_out)  # what reaches outside the data is in the table
    return Overlap(
        like.table,
        like.ess,
        like.subjects,
        like.reached,
        like.outside,
        row_words(target, len(matched.row), float(matched.weight.sum())),
    )
