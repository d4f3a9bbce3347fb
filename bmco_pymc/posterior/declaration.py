"""What an analysis declares: data, terms, priors, parameters, and the labels of their dims."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

from bmco_pymc.data.cells import Cells
from bmco_pymc.data.frames import coordinates
from bmco_pymc.data.missing import partly_observed
from bmco_pymc.data.study import Study
from bmco_pymc.printing import Facts, Printed
from bmco_pymc.priors.priors import Priors
from bmco_pymc.terms.terms import Terms


class Declaration(Printed):
    """What is known of an analysis without fitting it; a model of `bmco_pymc.models` is one.

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
    def terms(self) -> Terms | None:
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
        if self.terms is not None:
            coords["term"] = list(self.terms.fixed)
        if self.terms is not None and self.terms.random:
            coords["random_term"] = coords["random_term_bis"] = list(self.terms.random)
            coords["logit_bis"] = coords["logit"]
            coords["cluster"] = coordinates(self.cells.cluster_labels)
        return coords

    @property
    def sample_notes(self) -> tuple[str, ...]:
        """What is to be known of the analysed sample: who was left out, who is partly observed.

        Examples
        --------
        >>> import warnings
        >>> import bmco_pymc as bmco
        >>> trial = bmco.load_trial()
        >>> trial["x"] = trial["x"].mask(trial.index < 10)
        >>> study = bmco.Study(trial, ["y1", "y2"], "arm", "ctl", "trt")
        >>> with warnings.catch_warnings(action="ignore"):  # it is warned of as well
        ...     model = bmco.BGLM(study, "arm * x")
        >>> model.sample_notes
        ('Left out: 10 of 240 subjects, whose covariates are missing (10 in x).',)
        """
        return (*self.left_out, *self.partly_observed)

    @property
    def partly_observed(self) -> tuple[str, ...]:
        """A sentence on the subjects with some outcomes not observed, if there are any.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> trial = bmco.load_trial()
        >>> trial["y2"] = trial["y2"].astype(float).mask(trial.index % 5 == 0)
        >>> study = bmco.Study(trial, ["y1", "y2"], "arm", "ctl", "trt", missing="mar")
        >>> print(bmco.BMVB(study).partly_observed[0].partition(";")[0])
        Partly observed: 48 of 240 subjects (missing: y2 24 of ctl and 24 of trt)
        """
        said = partly_observed(self.cells, self.study.outcomes, self.study.group_labels)
        return () if said is None else (f"{said[0].upper()}{said[1:]}.",)

    @property
    def left_out(self) -> tuple[str, ...]:
        """A sentence on the subjects of the study that a covariate of this analysis lacks, if any.

        They are in ``print(study)`` and not in what this analysis prints.

        Examples
        --------
        >>> import warnings
        >>> import bmco_pymc as bmco
        >>> trial = bmco.load_trial()
        >>> trial["x"] = trial["x"].mask(trial.index < 10)
        >>> study = bmco.Study(trial, ["y1", "y2"], "arm", "ctl", "trt")
        >>> with warnings.catch_warnings(action="ignore"):  # it is warned of as well
        ...     model = bmco.BGLM(study, "arm * x")
        >>> model.left_out
        ('Left out: 10 of 240 subjects, whose covariates are missing (10 in x).',)
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

    def _facts(self) -> Facts:
        study, terms = self.study, self.terms
        title = f"{type(self).__name__} of {', '.join(study.outcomes)}"
        table = [[study.group, "subjects"]]
        table += [
            [group, str(size)]
            for group, size in zip(study.group_labels, self.cells.subjects, strict=True)
        ]
        sentences = list(self.sample_notes)
        if terms is not None:
            logits = f"log odds of {', '.join(study.patterns[:-1])} against {study.patterns[-1]}"
            sentences.append(f"Terms of the {logits}:")
            if terms.fixed:
                sentences.append(f"Fixed: {', '.join(terms.fixed)}.")
            if terms.random:
                among = f"{len(self.cells.cluster_labels)} clusters ({study.cluster})"
                names = ", ".join(terms.random)
                sentences.append(f"Random, varying between {among}: {names}.")
        sentences += [f"Prior of {k}: {v}." for k, v in self.describe_priors().items()]
        return title, table, sentences
