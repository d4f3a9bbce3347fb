"""The work of simulated trials: simulate each, and analyse it at every look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.decision.rule import Rule
from bmco_pymc.population.pilot import AnyTruth
from bmco_pymc.priors.dirichlet import Dirichlet
from bmco_pymc.trial.analysis import Analysis
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.setting import Setting
from bmco_pymc.trial.simulated import bernoulli, mixtures, nuts
from bmco_pymc.trial.simulated.analysed import Analysed
from bmco_pymc.trial.simulated.samples import Sample, Simulator

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Work:
    """All that it takes to simulate and analyse any trial of a plan under one truth.

    Attributes
    ----------
    analysis : Analysis
    rule : Rule
        For given outcomes.
    looks : int
    simulators : tuple of Simulator
        Of one truth, or of several over which to average: trials take them in turn.
    settings : dict
        Of the sampler: draws, tune, chains.
    """

    analysis: Analysis
    rule: Rule
    looks: int
    simulators: tuple[Simulator, ...]
    settings: dict[str, Any]

    @classmethod
    def of(
        cls, plan: Plan, truths: Sequence[AnyTruth], seed: int, settings: dict[str, Any]
    ) -> Work:
        """Return the work of a plan."""
        K = truths[0].phi.shape[-1].bit_length() - 1
        looks = 1 if plan.looks is None else len(plan.looks.n)
        simulators = tuple(Simulator.of(plan, truth, seed) for truth in truths)
        return cls(plan.analysis, plan.rule_of(K), looks, simulators, settings)

    def simulator(self, trial: int) -> Simulator:
        """Return what simulates a trial."""
        return self.simulators[trial % len(self.simulators)]


def analyse(work: Work, trials: range, method: str) -> Analysed:
    """Return the numbers of some trials.

    Parameters
    ----------
    work : Work
    trials : range
        Their numbers.
    method : {"laplace", "nuts"}
        BMVB, whose posterior is known, is analysed exactly by both.
    """
    samples = [work.simulator(i).sample(i) for i in trials]
    looks = []
    for look in range(work.looks):
        there = [sample.at(look) for sample in samples]
        if work.analysis.name == "BMVB":
            looks.append(_by_counts(work, there, trials, look))
        elif method == "nuts":
            looks.append(_by_nuts(work, there, trials, look))
        else:
            looks.append(_by_laplace(work, there))
    decides, delta = (np.stack(part, axis=1) for part in zip(*looks, strict=True))
    failed = np.isnan(decides).any(axis=(-1, -2))  # (T, looks)
    estimate, sd, low, high = np.moveaxis(delta, 2, 0)  # (T, looks, 4, K)
    return Analysed(np.arange(trials.start, trials.stop), decides, estimate, sd, low, high, failed)


def _blank(work: Work, trials: int) -> tuple[Array, Array]:
    """Return room for what decides (T, sides, C), and for what is said of δ (T, 4, K)."""
    rule, K = work.rule, len(work.rule.outcomes)
    of_one = rule.criterion.weighs or rule.criterion.values or rule.statistic == "joint"
    shape = (trials, len(rule.sides), 1 if of_one else K)
    return np.full(shape, np.nan), np.full((trials, 4, K), np.nan)


def _by_laplace(work: Work, samples: Sequence[Sample]) -> tuple[Array, Array]:
    from bmco_pymc.trial.simulated.laplace import approximate, matrices

    decides, delta = _blank(work, len(samples))
    found = {}
    for t, one in enumerate(matrices(work.analysis, work.simulators[0], samples)):
        if one is not None and (posterior := approximate(one)) is not None:
            found[t] = posterior
    if found:
        place = np.array(list(found))
        share, phi, covariance = (np.stack(part) for part in zip(*found.values(), strict=True))
        decides[place] = mixtures.probabilities(work.rule, share, phi, covariance)
        delta[place] = np.stack(mixtures.differences(share, phi, covariance), axis=1)
    return decides, delta


def _by_nuts(
    work: Work, samples: Sequence[Sample], trials: range, look: int
) -> tuple[Array, Array]:
    decides, delta = _blank(work, len(samples))
    for t, (trial, sample) in enumerate(zip(trials, samples, strict=True)):
        seed = int(_own(work, trial, look).generate_state(1)[0])
        found = nuts.analysed(
            work.analysis, work.rule, work.simulators[0], sample, work.settings, seed
        )
        if found is not None:
            decides[t], delta[t] = found
    return decides, delta


def _by_counts(
    work: Work, samples: Sequence[Sample], trials: range, look: int
) -> tuple[Array, Array]:
    Q = 2 ** len(work.rule.outcomes)
    prior = work.analysis.priors.phi or Dirichlet()
    setting = Setting(work.rule, prior.components("phi", patterns.labels(len(work.rule.outcomes))))
    counts = np.stack(
        [
            np.bincount(one.subjects.arm * Q + one.response, minlength=2 * Q).reshape(2, Q)
            for one in samples
        ]
    )
    rngs = [np.random.default_rng(_own(work, trial, look)) for trial in trials]
    decides = bernoulli.probabilities(setting, counts, rngs)
    delta = np.stack(bernoulli.differences(setting.priors, counts), axis=1)
    lacking = (counts.sum(axis=2) == 0).any(axis=1)  # a study without a group is none
    decides[lacking], delta[lacking] = np.nan, np.nan
    return decides, delta


def _own(work: Work, trial: int, look: int) -> np.random.SeedSequence:
    """Return the seed of a trial's analysis, which is not that of its data."""
    return np.random.SeedSequence(work.simulators[0].seed, spawn_key=(trial, 1 + look))
