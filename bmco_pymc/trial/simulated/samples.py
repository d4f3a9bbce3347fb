"""Simulated trials: who is in them, their covariates and outcomes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError, InputWarning
from bmco_pymc.population.pilot import AnyTruth
from bmco_pymc.trial.plan import GROUPS, Plan
from bmco_pymc.trial.recruitment import InClusters, OneByOne, Subjects


@dataclass(frozen=True, eq=False)
class Sample:
    """The subjects of a simulated trial.

    Attributes
    ----------
    subjects : Subjects
        Their groups, clusters and looks.
    covariates : pandas.DataFrame, shape (n, covariates)
    response : ndarray of intp, shape (n,)
        Codes of their response patterns.
    """

    subjects: Subjects
    covariates: pd.DataFrame
    response: NDArray[np.intp]

    def at(self, look: int) -> Sample:
        """Return those who are analysed at a look, from 0."""
        who = self.subjects
        if look >= who.look.max(initial=0):
            return self
        there = who.look <= look
        cluster = None if who.cluster is None else who.cluster[there]
        subjects = Subjects(who.arm[there], cluster, who.look[there])
        return Sample(subjects, self.covariates[there], self.response[there])


@dataclass(frozen=True, eq=False)
class Simulator:
    """Simulates trials of a plan under one truth.

    Attributes
    ----------
    recruitment : OneByOne or InClusters
    truth : Truth or PilotTruth
    seed : int
        Trial i has the i-th seed that this one spawns, whatever else is simulated.
    names : tuple of str
        Of the outcomes.
    group, cluster : str
        Of the columns.
    """

    recruitment: OneByOne | InClusters
    truth: AnyTruth
    seed: int
    names: tuple[str, ...]
    group: str = "group"
    cluster: str = "cluster"

    def __post_init__(self) -> None:
        columns = [*self.names, self.group, self.cluster]
        for name in self.truth.covariate_names:
            if name in columns:
                problem = "is the name of an outcome, of the group or of the clusters as well"
                raise InputError("covariates", name, problem)

    @classmethod
    def of(cls, plan: Plan, truth: AnyTruth, seed: int) -> Simulator:
        """Return the simulator of a plan."""
        names = plan.names(truth.phi.shape[-1].bit_length() - 1)
        return cls(plan.recruitment, truth, seed, names, plan.group, plan.cluster)

    def sample(self, trial: int) -> Sample:
        """Return one trial, always the same for its number."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=(trial,))
        rng = np.random.Generator(np.random.PCG64(sequence))
        subjects = self.recruitment.draw(rng)
        return Sample(subjects, *self.truth.draw(rng, subjects.arm, subjects.cluster))

    def study(self, sample: Sample) -> Study:
        """Return a trial's data as a study.

        Raises
        ------
        InputError
            If there is nothing to analyse: a group has no subject.
        """
        subjects, K = sample.subjects, len(self.names)
        bits = patterns.bits(K)[sample.response]
        columns: dict[str, Any] = {self.group: np.array(GROUPS, dtype=object)[subjects.arm]}
        if subjects.cluster is not None:
            columns[self.cluster] = subjects.cluster + 1
        columns |= {name: bits[:, k] for k, name in enumerate(self.names)}
        frame = pd.DataFrame(columns)
        if sample.covariates.shape[1]:
            frame = frame.join(sample.covariates.reset_index(drop=True))
        cluster = None if subjects.cluster is None else self.cluster
        with warnings.catch_warnings():  # a trial may be odd, which is no news to a simulation
            warnings.simplefilter("ignore", InputWarning)
            return Study(frame, list(self.names), self.group, *GROUPS, cluster=cluster)
