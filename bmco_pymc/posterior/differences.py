"""θ and δ in one population, draw by draw, with all that a table, picture or report must say."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import xarray as xr

from bmco_pymc import patterns
from bmco_pymc.decision.decision import Decision, decide
from bmco_pymc.decision.rule import Rule, asking
from bmco_pymc.diagnostics.summary import estimates
from bmco_pymc.diagnostics.verdict import Diagnostics
from bmco_pymc.posterior.posterior import Posterior
from bmco_pymc.printing import Printed

IN_DOUBT = ": the diagnostics of the effect say why; do not use this yet"


@dataclass(frozen=True, eq=False, repr=False)
class Differences(Printed):
    """Success probabilities and their differences in one population: an `Effect` without verbs.

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

    phi: xr.DataArray
    theta: xr.DataArray
    delta: xr.DataArray
    estimand: str
    diagnostics: Diagnostics
    caveats: tuple[str, ...]
    posterior: Posterior

    @property
    def rho(self) -> xr.DataArray:
        """Correlation of each pair of outcomes, from the averaged φ; dims (…, group, pair)."""
        outcomes = self.posterior.model.study.outcomes
        pairs = [f"{outcomes[a]}, {outcomes[b]}" for a, b in patterns.pairs(len(outcomes))]
        dims = [*self.phi.dims[:-1], "pair"]
        coords = {dim: self.phi.coords[dim] for dim in self.phi.dims[:-1]}
        values = patterns.rho_from_phi(self.phi.values)
        return xr.DataArray(values, dims=dims, coords={**coords, "pair": pairs}, name="rho")

    @property
    def change(self) -> xr.DataArray:
        """Pattern probabilities of the treatment minus the control's, dims (…, pattern)."""
        control, treatment = self.groups
        return contrast(self.phi, treatment, control)

    @property
    def groups(self) -> tuple[str, str]:
        """Labels of the two groups that δ contrasts: the control, the treatment."""
        return self.posterior.model.study.group_labels

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Labels of the outcomes."""
        return self.posterior.model.study.outcomes

    @asking("All")
    def decide(self, rule: Rule) -> Decision:
        """Apply a decision rule to δ; see `bmco_pymc.decide`.

        Parameters
        ----------
        rule : {"All", "Any", "Comp", "Count", "Utility"} or Rule
            Better on every outcome, on at least one, on the weighted balance, on at least ``m``, or
            in the expected utility; with ``direction``, ``margins``, ``w``, ``alpha``, ``m``,
            ``statistic``, ``cut`` and ``u`` as in `Rule`. Or a `Rule`, which has them all.

        Returns
        -------
        Decision

        Raises
        ------
        InputError
            If an argument cannot be used; nothing was computed.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> fit = bmco.BMVB(study).fit(seed=1)
        >>> decision = fit.effect().decide("any", margins=0.05)
        >>> decision.decision, round(decision.probability, 1)
        ('not superior', 0.9)
        """
        doubt = () if self.diagnostics.ok else (self.diagnostics.head + IN_DOUBT,)
        caveats = (*self.caveats, *doubt)
        exact = self.diagnostics.exact
        return decide(self.delta, rule, caveats=caveats, independent=exact, change=self.change)

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

        Raises
        ------
        InputError
            If ``ci_prob`` is not between 0 and 1.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> fit = bmco.BMVB(study).fit(seed=1)
        >>> table = fit.effect().summary().round(2)
        >>> table[["mean", "sd", "lower", "upper"]]  # doctest: +NORMALIZE_WHITESPACE
                        mean    sd  lower  upper
        parameter
        theta[ctl, y1]  0.41  0.04   0.33   0.50
        theta[ctl, y2]  0.44  0.05   0.36   0.53
        theta[trt, y1]  0.52  0.05   0.43   0.61
        theta[trt, y2]  0.52  0.05   0.44   0.61
        delta[y1]       0.11  0.06  -0.02   0.23
        delta[y2]       0.08  0.06  -0.04   0.21
        """
        draws = xr.Dataset({"theta": self.theta, "delta": self.delta})
        return estimates(draws, self.diagnostics, ci_prob)


def contrast(theta: xr.DataArray, group: str, reference: str) -> xr.DataArray:
    """Return δ: the success probabilities of one group minus those of another.

    The one place where results are about two groups; all else has the dim ``group``.
    """
    places = [list(theta["group"].values).index(label) for label in (group, reference)]
    one, other = (theta.isel(group=place, drop=True) for place in places)
    return (one - other).rename("delta")
