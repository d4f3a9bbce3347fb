"""What bmco's calls return: values with bmco's verbs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bmco_pymc.errors import InputError
from bmco_pymc.fit import Fit
from bmco_pymc.plots.chains import plot
from bmco_pymc.rstyle.text import Text, overview, summary
from bmco_pymc.rstyle.values import Values


@dataclass(frozen=True, eq=False, repr=False)
class Result(Values):
    """The answer to a call of ``bmvb``, ``bglm`` or ``bglmm``; unrounded and read-only.

    Outcomes are in the order of ``y_vars``, terms in the order of ``fixed`` and ``random``. What
    an analysis does not have is left out.

    Attributes
    ----------
    call : str
        ``"bmvb"``, ``"bglm"`` or ``"bglmm"``.
    estimates : mapping
        ``mean_a``, ``mean_b``, ``sd_a``, ``sd_b`` (success probability of each outcome, K) and its
        95 % equal-tailed intervals ``interval_a``, ``interval_b`` (K, 2); posterior means and SDs
        of the coefficients ``b``, ``b_sd``, ``g``, ``g_sd`` (terms x logits) and of the covariance
        of the random ones ``tau``, ``tau_sd`` (logit to p x p).
    sample_sizes : mapping
        Subjects ``n_a``, ``n_b``, clusters ``J``.
    delta : mapping
        ``mean_delta``, ``delta_sd``, ``interval`` of δ = θ_b − θ_a (θ_a − θ_b when left-sided);
        ``delta_mcse``, the Monte Carlo standard error of the mean, also under bmco's name
        ``se_delta``; ``pop``, the joint probability of the rule (two-sided: of the right side, and
        ``pop_left``); ``w_delta``, the weighted mean δ of rule Comp, else None.
    info : mapping
        ``priors``, ``rule``, ``test``, ``test_label``, ``groups``, ``w``; of a regression also
        ``terms``, ``marg_method``, ``sub_pop``, and ``x_levels``, the labels of the codes 0 and 1.
    diags : mapping or None
        ``b``, ``g`` and ``tau``, each with ``convergence`` (``mpsrf``, and ``psrf`` with point and
        upper limit), ``n_eff`` (the smaller of bulk and tail ESS) and ``rhat``.
    samples : mapping or None
        If asked for: ``theta_a``, ``theta_b``, ``delta`` (draws x outcomes) and the coefficients
        ``b``, ``g`` (draws x terms x logits), ``tau`` (draws x logits x p x p).
    plots : mapping or None
        If asked for: ArviZ's trace and density plots by block, drawn when they are looked up.
    fit : Fit
        The fit, with the terms in the order of its formulas.
    effect : Effect
        θ and δ in the population asked for, always as treatment (b) minus control (a).
    decision : Decision
        The rule applied to it.
    new_effect, new_decision : Effect and Decision, or None
        The same for new clusters and pooled covariates, with clusters.
    """

    def summary(self) -> Text:
        """Return all estimates, priors and diagnostics as a text that prints as a table."""
        return summary(self)

    def plot(self, type: str = "all", which: str = "all", **settings: Any) -> Any:
        """Draw the parameters, as bmco's ``plot(result, type, which)`` does.

        Parameters
        ----------
        type : {"all", "trace", "density", "autocorr", "rank"}
            ``"all"`` is the density and the trace side by side.
        which : {"all", "fixed", "random", "variance"}
            The block of parameters, of those that the analysis has.
        **settings
            For the function of arviz-plots, as in `Fit.plot_trace`.

        Returns
        -------
        matplotlib.figure.Figure
            With another backend than matplotlib an `arviz_plots.PlotCollection`.

        Raises
        ------
        InputError
            If there is no such plot or block.
        """
        return plot(self.fit, type, which, **settings)

    def __str__(self) -> str:
        return overview(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return overview(self).html


class DiagnosticPlots(Mapping[str, Any]):
    """Trace and density plots by block of parameters: fixed, random, variance.

    Each look-up draws the block anew and returns a figure; its parameters bear the names and the
    order of the fit.

    Parameters
    ----------
    fit : Fit
        The fit to look at.
    """

    def __init__(self, fit: Fit) -> None:
        self._fit = fit
        self._names = [block for block in fit.model.blocks if block != "clusters"]

    def __getitem__(self, block: str) -> Any:
        """Draw the plots of a block."""
        if block not in self._names:
            raise KeyError(str(InputError("plots", block, "there is no such block", self._names)))
        return plot(self._fit, "all", block)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"DiagnosticPlots({', '.join(self._names)})"
