"""What a fit answers: effects in populations, along a covariate, in subgroups, of each cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from bmco_pymc.population import Analytical, Empirical, Value

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

    from bmco_pymc.curve import Curve
    from bmco_pymc.effect import Effect
    from bmco_pymc.fit import Fit
    from bmco_pymc.sensitivity import Sensitivity
    from bmco_pymc.subgroups import Subgroups


class Asked:
    """The part of `Fit` that says how well the new treatment does."""

    def effect(
        self,
        population: Value | Empirical | Analytical | None = None,
        *,
        clusters: str | None = None,
        standardise: str = "pooled",
        cluster_weights: str = "size",
    ) -> Effect:
        """Average over a population and return θ and δ, without fitting again.

        Parameters
        ----------
        population : Value, Empirical or Analytical, optional
            Which covariate values; the default is the whole sample, ``Empirical()``.
        clusters : {"new", "observed"}, optional
            Clusters like these, with the variation between clusters integrated out (the default),
            or the clusters in the data. Only for BGLMM.
        standardise : {"pooled", "own"}
            For Empirical: both groups over the same subjects, which is the causal contrast, or
            each group over its own.
        cluster_weights : {"size", "equal"}
            How observed clusters are weighed.

        Returns
        -------
        Effect
            Success probabilities, differences and, from them, decisions.

        Raises
        ------
        InputError
            If the population has no subject, or does not fit the model.
        """
        from bmco_pymc.effect import make_effect

        return make_effect(
            cast("Fit", self),
            population,
            clusters=clusters,
            standardise=standardise,
            cluster_weights=cluster_weights,
        )

    def sensitivity(
        self,
        population: Value | Empirical | Analytical | None = None,
        *,
        scale: str | Sequence[str] = ("prior", "likelihood"),
        powers: Sequence[float] | None = None,
        rule: str = "All",
        direction: str = "right",
        margins: float | Sequence[float] | Mapping[str, float] = 0.0,
        w: Sequence[float] | Mapping[str, float] | None = None,
        **choices: Any,
    ) -> Sensitivity:
        r"""Look how δ and a decision's probability move with the strength of prior and likelihood.

        The posterior under the prior to the power a (or the likelihood) is that of the same draws
        with weights :math:`p(\text{parameters})^{a - 1}`, Pareto-smoothed: nothing is fitted
        again. A power of 2 doubles the prior's say, one of ½ halves it.

        Parameters
        ----------
        population : Value, Empirical or Analytical, optional
            As in `effect`; so are ``clusters``, ``standardise`` and ``cluster_weights``.
        scale : str or sequence of str
            What to scale: "prior" (all priors together), "likelihood", or one block of the prior:
            "beta", "gamma" or "Sigma" of a regression, "phi" of BMVB. The clusters' coefficients
            given gamma and Sigma are model, not prior, and stay as they are. For which densities,
            see `bmco_pymc.log_density.log_prior`.
        powers : sequence of float, optional
            The powers; the default is nine from ½ to 2.
        rule, direction, margins, w
            As in `Effect.decide`, one side at a time.

        Returns
        -------
        Sensitivity
            With a table, a picture (``.plot()``), and a note where Pareto k is too large or a
            prior is too flat for any power to change it.

        References
        ----------
        Kallioinen, Paananen, Bürkner & Vehtari (2024), https://doi.org/10.1007/s11222-023-10366-5

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> found = bmco.BMVB(study).fit(seed=1).sensitivity(scale="prior", powers=[0.5, 1, 2])
        >>> found.table.query("outcome == 'y1'")["delta"].round(3).tolist()
        [0.105, 0.106, 0.108]
        """
        from bmco_pymc.sensitivity import POWERS, sensitivity

        powers = POWERS if powers is None else powers
        choices |= {"rule": rule, "direction": direction, "margins": margins, "w": w}
        return sensitivity(cast("Fit", self), population, scale=scale, powers=powers, **choices)

    def curve(
        self,
        covariate: str,
        at: ArrayLike | None = None,
        given: Mapping[str, Any] | None = None,
        *,
        clusters: str | None = None,
        cluster_weights: str = "size",
        progress: bool = True,
    ) -> Curve:
        """Return the effect along a continuous covariate: see `bmco_pymc.curve.make_curve`."""
        from bmco_pymc.curve import make_curve

        options = {"clusters": clusters, "cluster_weights": cluster_weights}
        return make_curve(cast("Fit", self), covariate, at, given, options, progress=progress)

    def effects_by(
        self,
        by: str,
        bins: int | Sequence[float] | None = None,
        *,
        clusters: str | None = None,
        standardise: str = "pooled",
        cluster_weights: str = "size",
        progress: bool = True,
    ) -> Subgroups:
        """Return the effect in subgroups: see `bmco_pymc.subgroups.make_subgroups`."""
        from bmco_pymc.subgroups import make_subgroups

        options = {
            "clusters": clusters,
            "standardise": standardise,
            "cluster_weights": cluster_weights,
        }
        return make_subgroups(cast("Fit", self), by, bins, options, progress=progress)

    def plot_clusters(
        self,
        what: str = "delta",
        *,
        ci_prob: float = 0.95,
        most: int = 60,
        progress: bool = True,
    ) -> Figure:
        """Draw each cluster: see `bmco_pymc.plots.caterpillar.plot_clusters`."""
        from bmco_pymc.plots.caterpillar import plot_clusters

        return plot_clusters(cast("Fit", self), what, ci_prob=ci_prob, most=most, progress=progress)

    def plot_shrinkage(self, *, ci_prob: float = 0.95, most: int = 60) -> Figure:
        """Draw raw rates beside estimates: see `bmco_pymc.plots.shrinkage.plot_shrinkage`."""
        from bmco_pymc.plots.shrinkage import plot_shrinkage

        return plot_shrinkage(cast("Fit", self), ci_prob=ci_prob, most=most)
