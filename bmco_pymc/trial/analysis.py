"""The analysis of a trial, fixed before its data are there: a model, what is asked, and a rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bmco_pymc.arguments import of_kind
from bmco_pymc.data.study import Study
from bmco_pymc.decision.decision import Decision
from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.models.bglm import BGLM
from bmco_pymc.models.bglmm import BGLMM
from bmco_pymc.models.bmvb import BMVB
from bmco_pymc.population.points import Analytical, Empirical, Target, Value
from bmco_pymc.printing import Declared
from bmco_pymc.priors.priors import Priors

if TYPE_CHECKING:
    from bmco_pymc.effects.effect import Effect
    from bmco_pymc.models.base import Model

MODELS: dict[str, type] = {"BMVB": BMVB, "BGLM": BGLM, "BGLMM": BGLMM}
_FORMULAS = {"BMVB": (), "BGLM": ("fixed",), "BGLMM": ("fixed", "random")}


@dataclass(frozen=True, eq=False, repr=False)
class Analysis(Declared):
    """How a trial will be analysed: the same value plans it and, once it is over, decides it.

    Parameters
    ----------
    model : {BMVB, BGLM, BGLMM}
        The class, or its name in any case of letters.
    rule : str or Rule
        When the treatment counts as better, its level and cut-off with it.
    fixed, random : str, optional
        Formulas, for the models that have them.
    priors : Priors, optional
        The model's default if not given.
    population : Value, Empirical, Analytical or Target, optional
        Whom the decision is about, as in ``Fit.effect``; for BGLM and BGLMM. Simulated trials
        cannot be about a `Target`, which no file of a plan describes; `run` can.
    clusters, standardise, cluster_weights : str, optional
        As in ``Fit.effect``.

    Raises
    ------
    InputError
        If an argument cannot be used, or is none that the model has.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> analysis = bmco.Analysis(bmco.BMVB, bmco.Rule("comp", w=[0.6, 0.4]))
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    >>> analysis.run(study, seed=1).decision
    'superior'
    >>> analysis.name
    'BMVB'
    """

    model: Any
    rule: Rule = field(default_factory=Rule)
    fixed: str | None = None
    random: str | None = None
    priors: Priors = field(default_factory=Priors)
    population: Value | Empirical | Analytical | Target | None = None
    clusters: str | None = None
    standardise: str | None = None
    cluster_weights: str | None = None

    def __post_init__(self) -> None:
        known = {name.lower(): kind for name, kind in MODELS.items()}
        model = known.get(self.model.lower()) if isinstance(self.model, str) else self.model
        if not any(model is kind for kind in MODELS.values()):
            raise InputError("model", self.model, "is no analysis", list(MODELS))
        object.__setattr__(self, "model", model)
        name = self.name
        rule = Rule(self.rule) if isinstance(self.rule, str) else self.rule
        object.__setattr__(self, "rule", of_kind("rule", rule, Rule, "must be a Rule"))
        _ = rule.criterion  # there is one
        of_kind("priors", self.priors, Priors, "must be Priors")
        kind = Value | Empirical | Analytical | Target | None
        what = "must be Value, Empirical, Analytical or Target"
        of_kind("population", self.population, kind, what)
        unknown = {"fixed", "random"} - set(_FORMULAS[name])
        if name == "BMVB":
            unknown |= {"population", "clusters", "standardise", "cluster_weights"}
        if name == "BGLM":
            unknown |= {"clusters", "cluster_weights"}
        for argument in sorted(unknown):
            if (value := getattr(self, argument)) is not None:
                raise InputError(argument, value, f"{name} has no such choice")

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.__name__

    def of(self, study: Study) -> Model:
        """Return the model of a study.

        Parameters
        ----------
        study : Study

        Returns
        -------
        BMVB, BGLM or BGLMM
            With the formulas and priors of the analysis.

        Raises
        ------
        InputError
            If the study does not fit the analysis.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> analysis = bmco.Analysis("bglm", rule="any", fixed="arm * x")
        >>> analysis.of(study).terms.fixed
        ('Intercept', 'arm', 'x', 'arm:x')
        """
        given = {k: getattr(self, k) for k in _FORMULAS[self.name] if getattr(self, k) is not None}
        return self.model(study, **given, priors=self.priors)

    def effect(self, study: Study, **settings: Any) -> Effect:
        """Fit the model to a study and average over the population.

        Parameters
        ----------
        study : Study
        **settings
            As for the model's ``fit``: ``draws``, ``chains``, ``seed``, ``progress`` and so on.

        Returns
        -------
        Effect
            θ and δ in the population of the analysis.

        Raises
        ------
        InputError
            If the study or a setting does not fit the analysis.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> effect = bmco.Analysis(bmco.BMVB).effect(study, seed=1)
        >>> effect.delta.mean(("chain", "draw")).round(2).values.tolist()
        [0.11, 0.08]
        """
        of_kind("study", study, Study, "must be a bmco_pymc.Study")
        self.rule.for_outcomes(study.outcomes)
        how = ("clusters", "standardise", "cluster_weights")
        chosen = {k: getattr(self, k) for k in how if getattr(self, k) is not None}
        return self.of(study).fit(**settings).effect(self.population, **chosen)

    def run(self, study: Study, **settings: Any) -> Decision:
        """Analyse a finished trial as planned.

        Where BMVB decides by the probabilities of single outcomes or by a weighted sum, these are
        worked out exactly, as they are in planning: a decision does not depend on a seed. With
        subjects observed in part (``missing="mar"``) they are estimated from draws.

        Parameters
        ----------
        study : Study
            The trial's data.
        **settings
            As for the model's ``fit``: ``draws``, ``chains``, ``seed``, ``progress`` and so on.

        Returns
        -------
        Decision
            As ``effect.decide(analysis.rule)`` gives it, but for exact probabilities.

        Raises
        ------
        InputError
            If the study or a setting does not fit the analysis.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> decision = bmco.Analysis(bmco.BMVB, rule="any").run(study)
        >>> decision.decision, decision.marginal.round(3).values.tolist()
        ('not superior', [0.953, 0.901])
        """
        from bmco_pymc.trial.exactly import exactly

        effect = self.effect(study, **settings)
        decision = effect.decide(self.rule)
        return exactly(decision, effect) if self.model is BMVB else decision
