"""The effect in one population: θ and δ draw by draw, their summary, and decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bmco_pymc import patterns
from bmco_pymc.data import missing
from bmco_pymc.decision.outcomes import PerOutcome
from bmco_pymc.decision.rule import Rule, asking
from bmco_pymc.diagnostics.verdict import diagnose
from bmco_pymc.effects.population_average import averaged_phi
from bmco_pymc.population.estimand import Estimand
from bmco_pymc.posterior.differences import Differences, contrast
from bmco_pymc.printing import Facts, as_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bmco_pymc.posterior.posterior import Posterior
    from bmco_pymc.report.report import Report

NOT_CONTROLLED = (
    "Whole clusters were randomised and this is about the observed clusters: the error rate of "
    "the decision is not controlled; ask about new clusters"
)
PRIOR = "Under the prior alone, no outcome was used: "


@dataclass(frozen=True, eq=False, repr=False)
class Effect(Differences):
    """Success probabilities and their differences in one population; made by ``fit.effect()``.

    Attributes
    ----------
    phi : DataArray, dims (chain, draw, group, pattern)
        Probability of each response pattern, averaged over the population.
    theta : DataArray, dims (chain, draw, group, outcome)
        Success probability of each outcome.
    delta : DataArray, dims (chain, draw, outcome)
        θ of the treatment minus θ of the control.
    estimand : str
        What was averaged over what, in words.
    diagnostics : Diagnostics
        The verdict on the fit and on θ and δ.
    caveats : tuple of str
        What a decision from this effect must say.
    posterior : Posterior
        What it comes from: the fit, or the prior.
    """

    @property
    def fit(self) -> Any:
        """The fit that it comes from, with its verbs; ``posterior`` is the same value."""
        return self.posterior

    @asking("All")
    def report(self, rule: Rule, *, ci_prob: float = 0.95) -> Report:
        """Put the effect and a decision in words: a paragraph, and the items of BARG.

        What only the author can know is marked as to be filled in. Where the sampler did not
        converge, the paragraph starts with that.

        Parameters
        ----------
        rule : str or Rule
            With its arguments, as in `decide`.
        ci_prob : float
            Probability in the equal-tailed intervals.

        Returns
        -------
        Report
            See Kruschke (2021), https://doi.org/10.1038/s41562-021-01177-7.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> print(bmco.BMVB(study).fit(seed=1).effect().report("any").paragraph[:61])
        We compared trt (120 subjects) with ctl (120 subjects) on 2 b
        """
        from bmco_pymc.report.report import make_report

        return make_report(self, rule, ci_prob)

    def plot_theta(self, ci_prob: float = 0.95) -> Figure:
        """Draw the posterior of θ: densities and intervals of both groups, a panel per outcome.

        Parameters
        ----------
        ci_prob : float
            Probability in the equal-tailed intervals; the thick part holds half.

        Returns
        -------
        matplotlib.figure.Figure
            As many axes as there are outcomes, all with the same range.

        Raises
        ------
        InputError
            If ``ci_prob`` is not between 0 and 1.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> figure = bmco.BMVB(study).fit(seed=1).effect().plot_theta()
        >>> [axes.get_title("left") for axes in figure.axes]
        ['y1', 'y2']
        """
        from bmco_pymc.plots.theta import plot_theta

        return plot_theta(self, ci_prob)

    def plot_delta(
        self,
        direction: str = "right",
        margins: PerOutcome = 0.0,
        w: PerOutcome | None = None,
        *,
        ci_prob: float = 0.95,
    ) -> Figure:
        """Draw δ of each outcome with its interval, beside zero and its margin.

        Parameters
        ----------
        direction : {"right", "left"}
            Whether δ or −δ should exceed the margins.
        margins : float, sequence or mapping
            Margin of each outcome, as in `Effect.decide`.
        w : sequence or mapping, optional
            Weights of the outcomes: adds a row for the weighted sum w'δ.
        ci_prob : float
            Probability in the equal-tailed intervals; the thick part holds half.

        Returns
        -------
        matplotlib.figure.Figure
            One axes with a row per outcome, the first on top; in columns beside it the mean with
            its interval, and the probability that δ is beyond its margin.

        Raises
        ------
        InputError
            If an argument cannot be used; nothing was drawn.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> figure = bmco.BMVB(study).fit(seed=1).effect().plot_delta(margins=-0.1)
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['y1', 'y2']
        """
        from bmco_pymc.plots.delta import plot_delta

        return plot_delta(self, direction, margins, w, ci_prob=ci_prob)

    @asking(None)
    def plot_joint(
        self, rule: Rule, *, outcomes: Sequence[str] | None = None, points: int = 2000
    ) -> Figure:
        """Draw the joint posterior of two outcomes' δ, with the regions where rules hold.

        Parameters
        ----------
        rule : str or Rule, optional
            The rule whose region to shade, All and Any together if not given; with its arguments,
            as in `decide`, about the two outcomes. If there are weights, the boundary of Comp is
            drawn too.
        outcomes : pair of str, optional
            Which two, across and upwards; needed for three outcomes and more. The rules are then
            about these two alone.
        points : int
            How many draws to show as points, at most.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InputError
            If an argument cannot be used; nothing was drawn.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> figure = bmco.BMVB(study).fit(seed=1).effect().plot_joint("comp", w=[0.8, 0.2])
        >>> figure.axes[0].get_ylabel()
        'δ of y2 (trt − ctl)'
        """
        from bmco_pymc.plots.joint import plot_joint

        return plot_joint(self, rule, outcomes=outcomes, points=points)

    def text(self, ci_prob: float = 0.95) -> str:
        """Return what ``print(effect)`` shows, with intervals of any probability."""
        return as_text(*self._facts(ci_prob))

    def _facts(self, ci_prob: float = 0.95) -> Facts:
        table = self.summary(ci_prob)
        head = ["", "mean", "sd", f"{100 * ci_prob:g}% interval", "mcse", "ess"]
        rows = [
            [
                str(label),
                f"{row['mean']:.3f}",
                f"{row['sd']:.3f}",
                f"[{row['lower']:.3f}, {row['upper']:.3f}]",
                f"{row['mcse']:.4f}",
                "–" if np.isnan(row["ess_bulk"]) else f"{row[['ess_bulk', 'ess_tail']].min():.0f}",
            ]
            for label, row in table.iterrows()
        ]
        control, treatment = self.groups
        whose = "Prior of the effect" if self.posterior.is_prior else "Effect"
        analysis = type(self.posterior.model).__name__
        partly = [] if self.posterior.is_prior else self.posterior.model.partly_observed
        return (
            f"{whose} of {treatment} compared with {control} ({analysis})",
            [head, *rows],
            [f"Estimand: {self.estimand}", *partly, *str(self.diagnostics).splitlines()],
        )


def make_effect(fit: Posterior, estimand: Estimand) -> Effect:
    """Average the fit's draws over a population; see ``Fit.effect``."""
    phi, words = averaged_phi(fit, estimand)
    observed = estimand.clusters == "observed" and fit.model.cells.one_group_clusters
    return effect_of_phi(fit, phi, words, (NOT_CONTROLLED,) if observed else ())


def effect_of_phi(
    fit: Posterior, phi: np.ndarray, estimand: str, caveats: tuple[str, ...] = ()
) -> Effect:
    """Return the effect for given pattern probabilities, shape (chain, draw, group, pattern)."""
    if fit.is_prior:
        estimand = PRIOR + estimand[0].lower() + estimand[1:]
        caveats = (*caveats, "this is the prior, not a result")
    else:
        caveats = (*caveats, *missing.caveat(fit.model.cells))
    coords: dict[str, Any] = dict(fit.model.coords)
    coords |= {dim: fit.idata["posterior"][dim].values for dim in ("chain", "draw")}

    def labelled(name: str, values: np.ndarray, last: str) -> xr.DataArray:
        dims = ("chain", "draw", "group", last)
        return xr.DataArray(values, {dim: coords[dim] for dim in dims}, dims, name)

    theta = labelled("theta", patterns.theta_from_phi(phi), "outcome")
    control, treatment = fit.model.study.group_labels
    delta = contrast(theta, treatment, control)
    derived = diagnose(
        xr.Dataset({"theta": theta, "delta": delta}),
        {"theta": ["theta"], "delta": ["delta"]},
        exact=fit.diagnostics.exact,
    )
    derived.warn()
    return Effect(
        phi=labelled("phi", phi, "pattern"),
        theta=theta,
        delta=delta,
        estimand=estimand,
        diagnostics=fit.diagnostics.joined(derived),
        caveats=caveats,
        posterior=fit,
    )
