"""What every analysis is: a declaration that builds a PyMC model and can be fitted."""

from __future__ import annotations

import abc
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, cast

from bmco_pymc.arguments import of_kind
from bmco_pymc.data.study import Study
from bmco_pymc.fit import Fit
from bmco_pymc.population.values import Population
from bmco_pymc.posterior.declaration import Declaration
from bmco_pymc.priors.priors import Priors

if TYPE_CHECKING:
    import pymc as pm

    from bmco_pymc.effects.effect import Effect


class Model(Declaration):
    """An analysis type: for one study and one set of priors, the declaration of a PyMC model.

    A subclass is a frozen dataclass, so a model is a value: made once, valid from then on.

    Attributes
    ----------
    study : Study
        The data and its roles.
    priors : Priors
        The prior distributions.
    """

    @abc.abstractmethod
    def build(self) -> pm.Model:
        """Return the PyMC model, with data and hyperparameters in ``pm.Data`` containers."""

    @abc.abstractmethod
    def fit(self, *args: Any, **settings: Any) -> Fit:
        """Draw from the posterior."""

    def with_priors(self, all_priors: Priors | None = None, /, **priors: Any) -> Self:
        """Return the same analysis with other priors.

        Parameters
        ----------
        all_priors : Priors, optional
            Another set to start from, such as ``Priors.bmco()``; the default is the model's own.
        **priors
            Fields of `Priors` to replace in it: ``beta=Normal(0, sd=1)``, ``Sigma=LKJ(eta=2)``. The
            others stay; what is given in no place is recommended, see `Priors.recommended`.

        Returns
        -------
        BMVB, BGLM or BGLMM
            A new model of the same study; this one stays as it is.

        Raises
        ------
        InputError
            If there is no such prior, or it does not fit the model.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> model = bmco.BGLM(study, "arm * x")
        >>> skeptical = model.with_priors(beta=bmco.Normal(0, sd=1))
        >>> skeptical.priors
        Priors(beta=Normal(mean=0, sd=1), contrasts=recommended)
        """
        start = self.priors if all_priors is None else all_priors
        start = of_kind("all_priors", start, Priors, "must be bmco_pymc.Priors")
        return cast(Self, replace(cast(Any, self), priors=start.replace(**priors)))

    def prior_effect(
        self,
        population: Population | None = None,
        *,
        draws: int = 4000,
        seed: int | None = None,
        **choices: Any,
    ) -> Effect:
        """Return θ, δ and ρ under the prior alone: what is claimed before any outcome is seen.

        The parameters are drawn from their prior, exactly and independently, and averaged over the
        population by the code that averages a fit's draws.

        Parameters
        ----------
        population : Value, Empirical, Analytical or Target, optional
            As in ``Fit.effect``; so are ``clusters``, ``standardise`` and ``cluster_weights``, and
            their defaults.
        draws : int
            Number of draws.
        seed : int, optional
            Seed of the draws. The same seed gives the same draws on one machine with the same
            versions; on others they differ by Monte Carlo error.

        Returns
        -------
        Effect
            Its printout and its decisions say that it is the prior.

        Raises
        ------
        InputError
            If the population does not fit the model, or a setting cannot be used.

        Notes
        -----
        The defaults are neutral: each θ is nearly uniform, see `Priors.recommended`. `Priors.bmco`
        is so for BMVB only. In a regression without covariates its logits of variance 10 are wide,
        and the treatment's are wider, of variance 20. With a covariate far from zero they are
        extreme: in the school study, where ability is 50 ± 10 points, 97 % of the prior of each θ
        lies below 0.05 or above 0.95, and δ has a standard deviation of 0.51 (uniform and
        independent θ: 10 % and 0.41).

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> effect = bmco.BMVB(study).prior_effect(seed=1)
        >>> effect.theta.quantile([0.1, 0.5]).round(1).values.tolist()
        [0.1, 0.5]
        """
        from bmco_pymc.models.prior_draws import prior_effect

        return prior_effect(self, population, draws=draws, seed=seed, **choices)


def check_values(study: object, priors: object) -> None:
    """Refuse what is no Study and no Priors before it is looked into."""
    of_kind("study", study, Study, "must be a bmco_pymc.Study")
    of_kind("priors", priors, Priors, "must be bmco_pymc.Priors")
