"""A fit: a posterior with its verbs, each of which calls the room below."""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bmco_pymc.arguments import EFFECT, FIT, check_names, of_kind, one_of, probability, whole
from bmco_pymc.data.study import Study
from bmco_pymc.decision.rule import Rule, asking
from bmco_pymc.diagnostics.verdict import diagnose
from bmco_pymc.errors import ConvergenceWarning, warn_user
from bmco_pymc.interrupts import ALL_KEPT, INTERRUPTED, deferred, tell
from bmco_pymc.population.estimand import Estimand
from bmco_pymc.population.pilot import pilot_of
from bmco_pymc.population.points import Empirical, Sample
from bmco_pymc.population.scenario import Scenario, of_draws
from bmco_pymc.population.target import Target
from bmco_pymc.population.values import Population
from bmco_pymc.posterior.clusters import check_clusters, cluster_rates
from bmco_pymc.posterior.declaration import Declaration
from bmco_pymc.posterior.posterior import Posterior
from bmco_pymc.posterior.tree import software
from bmco_pymc.priors.priors import Priors

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from narwhals.typing import IntoFrame
    from numpy.typing import ArrayLike

    from bmco_pymc.effects.curve import Curve
    from bmco_pymc.effects.effect import Effect
    from bmco_pymc.effects.overlap import Overlap
    from bmco_pymc.effects.sensitivity import Sensitivity
    from bmco_pymc.effects.subgroups import Subgroups
    from bmco_pymc.effects.tipping import TippingPoint
    from bmco_pymc.posterior.check import Check


@dataclass(frozen=True, eq=False, repr=False)
class Fit(Posterior):
    """Posterior draws of a model, with a verdict on them; made by ``model.fit()``.

    Attributes
    ----------
    model : Model
        What was fitted.
    idata : xarray.DataTree
        Draws on the raw scale in group ``posterior``, sampler statistics, the analysed cells and
        the design; labels on every dim. Ready for ArviZ.
    diagnostics : Diagnostics
        Whether the sampler has done its job, and what to do if not.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    >>> fit = bmco.BMVB(study).fit(seed=1)
    >>> dict(fit.idata["posterior"]["phi"].sizes)
    {'chain': 4, 'draw': 2500, 'group': 2, 'pattern': 4}
    >>> fit.diagnostics.ok, fit.is_prior, fit.cut_short
    (True, False, '')
    >>> fit.model.study.outcomes
    ('y1', 'y2')
    """

    model: Any  # of a class in `models`, which stands above

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Keep the fit in one file, for `bmco_pymc.load`.

        The file holds the draws and statistics (``idata``), the analysed rows of the study with all
        their columns, the formulas, priors and settings, and the versions of the software: mind who
        may see the data. It is a zarr store in a zip, which ``xarray`` and ArviZ can read too, and
        holds no code. It appears under its name only when it is complete and has been read back. A
        file that is replaced keeps its mode; a symbolic link is followed.

        Parameters
        ----------
        path : str or path-like
            The file; ``.zarr.zip`` is a good ending.
        overwrite : bool
            Whether to replace a file that is there.

        Raises
        ------
        InputError
            If the file is there already, is no file, or cannot be written, or if a column that the
            model uses, or something added to ``idata``, cannot be stored exactly.

        Warns
        -----
        InputWarning
            If a column that the model does not use cannot be stored; it is left out.

        Examples
        --------
        >>> import tempfile
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> fit = bmco.BMVB(study).fit(seed=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     fit.save(f"{folder}/trial.zarr.zip")
        ...     again = bmco.load(f"{folder}/trial.zarr.zip")
        >>> again.idata["posterior"].equals(fit.idata["posterior"])
        True
        """
        from bmco_pymc.store.tree import save

        save(self, path, overwrite=overwrite)

    def update(
        self,
        data: IntoFrame | str | os.PathLike[str] | Study | None = None,
        *,
        priors: Priors | Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Fit:
        """Fit the same analysis again, with other data, priors or settings.

        What is not given stays as it was, the seed and the other sampler settings too. Nothing is
        compiled anew for data and priors of the same sizes and families.

        Parameters
        ----------
        data : data frame, str, path-like or Study, optional
            A frame, or Parquet files, with the same columns in the same roles, or a study of its
            own. Terms that learn from data (splines, ``scale()``) learn from these, and so do
            recommended priors.
        priors : Priors or mapping, optional
            All priors, or those to replace: ``{"beta": Normal(0, sd=1)}``.
        **settings
            Settings of ``model.fit``: ``draws``, ``tune``, ``chains``, ``seed``, ``progress`` ...

        Returns
        -------
        Fit
            A new fit; this one stays as it is.

        Raises
        ------
        InputError
            If the data lack a column, or a prior or setting does not fit the analysis.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> trial = bmco.load_trial()
        >>> first = bmco.Study(trial[:200], ["y1", "y2"], "arm", control="ctl", treatment="trt")
        >>> interim = bmco.BMVB(first).fit(seed=1)
        >>> final = interim.update(trial)
        >>> final.model.study.n_input, final.idata.attrs["seed"]
        (240, 1)
        """
        check_names(settings, FIT)
        model = self.model
        changes: dict[str, Any] = {}
        if priors is not None:
            what = "must be Priors, or a mapping of the names of those to replace"
            if not isinstance(priors, Priors):
                for name in of_kind("priors", priors, Mapping, what):
                    of_kind("priors", name, str, what)
                priors = model.priors.replace(**priors)
            changes["priors"] = priors
        if data is not None:
            changes["study"] = _study(model.study, data)
        if changes:  # one new model: it warns once of what is unusual
            model = dataclasses.replace(model, **changes)
        return model.fit(**{**settings_of(self), **settings})

    def effect(
        self,
        population: Population | None = None,
        *,
        clusters: str | None = None,
        standardise: str = "pooled",
        cluster_weights: str = "size",
    ) -> Effect:
        """Average over a population and return θ and δ, without fitting again.

        Parameters
        ----------
        population : Value, Empirical, Analytical or Target, optional
            Which covariate values; the default is the whole sample, ``Empirical()``. A `Target` is
            another population: the rows of a registry, say.
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

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> fit = bmco.BMVB(study).fit(seed=1)
        >>> effect = fit.effect()
        >>> effect.delta.mean(("chain", "draw")).round(2).values.tolist()
        [0.11, 0.08]
        >>> effect.decide("any").decision
        'not superior'
        """
        from bmco_pymc.effects.effect import make_effect

        return make_effect(self, Estimand(population, clusters, standardise, cluster_weights))

    def overlap(self, target: Target) -> Overlap:
        """Look how far a target is from the sample, before an effect is carried over to it.

        Parameters
        ----------
        target : Target

        Returns
        -------
        Overlap
            Standardised mean differences of the model's covariates, how much of the target is
            outside the sample's range, and the effective sample size of what both have in common,
            with a picture: see `bmco_pymc.population.likeness.likeness` for the formulas.

        Raises
        ------
        InputError
            If the target does not fit the model, or the model has no covariate.

        Warns
        -----
        InputWarning
            If rows of the target are left out, as they miss a covariate.

        References
        ----------
        Stuart, Cole, Bradshaw & Leaf (2011), https://doi.org/10.1111/j.1467-985X.2010.00673.x

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> trial = bmco.load_trial()
        >>> study = bmco.Study(trial, ["y1", "y2"], "arm", "ctl", "trt")
        >>> prior = bmco.BGLM(study, "arm * severity").prior_effect(draws=400, seed=1).fit
        >>> registry = trial[["severity"]].iloc[:40]
        >>> prior.overlap(bmco.Target(registry)).table["covariate"].unique().tolist()
        ['severity']
        """
        from bmco_pymc.effects.overlap import make_overlap

        return make_overlap(self, target)

    def predict(
        self,
        frame: IntoFrame,
        clusters: str | None = None,
        kind: str = "probabilities",
        seed: int | None = None,
        *,
        progress: bool = True,
    ) -> xr.Dataset:
        """Predict each row of a frame in both groups, draw by draw.

        For what no other verb computes; averages over rows are those of `effect` with a `Target`.

        Parameters
        ----------
        frame : data frame, shape (n, columns)
            With the covariates of the model, as for `Target`; the group is not needed. Rows that
            miss a covariate are left out with a warning.
        clusters : {"new", "observed"}, optional
            New clusters (the default), or those that the study's column of clusters names. Only
            for BGLMM.
        kind : {"probabilities", "outcomes"}
            φ and θ, averaged over new clusters if these are asked for; or outcomes drawn from the
            posterior predictive distribution, those of the two groups apart from each other. Rows
            with one label in the study's column of clusters are then in one new cluster; without
            this column each row is in a cluster of its own.
        seed : int, optional
            Seed of the outcomes; the default is that of the fit.
        progress : bool
            Whether to show a progress bar where there are integrals over new clusters.

        Returns
        -------
        xarray.Dataset
            ``phi`` (chain, draw, row, group, pattern) and ``theta`` (chain, draw, row, group,
            outcome), or ``outcomes`` of 0 and 1 (chain, draw, row, group, outcome). ``row`` has the
            index of a pandas frame, else numbers from 0.

        Raises
        ------
        InputError
            If the frame does not fit the model, or the result does not fit into memory.

        Warns
        -----
        InputWarning
            If rows are left out, or a covariate reaches outside the data.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> prior = bmco.BGLM(study, "arm * x").prior_effect(draws=400, seed=1).fit
        >>> found = prior.predict(bmco.load_trial()[["x"]].iloc[:3])
        >>> dict(found["theta"].sizes)
        {'chain': 1, 'draw': 400, 'row': 3, 'group': 2, 'outcome': 2}
        """
        from bmco_pymc.effects.prediction import predict

        return predict(self, frame, clusters, kind, seed, progress=progress)

    def scenario(
        self,
        draws: int = 200,
        seed: int | None = None,
        population: Population | None = None,
        **how: Any,
    ) -> Scenario:
        """Take what this study has learnt, uncertainty included, as the truth of another trial.

        Parameters
        ----------
        draws : int
            How many truths, at most as many as there are posterior draws.
        seed : int, optional
            Choose the draws at random, each once at most; the default is at equal steps.
        population : Value, Empirical, Analytical or Target, optional
            As in `effect`.
        **how
            Other arguments of `effect`: ``clusters``, ``standardise``, ``cluster_weights``.

        Returns
        -------
        Scenario
            φ of both groups in this population, a truth for each draw; over all of them a trial's
            operating characteristics are averaged. With covariates or new clusters, subjects of
            the trial are drawn from the population, with these covariates, and respond as the
            regression says in that draw, in clusters whose coefficients are N(γ, Σ). Observed
            clusters are no population of clusters: then φ is all that is known.

        Raises
        ------
        InputError
            If an argument cannot be used.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> truth = bmco.BMVB(study).fit(seed=1).scenario(draws=100)
        >>> len(truth), truth.averaged, truth.delta.mean(axis=0).round(1).tolist()
        (100, True, [0.1, 0.1])
        """
        whole("draws", draws, least=1)
        if seed is not None:
            whole("seed", seed, 0, 2**64 - 1)
        check_names(how, EFFECT)
        effect = self.effect(population, **how)
        phi = effect.phi.values.reshape(-1, *effect.phi.shape[2:])  # (S, 2, Q)
        number = min(draws, len(phi))
        if seed is None:
            chosen = np.linspace(0, len(phi) - 1, number).round().astype(int)
        else:
            chosen = np.sort(np.random.default_rng(seed).choice(len(phi), number, replace=False))
        subjects = " and ".join(map(str, self.model.cells.subjects))
        what = f"{type(self.model).__name__} of {', '.join(self.model.study.outcomes)}"
        words = f"{number} draws from the posterior of {what} ({subjects} subjects)."
        if not effect.diagnostics.ok:
            words = f"{effect.diagnostics.head}: {words}"
        words += f" {effect.estimand.rstrip('.')}."
        pilot = None
        if self.model.terms is not None:
            sample = Sample(self.model.study, self.model.cells)
            draws_of = {name: values[chosen] for name, values in self.coefficients().items()}
            estimand = Estimand(population, **how)
            pilot = pilot_of(estimand, self.model.terms, sample, draws_of, phi[chosen])
        return of_draws(phi[chosen], words, pilot)

    @asking("All")
    def sensitivity(
        self,
        population: Population | None = None,
        *,
        scale: str | Sequence[str] = ("prior", "likelihood"),
        powers: Sequence[float] | None = None,
        rule: Rule,
        **choices: Any,
    ) -> Sensitivity:
        r"""Look how δ and a decision's probability move with the strength of prior and likelihood.

        The posterior under the prior to the power a (or the likelihood) is that of the same draws
        with weights :math:`p(\text{parameters})^{a - 1}`, Pareto-smoothed: nothing is fitted
        again. A power of 2 doubles the prior's say, one of ½ halves it.

        Parameters
        ----------
        population : Value, Empirical, Analytical or Target, optional
            As in `effect`; so are ``clusters``, ``standardise`` and ``cluster_weights``.
        scale : str or sequence of str
            What to scale: "prior" (all priors together), "likelihood", or one block of the prior:
            "beta", "gamma" or "Sigma" of a regression, "phi" of BMVB. The clusters' coefficients
            given gamma and Sigma are model, not prior, and stay as they are.
        powers : sequence of float, optional
            The powers; the default is nine from ½ to 2.
        rule : str or Rule
            With its arguments, as in `Effect.decide`; one side at a time.

        Returns
        -------
        Sensitivity
            With a table, a picture (``.plot()``), and a note where Pareto k is too large or a
            prior is too flat for any power to change it.

        Raises
        ------
        InputError
            If an argument cannot be used, or the rule is two-sided.

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
        from bmco_pymc.effects.sensitivity import POWERS, sensitivity

        powers = POWERS if powers is None else powers
        check_names(choices, EFFECT)
        estimand = Estimand(population, **choices)
        return sensitivity(self, estimand, scale=scale, powers=powers, rule=rule)

    @asking("All")
    def tipping_point(
        self,
        shift: ArrayLike | Mapping[Any, ArrayLike] | None = None,
        *,
        rule: Rule,
        outcomes: str | Sequence[str] | None = None,
        population: Population | None = None,
        clusters: str | None = None,
        standardise: str = "pooled",
        cluster_weights: str = "size",
    ) -> TippingPoint:
        r"""Look how far unobserved outcomes must depart from MAR for the decision to change.

        A study with ``missing="mar"`` takes outcomes that were not observed to be missing at
        random, given what was observed of the subject. Here their log odds of success are shifted
        by an amount for each group, and θ, δ and the decision follow from the same draws: nothing
        is fitted again. With :math:`\pi_{ek}` the probability of success on the unobserved outcome
        k of subject e in a draw, given what was observed of it, and :math:`s_g` the shift,

        .. math:: \theta^*_{gk} = \theta_{gk} + \frac{1}{n_g} \sum_e
            \left[\mathrm{expit}(\mathrm{logit}\, \pi_{ek} + s_g) - \pi_{ek}\right].

        The shift 0 is the answer under MAR, to the last digit. Unobserved subjects stand for their
        share of the analysed subjects of their group; those without any outcome are not analysed.
        As θ is about a population and the shares are those of the sample, a single draw of θ* can
        lie a little beyond 0 or 1.

        Parameters
        ----------
        shift : float, array_like or mapping, optional
            Differences of log odds in increasing order, for both groups or by the label of the
            group; the default is 13 from −3 to 3. 0 is added where it is not among them, and is
            all there is for a group of which nothing is unobserved.
        rule : str or Rule
            With its arguments, as in `Effect.decide`; not Utility, which is about patterns.
        outcomes : str or sequence of str, optional
            Those whose unobserved values are shifted; by default all that someone misses. The
            others stay as under MAR.
        population : Empirical, optional
            The whole sample, ``Empirical()``, and no other: who is unobserved is a matter of it.
        clusters, standardise, cluster_weights : str, optional
            As in `effect`.

        Returns
        -------
        TippingPoint
            A table over all pairs of shifts, the line where the decision changes, how far that is
            from MAR, in words, and a picture.

        Raises
        ------
        InputError
            If every analysed subject has every outcome, or an argument cannot be used.

        References
        ----------
        Liublinska & Rubin (2014), https://doi.org/10.1002/sim.6197 (tipping points of a binary
        outcome in two groups); Cro, Morris, Kenward & Carpenter (2020),
        https://doi.org/10.1002/sim.8569 (shifts by δ, controlled by group).

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> trial = bmco.load_trial()
        >>> trial["y2"] = trial["y2"].astype(float).mask(trial.index % 5 == 0)
        >>> study = bmco.Study(trial, ["y1", "y2"], "arm", "ctl", "trt", missing="mar")
        >>> found = bmco.BMVB(study).fit(seed=1).tipping_point(rule="comp")
        >>> found.decision.decision, found.at(treatment=-1).decision
        ('superior', 'not superior')
        >>> found.nearest[["moved", "shift_treatment"]].round(1).values.tolist()
        [['treatment', -0.5], ['control', 0.0], ['both', -0.3]]
        """
        from bmco_pymc.effects.departures import make_tipping

        estimand = Estimand(population, clusters, standardise, cluster_weights)
        return make_tipping(self, estimand, shift=shift, outcomes=outcomes, rule=rule)

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
        """Return the effect along a continuous covariate.

        Parameters
        ----------
        covariate : str
            The covariate, by its name.
        at : array_like of float, optional
            Its values; the default is 25 from the smallest to the largest of the sample.
        given : mapping, optional
            Values of other covariates; those not named keep the sample's values.
        clusters, cluster_weights : str, optional
            As in `effect`.
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        Curve
            What ``fit.effect(Value(...))`` gives at each value, with a table, decisions and a plot.

        Raises
        ------
        InputError
            If the covariate is not in the model or is a category, or a value cannot be used.

        Warns
        -----
        InputWarning
            Once, if values lie outside the data.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> prior = bmco.BGLM(study, "arm * x").prior_effect(draws=400, seed=1).fit
        >>> curve = prior.curve("x", [-1, 0, 1])
        >>> [round(float(effect.theta.mean()), 1) for effect in curve.effects]
        [0.5, 0.5, 0.5]
        """
        from bmco_pymc.effects.curve import make_curve

        asked = Estimand(None, clusters, cluster_weights=cluster_weights)
        return make_curve(self, covariate, at, given, asked, progress=progress)

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
        """Return the effect in each of several subgroups.

        Parameters
        ----------
        by : str
            A column of the study's data, in the model or not. Categories are subgroups; so are
            numbers if there are no more distinct ones than bins.
        bins : int or sequence of float, optional
            For numbers: how many bins, with about as many subjects each (the default is 4), or
            their edges. A bin holds its lower edge, and the last one its upper edge too.
        clusters, standardise, cluster_weights : str, optional
            As in `effect`.
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

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> prior = bmco.BGLM(study, "arm * x").prior_effect(draws=400, seed=1).fit
        >>> groups = prior.effects_by("x", bins=[-3, 0, 3])
        >>> groups.labels, groups.subjects
        (('[-3, 0)', '[0, 3]'), ((53, 69), (67, 51)))
        """
        from bmco_pymc.effects.subgroups import make_subgroups

        asked = Estimand(None, clusters, standardise, cluster_weights)
        return make_subgroups(self, by, bins, asked, progress=progress)

    def plot_clusters(
        self,
        what: str = "delta",
        *,
        ci_prob: float = 0.95,
        most: int = 60,
        progress: bool = True,
    ) -> Figure:
        """Draw a caterpillar: each cluster with its interval, in order.

        Parameters
        ----------
        what : {"delta", "coefficients"}
            δ of each cluster over its own subjects, a panel per outcome; or its coefficients minus
            their mean over the clusters, γ_j − γ, a panel per random term (down) and pattern
            (across).
        ci_prob : float
            Probability in the equal-tailed intervals; the thick part holds half.
        most : int
            How many clusters to show, at most: of more, the highest and the lowest, half of each,
            with a gap that says how many are between.
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        matplotlib.figure.Figure
            The panels of a row have one order, so that a cluster can be read across them: δ by its
            mean over the outcomes, coefficients by the mean of the first pattern, on the left.
            Clusters whose interval holds zero are grey and open.

        Raises
        ------
        InputError
            If the model has no clusters, or an argument cannot be used.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> sites = bmco.load_multisite()
        >>> study = bmco.Study(sites, ["y1", "y2"], "arm", "ctl", "trt", cluster="site")
        >>> prior = bmco.BGLMM(study, fixed="arm", random="1").prior_effect(draws=400, seed=1).fit
        >>> figure = prior.plot_clusters()
        >>> [axes.get_title("left") for axes in figure.axes]
        ['y1', 'y2']
        """
        from bmco_pymc.effects.clusters import coefficients_of_clusters, effects_of_clusters
        from bmco_pymc.plots.caterpillar import plot_clusters

        check_clusters(self)
        probability("ci_prob", ci_prob)
        whole("most", most, least=1)
        one_of("what", what, ("delta", "coefficients"), "is unknown")
        delta = what == "delta"
        shown = (
            effects_of_clusters(self, progress=progress)
            if delta
            else coefficients_of_clusters(self)
        )
        return plot_clusters(shown, ci_prob=ci_prob, most=most)

    def plot_shrinkage(self, *, ci_prob: float = 0.95, most: int = 60) -> Figure:
        """Draw how far the model moves each cluster's raw rate towards the population.

        Parameters
        ----------
        ci_prob : float
            Probability in the estimates' equal-tailed intervals.
        most : int
            How many clusters of each group to show, at most: of more, the highest and the lowest.

        Returns
        -------
        matplotlib.figure.Figure
            An axes per group (down) and outcome (across). A line leads from the raw rate of a
            cluster (open, larger for more subjects) to its estimate (filled); the upright line is
            the mean in new clusters, for each group's own subjects. Each group is sorted by the
            raw rate averaged over the outcomes, the highest on top.

        Raises
        ------
        InputError
            If the model has no clusters, or an argument cannot be used.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> sites = bmco.load_multisite()
        >>> study = bmco.Study(sites, ["y1", "y2"], "arm", "ctl", "trt", cluster="site")
        >>> prior = bmco.BGLMM(study, fixed="arm", random="1").prior_effect(draws=400, seed=1).fit
        >>> figure = prior.plot_shrinkage()
        >>> [axes.get_title("left") for axes in figure.axes]
        ['y1, ctl', 'y2, ctl', 'y1, trt', 'y2, trt']
        """
        from bmco_pymc.plots.shrinkage import plot_shrinkage

        rates = cluster_rates(self, probability("ci_prob", ci_prob))
        whole("most", most, least=1)
        population = self.effect(Empirical(), clusters="new", standardise="own")
        return plot_shrinkage(rates, population, ci_prob=ci_prob, most=most)

    def plot_missing(self) -> Figure:
        """Draw who misses what: which outcomes were observed of whom, and how many miss each.

        Returns
        -------
        matplotlib.figure.Figure
            On the left the share of each group's subjects by the outcomes that they miss, the most
            frequent first; on the right the share of each group that misses each outcome.

        Raises
        ------
        InputError
            If every analysed subject has every outcome.

        See Also
        --------
        bmco_pymc.Study.missing_table : The numbers.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> trial = bmco.load_trial()
        >>> trial["y2"] = trial["y2"].astype(float).mask(trial.index % 5 == 0)
        >>> study = bmco.Study(trial, ["y1", "y2"], "arm", "ctl", "trt", missing="mar")
        >>> figure = bmco.BMVB(study).fit(seed=1).plot_missing()
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['nothing', 'y2']
        """
        from bmco_pymc.plots.missing import plot_missing

        return plot_missing(self.model)

    def plot_trace(self, which: str = "all", **settings: Any) -> Any:
        """Draw the chains of each parameter.

        Parameters
        ----------
        which : str
            A block of parameters: ``"fixed"`` (β; φ of BMVB), ``"random"`` (γ), ``"variance"`` (Σ),
            ``"clusters"`` (γ_j), as the model has them, or ``"all"`` but the clusters.
        **settings
            For `arviz_plots.plot_trace`, such as ``col_wrap=3`` or
            ``figure_kwargs={"figsize": (9, 5)}``.

        Returns
        -------
        matplotlib.figure.Figure
            A panel for each parameter, titled as in `summary`, with a colour for each chain;
            divergences are marked. Of the symmetric Σ each entry has one panel. The figure is not
            known to pyplot: notebooks show it, ``figure.savefig("trace.png")`` keeps it.

            With another backend, such as ``backend="plotly"``, or a ``plot_collection`` of yours,
            ArviZ's own picture: an `arviz_plots.PlotCollection`.

        Raises
        ------
        InputError
            If the model has no such block.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1"], "arm", control="ctl", treatment="trt")
        >>> figure = bmco.BMVB(study).fit(draws=200, seed=1).plot_trace()
        >>> [axes.get_title("left") for axes in figure.axes]
        ['phi[ctl, 1]', 'phi[ctl, 0]', 'phi[trt, 1]', 'phi[trt, 0]']
        """
        from bmco_pymc.plots.chains import plot

        return plot(self, "trace", which, **settings)

    def plot_density(self, which: str = "all", **settings: Any) -> Any:
        """Draw the posterior density of each parameter, with its mean and 95 % interval.

        Parameters
        ----------
        which : str
            A block of parameters, as in `plot_trace`.
        **settings
            For `arviz_plots.plot_dist`.

        Returns
        -------
        matplotlib.figure.Figure
            A panel for each parameter, titled as in `summary`; with another backend as in
            `plot_trace`.

        Raises
        ------
        InputError
            If the model has no such block.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1"], "arm", control="ctl", treatment="trt")
        >>> figure = bmco.BMVB(study).fit(draws=200, seed=1).plot_density()
        >>> [axes.get_title("left") for axes in figure.axes]
        ['phi[ctl, 1]', 'phi[ctl, 0]', 'phi[trt, 1]', 'phi[trt, 0]']
        """
        from bmco_pymc.plots.chains import plot

        return plot(self, "density", which, **settings)

    def plot_autocorr(self, which: str = "all", **settings: Any) -> Any:
        """Draw the autocorrelation of each parameter, chain by chain.

        Parameters
        ----------
        which : str
            A block of parameters, as in `plot_trace`.
        **settings
            For `arviz_plots.plot_autocorr`.

        Returns
        -------
        matplotlib.figure.Figure
            A panel for each parameter, titled as in `summary`; with another backend as in
            `plot_trace`.

        Raises
        ------
        InputError
            If the model has no such block.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1"], "arm", control="ctl", treatment="trt")
        >>> figure = bmco.BMVB(study).fit(draws=200, seed=1).plot_autocorr()
        >>> [axes.get_title("left") for axes in figure.axes]
        ['phi[ctl, 1]', 'phi[ctl, 0]', 'phi[trt, 1]', 'phi[trt, 0]']
        """
        from bmco_pymc.plots.chains import plot

        return plot(self, "autocorr", which, **settings)

    def plot_rank(self, which: str = "all", **settings: Any) -> Any:
        """Draw how the ranks of each chain's draws differ from uniform, with a test's p-value.

        Of chains that mix they do not (Vehtari et al. 2021, https://doi.org/10.1214/20-BA1221).

        Parameters
        ----------
        which : str
            A block of parameters, as in `plot_trace`.
        **settings
            For `arviz_plots.plot_rank`.

        Returns
        -------
        matplotlib.figure.Figure
            A panel for each parameter, titled as in `summary`; with another backend as in
            `plot_trace`.

        Raises
        ------
        InputError
            If the model has no such block.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1"], "arm", control="ctl", treatment="trt")
        >>> figure = bmco.BMVB(study).fit(draws=200, seed=1).plot_rank()
        >>> [axes.get_title("left") for axes in figure.axes]
        ['phi[ctl, 1]', 'phi[ctl, 0]', 'phi[trt, 1]', 'phi[trt, 0]']
        """
        from bmco_pymc.plots.chains import plot

        return plot(self, "rank", which, **settings)

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
        from bmco_pymc.posterior.replicate import predictive

        return predictive(self, by, draws, seed, clusters)

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
        from bmco_pymc.posterior.check import make_check

        return make_check(self, draws, seed, clusters, ci_prob)

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
            Below the title stands what was replicated, how often, and how many subjects and
            clusters each replicate has.

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
        >>> [axes.get_title("left") for axes in figure.axes]
        ['ctl', 'trt']
        """
        from bmco_pymc.plots.check import plot_check

        return plot_check(self, kind, draws, seed, clusters, ci_prob)

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

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> fit = bmco.BMVB(study).fit(seed=1)
        >>> tree = fit.log_likelihood()
        >>> dict(tree["log_likelihood"]["response"].sizes)
        {'chain': 4, 'draw': 2500, 'subject': 240}
        """
        from bmco_pymc.posterior.likelihood import with_log_likelihood

        return with_log_likelihood(self, by, progress=progress)

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
        from bmco_pymc.posterior.loo import leave_one_out

        return leave_one_out(self, by, progress=progress)


def make_fit(model: Declaration, idata: xr.DataTree) -> Fit:
    """Judge the draws, warn once if they are not good enough, and return the fit."""
    fit = judge(model, idata)
    warn_of(fit)
    return fit


def judge(model: Declaration, idata: xr.DataTree) -> Fit:
    """Return the fit of draws, with the verdict on them; an interrupt waits for it."""
    idata.attrs.setdefault("software", software())
    with deferred() as interrupt:
        fit = Fit(model, idata, diagnose(idata, model.blocks))
    if interrupt and INTERRUPTED not in idata.attrs:
        tell(idata, ALL_KEPT)
    return fit


def warn_of(fit: Fit) -> None:
    """Warn if the draws are not good enough, at the user's line: a fit, a refit or a load."""
    if not fit.diagnostics.ok:
        warn_user(fit.diagnostics.verdict, ConvergenceWarning)


def settings_of(fit: Fit) -> dict[str, Any]:
    """Return the settings of ``model.fit`` that a fit was made with, those that were given."""
    known = inspect.signature(fit.model.fit).parameters
    left = str(fit.idata.attrs.get("default_settings", "")).split()
    return {
        str(name): value
        for name, value in fit.idata.attrs.items()
        if name in known and name not in left
    }


def _study(old: Study, data: Any) -> Study:
    """Return a study of new data in the roles of an old one."""
    if isinstance(data, Study):
        return data
    return old.with_data(data)
