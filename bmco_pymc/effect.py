"""The effect in one population: θ and δ draw by draw, their summary, and decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bmco_pymc import patterns
from bmco_pymc.averaging import averaged_phi, exact_phi
from bmco_pymc.decision import Decision, decide
from bmco_pymc.diagnostics import Diagnostics, diagnose
from bmco_pymc.estimates import estimates
from bmco_pymc.per_outcome import PerOutcome
from bmco_pymc.population import Analytical, Empirical, Value
from bmco_pymc.render import as_html, as_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bmco_pymc.fit import Fit
    from bmco_pymc.report import Report

NOT_CONTROLLED = (
    "Whole clusters were randomised and this is about the observed clusters: the error rate of "
    "the decision is not controlled; ask about new clusters"
)
IN_DOUBT = ": the diagnostics of the effect say why; do not use this yet"
PRIOR = "Under the prior alone, no outcome was used: "


@dataclass(frozen=True, eq=False, repr=False)
class Effect:
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
    fit : Fit
        The fit that it comes from.
    """

    phi: xr.DataArray
    theta: xr.DataArray
    delta: xr.DataArray
    estimand: str
    diagnostics: Diagnostics
    caveats: tuple[str, ...]
    fit: Fit

    @property
    def rho(self) -> xr.DataArray:
        """Correlation of each pair of outcomes, from the averaged φ; dims (…, group, pair)."""
        outcomes = self.fit.model.study.outcomes
        pairs = [f"{outcomes[a]}, {outcomes[b]}" for a, b in patterns.pairs(len(outcomes))]
        dims = [*self.phi.dims[:-1], "pair"]
        coords = {dim: self.phi.coords[dim] for dim in self.phi.dims[:-1]}
        values = patterns.rho_from_phi(self.phi.values)
        return xr.DataArray(values, dims=dims, coords={**coords, "pair": pairs}, name="rho")

    def decide(
        self,
        rule: str = "All",
        direction: str = "right",
        margins: PerOutcome = 0.0,
        w: PerOutcome | None = None,
        alpha: float = 0.05,
    ) -> Decision:
        """Apply a decision rule to δ; see `bmco_pymc.decision.decide`.

        Parameters
        ----------
        rule : {"All", "Any", "Comp"}
            Better on every outcome, on at least one, or on the weighted balance.
        direction : {"right", "left", "two-sided"}
            Whether δ, −δ or each of them should exceed the margins.
        margins : float, sequence or mapping
            Margin of each outcome: above 0 for superiority by a margin, below for non-inferiority.
        w : sequence or mapping, optional
            Weights of the outcomes for Comp; equal weights if not given.
        alpha : float
            Error rate of the decision.

        Returns
        -------
        Decision
        """
        doubt = () if self.diagnostics.ok else (self.diagnostics.verdict.split(":")[0] + IN_DOUBT,)
        caveats = (*self.caveats, *doubt)
        exact = self.diagnostics.exact
        return decide(self.delta, rule, direction, margins, w, alpha, caveats, independent=exact)

    def report(
        self,
        rule: str = "All",
        direction: str = "right",
        margins: PerOutcome = 0.0,
        w: PerOutcome | None = None,
        alpha: float = 0.05,
        *,
        ci_prob: float = 0.95,
    ) -> Report:
        """Put the effect and a decision in words: a paragraph, and the items of BARG.

        What only the author can know is marked as to be filled in. Where the sampler did not
        converge, the paragraph starts with that.

        Parameters
        ----------
        rule, direction, margins, w, alpha
            As in `decide`.
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
        from bmco_pymc.report import make_report

        return make_report(self, rule, direction, margins, w, alpha, ci_prob)

    def summary(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return a table of θ and δ.

        Parameters
        ----------
        ci_prob : float
            Probability in the equal-tailed interval.

        Returns
        -------
        pandas.DataFrame
            A row for each θ and δ: mean, sd, lower, upper, mcse, ess_bulk, ess_tail, rhat.
        """
        draws = xr.Dataset({"theta": self.theta, "delta": self.delta})
        return estimates(draws, self.diagnostics, ci_prob)

    def plot_theta(self, ci_prob: float = 0.95) -> Figure:
        """Draw θ of both groups, a panel per outcome: see `bmco_pymc.plots.theta.plot_theta`."""
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
        """Draw δ with intervals and margins: see `bmco_pymc.plots.delta.plot_delta`."""
        from bmco_pymc.plots.delta import plot_delta

        return plot_delta(self, direction, margins, w, ci_prob=ci_prob)

    def plot_joint(
        self,
        rule: str | None = None,
        direction: str = "right",
        margins: PerOutcome = 0.0,
        w: PerOutcome | None = None,
        *,
        outcomes: Sequence[str] | None = None,
        points: int = 2000,
    ) -> Figure:
        """Draw two outcomes' δ and where rules hold: see `bmco_pymc.plots.joint.plot_joint`."""
        from bmco_pymc.plots.joint import plot_joint

        return plot_joint(self, rule, direction, margins, w, outcomes=outcomes, points=points)

    def text(self, ci_prob: float = 0.95) -> str:
        """Return what ``print(effect)`` shows, with intervals of any probability."""
        return as_text(*self._facts(ci_prob))

    def _facts(self, ci_prob: float = 0.95) -> tuple[str, list[list[str]], list[str]]:
        table = self.summary(ci_prob)
        head = ["", "mean", "sd", f"{100 * ci_prob:g}% interval", "mcse", "ess"]
        rows = [
            [
                str(label),
                f"{row['mean']:.3f}",
                f"{row['sd']:.3f}",
                f"[{row['lower']:.3f}, {row['upper']:.3f}]",
                f"{row['mcse']:.4f}",
                "–"
                if np.isnan(row["ess_bulk"])
                else f"{min(row['ess_bulk'], row['ess_tail']):.0f}",
            ]
            for label, row in table.iterrows()
        ]
        control, treatment = self.fit.model.study.group_labels
        whose = "Prior of the effect" if self.fit.is_prior else "Effect"
        return (
            f"{whose} of {treatment} compared with {control} ({type(self.fit.model).__name__})",
            [head, *rows],
            [f"Estimand: {self.estimand}", *str(self.diagnostics).splitlines()],
        )

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(*self._facts())


def make_effect(
    fit: Fit,
    population: Value | Empirical | Analytical | None,
    *,
    clusters: str | None,
    standardise: str,
    cluster_weights: str,
) -> Effect:
    """Average the fit's draws over a population; see ``Fit.effect``."""
    if fit.model.design is None:
        phi, estimand = exact_phi(fit, population, clusters)
    else:
        phi, estimand = averaged_phi(fit, population, clusters, standardise, cluster_weights)
    observed = clusters == "observed" and fit.model.cells.one_group_clusters
    return effect_of_phi(fit, phi, estimand, (NOT_CONTROLLED,) if observed else ())


def effect_of_phi(
    fit: Fit, phi: np.ndarray, estimand: str, caveats: tuple[str, ...] = ()
) -> Effect:
    """Return the effect for given pattern probabilities, shape (chain, draw, group, pattern)."""
    posterior = fit.idata["posterior"]
    if fit.is_prior:
        estimand = PRIOR + estimand[0].lower() + estimand[1:]
        caveats = (*caveats, "this is the prior, not a result")
    labels = fit.model.coords
    coords: dict[str, Any] = {dim: posterior.coords[dim].values for dim in ("chain", "draw")}
    coords |= {"group": labels["group"]}
    over = ("chain", "draw", "group")
    theta = xr.DataArray(
        patterns.theta_from_phi(phi),
        dims=(*over, "outcome"),
        coords={**coords, "outcome": labels["outcome"]},
        name="theta",
    )
    delta = (theta.isel(group=1, drop=True) - theta.isel(group=0, drop=True)).rename("delta")
    derived = diagnose(
        xr.Dataset({"theta": theta, "delta": delta}),
        {"theta": ["theta"], "delta": ["delta"]},
        exact=fit.diagnostics.exact,
    )
    derived.warn(stacklevel=4)
    return Effect(
        phi=xr.DataArray(
            phi,
            dims=(*over, "pattern"),
            coords={**coords, "pattern": labels["pattern"]},
            name="phi",
        ),
        theta=theta,
        delta=delta,
        estimand=estimand,
        diagnostics=fit.diagnostics.joined(derived),
        caveats=caveats,
        fit=fit,
    )
