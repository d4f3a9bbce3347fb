"""What every analysis is: a study and priors that declare a PyMC model and can be fitted."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from bmco_pymc.arguments import of_kind
from bmco_pymc.columns import coordinates
from bmco_pymc.priors import Priors
from bmco_pymc.render import as_html, as_text
from bmco_pymc.study import Study

if TYPE_CHECKING:
    import pymc as pm

    from bmco_pymc.cells import Cells
    from bmco_pymc.design import Design
    from bmco_pymc.effect import Effect
    from bmco_pymc.fit import Fit
    from bmco_pymc.population import Analytical, Empirical, Value


class Model(abc.ABC):
    """An analysis type: for one study and one set of priors, the declaration of a PyMC model.

    A subclass is a frozen dataclass, so a model is a value: made once, valid from then on.

    Attributes
    ----------
    study : Study
        The data and its roles.
    priors : Priors
        The prior distributions.
    """

    study: Study
    priors: Priors

    @property
    @abc.abstractmethod
    def cells(self) -> Cells:
        """The analysed sample."""

    @property
    @abc.abstractmethod
    def design(self) -> Design | None:
        """The meaning of the formulas; ``None`` for an analysis without covariates."""

    @property
    @abc.abstractmethod
    def parameters(self) -> Mapping[str, tuple[str, ...]]:
        """The parameters in the posterior and their dims after chain and draw."""

    @property
    @abc.abstractmethod
    def blocks(self) -> Mapping[str, tuple[str, ...]]:
        """The parameters by the block in which their convergence is judged."""

    @abc.abstractmethod
    def describe_priors(self) -> dict[str, str]:
        """Return the priors that this analysis uses, in words, by parameter."""

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
        """
        start = self.priors if all_priors is None else all_priors
        start = of_kind("all_priors", start, Priors, "must be bmco_pymc.Priors")
        return cast(Self, replace(cast(Any, self), priors=start.replace(**priors)))

    def prior_effect(
        self,
        population: Value | Empirical | Analytical | None = None,
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
        population : Value, Empirical or Analytical, optional
            As in ``Fit.effect``; so are ``clusters``, ``standardise`` and ``cluster_weights``, and
            their defaults.
        draws : int
            Number of draws.
        seed : int, optional
            Seed of the draws.

        Returns
        -------
        Effect
            Its printout and its decisions say that it is the prior.

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
        from bmco_pymc.prior_effect import prior_effect

        return prior_effect(self, population, draws=draws, seed=seed, **choices)

    @property
    def coords(self) -> dict[str, list[Any]]:
        """Labels of every dim that this analysis has."""
        patterns = list(self.study.patterns)
        coords: dict[str, list[Any]] = {
            "group": list(self.study.group_labels),
            "outcome": list(self.study.outcomes),
            "pattern": patterns,
            "logit": patterns[:-1],
        }
        if self.design is not None:
            coords["term"] = list(self.design.terms)
        if self.design is not None and self.design.random_terms:
            coords["random_term"] = coords["random_term_bis"] = list(self.design.random_terms)
            coords["logit_bis"] = coords["logit"]
            coords["cluster"] = coordinates(self.cells.cluster_labels)
        return coords

    @property
    def left_out(self) -> tuple[str, ...]:
        """A sentence on the subjects of the study that a covariate of this analysis lacks, if any.

        They are in ``print(study)`` and not in what this analysis prints.
        """
        study, kept = self.study, int(self.cells.weight.sum())
        n = int(study.weight.sum())
        if kept == n:
            return ()
        missing = study.data[list(self.cells.frame.columns)].isna()
        counts = study.weight @ missing.to_numpy(dtype=int)
        each = zip(missing.columns, counts.tolist(), strict=True)
        columns = ", ".join(f"{count} in {name}" for name, count in each if count)
        return (f"Left out: {n - kept} of {n} subjects, whose covariates are missing ({columns}).",)

    def _facts(self) -> tuple[str, list[list[str]], list[str]]:
        """Return a title, a table with a header, and sentences."""
        study, design = self.study, self.design
        title = f"{type(self).__name__} of {', '.join(study.outcomes)}"
        n = np.bincount(self.cells.arm, weights=self.cells.weight, minlength=2).astype(int)
        table = [[study.group, "subjects"]]
        table += [[group, str(size)] for group, size in zip(study.group_labels, n, strict=True)]
        sentences = list(self.left_out)
        if design is not None:
            logits = f"log odds of {', '.join(study.patterns[:-1])} against {study.patterns[-1]}"
            sentences.append(f"Terms of the {logits}:")
            if design.terms:
                sentences.append(f"Fixed: {', '.join(design.terms)}.")
            if design.random_terms:
                among = f"{len(self.cells.cluster_labels)} clusters ({study.cluster})"
                terms = ", ".join(design.random_terms)
                sentences.append(f"Random, varying between {among}: {terms}.")
        sentences += [f"Prior of {k}: {v}." for k, v in self.describe_priors().items()]
        return title, table, sentences

    def __str__(self) -> str:
        return as_text(*self._facts())

    def _repr_html_(self) -> str:
        return as_html(*self._facts())


def check_study(study: object) -> None:
    """Refuse anything that is not a Study before it is looked into."""
    of_kind("study", study, Study, "must be a bmco_pymc.Study")
