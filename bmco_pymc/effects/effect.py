"""The effect in one population: θ and δ draw by draw, their summary, and decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bmco_pymc import patterns
from bmco_pymc.arguments import flag, probability
from bmco_pymc.data import missing
from bmco_pymc.decision.outcomes import PerOutcome
from bmco_pymc.decision.rule import Rule, asking
from bmco_pymc.diagnostics.verdict import diagnose
from bmco_pymc.effects.population_average import averaged_phi
from bmco_pymc.errors import InputError
from bmco_pymc.population.estimand import Estimand
from bmco_pymc.posterior.differences import Differences, contrast
from bmco_pymc.printing import Facts, as_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bmco_pymc.posterior.check import Check
    from bmco_pymc.posterior.posterior import Posterior
    from bmco_pymc.report.beside import Beside, Compared, Scaled
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
    asked : Estimand or None
        The arguments of ``fit.effect`` behind it, where it is the answer to these.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    >>> fit = bmco.BMVB(study).fit(seed=1)
    >>> effect = fit.effect()
    >>> effect.groups, effect.outcomes
    (('ctl', 'trt'), ('y1', 'y2'))
    >>> effect.delta.mean(("chain", "draw")).round(2).values.tolist()
    [0.11, 0.08]
    >>> effect.rho.mean(("chain", "draw")).sel(group="ctl").round(1).values.tolist()
    [0.4]
    >>> effect.estimand
    'Success probability in the whole population of each group, without covariates.'
    >>> effect.change.dims, effect.fit is fit
    (('chain', 'draw', 'pattern'), True)
    """

    asked: Estimand | None = None

    @property
    def fit(self) -> Any:
        """The fit that it comes from, with its verbs; ``posterior`` is the same value."""
        return self.posterior

    @asking("All")
    def report(
        self,
        rule: Rule,
        *,
        ci_prob: float = 0.95,
        check: Check | None = None,
        prior: Effect | None = None,
        sensitivity: Scaled | None = None,
        comparison: Compared | None = None,
        full: bool = False,
    ) -> Report:
        """Put the effect and a decision in words: a paragraph, a table, and the items of BARG.

        What only the author can know is marked as to be filled in. Where the sampler did not
        converge, the paragraph starts with that.

        Parameters
        ----------
        rule : str or Rule
            With its arguments, as in `decide`.
        ci_prob : float
            Probability in the equal-tailed intervals.
        check : Check, optional
            What ``fit.check()`` gives: the posterior predictive check.
        prior : Effect, optional
            What ``model.prior_effect()`` gives: what the priors claim of the same.
        sensitivity : Sensitivity, optional
            What ``fit.sensitivity()`` gives: how the effect moves with the strength of the prior.
        comparison : Comparison, optional
            What `bmco_pymc.compare` gives: the effect under other priors, which only the author
            can choose.
        full : bool
            Make the first three where they are not given; nothing is fitted again.

        Returns
        -------
        Report
            Printed, text; also ``.markdown()``, ``.html()``, ``.latex()`` and ``.save(path)``. See
            Kruschke (2021), https://doi.org/10.1038/s41562-021-01177-7.

        Raises
        ------
        InputError
            If an argument is of another kind, or of other groups or outcomes.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> fit = bmco.BMVB(study).fit(seed=1)
        >>> report = fit.effect().report("any", check=fit.check(seed=1))
        >>> print(report.paragraph[:61])
        We compared trt (120 subjects) with ctl (120 subjects) on 2 b
        >>> [item.heading for item in report.items if item.open][:3]
        ['Why Bayesian', 'Why these priors', 'Prior predictive check']
        """
        from bmco_pymc.report.beside import Beside
        from bmco_pymc.report.report import make_report

        beside = Beside(check, prior, sensitivity, comparison)
        if flag("full", full):
            beside = replace(beside, **self._made(rule, beside))
        return make_report(self, rule, ci_prob, beside)

    def _made(self, rule: Rule, beside: Beside) -> dict[str, Any]:
        """Return what a full report says besides, but for what is given."""
        if self.asked is None:
            problem = "cannot be made of an effect of this kind: give check, prior, sensitivity"
            raise InputError("full", True, problem)
        how = {field.name: getattr(self.asked, field.name) for field in fields(self.asked)}
        fit, seed = self.fit, int(self.fit.idata.attrs["seed"])
        makers = {
            "check": lambda: fit.check(seed=seed),
            "prior": lambda: fit.model.prior_effect(seed=seed, **how),
            "sensitivity": lambda: fit.sensitivity(rule=rule, **how),
        }
        if len(self.decide(rule).sides) > 1:  # it looks at one side at a time
            del makers["sensitivity"]
        return {name: make() for name, make in makers.items() if getattr(beside, name) is None}

    @asking("All")
    def table(self, rule: Rule, *, ci_prob: float = 0.95) -> Any:
        """Return the results as a table for a paper, a row for each outcome.

        Parameters
        ----------
        rule : str or Rule
            With its arguments, as in `decide`: its probability and decision stand below the table.
        ci_prob : float
            Probability in the equal-tailed intervals.

        Returns
        -------
        great_tables.GT
            To be shown in a notebook, styled further, and written: ``.as_raw_html()``,
            ``.as_latex()``. Estimand and verdict are its source notes.

        Raises
        ------
        InputError
            If great_tables is not installed (``pip install 'bmco-pymc[report]'``).

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> table = bmco.BMVB(study).fit(seed=1).effect().table("any")
        >>> "trt compared with ctl" in table.as_raw_html()
        True
        """
        from bmco_pymc.report.results import great_table

        return great_table(self, self.decide(rule), probability("ci_prob", ci_prob))

    def plot_theta(self, ci_prob: float = 0.95) -> Figure:
        """Draw the posterior of θ: densities and intervals of both groups, a panel per outcome.

        The densities reach 0 and 1 and no further: a flat prior is flat, and one with most of its
        mass near 0 and 1 has it there.

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
        """Draw the joint posterior of two outcomes' δ, with the areas where rules hold.

        Each area bears its own probability, and each contour the share of the posterior inside.
        What holds in several areas, as Any does where both outcomes or one alone are beyond their
        margins, has its probability in the legend.

        Parameters
        ----------
        rule : str or Rule, optional
            The rule whose area to shade, All and Any together if not given; with its arguments,
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
        >>> figure.axes[0].get_ylabel().splitlines()
        ['δ of y2', '(trt − ctl)']
        """
        from bmco_pymc.plots.joint import plot_joint

        return plot_joint(self, rule, outcomes=outcomes, points=points)

    def text(self, ci_prob: float = 0.95) -> str:
        """Return what ``print(effect)`` shows, with intervals of any probability.

        Parameters
        ----------
        ci_prob : float
            Probability in the equal-tailed intervals.

        Returns
        -------
        str

        Raises
        ------
        InputError
            If ``ci_prob`` is not between 0 and 1.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> fit = bmco.BMVB(study).fit(seed=1)
        >>> fit.effect().text(0.9).splitlines()[1].split()
        ['mean', 'sd', '90%', 'interval', 'mcse', 'ess']
        """
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
    caveats = (NOT_CONTROLLED,) if observed else ()
    return replace(effect_of_phi(fit, phi, words, caveats), asked=estimand)


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
