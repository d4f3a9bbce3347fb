"""What a fit offers to judge it by: plots of its draws, predictive checks, cross-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bmco_pymc.checks import Check
    from bmco_pymc.fit import Fit


class Judged:
    """The part of `Fit` that says whether the fit is good."""

    def plot_trace(self, which: str = "all", **settings: Any) -> Any:
        """Draw the chains of each parameter.

        Parameters
        ----------
        which : str
            A block of parameters: ``"fixed"`` (β; φ of BMVB), ``"random"`` (γ), ``"variance"`` (Σ),
            ``"clusters"`` (γ_j), as the model has them, or ``"all"`` but the clusters.
        **settings
            For `arviz_plots.plot_trace`, such as ``backend="plotly"``.

        Returns
        -------
        arviz_plots.PlotCollection
            A panel for each parameter, titled as in `summary`; divergences are marked. Of the
            symmetric Σ each entry has one panel.

        Raises
        ------
        InputError
            If the model has no such block.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1"], "arm", control="ctl", treatment="trt")
        >>> plot = bmco.BMVB(study).fit(draws=200, seed=1).plot_trace(backend="none")
        >>> list(plot.viz["plot"].data_vars)
        ['phi[ctl, 1]', 'phi[ctl, 0]', 'phi[trt, 1]', 'phi[trt, 0]']
        """
        from bmco_pymc.fit_plots import plot

        return plot(cast("Fit", self), "trace", which, **settings)

    def plot_density(self, which: str = "all", **settings: Any) -> Any:
        """Draw the posterior density of each parameter, with its mean and 95 % interval.

        Parameters and result as in `plot_trace`; settings for `arviz_plots.plot_dist`.
        """
        from bmco_pymc.fit_plots import plot

        return plot(cast("Fit", self), "density", which, **settings)

    def plot_autocorr(self, which: str = "all", **settings: Any) -> Any:
        """Draw the autocorrelation of each parameter, chain by chain.

        Parameters and result as in `plot_trace`; settings for `arviz_plots.plot_autocorr`.
        """
        from bmco_pymc.fit_plots import plot

        return plot(cast("Fit", self), "autocorr", which, **settings)

    def plot_rank(self, which: str = "all", **settings: Any) -> Any:
        """Draw how the ranks of each chain's draws differ from uniform, with a test's p-value.

        Of chains that mix they do not (Vehtari et al. 2021, https://doi.org/10.1214/20-BA1221).
        Parameters and result as in `plot_trace`; settings for `arviz_plots.plot_rank`.
        """
        from bmco_pymc.fit_plots import plot

        return plot(cast("Fit", self), "rank", which, **settings)

    def predictive(
        self,
        by: str = "cell",
        *,
        draws: int = 1000,
        seed: int | None = None,
        clusters: str | None = None,
    ) -> xr.DataTree:
        r"""Draw replicated data from the posterior predictive distribution.

        For each posterior draw the counts of a cell of n subjects are
        Multinomial(n, φ) with φ of the cell.

        Parameters
        ----------
        by : {"cell", "subject"}
            Counts of each pattern per cell, or a 0/1 variable of each outcome per subject.
        draws : int
            Number of replicates, at most that of the posterior draws; taken at equal steps.
        seed : int, optional
            Seed of the replicates; the default is that of the fit.
        clusters : {"observed", "new"}, optional
            Whether a cluster keeps its own coefficients γ_j (the default), or draws new ones from
            N(γ, Σ): how other clusters of these sizes would look. Only with cluster coefficients.

        Returns
        -------
        xarray.DataTree
            Groups ``posterior_predictive`` and ``observed_data`` with equal names and labels, as
            ArviZ wants them. By cell ``counts`` (chain, draw, cell, pattern), with the group and
            the cluster of each cell as coordinates: of a study with clusters the cells are always
            apart by cluster. By subject a variable (chain, draw, subject) for each outcome; of its
            name ``/`` becomes ``∕`` (U+2215), and ``group`` is ``outcome group``.

        Raises
        ------
        InputError
            If an argument cannot be used.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1"], "arm", control="ctl", treatment="trt")
        >>> tree = bmco.BMVB(study).fit(seed=1).predictive(draws=400)
        >>> dict(tree["posterior_predictive"].sizes)
        {'chain': 4, 'draw': 100, 'cell': 2, 'pattern': 2}
        """
        from bmco_pymc.predictive import predictive

        return predictive(cast("Fit", self), by, draws, seed, clusters)

    def check(
        self,
        *,
        draws: int = 2000,
        seed: int | None = None,
        clusters: str | None = None,
        ci_prob: float = 0.95,
    ) -> Check:
        r"""Compare statistics of the data with those of replicated data, in numbers.

        The statistics T are success rates, correlations of outcomes and pattern counts by group;
        with clusters also the rates in each cluster and their SD. The p-value is

        .. math:: p = P(T^{rep} > T) + \tfrac{1}{2} P(T^{rep} = T).

        Parameters
        ----------
        draws, seed, clusters
            As in `predictive`. A model without cluster coefficients is checked against the
            clusters as well: that shows what leaving them out misses.
        ci_prob : float
            Probability in the interval of the replicates.

        Returns
        -------
        Check
            Printed, a table; ``table`` has the unrounded numbers.

        Raises
        ------
        InputError
            If an argument cannot be used.

        References
        ----------
        Gelman, Meng & Stern (1996), Posterior predictive assessment of model fitness via realized
        discrepancies, Statistica Sinica 6, 733-807.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1"], "arm", control="ctl", treatment="trt")
        >>> bmco.BMVB(study).fit(seed=1).check().table.loc["count[trt, 1]", "observed"]
        np.float64(62.0)
        """
        from bmco_pymc.checks import make_check

        return make_check(cast("Fit", self), draws, seed, clusters, ci_prob)

    def plot_check(
        self,
        kind: str = "rates",
        *,
        draws: int = 2000,
        seed: int | None = None,
        clusters: str | None = None,
        ci_prob: float = 0.95,
    ) -> Figure:
        """Draw a posterior predictive check.

        Parameters
        ----------
        kind : {"rates", "correlations", "patterns", "clusters", "calibration"}
            Success rates, correlations of outcomes or pattern counts by group, success rates by
            cluster, or the observed rates against the predicted probabilities: isotonic (PAVA)
            regression of the subjects' outcomes, which follows the diagonal if the predictions are
            right (Dimitriadis, Gneiting & Jordan 2021, https://doi.org/10.1073/pnas.2016191118).
        draws, seed, clusters, ci_prob
            As in `check`.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InputError
            If an argument cannot be used, or the study has no such statistic: a single outcome no
            correlation, a study without clusters no rates by cluster.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1"], "arm", control="ctl", treatment="trt")
        >>> figure = bmco.BMVB(study).fit(seed=1).plot_check("rates")
        >>> [axes.get_title() for axes in figure.axes]
        ['ctl', 'trt']
        """
        from bmco_pymc.check_plots import plot_check

        return plot_check(cast("Fit", self), kind, draws, seed, clusters, ci_prob)

    def log_likelihood(self, by: str = "subject", *, progress: bool = True) -> xr.DataTree:
        """Return the data tree with a group log_likelihood, for ArviZ.

        Parameters
        ----------
        by : {"subject", "cluster"}
        progress : bool
            As in `loo`.

        Returns
        -------
        xarray.DataTree
            That of ``idata``, which stays as it is, and ``log_likelihood`` with ``response``, the
            log probability of each subject's pattern (chain, draw, subject) or of each cluster.

        Raises
        ------
        InputError
            If there is no such unit.
        """
        from bmco_pymc.log_likelihood import with_log_likelihood

        return with_log_likelihood(cast("Fit", self), by, progress=progress)

    def loo(self, by: str = "subject", *, progress: bool = True) -> Any:
        r"""Estimate how well the model predicts a subject, or a cluster, that it has not seen.

        Leave-one-out cross-validation by Pareto-smoothed importance sampling (PSIS). Compare
        models of one study with ``az.compare({"flat": fit.loo(), "clustered": other.loo()})``.

        Parameters
        ----------
        by : {"subject", "cluster"}
            What is left out at a time. A subject of a BGLMM is predicted from the coefficients of
            its cluster, which its fellows inform. A cluster is predicted from clusters like it,

            .. math:: p(y_j \mid \beta, \gamma, \Sigma) =
                \int \prod_{i \in j} p(y_i \mid \beta, \gamma_j)\, N(\gamma_j; \gamma, \Sigma)\,
                d\gamma_j,

            integrated by importance sampling around the mode of each cluster and draw. Without
            cluster coefficients its subjects are predicted one by one, and their log
            probabilities added up.
        progress : bool
            Whether to show how far the integrals over clusters are.

        Returns
        -------
        arviz_stats.ELPDDataLOO
            As from `arviz.loo`, with ``elpd_i`` and ``pareto_k`` over the clusters, or the subjects
            in the order of the study's rows; a row that stands for several counts as so many.

        Raises
        ------
        InputError
            If there is no such unit.

        Warns
        -----
        ConvergenceWarning
            If the fit has not converged, or importance sampling fails for some (Pareto k).

        References
        ----------
        Vehtari, Gelman & Gabry (2017), https://doi.org/10.1007/s11222-016-9696-4 (PSIS-LOO);
        Merkle, Furr & Rabe-Hesketh (2019), https://doi.org/10.1007/s11336-019-09679-0 (why leaving
        out clusters takes the integral).

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1"], "arm", control="ctl", treatment="trt")
        >>> loo = bmco.BMVB(study).fit(seed=1).loo()
        >>> loo.n_data_points, round(float(loo.elpd))
        (240, -166)
        """
        from bmco_pymc.leave_one_out import leave_one_out

        return leave_one_out(cast("Fit", self), by, progress=progress)
