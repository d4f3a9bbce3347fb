"""The design of a trial: its plan, with what can be asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bmco_pymc.data.study import Study
from bmco_pymc.decision.decision import Decision
from bmco_pymc.population.scenario import Scenario
from bmco_pymc.priors.priors import Dirichlet, Mixture
from bmco_pymc.trial.characteristics import OperatingCharacteristics
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.simulated.engine import Engine

type Truths = Scenario | Mapping[str, Scenario] | Sequence[Scenario]


@dataclass(frozen=True, eq=False, repr=False)
class Design(Plan):
    """The plan of a trial with two groups: analysis, size, looks.

    Parameters
    ----------
    n : int or mapping, optional
        Subjects in each group that will be analysed at the end, or
        ``{"control": 60, "treatment": 120}``; with ``looks`` those of the last look if not given.
    analysis : Analysis
        How the trial will be analysed, rule and level included.
    looks : Looks, optional
        Interim analyses; none by default.
    dropout : float
        Share of the enrolled subjects who will have no outcome, in [0, 1): more are enrolled, so
        that ``n`` are analysed.
    outcomes : int or sequence of str, optional
        How many outcomes, or their names; otherwise as many as the rule, the prior or the truth
        have.
    clusters : int or mapping, optional
        Where subjects come in clusters: how many in all, instead of ``n``. Where whole clusters are
        randomised half of them are in each group (of an odd number the treatment has one more), or
        as many as ``{"control": 8, "treatment": 16}`` says.
    size : float or sequence of int, optional
        Subjects of a cluster who are analysed, on average; or of each cluster.
    size_cv : float
        Coefficient of variation of the sizes, which each trial draws anew.
    randomised : {"clusters", "subjects"}, optional
        Whether all subjects of a cluster are in one group (the default), or half in each.
    group, cluster : str
        What the columns of the group and of the cluster are called in the trial's data; formulas of
        the analysis use these names.

    Raises
    ------
    InputError
        If an argument cannot be used.

    See Also
    --------
    bmco_pymc.Scenario : What is assumed to be true.

    Notes
    -----
    Without covariates and clusters (`BMVB`) the probabilities of a design's decisions are exact:
    they are sums over all numbers of successes. Where these are too many, or where there are
    covariates or clusters, trials are simulated, and the result says so, see `bmco_pymc.Engine`.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> design = bmco.Design(103, bmco.Analysis(bmco.BMVB, rule=bmco.Rule("all")))
    >>> oc = design.evaluate(bmco.Scenario(control=[0.4, 0.4], treatment=[0.6, 0.6]))
    >>> round(float(oc.power[0]), 4)
    0.8131

    >>> looks = bmco.Looks([30, 60])
    >>> design = bmco.Design(analysis=bmco.Analysis(bmco.BMVB), looks=looks)
    >>> design.exact, design.rule.rule, design.sizes, design.looks_at.tolist()
    (True, 'All', (60, 60), [[30, 30], [60, 60]])
    >>> bmco.Design(60, design.analysis, dropout=0.1).enrolled
    (67, 67)

    >>> design = bmco.Design(analysis=bmco.Analysis(bmco.BMVB), clusters=10, size=20)
    >>> design.in_clusters.total, design.sizes
    (10, (100, 100))
    """

    def evaluate(
        self,
        truth: Truths | Dirichlet | Mixture,
        *,
        engine: Engine | str | None = None,
        simulations: int | None = None,
        seed: int = 1,
        progress: bool = True,
    ) -> OperatingCharacteristics:
        """Return the probabilities of the design's decisions.

        Parameters
        ----------
        truth : Scenario, sequence of them, mapping of name to Scenario, Dirichlet or Mixture
            What is true of both groups; or a design prior, the distribution of what may be true,
            over which power is averaged: assurance. Draws from a posterior (``fit.scenario()``) are
            one.
        engine : Engine or {"laplace", "nuts"}, optional
            How trials are simulated and analysed where there are covariates or clusters; a design
            without them is simulated too if an engine is given.
        simulations : int, optional
            How many trials to simulate where the probabilities cannot be worked out exactly: for
            BMVB by default 200,000, or 10,000 where each needs draws of its own, under a design
            prior twice as many; for BGLM 10,000, for BGLMM 2,000, with NUTS 1,000.
        seed : int
            Of what is simulated, as in `bmco_pymc.Engine`.
        progress : bool
            Show a progress bar.

        Returns
        -------
        OperatingCharacteristics
            Power where the rule's claim is true, Type I error where it is not; with looks, when the
            trial stops and why.

        Raises
        ------
        InputError
            If the truth does not fit the design; nothing was computed.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> design = bmco.Design(60, bmco.Analysis(bmco.BMVB))
        >>> truth = bmco.Scenario(control=[0.4, 0.4], treatment=[0.65, 0.6])
        >>> oc = design.evaluate([truth, bmco.Scenario([0.4, 0.4], [0.4, 0.4])])
        >>> oc.power.round(3).values.tolist(), oc.data["effect"].values.tolist()
        ([0.592, 0.003], [True, False])

        With a design prior, power is averaged over what may be true:

        >>> design.evaluate(bmco.Dirichlet(2), progress=False).power.round(1).item()
        0.1
        """
        from bmco_pymc.trial.evaluation import evaluate

        return evaluate(self, truth, engine, simulations, seed, progress)

    def type_one(
        self,
        control: tuple[float, float] = (0.0, 1.0),
        *,
        truths: Truths | None = None,
        engine: Engine | str | None = None,
        progress: bool = True,
    ) -> OperatingCharacteristics:
        """Return the largest error rate over the null hypothesis of the rule, and where it is.

        The null of All is that some δ is not above its margin, whatever the others are: the largest
        error is where the others are certain. That of Any is that no δ is above its margin; that of
        Count that fewer than m are; that of Comp and Utility that the weighted sum is not.

        Parameters
        ----------
        control : pair of float
            The success probabilities of the control that are thought possible, of every outcome.
        truths : Scenario, sequence of them, or mapping of name to Scenario, optional
            Truths in the null of the rule, over which the error of a simulated design is looked
            for; a design that need not be simulated is, then.
        engine : Engine or {"laplace", "nuts"}, optional
            As in `evaluate`.
        progress : bool
            Show a progress bar.

        Returns
        -------
        OperatingCharacteristics
            With the error of each outcome's own claim over the control's success probability;
            simulated, with the error that each truth has in the first of two looks, ``scanned``.

        Raises
        ------
        InputError
            If a truth is not in the null of the rule; nothing was computed.

        Notes
        -----
        A simulated design has no largest error that is proven. Without ``truths`` it is looked for
        on a grid: three success rates of the control within ``control``, ICCs of .02 and .1 where
        there are clusters, and correlations of 0 and .3. All truths are simulated by the fast
        analysis, and the largest again, with other trials and the audit: the largest of noisy
        numbers is too large. Give truths that are nearer to your trial.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> design = bmco.Design(60, bmco.Analysis(bmco.BMVB))
        >>> found = design.type_one(control=(0.3, 0.5))
        >>> round(found.error, 3)
        0.053
        """
        from bmco_pymc.trial.error_rate import type_one

        return type_one(self, control, progress, truths, engine)

    def calibrate(
        self,
        level: float,
        control: tuple[float, float] = (0.0, 1.0),
        *,
        truths: Truths | None = None,
        engine: Engine | str | None = None,
        progress: bool = True,
    ) -> Design:
        r"""Return the design with the smallest cut-off at which no error rate is above a level.

        Posterior probabilities take finitely many values in a trial; the cut-off is half-way
        between two of them. With looks, the nominal levels of all looks are scaled together.

        Parameters
        ----------
        level : float
            In (0, 0.5).
        control : pair of float
            As in `type_one`.
        truths : Scenario, sequence of them, or mapping of name to Scenario, optional
            As in `type_one`: the truths of a simulated design under which the error is held.
        engine : Engine or {"laplace", "nuts"}, optional
            As in `evaluate`.
        progress : bool
            Show a progress bar.

        Returns
        -------
        Design
            With a rule that has the level as ``alpha`` and the cut-off as ``cut``, by which its
            analysis decides; with looks also ``cuts`` of all looks, of which the rule's is the
            last.

        Raises
        ------
        InputError
            If the level is none, or a truth is not in the null of the rule; nothing was computed.

        Notes
        -----
        The error of a simulated design at its cut-off is known to the Monte Carlo error of the
        trials: with N of them the level is held but for :math:`\sqrt{\alpha (1 - \alpha) / N}`,
        .002 for 10,000 trials at level .05, and more by the audit. For what it is, ask the new
        design's `type_one` with another seed.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> design = bmco.Design(60, bmco.Analysis(bmco.BMVB))
        >>> calibrated = design.calibrate(0.05)
        >>> round(calibrated.rule.cut, 3), round(calibrated.type_one().error, 3)
        (0.952, 0.05)
        """
        from bmco_pymc.trial.calibration import calibrate

        return calibrate(self, level, control, progress, truths, engine)

    def size_for(
        self,
        truth: Truths,
        power: float = 0.8,
        *,
        over: str | None = None,
        most: int | None = None,
        engine: Engine | str | None = None,
        progress: bool = True,
    ) -> OperatingCharacteristics:
        """Return how many subjects it takes, or how many clusters.

        Power saw-tooths with n, as counts are whole numbers: the first n that reaches the power may
        be followed by some that do not. The stable one is not. Group sizes keep the ratio that they
        have in this design.

        Parameters
        ----------
        truth : Scenario, sequence of them, or mapping of name to Scenario
            Truths with an effect.
        power : float
            Above the level of the rule.
        over : {"clusters", "size", "n"}, optional
            What is searched for: where there are clusters their number (the default) or the
            subjects of each; without, the subjects of the smaller group.
        most : int, optional
            Where the search ends; by default 5000 subjects of the smaller group, 500 clusters, or
            2000 subjects of a cluster.
        engine : Engine or {"laplace", "nuts"}, optional
            As in `evaluate`; its trials check the answer of a simulated design.
        progress : bool
            Show a progress bar.

        Returns
        -------
        OperatingCharacteristics
            With ``first``, ``stable``, the power of both, the curve, and what the usual formula
            says. For a simulated design, first and stable are the one answer, with its 95 %
            interval ``low`` to ``high``, the ``check`` of its power, and the ``fitted`` curve.

        Raises
        ------
        InputError
            If a truth has no effect, or the largest size has not the power.

        Notes
        -----
        The size of a simulated design is found by a probit regression of success on the square root
        of the size (for subjects of a cluster, of m / (1 + (m - 1) ICC)) of batches of trials by
        the fast analysis where power is near the target, until its standard error is below 3 % or
        one. There, the trials of the engine check the power with the audit, and the search goes on
        where it is too small.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> design = bmco.Design(60, bmco.Analysis(bmco.BMVB))
        >>> truth = bmco.Scenario(control=[0.4, 0.4], treatment=[0.65, 0.6])
        >>> found = design.size_for(truth, power=0.8)
        >>> found.first.item(), found.stable.item()
        (85, 85)
        """
        from bmco_pymc.trial.size import size_for

        return size_for(self, truth, power, over, most, engine, progress)

    def simulate(
        self, truth: Scenario, trial: int = 0, *, seed: int = 1, look: int | None = None
    ) -> Study:
        """Return the data of one simulated trial.

        Parameters
        ----------
        truth : Scenario
            One truth; of several, trials take one each in turn.
        trial : int
            The number of the trial, from 0. The same number and seed give the same data, those that
            `evaluate` analyses under this truth.
        seed : int
            As in `bmco_pymc.Engine`.
        look : int, optional
            The data at a look, from 1; by default those at the end.

        Returns
        -------
        Study
            Its groups are called control and treatment, its clusters have numbers from 1.

        Raises
        ------
        InputError
            If the truth does not fit the design, or a group has no subject.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> design = bmco.Design(clusters=6, size=20, analysis=bmco.Analysis(bmco.BMVB))
        >>> design.simulate(bmco.Scenario([0.4, 0.4], [0.6, 0.6], icc=0.05))
        Study of 120 subjects in 6 clusters, 2 outcomes
        group                  subjects    y1    y2
        control (control)            60  0.37  0.35
        treatment (treatment)        60  0.48  0.53
        clusters 'cluster': 20 subjects each, 0 of 6 with both groups
        """
        from bmco_pymc.trial.simulated.evaluating import one_trial

        return one_trial(self, truth, trial, seed, look)

    def run(self, study: Study, look: int | None = None, **settings: Any) -> Decision:
        """Analyse the data of the trial as planned, at the end or at a look.

        Parameters
        ----------
        study : Study
            The data.
        look : int, optional
            Which look, from 1; by default the one that has as many subjects, or nearly.
        **settings
            As in `Analysis.run`.

        Returns
        -------
        Decision
            By the analysis of the plan, with the cut-off of that look.

        Raises
        ------
        InputError
            If the study does not fit the plan, or there is no such look.

        Warns
        -----
        InputWarning
            If there are not as many subjects as planned.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> design = bmco.Design(120, bmco.Analysis(bmco.BMVB, rule="any"))
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> design.run(study).decision
        'not superior'
        """
        from bmco_pymc.trial.conduct import run

        return run(self, study, look, settings)

    def predict(
        self, study: Study, *, simulations: int = 100_000, seed: int = 1
    ) -> OperatingCharacteristics:
        """Return the probability that a trial under way ends in success, given its data so far.

        Parameters
        ----------
        study : Study
            The subjects so far, fewer than at the next look.
        simulations : int
            Trials to simulate where several looks are still to come.
        seed : int
            Of these.

        Returns
        -------
        OperatingCharacteristics
            The predictive probability of success, by look: what is to come is
            Dirichlet-multinomial given the data and the prior of the analysis.

        Raises
        ------
        InputError
            If nothing is left to predict, or subjects of the study are observed in part.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> design = bmco.Design(120, bmco.Analysis(bmco.BMVB, rule="any"))
        >>> study = bmco.Study(bmco.load_trial()[:120], ["y1", "y2"], "arm", "ctl", "trt")
        >>> design.predict(study).probability.round(2).item()
        0.53
        """
        from bmco_pymc.trial.prediction import predict

        return predict(self, study, simulations, seed)
