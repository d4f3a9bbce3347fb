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
    they are sums over all numbers of successes. Where these are too many, trials are simulated, and
    the result says so.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> design = Design(103, bmco.Analysis(bmco.BMVB, rule=bmco.Rule("all")))
    >>> oc = design.evaluate(bmco.Scenario(control=[0.4, 0.4], treatment=[0.6, 0.6]))
    >>> round(float(oc.power[0]), 4)
    0.8131
    """

    def evaluate(
        self,
        truth: Truths | Dirichlet | Mixture,
        *,
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
        simulations : int, optional
            How many trials to simulate where the probabilities cannot be worked out exactly: by
            default 200,000, or 10,000 where each needs draws of its own; under a design prior twice
            as many.
        seed : int
            Of what is simulated.
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
        """
        from bmco_pymc.trial.evaluation import evaluate

        return evaluate(self, truth, simulations, seed, progress)

    def type_one(
        self, control: tuple[float, float] = (0.0, 1.0), *, progress: bool = True
    ) -> OperatingCharacteristics:
        """Return the largest error rate over the null hypothesis of the rule, and where it is.

        The null of All is that some δ is not above its margin, whatever the others are: the largest
        error is where the others are certain. That of Any is that no δ is above its margin; that of
        Count that fewer than m are; that of Comp and Utility that the weighted sum is not.

        Parameters
        ----------
        control : pair of float
            The success probabilities of the control that are thought possible, of every outcome.
        progress : bool
            Show a progress bar.

        Returns
        -------
        OperatingCharacteristics
            With the error of each outcome's own claim over the control's success probability.
        """
        from bmco_pymc.trial.error_rate import type_one

        return type_one(self, control, progress)

    def calibrate(
        self, level: float, control: tuple[float, float] = (0.0, 1.0), *, progress: bool = True
    ) -> Design:
        """Return the design with the smallest cut-off at which no error rate is above a level.

        Posterior probabilities take finitely many values in a trial; the cut-off is half-way
        between two of them. With looks, the nominal levels of all looks are scaled together.

        Parameters
        ----------
        level : float
            In (0, 0.5).
        control : pair of float
            As in `type_one`.
        progress : bool
            Show a progress bar.

        Returns
        -------
        Design
            With a rule that has the level as ``alpha`` and the cut-off as ``cut``, by which its
            analysis decides; with looks also ``cuts`` of all looks, of which the rule's is the
            last.
        """
        from bmco_pymc.trial.calibration import calibrate

        return calibrate(self, level, control, progress)

    def size_for(
        self,
        truth: Truths,
        power: float = 0.8,
        *,
        most: int = 5000,
        progress: bool = True,
    ) -> OperatingCharacteristics:
        """Return how many subjects it takes.

        Power saw-tooths with n, as counts are whole numbers: the first n that reaches the power may
        be followed by some that do not. The stable one is not. Group sizes keep the ratio that they
        have in this design.

        Parameters
        ----------
        truth : Scenario, sequence of them, or mapping of name to Scenario
            Truths with an effect.
        power : float
            Above the level of the rule.
        most : int
            Subjects in the smaller group at which the search ends.
        progress : bool
            Show a progress bar.

        Returns
        -------
        OperatingCharacteristics
            With ``first``, ``stable``, the power of both, the curve, and what the usual formula
            says.
        """
        from bmco_pymc.trial.size import size_for

        return size_for(self, truth, power, most, progress)

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

        Warns
        -----
        InputWarning
            If there are not as many subjects as planned.
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
        """
        from bmco_pymc.trial.prediction import predict

        return predict(self, study, simulations, seed)
